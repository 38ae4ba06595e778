//! What each environment is asked for now, and whether the candidate is empty.

use super::planted::{Bug, planted};
use super::{Engine, share};
use crate::domain::{Mono, Role, Setting, Signal, Split};
use crate::plan::Subject;
use std::time::Duration;

/// Requests a second that are allowed beyond a quarter more than before the first step.
const FLOOR_LEAST: f64 = 1.0;

impl Engine {
    /// The candidate's own request rate now.
    pub(super) fn candidate_rate(&self) -> Option<f64> {
        self.own_rate(Role::Candidate)
    }

    /// An environment's own request rate now.
    pub(super) fn own_rate(&self, role: Role) -> Option<f64> {
        let subject = Subject { signal: Signal::RequestRate, role, window: self.rate_window(), minimum_requests: 0 };
        self.read(&subject).value.ok()
    }

    /// Short, so that the rate falls soon after the traffic does.
    fn rate_window(&self) -> Duration {
        (self.plan.poll.readings * 5).max(Duration::from_secs(3))
    }

    /// Whether an environment's own rate still has requests of before the split last changed in it. The window reaches
    /// back from the newest scrape.
    pub(super) fn rate_is_mixed(&self, role: Role) -> bool {
        self.rate_begins(role).is_some_and(|begins| self.moved_since(begins))
    }

    /// Since when an environment's own rate is counted now.
    pub(super) fn rate_begins(&self, role: Role) -> Option<Mono> {
        self.instances[role].read_at().map(|at| at.minus(self.rate_window()))
    }

    fn moved_since(&self, begins: Mono) -> bool {
        self.balancer.moved_at.is_some_and(|moved| begins < moved)
    }

    /// The same between the newest two scrapes: what it is asked for now, where an average still has what went back.
    pub(super) fn newest_rate(&self, role: Role) -> Option<f64> {
        self.own_rate(role).and_then(|_| self.instances[role].newest_rate())
    }

    /// The rate that counts as none.
    pub(super) fn candidate_floor(&self) -> f64 {
        self.plan.rollback.floor.unwrap_or_else(|| self.idle_rate.unwrap_or(0.0) * 1.25 + FLOOR_LEAST)
    }

    /// Remembers what the candidate is asked for just before it gets a share: health checks, scrapes, our own
    /// checks. What it was asked for in a load test an hour ago is not its floor, nor what it is asked for with a share
    /// that somebody else gave it: the read that shows it without one was asked for after the scrapes that are counted,
    /// however many came while it was under way.
    pub(super) fn note_idle_rate(&mut self, setting: &Setting) {
        let is_idle = share::by_weight(&self.layout, setting) == Some(Split::ALL_STABLE);
        let may_count = is_idle && !self.forward_began && self.rollback.is_none() && self.drift.is_none();
        let before = self.balancer.rate_before.take().filter(|_| may_count);
        if let Some((rate, _)) = before.filter(|(_, begins)| !self.moved_since(*begins)) {
            self.idle_rate = Some(rate);
        }
    }

    /// Whether the candidate's own requests are known to be at their floor. What refuses connections serves none.
    pub(super) fn candidate_is_at_floor(&self) -> bool {
        if !self.has_told_since_back() {
            return false;
        }
        match self.candidate_rate() {
            Some(rate) => rate <= self.candidate_floor(),
            None => self.instances[Role::Candidate].all_refuse(),
        }
    }

    /// Whether the candidate has told of itself since a rollback was read back: a reading of before proves nothing.
    pub(super) fn has_told_since_back(&self) -> bool {
        let read_back = self.rollback.as_ref().and_then(|rollback| rollback.read_back);
        read_back.is_none_or(|at| self.instances[Role::Candidate].told_since(at) || planted(Bug::EmptyOnOldReading))
    }

    /// Requests a second still on the candidate beyond its floor, as of the newest scrape; `None` when nobody knows. That
    /// it is empty is proven by the average, which takes longer.
    pub(super) fn still_on_candidate(&self) -> Option<f64> {
        if !self.has_told_since_back() {
            return None;
        }
        if self.instances[Role::Candidate].all_refuse() {
            return Some(0.0);
        }
        let average = self.candidate_rate()?;
        let rate = self.newest_rate(Role::Candidate).unwrap_or(average);
        Some(if rate <= self.candidate_floor() { 0.0 } else { rate })
    }
}
