//! What the command line prints. Printing never panics, and words about an act never hold up the act.
//!
//! Two ways: [`say`] and [`complain`] are words beside an act. They go through a bounded queue to a thread of
//! their own; a terminal that is gone, a full disk or a pipe that nobody reads loses words and nothing else.
//! `print` is for commands whose whole purpose is their text: there an error is the command's, except that
//! a reader who has seen enough (`EPIPE`) is no error, as with `cat`.

use super::{Exit, Failure};
use crate::domain::Clean;
use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Lines that wait for a slow reader: a rollback that never lands says fewer than one a second, so a quarter of an hour.
const WAITING_MAX: usize = 1024;
/// How long the end of the process waits for a reader: a terminal takes what is left in far less.
const SETTLE_WAIT: Duration = Duration::from_secs(1);

enum Line {
    Out(String),
    Err(String),
    /// Everything before this is written.
    Settled(Sender<()>),
}

struct Voice {
    lines: SyncSender<Line>,
    dropped: AtomicU64,
}

fn voice() -> &'static Voice {
    static VOICE: OnceLock<Voice> = OnceLock::new();
    VOICE.get_or_init(|| {
        let (lines, waiting) = sync_channel(WAITING_MAX);
        // Without a thread everything is dropped, and counted; the act goes on.
        let _ = std::thread::Builder::new().name("voice".into()).spawn(move || write_all(&waiting));
        Voice { lines, dropped: AtomicU64::new(0) }
    })
}

fn write_all(waiting: &Receiver<Line>) {
    while let Ok(line) = waiting.recv() {
        // An error here means that nobody reads: nothing to be done, and nobody to be told.
        match line {
            Line::Out(words) => {
                let mut out = io::stdout().lock();
                let _ = writeln!(out, "{words}").and_then(|()| out.flush());
            }
            Line::Err(words) => {
                let _ = writeln!(io::stderr(), "{words}");
            }
            Line::Settled(done) => {
                let lost = voice().dropped.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let _ = writeln!(io::stderr(), "{lost} lines were not printed: nobody read them");
                }
                let _ = done.send(());
            }
        }
    }
}

fn queue(line: Line) {
    if voice().lines.try_send(line).is_err() {
        voice().dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// In whose name a thread speaks, where one command does several things at once.
pub(super) struct Speaker {
    name: Clean,
    last: Mutex<String>,
}

thread_local! {
    static SPEAKER: RefCell<Option<Arc<Speaker>>> = const { RefCell::new(None) };
}

impl Speaker {
    pub fn new(name: &str) -> Self {
        Self { name: Clean::new(name), last: Mutex::default() }
    }

    /// What was last said in this name.
    pub fn last_words(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every line under the name.
    fn lines(&self, words: &str) -> String {
        let lines: Vec<&str> = words.lines().collect();
        if let Some(last) = lines.last() {
            last.trim().clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
        }
        lines.iter().map(|line| format!("{}: {line}", self.name)).collect::<Vec<_>>().join("\n")
    }
}

/// From here on this thread speaks in a name, or in nobody's.
pub(super) fn speak_as(speaker: Option<Arc<Speaker>>) {
    SPEAKER.set(speaker);
}

/// In whose name this thread speaks: what it starts speaks in the same.
pub(super) fn speaker() -> Option<Arc<Speaker>> {
    SPEAKER.with_borrow(Clone::clone)
}

fn named(words: &impl Display) -> String {
    let words = words.to_string();
    speaker().map_or_else(|| words.clone(), |speaker| speaker.lines(&words))
}

/// A line on standard output, beside an act. Never waits and never fails.
pub(super) fn say(words: impl Display) {
    queue(Line::Out(named(&words)));
}

/// A line on standard error, beside an act. Never waits and never fails.
pub(super) fn complain(words: impl Display) {
    queue(Line::Err(named(&words)));
}

/// Waits until what was said is written, for a second at most.
pub(super) fn settle() {
    let (done, settled) = channel();
    if voice().lines.try_send(Line::Settled(done)).is_ok() {
        let _ = settled.recv_timeout(SETTLE_WAIT);
    }
}

/// Asks on standard output, after everything that was said before.
pub(super) fn prompt(words: impl Display) {
    settle();
    let mut out = io::stdout().lock();
    let _ = write!(out, "{words} ").and_then(|()| out.flush());
}

/// Prints what the command is for. Whether anybody still reads; an error where it cannot be written.
pub(super) fn print(text: &str) -> Result<bool, Failure> {
    settle();
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Refused, format!("standard output cannot be written: {error}"))),
    }
}
