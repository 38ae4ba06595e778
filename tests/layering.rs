//! The layers of the house: a lower one never imports a higher one, keeper and console never each other,
//! and the pure layers read no clock and start nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each layer with the layers it may import besides itself. What is not named is forbidden.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("failpoint", &[]),
    ("own", &[]),
    ("clock", &["domain", "failpoint"]),
    ("plan", &["domain"]),
    ("engine", &["domain", "plan"]),
    ("files", &["plan"]),
    ("remote", &["domain", "plan", "files"]),
    ("script", &["domain", "plan", "files"]),
    ("traffic", &["clock", "failpoint", "domain", "plan", "engine", "remote", "script"]),
    ("probe", &["domain", "plan", "engine", "remote"]),
    ("journal", &["failpoint", "domain", "engine"]),
    ("wire", &["domain", "engine"]),
    (
        "keeper",
        &["failpoint", "clock", "domain", "plan", "engine", "remote", "script", "traffic", "probe", "journal", "wire"],
    ),
    ("direct", &["failpoint", "clock", "domain", "plan", "engine", "traffic", "journal"]),
    ("console", &["failpoint", "own", "clock", "domain", "engine", "wire"]),
    ("world", &["clock", "domain", "plan"]),
    (
        "cli",
        &[
            "clock",
            "console",
            "direct",
            "domain",
            "engine",
            "failpoint",
            "journal",
            "keeper",
            "own",
            "plan",
            "probe",
            "remote",
            "script",
            "traffic",
            "wire",
            "world",
        ],
    ),
];

/// `docs/architecture.md` tells the same of each layer; of the topmost that it may import everything.
#[test]
fn the_table_in_the_documents_is_this_one() {
    let text = include_str!("../docs/architecture.md");
    let table = text.split("| folder |").nth(1).expect("the table").split("\n\n").next().expect("its rows");
    let rows: Vec<(&str, BTreeSet<&str>)> = table
        .lines()
        .skip(2)
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [folder, .., may] = cells[..] else { panic!("{row}") };
            (folder.trim_matches('`'), may.split(", ").filter(|layer| *layer != "nothing").collect())
        })
        .collect();
    let told = rows.iter().filter(|(folder, _)| *folder != "cli");
    let held = MAY_IMPORT.iter().filter(|(folder, _)| *folder != "cli");
    let held: Vec<(&str, BTreeSet<&str>)> =
        held.map(|(folder, may)| (*folder, may.iter().copied().collect())).collect();
    assert_eq!(told.cloned().collect::<Vec<_>>(), held);
    assert_eq!(rows.last().map(|(folder, _)| *folder), Some("cli"));
}

/// Layers, and the part of a layer, that must be pure.
const PURE: &[&str] = &["domain", "plan", "engine", "console/desk", "console/screen"];
const IMPURE_WORDS: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "tokio::spawn",
    "spawn_blocking",
    "clock::mono",
    "clock::wall",
    "println!",
    "thread::",
    "std::thread",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a source folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
    found
}

/// `keeper` for `src/keeper/lanes.rs`, `clock` for `src/clock.rs`.
fn layer_of(path: &Path) -> String {
    let relative = path.strip_prefix(source()).expect("below src");
    let first = relative.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The first words behind every `crate::`, of `crate::{a, b::{c, d}}` too.
fn imports(text: &str) -> Vec<String> {
    let word = |part: &str| part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let mut found = Vec::new();
    for (at, name) in text.match_indices("crate::") {
        let after = &text[at + name.len()..];
        let Some(group) = after.strip_prefix('{') else {
            found.push(word(after));
            continue;
        };
        let (mut depth, mut part) = (0, String::new());
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => found.push(word(std::mem::take(&mut part).trim())),
                c => part.push(c),
            }
        }
        found.push(word(part.trim()));
    }
    found
}

#[test]
fn grouped_imports_are_seen_too() {
    let text = "use crate::{domain::{Clean, Role}, engine, keeper::lanes};\nuse crate::plan::{self, Plan};";
    assert_eq!(imports(text), ["domain", "engine", "keeper", "plan"]);
}

#[test]
fn a_lower_layer_never_imports_a_higher_one() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut seen = 0;
    for path in files(&source()) {
        let layer = layer_of(&path);
        if ["main", "lib"].contains(&layer.as_str()) {
            continue;
        }
        let may = allowed.get(layer.as_str()).unwrap_or_else(|| panic!("{layer} is not in the table of layers"));
        let text = std::fs::read_to_string(&path).expect("readable");
        for imported in imports(&text) {
            let is_layer = MAY_IMPORT.iter().any(|(name, _)| *name == imported);
            seen += usize::from(is_layer);
            assert!(
                !is_layer || imported == layer || may.contains(&imported.as_str()),
                "{}: {layer} imports {imported}",
                path.display()
            );
        }
    }
    assert!(seen > 100, "the test saw only {seen} imports");
}

#[test]
fn the_pure_layers_read_no_clock_and_start_nothing() {
    for folder in PURE {
        for path in files(&source().join(folder)) {
            let text = std::fs::read_to_string(&path).expect("readable");
            for word in IMPURE_WORDS {
                assert!(!text.contains(word), "{} has {word}", path.display());
            }
        }
    }
}
