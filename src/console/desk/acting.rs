//! What each action of the key table does on the main screen.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

use super::keymap::{Action, is_printable};
use super::line::Line;
use super::{Act, Desk, Dialog, Panel};
use crate::domain::{Mono, Rights};
use crate::wire::Status;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

impl Desk {
    /// Does what an action means on the main screen; over a panel that is only read, some mean the same.
    pub(super) fn act(
        &mut self,
        action: Action,
        key: &KeyEvent,
        now: Mono,
        status: Option<&Status>,
        rights: Rights,
        acts: &mut Vec<Act>,
    ) {
        let repeats = key.kind == KeyEventKind::Repeat;
        let scrolls = matches!(action, Action::Up | Action::Down | Action::PageUp | Action::PageDown);
        if repeats && !scrolls && action != Action::Hold {
            return;
        }
        match action {
            Action::Rollback => self.arm(now, status, rights),
            Action::Hold => self.press_hold(now, status, rights),
            Action::Advance => self.open_advance(now, status, rights),
            Action::Take => self.open_take(now, status, rights),
            Action::Help => self.open_help(status, now),
            Action::Quit if self.text_is_arriving(now) => self.flash("text arriving - wait 2 s to quit", now),
            Action::Quit => self.quit(now, acts),
            Action::NextPanel => self.next_panel(true),
            Action::PreviousPanel => self.next_panel(false),
            Action::ChoosePanel => {
                if let KeyCode::Char(digit) = key.code {
                    self.choose(digit);
                }
            }
            Action::Reach => self.next_reach(now),
            Action::Up => self.scroll(1, status),
            Action::Down => self.scroll(-1, status),
            Action::PageUp => self.scroll(10, status),
            Action::PageDown => self.scroll(-10, status),
            Action::Top => self.scroll(isize::MAX / 2, status),
            Action::Bottom => self.scroll(isize::MIN / 2, status),
            Action::Details => self.open_details(status, now),
            Action::Space => self.flash("H holds traffic", now),
            Action::CommandLine | Action::Filter | Action::Silence | Action::Mute | Action::Copy | Action::Privacy
                if self.text_is_arriving(now) =>
            {
                self.flash("text arriving - wait 2 s", now);
            }
            Action::CommandLine => self.command_line = Some(Line::default()),
            // From here on what only this console shows.
            Action::Filter => self.log.type_filter(),
            Action::NextMatch => self.next_match(true, now),
            Action::PreviousMatch => self.next_match(false, now),
            // The log's title says these two.
            Action::OnlyBad => self.log.toggle_only_bad(),
            Action::Follow => self.log.follow(),
            Action::Silence => self.silence(now),
            Action::Mute => self.mute(now),
            Action::Copy => self.copy(now, status, acts),
            Action::Privacy => self.toggle_privacy(now),
        }
    }

    fn open_details(&mut self, status: Option<&Status>, now: Mono) {
        let Some(status) = status else { return };
        self.dialog = match self.focus {
            Panel::Checks => Dialog::check(status, self.check, now),
            Panel::Log => Dialog::event(&self.log, now),
            Panel::Traffic | Panel::Phases | Panel::Signals | Panel::People => {
                self.flash("Enter shows details in 4 CHECKS and 5 LOG", now);
                None
            }
        };
    }

    fn next_match(&mut self, newer: bool, now: Mono) {
        if let Some(words) = self.log.next_match(newer) {
            self.remark(words, now);
        }
    }

    fn toggle_privacy(&mut self, now: Mono) {
        self.private = !self.private;
        self.remark(if self.private { "names, hosts, addresses hidden" } else { "nothing is hidden" }, now);
    }

    /// A key of the filter's text: `R` in it is a letter.
    pub(super) fn type_filter(&mut self, key: &KeyEvent) {
        match key.code {
            KeyCode::Esc => {
                self.log.clear_filter();
            }
            KeyCode::Enter => self.log.keep_filter(),
            KeyCode::Backspace => self.log.rub_out(),
            KeyCode::Char(c) if is_printable(key) => self.log.insert(c.encode_utf8(&mut [0; 4])),
            _ => {}
        }
    }

    /// Scrolls what is read. A panel that asks something stays as it is, and so does a line that is being typed.
    pub(super) fn wheel(&mut self, by: isize, status: Option<&Status>) {
        match &mut self.dialog {
            Some(dialog) => dialog.scroll(-by),
            None => self.scroll(by, status),
        }
    }

    pub(super) fn scroll(&mut self, by: isize, status: Option<&Status>) {
        let Some(status) = status else { return };
        match self.focus {
            Panel::Traffic | Panel::Phases | Panel::Signals | Panel::People => self.scroll_panel(by, status),
            Panel::Checks => {
                let last = status.snapshot.checks.len().saturating_sub(1);
                self.check = self.check.saturating_add_signed(-by).min(last);
            }
            Panel::Log => self.log.scroll(by),
        }
    }
}
