//! The console of `run` or `watch` starts its keeper again when it dies, and not for ever.

mod support;

use rustix::process::Signal;
use std::path::Path;
use support::{BINARY, Site, Terminal, args, is_running, signal, wait_until};

/// A console of `run` on a terminal, and its site at 10 %.
#[track_caller]
fn on_a_terminal() -> (Site, std::path::PathBuf, Terminal) {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let state = site.home.state().display().to_string();
    let words = args(&["run", "PLAN", "--as", "alice"], &plan);
    let terminal = Terminal::start(Path::new(BINARY), words, site.home.path(), &[("WARROOM_STATE_DIR", &state)]);
    wait_until("the keeper answers", || site.home.try_status().is_some());
    site.advance_to(10.0);
    (site, plan, terminal)
}

/// Kills the keeper and waits for another one.
#[track_caller]
fn comes_back(site: &Site) {
    let before = site.home.kill_keeper();
    wait_until("another keeper answers", || site.home.try_status().is_some_and(|s| s["keeper"]["pid"] != before));
}

#[test]
fn a_keeper_that_dies_is_started_again_and_holds_and_the_fourth_time_it_is_left_down() {
    let (site, _plan, terminal) = on_a_terminal();
    let posts = site.balancer.posts().len();
    for nth in 1..=3 {
        comes_back(&site);
        terminal.shows(&format!("started again {nth} of 3"));
        let status = site.home.phase("held");
        assert_eq!((&status["step"], &status["driver"]["name"]), (&1.into(), &"alice".into()));
        assert!(site.home.history().contains(&format!("started again {nth} of 3")), "it is in the journal");
    }
    assert_eq!(site.balancer.posts().len(), posts, "coming back writes nothing");
    site.home.kill_keeper();
    terminal.shows("KEEPER DOWN");
    assert!(site.home.try_status().is_none());
    // What it names as the way on works.
    let run = site.run_id();
    site.home.run(["rollback", &run, "--direct", "--yes"]).exits(0);
    assert!(site.balancer.green().abs() < f64::EPSILON);
}

/// A screen on the wall goes on watching; what comes back holds no write path either.
#[test]
fn a_watching_keeper_that_dies_is_started_again_and_watches() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let state = site.home.state().display().to_string();
    let words = args(&["watch", "PLAN", "--as", "carol"], &plan);
    let terminal = Terminal::start(Path::new(BINARY), words, site.home.path(), &[("WARROOM_STATE_DIR", &state)]);
    wait_until("the keeper answers", || site.home.try_status().is_some());
    comes_back(&site);
    terminal.shows("started again 1 of 3");
    terminal.shows("this keeper holds no write path");
    let attached = || site.home.history().matches(" attached").count();
    wait_until("the journal takes what the second keeper has to say", || attached() == 2);
    site.home.run(["rollback", "--yes"]).exits(1).says("only watches");
    assert_eq!(site.balancer.posts().len(), 0);
}

#[test]
fn a_rollback_goes_on_by_itself_when_its_keeper_is_killed() {
    let (site, _plan, terminal) = on_a_terminal();
    site.balancer.refuse_writes(Some(503));
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    comes_back(&site);
    site.balancer.refuse_writes(None);
    site.home.phase("rolled_back");
    assert!(site.balancer.green().abs() < f64::EPSILON);
    terminal.shows("ROLLED BACK");
    drop(rolling);
}

#[test]
fn a_keeper_that_is_ended_in_order_stays_down() {
    let (site, _plan, terminal) = on_a_terminal();
    let pid = site.home.keeper_pid();
    signal(pid, Signal::TERM);
    wait_until("the keeper ends", || !is_running(pid));
    terminal.shows("keeper gone: R goes directly");
    assert!(site.home.try_status().is_none());
    assert!(!terminal.screen().contains("started again"));
}

#[test]
fn a_keeper_that_is_ended_in_order_and_leaves_a_rollback_is_started_again() {
    let (site, _plan, terminal) = on_a_terminal();
    site.balancer.refuse_writes(Some(503));
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    let pid = site.home.keeper_pid();
    signal(pid, Signal::TERM);
    wait_until("another keeper answers", || site.home.try_status().is_some_and(|s| s["keeper"]["pid"] != pid));
    terminal.shows("started again 1 of 3");
    assert!(site.home.history().contains("exit status: 5"), "it is in the journal");
    site.balancer.refuse_writes(None);
    site.home.phase("rolled_back");
    assert!(site.balancer.green().abs() < f64::EPSILON);
    terminal.shows("ROLLED BACK");
    drop(rolling);
}

#[test]
fn the_console_of_attach_starts_nothing() {
    let (site, _plan, terminal) = on_a_terminal();
    let state = site.home.state().display().to_string();
    let attached = Terminal::start(Path::new(BINARY), ["attach"], site.home.path(), &[("WARROOM_STATE_DIR", &state)]);
    attached.shows("at 10%");
    drop(terminal);
    site.home.kill_keeper();
    attached.shows("keeper gone: R goes directly");
    assert!(site.home.try_status().is_none());
    assert!(!attached.screen().contains("started again"));
}
