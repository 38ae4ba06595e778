//! One keeper for each balancer on a host, whoever runs it.
//!
//! The lock is a socket in Linux' abstract namespace (`unix(7)`): its name belongs to the whole host,
//! needs no folder that two users would have to share, and is free again the moment its holder dies.

use crate::domain::{Clean, RunId};
use crate::plan::Plan;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a holder may take to say who it is.
const TELL_WAIT: Duration = Duration::from_secs(1);
/// How often a holder that closes the connection without a word is asked again: a process that is just dying does so,
/// and is gone in a moment. One that was stopped says nothing and closes nothing.
const ASK_AGAIN: usize = 20;
/// Time between two such questions.
const ASK_PAUSE: Duration = Duration::from_millis(10);
/// A holder's answer in bytes: a run id, a login, two paths.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Who holds a balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its run.
    pub run: RunId,
    /// Its process.
    pub pid: u32,
    /// The login it runs under.
    pub user: Clean,
    /// Where it listens.
    pub socket: PathBuf,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it.
    #[error("another keeper holds this balancer on this host: run {} of {}, process {}", .0.run, .0.user, .0.pid)]
    Held(Holder),
    /// Somebody holds it and does not answer.
    #[error("another process holds this balancer on this host and does not say who it is (stopped?)")]
    HeldSilently,
    /// The host refuses.
    #[error("the host-wide lock cannot be taken: {0}")]
    Io(#[from] io::Error),
}

/// The lock, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct HostLock {
    listener: UnixListener,
    holder: Holder,
}

impl HostLock {
    /// Takes the lock of the plan's balancer, or says who has it.
    pub fn take(plan: &Plan, run: &RunId, socket: &Path) -> Result<Self, LockError> {
        let address = address(plan)?;
        let holder =
            Holder { run: run.clone(), pid: std::process::id(), user: current_user(), socket: socket.to_owned() };
        match UnixListener::bind_addr(&address) {
            Ok(listener) => Ok(Self { listener, holder }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(ask(&address)),
            Err(error) => Err(error.into()),
        }
    }

    /// Who holds the plan's balancer now, if anybody does.
    pub fn holder(plan: &Plan) -> Result<Option<Holder>, LockError> {
        let address = address(plan)?;
        for _ in 0..ASK_AGAIN {
            let asked = Instant::now();
            match UnixStream::connect_addr(&address) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
                Err(error) => return Err(error.into()),
                Ok(stream) => match hear(stream) {
                    Some(holder) => return Ok(Some(holder)),
                    None if asked.elapsed() >= TELL_WAIT => break,
                    None => std::thread::sleep(ASK_PAUSE),
                },
            }
        }
        Err(LockError::HeldSilently)
    }

    /// Tells everybody who asks who holds it, for as long as the process lives.
    pub async fn tell(self) {
        let words = serde_json::to_vec(&self.holder).unwrap_or_default();
        let listener = self.listener;
        let listening = listener.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(listener));
        let Ok(listener) = listening.inspect_err(|error| tracing::error!(%error, "host lock")) else { return };
        while let Ok((mut stream, _)) = listener.accept().await {
            let words = words.clone();
            // A listener that does not read is not waited for: the answer fits into the socket's buffer.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &words).await;
        }
    }
}

fn address(plan: &Plan) -> io::Result<SocketAddr> {
    let digest = Sha256::digest(plan.traffic.identity());
    let name = digest.iter().take(16).fold(String::from("warroom/lock/"), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    });
    SocketAddr::from_abstract_name(name)
}

fn ask(address: &SocketAddr) -> LockError {
    let heard = UnixStream::connect_addr(address).ok().and_then(hear);
    heard.map_or(LockError::HeldSilently, LockError::Held)
}

fn hear(mut stream: UnixStream) -> Option<Holder> {
    stream.set_read_timeout(Some(TELL_WAIT)).ok()?;
    let _ = stream.flush();
    let mut words = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut words).ok()?;
    serde_json::from_slice(&words).ok()
}

/// The login this process runs under.
pub fn current_user() -> Clean {
    user_name(nix::unistd::Uid::effective().as_raw())
}

/// The login of a user id, or the number where the machine has no name for it.
pub fn user_name(uid: u32) -> Clean {
    match nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)) {
        Ok(Some(user)) => Clean::new(user.name),
        Ok(None) | Err(_) => Clean::new(format!("uid {uid}")),
    }
}
