//! The rig is able to fail: each planted bug is found, at its recorded seed at once.

use crate::engine::planted::{Bug, plant};
use crate::sim::{Broken, Counters, Hands, Life, Rule, Stages};
use std::time::{Duration, Instant};

/// What is wrong in a life.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Engine(Bug),
    /// The hands do not look for a tombstone before a forward write, or not after it.
    LooksOnlyAfter,
    LooksOnlyBefore,
}

impl Wrong {
    fn all() -> impl Iterator<Item = Self> {
        Bug::ALL.iter().map(|bug| Self::Engine(*bug)).chain([Self::LooksOnlyAfter, Self::LooksOnlyBefore])
    }

    fn live(self, seed: u64, stages: &Stages) -> Option<Broken> {
        let (bug, hands) = match self {
            Self::Engine(bug) => (Some(bug), Hands::default()),
            Self::LooksOnlyAfter => (None, Hands { look_before: false, ..Hands::default() }),
            Self::LooksOnlyBefore => (None, Hands { look_after: false, ..Hands::default() }),
        };
        plant(bug);
        let broken = Life::live(seed, stages, hands, &mut Counters::new(), false);
        plant(None);
        broken
    }
}

/// Each with the seed at which it is found, and the rule that finds it.
const FOUND: &[(Wrong, u64, Rule)] = &[];

#[test]
fn each_planted_bug_is_found_at_its_seed_and_is_alone_to_blame() {
    let stages = Stages::load();
    assert!(FOUND.len() >= 30 && FOUND.len() == Wrong::all().count(), "{} of the bugs have a seed", FOUND.len());
    let mut wrong = Vec::new();
    for (bug, seed, rule) in FOUND {
        let found = bug.live(*seed, &stages).map(|broken| broken.rule);
        if found != Some(*rule) {
            wrong.push(format!("{bug:?} at seed {seed}: {found:?} instead of {rule:?}"));
        }
        plant(None);
        if let Some(broken) = Life::live(*seed, &stages, Hands::default(), &mut Counters::new(), false) {
            wrong.push(format!("seed {seed} without a bug: {broken:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Run it with `cargo test --lib -- --ignored planted --nocapture` and put its lines into the table above.
#[test]
#[ignore = "searches for new seeds, up to 60 s for each bug"]
fn every_planted_bug_is_found_within_a_minute() {
    let stages = Stages::load();
    let mut missed = Vec::new();
    for bug in Wrong::all() {
        let began = Instant::now();
        let seeds = (1..).take_while(|_| began.elapsed() < Duration::from_secs(60));
        let alone = |seed| Life::live(seed, &stages, Hands::default(), &mut Counters::new(), false).is_none();
        let found = |seed: u64| bug.live(seed, &stages).filter(|_| alone(seed)).map(|broken| (seed, broken.rule));
        let found = seeds.into_iter().find_map(found);
        let name = match bug {
            Wrong::Engine(bug) => format!("Engine(Bug::{bug:?})"),
            Wrong::LooksOnlyAfter | Wrong::LooksOnlyBefore => format!("{bug:?}"),
        };
        match found {
            Some((seed, rule)) => println!("    (Wrong::{name}, {seed}, Rule::{rule:?}), // {:.1?}", began.elapsed()),
            None => missed.push(name),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
