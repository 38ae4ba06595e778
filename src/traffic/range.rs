//! What no balancer is asked for: a setting that is out of the plan's range is refused before anything is sent.
//!
//! The engine makes none such, and a driver that guessed (a missing weight as 0, a large one as the largest) would turn
//! a mistake of ours into traffic. So it is checked once, before every driver.

use super::http::WEIGHTS_TOLERANCE;
use super::{Pending, Traffic};
use crate::domain::{BalancerState, Clean, Layout, PERCENT_WHOLE, Setting, Survey, Wall, Weights};
use crate::engine::WriteResult;
use std::sync::Arc;

/// A driver that is only given what its plan can hold.
pub(super) struct Ranged {
    layout: Layout,
    driver: Arc<dyn Traffic>,
}

impl Ranged {
    pub fn new(layout: Layout, driver: Arc<dyn Traffic>) -> Self {
        Self { layout, driver }
    }
}

impl Traffic for Ranged {
    fn read(&self) -> Pending<'_, BalancerState> {
        self.driver.read()
    }

    fn write(&self, setting: Setting, tag: Option<String>) -> Pending<'_, WriteResult> {
        match misfit(&self.layout, &setting) {
            Some(why) => {
                let why = Clean::new(format!("{why}; nothing was sent"));
                Box::pin(std::future::ready(WriteResult::Refused(why)))
            }
            None => self.driver.write(setting, tag),
        }
    }

    fn recall(&self, state: &str, at: Wall) {
        self.driver.recall(state, at);
    }

    fn survey(&self, now: Wall) -> Pending<'_, Option<Survey>> {
        self.driver.survey(now)
    }
}

/// Why a setting is none of this layout: each slot once, in range, and on every node somebody to serve.
fn misfit(layout: &Layout, setting: &Setting) -> Option<String> {
    let max = layout.weights.largest();
    if let Some((slot, _)) = layout.slots.iter().find(|(slot, _)| !setting.0.contains_key(slot)) {
        return Some(format!("no weight for {}", slot.name));
    }
    if let Some(slot) = setting.0.keys().find(|slot| layout.slots.iter().all(|(known, _)| known != *slot)) {
        return Some(format!("the plan has no {} on node {}", slot.name, slot.node + 1));
    }
    if let Some((slot, weight)) = setting.0.iter().find(|(_, weight)| **weight > max) {
        return Some(format!("{} is to have {weight}, and {max} is the most", slot.name));
    }
    (0..layout.nodes.len()).find_map(|node| {
        // Weights are at most a hundred thousand, and slots fewer than that: no sum overflows.
        let sum: u64 =
            setting.0.iter().filter(|(slot, _)| slot.node == node).map(|(_, weight)| u64::from(*weight)).sum();
        let name = &layout.nodes[node];
        match layout.weights {
            _ if sum == 0 => Some(format!("{name}: with all weights at 0 nobody would serve")),
            Weights::Percent if sum.abs_diff(u64::from(PERCENT_WHOLE)) > u64::from(WEIGHTS_TOLERANCE) => {
                Some(format!("{name}: {setting} do not make {PERCENT_WHOLE}"))
            }
            Weights::Percent | Weights::Relative { .. } => None,
        }
    })
}
