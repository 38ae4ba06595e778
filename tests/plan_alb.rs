//! `driver = "alb"` in a plan: each wrong value at its place, and the card that is printed for the worst hour.

#![allow(clippy::unwrap_used)] // the helpers are tests too, and clippy.toml only knows functions that say so

mod plan_common;

use plan_common::{errors, sound};
use std::time::Duration;
use warroom::domain::{Role, Slot, Weights};
use warroom::plan::{ALB_WEIGHT_MAX, Driver, rescue_card, schedule};

const ALB: &str = include_str!("../config/alb.toml");
const RULE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/prod/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";
const GREEN: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green-prod/73e2d6bc24d8a067";
const BLUE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue-prod/09966783158cda59";

fn edited(old: &str, new: &str) -> String {
    assert!(ALB.contains(old), "{old} is not in the sample");
    ALB.replacen(old, new, 1)
}

/// The one error that this edit makes.
#[track_caller]
fn one((old, new): (&str, &str), place: &str, parts: &[&str]) {
    plan_common::one(&edited(old, new), place, parts);
}

#[test]
fn every_wrong_value_is_said_at_its_place() {
    let green = format!("stable = \"{GREEN}\"");
    one(
        (&green, "stable = \"green-prod\""),
        "\"green-prod\"",
        &["target_groups.stable: \"green-prod\" is not an ARN", "targetgroup/NAME/ID"],
    );
    let listener = GREEN.replace("targetgroup/green-prod", "listener/app/prod/50dc");
    one((GREEN, &listener), &format!("\"{listener}"), &["names a listener"]);
    one((BLUE, GREEN), &format!("\"{GREEN}\"\n[[traffic.forwards]]"), &["is the stable environment's group too"]);
    let far = BLUE.replace("us-east-1", "eu-west-1");
    one((BLUE, &far), &format!("\"{far}"), &["candidate: is in another region or account"]);
    one(
        (RULE, GREEN),
        &format!("\"{GREEN}\"\n[[traffic.forwards]]\nname = \"http\""),
        &["names a target group", "listener-rule/app/"],
    );
    let other = RULE.replace("123456789012", "210987654321");
    one((RULE, &other), &format!("\"{other}"), &["https is in another region or account than the groups"]);
    one(
        ("name = \"http\" ", "name = \"https\" "),
        "\"arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/",
        &["https is there twice"],
    );
    one(
        ("driver = \"alb\"\n", "driver = \"alb\"\nregion = \"eu-west-1\"\n"),
        "\"eu-west-1\"",
        &["traffic.region: \"eu-west-1\" is not the groups' region", "perhaps: \"us-east-1\""],
    );
    one(("unpin_on_rollback = true", "unpin_on_rollback = 1"), "1\n[traffic.target_groups]", &["true or false"]);
    one(
        ("unpin_on_rollback", "unpin_on_rollbak"),
        "unpin_on_rollbak",
        &["no such key", "perhaps: \"unpin_on_rollback\""],
    );
    one(
        ("healthy = 2\nunhealthy", "healthy = 1\nunhealthy"),
        "1\nunhealthy",
        &["health_check.healthy: 1 is out of range", "2 to 10"],
    );
    one(("interval = \"10s\"", "interval = 10"), "10\ntimeout", &["health_check.interval", "in quotes"]);
    one(
        ("driver = \"alb\"", "driver = \"elb\""),
        "\"elb\"",
        &["\"http\", \"haproxy\", \"alb\" or \"command\"", "perhaps: \"alb\""],
    );
    one(
        ("# endpoint = \"http://127.0.0.1:5000\" ", "endpoint = \"127.0.0.1:5000\" "),
        "\"127.0.0.1:5000\"",
        &["traffic.endpoint", "perhaps: \"http://127.0.0.1:5000\""],
    );
}

#[test]
fn what_is_missing_is_said_once() {
    let groups = format!("[traffic.target_groups]\nstable = \"{GREEN}\"\ncandidate = \"{BLUE}\"\n");
    let said = errors(&edited(&groups, "")).to_string();
    assert!(said.contains("traffic.target_groups: is missing") && said.contains("1 error"), "{said}");
    let without = ALB.replace("[[traffic.forwards]]", "[[traffic.forwardz]]");
    let said = errors(&without).to_string();
    assert!(said.contains("forwardz: no such key") && said.contains("1 error"), "{said}");
}

#[test]
fn each_forward_is_a_node_with_a_slot_for_each_group() {
    let plan = sound(ALB);
    let layout = plan.traffic.layout();
    assert_eq!(layout.nodes, ["https".into(), "http".into()]);
    assert_eq!(layout.weights, Weights::Relative { max: ALB_WEIGHT_MAX });
    let slot = |node, name: &str| Slot { node, name: name.to_owned() };
    let expected = [
        (slot(0, "green-prod"), Role::Stable),
        (slot(0, "blue-prod"), Role::Candidate),
        (slot(1, "green-prod"), Role::Stable),
        (slot(1, "blue-prod"), Role::Candidate),
    ];
    assert_eq!(layout.slots, expected);
    assert!(matches!(&plan.traffic.driver, Driver::Alb(alb) if alb.unpin_on_rollback));
    assert_eq!(plan.traffic.identities().len(), 2, "each rule and listener is held by itself");
    let printed = schedule(&plan, Some(100.0));
    assert!(printed.contains(&format!("write and read  AWS https  {RULE}")), "{printed}");
    assert!(printed.contains("AWS_ENDPOINT_URL"), "{printed}");
}

/// AWS says yes before it does it: a window that nobody has named is a long one.
#[test]
fn a_rollback_is_confirmed_over_a_minute_unless_the_plan_says_otherwise() {
    let line = ALB.lines().find(|line| line.starts_with("lateness = ")).unwrap();
    assert_eq!(sound(ALB).traffic.lateness, Duration::from_secs(10));
    assert_eq!(sound(&edited(line, "")).traffic.lateness, Duration::from_secs(60));
    let demo = include_str!("../config/demo.toml");
    let line = demo.lines().find(|line| line.starts_with("lateness = ")).unwrap();
    assert_eq!(sound(&demo.replace(line, "")).traffic.lateness, Duration::from_secs(5));
}

#[test]
fn the_card_names_both_groups_at_the_right_level() {
    let text = ALB.replace("# profile = \"prod\"", "profile = \"it's prod\"");
    let card = rescue_card(&sound(&text));
    let groups = format!(
        "{{\"TargetGroups\":[{{\"TargetGroupArn\":\"{GREEN}\",\"Weight\":999}},{{\"TargetGroupArn\":\"{BLUE}\",\"Weight\":0}}]}}"
    );
    assert!(
        card.contains(&format!(
            "modify-rule --rule-arn {RULE} --actions '[{{\"Type\":\"forward\",\"ForwardConfig\":{groups}}}]'"
        )),
        "{card}"
    );
    assert!(
        card.contains(
            "modify-listener --listener-arn arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/"
        ),
        "{card}"
    );
    assert!(card.contains("--default-actions"), "{card}");
    assert!(card.contains(r"--region us-east-1 --profile 'it'\''s prod' elbv2"), "{card}");
    assert!(card.contains("UseExistingClientSecret"), "{card}");
}

/// A pager would take the lines pasted behind its own for keys.
#[test]
fn no_call_of_the_card_stops_in_a_pager() {
    let card = rescue_card(&sound(ALB));
    let calls = |word: &str| card.matches(word).count();
    assert_eq!((calls("aws --"), calls("AWS_PAGER= aws --")), (8, 8), "{card}");
}

#[test]
fn the_card_says_what_becomes_of_pinned_clients() {
    let unpins = "TargetGroupStickinessConfig.Enabled=false";
    let card = rescue_card(&sound(ALB));
    assert!(card.contains(unpins) && card.contains("turns group stickiness off, by unpin_on_rollback"), "{card}");
    let card = rescue_card(&sound(&edited("unpin_on_rollback = true", "unpin_on_rollback = false")));
    assert!(!card.contains(unpins) && card.contains("until their cookie ends"), "{card}");
}
