//! The engine in a make-believe world, scenario by scenario: acts go in; phases, writes and log words come out.
//!
//! Each scenario names the rule it holds. The world is in `engine/`; nothing here waits or retries.

#[expect(dead_code, reason = "the model's witness reads the rest")]
mod engine;

#[path = "engine/scenarios/access.rs"]
mod access;
#[path = "engine/scenarios/after.rs"]
mod after;
#[path = "engine/scenarios/back.rs"]
mod back;
#[path = "engine/scenarios/band.rs"]
mod band;
#[path = "engine/scenarios/completion.rs"]
mod completion;
#[path = "engine/scenarios/down.rs"]
mod down;
#[path = "engine/scenarios/drained.rs"]
mod drained;
#[path = "engine/scenarios/drift.rs"]
mod drift;
#[path = "engine/scenarios/empty.rs"]
mod empty;
#[path = "engine/scenarios/foreign.rs"]
mod foreign;
#[path = "engine/scenarios/forward.rs"]
mod forward;
#[path = "engine/scenarios/gates.rs"]
mod gates;
#[path = "engine/scenarios/hooks.rs"]
mod hooks;
#[path = "engine/scenarios/limits.rs"]
mod limits;
#[path = "engine/scenarios/night.rs"]
mod night;
#[path = "engine/scenarios/outage.rs"]
mod outage;
#[path = "engine/scenarios/partly.rs"]
mod partly;
#[path = "engine/scenarios/people.rs"]
mod people;
#[path = "engine/scenarios/propagation.rs"]
mod propagation;
#[path = "engine/scenarios/reach.rs"]
mod reach;
#[path = "engine/scenarios/reassert.rs"]
mod reassert;
#[path = "engine/scenarios/recovery.rs"]
mod recovery;
#[path = "engine/scenarios/sentence.rs"]
mod sentence;
#[path = "engine/scenarios/shown.rs"]
mod shown;
#[path = "engine/scenarios/undone.rs"]
mod undone;
