//! Several Unix users on one keeper's socket: who is let in, as whom, and what it takes to approve.
//!
//! Another user's process needs root to start it. Without root each test says what it did not check.

#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Home, PlanText, Running, Site, args, number, only_closed, steps, wait_until};

/// Users and a group that every Debian has.
const COLLEAGUE: &str = "daemon";
const STRANGER: &str = "nobody";
const GROUP: &str = "users";

fn is_root() -> bool {
    if nix::unistd::Uid::effective().is_root() {
        return true;
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "NOT CHECKED: {test} starts processes of other users, which needs root");
    false
}

/// Lets other users reach what is in this home besides its state, and the binary.
fn open(home: &Home) -> PathBuf {
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).expect("our own folder");
    let binary = home.path().join("warroom");
    // The build's own folder may be closed to them.
    std::fs::copy(support::BINARY, &binary).expect("a copy of the binary");
    binary
}

/// A run whose plan lets the group in, driven by alice, who is root; and the binary for everybody.
#[track_caller]
fn shared(change: impl FnOnce(&mut PlanText)) -> (Site, PathBuf, Running, PathBuf) {
    let site = Site::new();
    let binary = open(&site.home);
    let mut plan = site.plan();
    plan.more = format!("[access]\ngroup = \"{GROUP}\"\n");
    change(&mut plan);
    let path = site.write(&plan);
    let console = site.home.run_plan(&path, "alice");
    (site, path, console, binary)
}

/// A command of the binary as another user, with the run's group or with none.
fn start<A: AsRef<OsStr>>(
    site: &Site,
    binary: &Path,
    user: &str,
    group: Option<&str>,
    args: impl IntoIterator<Item = A>,
) -> Running {
    let user = nix::unistd::User::from_name(user).expect("users can be read").expect("a user of every Debian");
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
    command.arg(group.map_or_else(|| "--clear-groups".to_owned(), |group| format!("--groups={group}")));
    command.arg(binary).args(args).current_dir("/").env("WARROOM_STATE_DIR", site.home.state());
    Running::start(command.env_remove("XDG_RUNTIME_DIR"))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_colleague_of_the_group_attaches_holds_and_rolls_back() {
    if !is_root() {
        return;
    }
    let (site, path, _console, binary) = shared(|_| {});
    let colleague = |words: &[&str]| start(&site, &binary, COLLEAGUE, Some(GROUP), args(words, &path));
    colleague(&["status", "--json"]).finish().exits(0);
    site.advance_to(10.0);
    let console = colleague(&["attach"]);
    wait_until("the colleague is seen under the own login", || site.home.history().contains(COLLEAGUE));
    assert_eq!(site.home.status()["driver"]["name"], "alice", "looking takes no seat");

    colleague(&["advance"]).finish().exits(1).says("only the driver");
    colleague(&["hold"]).finish().exits(0);
    assert_eq!(site.home.phase("held")["held"]["by"], COLLEAGUE);
    colleague(&["resume"]).finish().exits(1).says("only the driver");
    // By the plan's file it is found as well, from any state folder.
    colleague(&["rollback", "PLAN", "--yes", "--reason", "seen enough"]).finish().exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    let status = site.home.phase("rolled_back");
    assert_eq!((&status["rollback"]["by"], &status["rollback"]["reason"]), (&COLLEAGUE.into(), &"seen enough".into()));
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    console.finish().exits(4);
}

#[test]
fn a_claimed_name_of_another_user_is_shown_with_its_login() {
    if !is_root() {
        return;
    }
    let (site, _path, _console, binary) = shared(|_| {});
    site.home.ready();
    start(&site, &binary, COLLEAGUE, Some(GROUP), ["hold", "--as", "bob"]).finish().exits(0);
    let history = site.home.history();
    assert!(history.contains(&format!("bob ({COLLEAGUE}, unverified)")), "{history}");
}

#[test]
fn a_stranger_is_shut_out() {
    if !is_root() {
        return;
    }
    let (site, path, _console, binary) = shared(|_| {});
    site.advance_to(10.0);
    let before = site.home.history();
    // Nobody is in the group, and a colleague only through the group.
    for user in [STRANGER, COLLEAGUE] {
        let stranger = |words: &[&str]| start(&site, &binary, user, None, args(words, &path)).finish();
        for words in [&["status"][..], &["hold"], &["rollback", "--yes"], &["take"], &["log"]] {
            let ran = stranger(words);
            assert_ne!(ran.code, 0, "{user} {words:?}: {}", ran.all());
            assert!(ran.all().to_lowercase().contains("permission denied"), "{user} {words:?}: {}", ran.all());
        }
        for words in [&["status", "PLAN"][..], &["hold", "PLAN"], &["take", "PLAN"]] {
            stranger(words).exits(3).says("Permission denied");
        }
    }
    assert_eq!(site.home.history(), before, "nobody has seen them");
    assert!((site.balancer.green() - 10.0).abs() < 0.01);
}

#[test]
fn a_program_that_only_another_user_may_start_is_an_error_of_the_plan() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    let binary = open(&site.home);
    let program = site.home.write("smoke.sh", "#!/bin/sh\n");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o744)).expect("our own file");
    let mut plan = site.plan();
    plan.more = "[[hooks]]\nname = \"smoke\"\nsays = \"asks everything\"\nrun = [\"./smoke.sh\"]\n".to_owned();
    let path = site.write(&plan);
    site.home.run(args(&["plan", "PLAN"], &path)).exits(0);
    let stranger = start(&site, &binary, STRANGER, None, args(&["plan", "PLAN"], &path)).finish().exits(2);
    stranger.says("smoke.sh is not executable by this user");
}

#[test]
fn what_a_group_may_use_is_the_socket_and_nothing_else() {
    if !is_root() {
        return;
    }
    let (site, _path, _console, binary) = shared(|_| {});
    let gid = nix::unistd::Group::from_name(GROUP).expect("groups can be read").expect("a group").gid.as_raw();
    let sockets = site.home.state().join("sockets");
    let socket = std::fs::read_dir(&sockets).expect("a folder").flatten().next().expect("the socket").path();
    for (path, wanted) in [(site.home.state(), 0o710), (sockets, 0o750), (socket, 0o660)] {
        assert_eq!(mode(&path), wanted, "{}", path.display());
        assert_eq!(std::fs::metadata(&path).expect("it is there").gid(), gid, "{}", path.display());
    }
    assert_eq!(mode(&site.home.state().join("runs")), 0o700, "journals and logs stay the owner's");
    let ran = start(&site, &binary, COLLEAGUE, Some(GROUP), ["log"]).finish();
    assert!(ran.code != 0 && ran.all().contains("ermission denied"), "the journal is not theirs: {}", ran.all());
}

#[test]
fn an_approval_takes_two_users_where_the_plan_says_so() {
    if !is_root() {
        return;
    }
    let (site, _path, _console, binary) = shared(|plan| {
        plan.steps = "[[steps]]\nsplit = \"10 %\"\nbake = \"0s\"\napproval = \"decision authority\"\n".to_owned()
            + &steps(&["100 %"]);
        plan.more += "approver_is_another_user = true\n";
    });
    let colleague = |words: &[&str]| start(&site, &binary, COLLEAGUE, Some(GROUP), words).finish();
    site.home.status_when("only the approval is missing", |status| only_closed(status, "approval"));
    site.home.run(["approve", "--as", "carol"]).exits(1).says("another user").says("root");
    colleague(&["approve", "--as", "alice"]).exits(1).says("driver cannot approve");
    site.home.run(["advance", "--as", "alice"]).exits(1).says("decision authority");
    colleague(&["approve"]).exits(0);

    // The one who approved takes the seat: now it is their own step, and their word alone is not enough.
    colleague(&["take"]).exits(0);
    colleague(&["advance"]).exits(1).says("decision authority");
    colleague(&["approve", "--as", "carol"]).exits(1).says("another user");
    assert_eq!(site.forward_posts(), 0);
    site.home.run(["approve", "--as", "alice"]).exits(0);
    site.home.ready();
    colleague(&["advance"]).exits(0);
    assert_eq!(number(&site.home.status()["split"]["wanted_percent"]), 10.0);
}

#[test]
fn a_group_that_could_not_come_in_is_said_at_the_start() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    let mut plan = site.plan();
    let begin = |text: &str| site.home.run(args(&["run", "PLAN"], &site.home.write("plan.toml", text)));
    plan.more = "[access]\ngroup = \"nosuchgroup\"\n".into();
    begin(&plan.text()).exits(2).says("no such group");
    // The home itself is its owner's only here, and it is not ours to open.
    std::fs::set_permissions(site.home.path(), std::fs::Permissions::from_mode(0o700)).expect("our own folder");
    plan.more = format!("[access]\ngroup = \"{GROUP}\"\n");
    let home = site.home.path().display().to_string();
    begin(&plan.text()).exits(2).says(&home).says("lets nobody").says("WARROOM_STATE_DIR");
    assert_eq!(mode(site.home.path()), 0o700);
}
