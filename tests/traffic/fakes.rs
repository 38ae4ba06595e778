//! Servers that answer as a test tells them, and remember what they were asked.

use crate::support::{PlanText, steps};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use warroom::domain::Setting;
use warroom::plan::Plan;

/// What a server does with a request.
pub enum Reply {
    /// Sends this and goes on.
    Text(String),
    /// Sends this and closes.
    Last(String),
    /// Says nothing and keeps the connection.
    Hang,
}

/// A plan on a traffic section.
#[track_caller]
pub fn plan(traffic: String) -> Plan {
    let text = PlanText {
        name: "checkout",
        stable: "127.0.0.1:1".into(),
        candidate: "127.0.0.1:2".into(),
        traffic,
        steps: steps(&["100 %"]),
        more: String::new(),
        watch: "1h",
        advance: "manual",
    };
    warroom::plan::load(Path::new("plan.toml"), &text.text()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A setting of these weights by node and name.
pub fn setting(weights: &[(usize, &str, u32)]) -> Setting {
    let slot = |node, name: &str| warroom::domain::Slot { node, name: name.to_owned() };
    Setting(weights.iter().map(|(node, name, weight)| (slot(*node, name), *weight)).collect())
}

/// A request as it came, and the number of its connection.
#[derive(Debug, Clone)]
pub struct Seen {
    pub connection: usize,
    pub head: String,
    pub body: String,
}

impl Seen {
    pub fn is_post(&self) -> bool {
        self.head.starts_with("POST ")
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    }
}

/// An HTTP server.
pub struct HttpFake {
    pub address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl HttpFake {
    #[track_caller]
    pub fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), seen.clone());
        let address = each_connection(move |connection, stream| {
            let mut reader = BufReader::new(&stream);
            while let Some((head, body)) = request(&mut reader) {
                let request = Seen { connection, head, body };
                log.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
                if !reply(&stream, answer(&request)) {
                    return;
                }
            }
        });
        Self { address, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn posts(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_post).collect()
    }
}

/// An answer with a body.
pub fn http(status: u16, headers: &str, body: &str) -> Reply {
    Reply::Text(format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
}

/// A HAProxy runtime API that holds weights.
pub struct NodeFake {
    pub address: String,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    weights: BTreeMap<String, u32>,
    asked: Vec<String>,
}

impl NodeFake {
    /// `meddle` may answer a command in its own way; it is given how many came before. What it leaves is applied.
    #[track_caller]
    pub fn start(
        weights: &[(&str, u32)],
        meddle: impl Fn(&str, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        let held = Arc::new(Mutex::new(Held { weights, asked: Vec::new() }));
        let (meddle, node) = (Arc::new(meddle), held.clone());
        let address = each_connection(move |_, stream| {
            let mut line = String::new();
            if BufReader::new(&stream).read_line(&mut line).is_err() {
                return;
            }
            let command = line.trim().to_owned();
            let mut held = node.lock().unwrap_or_else(PoisonError::into_inner);
            let before = held.asked.len();
            held.asked.push(command.clone());
            let answer = meddle(&command, before).unwrap_or_else(|| Reply::Last(held.obey(&command)));
            drop(held);
            reply(&stream, answer);
        });
        Self { address, held }
    }

    pub fn weights(&self) -> Vec<(String, u32)> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).weights.clone().into_iter().collect()
    }

    /// The weights that were set, in their order.
    pub fn sets(&self) -> Vec<String> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let short = |command: &String| command.strip_prefix("set server app/").map(|s| s.replace(" weight ", "="));
        held.asked.iter().filter_map(short).collect()
    }
}

impl Held {
    fn obey(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        if let ["set", "server", server, "weight", weight] = words[..] {
            let name = server.trim_start_matches("app/");
            let Some(held) = self.weights.get_mut(name) else { return "No such server.\n\n".into() };
            *held = weight.parse().expect("a weight");
            return "\n".into();
        }
        let mut state = "1\n# srv_name srv_op_state srv_admin_state srv_uweight srv_iweight\n".to_owned();
        for (name, weight) in &self.weights {
            state.push_str(&format!("{name} 2 0 {weight} 0\n"));
        }
        state + "\n"
    }
}

/// Whether the connection goes on.
fn reply(mut stream: &TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Text(text) => stream.write_all(text.as_bytes()).is_ok(),
        Reply::Last(text) => {
            let _ = stream.write_all(text.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Both);
            false
        }
        Reply::Hang => {
            // Until the other side goes.
            let _ = stream.read_to_end(&mut Vec::new());
            false
        }
    }
}

/// Gives each connection, numbered from 0, to a thread of its own; they end with the test's process.
#[track_caller]
fn each_connection(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(number, stream));
        }
    });
    address
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().filter_map(|line| line.split_once(": "));
    let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, n)| n.parse()).next();
    let mut body = vec![0; length.and_then(Result::ok).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}
