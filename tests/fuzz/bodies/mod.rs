//! What is done with one input of each reader. The same bodies run under cargo-fuzz (`tests/fuzz/run`) and, with the
//! committed corpus and a number of mutations of it, as the short test `tests/fuzz.rs`.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

pub mod desk;
pub mod exposition;
pub mod haproxy;
pub mod percent;
pub mod plan;
pub mod wire;
