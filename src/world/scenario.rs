//! What goes wrong, as plain functions of time and share.

use super::World;
use crate::domain::{Role, Split};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// A scenario by name, with its seed where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// The default demo: errors rise at the second step, above the hold limit and below the rollback's.
    Story,
    /// Nothing goes wrong.
    Healthy,
    /// Errors grow with the candidate's share and cross the rollback limit at 25 %.
    Errors,
    /// Latency grows with the candidate's share.
    Slow,
    /// Memory grows from the first share on.
    Leak,
    /// Errors come and go around the warning limit.
    Flapping,
    /// The candidate dies 5 s after its first share.
    Crash,
    /// The candidate's metrics hang from 3 s after its first share.
    MetricsLost,
    /// The balancer's API answers 503 for 30 s, from 5 s after the first share.
    BalancerDown,
    /// Writes are answered at once and land 3 s later.
    LateWrites,
    /// Somebody else moves 10 % more to the candidate, 8 s after the first share.
    Drift,
    /// One of the others, chosen by the seed.
    Random(u64),
}

/// Every scenario's name with what it shows.
pub const SCENARIOS: [(&str, Scenario, &str); 12] = [
    ("story", Scenario::Story, "the default: errors rise at the second step; hold, then roll back"),
    ("healthy", Scenario::Healthy, "nothing goes wrong; 100 % in about two minutes"),
    ("errors", Scenario::Errors, "errors grow with the share; automatic rollback at 25 %"),
    ("slow", Scenario::Slow, "latency grows with the share"),
    ("leak", Scenario::Leak, "memory grows from the first share on"),
    ("flapping", Scenario::Flapping, "errors come and go around the warning limit"),
    ("crash", Scenario::Crash, "the candidate dies 5 s after its first share"),
    ("metrics-lost", Scenario::MetricsLost, "the candidate's metrics hang 3 s after its first share"),
    ("balancer-down", Scenario::BalancerDown, "the balancer's API fails for 30 s"),
    ("late-writes", Scenario::LateWrites, "writes land 3 s after their answer"),
    ("drift", Scenario::Drift, "somebody else moves traffic"),
    ("random", Scenario::Random(0), "one of the others, by --seed"),
];

impl Scenario {
    /// A scenario by name; `random` takes the seed.
    pub fn named(name: &str, seed: u64) -> Option<Self> {
        let (_, scenario, _) = SCENARIOS.iter().find(|(known, _, _)| *known == name)?;
        Some(if matches!(scenario, Self::Random(_)) { Self::Random(seed) } else { *scenario })
    }

    /// What a random scenario comes to; any other is itself.
    pub fn resolved(self) -> Self {
        let Self::Random(seed) = self else { return self };
        let choices = SCENARIOS.len() as u64 - 1;
        SCENARIOS[usize::try_from(fastrand::Rng::with_seed(seed).u64(..choices)).unwrap_or(0)].1
    }
}

/// A time that no scenario waits for.
const NEVER: f64 = f64::INFINITY;
/// A well environment's own error ratio.
const USUAL_ERRORS: f64 = 0.001;

impl World {
    fn candidate_share(&self) -> f64 {
        self.state().split.fraction()
    }

    fn after_first_share(&self) -> f64 {
        self.since_first_share().unwrap_or(-NEVER)
    }

    /// The chance that a request to an environment fails.
    pub(super) fn error_chance(&self, role: Role) -> f64 {
        let share = self.candidate_share();
        match (role, self.scenario.resolved()) {
            (Role::Candidate, Scenario::Story) if share >= 0.2 => 0.065,
            (Role::Candidate, Scenario::Errors) => (share * 0.8 - 0.03).clamp(USUAL_ERRORS, 0.9),
            (Role::Candidate, Scenario::Flapping) if self.after_first_share().rem_euclid(16.0) < 8.0 => 0.018,
            _ => USUAL_ERRORS,
        }
    }

    /// How long an environment takes for a request, for a random number from 0 to 1.
    pub(super) fn latency(&self, role: Role, chance: f64) -> Duration {
        let slowed = match (role, self.scenario.resolved()) {
            (Role::Candidate, Scenario::Slow) => 1.0 + self.candidate_share() * 20.0,
            _ => 1.0,
        };
        // Most answers take 10 to 30 ms, one in a hundred up to 80: a plausible tail.
        let millis = if chance < 0.99 { 10.0 + 20.0 * chance } else { 30.0 + 5000.0 * (chance - 0.99) };
        Duration::from_secs_f64(millis * slowed / 1000.0)
    }

    /// Memory in use as a part of the limit.
    pub(super) fn memory(&self, role: Role) -> f64 {
        match (role, self.scenario.resolved()) {
            (Role::Candidate, Scenario::Leak) => (0.42 + self.after_first_share().max(0.0) * 0.012).min(0.99),
            _ => 0.42,
        }
    }

    pub(super) fn is_crashed(&self, role: Role) -> bool {
        role == Role::Candidate && self.scenario.resolved() == Scenario::Crash && self.after_first_share() > 5.0
    }

    pub(super) fn metrics_hang(&self, role: Role) -> bool {
        role == Role::Candidate && self.scenario.resolved() == Scenario::MetricsLost && self.after_first_share() > 3.0
    }

    pub(super) fn balancer_fails(&self) -> bool {
        self.scenario.resolved() == Scenario::BalancerDown && (5.0..35.0).contains(&self.after_first_share())
    }

    pub(super) fn write_delay(&self) -> Duration {
        if self.scenario.resolved() == Scenario::LateWrites { Duration::from_secs(3) } else { Duration::ZERO }
    }

    /// Somebody else's hand.
    fn drift(&self) {
        if self.scenario.resolved() != Scenario::Drift || self.after_first_share() < 8.0 {
            return;
        }
        let mut state = self.split.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.drifted {
            state.drifted = true;
            state.version += 1;
            state.split = Split::from_permille((state.split.permille() + 100).min(1000)).unwrap_or(state.split);
        }
    }
}

/// Does what the scenario does by itself, for ever.
pub(super) async fn act(world: Arc<World>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        world.drift();
    }
}
