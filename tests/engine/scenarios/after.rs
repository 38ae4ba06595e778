//! After 100 %: what is for afterwards, and the watch.

use super::hooks::{ends, stops, view};
use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{HOOKS, LIMITS, MANUAL, NODES, Sections};
use crate::engine::rig::{Disk, Rig, Scraping, Turn};
use crate::engine::script::{refusal, story};
use warroom::domain::{Role, Setting, Split};
use warroom::engine::{
    Answer, Direction, Effect, Event, Fact, HookEnd, HookState, Outcome, OutcomeKind, Phase, Severity,
};

/// One step to the end, and a program that is for ten seconds after it.
pub fn afterwards() -> Sections {
    let more = HOOKS.replace("asks = true", "only_after_complete = \"10s\"").replace("required_before = \"first\"", "");
    let more = more.replace("fresh = \"10m\"", "");
    Sections { more: more.leak(), steps: "[[steps]]\nsplit = \"100 %\"\nbake = \"5s\"\n", ..MANUAL }
}

/// Complete for so long that the program may run.
fn complete(sections: &Sections) -> Rig {
    let mut rig = Rig::ready(sections);
    rig.advance("alice");
    rig.wait(20_000);
    assert_eq!((rig.engine.phase(), view(&rig, "scale-up").locked), (Phase::Complete, None), "{}", story(&rig));
    rig
}

fn locked(rig: &Rig) -> String {
    view(rig, "scale-up").locked.expect("it is locked").to_string()
}

/// Ten seconds after it is complete, and at no other time: not under way, and not after a rollback.
#[test]
fn what_is_for_after_the_cutover_runs_at_no_other_time() {
    let mut rig = Rig::ready(&afterwards());
    let why = refusal(&rig.run_hook("alice", "scale-up"));
    assert_eq!(why, "scale-up runs only once the cutover is complete; it is READY at 0%");
    rig.advance("alice");
    rig.wait(4_000);
    assert!(refusal(&rig.run_hook("alice", "scale-up")).contains("it is RUNNING at 100%"));
    rig.wait(4_000);
    assert_eq!(rig.engine.phase(), Phase::Complete);
    let why = refusal(&rig.run_hook("alice", "scale-up"));
    assert!(why.starts_with("scale-up runs only 10s after COMPLETE: ") && why.ends_with("s to go"), "{why}");
    rig.crash();
    rig.come("alice");
    rig.wait(4_000);
    rig.resume("alice");
    rig.wait(10_000);
    assert_eq!(view(&rig, "scale-up").locked, None, "{:?}", rig.engine.phase());
    rig.disk = Disk::Slow(3_000);
    assert!(matches!(rig.run_hook("alice", "scale-up"), Answer::Applied(_)));
    // Somebody rolls back while its record is on its way to the disk.
    rig.roll_back("bob", None);
    rig.wait(20_000);
    assert_eq!((rig.ran.len(), rig.engine.phase()), (0, Phase::RolledBack));
    assert!(rig.said("scale-up was not started: scale-up runs only once the cutover is complete; it is ROLLING BACK"));
    assert!(refusal(&rig.run_hook("alice", "scale-up")).contains("it is ROLLED BACK at"));
    assert!(matches!(rig.run_hook("alice", "smoke"), Answer::Applied(_)), "any other may run");
}

/// Nobody knows that it is complete while nobody can read the balancer, and a colleague's hand makes it untrue.
#[test]
fn what_is_for_after_the_cutover_waits_for_the_balancers_own_word() {
    let unread = "scale-up runs only while the balancer is seen to hold 100%; unknown: the balancer cannot be read";
    let mut rig = complete(&afterwards());
    rig.balancer.dark.insert(0);
    rig.wait(2_000);
    assert_eq!(rig.engine.phase(), Phase::Complete);
    assert!(locked(&rig).starts_with(unread), "{}", locked(&rig));
    assert!(refusal(&rig.run_hook("alice", "scale-up")).starts_with(unread));
    // The next keeper knows it from the journal alone.
    rig.crash();
    rig.come("alice");
    rig.wait(4_000);
    assert!(matches!(rig.resume("alice"), Answer::Applied(_)));
    assert_eq!(rig.engine.phase(), Phase::Complete);
    assert!(locked(&rig).starts_with(unread), "{}", locked(&rig));
    rig.balancer.dark.clear();
    // That one has to see it for as long anew.
    rig.wait(12_000);
    assert_eq!(view(&rig, "scale-up").locked, None);
    // It falls silent while the record is on its way to the disk.
    rig.disk = Disk::Slow(3_000);
    assert!(matches!(rig.run_hook("alice", "scale-up"), Answer::Applied(_)));
    rig.balancer.dark.insert(0);
    rig.wait(4_000);
    assert!(rig.ran.is_empty() && rig.said(&format!("scale-up was not started: {unread}")), "{}", story(&rig));
    rig.balancer.dark.clear();
    let half = split(&rig.balancer.layout, 500);
    rig.balancer.land(&half);
    rig.wait(2_000);
    assert!(locked(&rig).contains("configured differs: blue 0% → 50%"), "{}", locked(&rig));
}

/// What switches stable off ends where traffic goes back to it; the write waits for none of it.
#[test]
fn a_rollback_ends_what_is_for_after_the_cutover() {
    let mut rig = complete(&afterwards());
    rig.hook_ends.extend([(60_000, HookEnd::Exited(0)), (60_000, HookEnd::Exited(0))]);
    rig.run_hook("alice", "scale-up");
    rig.run_hook("alice", "smoke");
    rig.wait(1_000);
    assert_eq!(rig.ran.len(), 2);
    rig.roll_back("bob", None);
    assert_eq!(view(&rig, "scale-up").state, HookState::Stopping);
    assert_eq!(view(&rig, "smoke").state, HookState::Running, "any other runs beside it");
    let told = rig.lines().find(|line| line.text.as_str().starts_with("scale-up is stopped")).expect("it is told");
    assert_eq!(told.severity, Severity::Critical);
    rig.wait(30);
    assert_eq!(rig.sent(Direction::Back), 1);
    rig.stop_hook("bob", "scale-up");
    rig.wait(15_000);
    assert_eq!((rig.engine.phase(), ends(&rig)), (Phase::RolledBack, vec![HookEnd::Stopped]));
    assert_eq!(stops(&rig), 1);
}

/// What a person has stopped already is told to end once.
#[test]
fn a_rollback_does_not_end_again_what_is_ending() {
    let mut rig = complete(&afterwards());
    rig.hook_ends.push_back((60_000, HookEnd::Exited(0)));
    rig.run_hook("alice", "scale-up");
    rig.wait(1_000);
    rig.stop_hook("bob", "scale-up");
    rig.roll_back("bob", None);
    assert_eq!((view(&rig, "scale-up").state, stops(&rig)), (HookState::Stopping, 1));
    assert!(!rig.said("scale-up is stopped under way"), "{}", story(&rig));
}

/// A limit rolls back before the disk has its record, in the very turn in which it has, and after.
#[test]
fn an_automatic_rollback_keeps_what_is_for_after_the_cutover_from_being_started() {
    let limits = LIMITS.replace("for = \"3s\"", "for = \"2500ms\"");
    let sections = Sections { limits: limits.leak(), ..afterwards() };
    let rolled_back = |turn: &Turn| {
        turn.effects.iter().any(|effect| {
            matches!(effect, Effect::Journal { entry, .. } if matches!(entry.fact, Fact::RollbackAccepted { .. }))
        })
    };
    let is_told = |turn: &Turn| matches!(turn.event, Event::Ended(Outcome { result: OutcomeKind::Journaled(_), .. }));
    let (mut in_one_turn, mut stopped) = (0, 0);
    for millis in (0..1_500).step_by(20) {
        let mut rig = complete(&sections);
        rig.worlds[Role::Candidate].errors = 1.0;
        rig.wait(2_000 + millis);
        rig.disk = Disk::Slow(300);
        rig.hook_ends.push_back((60_000, HookEnd::Exited(0)));
        if matches!(rig.run_hook("alice", "scale-up"), Answer::Refused(_)) {
            break;
        }
        rig.wait(5_000);
        assert!(rig.engine.phase().is_back(), "after {millis} ms\n{}", story(&rig));
        assert_eq!(rig.ran.len(), stops(&rig), "after {millis} ms\n{}", story(&rig));
        let end = ends(&rig);
        assert!(matches!(end[..], [HookEnd::NotStarted(_) | HookEnd::Stopped]), "after {millis} ms: {end:?}");
        let turn = rig.turns.iter().find(|turn| rolled_back(turn)).expect("it is accepted");
        assert!(!turn.effects.iter().any(|effect| matches!(effect, Effect::RunHook { .. })), "after {millis} ms");
        in_one_turn += usize::from(is_told(turn));
        stopped += stops(&rig);
    }
    assert!(in_one_turn > 0 && stopped > 0, "{in_one_turn} {stopped}");
}

/// A program is told where traffic is: on stable once a rollback was read back.
#[test]
fn after_a_rollback_a_program_is_told_that_nothing_is_on_the_candidate() {
    let mut rig = complete(&afterwards());
    let told = |rig: &Rig| {
        let split = |effect: &Effect| if let Effect::RunHook { split, .. } = effect { Some(*split) } else { None };
        rig.turns.iter().flat_map(|turn| &turn.effects).filter_map(split).collect::<Vec<_>>()
    };
    rig.run_hook("alice", "smoke");
    rig.wait(2_000);
    rig.balancer.usual = Fate::Lost;
    rig.roll_back("alice", None);
    rig.wait(1_000);
    rig.run_hook("alice", "smoke");
    rig.wait(2_000);
    rig.balancer.usual = Fate::Fine;
    rig.wait(15_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
    rig.run_hook("alice", "smoke");
    rig.wait(2_000);
    assert_eq!(told(&rig), [Split::ALL_CANDIDATE, Split::ALL_CANDIDATE, Split::ALL_STABLE]);
    assert!(locked(&rig).ends_with("it is ROLLED BACK at 0%"), "{}", locked(&rig));
}

/// The wall clock is set forward while no keeper is there: the time until it may run gets no shorter.
#[test]
fn a_clock_that_is_set_does_not_open_what_is_for_after_the_cutover() {
    let mut rig = Rig::ready(&afterwards());
    rig.advance("alice");
    rig.wait(9_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    rig.set_wall_back(-3_600_000);
    rig.crash();
    rig.come("alice");
    rig.wait(4_000);
    rig.resume("alice");
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    assert!(locked(&rig).starts_with("scale-up runs only 10s after COMPLETE: "), "{}", locked(&rig));
    assert!(!rig.said("the watch after 100 % is over"), "{}", story(&rig));
    rig.wait(10_000);
    assert_eq!(view(&rig, "scale-up").locked, None);
}

/// What switches stable off ends where somebody else sends traffic back to it, on all nodes or on the one that answers.
#[test]
fn another_hands_move_to_stable_ends_what_is_for_after_the_cutover() {
    let nodes = Sections { traffic: NODES.traffic, ..afterwards() };
    // All of it back is what was there before the run: a node that was started anew has that, too.
    let all =
        [(afterwards(), false, 500), (nodes, false, 500), (nodes, true, 500), (nodes, false, 0), (nodes, true, 0)];
    for (plan, is_dark, permille) in all {
        let mut rig = complete(&plan);
        rig.hook_ends.extend([(60_000, HookEnd::Exited(0)), (60_000, HookEnd::Exited(0))]);
        rig.run_hook("alice", "scale-up");
        rig.run_hook("alice", "smoke");
        rig.wait(1_000);
        assert_eq!(rig.ran.len(), 2);
        let mut there = split(&rig.balancer.layout, permille);
        if is_dark {
            rig.balancer.dark.insert(0);
            there.0.retain(|slot, _| slot.node == 1);
        }
        rig.balancer.land(&there);
        rig.wait(3_000);
        assert_eq!(view(&rig, "smoke").state, HookState::Running, "any other runs on");
        let told =
            rig.lines().find(|line| line.text.as_str().starts_with("scale-up is stopped under way")).expect("told");
        assert_eq!(told.severity, Severity::Critical);
        assert_eq!((rig.engine.phase(), ends(&rig), stops(&rig)), (Phase::Complete, vec![HookEnd::Stopped], 1));
    }
}

/// Complete for a second, of a watch of a minute.
fn just_complete() -> Rig {
    just_complete_of(&afterwards())
}

fn just_complete_of(sections: &Sections) -> Rig {
    let mut rig = Rig::ready(sections);
    rig.advance("alice");
    rig.wait_until(100, |rig| rig.engine.phase() == Phase::Complete);
    rig.wait(1_000);
    rig
}

fn is_watched(rig: &Rig) -> bool {
    rig.said("the watch after 100 % is over")
}

/// Somebody else has all of it on stable for most of the watch: what comes after has the candidate carry it for as long
/// as the plan says, and no keeper goes in the middle of a drift.
#[test]
fn after_a_drift_the_watch_begins_anew() {
    for crashes in [false, true] {
        let mut rig = just_complete();
        let all = rig.balancer.setting.clone();
        let none = split(&rig.balancer.layout, 0);
        rig.balancer.land(&none);
        rig.wait(70_000);
        assert!(
            rig.engine.snapshot().drift.is_some() && !is_watched(&rig) && !rig.engine.is_final(),
            "{}",
            story(&rig)
        );
        rig.balancer.land(&all);
        rig.wait(5_000);
        if crashes {
            rig.crash();
            rig.come("alice");
            rig.wait(500);
            rig.resume("alice");
        }
        rig.wait(3_500);
        assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
        let locked = view(&rig, "scale-up").locked.expect("not for long enough").to_string();
        assert!(locked.starts_with("scale-up runs only 10s after COMPLETE: "), "{locked}");
        // Another keeper begins anew.
        rig.wait(if crashes { 12_000 } else { 8_000 });
        assert_eq!(view(&rig, "scale-up").locked, None, "{}", story(&rig));
        rig.wait(40_000);
        assert!(!is_watched(&rig), "{}", story(&rig));
        rig.wait(12_000);
        assert!(is_watched(&rig) && rig.engine.is_final(), "{}", story(&rig));
        // Nor does it go in the middle of one that comes later.
        rig.balancer.land(&none);
        rig.wait(2_000);
        assert!(!rig.engine.is_final());
        rig.balancer.land(&all);
        rig.wait(2_000);
        assert!(rig.engine.is_final() && view(&rig, "scale-up").locked.is_some(), "{}", story(&rig));
    }
}

/// What nobody can see is not watched: neither without metrics nor without the balancer's word.
#[test]
fn the_watch_pauses_with_what_it_rests_on() {
    for is_balancer in [false, true] {
        let mut rig = just_complete();
        let silent = |rig: &mut Rig, is_silent: bool| {
            if is_balancer {
                rig.balancer.dark = if is_silent { [0].into() } else { [].into() };
            } else {
                rig.worlds[Role::Candidate].scraping = if is_silent { Scraping::Silent } else { Scraping::Fine };
            }
        };
        silent(&mut rig, true);
        rig.wait(60_000);
        assert!(!is_watched(&rig) && !rig.engine.is_final(), "{}", story(&rig));
        let left = rig.engine.snapshot().complete.expect("it is").1.as_secs();
        assert!((50..60).contains(&left), "{left}");
        silent(&mut rig, false);
        rig.wait(49_000);
        assert!(!is_watched(&rig), "{}", story(&rig));
        rig.worlds[Role::Candidate].errors = 1.0;
        rig.wait(8_000);
        assert!(rig.said("AUTOMATIC ROLLBACK"), "its limits act to its end\n{}", story(&rig));
    }
}

/// What it is there for has switched stable off: the candidate is watched all the same. Where too few are there to tell
/// how it is, it is not, and its limits stay armed.
#[test]
fn the_watch_ends_without_stable_and_not_without_requests() {
    let limit = "[[guardrails]]\nreading = \"error_ratio\"\nenvironment = \"stable\"\nhold = \"50 %\"\nfor = \"3s\"\n";
    let limits: &str = format!("{LIMITS}{limit}").leak();
    for (rate, ends) in [(None, true), (Some(-199.0), false), (Some(-200.0), false)] {
        let mut rig = just_complete_of(&Sections { limits, ..afterwards() });
        match rate {
            None => rig.worlds[Role::Stable].scraping = Scraping::Silent,
            Some(rate) => rig.worlds[Role::Candidate].own_rate = rate,
        }
        rig.wait(62_000);
        assert_eq!((is_watched(&rig), rig.engine.is_final()), (ends, ends), "{rate:?}\n{}", story(&rig));
    }
}

/// One node is silent, and the other shows another hand: that is no end, however whole the last whole read was.
#[test]
fn another_hand_on_the_node_that_answers_keeps_the_keeper() {
    let mut rig = just_complete_of(&Sections { traffic: NODES.traffic, ..afterwards() });
    rig.wait(62_000);
    assert!(is_watched(&rig) && rig.engine.is_final(), "{}", story(&rig));
    rig.balancer.dark.insert(0);
    rig.wait(2_000);
    assert!(rig.engine.is_final(), "nobody says otherwise");
    let mut half = split(&rig.balancer.layout, 500);
    half.0.retain(|slot, _| slot.node == 1);
    rig.balancer.land(&half);
    rig.wait(2_000);
    assert!(!rig.engine.is_final(), "{}", story(&rig));
}

/// While no keeper was there, and while somebody else had the traffic, nobody watched the candidate carry it.
#[test]
fn a_restart_counts_no_watch_that_nobody_kept() {
    let mut rig = just_complete();
    let all = rig.balancer.setting.clone();
    rig.balancer.land(&split(&rig.balancer.layout, 0));
    rig.wait(2_000);
    let entries = rig.entries.clone();
    // Its keeper is gone; a colleague sets it to rights just before another begins.
    rig.wait(70_000);
    rig.balancer.land(&all);
    rig.restart_from(&entries);
    rig.come("alice");
    rig.wait(4_000);
    rig.resume("alice");
    rig.wait(4_000);
    let locked = view(&rig, "scale-up").locked.expect("not for long enough").to_string();
    assert!(locked.starts_with("scale-up runs only 10s after COMPLETE: "), "{locked}");
    assert!(!is_watched(&rig) && rig.noted(|fact| *fact == Fact::WatchAnew { drifts: false }) == 1, "{}", story(&rig));
    rig.wait(56_000);
    assert!(is_watched(&rig), "{}", story(&rig));
}

/// The keeper stood still: that is no watch either.
#[test]
fn a_keeper_that_stood_still_watched_nothing_meanwhile() {
    let mut rig = just_complete();
    rig.freeze(70_000);
    rig.wait(50_000);
    assert!(!is_watched(&rig) && rig.engine.phase() == Phase::Complete, "{}", story(&rig));
    rig.wait(12_000);
    assert!(is_watched(&rig), "{}", story(&rig));
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

/// A candidate that is over a limit does not carry the traffic: it is watched from where it does again, and what switches
/// stable off waits for that. Stable's own limits count no longer.
#[test]
fn over_a_limit_the_watch_begins_anew() {
    let limit = "[[guardrails]]\nreading = \"memory\"\nenvironment = \"stable\"\nhold = \"50 %\"\nfor = \"3s\"\n";
    let limits: &str = format!("{LIMITS}{limit}").leak();
    for (role, is_anew) in [(Role::Candidate, true), (Role::Stable, false)] {
        let mut rig = complete(&Sections { limits, ..afterwards() });
        // Over what holds, and under what rolls back.
        match role {
            Role::Candidate => rig.worlds[role].errors = 0.03,
            Role::Stable => rig.worlds[role].memory = Ok(0.6),
        }
        rig.wait(50_000);
        assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
        assert_eq!((is_watched(&rig), view(&rig, "scale-up").locked.is_some()), (!is_anew, is_anew), "{}", story(&rig));
        let told = "the watch after 100 % begins anew: 5xx CANDIDATE GREEN";
        assert_eq!(rig.lines().filter(|line| line.text.as_str().starts_with(told)).count(), usize::from(is_anew));
        rig.worlds[role].errors = 0.0;
        rig.wait(8_000);
        assert!(view(&rig, "scale-up").locked.is_some() == is_anew, "{}", story(&rig));
        rig.wait(10_000);
        assert!(view(&rig, "scale-up").locked.is_none() && (is_watched(&rig) || is_anew), "{}", story(&rig));
        rig.wait(50_000);
        assert!(is_watched(&rig), "{}", story(&rig));
    }
}

/// A rollback that the keeper may not send by itself holds after 100 % too, and the sentence says so beforehand.
#[test]
fn a_refused_rollback_after_the_cutover_is_announced_as_the_hold_that_it_is() {
    let limits: &str = format!("{LIMITS}[rollback]\nautomatic = false\n").leak();
    let mut rig = just_complete_of(&Sections { limits, ..afterwards() });
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(2_000);
    assert_eq!(rig.engine.phase(), Phase::Complete, "{}", story(&rig));
    let band = rig.engine.snapshot().band.text.to_string();
    assert!(band.contains("holds in "), "{band}");
    rig.wait(4_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::Held, 0), "{}", story(&rig));
    assert!(rig.said("no automatic rollback: the plan says manual"), "{}", story(&rig));
}
