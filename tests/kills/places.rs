//! Every place where a process can be made to die (`src/failpoint.rs`), and the tests that let it die there.

use crate::support::below;
use std::path::Path;

/// Every place that a keeper or its `run` passes on HAProxy, with a count that a life reaches.
pub const KEEPER: &[(&str, u64)] = &[
    ("folder made", 1),
    ("plan frozen", 1),
    ("journal made", 1),
    ("run described", 1),
    ("keeper began", 1),
    ("keeper locked", 1),
    ("engine made", 1),
    ("socket bound", 1),
    ("keeper ready", 1),
    ("event taken", 60),
    ("effect due", 20),
    ("event handled", 60),
    ("batch taken", 6),
    ("transaction due", 6),
    ("entry inserted", 8),
    ("commit due", 6),
    ("committed", 6),
    ("entry reported", 8),
    ("read due", 8),
    ("read back", 8),
    ("forward asked", 1),
    ("forward due", 1),
    ("forward written", 1),
    ("rollback due", 1),
    ("rollback written", 1),
    ("outcome due", 8),
    ("outcome sent", 8),
    ("haproxy connected", 12),
    ("haproxy asked", 12),
    ("haproxy answered", 12),
    ("command heard", 3),
    ("answer due", 3),
    ("answer sent", 3),
];

/// Those of a direct rollback, each with the passages at which it dies: before it has decided anything, with the write
/// under way, and while it reads.
pub const DIRECT: &[(&str, &[u64])] = &[
    ("direct event taken", &[1, 2, 3, 6]),
    ("tombstone due", &[1]),
    ("tombstone synced", &[1]),
    ("tombstone named", &[1]),
];

/// Those of the other drivers.
pub const HTTP: &[&str] = &["http due", "http answered"];
pub const COMMAND: &[&str] = &["command get due", "command get ended", "command set due", "command set ended"];
pub const ALB: &[&str] = &["alb asked", "rehearsal due", "alb due", "alb written"];

/// That of a console, which `terminal` lets panic.
const CONSOLE: &[&str] = &["console drew"];

/// The places that the source passes.
fn in_the_source() -> Vec<String> {
    let is_rust = |path: &Path| path.extension().is_some_and(|kind| kind == "rs");
    let files = below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut places = Vec::new();
    for path in files.into_iter().filter(|path| is_rust(path)) {
        let text = std::fs::read_to_string(&path).expect("readable");
        let passed = text.split("failpoint::pass(").skip(1);
        places.extend(passed.map(|rest| {
            let place = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
            place.unwrap_or_else(|| panic!("{}: a place that is not named on the spot", path.display())).to_owned()
        }));
    }
    places.sort();
    places
}

#[test]
fn every_place_of_the_source_is_asked_for_once() {
    let counted = KEEPER.iter().map(|(place, _)| *place).chain(DIRECT.iter().map(|(place, _)| *place));
    let mut asked: Vec<&str> = counted.chain([HTTP, COMMAND, ALB, CONSOLE].concat()).collect();
    asked.sort_unstable();
    assert_eq!(asked, in_the_source());
}
