//! `warroom log`: the history of a run, from its journal alone.

use super::act::typed_line;
use super::{CommandResult, Exit, Failure, out, places};
use crate::domain::RunId;
use crate::engine::{Entry, Fact, Severity};
use crate::journal::{Places, Reader};
use std::fmt::Write;

pub(super) async fn log(run: Option<&str>, json: bool, markdown: bool) -> CommandResult {
    let places = places::places()?;
    let run = match run {
        Some(word) => places::find(&places, Some(word)).await?.run,
        None => newest(&places)?,
    };
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Refused, error);
    let reader = Reader::open(&places.journal(&run)).map_err(|error| failed(&error))?;
    let info = reader.info().map_err(|error| failed(&error))?;
    let entries = reader.entries().map_err(|error| failed(&error))?;
    let mut text = String::new();
    if markdown {
        let title = info.map_or_else(String::new, |info| info.title.to_string());
        text = format!("# {title}\n\nRun `{run}`\n\n| time (UTC) | who | what |\n| --- | --- | --- |\n");
    }
    let line: fn(&Entry) -> String = if json {
        |entry: &Entry| serde_json::to_string(entry).unwrap_or_default()
    } else if markdown {
        markdown_row
    } else {
        plain_row
    };
    for entry in &entries {
        // Into a string: it takes everything.
        let _ = writeln!(text, "{}", line(entry));
    }
    out::print(&text)?;
    Ok(Exit::Done)
}

/// The newest run with a history. One whose keeper never began has none, and is not what is asked for.
fn newest(places: &Places) -> Result<RunId, Failure> {
    let runs = places.runs().map_err(|error| Failure::new(Exit::Usage, error))?;
    let has_history = |run: &&RunId| {
        let entries = Reader::open(&places.journal(run)).and_then(|reader| reader.entries());
        // One that cannot be read is not passed over: its error is the answer.
        entries.map_or(true, |entries| !entries.is_empty())
    };
    if let Some(run) = runs.iter().find(has_history) {
        return Ok(run.clone());
    }
    let newest = runs.into_iter().next().ok_or_else(|| Failure::new(Exit::Refused, "no run is known here"))?;
    out::complain(format!("run {newest} has no history yet"));
    Ok(newest)
}

fn plain_row(entry: &Entry) -> String {
    let line = format!("{} {} {}", entry.wall, mark(entry.severity), typed_line(entry));
    tail(entry).into_iter().fold(line, |all, line| all + "\n    | " + &line)
}

fn markdown_row(entry: &Entry) -> String {
    let who = entry.by.as_ref().map_or_else(String::new, ToString::to_string);
    let bold = if entry.severity == Severity::Critical { "**" } else { "" };
    // Its output stands in the same cell, line by line.
    let lines = tail(entry).into_iter().map(|line| format!("<br>`{}`", line.replace('`', "'")));
    let text = (typed_line(entry) + &lines.collect::<String>()).replace('|', "\\|");
    format!("| {} | {} | {bold}{text}{bold} |", entry.wall, who.replace('|', "\\|"))
}

/// What a hook printed at last.
fn tail(entry: &Entry) -> Vec<String> {
    let Fact::HookEnded { tail, .. } = &entry.fact else { return Vec::new() };
    let before = (tail.before() > 0).then(|| format!("({} lines before)", tail.before()));
    before.into_iter().chain(tail.lines.iter().map(ToString::to_string)).collect()
}

/// How much a line matters, in one column.
pub(super) fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => " ",
        Severity::Warn => "!",
        Severity::Critical => "X",
    }
}
