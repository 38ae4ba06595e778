//! Everything that is shown, as of one event. The screen, `status --json` and `watch --plain` read only this.

mod asks;
mod fill;

use super::guardrail::Level;
use super::{Entry, Gate, HookView, Phase, Severity};
use crate::domain::{
    Absence, Clean, Mono, PerRole, Person, Quantity, Rights, Role, Signal, Split, Unit, Verdict, Wall,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Version of this shape. Fields are only added within one version.
pub const SCHEMA_VERSION: u32 = 1;

/// A cutover as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// When it was taken, for ages.
    pub mono: Mono,
    /// When it was taken, for people.
    pub wall: Wall,
    /// What an advance is bound to.
    pub generation: u64,
    /// The service's name: what is typed to confirm the dangerous.
    pub name: Clean,
    /// `checkout @ prod-eu1`.
    pub title: Clean,
    /// Where it stands.
    pub phase: Phase,
    /// The one sentence.
    pub band: Band,
    /// The two environments.
    pub environments: PerRole<EnvironmentView>,
    /// Who gets how much.
    pub split: SplitView,
    /// The plan's steps.
    pub steps: Vec<StepView>,
    /// How long the present step has been healthy, and how long it must be.
    pub bake: Option<(Duration, Duration)>,
    /// The next step.
    pub next: Option<NextView>,
    /// What must hold before it.
    pub gates: Vec<Gate>,
    /// What COMPLETE waits for besides its bake, once everything is on the candidate; empty from an older keeper.
    #[serde(default)]
    pub completion_waits: Vec<Gate>,
    /// The limits.
    pub guardrails: Vec<GuardrailView>,
    /// The questions.
    pub checks: Vec<CheckView>,
    /// The operator's own programs; empty from an older keeper.
    #[serde(default)]
    pub hooks: Vec<HookView>,
    /// Four rows: errors and latency, each stable then candidate.
    pub signals: Vec<SignalView>,
    /// The second of the newest point of every row; `None` before the first, and from an older keeper.
    #[serde(default)]
    pub series_at: Option<Mono>,
    /// Why forward movement is stopped.
    pub held: Option<HeldView>,
    /// What the balancer holds that this run did not set.
    pub drift: Option<DriftView>,
    /// The rollback, once accepted.
    pub rollback: Option<RollbackView>,
    /// When 100 % was baked, and how much of the watch is left.
    pub complete: Option<(Wall, Duration)>,
    /// Automatic rollback off: by whom, why, until when.
    pub suspended: Option<(Clean, Clean, Wall)>,
    /// What breaks when one goes back from here.
    pub no_return: Option<Clean>,
    /// Who is here.
    pub people: PeopleView,
    /// Whether stable could take the traffic back; `target` on the wire, where names never change.
    #[serde(rename = "target")]
    pub rollback_target: ReadinessView,
    /// How long a rollback takes, as measured.
    pub tempo: Tempo,
    /// How long reads must agree before a rollback counts as confirmed, from the plan.
    #[serde(default)]
    pub lateness: Duration,
    /// When every node of the balancer last answered.
    pub balancer_at: Option<Mono>,
    /// Interval of those reads.
    pub balancer_every: Duration,
    /// How long the newest of them took, at most as long as one may: the next is later by that. Zero from an older keeper.
    #[serde(default)]
    pub balancer_takes: Duration,
    /// When both environments' metrics were last read.
    pub feed_at: Option<Mono>,
    /// Interval of those reads.
    pub feed_every: Duration,
    /// Whether there is no fresh reading of the candidate.
    pub blind: bool,
    /// Errors answered by the candidate since the run began, and how many of them stable would not have made.
    pub failed_on_candidate: (u64, u64),
    /// Whether there may be more: the candidate's counters went down, were missing, or cannot be read now.
    #[serde(default)]
    pub failed_at_least: bool,
    /// What clients that stay on the candidate need, from the plan.
    pub lever: Option<(Clean, Option<Clean>)>,
    /// Something this program got wrong.
    pub violation: Option<Clean>,
    /// Why the journal cannot be written.
    pub journal_trouble: Option<Clean>,
    /// The newest lines, oldest first.
    #[serde(deserialize_with = "super::effect::told")]
    pub log: Vec<Entry>,
}

impl Snapshot {
    /// Whether the run is over, so that a new one may begin: it came back, or was completed and watched, or was ended.
    pub fn is_over(&self) -> bool {
        match self.phase {
            Phase::RolledBack | Phase::Ended => true,
            Phase::Complete => self.complete.is_some_and(|(_, left)| left.is_zero()),
            Phase::Preflight
            | Phase::Ready
            | Phase::Shifting
            | Phase::Baking
            | Phase::Held
            | Phase::RollingBack
            | Phase::NewTrafficBack
            | Phase::Observing => false,
        }
    }
}

/// The band: state, why, since when, what next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// How it is drawn.
    pub severity: Severity,
    /// `RUNNING`, `HOLDING`, …
    pub word: Clean,
    /// The rest of the sentence, most important first.
    pub text: Clean,
    /// The same in parts, in the order in which they are read: a narrow screen leaves out whole parts.
    #[serde(default)]
    pub parts: Vec<BandPart>,
}

/// One part of the band's sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandPart {
    /// In full.
    pub words: Clean,
    /// In fewer words, for when there is no room.
    pub short: Option<Clean>,
    /// What has the highest is left out first; 0 always stays.
    pub rank: u8,
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentView {
    /// `GREEN`.
    pub chip: Clean,
    /// `v2.1.0`.
    pub label: Clean,
    /// Its health in a word or two; `None` before the first answer.
    pub health: Option<(Verdict, Clean)>,
    /// Servers up, of how many, where the balancer tells.
    pub up: Option<(usize, usize)>,
    /// Its own request rate, over five scrapes.
    pub rate: Option<f64>,
    /// Whether that still has requests of before the split last changed in it; false from an older keeper.
    #[serde(default)]
    pub rate_is_mixed: bool,
    /// The same between the newest two: what it is asked for now. `None` from an older keeper too.
    #[serde(default)]
    pub newest_rate: Option<f64>,
}

/// The three splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitView {
    /// What the plan's current step asks, or the rollback does.
    pub wanted: Split,
    /// What the balancer said when it was last read.
    pub configured: Option<ConfiguredView>,
    /// The candidate's share of the newest whole read (0.0–1.0), however old: `balancer_at` tells its age.
    #[serde(default)]
    pub last_known: Option<f64>,
    /// What sampling shows.
    pub measured: Option<MeasuredView>,
    /// Requests a second still on the candidate beyond its floor after new ones went back, between the newest two
    /// scrapes; 0 when it has no more than its floor.
    pub still_on_candidate: Option<f64>,
    /// Whether the three agree; `None` from a keeper that wants nothing, and from an older one.
    #[serde(default)]
    pub converged: Option<ConvergedView>,
}

/// Whether what is wanted is configured on every node, and what is configured is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvergedView {
    /// `None` when nobody knows.
    pub converged: Option<bool>,
    /// `converged`, or what has not: `measured 3.1% (1.9-4.8) not yet 5%`.
    pub words: Clean,
}

/// The balancer's split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfiguredView {
    /// The candidate's share on the node where it is largest (0.0–1.0).
    pub share: f64,
    /// Each node's share.
    pub nodes: Vec<(Clean, Option<f64>)>,
    /// Whether all nodes hold the same.
    pub even: bool,
}

/// The sampled split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredView {
    /// The candidate's share of requests sent (0.0–1.0).
    pub value: f64,
    /// Wilson interval at 95 %.
    pub low: f64,
    /// Wilson interval at 95 %.
    pub high: f64,
    /// When the newest of them was sent.
    pub newest: Mono,
    /// Requests sent.
    pub requests: u32,
    /// Of which failed.
    pub failed: u32,
    /// Of which were answered by somebody the plan does not name.
    pub unknown: u32,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Passed.
    Done,
    /// Here.
    Now,
    /// On its way there.
    Going,
    /// To come.
    ToCome,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// Its split.
    pub split: Split,
    /// How far it is.
    pub state: StepState,
    /// When it was reached.
    pub reached: Option<Wall>,
    /// When the plan's own times would reach it, after the first forward step.
    pub planned: Duration,
    /// Whether a person must move on from it.
    pub hold: bool,
    /// How long it must stay healthy.
    #[serde(default)]
    pub bake: Duration,
    /// Whose approval it needs, and who gave it.
    #[serde(default)]
    pub approval: Option<(Clean, Option<Clean>)>,
    /// What breaks when one goes back from here.
    #[serde(default)]
    pub no_return: Option<Clean>,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextView {
    /// Its split.
    pub split: Split,
    /// Whether the keeper goes there by itself.
    pub automatic: bool,
    /// Whose approval it needs, and who gave it.
    pub approval: Option<(Clean, Option<Clean>)>,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardrailView {
    /// `5xx CANDIDATE GREEN 6.20% > 5.00% for 30s`.
    pub words: Clean,
    /// What is read.
    pub signal: Signal,
    /// Of which environment.
    pub role: Role,
    /// What it asks for.
    pub level: Level,
    /// As a gate.
    pub verdict: Verdict,
    /// The reading's value.
    pub value: Option<f64>,
    /// When it was read.
    pub at: Mono,
    /// What the plan says of it.
    #[serde(default)]
    pub limits: Clean,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    /// Its name.
    pub name: Clean,
    /// Its verdict as of now: unknown once the answer is old.
    pub verdict: Verdict,
    /// What the panel shows.
    pub detail: Clean,
    /// When it was answered; `None` when never.
    pub at: Option<Mono>,
    /// How old its answer may be for going forward on it; zero from an older keeper.
    #[serde(default)]
    pub fresh_for: Duration,
    /// Whether it is unknown only because too few requests came.
    #[serde(default)]
    pub few: bool,
    /// Whether it gates forward movement.
    pub required: bool,
    /// Whether it is the one that asks of the balancer itself; false from an older keeper.
    #[serde(default)]
    pub of_balancer: bool,
    /// What was received.
    pub raw: Clean,
    /// What it asks, of whom and how often, and what the answer must be.
    #[serde(default)]
    pub asks: Clean,
}

/// One chart row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalView {
    /// What it is of.
    pub signal: Signal,
    /// Of which environment.
    pub role: Role,
    /// Its unit.
    pub unit: Unit,
    /// The newest value, or why there is none.
    pub value: Result<f64, Clean>,
    /// Why there is none, by its kind.
    #[serde(default)]
    pub absence: Option<Absence>,
    /// The newest value that was known, when there is none now.
    pub last_known: Option<f64>,
    /// When it was read.
    pub at: Mono,
    /// Requests it rests on.
    pub requests: Option<u64>,
    /// The time in which those were answered; zero from an older keeper.
    #[serde(default)]
    pub window: Duration,
    /// The limit that stops forward movement.
    pub limit: Option<f64>,
    /// Whether the keeper holds over it by itself; `false` where it rolls back or only warns, and from an older keeper.
    #[serde(default)]
    pub limit_holds: bool,
    /// What the strictest required check of the same reading asks it to stay below; none from an older keeper.
    #[serde(default)]
    pub asked_below: Option<f64>,
    /// One point a second, newest last; `None` is a gap.
    pub points: Vec<Option<f32>>,
    /// The worst of each [`HOUR_POINT_SECONDS`](super::HOUR_POINT_SECONDS), newest and begun last; `None` where all
    /// of it is a gap. Empty from an older keeper.
    #[serde(default)]
    pub hour: Vec<Option<f32>>,
    /// What was usual on stable before the first forward step, in the row's unit; the same on both roles' rows.
    #[serde(default)]
    pub baseline: Option<f64>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldView {
    /// Who holds.
    pub by: Clean,
    /// Why.
    pub why: Clean,
    /// Since when.
    pub since: Wall,
    /// Whether the keeper did it.
    pub automatic: bool,
    /// Why it cannot be left now; empty when a resume would be taken.
    pub resume_refused: Vec<Clean>,
}

/// A drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftView {
    /// What this run last set.
    pub from: Split,
    /// What is there.
    pub to: Split,
    /// Since when, as an age base.
    pub since: Mono,
    /// Since when, for people: when it was first read.
    #[serde(default)]
    pub since_wall: Option<Wall>,
    /// Whether it is made of this run's own settings: a late or half-applied write, or a reload.
    #[serde(default)]
    pub own: bool,
    /// Which change of this kind it is since the last step or adoption; above one, a re-assert was undone.
    #[serde(default)]
    pub times: u32,
    /// The nodes that differ, each with its candidate share wanted and there (0.0–1.0); `None` serves nobody.
    #[serde(default)]
    pub nodes: Vec<(Clean, Option<f64>, Option<f64>)>,
    /// Whether what this run last set is being set again.
    #[serde(default)]
    pub is_being_undone: bool,
    /// Why what this run last set cannot be set again now; empty when it can, `None` from an older keeper.
    #[serde(default)]
    pub reassert_refused: Option<Vec<Clean>>,
    /// Whether it goes towards stable.
    pub towards_stable: bool,
    /// In words.
    pub words: Clean,
}

/// How far a rollback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackState {
    /// Accepted, and on its way.
    Sending,
    /// The balancer said yes.
    Acknowledged,
    /// Read back, and being confirmed.
    ReadBack,
    /// Agreeing reads over the lateness window.
    Confirmed,
    /// And the candidate has no requests left.
    RolledBack,
    /// Somebody else set something: waiting for a person.
    Foreign,
}

/// A rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollbackView {
    /// How far it is.
    pub state: RollbackState,
    /// Who.
    pub by: Clean,
    /// Why.
    pub reason: Clean,
    /// Whether a guardrail did it.
    pub automatic: bool,
    /// The candidate's share when it began.
    pub from: Option<Split>,
    /// When it was accepted.
    pub accepted: Wall,
    /// When it was accepted, for ages.
    pub accepted_mono: Mono,
    /// Time from acceptance to the balancer's yes.
    pub acknowledged: Option<Duration>,
    /// Time from acceptance to the first agreeing read.
    pub read_back: Option<Duration>,
    /// Time from acceptance to the end of the lateness window.
    pub confirmed: Option<Duration>,
    /// Time from acceptance to the candidate's floor.
    pub rolled_back: Option<Duration>,
    /// Attempts so far.
    pub attempts: u32,
    /// Why the newest attempt failed.
    pub last_error: Option<Clean>,
    /// What somebody else set.
    pub foreign: Option<Clean>,
    /// Whether it went out before its record was on disk.
    pub ahead_of_journal: bool,
    /// Whether it was read back, and nobody can read whether it still is: asked for again, it is sent again.
    #[serde(default)]
    pub is_unread: bool,
}

/// Who is here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeopleView {
    /// Who drives.
    pub driver: Option<Person>,
    /// Whether one of the driver's consoles is here.
    pub driver_here: bool,
    /// Everybody here, with what they may do.
    pub consoles: Vec<(Person, Rights)>,
    /// Since when each of them is here, in their order; empty from an older keeper.
    #[serde(default)]
    pub since: Vec<Wall>,
}

impl PeopleView {
    /// Whether somebody is the one who drives.
    pub fn is_driver(&self, person: &Person) -> bool {
        self.driver.as_ref().is_some_and(|driver| driver.is(person))
    }
}

/// Whether stable could take the traffic back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadinessView {
    /// `None` when nobody knows.
    pub ready: Option<bool>,
    /// In words: `BLUE v2.0.5, 24/24 up`.
    pub words: Clean,
    /// Whether `y` is not enough and the service's name must be typed.
    pub needs_typing: bool,
    /// Whether a rollback would do nothing: no traffic was given to the candidate yet.
    #[serde(default)]
    pub is_idle: bool,
}

/// What writes took in this run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tempo {
    /// From sending to the balancer's yes.
    pub to_balancer: Option<Duration>,
    /// From sending to the read-back.
    pub read_back: Option<Duration>,
    /// From acceptance of a rollback to its confirmation.
    pub confirmed: Option<Duration>,
    /// From sending until sampled requests followed.
    #[serde(default)]
    pub measured: Option<Duration>,
}

/// Requests that follow within this of the read-back are not said to follow later: so long the sampler itself takes.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(1);

impl Tempo {
    /// How long requests took to follow, where that was longer than the balancer's own word.
    pub fn follows_later(&self) -> Option<Duration> {
        let there = self.read_back.max(self.to_balancer).unwrap_or_default();
        self.measured.filter(|measured| *measured > there + FOLLOWS_WITHIN)
    }
}

impl SignalView {
    /// A value of this row with its unit.
    pub fn quantity(&self, value: f64) -> Quantity {
        Quantity { value, unit: self.unit }
    }
}
