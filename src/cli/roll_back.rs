//! `warroom rollback`: through the keeper, and without it when it does not acknowledge in time.

use super::act::{ask, line};
use super::places::{self, Found};
use super::{Exit, Failure, Outcome, RollbackArgs};
use crate::direct::{self, Direct, Ended};
use crate::domain::{Clean, Person, Role};
use crate::engine::{Answer, Command, Fact, Phase};
use crate::journal::{Places, Reader};
use crate::keeper::current_user;
use crate::plan::{self, Plan};
use crate::traffic;
use crate::wire::{Client, Introduction};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at a rollback under way.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Beyond the lateness window, how long the keeper's rollback is followed before exit code 5.
const FOLLOW_BEYOND_LATENESS: Duration = Duration::from_secs(30);

pub(super) async fn run(args: RollbackArgs, name: Option<Clean>) -> Outcome {
    let places = places::places()?;
    match places::find(&places, args.run.as_deref()) {
        // What an ended run left is nobody's: the plan file alone tells where it could go.
        Ok(found) if has_ended(&places, &found) => match plan_file(&args) {
            Some(path) => without_run(path, &args, name).await,
            None => {
                Err(Failure::new(Exit::Refused, format!("run {} has ended; name its plan file instead", found.run)))
            }
        },
        Ok(found) => of_run(&places, &found, &args, name).await,
        Err(failure) => match plan_file(&args) {
            Some(path) => without_run(path, &args, name).await,
            None => Err(failure),
        },
    }
}

fn plan_file(args: &RollbackArgs) -> Option<&Path> {
    args.run.as_deref().map(Path::new).filter(|path| path.is_file())
}

fn has_ended(places: &Places, found: &Found) -> bool {
    let entries = Reader::open(&places.journal(&found.run)).and_then(|reader| reader.entries());
    entries.is_ok_and(|entries| entries.iter().any(|entry| entry.fact == Fact::Ended))
}

async fn of_run(places: &Places, found: &Found, args: &RollbackArgs, name: Option<Clean>) -> Outcome {
    if !args.yes && !ask(&format!("Roll back run {}: all traffic to stable?", found.run))? {
        return Ok(Exit::Refused);
    }
    if args.direct {
        return direct_of_run(places, found, args, name).await;
    }
    let introduction = Introduction { name: name.clone(), ..Introduction::default() };
    let command = Command::Rollback { reason: args.reason.as_deref().map(Clean::new), typed: args.confirm.clone() };
    let sent = match Client::connect(&found.socket, &introduction).await {
        Ok(mut client) => match client.command(command).await {
            Ok(answer) => Ok((client, answer)),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    match sent {
        Ok((client, Answer::Applied(words))) => {
            println!("{words}");
            follow(client, places.plan(&found.run).as_path()).await
        }
        Ok((_, answer)) => super::act::print_answer(answer),
        Err(error) => {
            eprintln!("{error}: rolling back directly from here");
            direct_of_run(places, found, args, name).await
        }
    }
}

/// Watches the keeper's rollback until it is confirmed.
async fn follow(mut client: Client, plan: &Path) -> Outcome {
    let lateness = plan::load_frozen(plan).map_or(Duration::from_secs(60), |plan| plan.traffic.lateness);
    let following = async {
        let mut said = String::new();
        loop {
            let Ok(status) = client.status().await else { return Exit::Unconfirmed };
            let snapshot = &status.snapshot;
            if !snapshot.phase.is_back() {
                return Exit::Done;
            }
            let words = format!("{}: {}", snapshot.band.word, snapshot.band.text);
            if words != said {
                println!("{words}");
                said = words;
            }
            if matches!(snapshot.phase, Phase::NewTrafficBack | Phase::RolledBack) {
                return Exit::Done;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(lateness + FOLLOW_BEYOND_LATENESS, following).await {
        Ok(exit) => Ok(exit),
        Err(_) => Err(Failure::new(
            Exit::Unconfirmed,
            "UNKNOWN - not confirmed yet; the keeper goes on trying; look with `warroom status`",
        )),
    }
}

async fn direct_of_run(places: &Places, found: &Found, args: &RollbackArgs, name: Option<Clean>) -> Outcome {
    // The holder of a balancer may have its state elsewhere: beside its socket.
    let elsewhere = found.socket.parent().and_then(Path::parent).map(|state| Places::at(state.to_owned()));
    let places = match elsewhere {
        Some(elsewhere) if !places.plan(&found.run).exists() && elsewhere.plan(&found.run).exists() => elsewhere,
        _ => places.clone(),
    };
    let frozen = places.plan(&found.run);
    let plan = match plan_file(args) {
        Some(path) if !frozen.exists() => Arc::new(places::load_for_rollback(path)?),
        _ => Arc::new(places::load_for_rollback(&frozen)?),
    };
    // A journal that cannot be read must not stop a rollback: then the balancer alone tells.
    let entries = match Reader::open(&places.journal(&found.run)).and_then(|reader| reader.entries()) {
        Ok(entries) => entries,
        Err(error) => {
            eprintln!("{error}; going on without it");
            Vec::new()
        }
    };
    let folder = Some(places.run(&found.run));
    roll_back(Direct {
        traffic: driver(&plan)?,
        plan,
        folder,
        entries,
        by: me(name),
        reason: reason(args),
        typed: args.confirm.clone(),
    })
    .await
}

/// No keeper and no run: the plan file alone, and the person says where everything goes.
async fn without_run(path: &Path, args: &RollbackArgs, name: Option<Clean>) -> Outcome {
    let plan = Arc::new(places::load_for_rollback(path)?);
    let traffic = driver(&plan)?;
    match direct::current_split(&plan, traffic.as_ref()).await {
        Ok(split) => println!(
            "no run of this plan is known here; the candidate {} has {split} now",
            plan.environments.candidate.words()
        ),
        Err(why) => println!("no run of this plan is known here; the balancer cannot be read: {why}"),
    }
    let label = match &args.to {
        Some(label) => label.clone(),
        None if std::io::stdin().is_terminal() => {
            println!("All traffic to which environment? Type its label ({}):", plan.environments.stable.label);
            line()?
        }
        None => {
            return Err(Failure::new(
                Exit::Usage,
                format!("say where everything goes: --to {}", plan.environments.stable.label),
            ));
        }
    };
    if label != plan.environments[Role::Stable].label.as_str() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{label:?} is not the stable environment's label, {}", plan.environments.stable.label),
        ));
    }
    let to = format!("All traffic to {label}?");
    if !args.yes && !ask(&to)? {
        return Ok(Exit::Refused);
    }
    roll_back(Direct {
        traffic,
        plan,
        folder: None,
        entries: Vec::new(),
        by: me(name),
        reason: reason(args),
        typed: args.confirm.clone(),
    })
    .await
}

async fn roll_back(direct: Direct) -> Outcome {
    let ending = tokio::select! {
        ended = direct::roll_back(direct, |words| println!("{}", Clean::new(words))) => ended,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(Exit::Unconfirmed, "stopped by Ctrl-C: sent, and not confirmed"));
        }
    };
    match ending {
        Ended::Confirmed => {
            println!("rollback confirmed: new traffic is on stable");
            Ok(Exit::Done)
        }
        Ended::Nothing(words) => {
            println!("{words}");
            Ok(Exit::Done)
        }
        Ended::Refused(reasons) => super::act::print_answer(Answer::Refused(reasons)),
    }
}

fn driver(plan: &Plan) -> Result<Arc<dyn traffic::Traffic>, Failure> {
    traffic::connect(plan).map_err(|error| Failure::new(Exit::Unreachable, error))
}

fn me(name: Option<Clean>) -> Person {
    let user = current_user();
    name.map_or_else(|| Person::verified(user.clone()), |name| Person::claimed(name, user.clone()))
}

fn reason(args: &RollbackArgs) -> Option<Clean> {
    args.reason.as_deref().map(Clean::new)
}
