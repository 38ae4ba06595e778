//! What is typed in a panel: the name that a dangerous act asks for, and the override's two fields.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

use super::Reply;
use crate::console::desk::keymap::is_printable;
use crate::domain::Clean;
use crate::engine::{Command, Override, Snapshot};
use crossterm::event::{KeyCode, KeyEvent};
use tui_textarea::TextArea;

/// Longest typed name.
const NAME_CHARS_MAX: usize = 64;

/// A name that must be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    /// What it must be; `None` where only the rollback's own process knows it, and checks it.
    pub name: Option<Clean>,
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

impl Typing {
    fn is_right(&self) -> bool {
        let so_far = self.so_far.trim();
        self.name.as_ref().map_or(!so_far.is_empty(), |name| so_far == name.as_str())
    }

    /// A key of the name; Enter sends the rollback once it is right.
    pub(super) fn key(&mut self, key: &KeyEvent) -> Reply {
        match key.code {
            KeyCode::Char(c) if is_printable(key) && self.so_far.chars().count() < NAME_CHARS_MAX => {
                self.so_far.push(c);
            }
            KeyCode::Backspace => {
                self.so_far.pop();
            }
            KeyCode::Enter if self.is_right() => {
                let typed = Some(self.so_far.trim().to_owned());
                return Reply::Send(Command::Rollback { reason: None, typed }, "rollback");
            }
            KeyCode::Enter => return Reply::Flash("that is not the name"),
            _ => {}
        }
        Reply::Stay
    }
}

impl Fields {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        Self {
            name: String::new(),
            reason: TextArea::default(),
            in_reason: false,
            wanted: snapshot.name.clone(),
            generation: snapshot.generation,
        }
    }

    /// Takes pasted text in.
    pub(super) fn insert(&mut self, text: &str) {
        if self.in_reason {
            self.reason.insert_str(text);
        } else {
            let room = NAME_CHARS_MAX.saturating_sub(self.name.chars().count());
            self.name.extend(text.chars().take(room));
        }
    }

    pub(super) fn key(&mut self, key: &KeyEvent) -> Reply {
        match key.code {
            KeyCode::Tab | KeyCode::BackTab => self.in_reason = !self.in_reason,
            // A wrong name is said at once: later it would take the reason away with it.
            KeyCode::Enter if self.name.trim() != self.wanted.as_str() => {
                self.in_reason = false;
                return Reply::Flash("that is not the name");
            }
            KeyCode::Enter if !self.in_reason => self.in_reason = true,
            KeyCode::Enter => {
                let reason = Clean::new(self.reason.lines().join(" "));
                if reason.as_str().trim().is_empty() {
                    return Reply::Flash("an override needs a reason");
                }
                let over = Override { typed: self.name.trim().to_owned(), reason };
                return Reply::Send(Command::Advance { generation: self.generation, over: Some(over) }, "override");
            }
            KeyCode::Backspace if !self.in_reason => {
                self.name.pop();
            }
            KeyCode::Char(c) if !self.in_reason && is_printable(key) && self.name.chars().count() < NAME_CHARS_MAX => {
                self.name.push(c);
            }
            _ if self.in_reason => {
                self.reason.input(*key);
            }
            _ => {}
        }
        Reply::Stay
    }
}
