//! When everything on the candidate is a cutover that is complete: baked, seen, and with nothing against the candidate.
//!
//! Nobody presses a key for it, and what comes afterwards switches stable off: so it asks what an advance asks of the
//! candidate. What is asked of stable no longer counts.

use super::command::{Answered, refuse};
use super::forward::How;
use super::gates::Condition;
use super::planted::{Bug, planted};
use super::{Effect, Engine, Fact, Gate, Override, Phase, Severity};
use crate::domain::{Clean, Person, Role, Split};
use crate::plan::CheckKind;

impl Engine {
    fn asks_for_completion(&self, condition: Condition) -> bool {
        match condition {
            Condition::Check(check) => match &self.plan.checks[check].kind {
                CheckKind::Http(http) => http.role == Role::Candidate,
                CheckKind::Reading { subject, .. } => subject.role == Role::Candidate,
                CheckKind::Balancer => false,
            },
            Condition::Limit(limit) => self.plan.guardrails[limit].subject.role == Role::Candidate,
            Condition::OfStep(_) | Condition::Served => true,
            Condition::Engine
            | Condition::Journal
            | Condition::Balancer
            | Condition::Drift
            | Condition::InitialSplit
            | Condition::RollbackTarget
            | Condition::Survey
            | Condition::WriteAccess
            | Condition::Credentials
            | Condition::Finding(_)
            | Condition::Feed(_)
            | Condition::Measured
            | Condition::Bake
            | Condition::Approval
            | Condition::Hook(_) => false,
        }
    }

    fn closed_to_completion(&self) -> impl Iterator<Item = Gate> {
        self.closed_gates_of(How::Pressed, |condition| self.asks_for_completion(condition))
    }

    /// What COMPLETE waits for besides its bake; nothing before the last step is reached, and once it is complete.
    pub(super) fn completion_waits(&self) -> Vec<Gate> {
        let is_to_come = matches!(self.phase(), Phase::Baking | Phase::Held) && self.is_at_end();
        if is_to_come { self.closed_to_completion().collect() } else { Vec::new() }
    }

    fn is_at_end(&self) -> bool {
        let is_there = self.current == Split::ALL_CANDIDATE || planted(Bug::CompleteTooSoon);
        is_there && self.position.is_some() && self.completed.is_none()
    }

    pub(super) fn pass_completion(&mut self, out: &mut Vec<Effect>) {
        let is_watched = self.completed.is_some() && self.watch_left().is_zero() && !self.watch_pauses();
        if is_watched && !self.watch_over && self.rollback.is_none() {
            self.watch_over = true;
            self.say(Severity::Info, None, "the watch after 100 % is over", Fact::WatchOver, out);
        }
        if self.may_complete() {
            // As with a step: on the newest there is, not on what the last look at the limits made of it.
            self.watched_at = None;
            self.watch_limits(out);
            if self.may_complete() {
                self.completes(out);
            }
        }
    }

    fn may_complete(&self) -> bool {
        let is_baked = self.is_at_end() && self.phase() == Phase::Baking && self.bake_left().is_zero();
        let holds_it = self.balancer_is_known() && !self.is_elsewhere();
        let is_seen = holds_it || planted(Bug::CompleteUnread);
        // Without a bake it is still to be seen how the candidate carries it.
        let is_looked_at = self.instances[Role::Candidate].read_at().is_some_and(|at| at >= self.bake.began);
        is_baked && is_seen && is_looked_at && self.closed_to_completion().next().is_none()
    }

    fn completes(&mut self, out: &mut Vec<Effect>) {
        self.completed = Some((self.now, self.wall));
        self.begin_watch();
        let text = format!("COMPLETE: 100% on {}; R still rolls back", self.environment(Role::Candidate));
        self.say(Severity::Info, None, text, Fact::Completed, out);
    }

    /// `A` where there is no further step: nobody need press it, but whoever knows better goes over what it waits for.
    pub(super) fn complete_over(&mut self, by: &Person, over: Option<&Override>, out: &mut Vec<Effect>) -> Answered {
        let waits: Vec<Clean> = self.completion_waits().iter().map(Gate::words).collect();
        let Some(over) = over else {
            let why = vec!["there is no further step".into()];
            return Err(why.into_iter().chain(waits).collect());
        };
        if waits.is_empty() {
            return refuse("there is no further step, and COMPLETE waits for nothing but its bake");
        }
        self.may_override(over)?;
        // Nobody's word makes an outage a cutover that is complete.
        if let Some(words) = self.unserved_words() {
            return refuse(words);
        }
        self.goes_over(by, over, out);
        self.completes(out);
        Ok("the cutover is complete".into())
    }
}
