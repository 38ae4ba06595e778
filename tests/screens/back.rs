//! A rollback is proven when its keeper says so, and nothing before that reads as if it were.

use crate::WHOLE;
use crate::scene::Scene;
use crate::shots::{Shot, UNICODE, auto_held_scene, rolled_back_scene, shot};
use std::time::Duration;
use warroom::console::desk::Input;
use warroom::domain::Clean;
use warroom::engine::Snapshot;

/// Rolled back at errors, and read back once.
fn read_back() -> Scene {
    let mut scene = auto_held_scene();
    scene.roll_back();
    scene.run(3.0);
    scene
}

/// What stands where the time to safe stands, on every whole screen.
#[track_caller]
fn says(shot: &Shot, words: &str) {
    for (width, height) in WHOLE {
        let text = shot.text(width, height, UNICODE);
        let line = text.lines().find(|line| line.contains("TRAFFIC")).expect("its title");
        assert!(line.contains(words), "{words:?} at {width}x{height}: {line}");
        for proof in ["proven in", "last: confirmed"].iter().filter(|proof| !words.contains(**proof)) {
            assert!(!line.contains(proof), "{proof:?} at {width}x{height}: {line}");
        }
    }
}

/// Read back and then changed by `change`, so many seconds after it was accepted.
fn changed(after: u64, change: fn(&mut Snapshot)) -> Shot {
    let mut status = read_back().status();
    let rollback = status.snapshot.rollback.as_mut().expect("one");
    rollback.read_back = Some(Duration::from_millis(400));
    change(&mut status.snapshot);
    let since = status.snapshot.rollback.as_ref().expect("one").accepted_mono;
    let gone = status.snapshot.mono.since(since).as_millis() as u64;
    Shot::from_status("changed", status).later(after * 1000 - gone).heard()
}

#[test]
fn the_time_until_it_is_proven_counts_down_only_while_stable_has_everything() {
    says(&changed(4, |_| {}), "proven in 2s");
    // An older setting came back, on one node or on all; and a balancer that does not answer any more shows none.
    for change in [
        |snapshot: &mut Snapshot| snapshot.split.configured.as_mut().expect("read").share = 0.25,
        |snapshot: &mut Snapshot| snapshot.split.configured = None,
        |snapshot: &mut Snapshot| snapshot.balancer_at = Some(snapshot.mono.minus(Duration::from_secs(20))),
    ] {
        says(&changed(4, change), "not proven yet");
    }
    // The time is over and the keeper has not said so: a forward write may still land.
    says(&changed(6, |_| {}), "not proven yet");
}

#[test]
fn confirmed_is_what_the_rollback_is_and_not_what_it_was() {
    says(&Shot::of("confirmed", &rolled_back_scene()), "last: confirmed in 5.");
    // Confirmed, and then an older setting of this run came back and does not go away.
    let mut scene = rolled_back_scene();
    (scene.candidate, scene.writes_land) = (25_000, false);
    scene.run(3.0);
    let status = scene.status();
    assert!(status.snapshot.tempo.confirmed.is_none(), "it was, once");
    says(&Shot::from_status("came back", status), "not ");
    // Confirmed, and then somebody else set something.
    let mut scene = rolled_back_scene();
    scene.candidate = 40_000;
    scene.run(3.0);
    says(&Shot::of("foreign", &scene), "not sent over a foreign setting");
}

/// What was confirmed before the keeper fell silent was; what was not goes from here.
#[test]
fn a_silent_keeper_leaves_what_it_has_confirmed() {
    says(&Shot::of("confirmed", &rolled_back_scene()).later(60_000), "last: confirmed in 5.");
    says(&Shot::of("read back", &read_back()).later(60_000), "R: directly from here");
    let mut scene = rolled_back_scene();
    scene.candidate = 40_000;
    scene.run(3.0);
    says(&Shot::of("foreign", &scene).later(60_000), "R: directly from here");
}

/// A program that could not be started has sent nothing.
#[test]
fn what_could_not_be_started_was_not_sent() {
    for (width, height) in WHOLE {
        let shot = shot("going_direct").input(Input::Direct("cannot be started: no such file".to_owned()));
        let text = shot.text(width, height, UNICODE);
        assert!(text.contains("STARTED DIRECTLY") && text.contains("→ FAILED: R y tries again"), "{text}");
        assert!(!text.contains("SENT DIRECTLY"), "{width}x{height}\n{text}");
    }
}

/// Where no plan can be read a second try finds none either: then the way is another shell, by what is known there.
#[test]
fn a_direct_rollback_that_found_no_plan_is_not_tried_again_from_here() {
    for (width, height) in WHOLE {
        let mut shot = shot("going_direct").input(Input::Direct("ended: exit status: 2".to_owned()));
        shot.desk.elsewhere = Some(Clean::new("/plans/eu.toml"));
        let text = shot.text(width, height, UNICODE);
        assert!(!text.contains("tries again"), "{width}x{height}\n{text}");
        for words in ["from here no plan is found: ", "warroom rollback /plans/eu.toml --direct"] {
            assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
        }
        let band = text.lines().nth(1).expect("a band");
        assert!(!band.contains('…'), "half a command at {width}x{height}: {band}");
    }
}
