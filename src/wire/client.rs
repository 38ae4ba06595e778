//! The console's and the command line's end of the socket.

use super::{Connection, FRAME_BYTES_MAX, FromKeeper, PROTOCOL, Status, ToKeeper};
use crate::domain::{Clean, CommandId, Person, Rights};
use crate::engine::{Answer, Command};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A keeper that does not acknowledge within this is taken for hung (a rollback then goes direct).
pub const ACKNOWLEDGE_WAIT: Duration = Duration::from_secs(1);

/// Why a keeper could not be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no keeper answers at {path}: {why}")]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// It listens and says nothing.
    #[error("the keeper does not answer within {} s (stopped or hung)", ACKNOWLEDGE_WAIT.as_secs())]
    Hung,
    /// It refuses.
    #[error("the keeper refuses: {0}")]
    Refused(Clean),
    /// It went away while it was talked to: what was sent may have been taken.
    #[error("the keeper went away: {0}")]
    Lost(io::Error),
    /// It says something else.
    #[error("the keeper speaks another language: {0}")]
    Nonsense(String),
}

/// How a client introduces itself.
#[derive(Debug, Clone, Default)]
pub struct Introduction {
    /// `--as NAME`.
    pub name: Option<Clean>,
    /// Whether it gives up the right to act.
    pub readonly: bool,
    /// Whether it wants every snapshot.
    pub follow: bool,
}

/// A greeted connection.
#[derive(Debug)]
pub struct Client {
    /// The connection.
    pub connection: Connection,
    /// Who the keeper takes us for.
    pub person: Person,
    /// What we may do.
    pub rights: Rights,
    /// Which protocol the keeper speaks.
    pub protocol: u32,
}

impl Client {
    /// Connects and says hello.
    pub async fn connect(socket: &Path, introduction: &Introduction) -> Result<Self, ClientError> {
        let unreachable = |why| ClientError::Unreachable { path: socket.to_owned(), why };
        let stream = timeout(ACKNOWLEDGE_WAIT, UnixStream::connect(socket))
            .await
            .map_err(|_| ClientError::Hung)?
            .map_err(unreachable)?;
        let mut connection = Connection::new(stream, FRAME_BYTES_MAX);
        let hello = ToKeeper::Hello {
            protocol: PROTOCOL,
            name: introduction.name.clone(),
            readonly: introduction.readonly,
            follow: introduction.follow,
        };
        connection.send(&hello).await.map_err(unreachable)?;
        match timeout(ACKNOWLEDGE_WAIT, connection.next()).await.map_err(|_| ClientError::Hung)?.map_err(sorted)? {
            Some(FromKeeper::Welcome { protocol, person, rights }) => Ok(Self { connection, person, rights, protocol }),
            Some(FromKeeper::Refused { why }) => Err(ClientError::Refused(why)),
            Some(other) => Err(ClientError::Nonsense(format!("{other:?}").chars().take(80).collect())),
            None => Err(closed()),
        }
    }

    /// Both versions, where they differ: such a keeper takes no more from here than looks and rollbacks.
    pub fn estranged(&self) -> Option<Clean> {
        let words = || Clean::new(format!("the keeper speaks protocol {}, this warroom {PROTOCOL}", self.protocol));
        (self.protocol != PROTOCOL).then(words)
    }

    /// Asks for the status of this moment.
    pub async fn status(&mut self) -> Result<Box<Status>, ClientError> {
        self.send(&ToKeeper::Status).await?;
        self.answer(|message| match message {
            FromKeeper::Status(status) => Some(status),
            FromKeeper::Welcome { .. } | FromKeeper::Answer { .. } | FromKeeper::Refused { .. } => None,
        })
        .await
    }

    /// Sends a command and waits for its answer.
    pub async fn command(&mut self, command: Command) -> Result<Answer, ClientError> {
        let id = new_command();
        self.send(&ToKeeper::command(id, command)).await?;
        self.answer(|message| match message {
            FromKeeper::Answer { id: answered, answer } if answered == id => Some(answer),
            FromKeeper::Answer { .. }
            | FromKeeper::Welcome { .. }
            | FromKeeper::Status(_)
            | FromKeeper::Refused { .. } => None,
        })
        .await
    }

    async fn send(&mut self, message: &ToKeeper) -> Result<(), ClientError> {
        timeout(ACKNOWLEDGE_WAIT, self.connection.send(message)).await.map_err(|_| ClientError::Hung)?.map_err(sorted)
    }

    /// Waits for the message that `pick` takes; snapshots that come in between are passed over.
    async fn answer<T>(&mut self, mut pick: impl FnMut(FromKeeper) -> Option<T>) -> Result<T, ClientError> {
        let picking = async {
            loop {
                match self.connection.next().await {
                    Ok(Some(message)) => {
                        if let Some(picked) = pick(message) {
                            return Ok(picked);
                        }
                    }
                    Ok(None) => return Err(closed()),
                    Err(error) => return Err(sorted(error)),
                }
            }
        };
        timeout(ACKNOWLEDGE_WAIT, picking).await.map_err(|_| ClientError::Hung)?
    }
}

fn closed() -> ClientError {
    ClientError::Lost(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"))
}

/// A frame that cannot be read is another language; everything else is a connection that broke.
fn sorted(error: io::Error) -> ClientError {
    if error.kind() == io::ErrorKind::InvalidData {
        ClientError::Nonsense(error.to_string())
    } else {
        ClientError::Lost(error)
    }
}

/// A command's name: random, so that no two senders ever share one.
pub fn new_command() -> CommandId {
    CommandId(fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::REQUEST_BYTES_MAX;
    use tokio::net::UnixListener;

    /// Connects to somebody who answers the hello with this.
    async fn answered(words: &'static str) -> Result<Client, ClientError> {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let answering = async {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut connection = Connection::new(stream, REQUEST_BYTES_MAX);
            connection.next::<ToKeeper>().await.expect("a hello");
            connection.send_frame(words.into()).await.expect("it listens");
            connection
        };
        let introduction = Introduction::default();
        tokio::join!(Client::connect(&socket, &introduction), answering).0
    }

    /// Taken for dead, its run would be left behind.
    #[tokio::test]
    async fn a_keeper_that_says_what_we_cannot_read_is_there() {
        let error = answered("{\"is\":\"dancing\"}").await.expect_err("no word of ours");
        assert!(matches!(error, ClientError::Nonsense(_)), "{error}");
    }

    #[tokio::test]
    async fn a_keeper_of_another_version_is_named_with_ours() {
        let welcome = r#"{"is":"welcome","protocol":7,"person":{"name":"a","user":"a"},"rights":"readonly"}"#;
        let client = answered(welcome).await.expect("a welcome");
        let words = client.estranged().expect("another version");
        assert!(words.as_str().contains("protocol 7, this warroom 1"), "{words}");
    }
}
