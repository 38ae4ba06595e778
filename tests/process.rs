//! Keeper and console as processes: killed, frozen, doubled; and who may do what.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]
#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use support::{Home, Site, args, gate, is_running, number, only_closed, plain, signal, steps, wait_until};

#[test]
fn a_killed_keeper_comes_back_where_it_stood_and_holds() {
    let (site, plan, console) = Site::running(plain);
    site.advance_to(10.0);
    let seen = site.home.status()["generation"].as_u64();
    site.home.kill_keeper();
    console.finish();
    site.home.run(["status", "--json"]).exits(3);
    let posts = site.balancer.posts().len();
    let again = site.home.run_plan(&plan, "alice");
    let status = site.home.phase("held");
    assert_eq!(status["step"], 1);
    assert!(status["generation"].as_u64() > seen, "a decision on the old keeper's picture is none on this one's");
    assert_eq!(number(&status["split"]["wanted_percent"]), 10.0);
    assert_eq!(status["driver"]["name"], "alice", "the seat belongs to the name");
    assert!(status["held"]["why"].as_str().is_some_and(|why| why.contains("restarted")), "{status:#?}");
    assert_eq!(site.balancer.posts().len(), posts, "coming back writes nothing");
    assert_eq!(site.home.runs().len(), 1);
    site.home.run(["advance", "--as", "alice"]).exits(1).says("resume");
    site.home.ready();
    site.home.run(["resume", "--as", "alice"]).exits(0);
    site.advance_to(50.0);
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    again.finish().exits(4).says("not finished: going on with it, held");
}

#[test]
fn as_lines_a_keeper_that_hangs_is_told_and_one_that_dies_is_no_success() {
    let (site, _plan, mut console) = Site::running(plain);
    site.advance_to(10.0);
    let pid = site.home.keeper_pid();
    signal(pid, Signal::STOP);
    console.says("? KEEPER SILENT for 5 s");
    signal(pid, Signal::CONT);
    console.says("the keeper answers again");
    site.home.kill_keeper();
    console.finish().exits(3).says("the keeper went away at").says("candidate 10.0% then").says("--direct");
}

#[test]
fn a_keeper_ended_by_sigterm_leaves_a_run_that_goes_on() {
    let (site, plan, console) = Site::running(plain);
    site.advance_to(10.0);
    let pid = site.home.keeper_pid();
    signal(pid, Signal::TERM);
    wait_until("the keeper ends", || !is_running(pid));
    console.finish().exits(3).says("the keeper went away");
    assert!((site.balancer.green() - 10.0).abs() < 0.01);
    let _again = site.home.run_plan(&plan, "alice");
    assert_eq!(site.home.phase("held")["step"], 1);
}

#[test]
fn a_keeper_ended_by_sigterm_while_it_rolls_back_comes_to_the_end_of_that_first() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.balancer.refuse_writes(Some(503));
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    let pid = site.home.keeper_pid();
    signal(pid, Signal::TERM);
    wait_until("it says so", || site.home.history().contains("told to end (SIGTERM)"));
    signal(pid, Signal::TERM);
    site.balancer.refuse_writes(None);
    rolling.finish().exits(0).says("confirmed");
    wait_until("the keeper ends", || !is_running(pid));
    assert_eq!(site.balancer.green(), 0.0);
    let history = site.home.history();
    assert!(history.contains("rollback confirmed"), "the keeper has read it back itself: {history}");
}

#[test]
fn a_rollback_that_was_killed_goes_on_by_itself() {
    let (site, plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.die_rolling_back();
    site.balancer.refuse_writes(None);
    assert!((site.balancer.green() - 10.0).abs() < 0.01);
    let _again = site.home.run_plan(&plan, "alice");
    let status = site.home.phase("rolled_back");
    assert_eq!(site.balancer.green(), 0.0);
    assert_eq!((&status["rollback"]["by"], &status["rollback"]["reason"]), (&"bob".into(), &"smoke".into()));
    site.home.run(["advance", "--as", "alice"]).exits(1).says("nothing moves forward");
    assert_eq!(site.forward_posts(), 1);
}

#[test]
fn a_rollback_after_the_watch_was_over_is_not_forgotten_either() {
    let (site, plan, _console) = Site::running(|plan| {
        plan.steps = steps(&["100 %"]);
        plan.watch = "0s";
    });
    site.advance_to(100.0);
    site.home.status_when("the watch is over", |status| {
        status["band"].as_str().is_some_and(|band| band.contains("watch over"))
    });
    site.balancer.refuse_writes(Some(503));
    let rolling = site.home.start(["rollback", "--yes", "--as", "bob"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    let run = site.run_id();
    site.home.kill_keeper();
    drop(rolling);
    site.balancer.refuse_writes(None);
    let _again = site.home.run_plan(&plan, "alice");
    assert_eq!(site.home.runs(), [run], "the unfinished rollback's run goes on");
    site.home.phase("rolled_back");
    assert_eq!(site.balancer.green(), 0.0);
}

#[test]
fn a_step_whose_outcome_nobody_knew_is_found_out_after_a_restart() {
    let (site, plan, _console) = Site::running(plain);
    site.home.ready();
    let advancing = site.home.start(["advance", "--as", "alice"]);
    // The write lands; the keeper dies as soon as the balancer has it, before or after it was read back.
    wait_until("the write lands", || site.balancer.green() > 0.0);
    site.home.kill_keeper();
    drop(advancing);
    let _again = site.home.run_plan(&plan, "alice");
    let status = site.home.status_when("it is held at the step that landed", |status| {
        status["phase"] == "held" && status["step"] == 1 && status["drift"].is_null()
    });
    assert_eq!(number(&status["split"]["wanted_percent"]), 10.0);
    assert_eq!(site.forward_posts(), 1, "nothing was sent again");
}

#[test]
fn a_frozen_keeper_is_gone_around_within_a_second_and_follows_when_it_thaws() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    let pid = site.home.keeper_pid();
    signal(pid, Signal::STOP);
    let asked = Instant::now();
    let rolling = site.home.start(["rollback", &run, "--yes", "--reason", "frozen"]);
    wait_until("the rollback is at the balancer", || site.balancer.green() == 0.0);
    let (at, _) = site.balancer.posts().pop().expect("a write");
    assert!(at.duration_since(asked) < Duration::from_millis(2500), "{:?}", at.duration_since(asked));
    rolling.finish().exits(0).says("directly").says("confirmed");
    signal(pid, Signal::CONT);
    let status = site.home.phase("rolled_back");
    assert_eq!(status["keeper"]["pid"], pid);
    assert!(status["rollback"]["reason"].as_str().is_some_and(|reason| reason.contains("frozen")), "{status:#?}");
    site.home.run(["advance", "--as", "alice"]).exits(1);
    assert_eq!(site.balancer.green(), 0.0);
    assert_eq!(site.forward_posts(), 1, "never forward again");
}

#[test]
fn a_command_to_a_frozen_keeper_says_so_and_how_to_roll_back() {
    let (site, _plan, _console) = Site::running(plain);
    site.home.ready();
    let run = site.run_id();
    let pid = site.home.keeper_pid();
    signal(pid, Signal::STOP);
    let ran = site.home.run(["advance", &run, "--as", "alice"]).exits(3).says("does not answer").says("--direct");
    assert!(ran.took < Duration::from_secs(5), "{:?}", ran.took);
    signal(pid, Signal::CONT);
    site.home.status();
    assert_eq!(site.forward_posts(), 0, "a command that was given up is not carried out later");
}

#[test]
fn the_keeper_outlives_its_console() {
    let (site, _plan, console) = Site::running(plain);
    site.advance_to(10.0);
    let pid = site.home.keeper_pid();
    console.signal(Signal::HUP);
    console.finish();
    let status = site.home.status_when("the driver is not here", |status| status["driver"]["here"] == false);
    assert_eq!((&status["keeper"]["pid"], &status["driver"]["name"]), (&pid.into(), &"alice".into()));
    site.advance_to(50.0);
}

#[test]
fn a_second_run_of_the_same_plan_attaches() {
    let (site, plan, _console) = Site::running(plain);
    let pid = site.home.keeper_pid();
    let second = site.home.start(args(&["run", "PLAN", "--as", "bob"], &plan));
    wait_until("bob is attached", || site.home.history().contains("bob"));
    let status = site.home.status();
    assert_eq!((&status["keeper"]["pid"], &status["driver"]["name"]), (&pid.into(), &"alice".into()));
    assert_eq!(site.home.runs().len(), 1);
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    second.finish().says("attaching").says(&format!("process {pid}"));
}

#[test]
fn another_state_folder_on_the_same_balancer_hears_who_holds_it() {
    let (site, plan, _console) = Site::running(plain);
    let pid = site.home.keeper_pid();
    let other = Home::new();
    let attached = other.start(args(&["run", "PLAN", "--as", "bob"], &plan));
    wait_until("bob is attached", || site.home.history().contains("bob"));
    assert_eq!(other.runs(), Vec::<String>::new(), "no second run begins");
    // A frozen holder cannot say who it is, and is not gone around.
    signal(pid, Signal::STOP);
    other.run(args(&["run", "PLAN"], &plan)).exits(1).says("holds this balancer");
    signal(pid, Signal::CONT);
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    attached.finish().says("is held by").says(&format!("process {pid}"));
}

#[test]
fn a_direct_rollback_from_another_state_folder_works_while_the_keeper_lives() {
    let (site, plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let other = Home::new();
    other.run(args(&["rollback", "PLAN", "--direct", "--yes", "--to", "v1"], &plan)).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

// Who may do what.

#[test]
fn a_claimed_name_is_shown_as_unverified_and_only_the_driver_advances() {
    let (site, _plan, _console) = Site::running(plain);
    let status = site.home.ready();
    assert_eq!((&status["driver"]["name"], &status["driver"]["verified"]), (&"alice".into(), &false.into()));
    assert_eq!(status["driver"]["here"], true);
    site.home.run(["advance", "--as", "bob"]).exits(1).says("only the driver").says("alice");
    site.home.run(["advance"]).exits(1).says("only the driver");
    assert_eq!(site.forward_posts(), 0);
    site.home.run(["hold", "--as", "bob"]).exits(0);
    site.home.run(["resume", "--as", "bob"]).exits(1);
    site.home.run(["take", "--as", "bob"]).exits(0).says("takes control from");
    site.home.run(["resume", "--as", "bob"]).exits(0);
    site.home.run(["advance", "--as", "alice"]).exits(1).says("only the driver");
    site.home.advance("bob").exits(0);
    // Anyone may roll back.
    site.home.run(["rollback", "--yes", "--as", "carol"]).exits(0);
    assert_eq!(site.home.status()["rollback"]["by"], "carol");
}

#[test]
fn without_a_claimed_name_the_login_is_the_identity() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let _console = site.home.start(args(&["run", "PLAN"], &plan));
    wait_until("the keeper answers", || site.home.try_status().is_some());
    let status = site.home.status_when("somebody drives", |status| !status["driver"].is_null());
    assert_eq!(status["driver"]["verified"], true);
    assert_eq!(status["driver"]["name"], status["driver"]["user"]);
}

#[test]
fn an_approval_needs_another_name_than_the_drivers() {
    let (site, _plan, _console) = Site::running(|plan| {
        plan.steps = "[[steps]]\nsplit = \"10 %\"\nbake = \"0s\"\napproval = \"decision authority\"\n".to_owned()
            + &steps(&["100 %"]);
    });
    site.home.status_when("only the approval is missing", |status| only_closed(status, "approval"));
    site.home.run(["advance", "--as", "alice"]).exits(1).says("decision authority");
    site.home
        .run(["advance", "--as", "alice", "--override", "hurry", "--confirm", "checkout"])
        .exits(1)
        .says("decision authority");
    site.home.run(["approve", "--as", "alice"]).exits(1).says("driver cannot approve");
    assert_eq!(site.forward_posts(), 0);
    site.home.run(["approve", "--as", "carol"]).exits(0);
    site.advance_to(10.0);
    site.home.run(["approve", "--as", "carol"]).exits(1).says("needs no approval");
}

#[test]
fn an_approval_may_need_another_login() {
    let (site, _plan, _console) = Site::running(|plan| {
        plan.steps = "[[steps]]\nsplit = \"100 %\"\nbake = \"0s\"\napproval = \"decision authority\"\n".into();
        plan.more = "[access]\napprover_is_another_user = true\n".into();
    });
    site.home.run(["approve", "--as", "carol"]).exits(1).says("another user");
}

#[test]
fn an_override_needs_the_name_and_a_reason_and_is_recorded() {
    let site = Site::new();
    let mut plan = site.plan();
    plan.more = "[[checks]]\nname = \"never\"\nkind = \"http\"\nenvironment = \"candidate\"\npath = \"/x\"\nstatus = [418]\ninterval = \"500ms\"\n".into();
    let _console = site.home.run_plan(&site.write(&plan), "alice");
    site.home.status_when("only the check is closed", |status| {
        only_closed(status, "never") && gate(status, "never")["verdict"] == "fail"
    });
    site.home.run(["advance", "--as", "alice"]).exits(1).says("never");
    site.home.run(["advance", "--as", "alice", "--override", "why"]).exits(2);
    site.home
        .run(["advance", "--as", "alice", "--override", "why", "--confirm", "chekout"])
        .exits(1)
        .says("typed name");
    site.home.run(["advance", "--as", "alice", "--override", " ", "--confirm", "checkout"]).exits(1).says("reason");
    assert_eq!(site.forward_posts(), 0);
    site.home.run(["advance", "--as", "alice", "--override", "known teapot", "--confirm", "checkout"]).exits(0);
    let history = site.home.history();
    assert!(
        history.contains("OVERRIDES") && history.contains("known teapot") && history.contains("never"),
        "{history}"
    );
}

#[test]
fn a_readonly_console_takes_no_seat() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let _console = site.home.start(args(&["run", "PLAN", "--readonly", "--as", "mallory"], &plan));
    wait_until("the keeper answers", || site.home.try_status().is_some());
    wait_until("mallory is attached", || site.home.history().contains("mallory"));
    assert_eq!(site.home.status()["driver"], Value::Null);
    assert!(site.home.history().contains("read-only"));
    site.home.advance("alice").exits(0);
    assert_eq!(site.home.status()["driver"]["name"], "alice");
}

#[test]
fn a_watching_keeper_never_writes() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    site.balancer.set(25.0);
    let _console = site.home.start(args(&["watch", "PLAN", "--as", "alice"], &plan));
    wait_until("the keeper answers", || site.home.try_status().is_some());
    let status = site.home.status_when("it sees the split", |status| status["split"]["configured_percent"].is_number());
    assert_eq!(status["phase"], "observing");
    assert_eq!(number(&status["split"]["configured_percent"]), 25.0);
    let commands: [&[&str]; 10] = [
        &["advance"],
        &["advance", "--override", "x", "--confirm", "checkout"],
        &["hold"],
        &["resume"],
        &["rollback", "--yes"],
        &["take"],
        &["approve"],
        &["adopt"],
        &["reassert"],
        &["complete"],
    ];
    for command in commands {
        let ran = site.home.run(command.iter().copied().chain(["--as", "alice"]));
        assert_eq!(ran.code, 1, "{command:?}: {}", ran.all());
        assert!(ran.all().contains("only watches"), "{command:?}: {}", ran.all());
    }
    // It holds no lock either: a run may go beside it.
    let driving = Home::new();
    let _driver = driving.run_plan(&plan, "bob");
    assert_eq!(site.balancer.posts().len(), 0);
}

/// A plan on two HAProxy nodes where nobody listens: enough to hold them.
fn on_nodes(site: &Site, nodes: [&str; 2]) -> support::PlanText {
    let nodes: String = nodes
        .iter()
        .enumerate()
        .map(|(index, address)| format!("[[traffic.nodes]]\nname = \"lb{index}\"\naddress = \"{address}\"\n"))
        .collect();
    let servers = "[traffic.servers]\nstable = [\"blue1\"]\ncandidate = [\"green1\"]\n";
    let traffic = format!("driver = \"haproxy\"\nbackend = \"app\"\n{nodes}{servers}");
    support::PlanText::new(&site.blue, &site.green, traffic)
}

#[test]
fn two_plans_that_share_one_node_are_seen() {
    let site = Site::new();
    let ports = [support::free_port(), support::free_port(), support::free_port()];
    let node = |host: &str, port: usize| format!("{host}:{}", ports[port]);
    let first = on_nodes(&site, [&node("127.0.0.1", 0), &node("127.0.0.1", 1)]);
    let _console = site.home.run_plan(&site.write(&first), "alice");
    let run = site.run_id();
    let other = Home::new();
    let second = other.write("plan.toml", &on_nodes(&site, [&node("localhost", 1), &node("localhost", 2)]).text());
    let ran = other.run(args(&["run", "PLAN"], &second)).exits(1).says(&run).says(&node("localhost", 1));
    assert!(!ran.all().contains("attaching"), "it is another plan's run: {}", ran.all());
}

#[test]
fn a_keeper_without_descriptors_still_holds_its_balancer() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let (site, plan, _console) = Site::running(plain);
    let pid = i32::try_from(site.home.keeper_pid()).ok().and_then(Pid::from_raw);
    let limit = |current| Rlimit { current: Some(current), maximum: Some(4096) };
    prlimit(pid, Resource::Nofile, limit(0)).expect("no descriptors");
    let other = Home::new();
    for _ in 0..2 {
        other.run(args(&["run", "PLAN"], &plan)).exits(1).says("does not say who it is");
    }
    prlimit(pid, Resource::Nofile, limit(1024)).expect("descriptors again");
    let run = site.run_id();
    wait_until("it says again who it is", || other.run(args(&["status", "PLAN"], &plan)).all().contains(&run));
    assert!(other.runs().is_empty());
    let history = site.home.history();
    assert!(!history.contains("rolled back directly"), "a folder that could not be opened says nothing: {history}");
}

#[test]
fn an_edited_frozen_plan_is_refused_and_can_be_rolled_back() {
    let (site, plan, console) = Site::running(plain);
    site.advance_to(10.0);
    let run = site.run_id();
    site.home.kill_keeper();
    console.finish();
    let frozen = site.home.state().join("runs").join(&run).join("plan.toml");
    let text = std::fs::read_to_string(&frozen).expect("the frozen plan");
    std::fs::write(&frozen, text.replace("50 %", "90 %")).expect("edited");
    let ran = site.home.run(args(&["run", "PLAN"], &plan)).exits(3).says("not the plan that run").says(&run);
    assert!(ran.all().contains(&format!("warroom rollback {run} --direct")), "{}", ran.all());
    site.home.run(["rollback", &run, "--direct", "--yes"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

/// The supervisor, or `run` once more in a shell with less: what was begun goes on, and what cannot look is unknown.
#[test]
fn a_rollback_goes_on_without_what_only_looks_need() {
    let site = Site::new();
    let token = site.home.path().join("token");
    let headers = format!("headers = {{ Authorization = {{ file = \"{}\" }} }}\nlabel = \"v1\"", token.display());
    let plan = site.home.write("plan.toml", &site.plan().text().replace("label = \"v1\"", &headers));
    site.home.run(args(&["run", "PLAN"], &plan)).exits(2).says("token");
    assert_eq!(site.home.runs(), Vec::<String>::new(), "what begins needs all of it");
    site.home.write("token", "s3cr3t");
    let console = site.home.run_plan(&plan, "alice");
    site.advance_to(10.0);
    site.die_rolling_back();
    console.finish();
    std::fs::remove_file(&token).expect("removed");
    let _again = site.home.run_plan(&plan, "alice");
    site.balancer.refuse_writes(None);
    site.home.phase("rolled_back");
    assert_eq!(site.balancer.green(), 0.0);
    let of_stable = |status: &Value| {
        let readings = status["readings"].as_array().expect("readings").clone();
        readings.into_iter().filter(|reading| reading["environment"] == "stable").collect::<Vec<_>>()
    };
    let is_named = |reading: &Value| reading["absent"].as_str().is_some_and(|why| why.contains("token"));
    site.home.status_when("it says what it lacks", |status| of_stable(status).iter().all(is_named));
    site.home.write("token", "s3cr3t");
    let rate = |status: &Value| status["environments"]["stable"]["requests_per_second"].is_number();
    site.home.status_when("stable is read again", rate);
    let lost = site.home.history().lines().filter(|line| line.contains("source lost")).count();
    assert_eq!(lost, 2, "metrics and health, once each: {}", site.home.history());
}

#[test]
fn without_a_hello_only_status_and_rollback_are_answered() {
    use warroom::domain::CommandId;
    use warroom::engine::{Answer, Command};
    use warroom::wire::{Connection, FRAME_BYTES_MAX, FromKeeper, ToKeeper};
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let socket = site.home.state().join("sockets").join(format!("{}.sock", site.run_id()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::UnixStream::connect(&socket).await.expect("it listens");
        let mut connection = Connection::new(stream, FRAME_BYTES_MAX);
        for id in [1, 2].map(CommandId) {
            connection.send(&ToKeeper::Command { id, command: Command::Hold }).await.expect("sent");
            match connection.next().await.expect("an answer") {
                Some(FromKeeper::Answer { answer: Answer::Refused(why), .. }) => {
                    assert!(why[0].as_str().contains("hello"), "{why:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        connection.send(&ToKeeper::Status).await.expect("sent");
        assert!(matches!(connection.next().await.expect("an answer"), Some(FromKeeper::Status(_))));
        let rollback = ToKeeper::Rollback { id: CommandId(3), reason: None, typed: None };
        connection.send(&rollback).await.expect("sent");
        let answer = connection.next().await.expect("an answer");
        assert!(matches!(answer, Some(FromKeeper::Answer { answer: Answer::Applied(_), .. })), "{answer:?}");
    });
    site.home.phase("rolled_back");
}

/// A pipe that nobody writes to stands for a disk that hangs: who opens it waits.
#[test]
fn a_run_folder_that_hangs_stops_steps_forward_and_no_rollback() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.ready();
    let stone = site.home.state().join("runs").join(site.run_id()).join("rolled-back-directly.json");
    let made = std::process::Command::new("mkfifo").arg(&stone).status().expect("mkfifo");
    assert!(made.success());
    site.home.run(["advance", "--as", "alice"]).exits(1);
    assert!(site.home.history().contains("does not answer (disk?)"), "{}", site.home.history());
    assert_eq!(site.forward_posts(), 1);
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
    let pid = site.home.keeper_pid();
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    wait_until("the keeper ends all the same", || !is_running(pid));
}
