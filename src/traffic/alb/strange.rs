//! Settings of actions that this version does not know.
//!
//! The SDK passes over elements that it has no field for, and a list that is sent back without them takes them away.
//! So each answer is looked through for them.

use aws_sdk_elasticloadbalancingv2::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_elasticloadbalancingv2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_elasticloadbalancingv2::error::BoxError;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Strange settings that are kept by name; one is reason enough.
const NAMES_MAX: usize = 10;

/// What an action, and what is in it, can have (ELBv2 API reference, `Action`).
const KNOWN: [&str; 46] = [
    "AdditionalClaims",
    "AuthenticateCognitoConfig",
    "AuthenticateOidcConfig",
    "AuthenticationRequestExtraParams",
    "AuthorizationEndpoint",
    "ClientId",
    "ClientSecret",
    "ContentType",
    "DurationSeconds",
    "Enabled",
    "FixedResponseConfig",
    "Format",
    "ForwardConfig",
    "Host",
    "Issuer",
    "JwksEndpoint",
    "JwtValidationConfig",
    "MessageBody",
    "Name",
    "OnUnauthenticatedRequest",
    "Order",
    "Path",
    "Port",
    "Protocol",
    "Query",
    "RedirectConfig",
    "Scope",
    "SessionCookieName",
    "SessionTimeout",
    "StatusCode",
    "TargetGroupArn",
    "TargetGroupStickinessConfig",
    "TargetGroups",
    "TokenEndpoint",
    "Type",
    "UseExistingClientSecret",
    "UserInfoEndpoint",
    "UserPoolArn",
    "UserPoolClientId",
    "UserPoolDomain",
    "Values",
    "Weight",
    // What lists and maps are made of.
    "entry",
    "key",
    "member",
    "value",
];

/// Collects them from the answers of one look.
#[derive(Debug, Clone, Default)]
pub(super) struct Strangers(Arc<Mutex<BTreeSet<String>>>);

impl Strangers {
    /// Those met so far.
    pub fn met(&self) -> BTreeSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Strangers {
    fn name(&self) -> &'static str {
        "Strangers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = String::from_utf8_lossy(context.response().body().bytes().unwrap_or_default());
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = NAMES_MAX.saturating_sub(met.len());
        met.extend(strange(&body).take(left).map(str::to_owned));
        Ok(())
    }
}

/// Elements inside lists of actions that are not known.
fn strange(body: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    body.split('<').skip(1).filter_map(move |part| {
        let name = part.split(['>', ' ', '\t', '\n']).next().unwrap_or_default();
        match name.trim_end_matches('/') {
            "Actions" | "DefaultActions" => inside = !name.ends_with('/'),
            "/Actions" | "/DefaultActions" => inside = false,
            name if inside && !name.starts_with('/') && !KNOWN.contains(&name) => return Some(name),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_a_list_of_actions_counts() {
        const ANSWER: &str = "<R><Rules><member><Priority>1</Priority><Conditions><member><Field>path</Field></member>\
            </Conditions><Actions><member><Type>forward</Type><Order/><Mirror to=\"x\"><TargetGroupArn>a</TargetGroupArn>\
            </Mirror></member></Actions><Transforms/></member><member><Actions/><Tags/></member></Rules></R>";
        assert_eq!(strange(ANSWER).collect::<Vec<_>>(), ["Mirror"]);
        assert_eq!(strange(&ANSWER.replace("Mirror", "ForwardConfig")).count(), 0);
    }
}
