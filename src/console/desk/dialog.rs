//! The panels that replace the log: what they show is the screen's business, what keys do is here.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

use crate::domain::{Clean, Mono, Person};
use crate::engine::{Command, Override, Phase, Snapshot};
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
/// Below this many columns a panel cannot be shown, and what was armed is disarmed.
pub const WIDTH_MIN: u16 = 30;
/// Below this many rows a panel cannot be shown, and what was armed is disarmed.
pub const HEIGHT_MIN: u16 = 4;
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
    /// An advance, bound to a generation.
    Advance {
        /// What was seen.
        generation: u64,
    },
    /// A resume, bound to a generation.
    Resume {
        /// What was seen.
        generation: u64,
    },
    /// Advance, or resume, is locked.
    Locked {
        /// Which of the two.
        what: &'static str,
        /// Why, hardest first.
        reasons: Vec<Clean>,
        /// Whether every reason can be overridden.
        can_override: bool,
        /// What was seen.
        generation: u64,
    },
    /// Name and reason for an override.
    Override(Box<Fields>),
    /// Take control.
    Take {
        /// From whom.
        from: Clean,
    },
    /// A typed command that moves traffic or ends the run.
    Confirm {
        /// What `y` sends.
        command: Command,
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
    },
    /// One check.
    Details {
        /// Its name.
        name: Clean,
        /// What was received.
        raw: Clean,
    },
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

    /// Advance, resume, or why not. `me` is who sits here, where the keeper has said so.
    pub(super) fn advance(status: &Status, me: Option<&Person>, now: Mono) -> Self {
        let snapshot = &status.snapshot;
        let generation = snapshot.generation;
        let what = if snapshot.phase == Phase::Held { "RESUME" } else { "ADVANCE" };
        let other = snapshot.people.driver.as_ref().filter(|driver| me.is_some_and(|me| me != *driver));
        let locked = |reasons, can_override| Kind::Locked { what, reasons, can_override, generation };
        let kind = match (snapshot.phase, &snapshot.held) {
            (Phase::Held | Phase::Preflight | Phase::Ready | Phase::Baking, _) if other.is_some() => {
                let whom = other.map_or_else(String::new, |driver| driver.name.to_string());
                locked(vec![Clean::new(format!("{whom} drives: only the driver goes forward; T takes control"))], false)
            }
            (Phase::Held, Some(held)) if !held.resume_refused.is_empty() => {
                locked(held.resume_refused.clone(), can_override(snapshot))
            }
            (Phase::Held, _) => Kind::Resume { generation },
            (Phase::Preflight | Phase::Ready | Phase::Baking, _) => {
                let closed: Vec<Clean> = snapshot
                    .gates
                    .iter()
                    .filter(|gate| !gate.is_open())
                    .map(|gate| Clean::new(format!("{}: {}", gate.name, gate.detail)))
                    .collect();
                if closed.is_empty() && snapshot.next.is_some() {
                    Kind::Advance { generation }
                } else {
                    locked(closed, can_override(snapshot))
                }
            }
            (
                Phase::Shifting
                | Phase::Complete
                | Phase::RollingBack
                | Phase::NewTrafficBack
                | Phase::RolledBack
                | Phase::Observing
                | Phase::Ended,
                _,
            ) => locked(vec![Clean::new(format!("{}: {}", snapshot.band.word, snapshot.band.text))], false),
        };
        Self::new(kind, now)
    }

    /// Take control.
    pub(super) fn take(from: &Clean, now: Mono) -> Self {
        Self::new(Kind::Take { from: from.clone() }, now)
    }

    pub(super) fn confirm_command(command: Command, what: &'static str, words: &'static str, now: Mono) -> Self {
        Self::new(Kind::Confirm { command, what, words }, now)
    }

    pub(super) fn progress(now: Mono) -> Self {
        Self::new(Kind::Progress, now)
    }

    pub(super) fn help(now: Mono) -> Self {
        Self::new(Kind::Help { from: 0 }, now)
    }

    pub(super) fn details(status: &Status, check: usize, now: Mono) -> Option<Self> {
        let check = status.snapshot.checks.get(check)?;
        Some(Self::new(Kind::Details { name: check.name.clone(), raw: check.raw.clone() }, now))
    }

    pub(super) fn override_fields(status: &Status, now: Mono) -> Self {
        let fields = Fields {
            name: String::new(),
            reason: TextArea::default(),
            in_reason: false,
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
            Kind::Locked { .. } | Kind::Progress | Kind::Help { .. } | Kind::Details { .. } => false,
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

    /// Whether what it was opened on has changed.
    pub(super) fn is_outdated(&self, generation: u64) -> bool {
        match self.kind {
            Kind::Advance { generation: seen }
            | Kind::Resume { generation: seen }
            | Kind::Locked { generation: seen, .. } => seen != generation,
            Kind::RollBack { .. }
            | Kind::Override(_)
            | Kind::Take { .. }
            | Kind::Confirm { .. }
            | Kind::Progress
            | Kind::Help { .. }
            | Kind::Details { .. } => false,
        }
    }

    pub(super) fn key(&mut self, key: &KeyEvent, now: Mono) -> Outcome {
        if key.code == KeyCode::Esc {
            return Outcome::Close(self.acts().then(|| "cancelled".to_owned()));
        }
        match &mut self.kind {
            Kind::RollBack { typed: Some(typing) } => return typed_rollback(typing, key),
            Kind::Override(fields) => return fields.key(key),
            Kind::Help { from } => match key.code {
                KeyCode::Down | KeyCode::Char('j') => {
                    *from = (*from + 1).min(super::keymap::help_rows().len() - 1);
                    return Outcome::Stay;
                }
                KeyCode::Up | KeyCode::Char('k') => {
                    *from = from.saturating_sub(1);
                    return Outcome::Stay;
                }
                _ => {}
            },
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
            KeyCode::Char(c) => Outcome::Close(Some(format!("disarmed by {:?}", Clean::new(c.to_string()).as_str()))),
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
            Kind::Advance { generation } => {
                Outcome::Send(Command::Advance { generation: *generation, over: None }, "advance")
            }
            Kind::Resume { generation } => Outcome::Send(Command::Resume { generation: *generation }, "resume"),
            Kind::Take { .. } => Outcome::Send(Command::Take, "take control"),
            Kind::Confirm { command, what, .. } => Outcome::Send(command.clone(), what),
            Kind::Locked { .. } | Kind::Override(_) | Kind::Progress | Kind::Help { .. } | Kind::Details { .. } => {
                Outcome::Stay
            }
        }
    }

    fn reading_key(&self, key: &KeyEvent) -> Outcome {
        match (&self.kind, key.code) {
            (Kind::Locked { can_override: true, .. }, KeyCode::Char('O')) => Outcome::Override,
            (Kind::Locked { can_override: false, .. }, KeyCode::Char('O')) => {
                Outcome::Flash("this cannot be overridden")
            }
            // Nothing here takes a decision, so the decisions of the main screen are taken from here too.
            (_, KeyCode::Char('R' | 'H')) | (Kind::Progress, KeyCode::Char('q')) => Outcome::MainScreen,
            (_, KeyCode::Char('q' | 'n' | '?') | KeyCode::Enter) => Outcome::Close(None),
            _ => Outcome::Stay,
        }
    }
}

/// Whether a typed name and a reason would go over every closed gate.
fn can_override(snapshot: &Snapshot) -> bool {
    let mut closed = snapshot.gates.iter().filter(|gate| !gate.is_open());
    snapshot.next.is_some() && closed.all(|gate| gate.can_be_overridden)
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
    fn key(&mut self, key: &KeyEvent) -> Outcome {
        match key.code {
            KeyCode::Tab | KeyCode::BackTab => self.in_reason = !self.in_reason,
            KeyCode::Enter if !self.in_reason => self.in_reason = true,
            KeyCode::Enter => {
                let reason = Clean::new(self.reason.lines().join(" "));
                if reason.as_str().trim().is_empty() {
                    return Outcome::Flash("an override needs a reason");
                }
                let over = Override { typed: self.name.clone(), reason };
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
