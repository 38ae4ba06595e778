//! What the benches measure with.

#![allow(dead_code, reason = "each bench uses its own part of it")]

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// CPU time of this process, all its threads, for one thing done.
pub fn cpu(work: impl FnOnce()) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.try_into().expect("after the start"), time.tv_nsec.try_into().expect("nanoseconds"))
    };
    let began = now();
    work();
    now().saturating_sub(began)
}
