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
    MetricsSilent, NanRequests, NanErrors, NanBuckets, MetricsFrozen, MetricsSeveral, MetricsMissing, MetricsRefused, CounterReset,
    Errors, StableFails, StableSilent, CheckFails, CheckSilent,
    // The machine.
    DiskRefuses, DiskSlow, DiskStalls, ClockJump, Suspend, WallJump, Crash, StopAtWrite,
    // The operator's own programs.
    HookFails, HookHangs, HookLost,
    // Other hands.
    ForeignForward, ForeignBack, Direct, Meddling, Leaving,
}

/// How many there are.
pub const COUNT: usize = Fault::ALL.len();

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
