//! COMPLETE: what it waits for, who says so, and how a person goes over it.

use super::after::afterwards;
use super::hooks::view;
use crate::engine::balancer::split;
use crate::engine::plans::{LIMITS, Sections};
use crate::engine::rig::{Rig, Scraping};
use crate::engine::script::{refusal, story};
use warroom::domain::{Clean, Role, Verdict};
use warroom::engine::{Answer, CheckAnswer, Event, Fact, Health, Phase, Severity};

const CANDIDATE: Role = Role::Candidate;

/// `alice` sends everything to the candidate.
fn at_the_end(sections: &Sections) -> Rig {
    let mut rig = Rig::ready(sections);
    rig.advance("alice");
    rig.wait(1_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Baking, 1000), "{}", story(&rig));
    rig
}

fn waits(rig: &Rig) -> Vec<String> {
    let gates = rig.engine.snapshot().completion_waits;
    gates.iter().map(|gate| format!("{}: {}", gate.name, gate.detail)).collect()
}

fn band(rig: &Rig) -> String {
    rig.engine.snapshot().band.text.to_string()
}

/// A required check of the candidate's that fails keeps it from being complete, however long it bakes, and says so.
#[test]
fn a_check_that_fails_is_not_complete() {
    let mut rig = at_the_end(&afterwards());
    rig.checks[0] = Some(Verdict::Fail);
    rig.wait(30_000);
    assert_eq!(rig.engine.phase(), Phase::Baking, "{}", story(&rig));
    assert_eq!(waits(&rig), ["candidate health: answer"]);
    let snapshot = rig.engine.snapshot();
    assert_eq!(snapshot.band.severity, Severity::Warn);
    for words in ["COMPLETE waits: candidate health: answer", "A, then O, overrides", "R rolls back"] {
        assert!(band(&rig).contains(words), "{}", band(&rig));
    }
    assert!(!band(&rig).contains("by itself"), "{}", band(&rig));
    assert!(refusal(&rig.advance("alice")).contains("no further step; FAIL candidate health: answer"));
    assert!(view(&rig, "scale-up").locked.is_some());
    rig.checks[0] = Some(Verdict::Pass);
    rig.wait(3_000);
    assert_eq!((rig.engine.phase(), waits(&rig)), (Phase::Complete, vec![]), "{}", story(&rig));
}

/// What fails is said while the last step still bakes; what is not known by then may be once it is baked.
#[test]
fn during_the_last_bake_only_what_fails_is_said_to_be_waited_for() {
    for (verdict, words) in [(Verdict::Fail, "COMPLETE waits: candidate"), (Verdict::Unknown, "completes by itself ")] {
        let mut rig = at_the_end(&afterwards());
        rig.checks[0] = Some(verdict);
        rig.wait(2_200);
        assert!(!waits(&rig).is_empty() && rig.engine.snapshot().bake.is_some(), "{}", story(&rig));
        assert!(band(&rig).contains(words), "{verdict:?}: {}", band(&rig));
    }
}

/// What is about to roll back says that it is on: on a narrow screen that need not stand there twice.
#[test]
fn before_an_automatic_rollback_its_being_on_may_be_left_out() {
    let mut rig = at_the_end(&afterwards());
    rig.wait(10_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    let rank = |rig: &Rig| {
        let band = rig.engine.snapshot().band;
        let part = band.parts.iter().find(|part| part.words.as_str().starts_with("auto-rollback on"));
        part.unwrap_or_else(|| panic!("{band:?}")).rank
    };
    assert_eq!(rank(&rig), 0);
    rig.worlds[CANDIDATE].errors = 1.0;
    rig.wait(2_000);
    assert_eq!((rank(&rig), rig.engine.phase()), (1, Phase::Complete), "{}", band(&rig));
}

/// Nor is it complete on how the candidate was when the limits were last looked at, once nobody knows how it is.
#[test]
fn what_just_became_unknown_is_not_complete() {
    let health = "[[guardrails]]\nreading = \"unhealthy_for\"\nhold = \"5s\"\nfor = \"0s\"\n";
    let limits: &str = format!("{LIMITS}{health}").leak();
    let mut rig = at_the_end(&Sections { limits, ..afterwards() });
    rig.checks[0] = Some(Verdict::Fail);
    rig.wait(30_000);
    rig.scrape(CANDIDATE);
    rig.feed(Event::HealthSeen { role: CANDIDATE, health: Health::Unknown("timeout".into()) });
    let answer = CheckAnswer { verdict: Verdict::Pass, detail: "answer".into(), raw: Clean::default() };
    rig.feed(Event::CheckAnswered { check: 0, answer });
    assert_eq!((rig.engine.phase(), waits(&rig).len()), (Phase::Baking, 1), "{}", story(&rig));
    rig.checks[0] = Some(Verdict::Pass);
    rig.wait(5_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
}

/// A check of a reading is asked where it is of the candidate, and says nothing of stable any more.
#[test]
fn a_check_of_a_reading_is_asked_of_the_candidate_only() {
    for (environment, is_asked) in [("candidate", true), ("stable", false)] {
        let check = "[[checks]]\nname = \"room\"\nkind = \"reading\"\nreading = \"memory\"\nbelow = \"50 %\"\n";
        let limits: &str = format!("{LIMITS}{check}environment = \"{environment}\"\n").leak();
        let mut rig = at_the_end(&Sections { limits, ..afterwards() });
        rig.worlds[if is_asked { CANDIDATE } else { Role::Stable }].memory = Ok(0.6);
        rig.wait(20_000);
        assert_eq!(rig.engine.phase() == Phase::Baking, is_asked, "{}", story(&rig));
        assert_eq!(waits(&rig).len(), usize::from(is_asked), "{:?}", waits(&rig));
    }
}

/// Nothing waits for COMPLETE before the last step is reached, nor on the way back from it.
#[test]
fn before_the_end_and_after_it_nothing_is_waited_for() {
    let steps = "[[steps]]\nsplit = \"50 %\"\nbake = \"5s\"\n[[steps]]\nsplit = \"100 %\"\nbake = \"5s\"\n";
    let mut rig = Rig::ready(&Sections { steps, ..afterwards() });
    rig.advance("alice");
    rig.wait(7_000);
    rig.checks[0] = Some(Verdict::Fail);
    rig.wait(2_000);
    assert_eq!((rig.balancer.share(), waits(&rig)), (500, vec![]), "{}", story(&rig));
    rig.checks[0] = Some(Verdict::Pass);
    rig.wait(2_000);
    rig.advance("alice");
    rig.wait(1_000);
    rig.checks[0] = Some(Verdict::Fail);
    rig.wait(2_000);
    assert_eq!((rig.balancer.share(), waits(&rig).len()), (1000, 1), "{}", story(&rig));
    rig.roll_back("alice", None);
    rig.wait(10);
    assert_eq!((rig.engine.phase(), waits(&rig)), (Phase::RollingBack, vec![]), "{}", story(&rig));
}

/// A limit that is over and has not had its time yet: its bake goes on, and it is not complete.
#[test]
fn a_limit_that_is_over_is_not_complete() {
    let limits: &str = LIMITS.replace("for = \"3s\"", "for = \"20s\"").leak();
    let mut rig = at_the_end(&Sections { limits, ..afterwards() });
    rig.wait(3_000);
    rig.worlds[CANDIDATE].errors = 0.1;
    rig.wait(12_000);
    assert_eq!(rig.engine.phase(), Phase::Baking, "{}", story(&rig));
    assert!(band(&rig).contains("COMPLETE waits"), "{}", band(&rig));
    assert!(waits(&rig)[0].starts_with("limit: 5xx CANDIDATE GREEN 10.0% > 2.00%"), "{:?}", waits(&rig));
    rig.worlds[CANDIDATE].errors = 0.0;
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
}

/// The last step's own gates are judged as any step's are.
#[test]
fn the_last_steps_own_gates_are_asked() {
    let gate = "[[steps.gates]]\nreading = \"memory\"\nbelow = \"50 %\"\n";
    let steps: &str = format!("{}{gate}", afterwards().steps).leak();
    let mut rig = at_the_end(&Sections { steps, ..afterwards() });
    rig.worlds[CANDIDATE].memory = Ok(0.6);
    rig.wait(20_000);
    assert_eq!(rig.engine.phase(), Phase::Baking, "{}", story(&rig));
    assert!(waits(&rig)[0].starts_with("memory CANDIDATE: 60.0%, must be < 50.0%"), "{:?}", waits(&rig));
    rig.worlds[CANDIDATE].memory = Ok(0.4);
    rig.wait(2_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
}

/// With no bake at all it is still to be seen how the candidate carries everything.
#[test]
fn without_a_bake_the_candidate_is_looked_at_once() {
    let steps = "[[steps]]\nsplit = \"100 %\"\nbake = \"0s\"\n";
    let mut rig = Rig::ready(&Sections { steps, ..afterwards() });
    rig.worlds[CANDIDATE].errors = 0.04;
    rig.advance("alice");
    rig.wait(6_000);
    assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
    assert!(!rig.said("COMPLETE") && !rig.ran.contains(&1), "{}", story(&rig));
    let mut rig = Rig::ready(&Sections { steps, ..afterwards() });
    rig.advance("alice");
    rig.wait(2_500);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
}

/// Without a bake the last step asks for one look at the candidate; what the balancer holds by then is asked of it too.
#[test]
fn without_a_bake_it_is_complete_only_while_it_is_there() {
    let steps = "[[steps]]\nsplit = \"100 %\"\nbake = \"0s\"\n";
    let limits: &str = LIMITS.replace("absent = \"hold\"", "absent = \"warn\"").leak();
    for is_dark in [false, true] {
        let mut rig = Rig::ready(&Sections { steps, limits, ..afterwards() });
        rig.worlds[CANDIDATE].scraping = Scraping::Silent;
        rig.advance("alice");
        rig.wait(500);
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Baking, 1000), "{}", story(&rig));
        if is_dark {
            rig.balancer.dark.insert(0);
        } else {
            let back = split(&rig.balancer.layout, 330);
            rig.balancer.land(&back);
        }
        rig.wait(10_000);
        rig.worlds[CANDIDATE].scraping = Scraping::Fine;
        rig.wait(10_000);
        assert_eq!((rig.said("COMPLETE:"), rig.engine.phase()), (false, Phase::Baking), "{is_dark}\n{}", story(&rig));
    }
}

/// Whoever knows better goes over it as over any gate: by name, with a reason, written down.
#[test]
fn what_complete_waits_for_can_be_overridden() {
    for is_held in [false, true] {
        let mut rig = at_the_end(&afterwards());
        rig.checks[0] = Some(Verdict::Fail);
        rig.wait(15_000);
        if is_held {
            rig.ask_for("bob", warroom::engine::Command::Hold);
        }
        assert!(refusal(&rig.override_with("alice", "chekout", "it is known")).contains("typed name"));
        assert!(refusal(&rig.override_with("alice", "checkout", " ")).contains("needs a reason"));
        assert_eq!(rig.noted(|fact| *fact == Fact::Completed), 0);
        let answer = rig.override_with("alice", "checkout", "a probe that is wrong");
        assert_eq!(answer, Answer::Applied(Clean::from("the cutover is complete")));
        assert_eq!((rig.engine.phase(), waits(&rig)), (Phase::Complete, vec![]), "{}", story(&rig));
        assert!(rig.said("OVERRIDES: a probe that is wrong (over: "), "{}", story(&rig));
        rig.wait(2_000);
        rig.crash();
        rig.come("alice");
        rig.wait(3_000);
        rig.resume("alice");
        assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    }
}

/// What is hard stays hard, and what waits for nothing is not gone over.
#[test]
fn what_cannot_be_overridden_keeps_it_from_being_complete() {
    let mut rig = at_the_end(&afterwards());
    rig.wait(2_000);
    let why = refusal(&rig.override_with("alice", "checkout", "no patience"));
    assert!(why.contains("COMPLETE waits for nothing but its bake"), "{why}");
    rig.checks[0] = Some(Verdict::Fail);
    rig.wait(3_000);
    rig.balancer.dark.insert(0);
    rig.wait(3_000);
    let why = refusal(&rig.override_with("alice", "checkout", "it is known"));
    assert!(why.contains("balancer"), "{why}");
    assert_eq!(rig.noted(|fact| *fact == Fact::Completed), 0);
}

/// What is asked of stable no longer counts: it is idle, and may be in a bad way.
#[test]
fn what_is_asked_of_stable_does_not_keep_it_from_being_complete() {
    let check = "[[checks]]\nname = \"stable health\"\nkind = \"http\"\nenvironment = \"stable\"\npath = \"/health\"\n";
    let limits: &str = format!("{LIMITS}{check}").leak();
    let mut rig = at_the_end(&Sections { limits, ..afterwards() });
    rig.checks[1] = Some(Verdict::Fail);
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
}
