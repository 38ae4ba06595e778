//! The rescue card: the balancer's own commands that bring all traffic back when warroom is not there.

use super::{Driver, HaproxyAddress, HaproxyDriver, HttpDriver, Plan, Secret};
use crate::domain::Role;
use std::fmt::Write as _;

/// Longest time that one of the card's requests may take, in seconds.
const CURL_SECONDS: u32 = 10;

/// Command lines for a POSIX shell, one act each, raising stable before lowering the candidate.
pub fn rescue_card(plan: &Plan) -> String {
    let mut card = match &plan.traffic.driver {
        Driver::Http(http) => http_card(http),
        Driver::Haproxy(haproxy) => haproxy_card(plan, haproxy),
    };
    if let Some(lever) = &plan.rollback.lever {
        let _ = writeln!(card, "  # clients that stay pinned: {}", lever.words);
        if let Some(command) = &lever.command {
            let _ = writeln!(card, "  {command}");
        }
    }
    card
}

fn http_card(http: &HttpDriver) -> String {
    let mut body = serde_json::Map::new();
    for (key, value) in &http.extra {
        body.insert(key.clone(), serde_json::from_str(value).unwrap_or_default());
    }
    body.insert(http.fields.stable.clone(), 100.0.into());
    body.insert(http.fields.candidate.clone(), 0.0.into());
    let body = serde_json::Value::Object(body).to_string();
    let mut curl = format!("curl -fsS --max-time {CURL_SECONDS}");
    if let Some(ca) = &http.http.ca {
        let _ = write!(curl, " --cacert {}", quoted(&ca.display().to_string()));
    }
    for (name, secret) in &http.http.headers {
        let _ = match secret {
            Secret::Plain(value) => write!(curl, " -H {}", quoted(&format!("{name}: {value}"))),
            // The shell reads the secret; the card does not hold it.
            Secret::Env(variable) => write!(curl, " -H \"{name}: ${{{variable}}}\""),
            Secret::File(path) => write!(curl, " -H \"{name}: $(cat {})\"", quoted(&path.display().to_string())),
        };
    }
    let write_url = quoted(&format!("{}{}", http.url, http.write_path));
    let read_url = quoted(&format!("{}{}", http.url, http.read_path));
    let mut card = String::new();
    let _ = writeln!(card, "  {curl} -X POST {write_url} -H 'Content-Type: application/json' -d {}", quoted(&body));
    let _ = writeln!(card, "  {curl} {read_url}    # must say {} 100, {} 0", http.fields.stable, http.fields.candidate);
    card
}

fn haproxy_card(plan: &Plan, haproxy: &HaproxyDriver) -> String {
    let (layout, all_stable) = (plan.traffic.layout(), plan.traffic.all_stable());
    let mut card = String::new();
    for (index, node) in haproxy.nodes.iter().enumerate() {
        let address = match &node.address {
            HaproxyAddress::Tcp(address) if address.starts_with('[') => format!("tcp6:{address}"),
            HaproxyAddress::Tcp(address) => format!("tcp:{address}"),
            HaproxyAddress::Unix(path) => format!("unix-connect:{}", path.display()),
        };
        let socat = format!("socat stdio {}", quoted(&address));
        for role in Role::BOTH {
            for slot in layout.slots_of(index, role) {
                let weight = all_stable.0.get(slot).copied().unwrap_or(0);
                let command = format!("set server {}/{} weight {weight}", haproxy.backend, slot.name);
                let _ = writeln!(card, "  echo {} | {socat}", quoted(&command));
            }
        }
        let show = quoted(&format!("show servers state {}", haproxy.backend));
        let _ = writeln!(card, "  echo {show} | {socat}    # candidate weights must be 0");
    }
    card
}

/// In single quotes for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
