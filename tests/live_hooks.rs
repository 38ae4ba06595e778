//! The operator's own programs under the real keeper and the real console: real scripts, good and bad.

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use support::{
    BINARY, HungFile, PlanText, Running, Site, Terminal, gate, is_open, is_running, signal, wait_for, wait_until,
};

/// Scripts by name, and the keys of each hook besides name, purpose and program.
type Hook<'h> = (&'h str, &'h str, &'h str);

/// A run whose plan has these programs, driven by alice.
fn running(hooks: &[Hook<'_>]) -> (Site, PathBuf, Running) {
    let site = Site::new();
    let mut plan: PlanText = site.plan();
    for (name, script, keys) in hooks {
        let path = site.home.write(&format!("{name}.sh"), &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
        plan.more += &format!(
            "[[hooks]]\nname = \"{name}\"\nsays = \"what {name} is for\"\nrun = [\"./{name}.sh\", \"{{candidate_url}}\"]\n{keys}\n"
        );
    }
    let path = site.write(&plan);
    let console = site.home.run_plan(&path, "alice");
    (site, path, console)
}

fn hook<'s>(status: &'s Value, name: &str) -> &'s Value {
    let hooks = status["hooks"].as_array().expect("hooks");
    hooks.iter().find(|hook| hook["name"] == name).unwrap_or_else(|| panic!("no hook {name}: {hooks:#?}"))
}

fn state(site: &Site, name: &str) -> String {
    hook(&site.home.status(), name)["state"].as_str().unwrap_or_default().to_owned()
}

/// The processes that a script has written down.
fn written_pids(site: &Site, name: &str, count: usize) -> Vec<u32> {
    wait_for("the script says who it is", support::SOON, || {
        let text = std::fs::read_to_string(site.home.path().join(name)).unwrap_or_default();
        let pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        (pids.len() >= count).then_some(pids)
    })
}

fn all_gone(pids: &[u32]) {
    wait_until("everybody of its process group is gone", || pids.iter().all(|pid| !is_running(*pid)));
}

/// A console of the run on a terminal of its own.
fn console(site: &Site, name: &str) -> Terminal {
    let state = site.home.state().display().to_string();
    let terminal = Terminal::start(
        Path::new(BINARY),
        ["attach", "--as", name],
        site.home.path(),
        &[("WARROOM_STATE_DIR", &state)],
    );
    terminal.shows("5 LOG");
    terminal
}

/// Ignores what can be ignored, has a child that does too, and writes both down.
const STUBBORN: &str = "trap '' TERM HUP INT; echo $$ >pids; (trap '' TERM HUP INT; sh -c 'echo $PPID' >>pids; sleep 300) & \
                        echo begun; sleep 300";

#[test]
fn a_step_waits_for_its_program_and_what_it_says_is_told_and_kept() {
    let passes = "echo asking $1 as $WARROOM_BY of $WARROOM_NAME; echo home is ${HOME:-none} >&2; echo 40 of 40 good";
    let fails = "echo 39 of 40 good; echo 'GET /api/agents: 503' >&2; exit 2";
    let (site, plan, _console) =
        running(&[("smoke", passes, "required_before = \"first\""), ("broken", fails, ""), ("later", "exit 0", "")]);
    site.home.status_when("only the hook's gate is closed", |status| support::only_closed(status, "smoke"));
    site.home.run(["advance", "--as", "alice"]).exits(1).says("smoke: has not run: warroom hook smoke");
    site.home.run(["hook", "smoke", "--as", "bob"]).exits(1).says("only the driver may run a hook");
    site.home.run(["hook"]).exits(0).says("what smoke is for").says("has not run: warroom hook smoke");
    let checked = site.home.run(support::args(&["check", "PLAN"], &plan)).exits(0);
    checked.says("NOT RUN smoke                     programs are not run here; 10% waits for it").says("GO ");
    site.home.run(["hook", "smok", "--as", "alice"]).exits(1).says("it has smoke, broken, later");
    let ran = site.home.run(["hook", "smoke", "--as", "alice"]).exits(0);
    let url = format!("| asking http://{} as alice of checkout", site.green.address());
    let ran = ran.says(&url).says("| 40 of 40 good").says("smoke passed");
    assert!(!ran.all().contains("home is none"), "the few variables that every program needs are there");

    let status = site.home.status();
    assert!(is_open(gate(&status, "smoke")), "{status:#?}");
    let smoke = hook(&status, "smoke");
    assert_eq!((&smoke["state"], &smoke["exit_code"], &smoke["by"]), (&"passed".into(), &0.into(), &"alice".into()));
    assert_eq!((&smoke["lines_printed"], &smoke["required_before_percent"]), (&3.into(), &10.0.into()));
    assert_eq!(hook(&status, "later")["state"], "never");
    site.advance_to(10.0);

    let failed = site.home.run(["hook", "broken", "--as", "alice"]).exits(1);
    failed.says("| GET /api/agents: 503").says("broken failed (exit 2)");
    let run = site.run_id();
    let log = site.home.run(["log", &run]).exits(0);
    log.says("alice (")
        .says("runs broken: broken.sh {candidate_url}")
        .says("broken failed (exit 2)")
        .says("    | 39 of 40 good");
    site.home.run(["log", &run, "--markdown"]).exits(0).says("<br>`39 of 40 good`");
}

#[test]
fn at_its_timeout_everybody_it_started_is_ended() {
    let (site, _plan, _console) = running(&[("hangs", STUBBORN, "timeout = \"1s\"")]);
    let ran = site.home.run(["hook", "hangs", "--as", "alice"]).exits(1);
    ran.says("| begun").says("hangs failed (not done within 1s)");
    all_gone(&written_pids(&site, "pids", 2));
    assert_eq!(state(&site, "hangs"), "failed");
}

#[test]
fn anybody_ends_it_with_everybody_it_started() {
    let (site, _plan, _console) = running(&[("long", STUBBORN, "")]);
    let waiting = site.home.start(["hook", "long", "--as", "alice"]);
    let pids = written_pids(&site, "pids", 2);
    site.home.run(["hook", "long", "--as", "alice"]).exits(1).says("long is running since");
    site.home
        .run(["end", "--yes", "--as", "alice"])
        .exits(1)
        .says("long is running: wait for it, or warroom hook --stop");
    site.home.run(["hook", "long", "--stop", "--as", "bob"]).exits(0).says("bob");
    waiting.finish().exits(1).says("long was stopped");
    all_gone(&pids);
    site.home.run(["hook", "long", "--stop", "--as", "bob"]).exits(0).says("long is not running");
}

#[test]
fn one_that_does_not_stop_writing_is_ended() {
    let (site, _plan, _console) = running(&[("endless", "echo $$ >pids; yes", "")]);
    let ran = site.home.run(["hook", "endless", "--as", "alice"]).exits(1);
    ran.says("| y").says("endless failed (it did not stop writing)");
    all_gone(&written_pids(&site, "pids", 1));
}

#[test]
fn what_it_prints_is_shown_and_obeyed_by_nobody() {
    let hostile = r"printf '\033[2J\033]52;c;aGk=\007\033]0;owned\007 \033[31mred\033[0m\n'; printf 'forged\r12:00:00Z alice advances\n'";
    let (site, _plan, _console) = running(&[("hostile", hostile, "")]);
    let mut terminal = console(&site, "alice");
    terminal.press(":run hostile\r");
    terminal.shows("hostile passed");
    terminal.press("\r");
    terminal.shows("^[[2J");
    let raw = terminal.raw();
    let has = |bytes: &[u8]| raw.windows(bytes.len()).any(|window| window == bytes);
    assert!(!has(b"\x1b]52;c;aGk=") && !has(b"\x1b]0;owned"), "nothing of it reaches the terminal as it was written");
    let json = site.home.run(["log", &site.run_id(), "--json"]).exits(0);
    assert!(json.out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", json.out);
}

#[test]
fn under_ten_thousand_lines_a_second_a_rollback_is_taken_and_confirmed() {
    // Kept up for longer than the test, and below the most that it may write.
    let floods = "while :; do seq 1000; sleep 0.1; done";
    let (site, _plan, _console) = running(&[("floods", floods, "timeout = \"10m\"")]);
    site.home.ready();
    site.advance_to(10.0);
    let mut terminal = console(&site, "alice");
    terminal.press(":run floods\r");
    // The tail is seen while it runs.
    terminal.shows("floods");
    terminal.shows("| 1000");
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    let status =
        site.home.status_when("the rollback is confirmed", |status| !status["rollback"]["confirmed"].is_null());
    assert_eq!(hook(&status, "floods")["state"], "running", "beside it");
    assert!(site.balancer.green() < 0.01);
    assert_eq!(status["rollback"]["attempts"], 1);
    assert!(status["violation"].is_null());
    site.home.run(["hook", "floods", "--stop", "--as", "bob"]).exits(0);
    site.home.status_when("it is stopped", |status| hook(status, "floods")["state"] == "unknown");
}

#[test]
fn with_its_keeper_ends_what_it_had_running_and_the_next_one_says_so() {
    for how in [Signal::KILL, Signal::TERM] {
        let (site, plan, _console) = running(&[("long", STUBBORN, "")]);
        let waiting = site.home.start(["hook", "long", "--as", "alice"]);
        let pids = written_pids(&site, "pids", 2);
        let keeper = site.home.keeper_pid();
        signal(keeper, how);
        wait_until("the keeper ends", || !is_running(keeper));
        waiting.finish().exits(5);
        all_gone(&pids);
        let _again = site.home.run_plan(&plan, "alice");
        let status =
            site.home.status_when("the next keeper says so", |status| hook(status, "long")["state"] == "unknown");
        let words = hook(&status, "long")["words"].as_str().unwrap_or_default().to_owned();
        assert!(words.contains("nobody knows how: the keeper ended while it ran"), "{words}");
        let history = site.home.history();
        assert_eq!(history.matches("the keeper ended while it ran").count(), 1, "{history}");
    }
}

#[test]
fn secrets_are_in_nothing_that_is_shown_and_a_missing_one_stops_only_its_program() {
    let tells = "echo the token is $TOKEN";
    let (site, _plan, _console) = running(&[
        ("tells", tells, "env = { TOKEN = { file = \"token\" } }"),
        ("lacks", tells, "env = { TOKEN = { env = \"WARROOM_TEST_NOT_SET\" } }"),
    ]);
    site.home.run(["hook", "tells", "--as", "alice"]).exits(1).says("tells was not started: env.TOKEN: the file");
    site.home.write("token", "s3cr3t-of-mine\n");
    let ran = site.home.run(["hook", "tells", "--as", "alice"]).exits(0).says("| the token is ***");
    let missing = site.home.run(["hook", "lacks", "--as", "alice"]).exits(1);
    missing.says("lacks was not started: env.TOKEN: the environment variable WARROOM_TEST_NOT_SET is not set");
    let status = site.home.status().to_string();
    let everything = [ran.all(), status, site.home.history()].concat();
    assert!(!everything.contains("s3cr3t"), "{everything}");
    site.home.ready();
}

#[test]
fn a_secret_on_a_disk_that_hangs_stops_its_program_and_nothing_else() {
    let tells = "echo the token is $TOKEN";
    let (site, _plan, _console) = running(&[("tells", tells, "env = { TOKEN = { file = \"token\" } }")]);
    let hung = HungFile::at(&site.home.path().join("token"));
    let ran = site.home.run(["hook", "tells", "--as", "alice"]).exits(1);
    ran.says("tells was not started: env.TOKEN: the file").says("its disk does not answer");
    hung.mend("s3cr3t-of-mine\n");
    site.home.run(["hook", "tells", "--as", "alice"]).exits(0).says("| the token is ***");
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
}

#[test]
fn what_asks_first_asks_on_both_ways() {
    let (site, _plan, _console) = running(&[("scale-up", "touch scaled", "asks = true")]);
    site.home.run(["hook", "scale-up", "--as", "alice"]).exits(2).says("without a terminal this needs --yes");
    assert_eq!(state(&site, "scale-up"), "never");
    let mut terminal = console(&site, "alice");
    terminal.press(":run scale-up\r");
    terminal.shows("runs scale-up.sh");
    terminal.press("n");
    terminal.shows("cancelled");
    assert_eq!(state(&site, "scale-up"), "never");
    terminal.press(":run scale-up\r");
    terminal.confirm("runs scale-up.sh");
    site.home.status_when("it ran", |status| hook(status, "scale-up")["state"] == "passed");
    site.home.run(["hook", "scale-up", "--yes", "--as", "alice"]).exits(0);
}
