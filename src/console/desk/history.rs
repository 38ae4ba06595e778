//! The log's lines as this console has seen them: each snapshot carries the newest only.

use crate::engine::Entry;
use std::collections::VecDeque;

/// Lines kept: an hour and a half of one line every three seconds, more than any night of the drills wrote. Older ones
/// are in the journal.
pub const LINES_MAX: usize = 2000;

/// What this console has seen, oldest first, by rising number. Numbers that are missing were never seen here.
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<Entry>,
}

impl History {
    /// Takes a snapshot's lines in. Where they differ from what is kept, the keeper is right: after a crash it goes on
    /// from what its disk held.
    pub(super) fn take_in(&mut self, log: &[Entry]) {
        if let (Some(known), Some(newest)) = (self.lines.back(), log.last())
            && is_same(known, newest)
        {
            return;
        }
        for entry in log {
            let place = self.lines.partition_point(|known| known.number < entry.number);
            match self.lines.get(place) {
                Some(known) if is_same(known, entry) => {}
                Some(known) if known.number == entry.number => {
                    self.lines.truncate(place);
                    self.lines.push_back(entry.clone());
                }
                Some(_) => self.lines.insert(place, entry.clone()),
                None => self.lines.push_back(entry.clone()),
            }
        }
        if let Some(newest) = log.last() {
            // Lines beyond the keeper's newest are of before its crash.
            self.lines.truncate(self.lines.partition_point(|known| known.number <= newest.number));
        }
        while self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
    }

    /// The lines, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.lines.iter()
    }

    /// The newest line's number; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.lines.back().map_or(0, |entry| entry.number)
    }
}

fn is_same(known: &Entry, told: &Entry) -> bool {
    known.number == told.number && known.wall == told.wall && known.text == told.text
}
