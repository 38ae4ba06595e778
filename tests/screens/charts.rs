//! Charts: gaps, limits, the newest at the right edge.

use crate::shots::{ASCII, Shot, UNICODE, baked, baking, shot};
use crate::{WHOLE, row};
use ratatui::style::Color;
use warroom::console::desk::Input;
use warroom::domain::Absence;
use warroom::domain::Clean;

#[test]
fn hazard_18_a_gap_is_not_zero_and_nan_is_no_spike() {
    let mut status = baking();
    for signal in &mut status.snapshot.signals {
        // Each for so long that it has columns of its own.
        let parts = [Some(0.0), None, Some(f32::NAN), Some(f32::INFINITY), Some(0.0)];
        signal.points = parts.into_iter().flat_map(|part| [part; 6]).collect();
    }
    let buffer = Shot::from_status("gaps", status.clone()).buffer(80, 23, UNICODE);
    let line = row(&buffer, 8);
    assert!(line.contains("▁▁·············▁▁"), "{line}");
    let buffer = Shot::from_status("gaps", status).buffer(80, 23, ASCII);
    let line = row(&buffer, 8);
    assert!(line.contains("__?????????????__"), "{line}");
}

#[test]
fn hazard_19_the_newest_sample_is_in_the_last_column() {
    let mut status = baking();
    for signal in &mut status.snapshot.signals {
        signal.points = vec![Some(0.0); 299];
        signal.points.push(Some(9.0));
        signal.limit = Some(0.03);
    }
    for (width, height) in WHOLE {
        let buffer = Shot::from_status("newest", status.clone()).buffer(width, height, UNICODE);
        let mut tops = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let full = buffer[(x, y)].symbol() == "█" && buffer[(x, y)].fg == Color::Indexed(203);
                if full && !tops.contains(&x) {
                    tops.push(x);
                }
            }
        }
        let last: &[u16] = match width {
            80 => &[54],
            120 => &[34, 70],
            _ => &[63, 128],
        };
        assert!(!tops.is_empty() && tops.len() <= 2, "{width}x{height}: {tops:?}");
        for x in &tops {
            let right = buffer[(x + 1, 13)].symbol();
            assert!(width == 80 || right == "│", "{width}x{height}: {tops:?} and not {last:?}");
        }
        if width == 80 {
            assert_eq!(tops, last);
        }
    }
}

#[test]
fn a_percentile_above_the_last_bucket_is_over_its_limit_and_no_older_value() {
    let mut status = baked();
    status.snapshot.signals[3].value = Err(Clean::new("above the last bucket"));
    status.snapshot.signals[3].absence = Some(Absence::AboveBuckets(0.3));
    let text = Shot::from_status("above", status).text(80, 23, UNICODE);
    let line = text.lines().find(|line| line.contains("P99  GREEN")).expect("the row");
    assert!(line.contains("✗") && line.contains("> 300ms"), "{line}");
}

/// A console that was stopped catches up: the newest point is where its time is, not at the right edge.
#[test]
fn a_chart_is_padded_for_the_time_since_its_points_were_taken() {
    let mut shot = Shot::from_status("stalled", baking());
    shot = shot.later(20_000).input(Input::Heard);
    let line = row(&shot.buffer(80, 23, UNICODE), 9);
    assert!(line.contains(&"·".repeat(13)), "{line}");
}

#[test]
fn an_over_limit_stable_is_marked_too() {
    let mut status = baked();
    status.snapshot.signals[0].value = Ok(0.3);
    let text = Shot::from_status("stable_bad", status).text(80, 23, UNICODE);
    let line = text.lines().find(|line| line.contains("5xx  BLUE")).expect("the row");
    assert!(line.contains('✗'), "30 % errors on stable look like 0.2 %: {line}");
}

/// "Both environments' error ratio with counts and P99", at every size.
#[test]
fn every_whole_screen_has_ratio_limit_and_count_of_both_environments() {
    for (width, height) in WHOLE.into_iter().chain([(110, 34), (100, 30)]) {
        let shot = shot("auto_held");
        let text = shot.text(width, height, UNICODE);
        let log = text.find(" LOG ").expect("a log");
        let signals = &text[text.find("5xx").expect("a chart")..log];
        for words in ["0.21%", "3.00%", "616", "216", "137ms", "200ms", "✗"] {
            assert!(signals.contains(words), "{words} at {width}x{height}\n{signals}");
        }
    }
}
