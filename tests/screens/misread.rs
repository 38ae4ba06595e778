//! What somebody who saw the screen for the first time took for something else.

use crate::scene::{Scene, alice};
use crate::shots::{ASCII, MONO, Shot, UNICODE, all, auto_held, auto_held_scene, baked, shot};
use crate::{WHOLE, row};
use std::time::Duration;
use warroom::domain::{Clean, Verdict};
use warroom::engine::{Answer, Command};

/// Traffic that is gone read as traffic: an average still has it.
#[test]
fn on_the_way_back_the_candidates_rate_is_of_the_newest_scrape() {
    let mut scene = auto_held_scene();
    scene.roll_back();
    scene.run(3.0);
    let shot = Shot::of("just back", &scene);
    let candidate = &shot.status.as_ref().expect("status").snapshot.environments.candidate;
    let (average, newest) = (candidate.rate.expect("read"), candidate.newest_rate.expect("read"));
    assert!(average > 5.0 && newest < 2.0, "{average} {newest}");
    for (width, height) in WHOLE {
        // No more than it had before its share: health checks and scrapes go on.
        let line = row(&shot.buffer(width, height, UNICODE), 3);
        assert!(line.contains("   idle  0.0%"), "{width}x{height}: {line}");
        let pinned = row(&crate::shots::shot("new_traffic_back").buffer(width, height, UNICODE), 3);
        assert!(pinned.contains("14 rps  0.0%"), "{width}x{height}: {pinned}");
    }
    // An older keeper does not tell it: then the average says that it is one.
    let mut status = shot.status.expect("status");
    status.snapshot.environments.candidate.newest_rate = None;
    let line = row(&Shot::from_status("older", status).buffer(80, 23, UNICODE), 3);
    assert!(line.contains("rps avg"), "{line}");
}

/// Said at once, and not only where somebody scrolls to it.
#[test]
fn a_wide_screen_has_a_checks_answer_whole() {
    let text = shot("drift").text(120, 40, UNICODE);
    assert!(text.lines().any(|line| line.contains("✗ FAIL balancer") && line.contains(" drift to 60%")), "{text}");
    let mut status = baked();
    status.snapshot.checks[1].verdict = Verdict::Fail;
    let long = "GET https://db/health: 503 pool exhausted, 40 of 40 connections wait";
    status.snapshot.checks[1].detail = Clean::new(long);
    let text = Shot::from_status("long", status.clone()).text(120, 40, UNICODE);
    let below: Vec<&str> = text.lines().skip_while(|line| !line.contains("FAIL candidate database")).skip(1).collect();
    let words: Vec<&str> = below.iter().take(2).filter_map(|line| line.rsplit('│').nth(1)).map(str::trim).collect();
    assert_eq!(words.join(" "), long, "{text}");
    // Where every row is taken each check keeps its own, and what is cut says so.
    for _ in 0..2 {
        let more = status.snapshot.checks.clone();
        status.snapshot.checks.extend(more);
    }
    let text = Shot::from_status("many", status).text(120, 40, UNICODE);
    assert!(text.lines().any(|line| line.contains("FAIL candidate database") && line.contains('…')), "{text}");
}

/// `3.89%>1.00%` is one word.
#[test]
fn comparisons_have_blanks_where_there_is_room() {
    for (width, height) in WHOLE {
        let text = Shot::from_status("held", auto_held()).text(width, height, UNICODE);
        assert!(text.contains("6.20% > 1.00%"), "{width}x{height}\n{text}");
    }
}

/// Neither colour nor words are on one cell.
#[test]
fn what_is_ready_does_not_look_like_what_runs() {
    for look in [UNICODE, ASCII, MONO] {
        for (width, height) in [(1, 1), (2, 1), (20, 4), (80, 23)] {
            let mark = |state: &str| {
                let text = shot(state).text(width, height, look);
                let band = text.lines().nth(usize::from(height > 20)).expect("a band").trim_start().to_owned();
                band.chars().next().expect("a mark")
            };
            let marks = ["ready", "baking", "auto_held", "complete"].map(mark);
            for (place, one) in marks.iter().enumerate() {
                assert!(!marks[..place].contains(one), "{marks:?} at {width}x{height}");
            }
        }
    }
}

/// A key that does nothing any more is not offered, and the others keep their places.
#[test]
fn hold_is_offered_only_where_something_can_be_held() {
    for shot in all().iter().filter(|shot| shot.desk.dialog.is_none() && shot.desk.command_line.is_none()) {
        let Some(status) = shot.status.as_ref().filter(|_| !shot.desk.log.is_typing()) else { continue };
        let phase = status.snapshot.phase;
        let is_over = phase.is_back() || phase == warroom::engine::Phase::Complete;
        let footer = row(&shot.buffer(80, 23, UNICODE), 22);
        let offered = footer.contains("H hold") || footer.contains("H (held)");
        if is_over {
            // What is not heard any more may be different by now.
            assert_eq!(offered, shot.desk.is_cut_off(shot.now), "{}: {footer}", shot.name);
        }
    }
}

/// At the smallest whole screen the help begins with what moves traffic, and a key gives it the room of a zoomed panel.
#[test]
fn the_help_of_a_small_screen_begins_with_what_matters_and_can_have_more_room() {
    let text = shot("help").text(80, 22, UNICODE);
    assert!(text.contains("R         arm a rollback") && text.contains("j k more: 2-"), "{text}");
    assert!(text.contains("? larger"), "{text}");
    let text = shot("help").keys("?").text(80, 22, UNICODE);
    for words in ["arm a rollback", "hold now", "advance or resume", "take control", "confirm, 0.4 s", "j k more"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let bare = shot("locked").text(80, 22, UNICODE);
    for y in [1, 2, 3, 4, 5] {
        assert_eq!(bare.lines().nth(y), text.lines().nth(y), "header, band and gauge stay");
    }
    assert!(shot("help").keys("??").desk.dialog.is_none());
}

/// Half an address is not known for one, so it is covered before it is broken.
#[test]
fn a_word_longer_than_a_panel_is_covered_before_it_is_broken() {
    let host = format!("https://{}.internal.example.com/health", "very-long-name-of-a-database".repeat(4));
    let mut held = auto_held();
    let snapshot = &mut held.snapshot;
    if let Some(held) = &mut snapshot.held {
        held.why = Clean::new(format!("check database: 503 from {host}"));
        held.resume_refused = vec![held.why.clone()];
    }
    snapshot.rollback_target.words = Clean::new(format!("BLUE v2.0.5: {host}"));
    for check in &mut snapshot.checks {
        check.detail = Clean::new(format!("503 from {host}"));
        check.verdict = Verdict::Fail;
    }
    let mut seen_without = 0;
    for keys in ["", "A", "4\n", "11", "22", "R"] {
        for private in [false, true] {
            let mut shot = Shot::from_status("long", held.clone());
            shot.desk.private = private;
            let shot = shot.keys(keys);
            for (width, height) in WHOLE.into_iter().chain([(60, 20), (40, 10)]) {
                let text = shot.text(width, height, UNICODE);
                let is_seen = ["database-", "-of-a", "internal", "example.com"].iter().any(|part| text.contains(part));
                seen_without += usize::from(!private && is_seen);
                assert!(!private || !is_seen, "{keys:?} at {width}x{height}\n{text}");
            }
        }
    }
    assert!(seen_without > 10, "it is not even there without: {seen_without}");
}

/// Fresh answers are not counted up second by second, and a bound behind each reads as one more comparison: it is said
/// once, above them. What is late is counted, and is no longer ok.
#[test]
fn a_checks_age_is_said_once_while_all_are_fresh() {
    let ages = |millis: u64| {
        let mut status = baked();
        let at = status.snapshot.mono;
        for check in &mut status.snapshot.checks {
            (check.at, check.fresh_for) = (Some(at), Duration::from_secs(20));
        }
        let text = Shot::from_status("ages", status).later(millis).heard_only().text(120, 40, UNICODE);
        let title = text.lines().find_map(|line| Some(line.split_once("4 CHECKS  ")?.1)).expect("the title");
        let line = text.lines().find(|line| line.contains("candidate redis")).expect("a check");
        let line = line.rsplit('│').nth(1).expect("its row").trim();
        (title.split(" ─").next().expect("words").to_owned(), line.to_owned())
    };
    for (millis, under) in [(0, "5s"), (4_999, "5s"), (5_000, "10s"), (9_999, "10s"), (10_000, "30s"), (21_000, "30s")]
    {
        let (title, row) = ages(millis);
        assert_eq!(title, format!("10 of 10 ok, all under {under} old"), "{millis} ms");
        assert!(row.starts_with("✓ ok   candidate redis") && row.ends_with("12ms"), "{millis} ms: {row}");
    }
    let (title, row) = ages(21_001);
    assert_eq!(title, "0 of 10 ok");
    assert!(row.starts_with("! LATE candidate redis") && row.ends_with(" 21s"), "{row}");
}

/// What was never read was tried just now: that is no fresh answer, and no age of one.
#[test]
fn a_check_that_nobody_could_read_is_not_under_any_age() {
    let mut scene = Scene::new();
    scene.metrics.candidate = false;
    scene.run(15.0);
    for (width, height) in WHOLE {
        let text = Shot::of("unread", &scene).text(width, height, UNICODE);
        let title = text.lines().find(|line| line.contains("4 CHECKS")).expect("the title");
        assert!(title.contains("7 of 10 ok") && !title.contains("all under"), "{width}x{height}: {title}");
        assert_eq!(text.matches("? --   ").count(), 3, "{width}x{height}\n{text}");
        assert!(!text.contains("0.0s old"), "{width}x{height}\n{text}");
    }
    // Too few requests are an answer.
    assert!(shot("locked").text(80, 23, UNICODE).contains("8 of 10 ok, all under 5s old"));
}

/// `LATE` and the gate are one rule: what `A` would still go on is not late, and what it would not is so within a second,
/// in which the keeper tells it.
#[test]
fn a_check_is_late_when_its_gate_closes() {
    let mut scene = Scene::ready();
    scene.checks = false;
    let (mut open, mut late, mut closed) = (0, 0, 0);
    while late == 0 {
        scene.run(0.2);
        let snapshot = scene.engine.snapshot();
        let gate = snapshot.gates.iter().find(|gate| gate.name.as_str() == "candidate redis").expect("its gate");
        let text = Shot::of("late", &scene).text(80, 23, UNICODE);
        let is_late = text.contains("! LATE candidate redis");
        assert!(!is_late || !gate.is_open(), "late, and A goes on it\n{text}");
        open += usize::from(gate.is_open());
        closed += usize::from(!gate.is_open());
        late += usize::from(is_late);
        assert!(closed <= 6, "its gate is closed for over a second\n{text}");
    }
    assert!(open > 20 && closed > 1, "two intervals and the timeout: {open} turns open, {closed} closed");
}

/// As a gate a check counts by its own minimum; beside a limit that says too few it must not say ok.
#[test]
fn a_check_on_too_few_requests_is_not_ok() {
    for (width, height) in WHOLE {
        let text = shot("locked").text(width, height, UNICODE);
        let row = text.lines().find(|line| line.contains("candidate 5xx")).expect("the check");
        assert!(row.contains("? few  candidate 5xx") && row.contains("31 of 40 requests"), "{width}x{height}: {row}");
        assert!(text.contains("8 of 10 ok"), "{width}x{height}\n{text}");
    }
    let status = shot("locked").status.expect("status");
    let gate = status.snapshot.gates.iter().find(|gate| gate.name.as_str() == "candidate 5xx").expect("a gate");
    assert_eq!(gate.verdict, Verdict::Pass, "its own minimum is met: {}", gate.detail);
    let text = shot("ready").text(80, 23, UNICODE);
    assert!(text.contains("✓ ok   candidate 5xx  0.24% own checks"), "before there is traffic\n{text}");
    assert!(text.contains("✓ ok   candidate P95   99ms own checks"), "before there is traffic\n{text}");
    let text = shot("rolled_back").text(80, 23, UNICODE);
    assert!(text.contains("✓ ok   candidate P95   99ms own checks"), "after the traffic went back\n{text}");
}

/// `at 25%` behind an ok while 0 % is wanted was read as the rollback's success.
#[test]
fn the_balancers_check_is_not_ok_while_it_holds_what_is_not_wanted() {
    for (width, height) in WHOLE {
        let text = shot("rollback_not_landing").text(width, height, UNICODE);
        let row = text.lines().find_map(|line| line.split_once("balancer  ")).expect("the check");
        assert!(row.0.ends_with("! WARN ") && row.1.contains("25%, want 0%"), "{width}x{height}: {row:?}");
    }
    // A step on its way reads the same, and is no alarm however long it takes.
    let shifting = shot("shifting").seconds(10);
    assert!(shifting.text(80, 23, UNICODE).contains("5%, want 25%"));
    let raised: Vec<&str> = shifting.desk.alarms.raised().iter().map(|alarm| alarm.condition.words.as_str()).collect();
    assert!(!raised.iter().any(|words| words.contains("balancer")), "{raised:?}");
}

/// Beside the probes a count of failures read as theirs, and a symmetric spread went below nothing.
#[test]
fn what_failed_on_the_candidate_is_no_probe_and_no_share_is_below_nothing() {
    for shot in all() {
        let text = shot.text(120, 40, UNICODE);
        assert!(!text.contains('±') && !text.contains("candidate failed"), "{}\n{text}", shot.name);
    }
    let text = shot("rolled_back").text(80, 23, UNICODE);
    assert!(text.contains("probes 0.0-0.6%  converged  5xx on GREEN: 24"), "{text}");
    let mut status = baked();
    status.snapshot.split.measured.as_mut().expect("probed").failed = 1;
    let text = Shot::from_status("one", status).text(120, 40, UNICODE);
    assert!(text.contains(" 1 probe failed"), "{text}");
}

/// Nothing that decides is behind `+1 more` where somebody confirms.
#[test]
fn a_panel_that_asks_hides_no_row_and_shows_the_numbers() {
    for state in ["armed", "advance", "resume", "reassert", "confirm_end", "take", "armed_target_not_ready"] {
        for (width, height) in [(80, 23), (80, 24), (120, 40), (200, 60)] {
            let text = shot(state).text(width, height, UNICODE);
            assert!(!text.contains(" more\n") && !text.contains(" more "), "{state} {width}x{height}\n{text}");
        }
    }
    let text = shot("advance").text(80, 23, UNICODE);
    for words in ["HOLD POINT", "5xx 0.24% of 1.00%", "P99 137ms of 200ms", "gates 23/23 open", "checks 10/10 ok"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

/// At 80 columns only the log said it, and there it was cut.
#[test]
fn a_foreign_split_says_at_every_width_that_nothing_rolls_back_by_itself() {
    for (width, height) in WHOLE {
        let text = shot("drift").text(width, height, UNICODE);
        let above: Vec<&str> =
            text.lines().take_while(|line| !line.contains("3 SIGNALS") && !line.contains("┌ 3")).collect();
        assert_eq!(above.join("\n").matches("no auto-rollback").count(), 1, "{width}x{height}\n{text}");
    }
}

#[test]
fn an_armed_panel_keeps_the_hold_in_sight() {
    for (width, height) in WHOLE {
        let band = |state: &str| row(&shot(state).keys("R").buffer(width, height, UNICODE), 1);
        assert!(band("held_by_hand").contains("Esc = stay held"), "{width}x{height}: {}", band("held_by_hand"));
        assert!(band("baking").contains("Esc = cancel"), "{width}x{height}: {}", band("baking"));
    }
}

/// What was opened for a stable that was down, or for a plan's own refusal, is no point of no return.
#[test]
fn no_return_is_said_only_where_one_was_passed() {
    for (width, height) in WHOLE {
        let mut shot = shot("armed_target_not_ready");
        let text = shot.text(width, height, UNICODE);
        assert!(text.contains("NOT READY: type checkout, Enter"), "{width}x{height}\n{text}");
        // It is there again while the name is typed.
        let target = &mut shot.status.as_mut().expect("a status").snapshot.rollback_target;
        (target.ready, target.needs_typing) = (Some(true), false);
        let text = shot.text(width, height, UNICODE);
        let band = text.lines().nth(1).expect("a band");
        assert!(band.contains("?  type checkout, Enter") && !text.contains("NO RETURN"), "{width}x{height}\n{text}");
        let rows: Vec<&str> = text.split_once("ROLL BACK checkout").expect("a panel").1.lines().skip(1).collect();
        let asks = rows.iter().position(|row| row.contains("type checkout to roll back")).expect("the name");
        assert!(rows[..asks].iter().all(|row| !row.trim_matches(['│', '║', ' ']).is_empty()), "{text}");
    }
}

/// A first step of less than one percent is not nothing.
#[test]
fn a_question_says_shares_of_less_than_a_percent() {
    for keys in ["R", "A"] {
        let mut status = baked();
        status.snapshot.split.configured.as_mut().expect("read").share = 0.004;
        let text = Shot::from_status("small", status).keys(keys).text(80, 23, UNICODE);
        let to = if keys == "R" { "0.4% → 0%" } else { "0.4% → 50%" };
        assert!(text.contains(to) && text.contains("99.6% → "), "{text}");
    }
}

/// What a warning or no way back from there says stands in the panel on every whole screen.
#[test]
fn the_advance_panel_says_what_breaks_from_there() {
    let mut status = baked();
    status.snapshot.steps[2].no_return = Some("schema v43".into());
    for (width, height) in [(80, 23), (120, 40)] {
        let text = Shot::from_status("breaks", status.clone()).keys("A").text(width, height, UNICODE);
        let line = text.lines().find(|line| line.contains("NO RETURN from there: schema v43")).expect("the words");
        assert_eq!(line.contains("5xx"), height == 23, "{line}");
    }
    let last = status.snapshot.steps.len() - 1;
    for step in &mut status.snapshot.steps {
        step.state = warroom::engine::StepState::Done;
    }
    status.snapshot.steps[last].state = warroom::engine::StepState::ToCome;
    status.snapshot.next.as_mut().expect("one").split = status.snapshot.steps[last].split;
    let text = Shot::from_status("last", status).keys("A").text(80, 23, UNICODE);
    assert!(text.contains("75% → 0%     LAST STEP"), "{text}");
}

/// An open question was invisible where everybody looks first.
#[test]
fn the_band_asks_what_the_panel_asks_and_keeps_the_alarm() {
    let shot = shot("advance");
    assert!(row(&shot.buffer(120, 40, ASCII), 1).contains("ADVANCE 25% -> 50% ?"));
    for (state, does) in [("advance", "y ADVANCE  Esc stay"), ("resume", "y RESUME"), ("take", "y TAKE CONTROL")] {
        let footer = row(&crate::shots::shot(state).buffer(80, 23, UNICODE), 22);
        assert!(footer.contains("R,y roll back  H ") && footer.contains(does), "{state}: {footer}");
        assert!(footer.contains("others cancel"), "{state}: {footer}");
    }
    // The panel says it with the same words, and not where it is held already.
    for (state, holds) in [("advance", true), ("confirm_end", true), ("resume", false), ("take", false)] {
        let text = crate::shots::shot(state).text(80, 23, UNICODE);
        assert!(text.contains("R  asks to roll back"), "{state}\n{text}");
        assert_eq!(text.contains("H  holds"), holds, "{state}\n{text}");
    }
}

/// An age under a count of requests read as one.
#[test]
fn how_old_a_reading_is_says_that_it_is_an_age() {
    for (width, height) in WHOLE {
        let text = shot("keeper_silent").text(width, height, UNICODE);
        let old = text.lines().filter(|line| line.contains("old 74s")).count();
        assert!(old >= 2, "{width}x{height}\n{text}");
    }
}

/// The number was over its limit, and the bar beside it flat.
#[test]
fn the_newest_value_is_in_the_last_column_when_it_is_over() {
    let mut status = baked();
    status.snapshot.signals[1].value = Ok(0.0526);
    let buffer = Shot::from_status("over", status).buffer(80, 23, UNICODE);
    let line = row(&buffer, 9);
    let bars: Vec<char> = line.chars().skip(13).take(42).collect();
    assert_eq!((bars[40], bars[41]), ('▁', '█'), "{line}");
}

/// One mark for what stands still and for what runs back, and a tick for what had to go back, said the wrong thing.
#[test]
fn the_way_back_has_a_mark_of_its_own() {
    for state in ["rolling_back", "rollback_not_landing", "new_traffic_back", "rolled_back"] {
        assert!(row(&shot(state).buffer(80, 23, UNICODE), 1).starts_with(" ◄ "), "{state}");
        assert!(row(&shot(state).buffer(80, 23, ASCII), 1).starts_with(" < "), "{state}");
    }
}

/// Nobody knows is not nobody asks, and an average of before and after is neither.
#[test]
fn a_rate_that_is_not_known_or_not_settled_says_so() {
    let line = row(&shot("blind").buffer(80, 23, UNICODE), 3);
    assert_eq!(line.matches("? rps").count(), 2, "{line}");
    let line = row(&shot("locked").buffer(80, 23, UNICODE), 3);
    assert!(line.contains("~79 rps") && line.contains("~5 rps"), "{line}");
    let line = row(&shot("baking").buffer(80, 23, UNICODE), 3);
    assert!(line.contains(" 62 rps"), "{line}");
}

/// The average has what was before in it until its window, which reaches back from the newest scrape, begins after the
/// move; whoever made the move.
#[test]
fn a_rate_is_not_settled_until_its_window_begins_after_the_move() {
    const WINDOW: Duration = Duration::from_secs(5);
    type Move = fn(&mut Scene);
    let moves: [(&str, Move); 3] = [
        ("a step", Scene::advance),
        ("another hand", |scene| scene.candidate = 60_000),
        ("a re-assert", |scene| {
            scene.candidate = 60_000;
            scene.run(8.0);
            let generation = scene.engine.snapshot().generation;
            let answer = scene.command(alice(), Command::Reassert { generation });
            assert!(matches!(answer, Answer::Applied(_)), "{answer:?}");
        }),
    ];
    for (name, moves) in moves {
        let mut scene = Scene::at_step(2);
        let line = |scene: &Scene| row(&Shot::of("moved", scene).buffer(80, 23, UNICODE), 3);
        assert!(!line(&scene).contains('~'), "{name}: {}", line(&scene));
        moves(&mut scene);
        let mut moved_at = None;
        let mut share = scene.engine.snapshot().split.last_known;
        for _ in 0..50 {
            scene.run(0.2);
            let snapshot = scene.engine.snapshot();
            if std::mem::replace(&mut share, snapshot.split.last_known) != share {
                moved_at = Some(scene.now);
            }
            let Some(moved_at) = moved_at else { continue };
            let is_mixed = snapshot.feed_at.expect("it was read").minus(WINDOW) < moved_at;
            assert_eq!(line(&scene).matches('~').count(), if is_mixed { 2 } else { 0 }, "{name}: {}", line(&scene));
        }
        assert!(moved_at.is_some() && !line(&scene).contains('~'), "{name}: {}", line(&scene));
    }
}

/// `Esc close` on a running rollback read as its end; a zoom did not say how to leave it.
#[test]
fn the_footer_says_what_esc_does() {
    let footer = |shot: &Shot| row(&shot.buffer(80, 23, UNICODE), 22);
    assert!(footer(&shot("rolling_back_progress")).contains("Esc hides, rollback goes on"));
    let over = shot("rolled_back").keys("R");
    assert!(footer(&over).contains("Esc close  r reason"), "{}", footer(&over));
    let zoomed = shot("baking").keys("44");
    assert!(footer(&zoomed).contains("│ Esc back  ? help"), "{}", footer(&zoomed));
}

/// Two double frames: nobody knew which had the keys; and what was typed hid the newest lines of the log.
#[test]
fn one_frame_has_the_keys_and_the_command_box_leaves_the_newest_lines() {
    for state in ["advance", "armed", "help", "command_line", "note"] {
        let text = shot(state).keys("").text(120, 40, UNICODE);
        assert!(text.matches('╔').count() <= 1, "{state}\n{text}");
    }
    let typed = shot("command_line");
    let newest = typed.status.as_ref().expect("status").snapshot.log.last().expect("a line").text.to_string();
    let text = typed.text(120, 40, UNICODE);
    assert!(text.contains(&newest) && text.contains("COMMAND"), "{newest}\n{text}");
}

/// Which side is old, and that the balancer's last whole answer is not of now, at every size with a header.
#[test]
fn the_header_says_which_feed_is_old_and_marks_an_unread_balancer() {
    let mut scene = auto_held_scene();
    scene.metrics.candidate = false;
    scene.run(8.0);
    let dark = Shot::of("dark", &scene);
    let mut status = baked();
    status.snapshot.split.configured = None;
    let unread = Shot::from_status("unread", status);
    for (width, height) in WHOLE {
        let header = row(&dark.buffer(width, height, UNICODE), 0);
        assert!(header.contains("feed GREEN "), "{width}x{height}: {header}");
        let header = row(&unread.buffer(width, height, UNICODE), 0);
        assert!(header.contains("balancer ?0."), "{width}x{height}: {header}");
        let header = row(&shot("blind").buffer(width, height, UNICODE), 0);
        assert!(header.contains("feed ?") || header.contains("feed STALE"), "{width}x{height}: both are: {header}");
    }
}

/// The keeper gone: what still works is said where it is asked, whole at 80 columns.
#[test]
fn a_keeper_that_is_gone_takes_h_and_a_with_it_and_not_r() {
    let gone = shot("baking").input(warroom::console::desk::Input::Linked(false));
    for (width, height) in [(80, 23), (120, 40)] {
        let buffer = gone.buffer(width, height, UNICODE);
        let footer = row(&buffer, height - 1);
        assert!(footer.contains("keeper gone: R goes directly, H A need it"), "{footer}");
        assert!(!row(&buffer, 0).contains("keeper 0.0s"), "{}", row(&buffer, 0));
    }
}
