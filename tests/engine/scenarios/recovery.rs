//! Killed at any record: what the next keeper makes of the journal and of the balancer's truth.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{AUTOMATIC, MANUAL, NODES, Sections};
use crate::engine::rig::{Disk, Moment, Rig};
use crate::engine::script::Act::*;
use crate::engine::script::{Act, does, refusal, story};
use warroom::domain::{Clean, Mono, Role};
use warroom::engine::{Answer, Command, Direction, Effect, Entry, Fact, Phase, RollbackState};

/// Up to 50 %, with a missed step, a hold, an adoption, an approval-free way on, and back again.
const LIFE: &[Act] = &[
    Comes("alice"),
    Wait(3_000),
    Advance("alice"),
    Wait(7_000),
    Hold("alice"),
    Wait(500),
    Resume("alice"),
    Wait(100),
    Next(&[Fate::Lost]),
    Advance("alice"),
    Wait(8_000),
    Resume("alice"),
    Wait(100),
    Foreign(300),
    Wait(2_000),
    Adopt("alice"),
    Wait(7_000),
    Next(&[Fate::AnswerLost]),
    Advance("alice"),
    Wait(7_000),
    Suspend("alice", 600),
    Rollback("alice"),
    Wait(12_000),
    End("alice"),
    Wait(100),
];

/// To 100 %, watched, and ended there.
const WHOLE: &[Act] = &[
    Comes("alice"),
    Wait(3_000),
    Advance("alice"),
    Wait(14_000),
    Advance("alice"),
    Wait(80_000),
    End("alice"),
    Wait(100),
];

fn lived(sections: &Sections, acts: &[Act], crash_at: Option<(usize, Moment)>) -> Rig {
    let mut rig = Rig::new(sections);
    rig.crash_at = crash_at;
    for act in acts {
        if rig.crashed {
            break;
        }
        does(&mut rig, act);
    }
    rig
}

/// Invariant 10, at every record of two lives, before and after what follows from it was begun.
#[test]
fn killed_at_every_record_it_shows_where_it_stands_and_holds() {
    for (sections, acts) in [(&MANUAL, LIFE), (&AUTOMATIC, WHOLE)] {
        let records = lived(sections, acts, None).entries.len();
        assert!(records > 10, "a life worth the name: {records}");
        for count in 0..=records {
            for moment in [Moment::Before, Moment::After] {
                killed_at(sections, acts, count, moment);
            }
        }
    }
}

fn killed_at(sections: &Sections, acts: &[Act], count: usize, moment: Moment) {
    let mut rig = lived(sections, acts, Some((count, moment)));
    let place = format!("killed {moment:?} record {count}: {:?}", rig.entries.last().map(|e| &e.text));
    rig.crash_at = None;
    rig.crashed = false;
    rig.stopped = false;
    rig.next_fates(&[]);
    let (forward, entries) = (rig.sent(Direction::Forward), rig.entries.clone());
    rig.restart_from(&entries);
    let has = |wanted: fn(&Fact) -> bool| entries.iter().any(|entry| wanted(&entry.fact));

    // Nobody is here for longer than any lateness window.
    rig.wait(15_000);
    assert_eq!(rig.sent(Direction::Forward), forward, "{place}: forward by itself\n{}", story(&rig));
    let snapshot = rig.engine.snapshot();
    assert_eq!(snapshot.violation, None, "{place}");
    if has(|fact| matches!(fact, Fact::Ended)) {
        assert_eq!(rig.engine.phase(), Phase::Ended, "{place}");
        return;
    }
    if has(|fact| matches!(fact, Fact::RollbackAccepted { .. })) {
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{place}\n{}", story(&rig));
        assert!(rig.balancer.is_back(), "{place}");
        return;
    }
    assert_eq!(rig.engine.phase(), Phase::Held, "{place}\n{}", story(&rig));
    assert_eq!(rig.sent(Direction::Back), 0, "{place}");
    let stands = snapshot.split.wanted.permille() == rig.balancer.share();
    assert!(stands || snapshot.drift.is_some(), "{place}: {:?}\n{}", snapshot.split, story(&rig));

    // And from there both ways are open.
    rig.come("alice");
    rig.wait(500);
    let answer = rig.resume("alice");
    assert!(matches!(answer, Answer::Applied(_)), "{place}: {answer:?}");
    let answer = rig.roll_back("alice", None);
    assert!(matches!(answer, Answer::Applied(_)), "{place}: {answer:?}");
    rig.wait(12_000);
    assert!(rig.balancer.is_back(), "{place}\n{}", story(&rig));
}

#[test]
fn a_dangling_intent_is_resolved_by_reading() {
    // Fate of the write that the dead keeper had sent, share in the end, what is said.
    for (fate, share, words) in [
        (Fate::Fine, 100, "candidate 10% read back"),
        (Fate::Late(3_000), 100, "candidate 10% read back"),
        (Fate::Lost, 0, "10% was not reached"),
    ] {
        let mut rig = Rig::ready(&MANUAL);
        rig.next_fates(&[fate]);
        rig.advance("alice");
        rig.wait(5);
        assert_eq!(rig.sent(Direction::Forward), 1);
        rig.crash();
        rig.come("alice");
        assert_eq!(rig.engine.phase(), Phase::Held);
        rig.wait(8_000);
        assert!(rig.said(words), "{fate:?}\n{}", story(&rig));
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Held, share), "{fate:?}");
        assert!(rig.engine.snapshot().drift.is_none(), "{fate:?}");
    }
}

/// While nobody knows where the dead keeper's write is, resuming does not let another one out.
#[test]
fn a_dangling_intent_locks_forward_until_it_is_resolved() {
    let mut rig = Rig::ready(&MANUAL);
    rig.next_fates(&[Fate::Late(4_000)]);
    rig.advance("alice");
    rig.wait(5);
    rig.crash();
    rig.come("alice");
    rig.wait(1_500);
    rig.resume("alice");
    assert_eq!(rig.engine.phase(), Phase::Shifting);
    let answer = rig.override_with("alice", "checkout", "now");
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    rig.wait(1_000);
    assert_eq!(rig.sent(Direction::Forward), 1);
}

#[test]
fn an_interrupted_rollback_goes_on_by_itself_over_the_old_keepers_late_write() {
    let mut rig = Rig::ready(&MANUAL);
    rig.next_fates(&[Fate::Late(4_000), Fate::Lost]);
    rig.advance("alice");
    rig.wait(5);
    rig.roll_back("alice", None);
    rig.wait(100);
    rig.crash();
    assert_eq!(rig.engine.phase(), Phase::RollingBack);
    rig.wait(15_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    assert_eq!(rig.balancer.share(), 0);
    let answer = rig.advance("alice");
    assert!(format!("{answer:?}").contains("nothing moves forward in this run"), "{answer:?}");
}

#[test]
fn what_changed_while_no_keeper_was_there_is_drift() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let foreign = split(&rig.balancer.layout, 300);
    rig.balancer.land(&foreign);
    rig.crash();
    rig.come("alice");
    rig.wait(2_000);
    assert_eq!(rig.engine.phase(), Phase::Held);
    assert!(rig.said("DRIFT: candidate 10% → 30%, by somebody else"), "{}", story(&rig));
}

#[test]
fn the_seat_the_suspension_and_the_step_are_remembered() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.come("bob");
    rig.ask_for("bob", Command::Take);
    let lasting = std::time::Duration::from_mins(10);
    rig.ask_for("bob", Command::Suspend { lasting, reason: "load test".into() });
    rig.wait(100);
    rig.crash();
    let snapshot = rig.engine.snapshot();
    assert_eq!(snapshot.people.driver.unwrap().name.as_str(), "bob");
    assert!(snapshot.suspended.is_some());
    assert_eq!(snapshot.split.wanted.permille(), 100);
    assert_eq!(snapshot.bake.unwrap().0, std::time::Duration::ZERO, "the bake begins anew");
}

/// What runs out by the clock goes on running out while no keeper is there.
#[test]
fn a_restart_neither_lengthens_nor_ends_a_suspension_and_begins_the_watch_anew() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let lasting = std::time::Duration::from_secs(20);
    rig.ask_for("alice", Command::Suspend { lasting, reason: "load test".into() });
    rig.wait(5_000);
    rig.crash();
    rig.wait(13_000);
    assert!(rig.engine.snapshot().suspended.is_some(), "18 of 20 s\n{}", story(&rig));
    rig.wait(4_000);
    assert!(rig.engine.snapshot().suspended.is_none() && rig.said("its suspension ran out"), "{}", story(&rig));

    let complete = |fact: &Fact| matches!(fact, Fact::Completed);
    let mut rig = lived(&AUTOMATIC, &WHOLE[..WHOLE.len() - 3], None);
    rig.wait_until(1_000, |rig| rig.noted(complete) > 0);
    rig.wait(30_000);
    rig.crash();
    rig.wait(55_000);
    assert!(!rig.said("the watch after 100 % is over"), "at most 55 of 60 s\n{}", story(&rig));
    rig.wait(10_000);
    assert!(rig.said("the watch after 100 % is over"), "{}", story(&rig));
}

/// What a person wrote down is written again like what a restart needs: they heard that it is noted.
#[test]
fn a_note_that_the_disk_refused_is_written_again() {
    let mut rig = Rig::ready(&MANUAL);
    rig.disk = Disk::Refuses;
    for text in ["the first", "the second"] {
        let answer = rig.ask_for("alice", Command::Note { text: text.into() });
        assert_eq!(answer, Answer::Applied("noted".into()));
    }
    rig.ask_for("alice", Command::Suspend { lasting: std::time::Duration::from_mins(1), reason: "kept".into() });
    rig.wait(500);
    rig.disk = Disk::Fine;
    rig.wait(8_000);
    let written = |words: &str| rig.entries.iter().filter(|entry| entry.text.as_str().contains(words)).count();
    assert_eq!(["the first", "the second", "kept"].map(written), [1; 3], "{}", story(&rig));
}

/// What a restart needs is written again; what was only said is not, and locks nothing once the disk is back.
#[test]
fn what_was_only_said_is_not_written_again() {
    let mut rig = Rig::ready(&MANUAL);
    rig.disk = Disk::Refuses;
    rig.come("carol");
    rig.ask_for("alice", Command::Suspend { lasting: std::time::Duration::from_mins(1), reason: "kept".into() });
    rig.wait(500);
    rig.disk = Disk::Fine;
    rig.wait(5_000);
    let written = |words: &str| rig.entries.iter().filter(|entry| entry.text.as_str().contains(words)).count();
    assert_eq!((written("carol attached"), written("kept")), (0, 1), "{}", story(&rig));
}

#[test]
fn after_a_restart_a_resumed_run_goes_on_to_the_end() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.crash();
    rig.come("alice");
    rig.wait(8_000);
    rig.resume("alice");
    rig.wait(100);
    for share in [500, 1000] {
        rig.advance("alice");
        rig.wait(8_000);
        assert_eq!(rig.balancer.share(), share, "{}", story(&rig));
    }
    assert_eq!(rig.engine.phase(), Phase::Complete);
}

/// Invariants 3 and 10: the rollback target must be on disk before anything is touched, or a restarted keeper
/// takes the half-way split for the state before the run.
#[test]
fn nothing_is_touched_while_the_state_before_the_run_is_not_on_disk() {
    let mut rig = Rig::new(&NODES);
    rig.disk = Disk::Refuses;
    rig.come("alice");
    rig.wait(500);
    assert!(rig.said("balancer recorded before anything is touched"));
    rig.disk = Disk::Fine;
    rig.ask_for("alice", Command::Note { text: "freed some space".into() });
    rig.wait(7_000);
    rig.advance("alice");
    rig.wait(1_000);
    let on_disk = rig.entries.iter().any(|entry| matches!(entry.fact, Fact::Baseline { .. }));
    assert!(on_disk || rig.sent(Direction::Forward) == 0, "{}", story(&rig));
}

#[test]
fn a_rollback_of_a_restarted_run_returns_to_the_weights_before_it() {
    let mut rig = Rig::new(&NODES);
    for (slot, weight) in &mut rig.balancer.setting.0 {
        *weight = if slot.name == "b2" { *weight / 2 } else { *weight };
    }
    let before = rig.balancer.setting.clone();
    rig.come("alice");
    rig.wait(7_000);
    rig.advance("alice");
    rig.wait(2_000);
    rig.crash();
    rig.come("alice");
    rig.wait(1_000);
    rig.roll_back("alice", None);
    rig.wait(8_000);
    assert_eq!(rig.balancer.setting, before);
    assert_eq!(rig.engine.snapshot().rollback.unwrap().state, RollbackState::RolledBack);
}

/// The wall clock is set back while no keeper is there: what was asked for twenty seconds ends after twenty seconds.
#[test]
fn a_clock_that_is_set_back_makes_no_suspension_longer() {
    let mut rig = Rig::at_first_step(&MANUAL);
    does(&mut rig, &Suspend("alice", 20));
    rig.wait(5_000);
    rig.set_wall_back(600_000);
    rig.crash();
    rig.come("alice");
    rig.wait(14_000);
    assert!(rig.engine.snapshot().suspended.is_some(), "{}", story(&rig));
    rig.wait(2_000);
    assert_eq!(rig.engine.snapshot().suspended, None, "{}", story(&rig));
    assert!(rig.said("its suspension ran out"), "{}", story(&rig));
}

/// What this program got wrong once freezes the run, whoever keeps it; a journal of before says nothing of it.
#[test]
fn a_violated_invariant_outlives_its_keeper() {
    let mut rig = Rig::at_first_step(&MANUAL);
    let mut entries = rig.entries.clone();
    let mut last = entries.last().expect("a run writes").clone();
    last.number += 1;
    last.fact = Fact::Violated { why: "2: a setting that is not whole".into() };
    entries.push(last);
    rig.restart_from(&entries);
    rig.come("alice");
    rig.wait(7_000);
    rig.resume("alice");
    assert_eq!(rig.engine.snapshot().violation.as_ref().map(Clean::as_str), Some("2: a setting that is not whole"));
    for answer in [rig.advance("alice"), rig.override_with("alice", "checkout", "in a hurry")] {
        assert!(refusal(&answer).contains("FAIL engine: frozen: 2: a setting that is not whole"), "{answer:?}");
    }
    assert!(rig.engine.snapshot().band.text.as_str().contains("forward frozen"));
    assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)));
    rig.wait(100);
    let band = rig.engine.snapshot().band;
    assert!(band.text.as_str().starts_with("by alice") && band.text.as_str().contains("forward frozen"), "{band:?}");
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RolledBack, 0), "{}", story(&rig));
    assert!(rig.engine.snapshot().band.text.as_str().contains("all traffic on BLUE"));
}

/// What the candidate failed before this keeper, and while there was none, nobody has counted.
#[test]
fn after_a_restart_errors_are_at_least_so_many() {
    let mut rig = Rig::ready(&MANUAL);
    rig.crash();
    rig.wait(3_000);
    assert!(!rig.engine.snapshot().failed_at_least, "nothing was sent there");
    let mut rig = Rig::at_first_step(&MANUAL);
    assert!(!rig.engine.snapshot().failed_at_least);
    rig.worlds[Role::Candidate].errors = 0.01;
    rig.wait(5_000);
    rig.crash();
    rig.wait(10_000);
    let snapshot = rig.engine.snapshot();
    assert!(snapshot.failed_at_least && !snapshot.blind && snapshot.failed_on_candidate.0 > 0, "{}", story(&rig));
}

/// A rollback is as old as its acceptance, whoever was its keeper then.
#[test]
fn a_resumed_rollback_is_as_old_as_it_is() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.balancer.usual = Fate::Lost;
    rig.roll_back("alice", None);
    rig.wait(2_000);
    let entries = rig.entries.clone();
    let tempo = rig.engine.snapshot().tempo;
    rig.wait(598_000);
    rig.restart_from(&entries);
    rig.balancer.usual = Fate::Fine;
    rig.wait(30_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    let view = rig.engine.snapshot().rollback.expect("it was accepted");
    for took in [view.acknowledged, view.read_back, view.confirmed, view.rolled_back] {
        assert!(took.is_some_and(|took| (600..640).contains(&took.as_secs())), "{view:?}");
    }
    assert_eq!(view.accepted_mono + view.rolled_back.expect("it is"), rig.now().minus(since_rolled_back(&rig)));
    let at = view.accepted.plus(view.rolled_back.expect("it is")).clock();
    let band = rig.engine.snapshot().band.text.to_string();
    assert!(band.contains(&format!("at {at}")) && band.contains("took 60") && !band.contains("took 6."), "{band}");
    assert!(rig.said("ROLLED BACK +60") && rig.said("rollback confirmed +60"), "{}", story(&rig));
    // How long a whole one takes this keeper has not measured.
    assert_eq!(rig.engine.snapshot().tempo.confirmed, tempo.confirmed);
}

fn since_rolled_back(rig: &Rig) -> std::time::Duration {
    let end = rig.turns.iter().find(|turn| turn.effects.iter().any(rolls_back)).expect("it says so");
    rig.now().since(end.at)
}

fn rolls_back(effect: &Effect) -> bool {
    matches!(effect, Effect::Journal { entry, .. } if entry.fact == Fact::RolledBack)
}

/// When another keeper sent a step nobody knows: how long it took is not told, nor what a write takes.
#[test]
fn a_recovered_step_was_sent_at_a_time_that_nobody_knows() {
    let mut rig = Rig::ready(&MANUAL);
    rig.next_fates(&[Fate::AnswerLost]);
    rig.advance("alice");
    rig.wait(500);
    rig.crash();
    rig.wait(3_000);
    assert!(rig.said("candidate 10% read back") && !rig.said("read back after"), "{}", story(&rig));
    let tempo = rig.engine.snapshot().tempo;
    assert_eq!((tempo.to_balancer, tempo.read_back), (None, None));
    rig.come("alice");
    rig.wait(7_000);
    rig.resume("alice");
    rig.advance("alice");
    rig.wait(2_000);
    let tempo = rig.engine.snapshot().tempo;
    assert!(tempo.to_balancer.is_some() && tempo.read_back.is_some() && rig.said("50% read back after"), "{tempo:?}");
}

/// A disk may take that it is complete and refuse how everything came to the candidate: written again one by one, those
/// before it may be missing when the keeper dies.
#[test]
fn complete_without_its_split_on_disk_is_not_complete() {
    let mut rig = lived(&MANUAL, &WHOLE[..4], None);
    rig.balancer.land(&split(&rig.balancer.layout, 1000));
    rig.wait(2_000);
    rig.ask_for("alice", Command::Adopt);
    rig.wait(80_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    let kept: Vec<_> =
        rig.entries.iter().filter(|entry| !matches!(entry.fact, Fact::Adopted { .. })).cloned().collect();
    rig.restart_from(&kept);
    rig.come("alice");
    rig.wait(3_000);
    let view = rig.engine.snapshot();
    assert!(view.complete.is_none() && view.drift.is_some(), "{}", story(&rig));
    rig.resume("alice");
    rig.wait(20_000);
    assert_ne!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
}

/// After the machine was started anew its clock begins anew: how long ago something was is the wall clock's to say.
#[test]
fn what_was_accepted_before_the_machine_started_is_as_old_as_the_wall_clock_says() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.balancer.dark.insert(0);
    rig.roll_back("alice", None);
    rig.wait(20_000);
    let later = Mono::from_micros(rig.now().micros() + 3_600_000_000);
    let before = rig.entries.iter().map(|entry| Entry { mono: later, ..entry.clone() }).collect::<Vec<_>>();
    rig.restart_from(&before);
    rig.balancer.dark.clear();
    rig.wait(3_000);
    let read_back = rig.engine.snapshot().rollback.expect("it goes on").read_back.expect("seen");
    assert!((20..30).contains(&read_back.as_secs()), "{read_back:?}\n{}", story(&rig));
}
