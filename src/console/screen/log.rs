//! What happened, newest at the bottom.

use super::canvas::{Canvas, Piece};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Panel;
use crate::engine::{Entry, Snapshot};
use ratatui::layout::Rect;

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
    let title = piece("LOG", canvas.look.ink(Ink::Bold));
    canvas.rule(area, area.y, &[title], &[tail]);
    lines(canvas, Rect { y: area.y + 1, height: area.height - 1, ..area }, view, snapshot);
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let tail = heading(canvas, view, snapshot);
    let title = piece("LOG", canvas.look.ink(Ink::Bold));
    let inside = canvas.frame(area, &[title], &[tail], view.desk.focus == Panel::Log);
    lines(canvas, inside, view, snapshot);
}

fn lines(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let mut area = area;
    if let Some(help) = view.help.filter(|_| area.height > 1 && snapshot.rollback.is_none()) {
        let style = canvas.look.ink(Ink::Bold);
        canvas.text(area.x + 1, area.bottom() - 1, area.width.saturating_sub(1), help, style);
        area.height -= 1;
    }
    let end = snapshot.log.len().saturating_sub(view.desk.log_back);
    let start = end.saturating_sub(area.height.into());
    for (row, entry) in snapshot.log[start..end].iter().enumerate() {
        line(
            canvas,
            Rect { x: area.x + 1, y: area.y + row as u16, width: area.width.saturating_sub(1), height: 1 },
            entry,
        );
    }
}

fn line(canvas: &mut Canvas<'_>, area: Rect, entry: &Entry) {
    let look = canvas.look;
    let style = look.severity(entry.severity);
    let pieces = [
        piece(format!("{} ", entry.wall.clock()), look.ink(Ink::Dim)),
        piece(format!("{} {}", look.severity_mark(entry.severity), entry.text), style),
    ];
    canvas.pieces(area.x, area.y, area.width, &pieces);
}
