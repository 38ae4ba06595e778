//! The steps with their gates, and the checks.

use super::limits::{ROLES, below, subject};
use super::{DURATION, Known, LASTING_MAX, required_list};
use crate::domain::{Signal, Split, parse_share};
use crate::plan::section::{Section, Wrong};
use crate::plan::values::{boolean, duration, json, one_of, path_text, role, scalar, short_text, whole_number};
use crate::plan::{Check, CheckKind, HttpCheck, Step, StepGate, likely, needed_requests};
use std::time::Duration;

pub(in crate::plan) fn step(section: Section<'_>, known: &Known<'_>) -> Option<Step> {
    let split = section.required("split", "the candidate's share, from \"0.1 %\" to \"100 %\" in tenths", |value| {
        let word = scalar(value)?;
        let wrong = || Wrong::from(format!("{word:?} is not a share")).perhaps(likely::share(&word));
        let fraction = parse_share(&word).ok_or_else(wrong)?;
        let split =
            Split::from_fraction(fraction).filter(|s| s.permille() > 0 && (s.fraction() - fraction).abs() < 1e-9);
        Ok(split.ok_or_else(|| format!("{word:?} is not from 0.1 % to 100 % in tenths of a percent"))?)
    });
    let bake = section.required("bake", DURATION, duration(Duration::ZERO..=LASTING_MAX));
    let hold = section.optional("hold", "true or false", boolean).unwrap_or(false);
    let approval = section.optional("approval", "the role that approves, such as \"decision authority\"", short_text);
    let point_of_no_return = section.optional("point_of_no_return", "what breaks when one goes back", short_text);
    let gates: Vec<Option<StepGate>> = section.tables("gates").into_iter().map(|table| gate(table, known)).collect();
    if hold && split == Some(Split::ALL_CANDIDATE) {
        let problem = "nothing comes after 100 % that a person could go on to: it is complete once it is baked";
        section.problem("hold", problem, "hold on a step before it; gates at 100 % keep it from being complete", None);
    }
    section.finish();
    Some(Step {
        split: split?,
        bake: bake?,
        hold,
        approval,
        gates: gates.into_iter().collect::<Option<_>>()?,
        point_of_no_return,
    })
}

fn gate(section: Section<'_>, known: &Known<'_>) -> Option<StepGate> {
    let told = section.has("minimum_requests");
    let subject = subject(&section, known);
    let below = below(&section, subject.as_ref(), known);
    section.finish();
    let (mut subject, below) = (subject?, below?);
    if subject.signal == Signal::ErrorRatio && !told {
        // A ratio below its limit is shown only by so many requests.
        subject.minimum_requests = needed_requests(below);
    }
    Some(StepGate { subject, below })
}

pub(in crate::plan) fn check(section: Section<'_>, known: &Known<'_>) -> Option<Check> {
    let name = section.required("name", "what the screen calls it, at most 24 characters", |value| {
        let name = short_text(value)?;
        if name.as_str().chars().count() > 24 { Err("is too long".into()) } else { Ok(name) }
    });
    let required = section.optional("required", "true or false", boolean).unwrap_or(true);
    let interval = section.optional(
        "interval",
        "a duration from \"500ms\" to \"10m\"",
        duration(Duration::from_millis(500)..=Duration::from_secs(600)),
    );
    let timeout = section.optional(
        "timeout",
        "a duration from \"100ms\" to \"60s\"",
        duration(Duration::from_millis(100)..=Duration::from_secs(60)),
    );
    let kind = section.required("kind", "\"http\", \"reading\" or \"balancer\"", |value| {
        one_of(value, &[("http", "http"), ("reading", "reading"), ("balancer", "balancer")])
    });
    let kind = check_kind(&section, kind, known);
    section.finish();
    Some(Check {
        name: name?,
        required,
        interval: interval.unwrap_or(Duration::from_secs(5)),
        timeout: timeout.unwrap_or(Duration::from_secs(2)),
        kind: kind?,
    })
}

fn check_kind(section: &Section<'_>, kind: Option<&str>, known: &Known<'_>) -> Option<CheckKind> {
    match kind {
        Some("http") => http_check(section, known).map(CheckKind::Http),
        Some("reading") => {
            let subject = subject(section, known);
            let below = below(section, subject.as_ref(), known);
            subject.zip(below).map(|(subject, below)| CheckKind::Reading { subject, below })
        }
        Some(_) => Some(CheckKind::Balancer),
        None => {
            for key in [
                "environment",
                "path",
                "paths",
                "status",
                "json",
                "version",
                "slower_than",
                "reading",
                "below",
                "window",
                "minimum_requests",
            ] {
                section.has(key);
            }
            None
        }
    }
}

fn http_check(section: &Section<'_>, known: &Known<'_>) -> Option<HttpCheck> {
    let role = section.required("environment", ROLES, role(known.environments));
    let paths = paths(section);
    let status = if section.has("status") {
        required_list(section, "status", "a list of HTTP statuses", |item| {
            let number = whole_number(item)?;
            let status = u16::try_from(number).ok().filter(|s| (100..600).contains(s));
            Ok(status.ok_or_else(|| format!("{number} is not an HTTP status"))?)
        })
    } else {
        Some(vec![200])
    };
    let json = expected_fields(section);
    let version = section.optional("version", "a JSON pointer such as \"/version\"", path_text);
    let slower_than =
        section.optional("slower_than", DURATION, duration(Duration::from_millis(1)..=Duration::from_secs(60)));
    Some(HttpCheck { role: role?, paths: paths?, status: status?, json, version, slower_than })
}

fn paths(section: &Section<'_>) -> Option<Vec<String>> {
    let one = section.optional("path", "a path that starts with /", path_text);
    let several = section.list("paths", "a list of paths", path_text);
    match (one, several) {
        (Some(path), None) => Some(vec![path]),
        (None, Some(paths)) if !paths.is_empty() => Some(paths),
        // A path that is there and wrong has its error already.
        _ if section.has("path") != section.has("paths") => None,
        (None, None) if !section.lacks("path") || !section.lacks("paths") => None,
        _ => {
            section.problem(
                "path",
                "needs exactly one of path and paths",
                "path = \"/health\" or paths = [\"/api/agents\"]",
                None,
            );
            None
        }
    }
}

fn expected_fields(section: &Section<'_>) -> Vec<(String, serde_json::Value)> {
    let Some(table) = section.table("json") else { return Vec::new() };
    let mut fields = Vec::new();
    for (pointer, value) in table.entries() {
        let is_pointer = pointer.starts_with('/');
        match if is_pointer { json(value.get_ref()) } else { Err("is not a JSON pointer".into()) } {
            Ok(expected) => fields.push((pointer, expected)),
            Err(wrong) => table.wrong_entry(&pointer, value, wrong, "\"/pointer\" = value"),
        }
    }
    fields
}
