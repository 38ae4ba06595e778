//! The keys' twins on the command line.

use super::places::connect;
use super::{Exit, Failure, Outcome};
use crate::domain::{Clean, parse_duration};
use crate::engine::{Answer, Command, Override, Phase};
use crate::wire::{Client, Status};
use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

/// Time between two looks while a step is read back.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often an advance is asked again when the generation moved on between looking and asking.
const LATE_TRIES: usize = 3;

fn unreachable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unreachable, error)
}

/// Prints what a command came to.
pub(super) fn print_answer(answer: Answer) -> Outcome {
    match answer {
        Answer::Applied(words) => {
            println!("{words}");
            Ok(Exit::Done)
        }
        Answer::Refused(reasons) => {
            eprintln!("refused:");
            for reason in reasons {
                eprintln!("  {reason}");
            }
            Ok(Exit::Refused)
        }
        Answer::Late(_) => Err(Failure::new(Exit::Refused, "refused: things changed meanwhile; look and ask again")),
    }
}

pub(super) async fn simple(run: Option<&str>, command: Command, name: Option<Clean>) -> Outcome {
    let (_, mut client) = connect(run, name).await?;
    print_answer(client.command(command).await.map_err(unreachable)?)
}

pub(super) async fn suspend(run: Option<&str>, lasting: &str, reason: &str, name: Option<Clean>) -> Outcome {
    let lasting = parse_duration(lasting)
        .ok_or_else(|| Failure::new(Exit::Usage, format!("--for {lasting:?} is not a duration such as 10m")))?;
    simple(run, Command::Suspend { lasting, reason: Clean::new(reason) }, name).await
}

pub(super) async fn advance(
    run: Option<&str>,
    over: Option<String>,
    confirm: Option<String>,
    name: Option<Clean>,
) -> Outcome {
    let (_, mut client) = connect(run, name).await?;
    let over = over.zip(confirm).map(|(reason, typed)| Override { typed, reason: Clean::new(reason) });
    let before = client.status().await.map_err(unreachable)?;
    let answer = with_generation(&mut client, |generation| Command::Advance { generation, over: over.clone() }).await?;
    let Answer::Applied(words) = answer else { return print_answer(answer) };
    println!("{words}");
    await_step(&mut client, before).await
}

pub(super) async fn resume(run: Option<&str>, name: Option<Clean>) -> Outcome {
    let (_, mut client) = connect(run, name).await?;
    let answer = with_generation(&mut client, |generation| Command::Resume { generation }).await?;
    print_answer(answer)
}

/// Sends a command bound to the generation seen just before. A typed command was decided on the command
/// line, not on a screen, so it is asked again when only the numbers moved in between.
async fn with_generation(client: &mut Client, command: impl Fn(u64) -> Command) -> Result<Answer, Failure> {
    let mut answer = Answer::Refused(Vec::new());
    for _ in 0..LATE_TRIES {
        let generation = client.status().await.map_err(unreachable)?.snapshot.generation;
        answer = client.command(command(generation)).await.map_err(unreachable)?;
        if !matches!(answer, Answer::Late(_)) {
            break;
        }
    }
    Ok(answer)
}

/// Nothing is done until it is read back.
async fn await_step(client: &mut Client, before: Box<Status>) -> Outcome {
    let from = before.snapshot.split.wanted;
    loop {
        let snapshot = client.status().await.map_err(unreachable)?.snapshot;
        let going = snapshot.steps.iter().any(|step| step.state == crate::engine::StepState::Going);
        if snapshot.phase.is_back() {
            println!("{}: {}", snapshot.band.word, snapshot.band.text);
            return Ok(Exit::RolledBack);
        }
        if !going {
            println!("{}: {}", snapshot.band.word, snapshot.band.text);
            if snapshot.split.wanted > from {
                return Ok(Exit::Done);
            }
            // The band has one sentence, and drift comes before the reason why this step was not reached.
            let why = snapshot.held.as_ref().map(|held| held.why.as_str()).unwrap_or_default();
            if !snapshot.band.text.as_str().contains(why) {
                println!("{why}");
            }
            return Ok(Exit::Refused);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(super) async fn end(run: Option<&str>, yes: bool, name: Option<Clean>) -> Outcome {
    let (found, mut client) = connect(run, name).await?;
    let snapshot = client.status().await.map_err(unreachable)?.snapshot;
    let split =
        snapshot.split.configured.as_ref().map_or_else(|| "unknown".to_owned(), |c| format!("{:.1}%", c.share * 100.0));
    if snapshot.phase == Phase::Ended {
        println!("run {} has ended", found.run);
        return Ok(Exit::Done);
    }
    let question = format!("End run {} and leave the candidate at {split}?", found.run);
    if !yes && !ask(&question)? {
        return Ok(Exit::Refused);
    }
    print_answer(client.command(Command::End).await.map_err(unreachable)?)
}

/// Asks on the terminal; only `y` is yes. Without a terminal nothing is asked and nothing is done.
pub(super) fn ask(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Usage, "without a terminal this needs --yes"));
    }
    print!("{question} [y/N] ");
    let _ = std::io::stdout().flush();
    Ok(line()? == "y")
}

/// One line from the terminal.
pub(super) fn line() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(line.trim().to_owned())
}
