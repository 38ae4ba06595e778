//! The bodies of the fuzz targets over their committed corpus, over mutations of it, and over inputs as large as the
//! readers take: no panic, and no more memory than ten times the input.
//!
//! The long variant is `tests/fuzz/run TARGET SECONDS` (docs/proof.md).

#[path = "fuzz/bodies/mod.rs"]
mod bodies;
#[path = "fuzz/large.rs"]
mod large;
#[path = "fuzz/mutate.rs"]
mod mutate;

use fastrand::Rng;
use peak_alloc::PeakAlloc;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts what the whole process holds; a buffer that grows counts twice while it moves.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes for each byte of input.
const RATIO_MAX: usize = 10;
/// Mutated inputs for each target; `WARROOM_FUZZ_INPUTS` takes more.
const INPUTS: usize = 600;

type Body = fn(&[u8]);

/// The counter counts every thread, so one target runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a body on one input: no panic, and the memory held at its height, in bytes.
#[track_caller]
fn run(target: &str, body: Body, data: &[u8], from: &str) -> usize {
    let held = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = catch_unwind(AssertUnwindSafe(|| body(data)));
    let peak = MEMORY.peak_usage().saturating_sub(held);
    if result.is_err() {
        let path = std::env::temp_dir().join(format!("warroom-fuzz-{target}"));
        std::fs::write(&path, data).expect("a place for the input");
        panic!("{target} failed on {from}; the input is in {}", path.display());
    }
    peak
}

/// The corpus and mutations of it. `room`: bytes that a body needs whatever its input is.
#[track_caller]
fn short(target: &str, body: Body, room: usize) {
    let _alone = alone();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).expect("a corpus").flatten().map(|file| file.path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).expect("readable")).collect();
    assert!(corpus.len() >= 10, "{target}: a corpus of {} files", corpus.len());
    // What is made once and kept is no input's memory.
    body(&corpus[0]);
    let mut worst = 0;
    let mut check = |data: &[u8], from: &str| {
        let peak = run(target, body, data, from);
        assert!(peak <= RATIO_MAX * data.len() + room, "{target}: {peak} bytes for {} of {from}", data.len());
        worst = worst.max(peak.saturating_sub(RATIO_MAX * data.len()));
    };
    for (path, data) in files.iter().zip(&corpus) {
        check(data, &path.display().to_string());
    }
    let inputs = std::env::var("WARROOM_FUZZ_INPUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(INPUTS);
    let mut rng = Rng::with_seed(7);
    for input in 0..inputs {
        let data = mutate::mutated(&corpus, &mut rng);
        check(&data, &format!("input {input}"));
    }
    println!("{target}: {} files and {inputs} mutations; most over ten times the input: {worst} bytes", corpus.len());
}

#[test]
fn plan() {
    short("plan", bodies::plan::body, 1 << 20);
}

#[test]
fn exposition() {
    short("exposition", bodies::exposition::body, 1 << 16);
}

#[test]
fn haproxy() {
    short("haproxy", bodies::haproxy::body, 1 << 16);
}

#[test]
fn percent() {
    short("percent", bodies::percent::body, 1 << 16);
}

#[test]
fn wire() {
    short("wire", bodies::wire::body, warroom::wire::FRAME_BYTES_MAX + (1 << 20));
}

#[test]
fn desk() {
    short("desk", bodies::desk::body, 1 << 20);
}

/// As large as each reader takes, and of every hostile shape we can think of.
#[test]
fn the_largest_inputs_take_no_more_than_their_bound() {
    let _alone = alone();
    let mut over = Vec::new();
    for (target, shape, data) in large::inputs() {
        // Where a library makes the tree, what bounds its size is the limit on the text: no multiple of it does.
        let (body, bound): (Body, usize) = match target {
            "plan" => (bodies::plan::body, 64 << 20),
            "exposition" => (bodies::exposition::body, RATIO_MAX * data.len()),
            "haproxy" => (bodies::haproxy::body, RATIO_MAX * data.len()),
            "percent" => (bodies::percent::body, RATIO_MAX * data.len()),
            "wire" => (bodies::wire::body, 32 << 20),
            other => panic!("no target {other}"),
        };
        let peak = run(target, body, &data, shape);
        let ratio = peak as f64 / data.len() as f64;
        println!("{target:<11} {shape:<32} {:>9} bytes  {ratio:>6.2} x  {:>6} KB", data.len(), peak / 1000);
        if peak > bound {
            over.push(format!("{target} {shape}: {peak} > {bound}"));
        }
    }
    assert!(over.is_empty(), "{over:?}");
}
