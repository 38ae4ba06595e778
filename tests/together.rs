//! `warroom rollback A B …`: several cutovers back side by side, each for itself.

#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use rustix::fs::{FileType, Mode};
use rustix::process::Signal;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use support::{
    App, Balancer, Home, PlanText, Ran, Running, Terminal, World, gate, is_open, signal, wait_for, wait_until,
};

/// Several cutovers of one person: one state folder, the same two apps, a balancer each.
struct Floor {
    home: Home,
    apps: [App; 2],
}

/// One of them: its plan file and its console.
struct Cutover {
    file: &'static str,
    path: PathBuf,
    _console: Running,
}

impl Floor {
    fn new() -> Self {
        Self { home: Home::new(), apps: [App::start(), App::start()] }
    }

    /// A plan of this name on a balancer at this address.
    fn plan(&self, name: &'static str, file: &str, balancer: &str) -> PathBuf {
        let mut plan = PlanText::http(&self.apps[0], &self.apps[1], balancer, "1s");
        plan.name = name;
        self.home.write(file, &plan.text())
    }

    /// A run of it, one step forward.
    #[track_caller]
    fn at_ten(&self, name: &'static str, file: &'static str, balancer: &str) -> Cutover {
        let path = self.plan(name, file, balancer);
        let console = self.home.start(["run", file, "--as", "alice"]);
        let cutover = Cutover { file, path, _console: console };
        wait_until("every gate is open", || {
            self.try_status(&cutover)
                .is_some_and(|status| status["gates"].as_array().is_some_and(|gates| gates.iter().all(is_open)))
        });
        self.home.run(["advance", file, "--as", "alice"]).exits(0);
        cutover
    }

    fn try_status(&self, of: &Cutover) -> Option<Value> {
        let ran = self.home.run(["status", of.file, "--json"]);
        (ran.code == 0).then(|| serde_json::from_str(&ran.out).expect("JSON"))
    }

    #[track_caller]
    fn status(&self, of: &Cutover) -> Value {
        wait_for("its keeper answers", support::SOON, || self.try_status(of))
    }

    #[track_caller]
    fn run_id(&self, of: &Cutover) -> String {
        self.status(of)["run"].as_str().expect("a run").to_owned()
    }

    #[track_caller]
    fn stop_keeper(&self, of: &Cutover) -> u32 {
        let pid = u32::try_from(self.status(of)["keeper"]["pid"].as_u64().expect("a pid")).expect("a pid");
        signal(pid, Signal::STOP);
        pid
    }
}

/// The outcome lines, which are the last ones.
fn outcomes(ran: &Ran, count: usize) -> Vec<String> {
    let lines: Vec<&str> = ran.out.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn each_is_rolled_back_for_itself_whatever_the_others_do() {
    let floor = Floor::new();
    let [healthy, stopped] = [Balancer::start(), Balancer::start()];
    let world = World::start(&floor.home, "healthy", "1", "0");
    let _checkout = floor.at_ten("checkout", "checkout.toml", &healthy.address());
    let payments = floor.at_ten("payments", "payments.toml", &stopped.address());
    let search = floor.at_ten("search", "search.toml", &world.proxy);
    floor.stop_keeper(&payments);
    signal(world.pid(), Signal::STOP);
    let words = ["rollback", "search.toml", "nope.toml", "payments.toml", "checkout.toml"];
    let mut rolling = floor.home.start(words.into_iter().chain(["--yes", "--reason", "drill", "--as", "bob"]));
    rolling.says("checkout.toml: ROLLED BACK");
    rolling.says("payments.toml: rollback confirmed");
    assert_eq!((healthy.green(), stopped.green()), (0.0, 0.0));
    assert_eq!(floor.status(&search)["phase"], "rolling_back", "it was sent, and nobody answers");
    // Its terminal may go away; only Ctrl-C ends it, with all that is known by then.
    rolling.signal(Signal::HUP);
    rolling.says("search.toml: ROLLING BACK");
    rolling.signal(Signal::INT);
    let ran = rolling.finish().exits(5);
    let ended = outcomes(&ran, 4);
    for (line, begins) in ended.iter().zip([
        "NOT CONFIRMED search.toml: ",
        "NOT BEGUN nope.toml: ",
        "DONE payments.toml: ",
        "DONE checkout.toml: ",
    ]) {
        assert!(line.starts_with(begins), "{begins:?}: {}", ran.all());
    }
    assert!(ended[1].contains("no such file"), "{ended:?}");
    // There are no keys here.
    assert!(!ran.all().contains(":restart"), "{}", ran.all());
    let ran = ran.says("`warroom restart` begins a new run");
    ran.says("payments.toml: ").says("rolling back directly").says("nope.toml: nope.toml: no such file");
    // The keeper goes on without the command.
    signal(world.pid(), Signal::CONT);
    wait_until("the balancer that hung is rolled back", || world.candidate_percent() == Some(0.0));
    assert_eq!(floor.status(&search)["rollback"]["reason"], "drill");
}

#[test]
fn with_the_others_confirmed_a_name_that_is_wrong_is_the_exit_code() {
    let floor = Floor::new();
    let [one, other] = [Balancer::start(), Balancer::start()];
    floor.at_ten("checkout", "checkout.toml", &one.address());
    floor.at_ten("payments", "payments.toml", &other.address());
    let broken = floor.home.write("broken.toml", "nam = 1\n");
    let broken = broken.to_str().expect("text");
    let ran = floor.home.run(["rollback", "checkout.toml", broken, "nosuchrun", "payments.toml", "--yes", "--direct"]);
    let ran = ran.exits(2).says("checkout.toml: rollback confirmed").says("payments.toml: rollback confirmed");
    ran.says("NOT BEGUN nosuchrun: no run begins with").says(&format!("NOT BEGUN {broken}: "));
    assert_eq!((one.green(), other.green()), (0.0, 0.0));
    // Once more there is nothing to do, and that is done.
    let ran = floor.home.run(["rollback", "checkout.toml", "payments.toml", "--yes"]).exits(0);
    assert!(outcomes(&ran, 2).iter().all(|line| line.starts_with("DONE ")), "{}", ran.all());
}

#[test]
fn a_run_that_is_named_twice_is_one() {
    let floor = Floor::new();
    let balancer = Balancer::start();
    let cutover = floor.at_ten("checkout", "checkout.toml", &balancer.address());
    let run = floor.run_id(&cutover);
    let path = cutover.path.to_str().expect("text").to_owned();
    let ran = floor.home.run(["rollback", "checkout.toml", &run, &path, "checkout.toml", "--yes", "--direct"]).exits(0);
    let ended = outcomes(&ran, 3);
    assert_eq!(ended.iter().filter(|line| line.contains(": the same as ")).count(), 2, "{}", ran.all());
    assert_eq!(ran.out.matches("rolls back to").count(), 1, "{}", ran.all());
    assert_eq!(balancer.green(), 0.0);
    // The same word twice is no company at all.
    let ran = floor.home.run(["rollback", "checkout.toml", "checkout.toml", "--yes"]).exits(0);
    assert!(!ran.all().contains("DONE"), "{}", ran.all());
}

#[test]
fn of_two_names_the_one_that_knows_more_goes_on() {
    let floor = Floor::new();
    let balancer = Balancer::start();
    let cutover = floor.at_ten("checkout", "checkout.toml", &balancer.address());
    let run = floor.run_id(&cutover);
    // By its id alone it cannot be rolled back; whichever name comes first, the file's is.
    std::fs::write(floor.home.state().join("runs").join(&run).join("plan.toml"), "nam = 1").expect("written");
    floor.home.run(["rollback", &run, "--yes", "--direct"]).exits(2);
    let ran = floor.home.run(["rollback", &run, "checkout.toml", "--yes", "--direct"]);
    assert_eq!(balancer.green(), 0.0, "{}", ran.all());
    ran.says("DONE checkout.toml: rollback confirmed");
}

#[test]
fn a_run_that_cannot_be_read_hides_no_other() {
    let floor = Floor::new();
    let [one, other] = [Balancer::start(), Balancer::start()];
    let checkout = floor.at_ten("checkout", "checkout.toml", &one.address());
    let payments = floor.at_ten("payments", "payments.toml", &other.address());
    let run = floor.run_id(&payments);
    for cutover in [&checkout, &payments] {
        floor.stop_keeper(cutover);
    }
    // A pipe whose writer says nothing hangs as a dead network disk does.
    let folder = floor.home.state().join("runs").join(&run);
    let _silent = ["journal.db", "plan.toml"].map(|name| {
        std::fs::remove_file(folder.join(name)).expect("removed");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, folder.join(name), FileType::Fifo, mode, 0).expect("a pipe");
        std::fs::File::options().read(true).write(true).open(folder.join(name)).expect("both its ends")
    });
    let ran = floor.home.run(["rollback", &run, "checkout.toml", "--yes"]).exits(3);
    assert_eq!(one.green(), 0.0, "{}", ran.all());
    ran.says("DONE checkout.toml: rollback confirmed").says(&format!("UNREACHABLE {run}: ")).says("does not answer");
    // Its plan file stands in for what cannot be read.
    floor.home.run(["rollback", "payments.toml", "checkout.toml", "--yes", "--direct", "--to", "v1"]).exits(0);
    assert_eq!(other.green(), 0.0);
}

#[test]
fn several_without_a_terminal_need_yes_and_plans_without_runs_a_label() {
    let floor = Floor::new();
    let [one, other] = [Balancer::start(), Balancer::start()];
    floor.plan("checkout", "checkout.toml", &one.address());
    floor.plan("payments", "payments.toml", &other.address());
    one.set(40.0);
    other.set(40.0);
    let both = ["rollback", "checkout.toml", "payments.toml"];
    floor.home.run(both).exits(2).says("needs --yes");
    floor.home.run(both.into_iter().chain(["--yes"])).exits(2).says("--to v1");
    assert_eq!((one.posts().len(), other.posts().len()), (0, 0));
    let again = floor.home.path().join("payments.toml");
    let named = both.into_iter().chain([again.to_str().expect("text"), "--yes", "--to", "v0", "--to", "v1"]);
    floor.home.run(named).exits(0).says(": the same as ");
    assert_eq!((one.green(), other.green()), (0.0, 0.0));
}

/// Stable and candidate the other way round, on the same balancer.
#[test]
fn two_plans_that_lead_to_opposite_sides_are_not_called_the_same() {
    let floor = Floor::new();
    let balancer = Balancer::start();
    let there = floor.plan("checkout", "there.toml", &balancer.address());
    let turned = [("v1", "v2"), ("blue", "green")];
    let text = turned.iter().fold(std::fs::read_to_string(there).expect("a plan"), |text, (one, other)| {
        text.replace(one, "\0").replace(other, one).replace('\0', other)
    });
    floor.home.write("back.toml", &text);
    balancer.set(40.0);
    let both = ["rollback", "there.toml", "back.toml", "--yes", "--to", "v1", "--to", "v2"];
    let ran = floor.home.run(both).exits(1);
    assert!(!ran.all().contains("the same as"), "{}", ran.all());
    let ended = outcomes(&ran, 2);
    let count = |word: &str| ended.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("DONE "), count("REFUSED ")), (1, 1), "{}", ran.all());
    ran.says("took the same balancer elsewhere");
    let done = ended.iter().find(|line| line.starts_with("DONE ")).expect("one");
    let side = if done.contains("there.toml") { 0.0 } else { 100.0 };
    assert_eq!(balancer.green(), side, "{done}");
}

#[test]
fn two_runs_of_one_balancer_that_have_ended_are_one() {
    let floor = Floor::new();
    let balancer = Balancer::start();
    let runs = [0, 1].map(|_| {
        balancer.set(0.0);
        let cutover = floor.at_ten("checkout", "checkout.toml", &balancer.address());
        let run = floor.run_id(&cutover);
        floor.home.run(["end", &run, "--yes", "--as", "alice"]).exits(0);
        run
    });
    assert_ne!(runs[0], runs[1]);
    balancer.set(40.0);
    let ran = floor.home.run(["rollback", &runs[0], &runs[1], "--yes", "--to", "v1"]).exits(0);
    ran.says(": the same as ");
    assert_eq!(balancer.green(), 0.0);
}

#[test]
fn on_a_terminal_it_is_asked_once_for_all() {
    let floor = Floor::new();
    let [one, other] = [Balancer::start(), Balancer::start()];
    let checkout = floor.at_ten("checkout", "checkout.toml", &one.address());
    floor.at_ten("payments", "payments.toml", &other.address());
    let state = floor.home.state();
    let variables = [("WARROOM_STATE_DIR", state.to_str().expect("text"))];
    let words = ["rollback", "checkout.toml", "payments.toml", "--as", "bob"];
    let begin = || Terminal::start(support::BINARY.as_ref(), words, floor.home.path(), &variables);
    let question = "Roll back checkout.toml, payments.toml: all traffic to stable? [y/N]";
    let mut refused = begin();
    refused.shows(question);
    refused.press("\r");
    assert_eq!(refused.ends(), 1);
    assert_eq!(floor.status(&checkout)["rollback"], Value::Null);
    let mut taken = begin();
    taken.shows(question);
    taken.press("y\r");
    assert_eq!(taken.ends(), 0, "{}", taken.screen());
    assert_eq!((one.green(), other.green()), (0.0, 0.0));
}

#[test]
fn each_service_is_confirmed_by_its_own_name() {
    let floor = Floor::new();
    let [one, other] = [Balancer::start(), Balancer::start()];
    let both = [
        floor.at_ten("checkout", "checkout.toml", &one.address()),
        floor.at_ten("payments", "payments.toml", &other.address()),
    ];
    floor.apps[0].healthy.store(false, Ordering::SeqCst);
    for cutover in &both {
        wait_until("stable is not ready", || gate(&floor.status(cutover), "rollback target")["verdict"] == "fail");
    }
    let words = ["rollback", "checkout.toml", "payments.toml", "--yes", "--confirm", "checkout"];
    let ran = floor.home.run(words).exits(1).says("DONE checkout.toml: ");
    ran.says("REFUSED payments.toml: the typed name is not \"payments\"");
    assert_eq!((one.green(), other.green()), (0.0, 10.0));
    floor.stop_keeper(&both[1]);
    floor.home.run(words.into_iter().chain(["--confirm", "payments"])).exits(0);
    assert_eq!(other.green(), 0.0);
}
