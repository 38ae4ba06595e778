//! The journal's own thread: a disk that stalls stalls nobody else.

use super::Shared;
use crate::domain::{Clean, EffectId};
use crate::engine::{Entry, Outcome, OutcomeKind};
use crate::failpoint;
use crate::journal::Writer;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Entries waiting for the disk: at ten a second, a disk that stalls for 100 s.
const WAITING_MAX: usize = 1024;

/// Hands entries to the journal's thread.
#[derive(Debug)]
pub struct JournalHand {
    entries: SyncSender<(EffectId, Box<Entry>)>,
    /// Those that were given away and not dealt with yet.
    unwritten: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<()>,
}

/// Starts the thread.
pub fn start(writer: Writer, senders: Shared) -> JournalHand {
    let (entries, waiting) = sync_channel(WAITING_MAX);
    let unwritten = Arc::new(AtomicUsize::new(0));
    let left = unwritten.clone();
    let thread = std::thread::spawn(move || write_all(writer, &waiting, &left, &senders));
    JournalHand { entries, unwritten, thread }
}

impl JournalHand {
    /// Gives an entry away without waiting; what does not fit is an error at once.
    pub fn write(&self, id: EffectId, entry: Box<Entry>) -> Result<(), Clean> {
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        self.entries.try_send((id, entry)).map_err(|error| {
            self.unwritten.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Clean::new(format!("{WAITING_MAX} entries wait for the disk")),
                TrySendError::Disconnected(_) => "the journal's thread has ended".into(),
            }
        })
    }

    /// Waits so long until everything given away is dealt with; an error is how many entries are not. A thread that
    /// panicked has ended, too, without what it had.
    pub async fn finish(self, limit: Duration) -> Result<(), usize> {
        drop(self.entries);
        let ended = tokio::task::spawn_blocking(move || self.thread.join());
        let _ = tokio::time::timeout(limit, ended).await;
        match self.unwritten.load(Ordering::Relaxed) {
            0 => Ok(()),
            unwritten => Err(unwritten),
        }
    }
}

/// Writes whatever waits as one transaction, so that a slow disk is asked seldom.
fn write_all(
    mut writer: Writer,
    waiting: &Receiver<(EffectId, Box<Entry>)>,
    unwritten: &AtomicUsize,
    senders: &Shared,
) {
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter());
        failpoint::pass("batch taken");
        let result = writer.append(batch.iter().map(|(_, entry)| entry.as_ref())).map_err(|error| {
            tracing::error!(%error, "journal");
            Clean::new(error.to_string())
        });
        unwritten.fetch_sub(batch.len(), Ordering::Relaxed);
        for (id, _) in batch {
            let outcome = Outcome { id, result: OutcomeKind::Journaled(result.clone()) };
            // The loop is gone only when the keeper ends; then nobody waits for outcomes.
            let _ = senders.outcomes.blocking_send(outcome);
            failpoint::pass("entry reported");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Fact;
    use crate::journal::line;

    /// A hand with three entries in it, whose thread does this once it may.
    fn with_three(then: impl FnOnce() + Send + 'static) -> (JournalHand, SyncSender<()>) {
        let (entries, waiting) = sync_channel(WAITING_MAX);
        let (go_on, hangs) = sync_channel::<()>(0);
        let thread = std::thread::spawn(move || {
            let _ = hangs.recv();
            then();
            drop(waiting);
        });
        let hand = JournalHand { entries, unwritten: Arc::default(), thread };
        for number in 1..=3 {
            hand.write(EffectId(number), Box::new(line(number, Fact::Line))).expect("there is room");
        }
        (hand, go_on)
    }

    #[tokio::test]
    async fn a_disk_that_hangs_is_left_with_what_it_has_not_taken() {
        let (hand, go_on) = with_three(|| {});
        assert_eq!(hand.finish(Duration::from_millis(20)).await, Err(3));
        drop(go_on);
    }

    #[tokio::test]
    async fn a_thread_that_panicked_has_not_written_what_it_had() {
        let (hand, go_on) = with_three(|| panic!("asked for"));
        drop(go_on);
        assert_eq!(hand.finish(Duration::from_secs(30)).await, Err(3));
    }
}
