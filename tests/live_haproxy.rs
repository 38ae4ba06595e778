//! A cutover on a real HAProxy, driven by the real binary: every step measured, every trouble seen.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]
#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

#[path = "live_haproxy/drift.rs"]
mod drift;
mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use support::{App, Haproxy, Home, PlanText, gate, need, number, steps, wait_until};

/// How far a measured share may be from the step, in points, over [`REQUESTS`] requests.
const MEASURED_WITHIN: f64 = 3.0;
const REQUESTS: u32 = 300;

/// Two environments with two servers each, and as many HAProxy nodes as a test asks for.
struct Site {
    home: Home,
    blue: [App; 2],
    green: [App; 2],
    nodes: Vec<Haproxy>,
}

impl Site {
    #[track_caller]
    fn new(levels: &[&str]) -> Self {
        let blue = [App::start(), App::start()];
        let green = [App::start(), App::start()];
        let servers = [
            ("blue1", blue[0].address(), 100),
            ("blue2", blue[1].address(), 60),
            ("green1", green[0].address(), 0),
            ("green2", green[1].address(), 0),
        ];
        let nodes = levels.iter().map(|level| Haproxy::start(&servers, level)).collect();
        Self { home: Home::new(), blue, green, nodes }
    }

    /// The plan on these nodes: the first by TCP, the others by their Unix sockets unless asked otherwise.
    fn plan(&self, splits: &[&str], lateness: &str) -> PlanText {
        let addresses: Vec<String> = self.nodes.iter().map(Haproxy::api).collect();
        self.plan_on(&addresses, "app", ["green1", "green2"], splits, lateness)
    }

    fn plan_on(&self, nodes: &[String], backend: &str, green: [&str; 2], splits: &[&str], lateness: &str) -> PlanText {
        let mut traffic =
            format!("driver = \"haproxy\"\nbackend = \"{backend}\"\nlateness = \"{lateness}\"\ntimeout = \"1s\"\n");
        for (index, address) in nodes.iter().enumerate() {
            let _ = write!(traffic, "[[traffic.nodes]]\nname = \"lb{}\"\naddress = \"{address}\"\n", index + 1);
        }
        let _ = write!(
            traffic,
            "[traffic.servers]\nstable = [\"blue1\", \"blue2\"]\ncandidate = [\"{}\", \"{}\"]\n",
            green[0], green[1]
        );
        let mut plan = PlanText::new(&self.blue[0], &self.green[0], traffic);
        plan.steps = steps(splits);
        plan.more = format!(
            "[sampler]\nurl = \"http://{}/\"\nrate = \"20/s\"\n[sampler.servers]\nstable = [\"blue1\", \"blue2\"]\ncandidate = [\"green1\", \"green2\"]\n",
            self.nodes[0].front()
        );
        plan
    }

    /// Starts a run of a plan, driven by alice.
    #[track_caller]
    fn run(&self, plan: &PlanText) -> support::Running {
        let path = self.home.write("plan.toml", &plan.text());
        self.home.run_plan(&path, "alice")
    }

    /// As a disk does that breaks.
    #[track_caller]
    fn lose_journal(&self, run: &str) {
        let folder = self.home.state().join("runs").join(run);
        std::fs::write(folder.join("journal.db"), "no journal at all ".repeat(500)).expect("written");
        for more in ["journal.db-wal", "journal.db-shm"] {
            let _ = std::fs::remove_file(folder.join(more));
        }
    }

    #[track_caller]
    fn weights(&self, node: usize) -> BTreeMap<String, u32> {
        self.nodes[node].weights()
    }
}

fn own_weights() -> BTreeMap<String, u32> {
    [("blue1", 100), ("blue2", 60), ("green1", 0), ("green2", 0)].map(|(name, weight)| (name.to_owned(), weight)).into()
}

#[test]
fn two_nodes_go_up_step_by_step_and_back_as_one_split() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin", "admin"]);
    let addresses = [site.nodes[0].api(), format!("unix:{}", site.nodes[1].socket().display())];
    let plan = site.plan_on(&addresses, "app", ["green1", "green2"], &["5 %", "25 %", "50 %", "100 %"], "1s");
    let mut console = site.run(&plan);
    for (step, percent) in [5.0, 25.0, 50.0, 100.0].into_iter().enumerate() {
        site.home.advance("alice").exits(0);
        let status = site.home.status();
        assert_eq!(status["step"], step + 1, "{status:#?}");
        assert_eq!(number(&status["split"]["wanted_percent"]), percent);
        let configured = number(&status["split"]["configured_percent"]);
        assert!((configured - percent).abs() <= percent * 0.2, "configured {configured} for {percent}");
        let nodes = status["split"]["nodes"].as_array().expect("nodes");
        assert_eq!(nodes.iter().map(|node| node["name"].clone()).collect::<Vec<_>>(), ["lb1", "lb2"]);
        for (index, node) in nodes.iter().enumerate() {
            assert!((number(&node["percent"]) - configured).abs() < 0.1, "{status:#?}");
            let measured = site.nodes[index].measure("green", REQUESTS);
            assert!(
                (measured - percent).abs() <= MEASURED_WITHIN,
                "lb{} serves {measured} % at {percent} %",
                index + 1
            );
        }
        // Unequal servers keep their proportion.
        if percent < 100.0 {
            let weights = site.weights(0);
            let proportion = f64::from(weights["blue1"]) / f64::from(weights["blue2"]);
            assert!((proportion - 100.0 / 60.0).abs() < 0.25, "{weights:?}");
        }
    }
    site.home.phase("complete");
    site.home.run(["rollback", "--yes", "--reason", "drill", "--as", "alice"]).exits(0);
    assert_eq!(site.weights(0), own_weights());
    assert_eq!(site.weights(1), own_weights());
    assert!(site.nodes.iter().all(|node| node.measure("green", 50) == 0.0));
    let status = site.home.phase("rolled_back");
    assert_eq!(status["rollback"]["reason"], "drill");
    assert_eq!(status["rollback"]["confirmed"], true);
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    console.says("ROLLED BACK");
    console.finish().exits(4);
}

#[test]
fn the_sampler_measures_the_same_share_through_haproxy() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin"]);
    let _console = site.run(&site.plan(&["50 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    let status = site.home.status_when("40 samples at the new split", |status| {
        status["split"]["measured"]["requests"].as_u64().is_some_and(|requests| requests >= 40)
    });
    let measured = &status["split"]["measured"];
    assert!(number(&measured["low_percent"]) <= 50.0 && number(&measured["high_percent"]) >= 50.0, "{measured}");
    assert_eq!(measured["failed"], 0, "{measured}");
}

#[test]
fn a_server_that_is_down_is_left_out_of_the_share() {
    if !need("haproxy") {
        return;
    }
    let mut site = Site::new(&["admin"]);
    let _console = site.run(&site.plan(&["10 %", "50 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    let both_up = site.weights(0);
    // green1's page also is the candidate's health and metrics: green2 is the one to lose.
    site.green[1].stop();
    wait_until("haproxy sees that green2 is down", || site.nodes[0].states().is_some_and(|s| !s["green2"].1));
    site.home
        .status_when("the share with one server less", |status| number(&status["split"]["configured_percent"]) < 8.0);
    let status = site.home.status();
    assert_eq!(status["drift"], Value::Null, "a server that went down is not a foreign hand: {status:#?}");
    assert_eq!(site.weights(0), both_up, "and nobody writes for it");
    site.home.advance("alice").exits(0);
    let status = site.home.status();
    let configured = number(&status["split"]["configured_percent"]);
    assert!((configured - 50.0).abs() < 1.0, "{configured}");
    let weights = site.weights(0);
    let blue = weights["blue1"] + weights["blue2"];
    assert!(weights["green1"].abs_diff(blue) <= 3, "green1 alone carries the half: {weights:?}");
    let measured = site.nodes[0].measure("green", REQUESTS);
    assert!((measured - 50.0).abs() <= MEASURED_WITHIN, "{measured}");
}

#[test]
fn every_candidate_server_down_is_said_and_nothing_is_written() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin"]);
    let _console = site.run(&site.plan(&["10 %", "100 %"], "1s"));
    site.home.ready();
    for name in ["green1", "green2"] {
        site.nodes[0].ask(&format!("set server app/{name} state maint")).expect("haproxy answers");
    }
    let since = Instant::now();
    site.home.status_when("a read that began after it", |status| {
        number(&status["split"]["configured_age_seconds"]) + 0.5 < since.elapsed().as_secs_f64()
    });
    site.home.run(["advance", "--as", "alice"]).exits(1).says("no candidate server is up");
    assert_eq!(site.weights(0), own_weights());
}

#[test]
fn a_dead_node_is_shown_and_not_advanced_over_and_comes_back_with_the_rollback() {
    if !need("haproxy") {
        return;
    }
    let mut site = Site::new(&["admin", "admin"]);
    let _console = site.run(&site.plan(&["25 %", "50 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    let before = site.weights(0);
    site.nodes[1].kill();
    let status = site.home.status_when("lb2 is missed", |status| gate(status, "balancer")["verdict"] == "unknown");
    let detail = gate(&status, "balancer")["detail"].as_str().unwrap_or_default().to_owned();
    assert!(detail.contains("lb2") || detail.contains(&site.nodes[1].api()), "which node? {detail}");
    assert!(detail.to_lowercase().contains("refused"), "{detail}");
    let nodes = status["split"]["nodes"].as_array().expect("nodes");
    assert!(nodes[0]["percent"].is_number() && nodes[1]["percent"].is_null(), "{nodes:?}");
    site.home.run(["status"]).exits(0).says("% (lb2 unknown) (last read whole ");
    site.home.run(["advance", "--as", "alice"]).exits(1).says("balancer");
    assert_eq!(site.weights(0), before, "nothing was written to the node that lives");

    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    wait_until("the node that lives is rolled back at once", || site.weights(0) == own_weights());
    let status = site.home.status_when("the other is told", |status| !status["rollback"]["last_error"].is_null());
    assert_eq!(status["phase"], "rolling_back");
    let error = status["rollback"]["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("lb2"), "{error}");
    site.nodes[1].restart();
    rolling.finish().exits(0);
    assert_eq!(site.weights(1), own_weights());
}

/// What a reload with renamed servers comes to: one server of stable is no longer there.
#[test]
fn a_stable_server_that_was_deleted_does_not_keep_the_candidate_in_traffic() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin"]);
    let _console = site.run(&site.plan(&["50 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    site.nodes[0].ask("set server app/blue1 state maint").expect("haproxy answers");
    let deleted = site.nodes[0].ask("del server app/blue1").expect("haproxy answers");
    assert!(deleted.contains("deleted"), "{deleted}");
    let _rolling = site.home.start(["rollback", "--yes", "--as", "alice"]);
    wait_until("the candidate is emptied", || {
        let weights = site.weights(0);
        weights["green1"] == 0 && weights["green2"] == 0 && weights["blue2"] == 60
    });
    let status = site.home.status_when("the trouble is told", |status| !status["rollback"]["last_error"].is_null());
    let error = status["rollback"]["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("blue1: No such server"), "{error}");
    assert_eq!(site.nodes[0].measure("green", 50), 0.0);
}

#[test]
fn permission_denied_is_said_in_haproxys_words() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["operator"]);
    let _console = site.run(&site.plan(&["25 %", "100 %"], "1s"));
    site.home.advance("alice").exits(1).says("Permission denied");
    assert_eq!(site.weights(0), own_weights());
    let status = site.home.status();
    assert_eq!(status["phase"], "held");
    assert!(status["held"]["why"].as_str().is_some_and(|why| why.contains("Permission denied")), "{status:#?}");
}

#[test]
fn unknown_server_unknown_backend_and_an_unreachable_node_are_said_before_anything_moves() {
    if !need("haproxy") {
        return;
    }
    let nobody = format!("127.0.0.1:{}", support::free_port());
    let cases = [
        ("app", ["green1", "green9"], None, "no server green9"),
        ("nosuch", ["green1", "green2"], None, "Can't find backend"),
        ("app", ["green1", "green2"], Some(nobody), "refused"),
    ];
    for (backend, green, address, words) in cases {
        let site = Site::new(&["admin"]);
        let addresses = [address.unwrap_or_else(|| site.nodes[0].api())];
        let plan = site.plan_on(&addresses, backend, green, &["25 %", "100 %"], "1s");
        let _console = site.run(&plan);
        let status = site.home.status_when(words, |status| {
            gate(status, "balancer")["detail"]
                .as_str()
                .is_some_and(|detail| detail.to_lowercase().contains(&words.to_lowercase()))
        });
        assert_eq!(gate(&status, "balancer")["verdict"], "unknown");
        site.home.run(["advance", "--as", "alice"]).exits(1).says(words);
        assert_eq!(site.weights(0), own_weights());
    }
}

#[test]
fn of_several_nodes_the_one_that_lacks_a_server_is_named() {
    if !need("haproxy") {
        return;
    }
    let mut site = Site::new(&["admin"]);
    let fewer = [
        ("blue1", site.blue[0].address(), 100),
        ("blue2", site.blue[1].address(), 60),
        ("green1", site.green[0].address(), 0),
    ];
    site.nodes.push(Haproxy::start(&fewer, "admin"));
    let _console = site.run(&site.plan(&["25 %", "100 %"], "1s"));
    let status = site.home.status_when("the missing server", |status| {
        gate(status, "balancer")["detail"].as_str().is_some_and(|detail| detail.contains("no server green2"))
    });
    let detail = gate(&status, "balancer")["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("lb2") || detail.contains(&site.nodes[1].api()), "which node? {detail}");
}

#[test]
fn a_node_that_hangs_is_unknown_and_delays_nobody() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin", "admin"]);
    let _console = site.run(&site.plan(&["25 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    site.nodes[1].signal(rustix::process::Signal::STOP);
    let rolling = site.home.start(["rollback", "--yes", "--as", "alice"]);
    let began = Instant::now();
    wait_until("the other node is rolled back", || site.weights(0) == own_weights());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    site.nodes[1].signal(rustix::process::Signal::CONT);
    rolling.finish().exits(0);
    assert_eq!(site.weights(1), own_weights());
}

#[test]
fn no_write_ever_leaves_both_sides_without_weight() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin"]);
    let _console = site.run(&site.plan(&["50 %", "100 %"], "1s"));
    let stop = Arc::new(AtomicBool::new(false));
    let (socket, front) = (&site.nodes[0], site.nodes[0].front());
    std::thread::scope(|scope| {
        let weights = scope.spawn(|| {
            let mut samples = 0;
            while !stop.load(Ordering::SeqCst) {
                let states = socket.states().expect("haproxy answers");
                assert!(states.values().any(|(weight, up)| *up && *weight > 0), "nobody serves: {states:?}");
                samples += 1;
            }
            samples
        });
        let users = scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let answer = support::get(&front, "/").expect("an answer");
                assert_eq!(answer.status, 200, "a user was refused");
            }
        });
        site.home.advance("alice").exits(0);
        site.home.advance("alice").exits(0);
        site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
        stop.store(true, Ordering::SeqCst);
        assert!(weights.join().expect("no sample without weight") > 100);
        users.join().expect("no user refused");
    });
    assert_eq!(site.weights(0), own_weights());
}

#[test]
fn the_rescue_card_works_without_us() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin", "admin"]);
    let plan = site.home.write("plan.toml", &site.plan(&["50 %", "100 %"], "1s").text());
    for node in &site.nodes {
        for name in ["green1", "green2"] {
            node.ask(&format!("set server app/{name} weight 200")).expect("haproxy answers");
        }
    }
    let printed = site.home.run(["plan".as_ref(), plan.as_os_str()]).exits(0).out;
    let (_, card) = printed.split_once("Rescue card").expect("a rescue card");
    let lines: Vec<&str> = card.lines().map(str::trim).filter(|line| line.starts_with("echo ")).collect();
    assert_eq!(lines.len(), 2 * 5, "two nodes, four servers and a look each: {card}");
    // Where socat is missing, bash's own TCP stands in for it.
    let stand_in = "socat() { local to=${4#tcp:}; to=${to%%,*}; exec 3<>\"/dev/tcp/${to%:*}/${to##*:}\"; cat >&3; cat <&3; exec 3>&-; }\n";
    let has_socat =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|p| p.join("socat").is_file());
    let script = format!("set -e\n{}{}\n", if has_socat { "" } else { stand_in }, lines.join("\n"));
    let mut bash = Command::new("bash");
    let ran = support::Running::start(bash.arg("-c").arg(script)).finish().exits(0);
    for node in &site.nodes {
        let weights = node.weights();
        assert_eq!((weights["green1"], weights["green2"]), (0, 0), "{}", ran.all());
        assert!(weights["blue1"] > 0 && weights["blue2"] > 0, "{weights:?}");
    }
}

#[test]
fn a_direct_rollback_restores_stables_own_weights_too() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin", "admin"]);
    let _console = site.run(&site.plan(&["25 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    let run = site.home.runs().pop().expect("a run");
    site.home.kill_keeper();
    let ran = site.home.run(["rollback", &run, "--yes", "--reason", "keeper is gone"]).exits(0);
    assert!(ran.all().contains("confirmed"), "{}", ran.all());
    assert_eq!(site.weights(0), own_weights());
    assert_eq!(site.weights(1), own_weights());
}

/// Of a run whose journal is lost the candidate may have nothing already, by another hand.
#[test]
fn a_direct_rollback_without_a_journal_gives_nothing_to_a_stable_server_that_was_drained() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin", "admin"]);
    let plan = site.plan(&["25 %", "100 %"], "1s");
    site.nodes[1].ask("set server app/blue2 weight 0").expect("an answer");
    let drained: BTreeMap<String, u32> = own_weights()
        .into_iter()
        .map(|(name, weight)| if name == "blue2" { (name, 0) } else { (name, weight) })
        .collect();
    let _console = site.run(&plan);
    wait_until("the keeper answers", || site.home.try_status().is_some());
    let run = site.home.runs().pop().expect("a run");
    site.home.kill_keeper();
    site.lose_journal(&run);
    let ran = site.home.run(["rollback", &run, "--yes", "--direct"]).exits(0);
    assert!(ran.all().contains("going on without it") && ran.all().contains("confirmed"), "{}", ran.all());
    assert_eq!(site.weights(0), own_weights());
    assert_eq!(site.weights(1), drained);
}

/// And nodes may be silent or dead while they are looked at: what the other one said counts all the same.
#[test]
fn a_direct_rollback_without_a_journal_and_a_node_gives_nothing_to_what_the_other_had_drained() {
    if !need("haproxy") {
        return;
    }
    let mut site = Site::new(&["admin", "admin", "admin"]);
    site.nodes[1].ask("set server app/blue2 weight 0").expect("an answer");
    let _console = site.run(&site.plan(&["25 %", "100 %"], "1s"));
    site.home.advance("alice").exits(0);
    let run = site.home.runs().pop().expect("a run");
    site.home.kill_keeper();
    site.lose_journal(&run);
    site.nodes[0].signal(rustix::process::Signal::STOP);
    site.nodes[2].kill();
    let rolling = site.home.start(["rollback", &run, "--yes", "--direct"]);
    let greens = |site: &Site, node: usize| ["green1", "green2"].map(|name| site.weights(node)[name]);
    wait_until("the node that answers is rolled back", || greens(&site, 1) == [0, 0]);
    assert!(site.weights(1)["blue1"] > 0 && site.weights(1)["blue2"] == 0, "{:?}", site.weights(1));
    // What the others still have, or have again, is no other hand's.
    site.nodes[2].restart();
    site.nodes[0].signal(rustix::process::Signal::CONT);
    let ran = rolling.finish().exits(0);
    assert!(ran.all().contains("confirmed") && !ran.all().contains("FOREIGN"), "{}", ran.all());
    assert_eq!((greens(&site, 0), greens(&site, 2)), ([0, 0], [0, 0]));
    assert_eq!(site.weights(1)["blue2"], 0);
}

#[test]
fn a_keeper_killed_in_mid_run_stands_where_it_stood_and_goes_on() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin", "admin"]);
    let plan = site.home.write("plan.toml", &site.plan(&["25 %", "50 %", "100 %"], "1s").text());
    let first = site.home.run_plan(&plan, "alice");
    site.home.advance("alice").exits(0);
    let before = site.weights(0);
    site.home.kill_keeper();
    first.finish();
    let _second = site.home.run_plan(&plan, "alice");
    let status = site.home.phase("held");
    assert_eq!(status["step"], 1, "{status:#?}");
    assert_eq!(status["drift"], Value::Null);
    assert_eq!(site.weights(0), before);
    site.home.ready();
    site.home.run(["resume", "--as", "alice"]).exits(0);
    site.home.advance("alice").exits(0);
    assert!((site.nodes[1].measure("green", REQUESTS) - 50.0).abs() <= MEASURED_WITHIN);
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(site.weights(0), own_weights(), "stable's own weights survive the crash of the keeper");
}

/// Whoever begins it once more may spell its node otherwise, and an earlier version filed it as it was spelt.
#[test]
fn a_run_is_found_again_however_its_node_is_spelt() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin"]);
    let text = site.plan(&["25 %", "100 %"], "1s").text();
    let plan = site.home.write("plan.toml", &text);
    let first = site.home.run_plan(&plan, "alice");
    site.home.advance("alice").exits(0);
    site.home.kill_keeper();
    first.finish();
    let (spelt, other) = (site.nodes[0].api(), site.nodes[0].api().replace("127.0.0.1", "localhost"));
    let [run] = site.home.runs().try_into().expect("one run");
    let journal = site.home.state().join("runs").join(&run).join("journal.db");
    let connection = rusqlite::Connection::open(journal).expect("its journal");
    let filed = connection.execute("UPDATE info SET value = replace(value, ?1, ?2)", [&other, &spelt]);
    assert_eq!(filed.expect("filed"), 1);
    drop(connection);
    let again = site.home.write("again.toml", &text.replace(&spelt, &other));
    let _second = site.home.run_plan(&again, "alice");
    assert_eq!(site.home.phase("held")["step"], 1);
    assert_eq!(site.home.runs(), [run]);
}

/// Stands before a node's runtime API and writes down every `set server … weight`.
struct Recorder {
    address: String,
    sets: Arc<Mutex<Vec<(String, u32)>>>,
}

impl Recorder {
    fn start(socket: std::path::PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let sets = Arc::new(Mutex::new(Vec::new()));
        let seen = sets.clone();
        std::thread::spawn(move || {
            while let Ok((mut client, _)) = listener.accept() {
                let mut line = String::new();
                if BufReader::new(&client).read_line(&mut line).is_err() {
                    continue;
                }
                let words: Vec<&str> = line.split_whitespace().collect();
                if let ["set", "server", server, "weight", weight] = words[..] {
                    let name = server.trim_start_matches("app/").to_owned();
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push((name, weight.parse().unwrap_or(0)));
                }
                let mut answer = String::new();
                let exchange = UnixStream::connect(&socket).and_then(|mut node| {
                    node.write_all(line.as_bytes())?;
                    node.read_to_string(&mut answer)
                });
                if exchange.is_ok() {
                    let _ = client.write_all(answer.as_bytes());
                }
            }
        });
        Self { address, sets }
    }

    /// The candidate's share after each command, from these weights on; forgets what it saw.
    fn shares(&self, mut weights: BTreeMap<String, u32>) -> Vec<f64> {
        let sets = std::mem::take(&mut *self.sets.lock().unwrap_or_else(PoisonError::into_inner));
        let mut shares = vec![share(&weights)];
        for (name, weight) in sets {
            weights.insert(name, weight);
            shares.push(share(&weights));
        }
        shares
    }
}

fn share(weights: &BTreeMap<String, u32>) -> f64 {
    let sum =
        |prefix: &str| -> u32 { weights.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, w)| w).sum() };
    f64::from(sum("green")) / f64::from(sum("green") + sum("blue"))
}

/// Whether no share is below the one before by more than the rounding of weights.
fn rises(shares: &[f64]) -> bool {
    shares.windows(2).all(|pair| pair[1] >= pair[0] - 0.01)
}

#[test]
fn no_command_of_a_write_leads_away_from_where_it_goes() {
    if !need("haproxy") {
        return;
    }
    let site = Site::new(&["admin"]);
    let recorder = Recorder::start(site.nodes[0].socket());
    let plan = site.plan_on(
        std::slice::from_ref(&recorder.address),
        "app",
        ["green1", "green2"],
        &["25 %", "50 %", "75 %", "100 %"],
        "1s",
    );
    let _console = site.run(&plan);
    for step in [25, 50] {
        let before = site.weights(0);
        site.home.advance("alice").exits(0);
        let shares = recorder.shares(before);
        assert!(rises(&shares), "each command of the way to {step} % gives the candidate more: {shares:.2?}");
    }
    let before = site.weights(0);
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    let shares = recorder.shares(before);
    // A connection that dies in between leaves the weights as they are after that command.
    let backwards: Vec<f64> = shares.iter().rev().copied().collect();
    assert!(rises(&backwards), "each command of a rollback gives the candidate less: {shares:.2?}");
}
