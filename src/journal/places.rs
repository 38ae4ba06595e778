//! Where things are.

use crate::domain::{RunId, Wall};
use std::path::{Path, PathBuf};

/// A Unix socket's path fits in 108 bytes with its end mark (`unix(7)`, `sun_path`).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// No folder for state can be told.
    #[error("no folder for state: set HOME, XDG_STATE_HOME or WARROOM_STATE_DIR")]
    Homeless,
    /// A folder cannot be made or read.
    #[error("folder {path}: {why}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// A socket's path would be too long.
    #[error(
        "socket path {path} is {bytes} bytes long, at most {SOCKET_PATH_BYTES_MAX} fit: set a shorter WARROOM_STATE_DIR or XDG_RUNTIME_DIR"
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// A run id that is not one.
    #[error("{0:?} is not a run id")]
    NotARun(String),
}

/// The folders of this user, or of `WARROOM_STATE_DIR`, which moves all of them.
#[derive(Debug, Clone)]
pub struct Places {
    state: PathBuf,
    sockets: PathBuf,
    /// Whether everything is under `state`, as `WARROOM_STATE_DIR` has it.
    moved: bool,
}

impl Places {
    /// From the environment: `WARROOM_STATE_DIR`; else `$XDG_STATE_HOME/warroom` or `~/.local/state/warroom`
    /// for state and `$XDG_RUNTIME_DIR/warroom` for sockets.
    pub fn from_env() -> Result<Self, PlaceError> {
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(state) = var("WARROOM_STATE_DIR") {
            // Absolute: others are told the socket's path, and they are in other folders.
            return Ok(Self::at(std::path::absolute(&state).unwrap_or(state)));
        }
        let state = var("XDG_STATE_HOME")
            .or_else(|| var("HOME").map(|home| home.join(".local/state")))
            .ok_or(PlaceError::Homeless)?
            .join("warroom");
        let sockets = var("XDG_RUNTIME_DIR").map_or_else(|| state.join("sockets"), |runtime| runtime.join("warroom"));
        Ok(Self { state, sockets, moved: false })
    }

    /// Everything under one folder.
    pub fn at(state: PathBuf) -> Self {
        let sockets = state.join("sockets");
        Self { state, sockets, moved: true }
    }

    /// The folder that everything is in; sockets may be elsewhere.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The folder of sockets that no group uses.
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// What `WARROOM_STATE_DIR` must be for another process to find the same places.
    pub fn state_dir(&self) -> Option<&Path> {
        self.moved.then_some(self.state.as_path())
    }

    /// The folder of one run.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.state.join("runs").join(run.as_str())
    }

    /// The run's frozen plan.
    pub fn plan(&self, run: &RunId) -> PathBuf {
        self.run(run).join("plan.toml")
    }

    /// The run's journal.
    pub fn journal(&self, run: &RunId) -> PathBuf {
        self.run(run).join("journal.db")
    }

    /// Whether a keeper has ever begun on a run, as its log folder tells; its journal was written before that.
    pub fn keeper_began(&self, run: &RunId) -> bool {
        std::fs::read_dir(self.logs(run)).is_ok_and(|mut logs| logs.next().is_some())
    }

    /// Where the keeper's own log goes.
    pub fn logs(&self, run: &RunId) -> PathBuf {
        self.run(run).join("log")
    }

    /// The keeper's socket: where one is, else where this user's own would be.
    pub fn socket(&self, run: &RunId) -> Result<PathBuf, PlaceError> {
        let is_shared = self.socket_for(run, true).is_ok_and(|shared| shared.exists());
        self.socket_for(run, is_shared)
    }

    /// Where a keeper listens. A group never gets into `$XDG_RUNTIME_DIR` (its owner's alone, as the specification
    /// demands), so a socket that is shared is in the state folder. The name is short, because the path's length is
    /// limited.
    pub fn socket_for(&self, run: &RunId, is_shared: bool) -> Result<PathBuf, PlaceError> {
        let folder = if is_shared { self.state.join("sockets") } else { self.sockets.clone() };
        let path = folder.join(format!("{}.sock", run.as_str()));
        let bytes = path.as_os_str().len();
        if bytes > SOCKET_PATH_BYTES_MAX { Err(PlaceError::TooLong { path, bytes }) } else { Ok(path) }
    }

    /// Makes a run's folders, for their owner only.
    pub fn create(&self, run: &RunId) -> Result<(), PlaceError> {
        for path in [self.run(run), self.logs(run), self.sockets.clone(), self.state.join("sockets")] {
            create_private(&path)?;
        }
        Ok(())
    }

    /// Writes a run's frozen plan, synced: what a recovery after a power cut goes by. Beside it, in the file `origin`,
    /// stands the folder that it came from: programs that it names by a relative path are there.
    pub fn freeze(&self, run: &RunId, plan: &str, origin: &Path, folder: &Path) -> Result<(), PlaceError> {
        use std::io::Write;
        let write = |path: &Path, bytes: &[u8]| {
            let written = std::fs::File::create(path).and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            });
            written.map_err(|why| PlaceError::File { path: path.to_owned(), why })
        };
        write(origin, folder.as_os_str().as_encoded_bytes())?;
        write(&self.plan(run), plan.as_bytes())?;
        let path = self.run(run);
        std::fs::File::open(&path).and_then(|folder| folder.sync_all()).map_err(|why| PlaceError::File { path, why })
    }

    /// All runs, the newest first. Of another user's state, those whose socket a group may use.
    pub fn runs(&self) -> Result<Vec<RunId>, PlaceError> {
        use std::io::ErrorKind;
        let path = self.state.join("runs");
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => std::fs::read_dir(&self.sockets),
            entries => entries,
        };
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(why) => return Err(PlaceError::Folder { path, why }),
        };
        let run_of = |name: &str| RunId::parse(name.strip_suffix(".sock").unwrap_or(name));
        let mut runs: Vec<RunId> = entries.flatten().filter_map(|entry| run_of(entry.file_name().to_str()?)).collect();
        // Ids end with their time, so the newest is the one whose time sorts last.
        runs.sort_by(|a, b| time_of(b).cmp(time_of(a)).then_with(|| b.cmp(a)));
        Ok(runs)
    }

    /// A new run's id: the plan's name, the time, and seven hex digits: its milliseconds and four that are random.
    pub fn new_run(name: &str, now: Wall, random: u16) -> RunId {
        let mut word: String = name.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
        if word.is_empty() {
            word.push_str("run");
        }
        let stamp: String = now.to_string().chars().take(19).filter(|c| c.is_ascii_alphanumeric()).collect();
        // Milliseconds first: of two runs in one second the later one sorts as the newer.
        let id = format!("{word}-{stamp}Z-{:03x}{random:04x}", now.millis().rem_euclid(1000));
        RunId::parse(&id).unwrap_or_else(|| unreachable!("letters, digits and dashes make a run id: {id}"))
    }
}

fn time_of(run: &RunId) -> &str {
    let id = run.as_str();
    id.split_once('-').map_or(id, |(_, rest)| rest)
}

fn create_private(path: &Path) -> Result<(), PlaceError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|why| PlaceError::Folder { path: path.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_by_plan_and_time() {
        let run = Places::new_run("Checkout / EU", Wall::from_millis(1_795_349_071_250), 0x3f9a);
        assert_eq!(run.as_str(), "CheckoutEU-20261122T120431Z-0fa3f9a");
    }

    #[test]
    fn a_shared_socket_is_never_in_the_runtime_folder_and_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, sockets) = (folder.path().join("state"), folder.path().join("run"));
        let places = Places { state: state.clone(), sockets: sockets.clone(), moved: false };
        let run = Places::new_run("a", Wall::from_millis(0), 1);
        places.create(&run).expect("folders");
        let shared = places.socket_for(&run, true).expect("a path");
        assert!(shared.starts_with(state.join("sockets")));
        assert!(places.socket(&run).expect("a path").starts_with(&sockets));
        std::fs::write(&shared, "").expect("a socket");
        assert_eq!(places.socket(&run).expect("a path"), shared);
    }

    #[test]
    fn a_socket_path_that_is_too_long_says_so() {
        let places = Places::at(PathBuf::from("/x".repeat(60)));
        let run = Places::new_run("a", Wall::from_millis(0), 1);
        let error = places.socket(&run).expect_err("too long").to_string();
        assert!(error.contains("at most 107"), "{error}");
    }
}
