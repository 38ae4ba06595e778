//! How old what is shown may be: one rule for what is drawn and for what may be decided.

use crate::domain::{Clean, Mono};
use crate::engine::window::Freshness;
use crate::engine::{CheckView, Snapshot};
use crate::wire::{KEEPER_LATE, KEEPER_STALE};
use std::time::Duration;

/// The keeper speaks once a second: silent for 3 s it is late, for 5 s nothing it said is believed.
pub(super) const KEEPER: Freshness = Freshness { late: KEEPER_LATE, stale: KEEPER_STALE };

/// What the keeper reads is told with its next words only: on its way here it may age by this much more.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// One of the three things whose age is always on screen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// `keeper`, `balancer` or `feed`.
    pub word: &'static str,
    /// When it was last heard; `None` before that.
    pub at: Option<Mono>,
    /// How old it may be.
    pub limits: Freshness,
}

impl Source {
    /// How old it is.
    pub fn age(&self, now: Mono) -> Option<Duration> {
        self.at.map(|at| now.since(at))
    }

    /// Whether it is too old to decide anything on.
    pub fn is_late(&self, now: Mono) -> bool {
        self.age(now).is_none_or(|age| age > self.limits.late)
    }

    /// Whether it is too old to be believed.
    pub fn is_stale(&self, now: Mono) -> bool {
        self.age(now).is_none_or(|age| age > self.limits.stale)
    }
}

/// The keeper itself.
pub(super) fn keeper(heard_at: Option<Mono>) -> Source {
    Source { word: "keeper", at: heard_at, limits: KEEPER }
}

/// The balancer, as the keeper reads it.
pub(super) fn balancer(snapshot: &Snapshot) -> Source {
    let Freshness { late, stale } = told(snapshot.balancer_every);
    let takes = snapshot.balancer_takes;
    let limits = Freshness { late: late + takes, stale: stale + takes };
    Source { word: "balancer", at: snapshot.balancer_at, limits }
}

/// Both environments' metrics.
pub(super) fn feed(snapshot: &Snapshot) -> Source {
    Source { word: "feed", at: snapshot.feed_at, limits: told(snapshot.feed_every) }
}

/// The keeper itself holds to two intervals; here what it reads every second is two seconds old by rights.
fn told(every: Duration) -> Freshness {
    let limits = Freshness::of(every);
    Freshness { late: limits.late + TOLD_EVERY, ..limits }
}

/// Whether a check's answer is of now, by its gate's own limit and the time to be told; `None` where nobody says so, as
/// when there is none.
pub(super) fn check_is_fresh(check: &CheckView, now: Mono) -> Option<bool> {
    let at = check.at.filter(|_| !check.fresh_for.is_zero())?;
    Some(now.since(at) <= check.fresh_for + TOLD_EVERY)
}

/// Whether what the keeper said is not to be believed any more: its connection is gone, which is known at once, or it
/// has been silent for too long.
pub(super) fn is_cut_off(linked: bool, heard_at: Option<Mono>, now: Mono) -> bool {
    !linked || keeper(heard_at).is_stale(now)
}

/// Why nothing forward may be decided on this picture; empty when it is of now.
pub(super) fn too_old(linked: bool, heard_at: Option<Mono>, snapshot: &Snapshot, now: Mono) -> Vec<Clean> {
    let gone = (!linked).then(|| Clean::new("keeper gone: nothing is decided on an old picture"));
    let old = [keeper(heard_at), balancer(snapshot), feed(snapshot)]
        .into_iter()
        .filter(|source| source.is_late(now) && (linked || source.word != "keeper"))
        .map(|source| match source.age(now) {
            None => Clean::new(format!("{} not heard yet", source.word)),
            Some(age) if source.word == "keeper" => {
                Clean::new(format!("keeper silent {} s: no decisions while silent", age.as_secs()))
            }
            Some(age) => Clean::new(format!("{} LATE, {} s old: no decisions while stale", source.word, age.as_secs())),
        });
    gone.into_iter().chain(old).collect()
}
