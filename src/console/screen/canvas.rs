//! Drawing into a buffer, clipped, and only ever with clean text.

use super::look::{Ink, Look};
use super::{View, fit};
use crate::console::desk::Panel;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar;

/// A run of text in one style.
pub(super) type Piece = (String, Style);

/// A place to draw on.
pub(super) struct Canvas<'b> {
    buffer: &'b mut Buffer,
    pub look: Look,
}

impl<'b> Canvas<'b> {
    pub fn new(buffer: &'b mut Buffer, look: Look) -> Self {
        Self { buffer, look }
    }

    /// Writes text from a cell on, up to a width; gives the columns it took.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let area = self.buffer.area;
        if y >= area.bottom() || y < area.y {
            return 0;
        }
        let mut column = 0;
        for c in self.look.spell(text).chars() {
            let Some(cells @ 1..) = c.width().and_then(|w| u16::try_from(w).ok()) else { continue };
            if column + cells > width || x + column + cells > area.right() {
                break;
            }
            // In ASCII mode whatever is not ASCII is shown as one mark: the terminal might misplace it.
            let shown = if self.look.ascii && !c.is_ascii() { ascii_of(c) } else { c };
            let mut bytes = [0; 4];
            self.buffer[(x + column, y)].set_symbol(shown.encode_utf8(&mut bytes)).set_style(style);
            if cells == 2 && shown == c {
                self.buffer[(x + column + 1, y)].set_symbol(" ").set_style(style);
            }
            column += if shown == c { cells } else { 1 };
        }
        column
    }

    /// Writes pieces one behind the other; what has no room is cut at a blank, with a mark.
    pub fn pieces(&mut self, x: u16, y: u16, width: u16, pieces: &[Piece]) -> u16 {
        let mut column = 0;
        for (text, style) in &fit::cut(self.look, pieces, width) {
            column += self.text(x + column, y, width.saturating_sub(column), text, *style);
        }
        column
    }

    /// Writes text that ends at the right edge; gives the column where it begins.
    pub fn right(&mut self, area: Rect, y: u16, pieces: &[Piece]) -> u16 {
        let length = fit::columns(self.look, pieces).min(area.width);
        let x = area.right() - length;
        self.pieces(x, y, length, pieces);
        x
    }

    /// A heading on a rule: `─ CHECKS  10 of 10 ok ───`.
    pub fn rule(&mut self, area: Rect, y: u16, title: &[Piece], tail: &[Piece]) {
        self.line(area, y, title, tail, false);
    }

    /// A panel's heading with its number: `─ 4 CHECKS  10 of 10 ok ───`, double where the focus is.
    pub fn panel_rule(&mut self, area: Rect, view: &View<'_>, panel: Panel, title: &[Piece], tail: &[Piece]) {
        let title = heading(self.look, panel, title);
        self.line(area, area.y, &title, tail, view.has_focus(panel));
    }

    /// A panel's frame with its number, double where the focus is; gives the area inside.
    pub fn panel_frame(&mut self, area: Rect, view: &View<'_>, panel: Panel, title: &[Piece], tail: &[Piece]) -> Rect {
        let title = heading(self.look, panel, title);
        self.frame(area, &title, tail, view.has_focus(panel))
    }

    fn line(&mut self, area: Rect, y: u16, title: &[Piece], tail: &[Piece], strong: bool) {
        let (dash, ink) =
            if strong { (self.look.glyph("═", "="), Ink::Bold) } else { (self.look.glyph("─", "-"), Ink::Dim) };
        let style = self.look.ink(ink);
        self.text(area.x, y, area.width, &dash.repeat(area.width.into()), style);
        let used = self.between_blanks(area.x + 1, y, area.width.saturating_sub(1), title, style) + 1;
        let room = area.width.saturating_sub(used);
        let tail = fit::cut(self.look, tail, room.saturating_sub(2));
        let length = fit::columns(self.look, &tail);
        if length > 0 {
            // The rule goes on behind the tail where there is room for it.
            let x = area.right() - length - if length + 3 < room { 3 } else { 2 };
            self.between_blanks(x, y, length + 2, &tail, style);
        }
    }

    /// Words on a line, which goes on behind a blank on either side; gives the columns they took.
    fn between_blanks(&mut self, x: u16, y: u16, width: u16, words: &[Piece], style: Style) -> u16 {
        let blank = [(" ".to_owned(), style)];
        self.pieces(x, y, width, &[&blank[..], words, &blank[..]].concat())
    }

    /// A frame with a title; gives the area inside.
    pub fn frame(&mut self, area: Rect, title: &[Piece], tail: &[Piece], strong: bool) -> Rect {
        if area.width < 2 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let style = if strong { self.look.ink(Ink::Bold) } else { self.look.ink(Ink::Dim) };
        let unicode = if strong {
            ["╔", "╗", "╚", "╝", "═", "║"]
        } else {
            ["┌", "┐", "└", "┘", "─", "│"]
        };
        let ascii = if strong { ["+", "+", "+", "+", "=", "|"] } else { ["+", "+", "+", "+", "-", "|"] };
        let [nw, ne, sw, se, across, down] = if self.look.ascii { ascii } else { unicode };
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        let line = across.repeat(usize::from(area.width) - 2);
        for (y, left, end) in [(area.y, nw, ne), (bottom, sw, se)] {
            self.text(area.x, y, 1, left, style);
            self.text(area.x + 1, y, area.width - 2, &line, style);
            self.text(right, y, 1, end, style);
        }
        for y in area.y + 1..bottom {
            self.text(area.x, y, 1, down, style);
            self.text(right, y, 1, down, style);
        }
        let used = self.between_blanks(area.x + 1, area.y, area.width - 2, title, style);
        let tail = fit::cut(self.look, tail, area.width.saturating_sub(used + 5));
        let length = fit::columns(self.look, &tail);
        if length > 0 {
            self.between_blanks(right - length - 2, area.y, length + 2, &tail, style);
        }
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }

    /// Lines in a frame from one of them on, no further than until the last is at the bottom.
    pub fn scrolled(&mut self, inside: Rect, from: usize, lines: &[Vec<Piece>]) {
        let rows = usize::from(inside.height);
        let start = from.min(lines.len().saturating_sub(rows));
        for (row, line) in lines.iter().skip(start).take(rows).enumerate() {
            self.pieces(inside.x + 1, inside.y + row as u16, inside.width.saturating_sub(2), line);
        }
    }

    /// Empties an area.
    pub fn clear(&mut self, area: Rect) {
        for y in area.y..area.bottom().min(self.buffer.area.bottom()) {
            for x in area.x..area.right().min(self.buffer.area.right()) {
                self.buffer[(x, y)].reset();
            }
        }
    }
}

/// `4 CHECKS  10 of 10 ok`.
fn heading(look: Look, panel: Panel, title: &[Piece]) -> Vec<Piece> {
    let word = match panel {
        Panel::Traffic => "TRAFFIC",
        Panel::Phases => "PHASES",
        Panel::Signals => "SIGNALS",
        Panel::Checks => "CHECKS",
        Panel::Log => "LOG",
        Panel::People => "PEOPLE",
    };
    let mut pieces = vec![(format!("{} {word}", panel.number()), look.ink(Ink::Bold))];
    if !title.is_empty() {
        pieces.push(("  ".to_owned(), look.ink(Ink::Dim)));
    }
    pieces.extend_from_slice(title);
    pieces
}

fn ascii_of(c: char) -> char {
    match c {
        '─' | '━' | '═' | '–' => '-',
        '│' => '|',
        '…' => '.',
        _ => '?',
    }
}

/// The columns a text takes.
pub(super) fn width_of(text: &str) -> u16 {
    text.chars().map(|c| c.width().unwrap_or(0) as u16).sum()
}

/// The end of a text in so many columns, with a mark where its beginning is missing: for what is being typed.
pub(super) fn tail(text: &str, width: u16, mark: &str) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut kept = 0;
    let mut columns = width_of(mark);
    for c in text.chars().rev() {
        columns += c.width().unwrap_or(0) as u16;
        if columns > width {
            break;
        }
        kept += 1;
    }
    let skipped = text.chars().count() - kept;
    mark.chars().take(width.into()).chain(text.chars().skip(skipped)).collect()
}

impl View<'_> {
    /// Text broken into lines of a width, at blanks where there are some. What is private is covered before: half a name
    /// is not known for one.
    pub(super) fn wrap(&self, text: &str, width: u16) -> Vec<String> {
        match self.desk.mask(self.status) {
            Some(mask) => wrap(&mask.cover(text), width),
            None => wrap(text, width),
        }
    }
}

/// The same for words of our own, which name nobody.
pub(super) fn wrap(text: &str, width: u16) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width_of(&line) + 1 + width_of(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if width_of(&line) + c.width().unwrap_or(0) as u16 > width.max(1) {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}
