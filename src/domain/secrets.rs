//! What must never be seen, taken out of text that may repeat it.

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use std::fmt;
use std::sync::Arc;

/// Shortest secret that is looked for, in bytes: shorter words stand in any text.
const SECRET_BYTES_LEAST: usize = 4;
/// What stands where a secret stood.
const HIDDEN: &[u8] = b"***";

/// Secrets that were handed to somebody whose answers are shown, the longest first.
#[derive(Clone, Default)]
pub struct Secrets(Arc<[String]>);

impl Secrets {
    /// All these secrets; those too short to be told from other words are left out.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = secrets.into_iter().filter(|word| word.len() >= SECRET_BYTES_LEAST).collect();
        // One that is a part of another must not leave the rest of it.
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self(secrets.into())
    }

    /// Takes every one of them out.
    pub fn hide(&self, text: Bytes) -> Bytes {
        self.0.iter().fold(text, |text, secret| {
            let places: Vec<usize> = memmem::find_iter(&text, secret).collect();
            if places.is_empty() {
                return text;
            }
            let mut hidden = BytesMut::with_capacity(text.len());
            let mut kept = 0;
            for place in places {
                hidden.extend_from_slice(&text[kept..place]);
                hidden.extend_from_slice(HIDDEN);
                kept = place + secret.len();
            }
            hidden.extend_from_slice(&text[kept..]);
            hidden.freeze()
        })
    }

    /// The same for text that was cut at its end: what may be the beginning of one is dropped too.
    pub fn hide_cut(&self, text: Bytes) -> Bytes {
        let mut hidden = self.hide(text);
        let begun =
            |secret: &String| (1..secret.len()).rev().find(|length| hidden.ends_with(&secret.as_bytes()[..*length]));
        let dropped = self.0.iter().filter_map(begun).max().unwrap_or(0);
        hidden.truncate(hidden.len() - dropped);
        hidden
    }
}

/// What a program printed or a server answered, twice: a secret may look like anything, also like a part of an answer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Printed {
    /// As it was written: for whoever reads an answer in it, and never shown.
    pub raw: Bytes,
    /// Without secrets.
    pub shown: Bytes,
}

impl Printed {
    /// Reads an answer in it as it was written. What `read` gives is shown and must repeat nothing of it. Why there is
    /// no answer is said of the text without secrets; where an answer is in that, by `unsayable`.
    pub fn read<T, E>(&self, read: impl Fn(&[u8]) -> Result<T, E>, unsayable: impl FnOnce() -> E) -> Result<T, E> {
        read(&self.raw).map_err(|_| read(&self.shown).err().unwrap_or_else(unsayable))
    }
}

impl fmt::Debug for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt(f)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(secrets: &[&str], text: &'static str) -> String {
        let secrets = Secrets::new(secrets.iter().map(|secret| (*secret).to_owned()));
        String::from_utf8_lossy(&secrets.hide(Bytes::from_static(text.as_bytes()))).into_owned()
    }

    #[test]
    fn a_secret_that_is_repeated_is_taken_out() {
        assert_eq!(hidden(&["s3cr3t", "Bearer s3cr3t"], "no: Bearer s3cr3t, s3cr3t!"), "no: ***, ***!");
        assert_eq!(hidden(&["s3cr3t"], "s3cr3ts3cr3t"), "******");
        assert_eq!(hidden(&["a b"], "a b is in any text"), "a b is in any text");
    }

    #[test]
    fn the_beginning_of_a_secret_at_a_cut_is_dropped() {
        let secrets = Secrets::new(["s3cr3ts".to_owned(), "s3cr3t".to_owned()]);
        let cut = |text: &'static str| secrets.hide_cut(Bytes::from_static(text.as_bytes()));
        assert_eq!(&cut("token s3cr3t s3cr")[..], b"token *** ");
        assert_eq!(&cut("token s3cr3ts")[..], b"token ***");
        assert_eq!(&cut("nothing of it")[..], b"nothing of it");
    }

    #[test]
    fn an_answer_is_read_as_it_was_written_and_its_trouble_is_not() {
        let said = |text: &[u8]| Err::<(), String>(String::from_utf8_lossy(text).into_owned());
        let is_raw = |text: &[u8]| if text == b"s3cr3t" { Ok(6) } else { Err("another".to_owned()) };
        let is_shown = |text: &[u8]| if text == b"***" { Ok(3) } else { said(text).map(|()| 0) };
        let printed = Printed { raw: "s3cr3t".into(), shown: "***".into() };
        let unsayable = || "not to be said".to_owned();
        assert_eq!(printed.read(is_raw, unsayable), Ok(6));
        assert_eq!(printed.read(said, unsayable), Err("***".to_owned()));
        assert_eq!(printed.read(is_shown, unsayable), Err("not to be said".to_owned()));
    }

    #[test]
    fn a_secret_is_not_in_its_own_words() {
        assert_eq!(format!("{:?}", Secrets::new(["s3cr3t".to_owned()])), "1 secrets");
        let printed = Printed { raw: "s3cr3t".into(), shown: "***".into() };
        assert!(!format!("{printed:?}").contains("s3cr3t"));
    }
}
