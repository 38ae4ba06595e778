//! What a person sees and presses. A console may die, hang or be killed without harm to the run.
//!
//! `desk` decides what a key means, `screen` draws; both are pure. `shell` reads keys, clocks and the
//! socket, and writes the terminal.

mod appearance;
pub mod desk;
mod fresh;
mod link;
pub mod screen;
mod shell;
mod terminal;

pub use shell::{ConsoleError, run};

use crate::domain::RunId;
use crate::wire::{Introduction, Status};
use std::path::PathBuf;

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
    /// `dark`, `light`, `cvd` or `mono`; `None` as the terminal says.
    pub theme: Option<String>,
    /// `always`, `never` or `auto`; `None` is `auto`.
    pub color: Option<String>,
    /// Whether people, hosts and addresses are hidden from the start.
    pub private: bool,
    /// The state folder, for what is copied.
    pub state: PathBuf,
    /// A line for somebody who sees it for the first time.
    pub help: Option<&'static str>,
    /// `WARROOM_STATE_DIR` for a direct rollback started from here.
    pub state_dir: Option<PathBuf>,
}

/// How a console ended.
#[derive(Debug, Clone, Default)]
pub struct ConsoleExit {
    /// The last thing that was known.
    pub last: Option<Box<Status>>,
    /// Whether `:restart` was asked for.
    pub restart: bool,
}
