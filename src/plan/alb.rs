//! An AWS load balancer as the plan names it: rules and listeners that forward to two target groups.

use crate::domain::{Clean, Layout, PerRole, Role, Slot, Weights};
use std::fmt;
use std::time::Duration;

/// A target group's weight goes from 0 to 999 (API reference, `TargetGroupTuple`).
pub const ALB_WEIGHT_MAX: u32 = 999;

/// Rules and listeners that are switched as one.
#[derive(Debug, Clone)]
pub struct AlbDriver {
    /// What forwards, at least one.
    pub forwards: Vec<AlbForward>,
    /// The two groups.
    pub groups: PerRole<TargetGroup>,
    /// Profile of the shared configuration; `None` takes what the AWS tools would.
    pub profile: Option<String>,
    /// Another endpoint than the region's; `None` takes what the AWS tools would (`AWS_ENDPOINT_URL`).
    pub endpoint: Option<String>,
    /// What both groups' health checks must be.
    pub health_check: HealthCheck,
    /// Whether a rollback turns group stickiness off, so that pinned clients come back too.
    pub unpin_on_rollback: bool,
}

/// A rule or a listener's default action.
#[derive(Debug, Clone)]
pub struct AlbForward {
    /// What people call it.
    pub name: Clean,
    /// The rule or listener.
    pub arn: Arn,
}

/// A target group.
#[derive(Debug, Clone)]
pub struct TargetGroup {
    /// Its name: unique in its account and region.
    pub name: String,
    /// Its ARN.
    pub arn: Arn,
}

/// Health-check settings that a target group must have; `None` is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthCheck {
    /// The path.
    pub path: Option<String>,
    /// `HTTP`, `HTTPS`, `TCP`, …
    pub protocol: Option<String>,
    /// `traffic-port` or a number.
    pub port: Option<String>,
    /// Statuses that are healthy, as AWS writes them: `200`, `200-299`.
    pub matcher: Option<String>,
    /// Time between two checks.
    pub interval: Option<Duration>,
    /// Limit of one check.
    pub timeout: Option<Duration>,
    /// Good answers in a row that make a target healthy.
    pub healthy: Option<u32>,
    /// Bad answers in a row that make it unhealthy.
    pub unhealthy: Option<u32>,
}

/// What an ARN of this API names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArnKind {
    /// `…:targetgroup/NAME/ID`.
    TargetGroup,
    /// `…:listener/app/LB/ID/ID`, or `net`.
    Listener,
    /// `…:listener-rule/app/LB/ID/ID/ID`.
    Rule,
}

/// An ARN of the load balancing API, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arn {
    text: String,
    kind: ArnKind,
    region: String,
    account: String,
}

impl Arn {
    /// Takes an ARN apart; `None` when it is not one of this API's target groups, listeners and rules.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts.as_slice() else { return None };
        let word = |part: &str, marks: &[u8]| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || marks.contains(&b))
        };
        let fits = *arn == "arn"
            && partition.starts_with("aws")
            && word(partition, b"-")
            && *service == "elasticloadbalancing"
            && word(region, b"-")
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit());
        let pieces: Vec<&str> = resource.split('/').collect();
        let kind = match pieces.as_slice() {
            ["targetgroup", _, _] => ArnKind::TargetGroup,
            ["listener", "app" | "net", _, _, _] => ArnKind::Listener,
            ["listener-rule", "app", _, _, _, _] => ArnKind::Rule,
            _ => return None,
        };
        let all_words = pieces.iter().all(|piece| word(piece, b"-"));
        (fits && all_words).then(|| Self {
            text: text.to_owned(),
            kind,
            region: (*region).to_owned(),
            account: (*account).to_owned(),
        })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it names.
    pub fn kind(&self) -> ArnKind {
        self.kind
    }

    /// Its region: `eu-west-1`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Its account's number.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The name in a target group's ARN.
    fn name(&self) -> &str {
        self.text.split('/').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TargetGroup {
    /// A group by its ARN.
    pub fn new(arn: Arn) -> Self {
        Self { name: arn.name().to_owned(), arn }
    }
}

impl AlbDriver {
    /// One node for each rule and listener, one slot for each of its two groups.
    pub(super) fn layout(&self) -> Layout {
        let slots = |node| Role::BOTH.map(|role| (Slot { node, name: self.groups[role].name.clone() }, role));
        Layout {
            nodes: self.forwards.iter().map(|forward| forward.name.clone()).collect(),
            slots: (0..self.forwards.len()).flat_map(slots).collect(),
            weights: Weights::Relative { max: ALB_WEIGHT_MAX },
        }
    }

    /// What only one keeper may hold. Another endpoint is another world with the same names.
    pub(super) fn identities(&self) -> Vec<String> {
        let endpoint = self.endpoint.as_deref().map_or_else(String::new, |url| format!(" at {url}"));
        self.forwards.iter().map(|forward| format!("alb {}{endpoint}", forward.arn)).collect()
    }

    /// The region that everything is in.
    pub fn region(&self) -> &str {
        self.groups.stable.arn.region()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_this_api_are_taken_apart_and_others_are_not() {
        let rule = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/prod/50dc/f2f7/9683";
        let arn = Arn::parse(rule).expect("a rule");
        assert_eq!((arn.kind(), arn.region(), arn.account()), (ArnKind::Rule, "us-east-1", "123456789012"));
        let network = "arn:aws-cn:elasticloadbalancing:cn-north-1:123456789012:listener/net/prod/50dc/f2f7";
        assert!(Arn::parse(network).is_some_and(|arn| arn.kind() == ArnKind::Listener));
        let group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green-prod/73e2";
        assert_eq!(TargetGroup::new(Arn::parse(group).expect("a group")).name, "green-prod");
        for wrong in [
            "",
            "green-prod",
            "arn:aws:elasticloadbalancing:us-east-1:...:listener-rule/app/prod/...",
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/prod/50dc",
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green-prod",
            "arn:aws:elasticloadbalancing:us-east-1:12345678901:targetgroup/green-prod/73e2",
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green'prod/73e2",
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/net/prod/50dc/f2f7/9683",
            "arn:aws:ec2:us-east-1:123456789012:targetgroup/green-prod/73e2",
        ] {
            assert_eq!(Arn::parse(wrong), None, "{wrong}");
        }
    }
}
