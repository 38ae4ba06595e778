//! Every state of the screen at every size and in every look, text and style, as one line each. What changes by accident
//! shows here; how it looks is in `tests/screens.rs`, whose snapshots a person can read.

#![expect(clippy::wildcard_enum_match_arm, reason = "Color is ratatui's, and the other colours have their names")]

#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use shots::{ASCII, MONO, UNICODE, all, text_of};
use std::fmt::Write as _;
use warroom::console::screen::{Look, Theme};

/// From the smallest whole screen to a wall, and down to one cell.
const SIZES: [(u16, u16); 7] = [(80, 22), (80, 23), (80, 24), (120, 40), (200, 60), (40, 8), (1, 1)];

fn looks() -> [(&'static str, Look); 6] {
    let of = |theme| Look { theme, ascii: false };
    [
        ("unicode", UNICODE),
        ("ascii", ASCII),
        ("mono", MONO),
        ("light", of(Theme::Light)),
        ("cvd", of(Theme::Cvd)),
        ("sixteen", of(Theme::Sixteen)),
    ]
}

/// FNV-1a, 64 bits (RFC draft-eastlake-fnv): the same on every machine and in every release of Rust.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// How a cell is drawn, in a word: foreground, background, modifiers.
fn style_of(cell: &Cell) -> String {
    let colour = |colour: Color| match colour {
        Color::Reset => "-".to_owned(),
        Color::Indexed(index) => index.to_string(),
        named => format!("{named:?}").to_lowercase(),
    };
    let mut word = format!("{}/{}", colour(cell.fg), colour(cell.bg));
    for (modifier, letter) in [(Modifier::BOLD, 'b'), (Modifier::DIM, 'd'), (Modifier::REVERSED, 'r')] {
        if cell.modifier.contains(modifier) {
            word.push(letter);
        }
    }
    word
}

/// The styled runs of each row: `3: 10+8 203/-b` is row 3, from column 10 on 8 cells.
fn styles_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let style = style_of(&buffer[(x, y)]);
            let from = x;
            while x < buffer.area.width && style_of(&buffer[(x, y)]) == style {
                x += 1;
            }
            if style != "-/-" {
                let _ = writeln!(text, "{y}: {from}+{} {style}", x - from);
            }
        }
    }
    text
}

#[test]
fn every_state_at_every_size_in_every_look() {
    let mut lines = String::new();
    for shot in all() {
        for (width, height) in SIZES {
            for (name, look) in looks() {
                let buffer = shot.buffer(width, height, look);
                let (text, style) = (digest(&text_of(&buffer)), digest(&styles_of(&buffer)));
                let _ = writeln!(lines, "{} {width}x{height} {name} {text:016x} {style:016x}", shot.name);
            }
        }
    }
    insta::assert_snapshot!("every_state", lines);
}

/// The inks of the states that are told apart by them, where a person can read which cell has which.
#[test]
fn the_inks_of_the_states_that_matter() {
    for shot in all() {
        if ["baking", "auto_held", "armed", "blind", "keeper_silent", "rolling_back", "foreign"].contains(&shot.name) {
            insta::assert_snapshot!(format!("inks_{}", shot.name), styles_of(&shot.buffer(80, 23, UNICODE)));
        }
    }
}
