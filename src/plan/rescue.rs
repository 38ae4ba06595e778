//! The rescue card: the balancer's own commands that bring all traffic back when warroom is not there.

use super::alb_rescue::alb_card;
use super::command::command_card;
use super::{Driver, HaproxyAddress, HaproxyDriver, HttpDriver, Plan, Secret};
use crate::domain::{Role, Slot};
use std::fmt::Write as _;

/// Longest time that one of the card's requests may take, in seconds.
const CURL_SECONDS: u32 = 10;
/// How long one of the card's commands waits for a HAProxy node that may have no power, in seconds: there is another.
const CONNECT_SECONDS: u32 = 5;
/// How long it waits for the node's answer, in seconds. Of itself socat waits for half a second once it has said all,
/// and a busy node's stable servers would seem to have no weight.
const ANSWER_SECONDS: u32 = 5;

/// The card's first line. At its prompt zsh takes a comment for a command unless it is told.
const COMMENTS: &str = r#"[ -z "${ZSH_VERSION-}" ] || setopt interactivecomments"#;

/// Command lines for a POSIX shell or zsh, one act each, raising stable before lowering the candidate.
pub fn rescue_card(plan: &Plan) -> String {
    let mut card = format!("  {COMMENTS}\n");
    card += &match &plan.traffic.driver {
        Driver::Http(http) => http_card(http),
        Driver::Haproxy(haproxy) => haproxy_card(plan, haproxy),
        Driver::Alb(alb) => alb_card(alb),
        Driver::Command(command) => command_card(command),
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
    // Straight there and as it is written, as warroom asks: no proxy of the environment, nothing made of brackets.
    let mut curl = format!("curl -gfsS --noproxy '*' --max-time {CURL_SECONDS}");
    if let Some(ca) = &http.http.ca {
        let _ = write!(curl, " --cacert {}", quoted(&ca.display().to_string()));
    }
    for (name, secret) in &http.http.headers {
        if let Secret::Plain(value) = secret {
            let _ = write!(curl, " -H {}", quoted(&format!("{name}: {value}")));
        }
    }
    let secrets = secret_headers(http);
    let curl = if secrets.is_empty() { curl } else { format!("{secrets} | {curl} -H @-") };
    let write_url = quoted(&format!("{}{}", http.url, http.write_path));
    let read_url = quoted(&format!("{}{}", http.url, http.read_path));
    let mut card = String::new();
    let _ = writeln!(card, "  {curl} -X POST {write_url} -H 'Content-Type: application/json' -d {}", quoted(&body));
    let _ = writeln!(card, "  {curl} {read_url}    # must say {} 100, {} 0", http.fields.stable, http.fields.candidate);
    card
}

/// Prints the headers that are secret, for `curl -H @-`. The shell's own printf shows them to nobody, where an
/// argument of curl stands in every user's list of processes. Nothing is sent when one of them is not there.
fn secret_headers(http: &HttpDriver) -> String {
    let (mut present, mut printed) = (String::new(), Vec::new());
    for (name, secret) in &http.http.headers {
        let format = quoted(&format!("{name}: %s\\n"));
        match secret {
            Secret::Plain(_) => {}
            Secret::Env(variable) => {
                let _ = write!(present, ": \"${{{variable}:?}}\" && ");
                printed.push(format!("printf {format} \"${variable}\""));
            }
            Secret::File(path) => {
                let path = quoted(&path.display().to_string());
                let _ = write!(present, "cat {path} >/dev/null && ");
                printed.push(format!("printf {format} \"$(cat {path})\""));
            }
        }
    }
    if printed.is_empty() { String::new() } else { format!("{present}{{ {}; }}", printed.join("; ")) }
}

fn haproxy_card(plan: &Plan, haproxy: &HaproxyDriver) -> String {
    let (layout, all_stable) = (plan.traffic.layout(), plan.traffic.all_stable());
    let mut card = String::from(
        "  # needs socat. 256 for each stable server is an even share of all traffic. What the weights were before is \
         known only once a\n  # run has read them: then 'warroom rollback' restores those. Nothing is taken from the \
         candidate on a node where stable has no weight.\n",
    );
    let backend = &haproxy.backend;
    for (index, node) in haproxy.nodes.iter().enumerate() {
        let address = match &node.address {
            HaproxyAddress::Tcp(address) if address.starts_with('[') => {
                format!("tcp6:{address},connect-timeout={CONNECT_SECONDS}")
            }
            HaproxyAddress::Tcp(address) => format!("tcp:{address},connect-timeout={CONNECT_SECONDS}"),
            HaproxyAddress::Unix(path) => format!("unix-connect:{}", path.display()),
        };
        let socat = format!("socat -t {ANSWER_SECONDS} stdio {}", quoted(&address));
        let set = |server: &str, what: &str| {
            format!("echo {} | {socat}", quoted(&format!("set server {backend}/{server} {what}")))
        };
        let weight = |slot: &Slot| format!("weight {}", all_stable.0.get(slot).copied().unwrap_or(0));
        let show = format!("echo {} | {socat}", quoted(&format!("show servers state {backend}")));
        let stable: Vec<&str> = layout.slots_of(index, Role::Stable).map(|slot| slot.name.as_str()).collect();
        for slot in layout.slots_of(index, Role::Stable) {
            let _ = writeln!(card, "  {}", set(&slot.name, &weight(slot)));
        }
        // A raise may be refused where emptying is not (static algorithms), and then nobody would serve.
        let has_weight =
            quoted(&format!("^([^ ]+ ){{3}}({})( [^ ]+){{3}} [1-9]", stable.join("|").replace('.', r"\.")));
        for slot in layout.slots_of(index, Role::Candidate) {
            let not =
                format!("{} on {}: NOT emptied, stable has no weight there or it gave no answer", slot.name, node.name);
            let empty = set(&slot.name, &weight(slot));
            let _ = writeln!(card, "  {show} | grep -E {has_weight} && {empty} || echo {}", quoted(&not));
        }
        if let Some(name) = stable.first() {
            let _ = writeln!(card, "  # a stable server in maint or drain gets nothing: {}", set(name, "state ready"));
        }
        let _ = writeln!(card, "  {show}    # candidate weights must be 0");
    }
    card
}

/// In single quotes for a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
