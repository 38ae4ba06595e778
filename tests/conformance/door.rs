//! A door before a live counterpart. All that the driver says goes through it, and what changes something can be made
//! to go wrong there.

use crate::bench::{Door, Fault};
use crate::support::wait_until;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the counterpart may take for one answer: far beyond what it takes.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// How a counterpart is spoken to, and what half a write comes to there.
pub trait Manner: Send + Sync + 'static {
    /// One whole message; `None` when the other side has gone.
    fn message(&self, reader: &mut BufReader<&TcpStream>) -> Option<String>;
    /// One whole answer.
    fn answer(&self, reader: &mut BufReader<&TcpStream>) -> Option<String>;
    /// Which part of the balancer a message writes to; `None` for one that changes nothing.
    fn part(&self, place: usize, message: &str) -> Option<usize>;
    /// What is answered to a part's share of a write that is applied by half; `None` closes without an answer.
    fn half(&self, part: usize, message: &str, pass: &dyn Fn() -> Option<String>) -> Option<String>;
    /// What the asking side is shown of an answer.
    fn shown(&self, message: &str, answer: String) -> String;
    /// Whether the connection goes on after an answer.
    fn goes_on(&self) -> bool;
}

#[derive(Default)]
struct Book {
    fault: Option<Fault>,
    asked: usize,
    writes: usize,
    held: usize,
    /// How often what was held has been let go.
    releases: usize,
    shut: bool,
    streams: Vec<TcpStream>,
}

struct Room<M> {
    manner: M,
    book: Mutex<Book>,
    released: Condvar,
}

impl<M> Room<M> {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One listening place for each address of the counterpart.
pub struct Wire<M> {
    room: Arc<Room<M>>,
    places: Vec<SocketAddr>,
}

impl<M: Manner> Wire<M> {
    #[track_caller]
    pub fn start(manner: M, behind: &[String]) -> Self {
        let room = Arc::new(Room { manner, book: Mutex::default(), released: Condvar::new() });
        let open = |(place, to): (usize, &String)| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            let (room, to) = (room.clone(), to.clone());
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    // From here on nothing listens.
                    if room.book().shut {
                        return;
                    }
                    let (room, to) = (room.clone(), to.clone());
                    std::thread::spawn(move || serve(&room, place, &stream, &to));
                }
            });
            address
        };
        let places = behind.iter().enumerate().map(open).collect();
        Self { room, places }
    }

    pub fn address(&self, place: usize) -> String {
        self.places[place].to_string()
    }

    pub fn manner(&self) -> &M {
        &self.room.manner
    }
}

impl<M: Manner> Door for Wire<M> {
    fn fault(&self, fault: Fault) {
        self.room.book().fault = Some(fault);
    }

    fn mend(&self) {
        self.room.book().fault = None;
    }

    fn asked(&self) -> usize {
        self.room.book().asked
    }

    fn writes(&self) -> usize {
        self.room.book().writes
    }

    fn held(&self) -> usize {
        self.room.book().held
    }

    fn release(&self) {
        self.room.book().releases += 1;
        self.room.released.notify_all();
        wait_until("what was held has landed", || self.held() == 0);
    }

    fn shut(&self) {
        let streams = {
            let mut book = self.room.book();
            book.shut = true;
            std::mem::take(&mut book.streams)
        };
        for stream in streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for place in &self.places {
            // Wakes the accept, which then ends.
            let _ = TcpStream::connect(place);
            wait_until("nothing listens", || TcpStream::connect(place).is_err());
        }
    }
}

/// Serves one connection for as long as it is kept.
fn serve<M: Manner>(room: &Room<M>, place: usize, stream: &TcpStream, to: &str) {
    if let Ok(stream) = stream.try_clone() {
        room.book().streams.push(stream);
    }
    let mut reader = BufReader::new(stream);
    while let Some(message) = room.manner.message(&mut reader) {
        let part = room.manner.part(place, &message);
        let fault = {
            let mut book = room.book();
            book.asked += 1;
            book.writes += usize::from(part.is_some());
            book.held += usize::from(part.is_some() && book.fault == Some(Fault::Late));
            book.fault
        };
        let pass = || pass(&room.manner, to, &message);
        let answer = match (fault, part) {
            (Some(Fault::Hang), _) => {
                // Until the other side gives up.
                let _ = reader.read_to_end(&mut Vec::new());
                None
            }
            (Some(Fault::Lost), Some(_)) => {
                let _ = pass();
                None
            }
            (Some(Fault::Late), Some(_)) => {
                hold(room);
                let _ = pass();
                room.book().held -= 1;
                None
            }
            (Some(Fault::Half), Some(part)) => room.manner.half(part, &message, &pass),
            (Some(Fault::Lost | Fault::Late | Fault::Half), None) | (None, _) => {
                pass().map(|answer| room.manner.shown(&message, answer))
            }
        };
        let Some(answer) = answer else { break };
        let mut out = stream;
        if out.write_all(answer.as_bytes()).is_err() || !room.manner.goes_on() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Waits for the next release, whether or not the other side still waits.
fn hold<M>(room: &Room<M>) {
    let book = room.book();
    let before = book.releases;
    let released = room.released.wait_while(book, |book| book.releases == before);
    drop(released.unwrap_or_else(PoisonError::into_inner));
}

/// Passes a message on over a connection of its own, and gives the whole answer.
fn pass<M: Manner>(manner: &M, to: &str, message: &str) -> Option<String> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(ANSWER_WAIT)).ok()?;
    stream.write_all(message.as_bytes()).ok()?;
    manner.answer(&mut BufReader::new(&stream))
}

/// An HTTP request or answer of a known length, the way it is passed on: for one answer, and then closed.
pub fn http_message(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if field(&line, "connection").is_none() {
            head += &line;
        }
    }
    let length = head.lines().find_map(|line| field(line, "content-length")).map_or(Some(0), |text| text.parse().ok());
    let mut body = vec![0; length?];
    reader.read_exact(&mut body).ok()?;
    Some(format!("{head}Connection: close\r\n\r\n{}", String::from_utf8_lossy(&body)))
}

/// The value of a header line of this name.
fn field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    let (name, value) = line.split_once(':')?;
    name.eq_ignore_ascii_case(wanted).then(|| value.trim())
}

/// An HTTP answer as the asking side is to see it: its connection goes on, and its body may be another one.
pub fn http_answer(answer: &str, body: impl FnOnce(&str) -> String) -> String {
    let Some((head, old)) = answer.split_once("\r\n\r\n") else { return String::new() };
    let body = body(old);
    let kept = head.lines().filter(|line| {
        ["connection", "content-length", "transfer-encoding"].iter().all(|name| field(line, name).is_none())
    });
    let head: String = kept.map(|line| format!("{line}\r\n")).collect();
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}
