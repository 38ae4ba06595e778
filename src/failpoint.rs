//! Places where a test lets this process die or stop, its disk fail or its wall clock jump. Debug builds only: in a
//! release build every function here is empty and nothing is read from the environment.
//!
//! * `WARROOM_FAILPOINT=PLACE:COUNT` kills the process, as `kill -9` would, at its COUNTth passage of a place;
//!   `*:COUNT` counts the passages of all places together. `WARROOM_DIED=FILE` names a file that gets the place's name.
//!   `WARROOM_FAILPOINT=panic PLACE:COUNT` panics there instead, and `stop PLACE:COUNT` stops the process there, as
//!   `kill -STOP` would, until it is sent SIGCONT. `tests/kills.rs` finds every place in the source and asks for each.
//! * `WARROOM_FAULTS=FILE` names a file that is read at each use, one fault a line, so that a test can change it
//!   under a running process: `disk full`, `disk readonly`, `disk eio`, `disk fsync`, `disk stall MILLISECONDS`,
//!   `wall SECONDS`.

/// A disk that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// No space is left.
    Full,
    /// It became read-only.
    ReadOnly,
    /// A write fails, at the commit.
    Write,
    /// A sync fails, at the commit.
    Sync,
}

#[cfg(debug_assertions)]
mod debug {
    use super::DiskFault;
    use rustix::process::{Signal, getpid, kill_process};
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// What becomes of the process.
    enum Deed {
        Dies,
        Panics,
        Stops,
    }

    /// What happens where, and at which passage.
    struct Point {
        deed: Deed,
        place: String,
        count: u64,
        passed: AtomicU64,
    }

    fn point() -> Option<&'static Point> {
        static POINT: OnceLock<Option<Point>> = OnceLock::new();
        let read = || {
            let text = std::env::var("WARROOM_FAILPOINT").ok()?;
            let (words, count) = text.rsplit_once(':')?;
            let (deed, place) = match words.split_once(' ') {
                Some(("panic", place)) => (Deed::Panics, place),
                Some(("stop", place)) => (Deed::Stops, place),
                Some(_) | None => (Deed::Dies, words),
            };
            Some(Point { deed, place: place.to_owned(), count: count.parse().ok()?, passed: AtomicU64::new(0) })
        };
        POINT.get_or_init(read).as_ref()
    }

    /// A place is passed.
    pub fn pass(place: &str) {
        let Some(point) = point() else { return };
        if (point.place == "*" || point.place == place)
            && point.passed.fetch_add(1, Ordering::Relaxed) + 1 == point.count
        {
            if let Some(file) = std::env::var_os("WARROOM_DIED") {
                let _ = std::fs::write(file, place);
            }
            let signal = match point.deed {
                Deed::Dies => Signal::KILL,
                Deed::Stops => Signal::STOP,
                Deed::Panics => panic!("asked for at {place}"),
            };
            let _ = kill_process(getpid(), signal);
        }
    }

    /// The words behind a fault's name, when it is asked for now.
    fn fault(name: &str) -> Option<String> {
        static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
        let file = FILE.get_or_init(|| std::env::var_os("WARROOM_FAULTS").map(PathBuf::from)).as_ref()?;
        let text = std::fs::read_to_string(file).ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
    }

    /// What the disk does now; a stall is sat out here.
    pub fn disk() -> Option<DiskFault> {
        let words = fault("disk")?;
        match words.split_once(' ').unwrap_or((&words, "")) {
            ("full", _) => Some(DiskFault::Full),
            ("readonly", _) => Some(DiskFault::ReadOnly),
            ("eio", _) => Some(DiskFault::Write),
            ("fsync", _) => Some(DiskFault::Sync),
            ("stall", millis) => {
                std::thread::sleep(Duration::from_millis(millis.parse().unwrap_or(0)));
                None
            }
            _ => None,
        }
    }

    /// How far the wall clock is off, in milliseconds.
    pub fn wall_offset() -> i64 {
        fault("wall").and_then(|seconds| seconds.trim().parse::<i64>().ok()).map_or(0, |seconds| seconds * 1000)
    }
}

#[cfg(debug_assertions)]
pub use debug::{disk, pass, wall_offset};

/// A place is passed.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn pass(_place: &str) {}

/// What the disk does now.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn disk() -> Option<DiskFault> {
    None
}

/// How far the wall clock is off, in milliseconds.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn wall_offset() -> i64 {
    0
}
