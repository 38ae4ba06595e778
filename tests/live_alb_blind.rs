//! AWS takes writes and answers no read, for ever: a rollback goes out over the actions that are remembered or
//! recorded, says so, and is not called done. Nothing else is built on them.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod support;

use rustix::process::Signal;
use std::time::Instant;
use support::{BEFORE, Cutover, Fault, Moto, need_moto, wait_until};

/// A cutover at 50 % whose keeper was killed.
#[track_caller]
fn orphaned() -> Cutover {
    let cutover = Cutover::new(Moto::shared());
    let _console = cutover.run();
    cutover.home.advance("alice").exits(0);
    cutover.home.status_when("the state at 50 % is recorded", |_| {
        cutover.home.history().contains("configuration is changed, and recorded")
    });
    cutover.home.kill_keeper();
    cutover
}

/// Without a keeper: over what the journal has, for as long as it takes, and 5 when it is left before.
#[track_caller]
fn goes_out_directly(fault: Fault, says: &str) {
    if !need_moto() {
        return;
    }
    let cutover = orphaned();
    let before = cutover.word_for_word();
    let proxy = &cutover.stage.moto.proxy;
    proxy.fail("Describe", fault);
    let args = ["rollback", "--yes", "--direct", "--as", "bob"];
    let began = Instant::now();
    let mut rolling = cutover.home.start(args);
    wait_until("the weights are back", || cutover.held() == [BEFORE, BEFORE]);
    println!("{fault:?} to every read: written {:?} after the command was started", began.elapsed());
    rolling.says("was accepted, and not read back yet: https: written over its actions as recorded at");
    rolling.says(says);
    rolling.says("UNKNOWN - not confirmed after");
    rolling.signal(Signal::INT);
    rolling.finish().exits(5).says("sent, and not confirmed");
    assert_eq!(
        cutover.word_for_word().replace("<Weight>100<", "<Weight>999<").replace("<Weight>0<", "<Weight>999<"),
        before,
        "the weights alone are others: authentication, order, conditions and stickiness are as they were"
    );
    // With reads it is done.
    proxy.mend();
    cutover.home.run(args).exits(0).says("confirmed");
}

#[test]
fn directly_where_every_read_fails() {
    goes_out_directly(Fault::Status(503), "AWS has trouble of its own (HTTP 503)");
}

#[test]
fn directly_where_every_read_hangs() {
    goes_out_directly(Fault::Lost, "AWS gave no answer in time");
}

#[test]
fn directly_where_reading_is_not_permitted() {
    goes_out_directly(Fault::Status(403), "AWS refuses the credentials (HTTP 403)");
}

#[test]
fn directly_where_reads_are_throttled_for_ever() {
    goes_out_directly(Fault::Throttle, "AWS throttles this account's calls");
}

/// A keeper that was started again has never read them either.
#[test]
fn by_a_keeper_that_was_started_again() {
    if !need_moto() {
        return;
    }
    let cutover = orphaned();
    cutover.stage.moto.proxy.fail("Describe", Fault::Status(503));
    let _console = cutover.run();
    let home = &cutover.home;
    home.run(["resume", "--as", "alice"]);
    home.run(["advance", "--as", "alice"]).exits(1);
    let sent = cutover.stage.moto.proxy.calls("Modify");
    let rolling = home.start(["rollback", "--yes", "--as", "alice"]);
    wait_until("the weights are back", || cutover.held() == [BEFORE, BEFORE]);
    let status = home.status_when("it is said", |status| {
        status["rollback"]["last_error"].as_str().is_some_and(|words| words.contains("as recorded at"))
    });
    assert_eq!((&status["phase"], &status["rollback"]["read_back"]), (&"rolling_back".into(), &false.into()));
    assert!(cutover.stage.moto.proxy.calls("Modify") > sent);
    cutover.stage.moto.proxy.mend();
    rolling.finish().exits(0);
}

/// Without a run nobody knows the other actions: a list made up from the plan alone could take a sign-in away.
#[test]
fn a_list_that_nobody_knows_is_not_made_up() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    let before = cutover.word_for_word();
    cutover.stage.moto.proxy.fail("Describe", Fault::Status(503));
    let plan = cutover.plan.display().to_string();
    let mut rolling = cutover.home.start(["rollback", &plan, "--to", "v2.0.5", "--yes", "--as", "bob"]);
    rolling.says("nobody has read it before: its other actions would be lost");
    assert_eq!(cutover.stage.moto.proxy.calls("Modify"), 0);
    assert_eq!(cutover.word_for_word(), before);
    cutover.stage.moto.proxy.mend();
    rolling.finish().exits(0);
}
