//! Nodes that serve nobody: every server with weight is down there, and whoever is sent there gets an error.

use super::after::afterwards;
use super::hooks::view;
use crate::engine::plans::{NODES, Sections};
use crate::engine::rig::Rig;
use crate::engine::script::{refusal, story};
use warroom::domain::{Role, Verdict};
use warroom::engine::{Answer, Direction, Phase, Severity};

/// On one node, and on both: at 100 % that is neither converged, nor baked, nor complete, and everything says so.
#[test]
fn a_node_that_serves_nobody_is_neither_converged_nor_complete() {
    let words = ["lb2 serves nobody", "lb1, lb2 serve nobody"];
    for (out, who) in [vec![1], vec![0, 1]].into_iter().zip(words) {
        let mut rig = Rig::ready(&Sections { traffic: NODES.traffic, ..afterwards() });
        rig.advance("alice");
        rig.wait(3_000);
        assert_eq!(rig.engine.phase(), Phase::Baking, "{}", story(&rig));
        rig.balancer.out.extend(out);
        rig.wait(20_000);

        let told = format!("{who}: no server with weight is up");
        let line = rig.lines().find(|line| line.text.as_str() == told).expect("it is told");
        assert_eq!(line.severity, Severity::Critical);
        let snapshot = rig.engine.snapshot();
        assert_eq!((snapshot.phase, rig.said("COMPLETE")), (Phase::Baking, false), "{}", story(&rig));
        assert!(snapshot.bake.is_some_and(|(healthy, needed)| healthy < needed), "{:?}", snapshot.bake);
        let gate = snapshot.gates.iter().find(|gate| gate.name.as_str() == "servers").expect("it is closed");
        assert_eq!((gate.verdict, gate.detail.as_str()), (Verdict::Fail, &*told));
        let converged = snapshot.split.converged.expect("a keeper that drives");
        assert_eq!((converged.converged, converged.words.as_str()), (Some(false), &*told));
        assert!(snapshot.band.text.as_str().starts_with(&told), "{}", snapshot.band.text);
        assert_eq!(snapshot.band.severity, Severity::Critical);

        assert!(refusal(&rig.override_with("alice", "checkout", "in a hurry")).starts_with(who));

        rig.balancer.out.clear();
        rig.wait(8_000);
        assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
        assert!(rig.said("every node of the balancer serves somebody again"));
    }
}

/// Nor is it watched, and what switches stable off waits. A rollback goes out at once.
#[test]
fn a_node_that_serves_nobody_after_the_cutover_keeps_stable() {
    let mut rig = Rig::ready(&Sections { traffic: NODES.traffic, ..afterwards() });
    rig.advance("alice");
    rig.wait(20_000);
    assert_eq!((rig.engine.phase(), view(&rig, "scale-up").locked), (Phase::Complete, None), "{}", story(&rig));
    rig.balancer.out.insert(1);
    rig.wait(2_000);
    let left = |rig: &Rig| rig.engine.snapshot().complete.expect("it is complete").1;
    let before = left(&rig);
    rig.wait(20_000);
    assert_eq!(left(&rig), before);
    let why = refusal(&rig.run_hook("alice", "scale-up"));
    assert!(why.ends_with("lb2 serves nobody: no server with weight is up"), "{why}");
    // What is not read any more is what it was.
    rig.balancer.dark.insert(1);
    rig.wait(2_000);
    assert!(rig.engine.snapshot().band.text.as_str().contains("lb2 serves nobody"), "{}", story(&rig));
    assert!(matches!(rig.roll_back("alice", Some("checkout")), Answer::Applied(_)));
    rig.wait(100);
    assert_eq!(rig.sent(Direction::Back), 1);
}

/// What another hand drained can be set again: that is what serves it.
#[test]
fn a_drained_node_can_be_set_again() {
    let mut rig = Rig::ready(&NODES);
    let mut drained = rig.balancer.setting.clone();
    drained.0.retain(|slot, _| slot.node == 1);
    drained.0.values_mut().for_each(|weight| *weight = 0);
    rig.balancer.land(&drained);
    rig.wait(2_000);
    assert!(rig.said("lb2 serves nobody"), "{}", story(&rig));
    assert!(refusal(&rig.advance("alice")).contains("FAIL drift"));
    assert!(matches!(rig.reassert("alice"), Answer::Applied(_)), "{:#?}", rig.engine.gates());
    rig.wait(2_000);
    assert!(rig.said("serves somebody again") && rig.engine.snapshot().drift.is_none(), "{}", story(&rig));
    // With the candidate out of order nothing is lost there while stable serves.
    rig.balancer.down.extend(rig.balancer.layout.slots_of(1, Role::Candidate).map(|slot| slot.name.clone()));
    rig.wait(2_000);
    let gates = rig.engine.gates();
    assert!(!gates.iter().any(|gate| gate.name.as_str() == "servers"), "{gates:#?}");
}

/// Stable is gone and the candidate is there: `A` is locked, and whoever knows goes forward out of the outage.
#[test]
fn an_outage_of_stable_can_be_left_forward() {
    let mut rig = Rig::ready(&Sections { traffic: NODES.traffic, ..afterwards() });
    rig.balancer.down.extend(["b1".to_owned(), "b2".to_owned()]);
    rig.wait(2_000);
    assert!(refusal(&rig.advance("alice")).contains("FAIL servers: lb1, lb2 serve nobody"), "{}", story(&rig));
    assert!(matches!(rig.override_with("alice", "checkout", "stable is gone"), Answer::Applied(_)), "{}", story(&rig));
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Complete, 1000), "{}", story(&rig));
    assert!(rig.said("every node of the balancer serves somebody again"));
}
