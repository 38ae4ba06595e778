//! Names are looked up on threads of their own, a few of each name at a time.
//!
//! A lookup cannot be given up: whoever waits no longer leaves its thread behind until the system's resolver has had
//! enough, half a minute and more where nobody answers it. So those who ask at the same time share one, and none of it
//! is on the runtime's own threads for what may block: a rollback's script is started there.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How old a lookup may be for another to share it: the system's resolver asks one server for so long, and what begins
/// later may meet one that answers again (`resolv.conf(5)`, `timeout`).
const SHARED_FOR: Duration = Duration::from_secs(5);
/// Lookups of one name under way at once: as many as begin while one of them asks two servers twice, as it does where
/// nothing else is configured. A plan names a dozen hosts.
const LOOKUPS_MAX: usize = 4;

static NAMES: Names =
    Names { system: |name| Ok((name, 0).to_socket_addrs()?.collect()), under_way: Mutex::new(BTreeMap::new()) };

/// Lookups that are under way.
struct Names {
    system: fn(&str) -> io::Result<Vec<SocketAddr>>,
    under_way: Mutex<BTreeMap<String, Vec<Lookup>>>,
}

/// When it began, and where its answer will be.
struct Lookup {
    began: Instant,
    answer: Answer,
}

type Answer = watch::Receiver<Option<Result<Vec<SocketAddr>, String>>>;

/// A name's addresses, their ports 0. Takes as long as it takes; whoever waits no longer holds nothing up.
pub async fn addresses(name: &str) -> io::Result<Vec<SocketAddr>> {
    let mut answer = NAMES.ask(name, Instant::now());
    let told = answer.wait_for(Option::is_some).await.map(|told| told.clone());
    let told = told.ok().flatten().unwrap_or_else(|| Err(format!("no thread to look {name} up")));
    told.map_err(io::Error::other)
}

impl Names {
    /// The newest lookup of a name where it may be shared or no further may begin, or a new one.
    fn ask(&self, name: &str, now: Instant) -> Answer {
        let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let lookups = all.entry(name.to_owned()).or_default();
        lookups.retain(|lookup| lookup.answer.has_changed().is_ok());
        let is_full = lookups.len() >= LOOKUPS_MAX;
        let may_share = |lookup: &&Lookup| is_full || now.duration_since(lookup.began) < SHARED_FOR;
        if let Some(newest) = lookups.last().filter(may_share) {
            return newest.answer.clone();
        }
        let (told, answer) = watch::channel(None);
        let (system, asked) = (self.system, name.to_owned());
        let looking = move || {
            let addresses = system(&asked).map_err(|error| error.to_string());
            told.send_replace(Some(addresses));
        };
        // Without a thread the channel closes, and that is told.
        let _ = std::thread::Builder::new().name("name".into()).spawn(looking);
        lookups.push(Lookup { began: now, answer: answer.clone() });
        answer
    }
}

/// The same for HTTP clients.
#[derive(Debug)]
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Addrs = Box::new(addresses(name.as_str()).await?.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Nobody answers the resolver, and each poll asks anew: what hangs is as much as there are places, and the first
    /// answer is everybody's.
    #[tokio::test]
    async fn lookups_that_hang_are_shared_and_bounded() {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        static SILENCE: Mutex<()> = Mutex::new(());
        let silence = SILENCE.lock().expect("nobody else is here");
        let hangs = |name: &str| {
            BEGUN.fetch_add(1, Ordering::SeqCst);
            let _answered = SILENCE.lock();
            if name == "lb" { Ok(vec![([10, 0, 0, 1], 0).into()]) } else { Err(io::Error::other("no such name")) }
        };
        let names = Names { system: hangs, under_way: Mutex::default() };
        let now = Instant::now();
        let asked: Vec<Answer> = (0..100).map(|second| names.ask("lb", now + Duration::from_secs(second))).collect();
        let mut other = names.ask("db", now);
        let hanging = |name: &str| names.under_way.lock().expect("whole")[name].len();
        assert_eq!((hanging("lb"), hanging("db")), (LOOKUPS_MAX, 1));
        drop(silence);
        for mut answer in asked {
            let told = answer.wait_for(Option::is_some).await.expect("it is answered").clone();
            assert_eq!(told, Some(Ok(vec![([10, 0, 0, 1], 0).into()])));
        }
        let told = other.wait_for(Option::is_some).await.expect("it is answered").clone();
        assert_eq!(told, Some(Err("no such name".to_owned())));
        assert_eq!(BEGUN.load(Ordering::SeqCst), LOOKUPS_MAX + 1);
        // An answer is of its moment: whoever asks afterwards asks anew.
        while other.has_changed().is_ok() {
            tokio::task::yield_now().await;
        }
        names.ask("db", now).wait_for(Option::is_some).await.expect("it is answered");
        assert_eq!(BEGUN.load(Ordering::SeqCst), LOOKUPS_MAX + 2);
    }

    #[tokio::test]
    async fn http_clients_look_names_up_here() {
        let asked = async |base: String| {
            let limit = Duration::from_secs(30);
            let client =
                super::super::client("local", &crate::plan::Http::default(), limit, super::super::Keep::Nothing);
            let response = client.expect("a client").get(&base.replace("127.0.0.1", "localhost")).send().await;
            response.expect("an answer").status().as_u16()
        };
        assert_eq!(super::super::answered("ok", asked).await, 200);
        assert!(NAMES.under_way.lock().expect("whole").contains_key("localhost"));
    }
}
