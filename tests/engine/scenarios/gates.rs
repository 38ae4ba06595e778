//! No reading is good by default: each way of not knowing locks forward, and says why.

use crate::engine::balancer::split;
use crate::engine::plans::{HTTP, LIMITS, MANUAL, STEPS, Sections};
use crate::engine::rig::{Disk, Rig, Scraping};
use crate::engine::script::Act::*;
use crate::engine::script::{Act, does, play, refusal, story};
use warroom::domain::{Absence, Role, Verdict};
use warroom::engine::{Answer, Command, Direction, Event, Gate, Health, Phase};

/// One way to be unsure at a baked step: what is done, the gate that closes, its words.
struct Doubt {
    acts: Vec<Act>,
    gate: &'static str,
    words: &'static str,
}

fn doubt(acts: &[Act], gate: &'static str, words: &'static str) -> Doubt {
    Doubt { acts: acts.to_vec(), gate, words }
}

fn gate(rig: &Rig, name: &str) -> Gate {
    rig.engine.gates().into_iter().find(|gate| gate.name.as_str() == name).expect("a gate of this name")
}

#[test]
fn a_gate_says_ok_or_how_old_its_knowledge_is() {
    let mut rig = Rig::at_first_step(&MANUAL);
    for name in ["balancer", "feed stable", "feed candidate"] {
        assert_eq!(gate(&rig, name).detail.as_str(), "ok");
    }
    assert_eq!(gate(&rig, "bake").detail.as_str(), "5s met");
    // A read that takes its time is no failure yet.
    rig.read_takes = 60_000_000;
    rig.wait(4_000);
    let balancer = gate(&rig, "balancer");
    assert!(!balancer.is_open() && balancer.detail.as_str().starts_with("read 3 s ago"), "{balancer:?}");
}

/// A limit on requests is idle only where there is no traffic to judge by; anywhere else no requests are unknown.
#[test]
fn a_limit_is_idle_only_without_a_share() {
    let mut rig = Rig::new(&MANUAL);
    rig.worlds[Role::Candidate].own_rate = 0.0;
    rig.come("alice");
    rig.wait(7_000);
    let limit = gate(&rig, "limit");
    assert!(limit.is_open() && limit.detail.as_str().contains("idle before the first step"), "{limit:?}");

    let limits = LIMITS.replacen("\"error_ratio\"", "\"error_ratio\"\nenvironment = \"stable\"", 1);
    let mut rig = Rig::at_first_step(&Sections { limits: Box::leak(limits.into_boxed_str()), ..MANUAL });
    // Nine tenths of the traffic should come, and none of it does.
    rig.worlds[Role::Stable].own_rate = -180.0;
    rig.wait(7_000);
    let limit = gate(&rig, "limit");
    assert!(!limit.is_open() && limit.detail.as_str().contains("no requests"), "{limit:?}");

    rig.worlds[Role::Stable].own_rate = 0.0;
    rig.wait(7_000);
    rig.resume("alice");
    for _ in 0..2 {
        rig.wait(7_000);
        rig.advance("alice");
    }
    rig.wait(7_000);
    let limit = gate(&rig, "limit");
    assert!(limit.is_open() && limit.detail.as_str().contains("idle without traffic"), "{limit:?}\n{}", story(&rig));
    // Somebody gives stable a share again, which does not arrive.
    let foreign = split(&rig.balancer.layout, 700);
    rig.balancer.land(&foreign);
    rig.worlds[Role::Stable].own_rate = -60.0;
    rig.wait(3_000);
    let limit = gate(&rig, "limit");
    assert!(!limit.is_open() && limit.detail.as_str().contains("no requests"), "{limit:?}\n{}", story(&rig));
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
            Locked("limit", "more, never at this rate in this window"),
            Advance("alice"),
            Refused("too few requests"),
            Unsaid("AUTO-HOLD"),
        ],
    );
    // Twenty a second before the step and forty after it, in a window of a minute.
    let limits = LIMITS.replace("minimum_requests = 20", "minimum_requests = 1000\nwindow = \"60s\"");
    let mut rig = Rig::new(&Sections { limits: Box::leak(limits.into_boxed_str()), ..MANUAL });
    rig.worlds[Role::Candidate].own_rate = 20.0;
    rig.come("alice");
    rig.wait(7_000);
    rig.advance("alice");
    rig.wait(3_500);
    // Counted are ten seconds: 7 * 20 + 3 * 40, 26 a second.
    let limit = gate(&rig, "limit");
    assert!(limit.detail.as_str().contains("too few requests: 740 more, about 28s"), "{limit:?}");
    rig.worlds[Role::Candidate].own_rate = -20.0;
    rig.wait(6_000);
    let limit = gate(&rig, "limit");
    assert!(limit.detail.as_str().ends_with("more"), "this rate comes from before: {limit:?}");
}

/// A step's own gate says what it asks for, and opens below it only.
#[test]
fn a_steps_own_gate_says_what_it_asks_for() {
    let gates = "bake = \"5s\"\n[[steps.gates]]\nreading = \"memory\"\nbelow = \"50 %\"";
    let steps: &'static str = Box::leak(STEPS.replacen("bake = \"5s\"", gates, 1).into_boxed_str());
    let mut rig = Rig::at_first_step(&Sections { steps, ..MANUAL });
    for (memory, words, open) in [
        (Ok(0.5), "50.0%, must be < 50.0%", false),
        (Err(Absence::Missing("memory_used".into())), "memory_used is not in the answer, must be < 50.0%", false),
        (Ok(0.4), "40.0%, must be < 50.0%", true),
    ] {
        rig.worlds[Role::Candidate].memory = memory;
        rig.wait(1_500);
        let gate = gate(&rig, "memory CANDIDATE");
        assert_eq!((gate.detail.as_str(), gate.is_open()), (words, open));
        assert_eq!(matches!(rig.advance("alice"), Answer::Applied(_)), open, "{words}");
    }
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
    let answered = rig.turns.iter().rfind(|turn| matches!(turn.event, Event::CheckAnswered { .. })).unwrap().at;
    rig.wait(5_000 - rig.now().since(answered).as_millis() as u64);
    rig.feed(Event::Woke);
    assert!(gate(&rig, "candidate health").is_open(), "an answer 5 s old may be the last that was on time");
    rig.wait(1);
    rig.feed(Event::Woke);
    assert!(!gate(&rig, "candidate health").is_open(), "an answer older than 5 s to a question asked every 2 s");
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
    assert_ne!(rig.engine.snapshot().rollback_target.ready, Some(true));
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

/// A read that takes its time is only known later: it locks nothing, and the bake goes on. No balancer is waited for
/// longer than one attempt may take, however long its reads do.
#[test]
fn a_read_that_takes_longer_than_the_poll_locks_nothing() {
    let traffic: &str = HTTP.replace("timeout = \"1s\"", "timeout = \"6s\"").leak();
    for (takes, is_known) in [(1_500_000, true), (4_500_000, true), (9_000_000, false)] {
        let mut rig = Rig::new(&Sections { traffic, ..MANUAL });
        rig.read_takes = takes;
        rig.come("alice");
        rig.wait(30_000);
        let (mut is_locked, mut is_unread) = (false, false);
        for _ in 0..300 {
            rig.wait(100);
            is_locked |= !gate(&rig, "balancer").is_open();
            is_unread |= rig.engine.snapshot().split.converged.is_some_and(|view| view.converged.is_none());
        }
        assert_eq!((is_locked, is_unread), (!is_known, false), "{takes}");
        rig.read_takes = 600_000_000;
        rig.wait(20_000);
        let gate = gate(&rig, "balancer");
        assert!(!gate.is_open() && gate.detail.as_str().contains(" s ago, over "), "{takes}: {gate:?}");
    }
}

/// A re-assert looks once more, and such a balancer may be reading when it is asked to.
#[test]
fn a_reassert_waits_for_a_balancer_whose_reads_take_long() {
    let traffic: &str = HTTP.replace("timeout = \"1s\"", "timeout = \"4s\"").leak();
    let mut rig = Rig::new(&Sections { traffic, ..MANUAL });
    rig.read_takes = 3_500_000;
    rig.come("alice");
    rig.wait(20_000);
    rig.advance("alice");
    rig.wait(20_000);
    assert_eq!(rig.engine.phase(), Phase::Baking, "{}", story(&rig));
    let more = split(&rig.balancer.layout, 300);
    rig.balancer.land(&more);
    rig.wait(9_500);
    assert!(matches!(rig.reassert("alice"), Answer::Applied(_)), "{:#?}", rig.engine.gates());
    rig.wait(20_000);
    assert_eq!(rig.balancer.share(), 100, "{}", story(&rig));
    assert!(!rig.said("was not set again"), "{}", story(&rig));
}
