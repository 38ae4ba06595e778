//! Everything that can happen to a cutover. Facts are in the past tense; nothing else reaches the engine.

use super::hooks::{HookEnd, Tail};
use crate::domain::{
    Absence, BalancerState, Clean, CommandId, EffectId, Mono, Person, Rights, Role, Survey, Verdict, Wall,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An event with its place in the one order of all events and both clocks at that place.
#[derive(Debug, Clone)]
pub struct Stamped {
    /// Grows by one with each event the loop takes.
    pub seq: u64,
    /// For ages and deadlines.
    pub mono: Mono,
    /// For people.
    pub wall: Wall,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Somebody asked for something.
    Commanded(Request),
    /// A console came.
    ConsoleCame {
        /// Its number with this keeper.
        console: u64,
        /// Who sits at it.
        by: Person,
        /// What it may do.
        rights: Rights,
    },
    /// A console went, however it went.
    ConsoleWent {
        /// Its number with this keeper.
        console: u64,
    },
    /// An effect ended.
    Ended(Outcome),
    /// An instance's metrics were read, or could not be.
    Scraped {
        /// Which environment.
        role: Role,
        /// Index of the instance in the plan.
        instance: usize,
        /// What was read.
        scrape: Result<Scrape, Absence>,
    },
    /// An environment's health was asked.
    HealthSeen {
        /// Which environment.
        role: Role,
        /// What it answered.
        health: Health,
    },
    /// An HTTP check was asked.
    CheckAnswered {
        /// Index of the check in the plan.
        check: usize,
        /// The answer.
        answer: CheckAnswer,
    },
    /// What stands around the balancer's weights was looked at.
    Surveyed(Survey),
    /// A hook that is running printed something.
    HookPrinted {
        /// The effect that runs it.
        id: EffectId,
        /// The end of what it has printed so far.
        tail: Tail,
    },
    /// Requests were sent through the balancer to see who answers.
    Sampled(Samples),
    /// A task that watches something died; it is started again by the keeper.
    SourceLost {
        /// What it watched.
        source: Clean,
        /// How it died.
        why: Clean,
    },
    /// Somebody rolled this run back without the keeper.
    TombstoneFound {
        /// Who, when and why, as the tombstone says.
        words: Clean,
    },
    /// The keeper was told to end in the middle of a rollback: it stays for that.
    ToldToEnd {
        /// How long at most.
        within: Duration,
    },
    /// The time asked for by `next_wake` has come.
    Woke,
    /// The machine slept, the process was stopped, or somebody set the wall clock.
    ClockJumped {
        /// Time between two turns of the loop beyond what it had asked for, or how far the clock was set.
        by: Duration,
    },
}

/// A command with its sender.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The sender's name for it.
    pub id: CommandId,
    /// Who sends it.
    pub by: Person,
    /// What that connection may do.
    pub rights: Rights,
    /// What is asked.
    pub command: Command,
}

/// What a person can ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Move to the next step.
    Advance {
        /// The generation the person saw; another one by now refuses the command.
        generation: u64,
        /// Go although gates are closed.
        over: Option<Override>,
    },
    /// Leave a hold, at the same split.
    Resume {
        /// The generation the person saw.
        generation: u64,
    },
    /// Stop forward movement.
    Hold,
    /// All traffic back to stable.
    Rollback {
        /// Why, for the record.
        reason: Option<Clean>,
        /// The service's name, typed; needed when stable is not ready or past a point of no return.
        typed: Option<String>,
    },
    /// Sit in the driver's seat.
    Take,
    /// Approve the next step.
    Approve,
    /// Take the balancer's present setting as this run's own.
    Adopt,
    /// Finish a foreign move towards stable: everything to stable.
    Complete,
    /// Set again what this run last set, over what somebody else set since.
    Reassert {
        /// The generation the person saw.
        generation: u64,
    },
    /// Send the rollback over a foreign setting.
    SendAgain,
    /// No automatic rollback for a while.
    Suspend {
        /// How long, at most [`SUSPEND_MAX`].
        lasting: Duration,
        /// Why.
        reason: Clean,
    },
    /// Automatic rollback again.
    Unsuspend,
    /// Run one of the plan's own programs.
    RunHook {
        /// Its name.
        hook: Clean,
    },
    /// End such a run, with everything that it started.
    StopHook {
        /// Its name.
        hook: Clean,
    },
    /// Write something down.
    Note {
        /// What.
        text: Clean,
    },
    /// End the run and leave the split as it is.
    End,
}

/// Longest time automatic rollback can be suspended: an hour's hold, then somebody must ask again.
pub const SUSPEND_MAX: Duration = Duration::from_secs(3600);

/// Why a command is refused whose subject is not there. A console says the same before it asks.
pub const NOTHING_TO_ADOPT: &str = "nothing to adopt: the balancer holds what this run set";
/// The same of [`Command::Complete`].
pub const NOTHING_TO_COMPLETE: &str = "nothing to complete: the balancer holds what this run set";
/// The same of [`Command::Complete`] where what is there is not all of a rollback.
pub const TOWARDS_CANDIDATE: &str = "the foreign change goes towards the candidate";
/// The same of [`Command::SendAgain`].
pub const NOTHING_FOREIGN: &str = "nothing foreign is there: the rollback is sent by itself";
/// Beyond [`SUSPEND_MAX`].
pub const SUSPENDED_TOO_LONG: &str = "automatic rollback can be suspended for at most 1 h at a time";

/// Going forward although gates are closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// The service's name, typed.
    pub typed: String,
    /// Why.
    pub reason: Clean,
}

/// What a command came to. Never silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done, or under way; what was done, in words.
    Applied(Clean),
    /// Not done, and why; each reason on its own.
    Refused(Vec<Clean>),
    /// The generation moved on since the sender looked; look again.
    Late(CommandId),
}

/// How an effect ended. Each effect has exactly one outcome.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which effect.
    pub id: EffectId,
    /// What came of it.
    pub result: OutcomeKind,
}

/// What came of an effect.
#[derive(Debug, Clone)]
pub enum OutcomeKind {
    /// The record is on disk, or is not.
    Journaled(Result<(), Clean>),
    /// The write was answered, or was not.
    Written(WriteResult),
    /// The rehearsal was answered, or was not.
    Rehearsed(WriteResult),
    /// A hook's run ended.
    HookEnded {
        /// How.
        end: HookEnd,
        /// The end of what it printed.
        tail: Tail,
    },
    /// The balancer was read.
    Read {
        /// When the read began: what was written later cannot be in it.
        started: Mono,
        /// What it said.
        state: BalancerState,
    },
}

/// What a write came to, as far as the one who sent it can know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteResult {
    /// The balancer said yes. That is not yet *done*: see the read-back.
    Accepted,
    /// The balancer said yes, and there is something to know of what it said yes to: a list that could not be read just
    /// before, a setting that was lost.
    AcceptedBut(Clean),
    /// The balancer said no.
    Refused(Clean),
    /// Sent, and the answer is missing or says that a part was applied.
    Unknown(Clean),
    /// Never sent.
    NotSent(Clean),
}

impl WriteResult {
    /// Whether the balancer said yes to all of it.
    pub fn is_accepted(&self) -> bool {
        match self {
            Self::Accepted | Self::AcceptedBut(_) => true,
            Self::Refused(_) | Self::Unknown(_) | Self::NotSent(_) => false,
        }
    }

    /// What there is to say of it.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Accepted => None,
            Self::AcceptedBut(why) | Self::Refused(why) | Self::Unknown(why) | Self::NotSent(why) => Some(why.as_str()),
        }
    }
}

/// The counters and gauges of one instance at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scrape {
    /// All requests so far; `None` when the family is not there.
    pub requests: Option<f64>,
    /// Requests that ended in an error so far.
    pub errors: f64,
    /// Cumulative latency buckets `(upper bound in seconds, count)`, rising, the last `+Inf`.
    pub buckets: Vec<(f64, f64)>,
    /// The plan's gauges, in the plan's order.
    pub gauges: Vec<Result<f64, Absence>>,
}

/// An environment's answer to "how are you".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// 200, and the right version where the plan names one.
    Healthy,
    /// It answered otherwise, or refuses connections.
    Failing(Clean),
    /// It did not answer. Unknown is not down.
    Unknown(Clean),
}

/// A check's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckAnswer {
    /// Pass, warn, fail or unknown.
    pub verdict: Verdict,
    /// Short, for the panel: `200 2.1.0`.
    pub detail: Clean,
    /// What was received, for the details.
    pub raw: Clean,
}

/// Who answered requests through the balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Samples {
    /// Answered by stable.
    pub stable: u32,
    /// Answered by the candidate.
    pub candidate: u32,
    /// Answered by somebody the plan does not name, or without the header.
    pub unknown: u32,
    /// Not answered. Kept in the denominator.
    pub failed: u32,
}

impl Samples {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            stable: self.stable + other.stable,
            candidate: self.candidate + other.candidate,
            unknown: self.unknown + other.unknown,
            failed: self.failed + other.failed,
        }
    }

    /// All requests sent.
    pub fn sent(self) -> u32 {
        self.stable + self.candidate + self.unknown + self.failed
    }
}
