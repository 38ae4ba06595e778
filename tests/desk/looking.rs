//! What is looked at and written down: log, alarms, details, notes, reasons, copies, privacy.

use crate::scene::{Scene, alice};
use crate::sitting::{Sitting, baking};
use crossterm::event::{KeyCode, KeyModifiers};
use std::time::Duration;
use warroom::console::desk::alarms::{CLEAR_AFTER, RAISE_AFTER};
use warroom::console::desk::dialog::Kind;
use warroom::console::desk::history::LINES_MAX;
use warroom::console::desk::log::{Counts, Row};
use warroom::console::desk::note::{NOTE_CHARS_MAX, REASONS};
use warroom::console::desk::{Act, BELL_EVERY, Input};
use warroom::domain::{Clean, Mono, Person, Rights, Verdict, Wall};
use warroom::engine::{Answer, Command, Entry, Fact, Severity};
use warroom::wire::Status;

const CTRL: KeyModifiers = KeyModifiers::CONTROL;

fn entry(number: u64, severity: Severity, text: &str) -> Entry {
    Entry {
        number,
        wall: Wall::from_millis(1_795_348_800_000 + number as i64 * 1000),
        mono: Mono::from_micros(number * 1_000_000),
        severity,
        by: None,
        text: Clean::new(text),
        fact: Fact::Line,
    }
}

fn info(number: u64, text: &str) -> Entry {
    entry(number, Severity::Info, text)
}

/// A sitting before these lines.
fn before(log: Vec<Entry>) -> Sitting {
    let mut status = baking().clone();
    status.snapshot.log = log;
    let mut sitting = Sitting::at(&status);
    sitting.input(Input::Heard);
    sitting
}

fn tell(sitting: &mut Sitting, log: Vec<Entry>) {
    sitting.status.as_mut().expect("a status").snapshot.log = log;
    sitting.input(Input::Heard);
}

/// Rows as short words: `3`, `3-9 x4`, `gap 12`, the selected one in brackets.
fn rows(sitting: &Sitting) -> Vec<String> {
    let log = &sitting.desk.log;
    let rows = log.rows();
    let selected = log.selected(&rows);
    rows.iter()
        .enumerate()
        .map(|(place, row)| {
            let words = match row {
                Row::Lines { last, times: 1, .. } => last.number.to_string(),
                Row::Lines { first, last, times } => format!("{}-{} x{times}", first.number, last.number),
                Row::Gap { missing, .. } => format!("gap {missing}"),
            };
            if selected == Some(place) { format!("[{words}]") } else { words }
        })
        .collect()
}

#[test]
fn what_a_snapshot_no_longer_carries_is_still_there() {
    let mut sitting = before((1..=60).map(|number| info(number, &format!("line {number} of {number}"))).collect());
    for newest in 61..=200 {
        tell(&mut sitting, (newest - 59..=newest).map(|number| info(number, &format!("l {number}"))).collect());
    }
    assert_eq!(sitting.desk.log.history().lines().len(), 200);
    assert_eq!(sitting.desk.log.history().lines().next().map(|entry| entry.number), Some(1));
}

#[test]
fn the_history_is_bounded() {
    let mut sitting = before(Vec::new());
    for newest in (60..6000).step_by(50) {
        tell(&mut sitting, (newest - 59..=newest).map(|number| info(number, "x")).collect());
    }
    assert_eq!(sitting.desk.log.history().lines().len(), LINES_MAX);
    assert_eq!(sitting.desk.log.history().newest(), 5960);
}

#[test]
fn lines_that_were_missed_are_a_gap_and_fill_when_they_come() {
    let mut sitting = before(vec![info(1, "a"), info(2, "b")]);
    tell(&mut sitting, vec![info(9, "c"), info(10, "d")]);
    assert_eq!(rows(&sitting), ["1", "2", "gap 6", "9", "10"]);
    tell(&mut sitting, vec![info(5, "e"), info(9, "c"), info(10, "d"), info(11, "f")]);
    assert_eq!(rows(&sitting), ["1", "2", "gap 2", "5", "gap 3", "9", "10", "11"]);
    let late = before(vec![info(40, "a")]);
    assert_eq!(rows(&late), ["gap 39", "40"]);
}

/// After a crash the keeper goes on from what its disk held: lines that it lost are no longer so.
#[test]
fn the_keepers_word_wins_over_what_was_seen() {
    let mut sitting = before(vec![info(1, "a"), info(2, "b"), info(3, "lost"), info(4, "lost too")]);
    tell(&mut sitting, vec![info(1, "a"), info(2, "b"), info(3, "again")]);
    assert_eq!(rows(&sitting), ["1", "2", "3"]);
    assert_eq!(sitting.desk.log.history().lines().last().map(|entry| entry.text.as_str()), Some("again"));
}

#[test]
fn three_alike_become_one_and_two_do_not() {
    let alike =
        |range: std::ops::Range<u64>| range.map(|number| info(number, &format!("P99 BLUE {number}.5ms > 40ms")));
    let mut log: Vec<Entry> = alike(1..3).collect();
    log.push(Entry { by: Some(alice()), ..info(3, "alice: looking") });
    log.extend(alike(4..16));
    log.push(entry(16, Severity::Warn, "P99 BLUE 16.5ms > 40ms"));
    assert_eq!(rows(&before(log)), ["1", "2", "3", "4-15 x12", "16"]);
}

/// `P50` and `P99` are two limits, `lb1` and `lb2` two nodes; the number behind a sign or a bracket is a number.
#[test]
fn digits_in_a_name_make_it_another_one() {
    let of = |texts: [&str; 3]| {
        let log = (1..).zip(texts).map(|(number, text)| info(number, text)).collect();
        rows(&before(log))
    };
    for apart in [
        ["P50 GREEN 40ms > 30ms", "P95 GREEN 140ms > 90ms", "P99 GREEN 240ms > 200ms"],
        ["node lb1 is late", "node lb2 is late", "node lb3 is late"],
        ["lb-1 is late", "lb-2 is late", "lb-3 is late"],
        ["v2.0.5 is there", "v2.1.0 is there", "v2.1.1 is there"],
    ] {
        assert_eq!(of(apart), ["1", "2", "3"], "{apart:?}");
    }
    for alike in [
        ["5xx BLUE (0.5%)", "5xx BLUE (0.75%)", "5xx BLUE (11%)"],
        ["shift -5 %", "shift -7.5 %", "shift -10 %"],
        ["12ms of 40ms", "13.5ms of 40ms", "9ms of 40ms"],
    ] {
        assert_eq!(of(alike), ["1-3 x3"], "{alike:?}");
    }
}

/// What flaps goes bad and good in turns.
#[test]
fn two_things_that_flap_are_two_rows_each() {
    let text = |number: u64| {
        let words = ["limit {} over", "limit {} clear", "check FAIL {}", "check ok {}"];
        words[number as usize % 4].replace("{}", &number.to_string())
    };
    let mut log: Vec<Entry> = (1..=40).map(|number| info(number, &text(number))).collect();
    log.push(Entry { by: Some(alice()), ..info(41, "alice: seen") });
    log.extend((42..=44).map(|number| info(number, &text(number))));
    assert_eq!(rows(&before(log)), ["1-37 x10", "2-38 x10", "3-39 x10", "4-40 x10", "41", "42", "43", "44"]);
}

#[test]
fn a_row_among_rows_that_overlap_can_be_selected() {
    let log = (1..=12).map(|number| info(number, if number % 2 == 0 { "bad" } else { "good" })).collect();
    let mut sitting = before(log);
    sitting.press('k');
    assert_eq!(rows(&sitting), ["[1-11 x6]", "2-12 x6"]);
    sitting.press('j');
    assert!(sitting.desk.log.paused().is_none());
}

#[test]
fn what_people_did_is_told_each_time() {
    let said = |number| Entry { by: Some(alice()), ..info(number, &format!("alice: try {number}")) };
    assert_eq!(rows(&before((1..=5).map(said).collect())), ["1", "2", "3", "4", "5"]);
    let moved = |number| Entry { fact: Fact::Reached { step: 0 }, ..info(number, "reached 5%") };
    assert_eq!(rows(&before((1..=3).map(moved).collect())), ["1", "2", "3"]);
}

#[test]
fn scrolled_it_stays_where_it_is_and_counts_what_comes() {
    let words = ["a", "b", "c", "d", "e"];
    let log = |count: usize| (1..=count).map(|n| info(n as u64, words[(n - 1) % 5])).collect::<Vec<_>>();
    let mut sitting = before(log(5));
    sitting.press('k');
    sitting.press('k');
    assert_eq!(rows(&sitting), ["1", "2", "[3]", "4", "5"]);
    tell(&mut sitting, log(17));
    assert_eq!(sitting.desk.log.paused(), Some(12));
    assert_eq!(rows(&sitting)[2], "[3]", "a new line moved what is looked at");
    for _ in 0..14 {
        sitting.press('j');
    }
    assert_eq!(sitting.desk.log.paused(), None, "its end follows again");
}

#[test]
fn a_filter_is_typed_kept_stepped_through_and_cleared() {
    let log = vec![info(1, "5XX high"), info(2, "bob came"), info(3, "5xx ok"), info(4, "x"), info(5, "5xx high")];
    let mut sitting = before(log);
    sitting.press('n');
    assert!(sitting.flash().contains("no filter"));
    sitting.type_text("/5xx");
    assert_eq!(rows(&sitting), ["1", "3", "5"], "it filters while it is typed");
    assert_eq!(sitting.desk.log.counts(), Counts { shown: 3, all: 5, critical_hidden: 0 });
    sitting.press('\n');
    assert!(!sitting.desk.log.is_typing());
    sitting.press('N');
    assert_eq!(rows(&sitting), ["1", "[3]", "5"]);
    sitting.press('N');
    assert_eq!(rows(&sitting), ["[1]", "3", "5"]);
    sitting.after(300);
    sitting.press('N');
    assert!(sitting.desk.log.paused().is_none() && sitting.flash().contains("newest match again"));
    sitting.after(300);
    sitting.press('n');
    assert_eq!(rows(&sitting), ["[1]", "3", "5"]);
    assert!(sitting.flash().contains("oldest match again"));
    sitting.code(KeyCode::Esc);
    assert_eq!(sitting.desk.log.filter(), None);
    assert_eq!(rows(&sitting), ["[1]", "2", "3", "4", "5"]);
    assert_eq!(sitting.acts, []);
}

#[test]
fn the_filter_field_eats_every_letter_and_esc_r_arms() {
    let mut sitting = Sitting::baking();
    sitting.type_text("/RyHAqTs m");
    sitting.after(3000);
    assert_eq!(sitting.desk.log.filter(), Some("RyHAqTs m"));
    assert_eq!(sitting.acts, []);
    sitting.code(KeyCode::Esc);
    sitting.press('R');
    assert!(sitting.is_armed(), "{}", sitting.flash());
    let mut sitting = Sitting::baking();
    sitting.press('/');
    sitting.with('R', KeyModifiers::ALT | KeyModifiers::SHIFT);
    assert!(sitting.is_armed() && !sitting.desk.log.is_typing());
}

#[test]
fn a_filter_is_bounded_and_has_no_line_ends() {
    let mut sitting = Sitting::baking();
    sitting.press('/');
    sitting.input(Input::Paste(format!("a\nR\r\n{}", "x".repeat(100_000))));
    let filter = sitting.desk.log.filter().expect("a filter").to_owned();
    assert!(filter.starts_with("aRx") && filter.chars().count() <= 80, "{}", filter.chars().count());
    assert_eq!(sitting.acts, []);
}

#[test]
fn n_closes_a_panel_and_steps_only_without_one() {
    let mut sitting = Sitting::baking();
    sitting.type_text("/balancer\n");
    sitting.press('R');
    sitting.after(500);
    sitting.press('n');
    assert!(!sitting.is_armed());
    assert!(sitting.desk.log.paused().is_none());
}

#[test]
fn only_warnings_and_errors() {
    let mut sitting = before(vec![info(1, "a"), entry(2, Severity::Warn, "b"), entry(3, Severity::Critical, "c")]);
    sitting.press('e');
    assert_eq!(rows(&sitting), ["2", "3"]);
    sitting.press('e');
    assert_eq!(rows(&sitting), ["1", "2", "3"]);
}

/// A required check fails from now on.
fn failing(status: &Status) -> Status {
    let mut status = status.clone();
    let check = status.snapshot.checks.iter_mut().find(|check| check.required).expect("a required check");
    check.verdict = Verdict::Fail;
    status
}

fn bells(sitting: &Sitting) -> usize {
    sitting.acts.iter().filter(|act| **act == Act::Bell).count()
}

fn seconds(sitting: &mut Sitting, count: u32) {
    for _ in 0..count {
        sitting.after(1000);
    }
}

#[test]
fn an_alarm_rings_again_every_30_s_until_somebody_silences_it() {
    let mut sitting = Sitting::baking();
    seconds(&mut sitting, 3);
    sitting.status = Some(failing(baking()));
    seconds(&mut sitting, RAISE_AFTER - 1);
    assert_eq!(bells(&sitting), 0, "too early: it may be a blink");
    seconds(&mut sitting, 1);
    assert_eq!(bells(&sitting), 1);
    seconds(&mut sitting, BELL_EVERY.as_secs() as u32);
    assert_eq!(bells(&sitting), 2);
    sitting.press('s');
    seconds(&mut sitting, 120);
    assert_eq!(bells(&sitting), 2);
    assert_eq!(sitting.desk.alarms.raised().len(), 1, "acknowledged it stays in sight");
    sitting.status = Some(baking().clone());
    seconds(&mut sitting, CLEAR_AFTER);
    assert!(sitting.desk.alarms.raised().is_empty());
    sitting.press('s');
    assert_eq!(sitting.flash(), "no alarm to silence");
}

/// What a check is of takes its alarm away beside what says the same; a server may answer in the same words.
#[test]
fn a_servers_words_take_no_alarm_away() {
    let mut drifted = Scene::at_step(2);
    drifted.candidate = 60_000;
    drifted.run(3.0);
    let mut shifting = Scene::at_step(1);
    shifting.writes_land = false;
    shifting.advance();
    shifting.run(1.2);
    for (scene, words) in [(drifted, "drift to 40 ms behind the primary"), (shifting, "503, want 200")] {
        let mut status = scene.status();
        let snapshot = &mut status.snapshot;
        let of_balancer = snapshot.checks.iter().position(|check| check.of_balancer).expect("the balancer's own");
        assert_ne!(snapshot.checks[of_balancer].verdict, Verdict::Pass, "it says what is said already");
        (snapshot.checks[1].verdict, snapshot.checks[1].detail) = (Verdict::Fail, words.into());
        let mut sitting = Sitting::at(&status);
        seconds(&mut sitting, RAISE_AFTER + 1);
        let raised: Vec<&str> = sitting.desk.alarms.raised().iter().map(|alarm| alarm.condition.key.as_str()).collect();
        assert!(raised.contains(&"check 1"), "{words}: {raised:?}");
        assert!(!raised.contains(&format!("check {of_balancer}").as_str()), "{words}: {raised:?}");
    }
}

#[test]
fn muted_nothing_rings_and_the_alarm_is_still_there() {
    let mut sitting = Sitting::at(&failing(baking()));
    sitting.press('m');
    seconds(&mut sitting, 90);
    assert_eq!(bells(&sitting), 0);
    assert!(sitting.desk.muted && sitting.desk.alarms.rings());
    sitting.press('m');
    assert_eq!(bells(&sitting), 1, "what nobody has seen rings once the bell is on");
}

#[test]
fn a_silent_keeper_is_an_alarm_and_clears_no_other() {
    let mut sitting = Sitting::at(&failing(baking()));
    seconds(&mut sitting, 4);
    sitting.is_heard = false;
    seconds(&mut sitting, 30);
    let keys: Vec<&str> = sitting.desk.alarms.raised().iter().map(|alarm| alarm.condition.key.as_str()).collect();
    assert!(keys.contains(&"keeper") && keys.iter().any(|key| key.starts_with("check")), "{keys:?}");
}

#[test]
fn details_of_a_check_are_of_now_and_scroll() {
    let mut sitting = Sitting::baking();
    sitting.type_text("4\n");
    let kind = |sitting: &Sitting| format!("{:?}", sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind));
    assert!(kind(&sitting).contains("Check") && kind(&sitting).contains("from: 0"), "{}", kind(&sitting));
    sitting.press('j');
    assert!(kind(&sitting).contains("from: 1"));
    for _ in 0..1000 {
        sitting.press('j');
    }
    sitting.press('k');
    assert!(sitting.desk.dialog.is_some());
    sitting.press('q');
    assert!(sitting.desk.dialog.is_none());
    assert_eq!(sitting.acts, []);
}

#[test]
fn details_of_alike_lines_say_how_many() {
    let mut sitting = before((1..=12).map(|number| info(number, &format!("P99 {number} ms"))).collect());
    sitting.press('\n');
    let Kind::Event { entry, since, times, .. } = &sitting.desk.dialog.as_ref().expect("details").kind else {
        panic!("no details")
    };
    assert_eq!((entry.number, *times), (12, 12));
    assert_eq!(since.clock(), "12:00:01Z");
}

#[test]
fn a_note_of_several_lines_goes_out_by_ctrl_d_alone() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":note\n");
    sitting.with('d', CTRL);
    assert_eq!(sitting.flash(), "the note is empty");
    sitting.type_text("Ry drained\nH A yes\n");
    sitting.input(Input::Paste("pasted\r\nR\x1b[31m".to_owned()));
    sitting.after(60_000);
    assert_eq!(sitting.acts, [], "text went out by itself");
    sitting.with('d', CTRL);
    let [Act::Send(id, Command::Note { text })] = &sitting.acts[..] else { panic!("{:?}", sitting.acts) };
    assert_eq!(text.as_str(), "Ry drained / H A yes / pasted / R[31m");
    assert!(sitting.desk.dialog.is_none());
    assert!(!sitting.desk.note.is_empty(), "not before the keeper has it");
    let id = *id;
    sitting.input(Input::Answered(id, Answer::Applied("noted".into())));
    assert!(sitting.desk.note.is_empty());
}

#[test]
fn a_draft_survives_every_way_of_closing() {
    let closings: [fn(&mut Sitting); 6] = [
        |sitting| sitting.code(KeyCode::Esc),
        |sitting| sitting.with('c', CTRL),
        |sitting| sitting.with('R', KeyModifiers::ALT | KeyModifiers::SHIFT),
        |sitting| sitting.input(Input::Resized(10, 3)),
        |sitting| sitting.input(Input::Continued),
        |sitting| sitting.desk.stalled(Duration::from_secs(3), 2, sitting.now),
    ];
    for (which, close) in closings.into_iter().enumerate() {
        let mut sitting = Sitting::baking();
        sitting.type_text(":note\nhalf a thou");
        close(&mut sitting);
        assert!(!matches!(sitting.desk.dialog.as_ref().map(|d| &d.kind), Some(Kind::Note)), "{which}");
        sitting.code(KeyCode::Esc);
        sitting.input(Input::Resized(80, 24));
        sitting.type_text(":note\nght");
        sitting.with('d', CTRL);
        let notes: Vec<_> = sitting.acts.iter().filter(|act| matches!(act, Act::Send(..))).collect();
        assert!(format!("{notes:?}").contains("half a thought"), "{which}: {notes:?}");
    }
}

/// What stands between two lines in the journal counts, and what a paste lost is said.
#[test]
fn a_note_of_many_lines_counts_what_the_journal_keeps() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":note\n");
    let lines = vec!["x".repeat(40); 20].join("\n");
    sitting.input(Input::Paste(lines.clone()));
    assert!(sitting.flash().contains("a note has 700 characters: the last"), "{}", sitting.flash());
    let kept = sitting.desk.note.lines().join(" / ");
    assert_eq!(kept.chars().count(), sitting.desk.note_chars());
    assert!((NOTE_CHARS_MAX - 3..=NOTE_CHARS_MAX).contains(&kept.chars().count()), "{}", kept.chars().count());
    let lost = lines.chars().count() - sitting.desk.note.lines().join("\n").chars().count();
    assert!(sitting.flash().contains(&format!("the last {lost} pasted")), "{}", sitting.flash());
    sitting.after(5000);
    sitting.press('\n');
    assert_eq!(sitting.desk.note_chars(), kept.chars().count(), "a break needs three");
}

#[test]
fn a_note_is_bounded_and_refused_ones_are_kept() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":note\n");
    sitting.input(Input::Paste("x".repeat(100_000)));
    sitting.type_text("more\n");
    assert_eq!(sitting.desk.note_chars(), NOTE_CHARS_MAX);
    sitting.input(Input::Linked(false));
    sitting.with('d', CTRL);
    assert!(sitting.flash().contains("NOT SENT"), "{}", sitting.flash());
    assert!(matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Note)));
    assert_eq!(sitting.acts, []);
    let mut reader = Sitting::baking();
    reader.rights = Rights::ReadOnly;
    reader.type_text(":note\n");
    assert!(reader.desk.dialog.is_none() && reader.flash().contains("read-only"));
}

fn rolled_back() -> Status {
    let mut scene = Scene::at_step(2);
    scene.roll_back();
    scene.run(30.0);
    scene.status()
}

#[test]
fn a_reason_is_picked_and_written_down_once_by_y() {
    for (place, words) in REASONS.iter().take(5).enumerate() {
        let mut sitting = Sitting::at(&rolled_back());
        sitting.acts.clear();
        sitting.press('R');
        sitting.press('r');
        for _ in 0..place {
            sitting.press('j');
        }
        sitting.press('\n');
        sitting.press('y');
        assert_eq!(sitting.sent(), 0, "before it could be read");
        sitting.after(400);
        sitting.press('y');
        sitting.press('y');
        let sent: Vec<_> = sitting.acts.iter().filter(|act| matches!(act, Act::Send(..))).collect();
        let [Act::Send(_, Command::Note { text })] = sent[..] else { panic!("{sent:?}") };
        assert_eq!(text.as_str(), format!("rollback reason: {words}"));
    }
}

/// What a panel knows is no text that arrives from elsewhere: `R` works right behind it.
#[test]
fn r_comes_back_to_the_progress_from_the_reason_at_once() {
    let mut sitting = Sitting::at(&rolled_back());
    sitting.press('R');
    sitting.press('r');
    sitting.after(500);
    sitting.type_text("3y");
    sitting.press('R');
    assert!(
        matches!(sitting.desk.dialog.as_ref().map(|dialog| &dialog.kind), Some(Kind::Progress)),
        "{}",
        sitting.flash()
    );
}

#[test]
fn another_reason_is_typed() {
    let mut sitting = Sitting::at(&rolled_back());
    sitting.acts.clear();
    sitting.type_text(":reason\n");
    sitting.after(500);
    sitting.type_text("6y");
    sitting.press('\n');
    assert_eq!(sitting.sent(), 0, "an empty reason");
    sitting.type_text("Ryan said so\n");
    assert_eq!((sitting.sent(), sitting.rollbacks()), (1, 0));
    assert!(format!("{:?}", sitting.acts).contains("rollback reason: Ryan said so"), "{:?}", sitting.acts);
}

#[test]
fn a_reason_needs_a_rollback_and_the_right_to_write() {
    let mut sitting = Sitting::baking();
    sitting.type_text(":reason\n");
    assert_eq!(sitting.flash(), "no rollback to give a reason for");
    let mut reader = Sitting::at(&rolled_back());
    reader.rights = Rights::ReadOnly;
    reader.acts.clear();
    reader.type_text(":reason\n");
    assert!(reader.desk.dialog.is_none());
    // The rights can go while it is open.
    let mut sitting = Sitting::at(&rolled_back());
    sitting.acts.clear();
    sitting.type_text(":reason\n");
    sitting.after(500);
    sitting.rights = Rights::ReadOnly;
    sitting.press('y');
    assert_eq!(sitting.sent(), 0);
}

#[test]
fn the_reason_that_was_given_is_found_for_everybody() {
    let mut scene = Scene::at_step(2);
    scene.roll_back();
    scene.run(5.0);
    scene.command(Person::claimed("al", "root"), Command::Note { text: "rollback reason: critical bug".into() });
    let mut sitting = Sitting::at(&scene.status());
    sitting.input(Input::Heard);
    assert_eq!(sitting.desk.rollback_reason(), Some("critical bug"));
}

#[test]
fn a_copy_says_where_it_is_from_and_hides_what_is_hidden() {
    let copied = |sitting: &Sitting| match sitting.acts.last() {
        Some(Act::Copy(text)) => text.to_string(),
        acts => panic!("{acts:?}"),
    };
    let mut sitting = before(vec![entry(1, Severity::Warn, "alice lost db1.internal"), info(2, "x")]);
    sitting.press('k');
    sitting.press('c');
    let text = copied(&sitting);
    assert!(text.contains("demo") && text.contains("WARN alice lost db1.internal"), "{text}");
    sitting.press('p');
    sitting.after(3000);
    sitting.press('c');
    let text = copied(&sitting);
    assert!(text.ends_with("WARN ***** lost ************"), "{text}");
    sitting.after(3000);
    sitting.type_text("4\n");
    sitting.press('c');
    assert!(copied(&sitting).contains("candidate health: ok"), "{}", copied(&sitting));
    assert!(sitting.desk.dialog.is_some(), "a copy closes nothing");
}

#[test]
fn the_title_is_state_and_target() {
    let mut sitting = Sitting::baking();
    let title = |sitting: &Sitting| sitting.desk.title(sitting.status.as_ref(), sitting.now).to_string();
    assert_eq!(title(&sitting), "RUNNING checkout @ demo");
    sitting.press('R');
    assert_eq!(title(&sitting), "ARMED checkout @ demo");
    sitting.code(KeyCode::Esc);
    sitting.is_heard = false;
    sitting.after(6000);
    assert_eq!(title(&sitting), "KEEPER SILENT checkout @ demo");
}

/// Text that arrives from elsewhere must not quiet the alarms or show what is hidden.
#[test]
fn stray_text_neither_silences_nor_uncovers() {
    let mut sitting = Sitting::at(&failing(baking()));
    sitting.desk.private = true;
    seconds(&mut sitting, 4);
    sitting.type_text("drop simple maps, copy");
    assert!(sitting.desk.alarms.rings() && sitting.desk.private && !sitting.desk.muted);
    assert!(sitting.acts.iter().all(|act| !matches!(act, Act::Copy(_))));
}
