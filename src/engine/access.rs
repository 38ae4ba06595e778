//! Whether a write would be taken, and what it would find: a rehearsal, credentials, targets and settings.
//!
//! Only of balancers whose driver can tell. A rehearsal writes the weights that are there: it proves credentials,
//! permission and the list of actions without moving one request.

use super::gates::Condition;
use super::planted::{Bug, planted};
use super::window::Freshness;
use super::{Effect, Engine, Fact, Mode, Severity, WriteResult};
use crate::domain::{
    Clean, Credentials, EffectId, Finding, Mono, Role, Survey, Targets, Verdict, Wall, duration_words,
};
use std::time::Duration;

/// Time that a rollback needs beyond a bake for its credentials to outlive both: five minutes are its lateness window
/// many times over, and time to renew them by hand.
pub const CREDENTIALS_MARGIN: Duration = Duration::from_secs(300);
/// Time before a rehearsal that failed is repeated: a person mends permissions, a machine does not.
const REHEARSE_AGAIN: Duration = Duration::from_secs(15);

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Access {
    survey: Option<(Mono, Survey)>,
    /// Stable's targets as the newest survey had them that could tell.
    told: Option<Targets>,
    /// The configuration that is in the journal.
    configuration: Option<String>,
    /// Stable's healthy targets when the run began, where they were known.
    targets_before: Option<usize>,
    rehearsal: Rehearsal,
    /// Why the newest one failed.
    failure: Option<Clean>,
}

/// How far the rehearsal is.
#[derive(Debug, Clone, Copy, Default)]
enum Rehearsal {
    /// To come, as soon as everything is still.
    #[default]
    ToCome,
    /// To come again, after a pause; until when the last one may still land, where it may.
    Again {
        at: Mono,
        lands_until: Option<Mono>,
    },
    UnderWay {
        id: EffectId,
        sent: Mono,
    },
    Proven(Wall),
}

impl Engine {
    fn is_surveyed(&self) -> bool {
        self.plan.traffic.is_surveyed()
    }

    pub(super) fn surveyed(&mut self, survey: &Survey, out: &mut Vec<Effect>) {
        if let Ok(targets) = &survey.targets.stable {
            self.access.told = Some(*targets);
        }
        let before = self.access.survey.replace((self.now, survey.clone())).map(|(_, survey)| survey);
        self.tell_findings(before.as_ref(), survey, out);
        self.tell_credentials(before.as_ref(), survey, out);
        if self.mode == Mode::Watch {
            return;
        }
        // With none healthy there is nothing yet to measure a later number by.
        if let (None, Ok(Targets { healthy: healthy @ 1.., registered })) =
            (self.access.targets_before, &survey.targets.stable)
        {
            self.access.targets_before = Some(*healthy);
            let stable = self.environment(Role::Stable);
            let text = format!("recorded: {stable} has {healthy} of {registered} targets healthy");
            self.say(Severity::Info, None, text, Fact::TargetsBefore { stable: *healthy }, out);
        }
        let changed = self.access.configuration != survey.configuration;
        if let Some(state) = survey.configuration.as_ref().filter(|_| changed) {
            let what = if self.access.configuration.is_none() { "recorded" } else { "changed, and recorded" };
            let text = format!("the balancer's whole configuration is {what}: {state}");
            self.access.configuration = Some(state.clone());
            self.say(Severity::Info, None, text, Fact::Configuration { state: state.clone() }, out);
        }
    }

    /// Each finding is said when it is new, and when its verdict changes.
    fn tell_findings(&mut self, before: Option<&Survey>, survey: &Survey, out: &mut Vec<Effect>) {
        for finding in &survey.findings {
            let old = before.and_then(|before| before.findings.iter().find(|old| old.name == finding.name));
            if old.is_some_and(|old| old.verdict == finding.verdict) {
                continue;
            }
            let severity = match finding.verdict {
                Verdict::Pass => Severity::Info,
                Verdict::Warn | Verdict::Unknown | Verdict::Fail => Severity::Warn,
            };
            let text = format!("{}: {} {}", finding.name, super::verdict_word(finding.verdict), finding.detail);
            self.say(severity, None, text, Fact::Line, out);
        }
    }

    fn tell_credentials(&mut self, before: Option<&Survey>, survey: &Survey, out: &mut Vec<Effect>) {
        let before = before.map(|before| &before.credentials);
        if before.is_some_and(|before| told(before) == told(&survey.credentials)) {
            return;
        }
        let (severity, text) = match &survey.credentials {
            Credentials::Lasting => (Severity::Info, "credentials without an end".to_owned()),
            Credentials::Until { end, failure: Some(why) } => {
                let text = format!("credentials cannot be renewed, and end at {}: {why}", end.clock());
                (Severity::Warn, text)
            }
            Credentials::Until { end, failure: None } => {
                let word = if before.is_some() { "credentials renewed" } else { "credentials" };
                (Severity::Info, format!("{word}: good until {}", end.clock()))
            }
            Credentials::Missing(why) => (Severity::Critical, format!("no good credentials: {why}")),
        };
        self.say(severity, None, text, Fact::Line, out);
    }

    /// Rehearses once everything is still: the state before is on disk, nothing is under way, nobody else is at it.
    pub(super) fn pass_access(&mut self, out: &mut Vec<Effect>) {
        let due = match self.access.rehearsal {
            Rehearsal::ToCome => true,
            Rehearsal::Again { at, .. } => self.now >= at,
            Rehearsal::UnderWay { .. } | Rehearsal::Proven(_) => false,
        };
        let wanted = due && self.is_surveyed() && self.mode == Mode::Drive;
        let is_recorded =
            self.access.configuration.is_some() && self.facts.is_quiet() && self.journal_trouble.is_none();
        let is_still = self.rollback.is_none()
            && self.shift.is_none()
            && (self.drift.is_none() || planted(Bug::RehearsesUnderDrift));
        let is_seen = self.verdict(Condition::Balancer) == Verdict::Pass;
        if !wanted || !is_recorded || !is_still || !is_seen {
            return;
        }
        let Some(setting) = self.expected.clone() else { return };
        let seen = self.balancer.seen.as_ref();
        let holds =
            seen.is_some_and(|(_, state)| state.setting() == Ok(setting.clone())) || planted(Bug::RehearsesUnderDrift);
        let Some(tag) = self.balancer.tag().filter(|_| holds) else { return };
        let id = self.new_effect();
        self.access.rehearsal = Rehearsal::UnderWay { id, sent: self.now };
        out.push(Effect::Rehearse { id, setting, tag });
    }

    pub(super) fn rehearsed(&mut self, id: EffectId, result: &WriteResult, out: &mut Vec<Effect>) {
        let Rehearsal::UnderWay { id: expected, sent } = self.access.rehearsal else { return };
        if expected != id {
            return;
        }
        match result {
            WriteResult::Accepted | WriteResult::AcceptedBut(_) => {
                let took = self.now.since(sent);
                self.tempo.to_balancer.get_or_insert(took);
                self.access.rehearsal = Rehearsal::Proven(self.wall);
                self.access.failure = None;
                let text = format!(
                    "rehearsal: the present weights were written back in {:.1} s; the balancer takes writes{}",
                    took.as_secs_f64(),
                    result.words().map_or_else(String::new, |words| format!("; {words}"))
                );
                self.say(Severity::Info, None, text, Fact::Line, out);
                self.balancer.read_soon(self.now);
            }
            WriteResult::Refused(why) | WriteResult::Unknown(why) | WriteResult::NotSent(why) => {
                // What may still land must have landed before a step is sent; what was refused wrote nothing.
                let may_land = matches!(result, WriteResult::Unknown(_)).then(|| self.settling());
                let pause = REHEARSE_AGAIN.max(may_land.unwrap_or_default());
                let lands_until = may_land.map(|settling| self.now + settling);
                self.access.rehearsal = Rehearsal::Again { at: self.now + pause, lands_until };
                if self.access.failure.as_ref() != Some(why) {
                    let text = format!("rehearsal failed: {why}; again in {}", duration_words(pause));
                    self.say(Severity::Warn, None, text, Fact::Line, out);
                }
                self.access.failure = Some(why.clone());
            }
        }
    }

    /// A rollback supersedes the one that is under way: what becomes of it is nobody's concern any more, but until when
    /// it may still land.
    pub(super) fn end_rehearsal(&mut self) -> Option<Mono> {
        match self.access.rehearsal {
            Rehearsal::ToCome | Rehearsal::Proven(_) => None,
            Rehearsal::Again { lands_until, .. } => lands_until,
            Rehearsal::UnderWay { .. } => {
                self.access.rehearsal = Rehearsal::ToCome;
                Some(self.now + self.settling())
            }
        }
    }

    pub(super) fn rehearses(&self) -> bool {
        matches!(self.access.rehearsal, Rehearsal::UnderWay { .. })
    }

    /// The keeper before this one may have died over a rehearsal, of which nothing is written down.
    pub(super) fn recover_rehearsal(&mut self) {
        let at = self.now + self.settling();
        self.access.rehearsal = Rehearsal::Again { at, lands_until: Some(at) };
    }

    pub(super) fn fold_configuration(&mut self, state: &str) {
        self.access.configuration = Some(state.to_owned());
    }

    pub(super) fn fold_targets_before(&mut self, stable: usize) {
        self.access.targets_before = Some(stable);
    }

    /// How old a survey may be.
    fn survey_limit(&self) -> Duration {
        Freshness::of(self.plan.survey_every()).stale + self.plan.traffic.timeout
    }

    /// The newest survey while it is fresh.
    fn survey(&self) -> Option<&Survey> {
        let (at, survey) = self.access.survey.as_ref()?;
        (self.now.since(*at) <= self.survey_limit() || planted(Bug::OldSurveyPasses)).then_some(survey)
    }

    /// What must hold besides, of a balancer that tells.
    pub(super) fn access_conditions(&self) -> impl Iterator<Item = Condition> + use<> {
        let surveyed = self.is_surveyed();
        let findings = self.access.survey.as_ref().map_or(0, |(_, survey)| survey.findings.len());
        let first = [Condition::Survey, Condition::WriteAccess, Condition::Credentials];
        first.into_iter().chain((0..findings).map(Condition::Finding)).filter(move |_| surveyed)
    }

    pub(super) fn write_access(&self) -> Verdict {
        match self.access.rehearsal {
            Rehearsal::Proven(_) => Verdict::Pass,
            Rehearsal::ToCome | Rehearsal::UnderWay { .. } => Verdict::Unknown,
            Rehearsal::Again { .. } if self.access.failure.is_none() => Verdict::Unknown,
            Rehearsal::Again { .. } => Verdict::Fail,
        }
    }

    pub(super) fn write_access_words(&self) -> String {
        let failed = self.access.failure.as_ref().map_or_else(String::new, |why| format!("; last: {why}"));
        match self.access.rehearsal {
            Rehearsal::Proven(at) => format!("proven by a rehearsal at {}", at.clock()),
            Rehearsal::ToCome => "the rehearsal is to come".to_owned(),
            Rehearsal::UnderWay { .. } => format!("the rehearsal is under way{failed}"),
            Rehearsal::Again { at, .. } => {
                let left = duration_words(Duration::from_secs(at.since(self.now).as_secs() + 1));
                format!("rehearsed again in {left}{failed}")
            }
        }
    }

    pub(super) fn survey_verdict(&self) -> Verdict {
        if self.survey().is_some() { Verdict::Pass } else { Verdict::Unknown }
    }

    pub(super) fn survey_words(&self) -> String {
        match &self.access.survey {
            None => "not surveyed yet".to_owned(),
            Some(_) if self.survey().is_some() => "ok".to_owned(),
            Some((at, _)) => format!("last surveyed {} s ago", self.now.since(*at).as_secs()),
        }
    }

    fn finding(&self, index: usize) -> Option<&Finding> {
        self.access.survey.as_ref()?.1.findings.get(index)
    }

    /// A finding of an old survey is unknown.
    pub(super) fn finding_verdict(&self, index: usize) -> Verdict {
        let Some(finding) = self.finding(index) else { return Verdict::Unknown };
        if self.survey().is_some() { finding.verdict } else { finding.verdict.max(Verdict::Unknown) }
    }

    pub(super) fn finding_words(&self, index: usize) -> (Clean, String) {
        let words = |finding: &Finding| (finding.name.clone(), finding.detail.to_string());
        self.finding(index).map(words).unwrap_or_default()
    }

    /// How long credentials must be good from now: the next step's bake and a rollback after it.
    fn credentials_needed(&self) -> Duration {
        let bake = self.next_step().or(self.position).map_or(Duration::ZERO, |step| self.plan.steps[step].bake);
        bake + CREDENTIALS_MARGIN
    }

    pub(super) fn credentials_verdict(&self) -> Verdict {
        match self.survey().map(|survey| &survey.credentials) {
            None => Verdict::Unknown,
            Some(Credentials::Missing(_)) => Verdict::Fail,
            Some(Credentials::Lasting) => Verdict::Pass,
            Some(Credentials::Until { end, .. }) if *end >= self.wall.plus(self.credentials_needed()) => Verdict::Pass,
            Some(Credentials::Until { .. }) => Verdict::Fail,
        }
    }

    pub(super) fn credentials_words(&self) -> String {
        let needed = duration_words(self.credentials_needed());
        match self.access.survey.as_ref().map(|(_, survey)| &survey.credentials) {
            None => "not looked at yet".to_owned(),
            Some(Credentials::Missing(why)) => why.to_string(),
            Some(Credentials::Lasting) => "they have no end".to_owned(),
            Some(Credentials::Until { end, failure }) => {
                let left = duration_words(Duration::from_secs(end.since(self.wall).as_secs()));
                let why = failure.as_ref().map_or_else(String::new, |why| format!("; not renewed: {why}"));
                format!("good until {}, {left}; the next bake and a rollback need {needed}{why}", end.clock())
            }
        }
    }

    /// Healthy targets of an environment, of how many, while the survey is fresh.
    pub(super) fn targets_up(&self, role: Role) -> Option<(usize, usize)> {
        let targets = self.survey()?.targets[role].as_ref().ok()?;
        Some((targets.healthy, targets.registered))
    }

    /// Whether stable has enough healthy targets against what it had when the run began; it may have been scaled in
    /// while it was idle. `None` where the balancer does not tell of targets at all.
    pub(super) fn enough_targets(&self) -> Option<Verdict> {
        let verdict = || match self.targets_up(Role::Stable) {
            Some((healthy, _)) if self.suffices(healthy) => Verdict::Pass,
            Some(_) => Verdict::Fail,
            None => Verdict::Unknown,
        };
        self.is_surveyed().then(verdict)
    }

    /// The same of the newest survey that told, however old.
    pub(super) fn had_few_targets(&self) -> bool {
        self.access.told.as_ref().is_some_and(|targets| !self.suffices(targets.healthy))
    }

    fn suffices(&self, healthy: usize) -> bool {
        if planted(Bug::BackToFewTargets) {
            return true;
        }
        let before = self.access.targets_before.unwrap_or(healthy);
        healthy > 0 && healthy as f64 >= before as f64 * self.plan.rollback.stable_ready
    }

    /// ` 2/3 up (24 at the start)`.
    pub(super) fn targets_words(&self) -> Option<String> {
        if !self.is_surveyed() {
            return None;
        }
        let Some((healthy, registered)) = self.targets_up(Role::Stable) else {
            let why = self.access.survey.as_ref().and_then(|(_, survey)| survey.targets.stable.as_ref().err());
            return Some(why.map_or_else(|| " targets unknown".to_owned(), |why| format!(" targets unknown: {why}")));
        };
        let before = self.access.targets_before.filter(|before| *before != healthy);
        let before = before.map_or_else(String::new, |before| format!(" ({before} at the start)"));
        Some(format!(" {healthy}/{registered} up{before}"))
    }
}

/// What is told of them: another reason why they cannot be renewed is no news.
fn told(credentials: &Credentials) -> Credentials {
    match credentials {
        Credentials::Until { end, failure } => {
            Credentials::Until { end: *end, failure: failure.as_ref().map(|_| Clean::default()) }
        }
        Credentials::Lasting | Credentials::Missing(_) => credentials.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Mono, Setting};
    use crate::engine::{Goal, Shift};
    use std::sync::Arc;

    /// What invariant 4 asks for: no forward write beside one that may still land.
    #[test]
    fn a_step_that_went_out_and_a_rehearsal_under_way_are_open_writes() {
        let text = include_str!("../../config/progressive.toml");
        let plan = Arc::new(crate::plan::load(std::path::Path::new("test.toml"), text).expect("a sound plan"));
        let now = Mono::from_micros(1);
        let mut engine = Engine::new(plan, Mode::Drive, now, Wall::from_millis(0), 1);
        assert!(!engine.has_open_write());
        engine.access.rehearsal = Rehearsal::UnderWay { id: EffectId(1), sent: now };
        assert!(engine.has_open_write());
        engine.access.rehearsal = Rehearsal::ToCome;
        engine.shift = Some(Shift::recovered(Goal::Step(0), Setting::default(), now, Duration::ZERO));
        assert!(engine.has_open_write());
    }
}
