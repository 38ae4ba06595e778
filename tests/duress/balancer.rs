//! A balancer that keeps connections and knows when each request's first byte came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The fixture.
pub struct Balancer {
    pub address: String,
    heard: Arc<Heard>,
}

/// A request that sets something.
#[derive(Debug, Clone, Copy)]
pub struct Post {
    /// When its first byte came.
    pub at: Instant,
    /// When its connection was made.
    pub accepted: Instant,
}

#[derive(Default)]
struct Heard {
    green: Mutex<f64>,
    posts: Mutex<Vec<Post>>,
    mute: AtomicBool,
}

impl Balancer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let heard = Arc::new(Heard::default());
        let all = heard.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (heard, accepted) = (all.clone(), Instant::now());
                std::thread::spawn(move || while serve(&stream, accepted, &heard).is_some() {});
            }
        });
        Self { address, heard }
    }

    pub fn set(&self, green: f64) {
        *self.heard.green.lock().unwrap_or_else(PoisonError::into_inner) = green;
    }

    pub fn green(&self) -> f64 {
        *self.heard.green.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn posts(&self) -> Vec<Post> {
        self.heard.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn forget(&self) {
        self.heard.posts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether writes are swallowed without an answer.
    pub fn mute(&self, mute: bool) {
        self.heard.mute.store(mute, Ordering::SeqCst);
    }
}

/// One request of a connection; `None` at its end.
fn serve(stream: &TcpStream, accepted: Instant, heard: &Heard) -> Option<()> {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    let at = {
        reader.fill_buf().ok().filter(|bytes| !bytes.is_empty())?;
        Instant::now()
    };
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if first.starts_with("POST") {
        heard.posts.lock().unwrap_or_else(PoisonError::into_inner).push(Post { at, accepted });
        if heard.mute.load(Ordering::SeqCst) {
            // Said nothing, until whoever asked has gone.
            return reader.fill_buf().ok().filter(|bytes| !bytes.is_empty()).map(|_| ());
        }
        let asked: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(green) = asked["green"].as_f64() {
            *heard.green.lock().unwrap_or_else(PoisonError::into_inner) = green;
        }
    }
    let green = *heard.green.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = format!("{{\"blue\": {}, \"green\": {green}}}", 100.0 - green);
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
        answer.len()
    );
    let mut stream = stream;
    stream.write_all(text.as_bytes()).ok()
}
