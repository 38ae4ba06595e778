//! `warroom status`.

use super::act::{typed, typed_band};
use super::known::{Known, Standing};
use super::places::{self, Found, configured_words, is_known_whole};
use super::{CommandResult, Exit, Failure, out};
use crate::domain::{Clean, Verdict};
use crate::engine::{Gate, HookView, Snapshot};
use crate::wire::{Client, Introduction, Status};
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) async fn status(run: Option<&str>, as_json: bool, oneline: bool) -> CommandResult {
    let places = places::places()?;
    let found = places::find(&places, run).await?;
    let asking = async { Client::connect(&found.socket, &Introduction::default()).await?.status().await };
    let status = match asking.await {
        Ok(status) => status,
        Err(error) => {
            let known = Known::look(&places, &found);
            return if known.standing == Standing::Ended {
                ended(&known, as_json)
            } else {
                Err(unanswered(&error, &known))
            };
        }
    };
    let text = if as_json {
        pretty(&status_json(&status))?
    } else if oneline {
        let snapshot = &status.snapshot;
        format!("{} {} {}\n", snapshot.title, snapshot.band.word, typed_band(snapshot))
    } else {
        whole(&status)
    };
    out::print(&text)?;
    Ok(Exit::Done)
}

fn pretty(value: &Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(Exit::Refused, error))?;
    Ok(text + "\n")
}

/// A run that was ended has no keeper; its journal says how it was left.
fn ended(known: &Known, as_json: bool) -> CommandResult {
    let title = known.info.as_ref().map_or_else(Clean::default, |info| info.title.clone());
    let last = known.last.as_ref().map_or_else(Clean::default, |entry| entry.text.clone());
    let run = &known.found.run;
    let text = if as_json {
        let time = known.last.as_ref().map(|entry| entry.wall.to_string());
        pretty(&json!({
            "schema": crate::engine::SCHEMA_VERSION,
            "run": run,
            "title": title,
            "time": time,
            "phase": "ended",
            "band": format!("ENDED {last}"),
        }))?
    } else {
        format!("{title} ENDED {last}\n")
    };
    out::print(&text)?;
    Ok(Exit::Done)
}

/// A keeper that does not answer leaves its journal: its last words, and the two ways on.
fn unanswered(error: &crate::wire::ClientError, known: &Known) -> Failure {
    let Found { run, .. } = &known.found;
    let last = known.last.as_ref().map_or_else(String::new, |entry| format!("  last: {} {}", entry.wall, entry.text));
    let plan = known.info.as_ref().map_or_else(|| "PLAN".to_owned(), |info| info.plan_path.display().to_string());
    Failure::new(
        Exit::Unreachable,
        format!(
            "{error}; run {run} is {}{last}  `warroom run {plan}` goes on with it, held  `warroom rollback {run} --direct` works without the keeper",
            known.standing.words()
        ),
    )
}

fn hook_json(snapshot: &Snapshot, hook: &HookView) -> Value {
    let seconds = |d: std::time::Duration| (d.as_secs_f64() * 1000.0).round() / 1000.0;
    json!({
        "name": hook.name,
        "says": hook.says,
        "state": serde_json::to_value(hook.state).unwrap_or_default(),
        "words": hook.words,
        "locked": hook.locked,
        "by": hook.by,
        "running_seconds": hook.since.map(|since| seconds(snapshot.mono.since(since))),
        "limit_seconds": seconds(hook.limit),
        "exit_code": hook.exit,
        "ended": hook.ended.map(|wall| wall.to_string()),
        "age_seconds": hook.age.map(seconds),
        "took_seconds": hook.took.map(seconds),
        "required_before_percent": hook.before.map(|split| f64::from(split.permille()) / 10.0),
        "fresh_seconds": hook.before.map(|_| seconds(hook.fresh)),
        "lines_printed": hook.tail.printed,
        "tail": hook.tail.lines,
    })
}

/// The documented shape (`docs/status.md`): plain numbers with their unit in the name, `null` for unknown.
pub(super) fn status_json(status: &Status) -> Value {
    let s = &status.snapshot;
    let age = |at: crate::domain::Mono| (s.mono.since(at).as_secs_f64() * 1000.0).round() / 1000.0;
    let seconds = |d: std::time::Duration| (d.as_secs_f64() * 1000.0).round() / 1000.0;
    let verdict = |v: Verdict| serde_json::to_value(v).unwrap_or_default();
    let gates = |gates: &[Gate]| {
        let gate = |g: &Gate| json!({"name": g.name, "verdict": verdict(g.verdict), "detail": g.detail});
        gates.iter().map(gate).collect::<Vec<_>>()
    };
    let percent = |share: f64| (share * 10_000.0).round() / 100.0;
    let word = |phase| serde_json::to_value(phase).unwrap_or_default();
    json!({
        "schema": s.schema,
        "run": status.run,
        "title": s.title,
        "time": s.wall.to_string(),
        "generation": s.generation,
        "phase": word(s.phase),
        "band": format!("{} {}", s.band.word, s.band.text),
        "step": s.steps.iter().rposition(|step| step.reached.is_some()).map(|index| index + 1),
        "hooks": s.hooks.iter().map(|hook| hook_json(s, hook)).collect::<Vec<_>>(),
        "steps": s.steps.iter().map(|step| json!({"split_percent": f64::from(step.split.permille()) / 10.0, "reached": step.reached.map(|w| w.to_string()), "planned_seconds": step.planned.as_secs()})).collect::<Vec<_>>(),
        "environments": {
            "stable": {"label": s.environments.stable.label, "colour": s.environments.stable.chip, "requests_per_second": s.environments.stable.rate},
            "candidate": {"label": s.environments.candidate.label, "colour": s.environments.candidate.chip, "requests_per_second": s.environments.candidate.rate},
        },
        "split": {
            "wanted_percent": f64::from(s.split.wanted.permille()) / 10.0,
            "configured_percent": s.split.configured.as_ref().map(|c| (c.share * 10_000.0).round() / 100.0),
            "configured_age_seconds": s.balancer_at.map(age),
            "nodes": s.split.configured.as_ref().map(|c| c.nodes.iter().map(|(name, share)| json!({"name": name, "percent": share.map(percent)})).collect::<Vec<_>>()),
            "measured": s.split.measured.as_ref().map(|m| json!({"value_percent": (m.value * 10_000.0).round() / 100.0, "low_percent": (m.low * 10_000.0).round() / 100.0, "high_percent": (m.high * 10_000.0).round() / 100.0, "requests": m.requests, "failed": m.failed})),
            "still_on_candidate_per_second": s.split.still_on_candidate,
            "converged": s.split.converged.as_ref().and_then(|c| c.converged),
            "converged_words": s.split.converged.as_ref().map(|c| &c.words),
        },
        "gates": gates(&s.gates),
        "completion_waits": gates(&s.completion_waits),
        "checks": s.checks.iter().map(|c| json!({"name": c.name, "verdict": verdict(c.verdict), "detail": c.detail, "required": c.required, "age_seconds": c.at.map(age)})).collect::<Vec<_>>(),
        "guardrails": s.guardrails.iter().map(|g| json!({"words": g.words, "level": serde_json::to_value(g.level).unwrap_or_default(), "verdict": verdict(g.verdict), "value": g.value, "age_seconds": g.value.map(|_| age(g.at))})).collect::<Vec<_>>(),
        "readings": s.signals.iter().map(|r| json!({"signal": r.signal.to_string(), "environment": r.role, "value": r.value.as_ref().ok(), "absent": r.value.as_ref().err(), "requests": r.requests, "window_seconds": r.window.as_secs_f64(), "age_seconds": (r.value.is_ok() || r.last_known.is_some()).then(|| age(r.at))})).collect::<Vec<_>>(),
        "blind": s.blind,
        "driver": s.people.driver.as_ref().map(|d| json!({"name": d.name, "user": d.user, "verified": d.is_verified(), "here": s.people.driver_here})),
        "keeper": {"pid": status.keeper.pid, "since": status.keeper.since.to_string(), "version": status.keeper.version, "plan_changed": status.keeper.plan_changed, "dropped_readings": status.keeper.dropped},
        "drift": s.drift.as_ref().map(|d| json!({"from_percent": f64::from(d.from.permille()) / 10.0, "to_percent": f64::from(d.to.permille()) / 10.0, "since": d.since_wall.map(|w| w.to_string()), "seconds": age(d.since), "own": d.own, "times": d.times, "towards_stable": d.towards_stable, "nodes": d.nodes.iter().map(|(name, wanted, there)| json!({"name": name, "wanted_percent": wanted.map(percent), "percent": there.map(percent)})).collect::<Vec<_>>(), "reassert_refused": d.reassert_refused, "words": d.words})),
        "held": s.held.as_ref().map(|h| json!({"by": h.by, "why": h.why, "since": h.since.to_string(), "automatic": h.automatic})),
        "rollback": s.rollback.as_ref().map(|r| json!({
            "state": serde_json::to_value(r.state).unwrap_or_default(),
            "accepted": r.accepted.to_string(),
            "by": r.by,
            "reason": r.reason,
            "automatic": r.automatic,
            "read_back": r.read_back.is_some(),
            "confirmed": r.confirmed.is_some(),
            "seconds": {"acknowledged": r.acknowledged.map(seconds), "read_back": r.read_back.map(seconds), "confirmed": r.confirmed.map(seconds), "rolled_back": r.rolled_back.map(seconds)},
            "attempts": r.attempts,
            "last_error": r.last_error,
            "foreign": r.foreign,
        })),
        "bake": s.bake.map(|(healthy, needed)| json!({"healthy_seconds": seconds(healthy), "needed_seconds": seconds(needed)})),
        "next": s.next.as_ref().map(|next| json!({"split_percent": f64::from(next.split.permille()) / 10.0, "automatic": next.automatic})),
        "rollback_target": {"ready": s.rollback_target.ready, "words": s.rollback_target.words, "needs_typing": s.rollback_target.needs_typing, "idle": s.rollback_target.is_idle, "no_return": s.no_return},
        "rollback_takes": {"to_balancer_seconds": s.tempo.read_back.max(s.tempo.to_balancer).map(seconds), "lateness_seconds": seconds(s.lateness)},
        "suspended": s.suspended.as_ref().map(|(by, reason, until)| json!({"by": by, "reason": reason, "until": until.to_string()})),
        "failed_on_candidate": {"requests": s.failed_on_candidate.0, "above_stable": s.failed_on_candidate.1, "at_least": s.failed_at_least},
        "violation": s.violation,
        "journal_trouble": s.journal_trouble,
    })
}

fn whole(status: &Status) -> String {
    let s = &status.snapshot;
    let measured = s
        .split
        .measured
        .as_ref()
        .map_or_else(|| "none".to_owned(), |m| format!("{:.1}% ({} requests)", m.value * 100.0, m.requests));
    // A split without its age would be believed whatever the balancer holds by now.
    let how = if is_known_whole(s) { "read" } else { "last read whole" };
    let age = |at| format!(" ({how} {:.1} s ago)", s.mono.since(at).as_secs_f64());
    let read = s.balancer_at.map_or_else(String::new, age);
    let mut text = format!(
        "{}   run {}\n{} {}\ncandidate {}: wanted {}, configured {}{read}, measured {measured}\nrollback target: {}\n",
        s.title,
        status.run,
        s.band.word,
        typed_band(s),
        s.environments.candidate.label,
        s.split.wanted,
        configured_words(s),
        s.rollback_target.words
    );
    // Into a string: it takes everything.
    if let Some(converged) = &s.split.converged {
        let _ = writeln!(text, "split: {}", converged.words);
    }
    if let Some(drift) = &s.drift {
        let _ = writeln!(text, "DRIFT: {}", drift.words);
    }
    if let Some(driver) = &s.people.driver {
        let _ = writeln!(text, "driver: {driver}{}", if s.people.driver_here { "" } else { " (not here)" });
    }
    let passed = s.checks.iter().filter(|check| check.verdict == Verdict::Pass).count();
    let _ = writeln!(text, "checks: {passed} of {} ok", s.checks.len());
    for gate in s.gates.iter().filter(|gate| !gate.is_open()) {
        let _ = writeln!(text, "  closed: {}: {}", gate.name, typed(&gate.detail));
    }
    text
}
