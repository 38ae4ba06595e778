//! What each column of a chart stands for: samples are sorted into columns that end now, each with its worst.

use super::View;
use crate::engine::{HOUR_POINT_SECONDS, SERIES_POINTS, SignalView, Snapshot};

/// One column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Column {
    /// Before anything was measured.
    Before,
    /// Nobody knows.
    Gap,
    /// The worst of what was measured.
    Worst(f32),
}

/// A row of samples of equal length, newest last.
struct Samples<'s> {
    points: &'s [Option<f32>],
    /// Which sample since boot the newest is.
    newest: u64,
    /// Which one it would be now.
    edge: u64,
    /// How many of them the window holds.
    window: u64,
}

/// A chart's columns, the newest last. What the keeper could not tell since its last words is a gap.
pub(super) fn columns(view: &View<'_>, snapshot: &Snapshot, signal: &SignalView, width: u16) -> Vec<Column> {
    let taken = view.age(snapshot.mono);
    let newest = snapshot.series_at.unwrap_or(snapshot.mono).micros() / 1_000_000;
    // The keeper speaks once a second: the second under way is not silence yet.
    let edge = newest + taken.as_secs().saturating_sub(1);
    let window = view.desk.reach.seconds();
    let fine = window <= SERIES_POINTS as u64 || signal.hour.is_empty();
    let samples = if fine {
        Samples { points: &signal.points, newest, edge, window }
    } else {
        Samples {
            points: &signal.hour,
            newest: newest / HOUR_POINT_SECONDS,
            edge: edge / HOUR_POINT_SECONDS,
            window: window / HOUR_POINT_SECONDS,
        }
    };
    samples.in_columns(u64::from(width))
}

impl Samples<'_> {
    /// Which samples are in a column is counted from boot: a picture moves to the left, and does not shimmer.
    fn in_columns(&self, width: u64) -> Vec<Column> {
        if width == 0 {
            return Vec::new();
        }
        let (window, dense) = (self.window.max(1), width <= self.window);
        let last = if dense { self.edge * width / window } else { ((self.edge + 1) * width).div_ceil(window) - 1 };
        let first = (last + 1).saturating_sub(width);
        (first..=last)
            .map(|column| {
                if dense {
                    let (from, to) = ((column * window).div_ceil(width), ((column + 1) * window).div_ceil(width));
                    self.column(from, to.min(self.edge + 1))
                } else {
                    let sample = column * window / width;
                    self.column(sample, sample + 1)
                }
            })
            .collect()
    }

    /// The samples `from..to` as one column.
    fn column(&self, from: u64, to: u64) -> Column {
        let oldest = (self.newest + 1).saturating_sub(self.points.len() as u64);
        let place = |sample: u64| {
            // More points than seconds since boot do not happen; were there some, the newest ones count.
            let back = usize::try_from(self.newest.checked_sub(sample)?).ok()?;
            self.points.len().checked_sub(back + 1)
        };
        let known = (from..to).filter_map(|sample| self.points[place(sample)?]).filter(|value| value.is_finite());
        match known.reduce(f32::max) {
            Some(worst) => Column::Worst(worst),
            None if to <= oldest => Column::Before,
            None => Column::Gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns_of(points: &[Option<f32>], newest: u64, edge: u64, window: u64, width: u64) -> Vec<Column> {
        Samples { points, newest, edge, window }.in_columns(width)
    }

    /// Each sample is in exactly one column, whatever the width.
    #[test]
    fn no_spike_is_lost_and_the_newest_is_at_the_right_edge() {
        for width in 1..200 {
            for newest in 1000..1013 {
                for spike in 0..60 {
                    let mut points = vec![Some(0.0); 60];
                    points[spike] = Some(1.0);
                    let columns = columns_of(&points, newest, newest, 60, width);
                    assert_eq!(columns.len() as u64, width);
                    let last = columns.last() == Some(&Column::Worst(1.0));
                    // Of the oldest column a part has left the window.
                    let seen = columns.contains(&Column::Worst(1.0)) || (spike as u64) < 60_u64.div_ceil(width);
                    assert!(seen, "{spike} of {width} columns at {newest}");
                    assert!(last || spike != 59, "{width} columns at {newest}");
                }
            }
        }
    }

    #[test]
    fn a_picture_moves_and_does_not_shimmer() {
        let points: Vec<Option<f32>> = (0..300).map(|i| Some((i * 7 % 13) as f32)).collect();
        let before = columns_of(&points[..299], 998, 998, 300, 43);
        let after = columns_of(&points, 999, 999, 300, 43);
        // Only the newest column changes, or all move by one.
        assert!(before[1..42] == after[1..42] || before[2..42] == after[1..41], "{before:?}\n{after:?}");
    }

    #[test]
    fn silence_is_a_gap_and_what_was_never_measured_is_nothing() {
        use Column::{Before, Gap, Worst};
        let columns = columns_of(&[Some(1.0), None, Some(f32::NAN), Some(2.0)], 103, 105, 8, 8);
        assert_eq!(columns, [Before, Before, Worst(1.0), Gap, Gap, Worst(2.0), Gap, Gap]);
        assert_eq!(columns_of(&[], 100, 100, 60, 3), [Before, Before, Before]);
        assert_eq!(columns_of(&[Some(1.0); 9], 3, 3, 4, 4), [Worst(1.0); 4]);
        assert_eq!(columns_of(&[Some(1.0)], 0, 0, 60, 0), []);
    }
}
