//! What one key alone cannot tell: how the parts of a plan fit together.

use super::address::same_address;
use super::section::Section;
use super::{
    Advance, Check, CheckKind, Environment, Guardrail, HOOKS_MAX, Hook, Metrics, PerRole, Poll, Rollback, Sampler,
    Step, Subject,
};
use crate::domain::{Split, Unit, duration_words};
use std::ops::Range;

/// A part of the plan with the place that an error about it points at; `None` when it could not be read.
pub(super) struct Placed<T> {
    pub span: Range<usize>,
    pub value: Option<T>,
}

/// What was read, as far as it could be. Nothing is said about what could not: its own error is enough.
pub(super) struct Parts<'a> {
    pub environments: Option<&'a PerRole<Environment>>,
    pub sampler: Option<&'a Sampler>,
    pub poll: Option<&'a Poll>,
    pub metrics: Option<&'a Metrics>,
    pub steps: &'a [Placed<Step>],
    pub checks: &'a [Placed<Check>],
    pub guardrails: &'a [Placed<Guardrail>],
    pub hooks: &'a [Placed<Hook>],
    pub advance: Advance,
    pub rollback: Option<&'a Rollback>,
}

/// Looks at everything that concerns more than one key. What follows from something's absence is said
/// only of a text that was read to its end.
pub(super) fn whole(root: &Section<'_>, parts: &Parts<'_>) {
    rising_steps(root, parts.steps);
    check_names(root, parts.checks);
    hook_names(root, parts.hooks);
    if let (Some(sampler), Some(environments)) = (parts.sampler, parts.environments)
        && [&environments.stable, &environments.candidate].iter().any(|e| same_address(&sampler.url, &e.url))
    {
        let problem = "sampler.url: is an environment's own URL: every sample would be its";
        root.report().push(root.span_of("sampler"), problem.to_owned(), "a URL through the balancer", None);
    }
    if root.report().is_torn() {
        return;
    }
    steps_to_the_end(root, parts.steps);
    versions(root, parts);
    windows(root, parts);
    something_goes_back(root, parts);
    something_is_asked(root, parts);
}

const RISING: &str = "rising shares that end with \"100 %\"";

fn rising_steps(root: &Section<'_>, steps: &[Placed<Step>]) {
    for pair in steps.windows(2) {
        if let (Some(before), Some(after)) = (&pair[0].value, &pair[1].value)
            && before.split >= after.split
        {
            let problem = format!("steps: {} is followed by {}", before.split, after.split);
            root.report().push(pair[1].span.clone(), problem, RISING, None);
        }
    }
}

fn steps_to_the_end(root: &Section<'_>, steps: &[Placed<Step>]) {
    const STEPS: &str = "[[steps]] with split and bake";
    match steps.last() {
        None if !root.has("steps") => root.missing("steps", STEPS),
        None if root.is_list_or_absent("steps") => root.problem("steps", "is empty", STEPS, None),
        // What stands there instead has its error.
        None => {}
        Some(Placed { value: Some(last), span }) if last.split != Split::ALL_CANDIDATE => {
            root.report().push(span.clone(), format!("steps: the last is {}", last.split), RISING, None);
        }
        Some(_) => {}
    }
}

/// With no check that must pass and no limit, nothing at all stands between `A` and the traffic.
fn something_is_asked(root: &Section<'_>, parts: &Parts<'_>) {
    let asks = parts.checks.iter().any(|placed| placed.value.as_ref().is_none_or(|check| check.required));
    let is_sure = ["checks", "guardrails"].iter().all(|key| root.is_list_or_absent(key) && !root.is_misspelt(key));
    if is_sure && !asks && parts.guardrails.is_empty() && !parts.steps.is_empty() {
        let key = if root.has("checks") { "checks" } else { "steps" };
        let problem = "nothing is asked before traffic moves, and nothing would stop it";
        root.problem(key, problem, "a [[checks]] that is required, or [[guardrails]]", None);
    }
}

fn check_names(root: &Section<'_>, checks: &[Placed<Check>]) {
    for (index, check) in checks.iter().enumerate() {
        let Some(name) = check.value.as_ref().map(|check| &check.name) else { continue };
        if checks[..index].iter().filter_map(|other| other.value.as_ref()).any(|other| other.name == *name) {
            root.report().push(check.span.clone(), format!("checks: {name} is there twice"), "each name once", None);
        }
    }
}

fn hook_names(root: &Section<'_>, hooks: &[Placed<Hook>]) {
    for (index, hook) in hooks.iter().enumerate() {
        let Some(name) = hook.value.as_ref().map(|hook| &hook.name) else { continue };
        if hooks[..index].iter().filter_map(|other| other.value.as_ref()).any(|other| other.name == *name) {
            root.report().push(hook.span.clone(), format!("hooks: {name} is there twice"), "each name once", None);
        }
    }
    if let Some(beyond) = hooks.get(HOOKS_MAX) {
        let problem = format!("hooks: there are {}", hooks.len());
        root.report().push(beyond.span.clone(), problem, "at most 12", None);
    }
}

/// A check of the version needs a version to compare with.
fn versions(root: &Section<'_>, parts: &Parts<'_>) {
    let Some(environments) = parts.environments else { return };
    for placed in parts.checks {
        if let Some(CheckKind::Http(http)) = placed.value.as_ref().map(|check| &check.kind)
            && http.version.is_some()
            && environments[http.role].version.is_none()
        {
            let problem = format!("checks: version: environments.{} has no version to compare with", http.role.key());
            root.report().push(placed.span.clone(), problem, "environments.… version = \"…\"", None);
        }
    }
}

/// With fewer than two reads in a window no rate can be told.
fn windows(root: &Section<'_>, parts: &Parts<'_>) {
    let Some(poll) = parts.poll else { return };
    let too_short = |span: Range<usize>, window: std::time::Duration| {
        if window < poll.readings * 2 {
            let problem = format!("window: {} holds fewer than two readings", duration_words(window));
            root.report().push(span, problem, &format!("at least {}", duration_words(poll.readings * 2)), None);
        }
    };
    if let Some(metrics) = parts.metrics {
        too_short(root.span_of("metrics"), metrics.window);
    }
    let own = |subject: &Subject| parts.metrics.is_none_or(|metrics| metrics.window != subject.window);
    for placed in parts.guardrails {
        if let Some(subject) = placed.value.as_ref().map(|guardrail| &guardrail.subject).filter(|s| own(s)) {
            too_short(placed.span.clone(), subject.window);
        }
    }
    for placed in parts.checks {
        if let Some(CheckKind::Reading { subject, .. }) = placed.value.as_ref().map(|check| &check.kind)
            && own(subject)
        {
            too_short(placed.span.clone(), subject.window);
        }
    }
    for placed in parts.steps {
        for gate in placed.value.iter().flat_map(|step| &step.gates).filter(|gate| own(&gate.subject)) {
            too_short(placed.span.clone(), gate.subject.window);
        }
    }
}

/// What goes forward by itself must have something that goes back by itself.
fn something_goes_back(root: &Section<'_>, parts: &Parts<'_>) {
    let all_read = parts.guardrails.iter().all(|placed| placed.value.is_some()) && parts.metrics.is_some();
    let can_roll_back =
        parts.guardrails.iter().filter_map(|placed| placed.value.as_ref()).any(|g| g.roll_back.is_some());
    let automatic = parts.rollback.is_none_or(|rollback| rollback.automatic);
    if parts.advance == Advance::Automatic && all_read && !(can_roll_back && automatic) {
        root.problem(
            "advance",
            "moves forward by itself and nothing would move back by itself",
            "a guardrail with roll_back and rollback.automatic = true, or advance = \"manual\"",
            None,
        );
    }
}

/// The two environments differ in label, colour and URL, and share no instance. `places` are the
/// candidate's label, colour, url and metrics.
pub(super) fn told_apart(root: &Section<'_>, environments: &PerRole<Environment>, places: &[Range<usize>; 4]) {
    let (stable, candidate) = (&environments.stable, &environments.candidate);
    let same = [
        ("label", stable.label == candidate.label),
        ("colour", stable.colour == candidate.colour),
        ("url", same_address(&stable.url, &candidate.url)),
    ];
    for ((key, is_same), place) in same.into_iter().zip(places) {
        if is_same {
            let problem = format!("environments: both environments have the same {key}");
            root.report().push(place.clone(), problem, "environments that can be told apart", None);
        }
    }
    let shared = candidate.metrics.iter().find(|url| stable.metrics.iter().any(|other| same_address(url, other)));
    if let Some(url) = shared {
        let problem = format!("environments.candidate.metrics: {url} is stable's too");
        root.report().push(places[3].clone(), problem, "each instance once", None);
    }
}

/// warn ≤ hold ≤ `roll_back`, at least one of them, and each of them can be exceeded.
pub(super) fn rising_limits(section: &Section<'_>, unit: Option<Unit>, limits: &[(&'static str, Option<f64>)]) {
    let given: Vec<(&str, f64)> = limits.iter().filter_map(|(key, limit)| Some((*key, (*limit)?))).collect();
    if given.is_empty() && limits.iter().all(|(key, _)| section.lacks(key)) {
        section.problem("hold", "no limit is there", "at least one of warn, hold and roll_back", None);
    }
    for (key, limit) in &given {
        if unit == Some(Unit::Ratio) && *limit >= 1.0 {
            section.problem(key, "no share is above the whole", "a share below \"100 %\"", None);
        }
    }
    for pair in given.windows(2) {
        let ((low, low_limit), (high, high_limit)) = (pair[0], pair[1]);
        if low_limit > high_limit {
            let hint = Some(format!("{low} and {high} are exchanged"));
            section.problem(high, &format!("is lower than {low}"), "warn <= hold <= roll_back", hint);
        }
    }
}
