//! A list of actions as text: as the AWS tools take it, as the journal keeps it, and back again.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConfig, AuthenticateOidcActionConfig, FixedResponseActionConfig,
    ForwardActionConfig, JwtValidationActionAdditionalClaim, JwtValidationActionConfig, RedirectActionConfig,
    TargetGroupStickinessConfig, TargetGroupTuple,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// A list as `aws elbv2 modify-rule --actions` takes it.
pub(super) fn as_json(actions: &[Action]) -> Value {
    Value::Array(actions.iter().map(action_json).collect())
}

/// The list that [`as_json`] made this of; `None` where it would not come to the same again.
pub(super) fn from_json(list: &Value) -> Option<Vec<Action>> {
    let actions: Vec<Action> = list.as_array()?.iter().map(action_of).collect();
    (as_json(&actions) == *list).then_some(actions)
}

fn action_json(action: &Action) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "Type", action.r#type.as_ref().map(ActionTypeEnum::as_str));
    put(&mut fields, "Order", action.order);
    put(&mut fields, "TargetGroupArn", action.target_group_arn.as_deref());
    put(&mut fields, "ForwardConfig", action.forward_config.as_ref().map(forward_json));
    put(&mut fields, "AuthenticateOidcConfig", action.authenticate_oidc_config.as_ref().map(oidc_json));
    put(&mut fields, "AuthenticateCognitoConfig", action.authenticate_cognito_config.as_ref().map(cognito_json));
    put(&mut fields, "JwtValidationConfig", action.jwt_validation_config.as_ref().map(jwt_json));
    put(&mut fields, "RedirectConfig", action.redirect_config.as_ref().map(redirect_json));
    put(&mut fields, "FixedResponseConfig", action.fixed_response_config.as_ref().map(fixed_json));
    Value::Object(fields)
}

fn action_of(fields: &Value) -> Action {
    Action::builder()
        .set_type(text(fields, "Type").map(|kind| ActionTypeEnum::from(kind.as_str())))
        .set_order(number(fields, "Order"))
        .set_target_group_arn(text(fields, "TargetGroupArn"))
        .set_forward_config(fields.get("ForwardConfig").map(forward_of))
        .set_authenticate_oidc_config(fields.get("AuthenticateOidcConfig").map(oidc_of))
        .set_authenticate_cognito_config(fields.get("AuthenticateCognitoConfig").map(cognito_of))
        .set_jwt_validation_config(fields.get("JwtValidationConfig").map(jwt_of))
        .set_redirect_config(fields.get("RedirectConfig").map(redirect_of))
        .set_fixed_response_config(fields.get("FixedResponseConfig").map(fixed_of))
        .build()
}

fn forward_json(forward: &ForwardActionConfig) -> Value {
    let groups = forward.target_groups().iter().map(|tuple| {
        let mut fields = Map::new();
        put(&mut fields, "TargetGroupArn", tuple.target_group_arn.as_deref());
        put(&mut fields, "Weight", tuple.weight);
        Value::Object(fields)
    });
    let mut fields = Map::new();
    fields.insert("TargetGroups".into(), groups.collect());
    let stickiness = forward.target_group_stickiness_config.as_ref().map(|stickiness| {
        let mut fields = Map::new();
        put(&mut fields, "Enabled", stickiness.enabled);
        put(&mut fields, "DurationSeconds", stickiness.duration_seconds);
        Value::Object(fields)
    });
    put(&mut fields, "TargetGroupStickinessConfig", stickiness);
    Value::Object(fields)
}

fn forward_of(fields: &Value) -> ForwardActionConfig {
    let tuple = |fields: &Value| {
        TargetGroupTuple::builder()
            .set_target_group_arn(text(fields, "TargetGroupArn"))
            .set_weight(number(fields, "Weight"))
            .build()
    };
    let stickiness = |fields: &Value| {
        TargetGroupStickinessConfig::builder()
            .set_enabled(fields.get("Enabled").and_then(Value::as_bool))
            .set_duration_seconds(number(fields, "DurationSeconds"))
            .build()
    };
    ForwardActionConfig::builder()
        .set_target_groups(Some(items(fields, "TargetGroups").iter().map(tuple).collect()))
        .set_target_group_stickiness_config(fields.get("TargetGroupStickinessConfig").map(stickiness))
        .build()
}

/// Its secret is never shown: what AWS has of it stays.
fn oidc_json(oidc: &AuthenticateOidcActionConfig) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "Issuer", oidc.issuer.as_deref());
    put(&mut fields, "AuthorizationEndpoint", oidc.authorization_endpoint.as_deref());
    put(&mut fields, "TokenEndpoint", oidc.token_endpoint.as_deref());
    put(&mut fields, "UserInfoEndpoint", oidc.user_info_endpoint.as_deref());
    put(&mut fields, "ClientId", oidc.client_id.as_deref());
    put(&mut fields, "SessionCookieName", oidc.session_cookie_name.as_deref());
    put(&mut fields, "Scope", oidc.scope.as_deref());
    put(&mut fields, "SessionTimeout", oidc.session_timeout);
    put(&mut fields, EXTRA, oidc.authentication_request_extra_params.as_ref().map(parameters_json));
    put(&mut fields, ON_UNAUTHENTICATED, oidc.on_unauthenticated_request.as_ref().map(|on| on.as_str()));
    fields.insert("UseExistingClientSecret".into(), true.into());
    Value::Object(fields)
}

fn oidc_of(fields: &Value) -> AuthenticateOidcActionConfig {
    AuthenticateOidcActionConfig::builder()
        .set_issuer(text(fields, "Issuer"))
        .set_authorization_endpoint(text(fields, "AuthorizationEndpoint"))
        .set_token_endpoint(text(fields, "TokenEndpoint"))
        .set_user_info_endpoint(text(fields, "UserInfoEndpoint"))
        .set_client_id(text(fields, "ClientId"))
        .set_session_cookie_name(text(fields, "SessionCookieName"))
        .set_scope(text(fields, "Scope"))
        .set_session_timeout(fields.get("SessionTimeout").and_then(Value::as_i64))
        .set_authentication_request_extra_params(fields.get(EXTRA).map(parameters_of))
        .set_on_unauthenticated_request(text(fields, ON_UNAUTHENTICATED).map(|on| on.as_str().into()))
        .use_existing_client_secret(true)
        .build()
}

fn cognito_json(cognito: &AuthenticateCognitoActionConfig) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "UserPoolArn", cognito.user_pool_arn.as_deref());
    put(&mut fields, "UserPoolClientId", cognito.user_pool_client_id.as_deref());
    put(&mut fields, "UserPoolDomain", cognito.user_pool_domain.as_deref());
    put(&mut fields, "SessionCookieName", cognito.session_cookie_name.as_deref());
    put(&mut fields, "Scope", cognito.scope.as_deref());
    put(&mut fields, "SessionTimeout", cognito.session_timeout);
    put(&mut fields, EXTRA, cognito.authentication_request_extra_params.as_ref().map(parameters_json));
    put(&mut fields, ON_UNAUTHENTICATED, cognito.on_unauthenticated_request.as_ref().map(|on| on.as_str()));
    Value::Object(fields)
}

fn cognito_of(fields: &Value) -> AuthenticateCognitoActionConfig {
    AuthenticateCognitoActionConfig::builder()
        .set_user_pool_arn(text(fields, "UserPoolArn"))
        .set_user_pool_client_id(text(fields, "UserPoolClientId"))
        .set_user_pool_domain(text(fields, "UserPoolDomain"))
        .set_session_cookie_name(text(fields, "SessionCookieName"))
        .set_scope(text(fields, "Scope"))
        .set_session_timeout(fields.get("SessionTimeout").and_then(Value::as_i64))
        .set_authentication_request_extra_params(fields.get(EXTRA).map(parameters_of))
        .set_on_unauthenticated_request(text(fields, ON_UNAUTHENTICATED).map(|on| on.as_str().into()))
        .build()
}

fn jwt_json(jwt: &JwtValidationActionConfig) -> Value {
    let claims = jwt.additional_claims().iter().map(|claim| {
        let mut fields = Map::new();
        put(&mut fields, "Format", claim.format.as_ref().map(|format| format.as_str()));
        put(&mut fields, "Name", claim.name.as_deref());
        put(&mut fields, "Values", claim.values.clone());
        Value::Object(fields)
    });
    let mut fields = Map::new();
    put(&mut fields, "JwksEndpoint", jwt.jwks_endpoint.as_deref());
    put(&mut fields, "Issuer", jwt.issuer.as_deref());
    put(&mut fields, "AdditionalClaims", jwt.additional_claims.as_ref().map(|_| claims.collect::<Vec<_>>()));
    Value::Object(fields)
}

fn jwt_of(fields: &Value) -> JwtValidationActionConfig {
    let claim = |fields: &Value| {
        let values = fields.get("Values").and_then(Value::as_array);
        let values = values.map(|values| values.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        JwtValidationActionAdditionalClaim::builder()
            .set_format(text(fields, "Format").map(|format| format.as_str().into()))
            .set_name(text(fields, "Name"))
            .set_values(values)
            .build()
    };
    let claims = fields.get("AdditionalClaims").and_then(Value::as_array);
    JwtValidationActionConfig::builder()
        .set_jwks_endpoint(text(fields, "JwksEndpoint"))
        .set_issuer(text(fields, "Issuer"))
        .set_additional_claims(claims.map(|claims| claims.iter().map(claim).collect()))
        .build()
}

fn redirect_json(redirect: &RedirectActionConfig) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "Protocol", redirect.protocol.as_deref());
    put(&mut fields, "Port", redirect.port.as_deref());
    put(&mut fields, "Host", redirect.host.as_deref());
    put(&mut fields, "Path", redirect.path.as_deref());
    put(&mut fields, "Query", redirect.query.as_deref());
    put(&mut fields, "StatusCode", redirect.status_code.as_ref().map(|code| code.as_str()));
    Value::Object(fields)
}

fn redirect_of(fields: &Value) -> RedirectActionConfig {
    RedirectActionConfig::builder()
        .set_protocol(text(fields, "Protocol"))
        .set_port(text(fields, "Port"))
        .set_host(text(fields, "Host"))
        .set_path(text(fields, "Path"))
        .set_query(text(fields, "Query"))
        .set_status_code(text(fields, "StatusCode").map(|code| code.as_str().into()))
        .build()
}

fn fixed_json(fixed: &FixedResponseActionConfig) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "MessageBody", fixed.message_body.as_deref());
    put(&mut fields, "StatusCode", fixed.status_code.as_deref());
    put(&mut fields, "ContentType", fixed.content_type.as_deref());
    Value::Object(fields)
}

fn fixed_of(fields: &Value) -> FixedResponseActionConfig {
    FixedResponseActionConfig::builder()
        .set_message_body(text(fields, "MessageBody"))
        .set_status_code(text(fields, "StatusCode"))
        .set_content_type(text(fields, "ContentType"))
        .build()
}

const EXTRA: &str = "AuthenticationRequestExtraParams";
const ON_UNAUTHENTICATED: &str = "OnUnauthenticatedRequest";

/// Only what is there: an absent field is not the same as an empty one.
fn put(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

fn text(fields: &Value, name: &str) -> Option<String> {
    fields.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn number(fields: &Value, name: &str) -> Option<i32> {
    fields.get(name).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok())
}

fn items<'a>(fields: &'a Value, name: &str) -> &'a [Value] {
    fields.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn parameters_json(parameters: &HashMap<String, String>) -> Value {
    let sorted: BTreeMap<_, _> = parameters.iter().collect();
    Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
}

fn parameters_of(fields: &Value) -> HashMap<String, String> {
    let pairs = fields.as_object().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn every_kind() -> Value {
        json!([
            {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
                "Issuer": "https://id", "AuthorizationEndpoint": "https://id/a", "TokenEndpoint": "https://id/t",
                "UserInfoEndpoint": "https://id/me", "ClientId": "c", "SessionCookieName": "s", "Scope": "openid",
                "SessionTimeout": 604_800, "AuthenticationRequestExtraParams": {"display": "page", "prompt": "login"},
                "OnUnauthenticatedRequest": "authenticate", "UseExistingClientSecret": true}},
            {"Type": "authenticate-cognito", "Order": 2, "AuthenticateCognitoConfig": {
                "UserPoolArn": "arn:p", "UserPoolClientId": "c", "UserPoolDomain": "d", "SessionCookieName": "s",
                "Scope": "openid", "SessionTimeout": 60, "AuthenticationRequestExtraParams": {"a": "b"},
                "OnUnauthenticatedRequest": "deny"}},
            {"Type": "jwt-validation", "Order": 3, "JwtValidationConfig": {
                "JwksEndpoint": "https://id/keys", "Issuer": "https://id",
                "AdditionalClaims": [{"Format": "string-array", "Name": "groups", "Values": ["ops", "dev"]}]}},
            {"Type": "redirect", "Order": 4, "RedirectConfig": {
                "Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}",
                "StatusCode": "HTTP_302"}},
            {"Type": "fixed-response", "Order": 5, "FixedResponseConfig": {
                "MessageBody": "closed", "StatusCode": "503", "ContentType": "text/plain"}},
            {"Type": "forward", "Order": 6, "TargetGroupArn": "arn:g"},
            {"Type": "forward", "Order": 7, "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": "arn:g", "Weight": 0}, {"TargetGroupArn": "arn:b"}],
                "TargetGroupStickinessConfig": {"Enabled": true, "DurationSeconds": 3600}}},
        ])
    }

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let list = every_kind();
        let actions = from_json(&list).expect("it is ours");
        assert_eq!(as_json(&actions), list);
        assert_eq!(actions.len(), 7);
    }

    #[test]
    fn what_would_lose_anything_is_not_taken() {
        for (place, value) in [
            ("/0/Order", json!("first")),
            ("/0/AuthenticateOidcConfig/SessionTimeout", json!("long")),
            ("/1/AuthenticateCognitoConfig/AuthenticationRequestExtraParams/a", json!(1)),
            ("/2/JwtValidationConfig/AdditionalClaims/0/Values/1", json!(7)),
            ("/6/ForwardConfig/TargetGroups/0/Weight", json!(4_294_967_296_i64)),
            ("/6/ForwardConfig/TargetGroups/0", json!({"TargetGroupArn": "arn:g", "Weight": 0, "Mirror": 5})),
        ] {
            let mut list = every_kind();
            *list.pointer_mut(place).expect(place) = value;
            assert_eq!(from_json(&list), None, "{place}");
        }
        assert_eq!(from_json(&json!({"Type": "forward"})), None);
    }
}
