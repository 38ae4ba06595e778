//! `:run` and `:stop`: the operator's own programs, by their names in the plan.

use super::dialog::Deed;
use super::{Act, Desk};
use crate::domain::{Clean, Mono, duration_words};
use crate::engine::{Ask, Command, HookState, HookView, Snapshot};
use crate::wire::Status;

/// What is asked of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That it runs.
    Run,
    /// That its run ends.
    Stop,
}

impl Wish {
    fn what(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Stop => "stop",
        }
    }

    fn command(self, hook: Clean) -> Command {
        match self {
            Self::Run => Command::RunHook { hook },
            Self::Stop => Command::StopHook { hook },
        }
    }
}

/// Whether it is running.
pub(super) fn is_running(hook: &HookView) -> bool {
    matches!(hook.state, HookState::Running | HookState::Stopping)
}

/// `runs smoke.sh {candidate_url}, at most 2 min: asks the candidate`.
fn would_run(hook: &HookView) -> String {
    format!("runs {}, at most {}: {}", hook.runs, duration_words(hook.limit), hook.says)
}

fn find<'s>(snapshot: &'s Snapshot, name: &str) -> Result<&'s HookView, String> {
    let hooks = &snapshot.hooks;
    hooks.iter().find(|hook| hook.name.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = hooks.iter().map(|hook| hook.name.as_str()).collect();
        match (name, names.as_slice()) {
            (_, []) => "the plan has no [[hooks]]".to_owned(),
            ("", names) => format!("the name of a hook is missing: {}", names.join(" ")),
            (_, names) => format!("no hook {:?}; there are {}", Clean::new(name).as_str(), names.join(" ")),
        }
    })
}

impl Desk {
    /// What a wish would come to, or why it would be refused.
    pub(super) fn would_wish(&self, wish: Wish, name: &str, snapshot: Option<&Snapshot>) -> Result<String, String> {
        let Some(snapshot) = snapshot else { return Err("the keeper has not been heard yet".to_owned()) };
        let hook = find(snapshot, name)?;
        if wish == Wish::Stop {
            let ends = "ends it with everything that it started; anyone may";
            return if is_running(hook) { Ok(ends.to_owned()) } else { Err(format!("{name} is not running")) };
        }
        if is_running(hook) {
            return Err(format!("{name} {}; :stop {name} ends it", hook.words));
        }
        if let Some(why) = &hook.locked {
            return Err(why.to_string());
        }
        match self.seat_refuses(Ask::RunHook, snapshot) {
            Some(why) => Err(why),
            None if hook.asks => Ok(format!("asks first. It {}", would_run(hook))),
            None => Ok(would_run(hook)),
        }
    }

    /// Sends a wish to the keeper, or asks first where the plan says so.
    pub(super) fn wish(&mut self, wish: Wish, name: &str, now: Mono, status: Option<&Status>, acts: &mut Vec<Act>) {
        let Some(snapshot) = status.map(|status| &status.snapshot) else {
            return self.flash("the keeper has not been heard yet", now);
        };
        let hook = match find(snapshot, name) {
            Ok(hook) => hook,
            Err(why) => return self.flash(why, now),
        };
        let command = wish.command(hook.name.clone());
        if wish == Wish::Run && hook.asks && self.linked && !is_running(hook) && hook.locked.is_none() {
            let words = format!("{}: {}", hook.name, would_run(hook));
            self.ask(Deed::Send(command), wish.what(), words, now);
        } else {
            self.send(command, wish.what(), now, acts);
        }
    }
}
