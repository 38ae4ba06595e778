//! Whole cutovers of the real engine against a simulated world and a simulated clock.
//!
//! One seed is one life: the plan, the faults and every moment of chance follow from it.

mod balancer;
mod chance;
mod counters;
mod environment;
mod fault;
mod life;
mod people;
mod stage;
mod weather;
mod witness;

pub use counters::Counters;
pub use life::{Hands, Life};
pub use stage::Stages;
pub use witness::{Broken, Rule};
