//! A direct rollback's process: started from here, listened to, and left to itself when the console closes.

use super::ConsoleOptions;
use crate::domain::{Clean, Role};
use crate::own;
use crate::wire::Status;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

/// What it is to do, as it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Order {
    options: ConsoleOptions,
    /// Without a run to go by the file's plan must lead where this screen said.
    stable: Option<Clean>,
    typed: Option<String>,
    /// Whether it goes over what somebody else set, where the one before it had stopped.
    sends_over: bool,
}

/// Where its words go, with its number: what one before it still says is nothing any more.
#[derive(Debug)]
pub(super) struct Told {
    pub number: u64,
    pub lines: mpsc::Sender<(u64, String)>,
}

impl Told {
    async fn tell(&self, line: String) {
        let _ = self.lines.send((self.number, line)).await;
    }
}

impl Order {
    pub fn new(options: &ConsoleOptions, status: Option<&Status>, typed: Option<String>, sends_over: bool) -> Self {
        let stable = status.map(|status| status.snapshot.environments[Role::Stable].label.clone());
        Self { options: options.clone(), stable, typed, sends_over }
    }

    /// Starts it by the surest way to its plan, to be listened to.
    pub fn start(&self) -> io::Result<Child> {
        self.start_by(&self.options.ways[..self.options.ways.len().min(1)])
    }

    /// Starts it with nobody to listen: it goes by whichever of the ways leads to its plan.
    pub fn leave(&self) -> io::Result<Child> {
        self.command(&self.options.ways).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    fn start_by(&self, ways: &[OsString]) -> io::Result<Child> {
        self.command(ways).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    /// `warroom rollback WAY … --direct`, in a group of its own: closing the terminal must not stop a rollback.
    fn command(&self, ways: &[OsString]) -> Command {
        let mut command = Command::new(own::RUNNING);
        command.arg0("warroom").arg("rollback").args(ways);
        command.args(["--direct", "--yes", "--reason", "from the console; the keeper did not answer"]);
        // In one word each: what somebody typed may begin with a dash.
        if let Some(name) = &self.options.introduction.name {
            command.arg(format!("--as={name}"));
        }
        if let Some(stable) = &self.stable {
            command.arg(format!("--to={stable}"));
        }
        if self.sends_over {
            command.arg("--send-over");
        }
        command.arg(format!("--only-run={}", self.options.run));
        if let Some(to) = &self.options.leads_to {
            command.arg(format!("--only-to={to}"));
        }
        if let Some(typed) = &self.typed {
            command.arg(format!("--confirm={typed}"));
        }
        if let Some(state_dir) = &self.options.state_dir {
            command.env("WARROOM_STATE_DIR", state_dir);
        }
        command.process_group(0).stdin(Stdio::null());
        command
    }

    /// Tells what it says until it ends, or until it is to be ended. One that could not tell what to send is followed by
    /// one that goes by the next way.
    pub async fn follow(&self, first: Child, told: &Told, stop: oneshot::Receiver<()>) {
        let mut stopped = pin!(async {
            if stop.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        let mut others = self.options.ways.iter().skip(1);
        let mut child = first;
        loop {
            let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            let ended = tokio::select! {
                ended = until_ended(&mut child, told) => ended,
                () = &mut stopped => {
                    // It has not been waited for, so this number is still its own. What it says to that nobody needs.
                    let _ = pid.map(|pid| kill_process(pid, Signal::INT));
                    return;
                }
            };
            let words = match ended {
                Ok(ended) if ended.success() => "done".to_owned(),
                Ok(ended) => match others.next().filter(|_| matches!(ended.code(), Some(2 | 3))) {
                    Some(way) => match self.start_by(std::slice::from_ref(way)) {
                        Ok(next) => {
                            child = next;
                            continue;
                        }
                        Err(error) => self.not_started(&error),
                    },
                    None => format!("ended: {ended}"),
                },
                Err(error) => format!("ended: nothing more is heard of it: {error}"),
            };
            return told.tell(words).await;
        }
    }

    /// Says that it could not be started, and what to do instead.
    pub fn not_started(&self, error: &io::Error) -> String {
        format!("cannot be started: {error}; elsewhere: warroom rollback {} --direct", self.options.elsewhere)
    }
}

async fn until_ended(child: &mut Child, told: &Told) -> io::Result<ExitStatus> {
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            told.tell(line).await;
        }
    }
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await? {
            told.tell(line).await;
        }
    }
    child.wait().await
}
