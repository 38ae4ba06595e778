//! The AWS driver under test, on a stage of moto's.

use super::{Moto, Stage};
use std::sync::Arc;
use warroom::domain::{BalancerState, Setting, Slot, Survey, Wall};
use warroom::engine::WriteResult;
use warroom::traffic::{Traffic, connect};

/// A driver, and what it drives.
pub struct Driven<'a> {
    pub traffic: Arc<dyn Traffic>,
    nodes: usize,
    moto: &'a Moto,
}

impl<'a> Driven<'a> {
    pub fn on(stage: &'a Stage, forwards: &[(&str, &str)]) -> Self {
        Self::with(stage, forwards, "")
    }

    /// With more in the plan's section.
    pub fn with(stage: &'a Stage, forwards: &[(&str, &str)], more: &str) -> Self {
        let traffic = connect(&stage.plan(forwards, more)).expect("a driver");
        Self { traffic, nodes: forwards.len(), moto: &stage.moto }
    }

    pub fn read(&self) -> BalancerState {
        self.moto.wait(self.traffic.read())
    }

    /// Each forward's weights, stable first, or why there are none.
    pub fn seen(&self) -> Vec<Result<(u32, u32), String>> {
        let slots = self.read().nodes.into_iter().map(|node| node.slots);
        slots
            .map(|slots| slots.map(|slots| (slots[0].weight, slots[1].weight)).map_err(|why| why.to_string()))
            .collect()
    }

    /// The same weights on every forward.
    pub fn setting(&self, stable: u32, candidate: u32) -> Setting {
        let slot = |node, name: &str| Slot { node, name: self.moto.name(name) };
        let of_node = |node| [(slot(node, "green"), stable), (slot(node, "blue"), candidate)];
        Setting((0..self.nodes).flat_map(of_node).collect())
    }

    pub fn write(&self, stable: u32, candidate: u32) -> WriteResult {
        self.moto.wait(self.traffic.write(self.setting(stable, candidate), None))
    }

    /// Writes what is there, as the keeper does before the first step.
    pub fn rehearse(&self) -> WriteResult {
        let state = self.read();
        let (setting, tag) = (state.setting().expect("it was read"), state.tag.expect("a tag"));
        self.moto.wait(self.traffic.write(setting, Some(tag)))
    }

    pub fn survey(&self) -> Survey {
        self.moto.wait(self.traffic.survey(now())).expect("it tells")
    }
}

/// The wall clock.
pub fn now() -> Wall {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Wall::from_millis(now.as_millis() as i64)
}
