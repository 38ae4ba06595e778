//! The operator's own programs: a person has one run, never the engine by itself. Each run is written down before it
//! begins and when it ended, and a pass can be what a step needs.
//!
//! A hook touches none of the engine's own state but its own: it runs beside whatever moves, and holds up nothing.

use super::command::{Answered, refuse};
use super::forward::INTENT_WAIT;
use super::gates::whole_seconds;
use super::planted::{Bug, planted};
use super::{Effect, Engine, Entry, Fact, Mode, Phase, Severity};
use crate::domain::{Clean, EffectId, Mono, Person, Split, Verdict, Wall, duration_words};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Lines of output that are kept: more than a panel shows at once, and what most programs say of a failure.
pub const TAIL_LINES_MAX: usize = 40;
/// Bytes of output that are kept: as many lines of 100 characters. Sixty such entries in a snapshot's log are half of
/// the largest frame, when each byte needs two in JSON.
pub const TAIL_BYTES_MAX: usize = 4096;
/// Longest line of output that is kept, in characters: two rows of a wide screen.
pub const TAIL_CHARS_MAX: usize = 200;

/// The end of what a program has printed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tail {
    /// The newest lines, oldest first; at most [`TAIL_LINES_MAX`] of them and [`TAIL_BYTES_MAX`] bytes.
    pub lines: VecDeque<Clean>,
    /// All lines so far.
    pub printed: u64,
}

impl Tail {
    /// The newest lines, as far as there is room for them, of so many.
    pub fn of(lines: &[Clean], printed: u64) -> Self {
        let mut tail = Self::default();
        for line in lines {
            tail.push(line);
        }
        Self { printed, ..tail }
    }

    /// Takes one more line in; the oldest go when there is no room.
    pub fn push(&mut self, line: &Clean) {
        self.printed += 1;
        self.lines.push_back(shortened(line));
        let bytes = |lines: &VecDeque<Clean>| lines.iter().map(|line| line.as_str().len()).sum::<usize>();
        while self.lines.len() > TAIL_LINES_MAX || bytes(&self.lines) > TAIL_BYTES_MAX {
            self.lines.pop_front();
        }
    }

    /// Lines that were printed before those that are kept.
    pub fn before(&self) -> u64 {
        self.printed.saturating_sub(self.lines.len() as u64)
    }

    /// The newest line that says something.
    pub fn last(&self) -> Option<&Clean> {
        self.lines.iter().rev().find(|line| !line.as_str().trim().is_empty())
    }
}

fn shortened(line: &Clean) -> Clean {
    match line.as_str().char_indices().nth(TAIL_CHARS_MAX) {
        Some((end, _)) => Clean::new(format!("{}...(cut)", &line.as_str()[..end])),
        None => line.clone(),
    }
}

/// How a run of a hook ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookEnd {
    /// The program ended with this code: 0 is a pass.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// It took longer than it may; it was ended with everything it had started.
    TimedOut,
    /// It did not stop writing, and was ended.
    TooMuch,
    /// Somebody stopped it.
    Stopped,
    /// It was never started, and why.
    NotStarted(Clean),
    /// Nobody knows how it ended, and why.
    Unknown(Clean),
}

impl HookEnd {
    /// What it says of what was asked.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Exited(0) => Verdict::Pass,
            Self::Exited(_) | Self::Killed(_) | Self::TimedOut | Self::TooMuch => Verdict::Fail,
            Self::Stopped | Self::NotStarted(_) | Self::Unknown(_) => Verdict::Unknown,
        }
    }

    /// `failed (exit 2)`; `limit` is how long it might take.
    pub fn words(&self, limit: Duration) -> String {
        match self {
            Self::Exited(0) => "passed".to_owned(),
            Self::Exited(code) => format!("failed (exit {code})"),
            Self::Killed(signal) => format!("failed (ended by signal {signal})"),
            Self::TimedOut => format!("failed (not done within {})", duration_words(limit)),
            Self::TooMuch => "failed (it did not stop writing)".to_owned(),
            Self::Stopped => "was stopped".to_owned(),
            Self::NotStarted(why) => format!("was not started: {why}"),
            Self::Unknown(why) => format!("ended, nobody knows how: {why}"),
        }
    }
}

/// How a hook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookState {
    /// It never ran in this run.
    Never,
    /// It is running.
    Running,
    /// It is running, and somebody has asked to stop it.
    Stopping,
    /// Its last run passed.
    Passed,
    /// Its last run failed.
    Failed,
    /// Nobody knows what its last run would have said.
    Unknown,
}

/// A hook, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookView {
    /// Its name: what `:run` takes.
    pub name: Clean,
    /// What it is for.
    pub says: Clean,
    /// What it starts.
    pub runs: Clean,
    /// How it stands.
    pub state: HookState,
    /// The same in words: `passed 3 min ago`.
    pub words: Clean,
    /// Why it may not run now, whoever asks.
    pub locked: Option<Clean>,
    /// Whether it asks before it runs.
    pub asks: bool,
    /// Who had it run, now or the last time.
    pub by: Option<Clean>,
    /// When the present run was asked for.
    pub since: Option<Mono>,
    /// How long a run may take.
    pub limit: Duration,
    /// The last run's exit code, where it had one.
    pub exit: Option<i32>,
    /// When the last run ended, for people.
    pub ended: Option<Wall>,
    /// How long ago that was when the snapshot was taken.
    pub age: Option<Duration>,
    /// How long the last run took.
    pub took: Option<Duration>,
    /// The step that it must have passed before.
    pub before: Option<Split>,
    /// How old such a pass may be.
    pub fresh: Duration,
    /// What it printed, now or the last time.
    pub tail: Tail,
}

/// One hook of the plan, as this run knows it.
#[derive(Debug, Default)]
pub(super) struct HookStand {
    run: Option<Run>,
    last: Option<Last>,
}

/// A run that has not ended.
#[derive(Debug)]
struct Run {
    by: Person,
    at: Mono,
    wall: Wall,
    stage: Stage,
    tail: Tail,
    is_stopping: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its record is on its way to the disk.
    Intended { journal: EffectId },
    /// It is in the keeper's hands.
    UnderWay { id: EffectId },
    /// A keeper that is gone had it; how it ended nobody heard.
    Lost,
}

/// A run that has ended.
#[derive(Debug)]
struct Last {
    by: Person,
    end: HookEnd,
    wall: Wall,
    /// It was this old then.
    age: (Duration, Mono),
    took: Option<Duration>,
    tail: Tail,
    /// Why it counts no longer, whatever it said.
    void: Option<&'static str>,
}

impl Last {
    fn age(&self, now: Mono) -> Duration {
        self.age.0 + now.since(self.age.1)
    }
}

/// What the last words of a gate or a panel say of a time that has passed: whole minutes after the first.
fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    let whole = if seconds < 60 { seconds } else { seconds / 60 * 60 };
    format!("{} ago", duration_words(Duration::from_secs(whole)))
}

impl Engine {
    fn hook_named(&self, name: &Clean) -> Result<usize, Vec<Clean>> {
        let hooks = &self.plan.hooks;
        hooks.iter().position(|hook| hook.name == *name).map_or_else(
            || {
                let names: Vec<&str> = hooks.iter().map(|hook| hook.name.as_str()).collect();
                let has =
                    if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
                refuse(format!("the plan has no hook {:?}: {has}", name.as_str()))
            },
            Ok,
        )
    }

    pub(super) fn run_hook(&mut self, by: &Person, name: &Clean, out: &mut Vec<Effect>) -> Answered {
        let hook = self.hook_named(name)?;
        self.pass_hooks(out);
        if let Some(run) = &self.hooks[hook].run {
            let text =
                format!("{name} is running since {}, by {}: :stop {name} ends it", run.wall.clock(), run.by.name);
            return refuse(text);
        }
        if let Some(why) = self.hook_locked(hook) {
            return refuse(why);
        }
        let plan = &self.plan.hooks[hook];
        let text =
            format!("{by} runs {name}: {} (at most {})", plan.script.brief(), duration_words(plan.script.timeout));
        let journal = self.say(Severity::Info, Some(by), &text, Fact::HookStarted { hook: name.clone() }, out);
        self.hooks[hook].run = Some(Run {
            by: by.clone(),
            at: self.now,
            wall: self.wall,
            stage: Stage::Intended { journal },
            tail: Tail::default(),
            is_stopping: false,
        });
        Ok(text.into())
    }

    /// Why a hook of after the cutover may not run: what switches stable off must not run while stable is what one
    /// rolls back to, or has rolled back to.
    fn hook_locked(&self, hook: usize) -> Option<String> {
        let plan = &self.plan.hooks[hook];
        let after = plan.only_after_complete?;
        let (name, phase) = (&plan.name, self.phase());
        if phase != Phase::Complete {
            let (word, split) = (phase.word(), self.read_back_split());
            return Some(format!("{name} runs only once the cutover is complete; it is {word} at {split}"));
        }
        let (holds, trouble) = self.configured_agrees();
        if holds != Some(true) && !(holds.is_none() && planted(Bug::HookOnUnread)) {
            return Some(format!("{name} runs only while the balancer is seen to hold {}; {trouble}", self.current));
        }
        // Counted as the watch is: what nobody saw says nothing of whether stable may go.
        let left = Duration::from_secs(whole_seconds(after.saturating_sub(self.watched)));
        let words = || format!("{name} runs only {} after COMPLETE", duration_words(after));
        (!left.is_zero()).then(|| format!("{}: {} to go", words(), duration_words(left)))
    }

    /// Stops a run. Whoever may hold may do it: what a program does to production need not wait for its driver.
    pub(super) fn stop_hook(&mut self, by: &Person, name: &Clean, out: &mut Vec<Effect>) -> Answered {
        let hook = self.hook_named(name)?;
        self.pass_hooks(out);
        let Some(run) = &mut self.hooks[hook].run else {
            return Ok(format!("{name} is not running").as_str().into());
        };
        if run.is_stopping {
            return Ok(format!("{name} is being stopped").as_str().into());
        }
        run.is_stopping = true;
        let stage = run.stage;
        let text = format!("{by} stops {name}");
        self.say(Severity::Warn, Some(by), &text, Fact::Line, out);
        match stage {
            Stage::UnderWay { id } => out.push(Effect::StopHook { id }),
            Stage::Intended { .. } | Stage::Lost => self.hook_over(hook, HookEnd::Stopped, Tail::default(), out),
        }
        Ok(text.into())
    }

    /// A run begins once its record is on disk: what it changes must not be unrecorded.
    pub(super) fn hook_journaled(&mut self, id: EffectId, result: &Result<(), Clean>, out: &mut Vec<Effect>) {
        let is_its =
            |stand: &HookStand| stand.run.as_ref().is_some_and(|run| run.stage == Stage::Intended { journal: id });
        let Some(hook) = self.hooks.iter().position(is_its) else { return };
        if let Err(why) = result
            && !planted(Bug::RunsUnrecorded)
        {
            let why = Clean::new(format!("its record could not be written to the journal: {why}"));
            return self.hook_over(hook, HookEnd::NotStarted(why), Tail::default(), out);
        }
        // Time has passed since the key: a rollback may have been accepted.
        let is_asked_again = self.rollback.is_none() || !planted(Bug::HookBeginsBesideBack);
        if let Some(why) = self.hook_locked(hook).filter(|_| is_asked_again) {
            return self.hook_over(hook, HookEnd::NotStarted(Clean::new(why)), Tail::default(), out);
        }
        let (id, split) = (self.new_effect(), self.read_back_split());
        if let Some(run) = &mut self.hooks[hook].run {
            run.stage = Stage::UnderWay { id };
            out.push(Effect::RunHook { id, hook, by: run.by.name.clone(), split });
        }
    }

    /// The candidate's share that was last read back: a step's, until a rollback's was.
    fn read_back_split(&self) -> Split {
        let is_back = self.rollback.as_ref().is_some_and(|rollback| rollback.read_back.is_some());
        if is_back && !planted(Bug::HookToldOfBefore) { Split::ALL_STABLE } else { self.current }
    }

    fn hook_under_way(&self, id: EffectId) -> Option<usize> {
        self.hooks.iter().position(|stand| stand.run.as_ref().is_some_and(|run| run.stage == Stage::UnderWay { id }))
    }

    pub(super) fn hook_printed(&mut self, id: EffectId, tail: &Tail) {
        if let Some(hook) = self.hook_under_way(id)
            && let Some(run) = &mut self.hooks[hook].run
        {
            run.tail = tail.clone();
        }
    }

    pub(super) fn hook_ended(&mut self, id: EffectId, end: &HookEnd, tail: &Tail, out: &mut Vec<Effect>) {
        if let Some(hook) = self.hook_under_way(id) {
            self.hook_over(hook, end.clone(), tail.clone(), out);
        }
    }

    fn hook_over(&mut self, hook: usize, end: HookEnd, tail: Tail, out: &mut Vec<Effect>) {
        let Some(run) = self.hooks[hook].run.take() else { return };
        let plan = &self.plan.hooks[hook];
        let was_started = matches!(run.stage, Stage::UnderWay { .. }) && !matches!(end, HookEnd::NotStarted(_));
        let took = was_started.then(|| self.now.since(run.at));
        let lasting = took.map_or_else(String::new, |took| format!(" after {:.1} s", took.as_secs_f64()));
        let last = tail.last().map_or_else(String::new, |line| format!(": {line}"));
        let text = format!("{} {}{lasting}{last}", plan.name, end.words(plan.script.timeout));
        let severity = if end.verdict() == Verdict::Pass { Severity::Info } else { Severity::Warn };
        let fact = Fact::HookEnded { hook: plan.name.clone(), end: end.clone(), took, tail: tail.clone() };
        self.say(severity, Some(&run.by), text, fact, out);
        let age = (Duration::ZERO, self.now);
        self.hooks[hook].last = Some(Last { by: run.by, end, wall: self.wall, age, took, tail, void: None });
    }

    /// What a dead keeper had running, and what the disk does not take.
    pub(super) fn pass_hooks(&mut self, out: &mut Vec<Effect>) {
        for hook in 0..self.hooks.len() {
            let Some(run) = &self.hooks[hook].run else { continue };
            match run.stage {
                Stage::Lost => {
                    let why = HookEnd::Unknown("the keeper ended while it ran".into());
                    self.hook_over(hook, why, Tail::default(), out);
                }
                Stage::Intended { .. } if self.now.since(run.at) >= INTENT_WAIT => {
                    let why = format!("the disk has not taken its record in {} s", INTENT_WAIT.as_secs());
                    self.hook_over(hook, HookEnd::NotStarted(Clean::new(why)), Tail::default(), out);
                }
                Stage::Intended { .. } | Stage::UnderWay { .. } => {}
            }
        }
    }

    /// The run that has not ended, if one has not.
    pub(super) fn running_hook(&self) -> Option<&Clean> {
        let running = self.hooks.iter().position(|stand| stand.run.is_some())?;
        Some(&self.plan.hooks[running].name)
    }

    /// What is for after the cutover switches off what a rollback goes back to, and what another hand may have gone back
    /// to: it is not begun any more, and ends where it runs. Whatever else runs goes on.
    pub(super) fn stop_hooks_of_after(&mut self, out: &mut Vec<Effect>) {
        for hook in 0..self.hooks.len() {
            let Some(why) = self.hook_locked(hook).filter(|_| !planted(Bug::HookOutlivesBack)) else { continue };
            let Some(run) = &mut self.hooks[hook].run else { continue };
            // What was decided on in this very turn has not been started yet.
            let effects = out.len();
            out.retain(|effect| !matches!(effect, Effect::RunHook { hook: begun, .. } if *begun == hook));
            match (run.stage, out.len() < effects) {
                (Stage::Intended { .. }, _) if planted(Bug::HookBeginsBesideBack) => {}
                (Stage::Intended { .. }, _) | (Stage::UnderWay { .. }, true) => {
                    self.hook_over(hook, HookEnd::NotStarted(Clean::new(why)), Tail::default(), out);
                }
                (Stage::UnderWay { id }, false) if !run.is_stopping => {
                    run.is_stopping = true;
                    let text = format!("{} is stopped under way: {why}", self.plan.hooks[hook].name);
                    self.say(Severity::Critical, None, text, Fact::Line, out);
                    out.push(Effect::StopHook { id });
                }
                (Stage::UnderWay { .. } | Stage::Lost, _) => {}
            }
        }
    }

    /// What was tried before a rollback says nothing of what comes after it.
    pub(super) fn void_hooks(&mut self) {
        for last in self.hooks.iter_mut().filter_map(|stand| stand.last.as_mut()) {
            last.void = Some("before the rollback");
        }
    }

    pub(super) fn fold_hook_started(&mut self, name: &Clean, entry: &Entry) {
        let by = entry.by.clone().unwrap_or_else(Person::keeper);
        let run =
            Run { by, at: self.now, wall: entry.wall, stage: Stage::Lost, tail: Tail::default(), is_stopping: false };
        if let (Ok(hook), false) = (self.hook_named(name), planted(Bug::RestartForgetsHook)) {
            self.hooks[hook].run = Some(run);
        }
    }

    pub(super) fn fold_hook_ended(
        &mut self,
        name: &Clean,
        (end, tail): (&HookEnd, &Tail),
        took: Option<Duration>,
        entry: &Entry,
    ) {
        let Ok(hook) = self.hook_named(name) else { return };
        let is_to_come = entry.wall > self.wall && !planted(Bug::WallMakesPassYoung);
        let void = is_to_come.then_some("at a time that is still to come");
        let age = if planted(Bug::WallMakesPassYoung) { self.wall.since(entry.wall) } else { self.age_of(entry) };
        self.hooks[hook] = HookStand {
            run: None,
            last: Some(Last {
                by: entry.by.clone().unwrap_or_else(Person::keeper),
                end: end.clone(),
                wall: entry.wall,
                age: (age, self.now),
                took,
                tail: tail.clone(),
                void,
            }),
        };
    }

    /// The hooks that the next step waits for. One that only watches hears of no run.
    pub(super) fn hooks_before_next(&self) -> impl Iterator<Item = usize> + use<'_> {
        let next = self.next_step().filter(|_| self.mode == Mode::Drive);
        let is_for_next = move |hook: &usize| next.is_some() && self.plan.hooks[*hook].required_before == next;
        (0..self.plan.hooks.len()).filter(is_for_next)
    }

    /// The newest run decides: one that has not ended says nothing yet, whatever the one before it said.
    pub(super) fn hook_verdict(&self, hook: usize) -> Verdict {
        let HookStand { run: None, last: Some(last) } = &self.hooks[hook] else { return Verdict::Unknown };
        let is_young = last.age(self.now) <= self.plan.hooks[hook].fresh || planted(Bug::OldPassCounts);
        let is_fresh = last.void.is_none() && is_young;
        if is_fresh { last.end.verdict() } else { last.end.verdict().max(Verdict::Unknown) }
    }

    pub(super) fn hook_words(&self, hook: usize) -> String {
        let plan = &self.plan.hooks[hook];
        let again = format!(":run {}", plan.name);
        let limit = plan.script.timeout;
        match &self.hooks[hook] {
            HookStand { run: Some(run), .. } => {
                let doing = if run.is_stopping { "is being stopped" } else { "is running" };
                let lasting = duration_words(Duration::from_secs(self.now.since(run.at).as_secs()));
                format!("{doing}, {lasting} of at most {}", duration_words(limit))
            }
            HookStand { run: None, last: None } => format!("has not run: {again}"),
            HookStand { run: None, last: Some(last) } => {
                let age = last.age(self.now);
                let is_gate = plan.required_before.is_some();
                let when = last.void.filter(|_| is_gate).map_or_else(|| ago(age), str::to_owned);
                let said = last.tail.last().map_or_else(String::new, |line| format!("; {line}"));
                match last.end.verdict() {
                    Verdict::Pass if is_gate && last.void.is_some() => {
                        format!("passed {when}, which counts no longer: {again}")
                    }
                    Verdict::Pass if is_gate && age > plan.fresh => {
                        // In full: in whole minutes it could seem to be within its time.
                        let age = duration_words(Duration::from_secs(age.as_secs()));
                        format!("too old: passed {age} ago, at most {}: {again}", duration_words(plan.fresh))
                    }
                    Verdict::Pass => format!("passed {when}"),
                    Verdict::Warn | Verdict::Unknown | Verdict::Fail => {
                        format!("{} {when}{said}", last.end.words(limit))
                    }
                }
            }
        }
    }

    pub(super) fn hook_view(&self, hook: usize) -> HookView {
        let plan = &self.plan.hooks[hook];
        let HookStand { run, last } = &self.hooks[hook];
        let state = match (run, last) {
            (Some(Run { is_stopping: true, .. }), _) => HookState::Stopping,
            (Some(_), _) => HookState::Running,
            (None, None) => HookState::Never,
            (None, Some(last)) => match last.end.verdict() {
                Verdict::Pass => HookState::Passed,
                Verdict::Fail => HookState::Failed,
                Verdict::Warn | Verdict::Unknown => HookState::Unknown,
            },
        };
        let by = run.as_ref().map(|run| &run.by).or(last.as_ref().map(|last| &last.by));
        let ended = last.as_ref().filter(|_| run.is_none());
        let tail = run.as_ref().map(|run| &run.tail).or(last.as_ref().map(|last| &last.tail));
        HookView {
            name: plan.name.clone(),
            says: plan.says.clone(),
            runs: Clean::new(plan.script.brief()),
            state,
            words: Clean::new(self.hook_words(hook)),
            locked: self.hook_locked(hook).map(Clean::new),
            asks: plan.asks,
            by: by.map(|by| by.name.clone()),
            since: run.as_ref().map(|run| run.at),
            limit: plan.script.timeout,
            exit: ended.and_then(|last| if let HookEnd::Exited(code) = last.end { Some(code) } else { None }),
            ended: ended.map(|last| last.wall),
            age: ended.map(|last| last.age(self.now)),
            took: ended.and_then(|last| last.took),
            before: plan.required_before.map(|step| self.plan.steps[step].split),
            fresh: plan.fresh,
            tail: tail.cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_holds_so_many_lines_and_so_many_bytes_and_counts_the_rest() {
        let mut tail = Tail::default();
        (0..1000).for_each(|line| tail.push(&Clean::new(format!("line {line}"))));
        assert_eq!((tail.lines.len(), tail.before()), (TAIL_LINES_MAX, 1000 - TAIL_LINES_MAX as u64));
        assert_eq!(tail.last().map(Clean::as_str), Some("line 999"));
        (0..100).for_each(|_| tail.push(&Clean::new("é".repeat(800))));
        let bytes: usize = tail.lines.iter().map(|line| line.as_str().len()).sum();
        assert!(bytes <= TAIL_BYTES_MAX && !tail.lines.is_empty(), "{bytes}");
        assert!(tail.lines[0].as_str().ends_with("é...(cut)"));
    }

    #[test]
    fn the_last_line_is_one_that_says_something() {
        let mut tail = Tail::default();
        assert_eq!(tail.last(), None);
        for line in ["2 failed", "", "  "] {
            tail.push(&Clean::new(line));
        }
        assert_eq!(tail.last().map(Clean::as_str), Some("2 failed"));
    }
}
