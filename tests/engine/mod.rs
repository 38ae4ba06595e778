//! The rig: an engine between a balancer, two environments, a disk and a clock that are all make-believe.
//!
//! Nothing here sleeps or looks at a real clock; the same script gives the same history, always.

pub mod balancer;
pub mod plans;
pub mod rig;
pub mod script;
