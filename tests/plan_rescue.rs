//! The rescue card, run by a real shell with the real curl and socat against the embedded world and HAProxy:
//! what it says must bring all traffic back when warroom is not there.

#![allow(clippy::unwrap_used)] // the helpers are tests too, and clippy.toml only knows functions that say so
#![expect(clippy::disallowed_methods, reason = "a test has threads of its own")]

mod plan_common;
mod support;

use plan_common::{HAPROXY, sound};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{App, Haproxy, Home, World, need, wait_until};
use warroom::plan::{load, rescue_card};

/// Runs a card as it is pasted, where a proxy is set that does not answer; gives what it printed.
#[track_caller]
fn run(card: &str) -> String {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", card]).envs(["http_proxy", "https_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")));
    let output = shell.env_remove("no_proxy").env_remove("NO_PROXY").output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{card}\n{said}");
    said
}

#[test]
fn the_http_card_brings_all_traffic_back() {
    let home = Home::new();
    let world = World::start(&home, "healthy", "1", "0");
    // Brackets are no ranges here, however curl would read them.
    let text = world.plan.replace("write_path = \"/api/traffic\"", "write_path = \"/api/traffic?service=[a]{b\"");
    assert_ne!(text, world.plan);
    let plan = load(Path::new("world.toml"), &text).expect("the world's plan");
    let set = "curl -fsS --noproxy '*' --max-time 10 -d '{\"blue\":75,\"green\":25}'";
    run(&format!("{set} http://{}/api/traffic", world.proxy));
    assert_eq!(world.candidate_percent().map(f64::round), Some(25.0));
    let card = rescue_card(&plan);
    let said = run(&card);
    assert!(said.contains("{\"blue\":100.0,\"green\":0.0}"), "read back: {said}");
    assert_eq!(world.candidate_percent().map(f64::round), Some(0.0));
}

#[test]
fn the_haproxy_card_brings_all_traffic_back_on_every_node() {
    if !need("haproxy") || !need("socat") {
        return;
    }
    let apps = [App::start(), App::start(), App::start()];
    let servers =
        [("green1", apps[0].address(), 10), ("green2", apps[1].address(), 10), ("blue1", apps[2].address(), 20)];
    let nodes = [Haproxy::start(&servers, "admin"), Haproxy::start(&servers, "admin")];
    let text = HAPROXY
        .replace("backend = \"web\"", "backend = \"app\"")
        .replace("10.0.0.9:9999", &nodes[0].api())
        .replace("/run/haproxy.sock", &nodes[1].socket().display().to_string());
    nodes[1].ask("set server app/green1 state maint").expect("an answer");
    let card = rescue_card(&sound(&text));
    run(&card);
    for node in &nodes {
        let weights = node.states().expect("states");
        assert_eq!(["green1", "green2", "blue1"].map(|name| weights[name].0), [256, 256, 0], "{card}");
    }
    // What it says of a server in maintenance is a command, and it works.
    let ready = "# a stable server in maint or drain gets nothing: ";
    for command in card.lines().filter_map(|line| line.trim().strip_prefix(ready)) {
        run(command);
    }
    wait_until("the server is up again", || nodes[1].states().is_some_and(|states| states["green1"].1));
}

/// A node that refuses the raise and would take the emptying: then nobody would serve.
#[test]
fn the_haproxy_card_takes_nothing_from_the_candidate_where_stable_has_no_weight() {
    if !need("haproxy") || !need("socat") {
        return;
    }
    let apps = [App::start(), App::start(), App::start()];
    let servers =
        [("green1", apps[0].address(), 0), ("green2", apps[1].address(), 0), ("blue1", apps[2].address(), 20)];
    let nodes = [Haproxy::start(&servers, "admin"), Haproxy::start(&servers, "admin")];
    let text = HAPROXY
        .replace("backend = \"web\"", "backend = \"app\"")
        .replace("10.0.0.9:9999", &nodes[0].api())
        .replace("/run/haproxy.sock", &nodes[1].socket().display().to_string());
    let card = rescue_card(&sound(&text));
    let refuses = |line: &&str| !line.contains(&nodes[0].api()) || !line.contains("weight 256");
    let said = run(&card.lines().filter(refuses).collect::<Vec<_>>().join("\n"));
    assert_eq!(said.matches("NOT emptied").count(), 1, "{said}");
    assert!(said.contains("blue1 on lb1: NOT emptied"), "{said}");
    let weights = |node: &Haproxy| ["green1", "green2", "blue1"].map(|name| node.weights()[name]);
    assert_eq!(weights(&nodes[0]), [0, 0, 20], "{card}");
    assert_eq!(weights(&nodes[1]), [256, 256, 0], "{card}");
}

/// A HAProxy node's runtime API that takes longer for an answer than socat waits of itself; gives what it was told.
fn slow_node() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, told) = (listener.local_addr().unwrap().to_string(), Arc::new(Mutex::new(Vec::new())));
    let hears = told.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut line) = (stream.unwrap(), String::new());
            BufReader::new(&stream).read_line(&mut line).unwrap();
            // Not synchronisation: the slowness itself.
            std::thread::sleep(Duration::from_secs(1));
            let answer =
                if line.starts_with("show") { "1\n# the names\n3 web 1 green1 10.0.0.1 2 0 256 1 9\n\n" } else { "\n" };
            hears.lock().unwrap().push(line.trim().to_owned());
            // Who no longer waits has hung up.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, told)
}

#[test]
fn the_haproxy_card_waits_for_a_busy_nodes_answer() {
    if !need("socat") {
        return;
    }
    let nodes = [slow_node(), slow_node()];
    let text = HAPROXY.replace("10.0.0.9:9999", &nodes[0].0).replace("unix:/run/haproxy.sock", &nodes[1].0);
    let said = run(&rescue_card(&sound(&text)));
    assert!(!said.contains("NOT emptied"), "{said}");
    for (_, told) in nodes {
        assert!(told.lock().unwrap().contains(&"set server web/blue1 weight 0".to_owned()), "{told:?}\n{said}");
    }
}

/// A rate that is none is a mistake in the command, not a schedule without warnings.
#[test]
fn a_rate_that_is_none_is_refused() {
    let home = Home::new();
    let plan = home.write("plan.toml", HAPROXY);
    let plan = plan.to_str().unwrap();
    home.run(["plan", plan, "--rate", "12"]).exits(0);
    for rate in ["nan", "-5", "inf", "many"] {
        home.run(["plan", plan, "--rate", rate]).exits(2);
    }
}
