//! One or several HAProxy nodes by their runtime API (HAProxy management guide 2.6, section 9.3).
//!
//! One command a connection, read to the end: with several commands joined in one, HAProxy goes on
//! after an error. Weights are absolute; percentages would be of the *configured* weight.

use super::{Pending, Traffic, together};
use crate::domain::{BalancerState, Clean, NodeState, Readiness, Setting, SlotState};
use crate::engine::WriteResult;
use crate::failpoint;
use crate::plan::{HAPROXY_WEIGHT_MAX, HaproxyAddress, HaproxyDriver, HaproxyNode};
use crate::remote;
use futures_util::future::join_all;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Largest answer, in bytes: `show servers state` of 4 000 servers is 500 KB.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Pause before a node's commands are sent again while another node is waited for: the engine's own first wait.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
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

impl From<Trouble> for WriteResult {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotSent(why) => Self::NotSent(Clean::new(why)),
            Trouble::NoAnswer(why) => Self::Unknown(Clean::new(why)),
        }
    }
}

impl HaproxyTraffic {
    pub fn new(plan: &HaproxyDriver, timeout: Duration) -> Self {
        Self { plan: plan.clone(), timeout }
    }

    /// Asks once, connecting included, within one timeout. An answer has at least one byte.
    async fn ask(&self, node: &HaproxyNode, command: &str) -> Result<String, Trouble> {
        let address = &node.address;
        let mut sent = false;
        let exchange = async {
            let mut stream = match address {
                HaproxyAddress::Tcp(address) => Box::new(connect(address).await?) as Box<dyn Stream>,
                HaproxyAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
            };
            failpoint::pass("haproxy connected");
            sent = true;
            stream.write_all(format!("{command}\n").as_bytes()).await?;
            failpoint::pass("haproxy asked");
            let mut answer = Vec::new();
            stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
            failpoint::pass("haproxy answered");
            Ok::<_, io::Error>(answer)
        };
        let ended = timeout(self.timeout, exchange).await;
        match ended {
            // A tunnel whose far side is gone, or a process that ends: HAProxy itself always says at least a line end.
            Ok(Ok(answer)) if answer.is_empty() => {
                Err(Trouble::NoAnswer(format!("{address} closed the connection without an answer")))
            }
            Ok(Ok(answer)) => Ok(String::from_utf8_lossy(&answer).into_owned()),
            Ok(Err(error)) if sent => Err(Trouble::NoAnswer(format!("{address}: {error}"))),
            Ok(Err(error)) => Err(Trouble::NotSent(format!("{address}: {error}"))),
            Err(_) if sent => Err(Trouble::NoAnswer(format!("{address} gave no answer in time"))),
            Err(_) => Err(Trouble::NotSent(format!("{address} gave no connection in time"))),
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

    /// One server's weight.
    async fn set(&self, node: &HaproxyNode, server: &str, weight: u32) -> WriteResult {
        match self.ask(node, &format!("set server {}/{server} weight {weight}", self.plan.backend)).await {
            Ok(answer) if answer.trim().is_empty() => WriteResult::Accepted,
            Ok(answer) => WriteResult::Refused(Clean::new(answer.trim())),
            Err(trouble) => trouble.into(),
        }
    }

    fn is_candidate(&self, server: &str) -> bool {
        self.plan.servers.candidate.iter().any(|name| name == server)
    }

    /// A node's servers with their weights.
    fn own(index: usize, setting: &Setting) -> impl Iterator<Item = (&str, u32)> {
        setting.0.iter().filter(move |(slot, _)| slot.node == index).map(|(slot, weight)| (slot.name.as_str(), *weight))
    }

    async fn write_node(&self, index: usize, node: &HaproxyNode, setting: &Setting, way: Way) -> WriteResult {
        match way {
            Way::Forward => self.move_forward(index, node, setting).await,
            Way::Back => self.bring_back(index, node, setting).await,
        }
    }

    /// Stable first: raised it only waits for the candidate, and it is lowered only once the candidate has its full
    /// weight; zeros come last, so no side meets the other at 0, when HAProxy would answer 503 to everybody. The
    /// first command that fails is the last: what is half applied leads away from where all go no further.
    async fn move_forward(&self, index: usize, node: &HaproxyNode, setting: &Setting) -> WriteResult {
        let mut commands: Vec<(&str, u32)> = Self::own(index, setting).collect();
        commands.sort_by_key(|(name, weight)| (*weight == 0, self.is_candidate(name)));
        let mut done = Vec::new();
        for (server, weight) in commands {
            let result = self.set(node, server, weight).await;
            let is_good = result == WriteResult::Accepted;
            done.push((Clean::new(server), result));
            if !is_good {
                break;
            }
        }
        together(&done, "commands")
    }

    /// Raises stable to the full, whatever it had, then empties the candidate, then gives stable its own weights:
    /// no command leads away from where all go, so a connection that dies in between leaves nothing worse than there
    /// was. Stable's weights are sent last even where they are the full: a late forward command may have lowered them.
    ///
    /// One server that refuses (renamed by a reload) must not keep the candidate in traffic: everything is tried once
    /// one server of stable is known to be raised. Before that a candidate without weight could leave nobody to serve.
    async fn bring_back(&self, index: usize, node: &HaproxyNode, setting: &Setting) -> WriteResult {
        let (candidate, stable): (Vec<_>, Vec<_>) =
            Self::own(index, setting).partition(|(name, _)| self.is_candidate(name));
        let mut done: Vec<(Clean, WriteResult)> = Vec::new();
        let mut is_raised = false;
        for (server, _) in stable.iter().filter(|(_, weight)| *weight > 0) {
            let result = self.set(node, server, HAPROXY_WEIGHT_MAX).await;
            is_raised |= result == WriteResult::Accepted;
            let is_silent = matches!(result, WriteResult::NotSent(_) | WriteResult::Unknown(_));
            done.push((Clean::new(server), result));
            if is_silent && !is_raised {
                // Nobody is there: beginning again costs less than one timeout for each further server.
                return together(&done, "commands");
            }
        }
        if !is_raised {
            let why = "not emptied: no server of stable took its weight, so nobody would serve";
            done.extend(candidate.iter().map(|(server, _)| (Clean::new(server), WriteResult::NotSent(why.into()))));
            return together(&done, "commands");
        }
        let mut is_emptied = true;
        for (server, weight) in &candidate {
            let result = self.set(node, server, *weight).await;
            is_emptied &= result == WriteResult::Accepted;
            done.push((Clean::new(server), result));
        }
        // Lowered now, stable would give a candidate that kept its weight more than before.
        if is_emptied {
            for (server, weight) in &stable {
                done.push((Clean::new(server), self.set(node, server, *weight).await));
            }
        }
        together(&done, "commands")
    }
}

/// Which way a setting leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Forward,
    /// The candidate gets nothing on any node.
    Back,
}

/// Connects to `host:port`; a name is looked up beside the runtime, as those of other servers are.
async fn connect(address: &str) -> io::Result<TcpStream> {
    if let Ok(address) = address.parse::<SocketAddr>() {
        return TcpStream::connect(address).await;
    }
    let (name, port) = address.rsplit_once(':').ok_or(io::ErrorKind::InvalidInput)?;
    let port = port.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
    let addresses = remote::addresses(name).await?;
    let addresses: Vec<_> = addresses.into_iter().map(|address| SocketAddr::new(address.ip(), port)).collect();
    TcpStream::connect(&addresses[..]).await
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

    /// On the way back a node whose commands failed is tried again at once while another one still is waited for:
    /// one that is dead must not delay one that lives. Each node's first pass takes at most one timeout for each of
    /// its commands, and a second pass begins at the latest when the slowest first one ends.
    fn write(&self, setting: Setting, _tag: Option<String>) -> Pending<'_, WriteResult> {
        Box::pin(async move {
            let goes_back = setting.0.iter().all(|(slot, weight)| *weight == 0 || !self.is_candidate(&slot.name));
            let way = if goes_back { Way::Back } else { Way::Forward };
            let unfinished = AtomicUsize::new(self.plan.nodes.len());
            let writes = self.plan.nodes.iter().enumerate().map(|(index, node)| {
                let (setting, unfinished) = (&setting, &unfinished);
                async move {
                    let mut result = self.write_node(index, node, setting, way).await;
                    unfinished.fetch_sub(1, Ordering::Relaxed);
                    while way == Way::Back && result != WriteResult::Accepted && unfinished.load(Ordering::Relaxed) > 0
                    {
                        tokio::time::sleep(RETRY_PAUSE).await;
                        result = self.write_node(index, node, setting, way).await;
                    }
                    (node.name.clone(), result)
                }
            });
            together(&join_all(writes).await, "nodes")
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
