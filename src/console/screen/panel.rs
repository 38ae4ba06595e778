//! The panels that stand where the log was; they never cover gauge, signals or checks.

use super::canvas::{Canvas, Piece, wrap};
use super::look::Ink;
use super::{View, piece, traffic};
use crate::console::desk::dialog::{ADVANCE_FOR, ARMED_FOR, Dialog, Fields, Kind};
use crate::console::desk::keymap::help_rows;
use crate::domain::{Clean, Split, Verdict};
use crate::engine::{RollbackState, Snapshot};
use ratatui::layout::Rect;
use std::time::Duration;

/// A direct rollback that is not confirmed after this is called unknown.
const UNCONFIRMED_AFTER: Duration = Duration::from_secs(5);

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: Option<&Snapshot>) {
    let Some(dialog) = &view.desk.dialog else { return };
    if area.height == 0 {
        return;
    }
    canvas.clear(area);
    let look = canvas.look;
    let title = title_of(dialog, snapshot);
    let tail = dialog.expires_at().map_or_else(String::new, |at| countdown(dialog, at.since(view.now)));
    let lines = lines_of(canvas, view, dialog, snapshot, area.width.saturating_sub(4));
    let title = [piece(title, look.ink(Ink::Bold))];
    let tail = [piece(tail, look.ink(Ink::Bold))];
    // Where every row counts, a rule leaves one more for what matters.
    let inside = if area.height >= 6 {
        let height = (lines.len() as u16 + 2).min(area.height).max(4);
        canvas.frame(Rect { height, ..area }, &title, &tail, true)
    } else {
        canvas.rule(area, area.y, &title, &tail);
        Rect { y: area.y + 1, height: area.height - 1, ..area }
    };
    for (row, line) in lines.iter().take(inside.height.into()).enumerate() {
        canvas.pieces(inside.x + 1, inside.y + row as u16, inside.width.saturating_sub(1), line);
    }
}

fn title_of(dialog: &Dialog, snapshot: Option<&Snapshot>) -> String {
    let target = snapshot.map_or_else(String::new, |snapshot| format!(" {}", snapshot.title));
    match &dialog.kind {
        Kind::RollBack { .. } => format!("ROLL BACK{target}"),
        Kind::Advance { .. } => format!("ADVANCE{target}"),
        Kind::Resume { .. } => format!("RESUME{target}"),
        Kind::Locked { what, .. } => format!("{what} is locked"),
        Kind::Override(_) => format!("OVERRIDE{target}"),
        Kind::Take { .. } => format!("TAKE CONTROL{target}"),
        Kind::Confirm { what, .. } => format!("{}{target}", what.to_uppercase()),
        Kind::Progress => format!("ROLLBACK{target}"),
        Kind::Help { .. } => "KEYS".to_owned(),
        Kind::Details { name, .. } => format!("CHECK {name}"),
    }
}

/// `disarms in 7s ███████░░░`.
fn countdown(dialog: &Dialog, left: Duration) -> String {
    let armed = matches!(dialog.kind, Kind::RollBack { .. });
    let (word, whole) = if armed { ("disarms", ARMED_FOR) } else { ("closes", ADVANCE_FOR) };
    let filled = (left.as_secs_f64() / whole.as_secs_f64() * 10.0).ceil().clamp(0.0, 10.0) as usize;
    format!("{word} in {}s {}{}", left.as_secs_f64().ceil(), "#".repeat(filled), ".".repeat(10 - filled))
}

fn lines_of(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    dialog: &Dialog,
    snapshot: Option<&Snapshot>,
    width: u16,
) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let plain = |text: String| vec![piece(text, look.ink(Ink::Plain))];
    match (&dialog.kind, snapshot) {
        (Kind::Help { from }, _) => help(canvas, width, *from),
        (Kind::Details { raw, .. }, _) => wrap(raw.as_str(), width).into_iter().map(plain).collect(),
        (Kind::Locked { reasons, .. }, _) => locked(canvas, reasons, width),
        (Kind::Override(fields), Some(snapshot)) => override_lines(canvas, fields, snapshot),
        (Kind::Take { from }, _) => vec![plain(format!("{from} drives now and will see that you took control."))],
        (Kind::Confirm { words, .. }, snapshot) => {
            let now =
                snapshot.map_or_else(String::new, |snapshot| format!("{}: {}", snapshot.band.word, snapshot.band.text));
            vec![plain((*words).to_owned()), plain(now)]
        }
        (Kind::RollBack { typed }, Some(snapshot)) => {
            roll_back(canvas, view, snapshot, typed.as_ref().map(|typing| typing.so_far.as_str()))
        }
        (Kind::RollBack { .. }, None) => {
            vec![plain("The keeper has not been heard: y rolls back directly from this host.".to_owned())]
        }
        (Kind::Advance { .. }, Some(snapshot)) => advance(canvas, view, snapshot),
        (Kind::Resume { .. }, Some(snapshot)) => resume(canvas, snapshot),
        (Kind::Progress, snapshot) => progress(canvas, view, snapshot),
        (Kind::Override(_) | Kind::Advance { .. } | Kind::Resume { .. }, None) => Vec::new(),
    }
}

/// `GREEN v2.1.0  25% → 0%     BLUE v2.0.5  75% → 100%`.
fn moves(snapshot: &Snapshot, to: Split) -> String {
    let environments = &snapshot.environments;
    let now = snapshot.split.configured.as_ref().map(|configured| configured.share);
    let from = |share: Option<f64>| share.map_or_else(|| "?".to_owned(), |share| format!("{:.0}%", share * 100.0));
    format!(
        "{} {}  {} → {to}     {} {}  {} → {}",
        environments.candidate.chip,
        environments.candidate.label,
        from(now),
        environments.stable.chip,
        environments.stable.label,
        from(now.map(|share| 1.0 - share)),
        to.seen_from(crate::domain::Role::Stable),
    )
}

fn roll_back(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, typed: Option<&str>) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let mut lines = vec![vec![
        piece(moves(snapshot, Split::ALL_STABLE), look.ink(Ink::Bold)),
        piece(traffic::time_to_safe(snapshot), look.ink(Ink::Plain)),
    ]];
    if let Some(typed) = typed {
        let why = snapshot.no_return.as_ref().map_or_else(
            || format!("TARGET NOT READY: {}", snapshot.target.words),
            |breaks| format!("past the point of no return: {breaks}"),
        );
        lines.push(vec![piece(why, look.ink(Ink::Critical))]);
        lines.push(vec![piece(
            format!("type {} to roll back all the same: {typed}_", snapshot.name),
            look.ink(Ink::Bold),
        )]);
        return lines;
    }
    let going = snapshot.steps.iter().any(|step| step.state == crate::engine::StepState::Going);
    let stops = if going { "Interrupts the shift under way and ends this cutover." } else { "Ends this cutover." };
    if view.is_blind(snapshot) {
        lines.push(vec![
            piece("BLIND: values are OLD; the rollback does not need them. ", look.ink(Ink::Stale)),
            piece(stops, look.ink(Ink::Plain)),
        ]);
    } else {
        let seen: Vec<String> = snapshot
            .signals
            .iter()
            .filter(|signal| signal.role == crate::domain::Role::Candidate)
            .map(|signal| match &signal.value {
                Ok(value) => format!("{} {}", signal.signal, signal.quantity(*value)),
                Err(_) => format!("{} ?", signal.signal),
            })
            .collect();
        lines.push(vec![piece(format!("{stops}  Seen on candidate: {}", seen.join("  ")), look.ink(Ink::Plain))]);
    }
    lines.push(vec![piece(format!("rollback target: {}", snapshot.target.words), look.ink(Ink::Plain))]);
    lines.push(vec![piece(" y  ROLL BACK NOW      Esc  keep as it is     any other key disarms", look.ink(Ink::Bold))]);
    lines
}

fn advance(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let Some(next) = &snapshot.next else { return Vec::new() };
    let passed = snapshot.checks.iter().filter(|check| check.verdict == Verdict::Pass).count();
    let open = snapshot.gates.iter().filter(|gate| gate.is_open()).count();
    let age = |at: Option<crate::domain::Mono>| {
        at.map_or_else(|| "--".to_owned(), |at| super::header::age_words(view.age(at)))
    };
    let mut lines = vec![
        vec![piece(moves(snapshot, next.split), look.ink(Ink::Bold))],
        vec![piece(
            format!(
                "Gates {open}/{} open   checks {passed}/{} ok   keeper {}  balancer {}  feed {}",
                snapshot.gates.len(),
                snapshot.checks.len(),
                age(view.heard_at),
                age(snapshot.balancer_at),
                age(snapshot.feed_at),
            ),
            look.ink(Ink::Plain),
        )],
    ];
    for gate in snapshot.gates.iter().filter(|gate| gate.verdict == Verdict::Warn) {
        lines.push(vec![piece(format!("! {}: {}", gate.name, gate.detail), look.ink(Ink::Warn))]);
    }
    lines.push(vec![piece("If anything changes this panel opens again.", look.ink(Ink::Dim))]);
    lines.push(vec![piece(
        format!(" y  ADVANCE TO {}     Esc  stay at {}", next.split, snapshot.split.wanted),
        look.ink(Ink::Bold),
    )]);
    lines
}

fn resume(canvas: &Canvas<'_>, snapshot: &Snapshot) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let why = snapshot
        .held
        .as_ref()
        .map_or_else(String::new, |held| format!("Held since {} by {}: {}", held.since.clock(), held.by, held.why));
    vec![
        vec![piece(why, look.ink(Ink::Plain))],
        vec![piece(
            format!(" y  RESUME at {}; moves no traffic     Esc  stay held", snapshot.split.wanted),
            look.ink(Ink::Bold),
        )],
    ]
}

fn locked(canvas: &Canvas<'_>, reasons: &[Clean], width: u16) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let mark = look.glyph("✗", "X");
    reasons
        .iter()
        .flat_map(|reason| wrap(&format!("{mark} {reason}"), width))
        .map(|line| vec![piece(line, look.ink(Ink::Plain))])
        .collect()
}

fn override_lines(canvas: &Canvas<'_>, fields: &Fields, snapshot: &Snapshot) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let mark = |here: bool| if here { "> " } else { "  " };
    let cursor = |here: bool| if here { "_" } else { "" };
    let reason = fields.reason.lines().join(" ");
    let style = |here: bool| if here { look.ink(Ink::Bold) } else { look.ink(Ink::Plain) };
    let in_name = !fields.in_reason;
    vec![
        vec![piece(
            format!("{}type {}: {}{}", mark(in_name), snapshot.name, Clean::new(&fields.name), cursor(in_name)),
            style(in_name),
        )],
        vec![piece(
            format!("{}reason: {}{}", mark(fields.in_reason), Clean::new(reason), cursor(fields.in_reason)),
            style(fields.in_reason),
        )],
        vec![piece("Goes forward over closed gates; written down with your name.", look.ink(Ink::Dim))],
    ]
}

/// `SENT 12:04:33Z → ACCEPTED +0.3s → OBSERVED candidate 0% +6.1s`. Never a bare OK.
fn progress(canvas: &Canvas<'_>, view: &View<'_>, snapshot: Option<&Snapshot>) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let mut lines = Vec::new();
    let seconds = |d: Duration| format!("+{:.1}s", d.as_secs_f64());
    match snapshot.and_then(|snapshot| snapshot.rollback.as_ref()) {
        Some(rollback) => {
            let mut words = format!("SENT {}", rollback.accepted.clock());
            let stages = [
                ("ACCEPTED", rollback.acknowledged),
                ("OBSERVED candidate 0%", rollback.read_back),
                ("CONFIRMED", rollback.confirmed),
                ("ROLLED BACK", rollback.rolled_back),
            ];
            for (word, took) in stages {
                if let Some(took) = took {
                    words.push_str(&format!(" → {word} {}", seconds(took)));
                }
            }
            let ink = if rollback.state == RollbackState::Foreign { Ink::Critical } else { Ink::Bold };
            lines.push(vec![piece(words, look.ink(ink))]);
            let from = rollback.from.map_or_else(|| "?".to_owned(), |split| split.to_string());
            lines.push(vec![piece(
                format!(
                    "started {} by {}  candidate {from} → 0%  {}",
                    rollback.accepted.clock(),
                    rollback.by,
                    rollback.reason
                ),
                look.ink(Ink::Plain),
            )]);
            if let Some(why) = &rollback.last_error {
                lines.push(vec![piece(
                    format!("attempt {}: {why}; trying on", rollback.attempts),
                    look.ink(Ink::Critical),
                )]);
            }
        }
        None if view.desk.direct.is_empty() => {
            let outcome = view
                .desk
                .last_outcome
                .as_ref()
                .map_or_else(|| "SENT, waiting for the keeper".to_owned(), ToString::to_string);
            lines.push(vec![piece(outcome, look.ink(Ink::Bold))]);
        }
        None => {}
    }
    if let Some(since) = view.desk.direct_since {
        let lasting = view.now.since(since);
        let confirmed = view.desk.direct.last().is_some_and(|line| line.as_str() == "done");
        if !confirmed && lasting >= UNCONFIRMED_AFTER {
            let words = format!("UNKNOWN - not confirmed after {} s; it goes on trying", lasting.as_secs());
            lines.push(vec![piece(words, look.ink(Ink::Critical))]);
        }
        let run = view.status.map_or("RUN", |status| status.run.as_str());
        lines.push(vec![piece(format!("elsewhere: warroom rollback {run} --direct"), look.ink(Ink::Plain))]);
    }
    let newest = view.desk.direct.len().saturating_sub(4);
    for line in &view.desk.direct[newest..] {
        lines.push(vec![piece(format!("direct: {line}"), look.ink(Ink::Bold))]);
    }
    lines
}

fn help(canvas: &Canvas<'_>, width: u16, from: usize) -> Vec<Vec<Piece>> {
    let look = canvas.look;
    let cells: Vec<String> = help_rows().into_iter().map(|(keys, help)| format!("{keys:<9} {help}")).collect();
    let columns = if width >= 110 { 2 } else { 1 };
    let column_width = usize::from(width) / columns;
    let rows = cells.len().div_ceil(columns);
    (from.min(rows.saturating_sub(1))..rows)
        .map(|row| {
            let text: String = (0..columns)
                .filter_map(|column| cells.get(column * rows + row))
                .map(|cell| format!("{cell:<column_width$}"))
                .collect();
            vec![piece(text, look.ink(Ink::Plain))]
        })
        .collect()
}
