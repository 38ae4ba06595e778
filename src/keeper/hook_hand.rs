//! The operator's own programs in the keeper's hands: each run yields exactly one outcome.
//!
//! A run has a thread and a runtime of its own. The keeper's loop has one thread, and a program that floods its output
//! must not take one turn of it: a rollback is waiting there.

use super::lanes::{Senders, Source};
use crate::domain::{Clean, EffectId, RunId, Split};
use crate::engine::{Event, HookEnd, Outcome, OutcomeKind, Tail};
use crate::failpoint;
use crate::plan::{Plan, Values};
use crate::script::{Ending, Recent, Script};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// How long a keeper that ends waits for what it has running to be gone: the second between SIGTERM and SIGKILL, and
/// one more for a disk that hangs. What takes longer is ended by its own guard.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs hooks, and ends their runs.
pub struct HookHand {
    plan: Arc<Plan>,
    run: RunId,
    senders: Senders,
    running: BTreeMap<EffectId, Running>,
}

/// One run.
struct Running {
    /// Said or dropped, it ends the run.
    stop: Option<oneshot::Sender<()>>,
    /// Closes when its outcome is on its way.
    over: oneshot::Receiver<()>,
}

impl HookHand {
    pub fn new(plan: Arc<Plan>, run: RunId, senders: Senders) -> Self {
        Self { plan, run, senders, running: BTreeMap::new() }
    }

    /// Starts a run. Never waits.
    pub fn begin(&mut self, id: EffectId, hook: usize, by: &Clean, split: Split) {
        self.running.retain(|_, running| running.over.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        let (stop, stopped) = oneshot::channel();
        let (is_over, over) = oneshot::channel();
        let (plan, senders) = (self.plan.clone(), self.senders.clone());
        let values = self.values(by, split);
        let (done, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name(format!("hook {hook}"));
        let readings = senders.readings.clone();
        failpoint::pass("hook due");
        let started = thread.spawn(move || {
            let tell = |tail: &Tail| {
                readings.put(Source::Hook(hook), Event::HookPrinted { id, tail: tail.clone() });
            };
            let _ = done.send(attend(&plan, hook, &values, stopped, tell));
        });
        let why_not = started.err().map(|error| Clean::new(format!("no thread for it: {error}")));
        tokio::spawn(async move {
            let (end, tail) = match (ended.await, why_not) {
                (Ok(ended), _) => ended,
                (Err(_), Some(why)) => (HookEnd::NotStarted(why), Tail::default()),
                // The thread is gone without a word: with it went the line to the program's guard.
                (Err(_), None) => (HookEnd::Unknown("its thread panicked".into()), Tail::default()),
            };
            failpoint::pass("hook ended");
            let outcome = Outcome { id, result: OutcomeKind::HookEnded { end, tail } };
            let _ = senders.outcomes.send(outcome).await;
            drop(is_over);
        });
        self.running.insert(id, Running { stop: Some(stop), over });
    }

    /// Ends a run; one that has ended by itself has.
    pub fn stop(&mut self, id: EffectId) {
        if let Some(stop) = self.running.get_mut(&id).and_then(|running| running.stop.take()) {
            let _ = stop.send(());
        }
    }

    /// Ends everything that is running, and waits until it is gone. How it ended is not heard any more: the next keeper
    /// says that nobody knows.
    pub async fn finish(self) {
        end_all(self.running.into_values()).await;
    }

    fn values(&self, by: &Clean, split: Split) -> Values {
        let Plan { name, target, environments, .. } = &*self.plan;
        Values(vec![
            ("by", by.to_string()),
            ("candidate", environments.candidate.label.to_string()),
            ("candidate_url", environments.candidate.url.clone()),
            ("name", name.to_string()),
            ("percent", format!("{}", f64::from(split.permille()) / 10.0)),
            ("run", self.run.to_string()),
            ("stable", environments.stable.label.to_string()),
            ("stable_url", environments.stable.url.clone()),
            ("target", target.to_string()),
        ])
    }
}

/// Tells all of them before it waits for any: each takes its second by itself.
async fn end_all(running: impl Iterator<Item = Running>) {
    let until = Instant::now() + FAREWELL;
    let stopped = |Running { stop, over }| {
        drop(stop);
        over
    };
    let over: Vec<_> = running.map(stopped).collect();
    for over in over {
        let _ = timeout_at(until, over).await;
    }
}

/// One run from its beginning to its end, on this thread.
fn attend(
    plan: &Plan,
    hook: usize,
    values: &Values,
    stopped: oneshot::Receiver<()>,
    mut tell: impl FnMut(&Tail) + Send,
) -> (HookEnd, Tail) {
    let hook = &plan.hooks[hook];
    let not_started = |why: String| (HookEnd::NotStarted(Clean::new(why)), Tail::default());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return not_started(format!("no runtime for it: {error}")),
    };
    // Made ready for this run alone: a variable that is missing concerns nothing but it, and a file that was renewed
    // is read as it is now. One whose disk hangs is given up after a second.
    let script = match Script::new(&hook.script, &format!("hook {} of {}", hook.name, plan.traffic.identity())) {
        Ok(script) => script,
        Err(error) => return not_started(error.why.to_string()),
    };
    let mut tail = Tail::default();
    // Dropped, too, it stops the run: then the keeper ends.
    let stop = async { stopped.await.unwrap_or_default() };
    let done = runtime.block_on(script.run_until(values, stop, &mut |recent: Recent| {
        tail = Tail::of(&recent.lines, recent.written);
        tell(&tail);
    }));
    // A disk that hangs may still hold a thread of it.
    runtime.shutdown_background();
    if let Some(left) = &done.left {
        tail.push(&Clean::new(format!("STILL THERE: {left}")));
    }
    (end_of(done.ending), tail)
}

fn end_of(ending: Ending) -> HookEnd {
    match ending {
        Ending::NotStarted(why) => HookEnd::NotStarted(why),
        Ending::Exited(code) => HookEnd::Exited(code),
        Ending::Killed(signal) => HookEnd::Killed(signal),
        Ending::TimedOut(_) => HookEnd::TimedOut,
        Ending::TooMuch => HookEnd::TooMuch,
        Ending::Stopped => HookEnd::Stopped,
        Ending::Unseen(why) => HookEnd::Unknown(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_farewell_stops_every_run_before_it_waits_for_one() {
        let run = || {
            let ((stop, stopped), (is_over, over)) = (oneshot::channel(), oneshot::channel::<()>());
            (stopped, is_over, Running { stop: Some(stop), over })
        };
        let ((first, first_over, one), (mut second, second_over, other)) = (run(), run());
        let hearing = async move {
            assert!(first.await.is_err(), "dropped");
            assert_eq!(second.try_recv(), Err(oneshot::error::TryRecvError::Closed), "and the other with it");
            drop((first_over, second_over));
        };
        tokio::join!(end_all([one, other].into_iter()), hearing);
    }
}
