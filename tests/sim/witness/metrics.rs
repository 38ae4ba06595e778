//! What the witness makes of metrics, by arithmetic of its own.

use super::{Rule, Witness};
use std::collections::VecDeque;
use std::time::Duration;
use warroom::domain::{Mono, Role, Split};
use warroom::engine::{Health, Scrape};

const WINDOW: Duration = Duration::from_secs(6);
const MINIMUM: f64 = 20.0;
/// Of errors.
const HOLD: f64 = 0.02;
/// Of the 99th percentile, in seconds.
const SLOW: f64 = 0.25;
/// Of the time for which the candidate's own health fails.
const UNHEALTHY: Duration = Duration::from_secs(4);
/// A limit's own time and one scrape.
const ACTS_WITHIN: Duration = Duration::from_millis(3_000 + 2_100);
/// Scrapes further apart than this prove nothing about the time between.
const GAP: Duration = Duration::from_secs(9);

/// One environment's scrapes, instance by instance.
#[derive(Debug, Default)]
pub struct Feed {
    each: Vec<VecDeque<(Mono, Scrape)>>,
    /// When each last refused the connection.
    refused: Vec<Option<Mono>>,
}

/// What the candidate says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Candidate {
    /// When it was last asked, and whether nobody knows how it was then.
    answered: Option<(Mono, bool)>,
    /// When it last said how it is.
    known_at: Option<Mono>,
    /// Since when it has not said that it is healthy, having said that it is not.
    failing: Option<Mono>,
    /// Since when each answer has said so, none too late.
    in_a_row: Option<Mono>,
}

/// What a reading of the window is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Known(f64),
    TooFew,
    Unknown,
    /// Counters went down: what they say then is the engine's own affair.
    Reset,
}

impl Told {
    fn is_over(self, limit: f64) -> bool {
        matches!(self, Self::Known(value) if value > limit + 1e-9)
    }
}

/// What was counted within the window, the buckets cumulative.
#[derive(Debug, Default)]
struct Sum {
    requests: f64,
    errors: f64,
    buckets: Vec<(f64, f64)>,
}

impl Sum {
    /// Linear within a bucket; beyond the last that has an end it is beyond every limit.
    fn p99(&self) -> f64 {
        let rank = 0.99 * self.requests;
        let (mut lower, mut below) = (0.0, 0.0);
        for (upper, count) in self.buckets.iter().copied() {
            if count >= rank {
                return if upper.is_finite() {
                    lower + (upper - lower) * (rank - below) / (count - below)
                } else {
                    upper
                };
            }
            (lower, below) = (upper, count);
        }
        f64::INFINITY
    }
}

impl Feed {
    pub fn new(instances: usize) -> Self {
        Self { each: vec![VecDeque::new(); instances], refused: vec![None; instances] }
    }

    /// When the instance that was read longest ago was read.
    pub fn read_at(&self) -> Option<Mono> {
        self.each.iter().map(|scrapes| scrapes.back().map(|(at, ..)| *at)).min().flatten()
    }

    /// Whether each instance was read, or refused the connection, at that time or later.
    pub fn told_since(&self, since: Mono) -> bool {
        let read = self.each.iter().map(|scrapes| scrapes.back().map(|(at, ..)| *at));
        read.zip(&self.refused).all(|(read, refused)| read.max(*refused) >= Some(since))
    }

    pub fn refused(&mut self, instance: usize, now: Mono) {
        self.refused[instance] = Some(now);
    }

    fn push(&mut self, instance: usize, now: Mono, scrape: &Scrape) {
        let scrapes = &mut self.each[instance];
        scrapes.push_back((now, scrape.clone()));
        // One that is older stays: what was counted from it to the next is of the window in which that one is.
        while scrapes.get(1).is_some_and(|(at, ..)| now.since(*at) > WINDOW * 3) {
            scrapes.pop_front();
        }
    }

    fn counted(&self) -> Result<Sum, Told> {
        let Some(newest) = self.read_at() else { return Err(Told::Unknown) };
        let since = newest.minus(WINDOW);
        if self.each.iter().any(went_down) {
            return Err(Told::Reset);
        }
        let mut sum = Sum::default();
        for scrapes in &self.each {
            let mut covered = false;
            for (before, after) in pairs(scrapes, since) {
                // Without the counter at both ends nothing was counted.
                let (Some(from), Some(to)) = (before.requests, after.requests) else { continue };
                covered = true;
                sum.requests += to - from;
                sum.errors += after.errors - before.errors;
                sum.buckets.resize(after.buckets.len(), (0.0, 0.0));
                for (sum, (before, after)) in sum.buckets.iter_mut().zip(before.buckets.iter().zip(&after.buckets)) {
                    *sum = (after.0, sum.1 + after.1 - before.1);
                }
            }
            if !covered || scrapes.back().is_some_and(|(_, last)| last.requests.is_none()) {
                return Err(Told::Unknown);
            }
        }
        if sum.requests.is_nan() || sum.errors.is_nan() {
            Err(Told::Unknown)
        } else if sum.requests.round() < MINIMUM {
            Err(Told::TooFew)
        } else {
            Ok(sum)
        }
    }

    fn errors(&self) -> Told {
        self.counted().map_or_else(|why| why, |sum| Told::Known(sum.errors / sum.requests))
    }

    fn p99(&self) -> Told {
        self.counted().map_or_else(
            |why| why,
            |sum| {
                let is_known = sum.buckets.iter().all(|(_, count)| !count.is_nan());
                if is_known { Told::Known(sum.p99()) } else { Told::Unknown }
            },
        )
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
        if role == Role::Stable {
            return;
        }
        if before.is_some_and(|at| self.now.since(at) > GAP) {
            self.breaches = [None; 2];
        }
        let feed = &self.feeds[role];
        let over = [feed.errors().is_over(HOLD), feed.p99().is_over(SLOW)];
        for (since, over) in self.breaches.iter_mut().zip(over) {
            *since = if over { since.or(feed.read_at()) } else { None };
        }
    }

    pub(super) fn candidate_answered(&mut self, health: &Health) {
        let before = self.candidate.answered;
        let is_in_a_row = before.is_some_and(|(at, ..)| self.now.since(at) <= self.stage.plan.poll.health * 2);
        let failing = *health != Health::Healthy;
        let stale = (self.stage.plan.poll.health * 5).max(Duration::from_secs(5));
        let was_silent = self.candidate.known_at.is_some_and(|at| self.now.since(at) > stale);
        // What lies behind a silence counts no more once it fails again.
        let counts = failing && !(was_silent && matches!(health, Health::Failing(_)));
        self.candidate.failing = self.candidate.failing.filter(|_| counts);
        if !matches!(health, Health::Unknown(_)) {
            self.candidate.known_at = Some(self.now);
        }
        self.candidate.in_a_row = self.candidate.in_a_row.filter(|_| is_in_a_row);
        match health {
            Health::Failing(_) => {
                self.candidate.failing.get_or_insert(self.now);
                self.candidate.in_a_row.get_or_insert(self.now);
            }
            Health::Healthy | Health::Unknown(_) => self.candidate.in_a_row = None,
        }
        self.candidate.answered = Some((self.now, matches!(health, Health::Unknown(_))));
    }

    pub(super) fn is_breached_for_long(&self) -> bool {
        // What was read too long ago is over nothing: that nothing is read is another matter.
        let is_fresh = |at: &Mono| self.now.since(*at) <= self.stage.plan.poll.readings * 2;
        let newest = self.feeds[Role::Candidate].read_at().filter(is_fresh);
        let lasts = |since: &Mono| newest.is_some_and(|at| at.since(*since) > ACTS_WITHIN);
        // A setting that was just taken over is looked at with the next turn.
        let stands = self.now.since(self.reached_at) > Duration::from_secs(1);
        self.began && stands && (self.breaches.iter().flatten().any(lasts) || self.is_unhealthy_for_long())
    }

    /// What runs is over its limit with the look that finds it so, and acts that much later.
    fn is_unhealthy_for_long(&self) -> bool {
        let limit = UNHEALTHY + ACTS_WITHIN + Duration::from_secs(1);
        let answered = self.candidate.answered.map(|(at, _)| at);
        let is_fresh = |at: Mono| self.now.since(at) <= self.stage.plan.poll.health * 2;
        self.candidate.in_a_row.zip(answered).is_some_and(|(since, at)| is_fresh(at) && at.since(since) > limit)
    }

    /// 1: the limit on how long the candidate's own health fails, at the moment of sending.
    fn health_allows(&mut self) {
        let stale = (self.stage.plan.poll.health * 5).max(Duration::from_secs(5));
        let Candidate { answered, failing, .. } = self.candidate;
        let is_known = answered.is_some_and(|(at, silent)| !silent && self.now.since(at) <= stale);
        let lasts = failing.zip(answered).is_some_and(|(since, (at, _))| at.since(since) > UNHEALTHY);
        if !is_known || lasts {
            self.breaks(Rule::Readings, format!("forward, and the candidate's health is {:?}", self.candidate));
        }
    }

    /// 1: the limits on the candidate's errors and latency, at the moment of sending.
    pub(super) fn limit_allows(&mut self) {
        let feed = &self.feeds[Role::Candidate];
        let (errors, p99) = (feed.errors(), feed.p99());
        let no_series =
            |scrapes: &VecDeque<(Mono, Scrape)>| scrapes.back().is_some_and(|(_, scrape)| scrape.requests.is_none());
        // What follows on no number at the window's very edge was counted from the last number, before it.
        let edge = feed.read_at().map(|newest| newest.minus(WINDOW));
        let is_none = |scrape: &Scrape| scrape.errors.is_nan() || scrape.requests.is_some_and(f64::is_nan);
        let at_edge = |scrapes: &VecDeque<(Mono, Scrape)>| {
            scrapes.iter().any(|(at, scrape)| Some(*at) == edge && is_none(scrape))
        };
        let may_be_few = feed.each.iter().any(|scrapes| no_series(scrapes) || at_edge(scrapes));
        let allows = |told: Told, limit: f64| match told {
            Told::Known(_) => !told.is_over(limit),
            Told::Reset => true,
            // While it has no share the candidate has too few requests by nature.
            Told::TooFew => self.current == Split::ALL_STABLE,
            Told::Unknown => self.current == Split::ALL_STABLE && may_be_few,
        };
        if !allows(errors, HOLD) || !allows(p99, SLOW) {
            let what = format!("forward, and of the candidate's requests {errors:?} fail, and p99 is {p99:?}");
            self.breaks(Rule::Readings, what);
        }
        self.health_allows();
    }
}
