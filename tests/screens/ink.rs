//! Inks and glyphs: what is told by them, and what is told without them.

use crate::shots::{ASCII, MONO, UNICODE, all, shot, text_of};
use crate::{WHOLE, cells, row};
use ratatui::style::Color;
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthStr;
use warroom::console::screen::Ink;
use warroom::console::screen::Look;
use warroom::console::screen::Theme;

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

#[test]
fn the_compact_form_marks_what_is_over_its_limit_without_colour() {
    for (width, height) in [(60, 20), (40, 8)] {
        let text = shot("auto_held").text(width, height, MONO);
        let line = text.lines().find(|line| line.starts_with("5xx")).expect("the row");
        assert!(line.contains('✗') && line.contains("3.00%"), "{width}x{height}: {line}");
    }
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
