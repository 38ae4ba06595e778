//! This very program, started once more as another process.

use std::path::PathBuf;

/// The file that runs here, whatever stands at its path by now. To name it asks no disk: what a person waits for on a
/// console is started by this.
pub const RUNNING: &str = "/proc/self/exe";

/// What starts this program again: its path, and where an upgrade has replaced or removed that since, the file that runs
/// here. A rollback past a keeper must not depend on what is installed now, and both sides speak one version.
pub fn program() -> PathBuf {
    // A path that is gone is told with ` (deleted)` behind it.
    let path = std::env::current_exe().ok().filter(|path| path.exists());
    path.unwrap_or_else(|| PathBuf::from(RUNNING))
}
