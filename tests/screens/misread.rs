//! What somebody who saw the screen for the first time took for something else.

use crate::shots::{ASCII, MONO, Shot, UNICODE, all, auto_held, auto_held_scene, baked, shot};
use crate::{WHOLE, row};
use std::time::Duration;
use warroom::domain::{Clean, Verdict};

/// Traffic that is gone read as traffic: an average still has it.
#[test]
fn on_the_way_back_the_candidates_rate_is_of_the_newest_scrape() {
    let mut scene = auto_held_scene();
    scene.roll_back();
    scene.run(3.0);
    let shot = Shot::of("just back", &scene);
    let candidate = &shot.status.as_ref().expect("status").snapshot.environments.candidate;
    let (average, newest) = (candidate.rate.expect("read"), candidate.newest_rate.expect("read"));
    assert!(average > 5.0 && newest < 2.0, "{average} {newest}");
    for (width, height) in WHOLE {
        // No more than it had before its share: health checks and scrapes go on.
        let line = row(&shot.buffer(width, height, UNICODE), 3);
        assert!(line.contains("   idle  0.0%"), "{width}x{height}: {line}");
        let pinned = row(&crate::shots::shot("new_traffic_back").buffer(width, height, UNICODE), 3);
        assert!(pinned.contains("14 rps  0.0%"), "{width}x{height}: {pinned}");
    }
    // An older keeper does not tell it: then the average says that it is one.
    let mut status = shot.status.expect("status");
    status.snapshot.environments.candidate.newest_rate = None;
    let line = row(&Shot::from_status("older", status).buffer(80, 23, UNICODE), 3);
    assert!(line.contains("rps avg"), "{line}");
}

/// Said at once, and not only where somebody scrolls to it.
#[test]
fn a_wide_screen_has_a_checks_answer_whole() {
    let text = shot("drift").text(120, 40, UNICODE);
    assert!(text.lines().any(|line| line.contains("✗ FAIL balancer") && line.contains(" drift to 60%")), "{text}");
    let mut status = baked();
    status.snapshot.checks[1].verdict = Verdict::Fail;
    let long = "GET https://db/health: 503 pool exhausted, 40 of 40 connections wait";
    status.snapshot.checks[1].detail = Clean::new(long);
    let text = Shot::from_status("long", status.clone()).text(120, 40, UNICODE);
    let below: Vec<&str> = text.lines().skip_while(|line| !line.contains("FAIL candidate database")).skip(1).collect();
    let words: Vec<&str> = below.iter().take(2).filter_map(|line| line.rsplit('│').nth(1)).map(str::trim).collect();
    assert_eq!(words.join(" "), long, "{text}");
    // Where every row is taken each check keeps its own, and what is cut says so.
    for _ in 0..2 {
        let more = status.snapshot.checks.clone();
        status.snapshot.checks.extend(more);
    }
    let text = Shot::from_status("many", status).text(120, 40, UNICODE);
    assert!(text.lines().any(|line| line.contains("FAIL candidate database") && line.contains('…')), "{text}");
}

/// `3.89%>1.00%` is one word.
#[test]
fn comparisons_have_blanks_where_there_is_room() {
    for (width, height) in WHOLE {
        let text = Shot::from_status("held", auto_held()).text(width, height, UNICODE);
        assert!(text.contains("6.20% > 1.00%"), "{width}x{height}\n{text}");
    }
}

/// Neither colour nor words are on one cell.
#[test]
fn what_is_ready_does_not_look_like_what_runs() {
    for look in [UNICODE, ASCII, MONO] {
        for (width, height) in [(1, 1), (2, 1), (20, 4), (80, 23)] {
            let mark = |state: &str| {
                let text = shot(state).text(width, height, look);
                let band = text.lines().nth(usize::from(height > 20)).expect("a band").trim_start().to_owned();
                band.chars().next().expect("a mark")
            };
            let marks = ["ready", "baking", "auto_held", "complete"].map(mark);
            for (place, one) in marks.iter().enumerate() {
                assert!(!marks[..place].contains(one), "{marks:?} at {width}x{height}");
            }
        }
    }
}

/// A key that does nothing any more is not offered, and the others keep their places.
#[test]
fn hold_is_offered_only_where_something_can_be_held() {
    for shot in all().iter().filter(|shot| shot.desk.dialog.is_none() && shot.desk.command_line.is_none()) {
        let Some(status) = shot.status.as_ref().filter(|_| !shot.desk.log.is_typing()) else { continue };
        let phase = status.snapshot.phase;
        let is_over = phase.is_back() || phase == warroom::engine::Phase::Complete;
        let footer = row(&shot.buffer(80, 23, UNICODE), 22);
        let offered = footer.contains("H hold") || footer.contains("H held");
        if is_over {
            // What is not heard any more may be different by now.
            assert_eq!(offered, shot.desk.is_cut_off(shot.now), "{}: {footer}", shot.name);
        }
    }
}

/// At the smallest whole screen the help begins with what moves traffic, and a key gives it the room of a zoomed panel.
#[test]
fn the_help_of_a_small_screen_begins_with_what_matters_and_can_have_more_room() {
    let text = shot("help").text(80, 22, UNICODE);
    assert!(text.contains("R         arm a rollback") && text.contains("j k more: 2-"), "{text}");
    assert!(text.contains("? larger"), "{text}");
    let text = shot("help").keys("?").text(80, 22, UNICODE);
    for words in ["arm a rollback", "hold now", "advance or resume", "take control", "confirm, 0.4 s", "j k more"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let bare = shot("locked").text(80, 22, UNICODE);
    for y in [1, 2, 3, 4, 5] {
        assert_eq!(bare.lines().nth(y), text.lines().nth(y), "header, band and gauge stay");
    }
    assert!(shot("help").keys("??").desk.dialog.is_none());
}

/// Half an address is not known for one, so it is covered before it is broken.
#[test]
fn a_word_longer_than_a_panel_is_covered_before_it_is_broken() {
    let host = format!("https://{}.internal.example.com/health", "very-long-name-of-a-database".repeat(4));
    let mut held = auto_held();
    let snapshot = &mut held.snapshot;
    if let Some(held) = &mut snapshot.held {
        held.why = Clean::new(format!("check database: 503 from {host}"));
        held.resume_refused = vec![held.why.clone()];
    }
    snapshot.rollback_target.words = Clean::new(format!("BLUE v2.0.5: {host}"));
    for check in &mut snapshot.checks {
        check.detail = Clean::new(format!("503 from {host}"));
        check.verdict = Verdict::Fail;
    }
    let mut seen_without = 0;
    for keys in ["", "A", "4\n", "11", "22", "R"] {
        for private in [false, true] {
            let mut shot = Shot::from_status("long", held.clone());
            shot.desk.private = private;
            let shot = shot.keys(keys);
            for (width, height) in WHOLE.into_iter().chain([(60, 20), (40, 10)]) {
                let text = shot.text(width, height, UNICODE);
                let is_seen = ["database-", "-of-a", "internal", "example.com"].iter().any(|part| text.contains(part));
                seen_without += usize::from(!private && is_seen);
                assert!(!private || !is_seen, "{keys:?} at {width}x{height}\n{text}");
            }
        }
    }
    assert!(seen_without > 10, "it is not even there without: {seen_without}");
}

/// Fresh answers are not counted up second by second; what is late is, and so is what is looked at closely.
#[test]
fn a_checks_age_is_coarse_while_it_is_fresh() {
    let ages = |millis: u64| {
        let mut status = baked();
        let at = status.snapshot.mono;
        for check in &mut status.snapshot.checks {
            (check.at, check.every) = (Some(at), Duration::from_secs(10));
        }
        let text = Shot::from_status("ages", status).later(millis).heard_only().text(120, 40, UNICODE);
        let line = text.lines().find(|line| line.contains("candidate redis")).expect("a check").to_owned();
        line.trim_end_matches(['│', ' ']).rsplit(' ').next().expect("an age").to_owned()
    };
    for (millis, age) in [
        (0, "<5s"),
        (4_999, "<5s"),
        (5_000, "<10s"),
        (9_999, "<10s"),
        (10_000, "<30s"),
        (21_000, "<30s"),
        (21_001, "21s"),
    ] {
        assert_eq!(ages(millis), age, "{millis} ms");
    }
}
