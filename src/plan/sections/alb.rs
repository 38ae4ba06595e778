//! `[traffic] driver = "alb"`: rules and listeners of an AWS load balancer.

use super::{placed, unplaced};
use crate::domain::{PerRole, Role};
use crate::plan::section::{Read, Section};
use crate::plan::validate::Placed;
use crate::plan::values::{boolean, duration, path_text, plain_text, short_text, text, url_text, whole_number};
use crate::plan::{AlbDriver, AlbForward, Arn, ArnKind, HealthCheck, TargetGroup};
use std::time::Duration;
use toml::de::DeValue;

const FORWARDS: &str = "[[traffic.forwards]] with name and the arn of a rule or listener, at least one";
const GROUPS: &str = "the two groups' ARNs: { stable = \"arn:…:targetgroup/…\", candidate = \"arn:…\" }";

pub(super) fn alb_driver(section: &Section<'_>) -> Option<AlbDriver> {
    let groups = section.required_table("target_groups", GROUPS).and_then(|table| target_groups(table));
    if !section.has("forwards") {
        section.missing("forwards", FORWARDS);
    }
    let forwards = placed(section.tables("forwards"), "arn", forward);
    forwards_together(section, &forwards, groups.as_ref());
    if section.has("forwards") && forwards.is_empty() && section.is_list_or_absent("forwards") {
        section.problem("forwards", "is empty", FORWARDS, None);
    }
    let forwards = unplaced(forwards).filter(|forwards| !forwards.is_empty());
    let profile = section.optional("profile", "the name of a profile of the shared AWS configuration", plain_text);
    let endpoint = section.optional("endpoint", "an http or https URL in place of the region's", url_text);
    region(section, groups.as_ref());
    let unpin_on_rollback = section.optional("unpin_on_rollback", "true or false", boolean).unwrap_or(false);
    let health_check = section.table("health_check").map(health_check).unwrap_or_default();
    Some(AlbDriver { forwards: forwards?, groups: groups?, profile, endpoint, health_check, unpin_on_rollback })
}

fn target_groups(table: Section<'_>) -> Option<PerRole<TargetGroup>> {
    const ARN: &str = "a target group's ARN: \"arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID\"";
    let group = |key| table.required(key, ARN, arn(&[ArnKind::TargetGroup])).map(TargetGroup::new);
    let groups = Some(PerRole { stable: group("stable"), candidate: group("candidate") });
    let groups = groups.and_then(|both| Some(PerRole { stable: both.stable?, candidate: both.candidate? }));
    if let Some(both) = &groups {
        if both.stable.name == both.candidate.name {
            table.problem("candidate", "is the stable environment's group too", "two different groups", None);
        } else if !same_place(&both.stable.arn, &both.candidate.arn) {
            let problem = "is in another region or account than the stable environment's group";
            table.problem("candidate", problem, "two groups of one load balancer", None);
        }
    }
    table.finish();
    groups
}

fn forward(section: Section<'_>) -> Option<AlbForward> {
    const ARN: &str = "\"arn:…:listener-rule/app/…\", or \"arn:…:listener/…\" for its default action and for an NLB";
    let name = section.required("name", "what people call it, such as \"https\"", short_text);
    let arn = section.required("arn", ARN, arn(&[ArnKind::Rule, ArnKind::Listener]));
    section.finish();
    Some(AlbForward { name: name?, arn: arn? })
}

/// An ARN of one of these kinds.
fn arn(kinds: &'static [ArnKind]) -> impl Fn(&DeValue<'_>) -> Read<Arn> {
    move |value| {
        let word = text(value)?;
        let arn = Arn::parse(&word).ok_or_else(|| format!("{word:?} is not an ARN of a load balancer's part"))?;
        if kinds.contains(&arn.kind()) {
            return Ok(arn);
        }
        let what = match arn.kind() {
            ArnKind::TargetGroup => "a target group",
            ArnKind::Listener => "a listener",
            ArnKind::Rule => "a rule",
        };
        Err(format!("{word:?} names {what}").into())
    }
}

/// Each once, in the groups' own region and account.
fn forwards_together(section: &Section<'_>, forwards: &[Placed<AlbForward>], groups: Option<&PerRole<TargetGroup>>) {
    for (index, placed) in forwards.iter().enumerate() {
        let Some(this) = &placed.value else { continue };
        let earlier = forwards[..index].iter().filter_map(|other| other.value.as_ref());
        let twice = earlier.into_iter().find_map(|other| {
            if other.arn == this.arn {
                Some(this.arn.to_string())
            } else {
                (other.name == this.name).then(|| this.name.to_string())
            }
        });
        if let Some(twice) = twice {
            let problem = format!("traffic.forwards: {twice} is there twice");
            section.report().push(placed.span.clone(), problem, "each rule and listener once", None);
        }
        if groups.is_some_and(|groups| !same_place(&groups[Role::Stable].arn, &this.arn)) {
            let problem = format!("traffic.forwards: {} is in another region or account than the groups", this.name);
            section.report().push(placed.span.clone(), problem, "one region and one account", None);
        }
    }
}

fn same_place(one: &Arn, other: &Arn) -> bool {
    one.region() == other.region() && one.account() == other.account()
}

/// The ARNs name the region; whoever writes it besides must not mean another.
fn region(section: &Section<'_>, groups: Option<&PerRole<TargetGroup>>) {
    let allowed = "the region that the ARNs name; it may be left out";
    let given = section.optional("region", allowed, plain_text);
    if let (Some(given), Some(groups)) = (given, groups)
        && given != groups.stable.arn.region()
    {
        let meant = Some(format!("{:?}", groups.stable.arn.region()));
        section.problem("region", &format!("{given:?} is not the groups' region"), allowed, meant);
    }
}

fn health_check(table: Section<'_>) -> HealthCheck {
    let seconds = || duration(Duration::from_secs(1)..=Duration::from_secs(300));
    let count = |value: &DeValue<'_>| {
        let number = whole_number(value)?;
        if (2..=10).contains(&number) { Ok(number as u32) } else { Err(format!("{number} is out of range").into()) }
    };
    let protocol = |value: &DeValue<'_>| Ok(plain_text(value)?.to_ascii_uppercase());
    let check = HealthCheck {
        path: table.optional("path", "a path that starts with /", path_text),
        protocol: table.optional("protocol", "\"HTTP\", \"HTTPS\", \"TCP\", …", protocol),
        port: table.optional("port", "\"traffic-port\" or a number in quotes", plain_text),
        matcher: table.optional("matcher", "statuses as AWS writes them: \"200\", \"200-299\"", plain_text),
        interval: table.optional("interval", "a duration from \"1s\" to \"5m\"", seconds()),
        timeout: table.optional("timeout", "a duration from \"1s\" to \"5m\"", seconds()),
        healthy: table.optional("healthy", "a number from 2 to 10", count),
        unhealthy: table.optional("unhealthy", "a number from 2 to 10", count),
    };
    table.finish();
    check
}
