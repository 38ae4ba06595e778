//! How far a rollback is, the keeper's and one that was started from here. Never a bare OK.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, fit};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::direct::{Direct, Standing};
use crate::engine::{RollbackState, RollbackView, Snapshot};
use ratatui::style::Style;
use std::time::Duration;

type Line = Vec<Piece>;

/// The outcome first, then whatever has room.
pub(super) fn lines(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    snapshot: Option<&Snapshot>,
    width: u16,
    rows: usize,
) -> Vec<Line> {
    let rollback = snapshot.and_then(|snapshot| snapshot.rollback.as_ref());
    let mut lines = Vec::new();
    if let Some(direct) = &view.desk.direct {
        lines.extend(directly(canvas, view, direct, width, rows.saturating_sub(usize::from(rollback.is_some()))));
    }
    if let Some(rollback) = rollback {
        lines.extend(by_keeper(canvas, rollback, width));
    }
    if lines.is_empty() {
        // What another command came to is no news of this one.
        let words = view.desk.rollback_outcome.as_ref().map_or("SENT, waiting for the keeper", |words| words.as_str());
        lines.push(vec![piece(words, canvas.look.ink(Ink::Bold))]);
    }
    if lines.len() < rows && (rollback.is_some() || view.desk.direct.is_some()) {
        let look = canvas.look;
        lines.push(match view.desk.rollback_reason() {
            Some(reason) => vec![piece(format!("reason given: {reason}   r gives another"), look.ink(Ink::Plain))],
            None => vec![piece("r  say why it was rolled back (optional)", look.ink(Ink::Bold))],
        });
    }
    lines.truncate(rows);
    lines
}

fn seconds(duration: Duration) -> String {
    format!("+{:.1}s", duration.as_secs_f64())
}

/// `SENT 12:04:33Z → ACCEPTED +0.3s → OBSERVED candidate 0% +6.1s`.
fn by_keeper(canvas: &Canvas<'_>, rollback: &RollbackView, width: u16) -> Vec<Line> {
    let look = canvas.look;
    let ink = if rollback.state == RollbackState::Foreign { Ink::Critical } else { Ink::Bold };
    let stage = |rank: u8, word: &str, short: &str, took: Option<Duration>| {
        took.map(|took| {
            let words = |word: &str| vec![piece(format!("→ {word} {}", seconds(took)), look.ink(ink))];
            Part::new(rank, words(word)).or(words(short))
        })
    };
    let mut parts = vec![Part::new(0, vec![piece(format!("SENT {}", rollback.accepted.clock()), look.ink(ink))])];
    parts.extend(stage(2, "ACCEPTED", "ACCEPTED", rollback.acknowledged));
    parts.extend(stage(1, "OBSERVED candidate 0%", "OBSERVED 0%", rollback.read_back));
    parts.extend(stage(0, "CONFIRMED", "CONFIRMED", rollback.confirmed));
    parts.extend(stage(0, "ROLLED BACK", "ROLLED BACK", rollback.rolled_back));
    let is_foreign = rollback.state == RollbackState::Foreign;
    parts.extend(is_foreign.then(|| stopped(look.ink(Ink::Critical))));
    let mut lines = vec![fit(look, &parts, " ", width)];
    // What stands still tries nothing.
    if let Some(why) = rollback.last_error.as_ref().filter(|_| !is_foreign) {
        let words = format!("attempt {}: {why}; still trying", rollback.attempts);
        lines.push(vec![piece(words, look.ink(Ink::Critical))]);
    }
    let from = rollback.from.map_or_else(|| "?".to_owned(), |split| split.to_string());
    let words =
        format!("started {} by {}  candidate {from} → 0%  {}", rollback.accepted.clock(), rollback.by, rollback.reason);
    lines.push(vec![piece(words, look.ink(Ink::Plain))]);
    lines
}

/// Whose ever rollback it is, the same keys go on.
fn stopped(critical: Style) -> Part {
    let short = "→ STOPPED: FOREIGN: R y sends over it";
    let long = "→ STOPPED at somebody else's setting: R y sends over it";
    Part::new(0, vec![piece(long, critical)]).or(vec![piece(short, critical)])
}

/// The same line from what a direct rollback has said, the way to run it elsewhere, and its newest words.
fn directly(canvas: &Canvas<'_>, view: &View<'_>, direct: &Direct, width: u16, rows: usize) -> Vec<Line> {
    let look = canvas.look;
    let since = view.now.since(direct.since);
    let begun_at = view.wall.minus(since);
    let bold = look.ink(Ink::Bold);
    let part = |rank: u8, words: String| Part::new(rank, vec![piece(words, bold)]);
    let standing = direct.standing(view.now);
    // What ended without a word of its write may never have sent one.
    let begun = if matches!(standing, Standing::Nothing | Standing::Failed) { "STARTED" } else { "SENT" };
    let mut parts = vec![part(0, format!("{begun} DIRECTLY {}", begun_at.clock()))];
    parts
        .extend(direct.took(direct.observed).map(|took| part(1, format!("→ OBSERVED candidate 0% {}", seconds(took)))));
    match standing {
        Standing::Running => parts.push(part(2, "→ reading back".to_owned())),
        Standing::Unknown => {
            let words = format!("→ UNKNOWN - not confirmed after {} s", since.as_secs());
            let long = format!("{words}; it goes on trying");
            parts.push(
                Part::new(0, vec![piece(long, look.ink(Ink::Critical))])
                    .or(vec![piece(words, look.ink(Ink::Critical))]),
            );
        }
        Standing::Foreign => parts.push(stopped(look.ink(Ink::Critical))),
        Standing::Confirmed => {
            let took = direct.took(direct.confirmed).unwrap_or_default();
            parts.push(part(0, format!("→ CONFIRMED {}", seconds(took))));
        }
        Standing::Nothing => parts.push(part(0, "→ nothing to confirm".to_owned())),
        Standing::Failed => {
            let next = if direct.is_lost { "no plan found from here" } else { direct.next_key() };
            let words = format!("→ FAILED: {next}");
            parts.push(Part::new(0, vec![piece(words, look.ink(Ink::Critical))]));
        }
    }
    let mut lines = vec![fit(look, &parts, " ", width)];
    if standing != Standing::Confirmed && lines.len() < rows {
        let words = format!("elsewhere: warroom rollback {} --direct", view.elsewhere());
        lines.push(vec![piece(words, look.ink(Ink::Plain))]);
    }
    let newest = direct.lines.len().saturating_sub(rows.saturating_sub(lines.len()));
    lines.extend(direct.lines[newest..].iter().map(|line| vec![piece(format!("direct: {line}"), bold)]));
    lines
}
