//! After the way back: whether anybody is still on the candidate.

use crate::engine::balancer::split;
use crate::engine::plans::{MANUAL, NODES};
use crate::engine::rig::{Rig, Scraping};
use crate::engine::script::Act::*;
use crate::engine::script::{play, story};
use warroom::domain::{Absence, Role, Verdict};
use warroom::engine::{Answer, Command, Phase};

#[test]
fn new_traffic_back_is_not_yet_rolled_back() {
    play(
        &MANUAL,
        &[
            Comes("alice"),
            Wait(3_000),
            Advance("alice"),
            Wait(7_000),
            OwnRate(50.0),
            Rollback("alice"),
            Wait(12_000),
            Is(Phase::NewTrafficBack),
            Said("rollback confirmed"),
            Unsaid("ROLLED BACK"),
            OwnRate(0.5),
            Wait(8_000),
            Is(Phase::RolledBack),
            Said("ROLLED BACK"),
        ],
    );
}

/// What it was asked for before it had a share, a quarter more and one a second, is what it may still be asked for.
#[test]
fn the_candidate_is_empty_when_it_has_no_more_than_before() {
    for (rate, phase) in [(10.9, Phase::RolledBack), (11.2, Phase::NewTrafficBack)] {
        let mut rig = Rig::new(&MANUAL);
        rig.worlds[Role::Candidate].own_rate = 8.0;
        rig.come("alice");
        rig.wait(7_000);
        rig.advance("alice");
        rig.wait(7_000);
        rig.worlds[Role::Candidate].own_rate = rate;
        rig.roll_back("alice", None);
        rig.wait(15_000);
        assert_eq!(rig.engine.phase(), phase, "{rate} a second\n{}", story(&rig));
    }
}

/// The same where a read of the balancer takes longer than the metrics are apart: some always come while it is under way.
#[test]
fn the_candidate_is_empty_with_a_balancer_that_is_slow_to_tell() {
    let mut rig = Rig::new(&MANUAL);
    rig.worlds[Role::Candidate].own_rate = 2.0;
    rig.read_takes = 1_200_000;
    rig.come("alice");
    rig.wait(7_000);
    rig.wait_until(100, |rig| rig.engine.phase() == Phase::Ready);
    assert!(matches!(rig.advance("alice"), Answer::Applied(_)), "{:#?}", rig.engine.gates());
    rig.wait(10_000);
    rig.read_takes = 10_000;
    rig.roll_back("alice", None);
    rig.wait(15_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
}

/// A candidate that listens no more serves nobody; of one that does not answer nobody knows.
#[test]
fn what_refuses_connections_has_no_requests_left() {
    let refused = Absence::Refused("connection refused".into());
    for (why, phase) in [(refused, Phase::RolledBack), (Absence::Unreachable("timeout".into()), Phase::NewTrafficBack)]
    {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.worlds[Role::Candidate].own_rate = 50.0;
        rig.roll_back("alice", None);
        rig.wait(9_000);
        assert_eq!(rig.engine.phase(), Phase::NewTrafficBack);
        let still = |rig: &Rig| rig.engine.snapshot().split.still_on_candidate;
        assert!(still(&rig).is_some_and(|rate| (rate - 50.0).abs() < 1.0), "{:?}", still(&rig));
        rig.worlds[Role::Candidate].scraping = Scraping::Fails(why);
        rig.wait(30_000);
        assert_eq!(rig.engine.phase(), phase, "{}", story(&rig));
        assert_eq!(still(&rig), (phase == Phase::RolledBack).then_some(0.0));
    }
}

/// That it is empty is proven over several scrapes; what is gone is not said to be still there meanwhile.
#[test]
fn a_candidate_that_has_just_emptied_is_said_to_be_proven() {
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[Role::Candidate].own_rate = 50.0;
    rig.roll_back("alice", None);
    rig.wait(9_000);
    let band = |rig: &Rig| rig.engine.snapshot().band.text.to_string();
    assert!(band(&rig).contains("50 rps still on GREEN"), "{}", band(&rig));
    rig.worlds[Role::Candidate].own_rate = 0.0;
    rig.wait(2_500);
    assert_eq!(rig.engine.phase(), Phase::NewTrafficBack, "{}", story(&rig));
    assert!(band(&rig).contains("GREEN has no more requests, proving it"), "{}", band(&rig));
    assert_eq!(rig.engine.snapshot().split.still_on_candidate, Some(0.0));
    rig.wait(6_000);
    assert_eq!(rig.engine.phase(), Phase::RolledBack);
}

/// What it is asked for while it has a share is not what it is asked for without one.
#[test]
fn a_candidate_that_had_a_share_before_the_run_is_not_empty_at_once() {
    for (share, adopts) in [(300, false), (300, true), (0, false)] {
        let mut rig = Rig::new(&MANUAL);
        rig.balancer.setting = split(&rig.balancer.layout, share);
        rig.come("alice");
        rig.wait(8_000);
        // A colleague gives it a share before the first step.
        let third = split(&rig.balancer.layout, 300);
        rig.balancer.land(&third);
        rig.wait(8_000);
        if adopts {
            assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)), "{}", story(&rig));
            rig.wait(7_000);
            assert!(matches!(rig.advance("alice"), Answer::Applied(_)), "{:#?}", rig.engine.gates());
            rig.wait(3_000);
        }
        // Requests that stay, by sessions and open connections.
        rig.worlds[Role::Candidate].own_rate = 50.0;
        rig.roll_back("alice", None);
        rig.wait(15_000);
        assert_eq!(rig.balancer.share(), 0);
        assert_eq!(rig.engine.phase(), Phase::NewTrafficBack, "{share} {adopts}\n{}", story(&rig));
        rig.worlds[Role::Candidate].own_rate = 0.5;
        rig.wait(8_000);
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{share} {adopts}\n{}", story(&rig));
    }
}

/// A rollback leaves the share that the present step had: no server went up or down for that.
#[test]
fn a_rollback_is_not_taken_for_servers_that_went_up_or_down() {
    let mut rig = Rig::at_first_step(&NODES);
    rig.roll_back("alice", None);
    rig.wait(2_000);
    assert_eq!((rig.engine.phase(), rig.balancer.share()), (Phase::RollingBack, 0), "{}", story(&rig));
    let gates = rig.engine.gates();
    let balancer = gates.iter().find(|gate| gate.name.as_str() == "balancer").expect("a gate");
    assert!(balancer.verdict == Verdict::Pass && !balancer.detail.as_str().contains("servers"), "{balancer:?}");
}
