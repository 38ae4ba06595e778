//! Who is here, and the last commands with what came of them.

use super::canvas::{Canvas, Piece};
use super::fit::{Part, fit};
use super::look::Ink;
use super::{View, piece};
use crate::console::desk::Panel;
use crate::domain::{Person, Rights, Wall};
use crate::engine::{Entry, Fact, Severity, Snapshot};
use ratatui::layout::Rect;

/// Columns of a name and of what its bearer does.
const NAME_WIDTH: usize = 12;
const DOES_WIDTH: usize = 18;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &View<'_>, snapshot: &Snapshot) {
    let look = canvas.look;
    let words = match snapshot.people.consoles.len() {
        1 => "1 console".to_owned(),
        consoles => format!("{consoles} consoles"),
    };
    let inside = canvas.panel_frame(area, view, Panel::People, &[piece(words, look.ink(Ink::Plain))], &[]);
    let people = people_lines(canvas, snapshot, inside.width.saturating_sub(2));
    let from = if view.desk.focus == Panel::People { view.desk.panel_from } else { 0 };
    // People first; then the commands, the newest last, as in the log.
    let mut commands: Vec<Vec<Piece>> =
        snapshot.log.iter().filter(|entry| is_of_a_command(entry)).map(|entry| command_line(canvas, entry)).collect();
    let room = usize::from(inside.height).saturating_sub(people.len() + 1);
    if from == 0 {
        commands.drain(..commands.len().saturating_sub(room));
    }
    let heading = vec![piece("commands and what came of them", look.ink(Ink::Dim))];
    let lines: Vec<Vec<Piece>> = people.into_iter().chain([heading]).chain(commands).collect();
    canvas.scrolled(inside, from, &lines);
}

/// The driver first, then the others as they came.
fn people_lines(canvas: &Canvas<'_>, snapshot: &Snapshot, width: u16) -> Vec<Vec<Piece>> {
    let people = &snapshot.people;
    let driver = people.driver.as_ref();
    let is_driver = |person: &Person, rights: Rights| rights == Rights::Full && people.is_driver(person);
    let mut here: Vec<(&Person, Rights, Option<Wall>)> = people
        .consoles
        .iter()
        .enumerate()
        .map(|(index, (person, rights))| (person, *rights, people.since.get(index).copied()))
        .collect();
    here.sort_by_key(|(person, rights, _)| !is_driver(person, *rights));
    let mut lines = Vec::new();
    if let Some(driver) = driver.filter(|_| !people.driver_here) {
        lines.push(person_line(canvas, driver, "drives, away", Ink::Warn, None, width));
    }
    for (person, rights, since) in here {
        let (does, ink) = match rights {
            Rights::ReadOnly => ("watches, read-only", Ink::Plain),
            Rights::Full if is_driver(person, rights) => ("drives", Ink::Bold),
            Rights::Full => ("watches", Ink::Plain),
        };
        lines.push(person_line(canvas, person, does, ink, since, width));
    }
    if lines.is_empty() {
        lines.push(vec![piece("nobody", canvas.look.ink(Ink::Warn))]);
    }
    lines
}

fn person_line(
    canvas: &Canvas<'_>,
    person: &Person,
    does: &str,
    ink: Ink,
    since: Option<Wall>,
    width: u16,
) -> Vec<Piece> {
    let look = canvas.look;
    let claim = if person.is_verified() { "" } else { "~" };
    let mut parts = vec![Part::new(
        0,
        vec![piece(format!("{:<NAME_WIDTH$} {does:<DOES_WIDTH$}", format!("{claim}{}", person.name)), look.ink(ink))],
    )];
    if let Some(since) = since {
        parts.push(Part::new(2, vec![piece(format!("since {}", since.clock()), look.ink(Ink::Dim))]));
    }
    parts.push(if person.is_verified() {
        Part::new(3, vec![piece("verified login", look.ink(Ink::Dim))])
    } else {
        Part::new(1, vec![piece(format!("login {}, name not verified", person.user), look.ink(Ink::Warn))])
    });
    fit(look, &parts, "  ", width)
}

/// What somebody asked for, and what came of it; a refusal is only a line.
fn is_of_a_command(entry: &Entry) -> bool {
    !matches!(entry.fact, Fact::Line | Fact::Note) || entry.by.is_some() && entry.severity > Severity::Info
}

fn command_line(canvas: &Canvas<'_>, entry: &Entry) -> Vec<Piece> {
    let look = canvas.look;
    // What came of it stands a little to the right of what was asked.
    let indent = if entry.by.is_some() { "" } else { "  " };
    vec![
        piece(format!("{} ", entry.wall.clock()), look.ink(Ink::Dim)),
        piece(format!("{indent}{}", entry.text), look.severity(entry.severity)),
    ]
}
