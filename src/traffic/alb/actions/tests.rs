use super::super::json::as_json;
use super::*;
use crate::plan::Arn;
use aws_sdk_elasticloadbalancingv2::types::AuthenticateOidcActionConfig;
use serde_json::json;

const PREFIX: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup";

fn groups() -> PerRole<TargetGroup> {
    let group = |name: &str| TargetGroup::new(Arn::parse(&format!("{PREFIX}/{name}/1")).expect("an ARN"));
    PerRole { stable: group("green"), candidate: group("blue") }
}

fn tuple(name: &str, weight: Option<i32>) -> TargetGroupTuple {
    TargetGroupTuple::builder().target_group_arn(format!("{PREFIX}/{name}/1")).set_weight(weight).build()
}

fn forward(alone: Option<&str>, tuples: &[(&str, Option<i32>)]) -> Action {
    let tuples: Vec<_> = tuples.iter().map(|(name, weight)| tuple(name, *weight)).collect();
    let config = ForwardActionConfig::builder().set_target_groups(Some(tuples.clone())).build();
    Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .set_target_group_arn(alone.map(|name| format!("{PREFIX}/{name}/1")))
        .set_forward_config((!tuples.is_empty()).then_some(config))
        .build()
}

fn read(action: Action) -> Result<(u32, u32), String> {
    weights(&groups(), &[action]).map(|both| (both.stable, both.candidate))
}

#[test]
fn every_form_is_read_and_what_does_not_say_is_an_error() {
    assert_eq!(read(forward(None, &[("green", Some(90)), ("blue", Some(10))])), Ok((90, 10)));
    assert_eq!(read(forward(None, &[("blue", Some(10)), ("green", Some(0))])), Ok((0, 10)));
    assert_eq!(read(forward(Some("green"), &[])), Ok((1, 0)), "the ARN alone");
    assert_eq!(read(forward(Some("blue"), &[("blue", Some(7))])), Ok((0, 7)), "both forms: all to that group");
    assert_eq!(read(forward(None, &[("green", None)])), Ok((1, 0)), "alone it needs no weight");
    assert_eq!(read(forward(None, &[("green", Some(1)), ("blue", Some(1)), ("old", Some(0))])), Ok((1, 1)));
    for (bad, why) in [
        (forward(None, &[("green", Some(90)), ("blue", None)]), "blue has no weight"),
        (forward(None, &[("green", Some(90)), ("old", Some(10))]), "forwards to old"),
        (forward(None, &[("old", Some(0))]), "neither"),
        (forward(Some("old"), &[]), "forwards to old"),
        (forward(Some("green"), &[("green", Some(1)), ("blue", Some(1))]), "contradicts itself"),
        (forward(None, &[("green", Some(1)), ("green", Some(1))]), "twice"),
        (forward(None, &[("green", Some(1000))]), "the weight 1000"),
        (forward(None, &[("green", Some(-1))]), "the weight -1"),
        (forward(None, &[]), "names no group"),
    ] {
        let error = read(bad).expect_err(why);
        assert!(error.contains(why), "{error} lacks {why}");
    }
    let fixed = Action::builder().r#type(ActionTypeEnum::FixedResponse).build();
    assert!(weights(&groups(), &[fixed]).expect_err("it serves 503").contains("fixed-response"));
    assert!(weights(&groups(), &[]).expect_err("nothing").contains("no action"));
}

#[test]
fn only_the_two_weights_change() {
    let oidc = AuthenticateOidcActionConfig::builder()
        .issuer("https://id.example.com")
        .client_id("console")
        .session_timeout(3600)
        .build();
    let sign_in =
        Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).order(1).authenticate_oidc_config(oidc).build();
    let stickiness = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(3600).build();
    let mut last = forward(None, &[("blue", Some(0)), ("green", Some(100)), ("old", Some(0))]);
    last.order = Some(2);
    last.forward_config.as_mut().expect("a config").target_group_stickiness_config = Some(stickiness);
    let before = [sign_in, last];
    let wanted = PerRole { stable: 333, candidate: 666 };
    let after = with_weights(&groups(), &before, wanted, false).expect("a list");
    assert_eq!(weights(&groups(), &after).map(|both| (both.stable, both.candidate)), Ok((333, 666)));

    let mut expected = as_json(&before);
    expected[1]["ForwardConfig"]["TargetGroups"][0]["Weight"] = 666.into();
    expected[1]["ForwardConfig"]["TargetGroups"][1]["Weight"] = 333.into();
    assert_eq!(as_json(&after), expected);
    assert_eq!(after[0].authenticate_oidc_config.as_ref().and_then(|oidc| oidc.use_existing_client_secret), Some(true));
    assert_eq!(pinned_for(&after), Some(3600));

    let unpinned = with_weights(&groups(), &before, wanted, true).expect("a list");
    assert_eq!(pinned_for(&unpinned), None);
    expected[1]["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"] = false.into();
    assert_eq!(as_json(&unpinned), expected);
}

#[test]
fn both_groups_stay_and_zero_is_sent() {
    for before in [forward(Some("green"), &[]), forward(Some("green"), &[("green", Some(1))])] {
        let all_back = PerRole { stable: 1, candidate: 0 };
        let after = with_weights(&groups(), &[before], all_back, false).expect("a list");
        let expected = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": [
            {"TargetGroupArn": format!("{PREFIX}/green/1"), "Weight": 1},
            {"TargetGroupArn": format!("{PREFIX}/blue/1"), "Weight": 0}]}}]);
        assert_eq!(as_json(&after), expected);
    }
    let none = PerRole { stable: 0, candidate: 0 };
    let refused = with_weights(&groups(), &[forward(Some("green"), &[])], none, false);
    assert!(refused.expect_err("nobody would serve").contains("503"));
    let elsewhere = with_weights(&groups(), &[forward(Some("old"), &[])], PerRole { stable: 1, candidate: 0 }, false);
    assert!(elsewhere.expect_err("not ours").contains("neither"));
}
