//! Single values of a plan, each with its own error.

use super::section::{Read, Wrong, nearest, wrong_type};
use super::{Environment, HaproxyAddress, likely};
use crate::domain::{Clean, PerRole, Role, Unit, parse_duration, parse_share};
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::de::DeValue;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn text(value: &DeValue<'_>) -> Read<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong_type(value).into())
}

/// Text, or a number as it is written: its error says more than its type does.
pub(super) fn scalar(value: &DeValue<'_>) -> Read<String> {
    match value {
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            text(value)
        }
    }
}

/// Text that is kept as it is and printed: nothing in it may be obeyed by a terminal or end a line.
pub(super) fn plain_text(value: &DeValue<'_>) -> Read<String> {
    let word = text(value)?;
    if word.is_empty() {
        return Err("is empty".into());
    }
    if Clean::new(&word).as_str() == word {
        Ok(word)
    } else {
        Err(format!("{word:?} has characters that cannot be shown").into())
    }
}

/// Text for people, of 1 to 200 characters.
pub(super) fn short_text(value: &DeValue<'_>) -> Read<Clean> {
    let word = text(value)?;
    match word.trim().chars().count() {
        0 => Err("is empty".into()),
        1..=200 => Ok(Clean::new(word.trim())),
        count => Err(format!("is {count} characters long, at most 200 fit").into()),
    }
}

pub(super) fn path_text(value: &DeValue<'_>) -> Read<String> {
    let word = plain_text(value)?;
    if word.starts_with('/') && !word.chars().any(char::is_whitespace) {
        Ok(word)
    } else {
        Err(Wrong::from(format!("{word:?} is not a path")).perhaps(likely::path(&word)))
    }
}

/// A JSON field's name: it is read from answers, written into requests, and stands in a shell's comment.
pub(super) fn field_name(value: &DeValue<'_>) -> Read<String> {
    let word = plain_text(value)?;
    if word.starts_with('/') {
        let problem = format!("{word:?} is a JSON pointer, and what is written is a plain key");
        return Err(Wrong::from(problem).perhaps(likely::key(&word)));
    }
    if word.chars().any(char::is_whitespace) { Err(format!("{word:?} is not a field's name").into()) } else { Ok(word) }
}

/// HAProxy's own rule for names (configuration manual 2.4); it also keeps `;` and line ends out of commands.
pub(super) fn haproxy_name(value: &DeValue<'_>) -> Read<String> {
    let word = text(value)?;
    let fits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    if fits { Ok(word) } else { Err(format!("{word:?} is not a HAProxy name").into()) }
}

/// `host:port`, `[::1]:port` or `unix:/path`.
pub(super) fn haproxy_address(value: &DeValue<'_>) -> Read<HaproxyAddress> {
    let word = plain_text(value)?;
    let wrong = || Wrong::from(format!("{word:?} is not such an address"));
    if let Some(path) = word.strip_prefix("unix:") {
        let fits = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.@+".contains(&b));
        return if fits { Ok(HaproxyAddress::Unix(path.into())) } else { Err(wrong()) };
    }
    let (host, port) = word.rsplit_once(':').ok_or_else(wrong)?;
    let port_fits = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(six) => six.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
    };
    if port_fits && host_fits { Ok(HaproxyAddress::Tcp(word)) } else { Err(wrong()) }
}

/// A metric's name (Prometheus data model).
pub(super) fn metric_name(value: &DeValue<'_>) -> Read<String> {
    let word = text(value)?;
    if is_name(&word, b"_:") { Ok(word) } else { Err(format!("{word:?} is not a metric name").into()) }
}

/// A label's name (Prometheus data model).
pub(super) fn label_name(value: &DeValue<'_>) -> Read<String> {
    let word = text(value)?;
    label(&word).map(|()| word)
}

/// Whether a word can be a label's name.
pub(super) fn label(word: &str) -> Read<()> {
    if is_name(word, b"_") { Ok(()) } else { Err(format!("{word:?} is not a label's name").into()) }
}

fn is_name(word: &str, marks: &[u8]) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || marks.contains(&b))
        && bytes.all(|b| b.is_ascii_alphanumeric() || marks.contains(&b))
}

/// The name of a group.
pub(super) fn group_name(value: &DeValue<'_>) -> Read<String> {
    let word = text(value)?;
    let fits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if fits { Ok(word) } else { Err(format!("{word:?} is not a name").into()) }
}

/// The name of an environment variable, as a shell writes it too.
pub(super) fn variable_name(value: &DeValue<'_>) -> Read<String> {
    let word = text(value)?;
    if is_name(&word, b"_") { Ok(word) } else { Err(format!("{word:?} is not a variable's name").into()) }
}

/// A header's name (RFC 9110, section 5.1), without its rarer marks.
pub(super) fn header_name(name: &str) -> Read<()> {
    let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if fits { Ok(()) } else { Err(format!("{name:?} is not a header name").into()) }
}

/// What a status must look like to be an error: a dot stands for any one character. A pattern that no status
/// of three digits matches would read every failure as a success.
pub(super) fn status_pattern(value: &DeValue<'_>) -> Read<String> {
    let word = scalar(value)?;
    let fits = word.len() == 3
        && word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && word.starts_with(|first: char| matches!(first, '1'..='9' | '.'));
    if fits && value.is_str() {
        return Ok(word);
    }
    if fits {
        return Err(Wrong::from(wrong_type(value)).perhaps(Some(format!("{word:?}"))));
    }
    let meant = likely::status(&word);
    Err(Wrong::from(format!("{word:?} matches no status of three digits")).perhaps(meant))
}

/// An absolute http or https URL, to which a path can be added.
pub(super) fn url_text(value: &DeValue<'_>) -> Read<String> {
    let word = text(value)?;
    // Whatever else is wrong with it, a password is not repeated.
    let shown = if word.contains('@') { "the URL".to_owned() } else { format!("{word:?}") };
    if word.trim() != word {
        let meant = (!word.contains('@')).then(|| format!("{:?}", word.trim()));
        return Err(Wrong::from(format!("{shown} begins or ends with a space")).perhaps(meant));
    }
    let wrong = |problem: &str| Wrong::from(format!("{shown} {problem}")).perhaps(likely::url(&word));
    let parsed = reqwest::Url::parse(&word).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("has a login in it; use headers with env or file".into());
    }
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(wrong("is not an http or https URL"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(format!("{shown} has a ? or # in it").into());
    }
    if Clean::new(&word).as_str() != word || word.chars().any(char::is_whitespace) {
        return Err(format!("{shown} has characters that cannot be shown").into());
    }
    // As it was understood, not as it was written: "http:host" reaches its host from here and from no other program.
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

/// A role; what people call an environment is likely meant for its role.
pub(super) fn role(environments: Option<&PerRole<Environment>>) -> impl Fn(&DeValue<'_>) -> Read<Role> {
    move |value| {
        one_of(value, &[("stable", Role::Stable), ("candidate", Role::Candidate)]).map_err(|wrong| {
            let word = value.as_str().unwrap_or_default();
            let is_called = |role: &Role| {
                environments.is_some_and(|both| {
                    let own = &both[*role];
                    own.colour.as_str().eq_ignore_ascii_case(word) || own.label.as_str() == word
                })
            };
            let called = Role::BOTH.into_iter().find(is_called).map(|role| format!("{:?}", role.key()));
            let hint = wrong.hint.clone().or(called);
            wrong.perhaps(hint)
        })
    }
}

pub(crate) fn boolean(value: &DeValue<'_>) -> Read<bool> {
    value.as_bool().ok_or_else(|| {
        let meant = scalar(value).ok().and_then(|word| likely::boolean(&word));
        Wrong::from(wrong_type(value)).perhaps(meant)
    })
}

/// Events a second.
pub(super) fn rate(value: &DeValue<'_>) -> Read<f64> {
    let word = scalar(value)?;
    Unit::PerSecond.parse(&word).map_err(|error| Wrong::from(error.to_string()).perhaps(likely::rate(&word)))
}

pub(super) fn whole_number(value: &DeValue<'_>) -> Read<u64> {
    let number = value.as_integer().ok_or_else(|| wrong_type(value))?;
    Ok(u64::from_str_radix(number.as_str(), number.radix()).map_err(|_| format!("{number} is not such a number"))?)
}

/// A share above nothing.
pub(super) fn share(value: &DeValue<'_>) -> Read<f64> {
    let word = scalar(value)?;
    let wrong = || Wrong::from(format!("{word:?} is not such a share")).perhaps(likely::share(&word));
    parse_share(&word).filter(|share| *share > 0.0).ok_or_else(wrong)
}

pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&DeValue<'_>) -> Read<Duration> {
    move |value| {
        // Of a number without its unit seconds are the likely meaning, where so many seconds are not absurdly short.
        let meant = |word: &str| {
            let (meant, duration) = likely::duration(word)?;
            let is_bare = word.trim().bytes().all(|b| b.is_ascii_digit());
            let is_likely = range.contains(&duration) && !(is_bare && *range.end() > DAY && duration < MINUTE);
            is_likely.then_some(meant)
        };
        let Some(word) = value.as_str() else {
            let plain = value.as_integer().filter(|number| number.radix() == 10).map(|number| number.as_str());
            let problem = format!("{}; a duration is written in quotes with its unit", wrong_type(value));
            return Err(Wrong::from(problem).perhaps(plain.and_then(meant)));
        };
        let wrong = || Wrong::from(format!("{word:?} is not a duration")).perhaps(meant(word));
        let parsed = parse_duration(word).ok_or_else(wrong)?;
        if range.contains(&parsed) { Ok(parsed) } else { Err(format!("{word:?} is out of range").into()) }
    }
}

pub(crate) fn one_of<T: Copy>(value: &DeValue<'_>, choices: &[(&str, T)]) -> Read<T> {
    let word = text(value)?;
    choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice).ok_or_else(|| {
        let meant = nearest(&word, choices.iter().map(|(name, _)| *name)).map(|name| format!("{name:?}"));
        Wrong::from(format!("{word:?} is not one of them")).perhaps(meant)
    })
}

/// A JSON scalar: text, a number or a boolean.
pub(super) fn json(value: &DeValue<'_>) -> Read<serde_json::Value> {
    Ok(match value {
        DeValue::String(word) => serde_json::Value::from(word.as_ref()),
        DeValue::Boolean(truth) => serde_json::Value::from(*truth),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            serde_json::Value::from(parsed.map_err(|_| format!("{number} is too large"))?)
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            serde_json::Value::Number(parsed.ok_or_else(|| format!("{number} is no number in JSON"))?)
        }
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => return Err(wrong_type(value).into()),
    })
}
