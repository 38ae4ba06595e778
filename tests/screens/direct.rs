//! What a direct rollback leaves on the screen.

use crate::WHOLE;
use crate::shots::{UNICODE, shot};
use crossterm::event::KeyCode;
use warroom::console::desk::Input;

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
