//! Panels, header, footer and messages: what must be on them.

use crate::scene::{self, alice, bob};
use crate::shots::{Shot, UNICODE, all, baked, shot};
use crate::{WHOLE, row};
use crossterm::event::KeyCode;
use warroom::console::desk::Input;
use warroom::domain::{Clean, CommandId, Mono, Rights};
use warroom::engine::{Answer, Mode};

/// What cannot be decided on says why; nothing that does not fit is lost in silence.
#[test]
fn a_panel_counts_the_lines_that_have_no_room() {
    let text = shot("locked").text(80, 22, UNICODE);
    assert!(text.contains("more"), "{text}");
    assert!(text.contains("R,y roll back  H hold"), "{text}");
    let text = shot("help").text(80, 23, UNICODE);
    assert!(text.contains("j k more: 2-4 of"), "{text}");
}

#[test]
fn a_small_terminal_that_confirms_shows_what_and_how() {
    for (state, question) in [("armed", "→ 0%"), ("advance", "→ 50%")] {
        for (width, height) in [(30, 7), (40, 8), (60, 12), (79, 24)] {
            let text = shot(state).text(width, height, UNICODE);
            for words in [question, "y  ", "feed", "keeper", "25.0%"] {
                assert!(text.contains(words), "{state} {width}x{height}: {words}\n{text}");
            }
        }
    }
}

#[test]
fn the_compact_form_uses_the_rows_that_are_there() {
    let text = shot("auto_held").text(79, 24, UNICODE);
    for words in ["driver alice", "checks 9 of 10 ok", "rps", "(216)", "▒", "LOG", "R now"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(text.lines().filter(|line| line.trim().is_empty()).count() < 3, "{text}");
    assert!(shot("read_only").text(40, 8, UNICODE).contains("READ-ONLY"));
}

#[test]
fn nothing_to_roll_back_says_so() {
    let text = shot("ready").keys("R").text(80, 23, UNICODE);
    assert!(text.contains("nothing to roll back: everything is on BLUE v2.0.5"), "{text}");
}

#[test]
fn a_watching_keeper_wants_nothing_and_stands_nowhere() {
    let text = shot("watching").text(80, 23, UNICODE);
    assert!(!text.contains("wanted"), "{text}");
    assert!(!text.contains("► pre"), "{text}");
}

#[test]
fn the_lever_is_whole_while_somebody_is_still_on_the_candidate() {
    for (width, height) in WHOLE {
        let text = shot("new_traffic_back").text(width, height, UNICODE);
        assert!(text.contains("kept-alive connections end within 30 s"), "{width}x{height}\n{text}");
    }
}

/// A number cut in its middle is another number: `<20` is not `<200ms`.
#[test]
fn a_checks_detail_is_whole_or_says_that_it_is_cut() {
    let mut cut = Vec::new();
    for state in ["baking", "auto_held", "preflight", "watching"] {
        let shot = shot(state);
        let checks = &shot.status.as_ref().expect("status").snapshot.checks;
        for (width, height) in WHOLE {
            let text = shot.text(width, height, UNICODE);
            for check in checks {
                let mut rows = text.lines().skip(11);
                let line = rows.find(|line| line.contains(check.name.as_str())).expect("a row a check");
                let from = line.find(check.name.as_str()).expect("found") + check.name.as_str().len();
                let shown = line[from..].split(['✓', '✗', '?', '!', '│']).next().unwrap_or_default().trim();
                // Where there is room it is whole below.
                let below = rows.next().is_some_and(|row| row.contains(check.detail.as_str()));
                if !line.contains(check.detail.as_str()) && !shown.contains('…') && !below {
                    cut.push(format!(
                        "{state} at {width}x{height}: {} shows {shown:?} of {:?}",
                        check.name,
                        check.detail.as_str()
                    ));
                }
            }
        }
    }
    assert!(cut.is_empty(), "{}", cut.join("\n"));
}

#[test]
fn the_header_names_target_driver_and_three_ages_at_80_columns() {
    let mut missing = Vec::new();
    for state in ["baking", "read_only", "keeper_silent", "blind", "watching", "rolled_back", "balancer_unreadable"] {
        let buffer = shot(state).buffer(80, 23, UNICODE);
        let header = row(&buffer, 0);
        let who = if state == "watching" { "no driver" } else { "driver alice" };
        let readonly = if state == "read_only" { "READ-ONLY" } else { "keeper" };
        for words in ["checkout @ demo", "keeper", "balancer", "feed", "Z", who, readonly] {
            if !header.contains(words) {
                missing.push(format!("{state}: {words:?} is not in {header:?}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_last_commands_outcome_stays_on_screen() {
    let words = "approve REFUSED: the driver cannot approve their own step";
    let mut shot = Shot::from_status("outcome", baked()).keys(":approve\n");
    let id = CommandId(2);
    shot.desk.handle(
        Input::Answered(id, Answer::Refused(vec![Clean::new("the driver cannot approve their own step")])),
        shot.now,
        shot.status.as_ref(),
        shot.rights,
    );
    assert!(shot.text(80, 23, UNICODE).contains(words), "the flash");
    let shot = shot.later(30_000).heard();
    for (width, height) in [(80, 23), (120, 40), (60, 20)] {
        let text = shot.text(width, height, UNICODE);
        assert!(text.contains("REFUSED"), "{width}x{height}: 30 s later nothing is left of it\n{text}");
    }
}

#[test]
fn a_direct_rollback_shows_the_line_to_run_elsewhere_and_that_it_is_not_confirmed() {
    for (width, height) in WHOLE {
        let text = shot("going_direct").text(width, height, UNICODE);
        assert!(text.contains("UNKNOWN - not confirmed"), "{width}x{height}\n{text}");
        assert!(text.contains("warroom rollback"), "{width}x{height}\n{text}");
    }
}

#[test]
fn a_watching_console_does_not_offer_keys_that_do_nothing() {
    let buffer = shot("watching").buffer(80, 23, UNICODE);
    let footer = row(&buffer, 22);
    assert!(!footer.contains("roll back"), "{footer}");
}

#[test]
fn every_armed_panel_names_what_moves_and_how_to_confirm() {
    for (width, height) in WHOLE.into_iter().chain([(60, 20), (40, 8)]) {
        let text = shot("armed").text(width, height, UNICODE);
        assert!(text.contains("y ROLL BACK NOW") || text.contains("y  ROLL BACK NOW"), "{width}x{height}\n{text}");
        assert!(text.contains("→ 0%"), "{width}x{height}\n{text}");
        let text = shot("advance").text(width, height, UNICODE);
        assert!(text.contains("25% → 50%"), "{width}x{height}\n{text}");
    }
}

/// What names a person is whole, or is not there.
#[test]
fn no_name_in_the_header_is_cut_into_another() {
    let mut cut = Vec::new();
    for shot in all().into_iter().filter(|shot| shot.status.is_some()) {
        let buffer = shot.buffer(80, 23, UNICODE);
        let header = row(&buffer, 0);
        let before = header.split(" keeper").next().unwrap_or_default().trim_end_matches([' ', '?']).to_owned();
        let before = before.trim_end_matches(" STALE").to_owned();
        let whole = ["checkout @ demo", "driver alice", "driver *****", "no driver", "away", "READ-ONLY"]
            .iter()
            .any(|end| before.ends_with(end));
        let counted = before.chars().last().is_some_and(|c| c.is_ascii_digit() || c == '…');
        if !whole && !counted {
            cut.push(format!("{}: {header}", shot.name));
        }
    }
    assert!(cut.is_empty(), "{} headers:\n{}", cut.len(), cut.join("\n"));
}

#[test]
fn an_armed_panel_says_what_it_interrupts_and_that_it_is_blind() {
    let mut shifting = scene::Scene::at_step(1);
    shifting.writes_land = false;
    shifting.advance();
    shifting.run(1.2);
    for (width, height) in WHOLE {
        let text = Shot::of("shifting", &shifting).keys("R").text(width, height, UNICODE);
        // At 22 rows the panel has two, for what moves and how to confirm it.
        assert!(height == 22 || text.contains("Interrupts shift 5% → 25%"), "{width}x{height}\n{text}");
        let text = shot("armed_blind").text(width, height, UNICODE);
        let heading = text.lines().find(|line| line.contains("ROLL BACK checkout @ demo")).expect("a heading");
        assert!(heading.contains("BLIND: no metrics for 1"), "{width}x{height}: {heading}");
    }
}

/// What a key did not do is said at every size that has a row for it.
#[test]
fn messages_are_seen_on_small_terminals_too() {
    for (width, height) in [(40, 8), (30, 7), (60, 20), (80, 23)] {
        let text = shot("baking").keys("jH").text(width, height, UNICODE);
        let footer = text.lines().last().expect("a footer");
        assert!(footer.contains("NOT HELD") && footer.contains(" R"), "{width}x{height}: {footer}");
    }
    let text = shot("baking").input(Input::Resized(20, 4)).keys("R").text(20, 4, UNICODE);
    assert!(text.lines().last().is_some_and(|footer| footer.contains("too small")), "{text}");
}

#[test]
fn a_direct_rollback_that_was_read_back_is_in_the_whole_picture() {
    for (width, height) in WHOLE {
        let mut shot = shot("going_direct");
        for line in ["candidate 0% read back +0.4 s; confirming over 5 s", "rollback confirmed +5.1 s", "done"] {
            shot = shot.input(Input::Direct(line.to_owned()));
        }
        let text = shot.text(width, height, UNICODE);
        for words in ["wanted 0% (direct)", "configured 0.0%, read directly", "✓ back (direct)", "100.0%"] {
            assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
        }
        assert!(!text.contains('▒') && !text.contains("► 25%"), "the old split as if it were so\n{text}");
        let text = shot.input(Input::Key(KeyCode::Esc.into())).keys("11").text(width, height, UNICODE);
        assert!(text.contains("0% (direct) on candidate") && !text.contains("converged"), "{text}");
    }
}

#[test]
fn the_footer_offers_what_works_now_at_fixed_places() {
    for (state, words) in [
        ("ready", " R (at 0%)      H hold  A,y advance  │ ?"),
        ("baking", " R,y roll back  H hold  A locked     │ ?"),
        ("shifting", " R,y roll back  H hold  A locked     │ ?"),
        ("held_by_hand", " R,y roll back  H (held)  A,y resume   │ ?"),
        ("auto_held", " R,y roll back  H (held)  A no resume  │ ?"),
        ("blind", " R,y roll back  H hold  A locked     │ ?"),
        ("keeper_silent", " R,y roll back  H hold  A locked     │ ?"),
        ("rolling_back", " R progress                          │ ?"),
        ("rolled_back", " R progress                          │ ?"),
        ("complete", " R,y roll back                       │ ?"),
    ] {
        for (width, height) in WHOLE.into_iter().chain([(60, 20)]) {
            let footer = row(&shot(state).buffer(width, height, UNICODE), height - 1);
            assert!(footer.starts_with(words), "{state} at {width}x{height}: {footer}");
        }
    }
}

/// On a console that only reads, too.
#[test]
fn what_is_behind_the_keys_of_a_reader_keeps_its_place() {
    let bar = |state: &str| {
        let mut shot = shot(state);
        shot.rights = Rights::ReadOnly;
        let footer = row(&shot.buffer(120, 40, UNICODE), 39);
        footer.chars().position(|c| c == '│').unwrap_or_else(|| panic!("no bar: {footer}"))
    };
    assert_eq!(bar("held_by_hand"), bar("auto_held"), "whether it can be resumed");
    assert_eq!(bar("baking"), bar("shifting"), "whether it can advance");
}

/// Nobody has read the balancer for a while: that it is at 0 % is no word of now.
#[test]
fn at_zero_is_said_only_of_what_was_read_now() {
    for (seconds, words) in [(0, "R (at 0%)"), (60, "R,y roll back")] {
        let mut status = shot("ready").status.expect("a status");
        status.snapshot.balancer_at =
            status.snapshot.balancer_at.map(|at| Mono::from_micros(at.micros() - seconds * 1_000_000));
        let shot = Shot::from_status("old", status);
        let footer = row(&shot.buffer(120, 40, UNICODE), 39);
        assert!(footer.contains(words), "{seconds} s: {footer}");
    }
}

#[test]
fn armed_where_nothing_is_to_roll_back_says_what_y_does() {
    let text = shot("ready").keys("R").text(80, 23, UNICODE);
    assert!(text.contains("y  does nothing: everything is on BLUE") && text.contains("ARMED"), "{text}");
}

/// Everything is on the candidate, and a check fails: `A` says what COMPLETE waits for, and how one goes over it.
#[test]
fn what_complete_waits_for_is_behind_a_and_among_the_phases() {
    let mut scene = scene::Scene::at_step(4);
    scene.failing = Some(0);
    scene.run(60.0);
    let waits = scene.status().snapshot.completion_waits;
    let [gate] = &waits[..] else { panic!("{waits:?}") };
    let text = shot_of(&scene, "A").text(120, 40, UNICODE);
    for words in ["COMPLETE is locked", gate.name.as_str(), "O  override: typed name and reason"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(shot_of(&scene, "AO").text(120, 40, UNICODE).contains("OVERRIDE"), "it can be gone over");
    let text = shot_of(&scene, "22").text(120, 40, UNICODE);
    assert!(text.contains(&format!("COMPLETE waits for {}: ", gate.name)), "{text}");
}

fn shot_of(scene: &scene::Scene, keys: &str) -> Shot {
    Shot::of("waits", scene).keys(keys).later(700).heard()
}

/// What `R` and `H` come to stands in a panel as it stands in the footer.
#[test]
fn a_question_promises_no_key_that_does_nothing() {
    for (state, keys, back, holds) in [
        ("baking", ":end\n", "R  asks to roll back", true),
        ("held_by_hand", ":end\n", "R  asks to roll back", false),
        ("complete", ":end\n", "R  asks to roll back", false),
        ("rolled_back", ":end\n", "R  progress", false),
        ("rolled_back", ":restart\n", "R  progress", false),
        ("foreign", ":sendagain\n", "", false),
    ] {
        for (width, height) in WHOLE {
            let text = shot(state).keys(keys).text(width, height, UNICODE);
            let line = text.lines().find(|line| line.contains(" y  ")).unwrap_or_else(|| panic!("{state}\n{text}"));
            let promised: Vec<&str> = ["R  asks", "R  progress"].into_iter().filter(|it| line.contains(it)).collect();
            assert!(promised.iter().all(|it| back.starts_with(it)), "{state} at {width}x{height}: {line}");
            assert!(line.contains(back) && line.contains("H  holds") == holds, "{state} at {width}x{height}: {line}");
        }
    }
    // Nor one that went with the keeper.
    let text = shot("confirm_end").input(Input::Linked(false)).text(80, 23, UNICODE);
    assert!(text.contains(" y  END") && !text.contains("H  holds"), "{text}");
}

/// What a lock waits for stands among its keys.
#[test]
fn a_lock_behind_another_driver_names_the_key_that_takes_the_seat() {
    for keys in ["A", ":reassert\n"] {
        for (driver, names) in [(alice(), false), (bob(), true)] {
            let mut shot = shot("auto_held");
            shot.desk.me = Some(alice());
            shot.status.as_mut().expect("a status").snapshot.people.driver = Some(driver);
            let text = shot.keys(keys).text(80, 23, UNICODE);
            let footer = text.lines().next_back().unwrap_or_default();
            assert_eq!(footer.contains("Esc close  T take control"), names, "{keys}\n{text}");
        }
    }
}

/// `warroom log` alone tells the newest run, which may be another one.
#[test]
fn lines_that_were_missed_are_looked_up_in_this_run() {
    let mut shot = shot("baking");
    let status = shot.status.as_mut().expect("a status");
    let run = status.run.to_string();
    let newest = status.snapshot.log.last().expect("a line").clone();
    status.snapshot.log = vec![warroom::engine::Entry { number: newest.number + 30, ..newest }];
    let shot = shot.heard();
    for (width, height) in WHOLE {
        let text = shot.text(width, height, UNICODE);
        let names = if width > 100 { format!("warroom log {run}") } else { "warroom log RUN".to_owned() };
        assert!(text.contains(&names), "{names} at {width}x{height}\n{text}");
    }
}

/// Only an advance waits for the bake; and where more than that locks it, no time alone unlocks it.
#[test]
fn no_time_is_promised_that_unlocks_nothing() {
    for (width, height) in WHOLE {
        let text = shot("auto_held").keys("A").text(width, height, UNICODE);
        let (_, panel) = text.split_once("RESUME is locked").unwrap_or_else(|| panic!("{text}"));
        assert!(panel.contains("✗ 5xx") && !panel.contains("bake"), "{width}x{height}\n{text}");
        let text = shot("locked").text(width, height, UNICODE);
        assert!(text.contains("the bake needs 20 s more of healthy time"), "{width}x{height}\n{text}");
    }
}

/// A re-assert takes no step: what only the next one waits for is not among its gates, whatever it is called.
#[test]
fn a_reassert_counts_the_gates_that_it_is_asked_for() {
    let text = scene::demo_text();
    let text = text.replacen("split = \"50 %\"\n", "split = \"50 %\"\napproval = \"dba\"\n", 1);
    let text = text.replacen("[[hooks]]\n", "[[hooks]]\nrequired_before = \"50 %\"\n", 1);
    let text = text.replacen("name = \"candidate redis\"", "name = \"drift\"", 1);
    let counted = |text: &str| {
        let mut scene = scene::Scene::of(scene::plan_of(text), Mode::Drive);
        scene.run(15.0);
        for _ in 0..2 {
            scene.advance();
            scene.run(28.0);
        }
        scene.candidate = 60_000;
        scene.run(3.0);
        let text = Shot::of("reassert", &scene).keys(":reassert\n").text(120, 40, UNICODE);
        let (_, behind) = text.split_once("gates ").unwrap_or_else(|| panic!("{text}"));
        behind.split(' ').next().expect("a word").to_owned()
    };
    assert_eq!(counted(&text), counted(&scene::demo_text()));
    assert_eq!(counted(&text), "21/21", "and they are open");
}

/// Before the first step nobody is sent there: what was measured are our own checks, which no limit judges.
#[test]
fn the_first_advance_says_whose_requests_its_numbers_are_from() {
    let first = shot("ready").keys("A").text(80, 23, UNICODE);
    assert!(first.contains("own checks") && !first.contains(" of 3.00%"), "{first}");
    let later = shot("advance").text(80, 23, UNICODE);
    assert!(later.contains(" of 1.00%") && !later.contains("own checks"), "{later}");
}

/// Over the drawn limit it holds: not what a check asks for, and not what rolls back.
#[test]
fn the_limits_column_says_what_they_do_where_all_do_the_same() {
    for (holds, heading) in [(true, "now  hold at  reqs/"), (false, "now    limit  reqs/")] {
        let mut status = shot("baking").status.expect("a status");
        status.snapshot.signals[3].limit_holds = holds;
        let text = Shot::from_status("limits", status).text(80, 23, UNICODE);
        assert!(text.contains(heading), "{heading}\n{text}");
    }
}

/// Nothing is held by whoever only watches, nor on the way back.
#[test]
fn where_nothing_can_be_held_a_limit_is_a_limit() {
    for (state, heading) in [("baking", "now  hold at"), ("watching", "now    limit"), ("rolling_back", "now    limit")]
    {
        let mut status = shot(state).status.expect("a status");
        status.snapshot.signals.iter_mut().for_each(|signal| signal.limit_holds = true);
        let text = Shot::from_status("limits", status).text(80, 23, UNICODE);
        assert!(text.contains(heading), "{state}\n{text}");
    }
}

/// A required check may lock it at less than the limit that holds.
#[test]
fn an_advance_shows_the_limit_that_locks_it_first() {
    let shown = |asked_below| {
        let mut status = shot("advance").status.expect("a status");
        for signal in status.snapshot.signals.iter_mut().filter(|signal| signal.limit == Some(0.03)) {
            signal.asked_below = asked_below;
        }
        Shot::from_status("asked", status).keys("A").text(80, 23, UNICODE)
    };
    for (asked_below, words) in
        [(Some(0.01), "0.24% of 1.00%"), (Some(0.05), "0.24% of 3.00%"), (None, "0.24% of 3.00%")]
    {
        assert!(shown(asked_below).contains(words), "{words}\n{}", shown(asked_below));
    }
}
