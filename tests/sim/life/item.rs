//! What is to come in a life, and when.

use super::direct::Errand;
use warroom::domain::{Clean, EffectId, Role, Setting};
use warroom::engine::{Entry, HookEnd, OutcomeKind, WriteResult};

/// Something that is to come.
#[derive(Debug)]
pub enum Item {
    // Of the world: these happen whether the keeper lives or not.
    Lands { write: u64, parts: Vec<(usize, u32)>, by: By },
    Weather,
    Restart,
    TombstoneLeft { index: usize },
    Direct { index: usize, errand: Errand },
    // Of the keeper's process.
    Synced { id: EffectId, entry: Box<Entry>, taken: Taken },
    Journaled { id: EffectId, result: Result<(), Clean> },
    Look(Box<Forward>),
    Send(Box<Forward>),
    Answered { id: EffectId, result: WriteResult, by: By },
    Cancelled { id: EffectId, result: Box<OutcomeKind> },
    HookPrints { id: EffectId },
    HookEnds { id: EffectId, end: HookEnd },
    ReadBegins { id: EffectId },
    ReadEnds { id: EffectId, result: Box<OutcomeKind>, is_true: bool },
    Folder,
    Scrape(Role, usize),
    Health(Role),
    Check(usize),
    Survey,
    Person(usize),
}

impl Item {
    pub fn is_of_the_world(&self) -> bool {
        match self {
            Self::Lands { .. } | Self::Weather | Self::Restart | Self::TombstoneLeft { .. } | Self::Direct { .. } => {
                true
            }
            Self::Synced { .. }
            | Self::Journaled { .. }
            | Self::Look(_)
            | Self::Send(_)
            | Self::Answered { .. }
            | Self::Cancelled { .. }
            | Self::HookPrints { .. }
            | Self::HookEnds { .. }
            | Self::ReadBegins { .. }
            | Self::ReadEnds { .. }
            | Self::Folder
            | Self::Scrape(..)
            | Self::Health(_)
            | Self::Check(_)
            | Self::Survey
            | Self::Person(_) => false,
        }
    }
}

/// What a disk makes of what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Whole,
    /// It is there, and who gave it is told that it is not: a sync that failed may have come too late.
    YetRefused,
    Refused,
}

impl Taken {
    pub fn is_there(self) -> bool {
        self != Self::Refused
    }
}

/// Whose write it is that lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Forward,
    /// What is there, once more.
    Rehearsal,
    Back,
    Direct,
    Other,
}

impl By {
    /// What a rollback supersedes.
    pub fn is_forward(self) -> bool {
        matches!(self, Self::Forward | Self::Rehearsal)
    }

    pub fn outcome(self, result: WriteResult) -> OutcomeKind {
        if self == Self::Rehearsal { OutcomeKind::Rehearsed(result) } else { OutcomeKind::Written(result) }
    }
}

/// A forward write, or a rehearsal, in the keeper's hands.
#[derive(Debug)]
pub struct Forward {
    pub id: EffectId,
    pub setting: Setting,
    pub tag: Option<String>,
    /// When it was decided.
    pub turn: u64,
    pub by: By,
}

#[derive(Debug)]
pub struct Due {
    pub at: u64,
    pub order: u64,
    pub process: u32,
    pub item: Item,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
