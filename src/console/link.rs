//! The console's connection to its keeper: kept up, and never a queue.

#![expect(clippy::disallowed_methods, reason = "the link is a task of the console's shell")]

use crate::domain::{CommandId, Person, Rights};
use crate::engine::{Answer, Command};
use crate::wire::{Client, FromKeeper, Introduction, Status, ToKeeper};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// Time between two tries to connect.
const RECONNECT_EVERY: Duration = Duration::from_millis(500);
/// Messages that wait for the drawing side; older snapshots are passed over there.
const WAITING_MAX: usize = 16;

/// What comes from the keeper.
#[derive(Debug)]
pub enum FromLink {
    /// Connected: who the keeper takes this console for, and what it may do.
    Up(Person, Rights),
    /// Not connected.
    Down,
    /// A snapshot.
    Status(Box<Status>),
    /// An answer.
    Answer(CommandId, Answer),
}

/// Starts the link. Commands given while it is down are dropped: nothing is ever sent later by itself.
pub fn start(
    socket: PathBuf,
    introduction: Introduction,
) -> (mpsc::Sender<(CommandId, Command)>, mpsc::Receiver<FromLink>) {
    let (commands, asked) = mpsc::channel(WAITING_MAX);
    let (told, messages) = mpsc::channel(WAITING_MAX);
    tokio::spawn(keep_up(socket, introduction, asked, told));
    (commands, messages)
}

async fn keep_up(
    socket: PathBuf,
    introduction: Introduction,
    mut asked: mpsc::Receiver<(CommandId, Command)>,
    told: mpsc::Sender<FromLink>,
) {
    loop {
        if let Ok(client) = Client::connect(&socket, &introduction).await {
            if told.send(FromLink::Up(client.person.clone(), client.rights)).await.is_err() {
                return;
            }
            talk(client, &mut asked, &told).await;
            if told.send(FromLink::Down).await.is_err() {
                return;
            }
        }
        while asked.try_recv().is_ok() {}
        tokio::time::sleep(RECONNECT_EVERY).await;
    }
}

async fn talk(mut client: Client, asked: &mut mpsc::Receiver<(CommandId, Command)>, told: &mpsc::Sender<FromLink>) {
    loop {
        tokio::select! {
            command = asked.recv() => {
                let Some((id, command)) = command else { return };
                if client.connection.send(&ToKeeper::command(id, command)).await.is_err() {
                    return;
                }
            }
            message = client.connection.next() => {
                let message = match message {
                    Ok(Some(FromKeeper::Status(status))) => FromLink::Status(status),
                    Ok(Some(FromKeeper::Answer { id, answer })) => FromLink::Answer(id, answer),
                    Ok(Some(FromKeeper::Welcome { .. })) => continue,
                    Ok(Some(FromKeeper::Refused { .. }) | None) | Err(_) => return,
                };
                if told.send(message).await.is_err() {
                    return;
                }
            }
        }
    }
}
