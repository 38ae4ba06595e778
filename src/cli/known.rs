//! What the disk says of a run, whether its keeper lives or not.

use super::out;
use super::places::Found;
use crate::domain::RunId;
use crate::engine::{Entry, Fact};
use crate::journal::{JournalError, Places, Reader, RunInfo};
use crate::plan;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// How long a look at the disk may hold up a rollback: ten times the worst seen sync and more, and still nothing
/// that a person waits for.
pub(super) const DISK_LIMIT: Duration = Duration::from_secs(1);

/// How long the plan of a run without a journal may take, of which there is seldom more than one.
const PLAN_LIMIT: Duration = Duration::from_millis(250);
/// Runs that are looked at together: as many disks may hang before one that does not is left out.
const LOOKERS_MAX: usize = 16;

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
        if Self::is_settled(&entries[last..]) { Self::Over } else { Self::Unfinished }
    }

    /// Whether the last move came to its end. A rollback that was undone is open; after a watched cutover nothing is,
    /// whatever somebody sets then.
    fn is_settled(since: &[Entry]) -> bool {
        let (mut is_back, mut is_watched) = (false, false);
        for entry in since {
            if entry.fact == Fact::RolledBack {
                is_back = true;
            } else if undoes(&entry.fact) {
                is_back = false;
            } else if entry.fact == Fact::WatchOver {
                is_watched = true;
            }
        }
        is_back || is_watched
    }

    /// Whether the rollback that a journal tells of was confirmed and is not undone since; `None` where none was accepted.
    pub fn is_confirmed(entries: &[Entry]) -> Option<bool> {
        let mut is_confirmed = None;
        for entry in entries {
            if matches!(entry.fact, Fact::RollbackAccepted { .. }) {
                is_confirmed = Some(false);
            } else if matches!(entry.fact, Fact::RollbackConfirmed | Fact::RolledBack) {
                is_confirmed = is_confirmed.map(|_| true);
            } else if undoes(&entry.fact) || matches!(entry.fact, Fact::Adopted { .. }) {
                is_confirmed = is_confirmed.map(|_| false);
            }
        }
        is_confirmed
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

/// Whether a rollback that had come back is on its way again, or met another hand.
fn undoes(fact: &Fact) -> bool {
    matches!(fact, Fact::RollbackUndone | Fact::Foreign { .. } | Fact::SentAgain { .. })
}

/// A run as it is on disk.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub found: Found,
    pub info: Option<RunInfo>,
    pub standing: Standing,
    pub last: Option<Entry>,
    /// All that was ever written can be read.
    pub is_whole: bool,
    /// Its disk did not answer: it may be anything.
    pub is_silent: bool,
}

impl Known {
    /// Looks at a run's folder. Asks no keeper.
    pub fn look(places: &Places, found: &Found) -> Self {
        let reader = Reader::open(&places.journal(&found.run));
        let is_missing = reader.as_ref().is_err_and(JournalError::is_missing);
        let info = reader.as_ref().ok().and_then(|reader| reader.info().ok());
        let read = reader.ok().and_then(|reader| reader.readable().ok());
        let has_all = is_missing || info.is_some() && matches!(read, Some((_, 0)));
        let ((entries, _), info) = (read.unwrap_or_default(), info.flatten());
        let info = info.map(|info| RunInfo { identity: plan::one_identity(&info.identity), ..info });
        let standing = Standing::of(&entries);
        // Where nothing is there nothing ever was, or all of it was lost.
        let is_lost = entries.is_empty() && info.is_none() && places.keeper_began(&found.run);
        let is_whole = has_all && !is_lost;
        // What cannot be read may be a move that came after everything else.
        let is_certain = is_whole || standing == Standing::Unfinished;
        let standing = if is_certain { standing } else { Standing::Unreadable };
        Self { found: found.clone(), info, standing, last: entries.into_iter().next_back(), is_whole, is_silent: false }
    }

    /// A run of which nothing is known.
    fn silent(found: &Found) -> Self {
        let standing = Standing::Unreadable;
        Self { found: found.clone(), info: None, standing, last: None, is_whole: false, is_silent: true }
    }

    /// Whether it holds no write path. A run that cannot say is taken for one that drives.
    pub fn only_watches(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.watch_only)
    }

    /// Whether it was begun from this file, as it is named now or as it was then.
    pub fn is_of_file(&self, names: &[PathBuf]) -> bool {
        self.info.as_ref().is_some_and(|info| names.contains(&info.plan_path))
    }

    /// Whether it changes this balancer. Where the journal cannot say, the frozen plan does; where neither answers, it
    /// may.
    pub fn is_on(&self, places: &Places, identity: &str) -> bool {
        match &self.info {
            Some(info) => info.identity == identity,
            None if self.standing == Standing::Empty => false,
            None => {
                let path = places.plan(&self.found.run);
                let plan = within(PLAN_LIMIT, move || plan::load_frozen(&path).ok());
                plan.map_or(self.is_silent, |plan| plan.is_some_and(|plan| plan.traffic.identity() == identity))
            }
        }
    }
}

/// Looks at several runs' folders, in their order. One whose disk hangs hides no other, and is one that cannot say.
pub(super) fn look_at(places: &Places, runs: Vec<Found>) -> Vec<Known> {
    let (told, seen) = sync_channel(runs.len());
    let (runs, next) = (Arc::new(runs), Arc::new(AtomicUsize::new(0)));
    for _ in 0..runs.len().min(LOOKERS_MAX) {
        let (places, runs, next, told) = (places.clone(), runs.clone(), next.clone(), told.clone());
        let look = move || {
            while let Some((at, found)) = taken(&next, &runs) {
                if told.send((at, Known::look(&places, found))).is_err() {
                    return;
                }
            }
        };
        // Without this thread the others look at more.
        let _ = std::thread::Builder::new().name("look".into()).spawn(look);
    }
    drop(told);
    let until = Instant::now() + DISK_LIMIT;
    let mut known: Vec<Known> = runs.iter().map(Known::silent).collect();
    while let Ok((at, run)) = seen.recv_timeout(until.saturating_duration_since(Instant::now())) {
        known[at] = run;
    }
    known
}

/// The next run that nobody looks at yet.
fn taken<'r>(next: &AtomicUsize, runs: &'r [Found]) -> Option<(usize, &'r Found)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    runs.get(at).map(|found| (at, found))
}

/// The run that goes on being meant: the newest that is not over, else one that cannot say, else the newest that ever
/// began.
pub(super) fn newest(runs: impl Iterator<Item = Known>) -> Option<Known> {
    let (mut unfinished, mut silent, mut any) = (None, None, None);
    for run in runs.filter(|run| run.standing != Standing::Empty) {
        let kept = match run.standing {
            Standing::Unfinished | Standing::Unreadable if !run.is_silent => &mut unfinished,
            Standing::Unfinished | Standing::Unreadable => &mut silent,
            Standing::Empty | Standing::Unmoved | Standing::Over | Standing::Ended => &mut any,
        };
        kept.get_or_insert(run);
    }
    unfinished.or(silent).or(any)
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
    let speaker = out::speaker();
    let look = move || {
        out::speak_as(speaker);
        sender.send(look())
    };
    std::thread::Builder::new().name("look".into()).spawn(look).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Clean, Mono, Setting, Wall};
    use crate::engine::Severity;
    use crate::journal::{Page, Writer, line, lose_page};

    fn standing(facts: &[Fact]) -> Standing {
        Standing::of(&entries(facts))
    }

    fn entries(facts: &[Fact]) -> Vec<Entry> {
        let entry = |(number, fact): (usize, &Fact)| Entry {
            number: number as u64,
            wall: Wall::from_millis(0),
            mono: Mono::from_micros(0),
            severity: Severity::Info,
            by: None,
            text: Clean::default(),
            fact: fact.clone(),
        };
        facts.iter().enumerate().map(entry).collect()
    }

    /// What a page that is gone hides may be a move.
    #[test]
    fn a_run_whose_journal_is_damaged_is_neither_empty_nor_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = Places::at(folder.path().to_owned());
        let run = Places::new_run("checkout", Wall::from_millis(0), 1);
        places.create(&run).expect("folders");
        let found = found(&places, run).expect("a place");
        let look = || Known::look(&places, &found).standing;
        assert_eq!(look(), Standing::Empty, "there is no journal yet");
        let watched = [back(), Fact::WatchOver].into_iter().chain(std::iter::repeat(Fact::Line));
        let entries: Vec<Entry> = (1..=200).zip(watched).map(|(number, fact)| line(number, fact)).collect();
        let journal = places.journal(&found.run);
        Writer::open(&journal).and_then(|mut writer| writer.append(entries.iter())).expect("written");
        assert_eq!(look(), Standing::Over);
        lose_page(&journal, Page::LastLeaf);
        assert_eq!(look(), Standing::Unreadable);
        lose_page(&journal, Page::Root);
        assert_eq!(look(), Standing::Unreadable);
    }

    fn back() -> Fact {
        let (reason, setting) = (Clean::default(), Setting::default());
        Fact::RollbackAccepted { reason, from: None, setting, automatic: false, over: None }
    }

    /// A keeper that was killed while it sent the rollback again leaves a run that is not finished.
    #[test]
    fn what_was_undone_is_not_over() {
        let undone = [
            Fact::RollbackUndone,
            Fact::Foreign { setting: Setting::default() },
            Fact::SentAgain { setting: Setting::default() },
        ];
        for undone in undone {
            assert_eq!(standing(&[back(), Fact::RolledBack]), Standing::Over);
            assert_eq!(standing(&[back(), Fact::RolledBack, undone.clone()]), Standing::Unfinished, "{undone:?}");
            assert_eq!(Standing::is_confirmed(&entries(&[back(), Fact::RollbackConfirmed])), Some(true));
            assert_eq!(Standing::is_confirmed(&entries(&[back(), Fact::RolledBack, undone.clone()])), Some(false));
            assert_eq!(standing(&[back(), Fact::RolledBack, undone, Fact::RolledBack]), Standing::Over);
        }
    }

    /// What somebody sets after the watch makes the run nobody's task: it stands before no other one.
    #[test]
    fn a_drift_after_the_watch_opens_nothing() {
        let adopted = Fact::Adopted { setting: Setting::default(), split: crate::domain::Split::ALL_CANDIDATE };
        let watched = [adopted, Fact::Completed, Fact::WatchOver];
        assert_eq!(standing(&watched), Standing::Over);
        let drifted = [&watched[..], &[Fact::WatchAnew { drifts: true }]].concat();
        assert_eq!(standing(&drifted), Standing::Over);
    }
}
