//! Every row of "Rollback `R` - exact behaviour".

use crate::scene::{Scene, alice};
use crate::sitting::{Sitting, locked, rolling_back, target_not_ready};
use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::{Act, Input};
use warroom::domain::{Clean, Rights};
use warroom::engine::{Answer, Command, Phase, RollbackState};

fn armed() -> Sitting {
    let mut sitting = Sitting::baking();
    sitting.press('R');
    assert!(sitting.is_armed());
    sitting
}

#[test]
fn r_idle_arms_and_sends_nothing() {
    let mut sitting = armed();
    sitting.after(500);
    assert!(sitting.is_armed());
    assert_eq!(sitting.acts, []);
}

#[test]
fn y_after_the_dwell_sends_once() {
    let mut sitting = armed();
    sitting.after(400);
    sitting.press('y');
    sitting.after(100);
    for _ in 0..5 {
        sitting.press('y');
        sitting.after(100);
    }
    assert_eq!(sitting.rollbacks(), 1);
    assert!(matches!(sitting.acts[0], Act::Send(_, Command::Rollback { typed: None, .. })));
    assert!(matches!(sitting.desk.dialog.as_ref().expect("progress").kind, Kind::Progress));
}

#[test]
fn the_dwell_counts_from_the_flush_and_not_from_the_key() {
    let mut sitting = Sitting::baking();
    let (now, status) = (sitting.now, sitting.status.clone());
    let key = |c| Input::Key(crossterm::event::KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    sitting.desk.handle(key('R'), now, status.as_ref(), Rights::Full);
    // The frame got stuck for 900 ms: the person has seen it for 100 ms only.
    let millis = std::time::Duration::from_millis;
    sitting.desk.flushed(now + millis(900));
    assert_eq!(sitting.desk.handle(key('y'), now + millis(1000), status.as_ref(), Rights::Full), []);
    assert_eq!(sitting.flash(), "too early: press y again");
    assert_eq!(sitting.desk.handle(key('y'), now + millis(1300), status.as_ref(), Rights::Full).len(), 1);
}

#[test]
fn early_y_stays_armed_and_says_again() {
    let mut sitting = armed();
    sitting.after(399);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 0);
    assert!(sitting.is_armed());
    assert_eq!(sitting.flash(), "too early: press y again");
    sitting.after(1);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 1);
}

#[test]
fn r_within_two_seconds_of_an_unbound_printable_key_is_text() {
    let mut sitting = Sitting::baking();
    sitting.press('x');
    sitting.after(1999);
    sitting.press('R');
    assert!(!sitting.is_armed());
    assert_eq!(sitting.flash(), "text arriving - wait 2 s");
    sitting.after(1);
    sitting.press('R');
    assert!(sitting.is_armed(), "2 s after the unbound key R arms; a refused R does not count as text");
}

#[test]
fn y_n_and_space_are_bound_and_never_delay_r() {
    for c in ['y', 'n', ' '] {
        let mut sitting = Sitting::baking();
        sitting.press(c);
        sitting.after(300);
        sitting.press('R');
        assert!(sitting.is_armed(), "R after {c:?}: {}", sitting.flash());
    }
}

#[test]
fn r_right_after_an_arm_that_ran_out_and_a_late_y_arms_again() {
    let mut sitting = armed();
    sitting.after(10_001);
    sitting.press('y');
    sitting.after(400);
    sitting.press('R');
    assert!(sitting.is_armed(), "{}", sitting.flash());
}

#[test]
fn r_again_is_ignored_and_does_not_extend_the_timer() {
    let mut sitting = armed();
    for kind in [KeyEventKind::Press, KeyEventKind::Repeat] {
        sitting.after(4000);
        sitting.event(KeyCode::Char('R'), KeyModifiers::SHIFT, kind);
        assert!(sitting.is_armed());
        assert_eq!(sitting.flash(), "armed: y confirms");
    }
    sitting.after(1999);
    assert!(sitting.is_armed());
    sitting.after(1);
    assert!(!sitting.is_armed(), "10 s after the first R");
    assert_eq!(sitting.rollbacks(), 0);
}

#[test]
fn capital_y_says_caps_lock_and_stays_armed() {
    let mut sitting = armed();
    sitting.after(500);
    sitting.press('Y');
    assert!(sitting.is_armed());
    assert_eq!(sitting.flash(), "Caps Lock? press y");
    assert_eq!(sitting.rollbacks(), 0);
}

#[test]
fn enter_disarms() {
    let mut sitting = armed();
    sitting.after(500);
    sitting.code(KeyCode::Enter);
    assert!(!sitting.is_armed());
    assert_eq!(sitting.flash(), "Enter does not confirm");
    assert_eq!(sitting.rollbacks(), 0);
}

#[test]
fn any_other_printable_key_disarms_with_its_reason() {
    for c in ['a', 'q', 'H', 'A', 'T', 'n', ' ', ':', '?', 'j', 'O'] {
        let mut sitting = armed();
        sitting.after(500);
        sitting.press(c);
        assert!(!sitting.is_armed(), "{c:?}");
        assert!(!sitting.flash().is_empty(), "{c:?} disarmed silently");
        sitting.after(500);
        sitting.press('y');
        assert_eq!((sitting.rollbacks(), sitting.sent(), sitting.quits()), (0, 0, 0), "{c:?}");
    }
}

#[test]
fn esc_paste_suspend_and_time_disarm_with_their_reason() {
    type Way = (&'static str, fn(&mut Sitting));
    let ways: [Way; 6] = [
        ("cancelled", |s| s.code(KeyCode::Esc)),
        ("paste", |s| s.input(Input::Paste("y".to_owned()))),
        ("suspended", |s| s.with('z', KeyModifiers::CONTROL)),
        ("suspended", |s| s.input(Input::Continued)),
        ("too small", |s| s.input(Input::Resized(29, 24))),
        ("disarmed after 10 s: nothing was sent", |s| s.after(9500)),
    ];
    for (reason, way) in ways {
        let mut sitting = armed();
        sitting.after(500);
        way(&mut sitting);
        assert!(!sitting.is_armed(), "{reason}");
        assert!(sitting.flash().contains(reason), "{reason}: {}", sitting.flash());
        sitting.after(500);
        sitting.press('y');
        assert_eq!(sitting.rollbacks(), 0, "{reason}");
    }
}

#[test]
fn a_pasted_y_never_confirms_and_the_flash_says_that_it_disarmed() {
    let mut sitting = armed();
    sitting.after(500);
    sitting.input(Input::Paste("y".to_owned()));
    assert_eq!(sitting.rollbacks(), 0);
    assert!(sitting.flash().contains("disarmed"), "{}", sitting.flash());
}

#[test]
fn arrows_tab_and_page_keys_stay_armed() {
    use KeyCode::{BackTab, Down, End, F, Home, Left, PageDown, PageUp, Right, Tab, Up};
    let mut sitting = armed();
    sitting.after(500);
    for code in [Up, Down, Left, Right, Tab, BackTab, PageUp, PageDown, Home, End, F(5)] {
        sitting.code(code);
        assert!(sitting.is_armed(), "{code:?}");
    }
    sitting.input(Input::Resized(120, 40));
    assert!(sitting.is_armed());
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 1);
}

#[test]
fn r_in_the_command_line_is_text_and_esc_r_arms() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":note R");
    assert_eq!(sitting.desk.command_line.as_deref(), Some("note R"));
    sitting.code(KeyCode::Esc);
    sitting.press('R');
    assert!(sitting.is_armed());
}

#[test]
fn esc_and_r_in_one_read_close_a_field_and_arm() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":note");
    sitting.with('R', KeyModifiers::ALT | KeyModifiers::SHIFT);
    assert_eq!(sitting.desk.command_line, None);
    assert!(sitting.is_armed());
}

#[test]
fn esc_r_arms_from_inside_the_override() {
    let mut sitting = Sitting::at(locked());
    sitting.type_text("AO");
    assert!(matches!(sitting.desk.dialog.as_ref().expect("override").kind, Kind::Override(_)));
    sitting.press('R');
    assert!(!sitting.is_armed());
    sitting.with('R', KeyModifiers::ALT | KeyModifiers::SHIFT);
    assert!(sitting.is_armed());
    sitting.after(400);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 1);
}

/// Issue 2: "`R` then `y` brings all traffic back from every screen and phase".
#[test]
fn r_then_y_rolls_back_from_every_panel_that_is_only_read() {
    let panels: [(&str, &[char]); 3] = [("help", &['?']), ("locked", &['A']), ("details", &['4', '\n'])];
    for (panel, keys) in panels {
        let mut sitting = Sitting::at(locked());
        for c in keys {
            sitting.press(*c);
        }
        sitting.after(1000);
        sitting.press('R');
        sitting.after(500);
        sitting.press('y');
        assert_eq!(sitting.rollbacks(), 1, "{panel}: {}", sitting.flash());
    }
}

#[test]
fn somebody_elses_rollback_closes_the_armed_panel_with_that_news() {
    let mut sitting = armed();
    sitting.after(500);
    sitting.status = Some(rolling_back().clone());
    sitting.input(Input::Tick);
    assert!(!sitting.is_armed());
    assert_eq!(sitting.flash(), "bob rolls back");
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 0);
}

#[test]
fn the_end_of_the_cutover_closes_the_armed_panel_with_that_news() {
    let mut scene = Scene::at_step(2);
    let mut sitting = Sitting::at(&scene.status());
    sitting.press('R');
    sitting.after(500);
    scene.command(alice(), Command::End);
    sitting.status = Some(scene.status());
    sitting.input(Input::Tick);
    assert!(!sitting.is_armed(), "the run has ended and the panel still says ROLL BACK");
    assert!(!sitting.flash().is_empty());
}

/// Under stress `R` `y` is pressed again: where somebody else's setting stopped it that is what goes on, and asked first.
#[test]
fn pressed_again_at_a_foreign_setting_it_asks_and_sends_over_it() {
    let mut status = rolling_back().clone();
    status.snapshot.rollback.as_mut().expect("a rollback").state = RollbackState::Foreign;
    let mut sitting = Sitting::at(&status);
    sitting.press('R');
    sitting.press('y');
    assert_eq!(sitting.sent(), 0, "too early to have been read");
    sitting.after(500);
    sitting.press('y');
    assert!(matches!(sitting.acts.as_slice(), [Act::Send(_, Command::SendAgain)]), "{:?}", sitting.acts);
    // A keeper that is gone sends nothing: then the way is from here.
    let mut sitting = Sitting::at(&status);
    sitting.is_heard = false;
    sitting.input(Input::Linked(false));
    sitting.press('R');
    assert!(sitting.is_armed());
}

/// The same where nobody can read the balancer any more: that it was confirmed once is no reason to send nothing.
#[test]
fn pressed_again_where_nobody_can_read_it_any_more_it_is_sent_again() {
    let mut status = rolling_back().clone();
    let rollback = status.snapshot.rollback.as_mut().expect("a rollback");
    (rollback.state, rollback.is_unread) = (RollbackState::RolledBack, true);
    rollback.confirmed = rollback.read_back;
    status.snapshot.phase = Phase::RolledBack;
    let mut sitting = Sitting::at(&status);
    sitting.press('R');
    assert!(sitting.is_armed());
    sitting.status = Some(status.clone());
    sitting.input(Input::Tick);
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 1, "{:?}", sitting.acts);
    // Once it is under way again, `R` shows how far it is.
    let rollback = status.snapshot.rollback.as_mut().expect("a rollback");
    (rollback.state, rollback.is_unread, rollback.confirmed) = (RollbackState::Sending, false, None);
    status.snapshot.phase = Phase::RollingBack;
    let mut sitting = Sitting::at(&status);
    sitting.press('R');
    assert!(!sitting.is_armed());
}

#[test]
fn numbers_and_generations_change_and_it_stays_armed() {
    let mut sitting = armed();
    sitting.after(500);
    let status = sitting.status.as_mut().expect("status");
    status.snapshot.generation += 5;
    status.snapshot.signals[1].value = Ok(0.5);
    sitting.input(Input::Tick);
    assert!(sitting.is_armed());
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 1);
}

#[test]
fn mid_shift_it_arms_and_sends() {
    let mut scene = Scene::ready();
    scene.writes_land = false;
    scene.advance();
    scene.run(0.5);
    assert_eq!(scene.status().snapshot.band.word.as_str(), "RUNNING");
    let mut sitting = Sitting::at(&scene.status());
    sitting.press('R');
    sitting.after(400);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 1);
}

#[test]
fn a_rollback_under_way_gets_no_second_request_and_shows_progress() {
    let mut sitting = Sitting::at(rolling_back());
    sitting.press('R');
    assert!(matches!(sitting.desk.dialog.as_ref().expect("progress").kind, Kind::Progress));
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 0);
}

#[test]
fn a_keeper_that_dies_in_its_own_rollback_does_not_block_the_direct_one() {
    let mut sitting = Sitting::at(rolling_back());
    sitting.input(Input::Linked(false));
    sitting.after(6000);
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.directs(), 1, "the keeper is gone, its rollback was never read back, and R y does nothing");
}

#[test]
fn link_down_goes_direct_at_once() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Linked(false));
    sitting.after(10);
    sitting.press('R');
    assert!(sitting.is_armed());
    sitting.after(400);
    sitting.press('y');
    assert_eq!((sitting.directs(), sitting.sent()), (1, 0));
    assert!(sitting.flash().contains("DIRECTLY"));
    sitting.after(20_000);
    assert_eq!(sitting.rollbacks(), 1, "once, and nothing by itself later");
}

#[test]
fn no_acknowledgement_in_a_second_goes_direct() {
    let mut sitting = armed();
    sitting.after(400);
    sitting.press('y');
    sitting.after(999);
    assert_eq!((sitting.sent(), sitting.directs()), (1, 0));
    sitting.after(1);
    assert_eq!((sitting.sent(), sitting.directs()), (1, 1));
    sitting.after(20_000);
    assert_eq!(sitting.directs(), 1);
}

#[test]
fn acknowledged_in_time_does_not_go_direct() {
    let mut sitting = armed();
    sitting.after(400);
    sitting.press('y');
    let Act::Send(id, _) = sitting.acts[0].clone() else { panic!("{:?}", sitting.acts) };
    sitting.after(900);
    sitting.input(Input::Answered(id, Answer::Applied(Clean::new("rolling back to BLUE v2.0.5"))));
    sitting.after(20_000);
    assert_eq!(sitting.directs(), 0);
    assert_eq!(sitting.desk.last_outcome.as_ref().map(Clean::as_str), Some("rolling back to BLUE v2.0.5"));
}

#[test]
fn another_command_does_not_take_the_rollbacks_deadline_away() {
    let mut sitting = armed();
    sitting.after(400);
    sitting.press('y');
    sitting.after(300);
    sitting.code(KeyCode::Esc);
    sitting.after(260);
    sitting.press('H');
    sitting.after(150);
    assert_eq!(sitting.holds(), 1);
    sitting.after(2000);
    assert_eq!(sitting.directs(), 1, "the keeper never answered the rollback, and nothing went direct");
}

#[test]
fn never_connected_and_never_heard_it_still_goes_direct() {
    let mut sitting = Sitting::baking();
    sitting.status = None;
    sitting.input(Input::Linked(false));
    sitting.press('R');
    sitting.after(400);
    sitting.press('y');
    assert_eq!(sitting.directs(), 1);
}

#[test]
fn read_only_is_refused_and_says_whom_to_ask() {
    let mut sitting = Sitting::baking();
    sitting.rights = Rights::ReadOnly;
    sitting.press('R');
    assert!(!sitting.is_armed());
    assert_eq!(sitting.flash(), "read-only console: ask alice");
}

#[test]
fn a_target_that_is_not_ready_takes_the_typed_name_only() {
    let mut sitting = Sitting::at(target_not_ready());
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.rollbacks(), 0);
    sitting.code(KeyCode::Backspace);
    sitting.type_text("checkout\n");
    assert_eq!(sitting.rollbacks(), 1);
    let typed =
        |act: &Act| matches!(act, Act::Send(_, Command::Rollback { typed: Some(name), .. }) if name == "checkout");
    assert!(sitting.acts.iter().any(typed));
}

#[test]
fn a_refused_rollback_says_so_and_rings() {
    let mut sitting = armed();
    sitting.after(400);
    sitting.press('y');
    let Act::Send(id, _) = sitting.acts[0].clone() else { panic!("{:?}", sitting.acts) };
    sitting.input(Input::Answered(id, Answer::Refused(vec![Clean::new("the run has ended")])));
    assert_eq!(sitting.flash(), "rollback REFUSED: the run has ended");
    assert!(sitting.acts.contains(&Act::Bell));
    sitting.after(5000);
    assert_eq!(sitting.directs(), 0, "a refusal is an answer");
}

#[test]
fn the_bell_rings_once_at_the_end_of_a_rollback() {
    let mut scene = Scene::at_step(2);
    let mut sitting = Sitting::at(&scene.status());
    sitting.press('R');
    sitting.after(400);
    sitting.press('y');
    scene.roll_back();
    let mut rang_at = Vec::new();
    for _ in 0..60 {
        scene.run(0.5);
        sitting.acts.clear();
        sitting.status = Some(scene.status());
        sitting.input(Input::Tick);
        if sitting.acts.contains(&Act::Bell) {
            rang_at.push(scene.status().snapshot.band.word.to_string());
        }
    }
    // The shell rings at most twice a minute: a bell at the start would swallow the one that matters.
    assert_eq!(rang_at, ["ROLLED BACK"]);
}

/// Keeper frozen after its answer to something else: what is told is the direct rollback's own way.
#[test]
fn a_direct_rollback_has_its_own_outcome_and_not_another_commands() {
    let mut sitting = Sitting::baking();
    sitting.desk.last_outcome = Some(Clean::new("root advances 0% → 5%"));
    sitting.is_heard = false;
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    sitting.after(1000);
    assert_eq!(sitting.directs(), 1);
    let outcome = |sitting: &Sitting| sitting.desk.last_outcome.as_ref().map_or_else(String::new, Clean::to_string);
    assert_eq!(outcome(&sitting), "rolling back DIRECTLY");
    sitting.after(5000);
    assert!(outcome(&sitting).contains("UNKNOWN"), "{}", outcome(&sitting));
    sitting.input(Input::Direct("candidate 0% read back +0.4 s; confirming over 5 s".to_owned()));
    sitting.input(Input::Direct("rollback confirmed +5.1 s: new traffic is on BLUE v2.0.5".to_owned()));
    sitting.input(Input::Direct("done".to_owned()));
    assert!(outcome(&sitting).contains("confirmed +5.0s"), "{}", outcome(&sitting));
    sitting.press('R');
    sitting.after(500);
    sitting.press('y');
    assert_eq!(sitting.directs(), 1, "it is done");
}

#[test]
fn a_direct_rollback_that_failed_can_be_tried_again() {
    let mut sitting = Sitting::baking();
    sitting.input(Input::Linked(false));
    for times in 1..=2 {
        sitting.press('R');
        assert!(sitting.is_armed(), "{times}");
        sitting.after(500);
        sitting.press('y');
        assert_eq!(sitting.directs(), times);
        sitting.input(Input::Direct("ended: exit status: 3".to_owned()));
        sitting.code(KeyCode::Esc);
    }
}

/// The keeper remembers answers by name: a rollback with nothing to do must not use up the next one's.
#[test]
fn a_rollback_that_was_answered_leaves_its_name_behind() {
    let mut sitting = Sitting::baking();
    let mut names = Vec::new();
    for _ in 0..2 {
        sitting.press('R');
        sitting.after(500);
        sitting.press('y');
        let Some(Act::Send(id, _)) = sitting.acts.last().cloned() else { panic!("{:?}", sitting.acts) };
        names.push(id);
        sitting.input(Input::Answered(id, Answer::Applied(Clean::new("nothing to roll back"))));
        sitting.code(KeyCode::Esc);
        sitting.after(1000);
    }
    assert_ne!(names[0], names[1]);
}

/// Stopped in the middle of its own rollback, with the socket still open.
#[test]
fn a_frozen_keepers_rollback_does_not_block_the_direct_one() {
    let mut sitting = Sitting::at(rolling_back());
    sitting.is_heard = false;
    sitting.after(6000);
    sitting.press('R');
    assert!(sitting.is_armed());
    sitting.after(500);
    sitting.press('y');
    sitting.after(1000);
    assert_eq!(sitting.directs(), 1);
}
