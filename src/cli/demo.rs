//! `warroom demo`: world, keeper and console, in a state folder of its own that goes away with them.

use super::launch::{self, Demo};
use super::places::load;
use super::{CommandResult, Exit, Failure, WorldArgs, block_on, out};
use crate::domain::Clean;
use crate::engine::{Command, Mode};
use crate::journal::Places;
use crate::own;
use crate::wire::{Client, Introduction};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// The key that ends the demo is added as it is bound.
const HELP: &str = "When READY: A, then y.  H holds.  R, then y, rolls back.";
/// How long the world may take to listen.
const WORLD_WAIT: Duration = Duration::from_secs(10);
/// How long the demo's keeper may take to end.
const KEEPER_WAIT: Duration = Duration::from_secs(5);
/// How long the demo's keeper and its world outlive their console.
pub(super) const ALONE: Duration = Duration::from_secs(600);

pub(super) fn run(args: &WorldArgs, name: Option<&Clean>) -> CommandResult {
    let folder = TemporaryFolder::new()?;
    let mut world = start_world(args, &folder.0)?;
    let plan = folder.0.join("demo.toml");
    let shown = wait_for(&plan, &mut world).and_then(|()| show(args, &plan, name, &folder.0));
    // The world is ours alone: it ends with us, by its own pid.
    let _ = world.kill();
    let _ = world.wait();
    let exit = shown?;
    out::say(
        "
That was the embedded world. Next, your own, without any write path:
  warroom init your.toml
  warroom watch your.toml",
    );
    // A rollback is what the demo shows; who left it in order has seen it all.
    Ok(if exit == Exit::RolledBack { Exit::Done } else { exit })
}

fn show(args: &WorldArgs, path: &Path, name: Option<&Clean>, folder: &Path) -> CommandResult {
    let plan = load(path)?;
    let places = Places::at(folder.to_owned());
    block_on(async {
        let heard = |kind| signal(kind).map_err(|error| Failure::new(Exit::Unreachable, error));
        let (mut terminate, mut hang_up) = (heard(SignalKind::terminate())?, heard(SignalKind::hangup())?);
        let mut interrupt = heard(SignalKind::interrupt())?;
        let found = launch::begin(&places, &plan, path, Mode::Drive, Some(ALONE), &[])?;
        let demo = Demo { help: HELP, state_dir: folder.to_owned(), alone: ALONE };
        let ended = |how: &str| Err(Failure::new(Exit::Unreachable, format!("the demo was ended by {how}")));
        let shown = tokio::select! {
            // First: a console on a terminal hears the same signals and puts the terminal right.
            biased;
            shown = launch::open(found, &args.view, name.cloned(), Some(demo)) => shown,
            // Ended from outside: everything of the demo's own ends with it, the folder too.
            _ = terminate.recv() => ended("SIGTERM"),
            _ = hang_up.recv() => ended("SIGHUP"),
            _ = interrupt.recv() => ended("SIGINT"),
        };
        for run in places.runs().unwrap_or_default() {
            if let Ok(socket) = places.socket(&run) {
                end_keeper(&socket, name.cloned()).await;
            }
        }
        shown
    })?
}

/// Ends a keeper of the demo's, however far its run is.
async fn end_keeper(socket: &Path, name: Option<Clean>) {
    let introduction = Introduction { name, ..Introduction::default() };
    let Ok(mut client) = Client::connect(socket, &introduction).await else { return };
    let _ = client.command(Command::Take).await;
    let pid = client.status().await.map(|status| status.keeper.pid);
    let ended = client.command(Command::End).await;
    // A rollback under way refuses to be ended; the world goes away under it, so its keeper goes too.
    if let (Ok(pid), Ok(crate::engine::Answer::Refused(_))) = (pid, ended)
        && let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let going = async { while let Ok(Some(_)) = client.connection.next::<crate::wire::FromKeeper>().await {} };
    let _ = tokio::time::timeout(KEEPER_WAIT, going).await;
}

fn start_world(args: &WorldArgs, folder: &Path) -> Result<Child, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Unreachable, format!("the embedded world did not start: {error}"));
    std::process::Command::new(own::program())
        .args(["world", "--listen", "127.0.0.1:0", "--until-eof", "--scenario", &args.scenario])
        .args(["--speed", &args.speed.to_string(), "--seed", &args.seed.to_string()])
        .arg("--write-plan")
        .arg(folder.join("demo.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)
}

/// The plan appears, whole, once the world listens.
fn wait_for(plan: &Path, world: &mut Child) -> Result<(), Failure> {
    let began = Instant::now();
    while !plan.exists() {
        let ended = world.try_wait().ok().flatten();
        if let Some(status) = ended {
            return Err(Failure::new(Exit::Unreachable, format!("the embedded world ended: {status}")));
        }
        if began.elapsed() > WORLD_WAIT {
            return Err(Failure::new(Exit::Unreachable, "the embedded world does not listen after 10 s"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// The demo's own state, removed at its end. The keeper finds it by `WARROOM_STATE_DIR`.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn new() -> Result<Self, Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("warroom-demo-{}-{:04x}", std::process::id(), fastrand::u16(..)));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
