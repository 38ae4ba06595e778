//! What holds for every text that somebody could hand us as a plan.
//!
//! A plan is edited at three in the morning, merged by a tool, cut off by a full disk. Whatever is in the
//! file: no panic, an error inside the file, or a plan in which everything that is promised is true.

mod plan_common;

use plan_common::{FILE, HAPROXY, HTTP, sound};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use std::path::Path;
use std::time::Duration;
use warroom::domain::{Clean, PERCENT_WHOLE, Role, Signal, Split};
use warroom::plan::{
    ALB_WEIGHT_MAX, Advance, CheckKind, Driver, HAPROXY_WEIGHT_MAX, Plan, PlanErrors, Subject, load, needed_requests,
    rescue_card, schedule,
};

/// Texts that are likely to be values, so that mutations reach past the parser.
const WORDS: [&str; 40] = [
    "\"5 %\"",
    "\"0 %\"",
    "\"100 %\"",
    "\"99.9 %\"",
    "\"5m\"",
    "\"0s\"",
    "\"150ms\"",
    "\"20/s\"",
    "\"512 MiB\"",
    "5",
    "0.05",
    "-1",
    "nan",
    "inf",
    "true",
    "false",
    "[]",
    "{}",
    "\"\"",
    "\"x\"",
    "\"p95\"",
    "\"p99\"",
    "\"error_ratio\"",
    "\"memory\"",
    "\"automatic\"",
    "\"manual\"",
    "\"haproxy\"",
    "\"http\"",
    "\"stable\"",
    "\"candidate\"",
    "\"\\u001b[2J\"",
    "\"\"\"a\nb\"\"\"",
    "[[steps]]",
    "[[checks]]",
    "[metrics]",
    "\n",
    "é",
    "'",
    "=",
    "\u{202e}",
];

/// One change of a text at some place.
#[derive(Debug, Clone)]
enum Change {
    Delete(Index, Index),
    Duplicate(Index, Index),
    Insert(Index, &'static str),
    /// A whole line goes, is doubled, or changes places with another.
    DropLine(Index),
    DoubleLine(Index),
    SwapLines(Index, Index),
    /// What stands right of a line's `=` is replaced.
    Value(Index, &'static str),
    /// What stands right of one line's `=` is replaced by what stands right of another's.
    Borrow(Index, Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<Index>;
    let change = prop_oneof![
        1 => (index(), index()).prop_map(|(a, b)| Change::Delete(a, b)),
        1 => (index(), index()).prop_map(|(a, b)| Change::Duplicate(a, b)),
        2 => (index(), select(WORDS.as_slice())).prop_map(|(a, word)| Change::Insert(a, word)),
        2 => index().prop_map(Change::DropLine),
        1 => index().prop_map(Change::DoubleLine),
        1 => (index(), index()).prop_map(|(a, b)| Change::SwapLines(a, b)),
        5 => (index(), select(WORDS.as_slice())).prop_map(|(a, word)| Change::Value(a, word)),
        4 => (index(), index()).prop_map(|(a, b)| Change::Borrow(a, b)),
    ];
    prop::collection::vec(change, 1..5)
}

fn apply(text: &str, change: &Change) -> String {
    let chars: Vec<char> = text.chars().collect();
    let lines: Vec<&str> = text.split('\n').collect();
    let span = |a: &Index, b: &Index| {
        let start = a.index(chars.len() + 1);
        // Up to thirty characters: longer ones leave nothing to look at.
        (start, (start + b.index(30)).min(chars.len()))
    };
    let slice = |from: usize, to: usize| chars[from..to].iter().collect::<String>();
    let value =
        |line: &str, new: &str| line.split_once('=').map_or(line.to_owned(), |(key, _)| format!("{key}= {new}"));
    let with_line = |at: usize, new: &[String]| {
        let mut all: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        all.splice(at..=at, new.iter().cloned());
        all.join("\n")
    };
    match change {
        Change::Delete(a, b) => {
            let (from, to) = span(a, b);
            slice(0, from) + &slice(to, chars.len())
        }
        Change::Duplicate(a, b) => {
            let (from, to) = span(a, b);
            slice(0, to) + &slice(from, chars.len())
        }
        Change::Insert(a, word) => {
            let at = a.index(chars.len() + 1);
            slice(0, at) + word + &slice(at, chars.len())
        }
        Change::DropLine(a) => with_line(a.index(lines.len()), &[]),
        Change::DoubleLine(a) => {
            let at = a.index(lines.len());
            with_line(at, &[lines[at].to_owned(), lines[at].to_owned()])
        }
        Change::SwapLines(a, b) => {
            let mut swapped = lines.clone();
            swapped.swap(a.index(lines.len()), b.index(lines.len()));
            swapped.join("\n")
        }
        Change::Value(a, word) => {
            let at = a.index(lines.len());
            with_line(at, &[value(lines[at], word)])
        }
        Change::Borrow(a, b) => {
            let at = a.index(lines.len());
            let other = lines[b.index(lines.len())].split_once('=').map_or("1", |(_, value)| value.trim());
            with_line(at, &[value(lines[at], other)])
        }
    }
}

fn mutated() -> impl Strategy<Value = String> {
    (select([HTTP, HAPROXY].as_slice()), changes())
        .prop_map(|(base, changes)| changes.iter().fold(base.to_owned(), |text, change| apply(&text, change)))
}

/// Every error is in the file, in order, clean, and says something.
fn errors_are_well_formed(text: &str, errors: &PlanErrors) -> Result<(), TestCaseError> {
    prop_assert!(!errors.0.is_empty(), "refused without a reason");
    let places: Vec<(usize, usize)> = errors.0.iter().map(|e| (e.line, e.column)).collect();
    prop_assert!(places.is_sorted(), "not in the file's order: {errors}");
    let lines: Vec<&str> = text.split('\n').collect();
    for error in &errors.0 {
        prop_assert_eq!(&error.file, FILE);
        let inside = (1..=lines.len()).contains(&error.line)
            && (1..=lines[error.line - 1].chars().count() + 1).contains(&error.column);
        prop_assert!(inside, "{error} is not inside the file's {} lines", lines.len());
        prop_assert!(!error.problem.is_empty() && !error.allowed.is_empty(), "{error:?} says nothing");
        let words = error.to_string();
        prop_assert!(!words.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{words:?}");
    }
    Ok(())
}

/// All that the types' doc comments promise of a loaded plan.
fn plan_keeps_its_promises(plan: &Plan, text: &str) -> Result<(), TestCaseError> {
    let seconds = Duration::from_secs;
    prop_assert_eq!(&plan.source.text, text);
    prop_assert!(plan.source.hash.len() == 64 && plan.source.hash.bytes().all(|b| b.is_ascii_hexdigit()));
    prop_assert!(!plan.name.as_str().is_empty() && !plan.target.as_str().is_empty());

    let (stable, candidate) = (&plan.environments.stable, &plan.environments.candidate);
    prop_assert!(stable.label != candidate.label && stable.colour != candidate.colour && stable.url != candidate.url);
    for environment in [stable, candidate] {
        prop_assert!(!environment.metrics.is_empty());
        prop_assert!(environment.health.starts_with('/') && !environment.url.ends_with('/'));
    }

    prop_assert!(plan.steps.windows(2).all(|pair| pair[0].split < pair[1].split), "steps do not rise");
    prop_assert!(plan.steps[0].split > Split::ALL_STABLE);
    prop_assert_eq!(plan.steps.last().map(|step| step.split), Some(Split::ALL_CANDIDATE));
    prop_assert!(plan.steps.iter().all(|step| step.bake <= seconds(86_400 * 7)));

    let names: Vec<_> = plan.checks.iter().map(|check| &check.name).collect();
    prop_assert!(names.iter().enumerate().all(|(i, name)| !names[..i].contains(name)), "a check is there twice");
    for guardrail in &plan.guardrails {
        let limits: Vec<f64> = [guardrail.warn, guardrail.hold, guardrail.roll_back].into_iter().flatten().collect();
        prop_assert!(!limits.is_empty() && limits.is_sorted(), "limits {limits:?}");
        prop_assert!(limits.iter().all(|limit| limit.is_finite() && *limit >= 0.0), "limits {limits:?}");
        prop_assert!(guardrail.sustained <= seconds(3600));
    }
    if plan.advance == Advance::Automatic {
        prop_assert!(plan.rollback.automatic && plan.guardrails.iter().any(|g| g.roll_back.is_some()));
    }
    let checked = plan.checks.iter().filter_map(|check| match &check.kind {
        CheckKind::Reading { subject, .. } => Some(subject),
        CheckKind::Http(_) | CheckKind::Balancer => None,
    });
    let subjects: Vec<&Subject> = plan
        .guardrails
        .iter()
        .map(|g| &g.subject)
        .chain(plan.steps.iter().flat_map(|step| step.gates.iter().map(|gate| &gate.subject)))
        .chain(checked)
        .collect();
    for subject in subjects {
        prop_assert!((seconds(2)..=seconds(3600)).contains(&subject.window) && subject.window <= plan.longest_window());
        match &subject.signal {
            Signal::Gauge(name) => prop_assert!(plan.metrics.gauges.iter().any(|gauge| gauge.name == *name), "{name}"),
            Signal::Latency(_) => prop_assert!(plan.metrics.latency.is_some()),
            Signal::ErrorRatio | Signal::RequestRate | Signal::UnhealthyFor => {}
        }
    }
    prop_assert!((0.0..=1.0).contains(&plan.rollback.stable_ready));
    prop_assert!(plan.rollback.floor.is_none_or(|floor| floor.is_finite() && floor >= 0.0));
    prop_assert!(plan.sampler.as_ref().is_none_or(|sampler| (0.1..=50.0).contains(&sampler.rate)));

    let layout = plan.traffic.layout();
    for node in 0..layout.nodes.len() {
        for role in Role::BOTH {
            prop_assert!(layout.slots_of(node, role).next().is_some(), "node {node} has no slot of {role:?}");
        }
    }
    let all_stable = plan.traffic.all_stable();
    let whole = match &plan.traffic.driver {
        Driver::Http(_) | Driver::Command(_) => PERCENT_WHOLE,
        Driver::Haproxy(haproxy) => {
            prop_assert!(!haproxy.nodes.is_empty());
            HAPROXY_WEIGHT_MAX
        }
        Driver::Alb(alb) => {
            prop_assert!(!alb.forwards.is_empty());
            ALB_WEIGHT_MAX
        }
    };
    for (slot, role) in &layout.slots {
        let expected = if *role == Role::Stable { whole } else { 0 };
        prop_assert_eq!(all_stable.0.get(slot), Some(&expected), "{}", &slot.name);
    }
    Ok(())
}

fn rates() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        any::<f64>().prop_map(Some),
        select(
            [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX, 12.0].as_slice()
        )
        .prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        if let Err(errors) = load(Path::new(FILE), &text) {
            errors_are_well_formed(&text, &errors)?;
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(errors) = load(Path::new(FILE), &text) {
            errors_are_well_formed(&text, &errors)?;
        }
    }

    /// Words of the format in any order reach further than any characters do.
    #[test]
    fn no_words_panic(words in prop::collection::vec(prop_oneof![
        select(WORDS.as_slice()),
        select(["version", "steps", "split", "bake", "checks", "kind", "guardrails", "reading", "traffic", ".", "[", "]", " = ", "{", "}", "#", "\r\n"].as_slice()),
    ], 0..60)) {
        let text = words.concat();
        if let Err(errors) = load(Path::new(FILE), &text) {
            errors_are_well_formed(&text, &errors)?;
        }
    }

    #[test]
    fn a_wrong_path_is_only_shown(path in any::<String>()) {
        let errors = load(Path::new(&path), "").expect_err("nothing in it");
        prop_assert!(errors.0.iter().all(|e| !e.file.chars().any(char::is_control)), "{:?}", errors.0[0].file);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

    /// A changed plan either loads and keeps every promise, or says where it does not.
    #[test]
    fn a_changed_plan_loads_soundly_or_says_why_not(text in mutated(), rate in rates()) {
        match load(Path::new(FILE), &text) {
            Err(errors) => errors_are_well_formed(&text, &errors)?,
            Ok(plan) => {
                plan_keeps_its_promises(&plan, &text)?;
                schedule_is_well_formed(&plan, rate)?;
            }
        }
    }

    /// Any rate may be typed behind `--rate`, and a rate that is measured may be anything.
    #[test]
    fn no_rate_panics(rate in rates(), base in select([HTTP, HAPROXY].as_slice())) {
        schedule_is_well_formed(&sound(base), rate)?;
    }

    #[test]
    fn more_requests_are_never_needed_for_a_higher_limit(low in 0.0..1.0_f64, high in 0.0..1.0_f64) {
        let (low, high) = if low < high { (low, high) } else { (high, low) };
        prop_assert!(needed_requests(low) >= needed_requests(high));
    }
}

/// A journal writes clean text and reads it back through `Clean` again; what was recorded must not change.
#[test]
fn clean_text_read_back_is_the_same_text() {
    for raw in ["plain", "a\u{1b}b", &"x".repeat(2000), &"\u{1b}".repeat(600)] {
        let once = Clean::new(raw);
        assert_eq!(Clean::new(once.as_str()), once);
    }
}

/// Mutations that all load, or all fail in the parser, would show nothing.
#[test]
fn mutations_reach_all_outcomes() {
    let mut runner = TestRunner::deterministic();
    let (mut loaded, mut meant, mut syntax) = (0, 0, 0);
    for _ in 0..200 {
        match load(Path::new(FILE), &mutated().new_tree(&mut runner).unwrap().current()) {
            Ok(_) => loaded += 1,
            Err(errors) if errors.0.iter().any(|e| e.allowed == "TOML 1.0") => syntax += 1,
            Err(_) => meant += 1,
        }
    }
    assert!(loaded > 10 && meant > 40 && syntax > 20, "{loaded} load, {meant} are wrong, {syntax} are no TOML");
}

fn schedule_is_well_formed(plan: &Plan, rate: Option<f64>) -> Result<(), TestCaseError> {
    let words = schedule(plan, rate);
    prop_assert!(
        words.contains(&plan.title()) && words.contains("earliest end") && words.ends_with(&rescue_card(plan))
    );
    prop_assert!(!words.chars().any(|c| c.is_control() && c != '\n'), "a control character: {words:?}");
    Ok(())
}
