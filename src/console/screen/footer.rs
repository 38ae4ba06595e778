//! The last row: the command line, or the keys of the moment and a flash behind them.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, fit};
use super::look::Ink;
use super::{View, piece, traffic};
use crate::console::desk::Line;
use crate::console::desk::dialog::{Kind, WIDTH_MIN};
use crate::console::desk::direct::Standing;
use crate::console::desk::forward::Way;
use crate::console::desk::keymap::Action;
use crate::domain::{Clean, Rights};
use crate::engine::{Ask, Phase, Rule, rule};
use ratatui::layout::Rect;
use ratatui::style::Modifier;

/// Beside a lock that another driver is.
const TAKE_FIRST: &str = "Esc close  T take control";

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
    // A blank at the end is nothing that was cut.
    if let Some((text, _)) = pieces.last_mut() {
        text.truncate(text.trim_end().len());
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
    let beside = |actions: &[Action], text: &str| {
        let mut pieces = main_keys(canvas, view, width, actions);
        pieces.push(piece(format!(" {text}"), look.ink(Ink::Bold)));
        pieces
    };
    // R and H mean what they always mean, while something is read and beside a question that y answers.
    let reading = |text: &str| beside(&[Action::Rollback, Action::Hold], text);
    let asking = |text: &str| reading(&format!("{text}  others cancel"));
    match view.desk.dialog.as_ref().map(|dialog| &dialog.kind) {
        None => main_keys(canvas, view, width, &[]),
        Some(Kind::RollBack { typed: None }) => panel("y ROLL BACK NOW  Esc cancel  any other key cancels"),
        Some(Kind::RollBack { typed: Some(_) }) => panel("type the name, Enter ROLLS BACK  Esc cancel"),
        Some(Kind::Advance { .. }) => asking("y ADVANCE  Esc stay"),
        Some(Kind::Resume { .. }) => asking("y RESUME  Esc stay held"),
        Some(Kind::Reassert { seen: Some(_) }) => asking("y RE-ASSERT  Esc leave it"),
        Some(Kind::Reassert { seen: None }) => {
            let lock = view.status.and_then(|status| view.desk.reassert_lock(&status.snapshot, view.now));
            reading(if lock.is_some_and(|lock| lock.needs_seat) { TAKE_FIRST } else { "Esc close" })
        }
        Some(Kind::Take { .. }) => asking("y TAKE CONTROL  Esc cancel"),
        Some(Kind::Confirm { what, .. }) => asking(&format!("y {}  Esc cancel", what.to_uppercase())),
        Some(Kind::Override(_)) => panel("Tab other field  Enter OVERRIDE  Esc cancel  Esc R rolls back"),
        Some(Kind::Locked) => match view.status.map(|status| view.desk.way(&status.snapshot, view.now)) {
            // What is rarely right is offered last and least.
            Some(Way::Locked(lock)) if lock.can_override => {
                let mut pieces = reading("Esc close");
                pieces.push(piece("  O override (typed)", look.ink(Ink::Dim)));
                pieces
            }
            Some(Way::Locked(lock)) if lock.needs_seat => reading(TAKE_FIRST),
            Some(Way::Advance | Way::Resume) => reading("Esc close  A opens the panel"),
            Some(Way::Locked(_)) | None => reading("Esc close"),
        },
        Some(Kind::Help { zoomed: true, .. }) => reading("Esc close  j k more"),
        Some(Kind::Help { zoomed: false, .. }) => {
            reading(&format!("Esc close  j k more  {} larger", view.desk.keymap.key_of(Action::Help)))
        }
        Some(Kind::Debug) => reading("Esc close"),
        Some(Kind::Check { .. } | Kind::Event { .. }) => {
            reading(&format!("Esc close  {} copy", view.desk.keymap.key_of(Action::Copy)))
        }
        Some(Kind::Progress) => reading(&format!("{}  r reason", closes(view))),
        Some(Kind::Note) => panel("Ctrl-D SENDS  Enter new line  Esc closes, keeps the draft  Esc R rolls back"),
        Some(Kind::Reason { typed: None, .. }) => reading("j k 1-6 choose  y writes it down  Esc close"),
        Some(Kind::Reason { typed: Some(_), .. }) => panel("Enter WRITES IT DOWN  Esc close  Esc R rolls back"),
    }
}

/// What leaving a rollback's panel comes to: it must not read as stopping it, nor as if something went on that stands.
fn closes(view: &View<'_>) -> &'static str {
    let stands = view.desk.direct.as_ref().map(|direct| direct.standing(view.now) == Standing::Foreign);
    if stands.unwrap_or_else(|| view.desk.stands_at_foreign(view.status, view.now)) {
        "Esc hides, it stands still"
    } else if is_under_way(view) {
        "Esc hides, rollback goes on"
    } else {
        "Esc close"
    }
}

/// Whether a rollback has not come to its end.
fn is_under_way(view: &View<'_>) -> bool {
    let by_keeper = view.status.and_then(|status| status.snapshot.rollback.as_ref());
    let direct = view.desk.direct.as_ref().map(|direct| direct.standing(view.now));
    match direct {
        Some(Standing::Running | Standing::Unknown | Standing::Foreign) => true,
        Some(Standing::Confirmed | Standing::Nothing | Standing::Failed) => {
            by_keeper.is_some_and(|rollback| rollback.rolled_back.is_none())
        }
        // Of one that failed here, and is told as an outcome since, nothing goes on.
        None => by_keeper.map_or(view.desk.awaits_rollback(), |rollback| rollback.rolled_back.is_none()),
    }
}

fn is_refused(ask: Ask, phase: Phase) -> bool {
    matches!(rule(ask, phase), Rule::Refused(_))
}

/// What a key comes to now, and whether it does anything; no word for what means nothing any more.
pub(super) fn word_of_now<'w>(view: &View<'_>, action: Action, word: &'w str) -> (&'w str, bool) {
    let Some(snapshot) = view.status.map(|status| &status.snapshot) else { return (word, true) };
    // Complete, on the way back, or ended: nothing is left that could go forward or be held.
    let is_over = is_refused(Ask::Hold, snapshot.phase);
    if action == Action::Rollback && is_refused(Ask::Rollback, snapshot.phase) {
        return ("", false);
    }
    if action == Action::Rollback && view.desk.stands_at_foreign(view.status, view.now) {
        return ("send again", true);
    }
    // Accepted it is shown and not armed again.
    if action == Action::Rollback && view.desk.is_being_done(view.status, view.now) {
        return ("progress", true);
    }
    // It says so when it is pressed all the same. What was read too long ago may be so no more, as in the traffic's title.
    if action == Action::Rollback && snapshot.rollback_target.is_idle && !traffic::is_old(view, snapshot) {
        return ("(at 0%)", false);
    }
    if action == Action::Hold {
        return match (view.is_cut_off(), snapshot.phase == Phase::Held) {
            (true, _) => (word, view.desk.linked),
            (false, _) if is_over => ("", false),
            (false, true) => ("(held)", false),
            (false, false) => (word, true),
        };
    }
    if action == Action::Advance {
        return match view.desk.way(snapshot, view.now) {
            _ if is_over || view.direct(snapshot).is_some() => ("", false),
            Way::Advance => ("advance", true),
            Way::Resume => ("resume", true),
            // A console that only reads resumes nothing in any case, and has no room for the word.
            Way::Locked(_) if snapshot.phase == Phase::Held && view.rights != Rights::ReadOnly => ("no resume", false),
            Way::Locked(_) => ("locked", false),
        };
    }
    (word, true)
}

/// ` R,y roll back  H hold  A,y advance │ ? help …`, from the key table; all of it, or some of the traffic keys. Where a
/// message would have no room behind them they are ` R H A │`: that `H` was dropped must be seen.
fn main_keys(canvas: &Canvas<'_>, view: &View<'_>, width: u16, only: &[Action]) -> Vec<Piece> {
    let look = canvas.look;
    let is_brief = view.desk.flash.is_some() && view.desk.dialog.is_none() && width < MESSAGE_MIN;
    let mut pieces = Vec::new();
    let has_no_traffic = view.status.is_some_and(|status| is_refused(Ask::Rollback, status.snapshot.phase));
    let bar = piece(format!(" {}", look.glyph("│", "|")), look.ink(Ink::Dim));
    let mut traffic = true;
    let is_zoomed = view.desk.zoom().is_some();
    for binding in view.desk.keymap.rows() {
        let Some(word) = binding.footer else { continue };
        let is_traffic = binding.action.is_traffic();
        let is_wanted = only.is_empty() || only.contains(&binding.action);
        if !is_wanted || !is_traffic && view.desk.flash.is_some() || is_traffic && has_no_traffic {
            continue;
        }
        if traffic && !is_traffic {
            traffic = false;
            pieces.push(bar.clone());
            if is_zoomed {
                pieces.push(piece(" Esc", look.ink(Ink::Bold)));
                pieces.push(piece(" back ", look.ink(Ink::Plain)));
            }
        }
        // The way out of a zoom takes the place of what leads elsewhere.
        if is_zoomed && matches!(binding.action, Action::CommandLine | Action::NextPanel) {
            continue;
        }
        // One press of these only asks: what answers stands beside the key. What is behind them keeps its place.
        let is_back = binding.action == Action::Rollback;
        let rights = if is_back { view.desk.rights_back(view.rights) } else { view.rights };
        let may_ask =
            !is_brief && rights != Rights::ReadOnly && matches!(binding.action, Action::Rollback | Action::Advance);
        let usual = word.chars().count();
        let (word, works) = word_of_now(view, binding.action, word);
        let asks = may_ask && works && word != "progress";
        let label = format!("{}{}", binding.first(), if asks { ",y" } else { "" });
        let width = if may_ask && !asks { usual + 2 } else { usual };
        let spoken = if is_brief { String::new() } else { format!(" {word:<width$} ") };
        if word.is_empty() {
            let columns = label.chars().count() + 1 + spoken.chars().count();
            pieces.push(piece(" ".repeat(columns), look.ink(Ink::Plain)));
        } else if is_traffic && rights == Rights::ReadOnly {
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
