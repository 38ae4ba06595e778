//! What a script writes: read as it comes, kept up to a limit, made safe to show.

use super::Printed;
use crate::domain::{Clean, Secrets};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::time::{MissedTickBehavior, interval};

/// Most of the standard output that is kept, in bytes: what a balancer says of its weights is a page at most.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// Most that a script may write in all, in bytes: a verbose one that runs for an hour stays below it, and one that
/// writes without end is ended before it has cost a second of a core.
pub(super) const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Lines that are kept to be shown: what a panel of details has room for.
const RECENT_LINES_MAX: usize = 40;
/// Time between two tellings of what was written: a flood of lines is made readable four times a second and no more.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Longest line that is looked at, in bytes; four times what is shown of it.
const LINE_BYTES_MAX: usize = 4096;
/// How much is read at once.
const CHUNK_BYTES: usize = 8 * 1024;

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// The standard output.
    Out,
    /// The standard error.
    Err,
}

/// The end of what a script has written on both streams, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// The newest lines that are not empty, oldest first.
    pub lines: Vec<Clean>,
    /// All of them so far.
    pub written: u64,
}

/// Who is told what was written lately, now and then and at the end.
pub(super) type Heard<'h> = Option<&'h mut (dyn FnMut(Recent) + Send)>;

/// More than [`BYTES_MAX`] were written.
pub(super) struct TooMuch;

/// Both streams of one run.
pub(super) struct Output<'h> {
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    /// Where each is read into.
    chunks: [Vec<u8>; 2],
    taken: Taken<'h>,
}

/// What came of them.
struct Taken<'h> {
    secrets: Secrets,
    heard: Heard<'h>,
    kept: BytesMut,
    is_cut: bool,
    bytes: u64,
    /// The newest lines as they were written; only where somebody is told of them.
    recent: VecDeque<Raw>,
    written: u64,
    /// How many lines there were when somebody was last told.
    told: u64,
    /// Of each stream the line that is not complete yet, and the last one that is.
    lines: [(Raw, Raw); 2],
}

/// A line as it was written, up to its limit.
#[derive(Default)]
struct Raw {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl<'h> Output<'h> {
    pub fn new(child: &mut Child, secrets: Secrets, heard: Heard<'h>) -> Self {
        let taken = Taken {
            secrets,
            heard,
            kept: BytesMut::new(),
            is_cut: false,
            bytes: 0,
            recent: VecDeque::new(),
            written: 0,
            told: 0,
            lines: Default::default(),
        };
        let chunks = [vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]];
        Self { out: child.stdout.take(), err: child.stderr.take(), chunks, taken }
    }

    /// Reads until the script itself ends; others may still hold its streams open.
    pub async fn attend(&mut self, child: &mut Child) -> Result<io::Result<ExitStatus>, TooMuch> {
        let mut telling = interval(TELL_EVERY);
        telling.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_told = self.taken.heard.is_some();
        loop {
            tokio::select! {
                status = child.wait() => return Ok(status),
                _ = telling.tick(), if is_told => self.taken.tell(),
                more = self.more() => if !more? {
                    return Ok(child.wait().await);
                },
            }
        }
    }

    /// Reads what is left, until nobody holds the streams any more.
    pub async fn drain(&mut self) {
        while matches!(self.more().await, Ok(true)) {}
    }

    /// Takes what comes next of either stream; `false` once both have ended.
    async fn more(&mut self) -> Result<bool, TooMuch> {
        let [out, err] = &mut self.chunks;
        let (stream, count) = tokio::select! {
            Some(count) = next(&mut self.out, out) => (Stream::Out, count),
            Some(count) = next(&mut self.err, err) => (Stream::Err, count),
            else => return Ok(false),
        };
        match (stream, count) {
            (Stream::Out, 0) => self.out = None,
            (Stream::Err, 0) => self.err = None,
            (Stream::Out, count) => self.taken.take(stream, &out[..count]),
            (Stream::Err, count) => self.taken.take(stream, &err[..count]),
        }
        if self.taken.bytes > BYTES_MAX { Err(TooMuch) } else { Ok(true) }
    }

    /// The standard output, whether it was cut, and the last line, of the standard error where it has one.
    pub fn finish(mut self) -> (Printed, bool, Option<Clean>) {
        for stream in [Stream::Out, Stream::Err] {
            self.taken.end_line(stream);
        }
        self.taken.tell();
        let Taken { secrets, kept, is_cut, lines: [(_, out), (_, err)], .. } = self.taken;
        let raw = kept.freeze();
        let shown = if is_cut { secrets.hide_cut(raw.clone()) } else { secrets.hide(raw.clone()) };
        let last = [err, out].into_iter().find(|line| !line.bytes.is_empty()).map(|line| line.shown(&secrets));
        (Printed { raw, shown }, is_cut, last)
    }
}

/// The next bytes of a stream; 0 at its end, or when it cannot be read. `None` of one that has ended.
async fn next(stream: &mut Option<impl AsyncRead + Unpin>, into: &mut [u8]) -> Option<usize> {
    let stream = stream.as_mut()?;
    Some(stream.read(into).await.unwrap_or(0))
}

impl Taken<'_> {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if stream == Stream::Out {
            let room = KEPT_BYTES_MAX - self.kept.len();
            self.is_cut |= bytes.len() > room;
            self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        // A carriage return ends a line too: a progress line is written over and over.
        let mut rest = bytes;
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            self.lines[stream as usize].0.push(&rest[..end]);
            self.end_line(stream);
            rest = &rest[end + 1..];
        }
        self.lines[stream as usize].0.push(rest);
    }

    fn end_line(&mut self, stream: Stream) {
        let (begun, last) = &mut self.lines[stream as usize];
        if begun.bytes.is_empty() {
            return;
        }
        std::mem::swap(begun, last);
        begun.bytes.clear();
        begun.is_cut = false;
        if self.heard.is_some() {
            self.written += 1;
            let is_full = self.recent.len() >= RECENT_LINES_MAX;
            let mut place = if is_full { self.recent.pop_front() } else { None }.unwrap_or_default();
            place.bytes.clone_from(&last.bytes);
            place.is_cut = last.is_cut;
            self.recent.push_back(place);
        }
    }

    /// Tells what came since the last time. Only here lines are made readable: that costs more than reading them.
    fn tell(&mut self) {
        let Some(heard) = self.heard.as_mut().filter(|_| self.told < self.written) else { return };
        self.told = self.written;
        let lines = self.recent.iter().map(|line| line.shown(&self.secrets)).collect();
        heard(Recent { lines, written: self.written });
    }
}

impl Raw {
    fn push(&mut self, part: &[u8]) {
        let room = LINE_BYTES_MAX - self.bytes.len();
        self.is_cut |= part.len() > room;
        self.bytes.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn shown(&self, secrets: &Secrets) -> Clean {
        let line = Bytes::copy_from_slice(&self.bytes);
        Clean::from_bytes(&if self.is_cut { secrets.hide_cut(line) } else { secrets.hide(line) })
    }
}
