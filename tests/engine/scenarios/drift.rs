//! Somebody else moves the split while the run goes on: shown, frozen, never fought.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{AUTOMATIC, MANUAL, NODES};
use crate::engine::rig::{Rig, Scraping};
use crate::engine::script::Act::*;
use crate::engine::script::{play, story};
use warroom::domain::Role;
use warroom::engine::{Answer, Command, Direction, Phase};

#[test]
fn drift_freezes_and_is_never_fought() {
    play(
        &AUTOMATIC,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(1_000),
            Foreign(300),
            Wait(2_000),
            Said(
                "DRIFT: candidate 10% → 30%, by somebody else; no auto-rollback; forward is frozen; :adopt or :reassert, or R rolls back (blue 90% → 70%, green 10% → 30%)",
            ),
            Locked("drift", ":adopt or :reassert, or R rolls back"),
            Wait(30_000),
            Share(300),
            Sent(1, 0),
            Advance("alice"),
            Refused("drift"),
            Override("alice", "checkout", "really"),
            Refused("drift"),
            Complete("alice"),
            Refused("towards the candidate"),
            Sent(1, 0),
        ],
    );
}

/// Each other hand is told once, however often it is read.
#[test]
fn every_drift_is_told_once() {
    let rig = play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Adopt("alice"),
            Refused("nothing to adopt"),
            Foreign(300),
            Wait(5_000),
            Foreign(400),
            Wait(5_000),
            Said("DRIFT: candidate 0% → 40%"),
        ],
    );
    assert_eq!(rig.lines().filter(|line| line.text.as_str().contains("DRIFT")).count(), 2, "{}", story(&rig));
}

/// A write under way explains itself and what was before, and nothing else.
#[test]
fn another_hand_during_a_write_is_drift_at_once() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Next(&[Fate::Late(4_000)]),
            Advance("alice"),
            Wait(500),
            Foreign(300),
            Wait(600),
            Is(Phase::Shifting),
            Said("DRIFT: candidate 0% → 30%, by somebody else"),
        ],
    );
}

/// What this run's own late write went over is gone: its step is there.
#[test]
fn a_late_write_that_lands_over_another_hands_is_this_runs_own() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Next(&[Fate::Late(4_000)]),
            Advance("alice"),
            Wait(500),
            Foreign(300),
            Wait(600),
            Locked("drift", "by somebody else"),
            Wait(4_000),
            Share(100),
            Said("candidate 10% read back"),
            Open("drift"),
        ],
    );
}

#[test]
fn completing_is_refused_where_a_rollback_needs_the_typed_name() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            Foreign(20),
            Failing(Role::Stable),
            Wait(4_000),
            Complete("alice"),
            Refused("use R, which asks for the name"),
            Sent(1, 0),
        ],
    );
}

#[test]
fn adopting_goes_on_from_there_one_step_at_a_time() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            Foreign(300),
            Wait(2_000),
            Adopt("bob"),
            Refused("only the driver may adopt"),
            Adopt("alice"),
            Applied("adopts candidate 30%"),
            Open("drift"),
            Advance("alice"),
            Refused("bake"),
            Wait(6_000),
            Advance("alice"),
            Applied("30% → 50%"),
            Wait(1_000),
            Share(500),
        ],
    );
}

/// Somebody finished it by hand: the run may end there, after the last step's bake.
#[test]
fn a_whole_move_to_the_candidate_can_be_adopted() {
    for plan in [MANUAL, NODES] {
        let mut rig = Rig::at_first_step(&plan);
        let all = split(&rig.balancer.layout, 1000);
        rig.balancer.land(&all);
        rig.wait(2_000);
        let answer = rig.ask_for("alice", Command::Adopt);
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
        rig.wait(3_000);
        assert_eq!(rig.engine.phase(), Phase::Baking);
        rig.wait(5_000);
        assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    }
}

#[test]
fn a_move_towards_stable_can_be_completed_by_anyone() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            Foreign(20),
            Wait(2_000),
            Said("DRIFT: candidate 10% → 2%"),
            Complete("bob"),
            Applied("rolling back to BLUE v1"),
            Wait(8_000),
            Is(Phase::RolledBack),
            Share(0),
        ],
    );
}

#[test]
fn drift_that_goes_away_unfreezes() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(1_000),
            Foreign(300),
            Wait(2_000),
            Locked("drift", "30%"),
            Foreign(100),
            Wait(2_000),
            Said("the balancer holds what this run set again"),
            Open("drift"),
            Complete("alice"),
            Refused("nothing to complete"),
            Adopt("alice"),
            Refused("nothing to adopt"),
        ],
    );
}

#[test]
fn a_split_that_is_not_at_zero_at_the_start_must_be_adopted() {
    let mut rig = Rig::new(&MANUAL);
    rig.balancer.setting = split(&rig.balancer.layout, 300);
    rig.come("alice");
    rig.wait(3_000);
    let answer = rig.advance("alice");
    assert!(format!("{answer:?}").contains("candidate already has 30%"), "{answer:?}");
    let answer = rig.ask_for("alice", Command::Adopt);
    assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
    rig.wait(7_000);
    let answer = rig.advance("alice");
    assert!(format!("{answer:?}").contains("30% → 50%"), "{answer:?}\n{}", story(&rig));
}

/// PROCEDURES B9. Servers that are down at the start take their weight's share when they come up, and as
/// the setting does not change then, no drift would tell.
#[test]
fn weight_on_candidate_servers_that_are_down_is_not_an_initial_zero() {
    let mut rig = Rig::new(&NODES);
    rig.balancer.setting = split(&rig.balancer.layout, 500);
    rig.balancer.down = ["g1".to_owned(), "g2".to_owned()].into();
    rig.come("alice");
    rig.wait(3_000);
    rig.balancer.down.clear();
    rig.wait(3_000);
    assert_eq!(rig.balancer.share(), 500);
    let gates = rig.engine.gates();
    let told = rig.engine.snapshot().drift.is_some()
        || gates.iter().any(|gate| gate.name.as_str() == "initial split" && !gate.is_open());
    assert!(told, "half of the traffic is on the candidate and no gate is closed: {gates:#?}");
}

/// All weights zero is not "0 % candidate": nobody serves, and it must not become the run's own.
#[test]
fn a_setting_that_serves_nobody_is_not_adopted() {
    let mut rig = Rig::at_first_step(&NODES);
    let mut foreign = split(&rig.balancer.layout, 0);
    foreign.0.values_mut().for_each(|weight| *weight = 0);
    rig.balancer.land(&foreign);
    rig.wait(2_000);
    assert!(rig.engine.snapshot().drift.is_some());
    let answer = rig.ask_for("alice", Command::Adopt);
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
}

#[test]
fn one_node_at_100_percent_is_not_all_of_them() {
    let mut rig = Rig::at_first_step(&NODES);
    let mut setting = split(&rig.balancer.layout, 1000);
    setting.0.retain(|slot, _| slot.node == 0);
    rig.balancer.land(&setting);
    rig.wait(2_000);
    let answer = rig.ask_for("alice", Command::Adopt);
    assert!(format!("{answer:?}").contains("some traffic on stable"), "{answer:?}");
    rig.wait(60_000);
    assert!(rig.said("DRIFT") && !rig.said("COMPLETE"), "{}", story(&rig));
}

/// A node with no weight at all serves nobody: its share is not known to be any.
#[test]
fn a_node_that_somebody_drained_has_no_share() {
    let mut rig = Rig::at_first_step(&NODES);
    let mut drained = rig.balancer.setting.clone();
    drained.0.retain(|slot, _| slot.node == 1);
    drained.0.values_mut().for_each(|weight| *weight = 0);
    rig.balancer.land(&drained);
    rig.wait(2_000);
    let nodes = rig.engine.snapshot().drift.expect("it is seen").nodes;
    assert!(matches!(&nodes[..], [(node, Some(_), None)] if node.as_str() == "lb2"), "{nodes:?}");
}

/// A share that is less than the first step is traffic like any other: limits hold it, and nobody is told to begin.
#[test]
fn what_is_adopted_below_the_first_step_is_guarded_as_a_step_is() {
    for (crashes, goes_blind) in [(false, false), (true, false), (false, true)] {
        let mut rig = Rig::ready(&AUTOMATIC);
        let little = split(&rig.balancer.layout, 50);
        rig.balancer.land(&little);
        rig.wait(2_000);
        assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)), "{}", story(&rig));
        rig.wait(100);
        if crashes {
            rig.crash();
            rig.come("alice");
            rig.wait(4_000);
            rig.resume("alice");
        }
        rig.wait(3_000);
        let band = rig.engine.snapshot().band;
        assert_eq!((rig.engine.phase(), band.word.as_str()), (Phase::Baking, "RUNNING"), "{}", band.text);
        assert!(band.text.as_str().starts_with("at 5% adopted"), "{}", band.text);
        assert!(band.text.as_str().contains("next: 10%, press A"), "{}", band.text);
        rig.wait(20_000);
        assert_eq!(rig.sent(Direction::Forward), 0, "{}", story(&rig));
        if goes_blind {
            rig.worlds[Role::Candidate].scraping = Scraping::Silent;
        } else {
            rig.worlds[Role::Candidate].errors = 0.03;
        }
        rig.wait(10_000);
        assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
        assert!(rig.said("AUTO-HOLD at 5%: "), "{}", story(&rig));
    }
    // And from there it goes to the first step.
    let mut rig = Rig::ready(&MANUAL);
    let little = split(&rig.balancer.layout, 50);
    rig.balancer.land(&little);
    rig.wait(2_000);
    rig.ask_for("alice", Command::Adopt);
    rig.wait(7_000);
    assert!(matches!(rig.advance("alice"), Answer::Applied(_)), "{:#?}", rig.engine.gates());
    rig.wait(3_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Baking, 100), "{}", story(&rig));
}
