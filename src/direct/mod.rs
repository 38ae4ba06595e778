//! A rollback without the keeper: when it is dead, hung or from another world.
//!
//! The same engine decides, so the same rules hold: agreeing reads over the lateness window, sent again
//! over this run's own settings, stopped by a foreign one. A tombstone is left beside it, so that a keeper
//! that wakes up follows instead of going on; a disk that hangs delays the write by 20 ms and no more.

use crate::clock;
use crate::domain::{BalancerState, Clean, CommandId, Mono, Person, Rights, Setting, Split};
use crate::engine::{
    Answer, Command, Direction, Effect, Engine, Entry, Event, Fact, Mode, Outcome, OutcomeKind, Phase, Request,
    Severity, Stamped, share,
};
use crate::failpoint;
use crate::journal::Tombstone;
use crate::plan::Plan;
use crate::traffic::Traffic;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long the write waits for the tombstone, as the keeper's waits for its record: the disk's worst seen sync was 24 ms.
const DISK_WAIT: Duration = Duration::from_millis(20);
/// How long a confirmed rollback waits for a tombstone that is still on its way: its keeper may wake up later.
const TOMBSTONE_WAIT: Duration = Duration::from_secs(2);
/// Time between two reminders that it is not confirmed yet; the first comes this long after it could have been.
const REMIND_EVERY: Duration = Duration::from_secs(5);
/// How old a look at the balancer may be and still stand for the state before the rollback: a person who takes
/// longer to type a label sees it read again.
const SEEN_AGE_MAX: Duration = Duration::from_secs(5);
/// How much longer than the driver's own limit a look is waited for: on a busy machine what the other nodes said would
/// come a moment too late otherwise.
const LOOK_GRACE: Duration = Duration::from_millis(200);

/// What a direct rollback is made with.
pub struct Direct {
    /// The frozen plan, or the file's when there is no run.
    pub plan: Arc<Plan>,
    /// The run's folder, for the tombstone.
    pub folder: Option<PathBuf>,
    /// The run's journal, as far as it could be read.
    pub entries: Vec<Entry>,
    /// What the balancer held just before, where somebody looked.
    pub seen: Option<Seen>,
    /// The plan's driver.
    pub traffic: Arc<dyn Traffic>,
    /// Who.
    pub by: Person,
    /// Why.
    pub reason: Option<Clean>,
    /// The service's name, where it must be typed.
    pub typed: Option<String>,
    /// When that person asked: what somebody else set after it, nobody here has seen.
    pub asked: Mono,
    /// Whether a person saw what somebody else set during a rollback that was begun before, and wants it sent over it.
    pub sends_over: bool,
}

/// One look at the balancer.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it began.
    pub started: Mono,
    /// What it said.
    pub state: BalancerState,
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

/// A tombstone on its way to the disk.
type Leaving = oneshot::Receiver<io::Result<()>>;

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
        if let Some((state, at)) = Entry::newest_configuration(&direct.entries) {
            direct.traffic.recall(state, at);
        }
        let told = engine.log_length();
        Self { engine, direct, doing: FuturesUnordered::new(), seq: 0, told }
    }

    async fn run(mut self, tell: &mut impl FnMut(String)) -> Ended {
        self.look_first(tell).await;
        // One that is accepted only now goes over what is there by itself; what comes later nobody has seen.
        self.direct.sends_over &= self.engine.phase().is_back();
        let command = Command::Rollback { reason: self.direct.reason.clone(), typed: self.direct.typed.clone() };
        match self.ask(command, tell) {
            Some(Answer::Refused(reasons)) => return Ended::Refused(reasons),
            Some(Answer::Late(_)) | None => return Ended::Refused(vec!["the engine gave no answer".into()]),
            Some(Answer::Applied(words)) if !self.engine.phase().is_back() => return Ended::Nothing(words),
            Some(Answer::Applied(words)) => tell(words.to_string()),
        }
        // The keeper had stopped at somebody else's setting and waited for a person: here is one, if it came after that.
        if self.engine.snapshot().rollback.is_some_and(|rollback| rollback.foreign.is_some()) {
            match self.met_since_asked().filter(|_| !self.direct.sends_over) {
                Some(met) => tell(met.to_string()),
                None => {
                    self.ask(Command::SendAgain, tell);
                    self.direct.sends_over = false;
                }
            }
        }
        // Accepted: from here on a keeper that wakes up must follow. What was refused leaves nothing.
        let mut stone = self.leave_tombstone();
        if let Some(leaving) = &mut stone
            && let Ok(left) = timeout(DISK_WAIT, leaving).await
        {
            stone = None;
            self.tell_tombstone(left.ok(), tell);
        }
        self.until_confirmed(&mut stone, tell).await;
        if let Some(leaving) = stone {
            let left = timeout(TOMBSTONE_WAIT, leaving).await.ok().and_then(Result::ok);
            self.tell_tombstone(left, tell);
        }
        Ended::Confirmed
    }

    async fn until_confirmed(&mut self, stone: &mut Option<Leaving>, tell: &mut impl FnMut(String)) {
        let began = clock::mono();
        let mut remind_at = began + self.direct.plan.traffic.lateness + REMIND_EVERY;
        while self.engine.phase() == Phase::RollingBack {
            let now = clock::mono();
            let wait = self.engine.next_wake().map_or(Duration::from_secs(1), |(at, _)| at.since(now));
            let event = tokio::select! {
                Some(outcome) = self.doing.next() => Event::Ended(outcome),
                left = left(stone) => {
                    *stone = None;
                    self.tell_tombstone(left, tell);
                    continue;
                }
                () = tokio::time::sleep(wait) => Event::Woke,
            };
            self.handle(event, tell);
            self.send_over(tell);
            let now = clock::mono();
            if now >= remind_at && self.engine.phase() == Phase::RollingBack {
                remind_at = now + REMIND_EVERY;
                let band = self.engine.snapshot().band;
                tell(format!("UNKNOWN - not confirmed after {} s: {}", now.since(began).as_secs(), band.text));
            }
        }
    }

    /// What the keeper said of somebody else's setting that it met only after this person had asked. A journal from before
    /// the machine began anew has times that are still to come: that was before.
    fn met_since_asked(&self) -> Option<&Clean> {
        let met = self.direct.entries.iter().rfind(|entry| matches!(entry.fact, Fact::Foreign { .. }))?;
        (self.direct.asked..=clock::mono()).contains(&met.mono).then_some(&met.text)
    }

    /// Sends once over the first setting of somebody else that is met: the keeper may have died before it wrote down that
    /// it had stopped there, and this person has seen it. Once it was read back, another one is news to everybody.
    fn send_over(&mut self, tell: &mut impl FnMut(String)) {
        let Some(rollback) = self.engine.snapshot().rollback.filter(|_| self.direct.sends_over) else { return };
        let is_met = rollback.foreign.is_some();
        self.direct.sends_over = !is_met && rollback.read_back.is_none();
        if is_met {
            self.ask(Command::SendAgain, tell);
        }
    }

    /// Takes in the state before the run where the journal does not tell it: else a write that fails would be sent
    /// into what looks like somebody else's setting. About one attempt's time at most, and without an answer it goes on:
    /// a balancer that only answers writes is still rolled back.
    async fn look_first(&mut self, tell: &mut impl FnMut(String)) {
        if self.direct.entries.iter().any(|entry| matches!(entry.fact, Fact::Baseline { .. })) {
            return;
        }
        let fresh = |seen: &Seen| clock::mono().since(seen.started) <= SEEN_AGE_MAX;
        let seen = match self.direct.seen.take().filter(fresh) {
            Some(seen) => Some(seen),
            None => {
                let limit = self.direct.plan.traffic.timeout + LOOK_GRACE;
                timeout(limit, look(self.direct.traffic.as_ref())).await.ok()
            }
        };
        let Some(seen) = seen else { return };
        let setting = seen.state.readable_setting();
        if seen.state.setting().is_err() {
            // A node that serves must not be given what it had drained because another one is silent.
            if !setting.0.is_empty() {
                self.take_for_baseline(setting);
            }
            return;
        }
        let configured = share::configured(&self.direct.plan.traffic.layout(), &seen.state);
        let has_nothing = configured.is_some_and(|configured| configured.share <= 0.0);
        if has_nothing && self.direct.folder.is_some() {
            // The run's journal is lost, and with it whether a forward write is still on its way: zero now is not
            // zero in a second. So this is no look that makes a rollback needless: it is sent all the same, and gives
            // stable the weights that it has.
            return self.take_for_baseline(setting);
        }
        let stamped = self.stamp(Event::Woke);
        for effect in self.engine.handle(&stamped).effects {
            if let Effect::ReadSplit { id } = effect {
                let result = OutcomeKind::Read { started: seen.started, state: seen.state.clone() };
                self.handle(Event::Ended(Outcome { id, result }), tell);
            } else {
                self.carry_out(effect, tell);
            }
        }
    }

    /// Puts what the balancer holds where the journal has lost it: before everything that the run did.
    fn take_for_baseline(&mut self, setting: Setting) {
        let (mono, wall, plan) = (clock::mono(), clock::wall(), self.direct.plan.clone());
        let baseline = Entry {
            number: 0,
            wall,
            mono,
            severity: Severity::Info,
            by: None,
            text: Clean::new(format!("the balancer holds {setting}")),
            fact: Fact::Baseline { setting, split: Split::ALL_STABLE },
        };
        self.direct.entries.insert(0, baseline);
        self.engine = Engine::recover(plan, &self.direct.entries, mono, wall, mono.micros());
        self.told = self.engine.log_length();
    }

    /// Asks the engine in this person's name.
    fn ask(&mut self, command: Command, tell: &mut impl FnMut(String)) -> Option<Answer> {
        let by = self.direct.by.clone();
        let id = CommandId(clock::mono().micros().wrapping_add(self.seq));
        self.handle(Event::Commanded(Request { id, by, rights: Rights::Full, command }), tell)
    }

    /// Begins to leave a tombstone, on a thread of its own: a disk that hangs holds up nothing else.
    fn leave_tombstone(&self) -> Option<Leaving> {
        let folder = self.direct.folder.clone()?;
        let reason = self.direct.reason.clone().unwrap_or_else(|| "no reason given yet".into());
        let stone = Tombstone { by: self.direct.by.clone(), at: clock::wall(), reason };
        let (done, leaving) = oneshot::channel();
        // Without a thread the channel closes, and that is told.
        let _ = std::thread::Builder::new().name("tombstone".into()).spawn(move || done.send(stone.leave(&folder)));
        Some(leaving)
    }

    fn tell_tombstone(&self, left: Option<io::Result<()>>, tell: &mut impl FnMut(String)) {
        let Some(folder) = &self.direct.folder else { return };
        let folder = folder.display();
        match left {
            Some(Ok(())) => tell(format!("tombstone left in {folder}: the keeper will follow")),
            Some(Err(error)) => tell(format!("no tombstone in {folder}: {error}; going on")),
            None => tell(format!(
                "no tombstone in {folder}: the disk does not answer; a keeper that wakes up will not know"
            )),
        }
    }

    fn stamp(&mut self, event: Event) -> Stamped {
        self.seq += 1;
        Stamped { seq: self.seq, mono: clock::mono(), wall: clock::wall(), event }
    }

    fn handle(&mut self, event: Event, tell: &mut impl FnMut(String)) -> Option<Answer> {
        let stamped = self.stamp(event);
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
                // A hook that the keeper had running is its own: nothing is known of it here.
                let is_hook = matches!(entry.fact, Fact::HookEnded { .. });
                if entry.number > self.told && !is_hook {
                    self.told = entry.number;
                    tell(entry.text.to_string());
                }
                // The journal belongs to the keeper; here the tombstone is the record.
                let outcome = Outcome { id, result: OutcomeKind::Journaled(Ok(())) };
                self.doing.push(Box::pin(std::future::ready(outcome)));
            }
            Effect::WriteSplit { id, direction: Direction::Back, setting, .. } => {
                self.doing.push(Box::pin(async move {
                    failpoint::pass("direct write due");
                    let result = OutcomeKind::Written(traffic.write(setting, None).await);
                    failpoint::pass("direct write answered");
                    Outcome { id, result }
                }));
            }
            Effect::ReadSplit { id } => self.doing.push(Box::pin(async move {
                let started = clock::mono();
                failpoint::pass("direct read due");
                let state = traffic.read().await;
                failpoint::pass("direct read answered");
                Outcome { id, result: OutcomeKind::Read { started, state } }
            })),
            // Nothing goes forward here, nothing is rehearsed, and nothing is run.
            Effect::WriteSplit { direction: Direction::Forward, .. }
            | Effect::Rehearse { .. }
            | Effect::RunHook { .. }
            | Effect::StopHook { .. }
            | Effect::Stop => {}
        }
    }
}

/// Waits for a tombstone that is still on its way; for ever where there is none.
async fn left(stone: &mut Option<Leaving>) -> Option<io::Result<()>> {
    match stone {
        Some(leaving) => leaving.await.ok(),
        None => std::future::pending().await,
    }
}

/// Reads the balancer once.
pub async fn look(traffic: &dyn Traffic) -> Seen {
    Seen { started: clock::mono(), state: traffic.read().await }
}

/// What the balancer holds, for a person who must choose where everything goes.
pub fn split_of(plan: &Plan, seen: &Seen) -> Result<Split, Clean> {
    seen.state.setting().map_err(Clone::clone)?;
    share::configured(&plan.traffic.layout(), &seen.state)
        .map(|configured| configured.split())
        .ok_or_else(|| "the balancer's weights make no share".into())
}
