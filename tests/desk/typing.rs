//! The command line: edited, completed, foreseen, and bounded.

use crate::scene::bob;
use crate::sitting::{Sitting, baking, held, locked, rolling_back};
use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::{Act, COMMANDS, Foreseen, Format, HISTORY_MAX, Input};
use warroom::domain::Rights;
use warroom::engine::{Command, Phase, RollbackState};

fn line(sitting: &Sitting) -> Option<&str> {
    sitting.desk.command_line.as_deref()
}

/// What Enter would do.
fn foreseen(sitting: &Sitting) -> Foreseen {
    let rights = sitting.desk.rights(sitting.rights);
    sitting.desk.foresee(sitting.status.as_ref(), rights, sitting.now).expect("a line is open")
}

#[track_caller]
fn would(sitting: &mut Sitting, text: &str, expected: &str) {
    sitting.type_text(text);
    let Foreseen::Does(words) = foreseen(sitting) else { panic!("{text}: {:?}", foreseen(sitting)) };
    assert!(words.contains(expected), "{text}: {words}");
    sitting.code(KeyCode::Esc);
}

#[track_caller]
fn would_not(sitting: &mut Sitting, text: &str, expected: &str) {
    sitting.type_text(text);
    let Foreseen::Refused(why) = foreseen(sitting) else { panic!("{text}: {:?}", foreseen(sitting)) };
    assert!(why.contains(expected), "{text}: {why}");
    sitting.code(KeyCode::Esc);
}

#[test]
fn it_is_edited_with_the_keys_of_a_shell() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":note drain");
    sitting.with('a', KeyModifiers::CONTROL);
    sitting.type_text("x");
    assert_eq!(line(&sitting), Some("xnote drain"));
    sitting.code(KeyCode::Backspace);
    sitting.code(KeyCode::End);
    sitting.with('w', KeyModifiers::CONTROL);
    assert_eq!(line(&sitting), Some("note "));
    sitting.with('u', KeyModifiers::CONTROL);
    assert_eq!(line(&sitting), Some(""));
    sitting.code(KeyCode::Backspace);
    assert_eq!(line(&sitting), None, "one more closes it");
}

/// A shortcut of the editor must not cost the way out.
#[test]
fn ctrl_c_l_and_z_mean_there_what_they_always_mean() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":note x");
    sitting.with('l', KeyModifiers::CONTROL);
    assert_eq!(sitting.acts, [Act::Redraw]);
    sitting.with('z', KeyModifiers::CONTROL);
    assert_eq!(sitting.acts, [Act::Redraw, Act::Suspend]);
    sitting.with('c', KeyModifiers::CONTROL);
    assert_eq!(line(&sitting), None);
}

#[test]
fn up_and_down_go_through_what_was_typed_and_no_further() {
    let mut sitting = Sitting::baking();
    for number in 0..HISTORY_MAX + 5 {
        sitting.type_text(&format!(":note {number}\n"));
    }
    sitting.acts.clear();
    sitting.type_text(":th");
    (0..HISTORY_MAX * 2).for_each(|_| sitting.code(KeyCode::Up));
    assert_eq!(line(&sitting), Some("note 5"), "the oldest that is remembered");
    (0..HISTORY_MAX * 2).for_each(|_| sitting.code(KeyCode::Down));
    assert_eq!(line(&sitting), Some("th"), "what was being typed comes back");
    sitting.code(KeyCode::Up);
    sitting.code(KeyCode::Enter);
    assert!(matches!(&sitting.acts[..], [Act::Send(_, Command::Note { text })] if text.as_str() == "54"));
}

#[test]
fn tab_completes_commands_and_then_what_they_take() {
    for (typed, completed) in [
        (":ro\t", "rollback "),
        (":su\t", "suspend "),
        (":theme l\t", "theme light "),
        (":theme \t", "theme dark"),
        (":theme \t\t", "theme light"),
        (":export j\t", "export json "),
        (":suspend 3\t", "suspend 30m "),
        (":advance \t", "advance 50% "),
        (":note @\t", "note @alice "),
        (":note the pool @a\t", "note the pool @alice "),
        (":hold \t", "hold "),
        (":zz\t", "zz"),
        (":r\t", "rollback"),
        (":r\t\t", "reason"),
    ] {
        let mut sitting = Sitting::baking();
        sitting.type_text(typed);
        assert_eq!(line(&sitting), Some(completed), "{typed:?}");
    }
}

#[test]
fn shift_tab_goes_back_and_what_stands_behind_the_cursor_stays() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":theme  x");
    sitting.code(KeyCode::Left);
    sitting.code(KeyCode::Left);
    sitting.code(KeyCode::Tab);
    assert_eq!(line(&sitting), Some("theme dark x"));
    sitting.code(KeyCode::BackTab);
    assert_eq!(line(&sitting), Some("theme auto x"), "the last of them is before the first");
    sitting.type_text("!");
    assert_eq!(line(&sitting), Some("theme auto! x"));
}

#[test]
fn what_enter_would_do_is_said_before_it() {
    let mut sitting = Sitting::baking();
    would(&mut sitting, ":hold", "writes nothing");
    would(&mut sitting, ":rollback", "y there sends it");
    would(&mut sitting, ":advance", "advance to 50%");
    would(&mut sitting, ":advance 50%", "advance to 50%");
    would_not(&mut sitting, ":advance 75%", "50% is");
    would(&mut sitting, ":end", "asks first");
    would(&mut sitting, ":suspend 5m db", "no automatic rollback for 5 min: db");
    would(&mut sitting, ":export", "into its folder");
    would(&mut sitting, ":q", "traffic stays");
    would_not(&mut sitting, ":restart", "only when the run is over");
    would_not(&mut sitting, ":nonsense", "no command");
    would_not(&mut sitting, ":readonly off", "not read-only");
    sitting.type_text(":rol");
    assert_eq!(foreseen(&sitting), Foreseen::Unfinished);

    would(&mut Sitting::at(held()), ":hold", "changes nothing");
    would(&mut Sitting::at(held()), ":advance", "resume at 25%");
    would_not(&mut Sitting::at(held()), ":advance 50%", "resumes first");
    would(&mut Sitting::at(locked()), ":advance", "locked");
    would(&mut Sitting::at(rolling_back()), ":rollback", "progress");

    let mut sitting = Sitting::baking();
    sitting.rights = Rights::ReadOnly;
    would_not(&mut sitting, ":hold", "read-only");
    let mut sitting = Sitting::baking();
    sitting.input(Input::Linked(false));
    would_not(&mut sitting, ":hold", "not connected");
    would(&mut sitting, ":rollback", "arms");
}

/// What the phase, the seat or the balancer's own setting refuses is said before Enter, and asks nothing.
#[test]
fn what_the_keeper_would_refuse_is_said_before_enter() {
    let mut sitting = Sitting::baking();
    would_not(&mut sitting, ":adopt", "nothing to adopt");
    would_not(&mut sitting, ":complete", "nothing to complete");
    would_not(&mut sitting, ":sendagain", "no rollback is under way");
    would_not(&mut sitting, ":suspend 2h db", "at most 1 h");
    would_not(&mut Sitting::at(rolling_back()), ":sendagain", "nothing foreign is there");
    would_not(&mut Sitting::at(rolling_back()), ":hold", "a rollback was accepted");
    sitting.desk.me = Some(bob());
    for command in [":adopt", ":end", ":suspend 5m db", ":unsuspend"] {
        would_not(&mut sitting, command, "alice drives: only the driver may");
    }
    for command in [":complete\n", ":sendagain\n", ":end\n"] {
        sitting.type_text(command);
        assert!(sitting.desk.dialog.is_none() && !sitting.flash().is_empty(), "{command} asks");
    }
    assert_eq!(sitting.sent(), 0);
    // A keeper that is silent may have come further: its picture refuses nothing.
    sitting.is_heard = false;
    sitting.after(6000);
    sitting.type_text(":sendagain\n");
    assert!(sitting.desk.dialog.is_some(), "{}", sitting.flash());
}

/// `:rollback` opens what `R` opens, and says so before: a keeper that is gone no longer brings its rollback to an end.
#[test]
fn what_rollback_would_open_is_what_it_opens() {
    let opens_progress = |mut sitting: Sitting| {
        sitting.type_text(":rollback");
        let Foreseen::Does(words) = foreseen(&sitting) else { panic!("{:?}", foreseen(&sitting)) };
        sitting.press('\n');
        let is_progress = matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Progress));
        assert_eq!(words.contains("progress"), is_progress, "{words}");
        assert_eq!(words.starts_with("arms: all traffic to BLUE"), sitting.is_armed(), "{words}");
        is_progress
    };
    let mut status = rolling_back().clone();
    status.snapshot.rollback.as_mut().expect("a rollback").state = RollbackState::Foreign;
    assert!(!opens_progress(Sitting::at(&status)), "it asks whether to go over what stopped it");
    let mut ended = baking().clone();
    ended.snapshot.phase = Phase::Ended;
    let mut ended = Sitting::at(&ended);
    would_not(&mut ended, ":rollback", "warroom rollback PLAN in a shell");
    ended.type_text(":rollback\n");
    assert!(ended.desk.dialog.is_none() && ended.flash().contains("the run has ended"), "{}", ended.flash());
    assert!(!opens_progress(Sitting::baking()));
    assert!(opens_progress(Sitting::at(rolling_back())));
    let mut silent = Sitting::at(rolling_back());
    silent.is_heard = false;
    silent.after(6000);
    silent.code(KeyCode::Esc);
    assert!(!opens_progress(silent), "its keeper is silent: the next goes from here");
    let mut direct = Sitting::baking();
    direct.input(Input::Linked(false));
    direct.press('R');
    direct.after(500);
    direct.press('y');
    direct.code(KeyCode::Esc);
    assert_eq!(direct.directs(), 1);
    assert!(opens_progress(direct), "one goes from here");
}

/// What is foreseen as refused sends nothing, and what is not foreseen to be sent is not sent.
#[test]
fn what_was_foreseen_is_what_happens() {
    for status in [baking(), held(), locked(), rolling_back()] {
        for word in COMMANDS {
            for rest in ["", " on", " dark", " 50%", " some words"] {
                let mut sitting = Sitting::at(status);
                sitting.type_text(&format!(":{}{rest}", word.name));
                let before = foreseen(&sitting);
                sitting.code(KeyCode::Enter);
                let did = !sitting.acts.is_empty() || sitting.desk.dialog.is_some();
                if let Foreseen::Refused(why) = before {
                    assert!(!did || word.name == "readonly", "{}{rest}: {why}, and then {:?}", word.name, sitting.acts);
                }
            }
        }
    }
}

#[test]
fn rollback_and_advance_open_the_panels_of_their_keys_and_send_nothing() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":rollback\n");
    assert!(sitting.is_armed());
    sitting.code(KeyCode::Esc);
    sitting.type_text(":advance 50\n");
    assert!(matches!(sitting.desk.dialog.as_ref().expect("open").kind, Kind::Advance { .. }));
    assert_eq!(sitting.acts, []);
}

#[test]
fn a_step_that_is_not_the_next_opens_nothing() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":advance 75%\n");
    assert!(sitting.desk.dialog.is_none());
    assert!(sitting.flash().contains("50% is"), "{}", sitting.flash());
}

#[test]
fn export_and_theme_are_the_shells_business() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":export\n");
    sitting.type_text(":export json\n");
    sitting.type_text(":theme light\n");
    sitting.type_text(":theme pink\n");
    assert_eq!(sitting.acts, [Act::Export(Format::Markdown), Act::Export(Format::Json), Act::Theme("light")]);
    assert!(sitting.flash().contains("dark light"), "{}", sitting.flash());
}

#[test]
fn hazard_40_a_console_that_gave_up_its_rights_asks_for_nothing() {
    let mut sitting = Sitting::at(locked());
    sitting.type_text(":readonly on\n");
    for c in ['R', 'H', 'A', 'T', 'O', 'y', ' '] {
        sitting.press(c);
        sitting.after(3000);
        sitting.press('y');
        sitting.after(3000);
    }
    for word in COMMANDS.iter().filter(|word| !["q", "export", "theme", "readonly"].contains(&word.name)) {
        let behind = if word.takes.is_empty() { "" } else { " some words" };
        sitting.type_text(&format!(":{}{behind}\n", word.name));
        sitting.after(3000);
        sitting.press('y');
        sitting.code(KeyCode::Esc);
    }
    assert_eq!(sitting.acts, []);
    assert!(sitting.flash().contains(":readonly off") || sitting.flash().is_empty(), "{}", sitting.flash());
    sitting.type_text(":readonly off\n");
    sitting.after(3000);
    sitting.press('H');
    sitting.after(200);
    assert_eq!(sitting.holds(), 1, "what was given up here comes back");
}

#[test]
fn hazard_40_rights_that_were_never_granted_do_not_come_by_typing() {
    let mut sitting = Sitting::baking();
    sitting.rights = Rights::ReadOnly;
    for line in [":readonly off\n", ":readonly on\n", ":readonly off\n"] {
        sitting.type_text(line);
    }
    assert!(sitting.flash().contains("granted"), "{}", sitting.flash());
    sitting.after(3000);
    sitting.press('R');
    assert!(!sitting.is_armed());
    sitting.press('H');
    sitting.after(1000);
    assert_eq!(sitting.acts, []);
}

/// A panel that was open when the rights went does not confirm, and a hold that was waiting is not sent.
#[test]
fn hazard_40_a_hold_that_was_waiting_goes_with_the_rights() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":readonly on");
    sitting.after(1000);
    sitting.code(KeyCode::Enter);
    sitting.press('H');
    sitting.after(1000);
    assert_eq!(sitting.acts, []);
}

#[test]
fn debug_and_help_are_read_and_closed_and_hold_works_over_them() {
    for line in [":debug\n", ":help\n"] {
        let mut sitting = Sitting::baking();
        sitting.type_text(line);
        assert!(sitting.desk.dialog.as_ref().is_some_and(|dialog| !dialog.acts()), "{line}");
        sitting.after(1000);
        sitting.press('H');
        sitting.after(1000);
        assert_eq!(sitting.holds(), 1, "{line}");
    }
}

/// Whatever is typed, in whatever order: no panic, and the line stays within its length.
#[test]
fn any_keys_at_all() {
    let codes = [
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Char('é'),
        KeyCode::Char('漢'),
        KeyCode::Char(' '),
        KeyCode::Char('@'),
        KeyCode::Char('t'),
        KeyCode::Char('r'),
        KeyCode::Char('a'),
    ];
    let mut seed = 1_u64;
    let mut sitting = Sitting::baking();
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if sitting.desk.command_line.is_none() {
            sitting.press(':');
        }
        let modifiers = if seed >> 60 == 0 { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        sitting.event(codes[(seed >> 33) as usize % codes.len()], modifiers, KeyEventKind::Press);
        let length = sitting.desk.command_line.as_ref().map_or(0, |line| line.chars().count());
        assert!(length <= warroom::console::desk::LINE_CHARS_MAX);
        let _ = sitting.desk.completion(sitting.status.as_ref());
        let _ = sitting.desk.foresee(sitting.status.as_ref(), sitting.rights, sitting.now);
    }
    assert_eq!(sitting.sent(), 0);
}

/// The band names commands just where one reads why something is locked, or that a rollback does not land.
#[test]
fn it_opens_from_a_panel_that_is_only_read_and_from_no_question() {
    let mut sitting = Sitting::at(locked());
    sitting.press('A');
    assert!(matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Locked)));
    sitting.press(':');
    assert_eq!((sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind).is_none(), line(&sitting)), (true, Some("")));
    let mut sitting = Sitting::at(rolling_back());
    sitting.press('R');
    assert!(matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Progress)));
    sitting.press(':');
    assert_eq!((sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind).is_none(), line(&sitting)), (true, Some("")));
    let mut sitting = Sitting::baking();
    sitting.press('R');
    sitting.press(':');
    assert_eq!(
        (sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind).is_none(), line(&sitting)),
        (true, None),
        "an armed one is disarmed, and no more"
    );
}
