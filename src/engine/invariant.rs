//! What must hold after every event, checked in production too.
//!
//! A violation is a bug in this program. It is journaled and shown, freezes forward movement for the
//! rest of the run, and leaves rollback open. It never panics. The numbers are those of `docs/architecture.md`.

use super::forward::How;
use super::{Direction, Effect, Engine, Fact, Mode, Severity};
use crate::domain::{Role, Setting, Split, Weights};
use crate::plan::PERCENT_WHOLE;

impl Engine {
    pub(super) fn check_invariants(&mut self, out: &mut Vec<Effect>) {
        if self.violation.is_some() {
            return;
        }
        let Some(why) = self.violated(out) else { return };
        // The effect that would break the invariant is not carried out; a rollback is never held up by this.
        let watches = self.mode == Mode::Watch;
        out.retain(|effect| match effect {
            Effect::WriteSplit { direction, .. } => *direction == Direction::Back && !watches,
            Effect::Rehearse { .. } => false,
            Effect::Journal { .. } | Effect::ReadSplit { .. } | Effect::Stop => true,
        });
        self.violation = Some(why.as_str().into());
        let text = format!("INVARIANT VIOLATED, forward is frozen, R still rolls back: {why}");
        self.say(Severity::Critical, None, text, Fact::Line, out);
    }

    fn violated(&self, out: &[Effect]) -> Option<String> {
        for effect in out {
            if let Some(why) = self.rehearsal_violates(effect) {
                return Some(why);
            }
            let Effect::WriteSplit { direction, setting, epoch, .. } = effect else { continue };
            if self.mode == Mode::Watch {
                return Some("a watching keeper wrote".into());
            }
            if *epoch != self.epoch {
                return Some("5: a write of a superseded epoch".into());
            }
            if let Some(why) = self.setting_violates(setting) {
                return Some(why);
            }
            match direction {
                Direction::Forward => {
                    if let Some(why) = self.forward_violates() {
                        return Some(why);
                    }
                }
                Direction::Back => {
                    if self.rollback.is_none() {
                        return Some("2: a write back without an accepted rollback".into());
                    }
                    let candidate = self.layout.slots.iter().filter(|(_, role)| *role == Role::Candidate);
                    if self.expected_back(setting)
                        && candidate.into_iter().any(|(slot, _)| setting.0.get(slot) != Some(&0))
                    {
                        return Some("2: a rollback that leaves the candidate weight".into());
                    }
                }
            }
        }
        if self.rollback.is_some() && (self.shift.is_some() || self.held.is_some()) {
            return Some("5: something goes forward or holds after a rollback was accepted".into());
        }
        if self.current > Split::ALL_CANDIDATE {
            return Some("2: a split out of range".into());
        }
        None
    }

    /// An adopted setting may carry any native weights; computed ones carry zero.
    fn expected_back(&self, setting: &Setting) -> bool {
        self.rollback.as_ref().is_some_and(|rollback| rollback.setting == *setting)
    }

    /// 2: every slot is named, weights are in range, no node is left with nobody to serve.
    fn setting_violates(&self, setting: &Setting) -> Option<String> {
        let max = match self.layout.weights {
            Weights::Percent => PERCENT_WHOLE,
            Weights::Relative { max } => max,
        };
        if self.layout.slots.iter().any(|(slot, _)| setting.0.get(slot).is_none_or(|weight| *weight > max)) {
            return Some("2: a slot without a weight in range".into());
        }
        for node in 0..self.layout.nodes.len() {
            let of_node = setting.0.iter().filter(|(slot, _)| slot.node == node);
            let sum: u64 = of_node.map(|(_, weight)| u64::from(*weight)).sum();
            let right = match self.layout.weights {
                Weights::Percent => sum == u64::from(PERCENT_WHOLE),
                Weights::Relative { .. } => sum > 0,
            };
            if !right {
                return Some("2: weights that do not make a whole".into());
            }
        }
        None
    }

    /// A rehearsal writes what is there while nothing is under way.
    fn rehearsal_violates(&self, effect: &Effect) -> Option<String> {
        let Effect::Rehearse { setting, .. } = effect else { return None };
        let is_there = self.balancer.seen.as_ref().is_some_and(|(_, state)| state.setting() == Ok(setting.clone()));
        let is_still = self.shift.is_none() && self.rollback.is_none() && self.drift.is_none();
        let may = self.mode == Mode::Drive && is_there && is_still;
        (!may).then(|| "4: a rehearsal that would change something".to_owned())
    }

    fn forward_violates(&self) -> Option<String> {
        if self.rollback.is_some() {
            return Some("5: a forward write after a rollback was accepted".into());
        }
        if self.drift.is_some() {
            return Some("8: a forward write under drift".into());
        }
        if self.journal_trouble.is_some() {
            return Some("3: a forward write without a durable intent".into());
        }
        let Some(shift) = &self.shift else { return Some("4: a forward write that belongs to no step".into()) };
        if self.next_step() != Some(shift.step) {
            return Some("2: a forward write of more than one step".into());
        }
        let steps = self.position.map_or(0, |position| position + 1)..=shift.step;
        let past_hold =
            shift.how == How::Automatic && self.position.is_some_and(|position| self.plan.steps[position].hold);
        if past_hold {
            return Some(format!("7: the keeper went past a hold point by itself ({steps:?})"));
        }
        None
    }
}
