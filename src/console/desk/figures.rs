//! How the console itself fares, for `:debug`. The shell measures; here are only the numbers.

use std::time::Duration;

/// What was measured since the console was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames that were drawn, those that changed nothing and were not written included.
    pub frames: u64,
    /// Frames that were written.
    pub written: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes of the newest that was written.
    pub last_bytes: u64,
    /// What the newest frame took, drawing and writing.
    pub last_took: Duration,
    /// The longest that any took.
    pub longest: Duration,
    /// Keys that were dropped because the picture stood still.
    pub keys_dropped: u64,
    /// Times the keeper's connection was made.
    pub connections: u64,
    /// How long the console has been open.
    pub open: Duration,
}

impl Figures {
    /// A frame was drawn, and so many bytes of it were written.
    pub fn drew(&mut self, bytes: u64, took: Duration) {
        self.frames += 1;
        self.last_took = took;
        self.longest = self.longest.max(took);
        if bytes > 0 {
            self.written += 1;
            self.bytes += bytes;
            self.last_bytes = bytes;
        }
    }
}
