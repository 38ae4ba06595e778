//! What is said after the terminal is given back, whatever the reason.

#[path = "support/scene.rs"]
mod scene;
#[path = "support/shots.rs"]
mod shots;

use std::path::Path;
use std::time::Duration;
use warroom::cli::{Exit, exit_of, farewell};
use warroom::console::desk::direct::Standing;
use warroom::console::{ConsoleExit, Left};
use warroom::domain::{Clean, RunId};
use warroom::engine::{ConfiguredView, Phase};
use warroom::wire::Status;

fn of(name: &str) -> Status {
    let shot = shots::all().into_iter().find(|shot| shot.name == name).unwrap_or_else(|| panic!("no shot {name}"));
    shot.status.expect("a status")
}

fn left(status: Status, left: Left) -> ConsoleExit {
    let heard_ago = Some(Duration::from_millis(400));
    ConsoleExit { last: Some(Box::new(status)), left, linked: true, heard_ago, ..ConsoleExit::default() }
}

fn words(exit: &ConsoleExit, is_demo: bool) -> String {
    let run = RunId::parse("checkout-20261122T120000Z-0001234").expect("an id");
    farewell(&run, &Clean::new(run.as_str()), exit, Path::new("/state/runs/x/journal.db"), is_demo).join("\n")
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn after_q_it_says_state_split_when_read_journal_keeper_and_what_next() {
    let text = words(&left(of("auto_held"), Left::Asked), false);
    says(
        &text,
        &["checkout @ demo: HOLDING", "candidate 25.0% at the balancer, as read at 12:0", "traffic stays as it is"],
    );
    says(
        &text,
        &[
            "the keeper goes on without this screen (process ",
            "journal /state/runs/x/journal.db",
            "warroom attach checkout-",
            "warroom rollback checkout-",
        ],
    );
    assert!(text.starts_with("the keeper goes on"), "who guards what is left comes first: {text}");
    assert!(text.lines().count() <= 9, "short: {text}");
}

#[test]
fn whoever_was_thrown_out_is_told_by_what() {
    says(&words(&left(of("baking"), Left::Signal("SIGTERM")), false), &["ended by SIGTERM, which changed nothing"]);
    says(&words(&left(of("baking"), Left::TerminalGone), false), &["terminal went away"]);
}

/// What is known of a keeper that is gone is old, and looking again comes before everything else.
#[test]
fn a_keeper_that_is_silent_is_said_to_be() {
    let gone =
        ConsoleExit { linked: false, heard_ago: Some(Duration::from_secs(12)), ..left(of("baking"), Left::Asked) };
    let text = words(&gone, false);
    says(&text, &["THE KEEPER IS SILENT for 12 s and is not connected", "that old", "warroom status", "--direct"]);
    assert!(text.starts_with("THE KEEPER IS SILENT"), "{text}");
    let never = ConsoleExit { last: None, linked: false, heard_ago: None, ..ConsoleExit::default() };
    says(&words(&never, false), &["never heard", "warroom status checkout-", "works without the keeper", "--direct"]);
}

/// Whoever reads it sits in a shell: there are no keys any more, and whole lines of it are copied.
#[test]
fn no_key_is_named_and_lines_break_between_words() {
    for shot in shots::all().into_iter().filter(|shot| shot.status.is_some()) {
        let status = shot.status.expect("a status");
        let exit = left(status.clone(), Left::Asked);
        let text = words(&exit, false);
        for key in ["press A", "A opens", "A locked", "A resumes", "R rolls", "R to", "R, then", "H R", " :adopt"] {
            assert!(!text.contains(key), "{key:?} after {}:\n{text}", shot.name);
        }
        // What is to be typed stays whole, so that it can be copied.
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("warroom ")).collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}:\n{text}", shot.name);
        let whole = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(whole.contains(status.snapshot.band.word.as_str()), "{text}");
    }
}

/// From another state folder the run is found by its plan file alone.
#[test]
fn what_is_to_be_typed_works_where_it_is_read() {
    let run = RunId::parse("checkout-20261122T120000Z-0001234").expect("an id");
    let way = Clean::new("/plans/eu.toml");
    let says_way = |exit: &ConsoleExit, parts: &[&str]| {
        let text = farewell(&run, &way, exit, Path::new("/state/runs/x/journal.db"), false).join("\n");
        says(&text, parts);
        assert!(!text.contains(&format!("rollback {run}")), "{text}");
        text
    };
    let gone =
        ConsoleExit { linked: false, heard_ago: Some(Duration::from_secs(12)), ..left(of("baking"), Left::Asked) };
    says_way(&gone, &["warroom status /plans/eu.toml", "warroom rollback /plans/eu.toml --direct"]);
    let foreign = ConsoleExit { direct: Some(Standing::Foreign), ..gone.clone() };
    says_way(&foreign, &["warroom rollback /plans/eu.toml --direct --send-over"]);
    let never = ConsoleExit { last: None, heard_ago: None, ..gone.clone() };
    says_way(&never, &["warroom status /plans/eu.toml", "warroom rollback /plans/eu.toml --direct"]);
    let private = ConsoleExit { private: true, ..gone };
    let text = says_way(&private, &["warroom rollback PLAN-FILE --direct"]);
    assert!(!text.contains("/plans"), "{text}");
}

/// A terminal wraps a long line in the middle of a run's id, which then cannot be copied.
#[test]
fn each_command_has_a_line_of_its_own() {
    for exit in [left(of("drift"), Left::Asked), ConsoleExit { last: None, ..left(of("baking"), Left::Asked) }] {
        let text = words(&exit, false);
        let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("  warroom ")).collect();
        assert!(commands.len() >= 2, "{text}");
        assert!(commands.iter().all(|line| line.matches("warroom").count() == 1), "{text}");
    }
}

#[test]
fn what_comes_next_is_what_can_come_next() {
    says(&words(&left(of("drift"), Left::Asked), false), &["FROZEN", "SOMEBODY ELSE", "warroom adopt checkout-"]);
    says(&words(&left(of("rolled_back"), Left::Asked), false), &["ROLLED BACK", "warroom restart"]);
    let watching = words(&left(of("watching"), Left::Asked), false);
    says(&watching, &["warroom attach"]);
    assert!(!watching.contains("warroom rollback"), "a keeper that only watches cannot: {watching}");
}

#[test]
fn a_balancer_that_was_never_read_has_no_split() {
    let mut status = of("baking");
    status.snapshot.balancer_at = None;
    says(&words(&left(status, Left::Asked), false), &["candidate unknown: the balancer was never read here"]);
}

/// The share of those that answered is not the whole, and not as old as the newest whole read.
#[test]
fn a_node_that_is_silent_is_not_passed_over() {
    let mut status = of("baking");
    let nodes = vec![("lb1".into(), Some(0.0)), ("lb2".into(), None)];
    status.snapshot.split.configured = Some(ConfiguredView { share: 0.0, nodes, even: false });
    let exit = left(status, Left::Asked);
    says(&words(&exit, false), &["candidate 0.0% (lb2 unknown) at the balancer, last read whole at 12:0"]);
    let text = words(&ConsoleExit { private: true, ..exit }, false);
    says(&text, &["candidate 0.0% (1 of its nodes unknown) at the balancer"]);
    assert!(!text.contains("lb2"), "{text}");
}

#[test]
fn hidden_names_stay_hidden() {
    let exit = ConsoleExit { private: true, ..left(of("auto_held"), Left::Asked) };
    let text = words(&exit, false);
    says(&text, &["HOLDING", "candidate 25.0%", "hidden"]);
    for secret in ["checkout @ demo", "/state", "5xx"] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}

#[test]
fn nothing_in_it_is_obeyed_by_a_terminal() {
    let exit = left(of("baking"), Left::Asked);
    let run = RunId::parse("x-20261122T120000Z-0001234").expect("an id");
    let text = farewell(&run, &Clean::new("x\x1b[2J"), &exit, Path::new("/tmp/\x1b]52;c;eA==\x07/journal.db"), false)
        .join("\n");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn the_demo_has_no_journal_to_go_back_to() {
    for state in ["auto_held", "baking", "complete", "drift", "rolled_back"] {
        let text = words(&left(of(state), Left::Asked), true);
        assert!(text.starts_with("the demo has ended: nothing runs or watches any more\n"), "{text}");
        for gone in ["journal", "warroom ", "rolls back", "press", "by itself", "auto-rollback", ":restart"] {
            assert!(!text.contains(gone), "{gone} after {state}:\n{text}");
        }
    }
    let text = words(&left(of("auto_held"), Left::Asked), true);
    says(&text, &["checkout @ demo was HOLDING (auto)\ncandidate 25.0% at the balancer, as read at 12:0"]);
    says(&words(&left(of("baking"), Left::Signal("SIGTERM")), true), &["ended by SIGTERM"]);
}

/// Ended on a rollback that had stopped at somebody else's setting, nothing is back.
#[test]
fn an_end_before_the_rollback_was_confirmed_is_not_called_rolled_back() {
    for (name, code) in [
        ("baking", Exit::Done),
        ("rolling_back", Exit::Unconfirmed),
        ("foreign", Exit::Unconfirmed),
        ("new_traffic_back", Exit::RolledBack),
        ("rolled_back", Exit::RolledBack),
    ] {
        for phase in [of(name).snapshot.phase, Phase::Ended] {
            let mut status = of(name);
            status.snapshot.phase = phase;
            assert_eq!(exit_of(&left(status, Left::Asked)), code, "{name}, {phase:?}");
        }
    }
}

/// The keeper is gone and `R` `y` went from here: what its last words say of the traffic is not so any more.
#[test]
fn a_direct_rollback_is_said_first_and_gives_the_exit_code() {
    let standings = [
        (
            Standing::Running,
            "A DIRECT ROLLBACK goes on in a process of its own: it is NOT CONFIRMED",
            Exit::Unconfirmed,
        ),
        (
            Standing::Unknown,
            "A DIRECT ROLLBACK goes on in a process of its own: it is NOT CONFIRMED",
            Exit::Unconfirmed,
        ),
        (
            Standing::Foreign,
            "THE DIRECT ROLLBACK stopped at somebody else's setting: it is NOT CONFIRMED",
            Exit::Unconfirmed,
        ),
        (Standing::Confirmed, "ROLLED BACK DIRECTLY, confirmed", Exit::RolledBack),
        (Standing::Nothing, "the direct rollback found nothing to roll back", Exit::Done),
        (Standing::Failed, "THE DIRECT ROLLBACK FAILED", Exit::Unconfirmed),
    ];
    for (standing, first, code) in standings {
        let gone = ConsoleExit {
            linked: false,
            heard_ago: Some(Duration::from_secs(12)),
            direct: Some(standing),
            ..left(of("baking"), Left::Asked)
        };
        let text = words(&gone, false);
        assert!(text.starts_with(first), "{text}");
        says(&text, &["THE KEEPER IS SILENT for 12 s", "candidate 25.0%", "warroom status checkout-"]);
        assert!(!text.contains("changed nothing"), "{text}");
        assert_eq!(text.contains("warroom rollback"), standing != Standing::Confirmed, "{text}");
        assert_eq!(exit_of(&gone), code, "{standing:?}");
        let thrown = ConsoleExit { left: Left::Signal("SIGHUP"), ..gone };
        says(&words(&thrown, false), &["the console was ended by SIGHUP\n"]);
        let never = ConsoleExit { last: None, ..thrown };
        let text = words(&never, false);
        assert!(text.starts_with(first) && text.contains("never heard\n"), "{text}");
    }
    assert_eq!(exit_of(&left(of("baking"), Left::Asked)), Exit::Done);
    assert_eq!(exit_of(&left(of("rolled_back"), Left::Asked)), Exit::RolledBack);
}
