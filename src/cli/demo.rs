//! `warroom demo`: world, keeper and console, in a state folder of its own that goes away with them.

use super::launch::{self, Demo};
use super::places::load;
use super::{Exit, Failure, Outcome, WorldArgs, block_on};
use crate::domain::Clean;
use crate::engine::{Command, Mode};
use crate::journal::Places;
use crate::wire::{Client, Introduction};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const HELP: &str = "When READY: press A, then y.  H holds.  R, then y, rolls back.  q ends the demo";
/// How long the world may take to listen.
const WORLD_WAIT: Duration = Duration::from_secs(10);
/// How long the demo's keeper outlives its console.
const ALONE: Duration = Duration::from_secs(600);

pub(super) fn run(args: &WorldArgs, name: Option<Clean>) -> Outcome {
    let folder = TemporaryFolder::new()?;
    let mut world = start_world(args, &folder.0)?;
    let plan = folder.0.join("demo.toml");
    let shown = wait_for(&plan, &mut world).and_then(|()| show(args, &plan, name, &folder.0));
    // The world is ours alone: it ends with us, by its own pid.
    let _ = world.kill();
    let _ = world.wait();
    if shown.is_ok() {
        let _ = writeln!(
            std::io::stdout(),
            "
That was the embedded world. Next, your own, without any write path:
  warroom init your.toml
  warroom watch your.toml"
        );
    }
    shown
}

fn show(args: &WorldArgs, path: &Path, name: Option<Clean>, folder: &Path) -> Outcome {
    let plan = load(path)?;
    let places = Places::at(folder.to_owned());
    let found = launch::begin(&places, &plan, path, Mode::Drive, Some(ALONE))?;
    block_on(async {
        let shown =
            launch::open(&found, &args.view, name.clone(), Some(Demo { help: HELP, state_dir: folder.to_owned() }))
                .await;
        let introduction = Introduction { name, ..Introduction::default() };
        if let Ok(mut client) = Client::connect(&found.socket, &introduction).await {
            let _ = client.command(Command::Take).await;
            let pid = client.status().await.map(|status| status.keeper.pid);
            let ended = client.command(Command::End).await;
            // A rollback under way refuses to be ended; the world goes away under it, so its keeper goes too.
            if let (Ok(pid), Ok(crate::engine::Answer::Refused(_))) = (pid, ended)
                && let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            while let Ok(Some(_)) = client.connection.next::<crate::wire::FromKeeper>().await {}
        }
        shown
    })?
}

fn start_world(args: &WorldArgs, folder: &Path) -> Result<Child, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Unreachable, format!("the embedded world did not start: {error}"));
    std::process::Command::new(std::env::current_exe().map_err(failed)?)
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
