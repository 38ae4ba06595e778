//! The driver between the engine and its make-believe world: carries out effects, feeds back what happens.

use super::balancer::{Balancer, Fate};
use super::plans::Sections;
use super::script::story;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use warroom::domain::{
    Absence, Clean, CommandId, Credentials, EffectId, Finding, Mono, PerRole, Person, Rights, Role, Setting, Survey,
    Targets, Verdict, Wall,
};
use warroom::engine::{
    Answer, CheckAnswer, Command, Direction, Effect, Engine, Entry, Event, Fact, Gate, Health, HookEnd, Mode, Outcome,
    OutcomeKind, Override, Phase, Request, Scrape, Stamped, Tail, WriteResult,
};
use warroom::plan::{CheckKind, Plan};

/// What the disk does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    Fine,
    Refuses,
    /// Takes this many milliseconds.
    Slow(u64),
}

/// What a scrape of an environment gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Scraping {
    Fine,
    /// Nothing arrives at all.
    Silent,
    Fails(Absence),
    /// The request counter is not in the answer.
    Missing,
    /// The error counter is not a number.
    NotANumber,
}

/// One environment: what it serves and what it says of itself.
#[derive(Debug)]
pub struct World {
    /// Part of its requests that fail.
    pub errors: f64,
    /// Part of its requests that take longer than its histogram's last bucket, one second.
    pub slow: f64,
    /// Requests a second it has besides the balancer's.
    pub own_rate: f64,
    pub scraping: Scraping,
    /// `None`: nothing arrives.
    pub health: Option<Health>,
    pub memory: Result<f64, Absence>,
    counted: (f64, f64, f64),
    counted_at: u64,
}

/// Requests a second through the balancer.
pub const TRAFFIC: f64 = 200.0;

/// When a keeper is killed, as seen from its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The record is on disk, and nothing that follows from it was begun.
    Before,
    /// Everything that follows from it was begun.
    After,
}

#[derive(Debug)]
enum Item {
    Journaled(EffectId, Box<Entry>),
    Lands(Setting),
    Written(EffectId, WriteResult),
    ReadBegins(EffectId),
    ReadEnds(EffectId, OutcomeKind),
    Scrape(Role),
    Health(Role),
    Check(usize),
    Survey,
    Rehearsed(EffectId, WriteResult),
    HookEnds(EffectId, HookEnd),
}

/// A write as it left the engine.
#[derive(Debug, Clone)]
pub struct Write {
    pub direction: Direction,
    pub setting: Setting,
}

/// One turn of the engine, for whoever checks it afterwards.
#[derive(Debug, Clone)]
pub struct Turn {
    pub at: Mono,
    pub event: Event,
    pub effects: Vec<Effect>,
    pub answer: Option<Answer>,
}

pub struct Rig {
    pub engine: Engine,
    pub plan: Arc<Plan>,
    pub balancer: Balancer,
    pub disk: Disk,
    /// What is on the disk.
    pub entries: Vec<Entry>,
    pub worlds: PerRole<World>,
    /// What each check answers; `None`: nothing arrives.
    pub checks: Vec<Option<Verdict>>,
    /// Microseconds a read takes.
    pub read_takes: u64,
    pub writes: Vec<Write>,
    /// What a survey gives, of a balancer that is surveyed; `None`: nothing arrives.
    pub survey: Option<Survey>,
    /// What becomes of rehearsals, after how many microseconds, and what they wrote.
    pub rehearsal: WriteResult,
    pub rehearsal_takes: u64,
    pub rehearsed: Vec<Setting>,
    /// How the next hooks end, and after how many milliseconds; without one they pass after half a second.
    pub hook_ends: VecDeque<(u64, HookEnd)>,
    /// Programs that were started, by their place in the plan.
    pub ran: Vec<usize>,
    running: BTreeSet<EffectId>,
    pub turns: Vec<Turn>,
    /// How often the engine asked to be woken at a time that had passed.
    pub spins: u32,
    pub stopped: bool,
    /// Kill the keeper once so many records are on disk; before or after it has heard of the last one.
    pub crash_at: Option<(usize, Moment)>,
    pub crashed: bool,
    clock: u64,
    wall_offset: i64,
    seq: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Item>,
    woke_at: u64,
    commands: u64,
    consoles: u64,
    seats: BTreeMap<String, u64>,
}

const START: u64 = 1_000_000_000;

/// Nothing to find fault with.
pub fn good_survey() -> Survey {
    let targets = Ok(Targets { healthy: 4, registered: 4 });
    Survey {
        findings: vec![Finding { name: "stickiness".into(), verdict: Verdict::Pass, detail: "none".into() }],
        targets: PerRole { stable: targets.clone(), candidate: targets },
        credentials: Credentials::Lasting,
        configuration: Some("[{\"actions\":[]}]".into()),
    }
}

impl Rig {
    pub fn new(sections: &Sections) -> Self {
        Self::in_mode(sections, Mode::Drive)
    }

    pub fn in_mode(sections: &Sections, mode: Mode) -> Self {
        let plan = sections.plan();
        let world = |_| World {
            errors: 0.0,
            slow: 0.0,
            own_rate: 0.5,
            scraping: Scraping::Fine,
            health: Some(Health::Healthy),
            memory: Ok(0.4),
            counted: (0.0, 0.0, 0.0),
            counted_at: START,
        };
        let mut rig = Self {
            engine: Engine::new(plan.clone(), mode, Mono::from_micros(START), wall(START, 0), 7),
            balancer: Balancer::new(plan.traffic.layout()),
            disk: Disk::Fine,
            entries: Vec::new(),
            worlds: PerRole::from_fn(world),
            checks: vec![Some(Verdict::Pass); plan.checks.len()],
            read_takes: 10_000,
            writes: Vec::new(),
            survey: plan.traffic.is_surveyed().then(good_survey),
            rehearsal: WriteResult::Accepted,
            rehearsal_takes: 40_000,
            rehearsed: Vec::new(),
            hook_ends: VecDeque::new(),
            ran: Vec::new(),
            running: BTreeSet::new(),
            turns: Vec::new(),
            spins: 0,
            stopped: false,
            crash_at: None,
            crashed: false,
            clock: START,
            wall_offset: 0,
            seq: 0,
            order: 0,
            queue: BTreeMap::new(),
            woke_at: 0,
            commands: 0,
            consoles: 0,
            seats: BTreeMap::new(),
            plan,
        };
        for role in Role::BOTH {
            rig.later(5_000, Item::Scrape(role));
            rig.later(6_000, Item::Health(role));
        }
        if rig.plan.traffic.is_surveyed() {
            rig.balancer.has_tags = true;
            rig.later(8_000, Item::Survey);
        }
        for check in 0..rig.checks.len() {
            rig.later(7_000, Item::Check(check));
        }
        rig
    }

    /// Everything in order, `alice` in the seat: one key from the first step.
    pub fn ready(sections: &Sections) -> Self {
        let mut rig = Self::new(sections);
        rig.come("alice");
        rig.wait(7_000);
        assert_eq!(rig.engine.phase(), Phase::Ready, "{:#?}", rig.engine.gates());
        rig
    }

    /// At the first step, baked.
    pub fn at_first_step(sections: &Sections) -> Self {
        let mut rig = Self::ready(sections);
        rig.advance("alice");
        rig.wait(7_000);
        assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Baking, 100));
        rig
    }

    pub fn now(&self) -> Mono {
        Mono::from_micros(self.clock)
    }

    /// Lets so many milliseconds pass, doing everything that falls due.
    pub fn wait(&mut self, ms: u64) {
        let end = self.clock + ms * 1000;
        while !self.stopped && !self.crashed {
            let queued = self.queue.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
            let woken = self.next_wake();
            let next = queued.min(woken);
            if next > end {
                break;
            }
            self.clock = self.clock.max(next);
            if woken < queued {
                self.woke_at = self.clock;
                self.feed(Event::Woke);
            } else if let Some((_, item)) = self.queue.pop_first() {
                self.happens(item);
            }
        }
        self.clock = if self.crashed { self.clock } else { end };
    }

    /// Lets time pass in steps of so many milliseconds until it is so, for ten minutes at most.
    pub fn wait_until(&mut self, step: u64, is_so: impl Fn(&Self) -> bool) {
        let begun = self.clock;
        while !is_so(self) {
            assert!(!self.crashed && self.clock - begun < 600_000_000, "it never came:\n{}", story(self));
            self.wait(step);
        }
    }

    /// Until the balancer is asked for what it holds.
    pub fn wait_for_read(&mut self) {
        let reads = |effect: &Effect| matches!(effect, Effect::ReadSplit { .. });
        self.wait_until(10, |rig| rig.turns.last().is_some_and(|turn| turn.effects.iter().any(reads)));
    }

    fn next_wake(&mut self) -> u64 {
        let Some((at, _)) = self.engine.next_wake() else { return u64::MAX };
        if at.micros() <= self.woke_at {
            // A real loop would turn here without rest; count it and go on.
            self.spins += 1;
            return self.woke_at + 50_000;
        }
        at.micros()
    }

    /// The process stands still: time passes and nothing is done.
    pub fn freeze(&mut self, ms: u64) {
        self.clock += ms * 1000;
        let by = Duration::from_millis(ms);
        self.feed(Event::ClockJumped { by });
    }

    fn later(&mut self, micros: u64, item: Item) {
        self.order += 1;
        self.queue.insert((self.clock + micros, self.order), item);
    }

    pub fn feed(&mut self, event: Event) -> Option<Answer> {
        self.seq += 1;
        let stamped = Stamped { seq: self.seq, mono: self.now(), wall: wall(self.clock, self.wall_offset), event };
        let handled = self.engine.handle(&stamped);
        for effect in &handled.effects {
            self.carry_out(effect);
        }
        let answer = handled.answer.clone();
        self.turns.push(Turn {
            at: self.now(),
            event: stamped.event,
            effects: handled.effects,
            answer: handled.answer,
        });
        answer
    }

    fn carry_out(&mut self, effect: &Effect) {
        match effect {
            Effect::Journal { id, entry } => {
                let takes = if let Disk::Slow(ms) = self.disk { ms * 1000 } else { 1_000 };
                self.later(takes, Item::Journaled(*id, entry.clone()));
            }
            Effect::WriteSplit { id, direction, setting, tag, .. } => {
                self.writes.push(Write { direction: *direction, setting: setting.clone() });
                let course = self.balancer.write(setting, tag.as_ref());
                if let Some((after, setting)) = course.lands {
                    self.later(after, Item::Lands(setting));
                }
                self.later(course.answers.0, Item::Written(*id, course.answers.1));
            }
            Effect::Rehearse { id, setting, .. } => {
                self.rehearsed.push(setting.clone());
                self.later(self.rehearsal_takes, Item::Rehearsed(*id, self.rehearsal.clone()));
            }
            Effect::ReadSplit { id } => self.later(0, Item::ReadBegins(*id)),
            Effect::RunHook { id, hook, .. } => {
                self.ran.push(*hook);
                self.running.insert(*id);
                let (ms, end) = self.hook_ends.pop_front().unwrap_or((500, HookEnd::Exited(0)));
                self.later(ms * 1000, Item::HookEnds(*id, end));
            }
            Effect::StopHook { id } => self.later(200_000, Item::HookEnds(*id, HookEnd::Stopped)),
            Effect::Stop => self.stopped = true,
        }
    }

    fn ended(&mut self, id: EffectId, result: OutcomeKind) {
        self.feed(Event::Ended(Outcome { id, result }));
    }

    fn happens(&mut self, item: Item) {
        match item {
            Item::Journaled(id, entry) => {
                let refused = self.disk == Disk::Refuses;
                if !refused {
                    self.entries.push(*entry);
                }
                let result = if refused { Err("no space left on device".into()) } else { Ok(()) };
                let kill = self.crash_at.filter(|(count, _)| *count == self.entries.len()).map(|(_, moment)| moment);
                if kill != Some(Moment::Before) {
                    self.ended(id, OutcomeKind::Journaled(result));
                }
                self.crashed = kill.is_some();
            }
            Item::Survey => {
                if let Some(survey) = self.survey.clone() {
                    self.feed(Event::Surveyed(survey));
                }
                self.later(2_000_000, Item::Survey);
            }
            Item::Rehearsed(id, result) => self.ended(id, OutcomeKind::Rehearsed(result)),
            Item::HookEnds(id, end) => {
                // One that was stopped does not end again by itself.
                if self.running.remove(&id) {
                    let mut tail = Tail::default();
                    tail.push(&"the last line".into());
                    self.ended(id, OutcomeKind::HookEnded { end, tail });
                }
            }
            Item::Lands(setting) => self.balancer.land(&setting),
            Item::Written(id, result) => self.ended(id, OutcomeKind::Written(result)),
            Item::ReadBegins(id) => {
                let kind = OutcomeKind::Read { started: self.now(), state: self.balancer.read() };
                self.later(self.read_takes, Item::ReadEnds(id, kind));
            }
            Item::ReadEnds(id, kind) => self.ended(id, kind),
            Item::Scrape(role) => {
                self.later(1_000_000, Item::Scrape(role));
                self.scrape(role);
            }
            Item::Health(role) => {
                self.later(self.plan.poll.health.as_micros() as u64, Item::Health(role));
                if let Some(health) = self.worlds[role].health.clone() {
                    self.feed(Event::HealthSeen { role, health });
                }
            }
            Item::Check(check) => {
                let every = self.plan.checks[check].interval.as_micros() as u64;
                self.later(every, Item::Check(check));
                self.ask(check);
            }
        }
    }

    fn ask(&mut self, check: usize) {
        if let (CheckKind::Http(_), Some(verdict)) = (&self.plan.checks[check].kind, self.checks[check]) {
            let answer = CheckAnswer { verdict, detail: "answer".into(), raw: Clean::default() };
            self.feed(Event::CheckAnswered { check, answer });
        }
    }

    /// One scrape, now.
    pub fn scrape(&mut self, role: Role) {
        let share = f64::from(self.balancer.share()) / 1000.0;
        let share = if role == Role::Candidate { share } else { 1.0 - share };
        let world = &mut self.worlds[role];
        let requests = (TRAFFIC * share + world.own_rate) * (self.clock - world.counted_at) as f64 / 1e6;
        world.counted_at = self.clock;
        world.counted.0 += requests;
        world.counted.1 += requests * world.errors;
        world.counted.2 += requests * (1.0 - world.slow);
        let (requests, errors, quick) = world.counted;
        let mut scrape = Scrape {
            requests: Some(requests),
            errors,
            buckets: vec![(0.1, quick), (1.0, quick), (f64::INFINITY, requests)],
            gauges: vec![world.memory.clone()],
        };
        let scrape = match &world.scraping {
            Scraping::Silent => return,
            Scraping::Fine => Ok(scrape),
            Scraping::Fails(why) => Err(why.clone()),
            Scraping::Missing => {
                scrape.requests = None;
                Ok(scrape)
            }
            Scraping::NotANumber => {
                scrape.errors = f64::NAN;
                Ok(scrape)
            }
        };
        self.feed(Event::Scraped { role, instance: 0, scrape });
    }

    pub fn come(&mut self, name: &str) {
        self.come_as(name, Rights::Full);
    }

    pub fn come_as(&mut self, name: &str, rights: Rights) {
        self.consoles += 1;
        let console = self.consoles;
        self.seats.insert(name.to_owned(), console);
        self.feed(Event::ConsoleCame { console, by: Person::verified(name), rights });
    }

    pub fn leave(&mut self, name: &str) {
        let console = self.seats.remove(name).expect("only who is here leaves");
        self.feed(Event::ConsoleWent { console });
    }

    /// A command under the next id.
    pub fn ask_for(&mut self, name: &str, command: Command) -> Answer {
        self.commands += 1;
        self.request(self.commands, &Person::verified(name), Rights::Full, command)
    }

    pub fn request(&mut self, id: u64, by: &Person, rights: Rights, command: Command) -> Answer {
        let request = Request { id: CommandId(id), by: by.clone(), rights, command };
        self.feed(Event::Commanded(request)).expect("every command is answered")
    }

    pub fn advance(&mut self, name: &str) -> Answer {
        let generation = self.generation();
        self.ask_for(name, Command::Advance { generation, over: None })
    }

    pub fn override_with(&mut self, name: &str, typed: &str, reason: &str) -> Answer {
        let over = Some(Override { typed: typed.into(), reason: reason.into() });
        let generation = self.generation();
        self.ask_for(name, Command::Advance { generation, over })
    }

    pub fn resume(&mut self, name: &str) -> Answer {
        let generation = self.generation();
        self.ask_for(name, Command::Resume { generation })
    }

    pub fn run_hook(&mut self, name: &str, hook: &str) -> Answer {
        self.ask_for(name, Command::RunHook { hook: hook.into() })
    }

    pub fn stop_hook(&mut self, name: &str, hook: &str) -> Answer {
        self.ask_for(name, Command::StopHook { hook: hook.into() })
    }

    /// How a hook's gate stands now, where the next step has one.
    pub fn hook_gate(&self, hook: &str) -> Option<Gate> {
        self.engine.gates().into_iter().find(|gate| gate.name.as_str() == hook)
    }

    pub fn reassert(&mut self, name: &str) -> Answer {
        let generation = self.generation();
        self.ask_for(name, Command::Reassert { generation })
    }

    pub fn roll_back(&mut self, name: &str, typed: Option<&str>) -> Answer {
        self.ask_for(name, Command::Rollback { reason: None, typed: typed.map(str::to_owned) })
    }

    pub fn generation(&self) -> u64 {
        self.engine.snapshot().generation
    }

    /// Kills the keeper and starts another on what is on disk; the world goes on without it.
    pub fn crash(&mut self) {
        let entries = self.entries.clone();
        self.restart_from(&entries);
    }

    /// Starts another keeper on these records.
    pub fn restart_from(&mut self, entries: &[Entry]) {
        self.entries = entries.to_vec();
        // What the dead keeper was told is lost; what it had sent to the balancer still lands.
        self.queue.retain(|_, item| {
            !matches!(
                item,
                Item::Journaled(..)
                    | Item::Written(..)
                    | Item::Rehearsed(..)
                    | Item::HookEnds(..)
                    | Item::ReadBegins(..)
                    | Item::ReadEnds(..)
            )
        });
        self.seats.clear();
        self.running.clear();
        let now = wall(self.clock, self.wall_offset);
        self.engine = Engine::recover(self.plan.clone(), entries, self.now(), now, 9);
        self.feed(Event::Woke);
    }

    /// Somebody sets the wall clock back by so many milliseconds.
    pub fn set_wall_back(&mut self, ms: i64) {
        self.wall_offset -= ms;
    }

    pub fn next_fates(&mut self, fates: &[Fate]) {
        self.balancer.fates = fates.iter().copied().collect();
    }

    /// Writes that went out in one direction.
    pub fn sent(&self, direction: Direction) -> usize {
        self.writes.iter().filter(|write| write.direction == direction).count()
    }

    /// Every line the engine has ever said.
    pub fn lines(&self) -> impl Iterator<Item = &Entry> {
        self.turns.iter().flat_map(|turn| &turn.effects).filter_map(|effect| match effect {
            Effect::Journal { entry, .. } => Some(&**entry),
            Effect::WriteSplit { .. }
            | Effect::Rehearse { .. }
            | Effect::ReadSplit { .. }
            | Effect::RunHook { .. }
            | Effect::StopHook { .. }
            | Effect::Stop => None,
        })
    }

    pub fn said(&self, words: &str) -> bool {
        self.lines().any(|entry| entry.text.as_str().contains(words))
    }

    pub fn noted(&self, fact: impl Fn(&Fact) -> bool) -> usize {
        self.lines().filter(|entry| fact(&entry.fact)).count()
    }
}

fn wall(clock: u64, offset: i64) -> Wall {
    Wall::from_millis(1_795_000_000_000 + (clock / 1000) as i64 + offset)
}
