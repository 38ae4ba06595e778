//! P2's cutover by hotkeys: the sample plan against moto on the real console, on a terminal.

mod support;

use support::{BEFORE, Cutover, Fault, Moto, need_moto};

const HALF: [Option<i32>; 2] = [Some(999), Some(999)];
const ALL: [Option<i32>; 2] = [Some(0), Some(999)];

/// Requests of the sampler that are seconds of it, at five a second.
const LATE_REQUESTS: u64 = 15;

/// A cutover whose console stands at 50 %, which moto has, too.
#[track_caller]
fn at_half(cutover: &Cutover) -> support::Terminal {
    let mut console = cutover.console();
    console.shows("READY  every gate is open");
    assert_eq!(cutover.held(), [BEFORE, BEFORE], "the rehearsal changed nothing");
    console.press("A");
    console.confirm("ADVANCE TO 50%");
    console.shows("wanted 50%  configured 50.0%");
    assert_eq!(cutover.held(), [HALF, HALF]);
    cutover.flow(50);
    console
}

#[test]
fn ready_half_all_complete_by_hotkeys() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    let mut console = at_half(&cutover);
    // The footer's word is what A would open now.
    console.shows("A,y advance");
    console.press("A");
    console.confirm("ADVANCE TO 100%");
    console.shows("wanted 100%  configured 100.0%");
    assert_eq!(cutover.held(), [ALL, ALL], "both groups stay");
    cutover.flow(100);
    console.shows("COMPLETE");
    console.press("q");
    assert_eq!(console.ends(), 0);
    cutover.home.phase("complete");
    assert_eq!(cutover.held(), [ALL, ALL], "leaving leaves the traffic");
}

#[test]
fn half_and_back_by_hotkeys_leaves_every_rule_word_for_word_as_it_was() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    let before = cutover.word_for_word();
    let mut console = at_half(&cutover);
    assert_ne!(cutover.word_for_word(), before);
    console.press("R");
    console.confirm("ARMED");
    cutover.flow(0);
    console.shows("ROLLED BACK");
    console.shows("configured 0.0%");
    assert_eq!(cutover.held(), [BEFORE, BEFORE]);
    assert_eq!(cutover.word_for_word(), before);
}

/// "Rule updates do not take effect immediately": requests follow seconds after the read-back, and from then on the
/// screen's time for a rollback says how long they take.
#[test]
fn how_long_requests_take_to_follow_is_measured_kept_and_shown() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    cutover.sample();
    let mut console = cutover.console();
    console.shows("READY  every gate is open");
    console.press("A");
    console.confirm("ADVANCE TO 50%");
    console.shows("wanted 50%  configured 50.0%");
    cutover.home.status_when("requests still go to stable, long after the read-back", |status| {
        let measured = &status["split"]["measured"];
        measured["requests"].as_u64().is_some_and(|requests| requests >= LATE_REQUESTS)
    });
    assert!(!console.screen().contains("measured,"), "{}", console.screen());
    cutover.flow(50);
    console.shows("s measured, ~");
    // Until the requests of before weigh no more than chance.
    console.shows("converged: candidate 50%");
    assert!(cutover.home.history().contains("converged: candidate 50% configured"));
}

/// Reads fail for ever and writes work: the rollback goes out over what was last read, says so, and is not called done.
#[test]
fn a_rollback_that_can_only_write_says_so_on_the_screen_until_a_read_works() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    let mut console = at_half(&cutover);
    cutover.stage.moto.proxy.fail("Describe", Fault::Status(503));
    console.press("R");
    console.confirm("ARMED");
    support::wait_until("the weights are back", || cutover.held() == [BEFORE, BEFORE]);
    console.shows("written over its actions as last read");
    assert!(!console.screen().contains("ROLLED BACK"), "{}", console.screen());
    let status = cutover.home.status();
    assert_eq!(status["phase"], "rolling_back");
    assert_eq!(status["rollback"]["read_back"], false, "{status:#?}");
    cutover.stage.moto.proxy.mend();
    cutover.flow(0);
    console.shows("ROLLED BACK");
    assert!(cutover.home.history().contains("was accepted, and not read back yet: https: written over its actions"));
}
