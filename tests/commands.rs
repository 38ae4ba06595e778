//! The command line as a script sees it: words, exit codes, and what is left on disk.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]
#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::{Home, Running, Site, args, gate, is_running, modes, number, plain, steps, wait_until};

// Rolling back from the command line.

#[test]
fn a_rollback_without_yes_and_without_a_terminal_is_refused() {
    let (site, plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let posts = site.balancer.posts().len();
    site.home.run(["rollback"]).exits(2).says("--yes");
    site.home.run(["rollback", "--direct"]).exits(2).says("--yes");
    site.home.run(args(&["rollback", "PLAN"], &plan)).exits(2).says("--yes");
    site.home.run(["end"]).exits(2).says("--yes");
    assert_eq!(site.balancer.posts().len(), posts);
    assert_eq!(site.home.status()["rollback"], Value::Null);
}

#[test]
fn with_no_keeper_and_no_run_a_rollback_shows_the_split_and_asks_where_to() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    site.balancer.set(40.0);
    site.home.run(args(&["rollback", "PLAN", "--yes"], &plan)).exits(2).says("40%").says("--to v1");
    site.home.run(args(&["rollback", "PLAN", "--yes", "--to", "v2"], &plan)).exits(2);
    assert_eq!(site.balancer.posts().len(), 0);
    site.home.run(args(&["rollback", "PLAN", "--yes", "--to", "v1"], &plan)).exits(0).says("confirmed");
    assert_eq!(site.balancer.green(), 0.0);
    site.home.run(["rollback", "--yes"]).exits(3);
}

#[test]
fn a_rollback_without_a_run_needs_yes_as_well() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    site.balancer.set(40.0);
    site.home.run(args(&["rollback", "PLAN", "--to", "v1"], &plan)).exits(2).says("--yes");
    assert_eq!(site.balancer.posts().len(), 0);
}

#[test]
fn a_rollback_without_a_run_is_sent_again_when_the_first_write_failed() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    site.balancer.set(40.0);
    site.balancer.refuse_writes(Some(503));
    let mut rolling = site.home.start(args(&["rollback", "PLAN", "--yes", "--to", "v1"], &plan));
    rolling.says("failed");
    wait_until("it was tried", || !site.balancer.posts().is_empty());
    site.balancer.refuse_writes(None);
    wait_until("it is sent again over what was there before", || site.balancer.green() == 0.0);
    let ran = rolling.finish().exits(0);
    assert!(!ran.all().contains("FOREIGN"), "what was there before us is not somebody else's: {}", ran.all());
}

#[test]
fn a_rollback_before_the_balancer_was_ever_read_is_sent_again_too() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    site.balancer.set(30.0);
    site.balancer.refuse_reads(Some(503));
    site.balancer.refuse_writes(Some(503));
    let _console = site.home.run_plan(&plan, "alice");
    let rolling = site.home.start(["rollback", "--yes", "--as", "alice"]);
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    site.balancer.refuse_reads(None);
    site.home.status_when("it can be read again", |status| status["split"]["configured_percent"].is_number());
    site.balancer.refuse_writes(None);
    wait_until("it is sent over what was there before the run", || site.balancer.green() == 0.0);
    rolling.finish().exits(0);
}

#[test]
fn a_run_that_cannot_write_its_frozen_plan_begins_nothing() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    std::fs::write(site.home.state(), "a file where the folder should be").expect("written");
    site.home.run(args(&["run", "PLAN"], &plan)).exits(2);
    assert_eq!(site.balancer.posts().len(), 0);
}

/// Neither the plan nor how it was typed is wrong.
#[test]
fn a_disk_that_is_full_begins_nothing_and_is_no_error_of_the_plan() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let faults = site.home.write("faults", "disk full");
    let mut command = site.home.command(args(&["run", "PLAN"], &plan));
    Running::start(command.env("WARROOM_FAULTS", faults)).finish().exits(3).says("full");
    assert_eq!(site.home.runs(), Vec::<String>::new());
}

#[test]
fn with_nothing_to_roll_back_it_says_so() {
    let (site, _plan, _console) = Site::running(plain);
    site.home.ready();
    site.home.run(["rollback", "--yes"]).exits(0).says("nothing to roll back");
    assert_eq!(site.home.status()["rollback"], Value::Null);
    assert_eq!(site.balancer.posts().len(), 0);
    site.advance_to(10.0);
}

#[test]
fn a_rollback_to_a_stable_that_is_down_needs_the_typed_name() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.blue.healthy.store(false, std::sync::atomic::Ordering::SeqCst);
    site.home.status_when("stable is not ready", |status| gate(status, "rollback target")["verdict"] == "fail");
    site.home.run(["rollback", "--yes"]).exits(1).says("TARGET NOT READY");
    site.home.run(["rollback", "--yes", "--confirm", "chekout"]).exits(1);
    assert!((site.balancer.green() - 10.0).abs() < 0.01);
    site.home.run(["rollback", "--yes", "--confirm", "checkout"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

/// A site at a step past the point of no return.
#[track_caller]
fn past_no_return() -> (Site, PathBuf, Running) {
    let (site, path, console) = Site::running(|plan| {
        plan.steps =
            "[[steps]]\nsplit = \"100 %\"\nbake = \"0s\"\npoint_of_no_return = \"old clients lose orders\"\n".into();
    });
    site.advance_to(100.0);
    (site, path, console)
}

#[test]
fn past_the_point_of_no_return_a_rollback_needs_the_typed_name_with_what_breaks() {
    let (site, _plan, _console) = past_no_return();
    site.home.run(["rollback", "--yes"]).exits(1).says("old clients lose orders");
    assert_eq!((site.balancer.green(), &site.home.status()["rollback"]), (100.0, &Value::Null));
    site.home.run(["rollback", "--yes", "--confirm", "checkout"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

/// Every name in the JSON, however deep.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.keys().cloned());
            fields.values().for_each(|value| names(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| names(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn status_says_what_is_documented_and_nothing_else() {
    let (site, _plan, _console) = past_no_return();
    site.home.run(["suspend", "load test", "--as", "alice"]).exits(0);
    let status = site.home.status();
    assert_eq!(status["rollback_target"]["no_return"], "old clients lose orders");
    assert_eq!(status["rollback_target"]["needs_typing"], true);
    assert_eq!(status["suspended"]["reason"], "load test");
    let page = include_str!("../docs/status.md");
    let words: BTreeSet<&str> = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut found = BTreeSet::new();
    names(&status, &mut found);
    let undocumented: Vec<_> = found.iter().filter(|name| !words.contains(name.as_str())).collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
    // The first name of each row is there, whatever stands in it.
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let tops = rows.map(|row| row.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default());
    let missing: Vec<_> = tops.filter(|name| status.get(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_refused_direct_rollback_leaves_nothing_for_the_keeper_to_follow() {
    let (site, _plan, _console) = past_no_return();
    let run = site.run_id();
    site.home.run(["rollback", &run, "--yes", "--direct"]).exits(1).says("old clients lose orders");
    let stones = modes(&site).into_iter().filter(|(path, _)| path.to_string_lossy().contains("rolled-back-directly"));
    assert_eq!(stones.count(), 0, "a keeper that finds this rolls back, refused or not");
    assert_eq!(site.balancer.green(), 100.0);
}

#[test]
fn a_direct_rollback_stopped_before_it_was_confirmed_exits_5() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.balancer.refuse_writes(Some(503));
    let run = site.run_id();
    let mut rolling = site.home.start(["rollback", &run, "--yes", "--direct"]);
    rolling.says("failed");
    rolling.signal(Signal::INT);
    rolling.finish().exits(5);
}

// Commands and what they leave.

#[test]
fn nobody_there_is_exit_3() {
    let home = Home::new();
    for command in
        [&["status"][..], &["advance"], &["hold"], &["take"], &["end", "--yes"], &["rollback", "--yes"], &["attach"]]
    {
        home.run(command).exits(3);
    }
    home.run(["status", "nosuch"]).exits(2);
    home.run(["nosuch"]).exits(2);
    home.run(["run", "nosuch.toml"]).exits(2).says("cannot be read");
}

#[test]
fn end_leaves_the_split_and_stops_the_keeper() {
    let (site, plan, console) = Site::running(plain);
    site.advance_to(10.0);
    let pid = site.home.keeper_pid();
    site.home.run(["end", "--yes", "--as", "bob"]).exits(1).says("only the driver");
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0).says("10%");
    wait_until("the keeper is gone", || !is_running(pid));
    console.finish().exits(0);
    assert!((site.balancer.green() - 10.0).abs() < 0.01);
    site.home.run(["status"]).exits(3);
    // What was ended is not gone on with: the next run is a new one and sees what is there.
    let _next = site.home.run_plan(&plan, "alice");
    assert_eq!(site.home.runs().len(), 2);
    site.home.run(["advance", "--as", "alice"]).exits(1);
    wait_until("it asks to adopt", || site.home.run(["advance", "--as", "alice"]).all().contains("already has 10%"));
    site.home.run(["adopt", "--as", "alice"]).exits(0);
    site.advance_to(50.0);
}

#[test]
fn what_an_ended_run_left_on_the_candidate_can_still_be_rolled_back() {
    let (site, plan, console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.run(["end", "--yes", "--as", "alice"]).exits(0);
    console.finish();
    site.home.run(args(&["rollback", "PLAN", "--yes", "--to", "v1"], &plan)).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

/// Whoever reads lines sees why it holds, and that this changed, although it still holds.
#[test]
fn lines_tell_another_reason_in_the_same_state() {
    let (site, _plan, mut console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.run(["hold", "--as", "bob"]).exits(0);
    console.says("= HOLDING at 10% by bob");
    site.blue.healthy.store(false, std::sync::atomic::Ordering::SeqCst);
    console.says("= HOLDING TARGET NOT READY: BLUE v1");
}

#[test]
fn restart_begins_a_new_run_after_a_finished_one_only() {
    let (site, _plan, console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.run(["restart", "--as", "alice"]).exits(1).says("end it first");
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    site.home.phase("rolled_back");
    let old = site.run_id();
    let _again = site.home.start(["restart", "--as", "alice"]);
    console.finish().exits(4);
    let status = site.home.status_when("a new run", |status| status["run"] != old.as_str());
    assert_eq!((&status["rollback"], &status["step"]), (&Value::Null, &Value::Null));
    assert_eq!(site.home.runs().len(), 2);
    site.advance_to(10.0);
}

/// The keeper that watches for late writes, or over the new version, is not given away for a run that does not begin.
#[test]
fn a_restart_that_cannot_begin_anything_ends_nothing() {
    let (site, path, _console) = Site::running(|plan| plan.steps = steps(&["100 %"]));
    let keeper = site.home.keeper_pid();
    site.advance_to(100.0);
    site.home.phase("complete");
    site.home.run(["restart", "--as", "alice"]).exits(1).says("not over (COMPLETE, and still watched): end it first");
    assert_eq!(site.home.phase("complete")["keeper"]["pid"], keeper);
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    site.home.phase("rolled_back");
    let mut plan = site.plan();
    plan.traffic = plan.traffic.replace("timeout", "headers = { Authorization = { env = \"WR_NOT_SET\" } }\ntimeout");
    site.write(&plan);
    site.home.run(["restart", "--as", "alice"]).exits(2).says("WR_NOT_SET");
    std::fs::write(&path, "version = 1\nnam = \"x\"\n").expect("written");
    site.home.run(["restart", "--as", "alice"]).exits(2).says("not a sound plan");
    assert_eq!(site.home.phase("rolled_back")["keeper"]["pid"], keeper);
}

#[test]
fn the_history_is_told_as_lines_json_and_markdown() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.run(["hold", "--as", "bob"]).exits(0);
    let json = site.home.run(["log", "--json"]).exits(0).out;
    let entries: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let numbers: Vec<u64> = entries.iter().filter_map(|entry| entry["number"].as_u64()).collect();
    assert_eq!(numbers, (1..=entries.len() as u64).collect::<Vec<_>>());
    let texts: BTreeSet<String> = entries.iter().map(|entry| entry["text"].to_string()).collect();
    assert!(texts.iter().any(|text| text.contains("advances 0% → 10%")), "{texts:#?}");
    let markdown = site.home.run(["log", "--markdown"]).exits(0).out;
    assert!(markdown.starts_with("# checkout @ test\n"), "{markdown}");
    let rows = markdown
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| time") && !line.starts_with("| ---"));
    assert!(rows.clone().count() >= entries.len(), "{markdown}");
    assert!(rows.clone().all(|row| row.replace("\\|", "").matches('|').count() == 4), "{markdown}");
    let plain = site.home.history();
    assert!(plain.lines().count() >= entries.len() && plain.contains("bob"), "{plain}");
    // Of a run whose keeper is gone too.
    let run = site.run_id();
    site.home.kill_keeper();
    assert!(site.home.run(["log", &run]).exits(0).out.lines().count() >= entries.len());
}

#[test]
fn check_says_go_or_no_go_once() {
    let site = Site::new();
    let mut plan = site.plan();
    let check = |name: &str, role: &str| {
        format!(
            "[[checks]]\nname = \"{name}\"\nkind = \"http\"\nenvironment = \"{role}\"\npath = \"/health\"\njson = {{ \"/status\" = \"ok\" }}\n"
        )
    };
    plan.more =
        check("blue", "stable") + &check("green", "candidate") + "[[checks]]\nname = \"lb\"\nkind = \"balancer\"\n";
    let path = site.write(&plan);
    site.home.run(args(&["check", "PLAN"], &path)).exits(0).says("GO checkout @ test");
    let answer: Value =
        serde_json::from_str(&site.home.run(args(&["check", "PLAN", "--json"], &path)).exits(0).out).expect("JSON");
    assert_eq!((&answer["go"], answer["checks"].as_array().map(Vec::len)), (&true.into(), Some(3)));
    site.green.healthy.store(false, std::sync::atomic::Ordering::SeqCst);
    let ran = site.home.run(args(&["check", "PLAN"], &path)).exits(1).says("NO-GO");
    assert!(ran.out.lines().any(|line| line.starts_with("FAIL") && line.contains("green")), "{}", ran.out);
    let answer: Value =
        serde_json::from_str(&site.home.run(args(&["check", "PLAN", "--json"], &path)).exits(1).out).expect("JSON");
    assert_eq!(answer["go"], false);
    let wrong = site.home.write("wrong.toml", "version = 1\nnam = \"x\"\n");
    site.home.run(args(&["check", "PLAN"], &wrong)).exits(2);
    assert_eq!(site.balancer.posts().len(), 0, "asking writes nothing");
}

#[test]
fn no_question_is_not_go() {
    let site = Site::new();
    let mut plan = site.plan();
    // A limit stands between the key and the traffic, so the plan is sound.
    plan.more = "[[guardrails]]\nreading = \"error_ratio\"\nhold = \"2 %\"\n".into();
    site.home.run(args(&["check", "PLAN"], &site.write(&plan))).exits(1).says("NO-GO").says("nothing was asked");
    plan.more += "[[checks]]\nname = \"lb\"\nkind = \"balancer\"\nrequired = false\n";
    let ran = site.home.run(args(&["check", "PLAN", "--json"], &site.write(&plan))).exits(1);
    let answer: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(answer["go"], false);
}

/// What every step asks is asked, whatever the plan's checks are: a GO says that the first step is open.
#[test]
fn what_is_down_or_cannot_be_read_is_no_go_without_a_check_of_it() {
    let site = Site::new();
    let mut plan = site.plan();
    plan.more =
        "[[checks]]\nname = \"green\"\nkind = \"http\"\nenvironment = \"candidate\"\npath = \"/ready\"\n".into();
    let path = site.write(&plan);
    let no_go = |line: &str, why: &str| {
        let ran =
            site.home.run(args(&["check", "PLAN"], &path)).exits(1).says(&format!("NO-GO checkout @ test: {why}"));
        assert!(ran.out.lines().any(|printed| printed.starts_with(line)), "{line:?} is not in {}", ran.out);
        assert!(ran.out.starts_with("ok      green"), "{}", ran.out);
    };
    site.home.run(args(&["check", "PLAN"], &path)).exits(0).says("GO checkout @ test");
    site.balancer.refuse_reads(Some(503));
    no_go("unknown balancer ", "the balancer cannot be read");
    site.balancer.refuse_reads(None);
    site.blue.healthy.store(false, std::sync::atomic::Ordering::SeqCst);
    no_go("FAIL    health of stable          health answers 503", "an environment is not healthy");
    site.blue.healthy.store(true, std::sync::atomic::Ordering::SeqCst);
    let metrics = format!("{}/metrics", site.green.address());
    site.home.write("plan.toml", &plan.text().replace(&metrics, &metrics.replace("metrics", "closed")));
    no_go("unknown feed candidate ", "the metrics of an environment cannot be read");
    let answer = site.home.run(args(&["check", "PLAN", "--json"], &path)).exits(1).out;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((&answer["go"], &answer["feeds"][0]["name"]), (&false.into(), &"feed candidate".into()), "{answer}");
}

#[test]
fn check_lists_all_that_the_machine_lacks() {
    let site = Site::new();
    let mut plan = site.plan();
    plan.traffic = plan.traffic.replace("timeout", "headers = { Authorization = { env = \"WR_NO_LB\" } }\ntimeout");
    let green = "colour = \"green\"";
    let text = plan.text().replace(green, &format!("{green}\nheaders = {{ X-Key = {{ env = \"WR_NO_GREEN\" }} }}"));
    let ran = site.home.run(args(&["check", "PLAN"], &site.home.write("plan.toml", &text))).exits(2);
    ran.says("[traffic] http://")
        .says("header Authorization")
        .says("WR_NO_LB")
        .says("[environments.candidate]")
        .says("WR_NO_GREEN");
}

#[test]
fn check_asks_everybody_at_the_same_time() {
    let site = Site::new();
    // Takes connections and never answers: one after the other, five would take longer than this test may.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let (took, taken) = std::sync::mpsc::channel();
    std::thread::spawn(move || silent.incoming().try_for_each(|connection| took.send(connection)));
    let mut plan = site.plan();
    plan.more = (0..5).fold(String::new(), |all, index| {
        all + &format!("[[checks]]\nname = \"c{index}\"\nkind = \"http\"\nenvironment = \"candidate\"\npath = \"/{index}\"\ntimeout = \"10s\"\n")
    });
    let text = plan.text().replace(&format!("http://{}", site.green.address()), &format!("http://{address}"));
    let checking = site.home.start(args(&["check", "PLAN"], &site.home.write("plan.toml", &text)));
    // Five checks, the health and the metrics.
    let connections: Vec<_> =
        (0..7).map(|_| taken.recv_timeout(support::SOON).expect("all are asked before one has timed out")).collect();
    let ran = checking.finish().exits(1).says("NO-GO");
    // The five, and the health and the metrics that they are beside.
    assert_eq!(ran.out.matches("unknown").count(), 7, "{}", ran.out);
    drop(connections);
}

#[test]
fn every_command_of_the_console_has_a_twin() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.run(["suspend", "known noise", "--as", "alice"]).exits(0);
    site.home.run(["unsuspend", "--as", "alice"]).exits(0).says("on again");
    site.home.run(["note", "the cache is cold", "--as", "bob"]).exits(0);
    site.home.run(["note", " "]).exits(2);
    let own = "A resumes at 50 with backup, :adopt if not; R rolls back";
    site.home.run(["note", own, "--as", "bob"]).exits(0);
    site.home.run(["sendagain", "--as", "alice"]).exits(1).says("no rollback");
    assert!(site.home.history().contains("the cache is cold"));
    assert!(site.home.history().contains(&format!(": {own}\n")), "people's own words: {}", site.home.history());
    let markdown = site.home.run(["log", "--markdown"]).exits(0).out;
    assert!(markdown.contains(&format!(": {own} |")), "{markdown}");
    site.home.run(["hold", "--as", ""]).exits(2).says("--as");
    site.home.run(["advance", "--as", "bob"]).exits(1).says("`warroom take`");
    let ran = site.home.run(["rollback", "--yes", "--reason", own]).exits(0);
    assert!(ran.out.contains(&format!(": {own}  ")), "{}", ran.all());
    assert!(site.home.history().contains(&format!(": {own}\n")) && site.home.run(["status"]).out.contains(own));
    site.home.run(["rollback", "--yes", "--reason", "and errors"]).exits(0).says("already");
    assert!(site.home.history().contains("and errors"), "a reason that comes later is written down");
}

#[test]
fn a_wrong_plan_lists_all_its_errors_and_contacts_nobody() {
    let site = Site::new();
    let text = site.plan().text().replace("bake = \"0s\"", "bakes = \"0s\"").replace("colour = \"blue\"", "colour = 7");
    let path = site.home.write("plan.toml", &text);
    for command in ["plan", "check", "run", "watch", "rollback"] {
        let ran = site.home.run(args(&[command, "PLAN"], &path)).exits(2);
        for words in ["bakes", "bake", "colour", "nothing was contacted", "plan.toml:"] {
            assert!(ran.all().contains(words), "{command}: {words:?} is not in {}", ran.all());
        }
    }
    assert_eq!(site.home.runs(), Vec::<String>::new());
}

#[test]
fn plan_prints_the_schedule_and_init_writes_one_to_begin_with() {
    let site = Site::new();
    let path = site.write(&site.plan());
    let printed = site.home.run(args(&["plan", "PLAN"], &path)).exits(0).out;
    for words in ["checkout @ test", "T+", "10%", "100%", "Rescue card", "curl", &site.balancer.address()] {
        assert!(printed.contains(words), "{words:?} is not in {printed}");
    }
    assert_eq!(site.balancer.posts().len(), 0);
    site.home.run(["init"]).exits(0).says("warroom.toml");
    site.home.run(["plan", "warroom.toml"]).exits(0).says("Rescue card");
    site.home.run(["init"]).exits(1).says("is there already").says("warroom init -");
    assert_eq!(
        site.home.run(["init", "-"]).exits(0).out,
        std::fs::read_to_string(site.home.path().join("warroom.toml")).expect("it")
    );
    site.home.run(["init", "mine.toml"]).exits(0);
}

#[test]
fn the_rescue_cards_commands_work_without_us() {
    let site = Site::new();
    if !support::need("curl") {
        return;
    }
    site.balancer.set(60.0);
    let path = site.write(&site.plan());
    let printed = site.home.run(args(&["plan", "PLAN"], &path)).exits(0).out;
    let (_, card) = printed.split_once("Rescue card").expect("a rescue card");
    let script = card.lines().skip(1).map(str::trim).collect::<Vec<_>>().join("\n");
    let ran = Running::start(std::process::Command::new("bash").args(["-ec", &script])).finish().exits(0);
    assert!(ran.out.contains("100"), "{}", ran.all());
    assert_eq!(site.balancer.green(), 0.0);
}

#[test]
fn the_status_has_every_field_that_it_promises() {
    let (site, _plan, _console) = Site::running(|plan| {
        plan.more = "[[checks]]\nname = \"lb\"\nkind = \"balancer\"\n[[guardrails]]\nreading = \"error_ratio\"\nhold = \"3 %\"\n".into();
    });
    site.advance_to(10.0);
    site.home.run(["hold", "--as", "bob"]).exits(0);
    site.balancer.set(5.0);
    let status = site.home.status_when("held, drifted and read", |s| !s["held"].is_null() && !s["drift"].is_null());
    let has = |path: &str| assert!(status.pointer(path).is_some(), "{path} is missing: {status:#?}");
    for path in [
        "/schema",
        "/run",
        "/title",
        "/time",
        "/phase",
        "/step",
        "/split/wanted_percent",
        "/split/configured_percent",
        "/split/measured",
        "/split/still_on_candidate_per_second",
        "/checks/0/name",
        "/checks/0/verdict",
        "/checks/0/age_seconds",
        "/guardrails/0/level",
        "/guardrails/0/verdict",
        "/guardrails/0/age_seconds",
        "/readings/0/signal",
        "/readings/0/value",
        "/readings/0/age_seconds",
        "/driver/name",
        "/keeper/pid",
        "/keeper/since",
        "/keeper/version",
        "/drift/from_percent",
        "/drift/to_percent",
        "/held/by",
        "/held/why",
    ] {
        has(path);
    }
    assert_eq!(status["schema"], 1);
    assert_eq!(status["readings"][0]["window_seconds"], 3.0);
    assert_eq!(status["held"]["by"].as_str(), Some("bob"), "{}", status["held"]);
    site.home.run(["rollback", "--yes"]).exits(0);
    let status = site.home.status();
    for path in
        ["/rollback/state", "/rollback/accepted", "/rollback/read_back", "/rollback/confirmed", "/rollback/seconds"]
    {
        assert!(status.pointer(path).is_some(), "{path} is missing: {status:#?}");
    }
    let line = site.home.run(["status", "--oneline"]).exits(0).out;
    assert_eq!(line.lines().count(), 1);
    assert!(line.starts_with("checkout @ test"), "{line}");
    site.home.run(["status"]).exits(0).says("checkout @ test");
}

#[test]
fn folders_are_their_owners_and_socket_and_logs_are_0600() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let modes = modes(&site);
    for (path, mode) in modes.iter().filter(|(path, _)| path.is_dir()) {
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
    }
    let is_named = |path: &Path, word: &str| path.file_name().is_some_and(|name| name.to_string_lossy().contains(word));
    for word in [".sock", "keeper.log"] {
        let (path, mode) =
            modes.iter().find(|(path, _)| is_named(path, word)).unwrap_or_else(|| panic!("no {word}: {modes:?}"));
        assert_eq!(*mode, 0o600, "{} is {mode:o}", path.display());
    }
}

#[test]
fn journal_and_frozen_plan_are_their_owners_alone() {
    let (site, _plan, _console) = Site::running(plain);
    let wide: Vec<_> = modes(&site).into_iter().filter(|(path, mode)| path.is_file() && mode & 0o077 != 0).collect();
    assert!(wide.is_empty(), "{wide:?}");
}

#[test]
fn a_plan_file_that_changes_is_shown_and_has_no_effect() {
    let (site, path, _console) = Site::running(plain);
    assert_eq!(site.home.ready()["keeper"]["plan_changed"], false);
    let text = std::fs::read_to_string(&path).expect("the plan");
    std::fs::write(&path, text.replace("10 %", "20 %")).expect("written");
    site.home.status_when("plan_changed", |status| status["keeper"]["plan_changed"] == true);
    site.advance_to(10.0);
    std::fs::write(&path, text).expect("written");
    site.home.status_when("as it was", |status| status["keeper"]["plan_changed"] == false);
}

#[test]
fn a_killed_keepers_run_keeps_its_frozen_plan() {
    let (site, path, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.home.kill_keeper();
    let text = std::fs::read_to_string(&path).expect("the plan");
    std::fs::write(&path, text.replace("50 %", "60 %")).expect("written");
    let _again = site.home.run_plan(&path, "alice");
    site.home.phase("held");
    site.home.ready();
    site.home.run(["resume", "--as", "alice"]).exits(0);
    site.advance_to(50.0);
}

#[test]
fn automatic_advance_stops_for_a_hold_point_and_without_its_driver() {
    let (site, _plan, console) = Site::running(|plan| {
        plan.advance = "automatic";
        plan.steps =
            "[[steps]]\nsplit = \"10 %\"\nbake = \"3s\"\n[[steps]]\nsplit = \"50 %\"\nbake = \"0s\"\nhold = true\n"
                .to_owned()
                + &steps(&["100 %"]);
        plan.more = "[[guardrails]]\nreading = \"unhealthy_for\"\nroll_back = \"60s\"\n".into();
    });
    site.advance_to(10.0);
    console.signal(Signal::KILL);
    console.finish();
    site.home.status_when("every gate is open, and the driver is away", |status| {
        status["driver"]["here"] == false
            && status["gates"].as_array().is_some_and(|gates| gates.iter().all(|gate| gate["verdict"] == "pass"))
    });
    assert_eq!(site.forward_posts(), 1, "nobody drives");
    let _back = site.home.start(["attach", "--as", "alice"]);
    wait_until("it goes on when the driver is back", || (site.balancer.green() - 50.0).abs() < 0.01);
    site.home.status_when("the hold point is baked", |status| {
        status["step"] == 2
            && status["gates"].as_array().is_some_and(|gates| gates.iter().all(|gate| gate["verdict"] == "pass"))
    });
    assert_eq!(site.forward_posts(), 2, "a hold point is a person's");
    site.advance_to(100.0);
    site.home.phase("complete");
}

#[test]
fn a_balancer_that_refuses_the_step_leaves_the_run_held_where_it_was() {
    let (site, _plan, _console) = Site::running(plain);
    site.home.ready();
    site.balancer.refuse_writes(Some(403));
    site.home.run(["advance", "--as", "alice"]).exits(1).says("403");
    let status = site.home.phase("held");
    assert_eq!(number(&status["split"]["wanted_percent"]), 0.0);
    site.balancer.refuse_writes(None);
    site.home.run(["resume", "--as", "alice"]).exits(0);
    site.advance_to(10.0);
}

#[test]
fn a_foreign_move_towards_the_candidate_cannot_be_completed() {
    let (site, _plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    site.balancer.set(30.0);
    site.home.status_when("drift", |status| !status["drift"].is_null());
    site.home.run(["complete", "--as", "alice"]).exits(1).says("towards the candidate");
    assert_eq!(site.balancer.green(), 30.0, "never fought");
    site.home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(site.balancer.green(), 0.0);
}

#[test]
fn a_state_folder_whose_socket_path_is_too_long_says_so() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let long = site.home.path().join("x".repeat(100));
    let ran = Running::start(site.home.command(args(&["run", "PLAN"], &plan)).env("WARROOM_STATE_DIR", &long)).finish();
    ran.exits(2).says("107").says("WARROOM_STATE_DIR");
}
