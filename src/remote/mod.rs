//! Speaking HTTP to servers that may be dead, slow, hostile or somebody else.
//!
//! Every request has a timeout, every body a size limit, and every failure a sentence for a person.

mod json;
mod names;
mod renewing;

pub use json::{Found, look_at};
pub use names::addresses;
pub use renewing::{Renewing, renewing};

use crate::domain::{Absence, Clean, Printed, Secrets};
use crate::files;
use crate::plan::{Http, Secret};
use bytes::BytesMut;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use std::error::Error;
use std::time::Duration;

/// Largest answer of a health check or a balancer, in bytes: what any of them says in a page.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// What is said of an answer that cannot be read where every word about it would be of a secret.
pub const UNSAYABLE: &str = "the answer cannot be read, and it cannot be shown: it has a secret in it";
/// How rustls says that nobody we trust signed a server's certificate.
const UNKNOWN_ISSUER: &str = "UnknownIssuer";

/// Why a client could not be made from the plan.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {why}")]
pub struct SetupError {
    /// What it was to speak to.
    pub place: Clean,
    /// Why it cannot.
    pub why: SetupTrouble,
}

/// What is wrong with a client's setting.
#[derive(Debug, thiserror::Error)]
pub enum SetupTrouble {
    /// The CA file cannot be read.
    #[error("the CA file {path} cannot be read: {why}")]
    Ca {
        /// Its path.
        path: String,
        /// Why.
        why: std::io::Error,
    },
    /// A CA file that holds no certificate.
    #[error("the CA file {0} holds no certificate (PEM, BEGIN CERTIFICATE)")]
    NoCertificate(String),
    /// A header's variable or file is not there.
    #[error("header {header}: {why}")]
    Value {
        /// The header.
        header: String,
        /// Why.
        why: String,
    },
    /// A header's value cannot be sent.
    #[error("header {0}: its value cannot be sent in a header")]
    Header(String),
    /// A script's variable or file is not there.
    #[error("{0}")]
    Script(Clean),
    /// TLS could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}

/// Whether connections are kept between requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// One warm connection: no handshake on the path of a rollback.
    Alive,
    /// A new connection each time, so that a balancer chooses each time.
    Nothing,
}

/// A client for one server, and what that server's answers must not bring back.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    secrets: Secrets,
}

/// A client for one server as the plan describes it; `place` is what its errors call that server. Secrets are read
/// here, once, and never shown; each file is waited for a second at most. No proxy of the environment is used, no redirect followed, no compression asked for.
pub fn client(place: &str, http: &Http, timeout: Duration, keep: Keep) -> Result<Client, SetupError> {
    make(http, timeout, keep).map_err(|why| SetupError { place: Clean::new(place), why })
}

fn make(http: &Http, timeout: Duration, keep: Keep) -> Result<Client, SetupTrouble> {
    let (headers, secrets) = headers(http)?;
    let built = builder(http, &headers, timeout, keep)?.build();
    // A machine without a single trusted CA still speaks plain HTTP, and its rollback must not fail for it:
    // there a TLS server is refused at its handshake, with the reason.
    let http = match built {
        Err(_) if http.ca.is_none() => builder(http, &headers, timeout, keep)?.tls_certs_only([]).build(),
        built => built,
    };
    let http = http.map_err(|error| SetupTrouble::Setup(chain(&error)))?;
    Ok(Client { http, secrets })
}

fn builder(
    http: &Http,
    headers: &HeaderMap,
    timeout: Duration,
    keep: Keep,
) -> Result<reqwest::ClientBuilder, SetupTrouble> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("warroom/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout)
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .dns_resolver(names::Resolver)
        .default_headers(headers.clone());
    builder = match keep {
        Keep::Alive => builder.pool_max_idle_per_host(1).pool_idle_timeout(Duration::from_secs(90)),
        Keep::Nothing => builder.pool_max_idle_per_host(0),
    };
    if let Some(path) = &http.ca {
        let pem = files::read(path).map_err(|why| SetupTrouble::Ca { path: path.display().to_string(), why })?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| SetupTrouble::Setup(chain(&error)))?;
        // Text without any certificate is no error to the reader of bundles.
        if certificates.is_empty() {
            return Err(SetupTrouble::NoCertificate(path.display().to_string()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(builder)
}

fn headers(http: &Http) -> Result<(HeaderMap, Secrets), SetupTrouble> {
    let mut headers = HeaderMap::new();
    let mut secrets = Vec::new();
    for (name, secret) in &http.headers {
        let value = files::value(secret).map_err(|why| SetupTrouble::Value { header: name.clone(), why })?;
        let is_secret = !matches!(secret, Secret::Plain(_));
        if is_secret {
            secrets.extend(secrets_of(&value));
        }
        let unsendable = || SetupTrouble::Header(name.clone());
        let header = HeaderName::try_from(name.as_str()).map_err(|_| unsendable())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| unsendable())?;
        value.set_sensitive(is_secret);
        headers.insert(header, value);
    }
    Ok((headers, Secrets::new(secrets)))
}

/// A header's value, and what follows a scheme's name such as `Bearer`.
fn secrets_of(value: &str) -> impl Iterator<Item = String> {
    let words = value.split_whitespace().skip(1).map(str::to_owned);
    std::iter::once(value.trim().to_owned()).chain(words)
}

impl Client {
    /// A request for a page.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.http.get(url)
    }

    /// A request that changes something.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.http.post(url)
    }

    /// Reads a body up to a limit; a longer or broken one is an error in words. A server that repeats what it
    /// was sent brings no secret on screen: this is where each one is taken out of what is shown.
    pub async fn body(&self, mut response: Response, bytes_max: usize) -> Result<Printed, Clean> {
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > bytes_max => {
                    return Err(Clean::new(format!("the answer is longer than {bytes_max} bytes")));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => {
                    let raw = body.freeze();
                    return Ok(Printed { shown: self.secrets.hide(raw.clone()), raw });
                }
                Err(error) => return Err(Clean::new(format!("the answer broke off: {}", root(&error)))),
            }
        }
    }
}

/// A failure of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nothing listens there.
    Refused(Clean),
    /// It was never sent.
    NotSent(Clean),
    /// No answer in time, or the connection broke after sending.
    NoAnswer(Clean),
}

impl Failure {
    /// The failure in words.
    pub fn words(&self) -> &Clean {
        match self {
            Self::Refused(words) | Self::NotSent(words) | Self::NoAnswer(words) => words,
        }
    }

    /// The failure as a reason for a missing reading.
    pub fn absence(self) -> Absence {
        match self {
            Self::Refused(words) => Absence::Refused(words),
            Self::NotSent(words) | Self::NoAnswer(words) => Absence::Unreachable(words),
        }
    }
}

/// Sorts a request's error by what is certain about it.
pub fn failure(error: &reqwest::Error) -> Failure {
    let host = error
        .url()
        .map(|url| format!("{}:{}", url.host_str().unwrap_or("?"), url.port_or_known_default().unwrap_or(0)));
    let host = host.unwrap_or_else(|| "the server".to_owned());
    if is_refused(error) {
        return Failure::Refused(Clean::new(host));
    }
    if error.is_timeout() && !error.is_connect() {
        return Failure::NoAnswer(Clean::new(format!("{host} gave no answer in time")));
    }
    let why = root(error);
    let hint = if why.contains(UNKNOWN_ISSUER) {
        ", a CA that is not trusted here: name it with `ca` in the plan"
    } else {
        ""
    };
    let words = Clean::new(format!("{host}: {why}{hint}"));
    if error.is_connect() || error.is_builder() { Failure::NotSent(words) } else { Failure::NoAnswer(words) }
}

fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = error.source();
    }
    false
}

/// The innermost error: the one that says why.
fn root(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// An error with all its sources, outermost first.
pub fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        words.push_str(": ");
        words.push_str(&source.to_string());
        cause = source.source();
    }
    words
}

/// Whether a server refuses whoever asks.
fn is_denied(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Why an answer with this status says nothing of how a server is: it refuses whoever asks. `None` of any other.
pub fn denial(status: StatusCode, http: &Http) -> Option<&'static str> {
    let why =
        if http.has_secrets() { "it refuses the plan's credentials" } else { "the plan has no credentials for it" };
    is_denied(status).then_some(why)
}

/// Answers one request on loopback, for a test: gives what `ask` made of it, which gets the server's base URL.
#[cfg(test)]
pub async fn answered<T>(answer: &str, ask: impl AsyncFnOnce(String) -> T) -> T {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("a request");
        let _ = stream.read(&mut [0; 4096]).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
        stream.write_all((head + answer).as_bytes()).await.expect("a reader");
    };
    tokio::join!(serve, ask(base)).1
}

/// Headers with this secret, for a test; its file is deleted with the second.
#[cfg(test)]
pub fn with_secret(secret: &str) -> (Http, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, secret).expect("written");
    (Http { ca: None, headers: vec![("X-Team".to_owned(), Secret::File(file))] }, folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_secret_without_its_scheme_too() {
        let hidden = |body: &'static str| {
            let secrets = Secrets::new(secrets_of("Bearer s3cr3t"));
            String::from_utf8_lossy(&secrets.hide(body.as_bytes().into())).into_owned()
        };
        assert_eq!(hidden("no: Bearer s3cr3t, s3cr3t!"), "no: ***, ***!");
        assert_eq!(hidden("Bearer wanted"), "Bearer wanted");
    }
}
