//! A balancer over HTTP that other hands use too, and one behind TLS with a header that must stay secret.

#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{
    Door, Guarded, HOST, Home, HungFile, Ran, Running, Site, Tags, World, args, below, need, number, post, wait_until,
};

// Somebody else between our read and our write.

/// A run on a balancer whose answers carry a tag.
#[track_caller]
fn tagged(tags: Tags) -> (Site, Running) {
    let site = Site::new();
    site.balancer.tag(tags);
    let plan = site.write(&site.plan());
    let console = site.home.run_plan(&plan, "alice");
    (site, console)
}

#[test]
fn a_lost_race_does_not_land_and_is_said_read_again_and_frozen() {
    let (site, mut console) = tagged(Tags::Strong);
    site.home.ready();
    site.balancer.overtake(30.0);
    site.home.run(["advance", "--as", "alice"]).exits(1).says("412").says("somebody changed it since it was read");
    assert_eq!(site.balancer.green(), 30.0, "what somebody else set stands");
    assert_eq!(site.forward_posts(), 1);
    console.says("412");
    let status = site.home.status_when("it is read again", |status| !status["drift"].is_null());
    assert_eq!(status["phase"], "held");
    assert!(status["held"]["why"].as_str().is_some_and(|why| why.contains("412")), "{status:#?}");
    assert_eq!((number(&status["drift"]["from_percent"]), number(&status["drift"]["to_percent"])), (0.0, 30.0));
    site.home.run(["advance", "--as", "alice"]).exits(1).says("held");
    // Who resumes has taken note of the lost step; the drift still locks the next one.
    site.home.run(["resume", "--as", "alice"]).exits(0);
    site.home.run(["advance", "--as", "alice"]).exits(1).says("drift");
    assert_eq!(site.forward_posts(), 1, "frozen");
    site.home.run(["rollback", "--yes", "--as", "bob"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    let matched = site.balancer.matched();
    assert!(matched[0].is_some(), "the step carried what it was decided on: {matched:?}");
    assert!(matched.len() > 1 && matched[1..].iter().all(Option::is_none), "a rollback asks nobody: {matched:?}");
}

#[test]
fn every_step_carries_the_tag_of_its_own_read_and_a_direct_rollback_none() {
    let (site, _console) = tagged(Tags::Strong);
    site.advance_to(10.0);
    site.advance_to(50.0);
    let matched = site.balancer.matched();
    assert_eq!(matched, [Some("\"1\"".to_owned()), Some("\"2\"".to_owned())]);
    // Overtaken, it goes out all the same: what is asked for is safe whatever stood there.
    site.balancer.overtake(70.0);
    site.home.run(["rollback", "--yes", "--direct"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    assert!(site.balancer.matched()[2..].iter().all(Option::is_none), "{:?}", site.balancer.matched());
}

#[test]
fn a_weak_tag_forbids_nothing() {
    let (site, _console) = tagged(Tags::Weak);
    site.advance_to(10.0);
    site.home.run(["rollback", "--yes"]).exits(0);
    assert!(site.balancer.matched().iter().all(Option::is_none), "{:?}", site.balancer.matched());
}

#[test]
fn the_worlds_balancer_lets_only_one_of_two_hands_win() {
    let home = Home::new();
    let world = World::start(&home, "healthy", "20", "200");
    // Seldom read, so that the other hand comes between a read and the step.
    let text =
        world.plan.replace("balancer = \"1s\"", "balancer = \"30s\"").replace("lateness = \"5s\"", "lateness = \"1s\"");
    let _console = home.run_plan(&home.write("plan.toml", &text), "alice");
    home.phase("ready");
    let by_hand = r#"{"blue":80.0,"green":20.0,"strategy":"percentage"}"#;
    assert_eq!(post(&world.proxy, "/api/traffic", by_hand).expect("an answer").status, 200);
    home.run(["advance", "--as", "alice"]).exits(1).says("412");
    assert_eq!(world.candidate_percent(), Some(20.0));
    let status = home.status_when("it is read again", |status| !status["drift"].is_null());
    assert_eq!(number(&status["drift"]["to_percent"]), 20.0);
    home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(world.candidate_percent(), Some(0.0));
}

// TLS, an own CA, a header that is secret.

const VARIABLE: &str = "WARROOM_TEST_TOKEN";
const BY_VARIABLE: &str = "s3cr3t-of-the-environment-4711";
const BY_FILE: &str = "s3cr3t-of-a-file-0815";
const WRONG: &str = "s3cr3t-that-is-wrong-2342";

/// The embedded world behind doors that speak TLS and want a token: the balancer's from the environment,
/// the environments' from a file.
struct Vault {
    home: Home,
    _world: World,
    door: Door,
    /// Each url of the world's plan, and the header that its door takes.
    inside: [(String, String); 3],
    plan: String,
}

impl Vault {
    #[track_caller]
    fn new() -> Self {
        let home = Home::new();
        let world = World::start(&home, "healthy", "20", "200");
        let balancer = format!("Bearer {BY_VARIABLE}");
        let door = Door::start(&[
            Guarded { address: &world.proxy, header: "authorization", value: &balancer },
            Guarded { address: &world.stable, header: "x-token", value: BY_FILE },
            Guarded { address: &world.candidate, header: "x-token", value: BY_FILE },
        ]);
        // With a line's end, as editors leave it.
        let token = home.write("token", &format!("{BY_FILE}\n"));
        let by_variable = format!("Authorization = {{ env = \"{VARIABLE}\" }}");
        let by_file = format!("X-Token = {{ file = \"{}\" }}", token.display());
        let plan = world.plan.replace("lateness = \"5s\"", "lateness = \"1s\"");
        let inside = [(&world.proxy, by_variable), (&world.stable, by_file.clone()), (&world.candidate, by_file)];
        let inside = inside.map(|(address, header)| (address.clone(), header));
        Self { home, _world: world, door, inside, plan }
    }

    /// The plan through the doors under a host's name, with what stands beside each url.
    fn plan(&self, host: &str, trust: &str) -> PathBuf {
        let mut text = String::new();
        for line in self.plan.lines() {
            let place = self.inside.iter().position(|(address, _)| line.contains(&format!("http://{address}")));
            let Some(place) = place else {
                text.push_str(&format!("{line}\n"));
                continue;
            };
            let (address, header) = &self.inside[place];
            let line = line.replace(&format!("http://{address}"), &self.door.url(place, host));
            text.push_str(&format!("{line}\n"));
            if line.starts_with("url") {
                text.push_str(&format!("{trust}headers = {{ {header} }}\n"));
            }
        }
        self.home.write("plan.toml", &text)
    }

    fn trust(&self) -> String {
        format!("ca = \"{}\"\n", self.door.ca().display())
    }

    /// Starts a command with the token in its environment, or with another one.
    #[track_caller]
    fn start_with(&self, token: &str, words: &[&str], path: &Path) -> Running {
        let mut command = self.home.command(args(words, path));
        Running::start(command.env(VARIABLE, format!("Bearer {token}")).env("WARROOM_LOG", "trace"))
    }

    #[track_caller]
    fn run(&self, words: &[&str], path: &Path) -> Ran {
        self.start_with(BY_VARIABLE, words, path).finish()
    }

    /// None of the secrets is in what was said, in the state folder or in an argument of a process.
    #[track_caller]
    fn told_nobody(&self, said: &[Ran]) {
        let secrets = [BY_VARIABLE, BY_FILE, WRONG];
        let holds = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            secrets.into_iter().find(|secret| text.contains(*secret))
        };
        for ran in said {
            assert_eq!(holds(ran.all().as_bytes()), None, "{}", ran.all());
        }
        let files = below(&self.home.state());
        assert!(files.iter().any(|path| path.ends_with("journal.db")), "{files:?}");
        for path in files {
            // Neither a folder nor a socket is a file to read.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            assert_eq!(holds(&bytes), None, "{}", path.display());
        }
        for process in std::fs::read_dir("/proc").expect("processes").flatten() {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            assert_eq!(holds(&line), None, "{}", String::from_utf8_lossy(&line));
        }
    }
}

#[test]
fn a_cutover_behind_tls_with_secret_headers_tells_nobody() {
    if !need("haproxy") {
        return;
    }
    let vault = Vault::new();
    let plan = vault.plan(HOST, &vault.trust());
    let mut said = vec![vault.run(&["check", "PLAN", "--json"], &plan).exits(0)];
    let console = vault.start_with(BY_VARIABLE, &["run", "PLAN", "--as", "alice"], &plan);
    wait_until("the keeper answers", || vault.home.try_status().is_some());
    vault.home.phase("ready");
    vault.home.advance("alice").exits(0);
    let status = vault.home.status_when("measured through TLS too", |status| {
        status["split"]["measured"]["requests"].as_u64().is_some_and(|requests| requests > 5)
    });
    assert_eq!(status["split"]["measured"]["failed"], 0);
    for words in [&["status", "--json"][..], &["log"], &["log", "--json"], &["log", "--markdown"], &["plan", "PLAN"]] {
        said.push(vault.run(words, &plan).exits(0));
    }
    // Without the keeper the token is needed again, from this command's own environment.
    said.push(vault.run(&["rollback", "PLAN", "--direct", "--yes"], &plan).exits(0).says("confirmed"));
    vault.home.phase("rolled_back");
    said.push(vault.run(&["log"], &plan).exits(0));
    vault.told_nobody(&said);
    vault.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    vault.told_nobody(&[console.finish().exits(4)]);
}

#[test]
fn hazard_35_a_server_that_repeats_a_refused_secret_does_not_bring_it_on_screen() {
    if !need("haproxy") {
        return;
    }
    let vault = Vault::new();
    let plan = vault.plan(HOST, &vault.trust());
    let checked = vault.start_with(WRONG, &["check", "PLAN", "--json"], &plan).finish();
    let checked = checked.exits(1).says("401").says("no: ***");
    let console = vault.start_with(WRONG, &["run", "PLAN", "--as", "alice"], &plan);
    let status = vault.home.status_when("the balancer does not let us in", |status| {
        let gates = status["gates"].as_array().expect("gates");
        gates
            .iter()
            .any(|gate| gate["name"] == "balancer" && gate["detail"].as_str().is_some_and(|d| d.contains("401")))
    });
    assert_ne!(status["phase"], "ready");
    vault.home.run(["advance", "--as", "alice"]).exits(1).says("401");
    let log = vault.run(&["log"], &plan).exits(0);
    vault.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    vault.told_nobody(&[checked, log, console.finish()]);
}

#[test]
fn a_server_that_cannot_be_trusted_is_said_with_the_reason() {
    if !need("haproxy") {
        return;
    }
    let vault = Vault::new();
    for (host, trust, reason) in [
        (HOST, String::new(), "not trusted here: name it with `ca`"),
        ("127.0.0.1", vault.trust(), "not valid for name \"127.0.0.1\""),
    ] {
        let plan = vault.plan(host, &trust);
        let ran = vault.run(&["check", "PLAN", "--json"], &plan).exits(1).says("invalid peer certificate");
        let answer: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        let checks = answer["checks"].as_array().expect("checks");
        let health = checks.iter().find(|check| check["name"] == "candidate health").expect("the check");
        assert_eq!(health["verdict"], "unknown", "{health}");
        assert!(health["detail"].as_str().is_some_and(|detail| detail.contains(reason)), "{reason:?}: {health}");
        let balancer = checks.iter().find(|check| check["name"] == "balancer").expect("the check");
        assert_ne!(balancer["verdict"], "pass", "{balancer}");
    }
}

#[test]
fn a_secret_or_ca_that_is_not_there_is_named_before_anything_is_asked() {
    let site = Site::new();
    let begin = |line: &str| {
        let mut plan = site.plan();
        plan.traffic = plan.traffic.replacen("[traffic.fields]", &format!("{line}\n[traffic.fields]"), 1);
        let path = site.write(&plan);
        for words in [&["check", "PLAN"][..], &["run", "PLAN"]] {
            // What the plan names and this machine lacks is the plan's fault, whoever finds it.
            let ran = Running::start(site.home.command(args(words, &path)).env_remove(VARIABLE)).finish().exits(2);
            let named = [VARIABLE, "/nonexistent/ca.pem", "/nonexistent/token", "hung cannot be read: its disk"];
            let named = named.iter().any(|name| ran.all().contains(name));
            assert!(named, "{}", ran.all());
        }
    };
    begin(&format!("headers = {{ Authorization = {{ env = \"{VARIABLE}\" }} }}"));
    begin("headers = { Authorization = { file = \"/nonexistent/token\" } }");
    begin("ca = \"/nonexistent/ca.pem\"");
    let hung = site.home.path().join("hung");
    let _hung = HungFile::at(&hung);
    begin(&format!("headers = {{ Authorization = {{ file = \"{}\" }} }}", hung.display()));
    begin(&format!("ca = \"{}\"", hung.display()));
    assert_eq!(site.balancer.posts().len(), 0);
}

/// Somebody who asks without credentials learns nothing of how an environment is, and the plan is told so before a run.
#[test]
fn a_health_path_that_lets_nobody_in_is_no_go() {
    let site = Site::new();
    let url = format!("url = \"http://{}\"\n", site.blue.address());
    let text = site.plan().text().replacen(&url, &format!("{url}health = \"/closed\"\n"), 1);
    let plan = site.home.write("plan.toml", &text);
    let words = "health answers 401: the plan has no credentials for it";
    site.home
        .run(args(&["check", "PLAN"], &plan))
        .exits(1)
        .says(words)
        .says("how healthy an environment is nobody knows");
    let ran = site.home.run(args(&["check", "PLAN", "--json"], &plan)).exits(1);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let expected = serde_json::json!([{"name": "health of stable", "verdict": "unknown", "detail": words}]);
    assert_eq!((&answer["go"], &answer["health"]), (&false.into(), &expected));
}

#[test]
fn a_machine_that_trusts_nobody_still_rolls_back_over_plain_http() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    site.balancer.set(40.0);
    let mut command = site.home.command(args(&["rollback", "PLAN", "--yes", "--to", "v1"], &plan));
    command.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
    Running::start(&mut command).finish().exits(0).says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
}

// On a machine without the servers.

#[test]
fn without_haproxy_the_live_tests_say_that_they_did_not_run() {
    let test = "a_cutover_behind_tls_with_secret_headers_tells_nobody";
    let run = |required: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command.args(["--exact", test]).env("PATH", "/nonexistent").env_remove("WARROOM_REQUIRE_SERVERS");
        Running::start(command.envs(required.map(|value| ("WARROOM_REQUIRE_SERVERS", value)))).finish()
    };
    run(None).exits(0).says("1 passed").says(&format!("NOT RUN: {test} needs haproxy"));
    run(Some("1")).exits(101).says(&format!("{test} needs haproxy, which is not on PATH"));
}
