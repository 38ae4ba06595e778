//! P2's cutover over an AWS load balancer: the sample plan against moto.

use super::{BINARY, Home, KEYS, Moto, Running, Stage, Terminal, World, forward, oidc, ordered, post, weights};
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, FixedResponseActionConfig};
use std::path::{Path, PathBuf};

/// The sample plan on this stage, with the embedded world's two apps as the environments. moto moves no traffic, so the
/// world's proxy stands for the load balancer's data plane.
pub struct Cutover {
    pub stage: Stage,
    pub home: Home,
    pub world: World,
    pub https: String,
    pub rule: String,
    pub listener: String,
    pub plan: PathBuf,
}

impl Cutover {
    #[track_caller]
    pub fn new(moto: Moto) -> Self {
        let stage = Stage::on(moto, false);
        let https = FixedResponseActionConfig::builder().status_code("404").build();
        let https = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(https).build();
        let https = stage.http(8443, vec![https]);
        let before = forward(&[(&stage.green, Some(100)), (&stage.blue, Some(0))], Some((false, 1)));
        let rule = stage.moto.rule(&https, 10, "app.example.com", vec![oidc(), ordered(before, 2)]);
        let listener = stage.http(80, vec![stage.both(100, 0)]);
        let mut home = Home::new();
        home.env = KEYS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let world = World::start(&home, "healthy", "1", "40");
        let text = Self::text(&stage, &world, &rule, &listener);
        let plan = home.write("alb.toml", &text);
        Self { stage, home, world, https, rule, listener, plan }
    }

    /// `config/alb.toml` with this stage's addresses and short bakes.
    fn text(stage: &Stage, world: &World, rule: &str, listener: &str) -> String {
        let sample = include_str!("../../config/alb.toml");
        let (head, rest) = sample.split_once("[sampler]\n").expect("a sampler");
        let (_, rest) = rest.split_once("[metrics]\n").expect("metrics");
        let text = format!("{head}[metrics]\n{rest}");
        let arn = |part: &str| {
            let from =
                text.find(&format!("\"arn:aws:elasticloadbalancing:us-east-1:123456789012:{part}")).expect(part) + 1;
            text[from..].split('"').next().expect("its end").to_owned()
        };
        [
            (arn("targetgroup/green-prod"), stage.green.as_str()),
            (arn("targetgroup/blue-prod"), &stage.blue),
            (arn("listener-rule/"), rule),
            (arn("listener/"), listener),
            ("green-app:3000".into(), &world.stable),
            ("blue-app:3000".into(), &world.candidate),
            ("bake = \"60s\"".into(), "bake = \"1s\""),
            ("bake = \"120s\"".into(), "bake = \"1s\""),
            ("lateness = \"10s\"".into(), "lateness = \"1s\""),
            ("health = \"5s\"".into(), "health = \"2s\""),
            ("driver = \"alb\"".into(), &format!("driver = \"alb\"\nendpoint = \"{}\"", stage.moto.endpoint())),
        ]
        .into_iter()
        .fold(text, |text, (from, to)| text.replace(&from, to))
    }

    /// Changes the plan's text.
    #[track_caller]
    pub fn change(&self, change: impl FnOnce(&str) -> String) {
        let text = std::fs::read_to_string(&self.plan).expect("the plan");
        let changed = change(&text);
        assert_ne!(changed, text);
        self.home.write("alb.toml", &changed);
    }

    /// Has requests go through the world's proxy, so that somebody sees where they end.
    #[track_caller]
    pub fn sample(&self) {
        let (_, sampler) = self.world.plan.split_once("[sampler]\n").expect("a sampler");
        let (sampler, _) = sampler.split_once("[metrics]\n").expect("metrics");
        let sampler = sampler.replace("rate = \"10/s\"", "rate = \"5/s\"");
        self.change(|text| text.replace("[metrics]\n", &format!("[sampler]\n{sampler}[metrics]\n")));
    }

    #[track_caller]
    pub fn run(&self) -> Running {
        self.home.run_plan(&self.plan, "alice")
    }

    /// A console on a terminal: it starts the keeper, or finds it.
    #[track_caller]
    pub fn console(&self) -> Terminal {
        let state = self.home.state().display().to_string();
        let mut variables = vec![("WARROOM_STATE_DIR", state.as_str())];
        variables.extend(self.home.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let plan = self.plan.display().to_string();
        let words = ["run", &plan, "--as", "alice"];
        Terminal::start_at(Path::new(BINARY), words, self.home.path(), &variables, (120, 40))
    }

    /// Everything of every rule of both listeners, word for word.
    #[track_caller]
    pub fn word_for_word(&self) -> String {
        self.stage.moto.rules_of(&self.https) + &self.stage.moto.rules_of(&self.listener)
    }

    /// The world's proxy does what the rules say.
    #[track_caller]
    pub fn flow(&self, blue: u32) {
        let body = format!("{{\"blue\":{},\"green\":{blue}}}", 100 - blue);
        assert_eq!(post(&self.world.proxy, "/api/traffic", &body).expect("an answer").status, 200);
    }

    /// Both forwards' weights, green first.
    #[track_caller]
    pub fn held(&self) -> [Vec<Option<i32>>; 2] {
        let rule = self.stage.moto.described(&self.rule);
        let listener = self.stage.moto.described_listener(&self.listener);
        [weights(rule.actions()), weights(listener.default_actions())]
            .map(|weights| weights.into_iter().map(|(_, weight)| weight).collect())
    }
}

/// What both forwards held when the run began, green first.
pub const BEFORE: [Option<i32>; 2] = [Some(100), Some(0)];
