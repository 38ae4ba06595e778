//! The one table of keys holds footer and help; and the keys that matter are where they are documented.

#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use shots::{Shot, UNICODE, baking};
use warroom::console::desk::keymap::{Action, KEYS, Key, LEGEND, PANEL_KEYS, action_of};

fn action(c: char) -> Option<Action> {
    action_of(&KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
}

#[test]
fn r_h_a_and_the_rest_are_bound_as_documented() {
    for (c, expected) in [
        ('R', Some(Action::Rollback)),
        ('H', Some(Action::Hold)),
        ('A', Some(Action::Advance)),
        ('T', Some(Action::Take)),
        ('?', Some(Action::Help)),
        ('q', Some(Action::Quit)),
        (':', Some(Action::CommandLine)),
        (' ', Some(Action::Space)),
        ('r', None),
        ('h', Some(Action::PreviousPanel)),
        ('l', Some(Action::NextPanel)),
        ('a', None),
        ('y', None),
        ('n', Some(Action::NextMatch)),
        ('O', None),
    ] {
        assert_eq!(action(c), expected, "{c:?}");
    }
}

#[test]
fn upper_case_is_traffic_and_lower_case_is_view() {
    for binding in KEYS {
        let traffic = matches!(binding.action, Action::Rollback | Action::Hold | Action::Advance | Action::Take);
        for key in binding.keys {
            if let Key::Char(c) = key
                && traffic
            {
                assert!(c.is_ascii_uppercase(), "{c}");
            }
        }
    }
}

#[test]
fn no_key_is_bound_twice() {
    let mut seen = Vec::new();
    for key in KEYS.iter().flat_map(|binding| binding.keys) {
        assert!(!seen.contains(key), "{key:?}");
        seen.push(*key);
    }
}

#[test]
fn any_modifier_but_shift_makes_it_another_key() {
    for modifiers in [KeyModifiers::ALT, KeyModifiers::CONTROL, KeyModifiers::SUPER, KeyModifiers::META] {
        for key in KEYS.iter().flat_map(|binding| binding.keys) {
            let code = match key {
                Key::Char(c) => KeyCode::Char(*c),
                Key::Named(code, _) => *code,
            };
            assert_eq!(action_of(&KeyEvent::new(code, modifiers)), None, "{key:?} with {modifiers:?}");
        }
    }
}

#[test]
fn the_footer_is_the_table() {
    let wanted: Vec<String> = KEYS
        .iter()
        .filter_map(|binding| binding.footer.map(|word| format!("{} {word}", binding.keys[0].label())))
        .collect();
    for (width, height) in [(80, 22), (80, 23), (120, 40), (200, 60)] {
        let text = Shot::from_status("baking", baking()).text(width, height, UNICODE);
        let footer = text.lines().last().expect("a footer");
        let mut from = 0;
        for words in &wanted {
            let at = footer[from..].find(words.as_str());
            let at = at.unwrap_or_else(|| panic!("{words:?} is not in its place in {footer:?}"));
            from += at + words.len();
        }
        assert!(footer.starts_with(" R roll back  H hold  A advance "), "traffic keys stand first, always: {footer}");
    }
}

/// Help that shows three of its rows is no help: all rows, or a way to scroll to them.
#[test]
fn the_help_shows_every_row_of_the_table() {
    for (width, height) in [(80, 22), (80, 23), (80, 24), (120, 40), (200, 60)] {
        let mut seen = Shot::from_status("help", baking()).keys("?").text(width, height, UNICODE);
        // Whatever scrolls the log may scroll the help.
        for pages in 1..40 {
            seen.push_str(
                &Shot::from_status("help", baking())
                    .keys("?")
                    .keys(&"j".repeat(pages * 2))
                    .text(width, height, UNICODE),
            );
        }
        let missing: Vec<&str> = KEYS
            .iter()
            .map(|binding| binding.help)
            .chain(PANEL_KEYS.iter().map(|(_, help)| *help))
            .chain(LEGEND.iter().map(|(_, _, help)| *help))
            .filter(|help| !seen.contains(help))
            .collect();
        assert!(
            missing.is_empty(),
            "{width}x{height}: {} of {} rows: {missing:?}",
            missing.len(),
            KEYS.len() + PANEL_KEYS.len() + LEGEND.len()
        );
    }
}

#[test]
fn the_help_names_each_rows_keys_before_its_words() {
    let text = Shot::from_status("help", baking()).keys("?").text(250, 90, UNICODE);
    for binding in KEYS {
        let keys: Vec<String> = binding.keys.iter().map(|key| key.label()).collect();
        let row = format!("{:<9} {}", keys.join(" "), binding.help);
        assert!(text.contains(&row), "{row:?}\n{text}");
    }
}
