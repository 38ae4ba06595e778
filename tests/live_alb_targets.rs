//! Target health as AWS tells it: counted, on its way out, or unknown; and what a cutover makes of it.

mod support;

use support::{BEFORE, Cutover, Fault, Moto, Stage, gate, has_keys, need_moto};
use warroom::domain::{Role, Wall};
use warroom::traffic::connect;

/// What AWS says in place of `healthy`, and what that comes to: how many serve, of how many, or why nobody knows.
const STATES: [(&str, Expected); 9] = [
    ("<State>healthy</State>", Ok((3, 3))),
    ("<State>initial</State>", Ok((0, 3))),
    ("<State>unhealthy</State>", Ok((0, 3))),
    ("<State>draining</State>", Ok((0, 0))),
    ("<State>unhealthy.draining</State>", Ok((0, 0))),
    ("<State>unused</State>", Err("no rule or listener forwards to it (unused)")),
    ("<State>unavailable</State>", Err("AWS has no health of its targets (unavailable)")),
    ("<State>resting</State>", Err("AWS says resting of a target, which this version does not know")),
    ("", Err("AWS says nothing of a target")),
];

type Expected = Result<(usize, usize), &'static str>;

#[test]
fn each_state_is_counted_or_unknown_and_never_zero() {
    if !need_moto() || !has_keys() {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 0)]);
    let traffic = connect(&stage.plan(&[("default", &listener)], "")).expect("a driver");
    for (state, expected) in STATES {
        stage.moto.proxy.mend();
        stage.moto.proxy.fail("DescribeTargetHealth", Fault::Replace("<State>healthy</State>", state));
        let survey = stage.moto.wait(traffic.survey(Wall::from_millis(0))).expect("it tells");
        let stable = &survey.targets[Role::Stable];
        match expected {
            Ok(count) => assert_eq!(stable.as_ref().map(|t| (t.healthy, t.registered)), Ok(count), "{state}"),
            Err(why) => assert!(stable.as_ref().is_err_and(|said| said.as_str().contains(why)), "{state}: {stable:?}"),
        }
    }
}

/// Stable was scaled in while it was idle: forward is locked, the band says so, and rolling back asks for the name.
/// Health that nobody knows locks forward, too, and asks for nothing.
#[test]
fn a_stable_that_was_scaled_in_locks_forward_and_unknown_health_takes_no_key_away() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    let _console = cutover.run();
    let home = &cutover.home;
    home.advance("alice").exits(0);
    for number in [1, 2] {
        cutover.stage.moto.remove_target(&cutover.stage.green, number);
    }
    let target = |status: &serde_json::Value| gate(status, "rollback target").clone();
    let status = home.status_when("it is seen", |status| target(status)["verdict"] == "fail");
    assert!(target(&status)["detail"].as_str().is_some_and(|words| words.contains("1/1 up (3 at the start)")));
    assert!(status["band"].as_str().is_some_and(|band| band.contains("TARGET NOT READY")), "{}", status["band"]);
    assert_eq!(status["rollback_target"]["needs_typing"], true);
    home.run(["advance", "--as", "alice"]).exits(1).says("rollback target");
    home.run(["rollback", "--yes", "--as", "alice"]).exits(1).says("orchestrator");

    cutover.stage.moto.targets(&cutover.stage.green, 3);
    home.status_when("it is ready again", |status| target(status)["verdict"] == "pass");
    cutover
        .stage
        .moto
        .proxy
        .fail("DescribeTargetHealth", Fault::Replace("<State>healthy</State>", "<State>unavailable</State>"));
    let status = home.status_when("nobody knows", |status| target(status)["verdict"] == "unknown");
    assert_eq!(status["rollback_target"]["needs_typing"], false);
    home.run(["advance", "--as", "alice"]).exits(1).says("rollback target");
    home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(cutover.held(), [BEFORE, BEFORE]);
}
