//! What is looked at: readings, health, checks, the measured split; and what is said of them.

use super::gates::Condition;
use super::guardrail::Watch;
use super::window::{Compared, Freshness, compare};
use super::{CheckAnswer, Effect, Engine, Fact, Health, Samples, Scrape, Severity, share};
use crate::domain::{Absence, Clean, Mono, Reading, Role, Signal, Split, Verdict, duration_words};
use crate::plan::{CheckKind, Guardrail, Plan, Subject};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Duration;

/// Failing health answers in a row that make an environment down.
pub(super) const HEALTH_FAILURES_DOWN: u32 = 3;
/// How far back the measured split looks.
const SAMPLES_WINDOW: Duration = Duration::from_secs(60);
/// Sample batches kept: one a 100 ms over the window.
const SAMPLE_BATCHES_MAX: usize = 600;

/// What is newest of a check.
#[derive(Debug, Clone, Default)]
pub(super) struct CheckState {
    /// What a server answered.
    pub answer: Option<(Mono, CheckAnswer)>,
    /// What a limit was judged on.
    pub reading: Option<Reading>,
}

/// An environment's health as polled.
#[derive(Debug, Clone, Default)]
pub(super) struct HealthState {
    pub last: Option<(Mono, Health)>,
    pub failures: u32,
    failing_since: Option<Mono>,
    /// When it last said how it is.
    known_at: Option<Mono>,
    /// It was down, and has not been healthy since: silence mends nothing.
    was_down: bool,
}

impl HealthState {
    pub fn is_down(&self) -> bool {
        self.failures >= HEALTH_FAILURES_DOWN
    }
}

/// Who answered through the balancer, lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Sampling {
    batches: VecDeque<(Mono, Samples)>,
}

impl Sampling {
    pub fn push(&mut self, now: Mono, samples: Samples) {
        self.batches.push_back((now, samples));
        let horizon = now.minus(SAMPLES_WINDOW);
        while self.batches.len() > SAMPLE_BATCHES_MAX || self.batches.front().is_some_and(|(at, _)| *at < horizon) {
            self.batches.pop_front();
        }
    }

    /// What was sampled before belongs to another split.
    pub fn restart(&mut self) {
        self.batches.clear();
    }

    /// What was sampled before a time belongs to another split.
    pub fn forget_before(&mut self, at: Mono) {
        self.batches.retain(|(sampled, _)| *sampled >= at);
    }

    pub fn newest(&self) -> Option<Mono> {
        self.batches.back().map(|(at, _)| *at)
    }

    pub fn sum(&self, now: Mono) -> Samples {
        let horizon = now.minus(SAMPLES_WINDOW);
        self.batches.iter().filter(|(at, _)| *at >= horizon).fold(Samples::default(), |sum, (_, s)| sum.and(*s))
    }

    /// The newest samples, at least so many, with the time of the oldest of them; `None` while there are fewer.
    pub fn latest(&self, least: u32) -> Option<(Mono, Samples)> {
        let mut sum = Samples::default();
        for (at, samples) in self.batches.iter().rev() {
            sum = sum.and(*samples);
            if sum.sent() >= least {
                return Some((*at, sum));
            }
        }
        None
    }
}

/// Wilson score interval for a share of `n` at 95 % (Wilson 1927, JASA 22:209): `(low, high)`.
pub(super) fn wilson(hits: u32, n: u32) -> Option<(f64, f64)> {
    const Z: f64 = 1.959_964;
    if n == 0 {
        return None;
    }
    let (n, p) = (f64::from(n), f64::from(hits) / f64::from(n));
    let middle = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some((((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0)))
}

impl Plan {
    /// Time between two reads of the balancer when nothing is under way.
    pub(super) fn traffic_interval(&self) -> Duration {
        self.poll.balancer
    }

    /// The subject the screens chart: errors, or the first latency a guardrail limits.
    pub(super) fn charted(&self, role: Role, errors: bool) -> Subject {
        let is_latency = |g: &&Guardrail| matches!(g.subject.signal, Signal::Latency(_));
        let latency = self.guardrails.iter().find(is_latency).map(|g| g.subject.signal.clone());
        let signal = if errors {
            Signal::ErrorRatio
        } else {
            latency.unwrap_or(Signal::Latency(crate::domain::Percentile::P99))
        };
        Subject { signal, role, window: self.metrics.window, minimum_requests: 1 }
    }
}

impl Engine {
    pub(super) fn freshness(&self) -> Freshness {
        Freshness::of(self.plan.poll.readings)
    }

    /// How old a reading of a signal may be: health is asked at its own interval.
    pub(super) fn freshness_of(&self, signal: &Signal) -> Freshness {
        match signal {
            Signal::UnhealthyFor => Freshness::of(self.plan.poll.health),
            Signal::ErrorRatio | Signal::Latency(_) | Signal::RequestRate | Signal::Gauge(_) => self.freshness(),
        }
    }

    /// Reads a signal as of now.
    pub(super) fn read(&self, subject: &Subject) -> Reading {
        if subject.signal == Signal::UnhealthyFor {
            return self.unhealthy_for(subject.role);
        }
        self.instances[subject.role].reading(subject, &self.plan.metrics, self.now, self.freshness())
    }

    fn unhealthy_for(&self, role: Role) -> Reading {
        let state = &self.health[role];
        let Some((at, health)) = &state.last else { return Reading::absent(Absence::NotYet, self.now) };
        let limits = self.freshness_of(&Signal::UnhealthyFor);
        if self.now.since(*at) > limits.stale {
            return Reading::absent(Absence::Stale(self.now.since(*at)), *at);
        }
        // A fresh answer is of now; silence after one proves nothing.
        let until = if self.now.since(*at) <= limits.late { self.now } else { *at };
        let value = match (health, state.failing_since) {
            (Health::Unknown(why), _) => Err(Absence::Unreachable(why.clone())),
            // More than nothing from its first moment on: what runs towards a limit is told from what does not run.
            (Health::Failing(_), Some(since)) => Ok(until.since(since).as_secs_f64().max(f64::EPSILON)),
            (Health::Healthy | Health::Failing(_), _) => Ok(0.0),
        };
        Reading { value, at: *at, requests: None }
    }

    /// Why an environment's own health fails, and for how long; `None` while it does not, or nobody knows.
    pub(super) fn failing(&self, role: Role) -> Option<(&Clean, Duration)> {
        let state = &self.health[role];
        let (at, health) = state.last.as_ref()?;
        let is_fresh = self.now.since(*at) <= self.freshness_of(&Signal::UnhealthyFor).stale;
        match (health, state.failing_since) {
            (Health::Failing(why), Some(since)) if is_fresh => Some((why, self.now.since(since))),
            (Health::Failing(_) | Health::Healthy | Health::Unknown(_), _) => None,
        }
    }

    pub(super) fn scraped(&mut self, role: Role, instance: usize, scrape: &Result<Scrape, Absence>) {
        let keep = self.plan.longest_window() + Duration::from_secs(60);
        self.instances[role].push(instance, self.now, scrape.clone(), keep);
        // Something new to judge by: at once.
        self.watched_at = None;
    }

    pub(super) fn health_seen(&mut self, role: Role, health: &Health, out: &mut Vec<Effect>) {
        let stale = self.freshness_of(&Signal::UnhealthyFor).stale;
        let state = &mut self.health[role];
        let was_down = state.is_down();
        // Nobody knows what was in between: the count begins anew.
        let interrupted = state.known_at.is_some_and(|at| self.now.since(at) > stale);
        match health {
            Health::Healthy => {
                state.failures = 0;
                state.failing_since = None;
            }
            Health::Failing(_) => {
                state.failures = state.failures.saturating_add(1);
                state.failing_since.take_if(|_| interrupted);
                state.failing_since.get_or_insert(self.now);
            }
            // Unknown is not down: only answers in a row count.
            Health::Unknown(_) => state.failures = 0,
        }
        if !matches!(health, Health::Unknown(_)) {
            state.known_at = Some(self.now);
        }
        state.last = Some((self.now, health.clone()));
        let is_down = state.is_down();
        state.was_down = is_down || state.was_down && *health != Health::Healthy;
        let who = self.environment(role);
        match (was_down, is_down, health) {
            (false, true, Health::Failing(why)) => {
                let text = format!("{} {who} is down: {why}", role.word());
                self.say(Severity::Critical, None, text, Fact::Line, out);
            }
            (true, false, Health::Healthy) => {
                self.say(Severity::Info, None, format!("{} {who} is healthy again", role.word()), Fact::Line, out);
            }
            // It was down and nobody knows any more: that is not healthy.
            (true, false, Health::Unknown(why)) => {
                let text = format!("{} {who} was down and does not answer now: {why}", role.word());
                self.say(Severity::Warn, None, text, Fact::Line, out);
            }
            (false, true, Health::Healthy | Health::Unknown(_))
            | (true, false, Health::Failing(_))
            | (false, false, _)
            | (true, true, _) => {}
        }
    }

    pub(super) fn check_answered(&mut self, check: usize, answer: &CheckAnswer, out: &mut Vec<Effect>) {
        let Some(state) = self.checks.get_mut(check) else { return };
        let before = state.answer.replace((self.now, answer.clone())).map(|(_, answer)| answer.verdict);
        if before == Some(answer.verdict) {
            return;
        }
        let name = &self.plan.checks[check].name;
        let severity = match answer.verdict {
            Verdict::Pass => Severity::Info,
            Verdict::Warn | Verdict::Unknown | Verdict::Fail => Severity::Warn,
        };
        let word = verdict_word(answer.verdict);
        let text = format!("check {name}: {word} {}", answer.detail);
        self.say(severity, None, text, Fact::Line, out);
    }

    /// A check's verdict as of now, with the time of what it rests on.
    pub(super) fn check(&self, index: usize) -> (Verdict, Option<Mono>) {
        let plan = &self.plan.checks[index];
        match &plan.kind {
            CheckKind::Http(_) => {
                let Some((at, answer)) = &self.checks[index].answer else { return (Verdict::Unknown, None) };
                let is_old = self.now.since(*at) > self.check_freshness(index).stale;
                (if is_old { Verdict::Unknown } else { answer.verdict }, Some(*at))
            }
            CheckKind::Reading { below, .. } => {
                let Some(reading) = &self.checks[index].reading else { return (Verdict::Unknown, None) };
                (below_verdict(&reading.value, *below), Some(reading.at))
            }
            CheckKind::Balancer => {
                let stale = self.check_freshness(index).stale;
                let fresh = self.balancer.at().is_some_and(|at| self.now.since(at) <= stale);
                let is_good = self.drift.is_none() && self.balancer.unserved.is_empty();
                let verdict = match (fresh && self.balancer.failure.is_none(), is_good) {
                    (false, _) => Verdict::Unknown,
                    (true, false) => Verdict::Fail,
                    (true, true) => Verdict::Pass,
                };
                (verdict, self.balancer.at())
            }
        }
    }

    /// How old a check's answer may be: to go forward on it, and to be believed. A question that takes all its time is
    /// answered that much later.
    pub(super) fn check_freshness(&self, index: usize) -> Freshness {
        let plan = &self.plan.checks[index];
        match &plan.kind {
            CheckKind::Http(_) => {
                let Freshness { late, stale } = Freshness::of(plan.interval);
                Freshness { late: late + plan.timeout, stale: stale + plan.timeout }
            }
            CheckKind::Reading { .. } => self.freshness(),
            CheckKind::Balancer => self.balancer_freshness(),
        }
    }

    /// What the panel shows of a check.
    pub(super) fn check_words(&self, index: usize) -> Clean {
        match &self.plan.checks[index].kind {
            CheckKind::Http(_) => match &self.checks[index].answer {
                Some((_, answer)) => answer.detail.clone(),
                None => "not asked yet".into(),
            },
            CheckKind::Reading { subject, below } => {
                let words = match self.checks[index].reading.as_ref().map(|reading| &reading.value) {
                    Some(Ok(value)) if value.is_finite() => {
                        let sign = match value.total_cmp(below) {
                            Ordering::Less => "<",
                            Ordering::Equal => "=",
                            Ordering::Greater => ">",
                        };
                        let quantity = |value| self.plan.quantity(&subject.signal, value);
                        format!("{} {sign} {}", quantity(*value), quantity(*below))
                    }
                    Some(Ok(_)) => Absence::NotANumber.to_string(),
                    Some(Err(Absence::TooFew { have, need })) => self.too_few_words(subject, *have, *need),
                    Some(Err(absence)) => absence.to_string(),
                    None => Absence::NotYet.to_string(),
                };
                Clean::new(words)
            }
            CheckKind::Balancer => {
                let stale = self.check_freshness(index).stale;
                let words = match (&self.balancer.failure, self.balancer.at(), &self.drift) {
                    (Some(why), _, _) => why.to_string(),
                    (None, None, _) => "not read yet".to_owned(),
                    (None, Some(at), _) if self.now.since(at) > stale => "last read is old".to_owned(),
                    (None, Some(_), Some(drift)) => format!("drift to {}", drift.to),
                    (None, Some(_), None) => self
                        .unserved_words()
                        .or_else(|| Some(format!("at {}", self.balancer.split()?)))
                        .unwrap_or_default(),
                };
                Clean::new(words)
            }
        }
    }

    /// When both sides' metrics were last read rightly, on every instance.
    pub(super) fn feed_at(&self) -> Option<Mono> {
        let each = Role::BOTH.map(|role| self.instances[role].read_at());
        each[0].zip(each[1]).map(|(a, b)| a.min(b))
    }

    /// No fresh reading of the candidate for the stale limit.
    pub(super) fn is_blind(&self) -> bool {
        let since = self.instances[Role::Candidate].read_at().unwrap_or(self.started.0);
        self.now.since(since) > self.freshness().stale
    }

    /// Whether a limit that stops forward movement is exceeded for its time.
    pub(super) fn is_breached(&self) -> bool {
        self.watches.iter().any(Watch::is_breached)
    }

    /// A limit of the candidate's that is. Stable's may be in a bad way once it is complete.
    pub(super) fn breached_by_candidate(&self) -> Option<usize> {
        let is_its = |limit: &usize| self.plan.guardrails[*limit].subject.role == Role::Candidate;
        (0..self.watches.len()).filter(is_its).find(|limit| self.watches[*limit].is_breached())
    }

    /// Whether a limit that stops forward movement cannot be compared with anything now.
    pub(super) fn a_limit_is_unknown(&self) -> bool {
        let is_unknown = |limit: usize| self.verdict(Condition::Limit(limit)) == Verdict::Unknown;
        (0..self.watches.len()).any(is_unknown)
    }

    /// Whether the rollback target can take the traffic: `None` when nobody knows.
    pub(super) fn stable_is_ready(&self) -> Option<bool> {
        let stale = self.freshness_of(&Signal::UnhealthyFor).stale;
        let health = &self.health[Role::Stable];
        let health_is_fresh = health.last.as_ref().is_some_and(|(at, _)| self.now.since(*at) <= stale);
        if health.is_down() && health_is_fresh {
            return Some(false);
        }
        if let Some((up, all)) = self.slots_up(Role::Stable).filter(|_| self.balancer_is_known())
            && (up as f64) < all as f64 * self.plan.rollback.stable_ready
        {
            return Some(false);
        }
        let targets = self.enough_targets();
        if targets == Some(Verdict::Fail) {
            return Some(false);
        }
        match &health.last {
            // What the balancer cannot tell of its targets nobody knows.
            Some((_, Health::Healthy)) if health_is_fresh && targets != Some(Verdict::Unknown) => Some(true),
            Some((_, Health::Healthy | Health::Failing(_) | Health::Unknown(_))) | None => None,
        }
    }

    /// Whether stable was down when it was last seen, however long ago. The keeper sends nothing there by itself.
    pub(super) fn stable_was_down(&self) -> bool {
        let few = |(up, all): (usize, usize)| (up as f64) < all as f64 * self.plan.rollback.stable_ready;
        let few_slots = self.slots_up(Role::Stable).is_some_and(few);
        self.health[Role::Stable].was_down || few_slots || self.had_few_targets()
    }

    /// `5xx CANDIDATE 6.20% > 5.00% for 30s`.
    pub(super) fn guardrail_words(&self, index: usize) -> String {
        let plan = &self.plan.guardrails[index];
        let watch = &self.watches[index];
        let signal = &plan.subject.signal;
        let who = self.limit_name(index);
        match &watch.reading.value {
            Ok(value) if *signal == Signal::UnhealthyFor => {
                unhealthy_words(&who, *value, plan.forward_limit().or(plan.warn))
            }
            Ok(value) => {
                let shown = self.plan.quantity(signal, *value);
                match (watch.exceeded(plan), plan.forward_limit().or(plan.warn)) {
                    (Some((limit, since)), _) => {
                        let lasting = since.map(|since| watch.reading.at.since(since).as_secs());
                        let lasting = lasting.filter(|s| *s > 0).map_or_else(String::new, |s| format!(" for {s} s"));
                        format!("{who} {shown} > {}{lasting}", self.plan.quantity(signal, limit))
                    }
                    (None, Some(limit)) => format!("{who} {shown} <= {}", self.plan.quantity(signal, limit)),
                    (None, None) => format!("{who} {shown}"),
                }
            }
            Err(absence) => format!("{who}: {absence}"),
        }
    }

    /// One point a second for the charts: the seconds in which nothing ran are gaps.
    pub(super) fn draw_series(&mut self) {
        self.series.note_baseline(self.forward_began);
        let Some(due) = self.series.due(self.now) else { return };
        for role in Role::BOTH {
            for errors in [true, false] {
                let subject = self.plan.charted(role, errors);
                let (reading, limit) = (self.read(&subject), self.limit_of(&subject));
                // A value older than its limit is not drawn again: the chart then has a gap.
                let is_fresh = self.now.since(reading.at) <= self.freshness().late;
                self.series.push(role, errors, due, reading.value.ok().filter(|_| is_fresh), limit);
            }
        }
    }

    /// The measured share: `(value, low, high, requests)`.
    pub(super) fn measured(&self) -> Option<(f64, f64, f64, Samples)> {
        let samples = self.sampling.sum(self.now);
        let (low, high) = wilson(samples.candidate, samples.sent())?;
        Some((f64::from(samples.candidate) / f64::from(samples.sent()), low, high, samples))
    }

    /// As a gate: one of the present step's own limits.
    pub(super) fn step_gate(&self, gate: usize) -> Verdict {
        let plan = self.position.and_then(|position| self.plan.steps[position].gates.get(gate));
        let (Some(plan), Some(reading)) = (plan, self.step_readings.get(gate)) else { return Verdict::Unknown };
        below_verdict(&reading.value, plan.below)
    }

    /// Such a gate's name and words.
    pub(super) fn step_gate_words(&self, gate: usize) -> (Clean, String) {
        let plan = self.position.and_then(|position| self.plan.steps[position].gates.get(gate));
        let Some(crate::plan::StepGate { subject, below }) = plan else { return Default::default() };
        let words = match self.step_readings.get(gate).map(|reading| &reading.value) {
            Some(Ok(value)) => self.plan.quantity(&subject.signal, *value).to_string(),
            Some(Err(Absence::TooFew { have, need })) => self.too_few_words(subject, *have, *need),
            Some(Err(absence)) => absence.to_string(),
            None => Absence::NotYet.to_string(),
        };
        let name = format!("{} {}", subject.signal, subject.role.word());
        (name.into(), format!("{words}, must be < {}", self.plan.quantity(&subject.signal, *below)))
    }

    /// `too few requests: 2 700 more, about 4 min`.
    pub(super) fn too_few_words(&self, subject: &Subject, have: u64, need: u64) -> String {
        let more = need.saturating_sub(have);
        let rate = self.read(&Subject { signal: Signal::RequestRate, ..subject.clone() }).value;
        match rate {
            Ok(rate) if rate > 0.0 => {
                let fits = rate * subject.window.as_secs_f64() >= need as f64;
                let wait = Duration::from_secs_f64((more as f64 / rate).min(86_400.0));
                let reached = self.position.and_then(|position| self.reached[position]).map(|(at, _)| at);
                let settled = reached.is_some_and(|at| self.now.since(at) > subject.window);
                let when = match (fits, settled) {
                    (true, _) => {
                        let wait = Duration::from_secs(wait.as_secs().max(1));
                        format!(", about {}", duration_words(wait))
                    }
                    (false, true) => ", never at this rate in this window".to_owned(),
                    // The rate is still from before the step.
                    (false, false) => String::new(),
                };
                format!("too few requests: {more} more{when}")
            }
            _ => format!("too few requests: {more} more"),
        }
    }

    /// Errors of the candidate since the run began, and how many stable's ratio would have made of its requests;
    /// both are lower bounds once [`Self::failed_at_least`].
    pub(super) fn failed_on_candidate(&self) -> (f64, f64) {
        let candidate = &self.instances[Role::Candidate];
        let stable = &self.instances[Role::Stable];
        let usual = if stable.requests_total > 0.0 { stable.errors_total / stable.requests_total } else { 0.0 };
        (candidate.errors_total, (candidate.errors_total - candidate.requests_total * usual).max(0.0))
    }

    /// Whether nobody could count some of them.
    pub(super) fn failed_at_least(&self) -> bool {
        self.forward_began && (self.is_blind() || self.instances[Role::Candidate].totals_have_gaps)
    }

    /// Whether nothing of this run can be on the candidate.
    pub(super) fn nothing_to_roll_back(&self) -> bool {
        let fresh = self.balancer_freshness().late;
        let seen = self.balancer.seen.as_ref().filter(|(at, _)| self.now.since(*at) <= fresh);
        let seen = seen.filter(|_| !self.balancer.may_be_otherwise());
        // By weight: a candidate server that is down now would serve as soon as it comes up.
        let by_weight = seen.and_then(|(_, state)| share::by_weight(&self.layout, &state.setting().ok()?));
        !self.forward_began && self.shift.is_none() && by_weight == Some(Split::ALL_STABLE)
    }
}

/// `unhealthy CANDIDATE GREEN for 5.0s (limit 5s)`.
fn unhealthy_words(who: &str, seconds: f64, limit: Option<f64>) -> String {
    let limit = limit.and_then(|limit| Duration::try_from_secs_f64(limit).ok());
    let limit = limit.map_or_else(String::new, |limit| format!(" (limit {})", duration_words(limit)));
    if seconds > 0.0 { format!("{who} for {seconds:.1}s{limit}") } else { format!("{who}: no{limit}") }
}

/// A reading against a limit that it must stay below.
fn below_verdict(value: &Result<f64, Absence>, below: f64) -> Verdict {
    match (compare(value, below), value) {
        (Compared::Unknown, _) => Verdict::Unknown,
        (Compared::Within, Ok(value)) if *value < below => Verdict::Pass,
        (Compared::Within | Compared::Over, _) => Verdict::Fail,
    }
}

/// `ok`, `WARN`, `FAIL`, `unknown`.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "ok",
        Verdict::Warn => "WARN",
        Verdict::Unknown => "unknown",
        Verdict::Fail => "FAIL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_kept_for_their_window_and_no_more_than_their_limit() {
        let mut sampling = Sampling::default();
        let mut push = |ms: u64| {
            sampling.push(Mono::from_micros(ms * 1000), Samples::default());
            sampling.batches.len()
        };
        assert_eq!((push(0), push(60_000), push(60_001)), (1, 2, 2), "a minute, and not longer");
        assert_eq!(push(200_000), 1);
        let last = (1..1_000).map(|n| push(200_000 + n)).last();
        assert_eq!(last, Some(SAMPLE_BATCHES_MAX));
    }

    #[test]
    fn wilson_matches_the_published_example() {
        // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
        let (low, high) = wilson(81, 263).expect("samples");
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        // And 1 of 10, where the interval is far from symmetric: 0.0179 to 0.4042.
        let (low, high) = wilson(1, 10).expect("samples");
        assert!((low - 0.0179).abs() < 5e-5 && (high - 0.4042).abs() < 5e-5, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
        let (low, _) = wilson(0, 10).expect("samples");
        assert!(low.abs() < 1e-9);
    }
}
