//! The way back in one sentence: who, why, how far.

use super::{brief, cut, may, must};
use crate::domain::{Mono, Role, duration_words};
use crate::engine::back::Rollback;
use crate::engine::command::NO_REASON;
use crate::engine::gates::whole_seconds;
use crate::engine::{BandPart, Engine, Phase, Severity};
use std::time::Duration;

/// Characters of who and why: with the state and how far it is they fit 80 columns.
const WHO_WHY_CHARS: usize = 39;
/// An accepted rollback that is not read back after this long is said to be without effect.
const NO_EFFECT_AFTER: Duration = Duration::from_secs(2);

impl Engine {
    pub(super) fn back_parts(&self) -> (Severity, Vec<BandPart>) {
        let Some(rollback) = &self.rollback else { return (Severity::Critical, Vec::new()) };
        let stable = self.environment(Role::Stable);
        let since = |rank| may(rank, format!("since {}", rollback.accepted_wall.clock()));
        if let Some((_, setting)) = &rollback.foreign {
            let holds = self.balancer.split().map_or_else(|| "?".to_owned(), |s| s.to_string());
            let parts = vec![
                must(format!("FOREIGN candidate {holds}, not sent over")).or(format!("FOREIGN candidate {holds}")),
                since(1),
                must(":sendagain or :adopt"),
                may(2, setting.to_string()),
            ];
            return (Severity::Critical, parts);
        }
        if self.back_is_unread() {
            let unread = must("the balancer cannot be read: R, y sends it again").or("not read: R, y sends it again");
            let was = may(1, format!("all traffic was on {stable}")).or("");
            return (Severity::Warn, vec![by_words(rollback), unread, was, since(2)]);
        }
        match rollback.phase() {
            Phase::RolledBack => {
                let took = rollback.rolled_back.map_or(Duration::ZERO, |at| rollback.after(at));
                let at = rollback.accepted_wall.plus(took).clock();
                let parts = vec![
                    by_words(rollback),
                    must(format!("all traffic on {stable}")).or(format!("on {}", self.chip(Role::Stable))),
                    may(1, format!("at {at}")).or(at),
                    may(2, format!("took {:.1}s", took.as_secs_f64())),
                    may(3, ":restart begins a new run").or(":restart"),
                ];
                (Severity::Info, parts)
            }
            Phase::NewTrafficBack => {
                let candidate = self.chip(Role::Candidate);
                let left = match self.still_on_candidate() {
                    Some(rate) if rate > 0.0 => must(format!("{rate:.0} rps still on {candidate}")),
                    Some(_) => must(format!("{candidate} has no more requests, proving it"))
                        .or(format!("{candidate} has none, proving it")),
                    None if !self.has_told_since_back() && self.candidate_rate().is_some() => {
                        must(format!("waiting for a reading of {candidate}"))
                    }
                    None => must(format!("not proven that {candidate} is empty: no metrics"))
                        .or(format!("{candidate} not proven empty: no metrics")),
                };
                let lever = self.plan.rollback.lever.as_ref().map_or("", |lever| lever.words.as_str());
                (Severity::Warn, vec![left, since(1), may(2, lever), BandPart { rank: 3, ..by_words(rollback) }])
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
                let mut parts = vec![by_words(rollback), may(3, format!("to {stable}:")).or("")];
                parts.extend(self.on_its_way());
                parts.push(since(2));
                parts.extend(
                    rollback.last_error.as_ref().map(|why| may(1, format!("{why}; still trying")).or("still trying")),
                );
                // A disk that is slow is no failure: what it is told later it has all the same.
                let disk =
                    if self.journal_trouble.is_some() { "(not recorded: disk)" } else { "(sent before its record)" };
                parts.extend(rollback.ahead_of_journal.then(|| may(3, disk)));
                (Severity::Critical, parts)
            }
        }
    }

    /// How far a rollback under way is.
    fn on_its_way(&self) -> Vec<BandPart> {
        let Some(rollback) = &self.rollback else { return Vec::new() };
        let took = |at: Mono| format!("+{:.1}s", rollback.after(at).as_secs_f64());
        match (rollback.sent, rollback.acknowledged, rollback.read_back) {
            (_, _, Some(at)) => {
                let window = duration_words(self.plan.traffic.lateness);
                let confirming = may(1, format!("confirming over {window}")).or("confirming");
                vec![must(format!("0% read back {}", took(at))), confirming]
            }
            (Some(sent), Some(_), None) if self.now.since(sent) > NO_EFFECT_AFTER => {
                let holds = self.balancer.split().map_or_else(|| "unknown".to_owned(), |s| s.to_string());
                // Until then the balancer does what it said it may.
                let lands_by = sent + self.plan.traffic.lateness;
                let late = match whole_seconds(lands_by.since(self.now)) {
                    0 => format!("sent {} s ago, overdue", self.now.since(sent).as_secs()),
                    left => format!("may take {left}s more"),
                };
                vec![
                    must(format!("NOT IN EFFECT yet: still {holds} on candidate"))
                        .or(format!("NOT IN EFFECT: at {holds}")),
                    may(1, format!("sent again by itself, attempt {}", rollback.attempts)).or("retries by itself"),
                    may(3, late),
                ]
            }
            (_, Some(at), None) => vec![
                must(format!("accepted by the balancer {}, reading back", took(at)))
                    .or(format!("accepted {}, reading back", took(at))),
            ],
            (Some(_), None, None) => vec![must(format!("sent, attempt {}", rollback.attempts))],
            (None, None, None) => vec![must("sending")],
        }
    }
}

/// `by warroom: memory GREEN 96.8% > 95.0%`.
fn by_words(rollback: &Rollback) -> BandPart {
    let (who, why) = (&rollback.by.name, brief(rollback.reason.as_str()));
    if why == NO_REASON {
        return must(format!("by {who}"));
    }
    must(format!("by {who}: {}", rollback.reason)).or(cut(&format!("by {who}: {why}"), WHO_WHY_CHARS))
}
