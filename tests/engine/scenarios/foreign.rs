//! A rollback and somebody else's hand on the balancer: FOREIGN.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{MANUAL, NODES};
use crate::engine::rig::Rig;
use crate::engine::script::Act::*;
use crate::engine::script::{play, refusal, story};
use warroom::domain::{Role, Setting, Split};
use warroom::engine::{Answer, Command, Direction, Fact, Phase, RollbackState};

#[test]
fn a_foreign_setting_stops_the_sending_until_somebody_sends_again() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            Rollback("alice"),
            Wait(1_000),
            Foreign(300),
            Wait(1_000),
            Said("FOREIGN: somebody else set"),
            Sent(1, 1),
            Wait(60_000),
            Sent(1, 1),
            Is(Phase::RollingBack),
            Share(300),
            Adopt("alice"),
            Refused("it leaves traffic on the candidate"),
            SendAgain("bob"),
            Applied("sends the rollback over"),
            Wait(8_000),
            Share(0),
            Is(Phase::RolledBack),
            Sent(1, 2),
            SendAgain("bob"),
            Refused("nothing foreign is there"),
        ],
    );
}

#[test]
fn after_a_confirmed_rollback_a_foreign_setting_is_shown_too() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    let foreign = split(&rig.balancer.layout, 400);
    rig.balancer.land(&foreign);
    rig.wait(3_000);
    assert_eq!(rig.engine.phase(), Phase::RollingBack);
    assert_eq!(rig.engine.snapshot().rollback.unwrap().state, RollbackState::Foreign);
    assert_eq!(rig.sent(Direction::Back), 1);
}

#[test]
fn a_foreign_setting_that_goes_away_is_forgotten() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    let foreign = split(&rig.balancer.layout, 400);
    rig.balancer.land(&foreign);
    rig.wait(1_000);
    let back = split(&rig.balancer.layout, 0);
    rig.balancer.land(&back);
    rig.wait(7_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
}

/// A rollback over `NODES`, with a foreign setting that is not the rollback's own.
fn with_foreign(change: impl Fn(&mut Setting)) -> Rig {
    let mut rig = Rig::at_first_step(&NODES);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    let mut foreign = split(&rig.balancer.layout, 0);
    change(&mut foreign);
    rig.balancer.land(&foreign);
    rig.wait(1_000);
    let state = rig.engine.snapshot().rollback.expect("a rollback").state;
    assert_eq!(state, RollbackState::Foreign, "{}", story(&rig));
    rig
}

#[test]
fn a_foreign_setting_without_candidate_can_be_adopted() {
    let mut rig = with_foreign(|setting| setting.0.values_mut().for_each(|weight| *weight /= 2));
    let answer = rig.ask_for("alice", Command::Adopt);
    assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::RolledBack, 1));
    assert!(rig.balancer.is_back());
}

/// Whoever rolls back past the keeper sends what the rollback was accepted with, and sees in what was adopted a setting of
/// this run at most: where neither yields, the two undo each other without end.
#[test]
fn what_was_adopted_yields_to_what_the_rollback_was_accepted_with() {
    let mut rig = with_foreign(|setting| setting.0.values_mut().for_each(|weight| *weight /= 2));
    rig.ask_for("alice", Command::Adopt);
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    let first = rig.writes.last().unwrap().setting.clone();
    rig.balancer.land(&first);
    rig.wait(1_500);
    assert_eq!(rig.engine.phase(), Phase::RollingBack, "it is read back anew");
    rig.crash();
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::RolledBack, 1), "{}", story(&rig));
    assert_eq!(rig.balancer.setting, first);
}

/// The other one may have begun on a journal in which an earlier adoption is the last.
#[test]
fn what_was_adopted_last_yields_to_what_was_adopted_before() {
    let mut rig = with_foreign(|setting| setting.0.values_mut().for_each(|weight| *weight /= 2));
    rig.ask_for("alice", Command::Adopt);
    let before = rig.balancer.setting.clone();
    rig.wait(1_000);
    let mut last = before.clone();
    last.0.values_mut().for_each(|weight| *weight /= 2);
    rig.balancer.land(&last);
    rig.wait(1_000);
    assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)), "{}", story(&rig));
    rig.wait(500);
    rig.crash();
    rig.wait(1_000);
    rig.balancer.land(&before);
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::RolledBack, 1), "{}", story(&rig));
    assert_eq!(rig.balancer.setting, before);
}

/// Candidate servers that are down have no share *now*; their weight is traffic once they come up.
#[test]
fn a_foreign_setting_with_weight_on_candidate_servers_that_are_down_is_not_adopted() {
    let mut rig = with_foreign(|setting| setting.0.values_mut().for_each(|weight| *weight = 77));
    rig.balancer.down = ["g1".to_owned(), "g2".to_owned()].into();
    rig.wait(1_000);
    assert!(refusal(&rig.ask_for("alice", Command::Adopt)).contains("leaves traffic on the candidate"));
}

/// A share that rounds to nothing is not nothing.
#[test]
fn a_foreign_setting_with_a_sliver_of_candidate_is_not_adopted() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    let mut foreign = split(&rig.balancer.layout, 0);
    let (candidate, _) = rig.balancer.layout.slots.iter().find(|(_, role)| *role == Role::Candidate).unwrap();
    for (slot, weight) in &mut foreign.0 {
        *weight = if slot == candidate { 40 } else { 99_960 };
    }
    rig.balancer.land(&foreign);
    rig.wait(1_000);
    assert!(refusal(&rig.ask_for("alice", Command::Adopt)).contains("leaves traffic on the candidate"));
}

/// A node whose weights are all zero serves nobody; taking that as the end would take the site down.
#[test]
fn a_foreign_setting_with_a_node_that_serves_nobody_is_not_adopted() {
    let mut rig = with_foreign(|setting| {
        for (slot, weight) in &mut setting.0 {
            *weight = if slot.node == 1 { 0 } else { *weight };
        }
    });
    let answer = rig.ask_for("alice", Command::Adopt);
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
}

/// The share shown may come from a newer read in which one node is missing; the setting does not.
#[test]
fn a_foreign_setting_on_a_node_that_went_dark_is_not_adopted() {
    let mut rig = with_foreign(|setting| {
        for (slot, weight) in &mut setting.0 {
            *weight = if slot.node == 1 { 77 } else { *weight };
        }
    });
    rig.balancer.dark.insert(1);
    rig.wait(1_000);
    assert!(refusal(&rig.ask_for("alice", Command::Adopt)).contains("leaves traffic on the candidate"));
}

/// Invariant 5: "stops the re-sending as FOREIGN". An attempt that fails later must not start it again.
#[test]
fn an_attempt_that_fails_under_foreign_is_not_repeated() {
    for read_takes in [10_000, 100_000, 200_000, 300_000, 400_000] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.read_takes = read_takes;
        rig.next_fates(&[Fate::Lost]);
        rig.roll_back("alice", None);
        rig.wait(50);
        let foreign = split(&rig.balancer.layout, 300);
        rig.balancer.land(&foreign);
        rig.wait(10_000);
        assert!(rig.said("FOREIGN"), "{}", story(&rig));
        let after = (rig.sent(Direction::Back), rig.balancer.share());
        assert_eq!(after, (1, 300), "reads of {read_takes} us\n{}", story(&rig));
    }
}

/// Invariant 5 names "the state before the run": also when nobody had read it before the rollback.
#[test]
fn a_rollback_before_the_first_read_is_sent_again_over_the_state_before_the_run() {
    let mut rig = Rig::new(&MANUAL);
    rig.balancer.setting = split(&rig.balancer.layout, 300);
    rig.balancer.dark.insert(0);
    rig.next_fates(&[Fate::Lost]);
    rig.come("alice");
    rig.wait(100);
    rig.roll_back("alice", None);
    rig.balancer.dark.clear();
    rig.wait(12_000);
    assert!(!rig.said("FOREIGN"), "{}", story(&rig));
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RolledBack, 0), "{}", story(&rig));
}

/// The state before the run may be read only while the first attempt is under way; should it come back, it is the
/// run's own. What somebody sets after that attempt is not, although it is the first that is read.
#[test]
fn the_state_before_the_run_is_what_was_there_before_the_first_attempt_ended() {
    let mut rig = Rig::new(&MANUAL);
    let before = split(&rig.balancer.layout, 300);
    rig.balancer.land(&before);
    rig.read_takes = 100_000;
    rig.come("alice");
    rig.wait(10);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    assert_eq!(rig.balancer.share(), 0, "{}", story(&rig));
    rig.balancer.land(&before);
    rig.wait(12_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RolledBack, 0), "{}", story(&rig));

    let mut rig = Rig::new(&MANUAL);
    rig.balancer.land(&before);
    rig.balancer.dark.insert(0);
    rig.come("alice");
    rig.wait(100);
    rig.roll_back("alice", None);
    // It has landed and is about to be answered and read.
    rig.wait(30);
    let foreign = split(&rig.balancer.layout, 400);
    rig.balancer.land(&foreign);
    rig.balancer.dark.clear();
    rig.wait(5_000);
    assert_eq!(rig.engine.snapshot().rollback.unwrap().state, RollbackState::Foreign, "{}", story(&rig));
    assert_eq!(rig.balancer.share(), 400);
}

/// Each hand is told once, however often it is read.
#[test]
fn another_foreign_setting_is_told_too() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    for permille in [300, 400] {
        let foreign = split(&rig.balancer.layout, permille);
        rig.balancer.land(&foreign);
        rig.wait(5_000);
    }
    let told: Vec<_> = rig.lines().filter(|line| line.text.as_str().contains("FOREIGN")).collect();
    assert_eq!(told.len(), 2, "{}", story(&rig));
    assert!(told[1].text.as_str().contains("40000"), "{told:?}");
}

/// The band offers "R rolls back" under drift. What the person saw when pressing it is not FOREIGN afterwards,
/// least of all in a read from before the write could land.
#[test]
fn rolling_back_over_a_drift_that_was_shown_does_not_end_in_foreign() {
    for fate in [Fate::Slow(600), Fate::Lost] {
        let mut rig = Rig::at_first_step(&MANUAL);
        let foreign = split(&rig.balancer.layout, 300);
        rig.balancer.land(&foreign);
        rig.wait(2_000);
        assert!(rig.engine.snapshot().drift.is_some());
        rig.next_fates(&[fate]);
        rig.roll_back("alice", None);
        rig.wait(12_000);
        assert!(!rig.said("FOREIGN"), "{fate:?}\n{}", story(&rig));
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RolledBack, 0), "{fate:?}");
    }
}

/// Nor is it after a restart: what was gone over is in the journal, and an interrupted rollback goes on by itself.
#[test]
fn rolling_back_over_a_drift_goes_on_after_a_restart() {
    for lost in [&[Fate::Lost, Fate::Lost][..], &[Fate::Half, Fate::Half]] {
        let mut rig = Rig::at_first_step(&NODES);
        let foreign = split(&rig.balancer.layout, 300);
        rig.balancer.land(&foreign);
        rig.wait(2_000);
        rig.next_fates(lost);
        rig.roll_back("alice", None);
        rig.wait(100);
        rig.crash();
        rig.wait(12_000);
        assert!(!rig.said("FOREIGN"), "{lost:?}\n{}", story(&rig));
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RolledBack, 0), "{lost:?}\n{}", story(&rig));
    }
}

/// What was set after the acceptance nobody has seen: that stays foreign.
#[test]
fn what_was_set_after_the_acceptance_is_foreign_after_a_restart() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.next_fates(&[Fate::Lost, Fate::Lost]);
    rig.roll_back("alice", None);
    rig.wait(100);
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.crash();
    rig.wait(12_000);
    assert_eq!(rig.engine.snapshot().rollback.unwrap().state, RollbackState::Foreign, "{}", story(&rig));
    assert_eq!(rig.balancer.share(), 300);
}

/// A direct rollback whose journal is lost has one look to go by, and a node was silent then.
#[test]
fn what_a_node_holds_that_nobody_had_seen_is_no_other_hands() {
    let mut rig = Rig::at_first_step(&NODES);
    rig.crash();
    let mut looked = rig.balancer.setting.clone();
    looked.0.retain(|slot, _| slot.node == 0);
    let before = rig.balancer.setting.clone();
    let mut baseline = rig.entries[0].clone();
    baseline.fact = Fact::Baseline { setting: looked, split: Split::ALL_STABLE };
    rig.balancer.dark.insert(1);
    rig.restart_from(&[baseline]);
    rig.balancer.usual = Fate::Half;
    assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)));
    rig.wait(2_000);
    rig.balancer.dark.clear();
    rig.wait(5_000);
    let holds = |rig: &Rig, node: usize| -> Vec<u32> {
        rig.balancer.setting.0.iter().filter(|(slot, _)| slot.node == node).map(|(_, weight)| *weight).collect()
    };
    let had: Vec<u32> = before.0.iter().filter(|(slot, _)| slot.node == 1).map(|(_, weight)| *weight).collect();
    assert_eq!(holds(&rig, 1), had, "no write has reached it");
    assert!(!rig.said("FOREIGN"), "{}", story(&rig));
    // What somebody sets there from now on is.
    let mut other = rig.balancer.setting.clone();
    other.0.iter_mut().filter(|(slot, _)| slot.node == 1).for_each(|(_, weight)| *weight = 77);
    rig.balancer.land(&other);
    rig.wait(5_000);
    assert!(rig.said("FOREIGN"), "{}", story(&rig));
}

/// One node is silent, and somebody gives the candidate traffic on the other: the last whole read is older than that.
#[test]
fn a_node_that_answers_tells_that_there_is_something_to_roll_back() {
    let mut rig = Rig::ready(&NODES);
    assert!(rig.engine.snapshot().rollback.is_none());
    rig.balancer.dark.insert(0);
    let mut half = split(&rig.balancer.layout, 500);
    half.0.retain(|slot, _| slot.node == 1);
    rig.balancer.land(&half);
    rig.wait_until(100, |rig| rig.said("balancer cannot be read"));
    rig.roll_back("alice", None);
    assert!(rig.engine.phase().is_back(), "{}", story(&rig));
    rig.wait(1_000);
    assert!(rig.sent(Direction::Back) > 0, "{}", story(&rig));
}

/// What cannot be written cannot be sent again either.
#[test]
fn percentages_that_make_no_whole_are_sent_over_and_not_adopted() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    let mut odd = split(&rig.balancer.layout, 0);
    odd.0.values_mut().filter(|weight| **weight > 0).for_each(|weight| *weight -= 50);
    rig.balancer.land(&odd);
    rig.wait(1_000);
    assert!(rig.said("FOREIGN: somebody else set"), "{}", story(&rig));
    let answer = rig.ask_for("alice", Command::Adopt);
    assert!(refusal(&answer).contains("do not make 100: :sendagain"), "{answer:?}");
    rig.ask_for("alice", Command::SendAgain);
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    assert_eq!(rig.engine.snapshot().violation, None);
}
