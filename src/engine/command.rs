//! What people ask for. The phase table first, then the seat, then each command's own conditions.

use super::forward::How;
use super::guardrail::Level;
use super::planted::{Bug, planted};
use super::{
    ANSWERS_MAX, Answer, Ask, Command, Effect, Engine, Fact, NOTHING_TO_ADOPT, NOTHING_TO_COMPLETE, Override, Phase,
    Request, Rule, SUSPEND_MAX, SUSPENDED_TOO_LONG, Severity, Suspension, TOWARDS_CANDIDATE, rule,
};
use crate::domain::{Clean, Person, Rights, Role, Split};
use std::time::Duration;

/// What a command's own conditions come to: what was done, or each reason why not.
pub(super) type Answered = Result<Clean, Vec<Clean>>;

pub(super) fn refuse<T>(why: impl AsRef<str>) -> Result<T, Vec<Clean>> {
    Err(vec![Clean::new(why)])
}

/// What stands for the reason of whoever gave none.
pub(super) const NO_REASON: &str = "no reason given yet";

impl Engine {
    /// Takes a command. Sent again under the same id it gets the same answer and does nothing more. But a rollback is looked
    /// at anew each time: that there was nothing to roll back says nothing of now, and asked for twice it is one.
    pub(super) fn command(&mut self, request: &Request, out: &mut Vec<Effect>) -> Answer {
        let is_rollback = matches!(request.command, Command::Rollback { .. });
        let before = self.answers.iter().find(|((id, by), _)| *id == request.id && by.is(&request.by));
        if let Some((_, answer)) = before.filter(|_| !is_rollback && !planted(Bug::DoneAgain)) {
            return answer.clone();
        }
        let answer = match self.generation_moved(&request.command) && !planted(Bug::OldPictureObeyed) {
            true => Answer::Late(request.id),
            false => match self.obey(request, out) {
                Ok(done) => Answer::Applied(done),
                Err(reasons) => {
                    let verb = Ask::of(&request.command).verb();
                    let words: Vec<&str> = reasons.iter().map(Clean::as_str).collect();
                    let text = format!("{} {verb}: refused: {}", request.by, words.join("; "));
                    self.say(Severity::Warn, Some(&request.by), text, Fact::Line, out);
                    Answer::Refused(reasons)
                }
            },
        };
        if !is_rollback {
            self.answers.push_back(((request.id, request.by.clone()), answer.clone()));
        }
        if self.answers.len() > ANSWERS_MAX {
            self.answers.pop_front();
        }
        answer
    }

    fn generation_moved(&self, command: &Command) -> bool {
        match command {
            Command::Advance { generation, .. } | Command::Resume { generation } | Command::Reassert { generation } => {
                *generation != self.generation
            }
            Command::Hold
            | Command::Rollback { .. }
            | Command::Take
            | Command::Approve
            | Command::Adopt
            | Command::Complete
            | Command::SendAgain
            | Command::Suspend { .. }
            | Command::Unsuspend
            | Command::RunHook { .. }
            | Command::StopHook { .. }
            | Command::Note { .. }
            | Command::End => false,
        }
    }

    fn obey(&mut self, request: &Request, out: &mut Vec<Effect>) -> Answered {
        let ask = Ask::of(&request.command);
        if request.rights == Rights::ReadOnly && !planted(Bug::ReadOnlyObeyed) {
            let whom = self.driver.as_ref().map_or_else(|| "the driver".to_owned(), |d| d.name.to_string());
            return refuse(format!("read-only console: ask {whom}"));
        }
        if let Rule::Refused(why) = rule(ask, self.phase())
            && !(planted(Bug::AdvanceAfterBack) && self.phase().is_back())
        {
            return refuse(why);
        }
        if ask.is_drivers() || planted(Bug::OnlyDriverRollsBack) && ask == Ask::Rollback {
            self.sit(&request.by, ask, out)?;
        }
        let by = &request.by;
        match &request.command {
            Command::Advance { over, .. } => self.advance(by, over.as_ref(), out),
            Command::Resume { .. } => self.resume(by, out),
            Command::Hold => self.hold_by(by, out),
            Command::Rollback { reason, typed } => self.roll_back(by, reason.clone(), typed.as_deref(), out),
            Command::Take => self.take_control(by, out),
            Command::Approve => self.approve(by, out),
            Command::Adopt => self.adopt(by, out),
            Command::Complete => self.complete(by, out),
            Command::Reassert { .. } => self.reassert(by, out),
            Command::SendAgain => self.send_again(by, out).map_err(|why| vec![why]),
            Command::Suspend { lasting, reason } => self.suspend(by, *lasting, reason, out),
            Command::Unsuspend => self.unsuspend(by, out),
            Command::RunHook { hook } => self.run_hook(by, hook, out),
            Command::StopHook { hook } => self.stop_hook(by, hook, out),
            Command::Note { text } => {
                self.say(Severity::Info, Some(by), format!("{by}: {text}"), Fact::Note, out);
                Ok("noted".into())
            }
            Command::End => self.end(by, out),
        }
    }

    /// An empty seat goes to the first who needs it; a taken one refuses everybody else.
    fn sit(&mut self, by: &Person, ask: Ask, out: &mut Vec<Effect>) -> Result<(), Vec<Clean>> {
        match &self.driver {
            Some(driver) if driver.is(by) || planted(Bug::SeatIgnored) => Ok(()),
            Some(driver) => refuse(format!("{driver} drives: only the driver may {}; T takes control", ask.verb())),
            None => {
                self.driver = Some(by.clone());
                self.say(Severity::Info, Some(by), format!("{by} drives"), Fact::Driver, out);
                Ok(())
            }
        }
    }

    fn advance(&mut self, by: &Person, over: Option<&Override>, out: &mut Vec<Effect>) -> Answered {
        let Some(step) = self.next_step() else { return self.complete_over(by, over, out) };
        // A hold leaves a write that was sent to be read back.
        if self.shift.is_some() {
            return refuse("a shift is under way; it must be read back first");
        }
        let how = if let Some(over) = over {
            self.may_override(over)?;
            How::Overridden
        } else {
            self.is_open_to(How::Pressed)?;
            How::Pressed
        };
        // What cannot be set is refused before anything is said and before a hold is left.
        self.setting_of(step).map_err(|why| vec![why])?;
        if let Some(over) = over {
            self.goes_over(by, over, out);
        }
        self.begin_shift(step, by, how, out).map_err(|why| vec![why])
    }

    /// Whether nothing keeps out whoever goes forward in this way, as of the newest readings; or what does.
    fn is_open_to(&mut self, how: How) -> Result<(), Vec<Clean>> {
        self.look_at_limits();
        let closed: Vec<Clean> = self.closed_gates(how).map(|gate| gate.words()).collect();
        if closed.is_empty() { Ok(()) } else { Err(closed) }
    }

    /// Whether somebody may go over what can be gone over.
    pub(super) fn may_override(&mut self, over: &Override) -> Result<(), Vec<Clean>> {
        self.typed_name(&over.typed)?;
        if over.reason.as_str().trim().is_empty() {
            return refuse("an override needs a reason");
        }
        self.is_open_to(How::Overridden)
    }

    /// A hold and closed gates are left behind, by name and with a reason.
    pub(super) fn goes_over(&mut self, by: &Person, over: &Override, out: &mut Vec<Effect>) {
        let held = self.held.take().map(|held| format!("held by {}: {}", held.by.name, held.why));
        let fact = if held.is_some() { Fact::Resumed } else { Fact::Line };
        let gates = self.closed_gates(How::Pressed).map(|gate| gate.words().to_string());
        let words: Vec<String> = held.into_iter().chain(gates).collect();
        let text = format!("{by} OVERRIDES: {} (over: {})", over.reason, words.join("; "));
        self.say(Severity::Critical, Some(by), text, fact, out);
    }

    pub(super) fn typed_name(&self, typed: &str) -> Result<(), Vec<Clean>> {
        if typed.trim() == self.plan.name.as_str() || planted(Bug::NameNotTyped) {
            Ok(())
        } else {
            refuse(format!("the typed name is not {:?}", self.plan.name.as_str()))
        }
    }

    /// What would stop the run again at once: limits that ask for it, and no reading at all.
    pub(super) fn resume_refused(&self) -> Vec<Clean> {
        if !self.may_have_traffic() {
            return Vec::new();
        }
        let asks_for_hold = |index: &usize| self.watches[*index].level >= Level::Hold;
        let limits = (0..self.watches.len()).filter(asks_for_hold).map(|index| Clean::new(self.guardrail_words(index)));
        limits.chain(self.is_blind().then(|| Clean::new(self.blind_reason()))).collect()
    }

    fn resume(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        let still = self.resume_refused();
        if !still.is_empty() {
            return Err(still);
        }
        self.held = None;
        let text = format!("{by} resumes at {}", self.current);
        self.say(Severity::Info, Some(by), &text, Fact::Resumed, out);
        Ok(text.into())
    }

    fn hold_by(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        if let Some(held) = &self.held {
            let text = format!("already holding since {} by {}", held.wall.clock(), held.by.name);
            // A re-assert may be under way for all that.
            if !planted(Bug::SecondHoldLetsGo) {
                self.drop_unsent(out);
            }
            return Ok(text.into());
        }
        self.hold(by, format!("by {by}"), false, out);
        Ok(format!("holding at {}", self.current).as_str().into())
    }

    fn roll_back(
        &mut self,
        by: &Person,
        reason: Option<Clean>,
        typed: Option<&str>,
        out: &mut Vec<Effect>,
    ) -> Answered {
        if let Some(rollback) = &self.rollback {
            let text = format!("already rolling back since {} by {}", rollback.accepted_wall.clock(), rollback.by.name);
            return Ok(self.ask_again(by, out).unwrap_or_else(|| text.into()));
        }
        let stable = self.environment(Role::Stable);
        if self.nothing_to_roll_back() {
            return Ok(format!("nothing to roll back: everything is on {stable}").as_str().into());
        }
        if let Some(why) = self.needs_name() {
            match typed {
                Some(typed) => self.typed_name(typed)?,
                None => return refuse(format!("{why}; type {:?} to roll back all the same", self.plan.name.as_str())),
            }
        }
        let reason = reason.filter(|r| !r.as_str().trim().is_empty()).unwrap_or_else(|| NO_REASON.into());
        self.accept_rollback(by, reason, false, self.others_on_screen(), out);
        Ok(format!("rolling back to {stable}").as_str().into())
    }

    /// Why a rollback needs the typed name, if it does.
    pub(super) fn needs_name(&self) -> Option<String> {
        match (self.stable_is_ready(), self.past_no_return()) {
            (Some(false), _) => Some(format!("TARGET NOT READY: {} is not ready", self.environment(Role::Stable))),
            (_, Some(breaks)) => Some(format!("past the point of no return: {breaks}")),
            (Some(true) | None, None) => None,
        }
    }

    fn take_control(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        if self.mode == super::Mode::Watch {
            return refuse("this keeper only watches: there is nothing to drive");
        }
        let text = match &self.driver {
            Some(driver) if driver.is(by) => return Ok("you drive already".into()),
            Some(driver) => format!("{by} takes control from {driver}"),
            None => format!("{by} drives"),
        };
        self.driver = Some(by.clone());
        self.say(Severity::Warn, Some(by), &text, Fact::Driver, out);
        Ok(text.into())
    }

    fn approve(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        let Some((step, role)) =
            self.next_step().and_then(|step| Some((step, self.plan.steps[step].approval.clone()?)))
        else {
            return refuse("the next step needs no approval");
        };
        if let Some(why) = self.approver_refused(by) {
            return refuse(why);
        }
        self.approvals.insert(step, by.clone());
        let text = format!("{by} approves {} as {role}", self.plan.steps[step].split);
        self.say(Severity::Warn, Some(by), &text, Fact::Approved { step }, out);
        Ok(text.into())
    }

    /// Why somebody's approval does not count for the present driver, if it does not.
    pub(super) fn approver_refused(&self, by: &Person) -> Option<String> {
        let driver = self.driver.as_ref()?;
        if (driver.name == by.name || driver.is(by)) && !planted(Bug::DriverApproves) {
            return Some("the driver cannot approve their own step".into());
        }
        let same_user = self.plan.access.approver_is_another_user && driver.is_same_user(by);
        same_user.then(|| format!("the plan asks for another user than the driver's ({})", driver.user))
    }

    fn adopt(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        if self.rollback.is_some() {
            return self.adopt_in_rollback(by, out).map_err(|why| vec![why]);
        }
        // Held, a write may still be under way: what it makes is not somebody else's.
        if self.shift.is_some() {
            return refuse("a write is under way; it must be read back first");
        }
        let unstarted = self
            .baseline
            .as_ref()
            .filter(|b| !self.forward_began && b.split != Split::ALL_STABLE && self.drift.is_none());
        let (setting, split) = match (&self.drift, unstarted) {
            (Some(drift), _) => (drift.setting.clone(), drift.to),
            (None, Some(baseline)) => (baseline.setting.clone(), baseline.split),
            (None, None) => return refuse(NOTHING_TO_ADOPT),
        };
        if let Err(why) = super::share::adoptable(&self.layout, &setting) {
            return refuse(format!("{why}: R rolls back"));
        }
        let text = format!("{by} adopts candidate {split} ({setting})");
        self.say(Severity::Warn, Some(by), &text, Fact::Adopted { setting: setting.clone(), split }, out);
        self.adopted(setting, split);
        Ok(text.into())
    }

    /// A setting from outside becomes the run's own, and the run stands where it puts it.
    pub(super) fn adopted(&mut self, setting: crate::domain::Setting, split: Split) {
        self.ledger.record(&setting);
        self.forward_began |= split != Split::ALL_STABLE;
        self.expected = Some(setting);
        self.current = split;
        self.drift = None;
        self.passed = self.passed.filter(|_| !planted(Bug::AdoptionForgetsNoReturn));
        self.reasserts = 0;
        (self.completed, self.watched, self.watch_over) = (None, Duration::ZERO, false);
        self.position = self.plan.steps.iter().rposition(|step| step.split <= split);
        self.bake = super::Bake::new(self.now);
        self.approvals.clear();
        self.sampling.restart();
        // How long this run's own last write took nobody can measure any more.
        self.propagation = None;
        // What the limits say of it is said at once.
        self.watched_at = None;
    }

    fn complete(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        match &self.drift {
            Some(drift) if drift.is_towards_stable() => {
                if self.stable_is_ready() == Some(false) || self.past_no_return().is_some() {
                    return refuse(
                        "the rollback target is not ready or past a point of no return: use R, which asks for the name",
                    );
                }
                let reason = format!("completing a move towards stable: {}", drift.words());
                self.roll_back(by, Some(Clean::new(reason)), None, out)
            }
            Some(drift) => refuse(format!("{TOWARDS_CANDIDATE}: {}", drift.offer())),
            None => refuse(match &self.rollback {
                Some(rollback) if rollback.foreign.is_some() => {
                    "somebody else's setting met the rollback: :sendagain or :adopt"
                }
                Some(_) => "a rollback was accepted: it goes to its end by itself",
                None => NOTHING_TO_COMPLETE,
            }),
        }
    }

    fn suspend(&mut self, by: &Person, lasting: Duration, reason: &Clean, out: &mut Vec<Effect>) -> Answered {
        if reason.as_str().trim().is_empty() {
            return refuse("suspending automatic rollback needs a reason");
        }
        if lasting.is_zero() || lasting > SUSPEND_MAX {
            return refuse(SUSPENDED_TOO_LONG);
        }
        let until_wall = self.wall.plus(lasting);
        let text = format!("{by} suspends automatic rollback until {}: {reason}", until_wall.clock());
        self.suspension =
            Some(Suspension { by: by.clone(), reason: reason.clone(), until: self.now + lasting, until_wall });
        let fact = Fact::Suspended { until: until_wall, reason: Some(reason.clone()) };
        self.say(Severity::Critical, Some(by), &text, fact, out);
        Ok(text.into())
    }

    fn unsuspend(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        if self.suspension.take().is_none() {
            return Ok("automatic rollback is on".into());
        }
        let text = format!("{by} switches automatic rollback on again");
        self.say(Severity::Info, Some(by), &text, Fact::Unsuspended, out);
        Ok(text.into())
    }

    fn end(&mut self, by: &Person, out: &mut Vec<Effect>) -> Answered {
        let foreign = self.rollback.as_ref().is_some_and(|rollback| rollback.foreign.is_some());
        let unreadable = self.balancer.failure.is_some();
        if self.phase() == Phase::RollingBack && !foreign && !unreadable {
            return refuse("a rollback is under way: it ends by itself when it is confirmed");
        }
        if self.shift.is_some() {
            return refuse("a write is under way: it must be read back first");
        }
        if let Some(hook) = self.running_hook() {
            return refuse(format!("{hook} is running: wait for it, or :stop {hook}"));
        }
        let split = match (self.balancer.split(), &self.balancer.failure) {
            (Some(split), None) => split.to_string(),
            (Some(split), Some(why)) => format!("{split} as far as it can be read: {why}"),
            (None, Some(why)) => format!("unknown: {why}"),
            (None, None) => "unknown".to_owned(),
        };
        let text = format!("{by} ends the run; the split stays as it is: candidate {split}");
        self.say(Severity::Warn, Some(by), &text, Fact::Ended, out);
        self.ended = true;
        out.push(Effect::Stop);
        Ok(text.into())
    }
}
