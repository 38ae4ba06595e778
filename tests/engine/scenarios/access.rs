//! A balancer that can be surveyed: write access is proven before it is needed, and what stands around it is watched.

use crate::engine::balancer::Fate;
use crate::engine::plans::AWS;
use crate::engine::rig::{Rig, good_survey};
use crate::engine::script::story;
use warroom::domain::{Clean, Credentials, Role, Targets, Verdict, Wall};
use warroom::engine::{Answer, Direction, Effect, Fact, Gate, Phase, WriteResult};

fn gate(rig: &Rig, name: &str) -> Gate {
    let gates = rig.engine.gates();
    gates.iter().find(|gate| gate.name.as_str() == name).unwrap_or_else(|| panic!("no gate {name}: {gates:#?}")).clone()
}

#[test]
fn the_whole_state_is_on_disk_before_the_rehearsal_and_both_before_the_first_step() {
    let mut rig = Rig::ready(&AWS);
    assert_eq!(rig.rehearsed.len(), 1, "{}", story(&rig));
    assert_eq!(rig.rehearsed[0], rig.balancer.setting, "it writes what is there");
    assert_eq!(rig.noted(|fact| matches!(fact, Fact::Configuration { .. })), 1);
    assert_eq!(rig.noted(|fact| matches!(fact, Fact::TargetsBefore { stable: 4 })), 1);
    let turn_of = |is: &dyn Fn(&Effect) -> bool| rig.turns.iter().position(|turn| turn.effects.iter().any(is));
    let recorded = turn_of(
        &|effect| matches!(effect, Effect::Journal { entry, .. } if matches!(entry.fact, Fact::Configuration { .. })),
    );
    let rehearsed = turn_of(&|effect| matches!(effect, Effect::Rehearse { .. }));
    assert!(recorded < rehearsed, "{recorded:?} {rehearsed:?}");
    assert!(gate(&rig, "write access").detail.as_str().contains("proven by a rehearsal"));
    rig.advance("alice");
    rig.wait(2_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::Baking, 100));
    assert_eq!(rig.rehearsed.len(), 1, "proven once is proven");
}

#[test]
fn without_write_access_nothing_goes_forward_and_it_is_tried_again() {
    let mut rig = Rig::new(&AWS);
    rig.rehearsal = WriteResult::Refused("these AWS credentials may not do it (AccessDenied)".into());
    rig.come("alice");
    rig.wait(7_000);
    assert_eq!(gate(&rig, "write access").verdict, Verdict::Fail);
    assert!(gate(&rig, "write access").detail.as_str().contains("AccessDenied"));
    assert!(matches!(rig.override_with("alice", "checkout", "really"), Answer::Refused(_)), "not to be gone over");
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Forward)), (Phase::Preflight, 0));
    rig.rehearsal = WriteResult::Accepted;
    rig.wait(20_000);
    assert_eq!(gate(&rig, "write access").verdict, Verdict::Pass, "{}", story(&rig));
    assert_eq!(rig.engine.phase(), Phase::Ready);
}

#[test]
fn nobody_elses_change_is_undone_by_a_rehearsal() {
    let mut rig = Rig::new(&AWS);
    rig.survey = None;
    rig.come("alice");
    rig.wait(3_000);
    assert!(rig.rehearsed.is_empty(), "nothing is recorded yet");
    let mut other = rig.balancer.setting.clone();
    other.0.values_mut().for_each(|weight| *weight = 500);
    rig.balancer.land(&other);
    rig.wait(2_000);
    rig.survey = Some(good_survey());
    rig.wait(10_000);
    assert!(rig.rehearsed.is_empty(), "under drift nothing is written: {}", story(&rig));
}

#[test]
fn credentials_must_outlive_the_bake_and_a_rollback() {
    let mut rig = Rig::ready(&AWS);
    let until = |rig: &Rig, seconds: i64, failure: Option<Clean>| {
        let mut survey = good_survey();
        let now = rig.lines().last().expect("a line").wall.millis();
        let end = Wall::from_millis(now + seconds * 1000);
        survey.credentials = Credentials::Until { end, failure };
        Some(survey)
    };
    // The next bake of 5 s and the margin of 5 min.
    rig.survey = until(&rig, 280, None);
    rig.wait(3_000);
    assert_eq!(gate(&rig, "credentials").verdict, Verdict::Fail);
    for why in ["the sign-in has ended", "and still has"] {
        if let Some(Credentials::Until { failure, .. }) = rig.survey.as_mut().map(|survey| &mut survey.credentials) {
            *failure = Some(why.into());
        }
        rig.wait(3_000);
        assert!(gate(&rig, "credentials").detail.as_str().contains(&format!("not renewed: {why}")));
    }
    let told = rig.lines().filter(|line| line.text.as_str().contains("credentials cannot be renewed")).count();
    assert_eq!(told, 1, "another reason is no news: {}", story(&rig));
    assert_eq!(gate(&rig, "credentials").verdict, Verdict::Fail);
    assert!(matches!(rig.advance("alice"), Answer::Refused(_)));
    rig.survey = until(&rig, 3_600, None);
    rig.wait(3_000);
    assert_eq!(gate(&rig, "credentials").verdict, Verdict::Pass, "renewed, without a restart");
    assert!(rig.said("credentials renewed"));
    rig.advance("alice");
    rig.wait(2_000);
    assert_eq!(rig.balancer.share(), 100);
    let mut survey = good_survey();
    survey.credentials = Credentials::Missing("the AWS credentials have expired".into());
    rig.survey = Some(survey);
    rig.wait(3_000);
    assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)), "expired ones never stop a rollback");
    rig.wait(7_000);
    assert!(rig.balancer.is_back(), "{}", story(&rig));
}

#[test]
fn a_target_scaled_in_while_idle_locks_forward_and_unknown_health_takes_nothing_away() {
    let mut rig = Rig::at_first_step(&AWS);
    let with = |healthy| {
        let mut survey = good_survey();
        survey.targets[Role::Stable] = Ok(Targets { healthy, registered: healthy });
        Some(survey)
    };
    rig.survey = with(2);
    rig.wait(3_000);
    assert_eq!(gate(&rig, "rollback target").verdict, Verdict::Pass, "half of what it had, as the plan asks");
    rig.survey = with(1);
    rig.wait(3_000);
    let target = gate(&rig, "rollback target");
    assert_eq!(target.verdict, Verdict::Fail);
    assert!(target.detail.as_str().contains("1/1 up (4 at the start)"), "{target:?}");
    assert!(rig.engine.snapshot().band.text.as_str().contains("TARGET NOT READY"));
    assert_eq!(rig.engine.snapshot().environments[Role::Stable].up, Some((1, 1)));
    assert!(matches!(rig.advance("alice"), Answer::Refused(_)));
    assert!(matches!(rig.roll_back("alice", None), Answer::Refused(_)), "the name must be typed");

    let mut unknown = good_survey();
    unknown.targets[Role::Stable] = Err("AWS has no health of its targets (unavailable)".into());
    rig.survey = Some(unknown);
    rig.wait(3_000);
    assert_eq!(gate(&rig, "rollback target").verdict, Verdict::Unknown);
    assert!(matches!(rig.advance("alice"), Answer::Refused(_)));
    assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)), "unknown health never takes y away");
}

/// A driver that cannot read writes over what it knows, and says so. That is no read: nothing is done.
#[test]
fn a_rollback_that_was_taken_unread_is_said_once_and_is_not_done_until_it_is_read() {
    let mut rig = Rig::at_first_step(&AWS);
    rig.balancer.dark.insert(0);
    rig.balancer.usual = Fate::Remarked;
    assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)));
    rig.wait(60_000);
    assert!(rig.balancer.is_back(), "{}", story(&rig));
    assert_eq!(rig.engine.phase(), Phase::RollingBack);
    let rollback = rig.engine.snapshot().rollback.expect("a rollback");
    assert_eq!(rollback.last_error, Some("written blind".into()));
    assert_eq!((rollback.acknowledged.is_some(), rollback.read_back), (true, None));
    let told = rig.lines().filter(|line| line.text.as_str().contains("accepted, and not read back yet: written blind"));
    assert_eq!(told.count(), 1, "{}", story(&rig));
    rig.balancer.dark.clear();
    rig.wait(20_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    assert_eq!(rig.engine.snapshot().rollback.expect("a rollback").last_error, None, "nothing is tried any more");
}

#[test]
fn a_survey_that_stops_coming_is_no_good_survey() {
    let mut rig = Rig::ready(&AWS);
    rig.survey = None;
    rig.wait(20_000);
    for name in ["survey", "credentials", "stickiness", "rollback target"] {
        assert_eq!(gate(&rig, name).verdict, Verdict::Unknown, "{name}");
    }
    assert!(matches!(rig.advance("alice"), Answer::Refused(_)));
}

#[test]
fn a_restarted_keeper_knows_what_stable_had_and_rehearses_anew() {
    let mut rig = Rig::at_first_step(&AWS);
    rig.crash();
    rig.wait(5_000);
    assert_eq!(rig.rehearsed.len(), 2, "{}", story(&rig));
    assert_eq!(rig.rehearsed[1], rig.balancer.setting, "what is there now, not what was before");
    assert_eq!(rig.balancer.share(), 100);
    let mut survey = good_survey();
    survey.targets[Role::Stable] = Ok(Targets { healthy: 1, registered: 1 });
    rig.survey = Some(survey);
    rig.wait(3_000);
    assert_eq!(gate(&rig, "rollback target").verdict, Verdict::Fail);
}
