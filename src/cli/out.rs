//! What the command line prints. Printing never panics, and words about an act never hold up the act.
//!
//! Two ways: [`say`] and [`complain`] are words beside an act. They go through a bounded queue to a thread of
//! their own; a terminal that is gone, a full disk or a pipe that nobody reads loses words and nothing else.
//! `print` is for commands whose whole purpose is their text: there an error is the command's, except that
//! a reader who has seen enough (`EPIPE`) is no error, as with `cat`.

use super::{Exit, Failure};
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
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

/// A line on standard output, beside an act. Never waits and never fails.
pub(super) fn say(words: impl Display) {
    queue(Line::Out(words.to_string()));
}

/// A line on standard error, beside an act. Never waits and never fails.
pub(super) fn complain(words: impl Display) {
    queue(Line::Err(words.to_string()));
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
