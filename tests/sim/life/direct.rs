//! `warroom rollback --direct`: the same engine with hands of its own and without a keeper, as in `src/direct`.

use super::{
    By, Command, Effect, Engine, Event, Fault, Item, Life, Mode, Outcome, OutcomeKind, Phase, Rule, SECOND, Stamped,
    Truth, Witness, wall,
};
use warroom::domain::{CommandId, Mono, Person, Rights};
use warroom::engine::{Direction, Fact, Request};

/// In one life: whoever comes second finds the tombstone of the first, and perhaps a keeper that has followed it.
const DIRECTS_MAX: usize = 2;
/// How long the first write waits for the tombstone, as in `src/direct`.
const DISK_WAIT: u64 = 20_000;

/// Somebody's rollback past the keeper. It goes on until it is confirmed.
pub struct Direct<'s> {
    engine: Engine,
    witness: Witness<'s>,
    seq: u64,
    /// Its tombstone is on the disk by then, or was waited for long enough: nothing is done before that.
    begins: u64,
    tombstone: Tombstone,
    is_dead: bool,
}

/// What a direct rollback leaves for the keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tombstone {
    /// On its way to the disk, or refused by it.
    Due,
    Left,
    /// Whoever was to leave it died before.
    Never,
}

/// What it does next, or hears.
#[derive(Debug)]
pub enum Errand {
    Wakes,
    Does(Box<Effect>),
    /// And whether what it hears of the balancer is so.
    Hears(Box<Event>, bool),
    Dies,
}

impl Direct<'_> {
    fn is_under_way(&self) -> bool {
        !self.is_dead && self.engine.phase() == Phase::RollingBack
    }

    /// It comes to the disk now. Gives whether it does.
    pub(super) fn leaves_tombstone(&mut self) -> bool {
        if self.tombstone == Tombstone::Due {
            self.tombstone = Tombstone::Left;
        }
        self.tombstone == Tombstone::Left
    }

    fn meets_foreign(&self) -> bool {
        self.engine.snapshot().rollback.is_some_and(|rollback| rollback.foreign.is_some())
    }
}

impl Life<'_> {
    /// Somebody rolls back past the keeper, going by its journal. Gives whether there was anything to roll back.
    pub(super) fn roll_back_directly(&mut self) -> bool {
        // Without the state before the run on the disk nothing can have gone forward.
        let has_baseline = self.entries.iter().any(|entry| matches!(entry.fact, Fact::Baseline { .. }));
        if self.mode == Mode::Watch
            || self.directs.iter().filter(|direct| !direct.is_dead).count() == DIRECTS_MAX
            || !has_baseline
        {
            return false;
        }
        self.entries.sort_by_key(|entry| entry.number);
        let (plan, wall) = (self.stage.plan.clone(), wall(self.clock, self.wall_offset));
        let engine = Engine::recover(plan, &self.entries, self.now(), wall, self.chance.next());
        let mut witness = Witness::new(self.stage, self.now(), false);
        witness.restarted(self.now(), wall, &self.entries);
        witness.ever_forward = self.entries.iter().any(|entry| matches!(entry.fact, Fact::Intent { .. }));
        let index = self.directs.len();
        let (tombstone, begins) = (Tombstone::Due, self.clock);
        self.directs.push(Direct { engine, witness, seq: 0, begins, tombstone, is_dead: false });
        let mut effects = self.asks_directly(index, Command::Rollback { reason: None, typed: Some("checkout".into()) });
        if !self.directs[index].is_under_way() {
            self.directs.pop();
            return false;
        }
        if self.directs[index].meets_foreign() {
            effects.extend(self.asks_directly(index, Command::SendAgain));
        }
        // Accepted: from here on a keeper must follow.
        let (after, taken) = self.sync();
        if taken.is_there() {
            self.later(after, Item::TombstoneLeft { index });
        }
        self.directs[index].begins += after.min(DISK_WAIT);
        if self.weather.can_be(Fault::DirectCrash) && self.chance.coin() {
            let most = *self.chance.pick(&[DISK_WAIT * 2, SECOND, self.stage.lateness + 2 * SECOND]);
            let after = self.chance.below(most);
            self.later(after, Item::Direct { index, errand: Errand::Dies });
        }
        self.goes_on_directly(index, effects);
        true
    }

    /// What it has sent still lands; nobody sends it again but a keeper that finds the tombstone.
    fn dies_directly(&mut self, index: usize) {
        self.weather.has_struck(Fault::DirectCrash);
        let may_be_torn = self.directs[index].tombstone == Tombstone::Due && self.chance.coin();
        let direct = &mut self.directs[index];
        direct.is_dead = true;
        if may_be_torn {
            direct.tombstone = Tombstone::Never;
        }
    }

    fn asks_directly(&mut self, index: usize, command: Command) -> Vec<Effect> {
        let (id, by) = (CommandId(self.directs[index].seq), Person::verified("dave"));
        self.turns_directly(index, Event::Commanded(Request { id, by, rights: Rights::Full, command }))
    }

    fn turns_directly(&mut self, index: usize, event: Event) -> Vec<Effect> {
        let (mono, wall) = (self.now(), wall(self.clock, self.wall_offset));
        let truth = Truth {
            // A keeper that lives takes care of its own: it finds the tombstone.
            pending: if self.is_alive { 0 } else { self.pending },
            rehearsing: if self.is_alive { 0 } else { self.rehearsing },
            is_back: self.balancer.is_back(self.stage),
            is_over: self.balancer.is_over(self.stage),
            meddled: Mono::from_micros(self.landed),
        };
        let direct = &mut self.directs[index];
        direct.seq += 1;
        let stamped = Stamped { seq: direct.seq, mono, wall, event };
        let handled = direct.engine.handle(&stamped);
        direct.witness.turn(mono, &stamped.event, (&handled.effects, handled.answer.as_ref()), truth);
        if let Some(broken) = direct.witness.broken.take() {
            self.witness.breaks(broken.rule, format!("directly: {}", broken.what));
        }
        if self.trace {
            let (phase, event) = (direct.engine.phase(), &stamped.event);
            println!("           directly {index}: {event:?} -> {phase:?}  {:?}", handled.effects);
        }
        handled.effects
    }

    /// Whatever is to be done waits for the tombstone, and so does the next wake.
    fn goes_on_directly(&mut self, index: usize, effects: Vec<Effect>) {
        let direct = &self.directs[index];
        let wake = direct.engine.next_wake().map(|(at, _)| at.micros().max(self.clock + 1));
        let (begins, wake) = (direct.begins, wake.filter(|_| direct.is_under_way()));
        for effect in effects {
            let errand = Errand::Does(Box::new(effect));
            self.later(begins.saturating_sub(self.clock), Item::Direct { index, errand });
        }
        if let Some(at) = wake {
            self.later(at.max(begins) - self.clock, Item::Direct { index, errand: Errand::Wakes });
        }
    }

    pub(super) fn goes_directly(&mut self, index: usize, errand: Errand) {
        let direct = &self.directs[index];
        // What has happened since may have put a wake off.
        let is_due = || direct.engine.next_wake().is_some_and(|(at, _)| at <= self.now());
        let event = match errand {
            _ if !direct.is_under_way() => return,
            Errand::Dies => return self.dies_directly(index),
            Errand::Does(effect) => return self.does_directly(index, *effect),
            Errand::Wakes if !is_due() => return,
            Errand::Wakes => Event::Woke,
            Errand::Hears(event, is_true) => {
                self.directs[index].witness.next_read_is_true = is_true;
                *event
            }
        };
        let woke = matches!(event, Event::Woke);
        let effects = self.turns_directly(index, event);
        let wake = self.directs[index].engine.next_wake();
        if let Some((_, why)) = wake.filter(|(at, _)| woke && *at <= self.now()) {
            self.witness.breaks(Rule::Rests, format!("directly: the loop would spin: {why:?}"));
        }
        self.goes_on_directly(index, effects);
    }

    fn does_directly(&mut self, index: usize, effect: Effect) {
        match effect {
            // The journal is the keeper's.
            Effect::Journal { id, .. } => {
                self.hears_directly(index, 0, Outcome { id, result: OutcomeKind::Journaled(Ok(())) }, true);
            }
            Effect::WriteSplit { id, direction: Direction::Back, setting, .. } => {
                let (after, result) = self.put(&setting, None, By::Direct);
                self.hears_directly(index, after, Outcome { id, result: OutcomeKind::Written(result) }, true);
            }
            Effect::ReadSplit { id } => {
                let seen = self.balancer.read(self.clock, self.stage, &mut self.weather, &mut self.chance);
                let result = OutcomeKind::Read { started: self.now(), state: seen.state };
                self.hears_directly(index, seen.takes, Outcome { id, result }, seen.is_true);
            }
            Effect::WriteSplit { direction: Direction::Forward, .. }
            | Effect::Rehearse { .. }
            | Effect::RunHook { .. } => {
                self.witness.breaks(Rule::AfterBack, format!("directly: {effect:?}"));
            }
            Effect::StopHook { .. } | Effect::Stop => {}
        }
    }

    fn hears_directly(&mut self, index: usize, after: u64, outcome: Outcome, is_true: bool) {
        let errand = Errand::Hears(Box::new(Event::Ended(outcome)), is_true);
        self.later(after, Item::Direct { index, errand });
    }

    /// One that is not confirmed, and that does not wait for a person either.
    pub(super) fn has_direct_under_way(&self) -> bool {
        self.directs.iter().any(|direct| direct.is_under_way() && !direct.meets_foreign())
    }
}
