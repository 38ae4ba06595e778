//! What every driver's bench gives: the plan, the counterpart's own truth, another hand on it, and a door before it.

use crate::support::{App, PlanText, steps};
use std::fmt::Write as _;
use std::path::Path;
use warroom::domain::{Layout, PERCENT_WHOLE, Role, Setting, Slot, Weights};
use warroom::plan::Plan;

/// What the door does from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Writes are done, and nobody is told.
    Lost,
    /// Writes are held until they are released, are done then, and nobody is told.
    Late,
    /// Nothing is done and nothing is answered, reads neither.
    Hang,
    /// Of each write the last part is not done.
    Half,
}

/// What stands before the counterpart.
pub trait Door {
    /// What is asked from here on goes wrong like this.
    fn fault(&self, fault: Fault);
    /// What is asked from here on goes right; what is held stays held.
    fn mend(&self);
    /// Everything that came to it so far, reads too.
    fn asked(&self) -> usize;
    /// The writes that came to it so far, each part of one by itself.
    fn writes(&self) -> usize;
    /// How many of them it holds.
    fn held(&self) -> usize;
    /// What it holds lands; waits until it has.
    fn release(&self);
    /// Nothing listens any more.
    fn shut(&self);
}

/// A driver's live counterpart.
pub trait Bench: Sized {
    /// What the driver says of a write whose last part was not done.
    const HALF: &'static str;
    /// Starts it with all traffic on stable, once for each test. `None` where its server is not installed, which is
    /// said.
    fn start() -> Option<Self>;
    /// Whether a driver in this very process can reach it; else the test runs elsewhere and was judged by that.
    fn is_reachable() -> bool {
        true
    }
    /// The plan's traffic section, through the door, with these keys besides.
    fn traffic(&self, keys: &str) -> String;
    /// What the binary needs in its environment.
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    /// The weights as the counterpart has them, seen past driver and door.
    fn truth(&self) -> Setting;
    /// Everything else that it holds and no write may change.
    fn rest(&self) -> String;
    /// Somebody else's hand, past driver and door.
    fn set(&self, setting: &Setting);
    fn door(&self) -> &dyn Door;
}

/// A plan on a bench.
pub fn plan_text<B: Bench>(bench: &B, apps: &[App; 2], lateness: &str, timeout: &str) -> String {
    let keys = format!("lateness = \"{lateness}\"\ntimeout = \"{timeout}\"\n");
    let mut plan = PlanText::new(&apps[0], &apps[1], bench.traffic(&keys));
    plan.steps = steps(&["50 %", "100 %"]);
    // All of them run at once: a machine that is busy with them must not find its readings stale.
    plan.text().replace("balancer = \"300ms\"", "balancer = \"1s\"")
}

#[track_caller]
pub fn plan_of(text: &str) -> Plan {
    warroom::plan::load(Path::new("plan.toml"), text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A setting that gives each slot a weight of its own, so that none can stand for another. `turn` makes several.
pub fn uneven(layout: &Layout, turn: u32) -> Setting {
    let weight = |(place, (slot, role)): (usize, &(Slot, Role))| {
        let own = u32::try_from(place).expect("few slots") + turn;
        let weight = match (layout.weights, role) {
            (Weights::Percent, Role::Stable) => PERCENT_WHOLE - 12_500 - 1000 * turn,
            (Weights::Percent, Role::Candidate) => 12_500 + 1000 * turn,
            (Weights::Relative { max }, Role::Stable) => max - 1 - own,
            (Weights::Relative { .. }, Role::Candidate) => 21 + own,
        };
        (slot.clone(), weight)
    };
    Setting(layout.slots.iter().enumerate().map(weight).collect())
}

/// The slots of one role alone.
pub fn only(layout: &Layout, role: Role, setting: &Setting) -> Vec<u32> {
    layout.slots.iter().filter(|(_, of)| *of == role).map(|(slot, _)| setting.0[slot]).collect()
}

/// Names and weights in lines, for what is compared as text.
pub fn lines(of: impl IntoIterator<Item = (String, String)>) -> String {
    of.into_iter().fold(String::new(), |mut text, (name, what)| {
        let _ = writeln!(text, "{name} {what}");
        text
    })
}
