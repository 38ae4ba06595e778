//! The process group of one run, and the guard that ends it.
//!
//! A group begins with its *guard*: a shell that holds the group's number for as long as we have not seen its end, reads
//! from a pipe whose other end only this process has, and ends the whole group once that pipe closes. So the same thing
//! happens at a timeout, when a future is dropped and when this process is killed with SIGKILL, and it needs nobody
//! here who still lives. `PR_SET_PDEATHSIG` would end the script alone and leave what it had started, and it goes by
//! threads, of which a runtime ends some.
//!
//! Its name in the list of processes is the mark of what the group acts on: so a rollback that goes without the keeper
//! finds and ends what a keeper that hangs has begun. The list is read without touching any process's memory.

#![expect(clippy::disallowed_methods, reason = "the list of processes is read beside the runtime")]

use super::spawn;
use crate::domain::Clean;
use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

/// What the guard does. It says when it is ready: from then on nothing but SIGKILL ends it before its group. A stopped
/// process hears SIGTERM only once it goes on.
const GUARD: &str = "trap '' TERM INT HUP QUIT; echo \"$0\" >/proc/$$/comm; echo; read -r x; \
                     kill -TERM 0; kill -CONT 0; sleep 1; kill -KILL 0";
/// Time from SIGTERM to SIGKILL: what the guard's `sleep` is.
const GRACE: Duration = Duration::from_secs(1);
/// The same where somebody waits to roll back: a script that wants to tidy up needs no more, and one that hangs in a
/// program ends with it at once.
const GRACE_OLDER: Duration = Duration::from_millis(250);
/// How long the dead are waited for after SIGKILL: only a call to a disk or a device that hangs takes longer.
const GONE_WAIT: Duration = Duration::from_millis(500);
/// How long a dead guard is waited for until whoever began it has seen its end: a moment, unless that one is stopped.
const SEEN_WAIT: Duration = Duration::from_millis(100);
/// Time between two looks whether they are.
const GONE_PAUSE: Duration = Duration::from_millis(5);
/// How long the list of processes is waited for; ten thousand of them are read in 0.1 s.
const LIST_WAIT: Duration = Duration::from_millis(500);

/// What groups of one kind are found by: at most 15 bytes, as the name of a process is (`proc(5)`, `comm`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark(String);

impl Mark {
    pub fn new(what: &str) -> Self {
        let digest = Sha256::digest(what);
        Self(digest.iter().take(6).fold("wr-".to_owned(), |mut mark, byte| {
            let _ = write!(mark, "{byte:02x}");
            mark
        }))
    }
}

/// The process group of one run. Dropped, it is ended by its guard.
pub(super) struct Group {
    guard: Child,
    /// Closed, it tells the guard to end the group.
    line: Option<ChildStdin>,
    id: Pid,
}

impl Group {
    /// Begins a group that has only its guard.
    pub async fn begin(mark: Mark, places: &Arc<Semaphore>) -> Result<Self, String> {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", GUARD, &mark.0]).env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut guard = spawn(command, places, |error| format!("/bin/sh, its guard: {error}")).await?;
        let line = guard.stdin.take();
        let ready = async { guard.stdout.take()?.read_u8().await.ok() }.await;
        let id = guard.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        match (ready, id) {
            (Some(_), Some(id)) => Ok(Self { guard, line, id }),
            _ => Err("/bin/sh, its guard, ended at once".to_owned()),
        }
    }

    /// Starts a program in this group.
    pub fn take_in(&self, command: &mut std::process::Command) {
        std::os::unix::process::CommandExt::process_group(command, self.id.as_raw_pid());
    }

    /// Kills all that is left of it, the guard too. The group's number is nobody else's: its guard was not seen to end.
    pub fn kill(&mut self) {
        if let Err(error) = kill_process_group(self.id, Signal::KILL) {
            tracing::warn!(%error, "a script's process group cannot be killed");
        }
    }

    /// Asks everybody in it to end, kills them after a second, and says what is still there.
    pub async fn end(&mut self, script: &mut Child) -> Option<Clean> {
        drop(self.line.take());
        let _ = timeout(GRACE, script.wait()).await;
        self.kill();
        let _ = timeout(GONE_WAIT, async { tokio::join!(script.wait(), self.guard.wait()) }).await;
        gone(&[self.id.as_raw_pid()], GONE_WAIT, Process::is_alive).await.err()
    }
}

/// Ends all groups with a mark, and waits until they are gone.
pub(super) async fn end_all(mark: &Mark) -> Result<(), Clean> {
    let Some(all) = list().await else {
        return Err("whether an older run is still under way is unknown: the list of processes does not come".into());
    };
    let guards: Vec<i32> = guards(&all, mark).filter(|guard| guard.is_alive()).map(|guard| guard.id).collect();
    if guards.is_empty() {
        return Ok(());
    }
    signal(&guards, Signal::TERM);
    signal(&guards, Signal::CONT);
    let is_guard = |process: &Process| process.id == process.group;
    let _ = gone(&guards, GRACE_OLDER, |process| process.is_alive() && !is_guard(process)).await;
    let Some(all) = list().await else { return Err("whether an older run has ended is unknown".into()) };
    signal(&still(&guards, &all, mark), Signal::KILL);
    gone(&guards, GONE_WAIT, Process::is_alive).await?;
    // A dead guard keeps its group open for one more until whoever began it has seen its end. A keeper that is stopped
    // does not; what it would start when it wakes up it takes back by itself, as it finds the tombstone.
    let _ = gone(&guards, SEEN_WAIT, is_guard).await;
    Ok(())
}

/// The guards of the groups with a mark, dead ones too.
fn guards<'p>(all: &'p [Process], mark: &Mark) -> impl Iterator<Item = &'p Process> {
    all.iter().filter(|process| process.name == mark.0 && process.id == process.group)
}

/// Of these groups those that are still what they were: the number of one that has ended may be somebody else's.
fn still(groups: &[i32], all: &[Process], mark: &Mark) -> Vec<i32> {
    guards(all, mark).map(|guard| guard.id).filter(|id| groups.contains(id)).collect()
}

fn signal(groups: &[i32], signal: Signal) {
    for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
        // One that is gone is what is wanted; what may not be signalled is still there afterwards.
        let _ = kill_process_group(group, signal);
    }
}

/// Waits until nobody of a kind is in these groups, or says who is.
async fn gone(groups: &[i32], within: Duration, counts: impl Fn(&Process) -> bool) -> Result<(), Clean> {
    let until = Instant::now() + within;
    loop {
        let Some(all) = list().await else { return Err("whether it has ended is unknown".into()) };
        let left = all.iter().find(|p| groups.contains(&p.group) && counts(p));
        let Some(left) = left else { return Ok(()) };
        if Instant::now() >= until {
            return Err(Clean::new(format!("process {} ({}, state {}) does not end", left.id, left.name, left.state)));
        }
        sleep(GONE_PAUSE).await;
    }
}

/// One process as the system lists it.
#[derive(Debug, PartialEq, Eq)]
struct Process {
    id: i32,
    name: String,
    state: char,
    group: i32,
}

impl Process {
    /// Whether it may still do something.
    fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }

    /// From `/proc/PID/stat`: the name is in brackets and may have brackets in it.
    fn parse(stat: &str) -> Option<Self> {
        let (id, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let state = fields.next()?.chars().next()?;
        let group = fields.nth(1)?.parse().ok()?;
        Some(Self { id: id.parse().ok()?, name: name.to_owned(), state, group })
    }
}

/// All processes; `None` when the system does not say in time.
async fn list() -> Option<Vec<Process>> {
    let listing = tokio::task::spawn_blocking(|| {
        let found = std::fs::read_dir("/proc").ok()?;
        let stat = |entry: std::fs::DirEntry| {
            let is_process = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
            let stat = is_process.then(|| std::fs::read(entry.path().join("stat")).ok())??;
            Process::parse(&String::from_utf8_lossy(&stat))
        };
        Some(found.flatten().filter_map(stat).collect())
    });
    timeout(LIST_WAIT, listing).await.ok()?.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let process = Process::parse("42 (a) (b) c) S 1 40 40 0 -1 4194560").expect("a process");
        assert_eq!(process, Process { id: 42, name: "a) (b) c".to_owned(), state: 'S', group: 40 });
        assert_eq!(Process::parse("42 (a"), None);
        assert_eq!(Process::parse(""), None);
    }

    #[test]
    fn a_number_that_is_somebody_elses_by_now_is_not_killed() {
        let mark = Mark::new("set edge-eu1");
        let process = |id, name: &str, state, group| Process { id, name: name.to_owned(), state, group };
        let all = [
            process(40, &mark.0, 'S', 40),
            process(41, &mark.0, 'Z', 41),
            process(42, "postgres", 'S', 42),
            process(43, &mark.0, 'S', 42),
            process(44, &mark.0, 'S', 44),
        ];
        assert_eq!(still(&[40, 41, 42, 43], &all, &mark), [40, 41], "and what began since is not this one's to end");
    }

    #[test]
    fn a_mark_fits_into_a_process_name() {
        assert_eq!(Mark::new("set edge-eu1").0.len(), 15);
        assert_ne!(Mark::new("set edge-eu1"), Mark::new("set edge-eu2"));
    }
}
