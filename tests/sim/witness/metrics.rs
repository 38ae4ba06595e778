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

/// One environment's scrapes, instance by instance.
#[derive(Debug, Default)]
pub struct Feed {
    each: Vec<VecDeque<(Mono, Scrape)>>,
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
        scrapes.push_back((now, scrape.clone()));
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
            for (before, after) in pairs(scrapes, since) {
                // Without the counter at both ends nothing was counted.
                let (Some(from), Some(to)) = (before.requests, after.requests) else { continue };
                covered = true;
                requests += to - from;
                errors += after.errors - before.errors;
            }
            if !covered || scrapes.back().is_some_and(|(_, last)| last.requests.is_none()) {
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

    /// Whether a bucket that the percentile rests on is not a number.
    fn has_nan_buckets(&self) -> bool {
        let since = self.read_at().map_or(Mono::default(), |newest| newest.minus(WINDOW));
        let is_counted = |(before, after): &(&Scrape, &Scrape)| before.requests.is_some() && after.requests.is_some();
        let pairs = self.each.iter().flat_map(|scrapes| pairs(scrapes, since)).filter(is_counted);
        pairs.flat_map(|(before, after)| before.buckets.iter().chain(&after.buckets)).any(|(_, count)| count.is_nan())
    }
}

/// Scrapes that follow on each other, the first of them not before.
fn pairs(scrapes: &VecDeque<(Mono, Scrape)>, since: Mono) -> impl Iterator<Item = (&Scrape, &Scrape)> {
    let pairs = scrapes.iter().zip(scrapes.iter().skip(1)).filter(move |((at, _), _)| *at >= since);
    pairs.map(|((_, before), (_, after))| (before, after))
}

fn went_down(scrapes: &VecDeque<(Mono, Scrape)>) -> bool {
    pairs(scrapes, Mono::default()).any(|(before, after)| {
        after.errors < before.errors
            || before.requests.zip(after.requests).is_some_and(|(before, after)| after < before)
            || before.buckets.iter().zip(&after.buckets).any(|(before, after)| after.1 < before.1)
    })
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
            Errors::Known(ratio) => ratio <= HOLD + 1e-9 && !self.feeds[Role::Candidate].has_nan_buckets(),
            Errors::Reset => true,
            // While it has no share the candidate has too few requests by nature.
            Errors::TooFew => self.current == Split::ALL_STABLE,
            Errors::Unknown => {
                let no_series = |scrapes: &VecDeque<(Mono, Scrape)>| {
                    scrapes.back().is_some_and(|(_, scrape)| scrape.requests.is_none())
                };
                self.current == Split::ALL_STABLE && self.feeds[Role::Candidate].each.iter().any(no_series)
            }
        };
        if !allows {
            self.breaks(Rule::Readings, format!("forward, and the candidate's errors are {errors:?}"));
        }
    }
}
