//! What a rollback must do, and when.

use super::{Row, Rule, Truth, Witness, row};
use std::time::Duration;
use warroom::domain::{EffectId, Mono, Role, Setting};
use warroom::engine::WriteResult;

/// The disk's time, and a turn.
const SENT_WITHIN: Duration = Duration::from_millis(21);
/// The longest wait between two attempts, and a turn.
const AGAIN_WITHIN: Duration = Duration::from_millis(2_100);
/// Agreeing reads beyond the window that are not yet a confirmation: one interval of reading back, and a slow read.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(3_000);

/// The witness' own book of a rollback.
#[derive(Debug)]
pub struct Back {
    accepted: Mono,
    target: Row,
    newest_send: Option<Mono>,
    writing: Option<EffectId>,
    failed_at: Option<Mono>,
    answered_at: Mono,
    acknowledged: bool,
    /// Since when every whole read has agreed.
    agrees: Option<Mono>,
    /// Since when an own setting other than the target is there and nothing is under way.
    differs: Option<Mono>,
    /// It has agreed for the window and more.
    due: bool,
    pub foreign: bool,
    pub confirmed: bool,
}

impl Back {
    pub fn new(accepted: Mono, target: Row) -> Self {
        Self {
            accepted,
            target,
            newest_send: None,
            writing: None,
            failed_at: None,
            answered_at: accepted,
            acknowledged: false,
            agrees: None,
            differs: None,
            due: false,
            foreign: false,
            confirmed: false,
        }
    }

    /// What was confirmed before a crash is confirmed again by reading.
    pub fn restarted(&mut self, now: Mono) {
        let foreign = self.foreign;
        *self = Self { foreign, ..Self::new(now, std::mem::take(&mut self.target)) };
    }

    pub fn adopted(&mut self, target: Row) {
        self.target = target;
        self.foreign = false;
        self.agrees = None;
        self.differs = None;
        self.due = false;
        self.failed_at = None;
    }

    pub fn written(&mut self, now: Mono, id: EffectId, result: &WriteResult) {
        if self.writing != Some(id) {
            return;
        }
        self.writing = None;
        self.answered_at = now;
        let accepted = *result == WriteResult::Accepted;
        self.acknowledged |= accepted;
        self.failed_at = (!accepted).then_some(now);
    }
}

impl Witness<'_> {
    pub(super) fn back_read(&mut self, started: Mono, row: &Row) {
        if !self.has_baseline && self.back.as_ref().is_some_and(|back| !back.acknowledged) {
            // Rolled back before it was ever read: what is there is the state before the run.
            self.knows(row);
        }
        let is_own = self.is_own(row);
        let now = self.now;
        let window = self.stage.plan.traffic.lateness + CONFIRMED_WITHIN;
        let Some(back) = &mut self.back else { return };
        let is_after = back.newest_send.is_some_and(|sent| started >= sent);
        if *row == back.target {
            back.foreign = false;
            back.differs = None;
            if is_after {
                back.failed_at = None;
                let since = *back.agrees.get_or_insert(now);
                back.due = started.since(since) >= window;
            }
            return;
        }
        back.agrees = None;
        back.due = false;
        back.confirmed = false;
        if is_own {
            back.foreign = false;
            let at_rest = is_after && started >= back.answered_at && back.writing.is_none() && back.failed_at.is_none();
            back.differs = at_rest.then(|| back.differs.unwrap_or(now));
        } else if is_after {
            back.foreign = true;
            back.differs = None;
        }
    }

    pub(super) fn backward(&mut self, id: EffectId, setting: &Setting) {
        let now = self.now;
        let row = row(setting);
        let asked = self.asked;
        let Some(back) = &mut self.back else {
            return self.breaks(Rule::Shape, "a write back that nobody asked for");
        };
        let over_foreign = back.foreign && !asked;
        let is_target = row == back.target;
        back.newest_send = Some(now);
        back.writing = Some(id);
        back.failed_at = None;
        back.differs = None;
        if over_foreign {
            self.breaks(Rule::Foreign, "the rollback was sent over a foreign setting");
        }
        if !is_target || self.stage.slots(Role::Candidate).any(|slot| row.get(slot) != Some(&0)) {
            self.breaks(Rule::Shape, format!("a rollback to {setting}"));
        }
    }

    pub(super) fn back_overdue(&mut self) {
        if self.ended || self.watches {
            return;
        }
        let now = self.now;
        let Some(back) = &self.back else { return };
        let late = |since: Mono, limit: Duration| now.since(since) > limit;
        let (rule, what) = if back.due && !back.confirmed {
            (Rule::Confirms, "it has agreed for its time and is not confirmed")
        } else if back.foreign || back.writing.is_some() {
            return;
        } else if back.newest_send.is_none() && late(back.accepted, SENT_WITHIN) {
            (Rule::Persists, "an accepted rollback is not sent")
        } else if back.failed_at.is_some_and(|at| late(at, AGAIN_WITHIN)) {
            (Rule::Persists, "a failed attempt is not repeated")
        } else if back.differs.is_some_and(|at| late(at, AGAIN_WITHIN)) {
            (Rule::Persists, "what was undone is not sent again")
        } else {
            return;
        };
        self.breaks(rule, what);
    }

    /// 5: agreeing reads from the first to the last over the whole window, and so in truth.
    pub(super) fn may_confirm(&mut self, truth: Truth) {
        let window = self.stage.plan.traffic.lateness;
        let Some(back) = &self.back else { return self.breaks(Rule::Confirms, "nothing to confirm") };
        let Some(read) = &self.read else { return self.breaks(Rule::Confirms, "confirmed without a read") };
        let spans = back.agrees.is_some_and(|since| read.started.since(since) >= window);
        if !spans || read.row != back.target {
            let what = format!("confirmed, and it agrees since {:?}; read {:?}", back.agrees, read.started);
            self.breaks(Rule::Confirms, what);
        } else if truth.pending > 0 {
            self.breaks(Rule::Confirms, "confirmed while an older write can still land");
        } else if !truth.is_back && read.is_true && truth.meddled < read.started {
            self.breaks(Rule::Confirms, "confirmed while the candidate has weight");
        }
    }

    /// 8: not to a stable that is down, not past a point of no return, not while suspended.
    pub(super) fn may_go_back_by_itself(&mut self) {
        let why = if self.stable_is_down() {
            "stable is down"
        } else if self.is_past_no_return() {
            "past the point of no return"
        } else if self.suspended {
            "it is suspended"
        } else {
            return;
        };
        self.breaks(Rule::Automatic, format!("an automatic rollback, and {why}"));
    }
}
