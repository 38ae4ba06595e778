//! Small terminals: what matters most, in order, as far as there is room. It still holds and rolls back.

use super::canvas::{Canvas, Piece, wrap};
use super::look::Ink;
use super::{View, footer, header, panel, piece};
use crate::domain::Verdict;
use crate::engine::{SignalView, Snapshot};
use crate::wire::Status;
use ratatui::layout::Rect;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, status: &Status) {
    let snapshot = &status.snapshot;
    let look = canvas.look;
    let (severity, band) = header::band_words(canvas, view, snapshot);
    if area.height < 3 {
        canvas.text(area.x, area.y, area.width, &band, look.band(severity));
        if area.height == 2 {
            footer::draw(canvas, Rect { y: area.y + 1, height: 1, ..area }, view);
        }
        return;
    }
    let bottom = Rect { y: area.bottom() - 1, height: 1, ..area };
    footer::draw(canvas, bottom, view);
    let mut y = area.y;
    let end = area.bottom() - 1;
    for line in wrap(&band, area.width).into_iter().take(3) {
        if y < end {
            canvas.text(area.x, y, area.width, &line, look.band(severity));
            y += 1;
        }
    }
    let panel_height = if view.desk.dialog.is_some() { 5.min(end.saturating_sub(y)) } else { 0 };
    for line in lines(canvas, view, status) {
        if y < end - panel_height {
            canvas.pieces(area.x, y, area.width, &line);
            y += 1;
        }
    }
    if panel_height > 0 {
        panel::draw(canvas, Rect { y: end - panel_height, height: panel_height, ..area }, view, Some(snapshot));
    }
}

fn lines(canvas: &Canvas<'_>, view: &View<'_>, status: &Status) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let snapshot = &status.snapshot;
    let plain = look.ink(Ink::Plain);
    let old = if view.is_cut_off() { "?" } else { "" };
    let share =
        snapshot.split.configured.as_ref().map_or_else(|| "?".to_owned(), |c| format!("{:.1}%{old}", c.share * 100.0));
    let measured =
        snapshot.split.measured.as_ref().map_or_else(|| "-".to_owned(), |m| format!("{:.1}%{old}", m.value * 100.0));
    let ink = if view.is_cut_off() { Ink::Stale } else { Ink::Bold };
    let mut lines = vec![vec![piece(
        format!("candidate {share} wanted {} measured {measured}", snapshot.split.wanted),
        look.ink(ink),
    )]];
    let mut signals = snapshot.signals.chunks(2).map(|pair| signal_line(canvas, view, snapshot, pair));
    lines.extend(signals.next());
    lines.push(header::ages(canvas, view, snapshot));
    lines.push(vec![piece(format!("rollback target: {}", snapshot.target.words), plain)]);
    lines.extend(signals);
    let good = snapshot.checks.iter().filter(|check| check.verdict == Verdict::Pass && !view.is_cut_off()).count();
    lines.push(vec![piece(format!("checks {good} of {} ok", snapshot.checks.len()), plain)]);
    if let Some(outcome) = &view.desk.last_outcome {
        lines.push(vec![piece(format!("last: {outcome}"), plain)]);
    }
    lines.push(vec![piece(snapshot.title.to_string(), plain)]);
    lines
}

/// `5xx BLUE 0.21% GREEN ✗6.20% <3.00%`: both environments of one signal.
fn signal_line(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, pair: &[SignalView]) -> Vec<Piece> {
    let look = canvas.look;
    let mut pieces = Vec::new();
    for signal in pair {
        if pieces.is_empty() {
            pieces.push(piece(format!("{}", signal.signal), look.ink(Ink::Plain)));
        }
        let chip = &snapshot.environments[signal.role].chip;
        let (value, ink) = match &signal.value {
            Ok(value) if !view.is_blind(snapshot) => {
                let over = signal.limit.is_some_and(|limit| *value > limit);
                let mark = if over { look.glyph("✗", "X") } else { "" };
                (format!("{mark}{}", signal.quantity(*value)), if over { Ink::Critical } else { Ink::Plain })
            }
            Ok(_) | Err(_) => (
                signal.last_known.map_or_else(|| "?".to_owned(), |value| format!("{}?", signal.quantity(value))),
                Ink::Stale,
            ),
        };
        pieces.push(piece(format!(" {chip} {value}"), look.ink(ink)));
    }
    if let Some((limit, signal)) = pair.last().and_then(|signal| Some((signal.limit?, signal))) {
        pieces.push(piece(format!(" <{}", signal.quantity(limit)), look.ink(Ink::Plain)));
    }
    pieces
}
