//! What the console shows, state by state and size by size; and the rules that hold for all of them.

#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use crossterm::event::KeyCode;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use shots::{ASCII, MONO, Shot, UNICODE, all, auto_held, baked, baking, blind, shot, text_of};
use unicode_width::UnicodeWidthStr;
use warroom::console::desk::Input;
use warroom::console::desk::dialog::Kind;
use warroom::console::screen::{Ink, Look, Theme};
use warroom::domain::{Absence, Clean, CommandId, Person};
use warroom::engine::Answer;

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
            assert!(footer.contains("R roll back"), "{} at {width}x{height}: {footer}", shot.name);
        }
    }
}

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
        // The smallest form keeps the shorter sentence.
        let word = if height < 10 { "measured" } else { "probes" };
        assert!(text.contains(&format!("{word} 5.0%?")), "{width}x{height}\n{text}");
    }
}

/// Past a point of no return the screen says since when, what breaks, and how long a rollback would take all the same.
#[test]
fn no_rollback_by_itself_says_since_when_and_why() {
    for (width, height) in WHOLE.into_iter().chain([(79, 24), (60, 20)]) {
        let text = shot("past_no_return").text(width, height, UNICODE);
        let line = text.lines().find(|line| line.contains("NO ROLLBACK")).expect("the line");
        let time = if width < 110 { "R: 0.4s sent, 6s proven" } else { "R now: ~0.4s to send, ~6s until proven" };
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
            80 => &[55],
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
fn hazard_22_80x23_and_80x22_are_whole_screens() {
    for height in [22, 23] {
        let text = shot("baking").text(80, height, UNICODE);
        for words in ["TRAFFIC", "SIGNALS", "CHECKS", "LOG", "R roll back"] {
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

#[test]
fn hazard_26_the_chip_keeps_its_own_ink() {
    for state in ["baking", "auto_held", "armed", "rolling_back", "blind"] {
        for (width, height) in WHOLE {
            for theme in [Theme::Dark, Theme::Cvd, Theme::Light, Theme::Sixteen] {
                let look = Look { theme, ascii: false };
                let buffer = shot(state).buffer(width, height, look);
                let critical = look.ink(Ink::Critical).fg;
                for chip in [" BLUE ", " GREEN "] {
                    // The first place is the traffic panel's: the band says the label right behind the word.
                    let traffic = (2..5).find(|y| row(&buffer, *y).contains("STABLE  BLUE")).expect("the traffic row");
                    let text: Vec<String> = (0..width).map(|x| buffer[(x, traffic)].symbol().to_owned()).collect();
                    let at = text.windows(chip.len()).position(|part| part.concat() == chip).expect("the chip") as u16;
                    for x in at..at + chip.len() as u16 {
                        let cell = &buffer[(x, traffic)];
                        assert_ne!(Some(cell.fg), critical, "{state} {theme:?}");
                        assert_ne!(Some(cell.bg), critical, "{state} {theme:?}");
                        assert_ne!(cell.bg, Color::Reset, "{state} {theme:?} {chip}");
                    }
                }
            }
        }
    }
}

#[test]
fn hazard_28_sixteen_colours_write_white_on_blue() {
    let buffer = shot("baking").buffer(80, 23, Look { theme: Theme::Sixteen, ascii: false });
    let chip = &cells(&buffer, "STABLE  BLUE ")[7..];
    assert!(chip.iter().all(|cell| cell.fg == Color::White && cell.bg == Color::Blue), "{chip:?}");
}

#[test]
fn hazard_25_the_armed_band_is_reversed_in_every_theme() {
    for theme in [Theme::Dark, Theme::Cvd, Theme::Light, Theme::Sixteen, Theme::Mono] {
        for (width, height) in WHOLE.into_iter().chain([(40, 8)]) {
            let buffer = shot("armed").buffer(width, height, Look { theme, ascii: false });
            let armed = cells(&buffer, "ARMED");
            assert!(armed.iter().all(|cell| cell.modifier.contains(Modifier::REVERSED)), "{theme:?} {width}x{height}");
        }
    }
}

#[test]
fn hazard_27_mono_has_no_colours_and_its_states_differ() {
    let mut pictures = Vec::new();
    for shot in all() {
        for (width, height) in [(80, 23), (120, 40), (40, 8)] {
            let buffer = shot.buffer(width, height, MONO);
            for cell in buffer.content() {
                assert_eq!(
                    (cell.fg, cell.bg),
                    (Color::Reset, Color::Reset),
                    "{} {width}x{height}: {cell:?}",
                    shot.name
                );
            }
            if width == 80 {
                let band: Vec<_> =
                    (0..80).map(|x| (buffer[(x, 1)].symbol().to_owned(), buffer[(x, 1)].modifier)).collect();
                let rest = text_of(&buffer);
                pictures.push((shot.name, band, rest));
            }
        }
    }
    for (index, (name, band, rest)) in pictures.iter().enumerate() {
        for (other_name, other_band, other_rest) in &pictures[index + 1..] {
            assert!(band != other_band || rest != other_rest, "{name} and {other_name} look alike without colour");
        }
    }
}

#[test]
fn healthy_has_no_hue() {
    let buffer = shot("baking").buffer(80, 23, UNICODE);
    for cell in cells(&buffer, "✓ ok   candidate health") {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
    }
}

#[test]
fn hazard_42_every_glyph_is_one_cell_wide_and_ascii_is_ascii() {
    for shot in all() {
        for (width, height) in WHOLE.into_iter().chain([(40, 8), (60, 20), (1, 1)]) {
            for cell in shot.buffer(width, height, UNICODE).content() {
                assert_eq!(cell.symbol().width(), 1, "{} {width}x{height}: {:?}", shot.name, cell.symbol());
                assert!(!"▶⏸⚠✔✖".contains(cell.symbol()), "{} {:?}", shot.name, cell.symbol());
            }
            let text = shot.text(width, height, ASCII);
            assert!(text.is_ascii(), "{} {width}x{height}\n{text}", shot.name);
        }
    }
}

/// In ASCII `?` means "unknown": nothing that is known may be drawn with it.
#[test]
fn ascii_draws_nothing_known_as_a_question_mark() {
    for state in ["shifting", "advance", "rolling_back_progress", "drift"] {
        let (unicode, ascii) = (shot(state).text(120, 40, UNICODE), shot(state).text(120, 40, ASCII));
        for (line, plain) in unicode.lines().zip(ascii.lines()).filter(|(line, _)| !line.contains('·')) {
            assert_eq!(line.matches('?').count(), plain.matches('?').count(), "{state}\n{line}\n{plain}");
        }
    }
}

/// What must be read in the band at 80 columns, whatever else is cut from its end.
const BAND_WORDS: &[(&str, &[&str])] = &[
    ("locked", &["RUNNING", "A locked", "too few requests"]),
    ("drift", &["FROZEN", "SOMEBODY ELSE", "set 60% (wanted 25%)", ":adopt", "R rolls back"]),
    ("foreign", &["ROLLING BACK", "FOREIGN", ":sendagain", ":adopt"]),
    ("keeper_silent", &["KEEPER SILENT", "OLD", "R then y rolls back"]),
    ("balancer_unreadable", &["BALANCER SILENT", "last known 25%", "R keeps trying", "A locked"]),
    ("target_not_ready", &["TARGET NOT READY", "BLUE v2.0.5"]),
    ("armed", &["ARMED", "BLUE v2.0.5", "y = do it"]),
    ("armed_target_not_ready", &["ARMED", "NOT READY", "type checkout, Enter"]),
    ("armed_past_no_return", &["ARMED", "NO RETURN", "type checkout, Enter"]),
    ("auto_rollback_off", &["RUNNING", "AUTO-ROLLBACK OFF until"]),
    ("auto_held", &["HOLDING (auto)", "5xx GREEN was", "now", "> 3.00%", "12:01:21Z", "A locked"]),
    ("blind", &["BLIND", "no candidate metrics for", "A locked"]),
    ("blind_while_held", &["HOLDING", "BLIND"]),
    ("blind_when_complete", &["COMPLETE", "BLIND"]),
    ("rolled_back", &["ROLLED BACK", "by alice: errors", "on BLUE", ":restart"]),
];

#[test]
fn the_band_says_what_matters_within_80_columns() {
    for (state, words) in BAND_WORDS {
        let shot = shot(state);
        let narrow = row(&shot.buffer(80, 23, UNICODE), 1);
        for word in *words {
            assert!(narrow.contains(word), "{state}: {word:?} is not in {narrow:?}");
        }
    }
}

/// State, why, since when and what next are whole at 80 columns; the rest is there whole or not at all.
#[test]
fn the_whole_sentence_of_the_band_fits_80_columns() {
    let mut checked = 0;
    for shot in all() {
        let armed = shot.desk.dialog.as_ref().is_some_and(|dialog| matches!(dialog.kind, Kind::RollBack { .. }));
        let Some(status) = shot.status.as_ref().filter(|_| !armed && shot.desk.direct.is_none()) else { continue };
        if shot.name == "keeper_silent" {
            continue;
        }
        for width in [80, 120, 300] {
            let line = row(&shot.buffer(width, 40, UNICODE), 1);
            let band = &status.snapshot.band;
            let mut rest = line.trim_start_matches([' ', '►', '!', '■', '✓']);
            rest = rest.strip_prefix(band.word.as_str()).unwrap_or_else(|| panic!("{}: no state: {line}", shot.name));
            for part in &band.parts {
                let next = rest.trim_start();
                let forms = [Some(&part.words), part.short.as_ref()];
                match forms.into_iter().flatten().find(|words| next.starts_with(words.as_str())) {
                    Some(words) => rest = &next[words.as_str().len()..],
                    None => {
                        assert!(part.rank > 0, "{} at {width}: {:?} is not whole in {line:?}", shot.name, part.words);
                    }
                }
            }
            assert_eq!(rest.trim(), "", "{} at {width}: {line:?}", shot.name);
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked}");
}

/// Nothing in a row is cut without a mark: what is longer than its row ends with one, at a blank.
#[test]
fn no_row_of_the_traffic_panel_or_the_log_is_cut_without_a_mark() {
    for shot in all().into_iter().filter(|shot| shot.status.is_some() && shot.desk.dialog.is_none()) {
        let (narrow, wide) = (shot.text(80, 23, UNICODE), shot.text(300, 23, UNICODE));
        let wide: String = wide.split_whitespace().collect::<Vec<_>>().join(" ");
        for (y, line) in narrow.lines().enumerate().filter(|(y, _)| *y == 5 || *y >= 19) {
            let words: Vec<&str> = line.trim_end_matches('…').split_whitespace().collect();
            // Parts are left out whole, so each word stands in the wide picture too.
            let wide_words: Vec<&str> = wide.split(' ').collect();
            for word in words.iter().filter(|word| word.chars().all(char::is_alphanumeric)) {
                assert!(wide_words.contains(word), "{} row {y}: {word:?} is a piece of a word: {line}", shot.name);
            }
        }
    }
}

/// The keeper is frozen and `R` `y` went directly: the band and the panel are about that.
#[test]
fn a_direct_rollback_is_in_the_band_and_its_outcome_comes_first() {
    for (width, height) in WHOLE {
        let text = shot("going_direct").text(width, height, UNICODE);
        assert!(text.lines().nth(1).is_some_and(|band| band.contains("ROLLING BACK DIRECTLY")), "{text}");
        let mut shot = shot("going_direct");
        shot.desk.last_outcome = Some(Clean::new("root advances 0% → 5%"));
        for line in ["candidate 0% read back +0.4 s", "a line", "another line", "rollback confirmed +5.1 s", "done"] {
            shot = shot.input(Input::Direct(line.to_owned()));
        }
        let text = shot.text(width, height, UNICODE);
        let band = text.lines().nth(1).expect("a band");
        assert!(band.contains("ROLLED BACK DIRECTLY +") && band.contains("keeper silent"), "{band}");
        for words in ["SENT DIRECTLY", "→ CONFIRMED +"] {
            assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
        }
        assert!(!text.contains("root advances"), "{text}");
        let text = shot.keys("").input(Input::Key(KeyCode::Esc.into())).text(width, height, UNICODE);
        assert!(text.contains("your last key: rolled back DIRECTLY"), "{width}x{height}\n{text}");
    }
}

#[test]
fn the_time_to_safe_is_on_every_screen_before_a_rollback() {
    for state in ["preflight", "ready", "baking", "auto_held", "held_by_hand"] {
        for (width, height) in WHOLE.into_iter().chain([(60, 20)]) {
            let text = shot(state).text(width, height, UNICODE);
            let time = match (state, width) {
                // Nothing was written yet: how long that takes nobody knows.
                ("preflight" | "ready", 60) => "R: 5s proven",
                ("preflight" | "ready", _) => "R now: ~5s until proven",
                (_, ..110) => "R: 0.4s sent, 6s proven",
                _ => "R now: ~0.4s to send, ~6s until proven",
            };
            assert!(text.contains(time), "{time} in {state} at {width}x{height}\n{text}");
        }
    }
    let text = shot("rolled_back").text(80, 23, UNICODE);
    assert!(text.contains("last: confirmed in 5."), "{text}");
    let text = shot("balancer_unreadable").text(120, 40, UNICODE);
    assert!(text.contains("R: lands when the balancer answers") && !text.contains("proven"), "{text}");
}

#[test]
fn an_unreadable_balancer_shows_what_was_last_known_and_how_old_it_is() {
    for (width, height) in WHOLE {
        let shot = shot("balancer_unreadable");
        let buffer = shot.buffer(width, height, UNICODE);
        let text = text_of(&buffer);
        assert!(text.contains("configured 25.0%? ") && text.contains("old"), "{width}x{height}\n{text}");
        assert_eq!(cells(&buffer, "BALANCER SILENT")[0].fg, Color::Indexed(203), "not in the critical ink");
    }
}

/// What cannot be decided on says why; nothing that does not fit is lost in silence.
#[test]
fn a_panel_counts_the_lines_that_have_no_room() {
    let text = shot("locked").text(80, 22, UNICODE);
    assert!(text.contains("more"), "{text}");
    assert!(text.contains("R roll back  H hold"), "{text}");
    let text = shot("help").text(80, 23, UNICODE);
    assert!(text.contains("j k more: 1-3 of"), "{text}");
}

#[test]
fn a_small_terminal_that_confirms_shows_what_and_how() {
    for (state, question) in [("armed", "→ 0%"), ("advance", "→ 50%")] {
        for (width, height) in [(30, 7), (40, 8), (60, 12), (79, 24)] {
            let text = shot(state).text(width, height, UNICODE);
            for words in [question, "y  ", "feed", "keeper", "25.0%"] {
                assert!(text.contains(words), "{state} {width}x{height}: {words}\n{text}");
            }
        }
    }
}

#[test]
fn the_compact_form_uses_the_rows_that_are_there() {
    let text = shot("auto_held").text(79, 24, UNICODE);
    for words in ["driver alice", "checks 9 of 10 ok", "rps", "(216)", "▒", "LOG", "R now"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(text.lines().filter(|line| line.trim().is_empty()).count() < 3, "{text}");
    assert!(shot("read_only").text(40, 8, UNICODE).contains("READ-ONLY"));
}

#[test]
fn a_percentile_above_the_last_bucket_is_over_its_limit_and_no_older_value() {
    let mut status = baked();
    status.snapshot.signals[3].value = Err(Clean::new("above the last bucket"));
    status.snapshot.signals[3].absence = Some(Absence::AboveBuckets(0.3));
    let text = Shot::from_status("above", status).text(80, 23, UNICODE);
    let line = text.lines().find(|line| line.contains("P99  GREEN")).expect("the row");
    assert!(line.contains("✗") && line.contains(">300ms"), "{line}");
}

#[test]
fn nothing_to_roll_back_says_so() {
    let text = shot("ready").keys("R").text(80, 23, UNICODE);
    assert!(text.contains("nothing to roll back: everything is on BLUE v2.0.5"), "{text}");
}

#[test]
fn a_watching_keeper_wants_nothing_and_stands_nowhere() {
    let text = shot("watching").text(80, 23, UNICODE);
    assert!(!text.contains("wanted"), "{text}");
    assert!(!text.contains("► pre"), "{text}");
}

#[test]
fn the_lever_is_whole_while_somebody_is_still_on_the_candidate() {
    for (width, height) in WHOLE {
        let text = shot("new_traffic_back").text(width, height, UNICODE);
        assert!(text.contains("kept-alive connections end within 30 s"), "{width}x{height}\n{text}");
    }
}

/// A console that was stopped catches up: the newest point is where its time is, not at the right edge.
#[test]
fn a_chart_is_padded_for_the_time_since_its_points_were_taken() {
    let mut shot = Shot::from_status("stalled", baking());
    shot = shot.later(20_000).input(Input::Heard);
    let line = row(&shot.buffer(80, 23, UNICODE), 9);
    assert!(line.contains(&"·".repeat(13)), "{line}");
}

/// A number cut in its middle is another number: `<20` is not `<200ms`.
#[test]
fn a_checks_detail_is_whole_or_says_that_it_is_cut() {
    let mut cut = Vec::new();
    for state in ["baking", "auto_held", "preflight", "watching"] {
        let shot = shot(state);
        let checks = &shot.status.as_ref().expect("status").snapshot.checks;
        for (width, height) in WHOLE {
            let text = shot.text(width, height, UNICODE);
            for check in checks {
                let mut rows = text.lines().skip(11);
                let line = rows.find(|line| line.contains(check.name.as_str())).expect("a row a check");
                let from = line.find(check.name.as_str()).expect("found") + check.name.as_str().len();
                let shown = line[from..].split(['✓', '✗', '?', '!', '│']).next().unwrap_or_default().trim();
                if !line.contains(check.detail.as_str()) && !shown.contains('…') {
                    cut.push(format!(
                        "{state} at {width}x{height}: {} shows {shown:?} of {:?}",
                        check.name,
                        check.detail.as_str()
                    ));
                }
            }
        }
    }
    assert!(cut.is_empty(), "{}", cut.join("\n"));
}

#[test]
fn the_header_names_target_driver_and_three_ages_at_80_columns() {
    let mut missing = Vec::new();
    for state in ["baking", "read_only", "keeper_silent", "blind", "watching", "rolled_back", "balancer_unreadable"] {
        let buffer = shot(state).buffer(80, 23, UNICODE);
        let header = row(&buffer, 0);
        let who = if state == "watching" { "no driver" } else { "driver alice" };
        let readonly = if state == "read_only" { "READ-ONLY" } else { "keeper" };
        for words in ["checkout @ demo", "keeper", "balancer", "feed", "Z", who, readonly] {
            if !header.contains(words) {
                missing.push(format!("{state}: {words:?} is not in {header:?}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_last_commands_outcome_stays_on_screen() {
    let words = "approve REFUSED: the driver cannot approve their own step";
    let mut shot = Shot::from_status("outcome", baked()).keys(":approve\n");
    let id = CommandId(2);
    shot.desk.handle(
        Input::Answered(id, Answer::Refused(vec![Clean::new("the driver cannot approve their own step")])),
        shot.now,
        shot.status.as_ref(),
        shot.rights,
    );
    assert!(shot.text(80, 23, UNICODE).contains(words), "the flash");
    let shot = shot.later(30_000).heard();
    for (width, height) in [(80, 23), (120, 40), (60, 20)] {
        let text = shot.text(width, height, UNICODE);
        assert!(text.contains("REFUSED"), "{width}x{height}: 30 s later nothing is left of it\n{text}");
    }
}

#[test]
fn what_is_still_on_the_candidate_is_shown() {
    for (width, height) in WHOLE.into_iter().chain([(60, 20)]) {
        let text = shot("new_traffic_back").text(width, height, UNICODE);
        assert!(text.contains("rps still on GREEN"), "{width}x{height}\n{text}");
    }
}

#[test]
fn a_direct_rollback_shows_the_line_to_run_elsewhere_and_that_it_is_not_confirmed() {
    for (width, height) in WHOLE {
        let text = shot("going_direct").text(width, height, UNICODE);
        assert!(text.contains("UNKNOWN - not confirmed"), "{width}x{height}\n{text}");
        assert!(text.contains("warroom rollback"), "{width}x{height}\n{text}");
    }
}

#[test]
fn an_over_limit_stable_is_marked_too() {
    let mut status = baked();
    status.snapshot.signals[0].value = Ok(0.3);
    let text = Shot::from_status("stable_bad", status).text(80, 23, UNICODE);
    let line = text.lines().find(|line| line.contains("5xx  BLUE")).expect("the row");
    assert!(line.contains('✗'), "30 % errors on stable look like 0.2 %: {line}");
}

#[test]
fn a_failing_check_after_the_rollback_target_is_down_is_in_the_band() {
    let text = shot("target_not_ready").text(80, 23, UNICODE);
    let band = text.lines().nth(1).expect("a band");
    assert!(band.contains("TARGET NOT READY"), "nothing in the band says that there is no way back: {band}");
}

#[test]
fn a_watching_console_does_not_offer_keys_that_do_nothing() {
    let buffer = shot("watching").buffer(80, 23, UNICODE);
    let footer = row(&buffer, 22);
    assert!(!footer.contains(" R roll back"), "{footer}");
}

#[test]
fn every_armed_panel_names_what_moves_and_how_to_confirm() {
    for (width, height) in WHOLE.into_iter().chain([(60, 20), (40, 8)]) {
        let text = shot("armed").text(width, height, UNICODE);
        assert!(text.contains("y ROLL BACK NOW") || text.contains("y  ROLL BACK NOW"), "{width}x{height}\n{text}");
        assert!(text.contains("→ 0%"), "{width}x{height}\n{text}");
        let text = shot("advance").text(width, height, UNICODE);
        assert!(text.contains("25% → 50%"), "{width}x{height}\n{text}");
    }
}

#[test]
fn blind_shows_no_measured_split_as_current() {
    let status = blind();
    let text = Shot::from_status("blind", status).text(80, 23, UNICODE);
    let line = text.lines().find(|line| line.contains("probes")).expect("the numbers");
    assert!(line.contains("probes: none") || line.contains('?'), "{line}");
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

#[test]
fn the_compact_form_marks_what_is_over_its_limit_without_colour() {
    for (width, height) in [(60, 20), (40, 8)] {
        let text = shot("auto_held").text(width, height, MONO);
        let line = text.lines().find(|line| line.starts_with("5xx")).expect("the row");
        assert!(line.contains('✗') && line.contains("3.00%"), "{width}x{height}: {line}");
    }
}

/// Accepted, and eight seconds later nothing has changed: that is not "reading back".
#[test]
fn hazard_13_a_rollback_that_does_not_land_says_so() {
    let buffer = shot("rollback_not_landing").buffer(80, 23, UNICODE);
    let band = row(&buffer, 1);
    let text = shot("rollback_not_landing").text(80, 23, UNICODE);
    for words in ["OBSERVED", "CONFIRMED", "ROLLED BACK", "configured 0"] {
        assert!(!text.contains(words), "{words}\n{text}");
    }
    let said = ["UNKNOWN", "FAILED", "NOT IN EFFECT", "still"].iter().any(|word| band.contains(word));
    assert!(said, "8 s after it was accepted the candidate still has 25 %: {band}");
}

/// `5% > 25%` reads as a limit that is exceeded.
#[test]
fn an_ascii_arrow_is_no_comparison() {
    for state in ["shifting", "armed", "advance", "rolling_back_progress"] {
        let text = shot(state).text(120, 40, ASCII);
        for share in ["5% > 25%", "25% > 0%", "25% > 50%"] {
            assert!(!text.contains(share), "{state}: {share}");
        }
    }
}

/// What names a person is whole, or is not there.
#[test]
fn no_name_in_the_header_is_cut_into_another() {
    let mut cut = Vec::new();
    for shot in all().into_iter().filter(|shot| shot.status.is_some()) {
        let buffer = shot.buffer(80, 23, UNICODE);
        let header = row(&buffer, 0);
        let before = header.split(" keeper").next().unwrap_or_default().trim_end_matches([' ', '?']).to_owned();
        let before = before.trim_end_matches(" STALE").to_owned();
        let whole = ["checkout @ demo", "driver alice", "driver *****", "no driver", "away", "READ-ONLY"]
            .iter()
            .any(|end| before.ends_with(end));
        let counted = before.chars().last().is_some_and(|c| c.is_ascii_digit() || c == '…');
        if !whole && !counted {
            cut.push(format!("{}: {header}", shot.name));
        }
    }
    assert!(cut.is_empty(), "{} headers:\n{}", cut.len(), cut.join("\n"));
}

#[test]
fn an_armed_panel_says_what_it_interrupts_and_that_it_is_blind() {
    let mut shifting = scene::Scene::at_step(1);
    shifting.writes_land = false;
    shifting.advance();
    shifting.run(1.2);
    for (width, height) in WHOLE {
        let text = Shot::of("shifting", &shifting).keys("R").text(width, height, UNICODE);
        // At 22 rows the panel has two, for what moves and how to confirm it.
        assert!(height == 22 || text.contains("Interrupts shift 5% → 25%"), "{width}x{height}\n{text}");
        let text = shot("armed_blind").text(width, height, UNICODE);
        let heading = text.lines().find(|line| line.contains("ROLL BACK checkout @ demo")).expect("a heading");
        assert!(heading.contains("BLIND: no metrics for 1"), "{width}x{height}: {heading}");
    }
}

/// People, hosts and addresses in every field that holds text from elsewhere.
fn seeded() -> warroom::wire::Status {
    let words =
        "by mallory (mal, unverified) from 10.9.8.7:8404 via http://u:pw@db7.internal/x at web-07 [fe80::9%eth0]";
    let mut status = auto_held();
    let snapshot = &mut status.snapshot;
    let mallory = Person::claimed("mallory", "mal");
    snapshot.people.driver = Some(mallory.clone());
    snapshot.people.consoles.push((mallory.clone(), warroom::domain::Rights::Full));
    snapshot.band.text = Clean::new(words);
    snapshot.band.parts.clear();
    snapshot.target.words = Clean::new(words);
    snapshot.journal_trouble = Some(Clean::new(words));
    for check in &mut snapshot.checks {
        check.detail = Clean::new(words);
        check.raw = Clean::new(format!("{{\"host\":\"db7.internal\",\"ip\":\"10.9.8.7\"}} {words}").repeat(3));
        check.asks = Clean::new(words);
    }
    for gate in &mut snapshot.gates {
        gate.detail = Clean::new(words);
    }
    for entry in &mut snapshot.log {
        entry.text = Clean::new(words);
        entry.by = Some(mallory.clone());
    }
    if let Some(held) = &mut snapshot.held {
        held.why = Clean::new(words);
    }
    status
}

const SEEDED: [&str; 8] = ["mallory", "mal", "10.9.8.7", "db7.internal", "db7", "web-07", "fe80", "u:pw"];

#[test]
fn hazard_35_privacy_covers_people_hosts_and_addresses_in_every_panel() {
    let mut seen_without = 0;
    for keys in
        ["", "R", "A", "T", "?", "4\n", "k\n", "kkk", "e", "/mallory", ":note 10.9.8.7 is mallory", ":note\nmallory"]
    {
        for private in [false, true] {
            let mut shot = Shot::from_status("private", seeded());
            shot.desk.private = private;
            shot.desk.me = Some(Person::verified("mallory"));
            let shot = shot
                .input(Input::Notice("keeper of mallory died on web-07".to_owned()))
                .input(Input::Direct("direct: http://u:pw@db7.internal says 10.9.8.7".to_owned()))
                .keys(keys);
            for (width, height) in WHOLE.into_iter().chain([(60, 20), (40, 8), (30, 7), (100, 30)]) {
                for look in [UNICODE, ASCII] {
                    let text = shot.text(width, height, look);
                    let words = |word: &str| text.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
                    let seen: Vec<_> = SEEDED
                        .iter()
                        .filter(|name| if name.contains(['.', '-', ':']) { text.contains(**name) } else { words(name) })
                        .collect();
                    seen_without += usize::from(!private && !seen.is_empty());
                    assert!(!private || seen.is_empty(), "{keys:?} at {width}x{height}: {seen:?}\n{text}");
                    assert!(!private || text.contains("checkout") || height < 10, "what is driven is hidden\n{text}");
                }
            }
        }
    }
    assert!(seen_without > 100, "the names are not even there without it: {seen_without}");
}

/// The alarm that nobody has acknowledged is the one thing that blinks; acknowledged it is steady and still there.
#[test]
fn an_unacknowledged_alarm_blinks_once_a_second_and_an_acknowledged_one_is_steady() {
    let styles = |shot: Shot, keys: &str| -> Vec<Vec<Modifier>> {
        let mut shot = shot.keys(keys);
        (0..6)
            .map(|_| {
                shot = std::mem::replace(&mut shot, shots::shot("waiting")).seconds(1);
                let buffer = shot.buffer(120, 40, UNICODE);
                assert!(row(&buffer, 1).contains("DRIFT"), "{}", row(&buffer, 1));
                (1..118).map(|x| buffer[(x, 1)].modifier).collect()
            })
            .collect()
    };
    let drifting = || {
        let mut scene = scene::Scene::at_step(2);
        scene.candidate = 60_000;
        scene.run(3.0);
        Shot::of("drift", &scene).seconds(4)
    };
    let loud = styles(drifting(), "");
    assert!(loud.windows(2).all(|pair| pair[0] != pair[1]), "it does not blink");
    let quiet = styles(drifting(), "s");
    assert!(quiet.windows(2).all(|pair| pair[0] == pair[1]), "it blinks on");
}

/// What the sentence does not say is added to it, with how many more there are.
#[test]
fn alarms_that_the_band_does_not_say_are_added_to_it() {
    let mut scene = shots::auto_held_scene();
    scene.failing = Some(1);
    scene.run(4.0);
    let text = Shot::of("two alarms", &scene).seconds(4).text(200, 60, UNICODE);
    let band = text.lines().nth(1).expect("a band");
    assert!(band.contains("■ HOLDING") && band.contains("✗ candidate database FAIL"), "{band}");
    assert!(band.contains("+1 more"), "{band}");
}

/// What a key did not do is said at every size that has a row for it.
#[test]
fn messages_are_seen_on_small_terminals_too() {
    for (width, height) in [(40, 8), (30, 7), (60, 20), (80, 23)] {
        let text = shot("baking").keys("jH").text(width, height, UNICODE);
        let footer = text.lines().last().expect("a footer");
        assert!(footer.contains("NOT HELD") && footer.contains(" R"), "{width}x{height}: {footer}");
    }
    let text = shot("baking").input(Input::Resized(20, 4)).keys("R").text(20, 4, UNICODE);
    assert!(text.lines().last().is_some_and(|footer| footer.contains("too small")), "{text}");
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

#[test]
fn a_direct_rollback_that_was_read_back_is_in_the_whole_picture() {
    for (width, height) in WHOLE {
        let mut shot = shot("going_direct");
        for line in ["candidate 0% read back +0.4 s; confirming over 5 s", "rollback confirmed +5.1 s", "done"] {
            shot = shot.input(Input::Direct(line.to_owned()));
        }
        let text = shot.text(width, height, UNICODE);
        for words in ["wanted 0% (direct)", "configured 0.0%, read directly", "✓ back (direct)", "100.0%"] {
            assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
        }
        assert!(!text.contains('▒') && !text.contains("► 25%"), "the old split as if it were so\n{text}");
    }
}

#[test]
fn the_footer_offers_what_works_now_at_fixed_places() {
    let footer = |state: &str| row(&shot(state).buffer(80, 23, UNICODE), 22);
    for (state, words) in [
        ("ready", " R roll back  H hold  A advance  │ ?"),
        ("baking", " R roll back  H hold  A locked   │ ?"),
        ("held_by_hand", " R roll back  H held  A resume   │ ?"),
        ("auto_held", " R roll back  H held  A locked   │ ?"),
        ("keeper_silent", " R roll back  H hold  A locked   │ ?"),
        ("rolled_back", " R roll back  H hold             │ ?"),
        ("complete", " R roll back  H hold             │ ?"),
    ] {
        assert!(footer(state).starts_with(words), "{state}: {}", footer(state));
    }
}

#[test]
fn armed_where_nothing_is_to_roll_back_says_what_y_does() {
    let text = shot("ready").keys("R").text(80, 23, UNICODE);
    assert!(text.contains("y  does nothing: everything is on BLUE") && text.contains("ARMED"), "{text}");
}

#[test]
fn a_split_that_was_adopted_is_no_step_and_its_drift_leaves_no_alarm() {
    let mut scene = scene::Scene::at_step(2);
    scene.candidate = 35_000;
    scene.run(3.0);
    let drifting = Shot::of("drift", &scene).seconds(4);
    scene.command(scene::alice(), warroom::engine::Command::Adopt);
    scene.run(1.0);
    let mut shot = Shot::of("adopted", &scene);
    shot.desk.alarms = drifting.desk.alarms;
    let shot = shot.seconds(1);
    for (width, height) in WHOLE {
        let text = shot.text(width, height, UNICODE);
        let band = text.lines().nth(1).expect("a band");
        assert!(band.contains("at 35% adopted") && !band.contains("✗"), "{width}x{height}\n{text}");
        assert!(text.contains("► 35% adopted") && !text.contains("► 25%"), "{width}x{height}\n{text}");
    }
}
