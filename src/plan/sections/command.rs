//! `[traffic] driver = "command"`: the operator's own programs.

use super::script::{Limit, Use, environment, script};
use crate::domain::PerRole;
use crate::plan::section::{Read, Section, wrong_type};
use crate::plan::values::{plain_text, short_text, text};
use crate::plan::{CommandDriver, Reading, Script};
use regex::Regex;
use std::time::Duration;
use toml::de::DeValue;

/// Limit of one attempt where the plan names none: a script speaks to its balancer several times, perhaps over ssh.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
const JSON: &str = "where the shares stand: { stable = \"/blue\", candidate = \"/green\" }, or one of them";
const PATTERN: &str = "where the shares stand: { candidate = 'candidate=([0-9.]+)%' }, one group each";

pub(super) fn command_driver(section: &Section<'_>, timeout: Duration) -> Option<CommandDriver> {
    let balancer = section.required(
        "balancer",
        "what the programs drive, such as \"edge-eu1\": only one keeper of a host may hold it",
        short_text,
    );
    let limit = Limit::Traffic(timeout);
    let set = section.required_table("set", "run = [\"./lb.sh\", \"set\", \"{stable}\", \"{candidate}\"]");
    let set = set.and_then(|table| {
        let set = script(&table, &Use { placeholders: &["stable", "candidate"], limit });
        let refused = table.list("refused", "exit codes from 1 to 255 that mean: nothing was changed", exit_code);
        let refused = if table.has("refused") { refused } else { Some(Vec::new()) };
        table.finish();
        Some((set?, refused?))
    });
    let get = section.required_table("get", "run = [\"./lb.sh\", \"get\"], and json or pattern to read it by");
    let get = get.and_then(|table| get_and_reading(table, limit));
    let shared = environment(section);
    let ((mut set, refused), (mut get, reading), shared) = (set?, get?, shared?);
    for script in [&mut set, &mut get] {
        let own = std::mem::take(&mut script.env);
        let is_own = |name: &str| own.iter().any(|(own, _)| own == name);
        script.env = shared.iter().filter(|(name, _)| !is_own(name)).cloned().collect();
        script.env.extend(own);
    }
    Some(CommandDriver { balancer: balancer?, set, refused, get, reading })
}

fn exit_code(value: &DeValue<'_>) -> Read<i32> {
    let number = value.as_integer().ok_or_else(|| wrong_type(value))?;
    match i32::from_str_radix(number.as_str(), number.radix()) {
        Ok(0) => Err("0 is success, and read back".into()),
        Ok(code @ 1..=255) => Ok(code),
        Ok(_) | Err(_) => Err(format!("{number} is no exit code").into()),
    }
}

fn get_and_reading(table: Section<'_>, limit: Limit) -> Option<(Script, Reading)> {
    let get = script(&table, &Use { placeholders: &[], limit });
    if table.lacks("json") && table.lacks("pattern") {
        table.missing("json", "json or pattern: where the shares stand in what it prints");
    }
    let json = table.table("json").and_then(|sides| both(sides, JSON, plain_text)).map(Reading::Json);
    let pattern = table.table("pattern").and_then(|sides| both(sides, PATTERN, pattern)).map(Reading::Pattern);
    if table.has("json") && table.has("pattern") {
        table.problem("pattern", "stands beside json", "one of them", None);
        return None;
    }
    table.finish();
    Some((get?, json.or(pattern)?))
}

/// One side or both.
fn both<T>(table: Section<'_>, allowed: &str, item: fn(&DeValue<'_>) -> Read<T>) -> Option<PerRole<Option<T>>> {
    let stable = table.optional("stable", allowed, item);
    let candidate = table.optional("candidate", allowed, item);
    if table.lacks("stable") && table.lacks("candidate") {
        table.missing("candidate", allowed);
    }
    let is_read = stable.is_some() == table.has("stable") && candidate.is_some() == table.has("candidate");
    let has_one = stable.is_some() || candidate.is_some();
    table.finish();
    (is_read && has_one).then_some(PerRole { stable, candidate })
}

fn pattern(value: &DeValue<'_>) -> Read<Regex> {
    let word = text(value)?;
    let pattern = Regex::new(&word).map_err(|error| {
        // The last line says what; those before draw where.
        let why = error.to_string();
        format!(
            "{word:?} is no regular expression: {}",
            why.lines().last().unwrap_or_default().trim_start_matches("error: ")
        )
    })?;
    match pattern.captures_len() - 1 {
        1 => Ok(pattern),
        groups => Err(format!("{word:?} has {groups} groups; the number is one, any other is (?:…)").into()),
    }
}
