//! The console as lines, for pipes and logs.

use super::act::{typed_band, typed_line};
use super::places::{Found, configured_words};
use super::report::mark;
use super::{CommandResult, Exit, Failure, out};
use crate::clock;
use crate::domain::{Clean, RunId};
use crate::engine::{Band, Phase};
use crate::wire::{Client, FromKeeper, Introduction, KEEPER_STALE, Status};
use std::fmt::Write;
use tokio::time::timeout;

/// Units of what counts on.
const UNITS: [&str; 5] = ["s", "min", "h", "d", "rps"];

/// Prints each new line of the run and each change of the band but of its numbers, until the run ends or the pipe closes.
/// `way` is what a rollback without the keeper is to be given here.
pub(super) async fn follow(found: &Found, way: &Clean, introduction: &Introduction) -> CommandResult {
    let mut client =
        Client::connect(&found.socket, introduction).await.map_err(|error| Failure::new(Exit::Unreachable, error))?;
    let mut printed = 0;
    let mut told = String::new();
    let mut last: Option<Box<Status>> = None;
    let mut is_silent = false;
    loop {
        let Ok(heard) = timeout(KEEPER_STALE, client.connection.next()).await else {
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
            let _ = writeln!(lines, "{} {} {}", entry.wall.clock(), mark(entry.severity), typed_line(entry));
        }
        printed = status.snapshot.log.last().map_or(printed, |entry| entry.number.max(printed));
        let band = &status.snapshot.band;
        let gist = gist(band);
        if told != gist {
            told = gist;
            let words = typed_band(&status.snapshot);
            let _ = writeln!(lines, "{} = {} {words}", status.snapshot.wall.clock(), band.word);
        }
        if !lines.is_empty() && !out::print(&lines)? {
            return Ok(Exit::Done);
        }
        last = Some(status);
    }
}

fn silent(last: Option<&Status>) -> String {
    let old = last.map_or_else(String::new, |last| format!("; what stands above is of {}", last.snapshot.wall.clock()));
    format!("{} ? KEEPER SILENT for {} s{old}\n", clock::wall().clock(), KEEPER_STALE.as_secs())
}

/// What of a band is worth a line when it changes: its state and what must be read of it, without what counts on.
fn gist(band: &Band) -> String {
    let counts = |word: &&str| word.contains(|c: char| c.is_ascii_digit()) || UNITS.contains(word);
    let parts = band.parts.iter().filter(|part| part.rank == 0).map(|part| part.words.as_str());
    let words = parts.flat_map(str::split_whitespace).filter(|word| !counts(word));
    std::iter::once(band.word.as_str()).chain(words).collect::<Vec<_>>().join(" ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{BandPart, Severity};

    fn gist_of(parts: &[(&str, u8)]) -> String {
        let part = |(words, rank): &(&str, u8)| BandPart { words: Clean::new(words), short: None, rank: *rank };
        let parts = parts.iter().map(part).collect();
        gist(&Band { severity: Severity::Info, word: "RUNNING".into(), text: Clean::default(), parts })
    }

    /// A line each second would bury those that matter.
    #[test]
    fn what_only_counts_on_is_no_change_of_the_band() {
        let bakes = |left: &str, bake: &str| {
            let next = format!("next: 50%, A opens in {left}");
            gist_of(&[("at 25%", 0), (&next, 0), (bake, 1)])
        };
        assert_eq!(bakes("1 min 5 s", "bake 00:55 of 02:00"), bakes("1 min", "bake 01:00 of 02:00"));
        assert_eq!(bakes("1 min", ""), bakes("59s", ""));
        assert_ne!(bakes("59s", ""), gist_of(&[("at 25%", 0), ("A locked: drift", 0)]), "why, too");
        assert_eq!(gist_of(&[("158 rps still on GREEN", 0)]), gist_of(&[("9 rps still on GREEN", 0)]));
    }
}
