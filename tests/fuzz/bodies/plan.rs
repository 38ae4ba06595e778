//! A plan's text: a plan, or errors that point into the text.

use std::path::Path;
use warroom::plan::{PLAN_BYTES_MAX, load, rescue_card, schedule};

pub fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() as u64 > PLAN_BYTES_MAX {
        return;
    }
    match load(Path::new("fuzz.toml"), text) {
        Ok(plan) => {
            assert!(!rescue_card(&plan).is_empty());
            assert!(!schedule(&plan, Some(100.0)).is_empty());
            // No two slots are one: each side's weights could not be told apart.
            assert_eq!(plan.traffic.all_stable().0.len(), plan.traffic.layout().slots.len());
            assert!(plan.steps.is_sorted_by(|a, b| a.split < b.split));
        }
        Err(errors) => {
            let lines = text.split('\n').count();
            assert!(!errors.0.is_empty(), "refused without a word");
            assert!(errors.0.iter().all(|error| (1..=lines).contains(&error.line)), "{errors}");
            assert!(errors.0.is_sorted_by_key(|error| error.line), "{errors}");
        }
    }
}
