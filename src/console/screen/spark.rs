//! Threshold sparklines: newest at the right edge, a gap is not zero, only what is over the limit has ink.

use super::canvas::Canvas;
use super::look::{Ink, Look};
use super::past::Column;
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
    pub fn of<'c>(limit: Option<f64>, columns: impl Iterator<Item = &'c Column>) -> Self {
        let worst = columns.filter_map(|column| match column {
            Column::Worst(value) => Some(f64::from(*value)),
            Column::Before | Column::Gap => None,
        });
        let largest = worst.filter(|value| value.is_finite()).fold(0.0, f64::max);
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
        // In the points' own precision: 0.07 as a point is not over a limit of 0.07.
        self.limit.is_some_and(|limit| value > limit as f32)
    }
}

/// Draws columns into an area of one or more rows, the last of them at its right edge.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, columns: &[Column], scale: Scale) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let look = canvas.look;
    let shown = &columns[columns.len().saturating_sub(area.width.into())..];
    let first = area.right() - shown.len() as u16;
    if let Some(row) = scale.limit.and_then(|limit| row_of(scale, limit, area)).filter(|_| area.height > 1) {
        let dash = look.glyph("┄", "-");
        canvas.text(area.x, row, area.width, &dash.repeat(area.width.into()), look.ink(Ink::Dim));
    }
    for (index, column) in shown.iter().enumerate() {
        let x = first + index as u16;
        let filled = match column {
            Column::Before => continue,
            Column::Gap => None,
            Column::Worst(value) => scale.fill(*value, u32::from(area.height) * 8).map(|fill| (*value, fill)),
        };
        match filled {
            Some((value, fill)) => {
                let ink = if scale.is_over(value) { Ink::Critical } else { Ink::Dim };
                bar(canvas, x, area, fill, ink);
            }
            None => {
                canvas.text(x, area.bottom() - 1, 1, look.glyph("·", "?"), look.ink(Ink::Stale));
            }
        }
    }
}

/// The row in which a bar of this value would end; `None` for what is no number.
pub(super) fn row_of(scale: Scale, value: f64, area: Rect) -> Option<u16> {
    let fill = scale.fill(value as f32, u32::from(area.height) * 8)?;
    Some(area.bottom() - 1 - (fill / 8).min(u32::from(area.height).saturating_sub(1)) as u16)
}

/// Full cells from below, and the part of one at the top. Zero is a line, not nothing.
fn bar(canvas: &mut Canvas<'_>, x: u16, area: Rect, fill: u32, ink: Ink) {
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

fn bars(look: Look) -> [&'static str; 8] {
    if look.ascii { BARS_ASCII } else { BARS }
}
