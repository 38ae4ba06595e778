//! What a direct rollback leaves on the screen.

use crate::WHOLE;
use crate::shots::{UNICODE, shot};
use crossterm::event::KeyCode;
use warroom::console::desk::Input;
use warroom::engine::Phase;

/// The keeper woke up, held and knowing of nothing: the screen is about what is so now.
#[test]
fn one_that_failed_gives_the_screen_back_to_the_keeper() {
    for (width, height) in WHOLE {
        let shot = shot("going_direct").input(Input::Direct("ended: exit status: 3".to_owned()));
        assert!(shot.text(width, height, UNICODE).contains("DIRECT ROLLBACK FAILED"));
        let shot = shot.later(1000).heard().input(Input::Key(KeyCode::Esc.into()));
        let text = shot.text(width, height, UNICODE);
        let band = text.lines().nth(1).expect("a band");
        assert!(band.contains("HOLDING"), "{width}x{height}: {band}");
        assert!(!text.contains("(direct)"), "{width}x{height}\n{text}");
        assert!(text.contains("direct rollback FAILED"), "it is told as an outcome\n{text}");
    }
}

/// Its panel is open still when the keeper is back: leaving it must not read as if something went on.
#[test]
fn the_open_panel_of_one_that_failed_says_that_nothing_goes_on() {
    for (width, height) in WHOLE {
        let shot = shot("going_direct");
        let text = shot.text(width, height, UNICODE);
        assert!(text.contains("Esc hides, rollback goes on"), "{width}x{height}\n{text}");
        let failed = shot.input(Input::Direct("ended: exit status: 3".to_owned()));
        let text = failed.later(1000).heard().text(width, height, UNICODE);
        assert!(text.contains("direct rollback FAILED") && text.contains("Esc close"), "{width}x{height}\n{text}");
        assert!(!text.contains("goes on"), "{width}x{height}\n{text}");
    }
}

/// Nothing more is sent: nobody must wait for it.
#[test]
fn one_that_stopped_at_a_foreign_setting_says_so_and_what_goes_on() {
    for (width, height) in WHOLE {
        let foreign =
            "FOREIGN: somebody else set green 30; nothing is sent over it; stopped (Ctrl-C) and begun again it is";
        let text = shot("going_direct").input(Input::Direct(foreign.to_owned())).text(width, height, UNICODE);
        let band = text.lines().nth(1).expect("a band");
        assert!(band.contains("DIRECT ROLLBACK STOPPED  FOREIGN: R y sends over it"), "{width}x{height}: {band}");
        assert!(text.contains("STOPPED at") || text.contains("STOPPED: FOREIGN"), "{width}x{height}\n{text}");
        for untrue in ["goes on trying", "UNKNOWN", "Ctrl-C"] {
            assert!(!text.contains(untrue), "{untrue} at {width}x{height}\n{text}");
        }
    }
}

/// The keeper's own stands still in the same words, and the same keys go on; what failed before is over.
#[test]
fn a_keepers_rollback_that_stopped_says_so_in_its_panel_and_asks_what_r_y_would_go_over() {
    for (width, height) in WHOLE {
        let mut stopped = shot("rolling_back_progress");
        let mut status = shot("foreign").status.expect("a status");
        let rollback = status.snapshot.rollback.as_mut().expect("a rollback");
        rollback.last_error = Some("timed out after 2 s".into());
        (stopped.now, stopped.wall) = (status.snapshot.mono, status.snapshot.wall);
        stopped.status = Some(status);
        let stopped = stopped.heard();
        let text = stopped.text(width, height, UNICODE);
        let panel = text.split_once("ROLLBACK checkout").unwrap_or_else(|| panic!("no panel\n{text}")).1;
        assert!(panel.contains("R y sends over it"), "{width}x{height}\n{text}");
        assert!(panel.contains("Esc hides, it stands still"), "{width}x{height}\n{text}");
        for untrue in ["still trying", "goes on", "timed out"] {
            assert!(!panel.contains(untrue), "{untrue} at {width}x{height}\n{text}");
        }
        let text = stopped.keys("R").text(width, height, UNICODE);
        let panel = text.split_once("SEND AGAIN checkout").unwrap_or_else(|| panic!("nothing asked\n{text}")).1;
        let over = ["GREEN v2.1.0  40% → 0%", "y  SEND AGAIN", "Sends the rollback over what somebody else set."];
        let is_short = height < 23;
        for words in over.into_iter().skip(is_short.into()) {
            assert!(panel.contains(words), "{words} at {width}x{height}\n{text}");
        }
    }
}

/// The keeper was never heard, and the process wants the service's name.
#[test]
fn one_that_wants_the_name_asks_for_it_with_its_own_words() {
    let refusal = "  past the point of no return: old clients lose orders; type \"checkout\" to roll back all the same";
    for (width, height) in WHOLE {
        for is_heard in [false, true] {
            let mut shot = shot("going_direct");
            shot.status.take_if(|_| !is_heard);
            let shot =
                shot.input(Input::Direct(refusal.to_owned())).input(Input::Direct("ended: exit status: 1".to_owned()));
            let text = shot.text(width, height, UNICODE);
            assert!(text.contains("FAILED: R asks for the name"), "{width}x{height}\n{text}");
            let text = shot.keys("Rche").text(width, height, UNICODE);
            let is_short = is_heard && height < 23;
            for words in
                ["past the point of no return", "to roll back all the same: che_"].into_iter().skip(is_short.into())
            {
                assert!(text.contains(words), "{words} at {width}x{height}\n{text}");
            }
        }
    }
}

/// What was there before it nobody has read since: neither that it drifts nor that somebody is still there.
#[test]
fn beside_a_direct_rollback_no_drift_of_before_is_told() {
    for (width, height) in WHOLE {
        for keys in ["", "11"] {
            let shot = shot("drift").keys(keys).later(20_000).keys("R").later(400).keys("y").later(1000);
            let read_back = "candidate 0% read back +0.4 s; confirming over 5 s";
            let mut shot = shot.input(Input::Direct(read_back.to_owned())).input(Input::Key(KeyCode::Esc.into()));
            let snapshot = &mut shot.status.as_mut().expect("a status").snapshot;
            (snapshot.phase, snapshot.split.still_on_candidate) = (Phase::RollingBack, Some(12.0));
            let text = shot.text(width, height, UNICODE);
            assert!(text.contains("configured 0.0%, read directly"), "{keys} at {width}x{height}\n{text}");
            let above: Vec<&str> = text.lines().skip(2).take_while(|line| !line.contains(" 5 LOG")).collect();
            for gone in ["DRIFT", "still there"] {
                assert!(!above.iter().any(|line| line.contains(gone)), "{gone} at {width}x{height}\n{text}");
            }
        }
    }
}
