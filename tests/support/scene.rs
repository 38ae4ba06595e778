//! A real engine in a small pretended world: whatever is shown was reached, never written by hand.

#![allow(dead_code, reason = "each test program uses its own part of it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use warroom::domain::{
    Absence, BalancerState, Clean, CommandId, EffectId, Mono, NodeState, PerRole, Person, Readiness, Rights, Role,
    RunId, SlotState, Verdict, Wall,
};
use warroom::engine::{
    Answer, CheckAnswer, Command, Effect, Engine, Event, Health, HookEnd, Mode, Outcome, OutcomeKind, Request, Samples,
    Scrape, Stamped, Tail, WriteResult,
};
use warroom::plan::{self, CheckKind, Plan};
use warroom::wire::{KeeperInfo, Status};

/// One turn of the pretended keeper.
const TURN: Duration = Duration::from_millis(200);
/// Requests a second through the balancer.
const RATE: f64 = 80.0;
/// Requests a second that reach an environment without the balancer: checks and scrapes.
const IDLE_RATE: f64 = 1.6;
/// 2026-11-22T12:00:00Z.
const NOON: i64 = 1_795_348_800_000;

pub struct Scene {
    pub engine: Engine,
    pub now: Mono,
    pub wall: Wall,
    /// What the balancer holds, in thousandths of a percent.
    pub candidate: u32,
    /// Whether a write takes effect.
    pub writes_land: bool,
    /// Whether a write is answered.
    pub writes_answer: bool,
    /// Whether the balancer can be read.
    pub readable: bool,
    /// Whether an environment's metrics can be read.
    pub metrics: PerRole<bool>,
    pub error_ratio: PerRole<f64>,
    pub p99: PerRole<f64>,
    pub healthy: PerRole<bool>,
    /// Whether the HTTP checks are asked at all.
    pub checks: bool,
    /// A check that fails.
    pub failing: Option<usize>,
    /// Requests a second that stay on the candidate whatever the balancer says.
    pub pinned: f64,
    pub sampled: bool,
    counters: PerRole<(f64, f64)>,
    buckets: PerRole<Vec<f64>>,
    plan: Arc<Plan>,
    waiting: Vec<Effect>,
    /// Hooks that run, in the order in which they were begun, with what each has printed.
    running: Vec<(EffectId, Tail)>,
    seq: u64,
    next_command: u64,
    turns: u64,
}

const BOUNDS: [f64; 9] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.4, 0.5, 1.0, f64::INFINITY];

pub fn alice() -> Person {
    Person::verified("alice")
}

pub fn bob() -> Person {
    Person::verified("bob")
}

pub fn demo_plan() -> Plan {
    plan_of(&demo_text())
}

pub fn demo_text() -> String {
    include_str!("../../config/demo.toml").to_owned()
}

pub fn plan_of(text: &str) -> Plan {
    match plan::load(Path::new("demo.toml"), text) {
        Ok(plan) => plan,
        Err(errors) => panic!("{errors:?}"),
    }
}

impl Scene {
    pub fn new() -> Self {
        Self::of(demo_plan(), Mode::Drive)
    }

    pub fn of(plan: Plan, mode: Mode) -> Self {
        let plan = Arc::new(plan);
        let (now, wall) = (Mono::from_micros(1_000_000_000), Wall::from_millis(NOON));
        let mut scene = Self {
            engine: Engine::new(plan.clone(), mode, now, wall, 7),
            now,
            wall,
            candidate: 0,
            writes_land: true,
            writes_answer: true,
            readable: true,
            metrics: PerRole { stable: true, candidate: true },
            error_ratio: PerRole { stable: 0.0021, candidate: 0.0024 },
            p99: PerRole { stable: 0.094, candidate: 0.103 },
            healthy: PerRole { stable: true, candidate: true },
            checks: true,
            failing: None,
            pinned: 0.0,
            sampled: true,
            counters: PerRole::default(),
            buckets: PerRole::from_fn(|_| vec![0.0; BOUNDS.len()]),
            plan,
            waiting: Vec::new(),
            running: Vec::new(),
            seq: 0,
            next_command: 500,
            turns: 0,
        };
        scene.event(Event::ConsoleCame { console: 1, by: alice(), rights: Rights::Full });
        scene
    }

    pub fn event(&mut self, event: Event) -> Option<Answer> {
        self.seq += 1;
        let stamped = Stamped { seq: self.seq, mono: self.now, wall: self.wall, event };
        let handled = self.engine.handle(&stamped);
        for effect in handled.effects {
            // The disk is quick here; the balancer answers one turn later.
            if matches!(effect, Effect::Journal { .. }) {
                self.carry_out(effect);
            } else {
                self.waiting.push(effect);
            }
        }
        handled.answer
    }

    /// Runs a hook of the plan, and lets it print.
    pub fn run_hook(&mut self, hook: &str, lines: &[&str]) {
        let answer = self.command(alice(), Command::RunHook { hook: hook.into() });
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
        self.run(1.0);
        self.print(lines);
    }

    /// The hook that was begun last prints.
    pub fn print(&mut self, lines: &[&str]) {
        let (id, tail) = self.running.last_mut().expect("one runs");
        for line in lines {
            tail.push(&Clean::new(line));
        }
        let (id, tail) = (*id, tail.clone());
        self.event(Event::HookPrinted { id, tail });
    }

    /// The hook that was begun last ends.
    pub fn end_hook(&mut self, end: HookEnd) {
        let (id, tail) = self.running.pop().expect("one runs");
        self.ended(id, OutcomeKind::HookEnded { end, tail });
    }

    pub fn command(&mut self, by: Person, command: Command) -> Answer {
        self.next_command += 1;
        self.request(CommandId(self.next_command), by, command)
    }

    /// A command by the name that its console gave it.
    pub fn request(&mut self, id: CommandId, by: Person, command: Command) -> Answer {
        self.event(Event::Commanded(Request { id, by, rights: Rights::Full, command }))
            .expect("every command is answered")
    }

    pub fn advance(&mut self) {
        let generation = self.engine.snapshot().generation;
        let answer = self.command(alice(), Command::Advance { generation, over: None });
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
    }

    pub fn roll_back(&mut self) {
        let answer = self.command(alice(), Command::Rollback { reason: Some(Clean::new("errors")), typed: None });
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.seq
    }

    /// Lets time pass.
    pub fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds * 5.0).round() as u64 {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.now = self.now + TURN;
        self.wall = self.wall.plus(TURN);
        self.turns += 1;
        self.count();
        for effect in std::mem::take(&mut self.waiting) {
            self.carry_out(effect);
        }
        if self.turns.is_multiple_of(5) {
            self.second();
        }
        if self.turns.is_multiple_of(10) && self.checks {
            self.ask();
        }
        self.event(Event::Woke);
    }

    fn count(&mut self) {
        let share = f64::from(self.candidate) / 100_000.0;
        for role in Role::BOTH {
            let part = match role {
                Role::Stable => 1.0 - share,
                Role::Candidate => share,
            };
            let pinned = if role == Role::Candidate { self.pinned } else { 0.0 };
            let requests = (RATE * part + IDLE_RATE + pinned) * TURN.as_secs_f64();
            self.counters[role].0 += requests;
            self.counters[role].1 += requests * self.error_ratio[role];
            // Spread evenly up to a longest time, so that 99 of 100 lie below the wanted P99.
            let longest = self.p99[role] / 0.99;
            for (bound, count) in BOUNDS.iter().zip(&mut self.buckets[role]) {
                *count += requests * (bound / longest).min(1.0);
            }
        }
    }

    fn second(&mut self) {
        for role in Role::BOTH {
            let scrape = if self.metrics[role] {
                let (requests, errors) = self.counters[role];
                let buckets = BOUNDS.iter().copied().zip(self.buckets[role].iter().copied()).collect();
                Ok(Scrape { requests: Some(requests), errors, buckets, gauges: vec![Ok(0.41), Ok(0.4)] })
            } else {
                Err(Absence::Unreachable(Clean::new("no answer in 2 s")))
            };
            self.event(Event::Scraped { role, instance: 0, scrape });
            let health =
                if self.healthy[role] { Health::Healthy } else { Health::Failing(Clean::new("503 from /health")) };
            self.event(Event::HealthSeen { role, health });
        }
        if self.sampled {
            let candidate = (f64::from(self.candidate) / 100_000.0 * 20.0).round() as u32;
            self.event(Event::Sampled(Samples { stable: 20 - candidate, candidate, unknown: 0, failed: 0 }));
        }
    }

    fn ask(&mut self) {
        for check in 0..self.plan.checks.len() {
            if !matches!(self.plan.checks[check].kind, CheckKind::Http(_)) {
                continue;
            }
            let answer = if self.failing == Some(check) {
                let (detail, raw) =
                    (Clean::new("503 /database is \"down\""), Clean::new("503 {\"database\":\"down\"}"));
                CheckAnswer { verdict: Verdict::Fail, detail, raw }
            } else {
                let (detail, raw) = (Clean::new("200 2.1.0 12ms"), Clean::new("200 {\"status\":\"ok\"}"));
                CheckAnswer { verdict: Verdict::Pass, detail, raw }
            };
            self.event(Event::CheckAnswered { check, answer });
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Journal { id, .. } => self.ended(id, OutcomeKind::Journaled(Ok(()))),
            Effect::Rehearse { id, .. } => self.ended(id, OutcomeKind::Rehearsed(WriteResult::Accepted)),
            Effect::WriteSplit { id, setting, .. } => {
                if self.writes_land {
                    let weight = setting.0.iter().find(|(slot, _)| slot.name == "green").map(|(_, weight)| *weight);
                    self.candidate = weight.expect("a weight for green");
                }
                if self.writes_answer {
                    self.ended(id, OutcomeKind::Written(WriteResult::Accepted));
                }
            }
            Effect::ReadSplit { id } => {
                let slot = |name: &str, weight| SlotState {
                    name: name.to_owned(),
                    weight,
                    configured: None,
                    readiness: Readiness::Unknown,
                };
                let state = if self.readable {
                    let slots = vec![slot("blue", 100_000 - self.candidate), slot("green", self.candidate)];
                    BalancerState { nodes: vec![NodeState { slots: Ok(slots) }], tag: None }
                } else {
                    BalancerState::unreadable(1, &Clean::new("no answer in 2 s"))
                };
                self.ended(id, OutcomeKind::Read { started: self.now, state });
            }
            Effect::RunHook { id, .. } => self.running.push((id, Tail::default())),
            Effect::StopHook { .. } | Effect::Stop => {}
        }
    }

    fn ended(&mut self, id: EffectId, result: OutcomeKind) {
        self.event(Event::Ended(Outcome { id, result }));
    }

    pub fn status(&self) -> Status {
        Status {
            run: RunId::parse("checkout-20261122T120000Z-3f9a").expect("a run id"),
            keeper: KeeperInfo {
                pid: 4711,
                since: Wall::from_millis(NOON),
                version: Clean::new("0.1.0"),
                plan_changed: false,
                dropped: 0,
            },
            snapshot: self.engine.snapshot(),
        }
    }

    /// A run at a step of the demo's plan, at its first seconds: 5, 25, 50, 100 %.
    pub fn at_step(step: usize) -> Self {
        let mut scene = Self::ready();
        for _ in 0..step {
            scene.advance();
            scene.run(2.0);
            if scene.candidate < 100_000 {
                scene.run(26.0);
            }
        }
        scene
    }

    pub fn ready() -> Self {
        let mut scene = Self::new();
        scene.run(15.0);
        scene
    }
}
