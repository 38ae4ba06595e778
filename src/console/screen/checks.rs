//! The questions, each with its answer's age.

use super::canvas::{Canvas, Piece, width_of};
use super::fit::{self, Part, fit};
use super::header::{age_words, whole_words};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Panel;
use crate::console::fresh;
use crate::domain::Verdict;
use crate::engine::{CheckView, Snapshot};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use std::time::Duration;

/// No answer is old before this, whatever its interval: the floor of `Freshness`.
const OLD_AT_LEAST: Duration = Duration::from_secs(5);
/// From this width on each check shows its age.
const AGES_MIN: u16 = 110;
/// Columns that a check's name may take.
const NAME_WIDTH_MAX: u16 = 20;
/// Rows that one answer takes below its check at most: the whole of a longer one is read by Enter.
const BELOW_ROWS_MAX: usize = 2;
/// What a fresh answer is said to be younger than, in seconds.
const COARSE_AGES: [u64; 6] = [5, 10, 30, 60, 120, 300];

/// Rows that the checks take in so many columns.
pub(super) fn rows(snapshot: &Snapshot, columns: u16) -> u16 {
    (snapshot.checks.len() as u16).div_ceil(columns).max(1)
}

/// What a check is worth now: on a stale screen nothing is good, and an answer that is late is not either.
pub(super) fn verdict_of(view: &View<'_>, check: &CheckView) -> Verdict {
    match check.verdict {
        _ if view.is_cut_off() => Verdict::Unknown,
        Verdict::Pass if fresh::check_is_fresh(check, view.now) == Some(false) => Verdict::Warn,
        Verdict::Pass | Verdict::Warn | Verdict::Unknown | Verdict::Fail => check.verdict,
    }
}

/// The mark and word of what a check is worth now.
pub(super) fn words_of(canvas: &Canvas<'_>, view: &View<'_>, check: &CheckView) -> (&'static str, &'static str) {
    let verdict = verdict_of(view, check);
    let (mark, word) = canvas.look.verdict_words(verdict);
    let word = match verdict {
        Verdict::Unknown => unknown_word(view, check),
        Verdict::Warn if check.verdict == Verdict::Pass => "LATE",
        Verdict::Pass | Verdict::Warn | Verdict::Fail => word,
    };
    (mark, word)
}

/// How many checks are good, and known to be so now.
pub(super) fn good(view: &View<'_>, snapshot: &Snapshot) -> usize {
    snapshot.checks.iter().filter(|check| verdict_of(view, check) == Verdict::Pass).count()
}

/// `10 of 10 ok, all under 5s old`: said once; a check that is older says so itself.
fn heading(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Piece {
    let (good, all) = (good(view, snapshot), snapshot.checks.len());
    let ink = if good == all { Ink::Plain } else { Ink::Warn };
    let bounds = snapshot.checks.iter().map(|check| fresh_within(view, check)).collect::<Option<Vec<_>>>();
    let age = match bounds.and_then(|bounds| bounds.into_iter().max()) {
        Some(bound) => format!(", all under {} old", whole_words(Duration::from_secs(bound))),
        None => String::new(),
    };
    piece(format!("{good} of {all} ok{age}"), canvas.look.ink(ink))
}

pub(super) fn draw_ruled(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let title = heading(canvas, view, snapshot);
    canvas.panel_rule(area, view, Panel::Checks, &[title], &[]);
    let height = area.height - 1;
    let width = area.width / 2;
    let shown = usize::from(height) * 2;
    for (place, (index, check)) in ordered(view, snapshot, shown).into_iter().enumerate() {
        let (column, row) = (place as u16 / height.max(1), place as u16 % height.max(1));
        let cell =
            Rect { x: area.x + 1 + column * width, y: area.y + 1 + row, width: width.saturating_sub(2), height: 1 };
        draw_check(canvas, cell, view, index, check, area.width >= AGES_MIN);
    }
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let title = heading(canvas, view, snapshot);
    let inside = canvas.panel_frame(area, view, Panel::Checks, &[title], &[]);
    let checks = ordered(view, snapshot, inside.height.into());
    // Rows that nobody else needs are for details that are too long for theirs.
    let mut spare = inside.height.saturating_sub(checks.len() as u16);
    let mut y = inside.y;
    for (index, check) in checks {
        let cell = Rect { x: inside.x + 1, y, width: inside.width.saturating_sub(2), height: 1 + spare };
        let below = draw_check(canvas, cell, view, index, check, true);
        spare -= below;
        y += 1 + below;
    }
}

/// All checks in the plan's order, each with its age and all that was received; then the limits.
pub(super) fn draw_zoomed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let title = heading(canvas, view, snapshot);
    let hint = [piece("Enter: all that was received", look.ink(Ink::Dim))];
    let inside = canvas.panel_frame(area, view, Panel::Checks, &[title], &hint);
    let rows = usize::from(inside.height);
    let (x, width) = (inside.x + 1, inside.width.saturating_sub(2));
    // The selected check stays in sight.
    let start = (view.desk.check + 1).saturating_sub(rows).min(snapshot.checks.len().saturating_sub(rows));
    let checks = snapshot.checks.iter().enumerate().skip(start).take(rows);
    let shown = checks.len();
    for (row, (index, check)) in checks.enumerate() {
        let line = fit(look, &whole_check(canvas, view, index, check, name_width(snapshot)), "  ", width);
        canvas.pieces(x, inside.y + row as u16, width, &line);
    }
    for (row, limit) in snapshot.guardrails.iter().take(rows.saturating_sub(shown + 1)).enumerate() {
        let y = inside.y + (shown + row) as u16 + 1;
        if row == 0 {
            canvas.pieces(x, y - 1, width, &[piece("LIMITS", look.ink(Ink::Bold))]);
        }
        let verdict = if view.is_cut_off() { Verdict::Unknown } else { limit.verdict };
        let (mark, word) = look.verdict_words(verdict);
        let word = if verdict == Verdict::Unknown { "--" } else { word };
        let words = format!("{mark} {word:<4} {}", limit.words);
        canvas.pieces(x, y, width, &[piece(words, look.verdict(verdict))]);
    }
}

/// `✓ ok   candidate database  200 0 ms  1.2s ago  required  {"database":"up"}`.
fn whole_check(canvas: &Canvas<'_>, view: &View<'_>, index: usize, check: &CheckView, name_width: u16) -> Vec<Part> {
    let look = canvas.look;
    let (verdict, style) = style_of(canvas, view, index, check);
    let (mark, word) = words_of(canvas, view, check);
    let name = fit::cut(look, &[piece(check.name.to_string(), style)], name_width);
    let pad = usize::from(name_width.saturating_sub(fit::columns(look, &name)));
    let mut head = vec![piece(format!("{mark} {word:<4} "), style)];
    head.extend(name);
    head.push(piece(" ".repeat(pad), style));
    let age = check.at.map_or_else(|| "never answered".to_owned(), |at| format!("{:>4} ago", age_words(view.age(at))));
    let dim = look.ink(Ink::Dim);
    let mut parts = vec![
        Part::new(0, head),
        Part::new(1, vec![piece(format!("{age:<9}"), dim)]),
        Part::new(2, vec![piece(check.detail.to_string(), look.verdict(verdict))]),
    ];
    if !check.required {
        parts.push(Part::new(3, vec![piece("not required", dim)]));
    }
    if check.raw != check.detail {
        parts.push(Part::new(4, vec![piece(check.raw.to_string(), dim)]));
    }
    parts
}

/// What a check is worth, and how it is drawn: reversed where it is selected.
fn style_of(canvas: &Canvas<'_>, view: &View<'_>, index: usize, check: &CheckView) -> (Verdict, Style) {
    let verdict = verdict_of(view, check);
    let style = canvas.look.verdict(verdict);
    let is_selected = view.desk.focus == Panel::Checks && view.desk.check == index;
    (verdict, if is_selected { style.add_modifier(Modifier::REVERSED) } else { style })
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

/// The longest name, so that what stands behind them stands in one column.
fn name_width(snapshot: &Snapshot) -> u16 {
    snapshot.checks.iter().map(|check| width_of(check.name.as_str())).max().unwrap_or(0).min(NAME_WIDTH_MAX)
}

/// All checks in the plan's order; when they do not fit, the bad ones first, and always the selected one.
fn ordered<'s>(view: &View<'_>, snapshot: &'s Snapshot, room: usize) -> Vec<(usize, &'s CheckView)> {
    let mut checks: Vec<_> = snapshot.checks.iter().enumerate().collect();
    if checks.len() > room {
        checks.sort_by_key(|(_, check)| std::cmp::Reverse(verdict_of(view, check)));
        let selected = checks.iter().skip(room).find(|(index, _)| *index == view.desk.check).copied();
        checks.truncate(room);
        if let (Some(selected), Some(last)) = (selected.filter(|_| view.desk.focus == Panel::Checks), checks.last_mut())
        {
            *last = selected;
        }
    }
    checks
}

/// What was answered rather than who was asked: the words from the first on that is neither method nor address.
fn essence(detail: &str) -> &str {
    let is_asked = |word: &str| word.contains(['/', ':']) || matches!(word, "GET" | "HEAD" | "POST" | "PUT");
    let mut rest = detail;
    while let Some((_, behind)) = rest.split_once(' ').filter(|(first, _)| first.is_empty() || is_asked(first)) {
        rest = behind;
    }
    rest
}

/// What is known of an answer, in the most words that fit: all of it, what was answered, a comparison without blanks.
fn detail_words(detail: &str, width: u16) -> String {
    let essence = essence(detail);
    let tight = || [" < ", " > ", " = "].iter().fold(essence.to_owned(), |text, sign| text.replace(sign, sign.trim()));
    if width_of(detail) <= width {
        detail.to_owned()
    } else if width_of(essence) <= width || width_of(&tight()) > width {
        essence.to_owned()
    } else {
        tight()
    }
}

/// The seconds that a fresh answer is surely younger than; `None` for one that is late or never came. A fresh age that
/// only counts up would be sent again each second and tells nothing; of one that is late each second counts. What could
/// not be read was only tried just now.
fn fresh_within(view: &View<'_>, check: &CheckView) -> Option<u64> {
    let age = view.age(check.at?);
    let is_known = check.verdict != Verdict::Unknown || check.few;
    let is_fresh = is_known && !view.is_cut_off() && fresh::check_is_fresh(check, view.now) == Some(true);
    COARSE_AGES.into_iter().find(|seconds| age < Duration::from_secs(*seconds)).filter(|_| is_fresh)
}

/// One check in a row. An answer that is not good and too long for it goes below, in the rows that the cell has there: of
/// a good one the beginning is enough, and rows that come and go with a millisecond would make all others jump. Gives how
/// many it took.
fn draw_check(
    canvas: &mut Canvas<'_>,
    cell: Rect,
    view: &View<'_>,
    index: usize,
    check: &CheckView,
    with_age: bool,
) -> u16 {
    let look = canvas.look;
    let (verdict, style) = style_of(canvas, view, index, check);
    let (mark, word) = words_of(canvas, view, check);
    let age = match (word, check.at.filter(|_| with_age && fresh_within(view, check).is_none())) {
        ("--", _) | (_, None) => String::new(),
        ("OLD" | "LATE", Some(at)) => format!(" {:>3}", age_words(view.age(at))),
        (_, Some(at)) => format!(" {:>3} old", age_words(view.age(at))),
    };
    let mark_width = canvas.text(cell.x, cell.y, cell.width, &format!("{mark} {word:<4} "), style);
    let name = [piece(check.name.to_string(), style)];
    let used = mark_width + canvas.pieces(cell.x + mark_width, cell.y, NAME_WIDTH_MAX, &name) + 1;
    let right = Rect { x: cell.x + used, width: cell.width.saturating_sub(used), ..cell };
    let rest = right.width.saturating_sub(age.len() as u16);
    let ink = look.verdict(verdict);
    let words = detail_words(check.detail.as_str(), rest);
    let room_below = (usize::from(cell.height) - 1).min(BELOW_ROWS_MAX);
    let mut below = Vec::new();
    if verdict != Verdict::Pass && width_of(&words) > rest && room_below > 0 {
        below = view.wrap(check.detail.as_str(), cell.width.saturating_sub(mark_width));
        if below.len() > room_below {
            let last = below.split_off(room_below - 1).join(" ");
            below.push(last);
        }
    }
    let words = if below.is_empty() { words } else { String::new() };
    let mut line = fit::cut(look, &[piece(words, ink)], rest);
    line.push(piece(age, look.ink(Ink::Dim)));
    canvas.right(right, cell.y, &line);
    for (y, text) in (cell.y + 1..).zip(&below) {
        canvas.pieces(cell.x + mark_width, y, cell.width.saturating_sub(mark_width), &[piece(text.clone(), ink)]);
    }
    below.len() as u16
}

#[cfg(test)]
mod tests {
    use super::{detail_words, essence};

    #[test]
    fn what_was_answered_comes_before_who_was_asked() {
        for (detail, shown) in [
            ("127.0.0.1:36993 refuses connections", "refuses connections"),
            ("/api/agents: 127.0.0.1:1 refuses connections; /api/b: 503", "refuses connections; /api/b: 503"),
            ("GET http://lb/v3/x: 503 unavailable", "503 unavailable"),
            ("drift to 15% by somebody", "drift to 15% by somebody"),
            ("http://only", "http://only"),
            ("", ""),
        ] {
            assert_eq!(essence(detail), shown);
        }
    }

    /// A comparison whose limit is cut away would read as another one.
    #[test]
    fn a_comparison_gives_up_its_blanks_before_its_limit() {
        for (width, shown) in [(13, "3.89% > 1.00%"), (12, "3.89%>1.00%"), (11, "3.89%>1.00%"), (10, "3.89% > 1.00%")] {
            assert_eq!(detail_words("3.89% > 1.00%", width), shown, "{width}");
        }
        assert_eq!(detail_words("GET http://lb/x: 200 9 ms", 9), "200 9 ms");
    }
}
