//! How fast an exposition is read: whole, for a plan's wanted families, and by `prometheus-parse`, in one run.
//!
//! `cargo bench --bench exposition`

#[path = "figures.rs"]
mod figures;

use figures::cpu;
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use warroom::domain::Wall;
use warroom::plan::{Metrics, load};
use warroom::probe::exposition::Format;
use warroom::probe::{collect, exposition};

const ROUNDS: u32 = 5;

fn main() {
    let own = include_str!("../fuzz/corpus/exposition/prometheus");
    // A hundred times one real page, each of another instance, with the families that the plan wants. What has no label
    // for an instance is there once: a page that says it twice is refused.
    let mut text = String::new();
    for instance in 0..100 {
        for line in own.lines() {
            let _ = match line.split_once('{') {
                Some((name, labels)) if !line.starts_with('#') => {
                    writeln!(text, "{name}{{instance=\"10.0.0.{instance}:9090\",{labels}")
                }
                None if !line.starts_with('#') && instance > 0 => continue,
                _ => writeln!(text, "{line}"),
            };
        }
        for code in ["200", "404", "503"] {
            let _ = writeln!(text, "http_requests_total{{instance=\"{instance}\",status=\"{code}\"}} {instance}7");
            for (at, le) in ["0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"].iter().enumerate() {
                let bucket = "http_request_duration_seconds_bucket";
                let _ = writeln!(text, "{bucket}{{instance=\"{instance}\",status=\"{code}\",le=\"{le}\"}} {at}");
            }
        }
    }
    let plan = load(Path::new("demo.toml"), include_str!("../../config/demo.toml")).expect("the demo's plan").metrics;
    compare("with its comments", &text, &plan);
    let bare: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    compare("samples only", &(bare.join("\n") + "\n"), &plan);
}

fn compare(what: &str, text: &str, plan: &Metrics) {
    let mut samples = 0_u32;
    exposition::read(text.as_bytes(), Format::Text, |_| samples += 1).expect("readable");
    println!("{what}: {} bytes, {samples} samples, best of {ROUNDS}", text.len());
    print("read, every sample", text, samples, || {
        let mut sum = 0.0;
        exposition::read(text.as_bytes(), Format::Text, |sample| sum += sample.value).expect("readable");
        black_box(sum);
    });
    print("collect, wanted families", text, samples, || {
        collect(text.as_bytes(), Format::Text, plan, Wall::from_millis(0)).expect("readable");
    });
    print("prometheus-parse", text, samples, || {
        black_box(prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned())))).ok();
    });
}

fn print(what: &str, text: &str, samples: u32, mut round: impl FnMut()) {
    let best = (0..ROUNDS).map(|_| cpu(&mut round)).min().expect("rounds").as_secs_f64();
    println!(
        "  {what:<26} {:>7.0} MB/s  {:>7.3} CPU us a sample",
        text.len() as f64 / best / 1e6,
        best * 1e6 / f64::from(samples)
    );
}
