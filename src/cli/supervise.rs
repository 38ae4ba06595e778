//! `run` starts its keeper again when it dies: only where a console of `run` is open, and only so often.

use super::launch::{KeeperStart, start_keeper};
use crate::clock;
use crate::domain::{Mono, RunId};
use crate::journal::Places;
use std::process::Child;
use std::time::Duration;
use tokio::sync::mpsc;

/// Starts again within [`AGAIN_WITHIN`]. A keeper that dies of something in its run dies again within seconds and uses
/// them up at once; one that was killed by chance (out of memory, a wrong `kill`) needs one. The two above that are
/// for a second and third chance in one cutover.
const AGAIN_MAX: usize = 3;
/// The time in which starts are counted: longer than a step of most plans, so that a keeper that dies at each step is
/// left down while people still look.
const AGAIN_WITHIN: Duration = Duration::from_mins(10);
/// Time before a start that failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// Words that wait for the console: every start there can be.
const WAITING_MAX: usize = 2 * AGAIN_MAX;

/// Watches over a keeper that this process started. What it says comes out of the receiver.
pub(super) fn start(
    places: Places,
    run: RunId,
    keeper: Option<Child>,
    how: KeeperStart<'static>,
) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel(WAITING_MAX);
    if let Some(keeper) = keeper {
        // A thread and not a task: it waits for processes, and ends with the console's own process.
        std::thread::spawn(move || watch(&places, &run, keeper, how, &tell));
    }
    told
}

fn watch(places: &Places, run: &RunId, mut keeper: Child, how: KeeperStart<'_>, tell: &mpsc::Sender<String>) {
    let mut again = Again::default();
    // A keeper that ends in order was asked to, and owes nobody a rollback.
    while let Some(died) = keeper.wait().ok().filter(|status| !status.success()) {
        let died = died.to_string();
        let mut failed = Vec::new();
        keeper = loop {
            let Some(nth) = again.next(clock::mono()) else {
                let _ = tell.blocking_send(left_down(&died, &failed));
                return;
            };
            let words = format!("keeper died, started again {nth} of {AGAIN_MAX}: {died}");
            match start_keeper(places, run, &KeeperStart { after: Some(&words), ..how }) {
                Ok(child) => {
                    let _ = tell.blocking_send(words);
                    break child;
                }
                Err(failure) => failed.push(failure.to_string()),
            }
            std::thread::sleep(PAUSE);
        };
    }
}

/// What happened, and nothing that did not: a keeper that could not be started again has not died again. What `R` does
/// without one the band says: it depends on who sits there.
fn left_down(died: &str, failed: &[String]) -> String {
    match failed {
        [] => format!("KEEPER DOWN: {died}, after {AGAIN_MAX} starts in 10 min; left down"),
        [.., why] => {
            let count = failed.len();
            let restarts = if count == 1 { "restart" } else { "restarts" };
            format!("KEEPER DOWN: {died}; {count} {restarts} failed: {why}")
        }
    }
}

/// How often it was started again, and when.
#[derive(Debug, Default)]
struct Again(Vec<Mono>);

impl Again {
    /// The number of the start that is allowed now.
    fn next(&mut self, now: Mono) -> Option<usize> {
        self.0.retain(|at| now.since(*at) < AGAIN_WITHIN);
        if self.0.len() >= AGAIN_MAX {
            return None;
        }
        self.0.push(now);
        Some(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_down_says_what_happened() {
        let died = "signal: 9 (SIGKILL)";
        let words = left_down(died, &["no such run".to_owned(), "no such folder".to_owned()]);
        assert_eq!(words, "KEEPER DOWN: signal: 9 (SIGKILL); 2 restarts failed: no such folder");
        let words = left_down(died, &[]);
        assert!(words.contains("after 3 starts") && !words.contains("failed"), "{words}");
    }

    #[test]
    fn so_often_and_not_more_until_time_has_passed() {
        let mut again = Again::default();
        let at = |minutes: u64| Mono::from_micros(minutes * 60_000_000);
        assert_eq!([1, 2, 3, 4].map(|minute| again.next(at(minute))), [Some(1), Some(2), Some(3), None]);
        assert_eq!(again.next(at(10)), None);
        assert_eq!(again.next(at(11)), Some(3), "the first is ten minutes ago");
    }
}
