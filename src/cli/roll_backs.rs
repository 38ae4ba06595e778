//! `warroom rollback A B …`: several cutovers back side by side, each for itself.
//!
//! Each has a thread and a runtime of its own, from the look for its run on: a disk, a keeper or a balancer that hangs
//! holds up its own rollback and no other. The outcomes stand together at the end.

use super::act::ask;
use super::out::{self, Speaker, complain, say};
use super::{CommandResult, Exit, RollbackArgs, block_on, roll_back};
use crate::domain::Clean;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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

/// What several rollbacks of one command share: which of them nobody has begun, and who has taken which run.
#[derive(Debug, Default)]
pub(super) struct Company {
    is_several: bool,
    waiting: Mutex<VecDeque<String>>,
    taken: Mutex<BTreeMap<String, Holder>>,
    ended: Condvar,
}

/// The name under which a run or a balancer is rolled back, where its traffic goes, and how that ended.
#[derive(Debug)]
struct Holder {
    name: String,
    to: String,
    exit: Option<Exit>,
}

/// Whose a run or a balancer is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// This name's.
    Ours,
    /// Another's, who brought the same traffic to the same place.
    Same { holder: String, exit: Exit },
    /// Another's, who may have brought its traffic to another place.
    Against { holder: String },
}

impl Company {
    /// Whether others are rolled back beside this one. Then nothing can be asked: there is one terminal.
    pub fn is_several(&self) -> bool {
        self.is_several
    }

    /// Takes a run or a balancer for what was named, to bring its traffic `to` a place. Where another name has it
    /// already, that one's end is waited for: it is the same one if it leads to the same place. Where it never got as
    /// far as sending, or was refused on its way elsewhere, this name goes on with what it knows.
    pub fn take(&self, what: &str, to: &str, named: &str) -> Taken {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(holder) = taken.get(what) else {
                taken.insert(what.to_owned(), Holder { name: named.to_owned(), to: to.to_owned(), exit: None });
                return Taken::Ours;
            };
            if holder.name == named {
                return Taken::Ours;
            }
            match (holder.exit, holder.to == to) {
                (None, _) => taken = self.ended.wait(taken).unwrap_or_else(PoisonError::into_inner),
                (Some(Exit::Usage | Exit::Unreachable), _) | (Some(Exit::Refused), false) => drop(taken.remove(what)),
                (Some(exit @ (Exit::Done | Exit::Refused | Exit::RolledBack | Exit::Unconfirmed)), true) => {
                    return Taken::Same { holder: holder.name.clone(), exit };
                }
                (Some(Exit::Done | Exit::RolledBack | Exit::Unconfirmed), false) => {
                    return Taken::Against { holder: holder.name.clone() };
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one that nobody has begun.
    fn next(&self) -> Option<String> {
        self.waiting().pop_front()
    }

    fn note_end(&self, named: &str, exit: Exit) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for holder in taken.values_mut().filter(|holder| holder.name == named) {
            holder.exit = Some(exit);
        }
        self.ended.notify_all();
    }
}

/// Says how a rollback ended, in a panic too: others may be waiting for it.
struct Seat<'c> {
    company: &'c Company,
    run: String,
    exit: Exit,
}

impl<'c> Seat<'c> {
    fn new(company: &'c Company, run: &str) -> Self {
        Self { company, run: run.to_owned(), exit: Exit::Unconfirmed }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.company.note_end(&self.run, self.exit);
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

    /// The outcome of one for which there was no thread until the command ended.
    fn not_begun(run: String) -> Self {
        Self { run, exit: Exit::Unreachable, words: "stopped before this machine had a thread for it".into() }
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
    let company =
        Arc::new(Company { is_several: true, waiting: Mutex::new(names.clone().into()), ..Company::default() });
    let (told, outcomes) = mpsc::channel(names.len());
    for _ in &names {
        let (args, by, company, told) = (args.clone(), name.cloned(), company.clone(), told.clone());
        // One for which the machine has no thread is begun by whichever has ended first: late is better than never.
        let work = move || {
            while let Some(run) = company.next() {
                let args = RollbackArgs { runs: vec![run], yes: true, ..args.clone() };
                // There is room for each of them; without a reader the command has ended.
                let _ = told.try_send(one(args, by.clone(), &company));
            }
        };
        let _ = std::thread::Builder::new().name("rollback".into()).spawn(work);
    }
    drop(told);
    let mut ended = block_on(until_ended(outcomes, &company))?;
    let ended: Vec<Outcome> = names.iter().map(|run| Outcome::of(run, &mut ended)).collect();
    for outcome in &ended {
        say(outcome);
    }
    let is_there = |exit: &Exit| ended.iter().any(|outcome| outcome.exit == *exit);
    Ok(WORST_FIRST.into_iter().map(|(exit, _)| exit).find(is_there).unwrap_or(Exit::Done))
}

/// Waits for all of them; after Ctrl-C none is begun, and only those are waited for that stop by themselves.
async fn until_ended(mut outcomes: mpsc::Receiver<Outcome>, company: &Company) -> Vec<Outcome> {
    let mut ended = Vec::new();
    let mut stop = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            // First, so that it is listened for before anything is said.
            biased;
            // Where it cannot be heard it ends the process, as ever.
            Ok(()) = &mut stop => break,
            outcome = outcomes.recv() => match outcome {
                Some(outcome) => ended.push(outcome),
                None => break,
            },
        }
    }
    ended.extend(std::mem::take(&mut *company.waiting()).into_iter().map(Outcome::not_begun));
    let until = Instant::now() + STOP_WAIT;
    while let Ok(Some(outcome)) = timeout_at(until, outcomes.recv()).await {
        ended.push(outcome);
    }
    ended
}

/// One rollback from its beginning to its end, every line under its name.
fn one(args: RollbackArgs, name: Option<Clean>, company: &Company) -> Outcome {
    let run = args.runs.concat();
    let mut seat = Seat::new(company, &run);
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
    seat.exit = outcome.exit;
    outcome
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has threads of its own")]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// What another name is told once the first one has ended like this.
    fn after(exit: Exit, to: &str) -> Taken {
        let company = Company::default();
        assert_eq!(company.take("http lb", "blue", "a"), Taken::Ours);
        assert_eq!(company.take("http lb", "blue", "a"), Taken::Ours, "one name may take it twice");
        company.note_end("a", exit);
        company.take("http lb", to, "b")
    }

    #[test]
    fn another_name_is_the_same_only_where_it_leads_to_the_same_place() {
        let holder = || "a".to_owned();
        for exit in [Exit::Done, Exit::RolledBack, Exit::Unconfirmed] {
            assert_eq!(after(exit, "blue"), Taken::Same { holder: holder(), exit });
            assert_eq!(after(exit, "green"), Taken::Against { holder: holder() });
        }
        assert_eq!(after(Exit::Refused, "blue"), Taken::Same { holder: holder(), exit: Exit::Refused });
        assert_eq!(after(Exit::Refused, "green"), Taken::Ours, "nothing was moved");
        for (exit, to) in [(Exit::Usage, "blue"), (Exit::Unreachable, "green")] {
            assert_eq!(after(exit, to), Taken::Ours);
        }
    }

    #[test]
    fn a_panic_leaves_nobody_waiting() {
        let company = Arc::new(Company::default());
        let others = company.clone();
        let fallen = catch_unwind(AssertUnwindSafe(|| {
            let _seat = Seat::new(&company, "a");
            company.take("http lb", "blue", "a");
            panic!("as a defect of ours would");
        }));
        assert!(fallen.is_err());
        let waiting = std::thread::spawn(move || others.take("http lb", "blue", "b"));
        let told = waiting.join().expect("an answer");
        assert_eq!(told, Taken::Same { holder: "a".into(), exit: Exit::Unconfirmed }, "it may have sent");
    }

    #[test]
    fn what_no_thread_has_begun_is_said_and_never_begun() {
        let company = Company { waiting: Mutex::new(["a".to_owned(), "b".to_owned()].into()), ..Company::default() };
        let (told, outcomes) = mpsc::channel::<Outcome>(1);
        // Every thread has ended, or there never was one.
        drop(told);
        let ended = block_on(until_ended(outcomes, &company)).unwrap_or_else(|failure| panic!("{}", failure.words));
        let words: Vec<String> = ended.iter().map(Outcome::to_string).collect();
        assert_eq!(words.len(), 2);
        assert!(words[1].starts_with("UNREACHABLE b: stopped before"), "{words:?}");
        assert_eq!(company.next(), None, "and a thread that comes late finds nothing");
    }
}
