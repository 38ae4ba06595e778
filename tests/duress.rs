//! Rollback under duress: a real console on a terminal and a real keeper, pressed `R`, `y` while everything else
//! goes wrong. Prints how long the confirming key takes to reach the balancer, beside the bare floor: a process that
//! reads a key from a terminal and writes a socket.
//!
//! It has no harness, so that its presses come one after the other and its figures are always shown. It takes the
//! names of cases as arguments. `WARROOM_LONG=1` presses 1 000 times, with terminals that stand still for 60 s.
//!
//! A terminal that nobody reads holds back some minutes of frames, so the console draws on and takes keys. One that is
//! full as well holds the console in its write: what is pressed then was pressed at a picture that stands still, is
//! dropped by design and said to be (hazard 39), and is pressed again. Its time counts from the first `y`, and it has a row
//! of its own beside those taken at once. From another shell the rollback goes out meanwhile.
//!
//! The balancer is a percentage API over one connection that stays warm. HAProxy's command line ends a connection with each
//! answer, so a rollback there connects once a command; `kills` and `live_haproxy` press on the real one.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

#[path = "duress/balancer.rs"]
mod balancer;
#[path = "duress/crowd.rs"]
mod crowd;
mod support;

use balancer::{Balancer, Post};
use crowd::{Asked, Crowd};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{App, BINARY, Home, PlanText, Process, SOON, Terminal};
use warroom::console::desk::dialog::DWELL;
use warroom::domain::{Mono, Wall};
use warroom::engine::{Entry, Fact, Severity};
use warroom::journal::Writer;

/// Presses of each case whose terminal is read, in a default run and in a long one.
const PRESSES: (usize, usize) = (8, 140);
/// Presses of each case whose every press waits for a terminal that stands still.
const STALLED_PRESSES: (usize, usize) = (2, 5);
/// Presses of all cases together: seven that are read and four that are not.
const PRESSES_IN_ALL: (usize, usize) = (7 * 8 + 4 * 2, 1000);
/// How long the terminal stands still before the key.
const TERMINAL_STALL: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(60));
/// Longer than any press is waited for.
const DISK_STALL: Duration = Duration::from_mins(5);
/// Keys given to the floor.
const FLOOR_KEYS: usize = 200;
/// Between `R` and `y` of whoever sees nothing.
const BLIND_DWELL: Duration = Duration::from_secs(1);
/// How long a key that was pressed without seeing anything is waited for, before the terminal is read again.
const BLIND_WAIT: Duration = Duration::from_secs(3);
/// Events a second that even a loaded machine with two cores and an unoptimised keeper answers.
const EVENTS_FLOOR: f64 = 100.0;
/// Time between two looks at screen and balancer.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What the console says to a `y` within its dwell.
const TOO_EARLY: &str = "press y again";
/// On the screen while a rollback is armed or under way, and never else.
const AT_IT: &str = "ROLL";
/// On the screen once the keeper has taken it.
const ON_ITS_WAY: &str = "◄";

/// What goes wrong during a press.
#[derive(Debug, Clone, Copy, Default)]
struct Duress {
    /// Both cores have other work.
    busy: bool,
    sight: Sight,
    /// The disk takes longer than a press is waited for: one that waited for it would be lost.
    disk: bool,
    /// Metrics and health never answer.
    metrics: bool,
    /// A thousand events a second.
    events: bool,
    /// The state is on the machine's disk and not in memory.
    on_disk: bool,
}

/// What there is to see of the console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Sight {
    /// The terminal is read at all times.
    #[default]
    Read,
    /// Nobody reads it; it holds back what comes.
    Unread,
    /// Nobody reads it, and it takes nothing more.
    Full,
}

/// Keeps a core busy until it is dropped.
fn hog() -> Process {
    let child = Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn();
    Process(child.expect("sh starts"))
}

/// What was measured of one press.
#[derive(Debug, Clone, Copy)]
struct Pressed {
    /// From the first `y` to the request; `None` is a press that was lost.
    took: Option<Duration>,
    /// Whether its request went over a connection that was made only then.
    handshake: bool,
    /// Whether it was pressed again, because the screen asked for it.
    again: bool,
    asked: Asked,
}

impl Pressed {
    fn new(first: Instant, last: Instant, heard: Option<Post>) -> Self {
        let took = heard.map(|post| post.at.saturating_duration_since(first));
        let handshake = heard.is_some_and(|post| post.accepted >= last);
        Self { took, handshake, again: last > first, asked: Asked::default() }
    }
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
        let home = if duress.on_disk { Home::new() } else { in_memory() };
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

    /// A rollback pressed on a console that is under duress.
    #[track_caller]
    fn press(&self, duress: Duress) -> Pressed {
        let Run { home, mut terminal, socket } = self.run(duress);
        let hogs: Vec<Process> = if duress.busy { (0..2).map(|_| hog()).collect() } else { Vec::new() };
        let crowd = duress.events.then(|| Crowd::start(&socket));
        if duress.disk {
            home.write("faults", &format!("disk stall {}", DISK_STALL.as_millis()));
        }
        let mut pressed = match duress.sight {
            Sight::Read => self.press_seeing(&mut terminal),
            Sight::Unread | Sight::Full => {
                self.stand_still(&mut terminal, duress.sight);
                self.press_blindly(&mut terminal, duress.sight)
            }
        };
        pressed.asked = crowd.map(Crowd::stop).unwrap_or_default();
        drop(hogs);
        if pressed.took.is_some() {
            terminal.shows(ON_ITS_WAY);
        } else {
            println!("LOST, {duress:?}:\n{}", terminal.screen());
        }
        pressed
    }

    fn heard(&self) -> Option<Post> {
        self.balancer.posts().first().copied()
    }

    /// Nobody reads the terminal for so long.
    fn stand_still(&self, terminal: &mut Terminal, sight: Sight) {
        match sight {
            Sight::Read => return,
            Sight::Unread => terminal.stall(true),
            Sight::Full => terminal.fill(),
        }
        // Not synchronisation: the stall itself.
        std::thread::sleep(self.of(TERMINAL_STALL));
    }

    /// `R`, and `y` as soon as the console takes it.
    fn press_seeing(&self, terminal: &mut Terminal) -> Pressed {
        self.arm(terminal);
        let at = terminal.press("y");
        self.see_through(terminal, at)
    }

    /// `R` and `y` without seeing anything; when nothing comes of it the terminal is read, and says what to do.
    fn press_blindly(&self, terminal: &mut Terminal, sight: Sight) -> Pressed {
        let at = press_both(terminal);
        waited(BLIND_WAIT, || self.heard().is_some());
        terminal.stall(false);
        if sight == Sight::Full {
            self.assert_stood_still(terminal);
        } else if self.heard().is_none() {
            // What was held back is drawn within less than a person looks.
            std::thread::sleep(DWELL);
        }
        self.see_through(terminal, at)
    }

    /// Presses `R` and waits until the console takes `y`: it counts the panel's dwell from when it had written the panel,
    /// which it knows a moment after we have seen it; on a busy machine that moment is long. Another second in the header
    /// is in a later picture, which is drawn after that.
    fn arm(&self, terminal: &mut Terminal) {
        terminal.press("R");
        let header = || terminal.screen().lines().next().map(str::to_owned);
        waited(SOON, || terminal.screen().contains("ARMED") || self.heard().is_some());
        let then = header();
        waited(SOON, || header() != then || self.heard().is_some());
        // Not synchronisation: the console itself asks for this pause.
        std::thread::sleep(DWELL);
    }

    /// Waits for the request as a person does, who presses again what the screen asks for. A press that it says nothing of
    /// and that does not come is lost.
    fn see_through(&self, terminal: &mut Terminal, first: Instant) -> Pressed {
        let mut last = first;
        while self.heard().is_none() && first.elapsed() < SOON + self.of(TERMINAL_STALL) {
            let screen = terminal.screen();
            let is_early = screen.contains(TOO_EARLY);
            if is_early || !screen.contains(AT_IT) {
                if !is_early {
                    self.arm(terminal);
                }
                last = terminal.press("y");
                // Whoever has pressed looks for as long before pressing once more.
                std::thread::sleep(DWELL);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Pressed::new(first, last, self.heard())
    }

    /// The console's own words: it was held in its write, for most of the time at least, and dropped both keys.
    #[track_caller]
    fn assert_stood_still(&self, terminal: &Terminal) {
        terminal.shows("display stalled");
        let screen = terminal.screen();
        let words = screen.split("display stalled ").nth(1).unwrap_or_default();
        let numbers: Vec<u64> = words.split(' ').filter_map(|word| word.parse().ok()).take(2).collect();
        let [seconds, keys] = numbers[..] else { panic!("{screen}") };
        assert!(seconds >= self.of(TERMINAL_STALL).as_secs() / 2 && keys >= 2, "{screen}");
        assert!(self.heard().is_none(), "what is pressed at a picture that stands still is dropped");
    }

    fn case(&self, name: &str, duress: Duress, presses: usize) -> Vec<Pressed> {
        let pressed: Vec<Pressed> = (0..presses).map(|_| self.press(duress)).collect();
        let asked = pressed.iter().fold(Asked::default(), |all, pressed| all.and(pressed.asked));
        let rate = if duress.events { format!(", {:.0} events/s", asked.a_second()) } else { String::new() };
        row_of(name, &pressed, &rate);
        let again = pressed.iter().filter(|pressed| pressed.again).count();
        match duress.sight {
            Sight::Read => assert_eq!(again, 0, "{name}: at a terminal that is read nothing is pressed again"),
            Sight::Unread => {}
            Sight::Full => assert_eq!(again, presses, "{name}: every press was dropped, and said to be"),
        }
        assert!(!duress.events || asked.a_second() > EVENTS_FLOOR, "{name}: too few events to be a burden");
        pressed
    }

    /// Whoever sits at a full terminal, whose keys are dropped, goes to another shell: timed from the command's start.
    fn another_shell(&self, name: &str) {
        let press = |_| {
            let Run { home, mut terminal, .. } = self.run(Duress::default());
            self.stand_still(&mut terminal, Sight::Full);
            press_both(&mut terminal);
            let at = Instant::now();
            let shell = home.start(["rollback", "--yes", "--as", "bob"]);
            waited(SOON, || self.heard().is_some());
            let heard = self.heard();
            shell.finish().exits(0);
            terminal.stall(false);
            terminal.shows("display stalled");
            terminal.shows(ON_ITS_WAY);
            Pressed::new(at, at, heard)
        };
        let pressed: Vec<Pressed> = (0..self.of(STALLED_PRESSES)).map(press).collect();
        row_of(name, &pressed, "");
        assert_all_came(&pressed);
    }

    /// The least there is: a key read from a terminal, a socket written; where it is told to, with a record on the disk
    /// in between, as a rollback has, but without another thread or process.
    fn floor(&self, name: &str, busy: bool, records: Option<&Home>) {
        let home = records.map_or_else(|| PathBuf::from("/tmp"), |home| home.path().to_owned());
        let hogs: Vec<Process> = if busy { (0..2).map(|_| hog()).collect() } else { Vec::new() };
        let own = std::env::current_exe().expect("this program");
        let word = if records.is_some() { "--floor-records" } else { "--floor" };
        let mut terminal = Terminal::start(&own, [word, &self.balancer.address], &home, &[]);
        terminal.shows("floor");
        let took = (0..FLOOR_KEYS)
            .map(|_| {
                self.balancer.forget();
                let at = terminal.press("y");
                let heard = wait_at_once(|| self.heard());
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
        self.arm(&mut terminal);
        terminal.press("y");
        terminal.shows("attempt 2");
        terminal.shows("no answer");
        let status = home.status_when("a fourth attempt", |status| status["rollback"]["attempts"].as_u64() >= Some(4));
        assert!(status["rollback"]["last_error"].as_str().is_some_and(|why| why.contains("no answer in time")));
        let attempts = &status["rollback"]["attempts"];
        self.balancer.mute(false);
        home.phase("rolled_back");
        assert!(self.balancer.green().abs() < f64::EPSILON);
        // Each attempt is two requests: over a warm connection, and soon after over a new one. That the pauses between
        // attempts are spread is proven where there is a clock to do it with: in the engine's scenarios.
        let posts = self.balancer.posts();
        let gaps: Vec<Duration> = posts.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at)).collect();
        println!("a balancer that hangs: {attempts} attempts and more, requests {gaps:.2?} apart, then rolled back");
    }
}

/// Waits until it holds, and no longer than so long.
fn waited(within: Duration, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() && began.elapsed() < within {
        std::thread::sleep(LOOK_EVERY);
    }
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

/// `R` and `y` of whoever sees nothing; when `y` was pressed.
fn press_both(terminal: &mut Terminal) -> Instant {
    terminal.press("R");
    std::thread::sleep(BLIND_DWELL);
    terminal.press("y")
}

fn lost(pressed: &[Pressed]) -> usize {
    pressed.iter().filter(|pressed| pressed.took.is_none()).count()
}

fn handshakes(pressed: &[Pressed]) -> usize {
    pressed.iter().filter(|pressed| pressed.handshake).count()
}

#[track_caller]
fn assert_all_came(pressed: &[Pressed]) {
    assert_eq!(lost(pressed), 0, "no press is lost");
    assert_eq!(handshakes(pressed), 0, "the connection to the balancer is warm at all times");
}

fn row_of(name: &str, pressed: &[Pressed], more: &str) {
    let again = pressed.iter().filter(|pressed| pressed.again).count();
    let counts = format!("{} handshakes, {again} pressed again, {} lost{more}", handshakes(pressed), lost(pressed));
    row(name, pressed.iter().filter_map(|pressed| pressed.took).collect(), &counts);
}

fn row(name: &str, mut took: Vec<Duration>, more: &str) {
    took.sort();
    let at = |share: f64| {
        let place = (took.len() as f64 * share).ceil() as usize;
        took.get(place.max(1) - 1).map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
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

/// A home that no disk slows down.
fn in_memory() -> Home {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { Home::within(memory) } else { Home::new() }
}

/// The other process of [`Stage::floor`].
fn be_the_floor(address: &str, records: bool) {
    let mut journal = records.then(|| Writer::open(Path::new("journal.db")).expect("a journal"));
    let mut number = 0;
    let mut stream = TcpStream::connect(address).expect("the balancer");
    stream.set_nodelay(true).expect("no delay");
    crossterm::terminal::enable_raw_mode().expect("a terminal");
    println!("floor\r");
    let mut answer = [0; 4096];
    let mut key = [0];
    while std::io::stdin().lock().read_exact(&mut key).is_ok() {
        number += 1;
        if let Some(journal) = &mut journal {
            journal.append(std::iter::once(&record(number))).expect("it is on disk");
        }
        if stream.write_all(b"POST /floor HTTP/1.1\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
        let _ = stream.read(&mut answer);
    }
}

fn record(number: u64) -> Entry {
    Entry {
        number,
        mono: Mono::from_micros(number),
        wall: Wall::from_millis(0),
        severity: Severity::Critical,
        by: None,
        text: "a person rolls back to BLUE: no reason given yet".into(),
        fact: Fact::Line,
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, address] = args.as_slice()
        && word.starts_with("--floor")
    {
        return be_the_floor(address, word == "--floor-records");
    }
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    if args.iter().any(|arg| arg == "--list") {
        return;
    }
    let stage = Stage::new();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    println!("confirming key -> request on the wire");
    let floors = [
        ("floor", false, None),
        ("floor, a record in memory first", false, Some(in_memory())),
        ("floor, a record on disk first", false, Some(Home::new())),
        ("floor, busy cores", true, None),
    ];
    for (name, busy, records) in floors {
        if wanted(name) {
            stage.floor(name, busy, records.as_ref());
        }
    }
    let mut pressed = Vec::new();
    for (name, duress) in cases() {
        if wanted(name) {
            let presses = if duress.sight == Sight::Read { PRESSES } else { STALLED_PRESSES };
            pressed.extend(stage.case(name, duress, stage.of(presses)));
        }
    }
    if !pressed.is_empty() {
        row_of("every press", &pressed, "");
        let at_once: Vec<Pressed> = pressed.iter().filter(|pressed| !pressed.again).copied().collect();
        if !at_once.is_empty() {
            row_of("of these, taken at the first y", &at_once, "");
        }
        assert_all_came(&pressed);
    }
    if filters.is_empty() {
        assert_eq!(pressed.len(), stage.of(PRESSES_IN_ALL));
    }
    if wanted("full terminal, another shell") {
        stage.another_shell("full terminal, another shell");
    }
    if wanted("trying on") {
        stage.trying_on();
    }
}

fn cases() -> [(&'static str, Duress); 11] {
    let calm = Duress::default();
    let all = Duress { busy: true, disk: true, metrics: true, events: true, on_disk: true, ..calm };
    [
        ("warm, state in memory", calm),
        ("warm, state on disk", Duress { on_disk: true, ..calm }),
        ("busy cores", Duress { busy: true, ..calm }),
        ("stalled disk", Duress { disk: true, ..calm }),
        ("hanging metrics", Duress { metrics: true, ..calm }),
        ("1000 events/s", Duress { events: true, ..calm }),
        ("unread terminal", Duress { sight: Sight::Unread, ..calm }),
        ("full terminal", Duress { sight: Sight::Full, ..calm }),
        ("everything but the terminal", all),
        ("everything, terminal unread", Duress { sight: Sight::Unread, ..all }),
        ("everything, terminal full", Duress { sight: Sight::Full, ..all }),
    ]
}
