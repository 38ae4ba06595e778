//! Probes whose secrets are renewed under them, and servers that refuse whoever asks: that is no reading of anything.

use crate::fakes::{HttpFake, http, plan};
use std::path::Path;
use std::time::Duration;
use warroom::domain::{Absence, PerRole, Role, Verdict, Wall};
use warroom::engine::Health;
use warroom::plan::{Environment, Http, HttpCheck, Plan, Sampler, Secret};
use warroom::probe::{CheckProbe, HealthProbe, MetricsProbe, SampleSeen, SamplerProbe};

const LIMIT: Duration = Duration::from_secs(30);

/// Lets in whoever brings the newest token.
fn guarded() -> HttpFake {
    HttpFake::start(|request| {
        if request.header("X-Token").as_deref() != Some("second") {
            return http(401, "", "who?");
        }
        if request.head.starts_with("GET /metrics ") {
            http(200, "", "up 1\n")
        } else {
            http(200, "X-Server: b1\r\n", "{}")
        }
    })
}

fn bringing(secret: Option<Secret>) -> Http {
    Http { ca: None, headers: secret.into_iter().map(|secret| ("X-Token".to_owned(), secret)).collect() }
}

fn a_plan() -> Plan {
    plan(
        "driver = \"http\"\nurl = \"http://127.0.0.1:1\"\n[traffic.fields]\nstable = \"b\"\ncandidate = \"g\"\n"
            .to_owned(),
    )
}

fn environment(fake: &HttpFake, http: Http) -> Environment {
    let url = format!("http://{}", fake.address);
    Environment { url, http, health: "/health".to_owned(), version: None, ..a_plan().environments.candidate }
}

fn check() -> HttpCheck {
    let (role, paths, status) = (Role::Candidate, vec!["/orders".to_owned()], vec![200]);
    HttpCheck { role, paths, status, json: Vec::new(), version: None, slower_than: None }
}

fn rotate(token: &Path, to: &str) {
    std::fs::write(token, to).expect("written");
}

/// A token file is rotated at night: each probe is refused once, and goes on with the new one.
#[tokio::test]
async fn each_probe_reads_its_secrets_again_after_a_refusal() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    rotate(&token, "first\n");
    let (fake, secret) = (guarded(), bringing(Some(Secret::File(token.clone()))));
    let environment = environment(&fake, secret.clone());
    let url = |path: &str| format!("http://{}{path}", fake.address);
    let servers = PerRole { stable: vec!["b1".to_owned()], candidate: vec!["g1".to_owned()] };
    let sampler = Sampler { url: url("/"), header: "X-Server".to_owned(), servers, rate: 1.0, http: secret.clone() };
    let health = HealthProbe::new(&environment, LIMIT).expect("a probe");
    let checks = CheckProbe::new(&environment, &check(), LIMIT).expect("a probe");
    let metrics = MetricsProbe::new(&url("/metrics"), &secret, &a_plan().metrics, LIMIT).expect("a probe");
    let samples = SamplerProbe::new(&sampler, LIMIT).expect("a probe");

    // The keeper asks through clones.
    rotate(&token, "second\n");
    let Health::Unknown(why) = health.clone().ask().await else { panic!("a refusal is no reading") };
    assert_eq!(why.as_str(), "health answers 401: it refuses the plan's credentials");
    assert_eq!(health.ask().await, Health::Healthy);

    let refused = checks.clone().ask().await;
    let words = "HTTP 401: it refuses the plan's credentials";
    assert_eq!((refused.verdict, refused.detail.as_str()), (Verdict::Unknown, words));
    assert_eq!(checks.ask().await.verdict, Verdict::Pass);

    let scrape = async |probe: MetricsProbe| probe.scrape(|| Wall::from_millis(0)).await;
    let absent = scrape(metrics.clone()).await.expect_err("a refusal is no reading");
    assert_eq!(absent, Absence::Unreadable(words.into()));
    scrape(metrics).await.expect("the new token is taken");

    assert_eq!(samples.clone().ask().await, SampleSeen::ByUnknown);
    assert_eq!(samples.ask().await, SampleSeen::By(Role::Stable));
}

/// A new client would open a new connection for each refusal.
#[tokio::test]
async fn secrets_that_are_what_they_were_leave_the_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    rotate(&token, "first");
    let fake = guarded();
    let probe = HealthProbe::new(&environment(&fake, bringing(Some(Secret::File(token)))), LIMIT).expect("a probe");
    for _ in 0..6 {
        assert!(matches!(probe.ask().await, Health::Unknown(_)));
    }
    let last = fake.seen().last().expect("it was asked").connection;
    assert!(last <= 1, "{:?}", fake.seen());
}

/// The plan forgot the credentials: that says nothing of the environment, and is said as what it is. A check asks for
/// what everybody may have.
#[tokio::test]
async fn without_credentials_a_refusal_is_the_plans_mistake() {
    let fake = guarded();
    for secret in [None, Some(Secret::Plain("payments".to_owned()))] {
        let environment = environment(&fake, bringing(secret));
        let Health::Unknown(why) = HealthProbe::new(&environment, LIMIT).expect("a probe").ask().await else {
            panic!("a refusal is no reading")
        };
        assert_eq!(why.as_str(), "health answers 401: the plan has no credentials for it");
        let answer = CheckProbe::new(&environment, &check(), LIMIT).expect("a probe").ask().await;
        assert_eq!((answer.verdict, answer.detail.as_str()), (Verdict::Fail, "HTTP 401"));
    }
}
