//! What counts while one node of the balancer answers and another does not.

use super::after::afterwards;
use super::hooks::{stops, view};
use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{NODES, Sections};
use crate::engine::rig::Rig;
use crate::engine::script::story;
use warroom::domain::{Setting, Split};
use warroom::engine::{Direction, Effect, Fact, HookEnd, HookState, Phase};

fn lines(rig: &Rig, words: &str) -> usize {
    rig.lines().filter(|line| line.text.as_str().contains(words)).count()
}

/// What the newest rollback was said to go over.
fn over(rig: &Rig) -> Option<Setting> {
    let told = rig.lines().filter_map(|line| {
        let Fact::RollbackAccepted { over, .. } = &line.fact else { return None };
        Some(over.clone())
    });
    told.last().expect("accepted")
}

/// Nothing is known of before the run until all have answered once, so nothing is another hand's.
#[test]
fn before_all_nodes_have_answered_once_nobody_elses_hand_is_seen() {
    let mut rig = Rig::new(&NODES);
    rig.balancer.dark.insert(0);
    rig.come("alice");
    rig.wait(5_000);
    assert_eq!(lines(&rig, "somebody else"), 0, "{}", story(&rig));
    assert_eq!(rig.engine.phase(), Phase::Preflight);
}

/// A node that falls silent takes nothing back to stable.
#[test]
fn a_node_that_falls_silent_ends_nothing_that_is_for_afterwards() {
    let mut rig = Rig::ready(&Sections { traffic: NODES.traffic, ..afterwards() });
    rig.advance("alice");
    rig.wait(20_000);
    rig.hook_ends.extend([(60_000, HookEnd::Exited(0))]);
    rig.run_hook("alice", "scale-up");
    rig.wait(1_000);
    rig.balancer.dark.insert(0);
    rig.wait(5_000);
    assert_eq!((view(&rig, "scale-up").state, stops(&rig)), (HookState::Running, 0), "{}", story(&rig));
}

/// What was seen on a node stands until that node says otherwise, and no longer: a person who rolls back goes over it.
#[test]
fn another_hand_on_a_node_stands_until_that_node_says_otherwise() {
    for (silent_after, is_there) in [(true, true), (false, false)] {
        let mut rig = Rig::at_first_step(&NODES);
        rig.balancer.dark.insert(0);
        rig.wait(1_500);
        let mut own = rig.balancer.setting.clone();
        own.0.retain(|slot, _| slot.node == 1);
        let other = Setting(own.0.keys().map(|slot| (slot.clone(), 70)).collect());
        rig.balancer.land(&other);
        rig.wait(2_000);
        if silent_after {
            rig.balancer.dark = [1].into();
        } else {
            rig.balancer.land(&own);
        }
        rig.wait(2_000);
        rig.roll_back("alice", None);
        assert_eq!(over(&rig), is_there.then_some(other), "{}", story(&rig));
    }
}

/// A re-assert that reached one node of two leaves a drift what it was, until it is whole.
#[test]
fn a_reassert_that_is_half_there_is_no_other_drift() {
    let mut rig = Rig::at_first_step(&NODES);
    let drifted = split(&rig.balancer.layout, 330);
    rig.balancer.land(&drifted);
    rig.wait(2_000);
    assert_eq!(lines(&rig, "DRIFT:"), 1, "{}", story(&rig));
    rig.next_fates(&[Fate::Half]);
    rig.reassert("alice");
    rig.wait(3_000);
    assert_eq!(rig.sent(Direction::Forward), 2, "{}", story(&rig));
    assert_eq!(lines(&rig, "DRIFT:"), 1, "{}", story(&rig));
    assert_eq!(rig.engine.snapshot().drift.map(|drift| drift.to), Split::from_permille(330), "{}", story(&rig));
}

/// Reads that fail while a rollback waits come at intervals that differ, each at least half as long as those that do not.
#[test]
fn reads_that_fail_are_as_many_as_a_balancer_can_bear() {
    let mut rig = Rig::at_first_step(&NODES);
    rig.balancer.dark.extend([0, 1]);
    rig.roll_back("alice", None);
    rig.wait(2_000);
    let reads = |rig: &Rig| {
        let effects = rig.turns.iter().flat_map(|turn| &turn.effects);
        effects.filter(|effect| matches!(effect, Effect::ReadSplit { .. })).count()
    };
    let before = reads(&rig);
    rig.wait(20_000);
    let told = reads(&rig) - before;
    assert!((80..=160).contains(&told), "{told} reads in 20 s");
}
