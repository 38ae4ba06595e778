//! The way back. Accepted once, it supersedes everything and never gives up by itself.

use super::planted::{Bug, planted};
use super::{Direction, Effect, Engine, Fact, Mode, Phase, Severity, Shift, WakeReason, WriteResult, share};
use crate::domain::{Clean, EffectId, Mono, Person, Role, Setting, Split, Wall};
use std::time::Duration;

/// How long a rollback waits for the disk before it goes out without: the disk's worst seen sync was 24 ms.
pub const DISK_WAIT: Duration = Duration::from_millis(20);
/// First wait before an attempt is repeated.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// Longest wait between attempts; attempts themselves have no limit.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Earlier settings of one rollback that are remembered: each but the first was adopted by a person.
const EARLIER_MAX: usize = 16;

/// A rollback from its acceptance to its end.
#[derive(Debug, Clone)]
pub(super) struct Rollback {
    pub by: Person,
    pub reason: Clean,
    pub automatic: bool,
    /// When it was accepted, or taken up by this process.
    pub accepted: Mono,
    pub accepted_wall: Wall,
    /// How long ago it had been accepted when this process took it up.
    pub before: Duration,
    pub from: Option<Split>,
    pub setting: Setting,
    /// What it was accepted with and what was adopted since, but for the newest: another rollback of this run, past its
    /// keeper, may be sending one of them.
    earlier: Vec<Setting>,
    /// The record on its way to the disk, and until when the first write waits for it.
    journal: Option<(EffectId, Mono)>,
    /// Whether it went out before its record was on disk.
    pub ahead_of_journal: bool,
    pub attempts: u32,
    /// Attempts since the last agreeing read: each doubles the wait before the next.
    tries: u32,
    writing: Option<EffectId>,
    retry_at: Option<Mono>,
    /// Until then the balancer is read before anything is sent again: after an attempt that failed, and when the
    /// rollback was begun by another process.
    look_until: Option<Mono>,
    /// Confirmed before this process began, and not seen to be undone: sent again only once something else was read.
    was_confirmed: bool,
    pub sent: Option<Mono>,
    /// When the first attempt was sent that nobody has read back yet.
    sent_unread: Option<Mono>,
    /// When the newest attempt was sent.
    newest_send: Option<Mono>,
    /// When the newest attempt ended: until then its own half-way states are expected.
    newest_end: Option<Mono>,
    pub acknowledged: Option<Mono>,
    pub last_error: Option<Clean>,
    /// The first agreeing read since something else was there.
    pub read_back: Option<Mono>,
    agreeing_since: Option<Mono>,
    pub confirmed: Option<Mono>,
    pub rolled_back: Option<Mono>,
    /// Until when a step, a re-assert or a rehearsal that was under way may still land.
    forward_lands_until: Mono,
    /// A setting that this run has no name for: nothing is sent over it.
    pub foreign: Option<(Mono, Setting)>,
}

impl Rollback {
    /// Accepted and not sent yet.
    fn new(
        by: Person,
        reason: Clean,
        automatic: bool,
        (accepted, accepted_wall): (Mono, Wall),
        from: Option<Split>,
        setting: Setting,
        journal: Option<(EffectId, Mono)>,
    ) -> Self {
        Self {
            by,
            reason,
            automatic,
            accepted,
            accepted_wall,
            before: Duration::ZERO,
            from,
            setting,
            earlier: Vec::new(),
            journal,
            ahead_of_journal: false,
            attempts: 0,
            tries: 0,
            writing: None,
            retry_at: None,
            look_until: None,
            was_confirmed: false,
            sent: None,
            sent_unread: None,
            newest_send: None,
            newest_end: None,
            acknowledged: None,
            last_error: None,
            read_back: None,
            agreeing_since: None,
            confirmed: None,
            rolled_back: None,
            forward_lands_until: accepted,
            foreign: None,
        }
    }

    /// Takes another setting for its own.
    pub fn adopt(&mut self, setting: Setting) {
        self.earlier.push(std::mem::replace(&mut self.setting, setting));
        self.earlier.retain(|earlier| *earlier != self.setting);
        let excess = self.earlier.len().saturating_sub(EARLIER_MAX);
        self.earlier.drain(..excess);
    }

    pub fn phase(&self) -> Phase {
        match (self.confirmed, self.rolled_back) {
            (None, _) => Phase::RollingBack,
            (Some(_), None) => Phase::NewTrafficBack,
            (Some(_), Some(_)) => Phase::RolledBack,
        }
    }

    /// How long after its acceptance something was, whoever was its keeper then.
    pub fn after(&self, at: Mono) -> Duration {
        self.before + at.since(self.accepted)
    }

    pub fn is_confirmed(&self) -> bool {
        self.confirmed.is_some()
    }

    pub fn next_wake(&self) -> Option<(Mono, WakeReason)> {
        let overdue = self.journal.map(|(_, at)| (at, WakeReason::RollbackOverdue));
        overdue.or(self.due().map(|at| (at, WakeReason::RollbackRetry)))
    }

    /// When the next attempt goes out, unless a read says otherwise before. An attempt under way is waited for; what
    /// was confirmed before a restart waits for a read for as long as it takes.
    fn due(&self) -> Option<Mono> {
        let may_go = self.writing.is_none() && !(self.was_confirmed && self.look_until.is_some());
        let may_go = may_go && !(planted(Bug::GivesUp) && self.attempts >= 3);
        self.retry_at.filter(|_| may_go).map(|at| self.look_until.map_or(at, |until| at.max(until)))
    }

    /// Whether nothing is sent before a read asks for it.
    fn rests(&self) -> bool {
        let nothing_under_way = self.writing.is_none() && self.journal.is_none() && self.foreign.is_none();
        let waits_for_look = self.was_confirmed && self.look_until.is_some();
        nothing_under_way && (waits_for_look || self.retry_at.is_none())
    }

    /// What was read back is to be read anew.
    fn forget_reads(&mut self) {
        (self.read_back, self.agreeing_since) = (None, None);
        (self.confirmed, self.rolled_back) = (None, None);
    }

    /// Whether a read that began then can tell what the newest attempt has done, or that none was needed.
    fn can_judge(&self, started: Mono) -> bool {
        let nothing_under_way = self.writing.is_none() && self.journal.is_none();
        nothing_under_way && started >= self.newest_end.unwrap_or(self.accepted)
    }

    /// Whether a read that began then may still show what was there before the rollback.
    pub fn is_before_first_end(&self, started: Mono) -> bool {
        self.acknowledged.is_none() || self.attempts <= 1 && self.newest_end.is_none_or(|end| started < end)
    }

    /// How long to wait before the next attempt: doubling, half fixed and half spread, so that several
    /// keepers do not beat in step.
    fn pause(&self, spread: f64) -> Duration {
        let doubled = RETRY_FIRST * 2_u32.saturating_pow(self.tries.saturating_sub(1).min(8));
        doubled.min(RETRY_MAX).mul_f64(0.5 + spread * 0.5)
    }
}

impl Engine {
    /// Accepts a rollback. From here on nothing moves forward in this run. Whoever asks for it over another hand's setting
    /// has seen that on screen and means it.
    pub(super) fn accept_rollback(
        &mut self,
        by: &Person,
        reason: Clean,
        automatic: bool,
        over: Option<Setting>,
        out: &mut Vec<Effect>,
    ) {
        let baseline = self.baseline.as_ref().map(|b| b.setting.clone()).unwrap_or_default();
        let setting = share::all_stable(&self.layout, &baseline);
        let from = self.balancer.split();
        self.record_way_back(&setting);
        (self.drift, self.balancer.others) = (None, Setting::default());
        if let Some(over) = &over {
            self.ledger.record(over);
        }
        self.epoch.0 += 1;
        // What was decided in this very turn and has not left yet does not leave any more.
        out.retain(|effect| !matches!(effect, Effect::WriteSplit { direction: Direction::Forward, .. }));
        let shift = self.shift.take().filter(Shift::was_sent);
        let shift_lands_until = shift.map(|shift| shift.settles_at().unwrap_or(self.now + self.settling()));
        let forward_lands_until = shift_lands_until.max(self.end_rehearsal()).unwrap_or(self.now);
        self.held = None;
        self.propagation = None;
        self.approvals.clear();
        self.void_hooks();
        let fact = Fact::RollbackAccepted { reason: reason.clone(), from, setting: setting.clone(), automatic, over };
        let who = if automatic { "AUTOMATIC ROLLBACK".to_owned() } else { format!("{by} rolls back") };
        let text = format!("{who} to {}: {reason}", self.environment(Role::Stable));
        let journal = self.say(Severity::Critical, Some(by), text, fact, out);
        let wait = if planted(Bug::WaitsLongForDisk) { DISK_WAIT * 5 } else { DISK_WAIT };
        let waits = Some((journal, self.now + wait));
        let began = (self.now, self.wall);
        let rollback = Rollback::new(by.clone(), reason, automatic, began, from, setting, waits);
        self.rollback = Some(Rollback { forward_lands_until, ..rollback });
        self.stop_hooks_of_after(out);
    }

    /// The rollback's setting, and what a driver passes through on its way there: everything on stable first.
    fn record_way_back(&mut self, setting: &Setting) {
        self.ledger.record(setting);
        self.ledger.record(&share::all_stable(&self.layout, &Setting::default()));
    }

    /// A rollback that was accepted before the keeper was restarted goes on by itself, after a look at what
    /// has become of it: by now somebody may have set something else.
    pub(super) fn resume_rollback(
        &mut self,
        entry: &super::Entry,
        reason: Clean,
        from: Option<Split>,
        setting: Setting,
        automatic: bool,
    ) {
        self.epoch.0 += 1;
        self.shift = None;
        self.held = None;
        self.void_hooks();
        self.record_way_back(&setting);
        let by = entry.by.clone().unwrap_or_else(Person::keeper);
        let mut rollback = Rollback::new(by, reason, automatic, (self.now, entry.wall), from, setting, None);
        rollback.before = self.age_of(entry);
        rollback.retry_at = Some(self.now);
        rollback.look_until = Some(self.now + self.plan.traffic.timeout);
        rollback.forward_lands_until = self.now + self.settling();
        self.rollback = Some(rollback);
    }

    pub(super) fn rollback_journaled(&mut self, id: EffectId) {
        // On disk or refused by it: either way there is nothing more to wait for.
        if self.rollback.as_ref().and_then(|rollback| rollback.journal).is_some_and(|(journal, _)| journal == id) {
            self.rollback_may_go(self.journal_trouble.is_some());
        }
    }

    /// The disk is not waited for any more. A look that came back while it was could not judge, so there is another.
    fn rollback_may_go(&mut self, ahead_of_journal: bool) {
        let Some(rollback) = &mut self.rollback else { return };
        (rollback.journal, rollback.ahead_of_journal) = (None, ahead_of_journal);
        rollback.retry_at = Some(self.now);
        if rollback.look_until.is_some() {
            self.balancer.read_soon(self.now);
        }
    }

    /// Takes a write's outcome if the write was the rollback's.
    pub(super) fn rollback_written(&mut self, id: EffectId, result: &WriteResult, out: &mut Vec<Effect>) -> bool {
        let spread = self.spread();
        let Some(rollback) = &mut self.rollback else { return false };
        if rollback.writing != Some(id) {
            return false;
        }
        rollback.writing = None;
        rollback.newest_end = Some(self.now);
        match result {
            WriteResult::Accepted | WriteResult::AcceptedBut(_) => {
                if rollback.acknowledged.is_none() {
                    rollback.acknowledged = Some(self.now);
                    self.tempo.to_balancer = rollback.sent.map(|sent| self.now.since(sent));
                }
                let remark = result.words().map(Clean::new);
                let is_new = rollback.last_error != remark;
                rollback.last_error.clone_from(&remark);
                if let Some(remark) = remark.filter(|_| is_new) {
                    let text =
                        format!("rollback attempt {} was accepted, and not read back yet: {remark}", rollback.attempts);
                    self.say(Severity::Critical, None, text, Fact::Line, out);
                }
            }
            WriteResult::Refused(why) | WriteResult::Unknown(why) | WriteResult::NotSent(why) => {
                // Under a foreign setting nothing is sent until somebody asks for it; so before it is sent again the
                // balancer is read, or one attempt's time has passed.
                if rollback.foreign.is_none() {
                    rollback.retry_at = Some(self.now + rollback.pause(spread));
                    rollback.look_until = Some(self.now + self.plan.traffic.timeout);
                }
                let is_new = rollback.last_error.as_ref() != Some(why);
                rollback.last_error = Some(why.clone());
                if is_new {
                    let text = format!("rollback attempt {} failed: {why}; still trying", rollback.attempts);
                    self.say(Severity::Critical, None, text, Fact::Line, out);
                }
            }
        }
        self.balancer.read_soon(self.now);
        true
    }

    /// The balancer was read after a rollback was accepted. `setting` lacks the nodes that did not answer.
    pub(super) fn rollback_seen(&mut self, started: Mono, setting: &Setting, whole: bool, out: &mut Vec<Effect>) {
        let spread = self.spread();
        let explained = self.ledger.explains(setting) || planted(Bug::SentOverForeign);
        let now = self.now;
        let Some(rollback) = &mut self.rollback else { return };
        if whole && rollback.earlier.contains(setting) && rollback.can_judge(started) {
            return self.rollback_yields(setting.clone(), out);
        }
        // A foreign setting is gone only when the nodes that held it say so.
        let hidden = |(_, foreign): &(Mono, Setting)| foreign.0.keys().any(|slot| !setting.0.contains_key(slot));
        let foreign_may_be_there = rollback.foreign.as_ref().is_some_and(hidden);
        let agrees = setting.0.iter().all(|(slot, weight)| rollback.setting.0.get(slot) == Some(weight));
        if agrees && whole {
            rollback.foreign = None;
            // A read that began before the newest attempt can only repeat what was there then.
            let tells = rollback
                .newest_send
                .map_or(rollback.can_judge(started), |sent| started >= sent || planted(Bug::OldReadConfirms));
            if tells {
                (rollback.retry_at, rollback.look_until, rollback.tries) = (None, None, 0);
                self.rollback_agrees(started, out);
            }
            return;
        }
        if agrees {
            // What answered is right; what did not is written to until it answers.
            if !foreign_may_be_there && rollback.foreign.take().is_some() {
                rollback.retry_at = Some(now);
            }
            return;
        }
        // What was read back, and confirmed, is so no longer.
        let was_read_back = rollback.read_back.take_if(|_| !planted(Bug::ReadBackStays)).is_some();
        let is_undone = explained && (was_read_back || rollback.was_confirmed);
        (rollback.agreeing_since, rollback.confirmed, rollback.rolled_back) = (None, None, None);
        self.tempo.confirmed = None;
        if rollback.can_judge(started) {
            rollback.look_until = None;
            if !explained {
                return self.rollback_meets_foreign(setting, out);
            }
            if foreign_may_be_there {
                return;
            }
            rollback.foreign = None;
            if rollback.retry_at.is_none() && !planted(Bug::NotSentAgain) {
                // The first is sent at once; after that a balancer that is late must not be flooded.
                let pause = if rollback.tries == 0 { Duration::ZERO } else { rollback.pause(spread) };
                rollback.retry_at = Some(now + pause);
            }
        }
        if is_undone {
            // Also for the next keeper: what was confirmed once is an interrupted rollback now.
            rollback.was_confirmed = false;
            let text = format!(
                "an earlier setting of this run is back on the balancer ({setting}); sending the rollback again"
            );
            self.say(Severity::Critical, None, text, Fact::RollbackUndone, out);
        }
    }

    /// Somebody adopted another hand's setting, and now there is what the rollback wrote before. Both leave the candidate
    /// nothing; a rollback past the keeper may still be sending this one, and the two would undo each other without end.
    fn rollback_yields(&mut self, setting: Setting, out: &mut Vec<Effect>) {
        let Some(rollback) = &mut self.rollback else { return };
        rollback.adopt(setting.clone());
        (rollback.retry_at, rollback.look_until, rollback.foreign) = (None, None, None);
        rollback.forget_reads();
        self.tempo.confirmed = None;
        let text = format!("{setting} is there again instead of what was adopted: it stays, all traffic on stable");
        self.say(Severity::Warn, None, text, Fact::Adopted { setting, split: Split::ALL_STABLE }, out);
        self.balancer.read_soon(self.now);
    }

    fn rollback_meets_foreign(&mut self, setting: &Setting, out: &mut Vec<Effect>) {
        let now = self.now;
        let Some(rollback) = &mut self.rollback else { return };
        (rollback.retry_at, rollback.look_until) = (None, None);
        if rollback.foreign.as_ref().is_none_or(|(_, seen)| seen != setting) {
            rollback.foreign = Some((now, setting.clone()));
            let text = format!("FOREIGN: somebody else set {setting}; nothing is sent over it; :sendagain or :adopt");
            self.say(Severity::Critical, None, text, Fact::Foreign { setting: setting.clone() }, out);
        }
    }

    /// The balancer did not answer, in whole or in part: what was accepted but never seen is sent again.
    pub(super) fn rollback_unseen(&mut self, started: Mono) {
        let (now, spread) = (self.now, self.spread());
        let Some(rollback) = &mut self.rollback else { return };
        if rollback.can_judge(started) && !rollback.was_confirmed {
            rollback.look_until = None;
        }
        let seen_before = rollback.agreeing_since.is_some() || rollback.confirmed.is_some() || rollback.was_confirmed;
        let waits = rollback.writing.is_some() || rollback.journal.is_some() || rollback.retry_at.is_some();
        if !seen_before && !waits && rollback.foreign.is_none() {
            rollback.retry_at = Some(now + rollback.pause(spread));
        }
    }

    fn rollback_agrees(&mut self, started: Mono, out: &mut Vec<Effect>) {
        let lateness = self.plan.traffic.lateness;
        let now = self.now;
        let Some(rollback) = &mut self.rollback else { return };
        if planted(Bug::ConfirmationRestarts) {
            rollback.agreeing_since = None;
        }
        let since = *rollback.agreeing_since.get_or_insert(now);
        // What went wrong on the way is in the log.
        rollback.last_error = None;
        let is_first = rollback.read_back.is_none();
        if is_first {
            rollback.read_back = Some(now);
            self.sampling.restart();
            let after = rollback.after(now).as_secs_f64();
            // What another hand, or another keeper, sent, nobody here has measured.
            let (sent, from) = (rollback.sent_unread.take(), rollback.from);
            self.tempo.read_back = sent.map(|sent| now.since(sent)).or(self.tempo.read_back);
            let text = format!("candidate 0% read back +{after:.1} s; confirming over {} s", lateness.as_secs());
            self.say(Severity::Info, None, text, Fact::RollbackReadBack, out);
            if let Some(from) = from.filter(|from| *from != Split::ALL_STABLE) {
                self.await_propagation(sent, from, Split::ALL_STABLE);
            }
        }
        let Some(rollback) = &mut self.rollback else { return };
        // From the end of the first agreeing read to the beginning of this one nothing else can have been there
        // at either end; an older write lands at the latest one window after the acceptance.
        let spans = started.since(since) >= lateness
            && started.since(rollback.accepted) >= lateness
            && started >= rollback.forward_lands_until;
        if (spans || planted(Bug::OneReadConfirms)) && rollback.confirmed.is_none() {
            rollback.confirmed = Some(now);
            self.tempo.confirmed = Some(rollback.after(now)).filter(|_| rollback.before.is_zero());
            let after = rollback.after(now).as_secs_f64();
            let text =
                format!("rollback confirmed +{after:.1} s: new traffic is on {}", self.environment(Role::Stable));
            self.say(Severity::Info, None, text, Fact::RollbackConfirmed, out);
        }
    }

    pub(super) fn pass_rollback(&mut self, out: &mut Vec<Effect>) {
        self.pass_rollback_writes(out);
        let is_new = |rollback: &Rollback| rollback.confirmed.is_some() && rollback.rolled_back.is_none();
        let ends = self.rollback.as_ref().is_some_and(is_new) && self.candidate_is_at_floor();
        if let Some(rollback) = self.rollback.as_mut().filter(|_| ends) {
            rollback.rolled_back = Some(self.now);
            let after = rollback.after(self.now).as_secs_f64();
            let text = format!("ROLLED BACK +{after:.1} s: all traffic is on {}", self.environment(Role::Stable));
            self.say(Severity::Info, None, text, Fact::RolledBack, out);
        }
    }

    fn pass_rollback_writes(&mut self, out: &mut Vec<Effect>) {
        let now = self.now;
        let some_down = planted(Bug::WaitsForUnready) && self.slots_up(Role::Stable).is_some_and(|(up, all)| up < all);
        let waits_until = self.rollback.as_ref().and_then(|rollback| rollback.journal).map(|(_, until)| until);
        if waits_until.is_some_and(|until| now >= until) && !planted(Bug::WaitsForDisk) {
            self.rollback_may_go(true);
            let text = "the rollback goes out at once, and its record follows: the disk is slow";
            self.say(Severity::Warn, None, text, Fact::Line, out);
        }
        let Some(rollback) = &mut self.rollback else { return };
        if some_down {
            return;
        }
        if rollback.due().is_none_or(|at| now < at) {
            return;
        }
        let setting = rollback.setting.clone();
        let id = self.new_effect();
        let Some(rollback) = &mut self.rollback else { return };
        (rollback.retry_at, rollback.look_until) = (None, None);
        rollback.writing = Some(id);
        rollback.attempts += 1;
        rollback.tries += 1;
        rollback.was_confirmed = false;
        rollback.sent.get_or_insert(now);
        rollback.sent_unread.get_or_insert(now);
        rollback.newest_send = Some(now);
        out.push(Effect::WriteSplit { id, epoch: self.epoch, direction: Direction::Back, setting, tag: None });
    }

    /// What the journal says of a foreign setting, after a restart.
    pub(super) fn fold_foreign(&mut self, setting: Option<&Setting>) {
        let now = self.now;
        let look_until = now + self.plan.traffic.timeout;
        if let Some(rollback) = &mut self.rollback {
            rollback.foreign = setting.map(|setting| (now, setting.clone()));
            (rollback.retry_at, rollback.look_until) = match setting {
                Some(_) => (None, None),
                None => (Some(now), Some(look_until)),
            };
        }
    }

    /// And whether it was confirmed, and has not come undone since.
    pub(super) fn fold_confirmed(&mut self, is_confirmed: bool) {
        if let Some(rollback) = &mut self.rollback {
            rollback.was_confirmed = is_confirmed;
        }
    }

    /// Whether it was seen to be there, nothing is on its way, and nobody can tell whether it still is.
    pub(super) fn back_is_unread(&self) -> bool {
        let is_unread = self.balancer.may_be_otherwise() || !self.balancer_is_known();
        is_unread && self.rollback.as_ref().is_some_and(Rollback::rests)
    }

    /// A person asks for one that was seen to be there, while nobody can tell whether it still is: it is an interrupted
    /// one again, for the next keeper too. A keeper that has not looked yet looks first; after that it goes out unread.
    pub(super) fn ask_again(&mut self, by: &Person, out: &mut Vec<Effect>) -> Option<Clean> {
        let is_unread = self.back_is_unread();
        let rollback = self.rollback.as_mut().filter(|_| is_unread)?;
        rollback.retry_at.get_or_insert(self.now);
        rollback.was_confirmed = false;
        rollback.forget_reads();
        self.tempo.confirmed = None;
        let text = format!("{by} asks for the rollback again: sent again, unless a look shows that it is still so");
        self.say(Severity::Warn, Some(by), &text, Fact::RollbackUndone, out);
        Some(text.into())
    }

    /// Sends over a foreign setting because somebody asked for it.
    pub(super) fn send_again(&mut self, by: &Person, out: &mut Vec<Effect>) -> Result<Clean, Clean> {
        let now = self.now;
        let Some(rollback) = &mut self.rollback else { return Err("no rollback is under way".into()) };
        let Some((_, setting)) = rollback.foreign.take() else {
            return Err(super::NOTHING_FOREIGN.into());
        };
        rollback.retry_at = Some(now);
        self.ledger.record(&setting);
        let text = format!("{by} sends the rollback over {setting}");
        self.say(Severity::Critical, Some(by), &text, Fact::SentAgain { setting }, out);
        Ok(text.into())
    }

    /// Takes the foreign setting as the rollback's own, when it leaves the candidate nothing.
    pub(super) fn adopt_in_rollback(&mut self, by: &Person, out: &mut Vec<Effect>) -> Result<Clean, Clean> {
        let foreign = self.rollback.as_ref().and_then(|rollback| rollback.foreign.clone());
        let Some((_, setting)) = foreign else { return Err("nothing foreign is there".into()) };
        if !share::is_all_stable(&self.layout, &setting) {
            return Err("it leaves traffic on the candidate, or a node with nobody to serve: :sendagain".into());
        }
        // It may have to be sent again, and could not be.
        if !share::is_whole(&self.layout, &setting) {
            return Err("its percentages do not make 100: :sendagain".into());
        }
        let Some(rollback) = &mut self.rollback else { return Err("no rollback is under way".into()) };
        rollback.adopt(setting.clone());
        rollback.foreign = None;
        self.ledger.record(&setting);
        let text = format!("{by} adopts {setting}: all traffic on stable by another hand");
        let fact = Fact::Adopted { setting, split: Split::ALL_STABLE };
        self.say(Severity::Warn, Some(by), &text, fact, out);
        self.balancer.read_soon(self.now);
        Ok(text.into())
    }

    /// Somebody rolled back without this keeper. It follows.
    pub(super) fn tombstone_found(&mut self, words: &Clean, out: &mut Vec<Effect>) {
        let follows = self.rollback.is_none() && !self.ended && self.mode == Mode::Drive;
        if follows && !planted(Bug::TombstoneIgnored) {
            let reason = Clean::new(format!("rolled back directly, without this keeper: {words}"));
            // Whoever did it saw no screen of this keeper, and what this one has read since may have been set after it.
            let over = self.others_on_screen().filter(|_| planted(Bug::TombstoneGoesOver));
            self.accept_rollback(&Person::keeper(), reason, false, over, out);
            // It has been sent already, by another hand, and time may have passed since.
            let look_until = self.now + self.plan.traffic.timeout;
            if let Some(rollback) = &mut self.rollback {
                rollback.look_until = Some(look_until);
            }
            self.balancer.read_soon(self.now);
        }
    }
}
