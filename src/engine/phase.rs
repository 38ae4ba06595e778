//! Where a cutover stands, and what may be asked for there: one table, read by the engine and by its tests.

use super::event::Command;
use serde::{Deserialize, Serialize};

/// Where a cutover stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the first step, and something required is not yet good.
    Preflight,
    /// Before the first step, and every gate is open.
    Ready,
    /// A forward write is under way: intended, sent, or not yet read back.
    Shifting,
    /// At a step, and it must stay healthy for its time; or at a share below the first that was adopted.
    Baking,
    /// Forward movement is stopped, by a person or by a limit.
    Held,
    /// At 100 % and baked; watched, with rollback armed.
    Complete,
    /// A rollback is under way and not yet confirmed.
    RollingBack,
    /// Confirmed at the balancer; the candidate still has requests of its own.
    NewTrafficBack,
    /// All of it is back.
    RolledBack,
    /// This keeper only watches: it holds no write path.
    Observing,
    /// The run is over; the split stays as it is.
    Ended,
}

impl Phase {
    /// Every phase, in the table's order.
    pub const ALL: [Self; 11] = [
        Self::Preflight,
        Self::Ready,
        Self::Shifting,
        Self::Baking,
        Self::Held,
        Self::Complete,
        Self::RollingBack,
        Self::NewTrafficBack,
        Self::RolledBack,
        Self::Observing,
        Self::Ended,
    ];

    /// The word the band begins with.
    pub fn word(self) -> &'static str {
        match self {
            Self::Preflight => "PREFLIGHT",
            Self::Ready => "READY",
            Self::Shifting | Self::Baking => "RUNNING",
            Self::Held => "HOLDING",
            Self::Complete => "COMPLETE",
            Self::RollingBack => "ROLLING BACK",
            Self::NewTrafficBack => "NEW TRAFFIC BACK",
            Self::RolledBack => "ROLLED BACK",
            Self::Observing => "WATCHING",
            Self::Ended => "ENDED",
        }
    }

    /// Whether a rollback has been accepted.
    pub fn is_back(self) -> bool {
        matches!(self, Self::RollingBack | Self::NewTrafficBack | Self::RolledBack)
    }
}

/// The kinds of command, as the table knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// [`Command::Advance`] without an override.
    Advance,
    /// [`Command::Advance`] with one.
    Override,
    /// [`Command::Resume`].
    Resume,
    /// [`Command::Hold`].
    Hold,
    /// [`Command::Rollback`].
    Rollback,
    /// [`Command::Take`].
    Take,
    /// [`Command::Approve`].
    Approve,
    /// [`Command::Adopt`].
    Adopt,
    /// [`Command::Complete`].
    Complete,
    /// [`Command::Reassert`].
    Reassert,
    /// [`Command::SendAgain`].
    SendAgain,
    /// [`Command::Suspend`].
    Suspend,
    /// [`Command::Unsuspend`].
    Unsuspend,
    /// [`Command::RunHook`].
    RunHook,
    /// [`Command::StopHook`].
    StopHook,
    /// [`Command::Note`].
    Note,
    /// [`Command::End`].
    End,
}

impl Ask {
    /// Every kind, in the table's order.
    pub const ALL: [Self; 17] = [
        Self::Advance,
        Self::Override,
        Self::Resume,
        Self::Hold,
        Self::Rollback,
        Self::Take,
        Self::Approve,
        Self::Adopt,
        Self::Complete,
        Self::Reassert,
        Self::SendAgain,
        Self::Suspend,
        Self::Unsuspend,
        Self::RunHook,
        Self::StopHook,
        Self::Note,
        Self::End,
    ];

    /// The kind of a command.
    pub fn of(command: &Command) -> Self {
        match command {
            Command::Advance { over: None, .. } => Self::Advance,
            Command::Advance { over: Some(_), .. } => Self::Override,
            Command::Resume { .. } => Self::Resume,
            Command::Hold => Self::Hold,
            Command::Rollback { .. } => Self::Rollback,
            Command::Take => Self::Take,
            Command::Approve => Self::Approve,
            Command::Adopt => Self::Adopt,
            Command::Complete => Self::Complete,
            Command::Reassert { .. } => Self::Reassert,
            Command::SendAgain => Self::SendAgain,
            Command::Suspend { .. } => Self::Suspend,
            Command::Unsuspend => Self::Unsuspend,
            Command::RunHook { .. } => Self::RunHook,
            Command::StopHook { .. } => Self::StopHook,
            Command::Note { .. } => Self::Note,
            Command::End => Self::End,
        }
    }

    /// Whether only the driver may ask it.
    pub fn is_drivers(self) -> bool {
        match self {
            Self::Advance
            | Self::Override
            | Self::Resume
            | Self::Adopt
            | Self::Reassert
            | Self::Suspend
            | Self::Unsuspend
            | Self::RunHook
            | Self::End => true,
            Self::Hold
            | Self::Rollback
            | Self::Take
            | Self::Approve
            | Self::Complete
            | Self::SendAgain
            | Self::StopHook
            | Self::Note => false,
        }
    }

    /// What the screens and refusals call it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Advance => "advance",
            Self::Override => "override",
            Self::Resume => "resume",
            Self::Hold => "hold",
            Self::Rollback => "roll back",
            Self::Take => "take control",
            Self::Approve => "approve",
            Self::Adopt => "adopt",
            Self::Complete => "complete",
            Self::Reassert => "re-assert",
            Self::SendAgain => "send again",
            Self::Suspend => "suspend automatic rollback",
            Self::Unsuspend => "automatic rollback on",
            Self::RunHook => "run a hook",
            Self::StopHook => "stop a hook",
            Self::Note => "note",
            Self::End => "end",
        }
    }
}

/// What the table says of one command in one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Go on to the command's own conditions.
    Allowed,
    /// Never here, and why.
    Refused(&'static str),
}

/// The table: what a command meets in a phase.
pub fn rule(ask: Ask, phase: Phase) -> Rule {
    let row = Ask::ALL.iter().position(|a| *a == ask);
    let column = Phase::ALL.iter().position(|p| *p == phase);
    match (row, column) {
        (Some(row), Some(column)) => TABLE[row][column],
        _ => Rule::Refused("not in the table"),
    }
}

const OK: Rule = Rule::Allowed;
const SHIFT: Rule = Rule::Refused("a shift is under way; it must be read back first");
const HELD: Rule = Rule::Refused("the cutover is held: resume first");
const NOT_HELD: Rule = Rule::Refused("nothing is held");
const DONE: Rule = Rule::Refused("the cutover is complete: there is no further step");
const BACK: Rule =
    Rule::Refused("a rollback was accepted: nothing moves forward in this run; :restart begins a new one");
const NO_BACK: Rule = Rule::Refused("no rollback is under way");
const WATCH: Rule = Rule::Refused("this keeper only watches: it holds no write path");
const OVER: Rule = Rule::Refused("the run has ended");

/// Rows as [`Ask::ALL`], columns as [`Phase::ALL`]: preflight, ready, shifting, baking, held, complete,
/// rolling back, new traffic back, rolled back, observing, ended.
#[rustfmt::skip]
const TABLE: [[Rule; 11]; 17] = [
    /* advance   */ [OK,       OK,       SHIFT,    OK,       HELD, DONE,     BACK, BACK, BACK, WATCH, OVER],
    /* override  */ [OK,       OK,       SHIFT,    OK,       OK,   DONE,     BACK, BACK, BACK, WATCH, OVER],
    /* resume    */ [NOT_HELD, NOT_HELD, NOT_HELD, NOT_HELD, OK,   NOT_HELD, BACK, BACK, BACK, WATCH, OVER],
    /* hold      */ [OK,       OK,       OK,       OK,       OK,   DONE,     BACK, BACK, BACK, WATCH, OVER],
    /* roll back */ [OK,       OK,       OK,       OK,       OK,   OK,       OK,   OK,   OK,   WATCH, OVER],
    /* take      */ [OK,       OK,       OK,       OK,       OK,   OK,       OK,   OK,   OK,   OK,    OVER],
    /* approve   */ [OK,       OK,       OK,       OK,       OK,   DONE,     BACK, BACK, BACK, WATCH, OVER],
    /* adopt     */ [OK,       OK,       SHIFT,    OK,       OK,   OK,       OK,   OK,   OK,   WATCH, OVER],
    /* complete  */ [OK,       OK,       OK,       OK,       OK,   OK,       OK,   OK,   OK,   WATCH, OVER],
    /* re-assert */ [OK,       OK,       SHIFT,    OK,       OK,   OK,       BACK, BACK, BACK, WATCH, OVER],
    /* send again*/ [NO_BACK,  NO_BACK,  NO_BACK,  NO_BACK,  NO_BACK, NO_BACK, OK, OK,   OK,   WATCH, OVER],
    /* suspend   */ [OK,       OK,       OK,       OK,       OK,   OK,       BACK, BACK, BACK, WATCH, OVER],
    /* unsuspend */ [OK,       OK,       OK,       OK,       OK,   OK,       BACK, BACK, BACK, WATCH, OVER],
    /* run hook  */ [OK,       OK,       OK,       OK,       OK,   OK,       OK,   OK,   OK,   WATCH, OVER],
    /* stop hook */ [OK,       OK,       OK,       OK,       OK,   OK,       OK,   OK,   OK,   WATCH, OVER],
    /* note      */ [OK,       OK,       OK,       OK,       OK,   OK,       OK,   OK,   OK,   OK,    OK],
    /* end       */ [OK,       OK,       SHIFT,    OK,       OK,   OK,       OK,   OK,   OK,   OK,    OVER],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollback_is_refused_only_where_there_is_no_write_path_or_no_run() {
        for phase in Phase::ALL {
            let refused = matches!(rule(Ask::Rollback, phase), Rule::Refused(_));
            assert_eq!(refused, matches!(phase, Phase::Observing | Phase::Ended), "{phase:?}");
        }
    }

    #[test]
    fn nothing_goes_forward_after_a_rollback() {
        for phase in Phase::ALL.into_iter().filter(|phase| phase.is_back()) {
            for ask in [Ask::Advance, Ask::Override, Ask::Resume, Ask::Reassert] {
                assert_eq!(rule(ask, phase), BACK, "{ask:?} in {phase:?}");
            }
        }
    }
}
