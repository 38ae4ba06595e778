//! Everything that is shown, as of one event. The screen, `status --json` and `watch --plain` read only this.

use super::guardrail::Level;
use super::window::Freshness;
use super::{Engine, Entry, Gate, Health, Phase, Severity};
use crate::domain::{Clean, Mono, PerRole, Person, Quantity, Rights, Role, Signal, Split, Unit, Verdict, Wall};
use crate::plan::{Advance, CheckKind, Subject};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Version of this shape. Fields are only added within one version.
pub const SCHEMA_VERSION: u32 = 1;
/// Points of each chart, one a second.
pub const SERIES_POINTS: usize = 300;
/// Log lines sent with each snapshot.
const LOG_LINES_SENT: usize = 60;

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
    /// The limits.
    pub guardrails: Vec<GuardrailView>,
    /// The questions.
    pub checks: Vec<CheckView>,
    /// Four rows: errors and latency, each stable then candidate.
    pub signals: Vec<SignalView>,
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
    /// Whether stable could take the traffic back.
    pub target: ReadinessView,
    /// How long a rollback takes, as measured.
    pub tempo: Tempo,
    /// When every node of the balancer last answered.
    pub balancer_at: Option<Mono>,
    /// Interval of those reads.
    pub balancer_every: Duration,
    /// When both environments' metrics were last read.
    pub feed_at: Option<Mono>,
    /// Interval of those reads.
    pub feed_every: Duration,
    /// Whether there is no fresh reading of the candidate.
    pub blind: bool,
    /// Errors answered by the candidate since the run began, and how many of them stable would not have made.
    pub failed_on_candidate: (u64, u64),
    /// What clients that stay on the candidate need, from the plan.
    pub lever: Option<(Clean, Option<Clean>)>,
    /// Something this program got wrong.
    pub violation: Option<Clean>,
    /// Why the journal cannot be written.
    pub journal_trouble: Option<Clean>,
    /// The newest lines, oldest first.
    pub log: Vec<Entry>,
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
    /// Its own request rate.
    pub rate: Option<f64>,
}

/// The three splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitView {
    /// What the plan's current step asks, or the rollback does.
    pub wanted: Split,
    /// What the balancer said when it was last read.
    pub configured: Option<ConfiguredView>,
    /// What sampling shows.
    pub measured: Option<MeasuredView>,
    /// Requests a second still on the candidate after new ones went back.
    pub still_on_candidate: Option<f64>,
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
    /// Whether it gates forward movement.
    pub required: bool,
    /// What was received.
    pub raw: Clean,
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
    /// The newest value that was known, when there is none now.
    pub last_known: Option<f64>,
    /// When it was read.
    pub at: Mono,
    /// Requests it rests on.
    pub requests: Option<u64>,
    /// The limit that stops forward movement.
    pub limit: Option<f64>,
    /// One point a second, newest last; `None` is a gap.
    pub points: Vec<Option<f32>>,
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
}

impl Engine {
    /// Everything that is shown, as of the last event.
    pub fn snapshot(&self) -> Snapshot {
        let gates = self.gates();
        Snapshot {
            schema: SCHEMA_VERSION,
            mono: self.now,
            wall: self.wall,
            generation: self.generation,
            name: self.plan.name.clone(),
            title: self.plan.title().as_str().into(),
            phase: self.phase(),
            band: self.band(&gates),
            environments: PerRole::from_fn(|role| self.environment_view(role)),
            split: self.split_view(),
            steps: self.step_views(),
            bake: self
                .position
                .map(|step| (self.bake.healthy.min(self.plan.steps[step].bake), self.plan.steps[step].bake)),
            next: self.next_view(),
            gates,
            guardrails: (0..self.watches.len()).map(|index| self.guardrail_view(index)).collect(),
            checks: (0..self.checks.len()).map(|index| self.check_view(index)).collect(),
            signals: self.signal_views(),
            held: self.held.as_ref().map(|held| HeldView {
                by: held.by.name.clone(),
                why: held.why.clone(),
                since: held.wall,
                automatic: held.automatic,
                resume_refused: self.resume_refused(),
            }),
            drift: self.drift.as_ref().map(|drift| DriftView {
                from: drift.from,
                to: drift.to,
                since: drift.since,
                towards_stable: drift.is_towards_stable(),
                words: drift.words().as_str().into(),
            }),
            rollback: self.rollback_view(),
            complete: self
                .completed
                .map(|(_, wall)| (wall, self.watch_until.map_or(Duration::ZERO, |until| until.since(self.now)))),
            suspended: self.suspension.as_ref().map(|s| (s.by.name.clone(), s.reason.clone(), s.until_wall)),
            no_return: self.past_no_return().cloned(),
            people: PeopleView {
                driver: self.driver.clone(),
                driver_here: self.driver_is_here(),
                consoles: self.consoles.values().map(|c| (c.by.clone(), c.rights)).collect(),
            },
            target: self.readiness_view(),
            tempo: self.tempo,
            balancer_at: self.balancer.at(),
            balancer_every: self.plan.poll.balancer,
            feed_at: self.feed_at(),
            feed_every: self.plan.poll.readings,
            blind: self.is_blind(),
            failed_on_candidate: {
                let (failed, above) = self.failed_on_candidate();
                (failed.round() as u64, above.round() as u64)
            },
            lever: self.plan.rollback.lever.as_ref().map(|lever| (lever.words.clone(), lever.command.clone())),
            violation: self.violation.clone(),
            journal_trouble: self.journal_trouble.clone(),
            log: self.log.iter().skip(self.log.len().saturating_sub(LOG_LINES_SENT)).cloned().collect(),
        }
    }

    fn environment_view(&self, role: Role) -> EnvironmentView {
        let plan = &self.plan.environments[role];
        let limits = Freshness::of(self.plan.poll.health);
        let health = self.health[role].last.as_ref().map(|(at, health)| {
            if self.now.since(*at) > limits.stale {
                return (Verdict::Unknown, Clean::new("no answer lately"));
            }
            match health {
                Health::Healthy => (Verdict::Pass, Clean::new("healthy")),
                Health::Failing(why) => (Verdict::Fail, why.clone()),
                Health::Unknown(why) => (Verdict::Unknown, why.clone()),
            }
        });
        EnvironmentView {
            chip: plan.chip().as_str().into(),
            label: plan.label.clone(),
            health,
            up: self.slots_up(role),
            rate: self.own_rate(role),
        }
    }

    fn split_view(&self) -> SplitView {
        let wanted = match (&self.rollback, &self.shift) {
            (Some(_), _) => Split::ALL_STABLE,
            (None, Some(shift)) => self.plan.steps[shift.step].split,
            (None, None) => self.current,
        };
        SplitView {
            wanted,
            configured: self.balancer.configured.as_ref().map(|configured| ConfiguredView {
                share: configured.share,
                nodes: self.layout.nodes.iter().cloned().zip(configured.nodes.iter().copied()).collect(),
                even: configured.is_even(),
            }),
            measured: self.measured().map(|(value, low, high, samples)| MeasuredView {
                value,
                low,
                high,
                newest: self.sampling.newest().unwrap_or(self.now),
                requests: samples.sent(),
                failed: samples.failed,
                unknown: samples.unknown,
            }),
            still_on_candidate: self.still_on_candidate(),
        }
    }

    fn step_views(&self) -> Vec<StepView> {
        let mut planned = Duration::ZERO;
        let going = self.shift.as_ref().map(|shift| shift.step);
        self.plan
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let state = if going == Some(index) {
                    StepState::Going
                } else if self.position == Some(index) {
                    StepState::Now
                } else if self.position.is_some_and(|position| index < position) {
                    StepState::Done
                } else {
                    StepState::ToCome
                };
                let view = StepView {
                    split: step.split,
                    state,
                    reached: self.reached[index].map(|(_, wall)| wall),
                    planned,
                    hold: step.hold,
                };
                planned += step.bake;
                view
            })
            .collect()
    }

    fn next_view(&self) -> Option<NextView> {
        let index = self.next_step().filter(|_| self.rollback.is_none())?;
        let step = &self.plan.steps[index];
        let holds_here = self.position.is_some_and(|position| self.plan.steps[position].hold);
        Some(NextView {
            split: step.split,
            automatic: self.plan.advance == Advance::Automatic && self.position.is_some() && !holds_here,
            approval: step.approval.clone().map(|role| (role, self.approvals.get(&index).map(|by| by.name.clone()))),
        })
    }

    fn guardrail_view(&self, index: usize) -> GuardrailView {
        let (plan, watch) = (&self.plan.guardrails[index], &self.watches[index]);
        GuardrailView {
            words: self.guardrail_words(index).as_str().into(),
            signal: plan.subject.signal.clone(),
            role: plan.subject.role,
            level: watch.level,
            verdict: watch.verdict(plan),
            value: watch.reading.value.as_ref().ok().copied(),
            at: watch.reading.at,
        }
    }

    fn check_view(&self, index: usize) -> CheckView {
        let plan = &self.plan.checks[index];
        let ((verdict, at), detail) = (self.check(index), self.check_words(index));
        let raw = match &plan.kind {
            CheckKind::Http(_) => self.checks[index].answer.as_ref().map(|(_, a)| a.raw.clone()).unwrap_or_default(),
            CheckKind::Reading { .. } | CheckKind::Balancer => detail.clone(),
        };
        CheckView { name: plan.name.clone(), verdict, detail, at, required: plan.required, raw }
    }

    fn signal_views(&self) -> Vec<SignalView> {
        let mut views = Vec::with_capacity(4);
        for errors in [true, false] {
            for role in Role::BOTH {
                let subject = self.plan.charted(role, errors);
                let reading = self.read(&subject);
                let points = if errors { &self.series.errors[role] } else { &self.series.latency[role] };
                let limit = self.limit_of(&subject);
                views.push(SignalView {
                    unit: self.plan.metrics.unit(&subject.signal),
                    signal: subject.signal,
                    role,
                    last_known: points.iter().rev().find_map(|point| point.map(f64::from)),
                    value: reading.value.map_err(|absence| Clean::new(absence.to_string())),
                    at: reading.at,
                    requests: reading.requests,
                    limit,
                    points: points.iter().copied().collect(),
                });
            }
        }
        views
    }

    /// The candidate's limit is drawn on both environments' rows: they share one scale.
    fn limit_of(&self, subject: &Subject) -> Option<f64> {
        let of = |role: Role| {
            self.plan
                .guardrails
                .iter()
                .find(|g| g.subject.signal == subject.signal && g.subject.role == role)
                .and_then(|g| g.forward_limit().or(g.warn))
        };
        of(subject.role).or_else(|| of(Role::Candidate))
    }

    fn rollback_view(&self) -> Option<RollbackView> {
        let rollback = self.rollback.as_ref()?;
        let took = |at: Option<Mono>| at.map(|at| at.since(rollback.accepted));
        let state = if rollback.foreign.is_some() {
            RollbackState::Foreign
        } else if rollback.rolled_back.is_some() {
            RollbackState::RolledBack
        } else if rollback.confirmed.is_some() {
            RollbackState::Confirmed
        } else if rollback.read_back.is_some() {
            RollbackState::ReadBack
        } else if rollback.acknowledged.is_some() {
            RollbackState::Acknowledged
        } else {
            RollbackState::Sending
        };
        Some(RollbackView {
            state,
            by: rollback.by.name.clone(),
            reason: rollback.reason.clone(),
            automatic: rollback.automatic,
            from: rollback.from,
            accepted: rollback.accepted_wall,
            accepted_mono: rollback.accepted,
            acknowledged: took(rollback.acknowledged),
            read_back: took(rollback.read_back),
            confirmed: took(rollback.confirmed),
            rolled_back: took(rollback.rolled_back),
            attempts: rollback.attempts,
            last_error: rollback.last_error.clone(),
            foreign: rollback.foreign.as_ref().map(|(_, setting)| setting.to_string().as_str().into()),
            ahead_of_journal: rollback.ahead_of_journal,
        })
    }

    fn readiness_view(&self) -> ReadinessView {
        let ready = self.stable_is_ready();
        let stable = self.environment(Role::Stable);
        let up = self.slots_up(Role::Stable).map_or_else(String::new, |(up, all)| format!(" {up}/{all} up"));
        let health = match &self.health[Role::Stable].last {
            Some((_, Health::Healthy)) => "healthy".to_owned(),
            Some((_, Health::Failing(why) | Health::Unknown(why))) => why.to_string(),
            None => "health not asked yet".to_owned(),
        };
        ReadinessView {
            ready,
            words: format!("{stable} {health}{up}").as_str().into(),
            needs_typing: ready == Some(false) || self.past_no_return().is_some(),
        }
    }
}

impl SignalView {
    /// A value of this row with its unit.
    pub fn quantity(&self, value: f64) -> Quantity {
        Quantity { value, unit: self.unit }
    }
}
