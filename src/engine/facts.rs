//! What a restart needs and what people wrote down, until the disk has it.

use super::planted::{Bug, planted};
use super::{Entry, Fact};
use crate::domain::{EffectId, Mono};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Time between two tries to write what the disk refused.
const AGAIN_EVERY: Duration = Duration::from_secs(1);
/// Facts that wait for a disk that refuses: a run of a day with one act a minute. Beyond it the newest
/// are dropped; forward has long been locked by then.
const WAITING_MAX: usize = 1440;
/// Entries under way up to which a line without a fact is followed as well: a dozen turns of five lines each. With more
/// of them another one comes soon.
const LINES_MAX: usize = 60;
/// Notes that wait likewise, a full war room's three each. They must not take the places of what a restart needs, and one
/// entry a second is written again, with forward locked until the last.
const NOTES_MAX: usize = 60;

/// Entries on their way to the disk or refused by it. Of lines without a fact one refused is kept at most, while there is
/// no other: with it the disk is asked whether it takes anything again.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// With whether the disk refused it before.
    under_way: BTreeMap<EffectId, (Entry, bool)>,
    refused: VecDeque<Entry>,
    tried_at: Option<Mono>,
}

impl Facts {
    /// An entry was given to the journal.
    pub fn asked(&mut self, id: EffectId, entry: &Entry, again: bool) {
        let is_given_up = entry.fact == Fact::Line && planted(Bug::LineGivenUp);
        let under_way = self.under_way.values().map(|(entry, _)| entry);
        if has_room(&entry.fact, LINES_MAX, under_way) && !is_given_up {
            self.under_way.insert(id, (entry.clone(), again));
        }
    }

    /// The journal answered.
    pub fn settle(&mut self, id: EffectId, written: bool) {
        if let Some((entry, _)) = self.under_way.remove(&id)
            && !written
            && has_room(&entry.fact, 1, self.refused.iter())
        {
            self.refused.push_back(entry);
        }
    }

    /// Whether the disk has refused nothing that it was not given again and took.
    pub fn all_written(&self) -> bool {
        self.refused.is_empty() && self.under_way.values().all(|(_, again)| !again)
    }

    /// Whether everything that a restart needs is on disk.
    pub fn is_quiet(&self) -> bool {
        let mut missing = self.under_way.values().map(|(entry, _)| entry).chain(&self.refused);
        missing.all(|entry| matches!(entry.fact, Fact::Line | Fact::Note))
    }

    /// The oldest refused entry, once it is time to try again and none is being tried.
    pub fn due(&mut self, now: Mono) -> Option<Entry> {
        let rested = self.tried_at.is_none_or(|at| now.since(at) >= AGAIN_EVERY);
        if !rested || self.refused.is_empty() {
            return None;
        }
        self.tried_at = Some(now);
        self.refused.pop_front()
    }
}

/// Whether one more has a place beside those that wait.
fn has_room<'e>(fact: &Fact, lines_max: usize, waiting: impl ExactSizeIterator<Item = &'e Entry>) -> bool {
    if *fact == Fact::Note {
        waiting.filter(|entry| entry.fact == Fact::Note).count() < NOTES_MAX
    } else {
        waiting.len() < if *fact == Fact::Line { lines_max } else { WAITING_MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Clean, Wall};
    use crate::engine::Severity;

    fn follows(fact: &Fact, count: usize) -> usize {
        let mut facts = Facts::default();
        for number in 1..=count as u64 {
            let (wall, mono, text) = (Wall::default(), Mono::default(), Clean::default());
            let entry = Entry { number, wall, mono, severity: Severity::Info, by: None, text, fact: fact.clone() };
            facts.asked(EffectId(number), &entry, false);
        }
        facts.under_way.len()
    }

    #[test]
    fn what_is_followed_is_bounded_and_lines_leave_room_for_facts() {
        assert_eq!(follows(&Fact::Line, 3_000), LINES_MAX);
        assert_eq!(follows(&Fact::Resumed, 3_000), WAITING_MAX);
        assert_eq!(follows(&Fact::Note, 3_000), NOTES_MAX);
    }
}
