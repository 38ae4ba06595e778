//! Numbers with their unit: how a plan writes them and how a screen shows them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A fraction of a whole, 0.0–1.0; written and shown in percent.
    Ratio,
    /// Seconds; written as a duration.
    Seconds,
    /// Events a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// A plain number.
    Count,
}

impl Unit {
    /// How a plan must write such a number.
    pub fn how_to_write(self) -> &'static str {
        match self {
            Self::Ratio => "a share such as \"0.5 %\"",
            Self::Seconds => "a duration such as \"150ms\" or \"2s\"",
            Self::PerSecond => "a rate such as \"20/s\"",
            Self::Bytes => "a size such as \"512 MiB\"",
            Self::Count => "a number",
        }
    }

    /// Reads a number of this unit as a plan writes it.
    pub fn parse(self, text: &str) -> Result<f64, ParseQuantityError> {
        let wrong = || ParseQuantityError { text: text.to_owned(), unit: self };
        let number = |part: &str| {
            let value: f64 = part.trim().parse().map_err(|_| wrong())?;
            (value.is_finite() && value >= 0.0).then_some(value).ok_or_else(wrong)
        };
        match self {
            Self::Ratio => parse_share(text).ok_or_else(wrong),
            Self::Seconds => parse_duration(text).map(|d| d.as_secs_f64()).ok_or_else(wrong),
            Self::PerSecond => number(text.trim().strip_suffix("/s").ok_or_else(wrong)?),
            Self::Bytes => parse_bytes(text).filter(|bytes| bytes.is_finite()).ok_or_else(wrong),
            Self::Count => number(text),
        }
    }
}

/// Why a number could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {}", unit.how_to_write())]
pub struct ParseQuantityError {
    text: String,
    unit: Unit,
}

/// A value with its unit, for showing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The value in the unit's base (fraction, seconds, events/s, bytes).
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.value;
        if !v.is_finite() {
            return f.pad("?");
        }
        let text = match self.unit {
            Unit::Ratio => {
                let percent = v * 100.0;
                if percent >= 10.0 {
                    format!("{percent:.1}%")
                } else if percent > 0.0 && percent < 0.01 {
                    // Two digits that count, however small it is.
                    let digits = (2.0 - percent.log10().ceil()).clamp(2.0, 12.0) as usize;
                    format!("{}%", format!("{percent:.digits$}").trim_end_matches('0'))
                } else {
                    format!("{percent:.2}%")
                }
            }
            Unit::Seconds if v < 0.01 => format!("{:.1}ms", v * 1e3),
            Unit::Seconds if v < 1.0 => format!("{:.0}ms", v * 1e3),
            Unit::Seconds if v < 10.0 => format!("{v:.2}s"),
            Unit::Seconds => format!("{v:.0}s"),
            Unit::PerSecond if v < 10.0 => format!("{v:.1}/s"),
            Unit::PerSecond => format!("{v:.0}/s"),
            Unit::Bytes => bytes_words(v),
            Unit::Count if v.fract() == 0.0 => format!("{v:.0}"),
            Unit::Count => format!("{v:.2}"),
        };
        f.pad(&text)
    }
}

fn bytes_words(bytes: f64) -> String {
    const STEPS: [(f64, &str); 3] = [(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB")];
    STEPS
        .iter()
        .find(|(size, _)| bytes >= *size)
        .map_or_else(|| format!("{bytes:.0} B"), |(size, word)| format!("{:.1} {word}", bytes / size))
}

/// Reads `"0.5 %"` or `"25%"` as a fraction; `None` when it is not a percentage from 0 to 100.
pub fn parse_share(text: &str) -> Option<f64> {
    let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// Reads `"5m"`, `"1h 30m"`, `"150ms"`; `None` when it is not such a duration or longer than a year.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const YEAR_SECONDS: f64 = 31_536_000.0;
    let mut seconds = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        seconds += number
            * match &rest[..letters] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = rest[letters..].trim_start();
    }
    (seconds <= YEAR_SECONDS).then(|| Duration::from_secs_f64(seconds))
}

fn parse_bytes(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("B", 1.0),
    ];
    let text = text.trim();
    let (number, size) = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)))?;
    let value: f64 = number.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * size)
}

/// A duration for people: `250ms`, `1.5s`, `45s`, `3 min 12 s`, `6 h 57 min`.
pub fn duration_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.is_zero() => "0s".to_owned(),
        0 => format!("{}ms", duration.as_millis()),
        1..60 if duration.subsec_millis() > 0 => format!("{}s", f64::from(duration.as_millis() as u32) / 1000.0),
        1..60 => format!("{seconds}s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 if seconds % 3600 < 60 => format!("{} h", seconds / 3600),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(parse_duration("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("150ms"), Some(Duration::from_millis(150)));
        for bad in ["", "5", "m", "5 parsecs", "-5s", "1e3s", "9999d", "NaNs"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert_eq!(parse_share("0.5 %"), Some(0.005));
        for bad in ["5", "101%", "-1%", "NaN%", "%"] {
            assert_eq!(parse_share(bad), None, "{bad}");
        }
        assert_eq!(Unit::Bytes.parse("512 MiB"), Ok(536_870_912.0));
        assert_eq!(Unit::PerSecond.parse("20/s"), Ok(20.0));
    }

    #[test]
    fn a_limit_of_another_unit_is_an_error_that_says_what_is_allowed() {
        let error = Unit::Seconds.parse("5 %").expect_err("a share is not a duration");
        assert_eq!(error.to_string(), "\"5 %\" is not a duration such as \"150ms\" or \"2s\"");
    }

    #[test]
    fn shows_values_as_people_say_them() {
        let show = |value, unit| Quantity { value, unit }.to_string();
        assert_eq!(show(0.0024, Unit::Ratio), "0.24%");
        assert_eq!(show(0.229, Unit::Seconds), "229ms");
        assert_eq!(show(340.0, Unit::PerSecond), "340/s");
        assert_eq!(show(f64::NAN, Unit::Ratio), "?");
        assert_eq!(duration_words(Duration::from_secs(25_020)), "6 h 57 min");
    }
}
