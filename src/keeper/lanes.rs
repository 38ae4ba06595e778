//! The three ways into the loop: people first, outcomes never dropped, readings newest wins.

use crate::domain::Role;
use crate::engine::{Answer, Event, Outcome};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc, oneshot};

/// Commands waiting at once: every console of a full war room pressing twice.
const OPERATORS_MAX: usize = 64;
/// Outcomes waiting at once; their senders wait, so none is lost. A burst of journal syncs fits.
const OUTCOMES_MAX: usize = 1024;

/// Lane 1: what people, and the rare events that must not wait, bring.
#[derive(Debug)]
pub enum Operator {
    /// An event, with whoever waits for its answer.
    Event {
        /// What happened.
        event: Event,
        /// Where the answer goes.
        reply: Option<oneshot::Sender<Answer>>,
    },
    /// Somebody wants the status of this moment.
    Status {
        /// Where it goes.
        reply: oneshot::Sender<Bytes>,
    },
}

/// The loop's ends of the lanes.
#[derive(Debug)]
pub struct Lanes {
    pub operator: mpsc::Receiver<Operator>,
    pub outcomes: mpsc::Receiver<Outcome>,
    pub readings: Arc<Readings>,
}

/// Everybody else's ends.
#[derive(Debug, Clone)]
pub struct Senders {
    pub operator: mpsc::Sender<Operator>,
    pub outcomes: mpsc::Sender<Outcome>,
    pub readings: Arc<Readings>,
}

/// Makes the three lanes.
pub fn lanes() -> (Lanes, Senders) {
    let (operator, operators) = mpsc::channel(OPERATORS_MAX);
    let (outcome, outcomes) = mpsc::channel(OUTCOMES_MAX);
    let readings = Arc::new(Readings::default());
    let lanes = Lanes { operator: operators, outcomes, readings: readings.clone() };
    (lanes, Senders { operator, outcomes: outcome, readings })
}

/// Lane 3: one place for each source, so its size is the number of sources in the plan.
#[derive(Debug, Default)]
pub struct Readings {
    waiting: Mutex<BTreeMap<Source, Event>>,
    came: Notify,
    dropped: AtomicU64,
}

/// What a reading is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// One instance's metrics.
    Metrics(Role, usize),
    /// One environment's health.
    Health(Role),
    /// One check.
    Check(usize),
    /// The sampler.
    Sampler,
    /// What stands around the balancer's weights.
    Survey,
    /// What a hook prints.
    Hook(usize),
}

impl Readings {
    /// Puts a reading in; an older one of the same source that still waits is replaced and counted.
    pub fn put(&self, source: Source, event: Event) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let event = match (waiting.remove(&source), event) {
            // Samples are counts: they add up, nothing is dropped.
            (Some(Event::Sampled(old)), Event::Sampled(new)) => Event::Sampled(old.and(new)),
            // What a program has printed so far holds what it had printed before.
            (Some(Event::HookPrinted { .. }), new @ Event::HookPrinted { .. }) => new,
            (old, new) => {
                self.dropped.fetch_add(u64::from(old.is_some()), Ordering::Relaxed);
                new
            }
        };
        waiting.insert(source, event);
        drop(waiting);
        self.came.notify_one();
    }

    /// Takes one reading out, waiting for it. Safe to cancel.
    pub async fn take(&self) -> Event {
        loop {
            let first = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            if let Some((_, event)) = first {
                return event;
            }
            self.came.notified().await;
        }
    }

    /// How many readings newer ones replaced.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
