//! Threshold sparklines: newest at the right edge, a gap is not zero, only what is over the limit has ink.

use super::canvas::Canvas;
use super::look::{Ink, Look};
use ratatui::layout::Rect;

const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const BARS_ASCII: [&str; 8] = ["_", ".", ",", "-", "~", "=", "*", "#"];

/// What both environments' charts of one signal share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// The value at the top.
    pub top: f64,
    /// The limit, when there is one.
    pub limit: Option<f64>,
}

impl Scale {
    /// One and a half times the limit, or what the points need.
    pub fn of<'p>(limit: Option<f64>, points: impl Iterator<Item = &'p Option<f32>>) -> Self {
        let largest = points.flatten().copied().map(f64::from).filter(|v| v.is_finite()).fold(0.0, f64::max);
        let top = match limit.filter(|limit| limit.is_finite() && *limit > 0.0) {
            Some(limit) => (limit * 1.5).max(largest.min(limit * 3.0)),
            None => largest,
        };
        Self { top: if top > 0.0 { top } else { 1.0 }, limit }
    }

    /// How many of `eighths` a value fills; `None` for what is no number.
    fn fill(self, value: f32, eighths: u32) -> Option<u32> {
        let part = f64::from(value) / self.top;
        part.is_finite().then(|| (part.clamp(0.0, 1.0) * f64::from(eighths)).round() as u32)
    }

    fn is_over(self, value: f32) -> bool {
        self.limit.is_some_and(|limit| f64::from(value) > limit)
    }
}

/// Draws points into an area of one or more rows.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, points: &[Option<f32>], scale: Scale) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let look = canvas.look;
    let shown = &points[points.len().saturating_sub(area.width.into())..];
    let first = area.right() - shown.len() as u16;
    if area.height > 1 {
        limit_row(canvas, area, scale);
    }
    for (index, point) in shown.iter().enumerate() {
        let x = first + index as u16;
        let eighths = u32::from(area.height) * 8;
        let filled = point.and_then(|value| Some((value, scale.fill(value, eighths)?)));
        let Some((value, fill)) = filled else {
            canvas.text(x, area.bottom() - 1, 1, look.glyph("·", "?"), look.ink(Ink::Stale));
            continue;
        };
        let ink = if scale.is_over(value) { Ink::Critical } else { Ink::Dim };
        column(canvas, x, area, fill, ink);
    }
}

/// One point: full cells from below, and the part of one at its top. Zero is a line, not nothing.
fn column(canvas: &mut Canvas<'_>, x: u16, area: Rect, fill: u32, ink: Ink) {
    let style = canvas.look.ink(ink);
    let bars = bars(canvas.look);
    for row in 0..u32::from(area.height) {
        let here = fill.saturating_sub(row * 8).min(8);
        let level = if row == 0 { here.max(1) } else { here };
        if level > 0 {
            canvas.text(x, area.bottom() - 1 - row as u16, 1, bars[level as usize - 1], style);
        }
    }
}

fn limit_row(canvas: &mut Canvas<'_>, area: Rect, scale: Scale) {
    let Some(limit) = scale.limit else { return };
    let Some(fill) = scale.fill(limit as f32, u32::from(area.height) * 8) else { return };
    let row = (fill / 8).min(u32::from(area.height) - 1) as u16;
    let dash = canvas.look.glyph("┄", "-");
    let style = canvas.look.ink(Ink::Dim);
    canvas.text(area.x, area.bottom() - 1 - row, area.width, &dash.repeat(area.width.into()), style);
}

fn bars(look: Look) -> [&'static str; 8] {
    if look.ascii { BARS_ASCII } else { BARS }
}
