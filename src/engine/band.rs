//! The one sentence: state, why, since when, what next.

use super::{Band, Engine, Gate, Phase, Severity};
use crate::domain::{Mono, Role, duration_words};
use crate::plan::Advance;
use std::time::Duration;

/// An accepted rollback that is not read back after this long is said not to have landed.
const NOT_LANDED_AFTER: Duration = Duration::from_secs(2);

impl Engine {
    pub(super) fn band(&self, gates: &[Gate]) -> Band {
        let phase = self.phase();
        let (severity, mut text) = self.band_text(phase, gates);
        let mut word = phase.word();
        let mut severity = severity;
        let goes_on = !phase.is_back() && !matches!(phase, Phase::Ended | Phase::Preflight | Phase::Ready);
        // What makes the rest of the sentence doubtful or dangerous comes first, in every phase.
        if goes_on && self.violation.is_none() && self.drift.is_none() {
            if self.is_blind() {
                if matches!(phase, Phase::Shifting | Phase::Baking) {
                    word = "BLIND";
                }
                severity = severity.max(Severity::Warn);
                if word != "BLIND" && !text.contains("BLIND") {
                    text = format!("{}  {text}", self.blind_words());
                }
            } else if self.stable_is_ready() == Some(false) {
                severity = Severity::Critical;
                text = format!("TARGET NOT READY: {}  {text}", self.environment(Role::Stable));
            }
        }
        if self.drift.is_some() && !phase.is_back() {
            word = "FROZEN";
        }
        if let Some(suspension) = self.suspension.as_ref().filter(|_| !phase.is_back()) {
            text = format!("AUTO-ROLLBACK OFF until {}  {text}", suspension.until_wall.clock());
        }
        Band { severity, word: word.into(), text: text.as_str().into() }
    }

    fn band_text(&self, phase: Phase, gates: &[Gate]) -> (Severity, String) {
        if let Some(why) = &self.violation {
            return (Severity::Critical, format!("R still rolls back; forward frozen: {why}"));
        }
        if let Some(drift) = self.drift.as_ref().filter(|_| !phase.is_back()) {
            let offer = if drift.is_towards_stable() { ":adopt :complete" } else { ":adopt  R rolls back" };
            let whose = if drift.own { "an earlier or half-applied write" } else { "not set by this run" };
            return (Severity::Critical, format!("DRIFT candidate {} → {}  {offer}  {whose}", drift.from, drift.to));
        }
        match phase {
            Phase::Preflight => (Severity::Info, Self::preflight_words(gates)),
            Phase::Ready => (Severity::Info, format!("every gate is open; press A, then y, for {}", self.next_words())),
            Phase::Shifting => {
                let going = self.shift.as_ref().map_or(self.current, |shift| self.plan.steps[shift.step].split);
                (Severity::Info, format!("{} → {going}: waiting for the read-back", self.current))
            }
            Phase::Baking => (Severity::Info, self.baking_words(gates)),
            Phase::Held => self.held_words(),
            Phase::Complete => (Severity::Info, self.complete_words()),
            Phase::RollingBack | Phase::NewTrafficBack | Phase::RolledBack => self.back_words(),
            Phase::Observing => {
                let split = self.balancer.split().map_or_else(|| "unknown".to_owned(), |s| s.to_string());
                (Severity::Info, format!("only watching, no write path; candidate {split}"))
            }
            Phase::Ended => (Severity::Info, "the run has ended; the split stays as it is".to_owned()),
        }
    }

    fn preflight_words(gates: &[Gate]) -> String {
        let closed: Vec<&Gate> = gates.iter().filter(|gate| !gate.is_open()).collect();
        match closed.first() {
            Some(first) => {
                let more = closed.len() - 1;
                let rest = if more == 0 { String::new() } else { format!("  +{more} more") };
                format!("waiting for {}: {}{rest}", first.name, first.detail)
            }
            None => "waiting".to_owned(),
        }
    }

    fn next_words(&self) -> String {
        self.next_step().map_or_else(|| "the end".to_owned(), |step| self.plan.steps[step].split.to_string())
    }

    fn baking_words(&self, gates: &[Gate]) -> String {
        let Some(position) = self.position else { return String::new() };
        let step = &self.plan.steps[position];
        if self.is_blind() {
            let words = self.blind_words();
            return format!("{}; values OLD; A locked; H R work", words.trim_start_matches("BLIND: "));
        }
        let bake = format!("bake {} of {}", clock_words(self.bake.healthy.min(step.bake)), clock_words(step.bake));
        let Some(next) = self.next_step() else { return format!("at {}  {bake}, the last", self.current) };
        // What is closed and not merely unfinished says why one cannot go on.
        if let Some(gate) = gates.iter().find(|gate| !gate.is_open() && gate.name.as_str() != "bake") {
            let name = if gate.name.as_str() == "limit" { String::new() } else { format!("{}: ", gate.name) };
            return format!("at {}  A locked: {name}{}", self.current, gate.detail);
        }
        let how = match (self.plan.advance, step.hold) {
            (_, true) => "hold point: A",
            (Advance::Manual, false) => "A",
            (Advance::Automatic, false) if self.driver_is_here() => "automatic",
            (Advance::Automatic, false) => "automatic, waits for the driver",
        };
        format!("at {}  next: {} ({how})  {bake}", self.current, self.plan.steps[next].split)
    }

    fn held_words(&self) -> (Severity, String) {
        let Some(held) = &self.held else { return (Severity::Warn, String::new()) };
        let since = held.wall.clock();
        if held.automatic {
            (Severity::Critical, format!("{}  auto-hold  R rolls back  A resumes  since {since}", held.why))
        } else {
            (Severity::Warn, format!("at {} by {} since {since}  A resumes  R rolls back", self.current, held.by.name))
        }
    }

    fn complete_words(&self) -> String {
        let candidate = self.environment(Role::Candidate);
        let left = self.watch_until.map_or(Duration::ZERO, |until| until.since(self.now));
        if left.is_zero() {
            format!("100% on {candidate}; watch over; R still rolls back; :end leaves it so")
        } else {
            format!("100% on {candidate}; watched for {} more; R still rolls back", clock_words(left))
        }
    }

    fn back_words(&self) -> (Severity, String) {
        let Some(rollback) = &self.rollback else { return (Severity::Critical, String::new()) };
        let stable = self.environment(Role::Stable);
        let took = |at: Option<Mono>| at.map(|at| format!("{:.1}s", at.since(rollback.accepted).as_secs_f64()));
        if let Some((_, setting)) = &rollback.foreign {
            return (Severity::Critical, format!("FOREIGN, not sent over: :sendagain or :adopt  {setting}"));
        }
        match rollback.phase() {
            Phase::RolledBack => {
                let text = format!(
                    "all traffic on {stable} +{} by {}: {}  :restart begins a new run",
                    took(rollback.rolled_back).unwrap_or_default(),
                    rollback.by.name,
                    rollback.reason
                );
                (Severity::Info, text)
            }
            Phase::NewTrafficBack => {
                let lever =
                    self.plan.rollback.lever.as_ref().map_or_else(String::new, |lever| format!("  {}", lever.words));
                let left = match self.still_on_candidate() {
                    Some(rate) => format!("{rate:.0} rps still on candidate"),
                    None => "nobody knows what is still on the candidate".to_owned(),
                };
                (Severity::Warn, format!("{left}{lever}"))
            }
            // The phases that a rollback in progress has.
            Phase::RollingBack
            | Phase::Preflight
            | Phase::Ready
            | Phase::Shifting
            | Phase::Baking
            | Phase::Held
            | Phase::Complete
            | Phase::Observing
            | Phase::Ended => {
                let sent = match (rollback.sent, rollback.acknowledged, rollback.read_back) {
                    (_, _, Some(_)) => format!(
                        "0% read back +{}, confirming over {}",
                        took(rollback.read_back).unwrap_or_default(),
                        duration_words(self.plan.traffic.lateness)
                    ),
                    (Some(sent), Some(_), None) if self.now.since(sent) > NOT_LANDED_AFTER => {
                        let holds = self.balancer.split().map_or_else(|| "unknown".to_owned(), |s| s.to_string());
                        let lasting = self.now.since(sent).as_secs();
                        format!("NOT LANDED: still {holds} on candidate, attempt {}, {lasting} s", rollback.attempts)
                    }
                    (_, Some(_), None) => format!(
                        "accepted by the balancer +{}, reading back",
                        took(rollback.acknowledged).unwrap_or_default()
                    ),
                    (Some(_), None, None) => format!("sent, attempt {}", rollback.attempts),
                    (None, None, None) => "sending".to_owned(),
                };
                let trouble =
                    rollback.last_error.as_ref().map_or_else(String::new, |why| format!("  {why}; trying on"));
                let ahead = if rollback.ahead_of_journal { "  (not recorded: disk)" } else { "" };
                (Severity::Critical, format!("to {stable}: {sent}{trouble}{ahead}"))
            }
        }
    }
}

/// `03:12`, or `1:02:03`.
fn clock_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 3600 {
        format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    } else {
        format!("{:02}:{:02}", seconds / 60, seconds % 60)
    }
}
