//! The balancer, and the sampler that looks through it.

use super::alb::alb_driver;
use super::command::{COMMAND_TIMEOUT, command_driver};
use super::environments::http_options;
use super::{placed, required_list, unplaced};
use crate::domain::PerRole;
use crate::plan::section::{Read, Section};
use crate::plan::validate::Placed;
use crate::plan::values::{
    duration, field_name, haproxy_address, haproxy_name, header_name, json, one_of, path_text, plain_text, rate,
    short_text, text, url_text,
};
use crate::plan::{Driver, HaproxyDriver, HaproxyNode, HttpDriver, Sampler, Traffic};
use std::time::Duration;
use toml::de::DeValue;

/// How late a write may land where the plan does not say: as long as a balancer's own API may take over it.
const LATENESS: Duration = Duration::from_secs(5);
/// The same of AWS, which accepts a rule and takes it out to a fleet: "rule updates do not take effect immediately", and
/// nothing says how long that is. Six times what people wait after one.
const ALB_LATENESS: Duration = Duration::from_secs(60);

/// Which driver a plan names.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Http,
    Haproxy,
    Alb,
    Command,
}

/// Every key that some driver knows.
const KEYS_OF_DRIVERS: [&str; 21] = [
    "url",
    "write_path",
    "read_path",
    "fields",
    "extra",
    "ca",
    "headers",
    "nodes",
    "backend",
    "servers",
    "target_groups",
    "forwards",
    "profile",
    "endpoint",
    "region",
    "unpin_on_rollback",
    "health_check",
    "balancer",
    "set",
    "get",
    "env",
];

pub(in crate::plan) fn traffic(root: &Section<'_>) -> Option<Traffic> {
    const KINDS: [(&str, Kind); 4] =
        [("http", Kind::Http), ("haproxy", Kind::Haproxy), ("alb", Kind::Alb), ("command", Kind::Command)];
    let section =
        root.required_table("traffic", "driver = \"http\", \"haproxy\", \"alb\" or \"command\" with what it drives")?;
    let kind =
        section.required("driver", "\"http\", \"haproxy\", \"alb\" or \"command\"", |value| one_of(value, &KINDS));
    let lateness = section
        .optional("lateness", "a duration from \"0s\" to \"10m\"", duration(Duration::ZERO..=Duration::from_secs(600)))
        .unwrap_or(if matches!(kind, Some(Kind::Alb)) { ALB_LATENESS } else { LATENESS });
    let timeout = section
        .optional(
            "timeout",
            "a duration from \"100ms\" to \"60s\"",
            duration(Duration::from_millis(100)..=Duration::from_secs(60)),
        )
        .unwrap_or(if matches!(kind, Some(Kind::Command)) { COMMAND_TIMEOUT } else { Duration::from_secs(2) });
    let driver = match kind {
        Some(Kind::Http) => http_driver(&section).map(Driver::Http),
        Some(Kind::Haproxy) => haproxy_driver(&section).map(Driver::Haproxy),
        Some(Kind::Alb) => alb_driver(&section).map(Box::new).map(Driver::Alb),
        Some(Kind::Command) => command_driver(&section, timeout).map(Box::new).map(Driver::Command),
        None => {
            // The rest cannot be judged without the kind; known keys are not "no such key".
            for key in KEYS_OF_DRIVERS {
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
        const FIELD: &str = "a JSON field: a plain key of the object that is sent, no pointer";
        let stable = table.required("stable", FIELD, field_name);
        let candidate = table.required("candidate", FIELD, field_name);
        if stable.is_some() && stable == candidate {
            table.problem("candidate", "is the stable environment's field too", "two different fields", None);
        }
        table.finish();
        Some(PerRole { stable: stable?, candidate: candidate? })
    });
    let extra = further_fields(section, fields.as_ref());
    let http = http_options(section);
    Some(HttpDriver { url: url?, write_path, read_path, fields: fields?, extra, http })
}

/// What is sent with each write besides the shares, and must not replace one.
fn further_fields(section: &Section<'_>, fields: Option<&PerRole<String>>) -> Vec<(String, String)> {
    let Some(table) = section.table("extra") else { return Vec::new() };
    let mut extra = Vec::new();
    for (key, value) in table.entries() {
        let is_share = fields.is_some_and(|fields| key == fields.stable || key == fields.candidate);
        match if is_share { Err("is an environment's share".into()) } else { json(value.get_ref()) } {
            Ok(value) => extra.push((key, value.to_string())),
            Err(wrong) => table.wrong_entry(&key, value, wrong, "text, a number or a boolean"),
        }
    }
    extra
}

fn haproxy_driver(section: &Section<'_>) -> Option<HaproxyDriver> {
    const NODES: &str = "[[traffic.nodes]] with name and address, at least one";
    if !section.has("nodes") {
        section.missing("nodes", NODES);
    }
    let nodes = placed(section.tables("nodes"), "name", haproxy_node);
    nodes_once(section, &nodes);
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

fn nodes_once(section: &Section<'_>, nodes: &[Placed<HaproxyNode>]) {
    for (index, node) in nodes.iter().enumerate() {
        let Some(this) = &node.value else { continue };
        for other in nodes[..index].iter().filter_map(|other| other.value.as_ref()) {
            let twice = if other.name == this.name {
                this.name.to_string()
            } else if other.address.one_spelling() == this.address.one_spelling() {
                this.address.to_string()
            } else {
                continue;
            };
            let problem = format!("traffic.nodes: {twice} is there twice");
            section.report().push(node.span.clone(), problem, "each node once", None);
        }
    }
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

pub(in crate::plan) fn sampler(section: Section<'_>) -> Option<Sampler> {
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
        let rate = rate(value)?;
        if (0.1..=50.0).contains(&rate) { Ok(rate) } else { Err(format!("{rate}/s is out of range").into()) }
    });
    let http = http_options(&section);
    section.finish();
    Some(Sampler { url: url?, header, servers: servers?, rate: rate.unwrap_or(5.0), http })
}
