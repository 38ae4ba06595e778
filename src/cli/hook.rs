//! `warroom hook`: the plan's own programs without a console.

use super::act::{LOOK_EVERY, ask, print_answer, typed, unconfirmed, unreachable};
use super::out::{self, say};
use super::places::{Found, connect};
use super::{CommandResult, Exit, Failure};
use crate::domain::{Clean, duration_words};
use crate::engine::{Answer, Command, HookState, HookView, Snapshot, Tail};
use crate::wire::Client;
use std::fmt::Write;

pub(super) async fn hook(
    run: Option<&str>,
    hook: Option<&str>,
    stop: bool,
    yes: bool,
    name: Option<Clean>,
) -> CommandResult {
    let (found, mut client) = connect(run, name).await?;
    let snapshot = client.status().await.map_err(unreachable)?.snapshot;
    let Some(hook) = hook else {
        out::print(&list(&snapshot))?;
        return Ok(Exit::Done);
    };
    let hook = Clean::new(hook);
    if stop {
        let stopping = Command::StopHook { hook };
        return print_answer(client.command(stopping).await.map_err(|error| unconfirmed(&error, &found))?);
    }
    let before = find(&snapshot, &hook);
    if let Some(view) = before.filter(|view| view.asks && !yes) {
        let question = format!("Run {} ({}, at most {}): {}?", hook, view.runs, duration_words(view.limit), view.says);
        if !ask(&question)? {
            return Ok(Exit::Refused);
        }
    }
    let answer = client.command(Command::RunHook { hook: hook.clone() }).await;
    match answer.map_err(|error| unconfirmed(&error, &found))? {
        Answer::Applied(words) => say(words),
        answer @ (Answer::Refused(_) | Answer::Late(_)) => return print_answer(answer),
    }
    let last = before.and_then(|view| view.ended);
    await_end(&mut client, &found, &hook, last).await
}

fn find<'s>(snapshot: &'s Snapshot, name: &Clean) -> Option<&'s HookView> {
    snapshot.hooks.iter().find(|view| view.name == *name)
}

fn list(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    if snapshot.hooks.is_empty() {
        text.push_str("the plan has no [[hooks]]\n");
    }
    for view in &snapshot.hooks {
        // Into a string: it takes everything.
        let _ = writeln!(text, "{:<24} {}\n{:<24} {}", view.name, view.says, "", typed(&view.words));
        if let Some(why) = &view.locked {
            let _ = writeln!(text, "{:<24} {why}", "");
        }
    }
    text
}

/// Prints what comes, until it ends. Whoever stops waiting stops only that: the run is the keeper's.
async fn await_end(
    client: &mut Client,
    found: &Found,
    hook: &Clean,
    last: Option<crate::domain::Wall>,
) -> CommandResult {
    let mut printed = 0;
    loop {
        let snapshot = client.status().await.map_err(|error| unconfirmed(&error, found))?.snapshot;
        let gone = || Failure::new(Exit::Unconfirmed, format!("the plan has no hook {hook} any more"));
        let view = find(&snapshot, hook).ok_or_else(gone)?;
        let is_over = view.since.is_none() && view.ended != last;
        // What is shown before it began is of the run before.
        if is_over || view.since.is_some() {
            print_new(&view.tail, &mut printed);
        }
        if is_over {
            say(format!("{hook} {}", typed(&view.words)));
            return Ok(if view.state == HookState::Passed { Exit::Done } else { Exit::Refused });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn print_new(tail: &Tail, printed: &mut u64) {
    let new = tail.printed.saturating_sub(*printed);
    let kept = tail.lines.len() as u64;
    if new > kept {
        say(format!("  ... {} lines not shown", new - kept));
    }
    let from = tail.lines.len() - new.min(kept) as usize;
    for line in tail.lines.iter().skip(from) {
        say(format!("  | {line}"));
    }
    *printed = tail.printed;
}
