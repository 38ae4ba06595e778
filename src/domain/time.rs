//! Two clocks, never mixed: `Mono` measures ages and deadlines of what this machine saw; `Wall` is for people, and for what
//! has such a time from elsewhere: a credential, a sample, an entry of a keeper before this one.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A point on the suspend-aware monotonic clock (`CLOCK_BOOTTIME`), in microseconds since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Mono(u64);

impl Mono {
    /// From microseconds since boot.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since boot.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Time since an earlier point; zero when `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This point moved back; stops at boot.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }
}

impl std::ops::Add<Duration> for Mono {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A point on the wall clock, in milliseconds since 1970-01-01T00:00:00Z. Somebody may set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Wall(i64);

impl Wall {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// `12:04:31Z`.
    pub fn clock(self) -> String {
        let second_of_day = self.0.div_euclid(1000).rem_euclid(86_400);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        format!("{hour:02}:{minute:02}:{second:02}Z")
    }

    /// `12:04Z`.
    pub fn minute(self) -> String {
        let minute_of_day = self.0.div_euclid(60_000).rem_euclid(1440);
        format!("{:02}:{:02}Z", minute_of_day / 60, minute_of_day % 60)
    }

    /// Time since an earlier point; zero when `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This point moved forward.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Earlier by a duration.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T12:04:31.250Z`.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_prints_utc() {
        let noon = Wall::from_millis(1_795_349_071_250);
        assert_eq!(noon.to_string(), "2026-11-22T12:04:31.250Z");
        assert_eq!(noon.clock(), "12:04:31Z");
        assert_eq!(Wall::from_millis(-1).clock(), "23:59:59Z");
    }

    #[test]
    fn nothing_is_earlier_than_before() {
        let (early, late) = (Wall::from_millis(-5), Wall::from_millis(9));
        assert_eq!((late.since(early), early.since(late)), (Duration::from_millis(14), Duration::ZERO));
        let early = Mono::from_micros(5);
        assert_eq!(early.since(Mono::from_micros(9)), Duration::ZERO);
        assert_eq!(early.minus(Duration::from_secs(1)), Mono::from_micros(0));
    }
}
