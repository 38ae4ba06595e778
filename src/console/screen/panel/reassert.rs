//! What this run last set, set again: over what, whose it is as far as anybody knows, and what it takes.

use super::super::canvas::Canvas;
use super::super::fit::{Part, fit};
use super::super::header::{self, Brevity};
use super::super::look::Ink;
use super::super::{View, piece};
use super::{Line, ask_line, checks_words, moves};
use crate::console::desk::dialog::Dialog;
use crate::domain::Verdict;
use crate::engine::{Gate, Snapshot};

pub(super) fn lines(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    dialog: &Dialog,
    snapshot: &Snapshot,
    width: u16,
    rows: usize,
) -> Vec<Line> {
    let look = canvas.look;
    let lock = view.desk.reassert_lock(snapshot, view.now).filter(|_| !dialog.acts());
    if let Some(lock) = lock {
        let mark = look.glyph("✗", "X");
        let reasons = lock.reasons.iter().flat_map(|reason| view.wrap(&format!("{mark} {reason}"), width));
        return reasons.map(|line| vec![piece(line, look.ink(Ink::Plain))]).collect();
    }
    if !dialog.acts() {
        return vec![vec![piece("unlocked: type :reassert to see what it would do", look.ink(Ink::Bold))]];
    }
    let mut lines = vec![fit(look, &moves(canvas, view, snapshot, snapshot.split.wanted), "     ", width)];
    let mut told: Vec<Line> = Vec::new();
    if let Some(drift) = &snapshot.drift {
        let ink = look.ink(if drift.times > 1 { Ink::Critical } else { Ink::Warn });
        told.extend(view.wrap(drift.words.as_str(), width).into_iter().map(|line| vec![piece(line, ink)]));
    }
    for gate in gates(snapshot).filter(|gate| gate.verdict == Verdict::Warn) {
        told.push(vec![piece(format!("! {}: {}", gate.name, gate.detail), look.ink(Ink::Warn))]);
    }
    if lines.len() + 1 + told.len() < rows {
        lines.push(fit(look, &asked(canvas, view, snapshot), "   ", width));
        lines.extend(told);
        if lines.len() + 1 < rows {
            lines
                .push(vec![piece("What changes meanwhile is asked anew: y is for what is shown.", look.ink(Ink::Dim))]);
        }
    } else {
        // One row has what decides: over whose, how often, and what warns.
        let mut parts = asked(canvas, view, snapshot);
        let warn = |words: String| Part::new(0, vec![piece(words, look.ink(Ink::Critical))]);
        let times = snapshot.drift.as_ref().map_or(0, |drift| drift.times);
        let fought = (times > 1).then(|| warn(format!("TIME {times}: talk first")));
        let warned = gates(snapshot).filter(|gate| gate.verdict == Verdict::Warn);
        let warned = warned.map(|gate| {
            let short = vec![piece(format!("! {}", gate.name), look.ink(Ink::Warn))];
            Part::new(0, vec![piece(format!("! {}: {}", gate.name, gate.detail), look.ink(Ink::Warn))]).or(short)
        });
        parts.splice(1..1, fought.into_iter().chain(warned));
        lines.push(fit(look, &parts, "  ", width));
    }
    let stays =
        snapshot.drift.as_ref().map_or_else(|| "leave it".to_owned(), |drift| format!("leave it at {}", drift.to));
    lines.push(ask_line(canvas, view, &format!("RE-ASSERT {}", snapshot.split.wanted), &stays, width));
    lines
}

/// The gates that a re-assert is asked for: neither its own occasion, nor what belongs to the next step. A check may be
/// called `drift` too; that one can be overridden.
fn gates(snapshot: &Snapshot) -> impl Iterator<Item = &Gate> {
    let is_drift = |gate: &Gate| gate.name.as_str() == "drift" && !gate.can_be_overridden;
    snapshot.gates.iter().filter(move |gate| !gate.of_next_step && !is_drift(gate))
}

/// `Over somebody else's 60% since 12:01:11Z   gates 14/14 open   checks 9/9 ok`, and how old everything is.
fn asked(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Vec<Part> {
    let look = canvas.look;
    let plain = look.ink(Ink::Plain);
    let (open, all) = (gates(snapshot).filter(|gate| gate.is_open()).count(), gates(snapshot).count());
    let mut ages = header::ages(canvas, view, snapshot, Brevity::Full);
    ages.pop();
    let over = snapshot.drift.as_ref().map(|drift| {
        let whose = if drift.own { "an earlier or half-applied" } else { "somebody else's" };
        let since = drift.since_wall.map_or_else(String::new, |since| format!(" since {}", since.clock()));
        format!("Over {whose} {}{since}", drift.to)
    });
    vec![
        Part::new(0, vec![piece(over.unwrap_or_default(), look.ink(Ink::Bold))]),
        Part::new(1, vec![piece(format!("gates {open}/{all} open"), plain)]),
        Part::new(2, vec![piece(checks_words(view, snapshot), plain)]),
        Part::new(3, ages),
    ]
}
