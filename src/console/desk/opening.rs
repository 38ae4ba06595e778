//! Opening panels, and what their keys come to.

use super::commands::SEND_AGAIN;
use super::dialog::{Deed, HEIGHT_MIN, Kind, Reply, WIDTH_MIN};
use super::direct::Direct;
use super::forward::{self, Way};
use super::keymap::Action;
use super::{Act, Desk, Dialog, HOLD_BEFORE};
use crate::console::fresh;
use crate::domain::{Mono, Rights};
use crate::engine::{Command, Phase, RollbackState, Snapshot};
use crate::wire::Status;
use crossterm::event::KeyEvent;
use std::borrow::Cow;

impl Desk {
    pub(super) fn arm(&mut self, now: Mono, status: Option<&Status>, rights: Rights) {
        if self.refused_here(now, status, self.rights_back(rights)) || self.is_too_small(now) {
            return;
        }
        // How far one came can be read as long as there is something to read.
        if let Some(instead) = self.instead_of_rollback(status, rights).filter(|_| !self.is_being_done(status, now)) {
            self.flash(format!("the run has ended: {instead}"), now);
            return;
        }
        if self.text_is_arriving(now) {
            self.flash("text arriving - wait 2 s", now);
            return;
        }
        // An older message beside an armed panel would read as being about it.
        self.flash = None;
        // Pressed again where the keeper's rollback stands still, it asks for what alone goes on.
        if self.stands_at_foreign(status, now) {
            return self.ask(Deed::Send(Command::SendAgain), "send again", SEND_AGAIN, now);
        }
        // A rollback whose keeper is gone can be sent directly; one that is confirmed need not.
        self.dialog = Some(if self.is_being_done(status, now) {
            Dialog::progress(now)
        } else {
            Dialog::roll_back(status, self.direct.as_ref().is_some_and(|direct| direct.wants_name), now)
        });
    }

    /// Whether the keeper's rollback has stopped at somebody else's setting: nothing is sent until somebody says so.
    pub fn stands_at_foreign(&self, status: Option<&Status>, now: Mono) -> bool {
        let rollback = status.and_then(|status| status.snapshot.rollback.as_ref());
        !self.is_cut_off(now) && rollback.is_some_and(|rollback| rollback.state == RollbackState::Foreign)
    }

    /// Whether nothing that the keeper said is believed any more.
    pub fn is_cut_off(&self, now: Mono) -> bool {
        fresh::is_cut_off(self.linked, self.heard_at, now)
    }

    /// Whether a rollback is accepted, or goes from here: `R` shows how far it is. One that nobody can read any more is
    /// asked for again.
    pub fn is_being_done(&self, status: Option<&Status>, now: Mono) -> bool {
        let keeper_follows = !self.is_cut_off(now);
        let by_keeper = status
            .and_then(|status| status.snapshot.rollback.as_ref())
            .is_some_and(|rollback| if keeper_follows { !rollback.is_unread } else { rollback.confirmed.is_some() });
        let is_passed_by =
            |direct: &Direct| keeper_follows && status.is_some_and(|status| direct.is_passed_by(&status.snapshot, now));
        by_keeper || self.direct.as_ref().is_some_and(|direct| !direct.may_be_tried_again() && !is_passed_by(direct))
    }

    /// A direct rollback from here, where it is the newest word: the keeper is cut off, or knows of none.
    pub fn direct_now(&self, snapshot: &Snapshot, now: Mono) -> Option<&Direct> {
        self.direct.as_ref().filter(|_| self.is_cut_off(now) || snapshot.rollback.is_none())
    }

    /// Nothing is confirmed that cannot be shown; says so.
    pub(super) fn is_too_small(&mut self, now: Mono) -> bool {
        let too_small = self.size.is_some_and(|(width, height)| width < WIDTH_MIN || height < HEIGHT_MIN);
        if too_small {
            self.flash(format!("too small: {WIDTH_MIN}x{HEIGHT_MIN} needed; or warroom rollback"), now);
        }
        too_small
    }

    /// Says why this console cannot act at all, if it cannot.
    pub(super) fn refused_here(&mut self, now: Mono, status: Option<&Status>, rights: Rights) -> bool {
        let refusal = self.refusal(status, rights);
        let is_refused = refusal.is_some();
        if let Some(why) = refusal {
            self.flash(why, now);
        }
        is_refused
    }

    /// Why this console cannot act at all, if it cannot.
    pub(super) fn refusal(&self, status: Option<&Status>, rights: Rights) -> Option<String> {
        if rights == Rights::ReadOnly && self.granted == Rights::Full {
            return Some("read-only console: :readonly off gives it its rights back".to_owned());
        }
        if rights == Rights::ReadOnly {
            if let Some(why) = &self.estranged {
                return Some(format!("only R works: {why}"));
            }
            return Some(format!("read-only console: ask {}", driver_words(status)));
        }
        let watches = status.is_some_and(|s| s.snapshot.phase == Phase::Observing);
        watches.then(|| "this keeper only watches: it holds no write path".to_owned())
    }

    /// What rolls back where `R` of this console does not: nothing on the screen may promise it then. `None` where it
    /// arms. A run that has ended is nobody's: its balancer may be another run's by now, and a shell finds that one.
    pub fn instead_of_rollback(&self, status: Option<&Status>, rights: Rights) -> Option<String> {
        let phase = status.map(|status| status.snapshot.phase);
        if matches!(phase, Some(Phase::Observing | Phase::Ended)) {
            return Some("warroom rollback PLAN in a shell".to_owned());
        }
        match (self.rights_back(rights), self.granted) {
            (Rights::Full, _) => None,
            (Rights::ReadOnly, Rights::Full) => Some(":readonly off, then R".to_owned()),
            (Rights::ReadOnly, Rights::ReadOnly) => Some(format!("{} rolls back", driver_words(status))),
        }
    }

    pub(super) fn press_hold(&mut self, now: Mono, status: Option<&Status>, rights: Rights) {
        if self.refused_here(now, status, rights) {
            return;
        }
        if !self.linked {
            self.flash("NOT HELD: the keeper is not connected; nothing is queued", now);
            return;
        }
        if self.hold_pressed.is_some() {
            return;
        }
        if self.other_key_at.is_some_and(|at| now.since(at) <= HOLD_BEFORE) {
            self.flash("NOT HELD: press H again; another key came just before", now);
            return;
        }
        self.hold_pressed = Some(now);
    }

    pub(super) fn open_advance(&mut self, now: Mono, status: Option<&Status>, rights: Rights) {
        if self.refused_here(now, status, rights) || self.is_too_small(now) {
            return;
        }
        match status {
            Some(status) if self.linked => self.open_forward(&status.snapshot, now),
            _ => self.flash("nothing opened: the keeper was not connected", now),
        }
    }

    pub(super) fn open_forward(&mut self, snapshot: &Snapshot, now: Mono) {
        self.dialog = Some(match self.way(snapshot, now) {
            Way::Advance => Dialog::advance(snapshot, now),
            Way::Resume => Dialog::resume(snapshot, now),
            Way::Locked(_) => Dialog::locked(now),
        });
    }

    pub(super) fn open_reassert(&mut self, now: Mono, status: Option<&Status>, rights: Rights) {
        if self.refused_here(now, status, rights) || self.is_too_small(now) {
            return;
        }
        match status {
            Some(status) if self.linked => self.show_reassert(&status.snapshot, now),
            _ => self.flash("nothing opened: the keeper was not connected", now),
        }
    }

    pub(super) fn show_reassert(&mut self, snapshot: &Snapshot, now: Mono) {
        let is_locked = self.reassert_lock(snapshot, now).is_some();
        self.dialog = Some(Dialog::reassert((!is_locked).then_some(snapshot), now));
    }

    /// Why what the run last set cannot be set again from here as of now, if it cannot.
    pub fn reassert_lock(&self, snapshot: &Snapshot, now: Mono) -> Option<forward::Lock> {
        let old = fresh::too_old(self.linked, self.heard_at, snapshot, now);
        forward::reassert_lock(snapshot, self.me.as_ref(), old)
    }

    /// What `A` comes to as of now.
    pub fn way(&self, snapshot: &Snapshot, now: Mono) -> Way {
        forward::way(snapshot, self.me.as_ref(), fresh::too_old(self.linked, self.heard_at, snapshot, now))
    }

    pub(super) fn open_take(&mut self, now: Mono, status: Option<&Status>, rights: Rights) {
        if self.refused_here(now, status, rights) || self.is_too_small(now) {
            return;
        }
        match status.and_then(|status| status.snapshot.people.driver.as_ref()) {
            Some(driver) if self.me.as_ref().is_some_and(|me| driver.is(me)) => self.flash("you drive already", now),
            Some(driver) => self.dialog = Some(Dialog::take(&driver.name, now)),
            None => self.flash("nobody drives: A takes the seat", now),
        }
    }

    /// A key in an open panel: what it does on the main screen where the panel is only read, or what the panel makes of it.
    pub(super) fn dialog_key(
        &mut self,
        key: &KeyEvent,
        now: Mono,
        status: Option<&Status>,
        rights: Rights,
        acts: &mut Vec<Act>,
    ) {
        let Some(dialog) = &mut self.dialog else { return };
        dialog.touch(now);
        if dialog.acts() && self.refused_here(now, status, self.rights_of_panel(rights)) {
            self.dialog = None;
            return;
        }
        if self.is_writing() {
            return self.note_key(key, now);
        }
        if self.read_key(key, now, status, rights, acts) {
            return;
        }
        let Some(dialog) = &mut self.dialog else { return };
        let takes_text = dialog.is_field() || dialog.binds(key);
        let reply = dialog.key(key, now);
        if !takes_text {
            self.note_unbound(key, now);
        }
        match reply {
            Reply::Stay => {}
            Reply::Flash(words) => self.flash(words, now),
            Reply::Beside | Reply::MainScreen => {
                if matches!(reply, Reply::MainScreen) {
                    self.dialog = None;
                }
                if let Some(action) = self.keymap.action_of(key) {
                    self.act(action, key, now, status, rights, acts);
                }
            }
            Reply::Close(words) => {
                self.dialog = None;
                if let Some(words) = words {
                    self.flash(words, now);
                }
            }
            Reply::Override => self.open_override(status, now),
            Reply::Reason => self.open_reason(now, status, rights),
            Reply::Send(command, what) => self.send_from_panel(command, what, now, status, rights, acts),
            Reply::Restart => acts.push(Act::Restart),
        }
    }

    /// What this console may do in the open panel.
    fn rights_of_panel(&self, rights: Rights) -> Rights {
        let goes_back = self.dialog.as_ref().is_some_and(|dialog| matches!(dialog.kind, Kind::RollBack { .. }));
        if goes_back { self.rights_back(rights) } else { rights }
    }

    /// A key of the main screen in a panel that is only read; whether it was one that means something there.
    fn read_key(
        &mut self,
        key: &KeyEvent,
        now: Mono,
        status: Option<&Status>,
        rights: Rights,
        acts: &mut Vec<Act>,
    ) -> bool {
        let Some(dialog) = &mut self.dialog else { return false };
        let is_read = !dialog.acts() && !dialog.is_field() && !dialog.binds(key);
        let Some(action) = self.keymap.action_of(key).filter(|_| is_read) else { return false };
        let goes_on = if action.is_for_any_panel() {
            true
        } else if action == Action::CommandLine {
            // The band names commands where a lock or a rollback is read.
            self.dialog = None;
            true
        } else if action == Action::Help && dialog.zoom() {
            // What opens the help zooms it, as a panel's digit does, and then closes it.
            false
        } else if matches!(action, Action::Help | Action::Quit) {
            let (is_help, is_progress) =
                (matches!(dialog.kind, Kind::Help { .. }), matches!(dialog.kind, Kind::Progress));
            self.dialog = None;
            is_progress || !is_help && action == Action::Help
        } else {
            return false;
        };
        if goes_on {
            self.act(action, key, now, status, rights, acts);
        }
        true
    }

    /// Sends what a panel came to, unless that cannot be done from here, or is decided on an old picture.
    fn send_from_panel(
        &mut self,
        command: Command,
        what: &'static str,
        now: Mono,
        status: Option<&Status>,
        rights: Rights,
        acts: &mut Vec<Act>,
    ) {
        if self.refused_here(now, status, self.rights_of_panel(rights)) {
            return;
        }
        // What was typed is not thrown away with an attempt that cannot be made.
        if matches!(command, Command::Note { .. }) && !self.linked {
            self.flash(format!("{what}: NOT SENT, the keeper is not connected; nothing is queued"), now);
            return;
        }
        let forward = self.dialog.as_ref().is_some_and(Dialog::goes_forward);
        if let Some(why) = status.filter(|_| forward).and_then(|status| self.too_old(&status.snapshot, now)) {
            self.flash(format!("{what} NOT SENT: {why}"), now);
            return;
        }
        let seen = self.dialog.take().and_then(|dialog| dialog.seen().cloned());
        // An override is bound to no picture: its answer must not open what an earlier command was sent from.
        if forward {
            self.sent_on = seen;
        }
        self.send(command, what, now, acts);
    }

    pub(super) fn open_help(&mut self, status: Option<&Status>, now: Mono) {
        let (starts, rows) = super::manual::starts(&self.keymap, status);
        self.dialog = Some(Dialog::help(starts, rows, now));
    }

    fn open_override(&mut self, status: Option<&Status>, now: Mono) {
        let Some(status) = status else { return };
        match self.way(&status.snapshot, now) {
            Way::Locked(lock) if lock.can_override => self.dialog = Some(Dialog::override_fields(status, now)),
            Way::Locked(_) => self.flash("this cannot be overridden", now),
            Way::Advance | Way::Resume => self.flash("unlocked: press A", now),
        }
    }

    /// Why nothing forward may be decided on this picture.
    pub(super) fn too_old(&self, snapshot: &Snapshot, now: Mono) -> Option<crate::domain::Clean> {
        fresh::too_old(self.linked, self.heard_at, snapshot, now).into_iter().next()
    }

    pub(super) fn ask(&mut self, does: Deed, what: &'static str, words: impl Into<Cow<'static, str>>, now: Mono) {
        if !self.is_too_small(now) {
            self.dialog = Some(Dialog::of_command(does, what, words, now));
        }
    }
}

/// Whom to ask.
fn driver_words(status: Option<&Status>) -> String {
    let driver = status.and_then(|status| status.snapshot.people.driver.as_ref());
    driver.map_or_else(|| "the driver".to_owned(), |driver| driver.name.to_string())
}
