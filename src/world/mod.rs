//! The embedded world: two apps, a splitting proxy, load, and things that go wrong. Real HTTP on
//! loopback, for `warroom demo` and for tests; nothing of it is used on a real cutover.

#![expect(clippy::disallowed_methods, reason = "the world owns its servers' tasks and clocks")]

mod app;
mod load;
mod plan_file;
mod proxy;
mod scenario;
mod serve;

pub use scenario::{SCENARIOS, Scenario};

use crate::clock;
use crate::domain::{Mono, PerRole, Role, Split};
use app::App;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// What a world is made with.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// Where the proxy listens, as it was given.
    pub listen: String,
    /// What goes wrong.
    pub scenario: Scenario,
    /// Divides the written plan's bakes and `for`, nothing else.
    pub speed: f64,
    /// Where to write the plan.
    pub write_plan: Option<PathBuf>,
    /// Requests a second of the load generator.
    pub load: f64,
}

/// Requests a second that the demo plan's minimum counts are made for.
pub const LOAD_DEFAULT: f64 = 200.0;

/// The state that proxy, apps and scenario share.
#[derive(Debug)]
struct World {
    /// Never `random`: that was resolved when the world was made.
    scenario: Scenario,
    split: Mutex<SplitState>,
}

/// The balancer's split and its history.
#[derive(Debug, Clone, Copy)]
struct SplitState {
    split: Split,
    version: u64,
    first_share: Option<Mono>,
    drifted: bool,
}

impl World {
    fn state(&self) -> SplitState {
        *self.split.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the split, as the proxy's API and the scenario's own hand do.
    fn set(&self, split: Split) {
        let mut state = self.split.lock().unwrap_or_else(PoisonError::into_inner);
        state.version += u64::from(state.split != split);
        state.split = split;
        if split > Split::ALL_STABLE && state.first_share.is_none() {
            state.first_share = Some(clock::mono());
        }
    }

    /// Seconds since the candidate first had traffic.
    fn since_first_share(&self) -> Option<f64> {
        self.state().first_share.map(|at| clock::mono().since(at).as_secs_f64())
    }
}

/// A world that listens; nothing is answered before it runs.
pub struct Listening {
    world: Arc<World>,
    listener: TcpListener,
    apps: PerRole<SocketAddr>,
    address: SocketAddr,
    load: f64,
}

impl Listening {
    /// Opens the world's ports and writes its plan.
    pub async fn new(options: WorldOptions) -> io::Result<Self> {
        let split = SplitState { split: Split::ALL_STABLE, version: 0, first_share: None, drifted: false };
        let world = Arc::new(World { scenario: options.scenario.resolved(), split: Mutex::new(split) });
        let listener = TcpListener::bind(&options.listen)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", options.listen)))?;
        let address = listener.local_addr()?;
        let apps = PerRole {
            stable: App::start(Role::Stable, world.clone()).await?.address,
            candidate: App::start(Role::Candidate, world.clone()).await?.address,
        };
        // "127.0.0.1:0" asks for any port: then the plan must name the one that was given.
        let told = if options.listen.ends_with(":0") { address.to_string() } else { options.listen };
        if let Some(path) = &options.write_plan {
            plan_file::write(path, &told, apps, options.speed)?;
        }
        Ok(Self { world, listener, apps, address, load: options.load })
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong; of `random` the one that was chosen.
    pub fn scenario(&self) -> Scenario {
        self.world.scenario
    }

    /// Runs until the future is dropped.
    pub async fn run(self) -> io::Result<()> {
        let proxy = proxy::Proxy::new(self.world.clone(), self.apps)?;
        let loading = load::run(self.address, self.load)?;
        tokio::select! {
            () = proxy.serve(self.listener) => {}
            () = loading => {}
            () = scenario::act(self.world) => {}
        }
        Ok(())
    }
}

fn url_of(address: SocketAddr) -> String {
    format!("http://{address}")
}
