//! Rows of the hazards table, by their numbers. Row 1 is in `stray`; 15 to 23, 25 to 28, 35, 42 and 44 in
//! `tests/screens.rs`.

use crate::scene::{Scene, alice};
use crate::sitting::{Sitting, baking, locked, target_not_ready};
use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
use std::time::Duration;
use warroom::console::desk::{Act, Input, Panel};
use warroom::domain::{CommandId, Rights, Verdict};
use warroom::engine::{Answer, Command, Fact, Phase};

#[test]
fn hazard_02_an_unbracketed_paste_of_r_y_and_a_line_end_sends_nothing() {
    for text in ["Ry\n", "Ry", "RRyy", "R\ny\n", "HRy\n", "Ryyyyyyyyy"] {
        let mut sitting = Sitting::baking();
        sitting.type_text(text);
        sitting.after(1000);
        assert_eq!((sitting.rollbacks(), sitting.holds()), (0, 0), "{text:?}");
        assert!(!sitting.flash().is_empty(), "{text:?} was silent");
    }
}

#[test]
fn hazard_03_typing_echo_ryan_into_all_panes_sends_nothing() {
    for gap in [0, 15, 80, 120, 200, 350] {
        let mut sitting = Sitting::baking();
        for c in "echo Ryan\necho Hey Ray, you\n".chars() {
            sitting.press(c);
            sitting.after(gap);
        }
        sitting.after(2000);
        assert_eq!(sitting.rollbacks() + sitting.advances(), 0, "{gap} ms");
        // Slower than that a capital H of a text stands alone, and holding is harmless.
        assert!(gap > 250 || sitting.sent() == 0, "{gap} ms");
    }
}

#[test]
fn hazard_04_a_bracketed_paste_is_a_flash_and_in_a_field_text() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Paste("R\nA\nH\ny\n".to_owned()));
    sitting.after(3000);
    assert_eq!(sitting.acts, []);
    assert!(sitting.desk.dialog.is_none());
    sitting.press(':');
    sitting.input(Input::Paste("R\nA\r\nH".to_owned()));
    assert_eq!(sitting.desk.command_line.as_deref(), Some("RAH"));
    assert_eq!(sitting.acts, []);
}

#[test]
fn hazard_05_double_held_repeated_and_released_r_is_one_arm_and_no_send() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    let opened = sitting.desk.dialog.as_ref().expect("armed").opened_at;
    for _ in 0..100 {
        sitting.after(33);
        sitting.press('R');
        sitting.event(KeyCode::Char('R'), KeyModifiers::SHIFT, KeyEventKind::Repeat);
        sitting.event(KeyCode::Char('R'), KeyModifiers::SHIFT, KeyEventKind::Release);
    }
    assert_eq!(sitting.desk.dialog.as_ref().expect("armed").opened_at, opened);
    assert_eq!(sitting.acts, []);
}

#[test]
fn hazard_06_r_and_y_in_one_burst() {
    for (gap, sends) in [(0, 0), (399, 0), (400, 1)] {
        let mut sitting = Sitting::baking();
        sitting.press('R');
        sitting.after(gap);
        sitting.press('y');
        assert_eq!(sitting.rollbacks(), sends, "+{gap} ms");
        assert_eq!(sitting.is_armed(), sends == 0);
    }
}

#[test]
fn hazard_07_keys_with_modifiers_are_other_keys() {
    for modifiers in [KeyModifiers::ALT, KeyModifiers::ALT | KeyModifiers::SHIFT, KeyModifiers::CONTROL] {
        for c in ['R', 'H', 'A', 'T'] {
            let mut sitting = Sitting::baking();
            sitting.with(c, modifiers);
            sitting.after(1000);
            assert!(sitting.desk.dialog.is_none(), "{modifiers:?} {c}");
            assert_eq!(sitting.sent(), 0, "{modifiers:?} {c}");
        }
        for c in ['y', 'Y'] {
            let mut sitting = Sitting::baking();
            sitting.press('R');
            sitting.after(500);
            sitting.with(c, modifiers);
            assert_eq!(sitting.rollbacks(), 0, "{modifiers:?} {c}");
        }
    }
}

#[test]
fn hazard_08_enter_and_capital_y_confirm_nothing() {
    for opens in ['R', 'A', 'T'] {
        for c in ['\n', 'Y'] {
            let mut sitting = Sitting::baking();
            sitting.press(opens);
            sitting.after(1000);
            sitting.press(c);
            assert_eq!(sitting.sent(), 0, "{opens} {c:?}");
        }
    }
}

#[test]
fn hazard_09_a_forgotten_arm_is_gone() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(10_000);
    assert!(!sitting.is_armed());
    sitting.press('y');
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(500);
    // Stopped for minutes: the first thing that comes may be a key and not the signal.
    sitting.now = sitting.now + Duration::from_mins(5);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 0, "a key after minutes met the old panel");
}

#[test]
fn hazard_10_two_consoles_advance_one_wins_and_the_other_opens_again() {
    let mut scene = Scene::at_step(1);
    let mut loser = Sitting::at(&scene.status());
    loser.press('A');
    loser.after(1000);
    loser.press('y');
    let Act::Send(id, command @ Command::Advance { .. }) = loser.acts[0].clone() else { panic!("{:?}", loser.acts) };
    scene.advance();
    scene.run(0.1);
    let answer = scene.command(alice(), command);
    assert!(matches!(answer, Answer::Late(_)), "{answer:?}");
    loser.status = Some(scene.status());
    loser.input(Input::Answered(id, Answer::Late(id)));
    assert!(loser.flash().contains("changed"), "{}", loser.flash());
    assert_eq!(loser.advances(), 1);
    assert!(loser.desk.dialog.is_some(), "the panel opens again with what is so now");
}

#[test]
fn hazard_11_a_rollback_that_is_sent_again_keeps_its_name_and_is_done_once() {
    let mut sitting = Sitting::baking();
    for _ in 0..2 {
        sitting.press('R');
        sitting.after(400);
        sitting.press('y');
        sitting.after(100);
        sitting.code(KeyCode::Esc);
        sitting.after(100);
    }
    let sent: Vec<(CommandId, Command)> = sitting
        .acts
        .iter()
        .filter_map(|act| if let Act::Send(id, command) = act { Some((*id, command.clone())) } else { None })
        .collect();
    assert_eq!(sent.len(), 2, "{:?}", sitting.acts);
    assert_eq!(sent[0].0, sent[1].0);
    let mut scene = Scene::at_step(2);
    for (id, command) in sent {
        let answer = scene.request(id, alice(), command);
        assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
        scene.run(1.0);
    }
    let snapshot = scene.engine.snapshot();
    let begun = snapshot.log.iter().filter(|entry| matches!(entry.fact, Fact::RollbackAccepted { .. })).count();
    assert_eq!((begun, snapshot.rollback.map(|rollback| rollback.attempts)), (1, Some(1)));
}

#[test]
fn hazard_12_nothing_is_queued_over_a_lost_link() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Linked(false));
    sitting.press('R');
    sitting.after(400);
    sitting.press('y');
    sitting.after(500);
    sitting.code(KeyCode::Esc);
    sitting.after(1000);
    sitting.press('H');
    sitting.after(1000);
    sitting.press('A');
    sitting.input(Input::Linked(true));
    sitting.after(60_000);
    assert_eq!(sitting.sent(), 0, "{:?}", sitting.acts);
    assert_eq!(sitting.directs(), 1);
}

#[test]
fn hazard_14_no_y_path_to_a_dead_target() {
    let mut sitting = Sitting::at(target_not_ready());
    sitting.press('R');
    for _ in 0..20 {
        sitting.after(300);
        sitting.press('y');
    }
    assert_eq!(sitting.rollbacks(), 0);
}

#[test]
fn hazard_14_not_even_when_the_keeper_is_not_connected() {
    for typed in ["", "y", "checkou"] {
        let mut sitting = Sitting::at(target_not_ready());
        sitting.input(Input::Linked(false));
        sitting.press('R');
        sitting.after(500);
        sitting.type_text(typed);
        sitting.code(KeyCode::Enter);
        assert_eq!(sitting.rollbacks(), 0, "R, {typed:?}, Enter rolled back directly to a target that is down");
    }
}

#[test]
fn hazard_14_nor_when_it_is_silent() {
    let mut sitting = Sitting::at(target_not_ready());
    sitting.press('R');
    sitting.after(500);
    sitting.type_text("y\n");
    sitting.after(2000);
    assert_eq!(sitting.directs(), 0, "the wrong name went direct because the keeper did not answer");
}

#[test]
fn hazard_14_a_right_name_reaches_the_direct_rollback() {
    let mut sitting = Sitting::at(target_not_ready());
    sitting.input(Input::Linked(false));
    sitting.press('R');
    sitting.after(500);
    sitting.type_text("checkout\n");
    assert_eq!(sitting.directs(), 1);
    let act = sitting.acts.iter().find(|act| !matches!(act, Act::Bell)).expect("an act");
    // Past a point of no return `warroom rollback --direct` needs the typed name as well.
    assert!(format!("{act:?}").contains("checkout"), "the typed name is lost on the way: {act:?}");
}

#[test]
fn hazard_38_minutes_after_ctrl_z_y_is_nothing() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(500);
    sitting.with('z', KeyModifiers::CONTROL);
    sitting.now = sitting.now + Duration::from_mins(4);
    sitting.input(Input::Continued);
    sitting.press('y');
    sitting.after(1000);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 0);
    assert!(sitting.acts.contains(&Act::Redraw));
}

#[test]
fn hazard_39_keys_typed_at_a_stalled_picture_confirm_nothing() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(3000);
    sitting.desk.stalled(Duration::from_secs(3), 2, sitting.now);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 0);
    assert!(sitting.desk.dialog.is_none());
}

#[test]
fn hazard_40_a_read_only_console_acts_on_nothing_by_key() {
    let mut sitting = Sitting::at(locked());
    sitting.rights = Rights::ReadOnly;
    for c in ['R', 'H', 'A', 'T', 'O', 'y', ' '] {
        sitting.press(c);
        sitting.after(3000);
        sitting.press('y');
        sitting.after(3000);
    }
    sitting.with('R', KeyModifiers::ALT);
    sitting.press('?');
    sitting.with('R', KeyModifiers::ALT | KeyModifiers::SHIFT);
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.acts, []);
}

#[test]
fn a_console_of_another_version_says_why_it_may_not_act_and_rolls_back() {
    let mut sitting = Sitting::baking();
    sitting.rights = Rights::ReadOnly;
    sitting.desk.estranged = Some("the keeper speaks protocol 7, this warroom 1".into());
    for c in ['H', 'A', 'T'] {
        sitting.press(c);
        assert_eq!(sitting.flash(), "only R works: the keeper speaks protocol 7, this warroom 1");
        sitting.after(3000);
    }
    assert_eq!(sitting.acts, []);
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 1);
    let mut given_up = Sitting::baking();
    given_up.rights = Rights::ReadOnly;
    given_up.desk.estranged = Some("the keeper speaks protocol 7, this warroom 1".into());
    given_up.type_text(":readonly on\n:rollback\n");
    given_up.after(500);
    given_up.press('y');
    assert_eq!(given_up.acts, []);
}

#[test]
fn hazard_40_nor_by_command_line() {
    for name in warroom::console::desk::COMMANDS.iter().map(|word| word.name).filter(|name| *name != "q") {
        let mut sitting = Sitting::baking();
        sitting.rights = Rights::ReadOnly;
        sitting.type_text(&format!(":{name} some words\n"));
        sitting.after(1000);
        sitting.press('y');
        sitting.after(3000);
        assert_eq!(sitting.acts, [], ":{name} on a read-only console");
    }
}

#[test]
fn hazard_40_nor_directly_when_the_keeper_is_away() {
    let mut sitting = Sitting::baking();
    sitting.rights = Rights::ReadOnly;
    sitting.input(Input::Linked(false));
    sitting.type_text(":rollback\n");
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.directs(), 0, "a read-only console started a rollback of its own");
}

#[test]
fn hazard_40_nor_through_a_panel_that_was_open_when_the_rights_went() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(500);
    sitting.rights = Rights::ReadOnly;
    sitting.press('y');
    assert_eq!(sitting.acts, []);
}

#[test]
fn hazard_41_a_hundred_flapping_samples_ring_at_most_every_30_s() {
    let mut sitting = Sitting::baking();
    let mut rang = Vec::new();
    for second in 0..100 {
        let status = sitting.status.as_mut().expect("a status");
        // Bad long enough to be raised, good long enough to be cleared, again and again; and what flaps faster.
        let slow = if second % 10 < 4 { Verdict::Fail } else { Verdict::Pass };
        let fast = if second % 2 == 0 { Verdict::Fail } else { Verdict::Pass };
        status.snapshot.checks[0].verdict = slow;
        status.snapshot.checks[1].verdict = fast;
        sitting.after(1000);
        if sitting.acts.contains(&Act::Bell) {
            rang.push(second);
        }
        sitting.acts.clear();
    }
    assert!(!rang.is_empty(), "it never rang");
    assert!(rang.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{rang:?}");
}

/// The wheel and a click are all of the mouse that reaches the desk: they scroll and focus, and whatever is open,
/// nothing goes out.
#[test]
fn hazard_43_the_mouse_never_acts() {
    let shell =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/shell.rs")).expect("readable");
    let from = shell.find("fn pointed").expect("mouse events are translated in one place");
    let body = &shell[from..from + shell[from..].find("\n    }\n").expect("its end")];
    let inputs: Vec<&str> = body.split("Input::").skip(1).collect();
    assert_eq!(inputs.len(), 3, "{body}");
    assert!(inputs.iter().all(|input| input.starts_with("Wheel(") || input.starts_with("Pointed)")), "{body}");
    for open in ["", "R", "A", "T", "?", ":end", ":rollback\n", ":debug\n"] {
        for status in [baking(), locked()] {
            let mut sitting = Sitting::at(status);
            sitting.type_text(open);
            sitting.after(500);
            let armed = sitting.is_armed();
            for by in [3, -3, 3, 300, -300] {
                sitting.input(Input::Wheel(by));
                sitting.after(10);
            }
            for panel in Panel::ALL {
                sitting.input(Input::Pointed(panel));
                sitting.after(10);
            }
            assert_eq!(sitting.acts, [], "{open:?}");
            assert_eq!(sitting.is_armed(), armed, "a colleague's scroll does not veto a rollback");
        }
    }
    assert_eq!(baking().snapshot.phase, Phase::Baking);
}

#[test]
fn a_click_brings_the_focus_unless_something_is_open_or_typed() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Pointed(Panel::Checks));
    assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (Panel::Checks, None));
    sitting.press('4');
    sitting.input(Input::Pointed(Panel::Checks));
    assert_eq!(sitting.desk.zoom(), Some(Panel::Checks), "what has the focus keeps its room");
    sitting.input(Input::Pointed(Panel::Traffic));
    assert_eq!((sitting.desk.focus, sitting.desk.zoom()), (Panel::Traffic, None));
    for open in ["R", "?", ":", "/"] {
        let mut sitting = Sitting::baking();
        sitting.type_text(open);
        sitting.input(Input::Pointed(Panel::Signals));
        assert_eq!(sitting.desk.focus, Panel::Log, "{open:?}");
    }
}

#[test]
fn the_wheel_scrolls_the_log_and_the_help() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Wheel(3));
    assert_eq!(sitting.desk.log.paused(), Some(0), "it stands, three lines back");
    sitting.input(Input::Wheel(-3));
    assert_eq!(sitting.desk.log.paused(), None, "it follows again");
    sitting.press('?');
    sitting.input(Input::Wheel(-3));
    let dialog = sitting.desk.dialog.as_ref().expect("open");
    assert!(matches!(dialog.kind, warroom::console::desk::dialog::Kind::Help { from: 4, .. }), "{:?}", dialog.kind);
}

/// A letter that no mode binds counts wherever it is typed, except into a field.
#[test]
fn text_over_a_panel_that_is_only_read_is_still_arriving_text() {
    let mut sitting = Sitting::baking();
    sitting.type_text("?abcqR");
    assert!(!sitting.is_armed());
}
