//! A console whose run is not in its own state folder: it was found by its plan file, through the host's lock.

mod support;

use rustix::process::Signal;
use std::ffi::OsStr;
use std::path::Path;
use support::{BINARY, Balancer, Home, PlanText, Site, Terminal, args, plain, signal};

/// A run at 10 % in one home, and a console on it from a shell with another one.
#[track_caller]
fn from_another_home(prepare: impl FnOnce(&Site)) -> (Site, Home, Terminal) {
    let (site, plan, running) = Site::running(plain);
    site.advance_to(10.0);
    running.signal(Signal::TERM);
    running.finish();
    prepare(&site);
    let other = Home::new();
    let terminal = console(&other, args(&["attach", "PLAN", "--as=-bob"], &plan));
    terminal.shows("configured 10.0%");
    (site, other, terminal)
}

#[track_caller]
fn console<A: AsRef<OsStr>>(home: &Home, words: impl IntoIterator<Item = A>) -> Terminal {
    let state = home.state().display().to_string();
    Terminal::start(Path::new(BINARY), words, home.path(), &[("WARROOM_STATE_DIR", &state)])
}

/// Types what the screen says for another shell, in a shell like the console's own.
#[track_caller]
fn as_shown(site: &Site, other: &Home, terminal: &Terminal) {
    let screen = terminal.screen();
    let line = screen.lines().find(|line| line.contains("elsewhere: warroom")).expect("the way elsewhere");
    let words = line.split_once("elsewhere: warroom ").expect("a command").1;
    let words: Vec<&str> = words.split_whitespace().filter(|word| *word != "║" && *word != "│").collect();
    terminal.shows("ROLLED BACK DIRECTLY");
    assert!(site.balancer.green().abs() < f64::EPSILON);
    site.balancer.set(40.0);
    let mut shell = console(other, words);
    shell.shows("Type its label (v1)");
    shell.press("v1\r");
    shell.shows("All traffic to v1? [y/N]");
    shell.press("y\r");
    assert_eq!(shell.ends(), 0, "{}", shell.screen());
    assert!(site.balancer.green().abs() < f64::EPSILON);
}

#[test]
fn a_console_past_its_own_home_goes_around_a_hung_keeper_by_the_run() {
    let (site, other, mut terminal) = from_another_home(|_| {});
    let keeper = site.home.keeper_pid();
    signal(keeper, Signal::STOP);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("elsewhere: warroom rollback /");
    as_shown(&site, &other, &terminal);
    // The console's was the run's own: the keeper that wakes up finds its tombstone and follows.
    signal(keeper, Signal::CONT);
    terminal.shows("ROLLED BACK  by");
}

/// The run's own copy of its plan is hidden from everybody.
fn out_of_reach(site: &Site) {
    let folder = site.home.state().join("runs").join(site.run_id());
    std::fs::rename(folder.join("plan.toml"), folder.join("away.toml")).expect("moved");
}

/// Another user's run, whose folder lets nobody in: the file that was named stands in for it.
#[test]
fn where_the_run_is_out_of_reach_its_plan_file_stands_in() {
    let (site, other, mut terminal) = from_another_home(out_of_reach);
    signal(site.home.keeper_pid(), Signal::STOP);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("elsewhere: warroom rollback /");
    as_shown(&site, &other, &terminal);
}

/// This shell knows an older run on the same balancer: the file still leads where the screen says.
#[test]
fn an_older_run_in_ones_own_home_does_not_stand_before_the_plan_file() {
    for is_killed in [false, true] {
        let (site, other, mut terminal) = from_another_home(out_of_reach);
        let older = site.run_id().replacen("-20", "-19", 1);
        assert_ne!(older, site.run_id());
        let [from, to] = [site.home.state().join("runs").join(site.run_id()), other.state().join("runs").join(older)];
        std::fs::create_dir_all(&to).expect("a folder");
        for name in ["away.toml", "journal.db", "journal.db-wal"] {
            let copied = std::fs::copy(from.join(name), to.join(name.replace("away", "plan")));
            copied.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        if is_killed {
            site.home.kill_keeper();
        } else {
            signal(site.home.keeper_pid(), Signal::STOP);
        }
        terminal.press("R");
        terminal.confirm("ROLL BACK NOW");
        terminal.shows("ROLLED BACK DIRECTLY");
        assert!(site.balancer.green().abs() < f64::EPSILON);
    }
}

/// While the console is open the file is turned to the next cutover: that one is not rolled back from here.
#[test]
fn a_plan_file_that_was_turned_to_another_balancer_rolls_nothing_back_there() {
    let (site, _other, mut terminal) = from_another_home(out_of_reach);
    let own = std::fs::read_to_string(site.home.path().join("plan.toml")).expect("the plan");
    let next = Balancer::start();
    next.set(40.0);
    site.home.write("plan.toml", &PlanText::http(&site.blue, &site.green, &next.address(), "1s").text());
    signal(site.home.keeper_pid(), Signal::STOP);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("DIRECT ROLLBACK FAILED");
    terminal.shows("leads elsewhere by now");
    assert!((next.green() - 40.0).abs() < f64::EPSILON && next.posts().is_empty());
    // Turned back it leads to what is on the screen.
    site.home.write("plan.toml", &own);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("ROLLED BACK DIRECTLY");
    assert!(site.balancer.green().abs() < f64::EPSILON && next.posts().is_empty());
}

/// Nobody who reads lines types at a run that is not found where they are.
#[test]
fn lines_name_the_way_that_works_where_they_are_read() {
    let (site, plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let other = Home::new();
    let mut lines = other.start(args(&["attach", "PLAN"], &plan));
    lines.says(" = ");
    site.home.kill_keeper();
    lines.finish().exits(3).says(&format!("`warroom rollback {} --direct` works", plan.display()));
}
