//! Every kind of fact that a journal may hold, as it was first written: `facts.jsonl` only grows. A program that no longer
//! understood one of its lines could not go on with a run of the program before it.
//!
//! `WARROOM_WRITE=1` adds what has no line yet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use warroom::domain::{Clean, Mono, Person, Setting, Slot, Split, Wall};
use warroom::engine::{Engine, Entry, Fact, HookEnd, Phase, Severity, Tail};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journals/facts.jsonl");
/// Kinds of facts and, of a hook's end, of ends.
const KINDS: usize = 40;

/// Which it is: whoever adds one comes by here, and counts it.
fn kind(fact: &Fact) -> usize {
    match fact {
        Fact::Line => 0,
        Fact::Started { .. } => 1,
        Fact::Baseline { .. } => 2,
        Fact::TargetsBefore { .. } => 3,
        Fact::Configuration { .. } => 4,
        Fact::Intent { .. } => 5,
        Fact::Reached { .. } => 6,
        Fact::PastNoReturn { .. } => 7,
        Fact::Missed { .. } => 8,
        Fact::Held { .. } => 9,
        Fact::Resumed => 10,
        Fact::Adopted { .. } => 11,
        Fact::Reasserting { .. } => 12,
        Fact::Reasserted => 13,
        Fact::NotReasserted => 14,
        Fact::RollbackAccepted { .. } => 15,
        Fact::Foreign { .. } => 16,
        Fact::SentAgain { .. } => 17,
        Fact::RollbackReadBack => 18,
        Fact::RollbackConfirmed => 19,
        Fact::RollbackUndone => 20,
        Fact::RolledBack => 21,
        Fact::Approved { .. } => 22,
        Fact::Driver => 23,
        Fact::Suspended { .. } => 24,
        Fact::Unsuspended => 25,
        Fact::HookStarted { .. } => 26,
        Fact::HookEnded { end, .. } => match end {
            HookEnd::Exited(_) => 27,
            HookEnd::Killed(_) => 28,
            HookEnd::TimedOut => 29,
            HookEnd::TooMuch => 30,
            HookEnd::Stopped => 31,
            HookEnd::NotStarted(_) => 32,
            HookEnd::Unknown(_) => 33,
        },
        Fact::Completed => 34,
        Fact::WatchAnew { .. } => 35,
        Fact::Violated { .. } => 36,
        Fact::WatchOver => 37,
        Fact::Ended => 38,
        Fact::Note => 39,
    }
}

fn setting(stable: u32, candidate: u32) -> Setting {
    let slot = |name: &str| Slot { node: 0, name: name.into() };
    Setting([(slot("blue"), stable), (slot("green"), candidate)].into())
}

/// One of each, in an order in which they could be written.
fn each() -> Vec<Fact> {
    let (hook, why) = (Clean::from("smoke"), Clean::from("because"));
    let (none, tenth, half) = (setting(100_000, 0), setting(90_000, 10_000), setting(50_000, 50_000));
    let split = |permille| Split::from_permille(permille).expect("a split");
    let mut all = vec![
        Fact::Started { plan: "version = 1\n".into() },
        Fact::TargetsBefore { stable: 2 },
        Fact::Configuration { state: "{\"rules\":[]}".into() },
        Fact::Baseline { setting: none.clone(), split: split(0) },
        Fact::Driver,
        Fact::Approved { step: 0 },
        Fact::HookStarted { hook: hook.clone() },
    ];
    let (exited, not_started) = (HookEnd::Exited(0), HookEnd::NotStarted(why.clone()));
    let ends = [HookEnd::Killed(9), HookEnd::TimedOut, HookEnd::TooMuch, HookEnd::Stopped, not_started];
    for end in ends.into_iter().chain([HookEnd::Unknown(why.clone()), exited]) {
        let (took, tail) = (Some(Duration::from_millis(1_500)), Tail::of(&["the last line".into()], 12));
        all.push(Fact::HookEnded { hook: hook.clone(), end, took, tail });
    }
    all.extend([
        Fact::Intent { step: 0, split: split(100), setting: tenth.clone(), idle_rate: Some(0.5) },
        Fact::Missed { step: 0 },
        Fact::Intent { step: 0, split: split(100), setting: tenth.clone(), idle_rate: None },
        Fact::Reached { step: 0 },
        Fact::Line,
        Fact::Note,
        Fact::PastNoReturn { step: 0 },
        Fact::Held { why: why.clone(), automatic: true },
        Fact::Resumed,
        Fact::Suspended { until: Wall::from_millis(1_795_000_600_000), reason: Some(why.clone()) },
        Fact::Unsuspended,
        Fact::Reasserting { split: split(100), setting: tenth.clone(), over: half.clone() },
        Fact::NotReasserted,
        Fact::Reasserted,
        Fact::Adopted { setting: setting(0, 100_000), split: split(1000) },
        Fact::Completed,
        Fact::WatchAnew { drifts: true },
        Fact::WatchOver,
        Fact::Violated { why: why.clone() },
        Fact::RollbackAccepted {
            reason: why,
            from: Some(split(100)),
            setting: none,
            automatic: false,
            over: Some(half.clone()),
        },
        Fact::Foreign { setting: half.clone() },
        Fact::SentAgain { setting: half },
        Fact::RollbackReadBack,
        Fact::RollbackConfirmed,
        Fact::RollbackUndone,
        Fact::RolledBack,
        Fact::Ended,
    ]);
    all
}

fn entry(number: usize, fact: Fact) -> Entry {
    Entry {
        number: number as u64 + 1,
        wall: Wall::from_millis(1_795_000_000_000 + number as i64),
        mono: Mono::from_micros(number as u64),
        severity: Severity::Warn,
        by: Some(Person::verified("alice")),
        text: "what it says".into(),
        fact,
    }
}

/// The kept lines, with what they are read as.
fn kept() -> Vec<(serde_json::Value, Entry)> {
    let text = std::fs::read_to_string(KEPT).unwrap_or_default();
    let read = |line: &str| {
        let value = serde_json::from_str(line).expect("JSON");
        (value, serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
    };
    text.lines().map(read).collect()
}

#[test]
fn every_kind_of_fact_is_kept_and_is_read_as_it_was_written() {
    if std::env::var_os("WARROOM_WRITE").is_some() {
        let there: BTreeSet<usize> = kept().iter().map(|(_, entry)| kind(&entry.fact)).collect();
        let mut text = std::fs::read_to_string(KEPT).unwrap_or_default();
        for (number, fact) in each().into_iter().enumerate().filter(|(_, fact)| !there.contains(&kind(fact))) {
            text += &serde_json::to_string(&entry(number, fact)).expect("JSON");
            text.push('\n');
        }
        std::fs::write(KEPT, text).expect("written");
    }
    let kept = kept();
    let kinds: BTreeSet<usize> = kept.iter().map(|(_, entry)| kind(&entry.fact)).collect();
    assert_eq!(kinds, (0..KINDS).collect(), "WARROOM_WRITE=1 adds what is missing");
    for (line, entry) in &kept {
        let again = serde_json::to_value(entry).expect("JSON");
        // What came later has a default: it may be written beside what was there, and changes none of it.
        let mut then = line["fact"].as_object().expect("a fact").iter();
        assert!(then.all(|(key, value)| again["fact"].get(key) == Some(value)), "{line} is written as {again}");
    }
}

/// Wherever the keeper died among them, the next one stands somewhere that a person is told of.
#[test]
fn a_run_goes_on_from_every_kind_of_fact() {
    let plan = warroom::plan::load(std::path::Path::new("demo.toml"), include_str!("../../config/demo.toml"));
    let plan = Arc::new(plan.expect("the demo's plan"));
    let entries: Vec<Entry> = each().into_iter().enumerate().map(|(number, fact)| entry(number, fact)).collect();
    let accepted = entries.iter().position(|entry| matches!(entry.fact, Fact::RollbackAccepted { .. }));
    let (accepted, last) = (accepted.expect("one"), entries.len());
    for died in 1..=last {
        let mono = Mono::from_micros(10_000_000);
        let engine = Engine::recover(plan.clone(), &entries[..died], mono, Wall::from_millis(1_795_000_010_000), 0);
        let (phase, number) = (engine.phase(), died);
        assert_eq!(phase == Phase::Ended, number == last, "{phase:?} after {number}");
        assert_eq!(phase.is_back(), number > accepted && number < last, "{phase:?} after {number}");
        assert!(!engine.snapshot().band.text.as_str().is_empty());
        assert!(engine.snapshot().log.last().is_some_and(|line| line.number >= number as u64));
    }
}
