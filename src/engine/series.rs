//! The past of what the screens chart, in two bounded rings a row: each second of the last minutes, and the hour in
//! coarser parts, so that a console that comes late sees it too.

use crate::domain::{Mono, PerRole, Role};
use std::collections::VecDeque;
use std::time::Duration;

/// Points of each chart, one a second: the window in which a step's beginning is still seen.
pub const SERIES_POINTS: usize = 300;
/// Parts of the hour of each chart: as many as the finer ring has, so that one screen shows either.
pub const HOUR_POINTS: usize = 300;
/// Seconds of such a part: an hour in [`HOUR_POINTS`].
pub const HOUR_POINT_SECONDS: u64 = 12;
/// A look that was due and came this late at most still tells how the second before was.
const LATE_LOOK: Duration = Duration::from_secs(2);

/// One row's past, newest last; `None` is a gap.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// One point a second.
    pub seconds: VecDeque<Option<f32>>,
    /// The worst of each [`HOUR_POINT_SECONDS`], counted from boot; a gap only where a whole part has none.
    pub hour: VecDeque<Option<f32>>,
    /// The newest value that was known, as it was.
    known: Option<f64>,
}

/// The past of error ratio and latency of both environments.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    errors: PerRole<Past>,
    latency: PerRole<Past>,
    /// The newest point's second since boot, and when it was really taken.
    newest: Option<(u64, Mono)>,
    /// Whether points were taken before the first forward step.
    began_before: bool,
    /// Stable's usual error ratio and latency before the first forward step.
    baseline: Option<[Option<f32>; 2]>,
}

/// Which seconds the point that is due now is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    second: u64,
    /// Seconds before it in which nothing ran.
    missed: u64,
    /// Whether it stands for those as well.
    stands_for_them: bool,
}

impl Series {
    /// Whether a second has begun that has no point yet.
    pub fn due(&mut self, now: Mono) -> Option<Due> {
        let second = now.micros() / 1_000_000;
        let before = self.newest.filter(|(newest, _)| *newest < second);
        if self.newest.is_some() && before.is_none() {
            return None;
        }
        self.newest = Some((second, now));
        let missed = before.map_or(0, |(newest, _)| second - newest - 1);
        let stands_for_them = before.is_some_and(|(_, at)| now.since(at) < LATE_LOOK);
        Some(Due { second, missed, stands_for_them })
    }

    /// Takes a row's value of the due second in, rounded on its own side of the row's limit.
    pub fn push(&mut self, role: Role, errors: bool, due: Due, value: Option<f64>, limit: Option<f64>) {
        let past = if errors { &mut self.errors[role] } else { &mut self.latency[role] };
        let value = value.filter(|value| value.is_finite());
        past.known = value.or(past.known);
        let value = value.map(|value| three_digits(value, limit));
        // More than the rings hold would only be dropped again.
        let longest = HOUR_POINTS as u64 * HOUR_POINT_SECONDS;
        for second in due.second - due.missed.min(longest)..due.second {
            past.push(second, value.filter(|_| due.stands_for_them));
        }
        past.push(due.second, value);
    }

    /// A row's past.
    pub fn of(&self, role: Role, errors: bool) -> &Past {
        if errors { &self.errors[role] } else { &self.latency[role] }
    }

    /// The second of the newest point.
    pub fn newest(&self) -> Option<Mono> {
        self.newest.map(|(second, _)| Mono::from_micros(second * 1_000_000))
    }

    /// Remembers what is usual on stable once traffic is about to move. Of a run that was restarted nobody knows.
    pub fn note_baseline(&mut self, forward_began: bool) {
        if !forward_began {
            self.began_before = true;
        } else if self.began_before && self.baseline.is_none() {
            self.baseline = Some([&self.errors, &self.latency].map(|rows| median(&rows[Role::Stable].seconds)));
        }
    }

    /// What was usual on stable before the first forward step.
    pub fn baseline(&self, errors: bool) -> Option<f64> {
        self.baseline.and_then(|[ratio, latency]| if errors { ratio } else { latency }).map(f64::from)
    }
}

impl Past {
    /// The newest value that was known; `None` when that is longer ago than the finer ring reaches.
    pub fn last_known(&self) -> Option<f64> {
        self.known.filter(|_| self.seconds.iter().any(Option::is_some))
    }

    fn push(&mut self, second: u64, value: Option<f32>) {
        self.seconds.push_back(value);
        let surplus = self.seconds.len().saturating_sub(SERIES_POINTS);
        self.seconds.drain(..surplus);
        match self.hour.back_mut() {
            Some(worst) if !second.is_multiple_of(HOUR_POINT_SECONDS) => {
                *worst = [*worst, value].into_iter().flatten().reduce(f32::max);
            }
            Some(_) | None => self.hour.push_back(value),
        }
        let surplus = self.hour.len().saturating_sub(HOUR_POINTS);
        self.hour.drain(..surplus);
    }
}

/// Three digits that count, never less than the value, and never over a limit that the value is not over: a picture
/// needs no more, and they keep a snapshot small.
fn three_digits(value: f64, limit: Option<f64>) -> f32 {
    if value <= 0.0 {
        return 0.0;
    }
    let scale = 10_f64.powi(2 - value.log10().floor() as i32);
    // A little less, as 0.03 × 10⁴ may come out above 300.
    let rounded = (value * scale - 1e-6).ceil() / scale;
    let rounded = if rounded.is_finite() { rounded } else { value };
    let within = limit.filter(|limit| value <= *limit);
    within.map_or(rounded, |limit| rounded.min(limit)) as f32
}

/// The middle one of what is known.
fn median(points: &VecDeque<Option<f32>>) -> Option<f32> {
    let mut known: Vec<f32> = points.iter().copied().flatten().collect();
    known.sort_by(f32::total_cmp);
    known.get(known.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::from_micros(millis * 1000)
    }

    /// Draws one row at the given times, in milliseconds.
    fn drawn(looks: impl IntoIterator<Item = (u64, Option<f64>)>) -> Series {
        let mut series = Series::default();
        for (millis, value) in looks {
            if let Some(due) = series.due(at(millis)) {
                series.push(Role::Stable, true, due, value, None);
            }
        }
        series
    }

    #[test]
    fn what_is_usual_is_the_middle_one_of_what_is_known() {
        let points = [Some(3.0), None, Some(1.0), Some(2.0), Some(9.0), Some(4.0)];
        assert_eq!(median(&points.into()), Some(3.0));
        assert_eq!(median(&[None].into()), None);
    }

    #[test]
    fn each_second_has_one_point_and_a_late_look_leaves_no_gap() {
        let series = drawn([(1000, Some(0.1)), (1400, Some(0.9)), (2950, Some(0.2)), (4010, Some(0.3)), (7000, None)]);
        let points: Vec<_> = series.of(Role::Stable, true).seconds.iter().copied().collect();
        // Second 3 is told by the look at 4.01 s; 5 and 6 nobody saw.
        assert_eq!(points, [Some(0.1), Some(0.2), Some(0.3), Some(0.3), None, None, None]);
        assert_eq!(series.newest(), Some(at(7000)));
    }

    #[test]
    fn the_hour_keeps_the_worst_and_a_gap_only_where_nothing_is_known() {
        let seconds = 0..HOUR_POINT_SECONDS * 3;
        let series = drawn(seconds.map(|second| {
            let known = second < HOUR_POINT_SECONDS || second == 30;
            (second * 1000, known.then_some(if second == 5 { 0.5 } else { 0.1 }))
        }));
        let hour: Vec<_> = series.of(Role::Stable, true).hour.iter().copied().collect();
        assert_eq!(hour, [Some(0.5), None, Some(0.1)]);
    }

    #[test]
    fn a_day_and_a_day_of_sleep_stay_within_the_rings() {
        let mut looks: Vec<(u64, Option<f64>)> = (0..86_400).map(|second| (second * 1000, Some(0.1))).collect();
        looks.push((2 * 86_400_000, Some(0.2)));
        let series = drawn(looks);
        let past = series.of(Role::Stable, true);
        assert_eq!((past.seconds.len(), past.hour.len()), (SERIES_POINTS, HOUR_POINTS));
        assert_eq!(past.hour.iter().flatten().copied().collect::<Vec<_>>(), [0.2]);
        assert_eq!(past.seconds.back(), Some(&Some(0.2)));
    }

    #[test]
    fn rounding_never_moves_a_value_over_or_under_its_limit() {
        for limit in [0.03, 0.07, 0.005, 0.45, 0.2, 2.0, 0.023_75, 1.005, 12_345.0_f64] {
            for near in [1.0, 0.9999, 0.99, 0.5] {
                let point = three_digits(limit * near, Some(limit));
                assert!(point <= limit as f32, "{near} of {limit} became {point}");
                assert!(f64::from(point) >= limit * near * 0.999_999, "{near} of {limit} became {point}");
            }
            assert!(three_digits(limit * 1.0001, Some(limit)) > limit as f32, "{limit}");
        }
        assert!(three_digits(0.0, None).abs() < f32::EPSILON);
        for odd in [f64::MAX, f64::MIN_POSITIVE, -1.0] {
            assert!(!three_digits(odd, Some(0.5)).is_nan(), "{odd}");
        }
    }

    #[test]
    fn the_baseline_is_what_was_usual_before_the_first_step() {
        let mut series = drawn((0..9).map(|second| (second * 1000, Some(if second == 4 { 0.9 } else { 0.002 }))));
        series.note_baseline(false);
        assert_eq!(series.baseline(true), None);
        series.note_baseline(true);
        assert!(series.baseline(true).is_some_and(|usual| (usual - 0.002).abs() < 1e-6));
        assert_eq!(series.baseline(false), None);
        let mut restarted = drawn([(1000, Some(0.1))]);
        restarted.note_baseline(true);
        assert_eq!(restarted.baseline(true), None, "what was before a restart is not known");
    }
}
