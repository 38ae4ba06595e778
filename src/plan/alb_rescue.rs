//! The rescue card of an AWS load balancer: `aws elbv2` as it is really taken.

use super::rescue::quoted;
use super::{ALB_WEIGHT_MAX, AlbDriver, AlbForward, ArnKind};
use std::fmt::Write as _;

/// Longest time that one call of the card may wait for its answer, in seconds.
const CALL_SECONDS: u32 = 10;

/// For each rule and listener two ways: one that keeps everything else of its action list, and one that needs nothing
/// but the AWS tools. Both groups stay, 0 is sent explicitly: a group that nothing forwards to loses its health checks.
pub(super) fn alb_card(alb: &AlbDriver) -> String {
    let aws = tools(alb);
    let groups = groups(alb);
    let mut card = String::from("  # needs the AWS tools, and jq to keep authentication and order\n");
    // As the plan's own rollback has it. Where it is off already, nothing changes.
    let unpins = if alb.unpin_on_rollback {
        card.push_str(
            "  # turns group stickiness off, by unpin_on_rollback: on again afterwards. Where AWS refuses that because of \
             target stickiness, take the part with Enabled out\n",
        );
        " | if .ForwardConfig.TargetGroupStickinessConfig.Enabled then \
         .ForwardConfig.TargetGroupStickinessConfig.Enabled=false else . end"
    } else {
        card.push_str("  # keeps group stickiness: pinned clients stay on the candidate until their cookie ends\n");
        ""
    };
    for forward in &alb.forwards {
        let call = Call::of(forward);
        let arn = forward.arn.as_str();
        let edit = quoted(&format!(
            "map(if .Type==\"forward\" then del(.TargetGroupArn) | .ForwardConfig.TargetGroups={groups}{unpins} \
             else . end | if .AuthenticateOidcConfig then .AuthenticateOidcConfig.UseExistingClientSecret=true else . end)"
        ));
        let _ = writeln!(
            card,
            "  actions=$({aws} {} {} {arn} --query {} --output json | jq -c {edit}) && \\\n    \
             {aws} {} {} {arn} {} \"$actions\"",
            call.describe,
            call.several,
            quoted(call.list),
            call.modify,
            call.one,
            call.actions
        );
        let _ = writeln!(
            card,
            "  {aws} {} {} {arn} --query {}    # must say 0 for {}",
            call.describe,
            call.several,
            quoted(call.list),
            alb.groups.candidate.name
        );
    }
    card.push_str(
        "  # without jq, where the rule has no other action: this replaces its whole list, and turns group stickiness \
         off\n",
    );
    for forward in &alb.forwards {
        let call = Call::of(forward);
        let actions = quoted(&format!("[{{\"Type\":\"forward\",\"ForwardConfig\":{{\"TargetGroups\":{groups}}}}}]"));
        let _ = writeln!(card, "  {aws} {} {} {} {} {actions}", call.modify, call.one, forward.arn, call.actions);
    }
    if alb.forwards.iter().any(|forward| forward.arn.kind() == ArnKind::Rule) {
        card.push_str(
            "  # OperationNotPermitted: the rule is the default one of its listener. There modify-listener with \
             --listener-arn and --default-actions\n",
        );
    }
    card
}

/// The words of one call.
struct Call {
    describe: &'static str,
    several: &'static str,
    list: &'static str,
    modify: &'static str,
    one: &'static str,
    actions: &'static str,
}

impl Call {
    fn of(forward: &AlbForward) -> Self {
        match forward.arn.kind() {
            ArnKind::Rule => Self {
                describe: "describe-rules",
                several: "--rule-arns",
                list: "Rules[0].Actions",
                modify: "modify-rule",
                one: "--rule-arn",
                actions: "--actions",
            },
            ArnKind::Listener | ArnKind::TargetGroup => Self {
                describe: "describe-listeners",
                several: "--listener-arns",
                list: "Listeners[0].DefaultActions",
                modify: "modify-listener",
                one: "--listener-arn",
                actions: "--default-actions",
            },
        }
    }
}

/// `aws elbv2` with where it goes and how long it waits. Without a pager, which would take the pasted lines for its own.
fn tools(alb: &AlbDriver) -> String {
    let mut aws = format!("AWS_PAGER= aws --cli-connect-timeout {CALL_SECONDS} --cli-read-timeout {CALL_SECONDS}");
    let _ = write!(aws, " --region {}", alb.region());
    for (flag, value) in [("--profile", &alb.profile), ("--endpoint-url", &alb.endpoint)] {
        if let Some(value) = value {
            let _ = write!(aws, " {flag} {}", quoted(value));
        }
    }
    aws + " elbv2"
}

fn groups(alb: &AlbDriver) -> String {
    let group = |arn: &super::Arn, weight: u32| format!("{{\"TargetGroupArn\":\"{arn}\",\"Weight\":{weight}}}");
    let (stable, candidate) = (&alb.groups.stable.arn, &alb.groups.candidate.arn);
    format!("[{},{}]", group(stable, ALB_WEIGHT_MAX), group(candidate, 0))
}
