//! How long it takes from a write until the requests follow it, as sampled through the balancer, and until all agree.
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
/// After this nobody waits for it any more: two windows of samples.
const GIVEN_UP: Duration = Duration::from_secs(120);

/// A write that was read back and whose effect is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Propagation {
    pub sent: Mono,
    pub from: Split,
    pub to: Split,
    /// Time from sending to the read-back.
    configured: Duration,
    /// Time from sending until samples showed the new split and no longer the old one.
    followed: Option<Duration>,
}

impl Engine {
    /// From here on the samples are of the new split: those of before are forgotten. Of what was sent nobody knows when it
    /// is not known how long it takes.
    pub(super) fn await_propagation(&mut self, sent: Option<Mono>, from: Split, to: Split) {
        self.sampling.restart();
        let of = |sent| Propagation { sent, from, to, configured: self.now.since(sent), followed: None };
        self.propagation = sent.map(of);
    }

    /// Looks whether the newest samples show the new split, and whether all agree.
    pub(super) fn judge_propagation(&mut self, out: &mut Vec<Effect>) {
        self.judge_following();
        let Some(Propagation { sent, to, configured, followed, .. }) = self.propagation else { return };
        let lasting = self.now.since(sent);
        let (converged, words) = self.converged();
        let (severity, text) = if converged == Some(true) {
            let seconds = configured.as_secs_f64();
            // Splits that are too near to each other are never told apart: then only the latest time is known.
            let measured = match followed {
                Some(took) => format!("{:.1} s", took.as_secs_f64()),
                None => format!("within {:.1} s", lasting.as_secs_f64()),
            };
            let text =
                format!("converged: candidate {to} configured {seconds:.1} s, measured {measured} after it was sent");
            (Severity::Info, text)
        } else if lasting > GIVEN_UP {
            let text = format!("candidate {to} has not converged {} s after it was sent: {words}", GIVEN_UP.as_secs());
            (Severity::Warn, text)
        } else {
            return;
        };
        self.propagation = None;
        self.say(severity, None, text, Fact::Line, out);
    }

    /// Takes the time when the newest samples show the new split and no longer the old one.
    fn judge_following(&mut self) {
        let Some(Propagation { sent, from, to, followed: None, .. }) = self.propagation else { return };
        let Some((oldest, samples)) = self.sampling.latest(SAMPLES_JUDGED) else { return };
        // What was not answered, or by somebody unknown, says nothing of who would have.
        if samples.failed > 0 || samples.unknown > 0 {
            return;
        }
        let Some((low, high)) = wilson(samples.candidate, samples.sent()) else { return };
        // The interval's ends are computed: all of one side comes a rounding short of the whole.
        let within = |split: Split| split.fraction() >= low - 1e-9 && split.fraction() <= high + 1e-9;
        if !within(to) || within(from) {
            return;
        }
        let took = oldest.since(sent);
        self.tempo.measured = Some(took);
        if let Some(propagation) = &mut self.propagation {
            propagation.followed = Some(took);
        }
        // What was sampled before then is of the old split.
        self.sampling.forget_before(oldest);
    }
}
