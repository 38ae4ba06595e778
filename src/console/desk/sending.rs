//! Commands on their way out, and what comes back.

use super::dialog::Kind;
use super::direct::Direct;
use super::keymap::Action;
use super::{Act, Desk, Dialog, QUIT_TWICE, Sent, Unacknowledged, has_ended};
use crate::domain::{Clean, CommandId, Mono, Rights};
use crate::engine::{Answer, Command, Snapshot};
use crate::wire::Status;
use tui_textarea::TextArea;

/// How the engine answers a rollback that has nothing to do.
const NOTHING_TO_ROLL_BACK: &str = "nothing to roll back";

impl Desk {
    /// Leaves; but not while a command that was just sent is unanswered, unless it is asked for twice.
    pub(super) fn quit(&mut self, now: Mono, acts: &mut Vec<Act>) {
        let pending = self.sent.is_some() || self.rollback_sent.is_some();
        let again = self.quit_at.is_some_and(|at| now.since(at) < QUIT_TWICE);
        if pending && !again {
            self.quit_at = Some(now);
            let key = self.keymap.key_of(Action::Quit);
            let words = match self.rollback_sent {
                Some(_) => format!("not acknowledged yet; {key} again quits and rolls back DIRECTLY"),
                None => format!("a command is not acknowledged yet; {key} again quits"),
            };
            self.flash(words, now);
            return;
        }
        acts.push(Act::Quit);
    }

    pub(super) fn send(&mut self, command: Command, what: &'static str, now: Mono, acts: &mut Vec<Act>) {
        if let Command::Rollback { typed, .. } = &command {
            let typed = typed.clone();
            return self.send_rollback(command, typed, now, acts);
        }
        if !self.linked {
            self.flash(format!("{what}: NOT SENT, the keeper is not connected; nothing is queued"), now);
            return;
        }
        let id = self.new_command();
        self.sent = Some(Sent { id, what, at: now });
        acts.push(Act::Send(id, command));
    }

    fn send_rollback(&mut self, command: Command, typed: Option<String>, now: Mono, acts: &mut Vec<Act>) {
        self.dialog = Some(Dialog::progress(now));
        self.rollback_is_own = true;
        self.rollback_outcome = None;
        if !self.linked {
            self.direct_rollback("the keeper is not connected", typed, now, acts);
            return;
        }
        // Asked for again within the second it is the same, but for a name that was typed since. Whoever hammers at a keeper
        // that hangs must not put off the moment at which it goes directly.
        let before = self.rollback_sent.take();
        let at = before.as_ref().map_or(now, |sent| sent.at);
        let id = before.filter(|sent| sent.typed == typed).map_or_else(|| self.new_command(), |sent| sent.id);
        self.rollback_id = Some(id);
        self.rollback_sent = Some(Unacknowledged { id, at, typed });
        acts.push(Act::Send(id, command));
    }

    /// Whether a rollback went to the keeper and is not answered yet.
    pub fn awaits_rollback(&self) -> bool {
        self.rollback_sent.is_some()
    }

    fn new_command(&mut self) -> CommandId {
        self.next_command = self.next_command.wrapping_add(1);
        CommandId(self.next_command)
    }

    pub(super) fn direct_rollback(&mut self, why: &str, typed: Option<String>, now: Mono, acts: &mut Vec<Act>) {
        let sends_over = self.direct.as_ref().is_some_and(|before| before.foreign.is_some());
        let mut direct = Direct::new(now);
        direct.lines.push(Clean::new(format!("{why}: rolling back directly from this host")));
        self.outcome(direct.outcome(now), now);
        self.direct_told = Some(direct.standing(now));
        self.direct = Some(direct);
        self.flash(format!("{why}: rolling back DIRECTLY"), now);
        acts.push(Act::RollBackDirectly { typed, sends_over });
    }

    /// What goes out when the console is left, for whatever reason: a rollback that nobody acknowledged may lie in the
    /// socket of a keeper that hangs, and after this nobody is there to see it.
    pub fn leave(&mut self, why: &str, now: Mono) -> Vec<Act> {
        let mut acts = Vec::new();
        // Nobody would see it any more, nor say that it is to be sent over.
        if self.direct.as_ref().is_some_and(Direct::stands_still) {
            acts.push(Act::EndDirect);
        }
        if let Some(sent) = self.rollback_sent.take() {
            self.direct_rollback(why, sent.typed, now, &mut acts);
        }
        acts
    }

    /// A direct rollback's own words.
    pub(super) fn heard_directly(&mut self, line: &str, now: Mono) {
        self.direct.get_or_insert_with(|| Direct::new(now)).heard(&Clean::new(line), now);
    }

    /// Each new standing of a direct rollback is an outcome; its end rings.
    pub(super) fn tell_direct(&mut self, now: Mono, acts: &mut Vec<Act>) {
        let Some(direct) = &self.direct else { return };
        let standing = direct.standing(now);
        if self.direct_told != Some(standing) {
            let outcome = direct.outcome(now);
            self.outcome(outcome, now);
            self.direct_told = Some(standing);
            self.ring(now, acts);
        }
    }

    /// Once the keeper's words are newer, a direct rollback is an outcome like any other: it must not stand before what is
    /// so now, nor keep `R` from going to the keeper.
    pub(super) fn retire_direct(&mut self, snapshot: &Snapshot, now: Mono, acts: &mut Vec<Act>) {
        let (heard_at, is_cut_off) = (self.heard_at, self.is_cut_off(now));
        if let Some(direct) = self.direct.take_if(|direct| !is_cut_off && direct.is_overtaken(heard_at, snapshot)) {
            if direct.stands_still() {
                acts.push(Act::EndDirect);
            }
            // Its open panel goes on telling how it ended.
            self.rollback_outcome = Some(direct.outcome(now));
            self.rollback_is_own &= snapshot.rollback.is_some();
            self.direct_told = None;
        }
    }

    pub(super) fn answered(&mut self, id: CommandId, answer: &Answer, now: Mono, acts: &mut Vec<Act>) {
        let is_rollback = self.rollback_id == Some(id);
        // An answer after its time is still the truth about what happened.
        let what = match self.sent.take_if(|sent| sent.id == id) {
            Some(sent) => sent.what,
            None if is_rollback => "rollback",
            None => "an earlier command",
        };
        let words = match answer {
            Answer::Applied(words) => {
                // What was written since is another note.
                if self.note_sent.take_if(|(sent, _)| *sent == id).is_some_and(|(_, lines)| lines == self.note.lines())
                {
                    self.note = TextArea::default();
                }
                // There was nothing to do: its progress would stay empty.
                if is_rollback && words.as_str().starts_with(NOTHING_TO_ROLL_BACK) {
                    self.dialog.take_if(|dialog| matches!(dialog.kind, Kind::Progress));
                }
                words.to_string()
            }
            Answer::Refused(reasons) => {
                if is_rollback {
                    self.dialog = None;
                    self.rollback_is_own = false;
                }
                self.ring(now, acts);
                let reasons: Vec<&str> = reasons.iter().map(Clean::as_str).collect();
                format!("{what} REFUSED: {}", reasons.join("; "))
            }
            Answer::Late(_) => {
                self.reopen_advance = true;
                format!("{what}: things changed meanwhile; look again")
            }
        };
        if is_rollback {
            self.rollback_sent = None;
            // Answered it is over, whether there was anything to do or not; the next one is another.
            self.rollback_id = None;
            self.rollback_outcome = Some(Clean::new(&words));
        }
        self.outcome(Clean::new(&words), now);
        self.flash(words, now);
    }

    pub(super) fn link(&mut self, linked: bool, now: Mono, status: Option<&Status>, rights: Rights) {
        if self.linked && !linked {
            match self.instead_of_rollback(status, rights) {
                _ if has_ended(status) => self.flash("the run has ended, and its keeper with it", now),
                Some(instead) => self.flash(format!("keeper gone: {instead}"), now),
                None => self.flash("keeper gone: R goes directly, H A need it", now),
            }
        }
        self.linked = linked;
    }
}
