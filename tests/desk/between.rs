//! Where one feature meets another: an answer that comes late, two keys in one read, a panel that others could replace.

use crate::scene::{Scene, demo_plan};
use crate::sitting::{Sitting, rolling_back, target_not_ready};
use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::keymap::{Action, Key};
use warroom::console::desk::log::Counts;
use warroom::console::desk::{Act, Input};
use warroom::engine::{Answer, Mode, Severity};

/// An advance is on its way and will have lost its race.
fn racing() -> Sitting {
    let mut sitting = Sitting::baking();
    sitting.press('A');
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.advances(), 1);
    sitting
}

/// Its answer comes: things have changed.
fn lose(sitting: &mut Sitting) {
    let id = sitting.acts.iter().find_map(|act| if let Act::Send(id, _) = act { Some(*id) } else { None });
    let id = id.expect("something was sent");
    sitting.status.as_mut().expect("status").snapshot.generation += 1;
    sitting.input(Input::Answered(id, Answer::Late(id)));
}

/// The one `y` that is on its way to the rollback must not find an advance in its place.
#[test]
fn an_advance_that_lost_its_race_leaves_an_armed_rollback_alone() {
    let mut sitting = racing();
    sitting.press('R');
    sitting.after(300);
    lose(&mut sitting);
    assert!(sitting.is_armed(), "{:?}", sitting.desk.dialog);
    assert!(sitting.flash().contains("changed"), "{}", sitting.flash());
    sitting.after(100);
    sitting.press('y');
    assert_eq!((sitting.rollbacks(), sitting.advances()), (1, 1));
}

#[test]
fn an_advance_that_lost_its_race_opens_under_nothing_that_is_typed_or_read() {
    for keys in [":note\n", ":note dr", "/5x", "?", "5\n"] {
        let mut sitting = racing();
        sitting.type_text(keys);
        let before = format!("{:?}", sitting.desk.dialog.as_ref().map(|dialog| std::mem::discriminant(&dialog.kind)));
        lose(&mut sitting);
        let after = format!("{:?}", sitting.desk.dialog.as_ref().map(|dialog| std::mem::discriminant(&dialog.kind)));
        assert_eq!(after, before, "{keys:?}");
        sitting.after(500);
        sitting.type_text("why yes y");
        assert_eq!(sitting.advances(), 1, "{keys:?}");
    }
    let mut sitting = racing();
    lose(&mut sitting);
    let open = sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind);
    assert!(matches!(open, Some(Kind::Advance { .. })), "where nothing else is open it opens again: {open:?}");
}

/// `Esc` and `Enter` in one read are Alt+Enter: what was typed is left, not sent.
#[test]
fn escape_and_enter_in_one_read_send_nothing_from_any_field() {
    let burst = |sitting: &mut Sitting| sitting.event(KeyCode::Enter, KeyModifiers::ALT, KeyEventKind::Press);
    for text in [":hold", ":approve", ":suspend 10m x", ":note x", ":q", ":readonly on"] {
        let mut sitting = Sitting::baking();
        sitting.type_text(text);
        burst(&mut sitting);
        assert_eq!((sitting.acts.as_slice(), sitting.desk.command_line.as_deref()), (&[][..], None), "{text}");
    }
    let mut sitting = Sitting::baking();
    sitting.type_text("/5xx");
    burst(&mut sitting);
    assert_eq!(sitting.desk.log.filter(), None, "Esc clears it");

    let mut sitting = Sitting::at(target_not_ready());
    sitting.press('R');
    sitting.after(500);
    let name = target_not_ready().snapshot.name.to_string();
    sitting.type_text(&name);
    burst(&mut sitting);
    assert_eq!((sitting.rollbacks(), sitting.desk.dialog.is_none()), (0, true));

    let mut sitting = Sitting::at(rolling_back());
    sitting.type_text(":reason\n6");
    sitting.after(500);
    sitting.press('y');
    sitting.type_text("disk full");
    burst(&mut sitting);
    assert_eq!((sitting.sent(), sitting.desk.dialog.is_none()), (0, true));
}

#[test]
fn the_override_is_left_by_escape_and_enter_in_one_read() {
    let mut sitting = Sitting::at(crate::sitting::locked());
    sitting.type_text("AO");
    sitting.type_text(&crate::sitting::locked().snapshot.name.to_string());
    sitting.type_text("\nfreeze");
    sitting.event(KeyCode::Enter, KeyModifiers::ALT, KeyEventKind::Press);
    assert_eq!((sitting.sent(), sitting.desk.dialog.is_none()), (0, true), "{:?}", sitting.desk.dialog);
}

/// `Esc` and a letter in one read are no letter of a name.
#[test]
fn keys_with_modifiers_are_no_text_of_a_name_or_reason() {
    let mut sitting = Sitting::at(target_not_ready());
    sitting.press('R');
    sitting.after(500);
    sitting.with('x', KeyModifiers::ALT);
    sitting.type_text(&target_not_ready().snapshot.name.to_string());
    sitting.press('\n');
    assert_eq!(sitting.rollbacks(), 1, "{}", sitting.flash());
}

/// Terminals whose Backspace is `^H` rub out everywhere.
#[test]
fn backspace_as_control_h_rubs_out_in_every_field() {
    let rub = |sitting: &mut Sitting| sitting.with('h', KeyModifiers::CONTROL);
    let mut sitting = Sitting::baking();
    sitting.type_text("/5xy");
    rub(&mut sitting);
    assert_eq!(sitting.desk.log.filter(), Some("5x"));
    let mut sitting = Sitting::baking();
    sitting.type_text(":note\nabc");
    rub(&mut sitting);
    assert_eq!(sitting.desk.note.lines(), ["ab"]);
    let mut sitting = Sitting::baking();
    sitting.type_text(":holdx");
    rub(&mut sitting);
    assert_eq!(sitting.desk.command_line.as_deref(), Some("hold"));
    sitting.desk.command_line = None;
    sitting.press('R');
    rub(&mut sitting);
    assert!(sitting.is_armed(), "it is no key of a panel that asks");
}

/// A ticket's number is pasted where one's own words are asked for.
#[test]
fn a_reason_that_is_typed_takes_pasted_text() {
    let mut sitting = Sitting::at(rolling_back());
    sitting.type_text(":reason\n6");
    sitting.after(500);
    sitting.press('y');
    sitting.type_text("see ");
    sitting.input(Input::Paste("INC-4711\nRy".to_owned()));
    let typed = |sitting: &Sitting| match sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind) {
        Some(Kind::Reason { typed, .. }) => typed.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(typed(&sitting).as_deref(), Some("see INC-4711Ry"));
    sitting.input(Input::Paste("x".repeat(1000)));
    assert_eq!(typed(&sitting).expect("a text").chars().count(), 150);
    assert_eq!(sitting.sent(), 0);
}

/// Nothing is queued, and what was typed is not lost with it.
#[test]
fn a_reason_stays_open_while_the_keeper_is_not_connected() {
    let mut sitting = Sitting::at(rolling_back());
    sitting.type_text(":reason\n6");
    sitting.after(500);
    sitting.press('y');
    sitting.type_text("disk full");
    sitting.input(Input::Linked(false));
    sitting.press('\n');
    assert!(sitting.flash().contains("NOT SENT"), "{}", sitting.flash());
    let kept = sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind);
    assert!(matches!(kept, Some(Kind::Reason { typed: Some(text), .. }) if text == "disk full"), "{kept:?}");
    sitting.input(Input::Linked(true));
    sitting.press('\n');
    assert_eq!(sitting.sent(), 1);
}

/// A note that is taken while the next one is being written takes only itself away.
#[test]
fn the_answer_to_a_note_leaves_what_was_written_since() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":note\nfirst");
    sitting.with('d', KeyModifiers::CONTROL);
    let id = sitting.acts.iter().find_map(|act| if let Act::Send(id, _) = act { Some(*id) } else { None });
    sitting.type_text(":note\n and more");
    sitting.input(Input::Answered(id.expect("sent"), Answer::Applied(warroom::domain::Clean::new("noted"))));
    assert_eq!(sitting.desk.note.lines(), ["first and more"]);
}

/// A panel's own keys are its own, whatever they have been given to on the main screen.
#[test]
fn keys_given_to_other_things_still_mean_in_a_panel_what_it_says() {
    let mut sitting = Sitting::at(rolling_back());
    sitting.desk.keymap.rebind(Action::Mute, vec![Key::Char('r')]).expect("may");
    sitting.desk.keymap.rebind(Action::Copy, vec![Key::Char('j')]).expect("may");
    sitting.desk.keymap.rebind(Action::Down, vec![Key::Named(KeyCode::Down, "Down")]).expect("may");
    sitting.press('R');
    sitting.press('r');
    assert!(matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Reason { chosen: 0, .. })));
    sitting.press('j');
    let chosen = sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind);
    assert!(matches!(chosen, Some(Kind::Reason { chosen: 1, .. })), "{chosen:?}");
    assert_eq!((sitting.acts.as_slice(), sitting.desk.muted), (&[][..], false));
    sitting.code(KeyCode::Esc);
    sitting.press('r');
    assert!(sitting.desk.muted);
    assert_eq!(sitting.flash(), "bell MUTED; r again: on");
}

/// A filter that leaves out what is critical says so.
#[test]
fn critical_lines_that_a_filter_hides_are_counted() {
    let mut sitting = Sitting::baking();
    let log = &mut sitting.status.as_mut().expect("status").snapshot.log;
    for (place, severity) in [Severity::Critical, Severity::Warn, Severity::Critical].into_iter().enumerate() {
        let mut entry = log.last().expect("a line").clone();
        entry.number += 1;
        entry.text = warroom::domain::Clean::new(format!("bad {place}"));
        entry.severity = severity;
        log.push(entry);
    }
    let all = log.len();
    sitting.type_text("/bad 0");
    assert_eq!(sitting.desk.log.counts(), Counts { shown: 1, all, critical_hidden: 1 });
    sitting.type_text("0");
    assert_eq!(sitting.desk.log.counts(), Counts { shown: 0, all, critical_hidden: 2 });
}

/// Rights that come back are no write path.
#[test]
fn readonly_off_promises_nothing_where_the_keeper_only_watches() {
    let mut sitting = Sitting::at(&Scene::of(demo_plan(), Mode::Watch).status());
    sitting.type_text(":readonly on\n:readonly off\n");
    assert!(sitting.flash().contains("only watches"), "{}", sitting.flash());
    sitting.after(2100);
    sitting.press('R');
    assert!(sitting.desk.dialog.is_none() && sitting.acts.is_empty());
    let mut sitting = Sitting::baking();
    sitting.type_text(":readonly on\n:readonly off\n");
    assert!(sitting.flash().contains("act"), "{}", sitting.flash());
}

/// What opened the help zooms it and then closes it, and what quits closes what is read.
#[test]
fn help_and_quit_with_other_keys_close_what_is_read() {
    for key in [KeyCode::F(1), KeyCode::Char('Q')] {
        let mut sitting = Sitting::baking();
        sitting.desk.keymap.rebind(Action::Help, vec![Key::Named(KeyCode::F(1), "F1")]).expect("may");
        sitting.desk.keymap.rebind(Action::Quit, vec![Key::Char('Q')]).expect("may");
        sitting.code(KeyCode::F(1));
        assert!(matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Help { .. })));
        if key == KeyCode::F(1) {
            sitting.code(key);
            assert!(sitting.desk.dialog.as_ref().is_some_and(|dialog| dialog.is_zoomed()));
        }
        sitting.code(key);
        assert!(sitting.desk.dialog.is_none() && sitting.quits() == 0, "{key:?}");
    }
    let mut sitting = Sitting::at(rolling_back());
    sitting.desk.keymap.rebind(Action::Quit, vec![Key::Char('Q')]).expect("may");
    sitting.type_text("RQ");
    assert_eq!(sitting.quits(), 1, "a rollback's progress is no place that one must close first");
}
