//! After 100 %: what is for afterwards, and the watch.

use super::hooks::{afterwards, complete, ends, stops, view};
use crate::engine::balancer::split;
use crate::engine::plans::{LIMITS, NODES, Sections};
use crate::engine::rig::{Rig, Scraping};
use crate::engine::script::story;
use warroom::domain::{Role, Setting};
use warroom::engine::{Fact, HookEnd, HookState, Phase, Severity};

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
    while rig.engine.phase() != Phase::Complete {
        rig.wait(100);
    }
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
