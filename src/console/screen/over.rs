//! What is laid over the log while a command is typed: the words that may stand next, and what Enter would do.

use super::canvas::{Canvas, Piece};
use super::look::Ink;
use super::{View, WHOLE_MIN, piece};
use crate::console::desk::{Candidate, Foreseen};
use ratatui::layout::Rect;

/// Rows above the list of words: all but the log of the smallest whole screen.
const KEPT_WHILE_TYPING: u16 = 18;
/// Rows of the list and of what Enter would do: the log stays in sight behind it.
const LIST_ROWS_MAX: u16 = 8;

/// The rows that it takes of the log.
pub(super) fn rows(area: Rect, view: &View<'_>) -> u16 {
    if area.width < WHOLE_MIN.0 || area.height < WHOLE_MIN.1 || view.desk.command_line.is_none() {
        return 0;
    }
    (area.height - KEPT_WHILE_TYPING - 1).min(LIST_ROWS_MAX)
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>) {
    let rows = rows(area, view);
    if rows == 0 {
        return;
    }
    let place = Rect { y: area.bottom() - 1 - rows, height: rows, ..area };
    typing(canvas, place, view);
}

/// The words that may stand next, and in the last row what Enter would do.
fn typing(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>) {
    let Some((completion, at)) = view.desk.completion(view.status) else { return };
    canvas.clear(area);
    let title = [piece("COMMAND", canvas.look.ink(Ink::Bold))];
    let tab = if completion.candidates.is_empty() { "" } else { "Tab completes  Up older lines" };
    canvas.rule(area, area.y, &title, &[piece(tab, canvas.look.ink(Ink::Dim))]);
    let rows = usize::from(area.height).saturating_sub(2);
    for (row, line) in words(canvas, &completion.candidates, at, rows, area.width).iter().enumerate() {
        canvas.pieces(area.x + 1, area.y + 1 + row as u16, area.width - 1, line);
    }
    let (text, ink) = match view.desk.foresee(view.status, view.rights, view.now) {
        Some(Foreseen::Does(words)) => (format!("Enter: {words}"), Ink::Bold),
        Some(Foreseen::Refused(why)) => (format!("Enter does nothing: {why}"), Ink::Warn),
        Some(Foreseen::Unfinished) | None => ("Enter: not a whole command yet".to_owned(), Ink::Dim),
    };
    let style = canvas.look.ink(ink);
    canvas.pieces(area.x + 1, area.bottom() - 1, area.width - 1, &[piece(text, style)]);
}

/// One row for each word with its help; where there are more words than rows, the words alone, side by side.
fn words(canvas: &Canvas<'_>, all: &[Candidate], at: Option<usize>, rows: usize, width: u16) -> Vec<Vec<Piece>> {
    let ink = |index: usize| canvas.look.ink(if at == Some(index) { Ink::Bold } else { Ink::Plain });
    let mark = |index: usize| if at == Some(index) { canvas.look.glyph("►", ">") } else { " " };
    if all.len() <= rows {
        let row = |(index, word): (usize, &Candidate)| {
            let name = format!("{} {}", word.word, word.takes);
            vec![piece(format!("{} {:<22} {}", mark(index), name.trim_end(), word.help), ink(index))]
        };
        return all.iter().enumerate().map(row).collect();
    }
    let mut lines: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut used = 0;
    for (index, word) in all.iter().enumerate() {
        let text = format!("{}{} ", mark(index), word.word);
        let columns = text.chars().count();
        if used + columns > usize::from(width.saturating_sub(1)) {
            lines.push(Vec::new());
            used = 0;
        }
        used += columns;
        lines.last_mut().expect("there is one").push(piece(text, ink(index)));
    }
    // With the row of the chosen word among them.
    let chosen = at.map_or(0, |at| {
        let mut before = 0;
        lines
            .iter()
            .position(|line| {
                before += line.len();
                at < before
            })
            .unwrap_or_default()
    });
    let first = chosen.saturating_sub(rows.saturating_sub(1));
    let mut lines: Vec<Vec<Piece>> = lines.into_iter().skip(first).take(rows).collect();
    if let Some(word) = at.and_then(|at| all.get(at)).filter(|_| lines.len() < rows) {
        let help = format!("  {} {}: {}", word.word, word.takes, word.help).replace(" :", ":");
        lines.push(vec![piece(help, canvas.look.ink(Ink::Dim))]);
    }
    lines
}
