//! A witness that knows the rules of `docs/architecture.md` and nothing of the engine's insides.
//!
//! It sees only what goes in and what comes out, keeps its own small books, and writes down what must not be.

use crate::engine::rig::{Rig, Turn};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use warroom::domain::{Clean, EffectId, Mono, PerRole, Person, Rights, Role, Setting, Slot, Split, Verdict, Weights};
use warroom::engine::{
    Answer, CheckAnswer, Command, Direction, Effect, Entry, Event, Fact, Health, HookEnd, Outcome, OutcomeKind, Phase,
    RollbackState, Scrape, WriteResult,
};
use warroom::plan::{CheckKind, Plan};

/// Which rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// 1, 3, 4, 5, 7, 8: what must be so before anything goes forward.
    Forward,
    /// 2: settings are whole; a rollback leaves the candidate nothing.
    Shape,
    /// 5: nothing is sent over FOREIGN unless somebody says so.
    Foreign,
    /// 7 and 9: commands are answered, and by the right people.
    Command,
    /// The engine itself says that an invariant was violated.
    Violation,
    /// 5 and 6: a rollback is accepted, and once accepted it stays so.
    Back,
    /// 3 and 9: a program is started once its record is on disk, one run at a time, and each run ends once.
    Hook,
}

/// A forward write whose place is not known yet.
struct Loose {
    id: EffectId,
    setting: Setting,
    answered: Option<Mono>,
}

pub struct Witness {
    plan: Arc<Plan>,
    pub broken: Vec<(Rule, String)>,
    seen: usize,
    /// Records on their way to the disk, in this process.
    records: BTreeMap<EffectId, Fact>,
    effects: BTreeSet<EffectId>,
    last_number: Option<u64>,
    numbers: BTreeMap<EffectId, u64>,
    refused: BTreeSet<u64>,
    own: BTreeSet<(Slot, u32)>,
    /// The newest intent that is on disk and was not yet sent.
    intent: Option<(usize, Setting, Option<Person>)>,
    intended: BTreeMap<usize, Setting>,
    /// A re-assert that is on disk and was not sent yet: what it writes, and over what.
    reassert: Option<(Setting, Setting)>,
    /// One that is not given up, wherever its record is.
    reasserts: bool,
    loose: Vec<Loose>,
    overridden: bool,
    back: bool,
    held: bool,
    current: Split,
    expected: Option<Setting>,
    driver: Option<Person>,
    consoles: BTreeMap<u64, (Person, Rights)>,
    read: Option<(Mono, Result<Setting, ()>)>,
    checks: Vec<Option<(Mono, CheckAnswer)>>,
    scraped: PerRole<VecDeque<(Mono, Scrape)>>,
    health: Option<Health>,
    /// Whether the last snapshot said FOREIGN.
    foreign: bool,
    pub forward: u32,
    hooks: Vec<Hook>,
}

/// What is known of one of the operator's programs.
#[derive(Debug, Clone, Default)]
struct Hook {
    /// Its record was written: whether that is on disk, and the effect that runs it.
    run: Option<(bool, Option<EffectId>)>,
    passed: Option<Mono>,
}

impl Witness {
    pub fn new(rig: &Rig) -> Self {
        Self {
            plan: rig.plan.clone(),
            broken: Vec::new(),
            seen: 0,
            records: BTreeMap::new(),
            effects: BTreeSet::new(),
            last_number: None,
            numbers: BTreeMap::new(),
            refused: BTreeSet::new(),
            own: BTreeSet::new(),
            intent: None,
            intended: BTreeMap::new(),
            reassert: None,
            reasserts: false,
            loose: Vec::new(),
            overridden: false,
            back: false,
            held: false,
            current: Split::ALL_STABLE,
            expected: None,
            driver: None,
            consoles: BTreeMap::new(),
            read: None,
            checks: vec![None; rig.plan.checks.len()],
            scraped: PerRole::default(),
            health: None,
            foreign: false,
            forward: 0,
            hooks: vec![Hook::default(); rig.plan.hooks.len()],
        }
    }

    /// Goes through everything that happened since the last look.
    pub fn look(&mut self, rig: &Rig) {
        let turns = &rig.turns[self.seen..];
        self.seen = rig.turns.len();
        for turn in turns {
            self.turn(turn);
        }
        // A snapshot is dear, and before a rollback nothing of it is needed here.
        self.foreign =
            self.back && rig.engine.snapshot().rollback.is_some_and(|view| view.state == RollbackState::Foreign);
        let phase = rig.engine.phase();
        let back = phase.is_back() || phase == Phase::Ended;
        if self.back && !back {
            self.breaks(Rule::Back, format!("a rollback was accepted and the phase is {phase:?}"));
        }
        if self.held && !self.back && !matches!(phase, Phase::Held | Phase::Ended) {
            self.breaks(Rule::Command, format!("held, and the phase is {phase:?}"));
        }
    }

    /// The keeper was killed and another began on these records.
    pub fn restarted(&mut self, now: Mono, entries: &[Entry]) {
        self.records.clear();
        self.effects.clear();
        (self.intent, self.reassert) = (None, None);
        self.intended.clear();
        self.consoles.clear();
        self.checks.fill(None);
        self.scraped = PerRole::default();
        self.health = None;
        self.read = None;
        self.last_number = None;
        self.refused.clear();
        self.numbers.clear();
        self.hooks.fill(Hook::default());
        (self.back, self.current, self.expected, self.driver) = (false, Split::ALL_STABLE, None, None);
        let known = self.broken.len();
        for entry in entries {
            self.fact(entry);
        }
        // What the disk refused at first may be missing there.
        self.broken.truncate(known);
        self.held = !self.back;
        for loose in &mut self.loose {
            loose.answered.get_or_insert(now);
        }
    }

    fn breaks(&mut self, rule: Rule, what: String) {
        self.broken.push((rule, what));
    }

    fn turn(&mut self, turn: &Turn) {
        self.event(turn);
        for effect in &turn.effects {
            match effect {
                Effect::Journal { id, entry } => {
                    self.once(*id);
                    self.records.insert(*id, entry.fact.clone());
                    // A record that the disk refused is written again, under its own number.
                    let again = self.refused.contains(&entry.number);
                    if !again && self.last_number.is_some_and(|last| entry.number != last + 1) {
                        self.breaks(Rule::Command, format!("record {} follows {:?}", entry.number, self.last_number));
                    }
                    self.numbers.insert(*id, entry.number);
                    if again {
                        // It was taken in when it was new.
                        self.records.remove(id);
                        continue;
                    }
                    self.last_number = Some(entry.number);
                    if entry.text.as_str().starts_with("INVARIANT VIOLATED") {
                        self.breaks(Rule::Violation, entry.text.to_string());
                    }
                    if matches!(entry.fact, Fact::Intent { .. }) {
                        self.intended_by(entry);
                    }
                    self.fact(entry);
                }
                Effect::WriteSplit { id, direction, setting, .. } => {
                    self.once(*id);
                    self.whole(setting);
                    match direction {
                        Direction::Forward => self.forward(turn, *id, setting),
                        Direction::Back => self.backward(turn, setting),
                    }
                }
                Effect::RunHook { id, hook, .. } => {
                    self.once(*id);
                    match self.hooks[*hook].run {
                        Some((true, None)) => self.hooks[*hook].run = Some((true, Some(*id))),
                        run => self.breaks(Rule::Hook, format!("a program is started, and its record is {run:?}")),
                    }
                }
                Effect::StopHook { id } => {
                    if !self.hooks.iter().any(|hook| hook.run == Some((true, Some(*id)))) {
                        self.breaks(Rule::Hook, format!("{id:?} is stopped and does not run"));
                    }
                }
                Effect::Rehearse { id, .. } | Effect::ReadSplit { id } => self.once(*id),
                Effect::Stop => {}
            }
        }
    }

    fn once(&mut self, id: EffectId) {
        if !self.effects.insert(id) {
            self.breaks(Rule::Command, format!("{id:?} is there twice"));
        }
    }

    fn event(&mut self, turn: &Turn) {
        if matches!(turn.event, Event::Commanded(_)) != turn.answer.is_some() {
            self.breaks(Rule::Command, format!("{:?} was answered with {:?}", turn.event, turn.answer));
        }
        match &turn.event {
            Event::Commanded(request) => {
                let applied = matches!(turn.answer, Some(Answer::Applied(_)));
                self.commanded(&request.by, request.rights, &request.command, applied);
                if !applied && matches!(&request.command, Command::Rollback { typed: Some(_), .. }) {
                    // With the right name there is no reason but the end of the run.
                    let why = format!("{:?}", turn.answer);
                    if !why.contains("the run has ended") {
                        self.breaks(Rule::Back, format!("a rollback was not accepted: {why}"));
                    }
                }
            }
            Event::ConsoleCame { console, by, rights } => {
                self.consoles.insert(*console, (by.clone(), *rights));
            }
            Event::ConsoleWent { console } => {
                self.consoles.remove(console);
            }
            Event::Ended(outcome) => self.ended(turn.at, outcome.id, &outcome.result),
            Event::Scraped { role, scrape, .. } => {
                if let Ok(scrape) = scrape {
                    self.scraped[*role].push_back((turn.at, scrape.clone()));
                    if self.scraped[*role].len() > 8 {
                        self.scraped[*role].pop_front();
                    }
                }
            }
            Event::HealthSeen { role: Role::Stable, health } => self.health = Some(health.clone()),
            Event::CheckAnswered { check, answer } => self.checks[*check] = Some((turn.at, answer.clone())),
            Event::HealthSeen { role: Role::Candidate, .. }
            | Event::Surveyed(_)
            | Event::HookPrinted { .. }
            | Event::Sampled(_)
            | Event::SourceLost { .. }
            | Event::TombstoneFound { .. }
            | Event::ToldToEnd { .. }
            | Event::Woke
            | Event::ClockJumped { .. } => {}
        }
    }

    fn commanded(&mut self, by: &Person, rights: Rights, command: &Command, applied: bool) {
        if !applied {
            return;
        }
        if rights == Rights::ReadOnly {
            self.breaks(Rule::Command, format!("read-only {by} did {command:?}"));
        }
        let drivers = match command {
            Command::Advance { over, .. } => {
                self.overridden = over.is_some();
                true
            }
            Command::Resume { .. }
            | Command::Adopt
            | Command::Reassert { .. }
            | Command::Suspend { .. }
            | Command::Unsuspend
            | Command::RunHook { .. }
            | Command::End => true,
            Command::Hold
            | Command::Rollback { .. }
            | Command::Take
            | Command::Approve
            | Command::Complete
            | Command::SendAgain
            | Command::StopHook { .. }
            | Command::Note { .. } => false,
        };
        if drivers && self.driver.as_ref().is_some_and(|driver| !driver.is(by)) {
            self.breaks(Rule::Command, format!("{by} is not the driver and did {command:?}"));
        }
    }

    fn ended(&mut self, at: Mono, id: EffectId, result: &OutcomeKind) {
        match result {
            OutcomeKind::Journaled(result) => {
                if let (Err(_), Some(number)) = (result, self.numbers.remove(&id)) {
                    self.refused.insert(number);
                }
                let fact = self.records.remove(&id);
                let fact = fact.filter(|_| result.is_ok());
                if let Some(Fact::HookStarted { hook }) = &fact
                    && let Some((is_on_disk, None)) = &mut self.hook(hook).run
                {
                    *is_on_disk = true;
                }
                if let Some(Fact::Intent { step, setting, .. }) = fact {
                    self.intent = Some((step, setting, self.intent.take().and_then(|(_, _, by)| by)));
                } else if let Some(Fact::Reasserting { setting, over, .. }) = fact
                    && self.reasserts
                {
                    self.reassert = Some((setting, over));
                }
            }
            // It writes what is there: nothing of it can land that was not there before.
            OutcomeKind::Rehearsed(_) => {}
            // The line that tells it came before in this turn.
            OutcomeKind::HookEnded { .. } => {}
            OutcomeKind::Written(result) => {
                let gone = matches!(result, WriteResult::Refused(_) | WriteResult::NotSent(_));
                self.loose.retain(|loose| loose.id != id || !gone);
                for loose in self.loose.iter_mut().filter(|loose| loose.id == id) {
                    loose.answered = Some(at);
                }
            }
            OutcomeKind::Read { started, state } => {
                let setting = state.setting().map_err(|_| ());
                if let Ok(setting) = &setting {
                    let window = self.plan.traffic.lateness;
                    self.loose.retain(|loose| {
                        let Some(answered) = loose.answered else { return true };
                        let agrees = *started >= answered && loose.setting == *setting;
                        !(agrees || at.since(answered) >= window)
                    });
                }
                // The next one takes that long as well: it counts until then.
                self.read = Some((at + at.since(*started).min(self.plan.traffic.timeout), setting));
            }
        }
    }

    /// Whether each weight of a setting is one that this run read before it began, set, or was told to take.
    fn is_own(&self, setting: &Setting) -> bool {
        setting.0.iter().all(|(slot, weight)| self.own.contains(&(slot.clone(), *weight)))
    }

    /// What a line says of where the run stands.
    fn fact(&mut self, entry: &Entry) {
        if let Fact::Baseline { setting, .. }
        | Fact::Adopted { setting, .. }
        | Fact::Intent { setting, .. }
        | Fact::RollbackAccepted { setting, .. }
        | Fact::SentAgain { setting } = &entry.fact
        {
            self.own.extend(setting.0.iter().map(|(slot, weight)| (slot.clone(), *weight)));
        }
        if let Fact::Reasserting { over, .. } = &entry.fact {
            // It may come back in whole or in part.
            self.own.extend(over.0.iter().map(|(slot, weight)| (slot.clone(), *weight)));
        }
        match &entry.fact {
            Fact::Baseline { setting, split, .. } | Fact::Adopted { setting, split } => {
                self.expected = Some(setting.clone());
                self.current = *split;
            }
            Fact::Intent { step, setting, .. } => {
                self.intended.insert(*step, setting.clone());
                self.intent = None;
            }
            Fact::Reached { step } => {
                self.current = self.plan.steps[*step].split;
                self.expected = self.intended.get(step).cloned();
            }
            Fact::Reasserting { .. } => (self.reassert, self.reasserts) = (None, true),
            Fact::NotReasserted => (self.reassert, self.reasserts) = (None, false),
            Fact::Held { .. } => self.held = true,
            Fact::Resumed => self.held = false,
            Fact::RollbackAccepted { .. } => self.back = true,
            Fact::Driver => self.driver.clone_from(&entry.by),
            Fact::HookStarted { hook } => {
                if self.hook(hook).run.replace((false, None)).is_some() {
                    self.breaks(Rule::Hook, format!("{hook} is begun while it runs"));
                }
            }
            Fact::HookEnded { hook, end, .. } => {
                let passed = (*end == HookEnd::Exited(0)).then_some(entry.mono);
                let known = self.hook(hook);
                known.passed = passed;
                if known.run.take().is_none() {
                    self.breaks(Rule::Hook, format!("{hook} ends and was not begun"));
                }
            }
            Fact::Line
            | Fact::Note
            | Fact::TargetsBefore { .. }
            | Fact::Configuration { .. }
            | Fact::Started { .. }
            | Fact::Missed { .. }
            | Fact::PastNoReturn { .. }
            | Fact::Reasserted
            | Fact::RollbackReadBack
            | Fact::RollbackConfirmed
            | Fact::RollbackUndone
            | Fact::RolledBack
            | Fact::Approved { .. }
            | Fact::Suspended { .. }
            | Fact::Unsuspended
            | Fact::Completed
            | Fact::WatchAnew { .. }
            | Fact::Violated { .. }
            | Fact::WatchOver
            | Fact::Foreign { .. }
            | Fact::SentAgain { .. }
            | Fact::Ended => {}
        }
    }

    fn hook(&mut self, name: &Clean) -> &mut Hook {
        let place = self.plan.hooks.iter().position(|hook| hook.name == *name);
        &mut self.hooks[place.expect("a hook of the plan")]
    }

    fn intended_by(&mut self, entry: &Entry) {
        if entry.by.as_ref().is_some_and(|by| by.user.as_str() == "warroom") {
            self.overridden = false;
            self.keeper_may_go();
        }
    }

    /// 7: not past a hold point, not without its driver, not as the first step.
    fn keeper_may_go(&mut self) {
        let here = self.plan.steps.iter().rposition(|step| step.split <= self.current);
        if here.is_none_or(|here| self.plan.steps[here].hold) {
            self.breaks(Rule::Forward, format!("7: the keeper goes on by itself from {}", self.current));
        }
        let driver = self.driver.clone();
        let is_here = self
            .consoles
            .values()
            .any(|(by, rights)| *rights == Rights::Full && driver.as_ref().is_some_and(|driver| driver.is(by)));
        if !is_here {
            self.breaks(Rule::Forward, "7: the keeper goes on without the driver".into());
        }
    }

    fn forward(&mut self, turn: &Turn, id: EffectId, setting: &Setting) {
        self.forward += 1;
        let reasons = match self.reassert.take() {
            Some(again) => self.against_again(turn, setting, &again),
            None => self.against(turn, setting),
        };
        for reason in reasons {
            self.breaks(Rule::Forward, format!("{reason}, at {:?}", turn.at));
        }
        self.intent = None;
        self.loose.push(Loose { id, setting: setting.clone(), answered: None });
    }

    /// What is set again goes over what was decided on, and gives the candidate more on no node.
    fn against_again(&self, turn: &Turn, setting: &Setting, (planned, over): &(Setting, Setting)) -> Vec<String> {
        let mut against = Vec::new();
        let mut unless = |so: bool, why: &str| {
            if !so {
                against.push(format!("re-assert: {why}"));
            }
        };
        unless(!self.back, "5: after a rollback was accepted");
        unless(planned == setting && Some(setting) == self.expected.as_ref(), "3: not what was read back last");
        unless(self.loose.is_empty(), "4: an earlier write's place is unknown");
        let read = self.read.as_ref().filter(|(at, _)| turn.at.since(*at) <= self.plan.poll.balancer * 2);
        unless(read.is_some_and(|(_, read)| read.as_ref() == Ok(over)), "8: over what nobody decided on");
        let layout = self.plan.traffic.layout();
        let share = |setting: &Setting, node: usize| {
            let sum = |role| layout.slots_of(node, role).map(|slot| f64::from(setting.0[slot])).sum::<f64>();
            sum(Role::Candidate) / (sum(Role::Candidate) + sum(Role::Stable)).max(1.0)
        };
        let raises = (0..layout.nodes.len()).any(|node| share(setting, node) > share(over, node) + 1e-9);
        unless(!raises, "8: against a move towards stable");
        unless(self.health == Some(Health::Healthy), "8: stable is not healthy");
        unless(!self.errors_are_high(turn.at), "1: the candidate's errors are over the limit");
        against
    }

    fn against(&self, turn: &Turn, setting: &Setting) -> Vec<String> {
        let mut against = Vec::new();
        let mut unless = |so: bool, why: String| {
            if !so {
                against.push(why);
            }
        };
        unless(!self.back, "5: forward after a rollback was accepted".into());
        unless(!self.held, "forward while held".into());
        let next = self.plan.steps.iter().position(|step| step.split > self.current);
        let intended = self.intent.as_ref().map(|(step, setting, _)| (Some(*step), setting));
        unless(intended.is_some(), "3: no intent on disk".into());
        if let Some((step, planned)) = intended {
            unless(step == next, format!("2: from {} to step {step:?}", self.current));
            unless(planned == setting, "3: not what was intended".into());
        }
        unless(self.loose.is_empty(), "4: an earlier write's place is unknown".into());
        let fresh = |at: Mono, interval: Duration| turn.at.since(at) <= interval * 2;
        let read = self.read.as_ref().is_some_and(|(at, setting)| {
            fresh(*at, self.plan.poll.balancer) && setting.as_ref().ok() == self.expected.as_ref()
        });
        unless(read, format!("8: the balancer was last read as {:?}", self.read));
        if self.overridden {
            return against;
        }
        for (check, plan) in self.plan.checks.iter().enumerate() {
            let CheckKind::Http(_) = plan.kind else { continue };
            let limit = (plan.interval * 5).max(Duration::from_secs(5)) + plan.timeout;
            let good = self.checks[check].as_ref().is_some_and(|(at, answer)| {
                turn.at.since(*at) <= limit && matches!(answer.verdict, Verdict::Pass | Verdict::Warn)
            });
            unless(!plan.required || good, format!("1: {} was {:?}", plan.name, self.checks[check]));
        }
        for role in Role::BOTH {
            let last = self.scraped[role].back().map(|(at, _)| *at);
            unless(
                last.is_some_and(|at| fresh(at, self.plan.poll.readings)),
                format!("1: {role:?} last read {last:?}"),
            );
        }
        unless(self.health == Some(Health::Healthy), format!("8: stable was last {:?}", self.health));
        for (hook, plan) in self.hooks.iter().zip(&self.plan.hooks) {
            let good = hook.run.is_none() && hook.passed.is_some_and(|at| turn.at.since(at) <= plan.fresh);
            let is_needed = plan.required_before.is_some() && plan.required_before == next;
            unless(!is_needed || good, format!("1: {} was {hook:?}", plan.name));
        }
        unless(!self.errors_are_high(turn.at), "1: the candidate's errors are over the limit".into());
        against
    }

    /// More than 2 % of errors over the last five seconds, in readings that were there for a while.
    fn errors_are_high(&self, now: Mono) -> bool {
        let scrapes = &self.scraped[Role::Candidate];
        let (Some((newest, last)), Some(_)) = (scrapes.back(), scrapes.front()) else { return false };
        if now.since(*newest) < Duration::from_millis(300) {
            return false;
        }
        let first = scrapes.iter().find(|(at, _)| newest.since(*at) <= Duration::from_secs(5));
        let Some((_, first)) = first else { return false };
        let (Some(from), Some(to)) = (first.requests, last.requests) else { return self.forward > 0 };
        let (requests, errors) = (to - from, last.errors - first.errors);
        requests >= 20.0 && errors / requests > 0.02
    }

    fn backward(&mut self, turn: &Turn, setting: &Setting) {
        if !self.back {
            self.breaks(Rule::Back, "a write back that nobody asked for".into());
        }
        let layout = self.plan.traffic.layout();
        let left = layout.slots.iter().any(|(slot, role)| *role == Role::Candidate && setting.0.get(slot) != Some(&0));
        if left {
            self.breaks(Rule::Shape, format!("2: a rollback that leaves the candidate weight: {setting}"));
        }
        let asked =
            matches!(&turn.event, Event::Commanded(r) if matches!(r.command, Command::SendAgain | Command::Adopt));
        // What replaced the foreign setting may be one of the run's own: over those it is sent again.
        let own_again = matches!(&turn.event, Event::Ended(Outcome { result: OutcomeKind::Read { state, .. }, .. })
            if self.is_own(&state.readable_setting()));
        if self.foreign && !asked && !own_again {
            self.breaks(Rule::Foreign, format!("5: sent over FOREIGN at {:?}", turn.at));
        }
    }

    /// 2: every slot, in range, and nobody left without a server.
    fn whole(&mut self, setting: &Setting) {
        let layout = self.plan.traffic.layout();
        let named: BTreeSet<_> = layout.slots.iter().map(|(slot, _)| slot).collect();
        let mut whole = setting.0.keys().collect::<BTreeSet<_>>() == named;
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
            self.breaks(Rule::Shape, format!("2: not a whole setting: {setting}"));
        }
    }
}
