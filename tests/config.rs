//! Every sample is sound: plans say for their procedure what the procedure says, and the console's configuration says
//! what is so without it. What is wrong in a configuration is an error that says where (hazard 45).

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::path::Path;
use std::time::Duration;
use warroom::cli::{Config, load_config};
use warroom::console::desk::keymap::{Action, KEYS, Keymap};
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
    assert_eq!(
        names,
        ["alb.toml", "command", "command.toml", "console.toml", "demo.toml", "progressive.toml", "two-step.toml"]
    );
    let is_plan = |name: &String| !["command", "console.toml"].contains(&name.as_str());
    for name in names.into_iter().filter(is_plan) {
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
fn alb_is_the_second_procedure_on_what_it_was_written_for() {
    let (plan, nodes) = (sample("alb.toml"), sample("two-step.toml"));
    assert_eq!(steps(&plan), [("50%".to_owned(), 1, true), ("100%".to_owned(), 2, false)]);
    assert_eq!(plan.watch, Duration::from_secs(3600));
    let names = |plan: &Plan| plan.checks.iter().map(|check| check.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&plan), names(&nodes));
    assert!(plan.checks.iter().all(|check| check.required));
    for signal in [Signal::ErrorRatio, Signal::Latency(Percentile::P95)] {
        assert_eq!(limits(&plan, &signal), limits(&nodes, &signal));
    }
    let Driver::Alb(alb) = &plan.traffic.driver else { panic!("{:?}", plan.traffic.driver) };
    assert_eq!(alb.groups.stable.name, "green-prod");
    assert_eq!(alb.forwards.iter().map(|forward| forward.name.as_str()).collect::<Vec<_>>(), ["https", "http"]);
    assert_eq!(alb.health_check.path.as_deref(), Some("/health"));
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

/// What a configuration comes to, or its errors in words.
fn configured(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).expect("written");
    load_config(&path).map_err(|errors| {
        errors.0.iter().map(|error| format!("{error}").replace(&path.display().to_string(), "FILE") + "\n").collect()
    })
}

#[track_caller]
fn wrong(text: &str, expected: &[&str]) {
    let words = configured(text).map(|_| ()).expect_err("an error");
    for part in expected {
        assert!(words.contains(part), "{part:?} is not in\n{words}");
    }
}

fn action(keymap: &Keymap, code: KeyCode) -> Option<Action> {
    keymap.action_of(&KeyEvent::new(code, KeyModifiers::NONE))
}

/// The sample holds every key there is, each with what it has without it.
#[test]
fn the_sample_configuration_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/console.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    let config = load_config(&path).unwrap_or_else(|errors| panic!("{:?}", errors.0));
    let shown = |config: &Config| format!("{config:?}");
    assert_eq!(shown(&config), shown(&Config::default()));
    for binding in KEYS.iter().filter(|binding| binding.action.is_rebindable()) {
        assert!(text.contains(&format!("\n{} = ", binding.action.name())), "{} is missing", binding.action.name());
    }
}

#[test]
fn every_action_has_a_name_of_its_own() {
    let mut names: Vec<&str> = KEYS.iter().map(|binding| binding.action.name()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn an_empty_configuration_is_none_and_a_full_one_is_taken() {
    assert!(configured("").is_ok());
    let config =
        configured("theme = \"mono\"\nascii = true\nmouse = true\nbell = false\n[keys]\nquit = [\"x\", \"F10\"]\n");
    let config = config.unwrap_or_else(|words| panic!("{words}"));
    assert_eq!((config.theme, config.ascii, config.mouse, config.silent), (Some("mono"), true, true, true));
    assert_eq!(action(&config.keymap, KeyCode::Char('x')), Some(Action::Quit));
    assert_eq!(action(&config.keymap, KeyCode::F(10)), Some(Action::Quit));
    assert_eq!(action(&config.keymap, KeyCode::Char('q')), None, "what it had it has no more");
    assert_eq!(action(&config.keymap, KeyCode::Char('R')), Some(Action::Rollback));
}

#[test]
fn hazard_45_a_misspelt_key_is_an_error_with_its_place_and_what_was_meant() {
    wrong(
        "theem = \"dark\"\n",
        &["FILE:1:1: theem: no such key", "allowed: ascii, bell, keys, mouse, theme", "perhaps: \"theme\""],
    );
    wrong("\n[keys]\n  qiut = \"x\"\n", &["FILE:3:3: keys.qiut: no such key", "perhaps: \"quit\""]);
    wrong("theme = \"drak\"\n", &["FILE:1:9: theme: \"drak\"", "\"dark\", \"light\"", "perhaps: \"dark\""]);
    wrong("bell = \"off\"\n", &["FILE:1:8: bell:", "true or false", "perhaps: false"]);
    wrong("[keys]\nquit = \"Retrun\"\n", &["FILE:2:8: keys.quit: \"Retrun\" is not a key", "F1 to F12"]);
    wrong("[keys\nquit = \"x\"\n", &["FILE:1:"]);
}

#[test]
fn hazard_45_the_keys_of_traffic_are_the_same_on_every_console() {
    for name in ["rollback", "hold", "advance", "take", "space"] {
        wrong(&format!("[keys]\n{name} = \"x\"\n"), &["FILE:2:", "cannot have other keys"]);
    }
    for key in ["R", "H", "A", "T", "y", "n", "O", " ", "Esc", "Ctrl-C", "Space"] {
        wrong(&format!("[keys]\nquit = {key:?}\n"), &["FILE:2:8: keys.quit:", "the same on every console"]);
    }
    wrong("[keys]\nquit = []\n", &["from one to"]);
}

#[test]
fn hazard_45_a_key_that_two_would_have_is_an_error_where_it_was_written() {
    wrong("[keys]\nquit = \"f\"\n", &["FILE:2:8: keys.quit: \"f\" is the key of follow too", "a key of its own"]);
    wrong("[keys]\nquit = \"x\"\nhelp = \"x\"\n", &["keys.", "\"x\" is the key of"]);
    let swapped = configured("[keys]\nquit = \"f\"\nfollow = \"q\"\n").unwrap_or_else(|words| panic!("{words}"));
    assert_eq!(action(&swapped.keymap, KeyCode::Char('f')), Some(Action::Quit));
}

#[test]
fn several_mistakes_are_listed_at_once() {
    let words = configured("ascii = 1\nmouse = \"x\"\nfoo = 2\n").map(|_| ()).expect_err("errors");
    assert_eq!(words.matches("FILE:").count(), 3, "{words}");
}

#[test]
fn the_procedures_programs_are_there_and_none_of_them_is_a_trap() {
    let plan = sample("progressive.toml");
    let names = |plan: &Plan| plan.hooks.iter().map(|hook| hook.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&plan), ["smoke", "performance", "scale-up", "enable-flag", "decommission"]);
    for name in ["scale-up", "enable-flag", "decommission"] {
        assert!(plan.hooks.iter().any(|hook| hook.name.as_str() == name && hook.asks), "{name} changes something");
    }
    let decommission = &plan.hooks[4];
    assert_eq!(decommission.only_after_complete, Some(Duration::from_secs(86_400)));
    assert!(plan.hooks[3].only_after_complete.is_some());
    let nodes = sample("two-step.toml");
    assert_eq!(names(&nodes), ["smoke", "full-smoke"]);
    assert_eq!((nodes.hooks[0].required_before, nodes.hooks[1].required_before), (Some(0), None));
    assert_eq!(names(&sample("demo.toml")), ["hello"]);
}
