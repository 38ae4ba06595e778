//! The two clients and the keys they sign with.
//!
//! A rollback has a client of its own, with its own connections: what the watching one waits for, or was throttled
//! for, is no concern of it. Neither repeats anything by itself: the engine does, and knows why.

use super::apart::{Ending, apart};
use super::words::WholeAnswer;
use crate::domain;
use crate::domain::{Clean, Wall};
use crate::plan::AlbDriver;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::config::timeout::TimeoutConfig;
use aws_sdk_elasticloadbalancingv2::config::{Builder, IdentityCache, StalledStreamProtectionConfig};
use std::error::Error;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

/// Time between two tries to renew credentials: SSO and metadata services are asked gently.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// The same while a rollback waits for good ones.
const RENEW_IN_NEED_EVERY: Duration = Duration::from_secs(5);
/// What the SDK says of a sign-in by SSO that is not there or has ended: its errors have no public kind for it. The last
/// is the portal's own.
const SSO_WORDS: [&str; 3] = ["SSO token", "/.aws/sso/cache/", "UnauthorizedException"];
/// How long a source of credentials is waited for: a process or an SSO endpoint that hangs holds nothing up for longer.
const RENEW_LIMIT: Duration = Duration::from_secs(5);
/// After so long another try begins beside one that hangs: four times what the slowest source takes, a person's second
/// factor aside.
const ANOTHER_AFTER: Duration = Duration::from_secs(60);
/// Tries that may hang before another begins only after [`ANOTHER_AFTER_MANY`]: each keeps a thread, and some a process,
/// that nobody can end.
const TRIES_MAX: usize = 4;
/// After so long another try begins beside many that hang: what they hang on may be mended, and they not know it. A night
/// of twelve hours comes to 72 threads.
const ANOTHER_AFTER_MANY: Duration = Duration::from_secs(600);
/// How long the shared files are waited for, half of `traffic.timeout` at most: as any other file is.
const FILES_WAIT: Duration = Duration::from_secs(1);

/// What speaks to AWS, made when it is first needed: connecting contacts nothing.
pub(super) struct Session {
    plan: AlbDriver,
    limit: Duration,
    keyring: Arc<Keyring>,
    /// Made of the environment and the shared files.
    whole: Arc<OnceLock<Clients>>,
    loading: Mutex<Option<Ending>>,
    /// Made of the environment alone, while the shared files' disk does not answer.
    bare: OnceCell<Clients>,
}

/// One for looking and for going forward, one for going back.
pub(super) struct Clients {
    pub watch: Client,
    pub back: Client,
}

impl Session {
    /// `ahead` is how long before their end credentials are renewed.
    pub fn new(plan: &AlbDriver, limit: Duration, ahead: Duration) -> Self {
        Self {
            plan: plan.clone(),
            limit,
            keyring: Arc::new(Keyring::new(plan, ahead)),
            whole: Arc::default(),
            loading: Mutex::default(),
            bare: OnceCell::new(),
        }
    }

    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// The clients; where the shared files' disk hangs, those without them, so that a rollback goes out with what there
    /// is.
    pub async fn clients(&self) -> &Clients {
        if let Some(whole) = self.whole() {
            return whole;
        }
        let loading = self.loading();
        if !self.bare.initialized() {
            loading.comes(FILES_WAIT.min(self.limit / 2)).await;
        }
        if let Some(whole) = self.whole() {
            return whole;
        }
        let bare = || async { Clients::new(&without_files(&self.plan).await, &self.keyring, self.limit) };
        self.bare.get_or_init(bare).await
    }

    /// The clients as they are meant: going forward takes no others.
    pub fn whole(&self) -> Option<&Clients> {
        self.whole.get()
    }

    /// Makes them, once at a time, on a thread that the disk may keep.
    fn loading(&self) -> Ending {
        let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ending) = loading.as_ref().filter(|ending| ending.is_to_come()) {
            return ending.clone();
        }
        let (plan, keyring, limit, whole) = (self.plan.clone(), self.keyring.clone(), self.limit, self.whole.clone());
        let load = move || async move {
            let shared = loader(&plan).load().await;
            whole.get_or_init(|| Clients::new(&shared, &keyring, limit));
        };
        loading.insert(apart(load)).clone()
    }
}

impl Clients {
    /// Each with its own connections.
    fn new(shared: &SdkConfig, keyring: &Arc<Keyring>, limit: Duration) -> Self {
        let client = || {
            let times = TimeoutConfig::builder()
                .connect_timeout(limit / 2)
                .read_timeout(limit)
                .operation_attempt_timeout(limit)
                .operation_timeout(limit)
                .build();
            let config = Builder::from(shared)
                .credentials_provider(Keys(keyring.clone()))
                .identity_cache(IdentityCache::no_cache())
                .retry_config(RetryConfig::disabled())
                .timeout_config(times)
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .interceptor(WholeAnswer);
            Client::from_conf(config.build())
        };
        Self { watch: client(), back: client() }
    }
}

/// Environment and shared files as the AWS tools read them. The region is the ARNs', so no metadata service is asked.
/// Loading reads the files where it is: only on a thread of its own.
fn loader(plan: &AlbDriver) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(plan.region().to_owned()));
    if let Some(profile) = &plan.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &plan.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader
}

/// The same as if the shared files were empty.
#[expect(deprecated, reason = "the types' new place is a crate that aws-config keeps to itself")]
async fn without_files(plan: &AlbDriver) -> SdkConfig {
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    let none = ProfileFiles::builder().with_contents(ProfileFileKind::Config, "").build();
    loader(plan).profile_files(none).load().await
}

/// The last good credentials. They are kept past their end: a rollback is attempted with them all the same.
pub(super) struct Keyring {
    plan: AlbDriver,
    ahead: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    credentials: Option<Credentials>,
    /// AWS refused them.
    refused: Option<String>,
    /// Why the newest try to renew them failed.
    failure: Option<String>,
    tried: Option<Instant>,
    tries: Tries,
    /// When the newest try began that has told: why an older one failed counts no more.
    told: Option<Instant>,
    /// When the newest try began that gave some: what an older one gives is older.
    gave: Option<Instant>,
}

/// Tries that are under way on threads, the oldest first, with when they began.
#[derive(Default)]
struct Tries(Vec<(Instant, Ending)>);

impl Tries {
    /// The newest, while no other may begin beside it.
    fn newest(&mut self, now: Instant) -> Option<Ending> {
        self.0.retain(|(_, ending)| ending.is_to_come());
        let rest = if self.0.len() < TRIES_MAX { ANOTHER_AFTER } else { ANOTHER_AFTER_MANY };
        let newest = self.0.last().filter(|(began, _)| now.duration_since(*began) < rest);
        newest.map(|(_, ending)| ending.clone())
    }

    /// Why there are none yet.
    fn words(&self) -> String {
        let seconds = RENEW_LIMIT.as_secs();
        match self.0.len() {
            0 | 1 => format!("the source of credentials gave none in {seconds} s"),
            several => format!("the source of credentials gave none in {seconds} s; {several} tries hang"),
        }
    }
}

impl Kept {
    /// Takes in what a try that began then has come to.
    fn hear(&mut self, began: Instant, told: Result<Credentials, String>) {
        let is_late = |newest: Option<Instant>| newest.is_some_and(|newest| began < newest);
        match told {
            Ok(_) if is_late(self.gave) => {}
            Ok(credentials) => {
                let same = self.credentials.as_ref().is_some_and(|old| {
                    old.access_key_id() == credentials.access_key_id()
                        && old.secret_access_key() == credentials.secret_access_key()
                        && old.session_token() == credentials.session_token()
                });
                if !same {
                    self.refused = None;
                }
                self.credentials = Some(credentials);
                self.failure = None;
                self.gave = Some(began);
                self.told = self.told.max(self.gave);
            }
            Err(_) if is_late(self.told) => {}
            Err(why) => {
                self.failure = Some(why);
                self.told = Some(began);
            }
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

impl Keyring {
    fn new(plan: &AlbDriver, ahead: Duration) -> Self {
        Self { plan: plan.clone(), ahead, kept: Mutex::default() }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// AWS refused the present ones: they are renewed soon.
    pub fn refused(&self, why: &str) {
        self.kept().refused = Some(why.to_owned());
    }

    /// AWS took them.
    pub fn taken(&self) {
        self.kept().refused = None;
    }

    /// Renews them where they are missing, refused, or near their end, and no more often than [`RENEW_EVERY`].
    pub async fn renew_when_due(self: &Arc<Self>, now: Wall) {
        let due = {
            let kept = self.kept();
            let rested = kept.tried.is_none_or(|tried| tried.elapsed() >= RENEW_EVERY);
            let ends = kept.credentials.as_ref().and_then(Credentials::expiry).map(wall);
            let is_near = ends.is_some_and(|ends| ends < now.plus(self.ahead));
            rested && (kept.credentials.is_none() || kept.refused.is_some() || is_near)
        };
        if due {
            self.renew().await;
        }
    }

    /// Renews refused ones, because a rollback just failed by them. It does not hold up the next attempt for longer
    /// than an attempt takes, and not at all where that was tried a moment ago.
    pub async fn renew_refused(self: &Arc<Self>, within: Duration) {
        let due = {
            let kept = self.kept();
            kept.refused.is_some() && kept.tried.is_none_or(|tried| tried.elapsed() >= RENEW_IN_NEED_EVERY)
        };
        if due {
            let _ = timeout(within, self.renew()).await;
        }
    }

    /// Asks the whole chain of sources anew: files that were rotated, a process, SSO, a metadata service. Its first
    /// source, the environment, needs no disk and no thread.
    async fn renew(self: &Arc<Self>) {
        let now = Instant::now();
        self.kept().tried = Some(now);
        if let Ok(credentials) = EnvironmentVariableCredentialsProvider::new().provide_credentials().await {
            self.kept().hear(now, Ok(credentials));
        } else if !self.trying(now).comes(RENEW_LIMIT).await {
            let mut kept = self.kept();
            kept.failure = Some(kept.tries.words());
        }
    }

    /// The try that is under way, or a new one. What hangs is left to itself, not dropped: that would end no process.
    fn trying(self: &Arc<Self>, now: Instant) -> Ending {
        let mut kept = self.kept();
        if let Some(newest) = kept.tries.newest(now) {
            return newest;
        }
        let keyring = self.clone();
        let ending = apart(move || async move {
            let told = keyring.ask().await;
            keyring.kept().hear(now, told);
        });
        kept.tries.0.push((now, ending.clone()));
        ending
    }

    async fn ask(&self) -> Result<Credentials, String> {
        let provider = loader(&self.plan).load().await.credentials_provider();
        let provider = provider.ok_or_else(|| "no source of credentials is configured".to_owned())?;
        provider.provide_credentials().await.map_err(|error| why(&error, self.plan.profile.as_deref()))
    }

    /// How long the present ones are good.
    pub fn standing(&self) -> domain::Credentials {
        let kept = self.kept();
        let failure = || kept.failure.clone().unwrap_or_else(|| "not looked for yet".to_owned());
        match (&kept.credentials, &kept.refused) {
            (None, _) => domain::Credentials::Missing(Clean::new(failure())),
            (Some(_), Some(why)) => {
                let failure =
                    kept.failure.as_ref().map_or_else(String::new, |failure| format!("; not renewed: {failure}"));
                domain::Credentials::Missing(Clean::new(format!("{why}{failure}")))
            }
            (Some(credentials), None) => match credentials.expiry().map(wall) {
                Some(end) => domain::Credentials::Until { end, failure: kept.failure.as_ref().map(Clean::new) },
                None => domain::Credentials::Lasting,
            },
        }
    }

    /// What is signed with now: the last good ones, without their end, which nobody but AWS is to judge.
    async fn present(self: &Arc<Self>) -> Result<Credentials, CredentialsError> {
        if self.kept().credentials.is_none() {
            self.renew().await;
        }
        let kept = self.kept();
        match &kept.credentials {
            Some(credentials) => {
                let mut credentials = credentials.clone();
                *credentials.expiry_mut() = None;
                Ok(credentials)
            }
            None => Err(CredentialsError::not_loaded(kept.failure.clone().unwrap_or_default())),
        }
    }
}

/// The keyring as the SDK asks for it.
#[derive(Debug)]
struct Keys(Arc<Keyring>);

impl ProvideCredentials for Keys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.0.present())
    }
}

fn wall(time: SystemTime) -> Wall {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Wall::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Why a source gave none. A sign-in by SSO that has ended only a person can begin anew, so the command is named.
fn why(error: &(dyn Error + 'static), profile: Option<&str>) -> String {
    let chain: Vec<String> =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    let sso = chain.iter().find(|words| SSO_WORDS.iter().any(|part| words.contains(part)));
    let Some(words) = sso else { return chain.last().cloned().unwrap_or_default() };
    let profile = profile.map(str::to_owned).or_else(|| std::env::var("AWS_PROFILE").ok());
    let profile = profile.map_or_else(String::new, |name| format!(" --profile {name}"));
    format!("{words}: sign in with `aws sso login{profile}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str, #[source] Option<Box<Said>>);

    /// A try that hangs until its other end is dropped.
    fn hung() -> (oneshot::Sender<()>, Ending) {
        let (end, ended) = oneshot::channel::<()>();
        (end, apart(move || async move { drop(ended.await) }))
    }

    #[tokio::test]
    async fn however_many_tries_hang_another_begins_in_the_end() {
        let (mut tries, mut now, mut held) = (Tries::default(), Instant::now(), Vec::new());
        for _ in 0..TRIES_MAX {
            assert!(tries.newest(now).is_none());
            let (end, ending) = hung();
            held.push(end);
            tries.0.push((now, ending));
            assert!(tries.newest(now + ANOTHER_AFTER / 2).is_some());
            now += ANOTHER_AFTER;
        }
        assert!(tries.newest(now).is_some(), "not every minute for a whole night");
        assert!(tries.words().ends_with("; 4 tries hang"), "{}", tries.words());
        assert!(tries.newest(now + ANOTHER_AFTER_MANY).is_none());
        // One that ends makes room at once.
        held.remove(0);
        assert!(tries.0[0].1.clone().comes(Duration::from_secs(60)).await);
        assert!(tries.newest(now).is_none());
        assert!(tries.words().ends_with("; 3 tries hang"), "{}", tries.words());
    }

    #[test]
    fn an_older_trys_keys_are_good_unless_a_newer_one_gave_some() {
        let keys = |name: &str| Credentials::new(name, "secret", None, None, "test");
        let [first, second, third] = [0, 1, 2].map(|at| Instant::now() + ANOTHER_AFTER * at);
        let mut kept = Kept::default();
        kept.hear(second, Err("no answer".into()));
        kept.hear(first, Err("an older one".into()));
        assert_eq!(kept.failure.as_deref(), Some("no answer"));
        kept.hear(first, Ok(keys("first")));
        let held = |kept: &Kept| kept.credentials.as_ref().map(|keys| keys.access_key_id().to_owned());
        assert_eq!((held(&kept), kept.failure.clone()), (Some("first".into()), None));
        kept.hear(third, Ok(keys("third")));
        kept.hear(second, Ok(keys("second")));
        kept.hear(second, Err("too late".into()));
        assert_eq!((held(&kept), kept.failure.clone()), (Some("third".into()), None));
    }

    #[test]
    fn only_a_sign_in_that_ended_is_a_persons_to_renew() {
        let said = |outer, inner| why(&Said(outer, Some(Box::new(Said(inner, None)))), Some("night"));
        assert_eq!(said("an error occurred", "exit code 3"), "exit code 3");
        assert_eq!(
            said("failed to read `/home/a/.aws/sso/cache/1be2.json`", "No such file or directory"),
            "failed to read `/home/a/.aws/sso/cache/1be2.json`: sign in with `aws sso login --profile night`"
        );
    }
}
