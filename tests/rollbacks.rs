//! Rolling back when things around it are broken: nobody reads, the terminal is gone, the disk hangs, the keeper is
//! dead, the run must be found first.

#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::Signal;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{
    BINARY, Process, Running, SOON, Site, Terminal, args, is_running, is_stopped, plain, signal, wait_for, wait_until,
};
use warroom::domain::Wall;
use warroom::journal::{Places, Reader, RunInfo, Writer};

/// Runs a command with this standard output and gives its exit code.
#[track_caller]
fn into(command: &mut Command, out: Stdio) -> i32 {
    let child = command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null()).spawn().expect("it starts");
    let mut child = Process(child);
    wait_for("it ends, whoever reads", SOON, || child.0.try_wait().expect("a child")).code().unwrap_or(-1)
}

fn full_disk() -> Stdio {
    std::fs::File::options().write(true).open("/dev/full").expect("/dev/full").into()
}

/// A pipe whose reader has gone.
fn closed_pipe() -> Stdio {
    let (_, write) = std::io::pipe().expect("a pipe");
    OwnedFd::from(write).into()
}

/// A full pipe with its reader, who does not read.
fn full_pipe() -> (Stdio, std::io::PipeReader) {
    let (read, mut write) = std::io::pipe().expect("a pipe");
    rustix::fs::fcntl_setfl(&write, OFlags::NONBLOCK).expect("a flag");
    while write.write(&[b'x'; 4096]).is_ok() {}
    while write.write(b"x").is_ok() {}
    rustix::fs::fcntl_setfl(&write, OFlags::empty()).expect("a flag");
    (OwnedFd::from(write).into(), read)
}

#[test]
fn a_direct_rollback_does_not_care_who_reads_its_words() {
    let (full, _reader) = full_pipe();
    for (what, out) in [("a full disk", full_disk()), ("a closed pipe", closed_pipe()), ("a full pipe", full)] {
        let (site, _plan, _console) = Site::running(plain);
        site.advance_to(10.0);
        let run = site.run_id();
        signal(site.home.keeper_pid(), Signal::STOP);
        let code = into(&mut site.home.command(["rollback", &run, "--direct", "--yes"]), out);
        assert_eq!((code, site.balancer.green()), (0, 0.0), "{what}");
        assert!(site.home.state().join("runs").join(&run).join("rolled-back-directly.json").exists(), "{what}");
    }
}

#[test]
fn words_after_an_act_do_not_undo_its_exit_code() {
    let (site, _plan, _console) = Site::running(plain);
    site.home.ready();
    for out in [full_disk(), closed_pipe()] {
        assert_eq!(into(&mut site.home.command(["hold", "--as", "alice"]), out), 0);
    }
    assert_eq!(into(&mut site.home.command(["rollback", "--yes"]), closed_pipe()), 0);
}

#[test]
fn text_that_was_asked_for_and_cannot_be_written_is_an_error() {
    let (site, path, _console) = Site::running(plain);
    site.home.ready();
    for words in [&["plan", "PLAN"][..], &["log"], &["status"], &["status", "--json"], &["init", "-"]] {
        let command = || site.home.command(args(words, &path));
        assert_eq!(into(&mut command(), full_disk()), 1, "{words:?}");
        assert_eq!(into(&mut command(), closed_pipe()), 0, "{words:?}: the reader has seen enough");
    }
}

#[test]
fn a_direct_rollback_outlives_its_terminal() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.balancer.refuse_writes(Some(503));
    let run = site.run_id();
    let mut rolling = site.home.start(["rollback", &run, "--yes", "--direct"]);
    rolling.says("failed");
    rolling.signal(Signal::HUP);
    site.balancer.refuse_writes(None);
    rolling.finish().exits(0).says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
}

#[test]
fn a_disk_that_hangs_does_not_stop_a_direct_rollback() {
    let (site, path, _console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    signal(site.home.keeper_pid(), Signal::STOP);
    // Opening a pipe that nobody reads hangs as a dead network disk does.
    let folder = site.home.state().join("runs").join(&run);
    let hang = |name: &str| {
        let _ = std::fs::remove_file(folder.join(name));
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, folder.join(name), FileType::Fifo, mode, 0).expect("a pipe");
    };
    let faults = site.home.write("faults", "disk stall 600000");
    let mut command = site.home.command(["rollback", &run, "--yes", "--direct"]);
    let ran = Running::start(command.env("WARROOM_FAULTS", faults)).finish().exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    ran.says("no tombstone").says("the disk does not answer");
    site.balancer.set(10.0);
    hang("plan.toml");
    site.home.run(args(&["rollback", "PLAN", "--yes", "--direct", "--to", "v1"], &path)).exits(0);
    assert_eq!(site.balancer.green(), 0.0, "the file that was named stands in for the run's own copy");
}

#[test]
fn a_confirmed_rollback_is_not_called_unknown_on_its_way() {
    let (site, _plan, _console) =
        Site::running(|plan| plan.traffic = plan.traffic.replace("\"1s\"\ntimeout", "\"5s\"\ntimeout"));
    site.advance_to(10.0);
    let run = site.run_id();
    let ran = site.home.run(["rollback", &run, "--yes", "--direct"]).exits(0).says("confirmed");
    assert!(!ran.all().contains("UNKNOWN"), "{}", ran.all());
}

#[test]
fn a_direct_rollback_goes_over_what_the_dead_keeper_had_stopped_at() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.balancer.refuse_writes(Some(503));
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    site.balancer.set(30.0);
    site.home.status_when("somebody else's setting", |status| !status["rollback"]["foreign"].is_null());
    rolling.signal(Signal::INT);
    rolling.finish();
    let run = site.run_id();
    site.home.kill_keeper();
    site.balancer.refuse_writes(None);
    site.home.run(["rollback", &run, "--yes", "--direct"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

/// The keeper died before it met the other hand's setting: its journal knows of an accepted rollback and of nothing more.
#[test]
fn what_a_dead_keeper_had_not_met_is_sent_over_only_when_it_is_asked_for() {
    let (site, _plan, _console) =
        Site::running(|plan| plan.traffic = plan.traffic.replace("\"1s\"\ntimeout", "\"5s\"\ntimeout"));
    site.advance_to(10.0);
    let run = site.run_id();
    site.die_rolling_back();
    site.balancer.set(30.0);
    site.balancer.refuse_writes(None);
    for _ in 0..2 {
        let mut begun = site.home.start(["rollback", &run, "--yes", "--direct"]);
        begun.says("with --direct --send-over");
        begun.signal(Signal::INT);
        begun.finish().exits(5);
        assert_eq!(site.balancer.green(), 30.0, "nobody asked for it");
    }
    let mut over = site.home.start(["rollback", &run, "--yes", "--direct", "--send-over"]);
    over.says("confirming over");
    assert_eq!(site.balancer.green(), 0.0);
    // Once and not again: what comes now nobody has seen.
    site.balancer.set(40.0);
    over.says("somebody else set blue=60000");
    over.signal(Signal::INT);
    over.finish().exits(5);
    assert_eq!(site.balancer.green(), 40.0);
}

#[test]
fn a_direct_rollback_that_stops_at_another_hand_says_what_can_be_typed_there() {
    let (site, _plan, _console) =
        Site::running(|plan| plan.traffic = plan.traffic.replace("\"1s\"\ntimeout", "\"5s\"\ntimeout"));
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.kill_keeper();
    let words = ["rollback", &run, "--yes", "--direct"];
    let mut rolling = site.home.start(words);
    rolling.says("confirming over");
    site.balancer.set(30.0);
    rolling.says("begun again with --direct --send-over it is sent over it");
    rolling.signal(Signal::INT);
    let ran = rolling.finish().exits(5).says("FOREIGN");
    assert!(!ran.all().contains(":sendagain"), "there is no console: {}", ran.all());
    assert_eq!(site.balancer.green(), 30.0, "it is not fought");
    site.home.run(words).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

/// A rollback that its keeper cannot send, and that somebody is waiting for.
#[track_caller]
fn waited_for() -> (Site, Running, Running) {
    let (site, _plan, console) = Site::running(plain);
    site.advance_to(10.0);
    site.balancer.refuse_writes(Some(503));
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    (site, console, rolling)
}

/// Whoever asked before the other hand came was not asked again: the keeper's end is no yes.
#[test]
fn what_a_followed_rollback_stopped_at_is_not_sent_over_because_its_keeper_goes() {
    for end in [Signal::KILL, Signal::STOP] {
        let (site, _console, mut rolling) = waited_for();
        site.balancer.set(30.0);
        rolling.says("FOREIGN candidate 30%");
        let keeper = site.home.keeper_pid();
        site.balancer.refuse_writes(None);
        signal(keeper, end);
        let ran = rolling.finish().exits(5).says("blue=70000 green=30000").says("--direct --send-over");
        assert!(!ran.all().contains("rolling back directly"), "{}", ran.all());
        assert_eq!(site.balancer.green(), 30.0, "nobody sent over it");
    }
}

/// The same where it was met between two looks: the journal knows of it, and whoever asked does not.
#[test]
fn what_the_keeper_met_after_it_was_asked_is_not_sent_over_directly() {
    let (site, _console, mut rolling) = waited_for();
    rolling.signal(Signal::STOP);
    wait_until("nobody looks", || is_stopped(rolling.pid()));
    site.balancer.set(30.0);
    site.home.status_when("somebody else's setting", |status| !status["rollback"]["foreign"].is_null());
    site.home.kill_keeper();
    site.balancer.refuse_writes(None);
    rolling.signal(Signal::CONT);
    rolling.says("FOREIGN: somebody else set blue=70000 green=30000");
    rolling.says("with --direct --send-over");
    rolling.signal(Signal::INT);
    rolling.finish().exits(5).says("rolling back directly");
    assert_eq!(site.balancer.green(), 30.0, "nobody sent over it");
    site.home.run(["rollback", &site.run_id(), "--yes", "--direct"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0, "whoever asks now comes after it");
}

#[test]
fn a_run_that_is_ended_on_its_rollback_leaves_it_unconfirmed() {
    for unreadable in [false, true] {
        let (site, _console, mut rolling) = waited_for();
        if unreadable {
            site.balancer.refuse_reads(Some(503));
            wait_until("it may be ended", || site.home.run(["end", "--yes", "--as", "alice"]).code == 0);
        } else {
            site.balancer.set(30.0);
            rolling.says("FOREIGN candidate 30%");
            site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
        }
        let posts = site.balancer.posts().len();
        let ran = rolling.finish().exits(5).says("not confirmed");
        assert!(!ran.all().contains("rolling back directly"), "{}", ran.all());
        assert_eq!(site.balancer.posts().len(), posts, "nothing is sent for a run that has ended");
    }
}

#[test]
fn completing_and_sending_again_are_done_when_they_are_read_back() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.balancer.set(5.0);
    site.home.status_when("drift", |status| !status["drift"].is_null());
    site.home.run(["complete", "--as", "bob"]).exits(0).says("rolling back to").says("ROLL");
    let rollback = &site.home.status()["rollback"];
    assert_eq!((&rollback["confirmed"], &rollback["by"]), (&true.into(), &"bob".into()));
    site.balancer.set(30.0);
    site.home.status_when("somebody else's setting", |status| !status["rollback"]["foreign"].is_null());
    site.home.run(["sendagain", "--as", "bob"]).exits(0).says("sends the rollback over");
    assert_eq!((&site.home.status()["rollback"]["confirmed"], site.balancer.green()), (&true.into(), 0.0));
    site.balancer.set(40.0);
    site.home.status_when("somebody else's setting", |status| !status["rollback"]["foreign"].is_null());
    site.balancer.refuse_writes(Some(503));
    let sending = site.home.start(["sendagain", "--as", "bob"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    site.home.kill_keeper();
    sending.finish().exits(5).says("sent, not confirmed");
}

#[test]
fn an_entry_that_cannot_be_read_does_not_hide_the_others() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.kill_keeper();
    let journal = site.home.state().join("runs").join(&run).join("journal.db");
    let count = Reader::open(&journal).and_then(|reader| reader.entries()).expect("entries").len();
    let connection = rusqlite::Connection::open(&journal).expect("the journal");
    let newer = "{\"fact\":{\"fact\":\"teleported\"}}";
    connection.execute("INSERT INTO entries VALUES (?1, 5, 'info', ?2)", (count as i64 + 1, newer)).expect("inserted");
    drop(connection);
    let ran = site.home.run(["rollback", &run, "--yes", "--direct"]).exits(0).says("entries that cannot be read: 1");
    assert!(!ran.all().contains("balancer recorded before"), "the run's own record stands: {}", ran.all());
    assert_eq!(site.balancer.green(), 0.0);
}

#[test]
fn a_balancer_that_answers_only_writes_is_rolled_back() {
    let site = Site::new();
    let path = site.write(&site.plan());
    site.balancer.set(40.0);
    site.balancer.refuse_reads(Some(503));
    let rolling = site.home.start(args(&["rollback", "PLAN", "--yes", "--to", "v1"], &path));
    wait_until("it is written all the same", || site.balancer.green() == 0.0);
    site.balancer.refuse_reads(None);
    rolling.finish().exits(0);
}

/// Rolled back and confirmed; then the balancer answers writes alone, and another hand moves traffic again: the key sends it
/// again, as it sent it the first time.
#[test]
fn a_confirmed_rollback_is_sent_again_by_its_key_to_a_balancer_that_answers_only_writes() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let state = site.home.state().display().to_string();
    let words = args(&["run", "PLAN", "--as", "alice"], &plan);
    let mut terminal = Terminal::start(Path::new(BINARY), words, site.home.path(), &[("WARROOM_STATE_DIR", &state)]);
    terminal.shows("READY");
    site.advance_to(10.0);
    site.home.run(["rollback", "--yes", "--as", "bob"]).exits(0);
    site.home.phase("rolled_back");
    site.balancer.refuse_reads(Some(503));
    site.balancer.set(40.0);
    terminal.shows("R, y sends it again");
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    wait_until("it is written, read or not", || site.balancer.green() == 0.0);
    terminal.shows("ROLLING BACK");
    site.balancer.refuse_reads(None);
    site.home.phase("rolled_back");
    terminal.shows("ROLLED BACK");
}

/// Rolled back and confirmed; then another hand moves traffic again, and no keeper is there to see it.
#[test]
fn a_confirmed_rollback_is_sent_again_directly_to_a_balancer_that_answers_only_writes() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.run(["rollback", "--yes", "--as", "bob"]).exits(0);
    site.home.kill_keeper();
    site.balancer.set(40.0);
    site.balancer.refuse_reads(Some(503));
    let rolling = site.home.start(["rollback", &site.run_id(), "--yes", "--direct"]);
    wait_until("it is written all the same", || site.balancer.green() == 0.0);
    site.balancer.refuse_reads(None);
    rolling.finish().exits(0);
}

#[test]
fn with_nothing_on_the_candidate_a_rollback_without_a_run_writes_nothing() {
    let site = Site::new();
    let path = site.write(&site.plan());
    site.home.run(args(&["rollback", "PLAN", "--yes", "--to", "v1"], &path)).exits(0).says("nothing to roll back");
    assert_eq!(site.balancer.posts().len(), 0);
}

// A keeper that dies on the way.

#[test]
fn a_keeper_that_dies_after_its_yes_is_gone_around() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.balancer.refuse_writes(Some(503));
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    site.home.kill_keeper();
    site.balancer.refuse_writes(None);
    rolling.finish().exits(0).says("went away").says("directly").says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
}

#[test]
fn a_keeper_that_dies_during_a_step_leaves_it_unconfirmed() {
    let (site, _plan, _console) = Site::running(plain);
    site.home.ready();
    site.balancer.refuse_reads(Some(503));
    let advancing = site.home.start(["advance", "--as", "alice"]);
    wait_until("the step is at the balancer", || site.balancer.green() > 0.0);
    site.home.kill_keeper();
    advancing.finish().exits(5).says("not confirmed").says("warroom status");
}

#[test]
fn after_a_power_cut_the_one_unfinished_run_is_meant() {
    let (site, _plan, console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.kill_keeper();
    console.finish();
    site.home.run(["status"]).exits(3);
    site.home.run(["rollback", "--yes"]).exits(0).says("directly").says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
}

// Which run is meant.

#[test]
fn a_run_whose_disk_hangs_does_not_hide_the_one_that_is_meant() {
    let (site, _plan, console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.kill_keeper();
    console.finish();
    let hung = empty_run(&site, &run);
    let journal = site.home.state().join("runs").join(&hung).join("journal.db");
    std::fs::remove_file(&journal).expect("removed");
    // Opening a pipe that nobody reads hangs as a dead network disk does.
    rustix::fs::mknodat(rustix::fs::CWD, &journal, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    site.home.run(["rollback", "--yes"]).exits(0).says("confirmed");
    assert!(stone(&site, &run).exists() && !stone(&site, &hung).exists());
    assert_eq!(site.balancer.green(), 0.0);
}

/// A newer run of the same balancer whose keeper never began.
#[track_caller]
fn empty_run(site: &Site, of: &str) -> String {
    let places = Places::at(site.home.state());
    let journal = |run: &str| site.home.state().join("runs").join(run).join("journal.db");
    let info = Reader::open(&journal(of)).and_then(|reader| reader.info()).expect("a journal").expect("its run");
    let later = Wall::from_millis(info.started.millis() + 60_000);
    let run = Places::new_run("checkout", later, 0xffff);
    places.create(&run).expect("folders");
    std::fs::copy(site.home.state().join("runs").join(of).join("plan.toml"), places.plan(&run)).expect("a plan");
    Writer::open(&places.journal(&run))
        .and_then(|writer| writer.put_info(&RunInfo { started: later, ..info }))
        .expect("info");
    run.to_string()
}

fn stone(site: &Site, run: &str) -> std::path::PathBuf {
    site.home.state().join("runs").join(run).join("rolled-back-directly.json")
}

#[test]
fn a_run_that_never_began_does_not_stand_before_the_one_that_moved_traffic() {
    let (site, path, console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.kill_keeper();
    console.finish();
    let empty = empty_run(&site, &run);
    assert!(site.home.run(["log"]).exits(0).out.contains("advances 0%"));
    let again = site.home.run_plan(&path, "alice");
    assert_eq!(site.home.phase("held")["run"], run.as_str(), "it goes on, held");
    let pid = site.home.keeper_pid();
    signal(pid, Signal::STOP);
    site.home.run(args(&["rollback", "PLAN", "--yes"], &path)).exits(0);
    assert!(stone(&site, &run).exists() && !stone(&site, &empty).exists());
    signal(pid, Signal::CONT);
    site.home.phase("rolled_back");
    drop(again);
}

#[test]
fn a_keeper_that_does_not_start_leaves_no_run() {
    let site = Site::new();
    let mut plan = site.plan();
    plan.traffic = plan.traffic.replace("timeout", "headers = { Authorization = { env = \"WR_NOT_SET\" } }\ntimeout");
    site.home.run(args(&["run", "PLAN"], &site.write(&plan))).exits(2).says("WR_NOT_SET");
    assert_eq!(site.home.runs(), Vec::<String>::new());
    site.home.run(["log"]).exits(1).says("no run");
}

#[test]
fn a_plan_file_that_was_broken_or_removed_still_names_its_run() {
    let (site, path, console) = Site::running(plain);
    site.advance_to(10.0);
    let text = std::fs::read_to_string(&path).expect("the plan");
    std::fs::write(&path, "version = 1\nnam = \"x\"\n").expect("written");
    assert!(
        site.home.run(args(&["status", "PLAN"], &path)).exits(0).says("begun from it").out.contains("checkout @ test")
    );
    std::fs::remove_file(&path).expect("removed");
    site.home.run(args(&["status", "PLAN"], &path)).exits(0);
    let run = site.run_id();
    site.home.kill_keeper();
    console.finish();
    site.home.run(args(&["rollback", "PLAN", "--yes"], &path)).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    // The other way round: the run's own copy is damaged, the file is sound.
    site.balancer.set(10.0);
    std::fs::write(&path, text).expect("written");
    std::fs::write(site.home.state().join("runs").join(&run).join("plan.toml"), "nam = 1").expect("written");
    site.home.run(args(&["rollback", "PLAN", "--yes"], &path)).exits(0).says("nam");
    assert_eq!(site.balancer.green(), 0.0);
    site.home.run(["status", "nope.toml"]).exits(2).says("no such file");
    site.home.run(["rollback", "nope.toml", "--yes"]).exits(2).says("no such file");
}

#[test]
fn a_file_that_is_called_like_a_run_and_holds_no_plan_does_not_hide_it() {
    let (site, path, _console) = Site::running(plain);
    site.advance_to(10.0);
    let file = site.home.write("checkout", "#!/bin/sh\n");
    site.home.run(["status", "checkout"]).exits(0).says("configured 10.0% (read ");
    site.home.run(["rollback", "checkout", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    // One that holds a plan is the plan's.
    std::fs::copy(path, file).expect("copied");
    site.home.run(["end", "checkout", "--yes", "--as", "alice"]).exits(0);
}

#[test]
fn a_watching_keeper_beside_it_is_not_meant_and_cannot_roll_back() {
    let (site, path, _console) = Site::running(plain);
    let driving = site.run_id();
    let _watch = site.home.start(args(&["watch", "PLAN", "--as", "bob"], &path));
    wait_until("both listen", || sockets(&site) == 2);
    let watching = site.home.runs().into_iter().find(|run| *run != driving).expect("a watching run");
    site.advance_to(10.0);
    site.home.run(["rollback", &watching, "--direct", "--yes"]).exits(1).says("only watches");
    assert_eq!(site.balancer.green(), 10.0);
    site.home.run(["rollback", "--yes"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

fn sockets(site: &Site) -> usize {
    std::fs::read_dir(site.home.state().join("sockets")).map_or(0, Iterator::count)
}

#[test]
fn of_several_keepers_each_says_where_it_stands() {
    let (site, _path, _console) = Site::running(plain);
    site.advance_to(10.0);
    let other = support::Balancer::start();
    let mut plan = site.plan();
    plan.name = "payments";
    plan.traffic = plan.traffic.replace(&site.balancer.address(), &other.address());
    let _second = site.home.start(args(&["run", "PLAN", "--as", "bob"], &site.home.write("other.toml", &plan.text())));
    wait_until("both listen", || sockets(&site) == 2);
    let ran = site.home.run(["rollback", "--yes"]).exits(2).says("checkout @ test: RUNNING, candidate 10.0%");
    ran.says("payments @ test");
}

#[test]
fn a_run_that_crashed_counts_beside_one_that_goes_on() {
    let (site, path, console) = Site::running(plain);
    site.advance_to(10.0);
    let crashed = site.run_id();
    site.home.kill_keeper();
    console.finish();
    let other = support::Balancer::start();
    let mut plan = site.plan();
    plan.name = "payments";
    plan.traffic = plan.traffic.replace(&site.balancer.address(), &other.address());
    let _second = site.home.run_plan(&site.home.write("other.toml", &plan.text()), "bob");
    site.home.advance("bob").exits(0);
    let ran = site.home.run(["rollback", "--yes"]).exits(2).says("payments @ test: RUNNING, candidate 10.0%");
    ran.says(&format!("{crashed}: no keeper answers"));
    assert_eq!((site.balancer.green(), other.green()), (10.0, 10.0));
    site.home.run(args(&["rollback", "PLAN", "--yes"], &path)).exits(0);
    assert_eq!((site.balancer.green(), other.green()), (0.0, 10.0));
    // Its tombstone does not say that it came back; its keeper does, and says how it is put away.
    site.home.run(["rollback", "--yes"]).exits(2).says("`warroom end` puts it away");
    assert_eq!(other.green(), 10.0);
    let again = site.home.run_plan(&path, "alice");
    wait_until("it has followed", || site.home.run(["status", &crashed]).all().contains("ROLLED BACK"));
    site.home.run(["end", &crashed, "--yes", "--as", "alice"]).exits(0);
    again.finish();
    site.home.run(["rollback", "--yes"]).exits(0);
    assert_eq!(other.green(), 0.0);
}

#[test]
fn a_run_that_ended_says_so_and_can_be_rolled_back_by_its_id() {
    let (site, path, console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    console.finish();
    std::fs::remove_file(&path).expect("removed");
    site.home.run(["status", &run]).exits(0).says("ENDED").says("candidate 10%");
    let status: serde_json::Value =
        serde_json::from_str(&site.home.run(["status", &run, "--json"]).exits(0).out).expect("JSON");
    assert_eq!((&status["phase"], &status["schema"]), (&"ended".into(), &1.into()));
    site.home.run(["rollback", &run, "--yes"]).exits(2).says("--to v1");
    site.home.run(["rollback", &run, "--yes", "--to", "v1"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

/// What is stable to the run that ended may be the next one's candidate: whoever is left with the old run's id, or with
/// its console, is told whose the balancer is now.
#[test]
fn a_run_that_ended_does_not_roll_back_what_the_next_one_drives() {
    let (site, path, console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    console.finish();
    let _next = site.home.run_plan(&path, "bob");
    let next = site.run_id();
    assert_ne!(run, next);
    let posts = site.balancer.posts().len();
    for how in [&["--direct", "--only-run", &run][..], &["--direct"], &[]] {
        let words = [&["rollback", &run, "--yes", "--to", "v1"], how].concat();
        let ran = site.home.run(words).exits(1);
        ran.says(&format!("run {next} drives its balancer now: nothing was sent; warroom rollback {next}"));
    }
    assert_eq!(site.balancer.posts().len(), posts);
    assert!((site.balancer.green() - 10.0).abs() < f64::EPSILON);
    // The name that is given leads there.
    site.home.run(["rollback", &next, "--yes"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

// Beginning and beginning again.

#[test]
fn two_that_run_a_plan_in_the_same_moment_share_its_keeper() {
    let site = Site::new();
    let path = site.write(&site.plan());
    let start = |name: &str| site.home.start(args(&["run", "PLAN", "--as", name], &path));
    let mut both = vec![start("alice"), start("bob")];
    wait_until("the keeper answers", || site.home.try_status().is_some());
    wait_until("both are attached", || {
        if let Some(gone) = both.iter().position(|running| !is_running(running.pid())) {
            panic!("one of them left: {}", both.remove(gone).finish().all());
        }
        let history = site.home.history();
        history.contains("alice") && history.contains("bob")
    });
    assert_eq!(site.home.runs().len(), 1);
}

#[test]
fn a_run_that_is_not_over_is_not_left_by_a_restart() {
    let (site, _plan, console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    let pid = site.home.keeper_pid();
    signal(pid, Signal::STOP);
    site.home.run(["restart", &run, "--as", "alice"]).exits(1).says("not over").says("--direct");
    signal(pid, Signal::CONT);
    site.home.kill_keeper();
    console.finish();
    site.home.run(["restart", &run, "--as", "alice"]).exits(1).says("goes on with it");
    assert_eq!(site.home.runs(), [run]);
}

#[test]
fn a_restart_by_somebody_who_does_not_drive_is_refused_at_once() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    site.home.phase("rolled_back");
    site.home.run(["restart", "--as", "bob"]).exits(1).says("only the driver").says("`warroom take`");
    assert_eq!(site.home.runs().len(), 1);
}

#[test]
fn a_watching_run_that_is_begun_again_watches() {
    let site = Site::new();
    let path = site.write(&site.plan());
    let watch = site.home.start(args(&["watch", "PLAN", "--as", "alice"], &path));
    wait_until("the keeper answers", || site.home.try_status().is_some());
    let run = site.run_id();
    site.home.kill_keeper();
    watch.finish();
    let _again = site.home.start(["restart", &run, "--as", "alice"]);
    let status = site.home.status_when("a new run", |status| status["run"] != run.as_str());
    assert_eq!(status["phase"], "observing");
}

#[test]
fn a_demo_that_is_ended_from_outside_leaves_nothing() {
    let site = Site::new();
    let folder = site.home.path().join("t");
    std::fs::create_dir(&folder).expect("a folder");
    let command = &mut site.home.command(["demo", "--scenario", "healthy"]);
    let mut demo = Running::start(command.env("TMPDIR", &folder));
    demo.says("PREFLIGHT");
    let entries = |folder: &Path| std::fs::read_dir(folder).map_or(0, Iterator::count);
    assert_eq!(entries(&folder), 1);
    let pid = demo.pid();
    demo.signal(Signal::TERM);
    demo.finish();
    assert!(!is_running(pid));
    assert_eq!(entries(&folder), 0);
}
