//! Small terminals: what matters most, in order, as far as there is room. It still holds and rolls back.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, fit};
use super::header::{self, Brevity};
use super::look::Ink;
use super::{View, band, checks, footer, log, panel, piece, signals, traffic};
use crate::console::desk::Dialog;
use crate::domain::{Rights, Verdict};
use crate::engine::{SignalView, Snapshot};
use crate::wire::Status;
use ratatui::layout::Rect;

/// From so many rows on the traffic has its gauge.
const GAUGE_MIN: u16 = 14;
/// Rows that a zoomed panel leaves to the split, the ages and the gauge where there is one.
const GAUGE_ROWS: u16 = 4;
/// From so many rows on a panel can be zoomed.
const ZOOM_MIN: u16 = 10;
/// Rows that a panel takes where there are enough.
const PANEL_ROWS: u16 = 8;
/// Rows that a panel never covers: the split and the ages.
const KEPT_ROWS: u16 = 2;
/// The rows below which a panel would lose its question or its `y`.
const PANEL_ROWS_MIN: u16 = 3;

/// One row.
enum Row {
    Line(Vec<Piece>),
    Environments,
    Gauge,
    Numbers,
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, status: &Status) {
    let snapshot = &status.snapshot;
    if area.height < 3 {
        band_lines(canvas, Rect { height: 1.min(area.height), ..area }, view, snapshot);
        if area.height == 2 {
            footer::draw(canvas, Rect { y: area.y + 1, height: 1, ..area }, view);
        }
        return;
    }
    let end = area.bottom() - 1;
    footer::draw(canvas, Rect { y: end, height: 1, ..area }, view);
    let open = view.desk.dialog.is_some();
    let most = match area.height {
        7..10 if open => 1,
        0..7 => 1,
        7..10 => 2,
        _ => 3,
    };
    let mut y = area.y + band_lines(canvas, Rect { height: most, ..area }, view, snapshot);
    let free = end.saturating_sub(y);
    let zoom = view.desk.zoom().filter(|_| area.height >= ZOOM_MIN);
    let kept = if area.height >= GAUGE_MIN { GAUGE_ROWS } else { KEPT_ROWS };
    let is_zoomed = zoom.is_some() || view.desk.dialog.as_ref().is_some_and(Dialog::is_zoomed);
    let panel_height = if is_zoomed {
        free.saturating_sub(kept)
    } else if open {
        free.saturating_sub(KEPT_ROWS).clamp(PANEL_ROWS_MIN.min(free), PANEL_ROWS)
    } else {
        0
    };
    let panel_y = end - panel_height;
    for row in rows(canvas, view, status, area) {
        if y >= panel_y {
            break;
        }
        match row {
            Row::Line(line) => {
                canvas.pieces(area.x, y, area.width, &line);
            }
            Row::Environments => traffic::environments(canvas, area, y, view, snapshot),
            Row::Gauge => traffic::gauge(canvas, area, y, view, snapshot),
            Row::Numbers => traffic::numbers(canvas, area, y, view, snapshot),
        }
        y += 1;
    }
    let place = Rect { y: panel_y, height: panel_height, ..area };
    if let Some(panel) = zoom {
        super::zoomed(canvas, place, view, snapshot, panel);
    } else if panel_height > 0 {
        panel::draw(canvas, place, view, Some(snapshot));
    } else if panel_y.saturating_sub(y) >= 2 {
        log::draw_ruled(canvas, Rect { y, height: panel_y - y, ..area }, view, snapshot);
    }
}

/// The band over as many rows as the area has; gives the rows it took.
fn band_lines(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) -> u16 {
    let (severity, parts) = band::sentence(canvas, view, snapshot);
    let style = canvas.look.band(severity);
    let text_of = |pieces: Vec<Piece>| pieces.into_iter().map(|(text, _)| text).collect::<String>();
    let rows = usize::from(area.height);
    // Lines broken at blanks hold a little less than their columns: fewer words until they fit.
    let mut room = area.width.saturating_mul(area.height);
    let lines = loop {
        let lines = view.wrap(&text_of(band::fitted(canvas, &parts, style, room)), area.width);
        if lines.len() <= rows || room <= area.width {
            break lines;
        }
        room -= area.width.min(4);
    };
    let shown = if lines.len() > rows {
        let mut shown: Vec<String> = lines[..rows.saturating_sub(1)].to_vec();
        shown.push(lines[rows.saturating_sub(1)..].join(" "));
        shown
    } else {
        lines
    };
    for (row, line) in shown.iter().take(rows).enumerate() {
        let y = area.y + row as u16;
        if area.width == 1 {
            // The state's mark says more than the mark of what was cut.
            canvas.text(area.x, y, 1, line, style);
        } else {
            canvas.pieces(area.x, y, area.width, &[piece(line.clone(), style)]);
        }
    }
    (shown.len().min(rows)) as u16
}

fn rows(canvas: &Canvas<'_>, view: &View<'_>, status: &Status, area: Rect) -> Vec<Row> {
    let look = canvas.look;
    let snapshot = &status.snapshot;
    let width = area.width;
    let plain = look.ink(Ink::Plain);
    let mut rows = Vec::new();
    if area.height >= GAUGE_MIN {
        rows.extend([Row::Numbers, Row::Line(ages(canvas, view, snapshot, width)), Row::Environments, Row::Gauge]);
    } else {
        rows.push(Row::Line(split(canvas, view, snapshot, width)));
        rows.push(Row::Line(ages(canvas, view, snapshot, width)));
    }
    let mut signals = snapshot.signals.chunks(2).map(|pair| Row::Line(signal(canvas, view, snapshot, pair, width)));
    rows.extend(signals.next());
    rows.push(Row::Line(traffic::target_pieces(canvas, view, snapshot, width)));
    rows.push(Row::Line(fit(look, &header::who(canvas, view, status), "  ", width)));
    if let Some(outcome) = &view.desk.last_outcome {
        rows.push(Row::Line(vec![piece(format!("your last key: {outcome}"), plain)]));
    }
    rows.extend(signals);
    rows.push(Row::Line(checks_line(canvas, view, snapshot, width)));
    rows
}

/// `candidate 25.0% wanted 25% probes 21.6-28.7%`.
fn split(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Vec<Piece> {
    let look = canvas.look;
    let (share, ink) = match traffic::configured(view, snapshot) {
        None => ("?".to_owned(), Ink::Stale),
        Some((share, true)) => (format!("{:.1}%", share * 100.0), Ink::Bold),
        Some((share, false)) => (format!("{:.1}%?", share * 100.0), Ink::Stale),
    };
    let mut parts = vec![Part::new(0, vec![piece(format!("candidate {share}"), look.ink(ink))])];
    parts.extend(traffic::half_applied(canvas, view, snapshot));
    if view.rights == Rights::ReadOnly {
        parts.push(Part::new(0, vec![piece("READ-ONLY", look.ink(Ink::Warn))]));
    }
    parts.push(Part::new(1, vec![piece(format!("wanted {}", snapshot.split.wanted), look.ink(Ink::Bold))]));
    let probes = |words: String, ink| vec![piece(format!("probes {words}"), look.ink(ink))];
    parts.push(match &snapshot.split.measured {
        None => Part::new(2, probes("-".to_owned(), Ink::Dim)),
        Some(it) => {
            let (mark, ink) = if traffic::is_old_sample(view, it) { ("?", Ink::Stale) } else { ("", Ink::Bold) };
            Part::new(2, probes(format!("{}{mark}", traffic::interval(it)), ink))
                .or(probes(format!("{}{mark}", traffic::wide_interval(it)), ink))
        }
    });
    fit(look, &parts, " ", width)
}

/// The three ages with as many words as there is room for.
fn ages(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Vec<Piece> {
    let look = canvas.look;
    [Brevity::Full, Brevity::Marks, Brevity::Whole, Brevity::NoSpinner]
        .into_iter()
        .map(|brevity| header::ages(canvas, view, snapshot, brevity))
        .find(|pieces| super::fit::columns(look, pieces) <= width)
        .unwrap_or_else(|| {
            let mut pieces = header::ages(canvas, view, snapshot, Brevity::NoClock);
            // Neither clock nor spinner: the ages themselves tell whether the terminal lives.
            pieces.pop();
            pieces
        })
}

/// `5xx BLUE 0.21% GREEN ✗6.20% <3.00%`: both environments of one signal.
fn signal(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, pair: &[SignalView], width: u16) -> Vec<Piece> {
    let look = canvas.look;
    let plain = look.ink(Ink::Plain);
    let mut parts: Vec<Part> =
        pair.first().map(|signal| Part::new(0, vec![piece(signal.signal.to_string(), plain)])).into_iter().collect();
    for signal in pair {
        let chip = &snapshot.environments[signal.role].chip;
        let old = view.is_blind(snapshot) || signals::is_old(view, snapshot, signal);
        let (mark, value, style) = signals::value_words(canvas, signal, old);
        // An old value has its mark behind it, as shares have; what is over its limit before it.
        let words = match mark.trim() {
            "?" if value.ends_with('?') || value == "--" => format!("{chip} {value}"),
            "?" => format!("{chip} {value}?"),
            mark => format!("{chip} {mark}{value}"),
        };
        parts.push(Part::new(0, vec![piece(words, style)]));
        let requests = signal.requests.map_or_else(String::new, |count| format!("({})", signals::count_words(count)));
        parts.push(Part::new(2, vec![piece(requests, look.ink(Ink::Dim))]));
    }
    if let Some((limit, signal)) = pair.last().and_then(|signal| Some((signal.limit?, signal))) {
        parts.push(Part::new(1, vec![piece(format!("max {}", signal.quantity(limit)), plain)]));
    }
    fit(look, &parts, " ", width)
}

/// `checks 9 of 10 ok  ✗ candidate 5xx 6.20% > 1.00%`.
fn checks_line(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Vec<Piece> {
    let look = canvas.look;
    let count = format!("checks {} of {} ok", checks::good(view, snapshot), snapshot.checks.len());
    let mut parts = vec![Part::new(0, vec![piece(count, look.ink(Ink::Plain))])];
    let failing = snapshot.checks.iter().filter(|check| checks::verdict_of(view, check) == Verdict::Fail);
    for check in failing {
        let (mark, _) = look.verdict_words(Verdict::Fail);
        let style = look.verdict(Verdict::Fail);
        let part = Part::new(1, vec![piece(format!("{mark} {} {}", check.name, check.detail), style)]);
        parts.push(part.or(vec![piece(format!("{mark} {}", check.name), style)]));
    }
    fit(look, &parts, "  ", width)
}
