//! `:export`: the run's report in a file. `warroom log` writes it, in a process of its own: it reads a journal, which is
//! no business of a console's, and a disk that hangs holds up nothing here.

use super::ConsoleOptions;
use super::desk::Format;
use crate::domain::{Clean, Wall};
use crate::{failpoint, own};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::oneshot;

/// How long a report may take: a journal of a day is read in a fraction of a second, a disk that hangs never.
const REPORT_WAIT: Duration = Duration::from_secs(10);
/// Reports of one run in one second that get a name of their own.
const NAMES_MAX: usize = 10;

/// A report's file, and the file itself while it is open.
type Made = (PathBuf, std::fs::File);

/// Writes the report, and says where it is or why there is none. What a private screen hides stands in it: it says so.
/// Whatever may still wait for the disk then holds `held`.
pub(super) async fn write(
    options: ConsoleOptions,
    format: Format,
    is_private: bool,
    now: Wall,
    held: Arc<()>,
) -> String {
    let (path, named) = oneshot::channel();
    let reporting = async {
        let folder = options.reports.clone();
        let (made, file) = made(held.clone(), move || create(&folder, format, now)).await?;
        let _ = path.send(made.clone());
        ask(&options, format, file).await.map(|()| made)
    };
    let why = match tokio::time::timeout(REPORT_WAIT, reporting).await {
        Ok(Ok(path)) => return written(&path, is_private),
        Ok(Err(why)) => why,
        Err(_) => format!("not written in {} s", REPORT_WAIT.as_secs()),
    };
    if let Ok(path) = named.await {
        // A report that is not whole is none.
        let _ = thread(move || drop((std::fs::remove_file(path), held)));
    }
    format!("NO REPORT: {why}")
}

/// The file's own name stands first: of the folder many a screen has no room for all.
fn written(path: &Path, is_private: bool) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(path).display();
    let names = if is_private { " WITH ALL NAMES" } else { "" };
    format!("{name} written{names} to {folder}")
}

/// A thread of its own for the disk: one that hangs must not keep `R` from anybody.
fn thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("report".into()).spawn(work)
}

/// What `create` makes, however long the disk takes; a file that nobody waits for any more goes again.
async fn made(held: Arc<()>, create: impl FnOnce() -> Result<Made, String> + Send + 'static) -> Result<Made, String> {
    let (told, made) = oneshot::channel();
    let create = move || {
        if let Err(Ok((path, _))) = told.send(create()) {
            let _ = std::fs::remove_file(path);
        }
        drop(held);
    };
    thread(create).map_err(|error| error.to_string())?;
    made.await.map_err(|error| error.to_string())?
}

/// A new file for its owner only; never over one that is there.
fn create(folder: &Path, format: Format, now: Wall) -> Result<Made, String> {
    let ending = match format {
        Format::Markdown => "md",
        Format::Json => "json",
    };
    let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let mut refused = String::new();
    // Where a test lets the disk hang.
    let _ = failpoint::disk();
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
    let mut command = Command::new(own::RUNNING);
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
