//! The two real clocks. No other file of the library reads them, and no pure layer imports this one.

#![expect(clippy::disallowed_methods, reason = "this is where the clocks are read")]

use crate::domain::{Mono, Wall};
use crate::failpoint;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now on the suspend-aware clock: `CLOCK_BOOTTIME` goes on while the machine sleeps.
pub fn mono() -> Mono {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let micros = u64::try_from(now.tv_nsec).unwrap_or(0) / 1000;
    Mono::from_micros(seconds * 1_000_000 + micros)
}

/// Now on the wall clock.
pub fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(failpoint::wall_offset()))
}
