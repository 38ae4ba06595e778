//! What the program says of itself, and what a person's own configuration does to it.

mod support;

use serde_json::Value;
use std::path::Path;
use support::{BINARY, Home, Site, Terminal, args, plain, wait_until};
use warroom::console::desk::COMMANDS;
use warroom::console::desk::keymap::{KEYS, Keymap};
use warroom::console::desk::manual;

#[test]
fn info_says_where_things_are_and_what_was_decided_from_the_terminal() {
    let home = Home::new();
    let config = home.path().join("config");
    let info = |variables: &[(&str, &str)]| {
        let mut command = home.command(["info", "--json"]);
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "LC_ALL", "LC_CTYPE", "LANG", "TMUX"] {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", &config).env("TERM", "xterm-256color").envs(variables.iter().copied());
        let ran = support::Running::start(&mut command).finish().exits(0);
        serde_json::from_str::<Value>(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.all()))
    };
    let seen = info(&[("LANG", "C.UTF-8")]);
    assert_eq!(seen["versions"]["warroom"], env!("CARGO_PKG_VERSION"));
    assert_eq!(seen["paths"]["state"]["path"], home.state().display().to_string());
    assert_eq!(seen["paths"]["config"]["path"], config.join("warroom/config.toml").display().to_string());
    assert_eq!(seen["terminal"]["theme"], "dark");
    assert_eq!(seen["terminal"]["theme_why"], "TERM=xterm-256color");
    assert_eq!(seen["terminal"]["unicode"], true);
    assert_eq!(seen["runs"], serde_json::json!([]));
    let mono = info(&[("NO_COLOR", "1"), ("TMUX", "/tmp/x,1,0")]);
    assert_eq!(
        (&mono["terminal"]["theme"], &mono["terminal"]["theme_why"]),
        (&"mono".into(), &"NO_COLOR is set".into())
    );
    assert_eq!((&mono["terminal"]["unicode"], &mono["terminal"]["tmux"]), (&false.into(), &true.into()));
    assert_eq!(mono["terminal"]["unicode_why"], "no locale is set");
}

/// It is what one asks when everything else ends at once: it says what is missing, and the rest.
#[test]
fn info_says_what_is_missing_where_there_is_no_home() {
    let home = Home::new();
    let homeless = |arguments: &[&str], code: i32| {
        let mut command = home.command(arguments);
        for name in ["HOME", "WARROOM_STATE_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        support::Running::start(command.env("TERM", "xterm")).finish().exits(code)
    };
    let ran = homeless(&["info"], 0);
    for words in
        ["no folder for state: set HOME", "set HOME or XDG_CONFIG_HOME", "warroom ", "theme ", "runs      none"]
    {
        assert!(ran.out.contains(words), "{words}\n{}", ran.all());
    }
    let ran = homeless(&["info", "--json"], 0);
    let seen: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.all()));
    assert_eq!(seen["paths"]["state"]["path"], "-");
    assert_eq!(seen["versions"]["warroom"], env!("CARGO_PKG_VERSION"));
    assert!(homeless(&["status"], 2).all().contains("set HOME"), "what needs the folder still ends");
}

fn make_pipe(path: &Path) {
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
}

/// Nobody named it, so nobody knows why nothing opens: what is no file is said, and not waited for.
#[test]
fn a_configuration_that_is_a_pipe_is_an_error_and_no_wait() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let config = configured(&site.home, "");
    let file = Path::new(&config).join("warroom/config.toml");
    std::fs::remove_file(&file).expect("gone");
    make_pipe(&file);
    let mut command = site.home.command(["info"]);
    let ran = support::Running::start(command.env("XDG_CONFIG_HOME", &config)).finish().exits(0);
    assert!(ran.out.contains("is a pipe, not a regular file"), "{}", ran.all());
    open(&site, &["run", "PLAN"], &plan, &config).shows("is a pipe, not a regular file");
    assert_eq!(site.home.runs(), Vec::<String>::new(), "no keeper was started");
}

/// A shell's `<(command)` is a plan like any other; a pipe without a writer is none.
#[test]
fn a_plan_may_come_from_a_pipe() {
    let home = Home::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo.toml");
    let script = "exec \"$0\" plan <(sleep 0.1; cat \"$1\")";
    let mut command = home.command(["info"]);
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", script, BINARY]).arg(&sample);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let ran = support::Running::start(&mut shell).finish().exits(0);
    assert!(ran.out.contains("sha256"), "{}", ran.all());
    let pipe = home.path().join("plan.toml");
    make_pipe(&pipe);
    command = home.command(["plan"]);
    let ran = support::Running::start(command.arg(&pipe)).finish().exits(2);
    assert!(ran.all().contains("is a pipe into which nobody writes"), "{}", ran.all());
}

#[test]
fn info_lists_runs_and_takes_text_from_elsewhere_for_text() {
    let (site, _plan, _console) = Site::running(plain);
    let mut command = site.home.command(["info"]);
    command.env("TERM", "x\x1b]0;owned\x07term").env("LANG", "C.UTF-8");
    let ran = support::Running::start(&mut command).finish().exits(0);
    assert!(ran.out.contains(&site.run_id()) && ran.out.contains("keeper runs"), "{}", ran.out);
    assert!(!ran.out.contains('\x1b') && !ran.out.contains('\x07'), "{:?}", ran.out);
}

/// No look is no answer: none is said only where it was seen that there is none.
#[test]
fn info_does_not_call_none_what_it_could_not_look_at() {
    let home = Home::new();
    let runs_in = |state: &Path, json: bool| {
        let mut command = home.command(if json { &["info", "--json"][..] } else { &["info"] });
        support::Running::start(command.env("WARROOM_STATE_DIR", state)).finish().exits(0).out
    };
    let read = |state: &Path| -> Value { serde_json::from_str(&runs_in(state, true)).expect("JSON") };
    let broken = home.path().join("broken");
    std::fs::create_dir_all(&broken).expect("a folder");
    std::fs::write(broken.join("runs"), "no folder").expect("written");
    let text = runs_in(&broken, false);
    assert!(text.contains("runs      CANNOT BE READ, ") && text.contains("Not a directory"), "{text}");
    assert_eq!(read(&broken)["runs"], Value::Null);
    // A run whose socket has no place is one all the same.
    let long = home.path().join("x".repeat(100));
    let run = "checkout-20261122T120000Z-0001234";
    std::fs::create_dir_all(long.join("runs").join(run)).expect("a folder");
    let text = runs_in(&long, false);
    assert!(text.contains(run) && text.contains("no keeper can be asked") && text.contains("107"), "{text}");
    assert!(!text.contains("older") && !text.contains("none"), "{text}");
    assert_eq!((&read(&long)["runs"][0]["run"], &read(&long)["runs"][0]["keeper"]), (&run.into(), &Value::Null));
}

#[test]
fn completions_know_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = home.run(["completions", shell]).exits(0);
        for word in ["rollback", "advance", "--direct", "completions"] {
            let word = if shell == "fish" { word.trim_start_matches("--") } else { word };
            assert!(ran.out.contains(word), "{word} for {shell}");
        }
    }
    home.run(["completions", "tcsh"]).exits(2);
}

#[test]
fn the_manual_is_made_from_the_tables() {
    let home = Home::new();
    // Formatting characters aside, as man(1) would show it.
    let page = home.run(["man"]).exits(0).out.replace("\\-", "-").replace("\\*(Aq", "'").replace("\\'", "'");
    for section in ["KEYS", "COMMAND LINE", "EXIT STATUS", "FILES", "ENVIRONMENT"] {
        let heading = if section.contains(' ') { format!(".SH \"{section}\"") } else { format!(".SH {section}") };
        assert!(page.contains(&heading), "{section}");
    }
    for row in manual::keys(&Keymap::default(), true).iter().chain(&manual::commands()) {
        assert!(page.contains(&row.words), "{:?}", row.words);
    }
    assert!(KEYS.len() > 10 && COMMANDS.len() > 10);
    assert!(page.contains("sent, but not confirmed"));
    let page = home.run(["man", "rollback"]).exits(0).out;
    assert!(page.contains(".TH warroom-rollback 1") && page.contains("direct"), "{page}");
    home.run(["man", "nonsense"]).exits(2).says("no command");
}

/// `$XDG_CONFIG_HOME` with this `config.toml` in it.
fn configured(home: &Home, text: &str) -> String {
    let folder = home.path().join("config/warroom");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config.toml"), text).expect("written");
    home.path().join("config").display().to_string()
}

fn open(site: &Site, words: &[&str], plan: &Path, config: &str) -> Terminal {
    let state = site.home.state().display().to_string();
    let variables = [("WARROOM_STATE_DIR", state.as_str()), ("XDG_CONFIG_HOME", config)];
    Terminal::start(Path::new(BINARY), args(words, plan), site.home.path(), &variables)
}

#[test]
fn hazard_45_a_configuration_that_is_wrong_opens_nothing_and_starts_nothing() {
    let site = Site::new();
    let plan = site.write(&site.plan());
    let config = configured(&site.home, "[keys]\nqiut = \"x\"\n");
    open(&site, &["run", "PLAN"], &plan, &config).shows("config.toml:2:1: keys.qiut: no such key");
    assert_eq!(site.home.runs(), Vec::<String>::new(), "no keeper was started");
    open(&site, &["watch", "PLAN", "--no-config"], &plan, &config).shows("WATCHING");
}

#[test]
fn keys_of_ones_own_are_shown_and_work_and_the_others_keep_theirs() {
    let (site, plan, _console) = Site::running(plain);
    let config = configured(&site.home, "ascii = true\n[keys]\nhelp = \"F1\"\n");
    let mut terminal = open(&site, &["attach"], &plan, &config);
    terminal.shows("F1 help");
    terminal.press("?");
    terminal.press("\x1bOP");
    terminal.shows("KEYS, MARKS, LIMITS");
    assert!(terminal.screen().is_ascii(), "{}", terminal.screen());
}

#[test]
fn the_demo_names_the_key_that_ends_it_as_it_is_bound() {
    let home = Home::new();
    let config = configured(&home, "[keys]\nquit = \"F10\"\n");
    let variables = [("XDG_CONFIG_HOME", config.as_str())];
    let mut terminal = Terminal::start(Path::new(BINARY), ["demo", "--speed", "10"], home.path(), &variables);
    terminal.shows("F10 ends the demo");
    terminal.press("\x1b[21~");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn export_writes_a_report_for_its_owner_and_says_where() {
    let (site, plan, _console) = Site::running(plain);
    let mut terminal = open(&site, &["attach"], &plan, "/nowhere");
    terminal.shows("STABLE");
    for (line, ending, begins) in [(":export\r", "md", "# checkout"), (":export json\r", "json", "{")] {
        terminal.press(line);
        let folder = site.home.state().join("runs").join(site.run_id());
        let report = || {
            let entries = std::fs::read_dir(&folder).expect("the run's folder").flatten().map(|entry| entry.path());
            entries.into_iter().find(|path| {
                path.extension().is_some_and(|found| found == ending)
                    && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("report-"))
                    && std::fs::read_to_string(path).is_ok_and(|text| text.starts_with(begins))
            })
        };
        wait_until("the report is written", || report().is_some());
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(report().expect("there")).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o077, 0, "its owner's only");
        terminal.shows(&format!(".{ending} written to"));
    }
}

/// A rehearsal on a shared screen: what was given up here is not asked of the keeper, whatever is pressed.
#[test]
fn hazard_40_readonly_on_sends_nothing() {
    let (site, plan, _console) = Site::running(plain);
    site.advance_to(10.0);
    let mut terminal = open(&site, &["attach"], &plan, "/nowhere");
    terminal.shows("STABLE");
    terminal.press(":readonly on\r");
    terminal.shows("-R- roll back");
    for key in ["H", "R", "y", "A", "y", "T"] {
        terminal.press(key);
    }
    terminal.shows("read-only");
    terminal.press(":theme mono\r");
    terminal.press(":debug\r");
    terminal.shows("THIS CONSOLE");
    assert_eq!(site.home.status()["held"], Value::Null);
    assert!((site.balancer.green() - 10.0).abs() < 0.01, "nothing was moved");
}

#[test]
fn after_q_the_next_command_is_on_the_terminal() {
    let (site, plan, _console) = Site::running(plain);
    let mut terminal = open(&site, &["attach"], &plan, "/nowhere");
    terminal.shows("STABLE");
    terminal.press("q");
    terminal.shows("the keeper goes on");
    terminal.shows("as read at");
    terminal.shows(&format!("warroom attach {}", site.run_id()));
    assert!(!terminal.screen().contains("R rolls back"), "{}", terminal.screen());
}

#[test]
fn lines_of_a_run_name_no_keys() {
    let (site, _plan, mut console) = Site::running(plain);
    site.home.ready();
    console.says("warroom advance");
    let ran = site.home.run(["status", "--oneline"]).exits(0);
    assert!(!ran.out.contains("press A"), "{}", ran.out);
}
