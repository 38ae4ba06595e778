//! What has no room is left out whole, the least important first; what must be cut is cut at a blank, with a mark.

use super::canvas::{Piece, width_of};
use super::look::Look;
use unicode_width::UnicodeWidthChar;

/// A part of a line.
#[derive(Debug, Clone)]
pub(super) struct Part {
    long: Vec<Piece>,
    short: Option<Vec<Piece>>,
    rank: u8,
}

impl Part {
    /// What is left out last; rank 0 never is.
    pub fn new(rank: u8, long: Vec<Piece>) -> Self {
        Self { long, short: None, rank }
    }

    /// With fewer words for when there is no room.
    pub fn or(self, short: Vec<Piece>) -> Self {
        Self { short: Some(short), ..self }
    }

    fn shortest(&self) -> &[Piece] {
        self.short.as_deref().unwrap_or(&self.long)
    }
}

/// The columns that pieces take as this terminal spells them: in ASCII an arrow is two characters.
pub(super) fn columns(look: Look, pieces: &[Piece]) -> u16 {
    pieces.iter().map(|(text, _)| width_of(&look.spell(text))).fold(0, u16::saturating_add)
}

/// The parts that fit, in their order, with a gap between them. Longer words come back where there is room.
pub(super) fn fit(look: Look, parts: &[Part], gap: &str, width: u16) -> Vec<Piece> {
    let gap_width = width_of(gap);
    let mut chosen: Vec<(&Part, bool)> = parts.iter().map(|part| (part, false)).collect();
    let pieces_of =
        |(part, is_long): &(&Part, bool)| if *is_long { part.long.clone() } else { part.shortest().to_vec() };
    let total = |chosen: &[(&Part, bool)]| {
        let shown: Vec<u16> =
            chosen.iter().map(|choice| columns(look, &pieces_of(choice))).filter(|columns| *columns > 0).collect();
        let gaps = gap_width.saturating_mul((shown.len() as u16).saturating_sub(1));
        shown.into_iter().fold(gaps, u16::saturating_add)
    };
    while total(&chosen) > width {
        let worst = chosen.iter().map(|(part, _)| part.rank).max().filter(|rank| *rank > 0);
        let Some(place) = worst.and_then(|rank| chosen.iter().rposition(|(part, _)| part.rank == rank)) else { break };
        chosen.remove(place);
    }
    let mut places: Vec<usize> = (0..chosen.len()).collect();
    places.sort_by_key(|place| chosen[*place].0.rank);
    for place in places {
        chosen[place].1 = true;
        if total(&chosen) > width {
            chosen[place].1 = false;
        }
    }
    let mut line: Vec<Piece> = Vec::new();
    for choice in &chosen {
        let pieces = pieces_of(choice);
        if pieces.iter().all(|(text, _)| text.is_empty()) {
            continue;
        }
        if let (false, Some((_, style))) = (line.is_empty(), pieces.first()) {
            line.push((gap.to_owned(), *style));
        }
        line.extend(pieces);
    }
    line
}

/// Pieces in so many columns: cut at a blank where there is one, with a mark.
pub(super) fn cut(look: Look, pieces: &[Piece], width: u16) -> Vec<Piece> {
    let spelt: Vec<Piece> = pieces.iter().map(|(text, style)| (look.spell(text).into_owned(), *style)).collect();
    if columns(look, &spelt) <= width {
        return spelt;
    }
    let whole: String = spelt.iter().map(|(text, _)| text.as_str()).collect();
    let mut room = head(&whole, width.saturating_sub(1));
    let mut kept: Vec<Piece> = Vec::new();
    let mut last = None;
    for (text, style) in spelt {
        let chars = text.chars().count().min(room);
        kept.push((text.chars().take(chars).collect(), style));
        room -= chars;
        last = Some(style);
        if room == 0 {
            break;
        }
    }
    if let (Some(style), true) = (last, width > 0) {
        kept.push((look.glyph("…", "~").to_owned(), style));
    }
    kept
}

/// How many characters of a text stay: up to the last blank that fits, all that fit when there is none.
fn head(text: &str, width: u16) -> usize {
    let (mut columns, mut chars, mut blank) = (0, 0, None);
    for c in text.chars() {
        columns += c.width().unwrap_or(0) as u16;
        // A blank that just does not fit ends a word that does.
        if c == ' ' && chars > 0 {
            blank = Some(chars);
        }
        if columns > width {
            break;
        }
        chars += 1;
    }
    let bare = text.chars().take(blank.unwrap_or(0)).all(|c| c == ' ');
    blank.filter(|_| !bare).map_or(chars, |blank| blank.min(chars))
}
