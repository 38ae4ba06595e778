//! Starting keepers and opening consoles on them.

use super::places::{self, Found, load};
use super::{Exit, Failure, Outcome, ViewArgs, anew, plain, supervise};
use crate::clock;
use crate::console::{self, ConsoleExit, ConsoleOptions};
use crate::domain::{Clean, RunId};
use crate::engine::{Command, Entry, Fact, Mode};
use crate::failpoint;
use crate::journal::{Places, Reader, RunInfo, Writer};
use crate::keeper::{self, HostLock, KeeperOptions, LockError};
use crate::plan::Plan;
use crate::wire::{Client, Introduction};
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// How long a watching keeper stays without a console.
const WATCH_ALONE: Duration = Duration::from_secs(60);
/// What a keeper prints once it listens.
const READY: &str = "ready";

/// A run whose keeper runs.
#[derive(Debug)]
pub(super) struct Started {
    pub found: Found,
    /// The keeper's process, where it was started from here.
    pub keeper: Option<Child>,
}

impl From<Found> for Started {
    fn from(found: Found) -> Self {
        Self { found, keeper: None }
    }
}

/// `warroom run PLAN`.
pub(super) async fn run(path: &Path, from_balancer: bool, view: &ViewArgs, name: Option<Clean>) -> Outcome {
    let plan = load(path)?;
    let places = places::places()?;
    let started = match HostLock::holder(&plan) {
        Ok(Some(holder)) => {
            eprintln!("run {} is held by {}, process {}: attaching", holder.run, holder.user, holder.pid);
            Found { run: holder.run, socket: holder.socket }.into()
        }
        Ok(None) if from_balancer => anew::begin(&places, plan, path).await?,
        Ok(None) => resume_or_begin(&places, &plan, path)?,
        Err(error @ (LockError::HeldSilently | LockError::Held(_) | LockError::Io(_))) => {
            let hint = places::newest_of(&places, &plan)?.map_or_else(String::new, |found| {
                format!("; `warroom rollback {} --direct` works without it", found.run)
            });
            return Err(Failure::new(Exit::Refused, format!("{error}{hint}")));
        }
    };
    open(started, view, name, None).await
}

/// Goes on with an unfinished run of this balancer, or begins a new one.
fn resume_or_begin(places: &Places, plan: &Plan, path: &Path) -> Result<Started, Failure> {
    if let Some(found) = places::newest_of(places, plan)? {
        let (info, entries) = anew::read(places, &found.run).map_err(|why| anew::refusal(&found.run, path, &why))?;
        if is_unfinished(&entries) {
            let same = info.is_some_and(|info| info.plan_hash == plan.source.hash);
            let note = if same { "" } else { "; its frozen plan differs from this file and is the one in force" };
            eprintln!("run {} was not finished: going on with it, held{note}", found.run);
            let keeper = start_keeper(places, &found.run, &KeeperStart::default())?;
            return Ok(Started { found, keeper: Some(keeper) });
        }
    }
    begin(places, plan, path, Mode::Drive, None, &[])
}

/// Whether a run moved traffic and neither came back, nor was completed and watched, nor was ended.
fn is_unfinished(entries: &[Entry]) -> bool {
    let moves =
        |fact: &Fact| matches!(fact, Fact::Intent { .. } | Fact::RollbackAccepted { .. } | Fact::Adopted { .. });
    // Only what came after the last move says that this move is over.
    let Some(last) = entries.iter().rposition(|entry| moves(&entry.fact)) else { return false };
    let over = entries[last..].iter().any(|e| matches!(e.fact, Fact::Ended | Fact::RolledBack | Fact::WatchOver));
    !over
}

/// Freezes the plan in a new run's folder and starts its keeper. `entries` are what its journal begins with.
pub(super) fn begin(
    places: &Places,
    plan: &Plan,
    path: &Path,
    mode: Mode,
    alone: Option<Duration>,
    entries: &[Entry],
) -> Result<Started, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, error);
    // Plan and journal are their owner's alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let run = Places::new_run(plan.name.as_str(), clock::wall(), fastrand::u16(..));
    let socket = places.socket(&run).map_err(|error| wrong(&error))?;
    places.create(&run).map_err(|error| wrong(&error))?;
    failpoint::pass("folder made");
    std::fs::write(places.plan(&run), &plan.source.text)
        .map_err(|error| wrong(&format!("{}: {error}", places.plan(&run).display())))?;
    failpoint::pass("plan frozen");
    let mut writer = Writer::open(&places.journal(&run)).map_err(|error| wrong(&error))?;
    failpoint::pass("journal made");
    let plan_path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let info = RunInfo {
        title: plan.title().as_str().into(),
        plan_path,
        plan_hash: plan.source.hash.clone(),
        identity: plan.traffic.identity(),
        started: clock::wall(),
        watch_only: mode == Mode::Watch,
    };
    writer.put_info(&info).map_err(|error| wrong(&error))?;
    failpoint::pass("run described");
    writer.append(entries.iter()).map_err(|error| wrong(&error))?;
    drop(writer);
    let keeper = start_keeper(places, &run, &KeeperStart { watch: mode == Mode::Watch, alone, after: None })?;
    Ok(Started { found: Found { run, socket }, keeper: Some(keeper) })
}

/// How a keeper is started.
#[derive(Debug, Default)]
pub(super) struct KeeperStart<'a> {
    /// Whether it holds no write path.
    pub watch: bool,
    /// How long it stays without a console.
    pub alone: Option<Duration>,
    /// What befell the one before.
    pub after: Option<&'a str>,
}

/// Starts a keeper's process and waits until it listens or says why it cannot.
pub(super) fn start_keeper(places: &Places, run: &RunId, how: &KeeperStart<'_>) -> Result<Child, Failure> {
    let failed = |why: String| Failure::new(Exit::Unreachable, format!("the keeper did not start: {why}"));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = std::process::Command::new(program);
    command.arg("keeper").arg(run.as_str());
    if how.watch {
        command.arg("--watch");
    }
    if let Some(alone) = how.alone {
        command.arg("--alone").arg(alone.as_secs().to_string());
    }
    if let Some(after) = how.after {
        command.arg("--after").arg(after);
    }
    if let Some(state) = places.state_dir() {
        command.env("WARROOM_STATE_DIR", state);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        // The keeper closes its end when it is ready or when it dies: this read always ends.
        let _ = std::io::BufReader::new(stdout).read_line(&mut line);
    }
    if line.trim() == READY {
        return Ok(child);
    }
    let mut words = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = std::io::Read::read_to_string(&mut stderr, &mut words);
    }
    let _ = child.wait();
    Err(failed(words.trim().trim_start_matches("warroom: ").to_owned()))
}

/// The keeper's own process.
pub(super) fn keeper_process(run: &str, watch: bool, alone: Option<Duration>, after: Option<Clean>) -> Outcome {
    let run = RunId::parse(run).ok_or_else(|| Failure::new(Exit::Usage, format!("{run:?} is not a run id")))?;
    // A session of its own: the console's terminal, ssh and logout are no concern of the keeper's.
    let _ = rustix::process::setsid();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let places = places::places()?;
    let _log = start_log(&places, &run);
    // One thread: what is due at one time is done in one waking. Whatever may hang (disks, large expositions) has a
    // thread of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Unreachable, error))?;
    let mode = if watch { Mode::Watch } else { Mode::Drive };
    let options = KeeperOptions { run, mode, alone_at_most: alone, after };
    let kept = runtime.block_on(keeper::keep(&places, options, || {
        // Whoever started us may be gone by now; the run goes on.
        let _ = writeln!(std::io::stdout(), "{READY}").and_then(|()| std::io::stdout().flush());
        close_standard_streams();
    }));
    // What hangs on a thread of its own must not keep the keeper from ending.
    runtime.shutdown_background();
    kept.map(|()| Exit::Done).map_err(|error| Failure::new(Exit::Unreachable, error))
}

/// Begins the keeper's own log. A disk that takes no log must not stop a keeper.
fn start_log(places: &Places, run: &RunId) -> Option<tracing_appender::non_blocking::WorkerGuard> {
    let rolling = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("keeper.log");
    let log = rolling.build(places.logs(run)).ok()?;
    let (writer, guard) = tracing_appender::non_blocking(log);
    let filter = tracing_subscriber::EnvFilter::try_from_env("WARROOM_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(writer).init();
    Some(guard)
}

/// The one who started us waits for our end of its pipes; from here on the log is where words go.
fn close_standard_streams() {
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// `warroom watch PLAN`.
pub(super) async fn watch(path: &Path, view: &ViewArgs, name: Option<Clean>) -> Outcome {
    let plan = load(path)?;
    let started = begin(&places::places()?, &plan, path, Mode::Watch, Some(WATCH_ALONE), &[])?;
    open(started.found.into(), view, name, None).await
}

/// `warroom attach [RUN]`.
pub(super) async fn attach(run: Option<&str>, view: &ViewArgs, name: Option<Clean>) -> Outcome {
    let found = places::find(&places::places()?, run)?;
    open(found.into(), view, name, None).await
}

/// `warroom restart [RUN]`: ends a finished run and begins a new one of the same plan file.
pub(super) async fn restart(run: Option<&str>, view: &ViewArgs, name: Option<Clean>) -> Outcome {
    let places = places::places()?;
    let found = places::find(&places, run)?;
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Unreachable, error);
    let info =
        Reader::open(&places.journal(&found.run)).and_then(|reader| reader.info()).map_err(|error| failed(&error))?;
    let Some(info) = info else { return Err(failed(&"the run's journal does not say what its plan was")) };
    let introduction = Introduction { name: name.clone(), ..Introduction::default() };
    if let Ok(mut client) = Client::connect(&found.socket, &introduction).await {
        let phase = client.status().await.map_err(|error| failed(&error))?.snapshot.phase;
        if !matches!(phase, crate::engine::Phase::RolledBack | crate::engine::Phase::Complete) {
            return Err(Failure::new(
                Exit::Refused,
                format!("run {} is not over ({}): end it first", found.run, phase.word()),
            ));
        }
        super::act::print_answer(client.command(Command::End).await.map_err(|error| failed(&error))?)?;
        // The keeper closes the connection when it has gone, and its lock with it.
        while let Ok(Some(_)) = client.connection.next::<crate::wire::FromKeeper>().await {}
    }
    run_again(&info.plan_path, view, name).await
}

async fn run_again(path: &Path, view: &ViewArgs, name: Option<Clean>) -> Outcome {
    let plan = load(path)?;
    let started = begin(&places::places()?, &plan, path, Mode::Drive, None, &[])?;
    open(started, view, name, None).await
}

/// What the demo's console has besides.
#[derive(Debug, Clone)]
pub(super) struct Demo {
    /// A line for somebody who sees it for the first time.
    pub help: &'static str,
    /// Its state folder.
    pub state_dir: std::path::PathBuf,
}

/// Opens a console on a run; prints lines where there is no terminal. A keeper that was started for it is started
/// again when it dies, as long as the console is open.
pub(super) async fn open(started: Started, view: &ViewArgs, name: Option<Clean>, demo: Option<Demo>) -> Outcome {
    let Started { found, keeper } = started;
    let introduction = Introduction { name, readonly: view.readonly, follow: true };
    if view.plain || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        // Nobody looks: who reads the lines sees them end, and decides.
        return plain::follow(&found.socket, &introduction).await;
    }
    let options = ConsoleOptions {
        socket: found.socket.clone(),
        run: found.run.clone(),
        introduction,
        ascii: view.ascii,
        theme: view.theme.clone(),
        help: demo.as_ref().map(|demo| demo.help),
        state_dir: demo
            .as_ref()
            .map(|demo| demo.state_dir.clone())
            .or_else(|| std::env::var_os("WARROOM_STATE_DIR").map(Into::into)),
    };
    let notices = supervise::start(places::places()?, found.run.clone(), keeper);
    match console::run(options, notices).await {
        Ok(ConsoleExit { last, restart }) => {
            if restart {
                return Box::pin(restart_from(&found, view)).await;
            }
            Ok(plain::farewell(&found.run, last.as_deref(), demo.is_some()))
        }
        Err(error) => Err(Failure::new(Exit::Unreachable, error)),
    }
}

async fn restart_from(found: &Found, view: &ViewArgs) -> Outcome {
    restart(Some(found.run.as_str()), view, None).await
}
