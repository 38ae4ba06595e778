//! What is taken along from the screen, and what is covered on it.

use super::dialog::Kind;
use super::log::Row;
use super::privacy::Mask;
use super::{Act, Desk, Panel};
use crate::domain::{Clean, Mono};
use crate::engine::{CheckView, Entry, Severity};
use crate::wire::Status;

impl Desk {
    /// What is covered here; `None` when nothing is to be.
    pub fn mask(&self, status: Option<&Status>) -> Option<Mask> {
        self.private.then(|| Mask::new(status, self.me.as_ref(), self.log.history().lines()))
    }

    /// Copies what is looked at: the open details, else the selected check, else the selected line of the log.
    pub(super) fn copy(&mut self, now: Mono, status: Option<&Status>, acts: &mut Vec<Act>) {
        let Some(text) = self.looked_at(status) else {
            self.flash("nothing to copy", now);
            return;
        };
        let target = status.map_or_else(String::new, |status| format!("{}  ", status.snapshot.title));
        let text = format!("{target}{text}");
        acts.push(Act::Copy(Clean::new(self.mask(status).map_or(text.clone(), |mask| mask.cover(&text)))));
    }

    fn looked_at(&self, status: Option<&Status>) -> Option<String> {
        let checks = status.map(|status| &status.snapshot.checks[..]).unwrap_or_default();
        let open = self.dialog.as_ref().map(|dialog| &dialog.kind);
        if let Some(Kind::Event { entry, times, .. }) = open {
            return Some(line_words(entry, *times));
        }
        if let Some(Kind::Check { name, .. }) = open {
            return checks.iter().find(|check| check.name == *name).map(check_words);
        }
        if self.focus == Panel::Checks {
            return checks.get(self.check).map(check_words);
        }
        match self.log.chosen()? {
            Row::Lines { last, times, .. } => Some(line_words(last, times)),
            Row::Gap { .. } => None,
        }
    }
}

fn line_words(entry: &Entry, times: usize) -> String {
    let word = match entry.severity {
        Severity::Info => "",
        Severity::Warn => "WARN ",
        Severity::Critical => "CRITICAL ",
    };
    let times = if times > 1 { format!("  x{times}") } else { String::new() };
    format!("{} {word}{}{times}", entry.wall, entry.text)
}

fn check_words(check: &CheckView) -> String {
    let (name, verdict) = (&check.name, super::forward::verdict_word(check.verdict));
    if check.raw == check.detail {
        format!("{name}: {verdict} {}", check.detail)
    } else {
        format!("{name}: {verdict} {}: {}", check.detail, check.raw)
    }
}
