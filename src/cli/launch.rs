//! Starting keepers and opening consoles on them.

use super::farewell::{self, farewell};
use super::known::{DISK_LIMIT, Known, Standing, within};
use super::out::{complain, say};
use super::places::{self, Found, load};
use super::{CommandResult, Exit, Failure, ViewArgs, anew, config, plain, supervise};
use crate::clock;
use crate::console::desk::keymap::Action;
use crate::console::{self, ConsoleOptions};
use crate::domain::{Clean, RunId};
use crate::engine::{Command, Entry, Mode, Phase};
use crate::failpoint;
use crate::journal::{JournalError, Places, RunInfo, Writer};
use crate::keeper::{self, Holder, HostLock, KeeperError, KeeperOptions, LockError};
use crate::own;
use crate::plan::{self, Plan};
use crate::traffic;
use crate::wire::{Client, ClientError, Introduction};
use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How long a watching keeper stays without a console.
const WATCH_ALONE: Duration = Duration::from_secs(60);
/// How often a silent holder is asked who it is, a second each time: a keeper that is starting says it once it listens.
const HOLDER_TRIES: usize = 4;
/// How long a keeper that was told to end may take: its journal's last entries on a slow disk.
const END_WAIT: Duration = Duration::from_secs(10);
/// What a keeper prints once it listens.
const READY: &str = "ready";

/// A run whose keeper runs.
#[derive(Debug)]
pub(super) struct Started {
    pub found: Found,
    /// The keeper's process, where it was started from here.
    pub keeper: Option<Child>,
    /// How it was started: again it is started alike.
    pub how: KeeperStart<'static>,
    /// The plan file that was named.
    pub plan: Option<PathBuf>,
}

impl From<Found> for Started {
    fn from(found: Found) -> Self {
        Self { found, keeper: None, how: KeeperStart::default(), plan: None }
    }
}

/// `warroom run PLAN`.
pub(super) async fn run(path: &Path, from_balancer: bool, view: &ViewArgs, name: Option<Clean>) -> CommandResult {
    let plan = load(path)?;
    let places = places::places()?;
    let started = match holder_of(&plan) {
        Ok(Some(holder)) => attach_to(holder).into(),
        Ok(None) if from_balancer => anew::begin(&places, plan, path, name.clone()).await?,
        // Somebody who began in the same moment was quicker: theirs is the run.
        Ok(None) => {
            let quicker = || holder_of(&plan).ok().flatten();
            let begun = resume_or_begin(&places, &plan, path);
            begun.or_else(|failure| quicker().map(|holder| attach_to(holder).into()).ok_or(failure))?
        }
        Err(error @ (LockError::HeldSilently(_) | LockError::Held(_) | LockError::Io(_))) => {
            let hint = places::newest_of(&places, &plan)?.map_or_else(String::new, |found| {
                format!("; `warroom rollback {} --direct` works without it", found.run)
            });
            return Err(Failure::new(Exit::Refused, format!("{error}{hint}")));
        }
    };
    open(Started { plan: named(path), ..started }, view, name, None).await
}

/// A plan file under a name that holds in every folder.
fn named(path: &Path) -> Option<PathBuf> {
    std::path::absolute(path).ok().filter(|path| path.is_file())
}

/// Who holds the plan's balancer.
fn holder_of(plan: &Plan) -> Result<Option<Holder>, LockError> {
    let mut holder = HostLock::holder(plan);
    for _ in 1..HOLDER_TRIES {
        if !matches!(holder, Err(LockError::HeldSilently(_))) {
            break;
        }
        holder = HostLock::holder(plan);
    }
    holder
}

fn attach_to(holder: Holder) -> Found {
    complain(format!("run {} is held by {}, process {}: attaching", holder.run, holder.user, holder.pid));
    Found { run: holder.run, socket: holder.socket }
}

/// Goes on with an unfinished run of this balancer, or begins a new one.
fn resume_or_begin(places: &Places, plan: &Plan, path: &Path) -> Result<Started, Failure> {
    if let Some(found) = places::newest_of(places, plan)? {
        let (info, entries) = anew::read(places, &found.run).map_err(|why| anew::refusal(&found.run, path, &why))?;
        let standing = Standing::of(&entries);
        let has_hook = standing != Standing::Ended && Standing::has_open_hook(&entries);
        if standing == Standing::Unfinished || has_hook {
            let same = info.is_some_and(|info| info.plan_hash == plan.source.hash);
            let note = if same { "" } else { "; its frozen plan differs from this file and is the one in force" };
            let why = if standing == Standing::Unfinished { "was not finished" } else { "had a hook running" };
            complain(format!("run {} {why}: going on with it, held{note}", found.run));
            let keeper = start_keeper(places, &found.run, &KeeperStart::default())?;
            // Whether it is shared only the keeper's own plan says.
            let socket = places.socket(&found.run).map_err(|error| Failure::new(Exit::Usage, error))?;
            let found = Found { run: found.run, socket };
            return Ok(Started { keeper: Some(keeper), ..found.into() });
        }
    }
    begin(places, plan, path, Mode::Drive, None, &[])
}

/// Freezes the plan in a new run's folder and starts its keeper; its journal begins with `entries`. A run that does
/// not start leaves no folder: it would stand before the run that is meant.
pub(super) fn begin(
    places: &Places,
    plan: &Plan,
    path: &Path,
    mode: Mode,
    alone: Option<Duration>,
    entries: &[Entry],
) -> Result<Started, Failure> {
    let run = Places::new_run(plan.name.as_str(), clock::wall(), fastrand::u16(..));
    let began = freeze(places, plan, path, mode, &run, entries).and_then(|found| {
        let how = KeeperStart { watch: mode == Mode::Watch, alone, after: None };
        let keeper = start_keeper(places, &run, &how)?;
        Ok(Started { keeper: Some(keeper), how, ..found.into() })
    });
    if began.is_err() {
        let _ = std::fs::remove_dir_all(places.run(&run));
    }
    began
}

/// Makes a run's folder with all that its keeper begins with.
fn freeze(
    places: &Places,
    plan: &Plan,
    path: &Path,
    mode: Mode,
    run: &RunId,
    entries: &[Entry],
) -> Result<Found, Failure> {
    let unwritten = |error: JournalError| Failure::new(Exit::Unreachable, error);
    let socket = places.socket_for(run, plan.access.group.is_some()).map_err(places::no_place)?;
    places.create(run).map_err(places::no_place)?;
    failpoint::pass("folder made");
    let (origin, folder) = (plan::origin(&places.plan(run)), plan::folder_of(path));
    places.freeze(run, &plan.source.text, &origin, &folder).map_err(places::no_place)?;
    failpoint::pass("plan frozen");
    let mut writer = Writer::open(&places.journal(run)).map_err(unwritten)?;
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
    writer.put_info(&info).map_err(unwritten)?;
    failpoint::pass("run described");
    writer.append(entries.iter()).map_err(unwritten)?;
    Ok(Found { run: run.clone(), socket })
}

/// How a keeper is started.
#[derive(Debug, Clone, Copy, Default)]
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
    let mut command = std::process::Command::new(own::program());
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
        // The keeper closes its end when it is ready or when it dies: this read always ends, as
        // nothing that may hang is waited for without a limit before it listens, but the disk of its run.
        let _ = std::io::BufReader::new(stdout).read_line(&mut line);
    }
    if line.trim() == READY {
        return Ok(child);
    }
    let mut words = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = std::io::Read::read_to_string(&mut stderr, &mut words);
    }
    let usage = child.wait().ok().and_then(|status| status.code()) == Some(Exit::Usage as i32);
    let failure = failed(words.trim().trim_start_matches("warroom: ").to_owned());
    Err(if usage { Failure { exit: Exit::Usage, ..failure } } else { failure })
}

/// The keeper's own process.
pub(super) fn keeper_process(run: &str, watch: bool, alone: Option<Duration>, after: Option<Clean>) -> CommandResult {
    let run = RunId::parse(run).ok_or_else(|| Failure::new(Exit::Usage, format!("{run:?} is not a run id")))?;
    // A session of its own: the console's terminal, ssh and logout are no concern of the keeper's.
    let _ = rustix::process::setsid();
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
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{READY}").and_then(|()| out.flush());
        drop(out);
        close_standard_streams();
    }));
    // What hangs on a thread of its own must not keep the keeper from ending.
    runtime.shutdown_background();
    kept.map(|()| Exit::Done).map_err(|error| Failure::new(exit_of(&error), error))
}

/// What the plan asks for and this machine does not have is a matter of the plan, as it is for `check`.
fn exit_of(error: &KeeperError) -> Exit {
    match error {
        KeeperError::Plan(_)
        | KeeperError::Client(_)
        | KeeperError::NoSuchGroup(_)
        | KeeperError::GroupShutOut { .. } => Exit::Usage,
        KeeperError::Place(_)
        | KeeperError::Journal(_)
        | KeeperError::Locked(_)
        | KeeperError::Socket { .. }
        | KeeperError::Edited { .. } => Exit::Unreachable,
        KeeperError::RollbackLeft { .. } => Exit::Unconfirmed,
    }
}

/// Lines that wait for a slow disk; what comes beyond them is dropped. Their places are taken at the start, 32 bytes each.
const LOG_LINES_MAX: usize = 4096;

/// Begins the keeper's own log. A disk that takes no log must not stop a keeper.
fn start_log(places: &Places, run: &RunId) -> Option<tracing_appender::non_blocking::WorkerGuard> {
    let rolling = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("keeper.log");
    let log = rolling.build(places.logs(run)).ok()?;
    let waiting = tracing_appender::non_blocking::NonBlockingBuilder::default().buffered_lines_limit(LOG_LINES_MAX);
    let (writer, guard) = waiting.finish(log);
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
pub(super) async fn watch(path: &Path, view: &ViewArgs, name: Option<Clean>) -> CommandResult {
    let plan = load(path)?;
    let started = begin(&places::places()?, &plan, path, Mode::Watch, Some(WATCH_ALONE), &[])?;
    open(started, view, name, None).await
}

/// `warroom attach [RUN]`.
pub(super) async fn attach(run: Option<&str>, view: &ViewArgs, name: Option<Clean>) -> CommandResult {
    let found = places::find(&places::places()?, run).await?;
    let plan = run.and_then(|run| named(Path::new(run)));
    open(Started { plan, ..found.into() }, view, name, None).await
}

/// `warroom restart [RUN]`: ends a finished run and begins a new one of the same plan file.
pub(super) async fn restart(run: Option<&str>, view: &ViewArgs, name: Option<Clean>) -> CommandResult {
    restart_in(&places::places()?, run, view, name, None).await
}

async fn restart_in(
    places: &Places,
    run: Option<&str>,
    view: &ViewArgs,
    name: Option<Clean>,
    demo: Option<Demo>,
) -> CommandResult {
    let found = places::find(places, run).await?;
    let known = Known::look(places, &found);
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Unreachable, error);
    let Some(info) = &known.info else { return Err(failed(&"the run's journal does not say what its plan was")) };
    // Before anything is ended: a plan that is not sound, or asks for what this shell has not, begins nothing, and the
    // old run's keeper still watches.
    let plan = load(&info.plan_path)?;
    traffic::connect(&plan).map_err(|error| Failure::new(Exit::Usage, error))?;
    let introduction = Introduction { name: name.clone(), ..Introduction::default() };
    match Client::connect(&found.socket, &introduction).await {
        Ok(client) => {
            let ended = end_finished(client, &found).await?;
            if ended != Exit::Done {
                return Ok(ended);
            }
        }
        Err(error) => may_leave(&known, info, &error)?,
    }
    let mode = if info.watch_only { Mode::Watch } else { Mode::Drive };
    let alone = if info.watch_only { Some(WATCH_ALONE) } else { demo.as_ref().map(|demo| demo.alone) };
    let again = begin(places, &plan, &info.plan_path, mode, alone, &[])?;
    open(again, view, name, demo).await
}

/// Ends a run that is over and waits until its keeper, and with it its lock, has gone.
async fn end_finished(mut client: Client, found: &Found) -> CommandResult {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Unreachable, error);
    let snapshot = client.status().await.map_err(|error| failed(&error))?.snapshot;
    if !snapshot.is_over() {
        let watched = if snapshot.phase == Phase::Complete { ", and still watched" } else { "" };
        let words = format!("run {} is not over ({}{watched}): end it first", found.run, snapshot.phase.word());
        return Err(Failure::new(Exit::Refused, words));
    }
    let ended = super::act::print_answer(client.command(Command::End).await.map_err(|error| failed(&error))?)?;
    if ended == Exit::Done && !has_gone(&mut client).await {
        return Err(failed(&"the keeper does not end"));
    }
    Ok(ended)
}

/// Waits until the keeper of a run that has ended has gone, and with it its lock; `false`: it has not.
pub(super) async fn has_gone(client: &mut Client) -> bool {
    let going = async { while let Ok(Some(_)) = client.connection.next::<crate::wire::FromKeeper>().await {} };
    tokio::time::timeout(END_WAIT, going).await.is_ok()
}

/// Without an answer only the journal can say that a run is over; what is not over is not left behind.
fn may_leave(known: &Known, info: &RunInfo, error: &ClientError) -> Result<(), Failure> {
    let (run, plan) = (&known.found.run, info.plan_path.display());
    let is_dead = matches!(error, ClientError::Unreachable { .. });
    let moved_nothing = info.watch_only || matches!(known.standing, Standing::Empty | Standing::Unmoved);
    if known.standing.is_over() || is_dead && moved_nothing {
        return Ok(());
    }
    let words = format!(
        "{error}; run {run} is not over ({})  `warroom run {plan}` goes on with it, held  \
         `warroom rollback {run} --direct` works without the keeper",
        known.standing.words()
    );
    Err(Failure::new(Exit::Refused, words))
}

/// What the demo's console has besides.
#[derive(Debug, Clone)]
pub(super) struct Demo {
    /// A line for somebody who sees it for the first time.
    pub help: &'static str,
    /// Its state folder.
    pub state_dir: PathBuf,
    /// How long its keepers stay without a console.
    pub alone: Duration,
}

/// Whether a console is drawn; lines are printed where it is not wanted, or there is no terminal.
pub(super) fn draws(view: &ViewArgs) -> bool {
    !view.plain && std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
}

/// What a rollback past the keeper finds the run's plan by, the surest first. A run whose own copy of the plan is out of
/// reach here (another user's, a disk that hangs) goes by the file.
fn ways(run: &RunId, plan: Option<PathBuf>, is_in_reach: bool) -> Vec<OsString> {
    let id = OsString::from(run.as_str());
    match plan {
        Some(plan) if is_in_reach => vec![id, plan.into()],
        Some(plan) => vec![plan.into(), id],
        None => vec![id],
    }
}

/// Where a plan file brings all traffic, unless it is known to be another run's by now: with the run's own copy of the
/// plan it is compared, and where that is out of reach, who holds its balancer and the run's record may tell. Where
/// nobody answers, a way back is not given up for that.
fn destination_of(places: &Places, found: &Found, file: &Path, frozen: Option<&Plan>) -> Option<String> {
    let file = file.to_owned();
    let plan = Arc::new(within(DISK_LIMIT, move || plan::load_frozen(&file).ok()).flatten()?);
    let to = places::destination(&plan);
    let is_anothers = match frozen {
        Some(own) => places::destination(own) != to,
        None => is_held_by_another(found, &plan).unwrap_or_else(|| is_recorded_elsewhere(places, found, &plan)),
    };
    (!is_anothers).then_some(to)
}

/// `None` where nobody says who holds the plan's balancer.
fn is_held_by_another(found: &Found, plan: &Arc<Plan>) -> Option<bool> {
    let plan = plan.clone();
    let holder = within(DISK_LIMIT, move || HostLock::holder(&plan).ok().flatten()).flatten()?;
    Some(holder.run != found.run)
}

fn is_recorded_elsewhere(places: &Places, found: &Found, plan: &Plan) -> bool {
    let (places, found) = (places.clone(), found.clone());
    let info = within(DISK_LIMIT, move || Known::look(&places, &found).info).flatten();
    info.is_some_and(|info| info.identity != plan.traffic.identity())
}

/// What another shell like this one's is to name: a run in another state folder is found by its file alone.
fn elsewhere(run: &RunId, plan: Option<&Path>, is_found: bool) -> Clean {
    match plan {
        _ if is_found => Clean::new(run.as_str()),
        Some(plan) => Clean::new(plan.display().to_string()),
        None => "PLAN-FILE".into(),
    }
}

/// Opens a console on a run; prints lines where there is no terminal. A keeper that was started for it is started
/// again when it dies, as long as the console is open.
pub(super) async fn open(started: Started, view: &ViewArgs, name: Option<Clean>, demo: Option<Demo>) -> CommandResult {
    let Started { found, keeper, how, plan } = started;
    let introduction = Introduction { name: name.clone(), readonly: view.readonly, follow: true };
    // The demo's run is in a folder of its own: its keeper is started again there, and its journal is there.
    let own = demo.as_ref().map_or_else(places::places, |demo| Ok(Places::at(demo.state_dir.clone())))?;
    let places = places::home_of(own.clone(), &found);
    let frozen = places.plan(&found.run);
    let frozen = within(DISK_LIMIT, move || plan::load_frozen(&frozen).ok()).flatten();
    let is_in_reach = frozen.is_some();
    let leads_to = plan.as_deref().and_then(|file| destination_of(&places, &found, file, frozen.as_ref()));
    // A file that is another cutover's by now is no way to this one.
    let plan = plan.filter(|_| leads_to.is_some());
    let elsewhere = elsewhere(&found.run, plan.as_deref(), is_in_reach && places.state() == own.state());
    if !draws(view) {
        // Nobody looks: who reads the lines sees them end, and decides.
        return plain::follow(&found, &elsewhere, &introduction).await;
    }
    let config = config::for_console(view)?;
    let options = ConsoleOptions {
        socket: found.socket.clone(),
        run: found.run.clone(),
        introduction,
        ascii: config.ascii,
        theme: view.theme.clone().or_else(|| config.theme.map(str::to_owned)),
        color: view.color.clone(),
        // What the demo leaves behind must not go away with it.
        reports: if demo.is_some() { std::env::temp_dir() } else { places.run(&found.run) },
        help: demo.as_ref().map(|demo| format!("{}  {} ends the demo", demo.help, config.keymap.key_of(Action::Quit))),
        is_demo: demo.is_some(),
        keymap: config.keymap,
        mouse: config.mouse,
        bell: !config.silent,
        window: config.window,
        private: view.privacy,
        state: places.state().to_owned(),
        state_dir: places.state_dir().map(Path::to_owned),
        ways: ways(&found.run, plan, is_in_reach),
        leads_to,
        elsewhere,
    };
    let journal = places.journal(&found.run);
    let way = options.elsewhere.clone();
    let notices = supervise::start(places.clone(), found.run.clone(), keeper, how);
    match console::run(options, notices).await {
        Ok(exit) => {
            if exit.restart {
                return Box::pin(restart_in(&places, Some(found.run.as_str()), view, name, demo)).await;
            }
            // The terminal may be gone; then nobody reads this, and there is more to do than to fail.
            farewell(&found.run, &way, &exit, &journal, demo.is_some()).into_iter().for_each(say);
            Ok(farewell::exit_of(&exit))
        }
        Err(error) => Err(Failure::new(Exit::Unreachable, error)),
    }
}
