//! The operator's file. [`load()`] reads TOML into a [`Plan`], which is valid by construction: a function
//! that is handed a `Plan` never has to check it again.

mod address;
mod alb;
mod alb_rescue;
mod command;
mod file;
mod likely;
mod load;
mod rescue;
mod schedule;
mod script;
mod section;
mod sections;
mod syntax;
mod traffic;
mod validate;
mod values;

pub use address::one_identity;
pub use alb::{ALB_WEIGHT_MAX, AlbDriver, AlbForward, Arn, ArnKind, HealthCheck, TargetGroup};
pub use command::{CommandDriver, Reading};
pub use load::{PLAN_BYTES_MAX, folder_of, load, load_file, load_frozen, origin};
pub use rescue::rescue_card;
pub use schedule::{guardrail_words, needed_requests, schedule};
pub use script::{Argument, Run, Script, Values};
pub use section::{PlanError, PlanErrors};
pub use traffic::{Driver, HAPROXY_WEIGHT_MAX, HaproxyAddress, HaproxyDriver, HaproxyNode, HttpDriver, Traffic};
// The console's own configuration is read in the same way, with the same errors.
pub(crate) use load::read_tables;
pub(crate) use section::{Read, Section, Wrong, nearest, wrong_type};
pub(crate) use values::{boolean, one_of};

use crate::domain::{Clean, PerRole, Quantity, Role, Signal, Split, Unit};
use std::path::PathBuf;
use std::time::Duration;

/// A whole cutover as the operator wrote it down.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is cut over: `checkout`.
    pub name: Clean,
    /// Where: `prod-eu1`.
    pub target: Clean,
    /// The two environments.
    pub environments: PerRole<Environment>,
    /// What is changed.
    pub traffic: Traffic,
    /// How the measured split is sampled through the balancer; `None` when the plan has no sampler.
    pub sampler: Option<Sampler>,
    /// What is read from the environments' metrics.
    pub metrics: Metrics,
    /// How often things are read.
    pub poll: Poll,
    /// Who moves forward: a person, or the keeper once every gate is open.
    pub advance: Advance,
    /// The steps; splits strictly rise and the last is 100 %.
    pub steps: Vec<Step>,
    /// How long the cutover is watched after 100 % with automatic rollback still on: counted as a bake is, and anew after a
    /// drift.
    pub watch: Duration,
    /// The questions asked before traffic moves.
    pub checks: Vec<Check>,
    /// Limits on live readings.
    pub guardrails: Vec<Guardrail>,
    /// The operator's own programs, run when a person asks.
    pub hooks: Vec<Hook>,
    /// What a rollback means here.
    pub rollback: Rollback,
    /// Who may come in and approve.
    pub access: Access,
    /// The file it came from.
    pub source: PlanSource,
}

/// The plan's text as it was loaded; a run freezes it.
#[derive(Debug, Clone)]
pub struct PlanSource {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
    /// SHA-256 of the text in hex.
    pub hash: String,
}

/// One of the two environments.
#[derive(Debug, Clone)]
pub struct Environment {
    /// What people call it: `v2.0.5`.
    pub label: Clean,
    /// Its colour word: `blue`. Decoration; roles come from the plan's section.
    pub colour: Clean,
    /// The version its health answer must give, where the plan says.
    pub version: Option<Clean>,
    /// Base URL of the environment itself, never through the balancer.
    pub url: String,
    /// Path of its health answer.
    pub health: String,
    /// Exposition URLs, one an instance.
    pub metrics: Vec<String>,
    /// How to speak HTTP to it.
    pub http: Http,
}

impl Environment {
    /// `GREEN v2.1.0`.
    pub fn words(&self) -> String {
        format!("{} {}", self.colour.as_str().to_uppercase(), self.label)
    }

    /// `GREEN`.
    pub fn chip(&self) -> String {
        self.colour.as_str().to_uppercase()
    }
}

/// How to speak HTTP to one server.
#[derive(Debug, Clone, Default)]
pub struct Http {
    /// Extra trust root, PEM; `None` trusts the machine's roots.
    pub ca: Option<PathBuf>,
    /// Headers sent with each request.
    pub headers: Vec<(String, Secret)>,
}

impl Http {
    /// Whether a header's value is not in the plan: what is there cannot be renewed, and is no credential.
    pub fn has_secrets(&self) -> bool {
        self.headers.iter().any(|(_, secret)| !matches!(secret, Secret::Plain(_)))
    }
}

/// Where a header's value comes from. The value itself is never in a plan's debug output or journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// Written in the plan: not secret.
    Plain(String),
    /// An environment variable of the keeper.
    Env(String),
    /// A file; its trailing line end is dropped.
    File(PathBuf),
}

/// Requests sent through the balancer to see who answers.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// URL through the balancer.
    pub url: String,
    /// Response header that names the server.
    pub header: String,
    /// Values of that header, for each environment.
    pub servers: PerRole<Vec<String>>,
    /// Requests a second, 0.1–50.
    pub rate: f64,
    /// How to speak HTTP through the balancer.
    pub http: Http,
}

/// What is read from `/metrics`.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The request counter.
    pub requests: RequestsMetric,
    /// Base name of the latency histogram in seconds.
    pub latency: Option<String>,
    /// Labels that every series read must carry.
    pub labels: Vec<(String, String)>,
    /// Further gauges by name.
    pub gauges: Vec<Gauge>,
    /// Window over which rates, ratios and percentiles are taken where a limit does not say its own.
    pub window: Duration,
}

impl Metrics {
    /// The unit of a signal.
    pub fn unit(&self, signal: &Signal) -> Unit {
        match signal {
            Signal::ErrorRatio | Signal::Latency(_) | Signal::UnhealthyFor | Signal::RequestRate => simple_unit(signal),
            Signal::Gauge(name) => {
                self.gauges.iter().find(|gauge| gauge.name == *name).map_or(Unit::Count, |gauge| gauge.unit)
            }
        }
    }
}

/// The unit of a signal that every plan has; a gauge's own is in the plan.
fn simple_unit(signal: &Signal) -> Unit {
    match signal {
        Signal::ErrorRatio => Unit::Ratio,
        Signal::Latency(_) | Signal::UnhealthyFor => Unit::Seconds,
        Signal::RequestRate => Unit::PerSecond,
        Signal::Gauge(_) => Unit::Count,
    }
}

/// The request counter and how errors are told.
#[derive(Debug, Clone)]
pub struct RequestsMetric {
    /// Counter's name.
    pub metric: String,
    /// Label that holds the status.
    pub status_label: String,
    /// Values of that label that are errors; `.` stands for any one character: `5..`.
    pub errors: String,
}

/// A gauge the plan defines.
#[derive(Debug, Clone)]
pub struct Gauge {
    /// Its name in checks and guardrails.
    pub name: Clean,
    /// Series to read.
    pub metric: String,
    /// Series to divide by, when the value is a ratio.
    pub divide_by: Option<String>,
    /// Whether the series is a counter whose rate is the value.
    pub rate: bool,
    /// Unit of the value.
    pub unit: Unit,
    /// How several instances make one value.
    pub combine: Combine,
}

/// How several instances' values make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// The largest: one bad instance is bad.
    Max,
    /// Their sum.
    Sum,
}

/// Intervals between reads.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Metrics of each instance.
    pub readings: Duration,
    /// The balancer's configured split.
    pub balancer: Duration,
    /// Health of both environments.
    pub health: Duration,
}

/// Who moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// A person presses `A`.
    Manual,
    /// The keeper, when every gate passes; never past a hold point.
    Automatic,
}

/// A split and how long to bake at it.
#[derive(Debug, Clone)]
pub struct Step {
    /// The candidate's share.
    pub split: Split,
    /// How long it must stay healthy.
    pub bake: Duration,
    /// Whether a person must move on from here; the bake is then a minimum. Never at 100 %, from where nothing goes on.
    pub hold: bool,
    /// Who must approve before traffic moves *to* this step.
    pub approval: Option<Clean>,
    /// What must hold before traffic moves *on from* this step, besides checks and guardrails; at 100 %, before it is
    /// complete.
    pub gates: Vec<StepGate>,
    /// What breaks when one goes back from here; automatic rollback ends at this step.
    pub point_of_no_return: Option<Clean>,
}

/// A limit that a reading must be under before the next step.
#[derive(Debug, Clone)]
pub struct StepGate {
    /// What is read.
    pub subject: Subject,
    /// It must be below this, in the signal's unit.
    pub below: f64,
}

/// A reading of one environment over one window, with a floor of requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// What is read.
    pub signal: Signal,
    /// Of which environment.
    pub role: Role,
    /// Over which window.
    pub window: Duration,
    /// With fewer requests than this in the window it is unknown.
    pub minimum_requests: u64,
}

/// One question asked before traffic moves.
#[derive(Debug, Clone)]
pub struct Check {
    /// What the screen calls it.
    pub name: Clean,
    /// Whether it must pass before traffic moves forward.
    pub required: bool,
    /// Time between two askings.
    pub interval: Duration,
    /// Limit of one asking.
    pub timeout: Duration,
    /// The question.
    pub kind: CheckKind,
}

/// The question a check asks.
#[derive(Debug, Clone)]
pub enum CheckKind {
    /// An HTTP request to an environment itself.
    Http(HttpCheck),
    /// A reading is below a limit.
    Reading {
        /// What is read.
        subject: Subject,
        /// The limit in the signal's unit.
        below: f64,
    },
    /// The balancer answers on every node, and holds what this run last set.
    Balancer,
}

/// An HTTP question.
#[derive(Debug, Clone)]
pub struct HttpCheck {
    /// Which environment.
    pub role: Role,
    /// Paths; every one must answer as expected.
    pub paths: Vec<String>,
    /// Statuses that are right.
    pub status: Vec<u16>,
    /// JSON pointers (RFC 6901) and the values they must have.
    pub json: Vec<(String, serde_json::Value)>,
    /// JSON pointer of the version, which must equal the environment's.
    pub version: Option<String>,
    /// Slowest answer that still passes.
    pub slower_than: Option<Duration>,
}

/// A limit on a live reading.
#[derive(Debug, Clone)]
pub struct Guardrail {
    /// What is read.
    pub subject: Subject,
    /// Above this: shown as a warning.
    pub warn: Option<f64>,
    /// Above this for `sustained`: the cutover holds.
    pub hold: Option<f64>,
    /// Above this for `sustained`: the cutover rolls back.
    pub roll_back: Option<f64>,
    /// How long a limit must be exceeded before it acts (`for` in the file).
    pub sustained: Duration,
    /// What no reading means.
    pub absent: OnAbsent,
}

impl Guardrail {
    /// The lowest limit that stops forward movement.
    pub fn forward_limit(&self) -> Option<f64> {
        self.hold.or(self.roll_back)
    }
}

/// What a missing reading does. It is unknown in every case, and locks forward wherever the limit does more than warn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAbsent {
    /// Shown; the cutover does not hold by itself.
    Warn,
    /// The cutover holds once the reading has been missing for the BLIND limit.
    Hold,
    /// The cutover rolls back once it has been missing for the BLIND limit and `for`.
    RollBack,
}

/// A program of the operator's own, run when a person asks and never otherwise.
#[derive(Debug, Clone)]
pub struct Hook {
    /// What `:run` takes: a word of 1 to 24 letters, digits, `-` and `_`.
    pub name: Clean,
    /// What it is for.
    pub says: Clean,
    /// What is run.
    pub script: Script,
    /// Index of the step that it must have passed before, where it must.
    pub required_before: Option<usize>,
    /// How old such a pass may be, 10 s to a day.
    pub fresh: Duration,
    /// How long the cutover must have been complete before it may run at all, where it must.
    pub only_after_complete: Option<Duration>,
    /// Whether a person is asked once more before it runs.
    pub asks: bool,
}

/// Placeholders of hooks.
pub const HOOK_PLACES: &[&str] =
    &["by", "candidate", "candidate_url", "name", "percent", "run", "stable", "stable_url", "target"];
/// Hooks in one plan: more than any procedure we know has, and all of them may run at once.
pub const HOOKS_MAX: usize = 12;

/// What a rollback means here.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// Whether guardrails may start one.
    pub automatic: bool,
    /// The candidate's own request rate that counts as none, in requests a second; `None` takes the
    /// rate that it had without a share, before the first step, plus a quarter and 1/s.
    pub floor: Option<f64>,
    /// What to do about requests that stay on the candidate.
    pub lever: Option<Lever>,
    /// Share of stable's slots that must be up for it to be ready (0.0–1.0).
    pub stable_ready: f64,
}

/// What moves pinned clients.
#[derive(Debug, Clone)]
pub struct Lever {
    /// In words.
    pub words: Clean,
    /// A command an operator may copy.
    pub command: Option<Clean>,
}

/// Who may come in and approve.
#[derive(Debug, Clone)]
pub struct Access {
    /// Unix group that may use the socket besides the owner.
    pub group: Option<String>,
    /// Whether an approver must be another user, not only another name.
    pub approver_is_another_user: bool,
}

impl Plan {
    /// `checkout @ prod-eu1`.
    pub fn title(&self) -> String {
        format!("{} @ {}", self.name, self.target)
    }

    /// Time between two looks at what stands around the balancer's weights: AWS refills ten calls a second for
    /// everybody in the account.
    pub fn survey_every(&self) -> Duration {
        self.poll.health.max(Duration::from_secs(2))
    }

    /// A value of a signal with its unit.
    pub fn quantity(&self, signal: &Signal, value: f64) -> Quantity {
        Quantity { value, unit: self.metrics.unit(signal) }
    }

    /// The longest window any limit asks for: how much history the engine keeps.
    pub fn longest_window(&self) -> Duration {
        let limits = self.guardrails.iter().map(|g| g.subject.window);
        let gates = self.steps.iter().flat_map(|s| s.gates.iter().map(|g| g.subject.window));
        let checks = self.checks.iter().filter_map(|check| match &check.kind {
            CheckKind::Reading { subject, .. } => Some(subject.window),
            CheckKind::Http(_) | CheckKind::Balancer => None,
        });
        limits.chain(gates).chain(checks).chain([self.metrics.window]).max().unwrap_or_default()
    }
}
