//! What time and the keeper's news change on the desk.

use super::{Act, Desk, Dialog, HOLD_AFTER};
use crate::domain::Mono;
use crate::engine::{Command, Phase, Snapshot};
use crate::wire::{ACKNOWLEDGE_WAIT, Status};

impl Desk {
    pub(super) fn pass_time(&mut self, now: Mono, status: Option<&Status>, acts: &mut Vec<Act>) {
        if self.hold_pressed.is_some_and(|at| now.since(at) >= HOLD_AFTER) {
            self.hold_pressed = None;
            self.send(Command::Hold, "hold", now, acts);
        }
        if let Some(sent) = self.sent.take_if(|sent| now.since(sent.at) >= ACKNOWLEDGE_WAIT) {
            self.flash(format!("{}: UNKNOWN, the keeper does not answer; not repeated by itself", sent.what), now);
        }
        if let Some(sent) = self.rollback_sent.take_if(|sent| now.since(sent.at) >= ACKNOWLEDGE_WAIT) {
            self.direct_rollback("the keeper did not acknowledge in 1 s", sent.typed, now, acts);
        }
        self.tell_direct(now, acts);
        self.worry(now, status, acts);
        if let Some(status) = status {
            self.retire_direct(&status.snapshot, now, acts);
            self.follow_rollback(&status.snapshot, now, acts);
            self.follow_end(&status.snapshot, now, acts);
            self.follow_forward(&status.snapshot, now);
            self.follow_seat(&status.snapshot, now, acts);
        }
    }

    fn follow_rollback(&mut self, snapshot: &Snapshot, now: Mono, acts: &mut Vec<Act>) {
        if let Some(rollback) = &snapshot.rollback
            && !self.rollback_seen
            && !self.rollback_is_own
        {
            if self.dialog.as_ref().is_some_and(Dialog::acts) {
                self.dialog = Some(Dialog::progress(now));
                self.flash(format!("{} rolls back", rollback.by), now);
            }
            self.ring(now, acts);
        }
        self.rollback_seen = snapshot.rollback.is_some();
    }

    fn follow_end(&mut self, snapshot: &Snapshot, now: Mono, acts: &mut Vec<Act>) {
        let is_final = matches!(snapshot.phase, Phase::RolledBack | Phase::Complete | Phase::Ended);
        if is_final && !self.final_seen {
            self.ring(now, acts);
            if snapshot.phase == Phase::Ended && self.dialog.as_ref().is_some_and(Dialog::acts) {
                self.dialog = None;
                self.flash("the run has ended", now);
            }
        }
        self.final_seen = is_final;
    }

    /// A panel that would go forward is bound to what it was opened on, and to a picture of now.
    pub(super) fn follow_forward(&mut self, snapshot: &Snapshot, now: Mono) {
        let lost_race = std::mem::take(&mut self.reopen_advance);
        let sent_on = if lost_race { self.sent_on.take() } else { None };
        let open = self.dialog.as_ref().and_then(Dialog::seen);
        if open.is_some()
            && let Some(why) = self.too_old(snapshot, now)
        {
            let reasserts = open.is_some_and(|seen| seen.reasserts);
            self.dialog = Some(if reasserts { Dialog::reassert(None, now) } else { Dialog::locked(now) });
            self.flash(format!("{} locked: {why}", if reasserts { ":reassert" } else { "A" }), now);
            return;
        }
        let outdated = open.filter(|seen| seen.generation != snapshot.generation).or(sent_on.as_ref());
        if outdated.is_some() || lost_race {
            let reasserts = outdated.is_some_and(|seen| seen.reasserts);
            let difference = outdated.map_or_else(|| "meanwhile".to_owned(), |seen| seen.difference(snapshot));
            // What was opened meanwhile stays: a `y` that was meant for it must never find an advance in its place.
            if open.is_none() && self.is_occupied() {
                let looks = if reasserts { ":reassert" } else { "A" };
                self.flash(format!("not sent forward: changed: {difference}; {looks} looks again"), now);
                return;
            }
            if reasserts {
                self.show_reassert(snapshot, now);
            } else {
                self.open_forward(snapshot, now);
            }
            self.flash(format!("changed: {difference}; look again"), now);
        }
    }

    /// Whoever loses the seat sees and hears it.
    fn follow_seat(&mut self, snapshot: &Snapshot, now: Mono, acts: &mut Vec<Act>) {
        let driver = snapshot.people.driver.as_ref();
        let is_mine = self.me.as_ref().is_some_and(|me| snapshot.people.is_driver(me));
        if let Some(driver) = driver.filter(|_| self.drove && !is_mine) {
            self.lost_seat = true;
            self.flash(format!("{} took control: you watch now; T takes it back", driver.name), now);
            self.ring(now, acts);
        }
        self.lost_seat &= !is_mine;
        self.drove = is_mine;
    }
}
