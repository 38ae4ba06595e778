//! The journal's own thread: a disk that stalls stalls nobody else.

use super::Shared;
use crate::domain::{Clean, EffectId, Epoch};
use crate::engine::{Entry, Outcome, OutcomeKind};
use crate::failpoint;
use crate::journal::Writer;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Entries waiting for the disk: at ten a second, a disk that stalls for 100 s.
const WAITING_MAX: usize = 1024;

/// Hands entries to the journal's thread.
#[derive(Debug)]
pub struct JournalHand {
    entries: SyncSender<(EffectId, Box<Entry>)>,
    thread: std::thread::JoinHandle<()>,
}

/// Starts the thread.
pub fn start(writer: Writer, senders: Shared) -> JournalHand {
    let (entries, waiting) = sync_channel(WAITING_MAX);
    let thread = std::thread::spawn(move || write_all(writer, &waiting, &senders));
    JournalHand { entries, thread }
}

impl JournalHand {
    /// Gives an entry away without waiting; what does not fit is an error at once.
    pub fn write(&self, id: EffectId, entry: Box<Entry>) -> Result<(), Clean> {
        self.entries.try_send((id, entry)).map_err(|error| match error {
            TrySendError::Full(_) => Clean::new(format!("{WAITING_MAX} entries wait for the disk")),
            TrySendError::Disconnected(_) => "the journal's thread has ended".into(),
        })
    }

    /// Waits until everything given away is written.
    pub fn finish(self) {
        drop(self.entries);
        let _ = self.thread.join();
    }
}

/// Writes whatever waits as one transaction, so that a slow disk is asked seldom.
fn write_all(mut writer: Writer, waiting: &Receiver<(EffectId, Box<Entry>)>, senders: &Shared) {
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter());
        failpoint::pass("batch taken");
        let result = writer.append(batch.iter().map(|(_, entry)| entry.as_ref())).map_err(|error| {
            tracing::error!(%error, "journal");
            Clean::new(error.to_string())
        });
        for (id, _) in batch {
            let outcome = Outcome { id, epoch: Epoch::default(), result: OutcomeKind::Journaled(result.clone()) };
            // The loop is gone only when the keeper ends; then nobody waits for outcomes.
            let _ = senders.outcomes.blocking_send(outcome);
            failpoint::pass("entry reported");
        }
    }
}
