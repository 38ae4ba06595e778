//! Text from elsewhere, made safe once at the boundary.

use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_width::UnicodeWidthChar;

/// Longest text kept, in characters: a screenful of 80x24 is 1 920, and nothing on screen needs half of it.
pub const CLEAN_CHARS_MAX: usize = 900;

/// Text that is safe to show: no control, escape, bidirectional or invisible character is left in it.
///
/// Each such character became a visible mark (`^[` for ESC, `<U+202E>` for a bidi override), so that
/// hostile text is seen and not obeyed. Longer text is cut at [`CLEAN_CHARS_MAX`] and says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Clean(String);

impl Clean {
    /// Cleans any text.
    pub fn new(raw: impl AsRef<str>) -> Self {
        const CUT: &str = "...(cut)";
        let mut clean = String::new();
        // Every character becomes at least one, so no more than this many of them can be kept.
        for c in raw.as_ref().chars().take(CLEAN_CHARS_MAX + 1) {
            push_visible(&mut clean, c);
        }
        if let Some((end, _)) = clean.char_indices().nth(CLEAN_CHARS_MAX) {
            let kept = clean.char_indices().nth(CLEAN_CHARS_MAX - CUT.len()).map_or(end, |(at, _)| at);
            clean.truncate(kept);
            clean.push_str(CUT);
        }
        Self(clean)
    }

    /// Cleans bytes that should be UTF-8; what is not becomes U+FFFD.
    pub fn from_bytes(raw: &[u8]) -> Self {
        // Each character is at most four bytes, so no more than this can be shown.
        let head = &raw[..raw.len().min(CLEAN_CHARS_MAX * 4)];
        Self::new(String::from_utf8_lossy(head))
    }

    /// The clean text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' | '\t' => out.push(' '),
        '\u{7f}' => out.push_str("^?"),
        c if c.is_ascii_control() => {
            out.push('^');
            out.push(char::from(c as u8 + b'@'));
        }
        // Zero-width, combining, bidi, tag and unassigned-width characters have no cell of their own.
        c if !matches!(c.width(), Some(1 | 2)) || is_bidi(c) => {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
        }
        c => out.push(c),
    }
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<String> for Clean {
    fn from(raw: String) -> Self {
        Self::new(raw)
    }
}

impl From<&str> for Clean {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl From<Clean> for String {
    fn from(clean: Clean) -> Self {
        clean.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_not_obeyed() {
        assert_eq!(Clean::new("a\x1b[31mb").as_str(), "a^[[31mb");
        assert_eq!(Clean::new("x\u{202e}y").as_str(), "x<U+202E>y");
        assert_eq!(Clean::new("\u{9b}0m").as_str(), "<U+009B>0m");
        assert_eq!(Clean::new("a\r\nb\u{200b}").as_str(), "a^M b<U+200B>");
        assert_eq!(Clean::from_bytes(b"\xff ok").as_str(), "\u{fffd} ok");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let clean = Clean::new("x".repeat(5000));
        assert!(clean.as_str().ends_with("...(cut)"));
        assert!(clean.as_str().len() < 1000);
    }

    proptest::proptest! {
        #[test]
        fn nothing_dangerous_survives(raw in "\\PC*|.*") {
            let clean = Clean::new(&raw);
            proptest::prop_assert!(clean.as_str().chars().all(|c| matches!(c.width(), Some(1 | 2)) && !is_bidi(c)));
        }
    }
}
