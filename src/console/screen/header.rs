//! Who, where, how fresh.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, columns, fit};
use super::look::Ink;
use super::{View, piece};
use crate::console::fresh::{self, Source};
use crate::domain::{Clean, Rights, Role};
use crate::engine::Snapshot;
use crate::wire::Status;
use ratatui::layout::Rect;
use std::time::Duration;

const SPINNER: [&str; 4] = ["|", "/", "-", "\\"];

/// How many words the ages have: who sits here and what they may do is never left out for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Brevity {
    /// `feed STALE 6s`, tenths, clock and spinner.
    Full,
    /// `feed ?6s`.
    Marks,
    /// No tenths.
    Whole,
    /// No spinner: the clock tells that the terminal lives.
    NoSpinner,
    /// No clock either: the spinner does.
    NoClock,
}

/// From most words to fewest, with the gap between who and what.
const BREVITIES: [(Brevity, &str); 6] = [
    (Brevity::Full, "  "),
    (Brevity::Marks, "  "),
    (Brevity::Whole, "  "),
    (Brevity::NoSpinner, "  "),
    (Brevity::NoSpinner, " "),
    (Brevity::NoClock, " "),
];

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, status: &Status) {
    let look = canvas.look;
    let parts = who(canvas, view, status);
    let fits = |(brevity, gap): &(Brevity, &str)| {
        let least = columns(look, &fit(look, &parts, gap, 0));
        least + 2 + columns(look, &ages(canvas, view, &status.snapshot, *brevity)) <= area.width
    };
    let (brevity, gap) = BREVITIES.into_iter().find(fits).unwrap_or((Brevity::NoClock, " "));
    let right = ages(canvas, view, &status.snapshot, brevity);
    canvas.right(area, area.y, &right);
    let room = area.width.saturating_sub(columns(look, &right) + 2);
    canvas.pieces(area.x + 1, area.y, room, &fit(look, &parts, gap, room));
}

/// Title, rights, driver; and where there is room who watches and what else is to be known.
pub(super) fn who(canvas: &Canvas<'_>, view: &View<'_>, status: &Status) -> Vec<Part> {
    let look = canvas.look;
    let mut parts = vec![Part::new(0, vec![piece(status.snapshot.title.to_string(), look.ink(Ink::Bold))])];
    if view.rights == Rights::ReadOnly {
        parts.push(Part::new(0, vec![piece("READ-ONLY", look.ink(Ink::Warn))]));
    }
    if view.desk.private {
        parts.push(Part::new(0, vec![piece("PRIVATE", look.ink(Ink::Warn))]));
    }
    if view.desk.muted {
        parts.push(Part::new(0, vec![piece("MUTED", look.ink(Ink::Warn))]));
    }
    let people = &status.snapshot.people;
    let driver = match &people.driver {
        Some(driver) => {
            let claim = if driver.is_verified() { "" } else { "~" };
            let ink = if view.desk.lost_seat { Ink::Warn } else { Ink::Plain };
            let mut pieces = vec![piece(format!("driver {claim}{}", driver.name), look.ink(ink))];
            if !people.driver_here {
                pieces.push(piece(" away", look.ink(Ink::Warn)));
            }
            pieces
        }
        None => vec![piece("no driver", look.ink(Ink::Plain))],
    };
    parts.push(Part::new(0, driver));
    let watchers = people.consoles.iter().filter(|(person, _)| !people.is_driver(person)).count();
    if watchers > 0 {
        let plain = look.ink(Ink::Plain);
        let part = Part::new(1, vec![piece(format!("watchers {watchers}"), plain)]);
        parts.push(part.or(vec![piece(format!("+{watchers}"), plain)]));
    }
    if status.keeper.plan_changed {
        let part = Part::new(2, vec![piece("plan file changed: no effect", look.ink(Ink::Warn))]);
        parts.push(part.or(vec![piece("plan changed", look.ink(Ink::Warn))]));
    }
    if status.keeper.dropped > 0 {
        parts.push(Part::new(3, vec![piece(format!("dropped {}", status.keeper.dropped), look.ink(Ink::Warn))]));
    }
    parts
}

/// `keeper 0.3s balancer 0.8s feed 0.8s 12:04:31Z |`.
pub(super) fn ages(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, brevity: Brevity) -> Vec<Piece> {
    let plain = canvas.look.ink(Ink::Plain);
    let mut pieces = Vec::new();
    for source in [fresh::keeper(view.desk.heard_at), fresh::balancer(snapshot), fresh::feed(snapshot)] {
        pieces.push(age_piece(canvas, view, snapshot, &source, brevity));
        pieces.push(piece(" ", plain));
    }
    let second = usize::try_from(view.now.micros() / 1_000_000).unwrap_or(0);
    let spinner = SPINNER[second % SPINNER.len()];
    let clock = view.wall.clock();
    pieces.push(piece(
        match brevity {
            Brevity::Full | Brevity::Marks | Brevity::Whole => format!("{clock} {spinner}"),
            Brevity::NoSpinner => clock,
            Brevity::NoClock => spinner.to_owned(),
        },
        plain,
    ));
    pieces
}

fn age_piece(canvas: &Canvas<'_>, view: &View<'_>, snapshot: &Snapshot, source: &Source, brevity: Brevity) -> Piece {
    let look = canvas.look;
    let side = Some(snapshot).filter(|_| source.word == "feed" && brevity < Brevity::NoClock);
    let word = side.and_then(|snapshot| old_side(view, snapshot, source));
    let word = word.map_or_else(|| source.word.to_owned(), |chip| format!("{} {chip}", source.word));
    // Its newest answer is from then; what it holds now nobody could read.
    let is_unread = source.word == "balancer" && snapshot.split.configured.is_none();
    let stale = if brevity == Brevity::Full { "STALE " } else { "?" };
    let late = if brevity == Brevity::Full { "LATE " } else { "!" };
    let is_gone = source.word == "keeper" && !view.desk.linked;
    match source.age(view.now) {
        None => piece(format!("{word} --"), look.ink(Ink::Stale)),
        Some(age) if is_gone => {
            let gone = if brevity == Brevity::Full { "GONE " } else { "?" };
            piece(format!("{word} {gone}{}", whole_words(age)), look.ink(Ink::Stale))
        }
        Some(age) if is_unread && !source.is_stale(view.now) => {
            piece(format!("{word} ?{}", age_words(age)), look.ink(Ink::Stale))
        }
        Some(age) if source.is_stale(view.now) => {
            piece(format!("{word} {stale}{}", whole_words(age)), look.ink(Ink::Stale))
        }
        Some(age) if source.is_late(view.now) => piece(format!("{word} {late}{}", age_words(age)), look.ink(Ink::Warn)),
        Some(age) if brevity >= Brevity::Whole => piece(format!("{word} {}", whole_words(age)), look.ink(Ink::Plain)),
        Some(age) => piece(format!("{word} {}", age_words(age)), look.ink(Ink::Plain)),
    }
}

/// The environment whose metrics alone are late.
fn old_side<'s>(view: &View<'_>, snapshot: &'s Snapshot, feed: &Source) -> Option<&'s Clean> {
    let is_late = |role: Role| {
        let newest = snapshot.signals.iter().filter(|signal| signal.role == role).map(|signal| signal.at).max();
        newest.is_some_and(|at| view.age(at) > feed.limits.late)
    };
    let [stable, candidate] = Role::BOTH.map(is_late);
    let role = if stable { Role::Stable } else { Role::Candidate };
    (stable != candidate && feed.is_late(view.now)).then(|| &snapshot.environments[role].chip)
}

/// `8s`, `12m`: what is stale needs no tenths.
pub(super) fn whole_words(age: Duration) -> String {
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
