//! What the TOML parser's own errors come to, and how much of the text they leave unread.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// Most parts of one dotted key; the longest that a plan has is `environments.candidate.headers.Authorization`. The
/// parser takes brackets to a depth of 80 by its own limit and dots to any, each with a frame of the stack.
const KEY_PARTS_MAX: usize = 8;

/// Lists of tables, whose header has two brackets.
const LISTS: [&str; 6] = ["steps", "steps.gates", "checks", "guardrails", "metrics.gauges", "traffic.nodes"];

/// Most places that are listed as not TOML: a file of another kind has one on each of its lines.
const SYNTAX_ERRORS_MAX: usize = 100;

/// One error of the parser in the plan's words.
#[derive(Debug)]
pub(super) struct Fault {
    pub at: usize,
    pub problem: String,
    pub allowed: &'static str,
    pub hint: Option<String>,
}

/// All that is not TOML.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub said: Vec<Fault>,
    /// Where every error of the parser stands, said or not.
    pub places: Vec<usize>,
    /// Where text was lost: what stands there may be there, and was not read.
    pub torn: Vec<usize>,
    /// Whether there are so many that it is no plan at all.
    pub is_hopeless: bool,
}

/// Where a key has more parts than any in a plan.
pub(super) fn endless_key(text: &str) -> Option<usize> {
    let mut parts = 1;
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => parts += 1,
            TokenKind::Whitespace | TokenKind::Atom | TokenKind::LiteralString | TokenKind::BasicString => {}
            TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::LeftSquareBracket
            | TokenKind::RightSquareBracket
            | TokenKind::LeftCurlyBracket
            | TokenKind::RightCurlyBracket
            | TokenKind::Comment
            | TokenKind::Newline
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Eof => parts = 1,
        }
        if parts > KEY_PARTS_MAX {
            return Some(token.span().start());
        }
    }
    None
}

/// Sorts the parser's errors: a key that is there twice loses nothing, all else tears its part of the text.
pub(super) fn faults(text: &str, errors: &[toml::de::Error]) -> Faults {
    let mut faults = Faults::default();
    // A table that is there twice makes each of its keys a duplicate, which is the same mistake.
    let (mut repeated, mut tables) = (None, Vec::new());
    for (number, error) in errors.iter().enumerate() {
        let span = error.span().unwrap_or(0..0);
        faults.places.push(span.start);
        if faults.is_hopeless {
            continue;
        }
        if faults.said.len() == SYNTAX_ERRORS_MAX {
            faults.is_hopeless = true;
            let problem = format!("and {} more places that are not TOML", errors.len() - number);
            faults.said.push(Fault { at: span.start, problem, allowed: "TOML 1.0", hint: None });
            continue;
        }
        if error.message() != "duplicate key" {
            faults.torn.push(span.start);
            faults.said.push(Fault {
                at: span.start,
                problem: error.message().trim().to_owned(),
                allowed: "TOML 1.0",
                hint: straight_quotes(line(text, span.start)),
            });
            continue;
        }
        let part = part_of(text, span.start);
        if repeated == Some(part) {
            continue;
        }
        if line(text, span.start).trim_start().starts_with('[') {
            repeated = Some(part);
            // What it holds was read into no table.
            faults.torn.push(span.start);
            let name = table_name(line(text, span.start).trim()).unwrap_or_default();
            // Four headers of one kind are three duplicates and one mistake.
            if !tables.contains(&name) {
                tables.push(name);
                faults.said.push(repeated_table(text, span.start, name));
            }
        } else {
            faults.said.push(repeated_key(text, span, part));
        }
    }
    faults
}

fn repeated_table(text: &str, at: usize, name: &str) -> Fault {
    let first = lines(text).find(|(start, line)| *start < at && table_name(line.trim()) == Some(name));
    let other = match name {
        "environments.stable" => Some("[environments.candidate]"),
        "environments.candidate" => Some("[environments.stable]"),
        _ => None,
    };
    let hint = match other.filter(|other| lines(text).all(|(_, line)| !line.trim().starts_with(*other))) {
        Some(other) => Some(other.to_owned()),
        None => LISTS.contains(&name).then(|| format!("[[{name}]], once for each")),
    };
    let place =
        first.map_or(String::new(), |(start, _)| format!("; the first stands on line {}", line_number(text, start)));
    Fault { at, problem: format!("{name}: this table is there twice{place}"), allowed: "each table once", hint }
}

fn repeated_key(text: &str, span: std::ops::Range<usize>, part: usize) -> Fault {
    let key = text.get(span.clone()).unwrap_or_default();
    let first = lines(text).find(|(start, line)| (part..span.start).contains(start) && begins_with(line, key));
    let place =
        first.map_or(String::new(), |(start, _)| format!("; the first stands on line {}", line_number(text, start)));
    Fault { at: span.start, problem: format!("{key}: is there twice{place}"), allowed: "each key once", hint: None }
}

/// Whether a key of a table, of which nothing was read, may stand in the torn text all the same.
pub(super) fn may_stand(text: &str, torn: &[usize], table_at: usize, path: &str, key: &str) -> bool {
    if torn.is_empty() {
        return false;
    }
    let part = part_of(text, table_at);
    let end = text[part..].match_indices("\n[").map(|(at, _)| part + at + 1).next().unwrap_or(text.len());
    let family = |name: &'_ str| name.split('.').next().map(str::to_owned);
    // Of a header that was lost any table of its family may have been meant.
    let lost = |at: &usize| table_name(line(text, *at).trim()).is_some_and(|name| family(name) == family(path));
    torn.iter().any(|at| part_of(text, *at) == part || lost(at))
        || lines(&text[part..end]).any(|(_, line)| begins_with(line, key))
        || lines(text).any(|(_, line)| table_name(line.trim()).is_some_and(|name| name.starts_with(path)))
}

/// Where the part of the text begins that a place belongs to: at the last header above it, or at the top.
pub(super) fn part_of(text: &str, at: usize) -> usize {
    let above = &text[..line_end(text, at)];
    let header = above.rmatch_indices('[').map(|(found, _)| found).find(|found| {
        let start = above[..*found].rfind('\n').map_or(0, |end| end + 1);
        above[start..*found].trim().is_empty()
    });
    header.map_or(0, |found| above[..found].rfind('\n').map_or(0, |end| end + 1))
}

/// The line at a place, without its end.
pub(super) fn line(text: &str, at: usize) -> &str {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    &text[start..line_end(text, at)]
}

fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |length| at + length)
}

/// Each line with its place.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    })
}

fn line_number(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// `steps.gates` of `[[steps.gates]]  # a comment`.
fn table_name(header: &str) -> Option<&str> {
    let inside = header.strip_prefix('[')?.trim_start_matches('[');
    Some(inside.split([']', '#']).next().unwrap_or_default().trim())
}

fn begins_with(line: &str, key: &str) -> bool {
    let rest = line.trim_start().strip_prefix(key);
    rest.is_some_and(|rest| rest.trim_start().is_empty() || rest.trim_start().starts_with(['=', '.']))
}

/// A word processor's quotes are none in TOML.
fn straight_quotes(line: &str) -> Option<String> {
    const TYPOGRAPHIC: [char; 7] = ['“', '”', '„', '‟', '‘', '’', '‚'];
    line.contains(TYPOGRAPHIC).then(|| line.trim().replace(TYPOGRAPHIC, "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_belongs_to_the_last_header_above_it() {
        let text = "a = 1\n[b] # x\nc = [\"[\"]\n[[d]]\n";
        assert_eq!([0, 6, 14, 16, 25].map(|at| part_of(text, at)), [0, 6, 6, 6, 24]);
        assert_eq!(table_name("[[ steps.gates ]] # x"), Some("steps.gates"));
        assert!(begins_with("  bake= 1", "bake") && begins_with("bake\n", "bake") && !begins_with("baked = 1", "bake"));
    }

    #[test]
    fn a_key_of_many_parts_is_found_and_an_address_is_none() {
        assert_eq!(endless_key("a.b.c.d.e.f.g.h = 1\n"), None);
        assert!(endless_key("x = 1\na.b . c.'d'.e.f.g.\"h\".i = 1\n").is_some());
        assert_eq!(endless_key("a = [\"1.2.3.4.5.6.7.8.9\", 1.5, 2.5]\nb = 1.5 # a.b.c.d.e.f.g.h.i.j"), None);
    }
}
