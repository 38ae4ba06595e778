//! A limit with a duration, in three values: over, within, unknown.

use super::planted::{Bug, planted};
use super::window::{Compared, Freshness, compare};
use crate::domain::{Absence, Mono, Reading, Signal, Verdict};
use crate::plan::{Guardrail, OnAbsent};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a guardrail asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    Quiet,
    /// Look.
    Warn,
    /// Stop going forward.
    Hold,
    /// Go back.
    RollBack,
}

/// What a limit will do by itself if its reading stays as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ahead {
    /// [`Level::Hold`] or [`Level::RollBack`].
    pub act: Level,
    /// Over which value; `None` where a missing reading asks for it.
    pub over: Option<f64>,
    /// When, where it is over it already; `None` while it is still below.
    pub due: Option<Mono>,
}

/// One guardrail's memory.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The newest reading.
    pub reading: Reading,
    /// What it asks for now.
    pub level: Level,
    /// Since when the reading has been over the hold or rollback limit, each on its own.
    over: [Option<Mono>; 2],
    /// When there last was a value.
    known_at: Option<Mono>,
    /// Since when there has been no reading.
    absent_since: Option<Mono>,
    /// Whether a value over a limit, not a missing one, asks for the level.
    breached: bool,
    /// The highest value that its source can tell: a histogram's last bucket. `None` where there is no such end, or
    /// nothing was read yet.
    pub reach: Option<f64>,
    /// Whether it was said that a limit is beyond that.
    pub is_reach_told: bool,
}

impl Watch {
    /// A guardrail that has seen nothing.
    pub fn new(now: Mono) -> Self {
        Self {
            reading: Reading::absent(Absence::NotYet, now),
            level: Level::Quiet,
            over: [None; 2],
            known_at: None,
            absent_since: None,
            breached: false,
            reach: None,
            is_reach_told: false,
        }
    }

    /// Whether some value that can be told is over a limit.
    pub fn can_exceed(&self, limit: f64) -> bool {
        self.reach.is_none_or(|reach| reach >= limit)
    }

    /// Takes a reading in and returns the level it now asks for.
    ///
    /// A limit acts once it has been exceeded for the plan's `for`, counted from the first reading over it (of a time
    /// that runs, from the first look that found it over) until now, or until the newest reading once that is late. An
    /// unknown reading in between neither proves nor clears anything; after an unknown time longer than the stale limit
    /// the count begins anew, because nobody knows what was in between.
    ///
    /// `expects_requests`: the environment has a share of the traffic, so that none at all is no reading, and one that is
    /// yet to come may never come.
    pub fn update(
        &mut self,
        plan: &Guardrail,
        reading: Reading,
        now: Mono,
        freshness: Freshness,
        expects_requests: bool,
    ) -> Level {
        let is_idle = expects_requests && matches!(reading.value, Err(Absence::NoRequests | Absence::NotYet));
        let gone = is_gone(&reading) || is_idle || is_beyond(plan, &reading);
        // Absent for the stale limit, and the interval until there is a value again.
        let longest_gap = freshness.stale + freshness.late / 2;
        let interrupted = self.known_at.is_some_and(|at| reading.at.since(at) > longest_gap);
        self.absent_since = if gone { Some(self.absent_since.unwrap_or(now)) } else { None };
        let absent_for = self.absent_since.map_or(Duration::ZERO, |since| now.since(since));
        let mut level = Level::Quiet;
        self.breached = false;
        for (slot, limit, acts) in [(0, plan.hold, Level::Hold), (1, plan.roll_back, Level::RollBack)] {
            let Some(limit) = limit else { continue };
            match compare(&reading.value, limit) {
                Compared::Over => {
                    // A fresh reading is of now; one that grows old proves nothing about the time since.
                    let until = if now.since(reading.at) <= freshness.late { now } else { reading.at };
                    // A time that runs passes its limit between two readings.
                    let runs = plan.subject.signal == Signal::UnhealthyFor;
                    let began = if runs { until } else { reading.at };
                    let since = *self.over[slot].take_if(|_| !interrupted).get_or_insert(began);
                    self.over[slot] = Some(since);
                    if until.since(since) >= plan.sustained && !planted(Bug::LimitSleeps) {
                        level = level.max(acts);
                        self.breached = true;
                    } else {
                        level = level.max(Level::Warn);
                    }
                }
                Compared::Within => self.over[slot] = None,
                Compared::Unknown if interrupted || absent_for > freshness.stale => self.over[slot] = None,
                Compared::Unknown => {}
            }
        }
        if let Some(warn) = plan.warn
            && compare(&reading.value, warn) == Compared::Over
        {
            level = level.max(Level::Warn);
        }
        if gone {
            // One scrape that failed is a warning; gone for the stale limit is BLIND.
            let known_gone = absent_for > freshness.stale;
            level = level.max(if known_gone { level_of_absence(plan, absent_for) } else { Level::Warn });
        }
        if is_known(&reading) {
            self.known_at = Some(reading.at);
        }
        self.reading = reading;
        self.level = level;
        level
    }

    /// Whether a value has been over a limit for its time; a missing value is not that.
    pub fn is_breached(&self) -> bool {
        self.breached
    }

    /// The limit that the newest value is about, and since when it is exceeded: the one that acts, else the
    /// first that will.
    pub fn exceeded(&self, plan: &Guardrail) -> Option<(f64, Option<Mono>)> {
        let is_over = |limit: &f64| compare(&self.reading.value, *limit) == Compared::Over;
        let [hold, roll_back] = [(plan.hold, self.over[0]), (plan.roll_back, self.over[1])];
        let in_order = if self.level == Level::RollBack { [roll_back, hold] } else { [hold, roll_back] };
        let acting = in_order.into_iter().find_map(|(limit, since)| Some((limit.filter(is_over)?, since)));
        acting.or_else(|| Some((plan.warn.filter(is_over)?, None)))
    }

    /// What it will do by itself from here on, if its reading stays as it is. `stale`: how long a reading must be
    /// missing to be gone.
    pub fn ahead(&self, plan: &Guardrail, now: Mono, stale: Duration) -> Vec<Ahead> {
        let mut ahead = Vec::new();
        for (slot, limit, act) in [(0, plan.hold, Level::Hold), (1, plan.roll_back, Level::RollBack)] {
            let Some(limit) = limit.filter(|limit| self.level < act && self.can_exceed(*limit)) else { continue };
            let due = match (compare(&self.reading.value, limit), &self.reading.value) {
                (Compared::Over, _) => self.over[slot].map(|since| since + plan.sustained),
                // A time that runs reaches its limit by itself.
                (Compared::Within, Ok(value)) if plan.subject.signal == Signal::UnhealthyFor && *value > 0.0 => {
                    Some(now + Duration::try_from_secs_f64(limit - value).unwrap_or_default() + plan.sustained)
                }
                (Compared::Within | Compared::Unknown, _) => None,
            };
            ahead.push(Ahead { act, over: Some(limit), due });
        }
        let of_absence = match plan.absent {
            OnAbsent::Warn => None,
            OnAbsent::Hold => Some((Level::Hold, stale)),
            OnAbsent::RollBack => Some((Level::RollBack, stale.max(plan.sustained))),
        };
        if let (Some(since), Some((act, after))) = (self.absent_since, of_absence.filter(|(act, _)| self.level < *act))
        {
            ahead.push(Ahead { act, over: None, due: Some(since + after) });
        }
        ahead
    }

    /// As a gate: may traffic move forward under it?
    pub fn verdict(&self, plan: &Guardrail) -> Verdict {
        let Some(limit) = plan.forward_limit() else {
            // A guardrail that only warns locks nothing; what nobody knows is not good either.
            return match plan.warn.map(|warn| compare(&self.reading.value, warn)) {
                Some(Compared::Over | Compared::Unknown) => Verdict::Warn,
                Some(Compared::Within) | None => Verdict::Pass,
            };
        };
        match compare(&self.reading.value, limit) {
            Compared::Over => Verdict::Fail,
            Compared::Unknown => Verdict::Unknown,
            Compared::Within if self.level == Level::Warn => Verdict::Warn,
            Compared::Within => Verdict::Pass,
        }
    }
}

fn level_of_absence(plan: &Guardrail, absent_for: Duration) -> Level {
    match plan.absent {
        OnAbsent::Warn => Level::Warn,
        OnAbsent::Hold => Level::Hold,
        OnAbsent::RollBack if absent_for >= plan.sustained => Level::RollBack,
        OnAbsent::RollBack => Level::Hold,
    }
}

/// Whether it can be compared with any limit at all.
fn is_known(reading: &Reading) -> bool {
    match &reading.value {
        Ok(value) => value.is_finite(),
        Err(absence) => matches!(absence, Absence::AboveBuckets(_)),
    }
}

/// Whether a percentile above its last bucket can be compared with one limit and not with another that acts: for that one
/// it is no reading.
fn is_beyond(plan: &Guardrail, reading: &Reading) -> bool {
    let Err(Absence::AboveBuckets(bound)) = reading.value else { return false };
    [plan.hold, plan.roll_back].into_iter().flatten().any(|limit| bound < limit)
}

/// Whether the source itself is gone, in contrast to an idle environment with too few requests.
fn is_gone(reading: &Reading) -> bool {
    match &reading.value {
        Ok(_) | Err(Absence::NotYet | Absence::NoRequests | Absence::TooFew { .. } | Absence::AboveBuckets(_)) => false,
        Err(
            Absence::Missing(_)
            | Absence::Stale(_)
            | Absence::NotANumber
            | Absence::SeveralSeries(_)
            | Absence::WrongTime(_)
            | Absence::Unreachable(_)
            | Absence::Refused(_)
            | Absence::Unreadable(_)
            | Absence::Lost(_),
        ) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Role;
    use crate::plan::Subject;

    fn plan(absent: OnAbsent) -> Guardrail {
        Guardrail {
            subject: Subject {
                signal: Signal::ErrorRatio,
                role: Role::Candidate,
                window: Duration::from_secs(30),
                minimum_requests: 1,
            },
            warn: Some(0.01),
            hold: Some(0.02),
            roll_back: Some(0.05),
            sustained: Duration::from_secs(10),
            absent,
        }
    }

    fn at(second: u64) -> Mono {
        Mono::from_micros(second * 1_000_000)
    }

    fn update(watch: &mut Watch, plan: &Guardrail, second: u64, value: &Result<f64, Absence>) -> Level {
        let reading = Reading { value: value.clone(), at: at(second), requests: None };
        watch.update(plan, reading, at(second), Freshness::of(Duration::from_secs(1)), false)
    }

    /// The levels at these seconds; each value is read once a second until the next.
    fn run(plan: &Guardrail, values: &[(u64, Result<f64, Absence>)]) -> Vec<Level> {
        let mut watch = Watch::new(at(0));
        let mut levels = Vec::new();
        for (index, (second, value)) in values.iter().enumerate() {
            levels.push(update(&mut watch, plan, *second, value));
            let next = values.get(index + 1).map_or(*second, |(next, _)| *next);
            for between in second + 1..next {
                update(&mut watch, plan, between, value);
            }
        }
        levels
    }

    #[test]
    fn nothing_is_proved_by_time_in_which_nobody_looked() {
        let plan = plan(OnAbsent::Hold);
        for between in [Ok(0.03), Err(Absence::TooFew { have: 1, need: 9 })] {
            let mut watch = Watch::new(at(0));
            update(&mut watch, &plan, 0, &Ok(0.06));
            update(&mut watch, &plan, 1, &between);
            // The process stood still for a minute, or nobody asked the candidate anything.
            assert_eq!(update(&mut watch, &plan, 61, &Ok(0.06)), Level::Warn, "{between:?}");
        }
        let mut watch = Watch::new(at(0));
        update(&mut watch, &plan, 0, &Ok(0.06));
        let old = Reading { value: Ok(0.06), at: at(4), requests: None };
        let level = watch.update(&plan, old, at(20), Freshness::of(Duration::from_secs(1)), false);
        assert_eq!(level, Level::Warn, "an old reading does not age into a breach");
    }

    /// The level at 10 s: over the rollback limit at 0, then these absences, and over it again every second.
    fn over_again(gap: &[(u64, Absence)], again: std::ops::RangeInclusive<u64>) -> Level {
        let (plan, mut watch) = (plan(OnAbsent::Warn), Watch::new(at(0)));
        let values = gap.iter().map(|(ms, why)| (*ms, Err(why.clone())));
        let values = [(0, Ok(0.06))].into_iter().chain(values).chain(again.map(|second| (second * 1000, Ok(0.06))));
        for (ms, value) in values {
            let now = Mono::from_micros(ms * 1000);
            let reading = Reading { value, at: now, requests: None };
            watch.update(&plan, reading, now, Freshness::of(Duration::from_secs(1)), false);
        }
        watch.level
    }

    /// Five seconds are the stale limit of a reading every second; a value may come one interval after that.
    #[test]
    fn the_count_goes_on_over_a_gap_up_to_the_stale_limit_and_not_beyond() {
        let missing = || Absence::Missing("x".into());
        assert_eq!(over_again(&[(500, missing()), (5_500, missing())], 6..=10), Level::RollBack);
        assert_eq!(over_again(&[(500, missing()), (5_600, missing())], 6..=10), Level::Warn);
        assert_eq!(over_again(&[], 6..=10), Level::RollBack);
        assert_eq!(over_again(&[], 7..=10), Level::Warn, "nobody looked for seven seconds");
        let few: Vec<_> = (1..7).map(|second| (second * 1000, Absence::TooFew { have: 1, need: 9 })).collect();
        assert_eq!(over_again(&few, 7..=10), Level::Warn, "looked at, and nothing known for seven seconds");
    }

    /// A percentile beyond the last bucket is known for the lower limit only: for the other the gap goes on.
    #[test]
    fn a_value_that_says_nothing_of_a_limit_does_not_bridge_its_gap() {
        let above = |ms| (ms, Absence::AboveBuckets(0.03));
        assert_eq!(over_again(&[above(3_000)], 4..=10), Level::RollBack);
        assert_eq!(over_again(&[above(7_000)], 8..=10), Level::Warn);
    }

    #[test]
    fn no_requests_are_no_reading_where_there_is_traffic() {
        let (plan, idle) = (plan(OnAbsent::Hold), Reading::absent(Absence::NoRequests, at(0)));
        let freshness = Freshness::of(Duration::from_secs(1));
        for (expected, level) in [(true, Level::Hold), (false, Level::Quiet)] {
            let mut watch = Watch::new(at(0));
            watch.update(&plan, idle.clone(), at(0), freshness, expected);
            assert_eq!(watch.update(&plan, idle.clone(), at(6), freshness, expected), level);
        }
    }

    #[test]
    fn a_limit_acts_only_after_its_time() {
        let levels =
            run(&plan(OnAbsent::Hold), &[(0, Ok(0.0)), (1, Ok(0.03)), (10, Ok(0.03)), (11, Ok(0.03)), (12, Ok(0.01))]);
        assert_eq!(levels, [Level::Quiet, Level::Warn, Level::Warn, Level::Hold, Level::Quiet]);
    }

    #[test]
    fn rollback_counts_from_its_own_limit() {
        let levels = run(&plan(OnAbsent::Hold), &[(0, Ok(0.03)), (8, Ok(0.06)), (12, Ok(0.06)), (18, Ok(0.06))]);
        assert_eq!(levels, [Level::Warn, Level::Warn, Level::Hold, Level::RollBack]);
    }

    #[test]
    fn a_gap_neither_proves_nor_clears() {
        let gone = || Err(Absence::Missing("x".into()));
        let levels = run(&plan(OnAbsent::Warn), &[(0, Ok(0.03)), (5, gone()), (9, gone()), (10, Ok(0.03))]);
        assert_eq!(levels, [Level::Warn, Level::Warn, Level::Warn, Level::Hold]);
        let long = run(&plan(OnAbsent::Warn), &[(0, Ok(0.03)), (5, gone()), (11, gone()), (12, Ok(0.03))]);
        assert_eq!(long[3], Level::Warn);
    }

    #[test]
    fn no_reading_is_never_quiet_and_too_few_requests_hold_nothing() {
        let gone = || Err(Absence::Unreachable("x".into()));
        let levels = run(&plan(OnAbsent::Hold), &[(0, gone()), (5, gone()), (6, gone())]);
        assert_eq!(levels, [Level::Warn, Level::Warn, Level::Hold], "stale after five seconds");
        let levels = run(&plan(OnAbsent::RollBack), &[(0, gone()), (6, gone()), (10, gone())]);
        assert_eq!(levels, [Level::Warn, Level::Hold, Level::RollBack]);
        assert_eq!(run(&plan(OnAbsent::Hold), &[(0, Err(Absence::TooFew { have: 1, need: 9 }))]), [Level::Quiet]);
    }

    #[test]
    fn forward_is_open_only_when_known_to_be_within() {
        let mut watch = Watch::new(at(0));
        let plan = plan(OnAbsent::Hold);
        assert_eq!(watch.verdict(&plan), Verdict::Unknown);
        for (value, verdict) in [
            (Ok(0.0), Verdict::Pass),
            (Ok(0.015), Verdict::Warn),
            (Ok(0.03), Verdict::Fail),
            (Ok(f64::NAN), Verdict::Unknown),
        ] {
            update(&mut watch, &plan, 1, &value);
            assert_eq!(watch.verdict(&plan), verdict);
        }
    }
}
