//! What this run last set, set again over what somebody else set: against a move towards the candidate only.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{AUTOMATIC, HTTP, MANUAL, NODES, Sections};
use crate::engine::rig::{Disk, Moment, Rig};
use crate::engine::script::Act::*;
use crate::engine::script::{play, refusal, story};
use warroom::domain::{Role, Setting};
use warroom::engine::{Answer, Command, Fact, Phase};

/// At the first step, and somebody has set 30 %.
fn drifted() -> Rig {
    let mut rig = Rig::at_first_step(&MANUAL);
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.wait(2_000);
    assert!(rig.engine.snapshot().drift.is_some());
    rig
}

/// Percentages that somebody left at less than a whole can be adopted, and never be written.
#[test]
fn what_makes_no_whole_is_not_set_again() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let set = |rig: &mut Rig, stable, candidate| {
        let slots = rig.balancer.layout.slots.clone();
        let weight = |role| if role == Role::Stable { stable } else { candidate };
        rig.balancer.land(&Setting(slots.into_iter().map(|(slot, role)| (slot, weight(role))).collect()));
        rig.wait(2_000);
    };
    set(&mut rig, 50_000, 10_000);
    assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)));
    set(&mut rig, 30_000, 70_000);
    let drift = rig.engine.snapshot().drift.expect("seen");
    let refused = drift.reassert_refused.expect("said");
    assert!(refused.iter().any(|why| why.as_str().contains("makes no whole")), "{refused:?}");
    assert!(!drift.words.as_str().contains(":reassert"), "{}", drift.words);
    assert!(refusal(&rig.reassert("alice")).contains("makes no whole"));
    assert_eq!(rig.engine.snapshot().violation, None);
}

#[test]
fn what_was_last_read_back_is_set_again_and_read_back() {
    let rig = play(
        &AUTOMATIC,
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("alice"),
            Wait(1_000),
            Foreign(300),
            Wait(2_000),
            Reassert("bob"),
            Refused("only the driver may re-assert"),
            // Its bake is not over and never will be under drift: that is no reason.
            Reassert("alice"),
            Applied("alice re-asserts candidate 10% over 30% (blue 70% → 90%, green 30% → 10%)"),
            Wait(500),
            Share(100),
            Said("candidate 10% set again, read back"),
            Open("drift"),
            Sent(2, 0),
            Reassert("alice"),
            Refused("nothing to re-assert"),
            // And it goes on from where it was.
            Wait(8_000),
            Share(500),
        ],
    );
    assert_eq!(rig.noted(|fact| matches!(fact, Fact::Reasserted)), 1, "{}", story(&rig));
}

/// A colleague's rollback is adopted or completed, whoever asks, and whatever the gates say.
#[test]
fn a_move_towards_stable_is_never_undone() {
    for permille in [0, 20, 99] {
        let mut rig = Rig::at_first_step(&MANUAL);
        let foreign = split(&rig.balancer.layout, permille);
        rig.balancer.land(&foreign);
        rig.wait(2_000);
        let drift = rig.engine.snapshot().drift.expect("it is seen");
        assert!(drift.towards_stable && !drift.reassert_refused.expect("told").is_empty());
        let why = refusal(&rig.reassert("alice"));
        assert!(why.contains("it would give the candidate more than somebody else left it"), "{why}");
        rig.wait(10_000);
        assert_eq!((rig.writes.len(), rig.balancer.share()), (1, permille as u16), "{}", story(&rig));
    }
}

/// One node more, the other less: the one that was moved towards stable decides.
#[test]
fn one_node_towards_stable_is_enough() {
    let mut rig = Rig::at_first_step(&NODES);
    let part = |permille, node| {
        let mut setting = split(&rig.balancer.layout, permille);
        setting.0.retain(|slot, _| slot.node == node);
        setting
    };
    let (more, less) = (part(500, 0), part(0, 1));
    rig.balancer.land(&more);
    rig.wait(2_000);
    let drift = rig.engine.snapshot().drift.expect("seen");
    assert_eq!(drift.reassert_refused, Some(Vec::new()), "it can be set again");
    assert_eq!(drift.nodes.len(), 1, "{:?}", drift.nodes);
    assert_eq!((drift.nodes[0].0.as_str(), drift.nodes[0].2), ("lb1", Some(0.5)));
    assert!(drift.words.as_str().contains("(lb1: b1 "), "{}", drift.words);
    rig.balancer.land(&less);
    rig.wait(2_000);
    assert!(refusal(&rig.reassert("alice")).contains("more than somebody else left it"));
    assert_eq!(rig.writes.len(), 1);
}

/// The same share in other numbers moves nothing, and may be set right.
#[test]
fn other_weights_of_the_same_share_can_be_set_right() {
    let mut rig = Rig::at_first_step(&NODES);
    let before = rig.balancer.setting.clone();
    let twice = Setting(before.0.iter().map(|(slot, weight)| (slot.clone(), weight.div_ceil(2))).collect());
    rig.balancer.land(&twice);
    rig.wait(2_000);
    let drift = rig.engine.snapshot().drift.expect("native weights are compared");
    let answer = rig.reassert("alice");
    // Whether halves make exactly the same share depends on the weights: never more than was there.
    match drift.reassert_refused.expect("told").first() {
        None => assert!(matches!(answer, Answer::Applied(_)), "{answer:?}"),
        Some(_) => assert!(matches!(answer, Answer::Refused(_)), "{answer:?}"),
    }
}

/// A half-applied write of its own is made whole at what was last read back; the step is then the driver's to repeat.
#[test]
fn a_half_applied_write_is_made_whole() {
    play(
        &NODES,
        &[
            Comes("alice"),
            Wait(3_000),
            Next(&[Fate::Half]),
            Advance("alice"),
            Wait(9_000),
            Is(Phase::Held),
            Said("10% was not reached"),
            Locked("drift", "half-applied"),
            Reassert("alice"),
            Applied("re-asserts candidate 0%"),
            Wait(1_000),
            Share(0),
            Open("drift"),
            Is(Phase::Held),
            Resume("alice"),
            Applied("resumes"),
            Wait(1_000),
            Advance("alice"),
            Applied("0% → 10%"),
            Wait(1_000),
            Share(100),
        ],
    );
}

#[test]
fn every_gate_is_asked_but_drift_bake_and_approval() {
    let mut rig = drifted();
    rig.worlds[Role::Candidate].errors = 0.5;
    rig.wait(4_000);
    let why = refusal(&rig.reassert("alice"));
    assert!(why.contains("limit") && !why.contains("drift") && !why.contains("bake"), "{why}");
    let mut rig = drifted();
    rig.balancer.dark.insert(0);
    rig.wait(4_000);
    assert!(refusal(&rig.reassert("alice")).contains("balancer"));
    let mut rig = drifted();
    rig.checks[0] = Some(warroom::domain::Verdict::Fail);
    rig.wait(3_000);
    assert!(refusal(&rig.reassert("alice")).contains("candidate health"));
    assert_eq!(rig.writes.len(), 1);
}

#[test]
fn it_is_bound_to_what_was_seen() {
    let mut rig = drifted();
    let generation = rig.generation();
    // The same verdicts, and another change.
    let other = split(&rig.balancer.layout, 301);
    rig.balancer.land(&other);
    rig.wait(1_500);
    let answer = rig.ask_for("alice", Command::Reassert { generation });
    assert!(matches!(answer, Answer::Late(_)), "{answer:?}");
    assert_eq!(rig.writes.len(), 1);
}

/// Between the key and the write somebody rolls back by hand: the look before the write finds it.
#[test]
fn a_colleague_who_is_faster_is_not_overruled() {
    let mut rig = drifted();
    rig.disk = Disk::Slow(200);
    assert!(matches!(rig.reassert("alice"), Answer::Applied(_)));
    rig.wait(100);
    let back = split(&rig.balancer.layout, 0);
    rig.balancer.land(&back);
    rig.wait(3_000);
    assert_eq!((rig.writes.len(), rig.balancer.share()), (1, 0), "{}", story(&rig));
    assert!(rig.said("10% was not set again: somebody changed it before it was sent"), "{}", story(&rig));
    assert_eq!(rig.engine.phase(), Phase::Held);
    assert!(refusal(&rig.reassert("alice")).contains("more than somebody else left it"));
}

#[test]
fn whoever_takes_it_back_needs_no_write() {
    let mut rig = drifted();
    rig.disk = Disk::Slow(200);
    rig.reassert("alice");
    rig.wait(100);
    let own = split(&rig.balancer.layout, 100);
    rig.balancer.land(&own);
    rig.wait(2_000);
    assert!(rig.said("10% was not set again: the balancer holds it"), "{}", story(&rig));
    assert_eq!((rig.writes.len(), rig.engine.phase()), (1, Phase::Baking));
}

#[test]
fn two_hands_that_fight_are_told_so() {
    let mut rig = drifted();
    rig.reassert("alice");
    rig.wait(1_000);
    assert_eq!(rig.balancer.share(), 100, "{}", story(&rig));
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.wait(2_000);
    let drift = rig.engine.snapshot().drift.expect("again");
    assert!(drift.times == 2 && !drift.own, "{drift:?}");
    assert!(rig.said("by somebody else, TIME 2: two hands are fighting over it"), "{}", story(&rig));
    let band = rig.engine.snapshot().band.text;
    assert!(band.as_str().contains("DRIFT TIME 2: SOMEBODY ELSE set 30%"), "{band}");
    // A rollback goes over what a person had this run go over before.
    rig.roll_back("alice", None);
    rig.wait(200);
    rig.balancer.land(&foreign);
    rig.wait(9_000);
    assert_eq!(rig.balancer.share(), 0, "{}", story(&rig));
}

/// Nothing is done until it is read back: what does not land is missed, and the drift is still there.
#[test]
fn what_is_not_read_back_is_not_done() {
    for fate in [Fate::Lost, Fate::Ignored, Fate::Refused, Fate::NotSent] {
        let mut rig = drifted();
        rig.next_fates(&[fate]);
        rig.reassert("alice");
        rig.wait(500);
        assert!(!rig.said("set again, read back"));
        rig.wait(9_000);
        assert_eq!(rig.engine.phase(), Phase::Held, "{fate:?}\n{}", story(&rig));
        assert!(rig.said("10% was not set again"), "{fate:?}\n{}", story(&rig));
        let drift = rig.engine.snapshot().drift.expect("still there");
        assert!(!drift.own && drift.times == 1, "{fate:?} {drift:?}");
        // From the hold it can be tried once more.
        assert!(matches!(rig.reassert("alice"), Answer::Applied(_)));
        rig.wait(1_000);
        assert_eq!(rig.balancer.share(), 100, "{fate:?}\n{}", story(&rig));
    }
}

#[test]
fn a_rollback_supersedes_it() {
    for wait in [0, 5, 15, 40] {
        let mut rig = drifted();
        rig.next_fates(&[Fate::Slow(50)]);
        rig.reassert("alice");
        rig.wait(wait);
        rig.roll_back("bob", None);
        rig.wait(20_000);
        assert_eq!(rig.balancer.share(), 0, "after {wait} ms\n{}", story(&rig));
        assert!(matches!(rig.engine.phase(), Phase::RolledBack), "{}", story(&rig));
    }
}

#[test]
fn a_hold_keeps_it_from_being_sent() {
    let mut rig = drifted();
    rig.disk = Disk::Slow(500);
    rig.reassert("alice");
    rig.wait(100);
    rig.ask_for("bob", Command::Hold);
    rig.wait(2_000);
    assert_eq!((rig.writes.len(), rig.balancer.share()), (1, 300), "{}", story(&rig));
    assert!(rig.said("10% was not sent: held"));
}

/// A re-assert goes out under a hold that was there; a hold that is asked for after it stops it all the same.
#[test]
fn a_hold_after_it_keeps_it_from_being_sent_also_under_an_older_one() {
    let mut rig = drifted();
    rig.ask_for("bob", Command::Hold);
    rig.disk = Disk::Slow(500);
    assert!(matches!(rig.reassert("alice"), Answer::Applied(_)));
    rig.wait(100);
    let answer = format!("{:?}", rig.ask_for("alice", Command::Hold));
    assert!(answer.contains("already holding since"), "{answer}");
    rig.wait(2_000);
    assert_eq!((rig.writes.len(), rig.balancer.share()), (1, 300), "{}", story(&rig));
    assert!(rig.said("10% was not sent: held"));
    assert_eq!(rig.noted(|fact| matches!(fact, Fact::NotReasserted)), 1);
    // What has gone out is past holding.
    assert!(matches!(rig.reassert("alice"), Answer::Applied(_)));
    rig.disk = Disk::Fine;
    rig.wait(2_000);
    rig.ask_for("alice", Command::Hold);
    rig.wait(2_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Held, 100), "{}", story(&rig));
}

#[test]
fn a_disk_that_refuses_keeps_it_from_being_sent() {
    let mut rig = drifted();
    rig.disk = Disk::Refuses;
    rig.reassert("alice");
    rig.wait(3_000);
    assert_eq!((rig.writes.len(), rig.balancer.share()), (1, 300), "{}", story(&rig));
}

/// Killed at its record, before or after what follows from it was begun: held, and the balancer's truth.
#[test]
fn killed_in_the_middle_it_comes_back_held_and_true() {
    for moment in [Moment::Before, Moment::After] {
        let mut rig = drifted();
        rig.crash_at = Some((rig.entries.len() + 1, moment));
        rig.reassert("alice");
        rig.wait(100);
        assert!(rig.crashed);
        rig.crash_at = None;
        rig.crashed = false;
        rig.crash();
        rig.come("alice");
        rig.wait(9_000);
        assert_eq!(rig.engine.phase(), Phase::Held, "{moment:?}\n{}", story(&rig));
        // It was never sent: the look comes between.
        let drift = rig.engine.snapshot().drift.expect("the truth");
        assert!(!drift.own && drift.reassert_refused == Some(Vec::new()), "{moment:?} {drift:?}");
        assert!(matches!(rig.reassert("alice"), Answer::Applied(_)));
        rig.wait(1_000);
        assert_eq!(rig.balancer.share(), 100);
    }
}

/// Killed while it was on its way: it lands without anybody, and is found.
#[test]
fn killed_while_it_lands_it_is_found() {
    let mut rig = drifted();
    rig.next_fates(&[Fate::Late(3_000)]);
    rig.reassert("alice");
    rig.wait(100);
    assert_eq!(rig.writes.len(), 2, "{}", story(&rig));
    rig.crash();
    rig.come("alice");
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Held, 100), "{}", story(&rig));
    assert!(rig.engine.snapshot().drift.is_none() && rig.said("10% set again, read back"), "{}", story(&rig));
}

/// Somebody else went where going back breaks something: this run does not take traffic back from there.
#[test]
fn past_a_point_of_no_return_of_another_hand_it_is_refused() {
    const STEPS: &str = r#"
    [[steps]]
    split = "10 %"
    bake = "5s"
    [[steps]]
    split = "50 %"
    bake = "5s"
    point_of_no_return = "schema v43"
    [[steps]]
    split = "100 %"
    bake = "5s"
"#;
    let mut rig = Rig::at_first_step(&Sections { steps: STEPS, ..MANUAL });
    for (permille, refused) in [(400, false), (500, true), (1000, true)] {
        let foreign = split(&rig.balancer.layout, permille);
        rig.balancer.land(&foreign);
        rig.wait(2_000);
        let why = rig.engine.snapshot().drift.expect("seen").reassert_refused.expect("told");
        assert_eq!(why.iter().any(|why| why.as_str().contains("schema v43")), refused, "{permille}: {why:?}");
    }
    assert!(refusal(&rig.reassert("alice")).contains("past the point of no return (schema v43)"));
    assert_eq!(rig.writes.len(), 1);
}

#[test]
fn in_no_phase_of_a_rollback_or_after_the_end() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            Rollback("alice"),
            Foreign(300),
            Reassert("alice"),
            Refused("a rollback was accepted"),
            Wait(200),
            End("alice"),
            Reassert("alice"),
            Refused("a rollback was accepted"),
        ],
    );
}

/// Where this run itself went past it, it has decided that: what another hand adds to it may be taken back.
#[test]
fn past_its_own_point_of_no_return_what_it_set_is_set_again() {
    const STEPS: &str = r#"
    [[steps]]
    split = "10 %"
    bake = "5s"
    point_of_no_return = "schema v43"
    [[steps]]
    split = "100 %"
    bake = "5s"
"#;
    let mut rig = Rig::at_first_step(&Sections { steps: STEPS, ..MANUAL });
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.wait(2_000);
    assert!(matches!(rig.reassert("alice"), Answer::Applied(_)), "{}", story(&rig));
    rig.wait(1_000);
    assert_eq!(rig.balancer.share(), 100, "{}", story(&rig));
}

/// Nobody knows whether it went out in whole: what is there now may be another hand's, and a part of it still to land.
#[test]
fn one_whose_outcome_is_unknown_is_done_only_after_its_window() {
    let mut rig = drifted();
    rig.next_fates(&[Fate::AnswerLost]);
    rig.reassert("alice");
    rig.wait(4_000);
    assert_eq!(rig.balancer.share(), 100, "{}", story(&rig));
    assert!(!rig.said("10% set again, read back"), "{}", story(&rig));
    rig.wait(4_000);
    assert!(rig.said("10% set again, read back"), "{}", story(&rig));
    assert_eq!(rig.engine.phase(), Phase::Baking);
}

/// What another hand sets meanwhile is told when it is seen, and not when the write is over.
#[test]
fn another_hand_during_it_is_told_at_once() {
    let mut rig = drifted();
    rig.next_fates(&[Fate::Lost]);
    rig.reassert("alice");
    rig.wait(500);
    let other = split(&rig.balancer.layout, 200);
    rig.balancer.land(&other);
    rig.wait(2_000);
    assert!(rig.said("DRIFT: candidate 10% → 20%, by somebody else"), "{}", story(&rig));
}

#[test]
fn a_restarted_keeper_knows_that_two_hands_fight() {
    let mut rig = drifted();
    rig.reassert("alice");
    rig.wait(1_000);
    assert_eq!(rig.balancer.share(), 100, "{}", story(&rig));
    rig.crash();
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.wait(2_000);
    assert_eq!(rig.engine.snapshot().drift.map(|drift| drift.times), Some(2), "{}", story(&rig));
}

/// The look before it may have to wait for a read that is under way, and both for a balancer that is slow.
#[test]
fn a_slow_balancer_is_waited_for_twice() {
    let traffic: &str = HTTP.replace("\"5s\"", "\"20s\"").replace("timeout = \"1s\"", "timeout = \"12s\"").leak();
    for later in [1_000, 3_000, 5_000, 7_000, 9_000, 11_000] {
        let mut rig = Rig::at_first_step(&Sections { traffic, ..MANUAL });
        rig.read_takes = 10_000_000;
        let other = split(&rig.balancer.layout, 300);
        rig.balancer.land(&other);
        rig.wait(40_000 + later);
        assert!(matches!(rig.reassert("alice"), Answer::Applied(_)), "{}", story(&rig));
        rig.wait(40_000);
        assert_eq!(rig.balancer.share(), 100, "{later}\n{}", story(&rig));
    }
}
