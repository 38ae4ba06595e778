//! The one sentence: state, why, since when, what next.

use super::gates::Condition;
use super::{Band, BandPart, Engine, Gate, Phase, Severity};
use crate::domain::{Absence, Clean, Mono, Role, Verdict, duration_words};
use crate::plan::Advance;
use std::time::Duration;

/// An accepted rollback that is not read back after this long is said not to have landed.
const NOT_LANDED_AFTER: Duration = Duration::from_secs(2);

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
        let mut word = phase.word();
        let mut parts = Vec::new();
        if let Some(suspension) = self.suspension.as_ref().filter(|_| !phase.is_back()) {
            severity = severity.max(Severity::Warn);
            parts.push(must(format!("AUTO-ROLLBACK OFF until {}", suspension.until_wall.clock())));
        }
        let goes_on = !phase.is_back() && !matches!(phase, Phase::Ended | Phase::Preflight | Phase::Ready);
        // What makes the rest of the sentence doubtful or dangerous comes first, in every phase.
        if goes_on && self.violation.is_none() && self.drift.is_none() {
            if self.is_blind() {
                severity = severity.max(Severity::Warn);
                if matches!(phase, Phase::Shifting | Phase::Baking) {
                    word = "BLIND";
                } else {
                    parts.push(must(self.blind_words()).or(format!("BLIND {} s", self.blind_for().as_secs())));
                }
            } else if self.stable_is_ready() == Some(false) {
                severity = Severity::Critical;
                parts.push(must(format!("TARGET NOT READY: {}", self.environment(Role::Stable))));
            }
        }
        if self.drift.is_some() && !phase.is_back() {
            word = "FROZEN";
        }
        parts.extend(rest);
        parts.retain(|part| !part.words.as_str().is_empty());
        let text = parts.iter().map(|part| part.words.as_str()).collect::<Vec<_>>().join("  ");
        Band { severity, word: word.into(), text: text.as_str().into(), parts }
    }

    fn band_parts(&self, phase: Phase, gates: &[Gate]) -> (Severity, Vec<BandPart>) {
        if let Some(why) = &self.violation {
            return (Severity::Critical, vec![must("R still rolls back"), must(format!("forward frozen: {why}"))]);
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
                let going = self.shift.as_ref().map_or(self.current, |shift| self.plan.steps[shift.step].split);
                (Severity::Info, vec![must(format!("{} → {going}: waiting for the read-back", self.current))])
            }
            Phase::Baking => self.baking_parts(gates),
            Phase::Held => self.held_parts(),
            Phase::Complete => (Severity::Info, self.complete_parts()),
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
        let lasting = self.now.since(drift.since).as_secs();
        let whose = if drift.own {
            may(2, "an earlier or half-applied write").or("half-applied")
        } else {
            may(2, "not set by this run").or("not ours")
        };
        let next = if drift.is_towards_stable() { ":adopt :complete" } else { ":adopt  R rolls back" };
        vec![must(format!("DRIFT candidate {} → {} for {lasting} s", drift.from, drift.to)), must(next), whose]
    }

    fn next_words(&self) -> String {
        self.next_step().map_or_else(|| "the end".to_owned(), |step| self.plan.steps[step].split.to_string())
    }

    fn baking_parts(&self, gates: &[Gate]) -> (Severity, Vec<BandPart>) {
        let Some(position) = self.position else { return (Severity::Info, Vec::new()) };
        let step = &self.plan.steps[position];
        if self.is_blind() {
            let lasting = format!("no candidate metrics for {} s", self.blind_for().as_secs());
            let parts = vec![must(lasting), may(1, "values OLD"), must("A locked"), must("H R work")];
            return (Severity::Warn, parts);
        }
        let at = must(format!("at {}", self.current));
        let (healthy, need) = (clock_words(self.bake.healthy.min(step.bake)), clock_words(step.bake));
        let bake = may(1, format!("bake {healthy} of {need}"));
        let Some(next) = self.next_step() else { return (Severity::Info, vec![at, bake, must("the last step")]) };
        // What is closed and not merely unfinished says why one cannot go on.
        if let Some(gate) = gates.iter().find(|gate| !gate.is_open() && gate.name.as_str() != "bake") {
            let name = if gate.name.as_str() == "limit" { String::new() } else { format!("{}: ", gate.name) };
            let first = gate.detail.as_str().split([',', ';']).next().unwrap_or_default();
            // Where the band has said already that there is no way back, that is why.
            let said = self.stable_is_ready() == Some(false);
            let short = if said { "A locked".to_owned() } else { format!("A locked: {name}{first}") };
            let why = must(format!("A locked: {name}{}", gate.detail)).or(short);
            let severity = if self.is_abnormal() { Severity::Warn } else { Severity::Info };
            return (severity, vec![at, why, bake]);
        }
        let how = match (self.plan.advance, step.hold) {
            (_, true) => "hold point: A",
            (Advance::Manual, false) => "A",
            (Advance::Automatic, false) if self.driver_is_here() => "automatic",
            (Advance::Automatic, false) => "automatic, waits for the driver",
        };
        (Severity::Info, vec![at, must(format!("next: {} ({how})", self.plan.steps[next].split)), bake])
    }

    /// Whether something is wrong and not merely unfinished: a bake, an approval and requests take their time.
    fn is_abnormal(&self) -> bool {
        self.conditions().filter(|condition| self.verdict(*condition) != Verdict::Pass).any(|condition| match condition
        {
            Condition::Bake | Condition::Approval | Condition::OfStep(_) => false,
            Condition::Limit(limit) => !matches!(
                self.watches[limit].reading.value,
                Err(Absence::TooFew { .. } | Absence::NoRequests | Absence::NotYet)
            ),
            Condition::Engine
            | Condition::Journal
            | Condition::Balancer
            | Condition::Drift
            | Condition::InitialSplit
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

    /// The value in it is the one at that time: what is so now stands in the signals.
    fn held_parts(&self) -> (Severity, Vec<BandPart>) {
        let Some(held) = &self.held else { return (Severity::Warn, Vec::new()) };
        let since = held.wall.clock();
        let resumes = must(if self.resume_refused().is_empty() { "A resumes" } else { "A locked" });
        let back = must("R rolls back");
        if held.automatic {
            let why = must(held.why.as_str()).or(brief(held.why.as_str()));
            let since = must(format!("auto-hold {since}")).or(format!("auto {since}"));
            (Severity::Critical, vec![why, since, back, resumes])
        } else {
            let who = format!("at {} by {} since {since}", self.current, held.by.name);
            (Severity::Warn, vec![must(who), resumes, back])
        }
    }

    fn complete_parts(&self) -> Vec<BandPart> {
        let at = must(format!("100% on {}", self.environment(Role::Candidate)));
        let left = self.watch_until.map_or(Duration::ZERO, |until| until.since(self.now));
        let back = must("R still rolls back");
        if left.is_zero() {
            vec![at, must("watch over"), back, may(1, ":end leaves it so")]
        } else {
            let left = clock_words(left);
            vec![at, must(format!("watched for {left} more")).or(format!("watch {left}")), back]
        }
    }

    fn back_parts(&self) -> (Severity, Vec<BandPart>) {
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
        match rollback.phase() {
            Phase::RolledBack => {
                let took = rollback.rolled_back.map_or(Duration::ZERO, |at| at.since(rollback.accepted));
                let at = rollback.accepted_wall.plus(took).clock();
                let parts = vec![
                    must(format!("all traffic on {stable} +{:.1}s", took.as_secs_f64())),
                    may(1, format!("at {at}")).or(at),
                    may(2, format!("by {}: {}", rollback.by.name, rollback.reason))
                        .or(format!("by {}", rollback.by.name)),
                    must(":restart begins a new run").or(":restart"),
                ];
                (Severity::Info, parts)
            }
            Phase::NewTrafficBack => {
                let left = match self.still_on_candidate() {
                    Some(rate) => format!("{rate:.0} rps still on candidate"),
                    None => "nobody knows what is still on the candidate".to_owned(),
                };
                let lever = self.plan.rollback.lever.as_ref().map_or("", |lever| lever.words.as_str());
                (Severity::Warn, vec![must(left), since(0), may(1, lever)])
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
                let mut parts = vec![may(1, format!("to {stable}:")).or("")];
                parts.extend(self.on_its_way());
                parts.push(since(2));
                parts.extend(
                    rollback.last_error.as_ref().map(|why| may(1, format!("{why}; trying on")).or("trying on")),
                );
                parts.extend(rollback.ahead_of_journal.then(|| may(1, "(not recorded: disk)")));
                (Severity::Critical, parts)
            }
        }
    }

    /// How far a rollback under way is.
    fn on_its_way(&self) -> Vec<BandPart> {
        let Some(rollback) = &self.rollback else { return Vec::new() };
        let took = |at: Mono| format!("+{:.1}s", at.since(rollback.accepted).as_secs_f64());
        match (rollback.sent, rollback.acknowledged, rollback.read_back) {
            (_, _, Some(at)) => {
                let window = duration_words(self.plan.traffic.lateness);
                vec![must(format!("0% read back {}", took(at))), must(format!("confirming over {window}"))]
            }
            (Some(sent), Some(_), None) if self.now.since(sent) > NOT_LANDED_AFTER => {
                let holds = self.balancer.split().map_or_else(|| "unknown".to_owned(), |s| s.to_string());
                let lasting = self.now.since(sent).as_secs();
                vec![
                    must(format!("NOT LANDED: still {holds} on candidate")),
                    must(format!("attempt {}, {lasting} s", rollback.attempts)),
                ]
            }
            (_, Some(at), None) => vec![must(format!("accepted by the balancer {}, reading back", took(at)))],
            (Some(_), None, None) => vec![must(format!("sent, attempt {}", rollback.attempts))],
            (None, None, None) => vec![must("sending")],
        }
    }
}

/// What is waited for, the hardest first.
fn preflight_parts(gates: &[Gate]) -> (Severity, Vec<BandPart>) {
    let closed: Vec<&Gate> = gates.iter().filter(|gate| !gate.is_open()).collect();
    let Some(first) = closed.first() else { return (Severity::Info, vec![must("waiting")]) };
    let mut parts = vec![must(format!("waiting for {}", first.name)), may(2, first.detail.as_str())];
    if closed.len() > 1 {
        parts.push(may(1, format!("+{} more", closed.len() - 1)));
    }
    // What was not asked yet is no trouble; what answered badly is.
    let failed = closed.iter().any(|gate| gate.verdict == Verdict::Fail);
    (if failed { Severity::Warn } else { Severity::Info }, parts)
}

/// `5xx GREEN 5.03% > 3.00%` of `5xx CANDIDATE GREEN 5.03% > 3.00% for 2 s`: the colour tells the role.
fn brief(why: &str) -> String {
    let head = why.rsplit_once(" for ").map_or(why, |(head, _)| head);
    Role::BOTH.iter().fold(head.to_owned(), |text, role| text.replacen(&format!("{} ", role.word()), "", 1))
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
