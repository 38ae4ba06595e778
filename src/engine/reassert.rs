//! What this run last set, set again over what somebody else set since.
//!
//! It goes only against a move towards the candidate, or one that left the split where it was: on no node does it give
//! the candidate more than is there. A colleague's rollback is adopted or completed, never undone.
//!
//! It passes every gate of an advance but four kinds: the drift, which is its occasion; the bake, which does not count
//! under drift and would never end; the approval and the hooks, which are of the next step. After its intent is on disk
//! the balancer is read once more, and only what was decided on is gone over.

use super::command::Answered;
use super::forward::{Bake, Goal, How, Shift, after_words};
use super::gates::Condition;
use super::{Effect, Engine, Fact, Gate, Severity, share};
use crate::domain::{Clean, Mono, Person, Setting};
use std::time::Duration;

impl Engine {
    /// Whether what somebody else set may be gone over at all, whatever the gates say.
    pub(super) fn may_be_undone(&self, setting: &Setting) -> bool {
        self.expected.as_ref().is_some_and(|expected| {
            share::is_whole(&self.layout, expected) && !share::raises_candidate(&self.layout, setting, expected)
        })
    }

    /// Why what this run last set cannot be set again now; empty when it can.
    pub(super) fn reassert_refused(&self) -> Vec<Clean> {
        let Some(drift) = &self.drift else {
            return vec!["nothing to re-assert: the balancer holds what this run set".into()];
        };
        if self.shift.is_some() {
            return vec!["a write is under way; it must be read back first".into()];
        }
        if let Some(expected) = self.expected.as_ref().filter(|setting| !share::is_whole(&self.layout, setting)) {
            let words = format!(
                "what was adopted makes no whole ({expected}), so that it cannot be set: :adopt, or R rolls back"
            );
            return vec![Clean::new(words)];
        }
        if !drift.may_be_undone {
            let words =
                "it would give the candidate more than somebody else left it: :adopt, :complete or R rolls back";
            return vec![words.into()];
        }
        if let Some(breaks) = self.passed_beyond() {
            let words = format!("traffic was past the point of no return ({breaks}): :adopt, or R rolls back");
            return vec![Clean::new(words)];
        }
        self.closed_to_reassert().map(|gate| gate.words()).collect()
    }

    fn closed_to_reassert(&self) -> impl Iterator<Item = Gate> {
        self.closed_gates_of(How::Pressed, |condition| !condition.is_of_next_step() && condition != Condition::Drift)
    }

    pub(super) fn reassert(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        self.look_at_limits();
        let refused = self.reassert_refused();
        if !refused.is_empty() {
            return Err(refused);
        }
        let (Some(drift), Some(setting)) = (&self.drift, self.expected.clone()) else {
            return Err(vec!["the balancer has not been read yet".into()]);
        };
        let (over, to) = (drift.setting.clone(), drift.to);
        let differences = self.differences(&over, &setting);
        let text = format!("{by} re-asserts candidate {} over {to} ({differences})", self.current);
        self.ledger.record_over(&over);
        let fact = Fact::Reasserting { split: self.current, setting: setting.clone(), over: over.clone() };
        let journal = self.say(Severity::Warn, Some(by), &text, fact, out);
        self.shift = Some(Shift::intended(Goal::Again { over, from: to }, setting, How::Pressed, journal, self.now));
        Ok(text.into())
    }

    /// The read that was asked for once the intent was on disk: it goes out over what was decided on, and nothing else.
    pub(super) fn reassert_looked(&mut self, started: Mono, setting: &Setting, out: &mut Vec<Effect>) {
        let Some(shift) = self.shift.as_ref().filter(|shift| shift.looks_since().is_some_and(|at| started >= at))
        else {
            return;
        };
        let Goal::Again { over, .. } = &shift.goal else { return };
        if *setting == shift.setting {
            self.shift = None;
            let text = format!("candidate {} was not set again: the balancer holds it", self.current);
            self.say(Severity::Info, None, text, Fact::NotReasserted, out);
        } else if setting != over || self.drift.as_ref().is_none_or(|drift| !drift.may_be_undone) {
            self.miss(&format!("somebody changed it before it was sent: {setting}"), out);
        } else {
            self.look_at_limits();
            let closed = self.closed_to_reassert().next();
            match closed {
                Some(gate) => self.miss(&format!("{} closed before it was sent: {}", gate.name, gate.detail), out),
                None => self.send_shift(out),
            }
        }
    }

    /// It was read back.
    pub(super) fn reasserted(&mut self, took: Option<Duration>, out: &mut Vec<Effect>) {
        self.drift = None;
        self.watched = Duration::ZERO;
        self.reasserts += 1;
        // Its time is to be spent at its split.
        self.bake = Bake::new(self.now);
        let text = format!("candidate {} set again, read back{}", self.current, after_words(took));
        self.say(Severity::Info, None, text, Fact::Reasserted, out);
    }

    /// A re-assert that this process only knows from the journal may have gone out.
    pub(super) fn fold_reasserting(&mut self, setting: &Setting, over: &Setting) {
        self.ledger.record_over(over);
        let from = share::by_weight(&self.layout, over).unwrap_or_default();
        let goal = Goal::Again { over: over.clone(), from };
        self.shift = Some(Shift::recovered(goal, setting.clone(), self.now, self.settling()));
    }

    /// Whether it breaks a rule that a re-assert goes out now.
    pub(super) fn reassert_violates(&self, shift: &Shift, over: &Setting) -> Option<String> {
        if self.drift.as_ref().is_none_or(|drift| drift.setting != *over) {
            return Some("8: a re-assert over what nobody decided on".into());
        }
        if !self.may_be_undone(over) {
            return Some("8: a re-assert against a move towards stable".into());
        }
        if self.expected.as_ref() != Some(&shift.setting) {
            return Some("4: a re-assert of what was not read back last".into());
        }
        (shift.how != How::Pressed).then(|| "7: a re-assert that nobody pressed".into())
    }
}
