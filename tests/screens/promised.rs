//! `R` is promised where it is taken, and nowhere else.

use crate::shots::{Shot, UNICODE, baking, shot};
use crate::{WHOLE, row};
use warroom::console::desk::Input;
use warroom::domain::Rights;
use warroom::engine::Phase;

/// Its keeper has left, and nobody has spoken for some seconds.
fn left_alone(shot: Shot) -> Shot {
    (0..8).fold(shot.input(Input::Linked(false)), |shot, _| shot.later(1000))
}

fn ended() -> Shot {
    let mut status = baking();
    status.snapshot.phase = Phase::Ended;
    status.snapshot.band.word = "ENDED".into();
    status.snapshot.band.parts.clear();
    status.snapshot.band.text = "the run has ended".into();
    Shot::from_status("ended", status)
}

fn readonly() -> Shot {
    Shot { rights: Rights::ReadOnly, ..Shot::from_status("read-only", baking()) }
}

/// What pressing it comes to.
fn pressed(shot: Shot) -> (bool, String) {
    let shot = shot.keys("R");
    let is_armed = shot.desk.dialog.is_some();
    (is_armed, shot.desk.flash.map_or_else(String::new, |(words, _)| words.to_string()))
}

/// The balancer may be the next run's by now: nothing here offers to send everything to the old one's stable.
#[test]
fn a_console_left_open_on_a_run_that_ended_offers_no_rollback() {
    let gone = left_alone(ended().heard());
    assert!(!gone.desk.alarms.rings(), "an end that was asked for rings nobody");
    for (width, height) in WHOLE {
        let buffer = gone.buffer(width, height, UNICODE);
        let text = gone.text(width, height, UNICODE);
        assert!(row(&buffer, 1).contains("ENDED  the run has ended"), "{width}x{height}\n{text}");
        for untrue in ["R then y", "KEEPER GONE", "R: directly", "R now", "R,y"] {
            assert!(!text.contains(untrue), "{untrue} at {width}x{height}\n{text}");
        }
    }
    let (is_armed, words) = pressed(gone);
    assert!(!is_armed && words == "the run has ended: warroom rollback PLAN in a shell", "{words}");
    let just_now = ended().heard().input(Input::Linked(false)).desk.flash;
    assert_eq!(just_now.expect("a word").0.as_str(), "the run has ended, and its keeper with it");
}

/// The key would be refused: what rolls back instead is named.
#[test]
fn where_the_key_is_refused_the_screen_says_what_rolls_back_instead() {
    for (name, instead) in [("watching", "warroom rollback PLAN in a shell"), ("read-only", "alice rolls back")] {
        let cook = || if name == "watching" { shot(name) } else { readonly() }.input(Input::Tick);
        assert!(!pressed(cook()).0, "{name}");
        for (width, height) in WHOLE {
            let text = cook().text(width, height, UNICODE);
            assert!(!text.contains(" R now") && !text.contains(" R: "), "{name} at {width}x{height}\n{text}");
        }
        let just_now = cook().input(Input::Linked(false)).desk.flash;
        assert_eq!(just_now.expect("a word").0.to_string(), format!("keeper gone: {instead}"));
        let gone = left_alone(cook());
        for (width, height) in WHOLE {
            let band = row(&gone.buffer(width, height, UNICODE), 1);
            assert!(band.contains("KEEPER GONE") && band.contains(instead), "{name} at {width}x{height}: {band}");
            let text = gone.text(width, height, UNICODE);
            for untrue in ["R then y", "R: directly"] {
                assert!(!text.contains(untrue), "{name}: {untrue} at {width}x{height}\n{text}");
            }
        }
    }
}
