//! A candidate that nothing is sent to: its limits have nothing to take back.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{MANUAL, NODES, Sections};
use crate::engine::rig::{Rig, Scraping};
use crate::engine::script::story;
use warroom::domain::{Absence, Role};
use warroom::engine::{Answer, Command, Direction, Health, Phase};

const LIMITS: &str = r#"
    [rollback]
    automatic = true
    [[guardrails]]
    reading = "unhealthy_for"
    roll_back = "5s"
    for = "0s"
"#;

const PLAN: Sections = Sections { limits: LIMITS, ..MANUAL };

fn fails(rig: &mut Rig, ms: u64) {
    rig.worlds[Role::Candidate].health = Some(Health::Failing("503".into()));
    rig.wait(ms);
}

/// Everything goes on where it was: mended, the candidate gets its first step.
fn goes_on(rig: &mut Rig) {
    assert!(!rig.said("AUTOMATIC ROLLBACK"), "{}", story(rig));
    rig.worlds[Role::Candidate].health = Some(Health::Healthy);
    rig.wait(7_000);
    if rig.engine.phase() == Phase::Held {
        rig.resume("alice");
    }
    assert_eq!(rig.engine.phase(), Phase::Ready, "{:#?}", rig.engine.gates());
    rig.advance("alice");
    rig.wait(3_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Baking, 100), "{}", story(rig));
    fails(rig, 7_000);
    assert_eq!(rig.sent(Direction::Back), 1, "with a share its limits act\n{}", story(rig));
}

#[test]
fn after_a_colleagues_way_back_was_adopted_no_limit_ends_the_run() {
    for crashes in [false, true] {
        let mut rig = Rig::at_first_step(&PLAN);
        let back = split(&rig.balancer.layout, 0);
        rig.balancer.land(&back);
        rig.wait(2_000);
        assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)), "{}", story(&rig));
        rig.wait(100);
        if crashes {
            rig.crash();
            rig.come("alice");
        }
        fails(&mut rig, 20_000);
        goes_on(&mut rig);
    }
}

#[test]
fn after_a_first_step_that_was_refused_no_limit_ends_the_run() {
    for crashes in [false, true] {
        let mut rig = Rig::ready(&PLAN);
        rig.next_fates(&[Fate::Refused]);
        rig.advance("alice");
        rig.wait(1_000);
        assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
        if crashes {
            rig.crash();
            rig.come("alice");
        }
        fails(&mut rig, 20_000);
        // What does not act does not stop anybody either.
        assert!(matches!(rig.resume("alice"), Answer::Applied(_)), "{}", story(&rig));
        goes_on(&mut rig);
    }
}

/// As long as it may still land, and while somebody else gives it a share, it is not without traffic.
#[test]
fn what_may_have_a_share_is_taken_back_all_the_same() {
    let mut rig = Rig::ready(&PLAN);
    rig.next_fates(&[Fate::Late(4_500)]);
    rig.worlds[Role::Candidate].health = Some(Health::Failing("503".into()));
    rig.override_with("alice", "checkout", "it comes up with its first requests");
    rig.wait(1_000);
    rig.ask_for("alice", Command::Hold);
    fails(&mut rig, 7_000);
    assert!(rig.said("AUTOMATIC ROLLBACK"), "{}", story(&rig));

    // Nobody has read the balancer since.
    let mut rig = Rig::ready(&PLAN);
    rig.next_fates(&[Fate::Refused]);
    rig.advance("alice");
    rig.wait(1_000);
    rig.balancer.dark.insert(0);
    fails(&mut rig, 12_000);
    assert!(rig.said("AUTOMATIC ROLLBACK"), "{}", story(&rig));
}

/// What the node that answers holds.
#[derive(Clone, Copy)]
enum Shows {
    Nothing,
    Own,
    Anothers,
}

/// One node is silent: what the other shows is newer than the last read of both, and silence alone ends no run.
#[test]
fn a_node_that_answers_tells_of_a_share_and_one_that_does_not_tells_nothing() {
    for (shows, told) in
        [(Shows::Nothing, [false, false]), (Shows::Own, [true, false]), (Shows::Anothers, [false, true])]
    {
        let mut rig = Rig::ready(&Sections { traffic: NODES.traffic, ..PLAN });
        rig.next_fates(&[Fate::Refused]);
        rig.advance("alice");
        rig.wait(1_000);
        fails(&mut rig, 7_000);
        rig.balancer.dark.insert(0);
        let mut there = match shows {
            Shows::Nothing => rig.balancer.setting.clone(),
            Shows::Own => rig.writes[0].setting.clone(),
            Shows::Anothers => split(&rig.balancer.layout, 500),
        };
        there.0.retain(|slot, _| slot.node == 1);
        rig.balancer.land(&there);
        rig.wait(3_000);
        let words = ["AUTOMATIC ROLLBACK", "somebody else set a node that answers; no auto-rollback"];
        assert_eq!(words.map(|words| rig.said(words)), told, "{}", story(&rig));
    }
}

/// Where a rollback is confirmed sooner than readings grow old, the last one may be of before the first step.
#[test]
fn what_told_nothing_since_it_had_traffic_is_not_called_empty() {
    for silence in [Scraping::Silent, Scraping::Fails(Absence::Unreachable("timeout".into()))] {
        let soon = MANUAL.traffic.replace("lateness = \"5s\"", "lateness = \"2s\"").leak();
        let mut rig = Rig::ready(&Sections { traffic: soon, ..MANUAL });
        rig.advance("alice");
        rig.worlds[Role::Candidate].scraping = silence;
        rig.wait(500);
        assert_eq!(rig.balancer.share(), 100);
        rig.roll_back("alice", None);
        rig.wait(3_000);
        assert_eq!(rig.engine.phase(), Phase::NewTrafficBack, "{}", story(&rig));
        let band = rig.engine.snapshot().band;
        assert!(band.text.as_str().contains("waiting for a reading of"), "{band:?}");
        // What refuses connections now serves nobody.
        rig.worlds[Role::Candidate].scraping = Scraping::Fails(Absence::Refused("nobody listens".into()));
        rig.wait(8_000);
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    }
}
