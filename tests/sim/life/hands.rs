//! The keeper's hands, as in `keeper/effects.rs`, and its disk.

use super::{By, Fault, Forward, Item, Landing, Life, Mode, Rule, SECOND, Taken};
use warroom::domain::{EffectId, Setting};
use warroom::engine::{Direction, Effect, Event, HookEnd, OutcomeKind, Tail, WriteResult};

/// How long after it was decided a forward write may go out.
const SENT_WITHIN: u64 = 2 * SECOND;

impl Life<'_> {
    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Journal { id, entry } => {
                let (after, taken) = self.sync();
                self.later(after, Item::Synced { id, entry, taken });
            }
            Effect::WriteSplit { id, direction: Direction::Forward, setting, tag, .. } => {
                self.counters.forward += 1;
                self.go_forward(Forward { id, setting, tag, turn: self.clock, by: By::Forward });
            }
            Effect::Rehearse { id, setting, tag } => {
                self.counters.rehearsals += 1;
                if self.weather.is(Fault::Crash) && self.chance.coin() {
                    self.crash_after = Some(self.seq + self.chance.below(4));
                }
                self.go_forward(Forward { id, setting, tag: Some(tag), turn: self.clock, by: By::Rehearsal });
            }
            Effect::WriteSplit { id, direction: Direction::Back, setting, .. } => {
                self.counters.back += 1;
                if let Some((forward, by)) = self.forward.take() {
                    self.aborted.push(forward);
                    let result = WriteResult::Unknown("cancelled".into());
                    self.later(0, Item::Cancelled { id: forward, result: Box::new(by.outcome(result)) });
                }
                self.write(id, &setting, None, By::Back);
            }
            Effect::ReadSplit { id } => self.later(0, Item::ReadBegins { id }),
            Effect::RunHook { id, hook, .. } => self.run_hook(id, hook),
            Effect::StopHook { id } => {
                let after = self.chance.between(1_000, SECOND);
                self.later(after, Item::HookEnds { id, end: HookEnd::Stopped });
            }
            Effect::Stop => {}
        }
    }

    fn go_forward(&mut self, forward: Forward) {
        self.forward = Some((forward.id, forward.by));
        let after = self.chance.below(2_000);
        self.later(after, Item::Look(Box::new(forward)));
    }

    /// How long the disk takes for what is given to it now, and what it makes of it.
    pub(super) fn sync(&mut self) -> (u64, Taken) {
        let taken = match self.weather.strikes(Fault::DiskRefuses) {
            false => Taken::Whole,
            true if self.chance.coin() => Taken::YetRefused,
            true => Taken::Refused,
        };
        // A disk that goes on takes what has waited for it: not each entry of a long row stalls it anew.
        let is_long = self.disk_free_at > self.clock + 15 * SECOND;
        let takes = if !is_long && self.weather.strikes(Fault::DiskStalls) {
            self.chance.between(SECOND, 8 * SECOND)
        } else if self.weather.strikes(Fault::DiskSlow) {
            self.chance.between(5_000, 400_000)
        } else {
            self.chance.between(100, 3_000)
        };
        self.disk_free_at = self.disk_free_at.max(self.clock) + takes;
        (self.disk_free_at - self.clock, taken)
    }

    fn run_hook(&mut self, id: EffectId, hook: usize) {
        self.running.push(id);
        let limit = self.stage.plan.hooks[hook].script.timeout.as_micros() as u64;
        let (after, end) = if self.weather.strikes(Fault::HookHangs) {
            (limit, HookEnd::TimedOut)
        } else if self.weather.strikes(Fault::HookFails) {
            (self.chance.between(1_000, limit), HookEnd::Exited(2))
        } else if self.weather.strikes(Fault::HookLost) {
            (self.chance.below(SECOND), HookEnd::Unknown("it panicked".into()))
        } else {
            (self.chance.between(1_000, 3 * SECOND), HookEnd::Exited(0))
        };
        self.later(after / 2, Item::HookPrints { id });
        self.later(after, Item::HookEnds { id, end });
    }

    /// One that was stopped does not end again by itself, nor is one stopped that had ended.
    pub(super) fn hook_ends(&mut self, id: EffectId, end: HookEnd) {
        if let Some(place) = self.running.iter().position(|running| *running == id) {
            self.running.swap_remove(place);
            let tail = Tail::of(&["the last line".into()], 12);
            self.outcome(id, OutcomeKind::HookEnded { end, tail });
        }
    }

    /// Before a forward write: is there a tombstone?
    pub(super) fn look(&mut self, forward: Box<Forward>) {
        if self.aborted.contains(&forward.id) {
            return;
        }
        if self.has_tombstone && self.hands.look_before {
            self.find_tombstone();
            let why = WriteResult::NotSent("rolled back directly".into());
            self.outcome(forward.id, forward.by.outcome(why));
            return;
        }
        if self.has_tombstone {
            self.witness.breaks(Rule::Tombstone, "a forward write goes out over a tombstone");
        }
        if self.weather.is(Fault::StopAtWrite) {
            self.weather.has_struck(Fault::StopAtWrite);
            self.stands_still(3, 90);
        }
        let after = self.chance.below(1_000);
        self.later(after, Item::Send(forward));
    }

    pub(super) fn send(&mut self, forward: &Forward) {
        if self.aborted.contains(&forward.id) {
            return;
        }
        if self.clock - forward.turn > SENT_WITHIN {
            if self.hands.look_at_clock {
                let why = WriteResult::NotSent("the keeper stood still".into());
                return self.outcome(forward.id, forward.by.outcome(why));
            }
            self.witness
                .breaks(Rule::Readings, "a forward write goes out on what was read before the keeper stood still");
        }
        self.write(forward.id, &forward.setting, forward.tag.as_deref(), forward.by);
    }

    fn write(&mut self, id: EffectId, setting: &Setting, tag: Option<&str>, by: By) {
        let (after, result) = self.put(setting, tag, by);
        self.later(after, Item::Answered { id, result, by });
    }

    /// Sends a setting to the balancer, and gives when it is answered and how: it lands when it does.
    pub(super) fn put(&mut self, setting: &Setting, tag: Option<&str>, by: By) -> (u64, WriteResult) {
        // Also of those who go past the keeper.
        if setting.0.len() < self.stage.layout.slots.len() {
            self.witness.breaks(Rule::Shape, format!("a slot is left out: {setting}"));
            return (0, WriteResult::Refused("a slot is left out".into()));
        }
        let course = self.balancer.write(self.stage, setting, tag, &mut self.weather, &mut self.chance);
        self.writes += 1;
        // It changes nothing, so that no read could show it later: one that is acknowledged has taken effect.
        let latest = if by == By::Rehearsal && course.result.is_accepted() { course.answered_after } else { u64::MAX };
        for Landing { after, parts } in course.lands {
            let after = after.min(latest);
            *self.pending_of(by) += usize::from(by.is_forward());
            self.later(after, Item::Lands { write: self.writes, parts, by });
        }
        (course.answered_after, course.result)
    }

    /// After a forward write: was there a tombstone meanwhile?
    pub(super) fn write_answered(&mut self, id: EffectId, result: WriteResult, by: By) {
        if by.is_forward() {
            if self.aborted.contains(&id) {
                return;
            }
            self.forward = None;
            if self.hands.look_after {
                self.find_tombstone();
            }
        }
        self.outcome(id, by.outcome(result));
        if by.is_forward() && self.has_tombstone && !self.follows() {
            self.witness.breaks(Rule::Tombstone, "a forward write went out over a tombstone and the keeper goes on");
        }
    }

    pub(super) fn find_tombstone(&mut self) {
        if self.has_tombstone {
            self.feed(Event::TombstoneFound { words: "by root".into() });
            if !self.follows() {
                self.witness.breaks(Rule::Tombstone, "the keeper does not follow a tombstone");
            }
        }
    }

    pub(super) fn follows(&self) -> bool {
        self.is_over() || self.mode == Mode::Watch || self.engine.phase().is_back() || !self.is_alive
    }
}
