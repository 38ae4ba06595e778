//! The console as lines, for pipes and logs.

use super::{Exit, Failure, Outcome};
use crate::domain::RunId;
use crate::engine::{Phase, Severity};
use crate::wire::{Client, FromKeeper, Introduction, Status};
use std::io::Write;
use std::path::Path;

/// Prints each new line of the run and each change of the band, until the run ends or the pipe closes.
pub(super) async fn follow(socket: &Path, introduction: &Introduction) -> Outcome {
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
        let mut out = std::io::stdout().lock();
        for entry in &status.snapshot.log {
            if entry.number <= printed {
                continue;
            }
            let mark = match entry.severity {
                Severity::Info => " ",
                Severity::Warn => "!",
                Severity::Critical => "X",
            };
            if writeln!(out, "{} {mark} {}", entry.wall.clock(), entry.text).is_err() {
                return Ok(Exit::Done);
            }
            printed = entry.number;
        }
        let band = &status.snapshot.band;
        if word != band.word.as_str() {
            word = band.word.to_string();
            if writeln!(out, "{} = {} {}", status.snapshot.wall.clock(), band.word, band.text).is_err() {
                return Ok(Exit::Done);
            }
        }
        let _ = out.flush();
        last = Some(status);
    }
    Ok(exit_of(last.as_deref()))
}

fn exit_of(last: Option<&Status>) -> Exit {
    match last.map(|status| &status.snapshot) {
        None => Exit::Unreachable,
        Some(snapshot) if snapshot.phase == Phase::RollingBack => Exit::Unconfirmed,
        Some(snapshot) if snapshot.rollback.is_some() => Exit::RolledBack,
        Some(_) => Exit::Done,
    }
}

/// What is said after the console is closed: where the run stands and what to type next.
pub(super) fn farewell(run: &RunId, last: Option<&Status>, demo: bool) -> Exit {
    // The terminal may be gone; then nobody reads this, and there is more to do than to fail.
    let mut out = std::io::stdout().lock();
    let Some(status) = last else {
        let _ = writeln!(out, "run {run}: nothing was heard of its keeper");
        return Exit::Unreachable;
    };
    let snapshot = &status.snapshot;
    let _ = writeln!(out, "{}: {} {}", snapshot.title, snapshot.band.word, snapshot.band.text);
    let split =
        snapshot.split.configured.as_ref().map_or_else(|| "unknown".to_owned(), |c| format!("{:.1}%", c.share * 100.0));
    if !demo {
        let _ = writeln!(
            out,
            "candidate {split} at the balancer; quitting changed nothing; the keeper goes on (process {})",
            status.keeper.pid
        );
        // A keeper that only watches cannot roll back.
        let back =
            if snapshot.phase == Phase::Observing { String::new() } else { format!("warroom rollback {run}      ") };
        let _ = writeln!(out, "  warroom attach {run}      {back}warroom log {run}");
    }
    exit_of(last)
}
