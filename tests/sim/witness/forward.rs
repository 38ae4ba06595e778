//! What must be so before anything goes forward, and before it is called done.

use super::{Rule, Truth, Witness, row};
use std::time::Duration;
use warroom::domain::{EffectId, Mono, Rights, Role, Setting, Split, Verdict};
use warroom::engine::{Entry, Health};

/// With longer between two turns nobody was looking.
const LOOKED: Duration = Duration::from_secs(2);

impl Witness<'_> {
    /// 7: what the keeper does by itself it does between hold points, with its driver here.
    pub(super) fn may_intend(&mut self, entry: &Entry) {
        if self.back.is_some() {
            self.breaks(Rule::AfterBack, "an intent after an accepted rollback");
        }
        if entry.by.as_ref().is_none_or(|by| by.user.as_str() != "warroom") {
            return;
        }
        self.over = false;
        let steps = &self.stage.plan.steps;
        let here = steps.iter().rposition(|step| step.split <= self.current);
        if here.is_none_or(|here| steps[here].hold) {
            self.breaks(Rule::People, format!("the keeper goes on by itself from {}", self.current));
        }
        let driver = self.driver.as_ref();
        if !self.consoles.iter().any(|(_, by, rights)| *rights == Rights::Full && Some(by) == driver) {
            self.breaks(Rule::People, "the keeper goes on without the driver");
        }
    }

    fn is_fresh(&self, at: Mono, interval: Duration) -> bool {
        self.now.since(at) <= interval * 2
    }

    pub(super) fn forward(&mut self, id: EffectId, setting: &Setting, truth: Truth) {
        let row = row(setting);
        if self.back.is_some() {
            self.breaks(Rule::AfterBack, "a forward write after an accepted rollback");
        }
        if self.held {
            self.breaks(Rule::People, "a forward write while held");
        }
        let next = self.stage.plan.steps.iter().position(|step| step.split > self.current);
        match &self.intent {
            None => self.breaks(Rule::Durable, "a forward write without an intent on disk"),
            Some((step, _)) if Some(*step) != next => {
                let what = format!("from {} to step {step}", self.current);
                self.breaks(Rule::Shape, what);
            }
            Some((_, intended)) if *intended != row => self.breaks(Rule::Durable, "not what was intended"),
            Some(_) => {}
        }
        self.nothing_is_open(truth);
        self.balancer_allows();
        self.writes_are_taken();
        self.approval_allows(next);
        if !self.over {
            self.readings_allow();
        }
        self.sent_forward(id, row);
    }

    /// 3 and 4: the disk has all there is, and no earlier write can still land.
    fn nothing_is_open(&mut self, truth: Truth) {
        if !self.refused.is_empty() {
            self.breaks(Rule::Durable, format!("the disk has not taken the records {:?}", self.refused));
        }
        if let Some(loose) = self.loose.first() {
            let what = format!("the place of {:?} is unknown", loose.id);
            self.breaks(Rule::ReadBack, what);
        }
        if truth.pending + truth.rehearsing > 0 && !self.was_lied_to {
            self.breaks(Rule::ReadBack, "an earlier forward write can still land");
        }
    }

    /// Whether somebody looked lately, and what this run set was there, or a half of it.
    pub(super) fn is_known(&self) -> bool {
        let stale = (self.stage.plan.poll.balancer * 5).max(Duration::from_secs(5)) + self.took;
        self.read.as_ref().is_some_and(|read| self.now.since(read.ended) <= stale && !self.is_anothers(&read.row))
    }

    /// 1: what nobody saw was not baked.
    pub(super) fn bakes(&mut self, was_known: bool) {
        if was_known || self.is_known() {
            self.baked += self.now.since(self.turned_at).min(LOOKED);
        }
        self.turned_at = self.now;
    }

    /// 8: what somebody else set is told with the read that shows it.
    pub(super) fn drift_is_told(&mut self) {
        let there = self.read.as_ref().filter(|read| read.ended == self.now && self.sees_drift());
        if self.told_of_drift.is_none()
            && !self.ended
            && !self.watches
            && let Some(row) = there.map(|read| read.row.clone()).filter(|row| self.is_anothers(row))
        {
            self.breaks(
                Rule::Drift,
                format!("{row:?} was read, {:?} was expected, and no line says so", self.expected),
            );
        }
    }

    /// 7 and 8: what this run last set is set again by its driver, and only to where it stood.
    pub(super) fn may_reassert(&mut self, entry: &Entry) {
        if self.back.is_some() {
            self.breaks(Rule::AfterBack, "a re-assert after an accepted rollback");
        }
        if entry.by != self.driver {
            self.breaks(Rule::People, format!("{:?} re-asserts and does not drive", entry.by));
        }
    }

    /// What this run last set goes out again: over what was decided on, against a move towards the candidate only.
    pub(super) fn again(&mut self, id: EffectId, setting: &Setting, truth: Truth) {
        let row = row(setting);
        if self.back.is_some() {
            self.breaks(Rule::AfterBack, "a re-assert after an accepted rollback");
        }
        let Some((intended, over)) = self.reassert.take() else { return };
        if intended != row {
            self.breaks(Rule::Durable, "not what was to be re-asserted");
        }
        self.nothing_is_open(truth);
        if self.expected.as_ref() != Some(&row) {
            let what = format!("re-asserts {row:?}, and last read back was {:?}", self.expected);
            self.breaks(Rule::ReadBack, what);
        }
        let every = self.stage.plan.poll.balancer + self.took / 2;
        let read = self.read.as_ref().filter(|read| self.is_whole && self.is_fresh(read.ended, every));
        match read.map(|read| read.row.clone()) {
            Some(there) if there != over => {
                self.breaks(Rule::Drift, format!("re-asserts over {there:?}, and was to go over {over:?}"));
            }
            Some(there) if self.gives_candidate_more(&there, &row) => {
                self.breaks(Rule::Drift, format!("re-asserts {row:?} against a move towards stable, {there:?}"));
            }
            Some(_) => {}
            None => self.breaks(Rule::Drift, "re-asserts over what nobody has read lately"),
        }
        self.sources_allow();
        let (began, ever_forward) = (self.began, self.ever_forward);
        self.sent_forward(id, row);
        (self.began, self.ever_forward) = (began, ever_forward);
    }

    /// Whether some node would give the candidate a larger share.
    fn gives_candidate_more(&self, from: &[u32], to: &[u32]) -> bool {
        (0..self.stage.layout.nodes.len())
            .any(|node| self.candidate_share(to, node) > self.candidate_share(from, node) + 1e-9)
    }

    /// The candidate's share of one node (0.0–1.0); a node that serves nobody gives it none.
    pub(super) fn candidate_share(&self, row: &[u32], node: usize) -> f64 {
        let sum = |role: Role| -> f64 {
            let of_node = |slot: &usize| self.stage.layout.slots[*slot].0.node == node;
            self.stage.slots(role).filter(of_node).map(|slot| f64::from(row[slot])).sum()
        };
        let candidate = sum(Role::Candidate);
        candidate / (candidate + sum(Role::Stable)).max(1.0)
    }

    /// Set again is what a read that began after the write's answer says.
    pub(super) fn may_be_again(&mut self) {
        let is_read = self.read.as_ref().is_some_and(|read| Some(&read.row) == self.expected.as_ref());
        if !is_read {
            let what = format!("called set again, and the last read was {:?}", self.read);
            self.breaks(Rule::ReadBack, what);
        }
        self.loose.retain(|loose| Some(&loose.row) != self.expected.as_ref());
    }

    pub(super) fn balancer_allows(&mut self) {
        let every = self.stage.plan.poll.balancer + self.took / 2;
        let good = self.is_whole
            && self
                .read
                .as_ref()
                .is_some_and(|read| self.is_fresh(read.ended, every) && Some(&read.row) == self.expected.as_ref());
        if !good {
            let what = format!("the balancer was last read as {:?}, expected {:?}", self.read, self.expected);
            self.breaks(Rule::Drift, what);
        }
    }

    fn approval_allows(&mut self, next: Option<usize>) {
        let Some(step) = next.filter(|step| self.stage.plan.steps[*step].approval.is_some()) else { return };
        let by = self.approvals.get(&step);
        if by.is_none_or(|by| self.driver.as_ref().is_some_and(|driver| driver.name == by.name)) {
            let what = format!("step {step} was approved by {by:?}");
            self.breaks(Rule::People, what);
        }
    }

    fn readings_allow(&mut self) {
        let steps = &self.stage.plan.steps;
        let here = steps.iter().rposition(|step| step.split <= self.current);
        if let Some(here) = here.filter(|_| self.current > Split::ALL_STABLE)
            && self.baked < steps[here].bake
        {
            self.breaks(Rule::Readings, format!("step {here} was not baked: {:?}", self.baked));
        }
        self.hook_allows();
        self.sources_allow();
    }

    fn sources_allow(&mut self) {
        let plan = &self.stage.plan;
        for role in Role::BOTH {
            let at = self.feeds[role].read_at();
            if at.is_none_or(|at| !self.is_fresh(at, plan.poll.readings)) {
                self.breaks(Rule::Readings, format!("{role:?} was last read at {at:?}"));
            }
        }
        self.checks_allow();
        let stale = (plan.poll.health * 5).max(Duration::from_secs(5));
        let healthy = matches!(&self.health, Some((at, Health::Healthy)) if self.now.since(*at) <= stale);
        if !healthy || self.stable_is_down() {
            let what = format!("stable last said {:?}", self.health);
            self.breaks(Rule::Readings, what);
        }
        self.survey_allows();
        self.limit_allows();
    }

    /// The checks are the candidate's, and required.
    fn checks_allow(&mut self) {
        let plan = &self.stage.plan;
        for check in 0..plan.checks.len() {
            let limit = plan.checks[check].interval * 2 + plan.checks[check].timeout;
            let good = self.checks[check].is_some_and(|(at, verdict)| {
                self.now.since(at) <= limit && matches!(verdict, Verdict::Pass | Verdict::Warn)
            });
            if !good {
                let what = format!("the check last said {:?}", self.checks[check]);
                self.breaks(Rule::Readings, what);
            }
        }
    }

    /// 4: reached is what a read that began after the write's answer says.
    pub(super) fn may_reach(&mut self, step: usize) {
        let intended = self.intended[step].as_ref();
        let is_read = self.read.as_ref().is_some_and(|read| Some(&read.row) == intended && read.ended == self.now);
        if !is_read {
            let what = format!("step {step} is called reached, and the last read was {:?}", self.read);
            self.breaks(Rule::ReadBack, what);
        }
        self.loose.retain(|loose| Some(&loose.row) != self.intended[step].as_ref());
    }

    /// Complete: read lately, all of it on the candidate, and so in truth unless another hand was faster.
    pub(super) fn may_complete(&mut self, truth: Truth) {
        let stale = (self.stage.plan.poll.balancer * 5).max(Duration::from_secs(5)) + self.took;
        let all_over = |row: &[u32]| self.stage.slots(Role::Stable).all(|slot| row[slot] == 0);
        let read = self.read.as_ref().filter(|read| all_over(&read.row) && self.now.since(read.ended) <= stale);
        match read {
            None => {
                let what = format!("complete, and the balancer was last read as {:?}", self.read);
                self.breaks(Rule::Complete, what);
            }
            Some(read) if !truth.is_over && read.is_true && truth.meddled < read.started => {
                self.breaks(Rule::Complete, "complete while stable still has weight");
            }
            Some(_) if self.held || self.back.is_some() => self.breaks(Rule::Complete, "complete while held or back"),
            // Whoever overrides goes over the rest.
            Some(_) if self.overrides => {}
            Some(_) if self.stage.plan.steps.last().is_some_and(|step| self.baked < step.bake) => {
                self.breaks(Rule::Complete, format!("complete, and it was baked for {:?}", self.baked));
            }
            Some(_) => {
                self.checks_allow();
                self.limit_allows();
            }
        }
    }
}
