//! What a rollback must do, and when.

use super::{Row, Rule, Truth, Witness, row};
use std::time::Duration;
use warroom::domain::{EffectId, Mono, Role, Setting, Weights};
use warroom::engine::WriteResult;

/// How long a rollback waits for the disk.
const DISK: Duration = Duration::from_millis(20);
/// The disk's time, and a turn.
const SENT_WITHIN: Duration = Duration::from_millis(21);
/// The longest wait between two attempts, and a turn. A look before the first takes one attempt's time, which is less.
const AGAIN_WITHIN: Duration = Duration::from_millis(2_100);
/// Agreeing reads beyond the window that are not yet a confirmation: one interval of reading back, and a slow read.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(3_000);

/// The witness' own book of a rollback.
#[derive(Debug)]
pub struct Back {
    accepted: Mono,
    target: Row,
    /// Begun by another hand or another process: the balancer is looked at before anything is sent.
    looks: bool,
    /// Its record is on the disk, or was waited for long enough.
    pub is_recorded: bool,
    newest_send: Option<Mono>,
    sends: u32,
    writing: Option<EffectId>,
    failed_at: Option<Mono>,
    answered_at: Option<Mono>,
    acknowledged: bool,
    /// Since when every whole read has agreed.
    agrees: Option<Mono>,
    /// Since when an own setting other than the target is there and nothing is under way.
    differs: Option<Mono>,
    /// It has agreed for the window and more.
    due: bool,
    /// What somebody else set, on the nodes that answered.
    pub foreign: Option<Vec<Option<u32>>>,
    /// When it was called read back, and nothing else was there since.
    seen_at: Option<Mono>,
    pub confirmed: bool,
    /// Confirmed once, perhaps in another process.
    pub was_confirmed: bool,
}

impl Back {
    pub fn new(accepted: Mono, target: Row, looks: bool) -> Self {
        Self {
            accepted,
            target,
            looks,
            is_recorded: false,
            newest_send: None,
            sends: 0,
            writing: None,
            failed_at: None,
            answered_at: None,
            acknowledged: false,
            agrees: None,
            differs: None,
            due: false,
            foreign: None,
            seen_at: None,
            confirmed: false,
            was_confirmed: false,
        }
    }

    /// Whether it was called read back, and nothing else was there since.
    pub fn is_seen(&self) -> bool {
        self.seen_at.is_some()
    }

    pub fn seen_at(&self) -> Option<Mono> {
        self.seen_at
    }

    /// What was confirmed before a crash is confirmed again by reading.
    pub fn restarted(&mut self, now: Mono) {
        let (foreign, was_confirmed) = (self.foreign.take(), self.was_confirmed);
        let target = std::mem::take(&mut self.target);
        *self = Self { foreign, was_confirmed, is_recorded: true, ..Self::new(now, target, true) };
    }

    /// Something else is there, or nobody can tell and a person asks for it: either way it is sent again, or read.
    pub fn undone(&mut self, now: Mono) {
        (self.agrees, self.due, self.seen_at) = (None, false, None);
        (self.confirmed, self.was_confirmed) = (false, false);
        if self.writing.is_none() && self.differs.is_none() {
            self.failed_at.get_or_insert(now);
        }
    }

    pub fn adopted(&mut self, target: Row) {
        self.target = target;
        self.foreign = None;
        self.agrees = None;
        self.differs = None;
        self.due = false;
        self.failed_at = None;
        // It is there already.
        self.was_confirmed = true;
    }

    pub fn written(&mut self, now: Mono, id: EffectId, result: &WriteResult) {
        if self.writing != Some(id) {
            return;
        }
        self.writing = None;
        self.answered_at = Some(now);
        let accepted = *result == WriteResult::Accepted;
        self.acknowledged |= accepted;
        self.failed_at = (!accepted).then_some(now);
    }

    /// Whether a read that began then can tell what the newest attempt has done.
    fn can_judge(&self, started: Mono) -> bool {
        let at_rest = self.writing.is_none() && self.is_recorded && (self.newest_send.is_some() || self.looks);
        at_rest && started >= self.answered_at.unwrap_or(self.accepted)
    }

    /// Whether a node that held something foreign did not answer.
    fn may_hide_foreign(&self, seen: &[Option<u32>]) -> bool {
        let foreign = self.foreign.iter().flatten();
        foreign.zip(seen).any(|(foreign, now)| foreign.is_some() && now.is_none())
    }

    fn agrees(&mut self, now: Mono, started: Mono, window: Duration) {
        self.foreign = None;
        self.differs = None;
        let tells = self.newest_send.map_or(self.can_judge(started), |sent| started >= sent);
        if tells {
            self.failed_at = None;
            let since = *self.agrees.get_or_insert(now);
            self.due = started.since(since) >= window;
        }
    }
}

impl Witness<'_> {
    /// What a driver passes through on its way: everything on stable, with full weights.
    pub(super) fn way_back(&self) -> Vec<Option<u32>> {
        let full = match self.stage.layout.weights {
            Weights::Percent => 100_000,
            Weights::Relative { max } => max,
        };
        self.stage.layout.slots.iter().map(|(_, role)| Some(if *role == Role::Stable { full } else { 0 })).collect()
    }

    pub(super) fn back_read(&mut self, started: Mono, seen: &[Option<u32>]) {
        let whole = seen.iter().all(Option::is_some);
        let is_early =
            |back: &Back| !back.acknowledged || back.sends <= 1 && back.answered_at.is_none_or(|at| started < at);
        if whole && !self.has_baseline && self.back.as_ref().is_some_and(is_early) {
            // Rolled back before it was ever read: what is there is the state before the run.
            self.knows(seen);
        }
        if seen.iter().all(Option::is_none) {
            return;
        }
        let is_own = self.is_own(seen);
        let now = self.now;
        let window = self.stage.plan.traffic.lateness + CONFIRMED_WITHIN;
        let Some(back) = &mut self.back else { return };
        let agrees = seen.iter().zip(&back.target).all(|(seen, target)| seen.is_none_or(|seen| seen == *target));
        let hides = back.may_hide_foreign(seen);
        if agrees {
            if whole {
                back.agrees(now, started, window);
            } else if !hides {
                back.foreign = None;
            }
            return;
        }
        (back.agrees, back.due, back.seen_at, back.confirmed) = (None, false, None, false);
        if !back.can_judge(started) {
            return;
        }
        if !is_own {
            back.foreign = Some(seen.to_vec());
            (back.differs, back.failed_at) = (None, None);
        } else if !hides {
            if back.foreign.take().is_some() {
                // What failed before it was foreign is not repeated; what is there now is.
                back.failed_at = None;
            }
            back.differs = back.differs.or(Some(now));
        }
    }

    pub(super) fn backward(&mut self, id: EffectId, setting: &Setting) {
        let now = self.now;
        let row = row(setting);
        let asked = self.asked;
        let Some(back) = &mut self.back else {
            return self.breaks(Rule::Shape, "a write back that nobody asked for");
        };
        let over_foreign = back.foreign.is_some() && !asked;
        let is_target = row == back.target;
        back.newest_send = Some(now);
        back.sends += 1;
        back.writing = Some(id);
        back.failed_at = None;
        back.differs = None;
        back.is_recorded = true;
        if over_foreign {
            self.breaks(Rule::Foreign, "the rollback was sent over a foreign setting");
        }
        if !is_target || self.stage.slots(Role::Candidate).any(|slot| row.get(slot) != Some(&0)) {
            self.breaks(Rule::Shape, format!("a rollback to {setting}"));
        }
    }

    pub(super) fn back_overdue(&mut self) {
        let now = self.now;
        let Some(back) = self.back.as_mut().filter(|_| !self.ended && !self.watches) else { return };
        back.is_recorded |= now.since(back.accepted) >= DISK;
        let late = |since: Mono, limit: Duration| now.since(since) > limit;
        let at_rest = back.foreign.is_none() && back.writing.is_none();
        let first = if back.looks { AGAIN_WITHIN } else { SENT_WITHIN };
        let needs_sending = back.newest_send.is_none() && back.agrees.is_none() && !back.was_confirmed;
        let (rule, what) = if back.due && !back.confirmed {
            (Rule::Confirms, "it has agreed for its time and is not confirmed")
        } else if at_rest && needs_sending && late(back.accepted, first) {
            (Rule::Persists, "an accepted rollback is not sent")
        } else if at_rest && back.failed_at.is_some_and(|at| late(at, AGAIN_WITHIN)) {
            (Rule::Persists, "a failed attempt is not repeated")
        } else if at_rest && back.differs.is_some_and(|at| late(at, AGAIN_WITHIN)) {
            (Rule::Persists, "what was undone is not sent again")
        } else {
            return;
        };
        self.breaks(rule, what);
    }

    /// 4: called read back once, when a whole read agrees, and again only after something else was there.
    pub(super) fn may_be_read_back(&mut self) {
        let now = self.now;
        let Some(back) = &mut self.back else { return self.breaks(Rule::ReadBack, "nothing to read back") };
        let is_again = back.seen_at.replace(now).is_some();
        if is_again || back.agrees.is_none() {
            let what = format!("called read back (before: {is_again}), and it agrees since {:?}", back.agrees);
            self.breaks(Rule::ReadBack, what);
        }
    }

    /// 5: agreeing reads from the first to the last over the whole window, and so in truth.
    pub(super) fn may_confirm(&mut self, truth: Truth) {
        let window = self.stage.plan.traffic.lateness;
        let Some(back) = &self.back else { return self.breaks(Rule::Confirms, "nothing to confirm") };
        let Some(read) = &self.read else { return self.breaks(Rule::Confirms, "confirmed without a read") };
        let spans = back.is_seen() && back.agrees.is_some_and(|since| read.started.since(since) >= window);
        if !spans || read.row != back.target {
            let what = format!("confirmed, and it agrees since {:?}; read {:?}", back.agrees, read.started);
            self.breaks(Rule::Confirms, what);
        } else if truth.pending + truth.rehearsing > 0 {
            self.breaks(Rule::Confirms, "confirmed while an older write can still land");
        } else if !truth.is_back && read.is_true && truth.meddled < read.started {
            self.breaks(Rule::Confirms, "confirmed while the candidate has weight");
        }
    }

    /// 5: whoever rolls back over a drift on screen means that, and nothing that was never there.
    pub(super) fn may_go_over(&mut self, over: Option<&Setting>) {
        let Some(over) = over.map(|over| self.weights(over)) else { return };
        let drift = self.read.as_ref().filter(|_| self.sees_drift()).map(|read| &read.row);
        // While a re-assert has not landed the screen shows what it was to go over.
        let told = self.told_of_drift.as_ref().filter(|_| self.reasserts);
        let is_there = |slot: usize| {
            over[slot] == self.shown[slot]
                || [drift, told].into_iter().flatten().any(|row| Some(row[slot]) == over[slot])
        };
        let unseen: Vec<_> = over.iter().enumerate().map(|(slot, weight)| weight.filter(|_| !is_there(slot))).collect();
        if !self.is_own(&unseen) {
            self.breaks(Rule::Foreign, format!("goes back over {over:?}, and the last read was {:?}", self.read));
        }
    }

    /// 5: what this run set, or was told to go over, by whichever of its keepers, is not somebody else's.
    pub(super) fn may_be_foreign(&mut self, setting: &Setting) {
        if self.is_own(&self.weights(setting)) {
            self.breaks(Rule::Foreign, format!("{setting} is called foreign, and is this run's to go over"));
        }
    }

    /// 1: that nothing is left on the candidate it has told itself since the rollback was read back.
    pub(super) fn may_be_empty(&mut self) {
        let seen_at = self.back.as_ref().and_then(Back::seen_at);
        if !seen_at.is_some_and(|at| self.feeds[Role::Candidate].told_since(at)) {
            self.breaks(Rule::Confirms, "rolled back, and the candidate has told nothing since");
        }
    }

    /// 8: not to a stable that is down, not over what somebody else set, not past a point of no return, not while suspended.
    pub(super) fn may_go_back_by_itself(&mut self) {
        let why = if self.stable_is_down() || self.was_down {
            "stable is down, or was when it last told"
        } else if self.is_past_no_return() {
            "past the point of no return"
        } else if self.suspended.is_some() {
            "it is suspended"
        } else if self.sees_anothers() {
            "somebody else set it"
        } else {
            return;
        };
        self.breaks(Rule::Automatic, format!("an automatic rollback, and {why}"));
    }
}
