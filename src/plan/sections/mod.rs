//! One function for each section of the file.

mod alb;
mod checks;
mod command;
mod environments;
mod hooks;
mod limits;
mod metrics;
mod script;
mod traffic;

pub(super) use checks::{check, step};
pub(super) use environments::environments;
pub(super) use hooks::hook;
pub(super) use limits::guardrail;
pub(super) use metrics::{Known, metrics, poll};
pub(super) use traffic::{sampler, traffic};

use super::section::{Read, Section};
use super::validate::Placed;
use super::values::{boolean, group_name, rate, share, short_text};
use super::{Access, Lever, Rollback};
use std::time::Duration;
use toml::de::DeValue;

/// How a duration is written where its range says nothing more.
pub(super) const DURATION: &str = "a duration such as \"150ms\", \"30s\", \"5m\" or \"1h 30m\"";
/// Longest bake and watch: a week is longer than any cutover that people stay awake for.
pub(super) const LASTING_MAX: Duration = Duration::from_secs(86_400 * 7);

/// Reads a list of tables, keeping where each one's telling key stands.
pub(super) fn placed<'a, T>(
    sections: Vec<Section<'a>>,
    key: &str,
    read: impl Fn(Section<'a>) -> Option<T>,
) -> Vec<Placed<T>> {
    sections
        .into_iter()
        .map(|section| {
            let span = section.span_of(key);
            Placed { span, value: read(section) }
        })
        .collect()
}

pub(super) fn unplaced<T>(placed: Vec<Placed<T>>) -> Option<Vec<T>> {
    placed.into_iter().map(|item| item.value).collect()
}

/// A list that must be there, and must hold something, each once.
fn required_list<T: PartialEq + std::fmt::Debug>(
    section: &Section<'_>,
    key: &'static str,
    allowed: &str,
    item: impl Fn(&DeValue<'_>) -> Read<T>,
) -> Option<Vec<T>> {
    if !section.has(key) {
        section.missing(key, allowed);
        return None;
    }
    let items = section.list(key, allowed, item)?;
    if items.is_empty() {
        section.problem(key, "is empty", allowed, None);
        return None;
    }
    if let Some(twice) = items.iter().enumerate().find(|(index, item)| items[..*index].contains(item)) {
        section.problem(key, &format!("{:?} is there twice", twice.1), "each once", None);
        return None;
    }
    Some(items)
}

pub(super) fn rollback(section: Option<Section<'_>>) -> Option<Rollback> {
    let mut rollback = Rollback { automatic: true, floor: None, lever: None, stable_ready: 0.5 };
    let Some(section) = section else { return Some(rollback) };
    if let Some(automatic) = section.optional("automatic", "true or false", boolean) {
        rollback.automatic = automatic;
    }
    rollback.floor = section.optional("floor", "a rate such as \"2/s\"", rate);
    if let Some(share) = section.optional("stable_ready", "a share above \"0 %\" and up to \"100 %\"", share) {
        rollback.stable_ready = share;
    }
    rollback.lever = section.table("lever").and_then(|table| {
        let words = table.required("words", "what moves clients that stay pinned", short_text);
        let command = table.optional("command", "a command line to show", short_text);
        table.finish();
        Some(Lever { words: words?, command })
    });
    section.finish();
    Some(rollback)
}

pub(super) fn access(section: Option<Section<'_>>) -> Option<Access> {
    let mut access = Access { group: None, approver_is_another_user: false };
    if let Some(section) = section {
        access.group = section.optional("group", "a Unix group", group_name);
        access.approver_is_another_user =
            section.optional("approver_is_another_user", "true or false", boolean).unwrap_or(false);
        section.finish();
    }
    Some(access)
}
