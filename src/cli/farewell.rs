//! What is said once the terminal is given back: how the run stands and how old that is, where its journal is, whether
//! the keeper goes on, and what to type next. Whoever closed the wrong window reads only this.

use super::act::typed;
use super::places::{configured_words, configured_words_hidden, is_known_whole};
use super::{Exit, plain};
use crate::console::desk::direct::Standing;
use crate::console::{ConsoleExit, Left};
use crate::domain::{Clean, RunId, Wall};
use crate::engine::{Phase, Snapshot};
use crate::wire::{KEEPER_LATE, Status};
use std::path::Path;

/// Columns of the narrowest terminal this is written for; a line breaks there, between words.
const WIDTH: usize = 80;

/// The lines, most important first. `elsewhere` is what a shell like the console's own finds the run by.
pub fn farewell(run: &RunId, elsewhere: &Clean, exit: &ConsoleExit, journal: &Path, is_demo: bool) -> Vec<String> {
    // A path is hidden where names are; whoever typed it knows it.
    let named = match elsewhere.as_str() {
        path if exit.private && path != run.as_str() => "PLAN-FILE",
        way => way,
    };
    let direct = exit.direct.map(directly);
    let Some(status) = exit.last.as_deref() else {
        let knows = if direct.is_none() { ", so nobody knows here how it stands" } else { "" };
        let never = format!("run {run}: its keeper was never heard{knows}");
        let next = [format!("  warroom status {named}"), format!("  warroom rollback {named} --direct")];
        let how = "the second works without the keeper:".to_owned();
        return direct.map(str::to_owned).into_iter().chain([never, how]).chain(next).collect();
    };
    let snapshot = &status.snapshot;
    if is_demo {
        let over = "the demo has ended: nothing runs or watches any more".to_owned();
        let was = format!("{} was {}", snapshot.title, snapshot.band.word);
        let lines = [over, was, split(snapshot, exit.private)].into_iter().chain(how_left(exit, is_demo));
        return lines.flat_map(|line| wrapped(&line)).collect();
    }
    let mut lines: Vec<String> = direct.map(str::to_owned).into_iter().collect();
    lines.extend([keeper(status, exit), state(snapshot, exit.private), split(snapshot, exit.private)]);
    lines.extend(how_left(exit, is_demo));
    if !exit.private {
        lines.push(format!("journal {}", Clean::new(journal.display().to_string())));
    }
    let mut lines: Vec<String> = lines.iter().flat_map(|line| wrapped(line)).collect();
    // Each whole and on a line of its own, so that it can be copied.
    lines.extend(next(named, snapshot, exit).into_iter().map(|command| format!("  {command}")));
    lines
}

/// A line in lines of [`WIDTH`] columns; what follows the first is set in. A word that is longer stays whole, so that it
/// can be copied.
fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last().map_or("", String::as_str);
        let is_begun = !last.trim().is_empty();
        if is_begun && last.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("  {word}"));
        } else if let Some(last) = lines.last_mut() {
            last.push_str(if is_begun { " " } else { "" });
            last.push_str(word);
        }
    }
    lines
}

/// On a screen that others see, names stay where they were hidden. What a key would do is left out: there is none any
/// more, and what to type instead stands below.
fn state(snapshot: &Snapshot, is_private: bool) -> String {
    let band = &snapshot.band;
    if is_private {
        return format!("{} (names, hosts and reasons are hidden, as on the screen)", band.word);
    }
    let parts = band.parts.iter().map(|part| &part.words).filter(|words| typed(words) == words.as_str());
    let text = parts.map(Clean::as_str).collect::<Vec<_>>().join("  ");
    format!("{}: {} {text}", snapshot.title, band.word)
}

fn split(snapshot: &Snapshot, is_private: bool) -> String {
    let there = if is_private { configured_words_hidden(snapshot) } else { configured_words(snapshot) };
    match snapshot.balancer_at.map(|at| Wall::minus(snapshot.wall, snapshot.mono.since(at)).clock()) {
        Some(read) if is_known_whole(snapshot) => format!("candidate {there} at the balancer, as read at {read}"),
        Some(read) => format!("candidate {there} at the balancer, last read whole at {read}"),
        None => "candidate unknown: the balancer was never read here".to_owned(),
    }
}

/// A direct rollback goes on without its console.
fn directly(standing: Standing) -> &'static str {
    match standing {
        Standing::Running | Standing::Unknown => {
            "A DIRECT ROLLBACK goes on in a process of its own: it is NOT CONFIRMED yet"
        }
        Standing::Foreign => "THE DIRECT ROLLBACK stopped at somebody else's setting: it is NOT CONFIRMED",
        Standing::Confirmed => "ROLLED BACK DIRECTLY, confirmed: new traffic is on stable",
        Standing::Nothing => "the direct rollback found nothing to roll back",
        Standing::Failed => "THE DIRECT ROLLBACK FAILED: nothing was confirmed",
    }
}

/// What a console that was left has come to, for its exit code: what went directly is newer than what the keeper said.
pub fn exit_of(exit: &ConsoleExit) -> Exit {
    match exit.direct {
        Some(Standing::Confirmed) => Exit::RolledBack,
        Some(Standing::Running | Standing::Unknown | Standing::Foreign | Standing::Failed) => Exit::Unconfirmed,
        Some(Standing::Nothing) | None => plain::exit_of(exit.last.as_deref()),
    }
}

fn how_left(exit: &ConsoleExit, is_demo: bool) -> Option<String> {
    let nothing = if exit.direct.is_none() { ", which changed nothing" } else { "" };
    match exit.left {
        Left::Asked if is_demo || exit.direct.is_some() => None,
        Left::Asked => Some("quitting changed nothing: traffic stays as it is".to_owned()),
        Left::Signal(name) => Some(format!("the console was ended by {name}{nothing}")),
        Left::TerminalGone => Some(format!("the console's terminal went away{nothing}")),
    }
}

fn keeper(status: &Status, exit: &ConsoleExit) -> String {
    let pid = status.keeper.pid;
    match exit.heard_ago {
        _ if status.snapshot.phase == Phase::Ended => "the run has ended, and its keeper with it".to_owned(),
        Some(ago) if exit.linked && ago < KEEPER_LATE => {
            format!("the keeper goes on without this screen (process {pid})")
        }
        Some(ago) => {
            let link = if exit.linked { "" } else { " and is not connected" };
            format!("THE KEEPER IS SILENT for {} s{link} (process {pid}): what it said is that old", ago.as_secs())
        }
        None => format!("the keeper (process {pid}) was not heard"),
    }
}

/// What to type, most probable first.
fn next(named: &str, snapshot: &Snapshot, exit: &ConsoleExit) -> Vec<String> {
    let silent = !exit.linked || exit.heard_ago.is_none_or(|ago| ago >= KEEPER_LATE);
    let of = |word: &str| format!("warroom {word} {named}");
    match snapshot.phase {
        Phase::Ended => vec![of("log")],
        // A keeper that only watches cannot roll back.
        Phase::Observing => vec![of("attach"), of("log")],
        Phase::RolledBack => vec![of("restart"), of("log"), of("end")],
        Phase::Preflight
        | Phase::Ready
        | Phase::Shifting
        | Phase::Baking
        | Phase::Held
        | Phase::Complete
        | Phase::RollingBack
        | Phase::NewTrafficBack => {
            if exit.direct == Some(Standing::Confirmed) {
                vec![of("status"), of("log")]
            } else if silent {
                let over = if exit.direct == Some(Standing::Foreign) { " --send-over" } else { "" };
                vec![of("status"), format!("{} --direct{over}", of("rollback"))]
            } else {
                let adopt = snapshot.drift.as_ref().map(|_| of("adopt"));
                [of("attach"), of("rollback")].into_iter().chain(adopt).chain([of("log")]).collect()
            }
        }
    }
}
