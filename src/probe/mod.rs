//! What we look at: metrics, health, checks, and who answers through the balancer.
//!
//! Each probe asks once and gives a plain value or a reason; how often is the keeper's business.

pub mod exposition;
mod health;
mod metrics;
mod sampler;

pub use health::{CheckProbe, HealthProbe};
pub use metrics::{EXPOSITION_BYTES_MAX, MetricsProbe, collect};
pub use sampler::{SampleSeen, SamplerProbe};
