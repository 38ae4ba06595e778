//! The hands that carry out effects: each is a task of its own, and each yields exactly one outcome.

use super::hook_hand::HookHand;
use super::journal_thread::JournalHand;
use super::patience::{FOLDER, LOOK_WAIT, bounded};
use super::{Operator, Shared, lost_words};
use crate::clock;
use crate::domain::{BalancerState, Clean, EffectId, Mono, Setting};
use crate::engine::{Direction, Effect, Event, Outcome, OutcomeKind, WriteResult};
use crate::failpoint;
use crate::journal::Tombstone;
use crate::plan::Plan;
use crate::traffic::Traffic;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// What a driver may take beyond its own timeouts before its task is given up; a forward write looks twice besides.
const MARGIN: Duration = Duration::from_secs(3);

/// How long after the turn that decided it a step may still go out: one look at the run's folder, and as long again on a
/// busy machine. Beyond it the keeper stood still, and what it went by then is no reading now.
const SENT_WITHIN: Duration = LOOK_WAIT.saturating_mul(2);

/// How long a keeper that ends waits for its journal: two hundred times the worst seen sync, and with the hooks' own two
/// seconds still within the ten that whoever ended it waits.
const JOURNAL_WAIT: Duration = Duration::from_secs(5);

/// Carries out effects.
pub struct Hands {
    traffic: Arc<dyn Traffic>,
    folder: PathBuf,
    journal: JournalHand,
    hooks: HookHand,
    senders: Shared,
    nodes: usize,
    /// Longest life of one read or write.
    limit: Duration,
    /// The newest write of a step, a re-assert or a rehearsal; there is never more than one under way.
    forward: Option<AbortHandle>,
}

impl Hands {
    pub fn new(
        traffic: Arc<dyn Traffic>,
        folder: PathBuf,
        journal: JournalHand,
        hooks: HookHand,
        senders: Shared,
        plan: &Plan,
    ) -> Self {
        let layout = plan.traffic.layout();
        // One command a slot, each with its own connection and answer.
        let commands = u32::try_from(layout.slots.len()).unwrap_or(u32::MAX).saturating_add(1);
        let limit = plan.traffic.timeout.saturating_mul(commands.saturating_mul(2)) + MARGIN;
        Self { traffic, folder, journal, hooks, senders, nodes: layout.nodes.len(), limit, forward: None }
    }

    /// Ends the forward write that is under way: a rollback was accepted. That may send nothing at all, where another hand
    /// has rolled back already.
    pub fn end_forward(&mut self) {
        if let Some(forward) = self.forward.take() {
            forward.abort();
        }
    }

    /// Starts one effect of the turn of that time. Never waits.
    pub fn carry_out(&mut self, effect: Effect, turn: Mono) {
        match effect {
            Effect::Journal { id, entry } => {
                let (number, text) = (entry.number, entry.text.clone());
                if let Err(why) = self.journal.write(id, entry) {
                    let result = OutcomeKind::Journaled(Err(why));
                    self.report(Outcome { id, result });
                }
                // After the journal's thread was woken: a rollback waits for that one.
                tracing::info!(number, "{text}");
            }
            Effect::WriteSplit { id, direction: Direction::Forward, setting, tag, .. } => {
                self.forward = Some(self.write_forward(id, turn, setting, tag, OutcomeKind::Written));
            }
            Effect::Rehearse { id, setting, tag } => {
                self.forward = Some(self.write_forward(id, turn, setting, Some(tag), OutcomeKind::Rehearsed));
            }
            Effect::WriteSplit { id, direction: Direction::Back, setting, .. } => {
                let traffic = self.traffic.clone();
                let lost = |why| OutcomeKind::Written(WriteResult::Unknown(why));
                self.run(id, lost, async move {
                    failpoint::pass("rollback due");
                    let result = traffic.write(setting, None).await;
                    failpoint::pass("rollback written");
                    OutcomeKind::Written(result)
                });
            }
            Effect::ReadSplit { id } => {
                let traffic = self.traffic.clone();
                let nodes = self.nodes;
                let lost = move |why: Clean| OutcomeKind::Read {
                    started: clock::mono(),
                    state: BalancerState::unreadable(nodes, &why),
                };
                self.run(id, lost, async move {
                    let started = clock::mono();
                    failpoint::pass("read due");
                    let state = traffic.read().await;
                    failpoint::pass("read back");
                    OutcomeKind::Read { started, state }
                });
            }
            Effect::RunHook { id, hook, by, split } => self.hooks.begin(id, hook, &by, split),
            Effect::StopHook { id } => self.hooks.stop(id),
            Effect::Stop => {}
        }
    }

    /// A step, a re-assert or a rehearsal: what a rollback supersedes. Looks for a tombstone before and after, and at the
    /// clock last: a keeper that was stopped in between must not undo a rollback, nor go by readings of before.
    fn write_forward(
        &self,
        id: EffectId,
        turn: Mono,
        setting: Setting,
        tag: Option<String>,
        outcome: fn(WriteResult) -> OutcomeKind,
    ) -> AbortHandle {
        let (traffic, folder, operator) = (self.traffic.clone(), self.folder.clone(), self.senders.operator.clone());
        // A write whose task ended without a result may have gone out.
        let lost = move |why| outcome(WriteResult::Unknown(why));
        self.run(id, lost, async move {
            failpoint::pass("forward asked");
            match find_tombstone(&folder).await {
                Ok(None) => {}
                Ok(Some(words)) => {
                    let why = WriteResult::NotSent(Clean::new(format!("rolled back directly: {words}")));
                    let _ = operator.send(Operator::from(Event::TombstoneFound { words })).await;
                    return outcome(why);
                }
                Err(why) => return outcome(WriteResult::NotSent(why)),
            }
            failpoint::pass("forward due");
            let late = clock::mono().since(turn);
            if late > SENT_WITHIN {
                let seconds = late.as_secs();
                let why = format!("the keeper stood still for {seconds} s before it (sleep, stop or a busy machine)");
                return outcome(WriteResult::NotSent(why.into()));
            }
            failpoint::pass("forward going");
            let result = traffic.write(setting, tag).await;
            failpoint::pass("forward written");
            // A look that comes to nothing is made good by the regular one.
            if let Ok(Some(words)) = find_tombstone(&folder).await {
                let _ = operator.send(Operator::from(Event::TombstoneFound { words })).await;
            }
            outcome(result)
        })
    }

    fn run(
        &self,
        id: EffectId,
        lost: impl FnOnce(Clean) -> OutcomeKind + Send + 'static,
        work: impl Future<Output = OutcomeKind> + Send + 'static,
    ) -> AbortHandle {
        let task = tokio::spawn(tokio::time::timeout(self.limit, work));
        let handle = task.abort_handle();
        let outcomes = self.senders.outcomes.clone();
        tokio::spawn(async move {
            let result = match task.await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => lost("it took longer than all its timeouts together".into()),
                Err(error) => lost(lost_words(error)),
            };
            failpoint::pass("outcome due");
            let _ = outcomes.send(Outcome { id, result }).await;
            failpoint::pass("outcome sent");
        });
        handle
    }

    fn report(&self, outcome: Outcome) {
        let outcomes = self.senders.outcomes.clone();
        tokio::spawn(async move { outcomes.send(outcome).await });
    }

    /// Ends what is running, and waits until the journal is written, as long as its disk does not hang.
    pub async fn finish(self) {
        self.hooks.finish().await;
        if let Err(unwritten) = self.journal.finish(JOURNAL_WAIT).await {
            tracing::error!(
                unwritten,
                "the keeper ends without these entries: the disk hangs, or their thread is gone"
            );
        }
    }
}

/// Whether somebody rolled back without this keeper; an error is why nobody knows.
pub async fn find_tombstone(folder: &Path) -> Result<Option<Clean>, Clean> {
    let folder = folder.to_owned();
    let why = match bounded(&FOLDER, LOOK_WAIT, move || Tombstone::find(&folder)).await {
        Some(Ok(found)) => return Ok(found),
        Some(Err(error)) => format!("cannot be looked into ({error})"),
        None => "does not answer (disk?)".to_owned(),
    };
    Err(Clean::new(format!("the run's folder {why}: whether somebody rolled back directly is unknown")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Epoch, RunId};
    use crate::journal::Writer;
    use crate::keeper::{journal_thread, lanes};
    use crate::plan;
    use crate::traffic::Pending;
    use futures_util::FutureExt;
    use tokio::sync::Notify;

    /// A balancer that never answers.
    #[derive(Default)]
    struct Silent {
        asked: Notify,
    }

    impl Traffic for Silent {
        fn read(&self) -> Pending<'_, BalancerState> {
            Box::pin(std::future::pending())
        }

        fn write(&self, _: Setting, _: Option<String>) -> Pending<'_, WriteResult> {
            self.asked.notify_one();
            Box::pin(std::future::pending())
        }
    }

    /// Hands with that balancer, what they report to, and the run's folder.
    fn hands() -> (Hands, lanes::Lanes, Arc<Silent>, tempfile::TempDir) {
        let plan = plan::load(Path::new("demo.toml"), include_str!("../../config/demo.toml")).expect("the demo's plan");
        let (plan, folder) = (Arc::new(plan), tempfile::tempdir().expect("a folder"));
        let (lanes, senders) = lanes::lanes();
        let traffic = Arc::new(Silent::default());
        let writer = Writer::open(&folder.path().join("journal.db")).expect("a journal");
        let journal = journal_thread::start(writer, senders.clone());
        let hooks = HookHand::new(plan.clone(), RunId::parse("a-run").expect("an id"), senders.clone());
        let hands = Hands::new(traffic.clone(), folder.path().to_owned(), journal, hooks, senders, &plan);
        (hands, lanes, traffic, folder)
    }

    /// A step and a rehearsal.
    fn forward() -> [Effect; 2] {
        let setting = Setting::default();
        let step = Effect::WriteSplit {
            id: EffectId(1),
            epoch: Epoch::default(),
            direction: Direction::Forward,
            setting: setting.clone(),
            tag: None,
        };
        [step, Effect::Rehearse { id: EffectId(2), setting, tag: "v1".to_owned() }]
    }

    #[tokio::test]
    async fn an_accepted_rollback_ends_a_step_and_a_rehearsal_that_are_under_way() {
        let (mut hands, mut lanes, traffic, _folder) = hands();
        let [step, rehearsal] = forward();
        for (effect, id) in [(step, EffectId(1)), (rehearsal, EffectId(2))] {
            hands.carry_out(effect, clock::mono());
            traffic.asked.notified().await;
            hands.end_forward();
            let outcome = lanes.outcomes.recv().await.expect("each has an outcome");
            let (OutcomeKind::Written(result) | OutcomeKind::Rehearsed(result)) = outcome.result else {
                panic!("{:?}", outcome.result)
            };
            assert_eq!((outcome.id, result), (id, WriteResult::Unknown("superseded".into())));
        }
        hands.finish().await;
    }

    /// What it was decided by is old by then, whoever has done what meanwhile.
    #[tokio::test]
    async fn a_step_that_was_decided_long_ago_is_not_sent() {
        let (mut hands, mut lanes, traffic, _folder) = hands();
        let [step, rehearsal] = forward();
        let long_ago = clock::mono().minus(SENT_WITHIN + Duration::from_millis(1));
        for effect in [step, rehearsal] {
            hands.carry_out(effect, long_ago);
            let outcome = lanes.outcomes.recv().await.expect("each has an outcome");
            let (OutcomeKind::Written(result) | OutcomeKind::Rehearsed(result)) = outcome.result else {
                panic!("{:?}", outcome.result)
            };
            assert!(matches!(&result, WriteResult::NotSent(why) if why.as_str().contains("stood still")), "{result:?}");
        }
        assert!(traffic.asked.notified().now_or_never().is_none(), "nothing was sent");
        hands.finish().await;
    }

    /// Neither a step nor a way back: nobody knows whether somebody has rolled back.
    #[tokio::test]
    async fn a_folder_that_cannot_be_looked_into_keeps_a_step_back_and_is_no_rollback() {
        let (mut hands, mut lanes, traffic, folder) = hands();
        std::fs::rename(folder.path(), folder.path().with_extension("away")).expect("renamed");
        std::fs::write(folder.path(), "").expect("a file instead");
        for effect in forward() {
            hands.carry_out(effect, clock::mono());
            let outcome = lanes.outcomes.recv().await.expect("each has an outcome");
            let (OutcomeKind::Written(result) | OutcomeKind::Rehearsed(result)) = outcome.result else {
                panic!("{:?}", outcome.result)
            };
            let WriteResult::NotSent(why) = result else { panic!("{result:?}") };
            assert!(why.as_str().contains("whether somebody rolled back directly is unknown"), "{why}");
        }
        assert!(lanes.operator.try_recv().is_err(), "nobody is told of a tombstone");
        assert!(traffic.asked.notified().now_or_never().is_none(), "nothing was sent");
        std::fs::remove_file(folder.path()).expect("removed");
        std::fs::rename(folder.path().with_extension("away"), folder.path()).expect("back");
        hands.finish().await;
    }
}
