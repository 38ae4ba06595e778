//! A cutover by scripts on a real HAProxy, driven by the real binary: what a script does wrong is seen, and nothing of
//! it acts later.

#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use support::{
    BINARY, Haproxy, Home, HungFile, Running, Scripted, Terminal, World, below, gate, get, need, number, post, signal,
    wait_until,
};
use warroom::plan::{load_file, rescue_card};

/// A script in front of HAProxy, with a state folder and a plan that has the script beside it.
struct Site {
    home: Home,
    lb: Scripted,
    plan: PathBuf,
}

/// `None` where a server is missing; that was said.
#[track_caller]
fn site(splits: &[&str], timeout: &str) -> Option<Site> {
    site_with(splits, timeout, |text| text)
}

#[track_caller]
fn site_with(splits: &[&str], timeout: &str, change: impl FnOnce(String) -> String) -> Option<Site> {
    if !need("haproxy") || !need("socat") {
        return None;
    }
    let (home, lb) = (Home::new(), Scripted::start());
    Scripted::put_script(home.path());
    let plan = home.write("plan.toml", &change(lb.plan(splits, timeout)));
    Some(Site { home, lb, plan })
}

impl Site {
    #[track_caller]
    fn run(&self) -> Running {
        self.home.run_plan(&self.plan, "alice")
    }

    /// Begins the next step, whose `set` goes wrong in this way, and waits until it runs.
    #[track_caller]
    fn step_that(&self, mode: &str) -> Running {
        let before = self.lb.sets().len();
        self.home.ready();
        self.lb.mode("set", mode);
        let advancing = self.home.start(["advance", "--as", "alice"]);
        self.lb.until_sets(before + 1);
        advancing
    }

    /// Whoever was to act later is let go: there must be nobody, and the weights stay.
    #[track_caller]
    fn nothing_acts_later(&self, weights: (u32, u32)) {
        let left = self.lb.processes();
        let is_set =
            |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c.contains("\0set\0"));
        assert!(!left.iter().any(is_set), "still there: {left:?}");
        self.lb.let_go();
        assert_eq!(self.lb.weights(), weights);
    }
}

const BACK: (u32, u32) = (100, 0);

// The whole way.

/// `config/command.toml` on a real HAProxy and the embedded world's two apps.
struct Sample {
    home: Home,
    world: World,
    haproxy: Haproxy,
    plan: PathBuf,
}

impl Sample {
    #[track_caller]
    fn new() -> Self {
        let home = Home::new();
        let world = World::start(&home, "healthy", "1", "40");
        let haproxy =
            Haproxy::start(&[("green1", world.stable.clone(), 100), ("blue1", world.candidate.clone(), 0)], "admin");
        std::fs::create_dir(home.path().join("command")).expect("a folder");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/config/command/haproxy.sh");
        std::os::unix::fs::symlink(script, home.path().join("command/haproxy.sh")).expect("a link");
        let changes = [
            ("/run/haproxy.sock", haproxy.socket().display().to_string()),
            ("balancer = \"lb1\"", format!("balancer = \"{}\"", home.path().display())),
            ("http://app.example.com/health", format!("http://{}/health", haproxy.front())),
            ("green-app:3000", world.stable.clone()),
            ("blue-app:3000", world.candidate.clone()),
            ("bake = \"60s\"", "bake = \"1s\"".to_owned()),
            ("bake = \"120s\"", "bake = \"1s\"".to_owned()),
            ("lateness = \"5s\"", "lateness = \"1s\"".to_owned()),
        ];
        let text = changes.into_iter().fold(include_str!("../config/command.toml").to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, &to)
        });
        let plan = home.write("command.toml", &text);
        Self { home, world, haproxy, plan }
    }

    /// The world's load goes by its own proxy: it does what HAProxy was told.
    #[track_caller]
    fn flow(&self, blue: u32) {
        let body = format!("{{\"blue\":{},\"green\":{blue}}}", 100 - blue);
        assert_eq!(post(&self.world.proxy, "/api/traffic", &body).expect("an answer").status, 200);
    }

    #[track_caller]
    fn weights(&self) -> (u32, u32) {
        let weights = self.haproxy.weights();
        (weights["green1"], weights["blue1"])
    }
}

#[test]
fn the_sample_plan_goes_up_and_back_by_keys_on_a_console() {
    if !need("haproxy") || !need("socat") {
        return;
    }
    let sample = Sample::new();
    let (plan, state) = (sample.plan.display().to_string(), sample.home.state().display().to_string());
    let variables = [("WARROOM_STATE_DIR", state.as_str())];
    let args = ["run", plan.as_str(), "--as", "alice"];
    let mut console = Terminal::start(BINARY.as_ref(), args, sample.home.path(), &variables);
    console.shows("press A, then y, for 50%");
    console.press("A");
    console.confirm("ADVANCE TO 50%");
    wait_until("half is on the candidate", || sample.weights() == (50, 50));
    sample.flow(50);
    console.shows("configured 50.0%");
    console.shows("next: 100%, press A");
    console.press("A");
    console.confirm("ADVANCE TO 100%");
    wait_until("all is on the candidate", || sample.weights() == (0, 100));
    sample.flow(100);
    console.shows("configured 100.0%");
    sample.home.phase("complete");
    console.press("R");
    console.confirm("ROLL BACK NOW");
    wait_until("all is back", || sample.weights() == BACK);
    sample.flow(0);
    console.shows("ROLLED BACK");
    assert_eq!(sample.home.phase("rolled_back")["rollback"]["confirmed"], true);
    // One of the world's answers in a thousand is a 500: who answers is what counts.
    for _ in 0..50 {
        let answer = get(&sample.haproxy.front(), "/health").expect("an answer through haproxy");
        assert_eq!(answer.header("X-Backend-Server"), Some("green1"), "{answer:?}");
    }
}

#[test]
fn check_asks_the_script_and_starts_nothing_else() {
    let Some(site) = site(&["10 %", "100 %"], "5s") else { return };
    let plan = site.plan.display().to_string();
    site.home.run(["check", &plan]).exits(0).says("at 0%");
    site.lb.mode("get", "code 7");
    site.home.run(["check", &plan]).exits(1).says("get: exit code 7: no: 7");
    std::fs::remove_file(site.home.path().join("lb.sh")).expect("removed");
    site.home.run(["check", &plan]).exits(2).says("lb.sh: No such file");
    assert_eq!(site.lb.sets().len(), 0);
}

#[test]
fn the_rescue_card_brings_all_traffic_back() {
    let Some(site) = site_with(&["10 %", "100 %"], "5s", |text| {
        text.replace("LB_BACKEND = \"app\"", "LB_BACKEND = { env = \"WR_BACKEND\" }")
    }) else {
        return;
    };
    site.lb.haproxy.ask("set server app/green1 weight 70").expect("an answer");
    let card = rescue_card(&load_file(&site.plan).unwrap_or_else(|errors| panic!("{errors}")));
    let run = |name: &str| Command::new("/bin/sh").args(["-c", &card]).env(name, "app").output().expect("a shell");
    assert!(!run("WR_OTHER").status.success(), "a variable that is missing is not empty");
    assert_eq!(site.lb.weights(), (100, 70));
    let output = run("WR_BACKEND");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(r#"{"stable":100,"candidate":0}"#), "{card}\n{output:?}");
    assert_eq!(site.lb.weights(), BACK);
}

// What `set` can do wrong.

#[test]
fn a_rollback_into_a_set_that_hangs_ends_it_first() {
    let Some(site) = site(&["10 %", "100 %"], "8s") else { return };
    let _console = site.run();
    let advancing = site.step_that("deaf");
    let older = site.lb.processes();
    assert!(!older.is_empty());
    site.lb.mode("set", "");
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    site.lb.until_sets(2);
    // The newer one says in its first line that it has begun.
    assert!(older.iter().all(|pid| !support::is_running(*pid)), "the older one is dead before");
    rolling.finish().exits(0);
    advancing.finish();
    assert_eq!(site.lb.sets(), ["90 10", "100 0"]);
    site.nothing_acts_later(BACK);
    assert_eq!(site.home.phase("rolled_back")["rollback"]["attempts"], 1);
}

#[test]
fn a_rollback_that_hangs_itself_is_sent_again_and_the_first_is_ended() {
    let Some(site) = site(&["10 %", "100 %"], "2s") else { return };
    let _console = site.run();
    site.home.advance("alice").exits(0);
    site.lb.mode("set", "deaf");
    let rolling = site.home.start(["rollback", "--yes", "--as", "alice"]);
    let status = site.home.status_when("the hang is said", |status| {
        status["rollback"]["last_error"].as_str().is_some_and(|error| error.contains("timed out after 2s, and ended"))
    });
    assert_eq!(status["phase"], "rolling_back");
    site.lb.mode("set", "");
    rolling.finish().exits(0);
    site.nothing_acts_later(BACK);
}

#[test]
fn at_the_timeout_a_script_ends_with_all_that_it_started() {
    let Some(site) = site(&["10 %", "100 %"], "1s") else { return };
    let _console = site.run();
    let advancing = site.step_that("fork");
    advancing.finish().exits(1);
    site.nothing_acts_later(BACK);
    let history = site.home.history();
    assert!(history.contains("set: timed out after 1s, and ended"), "{history}");
    let status = site.home.phase("held");
    assert_eq!(number(&status["split"]["configured_percent"]), 0.0);
    site.lb.mode("set", "");
    site.home.run(["resume", "--as", "alice"]).exits(0);
    site.home.advance("alice").exits(0);
    assert_eq!(site.lb.weights(), (90, 10));
}

#[test]
fn what_a_good_script_leaves_running_ends_with_it() {
    let Some(site) = site(&["10 %", "100 %"], "5s") else { return };
    let _console = site.run();
    site.step_that("leave").finish().exits(0);
    site.nothing_acts_later((90, 10));
}

#[test]
fn a_keeper_that_is_killed_leaves_no_script() {
    let Some(site) = site(&["10 %", "100 %"], "8s") else { return };
    let console = site.run();
    let _advancing = site.step_that("deaf");
    assert!(!site.lb.processes().is_empty());
    // The console would start another keeper, whose own scripts these then were.
    console.signal(Signal::KILL);
    site.home.kill_keeper();
    wait_until("nobody is left", || site.lb.processes().is_empty());
    site.nothing_acts_later(BACK);
}

#[test]
fn each_ending_of_set_is_said_for_what_it_is() {
    let Some(site) = site(&["10 %", "100 %"], "5s") else { return };
    let _console = site.run();
    for (mode, words) in [("code 2", "set: exit code 2: no: 2"), ("code 7", "set: exit code 7: no: 7")] {
        site.step_that(mode).finish().exits(1);
        let history = site.home.history();
        assert!(history.contains(words), "{words} is not in {history}");
        assert_eq!(site.lb.weights(), BACK);
        site.lb.mode("set", "");
        site.home.phase("held");
        site.home.run(["resume", "--as", "alice"]).exits(0);
    }
    let _advancing = site.step_that("half");
    // Half-applied: 100 and 10 do not make 100, so nobody knows, and nothing goes forward.
    let status = site.home.status_when("it is not known", |status| gate(status, "balancer")["verdict"] == "unknown");
    let detail = gate(&status, "balancer")["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("stable 100 and candidate 10 do not make 100"), "{detail}");
    assert!(site.home.history().contains("set: exit code 1: the second one refuses"));
    site.lb.mode("set", "");
    site.home.run(["rollback", "--yes", "--as", "bob"]).exits(0);
    assert_eq!(site.lb.weights(), BACK);
}

#[test]
fn a_set_that_only_says_so_is_not_believed() {
    let Some(site) = site(&["10 %", "100 %"], "5s") else { return };
    let _console = site.run();
    site.step_that("lie").finish().exits(1);
    let status = site.home.status();
    assert_ne!(status["step"], 1, "{status:#?}");
    assert_eq!(number(&status["split"]["configured_percent"]), 0.0);
    assert_eq!(status["phase"], "held");
}

// What `get` can do wrong.

#[test]
fn what_get_prints_besides_is_unknown_and_locks_the_next_step() {
    let Some(site) = site(&["10 %", "100 %"], "2s") else { return };
    let _console = site.run();
    for (mode, words) in [
        ("html", "no JSON that can be read"),
        ("huge", "more than can be an answer"),
        ("escape", "^[[2J"),
        ("twice", "no JSON that can be read"),
        ("code 0", "no JSON that can be read"),
        ("code 3", "get: exit code 3"),
        ("hang", "timed out after 2s"),
    ] {
        site.home.ready();
        site.lb.mode("get", mode);
        let status = site.home.status_when(mode, |status| {
            let gate = gate(status, "balancer");
            gate["verdict"] == "unknown" && gate["detail"].as_str().is_some_and(|detail| detail.contains(words))
        });
        assert!(!status.to_string().contains('\u{1b}'), "{mode}");
        site.home.run(["advance", "--as", "alice"]).exits(1).says("balancer");
        site.lb.mode("get", "");
    }
    assert_eq!(site.lb.sets().len(), 0);
    // A balancer that cannot be read is rolled back all the same, once it was moved.
    site.home.advance("alice").exits(0);
    site.lb.mode("get", "html");
    let rolling = site.home.start(["rollback", "--yes", "--as", "alice"]);
    wait_until("it is written", || site.lb.weights() == BACK);
    site.lb.mode("get", "");
    rolling.finish().exits(0);
}

#[test]
fn somebody_elses_hand_is_drift() {
    let Some(site) = site(&["10 %", "100 %"], "5s") else { return };
    let _console = site.run();
    site.home.advance("alice").exits(0);
    for command in ["set server app/blue1 weight 70", "set server app/green1 weight 30"] {
        site.lb.haproxy.ask(command).expect("an answer");
    }
    let status =
        site.home.status_when("the other hand is seen", |status| number_or(&status["drift"]["to_percent"]) == 30.0);
    assert_eq!(number(&status["drift"]["from_percent"]), 10.0);
    site.home.run(["advance", "--as", "alice"]).exits(1).says("drift");
    assert_eq!(site.lb.weights(), (70, 30), "drift is never fought");
}

fn number_or(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

// Secrets and surroundings.

#[test]
fn a_script_gets_what_the_plan_names_and_its_secrets_are_seen_nowhere() {
    const TOKEN: &str = "s3cr3t-of-the-script-4711";
    let made = site_with(&["10 %", "100 %"], "5s", |text| {
        text.replace("LB_BACKEND = \"app\"", "LB_BACKEND = \"app\"\nLB_TOKEN = { env = \"WR_TOKEN\" }")
    });
    let Some(mut site) = made else { return };
    site.home.env = vec![
        ("WR_TOKEN".to_owned(), TOKEN.to_owned()),
        ("WR_SEEDED".to_owned(), "by-the-keeper".to_owned()),
        ("WARROOM_LOG".to_owned(), "trace".to_owned()),
    ];
    let _console = site.run();
    let advanced = site.step_that("env").finish().exits(1);
    let got = site.lb.file("env");
    assert!(got.contains(&format!("LB_TOKEN={TOKEN}")) && got.contains("WARROOM_CANDIDATE=10\n"), "{got}");
    for kept in ["WR_SEEDED", "WR_TOKEN", "WARROOM_STATE_DIR", "WARROOM_LOG"] {
        assert!(!got.contains(kept), "{kept} reached the script: {got}");
    }
    // It printed its token on both streams; what is shown has neither.
    let seen = [advanced.all(), site.home.history(), site.home.status().to_string()];
    assert!(seen[1].contains("set: exit code 1: with ***"), "{}", seen[1]);
    assert!(seen.iter().all(|text| !text.contains(TOKEN)), "{seen:?}");
    for file in below(&site.home.state()).into_iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()), "{}", file.display());
    }
    site.home.env[0].1.clear();
    let plan = site.plan.display().to_string();
    site.home.run(["check", &plan]).exits(2).says("env.LB_TOKEN: the environment variable WR_TOKEN is not set");
}

/// What it writes is its owner's alone, whichever command runs it. A plan that is written for somebody is not ours.
#[test]
fn a_script_has_the_umask_077_whoever_starts_it() {
    let Some(site) = site(&["10 %", "100 %"], "5s") else { return };
    site.lb.mode("get", "mask");
    let loosely = |words: &str| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("umask 022; exec {BINARY} {words}")]).current_dir(site.home.path());
        Running::start(command.env("WARROOM_STATE_DIR", site.home.state())).finish()
    };
    loosely("check plan.toml");
    assert_eq!(site.lb.file("mask"), "0077\n");
    loosely("init own.toml").exits(0);
    let mode = std::fs::metadata(site.home.path().join("own.toml")).expect("a plan").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

// Without the keeper.

#[test]
fn a_direct_rollback_ends_what_a_stopped_keeper_has_begun() {
    let Some(site) = site(&["10 %", "100 %"], "8s") else { return };
    let _console = site.run();
    let _advancing = site.step_that("deaf");
    let older = site.lb.processes();
    let keeper = site.home.keeper_pid();
    signal(keeper, Signal::STOP);
    site.lb.mode("set", "");
    let ran = site.home.run(["rollback", "--yes", "--direct", "--as", "bob"]).exits(0);
    assert!(!ran.all().contains("failed"), "the first attempt is the last: {}", ran.all());
    assert!(older.iter().all(|pid| !support::is_running(*pid)), "{older:?}");
    assert_eq!(site.lb.weights(), BACK);
    signal(keeper, Signal::CONT);
    site.home.status_when("the keeper follows", |status| {
        ["rolling_back", "rolled_back"].contains(&status["phase"].as_str().unwrap_or_default())
    });
    site.nothing_acts_later(BACK);
}

/// The direct rollback was done elsewhere and left the weights as they were: the keeper finds its tombstone, has nothing to
/// send, and ends its own step all the same.
#[test]
fn a_tombstone_that_is_followed_ends_the_step_that_hangs() {
    let Some(site) = site(&["10 %", "100 %"], "50s") else { return };
    let _console = site.run();
    let advancing = site.step_that("deaf");
    let older = site.lb.processes();
    assert!(!older.is_empty());
    let run = site.home.status()["run"].as_str().expect("a run").to_owned();
    let stone = site.home.state().join("runs").join(run).join("rolled-back-directly.json");
    std::fs::write(stone, "{}").expect("written");
    site.home.status_when("the keeper follows", |status| status["phase"] == "rolling_back");
    wait_until("its own step is ended", || older.iter().all(|pid| !support::is_running(*pid)));
    site.nothing_acts_later(BACK);
    advancing.finish();
    assert_eq!(site.lb.sets(), ["90 10"]);
}

/// A plan whose `get` alone, or both of whose programs, have a token from the file beside it.
#[track_caller]
fn site_with_token(of: &str) -> Option<(Site, PathBuf)> {
    let line = "LB_TOKEN = { file = \"token\" }";
    let site = site_with(&["10 %", "100 %"], "5s", |text| match of {
        "get" => text.replace("[traffic.env]", &format!("[traffic.get.env]\n{line}\n[traffic.env]")),
        _ => text.replace("[traffic.env]", &format!("[traffic.env]\n{line}")),
    })?;
    let token = site.home.write("token", "s3cr3t");
    Some((site, token))
}

#[test]
fn a_direct_rollback_goes_out_without_what_only_get_needs() {
    for hangs in [false, true] {
        let Some((site, token)) = site_with_token("get") else { return };
        let _console = site.run();
        site.home.advance("alice").exits(0);
        signal(site.home.keeper_pid(), Signal::STOP);
        let (hung, why) = if hangs {
            (Some(HungFile::at(&token)), "token cannot be read: its disk does not answer")
        } else {
            std::fs::remove_file(&token).expect("removed");
            (None, "token cannot be read: No such file")
        };
        let mut rolling = site.home.start(["rollback", "--yes", "--direct", "--as", "bob"]);
        wait_until("it is written", || site.lb.weights() == BACK);
        rolling.says(&format!("get: env.LB_TOKEN: the file {}", site.home.path().display()));
        rolling.says(why);
        match hung {
            Some(hung) => hung.mend("s3cr3t"),
            None => drop(site.home.write("token", "s3cr3t")),
        }
        rolling.finish().exits(0).says("rollback confirmed");
    }
}

/// `run` once more, or its supervisor: what this keeper can still do is what matters most.
#[test]
fn a_keeper_that_is_started_again_goes_back_without_what_only_get_needs() {
    let Some((site, token)) = site_with_token("get") else { return };
    let plan = site.plan.display().to_string();
    std::fs::remove_file(&token).expect("removed");
    site.home.run(["run", &plan]).exits(2).says("env.LB_TOKEN: the file");
    site.home.write("token", "s3cr3t");
    let _console = site.run();
    site.home.advance("alice").exits(0);
    std::fs::remove_file(&token).expect("removed");
    site.home.kill_keeper();
    let _again = site.run();
    let unread = |status: &Value| gate(status, "balancer")["verdict"] == "unknown";
    site.home.status_when("the next keeper reads nothing", unread);
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    wait_until("it is written", || site.lb.weights() == BACK);
    site.home.write("token", "s3cr3t");
    rolling.finish().exits(0).says("ROLLED BACK");
}

#[test]
fn a_rollback_that_cannot_be_written_names_the_file_that_is_missing_or_hangs() {
    let Some((site, token)) = site_with_token("both") else { return };
    let plan = site.plan.display().to_string();
    let words = ["rollback", "--direct", "--yes", "--to", "v1", &plan];
    std::fs::remove_file(&token).expect("removed");
    site.home.run(words).exits(3).says("env.LB_TOKEN: the file").says("No such file");
    let hung = HungFile::at(&token);
    for (words, code) in [(&words[..], 3), (&["check", &plan], 2)] {
        site.home.run(words).exits(code).says("env.LB_TOKEN: the file").says("its disk does not answer");
    }
    hung.mend("s3cr3t");
    site.home.run(words).exits(0);
    assert_eq!(site.lb.weights(), BACK);
}

#[test]
fn two_ways_back_do_not_end_one_another() {
    let Some(site) = site(&["10 %", "100 %"], "10s") else { return };
    let _console = site.run();
    site.home.advance("alice").exits(0);
    site.lb.mode("set", "long");
    // The keeper lives: it finds the tombstone, and goes back beside the command that left it.
    site.home.run(["rollback", "--yes", "--direct", "--as", "bob"]).exits(0);
    site.home.phase("rolled_back");
    wait_until("nobody was ended on the way back", || site.lb.done() == ["100 0", "100 0"]);
    assert_eq!(site.lb.sets(), ["90 10", "100 0", "100 0"], "one step, and a way back of each");
    site.nothing_acts_later(BACK);
}

#[test]
fn a_direct_rollback_needs_no_run_and_no_folder_of_its_own() {
    let Some(site) = site(&["10 %", "100 %"], "5s") else { return };
    for command in ["set server app/blue1 weight 20", "set server app/green1 weight 80"] {
        site.lb.haproxy.ask(command).expect("an answer");
    }
    // From another folder: the script is found beside the plan.
    let plan = site.plan.display().to_string();
    let mut command = site.home.command(["rollback", "--direct", "--yes", "--to", "v1", plan.as_str()]);
    Running::start(command.current_dir("/")).finish().exits(0);
    assert_eq!(site.lb.weights(), BACK);
}
