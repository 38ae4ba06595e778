//! One life: the clock, the queue of what is to come, the keeper's hands, and the engine in the middle.

mod direct;
mod endings;
mod hands;
mod item;
mod machine;

use super::balancer::{Balancer, Landing, by_hand};
use super::chance::Chance;
use super::counters::{Counters, Ending};
use super::environment::{Instance, check, health, survey};
use super::fault::{Fault, Faults};
use super::people::People;
use super::stage::{Stage, Stages};
use super::weather::{Away, Weather};
use super::witness::{Broken, Rule, Truth, Witness};
use direct::Direct;
pub(super) use item::Item;
use item::{By, Due, Forward, Taken};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;
use warroom::domain::{EffectId, Mono, PerRole, Role, Wall};
use warroom::engine::{
    Answer, Ask, CLOCK_GAP, Command, Effect, Engine, Entry, Event, Mode, Outcome, OutcomeKind, Phase, RollbackState,
    Stamped, Tail,
};

/// How the keeper's hands look for a tombstone around a forward write, and at the clock before it, as `keeper/effects.rs`
/// does.
#[derive(Debug, Clone, Copy)]
pub struct Hands {
    pub look_before: bool,
    pub look_after: bool,
    pub look_at_clock: bool,
}

impl Default for Hands {
    fn default() -> Self {
        Self { look_before: true, look_after: true, look_at_clock: true }
    }
}

pub struct Life<'s> {
    pub(super) stage: &'s Stage,
    pub(super) chance: Chance,
    pub(super) engine: Engine,
    pub(super) witness: Witness<'s>,
    pub(super) weather: Weather,
    pub(super) people: People,
    pub(super) counters: &'s mut Counters,
    hands: Hands,
    trace: bool,
    mode: Mode,

    pub(super) clock: u64,
    wall_offset: i64,
    /// The offset that the keeper has taken notice of.
    wall_noticed: i64,
    seq: u64,
    order: u64,
    queue: BinaryHeap<Reverse<Due>>,
    woke_at: u64,
    /// The keeper's process stands still until then.
    still_until: u64,
    stood_since: Option<u64>,
    process: u32,
    is_alive: bool,
    crash_after: Option<u64>,

    balancer: Balancer,
    /// Writes sent, by whomever, and the newest of them that has landed.
    writes: u64,
    newest_landed: u64,
    /// Forward writes of this run that may still land, and rehearsals.
    pending: usize,
    rehearsing: usize,
    meddled: u64,
    /// When anything last landed, by whomever.
    landed: u64,
    instances: PerRole<Vec<Instance>>,
    /// What is on the disk.
    entries: Vec<Entry>,
    disk_free_at: u64,
    has_tombstone: bool,
    directs: Vec<Direct<'s>>,
    /// The forward write, or the rehearsal, in the hands.
    forward: Option<(EffectId, By)>,
    aborted: Vec<EffectId>,
    /// Hooks that run.
    running: Vec<EffectId>,
    /// Reachable one second in every ten, from then on.
    flickers: bool,
}

const START: u64 = 1_000_000_000;
const SECOND: u64 = 1_000_000;

impl<'s> Life<'s> {
    /// Lives one life; gives what was broken, if anything was.
    pub fn live(
        seed: u64,
        stages: &'s Stages,
        hands: Hands,
        counters: &'s mut Counters,
        trace: bool,
    ) -> Option<Broken> {
        let mut chance = Chance::new(seed);
        let stage = stages.of(chance.next());
        let faults = Faults::draw(&mut chance);
        let mode = if chance.one_in(200) { Mode::Watch } else { Mode::Drive };
        if trace {
            println!("seed {seed}: {}, {mode:?}, faults {:?}", stage.name, faults.all().collect::<Vec<_>>());
        }
        let mut life = Self::new(stage, chance, faults, mode, hands, counters, trace);
        let ending = life.run();
        let (struck, lived) = (life.weather.struck, life.clock - START);
        let mut broken = life.witness.broken.take();
        match ending {
            Ok(ending) => life.counters.ended(ending),
            Err(what) => broken = broken.or(Some(Broken { rule: Rule::Liveness, what })),
        }
        for (sum, more) in life.counters.struck.iter_mut().zip(struck) {
            *sum += more;
        }
        life.counters.lives += 1;
        *life.counters.stages.entry(stage.name).or_default() += 1;
        life.counters.lived += lived;
        broken
    }

    fn new(
        stage: &'s Stage,
        mut chance: Chance,
        faults: Faults,
        mode: Mode,
        hands: Hands,
        counters: &'s mut Counters,
        trace: bool,
    ) -> Self {
        let now = Mono::from_micros(START);
        let jitter = chance.next();
        let has_tags = stage.is_surveyed || stage.layout.nodes.len() == 1 && chance.one_in(3);
        let instance = || Instance::begins(START);
        Self {
            engine: Engine::new(stage.plan.clone(), mode, now, wall(START, 0), jitter),
            witness: Witness::new(stage, now, mode == Mode::Watch),
            weather: Weather::new(faults),
            people: People::new(&mut chance, faults),
            counters,
            hands,
            trace,
            mode,
            clock: START,
            wall_offset: 0,
            wall_noticed: 0,
            seq: 0,
            order: 0,
            queue: BinaryHeap::with_capacity(64),
            woke_at: 0,
            still_until: 0,
            stood_since: None,
            process: 0,
            is_alive: true,
            crash_after: None,
            balancer: Balancer::new(stage, has_tags),
            writes: 0,
            newest_landed: 0,
            pending: 0,
            rehearsing: 0,
            meddled: 0,
            landed: 0,
            instances: PerRole::from_fn(|role| {
                (0..stage.plan.environments[role].metrics.len()).map(|_| instance()).collect()
            }),
            entries: Vec::new(),
            disk_free_at: 0,
            has_tombstone: false,
            directs: Vec::new(),
            forward: None,
            aborted: Vec::new(),
            running: Vec::new(),
            flickers: false,
            chance,
            stage,
        }
    }

    // The story of a life.

    fn run(&mut self) -> Result<Ending, String> {
        self.begin_sources();
        self.come_all();
        self.later(self.chance.clone().between(0, 3 * SECOND), Item::Weather);
        let storm = self.chance.between(8, 50) * SECOND;
        self.pass(storm);
        self.clear_up();
        if self.mode == Mode::Watch {
            return Ok(Ending::Watched);
        }
        match self.chance.below(4) {
            0 => self.ends_by_itself(),
            1 => self.ends_forward(),
            _ => self.ends_back(),
        }
    }

    /// All faults end.
    fn clear_up(&mut self) {
        self.weather.clears();
        self.crash_after = None;
        self.people.meddles = false;
        while !self.is_over() && !self.is_awake() {
            self.pass(2 * SECOND);
        }
    }

    fn is_over(&self) -> bool {
        self.witness.broken.is_some() || self.engine.is_ended()
    }

    // The clock.

    pub(super) fn now(&self) -> Mono {
        Mono::from_micros(self.clock)
    }

    pub(super) fn later(&mut self, after: u64, item: Item) {
        self.order += 1;
        let due = Due { at: self.clock + after, order: self.order, process: self.process, item };
        self.queue.push(Reverse(due));
    }

    /// Lets time pass, doing everything that falls due.
    fn pass(&mut self, micros: u64) {
        let end = self.clock + micros;
        while !self.is_over() {
            let queued = self.queue.peek().map_or(u64::MAX, |Reverse(due)| due.at);
            let woken = self.next_wake();
            let next = queued.min(woken);
            if next > end {
                break;
            }
            self.clock = self.clock.max(next);
            self.weather.pass(self.clock);
            if self.flickers {
                self.weather.out_of_reach = !(self.clock / SECOND).is_multiple_of(10);
            } else {
                self.weather.out_of_reach = false;
            }
            if woken < queued {
                self.woke_at = self.clock;
                self.feed(Event::Woke);
            } else if let Some(Reverse(due)) = self.queue.pop() {
                self.due(due);
            }
        }
        self.clock = self.clock.max(end);
        self.weather.pass(self.clock);
    }

    fn next_wake(&mut self) -> u64 {
        if !self.is_alive {
            return u64::MAX;
        }
        let Some((at, why)) = self.engine.next_wake() else { return u64::MAX };
        if at.micros() <= self.woke_at {
            self.witness.breaks(Rule::Rests, format!("the loop would spin: {why:?}"));
        }
        at.micros().max(self.still_until)
    }

    fn due(&mut self, due: Due) {
        if !due.item.is_of_the_world() {
            if due.process != self.process {
                return;
            }
            if self.still_until > self.clock {
                self.order += 1;
                self.queue.push(Reverse(Due { at: self.still_until, order: self.order, ..due }));
                return;
            }
        }
        self.happens(due.item);
    }

    // What happens.

    pub(super) fn feed(&mut self, event: Event) -> Option<Answer> {
        if let Some(since) = self.stood_since.take() {
            self.clock_jumps(Duration::from_micros(self.clock - since));
        }
        let set = std::mem::replace(&mut self.wall_noticed, self.wall_offset).abs_diff(self.wall_offset);
        self.clock_jumps(Duration::from_millis(set));
        // It may have died of that.
        if self.is_alive { self.take(event) } else { None }
    }

    /// The keeper's loop was away for so long, or its wall clock was set by so much.
    fn clock_jumps(&mut self, by: Duration) {
        // It may have died of the one that it heard of before.
        if by > CLOCK_GAP && self.is_alive {
            self.take(Event::ClockJumped { by });
        }
    }

    fn take(&mut self, event: Event) -> Option<Answer> {
        if self.is_over() && !self.engine.is_ended() {
            return None;
        }
        self.seq += 1;
        self.counters.events += 1;
        let stamped = Stamped { seq: self.seq, mono: self.now(), wall: wall(self.clock, self.wall_offset), event };
        let picture = self.engine.generation();
        if let Event::Commanded(request) = &stamped.event
            && !self.witness.has_answered(request)
        {
            self.counters.pair(self.engine.phase(), Ask::of(&request.command));
        }
        let handled = self.engine.handle(&stamped);
        self.look_at_picture(&stamped.event, picture, handled.answer.as_ref());
        if self.trace {
            self.tell(&stamped, &handled.effects, handled.answer.as_ref());
        }
        let truth = Truth {
            pending: self.pending,
            rehearsing: self.rehearsing,
            is_back: self.balancer.is_back(self.stage),
            is_over: self.balancer.is_over(self.stage),
            meddled: Mono::from_micros(self.meddled),
        };
        self.witness.turn(self.now(), &stamped.event, (&handled.effects, handled.answer.as_ref()), truth);
        if !handled.effects.is_empty() {
            self.witness.look_at_phase(self.engine.phase());
        }
        if self.witness.broken.is_some() {
            return handled.answer;
        }
        let crashes = self.crash_after.is_some_and(|seq| self.seq >= seq);
        // Killed before anything that follows was begun, after all of it was, or in between.
        let all = handled.effects.len();
        let begun = if crashes { self.chance.below(all as u64 + 1) as usize } else { all };
        self.counters.torn += u64::from(begun > 0 && begun < all);
        for effect in handled.effects.into_iter().take(begun) {
            self.counters.effects += 1;
            self.carry_out(effect);
        }
        if crashes {
            self.crash();
        }
        handled.answer
    }

    /// 9: what was decided on an old picture is not done.
    fn look_at_picture(&mut self, event: &Event, picture: u64, answer: Option<&Answer>) {
        if let Event::Commanded(request) = event
            && let Command::Advance { generation, .. }
            | Command::Resume { generation }
            | Command::Reassert { generation } = &request.command
            && *generation != picture
            && !self.witness.has_answered(request)
            && matches!(answer, Some(Answer::Applied(_)))
        {
            self.witness.breaks(Rule::Answers, "done on an old picture");
        }
    }

    fn tell(&self, stamped: &Stamped, effects: &[Effect], answer: Option<&Answer>) {
        let at = (self.clock - START) as f64 / 1e6;
        println!("{at:10.6} {:?} -> {:?}  {}", stamped.event, self.engine.phase(), self.balancer.share(self.stage));
        if let Some(answer) = answer {
            println!("           answer {answer:?}");
        }
        for effect in effects {
            match effect {
                Effect::Journal { id, entry } => {
                    println!("           {} {:?} {:?}", id.0, entry.text.as_str(), entry.fact);
                }
                Effect::WriteSplit { .. }
                | Effect::Rehearse { .. }
                | Effect::ReadSplit { .. }
                | Effect::RunHook { .. }
                | Effect::StopHook { .. }
                | Effect::Stop => {
                    println!("           {effect:?}");
                }
            }
        }
    }

    pub(super) fn happens(&mut self, item: Item) {
        match item {
            Item::Lands { write, parts, by } => {
                if write < self.newest_landed {
                    self.weather.has_struck(Fault::OutOfOrder);
                }
                self.newest_landed = self.newest_landed.max(write);
                *self.pending_of(by) -= usize::from(by.is_forward());
                if matches!(by, By::Direct | By::Other) {
                    self.meddled = self.clock;
                }
                self.landed = self.clock;
                self.balancer.land(self.clock, &parts);
            }
            Item::Weather => self.weather_turns(),
            Item::Restart => self.restart(),
            Item::TombstoneLeft { index } => self.has_tombstone |= self.directs[index].leaves_tombstone(),
            Item::Direct { index, errand } => self.goes_directly(index, errand),
            Item::Synced { id, entry, taken } => {
                if taken.is_there() {
                    self.keeps(*entry);
                }
                let result = if taken == Taken::Whole { Ok(()) } else { Err("no space left on device".into()) };
                let after = self.chance.below(500);
                self.later(after, Item::Journaled { id, result });
            }
            Item::Journaled { id, result } => {
                self.outcome(id, OutcomeKind::Journaled(result));
            }
            Item::Look(forward) => self.look(forward),
            Item::Send(forward) => self.send(&forward),
            Item::Answered { id, result, by } => self.write_answered(id, result, by),
            Item::Cancelled { id, result } => self.outcome(id, *result),
            Item::HookPrints { id } => {
                self.feed(Event::HookPrinted { id, tail: Tail::of(&["a line".into()], 7) });
            }
            Item::HookEnds { id, end } => self.hook_ends(id, end),
            Item::ReadBegins { id } => {
                let seen = self.balancer.read(self.clock, self.stage, &mut self.weather, &mut self.chance);
                let result = Box::new(OutcomeKind::Read { started: self.now(), state: seen.state });
                self.later(seen.takes, Item::ReadEnds { id, result, is_true: seen.is_true });
            }
            Item::ReadEnds { id, result, is_true } => {
                self.witness.next_read_is_true = is_true;
                self.outcome(id, *result);
            }
            Item::Folder => {
                self.later(2 * SECOND, Item::Folder);
                self.find_tombstone();
            }
            Item::Scrape(role, instance) => self.scrape(role, instance),
            Item::Health(role) => {
                self.later(micros(self.stage.plan.poll.health), Item::Health(role));
                if let Some(health) = health(role, &mut self.weather, &mut self.chance) {
                    self.feed(Event::HealthSeen { role, health });
                }
            }
            Item::Check(index) => {
                self.later(micros(self.stage.plan.checks[index].interval), Item::Check(index));
                if let Some(answer) = check(&mut self.weather, &mut self.chance) {
                    self.feed(Event::CheckAnswered { check: index, answer });
                }
            }
            Item::Survey => {
                self.later(micros(self.stage.plan.survey_every()), Item::Survey);
                if let Some(survey) = survey(&mut self.weather, &mut self.chance) {
                    self.feed(Event::Surveyed(survey));
                }
            }
            Item::Person(who) => self.person_acts(who),
        }
    }

    fn pending_of(&mut self, by: By) -> &mut usize {
        if by == By::Rehearsal { &mut self.rehearsing } else { &mut self.pending }
    }

    fn outcome(&mut self, id: EffectId, result: OutcomeKind) {
        self.feed(Event::Ended(Outcome { id, result }));
    }

    fn scrape(&mut self, role: Role, instance: usize) {
        self.later(micros(self.stage.plan.poll.readings), Item::Scrape(role, instance));
        let share = self.balancer.share(self.stage) as f64 / 1000.0;
        let share = if role == Role::Candidate { share } else { 1.0 - share };
        let part = share / self.instances[role].len() as f64;
        let scrape = self.instances[role][instance].scrape(self.clock, role, part, &mut self.weather, &mut self.chance);
        if let Some(scrape) = scrape {
            self.feed(Event::Scraped { role, instance, scrape });
        }
    }

    fn begin_sources(&mut self) {
        for role in Role::BOTH {
            for instance in 0..self.instances[role].len() {
                let after = self.chance.below(SECOND);
                self.later(after, Item::Scrape(role, instance));
            }
            let after = self.chance.below(SECOND);
            self.later(after, Item::Health(role));
        }
        for index in 0..self.stage.plan.checks.len() {
            let after = self.chance.below(SECOND);
            self.later(after, Item::Check(index));
        }
        if self.stage.is_surveyed {
            let after = self.chance.below(SECOND);
            self.later(after, Item::Survey);
        }
        self.later(0, Item::Folder);
        self.begin_people();
    }

    pub(super) fn is_awake(&self) -> bool {
        self.is_alive && self.still_until <= self.clock
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

fn wall(clock: u64, offset: i64) -> Wall {
    Wall::from_millis(1_795_000_000_000 + (clock / 1000) as i64 + offset)
}
