//! Two keepers that know nothing of each other on one balancer, as from two hosts: the second sees the other's
//! writes as foreign, freezes, and fights nothing.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]
#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{
    App, BEFORE, BINARY, Cutover, Haproxy, Home, Moto, PlanText, Running, Site, forbidden, need, need_moto, number,
    steps, wait_until,
};

/// The interval at which the fixtures' plans read the balancer, and that of the sample plan for AWS.
const POLL: Duration = Duration::from_millis(300);
const ALB_POLL: Duration = Duration::from_secs(1);
/// Polls in which the second keeper must have seen the other's write.
const POLLS: usize = 2;

fn say(words: &str) {
    // Past the harness' capture: the figures are the point of it.
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// The other keeper's home freezes on what the first one wrote, and stays away from it.
#[track_caller]
fn freezes(first: &Home, second: &Home, percent: f64, poll: Duration) {
    let read = |home: &Home| home.try_status().and_then(|status| status["split"]["configured_percent"].as_f64());
    wait_until("the first has it read back", || read(first) == Some(percent));
    let since = Instant::now();
    let status = second.status_when("the second sees a foreign change", |status| !status["drift"].is_null());
    say(&format!(
        "two keepers: seen as foreign {:?} after the first read it back; a poll is {poll:?}",
        since.elapsed()
    ));
    assert_eq!(number(&status["drift"]["to_percent"]), percent);
    assert!(status["band"].as_str().is_some_and(|band| band.starts_with("FROZEN")), "{}", status["band"]);
    second.run(["advance", "--as", "bob"]).exits(1);
    assert_eq!(read(first), Some(percent), "the second has not fought it");
}

#[test]
fn two_names_of_one_balancer_are_two_keepers_and_the_second_freezes() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let _one = site.home.run_plan(&plan, "alice");
    // The same address by another name: no lock on this host knows that it is the same.
    let text = site.plan().text().replace("url = \"http://127.0.0.1:", "url = \"http://[::ffff:127.0.0.1]:");
    // As URLs are written in their normal form.
    let name = site.balancer.address().replace("127.0.0.1", "[::ffff:7f00:1]");
    let other = Home::new();
    let _two = other.run_plan(&other.write("plan.toml", &text), "bob");
    other.ready();
    // The second has so many reads to see the write in, however long it takes; then the balancer says nothing more to it.
    site.balancer.ration(&name, POLLS);
    site.advance_to(10.0);
    freezes(&site.home, &other, 10.0, POLL);
    let left = site.balancer.end_ration();
    assert!(left < POLLS, "its reads are those that are rationed");
    // And the other way: the second rolls back, and the first sees it as foreign, frozen, and does not put it back.
    other.run(["rollback", "--yes", "--as", "bob"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    let status = site.home.status_when("the first sees it", |status| !status["drift"].is_null());
    assert_eq!(number(&status["drift"]["to_percent"]), 0.0);
    site.home.run(["advance", "--as", "alice"]).exits(1);
    assert_eq!(site.balancer.green(), 0.0);
    assert_eq!(site.forward_posts(), 1);
}

/// Whether a process may be put into a network of its own here, where the abstract names of sockets are its own too.
fn may_unshare() -> bool {
    let ran = Command::new("unshare").args(["-n", "true"]).output();
    ran.is_ok_and(|ran| ran.status.success())
        || forbidden("a network of its own, by `unshare -n`, which it may not have here")
}

fn in_another_network(home: &Home, plan: &Path, name: &str) -> Running {
    begun(home, Command::new("unshare").args(["-n", BINARY, "run"]).arg(plan).args(["--as", name]))
}

/// The same where one port of this network is there, too, at the same address: by a socket that both see.
fn in_another_network_with(port: u16, home: &Home, plan: &Path, name: &str) -> Running {
    let bridge = home.path().join("bridge");
    let ours = format!("socat UNIX-LISTEN:{0},fork TCP:127.0.0.1:{port} & ", bridge.display());
    let theirs = format!("socat TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:{} & ", bridge.display());
    let script = format!("{ours} exec unshare -n /bin/sh -c 'ip link set lo up; {theirs} exec \"$@\"' there \"$@\"");
    begun(home, Command::new("/bin/sh").args(["-c", &script, "here", BINARY, "run"]).arg(plan).args(["--as", name]))
}

/// A run whose keeper answers. Whatever it started ends with its home.
fn begun(home: &Home, command: &mut Command) -> Running {
    command.current_dir(home.path()).env("WARROOM_STATE_DIR", home.state()).env_remove("XDG_RUNTIME_DIR");
    command.envs(home.env.iter().map(|(name, value)| (name, value)));
    let running = Running::start(command);
    wait_until("the other host's keeper answers", || home.try_status().is_some());
    running
}

#[test]
fn keepers_in_two_networks_share_no_lock_and_the_second_freezes() {
    if !need("haproxy") || !may_unshare() {
        return;
    }
    let (blue, green) = (App::start(), App::start());
    let haproxy = Haproxy::start(&[("blue1", blue.address(), 100), ("green1", green.address(), 0)], "admin");
    // Over its Unix socket, the one way to it that both networks have.
    let traffic = format!(
        "driver = \"haproxy\"\nbackend = \"app\"\nlateness = \"1s\"\ntimeout = \"1s\"\n[[traffic.nodes]]\nname = \"lb\"\n\
         address = \"unix:{}\"\n[traffic.servers]\nstable = [\"blue1\"]\ncandidate = [\"green1\"]\n",
        haproxy.socket().display()
    );
    let mut plan = PlanText::new(&blue, &green, traffic);
    plan.steps = steps(&["10 %", "100 %"]);
    let (one, two) = (Home::new(), Home::new());
    let path = one.write("plan.toml", &plan.text());
    let _first = one.run_plan(&path, "alice");
    // On the same host the lock stands between them.
    let same = two.start([Path::new("run").as_os_str(), path.as_os_str()]);
    wait_until("it attaches to the first", || one.history().contains("attached"));
    assert!(two.runs().is_empty());
    drop(same);
    let _second = in_another_network(&two, &path, "bob");
    two.status_when("it has read the balancer", |status| status["split"]["configured_percent"].is_number());
    one.advance("alice").exits(0);
    freezes(&one, &two, 10.0, POLL);
    // Anybody may roll back from either.
    let run = one.runs().pop().expect("a run");
    one.run(["rollback", &run, "--yes", "--as", "alice"]).exits(0);
    assert_eq!(haproxy.weights()["green1"], 0);
}

/// AWS knows no fencing: the second keeper's first read that has the other's write freezes it, either way.
#[test]
fn keepers_of_an_aws_rule_on_two_hosts_see_each_other_as_foreign() {
    if !need_moto() || !need("socat") || !need("ip") || !may_unshare() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    let (one, mut two) = (&cutover.home, Home::new());
    two.env.clone_from(&one.env);
    let _first = cutover.run();
    let _second = in_another_network_with(cutover.stage.moto.proxy.port(), &two, &cutover.plan, "bob");
    for home in [one, &two] {
        home.status_when("it says that nothing stands between two keepers", |_| {
            home.history().contains("fencing: ok none on this API: another hand, or a keeper on another host")
        });
    }
    one.advance("alice").exits(0);
    freezes(one, &two, 50.0, ALB_POLL);
    let status = two.status();
    assert!(status["drift"]["words"].as_str().is_some_and(|words| words.contains("by somebody else")), "{status:#?}");
    let half = [Some(999), Some(999)];
    assert_eq!(cutover.held(), [half, half]);
    // Either may roll back, and the other sees that.
    let run = one.runs().pop().expect("a run");
    one.run(["rollback", &run, "--yes", "--as", "alice"]).exits(0);
    assert_eq!(cutover.held(), [BEFORE, BEFORE]);
    two.status_when("the second sees its own setting again", |status| status["drift"].is_null());
}
