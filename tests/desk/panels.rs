//! Focus, zoom, scrolling and the charts' reach: view only, whatever is pressed.

use crate::sitting::{Sitting, baking};
use crossterm::event::KeyCode;
use warroom::console::desk::{Input, Panel, Reach};

#[test]
fn a_digit_focuses_and_once_more_zooms() {
    for (index, panel) in Panel::ALL.into_iter().enumerate().filter(|(_, panel)| *panel != Panel::People) {
        let digit = char::from_digit(index as u32 + 1, 10).expect("a digit");
        assert_eq!(panel.number(), index + 1);
        let mut sitting = Sitting::baking();
        if panel != Panel::Log {
            sitting.press(digit);
            assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (panel, None));
        }
        sitting.press(digit);
        assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (panel, Some(panel)));
        sitting.press(digit);
        assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (panel, None));
        sitting.press(digit);
        sitting.code(KeyCode::Esc);
        assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (panel, None));
        assert_eq!(sitting.acts, []);
    }
}

/// What has no place beside the others is shown at once, and gone at once.
#[test]
fn people_have_the_whole_room_where_they_have_no_panel() {
    for leave in [KeyCode::Esc, KeyCode::Char('6')] {
        let mut sitting = Sitting::baking();
        sitting.input(Input::Resized(80, 23));
        sitting.press('6');
        assert_eq!(sitting.desk.zoom(), Some(Panel::People));
        sitting.code(leave);
        assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (Panel::Log, None), "{leave:?}");
    }
    let mut sitting = Sitting::baking();
    sitting.input(Input::Resized(200, 60));
    sitting.press('6');
    assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (Panel::People, None));
    sitting.press('6');
    assert_eq!(sitting.desk.zoom(), Some(Panel::People));
    sitting.code(KeyCode::Esc);
    assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (Panel::People, None));
    // Where its panel is gone, so is its focus.
    sitting.input(Input::Resized(80, 23));
    assert_eq!(sitting.desk.focus, Panel::Log);
}

#[test]
fn tab_goes_round_the_panels_on_screen_and_ends_a_zoom() {
    for (size, count) in [((80, 23), 5), ((200, 60), 6)] {
        let mut sitting = Sitting::baking();
        sitting.input(Input::Resized(size.0, size.1));
        let mut seen = Vec::new();
        for _ in 0..count {
            seen.push(sitting.desk.focus);
            sitting.press('\t');
        }
        assert_eq!(sitting.desk.focus, Panel::Log, "once round");
        seen.sort_by_key(|panel| panel.number());
        assert_eq!(seen, Panel::ALL[..count]);
        sitting.press('3');
        sitting.press('3');
        sitting.code(KeyCode::BackTab);
        assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (Panel::Phases, None));
    }
}

#[test]
fn w_goes_through_the_four_reaches() {
    let mut sitting = Sitting::baking();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(sitting.desk.reach.seconds());
        sitting.press('w');
    }
    assert_eq!(seen, [60, 300, 900, 3600]);
    assert_eq!(sitting.desk.reach, Reach::Minute);
    assert_eq!(sitting.acts, []);
}

/// A zoom never takes a key from traffic, and a dialog takes the room back.
#[test]
fn traffic_keys_mean_the_same_in_every_zoom() {
    for digits in ["11", "22", "33", "44", "5", "6"] {
        let mut sitting = Sitting::baking();
        sitting.type_text(digits);
        assert!(sitting.desk.zoom().is_some(), "{digits}");
        sitting.after(2100);
        sitting.press('R');
        assert!(sitting.is_armed(), "{digits}: {}", sitting.flash());
        assert_eq!(sitting.desk.zoom(), None, "{digits}: the decision is beside what it is about");
        sitting.after(500);
        sitting.code(KeyCode::Esc);
        assert!(!sitting.is_armed());
        assert!(sitting.desk.zoom().is_some(), "{digits}: Esc closes one thing at a time");
        sitting.press('R');
        sitting.after(500);
        sitting.press('y');
        assert_eq!(sitting.rollbacks(), 1, "{digits}");
    }
}

#[test]
fn arrows_scroll_inside_the_focused_panel_alone() {
    let mut sitting = Sitting::baking();
    sitting.type_text("22");
    sitting.type_text("jjj");
    assert_eq!((sitting.desk.panel_from, sitting.desk.log.paused(), sitting.desk.check), (3, None, 0));
    sitting.type_text(&"j".repeat(100));
    let snapshot = &baking().snapshot;
    let end = snapshot.steps.len() * 3 + snapshot.gates.len();
    assert_eq!(sitting.desk.panel_from, end, "it stops");
    sitting.press('g');
    assert_eq!(sitting.desk.panel_from, 0, "back to the first line");
    sitting.type_text("jj4");
    assert_eq!(sitting.desk.panel_from, 0, "each panel begins at its top");
}

#[test]
fn enter_without_anything_selected_says_where_it_works() {
    let mut sitting = Sitting::baking();
    sitting.press('3');
    sitting.press('\n');
    assert!(sitting.desk.dialog.is_none());
    assert!(sitting.flash().contains("4 CHECKS"), "{}", sitting.flash());
}
