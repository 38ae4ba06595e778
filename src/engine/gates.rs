//! Why not yet: everything that must hold before traffic moves forward, each with its reason.

use super::Engine;
use super::planted::{Bug, planted};
use super::watching::verdict_word;
use super::window::Freshness;
use crate::domain::{Absence, Clean, Role, Signal, Split, Verdict, duration_words};
use crate::plan::CheckKind;
use serde::{Deserialize, Serialize};

/// One condition for going forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// What it is about.
    pub name: Clean,
    /// Pass and warn let a person through; automatic advance needs pass.
    pub verdict: Verdict,
    /// What is so, or what would open it.
    pub detail: Clean,
    /// Whether a driver may go over it with the service's name and a reason.
    pub can_be_overridden: bool,
}

impl Gate {
    fn new(name: impl Into<Clean>, verdict: Verdict, detail: impl AsRef<str>, can_be_overridden: bool) -> Self {
        Self { name: name.into(), verdict, detail: Clean::new(detail), can_be_overridden }
    }

    /// Whether a person may go through.
    pub fn is_open(&self) -> bool {
        matches!(self.verdict, Verdict::Pass | Verdict::Warn)
    }

    /// Whether the keeper may go through by itself.
    pub fn passes(&self) -> bool {
        self.verdict == Verdict::Pass
    }
}

/// Never to be overridden: without these the engine would not know what it does.
const HARD: bool = false;
/// A person may know better.
const SOFT: bool = true;

impl Engine {
    /// All gates for the next step, as of now.
    pub fn gates(&self) -> Vec<Gate> {
        let mut gates = Vec::with_capacity(self.watches.len() + self.checks.len() + 10);
        self.hard_gates(&mut gates);
        self.feed_gates(&mut gates);
        for index in 0..self.plan.checks.len() {
            if self.plan.checks[index].required {
                let (verdict, detail, at) = self.check(index);
                // For going forward an answer must be fresh, not only not yet old.
                let plan = &self.plan.checks[index];
                let late = Freshness::of(plan.interval).late + plan.timeout;
                let is_late = matches!(plan.kind, CheckKind::Http(_)) && at.is_none_or(|at| self.now.since(at) > late);
                let verdict = if planted(Bug::OldCheckPasses) && at.is_some() {
                    Verdict::Pass
                } else if is_late {
                    verdict.max(Verdict::Unknown)
                } else {
                    verdict
                };
                gates.push(Gate::new(self.plan.checks[index].name.clone(), verdict, detail.as_str(), SOFT));
            }
        }
        for (index, plan) in self.plan.guardrails.iter().enumerate() {
            // Before the first step the candidate is idle: limits on it can only be unknown then.
            let idle = !self.forward_began && plan.subject.role == Role::Candidate && self.is_idle(index);
            let verdict = if idle { Verdict::Pass } else { self.watches[index].verdict(plan) };
            gates.push(Gate::new("limit", verdict, self.limit_words(index, idle), SOFT));
        }
        self.step_gates(&mut gates);
        gates
    }

    fn hard_gates(&self, gates: &mut Vec<Gate>) {
        let mut hard = |name: &str, trouble: Option<(Verdict, String)>| {
            let (verdict, detail) = trouble.unwrap_or((Verdict::Pass, "ok".into()));
            gates.push(Gate::new(name, verdict, detail, HARD));
        };
        hard("engine", self.violation.as_ref().map(|why| (Verdict::Fail, format!("frozen: {why}"))));
        let trouble = self.journal_trouble.as_ref().filter(|_| !planted(Bug::DiskIgnored));
        hard("journal", trouble.map(|why| (Verdict::Fail, format!("cannot be written: {why}"))));
        let fresh = Freshness::of(self.plan.poll.balancer).late;
        hard(
            "balancer",
            match (&self.balancer.failure, self.balancer.at()) {
                (_, Some(_)) if planted(Bug::UnreadBalancerPasses) => None,
                (Some(why), _) => Some((Verdict::Unknown, why.to_string())),
                (None, Some(at)) if self.now.since(at) <= fresh => None,
                (None, Some(at)) => Some((Verdict::Unknown, format!("read {} s ago", self.now.since(at).as_secs()))),
                (None, None) => Some((Verdict::Unknown, "not read yet".into())),
            },
        );
        hard(
            "drift",
            self.drift
                .as_ref()
                .filter(|_| !planted(Bug::DriftIgnored))
                .map(|drift| (Verdict::Fail, format!("{}; :adopt or :complete", drift.words()))),
        );
        let start = self.baseline.as_ref().filter(|b| !self.forward_began && b.split != Split::ALL_STABLE);
        hard(
            "initial split",
            start.map(|b| (Verdict::Fail, format!("candidate already has {}; the plan starts at 0%; :adopt", b.split))),
        );
        let stable = self.environment(Role::Stable);
        let ready = match self.stable_is_ready() {
            None if planted(Bug::UnknownTargetPasses) => (Verdict::Pass, String::new()),
            Some(true) => (Verdict::Pass, "ok".to_owned()),
            Some(false) => (Verdict::Fail, format!("{stable} is not ready to take traffic back")),
            None => (Verdict::Unknown, format!("nobody knows whether {stable} could take traffic back")),
        };
        gates.push(Gate::new("rollback target", ready.0, ready.1, SOFT));
    }

    fn feed_gates(&self, gates: &mut Vec<Gate>) {
        let late = self.freshness().late;
        for role in Role::BOTH {
            let read_at = self.instances[role].read_at();
            let (verdict, detail) = match read_at {
                Some(at) if self.now.since(at) <= late || planted(Bug::StalePasses) => (Verdict::Pass, "ok".to_owned()),
                Some(at) => (Verdict::Unknown, format!("last metrics {} s old", self.now.since(at).as_secs())),
                None => {
                    let why = self.instances[role].each.iter().find_map(|i| i.failure().map(Absence::to_string));
                    (Verdict::Unknown, why.unwrap_or_else(|| Absence::NotYet.to_string()))
                }
            };
            gates.push(Gate::new(format!("feed {}", role.key()).as_str(), verdict, detail, SOFT));
        }
    }

    /// Whether a limit is unknown only because its environment has no traffic.
    fn is_idle(&self, index: usize) -> bool {
        let counted = matches!(self.plan.guardrails[index].subject.signal, Signal::ErrorRatio | Signal::Latency(_));
        let why = &self.watches[index].reading.value;
        // A process that has answered nothing yet has no request series at all: its exposition was read.
        let series_missing =
            matches!(why, Err(Absence::Missing(_))) && self.instances[Role::Candidate].read_at().is_some();
        counted && (series_missing || matches!(why, Err(Absence::NoRequests | Absence::TooFew { .. })))
    }

    fn limit_words(&self, index: usize, idle: bool) -> String {
        let plan = &self.plan.guardrails[index];
        if idle {
            return format!("{} {}: idle before the first step", plan.subject.signal, plan.subject.role.word());
        }
        match &self.watches[index].reading.value {
            Err(Absence::TooFew { have, need }) => {
                format!(
                    "{} {}: {}",
                    plan.subject.signal,
                    plan.subject.role.word(),
                    self.too_few_words(&plan.subject, *have, *need)
                )
            }
            _ => self.guardrail_words(index),
        }
    }

    fn step_gates(&self, gates: &mut Vec<Gate>) {
        if let Some(position) = self.position {
            let left = self.bake_left();
            let (verdict, detail) = if left.is_zero() {
                (Verdict::Pass, format!("{} met", duration_words(self.plan.steps[position].bake)))
            } else {
                (
                    Verdict::Unknown,
                    format!("{} of {} to go", duration_words(left), duration_words(self.plan.steps[position].bake)),
                )
            };
            gates.push(Gate::new("bake", verdict, detail, SOFT));
            for gate in &self.plan.steps[position].gates {
                let (verdict, detail) = self.step_gate(&gate.subject, gate.below);
                let name = format!("{} {}", gate.subject.signal, gate.subject.role.word());
                gates.push(Gate::new(name.as_str(), verdict, detail, SOFT));
            }
        }
        if let Some(next) = self.next_step()
            && let Some(role) = &self.plan.steps[next].approval
        {
            let leaked = self.approvals.values().next().filter(|_| planted(Bug::ApprovalLeaks));
            let approved = self.approvals.get(&next).or(leaked).map(|by| (by, self.approver_refused(by)));
            let (verdict, detail) = match approved {
                Some((by, None)) => (Verdict::Pass, format!("{role}: {by}")),
                // The approver took the seat since: nobody approves their own step.
                Some((_, Some(why))) => (Verdict::Fail, format!("{role}: {why}")),
                None => (Verdict::Fail, format!("{role} must approve {}: :approve", self.plan.steps[next].split)),
            };
            gates.push(Gate::new("approval", verdict, detail, HARD));
        }
    }

    /// The closed gates in words, hardest first.
    pub(super) fn closed_gates(&self, overridden: bool) -> Vec<Clean> {
        self.gates()
            .iter()
            .filter(|gate| !(gate.is_open() || overridden && gate.can_be_overridden))
            .map(|gate| Clean::new(format!("{} {}: {}", verdict_word(gate.verdict), gate.name, gate.detail)))
            .collect()
    }
}
