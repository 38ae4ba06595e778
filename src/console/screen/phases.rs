//! The plan's steps, and where the run is among them.

use super::canvas::{Canvas, Piece};
use super::look::Ink;
use super::{View, piece};
use crate::engine::{Phase, Snapshot, StepState};
use ratatui::layout::Rect;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let pieces = timeline(canvas, snapshot, 1);
    let used = canvas.pieces(area.x + 1, area.y, area.width.saturating_sub(2), &pieces);
    let bake = bake_words(view, snapshot);
    if area.width > used + 4 + bake.len() as u16 {
        let style = canvas.look.ink(Ink::Dim);
        canvas.right(Rect { width: area.width - 1, ..area }, area.y, &[piece(bake, style)]);
    }
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let inside = canvas.frame(
        area,
        &[piece("PHASES", look.ink(Ink::Bold))],
        &[piece(bake_words(view, snapshot), look.ink(Ink::Plain))],
        false,
    );
    let pieces = timeline(canvas, snapshot, 4);
    canvas.pieces(inside.x + 1, inside.y, inside.width.saturating_sub(2), &pieces);
    canvas.pieces(inside.x + 1, inside.y + 1, inside.width.saturating_sub(2), &times(canvas, snapshot, 4));
}

/// `✓ pre ─ ✓ 5% ─ ► 25% ─ ○ 50% ─ ○ 100%`.
fn timeline(canvas: &Canvas<'_>, snapshot: &Snapshot, dashes: usize) -> Vec<Piece> {
    let look = canvas.look;
    let joint = format!(" {} ", look.glyph("─", "-").repeat(dashes));
    let started = snapshot.steps.iter().any(|step| step.state != StepState::ToCome);
    let mut pieces = vec![if snapshot.phase == Phase::Observing {
        // A keeper that only watches stands nowhere in the plan.
        piece(format!("{} pre", look.glyph("○", "o")), look.ink(Ink::Dim))
    } else if started {
        piece(format!("{} pre", look.glyph("✓", "+")), look.ink(Ink::Plain))
    } else {
        piece(format!("{} pre", look.glyph("►", ">")), look.ink(Ink::Bold))
    }];
    for step in &snapshot.steps {
        pieces.push(piece(joint.clone(), look.ink(Ink::Dim)));
        let halted = matches!(snapshot.phase, Phase::Held) || snapshot.phase.is_back();
        let (mark, ink) = match step.state {
            StepState::Done => (look.glyph("✓", "+"), Ink::Plain),
            StepState::Now if snapshot.phase == Phase::Complete => (look.glyph("✓", "+"), Ink::Bold),
            StepState::Now | StepState::Going if halted => (look.glyph("■", "#"), Ink::Bold),
            StepState::Now => (look.glyph("►", ">"), Ink::Bold),
            StepState::Going => (look.glyph("▲", "^"), Ink::Bold),
            StepState::ToCome => (look.glyph("○", "o"), Ink::Dim),
        };
        pieces.push(piece(format!("{mark} {}{}", step.split, if step.hold { "*" } else { "" }), look.ink(ink)));
    }
    if let Some(rollback) = &snapshot.rollback {
        pieces.push(piece(joint, look.ink(Ink::Dim)));
        let done = rollback.rolled_back.is_some();
        pieces.push(piece(
            format!("{} back", if done { look.glyph("✓", "+") } else { look.glyph("►", ">") }),
            look.ink(Ink::Bold),
        ));
    }
    pieces
}

/// Under each step when it was reached, or when the plan would.
fn times(canvas: &Canvas<'_>, snapshot: &Snapshot, dashes: usize) -> Vec<Piece> {
    let look = canvas.look;
    let mut pieces = vec![piece(" ".repeat(5), look.ink(Ink::Dim))];
    for step in &snapshot.steps {
        let label = step.split.to_string().len() + 2 + usize::from(step.hold);
        let width = label + dashes + 2;
        let planned = step.planned.as_secs();
        let text = match step.reached {
            Some(wall) => wall.clock().chars().take(8).collect::<String>(),
            None => format!("T+{:02}:{:02}", planned / 60, planned % 60),
        };
        pieces.push(piece(format!("{text:>width$}"), look.ink(Ink::Dim)));
    }
    if snapshot.steps.iter().any(|step| step.hold) {
        pieces.push(piece("   * hold point", look.ink(Ink::Dim)));
    }
    pieces
}

/// `bake 00:12 of 00:20`.
fn bake_words(view: &View<'_>, snapshot: &Snapshot) -> String {
    let old = if view.is_cut_off() { "?" } else { "" };
    let clock = |d: std::time::Duration| format!("{:02}:{:02}", d.as_secs() / 60, d.as_secs() % 60);
    match snapshot.bake {
        Some((healthy, need)) if !snapshot.phase.is_back() => {
            format!("bake {}{old} of {}", clock(healthy), clock(need))
        }
        Some(_) | None => String::new(),
    }
}
