//! The rig is able to fail: each planted bug is found, at its recorded seed at once.

#![expect(clippy::disallowed_methods, reason = "how long a search took is told")]

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
const FOUND: &[(Wrong, u64, Rule)] = &[
    (Wrong::Engine(Bug::OneReadConfirms), 1, Rule::Confirms),
    (Wrong::Engine(Bug::ConfirmationRestarts), 1, Rule::Confirms),
    (Wrong::Engine(Bug::OldReadConfirms), 58, Rule::ReadBack),
    (Wrong::Engine(Bug::NotSentAgain), 19, Rule::Persists),
    (Wrong::Engine(Bug::GivesUp), 3, Rule::Liveness),
    (Wrong::Engine(Bug::WaitsForDisk), 24, Rule::Liveness),
    (Wrong::Engine(Bug::WaitsForUnready), 110, Rule::Liveness),
    (Wrong::Engine(Bug::SentOverForeign), 12, Rule::Foreign),
    (Wrong::Engine(Bug::ZeroOmitted), 1, Rule::Shape),
    (Wrong::Engine(Bug::OnlyDriverRollsBack), 1, Rule::Accepted),
    (Wrong::Engine(Bug::TombstoneIgnored), 1, Rule::Tombstone),
    (Wrong::Engine(Bug::RestartForgetsBack), 15, Rule::AfterBack),
    (Wrong::Engine(Bug::RestartForgetsShift), 112, Rule::Liveness),
    (Wrong::Engine(Bug::AdvanceAfterBack), 375, Rule::AfterBack),
    (Wrong::Engine(Bug::NanIsWithin), 20, Rule::Readings),
    (Wrong::Engine(Bug::StalePasses), 20, Rule::Readings),
    (Wrong::Engine(Bug::OldCheckPasses), 46, Rule::Readings),
    (Wrong::Engine(Bug::UnknownTargetPasses), 35, Rule::Readings),
    (Wrong::Engine(Bug::UnreadBalancerPasses), 18, Rule::Drift),
    (Wrong::Engine(Bug::DiskIgnored), 43, Rule::Invariant),
    (Wrong::Engine(Bug::UnknownIsMissed), 124, Rule::ReadBack),
    (Wrong::Engine(Bug::AnyReadReaches), 2, Rule::ReadBack),
    (Wrong::Engine(Bug::NeverSettles), 23, Rule::Liveness),
    (Wrong::Engine(Bug::StepLeftOut), 1, Rule::Shape),
    (Wrong::Engine(Bug::BakeForgotten), 2, Rule::Complete),
    (Wrong::Engine(Bug::HoldLetsGo), 269, Rule::People),
    (Wrong::Engine(Bug::HoldPointPassed), 16, Rule::People),
    (Wrong::Engine(Bug::GoesOnAlone), 120, Rule::People),
    (Wrong::Engine(Bug::ApprovalLeaks), 117, Rule::People),
    (Wrong::Engine(Bug::DriverApproves), 78, Rule::People),
    (Wrong::Engine(Bug::SeatIgnored), 4, Rule::People),
    (Wrong::Engine(Bug::ReadOnlyObeyed), 4, Rule::People),
    (Wrong::Engine(Bug::NameNotTyped), 42, Rule::People),
    (Wrong::Engine(Bug::OldPictureObeyed), 10, Rule::Answers),
    (Wrong::Engine(Bug::DriftIgnored), 769, Rule::Invariant),
    (Wrong::Engine(Bug::ColleagueOverruled), 88, Rule::Drift),
    (Wrong::Engine(Bug::ColleagueReasserted), 116, Rule::Drift),
    (Wrong::Engine(Bug::BackToDown), 4044, Rule::Automatic),
    (Wrong::Engine(Bug::BackPastNoReturn), 853, Rule::Automatic),
    (Wrong::Engine(Bug::SuspensionForgotten), 1134, Rule::Automatic),
    (Wrong::Engine(Bug::LimitSleeps), 93, Rule::Limits),
    (Wrong::Engine(Bug::CompleteTooSoon), 2, Rule::Complete),
    (Wrong::Engine(Bug::CompleteUnread), 11420, Rule::Complete),
    (Wrong::Engine(Bug::OldPassCounts), 168, Rule::Readings),
    (Wrong::Engine(Bug::RunsUnrecorded), 32, Rule::Hooks),
    (Wrong::Engine(Bug::RestartForgetsHook), 87, Rule::Hooks),
    (Wrong::Engine(Bug::AdoptionForgetsNoReturn), 4899, Rule::Automatic),
    (Wrong::Engine(Bug::RestartForgetsNoReturn), 50380, Rule::People),
    (Wrong::Engine(Bug::RestartForgetsOver), 9610, Rule::Foreign),
    (Wrong::Engine(Bug::ReadBackStays), 13, Rule::Confirms),
    (Wrong::Engine(Bug::HookOutlivesBack), 950, Rule::Hooks),
    (Wrong::Engine(Bug::HookOnUnread), 9008, Rule::Hooks),
    (Wrong::Engine(Bug::HookBeginsBesideBack), 38699, Rule::Hooks),
    (Wrong::Engine(Bug::HookToldOfBefore), 41, Rule::Hooks),
    (Wrong::Engine(Bug::ReassertHidesDrift), 4305, Rule::Drift),
    (Wrong::Engine(Bug::SecondHoldLetsGo), 269, Rule::People),
    (Wrong::Engine(Bug::WallMakesPassYoung), 28083, Rule::Readings),
    (Wrong::Engine(Bug::BakesUnseen), 3946, Rule::Readings),
    (Wrong::Engine(Bug::BakesUnderDrift), 38978, Rule::Readings),
    (Wrong::Engine(Bug::TombstoneGoesOver), 61, Rule::Foreign),
    (Wrong::Engine(Bug::HookOutlivesDrift), 5148, Rule::Hooks),
    (Wrong::LooksOnlyAfter, 37, Rule::Tombstone),
    (Wrong::LooksOnlyBefore, 747, Rule::Tombstone),
];

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
