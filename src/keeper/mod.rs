//! The process that holds a cutover and survives its consoles.
//!
//! One loop takes one event at a time, in lane order, and never waits: everything slow is a supervised
//! task whose outcome comes back as an event.

#![expect(clippy::disallowed_methods, reason = "the keeper owns tasks, threads and clocks, and sees them end")]

mod effects;
mod hook_hand;
mod host_lock;
mod journal_thread;
mod lanes;
mod patience;
mod probes;
mod server;
mod sources;

pub use host_lock::{Held, Holder, HostLock, LockError, current_user};

use crate::clock;
use crate::domain::{Clean, Mono, RunId, Wall};
use crate::engine::{Answer, CLOCK_GAP, Direction, Effect, Engine, Entry, Event, Fact, Mode, Phase, Severity, Stamped};
use crate::failpoint;
use crate::journal::{JournalError, PlaceError, Places, Reader, Writer};
use crate::plan::{self, Plan, PlanErrors};
use crate::remote::SetupError;
use crate::traffic;
use crate::wire::{FromKeeper, KeeperInfo, Status, encode};
use bytes::Bytes;
use effects::Hands;
use hook_hand::HookHand;
use lanes::{Lanes, Operator, Senders as Shared};
use patience::{LOOK_WAIT, SOCKET, bounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How long a keeper stays after a final state with nobody looking.
const LINGER: Duration = Duration::from_secs(3600);
/// Least time between two snapshots to the consoles: ten frames a second are more than an eye takes, and a flood of
/// commands must not become one of snapshots, which each console would have to read before its next key.
const PUBLISH_LEAST: Duration = Duration::from_millis(100);
/// Longest time between two snapshots: the data's own interval.
const PUBLISH_MOST: Duration = Duration::from_secs(1);
/// How long a keeper that is told to end goes on with a rollback that is not confirmed: what ends processes in order gives
/// them ten seconds and more before it kills them, and the journal's last entries are to be written within those.
const BACK_WAIT: Duration = Duration::from_secs(8);

/// Why a keeper could not begin, or ended with something left to do.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// A folder or path.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The frozen plan.
    #[error("{0}")]
    Plan(#[from] PlanErrors),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A client of the plan.
    #[error(transparent)]
    Client(#[from] SetupError),
    /// Somebody else holds the balancer on this host.
    #[error("{0}")]
    Locked(#[from] LockError),
    /// The socket.
    #[error("socket {path}: {why}")]
    Socket {
        /// Its path.
        path: String,
        /// Why.
        why: std::io::Error,
    },
    /// The group that the plan names.
    #[error("access.group {0:?}: no such group on this machine")]
    NoSuchGroup(String),
    /// The frozen plan is not what the run began with.
    #[error(
        "{path} is not the plan that run {run} began with: somebody changed it; put it back, or bring all traffic back \
         with `warroom rollback {run} --direct` and begin a new run"
    )]
    Edited {
        /// The frozen plan's path.
        path: String,
        /// The run.
        run: RunId,
    },
    /// The group that the plan names could not reach the socket.
    #[error(
        "access.group {group:?}: {folder} lets nobody of it through to the socket; set WARROOM_STATE_DIR to a folder that does"
    )]
    GroupShutOut {
        /// The group.
        group: String,
        /// The folder on the way.
        folder: String,
    },
    /// It was told to end in the middle of a rollback.
    #[error(
        "SIGTERM while rolling back, and not confirmed {} s later: `warroom run` with its plan goes on with it, \
         `warroom rollback {run} --direct` works without a keeper", BACK_WAIT.as_secs()
    )]
    RollbackLeft {
        /// The run.
        run: RunId,
    },
}

/// What a keeper is started with.
#[derive(Debug, Clone)]
pub struct KeeperOptions {
    /// The run; its folder holds the frozen plan.
    pub run: RunId,
    /// Whether it may write.
    pub mode: Mode,
    /// How long it stays without any console, when that is limited (the demo's keeper).
    pub alone_at_most: Option<Duration>,
    /// What befell the keeper of this run before; it is written down first.
    pub after: Option<Clean>,
}

/// Holds a run until it ends or somebody ends the keeper. `ready` is called once the socket listens.
pub async fn keep(places: &Places, options: KeeperOptions, ready: impl FnOnce()) -> Result<(), KeeperError> {
    failpoint::pass("keeper began");
    let run = &options.run;
    let plan = Arc::new(plan::load_frozen(&places.plan(run))?);
    let socket = places.socket_for(run, plan.access.group.is_some())?;
    // A watching keeper changes nothing, so any number of them may look at one balancer.
    let lock = match options.mode {
        Mode::Drive => Some(HostLock::take(&plan, run, &socket).await?),
        Mode::Watch => None,
    };
    failpoint::pass("keeper locked");
    let (journal, entries, plan_path) = open_journal(places, &plan, &options)?;
    // Whoever begins it has described it before: only entries say that a keeper was here.
    let goes_on = !entries.is_empty();
    let (mono, wall) = (clock::mono(), clock::wall());
    let engine = Engine::begin(plan.clone(), options.mode, &entries, mono, wall, mono.micros());
    failpoint::pass("engine made");
    let (lanes, senders) = lanes::lanes();
    // A run that goes on must be able to go back, also without what only looks need.
    let traffic = if goes_on { traffic::connect_back(&plan)? } else { traffic::connect(&plan)? };
    if let Some((state, at)) = Entry::newest_configuration(&entries) {
        traffic.recall(state, at);
    }
    let hands = Hands::new(
        traffic.clone(),
        places.run(run),
        journal_thread::start(journal, senders.clone()),
        HookHand::new(plan.clone(), run.clone(), senders.clone()),
        senders.clone(),
        &plan,
    );
    let listener = server::listen(&socket, places.state(), plan.access.group.as_deref()).await?;
    failpoint::pass("socket bound");
    let plan_changed = Arc::new(AtomicBool::new(false));
    sources::start(&plan, &plan_path, places.run(run), &senders, &plan_changed, goes_on)?;
    if plan.traffic.is_surveyed() {
        sources::start_survey(traffic, plan.survey_every(), &senders);
    }
    let (publish, status) = watch::channel(Bytes::new());
    tokio::spawn(server::serve(listener, senders.clone(), status));
    if let Some(lock) = lock {
        tokio::spawn(lock.tell());
    }
    tracing::info!(run = %run, plan = %plan.source.hash, resumed = goes_on, "keeper began");
    ready();
    failpoint::pass("keeper ready");
    let keeper = Loop {
        engine,
        lanes,
        hands,
        publish,
        run: run.clone(),
        since: clock::wall(),
        plan_changed,
        alone_at_most: options.alone_at_most,
        unanswered: Vec::new(),
        seq: 0,
        published: mono,
        seen: None,
        alone_since: mono,
        final_since: None,
        leaves_at: None,
    };
    let left = keeper.turn().await;
    bounded(&SOCKET, LOOK_WAIT, move || std::fs::remove_file(&socket)).await;
    match &left {
        Ok(()) => tracing::info!("keeper ended"),
        Err(error) => tracing::error!(%error, "keeper ended"),
    }
    left
}

/// The run's journal, all that it says, and where its plan came from.
fn open_journal(
    places: &Places,
    plan: &Plan,
    options: &KeeperOptions,
) -> Result<(Writer, Vec<Entry>, PathBuf), KeeperError> {
    let run = &options.run;
    let mut journal = Writer::open(&places.journal(run))?;
    let old = Reader::open(&places.journal(run))?;
    let (info, mut entries) = (old.info()?, old.entries()?);
    if info.as_ref().is_some_and(|info| info.plan_hash != plan.source.hash) {
        return Err(KeeperError::Edited { path: places.plan(run).display().to_string(), run: run.clone() });
    }
    if let Some(words) = options.after.clone() {
        entries.push(note(&mut journal, entries.last(), words));
    }
    let path = info.map_or_else(|| plan.source.path.clone(), |info| info.plan_path);
    Ok((journal, entries, path))
}

/// Writes down what befell the keeper before.
fn note(journal: &mut Writer, last: Option<&Entry>, text: Clean) -> Entry {
    let entry = Entry {
        number: last.map_or(1, |last| last.number + 1),
        wall: clock::wall(),
        mono: clock::mono(),
        severity: Severity::Critical,
        by: None,
        text,
        fact: Fact::Line,
    };
    if let Err(error) = journal.append(std::iter::once(&entry)) {
        tracing::error!(%error, "journal");
    }
    entry
}

/// The loop with all it owns.
struct Loop {
    engine: Engine,
    lanes: Lanes,
    hands: Hands,
    publish: watch::Sender<Bytes>,
    run: RunId,
    since: Wall,
    plan_changed: Arc<AtomicBool>,
    alone_at_most: Option<Duration>,
    /// Answers to a rollback that is neither on disk nor on its way yet.
    unanswered: Vec<(oneshot::Sender<Answer>, Answer)>,
    /// The number of the newest event.
    seq: u64,
    /// When a snapshot was last published, and what it showed.
    published: Mono,
    seen: Option<(Phase, u64)>,
    /// Since when nobody looks, and since when the run is in a final state.
    alone_since: Mono,
    final_since: Option<Mono>,
    /// Told to end, and at that time at the latest: a rollback comes to its end first.
    leaves_at: Option<Mono>,
}

/// What the loop saw of the clocks in its last turn.
struct Clocks {
    turned: Mono,
    apart: i64,
}

impl Clocks {
    fn new(now: Mono) -> Self {
        Self { turned: now, apart: clocks_apart(now) }
    }

    /// How long the loop was away since its last turn beyond what it had asked for, and how far somebody has set the wall
    /// clock, by which what came with a time of its own is of no known age; where it is more than [`CLOCK_GAP`].
    fn jumps(&mut self, mono: Mono, pause: Duration) -> impl Iterator<Item = Duration> + use<> {
        let apart = clocks_apart(mono);
        let away = mono.since(std::mem::replace(&mut self.turned, mono)).saturating_sub(pause);
        let set = Duration::from_millis(std::mem::replace(&mut self.apart, apart).abs_diff(apart));
        if set > CLOCK_GAP {
            tracing::warn!(millis = set.as_millis(), "the wall clock was set");
        }
        [away, set].into_iter().filter(|by| *by > CLOCK_GAP)
    }
}

impl Loop {
    /// Until the run ends, or nobody needs the keeper any more, or it is told to end.
    async fn turn(mut self) -> Result<(), KeeperError> {
        let now = clock::mono();
        let mut clocks = Clocks::new(now);
        (self.published, self.alone_since) = (now, now);
        let mut terminate = signal(tokio::signal::unix::SignalKind::terminate());
        let mut left = None;
        while left.is_none() && !self.engine.is_ended() {
            let pause = self.pause();
            let operator = tokio::select! {
                biased;
                Some(operator) = self.lanes.operator.recv() => operator,
                Some(outcome) = self.lanes.outcomes.recv() => Operator::from(Event::Ended(outcome)),
                event = self.lanes.readings.take() => Operator::from(event),
                () = tokio::time::sleep(pause) => Operator::from(Event::Woke),
                // Once is enough: asked again it would leave the rollback no sooner. SIGKILL does.
                () = stop(&mut terminate), if self.leaves_at.is_none() => {
                    if !self.owes_rollback() {
                        tracing::info!("SIGTERM: the run stays in the journal; `warroom run` goes on with it");
                        break;
                    }
                    self.leaves_at = Some(clock::mono() + BACK_WAIT);
                    Operator::from(Event::ToldToEnd { within: BACK_WAIT })
                }
            };
            let mono = clock::mono();
            for by in clocks.jumps(mono, pause) {
                self.handle(Operator::from(Event::ClockJumped { by }));
            }
            let went_back = self.handle(operator);
            self.show(mono, went_back);
            left = self.leaves(mono);
        }
        self.publish.send_replace(self.status_frame());
        // Nobody takes anything from them any more, and nobody may wait for that.
        drop(self.lanes);
        self.hands.finish().await;
        left.unwrap_or(Ok(()))
    }

    /// How the loop ends in this turn, if it does.
    fn leaves(&mut self, mono: Mono) -> Option<Result<(), KeeperError>> {
        self.final_since = self.engine.is_final().then(|| self.final_since.unwrap_or(mono));
        let final_for = self.final_since.map(|since| mono.since(since));
        if self.engine.has_consoles() {
            self.alone_since = mono;
        } else if may_go(mono.since(self.alone_since), final_for, self.alone_at_most) {
            tracing::info!("nobody looks any more");
            return Some(Ok(()));
        }
        let at = self.leaves_at?;
        if !self.owes_rollback() {
            return Some(Ok(()));
        }
        (mono >= at).then(|| Err(KeeperError::RollbackLeft { run: self.run.clone() }))
    }

    /// Whether somebody was told that all traffic goes back, and nobody knows yet that it has. Of the demo's keeper, which
    /// does not outlive its world, nobody expects that.
    fn owes_rollback(&self) -> bool {
        self.engine.phase() == Phase::RollingBack && self.alone_at_most.is_none()
    }

    /// What changes with whatever people wait to see.
    fn mark(&self) -> (Phase, u64) {
        (self.engine.phase(), self.engine.log_length())
    }

    /// How long the loop may sleep: until the engine's own wake, the next snapshot or its own end.
    fn pause(&self) -> Duration {
        let has_news = self.seen != Some(self.mark()) && self.unanswered.is_empty();
        let publish_at = self.published + if has_news { PUBLISH_LEAST } else { PUBLISH_MOST };
        let wake = self.engine.next_wake().map(|(at, _)| at);
        let next = [wake, self.leaves_at].into_iter().flatten().fold(publish_at, Mono::min);
        next.since(clock::mono())
    }

    /// Publishes a snapshot where one is due. A rollback that is not on its way yet is not kept waiting by a picture of it,
    /// nor is its request.
    fn show(&mut self, mono: Mono, went_back: bool) {
        let is_free = self.unanswered.is_empty() && !went_back;
        let (mark, since) = (Some(self.mark()), mono.since(self.published));
        if is_free && (since >= PUBLISH_MOST || since >= PUBLISH_LEAST && self.seen != mark) {
            (self.seen, self.published) = (mark, mono);
            self.publish.send_replace(self.status_frame());
        }
    }

    /// Hands one event to the engine and carries out what it asks for; whether a write of the way back is of it.
    fn handle(&mut self, operator: Operator) -> bool {
        let (event, reply) = match operator {
            Operator::Event { event, reply } => (event, reply),
            Operator::Status { reply } => {
                let _ = reply.send(self.status_frame());
                return false;
            }
        };
        failpoint::pass("event taken");
        self.seq += 1;
        let stamped = Stamped { seq: self.seq, mono: clock::mono(), wall: clock::wall(), event };
        // A disk that refused it is asked again, in the turn of whatever comes then.
        let was_back = self.engine.phase().is_back();
        let handled = self.engine.handle(&stamped);
        let accepts = accepts_now(was_back, &handled.effects);
        let sends = handled.effects.iter().any(is_way_back);
        if accepts {
            self.hands.end_forward();
        }
        for effect in handled.effects {
            failpoint::pass("effect due");
            self.hands.carry_out(effect, stamped.mono);
        }
        failpoint::pass("event handled");
        if let (Some(reply), Some(answer)) = (reply, handled.answer) {
            // Who hears that a rollback is accepted looks away: a keeper killed now must not have forgotten it. The
            // engine sends it once it is on disk, and within 20 ms in any case.
            if accepts && !sends {
                self.unanswered.push((reply, answer));
            } else {
                let _ = reply.send(answer);
            }
        }
        if sends {
            for (reply, answer) in self.unanswered.drain(..) {
                let _ = reply.send(answer);
            }
        }
        sends
    }

    fn status_frame(&self) -> Bytes {
        encode(&FromKeeper::Status(Box::new(Status {
            run: self.run.clone(),
            keeper: KeeperInfo {
                pid: std::process::id(),
                since: self.since,
                version: env!("CARGO_PKG_VERSION").into(),
                plan_changed: self.plan_changed.load(Ordering::Relaxed),
                dropped: self.lanes.readings.dropped(),
            },
            snapshot: self.engine.snapshot(),
        })))
    }
}

/// Whether a keeper that nobody looks at may end. It stays [`LINGER`] after the last of two: that somebody looked, and
/// that the run came to its final state; whoever comes then finds it.
fn may_go(alone: Duration, final_for: Option<Duration>, alone_at_most: Option<Duration>) -> bool {
    alone_at_most.is_some_and(|most| alone > most) || final_for.is_some_and(|lasting| alone.min(lasting) > LINGER)
}

/// How far the wall clock is ahead of the other one, in milliseconds: it changes only when somebody sets it.
fn clocks_apart(mono: Mono) -> i64 {
    clock::wall().millis() - (mono.micros() / 1000).cast_signed()
}

/// Whether a rollback is accepted in this turn, and not only written down again.
fn accepts_now(was_back: bool, effects: &[Effect]) -> bool {
    let is_acceptance = |effect: &Effect| matches!(effect, Effect::Journal { entry, .. } if matches!(entry.fact, Fact::RollbackAccepted { .. }));
    !was_back && effects.iter().any(is_acceptance)
}

fn is_way_back(effect: &Effect) -> bool {
    matches!(effect, Effect::WriteSplit { direction: Direction::Back, .. })
}

fn signal(kind: tokio::signal::unix::SignalKind) -> Option<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(kind).inspect_err(|error| tracing::warn!(%error, "no signal handler")).ok()
}

async fn stop(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The words for a task that ended without a result.
fn lost_words(error: tokio::task::JoinError) -> Clean {
    if error.is_cancelled() {
        return "superseded".into();
    }
    let panic = error.into_panic();
    let words =
        panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    Clean::new(format!("it panicked: {}", words.unwrap_or_else(|| "no words".to_owned())))
}

impl From<Event> for Operator {
    fn from(event: Event) -> Self {
        Self::Event { event, reply: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its answer waits for the write; another command's does not.
    #[test]
    fn a_rollback_that_is_written_down_again_is_not_accepted_again() {
        let fact = Fact::RollbackAccepted {
            reason: Clean::default(),
            from: None,
            setting: crate::domain::Setting::default(),
            automatic: false,
            over: None,
        };
        let entry = Entry {
            number: 1,
            wall: clock::wall(),
            mono: clock::mono(),
            severity: Severity::Critical,
            by: None,
            text: Clean::default(),
            fact,
        };
        let effects = [Effect::Journal { id: crate::domain::EffectId(1), entry: Box::new(entry) }];
        assert!(accepts_now(false, &effects) && !accepts_now(false, &[]));
        assert!(!accepts_now(true, &effects), "the disk refused it, and is asked again");
    }

    #[test]
    fn a_keeper_lingers_after_its_final_state_and_not_only_after_its_last_console() {
        let hours = |n: u64| Duration::from_secs(n * 3600 + 1);
        assert!(!may_go(hours(2), None, None), "in the middle of a run it stays for ever");
        assert!(!may_go(hours(2), Some(Duration::from_secs(1)), None), "alone for long, rolled back this second");
        assert!(!may_go(Duration::from_secs(1), Some(hours(2)), None), "somebody looked this second");
        assert!(may_go(hours(1), Some(hours(1)), None));
        assert!(may_go(Duration::from_secs(61), None, Some(Duration::from_mins(1))), "the demo's keeper");
    }
}
