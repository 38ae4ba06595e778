//! The console's connection to its keeper: kept up, and never a queue.

#![expect(clippy::disallowed_methods, reason = "the link is a task of the console's shell")]

use crate::domain::{Clean, CommandId, Person, Rights};
use crate::engine::{Answer, Command};
use crate::wire::{Client, FromKeeper, Introduction, Status, ToKeeper};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// Time between two tries to connect.
const RECONNECT_EVERY: Duration = Duration::from_millis(500);
/// Messages that wait for the drawing side: the ten snapshots of a frame that takes a second, and answers beside them.
const WAITING_MAX: usize = 16;

/// What comes from the keeper.
#[derive(Debug)]
pub enum FromLink {
    /// Connected.
    Up {
        /// The how manyth connection this is.
        connection: u64,
        /// Who the keeper takes this console for.
        person: Person,
        /// What it may do.
        rights: Rights,
        /// Why it may so little, where the keeper's version is another one.
        estranged: Option<Clean>,
    },
    /// Not connected.
    Down,
    /// A snapshot.
    Status(Box<Status>),
    /// An answer.
    Answer(CommandId, Answer),
}

/// A command, and the connection that it was decided on.
#[derive(Debug)]
pub struct Given {
    /// Its number, as [`FromLink::Up`] told it.
    pub connection: u64,
    /// The command's name.
    pub id: CommandId,
    /// What is asked.
    pub command: Command,
}

/// Starts the link. A command goes out on the connection that it was given for, or not at all: what was decided before
/// one was lost is never sent later by itself.
pub fn start(socket: PathBuf, introduction: Introduction) -> (mpsc::Sender<Given>, mpsc::Receiver<FromLink>) {
    let (commands, asked) = mpsc::channel(WAITING_MAX);
    let (told, messages) = mpsc::channel(WAITING_MAX);
    tokio::spawn(keep_up(socket, introduction, asked, told));
    (commands, messages)
}

async fn keep_up(
    socket: PathBuf,
    introduction: Introduction,
    mut asked: mpsc::Receiver<Given>,
    told: mpsc::Sender<FromLink>,
) {
    let mut connection = 0;
    loop {
        if let Ok(client) = Client::connect(&socket, &introduction).await {
            connection += 1;
            let (person, rights, estranged) = (client.person.clone(), client.rights, client.estranged());
            let up = FromLink::Up { connection, person, rights, estranged };
            if told.send(up).await.is_err() {
                return;
            }
            talk(client, connection, &mut asked, &told).await;
            if told.send(FromLink::Down).await.is_err() {
                return;
            }
        }
        while asked.try_recv().is_ok() {}
        tokio::time::sleep(RECONNECT_EVERY).await;
    }
}

async fn talk(mut client: Client, connection: u64, asked: &mut mpsc::Receiver<Given>, told: &mpsc::Sender<FromLink>) {
    loop {
        tokio::select! {
            // What was pressed waits for no picture.
            biased;
            given = asked.recv() => {
                let Some(given) = given else { return };
                // Decided before the desk heard that the connection before was lost: there it is not answered.
                if given.connection != connection {
                    continue;
                }
                if client.connection.send(&ToKeeper::command(given.id, given.command)).await.is_err() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Connection, FRAME_BYTES_MAX, PROTOCOL};
    use tokio::net::UnixListener;

    /// A keeper's side of the next connection, greeted.
    async fn greeted(listener: &UnixListener) -> Connection {
        let (stream, _) = listener.accept().await.expect("a console");
        let mut connection = Connection::new(stream, FRAME_BYTES_MAX);
        let hello = connection.next::<ToKeeper>().await.expect("a frame");
        assert!(matches!(hello, Some(ToKeeper::Hello { .. })), "{hello:?}");
        let person = Person::verified(Clean::new("alice"));
        let welcome = FromKeeper::Welcome { protocol: PROTOCOL, person, rights: Rights::Full };
        connection.send(&welcome).await.expect("it listens");
        connection
    }

    async fn up(messages: &mut mpsc::Receiver<FromLink>) -> u64 {
        match messages.recv().await {
            Some(FromLink::Up { connection, .. }) => connection,
            other => panic!("not up: {other:?}"),
        }
    }

    #[tokio::test]
    async fn what_was_given_for_a_connection_goes_out_on_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let (commands, mut messages) = start(socket, Introduction::default());
        let first = greeted(&listener).await;
        let before = up(&mut messages).await;
        drop(first);
        // The desk has not heard of it when the next one is up already.
        let mut second = greeted(&listener).await;
        let given = |connection, id| Given { connection, id: CommandId(id), command: Command::Hold };
        commands.send(given(before, 1)).await.expect("a link");
        assert!(matches!(messages.recv().await, Some(FromLink::Down)));
        let now = up(&mut messages).await;
        commands.send(given(before, 2)).await.expect("a link");
        commands.send(given(now, 3)).await.expect("a link");
        let came = second.next::<ToKeeper>().await.expect("a frame");
        assert!(matches!(came, Some(ToKeeper::Command { id: CommandId(3), .. })), "{came:?}");
    }
}
