//! What reviewers made go wrong by hand: half-way settings, floods, restarts into another world, dead nodes.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{MANUAL, NODES, Sections};
use crate::engine::rig::{Rig, Scraping};
use crate::engine::script::story;
use warroom::domain::{Absence, Clean, Role, Setting};
use warroom::engine::{Answer, Command, Direction, Health, Phase, RollbackState};

fn state(rig: &Rig) -> RollbackState {
    rig.engine.snapshot().rollback.expect("a rollback was accepted").state
}

/// Writes weights by hand on the slots that the test names.
fn set(rig: &mut Rig, weight: impl Fn(usize, &str) -> Option<u32>) {
    let mut setting = rig.balancer.setting.clone();
    for (slot, value) in &mut setting.0 {
        *value = weight(slot.node, &slot.name).unwrap_or(*value);
    }
    rig.balancer.land(&setting);
}

/// A driver raises stable to the full weight before it empties the candidate. A command that fails between the two
/// leaves what no plan names, and nobody else did it.
#[test]
fn a_rollback_stopped_half_way_is_not_foreign() {
    let mut rig = Rig::new(&NODES);
    set(&mut rig, |_, name| {
        Some(if name == "b1" {
            100
        } else if name == "b2" {
            50
        } else {
            0
        })
    });
    rig.come("alice");
    rig.wait(7_000);
    rig.advance("alice");
    rig.wait(7_000);
    rig.next_fates(&[Fate::Lost, Fate::Lost]);
    rig.roll_back("alice", None);
    rig.wait(200);
    set(&mut rig, |_, name| name.starts_with('b').then_some(256));
    rig.wait(20_000);
    assert!(!rig.said("FOREIGN"), "{}", story(&rig));
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    let weight = |name: &str| rig.balancer.setting.0.iter().find(|(slot, _)| slot.name == name).map(|(_, w)| *w);
    assert_eq!((weight("b1"), weight("b2"), weight("g1")), (Some(100), Some(50), Some(0)));
}

/// A balancer that says yes and takes effect three seconds later is asked again, but not flooded.
#[test]
fn a_late_balancer_is_not_flooded() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.balancer.usual = Fate::LateYes(3_000);
    rig.roll_back("alice", None);
    rig.wait(20_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    let sent = rig.sent(Direction::Back);
    assert!((2..=8).contains(&sent), "{sent} attempts in three seconds\n{}", story(&rig));
}

/// After a restart in FOREIGN the other hand may do what the rollback would have done.
#[test]
fn a_restart_in_foreign_still_sees_the_end() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.wait(1_000);
    assert_eq!(state(&rig), RollbackState::Foreign);
    rig.crash();
    rig.wait(2_000);
    assert_eq!((state(&rig), rig.balancer.share()), (RollbackState::Foreign, 300));
    // Also when nobody can read the balancer any more.
    rig.balancer.dark.insert(0);
    rig.crash();
    rig.wait(20_000);
    assert_eq!((state(&rig), rig.balancer.share()), (RollbackState::Foreign, 300), "{}", story(&rig));
    rig.balancer.dark.clear();
    let back = split(&rig.balancer.layout, 0);
    rig.balancer.land(&back);
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
}

/// A keeper that wakes up next to a world that went on must not take the traffic from whoever has it now.
#[test]
fn a_resumed_rollback_looks_before_it_writes() {
    for waited in [1_000, 8_000] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.roll_back("alice", None);
        rig.wait(waited);
        let entries = rig.entries.clone();
        let another = split(&rig.balancer.layout, 1000);
        rig.balancer.land(&another);
        rig.restart_from(&entries);
        let sent = rig.sent(Direction::Back);
        rig.wait(10_000);
        assert_eq!((rig.sent(Direction::Back), rig.balancer.share()), (sent, 1000), "{}", story(&rig));
        assert_eq!(state(&rig), RollbackState::Foreign);
        // Once confirmed, it waits for that look for as long as it takes.
        if waited == 8_000 {
            rig.balancer.dark.insert(0);
            rig.restart_from(&entries);
            rig.wait(60_000);
            assert_eq!((rig.sent(Direction::Back), rig.balancer.share()), (sent, 1000), "{}", story(&rig));
        }
    }
}

/// Interrupted before it was sent, it goes on by itself, also when nobody can read the balancer.
#[test]
fn a_resumed_rollback_goes_on_by_itself() {
    for dark in [false, true] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.next_fates(&[Fate::Lost]);
        rig.roll_back("alice", None);
        rig.wait(30);
        if dark {
            rig.balancer.dark.insert(0);
        }
        rig.crash();
        rig.wait(4_000);
        assert_eq!(rig.balancer.share(), 0, "dark {dark}\n{}", story(&rig));
    }
}

/// One node is dead. On the other somebody moves traffic by hand: it is shown, and not fought.
#[test]
fn a_hand_on_a_living_node_is_not_fought_because_another_is_dead() {
    let mut rig = Rig::at_first_step(&NODES);
    rig.balancer.dark.insert(0);
    rig.balancer.usual = Fate::Half;
    rig.roll_back("alice", None);
    rig.wait(3_000);
    assert_eq!(rig.engine.phase(), Phase::RollingBack);
    set(&mut rig, |node, name| (node == 1 && name == "g1").then_some(33));
    rig.wait(3_000);
    assert_eq!(state(&rig), RollbackState::Foreign, "{}", story(&rig));
    let sent = rig.sent(Direction::Back);
    rig.wait(10_000);
    assert_eq!(rig.sent(Direction::Back), sent);
    // Once the hand is gone from where it was, the dead node is written to again.
    set(&mut rig, |node, name| (node == 1 && name == "g1").then_some(0));
    rig.wait(3_000);
    assert_ne!(state(&rig), RollbackState::Foreign, "{}", story(&rig));
    assert!(rig.sent(Direction::Back) > sent, "{}", story(&rig));
    set(&mut rig, |node, name| (node == 1 && name == "g1").then_some(33));
    rig.wait(3_000);
    // And such a run can be ended, because its rollback cannot end by itself.
    let answer = rig.ask_for("alice", Command::End);
    let says = |words: &Clean| words.as_str().contains("as far as it can be read: no answer");
    assert!(matches!(&answer, Answer::Applied(words) if says(words)), "{answer:?}");
}

/// What was adopted after 100 % is a cutover under way again: its limits act.
#[test]
fn adopting_after_complete_begins_anew() {
    let mut rig = Rig::at_first_step(&MANUAL);
    for _ in 0..2 {
        rig.advance("alice");
        rig.wait(8_000);
    }
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    let third = split(&rig.balancer.layout, 300);
    rig.balancer.land(&third);
    rig.wait(2_000);
    assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)));
    rig.wait(70_000);
    assert!(!rig.said("the watch after 100 % is over"), "{}", story(&rig));
    rig.worlds[Role::Candidate].errors = 0.04;
    rig.wait(10_000);
    assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
}

/// Unknown is not down: answers that fail and then no answers leave the rollback to one key.
#[test]
fn a_stable_that_stopped_answering_is_unknown_and_not_down() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[Role::Stable].health = Some(Health::Failing("503".into()));
    rig.wait(4_000);
    assert_eq!(rig.engine.snapshot().rollback_target.ready, Some(false));
    rig.worlds[Role::Stable].health = Some(Health::Unknown("timeout".into()));
    rig.wait(2_000);
    assert_eq!(rig.engine.snapshot().rollback_target.ready, None);
    assert!(!rig.said("healthy again") && rig.said("was down and does not answer now"), "{}", story(&rig));
    assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)));
}

/// Bad answers for over four seconds roll back, none at all holds.
const UNHEALTHY: Sections = Sections {
    limits: r#"
        [rollback]
        automatic = true
        [[guardrails]]
        reading = "unhealthy_for"
        roll_back = "4s"
        for = "0s"
        absent = "hold"
    "#,
    ..MANUAL
};

/// One bad answer and then silence does not count up to the limit.
#[test]
fn silence_after_one_failing_answer_does_not_roll_back() {
    // The probe says that it got no answer, or hangs itself and says nothing.
    for silence in [Some(Health::Unknown("timeout".into())), None] {
        let mut rig = Rig::at_first_step(&UNHEALTHY);
        rig.worlds[Role::Candidate].health = Some(Health::Failing("503".into()));
        rig.wait(1_000);
        rig.worlds[Role::Candidate].health = silence;
        rig.wait(30_000);
        assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
        assert_eq!(rig.sent(Direction::Back), 0);
    }
    let mut rig = Rig::at_first_step(&UNHEALTHY);
    rig.worlds[Role::Candidate].health = Some(Health::Failing("503".into()));
    rig.wait(3_900);
    assert_eq!(rig.sent(Direction::Back), 0, "not yet over 4 s\n{}", story(&rig));
    rig.wait(1_000);
    assert_eq!(rig.sent(Direction::Back), 1, "{}", story(&rig));
}

/// Two bad answers with silence between them are two bad answers: nobody knows what was in between.
#[test]
fn the_time_of_a_silence_between_two_bad_answers_does_not_count() {
    for silence in [Some(Health::Unknown("timeout".into())), None] {
        let mut rig = Rig::at_first_step(&UNHEALTHY);
        for health in [Some(Health::Failing("503".into())), silence, Some(Health::Failing("503".into()))] {
            assert_eq!(rig.sent(Direction::Back), 0, "{}", story(&rig));
            rig.worlds[Role::Candidate].health = health.clone();
            rig.wait(if matches!(health, Some(Health::Failing(_))) { 2_000 } else { 30_000 });
        }
        assert_eq!(rig.sent(Direction::Back), 0, "two seconds of bad answers\n{}", story(&rig));
        rig.wait(4_000);
        assert_eq!(rig.sent(Direction::Back), 1, "{}", story(&rig));
    }
}

/// Somebody else moved the traffic: the keeper says what it would do, and leaves it to people.
#[test]
fn an_automatic_rollback_does_not_go_over_another_hand() {
    let more = "[rollback]\nautomatic = true\n";
    let mut rig = Rig::at_first_step(&Sections { more, ..MANUAL });
    let third = split(&rig.balancer.layout, 300);
    rig.balancer.land(&third);
    rig.wait(2_000);
    rig.worlds[Role::Candidate].errors = 0.5;
    rig.wait(15_000);
    assert_eq!(rig.sent(Direction::Back), 0, "{}", story(&rig));
    assert!(rig.said("no automatic rollback: somebody else set"), "{}", story(&rig));
    assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)));
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
}

/// Nor over one on the node that answers, while the other is silent; what this run itself half applied is no other hand.
#[test]
fn an_automatic_rollback_does_not_go_over_another_hand_on_the_node_that_answers() {
    let told = "somebody else set a node that answers; no auto-rollback; R rolls back (lb2: ";
    for (weight, is_others) in [(33, true), (0, false)] {
        let mut rig = Rig::at_first_step(&NODES);
        rig.balancer.dark.insert(0);
        rig.wait(1_500);
        set(&mut rig, |node, name| (node == 1 && name == "g1").then_some(weight));
        rig.wait(2_000);
        rig.worlds[Role::Candidate].errors = 1.0;
        rig.wait(10_000);
        assert_eq!(rig.engine.phase() == Phase::Held, is_others, "{}", story(&rig));
        assert_eq!(rig.sent(Direction::Back) == 0, is_others, "{}", story(&rig));
        assert_eq!(rig.said("no automatic rollback: somebody else set #2/g1=33"), is_others, "{}", story(&rig));
        assert_eq!(rig.lines().filter(|line| line.text.as_str().starts_with(told)).count(), usize::from(is_others));
        assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)));
        rig.wait(3_000);
        assert!(rig.balancer.is_back() && !rig.said("FOREIGN"), "{}", story(&rig));
    }
}

/// All nodes answer again: it is a drift like any other, or it is gone.
#[test]
fn another_hand_on_the_node_that_answers_is_drift_once_all_answer() {
    let mut rig = Rig::at_first_step(&NODES);
    rig.balancer.dark.insert(0);
    rig.wait(1_500);
    let before = rig.balancer.setting.clone();
    set(&mut rig, |node, name| (node == 1 && name == "g1").then_some(33));
    rig.wait(2_000);
    rig.balancer.dark = [1].into();
    rig.wait(2_000);
    assert!(rig.engine.snapshot().drift.is_none());
    rig.balancer.dark.clear();
    rig.wait(2_000);
    assert!(rig.engine.snapshot().drift.is_some_and(|drift| !drift.own), "{}", story(&rig));
    rig.balancer.dark.insert(0);
    rig.wait(2_000);
    assert_eq!(rig.lines().filter(|line| line.text.as_str().contains("a node that answers")).count(), 1);
    rig.balancer.land(&before);
    rig.wait(2_000);
    rig.balancer.dark.clear();
    rig.wait(2_000);
    assert!(rig.engine.snapshot().drift.is_none() && rig.said("holds what this run set again"), "{}", story(&rig));
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(10_000);
    assert!(rig.said("AUTOMATIC ROLLBACK"), "{}", story(&rig));
}

/// Held under a limit that goes on being exceeded: resume says so beforehand, and only a typed reason goes on.
#[test]
fn a_hold_that_cannot_be_resumed_says_so_and_can_be_overridden() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[Role::Candidate].errors = 0.04;
    rig.wait(12_000);
    let held = rig.engine.snapshot().held.expect("held by the limit");
    assert!(held.resume_refused[0].as_str().contains("> 2.00%"), "{held:?}");
    assert!(matches!(rig.resume("alice"), Answer::Refused(_)));
    assert!(matches!(rig.override_with("alice", "checkout", "the limit counts a known client"), Answer::Applied(_)));
    rig.wait(1_000);
    assert!(rig.said("over: held by"), "{}", story(&rig));
    assert_eq!(rig.balancer.share(), 500, "{}", story(&rig));
    // The next step is judged again.
    rig.wait(2_000);
    assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
}

/// With hostile weights from before the run, everything still goes back.
#[test]
fn what_had_no_weight_before_the_run_has_none_after_it() {
    let mut rig = Rig::new(&NODES);
    set(&mut rig, |_, name| Some(if name == "b1" { 100 } else { 0 }));
    let before: Setting = rig.balancer.setting.clone();
    rig.come("alice");
    rig.wait(7_000);
    rig.advance("alice");
    rig.wait(7_000);
    assert_eq!(rig.engine.phase(), Phase::Baking, "{}", story(&rig));
    rig.roll_back("alice", None);
    rig.wait(8_000);
    assert_eq!(rig.balancer.setting, before, "{}", story(&rig));
}

/// A window in which no two scrapes that came lie will have no reading, however often one comes.
#[test]
fn a_reading_that_never_comes_is_gone() {
    let limits = r#"
        [[guardrails]]
        reading = "error_ratio"
        minimum_requests = 1
        window = "2s"
        hold = "2 %"
        for = "3s"
        absent = "hold"
    "#;
    let mut rig = Rig::at_first_step(&Sections { limits, ..MANUAL });
    for _ in 0..8 {
        for scraping in [Scraping::Fails(Absence::Unreachable("timeout".into())), Scraping::Fine] {
            rig.worlds[Role::Candidate].scraping = scraping;
            rig.wait(if rig.worlds[Role::Candidate].scraping == Scraping::Fine { 1_000 } else { 2_000 });
        }
    }
    assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
}
