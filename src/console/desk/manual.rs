//! What the help, the man page and the README say: keys, words, marks, inks and limits, from the tables and constants
//! that they are about.

use super::alarms::{CLEAR_AFTER, RAISE_AFTER};
use super::commands::COMMANDS;
use super::dialog::{ADVANCE_FOR, ARMED_FOR, DWELL, TYPED_FOR};
use super::keymap::{ANSWERS, Keymap, LEGEND, PANEL_KEYS};
use super::{BELL_EVERY, HOLD_AFTER, HOLD_BEFORE, STALL, TEXT_ARRIVING};
use crate::console::fresh::KEEPER;
use crate::domain::duration_words;
use crate::engine::{Phase, Snapshot};
use crate::wire::{ACKNOWLEDGE_WAIT, Status};

/// The columns of words beside their sign on the smallest whole screen, 80 columns wide, frame and sign taken off.
const WORDS_WIDTH: usize = 64;

/// A heading and what stands under it.
#[derive(Debug, Clone)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// One row: a sign and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The sign.
    pub sign: String,
    /// The same in ASCII.
    pub ascii: String,
    /// What it means.
    pub words: String,
}

impl Row {
    fn new(sign: impl Into<String>, words: impl Into<String>) -> Self {
        let sign = sign.into();
        Self { ascii: sign.clone(), sign, words: words.into() }
    }

    /// Rows that fit the smallest whole screen: one can scroll to each of them, whatever stands before it.
    fn broken(self) -> Vec<Self> {
        let mut rows = vec![Self { words: String::new(), ..self.clone() }];
        for word in self.words.split(' ') {
            let last = rows.last_mut().expect("there is a first");
            if last.words.is_empty() {
                word.clone_into(&mut last.words);
            } else if last.words.chars().count() + 1 + word.chars().count() <= WORDS_WIDTH {
                last.words.push(' ');
                last.words.push_str(word);
            } else {
                rows.push(Self::new("", word));
            }
        }
        rows
    }
}

/// Everything, in reading order. A keeper that only watches knows none of the keys that move traffic.
pub fn sections(keymap: &Keymap, snapshot: Option<&Snapshot>) -> Vec<Section> {
    let watches = snapshot.is_some_and(|snapshot| snapshot.phase == Phase::Observing);
    let limits = snapshot.map(plan_limits).filter(|rows| !rows.is_empty());
    let mut sections = vec![Section { title: "KEYS", rows: keys(keymap, !watches) }];
    sections.push(Section { title: "MARKS", rows: marks() });
    sections.push(Section { title: "INKS", rows: inks() });
    sections.push(Section { title: "TIMES", rows: times() });
    sections.extend(limits.map(|rows| Section { title: "LIMITS OF THIS PLAN", rows }));
    sections.push(Section { title: "COMMANDS", rows: commands() });
    for section in &mut sections {
        section.rows = section.rows.drain(..).flat_map(Row::broken).collect();
    }
    sections
}

/// Where each section's heading stands among the rows of the help, and how many rows there are.
pub(super) fn starts(keymap: &Keymap, status: Option<&Status>) -> (Vec<usize>, usize) {
    let mut rows = 0;
    let mut starts = Vec::new();
    for section in sections(keymap, status.map(|status| &status.snapshot)) {
        starts.push(rows);
        rows += section.rows.len() + 1;
    }
    (starts, rows)
}

/// What moves traffic and what answers its questions, then the other keys of the main screen and of panels.
pub fn keys(keymap: &Keymap, with_traffic: bool) -> Vec<Row> {
    let bound = |is_traffic: bool| {
        let rows = keymap.rows().iter().filter(move |row| row.action.is_traffic() == is_traffic);
        rows.map(|row| Row::new(row.label(), row.help))
    };
    let (answers, others) = PANEL_KEYS.split_at(ANSWERS);
    let in_panels = |keys: &'static [(&str, &str)]| keys.iter().map(|(keys, help)| Row::new(*keys, *help));
    let traffic = bound(true).filter(|_| with_traffic);
    traffic.chain(in_panels(answers)).chain(bound(false)).chain(in_panels(others)).collect()
}

/// The words of the command line.
pub fn commands() -> Vec<Row> {
    COMMANDS.iter().map(|word| Row::new(format!(":{} {}", word.name, word.takes).trim_end(), word.help)).collect()
}

/// Keys and words as the README has them.
pub fn markdown() -> String {
    let mut text = String::new();
    for (heading, rows) in [("key", keys(&Keymap::default(), true)), ("typed", commands())] {
        text.push_str(&format!("| {heading} | what it does |\n| --- | --- |\n"));
        for row in rows {
            let signs: Vec<String> = match heading {
                "key" => row.sign.split(' ').map(|sign| format!("`{sign}`")).collect(),
                _ => vec![format!("`{}`", row.sign.replace('|', "\\|"))],
            };
            text.push_str(&format!("| {} | {} |\n", signs.join(" "), row.words));
        }
        text.push('\n');
    }
    text
}

fn marks() -> Vec<Row> {
    let row = |(sign, ascii, words): &(&str, &str, &str)| Row {
        sign: (*sign).to_owned(),
        ascii: (*ascii).to_owned(),
        words: (*words).to_owned(),
    };
    LEGEND.iter().map(row).collect()
}

fn inks() -> Vec<Row> {
    [
        ("plain", "healthy has no colour; nothing is good by being green"),
        ("yellow", "! look at it; bold in mono"),
        ("red", "act on it; the band is reversed too"),
        ("purple", "? old or unknown, never believed"),
        ("grey", "less important; charts, but for what is over its limit"),
        ("blue", "one environment's chip and part of the gauge, only"),
        ("green", "the other's; the word in the chip says which"),
    ]
    .map(|(ink, words)| Row::new(ink, words))
    .to_vec()
}

/// Every time that decides what a key does or what is believed.
fn times() -> Vec<Row> {
    let words = duration_words;
    [
        ("y", format!("counts {} after its panel is on the terminal, not before", words(DWELL))),
        ("R", format!("armed for {}; a panel of A is open for {}", words(ARMED_FOR), words(ADVANCE_FOR))),
        ("R H", "in a panel of A or T: closes it and arms; closes it and holds".to_owned()),
        ("type", format!("a panel with a name to type closes after {} without a key", words(TYPED_FOR))),
        ("R", format!("not within {} after stray text", words(TEXT_ARRIVING))),
        ("H", format!("no other key {} before or {} after it", words(HOLD_BEFORE), words(HOLD_AFTER))),
        ("R y", format!("goes directly when the keeper is silent for {}", words(ACKNOWLEDGE_WAIT))),
        ("keeper", format!("LATE after {}, not believed after {}", words(KEEPER.late), words(KEEPER.stale))),
        ("alarm", format!("raised after {RAISE_AFTER} bad seconds, cleared after {CLEAR_AFTER} good ones")),
        ("stalled", format!("a frame that takes over {} drops the keys behind it", words(STALL))),
        (
            "bell",
            format!(
                "alarms until silenced, a rollback and its end, refusals, a lost seat; once in {}",
                words(BELL_EVERY)
            ),
        ),
    ]
    .map(|(sign, words)| Row::new(sign, words))
    .to_vec()
}

/// What the plan itself holds the cutover to.
fn plan_limits(snapshot: &Snapshot) -> Vec<Row> {
    let limits = snapshot.guardrails.iter().filter(|guardrail| !guardrail.limits.as_str().is_empty());
    limits.map(|guardrail| Row::new("limit", guardrail.limits.as_str())).collect()
}
