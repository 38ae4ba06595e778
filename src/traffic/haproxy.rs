//! One or several HAProxy nodes by their runtime API (HAProxy management guide 2.6, section 9.3).
//!
//! One command a connection, read to the end: with several commands joined in one, HAProxy goes on
//! after an error. Weights are absolute; percentages would be of the *configured* weight.

use super::{Pending, Traffic, together};
use crate::domain::{BalancerState, Clean, NodeState, Readiness, Setting, SlotState};
use crate::engine::WriteResult;
use crate::failpoint;
use crate::plan::{HAPROXY_WEIGHT_MAX, HaproxyAddress, HaproxyDriver, HaproxyNode};
use futures_util::future::join_all;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Largest answer, in bytes: `show servers state` of 4 000 servers is 500 KB.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// `srv_op_state` of a server that runs or is starting up (management guide, `show servers state`).
const OP_STATES_UP: [&str; 2] = ["1", "2"];

pub(super) struct HaproxyTraffic {
    plan: HaproxyDriver,
    timeout: Duration,
}

/// How far a command got.
enum Trouble {
    /// It never left.
    NotSent(String),
    /// It left, and nothing or nonsense came back.
    NoAnswer(String),
}

impl HaproxyTraffic {
    pub fn new(plan: &HaproxyDriver, timeout: Duration) -> Self {
        Self { plan: plan.clone(), timeout }
    }

    async fn ask(&self, node: &HaproxyNode, command: &str) -> Result<String, Trouble> {
        let connecting = async {
            Ok::<_, io::Error>(match &node.address {
                HaproxyAddress::Tcp(address) => Box::new(TcpStream::connect(address).await?) as Box<dyn Stream>,
                HaproxyAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
            })
        };
        let address = &node.address;
        let mut stream = match timeout(self.timeout, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Trouble::NotSent(format!("{address}: {error}"))),
            Err(_) => return Err(Trouble::NotSent(format!("{address} gave no connection in time"))),
        };
        let exchange = async {
            failpoint::pass("haproxy connected");
            stream.write_all(format!("{command}\n").as_bytes()).await?;
            failpoint::pass("haproxy asked");
            let mut answer = Vec::new();
            stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
            failpoint::pass("haproxy answered");
            Ok::<_, io::Error>(answer)
        };
        match timeout(self.timeout, exchange).await {
            Ok(Ok(answer)) => Ok(String::from_utf8_lossy(&answer).into_owned()),
            Ok(Err(error)) => Err(Trouble::NoAnswer(format!("{address}: {error}"))),
            Err(_) => Err(Trouble::NoAnswer(format!("{address} gave no answer in time"))),
        }
    }

    async fn read_node(&self, node: &HaproxyNode) -> Result<Vec<SlotState>, Clean> {
        let answer = match self.ask(node, &format!("show servers state {}", self.plan.backend)).await {
            Ok(answer) => answer,
            Err(Trouble::NotSent(why) | Trouble::NoAnswer(why)) => return Err(Clean::new(why)),
        };
        let servers = &self.plan.servers;
        let wanted: Vec<&str> = servers.stable.iter().chain(&servers.candidate).map(String::as_str).collect();
        servers_state(&answer, &wanted)
    }

    /// Every server's weight on one node, in an order in which no command leads away from where all go,
    /// so that a connection that dies in between leaves nothing worse than there was.
    ///
    /// A way back first raises stable to the full, whatever it had, then empties the candidate, then gives
    /// stable its own weights. A way forward sets stable first: raised it only waits for the candidate, and it is
    /// lowered only once the candidate has its full weight; zeros come last. Either way no side meets the other at
    /// 0, when HAProxy would answer 503 to everybody.
    fn commands<'s>(&self, index: usize, setting: &'s Setting) -> Vec<(&'s str, u32)> {
        let mut own: Vec<(&str, u32)> = setting
            .0
            .iter()
            .filter(|(slot, _)| slot.node == index)
            .map(|(slot, weight)| (slot.name.as_str(), *weight))
            .collect();
        let is_candidate = |name: &str| self.plan.servers.candidate.iter().any(|server| server == name);
        let goes_back = own.iter().all(|(name, weight)| !is_candidate(name) || *weight == 0);
        if !goes_back {
            own.sort_by_key(|(name, weight)| (*weight == 0, is_candidate(name)));
            return own;
        }
        own.sort_by_key(|(name, _)| is_candidate(name));
        let (stable, candidate): (Vec<_>, Vec<_>) = own.into_iter().partition(|(name, _)| !is_candidate(name));
        let full = stable.iter().filter(|(_, weight)| *weight > 0).map(|(name, _)| (*name, HAPROXY_WEIGHT_MAX));
        let lowered = stable.iter().filter(|(_, weight)| *weight < HAPROXY_WEIGHT_MAX);
        full.chain(candidate).chain(lowered.copied()).collect()
    }

    async fn write_node(&self, index: usize, node: &HaproxyNode, setting: &Setting) -> WriteResult {
        let weights = self.commands(index, setting);
        let mut applied = 0;
        for (server, weight) in weights {
            let command = format!("set server {}/{server} weight {weight}", self.plan.backend);
            let trouble = match self.ask(node, &command).await {
                Ok(answer) if answer.trim().is_empty() => {
                    applied += 1;
                    continue;
                }
                Ok(answer) => WriteResult::Refused(Clean::new(format!("{server}: {}", answer.trim()))),
                Err(Trouble::NotSent(why)) => WriteResult::NotSent(Clean::new(why)),
                Err(Trouble::NoAnswer(why)) => WriteResult::Unknown(Clean::new(why)),
            };
            return if applied > 0 {
                WriteResult::Unknown(Clean::new(format!(
                    "half applied, {applied} servers: {}",
                    super::words_of(&trouble)
                )))
            } else {
                trouble
            };
        }
        WriteResult::Accepted
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Traffic for HaproxyTraffic {
    fn read(&self) -> Pending<'_, BalancerState> {
        Box::pin(async move {
            let reads = self.plan.nodes.iter().map(|node| async move {
                let read = self.read_node(node).await;
                // With several nodes the words must say which one.
                read.map_err(|why| Clean::new(format!("{}: {why}", node.name)))
            });
            let nodes = join_all(reads).await;
            BalancerState { nodes: nodes.into_iter().map(|slots| NodeState { slots }).collect(), tag: None }
        })
    }

    fn write(&self, setting: Setting, _tag: Option<String>) -> Pending<'_, WriteResult> {
        Box::pin(async move {
            let writes = self.plan.nodes.iter().enumerate().map(|(index, node)| {
                let setting = &setting;
                async move { (node.name.clone(), self.write_node(index, node, setting).await) }
            });
            together(&join_all(writes).await)
        })
    }
}

/// Reads `show servers state`: a version line, a `# ` header with the columns, one line a server, an empty line.
/// Gives the wanted servers, in their order; each must be there once.
pub fn servers_state(answer: &str, wanted: &[&str]) -> Result<Vec<SlotState>, Clean> {
    let nonsense = |why: &str| Clean::new(format!("{why}: {}", answer.trim().chars().take(120).collect::<String>()));
    let mut lines = answer.lines().map(str::trim_end).filter(|line| !line.is_empty());
    if lines.next().map(str::trim) != Some("1") {
        return Err(nonsense("not a server state of version 1"));
    }
    // HAProxy ends every answer with an empty line. Without it a last weight may have lost its last digits.
    if !answer.ends_with("\n\n") {
        return Err(nonsense("the answer is cut off"));
    }
    let header = lines.next().and_then(|line| line.strip_prefix("# ")).ok_or_else(|| nonsense("no header line"))?;
    let column = |name: &str| {
        let found = header.split_ascii_whitespace().position(|c| c == name);
        found.ok_or_else(|| nonsense(&format!("no column {name}")))
    };
    let (name, op, admin) = (column("srv_name")?, column("srv_op_state")?, column("srv_admin_state")?);
    let (weight, initial) = (column("srv_uweight")?, column("srv_iweight")?);
    let mut servers: Vec<Option<SlotState>> = vec![None; wanted.len()];
    for line in lines {
        let field =
            |at: usize| line.split_ascii_whitespace().nth(at).ok_or_else(|| nonsense("a server line is cut off"));
        let number = |at: usize| field(at)?.parse::<u32>().map_err(|_| nonsense("a weight is not a number"));
        let name = field(name)?;
        let Some(place) = wanted.iter().position(|wanted| *wanted == name) else { continue };
        if servers[place].is_some() {
            return Err(nonsense(&format!("server {name} is there twice")));
        }
        // Any admin flag is maintenance or drain: no new requests.
        let up = OP_STATES_UP.contains(&field(op)?) && field(admin)? == "0";
        servers[place] = Some(SlotState {
            name: name.to_owned(),
            weight: number(weight)?,
            configured: Some(number(initial)?),
            readiness: if up { Readiness::Up } else { Readiness::Down },
        });
    }
    let missing = |name: &&str| Clean::new(format!("the backend has no server {name}"));
    servers.into_iter().zip(wanted).map(|(server, name)| server.ok_or_else(|| missing(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\n3 app 1 blue1 127.0.0.1 2 0 90 100\n3 app 2 green1 127.0.0.1 2 8 10 0\n3 app 3 green2 127.0.0.1 0 0 10 0\n\n";

    #[test]
    fn a_server_state_is_read_by_its_header() {
        let servers = servers_state(STATE, &["green2", "blue1", "green1"]).expect("readable");
        let seen: Vec<_> = servers.iter().map(|s| (s.name.as_str(), s.weight, s.configured, s.readiness)).collect();
        assert_eq!(
            seen,
            [
                ("green2", 10, Some(0), Readiness::Down),
                ("blue1", 90, Some(100), Readiness::Up),
                ("green1", 10, Some(0), Readiness::Down)
            ]
        );
    }

    #[test]
    fn anything_else_is_an_error_in_words() {
        for (bad, why) in [
            ("Can't find backend.\n", "version 1"),
            ("Permission denied\n", "Permission denied"),
            ("", "version 1"),
            ("1\n# a b\n\n", "no column srv_name"),
            ("1\n# srv_name srv_op_state srv_admin_state srv_uweight srv_iweight\nblue1 2 0\n\n", "line is cut off"),
            ("1\n# srv_name srv_op_state srv_admin_state srv_uweight srv_iweight\n\n", "no server blue1"),
            (&STATE.replace("green1", "blue1"), "blue1 is there twice"),
        ] {
            let error = servers_state(bad, &["blue1"]).expect_err(bad);
            assert!(error.as_str().contains(why), "{bad}: {error}");
        }
    }

    /// A weight of 100 cut after its first digit would be a weight of 1.
    #[test]
    fn an_answer_that_is_cut_anywhere_is_unreadable() {
        for end in 0..STATE.len() {
            assert!(servers_state(&STATE[..end], &["blue1"]).is_err(), "{end}");
        }
    }
}
