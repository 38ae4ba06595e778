//! Advance, resume, override and the driver's seat.

use crate::scene::{Scene, bob};
use crate::sitting::{Sitting, baking, held, locked};
use crossterm::event::KeyCode;
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::forward::{Lock, Way};
use warroom::console::desk::{Act, Input};
use warroom::engine::{Command, Override};

fn lock(sitting: &Sitting) -> Lock {
    let status = sitting.status.as_ref().expect("status");
    match sitting.desk.way(&status.snapshot, sitting.now) {
        Way::Locked(lock) => lock,
        Way::Advance | Way::Resume => panic!("not locked"),
    }
}

fn kind(sitting: &Sitting) -> &Kind {
    &sitting.desk.dialog.as_ref().expect("a panel").kind
}

#[test]
fn a_opens_the_panel_and_y_advances_after_the_dwell() {
    let mut sitting = Sitting::baking();
    let seen = baking().snapshot.generation;
    sitting.press('A');
    assert!(matches!(kind(&sitting), Kind::Advance { seen: on } if on.generation == seen));
    sitting.after(399);
    sitting.press('y');
    assert_eq!((sitting.sent(), sitting.flash().as_str()), (0, "too early: press y again"));
    sitting.after(1);
    sitting.press('y');
    let bound =
        |act: &Act| matches!(act, Act::Send(_, Command::Advance { generation, over: None }) if *generation == seen);
    assert!(sitting.acts.iter().any(bound), "{:?}", sitting.acts);
    sitting.after(100);
    sitting.press('y');
    assert_eq!(sitting.sent(), 1);
}

#[test]
fn the_advance_panel_closes_after_20_seconds() {
    let mut sitting = Sitting::baking();
    sitting.press('A');
    sitting.after(19_999);
    assert!(sitting.desk.dialog.is_some());
    sitting.after(1);
    assert!(sitting.desk.dialog.is_none());
    sitting.press('y');
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn any_change_of_generation_reopens_and_the_dwell_begins_anew() {
    let mut sitting = Sitting::baking();
    sitting.press('A');
    sitting.after(1000);
    sitting.status.as_mut().expect("status").snapshot.generation += 1;
    sitting.input(Input::Tick);
    let newer = baking().snapshot.generation + 1;
    assert!(matches!(kind(&sitting), Kind::Advance { seen } if seen.generation == newer));
    assert!(!sitting.flash().is_empty());
    sitting.press('y');
    assert_eq!(sitting.sent(), 0, "the new panel has just been shown");
    sitting.after(400);
    sitting.press('y');
    assert_eq!(sitting.advances(), 1);
}

#[test]
fn a_gate_that_closes_turns_the_panel_into_the_locked_one() {
    let mut sitting = Sitting::baking();
    sitting.press('A');
    sitting.after(1000);
    sitting.status = Some(locked().clone());
    sitting.status.as_mut().expect("status").snapshot.generation += 100;
    sitting.input(Input::Tick);
    assert!(matches!(kind(&sitting), Kind::Locked));
    sitting.after(1000);
    sitting.press('y');
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn from_a_hold_it_resumes_and_one_y_never_does_both() {
    let mut sitting = Sitting::at(held());
    sitting.press('A');
    assert!(matches!(kind(&sitting), Kind::Resume { .. }));
    sitting.after(400);
    sitting.press('y');
    assert!(matches!(sitting.acts[0], Act::Send(_, Command::Resume { .. })));
    sitting.press('y');
    sitting.after(1000);
    sitting.press('y');
    assert_eq!(sitting.sent(), 1);
}

#[test]
fn an_armed_resume_does_not_turn_into_an_advance_under_the_finger() {
    let mut sitting = Sitting::at(held());
    sitting.press('A');
    sitting.after(1000);
    sitting.status = Some(baking().clone());
    sitting.status.as_mut().expect("status").snapshot.generation += 100;
    sitting.input(Input::Tick);
    assert!(matches!(kind(&sitting), Kind::Advance { .. }));
    sitting.press('y');
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn enter_capital_y_and_others_do_not_advance() {
    for c in ['\n', 'Y', 'a', 'A', 'n', ' '] {
        let mut sitting = Sitting::baking();
        sitting.press('A');
        sitting.after(500);
        sitting.press(c);
        assert_eq!(sitting.sent(), 0, "{c:?}");
    }
}

#[test]
fn locked_says_why_and_y_does_nothing() {
    let mut sitting = Sitting::at(locked());
    sitting.press('A');
    let lock = lock(&sitting);
    assert!(lock.can_override);
    let reasons = &lock.reasons;
    assert!(reasons.iter().any(|reason| reason.as_str().starts_with("bake: ")), "{reasons:?}");
    sitting.after(1000);
    sitting.press('y');
    assert_eq!(sitting.acts, []);
}

/// Its reasons are those of now, and what unlocks it arms nothing: only a key does.
#[test]
fn the_locked_panel_follows_what_locks_it_and_never_arms_by_itself() {
    let mut sitting = Sitting::at(locked());
    sitting.press('A');
    let before = lock(&sitting).reasons;
    sitting.after(2_000);
    sitting.status.as_mut().expect("status").snapshot.gates.iter_mut().for_each(|gate| gate.detail = "other".into());
    assert_ne!(lock(&sitting).reasons, before, "reasons are copied");
    let mut status = baking().clone();
    status.snapshot.generation += 100;
    sitting.status = Some(status);
    sitting.input(Input::Tick);
    assert!(matches!(kind(&sitting), Kind::Locked), "{:?}", kind(&sitting));
    sitting.after(1000);
    sitting.press('y');
    assert_eq!(sitting.sent(), 0, "the panel turned into an armed one under the finger");
    sitting.press('A');
    assert!(matches!(kind(&sitting), Kind::Advance { .. }), "A opens it");
}

#[test]
fn nothing_forward_is_decided_on_an_old_picture() {
    // The keeper is silent and its socket takes everything, or it speaks and what it reads is old.
    for (speaks, word) in [(false, "keeper silent 3 s"), (true, "feed LATE"), (true, "balancer LATE")] {
        let mut sitting = Sitting::baking();
        sitting.is_heard = false;
        sitting.after(3100);
        if speaks {
            sitting.desk.heard_at = Some(sitting.now);
        }
        sitting.press('A');
        assert!(matches!(kind(&sitting), Kind::Locked), "{:?}", kind(&sitting));
        let lock = lock(&sitting);
        assert!(lock.reasons.iter().any(|why| why.as_str().contains(word)), "{word}: {:?}", lock.reasons);
        assert!(!lock.can_override);
        sitting.after(1000);
        sitting.press('y');
        assert_eq!(sitting.sent(), 0);
    }
}

/// Read once a second and told once a second: two seconds old is of now.
#[test]
fn what_is_on_its_way_here_is_not_late() {
    let mut sitting = Sitting::baking();
    sitting.is_heard = false;
    sitting.after(2100);
    sitting.press('A');
    assert!(matches!(kind(&sitting), Kind::Advance { .. }), "{:?}", kind(&sitting));
}

#[test]
fn an_open_panel_closes_when_the_picture_grows_old() {
    for status in [baking(), held()] {
        let mut sitting = Sitting::at(status);
        sitting.press('A');
        sitting.is_heard = false;
        sitting.after(3_500);
        assert!(matches!(kind(&sitting), Kind::Locked), "{:?}", kind(&sitting));
        assert!(sitting.flash().contains("A locked"), "{}", sitting.flash());
        sitting.press('y');
        assert_eq!(sitting.sent(), 0);
    }
}

#[test]
fn an_override_is_not_sent_on_an_old_picture_and_keeps_what_was_typed() {
    let mut sitting = Sitting::at(locked());
    sitting.type_text("AOcheckout\nsee INC-7");
    sitting.is_heard = false;
    sitting.now = sitting.now + std::time::Duration::from_secs(4);
    sitting.press('\n');
    assert_eq!(sitting.sent(), 0);
    assert!(sitting.flash().contains("NOT SENT"), "{}", sitting.flash());
    let Kind::Override(fields) = kind(&sitting) else { panic!("{:?}", kind(&sitting)) };
    assert_eq!(fields.reason.lines().join(" "), "see INC-7");
}

#[test]
fn a_panel_that_opens_again_says_what_is_different() {
    type Change = (&'static str, fn(&mut warroom::engine::Snapshot));
    let changes: [Change; 3] = [
        ("driver alice → bob", |s| s.people.driver = Some(bob())),
        ("candidate 25% → 50%", |s| s.split.wanted = warroom::domain::Split::from_permille(500).expect("a split")),
        ("ok → FAIL", |s| s.gates[0].verdict = warroom::domain::Verdict::Fail),
    ];
    for (words, change) in changes {
        let mut sitting = Sitting::baking();
        sitting.press('A');
        sitting.after(500);
        let snapshot = &mut sitting.status.as_mut().expect("status").snapshot;
        snapshot.generation += 1;
        change(snapshot);
        sitting.input(Input::Tick);
        assert!(sitting.flash().contains(words), "{words}: {}", sitting.flash());
    }
}

#[test]
fn a_wrong_name_is_said_at_once_and_the_reason_stays() {
    let mut sitting = Sitting::at(locked());
    sitting.type_text("AOchekout\n");
    assert_eq!(sitting.flash(), "that is not the name");
    sitting.code(KeyCode::Tab);
    sitting.type_text("see INC-7\n");
    assert_eq!(sitting.sent(), 0);
    let Kind::Override(fields) = kind(&sitting) else { panic!("{:?}", kind(&sitting)) };
    assert_eq!((fields.reason.lines().join(" ").as_str(), fields.in_reason), ("see INC-7", false));
}

/// "shown to the loser".
#[test]
fn whoever_loses_the_seat_sees_and_hears_it() {
    let mut sitting = Sitting::baking();
    sitting.desk.me = Some(crate::scene::alice());
    sitting.input(Input::Tick);
    sitting.acts.clear();
    sitting.status.as_mut().expect("status").snapshot.people.driver = Some(bob());
    sitting.input(Input::Tick);
    assert!(sitting.flash().contains("bob took control"), "{}", sitting.flash());
    assert_eq!(sitting.acts, [Act::Bell]);
    assert!(sitting.desk.lost_seat);
}

#[test]
fn override_takes_the_typed_name_and_a_reason() {
    let mut sitting = Sitting::at(locked());
    sitting.press('A');
    sitting.press('O');
    sitting.type_text("checkout\n");
    assert_eq!(sitting.sent(), 0, "Enter in the name goes on to the reason");
    sitting.code(KeyCode::Enter);
    assert_eq!((sitting.sent(), sitting.flash().as_str()), (0, "an override needs a reason"));
    sitting.type_text("Rather now, see INC-7\n");
    assert_eq!(sitting.sent(), 1);
    let Act::Send(_, Command::Advance { over: Some(Override { typed, reason }), generation }) = &sitting.acts[0] else {
        panic!("{:?}", sitting.acts)
    };
    assert_eq!((typed.as_str(), reason.as_str()), ("checkout", "Rather now, see INC-7"));
    assert_eq!(*generation, locked().snapshot.generation);
}

#[test]
fn o_outside_the_locked_panel_is_nothing() {
    let mut sitting = Sitting::baking();
    sitting.press('O');
    assert!(sitting.desk.dialog.is_none());
    sitting.press('A');
    sitting.press('O');
    assert!(!sitting.desk.dialog.as_ref().is_some_and(|dialog| matches!(dialog.kind, Kind::Override(_))));
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn a_hard_gate_cannot_be_overridden_and_says_so() {
    let mut scene = Scene::at_step(2);
    scene.readable = false;
    scene.run(4.0);
    let mut sitting = Sitting::at(&scene.status());
    sitting.press('A');
    assert!(!lock(&sitting).can_override, "{:?}", kind(&sitting));
    sitting.press('O');
    assert_eq!(sitting.flash(), "this cannot be overridden");
}

#[test]
fn a_paste_into_the_override_is_text_without_line_ends() {
    let mut sitting = Sitting::at(locked());
    sitting.press('A');
    sitting.press('O');
    sitting.input(Input::Paste("check\nout\r".to_owned()));
    let Kind::Override(fields) = kind(&sitting) else { panic!("{:?}", kind(&sitting)) };
    assert_eq!(fields.name, "checkout");
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn link_down_nothing_goes_forward_and_nothing_is_queued() {
    let mut sitting = Sitting::baking();
    sitting.press('A');
    sitting.after(500);
    sitting.input(Input::Linked(false));
    sitting.press('y');
    assert!(matches!(kind(&sitting), Kind::Locked), "{:?}", kind(&sitting));
    assert!(sitting.flash().contains("keeper gone"), "{}", sitting.flash());
    sitting.press('A');
    assert!(sitting.flash().contains("not connected"), "{}", sitting.flash());
    sitting.input(Input::Linked(true));
    sitting.after(30_000);
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn take_asks_first_and_names_the_driver() {
    let mut scene = Scene::at_step(1);
    scene.event(warroom::engine::Event::ConsoleCame { console: 2, by: bob(), rights: warroom::domain::Rights::Full });
    let mut sitting = Sitting::at(&scene.status());
    sitting.press('T');
    assert!(matches!(kind(&sitting), Kind::Take { from } if from.as_str() == "alice"));
    sitting.after(400);
    sitting.press('y');
    assert!(matches!(sitting.acts[0], Act::Send(_, Command::Take)));
}

/// `T takes control`, a lock says: the key is taken where that is read.
#[test]
fn a_lock_that_names_t_takes_it() {
    for keys in ["A", ":reassert\n"] {
        let mut sitting = Sitting::baking();
        sitting.desk.me = Some(bob());
        sitting.type_text(keys);
        assert!(!sitting.desk.dialog.as_ref().expect("a lock").acts(), "{keys}");
        sitting.press('T');
        assert!(
            matches!(kind(&sitting), Kind::Take { from } if from.as_str() == "alice"),
            "{keys}: {:?}",
            kind(&sitting)
        );
        sitting.press('n');
        sitting.after(5000);
        sitting.press('R');
        assert!(sitting.is_armed(), "T in a lock is no stray text");
    }
}

#[test]
fn take_closes_after_20_seconds_and_on_other_keys() {
    let mut sitting = Sitting::baking();
    sitting.press('T');
    sitting.after(20_000);
    assert!(sitting.desk.dialog.is_none());
    sitting.press('T');
    sitting.press('x');
    assert!(sitting.desk.dialog.is_none());
    assert_eq!(sitting.sent(), 0);
}
