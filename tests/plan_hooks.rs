//! `[[hooks]]` in a plan: what is right, and each wrong value at its place.

#![allow(clippy::unwrap_used)] // the helpers are tests too, and clippy.toml only knows functions that say so

mod plan_common;

use plan_common::{HTTP, sound};
use std::time::Duration;
use warroom::plan::schedule;

const HOOK: &str = r#"
[[hooks]]
name = "smoke"
says = "smoke tests"
run = ["./smoke.sh", "--url={candidate_url}"]
"#;

fn with(keys: &str) -> String {
    format!("{HTTP}{HOOK}{keys}\n")
}

/// The one error of a plan with these hooks: it points at `place`, and says all of `parts`.
#[track_caller]
fn one(text: &str, place: &str, parts: &[&str]) {
    plan_common::one_at(text, text.rfind(place).unwrap_or_else(|| panic!("{place} is not in the text")), parts);
}

#[test]
fn a_hook_says_as_little_as_its_name_its_purpose_and_its_program() {
    let plan = sound(&with(""));
    let hook = &plan.hooks[0];
    assert_eq!((hook.name.as_str(), hook.says.as_str()), ("smoke", "smoke tests"));
    assert_eq!(hook.script.brief(), "smoke.sh --url={candidate_url}");
    assert_eq!((hook.required_before, hook.asks, hook.only_after_complete), (None, false, None));
    assert_eq!(hook.script.timeout, Duration::from_secs(120));
    assert!(sound(HTTP).hooks.is_empty());
}

#[test]
fn the_step_that_waits_is_named_by_its_split_or_is_the_first() {
    let split = |keys: &str| sound(&with(keys)).hooks[0].required_before;
    assert_eq!(split("required_before = \"first\""), Some(0));
    let splits: Vec<String> = sound(HTTP).steps.iter().map(|step| step.split.to_string()).collect();
    for (place, step) in splits.iter().enumerate() {
        assert_eq!(split(&format!("required_before = \"{step}\"\nfresh = \"1h\"")), Some(place), "{step}");
    }
    let text = with("required_before = \"33 %\"");
    one(&text, "\"33 %\"", &["hooks[1].required_before: no step goes to 33%", "the split of a step", &splits[0]]);
    one(&with("required_before = \"frist\""), "\"frist\"", &["is neither \"first\" nor a share", "perhaps: \"first\""]);
    one(&with("required_before = 25"), "25", &["hooks[1].required_before"]);
}

#[test]
fn every_wrong_value_is_said_at_its_place() {
    let named = |name: &str| with("").replace("\"smoke\"", name);
    one(&named("\"smoke tests\""), "\"smoke tests\"\nsays", &["is not such a word", "perhaps: \"smoke-tests\""]);
    one(&named("\"-x\""), "\"-x\"", &["is not such a word", "what :run takes"]);
    one(&named("\"abcdefghijklmnopqrstuvwxyz\""), "\"abc", &["hooks[1].name: is too long"]);
    one(&with("fresh = \"5m\""), "\"5m\"", &["no step waits for this hook", "required_before beside it"]);
    one(&with("required_before = \"first\"\nfresh = \"1s\""), "\"1s\"", &["hooks[1].fresh", "\"10s\" to \"24h\""]);
    one(&with("timeout = \"12h\""), "\"12h\"", &["hooks[1].timeout", "\"100ms\" to \"6h\""]);
    one(&with("asks = \"yes\""), "\"yes\"", &["hooks[1].asks", "true or false"]);
    one(&with("ask = true"), "ask =", &["hooks[1].ask: no such key", "perhaps: \"asks\""]);
    one(
        &with("").replace("{candidate_url}", "{candidat_url}"),
        "\"--url",
        &["no placeholder", "perhaps: {candidate_url}"],
    );
    one(&with("").replace("says = \"smoke tests\"\n", ""), "[[hooks]]", &["hooks[1].says", "what it is for"]);
}

#[test]
fn what_is_for_afterwards_is_within_the_watch_and_no_step_waits_for_it() {
    let hook = &sound(&with("only_after_complete = \"30m\"")).hooks[0];
    assert_eq!(hook.only_after_complete, Some(Duration::from_secs(1800)));
    one(
        &with("only_after_complete = \"24h\""),
        "\"24h\"",
        &["the run is watched for 1 h only", "perhaps: a longer watch"],
    );
    // Of a watch that is wrong nobody knows how long it is.
    let text = with("only_after_complete = \"24h\"").replace("watch = \"60m\"", "watch = \"2 weeks\"");
    one(&text, "\"2 weeks\"", &["watch: "]);
    let both = with("required_before = \"first\"\nonly_after_complete = \"0s\"");
    one(&both, "\"0s\"", &["a step waits for this hook, which may run only after the last step"]);
}

#[test]
fn each_name_is_there_once_and_there_are_not_too_many() {
    let twice = format!("{}{HOOK}", with(""));
    one(&twice, "\"smoke\"", &["hooks: smoke is there twice", "each name once"]);
    let many = (0..13).fold(HTTP.to_owned(), |all, n| all + &HOOK.replace("smoke\"", &format!("smoke{n}\"")));
    one(&many, "\"smoke12\"", &["hooks: there are 13", "at most 12"]);
}

#[test]
fn the_schedule_says_what_will_be_run_and_by_whom() {
    let keys = "required_before = \"first\"\nasks = true\nenv = { TOKEN = { env = \"SMOKE_TOKEN\" } }";
    let text = schedule(&sound(&with(keys)), None);
    for words in [
        "needs hook: smoke passed within 30 min",
        "Hooks: run by the driver with :run NAME, never by themselves",
        "smoke tests, at most 2 min; asks first",
        "smoke.sh --url={candidate_url}",
        "variable  SMOKE_TOKEN  for hooks.smoke.env.TOKEN",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    let after = schedule(&sound(&with("only_after_complete = \"30m\"")), None);
    assert!(after.contains("only 30 min after it is complete"), "{after}");
    assert!(!schedule(&sound(HTTP), None).contains("Hooks"));
}
