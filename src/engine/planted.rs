//! Bugs planted on purpose, so that the simulator can be seen to find each of them.
//!
//! A shipped build has none: there [`planted`] is `false` for every bug, and the compiler drops its sites.

macro_rules! bugs {
    ($($(#[$words:meta])* $name:ident,)*) => {
        /// One bug, named by what the engine would then do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Bug { $($(#[$words])* $name,)* }
        #[cfg(test)]
        impl Bug {
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

bugs! {
    /// One agreeing read confirms a rollback, while an older write may still land.
    OneReadConfirms,
    /// Each agreeing read begins the confirmation anew, so that it never ends.
    ConfirmationRestarts,
    /// A read that began before the newest attempt counts for its confirmation.
    OldReadConfirms,
    /// What undoes a rollback is not written over again.
    NotSentAgain,
    /// After three failed attempts a rollback is given up.
    GivesUp,
    /// A rollback waits for a disk that does not answer.
    WaitsForDisk,
    /// A rollback waits five times as long for its record.
    WaitsLongForDisk,
    /// A rollback waits until every stable server is up.
    WaitsForUnready,
    /// A rollback is sent over what somebody else set.
    SentOverForeign,
    /// Weights of 0 are left out of a write.
    ZeroOmitted,
    /// A command that is sent again under its id is done again.
    DoneAgain,
    /// Only the driver can roll back.
    OnlyDriverRollsBack,
    /// The keeper goes on when somebody rolled back without it.
    TombstoneIgnored,
    /// A restart forgets an accepted rollback.
    RestartForgetsBack,
    /// A restart forgets a forward write whose place is unknown.
    RestartForgetsShift,
    /// After a rollback a step can be tried again.
    AdvanceAfterBack,
    /// A reading that is not a number is within every limit.
    NanIsWithin,
    /// A reading too old counts as fresh.
    StalePasses,
    /// A check's old answer counts.
    OldCheckPasses,
    /// Nobody knows whether stable could take the traffic back, and that is good enough.
    UnknownTargetPasses,
    /// A balancer that nobody can read counts as read.
    UnreadBalancerPasses,
    /// A refusing disk keeps nothing from going forward.
    DiskIgnored,
    /// A forward write without an answer counts as missed at once.
    UnknownIsMissed,
    /// Any read after a forward write counts as its read-back.
    AnyReadReaches,
    /// A forward write that is not seen is waited for without end.
    NeverSettles,
    /// A step is left out.
    StepLeftOut,
    /// A step need not be baked.
    BakeForgotten,
    /// A hold does not stop a step that is about to be sent.
    HoldLetsGo,
    /// The keeper goes past a hold point.
    HoldPointPassed,
    /// The keeper goes on without its driver.
    GoesOnAlone,
    /// An approval of one step counts for the next.
    ApprovalLeaks,
    /// The driver approves their own step.
    DriverApproves,
    /// Anybody can do what only the driver may.
    SeatIgnored,
    /// A console that may only look is obeyed.
    ReadOnlyObeyed,
    /// An override needs no typed name.
    NameNotTyped,
    /// What was decided on an old picture is done all the same.
    OldPictureObeyed,
    /// What differs on the balancer keeps nothing from going forward.
    DriftIgnored,
    /// A colleague's move towards stable is not seen as one, and the next step goes over it.
    ColleagueOverruled,
    /// A colleague's move towards stable is set back to what this run had.
    ColleagueReasserted,
    /// The keeper rolls back to a stable that is down.
    BackToDown,
    /// The keeper rolls back past a point of no return.
    BackPastNoReturn,
    /// The keeper rolls back although somebody suspended that.
    SuspensionForgotten,
    /// A limit never acts.
    LimitSleeps,
    /// Any step that is baked completes the cutover.
    CompleteTooSoon,
    /// A cutover completes although nobody can read the balancer.
    CompleteUnread,
    /// What a hook passed long ago still counts.
    OldPassCounts,
    /// A program is started although the disk refused its record.
    RunsUnrecorded,
    /// A restart forgets the program that was running.
    RestartForgetsHook,
    /// Adopting a lower split makes a point of no return that was passed one that was not.
    AdoptionForgetsNoReturn,
    /// A restart does the same.
    RestartForgetsNoReturn,
    /// The next keeper does not know what a rollback was to go over.
    RestartForgetsOver,
    /// A rollback that came undone is still called read back.
    ReadBackStays,
    /// A program for after the cutover goes on beside a rollback.
    HookOutlivesBack,
    /// It is started while nobody can read the balancer.
    HookOnUnread,
    /// It begins beside a rollback that was accepted before its record was on disk.
    HookBeginsBesideBack,
    /// It is told of the share before the rollback, although the rollback was read back.
    HookToldOfBefore,
    /// What a re-assert goes over is not seen as somebody else's, although nobody knew of it before.
    ReassertHidesDrift,
    /// A hold on top of a hold does not stop a re-assert that is about to be sent.
    SecondHoldLetsGo,
    /// A wall clock that is set back while no keeper lives makes what a hook passed young again.
    WallMakesPassYoung,
    /// A bake counts while the balancer is silent.
    BakesUnseen,
    /// A bake counts while somebody else's setting is there.
    BakesUnderDrift,
    /// A direct rollback that is followed goes over what was read since.
    TombstoneGoesOver,
    /// A program for after the cutover goes on while another hand has traffic on stable.
    HookOutlivesDrift,
    /// Reads that fail follow on each other in step, each after the whole of its timeout.
    ReadsInStep,
    /// A disk that refused a mere line is not asked again.
    LineGivenUp,
    /// The keeper does not go on by itself where the plan says so.
    StandsStill,
    /// A candidate that has told nothing since it had traffic is called empty.
    EmptyOnOldReading,
    /// A keeper does not wait for what the one before it may have rehearsed.
    RestartForgetsRehearsal,
    /// A rehearsal writes what is expected, whoever has set something else.
    RehearsesUnderDrift,
    /// What was found around the weights long ago still counts.
    OldSurveyPasses,
    /// The keeper rolls back to what has no healthy targets.
    BackToFewTargets,
}

#[cfg(not(test))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Plants a bug in this thread's engines, or none.
#[cfg(test)]
pub(crate) fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}
