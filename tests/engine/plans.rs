//! Plans for tests, put together from a few sections so that a test shows only what it is about.

use std::path::Path;
use std::sync::Arc;
use warroom::plan::{Plan, load};

/// The sections of a plan that tests vary.
#[derive(Clone, Copy)]
pub struct Sections {
    pub advance: &'static str,
    pub traffic: &'static str,
    pub steps: &'static str,
    pub limits: &'static str,
    pub more: &'static str,
    /// Time between two looks at an environment's health.
    pub health: &'static str,
}

/// A percentage API whose writes may land up to five seconds late.
pub const HTTP: &str = r#"
    [traffic]
    driver = "http"
    url = "http://lb:80"
    lateness = "5s"
    timeout = "1s"
    fields = { stable = "blue", candidate = "green" }
"#;

/// Two nodes with two servers a side, so that a write can be applied on one of them only.
pub const HAPROXY: &str = r#"
    [traffic]
    driver = "haproxy"
    backend = "web"
    lateness = "5s"
    timeout = "1s"
    nodes = [{ name = "lb1", address = "lb1:9999" }, { name = "lb2", address = "lb2:9999" }]
    servers = { stable = ["b1", "b2"], candidate = ["g1", "g2"] }
"#;

/// Two rules of an AWS load balancer.
pub const ALB: &str = r#"
    [traffic]
    driver = "alb"
    lateness = "5s"
    timeout = "1s"
    [traffic.target_groups]
    stable = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/blue/1"
    candidate = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green/2"
    [[traffic.forwards]]
    name = "https"
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/prod/50dc/f2f7/9683"
    [[traffic.forwards]]
    name = "http"
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/prod/50dc/0467"
"#;

/// Three steps; the middle one is a hold point.
pub const STEPS: &str = r#"
    [[steps]]
    split = "10 %"
    bake = "5s"
    [[steps]]
    split = "50 %"
    bake = "5s"
    hold = true
    [[steps]]
    split = "100 %"
    bake = "5s"
"#;

/// Errors hold at 2 % and roll back at 5 % after three seconds; one required HTTP check.
pub const LIMITS: &str = r#"
    [[guardrails]]
    reading = "error_ratio"
    minimum_requests = 20
    warn = "1 %"
    hold = "2 %"
    roll_back = "5 %"
    for = "3s"
    absent = "hold"
    [[checks]]
    name = "candidate health"
    kind = "http"
    environment = "candidate"
    path = "/health"
    interval = "2s"
    timeout = "1s"
"#;

/// One program that the first step waits for, and one that asks before it runs.
pub const HOOKS: &str = r#"
    [[hooks]]
    name = "smoke"
    says = "smoke tests of the candidate"
    run = ["./smoke.sh", "{candidate_url}"]
    timeout = "1m"
    required_before = "first"
    fresh = "10m"
    [[hooks]]
    name = "scale-up"
    says = "twice as many of stable"
    run = ["./scale.sh", "{stable}"]
    timeout = "2m"
    asks = true
"#;

pub const MANUAL: Sections =
    Sections { advance: "manual", traffic: HTTP, steps: STEPS, limits: LIMITS, more: "", health: "1s" };
pub const AUTOMATIC: Sections = Sections { advance: "automatic", ..MANUAL };
pub const HOOKED: Sections = Sections { more: HOOKS, ..MANUAL };
pub const AWS: Sections = Sections { traffic: ALB, ..MANUAL };
pub const NODES: Sections = Sections { traffic: HAPROXY, ..MANUAL };

impl Sections {
    pub fn plan(&self) -> Arc<Plan> {
        let Self { advance, traffic, steps, limits, more, health } = self;
        let text = format!(
            r#"
            version = 1
            name = "checkout"
            target = "prod-eu1"
            advance = "{advance}"
            watch = "1m"
            [environments.stable]
            label = "v1"
            colour = "blue"
            url = "http://blue:80"
            metrics = ["http://blue:80/metrics"]
            [environments.candidate]
            label = "v2"
            colour = "green"
            url = "http://green:80"
            metrics = ["http://green:80/metrics"]
            [metrics]
            requests = {{ metric = "http_requests_total" }}
            latency = "http_request_duration_seconds"
            window = "5s"
            [[metrics.gauges]]
            name = "memory"
            metric = "memory_used"
            unit = "ratio"
            [poll]
            readings = "1s"
            balancer = "1s"
            health = "{health}"
            {traffic}{steps}{limits}{more}
            "#
        );
        Arc::new(load(Path::new("test.toml"), &text).unwrap_or_else(|errors| panic!("{errors}")))
    }
}
