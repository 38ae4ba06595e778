//! What the disk says of a run, whether its keeper lives or not.

use super::places::Found;
use crate::domain::RunId;
use crate::engine::{Entry, Fact};
use crate::journal::{Places, Reader, RunInfo};
use crate::plan;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long a look at the disk may hold up a rollback: ten times the worst seen sync and more, and still nothing
/// that a person waits for.
pub(super) const DISK_LIMIT: Duration = Duration::from_secs(1);

/// How far a run came, as its journal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its keeper never began: nothing is written.
    Empty,
    /// Nothing was moved yet.
    Unmoved,
    /// It moved traffic, and neither came back nor was completed and watched nor was ended.
    Unfinished,
    /// It came back, or was completed and watched.
    Over,
    /// Somebody ended it.
    Ended,
    /// Nobody can tell: its journal cannot be read. It may be in the middle of moving traffic.
    Unreadable,
}

impl Standing {
    pub fn of(entries: &[Entry]) -> Self {
        let moves =
            |fact: &Fact| matches!(fact, Fact::Intent { .. } | Fact::RollbackAccepted { .. } | Fact::Adopted { .. });
        if entries.is_empty() {
            return Self::Empty;
        }
        if entries.iter().any(|entry| entry.fact == Fact::Ended) {
            return Self::Ended;
        }
        // Only what came after the last move says that this move is over.
        let Some(last) = entries.iter().rposition(|entry| moves(&entry.fact)) else { return Self::Unmoved };
        let over = entries[last..].iter().any(|entry| matches!(entry.fact, Fact::RolledBack | Fact::WatchOver));
        if over { Self::Over } else { Self::Unfinished }
    }

    /// Whether an operator's program was running when the journal ends: how that went has still to be written down.
    pub fn has_open_hook(entries: &[Entry]) -> bool {
        let mut open = BTreeSet::new();
        for entry in entries {
            if let Fact::HookStarted { hook } = &entry.fact {
                open.insert(hook);
            } else if let Fact::HookEnded { hook, .. } = &entry.fact {
                open.remove(hook);
            }
        }
        !open.is_empty()
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Over | Self::Ended)
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Empty => "never began",
            Self::Unmoved => "nothing moved yet",
            Self::Unfinished => "not finished",
            Self::Over => "over",
            Self::Ended => "ENDED",
            Self::Unreadable => "its journal cannot be read",
        }
    }
}

/// A run as it is on disk.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub found: Found,
    pub info: Option<RunInfo>,
    pub standing: Standing,
    pub last: Option<Entry>,
}

impl Known {
    /// Looks at a run's folder. Asks no keeper.
    pub fn look(places: &Places, found: &Found) -> Self {
        let reader = Reader::open(&places.journal(&found.run)).ok();
        let read = reader.as_ref().and_then(|reader| reader.readable().ok());
        let info = reader.and_then(|reader| reader.info().ok().flatten());
        let (entries, unreadable) = read.unwrap_or_default();
        let standing = Standing::of(&entries);
        // What cannot be read may be a move that came after everything else.
        let is_certain = unreadable == 0 || standing == Standing::Unfinished;
        // Where nothing is there nothing ever was, or all of it was lost.
        let is_lost = entries.is_empty() && info.is_none() && places.keeper_began(&found.run);
        let standing = if is_certain && !is_lost { standing } else { Standing::Unreadable };
        Self { found: found.clone(), info, standing, last: entries.into_iter().next_back() }
    }

    /// Whether it holds no write path. A run that cannot say is taken for one that drives.
    pub fn only_watches(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.watch_only)
    }

    /// Whether it was begun from this file, as it is named now or as it was then.
    pub fn is_of_file(&self, names: &[PathBuf]) -> bool {
        self.info.as_ref().is_some_and(|info| names.contains(&info.plan_path))
    }

    /// Whether it changes this balancer. Where the journal cannot say, the frozen plan does.
    pub fn is_on(&self, places: &Places, identity: &str) -> bool {
        match &self.info {
            Some(info) => info.identity == identity,
            None => {
                self.standing == Standing::Unreadable
                    && plan::load_frozen(&places.plan(&self.found.run))
                        .is_ok_and(|plan| plan.traffic.identity() == identity)
            }
        }
    }
}

/// The run that goes on being meant: the newest that is not over, else the newest that ever began.
pub(super) fn newest(runs: impl Iterator<Item = Known>) -> Option<Known> {
    let (mut unfinished, mut any) = (None, None);
    for run in runs.filter(|run| run.standing != Standing::Empty) {
        let moved = matches!(run.standing, Standing::Unfinished | Standing::Unreadable);
        if moved && unfinished.is_none() {
            unfinished = Some(run.clone());
        }
        any.get_or_insert(run);
    }
    unfinished.or(any)
}

/// What a file may be called in a run's record: as it was typed, and without links. The file need not be there any more.
pub(super) fn names_of(path: &Path) -> Vec<PathBuf> {
    let through_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(std::fs::canonicalize(folder).ok()?.join(path.file_name()?))
    };
    let names =
        [Some(path.to_owned()), std::path::absolute(path).ok(), std::fs::canonicalize(path).ok(), through_folder()];
    names.into_iter().flatten().collect()
}

/// Looks at the disk for so long and no longer: a disk that hangs must not hold up a rollback.
pub(super) fn within<T: Send + 'static>(limit: Duration, look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, seen) = sync_channel(1);
    std::thread::Builder::new().name("look".into()).spawn(move || sender.send(look())).ok()?;
    seen.recv_timeout(limit).ok()
}

/// Whether a word is meant as a file rather than as a run's id.
pub(super) fn is_path(word: &str) -> bool {
    word.contains('/') || Path::new(word).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// The run of an id.
pub(super) fn found(places: &Places, run: RunId) -> Result<Found, crate::journal::PlaceError> {
    let socket = places.socket(&run)?;
    Ok(Found { run, socket })
}
