//! Two forwards of a load balancer on a real moto: a rule with a sign-in before it, and a listener's default action.

use crate::bench::{Bench, Door, lines};
use crate::door::{Manner, Wire, http_answer, http_message};
use crate::support::{KEYS, Moto, Stage, but_weights, forward, has_keys_but, need_moto, oidc, ordered, weights};
use aws_sdk_elasticloadbalancingv2::types::Action;
use std::io::BufReader;
use std::net::TcpStream;
use warroom::domain::{Setting, Slot};

/// What the forwards are called in the plan, in the order of their parts.
const FORWARDS: [&str; 2] = ["https", "http"];

pub struct Alb {
    door: Wire<Calls>,
    stage: Stage,
    rule: String,
    listener: String,
    /// A rule beside them that names both groups and is nobody's business.
    bystander: String,
}

/// `Modify…` changes something. Of half a write the listener's is answered 503 and not done.
struct Calls;

impl Manner for Calls {
    fn message(&self, reader: &mut BufReader<&TcpStream>) -> Option<String> {
        http_message(reader)
    }

    fn answer(&self, reader: &mut BufReader<&TcpStream>) -> Option<String> {
        http_message(reader)
    }

    fn part(&self, _place: usize, message: &str) -> Option<usize> {
        let action = message.split(['&', '\n']).find_map(|part| part.strip_prefix("Action="))?;
        match action {
            "ModifyRule" => Some(0),
            "ModifyListener" => Some(1),
            _ => None,
        }
    }

    fn half(&self, part: usize, message: &str, pass: &dyn Fn() -> Option<String>) -> Option<String> {
        if part == 0 {
            return pass().map(|answer| self.shown(message, answer));
        }
        Some(http_answer("HTTP/1.1 503 X\r\n\r\n", |_| String::new()))
    }

    fn shown(&self, _message: &str, answer: String) -> String {
        http_answer(&answer, str::to_owned)
    }

    fn goes_on(&self) -> bool {
        true
    }
}

impl Alb {
    fn sticky(&self, stable: i32, candidate: i32) -> Vec<Action> {
        let both = [(self.stage.green.as_str(), Some(stable)), (self.stage.blue.as_str(), Some(candidate))];
        vec![oidc(), ordered(forward(&both, Some((false, 3600))), 2)]
    }

    fn weight(&self, setting: &Setting, node: usize, group: &str) -> i32 {
        let slot = Slot { node, name: self.stage.moto.name(group) };
        i32::try_from(setting.0[&slot]).expect("a weight")
    }
}

impl Bench for Alb {
    const HALF: &'static str = "half applied, 1 of 2 forwards: http: AWS has trouble of its own (HTTP 503)";

    fn start() -> Option<Self> {
        if !need_moto() {
            return None;
        }
        let stage = Stage::on(Moto::shared(), false);
        let other = stage.http(8443, vec![stage.both(1, 0)]);
        let rule = stage.moto.rule(&other, 10, "app.example.com", vec![oidc(), ordered(stage.both(1, 0), 2)]);
        let bystander = stage.moto.rule(&other, 20, "else.example.com", vec![stage.both(3, 0)]);
        let listener = stage.http(80, vec![stage.both(100, 0)]);
        let door = Wire::start(Calls, &[stage.moto.endpoint().trim_start_matches("http://").to_owned()]);
        let bench = Self { door, stage, rule, listener, bystander };
        bench.stage.moto.set_rule(&bench.rule, bench.sticky(100, 0));
        Some(bench)
    }

    /// The SDK takes its keys from the environment of its process.
    fn is_reachable() -> bool {
        need_moto() && has_keys_but(&["http::", "haproxy::", "command::"])
    }

    fn traffic(&self, keys: &str) -> String {
        format!(
            "driver = \"alb\"\nendpoint = \"http://{}\"\n{keys}[traffic.target_groups]\nstable = \"{}\"\ncandidate = \"{}\"\n\
             [[traffic.forwards]]\nname = \"{}\"\narn = \"{}\"\n[[traffic.forwards]]\nname = \"{}\"\narn = \"{}\"\n",
            self.door.address(0),
            self.stage.green,
            self.stage.blue,
            FORWARDS[0],
            self.rule,
            FORWARDS[1],
            self.listener
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        KEYS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    fn truth(&self) -> Setting {
        let (rule, listener) =
            (self.stage.moto.described(&self.rule), self.stage.moto.described_listener(&self.listener));
        let of_node = |(node, actions): (usize, &[Action])| {
            let slots = weights(actions).into_iter();
            let weight = |weight: Option<i32>| u32::try_from(weight.expect("a weight")).expect("no less than 0");
            slots.map(move |(name, held)| (Slot { node, name }, weight(held))).collect::<Vec<_>>()
        };
        Setting([rule.actions(), listener.default_actions()].into_iter().enumerate().flat_map(of_node).collect())
    }

    fn rest(&self) -> String {
        let moto = &self.stage.moto;
        let listener = moto.described_listener(&self.listener);
        let kinds: Vec<_> = listener.default_actions().iter().map(|action| (&action.r#type, action.order)).collect();
        lines([
            ("the rule".into(), format!("{:?}", but_weights(&moto.described(&self.rule)))),
            ("the rule beside it".into(), format!("{:?}", moto.described(&self.bystander))),
            ("the listener".into(), format!("{kinds:?} {:?} {:?}", listener.port, listener.protocol)),
        ])
    }

    fn set(&self, setting: &Setting) {
        let of_node = |node| (self.weight(setting, node, "green"), self.weight(setting, node, "blue"));
        let moto = &self.stage.moto;
        let (stable, candidate) = of_node(0);
        moto.set_rule(&self.rule, self.sticky(stable, candidate));
        let (stable, candidate) = of_node(1);
        let call = moto.client().modify_listener().listener_arn(&self.listener);
        let call = call.default_actions(self.stage.both(stable, candidate));
        moto.wait(call.send()).expect("modified");
    }

    fn door(&self) -> &dyn Door {
        &self.door
    }
}
