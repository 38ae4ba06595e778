//! `:export`: the run's report in a file. `warroom log` writes it, in a process of its own: it reads a journal, which is
//! no business of a console's, and a disk that hangs holds up nothing here.

use super::ConsoleOptions;
use super::desk::Format;
use crate::domain::{Clean, Wall};
use crate::own;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a report may take: a journal of a day is read in a fraction of a second, a disk that hangs never.
const REPORT_WAIT: Duration = Duration::from_secs(10);
/// Reports of one run in one second that get a name of their own.
const NAMES_MAX: usize = 10;

/// Writes the report, and says where it is or why there is none. What a private screen hides stands in it: it says so.
pub(super) async fn write(options: ConsoleOptions, format: Format, is_private: bool, now: Wall) -> String {
    match tokio::time::timeout(REPORT_WAIT, report(&options, format, now)).await {
        Ok(Ok(path)) => written(&path, is_private),
        Ok(Err(why)) => format!("NO REPORT: {why}"),
        Err(_) => format!("NO REPORT: not written in {} s", REPORT_WAIT.as_secs()),
    }
}

/// The file's own name stands first: of the folder many a screen has no room for all.
fn written(path: &Path, is_private: bool) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(path).display();
    let names = if is_private { " WITH ALL NAMES" } else { "" };
    format!("{name} written{names} to {folder}")
}

async fn report(options: &ConsoleOptions, format: Format, now: Wall) -> Result<PathBuf, String> {
    let (path, file) = create(&options.reports, format, now)?;
    let written = ask(options, format, file).await;
    if written.is_err() {
        // A report that is not whole is none.
        let _ = std::fs::remove_file(&path);
    }
    written.map(|()| path)
}

/// A new file for its owner only; never over one that is there.
fn create(folder: &Path, format: Format, now: Wall) -> Result<(PathBuf, std::fs::File), String> {
    let ending = match format {
        Format::Markdown => "md",
        Format::Json => "json",
    };
    let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let mut refused = String::new();
    for nth in 1..=NAMES_MAX {
        let more = if nth > 1 { format!("-{nth}") } else { String::new() };
        let path = folder.join(format!("report-{stamp}{more}.{ending}"));
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) => refused = format!("{}: {error}", path.display()),
        }
    }
    Err(refused)
}

async fn ask(options: &ConsoleOptions, format: Format, file: std::fs::File) -> Result<(), String> {
    let words = |error: std::io::Error| error.to_string();
    let mut command = Command::new(own::program());
    command.args(["log", options.run.as_str(), &format!("--{}", format.word())]);
    if let Some(state_dir) = &options.state_dir {
        command.env("WARROOM_STATE_DIR", state_dir);
    }
    let asked = command.stdin(Stdio::null()).stdout(file).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let ended = asked.map_err(words)?.wait_with_output().await.map_err(words)?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let first = said.lines().next().unwrap_or("it does not say why").trim_start_matches("warroom: ");
    Err(Clean::new(first).to_string())
}

#[cfg(test)]
mod tests {
    use super::written;
    use std::path::Path;

    #[test]
    fn the_files_name_stands_first_and_a_private_screen_is_told_what_is_in_it() {
        let path = Path::new("/state/runs/checkout/report-1.md");
        assert_eq!(written(path, false), "report-1.md written to /state/runs/checkout");
        assert_eq!(written(path, true), "report-1.md written WITH ALL NAMES to /state/runs/checkout");
    }
}
