//! How a life ends, and whether that is a place to stand.

use super::{Away, Ending, Faults, Life, Phase, RollbackState, SECOND};
use crate::sim::fault::LET_CONFIRM;
use crate::sim::stage::SMOKE;
use warroom::domain::Verdict;
use warroom::engine::Gate;

/// Turns that it may take to get somewhere by itself: three steps, and a record a second that the disk had refused.
const GOES_ON_MAX: usize = 20;
/// The candidate's share (permille) of which the limits' 20 requests in six seconds are far from sure.
const FEW: u64 = 80;
/// Times ten seconds of which one is reachable: of 12 000 rollbacks the slowest took 21, most one or two.
const FLICKERS_MAX: u64 = 100;

impl Life<'_> {
    /// Nobody does anything: it stands somewhere visible.
    pub(super) fn ends_by_itself(&mut self) -> Result<Ending, String> {
        self.people.rest();
        self.pass(self.stage.lateness + 15 * SECOND);
        for _ in 0..GOES_ON_MAX {
            if self.is_over() || !self.goes_on() {
                break;
            }
            self.pass(self.stage.lateness + 4 * SECOND);
        }
        if self.engine.phase().is_back() {
            return self.waits_for_confirmation();
        }
        self.verdict()
    }

    /// Whether it is under way by itself: sending, or waiting for what time brings. Otherwise somebody is to decide, on
    /// what the gates name or on the next step.
    fn goes_on(&self) -> bool {
        let view = self.engine.snapshot();
        let closed = |name: &str| view.gates.iter().any(|gate| gate.name.as_str() == name && !gate.is_open());
        // Of a share so small nobody knows enough, however long it lasts.
        let lacks_requests = |gate: &Gate| !gate.is_open() && gate.detail.as_str().contains("too few requests");
        let is_few = self.balancer.share(self.stage) < FEW && view.gates.iter().any(lacks_requests);
        let for_people = is_few || ["drift", "initial split", "approval", SMOKE].into_iter().any(closed);
        let passes = |gate: &Gate| gate.verdict == Verdict::Pass;
        match self.engine.phase() {
            Phase::Shifting => true,
            Phase::Preflight | Phase::Ready | Phase::Baking if for_people => false,
            Phase::Preflight | Phase::Ready | Phase::Baking if !view.gates.iter().all(Gate::is_open) => true,
            Phase::Preflight | Phase::Ready | Phase::Baking => view.next.is_none_or(|next| {
                // A warning is for a person to judge.
                next.automatic && view.people.driver_here && view.gates.iter().all(passes)
            }),
            Phase::Held
            | Phase::Complete
            | Phase::RollingBack
            | Phase::NewTrafficBack
            | Phase::RolledBack
            | Phase::Observing
            | Phase::Ended => false,
        }
    }

    /// Everybody works towards the end: it is reached, or a rollback is.
    pub(super) fn ends_forward(&mut self) -> Result<Ending, String> {
        self.people.work();
        for _ in 0..360 {
            self.pass(5 * SECOND);
            let phase = self.engine.phase();
            if self.is_over() || phase == Phase::Complete && !self.witness.sees_drift() {
                return self.verdict();
            }
            if phase.is_back() {
                return self.waits_for_confirmation();
            }
        }
        // What somebody else set may not be a place to go on from; then it is frozen, and says so.
        if self.witness.sees_drift() && self.engine.snapshot().band.word.as_str() == "FROZEN" {
            return Ok(Ending::Frozen);
        }
        Err(format!("half an hour without faults and {:?}: {}", self.engine.phase(), self.engine.snapshot().band.text))
    }

    /// Somebody rolls back; often the balancer can be reached one second in ten only, and often that is not all.
    pub(super) fn ends_back(&mut self) -> Result<Ending, String> {
        self.people.rest();
        self.flickers = self.chance.coin();
        self.counters.flickers += u64::from(self.flickers);
        if self.flickers && self.chance.coin() {
            let faults = Faults::draw(&mut self.chance).among(LET_CONFIRM);
            if self.trace {
                println!("           from now on {:?}", faults.all().collect::<Vec<_>>());
            }
            self.weather.changes(faults);
        }
        self.weather.away = *self.chance.pick(&[Away::Refuses, Away::Silent, Away::Either]);
        if self.engine.is_ended() {
            return self.verdict();
        }
        let answer = self.roll_back_typed();
        if self.is_over() {
            return Ok(Ending::Ended);
        }
        if !self.engine.phase().is_back() {
            let nothing = !self.witness.ever_forward;
            return if nothing { Ok(Ending::NothingToRollBack) } else { Err(format!("not accepted: {answer:?}")) };
        }
        self.waits_for_confirmation()
    }

    fn waits_for_confirmation(&mut self) -> Result<Ending, String> {
        self.people.rest();
        let turns = if self.flickers { FLICKERS_MAX } else { 6 };
        // A late write may begin the window anew.
        for _ in 0..turns + 3 * self.stage.lateness / (10 * SECOND) {
            self.pass(10 * SECOND);
            if !self.engine.phase().is_back() && !self.asks_again() {
                break;
            }
            if self.is_over() || self.engine.phase() != Phase::RollingBack && !self.has_direct_under_way() {
                break;
            }
            if self.witness.sees_foreign() {
                if self.chance.coin() {
                    return self.verdict();
                }
                self.send_again();
            }
        }
        let rolls_back = self.engine.phase() == Phase::RollingBack && !self.witness.sees_foreign();
        if !self.is_over() && (rolls_back || self.has_direct_under_way()) {
            let who = if rolls_back { "the keeper" } else { "whoever goes directly" };
            return Err(format!("{who} does not get a rollback confirmed: {}", self.engine.snapshot().band.text));
        }
        if self.flickers && !self.is_over() {
            self.flickers = false;
            self.clear_up();
            return self.waits_for_confirmation();
        }
        // The candidate's own requests fall out of their window.
        for _ in 0..6 {
            if self.engine.phase() == Phase::NewTrafficBack {
                self.pass(10 * SECOND);
            }
        }
        self.verdict()
    }

    /// A rollback that the disk had refused dies with its keeper: whoever sees the next one held asks for it again. Gives
    /// whether there is something to wait for.
    fn asks_again(&mut self) -> bool {
        if self.is_awake() && !self.is_over() {
            self.roll_back_typed();
        }
        !self.is_awake() || self.engine.phase().is_back()
    }

    /// Where it stands, and whether that is a place to stand.
    fn verdict(&mut self) -> Result<Ending, String> {
        if self.witness.broken.is_some() {
            return Ok(Ending::Ended);
        }
        let phase = self.engine.phase();
        let view = self.engine.snapshot();
        let band = format!("{} {}", view.band.word, view.band.text);
        let rollback = view.rollback.as_ref().map(|rollback| rollback.state);
        if view.band.text.as_str().trim().is_empty() {
            return Err(format!("the band says nothing in {phase:?}"));
        }
        match phase {
            Phase::Ended => Ok(Ending::Ended),
            Phase::RolledBack | Phase::NewTrafficBack if !self.balancer.is_back(self.stage) => {
                Err(format!("{band}, and the candidate has {}", self.balancer.share(self.stage)))
            }
            Phase::NewTrafficBack => Err(format!("not at the candidate's floor: {band}")),
            Phase::RolledBack => Ok(Ending::RolledBack),
            Phase::RollingBack if rollback == Some(RollbackState::Foreign) => Ok(Ending::Foreign),
            Phase::RollingBack => Err(format!("a rollback that is not confirmed: {band}")),
            Phase::Complete if view.drift.is_none() && !self.balancer.is_over(self.stage) => {
                Err(format!("{band}, and the candidate has {}", self.balancer.share(self.stage)))
            }
            Phase::Complete => Ok(Ending::Complete),
            Phase::Held if view.held.as_ref().is_some_and(|held| !held.why.as_str().is_empty()) => Ok(Ending::Held),
            Phase::Held => Err("held without a reason".into()),
            Phase::Shifting => Err(format!("a write is under way without end: {band}")),
            Phase::Preflight | Phase::Ready | Phase::Baking if self.goes_on() => {
                Err(format!("nobody need do anything, and it stands: {band}"))
            }
            Phase::Preflight | Phase::Ready | Phase::Baking => Ok(Ending::Waiting),
            Phase::Observing => Ok(Ending::Watched),
        }
    }
}
