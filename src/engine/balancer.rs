//! The balancer as it was last read, and what differs from what this run set.

use super::planted::{Bug, planted};
use super::window::Freshness;
use super::{Baseline, Effect, Engine, Fact, Mode, Severity, share};
use crate::domain::{BalancerState, Clean, EffectId, Mono, Readiness, Role, Setting, Split, Wall, Weights};
use share::Configured;
use std::time::Duration;

/// Time between reads while something is to be read back. After one that failed it is half of that at least, and spread:
/// reads that each wait for the whole of a timeout would else beat in step with a balancer that comes and goes, and miss
/// it every time.
const READ_BACK_INTERVAL: Duration = Duration::from_millis(250);
/// Weights that are told of a change: two nodes with two servers a side.
const DIFFERENCES_TOLD: usize = 8;

/// What is known of the balancer.
#[derive(Debug)]
pub(super) struct BalancerView {
    /// The newest read in which every node answered: when it was finished, and what it said.
    pub seen: Option<(Mono, BalancerState)>,
    /// When that read began: what was written later cannot be in it.
    pub seen_started: Option<Mono>,
    /// How long the newest read took.
    pub took: Duration,
    /// What the newest read comes to, partial ones included.
    pub configured: Option<Configured>,
    /// The nodes that were last seen to serve nobody.
    pub unserved: Vec<usize>,
    /// When a whole read first showed another setting than the one before, whoever made it.
    pub moved_at: Option<Mono>,
    /// What somebody else has set since, on the nodes that answered while another did not.
    pub others: Setting,
    /// Whether the keeper before this one, of a run that was complete, last saw something else there.
    pub was_elsewhere: bool,
    /// Why the newest read failed, in whole or in part.
    pub failure: Option<Clean>,
    /// The candidate's own rate when the read under way was asked for, and since when that was counted: what the read
    /// shows came later.
    pub rate_before: Option<(f64, Mono)>,
    reading: Option<EffectId>,
    next_at: Mono,
    /// Somebody wants a read that begins after now.
    soon: bool,
}

impl BalancerView {
    pub fn new(now: Mono) -> Self {
        Self {
            seen: None,
            seen_started: None,
            took: Duration::ZERO,
            configured: None,
            unserved: Vec::new(),
            moved_at: None,
            others: Setting::default(),
            was_elsewhere: false,
            failure: None,
            rate_before: None,
            reading: None,
            next_at: now,
            soon: false,
        }
    }

    /// When the next read is due; `None` while one is under way.
    pub fn due(&self) -> Option<Mono> {
        self.reading.is_none().then_some(self.next_at)
    }

    /// The next read begins as soon as none is under way.
    pub fn read_soon(&mut self, now: Mono) {
        self.next_at = self.next_at.min(now);
        self.soon = self.reading.is_some();
    }

    /// When every node last answered.
    pub fn at(&self) -> Option<Mono> {
        self.seen.as_ref().map(|(at, _)| *at)
    }

    /// Whether a newer read than the newest whole one failed somewhere; only such a one shows another hand on a part.
    pub fn may_be_otherwise(&self) -> bool {
        self.failure.is_some()
    }

    /// The split of the newest read, as far as its nodes answered.
    pub fn split(&self) -> Option<Split> {
        self.configured.as_ref().map(Configured::split)
    }

    /// The tag of the newest whole read.
    pub fn tag(&self) -> Option<String> {
        self.seen.as_ref().and_then(|(_, state)| state.tag.clone())
    }
}

/// The balancer holds something that this run did not last set.
#[derive(Debug, Clone)]
pub(super) struct Drift {
    pub from: Split,
    pub to: Split,
    pub setting: Setting,
    pub since: Mono,
    pub since_wall: Wall,
    /// The weights that differ, node by node, in words.
    pub differences: String,
    /// Which change it is since the last step or adoption, from 1: each but the first undid a re-assert.
    pub times: u32,
    /// Whether setting again what this run last set gives the candidate more on no node.
    pub may_be_undone: bool,
    /// Whether it is made of this run's own settings: a late or half-applied write, or a reload.
    pub own: bool,
}

impl Drift {
    pub fn is_towards_stable(&self) -> bool {
        self.to <= self.from
    }

    /// What a person may do about it: a move towards stable may be completed and never undone.
    pub fn offer(&self) -> &'static str {
        match (self.is_towards_stable(), self.may_be_undone) {
            (true, false) => ":adopt or :complete",
            (true, true) => ":adopt, :reassert or :complete",
            (false, true) => ":adopt or :reassert, or R rolls back",
            (false, false) => ":adopt, or R rolls back",
        }
    }

    /// What changed, from what to what, by whom as far as anybody knows.
    fn change(&self) -> String {
        let who = if self.own {
            "an earlier or half-applied setting of this run, or another hand's"
        } else {
            "by somebody else"
        };
        let again = self.fight_words().map_or_else(String::new, |words| format!(", {words}"));
        format!("candidate {} → {}, {who}{again}", self.from, self.to)
    }

    /// What changed, since when, and where.
    pub fn words(&self) -> String {
        format!("{}, since {} ({})", self.change(), self.since_wall.clock(), self.differences)
    }

    /// Once a re-assert was undone, two hands are at it.
    pub fn fight_words(&self) -> Option<String> {
        let times = self.times;
        (times > 1).then(|| format!("TIME {times}: two hands are fighting over it, talk before going on"))
    }
}

impl Engine {
    pub(super) fn read_when_due(&mut self, out: &mut Vec<Effect>) {
        if self.balancer.reading.is_some() || self.now < self.balancer.next_at {
            return;
        }
        let id = self.new_effect();
        self.balancer.reading = Some(id);
        self.balancer.rate_before = self.candidate_rate().zip(self.rate_begins(Role::Candidate));
        out.push(Effect::ReadSplit { id });
    }

    pub(super) fn balancer_read(&mut self, id: EffectId, started: Mono, state: &BalancerState, out: &mut Vec<Effect>) {
        if self.balancer.reading == Some(id) {
            self.balancer.reading = None;
        }
        self.balancer.took = self.now.since(started);
        let waits = self.shift.is_some() || self.rollback.as_ref().is_some_and(|rollback| !rollback.is_confirmed());
        let interval = match (std::mem::take(&mut self.balancer.soon), waits) {
            (true, _) => Duration::ZERO,
            (false, true) if state.setting().is_err() && !planted(Bug::ReadsInStep) => {
                READ_BACK_INTERVAL.mul_f64(0.5 + self.spread() * 0.5)
            }
            (false, true) => READ_BACK_INTERVAL,
            (false, false) => self.plan.traffic_interval(),
        };
        self.balancer.next_at = self.now + interval;
        self.balancer.configured = share::configured(&self.layout, state);
        self.judge_unserved(state, out);
        match state.setting() {
            Err(why) => {
                self.balancer_unreadable(&why.clone(), out);
                self.partly_seen(started, state, out);
            }
            Ok(setting) => {
                if self.balancer.failure.take().is_some() {
                    self.say(Severity::Info, None, "balancer answers again", Fact::Line, out);
                }
                if self.balancer.seen.as_ref().is_some_and(|(_, before)| before.setting() != state.setting()) {
                    self.balancer.moved_at = Some(self.now);
                }
                self.balancer.seen = Some((self.now, state.clone()));
                self.balancer.seen_started = Some(started);
                self.setting_seen(started, &setting, state, out);
            }
        }
    }

    /// Takes note of nodes that serve nobody. On one that does not answer, what was seen there last counts.
    fn judge_unserved(&mut self, state: &BalancerState, out: &mut Vec<Effect>) {
        let mut unserved = share::serving_nobody(&self.layout, state);
        let is_silent = |node: &&usize| state.nodes.get(**node).is_none_or(|node| node.slots.is_err());
        unserved.extend(self.balancer.unserved.iter().filter(is_silent));
        if unserved == self.balancer.unserved {
            return;
        }
        self.balancer.unserved = unserved;
        let (severity, words) = match self.unserved_words() {
            Some(words) => (Severity::Critical, words),
            None => (Severity::Info, "every node of the balancer serves somebody again".to_owned()),
        };
        self.say(severity, None, words, Fact::Line, out);
    }

    fn balancer_unreadable(&mut self, why: &Clean, out: &mut Vec<Effect>) {
        if self.balancer.failure.as_ref() != Some(why) {
            self.say(Severity::Warn, None, format!("balancer cannot be read: {why}"), Fact::Line, out);
        }
        self.balancer.failure = Some(why.clone());
    }

    /// Some nodes, or none, answered. No rollback fights another hand on those that did.
    fn partly_seen(&mut self, started: Mono, state: &BalancerState, out: &mut Vec<Effect>) {
        let setting = state.readable_setting();
        if self.rollback.is_some() && !setting.0.is_empty() {
            self.know_late_nodes(started, &setting);
            self.rollback_seen(started, &setting, false, out);
        } else if self.mode == Mode::Drive && self.baseline.is_some() {
            self.judge_others(&setting, out);
            // Also by weights that this run knows: a node that was started anew has those of before.
            let is_back = self.completed.is_some() && share::serves(&self.layout, &setting, Role::Stable);
            if is_back && !planted(Bug::HookOutlivesDrift) {
                self.stop_hooks_of_after(out);
            }
            self.judge_no_return(&setting, out);
        }
        self.rollback_unseen(started);
    }

    /// Takes note of another hand on the nodes that answered. On a node that does not, what was seen there last counts.
    fn judge_others(&mut self, setting: &Setting, out: &mut Vec<Effect>) {
        let mut others = self.balancer.others.clone();
        others.0.retain(|slot, _| !setting.0.contains_key(slot));
        others.0.extend(self.ledger.others(setting).0);
        if others == self.balancer.others {
            return;
        }
        let is_told =
            |(slot, weight)| self.drift.as_ref().is_some_and(|drift| drift.setting.0.get(slot) == Some(weight));
        if !others.0.iter().all(is_told) {
            let mut wanted = self.expected.clone().unwrap_or_default();
            wanted.0.retain(|slot, _| others.0.contains_key(slot));
            let differences = self.differences(&wanted, &others);
            let text = format!("somebody else set a node that answers; no auto-rollback; R rolls back ({differences})");
            self.say(Severity::Critical, None, text, Fact::Line, out);
        }
        if share::serves(&self.layout, &others, Role::Stable) {
            self.stop_hooks_of_after(out);
        }
        self.balancer.others = others;
    }

    /// What a person who rolls back sees to be somebody else's: of the newest whole read, and of the nodes that answered
    /// since.
    pub(super) fn others_on_screen(&self) -> Option<Setting> {
        let mut seen = self.drift.as_ref().map(|drift| drift.setting.clone()).unwrap_or_default();
        seen.0.extend(self.balancer.others.0.clone());
        (!seen.0.is_empty()).then_some(seen)
    }

    fn setting_seen(&mut self, started: Mono, setting: &Setting, state: &BalancerState, out: &mut Vec<Effect>) {
        if self.mode == Mode::Watch {
            return;
        }
        if self.baseline.is_none() {
            self.take_baseline(started, setting, out);
        }
        self.know_late_nodes(started, setting);
        self.ledger.record(&state.reload_setting());
        if self.rollback.is_some() {
            self.rollback_seen(started, setting, true, out);
        } else {
            self.shift_seen(started, setting, out);
            self.judge_drift(setting, out);
            self.judge_no_return(setting, out);
            self.note_idle_rate(setting);
            self.reassert_looked(started, setting, out);
        }
    }

    fn take_baseline(&mut self, started: Mono, setting: &Setting, out: &mut Vec<Effect>) {
        if let Some(rollback) = &self.rollback {
            // Rolled back before it was ever read: what was there before the first attempt ended is the state
            // before the run, perhaps with a part of that attempt.
            if rollback.is_before_first_end(started) {
                self.ledger.record(setting);
            }
            return;
        }
        // By weight: a candidate server that is down now would serve its part as soon as it comes up.
        let split = share::by_weight(&self.layout, setting).unwrap_or_default();
        self.current = split;
        self.expected = Some(setting.clone());
        self.ledger.record(setting);
        self.baseline = Some(Baseline { setting: setting.clone(), split });
        let fact = Fact::Baseline { setting: setting.clone(), split };
        let text = format!("balancer recorded before anything is touched: candidate {split} ({setting})");
        self.say(Severity::Info, None, text, fact, out);
    }

    /// A rollback without a journal goes by one look, which a node may not have answered. What such a node holds when it is
    /// first seen is the state before the run, and nobody else's setting, unless it has taken a write by then.
    fn know_late_nodes(&mut self, started: Mono, setting: &Setting) {
        let (Some(rollback), Some(baseline)) = (&self.rollback, &mut self.baseline) else { return };
        if !rollback.is_before_first_end(started) {
            return;
        }
        let mut late = setting.clone();
        late.0.retain(|slot, _| !baseline.setting.0.keys().any(|known| known.node == slot.node));
        self.ledger.record(&late);
        baseline.setting.0.extend(late.0);
    }

    /// Compares what the balancer holds with what this run last set. Never fights it.
    pub(super) fn judge_drift(&mut self, setting: &Setting, out: &mut Vec<Effect>) {
        // All nodes answer: from here on it is a drift, or is gone.
        let was_others = !std::mem::take(&mut self.balancer.others).0.is_empty();
        let was_elsewhere = std::mem::take(&mut self.balancer.was_elsewhere);
        let Some(expected) = &self.expected else { return };
        // A write under way explains its own setting and every mixture of it with the one before.
        let explained_by =
            self.shift.as_ref().filter(|shift| shift.was_sent() && shift.explains(setting, &self.ledger));
        let by_a_step = explained_by.is_some_and(|shift| shift.step().is_some());
        let is_known = self.drift.is_some() || planted(Bug::ReassertHidesDrift);
        if explained_by.is_some() && !by_a_step && setting != expected && is_known {
            // A re-assert that has not landed leaves the drift what it was. Where none is known it hides none: what it
            // goes over is somebody else's.
            return;
        }
        let overruled = planted(Bug::ColleagueOverruled) && share::is_all_stable(&self.layout, setting);
        if setting == expected || by_a_step || overruled {
            if self.drift.take().is_some() || was_others || was_elsewhere {
                let fact = self.watch_anew(false);
                self.say(Severity::Info, None, "the balancer holds what this run set again", fact, out);
            }
            return;
        }
        if self.drift.as_ref().is_some_and(|drift| drift.setting == *setting) {
            return;
        }
        let drift = Drift {
            // By weight as well: what makes a step of the servers that are up is another share of all of them.
            from: share::by_weight(&self.layout, expected).unwrap_or(self.current),
            to: share::by_weight(&self.layout, setting).unwrap_or_default(),
            setting: setting.clone(),
            since: self.now,
            since_wall: self.wall,
            differences: self.differences(expected, setting),
            times: self.reasserts + 1,
            may_be_undone: self.may_be_undone(setting),
            own: self.ledger.is_own(setting),
        };
        // Near the front: a narrow log cuts the rest.
        let stays = if drift.own { "" } else { "; no auto-rollback" };
        let text =
            format!("DRIFT: {}{stays}; forward is frozen; {} ({})", drift.change(), drift.offer(), drift.differences);
        self.drift = Some(drift);
        let fact = self.watch_anew(true);
        self.say(Severity::Critical, None, text, fact, out);
        if share::serves(&self.layout, setting, Role::Stable) && !planted(Bug::HookOutlivesDrift) {
            self.stop_hooks_of_after(out);
        }
    }

    /// The weights that differ, each from what to what, node by node where there are several.
    pub(super) fn differences(&self, from: &Setting, to: &Setting) -> String {
        let weight = |weight: Option<&u32>| match (weight, self.layout.weights) {
            (None, _) => "?".to_owned(),
            (Some(weight), Weights::Percent) => format!("{}%", f64::from(*weight) / 1000.0),
            (Some(weight), Weights::Relative { .. }) => weight.to_string(),
        };
        let mut node = None;
        let mut words = Vec::new();
        let slots = self.layout.slots.iter().map(|(slot, _)| slot);
        let differing: Vec<_> = slots.filter(|slot| from.0.get(slot) != to.0.get(slot)).collect();
        for slot in differing.iter().take(DIFFERENCES_TOLD) {
            let is_new = self.layout.nodes.len() > 1 && node.replace(slot.node) != Some(slot.node);
            let place = if is_new { format!("{}: ", self.layout.nodes[slot.node]) } else { String::new() };
            let (was, is) = (weight(from.0.get(slot)), weight(to.0.get(slot)));
            words.push(format!("{place}{} {was} → {is}", Clean::new(&slot.name)));
        }
        let more = differing.len().saturating_sub(DIFFERENCES_TOLD);
        words.extend((more > 0).then(|| format!("{more} more")));
        words.join(", ")
    }

    /// The nodes that differ, each with its candidate share wanted and there.
    pub(super) fn drift_nodes(&self, drift: &Drift) -> Vec<(Clean, Option<f64>, Option<f64>)> {
        let Some(expected) = &self.expected else { return Vec::new() };
        let differs = |node: &usize| !share::is_same_on(*node, expected, &drift.setting);
        let share = |setting: &Setting, node| share::of_node(&self.layout, setting, node);
        let nodes = (0..self.layout.nodes.len()).filter(differs);
        nodes
            .map(|node| (self.layout.nodes[node].clone(), share(expected, node), share(&drift.setting, node)))
            .collect()
    }

    /// What a read takes longer the next one is later: at most as long as one may take.
    pub(super) fn balancer_takes(&self) -> Duration {
        self.balancer.took.min(self.plan.traffic.timeout)
    }

    /// How old a read may be. The next begins a poll after it, and takes its time as well.
    pub(super) fn balancer_freshness(&self) -> Freshness {
        let Freshness { late, stale } = Freshness::of(self.plan.poll.balancer);
        Freshness { late: late + self.balancer_takes(), stale: stale + self.balancer_takes() }
    }

    /// Whether what the balancer holds is known as of now.
    pub(super) fn balancer_is_known(&self) -> bool {
        self.balancer.at().is_some_and(|at| self.now.since(at) <= self.balancer_freshness().stale)
    }

    /// `lb2 serves nobody: no server with weight is up`: whoever is sent there gets an error, whatever its weights say.
    pub(super) fn unserved_words(&self) -> Option<String> {
        let names: Vec<&str> = self.balancer.unserved.iter().map(|node| self.layout.nodes[*node].as_str()).collect();
        let verb = if names.len() == 1 { "serves" } else { "serve" };
        (!names.is_empty()).then(|| format!("{} {verb} nobody: no server with weight is up", names.join(", ")))
    }

    /// How many of one side's slots serve, of how many, when the balancer tells.
    pub(super) fn slots_up(&self, role: Role) -> Option<(usize, usize)> {
        let (_, state) = self.balancer.seen.as_ref()?;
        let (mut up, mut all) = (0, 0);
        for (slot, _) in self.layout.slots.iter().filter(|(_, slot_role)| *slot_role == role) {
            match state.slot(slot)?.readiness {
                Readiness::Up => up += 1,
                Readiness::Down => {}
                Readiness::Unknown => return None,
            }
            all += 1;
        }
        Some((up, all))
    }
}
