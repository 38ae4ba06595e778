//! The percentage API of the embedded world, a process of its own.

use crate::bench::{Bench, Door};
use crate::door::{Manner, Wire, http_answer, http_message};
use crate::support::{Home, World, get, post};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use warroom::domain::{Setting, Slot};

const SIDES: [&str; 2] = ["blue", "green"];
const WEIGHTS_PER_PERCENT: f64 = 1000.0;

pub struct Http {
    door: Wire<Page>,
    world: World,
    _home: Home,
}

/// Reads are `GET`. Half a write sets the candidate's side and leaves stable's as it was.
struct Page {
    world: String,
    /// What stable still has on a balancer that was only told of the candidate.
    left: Mutex<Option<Value>>,
}

impl Page {
    fn left(&self) -> std::sync::MutexGuard<'_, Option<Value>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the balancer holds of each side.
    fn held(&self) -> Option<BTreeMap<String, Value>> {
        let mut held = serde_json::from_str(&get(&self.world, "/api/status")?.body).ok()?;
        self.show(&mut held);
        Some(held)
    }

    fn show(&self, held: &mut BTreeMap<String, Value>) {
        if let Some(left) = &*self.left() {
            held.insert(SIDES[0].to_owned(), left.clone());
        }
    }
}

impl Manner for Page {
    fn message(&self, reader: &mut BufReader<&TcpStream>) -> Option<String> {
        http_message(reader)
    }

    fn answer(&self, reader: &mut BufReader<&TcpStream>) -> Option<String> {
        http_message(reader)
    }

    fn part(&self, _place: usize, message: &str) -> Option<usize> {
        message.starts_with("POST ").then_some(0)
    }

    fn half(&self, _part: usize, _message: &str, pass: &dyn Fn() -> Option<String>) -> Option<String> {
        let before = self.held()?.remove(SIDES[0])?;
        pass()?;
        *self.left() = Some(before);
        Some(http_answer("HTTP/1.1 500 X\r\n\r\n", |_| "blue was not told".into()))
    }

    fn shown(&self, message: &str, answer: String) -> String {
        if self.part(0, message).is_some() {
            *self.left() = None;
            return http_answer(&answer, str::to_owned);
        }
        http_answer(&answer, |body| {
            let Ok(mut held) = serde_json::from_str(body) else { return body.to_owned() };
            self.show(&mut held);
            json!(held).to_string()
        })
    }

    fn goes_on(&self) -> bool {
        true
    }
}

impl Bench for Http {
    const HALF: &'static str = "blue was not told";

    fn start() -> Option<Self> {
        let home = Home::new();
        let world = World::start(&home, "healthy", "1", "0");
        let page = Page { world: world.proxy.clone(), left: Mutex::new(None) };
        Some(Self { door: Wire::start(page, std::slice::from_ref(&world.proxy)), world, _home: home })
    }

    fn traffic(&self, keys: &str) -> String {
        format!(
            "driver = \"http\"\nurl = \"http://{}\"\n{keys}[traffic.fields]\nstable = \"{}\"\ncandidate = \"{}\"\n\
             [traffic.extra]\nstrategy = \"percentage\"\n",
            self.door.address(0),
            SIDES[0],
            SIDES[1]
        )
    }

    fn truth(&self) -> Setting {
        let held = self.door.manner().held().expect("the world answers");
        let weight = |name: &str| (held[name].as_f64().expect("a number") * WEIGHTS_PER_PERCENT).round() as u32;
        Setting(SIDES.map(|name| (Slot { node: 0, name: name.to_owned() }, weight(name))).into())
    }

    /// What its answer says besides.
    fn rest(&self) -> String {
        let mut held = self.door.manner().held().expect("the world answers");
        held.retain(|name, _| !SIDES.contains(&name.as_str()));
        format!("{held:?}")
    }

    fn set(&self, setting: &Setting) {
        let percent = |name: &str| f64::from(setting.0[&Slot { node: 0, name: name.to_owned() }]) / WEIGHTS_PER_PERCENT;
        let body = json!({SIDES[0]: percent(SIDES[0]), SIDES[1]: percent(SIDES[1])});
        let answer = post(&self.world.proxy, "/api/traffic", &body.to_string()).expect("the world answers");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn door(&self) -> &dyn Door {
        &self.door
    }
}
