//! The plans that lives are lived on, loaded once.

use std::path::Path;
use std::sync::Arc;
use warroom::domain::{Layout, Role};
use warroom::plan::{Plan, load};

/// A plan with what the simulator wants to know of it at once.
pub struct Stage {
    pub name: &'static str,
    pub plan: Arc<Plan>,
    pub layout: Layout,
    /// The balancer tells what stands around its weights, and not which slot is up.
    pub is_surveyed: bool,
    /// Microseconds.
    pub lateness: u64,
    pub timeout: u64,
}

const HTTP: &str = r#"
[traffic]
driver = "http"
url = "http://lb:80"
timeout = "1s"
fields = { stable = "blue", candidate = "green" }
"#;

const HAPROXY: &str = r#"
[traffic]
driver = "haproxy"
backend = "web"
timeout = "1s"
nodes = [{ name = "lb1", address = "lb1:9999" }, { name = "lb2", address = "lb2:9999" }]
servers = { stable = ["b1", "b2"], candidate = ["g1", "g2"] }
"#;

/// Tells what stands around its weights, and is rehearsed.
const ALB: &str = r#"
[traffic]
driver = "alb"
timeout = "1s"
target_groups = { stable = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue/1", candidate = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green/2" }
forwards = [
  { name = "https", arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/prod/50dc/0467" },
  { name = "http", arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/prod/50dc/0468" },
]
"#;

/// Name, advance, traffic, lateness, steps, absence, more, instances of the candidate.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str], &'static str, usize);

/// A program that no step waits for, and that is for after the cutover on one stage; and one that a step waits for on
/// some.
pub const SCALE: &str = "scale-up";
pub const SMOKE: &str = "smoke";

const TWO: &[&str] = &["30 %", "100 %"];
const HOLD: &[&str] = &["10 %", "50 % hold", "100 %"];
const APPROVED: &[&str] = &["25 %", "60 % approval", "100 % approval"];
const NO_RETURN: &[&str] = &["40 % hold", "100 % no return"];

const ROWS: &[Row] = &[
    ("http manual, hook for after", "manual", HTTP, "3s", TWO, "hold", 1),
    ("http automatic, hook before 50 %", "automatic", HTTP, "2s", HOLD, "hold", 1),
    ("haproxy manual", "manual", HAPROXY, "2s", HOLD, "warn", 1),
    ("haproxy automatic approved", "automatic", HAPROXY, "3s", APPROVED, "hold", 1),
    ("http no return, two instances", "manual", HTTP, "2s", NO_RETURN, "roll_back", 2),
    ("http approved, hook before first", "manual", HTTP, "3s", APPROVED, "hold", 2),
    ("alb automatic", "automatic", ALB, "3s", HOLD, "roll_back", 1),
    ("http two minutes late", "manual", HTTP, "120s", TWO, "hold", 1),
    ("haproxy two minutes late", "automatic", HAPROXY, "120s", HOLD, "hold", 1),
    ("alb two minutes late", "manual", ALB, "120s", NO_RETURN, "roll_back", 2),
];

/// The last stages are dear, because they are confirmed over two minutes.
const DEAR: u64 = 3;
/// One life in so many is lived on one of them.
const DEAR_ONE_IN: u64 = 64;

pub struct Stages(Vec<Stage>);

impl Stages {
    pub fn load() -> Self {
        Self(ROWS.iter().map(stage).collect())
    }

    pub fn of(&self, draw: u64) -> &Stage {
        let usual = self.0.len() as u64 - DEAR;
        let (is_dear, draw) = (draw.is_multiple_of(DEAR_ONE_IN), draw / DEAR_ONE_IN);
        let index = if is_dear { usual + draw % DEAR } else { draw % usual };
        &self.0[index as usize]
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|stage| stage.name)
    }
}

fn stage(row: &Row) -> Stage {
    let (name, advance, traffic, lateness, steps, absent, instances) = *row;
    let steps: String = steps.iter().map(|words| step(words)).collect();
    let metrics: Vec<String> = (0..instances).map(|i| format!("\"http://green:9{i}/metrics\"")).collect();
    let gate = name
        .split_once("hook before ")
        .map_or_else(String::new, |(_, step)| format!("required_before = \"{step}\"\nfresh = \"12s\""));
    let after = if name.ends_with("hook for after") { "only_after_complete = \"4s\"" } else { "" };
    let text = format!(
        r#"
version = 1
name = "checkout"
target = "prod-eu1"
advance = "{advance}"
watch = "10s"
[environments.stable]
label = "v1"
colour = "blue"
url = "http://blue:80"
metrics = ["http://blue:80/metrics"]
[environments.candidate]
label = "v2"
colour = "green"
url = "http://green:80"
metrics = [{}]
[metrics]
requests = {{ metric = "http_requests_total" }}
latency = "http_request_duration_seconds"
window = "6s"
[poll]
readings = "2s"
balancer = "2s"
health = "3s"
{traffic}lateness = "{lateness}"
{steps}
[[guardrails]]
reading = "error_ratio"
minimum_requests = 20
warn = "1 %"
hold = "2 %"
roll_back = "5 %"
for = "3s"
absent = "{absent}"
[[guardrails]]
reading = "p99"
hold = "250ms"
for = "3s"
absent = "{absent}"
[[guardrails]]
reading = "unhealthy_for"
hold = "4s"
for = "3s"
absent = "{absent}"
[[checks]]
name = "candidate health"
kind = "http"
environment = "candidate"
path = "/health"
interval = "4s"
timeout = "1s"
[[hooks]]
name = "{SCALE}"
says = "twice as many"
run = ["./scale.sh"]
timeout = "8s"
{after}
[[hooks]]
name = "{SMOKE}"
says = "smoke tests"
run = ["./smoke.sh"]
timeout = "8s"
{gate}
[rollback]
automatic = true
stable_ready = "50 %"
"#,
        metrics.join(", ")
    );
    let plan = load(Path::new("sim.toml"), &text).unwrap_or_else(|errors| panic!("{errors}"));
    Stage {
        name,
        layout: plan.traffic.layout(),
        is_surveyed: plan.traffic.is_surveyed(),
        lateness: plan.traffic.lateness.as_micros() as u64,
        timeout: plan.traffic.timeout.as_micros() as u64,
        plan: Arc::new(plan),
    }
}

fn step(words: &str) -> String {
    let (split, more) = words.split_once('%').expect("a split in percent");
    // One stage has a bake that outlasts every reading.
    let bake = if more.contains("no return") { "14s" } else { "3s" };
    let more = match more.trim() {
        "hold" => "hold = true",
        "approval" => "approval = \"decision authority\"",
        "no return" => "point_of_no_return = \"old orders cannot be read\"",
        _ => "",
    };
    format!("[[steps]]\nsplit = \"{split}%\"\nbake = \"{bake}\"\n{more}\n")
}

impl Stage {
    /// Slots of one environment, by their place in the layout.
    pub fn slots(&self, role: Role) -> impl Iterator<Item = usize> {
        self.layout.slots.iter().enumerate().filter(move |(_, (_, r))| *r == role).map(|(index, _)| index)
    }
}
