//! What a person sees and presses. A console may die, hang or be killed without harm to the run.
//!
//! `desk` decides what a key means, `screen` draws; both are pure. `shell` reads keys, clocks and the
//! socket, and writes the terminal.

mod appearance;
pub mod desk;
mod export;
mod fresh;
mod going;
mod link;
pub mod screen;
mod seen;
mod shell;
mod terminal;

pub use seen::{Seen, seen};
pub use shell::{ConsoleError, run};
pub use terminal::lean;

use crate::domain::{Clean, RunId};
use crate::wire::{Introduction, Status};
use desk::keymap::Keymap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What a console is opened with.
#[derive(Debug, Clone)]
pub struct ConsoleOptions {
    /// The keeper's socket.
    pub socket: PathBuf,
    /// The run.
    pub run: RunId,
    /// Who sits here.
    pub introduction: Introduction,
    /// Whether to draw with ASCII only.
    pub ascii: bool,
    /// One of [`desk::THEMES`]; `None` as the terminal says.
    pub theme: Option<String>,
    /// `always`, `never` or `auto`; `None` is `auto`.
    pub color: Option<String>,
    /// Whether people, hosts and addresses are hidden from the start.
    pub private: bool,
    /// The state folder, for what is copied.
    pub state: PathBuf,
    /// A line for somebody who sees it for the first time.
    pub help: Option<String>,
    /// Whether everything ends with it.
    pub is_demo: bool,
    /// The folder for reports.
    pub reports: PathBuf,
    /// What the keys are.
    pub keymap: Keymap,
    /// Whether the terminal is asked for wheel and clicks, which focus and scroll and nothing else.
    pub mouse: bool,
    /// Whether it rings.
    pub bell: bool,
    /// How far back the charts go at first.
    pub window: desk::Reach,
    /// `WARROOM_STATE_DIR` for a direct rollback started from here: where the run is.
    pub state_dir: Option<PathBuf>,
    /// What `warroom rollback` finds the run's plan by, the surest first: its id, and the plan file that was named.
    pub ways: Vec<OsString>,
    /// Where that file brings all traffic: by the time it is needed it must still do so.
    pub leads_to: Option<String>,
    /// What it is to be given from another shell.
    pub elsewhere: Clean,
}

/// How a console ended.
#[derive(Debug, Clone, Default)]
pub struct ConsoleExit {
    /// The last thing that was known.
    pub last: Option<Box<Status>>,
    /// Whether `:restart` was asked for.
    pub restart: bool,
    /// How it was left.
    pub left: Left,
    /// Whether the keeper was connected then.
    pub linked: bool,
    /// How long before that the keeper was last heard; `None` when never.
    pub heard_ago: Option<Duration>,
    /// Whether names were hidden on it.
    pub private: bool,
    /// How far a direct rollback from here was, where that is newer than what the keeper said.
    pub direct: Option<desk::direct::Standing>,
}

/// How a console was left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Left {
    /// Somebody asked it to close.
    #[default]
    Asked,
    /// This signal ended it.
    Signal(&'static str),
    /// Its terminal is gone.
    TerminalGone,
}
