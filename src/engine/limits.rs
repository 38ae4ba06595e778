//! What the limits ask for, and what is done about it: a warning, a hold, a rollback; or why not.

use super::forward::How;
use super::gates::Condition;
use super::guardrail::Level;
use super::planted::{Bug, planted};
use super::{Effect, Engine, Fact, Phase, Severity, share};
use crate::domain::{Clean, Person, Role, Setting, Signal, Split, Verdict};
use crate::plan::{CheckKind, OnAbsent, Subject};
use std::time::Duration;

/// Time between two looks at all limits when nothing new came.
const LIMITS_INTERVAL: Duration = Duration::from_millis(250);

impl Engine {
    /// Looks at every limit and acts on what they ask for.
    pub(super) fn watch_limits(&mut self, out: &mut Vec<Effect>) {
        let is_due = self.watched_at.is_none_or(|at| self.now.since(at) >= LIMITS_INTERVAL);
        if !is_due {
            return;
        }
        self.watched_at = Some(self.now);
        self.draw_series();
        let before: Vec<Level> = self.watches.iter().map(|watch| watch.level).collect();
        self.look_at_limits();
        let mut worst: Option<(Level, String)> = None;
        for (index, before) in before.into_iter().enumerate() {
            self.tell_reach(index, out);
            let level = self.watches[index].level;
            let words = self.guardrail_words(index);
            if level != before && self.limits_act() {
                self.tell_level(index, before, &words, out);
            }
            if worst.as_ref().is_none_or(|(most, _)| level > *most) {
                worst = Some((level, words));
            }
        }
        if let Some((level, words)) = worst
            && self.limits_act()
        {
            self.act(level, &words, out);
        }
        if self.can_be_held() && self.is_blind() && self.blind_holds() {
            let words = self.blind_reason();
            self.hold(&Person::keeper(), words, true, out);
        }
    }

    /// Judges every limit, check and gate that rests on a reading on the newest readings.
    pub(super) fn look_at_limits(&mut self) {
        let plan = self.plan.clone();
        for (index, guardrail) in plan.guardrails.iter().enumerate() {
            let reading = self.read(&guardrail.subject);
            let freshness = self.freshness_of(&guardrail.subject.signal);
            let expects_requests = self.has_traffic(guardrail.subject.role);
            let of_latency = matches!(guardrail.subject.signal, Signal::Latency(_));
            let last_bucket = self.instances[guardrail.subject.role].last_bucket().filter(|_| of_latency);
            self.watches[index].reach = last_bucket;
            self.watches[index].update(guardrail, reading, self.now, freshness, expects_requests);
        }
        for (index, check) in plan.checks.iter().enumerate() {
            if let CheckKind::Reading { subject, .. } = &check.kind {
                self.checks[index].reading = Some(self.read(subject));
            }
        }
        let of_step = self.position.map_or(&[][..], |position| &plan.steps[position].gates);
        self.step_readings = of_step.iter().map(|gate| self.read(&gate.subject)).collect();
    }

    /// Whether a limit of the candidate's cannot be compared. Stable's may be gone by then.
    pub(super) fn a_watched_limit_is_unknown(&self) -> bool {
        self.plan.guardrails.iter().enumerate().any(|(limit, guardrail)| {
            guardrail.subject.role == Role::Candidate && self.verdict(Condition::Limit(limit)) == Verdict::Unknown
        })
    }

    /// Whether the balancer gives an environment a part of the traffic, as far as this run has seen.
    fn has_traffic(&self, role: Role) -> bool {
        self.forward_began && self.shift.is_none() && self.current.seen_from(role) > Split::ALL_STABLE
    }

    /// Whether a limit may stop what is going on.
    pub(super) fn can_be_held(&self) -> bool {
        matches!(self.phase(), Phase::Shifting | Phase::Baking) && !self.is_overridden()
    }

    /// Whoever overrides has seen the limits and goes over them: they hold again once the step is reached.
    fn is_overridden(&self) -> bool {
        self.shift.as_ref().is_some_and(|shift| shift.how == How::Overridden)
    }

    fn blind_holds(&self) -> bool {
        // Without a guardrail nobody said what absence means; then it holds, as it does by default.
        self.plan.guardrails.is_empty() || self.plan.guardrails.iter().any(|g| g.absent != OnAbsent::Warn)
    }

    pub(super) fn blind_words(&self) -> String {
        let since = self.instances[Role::Candidate].read_at().unwrap_or(self.started.0);
        let age = self.now.since(since).as_secs();
        format!("BLIND: no candidate metrics for {age} s")
    }

    /// The same with the reason, for the log and for whoever asks why.
    pub(super) fn blind_reason(&self) -> String {
        let why = self.instances[Role::Candidate].each.iter().find_map(|instance| instance.failure());
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        format!("{}{why}", self.blind_words())
    }

    /// Limits act once the candidate may have traffic, until the run is over or back.
    pub(super) fn limits_act(&self) -> bool {
        self.rollback.is_none() && !self.ended && !self.watch_over && self.may_have_traffic()
    }

    /// Whether the candidate may have traffic: all the time since the first write, but where everything is known to be
    /// back, so that there is nothing to stop and nothing to go back from.
    pub(super) fn may_have_traffic(&self) -> bool {
        // A read that fails tells nothing either way until it is long ago that one did not; one that shows a share does.
        let shows_none = self.balancer.others.0.is_empty()
            && self.balancer.configured.as_ref().is_none_or(|configured| configured.share <= 0.0);
        let seen = self.balancer.seen.as_ref().filter(|_| self.balancer_is_known() && shows_none);
        let by_weight = seen.and_then(|(_, state)| share::by_weight(&self.layout, &state.setting().ok()?));
        let is_sent = self.shift.as_ref().is_some_and(super::Shift::was_sent);
        let is_back = self.current == Split::ALL_STABLE && !is_sent && by_weight == Some(Split::ALL_STABLE);
        self.forward_began && !is_back
    }

    /// Says once that a limit can never act, because nothing beyond the histogram's last bucket can be told.
    fn tell_reach(&mut self, index: usize, out: &mut Vec<Effect>) {
        let plan = &self.plan.guardrails[index];
        let watch = &self.watches[index];
        let acts = [(plan.hold, "holds"), (plan.roll_back, "rolls back")].into_iter();
        let beyond = acts.filter_map(|(limit, act)| Some((limit.filter(|limit| !watch.can_exceed(*limit))?, act)));
        let quantity = |value| self.plan.quantity(&plan.subject.signal, value);
        let words: Vec<String> = beyond.map(|(limit, act)| format!("over {} {act}", quantity(limit))).collect();
        let (Some(reach), false) = (watch.reach, words.is_empty() || watch.is_reach_told) else { return };
        let absent = match plan.absent {
            OnAbsent::Warn => "warn",
            OnAbsent::Hold => "hold",
            OnAbsent::RollBack => "roll_back",
        };
        let text = format!(
            "{}: \"{}\" can never act: the last bucket of its histogram is {reach}, and what is above that is no reading \
             (absent = \"{absent}\"); set it to at most {reach}, or give the histogram a bucket beyond it",
            self.limit_name(index),
            words.join(", "),
            reach = quantity(reach),
        );
        self.watches[index].is_reach_told = true;
        self.say(Severity::Warn, None, text, Fact::Line, out);
    }

    fn tell_level(&mut self, index: usize, before: Level, words: &str, out: &mut Vec<Effect>) {
        let level = self.watches[index].level;
        let (severity, text) = match level {
            Level::Quiet => self.quiet_words(index),
            Level::Warn if before > Level::Warn => return,
            Level::Warn => (Severity::Warn, words.to_owned()),
            Level::Hold | Level::RollBack => (Severity::Critical, words.to_owned()),
        };
        self.say(severity, None, text, Fact::Line, out);
    }

    /// `clear again: 5xx CANDIDATE GREEN 0.96%, under 1.00% again`: the lowest of its limits is the one that was over last.
    /// What nobody can read is not clear.
    fn quiet_words(&self, index: usize) -> (Severity, String) {
        let plan = &self.plan.guardrails[index];
        let (name, signal) = (self.limit_name(index), &plan.subject.signal);
        match (&self.watches[index].reading.value, plan.warn.or(plan.hold).or(plan.roll_back)) {
            (Ok(value), Some(limit)) if *signal != Signal::UnhealthyFor => {
                let (value, limit) = (self.plan.quantity(signal, *value), self.plan.quantity(signal, limit));
                (Severity::Info, format!("clear again: {name} {value}, under {limit} again"))
            }
            (Ok(_), _) => (Severity::Info, format!("clear again: {}", self.guardrail_words(index))),
            (Err(_), _) if self.is_idle(index) => (Severity::Info, self.limit_words(index)),
            (Err(absence), _) => (Severity::Warn, format!("{name} can no longer be told: {absence}")),
        }
    }

    /// `5xx CANDIDATE GREEN`.
    pub(super) fn limit_name(&self, index: usize) -> String {
        let Subject { signal, role, .. } = &self.plan.guardrails[index].subject;
        format!("{signal} {} {}", role.word(), self.plan.environments[*role].chip())
    }

    fn act(&mut self, asked: Level, words: &str, out: &mut Vec<Effect>) {
        let keeper = Person::keeper();
        match self.act_of(asked) {
            Some(Level::RollBack) => self.accept_rollback(&keeper, Clean::new(words), true, None, out),
            Some(Level::Hold) => {
                let refused = self.automatic_rollback_refused().filter(|_| asked == Level::RollBack);
                let why = refused.map_or_else(String::new, |why| format!("; no automatic rollback: {why}"));
                self.hold(&keeper, format!("{words}{why}"), true, out);
            }
            Some(Level::Quiet | Level::Warn) | None => {}
        }
    }

    /// What the keeper does where a limit asks for this; `None` where it does nothing more. A rollback that it may not
    /// send stops whatever goes on, also what comes after 100 %.
    pub(super) fn act_of(&self, asked: Level) -> Option<Level> {
        let is_stopped = self.held.is_some() || self.rollback.is_some() || self.ended;
        let holds = match asked {
            Level::Quiet | Level::Warn => false,
            Level::Hold => self.can_be_held(),
            Level::RollBack if self.automatic_rollback_refused().is_none() => return Some(Level::RollBack),
            Level::RollBack => !is_stopped && !self.is_overridden(),
        };
        holds.then_some(Level::Hold)
    }

    /// Why the keeper would not roll back by itself now.
    pub(super) fn automatic_rollback_refused(&self) -> Option<String> {
        if !self.plan.rollback.automatic {
            return Some("the plan says manual".into());
        }
        if let Some(suspension) = self.suspension.as_ref().filter(|_| !planted(Bug::SuspensionForgotten)) {
            return Some(format!("suspended by {} until {}", suspension.by.name, suspension.until_wall.clock()));
        }
        if let Some(breaks) = self.past_no_return().filter(|_| !planted(Bug::BackPastNoReturn)) {
            return Some(format!("past the point of no return: {breaks}"));
        }
        if let Some(drift) = self.drift.as_ref().filter(|drift| !drift.own) {
            return Some(format!("somebody else set {}", drift.setting));
        }
        if !self.balancer.others.0.is_empty() {
            return Some(format!("somebody else set {}", self.balancer.others));
        }
        let is_down = self.stable_was_down() && !planted(Bug::BackToDown);
        is_down.then(|| format!("{} is not ready", self.environment(Role::Stable)))
    }

    /// Takes note of a point of no return that the balancer is seen to be past.
    pub(super) fn judge_no_return(&mut self, setting: &Setting, out: &mut Vec<Effect>) {
        let meant = self.split_meant_by(setting);
        // Servers that went up or down since may make more of it than it was set for.
        let there = self.off_from(meant).map_or(meant, |off| off.max(meant));
        let seen = self.no_return_at(there).filter(|(step, _)| self.passed < Some(*step));
        let Some((step, breaks)) = seen else { return };
        let text = format!("past the point of no return: {breaks}; no automatic rollback from here");
        self.passed = Some(step);
        self.say(Severity::Warn, None, text, Fact::PastNoReturn { step }, out);
    }

    /// The candidate's largest share of any node. What this run set there is the step that it was set for: its weights
    /// were made for the servers that were up, and say something else of all of them.
    fn split_meant_by(&self, setting: &Setting) -> Split {
        let step = self.shift.as_ref().filter(|shift| shift.was_sent()).and_then(|shift| Some((shift, shift.step()?)));
        let of_node = |node| {
            let is_same = |own: &Setting| share::is_same_on(node, own, setting);
            if self.expected.as_ref().is_some_and(is_same) {
                return Some(self.current);
            }
            match step.filter(|(shift, _)| is_same(&shift.setting)) {
                Some((_, step)) => Some(self.plan.steps[step].split),
                None => share::split_of_node(&self.layout, setting, node),
            }
        };
        (0..self.layout.nodes.len()).filter_map(of_node).max().unwrap_or_default()
    }

    /// The journal says that the candidate had this share.
    pub(super) fn fold_no_return(&mut self, there: Split) {
        self.passed = self.passed.max(self.no_return_at(there).map(|(step, _)| step));
    }

    /// The last step whose point of no return this share is past, and what breaks there.
    fn no_return_at(&self, there: Split) -> Option<(usize, &Clean)> {
        let mut steps = self.plan.steps.iter().enumerate().rev().filter(|(_, step)| step.split <= there);
        steps.find_map(|(index, step)| Some((index, step.point_of_no_return.as_ref()?)))
    }

    /// What breaks when traffic is taken back, where the balancer was further than this run itself now stands.
    pub(super) fn passed_beyond(&self) -> Option<&Clean> {
        let step = self.plan.steps.get(self.passed?)?;
        step.point_of_no_return.as_ref().filter(|_| step.split > self.current)
    }

    /// What breaks when one goes back from here, once a point of no return was reached or is under way, by whose hand ever.
    pub(super) fn past_no_return(&self) -> Option<&Clean> {
        let under_way = self.shift.as_ref().filter(|shift| shift.was_sent()).and_then(super::Shift::step);
        let reached = self.passed.max(under_way);
        let steps = self.plan.steps.iter().take(reached.map_or(0, |step| step + 1));
        steps.filter_map(|step| step.point_of_no_return.as_ref()).next_back()
    }

    pub(super) fn pass_suspension(&mut self, out: &mut Vec<Effect>) {
        if self.suspension.as_ref().is_some_and(|suspension| self.now >= suspension.until) {
            self.suspension = None;
            self.say(
                Severity::Warn,
                None,
                "automatic rollback is on again: its suspension ran out",
                Fact::Unsuspended,
                out,
            );
        }
    }
}
