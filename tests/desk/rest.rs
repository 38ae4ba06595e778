//! Leaving, suspending, drawing, pasting, watching, and the `:` line.

use crate::scene::{Scene, demo_plan};
use crate::sitting::{Sitting, baking, rolling_back};
use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
use std::time::Duration;
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::{Act, Input, Panel};
use warroom::domain::{Clean, Rights};
use warroom::engine::{Answer, Command, Mode, Phase, RollbackState};
use warroom::wire::Status;

const CTRL: KeyModifiers = KeyModifiers::CONTROL;

#[test]
fn ctrl_c_cancels_and_twice_in_two_seconds_quits() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(500);
    sitting.with('c', CTRL);
    assert!(!sitting.is_armed());
    assert_eq!(sitting.acts, []);
    sitting.after(2000);
    sitting.with('c', CTRL);
    assert_eq!(sitting.quits(), 0, "2 s later is not twice");
    sitting.after(1999);
    sitting.with('c', CTRL);
    assert_eq!(sitting.quits(), 1);
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn ctrl_c_closes_the_command_line() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":end");
    sitting.with('c', CTRL);
    sitting.press('\n');
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn ctrl_l_draws_again_and_changes_nothing() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.with('l', CTRL);
    assert_eq!(sitting.acts, [Act::Redraw]);
    assert!(sitting.is_armed());
}

#[test]
fn ctrl_z_disarms_then_suspends_and_coming_back_redraws() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(500);
    sitting.with('z', CTRL);
    assert_eq!(sitting.acts, [Act::Suspend]);
    assert!(!sitting.is_armed());
    sitting.now = sitting.now + Duration::from_mins(10);
    sitting.input(Input::Continued);
    assert_eq!(sitting.acts, [Act::Suspend, Act::Redraw]);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 0);
}

#[test]
fn esc_never_quits_and_q_does_without_touching_traffic() {
    let mut sitting = Sitting::baking();
    for _ in 0..5 {
        sitting.code(KeyCode::Esc);
    }
    assert_eq!(sitting.acts, []);
    sitting.press('q');
    assert_eq!(sitting.acts, [Act::Quit]);
}

#[test]
fn q_closes_an_overlay_before_it_quits() {
    let mut sitting = Sitting::baking();
    sitting.press('?');
    sitting.press('q');
    assert!(sitting.desk.dialog.is_none());
    assert_eq!(sitting.quits(), 0);
}

/// "no prompt unless a command is unconfirmed".
#[test]
fn q_does_not_quit_at_once_while_a_command_is_unconfirmed() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(400);
    sitting.press('y');
    sitting.code(KeyCode::Esc);
    sitting.after(300);
    sitting.press('q');
    assert_eq!(sitting.quits(), 0, "the console leaves before it would have gone direct");
}

#[test]
fn a_paste_on_the_main_screen_is_a_flash() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Paste("RyHA\n:end\n".to_owned()));
    assert!(sitting.flash().contains("paste"));
    sitting.after(1000);
    assert_eq!(sitting.acts, []);
    sitting.press('R');
    assert!(!sitting.is_armed(), "text is still arriving");
}

#[test]
fn a_paste_into_the_command_line_is_text_of_bounded_length() {
    let mut sitting = Sitting::baking();
    sitting.press(':');
    sitting.input(Input::Paste("note a\nb\x1b[31m".to_owned()));
    assert_eq!(sitting.desk.command_line.as_deref(), Some("note ab[31m"));
    sitting.input(Input::Paste("x".repeat(100_000)));
    assert!(sitting.desk.command_line.as_ref().expect("open").chars().count() <= 1000);
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn release_events_are_nothing_and_repeats_only_scroll() {
    let mut sitting = Sitting::baking();
    for c in ['R', 'A', 'T', 'H', 'q', '?', ':', 'y'] {
        sitting.event(KeyCode::Char(c), KeyModifiers::NONE, KeyEventKind::Release);
    }
    sitting.after(1000);
    for c in ['R', 'A', 'T', 'q', '?', ':'] {
        sitting.event(KeyCode::Char(c), KeyModifiers::NONE, KeyEventKind::Repeat);
        assert!(sitting.desk.dialog.is_none() && sitting.desk.command_line.is_none(), "{c}");
    }
    assert_eq!(sitting.acts, []);
    sitting.event(KeyCode::Up, KeyModifiers::NONE, KeyEventKind::Repeat);
    assert_eq!(sitting.desk.log.paused(), Some(0));
}

#[test]
fn a_repeated_y_does_not_confirm() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.after(1000);
    sitting.event(KeyCode::Char('y'), KeyModifiers::NONE, KeyEventKind::Repeat);
    assert_eq!(sitting.rollbacks(), 0);
}

#[test]
fn too_small_a_terminal_disarms_and_a_smaller_one_that_still_shows_the_panel_does_not() {
    for (width, height, stays) in [(30, 7, true), (29, 24, false), (80, 6, false), (80, 22, true)] {
        let mut sitting = Sitting::baking();
        sitting.press('R');
        sitting.input(Input::Resized(width, height));
        assert_eq!(sitting.is_armed(), stays, "{width}x{height}");
    }
}

#[test]
fn a_stalled_display_disarms_and_says_how_many_keys_were_dropped() {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.press('H');
    sitting.press('R');
    sitting.desk.stalled(Duration::from_millis(14_200), 3, sitting.now);
    assert_eq!(sitting.flash(), "display stalled 14 s, 3 keys dropped");
    assert!(!sitting.is_armed());
    sitting.after(1000);
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn a_watching_keeper_is_never_asked_to_act() {
    let mut scene = Scene::of(demo_plan(), Mode::Watch);
    scene.run(15.0);
    let mut sitting = Sitting::at(&scene.status());
    for c in ['R', 'H', 'A', 'T'] {
        sitting.press(c);
        assert!(sitting.flash().contains("only watches"), "{c}: {}", sitting.flash());
        sitting.after(1000);
        sitting.press('y');
        sitting.after(3000);
    }
    assert_eq!(sitting.acts, []);
}

/// Somebody else gave stable more.
fn moved_to_stable() -> Status {
    let mut scene = Scene::at_step(2);
    scene.candidate = 10_000;
    scene.run(4.0);
    scene.status()
}

#[test]
fn commands_become_what_they_say() {
    let expected: [(&str, Command); 6] = [
        (":hold\n", Command::Hold),
        (":approve\n", Command::Approve),
        (":adopt\n", Command::Adopt),
        (":unsuspend\n", Command::Unsuspend),
        (":note  seen it \n", Command::Note { text: "seen it".into() }),
        (":suspend 5m batch job\n", Command::Suspend { lasting: Duration::from_mins(5), reason: "batch job".into() }),
    ];
    for (line, command) in expected {
        let mut sitting = Sitting::at(&moved_to_stable());
        sitting.type_text(line);
        assert!(matches!(&sitting.acts[..], [Act::Send(_, sent)] if *sent == command), "{line:?}: {:?}", sitting.acts);
    }
}

#[test]
fn rollback_and_advance_from_the_line_only_open_their_panel() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":rollback\n");
    assert!(sitting.is_armed());
    assert_eq!(sitting.acts, []);
    sitting.code(KeyCode::Esc);
    sitting.type_text(":advance\n");
    assert!(sitting.desk.dialog.as_ref().is_some_and(warroom::console::desk::Dialog::acts));
    assert_eq!(sitting.acts, []);
}

/// "nothing bypasses it": what moves traffic or ends the run asks for `y`, however it is asked for.
#[test]
fn no_line_moves_traffic_or_ends_the_run_without_y() {
    let mut foreign = rolling_back().clone();
    foreign.snapshot.rollback.as_mut().expect("a rollback").state = RollbackState::Foreign;
    for (line, status) in [(":complete\n", &moved_to_stable()), (":sendagain\n", &foreign), (":end\n", baking())] {
        let mut sitting = Sitting::at(status);
        sitting.type_text(line);
        assert_eq!(sitting.sent(), 0, "{line:?} went out by Enter alone");
        assert!(sitting.desk.dialog.as_ref().is_some_and(warroom::console::desk::Dialog::acts), "{line:?}");
    }
}

#[test]
fn unknown_and_empty_lines_say_so_and_do_nothing() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":rollbakc\n");
    assert!(sitting.flash().contains("rollbakc") && sitting.flash().contains("rollback"));
    sitting.type_text(":\n");
    assert_eq!(sitting.acts, []);
}

#[test]
fn quit_by_line() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":q\n");
    assert_eq!(sitting.acts, [Act::Quit]);
}

/// A new run ends this one: only when it is over, and only with `y`.
#[test]
fn restart_asks_for_y_and_only_when_the_run_is_over() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":restart\n");
    assert!(sitting.desk.dialog.is_none());
    assert!(sitting.flash().contains("only when the run is over"), "{}", sitting.flash());
    let mut scene = Scene::at_step(2);
    scene.roll_back();
    scene.run(30.0);
    assert_eq!(scene.status().snapshot.phase, Phase::RolledBack);
    let mut sitting = Sitting::at(&scene.status());
    sitting.acts.clear();
    sitting.type_text(":restart\n");
    assert!(!sitting.acts.contains(&Act::Restart), "Enter alone restarted");
    sitting.after(500);
    sitting.press('y');
    assert!(sitting.acts.contains(&Act::Restart), "{:?}", sitting.acts);
}

#[test]
fn enter_on_a_log_line_opens_it() {
    let mut sitting = Sitting::baking();
    sitting.press('k');
    sitting.press('\n');
    let log = &baking().snapshot.log;
    let Kind::Event { entry, .. } = &sitting.desk.dialog.as_ref().expect("details").kind else { panic!("no details") };
    assert_eq!(**entry, log[log.len() - 2]);
}

#[test]
fn hjkl_move_and_are_no_stray_text() {
    let mut sitting = Sitting::baking();
    sitting.press('h');
    assert_eq!(sitting.desk.focus, Panel::Checks);
    sitting.press('l');
    assert_eq!(sitting.desk.focus, Panel::Log);
    sitting.after(300);
    sitting.press('R');
    assert!(sitting.is_armed(), "{}", sitting.flash());
}

#[test]
fn esc_and_r_in_one_read_say_that_they_are_no_r() {
    let mut sitting = Sitting::baking();
    sitting.with('R', KeyModifiers::ALT | KeyModifiers::SHIFT);
    assert!(!sitting.is_armed());
    assert!(sitting.flash().contains("press R alone"), "{}", sitting.flash());
}

#[test]
fn what_cannot_be_shown_cannot_be_confirmed() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Resized(20, 4));
    for c in ['R', 'A', 'T'] {
        sitting.press(c);
        assert!(sitting.desk.dialog.is_none(), "{c}");
        assert!(sitting.flash().contains("too small"), "{c}: {}", sitting.flash());
    }
}

#[test]
fn tab_completes_a_command_that_is_the_only_one() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":ro\t");
    assert_eq!(sitting.desk.command_line.as_deref(), Some("rollback "));
}

#[test]
fn link_down_every_command_of_the_line_says_not_sent() {
    for line in [":hold\n", ":adopt\n", ":complete\n", ":end\n", ":note x\n", ":suspend x\n"] {
        let mut sitting = Sitting::baking();
        sitting.input(Input::Linked(false));
        sitting.type_text(line);
        assert!(sitting.flash().contains("NOT SENT"), "{line:?}: {}", sitting.flash());
        sitting.input(Input::Linked(true));
        sitting.after(5000);
        assert_eq!(sitting.acts, [], "{line:?}");
    }
}

#[test]
fn space_says_what_holds() {
    let mut sitting = Sitting::baking();
    sitting.press(' ');
    assert_eq!(sitting.flash(), "H holds traffic");
    assert_eq!(sitting.acts, []);
}

#[test]
fn scrolling_the_log_pauses_only_the_log() {
    let mut sitting = Sitting::baking();
    sitting.press('k');
    sitting.code(KeyCode::PageUp);
    let log = &baking().snapshot.log;
    let place = |sitting: &Sitting| {
        let rows = sitting.desk.log.rows();
        sitting.desk.log.selected(&rows).and_then(|place| rows[place].entry()).map(|entry| entry.number)
    };
    assert_eq!(place(&sitting), Some(log[log.len() - 12].number));
    sitting.press('G');
    assert_eq!(place(&sitting), None);
    sitting.press('g');
    assert_eq!(place(&sitting), Some(log[0].number));
    sitting.press('f');
    assert_eq!(place(&sitting), None);
    sitting.press('4');
    assert_eq!(sitting.desk.focus, Panel::Checks);
    sitting.press('j');
    assert_eq!((sitting.desk.check, place(&sitting)), (1, None));
}

#[test]
fn what_a_direct_rollback_says_is_kept() {
    let mut sitting = Sitting::at(rolling_back());
    sitting.input(Input::Direct("written\x1b[2J".to_owned()));
    assert_eq!(
        sitting.desk.direct.as_ref().and_then(|direct| direct.lines.last()).expect("a line").as_str(),
        "written^[[2J"
    );
}

#[test]
fn the_desk_is_deterministic() {
    let run = || {
        let mut sitting = Sitting::baking();
        sitting.type_text("RyAqH:x\n");
        sitting.after(700);
        sitting.press('R');
        sitting.after(600);
        sitting.press('y');
        format!("{:?} {:?}", sitting.acts, sitting.desk)
    };
    assert_eq!(run(), run());
    assert_eq!(Sitting::baking().rights, Rights::Full);
}

/// A message stays its time, but never beside the next key as if it were that key's answer.
#[test]
fn the_next_key_wipes_an_old_message_away() {
    let mut sitting = Sitting::baking();
    sitting.press(' ');
    assert!(!sitting.flash().is_empty());
    sitting.after(1000);
    sitting.press('j');
    assert_eq!(sitting.flash(), "");
}

#[test]
fn what_a_key_came_to_is_told_for_a_minute_and_not_over_something_critical() {
    let answered = |sitting: &mut Sitting| {
        sitting.press('H');
        sitting.after(200);
        let Some(Act::Send(id, _)) = sitting.acts.pop() else { panic!("{:?}", sitting.acts) };
        sitting.input(Input::Answered(id, Answer::Applied(Clean::new("holding at 25%"))));
        assert!(sitting.desk.last_outcome.is_some());
    };
    let mut sitting = Sitting::baking();
    answered(&mut sitting);
    sitting.after(59_000);
    assert!(sitting.desk.last_outcome.is_some());
    sitting.after(2000);
    assert_eq!(sitting.desk.last_outcome, None);
    let mut sitting = Sitting::baking();
    answered(&mut sitting);
    sitting.input(Input::Linked(false));
    for _ in 0..5 {
        sitting.after(1000);
    }
    assert_eq!(sitting.desk.last_outcome, None, "the keeper is gone: that is the news");
}

#[test]
fn where_nothing_is_to_roll_back_no_empty_panel_stays_open() {
    let scene = Scene::ready();
    let mut sitting = Sitting::at(&scene.status());
    sitting.press('R');
    assert!(sitting.is_armed(), "it arms all the same");
    sitting.after(500);
    sitting.press('y');
    let Some(Act::Send(id, command)) = sitting.acts.pop() else { panic!("{:?}", sitting.acts) };
    assert!(matches!(command, Command::Rollback { .. }));
    let mut scene = scene;
    let answer = scene.command(crate::scene::alice(), command);
    sitting.input(Input::Answered(id, answer));
    assert!(sitting.desk.dialog.is_none(), "{:?}", sitting.desk.dialog);
    assert!(sitting.flash().starts_with("nothing to roll back"), "{}", sitting.flash());
}
