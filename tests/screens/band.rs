//! The one sentence, at every width.

use crate::shots::{Shot, UNICODE, all, shot};
use crate::{WHOLE, row};
use crate::{scene, shots};
use crossterm::event::KeyCode;
use ratatui::style::Modifier;
use warroom::console::desk::Input;
use warroom::console::desk::dialog::Kind;
use warroom::domain::Clean;

/// What must be read in the band at 80 columns, whatever else is cut from its end.
const BAND_WORDS: &[(&str, &[&str])] = &[
    ("locked", &["RUNNING", "A locked", "too few requests"]),
    ("drift", &["FROZEN", "SOMEBODY ELSE", "set 60%", ":adopt keeps 60%", ":reassert sets 25%", "R to 0%"]),
    ("foreign", &["ROLLING BACK", "FOREIGN", ":sendagain", ":adopt"]),
    ("keeper_silent", &["KEEPER SILENT", "OLD", "R then y rolls back"]),
    ("balancer_unreadable", &["BALANCER UNREAD", "last read 25%", "R is retried", "A locked"]),
    ("target_not_ready", &["TARGET NOT READY", "BLUE v2.0.5"]),
    ("armed", &["ARMED", "BLUE v2.0.5", "y = do it", "disarms in 8s"]),
    ("advance", &["ADVANCE 25% → 50% ?", "y = do it", "Esc = stay", "closes in 19s"]),
    ("resume", &["RESUME at 25% ?", "y = do it", "Esc = stay held", "closes in 20s"]),
    ("reassert", &["RE-ASSERT 25% over 60% ?", "y = do it", "Esc = leave it", "closes in 20s"]),
    ("armed_target_not_ready", &["ARMED", "NOT READY", "type checkout, Enter"]),
    ("armed_past_no_return", &["ARMED", "NO RETURN", "type checkout, Enter"]),
    ("auto_rollback_off", &["RUNNING", "AUTO-ROLLBACK OFF until"]),
    ("auto_held", &["HOLDING (auto)", "12:01:21Z", "5xx GREEN ", "> 3.00%", "rolls back over "]),
    ("blind", &["BLIND", "no metrics 14s", "no auto-rollback", "A locked"]),
    ("blind_while_held", &["HOLDING", "BLIND"]),
    ("blind_when_complete", &["COMPLETE", "BLIND"]),
    ("rolled_back", &["ROLLED BACK", "by alice: errors", "on BLUE", ":restart"]),
];

#[test]
fn the_band_says_what_matters_within_80_columns() {
    for (state, words) in BAND_WORDS {
        let shot = shot(state);
        let narrow = row(&shot.buffer(80, 23, UNICODE), 1);
        for word in *words {
            assert!(narrow.contains(word), "{state}: {word:?} is not in {narrow:?}");
        }
    }
}

/// State, why, since when and what next are whole at 80 columns; the rest is there whole or not at all.
#[test]
fn the_whole_sentence_of_the_band_fits_80_columns() {
    let mut checked = 0;
    for shot in all() {
        let asks = |kind: &Kind| {
            matches!(kind, Kind::RollBack { .. } | Kind::Advance { .. } | Kind::Resume { .. })
                || matches!(kind, Kind::Reassert { seen: Some(_) })
        };
        let asked = shot.desk.dialog.as_ref().is_some_and(|dialog| asks(&dialog.kind));
        let Some(status) = shot.status.as_ref().filter(|_| !asked && shot.desk.direct.is_none()) else { continue };
        if shot.name == "keeper_silent" {
            continue;
        }
        for width in [80, 120, 300] {
            let line = row(&shot.buffer(width, 40, UNICODE), 1);
            let band = &status.snapshot.band;
            let mut rest = line.trim_start_matches([' ', '○', '►', '◄', '!', '■', '✓']);
            rest = rest.strip_prefix(band.word.as_str()).unwrap_or_else(|| panic!("{}: no state: {line}", shot.name));
            for part in &band.parts {
                let next = rest.trim_start();
                let forms = [Some(&part.words), part.short.as_ref()];
                match forms.into_iter().flatten().find(|words| next.starts_with(words.as_str())) {
                    Some(words) => rest = &next[words.as_str().len()..],
                    None => {
                        assert!(part.rank > 0, "{} at {width}: {:?} is not whole in {line:?}", shot.name, part.words);
                    }
                }
            }
            assert_eq!(rest.trim(), "", "{} at {width}: {line:?}", shot.name);
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked}");
}

/// Nothing in a row is cut without a mark: what is longer than its row ends with one, at a blank.
#[test]
fn no_row_of_the_traffic_panel_or_the_log_is_cut_without_a_mark() {
    for shot in all().into_iter().filter(|shot| shot.status.is_some() && shot.desk.dialog.is_none()) {
        let (narrow, wide) = (shot.text(80, 23, UNICODE), shot.text(300, 23, UNICODE));
        let wide: String = wide.split_whitespace().collect::<Vec<_>>().join(" ");
        for (y, line) in narrow.lines().enumerate().filter(|(y, _)| *y == 5 || *y >= 19) {
            let words: Vec<&str> = line.trim_end_matches('…').split_whitespace().collect();
            // Parts are left out whole, so each word stands in the wide picture too.
            let wide_words: Vec<&str> = wide.split(' ').collect();
            // Where the run's id has no room its place is named.
            let is_whole = |word: &&&str| **word == "RUN" || !word.chars().all(char::is_alphanumeric);
            for word in words.iter().filter(|word| !is_whole(word)) {
                assert!(wide_words.contains(word), "{} row {y}: {word:?} is a piece of a word: {line}", shot.name);
            }
        }
    }
}

/// The keeper is frozen and `R` `y` went directly: the band and the panel are about that.
#[test]
fn a_direct_rollback_is_in_the_band_and_its_outcome_comes_first() {
    for (width, height) in WHOLE {
        let text = shot("going_direct").text(width, height, UNICODE);
        assert!(text.lines().nth(1).is_some_and(|band| band.contains("ROLLING BACK DIRECTLY")), "{text}");
        let mut shot = shot("going_direct");
        shot.desk.last_outcome = Some(Clean::new("root advances 0% → 5%"));
        for line in ["candidate 0% read back +0.4 s", "a line", "another line", "rollback confirmed +5.1 s", "done"] {
            shot = shot.input(Input::Direct(line.to_owned()));
        }
        let text = shot.text(width, height, UNICODE);
        let band = text.lines().nth(1).expect("a band");
        assert!(band.contains("ROLLED BACK DIRECTLY +") && band.contains("keeper silent"), "{band}");
        for words in ["SENT DIRECTLY", "→ CONFIRMED +"] {
            assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
        }
        assert!(!text.contains("root advances"), "{text}");
        let text = shot.keys("").input(Input::Key(KeyCode::Esc.into())).text(width, height, UNICODE);
        assert!(text.contains("your last key: rolled back DIRECTLY"), "{width}x{height}\n{text}");
    }
}

#[test]
fn the_time_to_safe_is_on_every_screen_before_a_rollback() {
    for state in ["preflight", "ready", "baking", "auto_held", "held_by_hand"] {
        for (width, height) in WHOLE.into_iter().chain([(60, 20)]) {
            let text = shot(state).text(width, height, UNICODE);
            let time = match (state, width) {
                ("preflight" | "ready", _) => "R: nothing to roll back yet",
                (_, ..110) => "R: 0.4s, proven after 6s",
                _ => "R now: ~0.4s to send, ~6s until proven",
            };
            assert!(text.contains(time), "{time} in {state} at {width}x{height}\n{text}");
        }
    }
    let text = shot("rolled_back").text(80, 23, UNICODE);
    assert!(text.contains("last: confirmed in 5."), "{text}");
    let text = shot("balancer_unreadable").text(120, 40, UNICODE);
    assert!(text.contains("R: lands when the balancer answers") && !text.contains("proven"), "{text}");
    // Somebody else brought it back: what is left for R is to end the run.
    let mut scene = scene::Scene::at_step(2);
    scene.candidate = 0;
    scene.run(3.0);
    let text = Shot::of("brought back", &scene).text(120, 40, UNICODE);
    assert!(text.contains("R: ends the run, already on BLUE"), "{text}");
}

#[test]
fn what_is_still_on_the_candidate_is_shown() {
    for (width, height) in WHOLE.into_iter().chain([(60, 20)]) {
        let text = shot("new_traffic_back").text(width, height, UNICODE);
        assert!(text.contains("rps still on GREEN"), "{width}x{height}\n{text}");
    }
}

#[test]
fn a_failing_check_after_the_rollback_target_is_down_is_in_the_band() {
    let text = shot("target_not_ready").text(80, 23, UNICODE);
    let band = text.lines().nth(1).expect("a band");
    assert!(band.contains("TARGET NOT READY"), "nothing in the band says that there is no way back: {band}");
}

/// Accepted, and eight seconds later nothing has changed: that is not "reading back".
#[test]
fn hazard_13_a_rollback_that_does_not_land_says_so() {
    let buffer = shot("rollback_not_landing").buffer(80, 23, UNICODE);
    let band = row(&buffer, 1);
    let text = shot("rollback_not_landing").text(80, 23, UNICODE);
    for words in ["OBSERVED", "CONFIRMED", "ROLLED BACK", "configured 0"] {
        assert!(!text.contains(words), "{words}\n{text}");
    }
    let said = ["UNKNOWN", "FAILED", "NOT IN EFFECT", "still"].iter().any(|word| band.contains(word));
    assert!(said, "8 s after it was accepted the candidate still has 25 %: {band}");
}

/// The alarm that nobody has acknowledged is the one thing that blinks; acknowledged it is steady and still there.
#[test]
fn an_unacknowledged_alarm_blinks_once_a_second_and_an_acknowledged_one_is_steady() {
    let styles = |shot: Shot, keys: &str| -> Vec<Vec<Modifier>> {
        let mut shot = shot.keys(keys);
        (0..6)
            .map(|_| {
                shot = std::mem::replace(&mut shot, shots::shot("waiting")).seconds(1);
                let buffer = shot.buffer(120, 40, UNICODE);
                assert!(row(&buffer, 1).contains("FROZEN"), "{}", row(&buffer, 1));
                (1..118).map(|x| buffer[(x, 1)].modifier).collect()
            })
            .collect()
    };
    let drifting = || {
        let mut scene = scene::Scene::at_step(2);
        scene.candidate = 60_000;
        scene.run(3.0);
        Shot::of("drift", &scene).seconds(4)
    };
    let loud = styles(drifting(), "");
    assert!(loud.windows(2).all(|pair| pair[0] != pair[1]), "it does not blink");
    let quiet = styles(drifting(), "s");
    assert!(quiet.windows(2).all(|pair| pair[0] == pair[1]), "it blinks on");
}

/// What the sentence does not say is added to it, with how many more there are.
#[test]
fn alarms_that_the_band_does_not_say_are_added_to_it() {
    let mut scene = shots::auto_held_scene();
    scene.failing = Some(1);
    scene.run(4.0);
    let text = Shot::of("two alarms", &scene).seconds(4).text(200, 60, UNICODE);
    let band = text.lines().nth(1).expect("a band");
    assert!(band.contains("■ HOLDING") && band.contains("✗ candidate database FAIL"), "{band}");
    assert!(band.contains("+1 more"), "{band}");
}

#[test]
fn a_split_that_was_adopted_is_no_step_and_its_drift_leaves_no_alarm() {
    let mut scene = scene::Scene::at_step(2);
    scene.candidate = 35_000;
    scene.run(3.0);
    let drifting = Shot::of("drift", &scene).seconds(4);
    scene.command(scene::alice(), warroom::engine::Command::Adopt);
    scene.run(1.0);
    let mut shot = Shot::of("adopted", &scene);
    shot.desk.alarms = drifting.desk.alarms;
    let shot = shot.seconds(1);
    for (width, height) in WHOLE {
        let text = shot.text(width, height, UNICODE);
        let band = text.lines().nth(1).expect("a band");
        assert!(band.contains("at 35% adopted") && !band.contains("✗"), "{width}x{height}\n{text}");
        assert!(text.contains("► 35% adopted") && !text.contains("► 25%"), "{width}x{height}\n{text}");
        // Each step's time ends under its own label, behind what was adopted too.
        let rows: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let is_timeline = |row: &&Vec<char>| row.iter().collect::<String>().contains("35% adopted ─");
        for place in rows.iter().position(|row| is_timeline(&row)).into_iter().filter(|_| height >= 40) {
            let line: String = rows[place].iter().collect();
            for label in ["25%*", "50%*", "100%"] {
                let Some(byte) = line.find(label) else { continue };
                let end = line[..byte].chars().count() + label.len();
                let below = &rows[place + 1];
                assert!(below[end - 1].is_ascii_digit() && below[end] == ' ', "{label} at {width}x{height}\n{text}");
            }
        }
    }
}

/// What was wrong with going forward is no news on the way back, not for a second.
#[test]
fn an_alarm_of_going_forward_is_gone_with_the_first_picture_of_the_way_back() {
    let mut scene = shots::auto_held_scene();
    scene.failing = Some(1);
    scene.run(4.0);
    let held = Shot::of("held", &scene).seconds(4);
    assert!(row(&held.buffer(200, 60, UNICODE), 1).contains('✗'), "there is one before");
    scene.roll_back();
    scene.run(0.4);
    let mut shot = Shot { status: Some(scene.status()), ..held };
    shot = shot.heard();
    let band = row(&shot.buffer(200, 60, UNICODE), 1);
    assert!(band.contains("ROLLING BACK") && !band.contains('✗') && !band.contains("more"), "{band}");
}

/// What has just gone wrong is said before how to leave the question, which panel and footer say too; and before how many
/// more there are.
#[test]
fn an_open_question_leaves_the_alarm_in_the_band() {
    let mut scene = scene::Scene::at_step(2);
    (scene.candidate, scene.failing) = (60_000, Some(1));
    scene.run(4.0);
    let alarmed = || Shot::of("alarmed", &scene).seconds(4);
    // A drift that is over is no alarm any more, and one that is to be undone is the question itself.
    for (state, question, narrow) in [
        ("advance", "ADVANCE 25% → 50% ?", 58),
        ("reassert", "RE-ASSERT 25% over 60% ?", 58),
        ("armed", "ARMED: ROLL BACK to BLUE", 64),
    ] {
        let mut shot = shot(state);
        shot.desk.alarms = alarmed().desk.alarms;
        for (width, height) in WHOLE.into_iter().chain([(narrow, 9)]) {
            let band = row(&shot.buffer(width, height, UNICODE), u16::from(height > 9));
            assert!(band.contains(question) && band.contains("y = do it"), "{state} at {width}x{height}: {band}");
            assert!(band.contains("✗ candidate database"), "{state} at {width}x{height}: {band}");
            assert!(width < 120 || band.contains("s in ") && !band.contains("DRIFT"), "{state} {width}: {band}");
        }
    }
}

/// What nobody can read is not over its limit: the band that says `BLIND` has said it, and another says `?`.
#[test]
fn an_alarm_of_what_nobody_can_read_does_not_read_as_over_its_limit() {
    let mut held = scene::Scene::at_step(2);
    held.metrics.candidate = false;
    held.run(14.0);
    let blind = Shot::of("blind", &held).seconds(4);
    assert!(blind.desk.alarms.raised().iter().any(|alarm| alarm.condition.key.starts_with("limit")), "no such alarm");
    for (width, height) in WHOLE {
        let band = row(&blind.buffer(width, height, UNICODE), 1);
        assert!(band.contains("BLIND") && !band.contains("✗ 5xx") && !band.contains("more"), "{width}: {band}");
    }
    let mut status = blind.status.expect("status");
    status.snapshot.blind = false;
    let unread = Shot::from_status("unread", status).seconds(4);
    let raised = unread.desk.alarms.raised();
    let limit = raised.iter().find(|alarm| alarm.condition.key == "limit 0").expect("the same alarm");
    assert_eq!(limit.condition.said.join(" "), "5xx GREEN ?");
}

/// Beside a question the band says what is bad before that it holds for it.
#[test]
fn an_alarm_says_what_is_bad_before_that_it_holds() {
    let armed = Shot::from_status("armed", shots::auto_held()).seconds(4).keys("R");
    let raised = armed.desk.alarms.raised();
    assert!(raised.iter().any(|alarm| alarm.condition.key == "held"), "it holds by itself");
    for (width, height) in WHOLE {
        let band = row(&armed.buffer(width, height, UNICODE), 1);
        assert!(band.contains("ARMED") && band.contains("✗ 5xx ") && !band.contains("HOLDING"), "{width}: {band}");
    }
}
