//! What a plan will do, printed before anything is contacted.

use super::{Advance, CheckKind, Driver, Guardrail, Plan, Subject};
use crate::domain::{Clean, Quantity, Role, Signal, Split, Unit, duration_words};
use std::fmt::Write as _;
use std::time::Duration;

/// Confidence at which an error ratio is shown to be below its limit: "3 000 error-free requests for 0.1 %".
const CONFIDENCE_Z: f64 = 3.0;

/// Error-free requests that are needed before a ratio below `limit` is shown at 95 % (the rule of three:
/// Hanley and Lippman-Hand 1983, JAMA 249:1743).
pub fn needed_requests(limit: f64) -> u64 {
    if limit > 0.0 { (CONFIDENCE_Z / limit).ceil() as u64 } else { u64::MAX }
}

/// The schedule with T+mm, gates and guardrails, what will be contacted, earliest and latest end, gates
/// that cannot open at `rate` requests a second, and the rescue card.
pub fn schedule(plan: &Plan, rate: Option<f64>) -> String {
    let mut out = String::new();
    let _ = heading(&mut out, plan);
    let _ = steps(&mut out, plan, rate);
    let _ = limits(&mut out, plan);
    let _ = contacts(&mut out, plan);
    let _ = write!(
        out,
        "\nRescue card: all traffic to {} without warroom\n{}",
        plan.environments.stable.words(),
        super::rescue_card(plan)
    );
    out
}

fn heading(out: &mut String, plan: &Plan) -> std::fmt::Result {
    let [stable, candidate] = Role::BOTH.map(|role| plan.environments[role].words());
    writeln!(out, "{}", plan.title())?;
    writeln!(out, "STABLE {stable}  →  CANDIDATE {candidate}")?;
    let how = match plan.advance {
        Advance::Manual => "a person advances each step",
        Advance::Automatic => "advances by itself once every gate passes, never past a hold point",
    };
    writeln!(out, "plan {} sha256 {}", Clean::new(plan.source.path.display().to_string()), &plan.source.hash[..12])?;
    writeln!(out, "advance: {how}\n")
}

fn steps(out: &mut String, plan: &Plan, rate: Option<f64>) -> std::fmt::Result {
    // Anything but a number of requests tells nothing.
    let rate = rate.filter(|rate| rate.is_finite() && *rate >= 0.0);
    writeln!(out, "Schedule")?;
    let mut at = Duration::ZERO;
    for step in &plan.steps {
        let hold = if step.hold { " at least, then a person goes on" } else { "" };
        writeln!(out, "  {:>6}  {:>6}  bake {}{hold}", t_plus(at), step.split.to_string(), duration_words(step.bake))?;
        if let Some(role) = &step.approval {
            writeln!(out, "                  needs approval: {role}")?;
        }
        if let Some(breaks) = &step.point_of_no_return {
            writeln!(out, "                  POINT OF NO RETURN: {breaks}; no automatic rollback from here")?;
        }
        for gate in &step.gates {
            let limit = plan.quantity(&gate.subject.signal, gate.below);
            writeln!(out, "                  gate: {} < {limit}", subject_words(&gate.subject))?;
            if let Some(wait) = rate.and_then(|rate| wait_for(&gate.subject, gate.below, step.split, rate)) {
                writeln!(out, "                  ! cannot open at {} rps: {wait}", trimmed(rate.unwrap_or(0.0)))?;
            }
        }
        for guardrail in &plan.guardrails {
            // After the last step nothing goes forward any more.
            let Some(limit) = guardrail.forward_limit().filter(|_| step.split != Split::ALL_CANDIDATE) else {
                continue;
            };
            if let Some(wait) = rate.and_then(|rate| wait_for(&guardrail.subject, limit, step.split, rate)) {
                writeln!(out, "                  ! the limit stays unknown and locks forward: {wait}")?;
            }
        }
        at += step.bake;
    }
    writeln!(
        out,
        "  {:>6}  earliest end; then watched for {}, with rollback armed",
        t_plus(at),
        duration_words(plan.watch)
    )?;
    let waits = plan.advance == Advance::Manual || plan.steps.iter().any(|step| step.hold || step.approval.is_some());
    let why = if waits { "it waits for people" } else { "a closed gate waits" };
    writeln!(out, "  latest end: none; {why}")
}

fn t_plus(at: Duration) -> String {
    let minutes = at.as_secs() / 60;
    let seconds = at.as_secs() % 60;
    if seconds == 0 { format!("T+{minutes:02}") } else { format!("T+{minutes:02}:{seconds:02}") }
}

fn subject_words(subject: &Subject) -> String {
    let least = if subject.minimum_requests > 0 {
        format!(", at least {} requests", subject.minimum_requests)
    } else {
        String::new()
    };
    format!("{} {} over {}{least}", subject.signal, subject.role.word(), duration_words(subject.window))
}

/// What a subject waits for at this rate, when its window cannot hold enough requests:
/// `0.1 % errors at 1 % of 12 rps needs 6 h 57 min`.
fn wait_for(subject: &Subject, limit: f64, split: Split, rate: f64) -> Option<String> {
    let what = match subject.signal {
        Signal::ErrorRatio => format!("{}% errors", trimmed(limit * 100.0)),
        Signal::Latency(_) => format!("{} below {}", subject.signal, Quantity { value: limit, unit: Unit::Seconds }),
        Signal::RequestRate | Signal::UnhealthyFor | Signal::Gauge(_) => return None,
    };
    let share = split.seen_from(subject.role);
    let arriving = rate * share.fraction();
    let needed = subject.minimum_requests as f64;
    if needed <= 0.0 || arriving * subject.window.as_secs_f64() >= needed {
        return None;
    }
    let at = format!("{what} at {share} of {} rps", trimmed(rate));
    if arriving <= 0.0 {
        return Some(format!("{at} never has {needed} requests"));
    }
    let seconds = (needed / arriving).min(31_536_000.0);
    // Rounded up to what is shown: a wait is not over before its time.
    let shown = if seconds > 60.0 { (seconds / 60.0).ceil() * 60.0 } else { seconds.ceil() };
    let needs = duration_words(Duration::from_secs_f64(shown));
    Some(format!("{at} needs {needs}, the window is {}", duration_words(subject.window)))
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn limits(out: &mut String, plan: &Plan) -> std::fmt::Result {
    writeln!(out, "\nGuardrails")?;
    if plan.guardrails.is_empty() {
        writeln!(out, "  none: nothing holds or rolls back by itself")?;
    }
    for guardrail in &plan.guardrails {
        writeln!(out, "  {}", guardrail_words(plan, guardrail))?;
    }
    let automatic = if plan.rollback.automatic { "on" } else { "off: a person rolls back" };
    writeln!(out, "  automatic rollback: {automatic}")?;
    writeln!(out, "\nChecks")?;
    for check in &plan.checks {
        let must = if check.required { "required" } else { "shown only" };
        let what = match &check.kind {
            CheckKind::Http(http) => format!(
                "{} {} {}",
                plan.environments[http.role].words(),
                http.paths.join(" "),
                if http.version.is_some() { "and its version" } else { "" }
            ),
            CheckKind::Reading { subject, below } => {
                format!("{} < {}", subject_words(subject), plan.quantity(&subject.signal, *below))
            }
            CheckKind::Balancer => "the balancer answers and holds what this run set".to_owned(),
        };
        writeln!(
            out,
            "  {:<24} {must:<10} every {:<6} {}",
            check.name,
            duration_words(check.interval),
            what.trim_end()
        )?;
    }
    Ok(())
}

fn guardrail_words(plan: &Plan, guardrail: &Guardrail) -> String {
    let limit = |word: &str, limit: Option<f64>| {
        limit.map(|limit| format!("{word} > {}", plan.quantity(&guardrail.subject.signal, limit)))
    };
    let limits: Vec<String> =
        [limit("warn", guardrail.warn), limit("hold", guardrail.hold), limit("roll back", guardrail.roll_back)]
            .into_iter()
            .flatten()
            .collect();
    let absent = match guardrail.absent {
        super::OnAbsent::Warn => "warns",
        super::OnAbsent::Hold => "holds",
        super::OnAbsent::RollBack => "rolls back",
    };
    format!(
        "{}: {}, for {}; no reading {absent}",
        subject_words(&guardrail.subject),
        limits.join(", "),
        duration_words(guardrail.sustained)
    )
}

fn contacts(out: &mut String, plan: &Plan) -> std::fmt::Result {
    let mut lines = Vec::new();
    match &plan.traffic.driver {
        Driver::Http(http) => {
            lines.push(format!("  write  POST {}{}", http.url, http.write_path));
            lines.push(format!("  read   GET {}{}", http.url, http.read_path));
        }
        Driver::Haproxy(haproxy) => {
            lines.extend(haproxy.nodes.iter().map(|node| {
                format!("  write and read  HAProxy {} at {}, backend {}", node.name, node.address, haproxy.backend)
            }));
        }
    }
    for role in Role::BOTH {
        let environment = &plan.environments[role];
        lines.push(format!("  read   {}{}", environment.url, environment.health));
        lines.extend(environment.metrics.iter().map(|url| format!("  read   {url}")));
    }
    for check in &plan.checks {
        if let CheckKind::Http(http) = &check.kind {
            let url = &plan.environments[http.role].url;
            lines.extend(http.paths.iter().map(|path| format!("  read   {url}{path}")));
        }
    }
    if let Some(sampler) = &plan.sampler {
        lines.push(format!("  sample {} up to {}/s", sampler.url, trimmed(sampler.rate)));
    }
    writeln!(out, "\nWill be contacted")?;
    for (index, line) in lines.iter().enumerate() {
        // Several checks ask one path.
        if !lines[..index].contains(line) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
