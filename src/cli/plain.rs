//! The console as lines, for pipes and logs.

use super::act::typed;
use super::places::{Found, configured_words};
use super::report::mark;
use super::{CommandResult, Exit, Failure, out};
use crate::clock;
use crate::domain::{Clean, RunId};
use crate::engine::Phase;
use crate::wire::{Client, FromKeeper, Introduction, Status};
use std::fmt::Write;
use std::time::Duration;
use tokio::time::timeout;

/// Silence after which nothing that a keeper said is believed any more: it speaks once a second. The same as on a screen.
const SILENT: Duration = Duration::from_secs(5);

/// Prints each new line of the run and each change of the band, until the run ends or the pipe closes. `way` is what a
/// rollback without the keeper is to be given here.
pub(super) async fn follow(found: &Found, way: &Clean, introduction: &Introduction) -> CommandResult {
    let mut client =
        Client::connect(&found.socket, introduction).await.map_err(|error| Failure::new(Exit::Unreachable, error))?;
    let mut printed = 0;
    let mut word = String::new();
    let mut last: Option<Box<Status>> = None;
    let mut is_silent = false;
    loop {
        let Ok(heard) = timeout(SILENT, client.connection.next()).await else {
            if !is_silent && !out::print(&silent(last.as_deref()))? {
                return Ok(Exit::Done);
            }
            is_silent = true;
            continue;
        };
        let status = match heard {
            Ok(Some(FromKeeper::Status(status))) => status,
            Ok(Some(_)) => continue,
            Ok(None) | Err(_) => return gone(&found.run, way, last.as_deref()),
        };
        let mut lines = String::new();
        if std::mem::take(&mut is_silent) {
            let _ = writeln!(lines, "{} = the keeper answers again", clock::wall().clock());
        }
        for entry in status.snapshot.log.iter().filter(|entry| entry.number > printed) {
            // Into a string: it takes everything.
            let _ = writeln!(lines, "{} {} {}", entry.wall.clock(), mark(entry.severity), typed(&entry.text));
        }
        printed = status.snapshot.log.last().map_or(printed, |entry| entry.number.max(printed));
        let band = &status.snapshot.band;
        if word != band.word.as_str() {
            word = band.word.to_string();
            let _ = writeln!(lines, "{} = {} {}", status.snapshot.wall.clock(), band.word, typed(&band.text));
        }
        if !lines.is_empty() && !out::print(&lines)? {
            return Ok(Exit::Done);
        }
        last = Some(status);
    }
}

fn silent(last: Option<&Status>) -> String {
    let old = last.map_or_else(String::new, |last| format!("; what stands above is of {}", last.snapshot.wall.clock()));
    format!("{} ? KEEPER SILENT for {} s{old}\n", clock::wall().clock(), SILENT.as_secs())
}

/// A keeper that ends without its run is no end that anybody waited for: what comes next in a script must not.
fn gone(run: &RunId, way: &Clean, last: Option<&Status>) -> CommandResult {
    let exit = exit_of(last);
    if last.is_some_and(|last| last.snapshot.phase == Phase::Ended) {
        return Ok(exit);
    }
    let split = last.map_or_else(|| "unknown".to_owned(), |last| configured_words(&last.snapshot));
    let words = format!(
        "the keeper went away at {}; run {run} has not ended, candidate {split} then  \
         `warroom rollback {way} --direct` works without it",
        clock::wall().clock()
    );
    Err(Failure::new(if exit == Exit::Done { Exit::Unreachable } else { exit }, words))
}

/// What a run that is no longer looked at has come to.
pub(super) fn exit_of(last: Option<&Status>) -> Exit {
    match last.map(|status| &status.snapshot) {
        None => Exit::Unreachable,
        // A run may be ended on a rollback that stopped at somebody else's setting, or that nobody can read back.
        Some(snapshot) => match &snapshot.rollback {
            Some(rollback) if rollback.confirmed.is_none() => Exit::Unconfirmed,
            Some(_) => Exit::RolledBack,
            None => Exit::Done,
        },
    }
}
