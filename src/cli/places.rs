//! Which run is meant, and where its keeper is.

use super::known::{self, DISK_LIMIT, Known, Standing, within};
use super::{Exit, Failure, out};
use crate::domain::{Clean, Role, RunId};
use crate::engine::{ConfiguredView, Snapshot};
use crate::journal::{PlaceError, Places};
use crate::keeper::HostLock;
use crate::plan::{self, Plan, PlanErrors};
use crate::wire::{Client, Introduction};
use std::io::ErrorKind;
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
    plan::load_file(path).map_err(|errors| unsound(path, &errors))
}

fn unsound(path: &Path, errors: &PlanErrors) -> Failure {
    // A plan's errors have lines of their own; they were cleaned one by one.
    out::complain(errors);
    Failure::new(Exit::Usage, format!("{} is not a sound plan", path.display()))
}

/// Why no single run is meant.
pub(super) enum NotOne {
    /// None is.
    Failure(Failure),
    /// Several may be.
    Several(Vec<Found>),
}

impl From<Failure> for NotOne {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl NotOne {
    /// In words; of several, each keeper is asked where it stands.
    pub async fn failure(self) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            Self::Several(several) => {
                let lines = futures_util::future::join_all(several.iter().map(described)).await;
                // Two spaces begin a line of their own.
                Failure::new(Exit::Usage, format!("several runs may be meant, name one:  {}", lines.join("  ")))
            }
        }
    }
}

/// One run in a line: where it stands, as its keeper says.
async fn described(found: &Found) -> String {
    let introduction = Introduction { name: None, readonly: true, follow: false };
    let asking = async { Client::connect(&found.socket, &introduction).await?.status().await };
    match asking.await {
        Ok(status) => {
            let snapshot = &status.snapshot;
            let split = configured_words(snapshot);
            format!("{} {}: {}, candidate {split}", found.run, snapshot.title, snapshot.phase.word())
        }
        Err(error) => {
            format!("{}: {error} (`warroom run PLAN` goes on with it, and `warroom end` puts it away)", found.run)
        }
    }
}

/// The run that is meant: by id, by the beginning of one, by plan file, or the only one that runs.
pub(super) async fn find(places: &Places, wanted: Option<&str>) -> Result<Found, Failure> {
    match look_for(places, wanted, Dead::No) {
        Ok(found) => Ok(found),
        Err(not_one) => Err(not_one.failure().await),
    }
}

/// Whether a run whose keeper is dead may be meant without being named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dead {
    /// No: somebody must answer.
    No,
    /// Yes: what moved traffic can be rolled back.
    Unfinished,
}

/// As [`find`], without asking any keeper.
pub(super) fn look_for(places: &Places, wanted: Option<&str>, dead: Dead) -> Result<Found, NotOne> {
    match wanted {
        None => unnamed(places, dead),
        Some(word) if is_plan_file(places, word)? => Ok(by_plan(places, Path::new(word))?),
        Some(word) => Ok(by_id(places, word)?),
    }
}

/// Whether a word is a file, and not only called like a run: what holds no plan hides no run.
fn is_plan_file(places: &Places, word: &str) -> Result<bool, Failure> {
    let path = Path::new(word);
    if !path.is_file() || known::is_path(word) || plan::load_frozen(path).is_ok() {
        return Ok(path.is_file());
    }
    Ok(!all(places)?.iter().any(|found| found.run.as_str().starts_with(word)))
}

/// Without a name: those that drive go before those that only watch, and what is not over before what is.
fn unnamed(places: &Places, dead: Dead) -> Result<Found, NotOne> {
    let all = all(places)?;
    let order: Vec<RunId> = all.iter().map(|found| found.run.clone()).collect();
    let (listening, silent): (Vec<Found>, Vec<Found>) = all.into_iter().partition(|found| is_listening(&found.socket));
    let (watching, driving): (Vec<Known>, Vec<Known>) =
        known::look_at(places, listening).into_iter().partition(Known::only_watches);
    let (lingering, driving): (Vec<Known>, Vec<Known>) = driving.into_iter().partition(|run| run.standing.is_over());
    let dead = match dead {
        Dead::Unfinished => known::look_at(places, silent),
        Dead::No => Vec::new(),
    };
    // One that cannot say because its disk does not answer is meant where nobody else is.
    let (unsure, dead): (Vec<Known>, Vec<Known>) = dead.into_iter().partition(|run| run.is_silent);
    let (mut driving, mut dead, mut lingering) = (driving, dead, lingering);
    let mut seen: Vec<Known> = driving.iter().chain(&lingering).chain(&dead).cloned().collect();
    seen.sort_by_key(|run| order.iter().position(|other| *other == run.found.run));
    dead.retain(|run| !run.only_watches() && (run.is_whole || is_open(places, run, &seen)));
    // One whose journal cannot say may be in the middle of moving traffic: it never goes before another.
    lingering.extend(dead.extract_if(.., |run| run.standing == Standing::Unreadable));
    dead.retain(|run| run.standing == Standing::Unfinished);
    if !driving.is_empty() {
        // Beside one that runs well, the one that crashed may be meant as well.
        dead.retain(|run| is_left(places, run, &driving));
        driving.append(&mut dead);
    }
    for mut group in [driving, dead, unsure, lingering, watching] {
        match group.len() {
            0 => {}
            1 => return Ok(group.remove(0).found),
            _ => return Err(NotOne::Several(group.into_iter().map(|run| run.found).collect())),
        }
    }
    Err(NotOne::Failure(Failure::new(
        Exit::Unreachable,
        "no keeper runs here; name a run or a plan file, or start one with `warroom run PLAN`",
    )))
}

/// Whether a crashed run is left as it was: no run that drives has its balancer. A tombstone does not say that it came
/// back: it is left when a rollback is accepted, and that one may have met somebody else's setting, or Ctrl-C.
fn is_left(places: &Places, dead: &Known, driving: &[Known]) -> bool {
    let has_its = |run: &Known| run.info.as_ref().is_some_and(|info| dead.is_on(places, &info.identity));
    !driving.iter().any(has_its)
}

/// Whether a run whose journal is damaged may be in the middle of something: nobody began another one of its balancer
/// since. All are in their order.
fn is_open(places: &Places, damaged: &Known, all: &[Known]) -> bool {
    let frozen = places.plan(&damaged.found.run);
    let plan = within(DISK_LIMIT, move || plan::load_frozen(&frozen).ok()).flatten();
    let newest = plan.and_then(|plan| newest_on(places, all.to_vec(), &plan));
    newest.is_some_and(|newest| newest.run == damaged.found.run)
}

fn by_id(places: &Places, word: &str) -> Result<Found, Failure> {
    let matching: Vec<Found> = all(places)?.into_iter().filter(|found| found.run.as_str().starts_with(word)).collect();
    let shown = Clean::new(word);
    match matching.as_slice() {
        [one] => Ok(one.clone()),
        [] if known::is_path(word) => newest_from(&known::look_at(places, all(places)?), Path::new(word))
            .map(|run| run.found)
            .ok_or_else(|| Failure::new(Exit::Usage, format!("{shown}: no such file, and no run was begun from it"))),
        [] => Err(Failure::new(Exit::Usage, format!("no run begins with {:?}", shown.as_str()))),
        several => match several.iter().find(|found| found.run.as_str() == word) {
            Some(exact) => Ok(exact.clone()),
            None => Err(Failure::new(Exit::Usage, format!("{} runs begin with {:?}", several.len(), shown.as_str()))),
        },
    }
}

fn by_plan(places: &Places, path: &Path) -> Result<Found, Failure> {
    let runs = known::look_at(places, all(places)?);
    let begun = newest_from(&runs, path);
    // None of its further files stands between anybody and a rollback.
    let plan = match plan::load_frozen(path) {
        Ok(plan) => plan,
        // The file may have been changed since; what its run does is in the run's own copy.
        Err(errors) => match begun {
            Some(begun) => {
                out::complain(format!("{errors}\n{}: going by run {}, begun from it", path.display(), begun.found.run));
                return Ok(begun.found);
            }
            None => return Err(unsound(path, &errors)),
        },
    };
    // A file that was turned to another balancer since: what its run moved is not there.
    if let Some(begun) = &begun
        && begun.standing == Standing::Unfinished
        && !begun.is_on(places, &plan.traffic.identity())
    {
        return Ok(begun.found.clone());
    }
    if let Ok(Some(holder)) = HostLock::holder(&plan) {
        return Ok(Found { run: holder.run, socket: holder.socket });
    }
    let newest = newest_on(places, runs, &plan).or_else(|| begun.map(|run| run.found));
    newest.ok_or_else(|| Failure::new(Exit::Unreachable, format!("no run of {} is known here", path.display())))
}

/// The newest run on the plan's balancer; one that is not finished goes before a newer one that is.
pub(super) fn newest_of(places: &Places, plan: &Plan) -> Result<Option<Found>, Failure> {
    Ok(newest_on(places, known::look_at(places, all(places)?), plan))
}

fn newest_on(places: &Places, runs: Vec<Known>, plan: &Plan) -> Option<Found> {
    let identity = plan.traffic.identity();
    let mut its: Vec<Known> =
        runs.into_iter().filter(|run| !run.only_watches() && run.is_on(places, &identity)).collect();
    // Whoever began a newer one could read the damaged one then, or went around it with `--from-balancer`.
    let mut has_newer = false;
    its.retain(|run| {
        let is_left_behind = has_newer && !run.is_whole && !run.is_silent;
        has_newer |= run.is_whole && run.standing != Standing::Empty;
        !is_left_behind
    });
    known::newest(its.into_iter()).map(|run| run.found)
}

/// The newest run that was begun from a file, whatever the file holds now.
fn newest_from(runs: &[Known], path: &Path) -> Option<Known> {
    let names = known::names_of(path);
    known::newest(runs.iter().filter(|run| !run.only_watches() && run.is_of_file(&names)).cloned())
}

fn all(places: &Places) -> Result<Vec<Found>, Failure> {
    places.runs().map_err(no_place)?.into_iter().map(|run| known::found(places, run).map_err(no_place)).collect()
}

/// A folder that lets this user in nowhere, and a disk that takes nothing, are out of reach; any other trouble with them
/// is one of how they were set up.
pub(super) fn no_place(error: PlaceError) -> Failure {
    let out_of_reach =
        [ErrorKind::PermissionDenied, ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem];
    let exit = match &error {
        PlaceError::Folder { why, .. } | PlaceError::File { why, .. } if out_of_reach.contains(&why.kind()) => {
            Exit::Unreachable
        }
        PlaceError::Folder { .. }
        | PlaceError::File { .. }
        | PlaceError::Homeless
        | PlaceError::TooLong { .. }
        | PlaceError::NotARun(_) => Exit::Usage,
    };
    Failure::new(exit, error)
}

fn is_listening(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// The holder of a balancer may have its state elsewhere: beside its socket.
pub(super) fn home_of(places: Places, found: &Found) -> Places {
    let elsewhere = found.socket.parent().and_then(Path::parent).map(|state| Places::at(state.to_owned()));
    let run = found.run.clone();
    let (here, there) = (places.clone(), elsewhere.clone());
    let is_elsewhere = move || !here.plan(&run).exists() && there.is_some_and(|there| there.plan(&run).exists());
    match elsewhere {
        Some(elsewhere) if within(DISK_LIMIT, is_elsewhere) == Some(true) => elsewhere,
        _ => places,
    }
}

/// Where a plan brings all traffic back to: its balancer, the label there, and the weights that this takes.
pub(super) fn destination(plan: &Plan) -> String {
    let traffic = &plan.traffic;
    format!("{} {} {}", traffic.identity(), plan.environments[Role::Stable].label, traffic.all_stable())
}

/// What the balancer holds, in words: a share of the nodes that told theirs is not the whole.
pub(super) fn configured_words(snapshot: &Snapshot) -> String {
    configured_but(snapshot, |unknown| unknown.join(", "))
}

/// The same where others look on: a node may be called as its host is.
pub(super) fn configured_words_hidden(snapshot: &Snapshot) -> String {
    configured_but(snapshot, |unknown| format!("{} of its nodes", unknown.len()))
}

fn configured_but(snapshot: &Snapshot, named: impl FnOnce(&[&str]) -> String) -> String {
    let Some(configured) = &snapshot.split.configured else { return "unknown".to_owned() };
    let share = format!("{:.1}%", configured.share * 100.0);
    match unknown_nodes(configured).as_slice() {
        [] => share,
        unknown => format!("{share} ({} unknown)", named(unknown)),
    }
}

fn unknown_nodes(configured: &ConfiguredView) -> Vec<&str> {
    configured.nodes.iter().filter(|(_, share)| share.is_none()).map(|(name, _)| name.as_str()).collect()
}

/// Whether what the balancer holds is known of every node: then it is as old as the newest whole read.
pub(super) fn is_known_whole(snapshot: &Snapshot) -> bool {
    snapshot.split.configured.as_ref().is_some_and(|configured| unknown_nodes(configured).is_empty())
}

/// Connects to a run's keeper.
pub(super) async fn connect(wanted: Option<&str>, name: Option<Clean>) -> Result<(Found, Client), Failure> {
    let found = find(&places()?, wanted).await?;
    let introduction = Introduction { name, readonly: false, follow: false };
    let client = Client::connect(&found.socket, &introduction).await.map_err(|error| {
        Failure::new(
            Exit::Unreachable,
            format!("{error}; run {}; `warroom rollback {} --direct` works without the keeper", found.run, found.run),
        )
    })?;
    if let Some(why) = client.estranged() {
        out::complain(format!("{why}: only looks and `warroom rollback` work"));
    }
    Ok((found, client))
}
