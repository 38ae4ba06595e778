//! What a batch of lives reached.

use super::fault::{COUNT, Fault};
use std::collections::BTreeMap;
use warroom::engine::{Ask, Phase};

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Complete,
    RolledBack,
    NothingToRollBack,
    Foreign,
    Held,
    Frozen,
    Waiting,
    Ended,
    Watched,
}

const ENDINGS: [Ending; 9] = [
    Ending::Complete,
    Ending::RolledBack,
    Ending::NothingToRollBack,
    Ending::Foreign,
    Ending::Held,
    Ending::Frozen,
    Ending::Waiting,
    Ending::Ended,
    Ending::Watched,
];

#[derive(Debug, Clone, Default)]
pub struct Counters {
    pub lives: u64,
    pub events: u64,
    pub effects: u64,
    pub forward: u64,
    pub back: u64,
    pub rehearsals: u64,
    /// Lives with a balancer that is reachable one second in ten, and commands that were sent again under their id.
    pub flickers: u64,
    pub again: u64,
    /// Turns of which a crash left a part undone.
    pub torn: u64,
    /// Lives by stage.
    pub stages: BTreeMap<&'static str, u64>,
    /// Microseconds lived.
    pub lived: u64,
    pub struck: Vec<u64>,
    pub pairs: Vec<u64>,
    pub endings: [u64; ENDINGS.len()],
}

impl Counters {
    pub fn new() -> Self {
        Self { struck: vec![0; COUNT], pairs: vec![0; Phase::ALL.len() * Ask::ALL.len()], ..Self::default() }
    }

    pub fn pair(&mut self, phase: Phase, ask: Ask) {
        let row = Phase::ALL.iter().position(|p| *p == phase).unwrap_or(0);
        let column = Ask::ALL.iter().position(|a| *a == ask).unwrap_or(0);
        self.pairs[row * Ask::ALL.len() + column] += 1;
    }

    pub fn ended(&mut self, ending: Ending) {
        self.endings[ENDINGS.iter().position(|e| *e == ending).unwrap_or(0)] += 1;
    }

    pub fn add(&mut self, other: &Self) {
        self.lives += other.lives;
        self.events += other.events;
        self.effects += other.effects;
        self.forward += other.forward;
        self.back += other.back;
        self.rehearsals += other.rehearsals;
        self.flickers += other.flickers;
        self.again += other.again;
        self.torn += other.torn;
        for (stage, lives) in &other.stages {
            *self.stages.entry(stage).or_default() += lives;
        }
        self.lived += other.lived;
        for (sum, more) in self.struck.iter_mut().zip(&other.struck) {
            *sum += more;
        }
        for (sum, more) in self.pairs.iter_mut().zip(&other.pairs) {
            *sum += more;
        }
        for (sum, more) in self.endings.iter_mut().zip(&other.endings) {
            *sum += more;
        }
    }

    pub fn faults_never_struck(&self) -> Vec<Fault> {
        Fault::ALL.iter().copied().filter(|fault| self.struck[*fault as usize] == 0).collect()
    }

    /// Of the stages, endings and other things that lives are to have.
    pub fn never_had(&self, stages: impl Iterator<Item = &'static str>) -> Vec<String> {
        let stages = stages.filter(|stage| !self.stages.contains_key(stage)).map(|stage| format!("a life on {stage}"));
        let endings = ENDINGS.iter().zip(&self.endings).filter(|(_, count)| **count == 0);
        let endings = endings.map(|(ending, _)| format!("an end as {ending:?}"));
        let others = [
            (self.forward, "a forward write"),
            (self.back, "a write back"),
            (self.rehearsals, "a rehearsal"),
            (self.flickers, "a balancer that flickers"),
            (self.again, "a command that is sent again"),
            (self.torn, "a turn of which a crash leaves a part undone"),
        ];
        let others = others.into_iter().filter(|(count, _)| *count == 0).map(|(_, what)| what.to_owned());
        stages.chain(endings).chain(others).collect()
    }

    pub fn pairs_never_seen(&self) -> Vec<(Phase, Ask)> {
        let pairs = Phase::ALL.into_iter().flat_map(|phase| Ask::ALL.into_iter().map(move |ask| (phase, ask)));
        pairs.zip(&self.pairs).filter(|(_, seen)| **seen == 0).map(|(pair, _)| pair).collect()
    }

    /// The table that is printed.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} lives of {:.0} s, {} events, {} effects, {} forward writes, {} rollback writes, {} rehearsals, {} commands again, {} flickering, {} torn turns\n",
            self.lives,
            self.lived as f64 / 1e6 / self.lives.max(1) as f64,
            self.events,
            self.effects,
            self.forward,
            self.back,
            self.rehearsals,
            self.again,
            self.flickers,
            self.torn
        );
        text += "endings:";
        for (ending, count) in ENDINGS.iter().zip(&self.endings) {
            text += &format!("  {ending:?} {count}");
        }
        text += "\nstages:";
        for (stage, lives) in &self.stages {
            text += &format!("  {stage} {lives}");
        }
        text += "\nfaults struck:\n";
        for chunk in Fault::ALL.chunks(6) {
            for fault in chunk {
                text += &format!("  {:15}{:8}", format!("{fault:?}"), self.struck[*fault as usize]);
            }
            text += "\n";
        }
        text += "commands by phase:\n                ";
        for ask in Ask::ALL {
            text += &format!("{:>10}", format!("{ask:?}"));
        }
        for (phase, row) in Phase::ALL.iter().zip(self.pairs.chunks(Ask::ALL.len())) {
            text += &format!("\n  {:14}", format!("{phase:?}"));
            for count in row {
                text += &format!("{count:>10}");
            }
        }
        text
    }
}
