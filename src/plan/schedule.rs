//! What a plan will do, printed before anything is contacted.

use super::{Advance, CheckKind, Driver, Guardrail, Http, Plan, Script, Secret, Step, Subject};
use crate::domain::{Clean, Quantity, Role, Signal, Split, Unit, duration_words};
use std::fmt::Write as _;
use std::time::Duration;

/// Confidence at which an error ratio is shown to be below its limit: "3 000 error-free requests for 0.1 %".
const CONFIDENCE_Z: f64 = 3.0;
/// What stands below a step is under its words.
const INDENT: &str = "                  ";

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
    let _ = checks(&mut out, plan);
    let _ = hooks(&mut out, plan);
    let _ = contacts(&mut out, plan);
    let _ = needed(&mut out, plan);
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
    let mut at = Some(Duration::ZERO);
    let automatic = automatic_at_each(plan);
    let is_shared = automatic.iter().all(|at_step| *at_step == automatic[0]);
    for (index, (step, automatic)) in plan.steps.iter().zip(&automatic).enumerate() {
        let time = at.map_or_else(|| "T+?".to_owned(), t_plus);
        let hold = if step.hold { " at least, then a person goes on" } else { "" };
        writeln!(out, "  {time:>6}  {:>6}  bake {}{hold}", step.split.to_string(), duration_words(step.bake))?;
        if let Some(role) = &step.approval {
            writeln!(out, "{INDENT}needs approval: {role}")?;
        }
        if let Some(breaks) = &step.point_of_no_return {
            writeln!(out, "{INDENT}POINT OF NO RETURN: {breaks}; no automatic rollback from here")?;
        }
        for hook in plan.hooks.iter().filter(|hook| hook.required_before == Some(index)) {
            writeln!(out, "{INDENT}needs hook: {} passed within {}", hook.name, duration_words(hook.fresh))?;
        }
        let needs = needs(out, plan, step, rate)?;
        if !is_shared {
            limits_line(out, plan, "", *automatic)?;
        }
        at = at.zip(needs).map(|(at, needs)| at + needs.max(step.bake));
    }
    if is_shared {
        limits_line(out, plan, " at every step", automatic.first() == Some(&true))?;
    }
    ends(out, plan, rate, at)
}

/// Whether limits roll back by themselves at each step: not from a point of no return on.
fn automatic_at_each(plan: &Plan) -> Vec<bool> {
    let mut automatic = plan.rollback.automatic;
    let at_step = |step: &Step| {
        automatic &= step.point_of_no_return.is_none();
        automatic
    };
    plan.steps.iter().map(at_step).collect()
}

fn limits_line(out: &mut String, plan: &Plan, place: &str, automatic: bool) -> std::fmt::Result {
    if plan.guardrails.is_empty() {
        return Ok(());
    }
    let held = if automatic { "" } else { " (no automatic rollback)" };
    let limits: Vec<String> = plan.guardrails.iter().map(|guardrail| limits_words(plan, guardrail)).collect();
    writeln!(out, "{INDENT}limits{place}{held}: {}", limits.join("; "))
}

/// Writes a step's gates and what they and the limits wait for; gives how long that is at least, `None` for ever.
fn needs(out: &mut String, plan: &Plan, step: &Step, rate: Option<f64>) -> Result<Option<Duration>, std::fmt::Error> {
    let mut longest = Some(Duration::ZERO);
    let mut wait_for = |subject: &Subject, limit: f64| {
        let wait = Wait::of(subject, limit, step.split, rate?)?;
        longest = longest.zip(wait.needs).map(|(longest, needs)| longest.max(needs));
        Some(wait.words)
    };
    for gate in &step.gates {
        let limit = plan.quantity(&gate.subject.signal, gate.below);
        writeln!(out, "{INDENT}gate: {} < {limit}", subject_words(plan, &gate.subject))?;
        if let Some(words) = wait_for(&gate.subject, gate.below).flatten() {
            writeln!(out, "{INDENT}! cannot open at {} rps: {words}", trimmed(rate.unwrap_or(0.0)))?;
        }
    }
    for guardrail in &plan.guardrails {
        // After the last step nothing goes forward any more.
        let Some(limit) = guardrail.forward_limit().filter(|_| step.split != Split::ALL_CANDIDATE) else { continue };
        if let Some(words) = wait_for(&guardrail.subject, limit).flatten() {
            writeln!(out, "{INDENT}! the limit stays unknown and locks forward: {words}")?;
        }
    }
    if let Some(needs) = longest.filter(|needs| *needs > step.bake) {
        let (bake, needs) = (duration_words(step.bake), duration_words(rounded_up(needs)));
        writeln!(out, "{INDENT}! longer than its bake of {bake}: enough requests need {needs}")?;
    }
    Ok(longest)
}

fn ends(out: &mut String, plan: &Plan, rate: Option<f64>, at: Option<Duration>) -> std::fmt::Result {
    let counts = plan.steps.iter().flat_map(|step| &step.gates).any(|gate| gate.subject.minimum_requests > 0);
    let what = match (at, rate) {
        (None, _) => "no earliest end: a gate or limit stays closed",
        (Some(_), None) if counts => "earliest end by the bakes alone (--rate RPS adds what gates need)",
        (Some(_), _) => "earliest end",
    };
    let time = at.map_or_else(|| "never".to_owned(), t_plus);
    writeln!(out, "  {time:>6}  {what}; then watched for {}, with rollback armed", duration_words(plan.watch))?;
    let waits = plan.advance == Advance::Manual || plan.steps.iter().any(|step| step.hold || step.approval.is_some());
    let why = if waits { "a person decides" } else { "a closed gate waits, and a breach begins its bake again" };
    writeln!(out, "  latest end: none; {why}")
}

fn t_plus(at: Duration) -> String {
    let minutes = at.as_secs() / 60;
    let seconds = at.as_secs() % 60;
    if seconds == 0 { format!("T+{minutes:02}") } else { format!("T+{minutes:02}:{seconds:02}") }
}

fn subject_words(plan: &Plan, subject: &Subject) -> String {
    let least = if subject.minimum_requests > 0 {
        format!(", at least {} requests", subject.minimum_requests)
    } else {
        String::new()
    };
    let over = if has_window(plan, &subject.signal) {
        format!(" over {}", duration_words(subject.window))
    } else {
        String::new()
    };
    format!("{} {}{over}{least}", subject.signal, subject.role.word())
}

/// Whether a reading is taken over a window. Health and a gauge's value are of now.
fn has_window(plan: &Plan, signal: &Signal) -> bool {
    match signal {
        Signal::ErrorRatio | Signal::Latency(_) | Signal::RequestRate => true,
        Signal::UnhealthyFor => false,
        Signal::Gauge(name) => plan.metrics.gauges.iter().any(|gauge| gauge.name == *name && gauge.rate),
    }
}

/// How long a subject waits for its requests.
struct Wait {
    /// `None` when its window never holds enough of them.
    needs: Option<Duration>,
    /// Then also in words: `0.1 % errors at 1 % of 12 rps needs 6 h 57 min, the window is 30s`.
    words: Option<String>,
}

impl Wait {
    /// `None` for what rests on no requests.
    fn of(subject: &Subject, limit: f64, split: Split, rate: f64) -> Option<Self> {
        let what = match subject.signal {
            Signal::ErrorRatio => format!("{}% errors", trimmed(limit * 100.0)),
            Signal::Latency(_) => {
                format!("{} below {}", subject.signal, Quantity { value: limit, unit: Unit::Seconds })
            }
            Signal::RequestRate | Signal::UnhealthyFor | Signal::Gauge(_) => return None,
        };
        let share = split.seen_from(subject.role);
        let arriving = rate * share.fraction();
        let needed = subject.minimum_requests as f64;
        if needed <= 0.0 {
            return None;
        }
        let at = format!("{what} at {share} of {} rps", trimmed(rate));
        if arriving <= 0.0 {
            return Some(Self { needs: None, words: Some(format!("{at} never has {needed} requests")) });
        }
        let seconds = Duration::from_secs_f64((needed / arriving).min(31_536_000.0));
        if arriving * subject.window.as_secs_f64() >= needed {
            return Some(Self { needs: Some(seconds), words: None });
        }
        let needs = duration_words(rounded_up(seconds));
        let words = format!("{at} needs {needs}, the window is {}", duration_words(subject.window));
        Some(Self { needs: None, words: Some(words) })
    }
}

/// Rounded up to what is shown: a wait is not over before its time.
fn rounded_up(wait: Duration) -> Duration {
    let seconds = wait.as_secs_f64();
    Duration::from_secs_f64(if seconds > 60.0 { (seconds / 60.0).ceil() * 60.0 } else { seconds.ceil() })
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
    writeln!(out, "  automatic rollback: {automatic}")
}

fn checks(out: &mut String, plan: &Plan) -> std::fmt::Result {
    writeln!(out, "\nChecks")?;
    if !plan.checks.iter().any(|check| check.required) {
        writeln!(out, "  ! NONE IS REQUIRED: nothing is asked before traffic moves")?;
    }
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
                format!("{} < {}", subject_words(plan, subject), plan.quantity(&subject.signal, *below))
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

/// `5xx CANDIDATE warn > 1.00%, roll back > 5.00%`.
fn limits_words(plan: &Plan, guardrail: &Guardrail) -> String {
    let subject = &guardrail.subject;
    format!("{} {} {}", subject.signal, subject.role.word(), own_limits(plan, guardrail))
}

fn own_limits(plan: &Plan, guardrail: &Guardrail) -> String {
    let limits = [("warn", guardrail.warn), ("hold", guardrail.hold), ("roll back", guardrail.roll_back)];
    let given = limits.into_iter().filter_map(|(word, limit)| Some((word, limit?)));
    let words = given.map(|(word, limit)| format!("{word} > {}", plan.quantity(&guardrail.subject.signal, limit)));
    words.collect::<Vec<_>>().join(", ")
}

/// `5xx CANDIDATE over 30s: warn > 1.00%, roll back > 5.00%, for 30s; no reading holds`.
pub fn guardrail_words(plan: &Plan, guardrail: &Guardrail) -> String {
    let absent = match guardrail.absent {
        super::OnAbsent::Warn => "warns",
        super::OnAbsent::Hold => "holds",
        super::OnAbsent::RollBack => "rolls back",
    };
    format!(
        "{}: {}, for {}; no reading {absent}",
        subject_words(plan, &guardrail.subject),
        own_limits(plan, guardrail),
        duration_words(guardrail.sustained)
    )
}

/// The operator's own programs; they run when a person says so, and at no time otherwise.
fn hooks(out: &mut String, plan: &Plan) -> std::fmt::Result {
    if plan.hooks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nHooks: run by the driver with :run NAME, never by themselves")?;
    for hook in &plan.hooks {
        let asks = if hook.asks { "; asks first" } else { "" };
        let only = hook.only_after_complete.map_or_else(String::new, |after| match after {
            Duration::ZERO => "; only once complete".to_owned(),
            after => format!("; only {} after it is complete", duration_words(after)),
        });
        writeln!(
            out,
            "  {:<24} {}, at most {}{only}{asks}",
            hook.name,
            hook.says,
            duration_words(hook.script.timeout)
        )?;
        writeln!(out, "  {:<24} {}", "", hook.script.words())?;
    }
    Ok(())
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
        Driver::Alb(alb) => {
            lines.extend(
                alb.forwards.iter().map(|forward| format!("  write and read  AWS {}  {}", forward.name, forward.arn)),
            );
            lines.extend(
                Role::BOTH.map(|role| format!("  read   AWS {} targets  {}", role.key(), alb.groups[role].arn)),
            );
            let place = alb
                .endpoint
                .clone()
                .unwrap_or_else(|| format!("the endpoint of {}, unless AWS_ENDPOINT_URL names another", alb.region()));
            lines.push(format!("  read   AWS credentials as the AWS tools find them, for {place}"));
        }
        Driver::Command(command) => {
            lines.push(format!("  write  {} by {}", command.balancer, command.set.words()));
            lines.push(format!("  read   {} by {}", command.balancer, command.get.words()));
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

/// Variables and files that must be there where the keeper runs.
fn needed(out: &mut String, plan: &Plan) -> std::fmt::Result {
    let mut spoken: Vec<(String, &Http)> =
        Role::BOTH.map(|role| (format!("environments.{}", role.key()), &plan.environments[role].http)).to_vec();
    if let Driver::Http(http) = &plan.traffic.driver {
        spoken.push(("traffic".to_owned(), &http.http));
    }
    spoken.extend(plan.sampler.as_ref().map(|sampler| ("sampler".to_owned(), &sampler.http)));
    let mut lines = Vec::new();
    for (section, http) in spoken {
        lines.extend(http.ca.iter().map(|path| format!("  file      {}  for {section}.ca", path.display())));
        lines.extend(
            http.headers.iter().filter_map(|(name, secret)| source(secret, &format!("{section}.headers.{name}"))),
        );
    }
    let mut programs: Vec<(String, &Script)> = Vec::new();
    if let Driver::Command(command) = &plan.traffic.driver {
        programs.extend([("traffic.set".to_owned(), &command.set), ("traffic.get".to_owned(), &command.get)]);
    }
    programs.extend(plan.hooks.iter().map(|hook| (format!("hooks.{}", hook.name), &hook.script)));
    for (section, script) in programs {
        lines.extend(script.file().map(|path| format!("  program   {}  for {section}", path.display())));
        lines.extend(script.env.iter().filter_map(|(name, secret)| source(secret, &format!("{section}.env.{name}"))));
    }
    if !lines.is_empty() {
        writeln!(out, "\nNeeded where it runs\n{}", lines.join("\n"))?;
    }
    Ok(())
}

/// Where a value comes from that is not in the plan.
fn source(secret: &Secret, what: &str) -> Option<String> {
    match secret {
        Secret::Plain(_) => None,
        Secret::Env(variable) => Some(format!("  variable  {variable}  for {what}")),
        Secret::File(path) => Some(format!("  file      {}  for {what}", path.display())),
    }
}
