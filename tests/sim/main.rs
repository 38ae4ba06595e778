//! The simulator: whole cutovers of the real engine under every fault, by the hundred thousand.
//!
//! `cargo test --test sim -- --seed N --trace` lives one life again and prints all of it.

#![expect(clippy::disallowed_methods, reason = "a test has clocks and threads of its own")]

#[path = "mod.rs"]
mod sim;

use sim::{Broken, Counters, Hands, Life, Stages};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// About twenty seconds on two cores.
const CUTOVERS: u64 = 40_000;
/// From here on every pair of phase and command must have been seen.
const ALL_PAIRS_FROM: u64 = 500_000;
/// Seeds that one thread takes at a time.
const BATCH: u64 = 64;
/// Failures that are told in full.
const TOLD_MAX: usize = 10;

/// How flags begin that `cargo test` passes to every target, and that mean nothing here.
const HARNESS: &[&str] = &[
    "--nocapture",
    "--no-capture",
    "--show-output",
    "--include-ignored",
    "--test-threads",
    "--exact",
    "--quiet",
    "-q",
    "--color",
    "--format",
    "--skip",
    "-Z",
];

/// Those of them whose value is the next word, unless it stands behind `=`.
const WITH_VALUE: &[&str] = &["--test-threads", "--color", "--format", "--skip", "-Z"];

struct Options {
    seed: Option<u64>,
    first: u64,
    cutovers: u64,
    trace: bool,
    /// Asked for other tests, or only for their names.
    skip: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options { seed: None, first: 1, cutovers: CUTOVERS, trace: false, skip: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = |name: &str| {
            let value = words.next().ok_or(format!("{name} needs a number"))?;
            value.replace('_', "").parse::<u64>().map_err(|error| format!("{name} {value:?}: {error}"))
        };
        match word.as_str() {
            "--seed" => options.seed = Some(number("--seed")?),
            "--first" => options.first = number("--first")?,
            "--cutovers" => options.cutovers = number("--cutovers")?,
            "--trace" => options.trace = true,
            // What `cargo test` passes to every target: flags of the usual harness, and a filter.
            "--list" | "--ignored" => options.skip = true,
            flag if WITH_VALUE.contains(&flag) => drop(words.next()),
            flag if HARNESS.iter().any(|known| flag.starts_with(known)) => {}
            flag if flag.starts_with('-') => return Err(format!("{flag} is no flag of the simulator")),
            filter => options.skip |= !"sim".contains(filter),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if options.skip {
        return ExitCode::SUCCESS;
    }
    match options.seed {
        Some(seed) => replay(seed, options.trace),
        None => run(&options),
    }
}

fn replay(seed: u64, trace: bool) -> ExitCode {
    let stages = Stages::load();
    let mut counters = Counters::new();
    match Life::live(seed, &stages, Hands::default(), &mut counters, trace) {
        None => {
            println!("seed {seed}: 1 passed, 0 failed");
            ExitCode::SUCCESS
        }
        Some(broken) => {
            println!("seed {seed}: {:?}: {}\n0 passed, 1 failed", broken.rule, broken.what);
            ExitCode::FAILURE
        }
    }
}

/// What became of the lives that a thread has lived.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: Vec<(u64, Broken)>,
}

/// One thread's lives; a panic is a failure with its seed like any other.
fn work(next: &AtomicU64, end: u64) -> (Tally, Counters) {
    let stages = Stages::load();
    let (mut tally, mut sum) = (Tally::default(), Counters::new());
    loop {
        let from = next.fetch_add(BATCH, Ordering::Relaxed);
        if from >= end {
            return (tally, sum);
        }
        for seed in from..end.min(from + BATCH) {
            let life = std::panic::catch_unwind(|| {
                let mut counters = Counters::new();
                let broken = Life::live(seed, &stages, Hands::default(), &mut counters, false);
                (broken, counters)
            });
            let broken = match life {
                Ok((broken, counters)) => {
                    sum.add(&counters);
                    broken
                }
                Err(_) => Some(Broken { rule: sim::Rule::Invariant, what: "it panicked".into() }),
            };
            match broken {
                None => tally.passed += 1,
                Some(broken) => tally.failed.push((seed, broken)),
            }
        }
    }
}

fn run(options: &Options) -> ExitCode {
    let end = options.first + options.cutovers;
    let next = AtomicU64::new(options.first);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let began = Instant::now();
    let (mut tally, mut counters) = (Tally::default(), Counters::new());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&next, end))).collect();
        // What a thread that died had lived and found is gone with it: its lives are missed below.
        for (more, reached) in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            tally.passed += more.passed;
            tally.failed.extend(more.failed);
            counters.add(&reached);
        }
    });
    let took = began.elapsed().as_secs_f64();
    let Tally { passed, mut failed } = tally;
    failed.sort_by_key(|(seed, _)| *seed);
    println!("{}", counters.table());
    println!(
        "seeds {} to {}: {:.1} s, {:.0} cutovers/s, {:.0} events/s on {threads} threads",
        options.first,
        end - 1,
        took,
        options.cutovers as f64 / took,
        counters.events as f64 / took
    );
    for (seed, broken) in failed.iter().take(TOLD_MAX) {
        println!("seed {seed}: {:?}: {}", broken.rule, broken.what);
    }
    let mut missed = Vec::new();
    missed.extend(counters.faults_never_struck().iter().map(|fault| format!("fault {fault:?} never struck")));
    missed.extend(counters.never_had(Stages::load().names()));
    if options.cutovers >= ALL_PAIRS_FROM {
        let pairs = counters.pairs_never_seen();
        missed.extend(pairs.iter().map(|(phase, ask)| format!("{ask:?} was never asked in {phase:?}")));
    }
    if options.cutovers >= CUTOVERS {
        for what in &missed {
            println!("not reached: {what}");
        }
    } else {
        missed.clear();
    }
    let unlived = options.cutovers - passed - failed.len() as u64;
    if unlived > 0 {
        println!("of {unlived} of {} lives nobody knows: a thread died", options.cutovers);
    }
    println!("{passed} passed, {} failed", options.cutovers - passed + missed.len() as u64);
    if passed == options.cutovers && missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
