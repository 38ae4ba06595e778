//! The words of the trade as plain values. Nothing here reads a clock, does I/O or knows a colour.

mod balancer;
mod clean;
mod ids;
mod person;
mod quantity;
mod reading;
mod secrets;
mod split;
mod survey;
mod time;

pub use balancer::{BalancerState, Layout, NodeState, PERCENT_WHOLE, Readiness, Setting, Slot, SlotState, Weights};
pub use clean::{CLEAN_CHARS_MAX, Clean};
pub use ids::{CommandId, EffectId, Epoch, RunId};
pub use person::{Person, Rights};
pub use quantity::{ParseQuantityError, Quantity, Unit, duration_words, parse_duration, parse_share};
pub use reading::{Absence, Percentile, Reading, Signal, Verdict};
pub use secrets::{Printed, Secrets};
pub use split::{PerRole, Role, Split};
pub use survey::{Credentials, Finding, Survey, Targets};
pub use time::{Mono, Wall};
