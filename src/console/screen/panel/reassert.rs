//! What this run last set, set again: over what, whose it is as far as anybody knows, and what it takes.

use super::super::canvas::Canvas;
use super::super::fit::{Part, fit};
use super::super::header::{self, Brevity};
use super::super::look::Ink;
use super::super::{View, checks, piece};
use super::{Line, ask_line, moves};
use crate::console::desk::dialog::Dialog;
use crate::domain::Verdict;
use crate::engine::{Gate, Snapshot};

/// Gates that a re-assert is not asked for: its own occasion, and what belongs to the next step.
const NOT_ASKED: [&str; 3] = ["drift", "bake", "approval"];

pub(super) fn lines(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    dialog: &Dialog,
    snapshot: &Snapshot,
    width: u16,
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
    lines.push(asked(canvas, view, snapshot, width));
    if let Some(drift) = &snapshot.drift {
        let ink = look.ink(if drift.times > 1 { Ink::Critical } else { Ink::Warn });
        lines.extend(view.wrap(drift.words.as_str(), width).into_iter().map(|line| vec![piece(line, ink)]));
    }
    for gate in gates(snapshot).filter(|gate| gate.verdict == Verdict::Warn) {
        lines.push(vec![piece(format!("! {}: {}", gate.name, gate.detail), look.ink(Ink::Warn))]);
    }
    lines.push(vec![piece("If anything changes this panel opens again.", look.ink(Ink::Dim))]);
    let stays =
        snapshot.drift.as_ref().map_or_else(|| "leave it".to_owned(), |drift| format!("leave it at {}", drift.to));
    lines.push(ask_line(canvas, &format!("RE-ASSERT {}", snapshot.split.wanted), &stays, width));
    lines
}

fn gates(snapshot: &Snapshot) -> impl Iterator<Item = &Gate> {
    snapshot.gates.iter().filter(|gate| !NOT_ASKED.contains(&gate.name.as_str()))
}

/// `Over somebody else's 60% since 12:01:11Z   Gates 14/14 open   checks 9/9 ok`, and how old everything is.
fn asked(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Line {
    let look = canvas.look;
    let plain = look.ink(Ink::Plain);
    let (open, all) = (gates(snapshot).filter(|gate| gate.is_open()).count(), gates(snapshot).count());
    let checks = format!("checks {}/{} ok", checks::good(view, snapshot), snapshot.checks.len());
    let mut ages = header::ages(canvas, view, snapshot, Brevity::Full);
    ages.pop();
    let over = snapshot.drift.as_ref().map(|drift| {
        let whose = if drift.own { "an earlier or half-applied" } else { "somebody else's" };
        let since = drift.since_wall.map_or_else(String::new, |since| format!(" since {}", since.clock()));
        format!("Over {whose} {}{since}", drift.to)
    });
    let parts = [
        Part::new(0, vec![piece(over.unwrap_or_default(), look.ink(Ink::Bold))]),
        Part::new(0, vec![piece(format!("Gates {open}/{all} open"), plain)]),
        Part::new(1, vec![piece(checks, plain)]),
        Part::new(2, ages),
    ];
    fit(look, &parts, "   ", width)
}
