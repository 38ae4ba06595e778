//! The protocol between console and keeper: JSON in frames with a four-byte length, over a Unix socket.
//!
//! Both sides say their protocol version first. A console of another version may look and may roll
//! back, nothing else: the frames [`ToKeeper::Rollback`], [`ToKeeper::Status`], [`FromKeeper::Answer`]
//! and [`FromKeeper::Status`]'s envelope never change between versions (`tests/wire.rs` holds them).

mod client;

pub use client::{ACKNOWLEDGE_WAIT, Client, ClientError, Introduction, new_command};

use crate::domain::{Clean, CommandId, Person, Rights, RunId, Wall};
use crate::engine::{Answer, Command, Snapshot};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// Grows when a frame changes in a way that an older side would misread.
pub const PROTOCOL: u32 = 1;
/// Largest frame, in bytes: a snapshot of 40 checks and full charts is 60 KB. Reading one may take thirty times as much.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Largest frame that a keeper takes, in bytes: the longest command is a note of 900 characters, each at most six bytes
/// of JSON. The room for a whole frame is made when its length has come, and a keeper has many visitors.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// A keeper speaks once a second. Silent for so long, it is late;
pub const KEEPER_LATE: Duration = Duration::from_secs(3);
/// and for so long, nothing that it said is believed any more.
pub const KEEPER_STALE: Duration = Duration::from_secs(5);

/// What a console says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum ToKeeper {
    /// The first frame.
    Hello {
        /// [`PROTOCOL`] of the console.
        protocol: u32,
        /// `--as NAME`.
        name: Option<Clean>,
        /// Whether it gives up the right to act.
        readonly: bool,
        /// Whether it wants every snapshot, or asks by itself.
        follow: bool,
    },
    /// A command.
    Command {
        /// The sender's name for it.
        id: CommandId,
        /// What is asked.
        command: Command,
    },
    /// All traffic back to stable. Never changes.
    Rollback {
        /// The sender's name for it.
        id: CommandId,
        /// Why.
        reason: Option<Clean>,
        /// The service's name, where it must be typed.
        typed: Option<String>,
    },
    /// One status, now. Never changes.
    Status,
}

impl ToKeeper {
    /// The frame that carries a command. A rollback has one of its own, which never changes between versions.
    pub fn command(id: CommandId, command: Command) -> Self {
        if let Command::Rollback { reason, typed } = command {
            Self::Rollback { id, reason, typed }
        } else {
            Self::Command { id, command }
        }
    }
}

/// What a keeper says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum FromKeeper {
    /// The answer to `Hello`.
    Welcome {
        /// [`PROTOCOL`] of the keeper.
        protocol: u32,
        /// Who the keeper takes the sender for.
        person: Person,
        /// What it may do.
        rights: Rights,
    },
    /// A command's answer.
    Answer {
        /// The command.
        id: CommandId,
        /// What it came to.
        answer: Answer,
    },
    /// Where the run stands.
    Status(Box<Status>),
    /// The connection is refused.
    Refused {
        /// Why.
        why: Clean,
    },
}

/// Where a run stands, and who says so. This is what `status --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The run.
    pub run: RunId,
    /// The keeper.
    pub keeper: KeeperInfo,
    /// The cutover.
    #[serde(flatten)]
    pub snapshot: Snapshot,
}

/// The keeper as a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeeperInfo {
    /// Its process.
    pub pid: u32,
    /// When it was started.
    pub since: Wall,
    /// Its program's version.
    pub version: Clean,
    /// Whether the plan's file differs from the frozen copy.
    pub plan_changed: bool,
    /// Readings that newer ones replaced before the engine took them.
    pub dropped: u64,
}

/// A connection that carries whole frames.
#[derive(Debug)]
pub struct Connection {
    incoming: FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
    outgoing: FramedWrite<OwnedWriteHalf, LengthDelimitedCodec>,
}

impl Connection {
    /// Frames over a connected socket. A frame that comes in longer than `incoming_bytes_max` ends it.
    pub fn new(stream: UnixStream, incoming_bytes_max: usize) -> Self {
        let codec = |bytes_max| LengthDelimitedCodec::builder().max_frame_length(bytes_max).new_codec();
        let (read, write) = stream.into_split();
        Self {
            incoming: FramedRead::new(read, codec(incoming_bytes_max)),
            outgoing: FramedWrite::new(write, codec(FRAME_BYTES_MAX)),
        }
    }

    /// Sends one message.
    pub async fn send<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        self.send_frame(encode(message)).await
    }

    /// Sends a message that was encoded before.
    pub async fn send_frame(&mut self, frame: Bytes) -> io::Result<()> {
        self.outgoing.send(frame).await
    }

    /// Takes the next message; `None` when the other side closed. Safe to cancel.
    pub async fn next<T: for<'de> Deserialize<'de>>(&mut self) -> io::Result<Option<T>> {
        match self.incoming.next().await {
            None => Ok(None),
            Some(frame) => serde_json::from_slice(&frame?)
                .map(Some)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

/// A message as a frame's content.
pub fn encode<T: Serialize>(message: &T) -> Bytes {
    // Our own messages are plain data with string keys; JSON takes every one of them.
    Bytes::from(serde_json::to_vec(message).unwrap_or_default())
}
