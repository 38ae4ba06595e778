//! Every sample plan is sound, and says for its procedure what the procedure says.

use std::path::Path;
use std::time::Duration;
use warroom::domain::{Percentile, Role, Signal};
use warroom::plan::{Driver, Plan, load_file};

fn sample(name: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    load_file(&path).unwrap_or_else(|errors| panic!("{errors}"))
}

fn steps(plan: &Plan) -> Vec<(String, u64, bool)> {
    plan.steps.iter().map(|step| (step.split.to_string(), step.bake.as_secs() / 60, step.hold)).collect()
}

fn limits(plan: &Plan, signal: &Signal) -> (Option<f64>, Option<f64>, Option<f64>) {
    let guardrail = plan.guardrails.iter().find(|g| g.subject.signal == *signal).expect("a guardrail");
    assert_eq!(guardrail.subject.role, Role::Candidate);
    (guardrail.warn, guardrail.hold, guardrail.roll_back)
}

#[test]
fn every_file_in_config_is_loaded_by_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["demo.toml", "progressive.toml", "two-step.toml"]);
    for name in names {
        let plan = sample(&name);
        assert!(!warroom::plan::schedule(&plan, Some(100.0)).is_empty());
    }
}

#[test]
fn progressive_has_the_first_procedures_steps_and_limits() {
    let plan = sample("progressive.toml");
    let expected = [
        ("1%", 5, false),
        ("5%", 10, false),
        ("25%", 15, false),
        ("50%", 30, true),
        ("75%", 15, false),
        ("100%", 15, false),
    ];
    assert_eq!(steps(&plan), expected.map(|(split, bake, hold)| (split.to_owned(), bake, hold)));
    assert_eq!(limits(&plan, &Signal::ErrorRatio), (Some(0.01), None, Some(0.05)));
    assert_eq!(limits(&plan, &Signal::Latency(Percentile::P99)), (Some(0.150), None, Some(0.200)));
    assert_eq!(limits(&plan, &Signal::Gauge("memory".into())), (Some(0.85), None, Some(0.95)));
    assert_eq!(limits(&plan, &Signal::Gauge("cpu".into())), (Some(0.80), Some(0.90), None));
    let gate = &plan.steps[0].gates[0];
    assert!((gate.below - 0.001).abs() < 1e-12);
    assert_eq!(gate.subject.minimum_requests, 3000, "0.1 % is shown by 3 000 error-free requests, not by 300");
    assert!(matches!(plan.traffic.driver, Driver::Http(_)));
    assert_eq!(plan.environments.stable.colour.as_str(), "blue");
}

#[test]
fn two_step_has_the_second_procedures_steps_limits_and_ten_checks() {
    let plan = sample("two-step.toml");
    assert_eq!(steps(&plan), [("50%".to_owned(), 1, true), ("100%".to_owned(), 2, false)]);
    assert_eq!(plan.watch, Duration::from_secs(3600));
    assert_eq!(plan.checks.len(), 10);
    assert!(plan.checks.iter().all(|check| check.required));
    assert_eq!(limits(&plan, &Signal::ErrorRatio).2, Some(0.10));
    assert_eq!(limits(&plan, &Signal::Latency(Percentile::P95)), (Some(0.2), Some(1.0), Some(2.0)));
    assert!(matches!(plan.traffic.driver, Driver::Haproxy(_)));
    assert_eq!(plan.environments.stable.colour.as_str(), "green", "colours are swapped between the procedures");
}
