//! A balancer that can be surveyed: write access is proven before it is needed, and what stands around it is watched.

use crate::engine::balancer::Fate;
use crate::engine::plans::{AWS, Sections};
use crate::engine::rig::{Rig, good_survey};
use crate::engine::script::story;
use std::time::Duration;
use warroom::domain::{Clean, Credentials, Finding, Role, Targets, Verdict, Wall};
use warroom::engine::{Answer, Direction, Effect, Event, Fact, Gate, OutcomeKind, Phase, Severity, WriteResult};

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
    rig.wait(9_000);
    assert_eq!(rig.rehearsed.len(), 2, "{}", story(&rig));
    assert_eq!(rig.rehearsed[1], rig.balancer.setting, "what is there now, not what was before");
    assert_eq!(rig.balancer.share(), 100);
    let recorded = |rig: &Rig| rig.noted(|fact| matches!(fact, Fact::Configuration { .. }));
    assert_eq!(recorded(&rig), 1, "it is in the journal");
    // Somebody scales it in and changes a rule while no keeper looks.
    let mut survey = good_survey();
    survey.targets[Role::Stable] = Ok(Targets { healthy: 1, registered: 1 });
    survey.configuration = Some("[{\"actions\":[\"another\"]}]".into());
    rig.survey = Some(survey);
    rig.crash();
    rig.wait(5_000);
    let target = gate(&rig, "rollback target");
    assert!(target.verdict == Verdict::Fail && target.detail.as_str().contains("(4 at the start)"), "{target:?}");
    assert_eq!(recorded(&rig), 2);
    assert!(rig.said("the balancer's whole configuration is changed, and recorded: "), "{}", story(&rig));
}

/// The weights that are there are those of before: written back now, they would undo what is about to land.
#[test]
fn nothing_is_rehearsed_while_a_dead_keepers_write_may_still_land() {
    let mut rig = Rig::at_first_step(&AWS);
    rig.next_fates(&[Fate::Late(3_000)]);
    rig.advance("alice");
    rig.wait(200);
    rig.crash();
    rig.wait(2_500);
    assert_eq!((rig.balancer.share(), rig.rehearsed.len()), (100, 1), "{}", story(&rig));
    rig.wait(8_000);
    assert_eq!((rig.balancer.share(), rig.rehearsed.len()), (500, 2), "{}", story(&rig));
    assert_eq!(rig.rehearsed[1], rig.balancer.setting);
    assert_eq!(rig.engine.snapshot().violation, None, "the last net was not needed");
}

/// A rollback that does not land leaves the candidate's share there; nobody writes it once more.
#[test]
fn nothing_is_rehearsed_in_a_rollback() {
    let mut rig = Rig::at_first_step(&AWS);
    rig.balancer.usual = Fate::Lost;
    rig.roll_back("alice", None);
    rig.wait(200);
    rig.crash();
    rig.wait(30_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RollingBack, 100), "{}", story(&rig));
    assert_eq!(rig.rehearsed.len(), 1, "{}", story(&rig));
    assert_eq!(rig.engine.snapshot().violation, None, "the last net was not needed");
}

/// It writes the candidate's share once more, and whoever rolls back supersedes it: nothing is confirmed before it can
/// have landed, and what becomes of it is no news.
#[test]
fn a_rollback_supersedes_the_rehearsal_that_is_under_way() {
    // Answered before the rollback, or not; what is not answered may land as late as its attempt may last.
    for (takes, result) in [(20_000_000, WriteResult::Accepted), (500_000, WriteResult::Unknown("no answer".into()))] {
        let patient = AWS.traffic.replace("timeout = \"1s\"", "timeout = \"12s\"").leak();
        let mut rig = Rig::at_first_step(&Sections { traffic: patient, ..AWS });
        (rig.rehearsal_takes, rig.rehearsal) = (takes, result);
        rig.crash();
        rig.wait(15_000);
        assert_eq!(rig.rehearsed.len(), 2, "{}", story(&rig));
        let sent = rig.turns.iter().rfind(|turn| turn.effects.iter().any(|e| matches!(e, Effect::Rehearse { .. })));
        let sent = sent.expect("rehearsed").at;
        rig.roll_back("alice", None);
        rig.wait(7_000);
        assert_eq!((rig.balancer.share(), rig.engine.phase()), (0, Phase::RollingBack), "{}", story(&rig));
        let rehearsed = rig.rehearsed[1].clone();
        rig.balancer.land(&rehearsed);
        rig.wait(1_000);
        assert_eq!((rig.balancer.share(), rig.sent(Direction::Back)), (0, 2), "{}", story(&rig));
        rig.wait(20_000);
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
        let confirmed = rig.lines().find(|line| matches!(line.fact, Fact::RollbackConfirmed)).expect("confirmed").mono;
        assert!(confirmed.since(sent) >= Duration::from_secs(12), "{}", story(&rig));
        assert_eq!((rig.rehearsed.len(), rig.said("rehearsal failed: superseded")), (2, false), "{}", story(&rig));
    }
}

#[test]
fn a_rehearsal_that_fails_is_told_again_only_for_another_reason() {
    let mut rig = Rig::new(&AWS);
    rig.rehearsal = WriteResult::Refused("AccessDenied".into());
    rig.wait(7_000);
    let failed = |turn: &&crate::engine::rig::Turn| matches!(&turn.event, Event::Ended(outcome) if matches!(outcome.result, OutcomeKind::Rehearsed(_)));
    let at = rig.turns.iter().find(failed).expect("it was rehearsed").at;
    rig.wait(10_300 - rig.now().since(at).as_millis() as u64);
    rig.feed(Event::Woke);
    assert_eq!(gate(&rig, "write access").detail.as_str(), "rehearsed again in 5s; last: AccessDenied");
    let told = |rig: &Rig| rig.lines().filter(|line| line.text.as_str().starts_with("rehearsal failed: ")).count();
    rig.wait(30_000);
    assert_eq!((rig.rehearsed.len(), told(&rig)), (3, 1), "{}", story(&rig));
    rig.rehearsal = WriteResult::Unknown("no answer in 1 s".into());
    rig.wait(30_000);
    assert_eq!((rig.rehearsed.len(), told(&rig)), (5, 2), "{}", story(&rig));
    assert!(rig.said("rehearsal failed: no answer in 1 s; again in 15s"), "{}", story(&rig));
}

/// The plan with a lateness of 40 s.
fn late() -> Sections {
    Sections { traffic: AWS.traffic.replace("lateness = \"5s\"", "lateness = \"40s\"").leak(), ..AWS }
}

/// What was refused or never sent wrote nothing that could be late.
#[test]
fn a_rehearsal_that_wrote_nothing_is_repeated_soon() {
    for result in [WriteResult::Refused("AccessDenied".into()), WriteResult::NotSent("no credentials".into())] {
        let mut rig = Rig::new(&late());
        rig.rehearsal = result;
        rig.wait(7_000);
        assert!(rig.rehearsed.len() == 1 && rig.said("again in 15s"), "{}", story(&rig));
        rig.wait(15_000);
        assert_eq!(rig.rehearsed.len(), 2, "{}", story(&rig));
    }
}

/// What may still land of it must have landed before anything else is written: no sooner than the plan's lateness.
#[test]
fn a_rehearsal_that_may_still_land_is_waited_for() {
    let mut rig = Rig::new(&late());
    rig.rehearsal = WriteResult::Unknown("no answer in 1 s".into());
    rig.wait(39_000);
    assert!(rig.rehearsed.len() == 1 && rig.said("again in 40s"), "{}", story(&rig));
    rig.wait(3_000);
    assert_eq!(rig.rehearsed.len(), 2, "{}", story(&rig));
}

/// How grave each line was that begins so.
fn told(rig: &Rig, words: &str) -> Vec<Severity> {
    rig.lines().filter(|line| line.text.as_str().starts_with(words)).map(|line| line.severity).collect()
}

/// However often it is looked at, and whatever becomes of the others.
#[test]
fn a_finding_is_told_when_it_is_new_and_when_its_verdict_changes() {
    let finding = |name: &str, verdict| Finding { name: name.into(), verdict, detail: "1 h".into() };
    let mut rig = Rig::ready(&AWS);
    assert_eq!(told(&rig, "stickiness: ok none"), [Severity::Info]);
    let mut survey = good_survey();
    survey.findings = vec![finding("stickiness", Verdict::Fail), finding("slow start", Verdict::Pass)];
    rig.survey = Some(survey);
    rig.wait(9_000);
    assert_eq!(told(&rig, "stickiness: FAIL 1 h"), [Severity::Warn], "{}", story(&rig));
    assert_eq!(told(&rig, "slow start: ok 1 h"), [Severity::Info], "{}", story(&rig));
    assert!(matches!(rig.advance("alice"), Answer::Refused(_)));
    rig.survey = Some(good_survey());
    rig.wait(9_000);
    assert_eq!(told(&rig, "stickiness: "), [Severity::Info, Severity::Warn, Severity::Info], "{}", story(&rig));
}

#[test]
fn credentials_are_told_when_they_change_and_their_gate_says_how_long_they_last() {
    let mut rig = Rig::new(&AWS);
    let words = |rig: &Rig| gate(rig, "credentials").detail.to_string();
    assert_eq!(words(&rig), "not looked at yet");
    rig.wait(7_000);
    assert_eq!(words(&rig), "they have no end");
    assert_eq!(told(&rig, "credentials without an end"), [Severity::Info]);
    let mut survey = good_survey();
    survey.credentials = Credentials::Missing("they have expired".into());
    rig.survey = Some(survey.clone());
    rig.wait(7_000);
    assert_eq!(words(&rig), "they have expired");
    assert_eq!(told(&rig, "no good credentials: they have expired"), [Severity::Critical], "{}", story(&rig));
    let end = rig.engine.snapshot().wall.plus(Duration::from_secs(1_000));
    survey.credentials = Credentials::Until { end, failure: None };
    rig.survey = Some(survey);
    rig.wait(10_000);
    rig.feed(Event::Woke);
    let left = end.millis() - rig.engine.snapshot().wall.millis();
    assert!((989_000..=990_000).contains(&left), "{left}");
    let clock = end.clock();
    assert_eq!(words(&rig), format!("good until {clock}, 16 min 29 s; the next bake and a rollback need 5 min 5 s"));
    assert_eq!(told(&rig, &format!("credentials renewed: good until {clock}")), [Severity::Info], "{}", story(&rig));
}

/// Five looks, two seconds apart, and the time of one attempt.
#[test]
fn a_survey_is_good_for_its_time_and_says_when_it_was() {
    let mut rig = Rig::new(&AWS);
    let shown = |rig: &Rig| {
        let gate = gate(rig, "survey");
        (gate.verdict, gate.detail.to_string())
    };
    assert_eq!(shown(&rig), (Verdict::Unknown, "not surveyed yet".to_owned()));
    rig.wait(3_000);
    rig.survey = None;
    let at = rig.turns.iter().rfind(|turn| matches!(turn.event, Event::Surveyed(_))).expect("it was surveyed").at;
    for (after, verdict, words) in [
        (10_500, Verdict::Pass, "ok"),
        (11_500, Verdict::Unknown, "last surveyed 11 s ago"),
        (29_000, Verdict::Unknown, "last surveyed 29 s ago"),
    ] {
        rig.wait(after - rig.now().since(at).as_millis() as u64);
        rig.feed(Event::Woke);
        assert_eq!(shown(&rig), (verdict, words.to_owned()), "after {after} ms");
    }
}

/// None of none is nobody to go back to, and no measure for how many there should be.
#[test]
fn a_stable_that_has_no_targets_yet_is_no_rollback_target() {
    let mut rig = Rig::new(&AWS);
    rig.come("alice");
    let target = |rig: &mut Rig, healthy| {
        rig.survey.as_mut().expect("a survey").targets[Role::Stable] = Ok(Targets { healthy, registered: healthy });
        rig.wait(7_000);
        let gate = gate(rig, "rollback target");
        (gate.verdict, gate.detail.to_string())
    };
    let (verdict, words) = target(&mut rig, 0);
    assert!(verdict == Verdict::Fail && words.contains("0/0 up"), "{words}");
    assert!(matches!(rig.advance("alice"), Answer::Refused(_)));
    assert_eq!(target(&mut rig, 4).0, Verdict::Pass);
    let (verdict, words) = target(&mut rig, 1);
    assert!(verdict == Verdict::Fail && words.contains("1/1 up (4 at the start)"), "{words}");
}

/// Invariant 8, by what the balancer finds of stable's targets: an old survey is no better than it was when it was new.
#[test]
fn nothing_goes_by_itself_to_a_stable_with_too_few_targets() {
    for (healthy, phase) in [(2, Phase::RollingBack), (1, Phase::Held)] {
        for stops in [false, true] {
            let mut rig = Rig::at_first_step(&AWS);
            let survey = rig.survey.as_mut().expect("a survey");
            survey.targets[Role::Stable] = Ok(Targets { healthy, registered: 4 });
            rig.wait(3_000);
            if stops {
                rig.survey = None;
                rig.wait(20_000);
            }
            rig.worlds[Role::Candidate].errors = 1.0;
            rig.wait(6_000);
            assert_eq!(rig.engine.phase(), phase, "{healthy}, it stops: {stops}\n{}", story(&rig));
            assert_eq!(rig.said("no automatic rollback: BLUE v1 is not ready"), phase == Phase::Held);
        }
    }
}

/// Nothing is written down of a rehearsal: the keeper that died may have been at one, which lands late.
#[test]
fn what_a_dead_keeper_rehearsed_has_landed_before_anything_is_rehearsed_or_sent() {
    let mut rig = Rig::at_first_step(&AWS);
    rig.crash();
    rig.come("alice");
    rig.wait(4_000);
    let write_access = gate(&rig, "write access");
    assert_eq!(write_access.verdict, Verdict::Unknown);
    assert!(write_access.detail.as_str().starts_with("rehearsed again in"), "{write_access:?}");
    assert_eq!(rig.rehearsed.len(), 1, "{}", story(&rig));
    rig.wait(5_000);
    assert_eq!(gate(&rig, "write access").verdict, Verdict::Pass, "{}", story(&rig));
    assert_eq!(rig.rehearsed.len(), 2);
}
