//! A limit with a duration, in three values: over, within, unknown.

use super::planted::{Bug, planted};
use super::window::{Compared, Freshness, compare};
use crate::domain::{Absence, Mono, Reading, Verdict};
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

/// One guardrail's memory.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The newest reading.
    pub reading: Reading,
    /// What it asks for now.
    pub level: Level,
    /// Since when the reading has been over the hold or rollback limit, each on its own.
    over: [Option<Mono>; 2],
    /// Since when there has been no reading.
    absent_since: Option<Mono>,
}

impl Watch {
    /// A guardrail that has seen nothing.
    pub fn new(now: Mono) -> Self {
        Self {
            reading: Reading::absent(Absence::NotYet, now),
            level: Level::Quiet,
            over: [None; 2],
            absent_since: None,
        }
    }

    /// Takes a reading in and returns the level it now asks for.
    ///
    /// A limit acts once it has been exceeded for the plan's `for`, counted from the first reading over
    /// it. An unknown reading in between neither proves nor clears anything; unknown for longer than the
    /// stale limit clears, because what it was counting is no longer known.
    pub fn update(&mut self, plan: &Guardrail, reading: Reading, now: Mono, freshness: Freshness) -> Level {
        let gone = is_gone(&reading);
        self.absent_since = if gone { Some(self.absent_since.unwrap_or(now)) } else { None };
        let absent_for = self.absent_since.map_or(Duration::ZERO, |since| now.since(since));
        let mut level = Level::Quiet;
        for (slot, limit, acts) in [(0, plan.hold, Level::Hold), (1, plan.roll_back, Level::RollBack)] {
            let Some(limit) = limit else { continue };
            match compare(&reading.value, limit) {
                Compared::Over => {
                    let since = *self.over[slot].get_or_insert(reading.at);
                    if now.since(since) >= plan.sustained && !planted(Bug::LimitSleeps) {
                        level = level.max(acts);
                    } else {
                        level = level.max(Level::Warn);
                    }
                }
                Compared::Within => self.over[slot] = None,
                Compared::Unknown if absent_for > freshness.stale => self.over[slot] = None,
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
        self.reading = reading;
        self.level = level;
        level
    }

    /// Since when the limit that is next to act has been exceeded.
    pub fn over_since(&self) -> Option<Mono> {
        self.over[1].or(self.over[0])
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
    use crate::domain::{Role, Signal};
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

    fn run(plan: &Guardrail, values: &[(u64, Result<f64, Absence>)]) -> Vec<Level> {
        let mut watch = Watch::new(at(0));
        let freshness = Freshness::of(Duration::from_secs(1));
        values
            .iter()
            .map(|(second, value)| {
                watch.update(
                    plan,
                    Reading { value: value.clone(), at: at(*second), requests: None },
                    at(*second),
                    freshness,
                )
            })
            .collect()
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
        assert_eq!(run(&plan(OnAbsent::Hold), &[(0, gone()), (6, gone())]), [Level::Warn, Level::Hold]);
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
            watch.update(
                &plan,
                Reading { value, at: at(1), requests: None },
                at(1),
                Freshness::of(Duration::from_secs(1)),
            );
            assert_eq!(watch.verdict(&plan), verdict);
        }
    }
}
