//! The real keeper and the real console on the embedded world, each for so many seconds (60, or the first argument):
//! CPU time, wake-ups by thread, bytes on the terminal, memory, first frame, and how long a key takes to be answered.
//!
//! `cargo bench --bench program [-- SECONDS [PROGRAM ARGS…]]`. The world runs beside them and is not counted. Another
//! program, such as `btm --rate 1000`, is measured in the same run on a terminal of the same size.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

use portable_pty::{Child as PtyChild, CommandBuilder, PtySize, native_pty_system};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const WARROOM: &str = env!("CARGO_BIN_EXE_warroom");
/// Before the counting: preflight is over, and everything is warm.
const WARM: Duration = Duration::from_secs(15);
/// Of Linux on every platform we run on.
const TICKS_PER_SECOND: f64 = 100.0;
/// Keys pressed one after the other: `?` and `Esc` open and close the help here and in others.
const KEYS: usize = 60;
/// Between two keys: longer than a program waits for the rest of an escape sequence, and out of step with a second.
const KEY_EVERY: Duration = Duration::from_millis(270);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let seconds = args.first().and_then(|arg| arg.parse().ok()).unwrap_or(60);
    let lasting = Duration::from_secs(seconds);
    println!(
        "budgets: 0.30 CPU-s/min and 15 wake-ups/s for the whole program without the sampler; 60 KB/min; 20 MB; first frame 30 ms"
    );
    for (what, sampler) in [("without the sampler", false), ("with the sampler", true)] {
        println!("{what}:");
        measure(sampler, lasting);
    }
    if let Some((program, rest)) = args.get(1..).and_then(<[String]>::split_first) {
        println!("{}:", args[1..].join(" "));
        let mut other = OnTerminal::start(program, rest, &[]);
        other.print_first_frame();
        std::thread::sleep(WARM);
        print(&[("it", other.pid())], &mut other, lasting);
        other.print_answers();
        let _ = other.child.kill();
        let _ = other.child.wait();
    }
}

fn measure(sampler: bool, lasting: Duration) {
    let home = tempfile::tempdir().expect("a folder");
    let (mut world, plan) = world(home.path(), sampler);
    let state = home.path().join("state");
    let variables = [("WARROOM_STATE_DIR", state.as_os_str())];
    let mut first = OnTerminal::start(WARROOM, [OsStr::new("run"), plan.as_os_str()], &variables);
    std::thread::sleep(WARM);
    let keeper = keeper(home.path());
    first.leave();
    // The one that is measured finds its keeper: that the first one starts it is no part of a frame.
    let mut console = OnTerminal::start(WARROOM, ["attach"], &variables);
    console.print_first_frame();
    std::thread::sleep(WARM);
    print(&[("keeper", keeper), ("console", console.pid())], &mut console, lasting);
    console.print_answers();
    console.leave();
    // Keeper and world are ours, by their own pids.
    let _ = Command::new("kill").arg(keeper.to_string()).status();
    let _ = world.kill();
    let _ = world.wait();
}

/// What these processes use from now on, and what goes to the terminal.
fn print(processes: &[(&str, u32)], terminal: &mut OnTerminal, lasting: Duration) {
    let before: Vec<Usage> = processes.iter().map(|(_, pid)| Usage::of(*pid)).collect();
    terminal.drain();
    let began = Instant::now();
    std::thread::sleep(lasting);
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let (frames, bytes) = terminal.drain();
    let mut whole = (0.0, 0.0);
    for ((name, pid), before) in processes.iter().zip(&before) {
        let (cpu, wakes) = Usage::of(*pid).print(name, before, minutes);
        whole = (whole.0 + cpu, whole.1 + wakes);
    }
    println!("  whole    {:>6.2} CPU-s/min  {:>6.1} wake-ups/s", whole.0, whole.1);
    println!(
        "  terminal {:>6.1} KB/min in {:.1} reads/s",
        bytes as f64 / 1000.0 / minutes,
        frames as f64 / 60.0 / minutes
    );
}

/// A program on a terminal of 120 columns and 40 rows.
struct OnTerminal {
    child: Box<dyn PtyChild + Send + Sync>,
    keys: Box<dyn Write + Send>,
    /// When something was written, and how many bytes.
    written: Receiver<(Instant, usize)>,
    started: Instant,
}

impl OnTerminal {
    fn start<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>, variables: &[(&str, &OsStr)]) -> Self {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        for (name, value) in [("TERM", OsStr::new("xterm-256color")), ("LC_ALL", OsStr::new("C.UTF-8"))] {
            command.env(name, value);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        let started = Instant::now();
        let child = pty.slave.spawn_command(command).expect("a program");
        let mut reader = pty.master.try_clone_reader().expect("a reader");
        let keys = pty.master.take_writer().expect("a writer");
        let (told, written) = channel();
        std::thread::spawn(move || {
            // The terminal is open for as long as somebody reads it.
            let _master = pty.master;
            let mut buffer = vec![0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if told.send((Instant::now(), count)).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, written, started }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().expect("a process")
    }

    /// Forgets what was written so far: how often, and how many bytes.
    fn drain(&mut self) -> (usize, usize) {
        self.written.try_iter().fold((0, 0), |(frames, bytes), (_, count)| (frames + 1, bytes + count))
    }

    /// The first write of more than a terminal's modes.
    fn print_first_frame(&mut self) {
        while let Ok((at, count)) = self.written.recv_timeout(WARM) {
            if count > 200 {
                let took = at.duration_since(self.started).as_secs_f64() * 1000.0;
                println!("  first frame after {took:.1} ms, {count} bytes");
                return;
            }
        }
    }

    /// From a key that opens or closes the help to the first byte that shows it.
    fn print_answers(&mut self) {
        let mut took: Vec<f64> = (0..KEYS)
            .filter_map(|number| {
                std::thread::sleep(KEY_EVERY);
                self.drain();
                let pressed = Instant::now();
                self.keys.write_all(if number % 2 == 0 { b"?" } else { b"\x1b" }).ok()?;
                self.keys.flush().ok()?;
                let (at, _) = self.written.recv_timeout(Duration::from_secs(2)).ok()?;
                Some(at.duration_since(pressed).as_secs_f64() * 1000.0)
            })
            .collect();
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took.get(((took.len() as f64 * share).ceil() as usize).max(1) - 1).copied();
        println!(
            "  key to answer p50 {:.2} ms  p99 {:.2} ms  of {} keys",
            at(0.5).unwrap_or(f64::NAN),
            at(0.99).unwrap_or(f64::NAN),
            took.len()
        );
    }

    /// Leaves with `q`.
    fn leave(&mut self) {
        let _ = self.keys.write_all(b"q");
        let _ = self.child.wait();
    }
}

/// The healthy world, and its plan.
fn world(home: &Path, sampler: bool) -> (Child, PathBuf) {
    let plan = home.join("demo.toml");
    let world = Command::new(WARROOM)
        .args(["world", "--listen", "127.0.0.1:0", "--scenario", "healthy", "--write-plan"])
        .arg(&plan)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("a world");
    while !plan.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(&plan).expect("a plan");
    if !sampler {
        let mut inside = false;
        let rest = text.lines().filter(|line| {
            if line.starts_with('[') {
                inside = line.starts_with("[sampler");
            }
            !inside
        });
        std::fs::write(&plan, rest.collect::<Vec<_>>().join("\n")).expect("written");
    }
    (world, plan)
}

fn keeper(home: &Path) -> u32 {
    let status = Command::new(WARROOM)
        .args(["status", "--json"])
        .env("WARROOM_STATE_DIR", home.join("state"))
        .output()
        .expect("a status");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("a keeper that answers");
    u32::try_from(status["keeper"]["pid"].as_u64().expect("a pid")).expect("a pid")
}

/// What a process has used so far.
struct Usage {
    cpu: f64,
    /// Voluntary switches of each kind of thread: each is one sleep that ended.
    wakes: BTreeMap<String, f64>,
    memory: String,
}

impl Usage {
    fn of(pid: u32) -> Self {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let stat = read(folder.join("stat"));
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("ticks");
        let line = |text: &str, key: &str| {
            text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim().to_owned()
        };
        let mut wakes = BTreeMap::new();
        for task in std::fs::read_dir(folder.join("task")).expect("threads").flatten() {
            let status = read(task.path().join("status"));
            *wakes.entry(line(&status, "Name:")).or_default() +=
                line(&status, "voluntary_ctxt_switches:").parse::<f64>().unwrap_or(0.0);
        }
        Self {
            cpu: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
            wakes,
            memory: line(&read(folder.join("status")), "VmRSS:"),
        }
    }

    /// CPU seconds a minute and wake-ups a second since then.
    fn print(&self, name: &str, before: &Self, minutes: f64) -> (f64, f64) {
        let seconds = minutes * 60.0;
        let since = |thread: &String, wakes: &f64| (wakes - before.wakes.get(thread).unwrap_or(&0.0)) / seconds;
        let by_thread: Vec<String> =
            self.wakes.iter().map(|(thread, wakes)| format!("{thread} {:.1}", since(thread, wakes))).collect();
        let all: f64 = self.wakes.iter().map(|(thread, wakes)| since(thread, wakes)).sum();
        let cpu = (self.cpu - before.cpu) / minutes;
        println!("  {name:<8} {cpu:>6.2} CPU-s/min  {all:>6.1} wake-ups/s ({})  {}", by_thread.join(", "), self.memory);
        (cpu, all)
    }
}
