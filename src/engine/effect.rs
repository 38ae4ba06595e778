//! Everything the engine asks for, and what it writes down.

use super::hooks::{HookEnd, Tail};
use crate::domain::{Clean, EffectId, Epoch, Mono, Person, Setting, Split, Wall};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;

/// Something to be done. Imperative; each yields exactly one [`super::Outcome`] unless it says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write an entry to the journal and sync it.
    Journal {
        /// Its id.
        id: EffectId,
        /// What to write.
        entry: Box<Entry>,
    },
    /// Set the balancer's weights.
    WriteSplit {
        /// Its id.
        id: EffectId,
        /// The epoch at the time of asking.
        epoch: Epoch,
        /// Which way it goes.
        direction: Direction,
        /// Every slot's weight.
        setting: Setting,
        /// Write only if the balancer still carries this tag.
        tag: Option<String>,
    },
    /// Write the weights that are there, to see that a write is taken. A rollback supersedes it as it does a step.
    Rehearse {
        /// Its id.
        id: EffectId,
        /// Every slot's weight, as it is.
        setting: Setting,
        /// Write only if the balancer still carries this tag: nobody's change may be undone by it.
        tag: String,
    },
    /// Read the balancer.
    ReadSplit {
        /// Its id.
        id: EffectId,
    },
    /// Run one of the operator's own programs. It ends by itself, by its timeout or by [`Effect::StopHook`].
    RunHook {
        /// Its id.
        id: EffectId,
        /// Index of the hook in the plan.
        hook: usize,
        /// Who had it run.
        by: Clean,
        /// The candidate's share that this run last had read back: a step's, or 0 once a rollback was.
        split: Split,
    },
    /// End a hook's run. Yields nothing: the run's own outcome follows.
    StopHook {
        /// The effect that runs it.
        id: EffectId,
    },
    /// Stop the keeper. Yields nothing.
    Stop,
}

/// Which way a write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Towards the candidate, or once more what this run last set. A keeper looks for a tombstone before and after it.
    Forward,
    /// Everything to stable.
    Back,
}

/// One line of the run's history: what is shown, logged, journaled and replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the run, from 1.
    pub number: u64,
    /// For people.
    pub wall: Wall,
    /// For ages.
    pub mono: Mono,
    /// How much it matters.
    pub severity: Severity,
    /// Who did it; `None` for what merely happened.
    pub by: Option<Person>,
    /// What the log shows.
    pub text: Clean,
    /// What a restarted keeper needs of it.
    pub fact: Fact,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Info,
    /// Look at it.
    Warn,
    /// Act on it.
    Critical,
}

impl Entry {
    /// The newest whole configuration of the balancer that these entries have, and when it was recorded.
    pub fn newest_configuration(entries: &[Self]) -> Option<(&str, Wall)> {
        entries.iter().rev().find_map(|entry| {
            let Fact::Configuration { state } = &entry.fact else { return None };
            Some((state.as_str(), entry.wall))
        })
    }
}

/// The part of an entry that a restarted keeper folds back into its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// Nothing to remember but the line itself.
    Line,
    /// The same of what a person wrote down, the reason for a rollback among it: they were told that it is noted.
    Note,
    /// The run began.
    Started {
        /// SHA-256 of the frozen plan.
        plan: String,
    },
    /// The balancer's setting before anything was touched.
    Baseline {
        /// Its weights.
        setting: Setting,
        /// Its candidate share.
        split: Split,
    },
    /// Stable's healthy targets before anything was touched.
    TargetsBefore {
        /// How many.
        stable: usize,
    },
    /// The balancer's whole configuration as far as a write could change it, in its own words; first recorded before
    /// anything was touched.
    Configuration {
        /// The words.
        state: String,
    },
    /// A forward write is about to be sent.
    Intent {
        /// Index of the step.
        step: usize,
        /// Its split.
        split: Split,
        /// The weights.
        setting: Setting,
        /// The candidate's own request rate while it had no share yet, where it was known.
        idle_rate: Option<f64>,
    },
    /// The balancer held a step's setting when it was read back.
    Reached {
        /// Index of the step.
        step: usize,
    },
    /// The balancer was seen past a step's point of no return, by whose hand ever.
    PastNoReturn {
        /// Index of the step.
        step: usize,
    },
    /// A forward write did not take effect; the run is where it was.
    Missed {
        /// Index of the step.
        step: usize,
    },
    /// Forward movement stopped.
    Held {
        /// Why.
        why: Clean,
        /// Whether the keeper did it.
        automatic: bool,
    },
    /// A hold was left.
    Resumed,
    /// A balancer setting from outside became the run's own.
    Adopted {
        /// Its weights.
        setting: Setting,
        /// Its candidate share.
        split: Split,
    },
    /// What this run last set is about to be sent again.
    Reasserting {
        /// Its split.
        split: Split,
        /// The weights.
        setting: Setting,
        /// What somebody else set, over which it goes.
        over: Setting,
    },
    /// The balancer held it when it was read back.
    Reasserted,
    /// It was not sent, or did not take effect.
    NotReasserted,
    /// A rollback was accepted. From here on nothing moves forward in this run.
    RollbackAccepted {
        /// Why.
        reason: Clean,
        /// The candidate's share then.
        from: Option<Split>,
        /// The weights it sends.
        setting: Setting,
        /// Whether a guardrail did it.
        automatic: bool,
        /// What differed on screen when a person had it sent over that.
        #[serde(default)]
        over: Option<Setting>,
    },
    /// Somebody else's setting was seen during a rollback: nothing is sent over it.
    Foreign {
        /// Its weights.
        setting: Setting,
    },
    /// A person had the rollback sent over it all the same.
    SentAgain {
        /// The weights it went over.
        setting: Setting,
    },
    /// The rollback's setting was seen.
    RollbackReadBack,
    /// The rollback's setting was seen over the whole lateness window.
    RollbackConfirmed,
    /// A setting of this run is back on the balancer after that, or a person asks for it again and nobody can read the
    /// balancer: the rollback is under way again.
    RollbackUndone,
    /// And the candidate's own requests are at their floor.
    RolledBack,
    /// Somebody approved a step.
    Approved {
        /// Index of the step.
        step: usize,
    },
    /// The driver's seat changed hands.
    Driver,
    /// Automatic rollback was suspended until this time.
    Suspended {
        /// Until.
        until: Wall,
        /// Why; only in the line where an older keeper wrote it.
        #[serde(default)]
        reason: Option<Clean>,
    },
    /// Automatic rollback is on again.
    Unsuspended,
    /// A hook is about to be run.
    HookStarted {
        /// Its name.
        hook: Clean,
    },
    /// A hook's run ended.
    HookEnded {
        /// Its name.
        hook: Clean,
        /// How it ended.
        end: HookEnd,
        /// How long it took, where it was started and seen to end.
        took: Option<Duration>,
        /// The end of what it printed.
        tail: Tail,
    },
    /// 100 % was reached and baked.
    Completed,
    /// After that something else was on the balancer, or is no longer: the watch after 100 % begins anew.
    WatchAnew {
        /// Whether it is there.
        #[serde(default)]
        drifts: bool,
    },
    /// This program got something wrong: forward movement is frozen for the rest of the run.
    Violated {
        /// What.
        why: Clean,
    },
    /// The watch after it is over.
    WatchOver,
    /// The run ended.
    Ended,
}

/// Entries as a newer keeper may tell them: whoever only looks has the line, and of a fact that is not known here no
/// more. A journal is never read so, as whoever goes on from it must know all of it.
pub(super) fn told<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Entry>, D::Error> {
    #[derive(Deserialize)]
    struct Told {
        number: u64,
        wall: Wall,
        mono: Mono,
        severity: Severity,
        by: Option<Person>,
        text: Clean,
        fact: Known,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Known {
        Fact(Fact),
        Newer(IgnoredAny),
    }
    let entry = |Told { number, wall, mono, severity, by, text, fact }| {
        let fact = match fact {
            Known::Fact(fact) => fact,
            Known::Newer(_) => Fact::Line,
        };
        Entry { number, wall, mono, severity, by, text, fact }
    };
    Ok(Vec::<Told>::deserialize(from)?.into_iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Mode, Snapshot};
    use std::path::Path;
    use std::sync::Arc;

    #[test]
    fn a_console_older_than_its_keeper_has_the_line_and_a_journal_is_not_read_so() {
        let text = include_str!("../../config/progressive.toml");
        let plan = Arc::new(crate::plan::load(Path::new("plan.toml"), text).expect("the sample"));
        let (mono, wall) = (Mono::from_micros(0), Wall::from_millis(0));
        let mut told = serde_json::to_value(Engine::new(plan, Mode::Drive, mono, wall, 0).snapshot()).expect("JSON");
        let newer = serde_json::json!({
            "number": 9, "wall": wall, "mono": mono, "severity": "warn", "by": null, "text": "teleported",
            "fact": {"fact": "teleported", "by_hand": true},
        });
        told["log"].as_array_mut().expect("lines").push(newer.clone());
        let snapshot: Snapshot = serde_json::from_value(told).expect("it is drawn");
        let line = snapshot.log.last().expect("the line");
        assert_eq!((line.text.as_str(), &line.fact), ("teleported", &Fact::Line));
        assert!(serde_json::from_value::<Entry>(newer).is_err(), "whoever goes on from it must know all of it");
    }
}
