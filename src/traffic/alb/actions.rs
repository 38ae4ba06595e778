//! A rule's list of actions: the weights in it, and the same list with other weights.
//!
//! `ModifyRule` and `ModifyListener` replace the whole list. So it is read, two numbers are changed, and everything
//! else goes back as it came.

use crate::domain::{PerRole, Role};
use crate::plan::{ALB_WEIGHT_MAX, TargetGroup};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, TargetGroupStickinessConfig, TargetGroupTuple,
};

/// What a group has that alone is forwarded to and has no weight written: AWS shows it so, too.
const WEIGHT_ALONE: u32 = 1;

/// The weights of both groups. What does not say is an error, never a zero.
pub(super) fn weights(groups: &PerRole<TargetGroup>, actions: &[Action]) -> Result<PerRole<u32>, String> {
    let forward = &actions[forward_at(actions)?];
    let tuples = tuples_of(forward)?;
    let mut found: PerRole<Option<u32>> = PerRole { stable: None, candidate: None };
    for tuple in &tuples {
        let arn = tuple.target_group_arn.as_deref().unwrap_or_default();
        let weight = weight_of(tuple, tuples.len())?;
        match role_of(groups, arn) {
            Some(role) if found[role].is_some() => return Err(format!("it has {} twice", groups[role].name)),
            Some(role) => found[role] = Some(weight),
            // Nothing goes there: it may stay.
            None if weight == 0 => {}
            None => return Err(format!("it forwards to {}, which the plan does not name", short(arn))),
        }
    }
    if found.stable.is_none() && found.candidate.is_none() {
        return Err("it forwards to neither of the plan's groups".into());
    }
    Ok(PerRole { stable: found.stable.unwrap_or(0), candidate: found.candidate.unwrap_or(0) })
}

/// The same list with these weights, both groups in it; `unpin` turns group stickiness off.
pub(super) fn with_weights(
    groups: &PerRole<TargetGroup>,
    actions: &[Action],
    weights: PerRole<u32>,
    unpin: bool,
) -> Result<Vec<Action>, String> {
    if weights.stable + weights.candidate == 0 {
        return Err("both groups at 0 would answer 503 to everybody".into());
    }
    let at = forward_at(actions)?;
    let mut tuples = tuples_of(&actions[at])?;
    if !tuples.iter().any(|tuple| role_of(groups, tuple.target_group_arn.as_deref().unwrap_or_default()).is_some()) {
        return Err("it forwards to neither of the plan's groups".into());
    }
    for role in Role::BOTH {
        let weight = Some(i32::try_from(weights[role].min(ALB_WEIGHT_MAX)).unwrap_or_default());
        let arn = groups[role].arn.as_str();
        match tuples.iter_mut().find(|tuple| tuple.target_group_arn.as_deref() == Some(arn)) {
            Some(tuple) => tuple.weight = weight,
            None => tuples.push(TargetGroupTuple::builder().target_group_arn(arn).set_weight(weight).build()),
        }
    }
    let mut list = actions.to_vec();
    for action in &mut list {
        // The secret is not in what was read; without this AWS would ask for it.
        if let Some(oidc) = &mut action.authenticate_oidc_config {
            oidc.client_secret = None;
            oidc.use_existing_client_secret = Some(true);
        }
    }
    let forward = &mut list[at];
    let stickiness = stickiness_of(forward).cloned().map(|stickiness| {
        let duration = stickiness.duration_seconds;
        if unpin && stickiness.enabled == Some(true) {
            TargetGroupStickinessConfig::builder().enabled(false).set_duration_seconds(duration).build()
        } else {
            stickiness
        }
    });
    // With two groups AWS takes them only here.
    forward.target_group_arn = None;
    forward.forward_config = Some(
        ForwardActionConfig::builder()
            .set_target_groups(Some(tuples))
            .set_target_group_stickiness_config(stickiness)
            .build(),
    );
    Ok(list)
}

/// How long the group cookie (`AWSALBTG`) pins a client; `None` when it is off.
pub(super) fn pinned_for(actions: &[Action]) -> Option<u32> {
    let forward = &actions[forward_at(actions).ok()?];
    let stickiness = stickiness_of(forward).filter(|stickiness| stickiness.enabled == Some(true))?;
    Some(u32::try_from(stickiness.duration_seconds.unwrap_or_default()).unwrap_or_default())
}

/// Whether a list names the group at all.
pub(super) fn names(actions: &[Action], group: &TargetGroup) -> bool {
    actions.iter().any(|action| {
        let alone = action.target_group_arn.as_deref();
        let tuples = action.forward_config.iter().flat_map(ForwardActionConfig::target_groups);
        alone
            .into_iter()
            .chain(tuples.filter_map(TargetGroupTuple::target_group_arn))
            .any(|arn| arn == group.arn.as_str())
    })
}

/// An action of a kind that did not exist when this was written: its settings were not read and cannot be kept.
pub(super) fn unknown_kind(actions: &[Action]) -> Option<&str> {
    let kind = |action: &Action| match &action.r#type {
        None
        | Some(
            ActionTypeEnum::AuthenticateCognito
            | ActionTypeEnum::AuthenticateOidc
            | ActionTypeEnum::FixedResponse
            | ActionTypeEnum::Forward
            | ActionTypeEnum::JwtValidation
            | ActionTypeEnum::Redirect,
        ) => false,
        Some(_) => true,
    };
    actions.iter().find(|action| kind(action)).and_then(|action| action.r#type.as_ref()).map(ActionTypeEnum::as_str)
}

fn forward_at(actions: &[Action]) -> Result<usize, String> {
    let is_forward = |action: &Action| action.r#type == Some(ActionTypeEnum::Forward);
    let mut forwards = actions.iter().enumerate().filter(|(_, action)| is_forward(action));
    match (forwards.next(), forwards.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some(_), Some(_)) => Err("it has several forward actions".into()),
        (None, _) => {
            let kinds: Vec<&str> =
                actions.iter().filter_map(|action| action.r#type.as_ref()).map(ActionTypeEnum::as_str).collect();
            Err(format!(
                "it does not forward at all: {}",
                if kinds.is_empty() { "no action".into() } else { kinds.join(", ") }
            ))
        }
    }
}

/// The groups of a forward action, in whichever of its three forms it came.
fn tuples_of(forward: &Action) -> Result<Vec<TargetGroupTuple>, String> {
    let tuples = forward.forward_config.as_ref().map(ForwardActionConfig::target_groups).unwrap_or_default();
    match (&forward.target_group_arn, tuples) {
        (None, []) => Err("its forward action names no group".into()),
        (None, tuples) => Ok(tuples.to_vec()),
        (Some(arn), []) => Ok(vec![TargetGroupTuple::builder().target_group_arn(arn).build()]),
        (Some(arn), [tuple]) if tuple.target_group_arn.as_ref() == Some(arn) => Ok(vec![tuple.clone()]),
        (Some(arn), _) => Err(format!("its forward action contradicts itself: {} alone, and other groups", short(arn))),
    }
}

fn weight_of(tuple: &TargetGroupTuple, of: usize) -> Result<u32, String> {
    let arn = tuple.target_group_arn.as_deref().unwrap_or_default();
    match tuple.weight {
        None if of == 1 => Ok(WEIGHT_ALONE),
        None => Err(format!("{} has no weight: unknown, not 0", short(arn))),
        Some(weight) => match u32::try_from(weight) {
            Ok(weight) if weight <= ALB_WEIGHT_MAX => Ok(weight),
            _ => Err(format!("{} has the weight {weight}, which there is not", short(arn))),
        },
    }
}

fn role_of(groups: &PerRole<TargetGroup>, arn: &str) -> Option<Role> {
    Role::BOTH.into_iter().find(|role| groups[*role].arn.as_str() == arn)
}

fn stickiness_of(forward: &Action) -> Option<&TargetGroupStickinessConfig> {
    forward.forward_config.as_ref()?.target_group_stickiness_config.as_ref()
}

/// `green-prod` of a group's ARN.
pub(super) fn short(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

#[cfg(test)]
mod tests;
