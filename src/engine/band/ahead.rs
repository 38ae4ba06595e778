//! What a limit will do by itself, before it does it.

use super::{brief, clipped, may, must};
use crate::domain::{Mono, Role, Signal, Verdict};
use crate::engine::gates::whole_seconds;
use crate::engine::guardrail::{Ahead, Level};
use crate::engine::{BandPart, Engine};
use crate::plan::OnAbsent;
use std::cmp::Reverse;

/// A limit that asks for attention, and what it does next.
#[derive(Debug)]
pub(super) struct Coming {
    limit: usize,
    ahead: Ahead,
    /// `memory CANDIDATE GREEN 85.9% > 85.0%`.
    pub words: String,
}

impl Coming {
    pub(super) fn rolls_back(&self) -> bool {
        self.ahead.act == Level::RollBack
    }
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
            let asks = self.ahead_of(limit).into_iter().filter(move |ahead| is_over || ahead.due.is_some());
            asks.filter_map(move |ahead| Some((limit, Ahead { act: self.act_of(ahead.act)?, ..ahead })))
        });
        let order = |(_, ahead): &(usize, Ahead)| (ahead.due.is_none(), ahead.due, Reverse(ahead.act));
        let (limit, ahead) = coming.min_by_key(order)?;
        Some(Coming { limit, ahead, words: self.guardrail_words(limit) })
    }

    /// What a limit will do by itself. A time that runs goes on between two looks at the limits.
    fn ahead_of(&self, limit: usize) -> Vec<Ahead> {
        let plan = &self.plan.guardrails[limit];
        let mut watch = self.watches[limit].clone();
        if plan.subject.signal == Signal::UnhealthyFor {
            watch.reading = self.read(&plan.subject);
        }
        watch.ahead(plan, self.now, self.freshness_of(&plan.subject.signal).stale)
    }

    /// `P99 GREEN 177ms > 150ms (200ms holds, 400ms rolls back)`, or `5xx GREEN 6.20% > 5.00%` and `rolls back in 4s`.
    pub(super) fn ahead_parts(&self, coming: &Coming) -> Vec<BandPart> {
        let subject = &self.plan.guardrails[coming.limit].subject;
        let next = self.next_parts(coming);
        // That the candidate is unhealthy, and why, stands in the sentence already.
        let is_said = subject.signal == Signal::UnhealthyFor && subject.role == Role::Candidate;
        if is_said && self.failing(Role::Candidate).is_some() {
            return next;
        }
        let words = brief(&coming.words);
        if coming.ahead.due.is_some() {
            [vec![must(clipped(&words))], next].concat()
        } else {
            let acts = self.acts_of(coming.limit).join(", ");
            vec![must(format!("{words} ({acts})")).or(words)]
        }
    }

    /// What happens by itself and when, where something runs towards it.
    fn next_parts(&self, coming: &Coming) -> Vec<BandPart> {
        let Some(due) = coming.ahead.due else { return Vec::new() };
        let back = self.due_part();
        if coming.rolls_back() {
            let holds = if self.can_be_held() { "H does not stop that" } else { "" };
            return back.into_iter().chain([may(1, holds)]).collect();
        }
        let holds = must(format!("holds {}", self.in_words(due)));
        let over = self.rolls_back_over(coming.limit).map(|over| may(2, format!("rolls back over {over}")));
        [holds].into_iter().chain(back.or(over)).collect()
    }

    /// When the keeper goes back by itself, where something runs towards that.
    pub(super) fn due_part(&self) -> Option<BandPart> {
        self.rollback_due().map(|due| self.back_part(due))
    }

    fn back_part(&self, due: Mono) -> BandPart {
        let when = self.in_words(due);
        must(format!("rolls back by itself {when}")).or(format!("rolls back {when}"))
    }

    /// What a limit does over which of its values; both only where both are still to come.
    fn acts_of(&self, limit: usize) -> Vec<String> {
        let plan = &self.plan.guardrails[limit];
        let ahead = self.ahead_of(limit).into_iter();
        let acts: Vec<_> = ahead.filter_map(|ahead| Some((self.act_of(ahead.act)?, ahead.over?))).collect();
        let word = |act: &Level| if *act == Level::RollBack { "rolls back" } else { "holds" };
        let value = |over: &f64| self.plan.quantity(&plan.subject.signal, *over).to_string();
        match acts.as_slice() {
            [(act, over)] => vec![format!("{} over {}", word(act), value(over))],
            several => several.iter().map(|(act, over)| format!("{} {}", value(over), word(act))).collect(),
        }
    }

    fn in_words(&self, due: Mono) -> String {
        match whole_seconds(due.since(self.now)) {
            0 => "now".to_owned(),
            left => format!("in {left}s"),
        }
    }

    /// When the keeper goes back by itself if everything stays as it is: the first of all limits.
    fn rollback_due(&self) -> Option<Mono> {
        let ahead = (0..self.watches.len()).flat_map(|limit| self.ahead_of(limit));
        let due = ahead.filter(|ahead| self.act_of(ahead.act) == Some(Level::RollBack)).filter_map(|ahead| ahead.due);
        due.min().filter(|_| self.limits_act())
    }

    /// The value over which a limit goes back by itself.
    fn rolls_back_over(&self, limit: usize) -> Option<String> {
        let signal = &self.plan.guardrails[limit].subject.signal;
        let may_act = self.limits_act() && self.automatic_rollback_refused().is_none();
        self.reachable(limit).filter(|_| may_act).map(|over| self.plan.quantity(signal, over).to_string())
    }

    /// The value over which a limit asks for a rollback, where any value that can be told is.
    fn reachable(&self, limit: usize) -> Option<f64> {
        self.plan.guardrails[limit].roll_back.filter(|over| self.watches[limit].can_exceed(*over))
    }

    /// Whether some limit may go back by itself, now or on a later reading.
    pub(super) fn may_roll_back(&self) -> bool {
        let absent_does = |limit: usize| self.plan.guardrails[limit].absent == OnAbsent::RollBack;
        let any = (0..self.watches.len()).any(|limit| self.reachable(limit).is_some() || absent_does(limit));
        any && self.limits_act() && self.automatic_rollback_refused().is_none()
    }

    /// Whether it may as things are read now: a value that is missing is over nothing.
    pub(super) fn may_roll_back_on_what_is_read(&self) -> bool {
        let is_read = |value: &Result<f64, _>| value.as_ref().is_ok_and(|value| value.is_finite());
        let can = (0..self.watches.len()).any(|limit| {
            let does = self.reachable(limit).is_some() && is_read(&self.watches[limit].reading.value);
            does || self.plan.guardrails[limit].absent == OnAbsent::RollBack
        });
        can && self.may_roll_back()
    }

    /// The limit that will go back first by itself, where it is another than the one that is held for.
    pub(super) fn cause_part(&self, about: Option<usize>) -> Option<BandPart> {
        let coming = self.ahead().filter(|coming| coming.ahead.due.is_some() && Some(coming.limit) != about)?;
        let subject = &self.plan.guardrails[coming.limit].subject;
        // What is wrong with the candidate as a whole stands in the sentence already.
        let is_said = subject.role == Role::Candidate
            && (self.is_blind() || subject.signal == Signal::UnhealthyFor && self.failing(Role::Candidate).is_some());
        (!is_said).then(|| may(1, clipped(&brief(&coming.words))))
    }

    /// What the keeper does from a hold without anybody, or that it does nothing; `about`: the limit it holds for.
    pub(super) fn alone_part(&self, about: Option<usize>) -> Option<BandPart> {
        if let Some(due) = self.due_part() {
            return Some(due);
        }
        // Before the first step nothing is there to go back from; a suspension stands before everything else.
        if !self.limits_act() || self.suspension.is_some() {
            return None;
        }
        if let Some(why) = self.automatic_rollback_refused() {
            return Some(must(format!("no auto-rollback: {why}")).or("no auto-rollback"));
        }
        if let Some(over) = about.filter(|_| !self.is_blind()).and_then(|limit| self.rolls_back_over(limit)) {
            return Some(must(format!("over {over} rolls back by itself")).or(format!("rolls back over {over}")));
        }
        let is_for_something = about.is_some() || self.is_blind();
        let may_go = if is_for_something { self.may_roll_back_on_what_is_read() } else { self.may_roll_back() };
        Some(match (may_go, is_for_something) {
            (true, true) => must("this does not roll back by itself").or("no auto-rollback for this"),
            (true, false) => may(1, "limits still roll back by themselves").or("auto-rollback on"),
            (false, _) => must("does not roll back by itself").or("no auto-rollback"),
        })
    }

    /// The limit whose words a reason is; it begins with that limit's name, also when it comes from before a restart.
    pub(super) fn limit_named(&self, why: &str) -> Option<usize> {
        let named = (0..self.watches.len()).filter(|limit| why.starts_with(&format!("{} ", self.limit_name(*limit))));
        named.max_by_key(|limit| self.watches[*limit].level)
    }

    /// `5xx GREEN was 4.19% > 3.00%, now 9.16%`: the value at that time, and the one of now where that differs.
    pub(super) fn held_why(&self, why: &str, limit: Option<usize>) -> BandPart {
        let Some(limit) = limit else { return must(why).or(clipped(&brief(why))) };
        let (head, tail) =
            why.split_once("; ").map_or((why, String::new()), |(head, tail)| (head, format!("; {tail}")));
        let subject = &self.plan.guardrails[limit].subject;
        let now = self.now_words(limit);
        let head = brief(head);
        if subject.signal == Signal::UnhealthyFor {
            return must(format!("{head}, now {now}{tail}")).or(head);
        }
        let name = self.limit_name(limit).replacen(&format!("{} ", subject.role.word()), "", 1);
        let was = head.strip_prefix(&name).unwrap_or(&head).trim_start_matches([' ', ':']);
        // Once it runs towards a rollback, what that is over is what counts: not what it was held for.
        let runs_back = |ahead: &Ahead| ahead.due.is_some() && self.act_of(ahead.act) == Some(Level::RollBack);
        let over = self.plan.guardrails[limit].roll_back.filter(|_| self.ahead_of(limit).iter().any(runs_back));
        if let Some(over) = over.filter(|_| !self.is_blind()) {
            return must(format!("{name} {now} > {}{tail}", self.plan.quantity(&subject.signal, over)));
        }
        // Over a warning it is under what it was held for.
        let plan = &self.plan.guardrails[limit];
        let acts = |over: &f64| [plan.hold, plan.roll_back].contains(&Some(*over));
        let over = self.watches[limit].exceeded(plan).map(|(over, _)| over).filter(acts);
        let Some((value, _)) = was.split_once(" > ") else {
            return must(format!("{name} was {was}, now {now}{tail}")).or(format!("{name} was {was}, now {now}"));
        };
        if over.is_some() && value == now {
            return must(format!("{name} {was}{tail}")).or(format!("{name} {was}"));
        }
        // Where there is no room the limit stands beside the value that is over it.
        let short = match (now.strip_suffix(" (ok)"), over) {
            // Nothing can be read, and the sentence says so already.
            _ if self.is_blind() => format!("{name} was {value}"),
            (Some(_), _) => format!("{name} was {value}, now ok"),
            (None, Some(over)) => format!("{name} {now} > {}", self.plan.quantity(&subject.signal, over)),
            (None, None) => format!("{name} was {value}, now {now}"),
        };
        must(format!("{name} was {was}, now {now}{tail}")).or(short)
    }

    fn now_words(&self, limit: usize) -> String {
        let (plan, watch) = (&self.plan.guardrails[limit], &self.watches[limit]);
        let signal = &plan.subject.signal;
        let is_fresh = self.now.since(watch.reading.at) <= self.freshness_of(signal).late;
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
