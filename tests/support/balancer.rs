//! A balancer with a percentage API that remembers every write.

use super::net::{Request, Server};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What the balancer holds and what it was asked.
#[derive(Debug)]
struct Held {
    green: f64,
    posts: Vec<(Instant, f64)>,
    refuses_writes: Option<u16>,
    refuses_reads: Option<u16>,
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
        let held = Held { green: 0.0, posts: Vec::new(), refuses_writes: None, refuses_reads: None };
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
        self.with(|held| held.green = green);
    }

    /// When each write came and what it set.
    pub fn posts(&self) -> Vec<(Instant, f64)> {
        self.with(|held| held.posts.clone())
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

fn answer(held: &mut Held, request: &Request) -> (u16, String) {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/traffic") => {
            let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
            let Some(green) = body["green"].as_f64() else { return (400, "green must be a number".into()) };
            held.posts.push((Instant::now(), green));
            if let Some(status) = held.refuses_writes {
                return (status, "no".into());
            }
            held.green = green;
            (200, "{}".into())
        }
        ("GET", "/api/status") => match held.refuses_reads {
            Some(status) => (status, "no".into()),
            None => (200, format!("{{\"blue\": {}, \"green\": {}}}", 100.0 - held.green, held.green)),
        },
        _ => (404, "no such page".into()),
    }
}
