//! Health and HTTP checks: status, JSON fields, version, latency.

#![expect(clippy::disallowed_methods, reason = "how long an answer took is measured where it is asked")]

use crate::domain::{Clean, Printed, Verdict};
use crate::engine::{CheckAnswer, Health};
use crate::plan::{Environment, Http, HttpCheck};
use crate::remote::{self, ANSWER_BYTES_MAX, Client, Failure, Found, Keep, Renewing, SetupError, UNSAYABLE};
use reqwest::StatusCode;
use std::time::{Duration, Instant};

/// Where a health answer gives its version, by custom.
const VERSION_POINTER: &str = "/version";

/// Polls one environment's health.
#[derive(Debug, Clone)]
pub struct HealthProbe {
    client: Renewing<Client>,
    http: Http,
    url: String,
    version: Option<Clean>,
}

impl HealthProbe {
    /// A probe of an environment's own health path.
    pub fn new(environment: &Environment, timeout: Duration) -> Result<Self, SetupError> {
        Ok(Self {
            client: remote::renewing(&environment.url, &environment.http, timeout, Keep::Alive)?,
            http: environment.http.clone(),
            url: format!("{}{}", environment.url, environment.health),
            version: environment.version.clone(),
        })
    }

    /// Asks once.
    pub async fn ask(&self) -> Health {
        let (status, body) = match get(&self.client, &self.url).await {
            Ok(answer) => answer,
            Err(Failure::Refused(host)) => return Health::Failing(Clean::new(format!("{host} refuses connections"))),
            Err(failure) => return Health::Unknown(failure.words().clone()),
        };
        // Who is let in is no matter of how an environment is.
        if let Some(why) = remote::denial(status, &self.http) {
            return Health::Unknown(Clean::new(format!("health answers {}: {why}", status.as_u16())));
        }
        if status != StatusCode::OK {
            return Health::Failing(Clean::new(format!("health answers {}", status.as_u16())));
        }
        let Some(expected) = &self.version else { return Health::Healthy };
        let version = |answer: &[u8]| -> Option<String> {
            let found = remote::look_at(answer, VERSION_POINTER).ok()?;
            found.as_str().map(str::to_owned)
        };
        if version(&body.raw).as_deref() == Some(expected.as_str()) {
            return Health::Healthy;
        }
        match version(&body.shown) {
            Some(version) => Health::Failing(Clean::new(format!("version {version}, expected {expected}"))),
            // Something else may answer there: a proxy's own page, another service, an old release.
            None => Health::Failing(Clean::new(format!("the answer has no version, expected {expected}"))),
        }
    }
}

/// Asks one HTTP check.
#[derive(Debug, Clone)]
pub struct CheckProbe {
    client: Renewing<Client>,
    http: Http,
    base: String,
    version: Option<Clean>,
    plan: HttpCheck,
}

impl CheckProbe {
    /// A probe for one check of the plan.
    pub fn new(environment: &Environment, plan: &HttpCheck, timeout: Duration) -> Result<Self, SetupError> {
        Ok(Self {
            client: remote::renewing(&environment.url, &environment.http, timeout, Keep::Alive)?,
            http: environment.http.clone(),
            base: environment.url.clone(),
            version: environment.version.clone(),
            plan: plan.clone(),
        })
    }

    /// Asks every path once; the worst answer is the check's.
    pub async fn ask(&self) -> CheckAnswer {
        let mut details = Vec::new();
        let mut raw = Vec::new();
        let mut worst = Verdict::Pass;
        for path in &self.plan.paths {
            let (verdict, detail, received) = self.ask_path(path).await;
            worst = worst.max(verdict);
            let several = self.plan.paths.len() > 1;
            if verdict != Verdict::Pass || details.is_empty() || !several {
                details.push(if several && verdict != Verdict::Pass { format!("{path}: {detail}") } else { detail });
            }
            raw.push(format!("GET {path} -> {received}"));
        }
        if worst != Verdict::Pass && details.len() > 1 {
            details.retain(|detail| detail.contains(": "));
        }
        CheckAnswer { verdict: worst, detail: Clean::new(details.join("; ")), raw: Clean::new(raw.join("  ")) }
    }

    async fn ask_path(&self, path: &str) -> (Verdict, String, String) {
        let asked = Instant::now();
        let (status, body) = match get(&self.client, &format!("{}{path}", self.base)).await {
            Ok(answer) => answer,
            Err(Failure::Refused(host)) => {
                return (Verdict::Fail, format!("{host} refuses connections"), "refused".into());
            }
            Err(failure) => return (Verdict::Unknown, failure.words().to_string(), failure.words().to_string()),
        };
        let took = asked.elapsed();
        let code = status.as_u16();
        let received = format!("{code} {}", Clean::from_bytes(&body.shown));
        if !self.plan.status.contains(&code) {
            // A check that brings no credentials asks what everybody may.
            return match remote::denial(status, &self.http).filter(|_| self.http.has_secrets()) {
                Some(why) => (Verdict::Unknown, format!("HTTP {code}: {why}"), received),
                None => (Verdict::Fail, format!("HTTP {code}"), received),
            };
        }
        match body.read(|answer| self.judge_json(answer), || UNSAYABLE.to_owned()) {
            Err(why) => (Verdict::Fail, why, received),
            Ok(words) => match self.plan.slower_than {
                Some(limit) if took > limit => {
                    (Verdict::Fail, format!("took {} ms > {} ms", took.as_millis(), limit.as_millis()), received)
                }
                _ => (Verdict::Pass, format!("{code}{words} {} ms", took.as_millis()), received),
            },
        }
    }

    fn judge_json(&self, body: &[u8]) -> Result<String, String> {
        if self.plan.json.is_empty() && self.plan.version.is_none() {
            return Ok(String::new());
        }
        let look = |pointer: &str| {
            remote::look_at(body, pointer).map_err(|error| format!("the answer cannot be read: {error}"))
        };
        for (pointer, expected) in &self.plan.json {
            match look(pointer)? {
                Found::Leaf(found) if found == *expected => {}
                Found::Leaf(found) => return Err(format!("{pointer} is {found}, not {expected}")),
                Found::Branch => return Err(format!("{pointer} is a list or an object, not {expected}")),
                Found::Nothing => return Err(format!("{pointer} is missing")),
            }
        }
        match (&self.plan.version, &self.version) {
            (Some(pointer), Some(expected)) => match look(pointer)?.as_str() {
                Some(found) if found == expected.as_str() => Ok(format!(" v{found}")),
                Some(found) => Err(format!("version {found}, expected {expected}")),
                None => Err(format!("{pointer} is missing")),
            },
            (Some(_), None) => Err("the plan gives this environment no version to compare with".into()),
            (None, _) => Ok(String::new()),
        }
    }
}

async fn get(client: &Renewing<Client>, url: &str) -> Result<(StatusCode, Printed), Failure> {
    let now = client.now();
    let response = now.get(url).send().await.map_err(|error| remote::failure(&error))?;
    let status = response.status();
    let body = now.body(response, ANSWER_BYTES_MAX).await.map_err(Failure::NoAnswer)?;
    client.hear(&[status]).await;
    Ok((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::load;
    use std::io::{Read as _, Write as _};
    use std::path::Path;

    /// What the probe says of one answer on loopback; the demo's plan expects version 2.1.0 of its candidate.
    fn health_of(answer: &'static str) -> Health {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let plan = load(Path::new("demo.toml"), include_str!("../../config/demo.toml")).expect("the demo's plan");
        let mut environment = plan.environments.candidate.clone();
        environment.url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            let _ = stream.write_all((head + answer).as_bytes());
        });
        let probe = HealthProbe::new(&environment, Duration::from_secs(5)).expect("a probe");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let health = runtime.block_on(probe.ask());
        serving.join().expect("served");
        health
    }

    #[test]
    fn an_answer_without_the_planned_version_is_not_healthy() {
        assert_eq!(health_of(r#"{"status":"ok","version":"2.1.0"}"#), Health::Healthy);
        for (answer, why) in [
            (r#"{"version":"2.0.5"}"#, "version 2.0.5, expected 2.1.0"),
            (r#"{"status":"ok"}"#, "the answer has no version, expected 2.1.0"),
            (r#"{"version":2.1}"#, "has no version"),
            ("OK", "has no version"),
            ("", "has no version"),
        ] {
            let Health::Failing(said) = health_of(answer) else { panic!("{answer:?} passes") };
            assert!(said.as_str().contains(why), "{answer:?}: {said}");
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_a_word_of_the_answer_does_not_make_it_unhealthy() {
        let plan = load(Path::new("demo.toml"), include_str!("../../config/demo.toml")).expect("the demo's plan");
        let asked = async |secret: &str, answer: &str| {
            let (http, _folder) = remote::with_secret(secret);
            let environment = |url| Environment { url, http: http.clone(), ..plan.environments.candidate.clone() };
            let check = HttpCheck {
                role: crate::domain::Role::Candidate,
                paths: vec!["/health".to_owned()],
                status: vec![200],
                json: vec![("/status".to_owned(), "ok".into())],
                version: Some("/version".to_owned()),
                slower_than: None,
            };
            let limit = Duration::from_secs(30);
            let health = async |url| HealthProbe::new(&environment(url), limit).expect("a probe").ask().await;
            let checked = async |url| CheckProbe::new(&environment(url), &check, limit).expect("a probe").ask().await;
            (remote::answered(answer, health).await, remote::answered(answer, checked).await)
        };
        for secret in ["version", "status\"", "2.1.0"] {
            let (health, check) = asked(secret, r#"{"status":"ok","version":"2.1.0"}"#).await;
            assert_eq!((health, check.verdict), (Health::Healthy, Verdict::Pass), "{secret}: {}", check.detail);
        }
        // What is said of an answer that is not as planned has no secret in it.
        for bad in [r#"{"status":"s3cr3t","version":"s3cr3t"}"#, r#"{"status":"ok","version":"s3cr3t"}"#, "s3cr3t"] {
            let (health, check) = asked("s3cr3t", bad).await;
            let Health::Failing(why) = health else { panic!("{bad:?} passes") };
            assert_eq!(check.verdict, Verdict::Fail);
            let said = format!("{why} {} {}", check.detail, check.raw);
            assert!(!said.contains("s3cr3t") && said.contains("***"), "{said}");
        }
    }
}
