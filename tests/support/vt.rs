//! A strict reader of what a console writes to its terminal: anything but our own sequences is an error.

use unicode_width::UnicodeWidthChar;

/// Private modes the console sets and takes back: cursor, alternate screen, bracketed paste.
const MODES: [&str; 3] = ["25", "1049", "2004"];

/// The title that was there, put away and taken back.
const TITLE_STACK: [&str; 2] = ["22;0", "23;0"];

/// Reads everything and names the first thing that is not ours, with what stands around it.
pub fn check_screen(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    read(text, true)
}

/// The same for what a command prints: text and line ends, no sequence at all.
pub fn check_words(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    read(text, false)
}

fn read(text: &str, is_screen: bool) -> Result<(), String> {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\x1b' if is_screen => sequence(rest),
            '\x07' if is_screen => Some(1),
            '\n' | '\r' => Some(1),
            c if is_shown(c) => Some(c.len_utf8()),
            _ => None,
        };
        let Some(length) = length else {
            let at = text.len() - rest.len();
            let before: String = text[..at].chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
            let after: String = rest.chars().take(20).collect();
            return Err(format!("{after:?} is not ours, at byte {at} after {before:?}"));
        };
        rest = &rest[length..];
    }
    Ok(())
}

/// Whether a terminal shows it in cells of its own and obeys nothing in it.
fn is_shown(c: char) -> bool {
    let is_bidi = matches!(c, '\u{061c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    matches!(c.width(), Some(1 | 2)) && !is_bidi
}

/// The length of one of our own sequences at the beginning of a text.
fn sequence(text: &str) -> Option<usize> {
    if let Some(command) = text.strip_prefix("\x1b]") {
        return operating_system_command(command).map(|length| "\x1b]".len() + length);
    }
    let body = text.strip_prefix("\x1b[")?;
    let end = body.find(|c: char| ('\x40'..='\x7e').contains(&c))?;
    let (parameters, last) = (&body[..end], body.as_bytes()[end]);
    let are_numbers = parameters.chars().all(|c| c.is_ascii_digit() || c == ';');
    let ours = match last {
        b'm' | b'H' | b'J' | b'K' => are_numbers,
        b't' => TITLE_STACK.contains(&parameters),
        b'h' | b'l' => parameters.strip_prefix('?').is_some_and(|mode| MODES.contains(&mode)),
        _ => false,
    };
    ours.then_some("\x1b[".len() + end + 1)
}

/// The window's title (2) and the clipboard (52), ended by ST: a title is words, a copy is base64.
fn operating_system_command(text: &str) -> Option<usize> {
    let end = text.find("\x1b\\")?;
    let (what, body) = text[..end].split_once(';')?;
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let ours = match what {
        "2" => body.chars().all(is_shown),
        "52" => body.strip_prefix("c;").is_some_and(|copy| copy.chars().all(is_base64)),
        _ => false,
    };
    ours.then_some(end + "\x1b\\".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_can_tell() {
        assert_eq!(check_screen("\x1b[?1049h\x1b[2;1H\x1b[38;5;203;49mé■\x1b[0m\x07\x1b[?25l".as_bytes()), Ok(()));
        assert_eq!(check_screen("\x1b[22;0t\x1b]2;HOLDING é\x1b\\\x1b]52;c;aGk=\x1b\\\x1b[23;0t".as_bytes()), Ok(()));
        assert_eq!(check_words("HOLDING ✗ 5xx\n".as_bytes()), Ok(()));
        for foreign in [
            "\x1b]52;c;aGk=\x07",
            "\x1b]52;c;?\x1b\\",
            "\x1b]2;a\x07b\x1b\\",
            "\x1b]0;title\x1b\\",
            "\x1b[21t",
            "\x1b[6n",
            "\x1b[?1000h",
            "\x1b[?2026h",
            "\x1b[200~",
            "\u{9b}31m",
            "\x1bPq",
            "a\x08",
            "\u{202e}",
            "\u{e0041}",
            "Z\u{351}",
            "\x7f",
            "\x1b",
        ] {
            assert!(check_screen(foreign.as_bytes()).is_err(), "{foreign:?}");
        }
        assert!(check_screen(b"\x9b31m").is_err());
        assert!(check_words(b"\x1b[1mbold").is_err());
    }
}
