//! `warroom rollback A B …`: several cutovers back side by side, each for itself.
//!
//! Each has a thread and a runtime of its own, from the look for its run on: a disk, a keeper or a balancer that hangs
//! holds up its own rollback and no other. The outcomes stand together at the end.

use super::act::ask;
use super::out::{self, Speaker, complain, say};
use super::{CommandResult, Exit, RollbackArgs, block_on, roll_back};
use crate::domain::Clean;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// After Ctrl-C, how long those that go directly may take to say that they stopped: it reaches each of them by itself.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// Exit codes from the worst to the best: sent and unconfirmed comes first, because traffic may be anywhere; wrong
/// usage last, because nothing was there to be moved.
const WORST_FIRST: [(Exit, &str); 4] = [
    (Exit::Unconfirmed, "NOT CONFIRMED"),
    (Exit::Unreachable, "UNREACHABLE"),
    (Exit::Refused, "REFUSED"),
    (Exit::Usage, "NOT BEGUN"),
];

/// What several rollbacks of one command share: who has taken which run.
#[derive(Debug, Default)]
pub(super) struct Company {
    is_several: bool,
    taken: Mutex<BTreeMap<String, Holder>>,
    ended: Condvar,
}

/// The name under which a run is rolled back, and how that ended.
#[derive(Debug)]
struct Holder {
    name: String,
    exit: Option<Exit>,
}

impl Company {
    /// Whether others are rolled back beside this one. Then nothing can be asked: there is one terminal.
    pub fn is_several(&self) -> bool {
        self.is_several
    }

    /// Takes a run or a balancer for what was named. Under another name that has it already it is the same one, whose
    /// end is waited for and given; where that one never got as far as sending, this name goes on with what it knows.
    pub fn take(&self, what: &str, named: &str) -> Option<(String, Exit)> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match taken.get(what) {
                Some(holder) if holder.name != named => match holder.exit {
                    None => taken = self.ended.wait(taken).unwrap_or_else(PoisonError::into_inner),
                    Some(Exit::Usage | Exit::Unreachable) => drop(taken.remove(what)),
                    Some(exit @ (Exit::Done | Exit::Refused | Exit::RolledBack | Exit::Unconfirmed)) => {
                        return Some((holder.name.clone(), exit));
                    }
                },
                Some(_) => return None,
                None => {
                    taken.insert(what.to_owned(), Holder { name: named.to_owned(), exit: None });
                    return None;
                }
            }
        }
    }

    fn note_end(&self, named: &str, exit: Exit) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for holder in taken.values_mut().filter(|holder| holder.name == named) {
            holder.exit = Some(exit);
        }
        self.ended.notify_all();
    }
}

/// How one of them ended.
struct Outcome {
    run: String,
    exit: Exit,
    words: String,
}

impl Outcome {
    /// The outcome of a run among those that are known.
    fn of(run: &str, known: &mut Vec<Self>) -> Self {
        match known.iter().position(|outcome| outcome.run == run) {
            Some(at) => known.swap_remove(at),
            None => Self {
                run: run.to_owned(),
                exit: Exit::Unconfirmed,
                words: "stopped before it ended: whether it is done is not known; look with `warroom status`".into(),
            },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = WORST_FIRST.iter().find(|(exit, _)| *exit == self.exit).map_or("DONE", |(_, word)| word);
        write!(f, "{word} {}: {}", Clean::new(&self.run), self.words)
    }
}

/// Those that were named, each once, in their order.
pub(super) fn named(args: &RollbackArgs) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for run in &args.runs {
        if !names.contains(run) {
            names.push(run.clone());
        }
    }
    names
}

pub(super) fn run(args: &RollbackArgs, name: Option<&Clean>) -> CommandResult {
    let names = named(args);
    // Once for all of them, before anything is looked for: what is not found is said and stops none of the others.
    let question = format!("Roll back {}: all traffic to stable?", Clean::new(names.join(", ")));
    if !args.yes && !ask(&question)? {
        return Ok(Exit::Refused);
    }
    let company = Arc::new(Company { is_several: true, ..Company::default() });
    let (told, outcomes) = mpsc::channel(names.len());
    let mut left = Vec::new();
    for run in &names {
        let args = RollbackArgs { runs: vec![run.clone()], yes: true, ..args.clone() };
        let (by, company, told) = (name.cloned(), company.clone(), told.clone());
        let work = {
            let args = args.clone();
            // There is room for each of them; without a reader the command has ended.
            move || drop(told.try_send(one(args, by, &company)))
        };
        if std::thread::Builder::new().name("rollback".into()).spawn(work).is_err() {
            left.push(args);
        }
    }
    drop(told);
    let mut ended = block_on(until_ended(outcomes))?;
    // The machine had no thread for these: late is better than never.
    ended.extend(left.into_iter().map(|args| one(args, name.cloned(), &company)));
    let ended: Vec<Outcome> = names.iter().map(|run| Outcome::of(run, &mut ended)).collect();
    for outcome in &ended {
        say(outcome);
    }
    let is_there = |exit: &Exit| ended.iter().any(|outcome| outcome.exit == *exit);
    Ok(WORST_FIRST.into_iter().map(|(exit, _)| exit).find(is_there).unwrap_or(Exit::Done))
}

/// Waits for all of them; after Ctrl-C only for those that stop by themselves.
async fn until_ended(mut outcomes: mpsc::Receiver<Outcome>) -> Vec<Outcome> {
    let mut ended = Vec::new();
    let mut stop = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            outcome = outcomes.recv() => match outcome {
                Some(outcome) => ended.push(outcome),
                None => return ended,
            },
            // Where it cannot be heard it ends the process, as ever.
            Ok(()) = &mut stop => break,
        }
    }
    let until = Instant::now() + STOP_WAIT;
    while let Ok(Some(outcome)) = timeout_at(until, outcomes.recv()).await {
        ended.push(outcome);
    }
    ended
}

/// One rollback from its beginning to its end, every line under its name.
fn one(args: RollbackArgs, name: Option<Clean>, company: &Company) -> Outcome {
    let run = args.runs.concat();
    let speaker = Arc::new(Speaker::new(&run));
    out::speak_as(Some(speaker.clone()));
    let ended = block_on(roll_back::of_one(args, name, company)).and_then(|ended| ended);
    let outcome = match ended {
        Ok(exit) => Outcome { run, exit, words: speaker.last_words() },
        Err(failure) => {
            let words = Clean::new(&failure.words);
            // At once: another one may take long. Two spaces begin a line of their own.
            complain(words.as_str().replace("  ", "\n  "));
            let first = words.as_str().split("  ").next().unwrap_or_default();
            Outcome { run, exit: failure.exit, words: first.to_owned() }
        }
    };
    out::speak_as(None);
    company.note_end(&outcome.run, outcome.exit);
    outcome
}
