//! How long it takes from a write until the requests follow it, as sampled through the balancer.
//!
//! A balancer that says yes, and that is read back right, may still send requests the old way for seconds. Only
//! samples tell.

use super::watching::wilson;
use super::{Effect, Engine, Fact, Severity};
use crate::domain::{Mono, Split};
use std::time::Duration;

/// Samples that are judged together: twelve of one side exclude 75 % of the other at 95 %, which tells apart the
/// splits of most plans, and at the usual five a second they span two and a half seconds.
const SAMPLES_JUDGED: u32 = 12;
/// After this nobody waits for it any more: splits that are too near to each other are never told apart.
const GIVEN_UP: Duration = Duration::from_secs(120);

/// A write that was read back and whose effect is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Propagation {
    pub sent: Mono,
    pub from: Split,
    pub to: Split,
}

impl Engine {
    /// From here on the samples are of the new split.
    pub(super) fn await_propagation(&mut self, sent: Mono, from: Split, to: Split) {
        self.propagation = Some(Propagation { sent, from, to });
    }

    /// Looks whether the newest samples show the new split and no longer the old one.
    pub(super) fn judge_propagation(&mut self, out: &mut Vec<Effect>) {
        let Some(Propagation { sent, from, to }) = self.propagation else { return };
        if self.now.since(sent) > GIVEN_UP {
            self.propagation = None;
            return;
        }
        let Some((oldest, samples)) = self.sampling.latest(SAMPLES_JUDGED) else { return };
        // What was not answered, or by somebody unknown, says nothing of who would have.
        if oldest < sent || samples.failed > 0 || samples.unknown > 0 {
            return;
        }
        let Some((low, high)) = wilson(samples.candidate, samples.sent()) else { return };
        // The interval's ends are computed: all of one side comes a rounding short of the whole.
        let within = |split: Split| split.fraction() >= low - 1e-9 && split.fraction() <= high + 1e-9;
        if !within(to) || within(from) {
            return;
        }
        let took = oldest.since(sent);
        self.propagation = None;
        self.tempo.measured = Some(took);
        if let Some(took) = self.tempo.follows_later() {
            let text = format!("traffic moved: candidate {to} measured {:.1} s after it was sent", took.as_secs_f64());
            self.say(Severity::Info, None, text, Fact::Line, out);
        }
    }
}
