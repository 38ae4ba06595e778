//! After a crash: the journal's facts folded back into an engine that shows where it stands, and holds.

use super::planted::{Bug, planted};
use super::{Baseline, Engine, Entry, Fact, Goal, Held, LOG_LINES_MAX, Mode, SUSPEND_MAX, Shift, Suspension};
use crate::domain::{Mono, Person, Role, Split, Wall};
use crate::plan::Plan;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// Begins a run, or goes on with it where its journal says that it was begun.
    pub fn begin(plan: Arc<Plan>, mode: Mode, entries: &[Entry], mono: Mono, wall: Wall, jitter: u64) -> Self {
        match mode {
            Mode::Drive if !entries.is_empty() => Self::recover(plan, entries, mono, wall, jitter),
            // What a run did that only watches is nothing: only its log goes on.
            Mode::Drive | Mode::Watch => {
                let mut engine = Self::new(plan, mode, mono, wall, jitter);
                engine.goes_on_after(entries);
                engine
            }
        }
    }

    /// No line takes the number of one that the journal has.
    fn goes_on_after(&mut self, entries: &[Entry]) {
        self.entry_number = entries.last().map_or(0, |entry| entry.number);
        let kept = entries.len().saturating_sub(LOG_LINES_MAX);
        self.log = entries[kept..].iter().cloned().collect();
    }

    /// Rebuilds a run from its journal. A rollback that was under way goes on by itself; anything else holds.
    pub fn recover(plan: Arc<Plan>, entries: &[Entry], mono: Mono, wall: Wall, jitter: u64) -> Self {
        let mut engine = Self::new(plan, Mode::Drive, mono, wall, jitter);
        for entry in entries {
            engine.fold(entry);
        }
        // What they answered before this keeper, and while there was none, nobody counted.
        for role in Role::BOTH {
            engine.instances[role].totals_have_gaps = engine.forward_began;
        }
        engine.passed = engine.passed.filter(|_| !planted(Bug::RestartForgetsNoReturn));
        engine.goes_on_after(entries);
        if !planted(Bug::RestartForgetsRehearsal) {
            engine.recover_rehearsal();
        }
        if engine.rollback.is_none() && !engine.ended {
            engine.held = Some(Held {
                by: Person::keeper(),
                why: "the keeper was restarted: look, then resume".into(),
                wall,
                automatic: true,
            });
        }
        engine
    }

    fn fold(&mut self, entry: &Entry) {
        match &entry.fact {
            Fact::Line | Fact::Note | Fact::Started { .. } | Fact::Held { .. } | Fact::Resumed => {}
            Fact::Baseline { setting, split } => {
                self.ledger.record(setting);
                self.expected = Some(setting.clone());
                self.current = *split;
                self.baseline = Some(Baseline { setting: setting.clone(), split: *split });
            }
            Fact::TargetsBefore { stable } => self.fold_targets_before(*stable),
            Fact::Configuration { state } => self.fold_configuration(state),
            Fact::Intent { step, setting, idle_rate, .. } => {
                self.idle_rate = self.idle_rate.or(*idle_rate);
                self.ledger.record(setting);
                self.forward_began = true;
                let shift = Shift::recovered(Goal::Step(*step), setting.clone(), self.now, self.settling());
                self.shift = Some(shift).filter(|_| !planted(Bug::RestartForgetsShift));
            }
            Fact::Reached { step } => self.fold_reached(*step, entry),
            Fact::PastNoReturn { step } => self.passed = self.passed.max(Some(*step)),
            Fact::Missed { .. } | Fact::NotReasserted => self.shift = None,
            Fact::Reasserting { setting, over, .. } => self.fold_reasserting(setting, over),
            Fact::Reasserted => {
                self.shift = None;
                self.reasserts += 1;
                self.balancer.was_elsewhere = false;
            }
            Fact::Adopted { setting, split } => {
                self.balancer.was_elsewhere = false;
                if self.rollback.is_some() {
                    self.ledger.record(setting);
                    if let Some(rollback) = &mut self.rollback {
                        rollback.adopt(setting.clone());
                    }
                    self.fold_foreign(None);
                } else {
                    self.adopted(setting.clone(), *split);
                    self.fold_no_return(*split);
                }
            }
            Fact::RollbackAccepted { .. } if planted(Bug::RestartForgetsBack) => {}
            Fact::RollbackAccepted { reason, from, setting, automatic, over } => {
                if let Some(over) = over.as_ref().filter(|_| !planted(Bug::RestartForgetsOver)) {
                    self.ledger.record(over);
                }
                self.resume_rollback(entry, reason.clone(), *from, setting.clone(), *automatic);
            }
            Fact::Foreign { setting } => self.fold_foreign(Some(setting)),
            Fact::SentAgain { setting } => {
                self.ledger.record(setting);
                self.fold_foreign(None);
                self.fold_confirmed(false);
            }
            Fact::RollbackUndone => self.fold_confirmed(false),
            // What was confirmed before the crash is confirmed again by reading, not by memory.
            Fact::RollbackReadBack => self.fold_foreign(None),
            Fact::RollbackConfirmed | Fact::RolledBack => self.fold_confirmed(true),
            Fact::Approved { step } => {
                if let Some(by) = &entry.by {
                    self.approvals.insert(*step, by.clone());
                }
            }
            Fact::Driver => self.driver.clone_from(&entry.by),
            Fact::Suspended { until, reason } => {
                let passed = self.age_of(entry);
                let left = until.since(entry.wall).min(SUSPEND_MAX).saturating_sub(passed);
                if let (false, Some(by)) = (left.is_zero(), &entry.by) {
                    self.suspension = Some(Suspension {
                        by: by.clone(),
                        reason: reason.clone().unwrap_or_else(|| entry.text.clone()),
                        until: self.now + left,
                        until_wall: self.wall.plus(left),
                    });
                }
            }
            Fact::Unsuspended => self.suspension = None,
            Fact::HookStarted { hook } => self.fold_hook_started(hook, entry),
            Fact::HookEnded { hook, end, took, tail } => self.fold_hook_ended(hook, (end, tail), *took, entry),
            // What the keeper before saw of it no journal says, and while none was there nobody looked: it begins anew.
            // A disk may have taken this one and refused how everything came to the candidate.
            Fact::Completed if self.current != Split::ALL_CANDIDATE => {}
            Fact::Completed => self.completed = Some((self.now, entry.wall)),
            Fact::WatchAnew { drifts } => self.balancer.was_elsewhere = *drifts,
            Fact::Violated { why } => self.violation = Some(why.clone()),
            Fact::WatchOver => self.watch_over = self.completed.is_some(),
            Fact::Ended => self.ended = true,
        }
    }

    /// How long ago an entry was written. A wall clock that was set back makes it no younger, nor does the other one, which
    /// begins anew with the machine.
    pub(super) fn age_of(&self, entry: &Entry) -> Duration {
        self.wall.since(entry.wall).max(self.now.since(entry.mono))
    }

    fn fold_reached(&mut self, step: usize, entry: &Entry) {
        if step >= self.plan.steps.len() {
            return;
        }
        if let Some(shift) = self.shift.take() {
            self.expected = Some(shift.setting);
        }
        self.reasserts = 0;
        self.position = Some(step);
        self.current = self.plan.steps[step].split;
        self.fold_no_return(self.current);
        self.reached[step] = Some((self.now, entry.wall));
        debug_assert!(self.current > Split::ALL_STABLE, "steps are above zero by construction");
    }
}
