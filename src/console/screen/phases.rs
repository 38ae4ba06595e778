//! The plan's steps, where the run is among them, and when the next ones can be reached.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, columns, fit};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Panel;
use crate::console::desk::direct::Standing;
use crate::domain::Wall;
use crate::engine::{Phase, Snapshot, StepState, StepView};
use ratatui::layout::Rect;
use std::time::Duration;

/// Dashes between two steps, from most room to least.
const DASHES: [usize; 4] = [10, 4, 2, 1];
/// Column at which a step's notes stand: behind its name.
const NOTES_AT: u16 = 12;
/// The same, as a format's width.
const NOTES_INDENT: usize = NOTES_AT as usize;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    if view.desk.focus == Panel::Phases {
        // One row has no heading that could show the focus.
        canvas.text(area.x, area.y, 1, look.glyph("║", "|"), look.ink(Ink::Bold));
    }
    let pieces = timeline(canvas, view, snapshot, 1);
    let used = canvas.pieces(area.x + 1, area.y, area.width.saturating_sub(2), &pieces);
    let style = look.ink(Ink::Dim);
    let mut behind = vec![Part::new(1, vec![piece(bake_words(view, snapshot), style)])];
    behind.extend(hold_point(snapshot).map(|words| Part::new(2, vec![piece(words, style)])));
    let behind = fit(look, &behind, "   ", area.width.saturating_sub(used + 5));
    canvas.right(Rect { width: area.width - 1, ..area }, area.y, &behind);
}

/// What the star behind a step's split means.
fn hold_point(snapshot: &Snapshot) -> Option<&'static str> {
    snapshot.steps.iter().any(|step| step.hold).then_some("* hold point")
}

pub(super) fn draw_framed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let bake = [piece(bake_words(view, snapshot), look.ink(Ink::Plain))];
    let inside = canvas.panel_frame(area, view, Panel::Phases, &[], &bake);
    let width = inside.width.saturating_sub(2);
    let within =
        |room: u16| DASHES.into_iter().find(|dashes| columns(look, &timeline(canvas, view, snapshot, *dashes)) <= room);
    // Half of the room is for when 100 % can be reached.
    let dashes = within(width / 2).or_else(|| within(width)).unwrap_or(1);
    canvas.pieces(inside.x + 1, inside.y, width, &timeline(canvas, view, snapshot, dashes));
    canvas.pieces(inside.x + 1, inside.y + 1, width, &below(canvas, view, snapshot, dashes, width));
}

/// `✓ pre ─ ✓ 5% ─ ► 25% ─ ○ 50% ─ ○ 100%`.
fn timeline(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, dashes: usize) -> Vec<Piece> {
    let look = canvas.look;
    let joint = format!(" {} ", look.glyph("─", "-").repeat(dashes));
    let mut pieces = vec![before(canvas, snapshot)];
    for step in &snapshot.steps {
        pieces.push(piece(joint.clone(), look.ink(Ink::Dim)));
        pieces.push(step_piece(canvas, view, snapshot, step));
        if is_left_behind(snapshot, step) {
            let mark = if snapshot.phase == Phase::Held { look.glyph("■", "#") } else { look.glyph("►", ">") };
            pieces.push(piece(joint.clone(), look.ink(Ink::Dim)));
            pieces.push(piece(format!("{mark} {}", adopted(snapshot)), look.ink(Ink::Bold)));
        }
    }
    if let Some(direct) = view.direct(snapshot) {
        pieces.push(piece(joint, look.ink(Ink::Dim)));
        let mark = match direct.standing(view.now) {
            Standing::Confirmed => look.glyph("✓", "+"),
            Standing::Running => look.glyph("►", ">"),
            Standing::Unknown | Standing::Nothing => "?",
            Standing::Failed | Standing::Foreign => look.glyph("✗", "X"),
        };
        pieces.push(piece(format!("{mark} back (direct)"), look.ink(Ink::Bold)));
    } else if let Some(rollback) = &snapshot.rollback {
        pieces.push(piece(joint, look.ink(Ink::Dim)));
        let done = rollback.rolled_back.is_some();
        let mark = if done { look.glyph("✓", "+") } else { look.glyph("►", ">") };
        pieces.push(piece(format!("{mark} back"), look.ink(Ink::Bold)));
    }
    pieces
}

/// What is before the first step.
fn before(canvas: &Canvas<'_>, snapshot: &Snapshot) -> Piece {
    let look = canvas.look;
    let started = snapshot.steps.iter().any(|step| step.state != StepState::ToCome);
    if snapshot.phase == Phase::Observing {
        // A keeper that only watches stands nowhere in the plan.
        piece(format!("{} pre", look.glyph("○", "o")), look.ink(Ink::Dim))
    } else if started {
        piece(format!("{} pre", look.glyph("✓", "+")), look.ink(Ink::Plain))
    } else {
        piece(format!("{} pre", look.glyph("►", ">")), look.ink(Ink::Bold))
    }
}

/// Whether traffic stands beyond this step and not yet at the next: at a split that was adopted.
fn is_left_behind(snapshot: &Snapshot, step: &StepView) -> bool {
    let is_going = snapshot.steps.iter().any(|step| step.state == StepState::Going);
    step.state == StepState::Now && !is_going && snapshot.rollback.is_none() && snapshot.split.wanted > step.split
}

/// What stands between two steps then, behind its mark.
fn adopted(snapshot: &Snapshot) -> String {
    format!("{} adopted", snapshot.split.wanted)
}

/// `► 25%*`.
fn step_piece(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, step: &StepView) -> Piece {
    let look = canvas.look;
    let halted = matches!(snapshot.phase, Phase::Held) || snapshot.phase.is_back() || view.direct(snapshot).is_some();
    let (mark, ink) = match step.state {
        StepState::Done => (look.glyph("✓", "+"), Ink::Plain),
        StepState::Now if is_left_behind(snapshot, step) => (look.glyph("✓", "+"), Ink::Plain),
        StepState::Now if snapshot.phase == Phase::Complete => (look.glyph("✓", "+"), Ink::Bold),
        StepState::Now | StepState::Going if halted => (look.glyph("■", "#"), Ink::Bold),
        StepState::Now => (look.glyph("►", ">"), Ink::Bold),
        StepState::Going => (look.glyph("▲", "^"), Ink::Bold),
        StepState::ToCome => (look.glyph("○", "o"), Ink::Dim),
    };
    piece(format!("{mark} {}{}", step.split, if step.hold { "*" } else { "" }), look.ink(ink))
}

/// Under each step when it was reached, or when the plan would; behind them what stars mean and when 100 % can be.
fn below(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, dashes: usize, width: u16) -> Vec<Piece> {
    let look = canvas.look;
    let dim = look.ink(Ink::Dim);
    let mut times = " ".repeat(5);
    let width_of = |step: &StepView| step.split.to_string().len() + 2 + usize::from(step.hold) + dashes + 2;
    // Without seconds where one would touch the time before it.
    let clock_chars = if snapshot.steps.iter().skip(1).all(|step| width_of(step) > 8) { 8 } else { 5 };
    for step in &snapshot.steps {
        let width = width_of(step);
        let text = match step.reached {
            Some(wall) => wall.clock().chars().take(clock_chars).collect::<String>(),
            // After a rollback nothing more is reached.
            None if snapshot.rollback.is_some() => "-".to_owned(),
            None => elapsed(step.planned),
        };
        times.push_str(&format!("{text:>width$}"));
        if is_left_behind(snapshot, step) {
            times.push_str(&" ".repeat(adopted(snapshot).len() + 2 + dashes + 2));
        }
    }
    let mut parts = vec![Part::new(0, vec![piece(times, dim)])];
    if let Some((last, earliest)) = snapshot.steps.last().zip(earliest(snapshot).pop().flatten()) {
        let words = format!("{} {}", last.split, not_before(view, snapshot, &earliest));
        let style = look.ink(Ink::Plain);
        parts.push(Part::new(1, vec![piece(words, style)]));
        if !earliest.waits.is_empty() {
            parts.push(Part::new(2, vec![piece(format!("plus {}", earliest.waits.join(" and ")), style)]));
        }
        let behind = earliest.behind_words().filter(|_| !view.is_cut_off());
        parts.extend(behind.map(|words| Part::new(3, vec![piece(words, style)])));
    }
    if snapshot.rollback.is_none() && snapshot.steps.iter().any(|step| step.reached.is_none()) {
        parts.push(Part::new(5, vec![piece("T+ as planned", dim)]));
    }
    parts.extend(hold_point(snapshot).map(|words| Part::new(4, vec![piece(words, dim)])));
    fit(look, &parts, "   ", width)
}

/// `bake 00:12 of 00:20`.
fn bake_words(view: &View<'_>, snapshot: &Snapshot) -> String {
    let old = if view.is_cut_off() { "?" } else { "" };
    match snapshot.bake {
        Some((healthy, need)) if !snapshot.phase.is_back() && view.direct(snapshot).is_none() => {
            format!("bake {}{old} of {}", clock(healthy), clock(need))
        }
        Some(_) | None => String::new(),
    }
}

/// `03:12`, and minutes beyond an hour.
fn clock(duration: Duration) -> String {
    format!("{:02}:{:02}", duration.as_secs() / 60, duration.as_secs() % 60)
}

/// `T+03:12`: since the first step was reached.
fn elapsed(duration: Duration) -> String {
    format!("T+{}", clock(duration))
}

/// The soonest that a step can be reached: every bake healthy from now on, and every key pressed at once.
#[derive(Debug, Clone)]
struct Earliest {
    at: Wall,
    /// Since the first step was reached, and what the plan has there; `None` before that.
    since_first: Option<(Duration, Duration)>,
    /// Hold points and missing approvals on the way: how long those last nobody can say.
    waits: Vec<String>,
}

impl Earliest {
    fn behind_words(&self) -> Option<String> {
        self.since_first.map(|(at, planned)| against_plan(at, planned))
    }
}

/// For each step: `None` where it is reached, under way, or not to be reached any more.
fn earliest(snapshot: &Snapshot) -> Vec<Option<Earliest>> {
    let steps = &snapshot.steps;
    let over = snapshot.rollback.is_some() || matches!(snapshot.phase, Phase::Observing | Phase::Ended);
    let first = steps.first().and_then(|step| step.reached);
    let from = steps.iter().rposition(|step| step.state != StepState::ToCome);
    let mut wait = Duration::ZERO;
    let mut waits = Vec::new();
    let mut views = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        if from.is_some_and(|from| index <= from) || over {
            views.push(None);
        } else {
            if let Some((_, None)) = &step.approval {
                waits.push(format!("the approval of {}", step.split));
            }
            let at = snapshot.wall.plus(wait);
            let since_first = first.map(|first| (at.since(first), step.planned));
            views.push(Some(Earliest { at, since_first, waits: waits.clone() }));
        }
        if from.is_none_or(|from| index >= from) {
            wait += match snapshot.bake.filter(|_| step.state == StepState::Now) {
                Some((healthy, need)) => need.saturating_sub(healthy),
                None => step.bake,
            };
            if step.hold {
                waits.push(format!("the hold at {}", step.split));
            }
        }
    }
    views
}

/// `not before 12:04:10Z`: bakes alone, whoever waits, waits on top.
fn not_before(view: &View<'_>, snapshot: &Snapshot, earliest: &Earliest) -> String {
    if view.is_cut_off() {
        return "not before: ?".to_owned();
    }
    let begun = snapshot.steps.iter().any(|step| step.state != StepState::ToCome);
    let only = match (begun, snapshot.phase == Phase::Held) {
        (true, true) => " if resumed now",
        (true, false) => "",
        (false, _) => " if started now",
    };
    format!("not before {}{only}", earliest.at.clock())
}

/// `as planned`, `00:08 behind plan`, `00:08 ahead of plan`.
fn against_plan(at: Duration, planned: Duration) -> String {
    let (at, planned) = (at.as_secs(), planned.as_secs());
    match at.cmp(&planned) {
        std::cmp::Ordering::Equal => "as planned".to_owned(),
        std::cmp::Ordering::Greater => format!("{} behind plan", clock(Duration::from_secs(at - planned))),
        std::cmp::Ordering::Less => format!("{} ahead of plan", clock(Duration::from_secs(planned - at))),
    }
}

/// The whole timeline: plan against actual, and what each step waits for.
pub(super) fn draw_zoomed(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let bake = [piece(bake_words(view, snapshot), look.ink(Ink::Plain))];
    let inside =
        canvas.panel_frame(area, view, Panel::Phases, &[piece("plan against actual", look.ink(Ink::Dim))], &bake);
    let lines = zoomed_lines(canvas, view, snapshot, inside.width.saturating_sub(2));
    canvas.scrolled(inside, view.desk.panel_from, &lines);
}

fn zoomed_lines(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, width: u16) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let (plain, dim) = (look.ink(Ink::Plain), look.ink(Ink::Dim));
    let mut lines = vec![vec![before(canvas, snapshot)]];
    let first = snapshot.steps.first().and_then(|step| step.reached);
    for (step, earliest) in snapshot.steps.iter().zip(earliest(snapshot)) {
        lines.push(step_line(canvas, view, snapshot, step, first, earliest.as_ref(), width));
        let notes = notes(view, snapshot, step, earliest.as_ref()).join("; ");
        let wrapped = view.wrap(&notes, width.saturating_sub(NOTES_AT)).into_iter().filter(|line| !line.is_empty());
        lines.extend(wrapped.map(|line| vec![piece(format!("{:NOTES_INDENT$}{line}", ""), dim)]));
    }
    if let Some(rollback) = &snapshot.rollback {
        let words = format!("back, since {} by {}: {}", rollback.accepted.clock(), rollback.by, rollback.reason);
        lines.push(vec![piece(words, look.ink(Ink::Bold))]);
    }
    let closed = snapshot.gates.iter().filter(|gate| !gate.is_open());
    for gate in closed.filter(|_| snapshot.next.is_some() && !view.is_cut_off()) {
        let (mark, _) = look.verdict_words(gate.verdict);
        let style = look.verdict(gate.verdict);
        lines.push(vec![piece(format!("{mark} closed gate: {}: {}", gate.name, gate.detail), style)]);
    }
    for gate in snapshot.completion_waits.iter().filter(|_| !view.is_cut_off()) {
        let (mark, _) = look.verdict_words(gate.verdict);
        let words = format!("{mark} COMPLETE waits for {}: {}", gate.name, gate.detail);
        lines.push(vec![piece(words, look.verdict(gate.verdict))]);
    }
    let counts = match first {
        Some(first) => format!("T+ counts from {}, when the first step was reached.", first.clock()),
        None => "T+ counts from when the first step is reached.".to_owned(),
    };
    let words = format!("{counts} Not before: bakes alone; holds, people and breaches come on top.");
    lines.extend(view.wrap(&words, width).into_iter().map(|line| vec![piece(line, plain)]));
    lines
}

/// `► 25%*    plan T+00:20   reached 12:00:43Z T+00:28  00:08 behind plan`.
fn step_line(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    snapshot: &Snapshot,
    step: &StepView,
    first: Option<Wall>,
    earliest: Option<&Earliest>,
    width: u16,
) -> Vec<Piece> {
    let look = canvas.look;
    let (name, style) = step_piece(canvas, view, snapshot, step);
    let plain = look.ink(Ink::Plain);
    let mut parts = vec![
        Part::new(0, vec![piece(format!("{name:<9}"), style)]),
        Part::new(0, vec![piece(format!("plan {}", elapsed(step.planned)), plain)]),
    ];
    let mut against = None;
    match (step.reached, earliest) {
        (Some(reached), _) => {
            let at = first.map(|first| reached.since(first));
            let since = at.map_or_else(String::new, |at| format!(" {}", elapsed(at)));
            parts.push(Part::new(0, vec![piece(format!("reached {}{since}", reached.clock()), plain)]));
            against = at.map(|at| against_plan(at, step.planned));
        }
        (None, Some(earliest)) => {
            parts.push(Part::new(0, vec![piece(not_before(view, snapshot, earliest), plain)]));
            against = earliest.behind_words().filter(|_| !view.is_cut_off());
        }
        (None, None) if step.state == StepState::Going => {
            parts.push(Part::new(0, vec![piece("on its way", look.ink(Ink::Bold))]));
        }
        (None, None) => parts.push(Part::new(0, vec![piece("not reached", plain)])),
    }
    parts.extend(against.map(|words| Part::new(1, vec![piece(words, look.ink(Ink::Dim))])));
    fit(look, &parts, "   ", width)
}

/// What a step asks for: its bake, a person, an approval; and what cannot be taken back from it.
fn notes(view: &View<'_>, snapshot: &Snapshot, step: &StepView, earliest: Option<&Earliest>) -> Vec<String> {
    let mut notes = Vec::new();
    if step.state == StepState::Now && snapshot.bake.is_some() && !snapshot.phase.is_back() {
        notes.push(bake_words(view, snapshot));
    } else if !step.bake.is_zero() {
        notes.push(format!("bake {}", clock(step.bake)));
    }
    if step.hold {
        notes.push("hold point: a person moves on from here".to_owned());
    }
    if let Some(earliest) = earliest.filter(|earliest| !earliest.waits.is_empty()) {
        notes.push(format!("plus the wait for {}", earliest.waits.join(" and ")));
    }
    match &step.approval {
        Some((role, None)) => notes.push(format!("needs the approval of {role}: none yet")),
        Some((role, Some(by))) => notes.push(format!("approved for {role} by {by}")),
        None => {}
    }
    if let Some(breaks) = &step.no_return {
        notes.push(format!("no way back by itself from here: {breaks}"));
    }
    notes
}
