//! What never becomes a plan: values that are sound one by one and wrong together, secrets, hostile text,
//! and files that are none.
//!
//! "Valid by construction" is only as good as what `load` refuses. One rule a test. Where an error points
//! and what it says word for word is in `plan_errors.rs`.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod plan_common;

use plan_common::{Edit, HAPROXY, HTTP, edited, errors, read, sound};
use std::path::{Path, PathBuf};
use warroom::plan::{
    Driver, PLAN_BYTES_MAX, Plan, PlanErrors, Secret, folder_of, load, load_file, load_frozen, origin,
};

use Edit::Put;

/// Plans that must not load; tells all that do. `word` must stand in the problem of some error.
fn refused(rows: &[(&str, &[Edit], &str)]) {
    let accepted: Vec<String> = rows
        .iter()
        .filter_map(|(base, edits, word)| match read(&edited(base, edits)) {
            Ok(_) => Some(format!("{edits:?} loads")),
            Err(PlanErrors(all)) if all.iter().any(|e| e.problem.contains(word)) => None,
            Err(other) => Some(format!("{edits:?}: {word:?} is not among the problems: {other}")),
        })
        .collect();
    assert!(accepted.is_empty(), "{} of {}:\n{}", accepted.len(), rows.len(), accepted.join("\n"));
}

// What a loaded plan must never hold.

#[test]
fn the_environments_can_be_told_apart() {
    refused(&[
        (HTTP, &[Put("\"v2.1.0\"", "\"v2.0.5\"")], "both environments have the same label"),
        (HTTP, &[Put("colour = \"green\"", "colour = \"Blue\"")], "both environments have the same colour"),
        (HTTP, &[Put("http://10.0.0.2:8080", "http://10.0.0.1:8080/")], "both environments have the same url"),
        (
            HTTP,
            &[Put(
                "combine = \"max\"",
                "combine = \"max\"\n[[metrics.gauges]]\nname = \"memory\"\nmetric = \"m\"\nunit = \"count\"",
            )],
            "memory is taken",
        ),
        (HTTP, &[Put("\"balancer\"\nkind", "\"candidate P95\"\nkind")], "candidate P95 is there twice"),
        (HTTP, &[Put("split = \"25 %\"", "split = \"60 %\"")], "60% is followed by 50%"),
        (HTTP, &[Put("split = \"25 %\"", "split = \"50 %\"")], "50% is followed by 50%"),
        (HTTP, &[Put("split = \"100 %\"", "split = \"99.9 %\"")], "the last is 99.9%"),
        (HAPROXY, &[Put("\"lb2\"", "\"lb1\"")], "lb1 is there twice"),
        (HAPROXY, &[Put("unix:/run/haproxy.sock", "10.0.0.9:9999")], "traffic.nodes: 10.0.0.9:9999 is there twice"),
    ]);
}

/// A URL parser drops tabs and line ends and escapes the rest; what is kept and printed must be clean.
#[test]
fn urls_and_paths_hold_nothing_that_a_terminal_obeys() {
    refused(&[
        (HTTP, &[Put("http://lb.example:8080", "http://lb.example:8080/\\u001b[2J")], "traffic.url"),
        (HTTP, &[Put("http://lb.example:8080", "http://lb.exa\\nmple:8080")], "traffic.url"),
        (HTTP, &[Put("http://10.0.0.1:9100/metrics", "http://10.0.0.1:9100/\\u202emetrics")], "metrics"),
        (HTTP, &[Put("http://lb.example/", " http://lb.example/")], "sampler.url"),
        (HTTP, &[Put("write_path = \"/api/traffic\"", "write_path = \"/api/\\u202etraffic\"")], "traffic.write_path"),
        (HTTP, &[Put("path = \"/health\"", "path = \"/\\u200bhealth\"")], "checks[1].path"),
        (HAPROXY, &[Put("unix:/run/haproxy.sock", "unix:/run/\\u001b[2J.sock")], "address"),
        (HAPROXY, &[Put("10.0.0.9:9999", "lb\\u001b[2J:9999")], "address"),
    ]);
}

/// A path is put behind the base URL: behind `?x=1` or `#top` it is no path any more.
#[test]
fn a_base_url_has_neither_query_nor_fragment() {
    refused(&[
        (HTTP, &[Put("http://lb.example:8080", "http://lb.example:8080/?x=1")], "traffic.url"),
        (HTTP, &[Put("http://10.0.0.2:8080", "http://10.0.0.2:8080#top")], "environments.candidate.url"),
    ]);
}

#[test]
fn a_haproxy_host_is_a_host() {
    refused(&[
        (HAPROXY, &[Put("10.0.0.9:9999", "lb; reboot:9999")], "address"),
        (HAPROXY, &[Put("10.0.0.9:9999", " :9999")], "address"),
        (HAPROXY, &[Put("10.0.0.9:9999", "http://lb:9999")], "address"),
        (HAPROXY, &[Put("10.0.0.9:9999", "::1:9999")], "address"),
        (HAPROXY, &[Put("10.0.0.9:9999", "lb:+9999")], "address"),
    ]);
    sound(&edited(HAPROXY, &[Put("10.0.0.9:9999", "[::1]:9999")]));
}

/// A further field with the name of a share would replace the share in every write, the rollback's too.
#[test]
fn a_further_field_cannot_replace_the_split() {
    refused(&[
        (HTTP, &[Put("strategy = \"percentage\"", "green = 100")], "traffic.extra.green"),
        (HTTP, &[Put("strategy = \"percentage\"", "blue = \"0\"")], "traffic.extra.blue"),
    ]);
}

/// The same instance under both roles shows stable's health as the candidate's: no guardrail can fire.
#[test]
fn no_instance_is_read_as_both_environments_or_twice() {
    refused(&[
        (HTTP, &[Put("\"http://10.0.0.2:9100/metrics\"", "\"http://10.0.0.1:9100/metrics\"")], "metrics"),
        (HTTP, &[Put("\"http://10.0.0.2:9100/metrics\"", "\"http://10.0.0.3:9100/metrics\"")], "metrics"),
        (HTTP, &[Put("http://10.0.0.2:8080", "HTTP://10.0.0.1:8080")], "same url"),
        (HAPROXY, &[Put("https://blue.example\"\n", "https://green.example:443\"\n")], "same url"),
    ]);
}

/// Through the environment itself every sample says 100 %.
#[test]
fn the_sampler_goes_through_the_balancer() {
    refused(&[(HTTP, &[Put("http://lb.example/", "http://10.0.0.2:8080/")], "sampler.url")]);
}

/// A slot that is there twice weighs twice in the share that is read, and once in what is written.
#[test]
fn a_server_is_listed_once() {
    refused(&[
        (HAPROXY, &[Put("[\"green1\", \"green2\"]", "[\"green1\", \"green1\"]")], "traffic.servers.stable"),
        (HTTP, &[Put("[\"green-1\"]", "[\"green-1\", \"green-1\"]")], "sampler.servers.candidate"),
    ]);
}

/// A pattern that matches no status reads every failure as a success: no errors, all limits green.
#[test]
fn a_pattern_of_errors_can_match_a_status() {
    refused(&[
        (HTTP, &[Put("errors = \"5..\"", "errors = \"\"")], "errors"),
        (HTTP, &[Put("errors = \"5..\"", "errors = \"5[0-9]+\"")], "errors"),
        (HTTP, &[Put("errors = \"5..\"", "errors = \"5.*\"")], "errors"),
        (HTTP, &[Put("errors = \"5..\"", "errors = \"5..|429\"")], "errors"),
        (HTTP, &[Put("errors = \"5..\"", "errors = \"5xx\"")], "errors"),
        (HTTP, &[Put("errors = \"5..\"", "errors = \"5.\"")], "errors"),
        (HTTP, &[Put("errors = \"5..\"", "errors = \"5...\"")], "errors"),
        (HTTP, &[Put("errors = \"5..\"", "errors = \"0..\"")], "errors"),
        (HTTP, &[Put("errors = \"5..\"", "errors = \"error\"")], "errors"),
        (HTTP, &[Put("labels = { service = \"checkout\" }", "labels = { status = \"200\" }")], "labels"),
    ]);
}

/// A rate needs two scrapes inside its window; with fewer the reading is unknown for ever.
#[test]
fn a_window_holds_two_polls() {
    refused(&[
        (HTTP, &[Put("readings = \"1s\"", "readings = \"20s\"")], "window"),
        (HTTP, &[Put("window = \"30s\"", "window = \"2s\""), Put("readings = \"1s\"", "readings = \"2s\"")], "window"),
        (
            HTTP,
            &[Put("for = \"30s\"", "for = \"30s\"\nwindow = \"2s\""), Put("readings = \"1s\"", "readings = \"5s\"")],
            "window",
        ),
    ]);
}

/// Nothing is below nothing: these gates and checks are closed for ever.
#[test]
fn a_limit_can_be_met() {
    refused(&[
        (HTTP, &[Put("below = \"0.1 %\"", "below = \"0 %\"")], "below"),
        (HTTP, &[Put("below = \"200ms\"", "below = \"0ms\"")], "below"),
        (HTTP, &[Put("status = [200]", "status = []")], "status"),
    ]);
}

/// A limit that no reading can be above protects nobody.
#[test]
fn a_limit_can_be_exceeded() {
    refused(&[
        (HTTP, &[Put("unit = \"ratio\"", "unit = \"bytes\""), Put("hold = \"85 %\"", "hold = \"1e308 GiB\"")], "hold"),
        (HTTP, &[Put("roll_back = \"5 %\"", "roll_back = \"100 %\"")], "roll_back"),
    ]);
}

/// "Equal to the environment's version" needs one.
#[test]
fn a_version_check_has_a_version_to_compare() {
    refused(&[(HTTP, &[Put("version = \"2.1.0\"\n", "")], "version")]);
}

/// With 0 % a rollback would go to servers of which none is up.
#[test]
fn stable_is_never_ready_with_no_server_up() {
    refused(&[(HTTP, &[Put("stable_ready = \"50 %\"", "stable_ready = \"0 %\"")], "rollback.stable_ready")]);
}

/// Names that cannot be names: found at load, not when the first request is built in the cutover.
#[test]
fn names_are_names() {
    refused(&[
        (HTTP, &[Put("\"X-Backend-Server\"", "\"X Backend\\n\"")], "sampler.header"),
        (HTTP, &[Put("\"X-Backend-Server\"", "\"\"")], "sampler.header"),
        (HTTP, &[Put("{ env = \"CANDIDATE_TOKEN\" }", "{ env = \"\" }")], "Authorization"),
        (HTTP, &[Put("{ env = \"CANDIDATE_TOKEN\" }", "{ file = \"\" }")], "Authorization"),
        (HTTP, &[Put("status = \"status\"", "status = \"\"")], "metrics.requests.status"),
        (HTTP, &[Put("{ service = \"checkout\" }", "{ \"ser vice\" = \"checkout\" }")], "metrics.labels"),
        (HTTP, &[Put("stable = \"blue\", candidate", "stable = \"\", candidate")], "traffic.fields.stable"),
        (
            HTTP,
            &[Put("stable = \"blue\", candidate", "stable = \"blue\\nreboot\", candidate")],
            "traffic.fields.stable",
        ),
        (HTTP, &[Put("group = \"oncall\"", "group = \"\"")], "access.group"),
        (HTTP, &[Put("label = \"v2.0.5\"", "label = \"  \"")], "environments.stable.label"),
    ]);
}

/// A share's field is read from answers and written into requests: as a pointer it would be written as a plain key.
#[test]
fn a_field_is_a_plain_key() {
    refused(&[
        (HTTP, &[Put("stable = \"blue\", candidate", "stable = \"/blue\", candidate")], "traffic.fields.stable"),
        (HTTP, &[Put("candidate = \"green\" }", "candidate = \"/split/green\" }")], "traffic.fields.candidate"),
    ]);
}

#[test]
fn something_is_asked_before_traffic_moves() {
    let guardrails = HAPROXY.find("[[guardrails]]").unwrap();
    let nothing = &HAPROXY[..guardrails];
    let check = |required: &str| format!("{nothing}[[checks]]\nname = \"lb\"\nkind = \"balancer\"\n{required}");
    for text in [nothing.to_owned(), check("required = false\n")] {
        let said = errors(&text);
        assert_eq!(said.0.len(), 1, "{said}");
        assert!(said.0[0].problem.contains("nothing is asked before traffic moves"), "{said}");
    }
    sound(&check(""));
    sound(HAPROXY);
}

/// A file without a certificate changes nothing, and the first request fails in the cutover.
#[test]
fn a_ca_file_holds_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let plan = folder.path().join("plan.toml");
    let line = format!("lateness = \"5s\"\nca = \"{}\"", ca.display());
    std::fs::write(&plan, HTTP.replace("lateness = \"5s\"", &line)).unwrap();
    load_file(&plan).expect("a file that is not there yet");
    for text in ["", "# the CA of the house\n", "-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n"]
    {
        std::fs::write(&ca, text).unwrap();
        let said = load_file(&plan).expect_err(text);
        assert_eq!(said.0.len(), 1, "{said}");
        assert!(said.0[0].problem.starts_with("traffic.ca: ") && said.0[0].problem.ends_with("no certificate in PEM"));
        assert_eq!((said.0[0].line, said.0[0].column), (34, 6), "{said}");
        load_frozen(&plan).expect("nothing stands between anybody and a rollback");
    }
}

/// A keeper works in another folder than whoever wrote the plan, and a run's copy lies in a third.
#[test]
fn files_that_a_plan_names_begin_at_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    let lines = "lateness = \"5s\"\nca = \"tls/ca.pem\"\nheaders = { Authorization = { file = \"lb-token\" } }";
    std::fs::write(&plan, HTTP.replace("lateness = \"5s\"", lines)).unwrap();
    let named = |plan: &Plan| {
        let Driver::Http(driver) = &plan.traffic.driver else { panic!("another driver") };
        let files = driver.http.headers.iter().filter_map(|(_, secret)| match secret {
            Secret::File(path) => Some(path.clone()),
            Secret::Plain(_) | Secret::Env(_) => None,
        });
        driver.http.ca.iter().cloned().chain(files).collect::<Vec<PathBuf>>()
    };
    let below = |folder: &Path| ["tls/ca.pem", "lb-token"].map(|name| folder.join(name));
    assert_eq!(named(&load_file(&plan).unwrap()), below(&folder_of(&plan)));
    std::fs::write(origin(&plan), "/etc/warroom").unwrap();
    assert_eq!(named(&load_frozen(&plan).unwrap()), below(Path::new("/etc/warroom")));
    std::fs::create_dir(folder.path().join("tls")).unwrap();
    std::fs::write(folder.path().join("tls/ca.pem"), "# the CA of the house\n").unwrap();
    let said = load_file(&plan).expect_err("it is looked into there").to_string();
    assert!(said.contains("no certificate in PEM"), "{said}");
}

// What an error must not repeat or do.

/// Secrets come from the environment or a file. One that is written down is refused, and never repeated.
#[test]
fn secrets_in_a_plan_are_refused_and_not_repeated() {
    let rows: &[&[Edit]] = &[
        &[Put("{ env = \"CANDIDATE_TOKEN\" }", "\"Bearer hunter2\"")],
        &[Put("X-Team = \"platform\"", "X-Api-Key = \"hunter2\"")],
        &[Put("X-Team = \"platform\"", "cookie = \"session=hunter2\"")],
        &[Put("http://lb.example:8080", "http://admin:hunter2@lb.example:8080")],
        &[Put("http://lb.example:8080", "http://:hunter2@lb.example:8080")],
        &[Put("http://lb.example/", "https://hunter2@lb.example/")],
        &[Put("http://10.0.0.1:9100/metrics", "http://admin:hunter2@10.0.0.1:9100/metrics")],
    ];
    for edits in rows {
        let said = errors(&edited(HTTP, edits)).to_string();
        assert!(!said.contains("hunter2"), "{edits:?}: {said}");
    }
}

/// The password of a URL that is wrong otherwise is still a password.
#[test]
fn passwords_of_wrong_urls_are_not_repeated() {
    for url in ["ftp://admin:hunter2@lb", "http://admin:hunter2@lb:port", "http://admin:hunter2@l b/"] {
        let said = errors(&HTTP.replace("http://lb.example:8080", url)).to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_secret_is_known_by_its_value_too() {
    refused(&[
        (HTTP, &[Put("X-Team = \"platform\"", "X-Auth = \"Bearer hunter2\"")], "secret"),
        (HTTP, &[Put("X-Team = \"platform\"", "X-Session = \"Basic aHVudGVyMg==\"")], "secret"),
    ]);
}

/// What can move a cursor, hide text or start a line must not reach a terminal from an error.
#[test]
fn hostile_text_is_shown_and_not_obeyed() {
    const HOSTILE: &str = "\\u001b[2J\\u202e\\u0007\\u009b\\n\\r\\u200b";
    let rows: Vec<String> = [
        ("name = \"checkout\"", "name = { \"HOSTILE\" = 1 }"),
        ("target = \"prod-eu1\"", "target = \"prod\"\n\"HOSTILE\" = 1"),
        ("\"manual\"", "\"HOSTILE\""),
        ("colour = \"blue\"", "colour = \"HOSTILE\""),
        ("health = \"/health\"", "health = \"HOSTILE\""),
        ("http://10.0.0.2:8080", "HOSTILE"),
        ("X-Team = \"platform\"", "\"HOSTILE\" = \"platform\""),
        ("X-Team = \"platform\"", "X-Team = { \"HOSTILE\" = \"x\" }"),
        ("extra = { strategy = \"percentage\" }", "extra = { \"HOSTILE\" = [] }"),
        ("\"http_requests_total\"", "\"HOSTILE\""),
        ("name = \"memory\"", "name = \"HOSTILE\""),
        ("reading = \"p95\"", "reading = \"HOSTILE\""),
        ("bake = \"10m\"", "bake = \"HOSTILE\""),
        ("json = { \"/status\" = \"ok\" }", "json = { \"HOSTILE\" = 1 }"),
        ("name = \"balancer\"", "name = \"HOSTILE\"\nHOSTILE = 1"),
        ("floor = \"2/s\"", "floor = \"HOSTILE\""),
    ]
    .iter()
    .map(|(old, new)| {
        assert_eq!(HTTP.matches(old).count(), 1, "{old}");
        HTTP.replace(old, &new.replace("HOSTILE", HOSTILE))
    })
    .chain([HAPROXY.replace("10.0.0.9:9999", HOSTILE), HAPROXY.replace("blue1", HOSTILE)])
    // Raw in the file, where TOML itself forbids it.
    .chain([HTTP.replace("checkout", "\u{1b}[2J"), HTTP.replace("[poll]", "[\u{202e}\u{7}poll]")])
    .collect();
    for text in rows {
        let said = errors(&text).to_string();
        let bad = said.chars().find(|c| {
            (c.is_control() && *c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(bad, None, "{said}");
        // Each error is its own line, then `allowed` and `perhaps`; the value cannot start a line of its own.
        let well_formed = |line: &str| {
            line.starts_with("plan.toml:") || line.starts_with("    ") || line.ends_with("nothing was contacted")
        };
        assert!(said.lines().all(well_formed), "{said}");
    }
    let Err(said) = load(Path::new("pl\u{1b}[2Jan\n.toml"), "") else { panic!("an empty plan loads") };
    assert!(said.0.iter().all(|e| e.file == "pl^[[2Jan .toml"), "{said}");
}

/// "line 1 column 2" inside a problem contradicts the line and column in front of it.
#[test]
fn numbers_of_json_are_read_or_refused_in_our_words() {
    for (number, is_right) in
        [("+5", true), ("0x1F", true), ("1_000", true), ("1.5", true), ("nan", false), ("inf", false)]
    {
        let new = format!("json = {{ \"/status\" = {number} }}");
        match read(&HTTP.replace("json = { \"/status\" = \"ok\" }", &new)) {
            Ok(_) => assert!(is_right, "{number} loads"),
            Err(said) => {
                assert!(!is_right, "{number}: {said}");
                assert!(!said.0[0].problem.contains("line 1 column"), "{said}");
            }
        }
    }
}

// The file, and the machine that reads it.

#[test]
fn an_empty_plan_lists_all_that_it_needs() {
    for text in ["", "\n\n", "# nothing\n", "\u{feff}"] {
        let said = errors(text);
        for key in ["version", "name", "target", "environments", "metrics", "traffic", "steps"] {
            assert!(said.0.iter().any(|e| e.problem.starts_with(&format!("{key}: "))), "{key}: {said}");
        }
        assert!(said.0.iter().all(|e| (e.line, e.column) == (1, 1)), "{said}");
    }
}

#[test]
fn columns_count_characters_whatever_the_line_ends() {
    let unix = errors("version = 1\nname = { \"é漢\" = 1 } # x\ntarget = 5\n");
    let dos = errors("version = 1\r\nname = { \"é漢\" = 1 } # x\r\ntarget = 5\r\n");
    assert_eq!(unix, dos);
    assert!(unix.0.iter().any(|e| (e.line, e.column) == (3, 10)), "{unix}");
    let wide = errors("labels = { \"é漢\" = 1, b = }");
    assert!(wide.0.iter().any(|e| e.line == 1 && (24..=26).contains(&e.column)), "{wide}");
}

#[test]
fn files_that_are_no_plan_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let said = |path: &Path| {
        let errors = load_file(path).expect_err("no plan");
        assert_eq!(errors.0[0].file, path.display().to_string());
        errors
    };
    let one = |path: &Path| {
        let mut errors = said(path);
        assert_eq!(errors.0.len(), 1, "{errors}");
        errors.0.remove(0)
    };

    let missing = one(&folder.path().join("nowhere.toml"));
    assert!(missing.problem.contains("No such file"), "{missing}");
    assert_eq!((missing.line, missing.column), (1, 1));
    let folder_itself = one(folder.path());
    assert!(folder_itself.problem.contains("folder"), "{folder_itself}");
    let latin1 = one(&file("latin1.toml", b"name = \"caf\xe9\"\n"));
    assert!(latin1.problem.contains("UTF-8"), "{latin1}");
    assert!(latin1.allowed.contains("TOML"), "{latin1}");
    let huge = one(&file("huge.toml", &vec![b'#'; PLAN_BYTES_MAX as usize + 1]));
    assert_eq!((huge.line, huge.column, huge.problem.as_str()), (1, 1, "is longer than 128 KiB"), "{huge}");
    assert!(huge.allowed.contains("128 KiB"), "{huge}");
    assert_eq!(said(&file("empty.toml", b"")), load(&folder.path().join("empty.toml"), "").unwrap_err());
    let full = format!("{HTTP}#{}\n", "x".repeat(PLAN_BYTES_MAX as usize - HTTP.len() - 2));
    assert_eq!(full.len() as u64, PLAN_BYTES_MAX);
    assert!(load_file(&file("full.toml", full.as_bytes())).is_ok(), "128 KiB is allowed");
}

/// The place of the byte that is not UTF-8 is known; without it the operator looks through the whole file.
#[test]
fn a_byte_that_is_not_utf8_is_pointed_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    std::fs::write(&path, b"version = 1\nname = \"caf\xe9\"\n").unwrap();
    let said = load_file(&path).expect_err("no plan");
    assert_eq!((said.0[0].line, said.0[0].column), (2, 12), "{said}");
}

/// A pipe says that it is 0 bytes long and then goes on for ever; only counting while reading helps.
#[test]
fn a_pipe_cannot_be_longer_than_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.toml");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    // Not joined: a reader that refuses pipes, or stops early as it should, leaves it waiting or failed.
    std::thread::spawn({
        let path = path.clone();
        move || drop(std::fs::write(path, vec![b'#'; PLAN_BYTES_MAX as usize + 4096]))
    });
    let said = load_file(&path).expect_err("no plan");
    assert!(said.0.iter().any(|e| e.allowed.contains("128 KiB")), "{said}");
}

/// A file of 58 KB with a fault in every line: none is left out, none is in a wrong place.
#[test]
fn many_errors_are_all_reported() {
    const KEYS: usize = 6000;
    // What an empty plan lacks, said at the file's beginning: before the first wrong key, or beside it.
    let missing = errors("").0;
    let text = (0..KEYS).map(|i| format!("k{i} = 1")).collect::<Vec<_>>().join("\n");
    let said = errors(&text).0;
    let (unknown, others): (Vec<_>, Vec<_>) = said.iter().partition(|e| e.problem.ends_with(": no such key"));
    assert_eq!(unknown.len(), KEYS);
    for (i, error) in unknown.iter().enumerate() {
        assert_eq!((error.line, error.column), (i + 1, 1), "{error}");
        assert_eq!(error.problem, format!("k{i}: no such key"));
    }
    assert_eq!(others, missing.iter().collect::<Vec<_>>());
    let (first, last) = (said.first().expect("errors"), said.last().expect("errors"));
    assert_eq!((first.line, last.line), (1, KEYS));
}

/// 13 KB of nested tables. A stack overflow ends the process, so it happens in one of its own: this test
/// starts itself again with `WARROOM_TEST_DEEP` set.
#[test]
fn deep_nesting_does_not_end_the_process() {
    if std::env::var_os("WARROOM_TEST_DEEP").is_some() {
        let keys = vec!["a"; 79].join(".");
        let text = format!("{}1{}", format!("{{{keys} = ").repeat(78), "}".repeat(78));
        assert!(read(&format!("{keys} = {text}")).is_err());
        return;
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "deep_nesting_does_not_end_the_process"])
        .env("WARROOM_TEST_DEEP", "1")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}
