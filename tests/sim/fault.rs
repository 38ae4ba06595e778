//! What can go wrong in a life. Each seed has its own subset of these.

use super::chance::Chance;

macro_rules! faults {
    ($($name:ident,)*) => {
        /// One way in which the world does not do what it should.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $($name,)* }
        impl Fault {
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

faults! {
    // The balancer and what is written to it.
    WriteLost, AnswerLost, Late, HalfApplied, Ignored, Throttled, NodeDark, ServersDown,
    ReadStale, ReadFlips, ReadSlow,
    // A later write lands before an earlier one: it follows from those that are late.
    OutOfOrder,
    // What the environments say of themselves.
    MetricsSilent, NanRequests, NanErrors, NanBuckets, MetricsFrozen, MetricsSeveral, MetricsMissing, MetricsRefused,
    MetricsUnread, CounterReset,
    Errors, StableFails, StableSilent, CheckFails, CheckSilent,
    // The machine.
    DiskRefuses, DiskSlow, DiskStalls, ClockJump, Suspend, WallJump, Crash, StopAtWrite,
    // What stands around the balancer's weights, where it tells.
    SurveySilent, CredentialsEnd, TargetsGone, FindingFails,
    // The operator's own programs.
    HookFails, HookHangs, HookLost,
    // Other hands.
    ForeignForward, ForeignBack, Direct, Meddling, Leaving,
    // The candidate's own health, and how long its answers take.
    CandidateFails, Slow,
    // Whoever rolls back directly is killed.
    DirectCrash,
}

/// How many there are.
pub const COUNT: usize = Fault::ALL.len();

/// Those under which an accepted rollback is still confirmed while the balancer can be reached now and then.
///
/// Left out is what takes away by its nature that with which one is confirmed: a balancer or a node that answers nobody,
/// one that drops what it was told, a keeper that stands still; and other hands, which may set what is not gone over.
pub const LET_CONFIRM: &[Fault] = &[
    Fault::AnswerLost,
    Fault::Late,
    Fault::HalfApplied,
    Fault::ServersDown,
    Fault::ReadStale,
    Fault::ReadFlips,
    Fault::ReadSlow,
    Fault::MetricsSilent,
    Fault::NanRequests,
    Fault::NanErrors,
    Fault::NanBuckets,
    Fault::MetricsFrozen,
    Fault::MetricsSeveral,
    Fault::MetricsMissing,
    Fault::MetricsRefused,
    Fault::MetricsUnread,
    Fault::CounterReset,
    Fault::Errors,
    Fault::Slow,
    Fault::CandidateFails,
    Fault::StableFails,
    Fault::StableSilent,
    Fault::CheckFails,
    Fault::CheckSilent,
    Fault::SurveySilent,
    Fault::CredentialsEnd,
    Fault::TargetsGone,
    Fault::FindingFails,
    Fault::DiskRefuses,
    Fault::DiskSlow,
    Fault::DiskStalls,
    Fault::ClockJump,
    Fault::WallJump,
    Fault::Crash,
    Fault::DirectCrash,
];

/// Which faults a life can have.
#[derive(Debug, Clone, Copy)]
pub struct Faults(u64);

impl Faults {
    pub const NONE: Self = Self(0);

    /// A random subset: none, few, some, or many.
    pub fn draw(chance: &mut Chance) -> Self {
        let part = *chance.pick(&[0, 1, 2, 2, 4, 8]);
        let mut on = 0;
        for fault in Fault::ALL.iter().filter(|fault| **fault != Fault::OutOfOrder) {
            if chance.below(16) < part {
                on |= 1 << *fault as u64;
            }
        }
        Self(on)
    }

    /// Those that are also among the others.
    pub fn among(self, others: &[Fault]) -> Self {
        Self(others.iter().fold(0, |on, fault| on | self.0 & 1 << *fault as u64))
    }

    /// All but one.
    pub fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u64))
    }

    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u64) != 0
    }

    pub fn all(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(move |fault| self.has(*fault))
    }

    pub fn draw_one(self, chance: &mut Chance) -> Option<Fault> {
        let nth = chance.below(u64::from(self.0.count_ones()));
        self.all().nth(nth as usize)
    }
}
