//! Clients that outlive the secrets they were made with.

#![expect(clippy::disallowed_methods, reason = "secrets are read again beside the runtime: a disk may hang")]

use super::{Client, Keep, SetupError, client, headers, is_denied};
use crate::domain::Clean;
use crate::plan::Http;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What speaks to one server, made of the plan's secrets as they were last read. Clones are one and the same.
#[derive(Clone)]
pub struct Renewing<C>(Arc<Inner<C>>);

struct Inner<C> {
    place: Clean,
    http: Http,
    limit: Duration,
    make: Box<dyn Fn() -> Result<C, SetupError> + Send + Sync>,
    made: RwLock<Arc<C>>,
    /// What was read after the newest refusal.
    read: Mutex<Option<HeaderMap>>,
    /// Taken while they are read: what hangs is not asked again.
    reading: Semaphore,
}

impl<C> std::fmt::Debug for Renewing<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Renewing").field(&self.0.place).finish()
    }
}

/// A client as [`client`] makes it, renewed.
pub fn renewing(place: &str, http: &Http, limit: Duration, keep: Keep) -> Result<Renewing<Client>, SetupError> {
    let (of_place, of_http) = (place.to_owned(), http.clone());
    Renewing::new(place, http, limit, move || client(&of_place, &of_http, limit, keep))
}

impl<C: Send + Sync + 'static> Renewing<C> {
    /// Makes the first. `limit` is how long whoever was refused waits for the next.
    pub fn new(
        place: &str,
        http: &Http,
        limit: Duration,
        make: impl Fn() -> Result<C, SetupError> + Send + Sync + 'static,
    ) -> Result<Self, SetupError> {
        Ok(Self(Arc::new(Inner {
            place: Clean::new(place),
            http: http.clone(),
            limit,
            made: RwLock::new(Arc::new(make()?)),
            make: Box::new(make),
            read: Mutex::default(),
            reading: Semaphore::new(1),
        })))
    }

    /// The present one. An answer is read by the one that asked: it knows which secrets must not be shown of it.
    pub fn now(&self) -> Arc<C> {
        self.0.made.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hears the statuses of a request's answers. A refusal of who asks has the plan's secrets read again: one that was
    /// renewed lets the next request in. What cannot be read leaves all as it is.
    pub async fn hear(&self, statuses: &[StatusCode]) {
        if !statuses.iter().copied().any(is_denied) || !self.0.http.has_secrets() {
            return;
        }
        let inner = self.0.clone();
        let reading = tokio::task::spawn_blocking(move || inner.renew());
        let place = &self.0.place;
        match timeout(self.0.limit, reading).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "secrets cannot be read again"),
            Ok(Err(error)) => tracing::warn!(%place, %error, "secrets cannot be read again"),
            Err(_) => tracing::warn!(%place, "secrets cannot be read again in time"),
        }
    }
}

impl<C> Inner<C> {
    /// Waits for the disk. Where they are what they were, the connections stay.
    fn renew(&self) -> Result<(), SetupError> {
        let Ok(_place) = self.reading.try_acquire() else { return Ok(()) };
        let (read, _) = headers(&self.http).map_err(|why| SetupError { place: self.place.clone(), why })?;
        if self.read.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&read) {
            return Ok(());
        }
        let made = Arc::new((self.make)()?);
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = made;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        Ok(())
    }
}
