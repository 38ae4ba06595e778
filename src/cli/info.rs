//! `warroom info`: where things are, which versions, and the terminal as it is seen. Contacts nobody; a folder or file
//! that is not well is shown as such, because that is when somebody asks.

use super::known::Known;
use super::places::Found;
use super::{CommandResult, Exit, Failure, config, out};
use crate::console;
use crate::domain::{Clean, RunId};
use crate::journal::{self, PlaceError, Places};
use crate::wire;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Runs that are listed: the newest, and enough of them to find yesterday's.
const RUNS_MAX: usize = 20;

pub(super) fn run(json: bool) -> CommandResult {
    let info = Info::look()?;
    let text = if json {
        let text = serde_json::to_string_pretty(&info.as_json()).map_err(|error| Failure::new(Exit::Refused, error))?;
        text + "\n"
    } else {
        info.words()
    };
    out::print(&text)?;
    Ok(Exit::Done)
}

struct Run {
    known: Known,
    keeper: Keeper,
}

/// Whether a run's keeper answers.
enum Keeper {
    Runs,
    None,
    /// None can listen here, and why.
    Nowhere(String),
}

impl Keeper {
    fn words(&self) -> String {
        match self {
            Self::Runs => "keeper runs".to_owned(),
            Self::None => "no keeper".to_owned(),
            Self::Nowhere(why) => format!("no keeper can be asked: {}", Clean::new(why)),
        }
    }

    /// `None` where nobody can tell.
    fn is_there(&self) -> Option<bool> {
        match self {
            Self::Runs => Some(true),
            Self::None => Some(false),
            Self::Nowhere(_) => None,
        }
    }
}

struct Info {
    /// What, where, and how it is.
    paths: Vec<(&'static str, String, String)>,
    versions: Vec<(&'static str, String)>,
    seen: console::Seen,
    /// Or why nobody can tell.
    runs: Result<Vec<Run>, String>,
    more_runs: usize,
}

impl Info {
    fn look() -> Result<Self, Failure> {
        // Whoever asks wants to know what is wrong: no folder for state is an answer, and the rest is shown all the same.
        let places = Places::from_env();
        let (config, config_state) = look_at_config();
        let loaded =
            config.as_deref().filter(|path| config::is_there(path)).and_then(|path| config::load_config(path).ok());
        let loaded = loaded.unwrap_or_default();
        // No folder for them is none; one that cannot be read may hold any.
        let all = places.as_ref().map_or_else(|_| Ok(Vec::new()), Places::runs);
        let count = all.as_ref().map_or(0, Vec::len);
        let shown = all.map_err(|error| error.to_string()).map(|all| {
            let looked = |places| all.into_iter().take(RUNS_MAX).map(|run| look_at(places, run)).collect::<Vec<_>>();
            places.as_ref().map(looked).unwrap_or_default()
        });
        let shown_path = config.map_or_else(|| "-".to_owned(), |path| path.display().to_string());
        Ok(Self {
            paths: paths(places.as_ref(), (shown_path, config_state), shown.as_deref().unwrap_or_default()),
            versions: vec![
                ("warroom", env!("CARGO_PKG_VERSION").to_owned()),
                ("protocol", wire::PROTOCOL.to_string()),
                ("status", crate::engine::SCHEMA_VERSION.to_string()),
                ("journal", journal::SCHEMA_VERSION.to_string()),
            ],
            seen: console::seen(loaded.theme, loaded.ascii),
            more_runs: count.saturating_sub(RUNS_MAX),
            runs: shown,
        })
    }

    fn words(&self) -> String {
        let mut text = String::new();
        // Into a string: it takes everything.
        for (name, path, state) in &self.paths {
            let _ = writeln!(text, "{name:<9} {} ({state})", Clean::new(path));
        }
        for (name, version) in &self.versions {
            let _ = writeln!(text, "{name:<9} {version}");
        }
        let seen = &self.seen;
        let size = seen.size.map_or_else(|| "no terminal".to_owned(), |(width, height)| format!("{width}x{height}"));
        let tmux = if seen.tmux { ", in tmux" } else { "" };
        let _ = writeln!(text, "terminal  {size}{tmux}");
        let _ = writeln!(text, "theme     {}: {}", seen.theme, Clean::new(&seen.theme_why));
        let marks = if seen.unicode { "unicode" } else { "ascii" };
        let _ = writeln!(text, "marks     {marks}: {}", Clean::new(&seen.unicode_why));
        let variables: Vec<String> = seen.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let _ = writeln!(text, "seen      {}", Clean::new(variables.join(" ")));
        let _ = match &self.runs {
            Ok(runs) if runs.is_empty() => writeln!(text, "runs      none"),
            Ok(_) => Ok(()),
            Err(why) => writeln!(text, "runs      CANNOT BE READ, {}", Clean::new(why)),
        };
        for Run { known, keeper } in self.runs.iter().flatten() {
            let title = known.info.as_ref().map_or_else(Clean::default, |info| info.title.clone());
            let (run, standing, keeper) = (&known.found.run, known.standing.words(), keeper.words());
            let _ = writeln!(text, "run       {run}  {title}  {standing}, {keeper}");
        }
        if self.more_runs > 0 {
            let _ = writeln!(text, "          and {} older", self.more_runs);
        }
        text
    }

    fn as_json(&self) -> Value {
        let clean = |text: &str| Clean::new(text);
        let paths: serde_json::Map<String, Value> = self
            .paths
            .iter()
            .map(|(name, path, state)| ((*name).to_owned(), json!({"path": clean(path), "state": state})))
            .collect();
        let versions: serde_json::Map<String, Value> =
            self.versions.iter().map(|(name, version)| ((*name).to_owned(), json!(version))).collect();
        let seen = &self.seen;
        let variables: serde_json::Map<String, Value> =
            seen.variables.iter().map(|(name, value)| ((*name).to_owned(), json!(clean(value)))).collect();
        let run = |Run { known, keeper }: &Run| {
            let title = known.info.as_ref().map(|info| &info.title);
            json!({"run": known.found.run, "title": title, "state": known.standing.words(), "keeper": keeper.is_there()})
        };
        // Nobody knows is `null`, and never none.
        let runs = self.runs.as_ref().ok().map(|runs| runs.iter().map(run).collect::<Vec<_>>());
        json!({
            "schema": 1,
            "paths": paths,
            "versions": versions,
            "terminal": {
                "columns": seen.size.map(|(width, _)| width),
                "rows": seen.size.map(|(_, height)| height),
                "tmux": seen.tmux,
                "theme": seen.theme,
                "theme_why": clean(&seen.theme_why),
                "unicode": seen.unicode,
                "unicode_why": clean(&seen.unicode_why),
                "variables": variables,
            },
            "runs": runs,
            "more_runs": self.more_runs,
        })
    }
}

/// A run whose socket has no place is a run all the same.
fn look_at(places: &Places, run: RunId) -> Run {
    let (socket, keeper) = match places.socket(&run) {
        Ok(socket) if std::os::unix::net::UnixStream::connect(&socket).is_ok() => (socket, Keeper::Runs),
        Ok(socket) => (socket, Keeper::None),
        Err(why) => (PathBuf::new(), Keeper::Nowhere(why.to_string())),
    };
    Run { known: Known::look(places, &Found { run, socket }), keeper }
}

/// Where the configuration is looked for, and whether it can be used.
fn look_at_config() -> (Option<PathBuf>, String) {
    let Some(path) = config::path() else {
        return (None, "NOWHERE, set HOME or XDG_CONFIG_HOME; consoles open without one".to_owned());
    };
    let state = if config::is_there(&path) {
        config::load_config(&path).map_or_else(
            |errors| {
                let first = errors.0.first();
                let first = first.map_or_else(String::new, |error| format!("line {}: {}", error.line, error.problem));
                format!("NOT SOUND, {first}; no console opens without --no-config")
            },
            |_| "in use".to_owned(),
        )
    } else {
        "not there".to_owned()
    };
    (Some(path), state)
}

fn paths(
    places: Result<&Places, &PlaceError>,
    config: (String, String),
    runs: &[Run],
) -> Vec<(&'static str, String, String)> {
    let config = ("config", config.0, config.1);
    let places = match places {
        Ok(places) => places,
        // Nothing else would tell why every other command ends at once.
        Err(why) => return vec![config, ("state", "-".to_owned(), format!("NOWHERE, {why}; no run can begin"))],
    };
    let folder = |path: &Path| {
        let state = match std::fs::metadata(path) {
            Ok(there) if there.is_dir() => "there".to_owned(),
            Ok(_) => "NOT a folder".to_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "not there yet".to_owned(),
            Err(error) => error.to_string(),
        };
        (path.display().to_string(), state)
    };
    let (state, state_is) = folder(places.state());
    let (sockets, sockets_are) = folder(places.sockets());
    let mut paths = vec![config, ("state", state, state_is), ("sockets", sockets, sockets_are)];
    if let Some(newest) = runs.first() {
        let (log, log_is) = folder(&places.logs(&newest.known.found.run));
        paths.push(("log", log, log_is));
    }
    paths
}
