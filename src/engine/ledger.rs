//! What this run may find on the balancer and still call its own.

use crate::domain::{Setting, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// Every weight this run has a name for, slot by slot: the state before the run, the state a reload
/// restores, each setting intended or adopted, and the rollback's.
///
/// Half-applied writes are mixtures of these, so a setting is explained when each slot's weight is.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    known: BTreeMap<Slot, BTreeSet<u32>>,
}

impl Ledger {
    /// Takes a setting into the ledger.
    pub fn record(&mut self, setting: &Setting) {
        for (slot, weight) in &setting.0 {
            self.known.entry(slot.clone()).or_default().insert(*weight);
        }
    }

    /// Whether every slot's weight is one this run has a name for.
    pub fn explains(&self, setting: &Setting) -> bool {
        setting.0.iter().all(|(slot, weight)| self.known.get(slot).is_some_and(|known| known.contains(weight)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(weights: &[(usize, &str, u32)]) -> Setting {
        Setting(
            weights.iter().map(|(node, name, weight)| (Slot { node: *node, name: (*name).into() }, *weight)).collect(),
        )
    }

    #[test]
    fn mixtures_of_own_settings_are_explained_and_others_are_not() {
        let mut ledger = Ledger::default();
        ledger.record(&setting(&[(0, "b", 100), (0, "g", 0)]));
        ledger.record(&setting(&[(0, "b", 75), (0, "g", 25)]));
        assert!(ledger.explains(&setting(&[(0, "b", 75), (0, "g", 0)])));
        assert!(!ledger.explains(&setting(&[(0, "b", 60), (0, "g", 40)])));
        assert!(!ledger.explains(&setting(&[(1, "b", 100)])));
    }
}
