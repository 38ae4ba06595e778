//! A load balancer on moto with the two groups of a cutover.

use super::moto::{Moto, forward};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConditionalBehaviorEnum, AuthenticateCognitoActionConfig,
    AuthenticateOidcActionConfig, ProtocolEnum, Rule,
};
use std::fmt::Write as _;
use std::path::Path;
use warroom::plan::{Plan, load};

/// moto with a balancer and two groups; rules are each test's own.
pub struct Stage {
    pub moto: Moto,
    pub balancer: String,
    pub blue: String,
    pub green: String,
}

impl Stage {
    #[track_caller]
    pub fn new(network: bool) -> Self {
        Self::on(Moto::shared(), network)
    }

    #[track_caller]
    pub fn on(moto: Moto, network: bool) -> Self {
        let protocol = if network { ProtocolEnum::Tcp } else { ProtocolEnum::Http };
        let balancer = moto.balancer(&moto.name("prod"), network);
        let green = moto.group(&moto.name("green"), &protocol, 3);
        let blue = moto.group(&moto.name("blue"), &protocol, 2);
        Self { moto, balancer, blue, green }
    }

    /// A forward to both: green is stable.
    pub fn both(&self, green: i32, blue: i32) -> Action {
        forward(&[(&self.green, Some(green)), (&self.blue, Some(blue))], None)
    }

    /// Both groups' weights as [`weights`] gives them.
    pub fn weights(&self, green: i32, blue: i32) -> [(String, Option<i32>); 2] {
        [(self.moto.name("green"), Some(green)), (self.moto.name("blue"), Some(blue))]
    }

    #[track_caller]
    pub fn http(&self, port: i32, actions: Vec<Action>) -> String {
        self.moto.listener(&self.balancer, ProtocolEnum::Http, port, actions)
    }

    pub fn plan(&self, forwards: &[(&str, &str)], more: &str) -> Plan {
        let mut traffic = format!(
            "[traffic]\ndriver = \"alb\"\ntimeout = \"2s\"\nlateness = \"1s\"\nendpoint = \"{}\"\n{more}\n\
             [traffic.target_groups]\nstable = \"{}\"\ncandidate = \"{}\"\n",
            self.moto.endpoint(),
            self.green,
            self.blue
        );
        for (name, arn) in forwards {
            let _ = write!(traffic, "[[traffic.forwards]]\nname = \"{name}\"\narn = \"{arn}\"\n");
        }
        let text = format!(
            "version = 1\nname = \"checkout\"\ntarget = \"test\"\n\
             [environments.stable]\nlabel = \"v1\"\ncolour = \"green\"\nurl = \"http://green\"\nmetrics = [\"http://green/metrics\"]\n\
             [environments.candidate]\nlabel = \"v2\"\ncolour = \"blue\"\nurl = \"http://blue\"\nmetrics = [\"http://blue/metrics\"]\n\
             {traffic}[metrics.requests]\nmetric = \"http_requests_total\"\n[[steps]]\nsplit = \"100 %\"\nbake = \"0s\"\n\
             [[checks]]\nname = \"balancer\"\nkind = \"balancer\"\n"
        );
        load(Path::new("alb.toml"), &text).unwrap_or_else(|errors| panic!("{errors}"))
    }
}

/// Everything of a rule but the two weights, and a secret that AWS never shows.
pub fn but_weights(rule: &Rule) -> (Option<String>, String, String) {
    let mut actions = rule.actions().to_vec();
    for action in &mut actions {
        for tuple in action.forward_config.iter_mut().flat_map(|config| config.target_groups.iter_mut().flatten()) {
            tuple.weight = None;
        }
        if let Some(oidc) = &mut action.authenticate_oidc_config {
            (oidc.client_secret, oidc.use_existing_client_secret) = (None, None);
        }
    }
    (rule.priority.clone(), format!("{:?}", rule.conditions()), format!("{actions:?}"))
}

pub fn oidc() -> Action {
    let config = AuthenticateOidcActionConfig::builder()
        .issuer("https://id.example.com")
        .authorization_endpoint("https://id.example.com/authorize")
        .token_endpoint("https://id.example.com/token")
        .user_info_endpoint("https://id.example.com/me")
        .client_id("console")
        .client_secret("of-the-issuer")
        .session_cookie_name("sign-in")
        .scope("openid")
        .session_timeout(3600)
        .build();
    Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).order(1).authenticate_oidc_config(config).build()
}

pub fn cognito() -> Action {
    let config = AuthenticateCognitoActionConfig::builder()
        .user_pool_arn("arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_staff")
        .user_pool_client_id("4p5q6r")
        .user_pool_domain("staff")
        .session_cookie_name("staff-sign-in")
        .scope("openid email")
        .session_timeout(1800)
        .authentication_request_extra_params("prompt", "login")
        .authentication_request_extra_params("display", "page")
        .on_unauthenticated_request(AuthenticateCognitoActionConditionalBehaviorEnum::Deny)
        .build();
    Action::builder().r#type(ActionTypeEnum::AuthenticateCognito).order(1).authenticate_cognito_config(config).build()
}

pub fn ordered(action: Action, order: i32) -> Action {
    let mut action = action;
    action.order = Some(order);
    action
}
