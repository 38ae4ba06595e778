//! The AWS driver against moto: what it reads, what it writes, what it keeps, and what it says when AWS fails.
//!
//! moto takes more than AWS does, so what AWS refuses is held by the driver's own tests; what is kept is compared here
//! by what the API describes before and after.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod support;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, ProtocolEnum, TargetGroupAttribute,
};
use rustix::process::Signal;
use std::time::{Duration, Instant};
use support::{
    Call, Driven, Fault, Moto, SOON, Stage, but_weights, forward, forward_alone, has_keys, need_moto, oidc, ordered,
    wait_for, weights,
};
use warroom::domain::{Credentials, Role, Survey, Verdict};
use warroom::engine::WriteResult;

/// Turns of a runtime that are enough for whatever is ready to be done.
const POOL_TURNS: usize = 50;

/// A finding's verdict and words.
#[track_caller]
fn finding(survey: &Survey, name: &str) -> (Verdict, String) {
    let found = survey.findings.iter().find(|finding| finding.name.as_str() == name);
    let found = found.unwrap_or_else(|| panic!("no finding {name}: {survey:#?}"));
    (found.verdict, found.detail.to_string())
}

fn words(result: &WriteResult) -> String {
    match result {
        WriteResult::Accepted => "accepted".to_owned(),
        WriteResult::AcceptedBut(why) => format!("accepted: {why}"),
        WriteResult::Refused(why) => format!("refused: {why}"),
        WriteResult::Unknown(why) => format!("unknown: {why}"),
        WriteResult::NotSent(why) => format!("not sent: {why}"),
    }
}

#[test]
fn every_form_is_read_on_rules_and_listeners() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(70, 30)]);
    let both = stage.moto.rule(&listener, 10, "a.example.com", vec![stage.both(90, 10)]);
    let alone = stage.moto.rule(&listener, 20, "b.example.com", vec![forward_alone(&stage.green)]);
    let one = stage.moto.rule(&listener, 30, "c.example.com", vec![forward(&[(&stage.blue, Some(5))], None)]);
    let fixed = FixedResponseActionConfig::builder().status_code("503").build();
    let fixed = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(fixed).build();
    let fixed = stage.moto.rule(&listener, 50, "e.example.com", vec![fixed]);
    // One digit off; moto's own may be any.
    let gone = format!("{}{}", &both[..both.len() - 1], if both.ends_with('0') { "1" } else { "0" });
    let forwards = [("both", both.as_str()), ("alone", &alone), ("one", &one), ("fixed", &fixed)];
    let driver = Driven::on(&stage, &[&forwards[..], &[("default", &listener), ("gone", &gone)]].concat());
    // One that is gone has the others asked for one by one, which on a busy machine takes moto longer than the limit.
    let seen = wait_for("a read in time", SOON, || Some(driver.seen()).filter(|seen| seen[0].is_ok()));
    assert_eq!(seen[0], Ok((90, 10)));
    assert_eq!(seen[1], Ok((1, 0)), "the ARN alone is all of it");
    assert_eq!(seen[2], Ok((0, 5)));
    let is = |index: usize, part: &str| {
        let why = seen[index].as_ref().expect_err(part);
        assert!(why.contains(part), "{why}");
    };
    is(3, "does not forward at all: fixed-response");
    assert_eq!(seen[4], Ok((70, 30)), "a listener's default action");
    is(5, "gone: there is no such rule any more (RuleNotFound");
    // moto fills in what AWS may leave out.
    stage.moto.proxy.fail("DescribeRules", Fault::NoWeights);
    let is_unknown = |why: &String| why.contains("has no weight: unknown, not 0");
    let seen =
        wait_for("it is unknown", SOON, || Some(driver.seen()).filter(|seen| seen[0].as_ref().is_err_and(is_unknown)));
    assert_eq!(seen[1], Ok((1, 0)), "one group alone needs no weight");
}

#[test]
fn a_write_changes_two_weights_and_nothing_else() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let sticky = forward(&[(&stage.green, Some(100)), (&stage.blue, Some(0))], Some((true, 3600)));
    let signed = stage.moto.rule(&listener, 10, "a.example.com", vec![oidc(), ordered(sticky, 2)]);
    let alone = stage.moto.rule(&listener, 20, "b.example.com", vec![forward_alone(&stage.green)]);
    let before = stage.moto.described(&signed);
    let driver = Driven::on(&stage, &[("signed", &signed), ("alone", &alone)]);
    assert_eq!(driver.write(300, 700), WriteResult::Accepted);
    assert_eq!(driver.seen(), [Ok((300, 700)), Ok((300, 700))]);
    let after = stage.moto.described(&signed);
    assert_eq!(but_weights(&after), but_weights(&before));
    assert_eq!(weights(after.actions()), stage.weights(300, 700));
    let alone = stage.moto.described(&alone);
    assert_eq!(alone.actions()[0].target_group_arn, None, "two groups are named in one place only");
    assert_eq!(weights(alone.actions()).len(), 2);

    assert_eq!(driver.write(1, 0), WriteResult::Accepted);
    let back = stage.moto.described(&signed);
    assert_eq!(but_weights(&back), but_weights(&before));
    assert_eq!(weights(back.actions()), stage.weights(1, 0), "0 is sent");
    assert_eq!(driver.seen(), [Ok((1, 0)), Ok((1, 0))]);
}

#[test]
fn a_default_rule_and_a_network_listener_go_through_the_listener() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let rules = stage.moto.wait(stage.moto.client().describe_rules().listener_arn(&listener).send()).expect("rules");
    let default = rules.rules().iter().find(|rule| rule.is_default == Some(true)).expect("a default rule");
    let default = default.rule_arn.clone().expect("its ARN");
    let driver = Driven::on(&stage, &[("default", &default)]);
    assert_eq!(driver.write(1, 1), WriteResult::Accepted);
    assert_eq!(driver.seen(), [Ok((1, 1))]);
    assert_eq!(
        (stage.moto.proxy.calls("ModifyListener"), stage.moto.proxy.calls("ModifyRule")),
        (1, 0),
        "AWS refuses ModifyRule on a default rule"
    );

    let stage = Stage::new(true);
    let actions = vec![stage.both(1, 0)];
    let listener = stage.moto.listener(&stage.balancer, ProtocolEnum::Tcp, 443, actions);
    let driver = Driven::on(&stage, &[("nlb", &listener)]);
    assert_eq!(driver.seen(), [Ok((1, 0))]);
    assert_eq!(driver.write(500, 499), WriteResult::Accepted);
    let held = stage.moto.described_listener(&listener);
    assert_eq!(weights(held.default_actions()), stage.weights(500, 499));
    let (_, words) = finding(&driver.survey(), "draining");
    assert!(words.contains("existing ones stay until they end"), "{words}");
}

#[test]
fn half_switched_is_seen_rule_by_rule_and_rolled_back_whole() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let hosts = ["a.example.com", "b.example.com", "c.example.com", "d.example.com"];
    let rules: Vec<String> = hosts
        .iter()
        .zip(1..)
        .map(|(host, priority)| stage.moto.rule(&listener, priority, host, vec![stage.both(1, 0)]))
        .collect();
    let forwards: Vec<(&str, &str)> = ["a", "b", "c", "d"].into_iter().zip(rules.iter().map(String::as_str)).collect();
    let driver = Driven::on(&stage, &forwards);
    let last: &'static str = String::leak(rules[3].rsplit('/').next().expect("an id").to_owned());
    stage.moto.proxy.fail_where("ModifyRule", last, Fault::Status(503));
    let result = driver.write(1, 1);
    assert!(matches!(result, WriteResult::Unknown(_)), "{result:?}");
    let why = words(&result);
    assert!(why.contains("half applied, 3 of 4 rules: d: AWS has trouble of its own (HTTP 503)"), "{why}");
    assert_eq!(driver.seen(), [Ok((1, 1)), Ok((1, 1)), Ok((1, 1)), Ok((1, 0))]);
    let calls = stage.moto.proxy.calls("DescribeRules");
    driver.seen();
    assert_eq!(stage.moto.proxy.calls("DescribeRules"), calls + 1, "four rules are read by one call");
    stage.moto.proxy.mend();
    assert_eq!(driver.write(1, 0), WriteResult::Accepted);
    assert_eq!(driver.seen(), vec![Ok((1, 0)); 4]);
}

#[test]
fn a_write_with_a_tag_goes_over_nobodys_change() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![stage.both(100, 0)]);
    let driver = Driven::on(&stage, &[("a", &rule)]);
    let tag = driver.read().tag.expect("a tag");
    let rehearse = |tag: &str| stage.moto.wait(driver.traffic.write(driver.setting(100, 0), Some(tag.to_owned())));
    assert_eq!(rehearse(&tag), WriteResult::Accepted);
    assert_eq!(driver.read().tag.as_deref(), Some(tag.as_str()), "a rehearsal changes nothing");
    stage.moto.set_rule(&rule, vec![forward(&[(&stage.green, Some(100)), (&stage.blue, Some(0))], Some((true, 60)))]);
    let sent = stage.moto.proxy.calls("ModifyRule");
    let refused = words(&rehearse(&tag));
    assert!(refused.contains("somebody changed it"), "{refused}");
    assert_eq!(stage.moto.proxy.calls("ModifyRule"), sent, "nothing was sent");
}

#[test]
fn each_failure_has_its_words() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![stage.both(100, 0)]);
    for (fault, on_read, on_write) in [
        (
            Fault::Status(503),
            "AWS has trouble of its own (HTTP 503)",
            "unknown: a: AWS has trouble of its own (HTTP 503)",
        ),
        (Fault::Status(403), "AWS refuses the credentials (HTTP 403)", "refused: a: AWS refuses the credentials"),
        (Fault::Throttle, "AWS throttles this account's calls (Throttling", "refused: a: AWS throttles"),
        (
            Fault::Expired,
            "the AWS credentials have expired (ExpiredToken",
            "refused: a: the AWS credentials have expired",
        ),
        (Fault::Html, "HTML instead of XML", "unknown: a: AWS's answer is HTML instead of XML"),
        (Fault::Cut, "cut off", "unknown: a: AWS's answer is cut off"),
        (Fault::Lost, "no answer in time", "unknown: a: AWS gave no answer in time"),
    ] {
        let driver = Driven::on(&stage, &[("a", &rule)]);
        assert_eq!(driver.seen().len(), 1);
        stage.moto.proxy.fail("DescribeRules", fault);
        let began = Instant::now();
        let why = driver.seen()[0].clone().expect_err(on_read);
        assert!(why.contains(on_read), "{fault:?}: {why}");
        let forward = words(&driver.write(1, 1));
        assert!(forward.starts_with("not sent: it could not be read just before"), "{fault:?}: {forward}");
        // What cannot be read is rolled back as it was last read.
        let back = words(&driver.write(100, 0));
        assert!(
            back.starts_with("accepted: a: written over its actions as last read: they cannot"),
            "{fault:?}: {back}"
        );
        assert!(back.contains(on_read), "{back}");
        assert!(began.elapsed() < Duration::from_secs(30), "everything has its limit");
        stage.moto.proxy.mend();
        stage.moto.proxy.fail("ModifyRule", fault);
        let why = words(&driver.write(100, 0));
        assert!(why.contains(on_write), "{fault:?}: {why}");
        stage.moto.proxy.mend();
    }
    let silent = Driven::on(&stage, &[("a", &rule)]);
    stage.moto.proxy.fail("ModifyRule", Fault::Silent);
    let result = silent.write(300, 700);
    assert!(matches!(result, WriteResult::Unknown(_)), "done, and nobody was told: {result:?}");
    assert_eq!(silent.seen(), [Ok((300, 700))]);
}

#[test]
fn throttling_slows_polls_and_never_a_rollback() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 1)]);
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![stage.both(50, 50)]);
    let driver = Driven::on(&stage, &[("a", &rule)]);
    assert_eq!(driver.seen(), [Ok((50, 50))]);
    stage.moto.proxy.fail("DescribeRules", Fault::Throttle);
    assert!(driver.seen()[0].is_err());
    let calls = stage.moto.proxy.calls("DescribeRules");
    let why = driver.seen()[0].clone().expect_err("it rests");
    assert!(why.contains("asked again in"), "{why}");
    assert_eq!(stage.moto.proxy.calls("DescribeRules"), calls, "it did not ask");
    assert!(driver.write(100, 0).is_accepted(), "a rollback does not rest");
    stage.moto.proxy.mend();
    assert_eq!(driver.seen(), [Ok((100, 0))], "and neither does its read-back");
}

/// No name is looked up, nothing is connected and nobody shakes hands when it matters.
#[test]
fn a_rollback_goes_over_a_connection_of_its_own_that_the_polls_keep_warm() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 1)]);
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![stage.both(50, 50)]);
    let driver = Driven::on(&stage, &[("a", &rule)]);
    for _ in 0..4 {
        assert_eq!(driver.seen(), [Ok((50, 50))]);
        // The runtime stands still between two waits: a connection that was used needs turns to go back to its pool.
        stage.moto.wait(async {
            for _ in 0..POOL_TURNS {
                tokio::task::yield_now().await;
            }
        });
    }
    let polls = stage.moto.proxy.log();
    let over = |calls: &[Call]| calls.iter().map(|call| call.connection).collect::<Vec<_>>();
    let [watch, back, ..] = over(&polls)[..] else { panic!("{polls:?}") };
    assert_ne!(watch, back);
    assert_eq!(over(&polls), [watch, back, watch, back], "every other poll keeps the rollback's warm");
    assert_eq!(driver.write(100, 0), WriteResult::Accepted);
    let rolled = stage.moto.proxy.log().split_off(polls.len());
    let names: Vec<&str> = rolled.iter().map(|call| call.action.as_str()).collect();
    assert_eq!((names, over(&rolled)), (vec!["DescribeRules", "ModifyRule"], vec![back, back]));
}

#[test]
fn a_frozen_endpoint_holds_nothing_up_for_ever() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::on(Moto::own(), false);
    let listener = stage.http(80, vec![stage.both(1, 1)]);
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![stage.both(50, 50)]);
    let driver = Driven::on(&stage, &[("a", &rule)]);
    assert_eq!(driver.seen(), [Ok((50, 50))]);
    stage.moto.signal(Signal::STOP);
    let read = driver.seen()[0].clone().expect_err("it hangs");
    let back = driver.write(100, 0);
    stage.moto.signal(Signal::CONT);
    assert!(read.contains("no answer in time"), "{read}");
    assert!(matches!(back, WriteResult::Unknown(_)), "it may have arrived: {back:?}");
    assert_eq!(driver.write(100, 0), WriteResult::Accepted);
    assert_eq!(driver.seen(), [Ok((100, 0))]);
}

#[test]
fn a_survey_says_what_stands_around_the_weights() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![stage.both(100, 0)]);
    let more = "[traffic.health_check]\npath = \"/health\"\ninterval = \"10s\"\nhealthy = 2\n";
    let driver = Driven::with(&stage, &[("a", &rule)], more);
    driver.seen();
    let survey = driver.survey();
    let up = |role: Role| survey.targets[role].as_ref().map(|targets| (targets.healthy, targets.registered));
    assert_eq!((up(Role::Stable), up(Role::Candidate)), (Ok((3, 3)), Ok((2, 2))));
    assert_eq!(
        finding(&survey, "candidate targets"),
        (Verdict::Pass, format!("{}: 2 of 2 healthy", stage.moto.name("blue")))
    );
    assert_eq!(finding(&survey, "health checks").0, Verdict::Pass);
    assert_eq!(finding(&survey, "stickiness"), (Verdict::Pass, "none: every request is split anew".into()));
    assert!(finding(&survey, "draining").1.contains("deregistration_delay (300 s)"));
    let others = finding(&survey, "other rules");
    assert_eq!((others.0, others.1.contains("port 80: rule default")), (Verdict::Warn, true), "{others:?}");
    assert!(finding(&survey, "fencing").1.contains("none on this API"));
    assert_eq!(survey.credentials, Credentials::Lasting);
    let state = survey.configuration.expect("it was read");
    assert!(state.contains(&stage.blue) && state.contains("\"Weight\":100"), "{state}");

    let wrong =
        Driven::with(&stage, &[("a", &rule)], "[traffic.health_check]\npath = \"/healthz\"\ntimeout = \"3s\"\n");
    let (verdict, words) = finding(&wrong.survey(), "health checks");
    assert_eq!(verdict, Verdict::Fail);
    assert!(words.contains("path is /health, must be /healthz"), "{words}");
    assert!(words.contains("timeout is 5, must be 3"), "{words}");

    stage.moto.proxy.fail("DescribeTargetHealth", Fault::Status(503));
    let blind = driver.survey();
    assert!(blind.targets.stable.is_err() && blind.targets.candidate.is_err(), "unknown, not zero: {blind:?}");
    assert_eq!(finding(&blind, "candidate targets").0, Verdict::Unknown);
}

/// It takes long, and counts are of the moment at which they are told.
#[test]
fn targets_are_counted_after_other_rules_were_searched() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::on(Moto::own(), false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    Driven::on(&stage, &[("a", &listener)]).survey();
    let log = stage.moto.proxy.log();
    let searched = log.iter().rposition(|call| call.action == "DescribeRules").expect("it was searched");
    let counted = log.iter().position(|call| call.action == "DescribeTargetHealth").expect("it was counted");
    assert!(searched < counted, "{:?}", log.iter().map(|call| &call.action).collect::<Vec<_>>());
}

/// It is a call a listener: begun anew at once, it would be throttled anew.
#[test]
fn a_throttled_search_for_other_rules_rests() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let driver = Driven::on(&stage, &[("a", &listener)]);
    driver.seen();
    stage.moto.proxy.fail("DescribeRules", Fault::Throttle);
    let (verdict, words) = finding(&driver.survey(), "other rules");
    assert!(verdict == Verdict::Unknown && words.contains("throttles"), "{words}");
    stage.moto.proxy.mend();
    let calls = stage.moto.proxy.calls("DescribeRules");
    assert_eq!(finding(&driver.survey(), "other rules"), (verdict, words));
    assert_eq!(stage.moto.proxy.calls("DescribeRules"), calls);
}

#[test]
fn stickiness_is_understood_and_a_rollback_can_unpin() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let sticky = |green, blue| forward(&[(&stage.green, Some(green)), (&stage.blue, Some(blue))], Some((true, 3600)));
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![sticky(100, 0)]);
    let keeps = Driven::on(&stage, &[("a", &rule)]);
    keeps.seen();
    let (verdict, said) = finding(&keeps.survey(), "stickiness");
    assert_eq!(verdict, Verdict::Warn);
    assert!(said.contains("AWSALBTG") && said.contains("1 h") && said.contains("stickiness off"), "{said}");
    assert_eq!(keeps.write(100, 0), WriteResult::Accepted);
    let is_on = || {
        let config = stage.moto.described(&rule).actions()[0].forward_config.clone().expect("a forward");
        config.target_group_stickiness_config.and_then(|stickiness| stickiness.enabled)
    };
    assert_eq!(is_on(), Some(true), "kept unless the plan says otherwise");

    let unpins = Driven::with(&stage, &[("a", &rule)], "unpin_on_rollback = true\n");
    unpins.seen();
    assert_eq!(finding(&unpins.survey(), "stickiness").0, Verdict::Pass);
    assert_eq!(unpins.write(1, 1), WriteResult::Accepted);
    assert_eq!(is_on(), Some(true), "a step keeps it");
    assert_eq!(unpins.write(100, 0), WriteResult::Accepted);
    assert_eq!(is_on(), Some(false), "a rollback turns it off");

    // A group with stickiness of its own needs the forward's: AWS refuses to turn that off, and moto would not.
    stage.moto.set_rule(&rule, vec![sticky(1, 1)]);
    stage.moto.proxy.fail_where("ModifyRule", "Enabled=false", Fault::Refuse);
    let back = words(&unpins.write(100, 0));
    assert!(
        back.starts_with("accepted: a: group stickiness stays on, AWS refuses to turn it off (AWS does not"),
        "{back}"
    );
    assert_eq!((unpins.seen(), is_on()), (vec![Ok((100, 0))], Some(true)), "the traffic goes back all the same");
    stage.moto.proxy.mend();

    // What AWS would refuse is said before anything is sent.
    let attribute = TargetGroupAttribute::builder().key("stickiness.enabled").value("true").build();
    let call = stage.moto.client().modify_target_group_attributes().target_group_arn(&stage.blue).attributes(attribute);
    stage.moto.wait(call.send()).expect("modified");
    stage.moto.set_rule(&rule, vec![stage.both(100, 0)]);
    let loose = Driven::on(&stage, &[("a", &rule)]);
    loose.seen();
    let (verdict, said) = finding(&loose.survey(), "stickiness");
    assert_eq!(verdict, Verdict::Fail);
    assert!(said.contains("has target stickiness, and a no group stickiness: AWS takes no forward to two"), "{said}");
}

#[test]
fn credentials_that_fail_are_said_and_a_rollback_is_tried_all_the_same() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::on(Moto::own(), false);
    let listener = stage.http(80, vec![stage.both(1, 1)]);
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![stage.both(50, 50)]);
    let driver = Driven::on(&stage, &[("a", &rule)]);
    assert_eq!(driver.seen(), [Ok((50, 50))]);
    stage.moto.credentials_fail_after(0);
    let why = driver.seen()[0].clone().expect_err("no credentials");
    assert!(why.contains("credentials"), "{why}");
    let survey = driver.survey();
    assert!(matches!(survey.credentials, Credentials::Missing(_)), "{:?}", survey.credentials);
    let sent = stage.moto.proxy.calls("ModifyRule");
    let result = driver.write(100, 0);
    assert!(words(&result).contains("credentials"), "{result:?}");
    assert!(stage.moto.proxy.calls("ModifyRule") > sent, "it was tried");
}

#[test]
fn an_answer_that_does_not_come_is_no_good_word_for_credentials() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::on(Moto::own(), false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let driver = Driven::on(&stage, &[("a", &listener)]);
    assert_eq!(driver.seen(), [Ok((1, 0))]);
    stage.moto.proxy.fail("DescribeTargetHealth", Fault::Lost);
    stage.moto.proxy.fail("DescribeListeners", Fault::Expired);
    assert!(driver.seen()[0].is_err());
    let survey = driver.survey();
    assert!(survey.targets.stable.as_ref().is_err_and(|why| why.as_str().contains("no answer in time")), "{survey:?}");
    assert!(matches!(survey.credentials, Credentials::Missing(_)), "{survey:?}");
}
