//! What a wrong plan says: every error, each with its place, what is allowed and a likely meaning.
//!
//! An operator reads these words minutes before a cutover, so their place must be exact and none of
//! them may be false. The table holds what is right today. The tests after it, one a rule, hold what a
//! sound plan must never contain: "valid by construction" is only as good as what `load` refuses.

mod plan_common;

use plan_common::{Edit, FILE, HAPROXY, HTTP, edited, errors, read, sound};
use std::path::Path;
use std::time::{Duration, Instant};
use warroom::plan::{PLAN_BYTES_MAX, PlanErrors, load, load_file};

use Edit::{Before, End, Put};

/// Stands in a row's edits where an error must point; twice where two errors point at one place.
const MARK: char = '▶';

/// One wrong plan, and what must be said: problem, allowed and hint; an empty hint means none.
type Row<'a> = (&'a str, &'a [Edit], &'a [(&'a str, &'a str, &'a str)]);

/// The marked text without its marks, and line and column of each.
fn marks(text: &str) -> (String, Vec<(usize, usize)>) {
    let (mut plain, mut places, mut line, mut column) = (String::new(), Vec::new(), 1, 1);
    for c in text.chars() {
        match c {
            MARK => {
                places.push((line, column));
                continue;
            }
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
        plain.push(c);
    }
    (plain, places)
}

/// Compares a row with what is reported; nothing may be missing, too much or elsewhere.
fn check_row((base, edits, expected): &Row<'_>) -> Result<(), String> {
    let (text, places) = marks(&edited(base, edits));
    assert_eq!(places.len(), expected.len(), "one mark for each error: {edits:?}");
    let Err(found) = read(&text) else { return Err(format!("{edits:?} loads")) };
    let said = || format!("{edits:?}\nmarked {places:?}, expected {expected:#?}\nsaid {found}");
    if found.0.len() != expected.len() {
        return Err(said());
    }
    for ((error, (line, column)), (problem, allowed, hint)) in found.0.iter().zip(&places).zip(*expected) {
        let hint_is_right = match &error.hint {
            None => hint.is_empty(),
            Some(given) => !hint.is_empty() && given.contains(hint),
        };
        let is_right = error.file == FILE
            && (error.line, error.column) == (*line, *column)
            && error.problem.contains(problem)
            && error.allowed.contains(allowed)
            && hint_is_right;
        if !is_right {
            return Err(said());
        }
    }
    Ok(())
}

/// All rows are looked at before the first failure is told, as `load` itself must do.
fn check_rows(rows: &[Row<'_>]) {
    let wrong: Vec<String> = rows.iter().filter_map(|row| check_row(row).err()).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
}

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

/// One edit, one error: the shape of most rows.
macro_rules! row {
    ($base:ident, $old:expr => $new:expr, $problem:expr, $allowed:expr) => {
        row!($base, $old => $new, $problem, $allowed, "")
    };
    ($base:ident, $old:expr => $new:expr, $problem:expr, $allowed:expr, $hint:expr) => {
        ($base, &[Put($old, $new)] as &[Edit], &[($problem, $allowed, $hint)] as &[(&str, &str, &str)])
    };
}

#[test]
fn both_base_plans_are_sound() {
    assert_eq!(sound(HTTP).title(), "checkout @ prod-eu1");
    assert_eq!(sound(HAPROXY).steps.len(), 2);
}

/// The whole text once, so that a change of its shape is a decision and not an accident.
#[test]
fn the_report_reads_as_documented() {
    let text = edited(HTTP, &[Put("hold = true\n", "hold = true\nbakee = \"5m\"\n")]);
    assert_eq!(
        errors(&text).to_string(),
        "plan.toml:76:1: steps[3].bakee: no such key\n    \
             allowed: approval, bake, gates, hold, point_of_no_return, split\n    \
             perhaps: \"bake\"\n\
         1 error in the plan; nothing was contacted"
    );
}

#[test]
fn unknown_keys_say_what_was_probably_meant() {
    check_rows(&[
        row!(HTTP, "watch = \"60m\"" => "▶wach = \"60m\"", "wach: no such key", "sampler, steps, target", "\"watch\""),
        row!(HTTP, "health = \"/health\"" => "▶heath = \"/health\"", "environments.stable.heath: no such key", "url, version", "\"health\""),
        row!(HTTP, "lateness = \"5s\"" => "▶latenes = \"5s\"", "traffic.latenes: no such key", "read_path, timeout", "\"lateness\""),
        row!(HTTP, "candidate = \"green\" }" => "candidate = \"green\", ▶candidat = \"x\" }", "traffic.fields.candidat: no such key", "candidate, stable", "\"candidate\""),
        row!(HTTP, "rate = \"5/s\"" => "▶rates = \"5/s\"", "sampler.rates: no such key", "header, headers, rate", "\"rate\""),
        row!(HTTP, "window = \"30s\"" => "▶windows = \"30s\"", "metrics.windows: no such key", "gauges, labels, latency", "\"window\""),
        row!(HTTP, "combine = \"max\"" => "▶combin = \"max\"", "metrics.gauges[1].combin: no such key", "divide_by", "\"combine\""),
        row!(HTTP, "errors = \"5..\"" => "▶error = \"5..\"", "metrics.requests.error: no such key", "errors, metric, status", "\"errors\""),
        row!(HTTP, "readings = \"1s\"" => "▶reading = \"1s\"", "poll.reading: no such key", "balancer, health, readings", "\"readings\""),
        row!(HTTP, "approval = " => "▶aproval = ", "steps[2].aproval: no such key", "hold, point_of_no_return", "\"approval\""),
        row!(HTTP, "below = \"0.1 %\"" => "below = \"0.1 %\"\n▶minimum_request = 5", "steps[1].gates[1].minimum_request: no such key", "window", "\"minimum_requests\""),
        row!(HTTP, "interval = \"5s\"" => "▶intervall = \"5s\"", "checks[1].intervall: no such key", "interval", "\"interval\""),
        row!(HTTP, "kind = \"balancer\"" => "kind = \"balancer\"\n▶path = \"/\"", "checks[3].path: no such key", "interval, kind, name, required, timeout"),
        row!(HTTP, "absent = \"hold\"" => "▶abscent = \"hold\"", "guardrails[1].abscent: no such key", "roll_back", "\"absent\""),
        row!(HTTP, "stable_ready = \"50 %\"" => "▶stable_redy = \"50 %\"", "rollback.stable_redy: no such key", "automatic, floor, lever", "\"stable_ready\""),
        row!(HTTP, "command = " => "▶comand = ", "rollback.lever.comand: no such key", "command, words", "\"command\""),
        row!(HTTP, "group = " => "▶groups = ", "access.groups: no such key", "approver_is_another_user, group", "\"group\""),
        row!(HAPROXY, "name = \"lb2\"" => "name = \"lb2\"\n▶nam = \"x\"", "traffic.nodes[2].nam: no such key", "address, name", "\"name\""),
        row!(HAPROXY, "backend = \"web\"" => "backend = \"web\"\n▶zzz = 1", "traffic.zzz: no such key", "backend, driver, lateness"),
        row!(HAPROXY, "candidate = [\"blue1\"] }" => "candidate = [\"blue1\"], ▶green = [] }", "traffic.servers.green: no such key", "candidate, stable"),
    ]);
}

#[test]
fn missing_keys_point_at_their_table() {
    check_rows(&[
        (
            HTTP,
            &[Put("version = 1\nname", "name"), Before("name = \"checkout\"", "▶")],
            &[("version: is missing", "1, the version", "")],
        ),
        (
            HTTP,
            &[Put("version = 1\nname = \"checkout\"\ntarget = \"prod-eu1\"\n", "▶▶▶")],
            &[
                ("version: is missing", "1,", ""),
                ("name: is missing", "what is cut over", ""),
                ("target: is missing", "prod-eu1", ""),
            ],
        ),
        (
            HTTP,
            &[Before("[environments.stable]", "▶"), Put("label = \"v2.0.5\"\n", "")],
            &[("environments.stable.label: is missing", "what people call it", "")],
        ),
        (
            HTTP,
            &[Before("[environments.candidate]\n", "▶"), Put("url = \"http://10.0.0.2:8080\"\n", "")],
            &[("environments.candidate.url: is missing", "its own base URL", "")],
        ),
        (
            HTTP,
            &[Before("[environments.stable]", "▶"), Put("metrics = [\"http://10.0.0.1:9100/metrics\"]\n", "")],
            &[("environments.stable.metrics: is missing", "one an instance", "")],
        ),
        (
            HTTP,
            &[Before("[traffic]", "▶"), Put("driver = \"http\"\n", "")],
            &[("traffic.driver: is missing", "\"http\" or \"haproxy\"", "")],
        ),
        (
            HTTP,
            &[Before("[traffic]", "▶"), Put("url = \"http://lb.example:8080\"\n", "")],
            &[("traffic.url: is missing", "the balancer's base URL", "")],
        ),
        (
            HTTP,
            &[Before("[traffic]", "▶"), Put("fields = { stable = \"blue\", candidate = \"green\" }\n", "")],
            &[("traffic.fields: is missing", "the JSON field of each environment", "")],
        ),
        row!(HTTP, "{ stable = \"blue\", candidate = \"green\" }" => "▶{ stable = \"blue\" }", "traffic.fields.candidate: is missing", "a JSON field"),
        (
            HTTP,
            &[Before("[sampler]", "▶"), Put("url = \"http://lb.example/\"\n", "")],
            &[("sampler.url: is missing", "through the balancer", "")],
        ),
        row!(HTTP, "requests = { metric = \"http_requests_total\", " => "requests = ▶{ ", "metrics.requests.metric: is missing", "the request counter's name"),
        (
            HTTP,
            &[Before("[[metrics.gauges]]", "▶"), Put("unit = \"ratio\"\n", "")],
            &[("metrics.gauges[1].unit: is missing", "\"per_second\"", "")],
        ),
        (
            HTTP,
            &[Before("[[steps.gates]]", "▶"), Put("below = \"0.1 %\"\n", "")],
            &[("steps[1].gates[1].below: is missing", "the limit", "")],
        ),
        (
            HTTP,
            &[Before("[[steps.gates]]", "▶"), Put("reading = \"error_ratio\"\nbelow", "below")],
            &[(
                "steps[1].gates[1].reading: is missing",
                "error_ratio, p50, p95, p99, request_rate, unhealthy_for, memory",
                "",
            )],
        ),
        row!(HTTP, "[[checks]]\nname = \"balancer\"\n" => "▶[[checks]]\n", "checks[3].name: is missing", "at most 24 characters"),
        (
            HTTP,
            &[
                Put("[[checks]]\nname = \"candidate P95\"", "▶[[checks]]\nname = \"candidate P95\""),
                Put("below = \"200ms\"\n", ""),
            ],
            &[("checks[2].below: is missing", "the limit", "")],
        ),
        row!(HTTP, "[[checks]]\nname = \"balancer\"\nkind = \"balancer\"\n" => "▶[[checks]]\nname = \"balancer\"\n", "checks[3].kind: is missing", "\"http\", \"reading\" or \"balancer\""),
        row!(HTTP, "[[guardrails]]\nreading = \"memory\"\nhold = \"85 %\"\n" => "▶[[guardrails]]\nreading = \"memory\"\n", "guardrails[3].hold: no limit is there", "at least one of warn, hold and roll_back"),
        (
            HTTP,
            &[Before("[rollback.lever]", "▶"), Put("words = \"drain the websocket pods\"\n", "")],
            &[("rollback.lever.words: is missing", "pinned", "")],
        ),
        (
            HAPROXY,
            &[Before("[traffic]", "▶"), Put("backend = \"web\"\n", "")],
            &[("traffic.backend: is missing", "the backend", "")],
        ),
        (
            HAPROXY,
            &[
                Before("[traffic]", "▶"),
                Put("servers = { stable = [\"green1\", \"green2\"], candidate = [\"blue1\"] }\n", ""),
            ],
            &[("traffic.servers: is missing", "candidate = [\"green1\"]", "")],
        ),
        row!(HAPROXY, "[[traffic.nodes]]\nname = \"lb2\"\naddress = \"unix:/run/haproxy.sock\"" => "▶[[traffic.nodes]]\nname = \"lb2\"", "traffic.nodes[2].address: is missing", "\"host:port\" or \"unix:/run/haproxy.sock\""),
    ]);
}

#[test]
fn wrong_types_say_what_cannot_stand_there() {
    check_rows(&[
        row!(HTTP, "version = 1\n" => "version = ▶\"1\"\n", "version: is not a format this program reads", "1, the version"),
        row!(HTTP, "version = 1\n" => "version = ▶2\n", "version: is not a format", "1, the version"),
        row!(HTTP, "name = \"checkout\"" => "name = ▶5", "name: an integer cannot stand here", "what is cut over"),
        row!(HTTP, "name = \"checkout\"" => "name = ▶\"\"", "name: is empty", "what is cut over"),
        row!(HTTP, "target = \"prod-eu1\"" => "target = ▶[\"a\"]", "target: an array cannot stand here", "where"),
        row!(HTTP, "\"manual\"" => "▶true", "advance: a boolean cannot stand here", "\"manual\" or \"automatic\""),
        row!(HTTP, "colour = \"blue\"" => "colour = ▶\"dark blue\"", "\"dark blue\" is not such a word", "at most 8 letters"),
        row!(HTTP, "metrics = [\"http://10.0.0.1:9100/metrics\"]" => "metrics = ▶[]", "environments.stable.metrics: is empty", "a list of exposition URLs"),
        row!(HTTP, "metrics = [\"http://10.0.0.1:9100/metrics\"]" => "metrics = ▶\"http://10.0.0.1:9100/metrics\"", "a string cannot stand here", "a list of exposition URLs"),
        row!(HTTP, "health = \"/health\"" => "health = ▶\"health\"", "\"health\" is not a path", "starts with /"),
        row!(HTTP, "Authorization = { env = \"CANDIDATE_TOKEN\" }" => "Authorization = ▶{ vault = \"x\" }", "headers.Authorization: \"vault\" is not a source", "{ env = \"NAME\" }"),
        row!(HTTP, "{ env = \"CANDIDATE_TOKEN\" }" => "▶{ env = \"A\", file = \"/b\" }", "needs exactly one source", "{ file = \"/path\" }"),
        row!(HTTP, "X-Team = \"platform\"" => "\"X Team\" = ▶\"platform\"", "is not a header name", "plain text"),
        row!(HTTP, "X-Team = \"platform\"" => "X-Team = ▶\"a\\r\\nb\"", "has a control character", "plain text"),
        row!(HTTP, "driver = \"http\"" => "driver = ▶\"nginx\"", "traffic.driver: \"nginx\" is not one of them", "\"http\" or \"haproxy\""),
        row!(HTTP, "extra = { strategy = \"percentage\" }" => "extra = { strategy = ▶[1] }", "traffic.extra.strategy: an array cannot stand here", "text, a number or a boolean"),
        row!(HTTP, "rate = \"5/s\"" => "rate = ▶\"5\"", "\"5\" is not a rate", "\"0.1/s\" to \"50/s\""),
        row!(HTTP, "metric = \"http_requests_total\"" => "metric = ▶\"http-requests\"", "\"http-requests\" is not a metric name", "the request counter's name"),
        row!(HTTP, "labels = { service = \"checkout\" }" => "labels = { service = ▶1 }", "metrics.labels.service: an integer cannot stand here", "some text"),
        row!(HTTP, "unit = \"ratio\"" => "unit = ▶\"percent\"", "\"percent\" is not one of them", "\"ratio\", \"seconds\""),
        row!(HTTP, "combine = \"max\"" => "combine = ▶\"avg\"", "\"avg\" is not one of them", "\"max\" or \"sum\""),
        row!(HTTP, "name = \"memory\"" => "name = ▶\"p99\"", "p99 is taken", "a name"),
        row!(HTTP, "hold = true" => "hold = ▶\"yes\"", "steps[3].hold: a string cannot stand here", "true or false"),
        row!(HTTP, "status = [200]" => "status = ▶[20]", "is not an HTTP status", "a list of HTTP statuses"),
        row!(HTTP, "status = [200]" => "status = ▶200", "an integer cannot stand here", "a list of HTTP statuses"),
        row!(HTTP, "json = { \"/status\" = \"ok\" }" => "json = { status = ▶\"ok\" }", "checks[1].json.status: is not a JSON pointer", "\"/pointer\" = value"),
        row!(HTTP, "name = \"balancer\"" => "name = ▶\"a name with more than 24 letters\"", "is too long", "at most 24 characters"),
        row!(HTTP, "minimum_requests = 50" => "minimum_requests = ▶\"50\"", "a string cannot stand here", "a whole number"),
        row!(HTTP, "minimum_requests = 50" => "minimum_requests = ▶-50", "-50 is not such a number", "a whole number"),
        row!(HTTP, "minimum_requests = 50" => "minimum_requests = ▶0.5", "a float cannot stand here", "a whole number"),
        row!(HTTP, "absent = \"warn\"" => "absent = ▶\"ignore\"", "\"ignore\" is not one of them", "\"warn\", \"hold\" or \"roll_back\""),
        row!(HTTP, "automatic = true" => "automatic = ▶1", "rollback.automatic: an integer cannot stand here", "true or false"),
        row!(HTTP, "group = \"oncall\"" => "group = ▶7", "access.group: an integer cannot stand here", "a Unix group"),
    ]);
    // `[[poll]]` for `[poll]`: the place is the key's value, which is the header.
    check_rows(&[row!(HTTP, "[poll]\n" => "▶[[poll]]\n", "poll: an array cannot stand here", "a table")]);
}

#[test]
fn quantities_need_their_unit_and_their_range() {
    check_rows(&[
        row!(HTTP, "watch = \"60m\"" => "watch = ▶\"8d\"", "watch: \"8d\" is out of range", "a duration such as"),
        row!(HTTP, "watch = \"60m\"" => "watch = ▶60", "an integer cannot stand here; a duration is written in quotes with its unit", "\"5m\""),
        row!(HTTP, "lateness = \"5s\"" => "lateness = ▶\"11m\"", "\"11m\" is out of range", "from \"0s\" to \"10m\""),
        row!(HTTP, "write_path = \"/api/traffic\"" => "write_path = ▶\"api/traffic\"", "is not a path", "starts with /"),
        row!(HTTP, "rate = \"5/s\"" => "rate = ▶\"51/s\"", "51/s is out of range", "to \"50/s\""),
        row!(HTTP, "rate = \"5/s\"" => "rate = ▶\"0/s\"", "0/s is out of range", "from \"0.1/s\""),
        row!(HTTP, "window = \"30s\"" => "window = ▶\"1s\"", "metrics.window: \"1s\" is out of range", "from \"2s\" to \"1h\""),
        row!(HTTP, "window = \"30s\"" => "window = ▶\"30\"", "\"30\" is not a duration", "from \"2s\" to \"1h\""),
        row!(HTTP, "readings = \"1s\"" => "readings = ▶\"100ms\"", "poll.readings: \"100ms\" is out of range", "from \"200ms\" to \"60s\""),
        row!(HTTP, "health = \"2s\"" => "health = ▶\"61s\"", "poll.health: \"61s\" is out of range", "to \"60s\""),
        row!(HTTP, "split = \"25 %\"" => "split = ▶\"25\"", "\"25\" is not a share", "in tenths"),
        row!(HTTP, "split = \"1 %\"" => "split = ▶\"0 %\"", "\"0 %\" is not from 0.1 % to 100 %", "in tenths"),
        row!(HTTP, "split = \"1 %\"" => "split = ▶\"0.05 %\"", "\"0.05 %\" is not from 0.1 % to 100 %", "in tenths"),
        row!(HTTP, "split = \"25 %\"" => "split = ▶\"101 %\"", "\"101 %\" is not a share", "from \"0.1 %\" to \"100 %\""),
        row!(HTTP, "split = \"25 %\"" => "split = ▶0.25", "a float cannot stand here", "in tenths"),
        row!(HTTP, "bake = \"10m\"" => "bake = ▶\"10 minutes\"", "\"10 minutes\" is not a duration", "\"1h 30m\""),
        row!(HTTP, "bake = \"10m\"" => "bake = ▶\"-10m\"", "\"-10m\" is not a duration", "\"1h 30m\""),
        row!(HTTP, "bake = \"10m\"" => "bake = ▶\"10d\"", "\"10d\" is out of range", "a duration"),
        row!(HTTP, "interval = \"5s\"" => "interval = ▶\"100ms\"", "out of range", "from \"500ms\" to \"10m\""),
        row!(HTTP, "version = \"/version\"\ninterval = \"5s\"\ntimeout = \"2s\"" => "version = \"/version\"\ntimeout = ▶\"2m\"", "checks[1].timeout: \"2m\" is out of range", "to \"60s\""),
        row!(HTTP, "for = \"30s\"" => "for = ▶\"2h\"", "guardrails[1].for: \"2h\" is out of range", "from \"0s\" to \"1h\""),
        row!(HTTP, "floor = \"2/s\"" => "floor = ▶\"2\"", "\"2\" is not a rate such as \"20/s\"", "\"2/s\""),
        row!(HTTP, "floor = \"2/s\"" => "floor = ▶\"-2/s\"", "\"-2/s\" is not a rate", "\"2/s\""),
        row!(HTTP, "floor = \"2/s\"" => "floor = ▶\"NaN/s\"", "\"NaN/s\" is not a rate", "\"2/s\""),
        row!(HTTP, "stable_ready = \"50 %\"" => "stable_ready = ▶\"150 %\"", "\"150 %\" is not a share", "a share such as"),
    ]);
}

/// A limit has its reading's unit. This is what makes a P95 against an error ratio's limit unwritable.
#[test]
fn limits_have_their_readings_unit() {
    check_rows(&[
        row!(HTTP, "below = \"200ms\"" => "below = ▶\"5 %\"", "checks[2].below: \"5 %\" is not a duration", "\"150ms\" or \"2s\""),
        row!(HTTP, "below = \"200ms\"" => "below = ▶200", "\"200\" is not a duration", "\"150ms\" or \"2s\""),
        row!(HTTP, "below = \"0.1 %\"" => "below = ▶\"100ms\"", "steps[1].gates[1].below: \"100ms\" is not a share", "\"0.5 %\""),
        row!(HTTP, "below = \"0.1 %\"" => "below = ▶0.001", "\"0.001\" is not a share", "\"0.5 %\""),
        row!(HTTP, "warn = \"150ms\"" => "warn = ▶\"1 %\"", "guardrails[2].warn: \"1 %\" is not a duration", "\"150ms\" or \"2s\""),
        row!(HTTP, "hold = \"85 %\"" => "hold = ▶\"85\"", "guardrails[3].hold: \"85\" is not a share", "\"0.5 %\""),
        row!(HTTP, "roll_back = \"5 %\"" => "roll_back = ▶\"500 %\"", "\"500 %\" is not a share", "\"0.5 %\""),
        row!(HTTP, "roll_back = \"5 %\"" => "roll_back = ▶\"NaN %\"", "\"NaN %\" is not a share", "\"0.5 %\""),
        row!(HTTP, "reading = \"p95\"" => "reading = ▶\"p90\"", "checks[2].reading: \"p90\" is not a reading", "error_ratio, p50, p95, p99, request_rate, unhealthy_for, memory"),
        row!(HTTP, "hold = \"85 %\"\n" => "hold = \"85 %\"\nminimum_requests = ▶5\n", "guardrails[3].minimum_requests: memory does not rest on requests", "only error_ratio, p50, p95 and p99"),
        (
            HTTP,
            &[
                Put("latency = \"http_request_duration_seconds\"\n", ""),
                Put("\"p95\"", "▶\"p95\""),
                Put("\"p99\"", "▶\"p99\""),
            ],
            &[
                ("checks[2].reading: needs a histogram", "metrics.latency", ""),
                ("guardrails[2].reading: needs a histogram", "metrics.latency", ""),
            ],
        ),
        (
            HTTP,
            &[Put("unit = \"ratio\"", "unit = \"bytes\""), Put("\"85 %\"", "▶\"85 %\"")],
            &[("\"85 %\" is not a size", "\"512 MiB\"", "")],
        ),
        (
            HTTP,
            &[Put("unit = \"ratio\"", "unit = \"count\""), Put("\"85 %\"", "▶\"many\"")],
            &[("\"many\" is not a number", "a number", "")],
        ),
    ]);
}

#[test]
fn limits_rise_from_warn_to_roll_back() {
    check_rows(&[
        row!(HTTP, "warn = \"1 %\"\nhold = \"3 %\"" => "warn = \"4 %\"\nhold = ▶\"3 %\"", "guardrails[1].hold: is lower than warn", "warn <= hold <= roll_back", "exchanged"),
        row!(HTTP, "hold = \"3 %\"\nroll_back = \"5 %\"" => "hold = \"6 %\"\nroll_back = ▶\"5 %\"", "guardrails[1].roll_back: is lower than hold", "warn <= hold <= roll_back", "exchanged"),
        row!(HTTP, "warn = \"150ms\"\nroll_back = \"200ms\"" => "warn = \"1s\"\nroll_back = ▶\"200ms\"", "guardrails[2].roll_back: is lower than warn", "warn <= hold <= roll_back", "exchanged"),
    ]);
    sound(&edited(HTTP, &[Put("warn = \"1 %\"", "warn = \"3 %\"")]));
}

#[test]
fn the_parts_of_a_plan_fit_together() {
    check_rows(&[
        (
            HTTP,
            &[Put("advance = \"manual\"", "advance = ▶\"automatic\""), Put("automatic = true", "automatic = false")],
            &[(
                "advance: moves forward by itself and nothing would move back by itself",
                "rollback.automatic = true",
                "",
            )],
        ),
        (
            HTTP,
            &[
                Put("advance = \"manual\"", "advance = ▶\"automatic\""),
                Put("roll_back = \"5 %\"\n", ""),
                Put("roll_back = \"200ms\"\n", ""),
            ],
            &[("nothing would move back by itself", "a guardrail with roll_back", "")],
        ),
        row!(HTTP, "{ stable = \"blue\", candidate = \"green\" }" => "{ stable = \"blue\", candidate = ▶\"blue\" }", "traffic.fields.candidate: is the stable environment's field too", "two different fields"),
        row!(HTTP, "candidate = [\"green-1\"]" => "candidate = ▶[\"blue-1\"]", "sampler.servers.candidate: \"blue-1\" is the stable environment's too", "each server once"),
        row!(HAPROXY, "candidate = [\"blue1\"]" => "candidate = ▶[\"blue1\", \"green2\"]", "traffic.servers.candidate: \"green2\" is the stable environment's too", "each server once"),
        row!(HAPROXY, "candidate = [\"blue1\"]" => "candidate = ▶[]", "traffic.servers.candidate: is empty", "server names"),
    ]);
}

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
        (HAPROXY, &[Put("unix:/run/haproxy.sock", "10.0.0.9:9999")], "lb2 is there twice"),
    ]);
}

#[test]
fn addresses_that_cannot_be_reached_are_refused() {
    check_rows(&[
        row!(HTTP, "url = \"http://10.0.0.2:8080\"" => "url = ▶\"10.0.0.2:8080\"", "environments.candidate.url: \"10.0.0.2:8080\" is not", "its own base URL"),
        row!(HTTP, "url = \"http://10.0.0.2:8080\"" => "url = ▶\"unix:/run/x\"", "is not an http or https URL", "its own base URL"),
        row!(HTTP, "url = \"http://10.0.0.2:8080\"" => "url = ▶\"\"", "is not a URL", "its own base URL"),
        row!(HAPROXY, "\"10.0.0.9:9999\"" => "▶\"10.0.0.9\"", "traffic.nodes[1].address: \"10.0.0.9\" is not such an address", "\"host:port\""),
        row!(HAPROXY, "\"10.0.0.9:9999\"" => "▶\":9999\"", "is not such an address", "\"host:port\""),
        row!(HAPROXY, "\"10.0.0.9:9999\"" => "▶\"lb:0\"", "is not such an address", "\"host:port\""),
        row!(HAPROXY, "\"10.0.0.9:9999\"" => "▶\"lb:65536\"", "is not such an address", "\"host:port\""),
        row!(HAPROXY, "\"unix:/run/haproxy.sock\"" => "▶\"unix:run/haproxy.sock\"", "is not such an address", "unix:/run/haproxy.sock"),
        row!(HAPROXY, "\"unix:/run/haproxy.sock\"" => "▶\"/run/haproxy.sock\"", "is not such an address", "unix:/run/haproxy.sock"),
        row!(HAPROXY, "backend = \"web\"" => "backend = ▶\"web; shutdown\"", "traffic.backend: \"web; shutdown\" is not a HAProxy name", "the name of the backend"),
        row!(HAPROXY, "[\"blue1\"]" => "▶[\"blue1\\n\"]", "traffic.servers.candidate: \"blue1\\n\" is not a HAProxy name", "server names"),
    ]);
}

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

/// An operator corrects a plan in one round, not in ten.
#[test]
fn several_errors_are_all_said_in_the_files_order() {
    let (text, places) = marks(&edited(
        HTTP,
        &[
            Put("target = \"prod-eu1\"", "target = ▶5"),
            Put("colour = \"blue\"", "colour = ▶\"b2\""),
            Put("health = \"/health\"", "health = ▶\"x\""),
            Put("lateness = \"5s\"", "lateness = ▶\"5\""),
            Put("rate = \"5/s\"", "▶rat = \"5/s\""),
            Put("combine = \"max\"", "combine = ▶\"min\""),
            Put("health = \"2s\"", "health = ▶2"),
            Put("below = \"0.1 %\"", "below = ▶\"0.1\""),
            Put("interval = \"5s\"", "interval = ▶\"5\""),
            Put("below = \"200ms\"", "below = ▶\"200\""),
            Put("warn = \"1 %\"", "warn = ▶\"1\""),
            Put("warn = \"150ms\"", "warn = ▶\"150\""),
            Put("floor = \"2/s\"", "floor = ▶2"),
            Put("group = \"oncall\"", "group = ▶1"),
        ],
    ));
    let said = errors(&text);
    let found: Vec<(usize, usize)> = said.0.iter().map(|e| (e.line, e.column)).collect();
    assert_eq!(found, places, "{said}");
}

#[test]
fn syntax_errors_do_not_hide_the_others() {
    let (text, places) = marks(&edited(
        HTTP,
        &[
            Put("target = \"prod-eu1\"", "target = ▶5"),
            Put("bake = \"10m\"", "bake = ▶10m"),
            Put("group = \"oncall\"", "group = ▶7"),
        ],
    ));
    let said = errors(&text);
    let found: Vec<(usize, usize)> = said.0.iter().map(|e| (e.line, e.column)).collect();
    for place in places {
        assert!(found.contains(&place), "{place:?} is not among\n{said}");
    }
    assert!(said.0.iter().any(|e| e.problem.contains("quoted") && e.allowed == "TOML 1.0"), "{said}");
    let twice = errors(&edited(HTTP, &[Put("bake = \"10m\"", "bake = \"10m\"\nbake = \"11m\"")]));
    assert_eq!((twice.0.len(), twice.0[0].line, twice.0[0].problem.as_str()), (1, 70, "duplicate key"));
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
    assert!(folder_itself.problem.contains("directory"), "{folder_itself}");
    let latin1 = one(&file("latin1.toml", b"name = \"caf\xe9\"\n"));
    assert!(latin1.problem.contains("UTF-8"), "{latin1}");
    assert!(latin1.allowed.contains("TOML"), "{latin1}");
    let huge = one(&file("huge.toml", &vec![b'#'; PLAN_BYTES_MAX as usize + 1]));
    assert!(huge.problem.contains("1048577 bytes") && huge.allowed.contains("1 MiB"), "{huge}");
    assert_eq!(said(&file("empty.toml", b"")), load(&folder.path().join("empty.toml"), "").unwrap_err());
    let full = format!("{HTTP}#{}\n", "x".repeat(PLAN_BYTES_MAX as usize - HTTP.len() - 2));
    assert_eq!(full.len() as u64, PLAN_BYTES_MAX);
    assert!(load_file(&file("full.toml", full.as_bytes())).is_ok(), "1 MiB is allowed");
}

// One rule a test from here: what the report must not do.

/// `load` promises every error; the second node's must not wait for the first node's correction.
#[test]
fn every_wrong_node_is_reported() {
    check_rows(&[(
        HAPROXY,
        &[Put("\"10.0.0.9:9999\"", "▶\"10.0.0.9\""), Put("\"unix:/run/haproxy.sock\"", "▶\"unix:run\"")],
        &[("traffic.nodes[1].address", "host:port", ""), ("traffic.nodes[2].address", "host:port", "")],
    )]);
}

/// A list's second wrong entry is an error of its own, at its own place.
#[test]
fn every_wrong_entry_of_a_list_is_reported_at_its_place() {
    check_rows(&[
        (
            HTTP,
            &[Put("[\"http://10.0.0.2:9100/metrics\", \"http://10.0.0.3:9100/metrics\"]", "[▶\"ftp://a/\", ▶\"b\"]")],
            &[("\"ftp://a/\" is not", "exposition URLs", ""), ("\"b\" is not", "exposition URLs", "")],
        ),
        (
            HAPROXY,
            &[Put("[\"green1\", \"green2\"]", "[▶\"g 1\", ▶\"g 2\"]")],
            &[("\"g 1\" is not", "server names", ""), ("\"g 2\" is not", "server names", "")],
        ),
    ]);
}

/// P95 is a duration whatever [metrics] says, so its wrong limit can be told at once.
#[test]
fn limits_are_judged_even_when_metrics_is_not_sound() {
    check_rows(&[(
        HTTP,
        &[Put("\"http_requests_total\"", "▶5"), Put("warn = \"150ms\"", "warn = ▶\"1 %\"")],
        &[("metrics.requests.metric", "", ""), ("guardrails[2].warn: \"1 %\" is not a duration", "\"150ms\"", "")],
    )]);
}

/// Said beside the true error these send the operator to a line that is right.
#[test]
fn nothing_false_is_said_about_parts_that_could_not_be_read() {
    check_rows(&[
        row!(HTTP, "bake = \"2m\"" => "bake = ▶\"2\"", "steps[4].bake: \"2\" is not a duration", ""),
        row!(HTTP, "split = \"100 %\"" => "split = ▶\"100\"", "steps[4].split: \"100\" is not a share", ""),
        (
            HTTP,
            &[Put("\"manual\"", "\"automatic\""), Put("\"http_requests_total\"", "▶5")],
            &[("metrics.requests.metric: an integer", "", "")],
        ),
        (
            HAPROXY,
            &[Put("\"60s\"", "▶60"), Put("\"120s\"", "▶120")],
            &[("steps[1].bake", "", ""), ("steps[2].bake", "", "")],
        ),
        (
            HTTP,
            &[
                Put("\"manual\"", "\"automatic\""),
                Put("for = \"30s\"", "for = ▶30"),
                Put("roll_back = \"200ms\"\n", ""),
            ],
            &[("guardrails[1].for", "", "")],
        ),
    ]);
}

#[test]
fn one_mistake_is_said_once() {
    check_rows(&[
        row!(HTTP, "path = \"/health\"" => "path = ▶5", "checks[1].path: an integer cannot stand here", "starts with /"),
        row!(HTTP, "path = \"/health\"" => "paths = ▶[\"x\"]", "checks[1].paths: \"x\" is not a path", "a list of paths"),
        (
            HAPROXY,
            &[
                Put("backend = \"web\"", "backend = \"web\"\nnodes = ▶5"),
                Put("[[traffic.nodes]]\nname = \"lb1\"\naddress = \"10.0.0.9:9999\"\n", ""),
                Put("[[traffic.nodes]]\nname = \"lb2\"\naddress = \"unix:/run/haproxy.sock\"\n", ""),
            ],
            &[("traffic.nodes: an integer cannot stand here", "", "")],
        ),
    ]);
}

/// The parser stops at some syntax errors; what stands after them is unread, not missing.
#[test]
fn a_syntax_error_makes_nothing_missing() {
    for edits in [
        &[Put("bake = \"2m\"", "bake")][..],
        &[Put("bake = \"2m\"", "bake = ")],
        &[Put("[poll]", "[poll")],
        &[Put("name = \"checkout\"", "name = \"check\u{1b}out\"")],
    ] {
        let said = errors(&edited(HTTP, edits));
        let false_words = ["is missing", "by itself", "the last is", "none is there", "\"\" is not"];
        let untrue: Vec<&str> =
            said.0.iter().map(|e| e.problem.as_str()).filter(|p| false_words.iter().any(|w| p.contains(w))).collect();
        assert!(untrue.is_empty(), "{edits:?}: {untrue:#?}");
    }
}

/// With forty steps "60% is followed by 50%" at the first step's header finds nothing.
#[test]
fn what_does_not_fit_is_pointed_at() {
    check_rows(&[
        (
            HTTP,
            &[Put("split = \"25 %\"", "split = \"60 %\""), Put("split = \"50 %\"", "split = ▶\"50 %\"")],
            &[("60% is followed by 50%", "rising shares", "")],
        ),
        row!(HTTP, "split = \"100 %\"" => "split = ▶\"99 %\"", "the last is 99%", "100 %"),
        row!(HTTP, "name = \"balancer\"" => "name = ▶\"candidate P95\"", "candidate P95 is there twice", "each name once"),
        row!(HAPROXY, "\"lb2\"" => "▶\"lb1\"", "lb1 is there twice", "each node once"),
        row!(HTTP, "\"v2.1.0\"" => "▶\"v2.0.5\"", "both environments have the same label", "told apart"),
    ]);
}

/// The issue asks for a likely meaning of every error that has one, not only of keys.
#[test]
fn values_too_have_a_likely_meaning() {
    check_rows(&[
        row!(HTTP, "\"manual\"" => "▶\"automatc\"", "is not one of them", "", "\"automatic\""),
        row!(HTTP, "driver = \"http\"" => "driver = ▶\"htttp\"", "is not one of them", "", "\"http\""),
        row!(HTTP, "reading = \"p95\"" => "reading = ▶\"P95\"", "is not a reading", "", "\"p95\""),
        row!(HTTP, "reading = \"memory\"" => "reading = ▶\"memmory\"", "is not a reading", "", "\"memory\""),
        row!(HTTP, "roll_back = \"5 %\"" => "roll_back = ▶0.05", "is not a share", "", "\"5 %\""),
        row!(HTTP, "bake = \"10m\"" => "bake = ▶600", "a duration is written in quotes", "", "\"600s\""),
    ]);
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

/// The password of a URL that is wrong otherwise is still a password.
#[test]
fn passwords_of_wrong_urls_are_not_repeated() {
    for url in ["ftp://admin:hunter2@lb", "http://admin:hunter2@lb:port", "http://admin:hunter2@l b/"] {
        let said = errors(&HTTP.replace("http://lb.example:8080", url)).to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
}

// What a loaded plan must never hold.

#[test]
fn a_secret_is_known_by_its_value_too() {
    refused(&[
        (HTTP, &[Put("X-Team = \"platform\"", "X-Auth = \"Bearer hunter2\"")], "secret"),
        (HTTP, &[Put("X-Team = \"platform\"", "X-Session = \"Basic aHVudGVyMg==\"")], "secret"),
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

// The machine that runs `load`.

/// A file of 50 KB with a fault in every line: with a scan of the file for each error this takes seconds,
/// and with 1 MiB a quarter of an hour.
#[test]
fn many_errors_do_not_take_long() {
    let text = (0..6000).map(|i| format!("k{i} = 1")).collect::<Vec<_>>().join("\n");
    let before = Instant::now();
    let said = errors(&text);
    let took = before.elapsed();
    assert!(said.0.len() >= 100, "{}", said.0.len());
    assert!(took < Duration::from_secs(1), "{took:?} for {} bytes", text.len());
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
    assert!(said.0.iter().any(|e| e.allowed.contains("1 MiB")), "{said}");
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

/// A plan's last lines may be edits of another tool; nothing is taken from them silently.
#[test]
fn what_stands_at_the_end_belongs_to_the_last_table() {
    check_rows(&[(HTTP, &[End("▶watch = \"1h\"\n")], &[("access.watch: no such key", "group", "")])]);
}
