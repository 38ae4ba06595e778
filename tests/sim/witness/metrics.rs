//! What the witness makes of metrics, by arithmetic of its own.

use super::{Rule, Witness};
use std::collections::VecDeque;
use std::time::Duration;
use warroom::domain::{Mono, Role, Split};
use warroom::engine::Scrape;

const WINDOW: Duration = Duration::from_secs(6);
const MINIMUM: f64 = 20.0;
const HOLD: f64 = 0.02;
const ROLL_BACK: f64 = 0.05;
/// The limit's own time and one scrape.
const ACTS_WITHIN: Duration = Duration::from_millis(3_000 + 2_100);
/// Scrapes further apart than this prove nothing about the time between.
const GAP: Duration = Duration::from_secs(9);

/// One environment's scrapes, instance by instance: when, requests, errors.
#[derive(Debug, Default)]
pub struct Feed {
    each: Vec<VecDeque<(Mono, Option<f64>, f64)>>,
}

/// What the error ratio is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Errors {
    Known(f64),
    TooFew,
    Unknown,
    /// Counters went down: what they say then is the engine's own affair.
    Reset,
}

impl Feed {
    pub fn new(instances: usize) -> Self {
        Self { each: vec![VecDeque::new(); instances] }
    }

    /// When the instance that was read longest ago was read.
    pub fn read_at(&self) -> Option<Mono> {
        self.each.iter().map(|scrapes| scrapes.back().map(|(at, ..)| *at)).min().flatten()
    }

    fn push(&mut self, instance: usize, now: Mono, scrape: &Scrape) {
        let scrapes = &mut self.each[instance];
        scrapes.push_back((now, scrape.requests, scrape.errors));
        while scrapes.front().is_some_and(|(at, ..)| now.since(*at) > WINDOW * 3) && scrapes.len() > 1 {
            scrapes.pop_front();
        }
    }

    fn errors(&self) -> Errors {
        let Some(newest) = self.read_at() else { return Errors::Unknown };
        let since = newest.minus(WINDOW);
        if self.each.iter().any(went_down) {
            return Errors::Reset;
        }
        let (mut requests, mut errors) = (0.0, 0.0);
        for scrapes in &self.each {
            let mut covered = false;
            for (before, after) in scrapes.iter().zip(scrapes.iter().skip(1)).filter(|(before, _)| before.0 >= since) {
                // Without the counter at both ends nothing was counted.
                let (Some(from), Some(to)) = (before.1, after.1) else { continue };
                covered = true;
                requests += to - from;
                errors += after.2 - before.2;
            }
            if !covered || scrapes.back().is_some_and(|last| last.1.is_none()) {
                return Errors::Unknown;
            }
        }
        if requests.is_nan() || errors.is_nan() {
            Errors::Unknown
        } else if requests.round() < MINIMUM {
            Errors::TooFew
        } else {
            Errors::Known(errors / requests)
        }
    }
}

fn went_down(scrapes: &VecDeque<(Mono, Option<f64>, f64)>) -> bool {
    let pairs = scrapes.iter().zip(scrapes.iter().skip(1));
    pairs.into_iter().any(|(before, after)| after.2 < before.2 || before.1.zip(after.1).is_some_and(|(a, b)| b < a))
}

impl Witness<'_> {
    pub(super) fn scraped(&mut self, role: Role, instance: usize, scrape: &Scrape) {
        let before = self.feeds[role].each[instance].back().map(|(at, ..)| *at);
        self.feeds[role].push(instance, self.now, scrape);
        if before.is_some_and(|at| self.now.since(at) > GAP) {
            self.breach_since = None;
        }
        if role == Role::Candidate {
            let over = matches!(self.feeds[role].errors(), Errors::Known(ratio) if ratio > ROLL_BACK + 1e-9);
            self.breach_since = if over { self.breach_since.or(self.feeds[role].read_at()) } else { None };
        }
    }

    pub(super) fn is_breached_for_long(&self) -> bool {
        let lasts = |since| self.feeds[Role::Candidate].read_at().is_some_and(|at| at.since(since) > ACTS_WITHIN);
        // A setting that was just taken over is looked at with the next turn.
        let stands = self.now.since(self.reached_at) > Duration::from_secs(1);
        self.began && stands && self.breach_since.is_some_and(lasts)
    }

    /// 1: the limit on the candidate's errors, at the moment of sending.
    pub(super) fn limit_allows(&mut self) {
        let errors = self.feeds[Role::Candidate].errors();
        let allows = match errors {
            Errors::Known(ratio) => ratio <= HOLD + 1e-9,
            Errors::Reset => true,
            // While it has no share the candidate has too few requests by nature.
            Errors::TooFew => self.current == Split::ALL_STABLE,
            Errors::Unknown => {
                let no_series = |scrapes: &VecDeque<_>| {
                    scrapes.back().is_some_and(|(_, requests, _): &(_, Option<f64>, _)| requests.is_none())
                };
                self.current == Split::ALL_STABLE && self.feeds[Role::Candidate].each.iter().any(no_series)
            }
        };
        if !allows {
            self.breaks(Rule::Readings, format!("forward, and the candidate's errors are {errors:?}"));
        }
    }
}
