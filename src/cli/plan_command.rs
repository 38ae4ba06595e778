//! `warroom plan` and `warroom init`.

use super::{Exit, Failure, Outcome, places};
use crate::plan;
use std::io::Write;
use std::path::Path;

const SAMPLE: &str = include_str!("../../config/progressive.toml");

pub(super) fn print(path: &Path, rate: Option<f64>) -> Outcome {
    let plan = places::load(path)?;
    let _ = std::io::stdout().write_all(plan::schedule(&plan, rate).as_bytes());
    Ok(Exit::Done)
}

/// Writes the commented sample; never over a file that is there.
pub(super) fn init(path: &Path) -> Outcome {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| Failure::new(Exit::Refused, format!("{}: {error}", path.display())))?;
    file.write_all(SAMPLE.as_bytes())
        .map_err(|error| Failure::new(Exit::Refused, format!("{}: {error}", path.display())))?;
    println!("{} written; change the addresses, then: warroom plan {}", path.display(), path.display());
    Ok(Exit::Done)
}
