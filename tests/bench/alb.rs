//! How long P2's rollback takes on an AWS rule, against moto, in one run: two calls of the bare SDK, the procedure's own
//! script (corrected: both groups, read back, compared) by the real `aws`, and warroom by its keys and directly.
//!
//! `cargo bench --bench alb [-- ROUNDS]`. All go through the same proxy, which counts the requests and tells when each
//! was answered. moto answers from one process, so that its own time is in all figures alike.

#![expect(clippy::disallowed_methods, reason = "a bench has clocks and threads of its own")]

mod figures;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{BEFORE, Call, Cutover, KEYS, Moto, forward, need_moto, wait_until, weights};

/// Of Linux on every platform we run on.
const TICKS_PER_SECOND: f64 = 100.0;
/// How long the panel must have stood before `y` is taken, with room to spare.
const DWELL: Duration = Duration::from_millis(600);

/// `LOAD BALANCER ROLLBACK` of the procedure. As written every `modify-rule` is refused (`Weight` stands beside
/// `TargetGroupArn`) and the script prints success; here both groups stay, 0 is sent, and what is read back is compared.
/// Its `sleep 10` between the two is left out.
const SCRIPT: &str = r#"set -eu
aws elbv2 modify-rule --rule-arn "$RULE_ARN" --actions '[{"Type":"forward","ForwardConfig":{"TargetGroups":[
  {"TargetGroupArn":"'"$GREEN"'","Weight":100},{"TargetGroupArn":"'"$BLUE"'","Weight":0}]}}]' >/dev/null
held=$(aws elbv2 describe-rules --rule-arns "$RULE_ARN" |
  jq -c '[.Rules[0].Actions[].ForwardConfig.TargetGroups[] | [.TargetGroupArn, .Weight]]')
[ "$held" = '[["'"$GREEN"'",100],["'"$BLUE"'",0]]' ]
"#;

/// What one rollback took.
struct Round {
    /// From the act to the answer that the weights were taken.
    taken: Duration,
    /// To the answer of the first read that has them.
    read_back: Duration,
    cpu: f64,
    modify: usize,
    describe: usize,
}

fn main() {
    if !need_moto() {
        return;
    }
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(5);
    println!("median of {rounds} (least to most); CPU of the client: keeper, or every process that was started");
    print("two calls of the bare SDK, warm", rounds, sdk);
    print("P2's script, corrected, by aws", rounds, script);
    print("warroom, R y on the console", rounds, keys);
    print("warroom rollback --direct", rounds, directly);
}

fn print(what: &str, rounds: usize, measure: fn() -> Round) {
    let rounds: Vec<Round> = (0..rounds).map(|_| measure()).collect();
    let of = |value: fn(&Round) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(value).collect();
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[0], all[all.len() - 1])
    };
    let words = |(middle, least, most): (f64, f64, f64)| format!("{middle:>7.1} ms ({least:.1} to {most:.1})");
    println!("{what}:");
    println!("  weights taken  {}", words(of(|round| round.taken.as_secs_f64() * 1000.0)));
    println!("  and read back  {}", words(of(|round| round.read_back.as_secs_f64() * 1000.0)));
    let (cpu, ..) = of(|round| round.cpu);
    let (modify, ..) = of(|round| round.modify as f64);
    let (describe, ..) = of(|round| round.describe as f64);
    println!("  CPU {cpu:.3} s; requests until read back: {modify} Modify, {describe} Describe");
}

/// What the proxy saw from the act on.
fn round(log: &[Call], began: Instant, cpu: f64) -> Round {
    let since: Vec<&Call> = log.iter().filter(|call| call.came >= began).collect();
    let is_write = |call: &&&Call| call.action.starts_with("Modify");
    let taken = since.iter().filter(is_write).filter_map(|call| call.answered).min().expect("a write");
    let reads = since.iter().filter(|call| call.action == "DescribeRules" && call.came >= taken);
    let read_back = reads.filter_map(|call| call.answered).min().expect("a read");
    let until: Vec<&&Call> = since.iter().filter(|call| call.came <= read_back).collect();
    let modify = until.iter().filter(|call| call.action.starts_with("Modify")).count();
    let (taken, whole) = (taken - began, read_back - began);
    Round { taken, read_back: whole, cpu, modify, describe: until.len() - modify }
}

/// P2 has one rule: the sample plan without its second forward.
fn cutover() -> Cutover {
    let cutover = Cutover::new(Moto::shared());
    cutover.change(|text| {
        let (head, rest) = text.split_once("[[traffic.forwards]]\nname = \"http\"").expect("a second forward");
        let (_, rest) = rest.split_once("# What both groups' health").expect("what follows");
        format!("{head}# What both groups' health{rest}")
    });
    cutover
}

fn is_back(cutover: &Cutover) -> bool {
    let rule = cutover.stage.moto.described(&cutover.rule);
    weights(rule.actions()).into_iter().map(|(_, weight)| weight).eq(BEFORE)
}

fn half(cutover: &Cutover) -> aws_sdk_elasticloadbalancingv2::types::Action {
    forward(&[(&cutover.stage.green, Some(999)), (&cutover.stage.blue, Some(999))], None)
}

fn sdk() -> Round {
    let cutover = cutover();
    cutover.stage.moto.set_rule(&cutover.rule, vec![half(&cutover)]);
    let moto = &cutover.stage.moto;
    let client = Moto::client_at(&moto.endpoint());
    let look = || moto.wait(client.describe_rules().rule_arns(&cutover.rule).send()).expect("an answer");
    look();
    let began = Instant::now();
    // The proxy's and the counting are in it, too.
    let cpu = figures::cpu(|| {
        let call = client.modify_rule().rule_arn(&cutover.rule).actions(cutover.stage.both(100, 0)).send();
        moto.wait(call).expect("it is taken");
        look();
    });
    let cpu = cpu.as_secs_f64();
    assert!(is_back(&cutover));
    round(&moto.proxy.log(), began, cpu)
}

fn script() -> Round {
    let cutover = cutover();
    cutover.stage.moto.set_rule(&cutover.rule, vec![half(&cutover)]);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/moto/bin");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("/bin/bash");
    shell.args(["-c", SCRIPT]).env("PATH", path).envs(KEYS).stdin(Stdio::null());
    shell.envs([("RULE_ARN", &cutover.rule), ("GREEN", &cutover.stage.green), ("BLUE", &cutover.stage.blue)]);
    shell.env("AWS_ENDPOINT_URL", cutover.stage.moto.endpoint()).env("AWS_DEFAULT_REGION", "us-east-1");
    let (began, before) = (Instant::now(), cpu_of_ended());
    let status = shell.status().expect("a shell");
    let (took, cpu) = (began.elapsed(), cpu_of_ended() - before);
    assert!(status.success() && is_back(&cutover));
    Round { read_back: took, ..round(&cutover.stage.moto.proxy.log(), began, cpu) }
}

fn keys() -> Round {
    let cutover = cutover();
    let mut console = cutover.console();
    console.shows("READY  every gate is open");
    console.press("A");
    console.confirm("ADVANCE TO 50%");
    console.shows("configured 50.0%");
    let keeper = cutover.home.keeper_pid().to_string();
    console.press("R");
    console.shows("ARMED");
    std::thread::sleep(DWELL);
    let before = cpu_of(&keeper);
    let began = console.press("y");
    console.shows("read back");
    let cpu = cpu_of(&keeper) - before;
    assert!(is_back(&cutover));
    round(&cutover.stage.moto.proxy.log(), began, cpu)
}

fn directly() -> Round {
    let cutover = cutover();
    let console = cutover.run();
    cutover.home.advance("alice").exits(0);
    cutover.home.kill_keeper();
    drop(console);
    let (began, before) = (Instant::now(), cpu_of_ended());
    let rolling = cutover.home.start(["rollback", "--yes", "--direct", "--as", "bob"]);
    wait_until("the weights are back", || is_back(&cutover));
    rolling.finish().exits(0);
    let cpu = cpu_of_ended() - before;
    round(&cutover.stage.moto.proxy.log(), began, cpu)
}

/// CPU seconds of a process so far.
fn cpu_of(process: &str) -> f64 {
    ticks(process, [11, 12])
}

/// CPU seconds of all processes that this one started and saw end.
fn cpu_of_ended() -> f64 {
    ticks("self", [13, 14])
}

fn ticks(process: &str, fields: [usize; 2]) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let all: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields.map(|at| all[at].parse::<f64>().expect("ticks")).iter().sum::<f64>() / TICKS_PER_SECOND
}
