//! Rates, ratios and percentiles over a window, from counters that may reset.
//!
//! Each scrape becomes the *increase* since the one before it on the same instance. Percentiles interpolate
//! linearly within a bucket, as Prometheus' `histogram_quantile()` does. A counter that went down counts from zero,
//! as in its `rate()`, but only where that is no more than the time between the scrapes can hold: the sum of
//! several series goes down, too, when one of them disappears, and its history is not of now. Nothing is
//! extrapolated to the window's edges, and a percentile beyond the last finite bucket has no value.

use super::event::Scrape;
use super::planted::{Bug, planted};
use crate::domain::{Absence, Clean, Mono, Percentile, Reading, Signal};
use crate::plan::{Combine, Metrics, Subject};
use std::collections::VecDeque;
use std::time::Duration;

/// Counters that went down this often within a window are not one process that was restarted.
const RESETS_MAX: usize = 1;
/// A process that was restarted between two scrapes has answered at most twice what its predecessor would have, and
/// this many for one that was idle.
const RESTARTED_REQUESTS_MAX: f64 = 20.0;
/// Most scrapes kept of one instance: an hour's window at five scrapes a second.
pub const SCRAPES_MAX: usize = 18_000;

/// One instance's recent past.
#[derive(Debug, Clone, Default)]
pub struct Instance {
    last: Option<(Mono, Scrape)>,
    failure: Option<(Mono, Absence)>,
    increases: VecDeque<Increase>,
    /// Requests counted before the counters last went down.
    peak: Option<f64>,
}

/// What one instance counted within a window.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    requests: f64,
    errors: f64,
    covered: Duration,
}

/// What was counted between two scrapes of one instance.
#[derive(Debug, Clone)]
struct Increase {
    from: Mono,
    to: Mono,
    counted: Counted,
    /// Whether a counter went down, or came back.
    went_down: bool,
    /// Each gauge's own growth; `None` where it went down or was not there.
    gauges: Vec<Option<f64>>,
}

#[derive(Debug, Clone)]
enum Counted {
    /// Both scrapes had the counters, and they went up.
    Grown {
        requests: f64,
        errors: f64,
        /// Cumulative, as the exposition has them; empty when one of the scrapes had no histogram.
        buckets: Vec<(f64, f64)>,
    },
    /// The request counter was missing from one of them, or what it counts from is not known.
    Unknown,
}

impl Instance {
    /// Takes a scrape in; increases older than `keep` are dropped.
    pub fn push(&mut self, at: Mono, scrape: Result<Scrape, Absence>, keep: Duration) {
        let scrape = match scrape {
            Ok(scrape) => scrape,
            Err(absence) => {
                self.failure = Some((at, absence));
                return;
            }
        };
        self.failure = None;
        if let Some((from, before)) = &self.last {
            let expected =
                self.increases.back().and_then(Increase::known_rate).unwrap_or(0.0) * at.since(*from).as_secs_f64();
            let mut increase = increase(*from, before, at, &scrape, expected);
            if increase.went_down {
                self.peak = before.requests;
            } else if let Counted::Grown { requests, .. } = &increase.counted {
                // Back to where they were in one leap, and little beyond: a series that had disappeared is there again.
                let beyond = |peak: f64| scrape.requests.map(|now| now - peak);
                let leaps = |peak: &mut f64| beyond(*peak).is_some_and(|more| (0.0..requests / 2.0).contains(&more));
                if self.peak.take_if(leaps).is_some() {
                    (increase.counted, increase.went_down) = (Counted::Unknown, true);
                }
            }
            self.increases.push_back(increase);
        }
        let horizon = at.minus(keep);
        while self.increases.len() > SCRAPES_MAX || self.increases.front().is_some_and(|first| first.to <= horizon) {
            self.increases.pop_front();
        }
        self.last = Some((at, scrape));
    }

    /// When it was last read rightly.
    pub fn read_at(&self) -> Option<Mono> {
        self.last.as_ref().map(|(at, _)| *at)
    }

    /// Why the newest attempt failed, if it did.
    pub fn failure(&self) -> Option<&Absence> {
        self.failure.as_ref().map(|(_, why)| why)
    }

    /// What was counted within the window, or why that is not known.
    fn counted(&self, since: Mono) -> Result<Sum, Absence> {
        let mut sum = Sum::default();
        let mut resets = 0;
        for increase in self.within(since) {
            resets += usize::from(increase.went_down);
            if let Counted::Grown { requests, errors, .. } = &increase.counted {
                sum.requests += requests;
                sum.errors += errors;
                sum.covered += increase.to.since(increase.from);
            }
        }
        if resets > RESETS_MAX {
            let words = format!("counters went down {resets} times in the window: several processes behind one URL?");
            return Err(Absence::Unreadable(Clean::new(words)));
        }
        if sum.covered.is_zero() { Err(Absence::NotYet) } else { Ok(sum) }
    }

    fn within(&self, since: Mono) -> impl Iterator<Item = &Increase> {
        // Oldest first, so what lies within the window is one run at the end.
        self.increases.range(self.increases.partition_point(|increase| increase.from < since)..)
    }
}

impl Increase {
    /// Requests a second, where that is known.
    fn known_rate(&self) -> Option<f64> {
        let seconds = self.to.since(self.from).as_secs_f64();
        match &self.counted {
            Counted::Grown { requests, .. } if seconds > 0.0 => Some(requests / seconds),
            Counted::Grown { .. } | Counted::Unknown => None,
        }
    }
}

/// `expected`: requests that the one before would have counted in this time.
fn increase(from: Mono, before: &Scrape, to: Mono, now: &Scrape, expected: f64) -> Increase {
    let gauge = |scrape: &Scrape, i: usize| scrape.gauges.get(i).and_then(|value| value.as_ref().ok().copied());
    let grown = |i| Some(gauge(now, i)? - gauge(before, i)?).filter(|grown| *grown >= 0.0);
    let (counted, went_down) = counted(before, now, expected);
    Increase { from, to, counted, went_down, gauges: (0..now.gauges.len()).map(grown).collect() }
}

/// What was counted from one scrape to the next, and whether a counter went down between them.
fn counted(before: &Scrape, now: &Scrape, expected: f64) -> (Counted, bool) {
    let (Some(requests_before), Some(requests)) = (before.requests, now.requests) else {
        return (Counted::Unknown, false);
    };
    let same_bounds = before.buckets.len() == now.buckets.len()
        && before.buckets.iter().zip(&now.buckets).all(|(a, b)| a.0.total_cmp(&b.0).is_eq());
    // One counter that went down means that the process began anew: all its counters did.
    let went_down = requests_before > requests
        || before.errors > now.errors
        || same_bounds && before.buckets.iter().zip(&now.buckets).any(|(a, b)| a.1 > b.1);
    if went_down {
        let is_new = requests < requests_before && requests <= expected * 2.0 + RESTARTED_REQUESTS_MAX;
        let since_then = Counted::Grown { requests, errors: now.errors, buckets: now.buckets.clone() };
        return (if is_new { since_then } else { Counted::Unknown }, true);
    }
    let pairs = before.buckets.iter().zip(&now.buckets).filter(|_| same_bounds);
    let grown = Counted::Grown {
        requests: requests - requests_before,
        errors: now.errors - before.errors,
        buckets: pairs.map(|((_, before), (bound, now))| (*bound, now - before)).collect(),
    };
    (grown, false)
}

/// How old a reading may be.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// Up to this it is fresh: twice the interval.
    pub late: Duration,
    /// Beyond this it is unknown: five intervals, at least five seconds.
    pub stale: Duration,
}

impl Freshness {
    /// The two limits for something read every `interval`.
    pub fn of(interval: Duration) -> Self {
        Self { late: interval * 2, stale: (interval * 5).max(Duration::from_secs(5)) }
    }
}

/// All instances of one environment.
#[derive(Debug, Clone, Default)]
pub struct Instances {
    /// In the plan's order.
    pub each: Vec<Instance>,
    /// Errors since the run began to count.
    pub errors_total: f64,
    /// Requests since the run began to count.
    pub requests_total: f64,
    /// Whether a part of both was not seen: counters went down or were missing.
    pub totals_have_gaps: bool,
}

impl Instances {
    /// No scrape yet of any of `count` instances.
    pub fn new(count: usize) -> Self {
        Self { each: vec![Instance::default(); count], errors_total: 0.0, requests_total: 0.0, totals_have_gaps: false }
    }

    /// Takes one instance's scrape in.
    pub fn push(&mut self, instance: usize, at: Mono, scrape: Result<Scrape, Absence>, keep: Duration) {
        let Some(instance) = self.each.get_mut(instance) else { return };
        let was_read = scrape.is_ok() && instance.last.is_some();
        // A failed scrape alone loses nothing: the next increase spans it.
        instance.push(at, scrape, keep);
        if !was_read {
            return;
        }
        match instance.increases.back().map(|newest| &newest.counted) {
            Some(Counted::Grown { requests, errors, .. }) => {
                self.errors_total += errors;
                self.requests_total += requests;
            }
            Some(Counted::Unknown) => self.totals_have_gaps = true,
            None => {}
        }
    }

    /// When the instance that was read longest ago was read; `None` before all of them were.
    pub fn read_at(&self) -> Option<Mono> {
        self.each.iter().map(Instance::read_at).min().flatten()
    }

    /// Requests a second between the newest two scrapes of each; `None` where one of them does not tell.
    pub fn newest_rate(&self) -> Option<f64> {
        self.each.iter().map(|instance| instance.increases.back()?.known_rate()).sum()
    }

    /// Whether every instance refuses connections: nothing listens, so nothing is served.
    pub fn all_refuse(&self) -> bool {
        self.each.iter().all(|instance| matches!(instance.failure(), Some(Absence::Refused(_))))
    }

    /// Whether each instance was read, or refused the connection, at that time or later.
    pub fn told_since(&self, since: Mono) -> bool {
        self.each.iter().all(|instance| match &instance.failure {
            Some((at, Absence::Refused(_))) => *at >= since,
            Some(_) | None => instance.read_at() >= Some(since),
        })
    }

    /// The last finite bucket of the latency histogram, in seconds: the highest percentile that can be told.
    pub fn last_bucket(&self) -> Option<f64> {
        let buckets = self.each.iter().filter_map(|instance| Some(&instance.last.as_ref()?.1.buckets));
        let last = buckets.filter_map(|buckets| buckets.iter().rev().map(|(bound, _)| *bound).find(|b| b.is_finite()));
        last.min_by(f64::total_cmp)
    }

    /// Reads a signal. It is absent when one instance is: a sum with a part missing is not a sum.
    pub fn reading(&self, subject: &Subject, metrics: &Metrics, now: Mono, freshness: Freshness) -> Reading {
        let Some(at) = self.read_at() else {
            let why = self.each.iter().find_map(Instance::failure).cloned().unwrap_or(Absence::NotYet);
            return Reading::absent(why, now);
        };
        if now.since(at) > freshness.stale {
            let why = self.each.iter().find_map(Instance::failure).cloned();
            return Reading::absent(why.unwrap_or(Absence::Stale(now.since(at))), at);
        }
        // The window reaches back from the newest scrape, so that a late scrape does not shorten it.
        let since = at.minus(subject.window);
        if let Signal::Gauge(name) = &subject.signal {
            let value = self.gauge(name, metrics, since);
            return Reading { value, at, requests: None };
        }
        self.counted(subject, since, at)
    }

    fn counted(&self, subject: &Subject, since: Mono, at: Mono) -> Reading {
        let mut requests = 0.0;
        let mut errors = 0.0;
        let mut rate = 0.0;
        for instance in &self.each {
            let Some((_, last)) = &instance.last else { return Reading::absent(Absence::NotYet, at) };
            if last.requests.is_none() {
                return Reading::absent(Absence::Missing(Clean::new("the request counter")), at);
            }
            let sum = match instance.counted(since) {
                Ok(sum) => sum,
                Err(why) => return Reading::absent(why, at),
            };
            requests += sum.requests;
            errors += sum.errors;
            rate += sum.requests / sum.covered.as_secs_f64();
        }
        // A counter that is not a number counts nothing: neither no requests nor too few of them.
        if !(requests.is_finite() && errors.is_finite() || planted(Bug::NanIsWithin)) {
            return Reading::absent(Absence::NotANumber, at);
        }
        let rounded = requests.round() as u64;
        let absent = |why| Reading { value: Err(why), at, requests: Some(rounded) };
        let enough = || match rounded {
            0 => Err(Absence::NoRequests),
            have if have < subject.minimum_requests => Err(Absence::TooFew { have, need: subject.minimum_requests }),
            _ => Ok(()),
        };
        let value = match &subject.signal {
            Signal::RequestRate => Ok(rate),
            Signal::ErrorRatio => enough().map(|()| errors / requests),
            Signal::Latency(percentile) => enough().and_then(|()| self.percentile(*percentile, since)),
            Signal::Gauge(_) | Signal::UnhealthyFor => Err(Absence::NotYet),
        };
        match value {
            Ok(value) if value.is_finite() || planted(Bug::NanIsWithin) => {
                Reading { value: Ok(value), at, requests: Some(rounded) }
            }
            Ok(_) => absent(Absence::NotANumber),
            Err(why) => absent(why),
        }
    }

    fn percentile(&self, percentile: Percentile, since: Mono) -> Result<f64, Absence> {
        let mut sum: Vec<(f64, f64)> = Vec::new();
        for increase in self.each.iter().flat_map(|instance| instance.within(since)) {
            let Counted::Grown { buckets, .. } = &increase.counted else { continue };
            // One part without a histogram would be left out of the percentile without a word.
            if buckets.is_empty() {
                return Err(Absence::Missing("a latency histogram that stays the same".into()));
            }
            if sum.is_empty() {
                sum.clone_from(buckets);
                continue;
            }
            let same = sum.len() == buckets.len() && sum.iter().zip(buckets).all(|(a, b)| a.0.total_cmp(&b.0).is_eq());
            if !same {
                return Err(Absence::Unreadable("instances have different histogram buckets".into()));
            }
            for (total, (_, count)) in sum.iter_mut().zip(buckets) {
                total.1 += count;
            }
        }
        quantile(&sum, percentile.quantile())
    }

    fn gauge(&self, name: &Clean, metrics: &Metrics, since: Mono) -> Result<f64, Absence> {
        let Some(index) = metrics.gauges.iter().position(|gauge| gauge.name == *name) else {
            return Err(Absence::Missing(name.clone()));
        };
        let plan = &metrics.gauges[index];
        let mut values = Vec::with_capacity(self.each.len());
        for instance in &self.each {
            let Some((_, scrape)) = &instance.last else { return Err(Absence::NotYet) };
            let latest = scrape.gauges.get(index).cloned().unwrap_or(Err(Absence::Missing(name.clone())))?;
            if plan.rate {
                let (mut grown, mut covered) = (0.0, Duration::ZERO);
                for increase in instance.within(since) {
                    if let Some(Some(growth)) = increase.gauges.get(index) {
                        grown += growth;
                        covered += increase.to.since(increase.from);
                    }
                }
                if covered.is_zero() {
                    return Err(Absence::NotYet);
                }
                values.push(grown / covered.as_secs_f64());
            } else {
                values.push(latest);
            }
        }
        let value = match plan.combine {
            Combine::Max => values.into_iter().fold(f64::NEG_INFINITY, f64::max),
            Combine::Sum => values.into_iter().sum(),
        };
        if value.is_finite() { Ok(value) } else { Err(Absence::NotANumber) }
    }
}

/// The quantile of cumulative buckets, linear within a bucket (Prometheus `histogram_quantile`).
fn quantile(buckets: &[(f64, f64)], q: f64) -> Result<f64, Absence> {
    let Some((bound, total)) = buckets.last() else {
        return Err(Absence::Missing("the latency histogram".into()));
    };
    if bound.is_finite() {
        return Err(Absence::Unreadable("the histogram has no +Inf bucket".into()));
    }
    if buckets.iter().any(|(_, count)| !count.is_finite()) {
        return Err(Absence::NotANumber);
    }
    if *total <= 0.0 {
        return Err(Absence::NoRequests);
    }
    let rank = q * total;
    let at = buckets.partition_point(|(_, count)| *count < rank).min(buckets.len() - 1);
    let (upper, count) = buckets[at];
    let (lower, below) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    if upper.is_infinite() {
        return Err(Absence::AboveBuckets(lower));
    }
    // This bucket is the first to reach the rank, so that it holds something.
    Ok(lower + (upper - lower) * (rank - below) / (count - below))
}

/// A value against a limit, in three values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Above the limit.
    Over,
    /// At or below it.
    Within,
    /// Nobody knows.
    Unknown,
}

/// Compares a reading with a limit. A percentile beyond the last bucket is over every limit up to it.
pub fn compare(value: &Result<f64, Absence>, limit: f64) -> Compared {
    match value {
        Ok(value) if *value > limit => Compared::Over,
        Ok(value) if *value <= limit || planted(Bug::NanIsWithin) => Compared::Within,
        Err(Absence::AboveBuckets(bound)) if *bound >= limit => Compared::Over,
        Ok(_) | Err(_) => Compared::Unknown,
    }
}

#[cfg(test)]
mod tests;
