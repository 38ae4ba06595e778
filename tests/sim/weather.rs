//! Which faults are at work now, and which of them have struck.

use super::chance::Chance;
use super::fault::{COUNT, Fault, Faults};

/// Faults come and go; some strike once.
#[derive(Debug)]
pub struct Weather {
    faults: Faults,
    now: u64,
    until: [u64; COUNT],
    pub struck: [u64; COUNT],
    /// The balancer cannot be reached at all.
    pub out_of_reach: bool,
    /// How it is then.
    pub away: Away,
    /// Which node, which servers: drawn with each episode.
    which: u64,
}

/// How a balancer is that cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// Nobody listens: that is known at once.
    Refuses,
    /// Whoever asks waits for the whole of the timeout.
    Silent,
    /// Now this, now that.
    Either,
}

const OF_WRITES: [Fault; 5] = [Fault::WriteLost, Fault::AnswerLost, Fault::Late, Fault::HalfApplied, Fault::Ignored];

impl Weather {
    pub fn new(faults: Faults) -> Self {
        Self {
            faults,
            now: 0,
            until: [0; COUNT],
            struck: [0; COUNT],
            out_of_reach: false,
            away: Away::Either,
            which: 0,
        }
    }

    pub fn pass(&mut self, now: u64) {
        self.now = now;
    }

    /// One of this life's faults, from now on for a while.
    pub fn turn(&mut self, chance: &mut Chance) -> Option<Fault> {
        let fault = self.faults.draw_one(chance)?;
        self.which = chance.next();
        self.until[fault as usize] = self.now + chance.between(500_000, 20_000_000);
        Some(fault)
    }

    pub fn clears(&mut self) {
        self.faults = Faults::NONE;
        self.until = [0; COUNT];
    }

    /// Other faults from now on.
    pub fn changes(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Which may still come.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// Whether a fault is one of this life's.
    pub fn can_be(&self, fault: Fault) -> bool {
        self.faults.has(fault)
    }

    /// Whether a fault is at work now.
    pub fn is(&self, fault: Fault) -> bool {
        self.now < self.until[fault as usize]
    }

    /// As [`Self::is`], where being so has an effect.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        let is = self.is(fault);
        self.struck[fault as usize] += u64::from(is);
        is
    }

    pub fn has_struck(&mut self, fault: Fault) {
        self.struck[fault as usize] += 1;
    }

    /// Out of reach, whether it says so at once.
    pub fn refuses(&self, chance: &mut Chance) -> bool {
        match self.away {
            Away::Refuses => true,
            Away::Silent => false,
            Away::Either => chance.coin(),
        }
    }

    /// What befalls one write to a balancer of so many nodes and slots, if anything does.
    pub fn write_fault(&self, nodes: usize, slots: usize, chance: &mut Chance) -> Option<Fault> {
        let dark = (0..nodes).any(|node| self.is_dark(node)).then_some(Fault::NodeDark);
        // A percentage API has one document for both sides: it is applied whole or not at all.
        let can_be = |fault: &Fault| self.is(*fault) && (*fault != Fault::HalfApplied || slots > 2);
        let at_work: Vec<Fault> = OF_WRITES.into_iter().filter(can_be).collect();
        if at_work.is_empty() || chance.one_in(4) { dark } else { Some(*chance.pick(&at_work)) }
    }

    pub fn is_dark(&self, node: usize) -> bool {
        self.is(Fault::NodeDark) && (self.which >> node) & 1 == 0
    }

    pub fn is_down(&self, slot: usize) -> bool {
        self.is(Fault::ServersDown) && (self.which >> (8 + slot)) & 1 == 0
    }
}
