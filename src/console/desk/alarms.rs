//! What needs an action here: raised late enough not to be a blink, cleared late enough not to flap. It concerns bell
//! and display only: limits act on their own, in the keeper.

use crate::domain::{Clean, Mono};
use std::time::Duration;

/// Bad samples in a row that raise an alarm.
pub const RAISE_AFTER: u32 = 3;
/// Good samples in a row that clear it.
pub const CLEAR_AFTER: u32 = 6;
/// Time between two samples: the keeper speaks once a second.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Conditions watched at once: more than a plan has limits and checks, and what does not fit is on the screen anyway.
const WATCHED_MAX: usize = 128;

/// How loud an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Shown and counted.
    Warn,
    /// In the band, and it rings.
    Critical,
}

/// One thing that is bad in a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is the same by, from sample to sample.
    pub key: String,
    /// How loud.
    pub level: Level,
    /// In words.
    pub words: Clean,
    /// The band says it already when all of these stand in it.
    pub said: Vec<String>,
}

/// A raised alarm.
#[derive(Debug, Clone, Copy)]
pub struct Raised<'a> {
    /// What it is, in the words of the newest sample in which it was bad.
    pub condition: &'a Condition,
    /// Whether the newest sample is bad; `false` while it waits to be cleared.
    pub is_bad: bool,
}

/// A condition over time.
#[derive(Debug, Clone)]
struct Watched {
    condition: Condition,
    bad: u32,
    good: u32,
    raised_at: Option<Mono>,
    acknowledged: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Alarms {
    watched: Vec<Watched>,
    sampled_at: Option<Mono>,
}

impl Alarms {
    /// Whether it is time for a sample.
    pub fn is_due(&self, now: Mono) -> bool {
        self.sampled_at.is_none_or(|at| now.since(at) >= SAMPLE_EVERY)
    }

    /// Takes a sample: what is bad in it. What is not in it is good, except where nothing could be seen at all
    /// (`is_sighted` false): then it stays as it was, since no reading is no good one.
    pub fn sample(&mut self, bad: &[Condition], is_sighted: bool, now: Mono) {
        self.sampled_at = Some(now);
        for watched in &mut self.watched {
            match bad.iter().find(|condition| condition.key == watched.condition.key) {
                Some(condition) => watched.turn_bad(condition, now),
                None if is_sighted => watched.turn_good(),
                None => {}
            }
        }
        self.watched.retain(|watched| watched.raised_at.is_some() || watched.bad > 0);
        for condition in bad {
            let is_known = self.watched.iter().any(|watched| watched.condition.key == condition.key);
            if !is_known && self.watched.len() < WATCHED_MAX {
                self.watched.push(Watched {
                    condition: condition.clone(),
                    bad: 1,
                    good: 0,
                    raised_at: None,
                    acknowledged: false,
                });
            }
        }
    }

    /// Marks what is raised as seen; how many had not been.
    pub fn acknowledge(&mut self) -> usize {
        let mut news = 0;
        for watched in self.watched.iter_mut().filter(|watched| watched.raised_at.is_some()) {
            news += usize::from(!watched.acknowledged);
            watched.acknowledged = true;
        }
        news
    }

    /// Raised alarms, the loudest first, of those the newest first.
    pub fn raised(&self) -> Vec<Raised<'_>> {
        let mut raised: Vec<&Watched> = self.watched.iter().filter(|watched| watched.raised_at.is_some()).collect();
        raised.sort_by_key(|watched| std::cmp::Reverse((watched.condition.level, watched.raised_at)));
        raised.into_iter().map(|watched| Raised { condition: &watched.condition, is_bad: watched.good == 0 }).collect()
    }

    /// When the newest critical one was raised.
    pub fn newest_critical(&self) -> Option<Mono> {
        let critical = self.watched.iter().filter(|watched| watched.condition.level == Level::Critical);
        critical.filter_map(|watched| watched.raised_at).max()
    }

    /// Whether a critical one is raised and bad that nobody here has acknowledged.
    pub fn rings(&self) -> bool {
        self.watched.iter().any(|watched| {
            watched.raised_at.is_some()
                && watched.good == 0
                && !watched.acknowledged
                && watched.condition.level == Level::Critical
        })
    }
}

impl Watched {
    fn turn_bad(&mut self, condition: &Condition, now: Mono) {
        self.bad = self.bad.saturating_add(1);
        self.good = 0;
        // What became worse is news, however well the milder one was known.
        if condition.level > self.condition.level {
            self.acknowledged = false;
            self.raised_at = self.raised_at.map(|_| now);
        }
        self.condition = condition.clone();
        if self.bad >= RAISE_AFTER {
            self.raised_at.get_or_insert(now);
        }
    }

    fn turn_good(&mut self) {
        self.bad = 0;
        self.good = self.good.saturating_add(1);
        if self.good >= CLEAR_AFTER {
            self.raised_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(key: &str, level: Level) -> Condition {
        Condition { key: key.to_owned(), level, words: Clean::new(key), said: Vec::new() }
    }

    /// One letter a second: `!` critical, `w` warning, `.` good, `?` not seen. What is raised after each, as `#` or `.`.
    fn told(samples: &str) -> String {
        let mut alarms = Alarms::default();
        let mut now = Mono::from_micros(0);
        samples
            .chars()
            .map(|c| {
                now = now + SAMPLE_EVERY;
                let bad = match c {
                    '!' => vec![condition("x", Level::Critical)],
                    'w' => vec![condition("x", Level::Warn)],
                    _ => Vec::new(),
                };
                alarms.sample(&bad, c != '?', now);
                if alarms.raised().is_empty() { '.' } else { '#' }
            })
            .collect()
    }

    #[test]
    fn three_bad_samples_raise_and_six_good_ones_clear() {
        assert_eq!(told("!!!!......."), "..#######..");
        assert_eq!(told("!!.!!.!!.!!"), "...........");
        assert_eq!(told("!!!.....!....."), "..############");
        assert_eq!(told("!!!.....!......"), "..############.");
    }

    #[test]
    fn what_cannot_be_seen_neither_raises_nor_clears() {
        assert_eq!(told("!!!??????????"), "..###########");
        assert_eq!(told("!!??!"), "....#");
        assert_eq!(told("!!!...??..."), "..########.");
    }

    #[test]
    fn acknowledged_it_stays_and_is_quiet_until_it_is_worse_or_comes_again() {
        let mut alarms = Alarms::default();
        let mut now = Mono::from_micros(0);
        let mut sample = |alarms: &mut Alarms, bad: &[Condition]| {
            now = now + SAMPLE_EVERY;
            alarms.sample(bad, true, now);
        };
        for _ in 0..3 {
            sample(&mut alarms, &[condition("x", Level::Warn)]);
        }
        assert!(!alarms.rings(), "a warning does not ring");
        assert_eq!(alarms.acknowledge(), 1);
        assert_eq!(alarms.acknowledge(), 0);
        sample(&mut alarms, &[condition("x", Level::Critical)]);
        assert!(alarms.rings(), "it became worse");
        alarms.acknowledge();
        for _ in 0..20 {
            sample(&mut alarms, &[condition("x", Level::Critical)]);
        }
        assert!(!alarms.rings() && alarms.raised().len() == 1);
        for _ in 0..CLEAR_AFTER {
            sample(&mut alarms, &[]);
        }
        assert!(alarms.raised().is_empty());
        for _ in 0..RAISE_AFTER {
            sample(&mut alarms, &[condition("x", Level::Critical)]);
        }
        assert!(alarms.rings(), "it came again");
    }

    #[test]
    fn the_newest_critical_one_stands_first() {
        let mut alarms = Alarms::default();
        let mut now = Mono::from_micros(0);
        let bad = [condition("w", Level::Warn), condition("old", Level::Critical), condition("new", Level::Critical)];
        for count in [2, 2, 2, 3, 3, 3] {
            now = now + SAMPLE_EVERY;
            alarms.sample(&bad[..count], true, now);
        }
        let order: Vec<&str> = alarms.raised().iter().map(|raised| raised.condition.key.as_str()).collect();
        assert_eq!(order, ["new", "old", "w"]);
    }

    #[test]
    fn however_much_is_bad_the_list_is_bounded() {
        let mut alarms = Alarms::default();
        let bad: Vec<_> = (0..1000).map(|key| condition(&key.to_string(), Level::Warn)).collect();
        for second in 0..4 {
            alarms.sample(&bad, true, Mono::from_micros(second * 1_000_000));
        }
        assert_eq!(alarms.raised().len(), WATCHED_MAX);
    }
}
