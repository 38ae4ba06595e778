//! What a balancer holds: slots with weights, on one or several nodes.
//!
//! Every driver is described by the same picture. A *slot* is the smallest thing that has a weight of
//! its own: one side of a percentage API, one server of one HAProxy node. Settings are compared slot by
//! slot in the balancer's own numbers, never by a share computed from them.

use super::{Clean, Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where a weight lives: a node's index in the plan, and the slot's name there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Index of the node in the layout.
    pub node: usize,
    /// The name the balancer knows the slot by.
    pub name: String,
}

/// How a driver's weights make a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// One slot a side; weights are thousandths of a percent and sum to [`PERCENT_WHOLE`].
    Percent,
    /// Many slots a side; a slot's share is its weight ÷ the sum over slots that are up.
    Relative {
        /// The largest weight the balancer takes.
        max: u32,
    },
}

/// All of a node's traffic where weights are thousandths of a percent.
pub const PERCENT_WHOLE: u32 = 100_000;

impl Weights {
    /// The largest weight of one slot.
    pub fn largest(self) -> u32 {
        match self {
            Self::Percent => PERCENT_WHOLE,
            Self::Relative { max } => max,
        }
    }
}

/// The slots a plan names, fixed for the whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// What people call each node.
    pub nodes: Vec<Clean>,
    /// Every slot with the environment it belongs to. Every node has slots of both.
    pub slots: Vec<(Slot, Role)>,
    /// How weights make a share.
    pub weights: Weights,
}

impl Layout {
    /// The slots of one node and one environment.
    pub fn slots_of(&self, node: usize, role: Role) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(move |(slot, slot_role)| slot.node == node && *slot_role == role).map(|(slot, _)| slot)
    }
}

/// Weights by slot, in the balancer's own numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Slot, u32)>", into = "Vec<(Slot, u32)>")]
pub struct Setting(pub BTreeMap<Slot, u32>);

impl From<Vec<(Slot, u32)>> for Setting {
    fn from(pairs: Vec<(Slot, u32)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl From<Setting> for Vec<(Slot, u32)> {
    fn from(setting: Setting) -> Self {
        setting.0.into_iter().collect()
    }
}

/// `blue1=90 green1=10`, nodes told apart by `#`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = self.0.keys().any(|slot| slot.node > 0);
        for (index, (slot, weight)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            if several {
                write!(f, "#{}/", slot.node + 1)?;
            }
            write!(f, "{}={weight}", Clean::new(&slot.name))?;
        }
        Ok(())
    }
}

/// Whether a slot can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readiness {
    /// The balancer sends it traffic when it has weight.
    Up,
    /// The balancer sends it none.
    Down,
    /// The balancer does not say.
    Unknown,
}

/// One slot as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotState {
    /// The slot's name.
    pub name: String,
    /// Its weight now.
    pub weight: u32,
    /// Its weight after a reload, where the balancer says.
    pub configured: Option<u32>,
    /// Whether it can serve.
    pub readiness: Readiness,
}

/// One node as read, or why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// The slots the plan names, in any order.
    pub slots: Result<Vec<SlotState>, Clean>,
}

/// The whole balancer as read at one time; one entry a node, in the layout's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancerState {
    /// The nodes.
    pub nodes: Vec<NodeState>,
    /// A tag that a conditional write can name (HTTP `ETag`), where the balancer gives one.
    pub tag: Option<String>,
}

impl BalancerState {
    /// A state in which no node could be read.
    pub fn unreadable(nodes: usize, why: &Clean) -> Self {
        Self { nodes: vec![NodeState { slots: Err(why.clone()) }; nodes], tag: None }
    }

    /// All weights, when every node could be read; else the first node's reason.
    pub fn setting(&self) -> Result<Setting, &Clean> {
        let mut weights = BTreeMap::new();
        for (node, state) in self.nodes.iter().enumerate() {
            for slot in state.slots.as_ref()? {
                weights.insert(Slot { node, name: slot.name.clone() }, slot.weight);
            }
        }
        Ok(Setting(weights))
    }

    /// The weights of the nodes that could be read.
    pub fn readable_setting(&self) -> Setting {
        let slots = self.nodes.iter().enumerate().flat_map(|(node, state)| {
            let of_node = state.slots.iter().flatten();
            of_node.map(move |slot| (Slot { node, name: slot.name.clone() }, slot.weight))
        });
        Setting(slots.collect())
    }

    /// The weights a reload would restore, for the slots that say.
    pub fn reload_setting(&self) -> Setting {
        let mut weights = BTreeMap::new();
        for (node, state) in self.nodes.iter().enumerate() {
            for slot in state.slots.iter().flatten() {
                if let Some(weight) = slot.configured {
                    weights.insert(Slot { node, name: slot.name.clone() }, weight);
                }
            }
        }
        Setting(weights)
    }

    /// One slot's state, when its node could be read.
    pub fn slot(&self, slot: &Slot) -> Option<&SlotState> {
        self.nodes.get(slot.node)?.slots.as_ref().ok()?.iter().find(|s| s.name == slot.name)
    }
}
