//! After 100 %: what is for afterwards, and the watch.

use crate::engine::balancer::split;
use crate::engine::plans::{NODES, Sections};
use crate::engine::script::story;
use crate::hooks::{afterwards, complete, ends, stops, view};
use warroom::domain::Setting;
use warroom::engine::{HookEnd, HookState, Phase, Severity};

/// What switches stable off ends where somebody else sends traffic back to it, on all nodes or on the one that answers.
#[test]
fn another_hands_move_to_stable_ends_what_is_for_after_the_cutover() {
    let nodes = Sections { traffic: NODES.traffic, ..afterwards() };
    for (plan, is_dark) in [(afterwards(), false), (nodes, false), (nodes, true)] {
        let mut rig = complete(&plan);
        rig.hook_ends.extend([(60_000, HookEnd::Exited(0)), (60_000, HookEnd::Exited(0))]);
        rig.run_hook("alice", "scale-up");
        rig.run_hook("alice", "smoke");
        rig.wait(1_000);
        assert_eq!(rig.ran.len(), 2);
        let mut half = split(&rig.balancer.layout, 500);
        if is_dark {
            rig.balancer.dark.insert(0);
            half.0.retain(|slot, _| slot.node == 1);
        }
        rig.balancer.land(&half);
        rig.wait(3_000);
        assert_eq!(view(&rig, "smoke").state, HookState::Running, "any other runs on");
        let told =
            rig.lines().find(|line| line.text.as_str().starts_with("scale-up is stopped under way")).expect("told");
        assert_eq!(told.severity, Severity::Critical);
        assert_eq!((rig.engine.phase(), ends(&rig), stops(&rig)), (Phase::Complete, vec![HookEnd::Stopped], 1));
    }
}

/// Other weights that leave stable nothing take nothing from it.
#[test]
fn another_hand_that_leaves_stable_nothing_ends_nothing() {
    let mut rig = complete(&Sections { traffic: NODES.traffic, ..afterwards() });
    rig.hook_ends.push_back((60_000, HookEnd::Exited(0)));
    rig.run_hook("alice", "scale-up");
    rig.wait(1_000);
    let less = rig.balancer.setting.0.iter().map(|(slot, weight)| (slot.clone(), weight / 2));
    let less = Setting(less.collect());
    rig.balancer.land(&less);
    rig.wait(3_000);
    assert!(rig.engine.snapshot().drift.is_some(), "{}", story(&rig));
    assert_eq!((view(&rig, "scale-up").state, stops(&rig)), (HookState::Running, 0));
}
