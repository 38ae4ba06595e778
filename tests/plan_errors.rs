//! What a wrong plan says: every error, each with its place, what is allowed and a likely meaning.
//!
//! An operator reads these words minutes before a cutover, so their place must be exact and none of
//! them may be false. What a plan must never hold, and what a file must not do to the program that reads
//! it, is in `plan_refusals.rs`.

mod plan_common;

use plan_common::{Edit, FILE, HAPROXY, HTTP, edited, errors, read, sound};

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
            &[("traffic.driver: is missing", "\"http\", \"haproxy\", \"alb\" or \"command\"", "")],
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
        row!(HTTP, "metrics = [\"http://10.0.0.1:9100/metrics\"]" => "metrics = ▶\"http://10.0.0.1:9100/metrics\"", "a string cannot stand here", "a list of exposition URLs", "[\"http://10.0.0.1:9100/metrics\"]"),
        row!(HTTP, "health = \"/health\"" => "health = ▶\"health\"", "\"health\" is not a path", "starts with /", "\"/health\""),
        row!(HTTP, "Authorization = { env = \"CANDIDATE_TOKEN\" }" => "Authorization = ▶{ vault = \"x\" }", "headers.Authorization: \"vault\" is not a source", "{ env = \"NAME\" }"),
        row!(HTTP, "{ env = \"CANDIDATE_TOKEN\" }" => "▶{ env = \"A\", file = \"/b\" }", "needs exactly one source", "{ file = \"/path\" }"),
        row!(HTTP, "X-Team = \"platform\"" => "\"X Team\" = ▶\"platform\"", "is not a header name", "plain text"),
        row!(HTTP, "X-Team = \"platform\"" => "X-Team = ▶\"a\\r\\nb\"", "headers.X-Team: \"a\\r\\nb\" has characters that cannot be shown", "plain text"),
        row!(HTTP, "driver = \"http\"" => "driver = ▶\"nginx\"", "traffic.driver: \"nginx\" is not one of them", "\"http\", \"haproxy\", \"alb\" or \"command\""),
        row!(HTTP, "extra = { strategy = \"percentage\" }" => "extra = { strategy = ▶[1] }", "traffic.extra.strategy: an array cannot stand here", "text, a number or a boolean"),
        row!(HTTP, "rate = \"5/s\"" => "rate = ▶\"5\"", "\"5\" is not a rate", "\"0.1/s\" to \"50/s\"", "\"5/s\""),
        row!(HTTP, "metric = \"http_requests_total\"" => "metric = ▶\"http-requests\"", "\"http-requests\" is not a metric name", "the request counter's name"),
        row!(HTTP, "unit = \"ratio\"" => "unit = ▶\"percent\"", "\"percent\" is not one of them", "\"ratio\", \"seconds\""),
        row!(HTTP, "combine = \"max\"" => "combine = ▶\"avg\"", "\"avg\" is not one of them", "\"max\" or \"sum\""),
        row!(HTTP, "name = \"memory\"" => "name = ▶\"p99\"", "p99 is taken", "a name"),
        row!(HTTP, "hold = true" => "hold = ▶\"yes\"", "steps[3].hold: a string cannot stand here", "true or false", "true"),
        row!(HTTP, "json = { \"/status\" = \"ok\" }" => "json = { status = ▶\"ok\" }", "checks[1].json.status: is not a JSON pointer", "\"/pointer\" = value"),
        row!(HTTP, "name = \"balancer\"" => "name = ▶\"a name with more than 24 letters\"", "is too long", "at most 24 characters"),
        row!(HTTP, "minimum_requests = 50" => "minimum_requests = ▶\"50\"", "a string cannot stand here", "a whole number"),
        row!(HTTP, "minimum_requests = 50" => "minimum_requests = ▶-50", "-50 is not such a number", "a whole number"),
        row!(HTTP, "minimum_requests = 50" => "minimum_requests = ▶0.5", "a float cannot stand here", "a whole number"),
        row!(HTTP, "absent = \"warn\"" => "absent = ▶\"ignore\"", "\"ignore\" is not one of them", "\"warn\", \"hold\" or \"roll_back\""),
        row!(HTTP, "automatic = true" => "automatic = ▶1", "rollback.automatic: an integer cannot stand here", "true or false", "true"),
        row!(HTTP, "group = \"oncall\"" => "group = ▶7", "access.group: an integer cannot stand here", "a Unix group"),
    ]);
    // `[[poll]]` for `[poll]`: the place is the key's value, which is the header.
    check_rows(&[row!(HTTP, "[poll]\n" => "▶[[poll]]\n", "poll: an array cannot stand here", "a table", "[poll]")]);
}

#[test]
fn quantities_need_their_unit_and_their_range() {
    check_rows(&[
        row!(HTTP, "watch = \"60m\"" => "watch = ▶\"8d\"", "watch: \"8d\" is out of range", "a duration such as"),
        row!(HTTP, "watch = \"60m\"" => "watch = ▶60", "an integer cannot stand here; a duration is written in quotes with its unit", "\"5m\"", "\"60s\""),
        row!(HTTP, "lateness = \"5s\"" => "lateness = ▶\"11m\"", "\"11m\" is out of range", "from \"0s\" to \"10m\""),
        row!(HTTP, "write_path = \"/api/traffic\"" => "write_path = ▶\"api/traffic\"", "is not a path", "starts with /", "\"/api/traffic\""),
        row!(HTTP, "rate = \"5/s\"" => "rate = ▶\"51/s\"", "51/s is out of range", "to \"50/s\""),
        row!(HTTP, "rate = \"5/s\"" => "rate = ▶\"0/s\"", "0/s is out of range", "from \"0.1/s\""),
        row!(HTTP, "window = \"30s\"" => "window = ▶\"1s\"", "metrics.window: \"1s\" is out of range", "from \"2s\" to \"1h\""),
        row!(HTTP, "window = \"30s\"" => "window = ▶\"30\"", "\"30\" is not a duration", "from \"2s\" to \"1h\"", "\"30s\""),
        row!(HTTP, "readings = \"1s\"" => "readings = ▶\"100ms\"", "poll.readings: \"100ms\" is out of range", "from \"200ms\" to \"60s\""),
        row!(HTTP, "health = \"2s\"" => "health = ▶\"61s\"", "poll.health: \"61s\" is out of range", "to \"60s\""),
        row!(HTTP, "split = \"25 %\"" => "split = ▶\"25\"", "\"25\" is not a share", "in tenths", "\"25 %\""),
        row!(HTTP, "split = \"1 %\"" => "split = ▶\"0 %\"", "\"0 %\" is not from 0.1 % to 100 %", "in tenths"),
        row!(HTTP, "split = \"1 %\"" => "split = ▶\"0.05 %\"", "\"0.05 %\" is not from 0.1 % to 100 %", "in tenths"),
        row!(HTTP, "split = \"25 %\"" => "split = ▶\"101 %\"", "\"101 %\" is not a share", "from \"0.1 %\" to \"100 %\""),
        row!(HTTP, "split = \"25 %\"" => "split = ▶0.25", "\"0.25\" is not a share", "in tenths"),
        row!(HTTP, "bake = \"10m\"" => "bake = ▶\"10 minutes\"", "\"10 minutes\" is not a duration", "\"1h 30m\"", "\"10m\""),
        row!(HTTP, "bake = \"10m\"" => "bake = ▶\"-10m\"", "\"-10m\" is not a duration", "\"1h 30m\""),
        row!(HTTP, "bake = \"10m\"" => "bake = ▶\"10d\"", "\"10d\" is out of range", "a duration"),
        row!(HTTP, "interval = \"5s\"" => "interval = ▶\"100ms\"", "out of range", "from \"500ms\" to \"10m\""),
        row!(HTTP, "version = \"/version\"\ninterval = \"5s\"\ntimeout = \"2s\"" => "version = \"/version\"\ntimeout = ▶\"2m\"", "checks[1].timeout: \"2m\" is out of range", "to \"60s\""),
        row!(HTTP, "for = \"30s\"" => "for = ▶\"2h\"", "guardrails[1].for: \"2h\" is out of range", "from \"0s\" to \"1h\""),
        row!(HTTP, "floor = \"2/s\"" => "floor = ▶\"2\"", "\"2\" is not a rate such as \"20/s\"", "\"2/s\"", "\"2/s\""),
        row!(HTTP, "floor = \"2/s\"" => "floor = ▶\"-2/s\"", "\"-2/s\" is not a rate", "\"2/s\""),
        row!(HTTP, "floor = \"2/s\"" => "floor = ▶\"NaN/s\"", "\"NaN/s\" is not a rate", "\"2/s\""),
    ]);
}

/// A limit has its reading's unit. This is what makes a P95 against an error ratio's limit unwritable.
#[test]
fn limits_have_their_readings_unit() {
    check_rows(&[
        row!(HTTP, "below = \"200ms\"" => "below = ▶\"5 %\"", "checks[2].below: \"5 %\" is not a duration", "\"150ms\" or \"2s\""),
        row!(HTTP, "below = \"200ms\"" => "below = ▶200", "\"200\" is not a duration", "\"150ms\" or \"2s\"", "\"200ms\""),
        row!(HTTP, "below = \"0.1 %\"" => "below = ▶\"100ms\"", "steps[1].gates[1].below: \"100ms\" is not a share", "\"0.5 %\""),
        row!(HTTP, "below = \"0.1 %\"" => "below = ▶0.001", "\"0.001\" is not a share", "\"0.5 %\"", "\"0.1 %\""),
        row!(HTTP, "warn = \"150ms\"" => "warn = ▶\"1 %\"", "guardrails[2].warn: \"1 %\" is not a duration", "\"150ms\" or \"2s\""),
        row!(HTTP, "hold = \"85 %\"" => "hold = ▶\"85\"", "guardrails[3].hold: \"85\" is not a share", "\"0.5 %\"", "\"85 %\""),
        row!(HTTP, "roll_back = \"5 %\"" => "roll_back = ▶\"500 %\"", "\"500 %\" is not a share", "\"0.5 %\""),
        row!(HTTP, "roll_back = \"5 %\"" => "roll_back = ▶\"NaN %\"", "\"NaN %\" is not a share", "\"0.5 %\""),
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
fn addresses_that_cannot_be_reached_are_refused() {
    check_rows(&[
        row!(HTTP, "url = \"http://10.0.0.2:8080\"" => "url = ▶\"10.0.0.2:8080\"", "environments.candidate.url: \"10.0.0.2:8080\" is not", "its own base URL", "\"http://10.0.0.2:8080\""),
        row!(HTTP, "url = \"http://10.0.0.2:8080\"" => "url = ▶\"unix:/run/x\"", "is not an http or https URL", "its own base URL"),
        row!(HTTP, "url = \"http://10.0.0.2:8080\"" => "url = ▶\"\"", "is not a URL", "its own base URL"),
        row!(HAPROXY, "\"10.0.0.9:9999\"" => "▶\"10.0.0.9\"", "traffic.nodes[1].address: \"10.0.0.9\" is not such an address", "\"host:port\""),
        row!(HAPROXY, "\"10.0.0.9:9999\"" => "▶\":9999\"", "is not such an address", "\"host:port\""),
        row!(HAPROXY, "\"10.0.0.9:9999\"" => "▶\"lb:0\"", "is not such an address", "\"host:port\""),
        row!(HAPROXY, "\"10.0.0.9:9999\"" => "▶\"lb:65536\"", "is not such an address", "\"host:port\""),
        row!(HAPROXY, "\"unix:/run/haproxy.sock\"" => "▶\"unix:run/haproxy.sock\"", "is not such an address", "unix:/run/haproxy.sock"),
        row!(HAPROXY, "\"unix:/run/haproxy.sock\"" => "▶\"/run/haproxy.sock\"", "is not such an address", "unix:/run/haproxy.sock"),
        row!(HAPROXY, "backend = \"web\"" => "backend = ▶\"web; shutdown\"", "traffic.backend: \"web; shutdown\" is not a HAProxy name", "the name of the backend"),
        row!(HAPROXY, "[\"blue1\"]" => "[▶\"blue1\\n\"]", "traffic.servers.candidate: \"blue1\\n\" is not a HAProxy name", "server names"),
    ]);
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
    let said = "bake: is there twice; the first stands on line 69";
    assert_eq!((twice.0.len(), twice.0[0].line, twice.0[0].problem.as_str()), (1, 70, said));
}

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
        row!(HTTP, "split = \"100 %\"" => "split = ▶\"100\"", "steps[4].split: \"100\" is not a share", "", "\"100 %\""),
        (
            HTTP,
            &[Put("\"manual\"", "\"automatic\""), Put("\"http_requests_total\"", "▶5")],
            &[("metrics.requests.metric: an integer", "", "")],
        ),
        (
            HAPROXY,
            &[Put("\"60s\"", "▶60"), Put("\"120s\"", "▶120")],
            &[("steps[1].bake: an integer", "", "\"60s\""), ("steps[2].bake: an integer", "", "\"120s\"")],
        ),
        (
            HTTP,
            &[
                Put("\"manual\"", "\"automatic\""),
                Put("for = \"30s\"", "for = ▶30"),
                Put("roll_back = \"200ms\"\n", ""),
            ],
            &[("guardrails[1].for: an integer", "", "\"30s\"")],
        ),
    ]);
}

#[test]
fn one_mistake_is_said_once() {
    check_rows(&[
        row!(HTTP, "path = \"/health\"" => "path = ▶5", "checks[1].path: an integer cannot stand here", "starts with /"),
        row!(HTTP, "path = \"/health\"" => "paths = [▶\"x\"]", "checks[1].paths: \"x\" is not a path", "a list of paths", "\"/x\""),
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
        row!(HTTP, "bake = \"2m\"" => "bake = \"2m\"\nhold = ▶true", "steps[4].hold: nothing comes after 100 %", "hold on a step before it"),
        row!(HTTP, "name = \"balancer\"" => "name = ▶\"candidate P95\"", "candidate P95 is there twice", "each name once"),
        row!(HAPROXY, "\"lb2\"" => "▶\"lb1\"", "lb1 is there twice", "each node once"),
        (
            HAPROXY,
            &[
                Put("10.0.0.9:9999", "localhost:9999"),
                Put("\"lb2\"\naddress = \"unix:/run/haproxy.sock\"", "▶\"lb2\"\naddress = \"127.0.0.1:9999\""),
            ],
            &[("127.0.0.1:9999 is there twice", "each node once", "")],
        ),
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

/// "no such key" for keys that are right sends the operator to delete them.
#[test]
fn a_wrong_status_does_not_make_its_checks_other_keys_unknown() {
    check_rows(&[
        row!(HTTP, "status = [200]" => "status = [▶20]", "checks[1].status: 20 is not an HTTP status", "a list of HTTP statuses"),
        row!(HTTP, "status = [200]" => "status = ▶200", "an integer cannot stand here", "a list of HTTP statuses"),
    ]);
}

/// "A label's name and its value" is what the operator has written; that the value is text is what is missing.
#[test]
fn what_is_allowed_as_a_labels_value_is_said() {
    check_rows(&[
        row!(HTTP, "labels = { service = \"checkout\" }" => "labels = { service = ▶1 }", "metrics.labels.service: an integer cannot stand here", "some text"),
    ]);
}

/// "150 %" is "a share above 0 %": what is allowed must not allow what is refused.
#[test]
fn what_is_allowed_as_a_share_leaves_out_what_is_refused() {
    check_rows(&[
        row!(HTTP, "stable_ready = \"50 %\"" => "stable_ready = ▶\"150 %\"", "rollback.stable_ready: \"150 %\" is not", "\"100 %\""),
    ]);
}

/// Three names are one letter away from "p90". The median, whose limit is the weakest, is not the likely one.
#[test]
fn a_hint_never_weakens_a_limit() {
    let (text, places) = marks(&edited(HTTP, &[Put("reading = \"p95\"", "reading = ▶\"p90\"")]));
    let said = errors(&text);
    assert_eq!(said.0.len(), 1, "{said}");
    let error = &said.0[0];
    assert_eq!((error.line, error.column), places[0], "{said}");
    assert_eq!(error.problem, "checks[2].reading: \"p90\" is not a reading");
    assert_eq!(error.allowed, "error_ratio, p50, p95, p99, request_rate, unhealthy_for, memory");
    assert!(matches!(error.hint.as_deref(), None | Some("\"p95\"")), "{said}");
}

/// A plan's last lines may be edits of another tool; nothing is taken from them silently.
#[test]
fn what_stands_at_the_end_belongs_to_the_last_table() {
    check_rows(&[(HTTP, &[End("▶watch = \"1h\"\n")], &[("access.watch: no such key", "group", "")])]);
}

/// What is read from one table of the plan is not known of another; and one mistake is one error.
#[test]
fn one_wrong_gauge_makes_no_limit_wrong() {
    check_rows(&[
        (
            HTTP,
            &[
                Put("unit = \"ratio\"", "unit = ▶\"pieces\""),
                Put("reading = \"p95\"\nbelow = \"200ms\"", "reading = \"memory\"\nbelow = \"1\""),
            ],
            &[("metrics.gauges[1].unit: \"pieces\" is not one of them", "\"count\"", "")],
        ),
        row!(HTTP, "[metrics]\n" => "[▶metric]\n", "metric: no such key", "", "\"metrics\""),
        row!(HTTP, "latency = \"http" => "▶latencyy = \"http", "metrics.latencyy: no such key", "", "\"latency\""),
    ]);
    // Its window is out of range; the readings' names were read all the same.
    check_rows(&[(
        HTTP,
        &[Put("window = \"30s\"", "window = ▶\"1s\""), Put("reading = \"memory\"", "reading = ▶\"memmory\"")],
        &[("metrics.window", "", ""), ("guardrails[3].reading: \"memmory\" is not a reading", "", "\"memory\"")],
    )]);
}

/// A key that is there twice, or a broken line elsewhere, hides nothing of the tables that were read.
#[test]
fn what_was_read_is_checked_beside_what_was_not() {
    check_rows(&[
        (
            HTTP,
            &[
                Put("colour = \"blue\"", "colour = \"blue\"\n▶colour = \"blue\""),
                Put("[traffic]\ndriver = \"http\"", "▶[traffic]"),
                Put("split = \"100 %\"", "split = ▶\"99 %\""),
            ],
            &[
                ("colour: is there twice; the first stands on line 9", "each key once", ""),
                ("traffic.driver: is missing", "", ""),
                ("steps: the last is 99%", "", ""),
            ],
        ),
        (
            HTTP,
            &[
                Put("[environments.stable]\nlabel = \"v2.0.5\"", "▶[environments.stable]"),
                Put("bake = \"10m\"", "bake = ▶10 m"),
                Put("split = \"50 %\"", "split = \"50 %\""),
                Put("\"balancer\"\nkind", "▶\"candidate P95\"\nkind"),
            ],
            &[
                ("environments.stable.label: is missing", "", ""),
                ("quoted", "TOML 1.0", ""),
                ("candidate P95 is there twice", "", ""),
            ],
        ),
    ]);
}

#[test]
fn a_table_of_the_wrong_name_is_one_error() {
    check_rows(&[
        row!(HTTP, "[environments.candidate]\n" => "[environments.▶stable]\n", "environments.stable: this table is there twice; the first stands on line 7", "each table once", "[environments.candidate]"),
        row!(HTTP, "[environments.candidate]\nlabel = \"v2.1.0\"\ncolour = \"green\"\nversion = \"2.1.0\"\nurl = \"http://10.0.0.2:8080\"\nmetrics = [\"http://10.0.0.2:9100/metrics\", \"http://10.0.0.3:9100/metrics\"]\n\n[environments.candidate.headers]\nAuthorization = { env = \"CANDIDATE_TOKEN\" }\nX-Team = \"platform\"\n" => "[environments.▶green]\nlabel = \"v2.1.0\"\n", "environments.green: no such key", "candidate, stable", "\"candidate\""),
    ]);
    let one = HAPROXY.replace("[[steps]]\nsplit = \"50 %\"\nbake = \"60s\"\n\n[[steps]]", "▶[steps]");
    let (one, place) = marks(&one);
    let said = errors(&one);
    assert_eq!(said.0.iter().map(|error| (error.line, error.column)).collect::<Vec<_>>(), place, "{said}");
    assert_eq!(said.0[0].hint.as_deref(), Some("[[steps]], once for each"), "{said}");
    let steps = "[[steps]]\nsplit = \"50 %\"\nbake = \"60s\"\n\n[[steps]]\nsplit = \"100 %\"\n";
    for (header, problem, hint) in [
        ("[steps]", "steps: this table is there twice; the first stands on line 33", "[[steps]], once for each"),
        ("[[stepz]]", "stepz: no such key", "\"steps\""),
    ] {
        let said = errors(&HAPROXY.replace(steps, &steps.replace("[[steps]]", header)));
        assert_eq!(said.0.len(), 1, "{said}");
        assert_eq!((said.0[0].problem.as_str(), said.0[0].hint.as_deref()), (problem, Some(hint)), "{said}");
    }
}

/// What people write at three in the morning, and what they meant.
#[test]
fn likely_meanings_are_said() {
    check_rows(&[
        row!(HTTP, "below = \"200ms\"" => "below = ▶\"100\"", "is not a duration", "", "\"100ms\""),
        row!(HTTP, "split = \"25 %\"" => "split = ▶25", "\"25\" is not a share", "", "\"25 %\""),
        row!(HTTP, "rate = \"5/s\"" => "rate = ▶5", "\"5\" is not a rate", "", "\"5/s\""),
        row!(HTTP, "warn = \"1 %\"" => "warn = ▶\"1,5 %\"", "\"1,5 %\" is not a share", "", "\"1.5 %\""),
        row!(HTTP, "bake = \"10m\"" => "bake = ▶\"5 mins\"", "is not a duration", "", "\"5m\""),
        row!(HTTP, "interval = \"5s\"" => "interval = ▶\"2\"", "is not a duration", "", "\"2s\""),
        row!(HTTP, "errors = \"5..\"" => "errors = ▶\"5xx\"", "\"5xx\" matches no status of three digits", "", "\"5..\""),
        row!(HTTP, "errors = \"5..\"" => "errors = ▶\"5.\"", "matches no status", "", "\"5..\""),
        row!(HTTP, "url = \"http://10.0.0.2:8080\"" => "url = ▶\"green.prod.example.com\"", "is not a URL", "", "\"https://green.prod.example.com\""),
        row!(HTTP, "health = \"/health\"" => "health = ▶\"https://blue.prod/health\"", "is not a path", "", "\"/health\""),
        row!(HTTP, "\"http://lb.example/\"" => "▶\" http://lb.example/\"", "begins or ends with a space", "", "\"http://lb.example/\""),
        row!(HTTP, "environment = \"stable\"" => "environment = ▶\"blue\"", "\"blue\" is not one of them", "", "\"stable\""),
        row!(HTTP, "stable = \"blue\", candidate" => "stable = ▶\"/blue\", candidate", "is a JSON pointer", "a plain key", "\"blue\""),
        row!(HTTP, "stable = \"blue\", candidate" => "stable = ▶\"/a/b\", candidate", "is a JSON pointer", "a plain key"),
    ]);
    let said = errors(&edited(HTTP, &[Put("split = \"25 %\"", "split = “25 %”")]));
    assert_eq!(said.0.len(), 1, "{said}");
    assert_eq!(said.0[0].hint.as_deref(), Some("split = \"25 %\""), "{said}");
}
