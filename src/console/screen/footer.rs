//! The last row: the command line, or the keys of the moment and a flash behind them.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, fit};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Line;
use crate::console::desk::dialog::{Kind, WIDTH_MIN};
use crate::console::desk::forward::Way;
use crate::console::desk::keymap::Action;
use crate::domain::{Clean, Rights};
use crate::engine::Phase;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

/// From this width on a message has room behind the traffic keys with their words.
const MESSAGE_MIN: u16 = 70;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>) {
    let look = canvas.look;
    if let Some(line) = &view.desk.command_line {
        return typed(canvas, area, ":", line, "Esc closes");
    }
    if let Some(filter) = view.desk.log.filter().filter(|_| view.desk.log.is_typing()) {
        return typed(canvas, area, "/", &Line::from(filter), "Enter keeps, Esc clears");
    }
    // What R and y do is never hidden by a message: it stands behind them.
    let mut pieces = keys(canvas, view, area.width);
    if view.desk.flash.is_some() && view.desk.dialog.is_none() && area.width < WIDTH_MIN {
        // Too small for any panel, so that the message says what the keys do: nothing.
        pieces.clear();
    }
    if let Some((flash, _)) = &view.desk.flash {
        if pieces.last().is_none_or(|(text, _)| text.trim() != look.glyph("│", "|")) {
            pieces.push(piece(format!(" {}", look.glyph("│", "|")), look.ink(Ink::Dim)));
        }
        pieces.push(piece(format!(" {flash}"), look.ink(Ink::Warn)));
    }
    canvas.pieces(area.x, area.y, area.width, &pieces);
}

/// What stands at the cursor stays in sight. The cursor is `_` behind the text, and a reversed character inside it.
fn typed(canvas: &mut Canvas<'_>, area: Rect, sign: &str, line: &Line, closes: &str) {
    let look = canvas.look;
    let bold = look.ink(Ink::Bold);
    let (before, behind) = line.around_cursor();
    let before = Clean::new(before).to_string();
    let before = super::canvas::tail(&before, area.width.saturating_sub(2), look.glyph("…", "~"));
    let mut behind = behind.chars();
    let under = behind.next().map_or_else(|| "_".to_owned(), |c| Clean::new(c.to_string()).to_string());
    let cursor = if line.around_cursor().1.is_empty() { bold } else { bold.add_modifier(Modifier::REVERSED) };
    let rest = Clean::new(behind.as_str()).to_string();
    let text = vec![piece(format!("{sign}{before}"), bold), piece(under, cursor), piece(rest, bold)];
    let parts = [
        Part::new(0, text),
        Part::new(1, vec![piece(format!("{closes}, Esc R rolls back"), bold)])
            .or(vec![piece("Esc R rolls back", bold)]),
    ];
    let pieces = fit(look, &parts, "   ", area.width);
    canvas.pieces(area.x, area.y, area.width, &pieces);
}

fn keys(canvas: &Canvas<'_>, view: &View<'_>, width: u16) -> Vec<Piece> {
    let look = canvas.look;
    let panel = |text: &str| vec![piece(format!(" {text}"), look.ink(Ink::Bold))];
    // Nothing in these takes a decision, so R and H mean there what they always mean.
    let reading = |text: &str| {
        let mut pieces = main_keys(canvas, view, width, &[Action::Rollback, Action::Hold]);
        pieces.push(piece(format!(" {text}"), look.ink(Ink::Bold)));
        pieces
    };
    match view.desk.dialog.as_ref().map(|dialog| &dialog.kind) {
        None => main_keys(canvas, view, width, &[]),
        Some(Kind::RollBack { typed: None }) => panel("y ROLL BACK NOW  Esc cancel  any other key cancels"),
        Some(Kind::RollBack { typed: Some(_) }) => panel("type the name, Enter ROLLS BACK  Esc cancel"),
        Some(Kind::Advance { .. }) => panel("y ADVANCE  Esc stay  any other key cancels"),
        Some(Kind::Resume { .. }) => panel("y RESUME  Esc stay held  any other key cancels"),
        Some(Kind::Take { .. }) => panel("y TAKE CONTROL  Esc cancel  any other key cancels"),
        Some(Kind::Confirm { what, .. }) => {
            panel(&format!("y {}  Esc cancel  any other key cancels", what.to_uppercase()))
        }
        Some(Kind::Override(_)) => panel("Tab other field  Enter OVERRIDE  Esc cancel  Esc R rolls back"),
        Some(Kind::Locked) => match view.status.map(|status| view.desk.way(&status.snapshot, view.now)) {
            // What is rarely right is offered last and least.
            Some(Way::Locked(lock)) if lock.can_override => {
                let mut pieces = reading("Esc close");
                pieces.push(piece("  O override (typed)", look.ink(Ink::Dim)));
                pieces
            }
            Some(Way::Advance | Way::Resume) => reading("Esc close  A opens the panel"),
            Some(Way::Locked(_)) | None => reading("Esc close"),
        },
        Some(Kind::Help { .. }) => reading("Esc close  j k more"),
        Some(Kind::Debug) => reading("Esc close"),
        Some(Kind::Check { .. } | Kind::Event { .. }) => {
            reading(&format!("Esc close  {} copy", view.desk.keymap.key_of(Action::Copy)))
        }
        Some(Kind::Progress) => reading("Esc close  r reason"),
        Some(Kind::Note) => panel("Ctrl-D SENDS  Enter new line  Esc closes, keeps the draft  Esc R rolls back"),
        Some(Kind::Reason { typed: None, .. }) => reading("j k 1-6 choose  y writes it down  Esc close"),
        Some(Kind::Reason { typed: Some(_), .. }) => panel("Enter WRITES IT DOWN  Esc close  Esc R rolls back"),
    }
}

/// Columns of what `A` does, whatever it is now: what stands behind it keeps its place.
const ADVANCE_WIDTH: usize = "advance".len();

/// What a key comes to now, and whether it does anything; nothing for `A` once the run is over.
fn word_of_now(view: &View<'_>, action: Action, word: &str) -> (String, bool) {
    let snapshot = view.status.map(|status| &status.snapshot);
    match (action, snapshot) {
        (Action::Hold, Some(snapshot)) if snapshot.phase == Phase::Held && !view.is_cut_off() => {
            ("held".to_owned(), false)
        }
        (Action::Advance, Some(snapshot)) => {
            let is_over = snapshot.phase.is_back() || matches!(snapshot.phase, Phase::Complete | Phase::Ended);
            let (word, works) = match view.desk.way(snapshot, view.now) {
                _ if is_over || view.direct(snapshot).is_some() => return (String::new(), false),
                Way::Advance => ("advance", true),
                Way::Resume => ("resume", true),
                Way::Locked(_) => ("locked", false),
            };
            (format!("{word:<ADVANCE_WIDTH$}"), works)
        }
        _ => (word.to_owned(), true),
    }
}

/// ` R roll back  H hold  A advance │ ? help …`, from the key table; all of it, or some of the traffic keys. Where a
/// message would have no room behind them they are ` R H A │`: that `H` was dropped must be seen.
fn main_keys(canvas: &Canvas<'_>, view: &View<'_>, width: u16, only: &[Action]) -> Vec<Piece> {
    let look = canvas.look;
    let is_brief = view.desk.flash.is_some() && view.desk.dialog.is_none() && width < MESSAGE_MIN;
    let mut pieces = Vec::new();
    let watches = view.status.is_some_and(|status| status.snapshot.phase == Phase::Observing);
    let bar = piece(format!(" {}", look.glyph("│", "|")), look.ink(Ink::Dim));
    let mut traffic = true;
    for binding in view.desk.keymap.rows() {
        let Some(word) = binding.footer else { continue };
        let is_traffic = binding.action.is_traffic();
        let is_wanted = only.is_empty() || only.contains(&binding.action);
        if !is_wanted || !is_traffic && view.desk.flash.is_some() || is_traffic && watches {
            continue;
        }
        if traffic && !is_traffic {
            traffic = false;
            pieces.push(bar.clone());
        }
        let label = binding.first();
        let (word, works) = word_of_now(view, binding.action, word);
        let spoken = if is_brief { String::new() } else { format!(" {word} ") };
        if word.is_empty() {
            let columns = label.chars().count() + 1 + if is_brief { 0 } else { ADVANCE_WIDTH + 2 };
            pieces.push(piece(" ".repeat(columns), look.ink(Ink::Plain)));
        } else if is_traffic && view.rights == Rights::ReadOnly {
            pieces.push(piece(format!(" -{label}-{spoken}"), look.ink(Ink::Dim)));
        } else {
            let (key, ink) = if works { (Ink::Bold, Ink::Plain) } else { (Ink::Dim, Ink::Dim) };
            pieces.push(piece(format!(" {label}"), look.ink(key)));
            pieces.push(piece(spoken, look.ink(ink)));
        }
    }
    if traffic && !pieces.is_empty() {
        pieces.push(bar);
    }
    pieces
}
