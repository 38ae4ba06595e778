//! The keys' twins on the command line.

use super::out::{complain, prompt, say};
use super::places::{Found, configured_words, connect, home_of, places};
use super::{CommandResult, Exit, Failure, roll_back};
use crate::domain::{Clean, CommandId, parse_duration};
use crate::engine::{Answer, Command, Entry, Fact, Override, Phase, Snapshot};
use crate::wire::{Client, ClientError, Status};
use std::io::{BufRead, IsTerminal};
use std::time::Duration;

/// Time between two looks while a step is read back.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often an advance is asked again when the generation moved on between looking and asking.
const LATE_TRIES: usize = 3;

pub(super) fn unreachable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unreachable, error)
}

/// What the console's keys are called on the command line. Longer words first.
const TWINS: &[(&str, &str)] = &[
    ("press A, then y, for", "`warroom advance` goes to"),
    ("use R, which asks for the name", "use `warroom rollback --confirm NAME`"),
    ("T takes control", "`warroom take` takes control"),
    ("A resumes", "`warroom resume` resumes"),
    (", press A", ", `warroom advance` goes there"),
    ("A opens in ", "`warroom advance` opens in "),
    ("R is retried", "`warroom rollback` is retried"),
    ("A locked", "advance is locked"),
    ("H R work", "`warroom hold` and `warroom rollback` work"),
    ("H does not stop that", "`warroom hold` does not stop that"),
    ("R, then y, rolls back", "`warroom rollback` rolls back"),
    ("R rolls back", "`warroom rollback` rolls back"),
    ("R still rolls back", "`warroom rollback` still rolls back"),
    (":adopt", "`warroom adopt`"),
    (":approve", "`warroom approve`"),
    (":complete", "`warroom complete`"),
    (":reassert", "`warroom reassert`"),
    (":restart", "`warroom restart`"),
    (":sendagain", "`warroom sendagain`"),
    (":run ", "warroom hook "),
    (":stop ", "warroom hook --stop "),
];

/// The engine's words as somebody without a console can act on them: commands instead of keys that are not there.
pub fn typed(words: &Clean) -> String {
    twins(words.as_str())
}

pub(super) fn twins(words: &str) -> String {
    TWINS.iter().fold(words.to_owned(), |words, (key, command)| words.replace(key, command))
}

/// Rewrites words that quote a person: what somebody wrote stays as it was written.
pub(super) fn around(words: &Clean, own: &str, rewrite: impl Fn(&str) -> String) -> String {
    if own.is_empty() {
        return rewrite(words.as_str());
    }
    words.as_str().split(own).map(rewrite).collect::<Vec<_>>().join(own)
}

/// The band's sentence.
pub(super) fn typed_band(snapshot: &Snapshot) -> String {
    let own = snapshot.rollback.as_ref().map_or("", |rollback| rollback.reason.as_str());
    around(&snapshot.band.text, own, twins)
}

/// A line of a run's history.
pub(super) fn typed_line(entry: &Entry) -> String {
    around(&entry.text, own_words(entry).unwrap_or_default(), twins)
}

/// What a person wrote of a line: a reason, or a note.
fn own_words(entry: &Entry) -> Option<&str> {
    if let Fact::RollbackAccepted { reason, .. } | Fact::Suspended { reason: Some(reason), .. } = &entry.fact {
        return Some(reason.as_str());
    }
    let said = entry.text.as_str().strip_prefix(&entry.by.as_ref()?.to_string())?;
    let why = || said.strip_prefix(" OVERRIDES: ")?.rsplit_once(" (over: ").map(|(why, _)| why);
    said.strip_prefix(": ").or_else(why)
}

/// An error after something was sent: nobody knows whether it was taken.
pub(super) fn unconfirmed(error: &ClientError, found: &Found) -> Failure {
    let run = &found.run;
    Failure::new(Exit::Unconfirmed, format!("sent, not confirmed: {error}; look with `warroom status {run}`"))
}

/// Prints what a command came to.
pub(super) fn print_answer(answer: Answer) -> CommandResult {
    match answer {
        Answer::Applied(words) => {
            say(words);
            Ok(Exit::Done)
        }
        Answer::Refused(reasons) => {
            complain("refused:");
            for reason in reasons {
                complain(format!("  {}", typed(&reason)));
            }
            Ok(Exit::Refused)
        }
        Answer::Late(_) => Err(Failure::new(Exit::Refused, "refused: things changed meanwhile; look and ask again")),
    }
}

pub(super) async fn simple(run: Option<&str>, command: Command, name: Option<Clean>) -> CommandResult {
    let (found, mut client) = connect(run, name).await?;
    print_answer(client.command(command).await.map_err(|error| unconfirmed(&error, &found))?)
}

/// What sends a rollback: nothing is done until it is read back.
pub(super) async fn back(run: Option<&str>, command: Command, name: Option<Clean>) -> CommandResult {
    let (found, mut client) = connect(run, name).await?;
    let answer = client.command(command).await.map_err(|error| unconfirmed(&error, &found))?;
    let Answer::Applied(words) = answer else { return print_answer(answer) };
    say(words);
    let home = home_of(places()?, &found);
    // Whoever typed this asked for no rollback past a keeper: that is a word of its own.
    roll_back::follow(client, &home, &found).await.map_err(|error| unconfirmed(&error, &found))?
}

pub(super) async fn suspend(run: Option<&str>, lasting: &str, reason: &str, name: Option<Clean>) -> CommandResult {
    let lasting = parse_duration(lasting)
        .ok_or_else(|| Failure::new(Exit::Usage, format!("--for {lasting:?} is not a duration such as 10m")))?;
    simple(run, Command::Suspend { lasting, reason: Clean::new(reason) }, name).await
}

pub(super) async fn note(run: Option<&str>, text: &str, name: Option<Clean>) -> CommandResult {
    if text.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "there is nothing to write down"));
    }
    simple(run, Command::Note { text: Clean::new(text) }, name).await
}

pub(super) async fn advance(
    run: Option<&str>,
    over: Option<String>,
    confirm: Option<String>,
    name: Option<Clean>,
) -> CommandResult {
    let (found, mut client) = connect(run, name).await?;
    let over = over.zip(confirm).map(|(reason, typed)| Override { typed, reason: Clean::new(reason) });
    let before = client.status().await.map_err(unreachable)?;
    let advance = |generation| Command::Advance { generation, over: over.clone() };
    let answer = with_generation(&mut client, &found, advance).await?;
    let Answer::Applied(words) = answer else { return print_answer(answer) };
    say(words);
    await_step(&mut client, &found, before).await
}

pub(super) async fn resume(run: Option<&str>, name: Option<Clean>) -> CommandResult {
    let (found, mut client) = connect(run, name).await?;
    let answer = with_generation(&mut client, &found, |generation| Command::Resume { generation }).await?;
    print_answer(answer)
}

/// Asked once more when only numbers moved; never over another change than the one that was there when it was asked.
pub(super) async fn reassert(run: Option<&str>, name: Option<Clean>) -> CommandResult {
    let (found, mut client) = connect(run, name).await?;
    let before = client.status().await.map_err(unreachable)?.snapshot;
    let over = |snapshot: &Snapshot| snapshot.drift.as_ref().map(|drift| drift.words.clone());
    let mut snapshot = before.clone();
    let mut answer = Answer::Late(CommandId(0));
    for _ in 0..LATE_TRIES {
        let generation = snapshot.generation;
        answer = client.command(Command::Reassert { generation }).await.map_err(|error| unconfirmed(&error, &found))?;
        if !matches!(answer, Answer::Late(_)) {
            break;
        }
        snapshot = client.status().await.map_err(unreachable)?.snapshot;
        if over(&snapshot) != over(&before) {
            break;
        }
    }
    let Answer::Applied(words) = answer else { return print_answer(answer) };
    say(words);
    loop {
        let snapshot = client.status().await.map_err(|error| unconfirmed(&error, &found))?.snapshot;
        let is_under_way = snapshot.drift.as_ref().is_some_and(|drift| drift.is_being_undone);
        if !is_under_way || snapshot.phase.is_back() {
            say(format!("{}: {}", snapshot.band.word, typed_band(&snapshot)));
            return Ok(match (&snapshot.rollback, &snapshot.drift) {
                (Some(_), _) => Exit::RolledBack,
                (None, None) => Exit::Done,
                (None, Some(_)) => Exit::Refused,
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Sends a command bound to the generation seen just before. A typed command was decided on the command
/// line, not on a screen, so it is asked again when only the numbers moved in between.
async fn with_generation(
    client: &mut Client,
    found: &Found,
    command: impl Fn(u64) -> Command,
) -> Result<Answer, Failure> {
    let mut answer = Answer::Refused(Vec::new());
    for _ in 0..LATE_TRIES {
        let generation = client.status().await.map_err(unreachable)?.snapshot.generation;
        answer = client.command(command(generation)).await.map_err(|error| unconfirmed(&error, found))?;
        if !matches!(answer, Answer::Late(_)) {
            break;
        }
    }
    Ok(answer)
}

/// Nothing is done until it is read back.
async fn await_step(client: &mut Client, found: &Found, before: Box<Status>) -> CommandResult {
    let from = before.snapshot.split.wanted;
    loop {
        let snapshot = client.status().await.map_err(|error| unconfirmed(&error, found))?.snapshot;
        let going = snapshot.steps.iter().any(|step| step.state == crate::engine::StepState::Going);
        if snapshot.phase.is_back() {
            say(format!("{}: {}", snapshot.band.word, typed_band(&snapshot)));
            return Ok(Exit::RolledBack);
        }
        if !going {
            say(format!("{}: {}", snapshot.band.word, typed_band(&snapshot)));
            if snapshot.split.wanted > from || snapshot.phase == Phase::Complete {
                return Ok(Exit::Done);
            }
            // The band has one sentence, and drift comes before the reason why this step was not reached.
            let why = snapshot.held.as_ref().map(|held| held.why.clone()).unwrap_or_default();
            if !snapshot.band.text.as_str().contains(why.as_str()) {
                say(typed(&why));
            }
            return Ok(Exit::Refused);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(super) async fn end(run: Option<&str>, yes: bool, name: Option<Clean>) -> CommandResult {
    let (found, mut client) = connect(run, name).await?;
    let snapshot = client.status().await.map_err(unreachable)?.snapshot;
    let split = configured_words(&snapshot);
    if snapshot.phase == Phase::Ended {
        say(format!("run {} has ended", found.run));
        return Ok(Exit::Done);
    }
    let question = format!("End run {} and leave the candidate at {split}?", found.run);
    if !yes && !ask(&question)? {
        return Ok(Exit::Refused);
    }
    let ended = print_answer(client.command(Command::End).await.map_err(|error| unconfirmed(&error, &found))?)?;
    // Whoever begins the next run at once must not be led to this one.
    if ended == Exit::Done && !super::launch::has_gone(&mut client).await {
        complain(format!("the keeper of run {} has not gone yet", found.run));
    }
    Ok(ended)
}

/// Asks on the terminal; only `y` is yes. Without a terminal nothing is asked and nothing is done.
pub(super) fn ask(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Usage, "without a terminal this needs --yes"));
    }
    prompt(format!("{question} [y/N]"));
    Ok(line()? == "y")
}

/// One line from the terminal.
pub(super) fn line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(line.trim().to_owned())
}
