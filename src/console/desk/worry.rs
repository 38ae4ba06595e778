//! What is bad in a picture: the samples of the alarms, the bell, and the keys about them.

use super::alarms::{Condition, Level};
use super::keymap::Action;
use super::{Act, Desk, has_ended};
use crate::domain::{Clean, Mono, Role, Verdict};
use crate::engine::guardrail;
use crate::engine::{CheckView, GuardrailView, Phase, RollbackState, Snapshot};
use crate::wire::Status;
use std::time::Duration;

/// Time between two bells, whatever they are for: a bell that never stops is switched off by somebody.
pub const BELL_EVERY: Duration = Duration::from_secs(30);

fn condition(key: impl Into<String>, level: Level, words: impl AsRef<str>, said: &[&str]) -> Condition {
    let said = said.iter().map(|word| (*word).to_owned()).collect();
    Condition { key: key.into(), level, words: Clean::new(words), said }
}

/// Everything that needs an action, as of one snapshot.
pub(super) fn conditions(snapshot: &Snapshot) -> Vec<Condition> {
    let mut bad = of_the_run(snapshot);
    match snapshot.phase {
        // After a rollback the candidate's errors need nothing of anybody here.
        Phase::RollingBack | Phase::NewTrafficBack | Phase::RolledBack | Phase::Ended => {}
        Phase::Preflight
        | Phase::Ready
        | Phase::Shifting
        | Phase::Baking
        | Phase::Held
        | Phase::Complete
        | Phase::Observing => {
            bad.extend(
                snapshot.guardrails.iter().enumerate().filter_map(|(place, limit)| of_a_limit(place, limit, snapshot)),
            );
            // A drift is one alarm: the balancer's own check, which says the same, is no second one.
            // While a step is on its way the balancer holds what it did before it: that is no alarm at all.
            let is_said = |check: &CheckView| match check.verdict {
                Verdict::Fail => check.of_balancer && snapshot.drift.is_some(),
                Verdict::Warn => check.of_balancer && snapshot.phase == Phase::Shifting,
                Verdict::Pass | Verdict::Unknown => false,
            };
            let checks = snapshot.checks.iter().enumerate().filter(|(_, check)| !is_said(check));
            bad.extend(checks.filter_map(|(place, check)| of_a_check(place, check)));
            if snapshot.blind {
                bad.push(condition("blind", Level::Warn, "no fresh metrics of the candidate", &["BLIND"]));
            }
            if snapshot.rollback_target.ready == Some(false) {
                let words = format!("rollback target not ready: {}", snapshot.rollback_target.words);
                bad.push(condition("target", Level::Critical, words, &["NOT READY"]));
            }
        }
    }
    // Before traffic has moved nothing is urgent: it does not begin, and the panel says why.
    if matches!(snapshot.phase, Phase::Preflight | Phase::Ready) {
        for condition in &mut bad {
            condition.level = Level::Warn;
        }
    }
    bad
}

fn of_the_run(snapshot: &Snapshot) -> Vec<Condition> {
    let mut bad = Vec::new();
    let mut critical = |key: &str, words: String, said: &[&str]| bad.push(condition(key, Level::Critical, words, said));
    if let Some(why) = &snapshot.violation {
        critical("violation", format!("forward frozen: {why}"), &["forward frozen"]);
    }
    if let Some(why) = &snapshot.journal_trouble {
        critical("journal", format!("journal: {why}"), &["journal"]);
    }
    if let Some(drift) = &snapshot.drift {
        critical("drift", drift.words.to_string(), &["DRIFT"]);
    }
    if let Some(held) = snapshot.held.as_ref().filter(|held| held.automatic && snapshot.phase == Phase::Held) {
        critical("held", format!("held by itself: {}", held.why), &["HOLDING"]);
    }
    if let Some(rollback) = &snapshot.rollback {
        if rollback.state == RollbackState::Foreign {
            critical("foreign", "somebody else set the balancer; nothing is sent over it".to_owned(), &["FOREIGN"]);
        }
        if let Some(why) = rollback.last_error.as_ref().filter(|_| rollback.confirmed.is_none()) {
            critical("back", format!("rollback attempt {}: {why}", rollback.attempts), &["NOT IN EFFECT"]);
        }
    }
    bad
}

fn of_a_limit(place: usize, limit: &GuardrailView, snapshot: &Snapshot) -> Option<Condition> {
    let level = match limit.level {
        guardrail::Level::Quiet => return None,
        guardrail::Level::Warn => Level::Warn,
        guardrail::Level::Hold | guardrail::Level::RollBack => Level::Critical,
    };
    let (signal, chip) = (limit.signal.to_string(), snapshot.environments[limit.role].chip.as_str());
    let said: &[&str] = match limit.verdict {
        // What nobody can read must not be said as if it were over its limit; who is blind has said it of all of them.
        Verdict::Unknown if snapshot.blind && limit.role == Role::Candidate => &["BLIND"],
        Verdict::Unknown => &[&signal, chip, "?"],
        Verdict::Pass | Verdict::Warn | Verdict::Fail => &[&signal, chip],
    };
    Some(condition(format!("limit {place}"), level, limit.words.as_str(), said))
}

fn of_a_check(place: usize, check: &CheckView) -> Option<Condition> {
    let (level, word) = match (check.verdict, check.required) {
        (Verdict::Pass, _) => return None,
        (Verdict::Fail, true) => (Level::Critical, "FAIL"),
        (Verdict::Fail, false) => (Level::Warn, "FAIL"),
        (Verdict::Warn, _) => (Level::Warn, "WARN"),
        // Not asked yet and too few requests are no news; an answer that became old is.
        (Verdict::Unknown, _) if check.few || check.at.is_none() => return None,
        (Verdict::Unknown, _) => (Level::Warn, "OLD"),
    };
    Some(condition(
        format!("check {place}"),
        level,
        format!("{} {word} {}", check.name, check.detail),
        &[check.name.as_str()],
    ))
}

impl Desk {
    /// Takes a sample once a second and rings for what nobody has acknowledged.
    pub(super) fn worry(&mut self, now: Mono, status: Option<&Status>, acts: &mut Vec<Act>) {
        // What was wrong with going forward is over the moment the way back begins, and not a second later.
        let is_back = status.is_some_and(|status| status.snapshot.phase.is_back());
        let turned_back = is_back && !std::mem::replace(&mut self.worries_back, is_back);
        if (turned_back || self.alarms.is_due(now))
            && let Some(status) = status
        {
            if self.is_cut_off(now) && !has_ended(Some(status)) {
                let (words, said) = if self.linked {
                    ("the keeper is silent", "KEEPER SILENT")
                } else {
                    ("the keeper is gone", "KEEPER GONE")
                };
                self.alarms.sample(&[condition("keeper", Level::Critical, words, &[said])], false, now);
            } else {
                self.alarms.sample(&conditions(&status.snapshot), true, now);
            }
        }
        if self.alarms.rings() {
            self.ring(now, acts);
        }
    }

    /// Rings, unless it is muted or has rung just now.
    pub(super) fn ring(&mut self, now: Mono, acts: &mut Vec<Act>) {
        if !self.muted && self.rang_at.is_none_or(|at| now.since(at) >= BELL_EVERY) {
            self.rang_at = Some(now);
            acts.push(Act::Bell);
        }
    }

    /// `s`: whoever presses it has seen them; they stay on screen until they are over.
    pub(super) fn silence(&mut self, now: Mono) {
        let raised = self.alarms.raised().len();
        match (self.alarms.acknowledge(), raised) {
            (_, 0) => self.remark("no alarm to silence", now),
            (0, raised) => self.remark(format!("silenced already: {raised}, until over"), now),
            (_, raised) => self.remark(format!("silenced: {raised}; shown until over"), now),
        }
    }

    /// `m`: no bell at all.
    pub(super) fn mute(&mut self, now: Mono) {
        self.muted = !self.muted;
        let key = self.keymap.key_of(Action::Mute);
        self.remark(if self.muted { format!("bell MUTED; {key} again: on") } else { "bell on".to_owned() }, now);
    }
}
