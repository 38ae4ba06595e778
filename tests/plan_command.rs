//! `driver = "command"` in a plan: each wrong value at its place, and what a sound one comes to.

#![allow(clippy::unwrap_used)] // the helpers are tests too, and clippy.toml only knows functions that say so

mod plan_common;

use plan_common::sound;
use std::path::Path;
use std::time::Duration;
use warroom::domain::{Role, Weights};
use warroom::plan::{CommandDriver, Driver, Plan, Reading, Run, load_file, load_frozen, origin, rescue_card, schedule};

const COMMAND: &str = include_str!("../config/command.toml");

fn edited(old: &str, new: &str) -> String {
    assert!(COMMAND.contains(old), "{old} is not in the sample");
    COMMAND.replacen(old, new, 1)
}

fn driver(plan: &Plan) -> &CommandDriver {
    let Driver::Command(command) = &plan.traffic.driver else { panic!("{:?}", plan.traffic.driver) };
    command
}

/// The one error that this edit makes.
#[track_caller]
fn one((old, new): (&str, &str), place: &str, parts: &[&str]) {
    plan_common::one(&edited(old, new), place, parts);
}

#[test]
fn every_wrong_value_is_said_at_its_place() {
    let run = r#"run = ["./command/haproxy.sh", "set", "{stable}", "{candidate}"]"#;
    one(("driver = \"command\"", "driver = \"comand\""), "\"comand\"", &["\"command\"", "perhaps: \"command\""]);
    one((run, "run = \"./lb.sh set\""), "\"./lb.sh set\"", &["traffic.set.run: a string cannot", "[\"./lb.sh set\"]"]);
    one(
        (run, "run = [\"lb\", \"{stabel}\"]"),
        "\"{stabel}\"",
        &["there are {stable}, {candidate}", "perhaps: {stable}"],
    );
    one((run, "run = [\"lb\", \"{\"]"), "\"{\"", &["a single {", "{{"]);
    one((run, "shell = \"lb {stable}\""), "\"lb {stable}\"", &["it has the value in $WARROOM_STABLE"]);
    let none = "run = [\"./command/haproxy.sh\", \"get\", \"{stable}\"]";
    one((r#"run = ["./command/haproxy.sh", "get"]"#, none), "\"{stable}\"]\njson", &["there are none here"]);
    for (wrong, why) in [("[0]", "0 is success"), ("[256]", "no exit code"), ("[\"2\"]", "a string cannot stand here")]
    {
        let place = wrong.trim_matches(['[', ']']);
        one(("refused = [2] ", &format!("refused = {wrong} ")), &format!("{place}] "), &["traffic.set.refused", why]);
    }
    one(
        ("refused = [2] ", "refused = [2]\ntimeout = \"1s\" "),
        "\"1s\" ",
        &["traffic.set.timeout: is not a script's own here", "timeout in [traffic]"],
    );
    let json = r#"json = { stable = "stable", candidate = "candidate" }"#;
    one((json, ""), "[traffic.get]", &["traffic.get.json: is missing"]);
    one((json, "json = { candidat = \"a\" }"), "candidat =", &["perhaps: \"candidate\""]);
    one((json, "pattern = { stable = '([0-9]+' }"), "'([0-9]+'", &["is no regular expression: unclosed group"]);
    one((json, "pattern = { stable = '[0-9]+' }"), "'[0-9]+'", &["has 0 groups; the number is one"]);
    one((json, "pattern = { stable = '(a)(b)' }"), "'(a)(b)'", &["has 2 groups"]);
    one((json, &format!("{json}\npattern = {{ stable = '(a)' }}")), "{ stable = '(a)' }", &["stands beside json"]);
    one(("LB_API = ", "LB_API_TOKEN = "), "\"unix-connect", &["a secret does not belong in a plan", "env = \"NAME\""]);
    one(("balancer = \"lb1\"", "balanser = \"lb1\""), "balanser", &["traffic.balanser: no such key", "\"balancer\""]);
}

#[test]
fn a_script_that_cannot_be_started_is_said_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, COMMAND).unwrap();
    let missing = load_file(&path).expect_err("no script").to_string();
    assert!(missing.contains("haproxy.sh: No such file") && missing.contains("traffic.get.run"), "{missing}");
    std::fs::create_dir(folder.path().join("command")).unwrap();
    std::fs::write(folder.path().join("command/haproxy.sh"), "#!/bin/sh\n").unwrap();
    let plain = load_file(&path).expect_err("no program").to_string();
    assert!(plain.contains("haproxy.sh is not executable: chmod +x"), "{plain}");
    // A run goes on all the same, and a rollback tries: the file may be back by then.
    assert!(load_frozen(&path).is_ok());
}

#[test]
fn a_sound_plan_is_what_it_says() {
    let plan = sound(COMMAND);
    let command = driver(&plan);
    assert_eq!((plan.traffic.timeout, command.set.timeout), (Duration::from_secs(5), Duration::from_secs(5)));
    assert_eq!(command.refused, [2]);
    assert_eq!(command.set.env.len(), 4, "[traffic.env] is for both");
    assert_eq!(command.get.env.len(), 4);
    assert!(matches!(&command.reading, Reading::Json(places) if places[Role::Stable].as_deref() == Some("stable")));
    let layout = plan.traffic.layout();
    assert_eq!((layout.nodes[0].as_str(), layout.weights), ("lb1", Weights::Percent));
    let without = sound(&edited("timeout = \"5s\"", "# timeout"));
    assert_eq!(without.traffic.timeout, Duration::from_secs(10), "a script has more to do than one request");
    let own = sound(&edited("refused = [2]", "refused = [2]\nenv = { LB_API = \"tcp:lb1:9999\" }\n#"));
    let api = |command: &CommandDriver| command.set.env.iter().filter(|(name, _)| name == "LB_API").count();
    assert_eq!(api(driver(&own)), 1, "its own stands in for the shared one");
}

/// Two plans may drive one balancer by other programs: the lock goes by what is driven.
#[test]
fn a_balancer_is_known_by_its_name() {
    let plan = sound(COMMAND);
    let other = sound(&edited("\"./command/haproxy.sh\", \"set\"", "\"./other.sh\", \"set\""));
    assert_eq!(plan.traffic.identities(), ["command lb1"]);
    assert_eq!(other.traffic.identities(), plan.traffic.identities());
    assert_eq!(other.traffic.identity(), plan.traffic.identity());
    assert_ne!(sound(&edited("\"lb1\"", "\"lb2\"")).traffic.identities(), plan.traffic.identities());
}

/// A run has a copy of its plan in a folder of its own; its programs are where the plan was.
#[test]
fn a_frozen_plan_finds_its_programs_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = folder.path().join("plan.toml");
    std::fs::write(&frozen, COMMAND).unwrap();
    std::fs::write(origin(&frozen), "/etc/warroom").unwrap();
    let plan = load_frozen(&frozen).unwrap();
    let script = &driver(&plan).set;
    assert_eq!(
        (script.file(), script.directory.as_path()),
        (Some(Path::new("/etc/warroom/command/haproxy.sh")), Path::new("/etc/warroom"))
    );
}

#[test]
fn card_and_schedule_say_what_is_run_and_what_it_needs() {
    let text = edited("LB_BACKEND = \"app\"", "LB_BACKEND = { env = \"BACKEND\" }\nLB_TOKEN = { file = \"/run/t\" }");
    let plan = sound(&text.replace("[traffic.get]\nrun", "[traffic.get]\ndirectory = \"/srv/it's\"\nrun"));
    assert!(matches!(&driver(&plan).get.run, Run::Program { program, .. } if program.starts_with("/srv/it's")));
    let card = rescue_card(&plan);
    for part in [
        ": \"${BACKEND:?}\" && cat '/run/t' >/dev/null && ",
        "LB_BACKEND=\"$BACKEND\" ",
        "LB_TOKEN=\"$(cat '/run/t')\" ",
        "WARROOM_STABLE=100 WARROOM_CANDIDATE=0 timeout -k 1 5 ",
        "haproxy.sh' 'set' '100' '0')",
        r"(cd '/srv/it'\''s' && ",
        "haproxy.sh' 'get')    # must say stable 100, candidate 0",
    ] {
        assert!(card.contains(part), "{card}\nlacks {part:?}");
    }
    let schedule = schedule(&plan, None);
    for part in [
        "write  lb1 by ",
        "haproxy.sh set {stable} {candidate}\n",
        "variable  BACKEND  for traffic.set.env.LB_BACKEND\n",
        "file      /run/t  for traffic.get.env.LB_TOKEN\n",
        "haproxy.sh  for traffic.set\n",
    ] {
        assert!(schedule.contains(part), "{schedule}\nlacks {part:?}");
    }
}
