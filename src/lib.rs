//! warroom: the terminal console from which an on-call engineer watches and drives a live blue/green cutover.
//!
//! The map of the house is `docs/architecture.md`: what each module is for, and what it may import.

#[cfg(test)]
extern crate self as warroom;

pub mod cli;
pub mod clock;
pub mod console;
pub mod direct;
pub mod domain;
pub mod engine;
pub mod failpoint;
pub mod files;
pub mod journal;
pub mod keeper;
pub mod own;
pub mod plan;
pub mod probe;
pub mod remote;
pub mod script;
pub mod traffic;
pub mod wire;
pub mod world;

// The simulator is an integration test; here it lives with the engine's planted bugs.
#[cfg(test)]
#[expect(dead_code, reason = "its main is another target")]
#[path = "../tests/sim/mod.rs"]
mod sim;
#[cfg(test)]
#[path = "../tests/sim/planted.rs"]
mod sim_planted;
