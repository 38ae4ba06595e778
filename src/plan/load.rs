//! From a file to a [`Plan`], or to all that is wrong with it.

use super::file::{self, Kind};
use super::section::{PlanErrors, Report, Section};
use super::sections::{
    DURATION, LASTING_MAX, access, check, environments, guardrail, hook, metrics, placed, poll, rollback, sampler,
    step, traffic, unplaced,
};
use super::values::{duration, one_of, short_text};
use super::{Advance, Plan, PlanSource, syntax, validate};
use crate::domain::Split;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeTable;

/// Largest plan file, in bytes; the longest plan we know is 9 KB. What a hostile one costs grows with it: the parser
/// takes four hundred times the text when every line is wrong, and looking for what is there twice is quadratic.
pub const PLAN_BYTES_MAX: u64 = 128 * 1024;

/// Longest path that Linux takes, in bytes (`PATH_MAX`).
const FOLDER_BYTES_MAX: u64 = 4096;

/// How long a run is watched after its last step where the plan does not say.
const WATCH: Duration = Duration::from_secs(3600);

/// Reads an operator's plan from its file, and looks whether files that it names can be what it says.
pub fn load_file(path: &Path) -> Result<Plan, PlanErrors> {
    let text = text_of(path, Kind::Any)?;
    read(path, &text, &folder_of(path), true)
}

/// Reads the plan that a run has frozen. Other files are not looked into: that one of them is no longer what
/// it was must not stand between anybody and a rollback. Programs are looked for where the plan came from.
pub fn load_frozen(path: &Path) -> Result<Plan, PlanErrors> {
    let text = text_of(path, Kind::Any)?;
    let came_from = file::bytes(&origin(path), Kind::Regular, FOLDER_BYTES_MAX);
    let folder = came_from.map_or_else(|_| folder_of(path), |bytes| OsString::from_vec(bytes).into());
    read(path, &text, &folder, false)
}

/// The file beside a frozen plan that names the folder of the plan it was made from, as [`folder_of`] has it.
pub fn origin(frozen: &Path) -> PathBuf {
    frozen.with_extension("from")
}

/// The absolute folder of a plan file, links followed: one that is changed in the middle of a run changes nothing.
pub fn folder_of(path: &Path) -> PathBuf {
    let path = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
    path.parent().unwrap_or(&path).to_owned()
}

fn text_of(path: &Path, kind: Kind) -> Result<String, PlanErrors> {
    let unreadable = |problem: String| {
        let report = Report::new(path, "");
        report.push(0..0, problem, "a readable TOML file of at most 128 KiB", None);
        report.into_errors()
    };
    // Counted while reading: a pipe or a device has no length of its own.
    let bytes = file::bytes(path, kind, PLAN_BYTES_MAX + 1).map_err(unreadable)?;
    if bytes.len() as u64 > PLAN_BYTES_MAX {
        return Err(unreadable("is longer than 128 KiB".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
        let report = Report::new(path, &good);
        report.push(good.len()..good.len(), "is not UTF-8 here".to_owned(), "UTF-8, as TOML has it", None);
        report.into_errors()
    })
}

/// Reads a plan from its text. Every error is reported, in the file's order.
pub fn load(path: &Path, text: &str) -> Result<Plan, PlanErrors> {
    read(path, text, &folder_of(path), false)
}

fn read(path: &Path, text: &str, folder: &Path, looks_into_files: bool) -> Result<Plan, PlanErrors> {
    let mut report = Report::new(path, text);
    report.looks_into_files = looks_into_files;
    folder.clone_into(&mut report.folder);
    read_text(report, text, |root| whole_plan(root, path, text))
}

/// Reads another of the operator's files, table by table, with a plan's errors. It is read unasked, so it is a file and
/// nothing that one waits for.
pub(crate) fn read_tables<T>(path: &Path, whole: impl FnOnce(Section<'_>) -> Option<T>) -> Result<T, PlanErrors> {
    let text = text_of(path, Kind::Regular)?;
    read_text(Report::new(path, &text), &text, whole)
}

fn read_text<T>(
    mut report: Report<'_>,
    text: &str,
    whole: impl FnOnce(Section<'_>) -> Option<T>,
) -> Result<T, PlanErrors> {
    if let Some(at) = syntax::endless_key(text) {
        // Not parsed at all: the parser goes down a frame of the stack for each part.
        report.push(at..at, "a key of so many parts is none of a plan's".to_owned(), "keys of at most 8 parts", None);
        return Err(report.into_errors());
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    report.syntax(&errors);
    let read = whole(Section::new(&report, String::new(), 0..0, document.get_ref()));
    match read {
        // Of what stands on a broken line nothing is said, so silence alone is no sign of a sound plan.
        Some(read) if errors.is_empty() && report.is_empty() => Ok(read),
        _ => Err(report.into_errors()),
    }
}

fn whole_plan(root: Section<'_>, path: &Path, text: &str) -> Option<Plan> {
    root.required("version", "1, the version of this file's format", |value| {
        match value.as_integer().map(ToString::to_string).as_deref() {
            Some("1") => Ok(()),
            _ => Err("is not a format this program reads".into()),
        }
    });
    let name = root.required("name", "what is cut over, such as \"checkout\"", short_text);
    let target = root.required("target", "where, such as \"prod-eu1\"", short_text);
    let environments = environments(&root);
    let (metrics, known) = metrics(&root, environments.as_ref());
    let traffic = traffic(&root);
    let sampler = root.table("sampler").map(sampler);
    let poll = poll(root.table("poll"));
    let advance = root
        .optional("advance", "\"manual\" or \"automatic\"", |value| {
            one_of(value, &[("manual", Advance::Manual), ("automatic", Advance::Automatic)])
        })
        .unwrap_or(Advance::Manual);
    let steps = placed(root.tables("steps"), "split", |section| step(section, &known));
    // None where it is wrong: its own error is enough.
    let watch = root
        .optional("watch", DURATION, duration(Duration::ZERO..=LASTING_MAX))
        .or_else(|| root.lacks("watch").then_some(WATCH));
    let checks = placed(root.tables("checks"), "name", |section| check(section, &known));
    let guardrails = placed(root.tables("guardrails"), "window", |section| guardrail(section, &known));
    let splits: Option<Vec<Split>> = steps.iter().map(|step| step.value.as_ref().map(|step| step.split)).collect();
    let hooks = placed(root.tables("hooks"), "name", |section| hook(section, splits.as_deref(), watch));
    let rollback = rollback(root.table("rollback"));
    let access = access(root.table("access"));

    let parts = validate::Parts {
        environments: environments.as_ref(),
        sampler: sampler.as_ref().and_then(Option::as_ref),
        poll: poll.as_ref(),
        metrics: metrics.as_ref(),
        steps: &steps,
        checks: &checks,
        guardrails: &guardrails,
        hooks: &hooks,
        advance,
        rollback: rollback.as_ref(),
    };
    validate::whole(&root, &parts);
    root.finish();
    Some(Plan {
        name: name?,
        target: target?,
        environments: environments?,
        traffic: traffic?,
        sampler: match sampler {
            Some(sampler) => Some(sampler?),
            None => None,
        },
        metrics: metrics?,
        poll: poll?,
        advance,
        steps: unplaced(steps)?,
        watch: watch?,
        checks: unplaced(checks)?,
        guardrails: unplaced(guardrails)?,
        hooks: unplaced(hooks)?,
        rollback: rollback?,
        access: access?,
        source: source(path, text),
    })
}

fn source(path: &Path, text: &str) -> PlanSource {
    PlanSource {
        path: path.to_owned(),
        text: text.to_owned(),
        hash: Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    }
}
