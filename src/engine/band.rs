//! The one sentence: state, why, since when, what next.

mod ahead;
mod back;
mod doubts;

use super::forward::How;
use super::gates::{Condition, whole_seconds};
use super::{Band, BandPart, Engine, Gate, Held, Phase, Severity};
use crate::domain::{Absence, Clean, Role, Split, Verdict, duration_words};
use crate::plan::Advance;
use ahead::Coming;
use std::time::Duration;

/// Characters of words that are cut: `memory GREEN 96.8% > 95.0%` is whole, and what follows from it fits 80 columns.
const REASON_CHARS: usize = 36;

/// What must be read, however narrow the screen.
fn must(words: impl AsRef<str>) -> BandPart {
    may(0, words)
}

/// What may be left out, the highest rank first.
fn may(rank: u8, words: impl AsRef<str>) -> BandPart {
    BandPart { words: Clean::new(words), short: None, rank }
}

impl BandPart {
    /// With fewer words for a narrow screen.
    fn or(self, short: impl AsRef<str>) -> Self {
        Self { short: Some(Clean::new(short)).filter(|short| *short != self.words), ..self }
    }
}

impl Engine {
    pub(super) fn band(&self, gates: &[Gate]) -> Band {
        let phase = self.phase();
        let (mut severity, rest) = self.band_parts(phase, gates);
        let mut word = self.band_word(phase);
        let mut parts = Vec::new();
        if let Some(suspension) = self.suspension.as_ref().filter(|_| !phase.is_back()) {
            severity = severity.max(Severity::Warn);
            parts.push(must(format!("AUTO-ROLLBACK OFF until {}", suspension.until_wall.clock())));
        }
        let goes_on = !phase.is_back() && !matches!(phase, Phase::Ended | Phase::Preflight | Phase::Ready);
        // What makes the rest of the sentence doubtful or dangerous comes first, in every phase.
        if goes_on && self.drift.is_none() {
            // In front of what is doubtful: behind it, it would read as that one's time.
            parts.extend(self.held.as_ref().filter(|held| phase == Phase::Held && held.automatic).map(since_part));
            let doubts = self.doubts(phase);
            severity = severity.max(doubts.severity);
            word = doubts.word.map_or(word, ToOwned::to_owned);
            parts.extend(doubts.parts);
        }
        parts.extend(rest);
        if let Some(why) = self.violation.as_ref().filter(|_| phase.is_back()) {
            parts.push(may(2, format!("forward frozen: {why}")));
        }
        parts.retain(|part| !part.words.as_str().is_empty());
        let text = parts.iter().map(|part| part.words.as_str()).collect::<Vec<_>>().join("  ");
        Band { severity, word: word.as_str().into(), text: text.as_str().into(), parts }
    }

    /// The phase's word, and what must be told apart within it.
    fn band_word(&self, phase: Phase) -> String {
        match phase {
            _ if self.drift.is_some() && !phase.is_back() => "FROZEN".to_owned(),
            Phase::Held if self.held.as_ref().is_some_and(|held| held.automatic) => format!("{} (auto)", phase.word()),
            Phase::NewTrafficBack => format!("NEW TRAFFIC ON {}", self.chip(Role::Stable)),
            Phase::Preflight
            | Phase::Ready
            | Phase::Shifting
            | Phase::Baking
            | Phase::Held
            | Phase::Complete
            | Phase::RollingBack
            | Phase::RolledBack
            | Phase::Observing
            | Phase::Ended => phase.word().to_owned(),
        }
    }

    fn chip(&self, role: Role) -> String {
        self.plan.environments[role].chip()
    }

    fn band_parts(&self, phase: Phase, gates: &[Gate]) -> (Severity, Vec<BandPart>) {
        if let Some(why) = self.violation.as_ref().filter(|_| !phase.is_back()) {
            let parts = self.due_part().into_iter();
            let parts = parts.chain([must("R still rolls back"), must(format!("forward frozen: {why}"))]).collect();
            return (Severity::Critical, parts);
        }
        if self.drift.is_some() && !phase.is_back() {
            return (Severity::Critical, self.drift_parts());
        }
        match phase {
            Phase::Preflight => preflight_parts(gates),
            Phase::Ready => (
                Severity::Info,
                vec![must("every gate is open"), must(format!("press A, then y, for {}", self.next_words()))],
            ),
            Phase::Shifting => {
                let going = self.wanted();
                let moves = must(format!("SHIFTING {} → {going}", self.current)).or(format!("SHIFTING to {going}"));
                let due = self.due_part();
                let severity = if due.is_some() { Severity::Warn } else { Severity::Info };
                (severity, [moves].into_iter().chain(due).chain([must("waiting for the read-back")]).collect())
            }
            Phase::Baking => self.baking_parts(gates),
            Phase::Held => self.held_parts(),
            Phase::Complete => {
                let severity = if self.ahead().is_some() { Severity::Warn } else { Severity::Info };
                (severity, self.complete_parts())
            }
            Phase::RollingBack | Phase::NewTrafficBack | Phase::RolledBack => self.back_parts(),
            Phase::Observing => {
                let split = self.balancer.split().map_or_else(|| "?".to_owned(), |s| s.to_string());
                let severity = if self.balancer.failure.is_some() { Severity::Warn } else { Severity::Info };
                (
                    severity,
                    vec![must(format!("candidate {split} at the balancer")), must("this keeper holds no write path")],
                )
            }
            Phase::Ended => (Severity::Info, vec![must("the run has ended"), must("the split stays as it is")]),
        }
    }

    fn drift_parts(&self) -> Vec<BandPart> {
        let Some(drift) = &self.drift else { return Vec::new() };
        let silent = format!("BALANCER UNREAD {}s", self.silent_for().as_secs());
        let silent = may(1, if self.balancer_is_known() { String::new() } else { silent });
        if self.shift.as_ref().is_some_and(|shift| shift.step().is_none()) {
            let what = must(format!("RE-ASSERTING {} over {}", drift.from, drift.to));
            return vec![what, must("waiting for the read-back"), silent, may(2, "R rolls back")];
        }
        let at = match self.drift_nodes(drift).as_slice() {
            [(node, ..)] if self.layout.nodes.len() > 1 => format!(" on {node}"),
            [] | [_] | [_, _, ..] => String::new(),
        };
        let (who, brief) = if drift.own {
            ("an earlier or half-applied write,", "half-applied:")
        } else {
            ("SOMEBODY ELSE set", "SOMEBODY ELSE set")
        };
        let (to, from) = (drift.to, drift.from);
        let (times, again) = match drift.times {
            0 | 1 => (String::new(), String::new()),
            times => (format!(" TIME {times}"), format!("TIME {times}: ")),
        };
        let what = must(format!("DRIFT{times}: {who} {to}{at} (wanted {from})")).or(format!("{again}{brief} {to}"));
        let fight = drift.fight_words().map_or_else(String::new, |_| "two hands are fighting: talk first".to_owned());
        let mut parts = vec![what, may(1, fight)];
        let stays = if drift.own { "" } else { "no auto-rollback" };
        parts.extend(self.due_part().or(Some(may(1, stays))));
        parts.push(must(format!(":adopt keeps {to}")));
        if drift.may_be_undone && self.passed_beyond().is_none() {
            parts.push(must(format!(":reassert sets {from} again")).or(format!(":reassert sets {from}")));
        }
        let back = if drift.is_towards_stable() { ":complete or R rolls back to 0%" } else { "R rolls back to 0%" };
        parts.extend([must(back).or("R to 0%"), silent, may(2, format!("since {}", drift.since_wall.clock()))]);
        parts
    }

    fn next_words(&self) -> String {
        self.next_step().map_or_else(|| "the end".to_owned(), |step| self.plan.steps[step].split.to_string())
    }

    /// Where traffic stands; a split that the plan does not have was taken over from somebody else.
    fn at_words(&self) -> String {
        let planned = self.position.is_some_and(|position| self.plan.steps[position].split == self.current);
        let off = self.is_off().map_or_else(String::new, |there| format!(" (now {there}: servers went up or down)"));
        if planned { format!("at {}{off}", self.current) } else { format!("at {} adopted{off}", self.current) }
    }

    fn baking_parts(&self, gates: &[Gate]) -> (Severity, Vec<BandPart>) {
        // Adopted below the first step it stands at none, and nothing is to be baked.
        let is_hold_point = self.position.is_some_and(|position| self.plan.steps[position].hold);
        if self.is_blind() {
            let lasting = self.blind_for().as_secs();
            let what = must(format!("no candidate metrics for {lasting} s")).or(format!("no metrics {lasting}s"));
            let mut parts = vec![what];
            parts.extend(self.alone_part(None));
            parts.extend([must("A locked"), may(1, "values OLD"), may(2, "H R work")]);
            return (Severity::Warn, parts);
        }
        // Whoever has not read the balancer knows neither where traffic is nor why one cannot go on.
        if !self.balancer_is_known() {
            let parts = self.due_part().into_iter();
            let bake = self.position.filter(|_| self.bake_waits()).map(|position| self.bake_part(position));
            let parts = parts.chain([may(1, "A locked"), may(2, self.balancer_trouble())]).chain(bake).collect();
            return (Severity::Critical, parts);
        }
        let ahead = self.ahead();
        // The gauge says it as well: it goes last of what may go.
        let mut parts = vec![may(u8::from(ahead.is_some()), self.at_words())];
        parts.extend(ahead.iter().flat_map(|ahead| self.ahead_parts(ahead)));
        let mut severity = if ahead.is_some() { Severity::Warn } else { Severity::Info };
        let bake = self.position.map(|position| self.bake_part(position));
        let Some(next) = self.next_step() else {
            let (worse, completes, keys) = self.completing_parts(ahead.as_ref());
            parts.extend([completes].into_iter().chain(bake).chain(keys));
            return (severity.max(worse), parts);
        };
        if let Some(gate) = worst_closed(gates) {
            if self.is_abnormal() {
                severity = severity.max(Severity::Warn);
            }
            // Beside what comes by itself it is enough that the footer says it; what H is good for stands nowhere else.
            let rank = ahead.as_ref().map_or(0, |coming| 1 + u8::from(coming.rolls_back()));
            let locked = self.closed_part("A locked", gate, ahead.as_ref());
            parts.extend([BandPart { rank, ..locked }].into_iter().chain(bake));
            return (severity, parts);
        }
        let split = self.plan.steps[next].split;
        let opens = match whole_seconds(self.bake_left()) {
            0 => format!("next: {split}, press A"),
            _ => format!("next: {split}, A opens {}", self.left_words()),
        };
        // From where there is no step the keeper does not go on by itself.
        let next = match (self.plan.advance, is_hold_point || self.position.is_none()) {
            (Advance::Manual, _) | (Advance::Automatic, true) => opens,
            (Advance::Automatic, false) if self.driver_is_here() => self.automatic_words(split),
            (Advance::Automatic, false) => format!("next: {split} by itself, waits for the driver"),
        };
        let next = if ahead.is_some() { may(1, next) } else { must(next) };
        parts.extend([next, may(2, if is_hold_point { "hold point" } else { "" })].into_iter().chain(bake));
        (severity, parts)
    }

    /// That something waits for a gate, which is named as far as the sentence has not said it already.
    fn closed_part(&self, waits: &str, gate: &Gate, ahead: Option<&Coming>) -> BandPart {
        // These two say in their words what they are.
        let is_plain = matches!(gate.name.as_str(), "limit" | "approval");
        let name = if is_plain { String::new() } else { format!("{}: ", gate.name) };
        let first = gate.detail.as_str().split([',', ';']).next().unwrap_or_default();
        // What the band has said already is why.
        let is_told = self.unserved_words().is_some() || self.candidate_trouble().is_some();
        let said = self.stable_is_ready() == Some(false) || ahead.is_some() || is_told;
        // The limit's own words say why, where they stand there already.
        let is_said = ahead.is_some_and(|ahead| is_plain && gate.detail.as_str() == ahead.words);
        let short = if said { waits.to_owned() } else { format!("{waits}: {name}{}", brief(first)) };
        let whole = if is_said { waits.to_owned() } else { format!("{waits}: {name}{}", gate.detail) };
        must(whole).or(short)
    }

    /// When it completes by itself, or what is against that; and what may be done about it.
    fn completing_parts(&self, ahead: Option<&Coming>) -> (Severity, BandPart, Vec<BandPart>) {
        let waits = self.completion_waits();
        // What is only not known yet may be known once it is baked.
        let is_against = |gate: &&Gate| gate.verdict == Verdict::Fail || self.bake_left().is_zero();
        if let Some(gate) = worst_closed(&waits).filter(is_against) {
            let severity = if gate.verdict == Verdict::Fail { Severity::Warn } else { Severity::Info };
            let part = self.closed_part("COMPLETE waits", gate, ahead);
            return (severity, part, vec![may(1, "A, then O, overrides"), may(2, "R rolls back")]);
        }
        let when = if self.bake_waits() { "once baked".to_owned() } else { self.left_words() };
        (Severity::Info, must(format!("completes by itself {when}")), vec![may(2, "no key needed, H stops it")])
    }

    /// When the keeper goes on by itself, or for which warning it waits.
    fn automatic_words(&self, next: Split) -> String {
        let warned = self.closed_gates_of(How::Automatic, |condition| condition != Condition::Bake).next();
        warned.map_or_else(
            || format!("next: {next}, goes by itself {}", self.left_words()),
            |gate| format!("next: {next} by itself, waits: {}", gate.name),
        )
    }

    /// When the bake is over if it goes on as it does.
    fn left_words(&self) -> String {
        match whole_seconds(self.bake_left()) {
            0 => "now".to_owned(),
            left => format!("in {}", duration_words(Duration::from_secs(left))),
        }
    }

    /// Whether the bake does not go on now, although it is not over.
    fn bake_waits(&self) -> bool {
        (self.bake_pauses() || self.is_breached()) && !self.bake_left().is_zero()
    }

    /// How far the bake is, and what it waits for.
    fn bake_part(&self, position: usize) -> BandPart {
        let step = &self.plan.steps[position];
        let (healthy, need) = (clock_words(self.bake.healthy.min(step.bake)), clock_words(step.bake));
        let counted = format!("bake {healthy} of {need}");
        let missing = self.watches.iter().enumerate().filter_map(|(limit, watch)| match watch.reading.value {
            Err(Absence::TooFew { have, need }) if !self.is_idle(limit) => Some(need.saturating_sub(have)),
            Ok(_) | Err(_) => None,
        });
        let goes = if self.bake.healthy < Duration::from_secs(1) { "starts" } else { "goes on" };
        match missing.max() {
            Some(more) if !self.bake_left().is_zero() => may(1, format!("{counted} {goes} after {more} more requests"))
                .or(format!("bake {goes} after {more} more")),
            Some(_) | None if self.bake_waits() => may(1, format!("bake paused at {healthy} of {need}")),
            Some(_) | None => may(1, counted),
        }
    }

    /// Whether something is wrong and not merely unfinished: a bake, an approval and requests take their time.
    fn is_abnormal(&self) -> bool {
        self.conditions().filter(|condition| self.verdict(*condition) != Verdict::Pass).any(|condition| match condition
        {
            Condition::Bake | Condition::Approval | Condition::OfStep(_) | Condition::Measured => false,
            // One that has not run yet, or runs, is to come.
            Condition::Hook(hook) => self.hook_verdict(hook) == Verdict::Fail,
            Condition::Limit(limit) => !matches!(
                self.watches[limit].reading.value,
                Err(Absence::TooFew { .. } | Absence::NoRequests | Absence::NotYet)
            ),
            Condition::Engine
            | Condition::Journal
            | Condition::Balancer
            | Condition::Drift
            | Condition::InitialSplit
            | Condition::Served
            | Condition::RollbackTarget
            | Condition::Survey
            | Condition::WriteAccess
            | Condition::Credentials
            | Condition::Finding(_)
            | Condition::Feed(_)
            | Condition::Check(_) => true,
        })
    }

    /// How long nothing has been read of the candidate.
    fn blind_for(&self) -> Duration {
        self.now.since(self.instances[Role::Candidate].read_at().unwrap_or(self.started.0))
    }

    fn held_parts(&self) -> (Severity, Vec<BandPart>) {
        let Some(held) = &self.held else { return (Severity::Warn, Vec::new()) };
        // The keys stand in the footer, too; what happens without one stands only here.
        let resumes = may(1, if self.resume_refused().is_empty() { "A resumes" } else { "A locked" });
        let back = may(2, "R, then y, rolls back").or("R rolls back");
        if held.automatic {
            let why = held.why.as_str();
            let about = self.limit_named(why);
            // Since it is blind, what it held for is told by that.
            let is_told = self.is_blind() && why.starts_with("BLIND");
            let mut parts = if is_told { Vec::new() } else { vec![self.held_why(why, about)] };
            parts.extend(self.cause_part(about));
            parts.extend(self.alone_part(about));
            parts.extend([resumes, back]);
            (Severity::Critical, parts)
        } else {
            let since = held.wall.clock();
            let who = format!("at {} by {} since {since}", self.current, held.by.name);
            let mut parts = vec![must(who).or(format!("by {} {since}", held.by.name))];
            match self.ahead().filter(|_| !self.is_blind()) {
                Some(ahead) => parts.extend(self.ahead_parts(&ahead)),
                None => parts.extend(self.alone_part(None)),
            }
            parts.extend([resumes, back]);
            (Severity::Warn, parts)
        }
    }

    fn complete_parts(&self) -> Vec<BandPart> {
        let at = must(format!("100% on {}", self.environment(Role::Candidate)));
        let at = at.or(format!("100% on {}", self.chip(Role::Candidate)));
        let back = must("R still rolls back").or("R rolls back");
        if self.watch_over {
            let over = must("watch over, no auto-rollback any more").or("watch over");
            return vec![at, over, back, may(1, ":end leaves it so")];
        }
        let left = clock_words(self.watch_left());
        let watched = match (self.may_roll_back(), self.may_roll_back_on_what_is_read()) {
            (true, true) => {
                must(format!("auto-rollback on for {left} more")).or(format!("auto-rollback on for {left}"))
            }
            (true, false) => must(format!("watched for {left} more")).or(format!("watch {left}")),
            (false, _) => {
                must(format!("watched for {left} more, no auto-rollback")).or(format!("watch {left}, no auto-rollback"))
            }
        };
        // What it is about to do says that it is on.
        let ahead = self.ahead();
        let rank = ahead.as_ref().map_or(0, |ahead| u8::from(ahead.rolls_back()));
        let mut parts: Vec<_> = ahead.iter().flat_map(|ahead| self.ahead_parts(ahead)).collect();
        parts.extend([at, BandPart { rank, ..watched }, back]);
        parts
    }
}

/// Since when the keeper holds.
fn since_part(held: &Held) -> BandPart {
    let since = held.wall.clock();
    may(1, format!("since {since}")).or(since)
}

/// What is closed and not merely unfinished says why one cannot go on: what is bad before what is not known, and what
/// only waits for a person last.
fn worst_closed(gates: &[Gate]) -> Option<&Gate> {
    let mut closed = gates.iter().filter(|gate| !gate.is_open() && gate.name.as_str() != "bake");
    let failed = closed.clone().find(|gate| gate.verdict == Verdict::Fail && gate.name.as_str() != "approval");
    failed.or_else(|| closed.next())
}

/// What is waited for, the hardest first.
fn preflight_parts(gates: &[Gate]) -> (Severity, Vec<BandPart>) {
    let closed: Vec<&Gate> = gates.iter().filter(|gate| !gate.is_open()).collect();
    let Some(first) = closed.first() else { return (Severity::Info, vec![must("waiting")]) };
    let mut parts = vec![must(format!("waiting for {}", first.name)), may(2, first.detail.as_str())];
    if closed.len() > 1 {
        parts.push(may(1, format!("+{} gate{}", closed.len() - 1, if closed.len() > 2 { "s" } else { "" })));
    }
    // What was not asked yet is no trouble; what answered badly is.
    let failed = closed.iter().any(|gate| gate.verdict == Verdict::Fail);
    (if failed { Severity::Warn } else { Severity::Info }, parts)
}

/// `5xx GREEN 5.03% > 3.00%` of `5xx CANDIDATE GREEN 5.03% > 3.00% for 2 s`, and `GREEN unhealthy 5s` of `unhealthy
/// CANDIDATE GREEN for 5.0s (limit 5s)`: the colour tells the role, and a time that stands still tells nothing.
fn brief(why: &str) -> String {
    let is_time = |tail: &str| tail.strip_suffix(" s").is_some_and(|n| n.bytes().all(|digit| digit.is_ascii_digit()));
    let head = why.rsplit_once(" for ").filter(|(_, tail)| is_time(tail)).map_or(why, |(head, _)| head);
    let text = Role::BOTH.iter().fold(head.to_owned(), |text, role| text.replacen(&format!("{} ", role.word()), "", 1));
    let unhealthy = text.strip_prefix("unhealthy ").and_then(|text| text.split_once(" for "));
    match unhealthy.and_then(|(chip, lasting)| Some((chip, lasting.split_once('.')?.0))) {
        Some((chip, seconds)) => format!("{chip} unhealthy {seconds}s"),
        None => text,
    }
}

/// As many characters as fit beside the rest, with a mark where it is cut.
fn clipped(words: &str) -> String {
    cut(words, REASON_CHARS)
}

/// At most so many characters and a mark.
fn cut(words: &str, chars: usize) -> String {
    match words.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words.to_owned(),
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
