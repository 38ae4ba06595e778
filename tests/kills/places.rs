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
    ("forward going", 1),
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
    ("direct write due", &[1]),
    ("direct write answered", &[1]),
    ("direct read due", &[1, 3]),
    ("direct read answered", &[1, 3]),
    ("tombstone due", &[1]),
    ("tombstone synced", &[1]),
    ("tombstone named", &[1]),
];

/// Those of the other drivers, with the passage on the way forward. Of an AWS cutover the first two writes are the
/// rehearsal's, one a forward: the third is the step's first, and behind it the step is half applied.
pub const HTTP: &[(&str, u64)] = &[("http due", 1), ("http answered", 1)];
pub const COMMAND: &[(&str, u64)] =
    &[("command get due", 1), ("command get ended", 1), ("command set due", 1), ("command set ended", 1)];
pub const ALB: &[(&str, u64)] = &[("alb asked", 1), ("alb due", 3), ("alb written", 3)];

/// Those around one of the operator's own programs, and how often it has run by then.
pub const HOOKS: &[(&str, usize)] = &[("hook due", 0), ("hook ended", 1)];

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
    let direct = DIRECT.iter().map(|(place, _)| *place);
    let keepers = [KEEPER, HTTP, COMMAND, ALB].concat().into_iter().map(|(place, _)| place);
    let hooks = HOOKS.iter().map(|(place, _)| *place);
    let mut asked: Vec<&str> = keepers.chain(direct).chain(hooks).chain(CONSOLE.iter().copied()).collect();
    asked.sort_unstable();
    assert_eq!(asked, in_the_source());
}
