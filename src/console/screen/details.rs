//! What is written and read in panels: a check's answer, a line of the log, a note, a rollback's reason.

use super::canvas::{Canvas, Piece, tail};
use super::fit::{Part, fit};
use super::header::age_words;
use super::look::Ink;
use super::{View, checks, hooks, piece};
use crate::console::desk::note::{NOTE_CHARS_MAX, REASONS};
use crate::domain::{Clean, Wall};
use crate::engine::{Entry, Severity, Snapshot};

type Line = Vec<Piece>;

/// Lines from one on, and where in the whole they are when they do not all fit.
pub(super) fn scrolled(mut lines: Vec<Line>, from: usize, rows: usize) -> (Vec<Line>, String) {
    let all = lines.len();
    if all <= rows {
        return (lines, String::new());
    }
    let from = from.min(all - rows);
    lines.drain(..from);
    lines.truncate(rows);
    (lines, format!("j k more: {}-{} of {all}", from + 1, from + rows))
}

pub(super) fn broken(view: &View<'_>, text: &str, width: u16, style: ratatui::style::Style) -> Vec<Line> {
    view.wrap(text, width).into_iter().map(|line| vec![piece(line, style)]).collect()
}

/// A check as it is now: verdict, when it was asked, what it asks, what was received.
pub(super) fn check(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, name: &Clean, width: u16) -> Vec<Line> {
    let look = canvas.look;
    let plain = look.ink(Ink::Plain);
    let Some(check) = snapshot.checks.iter().find(|check| check.name == *name) else {
        return vec![vec![piece("this check is no longer asked", plain)]];
    };
    let verdict = checks::verdict_of(view, check);
    let (mark, word) = checks::words_of(canvas, view, check);
    let asked = check.at.map_or_else(
        || "not asked yet".to_owned(),
        |at| {
            let age = view.age(at);
            let wall = view.wall.minus(age);
            format!("asked {}, {} ago", wall.clock(), age_words(age))
        },
    );
    let needed = if check.required { "required: locks A" } else { "not required" };
    let parts = [
        Part::new(0, vec![piece(format!("{mark} {word}  {}", check.detail), look.verdict(verdict))]),
        Part::new(1, vec![piece(asked, plain)]),
        Part::new(2, vec![piece(needed, plain)]),
    ];
    let mut lines = vec![fit(look, &parts, "   ", width)];
    let raw = if check.raw.as_str().is_empty() { "nothing yet" } else { check.raw.as_str() };
    lines.extend(broken(view, &format!("answer: {raw}"), width, plain));
    lines.extend(broken(view, &format!("asks: {}", check.asks), width, look.ink(Ink::Dim)));
    lines
}

/// A line of the log: whole, who, when, its number.
pub(super) fn event(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    entry: &Entry,
    (since, times): (Wall, usize),
    width: u16,
) -> Vec<Line> {
    let look = canvas.look;
    let plain = look.ink(Ink::Plain);
    let text = format!("{} {}", look.severity_mark(entry.severity), entry.text);
    let mut lines = broken(view, text.trim_start(), width, look.severity(entry.severity));
    lines.extend(hooks::printed(canvas, view, entry, width));
    let by = entry.by.as_ref().map_or_else(|| "by itself".to_owned(), |by| format!("by {by}"));
    let severity = match entry.severity {
        Severity::Info => "for the record",
        Severity::Warn => "a warning",
        Severity::Critical => "critical",
    };
    let number = format!("line {} of the journal", entry.number);
    lines.extend(broken(view, &format!("{}  {by}  {severity}  {number}", entry.wall), width, plain));
    if times > 1 {
        let words =
            format!("{times} times alike, from {} to {}; this is the newest", since.clock(), entry.wall.clock());
        lines.push(vec![piece(words, look.ink(Ink::Bold))]);
    }
    lines
}

/// The note's text with its cursor; the row that is written stays in sight.
pub(super) fn note(canvas: &Canvas<'_>, view: &View<'_>, width: u16, rows: usize) -> (Vec<Line>, String) {
    let look = canvas.look;
    let note = &view.desk.note;
    let cursor = note.cursor();
    let (row, column) = (cursor.0, cursor.1);
    let chars = view.desk.note_chars();
    let lines: Vec<Line> = note
        .lines()
        .iter()
        .enumerate()
        .map(|(place, text)| {
            if place != row {
                return vec![piece(Clean::new(text).to_string(), look.ink(Ink::Plain))];
            }
            let (before, after): (String, String) =
                (text.chars().take(column).collect(), text.chars().skip(column).collect());
            // What is left of the cursor stays in sight.
            let before = tail(Clean::new(before).as_str(), width.saturating_sub(1), look.glyph("…", "~"));
            vec![
                piece(before, look.ink(Ink::Bold)),
                piece("_", look.ink(Ink::Bold)),
                piece(Clean::new(after).to_string(), look.ink(Ink::Bold)),
            ]
        })
        .collect();
    let last = (row + 1).max(rows.min(lines.len()));
    let first = last.saturating_sub(rows);
    let shown = lines.into_iter().skip(first).take(rows).collect();
    (shown, format!("Ctrl-D sends   {chars} of {NOTE_CHARS_MAX}"))
}

/// The reasons to choose from, or the one that is typed.
pub(super) fn reason(canvas: &Canvas<'_>, chosen: usize, typed: Option<&str>, width: u16, rows: usize) -> Vec<Line> {
    let look = canvas.look;
    let bold = look.ink(Ink::Bold);
    if let Some(typed) = typed {
        let room = width.saturating_sub(9);
        let text = tail(Clean::new(typed).as_str(), room, look.glyph("…", "~"));
        return vec![vec![piece(format!("reason: {text}_"), bold)]];
    }
    let cell = |place: usize| {
        let mark = if place == chosen { "> " } else { "  " };
        let style = if place == chosen { bold } else { look.ink(Ink::Plain) };
        piece(format!("{mark}{} {:<20}", place + 1, REASONS[place]), style)
    };
    // In rows that are few the list stands in columns, so that all of it is seen.
    let columns = if rows > REASONS.len() { 1 } else { (usize::from(width) / 25).clamp(1, 3) };
    let height = REASONS.len().div_ceil(columns);
    let mut lines: Vec<Line> = (0..height)
        .map(|row| (0..columns).map(|column| column * height + row).filter(|p| *p < REASONS.len()).map(cell).collect())
        .collect();
    lines.push(vec![piece(format!("y  write down: {}", REASONS[chosen]), bold)]);
    lines
}
