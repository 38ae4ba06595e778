//! Any balancer by the operator's own programs: one that sets the shares, one that tells them.

use super::rescue::quoted;
use super::{Run, Script, Secret, Values};
use crate::domain::{Clean, Layout, PerRole, Role, Slot, Weights};
use regex::Regex;
use std::fmt::Write as _;

/// A balancer that two programs drive.
#[derive(Debug, Clone)]
pub struct CommandDriver {
    /// What is driven. Only one keeper of a host may hold it, whatever its programs are called.
    pub balancer: Clean,
    /// Sets both shares: `{stable}` and `{candidate}` in percent.
    pub set: Script,
    /// Exit codes of `set`, from 1, that mean: refused, and nothing was changed.
    pub refused: Vec<i32>,
    /// Prints the shares.
    pub get: Script,
    /// How they stand in what it prints; of at least one side.
    pub reading: Reading,
}

/// How shares stand in what a program prints. With one side alone the other is what it leaves of 100.
#[derive(Debug, Clone)]
pub enum Reading {
    /// JSON numbers, by their pointers or fields.
    Json(PerRole<Option<String>>),
    /// Numbers in text, each by a pattern with one group.
    Pattern(PerRole<Option<Regex>>),
}

impl CommandDriver {
    pub(super) fn layout(&self) -> Layout {
        Layout {
            nodes: vec![self.balancer.clone()],
            slots: Role::BOTH.map(|role| (Slot { node: 0, name: role.key().to_owned() }, role)).to_vec(),
            weights: Weights::Percent,
        }
    }

    pub(super) fn identity(&self) -> String {
        format!("command {}", self.balancer)
    }
}

/// Both programs as they are run, for a POSIX shell. A variable or file that is missing stops the line before it.
pub(super) fn command_card(command: &CommandDriver) -> String {
    let all = Values(vec![("stable", "100".to_owned()), ("candidate", "0".to_owned())]);
    let mut card = String::from("  # a set that hangs must end first: it would land later\n");
    let _ = writeln!(card, "  {}", line(&command.set, &all));
    let _ = writeln!(card, "  {}    # must say stable 100, candidate 0", line(&command.get, &Values::default()));
    card
}

/// One run in a subshell, with its folder, variables and limit.
fn line(script: &Script, values: &Values) -> String {
    let (mut present, mut variables) = (String::new(), String::new());
    for (name, secret) in &script.env {
        let value = match secret {
            Secret::Plain(value) => quoted(value),
            Secret::Env(variable) => {
                let _ = write!(present, ": \"${{{variable}:?}}\" && ");
                format!("\"${variable}\"")
            }
            Secret::File(path) => {
                let path = quoted(&path.display().to_string());
                let _ = write!(present, "cat {path} >/dev/null && ");
                format!("\"$(cat {path})\"")
            }
        };
        let _ = write!(variables, "{name}={value} ");
    }
    for (name, value) in values.variables() {
        let _ = write!(variables, "{name}={value} ");
    }
    let words = match &script.run {
        Run::Program { program, arguments } => {
            let filled = arguments.iter().map(|argument| quoted(&argument.fill(values).unwrap_or_default()));
            std::iter::once(quoted(&program.display().to_string())).chain(filled).collect::<Vec<_>>().join(" ")
        }
        Run::Shell(text) => format!("/bin/sh -c {}", quoted(text)),
    };
    let folder = quoted(&script.directory.display().to_string());
    format!("(cd {folder} && {present}{variables}timeout -k 1 {} {words})", script.timeout.as_secs_f64())
}
