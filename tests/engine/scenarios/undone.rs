//! What was so and is so no longer: nothing that is shown outlives it, and nothing that it broke is forgotten with it.

use crate::engine::balancer::{Fate, split};
use crate::engine::plans::{HTTP, MANUAL, NODES, STEPS, Sections};
use crate::engine::rig::Rig;
use crate::engine::script::{refusal, story};
use warroom::domain::Role;
use warroom::engine::{Answer, Command, Direction, Fact, Phase, RollbackState};

fn lines(rig: &Rig, words: &str) -> usize {
    rig.lines().filter(|line| line.text.as_str().contains(words)).count()
}

/// Everything is back and read back, confirmed or not yet; then an earlier setting of this run is there again.
#[test]
fn a_rollback_that_came_undone_is_read_back_no_longer() {
    for waited in [3_000_u32, 8_000] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.roll_back("alice", None);
        rig.wait(waited.into());
        let view = rig.engine.snapshot().rollback.expect("accepted");
        assert!(view.read_back.is_some(), "{}", story(&rig));

        let own = split(&rig.balancer.layout, 100);
        rig.balancer.land(&own);
        rig.next_fates(&[Fate::Lost, Fate::Lost]);
        rig.wait(1_500);
        let snapshot = rig.engine.snapshot();
        let view = snapshot.rollback.expect("accepted");
        assert_eq!((rig.balancer.share(), view.state), (100, RollbackState::Acknowledged), "{}", story(&rig));
        assert_eq!((view.read_back, view.confirmed, snapshot.tempo.confirmed), (None, None, None));
        let band = snapshot.band.text.to_string();
        assert!(band.contains("NOT IN EFFECT yet: still 10%") && !band.contains("read back"), "{band}");
        // However often it is sent before it lands.
        assert_eq!(lines(&rig, "an earlier setting of this run is back"), 1, "{}", story(&rig));

        rig.wait(3_000);
        let snapshot = rig.engine.snapshot();
        let read_back = snapshot.rollback.expect("accepted").read_back.expect("again");
        assert!(read_back.as_millis() > waited.into(), "{read_back:?}\n{}", story(&rig));
        assert_eq!((rig.balancer.share(), rig.engine.phase()), (0, Phase::RollingBack));
        assert!(rig.sent(Direction::Back) >= 3, "{}", story(&rig));
        // How long it took is counted from when it was sent for that.
        let took = snapshot.tempo.read_back.expect("measured");
        assert!(took.as_millis() + u128::from(waited) < read_back.as_millis(), "{took:?} of {read_back:?}");
        assert_eq!(rig.noted(|fact| matches!(fact, Fact::RollbackReadBack)), 2, "{}", story(&rig));
        rig.wait(6_000);
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
        assert!(rig.engine.snapshot().tempo.confirmed.is_some_and(|took| took.as_millis() > waited.into()));
    }
}

/// Confirmed once and undone since, by this run's own earlier setting or by somebody else's that a person sends over: the
/// next keeper goes on with it, also when nothing can be read. One that is still confirmed waits for a read.
#[test]
fn a_confirmed_rollback_that_came_undone_is_an_interrupted_one() {
    for (undone_by, by_the_next) in [(None, false), (Some(100), false), (Some(100), true), (Some(300), false)] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.roll_back("alice", None);
        rig.wait(8_000);
        assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::RolledBack, 1), "{}", story(&rig));
        rig.balancer.usual = Fate::Lost;
        if by_the_next {
            rig.crash();
        }
        if let Some(permille) = undone_by {
            let setting = split(&rig.balancer.layout, permille);
            rig.balancer.land(&setting);
            rig.wait(1_500);
            if permille == 300 {
                assert!(matches!(rig.ask_for("alice", Command::SendAgain), Answer::Applied(_)), "{}", story(&rig));
                rig.wait(100);
            }
        }
        let sent = rig.sent(Direction::Back);
        assert_eq!(sent > 1, undone_by.is_some(), "{undone_by:?}\n{}", story(&rig));
        rig.balancer.dark.insert(0);
        rig.balancer.usual = Fate::Fine;
        rig.crash();
        rig.wait(3_000);
        assert_eq!(rig.sent(Direction::Back) > sent, undone_by.is_some(), "{undone_by:?}\n{}", story(&rig));
        assert_eq!(rig.balancer.share(), 0);
    }
}

/// A balancer that only answers writes is still rolled back, by whom it is asked: one that was confirmed waits for a read
/// by itself alone.
#[test]
fn a_confirmed_rollback_that_a_person_asks_for_again_goes_out_unread() {
    for (is_dark, waited) in [(true, 100), (true, 20_000), (false, 3_000)] {
        let mut rig = Rig::at_first_step(&MANUAL);
        rig.roll_back("alice", None);
        rig.wait(8_000);
        assert_eq!((rig.engine.phase(), rig.sent(Direction::Back)), (Phase::RolledBack, 1), "{}", story(&rig));
        if is_dark {
            let again = split(&rig.balancer.layout, 500);
            rig.balancer.land(&again);
            rig.balancer.dark.insert(0);
        }
        rig.crash();
        rig.wait(waited);
        assert_eq!(rig.sent(Direction::Back), 1, "not by itself\n{}", story(&rig));
        rig.next_fates(&[Fate::Lost]);
        assert!(matches!(rig.roll_back("bob", None), Answer::Applied(_)));
        rig.wait(300);
        let sent = rig.sent(Direction::Back);
        assert_eq!(sent > 1, is_dark, "{waited}\n{}", story(&rig));
        // The next keeper knows that it was asked for.
        rig.crash();
        rig.wait(3_000);
        assert_eq!(rig.sent(Direction::Back) > sent, is_dark, "{waited}\n{}", story(&rig));
        assert_eq!(rig.balancer.share(), 0);
    }
}

/// The same within one keeper's life: it was read back or confirmed, then nobody could read it any more.
#[test]
fn a_rollback_that_nobody_can_read_any_more_goes_out_again_for_whom_asks() {
    for (waited, sections) in [(3_000, MANUAL), (8_000, MANUAL), (8_000, NODES)] {
        let is_alone = sections.traffic == MANUAL.traffic;
        let mut rig = Rig::at_first_step(&sections);
        rig.roll_back("alice", None);
        rig.wait(waited);
        assert!(rig.engine.snapshot().rollback.expect("accepted").read_back.is_some(), "{}", story(&rig));
        assert!(matches!(rig.roll_back("bob", None), Answer::Applied(_)));
        rig.wait(100);
        assert_eq!(rig.sent(Direction::Back), 1, "what can be read needs no sending\n{}", story(&rig));

        // Where a node still answers, it still agrees.
        rig.balancer.dark.insert(0);
        if is_alone {
            let again = split(&rig.balancer.layout, 500);
            rig.balancer.land(&again);
        }
        rig.wait(3_000);
        assert_eq!(rig.sent(Direction::Back), 1, "not by itself\n{}", story(&rig));
        rig.next_fates(&[Fate::Lost, Fate::Lost, Fate::Lost]);
        assert!(matches!(rig.roll_back("bob", None), Answer::Applied(_)));
        rig.wait(10);
        assert_eq!(rig.sent(Direction::Back), 2, "at once\n{}", story(&rig));
        let view = rig.engine.snapshot().rollback.expect("accepted");
        assert_eq!((view.read_back, view.confirmed), (None, None), "{}", story(&rig));
        assert_eq!(rig.engine.phase(), Phase::RollingBack);
        // Until it is there, and however often it is asked for.
        for _ in 0..20 {
            assert!(matches!(rig.roll_back("bob", None), Answer::Applied(_)));
            rig.wait(100);
        }
        rig.wait(6_000);
        assert!(rig.sent(Direction::Back) > 3, "{}", story(&rig));
        assert_eq!(lines(&rig, "bob asks for the rollback again"), 1, "{}", story(&rig));
        assert_eq!(rig.balancer.share(), 0);
        rig.balancer.dark.clear();
        rig.wait(8_000);
        assert_eq!(rig.engine.phase(), Phase::RolledBack, "{}", story(&rig));
    }
}

/// At the first step, and somebody has set 30 %; a write is waited for so long that limits can act meanwhile.
fn drifted() -> Rig {
    let traffic: &'static str = Box::leak(HTTP.replace("lateness = \"5s\"", "lateness = \"20s\"").into_boxed_str());
    let mut rig = Rig::at_first_step(&Sections { traffic, ..MANUAL });
    set(&mut rig, 300);
    assert!(rig.engine.snapshot().drift.is_some());
    rig
}

/// Somebody else sets so many permille, and it is read.
fn set(rig: &mut Rig, permille: u32) {
    let setting = split(&rig.balancer.layout, permille);
    rig.balancer.land(&setting);
    rig.wait(2_000);
}

/// What another hand set is seen, and nothing goes over it by itself.
fn another_hand_is_seen(rig: &mut Rig, permille: u16) {
    let drift = rig.engine.snapshot().drift;
    assert!(drift.is_some_and(|drift| !drift.own && drift.to.permille() == permille), "{}", story(rig));
    assert!(refusal(&rig.reassert("alice")).contains("it must be read back first"), "{}", story(rig));
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(8_000);
    assert!(rig.said("> 5.00%") && !rig.said("AUTOMATIC ROLLBACK"), "{}", story(rig));
    assert_eq!((rig.sent(Direction::Back), rig.balancer.share()), (0, permille), "{}", story(rig));
}

/// Killed before its re-assert was sent, the next keeper waits for it; what it was to go over is there all the time.
#[test]
fn what_a_recovered_reassert_goes_over_is_somebody_elses() {
    let mut rig = drifted();
    rig.reassert("alice");
    rig.wait(2);
    assert_eq!(rig.writes.len(), 1, "{}", story(&rig));
    rig.crash();
    rig.come("alice");
    rig.wait(2_000);
    another_hand_is_seen(&mut rig, 300);
}

/// It landed without an answer, and while that is waited for the other hand sets the same again.
#[test]
fn the_same_change_over_a_reassert_without_an_answer_is_seen_again() {
    let mut rig = drifted();
    rig.next_fates(&[Fate::AnswerLost]);
    rig.reassert("alice");
    rig.wait(3_000);
    assert_eq!((rig.balancer.share(), rig.engine.snapshot().drift), (100, None), "{}", story(&rig));
    set(&mut rig, 300);
    another_hand_is_seen(&mut rig, 300);
}

/// What a re-assert went over once explains no later step.
#[test]
fn the_same_change_under_a_later_step_is_seen_again() {
    let mut rig = drifted();
    rig.reassert("alice");
    rig.wait(8_000);
    assert_eq!((rig.balancer.share(), rig.engine.phase()), (100, Phase::Baking), "{}", story(&rig));
    rig.next_fates(&[Fate::Lost]);
    rig.advance("alice");
    rig.wait(500);
    set(&mut rig, 300);
    another_hand_is_seen(&mut rig, 300);
}

/// Three steps; going back from 50 % breaks something.
fn no_return(sections: Sections) -> Sections {
    let steps = STEPS.replacen("hold = true", "hold = true\npoint_of_no_return = \"schema v43\"", 1);
    Sections { steps: Box::leak(steps.into_boxed_str()), ..sections }
}

/// Neither a limit nor a key without the name takes the traffic back from here.
fn is_past_no_return(rig: &mut Rig) {
    assert!(rig.engine.snapshot().rollback_target.needs_typing, "{}", story(rig));
    assert!(refusal(&rig.roll_back("alice", None)).contains("past the point of no return: schema v43"));
    rig.worlds[Role::Candidate].errors = 1.0;
    rig.wait(10_000);
    assert!(rig.said("> 5.00%"), "{}", story(rig));
    assert_eq!(rig.sent(Direction::Back), 0, "{}", story(rig));
}

/// Another hand went past it and came back, or to where this run never was.
#[test]
fn a_point_of_no_return_that_was_passed_stays_passed() {
    for (then, crashes) in [(100, false), (100, true), (300, false), (300, true)] {
        let mut rig = Rig::at_first_step(&no_return(MANUAL));
        set(&mut rig, 500);
        assert!(
            rig.said("past the point of no return: schema v43; no automatic rollback from here"),
            "{}",
            story(&rig)
        );
        set(&mut rig, then);
        assert_eq!(rig.engine.snapshot().drift.is_some(), then == 300);
        if crashes {
            rig.crash();
            rig.come("alice");
            rig.wait(2_000);
        }
        if then == 300 {
            // To set again what this run had would take traffic back, too.
            assert!(refusal(&rig.reassert("alice")).contains("traffic was past the point of no return (schema v43)"));
            assert!(!rig.engine.snapshot().band.text.as_str().contains(":reassert"));
            assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)));
        }
        is_past_no_return(&mut rig);
        assert_eq!(rig.noted(|fact| matches!(fact, Fact::PastNoReturn { step: 1 })), 1, "{}", story(&rig));
    }
}

/// One node is silent, and on the other another hand went past it.
#[test]
fn a_point_of_no_return_is_passed_on_the_node_that_answers() {
    let mut rig = Rig::at_first_step(&no_return(NODES));
    rig.balancer.dark.insert(0);
    rig.wait(1_500);
    let mut half = split(&rig.balancer.layout, 500);
    half.0.retain(|slot, _| slot.node == 1);
    rig.balancer.land(&half);
    rig.wait(2_000);
    assert!(rig.said("past the point of no return: schema v43; no automatic rollback from here"), "{}", story(&rig));
    is_past_no_return(&mut rig);
}

/// This run itself reached it, a colleague went back from there, and that was adopted.
#[test]
fn a_point_of_no_return_that_was_reached_stays_reached() {
    for crashes in [false, true] {
        let mut rig = Rig::at_first_step(&no_return(MANUAL));
        rig.advance("alice");
        rig.wait(7_000);
        set(&mut rig, 100);
        assert!(matches!(rig.ask_for("alice", Command::Adopt), Answer::Applied(_)), "{}", story(&rig));
        rig.wait(100);
        if crashes {
            rig.crash();
            rig.come("alice");
            rig.wait(2_000);
        }
        is_past_no_return(&mut rig);
    }
}

/// A step that was applied by half went there by this run's own hand, and nobody else is named for it.
#[test]
fn a_half_applied_step_passes_a_point_of_no_return_in_its_own_name() {
    let mut rig = Rig::at_first_step(&no_return(NODES));
    rig.next_fates(&[Fate::Half]);
    rig.advance("alice");
    rig.wait(9_000);
    assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
    assert!(rig.engine.snapshot().drift.is_some_and(|drift| drift.own));
    let refused = refusal(&rig.reassert("alice"));
    assert!(refused.contains("traffic was past the point of no return (schema v43)"), "{refused}");
    assert!(rig.said("past the point of no return: schema v43; no automatic rollback from here"));
    assert!(!refused.contains("somebody else") && !rig.said("somebody else"), "{refused}\n{}", story(&rig));
    is_past_no_return(&mut rig);
}

/// Servers that went down meanwhile make less of it than it was set for: it is gone as far as it was set.
#[test]
fn a_half_applied_step_passes_a_point_of_no_return_also_where_servers_are_down() {
    let mut rig = Rig::at_first_step(&no_return(NODES));
    rig.next_fates(&[Fate::Half]);
    rig.advance("alice");
    rig.balancer.down.insert("g1".into());
    rig.wait(9_000);
    assert_eq!(rig.engine.phase(), Phase::Held, "{}", story(&rig));
    assert!(rig.said("past the point of no return: schema v43"), "{}", story(&rig));
    is_past_no_return(&mut rig);
}
