//! The balancer as a plan names it: which driver, what it holds, and what makes two plans speak to the same one.

use super::address::{canonical, local, one_identity, tcp};
use super::{AlbDriver, CommandDriver, Http};
use crate::domain::{Clean, Layout, PerRole, Role, Setting, Slot, Weights};
use std::path::PathBuf;
use std::time::Duration;

/// What is changed, and how late a change may still land.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// The balancer.
    pub driver: Driver,
    /// How long after it was sent a write may still take effect, 0 s to 10 min; 5 s unless the plan names it, 60 s on AWS.
    pub lateness: Duration,
    /// Limit of one attempt to read or write.
    pub timeout: Duration,
}

/// The balancer's kind and address.
#[derive(Debug, Clone)]
pub enum Driver {
    /// A percentage API over HTTP.
    Http(HttpDriver),
    /// One or several HAProxy nodes by their runtime API.
    Haproxy(HaproxyDriver),
    /// Rules and listeners of an AWS load balancer by its API.
    Alb(Box<AlbDriver>),
    /// Any balancer by the operator's own programs.
    Command(Box<CommandDriver>),
}

/// A balancer with a percentage API over HTTP.
#[derive(Debug, Clone)]
pub struct HttpDriver {
    /// Base URL.
    pub url: String,
    /// Path of the write.
    pub write_path: String,
    /// Path of the read.
    pub read_path: String,
    /// JSON field that holds each environment's percentage, in requests and answers.
    pub fields: PerRole<String>,
    /// Further fields sent with each write, as JSON. Two services that only these tell apart are one balancer.
    pub extra: Vec<(String, String)>,
    /// How to speak to it.
    pub http: Http,
}

impl HttpDriver {
    /// Where writes go, in its one spelling: with the query, which may name the service. What `extra` says is no part of
    /// it: nobody can tell which of its fields names a service and which an operator, and two keepers on one balancer are
    /// worse than one for two.
    fn written_to(&self) -> String {
        canonical(&format!("{}{}", self.url, self.write_path))
    }
}

/// One or several HAProxy nodes that share the traffic evenly.
#[derive(Debug, Clone)]
pub struct HaproxyDriver {
    /// The nodes.
    pub nodes: Vec<HaproxyNode>,
    /// The backend that holds both environments' servers.
    pub backend: String,
    /// Server names of each environment.
    pub servers: PerRole<Vec<String>>,
}

/// One HAProxy's runtime socket.
#[derive(Debug, Clone)]
pub struct HaproxyNode {
    /// What people call it.
    pub name: Clean,
    /// Where its runtime API listens.
    pub address: HaproxyAddress,
}

/// A runtime API's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaproxyAddress {
    /// `host:port`.
    Tcp(String),
    /// A Unix socket's path.
    Unix(PathBuf),
}

impl HaproxyAddress {
    /// However it is spelt, by one name.
    pub(super) fn one_spelling(&self) -> String {
        match self {
            Self::Tcp(address) => tcp(address),
            Self::Unix(path) => path.display().to_string(),
        }
    }
}

impl std::fmt::Display for HaproxyAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// HAProxy takes absolute weights from 0 to 256 (management guide, `set server`).
pub const HAPROXY_WEIGHT_MAX: u32 = 256;

impl Traffic {
    /// The slots this balancer has, as the plan names them.
    pub fn layout(&self) -> Layout {
        match &self.driver {
            Driver::Http(http) => Layout {
                nodes: vec![Clean::new(&http.url)],
                slots: Role::BOTH.map(|role| (Slot { node: 0, name: http.fields[role].clone() }, role)).to_vec(),
                weights: Weights::Percent,
            },
            Driver::Haproxy(haproxy) => Layout {
                nodes: haproxy.nodes.iter().map(|node| node.name.clone()).collect(),
                slots: (0..haproxy.nodes.len())
                    .flat_map(|node| {
                        Role::BOTH.into_iter().flat_map(move |role| {
                            haproxy.servers[role].iter().map(move |name| (Slot { node, name: name.clone() }, role))
                        })
                    })
                    .collect(),
                weights: Weights::Relative { max: HAPROXY_WEIGHT_MAX },
            },
            Driver::Alb(alb) => alb.layout(),
            Driver::Command(command) => command.layout(),
        }
    }

    /// Whether the driver can tell what stands around the weights (see [`crate::domain::Survey`]), and a write of the
    /// present weights proves beforehand that it may write.
    pub fn is_surveyed(&self) -> bool {
        match &self.driver {
            Driver::Http(_) | Driver::Haproxy(_) | Driver::Command(_) => false,
            Driver::Alb(_) => true,
        }
    }

    /// What makes two plans speak to the same balancer, as a run is filed under.
    pub fn identity(&self) -> String {
        match &self.driver {
            Driver::Http(http) => one_identity(&format!("http {}", http.written_to())),
            Driver::Haproxy(haproxy) => {
                let nodes: Vec<String> = haproxy.nodes.iter().map(|node| node.address.one_spelling()).collect();
                one_identity(&format!("haproxy {} {}", haproxy.backend, nodes.join(" ")))
            }
            Driver::Alb(alb) => {
                let mut parts = alb.identities();
                parts.sort();
                parts.join(" ")
            }
            Driver::Command(command) => command.identity(),
        }
    }

    /// Each thing that only one keeper may hold, sorted: the host-wide locks are on these. Of several HAProxy nodes each
    /// is one, so that two plans which share only some are seen.
    pub fn identities(&self) -> Vec<String> {
        let mut identities: Vec<String> = match &self.driver {
            Driver::Http(http) => vec![format!("http {}", local(&http.written_to()))],
            Driver::Haproxy(haproxy) => haproxy
                .nodes
                .iter()
                .map(|node| format!("haproxy {} {}", haproxy.backend, node.address.one_spelling()))
                .collect(),
            Driver::Alb(alb) => alb.identities(),
            Driver::Command(command) => vec![command.identity()],
        };
        identities.sort();
        identities.dedup();
        identities
    }

    /// The weights that put everything on stable when every slot serves; what a rescue card prints.
    pub fn all_stable(&self) -> Setting {
        let layout = self.layout();
        Setting(
            layout
                .slots
                .iter()
                .map(|(slot, role)| (slot.clone(), if *role == Role::Stable { layout.weights.largest() } else { 0 }))
                .collect(),
        )
    }
}
