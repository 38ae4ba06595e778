//! Disks that fail and clocks that jump under a real keeper: forward stops, rollback goes out, nothing is made up.

#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

#[path = "journals/facts.rs"]
mod facts;
mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Asked, Running, Site, args, below, forbidden, is_running, number, plain, signal, wait_until};
use warroom::domain::RunId;
use warroom::engine::{Entry, Fact};
use warroom::journal::{Places, Reader, SCHEMA_VERSION, Writer};

/// How long a disk stalls: far longer than the 20 ms that a rollback waits for it.
const STALL: &str = "disk stall 5000";

/// How often the keeper reads the balancer where a test asks what else makes it read: twice as long as a test waits.
const SELDOM: &str = "balancer = \"60s\"";

/// A site whose keeper's disk and clock obey a file.
struct Faulty {
    site: Site,
    _console: Running,
}

impl Faulty {
    /// At 10 %, with nothing wrong yet.
    #[track_caller]
    fn at_ten() -> Self {
        Self::at_ten_with(|text| text)
    }

    /// The same with a plan that was changed.
    #[track_caller]
    fn at_ten_with(change: impl FnOnce(String) -> String) -> Self {
        let site = Site::new();
        let plan = site.home.write("plan.toml", &change(site.plan().text()));
        let faults = site.home.path().join("faults");
        let mut command = site.home.command(args(&["run", "PLAN", "--as", "alice"], &plan));
        let console = Running::start(command.env("WARROOM_FAULTS", faults));
        wait_until("the keeper answers", || site.home.try_status().is_some());
        site.advance_to(10.0);
        Self { site, _console: console }
    }

    fn fault(&self, words: &str) {
        self.site.home.write("faults", words);
    }

    fn entries(&self) -> Vec<Entry> {
        entries(&self.site)
    }

    #[track_caller]
    fn when(&self, what: &str, holds: impl FnMut(&Value) -> bool) -> Value {
        self.site.home.status_when(what, holds)
    }
}

fn journal(site: &Site) -> PathBuf {
    Places::at(site.home.state()).journal(&RunId::parse(&site.run_id()).expect("a run id"))
}

fn entries(site: &Site) -> Vec<Entry> {
    Reader::open(&journal(site)).and_then(|reader| reader.entries()).expect("a journal")
}

fn has_rollback(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| matches!(entry.fact, Fact::RollbackAccepted { .. }))
}

/// A disk that refuses: forward is locked and says why, rollback goes out and says that it is not recorded, and once
/// the disk takes writes again the journal has all of it. What only its sync refused may be there before.
#[track_caller]
fn a_disk_that_refuses(fault: &str, words: &str) {
    let faulty = Faulty::at_ten();
    let home = &faulty.site.home;
    home.ready();
    faulty.fault(fault);
    // The next thing that is to be written finds it out.
    home.run(["hold", "--as", "bob"]).exits(0);
    faulty.when("the disk's trouble is known", |status| status["journal_trouble"].is_string());
    let refused = home.run(["resume", "--as", "alice"]);
    let refused = if refused.code == 0 { home.run(["advance", "--as", "alice"]).exits(1) } else { refused };
    assert!(refused.all().contains(words), "{words:?}: {}", refused.all());
    assert_eq!(faulty.site.forward_posts(), 1, "nothing went forward");
    let rolling = home.start(["rollback", "--yes", "--as", "alice"]);
    let status = faulty.when("it is read back", |status| status["rollback"]["read_back"] == true);
    assert_eq!(faulty.site.balancer.green(), 0.0);
    assert_eq!(has_rollback(&faulty.entries()), fault == "disk fsync", "what the disk has taken");
    assert!(status["band"].as_str().is_some_and(|band| band.contains("not recorded: disk")), "{}", status["band"]);
    rolling.finish().exits(0);
    faulty.fault("");
    faulty.when("the disk has everything", |status| status["journal_trouble"].is_null());
    assert!(has_rollback(&faulty.entries()), "what the disk refused was written again");
}

#[test]
fn a_full_disk_stops_forward_and_not_a_rollback() {
    a_disk_that_refuses("disk full", "full");
}

#[test]
fn a_disk_that_became_read_only_stops_forward_and_not_a_rollback() {
    a_disk_that_refuses("disk readonly", "readonly");
}

#[test]
fn a_write_error_stops_forward_and_not_a_rollback() {
    a_disk_that_refuses("disk eio", "disk I/O error");
}

#[test]
fn a_failing_sync_stops_forward_and_not_a_rollback() {
    a_disk_that_refuses("disk fsync", "disk I/O error");
}

/// What is refused at the commit, when all of it has been inserted, comes once, whether the disk has kept it or not.
#[track_caller]
fn a_commit_that_fails(fault: &str, stays: bool) {
    let faulty = Faulty::at_ten();
    let home = &faulty.site.home;
    faulty.fault(fault);
    home.run(["hold", "--as", "bob"]).exits(0);
    faulty.when("the disk's trouble is known", |status| status["journal_trouble"].is_string());
    let before = faulty.entries();
    home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    let kept = faulty.entries();
    assert_eq!(kept.len() > before.len(), stays, "what the disk refused is there only where its sync alone failed");
    faulty.fault("");
    faulty.when("the disk has everything", |status| status["journal_trouble"].is_null());
    let entries = faulty.entries();
    assert_eq!(entries[..kept.len()], kept);
    let facts: [fn(&Fact) -> bool; 3] = [
        |fact| matches!(fact, Fact::Held { .. }),
        |fact| matches!(fact, Fact::RollbackAccepted { .. }),
        |fact| matches!(fact, Fact::RollbackConfirmed),
    ];
    let count = |entries: &[Entry]| facts.map(|is| entries.iter().filter(|entry| is(&entry.fact)).count());
    let times = usize::from(stays);
    assert_eq!((count(&kept)[..2].to_vec(), count(&entries)), (vec![times; 2], [1; 3]), "{entries:#?}");
}

#[test]
fn a_commit_whose_write_fails_leaves_nothing_and_is_made_once() {
    a_commit_that_fails("disk eio", false);
}

#[test]
fn a_commit_whose_sync_fails_may_be_there_and_is_made_once() {
    a_commit_that_fails("disk fsync", true);
}

#[test]
fn a_disk_that_takes_five_seconds_holds_up_a_step_and_not_a_rollback() {
    let faulty = Faulty::at_ten();
    let home = &faulty.site.home;
    home.ready();
    faulty.fault(STALL);
    let advancing = home.start(["advance", "--as", "alice"]);
    faulty.when("the step waits for its intent", |status| status["phase"] == "shifting");
    assert_eq!(faulty.site.forward_posts(), 1, "its intent is not on disk yet");
    let rolling = home.start(["rollback", "--yes", "--as", "bob"]);
    wait_until("the rollback is at the balancer", || faulty.site.balancer.green() == 0.0);
    assert!(!has_rollback(&faulty.entries()), "it did not wait for the disk");
    let status = faulty.when("it is read back", |status| status["rollback"]["read_back"] == true);
    assert!(status["band"].as_str().is_some_and(|band| band.contains("sent before its record")), "{}", status["band"]);
    rolling.finish().exits(0);
    advancing.finish();
    faulty.fault("");
    wait_until("the disk has it", || has_rollback(&faulty.entries()));
    assert_eq!(faulty.site.forward_posts(), 1, "the step that waited never went out");
}

/// A real file system of little space at the state's place. `None`, and said so, where nothing may be mounted.
struct Mounted(PathBuf);

impl Mounted {
    fn at(folder: &Path, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "warroom-test"]).arg(folder).output();
        if mounted.is_ok_and(|ran| ran.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        forbidden("to mount a file system, which it may not here");
        None
    }

    #[track_caller]
    fn again(&self, options: &str) {
        let ran = Command::new("mount").args(["-o", options]).arg(&self.0).output().expect("mount");
        assert!(ran.status.success(), "{ran:?}");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_file_system_that_is_really_full() {
    let site = Site::new();
    let Some(_mounted) = Mounted::at(&site.home.state(), 4) else { return };
    let plan = site.write(&site.plan());
    let _console = site.home.run_plan(&plan, "alice");
    site.advance_to(10.0);
    // Everything that is left, to the last byte.
    let mut filler = std::fs::File::create(site.home.state().join("filler")).expect("a file");
    while filler.write_all(&[1; 512]).is_ok() {}
    // The file system gives whole pages: what the journal has left of its last one is used up by notes.
    let full = |status: &Value| status["journal_trouble"].is_string();
    wait_until("the journal has no space", || {
        site.home.run(["hold", "--as", "bob"]);
        site.home.run(["resume", "--as", "alice"]);
        full(&site.home.status())
    });
    site.home.run(["rollback", "--yes", "--as", "bob"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    assert_eq!(site.forward_posts(), 1);
    drop(filler);
    std::fs::remove_file(site.home.state().join("filler")).expect("removed");
    site.home.status_when("the disk has everything", |status| status["journal_trouble"].is_null());
    assert!(has_rollback(&entries(&site)));
}

#[test]
fn a_file_system_that_is_really_read_only_refuses_a_keeper_and_not_a_rollback() {
    let site = Site::new();
    let Some(mounted) = Mounted::at(&site.home.state(), 16) else { return };
    let plan = site.write(&site.plan());
    let console = site.home.run_plan(&plan, "alice");
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.kill_keeper();
    console.finish();
    mounted.again("remount,ro");
    let ran = site.home.run(args(&["run", "PLAN", "--as", "alice"], &plan));
    assert_ne!(ran.code, 0, "{}", ran.all());
    assert!(!ran.all().contains("panicked"), "{}", ran.all());
    site.home.run(["rollback", &run, "--direct", "--yes"]).exits(0).says("no tombstone").says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
    mounted.again("remount,rw");
}

#[test]
fn a_keeper_that_is_told_to_end_on_a_hung_disk_ends() {
    let faulty = Faulty::at_ten();
    let (home, pid) = (&faulty.site.home, faulty.site.home.keeper_pid());
    // Longer than anybody waits here.
    faulty.fault("disk stall 600000");
    home.run(["hold", "--as", "bob"]).exits(0);
    signal(pid, Signal::TERM);
    wait_until("it ends", || !is_running(pid));
    home.run(["status"]).exits(3);
    let run = faulty.site.run_id();
    home.run(["rollback", &run, "--yes"]).exits(0).says("directly").says("confirmed");
    assert_eq!(faulty.site.balancer.green(), 0.0);
}

/// As a network's file system may answer for a while: neither that somebody rolled back directly nor that nobody did.
#[test]
fn a_run_folder_that_cannot_be_looked_into_moves_no_traffic() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let posts = site.balancer.posts().len();
    let run = RunId::parse(&site.run_id()).expect("a run id");
    let (folder, away) = (Places::at(site.home.state()).run(&run), site.home.path().join("away"));
    std::fs::rename(&folder, &away).expect("renamed");
    std::fs::write(&folder, "").expect("a file instead");
    let logs = || below(&away.join("log")).into_iter().filter_map(|path| std::fs::read_to_string(path).ok());
    wait_until("the keeper has looked", || logs().any(|log| log.contains("rolled back directly is unknown")));
    std::fs::remove_file(&folder).expect("removed");
    std::fs::rename(&away, &folder).expect("renamed");
    assert_eq!(site.home.status()["phase"], "baking");
    assert_eq!((site.balancer.green(), site.balancer.posts().len()), (10.0, posts));
    // Whoever rolled back meanwhile is followed.
    std::fs::write(folder.join("rolled-back-directly.json"), "half of it").expect("written");
    site.home.phase("rolled_back");
    assert_eq!(site.balancer.green(), 0.0);
}

// Journals that cannot be read, and the ways on.

/// A run at 10 % whose keeper is dead and whose journal is then spoilt.
#[track_caller]
fn spoilt(spoil: impl FnOnce(&Path)) -> (Site, PathBuf, String) {
    let (site, plan, console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.kill_keeper();
    console.finish();
    spoil(&journal(&site));
    (site, plan, run)
}

fn garbage(journal: &Path) {
    std::fs::write(journal, "no journal at all, and long enough to be taken for one ".repeat(500)).expect("written");
    for more in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{more}", journal.display()));
    }
}

/// The refusal, and the way on that it names: a new run, held, at what the balancer holds, that can go both ways.
#[track_caller]
fn refused_with_a_way_on(spoil: impl FnOnce(&Path), why: &str) {
    let (site, plan, run) = spoilt(spoil);
    let posts = site.balancer.posts().len();
    site.home
        .run(args(&["run", "PLAN", "--as", "alice"], &plan))
        .exits(1)
        .says(why)
        .says("--from-balancer")
        .says(&format!("warroom rollback {run} --direct"));
    assert_eq!(site.home.runs(), std::slice::from_ref(&run), "no run began as if nothing had been");
    let _console = site.home.start(args(&["run", "PLAN", "--from-balancer", "--as", "alice"], &plan));
    wait_until("the keeper answers", || site.home.try_status().is_some());
    let status = site.home.phase("held");
    assert_eq!(status["step"], Value::Null, "this run reached no step itself: {status:#?}");
    assert_eq!(number(&status["split"]["wanted_percent"]), 10.0);
    assert!(status["drift"].is_null(), "{status:#?}");
    assert_eq!(site.balancer.posts().len(), posts, "beginning writes nothing");
    assert!(site.home.history().contains(&run), "it says which run it goes on from");
    let told = site.home.run(["log", "--json"]).exits(0).out;
    let adopted = told.lines().find(|line| line.contains("\"adopted\"")).expect("it was adopted");
    let adopted: Value = serde_json::from_str(adopted).expect("each line is JSON");
    assert_eq!(adopted["by"]["name"], "alice", "by whoever began it: {adopted}");
    site.home.run(["advance", "--as", "alice"]).exits(1);
    site.home.ready();
    site.home.run(["resume", "--as", "alice"]).exits(0);
    site.advance_to(50.0);
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    // What was gone around stands in nobody's way any more, and nobody means it.
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    site.home.run(["rollback", "--yes"]).exits(3).says("no keeper runs here");
    let _next = site.home.run_plan(&plan, "alice");
    assert_eq!(site.home.runs().len(), 3);
}

#[test]
fn a_journal_of_garbage_is_refused_and_the_balancer_tells() {
    refused_with_a_way_on(garbage, "not a database");
}

/// What `warroom adopt` refuses is not taken over by a run that begins either.
#[test]
fn a_balancer_that_holds_what_nobody_may_adopt_begins_no_run() {
    let (site, plan, run) = spoilt(garbage);
    // Rounded it is all on the candidate, and some of it is not.
    site.balancer.set(99.96);
    let begin = || Running::start(&mut site.home.command(args(&["run", "PLAN", "--from-balancer"], &plan))).finish();
    begin().exits(1).says("leaves some traffic on stable").says(&format!("warroom rollback {run} --direct"));
    site.balancer.refuse_reads(Some(503));
    begin().exits(3).says("the balancer cannot be read");
    let text = std::fs::read_to_string(&plan).expect("the plan");
    let headers = "headers = { Authorization = { env = \"WR_NOT_SET\" } }\ntimeout";
    std::fs::write(&plan, text.replacen("timeout", headers, 1)).expect("written");
    begin().exits(2).says("WR_NOT_SET");
    assert_eq!(site.home.runs(), [run]);
}

#[test]
fn a_journal_cut_to_nothing_is_not_taken_for_a_new_one() {
    let cut = |journal: &Path| {
        garbage(journal);
        std::fs::write(journal, "").expect("cut");
    };
    refused_with_a_way_on(cut, "empty, and was not");
}

#[test]
fn a_journal_with_a_spoilt_entry_is_refused() {
    let spoil = |journal: &Path| {
        let connection = rusqlite::Connection::open(journal).expect("opens");
        connection.execute("UPDATE entries SET body = '{\"half' WHERE number = 3", []).expect("spoilt");
    };
    refused_with_a_way_on(spoil, "entry 3 cannot be read");
}

/// Zeroes the first page of a table.
fn lose(journal: &Path, table: &str) {
    const PAGE_BYTES: usize = 4096;
    let connection = rusqlite::Connection::open(journal).expect("opens");
    let root = "SELECT rootpage FROM sqlite_master WHERE name = ?1";
    let root: u32 = connection.query_row(root, [table], |row| row.get(0)).expect("the table");
    // Whoever closes it last leaves one file.
    drop(connection);
    let mut bytes = std::fs::read(journal).expect("reads");
    bytes[(root as usize - 1) * PAGE_BYTES..][..PAGE_BYTES].fill(0);
    std::fs::write(journal, bytes).expect("writes");
}

#[test]
fn a_journal_without_its_page_of_entries_is_not_taken_for_a_new_one() {
    refused_with_a_way_on(|journal| lose(journal, "entries"), "malformed");
}

#[test]
fn a_journal_that_does_not_say_what_the_run_is_is_refused() {
    let spoil = |journal: &Path| {
        let connection = rusqlite::Connection::open(journal).expect("opens");
        connection.execute("UPDATE info SET value = '{\"half'", []).expect("spoilt");
    };
    refused_with_a_way_on(spoil, "what the run is cannot be read");
}

#[test]
fn a_run_whose_journal_is_damaged_is_meant_where_nobody_else_is() {
    let (site, _plan, run) = spoilt(|journal| lose(journal, "entries"));
    site.home.run(["rollback", "--yes"]).exits(0).says(&run).says("cannot be read: 1").says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
}

#[test]
fn a_journal_of_a_newer_version_is_refused() {
    let newer = |journal: &Path| {
        let connection = rusqlite::Connection::open(journal).expect("opens");
        connection.pragma_update(None, "user_version", SCHEMA_VERSION + 1).expect("newer");
    };
    refused_with_a_way_on(newer, "of a newer warroom");
}

#[test]
fn a_direct_rollback_needs_no_journal() {
    let (site, _plan, run) = spoilt(garbage);
    site.home.run(["rollback", &run, "--direct", "--yes"]).exits(0).says("going on without it").says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
}

#[test]
fn a_journal_that_can_be_read_is_not_gone_around() {
    let (site, plan, run) = spoilt(|_| {});
    site.home.run(args(&["run", "PLAN", "--from-balancer"], &plan)).exits(1).says("can be read");
    assert_eq!(site.home.runs(), [run]);
}

/// One journal of each version that was ever written, as its own program left it.
#[test]
fn a_journal_of_every_version_opens() {
    for version in 1..=SCHEMA_VERSION {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        let kept = format!("{}/tests/journals/version-{version}.db", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(&kept, &path).unwrap_or_else(|error| panic!("{kept}: {error}"));
        let before = Reader::open(&path).and_then(|reader| reader.entries()).expect("a reader reads it as it is");
        assert!(before.iter().any(|entry| matches!(entry.fact, Fact::Reached { step: 0 })), "{kept}");
        assert!(has_rollback(&before), "{kept}");
        let mut writer = Writer::open(&path).expect("a writer leads it to the newest version");
        let next = Entry { number: before.len() as u64 + 1, ..before[0].clone() };
        writer.append(std::iter::once(&next)).expect("it is written to");
        let reader = Reader::open(&path).expect("still a journal");
        assert_eq!(reader.info().expect("readable").expect("described").title.as_str(), "checkout @ test");
        let after = reader.entries().expect("readable");
        assert_eq!(after[..before.len()], before, "{kept}");
    }
}

// Clocks.

#[test]
fn a_keeper_that_stood_still_reads_again_and_holds() {
    let faulty = Faulty::at_ten();
    let pid = faulty.site.home.keeper_pid();
    signal(pid, Signal::STOP);
    // Not synchronisation: this is the gap itself, a little more than `CLOCK_GAP`.
    std::thread::sleep(Duration::from_secs(7));
    // Somebody else's hand, while it could not look.
    faulty.site.balancer.set(20.0);
    signal(pid, Signal::CONT);
    let status = faulty.when("it holds", |status| status["held"].is_object());
    assert!(status["held"]["why"].as_str().is_some_and(|why| why.contains("stood still")), "{}", status["held"]);
    assert_eq!(status["held"]["automatic"], true);
    let status = faulty.when("the balancer is read again", |status| status["drift"].is_object());
    assert_eq!(number(&status["split"]["configured_percent"]), 20.0);
    faulty.site.home.run(["resume", "--as", "alice"]);
    faulty.site.home.run(["advance", "--as", "alice"]).exits(1);
    assert_eq!(faulty.site.forward_posts(), 1);
}

/// A wall clock that somebody sets: the run holds, and the balancer is read again out of turn. Ages are the boot clock's,
/// so what was read before is as old as it was.
#[track_caller]
fn a_wall_clock_that_is_set(fault: &str) {
    let faulty = Faulty::at_ten_with(|text| text.replace("balancer = \"300ms\"", SELDOM));
    faulty.when("nothing is held", |status| status["held"].is_null());
    let reads = || faulty.site.balancer.asked().iter().filter(|asked| **asked == Asked::Read).count();
    let before = reads();
    faulty.fault(fault);
    let status = faulty.when("it holds", |status| status["held"].is_object());
    assert_eq!(status["held"]["automatic"], true);
    assert!(status["held"]["why"].as_str().is_some_and(|why| why.contains("clock was set")), "{}", status["held"]);
    assert_eq!(number(&status["split"]["configured_percent"]), 10.0);
    assert!(number(&status["split"]["configured_age_seconds"]) < 60.0, "ages are not of the wall clock");
    wait_until("the balancer is read again", || reads() > before);
    assert_eq!(faulty.site.forward_posts(), 1);
    faulty.site.home.ready();
    faulty.site.home.run(["resume", "--as", "alice"]).exits(0);
    faulty.site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(faulty.site.balancer.green(), 0.0);
}

#[test]
fn hazard_17_a_wall_clock_an_hour_ahead_holds() {
    a_wall_clock_that_is_set("wall 3600");
}

#[test]
fn hazard_17_a_wall_clock_an_hour_back_holds() {
    a_wall_clock_that_is_set("wall -3600");
}
