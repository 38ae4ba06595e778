//! The demo plan with this world's addresses and speed.

use crate::domain::{PerRole, parse_duration};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const TEMPLATE: &str = include_str!("../../config/demo.toml");
const PROXY: &str = "127.0.0.1:18080";
const STABLE: &str = "127.0.0.1:18081";
const CANDIDATE: &str = "127.0.0.1:18082";
/// No bake and no `for` gets shorter than this: two readings must fit.
const SHORTEST: Duration = Duration::from_secs(2);

/// Writes the plan beside its place and renames it there: a reader sees all of it or nothing.
pub(super) fn write(path: &Path, proxy: &str, apps: PerRole<SocketAddr>, speed: f64) -> io::Result<()> {
    let fresh = path.with_extension("toml.new");
    std::fs::write(&fresh, text(proxy, apps, speed))?;
    std::fs::rename(&fresh, path)
}

fn text(proxy: &str, apps: PerRole<SocketAddr>, speed: f64) -> String {
    let addressed = TEMPLATE
        .replace(PROXY, proxy)
        .replace(STABLE, &apps.stable.to_string())
        .replace(CANDIDATE, &apps.candidate.to_string());
    let mut plan: String = addressed.lines().map(|line| sped_up(line, speed) + "\n").collect();
    plan = plan.replace("# The plan of `warroom demo`", "# Written by `warroom world`. The plan of `warroom demo`");
    plan
}

/// Divides a bake or a `for`; every other line stays.
fn sped_up(line: &str, speed: f64) -> String {
    let timed = ["bake = \"", "for = \""].iter().find_map(|key| line.strip_prefix(key).map(|rest| (*key, rest)));
    let Some((key, rest)) = timed else { return line.to_owned() };
    let Some((written, tail)) = rest.split_once('"') else { return line.to_owned() };
    let Some(duration) = parse_duration(written).filter(|duration| !duration.is_zero()) else { return line.to_owned() };
    let divided = duration.div_f64(speed).max(SHORTEST.min(duration));
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
}
