//! The operator's own programs: who has them run, what is written down of a run, and what a pass is good for.

use crate::engine::plans::{AUTOMATIC, HOOKED, HOOKS, MANUAL, Sections};
use crate::engine::rig::{Disk, Rig, Turn};
use crate::engine::script::{refusal, story};
use warroom::domain::{Clean, EffectId, Person, Verdict};
use warroom::engine::{
    Answer, Command, Direction, Effect, Event, Fact, HookEnd, HookState, HookView, Mode, Phase, Severity,
    TAIL_BYTES_MAX, TAIL_LINES_MAX, Tail,
};

/// Everything is good but the hook's gate, and `alice` drives.
fn waiting(sections: &Sections) -> Rig {
    let mut rig = Rig::new(sections);
    rig.come("alice");
    rig.wait(7_000);
    assert_eq!(rig.engine.phase(), Phase::Preflight, "{:#?}", rig.engine.gates());
    rig
}

pub fn view(rig: &Rig, name: &str) -> HookView {
    rig.engine.snapshot().hooks.into_iter().find(|view| view.name.as_str() == name).expect("a hook of the plan")
}

fn gate(rig: &Rig) -> (Verdict, String) {
    let gate = rig.hook_gate("smoke").expect("the next step has it");
    (gate.verdict, gate.detail.to_string())
}

fn started(rig: &Rig) -> usize {
    rig.noted(|fact| matches!(fact, Fact::HookStarted { .. }))
}

pub fn ends(rig: &Rig) -> Vec<HookEnd> {
    let end = |fact: &Fact| if let Fact::HookEnded { end, .. } = fact { Some(end.clone()) } else { None };
    rig.lines().filter_map(|entry| end(&entry.fact)).collect()
}

pub fn stops(rig: &Rig) -> usize {
    let stops = |effect: &&Effect| matches!(effect, Effect::StopHook { .. });
    rig.turns.iter().flat_map(|turn| &turn.effects).filter(stops).count()
}

#[test]
fn a_step_waits_for_its_hook_and_a_pass_opens_it() {
    let mut rig = waiting(&HOOKED);
    assert_eq!(gate(&rig), (Verdict::Unknown, "has not run: :run smoke".to_owned()));
    assert!(refusal(&rig.advance("alice")).contains("smoke: has not run: :run smoke"));
    let answer = rig.run_hook("alice", "smoke");
    assert!(format!("{answer:?}").contains("alice runs smoke: smoke.sh {candidate_url} (at most 1 min)"), "{answer:?}");
    assert_eq!((view(&rig, "smoke").state, rig.ran.len()), (HookState::Running, 0), "its record is not on disk yet");
    rig.wait(100);
    assert_eq!(rig.ran, [0]);
    assert_eq!(gate(&rig), (Verdict::Unknown, "is running, 0s of at most 1 min".to_owned()));
    rig.wait(1_000);
    assert_eq!(gate(&rig), (Verdict::Pass, "passed 0s ago".to_owned()));
    assert!(rig.said("smoke passed after 0.5 s: the last line"));
    let view = view(&rig, "smoke");
    assert_eq!((view.state, view.exit, view.since), (HookState::Passed, Some(0), None));
    assert!(matches!(rig.advance("alice"), Answer::Applied(_)));
    rig.wait(2_000);
    assert_eq!(rig.balancer.share(), 100);
    assert_eq!(rig.hook_gate("smoke"), None, "the next step does not ask for it");
    assert_eq!((started(&rig), ends(&rig)), (1, vec![HookEnd::Exited(0)]));
}

#[test]
fn what_did_not_pass_keeps_the_gate_closed_and_says_why() {
    let cases = [
        (HookEnd::Exited(2), Verdict::Fail, "failed (exit 2) 0s ago; the last line"),
        (HookEnd::Killed(9), Verdict::Fail, "failed (ended by signal 9) 0s ago; the last line"),
        (HookEnd::TimedOut, Verdict::Fail, "failed (not done within 1 min) 0s ago; the last line"),
        (HookEnd::TooMuch, Verdict::Fail, "failed (it did not stop writing) 0s ago; the last line"),
        (HookEnd::NotStarted("no such file".into()), Verdict::Unknown, "was not started: no such file 0s ago"),
        (HookEnd::Unknown("it panicked".into()), Verdict::Unknown, "ended, nobody knows how: it panicked 0s ago"),
    ];
    for (end, verdict, words) in cases {
        let mut rig = waiting(&HOOKED);
        rig.hook_ends.push_back((500, end.clone()));
        rig.run_hook("alice", "smoke");
        rig.wait(1_000);
        let (is, says) = gate(&rig);
        assert_eq!(is, verdict, "{end:?}");
        assert!(says.starts_with(words), "{end:?}: {says}");
        assert!(matches!(rig.advance("alice"), Answer::Refused(_)), "{end:?}");
        // And the next run decides again.
        rig.run_hook("alice", "smoke");
        rig.wait(1_000);
        assert_eq!((gate(&rig).0, ends(&rig)), (Verdict::Pass, vec![end, HookEnd::Exited(0)]));
    }
}

#[test]
fn the_newest_run_decides_also_while_it_has_not_ended() {
    let mut rig = waiting(&HOOKED);
    rig.hook_ends.extend([(500, HookEnd::Exited(0)), (5_000, HookEnd::Exited(1))]);
    rig.run_hook("alice", "smoke");
    rig.wait(1_000);
    assert_eq!(gate(&rig).0, Verdict::Pass);
    rig.run_hook("alice", "smoke");
    rig.wait(1_000);
    assert_eq!(gate(&rig).0, Verdict::Unknown, "what passed before is being asked again");
    rig.wait(5_000);
    assert_eq!(gate(&rig).0, Verdict::Fail);
}

#[test]
fn a_pass_counts_for_its_time_and_a_person_may_know_better() {
    let mut rig = waiting(&HOOKED);
    rig.run_hook("alice", "smoke");
    rig.wait(9 * 60_000);
    assert_eq!(gate(&rig), (Verdict::Pass, "passed 8 min ago".to_owned()));
    rig.wait(2 * 60_000);
    assert_eq!(
        gate(&rig),
        (Verdict::Unknown, "too old: passed 10 min 59 s ago, at most 10 min: :run smoke".to_owned())
    );
    assert!(matches!(rig.advance("alice"), Answer::Refused(_)));
    assert!(matches!(rig.override_with("alice", "checkout", "smoke is broken, asked by hand"), Answer::Applied(_)));
    assert!(rig.said("smoke: too old: passed 10 min 59 s ago, at most 10 min: :run smoke)"));
}

#[test]
fn a_pass_that_gets_old_between_key_and_write_stops_the_write() {
    let mut rig = waiting(&HOOKED);
    rig.run_hook("alice", "smoke");
    rig.wait(9 * 60_000 + 59_000);
    rig.disk = Disk::Slow(3_000);
    assert!(matches!(rig.advance("alice"), Answer::Applied(_)));
    rig.wait(4_000);
    assert_eq!((rig.sent(Direction::Forward), rig.engine.phase()), (0, Phase::Held));
    assert!(rig.said("10% was not reached: smoke closed before it was sent"));
}

#[test]
fn the_keeper_never_runs_one_and_waits_for_it() {
    let sections = Sections { more: HOOKS.replace("\"first\"", "\"50 %\"").leak(), ..AUTOMATIC };
    let sections = Sections { steps: sections.steps.replace("hold = true", "").leak(), ..sections };
    let mut rig = Rig::ready(&sections);
    rig.advance("alice");
    rig.wait(60_000);
    assert_eq!((rig.balancer.share(), rig.ran.len()), (100, 0));
    rig.run_hook("alice", "smoke");
    rig.wait(10_000);
    assert!(rig.balancer.share() >= 500, "{}", rig.balancer.share());
}

#[test]
fn only_the_driver_has_one_run_and_anybody_ends_it() {
    let mut rig = waiting(&HOOKED);
    rig.come("bob");
    let why = refusal(&rig.run_hook("bob", "scale-up"));
    assert!(why.contains("only the driver may run a hook; T takes control"), "{why}");
    rig.hook_ends.push_back((60_000, HookEnd::Exited(0)));
    rig.run_hook("alice", "scale-up");
    rig.wait(2_000);
    let why = refusal(&rig.run_hook("alice", "scale-up"));
    assert!(why.contains("scale-up is running since") && why.contains("by alice: :stop scale-up"), "{why}");
    assert!(matches!(rig.run_hook("alice", "smoke"), Answer::Applied(_)), "another may run beside it");
    assert!(matches!(rig.stop_hook("bob", "scale-up"), Answer::Applied(_)));
    assert_eq!(view(&rig, "scale-up").state, HookState::Stopping);
    let again = format!("{:?}", rig.stop_hook("alice", "scale-up"));
    assert!(again.contains("scale-up is being stopped"), "{again}");
    rig.wait(1_000);
    assert_eq!(view(&rig, "scale-up").state, HookState::Unknown);
    assert!(rig.said("bob stops scale-up") && rig.said("scale-up was stopped after 2.2 s"));
    let idle = format!("{:?}", rig.stop_hook("bob", "scale-up"));
    assert!(idle.contains("scale-up is not running"), "{idle}");
    assert_eq!(stops(&rig), 1);
}

#[test]
fn a_name_that_is_not_there_is_refused_with_those_that_are() {
    let mut rig = waiting(&HOOKED);
    let why = refusal(&rig.run_hook("alice", "smok"));
    assert_eq!(why, "the plan has no hook \"smok\": it has smoke, scale-up");
    let mut rig = Rig::ready(&MANUAL);
    assert!(refusal(&rig.stop_hook("alice", "smoke")).contains("it has none"));
}

#[test]
fn nothing_is_run_that_the_disk_has_not_taken() {
    let mut rig = waiting(&HOOKED);
    rig.disk = Disk::Refuses;
    rig.run_hook("alice", "scale-up");
    rig.wait(1_000);
    assert_eq!((rig.ran.len(), view(&rig, "scale-up").state), (0, HookState::Unknown));
    assert!(rig.said("scale-up was not started: its record could not be written to the journal"));

    let mut rig = waiting(&HOOKED);
    rig.disk = Disk::Slow(20_000);
    rig.run_hook("alice", "scale-up");
    rig.wait(6_000);
    assert!(rig.said("scale-up was not started: the disk has not taken its record in 5 s"));
    rig.wait(60_000);
    assert_eq!(rig.ran.len(), 0, "nor is it run once the disk has: nobody remembers why it should");
    rig.disk = Disk::Slow(3_000);
    rig.run_hook("alice", "scale-up");
    rig.wait(1_000);
    rig.stop_hook("alice", "scale-up");
    rig.wait(10_000);
    assert_eq!((rig.ran.len(), ends(&rig).last()), (0, Some(&HookEnd::Stopped)));
}

#[test]
fn a_rollback_goes_out_beside_it_and_leaves_it_running() {
    let mut rig = waiting(&HOOKED);
    rig.run_hook("alice", "smoke");
    rig.wait(1_000);
    rig.advance("alice");
    rig.wait(2_000);
    rig.hook_ends.push_back((60_000, HookEnd::Exited(0)));
    rig.run_hook("alice", "scale-up");
    rig.wait(1_000);
    let pressed = rig.now();
    rig.roll_back("bob", None);
    rig.wait(100);
    let sent =
        |turn: &&Turn| turn.effects.iter().any(|e| matches!(e, Effect::WriteSplit { direction: Direction::Back, .. }));
    let at = rig.turns.iter().find(sent).expect("it is sent").at;
    assert!(at.since(pressed).as_millis() <= 20, "{at:?}");
    assert_eq!(view(&rig, "scale-up").state, HookState::Running);
    rig.wait(15_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    // What was passed before it says nothing any more; afterwards one may be run all the same.
    assert!(view(&rig, "smoke").words.as_str().contains("passed before the rollback, which counts no longer"));
    assert!(matches!(rig.run_hook("alice", "smoke"), Answer::Applied(_)));
    rig.wait(1_000);
    assert_eq!(view(&rig, "smoke").words.as_str(), "passed 0s ago");
}

#[test]
fn a_run_does_not_end_under_a_program_and_a_keeper_does_not_go() {
    let mut rig = waiting(&HOOKED);
    rig.hook_ends.push_back((60_000, HookEnd::Exited(0)));
    rig.run_hook("alice", "scale-up");
    rig.wait(100);
    let why = refusal(&rig.ask_for("alice", Command::End));
    assert_eq!(why, "scale-up is running: wait for it, or :stop scale-up");
    rig.stop_hook("alice", "scale-up");
    rig.wait(1_000);
    assert!(matches!(rig.ask_for("alice", Command::End), Answer::Applied(_)));
    assert!(refusal(&rig.run_hook("alice", "scale-up")).contains("the run has ended"));
}

#[test]
fn one_that_ran_when_the_keeper_died_is_recorded_as_unknown_once() {
    let mut rig = waiting(&HOOKED);
    rig.hook_ends.push_back((60_000, HookEnd::Exited(0)));
    rig.run_hook("alice", "smoke");
    rig.wait(1_000);
    rig.crash();
    let lost = HookEnd::Unknown("the keeper ended while it ran".into());
    assert_eq!(ends(&rig), std::slice::from_ref(&lost));
    rig.come("alice");
    rig.wait(70_000);
    assert_eq!((gate(&rig).0, rig.ran.len(), ends(&rig)), (Verdict::Unknown, 1, vec![lost.clone()]));
    rig.crash();
    rig.wait(5_000);
    assert_eq!(ends(&rig), [lost], "and not again by the next");
}

#[test]
fn a_pass_outlives_its_keeper_with_its_age() {
    let mut rig = waiting(&HOOKED);
    rig.run_hook("alice", "smoke");
    rig.wait(4 * 60_000);
    rig.crash();
    rig.come("alice");
    rig.wait(4_000);
    assert_eq!(gate(&rig), (Verdict::Pass, "passed 4 min ago".to_owned()));
    rig.wait(7 * 60_000);
    assert_eq!(gate(&rig).0, Verdict::Unknown, "{:?}", gate(&rig));
}

#[test]
fn a_pass_from_a_time_that_is_still_to_come_counts_for_nothing() {
    let mut rig = waiting(&HOOKED);
    rig.run_hook("alice", "smoke");
    rig.wait(1_000);
    rig.set_wall_back(3_600_000);
    rig.crash();
    rig.come("alice");
    rig.wait(4_000);
    assert_eq!(gate(&rig).0, Verdict::Unknown);
    assert!(
        gate(&rig).1.starts_with("passed at a time that is still to come, which counts no longer"),
        "{:?}",
        gate(&rig)
    );
}

/// By less than its age, so that it lies in the past all the same: it gets no younger.
#[test]
fn a_wall_clock_that_is_set_back_makes_no_pass_younger() {
    let mut rig = waiting(&HOOKED);
    rig.run_hook("alice", "smoke");
    rig.wait(4 * 60_000);
    rig.set_wall_back(3 * 60_000);
    rig.crash();
    rig.come("alice");
    rig.wait(4_000);
    assert_eq!(gate(&rig), (Verdict::Pass, "passed 4 min ago".to_owned()));
}

#[test]
fn who_only_watches_runs_nothing_and_does_not_say_that_nobody_has() {
    let mut rig = Rig::in_mode(&HOOKED, Mode::Watch);
    rig.come("alice");
    rig.wait(7_000);
    assert!(refusal(&rig.run_hook("alice", "smoke")).contains("this keeper only watches"));
    assert_eq!((rig.hook_gate("smoke"), rig.ran.len()), (None, 0));
}

#[test]
fn what_it_prints_is_seen_while_it_runs_and_of_no_other_run() {
    let mut rig = waiting(&HOOKED);
    rig.hook_ends.push_back((60_000, HookEnd::Exited(0)));
    rig.run_hook("alice", "smoke");
    rig.wait(100);
    let of_run = |effect: &Effect| if let Effect::RunHook { id, .. } = effect { Some(*id) } else { None };
    let id = rig.turns.iter().flat_map(|turn| &turn.effects).find_map(of_run);
    let id = id.expect("it is started");
    let mut tail = Tail::default();
    tail.push(&"3 of 40 good".into());
    rig.feed(Event::HookPrinted { id, tail: tail.clone() });
    rig.feed(Event::HookPrinted { id: EffectId(9_999), tail: Tail::default() });
    assert_eq!(view(&rig, "smoke").tail, tail);
    let by = Person::verified("alice");
    assert_eq!(view(&rig, "smoke").by, Some(by.name));
}

/// A run that did not pass stands out among the log's lines, and one that passed does not.
#[test]
fn a_run_that_failed_is_told_louder_than_one_that_passed() {
    let mut rig = waiting(&HOOKED);
    for (end, severity) in [
        (HookEnd::Exited(0), Severity::Info),
        (HookEnd::Exited(2), Severity::Warn),
        (HookEnd::Unknown("it panicked".into()), Severity::Warn),
    ] {
        rig.hook_ends.push_back((500, end.clone()));
        rig.run_hook("alice", "smoke");
        rig.wait(1_000);
        let last = rig.lines().filter(|line| matches!(line.fact, Fact::HookEnded { .. })).last();
        assert_eq!(last.map(|line| line.severity), Some(severity), "{end:?}");
    }
}

/// What never began took no time; what did says how long it took, however it ended.
#[test]
fn only_a_run_that_began_took_its_time() {
    let took = |rig: &Rig| {
        let took = |fact: &Fact| if let Fact::HookEnded { took, .. } = fact { Some(*took) } else { None };
        rig.lines().filter_map(|line| took(&line.fact)).last().expect("it ended")
    };
    let mut rig = waiting(&HOOKED);
    for (end, began) in [(HookEnd::Exited(0), true), (HookEnd::NotStarted("no such file".into()), false)] {
        rig.hook_ends.push_back((500, end));
        rig.run_hook("alice", "smoke");
        rig.wait(1_000);
        assert_eq!(took(&rig).is_some(), began);
    }
    assert!(rig.said("smoke was not started: no such file: the last line"), "{}", story(&rig));
    rig.disk = Disk::Slow(500);
    rig.run_hook("alice", "smoke");
    rig.wait(100);
    rig.stop_hook("alice", "smoke");
    rig.wait(1_000);
    assert_eq!((ends(&rig).last(), took(&rig)), (Some(&HookEnd::Stopped), None));
}

/// To the second in the first minute, when it may still be what one is waiting for; and it counts to the end of its time.
#[test]
fn a_passs_age_is_in_seconds_first_and_then_in_whole_minutes() {
    let mut rig = waiting(&HOOKED);
    rig.run_hook("alice", "smoke");
    rig.wait(1_000);
    let ended = rig.lines().find(|line| matches!(line.fact, Fact::HookEnded { .. })).expect("it ended").mono;
    for (age, verdict, words) in [
        (30_000, Verdict::Pass, "passed 30s ago"),
        (60_000, Verdict::Pass, "passed 1 min ago"),
        (119_000, Verdict::Pass, "passed 1 min ago"),
        (600_000, Verdict::Pass, "passed 10 min ago"),
        (601_000, Verdict::Unknown, "too old: passed 10 min 1 s ago, at most 10 min: :run smoke"),
    ] {
        rig.wait(age - rig.now().since(ended).as_millis() as u64);
        rig.feed(Event::Woke);
        assert_eq!(gate(&rig), (verdict, words.to_owned()));
    }
}

/// What it printed is kept as far as there is room, to the last byte of it; of the rest is known how much it was.
#[test]
fn as_much_is_kept_of_what_it_printed_as_there_is_room_for() {
    let lines: Vec<Clean> = (0..10).map(|line| format!("line {line}").as_str().into()).collect();
    let tail = Tail::of(&lines, 1_000);
    assert_eq!((tail.lines.iter().eq(&lines), tail.printed, tail.before()), (true, 1_000, 990));
    let wide = vec![Clean::new("x".repeat(128)); TAIL_LINES_MAX];
    let tail = Tail::of(&wide, 40);
    assert_eq!((tail.lines.len() * 128, tail.before()), (TAIL_BYTES_MAX, 8));
}

/// What no step waits for says when it passed, and nothing of whether that still counts.
#[test]
fn a_pass_that_no_step_waits_for_neither_gets_old_nor_is_undone() {
    let mut rig = waiting(&HOOKED);
    rig.run_hook("alice", "smoke");
    rig.run_hook("alice", "scale-up");
    rig.wait(1_000);
    rig.advance("alice");
    rig.wait(2_000);
    rig.roll_back("alice", None);
    rig.wait(3_600_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    assert!(view(&rig, "smoke").words.as_str().starts_with("passed before the rollback, which counts no longer"));
    assert_eq!(view(&rig, "scale-up").words.as_str(), "passed 1 h ago");
}
