//! One step towards the candidate: intent on disk, write, read back; then the bake.

use super::ledger::Ledger;
use super::planted::{Bug, planted};
use super::{Direction, Effect, Engine, Fact, Held, Phase, Severity, WriteResult, share};
use crate::domain::{Clean, EffectId, Mono, Person, Setting, Split};
use crate::plan::Advance;
use std::time::Duration;

/// Longest time that one turn of the clock adds to a bake: longer than that, nobody was looking.
const BAKE_TURN_MAX: Duration = Duration::from_secs(2);

/// How long a step waits for the disk to take its intent, and a re-assert for its look besides, which has the time of two
/// reads more: a hundred of the slowest syncs seen. After that nobody remembers why it should move now.
pub(super) const INTENT_WAIT: Duration = Duration::from_secs(5);

/// How long the present step has been healthy.
#[derive(Debug, Clone)]
pub(super) struct Bake {
    pub healthy: Duration,
    /// When the step was reached, or this keeper began.
    pub began: Mono,
    counted_at: Mono,
}

impl Bake {
    pub fn new(now: Mono) -> Self {
        Self { healthy: Duration::ZERO, began: now, counted_at: now }
    }

    /// What lies before now does not count.
    pub fn pause(&mut self, now: Mono) {
        self.counted_at = now;
    }
}

/// What lets a step begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// A person, and every gate was open.
    Pressed,
    /// A person went over closed gates.
    Overridden,
    /// The keeper, and every gate passed.
    Automatic,
}

/// What a write under way is to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Goal {
    /// A step of the plan, by its index.
    Step(usize),
    /// What this run last set, again.
    Again {
        /// What somebody else set, over which it goes.
        over: Setting,
        /// The split of that.
        from: Split,
    },
}

/// A forward write, or a re-assert, under way.
#[derive(Debug, Clone)]
pub(super) struct Shift {
    pub goal: Goal,
    pub setting: Setting,
    pub how: How,
    stage: ShiftStage,
}

#[derive(Debug, Clone)]
enum ShiftStage {
    /// The intent is on its way to the disk.
    Intended { journal: EffectId, at: Mono },
    /// A re-assert looks at what it goes over, since then; it was asked for at that time.
    Looking { since: Mono, at: Mono },
    /// The write is on its way to the balancer.
    Sent { write: EffectId, at: Mono },
    /// The balancer answered, or did not; only reading it back tells. When it was sent by another keeper nobody knows.
    ReadingBack { sent: Option<Mono>, answered: Mono, settles: Mono, is_accepted: bool },
}

impl Shift {
    /// A shift whose intent is on its way to the disk.
    pub fn intended(goal: Goal, setting: Setting, how: How, journal: EffectId, now: Mono) -> Self {
        Self { goal, setting, how, stage: ShiftStage::Intended { journal, at: now } }
    }

    /// A shift whose write may have gone out before the keeper was restarted.
    pub fn recovered(goal: Goal, setting: Setting, now: Mono, lateness: Duration) -> Self {
        let stage = ShiftStage::ReadingBack { sent: None, answered: now, settles: now + lateness, is_accepted: false };
        Self { goal, setting, how: How::Pressed, stage }
    }

    /// The step of the plan that it goes to, if it goes to one.
    pub fn step(&self) -> Option<usize> {
        match self.goal {
            Goal::Step(step) => Some(step),
            Goal::Again { .. } => None,
        }
    }

    /// Since when it looks at what it would go over.
    pub fn looks_since(&self) -> Option<Mono> {
        match self.stage {
            ShiftStage::Looking { since, .. } => Some(since),
            ShiftStage::Intended { .. } | ShiftStage::Sent { .. } | ShiftStage::ReadingBack { .. } => None,
        }
    }

    /// Whether a setting can be what it makes of what was there before, in whole or in part.
    pub fn explains(&self, setting: &Setting, ledger: &Ledger) -> bool {
        match &self.goal {
            Goal::Step(_) => ledger.is_own(setting),
            Goal::Again { over, .. } => {
                let known = |slot| [over.0.get(slot), self.setting.0.get(slot)];
                setting.0.iter().all(|(slot, weight)| known(slot).contains(&Some(weight)))
            }
        }
    }

    /// When an unconfirmed write can no longer land.
    pub fn settles_at(&self) -> Option<Mono> {
        match self.stage {
            ShiftStage::ReadingBack { settles, .. } => Some(settles),
            ShiftStage::Intended { .. } | ShiftStage::Looking { .. } | ShiftStage::Sent { .. } => None,
        }
    }

    /// Whether it may already be on the balancer.
    pub fn was_sent(&self) -> bool {
        !matches!(self.stage, ShiftStage::Intended { .. } | ShiftStage::Looking { .. })
    }
}

/// ` after 0.3 s`, where somebody measured it.
pub(super) fn after_words(took: Option<Duration>) -> String {
    took.map_or_else(String::new, |took| format!(" after {:.1} s", took.as_secs_f64()))
}

impl Engine {
    /// How long after it was sent a write may still land: its attempt must have ended, too.
    pub(super) fn settling(&self) -> Duration {
        self.plan.traffic.lateness.max(self.plan.traffic.timeout)
    }

    /// The next step of the plan: the first above what this run last had read back.
    pub(super) fn next_step(&self) -> Option<usize> {
        let next = self.plan.steps.iter().position(|step| step.split > self.current);
        let last = self.plan.steps.len().checked_sub(1);
        if planted(Bug::StepLeftOut) { next.and(last) } else { next }
    }

    /// The weights of a step, or why there are none.
    pub(super) fn setting_of(&self, step: usize) -> Result<Setting, Clean> {
        let split = self.plan.steps[step].split;
        let (Some((_, state)), Some(baseline)) = (&self.balancer.seen, &self.baseline) else {
            return Err("the balancer has not been read yet".into());
        };
        share::setting_for(&self.layout, split, state, &baseline.setting)
            .map_err(|why| Clean::new(format!("{split} cannot be set: {why}")))
    }

    /// Begins a step; every condition was looked at before.
    pub(super) fn begin_shift(
        &mut self,
        step: usize,
        by: &Person,
        how: How,
        out: &mut Vec<Effect>,
    ) -> Result<Clean, Clean> {
        let split = self.plan.steps[step].split;
        let setting = self.setting_of(step)?;
        self.ledger.record(&setting);
        let text = format!("{by} advances {} → {split}", self.current);
        let fact = Fact::Intent { step, split, setting: setting.clone(), idle_rate: self.idle_rate };
        let journal = self.say(Severity::Info, Some(by), &text, fact, out);
        self.shift = Some(Shift::intended(Goal::Step(step), setting, how, journal, self.now));
        Ok(text.into())
    }

    pub(super) fn intent_journaled(&mut self, id: EffectId, result: &Result<(), Clean>, out: &mut Vec<Effect>) {
        let Some(shift) = &mut self.shift else { return };
        let ShiftStage::Intended { journal, at } = shift.stage else { return };
        if journal != id {
            return;
        }
        if let Err(why) = result
            && !planted(Bug::DiskIgnored)
        {
            self.miss(&format!("its intent could not be written to the journal: {why}"), out);
            return;
        }
        if matches!(shift.goal, Goal::Again { .. }) {
            // Somebody is at it: what it goes over is looked at once more.
            shift.stage = ShiftStage::Looking { since: self.now, at };
            self.balancer.read_soon(self.now);
            return;
        }
        // Time has passed since the key: every gate is asked again at the moment of sending.
        let how = shift.how;
        self.look_at_limits();
        let closed = self.closed_gates(how).next();
        if let Some(gate) = closed {
            self.miss(&format!("{} closed before it was sent: {}", gate.name, gate.detail), out);
            return;
        }
        self.forward_began = true;
        self.send_shift(out);
    }

    /// Sends what every condition was looked at for in this very turn.
    pub(super) fn send_shift(&mut self, out: &mut Vec<Effect>) {
        let write = self.new_effect();
        let tag = self.balancer.tag();
        let Some(shift) = &mut self.shift else { return };
        shift.stage = ShiftStage::Sent { write, at: self.now };
        out.push(Effect::WriteSplit {
            id: write,
            epoch: self.epoch,
            direction: Direction::Forward,
            setting: shift.setting.clone(),
            tag,
        });
    }

    pub(super) fn shift_written(&mut self, id: EffectId, result: &WriteResult, out: &mut Vec<Effect>) {
        // A write may land as late as its window after the attempt ended.
        let settles = self.now + self.settling();
        let Some(shift) = &mut self.shift else { return };
        let ShiftStage::Sent { write, at: sent } = shift.stage else { return };
        if write != id {
            return;
        }
        match result {
            WriteResult::Refused(why) => self.miss(&format!("the balancer refused it: {why}"), out),
            WriteResult::Unknown(why) if planted(Bug::UnknownIsMissed) => self.miss(why.as_str(), out),
            WriteResult::NotSent(why) => self.miss(&format!("it was not sent: {why}"), out),
            WriteResult::Accepted | WriteResult::AcceptedBut(_) | WriteResult::Unknown(_) => {
                let is_accepted = result.is_accepted();
                shift.stage = ShiftStage::ReadingBack { sent: Some(sent), answered: self.now, settles, is_accepted };
                if let Some(why) = result.words() {
                    let what =
                        if result.is_accepted() { "the write was accepted" } else { "the write's outcome is unknown" };
                    self.say(Severity::Warn, None, format!("{what}: {why}; reading the balancer"), Fact::Line, out);
                }
                self.balancer.read_soon(self.now);
            }
        }
    }

    /// A whole read of the balancer while a write may be under way.
    pub(super) fn shift_seen(&mut self, started: Mono, setting: &Setting, out: &mut Vec<Effect>) {
        let Some(shift) = &self.shift else { return };
        let ShiftStage::ReadingBack { sent, answered, settles, is_accepted } = shift.stage else { return };
        if started < answered || *setting != shift.setting && !planted(Bug::AnyReadReaches) {
            return;
        }
        // What is set again may be there by another hand, while a part of this write is still to land.
        if matches!(shift.goal, Goal::Again { .. }) && !is_accepted && started < settles {
            return;
        }
        let (goal, took) = (shift.goal.clone(), sent.map(|sent| self.now.since(sent)));
        if let Some(sent) = sent {
            (self.tempo.to_balancer, self.tempo.read_back) = (Some(answered.since(sent)), took);
        }
        self.shift = None;
        match goal {
            Goal::Step(step) => {
                self.await_propagation(sent, self.current, self.plan.steps[step].split);
                self.arrive(step, setting.clone(), took, out);
            }
            Goal::Again { from, .. } => {
                self.await_propagation(sent, from, self.current);
                self.reasserted(took, out);
            }
        }
    }

    fn arrive(&mut self, step: usize, setting: Setting, took: Option<Duration>, out: &mut Vec<Effect>) {
        self.current = self.plan.steps[step].split;
        self.position = Some(step);
        self.expected = Some(setting);
        self.drift = None;
        self.reasserts = 0;
        self.bake = Bake::new(self.now);
        self.reached[step] = Some((self.now, self.wall));
        let text = format!("candidate {} read back{}", self.current, after_words(took));
        self.say(Severity::Info, None, text, Fact::Reached { step }, out);
        self.look_at_limits();
    }

    /// The step, or the re-assert, did not happen; the run is where it was, and holds.
    pub(super) fn miss(&mut self, why: &str, out: &mut Vec<Effect>) {
        let Some(shift) = self.shift.take() else { return };
        let (split, fact) = self.missed(&shift);
        let what = if shift.step().is_some() { "reached" } else { "set again" };
        let text = format!("{split} was not {what}: {why}");
        self.say(Severity::Critical, None, &text, fact, out);
        self.balancer.read_soon(self.now);
        self.hold(&Person::keeper(), text, true, out);
    }

    /// What a write was to reach, and what is written down when it does not.
    fn missed(&self, shift: &Shift) -> (Split, Fact) {
        match shift.step() {
            Some(step) => (self.plan.steps[step].split, Fact::Missed { step }),
            None => (self.current, Fact::NotReasserted),
        }
    }

    pub(super) fn pass_shift(&mut self, out: &mut Vec<Effect>) {
        let waits = match self.shift.as_ref().map(|shift| &shift.stage) {
            Some(ShiftStage::Intended { at, .. }) => Some((*at, INTENT_WAIT, "the disk has not taken its intent")),
            // A read that is under way by then is waited for, and then the look itself.
            Some(ShiftStage::Looking { at, .. }) => {
                let two_reads = INTENT_WAIT + self.balancer_takes() * 2;
                Some((*at, two_reads, "the balancer was not read before it was sent"))
            }
            Some(ShiftStage::Sent { .. } | ShiftStage::ReadingBack { .. }) | None => None,
        };
        if let Some((_, wait, what)) = waits.filter(|(at, wait, _)| self.now.since(*at) >= *wait) {
            self.miss(&format!("{what} in {} s", wait.as_secs()), out);
            return;
        }
        // Past its window the write is over only when the balancer was read since: else nobody knows.
        let settles = self.shift.as_ref().and_then(Shift::settles_at);
        let Some(at) = settles.filter(|_| !planted(Bug::NeverSettles)) else { return };
        if self.balancer.seen_started.is_some_and(|started| started >= at) {
            let holds = self.balancer.split().map_or_else(|| "something unknown".to_owned(), |s| s.to_string());
            self.miss(&format!("the balancer still holds {holds} after the lateness window"), out);
            // What was read is explained by no write any more: a half of one locks at once, not with the next read.
            let seen = self.balancer.seen.as_ref().filter(|_| !self.balancer.may_be_otherwise());
            if let Some(setting) = seen.and_then(|(_, state)| state.setting().ok()) {
                self.judge_drift(&setting, out);
            }
        }
    }

    /// Stops forward movement. Writes nothing to the balancer.
    pub(super) fn hold(&mut self, by: &Person, why: impl AsRef<str>, automatic: bool, out: &mut Vec<Effect>) {
        if self.held.is_some() || self.rollback.is_some() || self.ended {
            return;
        }
        let why = Clean::new(why);
        let (severity, text) = if automatic {
            (Severity::Critical, format!("AUTO-HOLD at {}: {why}", self.current))
        } else {
            (Severity::Warn, format!("{by} holds at {}", self.current))
        };
        self.held = Some(Held { by: by.clone(), why: why.clone(), wall: self.wall, automatic });
        self.say(severity, Some(by), text, Fact::Held { why, automatic }, out);
        self.drop_unsent(out);
    }

    /// What has not gone out under a hold does not go out.
    pub(super) fn drop_unsent(&mut self, out: &mut Vec<Effect>) {
        if let Some(shift) = self.shift.take_if(|shift| !shift.was_sent() && !planted(Bug::HoldLetsGo)) {
            let (split, fact) = self.missed(&shift);
            self.say(Severity::Warn, None, format!("{split} was not sent: held"), fact, out);
        }
    }

    pub(super) fn pass_bake(&mut self, out: &mut Vec<Effect>) {
        let turn = self.now.since(self.bake.counted_at).min(BAKE_TURN_MAX);
        self.bake.counted_at = self.now;
        if self.position.is_none() || self.rollback.is_some() {
            return;
        }
        if self.completed.is_some() {
            self.pass_watch(turn, out);
        }
        if self.is_breached() {
            self.bake.healthy = Duration::ZERO;
        } else if !self.bake_pauses() {
            self.bake.healthy += turn;
        }
    }

    /// What was not seen was not watched, and a candidate that is over a limit is not one that carries it.
    fn pass_watch(&mut self, turn: Duration, out: &mut Vec<Effect>) {
        if let Some(limit) = self.breached_by_candidate() {
            if !std::mem::take(&mut self.watched).is_zero() {
                let text = format!("the watch after 100 % begins anew: {}", self.guardrail_words(limit));
                self.say(Severity::Warn, None, text, Fact::Line, out);
            }
        } else if !self.watch_pauses() {
            self.watched += turn;
        }
    }

    /// Whether nobody knows how healthy the present step is, or whether the traffic is at that step at all.
    pub(super) fn bake_pauses(&self) -> bool {
        self.is_unwatched() || self.a_limit_is_unknown()
    }

    /// The same of the watch after 100 %: what switches stable off runs within it.
    pub(super) fn watch_pauses(&self) -> bool {
        self.is_unwatched() || self.a_watched_limit_is_unknown()
    }

    fn is_unwatched(&self) -> bool {
        let drifts = self.is_elsewhere() && !planted(Bug::BakesUnderDrift);
        let is_silent = !self.balancer_is_known() && !planted(Bug::BakesUnseen);
        self.is_blind() || drifts || is_silent || !self.balancer.unserved.is_empty()
    }

    /// Whether another setting is known to be on the balancer, or on a node that answers while another does not.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.drift.is_some() || !self.balancer.others.0.is_empty()
    }

    /// How much of the present step's bake is still to come.
    pub(super) fn bake_left(&self) -> Duration {
        let need = self.position.map_or(Duration::ZERO, |step| self.plan.steps[step].bake);
        if planted(Bug::BakeForgotten) { Duration::ZERO } else { need.saturating_sub(self.bake.healthy) }
    }

    /// How much of the watch after 100 % is still to come.
    pub(super) fn watch_left(&self) -> Duration {
        if self.watch_over { Duration::ZERO } else { self.plan.watch.saturating_sub(self.watched) }
    }

    /// It counts from now: what of this turn was before is no part of it.
    pub(super) fn begin_watch(&mut self) {
        self.watched = Duration::ZERO;
        self.bake.pause(self.now);
    }

    /// Another hand was there, or a reload: since the candidate has all of it again, nothing was watched.
    pub(super) fn watch_anew(&mut self, drifts: bool) -> Fact {
        self.begin_watch();
        if self.completed.is_some() { Fact::WatchAnew { drifts } } else { Fact::Line }
    }

    /// Goes to the next step by itself, where the plan says so and every gate passes outright.
    pub(super) fn pass_automatic(&mut self, out: &mut Vec<Effect>) {
        let Some(position) = self.position else { return };
        let may = self.plan.advance == Advance::Automatic
            && self.phase() == Phase::Baking
            && (!self.plan.steps[position].hold || planted(Bug::HoldPointPassed))
            && (self.driver_is_here() || planted(Bug::GoesOnAlone));
        let may = may && !planted(Bug::StandsStill);
        let (true, Some(step), Some(driver)) = (may, self.next_step(), self.driver.clone()) else { return };
        if !self.lets_through(How::Automatic) {
            return;
        }
        let keeper = Person::claimed(format!("automatic for {}", driver.name), Person::keeper().user);
        if let Err(why) = self.begin_shift(step, &keeper, How::Automatic, out) {
            self.hold(&Person::keeper(), why.as_str(), true, out);
        }
    }
}
