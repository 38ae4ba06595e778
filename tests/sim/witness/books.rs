//! What the witness writes down of each event and each line.

use super::{Back, Loose, Read, Row, Rule, Truth, Witness, row};
use std::time::Duration;
use warroom::domain::{Absence, BalancerState, EffectId, Mono, Readiness, Rights, Role, Setting, Split};
use warroom::engine::{Command, Entry, Event, Fact, Health, OutcomeKind, WriteResult};

impl Witness<'_> {
    pub(super) fn heard(&mut self, event: &Event) {
        match event {
            Event::Commanded(request) => {
                let may = request.rights == Rights::Full;
                self.overrides = matches!(request.command, Command::Advance { over: Some(_), .. });
                self.untyped = matches!(request.command, Command::Rollback { typed: None, .. } | Command::Complete);
                self.asked = may && matches!(request.command, Command::SendAgain | Command::Adopt);
            }
            Event::ConsoleCame { console, by, rights } => self.consoles.push((*console, by.clone(), *rights)),
            Event::ConsoleWent { console } => self.consoles.retain(|(number, ..)| number != console),
            Event::Ended(outcome) => match &outcome.result {
                OutcomeKind::Journaled(result) => self.settled(outcome.id, result.is_ok()),
                OutcomeKind::Written(result) => self.written(outcome.id, result),
                OutcomeKind::Rehearsed(result) => self.rehearsed(outcome.id, result),
                OutcomeKind::HookEnded { .. } => self.ended_hook = Some(outcome.id),
                OutcomeKind::Read { started, state } => self.was_read(*started, state),
            },
            Event::Scraped { role, instance, scrape: Ok(scrape) } => self.scraped(*role, *instance, scrape),
            Event::Scraped { role, instance, scrape: Err(Absence::Refused(_)) } => {
                let now = self.now;
                self.feeds[*role].refused(*instance, now);
            }
            Event::HealthSeen { role: Role::Stable, health } => {
                self.failures = match health {
                    Health::Healthy => 0,
                    Health::Failing(_) => self.failures + 1,
                    Health::Unknown(_) => 0,
                };
                self.was_down = self.failures >= 3 || self.was_down && *health != Health::Healthy;
                self.health = Some((self.now, health.clone()));
            }
            Event::HealthSeen { role: Role::Candidate, health } => self.candidate_answered(health),
            Event::CheckAnswered { check, answer } => self.checks[*check] = Some((self.now, answer.verdict)),
            Event::Surveyed(survey) => self.surveyed(survey),
            Event::TombstoneFound { .. } => self.found_tombstone = true,
            Event::Scraped { .. }
            | Event::HookPrinted { .. }
            | Event::Sampled(_)
            | Event::SourceLost { .. }
            | Event::ToldToEnd { .. }
            | Event::Woke
            | Event::ClockJumped { .. } => {}
        }
    }

    fn settled(&mut self, id: EffectId, written: bool) {
        let Some((number, fact)) = self.records.remove(&id) else { return };
        if let (Fact::RollbackAccepted { .. }, Some(back)) = (&fact, &mut self.back) {
            back.is_recorded = true;
        }
        if !written {
            if fact != Fact::Line {
                self.refused.push(number);
            }
            return;
        }
        self.refused.retain(|refused| *refused != number);
        if let Fact::HookStarted { hook } = &fact {
            self.hook_recorded(hook);
        }
        if let Fact::Intent { step, setting, .. } = fact {
            self.intent = Some((step, row(&setting)));
        } else if let Fact::Reasserting { setting, over, .. } = fact
            && self.reasserts
        {
            self.reassert = Some((row(&setting), row(&over)));
        }
    }

    fn written(&mut self, id: EffectId, result: &WriteResult) {
        let gone = matches!(result, WriteResult::Refused(_) | WriteResult::NotSent(_));
        self.loose.retain(|loose| loose.id != id || !gone);
        for loose in self.loose.iter_mut().filter(|loose| loose.id == id) {
            loose.answered = Some(self.now);
        }
        let now = self.now;
        if let Some(back) = &mut self.back {
            back.written(now, id, result);
        }
    }

    fn was_read(&mut self, started: Mono, state: &BalancerState) {
        let is_true = self.next_read_is_true;
        self.took = self.now.since(started).min(self.stage.plan.traffic.timeout);
        let seen = self.seen(state);
        self.is_whole = seen.iter().all(Option::is_some);
        if self.back.is_some() && !self.watches {
            self.back_read(started, &seen);
        }
        for (shown, seen) in self.shown.iter_mut().zip(&seen) {
            *shown = seen.or(*shown);
        }
        if self.back.is_none() && !self.watches && self.has_baseline {
            let answered: Vec<u32> = seen.iter().map(|weight| weight.unwrap_or(0)).collect();
            self.furthest = self.furthest.max(self.permille_there(&answered, state));
        }
        if !self.is_whole {
            return;
        }
        self.was_lied_to |= !is_true;
        let row: Row = seen.into_iter().flatten().collect();
        if self.back.is_none() && !self.watches {
            self.furthest = self.furthest.max(self.permille_there(&row, state));
        }
        let window = self.stage.plan.traffic.lateness;
        let now = self.now;
        self.loose.retain(|loose| {
            let Some(answered) = loose.answered else { return true };
            let agrees = started >= answered && loose.row == row && !loose.is_rehearsal;
            !(agrees || started.since(answered) >= window)
        });
        self.told_of_drift.take_if(|_| self.expected.as_ref() == Some(&row));
        self.stable_up = self.servers_up(state);
        self.read = Some(Read { started, ended: now, row, is_true });
    }

    /// The candidate's largest share of any node: what was set there means, or, where servers that went up or down make far
    /// more of it, what those that are up take.
    fn permille_there(&self, row: &[u32], state: &BalancerState) -> u16 {
        let meant = self.permille(row);
        let of_node = |node: usize| {
            let side = |role: Role| -> Option<f64> {
                let slots = self.stage.layout.slots_of(node, role).map(|slot| state.slot(slot));
                let weights = slots
                    .map(|slot| Some(if slot?.readiness == Readiness::Down { 0.0 } else { f64::from(slot?.weight) }));
                weights.sum()
            };
            let (stable, candidate) = (side(Role::Stable)?, side(Role::Candidate)?);
            (stable + candidate > 0.0).then(|| candidate / (stable + candidate))
        };
        let there = (0..self.stage.layout.nodes.len()).filter_map(of_node).fold(0.0, f64::max);
        // Weights in whole numbers miss a step by a fifth at most.
        let wanted = f64::from(meant) / 1000.0;
        let is_near = (there - wanted).abs() <= (wanted * 0.2).max(0.001);
        if is_near { meant } else { meant.max((there * 1000.0).round() as u16) }
    }

    /// Each slot's weight, where its node answered.
    fn seen(&self, state: &BalancerState) -> Vec<Option<u32>> {
        self.stage.layout.slots.iter().map(|(slot, _)| state.slot(slot).map(|slot| slot.weight)).collect()
    }

    /// `None` where it is the survey that tells.
    fn servers_up(&self, state: &BalancerState) -> Option<(usize, usize)> {
        if self.stage.is_surveyed {
            return None;
        }
        let slots: Vec<_> = self.stage.layout.slots.iter().filter(|(_, role)| *role == Role::Stable).collect();
        let up = slots.iter().filter(|(slot, _)| state.slot(slot).is_some_and(|s| s.readiness == Readiness::Up));
        Some((up.count(), slots.len()))
    }

    /// A setting's weights in the layout's order; it may lack nodes that did not answer.
    pub(super) fn weights(&self, setting: &Setting) -> Vec<Option<u32>> {
        self.stage.layout.slots.iter().map(|(slot, _)| setting.0.get(slot).copied()).collect()
    }

    pub(super) fn knows(&mut self, weights: &[Option<u32>]) {
        note(&mut self.own, weights);
    }

    /// Whether each weight is one that this run read before it began, set, or was told to take or to go over.
    pub(super) fn is_own(&self, seen: &[Option<u32>]) -> bool {
        let known = self.own.iter().zip(&self.gone_over);
        known
            .zip(seen)
            .all(|((own, over), weight)| weight.is_none_or(|weight| own.contains(&weight) || over.contains(&weight)))
    }

    /// Whether some weight is one that only somebody else can have set.
    pub(super) fn is_anothers(&self, row: &Row) -> bool {
        self.own.iter().zip(row).any(|(own, weight)| !own.contains(weight))
    }

    /// Whether some weight that was seen last is one that only somebody else can have set.
    pub(super) fn sees_anothers(&self) -> bool {
        let mut known = self.own.iter().zip(&self.shown);
        self.has_baseline && known.any(|(own, weight)| weight.is_some_and(|weight| !own.contains(&weight)))
    }

    /// A line on its way to the disk.
    pub(super) fn journaled(&mut self, id: EffectId, entry: &Entry, truth: Truth) {
        self.records.insert(id, (entry.number, entry.fact.clone()));
        if entry.number <= self.newest_line {
            // Written again under its own number: it was taken in when it was new.
            return;
        }
        self.newest_line = entry.number;
        if entry.text.as_str().starts_with("INVARIANT VIOLATED") {
            self.violation.get_or_insert_with(|| entry.text.to_string());
        }
        if entry.text.as_str().starts_with("DRIFT:") {
            self.told_of_drift = self.read.as_ref().map(|read| read.row.clone());
        }
        match &entry.fact {
            Fact::Intent { .. } => self.may_intend(entry),
            Fact::Reasserting { .. } => self.may_reassert(entry),
            Fact::Reasserted => self.may_be_again(),
            Fact::Reached { step } => self.may_reach(*step),
            Fact::Completed => self.may_complete(truth),
            Fact::RollbackAccepted { automatic, over, .. } => {
                self.may_go_over(over.as_ref());
                if over.is_some() && (*automatic || self.found_tombstone) {
                    self.breaks(Rule::Foreign, "goes back over what nobody at a console decided on");
                }
                if *automatic {
                    self.may_go_back_by_itself();
                } else if self.untyped && self.was_past_no_return() {
                    self.breaks(Rule::People, "back past the point of no return, and nobody typed the name");
                }
            }
            Fact::RollbackReadBack => self.may_be_read_back(),
            Fact::RollbackConfirmed => self.may_confirm(truth),
            Fact::Foreign { setting } => self.may_be_foreign(setting),
            Fact::HookStarted { hook } => self.hook_may_start(hook),
            Fact::HookEnded { hook, .. } => self.hook_may_end(hook),
            Fact::RolledBack if !self.back.as_ref().is_some_and(|back| back.confirmed) => {
                self.breaks(Rule::Confirms, "rolled back and not confirmed");
            }
            Fact::RolledBack => self.may_be_empty(),
            Fact::Line
            | Fact::Note
            | Fact::Started { .. }
            | Fact::TargetsBefore { .. }
            | Fact::Configuration { .. }
            | Fact::Baseline { .. }
            | Fact::Missed { .. }
            | Fact::PastNoReturn { .. }
            | Fact::NotReasserted
            | Fact::Held { .. }
            | Fact::Resumed
            | Fact::Adopted { .. }
            | Fact::SentAgain { .. }
            | Fact::Approved { .. }
            | Fact::Driver
            | Fact::Suspended { .. }
            | Fact::Unsuspended
            | Fact::RollbackUndone
            | Fact::WatchAnew { .. }
            | Fact::Violated { .. }
            | Fact::WatchOver
            | Fact::Ended => {}
        }
        self.note(entry);
    }

    /// What a line says of where the run stands.
    pub(super) fn note(&mut self, entry: &Entry) {
        match &entry.fact {
            Fact::Baseline { setting, split } => {
                self.has_baseline = true;
                self.knows(&self.weights(setting));
                self.expected = Some(row(setting));
                self.current = *split;
            }
            Fact::Adopted { setting, split } => {
                self.knows(&self.weights(setting));
                if let Some(back) = &mut self.back {
                    back.adopted(row(setting));
                    return;
                }
                self.began |= *split != Split::ALL_STABLE;
                self.expected = Some(row(setting));
                self.current = *split;
                self.furthest = self.furthest.max(split.permille());
                (self.reached_at, self.baked) = (self.now, Duration::ZERO);
                self.told_of_drift = None;
                self.completed = None;
                self.approvals.clear();
                self.loose.clear();
            }
            Fact::Intent { step, setting, .. } => {
                self.knows(&self.weights(setting));
                self.intended[*step] = Some(row(setting));
                self.open = Some(*step);
                self.intent = None;
            }
            Fact::Reached { step } => {
                self.began = true;
                self.open = None;
                self.current = self.stage.plan.steps[*step].split;
                self.furthest = self.furthest.max(self.current.permille());
                self.expected.clone_from(&self.intended[*step]);
                (self.reached_at, self.baked) = (self.now, Duration::ZERO);
            }
            Fact::Held { .. } => self.held = true,
            Fact::Resumed => self.held = false,
            Fact::RollbackAccepted { setting, over, .. } => {
                if let Some(over) = over {
                    self.knows(&self.weights(over));
                }
                self.knows(&self.weights(setting));
                self.knows(&self.way_back());
                self.approvals.clear();
                self.back = Some(Back::new(self.now, row(setting), self.found_tombstone));
            }
            Fact::Driver => self.driver.clone_from(&entry.by),
            Fact::Approved { step } => {
                if let Some(by) = &entry.by {
                    self.approvals.insert(*step, by.clone());
                }
            }
            Fact::Suspended { until, .. } => {
                let lasting = Duration::from_millis((until.millis() - entry.wall.millis()).cast_unsigned());
                self.suspended = Some((*until, entry.mono + lasting));
            }
            Fact::Unsuspended => self.suspended = None,
            Fact::Foreign { setting } => {
                let weights = self.weights(setting);
                if let Some(back) = &mut self.back {
                    back.foreign = Some(weights);
                }
            }
            Fact::SentAgain { setting } => {
                self.knows(&self.weights(setting));
                if let Some(back) = &mut self.back {
                    (back.foreign, back.was_confirmed) = (None, false);
                }
            }
            Fact::RollbackUndone => {
                let now = self.now;
                if let Some(back) = &mut self.back {
                    back.undone(now);
                }
            }
            Fact::RollbackReadBack => {
                if let Some(back) = &mut self.back {
                    back.foreign = None;
                }
            }
            // Either may be all that the disk has kept.
            Fact::RollbackConfirmed | Fact::RolledBack => {
                if let Some(back) = &mut self.back {
                    back.confirmed = true;
                    back.was_confirmed = true;
                }
            }
            Fact::Completed | Fact::WatchAnew { .. } => self.completed = Some(entry.mono),
            Fact::HookStarted { hook } => self.hook_started(hook),
            Fact::HookEnded { hook, end, .. } => self.hook_ended(hook, end, entry.mono),
            Fact::Ended => self.ended = true,
            Fact::Reasserting { over, .. } => {
                // It may come back in whole or in part.
                let weights = self.weights(over);
                note(&mut self.gone_over, &weights);
                (self.reassert, self.reasserts) = (None, true);
            }
            Fact::Missed { .. } => self.open = None,
            Fact::PastNoReturn { step } => {
                self.furthest = self.furthest.max(self.stage.plan.steps[*step].split.permille());
            }
            Fact::NotReasserted => (self.reassert, self.reasserts) = (None, false),
            Fact::TargetsBefore { stable } => self.had_targets(*stable),
            Fact::Line
            | Fact::Note
            | Fact::Configuration { .. }
            | Fact::Started { .. }
            | Fact::Reasserted
            | Fact::Violated { .. }
            | Fact::WatchOver => {}
        }
    }

    pub(super) fn sent_forward(&mut self, id: EffectId, row: Row) {
        (self.intent, self.reassert) = (None, None);
        self.began = true;
        self.ever_forward = true;
        self.loose.push(Loose { id, row, answered: None, is_rehearsal: false });
    }
}

/// Takes each slot's weight in, where it has one.
fn note(known: &mut [Vec<u32>], weights: &[Option<u32>]) {
    for (known, weight) in known.iter_mut().zip(weights) {
        if let Some(weight) = weight.filter(|weight| !known.contains(weight)) {
            known.push(weight);
        }
    }
}
