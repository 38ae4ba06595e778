//! The keeper's socket: one task for each connection, none of which can hold up the loop.

use super::host_lock::user_name_soon;
use super::lanes::Operator;
use super::patience::{LOOK_WAIT, NAME_WAIT, NAMES, SOCKET, bounded};
use super::{KeeperError, Shared};
use crate::domain::{Clean, CommandId, Person, Rights};
use crate::engine::{Answer, Command, Event, Request};
use crate::failpoint;
use crate::wire::{Connection, FromKeeper, PROTOCOL, REQUEST_BYTES_MAX, ToKeeper};
use bytes::Bytes;
use nix::unistd::Group;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::timeout;

/// Connections at once: a war room of twenty with three terminals each.
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may take to say hello.
const HELLO_WAIT: Duration = Duration::from_secs(5);
/// Time before the machine's directory is asked again for a group: each time it hangs it takes [`NAME_WAIT`] itself.
const GROUP_PAUSE: Duration = Duration::from_secs(1);

/// Listens for the owner only, or for a group as well. `state` is the folder that is ours to open for it.
pub async fn listen(path: &Path, state: &Path, group: Option<&str>) -> Result<UnixListener, KeeperError> {
    let wrap = |why| KeeperError::Socket { path: path.display().to_string(), why };
    // The host-wide lock is ours, so a file that is still here is a dead keeper's.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrap(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(wrap)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(wrap)?;
    if let Some(group) = group
        && !open_to(path, state, group).await?
    {
        tracing::warn!(
            group,
            "the machine's directory or a disk does not answer: until then the socket is its owner's alone"
        );
        tokio::spawn(open_later(path.to_owned(), state.to_owned(), group.to_owned()));
    }
    Ok(listener)
}

/// Lets a group in; `false` where the machine's directory (NSS: LDAP, SSSD) does not say in time which that is, or a disk
/// on the way does not answer.
async fn open_to(path: &Path, state: &Path, group: &str) -> Result<bool, KeeperError> {
    let name = group.to_owned();
    let Some(Ok(found)) = bounded(&NAMES, NAME_WAIT, move || Group::from_name(&name)).await else { return Ok(false) };
    let gid = found.ok_or_else(|| KeeperError::NoSuchGroup(group.to_owned()))?.gid.as_raw();
    let (path, state, group) = (path.to_owned(), state.to_owned(), group.to_owned());
    let opened = bounded(&SOCKET, LOOK_WAIT, move || open_files(&path, &state, &group, gid)).await;
    opened.map_or(Ok(false), |opened| opened.map(|()| true))
}

fn open_files(path: &Path, state: &Path, group: &str, gid: u32) -> Result<(), KeeperError> {
    let wrap = |why| KeeperError::Socket { path: path.display().to_string(), why };
    chown(path, None, Some(gid)).map_err(wrap)?;
    open_way(path, state, group, gid)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(wrap)
}

/// Neither a directory nor a disk that hangs keeps a keeper from its start: the group is let in once they answer.
async fn open_later(path: PathBuf, state: PathBuf, group: String) {
    loop {
        tokio::time::sleep(GROUP_PAUSE).await;
        match open_to(&path, &state, &group).await {
            Ok(false) => {}
            Ok(true) => return,
            Err(error) => return tracing::error!(%error, "the group stays out"),
        }
    }
}

/// Lets a group through the folders above a socket that are ours; into the nearest it may look, so that it
/// finds the run. A folder that is not ours is left as it is, and one that lets nobody through is an error:
/// the plan would promise the group what it cannot have.
fn open_way(path: &Path, state: &Path, group: &str, gid: u32) -> Result<(), KeeperError> {
    let nearest = path.parent();
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        let wrap = |why| KeeperError::Socket { path: folder.display().to_string(), why };
        let meta = std::fs::metadata(folder).map_err(wrap)?;
        let is_nearest = Some(folder) == nearest;
        let wanted = if is_nearest { 0o050 } else { 0o010 };
        let is_open = meta.mode() & (wanted >> 3) == wanted >> 3 || meta.gid() == gid && meta.mode() & wanted == wanted;
        if !is_open && (is_nearest || folder.starts_with(state)) {
            chown(folder, None, Some(gid)).map_err(wrap)?;
            let mode = meta.mode() & 0o7777 | wanted;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).map_err(wrap)?;
        } else if meta.mode() & 0o011 == 0 {
            return Err(KeeperError::GroupShutOut { group: group.to_owned(), folder: folder.display().to_string() });
        }
    }
    Ok(())
}

/// Takes connections for as long as the keeper lives.
pub async fn serve(listener: UnixListener, senders: Shared, status: watch::Receiver<Bytes>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let numbers = Arc::new(AtomicU64::new(1));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tokio::spawn(async move {
                let why = Clean::new(format!("{CONNECTIONS_MAX} connections are open already"));
                let _ = Connection::new(stream, REQUEST_BYTES_MAX).send(&FromKeeper::Refused { why }).await;
            });
            continue;
        };
        let visitor = Visitor {
            senders: senders.clone(),
            status: status.clone(),
            console: numbers.fetch_add(1, Ordering::Relaxed),
            may_roll_back: Rights::Full,
        };
        tokio::spawn(async move {
            if let Err(error) = visitor.receive(stream).await {
                tracing::debug!(%error, "connection");
            }
            drop(place);
        });
    }
}

/// One connection.
struct Visitor {
    senders: Shared,
    status: watch::Receiver<Bytes>,
    console: u64,
    may_roll_back: Rights,
}

impl Visitor {
    async fn receive(mut self, stream: UnixStream) -> io::Result<()> {
        let uid = stream.peer_cred()?.uid();
        let own = Person::verified(user_name_soon(uid).await).with_uid(uid);
        let mut connection = Connection::new(stream, REQUEST_BYTES_MAX);
        let first = timeout(HELLO_WAIT, connection.next::<ToKeeper>()).await.map_err(|_| io::ErrorKind::TimedOut)??;
        // The frames that never change work without a hello, from any version.
        let (person, rights, follow) = match first {
            Some(ToKeeper::Hello { protocol, name, readonly, follow }) => {
                let person = match name {
                    Some(name) => Person { name, ..own },
                    None => own,
                };
                self.may_roll_back = if readonly { Rights::ReadOnly } else { Rights::Full };
                // Another version may look and may roll back: anything else it could misread.
                let rights = if protocol == PROTOCOL { self.may_roll_back } else { Rights::ReadOnly };
                connection.send(&FromKeeper::Welcome { protocol: PROTOCOL, person: person.clone(), rights }).await?;
                (person, Some(rights), follow)
            }
            Some(other) => {
                self.answer(&mut connection, other, &own, None).await?;
                (own, None, false)
            }
            None => return Ok(()),
        };
        if let Some(rights) = rights.filter(|_| follow) {
            self.tell(Event::ConsoleCame { console: self.console, by: person.clone(), rights }).await;
        }
        let result = self.talk(&mut connection, &person, rights, follow).await;
        if follow {
            self.tell(Event::ConsoleWent { console: self.console }).await;
        }
        result
    }

    async fn talk(
        &mut self,
        connection: &mut Connection,
        person: &Person,
        rights: Option<Rights>,
        follow: bool,
    ) -> io::Result<()> {
        loop {
            tokio::select! {
                biased;
                message = connection.next::<ToKeeper>() => match message? {
                    Some(message) => self.answer(connection, message, person, rights).await?,
                    None => return Ok(()),
                },
                changed = self.status.changed(), if follow => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let frame = self.status.borrow_and_update().clone();
                    connection.send_frame(frame).await?;
                }
            }
        }
    }

    /// Without a hello nobody knows which version the sender speaks: `rights` are then none.
    async fn answer(
        &self,
        connection: &mut Connection,
        message: ToKeeper,
        person: &Person,
        rights: Option<Rights>,
    ) -> io::Result<()> {
        match message {
            ToKeeper::Hello { .. } => Ok(()),
            ToKeeper::Status => {
                let (reply, status) = oneshot::channel();
                let _ = self.senders.operator.send(Operator::Status { reply }).await;
                connection.send_frame(status.await.map_err(|_| io::ErrorKind::BrokenPipe)?).await
            }
            ToKeeper::Rollback { id, reason, typed } => {
                self.command(connection, id, Command::Rollback { reason, typed }, person, self.may_roll_back).await
            }
            ToKeeper::Command { id, command } => match rights {
                Some(rights) => self.command(connection, id, command, person, rights).await,
                None => {
                    let why = "say hello first: without it only a rollback and the status are answered";
                    connection.send(&FromKeeper::Answer { id, answer: Answer::Refused(vec![why.into()]) }).await
                }
            },
        }
    }

    async fn command(
        &self,
        connection: &mut Connection,
        id: CommandId,
        command: Command,
        person: &Person,
        rights: Rights,
    ) -> io::Result<()> {
        let (reply, answer) = oneshot::channel();
        failpoint::pass("command heard");
        let event = Event::Commanded(Request { id, by: person.clone(), rights, command });
        let _ = self.senders.operator.send(Operator::Event { event, reply: Some(reply) }).await;
        // A keeper that ends refuses nothing: whoever asked is cut off, and a rollback goes past it.
        let answer = answer.await.map_err(|_| io::ErrorKind::BrokenPipe)?;
        failpoint::pass("answer due");
        connection.send(&FromKeeper::Answer { id, answer }).await?;
        failpoint::pass("answer sent");
        Ok(())
    }

    async fn tell(&self, event: Event) {
        let _ = self.senders.operator.send(Operator::Event { event, reply: None }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::lanes::lanes;
    use crate::wire::FRAME_BYTES_MAX;
    use nix::unistd::Gid;

    /// Refused, a rollback would not be sent past it.
    #[tokio::test]
    async fn a_keeper_that_ends_cuts_off_whoever_asks_it() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (lanes, senders) = lanes();
        drop(lanes);
        let (_publish, status) = watch::channel(Bytes::new());
        let mut asking = Connection::new(ours, FRAME_BYTES_MAX);
        let rollback = ToKeeper::Rollback { id: CommandId(1), reason: None, typed: None };
        asking.send(&rollback).await.expect("it listens");
        let visitor = Visitor { senders, status, console: 1, may_roll_back: Rights::Full };
        let received = tokio::spawn(visitor.receive(theirs));
        assert_eq!(asking.next::<FromKeeper>().await.expect("closed"), None);
        assert!(received.await.expect("it ends").is_err());
    }

    #[tokio::test]
    async fn a_directory_that_hangs_takes_the_name_and_not_who_it_is() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (_lanes, senders) = lanes();
        let (_publish, status) = watch::channel(Bytes::new());
        let mut asking = Connection::new(ours, FRAME_BYTES_MAX);
        let hello = ToKeeper::Hello { protocol: PROTOCOL, name: None, readonly: false, follow: false };
        asking.send(&hello).await.expect("it listens");
        let _hangs = NAMES.acquire_many(4).await.expect("every place");
        let visitor = Visitor { senders, status, console: 1, may_roll_back: Rights::Full };
        tokio::spawn(visitor.receive(theirs));
        let welcome = asking.next::<FromKeeper>().await.expect("an answer");
        let Some(FromKeeper::Welcome { person, .. }) = welcome else { panic!("{welcome:?}") };
        let uid = nix::unistd::Uid::effective().as_raw();
        assert_eq!(person, Person::verified(format!("uid {uid}")).with_uid(uid));
    }

    /// While what a group's way in waits for does not answer, and afterwards.
    async fn keeps_out_a_group_and_not_the_keeper(hangs: &'static Semaphore, places: u32) {
        let group = Group::from_gid(Gid::effective()).expect("a directory").expect("a group");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sock");
        let mode = || std::fs::metadata(&path).expect("a socket").permissions().mode() & 0o777;
        let hanging = hangs.acquire_many(places).await.expect("every place");
        let _listener = listen(&path, folder.path(), Some(&group.name)).await.expect("it listens");
        assert_eq!(mode(), 0o600);
        drop(hanging);
        while mode() != 0o660 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_directory_that_hangs_keeps_out_a_group_and_not_the_keeper() {
        keeps_out_a_group_and_not_the_keeper(&NAMES, 4).await;
    }

    #[tokio::test]
    async fn a_disk_that_hangs_keeps_out_a_group_and_not_the_keeper() {
        keeps_out_a_group_and_not_the_keeper(&SOCKET, 1).await;
    }
}
