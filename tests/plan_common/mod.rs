//! Two plans with nothing wrong in them, and the ways in which tests change them.
//!
//! Every wrong plan in these tests is one of these two with named edits, so that a row says only what
//! is wrong and not forty lines that are right.

#![allow(dead_code)] // each test binary uses its part

use std::path::Path;
use warroom::plan::{Plan, PlanErrors, load};

/// A plan for the percentage API, with every section that a plan can have.
pub const HTTP: &str = r#"version = 1
name = "checkout"
target = "prod-eu1"
advance = "manual"
watch = "60m"

[environments.stable]
label = "v2.0.5"
colour = "blue"
version = "2.0.5"
url = "http://10.0.0.1:8080"
health = "/health"
metrics = ["http://10.0.0.1:9100/metrics"]

[environments.candidate]
label = "v2.1.0"
colour = "green"
version = "2.1.0"
url = "http://10.0.0.2:8080"
metrics = ["http://10.0.0.2:9100/metrics", "http://10.0.0.3:9100/metrics"]

[environments.candidate.headers]
Authorization = { env = "CANDIDATE_TOKEN" }
X-Team = "platform"

[traffic]
driver = "http"
url = "http://lb.example:8080"
write_path = "/api/traffic"
read_path = "/api/status"
fields = { stable = "blue", candidate = "green" }
extra = { strategy = "percentage" }
lateness = "5s"
timeout = "2s"

[sampler]
url = "http://lb.example/"
header = "X-Backend-Server"
servers = { stable = ["blue-1"], candidate = ["green-1"] }
rate = "5/s"

[metrics]
requests = { metric = "http_requests_total", status = "status", errors = "5.." }
latency = "http_request_duration_seconds"
labels = { service = "checkout" }
window = "30s"

[[metrics.gauges]]
name = "memory"
metric = "memory_bytes"
divide_by = "memory_limit_bytes"
unit = "ratio"
combine = "max"

[poll]
readings = "1s"
balancer = "1s"
health = "2s"

[[steps]]
split = "1 %"
bake = "5m"
[[steps.gates]]
reading = "error_ratio"
below = "0.1 %"

[[steps]]
split = "25 %"
bake = "10m"
approval = "decision authority"

[[steps]]
split = "50 %"
bake = "30m"
hold = true

[[steps]]
split = "100 %"
bake = "2m"
point_of_no_return = "old orders cannot be read"

[[checks]]
name = "candidate health"
kind = "http"
environment = "candidate"
path = "/health"
status = [200]
json = { "/status" = "ok" }
version = "/version"
interval = "5s"
timeout = "2s"

[[checks]]
name = "candidate P95"
kind = "reading"
reading = "p95"
below = "200ms"
required = false

[[checks]]
name = "balancer"
kind = "balancer"

[[guardrails]]
reading = "error_ratio"
warn = "1 %"
hold = "3 %"
roll_back = "5 %"
for = "30s"
minimum_requests = 50
absent = "hold"

[[guardrails]]
reading = "p99"
environment = "stable"
warn = "150ms"
roll_back = "200ms"

[[guardrails]]
reading = "memory"
hold = "85 %"
absent = "warn"

[rollback]
automatic = true
floor = "2/s"
stable_ready = "50 %"
[rollback.lever]
words = "drain the websocket pods"
command = "kubectl drain pods -l app=ws"

[access]
group = "oncall"
approver_is_another_user = true
"#;

/// A plan for two HAProxy nodes, one over TCP and one over a Unix socket.
pub const HAPROXY: &str = r#"version = 1
name = "checkout"
target = "prod-eu1"

[environments.stable]
label = "v2.0.5"
colour = "green"
url = "https://green.example"
metrics = ["https://green.example/metrics"]

[environments.candidate]
label = "v2.1.0"
colour = "blue"
url = "https://blue.example"
metrics = ["https://blue.example/metrics"]

[traffic]
driver = "haproxy"
backend = "web"
servers = { stable = ["green1", "green2"], candidate = ["blue1"] }

[[traffic.nodes]]
name = "lb1"
address = "10.0.0.9:9999"

[[traffic.nodes]]
name = "lb2"
address = "unix:/run/haproxy.sock"

[metrics]
requests = { metric = "http_requests_total" }

[[steps]]
split = "50 %"
bake = "60s"

[[steps]]
split = "100 %"
bake = "120s"

[[guardrails]]
reading = "error_ratio"
hold = "5 %"
roll_back = "10 %"
"#;

/// The name under which these texts are loaded.
pub const FILE: &str = "plan.toml";

/// One change of a plan's text.
#[derive(Debug, Clone, Copy)]
pub enum Edit {
    /// The only place where the first text stands gets the second.
    Put(&'static str, &'static str),
    /// The second text goes in front of the only place where the first stands.
    Before(&'static str, &'static str),
    /// The text goes to the end.
    End(&'static str),
}

/// A plan's text with changes; a change that fits no place or several is a mistake in the test.
pub fn edited(base: &str, edits: &[Edit]) -> String {
    let once = |text: &str, old: &str| {
        let places = text.matches(old).count();
        assert_eq!(places, 1, "{old:?} stands at {places} places");
    };
    edits.iter().fold(base.to_owned(), |text, edit| match *edit {
        Edit::Put(old, new) => {
            once(&text, old);
            text.replacen(old, new, 1)
        }
        Edit::Before(old, new) => {
            once(&text, old);
            text.replacen(old, &format!("{new}{old}"), 1)
        }
        Edit::End(new) => text + new,
    })
}

/// Loads a text under [`FILE`].
pub fn read(text: &str) -> Result<Plan, PlanErrors> {
    load(Path::new(FILE), text)
}

/// A plan that must be sound.
pub fn sound(text: &str) -> Plan {
    read(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The one error that an edited plan has: where it is, what it says, what is allowed, what was meant.
#[track_caller]
pub fn one(text: &str, place: &str, parts: &[&str]) {
    one_at(text, text.find(place).unwrap_or_else(|| panic!("{place} is not in the text")), parts);
}

/// The same, where the place is known by its byte.
#[track_caller]
pub fn one_at(text: &str, marked: usize, parts: &[&str]) {
    let before = &text[..marked];
    let line = before.matches('\n').count() + 1;
    let column = marked - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    let found = errors(text);
    let said = found.to_string();
    assert_eq!(found.0.len(), 1, "{said}");
    assert_eq!((found.0[0].line, found.0[0].column), (line, column), "{said}");
    for part in parts {
        assert!(said.contains(part), "{said} lacks {part:?}");
    }
}

/// The errors of a plan that must have some.
pub fn errors(text: &str) -> PlanErrors {
    match read(text) {
        Ok(_) => panic!("loads, and has an error in it"),
        Err(errors) => errors,
    }
}
