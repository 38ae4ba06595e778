//! Rollback under duress: a real console on a terminal and a real keeper, pressed `R`, `y` while everything else
//! goes wrong. Prints how long the confirming key takes to reach the balancer, beside the bare floor: a process that
//! reads a key from a terminal and writes a socket.
//!
//! It has no harness, so that its presses come one after the other and its figures are always shown. It takes the
//! names of cases as arguments. `WARROOM_LONG=1` presses 1 000 times with a terminal stalled for 60 s; otherwise 60.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use support::{App, BINARY, Home, PlanText, Process, SOON, Terminal, wait_showing};
use warroom::engine::Command as Ask;
use warroom::wire::{Client, Introduction};

/// Presses of each case, in a default run and in a long one.
const PRESSES: (usize, usize) = (8, 145);
/// Presses of a case whose every press waits for a stalled terminal.
const STALLED_PRESSES: (usize, usize) = (4, 12);
/// How long the terminal is not read before the key.
const TERMINAL_STALL: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(60));
/// Keys given to the floor.
const FLOOR_KEYS: usize = 200;
/// The console takes `y` only after a panel has stood this long.
const DWELL: Duration = Duration::from_millis(450);
/// How long a key that was pressed without seeing anything is waited for.
const BLIND_WAIT: Duration = Duration::from_secs(3);
/// Requests that nobody grants, sent to the keeper beside the press.
const EVENTS_A_SECOND: u32 = 1000;

/// What goes wrong during a press.
#[derive(Debug, Clone, Copy, Default)]
struct Duress {
    /// Both cores have other work.
    busy: bool,
    /// Nobody reads the terminal.
    terminal: bool,
    /// The disk takes 5 s.
    disk: bool,
    /// Metrics and health never answer.
    metrics: bool,
    /// A thousand events a second.
    events: bool,
    /// The state is on the machine's disk and not in memory.
    on_disk: bool,
}

/// A balancer that keeps connections and knows when each request's first byte came.
struct Balancer {
    address: String,
    heard: Arc<Heard>,
}

/// A request that sets something.
#[derive(Debug, Clone, Copy)]
struct Post {
    /// When its first byte came.
    at: Instant,
    /// When its connection was made.
    accepted: Instant,
}

#[derive(Default)]
struct Heard {
    green: Mutex<f64>,
    posts: Mutex<Vec<Post>>,
    mute: AtomicBool,
}

impl Balancer {
    fn start() -> Self {
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

    fn set(&self, green: f64) {
        *self.heard.green.lock().unwrap_or_else(PoisonError::into_inner) = green;
    }

    fn green(&self) -> f64 {
        *self.heard.green.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn posts(&self) -> Vec<Post> {
        self.heard.posts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self) {
        self.heard.posts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether writes are swallowed without an answer.
    fn mute(&self, mute: bool) {
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

/// Keeps a core busy until it is dropped.
fn hog() -> Process {
    let child = Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn();
    Process(child.expect("sh starts"))
}

/// What was measured of one press.
#[derive(Debug, Clone, Copy)]
struct Pressed {
    took: Duration,
    /// Whether its request went over a connection that was made only then.
    handshake: bool,
    /// Whether it was pressed a second time, once the terminal was read again: what is pressed at a picture that
    /// stands still may be dropped, by design, and is said to be.
    again: bool,
}

struct Stage {
    balancer: Balancer,
    blue: App,
    green: App,
    /// Take connections and never answer.
    holes: [TcpListener; 2],
    long: bool,
}

/// One run on the stage, with its console.
struct Run {
    home: Home,
    terminal: Terminal,
    socket: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let long = std::env::var_os("WARROOM_LONG").is_some();
        let holes = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        Self { balancer: Balancer::start(), blue: App::start(), green: App::start(), holes, long }
    }

    fn of<T>(&self, short_long: (T, T)) -> T {
        if self.long { short_long.1 } else { short_long.0 }
    }

    /// A run that found the candidate with 10 %, and a console that shows it.
    #[track_caller]
    fn run(&self, duress: Duress) -> Run {
        self.balancer.set(10.0);
        self.balancer.forget();
        let memory = Path::new("/dev/shm");
        let home = if duress.on_disk || !memory.is_dir() { Home::new() } else { Home::within(memory) };
        let mut text = PlanText::http(&self.blue, &self.green, &self.balancer.address, "1s").text();
        if duress.metrics {
            for (app, hole) in [&self.blue, &self.green].into_iter().zip(&self.holes) {
                let hole = hole.local_addr().expect("an address");
                text = text.replace(&format!("http://{}", app.address()), &format!("http://{hole}"));
            }
        }
        let plan = home.write("plan.toml", &text);
        let (state, faults) = (home.state().display().to_string(), home.path().join("faults").display().to_string());
        let terminal = Terminal::start(
            Path::new(BINARY),
            [Path::new("run").as_os_str(), plan.as_os_str()],
            home.path(),
            &[("WARROOM_STATE_DIR", &state), ("WARROOM_FAULTS", &faults)],
        );
        terminal.shows("configured 10.0%");
        let run = home.runs().pop().expect("a run");
        let socket = home.state().join("sockets").join(format!("{run}.sock"));
        Run { home, terminal, socket }
    }

    /// Presses `R`, then `y`, and waits until the balancer has heard it and the screen says so.
    #[track_caller]
    fn press(&self, duress: Duress) -> Pressed {
        let Run { home, mut terminal, socket } = self.run(duress);
        let hogs: Vec<Process> = if duress.busy { (0..2).map(|_| hog()).collect() } else { Vec::new() };
        let over = Arc::new(AtomicBool::new(false));
        let crowd = duress.events.then(|| {
            let over = over.clone();
            std::thread::spawn(move || ask_often(&socket, &over))
        });
        if duress.disk {
            home.write("faults", "disk stall 5000");
        }
        if duress.terminal {
            terminal.stall(true);
            // Not synchronisation: the stall itself.
            std::thread::sleep(self.of(TERMINAL_STALL));
        }
        terminal.press("R");
        if !duress.terminal {
            terminal.shows("ARMED");
        }
        // Not synchronisation: the console itself asks for this pause.
        std::thread::sleep(DWELL);
        let mut at = terminal.press("y");
        let first = || self.balancer.posts().first().copied();
        let mut again = false;
        if duress.terminal && !waited(BLIND_WAIT, || first().is_some()) {
            again = true;
            terminal.stall(false);
            terminal.press("\x1b");
            std::thread::sleep(DWELL);
            terminal.press("R");
            terminal.shows("ARMED");
            std::thread::sleep(DWELL);
            at = terminal.press("y");
        }
        let heard = wait_showing("the rollback is on the wire", SOON, || terminal.screen(), first);
        terminal.stall(false);
        terminal.shows("ROLL");
        over.store(true, Ordering::SeqCst);
        if let Some(crowd) = crowd {
            let asked = crowd.join().expect("the crowd");
            assert!(asked > 0, "nobody asked");
        }
        drop(hogs);
        Pressed { took: heard.at.saturating_duration_since(at), handshake: heard.accepted >= at, again }
    }

    fn case(&self, name: &str, duress: Duress, presses: usize) -> Vec<Pressed> {
        let pressed: Vec<Pressed> = (0..presses).map(|_| self.press(duress)).collect();
        let handshakes = pressed.iter().filter(|p| p.handshake).count();
        let again = pressed.iter().filter(|p| p.again).count();
        let more = if again > 0 { format!(", {again} pressed again") } else { String::new() };
        row(name, pressed.iter().map(|p| p.took).collect(), &format!("{handshakes} handshakes{more}"));
        pressed
    }

    /// The least there is: a key read from a terminal, a socket written.
    fn floor(&self, name: &str, busy: bool) {
        let hogs: Vec<Process> = if busy { (0..2).map(|_| hog()).collect() } else { Vec::new() };
        let own = std::env::current_exe().expect("this program");
        let mut terminal = Terminal::start(&own, ["--floor", &self.balancer.address], Path::new("/tmp"), &[]);
        terminal.shows("floor");
        let took = (0..FLOOR_KEYS)
            .map(|_| {
                self.balancer.forget();
                let at = terminal.press("y");
                let heard = wait_at_once(|| self.balancer.posts().first().copied());
                heard.at.saturating_duration_since(at)
            })
            .collect();
        drop(hogs);
        row(name, took, "");
    }

    /// A balancer that hangs: each attempt ends after its time and is followed by another, for as long as it takes.
    fn trying_on(&self) {
        let Run { home, mut terminal, .. } = self.run(Duress::default());
        self.balancer.mute(true);
        terminal.press("R");
        terminal.shows("ARMED");
        std::thread::sleep(DWELL);
        terminal.press("y");
        terminal.shows("attempt 2");
        terminal.shows("no answer");
        let status = home.status_when("a fourth attempt", |status| status["rollback"]["attempts"].as_u64() >= Some(4));
        assert!(status["rollback"]["last_error"].as_str().is_some_and(|why| why.contains("no answer in time")));
        let posts = self.balancer.posts();
        let gaps: Vec<Duration> = posts.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at)).collect();
        assert!(gaps.windows(2).any(|pair| pair[0] != pair[1]), "{gaps:?}");
        self.balancer.mute(false);
        home.phase("rolled_back");
        assert!(self.balancer.green().abs() < f64::EPSILON);
        println!("a balancer that hangs: {} attempts, gaps {gaps:.2?}, then rolled back", posts.len());
    }
}

/// Whether it came about in time.
fn waited(within: Duration, holds: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !holds() && began.elapsed() < within {
        std::thread::sleep(Duration::from_millis(5));
    }
    holds()
}

/// Polls without rest: a pause would be in what is measured of the next key.
fn wait_at_once<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < SOON, "nothing came");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Asks for what is refused, so often a second, over one connection; how often it was.
fn ask_often(socket: &Path, over: &AtomicBool) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let introduction = Introduction { name: Some("crowd".into()), ..Introduction::default() };
        let mut client = Client::connect(socket, &introduction).await.expect("the keeper answers");
        let (began, mut asked) = (Instant::now(), 0);
        while !over.load(Ordering::SeqCst) {
            let due = f64::from(EVENTS_A_SECOND) * began.elapsed().as_secs_f64();
            if f64::from(asked) < due {
                let _ = client.command(Ask::Unsuspend).await;
                asked += 1;
            } else {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        asked as usize
    })
}

fn row(name: &str, mut took: Vec<Duration>, more: &str) {
    took.sort();
    let at = |share: f64| {
        took[((took.len() as f64 * share).ceil() as usize).clamp(1, took.len()) - 1].as_secs_f64() * 1000.0
    };
    println!(
        "{name:34} {:5} presses  p50 {:7.2} ms  p99 {:7.2} ms  p99.9 {:7.2} ms  worst {:7.2} ms  {more}",
        took.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// The other process of [`Stage::floor`].
fn be_the_floor(address: &str) {
    let mut stream = TcpStream::connect(address).expect("the balancer");
    stream.set_nodelay(true).expect("no delay");
    crossterm::terminal::enable_raw_mode().expect("a terminal");
    println!("floor\r");
    let mut answer = [0; 4096];
    let mut key = [0];
    while std::io::stdin().lock().read_exact(&mut key).is_ok() {
        if stream.write_all(b"POST /floor HTTP/1.1\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
        let _ = stream.read(&mut answer);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, address] = args.as_slice()
        && word == "--floor"
    {
        return be_the_floor(address);
    }
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    if args.iter().any(|arg| arg == "--list") {
        return;
    }
    let stage = Stage::new();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    println!("confirming key -> request on the wire");
    for (name, busy) in [("floor", false), ("floor, busy cores", true)] {
        if wanted(name) {
            stage.floor(name, busy);
        }
    }
    let calm = Duress::default();
    let all = Duress { busy: true, terminal: true, disk: true, metrics: true, events: true, on_disk: true };
    let cases = [
        ("warm, state in memory", calm),
        ("warm, state on disk", Duress { on_disk: true, ..calm }),
        ("busy cores", Duress { busy: true, ..calm }),
        ("stalled disk", Duress { disk: true, ..calm }),
        ("hanging metrics", Duress { metrics: true, ..calm }),
        ("1000 events/s", Duress { events: true, ..calm }),
        ("stalled terminal", Duress { terminal: true, ..calm }),
        ("everything but the terminal", Duress { terminal: false, ..all }),
        ("everything at once", all),
    ];
    let mut pressed = Vec::new();
    for (name, duress) in cases {
        if wanted(name) {
            let presses = if duress.terminal { stage.of(STALLED_PRESSES) } else { stage.of(PRESSES) };
            pressed.extend(stage.case(name, duress, presses));
        }
    }
    if !pressed.is_empty() {
        let handshakes = pressed.iter().filter(|p| p.handshake).count();
        row("every press", pressed.iter().map(|p| p.took).collect(), &format!("{handshakes} handshakes, 0 lost"));
        assert_eq!(handshakes, 0, "the connection to the balancer is warm at all times");
    }
    if wanted("trying on") {
        stage.trying_on();
    }
}
