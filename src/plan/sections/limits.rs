//! Readings and their limits, the same keys in gates, checks and guardrails.

use super::Known;
use crate::domain::{Clean, Percentile, Role, Signal, Unit};
use crate::plan::section::{Section, Wrong, nearest};
use crate::plan::values::{duration, one_of, role, text, whole_number};
use crate::plan::{Guardrail, OnAbsent, Subject, likely, validate};
use std::time::Duration;
use toml::de::DeValue;

/// What `environment` may say.
pub(super) const ROLES: &str = "\"stable\" or \"candidate\"";

/// `reading`, `environment`, `window`, `minimum_requests`.
pub(super) fn subject(section: &Section<'_>, known: &Known<'_>) -> Option<Subject> {
    let signal = section.required("reading", &signals_allowed(known), |value| {
        let word = text(value)?;
        simple_signal(&word)
            .or_else(|| {
                let name = Clean::new(&word);
                // Of a name that could not be read nobody knows whether it is this one.
                let is_gauge = !known.are_all || known.gauges.iter().any(|(gauge, _)| *gauge == name);
                is_gauge.then_some(Signal::Gauge(name))
            })
            .ok_or_else(|| {
                let allowed = signals_allowed(known);
                let meant = nearest(&word, allowed.split(", ")).map(|word| format!("{word:?}"));
                Wrong::from(format!("{word:?} is not a reading")).perhaps(meant)
            })
    });
    if matches!(signal, Some(Signal::Latency(_))) && known.histogram == Some(false) {
        section.problem("reading", "needs a histogram", "metrics.latency = \"…\"", None);
    }
    let role = section.optional("environment", ROLES, role(known.environments)).unwrap_or(Role::Candidate);
    let window = section
        .optional(
            "window",
            "a duration from \"2s\" to \"1h\"",
            duration(Duration::from_secs(2)..=Duration::from_secs(3600)),
        )
        .or(known.window);
    let counted = matches!(signal, Some(Signal::ErrorRatio | Signal::Latency(_)));
    let minimum_requests = section.optional("minimum_requests", "a whole number", whole_number);
    if let (Some(_), Some(signal), false) = (minimum_requests, &signal, counted) {
        section.problem(
            "minimum_requests",
            &format!("{signal} does not rest on requests"),
            "only error_ratio, p50, p95 and p99",
            None,
        );
    }
    Some(Subject {
        signal: signal?,
        role,
        window: window.unwrap_or(Duration::from_secs(30)),
        minimum_requests: minimum_requests.unwrap_or(u64::from(counted) * 20),
    })
}

pub(super) fn simple_signal(word: &str) -> Option<Signal> {
    Some(match word {
        "error_ratio" => Signal::ErrorRatio,
        "p50" => Signal::Latency(Percentile::P50),
        "p95" => Signal::Latency(Percentile::P95),
        "p99" => Signal::Latency(Percentile::P99),
        "request_rate" => Signal::RequestRate,
        "unhealthy_for" => Signal::UnhealthyFor,
        _ => return None,
    })
}

fn signals_allowed(known: &Known<'_>) -> String {
    let mut words = vec!["error_ratio", "p50", "p95", "p99", "request_rate", "unhealthy_for"];
    words.extend(known.gauges.iter().map(|(name, _)| name.as_str()));
    words.join(", ")
}

/// A limit that must be there and that a reading can be under.
pub(super) fn below(section: &Section<'_>, subject: Option<&Subject>, known: &Known<'_>) -> Option<f64> {
    if !section.has("below") {
        section.missing("below", "the limit");
        return None;
    }
    let below = limit(section, "below", subject, known)?;
    if below <= 0.0 {
        section.problem("below", "nothing is below nothing", "a limit above zero", None);
        return None;
    }
    Some(below)
}

fn limit(section: &Section<'_>, key: &'static str, subject: Option<&Subject>, known: &Known<'_>) -> Option<f64> {
    // A limit whose reading or gauge is wrong cannot be judged, and the error of that is enough.
    let unit = subject.and_then(|subject| known.unit(&subject.signal));
    let allowed = unit.map_or("a limit", Unit::how_to_write);
    let limit = section.optional(key, allowed, |value| {
        let word = match value {
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                text(value)?
            }
        };
        let Some(unit) = unit else { return Ok(None) };
        let parsed =
            unit.parse(&word).map_err(|error| Wrong::from(error.to_string()).perhaps(likely::limit(&word, unit)));
        parsed.map(Some)
    });
    limit.flatten()
}

pub(in crate::plan) fn guardrail(section: Section<'_>, known: &Known<'_>) -> Option<Guardrail> {
    let subject = subject(&section, known);
    let warn = limit(&section, "warn", subject.as_ref(), known);
    let hold = limit(&section, "hold", subject.as_ref(), known);
    let roll_back = limit(&section, "roll_back", subject.as_ref(), known);
    let sustained = section.optional(
        "for",
        "a duration from \"0s\" to \"1h\"",
        duration(Duration::ZERO..=Duration::from_secs(3600)),
    );
    let absent = section.optional("absent", "\"warn\", \"hold\" or \"roll_back\"", |value| {
        one_of(value, &[("warn", OnAbsent::Warn), ("hold", OnAbsent::Hold), ("roll_back", OnAbsent::RollBack)])
    });
    let limits = [("warn", warn), ("hold", hold), ("roll_back", roll_back)];
    let unit = subject.as_ref().and_then(|subject| known.unit(&subject.signal));
    validate::rising_limits(&section, unit, &limits);
    section.finish();
    Some(Guardrail {
        subject: subject?,
        warn,
        hold,
        roll_back,
        sustained: sustained.unwrap_or(Duration::from_secs(30)),
        absent: absent.unwrap_or(OnAbsent::Hold),
    })
}
