//! Why not yet: everything that must hold before traffic moves forward, each with its reason.

use super::forward::How;
use super::planted::{Bug, planted};
use super::watching::verdict_word;
use super::{Engine, Mode};
use crate::domain::{Absence, Clean, Role, Signal, Split, Verdict, duration_words};
use crate::plan::CheckKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

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
    /// Whether it only asks whether the present step may be left for the next: a re-assert does not ask it. False from
    /// an older keeper.
    #[serde(default)]
    pub of_next_step: bool,
}

impl Gate {
    /// Whether a person may go through.
    pub fn is_open(&self) -> bool {
        is_open(self.verdict)
    }

    /// `FAIL drift: candidate 5% → 0%, …`.
    pub(super) fn words(&self) -> Clean {
        Clean::new(format!("{} {}: {}", verdict_word(self.verdict), self.name, self.detail))
    }
}

/// What is still to come is rounded up: at zero it is over.
pub(super) fn whole_seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

fn is_open(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Pass | Verdict::Warn)
}

/// What a gate looks at. Its verdict is asked after every event, its words only when somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Engine,
    Journal,
    Balancer,
    Drift,
    InitialSplit,
    /// Some node serves nobody.
    Served,
    RollbackTarget,
    /// Somebody looked at what stands around the weights.
    Survey,
    /// A write of the present weights was taken.
    WriteAccess,
    /// What writes sign with is good for long enough.
    Credentials,
    /// One thing that was found, by its index in the survey.
    Finding(usize),
    Feed(Role),
    /// A required check, by its index in the plan.
    Check(usize),
    /// A guardrail, by its index in the plan.
    Limit(usize),
    /// What sampling shows agrees with what the balancer holds.
    Measured,
    Bake,
    /// A gate of the present step, by its index there.
    OfStep(usize),
    Approval,
    /// A hook that must have passed before the next step, by its index in the plan.
    Hook(usize),
}

impl Condition {
    /// Whether it only asks whether the present step may be left for the next.
    pub fn is_of_next_step(self) -> bool {
        match self {
            Self::Bake | Self::Approval | Self::Hook(_) => true,
            Self::Engine
            | Self::Journal
            | Self::Balancer
            | Self::Drift
            | Self::InitialSplit
            | Self::Served
            | Self::RollbackTarget
            | Self::Survey
            | Self::WriteAccess
            | Self::Credentials
            | Self::Finding(_)
            | Self::Feed(_)
            | Self::Check(_)
            | Self::Limit(_)
            | Self::Measured
            | Self::OfStep(_) => false,
        }
    }

    /// A person may know better, except where the engine would not know what it does.
    pub fn can_be_overridden(self) -> bool {
        match self {
            Self::Engine | Self::Journal | Self::Balancer | Self::Drift | Self::InitialSplit | Self::Approval => false,
            // A write that is refused now is refused after the override, too, and so may be the rollback.
            Self::WriteAccess => false,
            // More on the candidate may be what serves them again.
            Self::Served
            | Self::Survey
            | Self::Credentials
            | Self::Finding(_)
            | Self::RollbackTarget
            | Self::Feed(_)
            | Self::Check(_)
            | Self::Limit(_)
            | Self::Measured
            | Self::Bake
            | Self::OfStep(_)
            | Self::Hook(_) => true,
        }
    }
}

impl Engine {
    /// All gates for the next step, as of now.
    pub fn gates(&self) -> Vec<Gate> {
        self.conditions().map(|condition| self.gate(condition)).collect()
    }

    /// Whether nothing keeps out whoever goes forward in this way.
    pub(super) fn lets_through(&self, how: How) -> bool {
        !self.conditions().any(|condition| self.keeps_out(condition, how))
    }

    /// The gates that keep out whoever goes forward in this way, hardest first.
    pub(super) fn closed_gates(&self, how: How) -> impl Iterator<Item = Gate> {
        self.closed_gates_of(how, |_| true)
    }

    /// Those of them that are asked.
    pub(super) fn closed_gates_of(&self, how: How, asks: impl Fn(Condition) -> bool) -> impl Iterator<Item = Gate> {
        let keeps_out = move |condition: &Condition| asks(*condition) && self.keeps_out(*condition, how);
        self.conditions().filter(keeps_out).map(|condition| self.gate(condition))
    }

    fn keeps_out(&self, condition: Condition, how: How) -> bool {
        let verdict = self.verdict(condition);
        match how {
            How::Pressed => !is_open(verdict),
            How::Overridden => !is_open(verdict) && !condition.can_be_overridden(),
            // A warning is for a person to judge.
            How::Automatic => verdict != Verdict::Pass,
        }
    }

    /// Everything that must hold before the next step, hardest first.
    pub(super) fn conditions(&self) -> impl Iterator<Item = Condition> {
        let hard = [
            Condition::Engine,
            Condition::Journal,
            Condition::Balancer,
            Condition::Drift,
            Condition::InitialSplit,
            Condition::RollbackTarget,
        ];
        // What a drift leaves nobody to serve is set right by what goes over it, and stops everything else itself.
        let is_out = !self.balancer.unserved.is_empty() && self.drift.is_none();
        // A check of the balancer asks what the first gates ask more strictly.
        let asks_more = |check: &usize| !matches!(self.plan.checks[*check].kind, CheckKind::Balancer);
        let required = (0..self.plan.checks.len()).filter(|check| self.plan.checks[*check].required);
        let checks = required.filter(asks_more).map(Condition::Check);
        let of_step = self.position.map_or(0, |position| self.plan.steps[position].gates.len());
        let approval =
            self.next_step().filter(|next| self.plan.steps[*next].approval.is_some()).map(|_| Condition::Approval);
        hard.into_iter()
            .chain(is_out.then_some(Condition::Served))
            .chain(self.access_conditions())
            .chain(Role::BOTH.map(Condition::Feed))
            .chain(checks)
            .chain((0..self.plan.guardrails.len()).map(Condition::Limit))
            .chain(self.plan.sampler.as_ref().map(|_| Condition::Measured))
            .chain(self.position.map(|_| Condition::Bake))
            .chain((0..of_step).map(Condition::OfStep))
            .chain(self.hooks_before_next().map(Condition::Hook))
            .chain(approval)
    }

    fn gate(&self, condition: Condition) -> Gate {
        let (name, detail) = self.gate_words(condition);
        Gate {
            name,
            verdict: self.verdict(condition),
            detail: Clean::new(detail),
            can_be_overridden: condition.can_be_overridden(),
            of_next_step: condition.is_of_next_step(),
        }
    }

    /// What a gate says as of now.
    pub(super) fn verdict(&self, condition: Condition) -> Verdict {
        let pass_or = |holds: bool, otherwise| if holds { Verdict::Pass } else { otherwise };
        match condition {
            Condition::Engine => pass_or(self.violation.is_none(), Verdict::Fail),
            Condition::Journal => pass_or(self.journal_trouble.is_none() || planted(Bug::DiskIgnored), Verdict::Fail),
            Condition::Balancer => {
                let late = self.balancer_freshness().late;
                let fresh = self.balancer.at().is_some_and(|at| self.now.since(at) <= late);
                let seen = fresh && self.balancer.failure.is_none();
                // Where servers went up or down a person may go on, to weights that are made for those that are there.
                let known = if self.is_off().is_some() { Verdict::Warn } else { Verdict::Pass };
                if seen || planted(Bug::UnreadBalancerPasses) { known } else { Verdict::Unknown }
            }
            Condition::Drift => pass_or(self.drift.is_none() || planted(Bug::DriftIgnored), Verdict::Fail),
            Condition::InitialSplit => pass_or(self.split_before().is_none(), Verdict::Fail),
            Condition::Served => pass_or(self.balancer.unserved.is_empty(), Verdict::Fail),
            Condition::RollbackTarget => match self.stable_is_ready() {
                Some(ready) => pass_or(ready, Verdict::Fail),
                None => pass_or(planted(Bug::UnknownTargetPasses), Verdict::Unknown),
            },
            Condition::Survey => self.survey_verdict(),
            Condition::WriteAccess => self.write_access(),
            Condition::Credentials => self.credentials_verdict(),
            Condition::Finding(index) => self.finding_verdict(index),
            Condition::Feed(role) => {
                let late = self.freshness().late;
                let fresh = self.instances[role].read_at().is_some_and(|at| self.now.since(at) <= late);
                pass_or(fresh || planted(Bug::StalePasses), Verdict::Unknown)
            }
            Condition::Check(_) if planted(Bug::OldCheckPasses) => Verdict::Pass,
            Condition::Check(check) => self.check_gate(check),
            Condition::Limit(limit) if self.is_idle(limit) => Verdict::Pass,
            Condition::Limit(limit) => self.watches[limit].verdict(&self.plan.guardrails[limit]),
            // A sampler of ours that fails must not stop a person; the keeper by itself waits for it.
            Condition::Measured => pass_or(self.measured_agrees().0 == Some(true), Verdict::Warn),
            Condition::Bake => pass_or(self.bake_left().is_zero(), Verdict::Unknown),
            Condition::OfStep(gate) => self.step_gate(gate),
            Condition::Hook(hook) => self.hook_verdict(hook),
            Condition::Approval => pass_or(matches!(self.approval(), Some((_, None))), Verdict::Fail),
        }
    }

    /// For going forward a check's answer must be fresh, not only not yet old.
    fn check_gate(&self, index: usize) -> Verdict {
        let (verdict, at) = self.check(index);
        let is_asked = matches!(self.plan.checks[index].kind, CheckKind::Http(_));
        let is_late = is_asked && at.is_none_or(|at| self.now.since(at) > self.check_freshness(index).late);
        if is_late { verdict.max(Verdict::Unknown) } else { verdict }
    }

    /// What the candidate had before the run, where the plan starts from nothing.
    fn split_before(&self) -> Option<Split> {
        let before = self.baseline.as_ref().map(|baseline| baseline.split);
        before.filter(|split| !self.forward_began && *split != Split::ALL_STABLE)
    }

    /// Who approved the next step, and why that does not count any more.
    fn approval(&self) -> Option<(&crate::domain::Person, Option<String>)> {
        let leaked = self.approvals.values().next().filter(|_| planted(Bug::ApprovalLeaks));
        let by = self.approvals.get(&self.next_step()?).or(leaked)?;
        // The approver may have taken the seat since: nobody approves their own step.
        Some((by, self.approver_refused(by)))
    }

    fn gate_words(&self, condition: Condition) -> (Clean, String) {
        let ok = || "ok".to_owned();
        let (name, detail) = match condition {
            Condition::Engine => ("engine", self.violation.as_ref().map_or_else(ok, |why| format!("frozen: {why}"))),
            Condition::Journal => {
                ("journal", self.journal_trouble.as_ref().map_or_else(ok, |why| format!("cannot be written: {why}")))
            }
            Condition::Balancer => ("balancer", self.balancer_words()),
            Condition::Drift => {
                let words = self.drift.as_ref().map(|drift| format!("{}; {}", drift.words(), drift.offer()));
                ("drift", words.unwrap_or_else(ok))
            }
            Condition::InitialSplit => {
                let words = |split| format!("candidate already has {split}; the plan starts at 0%; :adopt");
                ("initial split", self.split_before().map_or_else(ok, words))
            }
            Condition::Served => ("servers", self.unserved_words().unwrap_or_else(ok)),
            Condition::RollbackTarget => ("rollback target", self.target_words()),
            Condition::Survey => ("survey", self.survey_words()),
            Condition::WriteAccess => ("write access", self.write_access_words()),
            Condition::Credentials => ("credentials", self.credentials_words()),
            Condition::Finding(index) => return self.finding_words(index),
            Condition::Feed(role) => return (format!("feed {}", role.key()).into(), self.feed_words(role)),
            Condition::Check(check) => {
                return (self.plan.checks[check].name.clone(), self.check_words(check).as_str().to_owned());
            }
            Condition::Limit(limit) => ("limit", self.limit_words(limit)),
            Condition::Measured => ("measured split", self.measured_agrees().1),
            Condition::Bake => ("bake", self.bake_words()),
            Condition::OfStep(gate) => return self.step_gate_words(gate),
            Condition::Hook(hook) => return (self.plan.hooks[hook].name.clone(), self.hook_words(hook)),
            Condition::Approval => ("approval", self.approval_words()),
        };
        (name.into(), detail)
    }

    fn balancer_words(&self) -> String {
        match (&self.balancer.failure, self.balancer.at()) {
            (Some(why), _) => why.to_string(),
            (None, Some(_)) if is_open(self.verdict(Condition::Balancer)) => match self.is_off() {
                Some(there) => format!("at {there} as servers went up or down, want {}", self.current),
                None => "ok".to_owned(),
            },
            (None, Some(at)) => {
                let late = duration_words(self.balancer_freshness().late);
                format!("read {} s ago, over {late}", self.now.since(at).as_secs())
            }
            (None, None) => "not read yet".to_owned(),
        }
    }

    fn target_words(&self) -> String {
        let stable = self.environment(Role::Stable);
        match self.stable_is_ready() {
            Some(true) => "ok".to_owned(),
            Some(false) => {
                let up = self.targets_words().unwrap_or_default();
                format!("{stable} is not ready to take traffic back{up}")
            }
            None => format!("nobody knows whether {stable} could take traffic back"),
        }
    }

    fn feed_words(&self, role: Role) -> String {
        let why = self.instances[role].each.iter().find_map(|i| i.failure().map(Absence::to_string));
        match self.instances[role].read_at() {
            Some(_) if self.verdict(Condition::Feed(role)) == Verdict::Pass => "ok".to_owned(),
            Some(at) => {
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                format!("last metrics {} s old{why}", self.now.since(at).as_secs())
            }
            None => why.unwrap_or_else(|| Absence::NotYet.to_string()),
        }
    }

    /// Whether a limit is unknown only because its environment has no traffic: the candidate before the first
    /// step is reached, stable after the last.
    pub(super) fn is_idle(&self, index: usize) -> bool {
        let subject = &self.plan.guardrails[index].subject;
        let under_way = self.drift.is_some() || self.shift.is_some();
        // One that only watches set nothing: it goes by what the balancer holds.
        let there = if self.mode == Mode::Watch { self.balancer.split() } else { Some(self.current) };
        let is_without = match subject.role {
            Role::Candidate => there == Some(Split::ALL_STABLE),
            Role::Stable => there == Some(Split::ALL_CANDIDATE) && !under_way,
        };
        if !is_without {
            return false;
        }
        let counted = matches!(subject.signal, Signal::ErrorRatio | Signal::Latency(_));
        let why = &self.watches[index].reading.value;
        // A process that has answered nothing yet has no request series at all: its exposition was read.
        let series_missing =
            matches!(why, Err(Absence::Missing(_))) && self.instances[subject.role].read_at().is_some();
        counted && (series_missing || matches!(why, Err(Absence::NoRequests | Absence::TooFew { .. })))
    }

    pub(super) fn limit_words(&self, index: usize) -> String {
        let subject = &self.plan.guardrails[index].subject;
        if self.is_idle(index) {
            let is_to_begin = subject.role == Role::Candidate && self.mode == Mode::Drive;
            let when = if is_to_begin { "before the first step" } else { "without traffic" };
            return format!("{} {}: idle {when}", subject.signal, subject.role.word());
        }
        match &self.watches[index].reading.value {
            Err(Absence::TooFew { have, need }) => {
                format!("{} {}: {}", subject.signal, subject.role.word(), self.too_few_words(subject, *have, *need))
            }
            _ => self.guardrail_words(index),
        }
    }

    fn bake_words(&self) -> String {
        let Some(position) = self.position else { return String::new() };
        let whole = duration_words(self.plan.steps[position].bake);
        let left = Duration::from_secs(whole_seconds(self.bake_left()));
        if left.is_zero() { format!("{whole} met") } else { format!("{} of {whole} to go", duration_words(left)) }
    }

    fn approval_words(&self) -> String {
        let Some((next, role)) =
            self.next_step().and_then(|next| Some((next, self.plan.steps[next].approval.as_ref()?)))
        else {
            return String::new();
        };
        match self.approval() {
            Some((by, None)) => format!("{role}: {by}"),
            Some((_, Some(why))) => format!("{role}: {why}"),
            None => format!("{role} must approve {}: :approve", self.plan.steps[next].split),
        }
    }
}
