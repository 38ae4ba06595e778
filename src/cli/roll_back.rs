//! `warroom rollback`: through the keeper, and without it when it does not acknowledge in time.
//!
//! Nothing here waits for a disk, a directory service or a reader of our words longer than a named limit.

use super::act::{ask, line};
use super::known::{DISK_LIMIT, Known, Standing, within};
use super::out::{complain, say};
use super::places::{self, Dead, Found, NotOne};
use super::roll_backs::{Company, Taken};
use super::{CommandResult, Exit, Failure, RollbackArgs};
use crate::clock;
use crate::direct::{self, Direct, Ended, Seen};
use crate::domain::{Clean, Mono, Person, Role, RunId};
use crate::engine::{Answer, Command, Entry, Fact, Phase};
use crate::journal::{Places, Reader};
use crate::keeper::{HostLock, LockError, current_user};
use crate::plan::{self, Plan};
use crate::traffic;
use crate::wire::{Client, ClientError, Introduction};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at a rollback under way.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Beyond the lateness window, how long the keeper's rollback is followed before exit code 5.
const FOLLOW_BEYOND_LATENESS: Duration = Duration::from_secs(30);
/// How long all runs' journals may take to say which of them is meant: a hundred of them take a tenth of it.
const FIND_LIMIT: Duration = Duration::from_secs(3);
/// How long the machine may take to say what our login is called: without an answer its number will do.
const LOGIN_LIMIT: Duration = Duration::from_millis(200);

/// Rolls back the one run that is named first, or the one that is meant without a name.
pub(super) async fn of_one(args: RollbackArgs, name: Option<Clean>, company: &Company) -> CommandResult {
    // A terminal that goes away must not end what was asked for: from here on a hangup is heard and not followed.
    let _hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    let places = places::places()?;
    let (looked_in, wanted) = (places.clone(), args.runs.first().cloned());
    let found = within(FIND_LIMIT, move || places::look_for(&looked_in, wanted.as_deref(), Dead::Unfinished));
    let silent = || Failure::new(Exit::Unreachable, "the disk that holds the runs does not answer; name a plan file");
    match found.unwrap_or_else(|| Err(NotOne::Failure(silent()))) {
        Ok(found) if is_another(&args, &found) => match plan_of_file(&args).filter(|_| args.only_to.is_some()) {
            // Here the balancer is known by another run, and the file still leads where it must.
            Some(plan) => without_run(plan?, "the run is not known here", &args, name, company).await,
            None => Err(Failure::new(
                Exit::Usage,
                format!("{} leads to run {} by now: nothing was sent", Clean::new(args.runs.concat()), found.run),
            )),
        },
        Ok(found) => of_found(&places::home_of(places, &found), &found, &args, name, company).await,
        Err(NotOne::Failure(failure)) if failure.exit == Exit::Unreachable => match plan_of_file(&args) {
            Some(plan) => without_run(plan?, "no run of this plan is known here", &args, name, company).await,
            None => Err(failure),
        },
        Err(not_one) => Err(not_one.failure().await),
    }
}

/// The same under another name is one: whoever came first goes on with it, and its outcome is the outcome. What
/// would lead elsewhere than another one just did is refused: both were asked for, and only a person knows which is
/// meant.
fn taken(company: &Company, what: &str, to: &str, args: &RollbackArgs) -> Result<Option<Exit>, Failure> {
    let Some(named) = args.runs.first() else { return Ok(None) };
    match company.take(what, to, named) {
        Taken::Ours => Ok(None),
        Taken::Same { holder, exit } => {
            say(format!("the same as {}", Clean::new(holder)));
            Ok(Some(exit))
        }
        Taken::Against { holder } => Err(Failure::new(
            Exit::Refused,
            format!("{} took the same balancer elsewhere: name the one that is meant", Clean::new(holder)),
        )),
    }
}

/// A console means the run that it shows: its plan file may have been turned to the next cutover since.
fn is_another(args: &RollbackArgs, found: &Found) -> bool {
    args.only_run.as_ref().is_some_and(|run| found.run.as_str() != run)
}

/// The plan in the file that was named, if one was. It must still lead where whoever named it was told.
fn plan_of_file(args: &RollbackArgs) -> Option<Result<Arc<Plan>, Failure>> {
    let path = plan_file(args)?;
    let shown = Clean::new(path.display().to_string());
    Some(first_sound(&[path]).and_then(|plan| match &args.only_to {
        Some(to) if *to != places::destination(&plan) => {
            let words = format!("{shown} leads elsewhere by now, to {}: nothing was sent", places::destination(&plan));
            Err(Failure::new(Exit::Usage, words))
        }
        Some(_) | None => Ok(plan),
    }))
}

fn plan_file(args: &RollbackArgs) -> Option<PathBuf> {
    let path = args.runs.first().map(PathBuf::from)?;
    within(DISK_LIMIT, move || path.is_file().then_some(path))?
}

async fn of_found(
    places: &Places,
    found: &Found,
    args: &RollbackArgs,
    name: Option<Clean>,
    company: &Company,
) -> CommandResult {
    let (looked_in, looked_for) = (places.clone(), found.clone());
    let known = within(DISK_LIMIT, move || Known::look(&looked_in, &looked_for));
    if known.as_ref().is_some_and(|known| known.standing.is_over())
        && let Some(other) = driven_since(places, found)
    {
        let words = format!("run {} is over, and run {other} drives its balancer now: nothing was sent", found.run);
        return Err(Failure::new(Exit::Refused, format!("{words}; warroom rollback {other} rolls that one back")));
    }
    match known {
        // What an ended run left is nobody's: its plan tells where it could go, and the person says it.
        Some(known) if known.standing == Standing::Ended => {
            let frozen = || first_sound(&[places.plan(&found.run)]);
            let plan = plan_of_file(args).map_or_else(frozen, |plan| plan.or_else(|_| frozen()))?;
            without_run(plan, &format!("run {} has ended", found.run), args, name, company).await
        }
        Some(known) if known.only_watches() && (args.direct || !is_there(found).await) => Err(Failure::new(
            Exit::Refused,
            format!("run {} only watches: it holds no write path; name the plan file instead", found.run),
        )),
        _ => match taken(company, found.run.as_str(), "stable", args)? {
            Some(exit) => Ok(exit),
            None => of_run(places, found, args, name).await,
        },
    }
}

/// The run that has taken the balancer of one that is over: what is stable to the one may be the candidate of the other.
/// A holder that does not say who it is may be this run's own keeper, hung: that holds nobody up.
fn driven_since(places: &Places, found: &Found) -> Option<RunId> {
    let path = places.plan(&found.run);
    let look = move || plan::load_frozen(&path).ok().map(|plan| HostLock::holder(&plan));
    let holder = match within(DISK_LIMIT, look)?? {
        Ok(holder) => holder?,
        Err(LockError::Held(held)) => held.holder,
        Err(LockError::HeldSilently(_) | LockError::Io(_)) => return None,
    };
    (holder.run != found.run).then_some(holder.run)
}

async fn is_there(found: &Found) -> bool {
    Client::connect(&found.socket, &Introduction { readonly: true, ..Introduction::default() }).await.is_ok()
}

async fn of_run(places: &Places, found: &Found, args: &RollbackArgs, name: Option<Clean>) -> CommandResult {
    if !args.yes && !ask(&format!("Roll back run {}: all traffic to stable?", found.run))? {
        return Ok(Exit::Refused);
    }
    let asked = clock::mono();
    let lost = match args.direct {
        true => None,
        false => match through_keeper(places, found, args, name.clone()).await {
            Ok(followed) => return followed,
            Err(error) => Some(error),
        },
    };
    let entries = entries_of(places.journal(&found.run));
    if Standing::of(&entries) == Standing::Ended
        && let Some(is_confirmed) = Standing::is_confirmed(&entries)
    {
        return ended_on(&found.run, is_confirmed);
    }
    if let Some(lost) = lost {
        complain(format!("{lost}: rolling back directly from here"));
    }
    direct_of_run(places, found, args, entries, asked, name).await
}

/// A run that somebody ended while its rollback was followed: nobody sends it or reads it back any more.
fn ended_on(run: &RunId, is_confirmed: bool) -> CommandResult {
    if is_confirmed {
        say(format!("run {run} has ended, its rollback confirmed"));
        return Ok(Exit::Done);
    }
    Err(Failure::new(
        Exit::Unconfirmed,
        format!(
            "run {run} was ended on its rollback, which is not confirmed; `warroom rollback {run}` says what the \
             balancer holds and asks where everything goes"
        ),
    ))
}

/// By the keeper, as long as it lives and answers.
async fn through_keeper(
    places: &Places,
    found: &Found,
    args: &RollbackArgs,
    name: Option<Clean>,
) -> Result<CommandResult, ClientError> {
    let introduction = Introduction { name, ..Introduction::default() };
    let mut client = Client::connect(&found.socket, &introduction).await?;
    let command = Command::Rollback { reason: reason(args), typed: typed(args, places.plan(&found.run)) };
    match client.command(command).await? {
        Answer::Applied(words) => {
            say(words);
            if let Some(reason) = reason(args) {
                note_reason(&mut client, reason).await?;
            }
            follow(client, places, found).await
        }
        answer @ (Answer::Refused(_) | Answer::Late(_)) => Ok(super::act::print_answer(answer)),
    }
}

/// A reason for a rollback that somebody else began before is written down beside theirs.
async fn note_reason(client: &mut Client, reason: Clean) -> Result<(), ClientError> {
    let rollback = client.status().await?.snapshot.rollback;
    if rollback.is_some_and(|rollback| rollback.reason != reason) {
        let text = Clean::new(format!("rollback asked for again: {reason}"));
        client.command(Command::Note { text }).await?;
    }
    Ok(())
}

/// Watches the keeper's rollback until it is confirmed. An error is the keeper's end, and the caller's to go on with; but
/// not where the rollback stood at somebody else's setting, over which nobody has sent it.
pub(super) async fn follow(mut client: Client, places: &Places, found: &Found) -> Result<CommandResult, ClientError> {
    let (run, plan) = (&found.run, places.plan(&found.run));
    let plan = within(DISK_LIMIT, move || plan::load_frozen(&plan).ok()).flatten();
    let lateness = plan.map_or(Duration::from_secs(60), |plan| plan.traffic.lateness);
    let mut foreign: Option<Clean> = None;
    let following = async {
        let mut said = String::new();
        loop {
            let status = match (client.status().await, &foreign) {
                (Ok(status), _) => status,
                (Err(error), Some(setting)) => {
                    let words = format!(
                        "{error}; its rollback stood at what somebody else set ({setting}): not confirmed, and nothing \
                         was sent over that; `warroom rollback {run} --direct --send-over` does"
                    );
                    return Ok(Err(Failure::new(Exit::Unconfirmed, words)));
                }
                (Err(error), None) => return Err(error),
            };
            let snapshot = &status.snapshot;
            let rollback = snapshot.rollback.as_ref();
            if let (Phase::Ended, Some(rollback)) = (snapshot.phase, rollback) {
                return Ok(ended_on(run, rollback.confirmed.is_some()));
            }
            if !snapshot.phase.is_back() {
                return Ok(Ok(Exit::Done));
            }
            foreign = rollback.and_then(|rollback| rollback.foreign.clone());
            let words = format!("{}: {}", snapshot.band.word, super::act::typed_band(snapshot));
            if words != said {
                say(&words);
                said = words;
            }
            if matches!(snapshot.phase, Phase::NewTrafficBack | Phase::RolledBack) {
                return Ok(Ok(Exit::Done));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if let Ok(followed) = tokio::time::timeout(lateness + FOLLOW_BEYOND_LATENESS, following).await {
        return followed;
    }
    let words = match foreign {
        None => format!("UNKNOWN - not confirmed yet; the keeper goes on trying; look with `warroom status {run}`"),
        Some(setting) => format!(
            "not confirmed: somebody else set {setting}, and nothing is sent over it; `warroom sendagain {run}` sends \
             the rollback over it, `warroom adopt {run}` leaves it"
        ),
    };
    Ok(Err(Failure::new(Exit::Unconfirmed, words)))
}

async fn direct_of_run(
    places: &Places,
    found: &Found,
    args: &RollbackArgs,
    entries: Vec<Entry>,
    asked: Mono,
    name: Option<Clean>,
) -> CommandResult {
    // The frozen copy is the run's; where it is damaged, the file that was named is better than nothing.
    let frozen = first_sound(&[places.plan(&found.run)]);
    let plan = frozen.or_else(|failure| plan_of_file(args).unwrap_or(Err(failure)))?;
    let folder = Some(places.run(&found.run));
    let typed = typed_for(args, &plan);
    roll_back(Direct {
        traffic: driver(&plan)?,
        plan,
        folder,
        entries,
        seen: None,
        by: me(name),
        reason: reason(args),
        typed,
        asked,
        sends_over: args.send_over,
    })
    .await
}

/// What of a journal can be read in time. One that cannot must not stop a rollback: then the balancer alone tells.
fn entries_of(journal: PathBuf) -> Vec<Entry> {
    let shown = journal.display().to_string();
    match within(DISK_LIMIT, move || Reader::open(&journal).and_then(|reader| reader.readable())) {
        Some(Ok((entries, 0))) => entries,
        Some(Ok((entries, unreadable))) => {
            complain(format!("journal {shown}: going on without entries that cannot be read: {unreadable}"));
            entries
        }
        Some(Err(error)) => {
            complain(format!("{error}; going on without it"));
            Vec::new()
        }
        None => {
            complain(format!("journal {shown}: the disk does not answer; going on without it"));
            Vec::new()
        }
    }
}

/// The first of these files that holds a sound plan.
fn first_sound(paths: &[PathBuf]) -> Result<Arc<Plan>, Failure> {
    let mut failure = Failure::new(Exit::Usage, "no plan is known");
    for path in paths {
        let reading = path.clone();
        let why = match within(DISK_LIMIT, move || plan::load_frozen(&reading)) {
            Some(Ok(plan)) => return Ok(Arc::new(plan)),
            Some(Err(errors)) => {
                complain(errors);
                failure = Failure::new(Exit::Usage, format!("{} is not a sound plan", path.display()));
                continue;
            }
            None => format!("{}: the disk does not answer", path.display()),
        };
        complain(&why);
        failure = Failure::new(Exit::Unreachable, why);
    }
    Err(failure)
}

/// No keeper and no run: the plan alone, and the person says where everything goes.
async fn without_run(
    plan: Arc<Plan>,
    why: &str,
    args: &RollbackArgs,
    name: Option<Clean>,
    company: &Company,
) -> CommandResult {
    // Two plans of one balancer are the same only where they bring its traffic to the same place.
    if let Some(exit) = taken(company, &plan.traffic.identity(), &places::destination(&plan), args)? {
        return Ok(exit);
    }
    let traffic = driver(&plan)?;
    let seen: Seen = direct::look(traffic.as_ref()).await;
    match direct::split_of(&plan, &seen) {
        Ok(split) => say(format!("{why}; the candidate {} has {split} now", plan.environments.candidate.words())),
        Err(unread) => say(format!("{why}; the balancer cannot be read: {unread}")),
    }
    let stable = &plan.environments[Role::Stable].label;
    let labels = if !args.to.is_empty() {
        args.to.clone()
    } else if std::io::stdin().is_terminal() && !company.is_several() {
        say(format!("All traffic to which environment? Type its label ({stable}):"));
        super::out::settle();
        vec![line()?]
    } else {
        return Err(Failure::new(Exit::Usage, format!("say where everything goes: --to {stable}")));
    };
    if labels.iter().all(|label| label != stable.as_str()) {
        return Err(Failure::new(
            Exit::Usage,
            format!("{:?} is not the stable environment's label, {stable}", Clean::new(labels.join(", ")).as_str()),
        ));
    }
    if !args.yes && !ask(&format!("All traffic to {stable}?"))? {
        return Ok(Exit::Refused);
    }
    let typed = typed_for(args, &plan);
    roll_back(Direct {
        traffic,
        plan,
        folder: None,
        entries: Vec::new(),
        seen: Some(seen),
        by: me(name),
        reason: reason(args),
        typed,
        asked: clock::mono(),
        sends_over: args.send_over,
    })
    .await
}

async fn roll_back(direct: Direct) -> CommandResult {
    let accepted =
        direct.entries.iter().rev().find_map(|entry| {
            if let Fact::RollbackAccepted { reason, .. } = &entry.fact { Some(reason) } else { None }
        });
    let own = accepted.or(direct.reason.as_ref()).cloned().unwrap_or_default();
    let ending = tokio::select! {
        // First: whoever reads the first line may press it at once.
        biased;
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(Exit::Unconfirmed, "stopped by Ctrl-C: sent, and not confirmed"));
        }
        ended = direct::roll_back(direct, |words| say(typed_alone(&words, &own))) => ended,
    };
    match ending {
        Ended::Confirmed => {
            say("rollback confirmed: new traffic is on stable");
            Ok(Exit::Done)
        }
        Ended::Nothing(words) => {
            say(words);
            Ok(Exit::Done)
        }
        Ended::Refused(reasons) => super::act::print_answer(Answer::Refused(reasons)),
    }
}

/// The engine's words where no keeper takes further commands, around the reason that somebody gave.
fn typed_alone(words: &str, own: &Clean) -> String {
    let again = "stopped (Ctrl-C) and begun again with --direct --send-over it is sent over it";
    let alone = |words: &str| super::act::twins(&words.replace(":sendagain or :adopt", again));
    super::act::around(&Clean::new(words), own.as_str(), alone)
}

fn driver(plan: &Plan) -> Result<Arc<dyn traffic::Traffic>, Failure> {
    traffic::connect_back(plan).map_err(|error| Failure::new(Exit::Unreachable, error))
}

/// Our login, or its number.
fn login() -> Clean {
    let number = || Clean::new(format!("uid {}", nix::unistd::Uid::effective()));
    within(LOGIN_LIMIT, current_user).unwrap_or_else(number)
}

/// Whoever types here, by `--as` or by login.
pub(super) fn me(name: Option<Clean>) -> Person {
    let own = Person::verified(login()).with_uid(nix::unistd::Uid::effective().as_raw());
    match name {
        Some(name) => Person { name, ..own },
        None => own,
    }
}

/// Of the names that were typed the plan's own, else the first, which is then refused with the right one.
fn typed_for(args: &RollbackArgs, plan: &Plan) -> Option<String> {
    let own = args.confirm.iter().find(|name| plan.name.as_str() == name.as_str());
    own.or(args.confirm.first()).cloned()
}

/// The same where the keeper has the plan: only of several names must it be read here, too.
fn typed(args: &RollbackArgs, plan: PathBuf) -> Option<String> {
    match args.confirm.as_slice() {
        [] | [_] => args.confirm.first().cloned(),
        [first, ..] => first_sound(&[plan]).map_or_else(|_| Some(first.clone()), |plan| typed_for(args, &plan)),
    }
}

fn reason(args: &RollbackArgs) -> Option<Clean> {
    args.reason.as_deref().filter(|reason| !reason.trim().is_empty()).map(Clean::new)
}
