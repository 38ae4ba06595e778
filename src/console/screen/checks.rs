//! The questions, each with its answer's age.

use super::canvas::{Canvas, width_of};
use super::header::age_words;
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Panel;
use crate::domain::Verdict;
use crate::engine::{CheckView, Snapshot};
use ratatui::layout::Rect;
use ratatui::style::Modifier;

/// Columns that a check's name may take.
const NAME_WIDTH_MAX: u16 = 20;

/// Rows that the checks take in so many columns.
pub(super) fn rows(snapshot: &Snapshot, columns: u16) -> u16 {
    (snapshot.checks.len() as u16).div_ceil(columns).max(1)
}

/// What a check is worth now: on a stale screen nothing is good.
fn verdict_of(view: &View<'_>, check: &CheckView) -> Verdict {
    if view.is_cut_off() { Verdict::Unknown } else { check.verdict }
}

fn heading(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> [super::Piece; 2] {
    let look = canvas.look;
    let good = snapshot.checks.iter().filter(|check| verdict_of(view, check) == Verdict::Pass).count();
    let all = snapshot.checks.len();
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

/// The longest name, so that details get what is left.
fn name_width(snapshot: &Snapshot) -> u16 {
    snapshot.checks.iter().map(|check| width_of(check.name.as_str())).max().unwrap_or(0).min(NAME_WIDTH_MAX)
}

/// Text in so many columns; what does not fit is left out at a blank, with a mark: half a number is another number.
fn shortened(text: &str, width: u16, mark: &str) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for word in text.split(' ') {
        let gap = u16::from(!kept.is_empty());
        if width_of(&kept) + gap + width_of(word) + 1 > width {
            break;
        }
        if gap == 1 {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    if width > 0 { kept + mark } else { String::new() }
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
    // Unknown because it is old, or because nothing was ever heard.
    let word = if verdict == Verdict::Unknown && check.at.is_none() { "--" } else { word };
    let age = match check.at.filter(|_| with_age) {
        Some(at) => format!(" {:>4}", age_words(view.age(at))),
        None => String::new(),
    };
    let used = canvas.text(cell.x, cell.y, cell.width, &format!("{mark} {word:<4} "), style);
    canvas.text(cell.x + used, cell.y, name_width, check.name.as_str(), style);
    let rest = cell.width.saturating_sub(used + name_width + 1 + age.len() as u16);
    let detail = shortened(check.detail.as_str(), rest, look.glyph("…", "~"));
    let right =
        Rect { x: cell.x + used + name_width + 1, width: cell.width.saturating_sub(used + name_width + 1), ..cell };
    canvas.right(right, cell.y, &[piece(detail, look.verdict(verdict)), piece(age, look.ink(Ink::Dim))]);
}
