//! What was measured, or why there is nothing.

use super::{Clean, Mono, Quantity, Unit};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The answer to one question asked before traffic moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Good, and known to be.
    Pass,
    /// Good enough, and to be looked at.
    Warn,
    /// No answer. Never treated as good.
    Unknown,
    /// Bad.
    Fail,
}

/// Which latency: a limit on one is never compared with a reading of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Percentile {
    /// Half of the requests are faster.
    P50,
    /// 95 of 100 are faster.
    P95,
    /// 99 of 100 are faster.
    P99,
}

impl Percentile {
    /// The quantile as a fraction.
    pub fn quantile(self) -> f64 {
        match self {
            Self::P50 => 0.50,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
        }
    }
}

/// What a reading is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// 5xx answers ÷ all answers over the window.
    ErrorRatio,
    /// A latency percentile over the window.
    Latency(Percentile),
    /// Requests a second over the window.
    RequestRate,
    /// Seconds since the environment's health was last good, while its answers are bad.
    UnhealthyFor,
    /// A gauge that the plan defines, by its name there.
    Gauge(Clean),
}

/// `5xx`, `P99`, `rate`, or the gauge's name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRatio => f.pad("5xx"),
            Self::Latency(Percentile::P50) => f.pad("P50"),
            Self::Latency(Percentile::P95) => f.pad("P95"),
            Self::Latency(Percentile::P99) => f.pad("P99"),
            Self::RequestRate => f.pad("rate"),
            Self::UnhealthyFor => f.pad("unhealthy"),
            Self::Gauge(name) => f.pad(name.as_str()),
        }
    }
}

/// Why there is no reading. Each of these is *unknown*, never good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// Not asked yet, or too short a time to tell a rate.
    NotYet,
    /// The source answers, and the series is not in the answer.
    Missing(Clean),
    /// The last answer is too old, by this much.
    Stale(Duration),
    /// The value is NaN or infinite.
    NotANumber,
    /// No requests in the window, so no ratio and no percentile.
    NoRequests,
    /// Fewer requests than the plan asks for.
    TooFew {
        /// Requests in the window.
        have: u64,
        /// Requests the plan asks for.
        need: u64,
    },
    /// More than one series where one was expected.
    SeveralSeries(Clean),
    /// The sample carries a time in the future, or one too old to be of now.
    WrongTime(Clean),
    /// The source cannot be reached or did not answer in time.
    Unreachable(Clean),
    /// The source refuses connections: nothing listens there.
    Refused(Clean),
    /// The source answered with something that cannot be read.
    Unreadable(Clean),
    /// The task that asks has died.
    Lost(Clean),
    /// The percentile lies beyond the histogram's last finite bucket.
    AboveBuckets(f64),
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet => write!(f, "not measured yet"),
            Self::Missing(what) => write!(f, "{what} is not in the answer"),
            Self::Stale(age) => write!(f, "last answer {} s old", age.as_secs()),
            Self::NotANumber => write!(f, "the value is not a number"),
            Self::NoRequests => write!(f, "no requests in the window"),
            Self::TooFew { have, need } => {
                write!(f, "too few requests: {have} of {need}, {} more", need.saturating_sub(*have))
            }
            Self::SeveralSeries(what) => write!(f, "several series where one was expected: {what}"),
            Self::WrongTime(what) => write!(f, "sample is not of now: {what}"),
            Self::Unreachable(why) => write!(f, "unreachable: {why}"),
            Self::Refused(whom) => write!(f, "{whom} refuses connections"),
            Self::Unreadable(why) => write!(f, "unreadable: {why}"),
            Self::Lost(why) => write!(f, "source lost: {why}"),
            Self::AboveBuckets(limit) => {
                let limit = Quantity { value: *limit, unit: Unit::Seconds };
                write!(f, "above the last bucket ({limit})")
            }
        }
    }
}

/// One value at one time, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The value in the signal's base unit.
    pub value: Result<f64, Absence>,
    /// When it was measured.
    pub at: Mono,
    /// How many requests it rests on, where that is what it rests on.
    pub requests: Option<u64>,
}

impl Reading {
    /// A reading that says why there is none.
    pub fn absent(why: Absence, at: Mono) -> Self {
        Self { value: Err(why), at, requests: None }
    }
}
