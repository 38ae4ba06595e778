//! Rules and listeners of AWS load balancers (ELBv2 API reference, 2015-12-01).
//!
//! There is no fencing on this API: no ETag, no condition. A write reads the whole list of actions, changes two
//! weights in it and sends it back; what somebody else changed in between is seen by the next read. "Rule updates do
//! not take effect immediately": an accepted write is not yet a moved request.

mod actions;
mod apart;
mod json;
mod look;
mod memory;
mod session;
mod strange;
mod survey;
mod words;

use super::{Pending, Traffic, together};
use crate::clock;
use crate::domain::{
    BalancerState, Clean, NodeState, PerRole, Readiness, Role, Setting, Slot, SlotState, Survey, Wall,
};
use crate::engine::{CREDENTIALS_MARGIN, WriteResult};
use crate::failpoint;
use crate::plan::{AlbDriver, AlbForward, ArnKind, Plan};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Action;
use futures_util::future::join_all;
use look::{Seen, look};
use memory::{Basis, Memory};
use session::{Clients, Session};
use sha2::{Digest, Sha256};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use survey::Surveyor;
use tokio::time::{Instant, timeout};
use words::{Reach, Trouble};

/// First pause of the polls after AWS throttled one; it doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest such pause. AWS refills ten calls a second: after this long the bucket is full again.
const PAUSE_MAX: Duration = Duration::from_secs(8);

pub(super) struct AlbTraffic {
    plan: AlbDriver,
    limit: Duration,
    session: Session,
    memory: Memory,
    pace: Mutex<Pace>,
    surveyor: Surveyor,
}

/// How the polls go.
#[derive(Debug, Default)]
struct Pace {
    /// Polls so far; every other one goes over the rollback's client and keeps it warm.
    polls: u64,
    /// Until when none is sent, and how long the pause was.
    rests: Option<(Instant, Duration)>,
    /// A rollback was sent: its read-back is not made to wait.
    goes_back: bool,
}

impl AlbTraffic {
    pub fn new(alb: &AlbDriver, plan: &Plan) -> Self {
        let longest = plan.steps.iter().map(|step| step.bake).max().unwrap_or_default();
        let limit = plan.traffic.timeout;
        Self {
            plan: alb.clone(),
            limit,
            session: Session::new(alb, limit, longest + CREDENTIALS_MARGIN),
            memory: Memory::new(alb.forwards.len()),
            pace: Mutex::default(),
            surveyor: Surveyor::default(),
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads all of them within a time, and remembers what could be read.
    async fn look(&self, client: &Client, within: Duration) -> Vec<Result<Seen, Trouble>> {
        failpoint::pass("alb asked");
        let looked = timeout(within, look(client, &self.plan.forwards)).await;
        let late = || Err(Trouble::new(Reach::NoAnswer, "AWS gave no answer in time"));
        let looked = looked.unwrap_or_else(|_| self.plan.forwards.iter().map(|_| late()).collect());
        self.hear(looked.iter().map(|seen| seen.as_ref().err()));
        self.memory.looked(&looked, clock::mono());
        looked
    }

    /// What AWS thinks of the credentials.
    fn hear<'a>(&self, troubles: impl Iterator<Item = Option<&'a Trouble>>) {
        for trouble in troubles {
            match trouble {
                None => self.session.keyring().taken(),
                Some(trouble) if trouble.reach == Reach::Credentials => self.session.keyring().refused(&trouble.words),
                Some(_) => {}
            }
        }
    }

    /// How long the polls still rest after they were throttled.
    fn rests_for(&self) -> Option<Duration> {
        let pace = self.pace();
        let (until, _) = pace.rests.filter(|_| !pace.goes_back)?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn note_pace(&self, throttled: bool) {
        let mut pace = self.pace();
        pace.rests = throttled.then(|| {
            let pause = pace.rests.map_or(PAUSE_FIRST, |(_, pause)| (pause * 2).min(PAUSE_MAX));
            (Instant::now() + pause, pause)
        });
    }

    async fn poll(&self) -> BalancerState {
        if let Some(left) = self.rests_for() {
            let why = format!("AWS throttles this account's calls; asked again in {} s", left.as_secs() + 1);
            return BalancerState::unreadable(self.plan.forwards.len(), &Clean::new(why));
        }
        let clients = self.session.clients().await;
        let polls = {
            let mut pace = self.pace();
            pace.polls += 1;
            pace.polls
        };
        let client = if polls.is_multiple_of(2) { &clients.back } else { &clients.watch };
        let looked = self.look(client, self.limit).await;
        let is_throttled = |seen: &Result<Seen, Trouble>| matches!(seen, Err(why) if why.reach == Reach::Throttled);
        self.note_pace(looked.iter().any(is_throttled));
        let tag = tag_of(&looked);
        let nodes = self.plan.forwards.iter().zip(looked).map(|(forward, seen)| NodeState {
            slots: self.slots(seen).map_err(|why| Clean::new(format!("{}: {why}", forward.name))),
        });
        BalancerState { nodes: nodes.collect(), tag }
    }

    /// Weights do not depend on health here: a group whose targets are all unhealthy still gets its share.
    fn slots(&self, seen: Result<Seen, Trouble>) -> Result<Vec<SlotState>, String> {
        let weights = actions::weights(&self.plan.groups, &seen.map_err(|trouble| trouble.words)?.actions)?;
        Ok(Role::BOTH
            .map(|role| SlotState {
                name: self.plan.groups[role].name.clone(),
                weight: weights[role],
                configured: None,
                readiness: Readiness::Unknown,
            })
            .to_vec())
    }

    fn goes_back(&self, setting: &Setting) -> bool {
        let candidate = &self.plan.groups.candidate.name;
        setting.0.iter().all(|(slot, weight)| slot.name != *candidate || *weight == 0)
    }

    /// Reads again just before: the list may have been changed since the last poll, and must be as it was then where
    /// a tag says so.
    async fn write_forward(&self, setting: &Setting, tag: Option<&str>) -> WriteResult {
        self.session.clients().await;
        let Some(Clients { watch: client, .. }) = self.session.whole() else {
            return WriteResult::NotSent(
                "the disk of the shared AWS files does not answer; only a rollback goes out without them".into(),
            );
        };
        let looked = self.look(client, self.limit).await;
        if let Some(why) = looked.iter().find_map(|seen| seen.as_ref().err()) {
            return WriteResult::NotSent(Clean::new(format!("it could not be read just before: {}", why.words)));
        }
        if tag.is_some() && tag_of(&looked).as_deref() != tag {
            return WriteResult::Refused("somebody changed it since it was last read; nothing was sent".into());
        }
        if let Some(why) =
            looked.iter().flatten().find_map(|seen| actions::weights(&self.plan.groups, &seen.actions).err())
        {
            return WriteResult::Refused(Clean::new(why));
        }
        if let Some(what) = looked.iter().flatten().find_map(not_kept) {
            let why = format!("its actions have {what}, which this version does not know how to keep");
            return WriteResult::Refused(Clean::new(why));
        }
        let bases = looked.into_iter().map(|seen| seen.map(|seen| Basis { seen, remark: None })).collect();
        self.send(client, setting, bases, false).await
    }

    /// With its own client and the last good credentials. What cannot be read now is written over what it is known to
    /// have held. Whatever it holds, it is not stopped: a setting that cannot be kept is named.
    async fn write_back(&self, setting: &Setting) -> WriteResult {
        self.pace().goes_back = true;
        let client = &self.session.clients().await.back;
        let looked = self.look(client, self.limit / 2).await;
        let basis = |(node, seen): (usize, Result<Seen, Trouble>)| {
            let mut basis = match seen {
                Ok(seen) => Basis { seen, remark: None },
                Err(why) => self.memory.instead(node, &why, clock::mono())?,
            };
            if let Some(what) = not_kept(&basis.seen) {
                let remark = format!("its actions had {what}, which this version does not know and did not keep");
                basis.remark = Some(basis.remark.into_iter().chain([remark]).collect::<Vec<_>>().join("; "));
            }
            Ok(basis)
        };
        let bases = looked.into_iter().enumerate().map(basis).collect();
        let result = self.send(client, setting, bases, self.plan.unpin_on_rollback).await;
        if !result.is_accepted() {
            // For the next attempt, which comes by itself.
            self.session.keyring().renew_refused(self.limit).await;
        }
        result
    }

    /// All of them at the same time.
    async fn send(
        &self,
        client: &Client,
        setting: &Setting,
        bases: Vec<Result<Basis, Trouble>>,
        unpin: bool,
    ) -> WriteResult {
        let writes = self.plan.forwards.iter().zip(bases).enumerate().map(|(node, (forward, basis))| async move {
            let weight = |role: Role| {
                let slot = Slot { node, name: self.plan.groups[role].name.clone() };
                setting.0.get(&slot).copied().unwrap_or(0)
            };
            let weights = PerRole { stable: weight(Role::Stable), candidate: weight(Role::Candidate) };
            let result = match basis {
                Ok(basis) => self.send_one(client, forward, &basis, weights, unpin).await,
                Err(why) => why.into(),
            };
            (forward.name.clone(), result)
        });
        let what = if self.plan.forwards.iter().all(|f| f.arn.kind() == ArnKind::Rule) { "rules" } else { "forwards" };
        together(&join_all(writes).await, what)
    }

    async fn send_one(
        &self,
        client: &Client,
        forward: &AlbForward,
        basis: &Basis,
        weights: PerRole<u32>,
        unpin: bool,
    ) -> WriteResult {
        let seen = &basis.seen;
        let unpins = unpin && actions::pinned_for(&seen.actions).is_some();
        let mut remarks: Vec<String> = basis.remark.iter().cloned().collect();
        let mut sent = self.modify(client, forward, seen, weights, unpins).await;
        // A group with stickiness of its own needs the forward's; the traffic goes back all the same.
        if let (true, Err(why)) = (unpins, &sent)
            && why.reach == Reach::Refused
        {
            remarks.push(format!("group stickiness stays on, AWS refuses to turn it off ({})", why.words));
            sent = self.modify(client, forward, seen, weights, false).await;
        }
        match sent {
            Err(why) => why.into(),
            Ok(()) if remarks.is_empty() => WriteResult::Accepted,
            Ok(()) => WriteResult::AcceptedBut(Clean::new(remarks.join("; "))),
        }
    }

    async fn modify(
        &self,
        client: &Client,
        forward: &AlbForward,
        seen: &Seen,
        weights: PerRole<u32>,
        unpin: bool,
    ) -> Result<(), Trouble> {
        let list = actions::with_weights(&self.plan.groups, &seen.actions, weights, unpin)
            .map_err(|why| Trouble::new(Reach::NotSent, why))?;
        failpoint::pass("alb due");
        let answered = timeout(self.limit, modify(client, forward, seen.is_default_rule, list)).await;
        failpoint::pass("alb written");
        let answered = answered.unwrap_or_else(|_| Err(Trouble::new(Reach::NoAnswer, "AWS gave no answer in time")));
        self.hear(std::iter::once(answered.as_ref().err()));
        let held = actions::weights(&self.plan.groups, &answered?);
        if held.as_ref().is_ok_and(|held| *held == weights) {
            return Ok(());
        }
        let holds = held.map_or_else(|why| why, |held| format!("it holds {} and {}", held.stable, held.candidate));
        Err(Trouble::new(Reach::NoAnswer, format!("AWS said yes, and now {holds}")))
    }
}

/// Sends a list, and gives back the one that AWS says it now holds.
async fn modify(
    client: &Client,
    forward: &AlbForward,
    is_default_rule: bool,
    list: Vec<Action>,
) -> Result<Vec<Action>, Trouble> {
    let listener = match forward.arn.kind() {
        ArnKind::Listener | ArnKind::TargetGroup => Some(forward.arn.as_str().to_owned()),
        ArnKind::Rule => is_default_rule.then(|| listener_of(forward.arn.as_str())),
    };
    if let Some(listener) = listener {
        let call = client.modify_listener().listener_arn(listener).set_default_actions(Some(list));
        let held = call.send().await?.listeners.unwrap_or_default().pop();
        return Ok(held.and_then(|listener| listener.default_actions).unwrap_or_default());
    }
    let call = client.modify_rule().rule_arn(forward.arn.as_str()).set_actions(Some(list));
    let held = call.send().await?.rules.unwrap_or_default().pop();
    Ok(held.and_then(|rule| rule.actions).unwrap_or_default())
}

/// What of a list would be lost by sending it back.
fn not_kept(seen: &Seen) -> Option<String> {
    let kind = actions::unknown_kind(&seen.actions).map(|kind| format!("the kind {kind}"));
    let settings = seen.strange.iter().map(|name| format!("the setting {name}"));
    let all: Vec<String> = kind.into_iter().chain(settings).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// The listener that a rule's ARN names.
fn listener_of(rule: &str) -> String {
    let listener = rule.rsplit_once('/').map_or(rule, |(listener, _)| listener);
    listener.replacen(":listener-rule/", ":listener/", 1)
}

/// What a write must still find there: all lists, whole. `None` when one of them could not be read.
fn tag_of(looked: &[Result<Seen, Trouble>]) -> Option<String> {
    let mut digest = Sha256::new();
    for seen in looked {
        digest.update(json::as_json(&seen.as_ref().ok()?.actions).to_string());
        digest.update([0]);
    }
    Some(digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

impl Traffic for AlbTraffic {
    fn read(&self) -> Pending<'_, BalancerState> {
        Box::pin(self.poll())
    }

    fn write(&self, setting: Setting, tag: Option<String>) -> Pending<'_, WriteResult> {
        Box::pin(async move {
            // A write of the weights that are there is no way back, and has a tag.
            if tag.is_none() && self.goes_back(&setting) {
                self.write_back(&setting).await
            } else {
                self.write_forward(&setting, tag.as_deref()).await
            }
        })
    }

    fn recall(&self, state: &str, at: Wall) {
        self.memory.recall(&self.plan, state, at);
    }

    fn survey(&self, now: Wall) -> Pending<'_, Option<Survey>> {
        Box::pin(async move { Some(Box::pin(self.surveyor.survey(self, now)).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_its_listener() {
        assert_eq!(
            listener_of("arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/prod/50/f2/96"),
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/prod/50/f2"
        );
    }
}
