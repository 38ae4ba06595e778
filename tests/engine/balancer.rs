//! A make-believe balancer with every way in which a real one fails to do what it was told.

use std::collections::{BTreeSet, VecDeque};
use warroom::domain::{BalancerState, Layout, NodeState, Readiness, Role, Setting, SlotState, Weights};
use warroom::engine::WriteResult;

/// How long a write takes to take effect, and to be answered, in microseconds.
const LANDS: u64 = 20_000;
const ANSWERS: u64 = 30_000;
/// The plan's limit of one attempt.
pub const TIMEOUT: u64 = 1_000_000;

/// What becomes of one write. Times are milliseconds after it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Fine,
    /// Never arrives; no answer.
    Lost,
    /// Takes effect; no answer.
    AnswerLost,
    /// No answer, and takes effect this late.
    Late(u64),
    /// Answered yes at once, and takes effect this late.
    LateYes(u64),
    /// Applied on the first half of the slots.
    Half,
    Refused,
    NotSent,
    /// Answered yes and never done.
    Ignored,
    /// Done and answered, this late.
    Slow(u64),
    /// Done, and answered with something to know of it.
    Remarked,
}

/// What a write will come to: when it lands, and when and how it is answered.
pub struct Course {
    pub lands: Option<(u64, Setting)>,
    pub answers: (u64, WriteResult),
}

#[derive(Debug)]
pub struct Balancer {
    pub layout: Layout,
    pub setting: Setting,
    /// Servers that the balancer says are down.
    pub down: BTreeSet<String>,
    /// Nodes on which every server is down.
    pub out: BTreeSet<usize>,
    /// Nodes that cannot be read.
    pub dark: BTreeSet<usize>,
    /// What a reload would restore, where it says.
    pub reload: Option<Setting>,
    /// Whether writes are conditional on an unchanged tag.
    pub has_tags: bool,
    changes: u64,
    /// The next writes' fates; then `usual`.
    pub fates: VecDeque<Fate>,
    pub usual: Fate,
}

impl Balancer {
    pub fn new(layout: Layout) -> Self {
        let setting = all_stable(&layout);
        Self {
            layout,
            setting,
            down: BTreeSet::new(),
            out: BTreeSet::new(),
            dark: BTreeSet::new(),
            reload: None,
            has_tags: false,
            changes: 0,
            fates: VecDeque::new(),
            usual: Fate::Fine,
        }
    }

    pub fn land(&mut self, setting: &Setting) {
        self.setting.0.extend(setting.0.iter().map(|(slot, weight)| (slot.clone(), *weight)));
        self.changes += 1;
    }

    fn tag(&self) -> Option<String> {
        self.has_tags.then(|| format!("v{}", self.changes))
    }

    pub fn write(&mut self, setting: &Setting, tag: Option<&String>) -> Course {
        let fate = self.fates.pop_front().unwrap_or(self.usual);
        let lands = |at: u64| Some((at, setting.clone()));
        let unknown = || WriteResult::Unknown("no answer in 1 s".into());
        if tag.is_some_and(|tag| Some(tag) != self.tag().as_ref()) {
            return Course { lands: None, answers: (ANSWERS, WriteResult::Refused("412".into())) };
        }
        let (lands, answers) = match fate {
            Fate::Fine => (lands(LANDS), (ANSWERS, WriteResult::Accepted)),
            Fate::Lost => (None, (TIMEOUT, unknown())),
            Fate::AnswerLost => (lands(LANDS), (TIMEOUT, unknown())),
            Fate::Late(ms) => (lands(ms * 1000), (TIMEOUT, unknown())),
            Fate::LateYes(ms) => (lands(ms * 1000), (ANSWERS, WriteResult::Accepted)),
            Fate::Half => {
                let half = setting.0.len() / 2;
                let part = setting.0.iter().take(half).map(|(slot, weight)| (slot.clone(), *weight)).collect();
                let why = WriteResult::Unknown("a part was applied".into());
                (Some((LANDS, Setting(part))), (ANSWERS, why))
            }
            Fate::Refused => (None, (ANSWERS, WriteResult::Refused("403".into()))),
            Fate::NotSent => (None, (ANSWERS, WriteResult::NotSent("connection refused".into()))),
            Fate::Ignored => (None, (ANSWERS, WriteResult::Accepted)),
            Fate::Remarked => (lands(LANDS), (ANSWERS, WriteResult::AcceptedBut("written blind".into()))),
            Fate::Slow(ms) => (lands(ms * 1000), (ms * 1000 + 1, WriteResult::Accepted)),
        };
        Course { lands, answers }
    }

    /// What a read says now.
    pub fn read(&self) -> BalancerState {
        let node = |node: usize| {
            if self.dark.contains(&node) {
                return NodeState { slots: Err("no answer".into()) };
            }
            let slots = self.layout.slots.iter().filter(|(slot, _)| slot.node == node);
            let slots = slots.map(|(slot, _)| SlotState {
                name: slot.name.clone(),
                weight: self.setting.0[slot],
                configured: self.reload.as_ref().map(|reload| reload.0[slot]),
                readiness: if self.down.contains(&slot.name) || self.out.contains(&node) {
                    Readiness::Down
                } else {
                    Readiness::Up
                },
            });
            NodeState { slots: Ok(slots.collect()) }
        };
        BalancerState { nodes: (0..self.layout.nodes.len()).map(node).collect(), tag: self.tag() }
    }

    /// The candidate's true share of new requests, in permille.
    pub fn share(&self) -> u16 {
        let sum = |role: Role| -> f64 {
            let slots = self.layout.slots.iter().filter(|(slot, r)| *r == role && !self.down.contains(&slot.name));
            slots.map(|(slot, _)| f64::from(self.setting.0[slot])).sum()
        };
        let (stable, candidate) = (sum(Role::Stable), sum(Role::Candidate));
        if stable + candidate > 0.0 { (candidate / (stable + candidate) * 1000.0).round() as u16 } else { 0 }
    }

    /// Whether no candidate server has any weight left.
    pub fn is_back(&self) -> bool {
        self.layout.slots.iter().all(|(slot, role)| *role == Role::Stable || self.setting.0[slot] == 0)
    }
}

fn all_stable(layout: &Layout) -> Setting {
    split(layout, 0)
}

/// A setting that gives the candidate so many permille, as somebody's hand would write it.
pub fn split(layout: &Layout, permille: u32) -> Setting {
    let (whole, unit) = match layout.weights {
        Weights::Percent => (1000, 100),
        Weights::Relative { .. } => (200, 1),
    };
    let candidate = permille * whole / 1000;
    let weight = |role: Role| unit * if role == Role::Stable { whole - candidate } else { candidate };
    Setting(layout.slots.iter().map(|(slot, role)| (slot.clone(), weight(*role))).collect())
}
