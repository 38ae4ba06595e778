//! What people write down: a note of several lines, and why a rollback was made. Neither waits for, delays nor repeats
//! anything: a reason is a note with its own first words.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

use super::dialog::{Kind, REASON_CHARS_MAX, Reply};
use super::keymap::is_printable;
use super::{Act, Desk, Dialog};
use crate::domain::{Clean, Mono, Rights};
use crate::engine::Command;
use crate::wire::Status;
use crossterm::event::{KeyCode, KeyEvent};

/// Longest note, in characters: as much of it as a line of the journal keeps beside its author, see
/// [`crate::domain::CLEAN_CHARS_MAX`].
pub const NOTE_CHARS_MAX: usize = 700;
/// What stands between two lines of a note in the journal's one line.
const BETWEEN_LINES: &str = " / ";
/// How the note that says why a rollback was made begins.
pub const REASON_BEGINS: &str = "rollback reason: ";

/// Why a rollback may have been made; the last one is typed.
pub const REASONS: [&str; 6] =
    ["data corruption", "security incident", "critical bug", "business decision", "external failure", "something else"];

impl Desk {
    /// Whether a note is being written.
    pub(super) fn is_writing(&self) -> bool {
        self.dialog.as_ref().is_some_and(|dialog| matches!(dialog.kind, Kind::Note))
    }

    /// Opens the note's panel on its draft.
    pub(super) fn open_note(&mut self, now: Mono, status: Option<&Status>, rights: Rights) {
        if !self.refused_here(now, status, rights) && !self.is_too_small(now) {
            self.dialog = Some(Dialog::note(now));
        }
    }

    /// Opens the choice of reasons, where there is a rollback to give one for.
    pub(super) fn open_reason(&mut self, now: Mono, status: Option<&Status>, rights: Rights) {
        if self.refused_here(now, status, rights) || self.is_too_small(now) {
            return;
        }
        let was_rolled_back = status.is_some_and(|status| status.snapshot.rollback.is_some());
        if was_rolled_back || self.direct.is_some() {
            self.dialog = Some(Dialog::reason(now));
        } else {
            self.flash("no rollback to give a reason for", now);
        }
    }

    /// The newest reason that somebody gave for the rollback, as far as it was seen here.
    pub fn rollback_reason(&self) -> Option<&str> {
        self.log.history().lines().rev().find_map(|entry| {
            let by = entry.by.as_ref()?.to_string();
            entry.text.as_str().strip_prefix(&by)?.strip_prefix(": ")?.strip_prefix(REASON_BEGINS)
        })
    }

    /// A key of the note's text. Only `Ctrl-D` sends it: no key that types anything does.
    pub(super) fn note_key(&mut self, key: &KeyEvent, now: Mono) {
        match key.code {
            KeyCode::Esc => {
                self.dialog = None;
                if !self.note.is_empty() {
                    self.flash("draft kept: :note goes on with it", now);
                }
            }
            KeyCode::Char(_) | KeyCode::Tab if self.note_room() < 1 => self.flash(full(), now),
            KeyCode::Enter if self.note_room() < BETWEEN_LINES.len() => self.flash(full(), now),
            _ => {
                self.note.input(*key);
            }
        }
    }

    /// Adds pasted text; its line ends are the note's. That something had no room is said: nobody counts what was pasted.
    pub(super) fn write(&mut self, text: &str, now: Mono) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let plain = || text.chars().filter(|c| *c == '\n' || !c.is_control());
        let mut left = self.note_room();
        let fitting: String = plain()
            .take_while(|c| {
                let room = left.checked_sub(if *c == '\n' { BETWEEN_LINES.len() } else { 1 });
                left = room.unwrap_or(0);
                room.is_some()
            })
            .collect();
        let cut = plain().count() - fitting.chars().count();
        self.note.insert_str(fitting);
        if cut > 0 {
            self.flash(format!("{}: the last {cut} pasted have no room", full()), now);
        }
    }

    /// The characters of the note in the journal's one line, of at most [`NOTE_CHARS_MAX`].
    pub fn note_chars(&self) -> usize {
        let lines = self.note.lines();
        let breaks = lines.len().saturating_sub(1) * BETWEEN_LINES.len();
        lines.iter().map(|line| line.chars().count()).sum::<usize>() + breaks
    }

    fn note_room(&self) -> usize {
        NOTE_CHARS_MAX.saturating_sub(self.note_chars())
    }

    /// Sends the note; its draft goes once the keeper has taken it.
    pub(super) fn send_note(&mut self, now: Mono, status: Option<&Status>, rights: Rights, acts: &mut Vec<Act>) {
        let lines: Vec<&str> =
            self.note.lines().iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            self.flash("the note is empty", now);
            return;
        }
        let text = Clean::new(lines.join(BETWEEN_LINES));
        if self.refused_here(now, status, rights) {
            return;
        }
        self.send(Command::Note { text }, "note", now, acts);
        let sent = self.sent.as_ref().filter(|sent| sent.at == now && sent.what == "note");
        self.note_sent = sent.map(|sent| (sent.id, self.note.lines().to_vec()));
        if self.note_sent.is_some() {
            self.dialog = None;
        }
    }
}

fn full() -> String {
    format!("a note has {NOTE_CHARS_MAX} characters")
}

/// A key in the choice of reasons. `typed` is what is typed where none of the list fits.
pub(super) fn reason_key(chosen: &mut usize, typed: &mut Option<String>, key: &KeyEvent, may_confirm: bool) -> Reply {
    if let Some(text) = typed {
        return typed_reason(text, key);
    }
    let last = REASONS.len() - 1;
    match key.code {
        KeyCode::Down | KeyCode::Char('j') => *chosen = (*chosen + 1).min(last),
        KeyCode::Up | KeyCode::Char('k') => *chosen = chosen.saturating_sub(1),
        KeyCode::Char(c @ '1'..='6') => *chosen = c as usize - '1' as usize,
        KeyCode::Char('y') if key.modifiers.is_empty() && !may_confirm => {
            return Reply::Flash("too early: press y again");
        }
        KeyCode::Char('y') if key.modifiers.is_empty() && *chosen == last => *typed = Some(String::new()),
        KeyCode::Char('y') if key.modifiers.is_empty() => return reason(REASONS[*chosen]),
        KeyCode::Enter => return Reply::Flash("Enter does not confirm: y writes it down"),
        KeyCode::Char('q' | 'n') => return Reply::Close(None),
        KeyCode::Char('R' | 'H') => return Reply::MainScreen,
        _ => {}
    }
    Reply::Stay
}

fn typed_reason(text: &mut String, key: &KeyEvent) -> Reply {
    match key.code {
        KeyCode::Enter if text.trim().is_empty() => return Reply::Flash("a reason needs a word or two"),
        KeyCode::Enter => return reason(text.trim()),
        KeyCode::Backspace => {
            text.pop();
        }
        KeyCode::Char(c) if is_printable(key) && text.chars().count() < REASON_CHARS_MAX => text.push(c),
        _ => {}
    }
    Reply::Stay
}

fn reason(words: &str) -> Reply {
    Reply::Send(Command::Note { text: Clean::new(format!("{REASON_BEGINS}{words}")) }, "reason")
}
