//! What `A` comes to as of now: asked again whenever it is drawn, never remembered.

use crate::domain::{Clean, Person, Split, Verdict};
use crate::engine::{Gate, Phase, Snapshot};

/// What `A` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// An advance may be asked for.
    Advance,
    /// A resume may be asked for.
    Resume,
    /// Neither.
    Locked(Lock),
}

/// Why one cannot go forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// `ADVANCE`, `RESUME` or `RE-ASSERT`.
    pub what: &'static str,
    /// Why, hardest first.
    pub reasons: Vec<Clean>,
    /// Whether every reason can be overridden.
    pub can_override: bool,
    /// Whether another one drives: `T` comes first.
    pub needs_seat: bool,
}

/// Advance, resume, or why not. `me` is who sits here, where the keeper has said so; `old` is why the picture is not of
/// now.
pub(super) fn way(snapshot: &Snapshot, me: Option<&Person>, old: Vec<Clean>) -> Way {
    // Without a further step nothing is asked but what COMPLETE waits for.
    let waits = &snapshot.completion_waits;
    let onward = if waits.is_empty() { "ADVANCE" } else { "COMPLETE" };
    let what = if snapshot.phase == Phase::Held { "RESUME" } else { onward };
    let locked = |reasons, can_override| Way::Locked(Lock { what, reasons, can_override, needs_seat: false });
    match snapshot.phase {
        Phase::Held | Phase::Preflight | Phase::Ready | Phase::Baking => {}
        Phase::Shifting
        | Phase::Complete
        | Phase::RollingBack
        | Phase::NewTrafficBack
        | Phase::RolledBack
        | Phase::Observing
        | Phase::Ended => {
            return locked(vec![Clean::new(format!("{}: {}", snapshot.band.word, snapshot.band.text))], false);
        }
    }
    if !old.is_empty() {
        return locked(old, false);
    }
    if let Some(driver) = other_driver(snapshot, me) {
        let words = format!("{} drives: only the driver goes forward; T takes control", driver.name);
        return Way::Locked(Lock { what, reasons: vec![Clean::new(words)], can_override: false, needs_seat: true });
    }
    if snapshot.phase == Phase::Held {
        let refused = snapshot.held.as_ref().map(|held| held.resume_refused.clone()).unwrap_or_default();
        return if refused.is_empty() { Way::Resume } else { locked(refused, can_override(snapshot)) };
    }
    let asked = if waits.is_empty() { &snapshot.gates } else { waits };
    let closed = asked.iter().filter(|gate| !gate.is_open());
    let closed: Vec<Clean> = closed.map(|gate| Clean::new(format!("{}: {}", gate.name, gate.detail))).collect();
    if closed.is_empty() && snapshot.next.is_some() { Way::Advance } else { locked(closed, can_override(snapshot)) }
}

/// Why what the run last set cannot be set again, if it cannot.
pub(super) fn reassert_lock(snapshot: &Snapshot, me: Option<&Person>, old: Vec<Clean>) -> Option<Lock> {
    let mut needs_seat = false;
    let reasons = if snapshot.phase.is_back() || matches!(snapshot.phase, Phase::Observing | Phase::Ended) {
        vec![Clean::new(format!("{}: {}", snapshot.band.word, snapshot.band.text))]
    } else if !old.is_empty() {
        old
    } else if let Some(driver) = other_driver(snapshot, me) {
        needs_seat = true;
        vec![Clean::new(format!("{} drives: only the driver re-asserts; T takes control", driver.name))]
    } else {
        match &snapshot.drift {
            None => vec!["nothing to re-assert: the balancer holds what this run set".into()],
            Some(drift) => {
                drift.reassert_refused.clone().unwrap_or_else(|| vec!["this keeper is older and cannot do it".into()])
            }
        }
    };
    (!reasons.is_empty()).then_some(Lock { what: "RE-ASSERT", reasons, can_override: false, needs_seat })
}

/// Who drives, where it is not who sits here.
pub(super) fn other_driver<'s>(snapshot: &'s Snapshot, me: Option<&Person>) -> Option<&'s Person> {
    snapshot.people.driver.as_ref().filter(|driver| me.is_some_and(|me| !driver.is(me)))
}

fn closed(snapshot: &Snapshot) -> impl Iterator<Item = &Gate> {
    snapshot.gates.iter().filter(|gate| !gate.is_open())
}

/// Whether a typed name and a reason would go over every closed gate.
fn can_override(snapshot: &Snapshot) -> bool {
    let goes_on = snapshot.next.is_some() || !snapshot.completion_waits.is_empty();
    goes_on && closed(snapshot).all(|gate| gate.can_be_overridden)
}

/// What a panel was opened on: an advance is bound to it, and what has changed is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The keeper's counter of whatever an advance depends on.
    pub generation: u64,
    /// Whether it is to set again what the run last set.
    pub reasserts: bool,
    /// What somebody else set.
    there: Option<Split>,
    state: Clean,
    wanted: Split,
    driver: Option<Person>,
    gates: Vec<(Clean, Verdict)>,
}

impl Seen {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            generation: snapshot.generation,
            reasserts: false,
            there: snapshot.drift.as_ref().map(|drift| drift.to),
            state: snapshot.band.word.clone(),
            wanted: snapshot.split.wanted,
            driver: snapshot.people.driver.clone(),
            gates: snapshot.gates.iter().map(|gate| (gate.name.clone(), gate.verdict)).collect(),
        }
    }

    pub(super) fn to_reassert(snapshot: &Snapshot) -> Self {
        Self { reasserts: true, ..Self::of(snapshot) }
    }

    /// What is different now, the most telling of it.
    pub(super) fn difference(&self, snapshot: &Snapshot) -> String {
        let name =
            |driver: &Option<Person>| driver.as_ref().map_or_else(|| "nobody".to_owned(), |d| d.name.to_string());
        if self.driver != snapshot.people.driver {
            return format!("driver {} → {}", name(&self.driver), name(&snapshot.people.driver));
        }
        if self.wanted != snapshot.split.wanted {
            return format!("candidate {} → {}", self.wanted, snapshot.split.wanted);
        }
        let there = snapshot.drift.as_ref().map(|drift| drift.to);
        if self.there != there {
            return match (self.there, there) {
                (_, None) => "the balancer holds what this run set".to_owned(),
                (None, Some(there)) => format!("somebody else set {there}"),
                (Some(was), Some(there)) => format!("somebody else's {was} → {there}"),
            };
        }
        if self.state != snapshot.band.word {
            return format!("{} → {}", self.state, snapshot.band.word);
        }
        let before = |gate: &Gate, place: usize| {
            self.gates.get(place).filter(|(name, _)| *name == gate.name).map(|(_, verdict)| *verdict)
        };
        let flipped =
            snapshot.gates.iter().enumerate().find_map(|(place, gate)| {
                before(gate, place).filter(|was| *was != gate.verdict).map(|was| (gate, was))
            });
        match flipped {
            Some((gate, was)) => {
                format!("{} {} → {}: {}", gate.name, verdict_word(was), verdict_word(gate.verdict), gate.detail)
            }
            None => "a reading or the split".to_owned(),
        }
    }
}

pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "ok",
        Verdict::Warn => "WARN",
        Verdict::Unknown => "unknown",
        Verdict::Fail => "FAIL",
    }
}
