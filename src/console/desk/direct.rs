//! A direct rollback that was started from here, as far as its own lines tell.

use crate::domain::{Clean, Mono};
use crate::engine::Snapshot;
use std::time::Duration;

/// Not read back after this it is called unknown; read back, this long after the lateness window could have confirmed it:
/// a rollback's read-back takes a second or two, and a person at night counts to five.
pub const UNCONFIRMED_AFTER: Duration = Duration::from_secs(5);
/// The end of one that knows neither a run nor a sound plan: exit code 2.
const LOST: &str = "ended: exit status: 2";
/// How its words about somebody else's setting go on for whoever sits at its own terminal. Here it is `R` `y`.
const AT_ITS_TERMINAL: &str = "; stopped (Ctrl-C) and begun again";
/// How a refusal that asks for the service's name ends without one, and how it begins after a wrong one.
const NAME_WANTED: [&str; 2] = ["to roll back all the same", "the typed name is not"];
/// How it says that it is read back. An error may quote what a balancer answered, so only a beginning says what is so.
const READ_BACK: &str = "candidate 0% read back +";
/// How it says that it goes on where an earlier setting of its run has come back.
const SENT_AGAIN: &str = "an earlier setting of this run is back on the balancer";
/// Lines kept: a panel shows the newest few.
const LINES_MAX: usize = 50;

/// How it says what it waits for once it is read back: whole seconds of its own plan's lateness follow, which may be a
/// minute.
const WINDOW: &str = "; confirming over ";

/// A direct rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direct {
    /// When it was started.
    pub since: Mono,
    /// What it has said, the oldest first.
    pub lines: Vec<Clean>,
    /// When the balancer was first read back.
    pub observed: Option<Mono>,
    /// How long it said that it is read over from then on; zero until then.
    pub lateness: Duration,
    /// When it was confirmed over the lateness window.
    pub confirmed: Option<Mono>,
    /// When it stopped at somebody else's setting; `None` while it goes on.
    pub foreign: Option<Mono>,
    /// Whether it was refused because the service's name must be typed.
    pub wants_name: bool,
    /// When its process has ended, and whether well.
    pub ended: Option<(Mono, bool)>,
    /// Whether it found no plan to go by: begun again from here it would find none either.
    pub is_lost: bool,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// On its way.
    Running,
    /// On its way for too long: nobody knows.
    Unknown,
    /// Stopped at somebody else's setting: its process sends nothing more, and another one would send over it.
    Foreign,
    /// Confirmed.
    Confirmed,
    /// Ended well with nothing to confirm.
    Nothing,
    /// Ended, and not well.
    Failed,
}

impl Direct {
    pub(super) fn new(since: Mono) -> Self {
        Self {
            since,
            lines: Vec::new(),
            observed: None,
            lateness: Duration::ZERO,
            confirmed: None,
            foreign: None,
            wants_name: false,
            ended: None,
            is_lost: false,
        }
    }

    /// Takes a line in. The words are those of `warroom rollback --direct`; this is the one place that reads them.
    pub(super) fn heard(&mut self, line: &Clean, now: Mono) {
        let words = line.as_str().split(AT_ITS_TERMINAL).next().unwrap_or_default().trim_start();
        match words {
            "done" => self.ended = Some((now, true)),
            _ if words.starts_with("ended:") || words.starts_with("cannot be started") => {
                self.ended = Some((now, false));
                self.is_lost = words == LOST;
            }
            _ if words.starts_with("rollback confirmed") => {
                self.confirmed.get_or_insert(now);
            }
            _ if words.starts_with(READ_BACK) => {
                self.observed.get_or_insert(now);
                self.lateness = window(words).unwrap_or(self.lateness);
                self.foreign = None;
            }
            // What was read back before is so no longer.
            _ if words.starts_with("FOREIGN:") => (self.foreign, self.observed) = (Some(now), None),
            _ if words.starts_with(SENT_AGAIN) => (self.foreign, self.observed) = (None, None),
            _ if words.ends_with(NAME_WANTED[0]) || words.starts_with(NAME_WANTED[1]) => self.wants_name = true,
            _ => {}
        }
        // How the process ended adds nothing to the line before it, which says why; killed it had no last word.
        let has_spoken = self.lines.len() > 1;
        if words != "done" && !(has_spoken && words.starts_with("ended: exit status")) {
            self.lines.push(Clean::new(words));
        }
        if self.lines.len() > LINES_MAX {
            self.lines.remove(0);
        }
    }

    /// How far it is.
    pub fn standing(&self, now: Mono) -> Standing {
        match (self.confirmed, self.ended.map(|(_, well)| well)) {
            (Some(_), _) => Standing::Confirmed,
            (None, Some(true)) => Standing::Nothing,
            (None, Some(false)) => Standing::Failed,
            (None, None) if self.foreign.is_some() => Standing::Foreign,
            (None, None) if now >= self.unknown_from() => Standing::Unknown,
            (None, None) => Standing::Running,
        }
    }

    /// From when on nobody knows: what is read back is read over the whole lateness window.
    fn unknown_from(&self) -> Mono {
        self.observed.map_or(self.since, |observed| observed + self.lateness) + UNCONFIRMED_AFTER
    }

    /// Whether it sends nothing more and has brought nothing back, so that another may be tried.
    pub fn may_be_tried_again(&self) -> bool {
        self.confirmed.is_none() && (self.ended.is_some() || self.foreign.is_some())
    }

    /// What `R` comes to after it failed.
    pub fn next_key(&self) -> &'static str {
        if self.wants_name { "R asks for the name" } else { "R y tries again" }
    }

    /// Whether its process stands still at somebody else's setting.
    pub(super) fn stands_still(&self) -> bool {
        self.ended.is_none() && self.foreign.is_some()
    }

    /// Whether the keeper's own words are newer: it spoke after this had ended or stopped. What was confirmed is so, and
    /// what stopped stands there, until the keeper has read the balancer since and still knows of no rollback.
    pub(super) fn is_overtaken(&self, heard_at: Option<Mono>, snapshot: &Snapshot) -> bool {
        let stopped = self.foreign.filter(|_| self.ended.is_none());
        let over = self.ended.map(|(ended, _)| ended).or(stopped);
        let stands = self.confirmed.or(stopped);
        over.is_some_and(|over| heard_at > Some(over)) && stands.is_none_or(|at| is_unknown_since(snapshot, at))
    }

    /// Whether it has gone on for too long to be waited for, beside a keeper that has read the balancer since and knows
    /// of no rollback: its process may never end, and `R` goes to the keeper.
    pub(super) fn is_passed_by(&self, snapshot: &Snapshot, now: Mono) -> bool {
        self.standing(now) == Standing::Unknown && is_unknown_since(snapshot, self.since)
    }

    /// The time a stage took.
    pub fn took(&self, at: Option<Mono>) -> Option<Duration> {
        at.map(|at| at.since(self.since))
    }

    /// For the log's title.
    pub(super) fn outcome(&self, now: Mono) -> Clean {
        let newest = self.lines.last().map_or("", Clean::as_str);
        match self.standing(now) {
            Standing::Running => Clean::new("rolling back DIRECTLY"),
            Standing::Unknown => Clean::new("direct rollback UNKNOWN - not confirmed"),
            Standing::Foreign => Clean::new(format!("direct rollback STOPPED: {newest}")),
            Standing::Confirmed => {
                let took = self.took(self.confirmed).unwrap_or_default();
                Clean::new(format!("rolled back DIRECTLY, confirmed +{:.1}s", took.as_secs_f64()))
            }
            Standing::Nothing => Clean::new(format!("direct: {newest}")),
            Standing::Failed => Clean::new(format!("direct rollback FAILED: {newest}")),
        }
    }
}

/// Whether the keeper has read the balancer since then and knows of no rollback.
fn is_unknown_since(snapshot: &Snapshot, at: Mono) -> bool {
    snapshot.rollback.is_none() && snapshot.balancer_at > Some(at)
}

/// How long it is read over, as its words say.
fn window(words: &str) -> Option<Duration> {
    let seconds = words.split_once(WINDOW)?.1.strip_suffix(" s")?;
    seconds.parse().ok().map(Duration::from_secs)
}
