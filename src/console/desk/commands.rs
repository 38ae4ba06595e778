//! The `:` command line.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

use super::dialog::Deed;
use super::{Act, Desk};
use crate::domain::{Clean, Mono, Rights, parse_duration};
use crate::engine::{Command, Phase, Snapshot};
use crate::wire::Status;
use crossterm::event::{KeyCode, KeyEvent};
use std::time::Duration;

/// Longest command line.
pub(super) const LINE_CHARS_MAX: usize = 300;
/// How long automatic rollback is suspended when no time is given.
const SUSPEND_DEFAULT: Duration = Duration::from_secs(600);

/// Every command with its help.
pub const COMMANDS: &[(&str, &str)] = &[
    ("hold", "as H"),
    ("rollback", "opens the panel of R"),
    ("advance", "opens the panel of A"),
    ("approve", "approve the next step"),
    ("adopt", "take the balancer's present setting as this run's own"),
    ("complete", "finish a foreign move towards stable"),
    ("sendagain", "send the rollback over a foreign setting"),
    ("suspend", "[10m] reason: no automatic rollback for a while"),
    ("unsuspend", "automatic rollback on again"),
    ("note", "text: write it down; without text: a panel for several lines"),
    ("reason", "why it was rolled back"),
    ("restart", "end this finished run and begin a new one"),
    ("end", "end the run; the split stays as it is"),
    ("q", "quit the console"),
];

/// What a line comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// A command for the keeper.
    Send(Command, &'static str),
    /// A command for the keeper that moves traffic or ends the run: it needs `y`.
    Confirm(Command, &'static str, &'static str),
    /// The panel of `R`.
    Rollback,
    /// The panel of `A`.
    Advance,
    /// Leave.
    Quit,
    /// Begin anew.
    Restart,
    /// The panel of a note.
    Note,
    /// The panel of a rollback's reason.
    Reason,
    /// Not understood, and why.
    Wrong(String),
}

/// Reads one line.
pub fn parse(line: &str) -> Parsed {
    let line = line.trim();
    let (word, rest) = line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim()));
    match word {
        "hold" => Parsed::Send(Command::Hold, "hold"),
        "rollback" => Parsed::Rollback,
        "advance" | "resume" => Parsed::Advance,
        "approve" => Parsed::Send(Command::Approve, "approve"),
        "adopt" => Parsed::Send(Command::Adopt, "adopt"),
        "complete" => Parsed::Confirm(
            Command::Complete,
            "complete",
            "Finishes the move towards stable: everything to stable, and ends this cutover.",
        ),
        "sendagain" => {
            Parsed::Confirm(Command::SendAgain, "send again", "Sends the rollback over what somebody else set.")
        }
        "suspend" => suspend(rest),
        "unsuspend" => Parsed::Send(Command::Unsuspend, "automatic rollback on"),
        "note" if rest.is_empty() => Parsed::Note,
        "note" => Parsed::Send(Command::Note { text: Clean::new(rest) }, "note"),
        "reason" => Parsed::Reason,
        "restart" => Parsed::Restart,
        "end" => Parsed::Confirm(Command::End, "end", "Ends this run and stops its keeper; the split stays as it is."),
        "q" | "quit" => Parsed::Quit,
        "" => Parsed::Wrong("nothing to do".to_owned()),
        other => {
            let words: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
            Parsed::Wrong(format!("no command {:?}; there are {}", Clean::new(other).as_str(), words.join(" ")))
        }
    }
}

fn suspend(rest: &str) -> Parsed {
    let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
    let (lasting, reason) = match parse_duration(first) {
        Some(lasting) => (lasting, others),
        None => (SUSPEND_DEFAULT, rest),
    };
    Parsed::Send(Command::Suspend { lasting, reason: Clean::new(reason) }, "suspend")
}

impl Desk {
    pub(super) fn type_command(
        &mut self,
        key: &KeyEvent,
        now: Mono,
        status: Option<&Status>,
        rights: Rights,
        acts: &mut Vec<Act>,
    ) {
        let Some(line) = &mut self.command_line else { return };
        match key.code {
            KeyCode::Esc => self.command_line = None,
            KeyCode::Backspace if line.is_empty() => self.command_line = None,
            KeyCode::Backspace => {
                line.pop();
            }
            KeyCode::Tab => {
                let mut matching = COMMANDS.iter().filter(|(name, _)| name.starts_with(line.as_str()));
                if let (Some((name, _)), None) = (matching.next(), matching.next()) {
                    *line = format!("{name} ");
                }
            }
            KeyCode::Char(c) if line.chars().count() < LINE_CHARS_MAX => line.push(c),
            KeyCode::Enter => {
                let line = self.command_line.take().unwrap_or_default();
                self.obey_line(&line, now, status, rights, acts);
            }
            _ => {}
        }
    }

    fn obey_line(&mut self, line: &str, now: Mono, status: Option<&Status>, rights: Rights, acts: &mut Vec<Act>) {
        let parsed = parse(line);
        let acting = matches!(parsed, Parsed::Send(..) | Parsed::Confirm(..) | Parsed::Restart);
        if acting && self.refused_here(now, status, rights) {
            return;
        }
        match parsed {
            Parsed::Send(command, what) => self.send(command, what, now, acts),
            Parsed::Confirm(_, what, _) if !self.linked => {
                self.flash(format!("{what}: NOT SENT, the keeper is not connected; nothing is queued"), now);
            }
            Parsed::Confirm(command, what, words) => self.ask(Deed::Send(command), what, words, now),
            Parsed::Rollback => self.arm(now, status, rights),
            Parsed::Advance => self.open_advance(now, status, rights),
            Parsed::Note => self.open_note(now, status, rights),
            Parsed::Reason => self.open_reason(now, status, rights),
            Parsed::Quit => self.quit(now, acts),
            Parsed::Restart => match status.map(|status| is_over(&status.snapshot)) {
                Some(Ok(())) => {
                    self.ask(Deed::Restart, "restart", "Ends this run; a new one begins from its plan file.", now);
                }
                Some(Err(why)) => self.flash(why, now),
                None => self.flash(":restart: the keeper has not been heard yet", now),
            },
            Parsed::Wrong(words) => self.flash(words, now),
        }
    }
}

/// Whether the run is over, so that a new one may begin; or why not.
fn is_over(snapshot: &Snapshot) -> Result<(), String> {
    let watched = snapshot.complete.is_some_and(|(_, left)| left.is_zero());
    match snapshot.phase {
        Phase::RolledBack | Phase::Ended => Ok(()),
        Phase::Complete if watched => Ok(()),
        Phase::Complete
        | Phase::Preflight
        | Phase::Ready
        | Phase::Shifting
        | Phase::Baking
        | Phase::Held
        | Phase::RollingBack
        | Phase::NewTrafficBack
        | Phase::Observing => Err(format!("{}: :restart only when the run is over; :end ends it", snapshot.band.word)),
    }
}
