//! The sample plan for AWS, driven by the real binary against moto behind a proxy that fails.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]
#![allow(clippy::float_cmp, reason = "what was set is read back exactly")]

mod support;

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{
    BEFORE, Cutover, Fault, KEYS, Moto, Stage, but_weights, forward, gate, need, need_moto, number, oidc, ordered,
    wait_until, weights,
};
use warroom::domain::Wall;
use warroom::plan::rescue_card;

#[test]
fn the_sample_plan_goes_up_and_back_by_the_binary() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    let before = cutover.stage.moto.described(&cutover.rule);
    let mut console = cutover.run();
    let home = &cutover.home;
    home.ready();
    assert_eq!(cutover.held(), [BEFORE, BEFORE], "the rehearsal changed nothing");
    let status = home.status();
    for name in ["write access", "credentials", "health checks", "stickiness", "other rules", "candidate targets"] {
        assert_eq!(gate(&status, name)["verdict"], "pass", "{:#?}", gate(&status, name));
    }
    let history = home.history();
    for words in
        ["fencing: ok none on this API", "whole configuration is recorded", "3 of 3 targets healthy", "written back in"]
    {
        assert!(history.contains(words), "{history} lacks {words:?}");
    }
    assert!(!history.contains(KEYS[1].1), "secrets are never shown");

    home.advance("alice").exits(0);
    cutover.flow(50);
    let half = vec![Some(999), Some(999)];
    assert_eq!(cutover.held(), [half.clone(), half]);
    let status = home.status();
    assert_eq!(number(&status["split"]["configured_percent"]), 50.0, "{status:#?}");
    home.advance("alice").exits(0);
    cutover.flow(100);
    let all = vec![Some(0), Some(999)];
    assert_eq!(cutover.held(), [all.clone(), all], "both groups stay");
    home.phase("complete");

    let began = Instant::now();
    let rolling = home.start(["rollback", "--yes", "--reason", "drill", "--as", "alice"]);
    wait_until("all weights are back", || cutover.held() == [BEFORE, BEFORE]);
    let took = began.elapsed();
    cutover.flow(0);
    rolling.finish().exits(0);
    home.phase("rolled_back");
    let bare = Instant::now();
    cutover.held();
    // For the closing note: the rollback next to two calls of the bare SDK.
    println!("rollback on the balancer after {took:?}, two bare calls {:?}", bare.elapsed());
    let after = cutover.stage.moto.described(&cutover.rule);
    assert_eq!(but_weights(&after), but_weights(&before));
    home.run(["end", "--yes", "--as", "alice"]).exits(0);
    console.says("ROLLED BACK");
    console.finish().exits(4);
}

#[test]
fn a_rollback_into_a_frozen_endpoint_lands_once_it_thaws() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::own());
    let _console = cutover.run();
    cutover.home.advance("alice").exits(0);
    cutover.stage.moto.signal(Signal::STOP);
    let rolling = cutover.home.start(["rollback", "--yes", "--as", "bob"]);
    let status = cutover.home.status_when("the hang is said", |status| {
        status["rollback"]["last_error"].as_str().is_some_and(|error| error.contains("no answer in time"))
    });
    assert_eq!(status["phase"], "rolling_back");
    cutover.stage.moto.signal(Signal::CONT);
    rolling.finish().exits(0);
    assert_eq!(cutover.held(), [BEFORE, BEFORE]);
}

#[test]
fn without_permission_to_write_nothing_goes_forward() {
    if !need_moto() {
        return;
    }
    let cutover = Cutover::new(Moto::shared());
    cutover.stage.moto.proxy.fail("Modify", Fault::Status(403));
    let _console = cutover.run();
    let home = &cutover.home;
    let status = home.status_when("the rehearsal failed", |status| gate(status, "write access")["verdict"] == "fail");
    assert!(gate(&status, "write access")["detail"].as_str().is_some_and(|d| d.contains("refuses the credentials")));
    home.run(["advance", "--as", "alice"]).exits(1).says("write access");
    cutover.stage.moto.proxy.mend();
    home.status_when("it is tried again", |status| gate(status, "write access")["verdict"] == "pass");
}

#[test]
fn a_dead_keeper_is_rolled_back_directly_at_the_endpoint_of_the_environment() {
    if !need_moto() {
        return;
    }
    let mut cutover = Cutover::new(Moto::shared());
    let endpoint = cutover.stage.moto.endpoint();
    cutover.change(|text| text.replace(&format!("endpoint = \"{endpoint}\"\n"), ""));
    cutover.home.env.push(("AWS_ENDPOINT_URL".into(), endpoint));
    let _console = cutover.run();
    cutover.home.advance("alice").exits(0);
    cutover.home.kill_keeper();
    cutover.home.run(["rollback", "--yes", "--direct", "--as", "bob"]).exits(0).says("confirmed");
    assert_eq!(cutover.held(), [BEFORE, BEFORE]);
}

#[test]
fn the_rescue_card_brings_all_traffic_back_and_keeps_the_sign_in() {
    if !need_moto() || !need("jq") {
        return;
    }
    let stage = Stage::new(false);
    let listener = stage.http(80, vec![stage.both(1, 1)]);
    let sticky = forward(&[(&stage.green, Some(1)), (&stage.blue, Some(9))], Some((true, 600)));
    let rule = stage.moto.rule(&listener, 10, "a.example.com", vec![oidc(), ordered(sticky, 2)]);
    let before = stage.moto.described(&rule);
    let card = rescue_card(&stage.plan(&[("https", &rule), ("http", &listener)], ""));
    let (keeping, plain) = card.split_once("  # without jq").expect("two ways");
    let called = |line: &&str| line.trim_start().starts_with("AWS_PAGER= aws");
    let run = |commands: &str| {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/moto/bin");
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = std::process::Command::new("/bin/sh");
        let ran = shell.args(["-ec", commands]).env("PATH", path).envs(KEYS).output().expect("a shell");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{commands}\n{said}");
    };
    run(keeping);
    let after = stage.moto.described(&rule);
    assert_eq!(weights(after.actions()), stage.weights(999, 0));
    assert_eq!(but_weights(&after), but_weights(&before), "authentication, order and stickiness stay");
    assert_eq!(weights(stage.moto.described_listener(&listener).default_actions()), stage.weights(999, 0));

    stage.moto.set_rule(&rule, vec![stage.both(0, 1)]);
    run(&plain.lines().filter(called).collect::<Vec<_>>().join("\n"));
    assert_eq!(weights(stage.moto.described(&rule).actions()), stage.weights(999, 0));

    // What the plan's own rollback turns off, the card turns off, too.
    let sticky = forward(&[(&stage.green, Some(1)), (&stage.blue, Some(9))], Some((true, 600)));
    stage.moto.set_rule(&rule, vec![oidc(), ordered(sticky, 2)]);
    let card = rescue_card(&stage.plan(&[("https", &rule), ("http", &listener)], "unpin_on_rollback = true\n"));
    run(card.split_once("  # without jq").expect("two ways").0);
    let after = stage.moto.described(&rule);
    assert_eq!(weights(after.actions()), stage.weights(999, 0));
    let pins = after.actions()[1].forward_config.as_ref().and_then(|f| f.target_group_stickiness_config.as_ref());
    assert_eq!(pins.map(|pins| (pins.enabled, pins.duration_seconds)), Some((Some(false), Some(600))));
}

/// The keys come from a process that the shared configuration names: a script of ours, which prints what a file says
/// and hangs while another file is there.
fn keys_of_a_process(cutover: &mut Cutover) {
    let home = &mut cutover.home;
    let place = home.path().display();
    let script = format!(
        "#!/bin/sh\nif [ -e {place}/hangs ]; then echo >> {place}/hung; fi\n\
         while [ -e {place}/hangs ]; do sleep 0.2; done\ncat {place}/said.json\n"
    );
    let script = home.write("keys.sh", &script);
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("a mode");
    let config = home.write("aws.ini", &format!("[profile night]\ncredential_process = {}\n", script.display()));
    home.env = vec![
        ("AWS_ACCESS_KEY_ID".into(), String::new()),
        ("AWS_SECRET_ACCESS_KEY".into(), String::new()),
        ("AWS_EC2_METADATA_DISABLED".into(), "true".into()),
        ("AWS_CONFIG_FILE".into(), config.display().to_string()),
    ];
    cutover.change(|text| text.replace("# profile = \"prod\"", "profile = \"night\""));
}

/// What the process says from now on.
fn gives(cutover: &Cutover, seconds: u64, key: &str) {
    let until = std::time::SystemTime::now() + Duration::from_secs(seconds);
    let until = until.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    let until = Wall::from_millis(until as i64);
    let text = format!(
        "{{\"Version\": 1, \"AccessKeyId\": \"AKIA{key}\", \"SecretAccessKey\": \"secret-{key}\", \
         \"SessionToken\": \"token-{key}\", \"Expiration\": \"{until}\"}}"
    );
    cutover.home.write("said.json", &text);
}

/// AWS takes neither reads nor writes of theirs any more, and the process has others.
#[test]
fn keys_that_went_bad_are_tried_then_renewed_and_the_rollback_lands_by_itself() {
    if !need_moto() {
        return;
    }
    for (fault, words) in [(Fault::Expired, "have expired"), (Fault::Status(403), "refuses the credentials")] {
        let mut cutover = Cutover::new(Moto::shared());
        keys_of_a_process(&mut cutover);
        gives(&cutover, 7200, "FIRST");
        let _console = cutover.run();
        cutover.home.advance("alice").exits(0);
        cutover.stage.moto.proxy.fail_where("", "AKIAFIRST", fault);
        let sent = cutover.stage.moto.proxy.calls("Modify");
        let rolling = cutover.home.start(["rollback", "--yes", "--as", "alice"]);
        wait_until("it was tried with the old ones", || cutover.stage.moto.proxy.calls("Modify") > sent);
        gives(&cutover, 7200, "SECOND");
        rolling.finish().exits(0);
        assert_eq!(cutover.held(), [BEFORE, BEFORE]);
        let history = cutover.home.history();
        assert!(history.contains("rollback attempt 1 failed") && history.contains(words), "{history}");
    }
}

#[test]
fn credentials_of_a_process_are_renewed_and_one_that_hangs_stops_no_rollback() {
    if !need_moto() {
        return;
    }
    let mut cutover = Cutover::new(Moto::shared());
    keys_of_a_process(&mut cutover);
    gives(&cutover, 120, "FIRST");
    let _console = cutover.run();
    let home = &cutover.home;
    let credentials = |status: &serde_json::Value| gate(status, "credentials").clone();
    let status = home.status_when("they end too soon", |status| credentials(status)["verdict"] == "fail");
    let words = credentials(&status)["detail"].as_str().unwrap_or_default().to_owned();
    assert!(words.contains("good until") && words.contains("need"), "{words}");
    home.run(["advance", "--as", "alice"]).exits(1).says("credentials");
    gives(&cutover, 3600, "SECOND");
    home.status_when("they are renewed without a restart", |status| credentials(status)["verdict"] == "pass");
    assert!(home.history().contains("credentials renewed: good until"));
    home.advance("alice").exits(0);

    // From here on there are only the last good ones, and AWS has taken against them.
    home.write("hangs", "");
    cutover.stage.moto.proxy.fail("Describe", Fault::Expired);
    home.status_when("refused ones are said", |status| {
        credentials(status)["detail"].as_str().is_some_and(|words| words.contains("have expired"))
    });
    let rolling = home.start(["rollback", "--yes", "--as", "alice"]);
    wait_until("the rollback goes out with them", || cutover.held() == [BEFORE, BEFORE]);
    // It is sent again, and after each attempt that fails so they are to be renewed.
    cutover.stage.moto.proxy.fail("Modify", Fault::Expired);
    let hung = || std::fs::read_to_string(home.path().join("hung")).unwrap_or_default().lines().count();
    wait_until("the process hangs", || hung() > 0);
    let sent = cutover.stage.moto.proxy.calls("Modify");
    wait_until("it is sent again", || cutover.stage.moto.proxy.calls("Modify") >= sent + 12);
    assert_eq!(hung(), 1, "one that hangs is waited for, not started again beside itself");
    cutover.stage.moto.proxy.mend();
    rolling.finish().exits(0);
    for secret in ["secret-FIRST", "token-FIRST", "secret-SECOND", "token-SECOND"] {
        assert!(!home.history().contains(secret), "secrets are never shown");
    }
}

/// A file of the AWS tools whose disk hangs: whoever opens it waits for ever.
fn hangs(path: &Path) {
    let _ = std::fs::remove_file(path);
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
}

#[test]
fn shared_files_on_a_disk_that_hangs_stop_no_direct_rollback() {
    if !need_moto() {
        return;
    }
    let mut cutover = Cutover::new(Moto::shared());
    let _console = cutover.run();
    cutover.home.advance("alice").exits(0);
    cutover.home.kill_keeper();
    let config = cutover.home.path().join("aws.ini");
    hangs(&config);
    // The last of a name counts; the keys are the environment's.
    cutover.home.env.push(("AWS_CONFIG_FILE".into(), config.display().to_string()));
    cutover.home.run(["rollback", "--yes", "--direct", "--as", "bob"]).exits(0).says("confirmed");
    assert_eq!(cutover.held(), [BEFORE, BEFORE]);
}

#[test]
fn shared_files_on_a_disk_that_hangs_hold_up_no_keeper() {
    if !need_moto() {
        return;
    }
    let mut cutover = Cutover::new(Moto::shared());
    keys_of_a_process(&mut cutover);
    gives(&cutover, 3600, "FIRST");
    let _console = cutover.run();
    let home = &cutover.home;
    home.advance("alice").exits(0);
    hangs(&home.path().join("aws.ini"));
    cutover.stage.moto.proxy.fail("Describe", Fault::Expired);
    let waits = |status: &serde_json::Value| {
        gate(status, "credentials")["detail"].as_str().is_some_and(|words| words.contains("gave none in 5 s"))
    };
    home.status_when("the keeper says so and goes on", waits);
    cutover.stage.moto.proxy.mend();
    home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    assert_eq!(cutover.held(), [BEFORE, BEFORE]);
}

#[test]
fn nothing_goes_forward_until_the_shared_files_are_read() {
    if !need_moto() {
        return;
    }
    let mut cutover = Cutover::new(Moto::shared());
    let config = cutover.home.path().join("aws.ini");
    hangs(&config);
    cutover.home.env.push(("AWS_CONFIG_FILE".into(), config.display().to_string()));
    let _console = cutover.run();
    let home = &cutover.home;
    let access = |status: &serde_json::Value| gate(status, "write access").clone();
    let status = home.status_when("it is said", |status| access(status)["verdict"] == "fail");
    let words = access(&status)["detail"].as_str().unwrap_or_default().to_owned();
    assert!(words.contains("the disk of the shared AWS files does not answer"), "{words}");
    assert_eq!(number(&status["split"]["configured_percent"]), 0.0, "the balancer is read all the same");
    home.run(["advance", "--as", "alice"]).exits(1).says("write access");
    assert_eq!(cutover.stage.moto.proxy.calls("Modify"), 0);
    // The disk answers.
    std::fs::write(&config, "").expect("whoever reads it goes on");
    home.status_when("it is tried again", |status| access(status)["verdict"] == "pass");
}
