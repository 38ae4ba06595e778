//! The log as it is looked at: what is shown of its history, and from where. It never changes what happened.

use super::history::History;
use crate::engine::{Entry, Fact, Severity};

/// So many lines alike become one.
pub const ALIKE_MIN: usize = 3;
/// Kinds of lines that may take turns and are still counted: two things that flap, each going bad and good again.
const TURNS_MAX: usize = 4;
/// Longest filter: what an 80 column footer can show of it.
pub const FILTER_CHARS_MAX: usize = 60;

/// Filter, place and history.
#[derive(Debug, Default)]
pub struct Log {
    history: History,
    /// The selected line's number while it is scrolled; `None` follows the end.
    at: Option<u64>,
    /// The newest line when it was scrolled away from its end.
    paused_at: u64,
    /// What lines must hold, in lower case or not; empty shows all.
    filter: String,
    /// Whether the filter is being typed.
    typing: bool,
    /// Whether only warnings and errors are shown.
    only_bad: bool,
}

/// How many lines a filter lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// These.
    pub shown: usize,
    /// Of these.
    pub all: usize,
    /// Critical ones that it hides.
    pub critical_hidden: usize,
}

/// One row of the log.
#[derive(Debug, Clone, Copy)]
pub enum Row<'h> {
    /// A line, or several alike.
    Lines {
        /// The oldest of them.
        first: &'h Entry,
        /// The newest of them.
        last: &'h Entry,
        /// How many they are.
        times: usize,
    },
    /// Lines that this console never saw.
    Gap {
        /// How many.
        missing: u64,
        /// The last line before them; `None` when they are the oldest.
        before: Option<&'h Entry>,
        /// The first line behind them.
        after: &'h Entry,
    },
}

impl<'h> Row<'h> {
    /// The newest line of it, where it is not a gap.
    pub fn entry(&self) -> Option<&'h Entry> {
        match self {
            Self::Lines { last, .. } => Some(last),
            Self::Gap { .. } => None,
        }
    }

    fn holds(&self, number: u64) -> bool {
        match self {
            Self::Lines { first, last, .. } => (first.number..=last.number).contains(&number),
            Self::Gap { .. } => false,
        }
    }
}

impl Log {
    /// Takes a snapshot's lines in.
    pub(super) fn take_in(&mut self, log: &[Entry]) {
        self.history.take_in(log);
    }

    /// What was seen, filtered or not.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The filter's text, while there is one or one is typed.
    pub fn filter(&self) -> Option<&str> {
        (self.typing || !self.filter.is_empty()).then_some(self.filter.as_str())
    }

    /// Whether keys are text of the filter.
    pub fn is_typing(&self) -> bool {
        self.typing
    }

    /// Whether only warnings and errors are shown.
    pub fn is_only_bad(&self) -> bool {
        self.only_bad
    }

    /// Lines that came since it was scrolled away from its end; `None` while it follows.
    pub fn paused(&self) -> Option<u64> {
        self.at.map(|_| self.history.newest().saturating_sub(self.paused_at))
    }

    /// What the filter lets through.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { shown: 0, all: self.history.lines().len(), critical_hidden: 0 };
        for entry in self.history.lines() {
            if self.shows(entry) {
                counts.shown += 1;
            } else if entry.severity == Severity::Critical {
                counts.critical_hidden += 1;
            }
        }
        counts
    }

    fn shows(&self, entry: &Entry) -> bool {
        let bad = !self.only_bad || entry.severity > Severity::Info;
        bad && (self.filter.is_empty() || is_found(entry, &self.filter))
    }

    /// Every row, oldest first.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        let mut alike: Vec<Vec<&Entry>> = Vec::new();
        let mut before: Option<&Entry> = None;
        for entry in self.history.lines() {
            let missing = entry.number.saturating_sub(before.map_or(0, |entry| entry.number) + 1);
            if missing > 0 {
                settle(&mut alike, &mut rows);
                rows.push(Row::Gap { missing, before, after: entry });
            }
            before = Some(entry);
            if !self.shows(entry) {
                continue;
            }
            match alike.iter_mut().find(|kind| is_alike(kind[0], entry)) {
                Some(kind) => kind.push(entry),
                None => {
                    if alike.len() >= TURNS_MAX || !merely_happened(entry) {
                        settle(&mut alike, &mut rows);
                    }
                    alike.push(vec![entry]);
                }
            }
            // What somebody did parts what was before it from what comes.
            if !merely_happened(entry) {
                settle(&mut alike, &mut rows);
            }
        }
        settle(&mut alike, &mut rows);
        rows
    }

    /// The selected row while it is scrolled: where the selected line is, or else the nearest one before it.
    pub fn selected(&self, rows: &[Row<'_>]) -> Option<usize> {
        let at = self.at?;
        let is_line = |row: &Row<'_>| row.entry().is_some();
        rows.iter()
            .position(|row| row.entry().is_some_and(|entry| entry.number == at))
            .or_else(|| rows.iter().position(|row| row.holds(at)))
            .or_else(|| rows.iter().rposition(|row| row.entry().is_some_and(|entry| entry.number <= at)))
            .or_else(|| rows.iter().position(is_line))
    }

    /// The line that `Enter` opens and `c` copies: the selected one, or the newest; with how many it stands for and the
    /// oldest of them.
    pub fn chosen(&self) -> Option<Row<'_>> {
        let rows = self.rows();
        let place = match self.selected(&rows) {
            Some(place) => place,
            None => rows.iter().rposition(|row| row.entry().is_some())?,
        };
        rows.get(place).copied()
    }

    /// Moves by rows, up with a positive number; the end follows again.
    pub(super) fn scroll(&mut self, by: isize) {
        let rows = self.rows();
        let lines: Vec<u64> = rows.iter().filter_map(|row| row.entry().map(|entry| entry.number)).collect();
        let Some(last) = lines.len().checked_sub(1) else { return };
        let here = match self.selected(&rows).and_then(|place| rows[place].entry()) {
            Some(entry) => lines.partition_point(|number| *number < entry.number).min(last),
            None => last,
        };
        let there = here.saturating_add_signed(by.saturating_neg()).min(last);
        self.go_to((there < last).then(|| lines[there]));
    }

    fn go_to(&mut self, at: Option<u64>) {
        if self.at.is_none() {
            self.paused_at = self.history.newest();
        }
        self.at = at;
    }

    /// Follows the end.
    pub(super) fn follow(&mut self) {
        self.at = None;
    }

    /// To the next match, newer or older, around the end if need be; says what it did where that is not plain.
    pub(super) fn next_match(&mut self, newer: bool) -> Option<&'static str> {
        if self.filter.is_empty() {
            return Some("no filter is set");
        }
        let rows = self.rows();
        let lines: Vec<u64> = rows.iter().filter_map(|row| row.entry().map(|entry| entry.number)).collect();
        let Some(last) = lines.len().checked_sub(1) else { return Some("nothing matches; Esc clears the filter") };
        let here = self.selected(&rows).and_then(|place| rows[place].entry());
        let here = here.map_or(last, |entry| lines.partition_point(|number| *number < entry.number).min(last));
        let (there, words) = match (newer, here) {
            (true, here) if here == last => (0, Some("from the oldest match again")),
            (true, here) => (here + 1, None),
            (false, 0) => (last, Some("from the newest match again")),
            (false, here) => (here - 1, None),
        };
        self.go_to((there < last).then(|| lines[there]));
        words
    }

    /// Only warnings and errors, or all lines again.
    pub(super) fn toggle_only_bad(&mut self) {
        self.only_bad = !self.only_bad;
    }

    /// Keys are the filter's text from now on; what it was stays, to be gone on with.
    pub(super) fn type_filter(&mut self) {
        self.typing = true;
    }

    /// Adds what was typed or pasted.
    pub(super) fn insert(&mut self, text: &str) {
        let room = FILTER_CHARS_MAX.saturating_sub(self.filter.chars().count());
        self.filter.extend(text.chars().filter(|c| !c.is_control()).take(room));
    }

    /// Takes the last character away; of an empty filter, the field.
    pub(super) fn rub_out(&mut self) {
        self.typing = self.filter.pop().is_some();
    }

    /// The field closes and the filter stays.
    pub(super) fn keep_filter(&mut self) {
        self.typing = false;
    }

    /// The filter goes, with its field; whether there was one.
    pub(super) fn clear_filter(&mut self) -> bool {
        let was = self.filter().is_some();
        self.filter.clear();
        self.typing = false;
        was
    }
}

/// Whether a filter is found in a line's words, or in its time and words as the log shows them.
fn is_found(entry: &Entry, filter: &str) -> bool {
    let text = entry.text.as_str();
    let may_be_time = filter.contains(|c: char| c.is_ascii_digit() || c == ':');
    found_at(text, filter).is_some()
        || may_be_time && found_at(&format!("{} {text}", entry.wall.clock()), filter).is_some()
}

/// A character as capital letters do not matter; nearly all are ASCII, and Unicode's table is ten times as slow.
fn lower(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}

/// Where a filter is found in a text, as a range of its characters; capital letters or not. It copies nothing: each
/// frame looks at every line.
pub fn found_at(text: &str, filter: &str) -> Option<std::ops::Range<usize>> {
    let first = lower(filter.chars().next()?);
    let begins = |text: &str| {
        let mut text = text.chars();
        filter.chars().all(|c| text.next().is_some_and(|other| lower(other) == lower(c)))
    };
    let mut places = text.char_indices().enumerate();
    let (at, _) = places.find(|(_, (byte, c))| lower(*c) == first && begins(&text[*byte..]))?;
    Some(at..at + filter.chars().count())
}

/// Moves lines into rows, in the order of their newest: a kind that came often enough is one row.
fn settle<'h>(alike: &mut Vec<Vec<&'h Entry>>, rows: &mut Vec<Row<'h>>) {
    let from = rows.len();
    for kind in alike.drain(..) {
        match (kind.first(), kind.last()) {
            (Some(first), Some(last)) if kind.len() >= ALIKE_MIN => {
                rows.push(Row::Lines { first, last, times: kind.len() });
            }
            _ => rows.extend(kind.into_iter().map(|entry| Row::Lines { first: entry, last: entry, times: 1 })),
        }
    }
    rows[from..].sort_by_key(|row| row.entry().map(|entry| entry.number));
}

/// Whether nobody did it and it moved nothing: what somebody did or what moved traffic is told each time.
fn merely_happened(entry: &Entry) -> bool {
    entry.by.is_none() && entry.fact == Fact::Line
}

/// Whether two lines tell the same event with other numbers.
fn is_alike(one: &Entry, other: &Entry) -> bool {
    merely_happened(one)
        && merely_happened(other)
        && one.severity == other.severity
        && without_numbers(one.text.as_str()).eq(without_numbers(other.text.as_str()))
}

/// A text's characters, every number as one mark. Digits behind a letter are part of a name: `P95` and `P99` are two
/// things, and so are `lb1` and `lb2`.
fn without_numbers(text: &str) -> impl Iterator<Item = char> + '_ {
    let (mut in_number, mut in_name) = (false, false);
    text.chars().filter_map(move |c| {
        let was = in_number;
        in_name = !was && (c.is_alphabetic() || in_name && (c.is_ascii_digit() || matches!(c, '_' | '-' | '.')));
        in_number = !in_name && (c.is_ascii_digit() || was && c == '.');
        match (in_number, was) {
            (true, true) => None,
            (true, false) => Some('#'),
            (false, _) => Some(c),
        }
    })
}
