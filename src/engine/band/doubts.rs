//! What makes the rest of the sentence doubtful or dangerous.

use super::{may, must};
use crate::domain::Role;
use crate::engine::{BandPart, Engine, Phase, Severity, share};
use std::time::Duration;

/// What stands before everything else.
#[derive(Debug)]
pub(super) struct Doubts {
    pub severity: Severity,
    /// In place of `RUNNING`, which nobody knows any more.
    pub word: Option<&'static str>,
    pub parts: Vec<BandPart>,
}

impl Engine {
    pub(super) fn doubts(&self, phase: Phase) -> Doubts {
        let mut doubts = Doubts { severity: Severity::Info, word: None, parts: Vec::new() };
        let runs = matches!(phase, Phase::Shifting | Phase::Baking);
        // A keeper that only watches says itself what its balancer is like.
        let is_silent = phase != Phase::Observing && !self.balancer_is_known();
        if is_silent {
            doubts.severity = Severity::Critical;
            doubts.word = runs.then_some("BALANCER UNREAD");
            doubts.parts = self.silent_parts(runs);
        }
        if let Some(words) = self.unserved_words() {
            doubts.severity = Severity::Critical;
            let (who, _) = words.split_once(':').unwrap_or((&words, ""));
            doubts.parts.push(must(&words).or(who));
        }
        if self.stable_is_ready() == Some(false) {
            doubts.severity = Severity::Critical;
            doubts.parts.push(must(format!("TARGET NOT READY: {}", self.environment(Role::Stable))));
        }
        if let Some(trouble) = self.candidate_trouble().filter(|_| phase != Phase::Observing) {
            doubts.severity = doubts.severity.max(Severity::Warn);
            doubts.parts.push(trouble);
        }
        if self.is_blind() {
            doubts.severity = doubts.severity.max(Severity::Warn);
            let lasting = self.blind_for().as_secs();
            if runs && !is_silent {
                doubts.word = Some("BLIND");
            } else {
                let words = must(format!("BLIND {lasting}s: no candidate metrics"));
                doubts.parts.push(words.or(format!("BLIND {lasting}s")));
            }
        }
        doubts
    }

    fn silent_parts(&self, is_word: bool) -> Vec<BandPart> {
        let lasting = self.silent_for().as_secs();
        let last_read = self.balancer.seen.as_ref().and_then(|(_, state)| share::configured(&self.layout, state));
        let last_known = match last_read {
            Some(configured) => format!("last read {}", configured.split()),
            None => format!("last set {}", self.current),
        };
        let lasting = if is_word { format!("for {lasting}s") } else { format!("BALANCER UNREAD {lasting}s") };
        vec![must(lasting), must(last_known), may(1, "R is retried until it lands")]
    }

    /// How long the balancer has not been read whole.
    pub(in crate::engine) fn silent_for(&self) -> Duration {
        self.now.since(self.balancer.at().unwrap_or(self.started.0))
    }

    /// Why the balancer does not answer, as far as it said.
    pub(super) fn balancer_trouble(&self) -> String {
        self.balancer.failure.as_ref().map_or_else(String::new, ToString::to_string)
    }
}
