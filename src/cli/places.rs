//! Which run is meant, and where its keeper is.

use super::{Exit, Failure};
use crate::domain::{Clean, RunId};
use crate::journal::{Places, Reader};
use crate::keeper::{HostLock, LockError};
use crate::plan::{self, Plan};
use crate::wire::{Client, Introduction};
use std::path::{Path, PathBuf};

/// A run that was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub run: RunId,
    pub socket: PathBuf,
}

pub(super) fn places() -> Result<Places, Failure> {
    Places::from_env().map_err(|error| Failure::new(Exit::Usage, error))
}

pub(super) fn load(path: &Path) -> Result<Plan, Failure> {
    plan::load_file(path).map_err(|errors| {
        // A plan's errors have lines of their own; they were cleaned one by one.
        eprintln!("{errors}");
        Failure::new(Exit::Usage, format!("{} is not a sound plan", path.display()))
    })
}

/// The run that is meant: by id, by the beginning of one, by plan file, or the only one that runs.
pub(super) fn find(places: &Places, wanted: Option<&str>) -> Result<Found, Failure> {
    match wanted {
        None => only_running(places),
        Some(word) if Path::new(word).is_file() => by_plan(places, Path::new(word)),
        Some(word) => by_id(places, word),
    }
}

fn only_running(places: &Places) -> Result<Found, Failure> {
    let running: Vec<Found> = all(places)?.into_iter().filter(|found| is_listening(&found.socket)).collect();
    match running.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::new(
            Exit::Unreachable,
            "no keeper runs here; name a run or a plan file, or start one with `warroom run PLAN`",
        )),
        several => {
            let ids: Vec<&str> = several.iter().map(|found| found.run.as_str()).collect();
            Err(Failure::new(Exit::Usage, format!("several keepers run here, name one: {}", ids.join(", "))))
        }
    }
}

fn by_id(places: &Places, word: &str) -> Result<Found, Failure> {
    let matching: Vec<Found> = all(places)?.into_iter().filter(|found| found.run.as_str().starts_with(word)).collect();
    match matching.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::new(Exit::Usage, format!("no run begins with {:?}", Clean::new(word).as_str()))),
        several => match several.iter().find(|found| found.run.as_str() == word) {
            Some(exact) => Ok(exact.clone()),
            None => Err(Failure::new(Exit::Usage, format!("{} runs begin with {word:?}", several.len()))),
        },
    }
}

fn by_plan(places: &Places, path: &Path) -> Result<Found, Failure> {
    let plan = load(path)?;
    match HostLock::holder(&plan) {
        Ok(Some(holder)) => Ok(Found { run: holder.run, socket: holder.socket }),
        Ok(None) | Err(LockError::HeldSilently | LockError::Held(_) | LockError::Io(_)) => newest_of(places, &plan)?
            .ok_or_else(|| Failure::new(Exit::Unreachable, format!("no run of {} is known here", path.display()))),
    }
}

/// The newest run on the plan's balancer.
pub(super) fn newest_of(places: &Places, plan: &Plan) -> Result<Option<Found>, Failure> {
    let identity = plan.traffic.identity();
    let is_its = |found: &Found| {
        let journal = places.journal(&found.run);
        let info = Reader::open(&journal).ok().and_then(|reader| reader.info().ok().flatten());
        match info {
            Some(info) => info.identity == identity && !info.watch_only,
            // A journal that cannot say it must not be passed over: the run may be in the middle of moving traffic.
            None => {
                places.keeper_began(&found.run)
                    && plan::load_file(&places.plan(&found.run)).is_ok_and(|plan| plan.traffic.identity() == identity)
            }
        }
    };
    Ok(all(places)?.into_iter().find(is_its))
}

fn all(places: &Places) -> Result<Vec<Found>, Failure> {
    let runs = places.runs().map_err(|error| Failure::new(Exit::Usage, error))?;
    runs.into_iter()
        .map(|run| {
            let socket = places.socket(&run).map_err(|error| Failure::new(Exit::Usage, error))?;
            Ok(Found { run, socket })
        })
        .collect()
}

fn is_listening(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// Connects to a run's keeper.
pub(super) async fn connect(wanted: Option<&str>, name: Option<Clean>) -> Result<(Found, Client), Failure> {
    let found = find(&places()?, wanted)?;
    let introduction = Introduction { name, readonly: false, follow: false };
    let client = Client::connect(&found.socket, &introduction).await.map_err(|error| {
        Failure::new(
            Exit::Unreachable,
            format!("{error}; run {}; `warroom rollback {} --direct` works without the keeper", found.run, found.run),
        )
    })?;
    Ok((found, client))
}
