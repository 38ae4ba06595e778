//! The one table of keys holds footer and help; and the keys that matter are where they are documented.

#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use shots::{Shot, UNICODE, baking};
use warroom::console::desk::keymap::{Action, KEYS, Key, Keymap};
use warroom::console::desk::manual;

fn action(c: char) -> Option<Action> {
    Keymap::default().action_of(&KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
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
            assert_eq!(
                Keymap::default().action_of(&KeyEvent::new(code, modifiers)),
                None,
                "{key:?} with {modifiers:?}"
            );
        }
    }
}

#[test]
fn the_footer_is_the_table() {
    let wanted = KEYS.iter().filter_map(|binding| Some((binding.keys[0].label(), binding.footer?)));
    // Behind what asks first stands what answers.
    let wanted =
        wanted.map(|(key, word)| if "RA".contains(&key) { format!("{key},y {word}") } else { format!("{key} {word}") });
    let wanted: Vec<String> = wanted.collect();
    for (width, height) in [(80, 22), (80, 23), (120, 40), (200, 60)] {
        // Whoever may go on and has something to go back from has all of them.
        let status = shots::shot("advance").status.expect("a status");
        let text = Shot::from_status("baked", status).text(width, height, UNICODE);
        let footer = text.lines().last().expect("a footer");
        let mut from = 0;
        for words in &wanted {
            let at = footer[from..].find(words.as_str());
            let at = at.unwrap_or_else(|| panic!("{words:?} is not in its place in {footer:?}"));
            from += at + words.len();
        }
        assert!(
            footer.starts_with(" R,y roll back  H hold  A,y advance "),
            "traffic keys stand first, always: {footer}"
        );
    }
}

/// Help that shows three of its rows is no help: all rows, or a way to scroll to them; each within the width.
#[test]
fn the_help_shows_every_row_of_its_tables() {
    for (width, height) in [(80, 22), (80, 23), (80, 24), (120, 40), (200, 60)] {
        let shot = |keys: &str| Shot::from_status("help", baking()).keys("?").keys(keys).text(width, height, UNICODE);
        let mut seen: String = (0..60).map(|page| shot(&"j".repeat(page * 2))).collect();
        seen = seen.replace(['\n', '║', '═'], " ");
        let seen: Vec<&str> = seen.split_whitespace().collect();
        let seen = seen.join(" ");
        let status = baking();
        let sections = manual::sections(&Keymap::default(), Some(&status.snapshot));
        assert!(sections.iter().any(|section| section.title == "LIMITS OF THIS PLAN"));
        for section in sections {
            assert!(seen.contains(section.title), "{width}x{height}: {}", section.title);
            for row in section.rows {
                // In two columns what goes on below stands beside something else.
                let parts: Vec<&str> = if width < 110 { vec![&row.words] } else { row.words.split(' ').collect() };
                assert!(parts.iter().all(|part| seen.contains(part.trim())), "{width}x{height}: {:?}", row.words);
            }
        }
    }
}

#[test]
fn the_help_names_each_rows_keys_before_its_words() {
    let text = Shot::from_status("help", baking()).keys("?").text(250, 120, UNICODE);
    for binding in KEYS {
        let keys: Vec<String> = binding.keys.iter().map(|key| key.label()).collect();
        let row = format!("{:<9} {}", keys.join(" "), binding.help);
        assert!(text.contains(&row), "{row:?}\n{text}");
    }
}

/// Whoever reads lines has no keys: nothing that is printed may name one.
#[test]
fn lines_name_commands_and_never_keys() {
    let is_key = |word: &str| matches!(word.trim_matches(|c: char| ",.;:()".contains(c)), "R" | "H" | "A" | "T");
    let is_word_of_the_line =
        |word: &str| word.len() > 2 && word.starts_with(':') && word.as_bytes()[1].is_ascii_lowercase();
    let mut seen = 0;
    for shot in shots::all() {
        let Some(status) = &shot.status else { continue };
        let snapshot = &status.snapshot;
        let log = snapshot.log.iter().map(|entry| &entry.text);
        let gates = snapshot.gates.iter().map(|gate| &gate.detail);
        for words in std::iter::once(&snapshot.band.text).chain(log).chain(gates) {
            let printed = warroom::cli::typed(words);
            seen += 1;
            let keys: Vec<&str> = printed.split(' ').filter(|word| is_key(word) || is_word_of_the_line(word)).collect();
            assert!(keys.is_empty(), "{}: {keys:?} in {printed:?}", shot.name);
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn other_keys_are_shown_where_the_tables_are() {
    let mut shot = Shot::from_status("baking", baking());
    shot.desk.keymap.rebind(Action::Quit, vec![Key::parse("F10").expect("a key")]).expect("may be rebound");
    shot.desk.keymap.rebind(Action::Follow, vec![Key::parse("x").expect("a key")]).expect("may be rebound");
    let text = shot.text(120, 40, UNICODE);
    assert!(text.contains("F10 quit") && !text.contains(" q quit"), "{text}");
    let help = shot.keys("?").text(250, 120, UNICODE);
    assert!(help.contains("x         follow the log") && help.contains("F10       quit"), "{help}");
}

/// With `WARROOM_WRITE=1` it is written.
#[test]
fn the_readmes_table_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(path).expect("a README");
    let begin = text.find("<!-- keys").and_then(|at| Some(at + text[at..].find('\n')? + 1)).expect("where it begins");
    let end = text.find("<!-- /keys -->").expect("where it ends");
    let table = manual::markdown();
    if std::env::var_os("WARROOM_WRITE").is_some() {
        std::fs::write(path, format!("{}\n{}{}", &text[..begin], table, &text[end..])).expect("written");
        return;
    }
    assert_eq!(text[begin..end].trim(), table.trim(), "WARROOM_WRITE=1 cargo test --test keys writes it");
}
