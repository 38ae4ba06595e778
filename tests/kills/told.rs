//! What a journal says, put together without the engine's own recovery.

use crate::support::Home;
use crate::wire::newest;
use warroom::domain::Split;
use warroom::engine::{Entry, Fact};
use warroom::journal::{Places, Reader};

/// What the journal of the newest run says.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Told {
    pub moved: bool,
    pub back: bool,
    pub over: bool,
    /// Where it stands, and where it was going, in percent.
    pub stands: f64,
    pub going: Option<f64>,
}

impl Told {
    pub fn by_newest(home: &Home) -> Self {
        let Some(run) = newest(home) else { return Self::default() };
        let journal = Places::at(home.state()).journal(&run);
        // A `run` that was killed at its very beginning has not made it yet.
        if !journal.exists() {
            return Self::default();
        }
        let entries = Reader::open(&journal).and_then(|reader| reader.entries()).expect("a journal that can be read");
        entries.iter().fold(Self::default(), fold)
    }
}

fn fold(mut told: Told, entry: &Entry) -> Told {
    match &entry.fact {
        Fact::Baseline { split, .. } => told.stands = percent(*split),
        Fact::Intent { split, .. } => (told.moved, told.over, told.going) = (true, false, Some(percent(*split))),
        // What becomes of a step that a rollback overtook is the rollback's to say.
        Fact::Reached { .. } | Fact::Missed { .. } if told.back => {}
        Fact::Reached { .. } => told.stands = told.going.take().unwrap_or(told.stands),
        Fact::Missed { .. } => told.going = None,
        Fact::Adopted { split, .. } => {
            (told.moved, told.over, told.going, told.stands) = (true, false, None, percent(*split));
        }
        Fact::RollbackAccepted { .. } => (told.back, told.over, told.going) = (true, false, Some(0.0)),
        Fact::RollbackReadBack | Fact::RollbackConfirmed => (told.going, told.stands) = (None, 0.0),
        Fact::RollbackUndone => told.going = Some(0.0),
        Fact::RolledBack => (told.over, told.going, told.stands) = (true, None, 0.0),
        Fact::WatchOver | Fact::Ended => told.over = true,
        Fact::Line
        | Fact::Note
        | Fact::Reasserting { .. }
        | Fact::Reasserted
        | Fact::NotReasserted
        | Fact::Started { .. }
        | Fact::TargetsBefore { .. }
        | Fact::PastNoReturn { .. }
        | Fact::Configuration { .. }
        | Fact::Held { .. }
        | Fact::Resumed
        | Fact::Foreign { .. }
        | Fact::SentAgain { .. }
        | Fact::Approved { .. }
        | Fact::Driver
        | Fact::Suspended { .. }
        | Fact::Unsuspended
        | Fact::HookStarted { .. }
        | Fact::HookEnded { .. }
        | Fact::Violated { .. }
        | Fact::Completed
        | Fact::WatchAnew { .. } => {}
    }
    told
}

fn percent(split: Split) -> f64 {
    f64::from(split.permille()) / 10.0
}
