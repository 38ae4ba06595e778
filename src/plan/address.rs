//! Addresses that are spelt differently and name the same thing.

/// Whether two URLs, however they are spelt, name the same thing.
pub(super) fn same_address(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

/// A URL in its one spelling: scheme and host in lower case, no default port, no dot or slash at the end, what is asked
/// in one order.
pub(super) fn canonical(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(parsed) => {
            let host = parsed.host_str().unwrap_or_default().trim_end_matches('.');
            let port = parsed.port_or_known_default().unwrap_or(0);
            let mut asked: Vec<&str> = parsed.query().unwrap_or_default().split('&').collect();
            asked.sort_unstable();
            let mark = if parsed.query().is_some_and(|query| !query.is_empty()) { "?" } else { "" };
            let path = parsed.path().trim_end_matches('/');
            format!("{}://{host}:{port}{path}{mark}{}", parsed.scheme(), asked.join("&"))
        }
        Err(_) => url.to_owned(),
    }
}

/// A `host:port` in its one spelling.
pub(super) fn tcp(address: &str) -> String {
    let url = local(&canonical(&format!("tcp://{}", address.to_ascii_lowercase())));
    url.strip_prefix("tcp://").unwrap_or(address).to_owned()
}

/// A URL whose host is this machine, by whatever name, has one name for it.
pub(super) fn local(url: &str) -> String {
    let names = ["127.0.0.1", "[::1]", "localhost"];
    let split = url.split_once("://").and_then(|(scheme, rest)| {
        let name = names.into_iter().find(|name| rest.starts_with(&format!("{name}:")))?;
        Some((scheme, &rest[name.len()..]))
    });
    split.map_or_else(|| url.to_owned(), |(scheme, rest)| format!("{scheme}://localhost{rest}"))
}

/// A balancer's name, as a run is filed under, in its one spelling: earlier versions filed it as the plan spelt it.
pub fn one_identity(identity: &str) -> String {
    match identity.split_once(' ') {
        Some(("http", url)) => format!("http {}", local(url)),
        Some(("haproxy", rest)) => {
            let (backend, nodes) = rest.split_once(' ').unwrap_or((rest, ""));
            let of = |node: &str| if node.starts_with('/') { node.to_owned() } else { tcp(node) };
            let mut nodes: Vec<String> = nodes.split(' ').map(of).collect();
            nodes.sort();
            nodes.dedup();
            format!("haproxy {backend} {}", nodes.join(" "))
        }
        Some(_) | None => identity.to_owned(),
    }
}
