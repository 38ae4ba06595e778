//! `warroom plan` and `warroom init`.

use super::{CommandResult, Exit, Failure, out, places};
use crate::plan;
use std::io::{ErrorKind, Write};
use std::path::Path;

const SAMPLE: &str = include_str!("../../config/progressive.toml");

pub(super) fn print(path: &Path, rate: Option<f64>) -> CommandResult {
    let plan = places::load(path)?;
    out::print(&plan::schedule(&plan, rate))?;
    Ok(Exit::Done)
}

/// Writes the commented sample; never over a file that is there. `-` prints it.
pub(super) fn init(path: &Path) -> CommandResult {
    if path == Path::new("-") {
        out::print(SAMPLE)?;
        return Ok(Exit::Done);
    }
    let shown = path.display();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(SAMPLE.as_bytes())).map_err(|error| {
        let words = if error.kind() == ErrorKind::AlreadyExists {
            format!(
                "{shown} is there already and is left as it is: name another file, or `warroom init -` prints the sample"
            )
        } else {
            format!("{shown}: {error}")
        };
        Failure::new(Exit::Refused, words)
    })?;
    out::say(format!("{shown} written; change the addresses, then: warroom plan {shown}"));
    Ok(Exit::Done)
}
