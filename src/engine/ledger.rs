//! What this run may find on the balancer and still call its own.

use crate::domain::{Setting, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// Every weight this run has a name for, slot by slot: the state before the run, the state a reload
/// restores, each setting intended or adopted, and the rollback's.
///
/// Half-applied writes are mixtures of these, so a setting is explained when each slot's weight is.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    known: Known,
    /// What somebody else set and a person had this run write over.
    over: Known,
}

type Known = BTreeMap<Slot, BTreeSet<u32>>;

fn record(known: &mut Known, setting: &Setting) {
    for (slot, weight) in &setting.0 {
        known.entry(slot.clone()).or_default().insert(*weight);
    }
}

fn names(known: &Known, slot: &Slot, weight: u32) -> bool {
    known.get(slot).is_some_and(|weights| weights.contains(&weight))
}

impl Ledger {
    /// Takes a setting into the ledger.
    pub fn record(&mut self, setting: &Setting) {
        record(&mut self.known, setting);
    }

    /// Takes in what somebody else set and this run is to write over: it may come back in whole or in part.
    pub fn record_over(&mut self, setting: &Setting) {
        record(&mut self.over, setting);
    }

    /// Whether every slot's weight is one this run has a name for.
    pub fn explains(&self, setting: &Setting) -> bool {
        setting.0.iter().all(|(slot, weight)| names(&self.known, slot, *weight) || names(&self.over, slot, *weight))
    }

    /// Whether it is all of this run's own making.
    pub fn is_own(&self, setting: &Setting) -> bool {
        self.others(setting).0.is_empty()
    }

    /// The part of a setting that is not of this run's own making.
    pub fn others(&self, setting: &Setting) -> Setting {
        let others = setting.0.iter().filter(|(slot, weight)| !names(&self.known, slot, **weight));
        Setting(others.map(|(slot, weight)| (slot.clone(), *weight)).collect())
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

    #[test]
    fn what_was_gone_over_is_explained_and_not_its_own() {
        let mut ledger = Ledger::default();
        ledger.record(&setting(&[(0, "b", 90), (0, "g", 10)]));
        ledger.record_over(&setting(&[(0, "b", 70), (0, "g", 30)]));
        let half = setting(&[(0, "b", 90), (0, "g", 30)]);
        assert!(ledger.explains(&half) && !ledger.is_own(&half));
        assert!(ledger.is_own(&setting(&[(0, "b", 90), (0, "g", 10)])));
    }
}
