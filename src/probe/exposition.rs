//! The Prometheus text exposition, read strictly and without copying.
//!
//! Format: Prometheus "Text-based format" 0.0.4, and OpenMetrics 1.0 where it differs (exemplars,
//! `# EOF`). Every line is a comment, blank, or a sample; the first that is not is an error with its
//! number, because what one cannot read one does not know.

use std::fmt;

/// Which of the two formats an answer is in; its media type says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain`: times in whole milliseconds, and no mark of its end.
    Text,
    /// `application/openmetrics-text`: times in seconds, and whole only with `# EOF` at its end.
    OpenMetrics,
}

impl Format {
    /// The format that a media type names, whatever its case and parameters; without one it is plain text.
    pub fn of(media_type: Option<&str>) -> Option<Self> {
        let bare = media_type.map(|named| named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        match bare.as_deref() {
            None | Some("" | "text/plain") => Some(Self::Text),
            Some("application/openmetrics-text") => Some(Self::OpenMetrics),
            Some(_) => None,
        }
    }
}

/// One sample line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// The metric's name.
    pub name: &'a str,
    /// Its labels.
    pub labels: Labels<'a>,
    /// Its value; may be NaN or infinite, as the format allows.
    pub value: f64,
    /// Milliseconds since 1970, when the line carries a time.
    pub timestamp_ms: Option<i64>,
}

/// The text between the braces, already checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels<'a>(&'a str);

impl<'a> Labels<'a> {
    /// The labels as they stand in the text: equal text is an equal set in one process's exposition.
    pub fn raw(self) -> &'a str {
        self.0
    }

    /// Name and escaped value of each label, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let (name, after) = rest.split_once('=')?;
            let after = after.trim_start().strip_prefix('"')?;
            let end = closing_quote(after)?;
            rest = &after[end + 1..];
            Some((name.trim_end(), &after[..end]))
        })
    }

    /// Whether a label has this value.
    pub fn has(self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|escaped| unescaped_is(escaped, value))
    }

    /// A label's value as it stands in the text, escapes and all.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.iter().find(|(label, _)| *label == name).map(|(_, value)| value)
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &bytes[from..])?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
        if from > bytes.len() {
            return None;
        }
    }
}

/// Compares an escaped value (`\\`, `\"`, `\n`) with a plain one without building either.
fn unescaped_is(escaped: &str, plain: &str) -> bool {
    let mut chars = escaped.chars();
    let mut unescaped = std::iter::from_fn(|| match chars.next()? {
        '\\' => Some(match chars.next()? {
            'n' => '\n',
            other => other,
        }),
        other => Some(other),
    });
    let mut plain = plain.chars();
    loop {
        match (unescaped.next(), plain.next()) {
            (None, None) => return true,
            (a, b) if a == b => {}
            _ => return false,
        }
    }
}

/// Where and why an exposition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpositionError {
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub why: &'static str,
}

impl fmt::Display for ExpositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for ExpositionError {}

/// Reads a whole exposition, giving each sample to `each`.
pub fn read<'a>(body: &'a [u8], format: Format, mut each: impl FnMut(Sample<'a>)) -> Result<(), ExpositionError> {
    let text = std::str::from_utf8(body).map_err(|error| ExpositionError {
        line: memchr::memchr_iter(b'\n', &body[..error.valid_up_to()]).count() + 1,
        why: "not UTF-8",
    })?;
    let mut line = 0;
    let mut from = 0;
    let mut ended = false;
    while from < text.len() {
        line += 1;
        let fail = |why| Err(ExpositionError { line, why });
        let Some(length) = memchr::memchr(b'\n', &text.as_bytes()[from..]) else {
            // The last line ends with a line feed in both formats; OpenMetrics' `# EOF` may stand without.
            return if &text[from..] == "# EOF" { Ok(()) } else { fail("cut off: the last line has no end") };
        };
        let content = text[from..from + length].trim_end_matches('\r');
        from += length + 1;
        if ended {
            return fail("text after # EOF");
        }
        if content.starts_with('#') {
            ended = content == "# EOF";
            continue;
        }
        let content = content.trim_matches([' ', '\t']);
        if content.is_empty() {
            continue;
        }
        match sample(content, format) {
            Ok(sample) => each(sample),
            Err(why) => return fail(why),
        }
    }
    match (line, format) {
        (0, _) => Err(ExpositionError { line: 1, why: "the answer is empty" }),
        (_, Format::OpenMetrics) if !ended => Err(ExpositionError { line, why: "cut off: no # EOF at the end" }),
        (_, Format::Text | Format::OpenMetrics) => Ok(()),
    }
}

fn sample(line: &str, format: Format) -> Result<Sample<'_>, &'static str> {
    let name_end = line.bytes().position(|b| !is_name_byte(b)).unwrap_or(line.len());
    let name = &line[..name_end];
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
        return Err("does not begin with a metric name");
    }
    let rest = line[name_end..].trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => {
            let end = labels_end(inside)?;
            (Labels(&inside[..end]), &inside[end + 1..])
        }
        None if rest.len() < line.len() - name_end => (Labels::default(), rest),
        None => return Err("no value after the name"),
    };
    // An exemplar (OpenMetrics) follows the value after " # " and is not read.
    let rest = rest.split(" # ").next().unwrap_or(rest);
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = number(words.next().ok_or("no value")?)?;
    let timestamp_ms = words.next().map(|word| timestamp(word, format)).transpose()?;
    if words.next().is_some() {
        return Err("more words than value and timestamp");
    }
    Ok(Sample { name, labels, value, timestamp_ms })
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b':'
}

/// Checks the labels and finds their closing brace.
fn labels_end(inside: &str) -> Result<usize, &'static str> {
    let bytes = inside.as_bytes();
    let mut at = 0;
    let skip_blanks = |mut at: usize| {
        while bytes.get(at).is_some_and(|b| matches!(b, b' ' | b'\t')) {
            at += 1;
        }
        at
    };
    loop {
        at = skip_blanks(at);
        match bytes.get(at) {
            Some(b'}') => return Ok(at),
            Some(b) if b.is_ascii_alphabetic() || *b == b'_' => {}
            Some(_) => return Err("a label has no name"),
            None => return Err("the labels are not closed"),
        }
        while bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
            at += 1;
        }
        at = skip_blanks(at);
        if bytes.get(at) != Some(&b'=') {
            return Err("a label has no =");
        }
        at = skip_blanks(at + 1);
        if bytes.get(at) != Some(&b'"') {
            return Err("a label's value has no quotes");
        }
        at += 1;
        at += closing_quote(inside.get(at..).ok_or("a label's value is not closed")?)
            .ok_or("a label's value is not closed")?
            + 1;
        at = skip_blanks(at);
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return Ok(at),
            _ => return Err("labels are not separated by a comma"),
        }
    }
}

/// A Go float as the format has it: decimal, `NaN`, `+Inf`, `-Inf`.
fn number(word: &str) -> Result<f64, &'static str> {
    match word {
        "NaN" => Ok(f64::NAN),
        "+Inf" | "Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        // Rust also reads "nan", "infinity" and the like; the format does not.
        word if word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) => {
            word.parse().map_err(|_| "the value is not a number")
        }
        _ => Err("the value is not a number"),
    }
}

/// Milliseconds since 1970 from what each format writes.
fn timestamp(word: &str, format: Format) -> Result<i64, &'static str> {
    match format {
        Format::Text => word.parse().map_err(|_| "the timestamp is not in whole milliseconds"),
        Format::OpenMetrics => match number(word) {
            Ok(seconds) if seconds.is_finite() => Ok((seconds * 1000.0) as i64),
            Ok(_) | Err(_) => Err("the timestamp is not a number"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (String, String, f64, Option<i64>);

    fn all(text: &str) -> Result<Vec<Seen>, ExpositionError> {
        all_as(text, Format::Text)
    }

    fn all_as(text: &str, format: Format) -> Result<Vec<Seen>, ExpositionError> {
        let mut samples = Vec::new();
        read(text.as_bytes(), format, |s| {
            samples.push((s.name.to_owned(), s.labels.raw().to_owned(), s.value, s.timestamp_ms));
        })?;
        Ok(samples)
    }

    #[test]
    fn reads_what_the_format_allows() {
        let text = "# HELP a b\n\na 1\na{} 2\na:b{x=\"}\",y=\"a,b=c\",} 3.5e3 1700000000000\n  c { x = \"\\\"\\\\\\n\" } +Inf\nd{le=\"0.1\"} 7 # {id=\"x\"} 0.5\r\n# EOF\n";
        let samples = all(text).expect("readable");
        let names: Vec<&str> = samples.iter().map(|s| s.0.as_str()).collect();
        assert_eq!(names, ["a", "a", "a:b", "c", "d"]);
        assert_eq!((samples[2].2, samples[2].3), (3500.0, Some(1_700_000_000_000)));
        let labels = Labels(r#"x="}",y="a,b=c",z="q\"\\\n""#);
        assert!(labels.has("x", "}") && labels.has("y", "a,b=c") && labels.has("z", "q\"\\\n") && !labels.has("x", ""));
    }

    #[test]
    fn names_the_line_it_cannot_read() {
        for (bad, line, why) in [
            ("", 1, "empty"),
            ("a 1\n<html>\n", 2, "metric name"),
            ("a 1\nb", 2, "cut off"),
            ("a{x=\"1\" 1\n", 1, "comma"),
            ("a{x=\"1\n", 1, "not closed"),
            ("a{x=1} 1\n", 1, "quotes"),
            ("a one\n", 1, "not a number"),
            ("a nan\n", 1, "not a number"),
            ("a\n", 1, "no value"),
            ("a 1 2 3\n", 1, "more words"),
            ("# EOF\na 1\n", 2, "after # EOF"),
            ("a 1 1700000000.5\n", 1, "whole milliseconds"),
        ] {
            let error = all(bad).expect_err(bad);
            assert_eq!(error.line, line, "{bad}");
            assert!(error.why.contains(why), "{bad}: {error}");
        }
        assert_eq!(read(b"a 1\n\xff 2\n", Format::Text, |_| {}).expect_err("not UTF-8").line, 2);
    }
    /// Without its mark an answer that was cut at a line's end looks whole, and its counters look low.
    #[test]
    fn openmetrics_is_whole_with_its_mark_and_counts_seconds() {
        for whole in ["a 1\n# EOF\n", "a 1\n# EOF"] {
            assert_eq!(all_as(whole, Format::OpenMetrics).map(|samples| samples.len()), Ok(1));
        }
        for (cut, line) in [("a 1\n", 1), ("a 1\nb 2\n# TYPE c counter\n", 3), ("a 1\n# EO", 2)] {
            let error = all_as(cut, Format::OpenMetrics).expect_err(cut);
            assert!(error.line == line && error.why.contains("cut off"), "{error}");
        }
        let times = all_as("a 1 1700000000\nb 2 1700000000.25\n# EOF\n", Format::OpenMetrics).expect("readable");
        assert_eq!([times[0].3, times[1].3], [Some(1_700_000_000_000), Some(1_700_000_000_250)]);
    }

    #[test]
    fn a_media_type_names_its_format_in_any_case() {
        assert_eq!(Format::of(None), Some(Format::Text));
        assert_eq!(Format::of(Some("Text/Plain; version=0.0.4")), Some(Format::Text));
        assert_eq!(Format::of(Some("APPLICATION/OpenMetrics-Text;version=1.0.0")), Some(Format::OpenMetrics));
        for other in ["text/html", "TEXT/HTML; charset=utf-8", "image/png", "application/json", "text/plainer"] {
            assert_eq!(Format::of(Some(other)), None, "{other}");
        }
    }
}
