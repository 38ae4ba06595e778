//! Errors and latency of both environments, on one scale each.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, columns, fit};
use super::header::age_words;
use super::look::Ink;
use super::past::{self, Column};
use super::spark::{self, Scale};
use super::{View, canvas, piece};
use crate::console::desk::Panel;
use crate::domain::{Absence, duration_words};
use crate::engine::window::Freshness;
use crate::engine::{Ask, Phase, Rule, SignalView, Snapshot, rule};
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

/// From this width on a frame says `max` before its limit: in fewer columns the count of requests would go for it.
const LIMIT_SAID_MIN: u16 = 40;
/// Columns left of a sparkline: ` 5xx GREEN    `.
const NAME_WIDTH: u16 = 13;
/// Columns right of it: value, limit, requests.
const VALUE_WIDTH: u16 = 24;
/// From so many columns on a chart has its numbers at its left.
const NUMBERED_MIN: u16 = 48;
/// Columns of those numbers: `b 0.21% `.
const NUMBERS_WIDTH: u16 = 9;
/// Rows of a frame and its time axis.
const AROUND_PLOT: u16 = 3;

pub(super) fn draw_ruled(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let chart = area.width.saturating_sub(NAME_WIDTH + VALUE_WIDTH + 1);
    // What the chart reaches back is not what a number rests on.
    let requests = match snapshot.signals.first().map(|signal| signal.window) {
        None | Some(Duration::ZERO) => "requests".to_owned(),
        Some(window) => format!("reqs/{}", duration_words(window)),
    };
    // A check may ask for less: what this one does is said where all of them do it.
    let mut limits = snapshot.signals.iter().filter(|signal| signal.limit.is_some()).peekable();
    // Where nothing can be held no limit holds: watching, on the way back, and after it.
    let can_hold = snapshot.phase != Phase::Observing && !matches!(rule(Ask::Hold, snapshot.phase), Rule::Refused(_));
    let holds = can_hold && limits.peek().is_some() && limits.all(|signal| signal.limit_holds);
    let limit = if holds { "hold at" } else { "limit" };
    let tail = [piece(format!("now  {limit:>7}  {requests:>8}"), look.ink(Ink::Dim))];
    let mut title = vec![Part::new(0, vec![piece(format!("chart {}", view.desk.reach.words()), look.ink(Ink::Dim))])];
    title.extend(baseline_words(snapshot).map(|words| Part::new(1, vec![piece(words, look.ink(Ink::Dim))])));
    let title = fit(look, &title, "  ", area.width.saturating_sub(19 + columns(look, &tail)));
    canvas.panel_rule(area, view, Panel::Signals, &title, &tail);
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
        let (columns, scale) = charted(view, snapshot, signal, chart);
        spark::draw(canvas, spark, &columns, scale);
        let x = area.x + NAME_WIDTH + chart + 1;
        canvas.pieces(x, y, VALUE_WIDTH, &value_pieces(canvas, view, snapshot, signal));
    }
}

/// `baseline 5xx 0.21% P99 94ms`: what was usual on stable before the first step; `None` before that.
fn baseline_words(snapshot: &Snapshot) -> Option<String> {
    let mut words = String::new();
    for signal in snapshot.signals.iter().step_by(2) {
        if let Some(usual) = signal.baseline {
            words.push_str(&format!(" {} {}", signal.signal, signal.quantity(usual)));
        }
    }
    (!words.is_empty()).then(|| format!("baseline{words}"))
}

/// Two charts beside two: stable left, candidate right, errors above latency.
pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let (half_width, half_height) = (area.width / 2, area.height / 2);
    for (index, signal) in snapshot.signals.iter().take(4).enumerate() {
        let (column, row) = (index as u16 % 2, index as u16 / 2);
        let chart = Rect {
            x: area.x + column * half_width,
            y: area.y + row * half_height,
            width: if column == 0 { half_width } else { area.width - half_width },
            height: if row == 0 { half_height } else { area.height - half_height },
        };
        draw_chart(canvas, chart, view, snapshot, signal);
    }
}

fn draw_chart(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot, signal: &SignalView) {
    let look = canvas.look;
    let dim = look.ink(Ink::Dim);
    let name = format!("{} {}", signal.signal, snapshot.environments[signal.role].chip);
    // The value and its limit are whole; then come the count of requests, the panel's number and the reach.
    let parts = tight(value_pieces(canvas, view, snapshot, signal), signal.window, area.width >= LIMIT_SAID_MIN);
    let tail = fit(look, &parts, " ", area.width.saturating_sub(canvas::width_of(&name) + 7));
    let title = [
        Part::new(1, vec![piece("3", look.ink(Ink::Bold))]),
        Part::new(0, vec![piece(name, look.ink(Ink::Bold))]),
        Part::new(2, vec![piece(format!("chart {}", view.desk.reach.words()), dim)]),
    ];
    let title = fit(look, &title, " ", area.width.saturating_sub(columns(look, &tail) + 7));
    let inside = canvas.frame(area, &title, &tail, view.has_focus(Panel::Signals));
    if inside.height < AROUND_PLOT - 1 {
        return;
    }
    let gutter = if inside.width >= NUMBERED_MIN { NUMBERS_WIDTH } else { 1 }.min(inside.width);
    let plot = Rect { x: inside.x + gutter, width: inside.width - gutter, height: inside.height - 1, ..inside };
    let (charted, scale) = charted(view, snapshot, signal, plot.width);
    spark::draw(canvas, plot, &charted, scale);
    draw_scale(canvas, Rect { width: gutter, ..plot_rows(inside) }, signal, scale);
    let y = inside.bottom() - 1;
    let axis = Rect { height: 1, y, ..plot };
    canvas.text(plot.x, y, plot.width, &format!("-{}", view.desk.reach.words()), dim);
    let now = canvas.right(axis, y, &[piece("now", dim)]);
    // The mark is explained where there is room for its words.
    if let Some(usual) = signal.baseline {
        let words = format!("b baseline {}", signal.quantity(usual));
        let (width, room) = (canvas::width_of(&words), now.saturating_sub(plot.x + 5));
        if width + 2 <= room {
            canvas.text(plot.x + 5 + (room - width) / 2, y, width, &words, dim);
        }
    }
}

/// The rows of a frame's inside that a chart is drawn on.
fn plot_rows(inside: Rect) -> Rect {
    Rect { height: inside.height - 1, ..inside }
}

/// The y-scale: the baseline's mark, and where there is room the numbers of top, limit, baseline and zero.
fn draw_scale(canvas: &mut Canvas<'_>, area: Rect, signal: &SignalView, scale: Scale) {
    let look = canvas.look;
    let numbered = area.width >= NUMBERS_WIDTH;
    let mut labels = Vec::new();
    if numbered {
        labels.push((scale.top, signal.quantity(scale.top).to_string(), Ink::Dim));
        labels.push((0.0, "0".to_owned(), Ink::Dim));
    }
    if let Some(usual) = signal.baseline {
        let words = if numbered { format!("b {}", signal.quantity(usual)) } else { "b".to_owned() };
        labels.push((usual, words, Ink::Bold));
    }
    if let Some(limit) = signal.limit.filter(|_| numbered) {
        labels.push((limit, format!("< {}", signal.quantity(limit)), Ink::Plain));
    }
    // The later ones matter more: they replace what stands in their row.
    for (value, words, ink) in labels {
        let Some(y) = spark::row_of(scale, value, area) else { continue };
        let text = if numbered { format!("{words:>8} ") } else { words };
        canvas.text(area.x, y, area.width, &text, look.ink(ink));
    }
}

/// A row's columns, and the scale that it shares with the other environment's.
fn charted(view: &View<'_>, snapshot: &Snapshot, signal: &SignalView, width: u16) -> (Vec<Column>, Scale) {
    let both = snapshot.signals.iter().filter(|other| other.signal == signal.signal);
    let others: Vec<Column> = both.flat_map(|other| to_the_newest(view, snapshot, other, width)).collect();
    (to_the_newest(view, snapshot, signal, width), Scale::of(signal.limit, others.iter()))
}

/// With the value beside it in the last column where that is over its limit and the samples are not yet: number and bar
/// must not disagree when it matters.
fn to_the_newest(view: &View<'_>, snapshot: &Snapshot, signal: &SignalView, width: u16) -> Vec<Column> {
    let mut columns = past::columns(view, snapshot, signal, width);
    let value = signal.value.as_ref().ok().filter(|_| !is_old(view, snapshot, signal)).copied();
    if let (Some(last), Some(value)) =
        (columns.last_mut(), value.filter(|value| signal.limit.is_some_and(|l| *value > l)))
    {
        let value = value as f32;
        *last = match *last {
            Column::Worst(worst) => Column::Worst(worst.max(value)),
            Column::Before | Column::Gap => Column::Worst(value),
        };
    }
    columns
}

/// Whether a reading is too old to be of now.
pub(super) fn is_old(view: &View<'_>, snapshot: &Snapshot, signal: &SignalView) -> bool {
    view.is_cut_off() || view.age(signal.at) > Freshness::of(snapshot.feed_every).stale
}

/// `✗ 1.42%  1.00%  1.2k`: a comparison would be false just when it matters.
fn value_pieces(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, signal: &SignalView) -> Vec<Piece> {
    let look = canvas.look;
    let old = is_old(view, snapshot, signal);
    let limit = signal.limit.map_or_else(String::new, |limit| signal.quantity(limit).to_string());
    let (mark, value, style) = value_words(canvas, signal, old);
    // How many requests an old value is from tells nothing; how old it is does.
    let requests = if old {
        format!("old {}", age_words(view.age(signal.at)))
    } else {
        signal.requests.map_or_else(String::new, count_words)
    };
    vec![
        piece(format!("{mark:1}{value:>8} "), style),
        piece(format!(" {limit:<5} "), look.ink(if old { Ink::Stale } else { Ink::Plain })),
        piece(format!("{requests:>7}"), look.ink(Ink::Dim)),
    ]
}

/// Without the blanks that line up rows: a frame has one value, and no heading above it that says what a limit is. The
/// count of requests is what is left out first.
fn tight(pieces: Vec<Piece>, window: Duration, is_said: bool) -> Vec<Part> {
    let limit = if is_said { "max " } else { "/" };
    let words = pieces.into_iter().map(|(text, style)| (text.split_whitespace().collect::<Vec<_>>().join(" "), style));
    let words: Vec<Piece> = words.collect();
    // What is old is compared with nothing: how old it is comes before its limit.
    let is_old = words.iter().any(|(text, _)| text.starts_with("old "));
    words
        .into_iter()
        .enumerate()
        .map(|(index, (text, style))| match index {
            1 if !text.is_empty() => Part::new(u8::from(is_old) * 2, vec![piece(format!("{limit}{text}"), style)]),
            // Without a heading above it a bare count is of anything.
            2 if text.ends_with(|c: char| c.is_ascii_digit() || matches!(c, 'k' | 'M')) => {
                let within = if window.is_zero() { String::new() } else { format!("/{}", duration_words(window)) };
                Part::new(1, vec![piece(format!("{text} requests{within}"), style)]).or(vec![piece(text, style)])
            }
            index => Part::new(u8::from(index == 2), vec![piece(text, style)]),
        })
        .collect()
}

/// The mark of a value, the value, and its ink.
pub(super) fn value_words(canvas: &Canvas<'_>, signal: &SignalView, old: bool) -> (&'static str, String, Style) {
    let look = canvas.look;
    let over = (look.glyph("✗", "X"), look.ink(Ink::Critical));
    let stale = look.ink(Ink::Stale);
    let is_over = |value: f64| signal.limit.is_some_and(|limit| value > limit);
    match (&signal.value, &signal.absence) {
        (Ok(value), _) if old => ("?", format!("{}?", signal.quantity(*value)), stale),
        (Ok(value), _) if is_over(*value) => (over.0, signal.quantity(*value).to_string(), over.1),
        (Ok(value), _) => (" ", signal.quantity(*value).to_string(), look.ink(Ink::Plain)),
        // Beyond the last bucket: how far nobody knows, but over every limit up to it.
        (Err(_), Some(Absence::AboveBuckets(bound))) if !old => {
            let words = format!("> {}", signal.quantity(*bound));
            if signal.limit.is_some_and(|limit| *bound >= limit) {
                (over.0, words, over.1)
            } else {
                ("?", words, stale)
            }
        }
        (Err(_), Some(Absence::NoRequests)) if !old => (" ", "idle".to_owned(), look.ink(Ink::Dim)),
        (Err(_), _) => (
            "?",
            signal.last_known.map_or_else(|| "--".to_owned(), |value| format!("{}?", signal.quantity(value))),
            stale,
        ),
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
