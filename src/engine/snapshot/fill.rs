//! What the engine knows, put into the snapshot's shape.

use super::{
    CheckView, ConfiguredView, DriftView, EnvironmentView, GuardrailView, HeldView, MeasuredView, NextView, PeopleView,
    ReadinessView, RollbackState, RollbackView, SCHEMA_VERSION, SignalView, Snapshot, SplitView, StepState, StepView,
};
use crate::domain::{Absence, Clean, Mono, PerRole, Role, Signal, Verdict};
use crate::engine::forward::Shift;
use crate::engine::{Engine, Health, Mode, Phase, share};
use crate::plan::{Advance, CheckKind, Guardrail, Subject};
use std::time::Duration;

/// Log lines sent with each snapshot.
const LOG_LINES_SENT: usize = 60;

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
            completion_waits: self.completion_waits(),
            guardrails: (0..self.watches.len()).map(|index| self.guardrail_view(index)).collect(),
            checks: (0..self.checks.len()).map(|index| self.check_view(index)).collect(),
            hooks: (0..self.hooks.len()).map(|index| self.hook_view(index)).collect(),
            signals: self.signal_views(),
            series_at: self.series.newest(),
            held: self.held_view(),
            drift: self.drift_view(),
            rollback: self.rollback_view(),
            complete: self.completed.map(|(_, wall)| (wall, self.watch_left())),
            suspended: self.suspension.as_ref().map(|s| (s.by.name.clone(), s.reason.clone(), s.until_wall)),
            no_return: self.past_no_return().cloned(),
            people: self.people_view(),
            rollback_target: self.readiness_view(),
            tempo: self.tempo,
            lateness: self.plan.traffic.lateness,
            balancer_at: self.balancer.at(),
            balancer_every: self.plan.poll.balancer,
            balancer_takes: self.balancer_takes(),
            feed_at: self.feed_at(),
            feed_every: self.plan.poll.readings,
            blind: self.is_blind(),
            failed_on_candidate: {
                let (failed, above) = self.failed_on_candidate();
                (failed.round() as u64, above.round() as u64)
            },
            failed_at_least: self.failed_at_least(),
            lever: self.plan.rollback.lever.as_ref().map(|lever| (lever.words.clone(), lever.command.clone())),
            violation: self.violation.clone(),
            journal_trouble: self.journal_trouble.clone(),
            log: self.log.iter().skip(self.log.len().saturating_sub(LOG_LINES_SENT)).cloned().collect(),
        }
    }

    fn held_view(&self) -> Option<HeldView> {
        self.held.as_ref().map(|held| HeldView {
            by: held.by.name.clone(),
            why: held.why.clone(),
            since: held.wall,
            automatic: held.automatic,
            resume_refused: self.resume_refused(),
        })
    }

    fn drift_view(&self) -> Option<DriftView> {
        self.drift.as_ref().map(|drift| DriftView {
            from: drift.from,
            to: drift.to,
            since: drift.since,
            since_wall: Some(drift.since_wall),
            own: drift.own,
            times: drift.times,
            nodes: self.drift_nodes(drift),
            is_being_undone: self.shift.as_ref().is_some_and(|shift| shift.step().is_none()),
            reassert_refused: Some(self.reassert_refused()),
            towards_stable: drift.is_towards_stable(),
            words: drift.words().as_str().into(),
        })
    }

    fn people_view(&self) -> PeopleView {
        PeopleView {
            driver: self.driver.clone(),
            driver_here: self.driver_is_here(),
            consoles: self.consoles.values().map(|c| (c.by.clone(), c.rights)).collect(),
            since: self.consoles.values().map(|c| c.since).collect(),
        }
    }

    fn environment_view(&self, role: Role) -> EnvironmentView {
        let plan = &self.plan.environments[role];
        let limits = self.freshness_of(&Signal::UnhealthyFor);
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
            up: self.targets_up(role).or_else(|| self.slots_up(role)),
            rate: self.own_rate(role),
            rate_is_mixed: self.rate_is_mixed(role),
            newest_rate: self.newest_rate(role),
        }
    }

    fn split_view(&self) -> SplitView {
        SplitView {
            wanted: self.wanted(),
            configured: self.balancer.configured.as_ref().map(|configured| ConfiguredView {
                share: configured.share,
                nodes: self.layout.nodes.iter().cloned().zip(configured.nodes.iter().copied()).collect(),
                even: configured.is_even(),
            }),
            last_known: self
                .balancer
                .seen
                .as_ref()
                .and_then(|(_, state)| share::configured(&self.layout, state))
                .map(|configured| configured.share),
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
            converged: self.converged_view(),
        }
    }

    fn step_views(&self) -> Vec<StepView> {
        let mut planned = Duration::ZERO;
        let going = self.shift.as_ref().and_then(Shift::step);
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
                    bake: step.bake,
                    approval: self.approval_of(index),
                    no_return: step.point_of_no_return.clone(),
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
            approval: self.approval_of(index),
        })
    }

    /// Whose approval a step needs, and who gave it.
    fn approval_of(&self, step: usize) -> Option<(Clean, Option<Clean>)> {
        let role = self.plan.steps[step].approval.clone()?;
        Some((role, self.approvals.get(&step).map(|by| by.name.clone())))
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
            limits: Clean::new(crate::plan::guardrail_words(&self.plan, plan)),
        }
    }

    fn check_view(&self, index: usize) -> CheckView {
        let plan = &self.plan.checks[index];
        let ((verdict, at), detail) = (self.check(index), self.check_words(index));
        let raw = match &plan.kind {
            CheckKind::Http(_) => self.checks[index].answer.as_ref().map(|(_, a)| a.raw.clone()).unwrap_or_default(),
            CheckKind::Reading { .. } | CheckKind::Balancer => detail.clone(),
        };
        let (verdict, detail, few) = self.as_shown(index, verdict, detail);
        CheckView {
            name: plan.name.clone(),
            verdict,
            detail,
            at,
            fresh_for: self.check_freshness(index).late,
            few,
            required: plan.required,
            of_balancer: matches!(plan.kind, CheckKind::Balancer),
            raw,
            asks: self.asks(index),
        }
    }

    /// A check's verdict and words beside what else is on the screen, and whether it rests on too few requests. As a gate
    /// it counts by itself; to the eye it must not say ok where the limit on the same reading cannot tell, nor where the
    /// balancer holds what is not wanted.
    fn as_shown(&self, index: usize, verdict: Verdict, detail: Clean) -> (Verdict, Clean, bool) {
        match &self.plan.checks[index].kind {
            CheckKind::Http(_) => (verdict, detail, false),
            CheckKind::Balancer => {
                let agrees = self.configured_agrees().0 != Some(false) && self.is_off().is_none();
                if verdict != Verdict::Pass || agrees {
                    return (verdict, detail, false);
                }
                let there = self.balancer.split().filter(|split| *split != self.wanted());
                let there = there.map_or_else(|| "half applied".to_owned(), |split| split.to_string());
                (Verdict::Warn, Clean::new(format!("{there}, want {}", self.wanted())), false)
            }
            CheckKind::Reading { subject, .. } => {
                let value = self.read(subject).value;
                if matches!(value, Err(Absence::TooFew { .. } | Absence::NoRequests)) {
                    return (verdict, detail, true);
                }
                let (Verdict::Pass, Ok(value)) = (verdict, value) else { return (verdict, detail, false) };
                let counts = |signal: &Signal| matches!(signal, Signal::ErrorRatio | Signal::Latency(_));
                let limits = self.plan.guardrails.iter().zip(&self.watches).enumerate();
                // Both are counted from the same requests.
                let of_same =
                    |limit: &Subject| limit.role == subject.role && counts(&limit.signal) && counts(&subject.signal);
                // On the way back the candidate has its own share no more, and at its end nobody is sent there.
                let is_left = self.phase() == Phase::RolledBack
                    || self.phase().is_back() && self.still_on_candidate() == Some(0.0);
                let few = limits
                    .filter(|(_, (plan, _))| of_same(&plan.subject))
                    .filter_map(|(limit, (_, watch))| match watch.reading.value {
                        Err(Absence::TooFew { have, need }) => {
                            Some((is_left && subject.role == Role::Candidate || self.is_idle(limit), have, need))
                        }
                        Ok(_) | Err(_) => None,
                    })
                    .max_by_key(|(_, _, need)| *need);
                match few {
                    Some((false, have, need)) => {
                        (Verdict::Unknown, Clean::new(format!("{have} of {need} requests")), true)
                    }
                    // Nobody is sent there: what was counted are health checks and our own questions.
                    Some((true, ..)) => {
                        let quantity = self.plan.quantity(&subject.signal, value);
                        (verdict, Clean::new(format!("{quantity} own checks")), false)
                    }
                    None => (verdict, detail, false),
                }
            }
        }
    }

    fn signal_views(&self) -> Vec<SignalView> {
        let mut views = Vec::with_capacity(4);
        for errors in [true, false] {
            for role in Role::BOTH {
                let subject = self.plan.charted(role, errors);
                let reading = self.read(&subject);
                let past = self.series.of(role, errors);
                let (limit, asked_below) = (self.limit_of(&subject), self.asked_below(&subject));
                let limit_holds =
                    limit.is_some() && self.charted_limit(&subject).is_some_and(|plan| plan.hold == limit);
                views.push(SignalView {
                    unit: self.plan.metrics.unit(&subject.signal),
                    signal: subject.signal,
                    role,
                    last_known: past.last_known(),
                    absence: reading.value.as_ref().err().cloned(),
                    value: reading.value.map_err(|absence| Clean::new(absence.to_string())),
                    at: reading.at,
                    requests: reading.requests,
                    window: subject.window,
                    limit,
                    limit_holds,
                    asked_below,
                    points: past.seconds.iter().copied().collect(),
                    hour: past.hour.iter().copied().collect(),
                    baseline: self.series.baseline(errors),
                });
            }
        }
        views
    }

    fn asked_below(&self, subject: &Subject) -> Option<f64> {
        let of_it = self.plan.checks.iter().filter(|check| check.required).filter_map(|check| match &check.kind {
            CheckKind::Reading { subject: of, below } if of.signal == subject.signal && of.role == subject.role => {
                Some(*below)
            }
            CheckKind::Reading { .. } | CheckKind::Http(_) | CheckKind::Balancer => None,
        });
        of_it.reduce(f64::min)
    }

    /// The candidate's limit is drawn on both environments' rows: they share one scale.
    pub(in crate::engine) fn limit_of(&self, subject: &Subject) -> Option<f64> {
        self.charted_limit(subject).and_then(drawn)
    }

    fn charted_limit(&self, subject: &Subject) -> Option<&Guardrail> {
        let of = |role: Role| {
            let mut each = self.plan.guardrails.iter();
            each.find(|g| g.subject.signal == subject.signal && g.subject.role == role && drawn(g).is_some())
        };
        of(subject.role).or_else(|| of(Role::Candidate))
    }

    fn rollback_view(&self) -> Option<RollbackView> {
        let rollback = self.rollback.as_ref()?;
        let took = |at: Option<Mono>| at.map(|at| rollback.after(at));
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
            accepted_mono: rollback.accepted.minus(rollback.before),
            acknowledged: took(rollback.acknowledged),
            read_back: took(rollback.read_back),
            confirmed: took(rollback.confirmed),
            rolled_back: took(rollback.rolled_back),
            attempts: rollback.attempts,
            last_error: rollback.last_error.clone(),
            foreign: rollback.foreign.as_ref().map(|(_, setting)| setting.to_string().as_str().into()),
            ahead_of_journal: rollback.ahead_of_journal,
            is_unread: self.back_is_unread(),
        })
    }

    fn readiness_view(&self) -> ReadinessView {
        let ready = self.stable_is_ready();
        let stable = self.environment(Role::Stable);
        let slots = || self.slots_up(Role::Stable).map_or_else(String::new, |(up, all)| format!(" {up}/{all} up"));
        let up = self.targets_words().unwrap_or_else(slots);
        let health = match &self.health[Role::Stable].last {
            Some((_, Health::Healthy)) => "healthy".to_owned(),
            Some((_, Health::Failing(why) | Health::Unknown(why))) => why.to_string(),
            None => "health not asked yet".to_owned(),
        };
        ReadinessView {
            ready,
            words: format!("{stable} {health}{up}").as_str().into(),
            needs_typing: ready == Some(false) || self.past_no_return().is_some(),
            is_idle: self.mode == Mode::Drive && self.rollback.is_none() && self.nothing_to_roll_back(),
        }
    }
}

/// The value that stops forward movement, else the one that only warns.
fn drawn(limit: &Guardrail) -> Option<f64> {
    limit.forward_limit().or(limit.warn)
}
