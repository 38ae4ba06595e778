//! One press of `R` beside a question, and questions that nobody answers any more.

use crate::sitting::{Sitting, baking, held, locked, target_not_ready};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::time::Duration;
use warroom::console::desk::Input;
use warroom::console::desk::dialog::{Kind, TYPED_FOR};
use warroom::wire::Status;

/// Every panel that asks and takes no text: how it is opened.
fn questions() -> Vec<(&'static str, Status, &'static str)> {
    let mut of_bob = baking().clone();
    of_bob.snapshot.people.driver = Some(crate::scene::bob());
    vec![
        ("advance", baking().clone(), "A"),
        ("resume", held().clone(), "A"),
        ("take", of_bob, "T"),
        ("end", baking().clone(), ":end\n"),
    ]
}

fn asked(name: &str, status: &Status, keys: &str) -> Sitting {
    let mut sitting = Sitting::at(status);
    sitting.type_text(keys);
    let dialog = sitting.desk.dialog.as_ref().unwrap_or_else(|| panic!("{name}: {}", sitting.flash()));
    assert!(dialog.acts() && !sitting.is_armed(), "{name}");
    sitting.after(3000);
    sitting
}

/// Whoever reads the gates and sees it go wrong presses it once. The `y` that was on its way to the question is too early
/// for the armed panel, whose dwell is its own.
#[test]
fn r_beside_a_question_arms_at_once_with_a_dwell_of_its_own() {
    for (name, status, keys) in questions() {
        let mut sitting = asked(name, &status, keys);
        sitting.press('R');
        assert!(sitting.is_armed(), "{name}: {}", sitting.flash());
        for millis in [0, 399] {
            sitting.after(millis);
            sitting.press('y');
            assert_eq!((sitting.sent(), sitting.is_armed()), (0, true), "{name} {millis} ms");
            assert_eq!(sitting.flash(), "too early: press y again");
        }
        sitting.after(1);
        sitting.press('y');
        assert_eq!((sitting.rollbacks(), sitting.sent()), (1, 1), "{name}");
    }
}

/// Not from the key on: a terminal that shows the armed panel late gets its `y` late.
#[test]
fn that_dwell_counts_from_the_frame_that_shows_the_armed_panel() {
    let mut sitting = asked("advance", baking(), "A");
    let press = |sitting: &mut Sitting, c: char, now| {
        let key = KeyEvent::new(KeyCode::Char(c), if c == 'R' { KeyModifiers::SHIFT } else { KeyModifiers::NONE });
        sitting.desk.handle(Input::Key(key), now, Some(baking()), sitting.rights)
    };
    let now = sitting.now;
    press(&mut sitting, 'R', now);
    let later = now + Duration::from_secs(2);
    assert_eq!(press(&mut sitting, 'y', later), [], "it was not shown yet");
    sitting.desk.flushed(later);
    assert_eq!(press(&mut sitting, 'y', later + Duration::from_millis(399)), []);
    assert_eq!(press(&mut sitting, 'y', later + Duration::from_millis(400)).len(), 1);
}

/// Hazard 1: text that opens a question on its way is text all the same.
#[test]
fn r_beside_a_question_within_two_seconds_of_stray_text_arms_nothing() {
    // The command line does not even open.
    for (name, status, keys) in questions().into_iter().filter(|(_, _, keys)| !keys.starts_with(':')) {
        let mut sitting = Sitting::at(&status);
        sitting.type_text("z");
        sitting.after(1000);
        sitting.type_text(keys);
        assert!(sitting.desk.dialog.is_some(), "{name}");
        sitting.after(999);
        sitting.press('R');
        assert!(sitting.desk.dialog.is_none(), "{name}");
        assert_eq!(sitting.flash(), "text arriving - wait 2 s", "{name}");
        sitting.after(1000);
        sitting.press('y');
        assert_eq!(sitting.sent(), 0, "{name}");
    }
}

#[test]
fn what_is_not_r_alone_only_closes_a_question() {
    for (modifiers, kind) in [(KeyModifiers::SUPER, KeyEventKind::Press), (KeyModifiers::SHIFT, KeyEventKind::Repeat)] {
        let mut sitting = asked("advance", baking(), "A");
        sitting.event(KeyCode::Char('R'), modifiers, kind);
        assert!(sitting.desk.dialog.is_none() && sitting.sent() == 0, "{modifiers:?} {kind:?}");
    }
}

/// Whoever typed half a name went away: the next one at the keyboard must not finish it.
#[test]
fn what_is_typed_is_given_up_a_minute_after_the_last_key() {
    for (status, keys, how) in [(target_not_ready(), "R", "disarmed"), (locked(), "AO", "closed")] {
        let mut sitting = Sitting::at(status);
        sitting.type_text(keys);
        let minute = TYPED_FOR.as_millis() as u64;
        for text in ["check", "out"] {
            sitting.after(minute - 1);
            sitting.type_text(text);
            assert!(matches!(
                sitting.desk.dialog.as_ref().expect("open as long as somebody types").kind,
                Kind::RollBack { .. } | Kind::Override(_)
            ));
        }
        sitting.after(minute - 1);
        assert!(sitting.desk.dialog.is_some());
        sitting.after(1);
        assert!(sitting.desk.dialog.is_none());
        assert_eq!(sitting.flash(), format!("{how} after 60 s without a key: nothing was sent"));
        sitting.code(KeyCode::Enter);
        assert_eq!(sitting.sent(), 0);
    }
}

#[test]
fn a_paste_into_a_field_is_somebody_at_the_keyboard() {
    let mut sitting = Sitting::at(locked());
    sitting.type_text("AO");
    let minute = TYPED_FOR.as_millis() as u64;
    sitting.after(minute - 1);
    sitting.input(Input::Paste("checkout".to_owned()));
    sitting.after(minute - 1);
    assert!(sitting.desk.dialog.is_some());
    sitting.after(1);
    assert!(sitting.desk.dialog.is_none());
}
