//! What is read, and how often.

use super::limits::simple_signal;
use crate::domain::{Clean, PerRole, Signal, Unit};
use crate::plan::section::Section;
use crate::plan::values::{
    boolean, duration, label, label_name, metric_name, one_of, plain_text, short_text, status_pattern,
};
use crate::plan::{Combine, Environment, Gauge, Metrics, Poll, RequestsMetric, simple_unit};
use std::time::Duration;

/// What gates, checks and limits can refer to, as far as it could be read. Nothing is said of them that
/// rests on what could not.
pub(in crate::plan) struct Known<'a> {
    pub environments: Option<&'a PerRole<Environment>>,
    /// Each gauge whose name could be read, with its unit where that could be.
    pub gauges: Vec<(Clean, Option<Unit>)>,
    /// Whether these are all gauges there are.
    pub are_all: bool,
    /// Whether there is a histogram of latencies; `None` when that cannot be told.
    pub histogram: Option<bool>,
    pub window: Option<Duration>,
}

impl Known<'_> {
    pub fn unit(&self, signal: &Signal) -> Option<Unit> {
        match signal {
            Signal::Gauge(name) => self.gauges.iter().find(|(known, _)| known == name).and_then(|(_, unit)| *unit),
            Signal::ErrorRatio | Signal::Latency(_) | Signal::UnhealthyFor | Signal::RequestRate => {
                Some(simple_unit(signal))
            }
        }
    }
}

pub(in crate::plan) fn metrics<'e>(
    root: &Section<'_>,
    environments: Option<&'e PerRole<Environment>>,
) -> (Option<Metrics>, Known<'e>) {
    let mut known = Known { environments, gauges: Vec::new(), are_all: false, histogram: None, window: None };
    let metrics = read_metrics(root, &mut known);
    (metrics, known)
}

fn read_metrics(root: &Section<'_>, known: &mut Known<'_>) -> Option<Metrics> {
    let section = root.required_table("metrics", "what to read from the environments' expositions")?;
    // With a misspelt header `metrics` is there by its sub-tables alone, and what it lacks may be under the other.
    let is_partial = root.is_misspelt("metrics");
    let requests = if is_partial {
        section.table("requests")
    } else {
        const REQUESTS: &str = "{ metric = \"http_requests_total\", status = \"status\", errors = \"5..\" }";
        section.required_table("requests", REQUESTS)
    };
    let requests = requests.and_then(requests_metric);
    let latency = section.optional("latency", "the latency histogram's name, without _bucket", metric_name);
    let window = section
        .optional(
            "window",
            "a duration from \"2s\" to \"1h\"",
            duration(Duration::from_secs(2)..=Duration::from_secs(3600)),
        )
        .unwrap_or(Duration::from_secs(30));
    let labels = labels(&section, requests.as_ref());
    let gauges = gauges(&section, known);
    known.window = Some(window);
    let is_unsure = is_partial
        || root.report().is_torn()
        || section.is_misspelt("latency")
        || (section.has("latency") && latency.is_none());
    known.histogram = (!is_unsure).then_some(latency.is_some());
    section.finish();
    Some(Metrics { requests: requests?, latency, labels, gauges: gauges?, window })
}

fn requests_metric(section: Section<'_>) -> Option<RequestsMetric> {
    let metric = section.required("metric", "the request counter's name", metric_name);
    let status_label =
        section.optional("status", "the label with the status", label_name).unwrap_or_else(|| "status".into());
    let errors = section
        .optional("errors", "three digits or dots such as \"5..\", a dot for any digit", status_pattern)
        .unwrap_or_else(|| "5..".into());
    section.finish();
    Some(RequestsMetric { metric: metric?, status_label, errors })
}

fn labels(section: &Section<'_>, requests: Option<&RequestsMetric>) -> Vec<(String, String)> {
    let Some(table) = section.table("labels") else { return Vec::new() };
    let mut labels = Vec::new();
    for (key, value) in table.entries() {
        let is_status = requests.is_some_and(|requests| requests.status_label == key);
        let read = if is_status {
            Err("would leave out the other statuses".into())
        } else {
            label(&key).and_then(|()| plain_text(value.get_ref()))
        };
        match read {
            Ok(word) => labels.push((key, word)),
            Err(wrong) => table.wrong_entry(&key, value, wrong, "a label's name and some text"),
        }
    }
    labels
}

fn gauges(section: &Section<'_>, known: &mut Known<'_>) -> Option<Vec<Gauge>> {
    let are_tables = !section.is_misspelt("gauges") && !section.report().is_torn();
    let tables = section.tables("gauges");
    let count = tables.len();
    let gauges: Vec<Option<Gauge>> = tables.into_iter().map(|table| gauge(table, known)).collect();
    known.are_all = are_tables && known.gauges.len() == count && section.is_list_or_absent("gauges");
    gauges.into_iter().collect()
}

fn gauge(section: Section<'_>, known: &mut Known<'_>) -> Option<Gauge> {
    let name = section.required("name", "a name that checks and guardrails use", |value| {
        let name = short_text(value)?;
        if known.gauges.iter().any(|(taken, _)| *taken == name) || simple_signal(name.as_str()).is_some() {
            return Err(format!("{name} is taken").into());
        }
        Ok(name)
    });
    let metric = section.required("metric", "a series' name", metric_name);
    let divide_by = section.optional("divide_by", "a series' name", metric_name);
    let rate = section.optional("rate", "true or false", boolean).unwrap_or(false);
    let unit = section.required("unit", "\"ratio\", \"seconds\", \"per_second\", \"bytes\" or \"count\"", |value| {
        one_of(
            value,
            &[
                ("ratio", Unit::Ratio),
                ("seconds", Unit::Seconds),
                ("per_second", Unit::PerSecond),
                ("bytes", Unit::Bytes),
                ("count", Unit::Count),
            ],
        )
    });
    let combine = section
        .optional("combine", "\"max\" or \"sum\"", |value| {
            one_of(value, &[("max", Combine::Max), ("sum", Combine::Sum)])
        })
        .unwrap_or(Combine::Max);
    section.finish();
    known.gauges.extend(name.clone().map(|name| (name, unit)));
    Some(Gauge { name: name?, metric: metric?, divide_by, rate, unit: unit?, combine })
}

pub(in crate::plan) fn poll(section: Option<Section<'_>>) -> Option<Poll> {
    let mut poll =
        Poll { readings: Duration::from_secs(1), balancer: Duration::from_secs(1), health: Duration::from_secs(2) };
    if let Some(section) = section {
        const RANGE: &str = "a duration from \"200ms\" to \"60s\"";
        let interval = || duration(Duration::from_millis(200)..=Duration::from_secs(60));
        for (key, field) in
            [("readings", &mut poll.readings), ("balancer", &mut poll.balancer), ("health", &mut poll.health)]
        {
            if let Some(value) = section.optional(key, RANGE, interval()) {
                *field = value;
            }
        }
        section.finish();
    }
    Some(poll)
}
