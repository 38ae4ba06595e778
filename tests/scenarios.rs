//! What goes wrong in the embedded world, and that the limits answer rightly each time.
//!
//! Each scenario lives through its own seconds, mostly waiting: a few run side by side in one test.
//! `WARROOM_SCENARIO=words` runs those whose name has these words.

#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use support::{Home, Process, Running, SOON, World, gate, number, wait_until};
use warroom::world::Scenario;

/// Requests a second: what the plan's minimum counts are made for.
const LOAD: &str = "200";

/// Time between two looks at a run: each starts a process, and there are a dozen runs.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Worlds at once: each answers 200 requests a second in earnest, and the limits judge how long that takes.
const SIDE_BY_SIDE: usize = 4;

/// At the first share two usual failures of 40 requests are 5 %: more than the plan's own limit holds at.
const CHANCE: (&str, &str) = ("hold = \"3 %\"", "hold = \"6 %\"");

macro_rules! by_name {
    ($($scenario:ident),+ $(,)?) => { [$((stringify!($scenario), $scenario as fn())),+] };
}

#[test]
fn the_limits_answer_rightly_in_every_scenario() {
    let all = by_name![
        healthy_goes_to_100_percent,
        errors_roll_back_by_themselves_at_25_percent,
        slow_answers_hold_by_themselves,
        a_leak_warns_and_then_rolls_back_by_itself,
        flapping_errors_warn_and_lock_the_way_while_they_last,
        a_crash_rolls_back_by_itself,
        lost_metrics_are_blind_and_lock_the_way_forward,
        late_writes_are_not_there_before_they_landed,
        a_rollback_outlives_an_older_write_that_lands_after_it,
        drift_freezes_the_way_forward,
        a_rollback_while_the_balancer_is_down_is_confirmed_once_it_is_back,
        a_random_scenario_is_the_one_its_seed_names,
    ];
    let wanted = std::env::var("WARROOM_SCENARIO").unwrap_or_default();
    let wanted: Vec<_> = all.into_iter().filter(|(name, _)| name.contains(&wanted)).collect();
    assert!(!wanted.is_empty(), "no scenario has such a name");
    let waiting = Mutex::new(wanted.into_iter());
    let live = || {
        let mut failed = Vec::new();
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((name, live)) = next else { return failed };
            // It says on standard error what went wrong in it, under its own name.
            let ended = std::thread::Builder::new().name(name.to_owned()).spawn(live).expect("a thread").join();
            failed.extend(ended.is_err().then_some(name));
        }
    };
    let failed: Vec<_> = std::thread::scope(|scope| {
        let side_by_side: Vec<_> = (0..SIDE_BY_SIDE).map(|_| scope.spawn(live)).collect();
        side_by_side.into_iter().flat_map(|one| one.join().expect("it catches what its scenarios throw")).collect()
    });
    assert!(failed.is_empty(), "{failed:?}");
}

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
        Self::changed(&["--scenario", scenario], lateness, &[])
    }

    /// With some words of the plan changed, each of which must be there.
    #[track_caller]
    fn changed(scenario: &[&str], lateness: &str, changes: &[(&str, &str)]) -> Self {
        let mut home = Home::new();
        home.look_every = LOOK_EVERY;
        let world = World::start_with(&home, scenario, "20", LOAD);
        let mut text = world.plan.replace("lateness = \"5s\"", &format!("lateness = \"{lateness}\""));
        for (old, new) in [CHANCE].iter().chain(changes) {
            assert!(text.contains(old), "the plan has no {old}");
            text = text.replace(old, new);
        }
        let plan = home.write("plan.toml", &text);
        let console = home.run_plan(&plan, "alice");
        home.phase("ready");
        Self { home, world, _console: console }
    }

    #[track_caller]
    fn advance(&self) -> Duration {
        self.home.ready();
        self.home.run(["advance", "--as", "alice"]).exits(0).took
    }

    /// A guardrail whose words begin so.
    #[track_caller]
    fn guardrail(&self, words: &str) -> Value {
        guardrail(&self.home.status(), words).clone()
    }

    /// The candidate dies soon after its first share, and the limits take the traffic away from it.
    #[track_caller]
    fn crashes(&self) {
        self.advance();
        let status = self.home.phase("rolled_back");
        assert_eq!(status["rollback"]["automatic"], true, "{status:#?}");
        assert_eq!(self.world.candidate_percent(), Some(0.0));
    }
}

fn guardrail<'a>(status: &'a Value, words: &str) -> &'a Value {
    let all = status["guardrails"].as_array().expect("guardrails");
    let is_it = |g: &&Value| g["words"].as_str().is_some_and(|said| said.starts_with(words));
    all.iter().find(is_it).unwrap_or_else(|| panic!("no guardrail {words}: {all:#?}"))
}

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

fn errors_roll_back_by_themselves_at_25_percent() {
    // At 5 % one of 100 requests fails already, at 4 % one of 500.
    let site = Site::changed(&["--scenario", "errors"], "1s", &[("split = \"5 %\"", "split = \"4 %\"")]);
    site.advance();
    assert!(site.home.status()["held"].is_null(), "4 % is fine");
    site.advance();
    let status = site.home.status_when("rolled back by itself", |status| status["phase"] == "rolled_back");
    assert_eq!(status["rollback"]["automatic"], true, "{status:#?}");
    assert_eq!(status["step"], 2);
    assert_eq!(site.world.candidate_percent(), Some(0.0));
    assert!(number(&status["failed_on_candidate"]["requests"]) > 0.0);
}

fn slow_answers_hold_by_themselves() {
    // At 40 % two of five answers take longer than 200 ms and none longer than 720 ms: no chance reaches either limit.
    let clear = [("split = \"25 %\"", "split = \"40 %\""), ("roll_back = \"400ms\"", "roll_back = \"2s\"")];
    let site = Site::changed(&["--scenario", "slow"], "1s", &clear);
    site.advance();
    assert!(site.home.status()["held"].is_null(), "5 % is fine");
    site.advance();
    let status = site.home.phase("held");
    assert_eq!(status["held"]["automatic"], true, "{status:#?}");
    assert!(status["held"]["why"].as_str().is_some_and(|why| why.contains("P99")), "{status:#?}");
    assert_eq!(site.guardrail("P99")["level"], "hold");
    assert_eq!(status["rollback"], Value::Null, "slow is not broken");
    site.home.run(["advance", "--as", "alice"]).exits(1);
    assert_eq!(site.world.candidate_percent(), Some(40.0));
    site.home.run(["rollback", "--yes"]).exits(0);
    assert_eq!(site.world.candidate_percent(), Some(0.0));
}

fn a_leak_warns_and_then_rolls_back_by_itself() {
    // The plan's own limits would be reached after 36 and 44 s.
    let nearer = [("warn = \"85 %\"", "warn = \"50 %\""), ("roll_back = \"95 %\"", "roll_back = \"60 %\"")];
    let site = Site::changed(&["--scenario", "leak"], "1s", &nearer);
    assert_eq!(site.guardrail("memory")["level"], "quiet");
    site.advance();
    let status = site.home.status_when("it warns", |status| guardrail(status, "memory")["level"] == "warn");
    assert_eq!((&status["held"], &status["rollback"]), (&Value::Null, &Value::Null), "a warning only warns");
    let status = site.home.phase("rolled_back");
    assert_eq!(status["rollback"]["automatic"], true, "{status:#?}");
    assert!(status["rollback"]["reason"].as_str().is_some_and(|why| why.contains("memory")), "{status:#?}");
    assert_eq!(site.world.candidate_percent(), Some(0.0));
}

fn flapping_errors_warn_and_lock_the_way_while_they_last() {
    // So many requests that chance alone carries the ratio neither over the hold limit nor under the warning.
    let large = [
        ("\"5 %\"\nbake", "\"90 %\"\nbake"),
        ("split = \"25 %\"", "split = \"92 %\""),
        ("\"50 %\"\nbake", "\"95 %\"\nbake"),
    ];
    let site = Site::changed(&["--scenario", "flapping"], "1s", &large);
    site.advance();
    for _ in 0..2 {
        let status = site.home.status_when("they come", |status| {
            guardrail(status, "5xx")["level"] == "warn" && gate(status, "candidate 5xx")["verdict"] == "fail"
        });
        assert_eq!(status["rollback"], Value::Null, "{status:#?}");
        site.home.status_when("they go", |status| {
            guardrail(status, "5xx")["level"] == "quiet" && gate(status, "candidate 5xx")["verdict"] == "pass"
        });
    }
    let status = site.home.status();
    assert_eq!(
        (&status["held"], &status["rollback"]),
        (&Value::Null, &Value::Null),
        "a warning is a person's to judge"
    );
    assert_eq!(site.world.candidate_percent(), Some(90.0));
}

fn a_random_scenario_is_the_one_its_seed_names() {
    let crash = |seed: &u64| Scenario::named("random", *seed).map(Scenario::resolved) == Some(Scenario::Crash);
    let seed = (0..1000).find(crash).expect("some seed is a crash").to_string();
    let site = Site::changed(&["--scenario", "random", "--seed", &seed], "1s", &[]);
    site.crashes();
}

fn a_crash_rolls_back_by_itself() {
    Site::ready("crash", "1s").crashes();
}

fn lost_metrics_are_blind_and_lock_the_way_forward() {
    let site = Site::ready("metrics-lost", "1s");
    site.advance();
    let status = site.home.status_when("BLIND", |status| status["blind"] == true);
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

fn a_rollback_while_the_balancer_is_down_is_confirmed_once_it_is_back() {
    let site = Site::ready("balancer-down", "1s");
    site.advance();
    site.home.status_when("the balancer is missed", |status| gate(status, "balancer")["verdict"] == "unknown");
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
fn every_scenario_is_some_seeds() {
    let mut left: Vec<Scenario> = warroom::world::SCENARIOS.iter().map(|(_, scenario, _)| *scenario).collect();
    // A seed is for what goes wrong.
    left.retain(|scenario| !matches!(scenario, Scenario::Random(_) | Scenario::Healthy));
    for seed in 0..1000 {
        let chosen = Scenario::named("random", seed).expect("a scenario").resolved();
        assert!(!matches!(chosen, Scenario::Random(_)), "seed {seed}");
        assert_eq!(chosen, Scenario::Random(seed).resolved(), "a seed is a scenario");
        left.retain(|scenario| *scenario != chosen);
    }
    assert_eq!(left, [], "no seed gives these");
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
    for path in
        ["/health", "/health/detailed", "/metrics", "/api/agents", "/api/messages", "/api/status", "/api/feature-flags"]
    {
        let answer = support::get(&world.stable, path).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
    }
    wait_until("its users are there", || {
        let metrics = support::get(&world.stable, "/metrics").expect("metrics").body;
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
