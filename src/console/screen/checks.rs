//! The questions, each with its answer's age.

use super::canvas::{Canvas, width_of};
use super::fit;
use super::header::age_words;
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Panel;
use crate::domain::Verdict;
use crate::engine::{CheckView, Snapshot};
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use std::time::Duration;

/// No answer is old before this, whatever its interval: the floor of `Freshness`.
const OLD_AT_LEAST: Duration = Duration::from_secs(5);
/// Columns that a check's name may take.
const NAME_WIDTH_MAX: u16 = 20;

/// Rows that the checks take in so many columns.
pub(super) fn rows(snapshot: &Snapshot, columns: u16) -> u16 {
    (snapshot.checks.len() as u16).div_ceil(columns).max(1)
}

/// What a check is worth now: on a stale screen nothing is good.
pub(super) fn verdict_of(view: &View<'_>, check: &CheckView) -> Verdict {
    if view.is_cut_off() { Verdict::Unknown } else { check.verdict }
}

/// How many checks are good, and known to be so now.
pub(super) fn good(view: &View<'_>, snapshot: &Snapshot) -> usize {
    snapshot.checks.iter().filter(|check| verdict_of(view, check) == Verdict::Pass).count()
}

fn heading(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> [super::Piece; 2] {
    let look = canvas.look;
    let (good, all) = (good(view, snapshot), snapshot.checks.len());
    let ink = if good == all { Ink::Plain } else { Ink::Warn };
    [piece("CHECKS", look.ink(Ink::Bold)), piece(format!("  {good} of {all} ok"), look.ink(ink))]
}

pub(super) fn draw_ruled(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let title = heading(canvas, view, snapshot);
    canvas.rule(area, area.y, &title, &[]);
    let height = area.height - 1;
    let width = area.width / 2;
    let shown = usize::from(height) * 2;
    for (place, (index, check)) in ordered(view, snapshot, shown).into_iter().enumerate() {
        let (column, row) = (place as u16 / height.max(1), place as u16 % height.max(1));
        let cell =
            Rect { x: area.x + 1 + column * width, y: area.y + 1 + row, width: width.saturating_sub(2), height: 1 };
        draw_check(canvas, cell, view, index, check, false, name_width(snapshot));
    }
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let title = heading(canvas, view, snapshot);
    let inside = canvas.frame(area, &title, &[], view.desk.focus == Panel::Checks);
    for (row, (index, check)) in ordered(view, snapshot, inside.height.into()).into_iter().enumerate() {
        let cell = Rect { x: inside.x + 1, y: inside.y + row as u16, width: inside.width.saturating_sub(2), height: 1 };
        draw_check(canvas, cell, view, index, check, true, name_width(snapshot));
    }
}

/// Why nobody knows: only what was known can be old.
fn unknown_word(view: &View<'_>, check: &CheckView) -> &'static str {
    match check.at {
        None => "--",
        Some(_) if view.is_cut_off() => "OLD",
        Some(_) if check.few => "few",
        Some(at) if view.age(at) >= OLD_AT_LEAST => "OLD",
        Some(_) => "--",
    }
}

/// The longest name, so that details get what is left.
fn name_width(snapshot: &Snapshot) -> u16 {
    snapshot.checks.iter().map(|check| width_of(check.name.as_str())).max().unwrap_or(0).min(NAME_WIDTH_MAX)
}

/// All checks in the plan's order; when they do not fit, the bad ones first.
fn ordered<'s>(view: &View<'_>, snapshot: &'s Snapshot, room: usize) -> Vec<(usize, &'s CheckView)> {
    let mut checks: Vec<_> = snapshot.checks.iter().enumerate().collect();
    if checks.len() > room {
        checks.sort_by_key(|(_, check)| std::cmp::Reverse(verdict_of(view, check)));
        checks.truncate(room);
    }
    checks
}

fn draw_check(
    canvas: &mut Canvas<'_>,
    cell: Rect,
    view: &View<'_>,
    index: usize,
    check: &CheckView,
    with_age: bool,
    name_width: u16,
) {
    let look = canvas.look;
    let verdict = verdict_of(view, check);
    let (mark, word) = look.verdict_words(verdict);
    let mut style = look.verdict(verdict);
    if view.desk.focus == Panel::Checks && view.desk.check == index {
        style = style.add_modifier(Modifier::REVERSED);
    }
    let word = if verdict == Verdict::Unknown { unknown_word(view, check) } else { word };
    let age = match check.at.filter(|_| with_age) {
        Some(at) => format!(" {:>4}", age_words(view.age(at))),
        None => String::new(),
    };
    let used = canvas.text(cell.x, cell.y, cell.width, &format!("{mark} {word:<4} "), style);
    canvas.pieces(cell.x + used, cell.y, name_width, &[piece(check.name.to_string(), style)]);
    let rest = cell.width.saturating_sub(used + name_width + 1 + age.len() as u16);
    let mut line = fit::cut(look, &[piece(check.detail.to_string(), look.verdict(verdict))], rest);
    line.push(piece(age, look.ink(Ink::Dim)));
    let right =
        Rect { x: cell.x + used + name_width + 1, width: cell.width.saturating_sub(used + name_width + 1), ..cell };
    canvas.right(right, cell.y, &line);
}
