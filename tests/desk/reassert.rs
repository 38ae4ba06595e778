//! `:reassert`: a panel like the advance's, bound to what was seen; locked, it says why and never unlocks under a finger.

use crate::scene::{Scene, alice, bob};
use crate::sitting::{Sitting, baking, locked};
use std::sync::OnceLock;
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::{Act, Foreseen, Input};
use warroom::domain::{Clean, CommandId, Rights};
use warroom::engine::{Answer, Command};
use warroom::wire::Status;

/// Baked at 25 %, and the balancer holds something else, as somebody set it.
fn drifted(candidate: u32) -> Status {
    let mut scene = Scene::at_step(2);
    scene.candidate = candidate;
    scene.run(3.0);
    scene.status()
}

fn forward() -> &'static Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    STATUS.get_or_init(|| drifted(60_000))
}

fn back() -> &'static Status {
    static STATUS: OnceLock<Status> = OnceLock::new();
    STATUS.get_or_init(|| drifted(2_000))
}

fn type_it(sitting: &mut Sitting) {
    sitting.type_text(":reassert\n");
}

fn is_bound(sitting: &Sitting) -> Option<bool> {
    let Kind::Reassert { seen } = &sitting.desk.dialog.as_ref()?.kind else { return None };
    Some(seen.is_some())
}

/// What Enter would do to the line as it is typed.
fn foreseen(sitting: &mut Sitting) -> Option<Foreseen> {
    sitting.type_text(":reassert");
    sitting.desk.foresee(sitting.status.as_ref(), Rights::Full, sitting.now)
}

#[test]
fn it_opens_a_panel_and_y_sends_it_after_the_dwell() {
    let mut sitting = Sitting::at(forward());
    let seen = forward().snapshot.generation;
    type_it(&mut sitting);
    assert_eq!(is_bound(&sitting), Some(true));
    sitting.after(399);
    sitting.press('y');
    assert_eq!((sitting.sent(), sitting.flash().as_str()), (0, "too early: press y again"));
    sitting.after(1);
    sitting.press('y');
    let bound = |act: &Act| matches!(act, Act::Send(_, Command::Reassert { generation }) if *generation == seen);
    assert!(sitting.acts.iter().any(bound), "{:?}", sitting.acts);
    sitting.press('y');
    assert_eq!(sitting.sent(), 1);
}

#[test]
fn against_a_move_towards_stable_it_is_locked_and_stays_so_under_the_finger() {
    let mut sitting = Sitting::at(back());
    let Some(Foreseen::Does(words)) = foreseen(&mut sitting) else { panic!("nothing foreseen") };
    assert!(words.contains("RE-ASSERT is locked: it would give the candidate more"), "{words}");
    sitting.type_text("\n");
    assert_eq!(is_bound(&sitting), Some(false));
    // It becomes possible; the panel does not turn into one that sends.
    sitting.status = Some(forward().clone());
    sitting.after(1000);
    sitting.press('y');
    sitting.after(1000);
    sitting.press('y');
    assert_eq!((is_bound(&sitting), sitting.sent()), (Some(false), 0));
    // And R means there what it always means.
    sitting.press('R');
    assert!(sitting.is_armed());
}

#[test]
fn another_change_meanwhile_opens_it_again_with_a_dwell_of_its_own() {
    let mut sitting = Sitting::at(forward());
    type_it(&mut sitting);
    sitting.after(1000);
    let mut other = drifted(70_000);
    other.snapshot.generation = forward().snapshot.generation + 1;
    sitting.status = Some(other);
    sitting.input(Input::Tick);
    assert!(sitting.flash().contains("somebody else's 60% → 70%"), "{}", sitting.flash());
    sitting.press('y');
    assert_eq!((is_bound(&sitting), sitting.sent()), (Some(true), 0));
    // Somebody rolls back by hand: it locks.
    let mut less = back().clone();
    less.snapshot.generation = forward().snapshot.generation + 2;
    sitting.status = Some(less);
    sitting.input(Input::Tick);
    sitting.after(1000);
    sitting.press('y');
    assert_eq!((is_bound(&sitting), sitting.sent()), (Some(false), 0));
}

#[test]
fn it_is_the_drivers_and_needs_something_to_set_right() {
    let mut sitting = Sitting::at(baking());
    type_it(&mut sitting);
    assert_eq!(is_bound(&sitting), Some(false), "nothing has drifted");
    let mut status = forward().clone();
    status.snapshot.people.driver = Some(bob());
    let mut sitting = Sitting::at(&status);
    sitting.desk.me = Some(alice());
    type_it(&mut sitting);
    assert_eq!(is_bound(&sitting), Some(false), "bob drives");
    // An older keeper says nothing of it.
    let mut status = forward().clone();
    status.snapshot.drift.as_mut().expect("drifted").reassert_refused = None;
    let mut sitting = Sitting::at(&status);
    type_it(&mut sitting);
    assert_eq!(is_bound(&sitting), Some(false));
    assert_eq!(sitting.sent(), 0);
}

/// What was asked last was an override, not the re-assert of before it.
#[test]
fn an_override_that_lost_its_race_opens_no_reassert() {
    let mut sitting = Sitting::at(forward());
    let newest = |sitting: &Sitting| -> CommandId {
        let id = |act: &Act| if let Act::Send(id, _) = act { Some(*id) } else { None };
        sitting.acts.iter().rev().find_map(id).expect("sent")
    };
    type_it(&mut sitting);
    sitting.after(500);
    sitting.press('y');
    let id = newest(&sitting);
    sitting.input(Input::Answered(id, Answer::Applied(Clean::new("re-asserts 25%"))));
    // Later the gates of the next step are closed.
    sitting.status = Some(locked().clone());
    sitting.type_text("AOcheckout\nINC-7\n");
    let id = newest(&sitting);
    let over = |act: &Act| matches!(act, Act::Send(_, Command::Advance { over: Some(_), .. }));
    assert!(sitting.acts.iter().any(over), "{:?} {}", sitting.acts, sitting.flash());
    sitting.input(Input::Answered(id, Answer::Late(id)));
    assert_eq!(is_bound(&sitting), None, "{}", sitting.flash());
    let opened = sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind);
    assert!(matches!(opened, Some(Kind::Locked | Kind::Advance { .. })), "{opened:?}");
}
