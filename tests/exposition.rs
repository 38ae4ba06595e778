//! The exposition reader beside `prometheus-parse`: equal where that one is right, and a table of inputs
//! where it is not, each with what the strict reader says.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use warroom::probe::exposition::{Format, read};

/// Name, labels and value, in an order of their own.
type Seen = BTreeSet<(String, BTreeMap<String, String>, String)>;

fn ours(text: &str) -> Result<Seen, String> {
    let mut seen = Seen::new();
    read(text.as_bytes(), Format::Text, |sample| {
        let labels = sample.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        seen.insert((sample.name.to_owned(), labels, format!("{:?}", sample.value)));
    })
    .map_err(|error| error.to_string())?;
    Ok(seen)
}

fn theirs(text: &str) -> Seen {
    let scrape = prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("never errors");
    let value = |value: prometheus_parse::Value| match value {
        prometheus_parse::Value::Counter(v)
        | prometheus_parse::Value::Gauge(v)
        | prometheus_parse::Value::Untyped(v) => v,
        prometheus_parse::Value::Histogram(_) | prometheus_parse::Value::Summary(_) => {
            panic!("the generator makes no such family")
        }
    };
    scrape
        .samples
        .into_iter()
        .map(|sample| {
            let labels = sample.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            (sample.metric, labels, format!("{:?}", value(sample.value)))
        })
        .collect()
}

/// What `prometheus-parse` reads rightly: plain names, at least one plain label or no braces, decimal values.
fn plain_line() -> impl Strategy<Value = String> {
    let label = ("[a-z]{1,6}", "[a-zA-Z0-9_./-]{1,8}").prop_map(|(name, value)| format!("{name}=\"{value}\""));
    let labels = prop_oneof![Just(String::new()), label.prop_map(|label| format!("{{{label}}}"))];
    ("[a-z][a-z0-9_]{0,10}_total", labels, 0_u32..1_000_000, 0_u32..100)
        .prop_map(|(name, labels, whole, part)| format!("{name}{labels} {whole}.{part}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_read_plain_expositions_alike(lines in prop::collection::vec(plain_line(), 1..20)) {
        let text = lines.join("\n") + "\n";
        prop_assert_eq!(ours(&text).expect("plain"), theirs(&text));
    }

    /// Whatever comes: an error with a line, or samples; never a panic.
    #[test]
    fn any_bytes_are_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let lines = bytes.split(|b| *b == b'\n').count();
        for format in [Format::Text, Format::OpenMetrics] {
            if let Err(error) = read(&bytes, format, |_| {}) {
                prop_assert!((1..=lines).contains(&error.line));
            }
        }
    }
}

/// Where `prometheus-parse` is silent or wrong, this reader reads rightly or says which line it cannot read.
#[test]
fn where_the_other_reader_is_wrong_this_one_is_right_or_says_so() {
    let right = [
        ("a{} 1\n", "a", BTreeMap::new()),
        ("job:errors:rate5m 2\n", "job:errors:rate5m", BTreeMap::new()),
        ("a{path=\"/x/{id}\"} 3\n", "a", BTreeMap::from([("path".to_owned(), "/x/{id}".to_owned())])),
        (
            "a{le=\"1\",q=\"a,b\"} 4\n",
            "a",
            BTreeMap::from([("le".to_owned(), "1".to_owned()), ("q".to_owned(), "a,b".to_owned())]),
        ),
        ("a{expr=\"x=y\"} 5\n", "a", BTreeMap::from([("expr".to_owned(), "x=y".to_owned())])),
    ];
    for (text, name, labels) in right {
        let seen = ours(text).expect(text);
        assert_eq!(seen.len(), 1, "{text}");
        let (seen_name, seen_labels, _) = seen.first().expect("one");
        assert_eq!((seen_name.as_str(), seen_labels), (name, &labels), "{text}");
        assert_ne!(seen, theirs(text), "{text}: the other reader reads this rightly now; move it to the property");
    }
    for (text, line) in [("<!DOCTYPE html>\n<html>\n", 1), ("a 1\nb{x=\"y 2\n", 2), ("a 1\nb 2", 2)] {
        let error = ours(text).expect_err(text);
        assert!(error.starts_with(&format!("line {line}:")), "{text}: {error}");
    }
}
