//! A proxy before moto that knows which call is made, and can be made to fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the proxy does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answers this status with no AWS code.
    Status(u16),
    /// Answers as AWS throttles.
    Throttle,
    /// Answers that this list of actions cannot be.
    Refuse,
    /// Answers that the token has expired.
    Expired,
    /// Answers 200 with a page.
    Html,
    /// Answers half of what moto said, and says that this is all.
    Cut,
    /// Leaves the weights out.
    NoWeights,
    /// Answers with this in place of that.
    Replace(&'static str, &'static str),
    /// Answers one rule or listener a page, as AWS does with many.
    Pages,
    /// Has moto do it, and never tells.
    Silent,
    /// Never tells anybody.
    Lost,
}

/// Calls and what is done to them.
#[derive(Default)]
struct Book {
    faults: Vec<(&'static str, Option<&'static str>, Fault)>,
    calls: Vec<Call>,
}

/// A call that came to the proxy.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its name, such as `ModifyRule`.
    pub action: String,
    pub body: String,
    /// The number of the connection that it came over.
    pub connection: usize,
    pub came: Instant,
    /// When its answer was written, if it was.
    pub answered: Option<Instant>,
}

/// A proxy that knows which call is made.
pub struct Proxy {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    stopped: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Proxy {
    #[track_caller]
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (book, stopped) = (Arc::<Mutex<Book>>::default(), Arc::<AtomicBool>::default());
        let (calls, seen) = (book.clone(), stopped.clone());
        let thread = std::thread::spawn(move || {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept() else { return };
                if seen.load(Ordering::SeqCst) {
                    return;
                }
                let (calls, seen) = (calls.clone(), seen.clone());
                std::thread::spawn(move || pass((&stream, connection), to, &calls, &seen));
            }
        });
        Self { address, book, stopped, thread: Some(thread) }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From here on calls whose name begins so fail so.
    pub fn fail(&self, action: &'static str, fault: Fault) {
        self.book().faults.push((action, None, fault));
    }

    /// Only those that also have this in their body or their head.
    pub fn fail_where(&self, action: &'static str, names: &'static str, fault: Fault) {
        self.book().faults.push((action, Some(names), fault));
    }

    /// Everything works again.
    pub fn mend(&self) {
        self.book().faults.clear();
    }

    /// The calls so far whose name begins so.
    pub fn calls(&self, action: &str) -> usize {
        self.book().calls.iter().filter(|call| call.action.starts_with(action)).count()
    }

    /// All calls so far.
    pub fn log(&self) -> Vec<Call> {
        self.book().calls.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves one connection for as long as it is kept.
fn pass((stream, connection): (&TcpStream, usize), to: u16, book: &Mutex<Book>, stopped: &AtomicBool) {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = read_message(&mut reader) {
        let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default().to_owned();
        let (number, fault) = {
            let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
            let meant = |(name, names, _): &&(&str, Option<&str>, Fault)| {
                action.starts_with(name) && names.is_none_or(|names| body.contains(names) || head.contains(names))
            };
            let fault = book.faults.iter().find(meant).map(|(_, _, fault)| *fault);
            book.calls.push(Call { action, body: body.clone(), connection, came: Instant::now(), answered: None });
            (book.calls.len() - 1, fault)
        };
        let asks = || raw_message(to, &head, &body);
        let answer = match fault {
            None => asks().map(|(status, body)| answer(status, &body)),
            Some(Fault::Status(status)) => Some(answer(status, "")),
            Some(Fault::Throttle) => Some(answer(400, &error_body("Throttling", "Rate exceeded"))),
            Some(Fault::Refuse) => {
                Some(answer(400, &error_body("InvalidLoadBalancerAction", "A target group has stickiness enabled")))
            }
            Some(Fault::Expired) => {
                Some(answer(403, &error_body("ExpiredToken", "The security token included in the request is expired")))
            }
            Some(Fault::Html) => Some(answer(200, "<html><body>Please log in</body></html>")),
            Some(Fault::Cut) => asks().map(|(status, body)| answer(status, &body[..body.len() / 2])),
            Some(Fault::NoWeights) => asks().map(|(status, body)| {
                let parts = body.split("<Weight>");
                let rest = |part: &str| part.split_once("</Weight>").map_or(part, |(_, rest)| rest).to_owned();
                answer(status, &parts.map(rest).collect::<String>())
            }),
            Some(Fault::Replace(from, to)) => asks().map(|(status, body)| answer(status, &body.replace(from, to))),
            Some(Fault::Pages) => {
                // moto has a meaning of its own for a marker.
                let whole = raw_message(to, &head, &body.replace("&Marker=", "&Page__="));
                whole.map(|(status, whole)| answer(status, &page(&whole, &body)))
            }
            Some(Fault::Silent) => {
                let _ = asks();
                None
            }
            Some(Fault::Lost) => None,
        };
        let Some(answer) = answer else {
            // Held open: the other side waits for as long as it will.
            let mut rest = Vec::new();
            let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
            let _ = reader.read_to_end(&mut rest);
            return;
        };
        let mut out = stream;
        if out.write_all(answer.as_bytes()).is_err() || stopped.load(Ordering::SeqCst) {
            return;
        }
        book.lock().unwrap_or_else(PoisonError::into_inner).calls[number].answered = Some(Instant::now());
    }
}

/// The page of a whole answer that the body's marker asks for: one rule or listener, and where the next one is.
fn page(whole: &str, body: &str) -> String {
    let asked = body.split('&').find_map(|pair| pair.strip_prefix("Marker="));
    let asked: usize = asked.map_or(0, |marker| marker.parse().expect("a marker of ours"));
    let list = if whole.contains("<Rules>") { "Rules" } else { "Listeners" };
    let (begin, end) = (format!("<{list}>"), format!("</{list}>"));
    let Some((head, rest)) = whole.split_once(&begin) else { return whole.to_owned() };
    let (inner, tail) = rest.split_once(&end).expect("its end");
    // Members of members belong to the outer one.
    let (mut members, mut depth) = (vec![String::new()], 0);
    for part in inner.split_inclusive('>') {
        members.last_mut().expect("one").push_str(part);
        depth += i32::from(part.ends_with("<member>")) - i32::from(part.ends_with("</member>"));
        if depth == 0 && part.ends_with("</member>") {
            members.push(String::new());
        }
    }
    members.retain(|member| !member.trim().is_empty());
    let next =
        if asked + 1 < members.len() { format!("<NextMarker>{}</NextMarker>", asked + 1) } else { String::new() };
    let one = members.get(asked).map_or("", String::as_str);
    format!("{head}{begin}{one}{end}{next}{tail}")
}

fn error_body(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    )
}

fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Head and body of a message that has a length.
fn read_message(reader: &mut BufReader<&TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head += &line;
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

/// Passes a request on over a connection of its own.
fn raw_message(port: u16, head: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let head: String = head
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .fold(String::new(), |all, line| all + line + "\r\n");
    stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).ok()?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).ok()?;
    let _ = stream.shutdown(Shutdown::Both);
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
