//! What we change. A driver only carries weights to the balancer and back; what they should be is the
//! engine's business.

mod alb;
mod command;
mod haproxy;
mod http;
mod range;

pub use command::shares;
pub use haproxy::servers_state;
pub use http::percentages;

use crate::domain::{BalancerState, Clean, Setting, Survey, Wall};
use crate::engine::WriteResult;
use crate::plan::{CommandDriver, Driver, Plan};
use crate::remote::SetupError;
use command::CommandTraffic;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A boxed future, so that drivers can be kept behind one pointer.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A balancer.
///
/// * Every call ends within twice the plan's `traffic.timeout` for each slot and one more, and a script's three seconds
///   later, whatever the balancer does; a read ends within one timeout, all nodes at once.
/// * `read` reports each node on its own: one that cannot be read says why.
/// * `write` sets every slot of the setting, on every node, raising before lowering so that no node is
///   ever left with nobody to serve. A setting that leaves the candidate nothing is a way back: it goes on after
///   what failed, wherever that does no harm. It says what is certain and nothing more: the truth is in the next read.
/// * What [`connect`] gives refuses a setting out of range (a slot too few or too many, a weight over the balancer's
///   largest, nobody to serve) before anything is sent.
pub trait Traffic: Send + Sync {
    /// Reads every node.
    fn read(&self) -> Pending<'_, BalancerState>;
    /// Writes every slot. With a tag the write happens only if the balancer still carries it.
    fn write(&self, setting: Setting, tag: Option<String>) -> Pending<'_, WriteResult>;
    /// What the run's journal has of the balancer's configuration, as a survey gave it, and since when. It is for a way
    /// back that cannot read: nothing else may be built on it.
    fn recall(&self, _state: &str, _at: Wall) {}
    /// Looks at what stands around the weights, and renews what writes need; `None` from a driver that cannot. Takes
    /// as long as it takes: nothing waits for it.
    fn survey(&self, _now: Wall) -> Pending<'_, Option<Survey>> {
        Box::pin(std::future::ready(None))
    }
}

/// The plan's driver. Contacts nothing yet.
pub fn connect(plan: &Plan) -> Result<Arc<dyn Traffic>, SetupError> {
    driver(plan, CommandTraffic::whole)
}

/// The same where there may be something to roll back: that goes out without what only looks need.
pub fn connect_back(plan: &Plan) -> Result<Arc<dyn Traffic>, SetupError> {
    driver(plan, CommandTraffic::new)
}

fn driver(
    plan: &Plan,
    command: impl FnOnce(&CommandDriver, Duration) -> Result<CommandTraffic, SetupError>,
) -> Result<Arc<dyn Traffic>, SetupError> {
    let timeout = plan.traffic.timeout;
    let driver: Arc<dyn Traffic> = match &plan.traffic.driver {
        Driver::Http(http) => Arc::new(http::HttpTraffic::new(http, timeout)?),
        Driver::Haproxy(haproxy) => Arc::new(haproxy::HaproxyTraffic::new(haproxy, timeout)),
        Driver::Alb(alb) => Arc::new(alb::AlbTraffic::new(alb, plan)),
        Driver::Command(scripts) => Arc::new(command(scripts, timeout)?),
    };
    Ok(Arc::new(range::Ranged::new(plan.traffic.layout(), driver)))
}

/// What several writes come to together: each node's, or each command's.
fn together(outcomes: &[(Clean, WriteResult)], what: &str) -> WriteResult {
    let count = outcomes.len();
    let failed: Vec<&WriteResult> = outcomes.iter().map(|(_, result)| result).filter(|r| !r.is_accepted()).collect();
    let words = outcomes.iter().filter_map(|(name, result)| Some(format!("{name}: {}", result.words()?)));
    let words = Clean::new(words.collect::<Vec<_>>().join("; "));
    if failed.is_empty() {
        return if words.as_str().is_empty() { WriteResult::Accepted } else { WriteResult::AcceptedBut(words) };
    }
    if failed.len() < count {
        return WriteResult::Unknown(Clean::new(format!(
            "half applied, {} of {count} {what}: {words}",
            count - failed.len()
        )));
    }
    let all = |is: fn(&WriteResult) -> bool| failed.iter().all(|result| is(result));
    if all(|r| matches!(r, WriteResult::NotSent(_))) {
        WriteResult::NotSent(words)
    } else if all(|r| matches!(r, WriteResult::Refused(_) | WriteResult::NotSent(_))) {
        WriteResult::Refused(words)
    } else {
        WriteResult::Unknown(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_applied_is_never_called_refused() {
        let accepted = || ("a".into(), WriteResult::Accepted);
        let refused = || ("b".into(), WriteResult::Refused("no".into()));
        let unsent = || ("c".into(), WriteResult::NotSent("down".into()));
        let remarked = || ("d".into(), WriteResult::AcceptedBut("blind".into()));
        assert_eq!(together(&[accepted(), accepted()], "nodes"), WriteResult::Accepted);
        assert_eq!(together(&[accepted(), remarked()], "nodes"), WriteResult::AcceptedBut("d: blind".into()));
        assert!(matches!(together(&[remarked(), refused()], "nodes"), WriteResult::Unknown(_)));
        assert!(matches!(together(&[accepted(), refused()], "nodes"), WriteResult::Unknown(_)));
        assert!(matches!(together(&[refused(), unsent()], "nodes"), WriteResult::Refused(_)));
        assert!(matches!(together(&[unsent(), unsent()], "nodes"), WriteResult::NotSent(_)));
    }
}
