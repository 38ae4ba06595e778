//! The way back: accepted everywhere, sent until it is there, confirmed over the lateness window.

use crate::engine::balancer::{Fate, TIMEOUT, split};
use crate::engine::plans::{HTTP, MANUAL, NODES, Sections};
use crate::engine::rig::{Disk, Rig, Turn};
use crate::engine::script::Act::*;
use crate::engine::script::{does, play, story};
use std::collections::BTreeSet;
use warroom::domain::Role;
use warroom::engine::{
    Answer, Command, Direction, Effect, Event, Fact, Health, Mode, Outcome, OutcomeKind, Phase, RollbackState,
};

/// Invariant 6: accepted in every phase that has a write path, and always to the very end.
#[test]
fn a_rollback_is_accepted_in_every_phase() {
    let start = [Comes("alice"), Wait(3_000)];
    let stepped = [Advance("alice"), Wait(1_000)];
    let table: Vec<(Phase, Vec<crate::engine::script::Act>)> = vec![
        (Phase::Shifting, vec![OnDisk(Disk::Slow(500)), Advance("alice")]),
        (Phase::Shifting, vec![Advance("alice"), Wait(5)]),
        (Phase::Shifting, vec![Next(&[Fate::Late(3_000)]), Advance("alice"), Wait(1_500)]),
        (Phase::Baking, stepped.to_vec()),
        (Phase::Held, [stepped.to_vec(), vec![Hold("alice")]].concat()),
        (Phase::Held, vec![Next(&[Fate::Refused]), Advance("alice"), Wait(500)]),
        (
            Phase::Complete,
            vec![Advance("alice"), Wait(7_000), Advance("alice"), Wait(7_000), Advance("alice"), Wait(7_000)],
        ),
    ];
    for (phase, acts) in table {
        let mut rig = Rig::new(&MANUAL);
        for act in start.iter().chain(&acts) {
            does(&mut rig, act);
        }
        assert_eq!(rig.engine.phase(), phase, "{acts:?}\n{}", story(&rig));
        rig.come("bob");
        let answer = rig.roll_back("bob", None);
        assert!(matches!(answer, Answer::Applied(_)), "{acts:?}: {answer:?}");
        assert_eq!(rig.engine.phase(), Phase::RollingBack);
        rig.wait(12_000);
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{acts:?}\n{}", story(&rig));
        assert!(rig.balancer.is_back());
        assert_eq!(rig.engine.snapshot().violation, None);
    }
}

#[test]
fn with_nothing_to_roll_back_it_says_so_and_does_nothing() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Rollback("alice"),
            Applied("nothing to roll back"),
            Is(Phase::Ready),
            Sent(0, 0),
        ],
    );
}

#[test]
fn what_was_on_the_candidate_before_the_run_can_be_rolled_back() {
    let mut rig = Rig::new(&MANUAL);
    rig.balancer.setting = split(&rig.balancer.layout, 300);
    rig.come("alice");
    rig.wait(3_000);
    assert_eq!(rig.engine.phase(), Phase::Preflight);
    rig.roll_back("alice", None);
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RolledBack, 0));
}

/// An answer that did not come after it was read back is no trouble any more once it is read again.
#[test]
fn what_was_still_tried_is_not_said_once_it_is_there() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.next_fates(&[Fate::AnswerLost]);
    rig.roll_back("alice", None);
    let trouble = |rig: &Rig| rig.engine.snapshot().rollback.expect("a rollback").last_error;
    rig.wait(900);
    assert!(rig.said("candidate 0% read back"), "{}", story(&rig));
    rig.wait(101);
    assert_eq!(trouble(&rig), Some("no answer in 1 s".into()));
    rig.wait(1_000);
    assert_eq!(trouble(&rig), None, "{}", story(&rig));
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), trouble(&rig)), (Phase::RolledBack, None));
}

#[test]
fn once_accepted_nothing_goes_forward_and_asking_again_says_since_when() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Comes("bob"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            Rollback("bob"),
            Applied("rolling back to BLUE v1"),
            Rollback("alice"),
            Applied("already rolling back since"),
            Advance("alice"),
            Refused(":restart begins a new one"),
            Override("alice", "checkout", "because"),
            Refused(":restart begins a new one"),
            Resume("alice"),
            Refused(":restart begins a new one"),
            Hold("alice"),
            Refused(":restart begins a new one"),
            Wait(10_000),
            Is(Phase::RolledBack),
            Advance("alice"),
            Refused(":restart begins a new one"),
            Rollback("alice"),
            Applied("already rolling back since"),
            Sent(1, 1),
            End("alice"),
            Is(Phase::Ended),
        ],
    );
}

#[test]
fn a_reason_is_written_down_and_none_is_said_to_be_missing() {
    for (reason, words) in
        [(Some("P99 doubled"), ": P99 doubled"), (Some(" "), "no reason given yet"), (None, "no reason")]
    {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.ask_for("alice", Command::Rollback { reason: reason.map(Into::into), typed: None });
        assert!(rig.said(words) && rig.said("alice rolls back to BLUE v1"), "{}", story(&rig));
    }
}

#[test]
fn confirmed_only_after_reads_that_span_the_window() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    assert_eq!(rig.engine.snapshot().rollback.unwrap().state, RollbackState::ReadBack);
    rig.wait(3_950);
    assert_eq!(rig.engine.phase(), Phase::RollingBack, "4.95 s is within the window of 5 s");
    let refused = rig.ask_for("alice", Command::End);
    assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
    rig.wait(700);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    let view = rig.engine.snapshot().rollback.unwrap();
    assert!(view.confirmed.unwrap().as_secs_f64() >= 5.0);
    assert!(view.read_back.unwrap().as_secs_f64() < 0.5);
    assert_eq!(view.attempts, 1);
}

#[test]
fn failed_reads_do_not_begin_the_window_anew() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(500);
    rig.balancer.dark.insert(0);
    rig.wait(4_600);
    assert_eq!(rig.engine.phase(), Phase::RollingBack, "without a read at its end it is not spanned");
    rig.balancer.dark.clear();
    rig.wait(700);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
}

/// An older write that lands late begins the window anew and is written over.
#[test]
fn an_own_write_that_lands_late_is_written_over_and_the_window_begins_anew() {
    for late in [Fate::Late(3_000), Fate::LateYes(3_000)] {
        let mut rig = Rig::ready(&MANUAL);
        rig.next_fates(&[late]);
        rig.advance("alice");
        rig.wait(5);
        rig.roll_back("alice", None);
        rig.wait(2_500);
        assert_eq!((rig.balancer.share(), rig.sent(Direction::Back)), (0, 1));
        rig.wait(800);
        assert_eq!((rig.balancer.share(), rig.sent(Direction::Back)), (0, 2), "{}", story(&rig));
        assert!(rig.said("an earlier setting of this run is back"));
        rig.wait(3_500);
        assert_eq!(rig.engine.phase(), Phase::RollingBack, "the window began anew after 3 s");
        rig.wait(2_500);
        assert_eq!(rig.engine.phase(), Phase::RolledBack);
    }
}

#[test]
fn it_is_sent_again_over_lost_refused_and_ignored_writes() {
    use Fate::*;
    for fates in [&[Lost, Lost, Lost][..], &[Refused, NotSent, Refused, NotSent], &[Ignored, Ignored], &[AnswerLost]] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.next_fates(fates);
        rig.roll_back("alice", None);
        rig.wait(20_000);
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{fates:?}\n{}", story(&rig));
        assert!(rig.sent(Direction::Back) >= fates.len().min(2) && rig.balancer.is_back(), "{fates:?}");
    }
}

#[test]
fn it_never_gives_up() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.balancer.usual = Fate::Refused;
    rig.roll_back("alice", None);
    rig.wait(3_600_000);
    let in_an_hour = rig.sent(Direction::Back);
    assert!((1_700..=4_000).contains(&in_an_hour), "about one in two seconds: {in_an_hour}");
    let told = rig.lines().filter(|line| line.text.as_str().contains("rollback attempt")).count();
    assert_eq!(told, 1, "the same reason is told once");
    // From the first doublings on half of each pause is chance, so that several keepers do not beat in step.
    let sends = |turn: &&Turn| turn.effects.iter().any(|effect| matches!(effect, Effect::WriteSplit { .. }));
    let at: Vec<_> = rig.turns.iter().filter(sends).map(|turn| turn.at).collect();
    let pauses: Vec<_> = at.windows(2).skip(10).map(|two| two[1].since(two[0]).as_millis()).collect();
    assert!(pauses.iter().all(|pause| (1_000..2_100).contains(pause)), "{pauses:?}");
    let short = pauses.iter().filter(|pause| **pause < 1_500).count();
    assert!((pauses.len() / 3..pauses.len() * 2 / 3).contains(&short), "{short} of {}", pauses.len());
    rig.balancer.usual = Fate::Fine;
    rig.wait(10_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
}

/// A balancer that says yes and cannot be read may have done nothing.
#[test]
fn what_was_accepted_and_never_seen_is_sent_again() {
    for usual in [Fate::Ignored, Fate::Slow(900)] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.balancer.usual = usual;
        rig.balancer.dark.insert(0);
        rig.roll_back("alice", None);
        rig.wait(10_000);
        let sent = rig.sent(Direction::Back);
        // Half of each pause is chance: there would be thirteen if all of them were as short as they can be.
        assert!((4..=13).contains(&sent), "{usual:?}: {sent} attempts in ten seconds\n{}", story(&rig));
        // Each attempt is waited for, and then a little.
        let ended = |turn: &Turn| matches!(&turn.event, Event::Ended(Outcome { result: OutcomeKind::Written(_), .. }));
        let sends = |turn: &Turn| turn.effects.iter().any(|effect| matches!(effect, Effect::WriteSplit { .. }));
        let ends: Vec<_> = rig.turns.iter().filter(|turn| ended(turn)).skip(1).map(|turn| turn.at).collect();
        let starts: Vec<_> = rig.turns.iter().filter(|turn| sends(turn)).skip(2).map(|turn| turn.at).collect();
        for (end, next) in ends.iter().zip(starts) {
            assert!(next.since(*end).as_millis() >= 50 && next > *end, "{usual:?}: {end:?} then {next:?}");
        }
    }
}

#[test]
fn what_was_seen_is_not_sent_again_because_nobody_can_read() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(1_000);
    rig.balancer.dark.insert(0);
    rig.wait(20_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::RollingBack, 1), "{}", story(&rig));
}

/// A refused attempt is repeated after a look; a look that fails, or does not end, holds nothing up.
#[test]
fn neither_failing_nor_hanging_reads_hold_a_repeat_up() {
    for (read_takes, at_least) in [(10_000, 5), (600_000_000, 4)] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.balancer.usual = Fate::Refused;
        rig.balancer.dark.insert(0);
        rig.read_takes = read_takes;
        rig.roll_back("alice", None);
        rig.wait(4_500);
        let sent = rig.sent(Direction::Back);
        assert!(sent >= at_least, "reads of {read_takes} us: {sent} attempts\n{}", story(&rig));
    }
}

/// What is read while an attempt is under way is its own half-way state, or what was there before.
#[test]
fn an_attempt_under_way_is_not_judged() {
    for read_takes in [10_000, 100_000, 200_000, 400_000] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.read_takes = read_takes;
        rig.next_fates(&[Fate::Slow(900)]);
        rig.roll_back("alice", None);
        rig.wait(8_000);
        let after = (rig.engine.phase(), rig.sent(Direction::Back));
        assert_eq!(after, (Phase::RolledBack, 1), "reads of {read_takes} us\n{}", story(&rig));
    }
}

/// In the other nine seconds reads and writes wait for the whole of their timeout, and must not do so in step: with a
/// quarter of a second between two reads eight of them are ten seconds exactly.
#[test]
fn one_second_in_ten_is_enough_to_confirm() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    for _ in 0..40 {
        rig.wait(1_000);
        (rig.balancer.usual, rig.balancer.dark, rig.read_takes) = (Fate::Lost, [0].into(), TIMEOUT);
        rig.wait(9_000);
        (rig.balancer.usual, rig.balancer.dark, rig.read_takes) = (Fate::Fine, [].into(), 5_000);
    }
    assert_eq!(rig.noted(|fact| *fact == Fact::RollbackConfirmed), 1, "{}", story(&rig));
}

/// What the keeper's tasks still have in hand belongs to an earlier epoch.
#[test]
fn a_rollback_begins_an_epoch_also_after_a_restart() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.next_fates(&[Fate::Lost, Fate::Lost]);
    rig.roll_back("alice", None);
    rig.wait(100);
    rig.crash();
    rig.wait(10_000);
    let effects = rig.turns.iter().flat_map(|turn| &turn.effects);
    let epochs: Vec<_> = effects
        .filter_map(|effect| match effect {
            Effect::WriteSplit { direction, epoch, .. } => Some((*direction, *epoch)),
            Effect::Journal { .. }
            | Effect::ReadSplit { .. }
            | Effect::Rehearse { .. }
            | Effect::RunHook { .. }
            | Effect::StopHook { .. }
            | Effect::Stop => None,
        })
        .collect();
    let (_, forward) = epochs[0];
    let back = epochs.iter().filter(|(direction, _)| *direction == Direction::Back);
    assert!(epochs.len() >= 3 && back.clone().count() == epochs.len() - 1, "{epochs:?}");
    assert!(back.into_iter().all(|(_, epoch)| *epoch > forward), "{epochs:?}");
}

#[test]
fn a_balancer_that_is_back_is_read_at_the_plans_pace() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    rig.wait(8_000);
    let reads = |rig: &Rig| {
        let effects = rig.turns.iter().flat_map(|turn| &turn.effects);
        effects.filter(|effect| matches!(effect, Effect::ReadSplit { .. })).count()
    };
    let before = reads(&rig);
    rig.wait(10_000);
    let lately = reads(&rig) - before;
    assert!((9..=11).contains(&lately), "once a second: {lately}");
}

/// What was decided in the turn of a rollback and has not left yet does not leave, and no line of it is lost.
#[test]
fn a_write_of_the_very_turn_of_a_rollback_stays_here() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[Role::Stable].health = Some(Health::Failing("503".into()));
    rig.wait(4_000);
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(7_900);
    assert!(rig.said("no automatic rollback: BLUE v1 is not ready"), "{}", story(&rig));
    rig.disk = Disk::Slow(10_000);
    rig.override_with("alice", "checkout", "a known client");
    let intent = rig.turns.last().unwrap().effects.iter().find_map(|effect| match effect {
        Effect::Journal { id, entry } if matches!(entry.fact, Fact::Intent { .. }) => Some(*id),
        Effect::Journal { .. }
        | Effect::WriteSplit { .. }
        | Effect::ReadSplit { .. }
        | Effect::Rehearse { .. }
        | Effect::RunHook { .. }
        | Effect::StopHook { .. }
        | Effect::Stop => None,
    });
    // Stable can take the traffic again just after the limits were looked at; the next look is the turn in which the
    // intent comes back from the disk.
    rig.worlds[Role::Stable].health = Some(Health::Healthy);
    rig.wait(355);
    let result = OutcomeKind::Journaled(Ok(()));
    rig.feed(Event::Ended(Outcome { id: intent.expect("an intent"), result }));
    let effects = &rig.turns.last().unwrap().effects;
    let accepts = |effect: &Effect| matches!(effect, Effect::Journal { entry, .. } if matches!(entry.fact, Fact::RollbackAccepted { .. }));
    assert!(effects.iter().any(accepts), "{effects:?}\n{}", story(&rig));
    assert_eq!(rig.engine.snapshot().violation, None, "the last net was not needed");
    assert_eq!(rig.sent(Direction::Forward), 1, "{}", story(&rig));
    let numbers: BTreeSet<u64> = rig.lines().map(|line| line.number).collect();
    assert_eq!(numbers.len() as u64, *numbers.last().unwrap(), "a line is lost\n{}", story(&rig));
    rig.wait(20_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Forward)), (Phase::RolledBack, 1), "{}", story(&rig));
}

#[test]
fn half_applied_rollbacks_are_sent_again_and_candidate_is_zero_everywhere() {
    let mut rig = Rig::at_first_step(&NODES);
    rig.next_fates(&[Fate::Half, Fate::Half]);
    rig.roll_back("alice", None);
    rig.wait(10_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    assert!(rig.balancer.is_back());
}

/// The balancer's reload state is one of those that it is sent over.
#[test]
fn a_reload_that_brings_the_candidate_back_is_written_over() {
    let mut rig = Rig::at_first_step(&NODES);
    let file = split(&rig.balancer.layout, 700);
    rig.balancer.reload = Some(file.clone());
    rig.roll_back("alice", None);
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    rig.balancer.land(&file);
    rig.wait(1_500);
    assert_eq!(rig.engine.phase(), Phase::RollingBack, "what was confirmed is so no longer");
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    assert!(rig.balancer.is_back());
}

#[test]
fn the_disk_has_twenty_milliseconds() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.disk = Disk::Slow(500);
    rig.roll_back("alice", None);
    rig.wait(19);
    assert_eq!(rig.sent(Direction::Back), 0);
    rig.wait(2);
    assert_eq!(rig.sent(Direction::Back), 1);
    assert!(rig.said("the rollback goes out at once, and its record follows"));
    assert!(rig.engine.snapshot().rollback.unwrap().ahead_of_journal);
    rig.wait(8_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::RolledBack, 1));
}

#[test]
fn a_quick_disk_is_waited_for() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.roll_back("alice", None);
    assert_eq!(rig.sent(Direction::Back), 0);
    rig.wait(2);
    assert_eq!(rig.sent(Direction::Back), 1);
    assert!(!rig.engine.snapshot().rollback.unwrap().ahead_of_journal);
}

#[test]
fn a_journal_that_fails_stops_forward_and_not_back() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            OnDisk(Disk::Refuses),
            Advance("alice"),
            Wait(500),
            Said("its intent could not be written to the journal"),
            Sent(1, 0),
            Is(Phase::Held),
            Locked("journal", "no space left"),
            Rollback("alice"),
            Wait(8_000),
            Is(Phase::RolledBack),
            Share(0),
            Sent(1, 1),
        ],
    );
}

/// Invariants 5 and 10: a rollback whose record was refused is otherwise unknown after a crash, and the run
/// could go forward again.
#[test]
fn a_rollback_that_could_not_be_recorded_is_recorded_once_the_disk_is_back() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.disk = Disk::Refuses;
    rig.roll_back("alice", None);
    rig.wait(1_000);
    rig.disk = Disk::Fine;
    rig.wait(10_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    rig.crash();
    rig.wait(10_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{:#?}", rig.entries.last());
}

#[test]
fn a_tombstone_is_followed() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.feed(Event::TombstoneFound { words: "by root at 12:00:00Z".into() });
    assert_eq!(rig.engine.phase(), Phase::RollingBack);
    rig.wait(8_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    assert!(rig.said("rolled back directly, without this keeper: by root"));
}

/// A keeper that woke up and sent its step over a direct rollback takes that back at once: the look before it sends may
/// end while the record is still on its way to the disk, and then there is another, not the next regular one.
#[test]
fn a_look_that_came_back_before_the_record_is_made_again_at_once() {
    for disk in [Disk::Fine, Disk::Slow(10), Disk::Slow(5_000)] {
        let mut rig = Rig::at_first_step(&MANUAL);
        (rig.disk, rig.read_takes) = (disk, 1_000);
        rig.feed(Event::TombstoneFound { words: "by root at 12:00:00Z".into() });
        rig.wait(50);
        assert_eq!((rig.sent(Direction::Back), rig.balancer.share()), (1, 0), "{disk:?}: {}", story(&rig));
    }
}

/// The keeper stood still meanwhile: what somebody set on purpose after the direct rollback may be read before the
/// tombstone is found, and is not what that rollback went over.
#[test]
fn what_was_set_after_a_direct_rollback_is_not_gone_over() {
    for is_read_first in [true, false] {
        let mut rig = Rig::at_first_step(&MANUAL);
        let setting = split(&rig.balancer.layout, 200);
        rig.balancer.land(&setting);
        rig.wait(if is_read_first { 2_000 } else { 0 });
        assert_eq!(rig.engine.snapshot().drift.is_some(), is_read_first);
        rig.feed(Event::TombstoneFound { words: "by root at 12:00:00Z".into() });
        rig.wait(8_000);
        let state = rig.engine.snapshot().rollback.expect("followed").state;
        assert_eq!((state, rig.sent(Direction::Back)), (RollbackState::Foreign, 0), "{}", story(&rig));
        assert!(matches!(rig.ask_for("alice", Command::SendAgain), Answer::Applied(_)));
        rig.wait(8_000);
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RolledBack, 0), "{}", story(&rig));
    }
}

#[test]
fn a_keeper_that_only_watches_never_writes() {
    let mut rig = Rig::in_mode(&MANUAL, Mode::Watch);
    rig.come("alice");
    rig.wait(5_000);
    rig.balancer.setting = split(&rig.balancer.layout, 300);
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(20_000);
    assert_eq!(rig.engine.phase(), Phase::Observing);
    for answer in [rig.advance("alice"), rig.roll_back("alice", Some("checkout")), rig.resume("alice")] {
        assert!(format!("{answer:?}").contains("only watches"), "{answer:?}");
    }
    for command in [Command::Hold, Command::Adopt, Command::Complete, Command::SendAgain, Command::Approve] {
        let answer = rig.ask_for("alice", command);
        assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    }
    rig.wait(5_000);
    assert!(rig.writes.is_empty());
    let share = rig.engine.snapshot().split.configured.unwrap().share;
    assert!((share - 0.3).abs() < 1e-9, "it still shows what is there: {share}");
}

/// "It holds no write path at all": not for a tombstone either.
#[test]
fn a_keeper_that_only_watches_does_not_follow_a_tombstone() {
    let mut rig = Rig::in_mode(&MANUAL, Mode::Watch);
    rig.wait(3_000);
    rig.feed(Event::TombstoneFound { words: "by root".into() });
    rig.wait(3_000);
    assert!(rig.writes.is_empty(), "{:?}", rig.writes);
}

/// A read that began before the acceptance says what was there then, and must not call a repeat off.
#[test]
fn a_read_from_before_does_not_call_a_repeat_off() {
    let mut rig = Rig::ready(&MANUAL);
    rig.next_fates(&[Fate::Late(300), Fate::NotSent]);
    rig.read_takes = 60_000;
    rig.wait_for_read();
    // The read under way saw 0 % and ends after the first attempt has failed; then nothing can be read.
    rig.advance("alice");
    rig.wait(2);
    rig.roll_back("alice", None);
    rig.wait(20);
    rig.balancer.dark.insert(0);
    rig.wait(10_000);
    assert!(rig.sent(Direction::Back) >= 2, "{}", story(&rig));
}

/// With a lateness of zero one agreeing read that began after the acceptance is enough.
#[test]
fn without_lateness_one_read_confirms() {
    let traffic: &'static str = Box::leak(HTTP.replace("lateness = \"5s\"", "lateness = \"0s\"").into_boxed_str());
    let mut rig = Rig::at_first_step(&Sections { traffic, ..MANUAL });
    rig.roll_back("alice", None);
    rig.wait(2_000);
    assert!(rig.said("rollback confirmed +0.0 s"), "{}", story(&rig));
}

/// But not while a forward write is under way that may still land: its attempt has a time of its own.
#[test]
fn a_forward_write_under_way_is_waited_for_also_without_lateness() {
    let traffic: &'static str = Box::leak(HTTP.replace("lateness = \"5s\"", "lateness = \"0s\"").into_boxed_str());
    let mut rig = Rig::ready(&Sections { traffic, ..MANUAL });
    rig.next_fates(&[Fate::Late(800)]);
    rig.advance("alice");
    rig.wait(5);
    rig.roll_back("alice", None);
    rig.wait(700);
    assert!(rig.said("candidate 0% read back") && !rig.said("rollback confirmed"), "{}", story(&rig));
    rig.wait(4_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RolledBack, 0), "{}", story(&rig));
}
