//! What happened, newest at the bottom.

use super::canvas::{Canvas, Piece, width_of};
use super::fit::{Part, fit};
use super::look::Ink;
use super::{View, hooks, piece};
use crate::console::desk::Panel;
use crate::console::desk::log::{Counts, Row, found_at};
use crate::domain::Clean;
use crate::engine::{Entry, Phase, Snapshot};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// Columns of the log's rule beside its heading: number, name, a blank and a dash on each side.
const AROUND_HEADING: u16 = 13;

/// `! ✗ only  /5xx  12 of 240, 2 ✗ hidden`: what is left out is never a secret.
fn title(canvas: &Canvas<'_>, view: &View<'_>) -> Vec<Piece> {
    let look = canvas.look;
    let log = &view.desk.log;
    let bad = log.is_only_bad().then(|| format!("! {} only", look.glyph("✗", "X")));
    let filter = log.filter().map(|filter| {
        let Counts { shown, all, critical_hidden } = log.counts();
        let hidden = match critical_hidden {
            0 => String::new(),
            count => format!(", {count} {} hidden", look.glyph("✗", "X")),
        };
        format!("/{}  {shown} of {all}{hidden}", Clean::new(filter))
    });
    let words: Vec<String> = bad.into_iter().chain(filter).collect();
    if words.is_empty() { Vec::new() } else { vec![piece(words.join("  "), look.ink(Ink::Warn))] }
}

/// What the newest key here came to, whole before it is said whose it was; or what befell the keeper.
fn heading(canvas: &Canvas<'_>, view: &View<'_>, width: u16) -> Piece {
    let look = canvas.look;
    let desk = view.desk;
    match (desk.log.paused(), &desk.notice, &desk.last_outcome) {
        (Some(new), _, _) => piece(format!("PAUSED +{new} new"), look.ink(Ink::Warn)),
        (None, Some((notice, _)), _) => piece(notice.to_string(), look.ink(Ink::Warn)),
        (None, None, Some(outcome)) => {
            let whole = format!("your last key: {outcome}");
            let fits = width_of(&whole) + AROUND_HEADING <= width;
            piece(if fits { whole } else { format!("key: {outcome}") }, look.ink(Ink::Plain))
        }
        (None, None, None) => piece("follow", look.ink(Ink::Dim)),
    }
}

pub(super) fn draw_ruled(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    if area.height == 0 {
        return;
    }
    let (title, tail) = (title(canvas, view), heading(canvas, view, area.width));
    canvas.panel_rule(area, view, Panel::Log, &title, &[tail]);
    lines(canvas, Rect { y: area.y + 1, height: area.height - 1, ..area }, view, snapshot);
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let (title, tail) = (title(canvas, view), heading(canvas, view, area.width));
    let inside = canvas.panel_frame(area, view, Panel::Log, &title, &[tail]);
    lines(canvas, inside, view, snapshot);
}

fn lines(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let mut area = area;
    area.height -= lever(canvas, area, view, snapshot);
    area.height -= hooks::running(canvas, area, view, snapshot);
    // Until the first advance: from then on every line of the log is worth more.
    let is_first = matches!(snapshot.phase, Phase::Preflight | Phase::Ready);
    if let Some(help) = view.help.filter(|_| area.height > 1 && is_first) {
        let style = canvas.look.ink(Ink::Bold);
        canvas.pieces(area.x + 1, area.bottom() - 1, area.width.saturating_sub(1), &[piece(help, style)]);
        area.height -= 1;
    }
    let log = &view.desk.log;
    let rows = log.rows();
    if rows.iter().all(|row| row.entry().is_none()) && (log.filter().is_some() || log.is_only_bad()) {
        let words = if log.filter().is_some() { "nothing matches; Esc clears" } else { "no warnings, no errors" };
        let place = Rect { height: area.height.min(1), ..area };
        if place.height > 0 {
            canvas.pieces(area.x + 1, area.y, area.width.saturating_sub(1), &[piece(words, canvas.look.ink(Ink::Dim))]);
        }
        return;
    }
    let selected = log.selected(&rows);
    // Scrolled to its beginning the log still fills its rows.
    let end = selected.map_or(rows.len(), |place| place + 1).max(usize::from(area.height).min(rows.len()));
    let start = end.saturating_sub(area.height.into());
    for (place, row) in rows[start..end].iter().enumerate() {
        let at = Rect { x: area.x + 1, y: area.y + place as u16, width: area.width.saturating_sub(1), height: 1 };
        match row {
            Row::Lines { first, last, times } => {
                line(canvas, at, view, (first, last, *times), selected == Some(start + place));
            }
            Row::Gap { missing, before, after } => gap(canvas, at, view, *missing, *before, after),
        }
    }
}

/// What clients that stay on the candidate need, whole, while some do; gives the rows it took.
fn lever(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) -> u16 {
    let Some((words, command)) = snapshot.lever.as_ref().filter(|_| snapshot.phase == Phase::NewTrafficBack) else {
        return 0;
    };
    let command = command.as_ref().map_or_else(String::new, |command| format!("  $ {command}"));
    let lines = view.wrap(&format!("still on candidate: {words}{command}"), area.width.saturating_sub(2));
    let rows = (lines.len() as u16).min(area.height);
    let style = canvas.look.ink(Ink::Warn);
    for (row, line) in lines.into_iter().take(rows.into()).enumerate() {
        canvas.pieces(
            area.x + 1,
            area.bottom() - rows + row as u16,
            area.width.saturating_sub(1),
            &[piece(line, style)],
        );
    }
    rows
}

/// One line; of several alike the newest, with how many they are and when they began.
fn line(
    canvas: &mut Canvas<'_>,
    area: Rect,
    view: &View<'_>,
    (first, last, times): (&Entry, &Entry, usize),
    is_selected: bool,
) {
    let look = canvas.look;
    let mut style = look.severity(last.severity);
    if is_selected {
        style = style.add_modifier(Modifier::REVERSED);
    }
    let time = piece(format!("{} ", last.wall.clock()), look.ink(Ink::Dim));
    let mark = piece(format!("{} ", look.severity_mark(last.severity)), style);
    let mut parts = vec![Part::new(0, [vec![time, mark], words(view, last, style)].concat())];
    if times > 1 {
        let long = format!("  x{times} since {}", first.wall.clock());
        parts.push(
            Part::new(0, vec![piece(long, look.ink(Ink::Bold))])
                .or(vec![piece(format!("  x{times}"), look.ink(Ink::Bold))]),
        );
        // How often it came is never cut off for what came.
        let room = area.width.saturating_sub(super::fit::columns(look, &fit(look, &parts[1..], "", area.width)));
        let text = super::fit::cut(look, &fit(look, &parts[..1], "", room), room);
        let used = canvas.pieces(area.x, area.y, area.width, &text);
        canvas.pieces(area.x + used, area.y, area.width.saturating_sub(used), &fit(look, &parts[1..], "", area.width));
        return;
    }
    canvas.pieces(area.x, area.y, area.width, &fit(look, &parts, "", area.width));
}

/// A line's text, with what the filter found in it underlined.
fn words(view: &View<'_>, entry: &Entry, style: Style) -> Vec<Piece> {
    let text = entry.text.as_str();
    let found = view.desk.log.filter().filter(|filter| !filter.is_empty()).and_then(|filter| found_at(text, filter));
    let Some(found) = found else { return vec![piece(text, style)] };
    let part = |from: usize, to: usize| text.chars().skip(from).take(to - from).collect::<String>();
    vec![
        piece(part(0, found.start), style),
        piece(part(found.start, found.end), style.add_modifier(Modifier::UNDERLINED)),
        piece(part(found.end, text.chars().count()), style),
    ]
}

/// `┄ 37 lines between 12:03:27Z and 12:04:10Z not seen here: warroom log RUN`. Half an id is none.
fn gap(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, missing: u64, before: Option<&Entry>, after: &Entry) {
    let look = canvas.look;
    let lines = if missing == 1 { "1 line".to_owned() } else { format!("{missing} lines") };
    let words = match before {
        Some(before) => {
            format!("{lines} between {} and {} not seen here", before.wall.clock(), after.wall.clock())
        }
        None => format!("{lines} before this one"),
    };
    let dash = look.glyph("┄", "-").repeat(3);
    // Without a run the newest is told, which may be another one.
    let of = |run: &str| vec![piece(format!("{dash} {words}: warroom log {run}"), look.ink(Ink::Stale))];
    let line = fit(look, &[Part::new(0, of(view.elsewhere())).or(of("RUN"))], "", area.width);
    canvas.pieces(area.x, area.y, area.width, &line);
}
