//! A percentage API that hangs, forgets connections, insists on tags and says nonsense.

use crate::fakes::{HttpFake, Reply, Seen, http, plan, setting};
use crate::support::{self, wait_until};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use warroom::domain::Setting;
use warroom::engine::WriteResult;
use warroom::traffic::{Traffic, connect};

const ALL_BLUE: &str = r#"{"blue": 100.0, "green": 0.0}"#;

fn section(address: &str, more: &str) -> String {
    format!(
        "driver = \"http\"\nurl = \"http://{address}\"\ntimeout = \"3s\"\n{more}[traffic.fields]\nstable = \"blue\"\ncandidate = \"green\"\n"
    )
}

fn driver(fake: &HttpFake) -> Arc<dyn Traffic> {
    connect(&plan(section(&fake.address, ""))).expect("a driver")
}

fn back() -> Setting {
    setting(&[(0, "blue", 100_000), (0, "green", 0)])
}

fn forward() -> Setting {
    setting(&[(0, "blue", 90_000), (0, "green", 10_000)])
}

fn good(request: &Seen) -> Reply {
    if request.is_post() { http(200, "", "{}") } else { http(200, "", ALL_BLUE) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_hangs_is_not_in_the_way_of_a_way_back() {
    let reads = AtomicUsize::new(0);
    let fake = HttpFake::start(move |request| {
        let hangs = !request.is_post() && reads.fetch_add(1, Ordering::SeqCst) >= 2;
        if hangs { Reply::Hang } else { good(request) }
    });
    let driver = driver(&fake);
    for _ in 0..2 {
        driver.read().await.setting().expect("a read that warms a connection");
    }
    let hanging = tokio::spawn({
        let driver = driver.clone();
        async move { driver.read().await }
    });
    wait_until("the third read hangs", || fake.seen().len() == 3);
    assert_eq!(driver.write(back(), None).await, WriteResult::Accepted);
    let (read, post) = (fake.seen()[2].connection, fake.posts()[0].connection);
    assert_ne!(read, post);
    assert!(post < 2, "the way back opened a connection of its own: {:?}", fake.seen());
    hanging.abort();
}

/// A router forgot the connection: what is sent over it is never answered, and a new one works.
#[tokio::test]
async fn a_way_back_over_a_dead_connection_is_sent_again_over_a_new_one() {
    let fake = HttpFake::start(
        |request| {
            if request.is_post() && request.connection < 2 { Reply::Hang } else { good(request) }
        },
    );
    let driver = driver(&fake);
    for _ in 0..2 {
        driver.read().await.setting().expect("a read that warms a connection");
    }
    assert_eq!(driver.write(back(), None).await, WriteResult::Accepted);
    let posts = fake.posts();
    assert_eq!(posts.len(), 2, "{posts:?}");
    assert!(posts[0].connection < 2 && posts[1].connection == 2, "{posts:?}");
    assert_eq!(posts[0].body, posts[1].body);
}

#[tokio::test]
async fn a_way_back_that_nobody_answers_is_unknown_and_a_step_forward_is_sent_once() {
    let fake = HttpFake::start(|_| Reply::Hang);
    let driver = driver(&fake);
    assert!(matches!(driver.write(back(), None).await, WriteResult::Unknown(_)));
    assert_eq!(fake.posts().len(), 2);
    assert!(matches!(driver.write(forward(), None).await, WriteResult::Unknown(_)));
    assert_eq!(fake.posts().len(), 3);
}

#[tokio::test]
async fn a_balancer_that_insists_on_a_tag_is_given_one_on_the_way_back() {
    for status in [428, 412] {
        let fake = HttpFake::start(move |request| match (request.is_post(), request.header("If-Match").as_deref()) {
            // What it says besides must not matter.
            (false, _) => http(200, "ETag: \"v7\"\r\n", "{\"blue\": \"?\"}"),
            (true, Some("\"v7\"")) => http(200, "", "{}"),
            (true, _) => http(status, "", "which version?"),
        });
        let driver = driver(&fake);
        assert_eq!(driver.write(back(), None).await, WriteResult::Accepted, "{status}");
        assert_eq!(fake.posts().len(), 2);
        let result = driver.write(forward(), None).await;
        assert!(matches!(result, WriteResult::Refused(_)), "{status}: {result:?}");
        assert_eq!(fake.posts().len(), 3, "a step forward is the person's to repeat");
    }
}

/// The first is never answered, the second over a new connection is refused for want of a tag.
#[tokio::test]
async fn a_tag_is_asked_for_also_where_one_of_two_ways_back_is_unanswered() {
    for tag in ["ETag: \"v7\"\r\n", ""] {
        let fake = HttpFake::start(move |request| match (request.is_post(), request.header("If-Match").as_deref()) {
            (false, _) => http(200, tag, ALL_BLUE),
            (true, Some("\"v7\"")) => http(200, "", "{}"),
            (true, _) if request.connection < 2 => Reply::Hang,
            (true, _) => http(428, "", "tag!"),
        });
        let driver = driver(&fake);
        for _ in 0..2 {
            driver.read().await.setting().expect("a read that warms a connection");
        }
        let result = driver.write(back(), None).await;
        // Without one nobody knows what the first came to.
        let is_unknown = matches!(&result, WriteResult::Unknown(why) if why.as_str().contains("gives none"));
        assert!(if tag.is_empty() { is_unknown } else { result == WriteResult::Accepted }, "{tag:?}: {result:?}");
        assert_eq!(fake.posts().len(), if tag.is_empty() { 2 } else { 3 });
    }
}

#[tokio::test]
async fn a_tag_that_cannot_be_had_is_said() {
    let fake = HttpFake::start(|request| if request.is_post() { http(428, "", "tag!") } else { good(request) });
    let result = driver(&fake).write(back(), None).await;
    assert!(
        matches!(&result, WriteResult::Refused(why) if why.as_str().contains("tag!") && why.as_str().contains("gives none")),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_secret_that_was_renewed_is_read_again_after_a_refusal() {
    let fake = HttpFake::start(|request| {
        let is_in = request.header("X-Token").as_deref() == Some("second");
        if is_in { good(request) } else { http(401, "", "who?") }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "first\n").expect("a file");
    let headers = format!("headers = {{ X-Token = {{ file = \"{}\" }} }}\n", token.display());
    let driver = connect(&plan(section(&fake.address, &headers))).expect("a driver");
    let refused = driver.write(back(), None).await;
    assert!(matches!(&refused, WriteResult::Refused(why) if why.as_str().contains("401")), "{refused:?}");
    std::fs::write(&token, "second\n").expect("a file");
    // A read that is refused reads the secrets again as well: it comes before most rollbacks.
    driver.read().await.setting().expect_err("the old secret");
    driver.read().await.setting().expect("the new secret");
    assert_eq!(driver.write(back(), None).await, WriteResult::Accepted);
    // A secret that is gone leaves the one that was read.
    std::fs::remove_file(&token).expect("removed");
    assert_eq!(driver.write(back(), None).await, WriteResult::Accepted);
}

#[tokio::test]
async fn what_is_no_reading_is_an_error_in_words() {
    let huge = format!("{{\"blue\": 100.0, \"green\": 0.0, \"more\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let cases: Vec<(Reply, &str)> = vec![
        (http(200, "Content-Type: text/html\r\n", "<html>Log in to the WiFi</html>"), "cannot be read"),
        (http(204, "", ""), "answers 204"),
        (http(302, "Location: /elsewhere\r\n", ""), "answers 302"),
        (http(500, "", "oops"), "answers 500: oops"),
        (http(200, "Content-Encoding: gzip\r\n", "\u{1f}\u{8b}\u{8}\u{0}"), "cannot be read"),
        (http(200, "", &huge), "longer than"),
        (Reply::Last("HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"blue\"".into()), "broke off"),
        (Reply::Last(String::new()), "closed"),
        (Reply::Last("-ERR what?\n".into()), "HTTP"),
        (http(200, "", r#"{"blue": 60, "green": 60}"#), "do not make 100"),
        (http(200, "", r#"{"blue": "100", "green": 0}"#), "no number"),
        (http(200, "", r#"{"blue": 100}"#), "no number"),
        (http(200, "", r#"{"blue": 101, "green": -1}"#), "not a percentage"),
        (http(200, "", r#"{"blue": NaN, "green": 0}"#), "cannot be read"),
    ];
    for (answer, words) in cases {
        let text = match &answer {
            Reply::Text(text) | Reply::Last(text) => text.chars().take(80).collect::<String>(),
            Reply::Hang => unreachable!("no such case"),
        };
        let answer = std::sync::Mutex::new(Some(answer));
        let fake = HttpFake::start(move |_| answer.lock().expect("sound").take().unwrap_or(Reply::Hang));
        let state = driver(&fake).read().await;
        let why = state.setting().expect_err(&text).as_str().to_owned();
        assert!(why.contains(words), "{text:?}: {why}");
        assert_eq!(fake.seen().len(), 1, "{text:?} is followed nowhere");
    }
}

#[tokio::test]
async fn a_redirected_write_is_not_done() {
    let fake = HttpFake::start(|_| http(307, "Location: /api/other\r\n", ""));
    let driver = driver(&fake);
    for (setting, posts) in [(forward(), 1), (back(), 2)] {
        let result = driver.write(setting, None).await;
        assert!(matches!(&result, WriteResult::Unknown(why) if why.as_str().contains("307")), "{result:?}");
        assert_eq!(fake.posts().len(), posts, "and followed nowhere");
    }
}

#[tokio::test]
async fn no_compression_is_asked_for() {
    let fake = HttpFake::start(good);
    driver(&fake).read().await.setting().expect("a reading");
    assert_eq!(fake.seen()[0].header("Accept-Encoding"), None, "{:?}", fake.seen());
}

#[test]
fn the_environments_proxies_are_not_used() {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = asked.clone();
    let proxy = HttpFake::start(move |_| {
        seen.store(true, Ordering::SeqCst);
        http(200, "", r#"{"blue": 1, "green": 99}"#)
    });
    let site = support::Site::new();
    let mut plan = site.plan();
    plan.more = "[[checks]]\nname = \"lb\"\nkind = \"balancer\"\n".into();
    let plan = site.write(&plan);
    let mut command = site.home.command([Path::new("check"), &plan]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"] {
        command.env(name, format!("http://{}", proxy.address));
    }
    support::Running::start(&mut command).finish().exits(0).says("lb");
    assert!(!asked.load(Ordering::SeqCst), "the proxy was asked");
}

#[test]
fn a_client_that_cannot_be_made_says_for_what_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, "this is no certificate\n").expect("a file");
    let error = |more: &str| match connect(&plan(section("lb.example", more))) {
        Ok(_) => panic!("{more} is taken"),
        Err(error) => error.to_string(),
    };
    let empty = error(&format!("ca = \"{}\"\n", ca.display()));
    assert!(empty.contains("http://lb.example") && empty.contains("holds no certificate"), "{empty}");
    let missing = error("headers = { X-Token = { file = \"/nonexistent/token\" } }\n");
    assert!(missing.contains("http://lb.example") && missing.contains("/nonexistent/token"), "{missing}");
}
