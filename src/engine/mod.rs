//! The cutover itself, as a pure function of what happened.
//!
//! [`Engine::handle`] takes one stamped event and gives back the effects to carry out and, for a
//! command, its answer. The contract:
//!
//! * It reads no clock, spawns nothing and does no I/O; time comes with each event.
//! * Each effect is carried out once and reported as exactly one [`Outcome`], also when it timed out,
//!   was cancelled or panicked.
//! * [`Engine::next_wake`] names the one time at which the engine wants [`Event::Woke`], and why.
//! * The same events give the same effects, always.
//!
//! One file for each concern: `phase` (what may be asked where), `command` (what people ask), `forward` (a step), `share` (its
//! weights), `completion` (the end of the last), `back` (a rollback), `balancer` (reads and drift), `ledger` (what is this run's
//! own there), `watching` (readings, health, checks), `window` (rates and percentiles of them), `rates` (what each environment
//! is asked for), `guardrail` (a limit with a duration), `limits` (what they ask for), `gates` (why not yet), `access` (whether
//! a write would be taken), `hooks` (the operator's own programs), `facts` (what the disk has not taken yet), `reassert` (a
//! last setting set again), `converged` (whether all agree), `propagation` (when requests follow), `invariant` (what must hold
//! after every event), `series` (the past of the charts), `recover` (after a crash), `band` (the one sentence), `snapshot`
//! (what is shown).

mod access;
mod back;
mod balancer;
mod band;
mod command;
mod completion;
mod consoles;
mod converged;
mod effect;
mod event;
mod facts;
mod forward;
mod gates;
pub mod guardrail;
mod hooks;
mod invariant;
mod ledger;
mod limits;
mod phase;
pub(crate) mod planted;
mod propagation;
mod rates;
mod reassert;
mod recover;
mod series;
pub mod share;
mod snapshot;
mod watching;
pub mod window;

pub use access::CREDENTIALS_MARGIN;
pub use back::DISK_WAIT;
pub use converged::{PROBES_MIN, PROBES_STALE};
pub use effect::{Direction, Effect, Entry, Fact, Severity};
pub use event::{
    Answer, CheckAnswer, Command, Event, Health, NOTHING_FOREIGN, NOTHING_TO_ADOPT, NOTHING_TO_COMPLETE, Outcome,
    OutcomeKind, Override, Request, SUSPEND_MAX, SUSPENDED_TOO_LONG, Samples, Scrape, Stamped, TOWARDS_CANDIDATE,
    WriteResult,
};
pub use gates::Gate;
pub use hooks::{HookEnd, HookState, HookView, TAIL_BYTES_MAX, TAIL_CHARS_MAX, TAIL_LINES_MAX, Tail};
pub use phase::{Ask, Phase, Rule, rule};
pub use series::{HOUR_POINT_SECONDS, HOUR_POINTS, SERIES_POINTS};
pub use snapshot::{
    Band, BandPart, CheckView, ConfiguredView, ConvergedView, DriftView, EnvironmentView, GuardrailView, HeldView,
    MeasuredView, NextView, PeopleView, ReadinessView, RollbackState, RollbackView, SCHEMA_VERSION, SignalView,
    Snapshot, SplitView, StepState, StepView, Tempo,
};
pub use watching::verdict_word;

use crate::domain::{
    Clean, CommandId, EffectId, Epoch, Layout, Mono, PerRole, Person, Reading, Role, Setting, Split, Wall,
};
use crate::plan::Plan;
use access::Access;
use back::Rollback;
use balancer::{BalancerView, Drift};
use consoles::Console;
use facts::Facts;
use forward::{Bake, Goal, How, Shift};
use guardrail::Watch;
use hooks::HookStand;
use ledger::Ledger;
use propagation::Propagation;
use series::Series;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use watching::{CheckState, HealthState, Sampling};
use window::Instances;

/// Whether this keeper may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It drives.
    Drive,
    /// It holds no write path at all.
    Watch,
}

/// Log lines kept for the screen: four screens of 200x60.
pub const LOG_LINES_MAX: usize = 240;
/// Answers remembered so that a command sent again is done once: a minute of one a quarter second.
pub const ANSWERS_MAX: usize = 240;
/// A gap in the clock longer than this is told, and holds: five polls were missed at the default interval.
pub const CLOCK_GAP: Duration = Duration::from_secs(5);
/// Time between two looks at everything that only time changes.
const TICK: Duration = Duration::from_secs(1);

/// What one event came to.
#[derive(Debug, Default)]
pub struct Handled {
    /// What is to be done, in this order.
    pub effects: Vec<Effect>,
    /// The answer, when the event was a command.
    pub answer: Option<Answer>,
}

/// Why the engine wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// Everything that only time changes: ages, bakes, limits.
    Tick,
    /// The balancer is to be read.
    ReadDue,
    /// The disk had its time; the rollback goes out without it.
    RollbackOverdue,
    /// A rollback attempt is to be repeated.
    RollbackRetry,
    /// A forward write has had its lateness window.
    ShiftSettled,
}

/// Why and since when forward movement is stopped.
#[derive(Debug, Clone)]
struct Held {
    by: Person,
    why: Clean,
    wall: Wall,
    automatic: bool,
}

/// Automatic rollback is off for a while.
#[derive(Debug, Clone)]
struct Suspension {
    by: Person,
    reason: Clean,
    until: Mono,
    until_wall: Wall,
}

/// A cutover.
#[derive(Debug)]
pub struct Engine {
    plan: Arc<Plan>,
    layout: Layout,
    mode: Mode,
    now: Mono,
    wall: Wall,
    started: (Mono, Wall),

    baseline: Option<Baseline>,
    /// What the balancer should hold; `None` until it was read once.
    expected: Option<Setting>,
    ledger: Ledger,
    balancer: BalancerView,
    drift: Option<Drift>,
    /// Re-asserts that were read back since the last step or adoption: each further drift undoes one.
    reasserts: u32,

    /// Index of the last step reached; `None` before the first.
    position: Option<usize>,
    /// The furthest step with a point of no return that the balancer was seen at, by whose hand ever: what broke stays
    /// broken wherever the traffic goes from there.
    passed: Option<usize>,
    /// The split this run last had read back.
    current: Split,
    bake: Bake,
    shift: Option<Shift>,
    held: Option<Held>,
    rollback: Option<Rollback>,
    /// When 100 % was baked, and how long it was watched since, or since the last drift.
    completed: Option<(Mono, Wall)>,
    watched: Duration,
    watch_over: bool,
    ended: bool,
    /// When each step was reached.
    reached: Vec<Option<(Mono, Wall)>>,
    /// The first forward write of the run, sent or about to be.
    forward_began: bool,
    /// The candidate's own request rate while it had no share yet.
    idle_rate: Option<f64>,
    tempo: Tempo,

    instances: PerRole<Instances>,
    watches: Vec<Watch>,
    checks: Vec<CheckState>,
    /// What the present step's own gates were judged on.
    step_readings: Vec<Reading>,
    health: PerRole<HealthState>,
    sampling: Sampling,
    propagation: Option<Propagation>,
    series: Series,
    /// When all limits were last looked at; `None` when something came since.
    watched_at: Option<Mono>,

    driver: Option<Person>,
    consoles: BTreeMap<u64, Console>,
    approvals: BTreeMap<usize, Person>,
    suspension: Option<Suspension>,

    hooks: Vec<HookStand>,
    access: Access,
    journal_trouble: Option<Clean>,
    facts: Facts,
    violation: Option<Clean>,
    /// At the beginning of this turn a write that had gone out could still land.
    was_open: bool,
    log: VecDeque<Entry>,
    answers: VecDeque<((CommandId, Person), Answer)>,
    entry_number: u64,
    next_effect: u64,
    epoch: Epoch,
    generation: u64,
    fingerprint: u64,
    jitter: u64,
}

/// The balancer before anything was touched.
#[derive(Debug, Clone)]
struct Baseline {
    setting: Setting,
    split: Split,
}

impl Engine {
    /// A new run. `jitter` seeds the spread of retries and nothing else.
    pub fn new(plan: Arc<Plan>, mode: Mode, mono: Mono, wall: Wall, jitter: u64) -> Self {
        let layout = plan.traffic.layout();
        Self {
            mode,
            now: mono,
            wall,
            started: (mono, wall),
            baseline: None,
            expected: None,
            ledger: Ledger::default(),
            balancer: BalancerView::new(mono),
            drift: None,
            reasserts: 0,
            position: None,
            passed: None,
            current: Split::ALL_STABLE,
            bake: Bake::new(mono),
            shift: None,
            held: None,
            rollback: None,
            completed: None,
            watched: Duration::ZERO,
            watch_over: false,
            ended: false,
            reached: vec![None; plan.steps.len()],
            forward_began: false,
            idle_rate: None,
            tempo: Tempo::default(),
            instances: PerRole::from_fn(|role| Instances::new(plan.environments[role].metrics.len())),
            watches: plan.guardrails.iter().map(|_| Watch::new(mono)).collect(),
            checks: plan.checks.iter().map(|_| CheckState::default()).collect(),
            step_readings: Vec::new(),
            health: PerRole::from_fn(|_| HealthState::default()),
            sampling: Sampling::default(),
            propagation: None,
            series: Series::default(),
            watched_at: None,
            driver: None,
            consoles: BTreeMap::new(),
            approvals: BTreeMap::new(),
            suspension: None,
            hooks: plan.hooks.iter().map(|_| HookStand::default()).collect(),
            access: Access::default(),
            journal_trouble: None,
            facts: Facts::default(),
            violation: None,
            was_open: false,
            log: VecDeque::new(),
            answers: VecDeque::new(),
            entry_number: 0,
            next_effect: 0,
            epoch: Epoch::default(),
            // Above whatever a keeper before this one came to, so that no decision on its picture passes for one on ours.
            generation: mono.micros(),
            fingerprint: 0,
            jitter,
            layout,
            plan,
        }
    }

    /// Takes one event in. See the module for the contract.
    pub fn handle(&mut self, stamped: &Stamped) -> Handled {
        self.now = self.now.max(stamped.mono);
        self.wall = stamped.wall;
        self.was_open = self.has_open_write();
        let mut out = Vec::new();
        let answer = self.take(&stamped.event, &mut out);
        let wrong = self.answer_violates(&stamped.event, answer.as_ref());
        self.pass_time(&mut out);
        self.check_invariants(wrong, &mut out);
        self.bump_generation();
        Handled { effects: out, answer }
    }

    fn take(&mut self, event: &Event, out: &mut Vec<Effect>) -> Option<Answer> {
        match event {
            Event::Commanded(request) => return Some(self.command(request, out)),
            Event::ConsoleCame { console, by, rights } => self.console_came(*console, by, *rights, out),
            Event::ConsoleWent { console } => self.console_went(*console, out),
            Event::Ended(outcome) => self.outcome(outcome, out),
            Event::Scraped { role, instance, scrape } => self.scraped(*role, *instance, scrape),
            Event::HealthSeen { role, health } => self.health_seen(*role, health, out),
            Event::CheckAnswered { check, answer } => self.check_answered(*check, answer, out),
            Event::Surveyed(survey) => self.surveyed(survey, out),
            Event::HookPrinted { id, tail } => self.hook_printed(*id, tail),
            Event::Sampled(samples) => {
                self.sampling.push(self.now, *samples);
                self.judge_propagation(out);
            }
            Event::SourceLost { source, why } => {
                let text = format!("source lost: {source}: {why}");
                self.say(Severity::Warn, None, text, Fact::Line, out);
            }
            Event::TombstoneFound { words } => self.tombstone_found(words, out),
            Event::ToldToEnd { within } => {
                let text = format!(
                    "the keeper was told to end (SIGTERM): it does when the rollback is confirmed, or in {} s",
                    within.as_secs()
                );
                self.say(Severity::Warn, None, text, Fact::Line, out);
            }
            Event::Woke => {}
            Event::ClockJumped { by } => self.clock_jumped(*by, out),
        }
        None
    }

    fn outcome(&mut self, outcome: &Outcome, out: &mut Vec<Effect>) {
        match &outcome.result {
            OutcomeKind::Journaled(result) => self.journaled(outcome.id, result, out),
            OutcomeKind::Written(result) => self.written(outcome.id, result, out),
            OutcomeKind::Rehearsed(result) => self.rehearsed(outcome.id, result, out),
            OutcomeKind::HookEnded { end, tail } => self.hook_ended(outcome.id, end, tail, out),
            OutcomeKind::Read { started, state } => self.balancer_read(outcome.id, *started, state, out),
        }
    }

    fn journaled(&mut self, id: EffectId, result: &Result<(), Clean>, out: &mut Vec<Effect>) {
        self.facts.settle(id, result.is_ok());
        match result {
            // Trouble is over only when nothing that a restart needs is still missing from the disk.
            Ok(()) if self.facts.all_written() => self.journal_trouble = None,
            Ok(()) => {}
            Err(why) => {
                self.journal_trouble.get_or_insert_with(|| why.clone());
            }
        }
        self.rollback_journaled(id);
        self.intent_journaled(id, result, out);
        self.hook_journaled(id, result, out);
    }

    fn written(&mut self, id: EffectId, result: &WriteResult, out: &mut Vec<Effect>) {
        // An id of neither belongs to a write that a rollback superseded; the ledger still explains it.
        if !self.rollback_written(id, result, out) {
            self.shift_written(id, result, out);
        }
    }

    /// Everything that only time, or the sum of what is known, changes.
    fn pass_time(&mut self, out: &mut Vec<Effect>) {
        if self.ended {
            return;
        }
        self.watch_limits(out);
        self.pass_bake(out);
        self.pass_rollback(out);
        self.pass_shift(out);
        self.pass_completion(out);
        self.pass_automatic(out);
        self.pass_suspension(out);
        self.pass_facts(out);
        self.pass_access(out);
        self.pass_hooks(out);
        self.read_when_due(out);
    }

    /// When to send [`Event::Woke`], and why; `None` once the run has ended.
    pub fn next_wake(&self) -> Option<(Mono, WakeReason)> {
        if self.ended {
            return None;
        }
        // What is already due and could not be done waits for an event, not for the clock.
        let settles = self.shift.as_ref().and_then(Shift::settles_at).filter(|at| *at > self.now);
        let wakes = [
            Some((self.now + TICK, WakeReason::Tick)),
            self.balancer.due().map(|at| (at, WakeReason::ReadDue)),
            self.rollback.as_ref().and_then(Rollback::next_wake),
            settles.map(|at| (at, WakeReason::ShiftSettled)),
        ];
        wakes.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Where the cutover stands.
    pub fn phase(&self) -> Phase {
        if self.ended {
            Phase::Ended
        } else if self.mode == Mode::Watch {
            Phase::Observing
        } else if let Some(rollback) = &self.rollback {
            rollback.phase()
        } else if self.held.is_some() {
            Phase::Held
        } else if self.shift.is_some() {
            Phase::Shifting
        } else if self.completed.is_some() {
            Phase::Complete
        } else if self.position.is_some() || self.is_below_the_first() {
            Phase::Baking
        } else if self.lets_through(How::Pressed) {
            Phase::Ready
        } else {
            Phase::Preflight
        }
    }

    /// Whether the run stands at a share that is less than its first step: adopted, with nothing to bake there, and with
    /// traffic that limits stop as at any step.
    fn is_below_the_first(&self) -> bool {
        self.position.is_none() && self.forward_began && self.current > Split::ALL_STABLE
    }

    /// The plan of this run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the run is over and the keeper may go.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether nothing more will happen by itself: rolled back, or complete and watched with nothing else on the balancer,
    /// and no hook is running.
    pub fn is_final(&self) -> bool {
        let is_watched = self.watch_over && self.rollback.is_none() && !self.is_elsewhere();
        let is_over = self.phase() == Phase::RolledBack || is_watched;
        self.ended || is_over && self.running_hook().is_none()
    }

    /// How many lines the run has written: a cheap mark for "something happened".
    pub fn log_length(&self) -> u64 {
        self.entry_number
    }

    /// What an advance is bound to: it grows whenever what one was decided on may have changed.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether any console is here.
    pub fn has_consoles(&self) -> bool {
        !self.consoles.is_empty()
    }

    fn environment(&self, role: Role) -> String {
        self.plan.environments[role].words()
    }

    fn new_effect(&mut self) -> EffectId {
        self.next_effect += 1;
        EffectId(self.next_effect)
    }

    /// Writes a line: to the log on screen and to the journal.
    fn say(
        &mut self,
        severity: Severity,
        by: Option<&Person>,
        text: impl AsRef<str>,
        fact: Fact,
        out: &mut Vec<Effect>,
    ) -> EffectId {
        self.entry_number += 1;
        let entry = Entry {
            number: self.entry_number,
            wall: self.wall,
            mono: self.now,
            severity,
            by: by.cloned(),
            text: Clean::new(text),
            fact,
        };
        self.log.push_back(entry.clone());
        if self.log.len() > LOG_LINES_MAX {
            self.log.pop_front();
        }
        let id = self.new_effect();
        self.facts.asked(id, &entry, false);
        out.push(Effect::Journal { id, entry: Box::new(entry) });
        id
    }

    /// Writes again what a restart needs and the disk refused.
    fn pass_facts(&mut self, out: &mut Vec<Effect>) {
        if let Some(entry) = self.facts.due(self.now) {
            let id = self.new_effect();
            self.facts.asked(id, &entry, true);
            out.push(Effect::Journal { id, entry: Box::new(entry) });
        }
    }

    fn clock_jumped(&mut self, by: Duration, out: &mut Vec<Effect>) {
        self.bake.pause(self.now);
        self.balancer.read_soon(self.now);
        if by < CLOCK_GAP {
            return;
        }
        let seconds = by.as_secs();
        self.say(
            Severity::Warn,
            None,
            format!("the keeper stood still for {seconds} s (sleep, stop or a busy machine), or its clock was set"),
            Fact::Line,
            out,
        );
        if matches!(self.phase(), Phase::Shifting | Phase::Baking) {
            self.hold(
                &Person::keeper(),
                format!("the keeper stood still for {seconds} s, or its clock was set"),
                true,
                out,
            );
        }
    }

    /// The generation grows whenever what an advance was decided on may have changed.
    fn bump_generation(&mut self) {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.phase().hash(&mut hasher);
        self.position.hash(&mut hasher);
        self.driver.hash(&mut hasher);
        self.balancer.split().map(Split::permille).hash(&mut hasher);
        self.drift.as_ref().map(|drift| &drift.setting.0).hash(&mut hasher);
        for condition in self.conditions() {
            self.verdict(condition).hash(&mut hasher);
        }
        let fingerprint = hasher.finish();
        if fingerprint != self.fingerprint {
            self.fingerprint = fingerprint;
            self.generation += 1;
        }
    }

    /// A number from 0.0 to 1.0 that spreads retries (splitmix64).
    fn spread(&mut self) -> f64 {
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
