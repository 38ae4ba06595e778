//! How keys come, before any of them means something: text that was meant for somewhere else, keys that arrive as others,
//! and keys that belong to none beside them.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key is as it came")]

use super::keymap::is_printable;
use super::{Desk, TEXT_ARRIVING};
use crate::domain::{Mono, Rights};
use crate::wire::Status;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

impl Desk {
    /// A printable key that is bound in no mode is the mark of text that was meant for somewhere else.
    pub(super) fn note_unbound(&mut self, key: &KeyEvent, now: Mono) {
        if is_printable(key) && !self.keymap.is_bound_anywhere(key) {
            self.unbound_at = Some(now);
        }
    }

    pub(super) fn text_is_arriving(&self, now: Mono) -> bool {
        self.unbound_at.is_some_and(|at| now.since(at) < TEXT_ARRIVING)
    }

    /// `Alt+R`, or `Esc` and `R` in one read, arms from inside any dialog or field; elsewhere it is nothing.
    pub(super) fn escape_rollback(
        &mut self,
        key: &KeyEvent,
        now: Mono,
        status: Option<&Status>,
        rights: Rights,
    ) -> bool {
        let alt_r = key.code == KeyCode::Char('R') && key.modifiers.contains(KeyModifiers::ALT);
        if !alt_r {
            return false;
        }
        if !self.is_occupied() {
            self.flash("Alt+R, or Esc and R at once, is not R: press R alone", now);
            return false;
        }
        self.command_line = None;
        self.log.keep_filter();
        self.dialog = None;
        self.arm(now, status, rights);
        true
    }

    /// Whether keys go to a panel or into a field and not to the main screen.
    pub(super) fn is_occupied(&self) -> bool {
        self.dialog.is_some() || self.command_line.is_some() || self.log.is_typing()
    }

    /// Two keys that arrive as others. `Esc` and `Enter` in one read are Alt+Enter: whoever wanted out of a field must not
    /// have sent what stood in it. Backspace is `Ctrl-H` on some terminals.
    pub(super) fn as_meant(&self, key: KeyEvent) -> KeyEvent {
        let code = match key.code {
            KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => KeyCode::Esc,
            KeyCode::Char('h') if key.modifiers == KeyModifiers::CONTROL => KeyCode::Backspace,
            _ => return key,
        };
        if self.is_occupied() { KeyEvent { code, modifiers: KeyModifiers::NONE, ..key } } else { key }
    }

    /// Any other character, or Enter, just before or after takes `H` for text. Text never has arrows, Esc and the like
    /// without them: those let `H` be, except that Esc just after it takes it back.
    pub(super) fn isolate_hold(&mut self, key: &KeyEvent, now: Mono) {
        if key.code == KeyCode::Char('H') {
            return;
        }
        let is_text = matches!(key.code, KeyCode::Char(_) | KeyCode::Enter);
        if is_text || key.code == KeyCode::Esc {
            self.give_up_hold("another key came with it", now);
        }
        if is_text {
            self.other_key_at = Some(now);
        }
    }
}
