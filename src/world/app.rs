//! One environment: an app with health, metrics and an API.

use super::World;
use super::serve::{self, Answer, json, text};
use crate::domain::Role;
use hyper::{Method, StatusCode};
use serde_json::json;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5];
const MEMORY_LIMIT_BYTES: f64 = 512.0 * 1024.0 * 1024.0;

/// A running app.
pub(super) struct App {
    pub address: SocketAddr,
}

/// What an app counts.
#[derive(Debug, Default)]
struct Counts {
    ok: AtomicU64,
    failed: AtomicU64,
    /// Requests that may fail.
    users: AtomicU64,
    buckets: Mutex<[u64; BUCKETS.len() + 1]>,
    seconds: Mutex<f64>,
}

impl App {
    /// Starts an app on a free port; it crashes and stays down when the scenario says so.
    pub async fn start(role: Role, world: Arc<World>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let watched = world.clone();
        tokio::spawn(async move {
            let serving = serve::serve(listener, move |request| {
                let (world, counts) = (world.clone(), counts.clone());
                let (method, path) = (request.method().clone(), request.uri().path().to_owned());
                async move { answer(role, &world, &counts, &method, &path).await }
            });
            tokio::select! {
                () = serving => {}
                () = crash(role, watched) => {}
            }
        });
        Ok(Self { address })
    }
}

async fn crash(role: Role, world: Arc<World>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    while !world.is_crashed(role) {
        ticks.tick().await;
    }
}

async fn answer(role: Role, world: &World, counts: &Counts, method: &Method, path: &str) -> Answer {
    let version = match role {
        Role::Stable => "2.0.5",
        Role::Candidate => "2.1.0",
    };
    match (method, path) {
        (&Method::GET, "/health") => json(
            StatusCode::OK,
            &json!({"status": "ok", "version": version, "database": "ok", "rabbitmq": "ok", "redis": "ok"}),
        ),
        (&Method::GET, "/health/detailed") => json(
            StatusCode::OK,
            &json!({"status": "ok", "version": version, "services": {"database": "ok", "rabbitmq": "ok", "redis": "ok"}, "circuit_breakers": {"open": 0}}),
        ),
        (&Method::GET, "/metrics") => {
            if world.metrics_hang(role) {
                std::future::pending::<()>().await;
            }
            text(StatusCode::OK, "text/plain; version=0.0.4", counts.exposition(world.memory(role)))
        }
        (&Method::GET, "/api/feature-flags") => json(
            StatusCode::OK,
            &json!([{"name": "use_state_persistence", "enabled": true, "percentage": 0.0, "strategy": "percentage"}]),
        ),
        _ => counts.work(role, world, path).await,
    }
}

impl Counts {
    /// A request as the users' are: it takes its time and may fail.
    async fn work(&self, role: Role, world: &World, path: &str) -> Answer {
        let began = Instant::now();
        tokio::time::sleep(world.latency(role, fastrand::f64())).await;
        let took = began.elapsed().as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| took <= *bound).unwrap_or(BUCKETS.len());
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)[bucket] += 1;
        *self.seconds.lock().unwrap_or_else(PoisonError::into_inner) += took;
        // The checks' own requests are few, so a chance failure there would only confuse: users' requests fail.
        let may_fail = !path.starts_with("/api/");
        if may_fail && world.fails(role, self.users.fetch_add(1, Ordering::Relaxed), fastrand::f64()) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "no connection left in the pool"}));
        }
        self.ok.fetch_add(1, Ordering::Relaxed);
        json(StatusCode::OK, &json!({"path": path, "items": []}))
    }

    fn exposition(&self, memory: f64) -> String {
        let (ok, failed) = (self.ok.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        let mut out = String::with_capacity(2048);
        let _ = write!(out, "# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\n");
        let _ =
            write!(out, "http_requests_total{{status=\"200\"}} {ok}\nhttp_requests_total{{status=\"500\"}} {failed}\n");
        let _ = writeln!(out, "# TYPE http_request_duration_seconds histogram");
        let buckets = *self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = 0;
        for (index, count) in buckets.iter().enumerate() {
            sum += count;
            let bound = BUCKETS.get(index).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            let _ = writeln!(out, "http_request_duration_seconds_bucket{{le=\"{bound}\"}} {sum}");
        }
        let seconds = *self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = write!(out, "http_request_duration_seconds_sum {seconds}\nhttp_request_duration_seconds_count {sum}\n");
        let _ = write!(
            out,
            "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {}\n",
            MEMORY_LIMIT_BYTES * memory
        );
        let _ = write!(out, "memory_limit_bytes {MEMORY_LIMIT_BYTES}\npg_replication_lag_seconds 0.04\n");
        out
    }
}
