//! What a rule has besides two weights, and how much of AWS's answer is needed to see it: kept, read to the last page,
//! or refused before the first step. The API reference decides where moto is laxer.

mod support;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, ProtocolEnum, RedirectActionConfig, RedirectActionStatusCodeEnum,
};
use support::{Driven, Fault, Stage, cognito, forward, has_keys, need_moto, oidc, ordered, weights};
use warroom::engine::WriteResult;

fn words(result: &WriteResult) -> String {
    format!("{}: {}", result.is_accepted(), result.words().unwrap_or_default())
}

fn sticky(stage: &Stage) -> Action {
    ordered(forward(&[(&stage.green, Some(100)), (&stage.blue, Some(0))], Some((true, 3600))), 2)
}

fn redirect() -> Action {
    let config = RedirectActionConfig::builder()
        .protocol("HTTPS")
        .port("443")
        .host("#{host}")
        .path("/new/#{path}")
        .query("#{query}")
        .status_code(RedirectActionStatusCodeEnum::Http301)
        .build();
    Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(config).build()
}

fn fixed() -> Action {
    let config = FixedResponseActionConfig::builder()
        .status_code("503")
        .content_type("text/plain")
        .message_body("closed for the night")
        .build();
    Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(config).build()
}

/// Sign-ins of both kinds, with redirects and fixed answers beside them, on two listeners with the same groups.
#[test]
fn whatever_a_rule_has_is_word_for_word_as_it_was() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let plain = stage.http(80, vec![redirect()]);
    let secure = stage.http(8443, vec![stage.both(100, 0)]);
    let staff = stage.moto.rule(&plain, 10, "staff.example.com", vec![cognito(), sticky(&stage)]);
    let app = stage.moto.rule(&secure, 10, "app.example.com", vec![oidc(), sticky(&stage)]);
    stage.moto.rule(&secure, 20, "old.example.com", vec![redirect()]);
    stage.moto.rule(&secure, 30, "shut.example.com", vec![fixed()]);
    let before = [stage.moto.rules_of(&plain), stage.moto.rules_of(&secure)];
    let driver = Driven::on(&stage, &[("staff", &staff), ("app", &app), ("default", &secure)]);
    assert_eq!(driver.rehearse(), WriteResult::Accepted);
    let all = || [stage.moto.rules_of(&plain), stage.moto.rules_of(&secure)];
    assert_eq!(all(), before, "a rehearsal changes nothing");
    assert_eq!(driver.write(1, 999), WriteResult::Accepted);
    assert_eq!(driver.seen(), vec![Ok((1, 999)); 3]);
    let moved = |text: &String| text.replace("<Weight>100<", "<Weight>1<").replace("<Weight>0<", "<Weight>999<");
    assert_eq!(all(), before.each_ref().map(moved), "nothing but weights");
    assert_eq!(driver.write(100, 0), WriteResult::Accepted);
    assert_eq!(all(), before);
}

/// A rollback that cannot read is made of what was recorded: it comes to the same, to the last word.
#[test]
fn what_was_recorded_is_written_as_it_was_and_only_after_looks_have_failed_again_and_again() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(8443, vec![stage.both(100, 0)]);
    let staff = stage.moto.rule(&listener, 10, "staff.example.com", vec![cognito(), sticky(&stage)]);
    let app = stage.moto.rule(&listener, 20, "app.example.com", vec![oidc(), sticky(&stage)]);
    let before = stage.moto.rules_of(&listener);
    let forwards = [("staff", staff.as_str()), ("app", &app), ("default", &listener)];
    let first = Driven::on(&stage, &forwards);
    first.seen();
    let recorded = first.survey().configuration.expect("it was read");
    assert_eq!(first.write(1, 1), WriteResult::Accepted);

    let later = Driven::on(&stage, &forwards);
    later.traffic.recall(&recorded, support::now());
    assert_eq!(later.survey().configuration, None, "what was recorded is no reading");
    stage.moto.proxy.fail("Describe", Fault::Status(503));
    let forward = words(&later.write(500, 499));
    assert!(forward.starts_with("false: it could not be read just before"), "never forward: {forward}");
    let sent = stage.moto.proxy.calls("Modify");
    let held_back = words(&later.write(100, 0));
    assert!(held_back.contains("after 1 more such looks it is written over its actions as recorded at"), "{held_back}");
    assert_eq!(stage.moto.proxy.calls("Modify"), sent, "nothing was sent");
    let back = words(&later.write(100, 0));
    assert!(back.starts_with("true: staff: written over its actions as recorded at"), "{back}");
    assert_eq!(stage.moto.rules_of(&listener), before);

    // What this process has read is newer than what the journal has.
    stage.moto.proxy.mend();
    later.seen();
    later.traffic.recall(&recorded, support::now());
    stage.moto.proxy.fail("Describe", Fault::Status(503));
    let back = words(&later.write(100, 0));
    assert!(back.contains("as last read") && !back.contains("recorded"), "{back}");
}

/// The API's newest kind of action, which moto does not take: what goes to AWS is looked at.
#[test]
fn a_token_check_goes_back_whole() {
    const JWT: &str = "<Actions><member><Type>jwt-validation</Type><Order>1</Order><JwtValidationConfig>\
        <JwksEndpoint>https://id.example.com/keys</JwksEndpoint><Issuer>https://id.example.com</Issuer><AdditionalClaims>\
        <member><Format>string-array</Format><Name>groups</Name><Values><member>ops</member><member>dev</member></Values>\
        </member></AdditionalClaims></JwtValidationConfig></member>";
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(8443, vec![stage.both(100, 0)]);
    let rule = stage.moto.rule(&listener, 10, "api.example.com", vec![sticky(&stage)]);
    let driver = Driven::on(&stage, &[("api", &rule)]);
    stage.moto.proxy.fail("DescribeRules", Fault::Replace("<Actions>", JWT));
    assert_eq!(driver.seen(), [Ok((100, 0))]);
    // moto refuses the kind; AWS has it.
    let refused = words(&driver.write(1, 999));
    assert!(refused.starts_with("false: api: AWS "), "{refused}");
    let sent = stage.moto.proxy.log().pop().expect("it was sent");
    assert_eq!(sent.action, "ModifyRule");
    let body = sent.body;
    for part in [
        "Actions.member.1.Type=jwt-validation",
        "Actions.member.1.Order=1",
        "Actions.member.1.JwtValidationConfig.JwksEndpoint=https%3A%2F%2Fid.example.com%2Fkeys",
        "Actions.member.1.JwtValidationConfig.Issuer=https%3A%2F%2Fid.example.com",
        "Actions.member.1.JwtValidationConfig.AdditionalClaims.member.1.Format=string-array",
        "Actions.member.1.JwtValidationConfig.AdditionalClaims.member.1.Name=groups",
        "Actions.member.1.JwtValidationConfig.AdditionalClaims.member.1.Values.member.2=dev",
        "Actions.member.2.ForwardConfig.TargetGroupStickinessConfig.DurationSeconds=3600",
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    let recorded = driver.survey().configuration.expect("it was read");
    assert!(recorded.contains("\"JwksEndpoint\":\"https://id.example.com/keys\""), "{recorded}");
}

#[test]
fn what_this_version_cannot_repeat_is_refused_before_the_first_step() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(8443, vec![stage.both(100, 0)]);
    let rule = stage.moto.rule(&listener, 10, "app.example.com", vec![oidc(), sticky(&stage)]);
    for (fault, what) in [
        (
            Fault::Replace("<Type>authenticate-oidc</Type>", "<Type>authenticate-passkey</Type>"),
            "its actions have the kind authenticate-passkey, which this version does not know how to keep",
        ),
        (
            Fault::Replace("</TargetGroups>", "</TargetGroups><Mirror><Percent>5</Percent></Mirror>"),
            "its actions have the setting Mirror, the setting Percent, which this version does not know how to keep",
        ),
    ] {
        let driver = Driven::on(&stage, &[("app", &rule), ("default", &listener)]);
        stage.moto.proxy.fail("Describe", fault);
        assert_eq!(driver.seen(), vec![Ok((100, 0)); 2], "it is shown all the same");
        let sent = stage.moto.proxy.calls("Modify");
        for refused in [driver.rehearse(), driver.write(1, 1)] {
            assert!(matches!(&refused, WriteResult::Refused(why) if why.as_str().contains(what)), "{refused:?}");
        }
        assert_eq!(stage.moto.proxy.calls("Modify"), sent, "nothing was sent");
        stage.moto.proxy.mend();
        assert_eq!(driver.rehearse(), WriteResult::Accepted);
    }
    // It came after the first step: no reason to leave traffic where it is, and a reason to say so.
    let driver = Driven::on(&stage, &[("app", &rule)]);
    let fault = Fault::Replace("</TargetGroups>", "</TargetGroups><Mirror>5</Mirror>");
    stage.moto.proxy.fail("Describe", fault);
    let back = words(&driver.write(100, 0));
    assert!(back.starts_with("true: app: its actions had the setting Mirror, which this version does not"), "{back}");
}

#[test]
fn a_third_group_stops_the_way_forward_and_stays_on_the_way_back() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let old = stage.moto.group(&stage.moto.name("old"), &ProtocolEnum::Http, 1);
    let three = forward(&[(&stage.green, Some(50)), (&stage.blue, Some(50)), (&old, Some(10))], None);
    let rule = stage.moto.rule(&listener, 1, "a.example.com", vec![three]);
    let driver = Driven::on(&stage, &[("a", &rule)]);
    let said = format!("it forwards to {}, which the plan does not name", stage.moto.name("old"));
    assert!(driver.seen()[0].as_ref().is_err_and(|why| why.contains(&said)), "{:?}", driver.seen());
    let sent = stage.moto.proxy.calls("Modify");
    let forward = driver.write(1, 1);
    assert_eq!(forward, WriteResult::Refused(said.as_str().into()));
    assert_eq!(stage.moto.proxy.calls("Modify"), sent, "nothing was sent");
    let back = words(&driver.write(100, 0));
    assert_eq!(back, format!("false: a: AWS said yes, and now {said}"));
    let held = weights(stage.moto.described(&rule).actions());
    assert_eq!(held.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(), [Some(100), Some(0), Some(10)]);
}

#[test]
fn every_page_is_read() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let one = stage.http(80, vec![stage.both(100, 0)]);
    let two = stage.http(8080, vec![stage.both(90, 10)]);
    stage.http(8081, vec![stage.both(80, 20)]);
    let hosts = ["a.example.com", "b.example.com", "c.example.com"];
    let rules: Vec<String> = hosts
        .iter()
        .zip(1..)
        .map(|(host, priority)| stage.moto.rule(&one, priority, host, vec![stage.both(priority, 0)]))
        .collect();
    stage.moto.rule(&two, 7, "beside.example.com", vec![stage.both(1, 1)]);
    let driver =
        Driven::on(&stage, &[("a", &rules[0]), ("b", &rules[1]), ("c", &rules[2]), ("one", &one), ("two", &two)]);
    let whole = driver.read();
    stage.moto.proxy.fail("Describe", Fault::Pages);
    let calls = || (stage.moto.proxy.calls("DescribeRules"), stage.moto.proxy.calls("DescribeListeners"));
    let before = calls();
    assert_eq!(driver.read(), whole);
    let after = calls();
    assert_eq!((after.0 - before.0, after.1 - before.1), (3, 2), "one more call a page");
    assert_eq!(driver.write(1, 1), WriteResult::Accepted);
    let survey = driver.survey();
    let others = survey.findings.iter().find(|finding| finding.name.as_str() == "other rules").expect("a finding");
    for words in ["port 8080: rule 7 →", "port 8081: rule default →"] {
        assert!(others.detail.as_str().contains(words), "{words} is not in {}", others.detail);
    }
    assert!(!others.detail.as_str().contains("port 80:"), "{}", others.detail);
}
