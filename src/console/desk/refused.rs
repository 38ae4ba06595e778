//! What the keeper would refuse, as far as the picture tells. It is said before anything is sent; the keeper decides.

use super::Desk;
use super::forward::other_driver;
use crate::domain::Mono;
use crate::engine::{
    Ask, Command, NOTHING_FOREIGN, NOTHING_TO_ADOPT, NOTHING_TO_COMPLETE, RollbackState, Rule, SUSPEND_MAX,
    SUSPENDED_TOO_LONG, Snapshot, TOWARDS_CANDIDATE, rule,
};
use crate::wire::Status;

impl Desk {
    /// Why the keeper would refuse a command; `None` where it may do it, and where nothing that it said is believed.
    pub(super) fn keeper_refuses(&self, command: &Command, status: Option<&Status>, now: Mono) -> Option<String> {
        let snapshot = &status.filter(|_| !self.is_cut_off(now))?.snapshot;
        let ask = Ask::of(command);
        if let Rule::Refused(why) = rule(ask, snapshot.phase) {
            return Some(why.to_owned());
        }
        self.seat_refuses(ask, snapshot).or_else(|| lacks(command, snapshot))
    }

    /// Why only another one may ask it.
    pub(super) fn seat_refuses(&self, ask: Ask, snapshot: &Snapshot) -> Option<String> {
        let driver = other_driver(snapshot, self.me.as_ref()).filter(|_| ask.is_drivers())?;
        Some(format!("{} drives: only the driver may {}; T takes control", driver.name, ask.verb()))
    }
}

/// What the command is about is not there.
fn lacks(command: &Command, snapshot: &Snapshot) -> Option<String> {
    let is_foreign = snapshot.rollback.as_ref().is_some_and(|rollback| rollback.state == RollbackState::Foreign);
    // Before the first step what is there already may be taken, and no drift says that there is something.
    let has_moved = snapshot.rollback.is_some() || snapshot.steps.iter().any(|step| step.reached.is_some());
    let why = match command {
        Command::Adopt if snapshot.drift.is_none() && !is_foreign && has_moved => NOTHING_TO_ADOPT,
        Command::Complete => match &snapshot.drift {
            Some(drift) if drift.towards_stable => return None,
            Some(_) => TOWARDS_CANDIDATE,
            None => NOTHING_TO_COMPLETE,
        },
        Command::SendAgain if !is_foreign => NOTHING_FOREIGN,
        Command::Suspend { lasting, .. } if lasting.is_zero() || *lasting > SUSPEND_MAX => SUSPENDED_TOO_LONG,
        Command::Adopt
        | Command::SendAgain
        | Command::Suspend { .. }
        | Command::Advance { .. }
        | Command::Resume { .. }
        | Command::Reassert { .. }
        | Command::Rollback { .. }
        | Command::Hold
        | Command::Take
        | Command::Approve
        | Command::Unsuspend
        | Command::RunHook { .. }
        | Command::StopHook { .. }
        | Command::Note { .. }
        | Command::End => return None,
    };
    Some(why.to_owned())
}
