//! What stands around the weights: targets, health checks, stickiness, draining, other rules.

#![expect(clippy::disallowed_methods, reason = "a search for other rules goes on beside the surveys")]

use super::AlbTraffic;
use super::actions;
use super::look::{Rules, Seen, all_listeners, all_rules};
use super::memory::configuration;
use super::strange::Strangers;
use super::words::{Reach, Trouble};
use crate::domain::{Clean, Finding, PerRole, Role, Survey, Targets, Verdict, Wall, duration_words};
use crate::plan::{AlbDriver, HealthCheck};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{Listener, ProtocolEnum, TargetGroup, TargetHealthStateEnum};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// Time between two looks at settings, which people change and machines do not.
const SETTINGS_EVERY: Duration = Duration::from_secs(15);
/// Time between two searches for other rules: one call a listener.
const OTHERS_EVERY: Duration = Duration::from_secs(300);
/// Time until a search that was throttled is begun anew: so many calls soon after would be throttled, too. One that
/// failed otherwise waits as long as for settings.
const THROTTLED_AGAIN: Duration = Duration::from_secs(60);
/// Listeners of one balancer whose rules are searched: AWS's own limit is 50, an account may ask for more, and twice that
/// is searched within the 20 s that a check has for it.
const LISTENERS_MAX: usize = 100;
/// Pause between two calls of that search: AWS refills ten calls a second, and others want some.
const SEARCH_PAUSE: Duration = Duration::from_millis(100);

/// What AWS means by `unused`, and what ends it.
const UNUSED: &str =
    "AWS does not check it: no rule or listener forwards to it (unused); the rehearsal of a run adds it at 0";

/// Keeps what need not be asked for each time.
#[derive(Default)]
pub(super) struct Surveyor {
    settings: Mutex<Option<(Instant, Settings)>>,
    search: Search,
    /// Whether there was a survey already.
    has_begun: AtomicBool,
}

/// The search for other rules. It takes many times as long as all the rest, which must not grow old meanwhile.
#[derive(Default)]
struct Search {
    /// What the last one has found, and until when that is kept.
    found: Arc<Mutex<Option<Found>>>,
    under_way: Mutex<Option<JoinHandle<()>>>,
}

type Found = (Instant, Result<Others, String>);

impl Search {
    /// What the last one has found. Begins the next where that is due.
    fn last<F>(&self, now: Instant, search: impl FnOnce() -> F) -> Result<Others, String>
    where
        F: Future<Output = Result<Others, Trouble>> + Send + 'static,
    {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = found.as_ref().is_none_or(|(until, _)| now >= *until);
        if is_due && under_way.as_ref().is_none_or(JoinHandle::is_finished) {
            let (search, found) = (search(), self.found.clone());
            *under_way = Some(tokio::spawn(async move {
                let ended = search.await;
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept(ended));
            }));
        }
        found.map_or_else(|| Err("they are being searched".to_owned()), |(_, found)| found)
    }

    /// Waits for the one that is under way.
    async fn end(&self) {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(under_way) = under_way
            && let Err(error) = under_way.await
        {
            tracing::warn!(%error, "the search for other rules was lost");
        }
    }
}

/// What a search has come to, with until when it is kept.
fn kept(ended: Result<Others, Trouble>) -> Found {
    let good_for = match &ended {
        Ok(_) => OTHERS_EVERY,
        Err(trouble) if trouble.reach == Reach::Throttled => THROTTLED_AGAIN,
        Err(_) => SETTINGS_EVERY,
    };
    (Instant::now() + good_for, ended.map_err(|trouble| trouble.words))
}

/// What a search for other rules has found.
#[derive(Debug, Clone, Default)]
struct Others {
    /// What forwards to the plan's groups beside the plan.
    found: Vec<String>,
    /// Listeners that there are.
    listeners: usize,
    /// Those of them that were too many to be searched.
    left: usize,
}

/// Both groups' settings.
#[derive(Clone)]
struct Settings {
    groups: PerRole<TargetGroup>,
    attributes: PerRole<BTreeMap<String, String>>,
}

impl Settings {
    fn attribute(&self, role: Role, key: &str) -> Option<&str> {
        self.attributes[role].get(key).map(String::as_str)
    }
}

impl Surveyor {
    pub async fn survey(&self, alb: &AlbTraffic, now: Wall) -> Survey {
        if let Some(left) = alb.rests_for() {
            sleep(left).await;
        }
        alb.session.keyring().renew_when_due(now).await;
        let client = &alb.session.clients().await.watch;
        // Whoever looks once wants to know of other rules, too. What is counted comes after that, and is of now.
        if !self.has_begun.swap(true, Ordering::Relaxed)
            && let Ok(settings) = self.settings(client, alb).await
        {
            let _ = self.others(client, alb, &settings);
            self.search.end().await;
        }
        let within = |role: Role| {
            let arn = alb.plan.groups[role].arn.as_str().to_owned();
            async move { in_time(alb.limit, targets(client, arn)).await }
        };
        let (stable, candidate, settings) =
            tokio::join!(within(Role::Stable), within(Role::Candidate), self.settings(client, alb));
        alb.hear(std::iter::once(stable.as_ref().err().map(|(_, trouble)| trouble).and_then(Option::as_ref)));
        let targets = PerRole { stable, candidate };
        let others = settings.as_ref().map_err(Clone::clone);
        let others = others.and_then(|settings| self.others(client, alb, settings));
        let seen = alb.memory.seen();
        let targets = PerRole {
            stable: targets.stable.map_err(|(why, _)| Clean::new(why)),
            candidate: targets.candidate.map_err(|(why, _)| Clean::new(why)),
        };
        Survey {
            findings: vec![
                candidate_finding(&alb.plan, &targets.candidate),
                health_check_finding(&alb.plan, &settings),
                stickiness_finding(&alb.plan, &settings, seen.as_deref()),
                draining_finding(&settings),
                others_finding(&others),
                fencing_finding(),
            ],
            targets,
            credentials: alb.session.keyring().standing(),
            configuration: seen.map(|seen| configuration(&alb.plan, &seen)),
        }
    }

    async fn settings(&self, client: &Client, alb: &AlbTraffic) -> Result<Settings, String> {
        let kept = self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, settings)) = kept
            && at.elapsed() < SETTINGS_EVERY
        {
            return Ok(settings);
        }
        let read = Box::pin(in_time(alb.limit, settings(client, &alb.plan))).await.map_err(|(why, _)| why)?;
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), read.clone()));
        Ok(read)
    }

    fn others(&self, client: &Client, alb: &AlbTraffic, settings: &Settings) -> Result<Others, String> {
        self.search.last(Instant::now(), || others(client.clone(), alb.plan.clone(), settings.clone()))
    }
}

/// The trouble besides its words; `None` where AWS answered, and what it said is no count.
type Failed = (String, Option<Trouble>);

async fn in_time<T>(limit: Duration, asking: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let late = || Trouble::new(Reach::NoAnswer, "AWS gave no answer in time");
    timeout(limit, asking).await.unwrap_or_else(|_| Err(late().into()))
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        (trouble.words.clone(), Some(trouble))
    }
}

/// How many serve. AWS gives no pages here. A target of which AWS says nothing makes the whole count unknown.
async fn targets(client: &Client, group: String) -> Result<Targets, Failed> {
    let answer = client.describe_target_health().target_group_arn(group).send().await.map_err(Trouble::from)?;
    let mut count = Targets { healthy: 0, registered: 0 };
    for target in answer.target_health_descriptions() {
        let health = target.target_health.as_ref();
        match health.and_then(|health| health.state.as_ref()) {
            Some(TargetHealthStateEnum::Healthy) => {
                count.healthy += 1;
                count.registered += 1;
            }
            Some(TargetHealthStateEnum::Initial | TargetHealthStateEnum::Unhealthy) => count.registered += 1,
            // On their way out.
            Some(TargetHealthStateEnum::Draining | TargetHealthStateEnum::UnhealthyDraining) => {}
            Some(TargetHealthStateEnum::Unused) => {
                return Err((UNUSED.to_owned(), None));
            }
            Some(TargetHealthStateEnum::Unavailable) => {
                return Err(("AWS has no health of its targets (unavailable)".to_owned(), None));
            }
            Some(other) => {
                return Err((
                    format!("AWS says {} of a target, which this version does not know", other.as_str()),
                    None,
                ));
            }
            None => return Err(("AWS says nothing of a target".to_owned(), None)),
        }
    }
    Ok(count)
}

async fn settings(client: &Client, plan: &AlbDriver) -> Result<Settings, Failed> {
    let arn = |role: Role| plan.groups[role].arn.as_str();
    let described = client.describe_target_groups();
    let described = described.target_group_arns(arn(Role::Stable)).target_group_arns(arn(Role::Candidate)).send();
    let attributes = |role: Role| client.describe_target_group_attributes().target_group_arn(arn(role)).send();
    let (described, stable, candidate) = tokio::join!(described, attributes(Role::Stable), attributes(Role::Candidate));
    let groups = described.map_err(Trouble::from)?.target_groups.unwrap_or_default();
    let group = |role: Role| {
        let found = groups.iter().find(|group| group.target_group_arn.as_deref() == Some(arn(role))).cloned();
        found.ok_or_else(|| (format!("AWS's answer does not have {}", plan.groups[role].name), None))
    };
    let listed = |attributes: Option<Vec<aws_sdk_elasticloadbalancingv2::types::TargetGroupAttribute>>| {
        let pairs = attributes.unwrap_or_default().into_iter().filter_map(|one| Some((one.key?, one.value?)));
        pairs.collect::<BTreeMap<_, _>>()
    };
    Ok(Settings {
        groups: PerRole { stable: group(Role::Stable)?, candidate: group(Role::Candidate)? },
        attributes: PerRole {
            stable: listed(stable.map_err(Trouble::from)?.attributes),
            candidate: listed(candidate.map_err(Trouble::from)?.attributes),
        },
    })
}

/// Rules and listeners beside the plan's that forward to one of its groups.
async fn others(client: Client, plan: AlbDriver, settings: Settings) -> Result<Others, Trouble> {
    let mut balancers: Vec<&String> =
        Role::BOTH.into_iter().flat_map(|role| settings.groups[role].load_balancer_arns.iter().flatten()).collect();
    balancers.sort();
    balancers.dedup();
    let planned = |arn: &str| plan.forwards.iter().any(|forward| forward.arn.as_str() == arn);
    // These are only read.
    let nobody = Strangers::default();
    let mut others = Others::default();
    for balancer in balancers {
        sleep(SEARCH_PAUSE).await;
        let listeners = all_listeners(&client, None, Some(balancer.clone()), &nobody).await?;
        for listener in others.within_limit(&listeners) {
            let Some(arn) = &listener.listener_arn else { continue };
            let port = listener.port.map_or_else(|| arn.clone(), |port| format!("port {port}"));
            let named = |list: &[_]| {
                let groups = Role::BOTH.into_iter().map(|role| &plan.groups[role]);
                groups.filter(|group| actions::names(list, group)).map(|group| group.name.as_str()).collect::<Vec<_>>()
            };
            if is_network(listener.protocol.as_ref()) {
                let groups = named(listener.default_actions());
                if !groups.is_empty() && !planned(arn) {
                    others.found.push(format!("{port}: default action → {}", groups.join(", ")));
                }
                continue;
            }
            sleep(SEARCH_PAUSE).await;
            for rule in all_rules(&client, Rules::OfListener(arn.clone()), &nobody).await? {
                let groups = named(rule.actions());
                let is_default = rule.is_default == Some(true);
                let is_planned = rule.rule_arn.as_deref().is_some_and(planned) || is_default && planned(arn);
                if !groups.is_empty() && !is_planned {
                    let priority = rule.priority.as_deref().unwrap_or("?");
                    others.found.push(format!("{port}: rule {priority} → {}", groups.join(", ")));
                }
            }
        }
    }
    Ok(others)
}

impl Others {
    /// The listeners of one balancer that are searched; the others are counted.
    fn within_limit<'a>(&mut self, listeners: &'a [Listener]) -> &'a [Listener] {
        let (searched, left) = listeners.split_at(listeners.len().min(LISTENERS_MAX));
        self.listeners += listeners.len();
        self.left += left.len();
        searched
    }
}

/// Whether a protocol is a network load balancer's: it has listeners and no rules, flows and no requests.
fn is_network(protocol: Option<&ProtocolEnum>) -> bool {
    matches!(
        protocol,
        Some(
            ProtocolEnum::Tcp
                | ProtocolEnum::Tls
                | ProtocolEnum::Udp
                | ProtocolEnum::TcpUdp
                | ProtocolEnum::Quic
                | ProtocolEnum::TcpQuic
        )
    )
}

fn finding(name: &str, verdict: Verdict, detail: impl AsRef<str>) -> Finding {
    Finding { name: name.into(), verdict, detail: Clean::new(detail) }
}

fn candidate_finding(plan: &AlbDriver, targets: &Result<Targets, Clean>) -> Finding {
    let name = &plan.groups.candidate.name;
    let (verdict, detail) = match targets {
        Err(why) => (Verdict::Unknown, format!("{name}: {why}")),
        Ok(Targets { registered: 0, .. }) => (Verdict::Fail, format!("{name} has no target")),
        Ok(Targets { healthy, registered }) => {
            let verdict = match healthy {
                0 => Verdict::Fail,
                healthy if healthy < registered => Verdict::Warn,
                _ => Verdict::Pass,
            };
            (verdict, format!("{name}: {healthy} of {registered} healthy"))
        }
    };
    finding("candidate targets", verdict, detail)
}

fn health_check_finding(plan: &AlbDriver, settings: &Result<Settings, String>) -> Finding {
    const NAME: &str = "health checks";
    let settings = match settings {
        Ok(settings) => settings,
        Err(why) => return finding(NAME, Verdict::Unknown, why),
    };
    if plan.health_check == HealthCheck::default() {
        let words =
            Role::BOTH.map(|role| format!("{} {}", plan.groups[role].name, check_words(&settings.groups[role])));
        return finding(NAME, Verdict::Pass, format!("the plan expects nothing of them; {}", words.join("; ")));
    }
    let wrong: Vec<String> = Role::BOTH
        .into_iter()
        .flat_map(|role| {
            let name = &plan.groups[role].name;
            differences(&plan.health_check, &settings.groups[role])
                .into_iter()
                .map(move |wrong| format!("{name} {wrong}"))
        })
        .collect();
    if wrong.is_empty() {
        return finding(NAME, Verdict::Pass, format!("as expected: {}", check_words(&settings.groups.stable)));
    }
    finding(NAME, Verdict::Fail, wrong.join("; "))
}

/// `HTTP /health every 10 s, 200`.
fn check_words(group: &TargetGroup) -> String {
    let words = [
        group.health_check_protocol.as_ref().map(|protocol| protocol.as_str().to_owned()),
        group.health_check_path.clone(),
        group.health_check_interval_seconds.map(|seconds| format!("every {seconds} s")),
        group.matcher.as_ref().and_then(|matcher| matcher.http_code.clone()),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What is not as the plan expects it; what AWS does not say is not.
fn differences(expected: &HealthCheck, group: &TargetGroup) -> Vec<String> {
    let seconds = |duration: &Duration| duration.as_secs().to_string();
    let is = |number: Option<i32>| number.map(|number| number.to_string());
    let matcher = group.matcher.as_ref().and_then(|matcher| matcher.http_code.clone());
    let protocol = group.health_check_protocol.as_ref().map(|protocol| protocol.as_str().to_owned());
    [
        ("path", expected.path.clone(), group.health_check_path.clone()),
        ("protocol", expected.protocol.clone(), protocol),
        ("port", expected.port.clone(), group.health_check_port.clone()),
        ("matcher", expected.matcher.clone(), matcher),
        ("interval", expected.interval.as_ref().map(seconds), is(group.health_check_interval_seconds)),
        ("timeout", expected.timeout.as_ref().map(seconds), is(group.health_check_timeout_seconds)),
        ("healthy", expected.healthy.map(|count| count.to_string()), is(group.healthy_threshold_count)),
        ("unhealthy", expected.unhealthy.map(|count| count.to_string()), is(group.unhealthy_threshold_count)),
    ]
    .into_iter()
    .filter_map(|(what, expected, found)| {
        let expected = expected?;
        let found = found.unwrap_or_else(|| "not said".to_owned());
        (found != expected).then(|| format!("{what} is {found}, must be {expected}"))
    })
    .collect()
}

/// What stickiness does to this cutover. The group cookie beats the weights for as long as it lasts.
fn stickiness_finding(plan: &AlbDriver, settings: &Result<Settings, String>, seen: Option<&[Seen]>) -> Finding {
    const NAME: &str = "stickiness";
    let (settings, seen) = match (settings, seen) {
        (Ok(settings), Some(seen)) => (settings, seen),
        (Err(why), _) => return finding(NAME, Verdict::Unknown, why),
        (Ok(_), None) => return finding(NAME, Verdict::Unknown, "the actions were not read yet"),
    };
    let sticky: Vec<&str> = Role::BOTH
        .into_iter()
        .filter(|role| settings.attribute(*role, "stickiness.enabled") == Some("true"))
        .map(|role| plan.groups[role].name.as_str())
        .collect();
    let pinned: Vec<Option<u32>> = seen.iter().map(|seen| actions::pinned_for(&seen.actions)).collect();
    let is_network = is_network(settings.groups.stable.protocol.as_ref());
    let loose = plan.forwards.iter().zip(&pinned).find(|(_, pinned)| pinned.is_none() && !is_network);
    if let (Some((forward, _)), [group, ..]) = (loose, sticky.as_slice()) {
        let words = format!(
            "{group} has target stickiness, and {} no group stickiness: AWS takes no forward to two groups then \
             (InvalidLoadBalancerAction). Turn one off or the other on",
            forward.name
        );
        return finding(NAME, Verdict::Fail, words);
    }
    let Some(longest) = pinned.iter().flatten().max() else {
        let words = match sticky.as_slice() {
            [] => "none: every request is split anew".to_owned(),
            groups => format!("{} by source address: clients stay while their flow lasts", groups.join(", ")),
        };
        return finding(NAME, Verdict::Pass, words);
    };
    let lasting = duration_words(Duration::from_secs(u64::from(*longest)));
    let words = format!(
        "the cookie AWSALBTG beats the weights for up to {lasting}: a step moves new clients only, and after a \
         rollback pinned clients stay on the candidate"
    );
    if plan.unpin_on_rollback {
        let words = format!(
            "{words} until it is off; a rollback turns it off (unpin_on_rollback): turn it on again afterwards"
        );
        return finding(NAME, Verdict::Pass, words);
    }
    finding(NAME, Verdict::Warn, format!("{words} that long; the lever is group stickiness off, or unpin_on_rollback"))
}

/// What the draining attributes do, and what they do not do for a cutover by weights.
fn draining_finding(settings: &Result<Settings, String>) -> Finding {
    const NAME: &str = "draining";
    let settings = match settings {
        Ok(settings) => settings,
        Err(why) => return finding(NAME, Verdict::Unknown, why),
    };
    let delay = settings.attribute(Role::Candidate, "deregistration_delay.timeout_seconds").unwrap_or("?");
    let cut = settings.attribute(Role::Candidate, "deregistration_delay.connection_termination.enabled");
    let cut = if cut == Some("true") { "on" } else { "off" };
    let words = if is_network(settings.groups.candidate.protocol.as_ref()) {
        format!(
            "weight 0 moves new flows only, existing ones stay until they end; deregistration_delay ({delay} s) and \
             connection_termination ({cut}) count when a target is deregistered"
        )
    } else {
        format!(
            "weight 0 stops new requests, those under way end by themselves; deregistration_delay ({delay} s) counts \
             when a target is deregistered, connection_termination on NLB only"
        )
    };
    finding(NAME, Verdict::Pass, words)
}

fn others_finding(others: &Result<Others, String>) -> Finding {
    const NAME: &str = "other rules";
    let Others { found, listeners, left } = match others {
        Ok(others) => others,
        Err(why) => return finding(NAME, Verdict::Unknown, why),
    };
    let mut words = match found.as_slice() {
        [] if *left == 0 => return finding(NAME, Verdict::Pass, "no other rule forwards to these groups"),
        [] => "none found".to_owned(),
        found => format!("not switched by this plan: {}", found.join("; ")),
    };
    if *left == 0 {
        return finding(NAME, Verdict::Warn, words);
    }
    let _ = write!(words, "; searched {} of {listeners} listeners", listeners - left);
    finding(NAME, Verdict::Unknown, words)
}

fn fencing_finding() -> Finding {
    let words = "none on this API: another hand, or a keeper on another host, is seen by the next reads and freezes \
                 forward";
    finding("fencing", Verdict::Pass, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_search_goes_on_beside_the_surveys_and_what_was_found_stands_until_its_end() {
        let search = Search::default();
        let after = |search_ends: tokio::sync::oneshot::Receiver<usize>| async move {
            let listeners = search_ends.await.expect("it is answered");
            Ok(Others { listeners, ..Others::default() })
        };
        let listeners = |found: Result<Others, String>| found.map(|others| others.listeners);
        let another = || -> std::future::Ready<Result<Others, Trouble>> { panic!("one at a time, and in its time") };
        let now = Instant::now();
        let (first, first_ends) = tokio::sync::oneshot::channel();
        let none_yet = Err("they are being searched".to_owned());
        assert_eq!(listeners(search.last(now, || after(first_ends))), none_yet);
        assert_eq!(listeners(search.last(now, another)), none_yet);
        first.send(1).expect("it waits");
        search.end().await;
        assert_eq!(listeners(search.last(now + OTHERS_EVERY / 2, another)), Ok(1));

        let later = Instant::now() + OTHERS_EVERY;
        let (second, second_ends) = tokio::sync::oneshot::channel();
        assert_eq!(listeners(search.last(later, || after(second_ends))), Ok(1));
        assert_eq!(listeners(search.last(later, another)), Ok(1));
        second.send(2).expect("it waits");
        search.end().await;
        assert_eq!(listeners(search.last(Instant::now(), another)), Ok(2));
    }

    /// A rule on a listener that nobody searched may forward to these groups as well as any.
    #[test]
    fn a_search_that_ends_before_the_last_listener_lets_nothing_through() {
        let of = |count: usize, found: &[&str]| {
            let listeners = vec![Listener::builder().build(); count];
            let mut others = Others { found: found.iter().map(|&rule| rule.to_owned()).collect(), ..Others::default() };
            assert_eq!(others.within_limit(&listeners).len(), count.min(LISTENERS_MAX));
            let finding = others_finding(&Ok(others));
            (finding.verdict, finding.detail.to_string())
        };
        assert_eq!(of(100, &[]), (Verdict::Pass, "no other rule forwards to these groups".to_owned()));
        assert_eq!(of(101, &[]), (Verdict::Unknown, "none found; searched 100 of 101 listeners".to_owned()));
        let rule = "port 80: rule 1 → blue";
        assert_eq!(of(1, &[rule]), (Verdict::Warn, format!("not switched by this plan: {rule}")));
        let words = format!("not switched by this plan: {rule}; searched 100 of 102 listeners");
        assert_eq!(of(102, &[rule]), (Verdict::Unknown, words));
    }
}
