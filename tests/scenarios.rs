//! What goes wrong in the embedded world, and that the limits answer rightly each time.

#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Home, Process, Running, SOON, World, number, wait_until};

/// Requests a second: what the plan's minimum counts are made for.
const LOAD: &str = "200";

/// A world with a run on it, driven by alice, every gate open.
struct Site {
    home: Home,
    world: World,
    _console: Running,
}

impl Site {
    /// `lateness` in place of the plan's 5 s where the scenario allows it.
    #[track_caller]
    fn ready(scenario: &str, lateness: &str) -> Self {
        let home = Home::new();
        let world = World::start(&home, scenario, "20", LOAD);
        let plan =
            home.write("plan.toml", &world.plan.replace("lateness = \"5s\"", &format!("lateness = \"{lateness}\"")));
        let console = home.run_plan(&plan, "alice");
        home.phase("ready");
        Self { home, world, _console: console }
    }

    #[track_caller]
    fn advance(&self) -> Duration {
        self.home.ready();
        self.home.run(["advance", "--as", "alice"]).exits(0).took
    }
}

#[test]
fn healthy_goes_to_100_percent() {
    let site = Site::ready("healthy", "1s");
    for _ in 0..4 {
        site.advance();
        assert!(site.home.status()["held"].is_null());
    }
    let status = site.home.phase("complete");
    assert_eq!(number(&status["split"]["configured_percent"]), 100.0);
    assert_eq!(status["rollback"], Value::Null);
}

#[test]
fn errors_roll_back_by_themselves_at_25_percent() {
    let site = Site::ready("errors", "1s");
    site.advance();
    assert!(site.home.status()["held"].is_null(), "5 % is fine");
    site.advance();
    let status = site.home.status_when("rolled back by itself", |status| status["phase"] == "rolled_back");
    assert_eq!(status["rollback"]["automatic"], true, "{status:#?}");
    assert_eq!(status["step"], 2);
    assert_eq!(site.world.candidate_percent(), Some(0.0));
    assert!(number(&status["failed_on_candidate"]["requests"]) > 0.0);
}

#[test]
fn a_crash_rolls_back_by_itself() {
    let site = Site::ready("crash", "1s");
    site.advance();
    let status = site.home.status_when("rolled back by itself", |status| status["phase"] == "rolled_back");
    assert_eq!(status["rollback"]["automatic"], true, "{status:#?}");
    assert_eq!(site.world.candidate_percent(), Some(0.0));
}

#[test]
fn lost_metrics_are_blind_within_the_limit_and_lock_the_way_forward() {
    let site = Site::ready("metrics-lost", "1s");
    site.advance();
    // They hang 3 s after the first share; BLIND after max(5 intervals, 5 s), shown at most 1 s later.
    let began = Instant::now();
    let status = site.home.status_when("BLIND", |status| status["blind"] == true);
    assert!(began.elapsed() < Duration::from_secs(3 + 5 + 1 + 2), "{:?}", began.elapsed());
    site.home.status_when("held for it", |status| status["phase"] == "held");
    assert_eq!(status["rollback"], Value::Null, "no reading is no reason to go back by itself here");
    let band = site.home.run(["status", "--oneline"]).exits(0).out;
    site.home.run(["advance", "--as", "alice"]).exits(1);
    site.home.run(["resume", "--as", "alice"]).exits(1);
    assert_eq!(site.world.candidate_percent(), Some(5.0));
    site.home.run(["rollback", "--yes"]).exits(0);
    assert_eq!(site.world.candidate_percent(), Some(0.0));
    assert!(band.contains("BLIND"), "a hold does not hide it: {band}");
}

#[test]
fn late_writes_are_not_there_before_they_landed() {
    let site = Site::ready("late-writes", "5s");
    let took = site.advance();
    assert!(took >= Duration::from_millis(2900), "3 s late, and reached after {took:?}");
    let status = site.home.status();
    assert_eq!((&status["step"], &status["held"]), (&1.into(), &Value::Null));
    let ran = site.home.run(["rollback", "--yes"]).exits(0);
    assert!(
        ran.took >= Duration::from_millis(3000 + 4900),
        "confirmed over the lateness window, not before: {:?}",
        ran.took
    );
    assert_eq!(site.world.candidate_percent(), Some(0.0));
}

#[test]
fn a_rollback_outlives_an_older_write_that_lands_after_it() {
    let site = Site::ready("late-writes", "5s");
    site.home.ready();
    let advancing = site.home.start(["advance", "--as", "alice"]);
    site.home.phase("shifting");
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    rolling.finish().exits(0);
    assert_eq!(site.world.candidate_percent(), Some(0.0), "confirmed means that nothing older can land");
    drop(advancing);
    let status = site.home.phase("rolled_back");
    assert_eq!(status["rollback"]["foreign"], Value::Null, "{status:#?}");
}

#[test]
fn drift_freezes_the_way_forward() {
    let site = Site::ready("drift", "1s");
    site.advance();
    let status = site.home.status_when("somebody's hand", |status| !status["drift"].is_null());
    assert_eq!((number(&status["drift"]["from_percent"]), number(&status["drift"]["to_percent"])), (5.0, 15.0));
    site.home.run(["advance", "--as", "alice"]).exits(1).says("drift");
    assert_eq!(site.world.candidate_percent(), Some(15.0), "never fought");
    site.home.run(["rollback", "--yes"]).exits(0);
    assert_eq!(site.world.candidate_percent(), Some(0.0));
}

#[test]
fn a_rollback_while_the_balancer_is_down_is_confirmed_once_it_is_back() {
    let site = Site::ready("balancer-down", "1s");
    site.advance();
    site.home.status_when("the balancer is missed", |status| {
        status["gates"]
            .as_array()
            .is_some_and(|g| g.iter().any(|g| g["name"] == "balancer" && g["verdict"] == "unknown"))
    });
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    let status = site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    assert!(status["rollback"]["last_error"].as_str().is_some_and(|why| why.contains("503")), "{status:#?}");
    assert_eq!(status["phase"], "rolling_back");
    let within = SOON + Duration::from_secs(30);
    let status = site.home.status_within("confirmed", within, |status| status["rollback"]["confirmed"] == true);
    assert!(number(&status["rollback"]["attempts"]) > 2.0, "{status:#?}");
    assert_eq!(site.world.candidate_percent(), Some(0.0));
    let ran = rolling.finish();
    assert!(matches!(ran.code, 0 | 5), "{}", ran.all());
}

#[test]
fn the_worlds_api_is_as_documented() {
    let home = Home::new();
    let world = World::start(&home, "healthy", "1", "20");
    assert_eq!(world.candidate_percent(), Some(0.0));
    let answer = support::get(&world.proxy, "/api/status").expect("an answer");
    assert_eq!(answer.body, "{\"blue\":100.0,\"green\":0.0}");
    let page = support::get(&world.proxy, "/orders").expect("an answer");
    assert_eq!(page.header("X-Backend-Server"), Some("blue-1"));
    let stable =
        world.plan.split("url = \"http://").nth(1).and_then(|rest| rest.split('"').next()).expect("stable's url");
    for path in
        ["/health", "/health/detailed", "/metrics", "/api/agents", "/api/messages", "/api/status", "/api/feature-flags"]
    {
        let answer = support::get(stable, path).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
    }
    wait_until("its users are there", || {
        let metrics = support::get(stable, "/metrics").expect("metrics").body;
        let count = metrics.lines().find_map(|line| line.strip_prefix("http_requests_total{status=\"200\"} "));
        count.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count > 20)
    });
}

/// What it says is true when it says it: the port that was given, the scenario that was chosen, and again at its end.
#[test]
fn the_world_says_where_it_listens_and_what_was_chosen() {
    let home = Home::new();
    let mut command = home.command(["world", "--listen", "127.0.0.1:0", "--scenario", "random", "--seed", "7"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut process = Process(child.expect("the world starts"));
    let mut out = BufReader::new(process.0.stdout.take().expect("its words"));
    let mut said = String::new();
    out.read_line(&mut said).expect("a line");
    let address = said.strip_prefix("world on http://").and_then(|rest| rest.split(": scenario").next());
    let address = address.unwrap_or_else(|| panic!("{said}"));
    assert!(support::get(address, "/api/status").is_some(), "nobody listens: {said}");
    assert!(said.contains(" (random by seed 7), "), "{said}");
    support::signal(process.pid(), Signal::INT);
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("the rest");
    let chosen = said.split("scenario ").nth(1).and_then(|words| words.split(',').next()).expect("a scenario");
    assert_eq!(rest, format!("world ended: scenario {chosen}\n"));
}

#[test]
fn a_world_that_cannot_begin_says_only_why() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = home.run(["world", "--listen", &address]).exits(3);
    assert!(ran.out.is_empty() && ran.all().contains(&address), "{}", ran.all());
    let ran = home.run(["world", "--listen", "127.0.0.1:0", "--write-plan", "/nowhere/plan.toml"]).exits(3);
    assert!(ran.out.is_empty() && ran.all().contains("/nowhere/plan.toml"), "{}", ran.all());
}
