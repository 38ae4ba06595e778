//! The way back: accepted everywhere, sent until it is there, confirmed over the lateness window.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{HTTP, MANUAL, NODES, Sections};
use crate::engine::rig::{Disk, Rig};
use crate::engine::script::Act::*;
use crate::engine::script::{does, play, story};
use warroom::domain::Role;
use warroom::engine::{Answer, Command, Direction, Event, Mode, Phase, RollbackState};

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
    rig.balancer.usual = Fate::Fine;
    rig.wait(10_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
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
    assert!(rig.said("the rollback goes out before it is recorded"));
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
fn new_traffic_back_is_not_yet_rolled_back() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            OwnRate(50.0),
            Rollback("alice"),
            Wait(12_000),
            Is(Phase::NewTrafficBack),
            Said("rollback confirmed"),
            Unsaid("ROLLED BACK"),
            OwnRate(0.5),
            Wait(8_000),
            Is(Phase::RolledBack),
            Said("ROLLED BACK"),
        ],
    );
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
    while !rig.turns.last().unwrap().effects.iter().any(|e| matches!(e, warroom::engine::Effect::ReadSplit { .. })) {
        rig.wait(10);
    }
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
