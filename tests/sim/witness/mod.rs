//! A witness that knows the rules of `docs/architecture.md` and nothing of the engine's insides.
//!
//! It sees what goes into the engine and what comes out, keeps its own books, and for a few rules is
//! told by the world what is true. The first broken rule ends the life.

mod back;
mod books;
mod forward;
mod hooks;
mod metrics;
mod surveys;

use super::balancer::Row;
use super::stage::Stage;
use back::Back;
use hooks::Hook;
use metrics::{Candidate, Feed};
use std::collections::BTreeMap;
use std::time::Duration;
use surveys::Surveyed;
use warroom::domain::{CommandId, EffectId, Mono, PerRole, Person, Rights, Setting, Split, Verdict, Wall};
use warroom::engine::{Answer, Ask, Command, Direction, Effect, Entry, Event, Fact, Health, Override, Phase, Request};

/// Which rule was broken. The numbers are those of `docs/architecture.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// 1: forward on a reading that is missing, old, not a number, or over its limit.
    Readings,
    /// 2: settings are whole, forward moves one step, a rollback leaves the candidate nothing.
    Shape,
    /// 3: forward only after its intent is on disk, and never while the disk refuses.
    Durable,
    /// 4: done is read back; no forward write while an earlier one's place is unknown.
    ReadBack,
    /// 5: nothing forward after an accepted rollback.
    AfterBack,
    /// 5: a rollback is sent at once, sent again until it lands, and never given up.
    Persists,
    /// 5: confirmed when it is so, and only then.
    Confirms,
    /// 5 and 8: nothing is sent over what somebody else set.
    Foreign,
    /// 6: a rollback is accepted from anyone not read-only.
    Accepted,
    /// 7: holds, approvals, hold points, the driver's seat.
    People,
    /// 8: forward under drift, or on a balancer nobody has read lately. What somebody else set is told with the read that
    /// shows it.
    Drift,
    /// 8: no automatic move to a stable that is down, past a point of no return, or suspended.
    Automatic,
    /// A limit that is exceeded stops the cutover.
    Limits,
    /// Complete means that everything is on the candidate, and was for as long as its bake, before somebody's eyes.
    Complete,
    /// 9: a command is answered; an effect has an id of its own.
    Answers,
    /// 3 and 9: a program of the operator's is started once its record is on disk, one run at a time, and each run ends
    /// once in the journal. One for after the cutover runs while everything is seen to be there, and ends with a rollback.
    Hooks,
    /// 13: a keeper follows a tombstone.
    Tombstone,
    /// The engine itself says that an invariant was violated.
    Invariant,
    /// The keeper's loop rests until something is due.
    Rests,
    /// Every run gets somewhere, or says why not.
    Liveness,
}

/// Answers that a keeper remembers for sure: its limit is 240, of all commands.
const REMEMBERED: usize = 200;

#[derive(Debug, Clone)]
pub struct Broken {
    pub rule: Rule,
    pub what: String,
}

/// What only the world knows, at the time of a turn.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    /// Forward writes of this run that may still land.
    pub pending: usize,
    /// Rehearsals that may.
    pub rehearsing: usize,
    /// No candidate slot has weight.
    pub is_back: bool,
    /// No stable slot has weight.
    pub is_over: bool,
    /// When another hand last changed the balancer.
    pub meddled: Mono,
}

/// A read as it was told.
#[derive(Debug, Clone)]
struct Read {
    started: Mono,
    ended: Mono,
    row: Row,
    is_true: bool,
}

/// A forward write whose place is not known yet.
#[derive(Debug)]
struct Loose {
    id: EffectId,
    row: Row,
    answered: Option<Mono>,
    /// It writes what is there: no read can show that it has landed.
    is_rehearsal: bool,
}

pub struct Witness<'s> {
    stage: &'s Stage,
    pub broken: Option<Broken>,
    watches: bool,
    now: Mono,

    /// The newest read in which every node answered; and whether the newest of all was one.
    read: Option<Read>,
    is_whole: bool,
    /// How long that one took, at most as long as one may: the next is later by that.
    took: Duration,
    stable_up: Option<(usize, usize)>,
    /// What the next read that ends was: the world says so beforehand.
    pub next_read_is_true: bool,
    /// A read said what was not so: what it made people do may hide where a write of this run is.
    was_lied_to: bool,
    checks: Vec<Option<(Mono, Verdict)>>,
    around: Surveyed,
    hooks: Vec<Hook>,
    /// The run that ended in this turn, until its line is seen.
    ended_hook: Option<EffectId>,
    feeds: PerRole<Feed>,
    health: Option<(Mono, Health)>,
    failures: u32,
    /// Stable was down, and has not said since that it is healthy.
    was_down: bool,
    candidate: Candidate,
    /// Since when the candidate's errors, and its latency, are over their limits.
    breaches: [Option<Mono>; 2],

    /// The number of the newest line.
    newest_line: u64,
    /// The same before this turn.
    newest_before: u64,
    /// Records on their way to the disk, and those it refused.
    records: BTreeMap<EffectId, (u64, Fact)>,
    refused: Vec<u64>,
    last_effect: Option<EffectId>,

    /// Each slot's weights that this run has a name for.
    own: Vec<Vec<u32>>,
    /// And those that somebody else set and that it was told to go over.
    gone_over: Vec<Vec<u32>>,
    has_baseline: bool,
    intent: Option<(usize, Row)>,
    intended: Vec<Option<Row>>,
    /// A re-assert that is on disk and was not sent yet: what it writes, and over what.
    reassert: Option<(Row, Row)>,
    /// One that is not given up, wherever its record is.
    reasserts: bool,
    /// An intent of which nothing more was written down: after a restart its write may have gone out.
    open: Option<usize>,
    loose: Vec<Loose>,
    over: bool,
    held: bool,
    ended: bool,
    current: Split,
    /// The candidate's largest share that was ever read before a rollback (permille), as far as the disk has it.
    furthest: u16,
    /// What each slot was last seen to hold, also where another node did not answer.
    shown: Vec<Option<u32>>,
    expected: Option<Row>,
    reached_at: Mono,
    /// When the turn before this one was.
    turned_at: Mono,
    /// How long the present step can have been baked: the time in which the balancer was known to be this run's.
    baked: Duration,
    /// A line said that somebody else has set something, and what this run set was not back since.
    told_of_drift: Option<Row>,
    /// Since when it is complete.
    completed: Option<Mono>,
    driver: Option<Person>,
    consoles: Vec<(u64, Person, Rights)>,
    approvals: BTreeMap<usize, Person>,
    /// Until when, by the one clock and by the other: whichever comes first.
    suspended: Option<(Wall, Mono)>,
    back: Option<Back>,
    /// Whether a forward write of this run ever went out, in any process.
    pub ever_forward: bool,
    began: bool,
    /// What this keeper's process has answered.
    answers: Vec<(CommandId, Answer)>,
    /// The engine itself says so in this turn.
    violation: Option<String>,
    /// Somebody asked in this turn to send over what is foreign.
    asked: bool,
    /// Somebody asked in this turn for a rollback, without the name.
    untyped: bool,
    /// A tombstone was found in this turn.
    found_tombstone: bool,
    /// Somebody asked in this turn to go over closed gates.
    overrides: bool,
}

impl<'s> Witness<'s> {
    pub fn new(stage: &'s Stage, now: Mono, watches: bool) -> Self {
        Self {
            broken: None,
            watches,
            now,
            read: None,
            is_whole: false,
            took: Duration::ZERO,
            stable_up: None,
            next_read_is_true: true,
            was_lied_to: false,
            checks: vec![None; stage.plan.checks.len()],
            around: Surveyed::default(),
            hooks: vec![Hook::default(); stage.plan.hooks.len()],
            ended_hook: None,
            feeds: PerRole::from_fn(|role| Feed::new(stage.plan.environments[role].metrics.len())),
            health: None,
            failures: 0,
            was_down: false,
            candidate: Candidate::default(),
            breaches: [None; 2],
            newest_line: 0,
            newest_before: 0,
            records: BTreeMap::new(),
            refused: Vec::new(),
            last_effect: None,
            own: vec![Vec::new(); stage.layout.slots.len()],
            gone_over: vec![Vec::new(); stage.layout.slots.len()],
            has_baseline: false,
            intent: None,
            intended: vec![None; stage.plan.steps.len()],
            reassert: None,
            reasserts: false,
            open: None,
            loose: Vec::new(),
            over: false,
            held: false,
            ended: false,
            current: Split::ALL_STABLE,
            furthest: 0,
            shown: vec![None; stage.layout.slots.len()],
            expected: None,
            reached_at: now,
            turned_at: now,
            baked: Duration::ZERO,
            told_of_drift: None,
            completed: None,
            driver: None,
            consoles: Vec::new(),
            approvals: BTreeMap::new(),
            suspended: None,
            back: None,
            ever_forward: false,
            began: false,
            answers: Vec::new(),
            violation: None,
            asked: false,
            untyped: false,
            found_tombstone: false,
            overrides: false,
            stage,
        }
    }

    /// The keeper was killed, and another begins on these records.
    pub fn restarted(&mut self, now: Mono, wall: Wall, entries: &[Entry]) {
        let broken = self.broken.take();
        let mut loose = std::mem::take(&mut self.loose);
        for loose in &mut loose {
            loose.answered.get_or_insert(now);
        }
        *self = Self {
            broken,
            loose,
            ever_forward: self.ever_forward,
            was_lied_to: self.was_lied_to,
            ..Self::new(self.stage, now, self.watches)
        };
        for entry in entries {
            self.note(entry);
        }
        self.hooks_are_lost();
        if let Some(back) = &mut self.back {
            back.restarted(now);
        }
        // One that ran out while nobody lived to say so.
        self.suspended = self.suspended.filter(|(by_wall, by_mono)| *by_wall > wall && *by_mono > now);
        self.reached_at = now;
        self.held = self.back.is_none() && !entries.is_empty();
    }

    pub fn breaks(&mut self, rule: Rule, what: impl Into<String>) {
        if self.broken.is_none() {
            self.broken = Some(Broken { rule, what: what.into() });
        }
    }

    /// What the people can see: the balancer holds something else than this run set.
    pub fn sees_drift(&self) -> bool {
        self.back.is_none()
            && self.expected.is_some()
            && self.read.as_ref().map(|read| &read.row) != self.expected.as_ref()
    }

    /// What the people can see: a re-assert that was asked for and is not out yet.
    pub fn sees_reassert(&self) -> bool {
        let is_written = self.records.values().any(|(_, fact)| matches!(fact, Fact::Reasserting { .. }));
        self.reassert.is_some() || self.reasserts && is_written
    }

    /// What the people can see: somebody else's setting during a rollback.
    pub fn sees_foreign(&self) -> bool {
        self.back.as_ref().is_some_and(|back| back.foreign.is_some())
    }

    pub fn driver(&self) -> Option<&Person> {
        self.driver.as_ref()
    }

    /// One turn of the engine: what went in, and what came out.
    pub fn turn(&mut self, now: Mono, event: &Event, (effects, answer): (&[Effect], Option<&Answer>), truth: Truth) {
        self.now = now;
        (self.asked, self.untyped, self.found_tombstone, self.overrides) = (false, false, false, false);
        self.newest_before = self.newest_line;
        let was_known = self.is_known();
        self.heard(event);
        self.rehearsals_settle();
        self.bakes(was_known);
        for effect in effects {
            match effect {
                Effect::Journal { id, entry } => {
                    self.fresh(*id);
                    self.journaled(*id, entry, truth);
                }
                Effect::WriteSplit { id, direction, setting, .. } => {
                    self.fresh(*id);
                    self.whole(setting);
                    match direction {
                        Direction::Forward if self.reassert.is_some() => self.again(*id, setting, truth),
                        Direction::Forward => self.forward(*id, setting, truth),
                        Direction::Back => self.backward(*id, setting),
                    }
                }
                Effect::RunHook { id, hook, split, .. } => {
                    self.fresh(*id);
                    self.hook_begins(*id, *hook, *split);
                }
                Effect::StopHook { id } => self.hook_stops(*id),
                Effect::Rehearse { id, setting, .. } => {
                    self.fresh(*id);
                    self.whole(setting);
                    self.rehearses(*id, setting);
                }
                Effect::ReadSplit { id } => self.fresh(*id),
                Effect::Stop => {}
            }
        }
        self.answered(event, answer, effects, truth);
        self.drift_is_told();
        self.hooks_are_told();
        self.back_overdue();
        // Last: the witness finds what it can by itself.
        if let Some(violation) = self.violation.take() {
            self.breaks(Rule::Invariant, violation);
        }
    }

    fn fresh(&mut self, id: EffectId) {
        if self.last_effect.is_some_and(|last| last >= id) {
            self.breaks(Rule::Answers, format!("{id:?} after {:?}", self.last_effect));
        }
        self.last_effect = Some(id);
    }

    /// 2: every slot, in range, and no node left with nobody to serve.
    fn whole(&mut self, setting: &Setting) {
        use warroom::domain::Weights;
        let layout = &self.stage.layout;
        let mut whole = setting.0.len() == layout.slots.len();
        for node in 0..layout.nodes.len() {
            let weights = || setting.0.iter().filter(|(slot, _)| slot.node == node).map(|(_, weight)| *weight);
            whole &= match layout.weights {
                Weights::Percent => weights().sum::<u32>() == 100_000,
                Weights::Relative { max } => {
                    weights().all(|weight| weight <= max) && weights().any(|weight| weight > 0)
                }
            };
        }
        if !whole {
            self.breaks(Rule::Shape, format!("not a whole setting: {setting}"));
        }
        if self.watches {
            self.breaks(Rule::Shape, "a keeper that only watches wrote");
        }
    }

    /// 9: what was asked again under its id is answered as it was, and nothing more is done.
    fn answered_again(&mut self, request: &Request, answer: &Answer, before: &Answer, effects: &[Effect]) {
        let is_done = |effect: &Effect| match effect {
            // How a program ended is told when it is known, whoever had it run.
            Effect::Journal { entry, .. } => {
                let is_new = entry.number > self.newest_before && !matches!(entry.fact, Fact::HookEnded { .. });
                is_new && entry.by.as_ref() == Some(&request.by)
            }
            Effect::WriteSplit { .. }
            | Effect::Rehearse { .. }
            | Effect::ReadSplit { .. }
            | Effect::RunHook { .. }
            | Effect::StopHook { .. }
            | Effect::Stop => false,
        };
        if answer != before || effects.iter().any(is_done) {
            self.breaks(Rule::Answers, format!("asked again: {:?}: {before:?}, then {answer:?}", request.command));
        }
    }

    /// Whether this is asked again.
    pub fn has_answered(&self, request: &Request) -> bool {
        let is_rollback = matches!(request.command, Command::Rollback { .. });
        !is_rollback && self.answers.iter().any(|(id, _)| *id == request.id)
    }

    /// 6, 7 and 9: who may ask what.
    fn answered(&mut self, event: &Event, answer: Option<&Answer>, effects: &[Effect], truth: Truth) {
        let Event::Commanded(request) = event else {
            if answer.is_some() {
                self.breaks(Rule::Answers, "an answer that nobody asked for");
            }
            return;
        };
        let Some(answer) = answer else {
            return self.breaks(Rule::Answers, format!("no answer to {:?}", request.command));
        };
        let is_rollback = matches!(request.command, Command::Rollback { .. });
        let before = self.answers.iter().rev().position(|(id, _)| *id == request.id);
        let known =
            before.filter(|_| !is_rollback).map(|ago| (ago, self.answers[self.answers.len() - 1 - ago].1.clone()));
        match known {
            Some((ago, before)) if ago < REMEMBERED => return self.answered_again(request, answer, &before, effects),
            // So old that it may be forgotten, or is not.
            Some(_) => return,
            // A rollback is looked at anew each time.
            None => self.answers.push((request.id, answer.clone())),
        }
        let applied = matches!(answer, Answer::Applied(_));
        if applied && request.rights == Rights::ReadOnly {
            self.breaks(Rule::People, format!("read-only {} did {:?}", request.by, request.command));
        }
        if applied && Ask::of(&request.command).is_drivers() && self.driver.as_ref() != Some(&request.by) {
            self.breaks(Rule::People, format!("{} is not the driver and did {:?}", request.by, request.command));
        }
        if matches!(answer, Answer::Refused(why) if why.is_empty()) {
            self.breaks(Rule::Answers, "refused without a reason");
        }
        if let (Command::Advance { over, .. }, true) = (&request.command, applied) {
            self.over = over.is_some();
            // An override goes over a hold.
            self.held &= !self.over;
            if over.as_ref().is_some_and(|over: &Override| over.typed != "checkout") {
                self.breaks(Rule::People, "an override without the typed name");
            }
        }
        if matches!(request.command, Command::Hold) && applied {
            // A re-assert that is not out yet does not go out.
            (self.reassert, self.reasserts) = (None, false);
        }
        self.rollback_answered(request, answer, truth);
    }

    fn rollback_answered(&mut self, request: &Request, answer: &Answer, truth: Truth) {
        let Command::Rollback { typed, .. } = &request.command else { return };
        if request.rights == Rights::ReadOnly || self.ended || self.watches {
            return;
        }
        if !matches!(answer, Answer::Applied(_)) {
            let no_return = |step: usize| self.stage.plan.steps[step].point_of_no_return.is_some();
            let is_past = self.is_past_no_return() || self.open.is_some_and(no_return);
            let may_ask_for_name = typed.is_none() && (self.stable_is_down() || is_past);
            if !may_ask_for_name {
                self.breaks(Rule::Accepted, format!("a rollback was not accepted: {answer:?}"));
            }
        } else if self.back.is_none() && (self.ever_forward || truth.pending > 0) {
            self.breaks(Rule::Accepted, format!("there is something to roll back, and it says {answer:?}"));
        }
    }

    /// A limit that was exceeded for its time has stopped the cutover.
    pub fn look_at_phase(&mut self, phase: Phase) {
        let back = phase.is_back() || phase == Phase::Ended;
        if self.back.is_some() && !back {
            self.breaks(Rule::AfterBack, format!("a rollback was accepted and the phase is {phase:?}"));
        }
        if self.held && self.back.is_none() && !matches!(phase, Phase::Held | Phase::Ended | Phase::Observing) {
            self.breaks(Rule::People, format!("held, and the phase is {phase:?}"));
        }
        // Whoever overrides has seen the limit: it holds again once the step is reached.
        let may_be_held = phase == Phase::Baking || phase == Phase::Shifting && !self.over;
        if self.is_breached_for_long() && may_be_held {
            self.breaks(Rule::Limits, "the candidate is over a limit and nothing stops");
        }
    }

    fn stable_is_down(&self) -> bool {
        let ready = self.stage.plan.rollback.stable_ready;
        // However long ago: nobody sends traffic by itself to what was down when it was last seen. An answer that did
        // not come is not one that failed: the row of failing ones begins anew.
        self.failures >= 3
            || self.stable_up.is_some_and(|(up, all)| (up as f64) < all as f64 * ready)
            || self.around.has_few(ready)
    }

    fn is_past_no_return(&self) -> bool {
        let steps = &self.stage.plan.steps;
        let sent = |step: usize| self.loose.iter().any(|loose| self.intended[step].as_ref() == Some(&loose.row));
        self.was_past_no_return() || (0..steps.len()).any(|step| steps[step].point_of_no_return.is_some() && sent(step))
    }

    /// Whoever went there, and wherever it is now: what broke is broken.
    fn was_past_no_return(&self) -> bool {
        let mut steps = self.stage.plan.steps.iter().filter(|step| step.point_of_no_return.is_some());
        steps.any(|step| step.split.permille() <= self.furthest)
    }

    /// The candidate's largest share of any node, as people read it. A step's own weights mean the step: they were made
    /// for the servers that were up.
    fn permille(&self, row: &[u32]) -> u16 {
        let nodes = 0..self.stage.layout.nodes.len();
        nodes.map(|node| self.permille_of_node(row, node)).max().unwrap_or(0)
    }

    fn permille_of_node(&self, row: &[u32], node: usize) -> u16 {
        let slots = &self.stage.layout.slots;
        let is_same = |own: &Row| (0..slots.len()).all(|slot| slots[slot].0.node != node || own[slot] == row[slot]);
        if self.expected.as_ref().is_some_and(is_same) {
            return self.current.permille();
        }
        let mut sent = self.loose.iter().map(|loose| &loose.row).filter(|own| is_same(own));
        let step = sent.find_map(|own| self.intended.iter().position(|intended| intended.as_ref() == Some(own)));
        step.map_or_else(
            || (self.candidate_share(row, node) * 1000.0).round() as u16,
            |step| self.stage.plan.steps[step].split.permille(),
        )
    }
}

fn row(setting: &Setting) -> Row {
    // The layout's order is the order of the slots: the stages are named so.
    setting.0.values().copied().collect()
}
