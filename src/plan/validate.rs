//! What one key alone cannot tell: how the parts of a plan fit together.

use super::section::Section;
use super::{Advance, Check, Environment, Guardrail, PerRole, Rollback, Step};
use crate::domain::Split;

/// Steps rise and end at 100 %; names are told apart; automatic advance has something to stop it.
pub(super) fn whole<'s>(
    root: &Section<'_>,
    steps: impl Iterator<Item = &'s Step>,
    checks: &[Option<Check>],
    guardrails: &[Option<Guardrail>],
    advance: Advance,
    rollback: Option<&Rollback>,
) {
    rising_steps(root, steps);
    for (index, check) in checks.iter().enumerate() {
        let Some(check) = check else { continue };
        if checks[..index].iter().flatten().any(|other| other.name == check.name) {
            root.problem("checks", &format!("{} is there twice", check.name), "each name once", None);
        }
    }
    let can_roll_back = guardrails.iter().flatten().any(|guardrail| guardrail.roll_back.is_some());
    let automatic_rollback = rollback.is_none_or(|rollback| rollback.automatic);
    if advance == Advance::Automatic && !(can_roll_back && automatic_rollback) {
        root.problem(
            "advance",
            "moves forward by itself and nothing would move back by itself",
            "a guardrail with roll_back and rollback.automatic = true, or advance = \"manual\"",
            None,
        );
    }
}

fn rising_steps<'s>(root: &Section<'_>, steps: impl Iterator<Item = &'s Step>) {
    const ALLOWED: &str = "rising shares that end with \"100 %\"";
    let splits: Vec<Split> = steps.map(|step| step.split).collect();
    if let Some(pair) = splits.windows(2).find(|pair| pair[0] >= pair[1]) {
        let problem = format!("{} is followed by {}", pair[0], pair[1]);
        root.problem("steps", &problem, ALLOWED, None);
    }
    match splits.last() {
        None => root.problem("steps", "none is there", "[[steps]] with split and bake", None),
        Some(last) if *last != Split::ALL_CANDIDATE => {
            root.problem("steps", &format!("the last is {last}"), ALLOWED, None);
        }
        Some(_) => {}
    }
}

/// The two environments differ in label, colour and URL.
pub(super) fn told_apart(root: &Section<'_>, environments: &PerRole<Environment>) {
    let (stable, candidate) = (&environments.stable, &environments.candidate);
    let same = [
        ("label", stable.label == candidate.label),
        ("colour", stable.colour == candidate.colour),
        ("url", stable.url == candidate.url),
    ];
    for (key, is_same) in same {
        if is_same {
            let problem = format!("both environments have the same {key}");
            root.problem("environments", &problem, "environments that can be told apart", None);
        }
    }
}

/// warn ≤ hold ≤ `roll_back`, and at least one of them.
pub(super) fn rising_limits(section: &Section<'_>, limits: &[(&'static str, Option<f64>)]) {
    let given: Vec<(&str, f64)> = limits.iter().filter_map(|(key, limit)| Some((*key, (*limit)?))).collect();
    if given.is_empty() && limits.iter().all(|(key, _)| !section.has(key)) {
        section.problem("hold", "no limit is there", "at least one of warn, hold and roll_back", None);
    }
    for pair in given.windows(2) {
        let ((low, low_limit), (high, high_limit)) = (pair[0], pair[1]);
        if low_limit > high_limit {
            let hint = Some(format!("{low} and {high} are exchanged"));
            section.problem(high, &format!("is lower than {low}"), "warn <= hold <= roll_back", hint);
        }
    }
}
