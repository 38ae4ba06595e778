//! What is hidden on a screen that strangers see: people, hosts and addresses. Covered where the finished frame is, so
//! that no panel can forget it, with as many marks as characters, so that nothing moves.
//!
//! What is driven stays readable: service, target, environments, checks and hooks are never covered by their own names,
//! since nobody may act on something that cannot be told from another. Names of one letter neither: they identify nobody,
//! and would cover `R` and `y`.

use crate::domain::{Clean, Person};
use crate::engine::Entry;
use crate::wire::Status;
use std::collections::BTreeSet;
use std::ops::Range;

/// What stands for a hidden character.
pub const MARK: char = '*';
/// Shortest name that is hidden.
const NAME_CHARS_MIN: usize = 2;
/// Octets of an IPv4 address.
const OCTETS: usize = 4;
/// Colons from which on hexadecimal groups are an address, and no time of day.
const COLONS_MIN: usize = 5;

/// What is known to be a name here, and what is known to be none.
#[derive(Debug, Default)]
pub struct Mask {
    hide: BTreeSet<String>,
    keep: BTreeSet<String>,
}

impl Mask {
    /// From everybody and everything that a status and the log's lines name.
    pub fn new<'e>(status: Option<&Status>, me: Option<&Person>, log: impl Iterator<Item = &'e Entry>) -> Self {
        let mut mask = Self::default();
        mask.keep.insert("warroom".to_owned());
        for person in me.into_iter().chain(log.filter_map(|entry| entry.by.as_ref())) {
            mask.person(person);
        }
        let Some(status) = status else { return mask };
        let snapshot = &status.snapshot;
        let people = &snapshot.people;
        for person in people.driver.iter().chain(people.consoles.iter().map(|(person, _)| person)) {
            mask.person(person);
        }
        let others = [
            snapshot.held.as_ref().filter(|held| !held.automatic).map(|held| &held.by),
            snapshot.rollback.as_ref().filter(|rollback| !rollback.automatic).map(|rollback| &rollback.by),
            snapshot.suspended.as_ref().map(|(by, _, _)| by),
        ];
        let approvals = snapshot.steps.iter().map(|step| &step.approval);
        let approvals = approvals.chain(snapshot.next.iter().map(|next| &next.approval)).flatten();
        let others = others.into_iter().flatten().chain(approvals.filter_map(|(_, by)| by.as_ref()));
        others.chain(snapshot.hooks.iter().filter_map(|hook| hook.by.as_ref())).for_each(|name| mask.name(name));
        let nodes = snapshot.split.configured.iter().flat_map(|configured| &configured.nodes);
        // A node is called as the plan likes; one that is a plain word of ours is not a host.
        nodes
            .filter(|(name, _)| name.as_str().contains(['.', ':']) || has_digit(name.as_str()))
            .for_each(|(name, _)| mask.name(name));
        mask.keep.insert(status.run.as_str().to_owned());
        let asked = snapshot.checks.iter().map(|check| &check.name);
        let known = [&snapshot.title, &snapshot.name].into_iter().chain(asked);
        let known = known.chain(snapshot.hooks.iter().map(|hook| &hook.name));
        let environments = [&snapshot.environments.stable, &snapshot.environments.candidate];
        let known =
            known.chain(environments.into_iter().flat_map(|environment| [&environment.chip, &environment.label]));
        let words = known.flat_map(|words| words.as_str().split(' '));
        mask.keep.extend(words.flat_map(|word| [word, word.trim_start_matches('v')]).map(str::to_owned));
        mask
    }

    fn person(&mut self, person: &Person) {
        self.name(&person.name);
        self.name(&person.user);
    }

    fn name(&mut self, name: &Clean) {
        let name = name.as_str().trim();
        // Asked first: a log names the same few people in every line.
        if !self.hide.contains(name) && name.chars().count() >= NAME_CHARS_MIN && name != "warroom" {
            self.hide.insert(name.to_owned());
        }
    }

    /// A text with marks for what is hidden in it; as many characters as before.
    pub fn cover(&self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let hidden = self.hidden(&chars);
        chars.into_iter().zip(hidden).map(|(c, hidden)| if hidden { MARK } else { c }).collect()
    }

    /// Which characters of a row are hidden.
    pub fn hidden(&self, row: &[char]) -> Vec<bool> {
        let mut hidden = vec![false; row.len()];
        for name in &self.hide {
            cover_name(row, name, &mut hidden);
        }
        let mut at = 0;
        while at < row.len() {
            let length = row[at..].iter().take_while(|c| is_of_address(**c)).count();
            if length > 0 {
                let is_cut = matches!(row.get(at + length), Some('…' | '~'));
                self.cover_token(&row[at..at + length], is_cut, &mut hidden[at..at + length]);
            }
            at += length.max(1);
        }
        hidden
    }

    fn cover_token(&self, token: &[char], is_cut: bool, hidden: &mut [bool]) {
        let text: String = token.iter().collect();
        let bare = text.trim_end_matches(['.', ':', '-']);
        let begins = |known: &String| bare.chars().count() >= NAME_CHARS_MIN && known.starts_with(bare);
        if self.keep.contains(bare) || is_cut && self.keep.iter().any(begins) {
            return;
        }
        if is_cut && self.hide.iter().any(begins) {
            hidden.fill(true);
        }
        if let Some(part) = address_part(bare, is_cut, &self.keep) {
            hidden[part].fill(true);
        }
    }
}

/// A name wherever it stands as a word of its own.
fn cover_name(row: &[char], name: &str, hidden: &mut [bool]) {
    let name: Vec<char> = name.chars().collect();
    // The mark of a text cursor, `_`, belongs to no word.
    let is_of_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
    for at in 0..=row.len().saturating_sub(name.len()) {
        let end = at + name.len();
        let starts = at.checked_sub(1).is_none_or(|before| !is_of_word(row.get(before)));
        if row.get(at..end) == Some(&name[..]) && starts && !is_of_word(row.get(end)) {
            hidden[at..end].fill(true);
        }
    }
}

fn is_of_address(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/' | '@' | '[' | ']' | '%' | '\\')
}

fn has_digit(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

/// The part of a word that is an address or a host, in characters.
fn address_part(word: &str, is_cut: bool, keep: &BTreeSet<String>) -> Option<Range<usize>> {
    let chars = |text: &str| text.chars().count();
    if let Some((scheme, rest)) = word.split_once("://") {
        let authority = rest.split('/').next().unwrap_or_default();
        let from = chars(scheme) + 3;
        return Some(from..from + chars(authority));
    }
    if word.starts_with('/') {
        return path_part(word);
    }
    let is_mail = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    // The path behind a host stays: it says what was asked.
    let host_and_port = word.split('/').next().unwrap_or_default();
    (is_mail || is_host(host_and_port, is_cut, keep)).then(|| 0..chars(host_and_port))
}

/// A socket is an address, and a home folder is called as its owner.
fn path_part(path: &str) -> Option<Range<usize>> {
    if path.rsplit('.').next().is_some_and(|end| end == "sock" || end == "socket") {
        return Some(0..path.chars().count());
    }
    ["/home/", "/Users/"].iter().find_map(|home| {
        let owner = path.strip_prefix(home)?.split('/').next()?.chars().count();
        Some(home.len()..home.len() + owner)
    })
}

fn is_host(word: &str, is_cut: bool, keep: &BTreeSet<String>) -> bool {
    if is_ipv6(word) {
        return true;
    }
    let (host, port) = word.split_once(':').map_or((word, None), |(host, port)| (host, Some(port)));
    let is_port = port.is_some_and(|port| (2..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()));
    if port.is_some() && !is_port || keep.contains(host) || host.is_empty() {
        return false;
    }
    let begins_with_letter = host.starts_with(|c: char| c.is_alphabetic());
    is_ipv4(host, is_cut) || is_domain(host) || is_numbered(host) || is_port && begins_with_letter
}

fn is_ipv4(host: &str, is_cut: bool) -> bool {
    let octets: Vec<&str> = host.split('.').collect();
    let numbers = octets.iter().all(|octet| octet.parse::<u8>().is_ok());
    numbers && (octets.len() == OCTETS || is_cut && octets.len() == OCTETS - 1)
}

fn is_ipv6(word: &str) -> bool {
    let inner = word.split(['%', ']']).next().unwrap_or_default().trim_start_matches('[');
    let hexadecimal = inner.chars().all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.');
    let colons = inner.matches(':').count();
    hexadecimal && (inner.contains("::") || colons >= COLONS_MIN)
}

/// `db1.internal`, `example.com`: labels, and the last one of letters.
fn is_domain(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let sound = |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    let last = labels.last().copied().unwrap_or_default();
    labels.len() > 1 && labels.iter().all(sound) && last.chars().count() > 1 && last.chars().all(char::is_alphabetic)
}

/// `web-03`, `ip-10-0-0-1`: how hosts are called without a domain. `INC-4711` is a ticket and `v2.1.0-rc1` a version.
fn is_numbered(host: &str) -> bool {
    let labels: Vec<&str> = host.split('-').collect();
    let first = labels.first().copied().unwrap_or_default();
    let ends_with_digit = host.ends_with(|c: char| c.is_ascii_digit());
    let is_version = first.strip_prefix('v').is_some_and(has_digit);
    labels.len() > 1
        && !host.contains('.')
        && ends_with_digit
        && !is_version
        && first.starts_with(|c: char| c.is_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> Mask {
        let mut mask = Mask::default();
        for name in ["alice", "bob.smith", "lb1", "r", "漢字"] {
            mask.name(&Clean::new(name));
        }
        mask.keep.extend(["2.1.0", "prod-eu1", "checkout-20261122T120000Z-3f91", "warroom"].map(str::to_owned));
        mask
    }

    #[test]
    fn people_hosts_and_addresses_are_covered() {
        for (text, covered) in [
            ("alice advances 5% → 25%", "***** advances 5% → 25%"),
            ("~alice (alice, unverified)", "~***** (*****, unverified)"),
            ("malice stays, alice_ and alice-2 do not", "malice stays, *****_ and ******* do not"),
            ("bob.smith: note", "*********: note"),
            ("漢字 watches", "** watches"),
            ("node lb1 at 25%", "node *** at 25%"),
            ("connect 10.20.30.40:9999 refused", "connect **************** refused"),
            ("from 10.20.30.40.", "from ***********."),
            ("[fe80::1%eth0]:8080 and ::1", "******************* and ***"),
            ("2001:db8:0:0:0:0:0:1", "********************"),
            ("GET http://user:pw@db1.internal:8080/health 200", "GET http://*************************/health 200"),
            ("https://example.com", "https://***********"),
            ("api.example.com/metrics slow", "***************/metrics slow"),
            ("localhost:8080", "**************"),
            ("ip-10-0-0-1 and web-03 down", "*********** and ****** down"),
            ("carol@bastion", "*************"),
            ("/run/haproxy/admin.sock", "***********************"),
            ("/home/carol/plan.toml", "/home/*****/plan.toml"),
            ("\"host\":\"db1.internal\"", "\"host\":\"************\""),
            ("rolled back by ali…", "rolled back by ***…"),
            ("connect 10.20.30…", "connect ********…"),
        ] {
            assert_eq!(mask().cover(text), covered, "{text:?}");
            assert_eq!(mask().cover(&mask().cover(text)), covered, "twice: {text:?}");
        }
    }

    #[test]
    fn what_is_driven_and_measured_stays() {
        for text in [
            "checkout @ prod-eu1",
            "elsewhere: warroom rollback checkout-20261122T120000Z-3f91 --direct",
            "HOLDING  5xx GREEN 4.81% > 3.00%  auto-hold 15:02:37Z  R rolls back  A locked",
            "keeper 0.0s balancer 0.2s feed 0.1s 15:02:37Z /",
            "STABLE  BLUE  v2.0.5 75.0%  181 rps  v2.1.0-rc1  GREEN",
            "wanted 25%  configured 25.0%  measured 31.1% ±13.1 (45)",
            "200 30 ms, 4.81% > 1.00%, 1.80 GiB < 2.00 GiB",
            "INC-4711: drain 30s",
            "bake 00:12 of 05:00; 12:03:27Z",
            "R roll back  H hold  A advance │ ? help  Tab panel  : cmd  q quit",
            "GET /health and /database",
            "no answer in 2 s",
            "200 2.1.0… and prod-e…",
        ] {
            assert_eq!(mask().cover(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_keeps_its_length_and_loses_every_name(text in "(.{0,20}|alice |10\\.0\\.0\\.1 |http://h/ ){0,6}") {
            let covered = mask().cover(&text);
            proptest::prop_assert_eq!(covered.chars().count(), text.chars().count());
            proptest::prop_assert!(covered.split(|c: char| !c.is_alphanumeric()).all(|word| word != "alice"), "{}", covered);
        }
    }
}
