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
    (Wrong::Engine(Bug::OneReadConfirms), 2, Rule::Confirms),
    (Wrong::Engine(Bug::ConfirmationRestarts), 2, Rule::Confirms),
    (Wrong::Engine(Bug::OldReadConfirms), 118, Rule::ReadBack),
    (Wrong::Engine(Bug::NotSentAgain), 23, Rule::Persists),
    (Wrong::Engine(Bug::GivesUp), 3, Rule::Persists),
    (Wrong::Engine(Bug::WaitsForDisk), 3, Rule::Rests),
    (Wrong::Engine(Bug::WaitsLongForDisk), 15, Rule::Persists),
    (Wrong::Engine(Bug::WaitsForUnready), 110, Rule::Rests),
    (Wrong::Engine(Bug::SentOverForeign), 62, Rule::Foreign),
    (Wrong::Engine(Bug::ZeroOmitted), 2, Rule::Shape),
    (Wrong::Engine(Bug::DoneAgain), 1, Rule::Answers),
    (Wrong::Engine(Bug::OnlyDriverRollsBack), 2, Rule::Accepted),
    (Wrong::Engine(Bug::TombstoneIgnored), 36, Rule::Tombstone),
    (Wrong::Engine(Bug::RestartForgetsBack), 29, Rule::AfterBack),
    (Wrong::Engine(Bug::RestartForgetsShift), 122, Rule::Liveness),
    (Wrong::Engine(Bug::AdvanceAfterBack), 197, Rule::AfterBack),
    (Wrong::Engine(Bug::NanIsWithin), 21, Rule::Readings),
    (Wrong::Engine(Bug::StalePasses), 2, Rule::Readings),
    (Wrong::Engine(Bug::OldCheckPasses), 9, Rule::Readings),
    (Wrong::Engine(Bug::UnknownTargetPasses), 57, Rule::Readings),
    (Wrong::Engine(Bug::UnreadBalancerPasses), 12, Rule::Drift),
    (Wrong::Engine(Bug::DiskIgnored), 26, Rule::Invariant),
    (Wrong::Engine(Bug::UnknownIsMissed), 187, Rule::ReadBack),
    (Wrong::Engine(Bug::AnyReadReaches), 2, Rule::ReadBack),
    (Wrong::Engine(Bug::NeverSettles), 194, Rule::Liveness),
    (Wrong::Engine(Bug::StepLeftOut), 1, Rule::Liveness),
    (Wrong::Engine(Bug::BakeForgotten), 1, Rule::Readings),
    (Wrong::Engine(Bug::HoldLetsGo), 5440, Rule::People),
    (Wrong::Engine(Bug::HoldPointPassed), 17, Rule::People),
    (Wrong::Engine(Bug::GoesOnAlone), 43, Rule::People),
    (Wrong::Engine(Bug::ApprovalLeaks), 55, Rule::People),
    (Wrong::Engine(Bug::DriverApproves), 43, Rule::People),
    (Wrong::Engine(Bug::SeatIgnored), 29, Rule::People),
    (Wrong::Engine(Bug::ReadOnlyObeyed), 1, Rule::People),
    (Wrong::Engine(Bug::NameNotTyped), 18, Rule::People),
    (Wrong::Engine(Bug::OldPictureObeyed), 2, Rule::Answers),
    (Wrong::Engine(Bug::DriftIgnored), 75, Rule::Invariant),
    (Wrong::Engine(Bug::ColleagueOverruled), 1, Rule::Drift),
    (Wrong::Engine(Bug::ColleagueReasserted), 349, Rule::Drift),
    (Wrong::Engine(Bug::BackToDown), 273, Rule::Automatic),
    (Wrong::Engine(Bug::BackPastNoReturn), 38, Rule::Automatic),
    (Wrong::Engine(Bug::SuspensionForgotten), 160, Rule::Automatic),
    (Wrong::Engine(Bug::LimitSleeps), 40, Rule::Limits),
    (Wrong::Engine(Bug::CompleteTooSoon), 1, Rule::Complete),
    (Wrong::Engine(Bug::CompleteUnread), 7174, Rule::Complete),
    (Wrong::Engine(Bug::OldPassCounts), 79, Rule::Readings),
    (Wrong::Engine(Bug::RunsUnrecorded), 74, Rule::Hooks),
    (Wrong::Engine(Bug::RestartForgetsHook), 277, Rule::Hooks),
    (Wrong::Engine(Bug::AdoptionForgetsNoReturn), 3675, Rule::Automatic),
    (Wrong::Engine(Bug::RestartForgetsNoReturn), 36_406, Rule::People),
    (Wrong::Engine(Bug::RestartForgetsOver), 3713, Rule::Foreign),
    (Wrong::Engine(Bug::ReadBackStays), 2, Rule::Confirms),
    (Wrong::Engine(Bug::HookOutlivesBack), 277, Rule::Hooks),
    (Wrong::Engine(Bug::HookOnUnread), 1448, Rule::Hooks),
    (Wrong::Engine(Bug::HookBeginsBesideBack), 115, Rule::Hooks),
    (Wrong::Engine(Bug::HookToldOfBefore), 1305, Rule::Hooks),
    (Wrong::Engine(Bug::ReassertHidesDrift), 3021, Rule::Drift),
    (Wrong::Engine(Bug::SecondHoldLetsGo), 17_340, Rule::People),
    (Wrong::Engine(Bug::WallMakesPassYoung), 15_057, Rule::Readings),
    (Wrong::Engine(Bug::BakesUnseen), 1994, Rule::Complete),
    (Wrong::Engine(Bug::BakesUnderDrift), 58_167, Rule::Readings),
    (Wrong::Engine(Bug::TombstoneGoesOver), 127, Rule::Foreign),
    (Wrong::Engine(Bug::HookOutlivesDrift), 38_885, Rule::Hooks),
    (Wrong::Engine(Bug::ReadsInStep), 15, Rule::Liveness),
    (Wrong::Engine(Bug::LineGivenUp), 73, Rule::Liveness),
    (Wrong::Engine(Bug::StandsStill), 196, Rule::Liveness),
    (Wrong::Engine(Bug::EmptyOnOldReading), 134, Rule::Confirms),
    (Wrong::Engine(Bug::RestartForgetsRehearsal), 1443, Rule::ReadBack),
    (Wrong::Engine(Bug::RehearsesUnderDrift), 1860, Rule::Invariant),
    (Wrong::Engine(Bug::OldSurveyPasses), 2019, Rule::Readings),
    (Wrong::Engine(Bug::BackToFewTargets), 465, Rule::Readings),
    (Wrong::LooksOnlyAfter, 269, Rule::Tombstone),
    (Wrong::LooksOnlyBefore, 8837, Rule::Tombstone),
    (Wrong::SendsLate, 17, Rule::Readings),
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
