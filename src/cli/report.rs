//! `warroom log`: the history of a run, from its journal alone.

use super::{Exit, Failure, Outcome, places};
use crate::engine::Severity;
use crate::journal::Reader;
use std::io::Write;

pub(super) fn log(run: Option<&str>, json: bool, markdown: bool) -> Outcome {
    let places = places::places()?;
    let run = match run {
        Some(word) => places::find(&places, Some(word))?.run,
        None => {
            let newest = places.runs().map_err(|error| Failure::new(Exit::Usage, error))?.into_iter().next();
            newest.ok_or_else(|| Failure::new(Exit::Refused, "no run is known here"))?
        }
    };
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Refused, error);
    let reader = Reader::open(&places.journal(&run)).map_err(|error| failed(&error))?;
    let info = reader.info().map_err(|error| failed(&error))?;
    let entries = reader.entries().map_err(|error| failed(&error))?;
    let mut out = std::io::stdout().lock();
    if markdown {
        let title = info.as_ref().map_or_else(String::new, |info| info.title.to_string());
        let _ = writeln!(out, "# {title}\n\nRun `{run}`\n\n| time (UTC) | who | what |\n| --- | --- | --- |");
    }
    for entry in &entries {
        let written = if json {
            writeln!(out, "{}", serde_json::to_string(entry).unwrap_or_default())
        } else if markdown {
            let who = entry.by.as_ref().map_or_else(String::new, ToString::to_string);
            let bold = if entry.severity == Severity::Critical { "**" } else { "" };
            let text = entry.text.as_str().replace('|', "\\|");
            writeln!(out, "| {} | {} | {bold}{text}{bold} |", entry.wall, who.replace('|', "\\|"))
        } else {
            let mark = match entry.severity {
                Severity::Info => " ",
                Severity::Warn => "!",
                Severity::Critical => "X",
            };
            writeln!(out, "{} {mark} {}", entry.wall, entry.text)
        };
        if written.is_err() {
            // The reader of the pipe has seen enough.
            break;
        }
    }
    Ok(Exit::Done)
}
