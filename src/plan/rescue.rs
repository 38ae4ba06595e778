//! The rescue card: the balancer's own commands that bring all traffic back when warroom is not there.

use super::{Driver, HaproxyAddress, Plan};
use crate::domain::{Role, Weights};
use std::fmt::Write as _;

/// Command lines for a shell, one act each, raising stable before lowering the candidate.
pub fn rescue_card(plan: &Plan) -> String {
    let mut card = String::new();
    let all_stable = plan.traffic.all_stable();
    match &plan.traffic.driver {
        Driver::Http(http) => {
            let mut body = serde_json::Map::new();
            body.insert(http.fields.stable.clone(), 100.0.into());
            body.insert(http.fields.candidate.clone(), 0.0.into());
            for (key, value) in &http.extra {
                body.insert(key.clone(), serde_json::from_str(value).unwrap_or_default());
            }
            let body = serde_json::Value::Object(body).to_string();
            let _ = writeln!(
                card,
                "  curl -fsS -X POST {} -H 'Content-Type: application/json' -d {}",
                quoted(&format!("{}{}", http.url, http.write_path)),
                quoted(&body)
            );
            let _ = writeln!(
                card,
                "  curl -fsS {}    # must say {} 100, {} 0",
                quoted(&format!("{}{}", http.url, http.read_path)),
                http.fields.stable,
                http.fields.candidate
            );
        }
        Driver::Haproxy(haproxy) => {
            let layout = plan.traffic.layout();
            debug_assert!(matches!(layout.weights, Weights::Relative { .. }));
            for (index, node) in haproxy.nodes.iter().enumerate() {
                let socat = match &node.address {
                    HaproxyAddress::Tcp(address) => format!("socat stdio tcp:{address}"),
                    HaproxyAddress::Unix(path) => format!("socat stdio unix-connect:{}", path.display()),
                };
                for role in Role::BOTH {
                    for slot in layout.slots_of(index, role) {
                        let weight = all_stable.0.get(slot).copied().unwrap_or(0);
                        let command = format!("set server {}/{} weight {weight}", haproxy.backend, slot.name);
                        let _ = writeln!(card, "  echo {} | {}", quoted(&command), socat);
                    }
                }
                let _ = writeln!(
                    card,
                    "  echo {} | {}    # candidate weights must be 0",
                    quoted(&format!("show servers state {}", haproxy.backend)),
                    socat
                );
            }
        }
    }
    if let Some(lever) = &plan.rollback.lever {
        let _ = writeln!(card, "  # clients that stay pinned: {}", lever.words);
        if let Some(command) = &lever.command {
            let _ = writeln!(card, "  {command}");
        }
    }
    card
}

/// In single quotes for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
