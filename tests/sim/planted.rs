//! The rig is able to fail: each planted bug is found, at its recorded seed at once.

#![expect(clippy::disallowed_methods, reason = "a search takes both cores, and how long it took is told")]

use crate::engine::planted::{Bug, plant};
use crate::sim::{Broken, Counters, Hands, Life, Rule, Stages};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// What is wrong in a life.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Engine(Bug),
    /// The hands do not look for a tombstone before a forward write, or not after it.
    LooksOnlyAfter,
    LooksOnlyBefore,
    /// A keeper that woke up from a stop sends what it had decided before.
    SendsLate,
}

impl Wrong {
    fn all() -> impl Iterator<Item = Self> {
        Bug::ALL.iter().map(|bug| Self::Engine(*bug)).chain([
            Self::LooksOnlyAfter,
            Self::LooksOnlyBefore,
            Self::SendsLate,
        ])
    }

    fn live(self, seed: u64, stages: &Stages) -> Option<Broken> {
        let (bug, hands) = match self {
            Self::Engine(bug) => (Some(bug), Hands::default()),
            Self::LooksOnlyAfter => (None, Hands { look_before: false, ..Hands::default() }),
            Self::LooksOnlyBefore => (None, Hands { look_after: false, ..Hands::default() }),
            Self::SendsLate => (None, Hands { look_at_clock: false, ..Hands::default() }),
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
    (Wrong::Engine(Bug::OldReadConfirms), 190, Rule::ReadBack),
    (Wrong::Engine(Bug::NotSentAgain), 23, Rule::Persists),
    (Wrong::Engine(Bug::GivesUp), 2, Rule::Liveness),
    (Wrong::Engine(Bug::WaitsForDisk), 29, Rule::Liveness),
    (Wrong::Engine(Bug::WaitsForUnready), 37, Rule::Liveness),
    (Wrong::Engine(Bug::SentOverForeign), 1, Rule::Foreign),
    (Wrong::Engine(Bug::ZeroOmitted), 1, Rule::Shape),
    (Wrong::Engine(Bug::OnlyDriverRollsBack), 1, Rule::Accepted),
    (Wrong::Engine(Bug::TombstoneIgnored), 10, Rule::Tombstone),
    (Wrong::Engine(Bug::RestartForgetsBack), 6, Rule::AfterBack),
    (Wrong::Engine(Bug::RestartForgetsShift), 456, Rule::Liveness),
    (Wrong::Engine(Bug::AdvanceAfterBack), 1042, Rule::AfterBack),
    (Wrong::Engine(Bug::NanIsWithin), 3, Rule::Readings),
    (Wrong::Engine(Bug::StalePasses), 93, Rule::Readings),
    (Wrong::Engine(Bug::OldCheckPasses), 51, Rule::Readings),
    (Wrong::Engine(Bug::UnknownTargetPasses), 36, Rule::Readings),
    (Wrong::Engine(Bug::UnreadBalancerPasses), 25, Rule::Drift),
    (Wrong::Engine(Bug::DiskIgnored), 54, Rule::Invariant),
    (Wrong::Engine(Bug::UnknownIsMissed), 363, Rule::ReadBack),
    (Wrong::Engine(Bug::AnyReadReaches), 4, Rule::ReadBack),
    (Wrong::Engine(Bug::NeverSettles), 187, Rule::Liveness),
    (Wrong::Engine(Bug::StepLeftOut), 4, Rule::Shape),
    (Wrong::Engine(Bug::BakeForgotten), 4, Rule::Readings),
    (Wrong::Engine(Bug::HoldLetsGo), 927, Rule::People),
    (Wrong::Engine(Bug::HoldPointPassed), 16, Rule::People),
    (Wrong::Engine(Bug::GoesOnAlone), 88, Rule::People),
    (Wrong::Engine(Bug::ApprovalLeaks), 40, Rule::People),
    (Wrong::Engine(Bug::DriverApproves), 78, Rule::People),
    (Wrong::Engine(Bug::SeatIgnored), 25, Rule::People),
    (Wrong::Engine(Bug::ReadOnlyObeyed), 6, Rule::People),
    (Wrong::Engine(Bug::NameNotTyped), 123, Rule::People),
    (Wrong::Engine(Bug::OldPictureObeyed), 3, Rule::Answers),
    (Wrong::Engine(Bug::DriftIgnored), 470, Rule::Invariant),
    (Wrong::Engine(Bug::ColleagueOverruled), 76, Rule::Drift),
    (Wrong::Engine(Bug::ColleagueReasserted), 90, Rule::Drift),
    (Wrong::Engine(Bug::BackToDown), 71, Rule::Automatic),
    (Wrong::Engine(Bug::BackPastNoReturn), 528, Rule::Automatic),
    (Wrong::Engine(Bug::SuspensionForgotten), 80, Rule::Automatic),
    (Wrong::Engine(Bug::LimitSleeps), 200, Rule::Limits),
    (Wrong::Engine(Bug::CompleteTooSoon), 2, Rule::Complete),
    (Wrong::Engine(Bug::CompleteUnread), 17277, Rule::Complete),
    (Wrong::Engine(Bug::OldPassCounts), 869, Rule::Readings),
    (Wrong::Engine(Bug::RunsUnrecorded), 21, Rule::Hooks),
    (Wrong::Engine(Bug::RestartForgetsHook), 443, Rule::Hooks),
    (Wrong::Engine(Bug::AdoptionForgetsNoReturn), 512, Rule::People),
    (Wrong::Engine(Bug::RestartForgetsNoReturn), 3272, Rule::People),
    (Wrong::Engine(Bug::RestartForgetsOver), 987, Rule::Foreign),
    (Wrong::Engine(Bug::ReadBackStays), 1, Rule::Confirms),
    (Wrong::Engine(Bug::HookOutlivesBack), 33, Rule::Hooks),
    (Wrong::Engine(Bug::HookOnUnread), 1494, Rule::Hooks),
    (Wrong::Engine(Bug::HookBeginsBesideBack), 19130, Rule::Hooks),
    (Wrong::Engine(Bug::HookToldOfBefore), 655, Rule::Hooks),
    (Wrong::Engine(Bug::ReassertHidesDrift), 3203, Rule::Drift),
    (Wrong::Engine(Bug::SecondHoldLetsGo), 42686, Rule::People),
    (Wrong::Engine(Bug::WallMakesPassYoung), 181_677, Rule::Readings),
    (Wrong::Engine(Bug::BakesUnseen), 5772, Rule::Complete),
    (Wrong::Engine(Bug::BakesUnderDrift), 8111, Rule::Complete),
    (Wrong::Engine(Bug::TombstoneGoesOver), 38, Rule::Foreign),
    (Wrong::Engine(Bug::HookOutlivesDrift), 2576, Rule::Hooks),
    (Wrong::LooksOnlyAfter, 10, Rule::Tombstone),
    (Wrong::LooksOnlyBefore, 4760, Rule::Tombstone),
    (Wrong::SendsLate, 1, Rule::Readings),
    (Wrong::Engine(Bug::ReadsInStep), 26, Rule::Liveness),
    (Wrong::Engine(Bug::LineGivenUp), 674, Rule::Liveness),
    (Wrong::Engine(Bug::StandsStill), 578, Rule::Liveness),
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
    let threads = thread::available_parallelism().map_or(1, |n| n.get());
    let mut missed = Vec::new();
    for bug in Wrong::all() {
        let began = Instant::now();
        let alone = |seed| Life::live(seed, &stages, Hands::default(), &mut Counters::new(), false).is_none();
        let found = |seed: u64| bug.live(seed, &stages).filter(|_| alone(seed)).map(|broken| (seed, broken.rule));
        let next = AtomicU64::new(1);
        let is_over = AtomicBool::new(false);
        let search = || {
            while !is_over.load(Relaxed) && began.elapsed() < Duration::from_secs(60) {
                if let Some(found) = found(next.fetch_add(1, Relaxed)) {
                    is_over.store(true, Relaxed);
                    return Some(found);
                }
            }
            None
        };
        let found = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(search)).collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("a life does not panic")).min_by_key(|f| f.0)
        });
        let name = match bug {
            Wrong::Engine(bug) => format!("Engine(Bug::{bug:?})"),
            Wrong::LooksOnlyAfter | Wrong::LooksOnlyBefore | Wrong::SendsLate => format!("{bug:?}"),
        };
        match found {
            Some((seed, rule)) => println!("    (Wrong::{name}, {seed}, Rule::{rule:?}), // {:.1?}", began.elapsed()),
            None => missed.push(name),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
