//! The way to the candidate: one step at a time, each written, read back and baked.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{AUTOMATIC, MANUAL, NODES, STEPS, Sections};
use crate::engine::rig::{Disk, Rig, Scraping, Turn};
use crate::engine::script::Act::*;
use crate::engine::script::{Act, does, play, story};
use warroom::domain::{Role, Verdict};
use warroom::engine::{Direction, Effect, Fact, Phase};

#[test]
fn a_whole_cutover_by_hand() {
    let rig = play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Is(Phase::Ready),
            Advance("alice"),
            Applied("0% → 10%"),
            Is(Phase::Shifting),
            Wait(1_000),
            Is(Phase::Baking),
            Share(100),
            Advance("alice"),
            Refused("bake"),
            Wait(6_000),
            Advance("alice"),
            Wait(7_000),
            Share(500),
            Advance("alice"),
            Wait(1_000),
            Share(1000),
            Is(Phase::Baking),
            Wait(6_000),
            Is(Phase::Complete),
            Said("COMPLETE: 100% on GREEN v2"),
            Advance("alice"),
            Refused("there is no further step"),
            Wait(61_000),
            Said("the watch after 100 % is over"),
            End("alice"),
            Applied("candidate 100%"),
            Is(Phase::Ended),
            Sent(3, 0),
        ],
    );
    assert!(rig.stopped, "END stops the keeper");
    assert!(rig.engine.is_final());
    assert_eq!(rig.engine.next_wake(), None);
}

#[test]
fn nothing_is_sent_before_its_intent_is_on_disk() {
    let mut rig = Rig::ready(&MANUAL);
    rig.disk = Disk::Slow(400);
    rig.advance("alice");
    rig.wait(399);
    assert_eq!(rig.sent(Direction::Forward), 0);
    rig.wait(2);
    assert_eq!(rig.sent(Direction::Forward), 1);
    assert!(rig.entries.iter().any(|entry| matches!(entry.fact, Fact::Intent { step: 0, .. })));
}

#[test]
fn the_keeper_advances_by_itself_and_stops_at_a_hold_point() {
    play(
        &AUTOMATIC,
        &[
            Comes("alice"),
            Wait(30_000),
            Is(Phase::Ready),
            Sent(0, 0),
            Advance("alice"),
            Wait(12_000),
            Share(500),
            Said("automatic for alice"),
            Wait(60_000),
            Is(Phase::Baking),
            Share(500),
            Sent(2, 0),
            Advance("alice"),
            Wait(8_000),
            Is(Phase::Complete),
            Share(1000),
        ],
    );
}

#[test]
fn without_the_driver_here_the_keeper_does_not_go_on() {
    let rig = play(
        &AUTOMATIC,
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("alice"),
            Wait(1_000),
            Comes("carol"),
            Leaves("carol"),
            Said("carol left"),
            Unsaid("waits for the driver"),
            Leaves("alice"),
            Said("automatic advance waits for the driver"),
            Leaves("bob"),
            Wait(30_000),
            Share(100),
            Is(Phase::Baking),
            Comes("alice"),
            Wait(1_000),
            Share(500),
        ],
    );
    let told = rig.lines().filter(|line| line.text.as_str().contains("waits for the driver")).count();
    assert_eq!(told, 1, "only the driver's leaving is that");
}

#[test]
fn a_held_cutover_does_not_go_on_by_itself() {
    play(
        &AUTOMATIC,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(1_000),
            Hold("alice"),
            Wait(30_000),
            Is(Phase::Held),
            Share(100),
            Sent(1, 0),
            Resume("alice"),
            Applied("resumes at 10%"),
            Wait(1_000),
            Share(500),
        ],
    );
}

#[test]
fn hold_takes_back_what_was_not_yet_sent() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            OnDisk(Disk::Slow(500)),
            Advance("alice"),
            Wait(100),
            Hold("alice"),
            Applied("holding at 0%"),
            Wait(5_000),
            Said("10% was not sent: held"),
            Is(Phase::Held),
            Sent(0, 0),
            Hold("alice"),
            Applied("already holding since"),
            Advance("alice"),
            Refused("resume first"),
            Sent(0, 0),
        ],
    );
}

#[test]
fn hold_lets_what_was_sent_be_read_back() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("alice"),
            Wait(5),
            Sent(1, 0),
            Hold("bob"),
            Wait(2_000),
            Is(Phase::Held),
            Share(100),
            Said("candidate 10% read back"),
            Sent(1, 0),
        ],
    );
}

/// What becomes of a write, and where the run then stands.
#[test]
fn a_step_is_reached_only_when_it_is_read_back() {
    use Fate::*;
    // Fate, phase after 900 ms, phase after the lateness window, forward writes, true share.
    let table = [
        (Fine, Phase::Baking, Phase::Baking, 100),
        (Slow(950), Phase::Shifting, Phase::Baking, 100),
        (AnswerLost, Phase::Shifting, Phase::Baking, 100),
        (LateYes(3_000), Phase::Shifting, Phase::Baking, 100),
        (Late(4_000), Phase::Shifting, Phase::Baking, 100),
        (Lost, Phase::Shifting, Phase::Held, 0),
        (Ignored, Phase::Shifting, Phase::Held, 0),
        (Refused, Phase::Held, Phase::Held, 0),
        (NotSent, Phase::Held, Phase::Held, 0),
    ];
    for (fate, soon, late, share) in table {
        let mut rig = Rig::ready(&MANUAL);
        rig.next_fates(&[fate]);
        rig.advance("alice");
        rig.wait(900);
        assert_eq!(rig.engine.phase(), soon, "{fate:?} soon\n{}", story(&rig));
        if soon == Phase::Shifting {
            let again = rig.advance("alice");
            assert!(format!("{again:?}").contains("must be read back first"), "{fate:?}: {again:?}");
        }
        rig.wait(7_000);
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (late, share), "{fate:?}\n{}", story(&rig));
        assert_eq!(rig.sent(Direction::Forward), 1, "{fate:?}");
        assert_eq!(rig.engine.snapshot().violation, None);
    }
}

#[test]
fn after_a_miss_the_same_step_can_be_taken_again() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Next(&[Fate::Lost]),
            Advance("alice"),
            Wait(8_000),
            Is(Phase::Held),
            Said("10% was not reached"),
            Resume("alice"),
            Wait(100),
            // Read back at 0 % after its window, the candidate is as idle as before.
            Is(Phase::Ready),
            Open("limit"),
            Advance("alice"),
            Wait(1_000),
            Share(100),
            Sent(2, 0),
        ],
    );
}

#[test]
fn a_write_that_lands_after_its_window_is_drift_and_freezes() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Next(&[Fate::Late(9_000)]),
            Advance("alice"),
            Wait(8_500),
            Is(Phase::Held),
            Wait(2_000),
            Share(100),
            Said("an earlier or half-applied setting of this run"),
            Locked("drift", ":adopt"),
            Sent(1, 0),
        ],
    );
}

#[test]
fn a_half_applied_write_is_missed_and_then_drift() {
    play(
        &NODES,
        &[
            Comes("alice"),
            Wait(3_000),
            Next(&[Fate::Half]),
            Advance("alice"),
            Wait(1_000),
            Is(Phase::Shifting),
            Unsaid("DRIFT"),
            Wait(8_000),
            Is(Phase::Held),
            Said("10% was not reached"),
            Said("an earlier or half-applied setting of this run"),
            Sent(1, 0),
        ],
    );
}

/// Whoever overrides the hold in the same moment must not be faster than the next read: what is there was read.
#[test]
fn a_half_applied_write_locks_the_moment_it_is_missed() {
    let mut rig = Rig::ready(&NODES);
    rig.next_fates(&[Fate::Half]);
    rig.advance("alice");
    let is_missed = |turn: &Turn| {
        let is_missed = |effect: &Effect| matches!(effect, Effect::Journal { entry, .. } if matches!(entry.fact, Fact::Missed { .. }));
        turn.effects.iter().any(is_missed)
    };
    rig.wait(9_000);
    let turn = rig.turns.iter().find(|turn| is_missed(turn)).expect("it is missed");
    let says = |words: &str| {
        turn.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Journal { entry, .. } if entry.text.as_str().starts_with(words)))
    };
    assert!(says("DRIFT:"), "{}", story(&rig));
}

#[test]
fn a_conditional_write_loses_to_a_change_it_did_not_see() {
    let mut rig = Rig::ready(&MANUAL);
    rig.balancer.has_tags = true;
    rig.wait(2_000);
    let same = rig.balancer.setting.clone();
    rig.balancer.land(&same);
    rig.advance("alice");
    rig.wait(1_000);
    assert!(rig.said("the balancer refused it: 412"), "{}", story(&rig));
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Held, 0));
}

#[test]
fn the_gates_are_asked_again_at_the_moment_of_sending() {
    let rig = play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            OnDisk(Disk::Slow(2_500)),
            Advance("alice"),
            Applied("10%"),
            Check(Verdict::Fail),
            Wait(4_000),
            Said("candidate health closed before it was sent"),
            Is(Phase::Held),
            Sent(0, 0),
        ],
    );
    assert_eq!(rig.noted(|fact| matches!(fact, Fact::Missed { step: 0 })), 1);
}

/// A warning is for a person to judge (`forward.rs`): it must stop the keeper also between intent and write.
#[test]
fn a_warning_that_comes_while_the_intent_is_written_stops_the_keeper() {
    let mut rig = Rig::ready(&AUTOMATIC);
    rig.advance("alice");
    rig.wait(1_000);
    rig.disk = Disk::Slow(3_000);
    rig.wait(5_500);
    assert!(rig.said("automatic for alice"), "{}", story(&rig));
    assert_eq!(rig.sent(Direction::Forward), 1);
    rig.checks[0] = Some(Verdict::Warn);
    rig.wait(4_000);
    assert_eq!(rig.sent(Direction::Forward), 1, "{}", story(&rig));
}

#[test]
fn hazard_17_a_jump_of_the_clock_holds() {
    play(
        &AUTOMATIC,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(1_000),
            Freeze(30_000),
            Said("the keeper stood still for 30 s"),
            Is(Phase::Held),
            Wait(30_000),
            Share(100),
            Sent(1, 0),
        ],
    );
}

/// What was read before it stood still is not known any more, of the balancer, of the limits and of the checks.
#[test]
fn hazard_17_a_keeper_that_stood_still_knows_nothing() {
    let mut rig = Rig::ready(&MANUAL);
    rig.advance("alice");
    rig.wait(8_000);
    let unknown = |rig: &Rig| {
        let gates = rig.engine.gates();
        let unknown = gates.into_iter().filter(|gate| gate.verdict == Verdict::Unknown);
        unknown.map(|gate| gate.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(unknown(&rig), Vec::<String>::new());
    rig.worlds[Role::Candidate].scraping = Scraping::Silent;
    rig.balancer.dark.insert(0);
    rig.freeze(30_000);
    let asked = ["balancer", "rollback target", "feed stable", "feed candidate", "candidate health", "limit"];
    assert_eq!(unknown(&rig), asked, "{:#?}", rig.engine.gates());
}

#[test]
fn time_nobody_looked_does_not_count_as_bake() {
    let mut rig = Rig::ready(&MANUAL);
    rig.advance("alice");
    rig.wait(4_000);
    let before = rig.engine.snapshot().bake.unwrap().0;
    assert!(!before.is_zero());
    rig.freeze(4_000);
    let after = rig.engine.snapshot().bake.unwrap().0;
    assert_eq!(rig.engine.phase(), Phase::Baking, "a gap of less than five polls does not hold");
    assert_eq!(before, after);
}

/// A bake counts healthy time only: not what nobody could see, and not what somebody else set.
#[test]
fn a_bake_pauses_while_nobody_can_see() {
    let silent = || Metrics(Role::Candidate, Scraping::Silent);
    let unlimited = Sections { limits: "[[checks]]\nname = \"balancer\"\nkind = \"balancer\"\n", ..MANUAL };
    for (plan, act, pauses) in [
        (MANUAL, Foreign(300), true),
        (MANUAL, Metrics(Role::Candidate, Scraping::Missing), true),
        (unlimited, silent(), true),
        // While nobody has read the balancer nobody knows what is baked.
        (MANUAL, Dark(0), true),
        (unlimited, Check(Verdict::Pass), false),
    ] {
        let steps = STEPS.replacen("bake = \"5s\"", "bake = \"1m\"", 1);
        let mut rig = Rig::ready(&Sections { steps: Box::leak(steps.into_boxed_str()), ..plan });
        rig.advance("alice");
        rig.wait(8_000);
        does(&mut rig, &act);
        // A silent feed is blind after five seconds.
        rig.wait(7_000);
        let before = rig.engine.snapshot().bake.unwrap().0;
        rig.wait(10_000);
        let baked = rig.engine.snapshot().bake.unwrap().0.saturating_sub(before);
        assert!(!before.is_zero() && baked.is_zero() == pauses, "{act:?}: {before:?} + {baked:?}");
    }
}

#[test]
fn end_leaves_the_split_and_says_so() {
    let acts: &[Act] = &[
        Comes("alice"),
        Wait(3_000),
        Advance("alice"),
        Wait(500),
        Comes("bob"),
        End("bob"),
        Refused("only the driver may end"),
        End("alice"),
        Applied("candidate 10%"),
        Is(Phase::Ended),
        Rollback("alice"),
        Refused("the run has ended"),
        Share(100),
        Sent(1, 0),
    ];
    play(&MANUAL, acts);
}

/// A write under way at END could land in a split that was said to stay as it is.
#[test]
fn end_waits_for_a_write_under_way_also_in_a_hold() {
    let acts: &[Act] = &[
        Comes("alice"),
        Wait(3_000),
        Next(&[Fate::Late(3_000)]),
        Advance("alice"),
        Wait(100),
        End("alice"),
        Refused("must be read back first"),
        Hold("alice"),
        End("alice"),
        Refused("must be read back first"),
    ];
    play(&MANUAL, acts);
}

/// The loop that waits must not turn: `next_wake` names a time that is still to come.
#[test]
fn waiting_for_a_balancer_that_cannot_be_read_does_not_spin() {
    let mut rig = Rig::ready(&MANUAL);
    rig.advance("alice");
    rig.wait(5);
    rig.balancer.dark.insert(0);
    rig.wait(30_000);
    assert_eq!(rig.engine.phase(), Phase::Shifting, "nobody knows where the write is");
    assert_eq!(rig.spins, 0, "next_wake named a time that had passed");
    let told = rig.lines().filter(|line| line.text.as_str().contains("balancer cannot be read")).count();
    assert_eq!(told, 1, "the same failure is told once");
}

/// `BalancerView::read_soon`: the next read begins as soon as none is under way.
#[test]
fn a_write_answered_during_a_read_is_read_back_at_once() {
    let mut rig = Rig::ready(&MANUAL);
    rig.read_takes = 400_000;
    // Stop right after a read has begun, so that it spans the write.
    rig.wait_for_read();
    rig.advance("alice");
    rig.wait(900);
    assert_eq!(rig.engine.phase(), Phase::Baking, "one read to end and one to begin: 800 ms\n{}", story(&rig));
}

/// Invariant 4: the window is over only for a read that *began* after it.
#[test]
fn a_read_that_began_within_the_window_does_not_end_it() {
    // Wherever the reads fall, one of these begins before the write lands and ends after the window.
    for read_takes in (200_000..700_000).step_by(20_000) {
        let mut rig = Rig::ready(&MANUAL);
        rig.read_takes = read_takes;
        rig.next_fates(&[Fate::LateYes(4_950)]);
        rig.advance("alice");
        rig.wait(12_000);
        assert_eq!(rig.engine.phase(), Phase::Baking, "reads of {read_takes} us\n{}", story(&rig));
    }
}

#[test]
fn nothing_is_complete_that_nobody_has_read_lately() {
    let mut acts = vec![Comes("alice"), Wait(3_000)];
    for _ in 0..2 {
        acts.extend([Advance("alice"), Wait(7_000)]);
    }
    acts.extend([Advance("alice"), Wait(1_000), Share(1000), Is(Phase::Baking), Dark(0), Wait(20_000)]);
    acts.extend([Is(Phase::Baking), Unsaid("COMPLETE")]);
    let mut rig = play(&MANUAL, &acts);
    // The first read after that shows another hand's work: still not complete.
    let layout = rig.balancer.layout.clone();
    rig.balancer.land(&split(&layout, 700));
    rig.balancer.dark.clear();
    rig.wait(2_000);
    assert!(rig.said("DRIFT") && !rig.said("COMPLETE"), "{}", story(&rig));
    rig.balancer.land(&split(&layout, 1000));
    rig.wait(2_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
}
