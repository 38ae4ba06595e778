//! Whether what is wanted is configured on every node, and what is configured is what requests meet.
//!
//! The balancer's own numbers are compared slot by slot, then what the servers that are up make of them, and the sampled
//! share by its interval. What nobody knows is never converged.

use super::snapshot::ConvergedView;
use super::watching::wilson;
use super::{Engine, Mode};
use crate::domain::{Clean, Setting, Split};
use std::time::Duration;

/// With fewer answered probes their share says nothing: its interval is wider than the step between most splits.
pub const PROBES_MIN: u32 = 30;
/// Probes come several a second; without one for this long the measured split is not of now.
pub const PROBES_STALE: Duration = Duration::from_secs(5);
/// The interval's ends are computed: all of one side comes a rounding short of the whole.
const ROUNDING: f64 = 1e-9;

/// Whether something agrees; `None` when nobody knows, and why in words either way.
type Agrees = (Option<bool>, String);

impl Engine {
    /// What is wanted of the balancer now, to the last weight.
    fn wanted_setting(&self) -> Option<&Setting> {
        let under_way = self.shift.as_ref().map(|shift| &shift.setting).or(self.expected.as_ref());
        self.rollback.as_ref().map(|rollback| &rollback.setting).or(under_way)
    }

    /// What is wanted of the balancer now.
    pub(super) fn wanted(&self) -> Split {
        let step = self.shift.as_ref().and_then(super::forward::Shift::step);
        match (&self.rollback, step) {
            (Some(_), _) => Split::ALL_STABLE,
            (None, Some(step)) => self.plan.steps[step].split,
            (None, None) => self.current,
        }
    }

    pub(super) fn converged_view(&self) -> Option<ConvergedView> {
        (self.mode == Mode::Drive).then(|| {
            let (converged, words) = self.converged();
            ConvergedView { converged, words: Clean::new(words) }
        })
    }

    /// Whether wanted, configured and measured agree, or the first of them that does not.
    pub(super) fn converged(&self) -> Agrees {
        let (configured, words) = self.configured_agrees();
        if configured != Some(true) {
            return (configured, words);
        }
        if let Some(there) = self.off_from(self.wanted()) {
            let words = format!("configured {there} of the servers that are up, want {}", self.wanted());
            return (Some(false), words);
        }
        if self.plan.sampler.is_none() {
            return (Some(true), "converged, as configured; nothing samples it".to_owned());
        }
        match self.measured_agrees() {
            (Some(true), _) => (Some(true), "converged".to_owned()),
            otherwise => otherwise,
        }
    }

    /// Whether the balancer holds what is wanted, slot by slot, and every node has somebody to serve it.
    pub(super) fn configured_agrees(&self) -> Agrees {
        let unknown = |why: &str| (None, format!("unknown: {why}"));
        let Some(wanted) = self.wanted_setting() else { return unknown("the balancer was not read yet") };
        if let Some(why) = &self.balancer.failure {
            return unknown(&format!("the balancer cannot be read: {why}"));
        }
        if !self.balancer_is_known() {
            return unknown(&format!("the balancer was not read for {} s", self.silent_for().as_secs()));
        }
        let seen = self.balancer.seen.as_ref().and_then(|(_, state)| state.setting().ok());
        match seen {
            None => unknown("the balancer was not read yet"),
            Some(seen) if seen == *wanted => match self.unserved_words() {
                Some(words) => (Some(false), words),
                None => (Some(true), String::new()),
            },
            Some(seen) => (Some(false), format!("configured differs: {}", self.differences(wanted, &seen))),
        }
    }

    /// The share that the servers which are up make of the weights, where it is far from a split: some of them went up or
    /// down since those weights were made for it.
    pub(super) fn off_from(&self, split: Split) -> Option<Split> {
        let configured = self.balancer.configured.as_ref();
        configured.filter(|configured| !configured.is_near(split)).map(super::share::Configured::split)
    }

    /// The same of where this run stands, once it stands anywhere and nothing is under way.
    pub(super) fn is_off(&self) -> Option<Split> {
        let stands = self.expected.is_some() && self.drift.is_none() && self.shift.is_none() && self.rollback.is_none();
        self.off_from(self.current).filter(|_| stands)
    }

    /// Whether the sampled share can be the one that is configured.
    pub(super) fn measured_agrees(&self) -> Agrees {
        let unknown = |why: String| (None, format!("unknown: {why}"));
        let Some(configured) = &self.balancer.configured else {
            return unknown(self.unserved_words().unwrap_or_else(|| "the balancer was not read".to_owned()));
        };
        if self.sampling.newest().is_none_or(|at| self.now.since(at) > PROBES_STALE) {
            return unknown("no probe lately".to_owned());
        }
        let samples = self.sampling.sum(self.now);
        let (answered, sent) = (samples.stable + samples.candidate, samples.sent());
        if answered < PROBES_MIN {
            return unknown(format!("too few probes, {answered} of {PROBES_MIN}"));
        }
        // Each node may send its own share; weights in whole numbers make what they make.
        let shares = || configured.nodes.iter().flatten().copied();
        let (least, most) = (shares().fold(f64::INFINITY, f64::min), shares().fold(0.0, f64::max));
        // Nobody knows whose the unanswered ones would have been: all stable's, or all the candidate's.
        let ends = [samples.candidate, sent - samples.stable].map(|hits| wilson(hits, sent));
        let [Some((low, high)), Some((low_at_most, high_at_most))] = ends else {
            return unknown("no probe lately".to_owned());
        };
        let value = f64::from(samples.candidate) / f64::from(sent);
        let measured = format!("measured {:.1}% ({:.1}-{:.1})", value * 100.0, low * 100.0, high * 100.0);
        if high + ROUNDING >= least && low_at_most - ROUNDING <= most {
            (Some(true), format!("{measured}, configured {}", configured.split()))
        } else if high_at_most + ROUNDING < least || low - ROUNDING > most {
            (Some(false), format!("{measured} not yet {}", configured.split()))
        } else {
            unknown(format!("{} of {sent} probes were answered by neither side", sent - answered))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::share::Configured;
    use super::*;
    use crate::domain::{Mono, Wall};
    use crate::engine::Samples;
    use std::sync::Arc;

    /// A balancer that holds so much, and so many probes answered by stable, the candidate and nobody.
    fn measured(share: f64, stable: u32, candidate: u32, failed: u32) -> Agrees {
        let plan = include_str!("../../config/progressive.toml");
        let plan = crate::plan::load(std::path::Path::new("test.toml"), plan).expect("a sound plan");
        let now = Mono::from_micros(1_000_000);
        let mut engine = Engine::new(Arc::new(plan), Mode::Drive, now, Wall::from_millis(0), 1);
        engine.balancer.configured = Some(Configured { share, nodes: vec![Some(share)] });
        engine.sampling.push(now, Samples { stable, candidate, unknown: 0, failed });
        engine.measured_agrees()
    }

    #[test]
    fn the_configured_share_is_within_the_interval_or_it_is_not() {
        assert_eq!(measured(0.05, 95, 5, 0).0, Some(true));
        let (agrees, words) = measured(0.05, 390, 3, 0);
        assert_eq!((agrees, words.as_str()), (Some(false), "measured 0.8% (0.3-2.2) not yet 5%"));
        assert_eq!(measured(1.0, 0, 200, 0).0, Some(true), "all of it is all of it");
        assert_eq!(measured(1.0, 1, 199, 0).0, Some(false));
        assert_eq!(measured(0.0, 200, 0, 0).0, Some(true));
    }

    #[test]
    fn what_nobody_knows_is_not_converged() {
        assert_eq!(measured(0.5, 15, 14, 0), (None, "unknown: too few probes, 29 of 30".to_owned()));
        let (agrees, words) = measured(0.5, 50, 30, 40);
        assert_eq!((agrees, words.as_str()), (None, "unknown: 40 of 120 probes were answered by neither side"));
        assert_eq!(measured(0.5, 150, 20, 10).0, Some(false), "whoever the ten would have been");
        assert_eq!(measured(0.5, 20, 150, 10).0, Some(false), "and on the other side");
        let (agrees, words) = measured(0.5, 30, 30, 140);
        assert_eq!((agrees, words.as_str()), (None, "unknown: 140 of 200 probes were answered by neither side"));
    }
}
