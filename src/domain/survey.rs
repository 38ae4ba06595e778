//! What a balancer tells about itself besides its weights: what stands behind them, and what may change them.

use super::{Clean, PerRole, Verdict, Wall};
use serde::{Deserialize, Serialize};

/// One look at everything around the weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// What was found, each with its own verdict; always the same findings in the same order.
    pub findings: Vec<Finding>,
    /// What stands behind each environment, or why nobody knows.
    pub targets: PerRole<Result<Targets, Clean>>,
    /// Until when the credentials that every write needs are good.
    pub credentials: Credentials,
    /// The balancer's whole configuration as far as a write could change it, in its own words; `None` when it could
    /// not be read. It is kept in the journal: all that a rollback must bring back.
    pub configuration: Option<String>,
}

/// One thing that a survey looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub name: Clean,
    /// Whether it lets a step through. A pass may still say what one should know.
    pub verdict: Verdict,
    /// What is so.
    pub detail: Clean,
}

/// The targets behind one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// Those that the balancer finds healthy.
    pub healthy: usize,
    /// All that are registered and not on their way out.
    pub registered: usize,
}

/// How long credentials are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// They carry no end.
    Lasting,
    /// Until then, unless they are renewed before.
    Until {
        /// Their end.
        end: Wall,
        /// Why the newest try to renew them failed.
        failure: Option<Clean>,
    },
    /// There are none, or the balancer refuses them.
    Missing(Clean),
}
