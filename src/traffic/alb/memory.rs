//! What each forward last held, for a rollback that must go out although nothing can be read.
//!
//! A write replaces the whole list of actions, so it needs one. One that was read earlier undoes whatever else somebody
//! has changed in the meantime. So it is used on a way back alone: at once while it is young, and after that, or where
//! it comes from the journal, only once looks have failed again and again. What was used is said.

use super::json;
use super::look::Seen;
use super::words::{Reach, Trouble};
use crate::domain::{Mono, Wall};
use crate::plan::AlbDriver;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Until this age a list stands for the present one at once: it is the last few polls', and a change since then is as
/// unlikely as one between any look and its write.
const YOUNG: Duration = Duration::from_secs(10);
/// Looks in a row that must have failed before an older one does: one may be a broken connection, two a moment's
/// trouble. Attempts and the reads between them count, so that even hung ones take seconds.
const MISSES: u32 = 3;

/// The forwards' lists, in the plan's order.
pub(super) struct Memory(Mutex<Vec<Known>>);

#[derive(Clone, Default)]
struct Known {
    seen: Option<(Seen, Origin)>,
    /// Looks that failed since one worked.
    misses: u32,
}

/// Where a list comes from.
#[derive(Clone, Copy)]
enum Origin {
    /// Read then; the clock goes on while the machine sleeps.
    Read(Mono),
    Recorded(Wall),
}

/// A list to write over, and what must be said of it where it was not read just now.
pub(super) struct Basis {
    pub seen: Seen,
    pub remark: Option<String>,
}

impl Memory {
    pub fn new(forwards: usize) -> Self {
        Self(Mutex::new(vec![Known::default(); forwards]))
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody looked.
    pub fn looked(&self, looked: &[Result<Seen, Trouble>], now: Mono) {
        for (known, seen) in self.known().iter_mut().zip(looked) {
            match seen {
                Ok(seen) => *known = Known { seen: Some((seen.clone(), Origin::Read(now))), misses: 0 },
                Err(_) => known.misses = known.misses.saturating_add(1),
            }
        }
    }

    /// What each was last seen to hold by this process; `None` while one never was.
    pub fn seen(&self) -> Option<Vec<Seen>> {
        let known = self.known();
        let read = known.iter().map(|known| match &known.seen {
            Some((seen, Origin::Read(_))) => Some(seen.clone()),
            Some((_, Origin::Recorded(_))) | None => None,
        });
        read.collect()
    }

    /// What the journal has of them, for those that this process never read. What would not come back as it was, is
    /// left out.
    pub fn recall(&self, plan: &AlbDriver, state: &str, at: Wall) {
        let recorded: Value = serde_json::from_str(state).unwrap_or_default();
        let find = |arn: &str| recorded.as_array()?.iter().find(|forward| forward["arn"] == arn).and_then(parsed);
        for (known, forward) in self.known().iter_mut().zip(&plan.forwards) {
            if known.seen.is_none() {
                known.seen = find(forward.arn.as_str()).map(|seen| (seen, Origin::Recorded(at)));
            }
        }
    }

    /// What a forward is written over although this look at it failed. The error is what keeps it from being sent.
    pub fn instead(&self, node: usize, why: &Trouble, now: Mono) -> Result<Basis, Trouble> {
        let known = self.known()[node].clone();
        let not_sent = |what: String| Trouble::new(Reach::NotSent, format!("it cannot be read ({}){what}", why.words));
        let Some((seen, origin)) = known.seen else {
            return Err(not_sent(", and nobody has read it before: its other actions would be lost".into()));
        };
        let (is_young, how) = match origin {
            Origin::Read(at) => (now.since(at) <= YOUNG, "last read".to_owned()),
            Origin::Recorded(at) => (false, format!("recorded at {}", at.clock())),
        };
        if !is_young && known.misses < MISSES {
            let left = MISSES - known.misses;
            return Err(not_sent(format!("; after {left} more such looks it is written over its actions as {how}")));
        }
        let remark = format!("written over its actions as {how}: they cannot be read now ({})", why.words);
        Ok(Basis { seen, remark: Some(remark) })
    }
}

/// All lists, as the AWS tools take them.
pub(super) fn configuration(plan: &AlbDriver, seen: &[Seen]) -> String {
    let forwards = plan.forwards.iter().zip(seen).map(|(forward, seen)| {
        json!({
            "name": forward.name.as_str(),
            "arn": forward.arn.as_str(),
            "default_rule": seen.is_default_rule,
            "actions": json::as_json(&seen.actions),
            "not_kept": seen.strange,
        })
    });
    Value::Array(forwards.collect()).to_string()
}

/// One forward of a [`configuration`].
fn parsed(forward: &Value) -> Option<Seen> {
    let strange = forward["not_kept"].as_array().into_iter().flatten();
    Some(Seen {
        actions: json::from_json(&forward["actions"])?,
        is_default_rule: forward["default_rule"].as_bool()?,
        strange: strange.filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Whoever calls gives the keeper's own clock, which counts an hour of sleep for an hour.
    #[test]
    fn a_list_is_young_for_ten_seconds_of_the_given_clock() {
        let memory = Memory::new(1);
        let read = Mono::from_micros(1_000_000);
        let seen = Seen { actions: Vec::new(), is_default_rule: false, strange: BTreeSet::new() };
        memory.looked(&[Ok(seen)], read);
        let trouble = Trouble::new(Reach::NoAnswer, "hung");
        let remark = |now| memory.instead(0, &trouble, now).map_err(|why| why.words).map(|basis| basis.remark);
        let young = remark(read + YOUNG).expect("at once");
        assert!(young.is_some_and(|words| words.contains("as last read")));
        let older = read + YOUNG + Duration::from_micros(1);
        for left in (1..=MISSES).rev() {
            let why = remark(older).expect_err("only after looks have failed");
            assert!(why.contains(&format!("after {left} more such looks")), "{why}");
            memory.looked(&[Err(Trouble::new(Reach::NoAnswer, "hung"))], older);
        }
        assert!(remark(older).is_ok());
    }
}
