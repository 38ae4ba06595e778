//! From one instance's `/metrics` to the few counters and gauges the plan asks for.

#![expect(
    clippy::disallowed_methods,
    reason = "a large exposition is read beside the runtime, so that it holds up nobody"
)]

use super::exposition::{self, Format, Sample};
use crate::domain::{Absence, Clean, Printed, Wall};
use crate::engine::Scrape;
use crate::plan::{Combine, Gauge, Http, Metrics};
use crate::remote::{self, Client, Keep, Renewing, SetupError, UNSAYABLE};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use std::collections::HashSet;
use std::time::Duration;

/// Largest exposition, in bytes: ten times the largest we have met.
pub const EXPOSITION_BYTES_MAX: usize = 16 * 1024 * 1024;
/// From this size on an exposition is read on a thread of its own: a millisecond of CPU, which a rollback may wait.
const ELSEWHERE_BYTES_MIN: usize = 128 * 1024;
/// Most buckets of one histogram: ten times the finest we have met. The engine keeps a window of scrapes.
const BUCKETS_MAX: usize = 500;
/// A sample's own time may differ from now by this much.
const TIMESTAMP_SKEW_MAX: Duration = Duration::from_secs(60);

/// Scrapes one instance.
#[derive(Debug, Clone)]
pub struct MetricsProbe {
    client: Renewing<Client>,
    url: String,
    http: Http,
    plan: Metrics,
}

impl MetricsProbe {
    /// A probe of one exposition URL. `timeout` limits one scrape.
    pub fn new(url: &str, http: &Http, plan: &Metrics, timeout: Duration) -> Result<Self, SetupError> {
        let client = remote::renewing(url, http, timeout, Keep::Alive)?;
        Ok(Self { client, url: url.to_owned(), http: http.clone(), plan: plan.clone() })
    }

    /// Scrapes once. `now` is compared with the samples' own times, where they carry any.
    pub async fn scrape(&self, now: impl FnOnce() -> Wall) -> Result<Scrape, Absence> {
        let client = self.client.now();
        let response = client.get(&self.url).send().await.map_err(|error| remote::failure(&error).absence())?;
        let status = response.status();
        if status != StatusCode::OK {
            self.client.hear(&[status]).await;
            let why = remote::denial(status, &self.http).map_or_else(String::new, |why| format!(": {why}"));
            return Err(Absence::Unreadable(Clean::new(format!("HTTP {}{why}", status.as_u16()))));
        }
        let format = format(response.headers())?;
        let body = client.body(response, EXPOSITION_BYTES_MAX).await.map_err(Absence::Unreadable)?;
        let now = now();
        if body.raw.len() < ELSEWHERE_BYTES_MIN {
            return collect_from(&body, format, &self.plan, now);
        }
        let plan = self.plan.clone();
        let collected = tokio::task::spawn_blocking(move || collect_from(&body, format, &plan, now)).await;
        collected.unwrap_or_else(|error| Err(Absence::Lost(Clean::new(error.to_string()))))
    }
}

/// The format that an answer's headers name. What they name besides is the reason, in their own words.
fn format(headers: &HeaderMap) -> Result<Format, Absence> {
    let unreadable = |why: String| Absence::Unreadable(Clean::new(why));
    let named = |header: HeaderName| headers.get(header).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(encoding) = named(CONTENT_ENCODING).filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(unreadable(format!("packed as {encoding}, which was not asked for")));
    }
    let media_type = named(CONTENT_TYPE);
    Format::of(media_type.as_deref())
        .ok_or_else(|| unreadable(format!("{}, not an exposition", media_type.unwrap_or_default())))
}

fn collect_from(answer: &Printed, format: Format, plan: &Metrics, now: Wall) -> Result<Scrape, Absence> {
    answer.read(|body| collect(body, format, plan, now), || Absence::Unreadable(UNSAYABLE.into()))
}

/// Sums what the plan asks for out of an exposition.
pub fn collect(body: &[u8], format: Format, plan: &Metrics, now: Wall) -> Result<Scrape, Absence> {
    let mut collector = Collector::new(plan, now);
    exposition::read(body, format, |sample| collector.take(&sample))
        .map_err(|error| Absence::Unreadable(Clean::new(error.to_string())))?;
    collector.finish()
}

struct Collector<'a, 'p> {
    plan: &'p Metrics,
    now: Wall,
    bucket_name: Option<String>,
    requests: Option<f64>,
    errors: f64,
    /// Bound and count, by rising bounds.
    buckets: Vec<(f64, f64)>,
    gauges: Vec<GaugeSum>,
    /// Every series that was taken, by its name and its labels in one order.
    seen: HashSet<(&'a str, Vec<(&'a str, &'a str)>)>,
    trouble: Option<Absence>,
}

/// A gauge's value and what it is divided by, so far.
#[derive(Debug, Clone, Default)]
struct GaugeSum {
    value: Option<f64>,
    divisor: Option<f64>,
    several: bool,
}

impl<'a, 'p> Collector<'a, 'p> {
    fn new(plan: &'p Metrics, now: Wall) -> Self {
        Self {
            plan,
            now,
            bucket_name: plan.latency.as_ref().map(|name| format!("{name}_bucket")),
            requests: None,
            errors: 0.0,
            buckets: Vec::new(),
            gauges: vec![GaugeSum::default(); plan.gauges.len()],
            seen: HashSet::new(),
            trouble: None,
        }
    }

    fn take(&mut self, sample: &Sample<'a>) {
        let is_request = sample.name == self.plan.requests.metric;
        let is_bucket = self.bucket_name.as_deref() == Some(sample.name);
        let is_gauge =
            self.plan.gauges.iter().any(|g| g.metric == sample.name || g.divide_by.as_deref() == Some(sample.name));
        if self.trouble.is_some() || !(is_request || is_bucket || is_gauge) {
            return;
        }
        let mut labels: Vec<(&str, &str)> = sample.labels.iter().collect();
        labels.sort_unstable();
        let series = || format!("{}{{{}}}", sample.name, sample.labels.raw());
        if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            self.trouble = Some(Absence::Unreadable(Clean::new(format!("{} names a label twice", series()))));
            return;
        }
        if !self.plan.labels.iter().all(|(name, value)| sample.labels.has(name, value)) {
            return;
        }
        if !self.seen.insert((sample.name, labels)) {
            self.trouble = Some(Absence::SeveralSeries(Clean::new(format!("{} is there twice", series()))));
        } else if let Some(at) =
            sample.timestamp_ms.filter(|at| at.abs_diff(self.now.millis()) > TIMESTAMP_SKEW_MAX.as_millis() as u64)
        {
            self.trouble =
                Some(Absence::WrongTime(Clean::new(format!("{} is of {}", sample.name, Wall::from_millis(at)))));
        } else if is_request {
            self.count_requests(sample);
        } else if is_bucket {
            self.count_bucket(sample);
        } else {
            self.take_gauge(sample);
        }
    }

    /// A counter's value; anything that no counter can be ends the scrape.
    fn counter(&mut self, sample: &Sample<'_>) -> Option<f64> {
        if sample.value.is_finite() && sample.value >= 0.0 {
            return Some(sample.value);
        }
        self.trouble = Some(if sample.value < 0.0 && sample.value.is_finite() {
            Absence::Unreadable(Clean::new(format!("{} is below zero", sample.name)))
        } else {
            Absence::NotANumber
        });
        None
    }

    fn count_requests(&mut self, sample: &Sample<'_>) {
        let Some(value) = self.counter(sample) else { return };
        *self.requests.get_or_insert(0.0) += value;
        let rules = &self.plan.requests;
        let (label, metric) = (&rules.status_label, &rules.metric);
        match sample.labels.get(label) {
            Some(status) if matches_pattern(status, &rules.errors) => self.errors += value,
            Some(status) if is_no_error(status, &rules.errors) => {}
            // Nothing has happened yet under whatever word: exporters list all that they know from the start.
            Some(_) if value == 0.0 => {}
            // Nobody can tell of such a word whether it is an error: "not one of them" would be a good reading.
            Some(status) => {
                let errors = &rules.errors;
                let why = format!("{label}=\"{status}\" of {metric} does not say whether it is one of {errors}");
                self.trouble = Some(Absence::Unreadable(Clean::new(why)));
            }
            None => self.trouble = Some(Absence::Missing(Clean::new(format!("label {label} of {metric}")))),
        }
    }

    fn count_bucket(&mut self, sample: &Sample<'_>) {
        let Some(value) = self.counter(sample) else { return };
        let bound = sample.labels.get("le").and_then(|le| match le {
            "+Inf" => Some(f64::INFINITY),
            le => le.parse::<f64>().ok().filter(|bound| bound.is_finite()),
        });
        let Some(bound) = bound else {
            self.trouble =
                Some(Absence::Unreadable(Clean::new(format!("{} has a bucket without a bound", sample.name))));
            return;
        };
        match self.buckets.binary_search_by(|(at, _)| at.total_cmp(&bound)) {
            Ok(at) => self.buckets[at].1 += value,
            Err(_) if self.buckets.len() == BUCKETS_MAX => {
                let why = Clean::new(format!("{} has more than {BUCKETS_MAX} buckets", sample.name));
                self.trouble = Some(Absence::Unreadable(why));
            }
            Err(at) => self.buckets.insert(at, (bound, value)),
        }
    }

    fn take_gauge(&mut self, sample: &Sample<'_>) {
        for (plan, sum) in self.plan.gauges.iter().zip(&mut self.gauges) {
            for (wanted, slot) in [(Some(&plan.metric), &mut sum.value), (plan.divide_by.as_ref(), &mut sum.divisor)] {
                if wanted.is_none_or(|name| name != sample.name) {
                    continue;
                }
                // Counters and sums add up; of any other gauge one series is expected.
                sum.several |= slot.is_some() && plan.combine != Combine::Sum && !plan.rate;
                *slot = Some(slot.unwrap_or(0.0) + sample.value);
            }
        }
    }

    fn finish(self) -> Result<Scrape, Absence> {
        if let Some(trouble) = self.trouble {
            return Err(trouble);
        }
        if self.buckets.windows(2).any(|pair| pair[0].1 > pair[1].1) {
            return Err(Absence::Unreadable("the histogram's buckets are not cumulative".into()));
        }
        let gauges = self.plan.gauges.iter().zip(&self.gauges).map(|(plan, sum)| gauge(plan, sum)).collect();
        Ok(Scrape { requests: self.requests, errors: self.errors, buckets: self.buckets, gauges })
    }
}

fn gauge(plan: &Gauge, sum: &GaugeSum) -> Result<f64, Absence> {
    if sum.several {
        return Err(Absence::SeveralSeries(Clean::new(&plan.metric)));
    }
    let part = |value: Option<f64>, metric: &str| {
        value.ok_or_else(|| Absence::Missing(Clean::new(metric))).and_then(|v| finite(v).ok_or(Absence::NotANumber))
    };
    let value = part(sum.value, &plan.metric)?;
    let Some(name) = &plan.divide_by else { return Ok(value) };
    // Divided by infinity or by less than nothing every value looks small, and small is good.
    let divisor = part(sum.divisor, name)?;
    finite(value / divisor).filter(|_| divisor > 0.0).ok_or(Absence::NotANumber)
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `5..` matches `503`: a dot stands for any one character.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    text.chars().count() == pattern.chars().count()
        && text.chars().zip(pattern.chars()).all(|(t, p)| p == '.' || p == t)
}

/// Whether it is a status, or a class of them such as `2xx`, of which a digit says that it is none of the pattern's.
fn is_no_error(text: &str, pattern: &str) -> bool {
    let mut rest = text.chars();
    let begins = rest.next().is_some_and(|first| ('1'..='9').contains(&first));
    let is_status = begins && rest.all(|c| c.is_ascii_digit() || matches!(c, 'x' | 'X'));
    let differs = |(t, p): (char, char)| t.is_ascii_digit() && p != '.' && p != t;
    is_status && text.len() == pattern.len() && text.chars().zip(pattern.chars()).any(differs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Unit;
    use crate::plan::RequestsMetric;

    fn plan() -> Metrics {
        let gauge = |name: &str, metric: &str, divide_by: Option<&str>| Gauge {
            name: name.into(),
            metric: metric.into(),
            divide_by: divide_by.map(str::to_owned),
            rate: false,
            unit: Unit::Ratio,
            combine: Combine::Max,
        };
        Metrics {
            requests: RequestsMetric { metric: "r".into(), status_label: "code".into(), errors: "5..".into() },
            latency: Some("l".into()),
            labels: vec![],
            gauges: vec![gauge("memory", "m", Some("limit"))],
            window: Duration::from_secs(30),
        }
    }

    fn read(text: &str) -> Result<Scrape, Absence> {
        collect(text.as_bytes(), Format::Text, &plan(), Wall::from_millis(1_700_000_000_000))
    }

    #[test]
    fn sums_over_labels_and_tells_errors() {
        let scrape = read("r{code=\"200\",m=\"GET\"} 90\nr{code=\"200\",m=\"PUT\"} 5\nr{code=\"503\",m=\"GET\"} 5\nl_bucket{le=\"+Inf\"} 2\nl_bucket{le=\"0.1\"} 1\nm 50\nlimit 100\n").expect("readable");
        assert_eq!((scrape.requests, scrape.errors), (Some(100.0), 5.0));
        assert_eq!(scrape.buckets, [(0.1, 1.0), (f64::INFINITY, 2.0)]);
        assert_eq!(scrape.gauges, [Ok(0.5)]);
    }

    #[test]
    fn what_cannot_be_right_is_unknown() {
        for (text, why) in [
            ("r{code=\"200\"} 1\nr{code=\"200\"} 2\n", "twice"),
            ("r{code=\"200\"} NaN\n", "not a number"),
            ("r{code=\"200\"} +Inf\n", "not a number"),
            ("r{code=\"200\"} -1\n", "below zero"),
            ("r 1\n", "label code"),
            ("r{code=\"200\"} 1 1900000000000\n", "not of now"),
            ("l_bucket{le=\"0.1\"} 5\nl_bucket{le=\"+Inf\"} 2\n", "not cumulative"),
            ("l_bucket{le=\"x\"} 5\n", "without a bound"),
            ("r{code=\"200\",m=\"GET\"} 1\nr{m=\"GET\",code=\"200\"} 1\n", "twice"),
            ("r{code=\"200\",code=\"503\"} 1\n", "names a label twice"),
            ("r{code=\"5\"} 1\n", "does not say whether it is one of 5.."),
            ("r{code=\"error\"} 1\n", "does not say whether it is one of 5.."),
            ("r{code=\"ERR\"} 1\n", "does not say whether it is one of 5.."),
            ("r{code=\"---\"} 1\n", "does not say whether it is one of 5.."),
            ("r{code=\"000\"} 1\n", "does not say whether it is one of 5.."),
            ("r{code=\"other\"} 1\n", "code=\"other\" of r does not say whether it is one of 5.."),
            ("r{code=\"2o0\"} 1\n", "does not say whether it is one of 5.."),
        ] {
            let absence = read(text).expect_err(text).to_string();
            assert!(absence.contains(why), "{text}: {absence}");
        }
        let endless: String = (0..=BUCKETS_MAX).map(|at| format!("l_bucket{{le=\"{at}\"}} 1\n")).collect();
        assert!(read(&endless).expect_err("too many").to_string().contains("more than 500 buckets"));
        let scrape = read("r{code=\"200\"} 1\nm 1\nm{a=\"b\"} 2\nlimit 1\n").expect("readable");
        assert_eq!(scrape.gauges, [Err(Absence::SeveralSeries("m".into()))]);
        assert_eq!(read("x 1\n").expect("readable").requests, None);
    }

    /// HAProxy's exporter has `code="other"` from the start. Its first request makes the reading unknown.
    #[test]
    fn a_word_that_nothing_was_counted_under_yet_says_nothing() {
        let scrape = read("r{code=\"2xx\"} 7\nr{code=\"5xx\"} 2\nr{code=\"other\"} 0\n").expect("readable");
        assert_eq!((scrape.requests, scrape.errors), (Some(9.0), 2.0));
    }

    #[test]
    fn a_class_is_judged_by_its_digits() {
        let scrape = read("r{code=\"2xx\"} 7\nr{code=\"5xx\"} 2\nr{code=\"4XX\"} 1\n").expect("readable");
        assert_eq!((scrape.requests, scrape.errors), (Some(10.0), 2.0));
        for (status, is_told) in [("5xx", false), ("4xx", true), ("502", true), ("204", true), ("50x", false)] {
            assert_eq!(is_no_error(status, "503"), is_told, "{status}");
        }
    }

    #[test]
    fn what_a_gauge_is_divided_by_is_a_number_above_zero() {
        for text in
            ["m 50\nlimit +Inf\n", "m 50\nlimit -100\n", "m 0\nlimit 0\n", "m 50\nlimit NaN\n", "m +Inf\nlimit 1\n"]
        {
            assert_eq!(read(text).expect("readable").gauges, [Err(Absence::NotANumber)], "{text}");
        }
    }

    #[test]
    fn what_an_answer_says_of_itself_is_the_reason() {
        let said = |headers: &[(HeaderName, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect();
            format(&headers).map_err(|absence| absence.to_string())
        };
        assert_eq!(said(&[]), Ok(Format::Text));
        assert_eq!(said(&[(CONTENT_TYPE, "Application/OpenMetrics-Text; version=1.0.0")]), Ok(Format::OpenMetrics));
        assert_eq!(said(&[(CONTENT_ENCODING, "identity")]), Ok(Format::Text));
        for (header, value) in [
            (CONTENT_TYPE, "TEXT/HTML; charset=utf-8"),
            (CONTENT_TYPE, "image/png"),
            (CONTENT_TYPE, "application/json"),
            (CONTENT_ENCODING, "gzip"),
        ] {
            assert!(said(&[(header, value)]).expect_err(value).contains(value), "{value}");
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_a_word_of_the_answer_does_not_make_it_unknown() {
        let read = async |secret: &str, answer: &str| {
            let (http, _folder) = remote::with_secret(secret);
            let ask = async |url: String| {
                let probe = MetricsProbe::new(&url, &http, &plan(), Duration::from_secs(30)).expect("a client");
                probe.scrape(|| Wall::from_millis(1_700_000_000_000)).await
            };
            remote::answered(answer, ask).await
        };
        let scrape = read("limit", "r{code=\"200\"} 5\nm 50\nlimit 100\n").await.expect("readable");
        assert_eq!(scrape.gauges, [Ok(0.5)]);
        assert_eq!(read("200\"", "r{code=\"200\"} 5\n").await.expect("readable").requests, Some(5.0));
        // What is said of an answer that cannot be read has no secret in it.
        for bad in ["r{code=\"s3cr3t\"} 1\n", "s3cr3t", "r{code=\"200\",a=\"s3cr3t\",a=\"b\"} 1\n"] {
            let why = read("s3cr3t", bad).await.expect_err(bad).to_string();
            assert!(!why.contains("s3cr3t"), "{why}");
        }
    }
}
