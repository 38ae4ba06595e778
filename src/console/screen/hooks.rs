//! What the operator's own programs print: the newest lines while they run, the whole tail of one that has ended. Whether
//! one still runs nobody knows once its keeper is gone.

use super::canvas::{Canvas, Piece};
use super::details::broken;
use super::fit::{Part, columns, cut, fit};
use super::header::age_words;
use super::look::Ink;
use super::{View, piece};
use crate::domain::{Clean, duration_words};
use crate::engine::{Entry, Fact, HookState, HookView, Snapshot, Tail};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Lines of output that are shown of one hook while it runs; more of them would be read in the log's place.
const LIVE_LINES_MAX: u16 = 6;

/// Shows what is running at the foot of the log; gives the rows it took, which are never more than half of them.
pub(super) fn running(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) -> u16 {
    let running: Vec<&HookView> = snapshot.hooks.iter().filter(|hook| hook.since.is_some()).collect();
    let rows = area.height.div_ceil(2).min(area.height.saturating_sub(1));
    if running.is_empty() || rows == 0 {
        return 0;
    }
    // Each has its row; what is left is for the output of the one that was begun last.
    let shown = running.len().min(rows.into());
    let newest = running.iter().enumerate().max_by_key(|(_, hook)| hook.since).map(|(place, _)| place);
    let spare = (rows - shown as u16).min(LIVE_LINES_MAX);
    let mut lines = Vec::new();
    for (place, hook) in running.iter().enumerate().take(shown) {
        let more = (place + 1 == shown).then(|| running.len() - shown).filter(|more| *more > 0);
        let tail = if newest == Some(place) { spare } else { 0 };
        lines.push(head(canvas, view, snapshot, hook, tail > 0, more, area.width.saturating_sub(1)));
        let from = hook.tail.lines.len().saturating_sub(tail.into());
        let printed = hook.tail.lines.iter().skip(from);
        lines.extend(printed.map(|line| output(canvas, view, line, area.width.saturating_sub(1))));
    }
    let rows = lines.len() as u16;
    for (row, line) in lines.into_iter().enumerate() {
        canvas.pieces(area.x + 1, area.bottom() - rows + row as u16, area.width.saturating_sub(1), &line);
    }
    rows
}

/// `► smoke 12s of at most 2 min  by alice  1200 lines`, and the newest line where no row of its own has it. Of a keeper
/// that is gone it is `? smoke was running, 12s of at most 2 min`: so long as was heard of it.
fn head(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    snapshot: &Snapshot,
    hook: &HookView,
    has_rows: bool,
    more: Option<usize>,
    width: u16,
) -> Vec<Piece> {
    let look = canvas.look;
    let is_stopping = hook.state == HookState::Stopping;
    let (mark, does, heard, ink) = match (view.is_cut_off(), is_stopping) {
        (true, true) => ("?", " was stopping,", snapshot.mono, Ink::Stale),
        (true, false) => ("?", " was running,", snapshot.mono, Ink::Stale),
        (false, true) => (look.glyph("►", ">"), " stopping,", view.now, Ink::Bold),
        (false, false) => (look.glyph("►", ">"), "", view.now, Ink::Bold),
    };
    let lasted = hook.since.map_or_else(String::new, |since| age_words(heard.since(since)));
    let style = look.ink(ink);
    let short = format!("{mark} {}{does} {lasted}", hook.name);
    let long = format!("{short} of at most {}", duration_words(hook.limit));
    let mut parts = vec![Part::new(0, vec![piece(long, style)]).or(vec![piece(short, style)])];
    let running = if view.is_cut_off() { "" } else { " running" };
    parts.extend(more.map(|more| Part::new(0, vec![piece(format!("+{more} more{running}"), style)])));
    let dim = |text: String| vec![piece(text, look.ink(Ink::Dim))];
    parts.extend(hook.by.as_ref().map(|by| Part::new(2, dim(format!("by {by}")))));
    parts.extend((hook.tail.printed > 0).then(|| Part::new(3, dim(format!("{} lines", hook.tail.printed)))));
    let mut line = fit(look, &parts, "  ", width);
    if let Some(newest) = hook.tail.last().filter(|_| !has_rows) {
        let room = width.saturating_sub(columns(look, &line));
        line.extend(cut(look, &[piece(format!("  | {newest}"), printed_style(canvas, view))], room));
    }
    line
}

fn output(canvas: &Canvas<'_>, view: &View<'_>, line: &Clean, width: u16) -> Vec<Piece> {
    cut(canvas.look, &[piece(format!("  | {line}"), printed_style(canvas, view))], width)
}

/// What was printed last is of now only as long as its keeper is heard.
fn printed_style(canvas: &Canvas<'_>, view: &View<'_>) -> Style {
    canvas.look.ink(if view.is_cut_off() { Ink::Stale } else { Ink::Plain })
}

/// The tail of a run that has ended, below its line of the log.
pub(super) fn printed(canvas: &Canvas<'_>, view: &View<'_>, entry: &Entry, width: u16) -> Vec<Vec<Piece>> {
    let Fact::HookEnded { tail, .. } = &entry.fact else { return Vec::new() };
    let look = canvas.look;
    let mut lines = vec![vec![piece(heading(tail), look.ink(Ink::Dim))]];
    let each = tail.lines.iter();
    lines.extend(each.flat_map(|line| broken(view, &format!("| {line}"), width, look.ink(Ink::Plain))));
    lines
}

fn heading(tail: &Tail) -> String {
    match (tail.printed, tail.before()) {
        (0, _) => "it printed nothing".to_owned(),
        (printed, 0) => format!("it printed {printed} lines:"),
        (printed, before) => format!("it printed {printed} lines; {before} of them are not kept:"),
    }
}
