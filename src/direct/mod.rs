//! A rollback without the keeper: when it is dead, hung or from another world.
//!
//! The same engine decides, so the same rules hold: agreeing reads over the lateness window, sent again
//! over this run's own settings, stopped by a foreign one. A tombstone is left first, so that a keeper
//! that wakes up follows instead of going on.

use crate::clock;
use crate::domain::{Clean, CommandId, Epoch, Person, Rights, Split};
use crate::engine::{
    Answer, Command, Direction, Effect, Engine, Entry, Event, Mode, Outcome, OutcomeKind, Phase, Request, Stamped,
};
use crate::failpoint;
use crate::journal::Tombstone;
use crate::plan::Plan;
use crate::traffic::Traffic;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Time between two reminders that it is not confirmed yet.
const REMIND_EVERY: Duration = Duration::from_secs(5);

/// What a direct rollback is made with.
pub struct Direct {
    /// The frozen plan, or the file's when there is no run.
    pub plan: Arc<Plan>,
    /// The run's folder, for the tombstone.
    pub folder: Option<PathBuf>,
    /// The run's journal, as far as it could be read.
    pub entries: Vec<Entry>,
    /// The plan's driver.
    pub traffic: Arc<dyn Traffic>,
    /// Who.
    pub by: Person,
    /// Why.
    pub reason: Option<Clean>,
    /// The service's name, where it must be typed.
    pub typed: Option<String>,
}

/// How a direct rollback ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Confirmed over the lateness window.
    Confirmed,
    /// There was nothing to roll back.
    Nothing(Clean),
    /// Refused, and why.
    Refused(Vec<Clean>),
}

/// Rolls back and tells each step in words. Never gives up by itself: drop the future to stop it.
pub async fn roll_back(direct: Direct, mut tell: impl FnMut(String)) -> Ended {
    Work::new(direct).run(&mut tell).await
}

type Doing = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The engine with hands, without a keeper.
struct Work {
    engine: Engine,
    direct: Direct,
    doing: FuturesUnordered<Doing>,
    seq: u64,
    told: u64,
}

impl Work {
    fn new(direct: Direct) -> Self {
        let (mono, wall, plan) = (clock::mono(), clock::wall(), direct.plan.clone());
        let engine = if direct.entries.is_empty() {
            Engine::new(plan, Mode::Drive, mono, wall, mono.micros())
        } else {
            Engine::recover(plan, &direct.entries, mono, wall, mono.micros())
        };
        let told = engine.log_length();
        Self { engine, direct, doing: FuturesUnordered::new(), seq: 0, told }
    }

    async fn run(mut self, tell: &mut impl FnMut(String)) -> Ended {
        // The command goes first, before any read: a balancer that only answers writes is still rolled back.
        let command = Command::Rollback { reason: self.direct.reason.clone(), typed: self.direct.typed.clone() };
        let by = self.direct.by.clone();
        let id = CommandId(clock::mono().micros());
        let request = Request { id, by, rights: Rights::Full, command };
        match self.handle(Event::Commanded(request), tell) {
            Some(Answer::Refused(reasons)) => return Ended::Refused(reasons),
            Some(Answer::Late(_)) | None => return Ended::Refused(vec!["the engine gave no answer".into()]),
            Some(Answer::Applied(words)) if !self.engine.phase().is_back() => return Ended::Nothing(words),
            Some(Answer::Applied(words)) => {
                // Accepted: from here on a keeper that wakes up must follow. What was refused leaves nothing.
                self.leave_tombstone(tell);
                tell(words.to_string());
            }
        }
        let began = clock::mono();
        let mut reminded = began;
        while matches!(self.engine.phase(), Phase::RollingBack) {
            let now = clock::mono();
            let wait = self.engine.next_wake().map_or(Duration::from_secs(1), |(at, _)| at.since(now));
            let event = tokio::select! {
                Some(outcome) = self.doing.next() => Event::Ended(outcome),
                () = tokio::time::sleep(wait) => Event::Woke,
            };
            self.handle(event, tell);
            let now = clock::mono();
            if now.since(reminded) >= REMIND_EVERY && self.engine.phase() == Phase::RollingBack {
                reminded = now;
                let band = self.engine.snapshot().band;
                tell(format!("UNKNOWN - not confirmed after {} s: {}", now.since(began).as_secs(), band.text));
            }
        }
        Ended::Confirmed
    }

    fn leave_tombstone(&self, tell: &mut impl FnMut(String)) {
        let Some(folder) = &self.direct.folder else { return };
        let reason = self.direct.reason.clone().unwrap_or_else(|| "no reason given yet".into());
        let stone = Tombstone { by: self.direct.by.clone(), at: clock::wall(), reason };
        match stone.leave(folder) {
            Ok(()) => tell(format!("tombstone left in {}: the keeper will follow", folder.display())),
            Err(error) => tell(format!("no tombstone in {}: {error}; going on", folder.display())),
        }
    }

    fn handle(&mut self, event: Event, tell: &mut impl FnMut(String)) -> Option<Answer> {
        self.seq += 1;
        let stamped = Stamped { seq: self.seq, mono: clock::mono(), wall: clock::wall(), event };
        failpoint::pass("direct event taken");
        let handled = self.engine.handle(&stamped);
        for effect in handled.effects {
            self.carry_out(effect, tell);
        }
        handled.answer
    }

    fn carry_out(&mut self, effect: Effect, tell: &mut impl FnMut(String)) {
        let traffic = self.direct.traffic.clone();
        match effect {
            Effect::Journal { id, entry } => {
                if entry.number > self.told {
                    self.told = entry.number;
                    tell(entry.text.to_string());
                }
                // The journal belongs to the keeper; here the tombstone is the record.
                let outcome = Outcome { id, epoch: Epoch::default(), result: OutcomeKind::Journaled(Ok(())) };
                self.doing.push(Box::pin(std::future::ready(outcome)));
            }
            Effect::WriteSplit { id, epoch, direction: Direction::Back, setting, .. } => {
                self.doing.push(Box::pin(async move {
                    Outcome { id, epoch, result: OutcomeKind::Written(traffic.write(setting, None).await) }
                }));
            }
            Effect::ReadSplit { id, epoch } => self.doing.push(Box::pin(async move {
                let started = clock::mono();
                Outcome { id, epoch, result: OutcomeKind::Read { started, state: traffic.read().await } }
            })),
            Effect::WriteSplit { direction: Direction::Forward, .. } | Effect::Stop => {}
        }
    }
}

/// What the balancer holds now, for a person who must choose where everything goes.
pub async fn current_split(plan: &Plan, traffic: &dyn Traffic) -> Result<Split, Clean> {
    let state = traffic.read().await;
    state.setting().map_err(Clone::clone)?;
    crate::engine::share::configured(&plan.traffic.layout(), &state)
        .map(|configured| configured.split())
        .ok_or_else(|| "the balancer's weights make no share".into())
}
