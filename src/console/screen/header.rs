//! Who, where, how fresh; and the one sentence.

use super::canvas::{Canvas, Piece, width_of};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::dialog::{ARMED_FOR, Kind};
use crate::domain::{Mono, Rights};
use crate::engine::{Severity, Snapshot};
use crate::wire::Status;
use ratatui::layout::Rect;
use std::time::Duration;

/// The keeper speaks once a second; silent for longer than this it is late.
const KEEPER_LATE: Duration = Duration::from_secs(3);
/// Silent for longer than this nothing on screen is believed.
pub(super) const KEEPER_STALE: Duration = Duration::from_secs(5);
const SPINNER: [&str; 4] = ["|", "/", "-", "\\"];

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, status: &Status) {
    let look = canvas.look;
    let right = ages(canvas, view, &status.snapshot);
    let length: u16 = right.iter().map(|(text, _)| width_of(text)).sum();
    let x = canvas.right(area, area.y, &right);
    let room = if length >= area.width { 0 } else { x - area.x };
    let mut left = vec![piece(format!(" {}", status.snapshot.title), look.ink(Ink::Bold))];
    if view.rights == Rights::ReadOnly {
        left.push(piece("  READ-ONLY", look.ink(Ink::Warn)));
    }
    let people = &status.snapshot.people;
    match &people.driver {
        Some(driver) => {
            let mark = if driver.is_verified() { "" } else { "?" };
            left.push(piece(format!("  driver {}{mark}", driver.name), look.ink(Ink::Plain)));
            if !people.driver_here {
                left.push(piece(" away", look.ink(Ink::Warn)));
            }
        }
        None => left.push(piece("  no driver", look.ink(Ink::Plain))),
    }
    let watchers = people.consoles.iter().filter(|(person, _)| Some(person) != people.driver.as_ref()).count();
    if watchers > 0 {
        left.push(piece(format!("  watchers {watchers}"), look.ink(Ink::Plain)));
    }
    if status.keeper.plan_changed {
        left.push(piece("  plan file changed: no effect", look.ink(Ink::Warn)));
    }
    if status.keeper.dropped > 0 {
        left.push(piece(format!("  dropped {}", status.keeper.dropped), look.ink(Ink::Warn)));
    }
    // A name cut in two is another name: what does not fit is left out whole, the last first.
    while left.iter().map(|(text, _)| width_of(text)).sum::<u16>() > room && left.len() > 1 {
        left.pop();
    }
    canvas.pieces(area.x, area.y, room, &left);
}

/// `keeper 0.3s  balancer 0.8s  feed 0.8s  12:04:31Z |`.
pub(super) fn ages(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> Vec<Piece> {
    let balancer_late = snapshot.balancer_every * 2;
    let balancer_stale = (snapshot.balancer_every * 5).max(Duration::from_secs(5));
    let feed_late = snapshot.feed_every * 2;
    let feed_stale = (snapshot.feed_every * 5).max(Duration::from_secs(5));
    let mut pieces = vec![piece(" ", canvas.look.ink(Ink::Plain))];
    for (word, at, late, stale) in [
        ("keeper", view.heard_at, KEEPER_LATE, KEEPER_STALE),
        ("balancer", snapshot.balancer_at, balancer_late, balancer_stale),
        ("feed", snapshot.feed_at, feed_late, feed_stale),
    ] {
        pieces.push(age_piece(canvas, view, word, at, late, stale));
    }
    let second = usize::try_from(view.now.micros() / 1_000_000).unwrap_or(0);
    pieces
        .push(piece(format!("{} {}", view.wall.clock(), SPINNER[second % SPINNER.len()]), canvas.look.ink(Ink::Plain)));
    pieces
}

fn age_piece(
    canvas: &Canvas<'_>,
    view: &View<'_>,
    word: &str,
    at: Option<Mono>,
    late: Duration,
    stale: Duration,
) -> Piece {
    let look = canvas.look;
    match at.map(|at| view.age(at)) {
        None => piece(format!("{word} -- "), look.ink(Ink::Stale)),
        Some(age) if age > stale => piece(format!("{word} STALE {} ", whole_words(age)), look.ink(Ink::Stale)),
        // The boundary is drawn a little later than it locks, so that a tick's jitter does not flicker.
        Some(age) if age > late + Duration::from_millis(500) => {
            piece(format!("{word} LATE {} ", age_words(age)), look.ink(Ink::Warn))
        }
        Some(age) => piece(format!("{word} {} ", age_words(age)), look.ink(Ink::Plain)),
    }
}

/// `8s`, `12m`: what is stale needs no tenths.
fn whole_words(age: Duration) -> String {
    if age.as_secs() < 120 { format!("{}s", age.as_secs()) } else { format!("{}m", age.as_secs() / 60) }
}

/// `0.8s`, `74s`, `12m`.
pub(super) fn age_words(age: Duration) -> String {
    let seconds = age.as_secs_f64();
    if seconds < 9.95 {
        format!("{seconds:.1}s")
    } else if seconds < 120.0 {
        format!("{seconds:.0}s")
    } else {
        format!("{:.0}m", seconds / 60.0)
    }
}

/// The band: state, why, since when, what next. What is armed here stands before what the keeper says.
pub(super) fn band(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let (severity, text) = band_words(canvas, view, snapshot);
    let style = look.band(severity);
    canvas.text(area.x, area.y, area.width, &" ".repeat(area.width.into()), style);
    let room = area.width.saturating_sub(1);
    canvas.text(area.x + 1, area.y, room, &text, style);
    if width_of(&text) > room && area.width > 0 {
        canvas.text(area.right() - 1, area.y, 1, look.glyph("…", "~"), style);
    }
}

pub(super) fn band_words(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot) -> (Severity, String) {
    let look = canvas.look;
    if let Some(dialog) = &view.desk.dialog
        && let Kind::RollBack { typed } = &dialog.kind
    {
        let stable = &snapshot.environments.stable;
        let left = ARMED_FOR.saturating_sub(view.now.since(dialog.opened_at)).as_secs();
        let how = match typed {
            None => format!("y = do it   Esc = cancel   {left}s"),
            Some(_) => format!("NOT READY: type {}, Enter   Esc = cancel", snapshot.name),
        };
        return (Severity::Critical, format!("ARMED: ROLL BACK to {} {} ?   {how}", stable.chip, stable.label));
    }
    if view.is_cut_off() {
        let age = view.heard_at.map_or_else(|| "always".to_owned(), |at| age_words(view.age(at)));
        return (Severity::Critical, format!("KEEPER SILENT {age}: values OLD; R y rolls back directly from here"));
    }
    let band = &snapshot.band;
    let mark = match band.severity {
        Severity::Info => look.glyph("►", ">"),
        Severity::Warn => "!",
        Severity::Critical => look.glyph("■", "#"),
    };
    (band.severity, format!("{mark} {}  {}", band.word, band.text))
}
