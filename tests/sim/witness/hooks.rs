//! The operator's own programs: when one may be started, that each run ends once, and what a pass is good for.

use super::{Back, Read, Rule, Witness};
use std::time::Duration;
use warroom::domain::{Clean, EffectId, Mono, Role, Split};
use warroom::engine::HookEnd;

/// What is known of one of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Hook {
    run: Run,
    /// When its newest run passed, if it did.
    passed: Option<Mono>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Run {
    #[default]
    None,
    /// Its record is on its way to the disk.
    Written,
    /// Its record is on the disk.
    OnDisk,
    UnderWay(EffectId),
    /// Somebody, or the keeper, has asked to end it.
    Stopping(EffectId),
    /// A keeper that is gone had it; the next is to say so.
    Lost,
}

impl Witness<'_> {
    fn hook(&mut self, name: &Clean) -> &mut Hook {
        let place = self.stage.plan.hooks.iter().position(|hook| hook.name == *name);
        &mut self.hooks[place.expect("a hook of the plan")]
    }

    pub(super) fn hook_may_start(&mut self, name: &Clean) {
        if self.hook(name).run != Run::None {
            let what = format!("{name} is begun while it is {:?}", self.hook(name).run);
            self.breaks(Rule::Hooks, what);
        }
    }

    pub(super) fn hook_may_end(&mut self, name: &Clean) {
        if self.hook(name).run == Run::None {
            self.breaks(Rule::Hooks, format!("{name} ends and was not begun"));
        }
        if let Run::UnderWay(id) | Run::Stopping(id) = self.hook(name).run
            && self.ended_hook.take() != Some(id)
        {
            self.breaks(Rule::Hooks, format!("{name} is said to have ended, and nobody heard that it has"));
        }
    }

    pub(super) fn hook_started(&mut self, name: &Clean) {
        self.hook(name).run = Run::Written;
    }

    pub(super) fn hook_recorded(&mut self, name: &Clean) {
        let hook = self.hook(name);
        if hook.run == Run::Written {
            hook.run = Run::OnDisk;
        }
    }

    /// 3: what a program changes is not unrecorded.
    pub(super) fn hook_begins(&mut self, id: EffectId, hook: usize, told: Split) {
        if self.hooks[hook].run != Run::OnDisk || self.watches {
            let what = format!("a program is started, and it is {:?}", self.hooks[hook].run);
            self.breaks(Rule::Hooks, what);
        }
        self.hooks[hook].run = Run::UnderWay(id);
        // 4: the share that it is told of is one that was read back.
        let is_back = self.back.as_ref().is_some_and(Back::is_seen);
        if told != if is_back { Split::ALL_STABLE } else { self.current } {
            let what = format!("a program is told of {told}, at {}, read back: {is_back}", self.current);
            self.breaks(Rule::Hooks, what);
        }
        if let Some(after) = self.stage.plan.hooks[hook].only_after_complete {
            self.may_begin_after(after);
        }
    }

    /// 1 and 8: what may switch stable off waits until everything is seen to be on the candidate for so long.
    fn may_begin_after(&mut self, after: Duration) {
        let stale = (self.stage.plan.poll.balancer * 5).max(Duration::from_secs(5)) + self.took;
        let is_there = self.read.as_ref().is_some_and(|read| {
            let is_over = self.stage.slots(Role::Stable).all(|slot| read.row[slot] == 0);
            is_over && Some(&read.row) == self.expected.as_ref() && self.now.since(read.ended) <= stale
        });
        let is_time = self.completed.is_some_and(|at| self.now.since(at) >= after);
        if !is_there || !self.is_whole || !is_time || self.held || self.back.is_some() {
            let what = format!("for after the cutover, complete since {:?}, last read {:?}", self.completed, self.read);
            self.breaks(Rule::Hooks, what);
        }
    }

    pub(super) fn hook_stops(&mut self, id: EffectId) {
        match self.hooks.iter_mut().find(|hook| hook.run == Run::UnderWay(id)) {
            Some(hook) => hook.run = Run::Stopping(id),
            None => self.breaks(Rule::Hooks, format!("{id:?} is stopped, and does not run")),
        }
    }

    pub(super) fn hook_ended(&mut self, name: &Clean, end: &HookEnd, at: Mono) {
        let passed = (*end == HookEnd::Exited(0)).then_some(at);
        *self.hook(name) = Hook { run: Run::None, passed };
    }

    /// After a restart: what is begun in the journal and not ended there.
    pub(super) fn hooks_are_lost(&mut self) {
        for hook in self.hooks.iter_mut().filter(|hook| hook.run != Run::None) {
            hook.run = Run::Lost;
        }
    }

    /// 9: a run that ended is told in the same turn, and one that was lost in the first.
    pub(super) fn hooks_are_told(&mut self) {
        if let Some(id) = self.ended_hook.take() {
            self.breaks(Rule::Hooks, format!("{id:?} ended, and no line says so"));
        }
        if !self.watches && !self.ended && self.hooks.iter().any(|hook| hook.run == Run::Lost) {
            self.breaks(Rule::Hooks, "a program ran when the keeper died, and no line says so");
        }
        let plans = &self.stage.plan.hooks;
        let mut for_after = self.hooks.iter().zip(plans).filter(|(_, plan)| plan.only_after_complete.is_some());
        let is_stables = |read: &Read| self.stage.slots(Role::Stable).any(|slot| read.row[slot] > 0);
        let is_taken = self.sees_drift() && self.read.as_ref().is_some_and(is_stables);
        let may_run = self.back.is_none() && !is_taken;
        if !may_run && for_after.any(|(hook, _)| matches!(hook.run, Run::UnderWay(_))) {
            self.breaks(Rule::Hooks, "what is for after the cutover goes on while traffic goes back to stable");
        }
    }

    /// Whether the next step waits for a program that does not run.
    pub fn waits_for_hook(&self) -> bool {
        self.needed_hook().is_some_and(|hook| self.hooks[hook].run == Run::None && !self.has_passed(hook))
    }

    fn needed_hook(&self) -> Option<usize> {
        let plan = &self.stage.plan;
        let next = plan.steps.iter().position(|step| step.split > self.current)?;
        plan.hooks.iter().position(|hook| hook.required_before == Some(next))
    }

    fn has_passed(&self, hook: usize) -> bool {
        let fresh = self.stage.plan.hooks[hook].fresh;
        self.hooks[hook].passed.is_some_and(|at| self.now.since(at) <= fresh)
    }

    /// 1: nothing goes forward without the pass that the step waits for.
    pub(super) fn hook_allows(&mut self) {
        let Some(hook) = self.needed_hook() else { return };
        if self.hooks[hook].run != Run::None || !self.has_passed(hook) {
            let what = format!("the program that the step waits for was {:?}", self.hooks[hook]);
            self.breaks(Rule::Readings, what);
        }
    }
}
