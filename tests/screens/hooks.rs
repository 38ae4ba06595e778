//! The operator's own programs, as far as anybody knows that they run.

use crate::WHOLE;
use crate::cells;
use crate::shots::{MONO, Shot, UNICODE, shot};
use ratatui::style::Color;
use warroom::console::desk::Input;

const RUNNING: [&str; 2] = ["hook_running", "hook_two_running"];

fn is_stale(shot: &Shot, words: &str, (width, height): (u16, u16)) {
    let buffer = shot.buffer(width, height, UNICODE);
    for cell in cells(&buffer, words) {
        assert_eq!(cell.fg, Color::Indexed(171), "{words:?} at {width}x{height} is as if it were of now");
    }
}

/// Its keeper is gone, and so perhaps is the program: how long it ran does not grow any more.
#[test]
fn a_hook_of_a_keeper_that_is_gone_was_running() {
    for state in RUNNING {
        for size in WHOLE {
            let now = shot(state).text(size.0, size.1, UNICODE);
            assert!(now.contains("► smoke ") && !now.contains("was running"), "{size:?}\n{now}");
            for gone in [shot(state).input(Input::Linked(false)), shot(state).later(60_000)] {
                let text = gone.text(size.0, size.1, UNICODE);
                let line = text.lines().find(|line| line.contains("? smoke was running, ")).unwrap_or_default();
                let ran = if state == "hook_running" { "12s" } else { "5.0s" };
                assert!(line.contains(ran), "{state} at {size:?}\n{text}");
                assert!(!text.contains("► smoke") && !text.contains("more running"), "{state} at {size:?}\n{text}");
                is_stale(&gone, "? smoke was running", size);
            }
        }
    }
    let gone = shot("hook_running").later(60_000);
    is_stale(&gone, "| GET /api/status 200 in 9 ms", (120, 40));
    assert!(gone.text(80, 23, MONO).contains("? smoke was running, "), "without any colour too");
}
