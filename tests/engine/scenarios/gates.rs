//! No reading is good by default: each way of not knowing locks forward, and says why.

use crate::engine::plans::{LIMITS, MANUAL, Sections};
use crate::engine::rig::{Disk, Rig, Scraping};
use crate::engine::script::Act::*;
use crate::engine::script::{Act, does, play, refusal, story};
use warroom::domain::{Absence, Role, Verdict};
use warroom::engine::{Answer, Command, Direction, Health, Phase};

/// One way to be unsure at a baked step: what is done, the gate that closes, its words.
struct Doubt {
    acts: Vec<Act>,
    gate: &'static str,
    words: &'static str,
}

fn doubt(acts: &[Act], gate: &'static str, words: &'static str) -> Doubt {
    Doubt { acts: acts.to_vec(), gate, words }
}

#[test]
fn every_doubt_locks_forward_and_names_itself() {
    let candidate = Role::Candidate;
    let unreachable = || Scraping::Fails(Absence::Unreachable("timeout".into()));
    let doubts = [
        doubt(&[Metrics(candidate, Scraping::Silent), Wait(2_500)], "feed candidate", "last metrics"),
        doubt(&[Metrics(Role::Stable, Scraping::Silent), Wait(2_500)], "feed stable", "last metrics"),
        doubt(&[Metrics(candidate, unreachable()), Wait(2_500)], "feed candidate", "last metrics"),
        doubt(&[Metrics(candidate, unreachable()), Wait(7_000)], "limit", "unreachable: timeout"),
        doubt(&[Metrics(candidate, Scraping::NotANumber), Wait(2_000)], "limit", "not a number"),
        doubt(&[Metrics(candidate, Scraping::Missing), Wait(2_000)], "limit", "is not in the answer"),
        doubt(
            &[Metrics(candidate, Scraping::Fails(Absence::WrongTime("in 1 h".into()))), Wait(7_000)],
            "limit",
            "not of now",
        ),
        doubt(&[Errors(candidate, 0.04), Wait(6_000)], "limit", "> 2.00%"),
        doubt(&[Check(Verdict::Fail), Wait(2_500)], "candidate health", "answer"),
        doubt(&[Check(Verdict::Unknown), Wait(2_500)], "candidate health", "answer"),
        doubt(&[Failing(Role::Stable), Wait(3_500)], "rollback target", "not ready"),
        doubt(&[Failing(Role::Stable), Wait(1_500)], "rollback target", "nobody knows"),
        doubt(&[Dark(0), Wait(1_500)], "balancer", "no answer"),
        doubt(&[OnDisk(Disk::Refuses), Hold("alice"), Wait(100)], "journal", "no space left"),
    ];
    for Doubt { acts, gate, words } in doubts {
        let mut rig = Rig::at_first_step(&MANUAL);
        for act in &acts {
            does(&mut rig, act);
        }
        let gates = rig.engine.gates();
        let closed = gates.iter().any(|g| g.name.as_str() == gate && !g.is_open() && g.detail.as_str().contains(words));
        assert!(closed, "{acts:?}\n{gates:#?}");
        let answer = rig.advance("alice");
        refusal(&answer);
        rig.wait(1_000);
        assert_eq!(rig.sent(Direction::Forward), 1, "{acts:?}");
    }
}

#[test]
fn too_few_requests_lock_without_holding_and_say_how_many_more() {
    let limits: &'static str =
        Box::leak(LIMITS.replace("minimum_requests = 20", "minimum_requests = 3000").into_boxed_str());
    let plan = Sections { limits, ..MANUAL };
    play(
        &plan,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(20_000),
            Is(Phase::Baking),
            Locked("limit", "too few requests"),
            Advance("alice"),
            Refused("too few requests"),
            Unsaid("AUTO-HOLD"),
        ],
    );
}

#[test]
fn a_check_that_is_never_answered_locks() {
    let mut rig = Rig::new(&MANUAL);
    rig.checks[0] = None;
    rig.come("alice");
    rig.wait(5_000);
    assert_eq!(rig.engine.phase(), Phase::Preflight);
    assert!(refusal(&rig.advance("alice")).contains("not asked yet"));
}

/// CONSOLE: `A` is locked when readings are not fresh, that is beyond twice their interval.
#[test]
fn a_check_that_is_no_longer_answered_locks_as_soon_as_it_is_late() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.checks[0] = None;
    // Interval 2 s, timeout 1 s: later than 2 * 2 s + 1 s nothing that is on time can still come.
    rig.wait(8_000);
    let gate = rig.engine.gates().into_iter().find(|gate| gate.name.as_str() == "candidate health").unwrap();
    assert!(!gate.is_open(), "an answer 8 s old to a question asked every 2 s: {gate:?}");
}

#[test]
fn a_check_that_is_no_longer_answered_locks_once_it_is_old() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.checks[0] = None;
    rig.wait(13_500);
    assert!(refusal(&rig.advance("alice")).contains("candidate health"));
}

/// Invariant 1 for the rollback target: an answer of long ago is not "healthy".
#[test]
fn an_old_health_answer_does_not_make_stable_ready() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[Role::Stable].health = None;
    rig.wait(60_000);
    let gate = rig.engine.gates().into_iter().find(|gate| gate.name.as_str() == "rollback target").unwrap();
    assert!(!gate.is_open(), "asked every second, answered a minute ago: {gate:?}");
    assert_ne!(rig.engine.snapshot().target.ready, Some(true));
}

/// Only what rests on requests is idle before the first step; a gauge that is missing is unknown.
#[test]
fn a_missing_gauge_locks_before_the_first_step_too() {
    let limits: &str = r#"
        [[guardrails]]
        reading = "memory"
        hold = "90 %"
        for = "3s"
    "#;
    let mut rig = Rig::new(&Sections { limits, ..MANUAL });
    rig.worlds[Role::Candidate].memory = Err(Absence::Missing("memory_used".into()));
    rig.come("alice");
    rig.wait(5_000);
    let gates = rig.engine.gates();
    assert!(gates.iter().any(|gate| gate.name.as_str() == "limit" && !gate.is_open()), "{gates:#?}");
    refusal(&rig.advance("alice"));
}

/// The same for a candidate whose health was never asked.
#[test]
fn health_that_was_never_asked_locks_before_the_first_step_too() {
    let limits: &str = r#"
        [[guardrails]]
        reading = "unhealthy_for"
        hold = "5s"
        for = "0s"
    "#;
    let mut rig = Rig::new(&Sections { limits, ..MANUAL });
    rig.worlds[Role::Candidate].health = None;
    rig.come("alice");
    rig.wait(5_000);
    let gates = rig.engine.gates();
    assert!(gates.iter().any(|gate| gate.name.as_str() == "limit" && !gate.is_open()), "{gates:#?}");
}

/// Forward is decided on the newest reading there is, not on what the last look made of an older one.
#[test]
fn a_bad_reading_that_just_came_locks_at_once() {
    let mut rig = Rig::at_first_step(&MANUAL);
    // The limits were looked at just now, on good readings.
    rig.wait(1_000);
    rig.scrape(Role::Candidate);
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(200);
    rig.scrape(Role::Candidate);
    rig.worlds[Role::Candidate].errors = 0.0;
    let shown = rig.engine.snapshot().signals.into_iter().find(|s| s.role == Role::Candidate).unwrap();
    assert!(shown.value.clone().unwrap() > 0.02, "the engine knows of it: {:?}", shown.value);
    let answer = rig.advance("alice");
    rig.wait(10);
    assert_eq!(rig.sent(Direction::Forward), 1, "{answer:?}\n{}", story(&rig));
}

#[test]
fn an_override_needs_the_name_and_a_reason_and_is_written_down() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(1_000),
            Override("alice", "chekout", "rushed"),
            Refused("the typed name is not \"checkout\""),
            Override("alice", "checkout", "  "),
            Refused("an override needs a reason"),
            Override("alice", "checkout", "agreed with the owner"),
            Applied("10% → 50%"),
            Said("alice OVERRIDES: agreed with the owner (over: "),
            Said("unknown bake: "),
            Wait(1_000),
            Share(500),
        ],
    );
}

#[test]
fn what_the_engine_must_know_cannot_be_overridden() {
    for acts in [
        vec![Dark(0), Wait(1_500)],
        vec![Foreign(300), Wait(1_500)],
        vec![OnDisk(Disk::Refuses), Advance("alice"), Wait(100), Resume("alice")],
    ] {
        let mut rig = Rig::at_first_step(&MANUAL);
        let sent = rig.sent(Direction::Forward);
        for act in &acts {
            does(&mut rig, act);
        }
        let answer = rig.override_with("alice", "checkout", "really");
        rig.wait(500);
        assert_eq!(rig.sent(Direction::Forward), sent, "{acts:?}: {answer:?}");
        refusal(&answer);
    }
}

#[test]
fn a_generation_that_moved_on_is_late() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let generation = rig.generation();
    rig.checks[0] = Some(Verdict::Warn);
    rig.wait(2_500);
    assert_ne!(rig.generation(), generation, "a check's verdict changed");
    let answer = rig.ask_for("alice", Command::Advance { generation, over: None });
    assert!(matches!(answer, Answer::Late(_)), "{answer:?}");
    rig.ask_for("alice", Command::Hold);
    let answer = rig.ask_for("alice", Command::Resume { generation });
    assert!(matches!(answer, Answer::Late(_)), "{answer:?}");
    assert_eq!(rig.sent(Direction::Forward), 1);
    assert!(matches!(rig.advance("alice"), Answer::Refused(_)), "held");
}

#[test]
fn samples_alone_do_not_move_the_generation() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.wait(3_000);
    let generation = rig.generation();
    rig.worlds[Role::Candidate].errors = 0.001;
    rig.worlds[Role::Candidate].health = Some(Health::Unknown("slow".into()));
    rig.wait(5_000);
    assert_eq!(rig.generation(), generation);
}

#[test]
fn a_feed_that_comes_back_unlocks() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            Check(Verdict::Fail),
            Wait(2_500),
            Locked("candidate health", "answer"),
            Check(Verdict::Pass),
            Wait(2_500),
            Advance("alice"),
            Wait(1_000),
            Share(500),
        ],
    );
}

#[test]
fn a_counter_that_is_not_a_number_is_not_an_idle_candidate() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Metrics(Role::Candidate, Scraping::NotANumber),
            Wait(7_000),
            Locked("limit", "not a number"),
            Advance("alice"),
            Refused("not a number"),
        ],
    );
}

#[test]
fn what_a_missing_counter_counted_is_not_known() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[Role::Candidate].errors = 0.5;
    rig.worlds[Role::Candidate].scraping = Scraping::Missing;
    rig.wait(6_000);
    rig.worlds[Role::Candidate].scraping = Scraping::Fine;
    rig.wait(100);
    // Counted from nothing, the whole past would water down the errors of the last seconds.
    let gates = rig.engine.gates();
    let limit = gates.iter().find(|gate| gate.name.as_str() == "limit").expect("a limit");
    assert_eq!(
        (limit.verdict, limit.detail.as_str().contains("not measured yet")),
        (Verdict::Unknown, true),
        "{limit:?}"
    );
}
