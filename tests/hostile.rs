//! Hazards 32 to 34: text from elsewhere that would command a terminal, forge a line or hide what it is. It comes from
//! every place that text comes from, and what reaches a terminal, a pipe or a log holds only our own sequences.

mod support;

use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use support::{BINARY, Home, Server, Terminal, vt};

/// What a hostile server, plan or person writes: clear the screen, take the clipboard, set the title, C1 forms of the
/// same, device control, a paste's end, a carriage return over the line, a forged line of the log, bidirectional
/// overrides, tags, marks on marks, bells.
const HOSTILE: [&str; 12] = [
    "\x1b[2J\x1b[Hall good",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b]0;HEALTHY\x1b\\",
    "\u{9b}2J\u{9d}0;x\u{9c}",
    "\x1bP0;1|17/ab\x1b\\",
    "\x1b[201~y",
    "fine\rFINE",
    "x\n12:00:00Z   root advances 5% -> 100%",
    "ok \u{202e}detelpmoc\u{2066}",
    "\u{e0041}\u{e0042}\u{200b}\u{feff}",
    "Z\u{351}\u{36b}\u{343}algo",
    "\x07\x08\x7f\x00bell",
];

/// All of it in one string.
fn all_of_it() -> String {
    HOSTILE.join(" ")
}

/// As TOML writes it in a basic string.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && c != '"' && c != '\\' {
                c.to_string()
            } else {
                format!("\\U{:08X}", u32::from(c))
            }
        })
        .collect();
    format!("\"{escaped}\"")
}

/// Two apps and a balancer that say hostile things wherever they say anything.
struct Site {
    home: Home,
    _servers: [Server; 3],
    refuses: Arc<AtomicBool>,
    plan: PathBuf,
}

impl Site {
    fn new() -> Self {
        let app = || {
            Server::start(|request| match request.path.as_str() {
                "/metrics" => {
                    // An exposition's label values hold anything but a line end, a quote and a backslash.
                    let word: String =
                        all_of_it().chars().filter(|c| !matches!(c, '\n' | '\r' | '"' | '\\' | '\0')).collect();
                    let text = format!(
                        "# HELP http_requests_total {word}\n# TYPE http_requests_total counter\n\
                         http_requests_total{{status=\"200\",path=\"{word}\"}} 100\n"
                    );
                    (200, text)
                }
                "/health" => (200, serde_json::json!({"status": "ok", "version": all_of_it()}).to_string()),
                _ => (500, all_of_it()),
            })
        };
        let refuses = Arc::new(AtomicBool::new(false));
        let (refused, green) = (refuses.clone(), Arc::new(AtomicU64::new(0)));
        let balancer = Server::start(move |request| {
            let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
            match body["green"].as_f64() {
                Some(_) if refused.load(Ordering::SeqCst) => (503, all_of_it()),
                Some(share) => {
                    green.store(share as u64, Ordering::SeqCst);
                    (200, all_of_it())
                }
                None => {
                    let share = green.load(Ordering::SeqCst);
                    (200, format!("{{\"blue\": {}, \"green\": {share}}}", 100 - share))
                }
            }
        });
        let servers = [app(), app(), balancer];
        let home = Home::new();
        let plan = home.write("plan.toml", &plan_text(&servers));
        Self { home, _servers: servers, refuses, plan }
    }

    fn args<'a>(&'a self, words: &[&'a str]) -> Vec<&'a OsStr> {
        support::args(words, &self.plan)
    }
}

fn plan_text(servers: &[Server; 3]) -> String {
    let [stable, candidate, balancer] = servers.each_ref().map(|server| server.address());
    let [short, other] = ["v1", "v2"].map(|label| quoted(&format!("{label}\x1b[31m\u{202e}\rx")));
    let whole = quoted(&all_of_it().chars().take(150).collect::<String>());
    format!(
        r#"
version = 1
name = "checkout"
target = {short}
watch = "1h"
[environments.stable]
label = {short}
colour = "blue"
url = "http://{stable}"
metrics = ["http://{stable}/metrics"]
[environments.candidate]
label = {other}
colour = "green"
url = "http://{candidate}"
metrics = ["http://{candidate}/metrics"]
[traffic]
driver = "http"
url = "http://{balancer}"
lateness = "1s"
timeout = "1s"
fields = {{ stable = "blue", candidate = "green" }}
[metrics]
window = "3s"
requests = {{ metric = "http_requests_total" }}
[poll]
readings = "500ms"
balancer = "300ms"
health = "500ms"
[[steps]]
split = "50 %"
bake = "0s"
[[steps]]
split = "100 %"
bake = "0s"
point_of_no_return = {whole}
[[checks]]
name = {short}
kind = "http"
environment = "candidate"
path = "/other"
interval = "500ms"
timeout = "400ms"
required = false
[[checks]]
name = "health"
kind = "http"
environment = "candidate"
path = "/health"
json = {{ "/version" = "none of this" }}
interval = "500ms"
timeout = "400ms"
required = false
[[checks]]
name = "balancer"
kind = "balancer"
[rollback.lever]
words = {whole}
"#
    )
}

#[test]
fn hazard_32_and_37_a_console_writes_only_its_own_sequences() {
    let site = Site::new();
    let hostile_name = "mallory\x1b]0;x\x07\u{202e}";
    let state = site.home.state().display().to_string();
    let mut terminal = Terminal::start(
        Path::new(BINARY),
        site.args(&["run", "PLAN", "--as", hostile_name]),
        site.home.path(),
        &[("WARROOM_STATE_DIR", &state)],
    );
    terminal.shows("READY");
    for text in HOSTILE {
        if !text.contains('\0') {
            site.home.run(["note", text, "--as", text]).exits(0);
        }
    }
    // Every check's raw answer, and the newest lines of the log, each in its own panel.
    terminal.press("4");
    for _ in 0..3 {
        terminal.press("\r");
        terminal.shows("CHECK ");
        terminal.press("qj");
    }
    terminal.press("5");
    for _ in 0..HOSTILE.len() {
        terminal.press("\r");
        terminal.shows("EVENT ");
        terminal.press("qk");
    }
    terminal.press("g");
    terminal.press("A");
    terminal.confirm("ADVANCE TO");
    terminal.shows("configured 50");
    site.refuses.store(true, Ordering::SeqCst);
    terminal.press("R");
    terminal.confirm("ROLL BACK NOW");
    terminal.shows("503");
    site.refuses.store(false, Ordering::SeqCst);
    terminal.shows("ROLLED BACK");
    terminal.press("q");
    assert_eq!(terminal.ends(), 4, "rolled back");
    assert_eq!(vt::check_screen(&terminal.raw()), Ok(()));
}

#[test]
fn hazard_33_and_34_nor_do_commands_pipes_and_logs() {
    let site = Site::new();
    let check = |words: &[&str]| {
        let ran = site.home.run(site.args(words));
        assert_ne!(ran.out.len() + ran.err.len(), 0, "{words:?} says nothing");
        for stream in [&ran.out, &ran.err] {
            assert_eq!(vt::check_words(stream.as_bytes()), Ok(()), "{words:?}");
            assert!(!stream.contains('\r'), "{words:?}: {stream}");
        }
        ran
    };
    check(&["check", "PLAN"]);
    check(&["plan", "PLAN", "--rate", "100"]);
    for text in HOSTILE {
        if !text.contains('\0') {
            check(&["run", text]).exits(2);
            check(&["status", text]).exits(2);
            check(&[text]).exits(2);
        }
    }
    let running = site.home.run_plan(&site.plan, "mallory\x1b[2J");
    site.home.ready();
    for text in HOSTILE.iter().filter(|text| !text.contains('\0')) {
        check(&["note", text, "--as", text]).exits(0);
    }
    check(&["advance", "--as", "mallory\x1b[2J"]).exits(0);
    site.refuses.store(true, Ordering::SeqCst);
    let rolling = site.home.start(site.args(&["rollback", "--yes", "--reason", HOSTILE[7], "--as", HOSTILE[8]]));
    site.home.status_when("an attempt failed", |status| !status["rollback"]["last_error"].is_null());
    site.refuses.store(false, Ordering::SeqCst);
    let rolled = rolling.finish().exits(0);
    assert_eq!(vt::check_words(rolled.all().as_bytes()), Ok(()));
    check(&["status"]);
    check(&["status", "--oneline"]);
    check(&["log", "--markdown"]);
    let json = check(&["status", "--json"]).out;
    serde_json::from_str::<Value>(&json).expect("one JSON value");
    // One entry a line, whatever was in it.
    let entries = check(&["log", "--json"]).out;
    let numbers: Vec<u64> = entries
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON a line")["number"].as_u64().expect("a number"))
        .collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    let lines = check(&["log"]).out;
    assert_eq!(lines.lines().count(), numbers.len(), "a line an entry: {lines}");
    check(&["end", "--yes", "--as", "mallory\x1b[2J"]).exits(0);
    let console = running.finish();
    assert_eq!(vt::check_words(console.all().as_bytes()), Ok(()));
    for path in
        support::below(&site.home.state()).iter().filter(|path| path.parent().is_some_and(|p| p.ends_with("log")))
    {
        let log = std::fs::read_to_string(path).expect("the keeper's log");
        assert_eq!(vt::check_words(log.as_bytes()), Ok(()), "{}", path.display());
        for line in log.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
}
