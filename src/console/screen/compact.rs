//! Small terminals: what matters most, in order, as far as there is room. It still holds and rolls back.

use super::canvas::{Canvas, Piece, wrap};
use super::look::Ink;
use super::{View, footer, header, panel, piece};
use crate::domain::Verdict;
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
    let share =
        snapshot.split.configured.as_ref().map_or_else(|| "?".to_owned(), |c| format!("{:.1}%", c.share * 100.0));
    let measured =
        snapshot.split.measured.as_ref().map_or_else(|| "-".to_owned(), |m| format!("{:.1}%", m.value * 100.0));
    let mut lines = vec![vec![piece(
        format!("candidate {share} (wanted {}, measured {measured})", snapshot.split.wanted),
        look.ink(Ink::Bold),
    )]];
    for signal in &snapshot.signals {
        let environment = &snapshot.environments[signal.role];
        let (value, ink) = match &signal.value {
            Ok(value) if !view.is_cut_off() => {
                let over = signal.limit.is_some_and(|limit| *value > limit);
                (signal.quantity(*value).to_string(), if over { Ink::Critical } else { Ink::Plain })
            }
            Ok(_) | Err(_) => ("?".to_owned(), Ink::Stale),
        };
        lines.push(vec![piece(format!("{} {} {value}", signal.signal, environment.chip), look.ink(ink))]);
    }
    let good = snapshot.checks.iter().filter(|check| check.verdict == Verdict::Pass && !view.is_cut_off()).count();
    lines.push(vec![piece(format!("checks {good} of {} ok", snapshot.checks.len()), plain)]);
    let age =
        |at: Option<crate::domain::Mono>| at.map_or_else(|| "--".to_owned(), |at| header::age_words(view.age(at)));
    lines.push(vec![piece(
        format!("keeper {} balancer {} feed {}", age(view.heard_at), age(snapshot.balancer_at), age(snapshot.feed_at)),
        plain,
    )]);
    lines.push(vec![piece(format!("rollback target: {}", snapshot.target.words), plain)]);
    lines.push(vec![piece(format!("{} {}", snapshot.title, view.wall.clock()), plain)]);
    lines
}
