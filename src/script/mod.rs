//! Runs the operator's own programs, with limits, and words for every ending.
//!
//! * Nobody's environment: `PATH`, `HOME`, `LANG`, `TZ`, `USER`, `TMPDIR`, what the plan names, and the run's values
//!   as `WARROOM_…`. Standard input is empty. Nothing is pasted into a shell's text.
//! * A run ends with its own process. What it leaves running is killed then, so that nothing of it acts later.
//! * At its timeout, when its future is dropped, and when this process dies, however it dies: SIGTERM to the whole
//!   group, SIGKILL a second later (`group.rs` has how). What leaves its process group by itself (`setsid`, a daemon)
//!   or becomes another user (`sudo`) is out of reach.
//! * Output is kept up to a limit, shown line by line as [`Clean`], and secrets are taken out of all that is.
//! * A run never blocks whoever waits for it: files that hang cost it its own time and a bounded number of threads.

#![expect(clippy::disallowed_methods, reason = "programs are started beside the runtime: a disk may hang")]

mod group;
mod output;

pub use output::Recent;

use crate::domain::{Clean, Printed, Secrets, duration_words};
use crate::files;
use crate::plan::{self, Run, Secret, Values};
use group::{Group, Mark};
use output::{Heard, Output, TooMuch};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

/// Variables that every program gets, where this process has them.
pub const VARIABLES: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "USER", "TMPDIR"];
/// How long the files of secrets are waited for before a run goes on with what they last held: a rollback waits no
/// longer for a disk than a person's eye blinks.
const FILES_WAIT: Duration = Duration::from_millis(100);
/// Starts of one script that may hang on a disk at the same time, each on a thread of its own: two attempts that were
/// given up, the newest, and one spare.
const STARTS: usize = 4;
/// How long output is still read after everybody who should have it is gone: what is in a pipe is there at once, and
/// somebody who left the group may hold it open for ever.
const DRAIN_WAIT: Duration = Duration::from_millis(200);

/// Why a script could not be made ready from the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("script {name}: {why}")]
pub struct SetupError {
    /// Which.
    pub name: Clean,
    /// Why.
    pub why: Clean,
}

/// A program of the operator's own, ready to be run any number of times, also at the same time.
#[derive(Debug)]
pub struct Script {
    plan: plan::Script,
    mark: Mark,
    /// The plan's variables as they were last read, by whichever script has the same.
    env: Arc<RwLock<Arc<Env>>>,
    starts: Arc<Semaphore>,
    /// Taken while the files of secrets are read: one that hangs is not asked again.
    files: Arc<Semaphore>,
}

/// The plan's variables with their values.
#[derive(Debug, Default)]
struct Env {
    variables: Vec<(String, String)>,
    secrets: Secrets,
}

/// What became of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote on its standard output, up to 64 KiB.
    pub stdout: Printed,
    /// Whether it wrote more than that.
    pub is_cut: bool,
    /// The last line it wrote, on its standard error if there was any.
    pub last: Option<Clean>,
    /// What of it could not be ended and may still act.
    pub left: Option<Clean>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was never started, and did nothing.
    NotStarted(Clean),
    /// It ended by itself, with this code.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// It was ended after so long.
    TimedOut(Duration),
    /// It was ended because it did not stop writing.
    TooMuch,
    /// It was ended because somebody asked for that.
    Stopped,
    /// Nobody saw how.
    Unseen(Clean),
}

impl Ending {
    /// The ending in words.
    pub fn words(&self) -> Clean {
        match self {
            Self::NotStarted(why) => Clean::new(format!("not started: {why}")),
            Self::Exited(code) => Clean::new(format!("exit code {code}")),
            Self::Killed(signal) => Clean::new(format!("ended by signal {signal}")),
            Self::TimedOut(limit) => Clean::new(format!("timed out after {}, and ended", duration_words(*limit))),
            Self::Stopped => "stopped".into(),
            Self::TooMuch => Clean::new(format!("ended: it wrote more than {} MiB", output::BYTES_MAX >> 20)),
            Self::Unseen(why) => Clean::new(format!("how it ended is not known: {why}")),
        }
    }
}

impl Done {
    fn not_started(why: impl AsRef<str>) -> Self {
        Self::nothing(Ending::NotStarted(Clean::new(why)))
    }

    fn nothing(ending: Ending) -> Self {
        Self { ending, stdout: Printed::default(), is_cut: false, last: None, left: None }
    }

    /// All of it in words: `exit code 3: connection refused`.
    pub fn words(&self) -> Clean {
        let mut words = self.ending.words().to_string();
        for part in [&self.last, &self.left].into_iter().flatten() {
            words = format!("{words}: {part}");
        }
        Clean::new(words)
    }
}

impl Script {
    /// Makes a script ready: reads the variables and files that the plan names. Starts nothing.
    ///
    /// `what` says what it acts on (`set edge-eu1`): runs of the same, by whichever process of this host, are one
    /// another's older runs for [`Script::end_older`].
    pub fn new(plan: &plan::Script, what: &str) -> Result<Self, SetupError> {
        let env = read_env(plan).map_err(|why| SetupError { name: Clean::new(plan.name()), why: Clean::new(why) })?;
        Ok(Self::with(plan, what, Arc::new(RwLock::new(Arc::new(env)))))
    }

    /// Makes another one ready. Where it has the same variables, what either reads of their files serves both: one that
    /// is run once in a long time knows what one that is run often has read last.
    pub fn beside(&self, plan: &plan::Script, what: &str) -> Result<Self, SetupError> {
        if plan.env == self.plan.env { Ok(Self::with(plan, what, self.env.clone())) } else { Self::new(plan, what) }
    }

    fn with(plan: &plan::Script, what: &str, env: Arc<RwLock<Arc<Env>>>) -> Self {
        Self {
            plan: plan.clone(),
            mark: Mark::new(what),
            env,
            starts: Arc::new(Semaphore::new(STARTS)),
            files: Arc::new(Semaphore::new(1)),
        }
    }

    /// Runs it once; dropping the future ends the run.
    ///
    /// Returns at the latest three seconds after the script's timeout, and within it where the script ends in time.
    pub async fn run(&self, values: &Values) -> Done {
        self.attend(values, None, std::future::pending()).await
    }

    /// The same, and tells a few times a second, and at the end, what it wrote lately. Once `stop` is there the run is
    /// ended as at its timeout.
    pub async fn run_until(
        &self,
        values: &Values,
        stop: impl Future<Output = ()>,
        heard: &mut (dyn FnMut(Recent) + Send),
    ) -> Done {
        self.attend(values, Some(heard), stop).await
    }

    async fn attend(&self, values: &Values, heard: Heard<'_>, stop: impl Future<Output = ()>) -> Done {
        tokio::pin!(stop);
        let end = Instant::now() + self.plan.timeout;
        let env = self.environment().await;
        let command = match self.command(&env, values) {
            Ok(command) => command,
            Err(why) => return Done::not_started(why),
        };
        let started = tokio::select! {
            biased;
            started = timeout_at(end, self.start(command)) => started,
            () = &mut stop => return Done { ending: Ending::Stopped, ..Done::not_started("") },
        };
        let (mut group, mut child) = match started {
            Ok(Ok(started)) => started,
            Ok(Err(why)) => return Done::not_started(why),
            // Its group is ended, and yet it may still begin and do something before that.
            Err(_) => return Done::nothing(Ending::Unseen("it did not start in time (a disk that hangs?)".into())),
        };
        let mut output = Output::new(&mut child, env.secrets.clone(), heard);
        let ended = tokio::select! {
            biased;
            ended = timeout_at(end, output.attend(&mut child)) => Some(ended),
            () = &mut stop => None,
        };
        let ending = match ended {
            Some(Ok(Ok(status))) => status.map_or_else(|why| Ending::Unseen(Clean::new(why.to_string())), ending_of),
            Some(Ok(Err(TooMuch))) => Ending::TooMuch,
            Some(Err(_)) => Ending::TimedOut(self.plan.timeout),
            None => Ending::Stopped,
        };
        let left = match ending {
            Ending::TimedOut(_) | Ending::TooMuch | Ending::Stopped | Ending::Unseen(_) => group.end(&mut child).await,
            Ending::NotStarted(_) | Ending::Exited(_) | Ending::Killed(_) => {
                group.kill();
                None
            }
        };
        // What the group wrote is in the pipes; a limit was passed already, or is of no use any more.
        let _ = timeout(DRAIN_WAIT, output.drain()).await;
        let (stdout, is_cut, last) = output.finish();
        Done { ending, stdout, is_cut, last, left }
    }

    /// Ends every run of the same that is under way on this host, whoever began it: SIGTERM, a quarter of a second
    /// later SIGKILL, then waits until they are gone. Takes a second at most; an error says what is still there.
    pub async fn end_older(&self) -> Result<(), Clean> {
        group::end_all(&self.mark).await
    }

    /// The variables, with the files read again where there are any: a token that was renewed is used. What is read too
    /// late for this run is there for the next.
    async fn environment(&self) -> Arc<Env> {
        let known = || self.env.read().unwrap_or_else(PoisonError::into_inner).clone();
        let has_files = self.plan.env.iter().any(|(_, secret)| matches!(secret, Secret::File(_)));
        let Some(place) = has_files.then(|| self.files.clone().try_acquire_owned().ok()).flatten() else {
            return known();
        };
        let (plan, env) = (self.plan.clone(), self.env.clone());
        let reading = tokio::task::spawn_blocking(move || {
            match read_env(&plan) {
                Ok(read) => *env.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read),
                Err(why) => tracing::warn!(why, "secrets cannot be read again"),
            }
            drop(place);
        });
        match timeout(FILES_WAIT, reading).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "secrets cannot be read again"),
            Err(_) => tracing::warn!("secrets cannot be read again in time"),
        }
        known()
    }

    fn command(&self, env: &Env, values: &Values) -> Result<std::process::Command, String> {
        let mut command = match &self.plan.run {
            Run::Program { program, arguments } => {
                let mut command = std::process::Command::new(program);
                for argument in arguments {
                    command.arg(argument.fill(values).map_err(|name| format!("{name} is not known"))?);
                }
                command
            }
            Run::Shell(text) => {
                let mut command = std::process::Command::new("/bin/sh");
                command.arg("-c").arg(text);
                command
            }
        };
        command.env_clear();
        command.envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(env.variables.iter().map(|(name, value)| (name, value)));
        command.envs(values.variables());
        command.current_dir(&self.plan.directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// The group first, so that nobody is in it who does not end with it.
    async fn start(&self, mut command: std::process::Command) -> Result<(Group, Child), String> {
        let group = Group::begin(self.mark.clone(), &self.starts).await?;
        group.take_in(&mut command);
        let (name, directory) = (self.plan.name(), self.plan.directory.clone());
        let child = spawn(command, &self.starts, move |error| not_started(error, &name, &directory)).await?;
        Ok((group, child))
    }
}

/// Starts a program on a thread of its own: `exec` waits for the disk, and everybody would wait with it. There, too, are
/// the words found for what went wrong, which may need another look at that disk.
async fn spawn(
    command: std::process::Command,
    places: &Arc<Semaphore>,
    words: impl FnOnce(&io::Error) -> String + Send + 'static,
) -> Result<Child, String> {
    let place = places.clone().acquire_owned().await.map_err(|error| error.to_string())?;
    let starting = tokio::task::spawn_blocking(move || {
        let child = Command::from(command).spawn().map_err(|error| words(&error));
        drop(place);
        child
    });
    starting.await.map_err(|error| error.to_string())?
}

/// The system says "No such file" of the folder, of the program and of the interpreter in its first line alike.
fn not_started(error: &io::Error, name: &str, directory: &Path) -> String {
    if error.kind() == io::ErrorKind::NotFound && !directory.is_dir() {
        return format!("there is no folder {}", directory.display());
    }
    format!("{name}: {error}")
}

fn ending_of(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, signal) => Ending::Killed(signal.unwrap_or(0)),
    }
}

fn read_env(plan: &plan::Script) -> Result<Env, String> {
    let (mut variables, mut secrets) = (Vec::new(), Vec::new());
    for (name, secret) in &plan.env {
        let value = files::value(secret).map_err(|why| format!("env.{name}: {why}"))?;
        if value.contains('\0') {
            return Err(format!("env.{name}: its value cannot be a variable's"));
        }
        if !matches!(secret, Secret::Plain(_)) {
            // Output is looked at line by line.
            secrets.extend(value.lines().map(|line| line.trim().to_owned()));
            secrets.push(value.clone());
        }
        variables.push((name.clone(), value));
    }
    Ok(Env { variables, secrets: Secrets::new(secrets) })
}

#[cfg(test)]
mod tests;
