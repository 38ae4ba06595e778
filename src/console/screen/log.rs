//! What happened, newest at the bottom.

use super::canvas::{Canvas, Piece, wrap};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Panel;
use crate::engine::{Entry, Phase, Snapshot};
use ratatui::layout::Rect;
use ratatui::style::Modifier;

fn heading(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Piece {
    let look = canvas.look;
    if view.desk.log_back == 0 {
        return match &view.desk.last_outcome {
            Some(outcome) => piece(format!("last: {outcome}"), look.ink(Ink::Plain)),
            None => piece("follow", look.ink(Ink::Dim)),
        };
    }
    let newest = snapshot.log.last().map_or(0, |entry| entry.number);
    piece(format!("PAUSED +{} new", newest.saturating_sub(view.desk.log_paused_at)), look.ink(Ink::Warn))
}

pub(super) fn draw_ruled(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    if area.height == 0 {
        return;
    }
    let tail = heading(canvas, view, snapshot);
    canvas.panel_rule(area, view, Panel::Log, &[], &[tail]);
    lines(canvas, Rect { y: area.y + 1, height: area.height - 1, ..area }, view, snapshot);
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let tail = heading(canvas, view, snapshot);
    let inside = canvas.panel_frame(area, view, Panel::Log, &[], &[tail]);
    lines(canvas, inside, view, snapshot);
}

fn lines(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let mut area = area;
    area.height -= lever(canvas, area, snapshot);
    if let Some(help) = view.help.filter(|_| area.height > 1 && snapshot.rollback.is_none()) {
        let style = canvas.look.ink(Ink::Bold);
        canvas.pieces(area.x + 1, area.bottom() - 1, area.width.saturating_sub(1), &[piece(help, style)]);
        area.height -= 1;
    }
    // Scrolled to its beginning the log still fills its rows.
    let end =
        snapshot.log.len().saturating_sub(view.desk.log_back).max(usize::from(area.height).min(snapshot.log.len()));
    let start = end.saturating_sub(area.height.into());
    let selected = snapshot.log.len().checked_sub(view.desk.log_back + 1).filter(|_| view.desk.log_back > 0);
    for (row, entry) in snapshot.log[start..end].iter().enumerate() {
        let place = Rect { x: area.x + 1, y: area.y + row as u16, width: area.width.saturating_sub(1), height: 1 };
        line(canvas, place, entry, selected == Some(start + row));
    }
}

/// What clients that stay on the candidate need, whole, while some do; gives the rows it took.
fn lever(canvas: &mut Canvas<'_>, area: Rect, snapshot: &Snapshot) -> u16 {
    let Some((words, command)) = snapshot.lever.as_ref().filter(|_| snapshot.phase == Phase::NewTrafficBack) else {
        return 0;
    };
    let command = command.as_ref().map_or_else(String::new, |command| format!("  $ {command}"));
    let lines = wrap(&format!("still on candidate: {words}{command}"), area.width.saturating_sub(2));
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

fn line(canvas: &mut Canvas<'_>, area: Rect, entry: &Entry, is_selected: bool) {
    let look = canvas.look;
    let mut style = look.severity(entry.severity);
    if is_selected {
        style = style.add_modifier(Modifier::REVERSED);
    }
    let pieces = [
        piece(format!("{} ", entry.wall.clock()), look.ink(Ink::Dim)),
        piece(format!("{} {}", look.severity_mark(entry.severity), entry.text), style),
    ];
    canvas.pieces(area.x, area.y, area.width, &pieces);
}
