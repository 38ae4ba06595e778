//! Servers that are down: weights that make a step of those that are up are another share of all of them.

use crate::engine::plans::{AWS, MANUAL, NODES, Sections};
use crate::engine::rig::{Rig, good_survey};
use crate::engine::script::{refusal, story};
use warroom::domain::{Role, Setting, Targets, Verdict};
use warroom::engine::{Answer, Command, Direction, Fact, Health, Phase};

/// To a quarter and to 40 %, where going back breaks something.
const STEPS: &str = r#"
    [[steps]]
    split = "25 %"
    bake = "5s"
    [[steps]]
    split = "40 %"
    bake = "5s"
    point_of_no_return = "schema v43"
    [[steps]]
    split = "100 %"
    bake = "5s"
"#;

/// Half of a side's servers is enough to go back.
const MORE: &str = "[rollback]\nautomatic = true\nstable_ready = \"50 %\"\n";

/// `alice` drives it to so many steps; one server of each node is down all the time.
fn at_step(steps: usize, down: &str) -> Rig {
    let mut rig = Rig::new(&Sections { steps: STEPS, more: MORE, ..NODES });
    rig.balancer.down = [down.to_owned()].into();
    rig.come("alice");
    rig.wait(7_000);
    for _ in 0..steps {
        assert!(matches!(rig.advance("alice"), Answer::Applied(_)), "{:#?}", rig.engine.gates());
        rig.wait(7_000);
    }
    assert_eq!(rig.engine.phase(), Phase::Baking, "{}", story(&rig));
    rig
}

fn passed(rig: &Rig) -> usize {
    rig.noted(|fact| matches!(fact, Fact::PastNoReturn { step: 1 }))
}

/// 40 % of those that are up is a quarter of all weights.
#[test]
fn a_step_that_was_reached_is_passed_whoever_is_down() {
    for crashes in [false, true] {
        let mut rig = at_step(2, "b2");
        assert_eq!((rig.balancer.share(), passed(&rig)), (400, 1), "{}", story(&rig));
        if crashes {
            rig.crash();
            rig.come("alice");
            rig.wait(3_000);
        }
        assert!(refusal(&rig.roll_back("alice", None)).contains("past the point of no return: schema v43"));
        rig.worlds[Role::Candidate].errors = 1.0;
        rig.wait(10_000);
        assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
        assert_eq!(rig.sent(Direction::Back), 0, "{}", story(&rig));
        assert!(matches!(rig.roll_back("alice", Some("checkout")), Answer::Applied(_)));
    }
}

/// It was seen there before its answer came, and then somebody else set something else.
#[test]
fn a_step_that_was_seen_before_it_was_reached_is_passed() {
    let mut rig = at_step(1, "b2");
    rig.next_fates(&[crate::engine::balancer::Fate::AnswerLost]);
    rig.advance("alice");
    rig.wait(700);
    assert_eq!((rig.balancer.share(), passed(&rig)), (400, 1), "{}", story(&rig));
}

/// A quarter of those that are up is 40 % of all weights.
#[test]
fn a_step_below_the_point_of_no_return_does_not_pass_it_whoever_is_down() {
    let mut rig = at_step(1, "g2");
    assert_eq!((rig.balancer.share(), passed(&rig)), (250, 0), "{}", story(&rig));
    assert_eq!(rig.engine.snapshot().no_return, None);
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(6_000);
    assert_eq!(rig.engine.phase(), Phase::RollingBack, "{}", story(&rig));
}

/// It is past it once servers go up or down: the balancer holds what was set, and more of the traffic is there.
#[test]
fn servers_that_go_up_or_down_pass_the_point_of_no_return() {
    for (before, after) in [(Some("g2"), None), (None, Some("b2"))] {
        let mut rig = at_step(1, before.unwrap_or_default());
        assert_eq!((rig.balancer.share(), passed(&rig)), (250, 0), "{}", story(&rig));
        rig.balancer.down = after.map(str::to_owned).into_iter().collect();
        rig.wait(2_000);
        assert_eq!((rig.balancer.share(), passed(&rig)), (400, 1), "{}", story(&rig));
        assert!(refusal(&rig.roll_back("alice", None)).contains("past the point of no return: schema v43"));
        rig.worlds[Role::Candidate].errors = 1.0;
        rig.wait(10_000);
        assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::Held, 0), "{}", story(&rig));
    }
}

/// More weight than this run set is more, also where it is less than the step's share.
#[test]
fn a_colleague_who_raises_the_weights_does_not_go_towards_stable() {
    let mut rig = at_step(2, "b2");
    let more = |(slot, weight): (_, u32)| {
        let is_candidate = rig.balancer.layout.slots.iter().any(|(of, role)| *of == slot && *role == Role::Candidate);
        (slot, if is_candidate { weight + weight / 4 } else { weight })
    };
    let raised = Setting(rig.balancer.setting.0.clone().into_iter().map(more).collect());
    rig.balancer.land(&raised);
    rig.wait(2_000);
    let drift = rig.engine.snapshot().drift.expect("somebody else's");
    assert!(drift.to.permille() < 400 && drift.to > drift.from && !drift.towards_stable, "{drift:?}");
    let refused = refusal(&rig.ask_for("alice", Command::Complete));
    assert!(refused.contains("the foreign change goes towards the candidate"), "{refused}");
}

/// What comes up takes its weight's share: the balancer then holds what was set, and traffic is elsewhere.
#[test]
fn a_share_that_servers_took_by_coming_up_is_not_what_was_wanted() {
    for advance in ["manual", "automatic"] {
        let mut rig = Rig::new(&Sections { more: MORE, advance, ..NODES });
        rig.balancer.down = ["g2".to_owned()].into();
        rig.come("alice");
        rig.wait(7_000);
        rig.advance("alice");
        rig.wait(2_000);
        let view = |rig: &Rig| rig.engine.snapshot().split.converged.expect("a keeper that drives");
        assert_eq!((rig.balancer.share(), view(&rig).converged), (100, Some(true)), "{:?}", view(&rig));
        rig.balancer.down.clear();
        rig.wait(15_000);

        assert_eq!((rig.balancer.share(), rig.engine.phase()), (182, Phase::Baking), "{}", story(&rig));
        let words = "configured 18.2% of the servers that are up, want 10%";
        assert_eq!((view(&rig).converged, view(&rig).words.as_str()), (Some(false), words));
        let band = rig.engine.snapshot().band.text.to_string();
        assert!(band.contains("at 10% (now 18.2%: servers went up or down)"), "{band}");
        let gates = rig.engine.gates();
        let gate = gates.iter().find(|gate| gate.name.as_str() == "balancer").expect("always there");
        assert_eq!((gate.verdict, gate.is_open()), (Verdict::Warn, true), "{gate:?}");
        assert_eq!(gate.detail.as_str(), "at 18.2% as servers went up or down, want 10%");
        // The keeper waits, and a person goes on: to weights that are made for those that are there.
        assert_eq!(rig.sent(Direction::Forward), 1, "{}", story(&rig));
        assert!(matches!(rig.advance("alice"), Answer::Applied(_)), "{gates:#?}");
        rig.wait(3_000);
        assert_eq!((rig.balancer.share(), view(&rig).converged), (500, Some(true)), "{}", story(&rig));
    }
}

/// Down when it last said anything, and then silent: nothing goes there by itself, and a person decides with one key.
#[test]
fn what_was_down_and_fell_silent_is_not_gone_back_to_by_itself() {
    for is_silent in [false, true] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.worlds[Role::Stable].health = Some(Health::Failing("connection refused".into()));
        rig.wait(4_000);
        let dark = Some(Health::Unknown("timeout".into())).filter(|_| !is_silent);
        rig.worlds[Role::Stable].health = dark;
        rig.wait(10_000);
        rig.worlds[Role::Candidate].errors = 1.0;
        rig.wait(15_000);
        assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::Held, 0), "{}", story(&rig));
        assert!(rig.said("no automatic rollback: BLUE v1 is not ready"), "{}", story(&rig));
        assert!(rig.engine.snapshot().band.text.as_str().contains("no auto-rollback"), "{}", story(&rig));
        // One answer that fails says no more than that.
        rig.worlds[Role::Stable].health = Some(Health::Failing("503".into()));
        rig.wait(1_000);
        assert_eq!(rig.sent(Direction::Back), 0);
        rig.worlds[Role::Stable].health = Some(Health::Healthy);
        rig.wait(2_000);
        assert_eq!(rig.sent(Direction::Back), 1, "{}", story(&rig));
    }
    let mut rig = Rig::at_first_step(&MANUAL);
    rig.worlds[Role::Stable].health = Some(Health::Failing("connection refused".into()));
    rig.wait(4_000);
    rig.worlds[Role::Stable].health = Some(Health::Unknown("timeout".into()));
    rig.wait(2_000);
    assert!(matches!(rig.roll_back("alice", None), Answer::Applied(_)), "unknown is not down");
}

/// The same of its targets: a survey that was throttled heals none of them.
#[test]
fn targets_that_nobody_can_ask_for_are_those_that_were_told_last() {
    let mut rig = Rig::at_first_step(&AWS);
    let mut survey = good_survey();
    survey.targets[Role::Stable] = Ok(Targets { healthy: 0, registered: 4 });
    rig.survey = Some(survey.clone());
    rig.wait(3_000);
    survey.targets[Role::Stable] = Err("throttled".into());
    rig.survey = Some(survey);
    rig.wait(3_000);
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(10_000);
    assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::Held, 0), "{}", story(&rig));
    rig.survey = Some(good_survey());
    rig.wait(4_000);
    assert_eq!(rig.sent(Direction::Back), 1, "{}", story(&rig));
}
