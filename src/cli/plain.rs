//! The console as lines, for pipes and logs.

use super::act::typed;
use super::report::mark;
use super::{CommandResult, Exit, Failure, out};
use crate::engine::Phase;
use crate::wire::{Client, FromKeeper, Introduction, Status};
use std::fmt::Write;
use std::path::Path;

/// Prints each new line of the run and each change of the band, until the run ends or the pipe closes.
pub(super) async fn follow(socket: &Path, introduction: &Introduction) -> CommandResult {
    let mut client =
        Client::connect(socket, introduction).await.map_err(|error| Failure::new(Exit::Unreachable, error))?;
    let mut printed = 0;
    let mut word = String::new();
    let mut last: Option<Box<Status>> = None;
    loop {
        let status = match client.connection.next().await {
            Ok(Some(FromKeeper::Status(status))) => status,
            Ok(Some(_)) => continue,
            Ok(None) | Err(_) => break,
        };
        let mut lines = String::new();
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
    Ok(exit_of(last.as_deref()))
}

/// What a run that is no longer looked at has come to.
pub(super) fn exit_of(last: Option<&Status>) -> Exit {
    match last.map(|status| &status.snapshot) {
        None => Exit::Unreachable,
        Some(snapshot) if snapshot.phase == Phase::RollingBack => Exit::Unconfirmed,
        Some(snapshot) if snapshot.rollback.is_some() => Exit::RolledBack,
        Some(_) => Exit::Done,
    }
}
