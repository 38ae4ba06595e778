//! Hazard 35: what a shared screen must not show.

use crate::WHOLE;
use crate::shots::{ASCII, Shot, UNICODE, auto_held, shot};
use warroom::console::desk::Input;
use warroom::domain::Clean;
use warroom::domain::Person;

/// People, hosts and addresses in every field that holds text from elsewhere.
fn seeded() -> warroom::wire::Status {
    let words =
        "by mallory (mal, unverified) from 10.9.8.7:8404 via http://u:pw@db7.internal/x at web-07 [fe80::9%eth0]";
    let mut status = auto_held();
    let snapshot = &mut status.snapshot;
    let mallory = Person::claimed("mallory", "mal");
    snapshot.people.driver = Some(mallory.clone());
    snapshot.people.consoles.push((mallory.clone(), warroom::domain::Rights::Full));
    snapshot.band.text = Clean::new(words);
    snapshot.band.parts.clear();
    snapshot.rollback_target.words = Clean::new(words);
    snapshot.journal_trouble = Some(Clean::new(words));
    for check in &mut snapshot.checks {
        check.detail = Clean::new(words);
        check.raw = Clean::new(format!("{{\"host\":\"db7.internal\",\"ip\":\"10.9.8.7\"}} {words}").repeat(3));
        check.asks = Clean::new(words);
    }
    for gate in &mut snapshot.gates {
        gate.detail = Clean::new(words);
    }
    for entry in &mut snapshot.log {
        entry.text = Clean::new(words);
        entry.by = Some(mallory.clone());
    }
    if let Some(held) = &mut snapshot.held {
        held.why = Clean::new(words);
    }
    status
}

const SEEDED: [&str; 8] = ["mallory", "mal", "10.9.8.7", "db7.internal", "db7", "web-07", "fe80", "u:pw"];

#[test]
fn hazard_35_privacy_covers_people_hosts_and_addresses_in_every_panel() {
    let mut seen_without = 0;
    for keys in
        ["", "R", "A", "T", "?", "4\n", "k\n", "kkk", "e", "/mallory", ":note 10.9.8.7 is mallory", ":note\nmallory"]
    {
        for private in [false, true] {
            let mut shot = Shot::from_status("private", seeded());
            shot.desk.private = private;
            shot.desk.me = Some(Person::verified("mallory"));
            let shot = shot
                .input(Input::Notice("keeper of mallory died on web-07".to_owned()))
                .input(Input::Direct("direct: http://u:pw@db7.internal says 10.9.8.7".to_owned()))
                .keys(keys);
            for (width, height) in WHOLE.into_iter().chain([(60, 20), (40, 8), (30, 7), (100, 30)]) {
                for look in [UNICODE, ASCII] {
                    let text = shot.text(width, height, look);
                    let words = |word: &str| text.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
                    let seen: Vec<_> = SEEDED
                        .iter()
                        .filter(|name| if name.contains(['.', '-', ':']) { text.contains(**name) } else { words(name) })
                        .collect();
                    seen_without += usize::from(!private && !seen.is_empty());
                    assert!(!private || seen.is_empty(), "{keys:?} at {width}x{height}: {seen:?}\n{text}");
                    assert!(!private || text.contains("checkout") || height < 10, "what is driven is hidden\n{text}");
                }
            }
        }
    }
    assert!(seen_without > 100, "the names are not even there without it: {seen_without}");
}

/// Who ran a program and who approved a step that is passed are named nowhere else; what the program is called stays.
#[test]
fn hazard_35_privacy_covers_who_ran_a_hook_and_who_approved_a_step() {
    let mut seen_without = 0;
    for state in ["hook_running", "hook_two_running"] {
        let mut status = shot(state).status.expect("status");
        for hook in &mut status.snapshot.hooks {
            hook.by = Some("zelda".into());
            hook.name = Clean::new(hook.name.as_str().replace("smoke", "smoke.v2"));
        }
        status.snapshot.steps[0].approval = Some(("dba".into(), Some("oscar".into())));
        for entry in &mut status.snapshot.log {
            (entry.by, entry.text) = (None, "a line".into());
        }
        for keys in ["", "22"] {
            for private in [false, true] {
                let mut shot = Shot::from_status("private", status.clone());
                shot.desk.private = private;
                let shot = shot.keys(keys);
                for (width, height) in WHOLE {
                    let text = shot.text(width, height, UNICODE);
                    let is_seen = text.contains("zelda") || text.contains("oscar");
                    seen_without += usize::from(!private && is_seen);
                    assert!(!private || !is_seen, "{state} {keys:?} at {width}x{height}\n{text}");
                    assert!(
                        keys == "22" || text.contains("smoke.v2"),
                        "{state} {keys:?} at {width}x{height}: its name\n{text}"
                    );
                }
            }
        }
    }
    assert!(seen_without > 15, "the names are not even there without it: {seen_without}");
}
