//! What was probably meant by a value that cannot be read. A guess is never the weaker of two meanings:
//! where that cannot be told, there is none.

use crate::domain::{Unit, parse_duration, parse_share};
use std::time::Duration;

/// `5 mins` → `5m`, `30` → `30s`. A number alone is taken for seconds.
pub(super) fn duration(word: &str) -> Option<(String, Duration)> {
    let word = word.trim();
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    };
    let meant = format!("{number}{unit}");
    parse_duration(&meant).map(|duration| (format!("{meant:?}"), duration))
}

/// `25` → `25 %`, `1,5 %` → `1.5 %`. A number below one may be a fraction or a percentage.
pub(super) fn share(word: &str) -> Option<String> {
    let bare = word.trim().trim_end_matches('%').trim().replace(',', ".");
    let percent: f64 = bare.parse().ok()?;
    let meant = format!("{bare} %");
    (percent >= 1.0 || word.contains('%')).then_some(()).and(parse_share(&meant)).map(|_| format!("{meant:?}"))
}

/// `5` → `5/s`.
pub(super) fn rate(word: &str) -> Option<String> {
    let number: f64 = word.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| format!("\"{number}/s\""))
}

/// A limit of a unit. Of 100 for a latency the milliseconds are meant: as seconds it would never act.
pub(super) fn limit(word: &str, unit: Unit) -> Option<String> {
    let number = word.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    match unit {
        Unit::Ratio => match number {
            Some(fraction) if fraction < 1.0 => {
                let percent = format!("{:.6}", fraction * 100.0);
                Some(format!("\"{} %\"", percent.trim_end_matches('0').trim_end_matches('.')))
            }
            Some(_) | None => share(word),
        },
        Unit::Seconds => match number {
            Some(millis) if millis >= 10.0 => Some(format!("\"{millis}ms\"")),
            Some(seconds) if seconds < 1.0 => Some(format!("\"{}ms\"", (seconds * 1e6).round() / 1e3)),
            // Of two to nine one cannot tell.
            Some(_) => None,
            None => duration(word).map(|(meant, _)| meant),
        },
        Unit::PerSecond => rate(word),
        Unit::Bytes | Unit::Count => None,
    }
}

/// `yes` → `true`.
pub(super) fn boolean(word: &str) -> Option<String> {
    match word.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some("true".to_owned()),
        "false" | "no" | "off" | "0" => Some("false".to_owned()),
        _ => None,
    }
}

/// `5xx` and `5` → `5..`; `50x` → `50.`.
pub(super) fn status(word: &str) -> Option<String> {
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    let is_rest_open = word[digits.len()..].chars().all(|c| matches!(c, 'x' | 'X' | '.' | '*'));
    let meant = format!("{digits:.<3}");
    (is_rest_open && !digits.is_empty() && meant != word && meant.len() == 3).then(|| format!("{meant:?}"))
}

/// `green.prod.example.com` → `https://green.prod.example.com`; a port or a bare address is spoken to without TLS.
pub(super) fn url(word: &str) -> Option<String> {
    let word = word.trim();
    if word.contains("://") || word.contains('@') || word.starts_with('/') {
        return None;
    }
    let host = word.split(['/', ':']).next().filter(|host| host.contains('.') || *host == "localhost")?;
    let port = word[host.len()..].strip_prefix(':').map(|rest| rest.split('/').next().unwrap_or_default());
    let is_plain = host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok();
    let scheme = if port.map_or(is_plain, |port| port != "443" && port != "8443") { "http" } else { "https" };
    let meant = format!("{scheme}://{word}");
    reqwest::Url::parse(&meant).is_ok().then(|| format!("{meant:?}"))
}

/// `https://green.prod/health` and `health` → `/health`.
pub(super) fn path(word: &str) -> Option<String> {
    if let Ok(url) = reqwest::Url::parse(word)
        && matches!(url.scheme(), "http" | "https")
    {
        return Some(format!("{:?}", url.path()));
    }
    let is_plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    (is_plain && !word.starts_with('/')).then(|| format!("{:?}", format!("/{word}")))
}

/// A JSON pointer of one step is a plain key: `/blue` → `blue`.
pub(super) fn key(pointer: &str) -> Option<String> {
    pointer.strip_prefix('/').filter(|key| !key.is_empty() && !key.contains('/')).map(|key| format!("{key:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_never_the_weaker_meaning() {
        let latency = |word| limit(word, Unit::Seconds);
        assert_eq!(latency("100").as_deref(), Some("\"100ms\""));
        assert_eq!(latency("0.2").as_deref(), Some("\"200ms\""));
        assert_eq!(latency("2"), None);
        assert_eq!(limit("85", Unit::Ratio).as_deref(), Some("\"85 %\""));
        assert_eq!(share("0.5"), None, "half a percent or half of all");
        assert_eq!(share("1,5 %").as_deref(), Some("\"1.5 %\""));
        assert_eq!(share("101"), None);
    }

    #[test]
    fn what_people_write_has_a_meaning() {
        assert_eq!(duration("5 mins").map(|(word, _)| word).as_deref(), Some("\"5m\""));
        assert_eq!(duration("-5s"), None);
        for (word, meant) in [("5xx", "\"5..\""), ("5.", "\"5..\""), ("5", "\"5..\""), ("50X", "\"50.\"")] {
            assert_eq!(status(word).as_deref(), Some(meant), "{word}");
        }
        for word in ["5..|429", "5[0-9]+", "xx", "", "5000", "error"] {
            assert_eq!(status(word), None, "{word}");
        }
        assert_eq!(url("green.prod.example.com/x").as_deref(), Some("\"https://green.prod.example.com/x\""));
        assert_eq!(url("10.0.0.2:8080").as_deref(), Some("\"http://10.0.0.2:8080\""));
        assert_eq!(url("ftp://lb"), None);
        assert_eq!(path("https://green.prod/health").as_deref(), Some("\"/health\""));
        assert_eq!(key("/a/b"), None);
    }
}
