//! Errors and latency of both environments, on one scale each.

use super::canvas::{Canvas, Piece};
use super::look::Ink;
use super::spark::{self, Scale};
use super::{View, piece};
use crate::domain::Absence;
use crate::engine::window::Freshness;
use crate::engine::{SERIES_POINTS, SignalView, Snapshot};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns left of a sparkline: ` 5xx GREEN    `.
const NAME_WIDTH: u16 = 13;
/// Columns right of it: value, limit, requests.
const VALUE_WIDTH: u16 = 23;

pub(super) fn draw_ruled(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let chart = area.width.saturating_sub(NAME_WIDTH + VALUE_WIDTH + 1);
    let title = [piece("SIGNALS", look.ink(Ink::Bold)), piece(format!("  last {chart}s"), look.ink(Ink::Dim))];
    canvas.rule(area, area.y, &title, &[piece("now    limit  requests", look.ink(Ink::Dim))]);
    for (index, signal) in snapshot.signals.iter().take(usize::from(area.height) - 1).enumerate() {
        let y = area.y + 1 + index as u16;
        let environment = &snapshot.environments[signal.role];
        canvas.text(
            area.x + 1,
            y,
            NAME_WIDTH - 1,
            &format!("{:<4} {}", signal.signal, environment.chip),
            look.ink(Ink::Plain),
        );
        let spark = Rect { x: area.x + NAME_WIDTH, y, width: chart, height: 1 };
        spark::draw(canvas, spark, &points(view, snapshot, signal), scale_of(snapshot, signal));
        let x = area.x + NAME_WIDTH + chart + 1;
        canvas.pieces(x, y, VALUE_WIDTH, &value_pieces(canvas, view, snapshot, signal));
    }
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let (half_width, half_height) = (area.width / 2, area.height / 2);
    for (index, signal) in snapshot.signals.iter().take(4).enumerate() {
        let (column, row) = (index as u16 % 2, index as u16 / 2);
        let chart = Rect {
            x: area.x + column * half_width,
            y: area.y + row * half_height,
            width: if column == 0 { half_width } else { area.width - half_width },
            height: if row == 0 { half_height } else { area.height - half_height },
        };
        let environment = &snapshot.environments[signal.role];
        let title = [piece(format!("{} {}", signal.signal, environment.chip), look.ink(Ink::Bold))];
        let tail = tight(value_pieces(canvas, view, snapshot, signal));
        let inside = canvas.frame(chart, &title, &tail, false);
        if inside.height < 2 {
            continue;
        }
        let plot = Rect { height: inside.height - 1, ..inside };
        spark::draw(canvas, plot, &points(view, snapshot, signal), scale_of(snapshot, signal));
        let y = inside.bottom() - 1;
        canvas.text(inside.x, y, inside.width, &format!("-{}s", inside.width), look.ink(Ink::Dim));
        canvas.right(inside, y, &[piece("now", look.ink(Ink::Dim))]);
    }
}

/// The points, and one gap for each second that has passed since the newest of them: the axis ends now.
fn points(view: &View<'_>, snapshot: &Snapshot, signal: &SignalView) -> Vec<Option<f32>> {
    let mut points = signal.points.clone();
    // What was taken long ago may have arrived only now: a console that was stopped catches up.
    let taken = view.age(snapshot.mono).max(view.heard_age().unwrap_or_default());
    let silent = taken.as_secs().saturating_sub(1).min(SERIES_POINTS as u64);
    points.extend(std::iter::repeat_n(None, usize::try_from(silent).unwrap_or(0)));
    points
}

fn scale_of(snapshot: &Snapshot, signal: &SignalView) -> Scale {
    let both = snapshot.signals.iter().filter(|other| other.signal == signal.signal);
    Scale::of(signal.limit, both.flat_map(|other| other.points.iter()))
}

/// Whether a reading is too old to be of now.
pub(super) fn is_old(view: &View<'_>, snapshot: &Snapshot, signal: &SignalView) -> bool {
    view.is_cut_off() || view.age(signal.at) > Freshness::of(snapshot.feed_every).stale
}

/// `✗ 1.42% <1.00%  1.2k`.
fn value_pieces(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, signal: &SignalView) -> Vec<Piece> {
    let look = canvas.look;
    let old = is_old(view, snapshot, signal);
    let limit = signal.limit.map_or_else(String::new, |limit| format!("<{}", signal.quantity(limit)));
    let (mark, value, style) = value_words(canvas, signal, old);
    let requests = signal.requests.map_or_else(String::new, count_words);
    vec![
        piece(format!("{mark:1}{value:>8} "), style),
        piece(format!("{limit:<7}"), look.ink(Ink::Plain)),
        piece(format!("{requests:>5}"), look.ink(Ink::Dim)),
    ]
}

/// Without the blanks that line up rows: a frame has one value.
fn tight(pieces: Vec<Piece>) -> Vec<Piece> {
    let words = pieces.into_iter().map(|(text, style)| (text.split_whitespace().collect::<Vec<_>>().join(" "), style));
    let mut tight: Vec<Piece> = Vec::new();
    for (text, style) in words.filter(|(text, _)| !text.is_empty()) {
        let gap = if tight.is_empty() { "" } else { " " };
        tight.push((format!("{gap}{text}"), style));
    }
    tight
}

/// The mark of a value, the value, and its ink.
pub(super) fn value_words(canvas: &Canvas<'_>, signal: &SignalView, old: bool) -> (&'static str, String, Style) {
    let look = canvas.look;
    let over = (look.glyph("✗", "X"), look.ink(Ink::Critical));
    let stale = look.ink(Ink::Stale);
    let is_over = |value: f64| signal.limit.is_some_and(|limit| value > limit);
    match (&signal.value, &signal.absence) {
        (Ok(value), _) if old => ("?", signal.quantity(*value).to_string(), stale),
        (Ok(value), _) if is_over(*value) => (over.0, signal.quantity(*value).to_string(), over.1),
        (Ok(value), _) => (" ", signal.quantity(*value).to_string(), look.ink(Ink::Plain)),
        // Beyond the last bucket: how far nobody knows, but over every limit up to it.
        (Err(_), Some(Absence::AboveBuckets(bound))) if !old => {
            let words = format!(">{}", signal.quantity(*bound));
            if signal.limit.is_some_and(|limit| *bound >= limit) {
                (over.0, words, over.1)
            } else {
                ("?", words, stale)
            }
        }
        (Err(_), Some(Absence::NoRequests)) if !old => (" ", "idle".to_owned(), look.ink(Ink::Dim)),
        (Err(_), _) => {
            ("?", signal.last_known.map_or_else(|| "--".to_owned(), |value| signal.quantity(value).to_string()), stale)
        }
    }
}

/// `812`, `1.2k`, `34k`.
pub(super) fn count_words(count: u64) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..10_000 => format!("{:.1}k", count as f64 / 1000.0),
        10_000..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}
