//! An exposition: samples, or the line that cannot be read; and what the demo's plan finds in it.

use std::path::Path;
use std::sync::OnceLock;
use warroom::domain::Wall;
use warroom::plan::{Metrics, load};
use warroom::probe::exposition::Format;
use warroom::probe::{collect, exposition};

pub fn body(data: &[u8]) {
    for format in [Format::Text, Format::OpenMetrics] {
        body_as(data, format);
    }
}

fn body_as(data: &[u8], format: Format) {
    let mut samples = 0_usize;
    let read = exposition::read(data, format, |sample| {
        samples += 1;
        assert!(!sample.name.is_empty());
        for (name, value) in sample.labels.iter().take(50) {
            assert!(!name.is_empty());
            assert!(sample.labels.get(name).is_some(), "{name} = {value}");
        }
    });
    let lines = data.split(|byte| *byte == b'\n').count();
    assert!(samples <= lines);
    let collected = collect(data, format, metrics(), Wall::from_millis(1_795_348_800_000));
    match read {
        Ok(()) => {}
        Err(error) => {
            assert!((1..=lines).contains(&error.line), "{error}");
            assert!(collected.is_err(), "nothing is known of what cannot be read to its end");
        }
    }
    match collected {
        Ok(scrape) => {
            assert!(scrape.requests.is_none_or(|count| count >= 0.0));
            assert!(scrape.buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
            assert!(scrape.gauges.iter().flatten().all(|value| value.is_finite()));
        }
        Err(absence) => assert!(!absence.to_string().is_empty()),
    }
}

fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| {
        let text = include_str!("../../../config/demo.toml");
        load(Path::new("demo.toml"), text).expect("the demo's plan").metrics
    })
}
