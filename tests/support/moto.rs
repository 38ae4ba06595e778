//! A real ELBv2 API on loopback: moto under gunicorn, with a small proxy before it that can be made to fail.

use super::aws_proxy::Proxy;
use super::net::free_port;
use super::{Process, missing, signal, wait_for, wait_until};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::config::Credentials;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, LoadBalancerTypeEnum, ProtocolEnum, RuleCondition, TargetDescription,
    TargetGroupStickinessConfig, TargetGroupTuple, TargetTypeEnum,
};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// moto behind gunicorn: only so does it keep connections alive, as AWS does.
/// Its input ends when the test does: then it ends, too, and its folder with it.
const APP: &str = r"
import os, shutil, signal, sys, threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

def end_with_the_test():
    sys.stdin.buffer.read()
    shutil.rmtree(os.getcwd(), ignore_errors=True)
    os.kill(os.getppid(), signal.SIGTERM)

threading.Thread(target=end_with_the_test, daemon=True).start()
app = DomainDispatcherApplication(create_backend_app)
";
/// How long an answer of moto may take.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// The keys that moto takes: any.
pub const KEYS: [(&str, &str); 5] = [
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret-that-must-not-be-shown"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_CONFIG_FILE", "/nonexistent"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
];

/// Where `tests/run` installs it.
fn gunicorn() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/moto/bin/gunicorn")
}

/// Whether moto is here. Without it a test says so, or fails where that is asked for.
pub fn need_moto() -> bool {
    gunicorn().is_file() || missing(&format!("{} (tests/run installs it)", gunicorn().display()))
}

/// The SDK takes its keys from the environment, which a test may not change: the whole file of tests is run once more
/// in a process that has them, and each test here stands for its own there. True in that process.
#[track_caller]
pub fn has_keys() -> bool {
    has_keys_but(&[])
}

/// The same without the tests whose names hold one of these: they need no keys.
#[track_caller]
pub fn has_keys_but(skipped: &[&str]) -> bool {
    static THERE: OnceLock<String> = OnceLock::new();
    if std::env::var("AWS_SECRET_ACCESS_KEY").is_ok_and(|secret| secret == KEYS[1].1) {
        return true;
    }
    let words = THERE.get_or_init(|| {
        // Its output is read: it is neither mixed with that of the tests nor dots alone.
        let args = std::env::args().skip(1).filter(|arg| !["--nocapture", "--quiet", "-q"].contains(&arg.as_str()));
        let skipped = skipped.iter().flat_map(|name| ["--skip".to_owned(), (*name).to_owned()]);
        let args = args.chain(skipped);
        let mut again = Command::new(std::env::current_exe().expect("this test"));
        let ran = again.args(args).envs(KEYS).output().expect("it runs again");
        String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr)
    });
    let test = std::thread::current().name().expect("a test's name").to_owned();
    let passed = words.contains(&format!("test {test} ... ok\n"));
    let own = words.split("\n---- ").find(|part| part.starts_with(&format!("{test} stdout")));
    assert!(passed, "{}", own.unwrap_or(words));
    false
}

/// A moto of its own process. It ends when whoever started it does, however that ends.
struct Server {
    process: Process,
    _folder: TempDir,
    port: u16,
}

impl Server {
    #[track_caller]
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("wrmoto-").tempdir_in("/tmp").expect("a folder");
        std::fs::write(folder.path().join("wrmoto.py"), APP).expect("the app");
        let port = free_port();
        let mut command = Command::new(gunicorn());
        command
            .args(["-w", "1", "-k", "gthread", "--threads", "8", "--keep-alive", "75", "--graceful-timeout", "1"])
            .args(["-b", &format!("127.0.0.1:{port}"), "wrmoto:app"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = Process(command.spawn().expect("gunicorn starts"));
        // The first call of each of its parts loads that part, which takes seconds on a busy machine.
        wait_until("moto answers", || raw(port, "POST", "/", &as_service("ec2"), SUBNETS).is_some());
        Self { process, _folder: folder, port }
    }

    /// Its worker, which does all the work.
    fn signal(&self, which: Signal) {
        let path = format!("/proc/{0}/task/{0}/children", self.process.pid());
        let children = std::fs::read_to_string(path).unwrap_or_default();
        for worker in children.split_whitespace() {
            signal(worker.parse().expect("a pid"), which);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A stopped worker would stay behind; a master that is asked takes its worker with it.
        self.signal(Signal::CONT);
        signal(self.process.pid(), Signal::QUIT);
        if !std::thread::panicking() {
            wait_for("gunicorn ends", ANSWER_WAIT, || self.process.0.try_wait().ok().flatten());
        }
    }
}

/// The call that moto's network part is asked for.
const SUBNETS: &str = "Action=DescribeSubnets&Version=2016-11-15";

/// Header lines by which moto tells which service is meant.
fn as_service(name: &str) -> String {
    format!(
        "Content-Type: application/x-www-form-urlencoded\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=AKIATESTS/20260101/us-east-1/{name}/aws4_request, SignedHeaders=host, Signature=0\r\n"
    )
}

/// A moto and the proxy before it.
pub struct Moto {
    own: Option<Server>,
    port: u16,
    /// What stands before it.
    pub proxy: Proxy,
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Moto {
    /// The one that the tests of a file share, each with its own proxy and names.
    #[track_caller]
    pub fn shared() -> Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        let port = SHARED.get_or_init(Server::start).port;
        Self::on(port, None)
    }

    /// One that a test may stop.
    #[track_caller]
    pub fn own() -> Self {
        let server = Server::start();
        Self::on(server.port, Some(server))
    }

    fn on(port: u16, own: Option<Server>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = Self::client_at(&format!("http://127.0.0.1:{port}"));
        Self { own, port, proxy: Proxy::start(port), runtime, client }
    }

    /// A client with keys of the tests'.
    pub fn client_at(endpoint: &str) -> Client {
        let keys = Credentials::new("AKIATESTS", "of-the-tests", None, None, "tests");
        let config = aws_sdk_elasticloadbalancingv2::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(keys)
            .endpoint_url(endpoint)
            .build();
        Client::from_conf(config)
    }

    /// A name that nobody else has.
    pub fn name(&self, word: &str) -> String {
        format!("{word}-{}", self.proxy.address.port())
    }

    /// The endpoint as a plan names it: through the proxy.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.proxy.address)
    }

    /// Runs a call of the tests' own client, past the proxy.
    pub fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }

    /// The tests' own client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its worker's process: stopped, it hangs as a frozen endpoint does.
    #[track_caller]
    pub fn signal(&self, which: Signal) {
        self.own.as_ref().expect("a moto of its own").signal(which);
    }

    /// From here on credentials fail after so many calls.
    #[track_caller]
    pub fn credentials_fail_after(&self, calls: u32) {
        let kind = "Content-Type: application/octet-stream\r\n";
        let answer = raw(self.port, "POST", "/moto-api/reset-auth", kind, &calls.to_string());
        assert!(answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    }

    /// Two subnets of moto's default network.
    #[track_caller]
    fn subnets(&self) -> Vec<String> {
        let answer = raw(self.port, "POST", "/", &as_service("ec2"), SUBNETS).expect("an answer");
        let ids = answer.split("<subnetId>").skip(1).filter_map(|rest| rest.split('<').next());
        let ids: Vec<String> = ids.take(2).map(str::to_owned).collect();
        assert_eq!(ids.len(), 2, "{answer}");
        ids
    }

    /// A load balancer; `network` makes it an NLB.
    #[track_caller]
    pub fn balancer(&self, name: &str, network: bool) -> String {
        let kind = if network { LoadBalancerTypeEnum::Network } else { LoadBalancerTypeEnum::Application };
        let call = self.client.create_load_balancer().name(name).r#type(kind).set_subnets(Some(self.subnets()));
        let made = self.wait(call.send()).expect("a load balancer");
        made.load_balancers()[0].load_balancer_arn.clone().expect("its ARN")
    }

    /// A group with so many targets, checked at `/health`.
    #[track_caller]
    pub fn group(&self, name: &str, protocol: &ProtocolEnum, targets: u8) -> String {
        let call = self.client.create_target_group().name(name).protocol(protocol.clone()).port(3000);
        let call = call.vpc_id(self.network()).target_type(TargetTypeEnum::Ip);
        let call = if *protocol == ProtocolEnum::Http {
            call.health_check_protocol(ProtocolEnum::Http)
                .health_check_path("/health")
                .health_check_interval_seconds(10)
                .health_check_timeout_seconds(5)
                .healthy_threshold_count(2)
                .unhealthy_threshold_count(2)
        } else {
            call
        };
        let made = self.wait(call.send()).expect("a group");
        let arn = made.target_groups()[0].target_group_arn.clone().expect("its ARN");
        self.targets(&arn, targets);
        arn
    }

    fn network(&self) -> String {
        let body = "Action=DescribeVpcs&Version=2016-11-15";
        let answer = raw(self.port, "POST", "/", &as_service("ec2"), body).expect("an answer");
        let id = answer.split("<vpcId>").nth(1).and_then(|rest| rest.split('<').next());
        id.expect("a network").to_owned()
    }

    fn target(number: u8) -> TargetDescription {
        TargetDescription::builder().id(format!("172.31.0.{number}")).port(3000).build()
    }

    /// Registers so many targets.
    #[track_caller]
    pub fn targets(&self, group: &str, count: u8) {
        for number in 1..=count {
            let call = self.client.register_targets().target_group_arn(group).targets(Self::target(number));
            self.wait(call.send()).expect("registered");
        }
    }

    /// Takes one out.
    #[track_caller]
    pub fn remove_target(&self, group: &str, number: u8) {
        let call = self.client.deregister_targets().target_group_arn(group).targets(Self::target(number));
        self.wait(call.send()).expect("deregistered");
    }

    /// A listener with these default actions.
    #[track_caller]
    pub fn listener(&self, balancer: &str, protocol: ProtocolEnum, port: i32, actions: Vec<Action>) -> String {
        let call = self.client.create_listener().load_balancer_arn(balancer).protocol(protocol).port(port);
        let made = self.wait(call.set_default_actions(Some(actions)).send()).expect("a listener");
        made.listeners()[0].listener_arn.clone().expect("its ARN")
    }

    /// A rule for a host.
    #[track_caller]
    pub fn rule(&self, listener: &str, priority: i32, host: &str, actions: Vec<Action>) -> String {
        let condition = RuleCondition::builder().field("host-header").values(host).build();
        let call = self.client.create_rule().listener_arn(listener).priority(priority).conditions(condition);
        let made = self.wait(call.set_actions(Some(actions)).send()).expect("a rule");
        made.rules()[0].rule_arn.clone().expect("its ARN")
    }

    /// The rule as AWS would describe it.
    #[track_caller]
    pub fn described(&self, rule: &str) -> aws_sdk_elasticloadbalancingv2::types::Rule {
        let answer = self.wait(self.client.describe_rules().rule_arns(rule).send()).expect("a rule");
        answer.rules()[0].clone()
    }

    /// The listener as AWS would describe it.
    #[track_caller]
    pub fn described_listener(&self, listener: &str) -> aws_sdk_elasticloadbalancingv2::types::Listener {
        let answer = self.wait(self.client.describe_listeners().listener_arns(listener).send()).expect("a listener");
        answer.listeners()[0].clone()
    }

    /// All rules of a listener, word for word; without the client's secret, which AWS never shows.
    #[track_caller]
    pub fn rules_of(&self, listener: &str) -> String {
        let arn = listener.replace(':', "%3A").replace('/', "%2F");
        let body = format!("Action=DescribeRules&Version=2015-12-01&ListenerArn={arn}");
        let answer = raw(self.port, "POST", "/", &as_service("elasticloadbalancing"), &body).expect("an answer");
        let rules = answer.split_once("<Rules>").and_then(|(_, rest)| rest.split_once("</Rules>")).expect("rules").0;
        let text = each_element(rules, "ClientSecret", |_| String::new()).replace("<ClientSecret></ClientSecret>", "");
        let text = each_element(&text, "UseExistingClientSecret", |_| String::new());
        let text = text.replace("<UseExistingClientSecret></UseExistingClientSecret>", "");
        // A map has no order.
        each_element(&text, "AuthenticationRequestExtraParams", |inner| {
            let mut entries: Vec<&str> = inner.split_inclusive("</entry>").collect();
            entries.sort_unstable();
            entries.concat()
        })
    }

    /// Somebody else's hand.
    #[track_caller]
    pub fn set_rule(&self, rule: &str, actions: Vec<Action>) {
        self.wait(self.client.modify_rule().rule_arn(rule).set_actions(Some(actions)).send()).expect("modified");
    }
}

/// A forward action to these groups.
pub fn forward(groups: &[(&str, Option<i32>)], sticky: Option<(bool, i32)>) -> Action {
    let tuple = |(arn, weight): &(&str, Option<i32>)| {
        TargetGroupTuple::builder().target_group_arn(*arn).set_weight(*weight).build()
    };
    let stickiness = sticky.map(|(enabled, seconds)| {
        TargetGroupStickinessConfig::builder().enabled(enabled).duration_seconds(seconds).build()
    });
    let config = ForwardActionConfig::builder()
        .set_target_groups(Some(groups.iter().map(tuple).collect()))
        .set_target_group_stickiness_config(stickiness)
        .build();
    Action::builder().r#type(ActionTypeEnum::Forward).forward_config(config).build()
}

/// A forward action to one group, as its ARN alone.
pub fn forward_alone(arn: &str) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(arn).build()
}

/// Each group's weight in a list, by its name.
pub fn weights(actions: &[Action]) -> Vec<(String, Option<i32>)> {
    let forwards = actions.iter().filter_map(|action| action.forward_config.as_ref());
    let tuples = forwards.flat_map(ForwardActionConfig::target_groups);
    let name = |arn: &str| arn.split('/').nth(1).unwrap_or_default().to_owned();
    tuples.map(|tuple| (name(tuple.target_group_arn().unwrap_or_default()), tuple.weight)).collect()
}

/// A text with each such element's inside changed.
fn each_element(text: &str, name: &str, change: impl Fn(&str) -> String) -> String {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut parts = text.split(&begin);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let (inner, rest) = part.split_once(&end).expect("its end");
        all + &begin + &change(inner) + &end + rest
    })
}

/// One request with its own header lines; the whole answer.
fn raw(port: u16, method: &str, path: &str, head: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(ANSWER_WAIT)).ok()?;
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{head}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
}
