//! The panels that replace the log: what they show is the screen's business, what keys do is here.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

mod typed;

pub use typed::{Fields, Typing};

use super::forward::Seen;
use super::keymap::is_printable;
use super::log::{Log, Row};
use super::note::reason_key;
use crate::domain::{Clean, Mono, Wall};
use crate::engine::{Command, Entry, Snapshot};
use crate::wire::Status;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use std::borrow::Cow;
use std::time::Duration;

/// `y` counts only this long after the panel was on the terminal: a person has seen it by then.
pub const DWELL: Duration = Duration::from_millis(400);
/// An armed rollback disarms by itself.
pub const ARMED_FOR: Duration = Duration::from_secs(10);
/// An advance panel closes by itself.
pub const ADVANCE_FOR: Duration = Duration::from_secs(20);
/// A panel in which a name is typed closes by itself when no key has come for so long: whoever began it went away, and
/// the next one at the keyboard must not finish it with an Enter.
pub const TYPED_FOR: Duration = Duration::from_mins(1);
/// Below this many columns a panel cannot show its question, and nothing can be confirmed.
pub const WIDTH_MIN: u16 = 30;
/// The rows of the band, the split, the ages, a panel's title, question and `y`, and the footer: with fewer
/// nothing can be confirmed.
pub const HEIGHT_MIN: u16 = 7;
/// Longest typed reason of a rollback: two rows of a narrow panel.
pub(super) const REASON_CHARS_MAX: usize = 150;
/// Rows that details are scrolled at most: an answer as long as [`crate::domain::CLEAN_CHARS_MAX`], three times over, or
/// a hook's output of [`crate::engine::TAIL_BYTES_MAX`], in the narrowest panel.
const DETAIL_ROWS_MAX: usize = 200;

/// An open panel.
#[derive(Debug)]
pub struct Dialog {
    /// Which.
    pub kind: Kind,
    /// When it was opened.
    pub opened_at: Mono,
    /// When it was first on the terminal.
    pub shown_at: Option<Mono>,
    /// When it last took a key or a paste; when it was opened before that.
    touched_at: Mono,
}

/// Which panel.
#[derive(Debug)]
pub enum Kind {
    /// A rollback is armed. With a field, the service's name must be typed.
    RollBack {
        /// What was typed so far, where typing is needed.
        typed: Option<Typing>,
    },
    /// An advance, bound to what was seen.
    Advance {
        /// What was seen.
        seen: Box<Seen>,
    },
    /// A resume, bound to what was seen.
    Resume {
        /// What was seen.
        seen: Box<Seen>,
    },
    /// What the run last set is set again, bound to what was seen; without it that was locked when it was opened, and it
    /// never becomes possible by itself.
    Reassert {
        /// What was seen.
        seen: Option<Box<Seen>>,
    },
    /// Advance, or resume, is locked: why is asked when it is drawn. It never becomes either by itself.
    Locked,
    /// Name and reason for an override.
    Override(Box<Fields>),
    /// Take control.
    Take {
        /// From whom.
        from: Clean,
    },
    /// A typed command that moves traffic or ends the run.
    Confirm {
        /// What `y` does.
        does: Deed,
        /// What it is called.
        what: &'static str,
        /// What it does.
        words: Cow<'static, str>,
    },
    /// A rollback's progress.
    Progress,
    /// All keys.
    Help {
        /// The first row shown.
        from: usize,
        /// Where its sections begin.
        starts: Vec<usize>,
        /// How many rows there are.
        rows: usize,
        /// Whether it has all the room below the gauge.
        zoomed: bool,
    },
    /// How the console itself fares.
    Debug,
    /// One check, as it is now.
    Check {
        /// Its name.
        name: Clean,
        /// The first row shown.
        from: usize,
    },
    /// One line of the log, or several alike.
    Event {
        /// The newest of them.
        entry: Box<Entry>,
        /// When the first of them came.
        since: Wall,
        /// How many they are.
        times: usize,
        /// The first row shown.
        from: usize,
    },
    /// A note is written; its text is the desk's, so that no way of closing loses it.
    Note,
    /// Why a rollback was made.
    Reason {
        /// The place in [`super::note::REASONS`].
        chosen: usize,
        /// What is typed, once none of them fits.
        typed: Option<String>,
    },
}

/// What a confirmed command line does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Sends a command to the keeper.
    Send(Command),
    /// Leaves, ends the run and begins a new one.
    Restart,
}

/// What a panel answers to a key.
#[derive(Debug)]
pub enum Reply {
    /// Nothing.
    Stay,
    /// Nothing, with a word.
    Flash(&'static str),
    /// The panel closes.
    Close(Option<String>),
    /// The override's fields open.
    Override,
    /// The choice of reasons opens.
    Reason,
    /// The panel stays, and the key means what it means on the main screen.
    Beside,
    /// The panel closes, and the key means what it means on the main screen.
    MainScreen,
    /// A command goes out.
    Send(Command, &'static str),
    /// The run is to begin anew.
    Restart,
}

impl Dialog {
    fn new(kind: Kind, now: Mono) -> Self {
        Self { kind, opened_at: now, shown_at: None, touched_at: now }
    }

    /// Without having heard of the keeper it goes direct. `wants_name` is what a direct one was refused for: it reads the
    /// plan, and knows of a point of no return that was passed since the keeper was heard.
    pub(super) fn roll_back(status: Option<&Status>, wants_name: bool, now: Mono) -> Self {
        let is_typed = wants_name || status.is_some_and(|status| status.snapshot.rollback_target.needs_typing);
        let name = status.map(|status| status.snapshot.name.clone());
        let typed = is_typed.then(|| Typing { name, so_far: String::new() });
        Self::new(Kind::RollBack { typed }, now)
    }

    pub(super) fn advance(snapshot: &Snapshot, now: Mono) -> Self {
        Self::new(Kind::Advance { seen: Box::new(Seen::of(snapshot)) }, now)
    }

    pub(super) fn resume(snapshot: &Snapshot, now: Mono) -> Self {
        Self::new(Kind::Resume { seen: Box::new(Seen::of(snapshot)) }, now)
    }

    /// Sets again what the run last set; without a picture it is locked.
    pub(super) fn reassert(snapshot: Option<&Snapshot>, now: Mono) -> Self {
        Self::new(Kind::Reassert { seen: snapshot.map(|snapshot| Box::new(Seen::to_reassert(snapshot))) }, now)
    }

    pub(super) fn locked(now: Mono) -> Self {
        Self::new(Kind::Locked, now)
    }

    /// Take control.
    pub(super) fn take(from: &Clean, now: Mono) -> Self {
        Self::new(Kind::Take { from: from.clone() }, now)
    }

    pub(super) fn of_command(does: Deed, what: &'static str, words: impl Into<Cow<'static, str>>, now: Mono) -> Self {
        Self::new(Kind::Confirm { does, what, words: words.into() }, now)
    }

    pub(super) fn progress(now: Mono) -> Self {
        Self::new(Kind::Progress, now)
    }

    /// From its first key on: what the first heading says its title says too.
    pub(super) fn help(starts: Vec<usize>, rows: usize, now: Mono) -> Self {
        Self::new(Kind::Help { from: 1, starts, rows, zoomed: false }, now)
    }

    pub(super) fn debug(now: Mono) -> Self {
        Self::new(Kind::Debug, now)
    }

    pub(super) fn check(status: &Status, check: usize, now: Mono) -> Option<Self> {
        let name = status.snapshot.checks.get(check)?.name.clone();
        Some(Self::new(Kind::Check { name, from: 0 }, now))
    }

    /// The selected line of the log, or its newest.
    pub(super) fn event(log: &Log, now: Mono) -> Option<Self> {
        match log.chosen()? {
            Row::Lines { first, last, times } => {
                let entry = Box::new(last.clone());
                Some(Self::new(Kind::Event { entry, since: first.wall, times, from: 0 }, now))
            }
            Row::Gap { .. } => None,
        }
    }

    pub(super) fn note(now: Mono) -> Self {
        Self::new(Kind::Note, now)
    }

    pub(super) fn reason(now: Mono) -> Self {
        Self::new(Kind::Reason { chosen: 0, typed: None }, now)
    }

    pub(super) fn override_fields(status: &Status, now: Mono) -> Self {
        let fields = Fields::new(&status.snapshot);
        Self::new(Kind::Override(Box::new(fields)), now)
    }

    /// Takes pasted text into a field of free words; whether it has one. The name that rolls back is typed by hand.
    pub(super) fn insert(&mut self, text: &str, now: Mono) -> bool {
        if let Kind::Override(fields) = &mut self.kind {
            fields.insert(text);
        } else if let Kind::Reason { typed: Some(typed), .. } = &mut self.kind {
            let room = REASON_CHARS_MAX.saturating_sub(typed.chars().count());
            typed.extend(text.chars().take(room));
        } else {
            return false;
        }
        self.touch(now);
        true
    }

    /// Whether confirming it would do something.
    pub fn acts(&self) -> bool {
        match self.kind {
            Kind::RollBack { .. }
            | Kind::Advance { .. }
            | Kind::Resume { .. }
            | Kind::Reassert { seen: Some(_) }
            | Kind::Override(_)
            | Kind::Take { .. }
            | Kind::Confirm { .. } => true,
            Kind::Locked
            | Kind::Reassert { seen: None }
            | Kind::Progress
            | Kind::Help { .. }
            | Kind::Debug
            | Kind::Check { .. }
            | Kind::Event { .. }
            | Kind::Note
            | Kind::Reason { .. } => false,
        }
    }

    /// Scrolls what has more rows than are shown of it.
    pub(super) fn scroll(&mut self, by: isize) {
        if let Some((from, rows)) = self.scrolls() {
            *from = from.saturating_add_signed(by).min(rows.saturating_sub(1));
        }
    }

    /// Whether it has all the room below the gauge.
    pub fn is_zoomed(&self) -> bool {
        matches!(self.kind, Kind::Help { zoomed: true, .. })
    }

    /// Gives the help all the room below the gauge; whether it had not.
    pub(super) fn zoom(&mut self) -> bool {
        if let Kind::Help { zoomed, .. } = &mut self.kind { !std::mem::replace(zoomed, true) } else { false }
    }

    /// Whether it takes text.
    pub(super) fn is_field(&self) -> bool {
        matches!(
            self.kind,
            Kind::RollBack { typed: Some(_) } | Kind::Override(_) | Kind::Note | Kind::Reason { typed: Some(_), .. }
        )
    }

    /// Whether a character means something of its own in it, whatever it has been given to on the main screen. Such a
    /// character is no mark of arriving text either.
    pub(super) fn binds(&self, key: &KeyEvent) -> bool {
        let KeyCode::Char(c) = key.code else { return false };
        let own = match &self.kind {
            Kind::Reason { .. } => "123456jky",
            Kind::Progress => "r",
            Kind::Help { .. } => "jkhl",
            Kind::Check { .. } | Kind::Event { .. } => "jk",
            Kind::Locked => "OAT",
            Kind::Reassert { seen: None } => "T",
            Kind::RollBack { .. }
            | Kind::Advance { .. }
            | Kind::Resume { .. }
            | Kind::Reassert { seen: Some(_) }
            | Kind::Override(_)
            | Kind::Take { .. }
            | Kind::Confirm { .. }
            | Kind::Debug
            | Kind::Note => "",
        };
        is_printable(key) && own.contains(c)
    }

    /// When it closes by itself: so long after it was opened, or after the last key where something is typed.
    pub fn expires_at(&self) -> Option<Mono> {
        let from = if self.is_field() { self.touched_at } else { self.opened_at };
        self.lasts().map(|lasting| from + lasting)
    }

    /// How long it stays open; `None` for what cannot act, which stays until it is closed.
    pub fn lasts(&self) -> Option<Duration> {
        let lasting = if self.is_field() {
            TYPED_FOR
        } else if matches!(self.kind, Kind::RollBack { .. }) {
            ARMED_FOR
        } else {
            ADVANCE_FOR
        };
        self.acts().then_some(lasting)
    }

    /// A key or a paste came: whoever types is here.
    pub(super) fn touch(&mut self, now: Mono) {
        self.touched_at = now;
    }

    /// Whole seconds until it closes by itself, begun ones included.
    pub fn seconds_left(&self, now: Mono) -> Option<u64> {
        self.expires_at().map(|at| at.since(now).as_millis().div_ceil(1000) as u64)
    }

    /// What it was opened on, where going forward depends on it.
    pub(super) fn seen(&self) -> Option<&Seen> {
        let (Kind::Advance { seen } | Kind::Resume { seen } | Kind::Reassert { seen: Some(seen) }) = &self.kind else {
            return None;
        };
        Some(seen)
    }

    /// Whether `y` in it would send traffic forward, or back to where it stood.
    pub(super) fn goes_forward(&self) -> bool {
        self.seen().is_some() || matches!(self.kind, Kind::Override(_))
    }

    pub(super) fn key(&mut self, key: &KeyEvent, now: Mono) -> Reply {
        if key.code == KeyCode::Esc {
            return Reply::Close(self.acts().then(|| "cancelled".to_owned()));
        }
        if let Some((from, rows)) = self.scrolls()
            && scrolled(from, key, rows)
        {
            return Reply::Stay;
        }
        let may_confirm = key.kind != KeyEventKind::Repeat && self.is_seen(now);
        match &mut self.kind {
            Kind::RollBack { typed: Some(typing) } => return typing.key(key),
            Kind::Override(fields) => return fields.key(key),
            Kind::Help { from, starts, .. } => {
                let section = match key.code {
                    KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => starts.iter().find(|start| **start > *from),
                    KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => {
                        starts.iter().rev().find(|start| **start < *from)
                    }
                    _ => None,
                };
                if let Some(start) = section {
                    *from = *start;
                    return Reply::Stay;
                }
            }
            Kind::Reason { chosen, typed } => return reason_key(chosen, typed, key, may_confirm),
            Kind::RollBack { typed: None }
            | Kind::Advance { .. }
            | Kind::Resume { .. }
            | Kind::Reassert { .. }
            | Kind::Locked
            | Kind::Take { .. }
            | Kind::Confirm { .. }
            | Kind::Progress
            | Kind::Debug
            | Kind::Check { .. }
            | Kind::Event { .. }
            | Kind::Note => {}
        }
        if !self.acts() {
            return self.reading_key(key);
        }
        match key.code {
            KeyCode::Char('y') if key.modifiers.is_empty() => self.confirm(key, now),
            KeyCode::Char('Y') => Reply::Flash("Caps Lock? press y"),
            KeyCode::Char('R') if matches!(self.kind, Kind::RollBack { .. }) => Reply::Flash("armed: y confirms"),
            // Whoever reads the gates and sees it go wrong presses R once. The armed panel is another one, with a dwell of
            // its own: a y that was meant for this one comes too early for it.
            KeyCode::Char('R') if is_printable(key) && key.kind != KeyEventKind::Repeat => Reply::MainScreen,
            // Neither does whoever wants it to stand still press H twice; an armed rollback it only disarms.
            KeyCode::Char('H') if is_printable(key) && !matches!(self.kind, Kind::RollBack { .. }) => Reply::MainScreen,
            KeyCode::Char('n') => Reply::Close(Some("cancelled".to_owned())),
            KeyCode::Enter => Reply::Close(Some("Enter does not confirm".to_owned())),
            KeyCode::Char(c) => {
                let how = if matches!(self.kind, Kind::RollBack { .. }) { "disarmed" } else { "closed" };
                Reply::Close(Some(format!("{how} by {:?}; nothing was sent", Clean::new(c.to_string()).as_str())))
            }
            // Arrows, Tab and the like: in a shared tmux a colleague's scroll must not veto a rollback.
            _ => Reply::Stay,
        }
    }

    /// The first row shown, and how many there may be, where there is more than a panel holds.
    fn scrolls(&mut self) -> Option<(&mut usize, usize)> {
        let rows = if let Kind::Help { rows, .. } = self.kind { rows } else { DETAIL_ROWS_MAX };
        let (Kind::Help { from, .. } | Kind::Check { from, .. } | Kind::Event { from, .. }) = &mut self.kind else {
            return None;
        };
        Some((from, rows))
    }

    /// Whether it has been on the terminal for long enough to have been read.
    fn is_seen(&self, now: Mono) -> bool {
        self.shown_at.is_some_and(|shown| now.since(shown) >= DWELL)
    }

    fn confirm(&self, key: &KeyEvent, now: Mono) -> Reply {
        if key.kind == KeyEventKind::Repeat {
            return Reply::Stay;
        }
        if !self.is_seen(now) {
            return Reply::Flash("too early: press y again");
        }
        match &self.kind {
            Kind::RollBack { .. } => Reply::Send(Command::Rollback { reason: None, typed: None }, "rollback"),
            Kind::Advance { seen } => {
                Reply::Send(Command::Advance { generation: seen.generation, over: None }, "advance")
            }
            Kind::Resume { seen } => Reply::Send(Command::Resume { generation: seen.generation }, "resume"),
            Kind::Reassert { seen: Some(seen) } => {
                Reply::Send(Command::Reassert { generation: seen.generation }, "re-assert")
            }
            Kind::Take { .. } => Reply::Send(Command::Take, "take control"),
            Kind::Confirm { does: Deed::Send(command), what, .. } => Reply::Send(command.clone(), what),
            Kind::Confirm { does: Deed::Restart, .. } => Reply::Restart,
            Kind::Locked
            | Kind::Reassert { seen: None }
            | Kind::Override(_)
            | Kind::Progress
            | Kind::Help { .. }
            | Kind::Debug
            | Kind::Check { .. }
            | Kind::Event { .. }
            | Kind::Note
            | Kind::Reason { .. } => Reply::Stay,
        }
    }

    fn reading_key(&self, key: &KeyEvent) -> Reply {
        match (&self.kind, key.code) {
            (Kind::Locked, KeyCode::Char('O')) => Reply::Override,
            (Kind::Locked, KeyCode::Char('A')) => Reply::MainScreen,
            // The lock names it, where another one drives.
            (Kind::Locked | Kind::Reassert { seen: None }, KeyCode::Char('T')) => Reply::MainScreen,
            (Kind::Progress, KeyCode::Char('r')) => Reply::Reason,
            // A rollback that does not land must stay in sight.
            (Kind::Progress, KeyCode::Char('H')) => Reply::Beside,
            // Nothing here takes a decision, so the decisions of the main screen are taken from here too.
            (_, KeyCode::Char('R' | 'H')) | (Kind::Progress, KeyCode::Char('q')) => Reply::MainScreen,
            (_, KeyCode::Char('q' | 'n' | '?') | KeyCode::Enter) => Reply::Close(None),
            _ => Reply::Stay,
        }
    }
}

/// Moves the first row shown, within so many; whether the key was for that.
fn scrolled(from: &mut usize, key: &KeyEvent, rows: usize) -> bool {
    let by = match key.code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown => 3,
        KeyCode::PageUp => -3,
        _ => 0,
    };
    *from = from.saturating_add_signed(by).min(rows.saturating_sub(1));
    by != 0
}
