//! A balancer that may lose, delay, halve and forget what it is told, and lie about what it holds.

use super::chance::Chance;
use super::fault::Fault;
use super::stage::Stage;
use super::weather::Weather;
use warroom::domain::{BalancerState, Clean, NodeState, Readiness, Role, Setting, SlotState, Weights};
use warroom::engine::WriteResult;

/// Weights in the layout's order.
pub type Row = Vec<u32>;

/// A part of a write that is still to take effect.
#[derive(Debug, Clone)]
pub struct Landing {
    pub after: u64,
    pub parts: Vec<(usize, u32)>,
}

/// What one write will come to.
#[derive(Debug)]
pub struct Course {
    pub lands: Vec<Landing>,
    pub answered_after: u64,
    pub result: WriteResult,
}

/// One read, with what only the world knows of it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub state: BalancerState,
    /// Whether it said what was so.
    pub is_true: bool,
    pub takes: u64,
}

#[derive(Debug)]
pub struct Balancer {
    pub row: Row,
    /// What it held before, with when that ended.
    past: Vec<(u64, Row)>,
    changes: u64,
    has_tags: bool,
}

/// How long it remembers what it held: longer than any reader lags behind.
const LAGS: u64 = 6_000_000;

impl Balancer {
    pub fn new(stage: &Stage, has_tags: bool) -> Self {
        let row = all_stable(stage, Weights::full(stage));
        Self { row, past: Vec::new(), changes: 0, has_tags }
    }

    pub fn land(&mut self, now: u64, parts: &[(usize, u32)]) {
        self.past.retain(|(until, _)| until + LAGS >= now);
        self.past.push((now, self.row.clone()));
        for (slot, weight) in parts {
            self.row[*slot] = *weight;
        }
        self.changes += 1;
    }

    fn tag(&self) -> Option<String> {
        self.has_tags.then(|| format!("v{}", self.changes))
    }

    pub fn write(
        &self,
        stage: &Stage,
        setting: &Setting,
        tag: Option<&str>,
        weather: &mut Weather,
        chance: &mut Chance,
    ) -> Course {
        let parts: Vec<(usize, u32)> =
            stage.layout.slots.iter().enumerate().map(|(index, (slot, _))| (index, setting.0[slot])).collect();
        let soon = chance.between(2_000, 40_000);
        let late = chance.between(0, stage.lateness);
        let answer = |after, result| Course { lands: Vec::new(), answered_after: after, result };
        let silence = || WriteResult::Unknown("no answer in 1 s".into());
        if weather.out_of_reach {
            return match weather.refuses(chance) {
                true => answer(5_000, WriteResult::NotSent("connection refused".into())),
                false => answer(stage.timeout, silence()),
            };
        }
        if weather.strikes(Fault::Throttled) {
            return answer(5_000, WriteResult::Refused("429".into()));
        }
        if tag.is_some() && tag != self.tag().as_deref() {
            return answer(soon, WriteResult::Refused("412".into()));
        }
        let whole = |after| vec![Landing { after, parts: parts.clone() }];
        let is_of = |index: usize, node: usize| stage.layout.slots[index].0.node == node;
        let of_node = |node| parts.iter().filter(|(index, _)| is_of(*index, node)).copied().collect();
        let fault = weather.write_fault(stage.layout.nodes.len(), parts.len(), chance);
        let course = match fault {
            Some(Fault::WriteLost) => answer(stage.timeout, silence()),
            Some(Fault::Ignored) => answer(soon, WriteResult::Accepted),
            Some(Fault::AnswerLost) => Course { lands: whole(soon), answered_after: stage.timeout, result: silence() },
            Some(Fault::Late) if chance.coin() => {
                Course { lands: whole(late), answered_after: soon, result: WriteResult::Accepted }
            }
            Some(Fault::Late) => Course { lands: whole(late), answered_after: stage.timeout, result: silence() },
            Some(Fault::NodeDark) => {
                let lands = (0..stage.layout.nodes.len())
                    .filter(|node| !weather.is_dark(*node))
                    .map(|node| Landing { after: soon, parts: of_node(node) })
                    .collect();
                Course { lands, answered_after: stage.timeout, result: silence() }
            }
            Some(_) => Course {
                lands: halves(stage, &parts, chance, late, soon),
                answered_after: soon,
                result: WriteResult::Unknown("a part was applied".into()),
            },
            None => Course { lands: whole(soon), answered_after: soon + 1_000, result: WriteResult::Accepted },
        };
        if let Some(fault) = fault.filter(|fault| self.differs(*fault, &course, &parts, soon)) {
            weather.has_struck(fault);
        }
        course
    }

    /// Whether a fault makes a write another than it would have been: all of it soon, and acknowledged.
    fn differs(&self, fault: Fault, course: &Course, parts: &[(usize, u32)], soon: u64) -> bool {
        let changes = parts.iter().any(|(slot, weight)| self.row[*slot] != *weight);
        let is_soon = |part| course.lands.iter().any(|landing| landing.after <= soon && landing.parts.contains(part));
        // That nobody answers is all that there is to one.
        fault == Fault::AnswerLost || changes && !parts.iter().all(is_soon)
    }

    /// What a read that begins now says.
    pub fn read(&self, now: u64, stage: &Stage, weather: &mut Weather, chance: &mut Chance) -> Seen {
        if weather.out_of_reach {
            let takes = if weather.refuses(chance) { 5_000 } else { stage.timeout };
            return Seen { state: unreadable(stage), is_true: false, takes };
        }
        if weather.strikes(Fault::Throttled) {
            return Seen { state: unreadable(stage), is_true: false, takes: 5_000 };
        }
        let then = now.saturating_sub(chance.between(100_000, LAGS - 1_000_000));
        let old = self.past.iter().find(|(until, _)| *until > then).map(|(_, row)| row);
        let lags = match old.filter(|old| **old != self.row) {
            None => false,
            Some(_) if weather.strikes(Fault::ReadStale) => true,
            Some(_) => weather.is(Fault::ReadFlips) && chance.coin() && weather.strikes(Fault::ReadFlips),
        };
        let row = old.filter(|_| lags).unwrap_or(&self.row);
        let slow = weather.strikes(Fault::ReadSlow);
        let takes = if slow { chance.between(100_000, 900_000) } else { chance.between(2_000, 30_000) };
        let nodes = (0..stage.layout.nodes.len()).map(|index| node(stage, row, index, weather)).collect();
        Seen { state: BalancerState { nodes, tag: self.tag() }, is_true: *row == self.row, takes }
    }

    /// The candidate's true share of new requests, in permille.
    pub fn share(&self, stage: &Stage) -> u64 {
        let sum = |role| stage.slots(role).map(|slot| u64::from(self.row[slot])).sum::<u64>();
        let (stable, candidate) = (sum(Role::Stable), sum(Role::Candidate));
        (candidate * 1000).checked_div(stable + candidate).unwrap_or(0)
    }

    /// Whether no candidate slot has weight.
    pub fn is_back(&self, stage: &Stage) -> bool {
        stage.slots(Role::Candidate).all(|slot| self.row[slot] == 0)
    }

    /// Whether no stable slot has weight.
    pub fn is_over(&self, stage: &Stage) -> bool {
        stage.slots(Role::Stable).all(|slot| self.row[slot] == 0) && !self.is_back(stage)
    }
}

fn node(stage: &Stage, row: &Row, node: usize, weather: &mut Weather) -> NodeState {
    if weather.is_dark(node) {
        weather.strikes(Fault::NodeDark);
        return NodeState { slots: Err("no answer".into()) };
    }
    let slots = stage.layout.slots.iter().enumerate().filter(|(_, (slot, _))| slot.node == node);
    let slots = slots.map(|(index, (slot, _))| SlotState {
        name: slot.name.clone(),
        weight: row[index],
        configured: None,
        readiness: match weather.is_down(index) {
            _ if stage.is_surveyed => Readiness::Unknown,
            true => Readiness::Down,
            false => Readiness::Up,
        },
    });
    NodeState { slots: Ok(slots.collect()) }
}

/// Some slots at once, some late, some never; a rule of a load balancer is changed as a whole.
fn halves(stage: &Stage, parts: &[(usize, u32)], chance: &mut Chance, late: u64, soon: u64) -> Vec<Landing> {
    let mut lands = vec![Landing { after: soon, parts: Vec::new() }, Landing { after: late, parts: Vec::new() }];
    let mut before = None;
    for part in parts {
        let node = stage.layout.slots[part.0].0.node;
        let with = before.filter(|(other, _)| stage.is_surveyed && *other == node);
        let (_, which) = *before.insert(with.unwrap_or_else(|| (node, chance.below(3) as usize)));
        if let Some(landing) = lands.get_mut(which) {
            landing.parts.push(*part);
        }
    }
    lands.retain(|landing| !landing.parts.is_empty());
    lands
}

fn unreadable(stage: &Stage) -> BalancerState {
    BalancerState::unreadable(stage.layout.nodes.len(), &Clean::new("no answer"))
}

/// The largest weight one slot can have.
trait Full {
    fn full(stage: &Stage) -> u32;
}

impl Full for Weights {
    fn full(stage: &Stage) -> u32 {
        match stage.layout.weights {
            Self::Percent => 100_000,
            Self::Relative { max } => max,
        }
    }
}

fn all_stable(stage: &Stage, weight: u32) -> Row {
    stage.layout.slots.iter().map(|(_, role)| if *role == Role::Stable { weight } else { 0 }).collect()
}

/// A setting as somebody's hand would write it: so many permille to the candidate.
pub fn by_hand(stage: &Stage, permille: u32) -> Row {
    let (whole, unit) = match stage.layout.weights {
        Weights::Percent => (1000, 100),
        Weights::Relative { .. } => (200, 1),
    };
    let candidate = permille * whole / 1000;
    let weight = |role: Role| unit * if role == Role::Stable { whole - candidate } else { candidate };
    stage.layout.slots.iter().map(|(_, role)| weight(*role)).collect()
}
