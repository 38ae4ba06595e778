//! HTTP on loopback with nothing but the standard library.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

/// How long any answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// A port that nobody listens on, below those that outgoing connections take.
#[track_caller]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..10_000 {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (u16::try_from(std::process::id() % 20_000).unwrap_or(0) + offset) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port")
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        value_of(&self.headers, name)
    }
}

/// Asks once, over a connection of its own.
pub fn get(address: &str, path: &str) -> Option<Answer> {
    ask(address, "GET", path, "")
}

/// Sends a body once, over a connection of its own.
pub fn post(address: &str, path: &str, body: &str) -> Option<Answer> {
    ask(address, "POST", path, body)
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(ANSWER_WAIT)).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    Some(Answer { status, headers, body: body.to_owned() })
}

/// A request as a fixture sees it.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        value_of(&self.headers, name)
    }
}

fn value_of<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// What a fixture answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    /// The `ETag`.
    pub tag: Option<String>,
}

impl From<(u16, String)> for Reply {
    fn from((status, body): (u16, String)) -> Self {
        Self { status, body, tag: None }
    }
}

/// A small HTTP server; it stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Serves each connection on a thread of its own, one request each.
    #[track_caller]
    pub fn start<R: Into<Reply>>(answer: impl Fn(&Request) -> R + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = stopped.clone();
        let answer = Arc::new(answer);
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if seen.load(Ordering::SeqCst) {
                    return;
                }
                let answer = answer.clone();
                std::thread::spawn(move || serve(&stream, |request| answer(request).into()));
            }
        });
        Self { address, stopped, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the accept; from here on connections are refused.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(stream: &TcpStream, answer: impl Fn(&Request) -> Reply) {
    let _ = stream.set_read_timeout(Some(ANSWER_WAIT));
    let Some(request) = read_request(stream) else { return };
    let Reply { status, body, tag } = answer(&request);
    let tag = tag.map_or_else(String::new, |tag| format!("ETag: {tag}\r\n"));
    // One write: header and body apart cost 44 ms (Nagle and delayed acknowledgement).
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\n{tag}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = stream;
    let _ = stream.write_all(text.as_bytes());
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 {
            return None;
        }
        if header == "\r\n" {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let length = value_of(&headers, "Content-Length").map_or(Some(0), |length| length.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// One environment's app: health, metrics, a page that lets nobody in, everything else 200 and counted.
pub struct App {
    server: Option<Server>,
    address: SocketAddr,
    /// Whether `/health` answers 200.
    pub healthy: Arc<AtomicBool>,
    /// Requests that are not its own pages.
    pub requests: Arc<AtomicU64>,
}

impl App {
    #[track_caller]
    pub fn start() -> Self {
        let healthy = Arc::new(AtomicBool::new(true));
        let requests = Arc::new(AtomicU64::new(0));
        let (well, count) = (healthy.clone(), requests.clone());
        let server = Server::start(move |request| match request.path.as_str() {
            "/health" if well.load(Ordering::SeqCst) => (200, "{\"status\": \"ok\"}".into()),
            "/health" => (503, "{\"status\": \"down\"}".into()),
            "/closed" => (401, "who?".into()),
            "/metrics" => {
                let count = count.load(Ordering::SeqCst);
                (200, format!("# TYPE http_requests_total counter\nhttp_requests_total{{status=\"200\"}} {count}\n"))
            }
            _ => {
                count.fetch_add(1, Ordering::SeqCst);
                (200, "ok".into())
            }
        });
        let address = server.address();
        Self { server: Some(server), address, healthy, requests }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Refuses connections from here on.
    pub fn stop(&mut self) {
        self.server = None;
    }
}
