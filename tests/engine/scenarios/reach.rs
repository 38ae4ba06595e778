//! Limits above the last bucket of a histogram: no value that can be told is over them.

use crate::engine::plans::{MANUAL, Sections};
use crate::engine::rig::Rig;
use crate::engine::script::story;
use warroom::domain::Role;
use warroom::engine::{Direction, Phase, Severity};

/// The rig's histogram ends with one second.
fn limited(limits: &str) -> Rig {
    Rig::at_first_step(&Sections { limits: limits.to_owned().leak(), ..MANUAL })
}

fn limit(more: &str) -> String {
    format!("[rollback]\nautomatic = true\n[[guardrails]]\nreading = \"p99\"\nfor = \"3s\"\n{more}")
}

fn told(rig: &Rig) -> Vec<&str> {
    let lines = rig.lines().filter(|line| line.text.as_str().contains("can never act"));
    lines.inspect(|line| assert_eq!(line.severity, Severity::Warn)).map(|line| line.text.as_str()).collect()
}

/// It is said once, before traffic moves: which limit, which bucket, what to change.
#[test]
fn a_limit_beyond_the_last_bucket_is_told_once() {
    let rig = limited(&limit("hold = \"500ms\"\nroll_back = \"2s\""));
    let words =
        "P99 CANDIDATE GREEN: \"over 2.00s rolls back\" can never act: the last bucket of its histogram is 1.00s";
    assert!(matches!(&told(&rig)[..], [line] if line.starts_with(words)), "{:?}\n{}", told(&rig), story(&rig));
    for within in ["hold = \"500ms\"\nroll_back = \"1s\"", "warn = \"2s\""] {
        assert!(told(&limited(&limit(within))).is_empty());
    }
}

/// Above the last bucket nobody knows whether it is over: what the plan says of no reading is done, and nothing else is
/// promised.
#[test]
fn above_the_last_bucket_the_plan_says_what_absence_means() {
    let absent = [("warn", Phase::Baking), ("hold", Phase::Held), ("roll_back", Phase::RolledBack)];
    for (absent, phase) in absent {
        let mut rig = limited(&limit(&format!("roll_back = \"2s\"\nabsent = \"{absent}\"")));
        rig.worlds[Role::Candidate].slow = 1.0;
        rig.wait(6_000);
        let band = rig.engine.snapshot().band.text.to_string();
        assert!(!band.contains("over 2.00s"), "{band}");
        rig.wait(10_000);
        assert_eq!(rig.engine.phase(), phase, "{absent}: {}", story(&rig));
        assert_eq!(rig.sent(Direction::Back), usize::from(absent == "roll_back"));
    }
    // A limit at the very bucket is one that it is over: that is a reading, and none is absent.
    let mut rig = limited(&limit("hold = \"1s\"\nabsent = \"roll_back\""));
    rig.worlds[Role::Candidate].slow = 1.0;
    rig.wait(16_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::Held, 0), "{}", story(&rig));
    // Held by the lower limit, it does not go back over the one that nothing can be over.
    let mut rig = limited(&limit("hold = \"500ms\"\nroll_back = \"2s\"\nabsent = \"hold\""));
    rig.worlds[Role::Candidate].slow = 1.0;
    rig.wait(15_000);
    let band = rig.engine.snapshot().band.text.to_string();
    assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
    assert!(!band.contains("over 2.00s") && band.contains("does not roll back by itself"), "{band}");
}
