//! Hold: one press, alone.

use crate::sitting::{Sitting, baking, held, locked};
use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
use std::time::Duration;
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::{Act, Input};
use warroom::domain::{Clean, Rights};
use warroom::engine::{Answer, Command};

#[test]
fn h_alone_fires_once_150_ms_later() {
    let mut sitting = Sitting::baking();
    sitting.press('H');
    sitting.after(149);
    assert_eq!(sitting.holds(), 0);
    sitting.after(1);
    assert_eq!(sitting.holds(), 1);
    sitting.after(5000);
    assert_eq!(sitting.holds(), 1);
    assert_eq!(sitting.sent(), 1);
}

#[test]
fn another_key_up_to_250_ms_before_drops_it_and_says_why() {
    for (before, fires) in [(0, 0), (249, 0), (250, 0), (251, 1)] {
        let mut sitting = Sitting::baking();
        sitting.press('j');
        sitting.after(before);
        sitting.press('H');
        let flash = sitting.flash();
        sitting.after(1000);
        assert_eq!(sitting.holds(), fires, "{before} ms");
        assert_eq!(flash.contains("NOT HELD"), fires == 0, "{before} ms: {flash}");
    }
}

#[test]
fn another_key_within_150_ms_after_drops_it_and_says_why() {
    for (after, fires) in [(0, 0), (149, 0), (150, 1)] {
        let mut sitting = Sitting::baking();
        sitting.press('H');
        sitting.after(after);
        sitting.press('e');
        let flash = sitting.flash();
        sitting.after(1000);
        assert_eq!(sitting.holds(), fires, "{after} ms");
        assert_eq!(flash.contains("NOT HELD"), fires == 0, "{after} ms: {flash}");
    }
}

#[test]
fn a_held_or_mashed_h_always_fires() {
    for gap in [10, 30, 90, 140, 200] {
        let mut sitting = Sitting::baking();
        for _ in 0..8 {
            sitting.press('H');
            sitting.after(gap);
        }
        sitting.after(500);
        assert!(sitting.holds() >= 1, "every {gap} ms");
    }
    let mut sitting = Sitting::baking();
    sitting.press('H');
    for _ in 0..20 {
        sitting.after(33);
        sitting.event(KeyCode::Char('H'), KeyModifiers::SHIFT, KeyEventKind::Repeat);
    }
    sitting.after(500);
    assert!(sitting.holds() >= 1, "held with repeat events");
}

#[test]
fn mashed_after_another_key_it_fires_once_the_quiet_time_is_over() {
    let mut sitting = Sitting::baking();
    sitting.press('j');
    for _ in 0..5 {
        sitting.after(100);
        sitting.press('H');
    }
    sitting.after(500);
    assert!(sitting.holds() >= 1);
}

#[test]
fn a_command_key_with_control_is_another_key_too() {
    let mut sitting = Sitting::baking();
    sitting.press('H');
    sitting.after(50);
    sitting.with('c', KeyModifiers::CONTROL);
    sitting.after(1000);
    assert_eq!(sitting.holds(), 0, "Ctrl-C cancels what is about to happen");
}

#[test]
fn holding_again_is_asked_again_and_answered_in_words() {
    let mut sitting = Sitting::at(held());
    sitting.press('H');
    sitting.after(200);
    assert_eq!(sitting.holds(), 1);
    let Act::Send(id, Command::Hold) = sitting.acts[0].clone() else { panic!("{:?}", sitting.acts) };
    let words = "already holding since 12:01:03Z by alice";
    sitting.input(Input::Answered(id, Answer::Applied(Clean::new(words))));
    assert_eq!(sitting.flash(), words);
}

#[test]
fn link_down_it_fails_loudly_and_nothing_is_queued() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Linked(false));
    sitting.press('H');
    assert!(sitting.flash().contains("NOT HELD"), "{}", sitting.flash());
    sitting.after(1000);
    sitting.input(Input::Linked(true));
    sitting.after(10_000);
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn link_lost_between_the_key_and_the_send_says_not_sent() {
    let mut sitting = Sitting::baking();
    sitting.press('H');
    sitting.after(50);
    sitting.input(Input::Linked(false));
    sitting.after(200);
    assert!(sitting.flash().contains("NOT SENT"), "{}", sitting.flash());
    sitting.input(Input::Linked(true));
    sitting.after(10_000);
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn an_unanswered_hold_is_unknown_and_not_repeated() {
    let mut sitting = Sitting::baking();
    sitting.press('H');
    sitting.after(150 + 1000);
    assert!(sitting.flash().contains("UNKNOWN"), "{}", sitting.flash());
    sitting.after(20_000);
    assert_eq!((sitting.sent(), sitting.directs()), (1, 0));
}

#[test]
fn an_answer_after_the_deadline_is_still_shown() {
    let mut sitting = Sitting::baking();
    sitting.press('H');
    sitting.after(150 + 1200);
    let Act::Send(id, _) = sitting.acts[0].clone() else { panic!("{:?}", sitting.acts) };
    sitting.input(Input::Answered(id, Answer::Applied(Clean::new("holding at 25%"))));
    assert_eq!(sitting.desk.last_outcome.as_ref().map(Clean::as_str), Some("holding at 25%"));
}

#[test]
fn read_only_and_watching_never_hold() {
    let mut sitting = Sitting::baking();
    sitting.rights = Rights::ReadOnly;
    sitting.press('H');
    sitting.after(1000);
    assert_eq!(sitting.sent(), 0);
    assert_eq!(sitting.acts, []);
}

/// Convention 20: hold and rollback are always available; a key that does nothing says so.
#[test]
fn h_in_a_panel_that_is_only_read_is_never_silent() {
    for key in ['?', 'A'] {
        let mut sitting = Sitting::at(locked());
        sitting.press(key);
        sitting.after(1000);
        sitting.press('H');
        let flash = sitting.flash();
        sitting.after(1000);
        assert!(sitting.holds() == 1 || !flash.is_empty(), "H over the panel of {key:?} did nothing and said nothing");
    }
}

#[test]
fn h_in_the_command_line_is_text() {
    let mut sitting = Sitting::at(baking());
    sitting.type_text(":note Hold");
    sitting.after(1000);
    assert_eq!(sitting.holds(), 0);
    assert_eq!(sitting.desk.command_line.as_deref(), Some("note Hold"));
}

/// Text never has these without characters: a hold right after closing a panel is a hold.
#[test]
fn keys_that_are_no_text_just_before_do_not_drop_it() {
    for code in [KeyCode::Esc, KeyCode::Up, KeyCode::Left, KeyCode::Tab, KeyCode::BackTab, KeyCode::PageDown] {
        let mut sitting = Sitting::baking();
        sitting.code(code);
        sitting.after(20);
        sitting.press('H');
        sitting.after(1000);
        assert_eq!(sitting.holds(), 1, "{code:?}");
    }
    for code in [KeyCode::Enter, KeyCode::Char('[')] {
        let mut sitting = Sitting::baking();
        sitting.code(code);
        sitting.after(20);
        sitting.press('H');
        assert!(sitting.flash().starts_with("NOT HELD: press H again"), "{}", sitting.flash());
        sitting.after(1000);
        assert_eq!(sitting.holds(), 0, "{code:?}");
    }
}

#[test]
fn h_over_a_rollback_on_its_way_leaves_its_panel_open() {
    let mut sitting = Sitting::at(crate::sitting::rolling_back());
    sitting.press('R');
    assert!(matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Progress)));
    sitting.after(1000);
    sitting.press('H');
    sitting.after(1000);
    assert_eq!(sitting.holds(), 1, "asked, and answered in words");
    assert!(matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Progress)));
}

/// Beside a question H closes it and holds, as R there arms; its own rules stay.
#[test]
fn h_beside_a_question_holds_under_its_own_rules() {
    let mut sitting = Sitting::baking();
    sitting.press('A');
    sitting.after(300);
    sitting.press('H');
    assert!(sitting.desk.dialog.is_none());
    sitting.after(150);
    assert!(matches!(sitting.acts[..], [Act::Send(_, Command::Hold)]), "{:?}", sitting.acts);
    // Just after another key it is no decision.
    let mut sitting = Sitting::baking();
    sitting.press('A');
    sitting.after(100);
    sitting.press('H');
    sitting.after(1000);
    assert_eq!(sitting.sent(), 0, "{:?}", sitting.acts);
    // An armed rollback is only disarmed by it.
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(500);
    sitting.press('H');
    sitting.after(1000);
    assert_eq!(sitting.sent(), 0, "{:?}", sitting.acts);
}

/// Whoever pressed it believes that traffic is held.
#[test]
fn an_h_that_is_given_up_says_so_whatever_came_between() {
    type Comes = fn(&mut Sitting);
    let between: [(&str, Comes); 4] = [
        ("display stalled 1 s, 2 keys dropped", |sitting| {
            sitting.desk.stalled(Duration::from_millis(1200), 2, sitting.now);
        }),
        ("pasted text is ignored", |sitting| sitting.input(Input::Paste("ey you".to_owned()))),
        ("suspended: look again", |sitting| sitting.input(Input::Continued)),
        ("the terminal became too small", |sitting| sitting.input(Input::Resized(20, 5))),
    ];
    for (why, comes) in between {
        let mut sitting = Sitting::baking();
        sitting.press('H');
        sitting.after(50);
        comes(&mut sitting);
        assert_eq!(sitting.flash(), format!("NOT HELD: press H again; {why}"));
        sitting.after(1000);
        assert_eq!(sitting.holds(), 0, "{why}");
    }
}

/// Where every frame takes over a second the next one always comes within its 150 ms: it could never be held.
#[test]
fn an_h_that_nothing_came_with_outlives_a_slow_frame() {
    let mut sitting = Sitting::baking();
    sitting.press('H');
    sitting.now = sitting.now + Duration::from_millis(1200);
    sitting.desk.stalled(Duration::from_millis(1200), 0, sitting.now);
    assert_eq!(sitting.flash(), "display stalled 1 s, 0 keys dropped");
    sitting.after(1);
    assert_eq!(sitting.holds(), 1);
}
