//! The last row: a flash, the command line, or the keys of the moment.

use super::canvas::{Canvas, Piece};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::dialog::Kind;
use crate::console::desk::keymap::{Action, KEYS};
use crate::domain::Rights;
use crate::engine::Phase;
use ratatui::layout::Rect;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>) {
    let look = canvas.look;
    if let Some(line) = &view.desk.command_line {
        let shown = format!(":{line}_   Esc closes, Esc R rolls back");
        canvas.text(area.x, area.y, area.width, &shown, look.ink(Ink::Bold));
        return;
    }
    // What R and y do is never hidden by a message: it stands behind them.
    let mut pieces = keys(canvas, view);
    if let Some((flash, _)) = &view.desk.flash {
        pieces.push(piece(format!(" {flash}"), look.ink(Ink::Warn)));
    }
    canvas.pieces(area.x, area.y, area.width, &pieces);
}

fn keys(canvas: &Canvas<'_>, view: &View<'_>) -> Vec<Piece> {
    let look = canvas.look;
    let panel = |text: &str| vec![piece(format!(" {text}"), look.ink(Ink::Bold))];
    match view.desk.dialog.as_ref().map(|dialog| &dialog.kind) {
        None => main_keys(canvas, view),
        Some(Kind::RollBack { typed: None }) => panel("y ROLL BACK NOW  Esc cancel  any other key cancels"),
        Some(Kind::RollBack { typed: Some(_) }) => panel("type the name, Enter ROLLS BACK  Esc cancel"),
        Some(Kind::Advance { .. }) => panel("y ADVANCE  Esc stay  any other key cancels"),
        Some(Kind::Resume { .. }) => panel("y RESUME  Esc stay held  any other key cancels"),
        Some(Kind::Take { .. }) => panel("y TAKE CONTROL  Esc cancel  any other key cancels"),
        Some(Kind::Confirm { what, .. }) => {
            panel(&format!("y {}  Esc cancel  any other key cancels", what.to_uppercase()))
        }
        Some(Kind::Locked { can_override: true, .. }) => panel("Esc close  O override (typed)"),
        Some(Kind::Override(_)) => panel("Tab other field  Enter OVERRIDE  Esc cancel  Esc R rolls back"),
        Some(Kind::Locked { can_override: false, .. } | Kind::Progress | Kind::Help { .. } | Kind::Details { .. }) => {
            panel("Esc close")
        }
    }
}

/// ` R roll back  H hold  A advance │ ? help …`, from the key table.
fn main_keys(canvas: &Canvas<'_>, view: &View<'_>) -> Vec<Piece> {
    let look = canvas.look;
    let mut pieces = Vec::new();
    let mut traffic = true;
    for binding in KEYS {
        let Some(word) = binding.footer else { continue };
        let is_traffic = matches!(binding.action, Action::Rollback | Action::Hold | Action::Advance);
        if !is_traffic && view.desk.flash.is_some() {
            continue;
        }
        if traffic && !is_traffic {
            traffic = false;
            pieces.push(piece(format!(" {}", look.glyph("│", "|")), look.ink(Ink::Dim)));
        }
        let watches = view.status.is_some_and(|status| status.snapshot.phase == Phase::Observing);
        if is_traffic && watches {
            continue;
        }
        let struck = is_traffic && view.rights == Rights::ReadOnly;
        let label = binding.keys.first().map_or_else(String::new, |key| key.label());
        if struck {
            pieces.push(piece(format!(" -{label}- {word} "), look.ink(Ink::Dim)));
        } else {
            pieces.push(piece(format!(" {label}"), look.ink(Ink::Bold)));
            pieces.push(piece(format!(" {word} "), look.ink(Ink::Plain)));
        }
    }
    pieces
}
