//! The two environments: what they count, and what they say of themselves.

use super::chance::Chance;
use super::fault::Fault;
use super::weather::Weather;
use warroom::domain::{Absence, Clean, Credentials, Finding, PerRole, Role, Survey, Targets, Verdict, Wall};
use warroom::engine::{CheckAnswer, Health, Scrape};

/// Requests a second through the balancer.
const TRAFFIC: f64 = 100.0;
/// Requests a second that each environment has besides.
const OWN: f64 = 0.4;

#[derive(Debug, Default)]
pub struct Instance {
    requests: f64,
    errors: f64,
    /// Beyond the first bucket, and beyond all of them.
    slow: f64,
    slowest: f64,
    counted_at: u64,
    frozen: Option<Scrape>,
}

impl Instance {
    pub fn begins(now: u64) -> Self {
        Self { counted_at: now, ..Self::default() }
    }

    /// What a scrape that ends now says; `None` when nothing arrives.
    pub fn scrape(
        &mut self,
        now: u64,
        role: Role,
        share: f64,
        weather: &mut Weather,
        chance: &mut Chance,
    ) -> Option<Result<Scrape, Absence>> {
        self.count(now, role, share, weather, chance);
        let odd = |role_hit: bool, fault, weather: &mut Weather| role_hit && weather.strikes(fault);
        // Most faults of metrics are worth most on the candidate.
        let hit = role == Role::Candidate || chance.one_in(3);
        if odd(hit, Fault::MetricsSilent, weather) {
            return None;
        }
        if odd(hit, Fault::MetricsRefused, weather) {
            return Some(Err(Absence::Refused("nobody listens".into())));
        }
        if odd(hit, Fault::MetricsUnread, weather) {
            let absences = [Absence::Unreachable, Absence::Unreadable, Absence::WrongTime, Absence::Lost];
            return Some(Err(chance.pick(&absences)("an hour ahead".into())));
        }
        if odd(hit, Fault::MetricsSeveral, weather) {
            return Some(Err(Absence::SeveralSeries("http_requests_total".into())));
        }
        let mut scrape = self.now();
        if hit && weather.is(Fault::MetricsFrozen) {
            if let Some(frozen) = &self.frozen {
                weather.has_struck(Fault::MetricsFrozen);
                scrape = frozen.clone();
            }
            self.frozen = Some(scrape.clone());
        } else {
            self.frozen = None;
        }
        if odd(hit, Fault::NanRequests, weather) {
            scrape.requests = Some(f64::NAN);
        }
        if odd(hit, Fault::NanErrors, weather) {
            scrape.errors = f64::NAN;
        }
        if odd(hit, Fault::NanBuckets, weather) {
            let bucket = chance.below(scrape.buckets.len() as u64) as usize;
            scrape.buckets[bucket].1 = f64::NAN;
        }
        if odd(hit, Fault::MetricsMissing, weather) {
            scrape.requests = None;
        }
        Some(Ok(scrape))
    }

    fn count(&mut self, now: u64, role: Role, share: f64, weather: &mut Weather, chance: &mut Chance) {
        if weather.is(Fault::CounterReset) && chance.one_in(4) {
            weather.has_struck(Fault::CounterReset);
            (self.requests, self.errors, self.slow, self.slowest) = (0.0, 0.0, 0.0, 0.0);
        }
        let requests = (TRAFFIC * share + OWN) * (now - self.counted_at) as f64 / 1e6;
        let bad = role == Role::Candidate && weather.strikes(Fault::Errors);
        self.requests += requests;
        self.errors += if bad { requests * [0.015, 0.03, 0.2, 0.9][chance.below(4) as usize] } else { 0.0 };
        if role == Role::Candidate && weather.strikes(Fault::Slow) {
            // Some are beyond the limit and some are not; none are just so many that rounding decides.
            let slow = requests * [0.013, 0.037, 0.21][chance.below(3) as usize];
            self.slow += slow;
            self.slowest += if chance.one_in(3) { slow } else { 0.0 };
        }
        self.counted_at = now;
    }

    fn now(&self) -> Scrape {
        let fast = self.requests - self.slow;
        let buckets = vec![(0.1, fast), (0.5, self.requests - self.slowest), (f64::INFINITY, self.requests)];
        Scrape { requests: Some(self.requests), errors: self.errors, buckets, gauges: Vec::new() }
    }
}

/// What an environment answers when it is asked how it is; `None` when nothing arrives.
pub fn health(role: Role, weather: &mut Weather, chance: &mut Chance) -> Option<Health> {
    if role == Role::Candidate {
        return match weather.strikes(Fault::CandidateFails) {
            false => Some(Health::Healthy),
            true if chance.one_in(12) => chance.coin().then(|| Health::Unknown("timeout".into())),
            true => Some(Health::Failing("503".into())),
        };
    }
    if weather.strikes(Fault::StableSilent) {
        return chance.coin().then(|| Health::Unknown("timeout".into()));
    }
    Some(if weather.strikes(Fault::StableFails) { Health::Failing("503".into()) } else { Health::Healthy })
}

/// What a check answers; `None` when nothing arrives.
pub fn check(weather: &mut Weather, chance: &mut Chance) -> Option<CheckAnswer> {
    if weather.strikes(Fault::CheckSilent) {
        return None;
    }
    let verdict = if weather.strikes(Fault::CheckFails) {
        *chance.pick(&[Verdict::Warn, Verdict::Unknown, Verdict::Fail])
    } else {
        Verdict::Pass
    };
    Some(CheckAnswer { verdict, detail: "answer".into(), raw: Clean::default() })
}

/// Before every clock of this world.
const ENDED: i64 = 1_790_000_000_000;
/// After every clock of this world.
const LASTS: i64 = 1_800_000_000_000;
/// Registered with each of the balancer's groups.
const TARGETS: usize = 4;

/// What a look at what stands around the weights says; `None` when nothing arrives.
pub fn survey(weather: &mut Weather, chance: &mut Chance) -> Option<Survey> {
    if weather.strikes(Fault::SurveySilent) {
        return None;
    }
    let credentials = match (weather.strikes(Fault::CredentialsEnd), chance.coin()) {
        (true, true) => Credentials::Missing("expired".into()),
        (true, false) => Credentials::Until { end: Wall::from_millis(ENDED), failure: Some("refused".into()) },
        (false, true) => Credentials::Until { end: Wall::from_millis(LASTS), failure: None },
        (false, false) => Credentials::Lasting,
    };
    let healthy = |healthy| Ok(Targets { healthy, registered: TARGETS });
    let stable = match (weather.strikes(Fault::TargetsGone), chance.below(3)) {
        (false, _) => healthy(TARGETS),
        (true, 0) => Err("throttled".into()),
        (true, few) => healthy(few as usize - 1),
    };
    let fails = weather.strikes(Fault::FindingFails);
    let verdict = match (fails, chance.coin()) {
        (true, true) => Verdict::Fail,
        (true, false) => Verdict::Unknown,
        (false, true) => Verdict::Warn,
        (false, false) => Verdict::Pass,
    };
    let configuration = (!fails).then(|| "two listeners, two groups".to_owned());
    let findings = vec![Finding { name: "stickiness".into(), verdict, detail: Clean::default() }];
    Some(Survey { findings, targets: PerRole { stable, candidate: healthy(TARGETS) }, credentials, configuration })
}
