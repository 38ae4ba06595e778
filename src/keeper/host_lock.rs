//! One keeper for each balancer on a host, and for each node of one, whoever runs it.
//!
//! The lock is a socket in Linux' abstract namespace (`unix(7)`): its name belongs to the network namespace, which is the
//! whole host but for what runs in a network of its own (a container); it needs no folder that two users would have to
//! share, and is free again the moment its holder dies.

use super::patience::{NAME_WAIT, NAMES, bounded};
use crate::domain::{Clean, RunId};
use crate::plan::Plan;
use futures_util::future::join_all;
use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixListener;

/// How long a holder may take to say who it is.
const TELL_WAIT: Duration = Duration::from_secs(1);
/// Pause after a connection could not be taken: descriptors come free again, and the log is not flooded.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
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
    /// All that it holds, as a digest: two plans may share only some nodes.
    pub all: Clean,
}

/// A part of a balancer that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which part.
    pub part: Clean,
    /// Who has it.
    pub holder: Holder,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it, or a part of it.
    #[error("another keeper holds this balancer on this host ({}): run {} of {}, process {}", .0.part, .0.holder.run, .0.holder.user, .0.holder.pid)]
    Held(Box<Held>),
    /// Somebody holds it and does not answer.
    #[error("another process holds this balancer on this host ({0}) and does not say who it is (stopped?)")]
    HeldSilently(Clean),
    /// The host refuses.
    #[error("the host-wide lock cannot be taken: {0}")]
    Io(#[from] io::Error),
}

/// The lock, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct HostLock {
    listeners: Vec<UnixListener>,
    holder: Holder,
}

impl HostLock {
    /// Takes the locks of the plan's balancer in their one order, or says who has one.
    pub async fn take(plan: &Plan, run: &RunId, socket: &Path) -> Result<Self, LockError> {
        let identities = plan.traffic.identities();
        let holder = Holder {
            run: run.clone(),
            pid: std::process::id(),
            user: user_name_soon(Uid::effective().as_raw()).await,
            socket: socket.to_owned(),
            all: digest(&identities.join("\n")).into(),
        };
        let listeners = identities.iter().map(|identity| bind(identity)).collect::<Result<_, _>>()?;
        Ok(Self { listeners, holder })
    }

    /// Who holds the plan's balancer now, if anybody does. Somebody who holds only a part of it, or it as a part of
    /// more, is an error: that run is not this plan's.
    pub fn holder(plan: &Plan) -> Result<Option<Holder>, LockError> {
        let identities = plan.traffic.identities();
        let all = digest(&identities.join("\n"));
        for identity in &identities {
            match StdStream::connect_addr(&address(identity)?) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error.into()),
                Ok(stream) => match hear(stream) {
                    Some(holder) if holder.all.as_str() == all => return Ok(Some(holder)),
                    Some(holder) => return Err(held(identity, holder)),
                    None => return Err(LockError::HeldSilently(Clean::new(identity))),
                },
            }
        }
        Ok(None)
    }

    /// Tells everybody who asks who holds it, for as long as the process lives.
    pub async fn tell(self) {
        let words = serde_json::to_vec(&self.holder).unwrap_or_default();
        join_all(self.listeners.iter().map(|listener| tell_on(listener, &words))).await;
    }
}

/// Never ends: the listener is the lock, whatever becomes of those who ask.
async fn tell_on(listener: &UnixListener, words: &[u8]) {
    loop {
        match listener.accept().await {
            Ok((mut stream, _)) => {
                // A listener that does not read is not waited for: the answer fits into the socket's buffer.
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, words).await;
            }
            // Out of descriptors, most likely: the lock is held all the same.
            Err(error) => {
                tracing::warn!(%error, "host lock: nobody can be told who holds it");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn bind(identity: &str) -> Result<UnixListener, LockError> {
    let address = address(identity)?;
    match StdListener::bind_addr(&address) {
        Ok(listener) => {
            listener.set_nonblocking(true)?;
            Ok(UnixListener::from_std(listener)?)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let heard = StdStream::connect_addr(&address).ok().and_then(hear);
            Err(heard.map_or_else(|| LockError::HeldSilently(Clean::new(identity)), |holder| held(identity, holder)))
        }
        Err(error) => Err(error.into()),
    }
}

fn held(identity: &str, holder: Holder) -> LockError {
    LockError::Held(Box::new(Held { part: Clean::new(identity), holder }))
}

fn address(identity: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("warroom/lock/{}", digest(identity)))
}

/// Sixteen bytes of SHA-256 in hex: a name of fixed length.
fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(16).fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

fn hear(mut stream: StdStream) -> Option<Holder> {
    stream.set_read_timeout(Some(TELL_WAIT)).ok()?;
    let _ = stream.flush();
    let mut words = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut words).ok()?;
    serde_json::from_slice(&words).ok()
}

/// The login this process runs under. Asks the machine's directory, which may hang.
pub fn current_user() -> Clean {
    user_name(Uid::effective().as_raw())
}

/// The login of a user id, or the number when the machine's directory (NSS: LDAP, SSSD) does not answer in time.
pub async fn user_name_soon(uid: u32) -> Clean {
    let found = bounded(&NAMES, NAME_WAIT, move || user_name(uid)).await;
    found.unwrap_or_else(|| Clean::new(format!("uid {uid}")))
}

/// The login of a user id, or the number where the machine has no name for it.
fn user_name(uid: u32) -> Clean {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => Clean::new(user.name),
        Ok(None) | Err(_) => Clean::new(format!("uid {uid}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing that a keeper needs at its start waits for a directory of users.
    #[tokio::test]
    async fn a_directory_that_hangs_does_not_keep_a_keeper_from_its_lock() {
        let _hangs = NAMES.acquire_many(4).await.expect("every place");
        let plan = crate::plan::load(Path::new("demo.toml"), include_str!("../../config/demo.toml")).expect("a plan");
        let run = RunId::parse("checkout-20261122T120431Z-0fa3f9a").expect("a run");
        let lock = HostLock::take(&plan, &run, Path::new("socket")).await.expect("nobody has it");
        assert_eq!(lock.holder.user.as_str(), format!("uid {}", Uid::effective()));
    }
}
