//! Calls of the system that may hang (a disk, a directory of users), kept off the one thread that the keeper's loop, its hands and
//! its sources run on.

use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a look at a file may take. A disk's worst sync seen was 24 ms; a forward write waits for one look, and a
/// person waits for the forward write.
pub const LOOK_WAIT: Duration = Duration::from_secs(1);
/// How long a user's name may be looked for: well within the second in which a console expects its welcome.
pub const NAME_WAIT: Duration = Duration::from_millis(300);
/// Looks at the run's folder at once: the one before a forward write, the one after it, the regular one, one spare.
pub static FOLDER: Semaphore = Semaphore::const_new(4);
/// Changes at once to the socket's file and the folders above it; they may lie on another disk than the run.
pub static SOCKET: Semaphore = Semaphore::const_new(1);
/// Looks at the plan's own file at once; it may lie on another disk than the run.
pub static PLAN_FILE: Semaphore = Semaphore::const_new(1);
/// Looks for a user's name at once: a burst of consoles in a directory that answers.
pub static NAMES: Semaphore = Semaphore::const_new(4);

/// Probes that are made at once, where they could not be made before: one disk that hangs leaves places for the others.
pub static PROBES: Semaphore = Semaphore::const_new(4);

/// Does something that may block on a thread of its own. `None` when it took too long: what hangs keeps its place and
/// its thread until it comes back, so never more than the places hang.
pub async fn bounded<T: Send + 'static>(
    places: &'static Semaphore,
    wait: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let working = async {
        let place = places.acquire().await.ok()?;
        let work = move || {
            let done = work();
            drop(place);
            done
        };
        tokio::task::spawn_blocking(work).await.ok()
    };
    timeout(wait, working).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn what_hangs_keeps_its_place_and_holds_up_nobody() {
        static PLACES: Semaphore = Semaphore::const_new(1);
        let (go_on, waits) = mpsc::sync_channel::<()>(0);
        let short = Duration::from_millis(20);
        let hangs = move || {
            let _ = waits.recv();
        };
        assert_eq!(bounded(&PLACES, short, hangs).await, None);
        assert_eq!(bounded(&PLACES, short, || 1).await, None, "no second thread hangs beside it");
        go_on.send(()).expect("it waits");
        assert_eq!(bounded(&PLACES, Duration::from_secs(30), || 2).await, Some(2), "and afterwards all is well");
    }
}
