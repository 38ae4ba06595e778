//! One life: the clock, the queue of what is to come, the keeper's hands, and the engine in the middle.

use super::balancer::{Balancer, Landing, Row, by_hand};
use super::chance::Chance;
use super::counters::{Counters, Ending};
use super::environment::{Instance, check, health};
use super::fault::{Fault, Faults};
use super::people::People;
use super::stage::{Stage, Stages};
use super::weather::Weather;
use super::witness::{Broken, Rule, Truth, Witness};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;
use warroom::domain::{Clean, EffectId, Epoch, Mono, PerRole, Role, Setting, Wall};
use warroom::engine::{
    Answer, Ask, CLOCK_GAP, Command, Direction, Effect, Engine, Entry, Event, Fact, Mode, Outcome, OutcomeKind, Phase,
    RollbackState, Stamped, WriteResult, share,
};

/// How the keeper's hands look for a tombstone around a forward write, as `keeper/effects.rs` does.
#[derive(Debug, Clone, Copy)]
pub struct Hands {
    pub look_before: bool,
    pub look_after: bool,
}

impl Default for Hands {
    fn default() -> Self {
        Self { look_before: true, look_after: true }
    }
}

/// Something that is to come.
#[derive(Debug)]
pub(super) enum Item {
    // Of the world: these happen whether the keeper lives or not.
    Lands { parts: Vec<(usize, u32)>, by: By },
    Weather,
    Restart,
    // Of the keeper's process.
    Synced { id: EffectId, entry: Option<Box<Entry>> },
    Journaled { id: EffectId, result: Result<(), Clean> },
    Look(Box<Forward>),
    Send(Box<Forward>),
    Answered { id: EffectId, epoch: Epoch, result: WriteResult, forward: bool },
    ReadBegins { id: EffectId, epoch: Epoch },
    ReadEnds { id: EffectId, epoch: Epoch, result: Box<OutcomeKind>, is_true: bool },
    Folder,
    Scrape(Role, usize),
    Health(Role),
    Check(usize),
    Person(usize),
}

impl Item {
    fn is_of_the_world(&self) -> bool {
        matches!(self, Self::Lands { .. } | Self::Weather | Self::Restart)
    }
}

/// Whose write it is that lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Forward,
    Back,
    Other,
}

/// A forward write in the keeper's hands.
#[derive(Debug)]
pub(super) struct Forward {
    id: EffectId,
    epoch: Epoch,
    setting: Setting,
    tag: Option<String>,
}

#[derive(Debug)]
struct Due {
    at: u64,
    order: u64,
    process: u32,
    item: Item,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

pub struct Life<'s> {
    pub(super) stage: &'s Stage,
    pub(super) chance: Chance,
    pub(super) engine: Engine,
    pub(super) witness: Witness<'s>,
    pub(super) weather: Weather,
    pub(super) people: People,
    counters: &'s mut Counters,
    hands: Hands,
    trace: bool,
    mode: Mode,

    pub(super) clock: u64,
    wall_offset: i64,
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
    /// Forward writes of this run that may still land.
    pending: usize,
    meddled: u64,
    instances: PerRole<Vec<Instance>>,
    /// What is on the disk.
    entries: Vec<Entry>,
    disk_free_at: u64,
    tombstone: Option<u64>,
    /// The forward write in the hands, and whether it is out.
    forward: Option<EffectId>,
    aborted: Vec<EffectId>,
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
        let has_tags = stage.layout.nodes.len() == 1 && chance.one_in(3);
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
            pending: 0,
            meddled: 0,
            instances: PerRole::from_fn(|role| {
                (0..stage.plan.environments[role].metrics.len()).map(|_| instance()).collect()
            }),
            entries: Vec::new(),
            disk_free_at: 0,
            tombstone: None,
            forward: None,
            aborted: Vec::new(),
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
        let storm = self.chance.between(8, 40) * SECOND;
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

    /// All faults end; in some lives the balancer stays hard to reach.
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

    /// Nobody does anything: it stands somewhere visible.
    fn ends_by_itself(&mut self) -> Result<Ending, String> {
        self.people.rest();
        self.pass(self.stage.lateness + 15 * SECOND);
        // The keeper may have gone on by itself a moment ago.
        for _ in self.stage.plan.steps.iter() {
            if self.engine.phase() == Phase::Shifting {
                self.pass(self.stage.lateness + 4 * SECOND);
            }
        }
        if self.engine.phase().is_back() {
            return self.waits_for_confirmation();
        }
        self.verdict()
    }

    /// Everybody works towards the end: it is reached, or a rollback is.
    fn ends_forward(&mut self) -> Result<Ending, String> {
        self.people.work();
        for _ in 0..100 {
            self.pass(5 * SECOND);
            let phase = self.engine.phase();
            if self.is_over() || phase == Phase::Complete && !self.witness.sees_drift() {
                return self.verdict();
            }
            if phase.is_back() {
                return self.waits_for_confirmation();
            }
        }
        // What somebody else set may not be a place to go on from; then it is frozen, and says so.
        if self.witness.sees_drift() && self.engine.snapshot().band.word.as_str() == "FROZEN" {
            return Ok(Ending::Frozen);
        }
        Err(format!("eight minutes without faults and {:?}: {}", self.engine.phase(), self.engine.snapshot().band.text))
    }

    /// Somebody rolls back; often the balancer can be reached one second in ten only.
    fn ends_back(&mut self) -> Result<Ending, String> {
        self.people.rest();
        self.flickers = self.chance.coin();
        if self.engine.is_ended() {
            return self.verdict();
        }
        let answer = self.roll_back_typed();
        if self.is_over() {
            return Ok(Ending::Ended);
        }
        if !self.engine.phase().is_back() {
            let nothing = !self.witness.ever_forward;
            return if nothing { Ok(Ending::NothingToRollBack) } else { Err(format!("not accepted: {answer:?}")) };
        }
        self.waits_for_confirmation()
    }

    fn waits_for_confirmation(&mut self) -> Result<Ending, String> {
        self.people.rest();
        let turns = if self.flickers { 200 } else { 6 };
        // A late write may begin the window anew.
        for _ in 0..turns + 3 * self.stage.lateness / (10 * SECOND) {
            self.pass(10 * SECOND);
            if self.is_over() || matches!(self.engine.phase(), Phase::NewTrafficBack | Phase::RolledBack) {
                break;
            }
            if self.witness.sees_foreign() {
                if self.chance.coin() {
                    return self.verdict();
                }
                self.send_again();
            }
        }
        if self.flickers {
            self.flickers = false;
            self.pass(15 * SECOND);
        }
        // The candidate's own requests fall out of their window.
        for _ in 0..6 {
            if self.engine.phase() == Phase::NewTrafficBack {
                self.pass(10 * SECOND);
            }
        }
        self.verdict()
    }

    /// Where it stands, and whether that is a place to stand.
    fn verdict(&mut self) -> Result<Ending, String> {
        if self.witness.broken.is_some() {
            return Ok(Ending::Ended);
        }
        let phase = self.engine.phase();
        let view = self.engine.snapshot();
        let band = format!("{} {}", view.band.word, view.band.text);
        let rollback = view.rollback.as_ref().map(|rollback| rollback.state);
        if view.band.text.as_str().trim().is_empty() {
            return Err(format!("the band says nothing in {phase:?}"));
        }
        match phase {
            Phase::Ended => Ok(Ending::Ended),
            Phase::RolledBack | Phase::NewTrafficBack if !self.balancer.is_back(self.stage) => {
                Err(format!("{band}, and the candidate has {}", self.balancer.share(self.stage)))
            }
            Phase::NewTrafficBack => Err(format!("not at the candidate's floor: {band}")),
            Phase::RolledBack => Ok(Ending::RolledBack),
            Phase::RollingBack if rollback == Some(RollbackState::Foreign) => Ok(Ending::Foreign),
            Phase::RollingBack => Err(format!("a rollback that is not confirmed: {band}")),
            Phase::Complete if view.drift.is_none() && !self.balancer.is_over(self.stage) => {
                Err(format!("{band}, and the candidate has {}", self.balancer.share(self.stage)))
            }
            Phase::Complete => Ok(Ending::Complete),
            Phase::Held if view.held.as_ref().is_some_and(|held| !held.why.as_str().is_empty()) => Ok(Ending::Held),
            Phase::Held => Err("held without a reason".into()),
            Phase::Shifting => Err(format!("a write is under way without end: {band}")),
            Phase::Preflight | Phase::Ready | Phase::Baking => Ok(Ending::Waiting),
            Phase::Observing => Ok(Ending::Watched),
        }
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
                self.weather.out_of_reach = self.clock / SECOND % 10 != 0;
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
            self.witness.breaks(Rule::Liveness, format!("the loop would spin: {why:?}"));
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
            let by = Duration::from_micros(self.clock - since);
            if by > CLOCK_GAP {
                self.take(Event::ClockJumped { by });
            }
        }
        self.take(event)
    }

    fn take(&mut self, event: Event) -> Option<Answer> {
        if self.is_over() && !self.engine.is_ended() {
            return None;
        }
        self.seq += 1;
        self.counters.events += 1;
        let stamped = Stamped { seq: self.seq, mono: self.now(), wall: wall(self.clock, self.wall_offset), event };
        let picture = self.engine.generation();
        if let Event::Commanded(request) = &stamped.event {
            self.counters.pair(self.engine.phase(), Ask::of(&request.command));
        }
        let handled = self.engine.handle(&stamped);
        self.look_at_picture(&stamped.event, picture, handled.answer.as_ref());
        if self.trace {
            self.tell(&stamped, &handled.effects, handled.answer.as_ref());
        }
        let truth = Truth {
            pending: self.pending,
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
        // Killed either before anything that follows was begun, or after all of it was.
        if !(crashes && self.chance.coin()) {
            for effect in handled.effects {
                self.counters.effects += 1;
                self.carry_out(effect);
            }
        }
        if crashes {
            self.crash();
        }
        handled.answer
    }

    /// 9: what was decided on an old picture is not done.
    fn look_at_picture(&mut self, event: &Event, picture: u64, answer: Option<&Answer>) {
        if let Event::Commanded(request) = event
            && let Command::Advance { generation, .. } | Command::Resume { generation } = &request.command
            && *generation != picture
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
                    println!("           {} {:?} {:?}", id.0, entry.text.as_str(), entry.fact)
                }
                Effect::WriteSplit { .. } | Effect::ReadSplit { .. } | Effect::Stop => {
                    println!("           {effect:?}")
                }
            }
        }
    }

    pub(super) fn happens(&mut self, item: Item) {
        match item {
            Item::Lands { parts, by } => {
                self.pending -= usize::from(by == By::Forward);
                if by == By::Other {
                    self.meddled = self.clock;
                }
                self.balancer.land(self.clock, &parts);
            }
            Item::Weather => self.weather_turns(),
            Item::Restart => self.restart(),
            Item::Synced { id, entry } => {
                let result = match entry {
                    Some(entry) => {
                        self.entries.push(*entry);
                        Ok(())
                    }
                    None => Err("no space left on device".into()),
                };
                let after = self.chance.below(500);
                self.later(after, Item::Journaled { id, result });
            }
            Item::Journaled { id, result } => {
                self.outcome(id, Epoch::default(), OutcomeKind::Journaled(result));
            }
            Item::Look(forward) => self.look(forward),
            Item::Send(forward) => self.send(&forward),
            Item::Answered { id, epoch, result, forward } => self.write_answered(id, epoch, result, forward),
            Item::ReadBegins { id, epoch } => {
                let seen = self.balancer.read(self.clock, self.stage, &mut self.weather, &mut self.chance);
                let result = Box::new(OutcomeKind::Read { started: self.now(), state: seen.state });
                self.later(seen.takes, Item::ReadEnds { id, epoch, result, is_true: seen.is_true });
            }
            Item::ReadEnds { id, epoch, result, is_true } => {
                self.witness.next_read_is_true = is_true;
                self.outcome(id, epoch, *result);
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
            Item::Person(who) => self.person_acts(who),
        }
    }

    fn outcome(&mut self, id: EffectId, epoch: Epoch, result: OutcomeKind) {
        self.feed(Event::Ended(Outcome { id, epoch, result }));
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
        self.later(0, Item::Folder);
        self.begin_people();
    }

    // The hands, as in `keeper/effects.rs`.

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Journal { id, entry } => {
                let refuses = self.weather.strikes(Fault::DiskRefuses);
                let takes = if self.weather.strikes(Fault::DiskStalls) {
                    self.chance.between(SECOND, 8 * SECOND)
                } else if self.weather.strikes(Fault::DiskSlow) {
                    self.chance.between(5_000, 400_000)
                } else {
                    self.chance.between(100, 3_000)
                };
                self.disk_free_at = self.disk_free_at.max(self.clock) + takes;
                self.later(self.disk_free_at - self.clock, Item::Synced { id, entry: (!refuses).then_some(entry) });
            }
            Effect::WriteSplit { id, epoch, direction: Direction::Forward, setting, tag } => {
                self.counters.forward += 1;
                self.forward = Some(id);
                let after = self.chance.below(2_000);
                self.later(after, Item::Look(Box::new(Forward { id, epoch, setting, tag })));
            }
            Effect::WriteSplit { id, epoch, direction: Direction::Back, setting, .. } => {
                self.counters.back += 1;
                if let Some(forward) = self.forward.take() {
                    self.aborted.push(forward);
                    let result = WriteResult::Unknown("cancelled".into());
                    self.later(0, Item::Answered { id: forward, epoch, result, forward: false });
                }
                self.write(id, epoch, &setting, None, By::Back);
            }
            Effect::ReadSplit { id, epoch } => self.later(0, Item::ReadBegins { id, epoch }),
            Effect::Stop => {}
        }
    }

    /// Before a forward write: is there a tombstone?
    fn look(&mut self, forward: Box<Forward>) {
        if self.aborted.contains(&forward.id) {
            return;
        }
        if self.tombstone.is_some() && self.hands.look_before {
            self.find_tombstone();
            let why = WriteResult::NotSent("rolled back directly".into());
            self.outcome(forward.id, forward.epoch, OutcomeKind::Written(why));
            return;
        }
        if self.tombstone.is_some() {
            self.witness.breaks(Rule::Tombstone, "a forward write goes out over a tombstone");
        }
        if self.weather.is(Fault::StopAtWrite) {
            self.weather.has_struck(Fault::StopAtWrite);
            self.stands_still(3, 90);
        }
        let after = self.chance.below(1_000);
        self.later(after, Item::Send(forward));
    }

    fn send(&mut self, forward: &Forward) {
        if !self.aborted.contains(&forward.id) {
            self.write(forward.id, forward.epoch, &forward.setting, forward.tag.as_deref(), By::Forward);
        }
    }

    fn write(&mut self, id: EffectId, epoch: Epoch, setting: &Setting, tag: Option<&str>, by: By) {
        let course = self.balancer.write(self.stage, setting, tag, &mut self.weather, &mut self.chance);
        for Landing { after, parts } in course.lands {
            self.pending += usize::from(by == By::Forward);
            self.later(after, Item::Lands { parts, by });
        }
        let forward = by == By::Forward;
        self.later(course.answered_after, Item::Answered { id, epoch, result: course.result, forward });
    }

    /// After a forward write: was there a tombstone meanwhile?
    fn write_answered(&mut self, id: EffectId, epoch: Epoch, result: WriteResult, forward: bool) {
        if forward {
            if self.aborted.contains(&id) {
                return;
            }
            self.forward = None;
            if self.hands.look_after {
                self.find_tombstone();
            }
        }
        self.outcome(id, epoch, OutcomeKind::Written(result));
        if forward && self.tombstone.is_some() && !self.follows() {
            self.witness.breaks(Rule::Tombstone, "a forward write went out over a tombstone and the keeper goes on");
        }
    }

    fn find_tombstone(&mut self) {
        if self.tombstone.is_some() {
            self.feed(Event::TombstoneFound { words: "by root".into() });
            if !self.follows() {
                self.witness.breaks(Rule::Tombstone, "the keeper does not follow a tombstone");
            }
        }
    }

    fn follows(&self) -> bool {
        self.is_over() || self.mode == Mode::Watch || self.engine.phase().is_back() || !self.is_alive
    }

    // The machine and other hands.

    fn stands_still(&mut self, least: u64, most: u64) {
        if self.still_until <= self.clock && self.is_alive {
            self.stood_since = Some(self.clock);
            self.still_until = self.clock + self.chance.between(least * SECOND, most * SECOND);
        }
    }

    fn weather_turns(&mut self) {
        let after = self.chance.between(SECOND / 2, 6 * SECOND);
        self.later(after, Item::Weather);
        let Some(fault) = self.weather.turn(&mut self.chance) else { return };
        if self.trace {
            println!("           weather {fault:?}");
        }
        let struck = match fault {
            Fault::ClockJump if self.is_alive && self.still_until <= self.clock => {
                let by = Duration::from_millis(self.chance.between(1, 20_000));
                self.take(Event::ClockJumped { by });
                true
            }
            Fault::ServersDown => {
                self.stage.layout.slots.iter().enumerate().any(|(slot, _)| self.weather.is_down(slot))
            }
            Fault::Suspend => {
                self.stands_still(1, 40);
                true
            }
            Fault::WallJump => {
                self.wall_offset = *self.chance.pick(&[-3_600_000, 0, 3_600_000]);
                true
            }
            Fault::Crash if self.is_alive => {
                self.crash_after = Some(self.seq + self.chance.below(30));
                false
            }
            Fault::ForeignForward => self.meddle_by_hand(&[100, 300, 500, 700, 1000]),
            Fault::ForeignBack => self.meddle_by_hand(&[0]),
            Fault::Direct if self.tombstone.is_none() && self.mode == Mode::Drive => {
                self.roll_back_directly();
                true
            }
            _ => false,
        };
        if struck {
            self.weather.has_struck(fault);
        }
    }

    /// Somebody changes the balancer, on one node or on all.
    fn meddle_by_hand(&mut self, shares: &[u32]) -> bool {
        let row = by_hand(self.stage, *self.chance.pick(shares));
        let nodes = self.stage.layout.nodes.len() as u64;
        let only = if self.chance.one_in(3) { Some(self.chance.below(nodes) as usize) } else { None };
        self.set_by_hand(0, &row, only);
        true
    }

    fn set_by_hand(&mut self, after: u64, row: &Row, only: Option<usize>) {
        let slots = row.iter().copied().enumerate();
        let parts = slots.filter(|(i, _)| only.is_none_or(|node| self.stage.layout.slots[*i].0.node == node)).collect();
        self.later(after, Item::Lands { parts, by: By::Other });
    }

    /// `warroom rollback` without the keeper: a tombstone first, then the writes, as the journal says.
    fn roll_back_directly(&mut self) {
        self.tombstone = Some(self.clock);
        let baseline = self.entries.iter().find_map(|entry| match &entry.fact {
            Fact::Baseline { setting, .. } => Some(setting.clone()),
            _ => None,
        });
        let setting = share::all_stable(&self.stage.layout, &baseline.unwrap_or_default());
        let row: Row = setting.0.values().copied().collect();
        for attempt in 0..2 {
            let after = self.chance.between(1_000, 300_000) + attempt * SECOND;
            self.set_by_hand(after, &row, None);
        }
    }

    fn crash(&mut self) {
        self.weather.has_struck(Fault::Crash);
        self.crash_after = None;
        self.is_alive = false;
        self.process += 1;
        self.forward = None;
        self.aborted.clear();
        self.stood_since = None;
        self.still_until = 0;
        // What was being written when it died may be on the disk or not.
        let unsynced = std::mem::take(&mut self.queue).into_sorted_vec();
        let mut torn = VecDeque::new();
        for Reverse(due) in unsynced.into_iter().rev() {
            match due.item {
                Item::Synced { entry: Some(entry), .. } if due.process + 1 == self.process => torn.push_back(entry),
                _ if due.item.is_of_the_world() => self.queue.push(Reverse(due)),
                _ => {}
            }
        }
        let kept = self.chance.below(2).min(torn.len() as u64) as usize;
        self.entries.extend(torn.into_iter().take(kept).map(|entry| *entry));
        self.disk_free_at = self.clock;
        let after = self.chance.between(SECOND / 10, 4 * SECOND);
        self.later(after, Item::Restart);
    }

    fn restart(&mut self) {
        self.is_alive = true;
        // As the journal is read: what the disk refused at first was written again under its own number.
        self.entries.sort_by_key(|entry| entry.number);
        let (now, wall) = (self.now(), wall(self.clock, self.wall_offset));
        let plan = self.stage.plan.clone();
        let jitter = self.chance.next();
        self.engine = if self.mode == Mode::Watch || self.entries.is_empty() {
            Engine::new(plan, self.mode, now, wall, jitter)
        } else {
            Engine::recover(plan, &self.entries, now, wall, jitter)
        };
        if self.trace {
            println!("           restarted on {} records: {:?}", self.entries.len(), self.engine.phase());
        }
        self.witness.restarted(now, &self.entries);
        self.woke_at = 0;
        self.begin_sources();
        self.come_all();
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
