//! The panels that replace the log: what they show is the screen's business, what keys do is here.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

use super::forward::Seen;
use crate::domain::{Clean, Mono};
use crate::engine::{Command, Override, Snapshot};
use crate::wire::Status;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use std::time::Duration;
use tui_textarea::TextArea;

/// `y` counts only this long after the panel was on the terminal: a person has seen it by then.
pub const DWELL: Duration = Duration::from_millis(400);
/// An armed rollback disarms by itself.
pub const ARMED_FOR: Duration = Duration::from_secs(10);
/// An advance panel closes by itself.
pub const ADVANCE_FOR: Duration = Duration::from_secs(20);
/// Below this many columns a panel cannot show its question, and nothing can be confirmed.
pub const WIDTH_MIN: u16 = 30;
/// The rows of the band, the split, the ages, a panel's title, question and `y`, and the footer: with fewer
/// nothing can be confirmed.
pub const HEIGHT_MIN: u16 = 7;
/// Longest typed name.
const NAME_CHARS_MAX: usize = 64;

/// An open panel.
#[derive(Debug)]
pub struct Dialog {
    /// Which.
    pub kind: Kind,
    /// When it was opened.
    pub opened_at: Mono,
    /// When it was first on the terminal.
    pub shown_at: Option<Mono>,
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
        words: &'static str,
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
    },
    /// How the console itself fares.
    Debug,
    /// One check, or one line of the log.
    Details {
        /// What it is, and its name.
        title: Clean,
        /// What was received.
        raw: Clean,
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

/// A name that must be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    /// What it must be.
    pub name: Clean,
    /// What it is so far.
    pub so_far: String,
}

/// The override's two fields.
#[derive(Debug)]
pub struct Fields {
    /// The service's name, as typed.
    pub name: String,
    /// Why.
    pub reason: TextArea<'static>,
    /// Which field takes the keys.
    pub in_reason: bool,
    /// What the name must be.
    wanted: Clean,
    generation: u64,
}

/// What a key in a panel comes to.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing.
    Stay,
    /// Nothing, with a word.
    Flash(&'static str),
    /// The panel closes.
    Close(Option<String>),
    /// The override's fields open.
    Override,
    /// The panel closes, and the key means what it means on the main screen.
    MainScreen,
    /// A command goes out.
    Send(Command, &'static str),
    /// The run is to begin anew.
    Restart,
}

impl Dialog {
    fn new(kind: Kind, now: Mono) -> Self {
        Self { kind, opened_at: now, shown_at: None }
    }

    pub(super) fn roll_back(status: &Status, now: Mono) -> Self {
        let name = status.snapshot.name.clone();
        let typed = status.snapshot.target.needs_typing.then(|| Typing { name, so_far: String::new() });
        Self::new(Kind::RollBack { typed }, now)
    }

    /// Armed without having heard of the keeper: it goes direct.
    pub(super) fn roll_back_blindly(now: Mono) -> Self {
        Self::new(Kind::RollBack { typed: None }, now)
    }

    pub(super) fn advance(snapshot: &Snapshot, now: Mono) -> Self {
        Self::new(Kind::Advance { seen: Box::new(Seen::of(snapshot)) }, now)
    }

    pub(super) fn resume(snapshot: &Snapshot, now: Mono) -> Self {
        Self::new(Kind::Resume { seen: Box::new(Seen::of(snapshot)) }, now)
    }

    pub(super) fn locked(now: Mono) -> Self {
        Self::new(Kind::Locked, now)
    }

    /// Take control.
    pub(super) fn take(from: &Clean, now: Mono) -> Self {
        Self::new(Kind::Take { from: from.clone() }, now)
    }

    pub(super) fn of_command(does: Deed, what: &'static str, words: &'static str, now: Mono) -> Self {
        Self::new(Kind::Confirm { does, what, words }, now)
    }

    pub(super) fn progress(now: Mono) -> Self {
        Self::new(Kind::Progress, now)
    }

    pub(super) fn help(starts: Vec<usize>, rows: usize, now: Mono) -> Self {
        Self::new(Kind::Help { from: 0, starts, rows }, now)
    }

    pub(super) fn debug(now: Mono) -> Self {
        Self::new(Kind::Debug, now)
    }

    pub(super) fn details(status: &Status, check: usize, now: Mono) -> Option<Self> {
        let check = status.snapshot.checks.get(check)?;
        let title = Clean::new(format!("CHECK {}", check.name));
        Some(Self::new(Kind::Details { title, raw: check.raw.clone() }, now))
    }

    /// The log's line that stands `back` lines before its end.
    pub(super) fn event(status: &Status, back: usize, now: Mono) -> Option<Self> {
        let log = &status.snapshot.log;
        let entry = log.get(log.len().checked_sub(back + 1)?)?;
        let title = Clean::new(format!("EVENT {}", entry.wall));
        Some(Self::new(Kind::Details { title, raw: entry.text.clone() }, now))
    }

    pub(super) fn override_fields(status: &Status, now: Mono) -> Self {
        let fields = Fields {
            name: String::new(),
            reason: TextArea::default(),
            in_reason: false,
            wanted: status.snapshot.name.clone(),
            generation: status.snapshot.generation,
        };
        Self::new(Kind::Override(Box::new(fields)), now)
    }

    /// The fields, where there are some.
    pub(super) fn fields(&mut self) -> Option<&mut Fields> {
        if let Kind::Override(fields) = &mut self.kind { Some(fields) } else { None }
    }

    /// Whether confirming it would do something.
    pub fn acts(&self) -> bool {
        match self.kind {
            Kind::RollBack { .. }
            | Kind::Advance { .. }
            | Kind::Resume { .. }
            | Kind::Override(_)
            | Kind::Take { .. }
            | Kind::Confirm { .. } => true,
            Kind::Locked | Kind::Progress | Kind::Help { .. } | Kind::Debug | Kind::Details { .. } => false,
        }
    }

    /// Scrolls the help; no other panel has more than is shown of it.
    pub(super) fn scroll(&mut self, by: isize) {
        if let Kind::Help { from, rows, .. } = &mut self.kind {
            *from = from.saturating_add_signed(by).min(rows.saturating_sub(1));
        }
    }

    /// Whether it takes text.
    pub(super) fn is_field(&self) -> bool {
        matches!(self.kind, Kind::RollBack { typed: Some(_) } | Kind::Override(_))
    }

    /// When it closes by itself.
    pub fn expires_at(&self) -> Option<Mono> {
        let armed = matches!(self.kind, Kind::RollBack { .. });
        let lasting = if armed { ARMED_FOR } else { ADVANCE_FOR };
        (self.acts() && !self.is_field()).then(|| self.opened_at + lasting)
    }

    /// Whole seconds until it closes by itself, begun ones included.
    pub fn seconds_left(&self, now: Mono) -> Option<u64> {
        self.expires_at().map(|at| at.since(now).as_millis().div_ceil(1000) as u64)
    }

    /// What it was opened on, where going forward depends on it.
    pub(super) fn seen(&self) -> Option<&Seen> {
        match &self.kind {
            Kind::Advance { seen } | Kind::Resume { seen } => Some(seen),
            Kind::Locked
            | Kind::RollBack { .. }
            | Kind::Override(_)
            | Kind::Take { .. }
            | Kind::Confirm { .. }
            | Kind::Progress
            | Kind::Help { .. }
            | Kind::Debug
            | Kind::Details { .. } => None,
        }
    }

    /// Whether `y` in it would send traffic forward.
    pub(super) fn goes_forward(&self) -> bool {
        self.seen().is_some() || matches!(self.kind, Kind::Override(_))
    }

    pub(super) fn key(&mut self, key: &KeyEvent, now: Mono) -> Outcome {
        if key.code == KeyCode::Esc {
            return Outcome::Close(self.acts().then(|| "cancelled".to_owned()));
        }
        match &mut self.kind {
            Kind::RollBack { typed: Some(typing) } => return typed_rollback(typing, key),
            Kind::Override(fields) => return fields.key(key),
            Kind::Help { from, starts, rows } => {
                let section = match key.code {
                    KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => starts.iter().find(|start| **start > *from),
                    KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => {
                        starts.iter().rev().find(|start| **start < *from)
                    }
                    _ => None,
                };
                if let Some(start) = section {
                    *from = *start;
                    return Outcome::Stay;
                }
                let by = match key.code {
                    KeyCode::Down | KeyCode::Char('j') => 1,
                    KeyCode::Up | KeyCode::Char('k') => -1,
                    KeyCode::PageDown => 3,
                    KeyCode::PageUp => -3,
                    _ => 0,
                };
                if by != 0 {
                    *from = from.saturating_add_signed(by).min(rows.saturating_sub(1));
                    return Outcome::Stay;
                }
            }
            _ => {}
        }
        if !self.acts() {
            return self.reading_key(key);
        }
        match key.code {
            KeyCode::Char('y') if key.modifiers.is_empty() => self.confirm(key, now),
            KeyCode::Char('Y') => Outcome::Flash("Caps Lock? press y"),
            KeyCode::Char('R') if matches!(self.kind, Kind::RollBack { .. }) => Outcome::Flash("armed: y confirms"),
            KeyCode::Char('n') => Outcome::Close(Some("cancelled".to_owned())),
            KeyCode::Enter => Outcome::Close(Some("Enter does not confirm".to_owned())),
            KeyCode::Char(c) => {
                let how = if matches!(self.kind, Kind::RollBack { .. }) { "disarmed" } else { "closed" };
                Outcome::Close(Some(format!("{how} by {:?}; nothing was sent", Clean::new(c.to_string()).as_str())))
            }
            // Arrows, Tab and the like: in a shared tmux a colleague's scroll must not veto a rollback.
            _ => Outcome::Stay,
        }
    }

    fn confirm(&self, key: &KeyEvent, now: Mono) -> Outcome {
        if key.kind == KeyEventKind::Repeat {
            return Outcome::Stay;
        }
        let seen_long_enough = self.shown_at.is_some_and(|shown| now.since(shown) >= DWELL);
        if !seen_long_enough {
            return Outcome::Flash("y again");
        }
        match &self.kind {
            Kind::RollBack { .. } => Outcome::Send(Command::Rollback { reason: None, typed: None }, "rollback"),
            Kind::Advance { seen } => {
                Outcome::Send(Command::Advance { generation: seen.generation, over: None }, "advance")
            }
            Kind::Resume { seen } => Outcome::Send(Command::Resume { generation: seen.generation }, "resume"),
            Kind::Take { .. } => Outcome::Send(Command::Take, "take control"),
            Kind::Confirm { does: Deed::Send(command), what, .. } => Outcome::Send(command.clone(), what),
            Kind::Confirm { does: Deed::Restart, .. } => Outcome::Restart,
            Kind::Locked
            | Kind::Override(_)
            | Kind::Progress
            | Kind::Help { .. }
            | Kind::Debug
            | Kind::Details { .. } => Outcome::Stay,
        }
    }

    fn reading_key(&self, key: &KeyEvent) -> Outcome {
        match (&self.kind, key.code) {
            (Kind::Locked, KeyCode::Char('O')) => Outcome::Override,
            (Kind::Locked, KeyCode::Char('A')) => Outcome::MainScreen,
            // Nothing here takes a decision, so the decisions of the main screen are taken from here too.
            (_, KeyCode::Char('R' | 'H')) | (Kind::Progress, KeyCode::Char('q')) => Outcome::MainScreen,
            (_, KeyCode::Char('q' | 'n' | '?') | KeyCode::Enter) => Outcome::Close(None),
            _ => Outcome::Stay,
        }
    }
}

fn typed_rollback(typing: &mut Typing, key: &KeyEvent) -> Outcome {
    match key.code {
        KeyCode::Char(c) if typing.so_far.chars().count() < NAME_CHARS_MAX => typing.so_far.push(c),
        KeyCode::Backspace => {
            typing.so_far.pop();
        }
        KeyCode::Enter if typing.so_far.trim() == typing.name.as_str() => {
            let typed = Some(typing.so_far.trim().to_owned());
            return Outcome::Send(Command::Rollback { reason: None, typed }, "rollback");
        }
        KeyCode::Enter => return Outcome::Flash("that is not the name"),
        _ => {}
    }
    Outcome::Stay
}

impl Fields {
    /// Takes pasted text in.
    pub(super) fn insert(&mut self, text: &str) {
        if self.in_reason {
            self.reason.insert_str(text);
        } else {
            let room = NAME_CHARS_MAX.saturating_sub(self.name.chars().count());
            self.name.extend(text.chars().take(room));
        }
    }

    fn key(&mut self, key: &KeyEvent) -> Outcome {
        match key.code {
            KeyCode::Tab | KeyCode::BackTab => self.in_reason = !self.in_reason,
            // A wrong name is said at once: later it would take the reason away with it.
            KeyCode::Enter if self.name.trim() != self.wanted.as_str() => {
                self.in_reason = false;
                return Outcome::Flash("that is not the name");
            }
            KeyCode::Enter if !self.in_reason => self.in_reason = true,
            KeyCode::Enter => {
                let reason = Clean::new(self.reason.lines().join(" "));
                if reason.as_str().trim().is_empty() {
                    return Outcome::Flash("an override needs a reason");
                }
                let over = Override { typed: self.name.trim().to_owned(), reason };
                return Outcome::Send(Command::Advance { generation: self.generation, over: Some(over) }, "override");
            }
            KeyCode::Backspace if !self.in_reason => {
                self.name.pop();
            }
            KeyCode::Char(c) if !self.in_reason && self.name.chars().count() < NAME_CHARS_MAX => self.name.push(c),
            _ if self.in_reason => {
                self.reason.input(*key);
            }
            _ => {}
        }
        Outcome::Stay
    }
}
