//! What a limit will do by itself, before it does it.

use super::{brief, clipped, must};
use crate::domain::{Mono, Role, Signal, Verdict};
use crate::engine::gates::whole_seconds;
use crate::engine::guardrail::{Ahead, Level};
use crate::engine::{BandPart, Engine};
use std::cmp::Reverse;

/// A limit that asks for attention, and what it does next.
#[derive(Debug)]
pub(super) struct Coming {
    limit: usize,
    ahead: Ahead,
    /// `memory CANDIDATE GREEN 85.9% > 85.0%`.
    pub words: String,
}

impl Engine {
    /// The limit that will act first, of those that are over one of their values or run towards an act.
    pub(super) fn ahead(&self) -> Option<Coming> {
        if !self.limits_act() {
            return None;
        }
        let each = self.plan.guardrails.iter().zip(&self.watches).enumerate();
        let coming = each.flat_map(|(limit, (plan, watch))| {
            let is_over = watch.exceeded(plan).is_some();
            let ahead = watch.ahead(plan, self.now, self.freshness().stale);
            let asks = ahead.into_iter().filter(move |ahead| is_over || ahead.due.is_some());
            asks.filter_map(move |ahead| Some((limit, Ahead { act: self.act_of(ahead.act)?, ..ahead })))
        });
        let order = |(_, ahead): &(usize, Ahead)| (ahead.due.is_none(), ahead.due, Reverse(ahead.act));
        let (limit, ahead) = coming.min_by_key(order)?;
        Some(Coming { limit, ahead, words: self.guardrail_words(limit) })
    }

    /// What the keeper would do where a limit asks for this; `None` where it would do nothing more.
    fn act_of(&self, asked: Level) -> Option<Level> {
        let done = match asked {
            Level::RollBack if self.automatic_rollback_refused().is_none() => Level::RollBack,
            Level::RollBack | Level::Hold => Level::Hold,
            Level::Quiet | Level::Warn => return None,
        };
        (done == Level::RollBack || self.can_be_held()).then_some(done)
    }

    /// `memory GREEN 85.9% > 85.0% (rolls back over 95.0%)`, or `5xx GREEN 6.20% > 5.00%` and `rolls back in 4s`.
    pub(super) fn ahead_parts(&self, coming: &Coming) -> Vec<BandPart> {
        let subject = &self.plan.guardrails[coming.limit].subject;
        // That the candidate is unhealthy, and why, stands in the sentence already.
        let is_said = subject.signal == Signal::UnhealthyFor && subject.role == Role::Candidate;
        if is_said && self.failing(Role::Candidate).is_some() {
            return self.next_part(coming).into_iter().collect();
        }
        let words = brief(&coming.words);
        let next = self.next_words_of(coming);
        if coming.ahead.due.is_some() {
            vec![must(clipped(&words)), must(next)]
        } else {
            vec![must(format!("{words} ({next})")).or(words)]
        }
    }

    /// The same where what is over stands there already.
    pub(super) fn next_part(&self, coming: &Coming) -> Option<BandPart> {
        coming.ahead.due.map(|_| must(self.next_words_of(coming)))
    }

    fn next_words_of(&self, coming: &Coming) -> String {
        let act = if coming.ahead.act == Level::RollBack { "rolls back" } else { "holds" };
        match (coming.ahead.due, coming.ahead.over) {
            (Some(due), _) => format!("{act} {}", self.in_words(due)),
            (None, Some(limit)) => {
                let signal = &self.plan.guardrails[coming.limit].subject.signal;
                format!("{act} over {}", self.plan.quantity(signal, limit))
            }
            (None, None) => act.to_owned(),
        }
    }

    fn in_words(&self, due: Mono) -> String {
        match whole_seconds(due.since(self.now)) {
            0 => "now".to_owned(),
            left => format!("in {left}s"),
        }
    }

    /// Whether the keeper goes back by itself when nothing can be read for long enough, and when.
    pub(super) fn blind_next(&self) -> BandPart {
        let stale = self.freshness().stale;
        let of_absence = self.plan.guardrails.iter().zip(&self.watches).flat_map(|(plan, watch)| {
            let ahead = watch.ahead(plan, self.now, stale).into_iter();
            ahead.filter(|ahead| ahead.over.is_none() && ahead.act == Level::RollBack).filter_map(|ahead| ahead.due)
        });
        let may_act = self.limits_act() && self.automatic_rollback_refused().is_none();
        match of_absence.min().filter(|_| may_act) {
            Some(due) => must(format!("rolls back by itself {}", self.in_words(due)))
                .or(format!("rolls back {}", self.in_words(due))),
            None => must("does not roll back by itself").or("no auto-rollback"),
        }
    }

    /// `5xx GREEN was 4.19% > 3.00%, now 9.16%`: the value at that time, and the one of now.
    pub(super) fn held_why(&self, why: &str) -> BandPart {
        let limits = 0..self.watches.len();
        // A reason begins with its limit's name, also when it comes from before a restart.
        let named = limits.filter(|limit| why.starts_with(&format!("{} ", self.limit_name(*limit))));
        let Some(limit) = named.max_by_key(|limit| self.watches[*limit].level) else {
            return must(why).or(clipped(&brief(why)));
        };
        let (head, tail) =
            why.split_once("; ").map_or((why, String::new()), |(head, tail)| (head, format!("; {tail}")));
        let role = self.plan.guardrails[limit].subject.role;
        let name = self.limit_name(limit).replacen(&format!("{} ", role.word()), "", 1);
        let head = brief(head);
        let was = head.strip_prefix(&name).unwrap_or(&head).trim_start_matches([' ', ':']);
        let now = self.now_words(limit);
        let is_over = self.watches[limit].exceeded(&self.plan.guardrails[limit]).is_some();
        // Where there is no room the limit stands beside the value that is over it.
        let short = match was.split_once(" > ") {
            // Nothing can be read, and the sentence says so already.
            Some((value, _)) if self.is_blind() => format!("{name} was {value}"),
            Some((value, limit)) if is_over => format!("{name} was {value}, now {now} > {limit}"),
            Some((value, _)) => format!("{name} was {value}, now {now}"),
            None => format!("{name} was {was}, now {now}"),
        };
        must(format!("{name} was {was}, now {now}{tail}")).or(short)
    }

    fn now_words(&self, limit: usize) -> String {
        let (plan, watch) = (&self.plan.guardrails[limit], &self.watches[limit]);
        let signal = &plan.subject.signal;
        let is_fresh = self.now.since(watch.reading.at) <= self.freshness().late;
        match &watch.reading.value {
            Ok(value) if value.is_finite() => {
                let value = match signal {
                    Signal::UnhealthyFor => format!("{value:.1}s"),
                    Signal::ErrorRatio | Signal::Latency(_) | Signal::RequestRate | Signal::Gauge(_) => {
                        self.plan.quantity(signal, *value).to_string()
                    }
                };
                let is_good = is_fresh && watch.verdict(plan) == Verdict::Pass;
                if is_good { format!("{value} (ok)") } else { value }
            }
            Ok(_) | Err(_) => "unknown".to_owned(),
        }
    }

    /// `GREEN DOWN: connection refused`, when the candidate itself says so or refuses everybody.
    pub(super) fn candidate_trouble(&self) -> Option<BandPart> {
        let chip = self.chip(Role::Candidate);
        match self.failing(Role::Candidate) {
            Some((why, lasting)) => {
                let words = format!("{chip} UNHEALTHY {}s", lasting.as_secs());
                Some(must(format!("{words}: {why}")).or(words))
            }
            None if self.instances[Role::Candidate].all_refuse() => Some(must(format!("{chip} refuses connections"))),
            None => None,
        }
    }
}
