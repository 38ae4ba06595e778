//! What the console shows, state by state and size by size; and the rules that hold for all of them.

#[path = "screens/age.rs"]
mod age;
#[path = "screens/back.rs"]
mod back;
#[path = "screens/band.rs"]
mod band;
#[path = "screens/charts.rs"]
mod charts;
#[path = "screens/direct.rs"]
mod direct;
#[path = "screens/hooks.rs"]
mod hooks;
#[path = "screens/ink.rs"]
mod ink;
#[path = "screens/misread.rs"]
mod misread;
#[path = "screens/panels.rs"]
mod panels;
#[path = "screens/private.rs"]
mod private;
#[path = "screens/promised.rs"]
mod promised;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use ratatui::buffer::Buffer;
use ratatui::buffer::Cell;
use shots::{ASCII, MONO, Shot, UNICODE, all, auto_held, shot, text_of};

/// Sizes at which the whole screen is drawn.
const WHOLE: [(u16, u16); 5] = [(80, 22), (80, 23), (80, 24), (120, 40), (200, 60)];

fn row(buffer: &Buffer, y: u16) -> String {
    (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect()
}

/// The cells of the first place where a text stands.
fn cells<'b>(buffer: &'b Buffer, text: &str) -> Vec<&'b Cell> {
    let wanted: Vec<String> = text.chars().map(String::from).collect();
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width.saturating_sub(wanted.len() as u16 - 1) {
            if wanted.iter().enumerate().all(|(i, c)| buffer[(x + i as u16, y)].symbol() == c) {
                return (0..wanted.len() as u16).map(|i| &buffer[(x + i, y)]).collect();
            }
        }
    }
    panic!("{text:?} is not in\n{}", text_of(buffer));
}

#[test]
fn every_state_at_80x23() {
    for shot in all() {
        insta::assert_snapshot!(format!("80x23_{}", shot.name), shot.text(80, 23, UNICODE));
    }
}

#[test]
fn every_state_at_120x40() {
    for shot in all() {
        insta::assert_snapshot!(format!("120x40_{}", shot.name), shot.text(120, 40, UNICODE));
    }
}

#[test]
fn some_states_at_other_sizes() {
    for shot in all() {
        for (width, height, states) in [
            (80, 22, &["baking", "armed", "help", "locked"][..]),
            (80, 24, &["baking", "armed", "keeper_silent"][..]),
            (200, 60, &["auto_held", "armed", "help"][..]),
            (100, 30, &["auto_held"][..]),
            (60, 20, &["auto_held", "armed", "keeper_silent"][..]),
            (40, 8, &["baking", "auto_held", "armed", "blind", "keeper_silent", "rolling_back", "waiting"][..]),
            (30, 7, &["armed", "advance"][..]),
            (79, 24, &["auto_held", "armed"][..]),
            (20, 4, &["auto_held"][..]),
        ] {
            if states.contains(&shot.name) {
                insta::assert_snapshot!(format!("{width}x{height}_{}", shot.name), shot.text(width, height, UNICODE));
            }
        }
        for (kind, look) in [("ascii", ASCII), ("mono", MONO)] {
            if ["baking", "auto_held", "armed", "blind", "rolling_back"].contains(&shot.name) {
                insta::assert_snapshot!(format!("80x23_{kind}_{}", shot.name), shot.text(80, 23, look));
            }
        }
    }
}

#[test]
fn one_cell_still_says_that_something_is_there() {
    for shot in all() {
        let text = shot.text(1, 1, UNICODE);
        assert_eq!(text.trim().chars().count(), 1, "{}: {text:?}", shot.name);
    }
}

#[test]
fn the_words_that_others_rely_on() {
    for (state, word) in [
        ("baking", "RUNNING"),
        ("shifting", "RUNNING"),
        ("held_by_hand", "HOLDING"),
        ("auto_held", "HOLDING"),
        ("blind", "BLIND"),
        ("armed", "ARMED"),
        ("rolling_back", "ROLLING BACK"),
        ("rolled_back", "ROLLED BACK"),
        ("complete", "COMPLETE"),
        ("new_traffic_back", "NEW TRAFFIC ON BLUE"),
        ("target_not_ready", "TARGET NOT READY"),
        ("read_only", "READ-ONLY"),
    ] {
        for (width, height) in WHOLE {
            let text = shot(state).text(width, height, UNICODE);
            assert!(text.contains(word), "{word} at {width}x{height}\n{text}");
        }
    }
}

#[test]
fn r_roll_back_is_in_the_footer_of_every_state_without_a_panel() {
    for shot in all()
        .into_iter()
        .filter(|shot| shot.desk.dialog.is_none() && shot.desk.command_line.is_none() && !shot.desk.log.is_typing())
    {
        if ["read_only", "watching", "gave_up_rights"].contains(&shot.name) {
            continue;
        }
        for (width, height) in WHOLE.into_iter().chain([(40, 8)]) {
            let buffer = shot.buffer(width, height, UNICODE);
            let footer = row(&buffer, height - 1);
            // Accepted it is shown and not asked again, and before the first step it has nothing to do.
            let is_idle = shot.status.as_ref().is_some_and(|status| status.snapshot.rollback_target.is_idle);
            let word = match (shot.desk.is_being_done(shot.status.as_ref(), shot.now), is_idle) {
                (true, _) if shot.name == "foreign" => "R,y send again",
                (true, _) => "R progress",
                (false, true) => "R (at 0%)",
                (false, false) => "R,y roll back",
            };
            assert!(footer.contains(word), "{} at {width}x{height}: {footer}", shot.name);
        }
    }
}

#[test]
fn hazard_22_80x23_and_80x22_are_whole_screens() {
    for height in [22, 23] {
        let text = shot("baking").text(80, height, UNICODE);
        for words in ["TRAFFIC", "SIGNALS", "CHECKS", "LOG", "R,y roll back"] {
            assert!(text.contains(words), "{words}\n{text}");
        }
    }
}

#[test]
fn hazard_23_no_panel_covers_the_failing_check() {
    let mut scene = shots::auto_held_scene();
    scene.failing = Some(1);
    scene.run(4.0);
    for keys in ["R", "A", "?", "T", ":x"] {
        let shot = Shot::of("failing", &scene).keys(keys);
        for (width, height) in WHOLE {
            let text = shot.text(width, height, UNICODE);
            assert!(text.contains("✗ FAIL candidate database"), "{keys} at {width}x{height}\n{text}");
            assert!(text.contains("✗ FAIL candidate 5xx"), "{keys} at {width}x{height}\n{text}");
        }
    }
}

#[test]
fn hazard_44_dialogs_never_cover_gauge_signals_or_checks() {
    for (width, height) in WHOLE {
        let bare = Shot::from_status("plain", auto_held()).later(1000).buffer(width, height, UNICODE);
        let log = (0..height).find(|y| row(&bare, *y).contains(" LOG ")).expect("a log");
        for keys in ["R", "A", "?", "T", "4\n", "k\n", ":end\n", ":debug\n", ":note\n", ":note x", "/x"] {
            let open = Shot::from_status("open", auto_held()).later(1000 - 100 * keys.len() as u64).keys(keys);
            let open = open.buffer(width, height, UNICODE);
            for y in 2..log {
                let (bare, open) = (row(&bare, y), row(&open, y));
                // Frames of the focused panel may be drawn stronger.
                let thin = |text: &str| text.replace(['═', '╔', '╗', '╚', '╝', '║', '─', '┌', '┐', '└', '┘', '│'], "-");
                assert_eq!(thin(&bare), thin(&open), "{keys:?} at {width}x{height}, row {y}");
            }
        }
    }
}
