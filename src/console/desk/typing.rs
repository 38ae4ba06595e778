//! The `:` command line: typing it, what it would do, and doing it.

#![expect(clippy::wildcard_enum_match_arm, reason = "KeyCode is crossterm's, and every other key does nothing")]

use super::commands::{COMMANDS, Parsed, SEND_AGAIN, parse};
use super::completion::Completion;
use super::dialog::{Deed, Dialog};
use super::forward::Way;
use super::line::Line;
use super::{Act, Desk};
use crate::domain::{Clean, Mono, Rights, Split, duration_words, parse_share};
use crate::engine::{Ask, Command, Phase, Snapshot};
use crate::wire::Status;
use crossterm::event::{KeyCode, KeyEvent};

/// Where Tab is among several words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cycle {
    /// What was typed before the first Tab.
    typed: String,
    /// What stands behind the cursor.
    behind: String,
    /// Which word stands there now.
    at: usize,
}

/// What Enter would do, before it is pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreseen {
    /// It does this.
    Does(String),
    /// It does nothing, for this reason.
    Refused(String),
    /// It is not a whole command yet.
    Unfinished,
}

impl Desk {
    /// What may stand where the cursor is, and which of it Tab has put there.
    pub fn completion(&self, status: Option<&Status>) -> Option<(Completion, Option<usize>)> {
        let line = self.command_line.as_ref()?;
        let cycle = self.cycle.as_ref();
        let before = cycle.map_or_else(|| line.around_cursor().0, |cycle| cycle.typed.as_str());
        Some((Completion::of(before, status), cycle.map(|cycle| cycle.at)))
    }

    /// What Enter would do to the line as it stands.
    pub fn foresee(&self, status: Option<&Status>, rights: Rights, now: Mono) -> Option<Foreseen> {
        let line = self.command_line.as_ref()?;
        let word = line.trim();
        if !word.contains(' ') && COMMANDS.iter().any(|known| known.name.starts_with(word) && known.name != word) {
            let is_whole = COMMANDS.iter().any(|known| known.name == word);
            if !is_whole {
                return Some(Foreseen::Unfinished);
            }
        }
        let parsed = parse(line);
        let needed = if parsed == Parsed::Rollback { self.rights_back(rights) } else { rights };
        let refused = self.refusal(status, needed).filter(|_| acts_on_the_run(&parsed));
        if let Some(why) = refused {
            return Some(Foreseen::Refused(why));
        }
        let needs_link = matches!(
            parsed,
            Parsed::Send(..) | Parsed::Confirm(..) | Parsed::Advance(_) | Parsed::Reassert | Parsed::Hook(..)
        );
        if needs_link && !self.linked {
            return Some(Foreseen::Refused("the keeper is not connected; nothing is queued".to_owned()));
        }
        Some(match self.would(&parsed, status, now) {
            Ok(words) => Foreseen::Does(words),
            Err(why) => Foreseen::Refused(why),
        })
    }

    fn would(&self, parsed: &Parsed, status: Option<&Status>, now: Mono) -> Result<String, String> {
        let snapshot = status.map(|status| &status.snapshot);
        let text = match parsed {
            Parsed::Send(command, _) | Parsed::Confirm(command, ..)
                if let Some(why) = self.keeper_refuses(command, status, now) =>
            {
                return Err(why);
            }
            Parsed::Send(command, _) => return Ok(would_send(command, snapshot)),
            Parsed::Confirm(_, _, words) => return Ok(format!("asks first. {words}")),
            Parsed::Rollback if self.stands_at_foreign(status, now) => format!("asks first. {SEND_AGAIN}"),
            Parsed::Rollback if self.is_being_done(status, now) => "shows the rollback's progress".to_owned(),
            Parsed::Rollback if let Some(instead) = self.instead_of_rollback(status, Rights::Full) => {
                return Err(format!("the run has ended: {instead}"));
            }
            Parsed::Rollback => match snapshot {
                Some(snapshot) => format!("arms: all traffic to {}; y there sends it", snapshot.rollback_target.words),
                None => "arms; y there rolls back directly from this host".to_owned(),
            },
            Parsed::Hook(wish, name) => return self.would_wish(*wish, name, snapshot),
            Parsed::Reassert => return self.would_reassert(snapshot, now),
            Parsed::Advance(step) => return self.would_advance(step.as_deref(), snapshot, now),
            Parsed::Take => match snapshot.and_then(|snapshot| snapshot.people.driver.as_ref()) {
                Some(driver) if self.me.as_ref().is_some_and(|me| driver.is(me)) => {
                    return Err("you drive already".to_owned());
                }
                Some(driver) => format!("asks whether to take control from {}", driver.name),
                None => return Err("nobody drives: A takes the seat".to_owned()),
            },
            Parsed::Quit => "closes this console; traffic stays as it is, and the keeper goes on".to_owned(),
            Parsed::Restart => {
                let Some(snapshot) = snapshot else { return Err("the keeper has not been heard yet".to_owned()) };
                self.may_restart(snapshot)?;
                "asks first. Ends this run; a new one begins from its plan file".to_owned()
            }
            Parsed::Export(format) => {
                format!("writes the run's report ({}) into its folder, and says where", format.word())
            }
            Parsed::Theme(name) => format!("draws as {name} from now on, on this console only"),
            Parsed::ReadOnly(true) => "this console acts no more until :readonly off; others still do".to_owned(),
            Parsed::ReadOnly(false) if self.granted == Rights::ReadOnly => return Err(NEVER_GRANTED.to_owned()),
            Parsed::ReadOnly(false) if !self.gave_up_rights => return Err("it is not read-only".to_owned()),
            Parsed::ReadOnly(false) => {
                self.refusal(status, Rights::Full).unwrap_or_else(|| "R H A of this console act again".to_owned())
            }
            Parsed::Note => "opens a panel for several lines; Ctrl-D there writes it down".to_owned(),
            Parsed::Reason => "asks why it was rolled back, and writes it down".to_owned(),
            Parsed::Debug => "shows how this console itself fares".to_owned(),
            Parsed::Help => "shows all keys, marks and limits".to_owned(),
            Parsed::Wrong(why) => return Err(why.clone()),
        };
        Ok(text)
    }

    fn would_advance(&self, step: Option<&str>, snapshot: Option<&Snapshot>, now: Mono) -> Result<String, String> {
        let Some(snapshot) = snapshot else { return Err("the keeper has not been heard yet".to_owned()) };
        is_next(step, snapshot)?;
        Ok(match (self.way(snapshot, now), &snapshot.next) {
            (Way::Resume, _) => format!("asks whether to resume at {}", snapshot.split.wanted),
            (Way::Advance, Some(next)) => format!("asks whether to advance to {}", next.split),
            (Way::Advance, None) => "opens the panel of A".to_owned(),
            (Way::Locked(lock), _) => {
                let why = lock.reasons.first().map_or("", Clean::as_str);
                format!("{} is locked: {why}", lock.what)
            }
        })
    }

    fn would_reassert(&self, snapshot: Option<&Snapshot>, now: Mono) -> Result<String, String> {
        let Some(snapshot) = snapshot else { return Err("the keeper has not been heard yet".to_owned()) };
        match self.reassert_lock(snapshot, now) {
            Some(lock) => Ok(format!("RE-ASSERT is locked: {}", lock.reasons.first().map_or("", Clean::as_str))),
            None => Ok(format!("asks whether to set {} again", snapshot.split.wanted)),
        }
    }

    /// Whether the run is over, so that a new one may begin, and who ends it sits here; or why not.
    fn may_restart(&self, snapshot: &Snapshot) -> Result<(), String> {
        if !snapshot.is_over() {
            return Err(format!("{}: :restart only when the run is over; :end ends it", snapshot.band.word));
        }
        let refused = self.seat_refuses(Ask::End, snapshot).filter(|_| snapshot.phase != Phase::Ended);
        refused.map_or(Ok(()), Err)
    }

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
            KeyCode::Tab => return self.complete(status, true),
            KeyCode::BackTab => return self.complete(status, false),
            KeyCode::Esc => self.command_line = None,
            KeyCode::Backspace if line.is_empty() => self.command_line = None,
            KeyCode::Up => {
                if let Some(older) = self.history.older(line) {
                    *line = older;
                }
            }
            KeyCode::Down => {
                if let Some(newer) = self.history.newer() {
                    *line = newer;
                }
            }
            KeyCode::Enter => {
                let line = self.command_line.take().unwrap_or_default();
                self.history.remember(&line);
                self.obey_line(&line, now, status, rights, acts);
            }
            _ => {
                if line.edit(key) {
                    self.history.leave();
                }
            }
        }
        self.cycle = None;
    }

    /// Tab: the only word, what all share, or one after the other.
    fn complete(&mut self, status: Option<&Status>, forward: bool) {
        let Some((completion, at)) = self.completion(status) else { return };
        let Some(line) = &mut self.command_line else { return };
        let count = completion.candidates.len();
        let (before, behind) = match &self.cycle {
            Some(cycle) => (cycle.typed.clone(), cycle.behind.clone()),
            None => (line.around_cursor().0.to_owned(), line.around_cursor().1.to_owned()),
        };
        let kept = before.get(..completion.from).unwrap_or_default();
        let put = |word: &str| {
            let mut line = Line::from(format!("{kept}{word}").as_str());
            line.insert_behind(&behind);
            line
        };
        match completion.candidates.as_slice() {
            [] => {}
            [only] => {
                *line = put(&format!("{} ", only.word));
                self.cycle = None;
            }
            _ if at.is_none() && completion.common().len() > before.len() - completion.from => {
                *line = put(completion.common());
            }
            several => {
                let at = match (at, forward) {
                    (None, true) => 0,
                    (None, false) => count - 1,
                    (Some(at), true) => (at + 1) % count,
                    (Some(at), false) => (at + count - 1) % count,
                };
                *line = put(&several[at].word);
                self.cycle = Some(Cycle { typed: before, behind, at });
            }
        }
    }

    fn obey_line(&mut self, line: &str, now: Mono, status: Option<&Status>, rights: Rights, acts: &mut Vec<Act>) {
        let parsed = parse(line);
        let sends = matches!(parsed, Parsed::Send(..) | Parsed::Confirm(..) | Parsed::Restart | Parsed::Hook(..));
        if sends && self.refused_here(now, status, rights) {
            return;
        }
        if let Parsed::Send(command, what) | Parsed::Confirm(command, what, _) = &parsed
            && let Some(why) = self.keeper_refuses(command, status, now)
        {
            return self.flash(format!("{what}: {why}"), now);
        }
        match parsed {
            Parsed::Send(command, what) => self.send(command, what, now, acts),
            Parsed::Confirm(_, what, _) if !self.linked => {
                self.flash(format!("{what}: NOT SENT, the keeper is not connected; nothing is queued"), now);
            }
            Parsed::Confirm(command, what, words) => self.ask(Deed::Send(command), what, words, now),
            Parsed::Hook(wish, name) => self.wish(wish, &name, now, status, acts),
            Parsed::Rollback => self.arm(now, status, rights),
            Parsed::Advance(step) => {
                let next = status.map_or(Ok(()), |status| is_next(step.as_deref(), &status.snapshot));
                match next {
                    Ok(()) => self.open_advance(now, status, rights),
                    Err(why) => self.flash(why, now),
                }
            }
            Parsed::Reassert => self.open_reassert(now, status, rights),
            Parsed::Take => self.open_take(now, status, rights),
            Parsed::Quit => self.quit(now, acts),
            Parsed::Restart => match status.map(|status| self.may_restart(&status.snapshot)) {
                Some(Ok(())) => {
                    self.ask(Deed::Restart, "restart", "Ends this run; a new one begins from its plan file.", now);
                }
                Some(Err(why)) => self.flash(why, now),
                None => self.flash(":restart: the keeper has not been heard yet", now),
            },
            Parsed::Export(format) => {
                self.flash("writing the report", now);
                acts.push(Act::Export(format));
            }
            Parsed::Theme(name) => acts.push(Act::Theme(name)),
            Parsed::ReadOnly(on) => self.set_readonly(on, now, status),
            Parsed::Note => self.open_note(now, status, rights),
            Parsed::Reason => self.open_reason(now, status, rights),
            Parsed::Debug => self.dialog = Some(Dialog::debug(now)),
            Parsed::Help => self.open_help(status, now),
            Parsed::Wrong(words) => self.flash(words, now),
        }
    }

    /// Rights can be given up at any time. Back come only those that the keeper granted: whoever can type here could as
    /// well open another console, so a question would protect nothing, but what was never granted stays away.
    fn set_readonly(&mut self, on: bool, now: Mono, status: Option<&Status>) {
        match (on, self.granted) {
            (true, _) => {
                self.gave_up_rights = true;
                self.hold_pressed = None;
                self.flash("read-only: :readonly off ends it", now);
            }
            (false, Rights::ReadOnly) => self.flash(NEVER_GRANTED, now),
            (false, Rights::Full) => {
                self.gave_up_rights = false;
                let still = self.refusal(status, Rights::Full);
                self.flash(still.unwrap_or_else(|| "no longer read-only: R H A act".to_owned()), now);
            }
        }
    }
}

/// Why `:readonly off` is refused.
const NEVER_GRANTED: &str = "the keeper granted this console no rights: open one without --readonly";

fn acts_on_the_run(parsed: &Parsed) -> bool {
    match parsed {
        Parsed::Send(..)
        | Parsed::Confirm(..)
        | Parsed::Hook(..)
        | Parsed::Rollback
        | Parsed::Advance(_)
        | Parsed::Reassert
        | Parsed::Take
        | Parsed::Note
        | Parsed::Reason
        | Parsed::Restart => true,
        Parsed::Quit
        | Parsed::Export(_)
        | Parsed::Theme(_)
        | Parsed::ReadOnly(_)
        | Parsed::Debug
        | Parsed::Help
        | Parsed::Wrong(_) => false,
    }
}

fn would_send(command: &Command, snapshot: Option<&Snapshot>) -> String {
    match command {
        Command::Hold => match snapshot.and_then(|snapshot| snapshot.held.as_ref()) {
            Some(held) => format!("changes nothing: held since {} by {}", held.since.clock(), held.by),
            None => "holds now; writes nothing to the balancer".to_owned(),
        },
        Command::Approve => match snapshot.and_then(|snapshot| snapshot.next.as_ref()) {
            Some(next) => match &next.approval {
                Some((role, None)) => format!("approves the step to {} as {role}", next.split),
                Some((_, Some(who))) => format!("changes nothing: {who} approved the step to {}", next.split),
                None => format!("changes nothing: the step to {} needs no approval", next.split),
            },
            None => "approves the next step; there is none".to_owned(),
        },
        Command::Adopt => "takes the balancer's present setting as this run's own".to_owned(),
        Command::Suspend { lasting, reason } if reason.as_str().is_empty() => {
            format!("no automatic rollback for {}; needs a REASON", duration_words(*lasting))
        }
        Command::Suspend { lasting, reason } => {
            format!("no automatic rollback for {}: {reason}", duration_words(*lasting))
        }
        Command::Unsuspend => "automatic rollback on again".to_owned(),
        Command::Note { .. } => "writes this down in the run's history, under your name".to_owned(),
        Command::Advance { .. }
        | Command::Resume { .. }
        | Command::Reassert { .. }
        | Command::Rollback { .. }
        | Command::Take
        | Command::Complete
        | Command::SendAgain
        | Command::RunHook { .. }
        | Command::StopHook { .. }
        | Command::End => "is sent to the keeper".to_owned(),
    }
}

/// Whether a step that was named is the one that would come; or what would.
fn is_next(step: Option<&str>, snapshot: &Snapshot) -> Result<(), String> {
    let Some(step) = step else { return Ok(()) };
    let percent = format!("{}%", step.trim_end_matches('%').trim());
    let named = parse_share(&percent).and_then(Split::from_fraction);
    match &snapshot.next {
        Some(next) if named == Some(next.split) && snapshot.held.is_none() => Ok(()),
        Some(next) if named == Some(next.split) => {
            Err(format!("held at {}: A resumes first, then {}", snapshot.split.wanted, next.split))
        }
        Some(next) => Err(format!("{} is not the next step: {} is", Clean::new(step), next.split)),
        None => Err("there is no next step".to_owned()),
    }
}
