//! A balancer with a percentage API that remembers every write.

use super::net::{Reply, Request, Server};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What the balancer holds and what it was asked.
#[derive(Debug)]
struct Held {
    green: f64,
    asked: Vec<(Instant, Asked)>,
    /// The `If-Match` of each write.
    matched: Vec<Option<String>>,
    /// Grows with every change.
    version: u64,
    tags: Tags,
    overtaken_by: Option<f64>,
    refuses_writes: Option<u16>,
    refuses_reads: Option<u16>,
    ration: Option<Ration>,
}

/// What the balancer was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Asked {
    Read,
    /// With the candidate's share in percent.
    Write(f64),
}

/// How many more reads under a host's name are answered, from the change after this version on.
#[derive(Debug)]
struct Ration {
    host: String,
    after: u64,
    left: usize,
}

/// Whether answers carry an `ETag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    None,
    Strong,
    Weak,
}

impl Held {
    fn set(&mut self, green: f64) {
        self.version += 1;
        self.green = green;
    }

    fn tag(&self) -> Option<String> {
        match self.tags {
            Tags::None => None,
            Tags::Strong => Some(format!("\"{}\"", self.version)),
            Tags::Weak => Some(format!("W/\"{}\"", self.version)),
        }
    }
}

/// The fixture.
pub struct Balancer {
    server: Server,
    held: Arc<Mutex<Held>>,
}

impl Balancer {
    /// All traffic on blue.
    #[track_caller]
    pub fn start() -> Self {
        let held = Held {
            green: 0.0,
            asked: Vec::new(),
            matched: Vec::new(),
            version: 1,
            tags: Tags::None,
            overtaken_by: None,
            refuses_writes: None,
            refuses_reads: None,
            ration: None,
        };
        let held = Arc::new(Mutex::new(held));
        let asked = held.clone();
        let server =
            Server::start(move |request| answer(&mut asked.lock().unwrap_or_else(PoisonError::into_inner), request));
        Self { server, held }
    }

    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The candidate's share in percent.
    pub fn green(&self) -> f64 {
        self.with(|held| held.green)
    }

    /// Somebody else's hand.
    pub fn set(&self, green: f64) {
        self.with(|held| held.set(green));
    }

    /// Answers carry a tag from here on, and a write's `If-Match` must fit it.
    pub fn tag(&self, tags: Tags) {
        self.with(|held| held.tags = tags);
    }

    /// Somebody else's hand comes between the next write and the read before it.
    pub fn overtake(&self, green: f64) {
        self.with(|held| held.overtaken_by = Some(green));
    }

    /// The `If-Match` of each write.
    pub fn matched(&self) -> Vec<Option<String>> {
        self.with(|held| held.matched.clone())
    }

    /// When each write came and what it set.
    pub fn posts(&self) -> Vec<(Instant, f64)> {
        let post = |(at, asked): &(Instant, Asked)| match asked {
            Asked::Read => None,
            Asked::Write(green) => Some((*at, *green)),
        };
        self.with(|held| held.asked.iter().filter_map(post).collect())
    }

    /// Everything that it was asked, in its order.
    pub fn asked(&self) -> Vec<Asked> {
        self.with(|held| held.asked.iter().map(|(_, asked)| *asked).collect())
    }

    /// From the next change on, reads under a host's name are answered so often, and refused after that.
    pub fn ration(&self, host: &str, left: usize) {
        self.with(|held| held.ration = Some(Ration { host: host.to_owned(), after: held.version, left }));
    }

    /// Answers every read again; how many more it would have answered.
    #[track_caller]
    pub fn end_ration(&self) -> usize {
        self.with(|held| held.ration.take()).expect("reads are rationed").left
    }

    /// Answers writes with this status and applies nothing.
    pub fn refuse_writes(&self, status: Option<u16>) {
        self.with(|held| held.refuses_writes = status);
    }

    /// Answers reads with this status.
    pub fn refuse_reads(&self, status: Option<u16>) {
        self.with(|held| held.refuses_reads = status);
    }
}

fn answer(held: &mut Held, request: &Request) -> Reply {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/traffic") => write(held, request).into(),
        ("GET", "/api/status") => read(held, request),
        _ => (404, "no such page".into()).into(),
    }
}

fn read(held: &mut Held, request: &Request) -> Reply {
    held.asked.push((Instant::now(), Asked::Read));
    if let Some(status) = held.refuses_reads {
        return (status, "no".into()).into();
    }
    let is_for =
        |ration: &&mut Ration| request.header("Host") == Some(ration.host.as_str()) && held.version > ration.after;
    if let Some(ration) = held.ration.as_mut().filter(is_for) {
        let Some(left) = ration.left.checked_sub(1) else { return (503, "no more".into()).into() };
        ration.left = left;
    }
    let body = format!("{{\"blue\": {}, \"green\": {}}}", 100.0 - held.green, held.green);
    Reply { status: 200, body, tag: held.tag() }
}

fn write(held: &mut Held, request: &Request) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
    let Some(green) = body["green"].as_f64() else { return (400, "green must be a number".into()) };
    let wanted = request.header("If-Match").map(str::to_owned);
    held.asked.push((Instant::now(), Asked::Write(green)));
    held.matched.push(wanted.clone());
    if let Some(status) = held.refuses_writes {
        return (status, "no".into());
    }
    if let Some(other) = held.overtaken_by.take() {
        held.set(other);
    }
    // As RFC 9110 has it: a weak tag never fits.
    if wanted.is_some_and(|wanted| held.tags != Tags::Strong || Some(wanted) != held.tag()) {
        return (412, "changed since it was read".into());
    }
    held.set(green);
    (200, "{}".into())
}
