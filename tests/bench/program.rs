//! The real keeper and the real console on the embedded world, each for so many seconds (60, or the first argument):
//! CPU time, wake-ups by thread, bytes on the terminal, memory.
//!
//! `cargo bench --bench program [-- SECONDS]`. The world runs beside them and is not counted.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const WARROOM: &str = env!("CARGO_BIN_EXE_warroom");
/// Before the counting: preflight is over, and everything is warm.
const WARM: Duration = Duration::from_secs(15);
/// Of Linux on every platform we run on.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let seconds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(60);
    println!("budgets: 0.30 CPU-s/min and 15 wake-ups/s for the whole program without the sampler; 60 KB/min; 20 MB");
    for (what, sampler) in [("without the sampler", false), ("with the sampler", true)] {
        println!("{what}:");
        measure(sampler, Duration::from_secs(seconds));
    }
}

fn measure(sampler: bool, lasting: Duration) {
    let home = tempfile::tempdir().expect("a folder");
    let (mut world, plan) = world(home.path(), sampler);
    let pty = native_pty_system()
        .openpty(PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 })
        .expect("a terminal");
    let mut command = CommandBuilder::new(WARROOM);
    command.args(["run", &plan.display().to_string()]);
    command.env("WARROOM_STATE_DIR", home.path().join("state"));
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    let mut console = pty.slave.spawn_command(command).expect("a console");
    let mut reader = pty.master.try_clone_reader().expect("a reader");
    let mut keys = pty.master.take_writer().expect("a writer");
    let (bytes, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    std::thread::spawn({
        let (bytes, reads) = (bytes.clone(), reads.clone());
        move || {
            let mut buffer = vec![0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                bytes.fetch_add(count as u64, Ordering::Relaxed);
                reads.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    std::thread::sleep(WARM);
    let keeper = keeper(home.path());
    let pids = [("keeper", keeper), ("console", console.process_id().expect("a process"))];
    let before = pids.map(|(_, pid)| Usage::of(pid));
    let (bytes_before, reads_before) = (bytes.load(Ordering::Relaxed), reads.load(Ordering::Relaxed));
    let began = Instant::now();
    std::thread::sleep(lasting);
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let mut whole = (0.0, 0.0);
    for ((name, pid), before) in pids.into_iter().zip(before) {
        let (cpu, wakes) = Usage::of(pid).print(name, &before, minutes);
        whole = (whole.0 + cpu, whole.1 + wakes);
    }
    println!("  whole    {:>6.2} CPU-s/min  {:>6.1} wake-ups/s", whole.0, whole.1);
    println!(
        "  terminal {:>6.1} KB/min in {:.1} reads/s",
        (bytes.load(Ordering::Relaxed) - bytes_before) as f64 / 1000.0 / minutes,
        (reads.load(Ordering::Relaxed) - reads_before) as f64 / 60.0 / minutes,
    );
    let _ = keys.write_all(b"q");
    let _ = console.wait();
    // Keeper and world are ours, by their own pids.
    let _ = Command::new("kill").arg(keeper.to_string()).status();
    let _ = world.kill();
    let _ = world.wait();
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
