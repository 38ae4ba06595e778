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
    /// One of the others in which something goes wrong, chosen by the seed.
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
    ("random", Scenario::Random(0), "one of those in which something goes wrong, by --seed"),
];

impl Scenario {
    /// A scenario by name; `random` takes the seed.
    pub fn named(name: &str, seed: u64) -> Option<Self> {
        let (_, scenario, _) = SCENARIOS.iter().find(|(known, _, _)| *known == name)?;
        Some(if matches!(scenario, Self::Random(_)) { Self::Random(seed) } else { *scenario })
    }

    /// The word that chooses it.
    pub fn name(self) -> &'static str {
        let same = |known: Self| matches!((known, self), (Self::Random(_), Self::Random(_))) || known == self;
        SCENARIOS.iter().find(|(_, known, _)| same(*known)).map_or("random", |(name, _, _)| name)
    }

    /// What a random scenario comes to; any other is itself. Something goes wrong in each that may be chosen.
    pub fn resolved(self) -> Self {
        let Self::Random(seed) = self else { return self };
        let goes_wrong = |scenario: &Self| !matches!(scenario, Self::Healthy | Self::Random(_));
        let choices: Vec<Self> = SCENARIOS.iter().map(|(_, scenario, _)| *scenario).filter(goes_wrong).collect();
        choices[fastrand::Rng::with_seed(seed).usize(..choices.len())]
    }
}

/// A time that no scenario waits for.
const NEVER: f64 = f64::INFINITY;
/// A well environment's own error ratio.
const USUAL_ERRORS: f64 = 0.001;
/// While the candidate flaps every so many-th of its requests fails, and none by chance: of a hundred in a window one
/// or two, above the plan's warning at 1 %, and of the forty that its limit asks for one, below the hold at 3 %.
const FLAPPING_EVERY: u64 = 70;

impl World {
    fn candidate_share(&self) -> f64 {
        self.state().split.fraction()
    }

    fn after_first_share(&self) -> f64 {
        self.since_first_share().unwrap_or(-NEVER)
    }

    /// The scenario as far as it concerns an environment: stable is well in all of them.
    fn ails(&self, role: Role) -> Scenario {
        match role {
            Role::Stable => Scenario::Healthy,
            Role::Candidate => self.scenario,
        }
    }

    /// Whether an environment fails its users' `nth` request, for a random number from 0 to 1.
    pub(super) fn fails(&self, role: Role, nth: u64, chance: f64) -> bool {
        if self.ails(role) == Scenario::Flapping {
            return self.after_first_share().rem_euclid(16.0) < 8.0 && nth.is_multiple_of(FLAPPING_EVERY);
        }
        chance < self.error_chance(role)
    }

    fn error_chance(&self, role: Role) -> f64 {
        let share = self.candidate_share();
        match self.ails(role) {
            Scenario::Story if share >= 0.2 => 0.065,
            Scenario::Errors => (share * 0.8 - 0.03).clamp(USUAL_ERRORS, 0.9),
            Scenario::Story
            | Scenario::Healthy
            | Scenario::Slow
            | Scenario::Leak
            | Scenario::Flapping
            | Scenario::Crash
            | Scenario::MetricsLost
            | Scenario::BalancerDown
            | Scenario::LateWrites
            | Scenario::Drift
            | Scenario::Random(_) => USUAL_ERRORS,
        }
    }

    /// How long an environment takes for a request, for a random number from 0 to 1.
    pub(super) fn latency(&self, role: Role, chance: f64) -> Duration {
        let slowed = if self.ails(role) == Scenario::Slow { 1.0 + self.candidate_share() * 20.0 } else { 1.0 };
        // Most answers take 10 to 30 ms, one in a hundred up to 80: a plausible tail.
        let millis = if chance < 0.99 { 10.0 + 20.0 * chance } else { 30.0 + 5000.0 * (chance - 0.99) };
        Duration::from_secs_f64(millis * slowed / 1000.0)
    }

    /// Memory in use as a part of the limit.
    pub(super) fn memory(&self, role: Role) -> f64 {
        let leaked = if self.ails(role) == Scenario::Leak { self.after_first_share().max(0.0) * 0.012 } else { 0.0 };
        (0.42 + leaked).min(0.99)
    }

    pub(super) fn is_crashed(&self, role: Role) -> bool {
        self.ails(role) == Scenario::Crash && self.after_first_share() > 5.0
    }

    pub(super) fn metrics_hang(&self, role: Role) -> bool {
        self.ails(role) == Scenario::MetricsLost && self.after_first_share() > 3.0
    }

    pub(super) fn balancer_fails(&self) -> bool {
        self.scenario == Scenario::BalancerDown && (5.0..35.0).contains(&self.after_first_share())
    }

    pub(super) fn write_delay(&self) -> Duration {
        if self.scenario == Scenario::LateWrites { Duration::from_secs(3) } else { Duration::ZERO }
    }

    /// Somebody else's hand.
    fn drift(&self) {
        if self.scenario != Scenario::Drift || self.after_first_share() < 8.0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_seed_something_goes_wrong_and_has_a_name() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..1000 {
            let chosen = Scenario::Random(seed).resolved();
            assert!(!matches!(chosen, Scenario::Healthy | Scenario::Random(_)), "seed {seed}: {chosen:?}");
            assert_eq!(Scenario::Random(seed).resolved(), chosen, "a seed chooses the same each time");
            seen.insert(chosen.name());
        }
        assert_eq!(seen.len(), SCENARIOS.len() - 2, "{seen:?}");
        for (name, scenario, _) in SCENARIOS {
            assert_eq!(scenario.name(), name);
        }
    }
    #[test]
    fn what_flaps_never_reaches_the_hold_limit() {
        let plan = crate::plan::load(std::path::Path::new("demo.toml"), include_str!("../../config/demo.toml"));
        let plan = plan.expect("the demo's plan");
        let guardrail = &plan.guardrails[0];
        let least = guardrail.subject.minimum_requests;
        let hold = guardrail.hold.expect("a limit");
        for requests in least..2000 {
            // As many as can fall into one window.
            let failed = requests.div_ceil(FLAPPING_EVERY) as f64 / requests as f64;
            assert!(failed < hold, "{requests} requests: {failed}");
        }
        assert!(1.0 / FLAPPING_EVERY as f64 > guardrail.warn.expect("a limit"));
    }
}
