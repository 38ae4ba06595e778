//! What the live tests share: a state folder of their own, the real binary, real HAProxy, small fixtures.
//!
//! Every process that a test starts is ended by its own pid when the test ends, also when it fails.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]
#![allow(dead_code, unused_imports, reason = "each test file uses its own part of this")]

mod aws_proxy;
mod balancer;
mod command;
mod cutover;
mod door;
mod driven;
mod haproxy;
mod hung;
mod moto;
mod net;
mod site;
mod stage;
mod terminal;
pub mod tmux;
pub mod vt;

pub use aws_proxy::{Call, Fault, Proxy};
pub use balancer::{Asked, Balancer, Tags};
pub use command::Scripted;
pub use cutover::{BEFORE, Cutover};
pub use door::{Door, Guarded, HOST};
pub use driven::{Driven, now};
pub use haproxy::{Haproxy, haproxy_command};
pub use hung::HungFile;
pub use moto::{KEYS, Moto, forward, forward_alone, has_keys, has_keys_but, need_moto, weights};
pub use net::{App, Reply, Request, Server, free_port, get, post};
pub use site::{Site, args, modes, plain};
pub use stage::{Stage, but_weights, cognito, oidc, ordered};
pub use terminal::Terminal;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a condition may take to come about: far beyond what it takes, for machines with other work.
pub const SOON: Duration = Duration::from_secs(30);
/// How long any command may run before the test fails.
pub const COMMAND_LIMIT: Duration = Duration::from_mins(1);
/// Time between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_warroom");

/// Where a program is on `PATH`; `tests/run` puts the folders of servers there.
pub fn find(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Whether a server's program is here. Without it a test says so, or fails where that is asked for.
pub fn need(server: &str) -> bool {
    find(server).is_some() || missing(&format!("{server}, which is not on PATH"))
}

/// For a test without what it needs: fails where `tests/run` has installed everything. Always false.
pub fn missing(what: &str) -> bool {
    not_run(what, std::env::var_os("WARROOM_REQUIRE_SERVERS").is_some())
}

/// For a test that may not do what only root may, and no container without more rights: fails in CI, where all of them
/// are run. Always false.
pub fn forbidden(what: &str) -> bool {
    not_run(what, std::env::var_os("CI").is_some())
}

fn not_run(what: &str, is_failure: bool) -> bool {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(!is_failure, "{test} needs {what}");
    // Past the test harness' capture: what did not run must be seen.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {test} needs {what}");
    false
}

/// Polls until the condition gives a value.
#[track_caller]
pub fn wait_for<T>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    wait_showing(what, within, String::new, look)
}

/// The same; a failure shows how things look then.
#[track_caller]
pub fn wait_showing<T>(
    what: &str,
    within: Duration,
    shown: impl Fn() -> String,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < within, "not within {within:?}: {what}\n{}", shown());
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Polls until the condition holds.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, SOON, || holds().then_some(()));
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid");
    let _ = kill_process(pid, signal);
}

/// Whether a process runs; one that has ended and was not waited for does not. One that was killed does as long as a
/// thread of it is still in the kernel, with its files and locks: a sync that has begun comes to its end.
pub fn is_running(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads > 1 || state_of(pid).is_some_and(|state| !['Z', 'X'].contains(&state))
}

/// Whether a process was stopped and not continued.
pub fn is_stopped(pid: u32) -> bool {
    state_of(pid) == Some('T')
}

/// The letter of `proc(5)`.
fn state_of(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// The processes whose environment holds `NAME=value`.
pub fn processes_with(entry: &str) -> Vec<u32> {
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    all.flatten()
        .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|found| found == entry.as_bytes()) && is_running(*pid)
        })
        .collect()
}

/// A child that is ended when the test ends.
#[derive(Debug)]
pub struct Process(pub Child);

impl Process {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn kill(&mut self) {
        // SIGCONT too: a stopped process takes its SIGKILL, but its parent may wait for it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a command came to.
#[derive(Debug, Clone)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Ran {
    /// Both streams, for a person who reads a failed test.
    pub fn all(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code; it said: {}", self.all());
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.all().contains(words), "{words:?} is not in: {}", self.all());
        self
    }
}

/// A command under way.
pub struct Running {
    child: Process,
    out: mpsc::Receiver<String>,
    err: mpsc::Receiver<String>,
    began: Instant,
    words: String,
}

impl Running {
    /// Starts it with nothing on standard input.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = read_all(child.stdout.take().expect("piped"));
        let err = read_all(child.stderr.take().expect("piped"));
        Self { child: Process(child), out, err, began, words: String::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    pub fn signal(&self, which: Signal) {
        signal(self.pid(), which);
    }

    /// Waits until it has printed these words on standard output.
    #[track_caller]
    pub fn says(&mut self, words: &str) {
        let began = Instant::now();
        while !self.words.contains(words) {
            match self.out.recv_timeout(LOOK_EVERY) {
                Ok(part) => self.words.push_str(&part),
                Err(_) => assert!(began.elapsed() < SOON, "{words:?} is not in: {}", self.words),
            }
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Ran {
        let status = wait_for("the command ends", COMMAND_LIMIT, || self.child.0.try_wait().expect("a child"));
        let took = self.began.elapsed();
        let mut out = std::mem::take(&mut self.words);
        out.extend(self.out.iter());
        let err: String = self.err.iter().collect();
        use std::os::unix::process::ExitStatusExt;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Ran { code, out, err, took }
    }
}

/// Reads a pipe to its end on a thread of its own, so that the writer never waits.
fn read_all(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, parts) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            if sender.send(String::from_utf8_lossy(&buffer[..count]).into_owned()).is_err() {
                return;
            }
        }
    });
    parts
}

/// A state folder of a test's own. Dropping it ends every process that works in it.
pub struct Home {
    folder: TempDir,
    /// Time between two looks at the status.
    pub look_every: Duration,
    /// What commands find in their environment besides; what is empty is taken out of it.
    pub env: Vec<(String, String)>,
}

impl Home {
    /// A short path: a socket's has at most 107 bytes.
    #[track_caller]
    pub fn new() -> Self {
        Self::within(Path::new("/tmp"))
    }

    /// The same on another file system.
    #[track_caller]
    pub fn within(place: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("wr-").rand_bytes(6).tempdir_in(place).expect("a folder");
        Self { folder, look_every: LOOK_EVERY, env: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("s")
    }

    /// Writes a file beside the state.
    #[track_caller]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }

    /// A command of the binary in this home.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .current_dir(self.path())
            .env("WARROOM_STATE_DIR", self.state())
            .env_remove("XDG_RUNTIME_DIR");
        for (name, value) in &self.env {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        command
    }

    #[track_caller]
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Running {
        Running::start(&mut self.command(args))
    }

    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        self.start(args).finish()
    }

    /// Starts `run PLAN` without a terminal and waits until its keeper answers.
    #[track_caller]
    pub fn run_plan(&self, plan: &Path, name: &str) -> Running {
        let running = self.start([OsStr::new("run"), plan.as_os_str(), OsStr::new("--as"), OsStr::new(name)]);
        wait_until("the keeper answers", || self.try_status().is_some());
        running
    }

    /// The status of the one running keeper, when there is one.
    pub fn try_status(&self) -> Option<Value> {
        let ran = self.run(["status", "--json"]);
        (ran.code == 0).then(|| serde_json::from_str(&ran.out).expect("status --json is JSON"))
    }

    #[track_caller]
    pub fn status(&self) -> Value {
        let ran = self.run(["status", "--json"]).exits(0);
        serde_json::from_str(&ran.out).expect("status --json is JSON")
    }

    /// Waits until the status fulfils a condition; a failure shows the last one.
    #[track_caller]
    pub fn status_when(&self, what: &str, holds: impl FnMut(&Value) -> bool) -> Value {
        self.status_within(what, SOON, holds)
    }

    #[track_caller]
    pub fn status_within(&self, what: &str, within: Duration, mut holds: impl FnMut(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.try_status();
            if let Some(status) = status.as_ref().filter(|status| holds(status)) {
                return status.clone();
            }
            let band = status.as_ref().map(|s| s["band"].to_string());
            assert!(began.elapsed() < within, "not within {within:?}: {what}; band {band:?}; status {status:#?}");
            std::thread::sleep(self.look_every);
        }
    }

    /// Waits for a phase.
    #[track_caller]
    pub fn phase(&self, phase: &str) -> Value {
        self.status_when(&format!("phase {phase}"), |status| status["phase"] == phase)
    }

    /// Waits until every gate is open.
    #[track_caller]
    pub fn ready(&self) -> Value {
        self.status_when("every gate is open", |status| status["gates"].as_array().expect("gates").iter().all(is_open))
    }

    /// Advances once the gates allow it.
    #[track_caller]
    pub fn advance(&self, name: &str) -> Ran {
        self.ready();
        self.run(["advance", "--as", name])
    }

    #[track_caller]
    pub fn keeper_pid(&self) -> u32 {
        let status = self.status();
        u32::try_from(status["keeper"]["pid"].as_u64().expect("a pid")).expect("a pid")
    }

    /// Ends the keeper as a power cut would, and waits until it is gone.
    #[track_caller]
    pub fn kill_keeper(&self) -> u32 {
        let pid = self.keeper_pid();
        signal(pid, Signal::KILL);
        wait_until("the killed keeper is gone", || !is_running(pid));
        pid
    }

    /// The runs in this home, the newest last.
    pub fn runs(&self) -> Vec<String> {
        let Ok(runs) = std::fs::read_dir(self.state().join("runs")) else { return Vec::new() };
        let mut runs: Vec<String> = runs.flatten().filter_map(|run| run.file_name().into_string().ok()).collect();
        runs.sort();
        runs
    }

    /// Every line of a run's history.
    #[track_caller]
    pub fn history(&self) -> String {
        self.run(["log"]).exits(0).out
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let entry = format!("WARROOM_STATE_DIR={}", self.state().display());
        // Twice: what is being started while we look is seen the second time.
        for _ in 0..2 {
            for pid in processes_with(&entry) {
                signal(pid, Signal::KILL);
            }
        }
    }
}

/// The embedded world as a process, with the plan that it wrote.
pub struct World {
    process: Process,
    /// The plan's text.
    pub plan: String,
    /// The addresses of the proxy and of the two apps.
    pub proxy: String,
    pub stable: String,
    pub candidate: String,
}

impl World {
    #[track_caller]
    pub fn start(home: &Home, scenario: &str, speed: &str, load: &str) -> Self {
        Self::start_with(home, &["--scenario", scenario], speed, load)
    }

    #[track_caller]
    pub fn start_with(home: &Home, scenario: &[&str], speed: &str, load: &str) -> Self {
        let path = home.path().join("world.toml");
        let mut command = home.command(["world", "--listen", "127.0.0.1:0", "--speed", speed]);
        command.args(scenario).args(["--load", load, "--write-plan"]).arg(&path);
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the world starts");
        let process = Process(child);
        wait_until("the world writes its plan", || path.exists());
        let plan = std::fs::read_to_string(&path).expect("the written plan");
        let url_in = |section: &str| {
            let rest = plan.split(section).nth(1).expect("the section");
            rest.split("url = \"http://").nth(1).and_then(|rest| rest.split('"').next()).expect("a url").to_owned()
        };
        let [proxy, stable, candidate] = ["[traffic]", "[environments.stable]", "[environments.candidate]"].map(url_in);
        Self { process, plan, proxy, stable, candidate }
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The candidate's share at the balancer, in percent.
    pub fn candidate_percent(&self) -> Option<f64> {
        let answer = get(&self.proxy, "/api/status")?;
        serde_json::from_str::<Value>(&answer.body).ok()?["green"].as_f64()
    }
}

/// A plan for fixtures: quick polls, short lateness, three steps.
pub struct PlanText {
    pub name: &'static str,
    pub stable: String,
    pub candidate: String,
    pub traffic: String,
    pub steps: String,
    pub more: String,
    pub watch: &'static str,
    pub advance: &'static str,
}

impl PlanText {
    /// On a balancer with a percentage API.
    pub fn http(stable: &App, candidate: &App, balancer: &str, lateness: &str) -> Self {
        let traffic = format!(
            "driver = \"http\"\nurl = \"http://{balancer}\"\nlateness = \"{lateness}\"\ntimeout = \"1s\"\n\
             [traffic.fields]\nstable = \"blue\"\ncandidate = \"green\"\n[traffic.extra]\nstrategy = \"percentage\"\n"
        );
        Self::new(stable, candidate, traffic)
    }

    pub fn new(stable: &App, candidate: &App, traffic: String) -> Self {
        Self {
            name: "checkout",
            stable: stable.address(),
            candidate: candidate.address(),
            traffic,
            steps: steps(&["10 %", "50 %", "100 %"]),
            more: String::new(),
            watch: "1h",
            advance: "manual",
        }
    }

    pub fn text(&self) -> String {
        let environment = |role: &str, label: &str, colour: &str, address: &str| {
            format!(
                "[environments.{role}]\nlabel = \"{label}\"\ncolour = \"{colour}\"\nurl = \"http://{address}\"\n\
                 metrics = [\"http://{address}/metrics\"]\n"
            )
        };
        format!(
            "version = 1\nname = \"{}\"\ntarget = \"test\"\nwatch = \"{}\"\nadvance = \"{}\"\n{}{}[traffic]\n{}\n\
             [metrics]\nwindow = \"3s\"\n[metrics.requests]\nmetric = \"http_requests_total\"\n\
             [poll]\nreadings = \"500ms\"\nbalancer = \"300ms\"\nhealth = \"500ms\"\n{}{}",
            self.name,
            self.watch,
            self.advance,
            environment("stable", "v1", "blue", &self.stable),
            environment("candidate", "v2", "green", &self.candidate),
            self.traffic,
            self.steps,
            self.asked()
        )
    }

    /// What more there is; a plan that asks nothing before traffic moves is refused.
    fn asked(&self) -> String {
        let asks = self.more.contains("[[checks]]") || self.more.contains("[[guardrails]]");
        let balancer = if asks { "" } else { "[[checks]]\nname = \"balancer\"\nkind = \"balancer\"\n" };
        format!("{}\n{balancer}", self.more)
    }
}

/// Steps without a bake.
pub fn steps(splits: &[&str]) -> String {
    splits.iter().fold(String::new(), |all, split| all + "[[steps]]\nsplit = \"" + split + "\"\nbake = \"0s\"\n")
}

/// A gate of the status.
#[track_caller]
pub fn gate<'a>(status: &'a Value, name: &str) -> &'a Value {
    let gates = status["gates"].as_array().expect("gates");
    gates.iter().find(|gate| gate["name"] == name).unwrap_or_else(|| panic!("no gate {name}: {gates:#?}"))
}

/// Whether a gate lets a step through.
pub fn is_open(gate: &Value) -> bool {
    matches!(gate["verdict"].as_str(), Some("pass" | "warn"))
}

/// Whether one gate is closed and every other is open.
pub fn only_closed(status: &Value, name: &str) -> bool {
    let gates = status["gates"].as_array().expect("gates");
    gates.iter().all(|gate| (gate["name"] == name) != is_open(gate))
}

/// Every file below a folder, and every folder.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| {
            let inside = if path.is_dir() { below(&path) } else { Vec::new() };
            std::iter::once(path).chain(inside)
        })
        .collect()
}

/// A number of the status.
#[track_caller]
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}
