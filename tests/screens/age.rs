//! What is old, silent or gone looks so.

use crate::scene;
use crate::shots::{Shot, UNICODE, baked, blind, shot, text_of};
use crate::{WHOLE, cells, row};
use ratatui::style::Color;
use warroom::console::desk::Input;
use warroom::console::screen::Ink;
use warroom::domain::Clean;
use warroom::engine::ConfiguredView;

#[test]
fn hazard_15_a_frozen_feed_looks_frozen() {
    for (width, height) in WHOLE {
        let text = shot("blind").text(width, height, UNICODE);
        let stale = if width < 110 { "feed ?14s" } else { "feed STALE 14s" };
        for words in ["BLIND", "A locked", "? OLD", stale, "···"] {
            assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
        }
    }
}

/// Here even the HTTP checks are silent; only the balancer's own check is of now, and says so (hazard 16).
#[test]
fn hazard_15_nothing_that_is_old_is_ok_while_blind() {
    for (width, height) in WHOLE {
        let text = shot("blind").text(width, height, UNICODE);
        assert!(text.contains("1 of 10 ok"), "{width}x{height}\n{text}");
        assert_eq!(text.matches("? OLD").count(), 9, "{width}x{height}\n{text}");
    }
}

#[test]
fn hazard_15_also_while_held_and_when_complete() {
    for state in ["blind_while_held", "blind_when_complete"] {
        for (width, height) in WHOLE {
            let buffer = shot(state).buffer(width, height, UNICODE);
            let band = row(&buffer, 1);
            assert!(
                band.contains("BLIND"),
                "{state} at {width}x{height}: the band does not say that nothing is known: {band}"
            );
        }
    }
}

#[test]
fn a_silent_keeper_leaves_nothing_that_looks_current() {
    for (width, height) in WHOLE {
        let text = shot("keeper_silent").text(width, height, UNICODE);
        let stale = if width < 110 { "keeper ?74s" } else { "keeper STALE 74s" };
        // Whatever is drawn from what it said is marked: shares, rates, the target, the time to safe, the bake.
        let marked = ["25.0%?", "62 rps?", "rollback target ?:", "s?", "bake 00:11? of"];
        for words in ["KEEPER SILENT", "0 of 10 ok", stale].into_iter().chain(marked) {
            assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
        }
        for line in text.lines().filter(|line| line.contains("configured")) {
            assert!(!line.contains("configured 25.0% "), "{width}x{height}: an old split as if it were of now: {line}");
        }
    }
}

/// What is too old to be of now is marked in the compact form as well.
#[test]
fn a_measured_split_without_new_samples_is_old_at_every_size() {
    for (width, height) in WHOLE.into_iter().chain([(79, 24), (60, 20), (40, 8)]) {
        let text = shot("blind").text(width, height, UNICODE);
        // The smallest form rounds, outwards.
        let share = if height < 10 { "probes 3-8%?" } else { "probes 3.5-7.1%?" };
        assert!(text.contains(share), "{width}x{height}\n{text}");
    }
}

/// Past a point of no return the screen says since when, what breaks, and how long a rollback would take all the same.
#[test]
fn no_rollback_by_itself_says_since_when_and_why() {
    for (width, height) in WHOLE.into_iter().chain([(79, 24), (60, 20)]) {
        let text = shot("past_no_return").text(width, height, UNICODE);
        let line = text.lines().find(|line| line.contains("NO ROLLBACK")).expect("the line");
        let time = if width < 110 { "R: 0.4s, proven after 6s" } else { "R now: ~0.4s to send, ~6s until proven" };
        for words in ["NO ROLLBACK", " since 12:00", "schema v43", time] {
            assert!(line.contains(words) || words == time && width < 79, "{words} at {width}x{height}: {line}");
        }
    }
    assert!(shot("past_no_return").text(40, 8, UNICODE).contains("NO ROLLBACK since 12:00Z"));
}

#[test]
fn a_silent_keeper_is_seen_in_the_compact_form_too() {
    for (width, height) in [(60, 20), (40, 8)] {
        let text = shot("keeper_silent").text(width, height, UNICODE);
        assert!(text.contains("KEEPER SILENT"), "{text}");
        assert!(text.contains("25.0%?"), "{width}x{height}: an old split as if it were of now\n{text}");
    }
}

/// "Must be perfect, at every size", as far as 40x8 goes.
#[test]
fn the_compact_form_shows_ages_and_target_before_latency() {
    let text = shot("auto_held").text(40, 8, UNICODE);
    for words in ["HOLDING", "25.0%", "GREEN ✗", "keeper", "feed", "rollback target"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn hazard_16_one_stale_source_is_only_its_own() {
    let mut scene = scene::Scene::at_step(2);
    scene.checks = false;
    scene.run(14.0);
    let text = Shot::of("checks_lost", &scene).text(80, 23, UNICODE);
    assert!(text.contains("4 of 10 ok"), "{text}");
    assert_eq!(text.matches("? OLD").count(), 6, "{text}");
}

#[test]
fn an_unreadable_balancer_shows_what_was_last_known_and_how_old_it_is() {
    for (width, height) in WHOLE {
        let shot = shot("balancer_unreadable");
        let buffer = shot.buffer(width, height, UNICODE);
        let text = text_of(&buffer);
        assert!(text.contains("configured 25.0%? ") && text.contains("old"), "{width}x{height}\n{text}");
        assert_eq!(cells(&buffer, "BALANCER UNREAD")[0].fg, Color::Indexed(203), "not in the critical ink");
    }
}

#[test]
fn blind_shows_no_measured_split_as_current() {
    let status = blind();
    let text = Shot::from_status("blind", status).text(80, 23, UNICODE);
    let line = text.lines().find(|line| line.contains("probes")).expect("the numbers");
    assert!(line.contains("probes: none") || line.contains('?'), "{line}");
}

/// The connection's end is known at once: nothing waits for the silence to be long.
#[test]
fn a_keeper_whose_connection_is_gone_is_cut_off_at_once() {
    for (width, height) in WHOLE {
        let shot = Shot::from_status("gone", baked()).input(Input::Linked(false));
        let text = shot.text(width, height, UNICODE);
        for words in
            ["KEEPER GONE 0.0s", "R then y rolls back from here", "25.0%?", "wanted 25%?", "0 of 10 ok", "A locked"]
        {
            assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
        }
        assert!(!text.contains("proven"), "no time to safe\n{text}");
        // Connected and silent for as long it is only late.
        let text = Shot::from_status("late", baked()).later(4000).text(width, height, UNICODE);
        assert!(!text.contains("KEEPER GONE") && !text.contains("KEEPER SILENT"), "{text}");
    }
}

/// It may be over by now, or have grown: it is neither an alarm nor does it get older by itself.
#[test]
fn a_drift_of_before_the_silence_is_marked_and_does_not_grow_older() {
    let critical = Color::Indexed(203);
    let snapshot = shot("drift").status.expect("a status").snapshot;
    let (drift, read) = (snapshot.drift.expect("a drift"), snapshot.balancer_at.expect("read"));
    let lasted = format!(" {:.1}s?", read.since(drift.since).as_secs_f64());
    for (width, height) in WHOLE {
        for keys in ["", "11"] {
            let silent = shot("drift").keys(keys).later(240_000);
            let buffer = silent.buffer(width, height, UNICODE);
            let text = text_of(&buffer);
            let above: Vec<&str> = text.lines().skip(2).take_while(|line| !line.contains("5 LOG")).collect();
            let above = above.join("\n");
            let told = if keys.is_empty() { 1 } else { 2 };
            assert_eq!(above.matches(&lasted).count(), told, "{keys} at {width}x{height}\n{text}");
            assert!(!above.contains("no auto-rollback"), "{keys} at {width}x{height}\n{text}");
            for y in 2..height {
                let line = row(&buffer, y);
                let Some(at) = line.find(&lasted) else { continue };
                let x = line[..at].chars().count() as u16;
                assert_ne!(buffer[(x, y)].fg, critical, "{width}x{height}: {line}");
            }
        }
    }
}

/// What one node says while another is silent is not the split: a gauge full of stable read as if it were back.
#[test]
fn a_node_that_is_silent_is_seen_at_every_size() {
    let mut status = baked();
    let nodes = vec![(Clean::new("lb1"), Some(0.0)), (Clean::new("lb2"), None)];
    status.snapshot.split.configured = Some(ConfiguredView { share: 0.0, nodes, even: false });
    for (width, height) in WHOLE.into_iter().chain([(79, 24), (60, 20), (40, 8)]) {
        for later in [0, 60_000] {
            let at = format!("{later} ms at {width}x{height}");
            let shot = Shot::from_status("part", status.clone()).later(later);
            let text = shot.heard_only().text(width, height, UNICODE);
            assert!(text.contains("HALF APPLIED") && text.contains("0.0%?"), "{at}\n{text}");
            assert!(!text.lines().take(6).any(|line| line.contains("███")), "{at}\n{text}");
            assert!(height == 8 || text.contains(&"?".repeat(50)), "{at}\n{text}");
            assert!(width < 110 || text.contains("HALF APPLIED lb1 0.0% lb2 ?"), "{at}\n{text}");
        }
        let cut_off = Shot::from_status("part", status.clone()).later(60_000).text(width, height, UNICODE);
        assert!(cut_off.contains("HALF APPLIED?"), "{width}x{height}\n{cut_off}");
    }
}

/// The gauge is drawn in the inks of now only as long as the numbers beside it are.
#[test]
fn a_gauge_of_before_is_dim() {
    let old = Shot::from_status("old", baked()).later(60_000).heard_only();
    for (width, height) in WHOLE.into_iter().chain([(79, 24)]) {
        let gauge = |shot: &Shot| cells(&shot.buffer(width, height, UNICODE), "███")[0].fg;
        let dim = UNICODE.ink(Ink::Dim).fg.unwrap_or(Color::Reset);
        assert_eq!(gauge(&old), dim, "{width}x{height}");
        assert_ne!(gauge(&Shot::from_status("now", baked())), dim, "{width}x{height}");
    }
}

/// A console that was stopped finds what the keeper said meanwhile: that it comes now does not make it of now.
#[test]
fn what_was_said_long_ago_and_comes_now_is_as_old_as_it_is() {
    for (width, height) in WHOLE {
        let shot = Shot::from_status("stopped", baked()).later(74_000).input(Input::Heard);
        let text = shot.text(width, height, UNICODE);
        assert!(text.contains("KEEPER SILENT 74s") && !text.contains("keeper 0.0s"), "{width}x{height}\n{text}");
    }
}
