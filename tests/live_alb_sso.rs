//! Credentials by `aws sso login`: a token in the tools' cache, and a portal that gives a role's keys for it.
//!
//! The portal is a server of ours; the SDK finds it as the AWS tools do, by `AWS_ENDPOINT_URL_SSO` or by a `services`
//! section of the profile.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod support;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use support::{Cutover, Fault, Moto, Request, Server, gate, need_moto};
use warroom::domain::Wall;

/// The session's and the start page's names, and their SHA-1: what the tools call a token's file.
const SESSION: (&str, &str) = ("night", "1be2a44cb53dde903be8466c08dee9067da8ede3");
const START: (&str, &str) = ("https://night.awsapps.com/start", "62121eba89c013b90e147b3c833e718a79252a21");
/// The words for a sign-in that has ended.
const SIGN_IN: &str = "sign in with `aws sso login --profile night`";
const HOUR: Duration = Duration::from_secs(3600);

/// How a profile says that it signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// By `sso_session`, which may renew its token by itself.
    Session,
    /// By `sso_start_url`, as it was before there were sessions.
    Legacy,
}

/// What the portal knows.
#[derive(Debug, Default)]
struct Desk {
    /// The token that it takes; what it gives for that, and how long that is good.
    open: Option<(String, &'static str, Duration)>,
    /// The refresh token that it takes, and the token that it gives for that.
    renews: Option<(&'static str, &'static str)>,
    asked: Vec<String>,
}

impl Desk {
    fn answer(&mut self, request: &Request) -> (u16, String) {
        self.asked.push(request.path.clone());
        if request.path == "/token" {
            let renewed = self.renews.filter(|(taken, _)| request.body.contains(taken));
            return match renewed {
                Some((_, token)) => {
                    if let Some((open, ..)) = &mut self.open {
                        token.clone_into(open);
                    }
                    (200, format!("{{\"accessToken\": \"{token}\", \"expiresIn\": 28800, \"tokenType\": \"Bearer\"}}"))
                }
                None => (400, "{\"error\": \"invalid_grant\"}".into()),
            };
        }
        let is_role = request.path.starts_with("/federation/credentials?")
            && request.path.contains("role_name=oncall")
            && request.path.contains("account_id=123456789012");
        let token = request.header("x-amz-sso_bearer_token");
        let open = self.open.as_ref().filter(|(open, ..)| is_role && token == Some(open));
        let Some((_, key, lasting)) = open else {
            let body = "{\"__type\": \"UnauthorizedException\", \"message\": \"Session token not found or invalid\"}";
            return (401, body.into());
        };
        let body = format!(
            "{{\"roleCredentials\": {{\"accessKeyId\": \"AKIA{key}\", \"secretAccessKey\": \"secret-{key}\", \
             \"sessionToken\": \"token-{key}\", \"expiration\": {}}}}}",
            after(*lasting).millis()
        );
        (200, body)
    }
}

/// A wall clock's time so far from now.
fn after(time: Duration) -> Wall {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Wall::from_millis((now + time).as_millis() as i64)
}

/// A cutover whose keys come from a portal.
struct Signed {
    cutover: Cutover,
    desk: Arc<Mutex<Desk>>,
    form: Form,
    _portal: Server,
}

impl Signed {
    #[track_caller]
    fn new(form: Form) -> Self {
        let mut cutover = Cutover::new(Moto::shared());
        let desk = Arc::<Mutex<Desk>>::default();
        let asked = desk.clone();
        let portal = Server::start(move |request| asked.lock().unwrap_or_else(PoisonError::into_inner).answer(request));
        let url = format!("http://{}", portal.address());
        let role = "sso_account_id = 123456789012\nsso_role_name = oncall\n";
        let where_from = format!("sso_region = us-east-1\nsso_start_url = {}\n", START.0);
        let (config, found_by) = match form {
            Form::Session => {
                let config =
                    format!("[profile night]\nsso_session = {0}\n{role}[sso-session {0}]\n{where_from}", SESSION.0);
                (config, vec![("AWS_ENDPOINT_URL_SSO", url.clone()), ("AWS_ENDPOINT_URL_SSO_OIDC", url)])
            }
            Form::Legacy => {
                let services = format!("services = local\n[services local]\nsso =\n  endpoint_url = {url}\n");
                (format!("[profile night]\n{where_from}{role}{services}"), Vec::new())
            }
        };
        let config = cutover.home.write("aws.ini", &config);
        let home = cutover.home.path().display().to_string();
        cutover.home.env = [
            ("AWS_ACCESS_KEY_ID", String::new()),
            ("AWS_SECRET_ACCESS_KEY", String::new()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_CONFIG_FILE", config.display().to_string()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent".into()),
            ("HOME", home),
        ]
        .into_iter()
        .chain(found_by)
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        cutover.change(|text| text.replace("# profile = \"prod\"", "profile = \"night\""));
        Self { cutover, desk, form, _portal: portal }
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token_file(&self) -> PathBuf {
        let name = match self.form {
            Form::Session => SESSION.1,
            Form::Legacy => START.1,
        };
        self.cutover.home.path().join(".aws/sso/cache").join(format!("{name}.json"))
    }

    /// What `aws sso login` leaves: a token with its end, and for a session what renews it.
    #[track_caller]
    fn has_token(&self, token: &str, end: Wall, renewal: &str) {
        let file = self.token_file();
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a cache");
        let text = format!(
            "{{\"startUrl\": \"{}\", \"region\": \"us-east-1\", \"accessToken\": \"{token}\", \
             \"expiresAt\": \"{}\"{renewal}}}",
            START.0,
            whole_seconds(end)
        );
        std::fs::write(file, text).expect("a token");
    }

    /// Somebody signs in, and the portal gives this key for so long.
    #[track_caller]
    fn signs_in(&self, token: &str, key: &'static str, lasting: Duration) {
        self.desk().open = Some((token.to_owned(), key, lasting));
        self.has_token(token, after(8 * HOUR), "");
    }

    /// The sign-in ends: the portal takes the token no more, and its time is over.
    #[track_caller]
    fn signs_out(&self, token: &str) {
        self.desk().open = None;
        self.has_token(token, Wall::from_millis(1_000_000_000_000), "");
    }

    /// The whole of `warroom check`.
    #[track_caller]
    fn checked(&self) -> String {
        let plan = self.cutover.plan.display().to_string();
        self.cutover.home.run(["check", &plan]).all()
    }
}

/// As the tools write it: `2026-11-25T23:51:59Z`.
fn whole_seconds(time: Wall) -> String {
    let text = Wall::from_millis(time.millis() / 1000 * 1000).to_string();
    text.replace(".000Z", "Z")
}

/// The line of a check's answer that begins with a name.
#[track_caller]
fn line(text: &str, name: &str) -> String {
    let found = text.lines().find(|line| line.contains(name));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

#[test]
fn a_session_gives_its_keys_shows_how_long_and_is_renewed_by_signing_in_again() {
    if !need_moto() {
        return;
    }
    let signed = Signed::new(Form::Session);
    signed.signs_in("the-evening", "FIRST", 2 * HOUR);
    let _console = signed.cutover.run();
    let home = &signed.cutover.home;
    home.ready();
    let credentials = |status: &serde_json::Value| {
        let gate = gate(status, "credentials");
        (gate["verdict"].clone(), gate["detail"].as_str().unwrap_or_default().to_owned())
    };
    let (verdict, words) = credentials(&home.status());
    assert_eq!(verdict, "pass");
    assert!(words.starts_with("good until ") && words.contains(", 1 h 59 min;"), "{words}");
    home.advance("alice").exits(0);

    // What is left is too short, and to renew it somebody would have to sign in again.
    signed.desk().open = Some(("the-evening".into(), "SHORT", Duration::from_secs(120)));
    signed.cutover.stage.moto.proxy.fail_where("", "Credential=AKIAFIRST/", Fault::Expired);
    home.status_when("they end too soon", |status| {
        let (verdict, words) = credentials(status);
        verdict == "fail" && words.starts_with("good until ")
    });
    signed.signs_out("the-evening");
    let status = home.status_when("what is to be done is said", |status| credentials(status).1.contains(SIGN_IN));
    let (verdict, words) = credentials(&status);
    assert_eq!(verdict, "fail");
    assert!(words.contains("good until ") && words.contains("the SSO token has expired"), "{words}");
    home.run(["advance", "--as", "alice"]).exits(1).says("aws sso login");
    assert!(home.history().contains("credentials cannot be renewed, and end at "), "{}", home.history());

    signed.signs_in("the-night", "SECOND", 2 * HOUR);
    home.status_when("it goes on without a restart", |status| credentials(status).0 == "pass");
    home.run(["rollback", "--yes", "--as", "alice"]).exits(0);
    let history = home.history();
    assert!(history.contains("credentials renewed: good until "), "{history}");
    for secret in ["secret-FIRST", "token-FIRST", "secret-SECOND", "token-SECOND", "the-evening", "the-night"] {
        assert!(!history.contains(secret), "secrets are never shown");
    }
}

/// A session that may renew its token does so by itself, and the new one is left where the tools look for it.
#[test]
fn a_session_that_can_be_renewed_asks_nobody() {
    if !need_moto() {
        return;
    }
    let signed = Signed::new(Form::Session);
    signed.desk().open = Some(("the-evening".into(), "FIRST", HOUR));
    signed.desk().renews = Some(("of-the-evening", "the-night"));
    let renewal = format!(
        ", \"clientId\": \"tools\", \"clientSecret\": \"of-the-tools\", \"refreshToken\": \"of-the-evening\", \
         \"registrationExpiresAt\": \"{}\"",
        whole_seconds(after(8 * HOUR))
    );
    signed.has_token("the-evening", Wall::from_millis(1_000_000_000_000), &renewal);
    let said = signed.checked();
    assert!(line(&said, "credentials").contains("good until "), "{said}");
    let kept = std::fs::read_to_string(signed.token_file()).expect("a token");
    assert!(kept.contains("the-night"), "{kept}");
}

#[test]
fn whatever_is_wrong_with_a_sign_in_is_said_with_what_helps() {
    if !need_moto() {
        return;
    }
    for form in [Form::Session, Form::Legacy] {
        let signed = Signed::new(form);
        let said = signed.checked();
        assert!(line(&said, "credentials").contains(SIGN_IN), "{form:?}, nobody ever signed in: {said}");
        assert_eq!(signed.desk().asked.len(), 0, "{form:?}");

        signed.signs_in("the-evening", "FIRST", 2 * HOUR);
        let said = signed.checked();
        assert!(line(&said, "credentials").contains("good until "), "{form:?}: {said}");
        assert!(line(&said, "balancer").contains("0%"), "{form:?}: read with them: {said}");

        // Its time is not over, and the portal knows it no more: somebody signed out elsewhere.
        signed.desk().open = None;
        let said = signed.checked();
        let words = line(&said, "credentials");
        assert!(words.contains("Session token not found") && words.contains(SIGN_IN), "{form:?}: {said}");
        assert!(!said.contains("the-evening"), "{said}");
    }
}
