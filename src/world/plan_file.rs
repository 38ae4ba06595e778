//! The demo plan with this world's addresses and speed.

use crate::domain::{PerRole, parse_duration};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// No bake and no `for` is divided to less than this: two readings must fit. `--speed` says so in its help.
const SHORTEST_SPED_UP: Duration = Duration::from_secs(2);
const TEMPLATE: &str = include_str!("../../config/demo.toml");
const PROXY: &str = "127.0.0.1:18080";
const STABLE: &str = "127.0.0.1:18081";
const CANDIDATE: &str = "127.0.0.1:18082";

/// Writes the plan beside its place and renames it there: a reader sees all of it or nothing.
pub(super) fn write(path: &Path, proxy: &str, apps: PerRole<SocketAddr>, speed: f64) -> io::Result<()> {
    let fresh = path.with_extension("toml.new");
    let written = std::fs::write(&fresh, text(proxy, apps, speed)).and_then(|()| std::fs::rename(&fresh, path));
    written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn text(proxy: &str, apps: PerRole<SocketAddr>, speed: f64) -> String {
    let (stable, candidate) = (apps.stable.to_string(), apps.candidate.to_string());
    let places = [(PROXY, proxy), (STABLE, stable.as_str()), (CANDIDATE, candidate.as_str())];
    let plan: String = TEMPLATE.lines().map(|line| sped_up(&addressed(line, &places), speed) + "\n").collect();
    plan.replace("# The plan of `warroom demo`", "# Written by `warroom world`. The plan of `warroom demo`")
}

/// A line with this world's addresses, put in by one pass: an address that was put in may look like another
/// of the template's.
fn addressed(line: &str, places: &[(&str, &str)]) -> String {
    let next = places.iter().filter_map(|(old, new)| Some((line.find(old)?, *old, *new))).min();
    let Some((at, old, new)) = next else { return line.to_owned() };
    format!("{}{new}{}", &line[..at], addressed(&line[at + old.len()..], places))
}

/// Divides a bake or a `for`; every other line stays.
fn sped_up(line: &str, speed: f64) -> String {
    let timed = ["bake = \"", "for = \""].iter().find_map(|key| line.strip_prefix(key).map(|rest| (*key, rest)));
    let Some((key, rest)) = timed else { return line.to_owned() };
    let Some((written, tail)) = rest.split_once('"') else { return line.to_owned() };
    let Some(duration) = parse_duration(written).filter(|duration| !duration.is_zero()) else { return line.to_owned() };
    let divided = duration.div_f64(speed).max(SHORTEST_SPED_UP.min(duration));
    format!("{key}{}ms\"{tail}", divided.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_divides_bakes_and_for_and_nothing_else() {
        assert_eq!(sped_up("bake = \"20s\"  # x", 4.0), "bake = \"5000ms\"  # x");
        assert_eq!(sped_up("for = \"0s\"", 4.0), "for = \"0s\"");
        assert_eq!(sped_up("for = \"5s\"", 100.0), "for = \"2000ms\"");
        assert_eq!(sped_up("timeout = \"2s\"", 4.0), "timeout = \"2s\"");
    }

    #[test]
    fn the_written_plan_loads_with_the_given_addresses() {
        let apps = PerRole {
            stable: "127.0.0.1:1".parse().expect("address"),
            candidate: "127.0.0.1:2".parse().expect("address"),
        };
        let plan = crate::plan::load(Path::new("demo.toml"), &text("localhost:7000", apps, 2.0)).expect("loads");
        assert_eq!(plan.traffic.identity(), "http http://localhost:7000/api/traffic");
        assert_eq!(plan.steps[0].bake, Duration::from_secs(10));
    }
    /// The balancer where the template's stable app is: every address must still be its own.
    #[test]
    fn an_address_of_the_template_is_put_in_once() {
        let apps = PerRole {
            stable: "127.0.0.1:18082".parse().expect("address"),
            candidate: "127.0.0.1:18080".parse().expect("address"),
        };
        let plan = crate::plan::load(Path::new("demo.toml"), &text("127.0.0.1:18081", apps, 1.0)).expect("loads");
        assert_eq!(plan.traffic.identity(), "http http://localhost:18081/api/traffic");
        assert_eq!(plan.environments.stable.url, "http://127.0.0.1:18082");
        assert_eq!(plan.environments.candidate.url, "http://127.0.0.1:18080");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let apps = PerRole {
            stable: "127.0.0.1:1".parse().expect("address"),
            candidate: "127.0.0.1:2".parse().expect("address"),
        };
        let error = write(Path::new("/nowhere/plan.toml"), "127.0.0.1:3", apps, 1.0).expect_err("no folder");
        assert!(error.to_string().contains("/nowhere/plan.toml"), "{error}");
    }
}
