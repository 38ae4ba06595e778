//! `docs/hazards.md` names the tests of each hazard, and they are there.

use std::collections::BTreeSet;
use std::path::Path;

/// How many hazards the table has.
const HAZARDS: usize = 45;

/// The numbers that a file's test functions are named by: `hazard_32_…`, `hazard_32_and_37_…`.
fn numbers_in(text: &str) -> BTreeSet<usize> {
    let names = text.split("fn hazard_").skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name);
    names
        .flat_map(|name| {
            name.split('_').filter(|word| *word != "and").map_while(|word| word.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn each_hazard_has_the_tests_that_the_table_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/hazards.md")).expect("the table");
    let rows: Vec<(usize, Vec<&str>)> = table
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            Some((cells.first()?.parse().ok()?, cells.get(2)?.split(", ").collect()))
        })
        .collect();
    let numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=HAZARDS).collect::<Vec<_>>());
    for (number, files) in rows {
        for file in files {
            let path = root.join("tests").join(format!("{file}.rs"));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(numbers_in(&text).contains(&number), "no test hazard_{number:02}_… in {}", path.display());
        }
    }
}

#[test]
fn numbers_are_read_from_names() {
    let text = "fn hazard_04_a_paste() {} fn hazard_32_and_37_a() {} fn other() {}";
    assert_eq!(numbers_in(text), BTreeSet::from([4, 32, 37]));
}
