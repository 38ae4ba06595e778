//! From the file's text to a [`Plan`]: one function for each section of the file.

use super::section::{PlanErrors, Read, Report, Section, Wrong, nearest, wrong_type};
use super::validate::Placed;
use super::values::{
    boolean, duration, environment_name, field_name, haproxy_address, haproxy_name, header_name, json, label_name,
    metric_name, one_of, path_text, plain_text, role, share, short_text, status_pattern, text, url_text, whole_number,
};
use super::{
    Access, Advance, Check, CheckKind, Combine, Driver, Environment, Gate, Gauge, Guardrail, HaproxyDriver,
    HaproxyNode, Http, HttpCheck, HttpDriver, Lever, Metrics, OnAbsent, PerRole, Plan, PlanSource, Poll,
    RequestsMetric, Rollback, Sampler, Secret, Step, Subject, Traffic, validate,
};
use crate::domain::{Clean, Percentile, Role, Signal, Split, Unit, parse_share};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// Largest plan file, in bytes; the longest plan we know is 9 KB. What a hostile one costs grows with it: the parser
/// takes four hundred times the text when every line is wrong, and looking for what is there twice is quadratic.
pub const PLAN_BYTES_MAX: u64 = 128 * 1024;
/// Stack for the parser: the deepest nesting that it takes (80 tables of 80 dotted keys) needs 5 MB in a debug build.
const PARSE_STACK_BYTES: usize = 64 * 1024 * 1024;

const DURATION: &str = "a duration such as \"150ms\", \"30s\", \"5m\" or \"1h 30m\"";

/// Reads a plan from a file.
pub fn load_file(path: &Path) -> Result<Plan, PlanErrors> {
    let unreadable = |problem: String| {
        let report = Report::new(path, "");
        report.push(0..0, problem, "a readable TOML file of at most 128 KiB", None);
        report.into_errors()
    };
    let mut bytes = Vec::new();
    // Counted while reading: a pipe or a device has no length of its own.
    let reading = std::fs::File::open(path).and_then(|file| file.take(PLAN_BYTES_MAX + 1).read_to_end(&mut bytes));
    reading.map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > PLAN_BYTES_MAX {
        return Err(unreadable("is longer than 128 KiB".to_owned()));
    }
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let report = Report::new(path, &good);
            report.push(good.len()..good.len(), "is not UTF-8 here".to_owned(), "UTF-8, as TOML has it", None);
            return Err(report.into_errors());
        }
    };
    load(path, text)
}

/// Reads a plan from its text. Every error is reported, in the file's order.
pub fn load(path: &Path, text: &str) -> Result<Plan, PlanErrors> {
    // The parser goes down one frame a level, and a file of a few KB can have thousands of levels.
    let reading = std::thread::Builder::new().stack_size(PARSE_STACK_BYTES);
    std::thread::scope(|scope| {
        let thread = reading.spawn_scoped(scope, || load_here(path, text));
        let result = thread.map(std::thread::ScopedJoinHandle::join);
        match result {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => {
                let report = Report::new(path, text);
                report.push(0..0, format!("cannot be read: no thread: {error}"), "", None);
                Err(report.into_errors())
            }
        }
    })
}

fn load_here(path: &Path, text: &str) -> Result<Plan, PlanErrors> {
    let mut report = Report::new(path, text);
    let (document, syntax) = DeTable::parse_recoverable(text);
    report.syntax(&syntax);
    let plan = {
        let root = Section::new(&report, String::new(), 0..0, document.get_ref());
        whole_plan(root, path, text)
    };
    match plan {
        Some(plan) if report.is_empty() => Ok(plan),
        _ => Err(report.into_errors()),
    }
}

fn whole_plan(root: Section<'_>, path: &Path, text: &str) -> Option<Plan> {
    root.required("version", "1, the version of this file's format", |value| {
        match value.as_integer().map(ToString::to_string).as_deref() {
            Some("1") => Ok(()),
            _ => Err("is not a format this program reads".into()),
        }
    });
    let name = root.required("name", "what is cut over, such as \"checkout\"", short_text);
    let target = root.required("target", "where, such as \"prod-eu1\"", short_text);
    let environments = environments(&root);
    let metrics = metrics(&root);
    let context = metrics.as_ref();
    let traffic = traffic(&root);
    let sampler = root.table("sampler").map(sampler);
    let poll = poll(root.table("poll"));
    let advance = root
        .optional("advance", "\"manual\" or \"automatic\"", |value| {
            one_of(value, &[("manual", Advance::Manual), ("automatic", Advance::Automatic)])
        })
        .unwrap_or(Advance::Manual);
    let steps = placed(root.tables("steps"), "split", |section| step(section, context));
    let watch = root
        .optional("watch", DURATION, duration(Duration::ZERO..=Duration::from_secs(86_400 * 7)))
        .unwrap_or(Duration::from_secs(3600));
    let checks = placed(root.tables("checks"), "name", |section| check(section, context));
    let guardrails = placed(root.tables("guardrails"), "window", |section| guardrail(section, context));
    let rollback = rollback(root.table("rollback"));
    let access = access(root.table("access"));

    if !root.report().is_broken() {
        let parts = validate::Parts {
            environments: environments.as_ref(),
            sampler: sampler.as_ref().and_then(Option::as_ref),
            poll: poll.as_ref(),
            metrics: metrics.as_ref(),
            steps: &steps,
            checks: &checks,
            guardrails: &guardrails,
            advance,
            rollback: rollback.as_ref(),
        };
        validate::whole(&root, &parts);
    }
    let source = PlanSource {
        path: path.to_owned(),
        text: text.to_owned(),
        hash: Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    };
    root.finish();
    Some(Plan {
        name: name?,
        target: target?,
        environments: environments?,
        traffic: traffic?,
        sampler: match sampler {
            Some(sampler) => Some(sampler?),
            None => None,
        },
        metrics: metrics?,
        poll: poll?,
        advance,
        steps: unplaced(steps)?,
        watch,
        checks: unplaced(checks)?,
        guardrails: unplaced(guardrails)?,
        rollback: rollback?,
        access: access?,
        source,
    })
}

/// Reads a list of tables, keeping where each one's telling key stands.
fn placed<'a, T>(sections: Vec<Section<'a>>, key: &str, read: impl Fn(Section<'a>) -> Option<T>) -> Vec<Placed<T>> {
    sections
        .into_iter()
        .map(|section| {
            let span = section.span_of(key);
            Placed { span, value: read(section) }
        })
        .collect()
}

fn unplaced<T>(placed: Vec<Placed<T>>) -> Option<Vec<T>> {
    placed.into_iter().map(|item| item.value).collect()
}

fn environments(root: &Section<'_>) -> Option<PerRole<Environment>> {
    let both = root.required_table("environments", "[environments.stable] and [environments.candidate]")?;
    let stable = both.required_table("stable", "the environment that serves today").map(environment);
    let candidate = both.required_table("candidate", "the environment that is to take over");
    let places =
        candidate.as_ref().map(|section| ["label", "colour", "url", "metrics"].map(|key| section.span_of(key)));
    let candidate = candidate.map(environment);
    both.finish();
    let environments = PerRole { stable: stable??, candidate: candidate?? };
    validate::told_apart(root, &environments, &places?);
    Some(environments)
}

fn environment(section: Section<'_>) -> Option<Environment> {
    let label = section.required("label", "what people call it, such as \"v2.0.5\"", short_text);
    let colour = section.required("colour", "a word such as \"blue\", at most 8 letters", |value| {
        let word = text(value)?;
        let fits = !word.is_empty() && word.len() <= 8 && word.chars().all(|c| c.is_ascii_alphabetic());
        if fits { Ok(Clean::new(word.to_lowercase())) } else { Err(format!("{word:?} is not such a word").into()) }
    });
    let version = section.optional("version", "the version its health answer gives", short_text);
    let url = section.required("url", "its own base URL, not the balancer's", url_text);
    let health = section.optional("health", "a path that starts with /", path_text).unwrap_or_else(|| "/health".into());
    let metrics = required_list(&section, "metrics", "a list of exposition URLs, one an instance", url_text);
    let http = http_options(&section);
    section.finish();
    Some(Environment { label: label?, colour: colour?, version, url: url?, health, metrics: metrics?, http })
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

fn http_options(section: &Section<'_>) -> Http {
    let ca = section.optional("ca", "the path of a PEM file", text).map(PathBuf::from);
    let mut headers = Vec::new();
    if let Some(table) = section.table("headers") {
        for (name, value) in table.entries() {
            match header_source(&name, value.get_ref()) {
                Ok(source) => headers.push((name, source)),
                Err(wrong) => table.report().push(
                    value.span(),
                    format!("{}.{name}: {}", table.name(), wrong.problem),
                    "{ env = \"NAME\" }, { file = \"/path\" }, or plain text when it is not secret",
                    None,
                ),
            }
        }
    }
    Http { ca, headers }
}

fn header_source(name: &str, value: &DeValue<'_>) -> Read<Secret> {
    const SECRET_WORDS: [&str; 7] = ["auth", "cookie", "token", "key", "secret", "password", "session"];
    const SECRET_STARTS: [&str; 2] = ["bearer ", "basic "];
    header_name(name)?;
    if let Some(plain) = value.as_str() {
        let (name, lower) = (name.to_ascii_lowercase(), plain.to_ascii_lowercase());
        let is_secret = SECRET_WORDS.iter().any(|word| name.contains(word))
            || SECRET_STARTS.iter().any(|start| lower.starts_with(start));
        return if is_secret {
            Err("a secret does not belong in a plan".into())
        } else {
            plain_text(value).map(Secret::Plain)
        };
    }
    let table = value.as_table().ok_or_else(|| wrong_type(value))?;
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => match key.get_ref().as_ref() {
            "env" => environment_name(value.get_ref()).map(Secret::Env),
            "file" => plain_text(value.get_ref()).map(|path| Secret::File(path.into())),
            other => Err(format!("{other:?} is not a source").into()),
        },
        _ => Err("needs exactly one source".into()),
    }
}

fn traffic(root: &Section<'_>) -> Option<Traffic> {
    let section = root.required_table("traffic", "driver = \"http\" or \"haproxy\" with its nodes")?;
    let kind = section.required("driver", "\"http\" or \"haproxy\"", |value| {
        one_of(value, &[("http", "http"), ("haproxy", "haproxy")])
    });
    let lateness = section
        .optional("lateness", "a duration from \"0s\" to \"10m\"", duration(Duration::ZERO..=Duration::from_secs(600)))
        .unwrap_or(Duration::from_secs(5));
    let timeout = section
        .optional(
            "timeout",
            "a duration from \"100ms\" to \"60s\"",
            duration(Duration::from_millis(100)..=Duration::from_secs(60)),
        )
        .unwrap_or(Duration::from_secs(2));
    let driver = match kind {
        Some("http") => http_driver(&section).map(Driver::Http),
        Some(_) => haproxy_driver(&section).map(Driver::Haproxy),
        None => {
            // The rest cannot be judged without the kind; known keys are not "no such key".
            for key in
                ["url", "write_path", "read_path", "fields", "extra", "ca", "headers", "nodes", "backend", "servers"]
            {
                section.has(key);
            }
            None
        }
    };
    section.finish();
    Some(Traffic { driver: driver?, lateness, timeout })
}

fn http_driver(section: &Section<'_>) -> Option<HttpDriver> {
    let url = section.required("url", "the balancer's base URL", url_text);
    let write_path =
        section.optional("write_path", "a path that starts with /", path_text).unwrap_or_else(|| "/api/traffic".into());
    let read_path =
        section.optional("read_path", "a path that starts with /", path_text).unwrap_or_else(|| "/api/status".into());
    let fields = section
        .required_table("fields", "the JSON field of each environment: { stable = \"blue\", candidate = \"green\" }");
    let fields = fields.and_then(|table| {
        let stable = table.required("stable", "a JSON field", field_name);
        let candidate = table.required("candidate", "a JSON field", field_name);
        if stable.is_some() && stable == candidate {
            table.problem("candidate", "is the stable environment's field too", "two different fields", None);
        }
        table.finish();
        Some(PerRole { stable: stable?, candidate: candidate? })
    });
    let mut extra = Vec::new();
    if let Some(table) = section.table("extra") {
        for (key, value) in table.entries() {
            let is_share =
                fields.as_ref().is_some_and(|fields: &PerRole<String>| key == fields.stable || key == fields.candidate);
            let read = if is_share { Err("is an environment's share".into()) } else { json(value.get_ref()) };
            match read {
                Ok(value) => extra.push((key, value.to_string())),
                Err(wrong) => {
                    let problem = format!("{}.{key}: {}", table.name(), wrong.problem);
                    table.report().push(value.span(), problem, "text, a number or a boolean", None);
                }
            }
        }
    }
    let http = http_options(section);
    Some(HttpDriver { url: url?, write_path, read_path, fields: fields?, extra, http })
}

fn haproxy_driver(section: &Section<'_>) -> Option<HaproxyDriver> {
    const NODES: &str = "[[traffic.nodes]] with name and address, at least one";
    if !section.has("nodes") {
        section.missing("nodes", NODES);
    }
    let nodes = placed(section.tables("nodes"), "name", haproxy_node);
    for (index, node) in nodes.iter().enumerate() {
        let Some(this) = &node.value else { continue };
        let before = nodes[..index].iter().filter_map(|other| other.value.as_ref());
        for other in before {
            let twice = if other.name == this.name {
                Some(this.name.to_string())
            } else {
                (other.address == this.address).then(|| this.address.to_string())
            };
            if let Some(twice) = twice {
                section.report().push(
                    node.span.clone(),
                    format!("traffic.nodes: {twice} is there twice"),
                    "each node once",
                    None,
                );
            }
        }
    }
    let nodes = unplaced(nodes).filter(|nodes| !nodes.is_empty());
    let backend = section.required("backend", "the name of the backend with both environments' servers", haproxy_name);
    let servers =
        section.required_table("servers", "{ stable = [\"blue1\"], candidate = [\"green1\"] }").and_then(|table| {
            let servers = server_lists(&table, "server names of the backend", haproxy_name);
            table.finish();
            servers
        });
    Some(HaproxyDriver { nodes: nodes?, backend: backend?, servers: servers? })
}

fn haproxy_node(section: Section<'_>) -> Option<HaproxyNode> {
    let name = section.required("name", "what people call the node", short_text);
    let address =
        section.required("address", "\"host:port\" or \"unix:/run/haproxy.sock\" of its runtime API", haproxy_address);
    section.finish();
    Some(HaproxyNode { name: name?, address: address? })
}

fn server_lists(
    table: &Section<'_>,
    allowed: &str,
    item: fn(&DeValue<'_>) -> Read<String>,
) -> Option<PerRole<Vec<String>>> {
    let stable = required_list(table, "stable", allowed, item);
    let candidate = required_list(table, "candidate", allowed, item);
    let (stable, candidate) = (stable?, candidate?);
    if let Some(both) = stable.iter().find(|name| candidate.contains(name)) {
        table.problem("candidate", &format!("{both:?} is the stable environment's too"), "each server once", None);
        return None;
    }
    Some(PerRole { stable, candidate })
}

fn sampler(section: Section<'_>) -> Option<Sampler> {
    let url = section.required("url", "a URL through the balancer", url_text);
    let header = section
        .optional("header", "a header name", |value| {
            let name = text(value)?;
            header_name(&name)?;
            Ok(name)
        })
        .unwrap_or_else(|| "X-Backend-Server".into());
    let servers = section
        .required_table("servers", "the header's values: { stable = [\"blue-1\"], candidate = [\"green-1\"] }")
        .and_then(|table| {
            let servers = server_lists(&table, "values of the header", plain_text);
            table.finish();
            servers
        });
    let rate = section.optional("rate", "a rate from \"0.1/s\" to \"50/s\"", |value| {
        let rate = Unit::PerSecond.parse(&text(value)?).map_err(|e| e.to_string())?;
        if (0.1..=50.0).contains(&rate) { Ok(rate) } else { Err(format!("{rate}/s is out of range").into()) }
    });
    let http = http_options(&section);
    section.finish();
    Some(Sampler { url: url?, header, servers: servers?, rate: rate.unwrap_or(5.0), http })
}

fn metrics(root: &Section<'_>) -> Option<Metrics> {
    let section = root.required_table("metrics", "what to read from the environments' expositions")?;
    let requests = section
        .required_table("requests", "{ metric = \"http_requests_total\", status = \"status\", errors = \"5..\" }")
        .and_then(|table| {
            let metric = table.required("metric", "the request counter's name", metric_name);
            let status_label =
                table.optional("status", "the label with the status", label_name).unwrap_or_else(|| "status".into());
            let errors = table
                .optional("errors", "letters, digits and dots such as \"5..\"", status_pattern)
                .unwrap_or_else(|| "5..".into());
            table.finish();
            Some(RequestsMetric { metric: metric?, status_label, errors })
        });
    let latency = section.optional("latency", "the latency histogram's name, without _bucket", metric_name);
    let window = section
        .optional(
            "window",
            "a duration from \"2s\" to \"1h\"",
            duration(Duration::from_secs(2)..=Duration::from_secs(3600)),
        )
        .unwrap_or(Duration::from_secs(30));
    let mut labels = Vec::new();
    if let Some(table) = section.table("labels") {
        for (key, value) in table.entries() {
            let is_status = requests.as_ref().is_some_and(|requests: &RequestsMetric| requests.status_label == key);
            let read = if is_status {
                Err("would leave out the other statuses".into())
            } else {
                crate::plan::values::label(&key).and_then(|()| plain_text(value.get_ref()))
            };
            match read {
                Ok(word) => labels.push((key, word)),
                Err(wrong) => {
                    let problem = format!("{}.{key}: {}", table.name(), wrong.problem);
                    table.report().push(value.span(), problem, "a label's name and some text", None);
                }
            }
        }
    }
    let mut gauges = Vec::new();
    for table in section.tables("gauges") {
        let taken: Vec<Clean> = gauges.iter().flatten().map(|g: &Gauge| g.name.clone()).collect();
        gauges.push(gauge(table, &taken));
    }
    section.finish();
    Some(Metrics { requests: requests?, latency, labels, gauges: gauges.into_iter().collect::<Option<_>>()?, window })
}

fn gauge(section: Section<'_>, taken: &[Clean]) -> Option<Gauge> {
    let name = section.required("name", "a name that checks and guardrails use", |value| {
        let name = short_text(value)?;
        if taken.contains(&name) || simple_signal(name.as_str()).is_some() {
            return Err(format!("{name} is taken").into());
        }
        Ok(name)
    });
    let metric = section.required("metric", "a series' name", metric_name);
    let divide_by = section.optional("divide_by", "a series' name", metric_name);
    let rate = section.optional("rate", "true or false", boolean).unwrap_or(false);
    let unit = section.required("unit", "\"ratio\", \"seconds\", \"per_second\", \"bytes\" or \"count\"", |value| {
        one_of(
            value,
            &[
                ("ratio", Unit::Ratio),
                ("seconds", Unit::Seconds),
                ("per_second", Unit::PerSecond),
                ("bytes", Unit::Bytes),
                ("count", Unit::Count),
            ],
        )
    });
    let combine = section
        .optional("combine", "\"max\" or \"sum\"", |value| {
            one_of(value, &[("max", Combine::Max), ("sum", Combine::Sum)])
        })
        .unwrap_or(Combine::Max);
    section.finish();
    Some(Gauge { name: name?, metric: metric?, divide_by, rate, unit: unit?, combine })
}

fn poll(section: Option<Section<'_>>) -> Option<Poll> {
    let mut poll =
        Poll { readings: Duration::from_secs(1), balancer: Duration::from_secs(1), health: Duration::from_secs(2) };
    if let Some(section) = section {
        const RANGE: &str = "a duration from \"200ms\" to \"60s\"";
        let interval = || duration(Duration::from_millis(200)..=Duration::from_secs(60));
        for (key, field) in
            [("readings", &mut poll.readings), ("balancer", &mut poll.balancer), ("health", &mut poll.health)]
        {
            if let Some(value) = section.optional(key, RANGE, interval()) {
                *field = value;
            }
        }
        section.finish();
    }
    Some(poll)
}

fn step(section: Section<'_>, metrics: Option<&Metrics>) -> Option<Step> {
    let split = section.required("split", "the candidate's share, from \"0.1 %\" to \"100 %\" in tenths", |value| {
        let word = text(value)?;
        let fraction = parse_share(&word).ok_or_else(|| format!("{word:?} is not a share"))?;
        let split =
            Split::from_fraction(fraction).filter(|s| s.permille() > 0 && (s.fraction() - fraction).abs() < 1e-9);
        Ok(split.ok_or_else(|| format!("{word:?} is not from 0.1 % to 100 % in tenths of a percent"))?)
    });
    let bake = section.required("bake", DURATION, duration(Duration::ZERO..=Duration::from_secs(86_400 * 7)));
    let hold = section.optional("hold", "true or false", boolean).unwrap_or(false);
    let approval = section.optional("approval", "the role that approves, such as \"decision authority\"", short_text);
    let point_of_no_return = section.optional("point_of_no_return", "what breaks when one goes back", short_text);
    let gates: Vec<Option<Gate>> = section
        .tables("gates")
        .into_iter()
        .map(|table| {
            let told = table.has("minimum_requests");
            let subject = subject(&table, metrics);
            let below = below(&table, subject.as_ref(), metrics);
            table.finish();
            let (mut subject, below) = (subject?, below?);
            if subject.signal == Signal::ErrorRatio && !told {
                // A ratio below its limit is shown only by so many requests.
                subject.minimum_requests = super::needed_requests(below);
            }
            Some(Gate { subject, below })
        })
        .collect();
    section.finish();
    Some(Step {
        split: split?,
        bake: bake?,
        hold,
        approval,
        gates: gates.into_iter().collect::<Option<_>>()?,
        point_of_no_return,
    })
}

/// `reading`, `environment`, `window`, `minimum_requests`: the same four keys in gates, checks and guardrails.
fn subject(section: &Section<'_>, metrics: Option<&Metrics>) -> Option<Subject> {
    let signal = section.required("reading", &signals_allowed(metrics), |value| {
        let word = text(value)?;
        simple_signal(&word)
            .or_else(|| {
                let name = Clean::new(&word);
                // Without a sound [metrics] no gauge is known, and blaming its users would be noise.
                let known = metrics.is_none_or(|m| m.gauges.iter().any(|gauge| gauge.name == name));
                known.then_some(Signal::Gauge(name))
            })
            .ok_or_else(|| {
                let known = signals_allowed(metrics);
                let meant = nearest(&word, known.split(", ")).map(|word| format!("{word:?}"));
                Wrong::from(format!("{word:?} is not a reading")).perhaps(meant)
            })
    });
    if let (Some(Signal::Latency(_)), Some(metrics)) = (&signal, metrics)
        && metrics.latency.is_none()
    {
        section.problem("reading", "needs a histogram", "metrics.latency = \"…\"", None);
    }
    let role = section.optional("environment", "\"stable\" or \"candidate\"", role).unwrap_or(Role::Candidate);
    let window = section
        .optional(
            "window",
            "a duration from \"2s\" to \"1h\"",
            duration(Duration::from_secs(2)..=Duration::from_secs(3600)),
        )
        .or(metrics.map(|m| m.window));
    let counted = matches!(signal, Some(Signal::ErrorRatio | Signal::Latency(_)));
    let minimum_requests = section.optional("minimum_requests", "a whole number", whole_number);
    if let (Some(_), Some(signal), false) = (minimum_requests, &signal, counted) {
        section.problem(
            "minimum_requests",
            &format!("{signal} does not rest on requests"),
            "only error_ratio, p50, p95 and p99",
            None,
        );
    }
    Some(Subject {
        signal: signal?,
        role,
        window: window.unwrap_or(Duration::from_secs(30)),
        minimum_requests: minimum_requests.unwrap_or(u64::from(counted) * 20),
    })
}

fn simple_signal(word: &str) -> Option<Signal> {
    Some(match word {
        "error_ratio" => Signal::ErrorRatio,
        "p50" => Signal::Latency(Percentile::P50),
        "p95" => Signal::Latency(Percentile::P95),
        "p99" => Signal::Latency(Percentile::P99),
        "request_rate" => Signal::RequestRate,
        "unhealthy_for" => Signal::UnhealthyFor,
        _ => return None,
    })
}

fn signals_allowed(metrics: Option<&Metrics>) -> String {
    let mut words = vec!["error_ratio", "p50", "p95", "p99", "request_rate", "unhealthy_for"];
    words.extend(metrics.iter().flat_map(|m| m.gauges.iter().map(|g| g.name.as_str())));
    words.join(", ")
}

/// A limit that must be there and that a reading can be under.
fn below(section: &Section<'_>, subject: Option<&Subject>, metrics: Option<&Metrics>) -> Option<f64> {
    if !section.has("below") {
        section.missing("below", "the limit");
        return None;
    }
    let below = limit(section, "below", subject, metrics)?;
    if below <= 0.0 && subject.is_some() {
        section.problem("below", "nothing is below nothing", "a limit above zero", None);
        return None;
    }
    Some(below)
}

fn limit(
    section: &Section<'_>,
    key: &'static str,
    subject: Option<&Subject>,
    metrics: Option<&Metrics>,
) -> Option<f64> {
    // A simple signal has its unit whatever [metrics] says; a gauge's is only known from there. A limit
    // whose reading is wrong cannot be judged, and the reading's own error is enough.
    let unit = match subject.map(|s| &s.signal) {
        Some(Signal::Gauge(_)) | None => subject.and_then(|s| metrics.map(|m| m.unit(&s.signal))),
        Some(signal) => Some(super::simple_unit(signal)),
    };
    let allowed = unit.map_or("a limit", Unit::how_to_write);
    section.optional(key, allowed, |value| {
        let word = match value {
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                text(value)?
            }
        };
        let Some(unit) = unit else { return Ok(0.0) };
        unit.parse(&word).map_err(|error| {
            let meant = match (unit, word.parse::<f64>()) {
                (Unit::Ratio, Ok(fraction)) if fraction > 0.0 && fraction < 1.0 => {
                    let percent = format!("{:.6}", fraction * 100.0);
                    Some(format!("\"{} %\"", percent.trim_end_matches('0').trim_end_matches('.')))
                }
                (Unit::Seconds, Ok(seconds)) if seconds.is_finite() && seconds > 0.0 => Some(format!("\"{seconds}s\"")),
                _ => None,
            };
            Wrong::from(error.to_string()).perhaps(meant)
        })
    })
}

fn check(section: Section<'_>, metrics: Option<&Metrics>) -> Option<Check> {
    let name = section.required("name", "what the screen calls it, at most 24 characters", |value| {
        let name = short_text(value)?;
        if name.as_str().chars().count() > 24 { Err("is too long".into()) } else { Ok(name) }
    });
    let required = section.optional("required", "true or false", boolean).unwrap_or(true);
    let interval = section.optional(
        "interval",
        "a duration from \"500ms\" to \"10m\"",
        duration(Duration::from_millis(500)..=Duration::from_secs(600)),
    );
    let timeout = section.optional(
        "timeout",
        "a duration from \"100ms\" to \"60s\"",
        duration(Duration::from_millis(100)..=Duration::from_secs(60)),
    );
    let kind = section.required("kind", "\"http\", \"reading\" or \"balancer\"", |value| {
        one_of(value, &[("http", "http"), ("reading", "reading"), ("balancer", "balancer")])
    });
    let kind = match kind {
        Some("http") => http_check(&section).map(CheckKind::Http),
        Some("reading") => {
            let subject = subject(&section, metrics);
            let below = below(&section, subject.as_ref(), metrics);
            subject.zip(below).map(|(subject, below)| CheckKind::Reading { subject, below })
        }
        Some(_) => Some(CheckKind::Balancer),
        None => {
            for key in [
                "environment",
                "path",
                "paths",
                "status",
                "json",
                "version",
                "slower_than",
                "reading",
                "below",
                "window",
                "minimum_requests",
            ] {
                section.has(key);
            }
            None
        }
    };
    section.finish();
    Some(Check {
        name: name?,
        required,
        interval: interval.unwrap_or(Duration::from_secs(5)),
        timeout: timeout.unwrap_or(Duration::from_secs(2)),
        kind: kind?,
    })
}

fn http_check(section: &Section<'_>) -> Option<HttpCheck> {
    let role = section.required("environment", "\"stable\" or \"candidate\"", role);
    let one = section.optional("path", "a path that starts with /", path_text);
    let several = section.list("paths", "a list of paths", path_text);
    let paths = match (one, several) {
        (Some(path), None) => Some(vec![path]),
        (None, Some(paths)) if !paths.is_empty() => Some(paths),
        // A path that is there and wrong has its error already.
        _ if section.has("path") != section.has("paths") => None,
        _ => {
            section.problem(
                "path",
                "needs exactly one of path and paths",
                "path = \"/health\" or paths = [\"/api/agents\"]",
                None,
            );
            None
        }
    };
    let status = if section.has("status") {
        required_list(section, "status", "a list of HTTP statuses", |item| {
            let number = whole_number(item)?;
            let status = u16::try_from(number).ok().filter(|s| (100..600).contains(s));
            Ok(status.ok_or_else(|| format!("{number} is not an HTTP status"))?)
        })
    } else {
        Some(vec![200])
    };
    let mut json_fields = Vec::new();
    if let Some(table) = section.table("json") {
        for (pointer, value) in table.entries() {
            let parsed =
                if pointer.starts_with('/') { json(value.get_ref()) } else { Err("is not a JSON pointer".into()) };
            match parsed {
                Ok(expected) => json_fields.push((pointer, expected)),
                Err(wrong) => table.report().push(
                    value.span(),
                    format!("{}.{pointer}: {}", table.name(), wrong.problem),
                    "\"/pointer\" = value",
                    None,
                ),
            }
        }
    }
    let version = section.optional("version", "a JSON pointer such as \"/version\"", path_text);
    let slower_than =
        section.optional("slower_than", DURATION, duration(Duration::from_millis(1)..=Duration::from_secs(60)));
    Some(HttpCheck { role: role?, paths: paths?, status: status?, json: json_fields, version, slower_than })
}

fn guardrail(section: Section<'_>, metrics: Option<&Metrics>) -> Option<Guardrail> {
    let subject = subject(&section, metrics);
    let warn = limit(&section, "warn", subject.as_ref(), metrics);
    let hold = limit(&section, "hold", subject.as_ref(), metrics);
    let roll_back = limit(&section, "roll_back", subject.as_ref(), metrics);
    let sustained = section.optional(
        "for",
        "a duration from \"0s\" to \"1h\"",
        duration(Duration::ZERO..=Duration::from_secs(3600)),
    );
    let absent = section.optional("absent", "\"warn\", \"hold\" or \"roll_back\"", |value| {
        one_of(value, &[("warn", OnAbsent::Warn), ("hold", OnAbsent::Hold), ("roll_back", OnAbsent::RollBack)])
    });
    let limits = [("warn", warn), ("hold", hold), ("roll_back", roll_back)];
    let unit = subject.as_ref().and_then(|s| metrics.map(|m| m.unit(&s.signal)));
    validate::rising_limits(&section, unit, &limits);
    section.finish();
    Some(Guardrail {
        subject: subject?,
        warn,
        hold,
        roll_back,
        sustained: sustained.unwrap_or(Duration::from_secs(30)),
        absent: absent.unwrap_or(OnAbsent::Hold),
    })
}

fn rollback(section: Option<Section<'_>>) -> Option<Rollback> {
    let mut rollback = Rollback { automatic: true, floor: None, lever: None, stable_ready: 0.5 };
    let Some(section) = section else { return Some(rollback) };
    if let Some(automatic) = section.optional("automatic", "true or false", boolean) {
        rollback.automatic = automatic;
    }
    rollback.floor = section.optional("floor", "a rate such as \"2/s\"", |value| {
        Ok(Unit::PerSecond.parse(&text(value)?).map_err(|e| e.to_string())?)
    });
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

fn access(section: Option<Section<'_>>) -> Option<Access> {
    let mut access = Access { group: None, approver_is_another_user: false };
    if let Some(section) = section {
        access.group = section.optional("group", "a Unix group", environment_name);
        access.approver_is_another_user =
            section.optional("approver_is_another_user", "true or false", boolean).unwrap_or(false);
        section.finish();
    }
    Some(access)
}
