//! A program of the operator's own as the plan names it.

use super::Secret;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A program of the operator's own, and how it is run.
#[derive(Debug, Clone)]
pub struct Script {
    /// What is started.
    pub run: Run,
    /// Variables it gets besides the few that every program has, in the plan's order.
    pub env: Vec<(String, Secret)>,
    /// How long it may take, 100 ms to a day.
    pub timeout: Duration,
    /// The absolute folder it runs in.
    pub directory: PathBuf,
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// A program, without a shell.
    Program {
        /// Its name, looked for in `PATH`, or its absolute path.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<Argument>,
    },
    /// Text for `/bin/sh -c`. Nothing is ever pasted into it: values are in its environment.
    Shell(String),
}

/// One argument, with its placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Argument(pub(super) Vec<Part>);

/// A part of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it is.
    Text(String),
    /// The value of a placeholder.
    Place(&'static str),
}

impl Argument {
    /// As it stands in the plan, but for doubled braces.
    fn written(&self) -> String {
        self.0.iter().fold(String::new(), |written, part| match part {
            Part::Text(text) => written + text,
            Part::Place(name) => format!("{written}{{{name}}}"),
        })
    }

    /// The argument with its values, or the placeholder for which there is none.
    pub fn fill(&self, values: &Values) -> Result<String, &'static str> {
        self.0.iter().try_fold(String::new(), |filled, part| match part {
            Part::Text(text) => Ok(filled + text),
            Part::Place(name) => values.get(name).map(|value| filled + value).ok_or(*name),
        })
    }
}

/// What placeholders stand for in one run. A script also gets each in its environment: `WARROOM_CANDIDATE` is the
/// value of `{candidate}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values(pub Vec<(&'static str, String)>);

impl Values {
    /// The value of a placeholder.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Each as a variable of the environment.
    pub fn variables(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().map(|(name, value)| (variable(name), value.as_str()))
    }
}

/// The variable that has a placeholder's value.
pub(super) fn variable(placeholder: &str) -> String {
    format!("WARROOM_{}", placeholder.to_ascii_uppercase())
}

impl Script {
    /// What people call it: the program's own name, or the shell's.
    pub fn name(&self) -> String {
        match &self.run {
            Run::Program { program, .. } => {
                program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
            }
            Run::Shell(_) => "/bin/sh".to_owned(),
        }
    }

    /// How it was written, for people, on one line: the program and its arguments, or the shell's text.
    pub fn words(&self) -> String {
        match &self.run {
            Run::Program { program, arguments } => std::iter::once(program.display().to_string())
                .chain(arguments.iter().map(Argument::written))
                .collect::<Vec<_>>()
                .join(" "),
            Run::Shell(text) => {
                format!("/bin/sh: {}", text.trim().lines().map(str::trim).collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// The same in one line of a log: without the program's folder, `smoke.sh {candidate_url}`; of a shell's text its
    /// first line.
    pub fn brief(&self) -> String {
        match &self.run {
            Run::Program { arguments, .. } => {
                arguments.iter().fold(self.name(), |words, argument| format!("{words} {}", argument.written()))
            }
            Run::Shell(text) => {
                let mut lines = text.trim().lines();
                let first = lines.next().unwrap_or_default();
                let more = if lines.next().is_some() { " ..." } else { "" };
                format!("{} -c {first:?}{more}", self.name())
            }
        }
    }

    /// The program's file, where the plan names one by its path.
    pub fn file(&self) -> Option<&Path> {
        match &self.run {
            Run::Program { program, .. } => Some(program.as_path()).filter(|program| program.is_absolute()),
            Run::Shell(_) => None,
        }
    }
}
