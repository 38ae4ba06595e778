//! What stands around the balancer's weights, and whether a write of what is there was taken.

use super::{Loose, Rule, Witness, row};
use std::time::Duration;
use warroom::domain::{Credentials, EffectId, Mono, Setting, Survey, Targets, Verdict};
use warroom::engine::{Fact, WriteResult};

/// What it knows of them.
#[derive(Debug, Default)]
pub(super) struct Surveyed {
    last: Option<(Mono, Survey)>,
    /// Stable's targets as they were last told, and as many as were healthy when the run began.
    told: Option<Targets>,
    before: Option<usize>,
    /// A write of what was there was taken, in this process.
    is_proven: bool,
}

impl Surveyed {
    /// Whether too few of stable's targets were healthy when that was last told.
    pub fn has_few(&self, ready: f64) -> bool {
        let least = self.before.map_or(0.0, |before| before as f64 * ready);
        self.told.is_some_and(|told| told.healthy == 0 || (told.healthy as f64) < least)
    }
}

impl Witness<'_> {
    pub(super) fn surveyed(&mut self, survey: &Survey) {
        self.around.last = Some((self.now, survey.clone()));
        self.around.told = survey.targets.stable.clone().ok().or(self.around.told);
    }

    pub(super) fn had_targets(&mut self, healthy: usize) {
        self.around.before = Some(healthy);
    }

    /// 4: a rehearsal writes what is there, and is this run's, while nothing is under way.
    pub(super) fn rehearses(&mut self, id: EffectId, setting: &Setting) {
        let row = row(setting);
        if self.back.is_some() {
            self.breaks(Rule::AfterBack, "a rehearsal after an accepted rollback");
        }
        if !self.refused.is_empty() || self.records.values().any(|(_, fact)| !matches!(fact, Fact::Line | Fact::Note)) {
            self.breaks(Rule::Durable, "a rehearsal, and not all there was before it is on the disk");
        }
        if let Some(loose) = self.loose.first() {
            let what = format!("a rehearsal, and the place of {:?} is unknown", loose.id);
            self.breaks(Rule::ReadBack, what);
        }
        self.balancer_allows();
        if self.expected.as_ref() != Some(&row) {
            let what = format!("rehearses {row:?}, and expects {:?}", self.expected);
            self.breaks(Rule::Foreign, what);
        }
        self.loose.push(Loose { id, row, answered: None, is_rehearsal: true });
    }

    pub(super) fn rehearsed(&mut self, id: EffectId, result: &WriteResult) {
        let Some(place) = self.loose.iter().position(|loose| loose.id == id) else { return };
        match result {
            WriteResult::Unknown(_) => self.loose[place].answered = Some(self.now),
            WriteResult::Accepted | WriteResult::AcceptedBut(_) => {
                self.around.is_proven = true;
                self.loose.remove(place);
            }
            WriteResult::Refused(_) | WriteResult::NotSent(_) => {
                self.loose.remove(place);
            }
        }
    }

    /// What a rehearsal wrote was there already: only time tells that it lands no more.
    pub(super) fn rehearsals_settle(&mut self) {
        let (now, window) = (self.now, self.stage.plan.traffic.lateness);
        let has_settled = |loose: &Loose| loose.answered.is_some_and(|at| now.since(at) >= window);
        self.loose.retain(|loose| !(loose.is_rehearsal && has_settled(loose)));
    }

    /// Nobody overrides this: what is refused now is refused afterwards, too.
    pub(super) fn writes_are_taken(&mut self) {
        if self.stage.is_surveyed && !self.around.is_proven {
            self.breaks(Rule::Readings, "a forward write, and none was rehearsed");
        }
    }

    /// 1: what was found is not old, lets a step through, and its credentials last.
    pub(super) fn survey_allows(&mut self) {
        if !self.stage.is_surveyed {
            return;
        }
        let plan = &self.stage.plan;
        let stale = (plan.survey_every() * 5).max(Duration::from_secs(5)) + plan.traffic.timeout;
        let good = self.around.last.as_ref().is_some_and(|(at, survey)| {
            let lasts = match &survey.credentials {
                Credentials::Lasting => true,
                // Of this world, those that can be renewed outlive it, and the others have ended.
                Credentials::Until { failure, .. } => failure.is_none(),
                Credentials::Missing(_) => false,
            };
            let passes = |verdict| matches!(verdict, Verdict::Pass | Verdict::Warn);
            let enough = |targets: &Targets| targets.healthy > 0;
            self.now.since(*at) <= stale
                && lasts
                && survey.findings.iter().all(|finding| passes(finding.verdict))
                && survey.targets.stable.as_ref().is_ok_and(enough)
        });
        if !good {
            let what = format!("around the weights was last seen {:?}", self.around.last);
            self.breaks(Rule::Readings, what);
        }
    }
}
