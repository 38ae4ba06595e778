//! Reading rules and listeners.

use super::strange::Strangers;
use super::words::{Reach, Trouble};
use crate::plan::{AlbForward, ArnKind};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{Action, Listener, Rule};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// ARNs in one call: AWS takes at most 20 of listeners, and one answer of 20 rules is small.
const ARNS_IN_A_CALL: usize = 20;
/// Pages of one answer: AWS has at most 200 rules on a listener, and gives up to 400 a page.
const PAGES_MAX: usize = 20;

/// A rule or a listener's default action as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// Its whole list.
    pub actions: Vec<Action>,
    /// Whether it is a rule that only its listener can change.
    pub is_default_rule: bool,
    /// Settings of actions in the same answer that this version does not know, and so cannot send back.
    pub strange: BTreeSet<String>,
}

/// Reads each of them, in the plan's order: rules in one call, listeners in another, at the same time.
pub(super) async fn look(client: &Client, forwards: &[AlbForward]) -> Vec<Result<Seen, Trouble>> {
    let of_kind = |kind| forwards.iter().filter(move |forward| forward.arn.kind() == kind);
    let arns = |kind| of_kind(kind).map(|forward| forward.arn.as_str().to_owned()).collect::<Vec<_>>();
    let (rules, listeners) = (arns(ArnKind::Rule), arns(ArnKind::Listener));
    let rules = look_at(&rules, |arns| rules_of(client, arns));
    let listeners = look_at(&listeners, |arns| listeners_of(client, arns));
    let (mut rules, listeners) = tokio::join!(rules, listeners);
    rules.extend(listeners);
    let missing = || Trouble::new(Reach::Refused, "AWS's answer does not have it");
    forwards.iter().map(|forward| rules.remove(forward.arn.as_str()).unwrap_or_else(|| Err(missing()))).collect()
}

type Found = BTreeMap<String, Result<Seen, Trouble>>;

/// Asks for them together. One that does not exist fails all: then each is asked for alone, so that the others are
/// still known.
async fn look_at<F>(arns: &[String], ask: impl Fn(Vec<String>) -> F) -> Found
where
    F: Future<Output = Result<Vec<(String, Seen)>, Trouble>>,
{
    let calls = arns.chunks(ARNS_IN_A_CALL).map(|arns| {
        let ask = &ask;
        async move {
            match ask(arns.to_vec()).await {
                Ok(found) => found.into_iter().map(|(arn, seen)| (arn, Ok(seen))).collect(),
                Err(trouble) if arns.len() > 1 && trouble.reach == Reach::Refused => each_alone(arns, ask).await,
                Err(trouble) => arns.iter().map(|arn| (arn.clone(), Err(trouble.clone()))).collect::<Found>(),
            }
        }
    });
    join_all(calls).await.into_iter().flatten().collect()
}

async fn each_alone<F>(arns: &[String], ask: &impl Fn(Vec<String>) -> F) -> Found
where
    F: Future<Output = Result<Vec<(String, Seen)>, Trouble>>,
{
    let calls = arns.iter().map(|arn| async move { (arn, ask(vec![arn.clone()]).await) });
    let answers = join_all(calls).await;
    let each = answers.into_iter().flat_map(|(arn, answer)| match answer {
        Ok(found) => found.into_iter().map(|(arn, seen)| (arn, Ok(seen))).collect::<Vec<_>>(),
        Err(trouble) => vec![(arn.clone(), Err(trouble))],
    });
    each.collect()
}

async fn rules_of(client: &Client, arns: Vec<String>) -> Result<Vec<(String, Seen)>, Trouble> {
    let strangers = Strangers::default();
    let rules = all_rules(client, Rules::Named(arns), &strangers).await?;
    let strange = strangers.met();
    let seen = |rule: Rule| {
        let (actions, is_default_rule) = (rule.actions.unwrap_or_default(), rule.is_default.unwrap_or(false));
        Some((rule.rule_arn?, Seen { actions, is_default_rule, strange: strange.clone() }))
    };
    Ok(rules.into_iter().filter_map(seen).collect())
}

/// Which rules are meant.
pub(super) enum Rules {
    /// These.
    Named(Vec<String>),
    /// All of a listener.
    OfListener(String),
}

/// Rules, page by page.
pub(super) async fn all_rules(client: &Client, which: Rules, strangers: &Strangers) -> Result<Vec<Rule>, Trouble> {
    let (named, listener) = match which {
        Rules::Named(arns) => (Some(arns), None),
        Rules::OfListener(arn) => (None, Some(arn)),
    };
    let mut rules = Vec::new();
    let mut marker = None;
    for _ in 0..PAGES_MAX {
        let call = client.describe_rules().set_rule_arns(named.clone()).set_listener_arn(listener.clone());
        let page = call.set_marker(marker).customize().interceptor(strangers.clone()).send().await?;
        rules.extend(page.rules.unwrap_or_default());
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(rules);
        }
    }
    Err(Trouble::new(Reach::NoAnswer, format!("AWS's answer has more than {PAGES_MAX} pages")))
}

async fn listeners_of(client: &Client, arns: Vec<String>) -> Result<Vec<(String, Seen)>, Trouble> {
    let strangers = Strangers::default();
    let listeners = all_listeners(client, Some(arns), None, &strangers).await?;
    let strange = strangers.met();
    let seen = |listener: Listener| {
        let actions = listener.default_actions.unwrap_or_default();
        Some((listener.listener_arn?, Seen { actions, is_default_rule: false, strange: strange.clone() }))
    };
    Ok(listeners.into_iter().filter_map(seen).collect())
}

/// Listeners, page by page: these, or all of a load balancer.
pub(super) async fn all_listeners(
    client: &Client,
    arns: Option<Vec<String>>,
    balancer: Option<String>,
    strangers: &Strangers,
) -> Result<Vec<Listener>, Trouble> {
    let mut listeners = Vec::new();
    let mut marker = None;
    for _ in 0..PAGES_MAX {
        let call = client.describe_listeners().set_listener_arns(arns.clone()).set_load_balancer_arn(balancer.clone());
        let page = call.set_marker(marker).customize().interceptor(strangers.clone()).send().await?;
        listeners.extend(page.listeners.unwrap_or_default());
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(listeners);
        }
    }
    Err(Trouble::new(Reach::NoAnswer, format!("AWS's answer has more than {PAGES_MAX} pages")))
}
