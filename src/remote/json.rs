//! One value out of a JSON answer, without keeping the rest of it.
//!
//! A whole answer as a tree takes thirty times its text when it is hostile, and a tree keeps the last of two fields
//! of one name without a word; what is there twice is not known.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// What stands at a place of a JSON text.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// There is no such place.
    Nothing,
    /// Text, a number, a boolean or null.
    Leaf(Value),
    /// A list or an object.
    Branch,
}

impl Found {
    /// The text that stands there.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Leaf(value) = self { value.as_str() } else { None }
    }

    /// The number that stands there.
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::Leaf(value) = self { value.as_f64() } else { None }
    }
}

/// Looks at one place of a JSON text: a pointer (RFC 6901), or a field of the top where no slash begins it.
///
/// The whole text must be JSON, and every object on the way must have its field once.
pub fn look_at(body: &[u8], place: &str) -> Result<Found, serde_json::Error> {
    let unescaped = |part: &str| part.replace("~1", "/").replace("~0", "~");
    let keys: Vec<String> = match place.strip_prefix('/') {
        Some(parts) => parts.split('/').map(unescaped).collect(),
        None => vec![place.to_owned()],
    };
    let mut text = serde_json::Deserializer::from_slice(body);
    let found = Way(&keys).deserialize(&mut text)?;
    text.end()?;
    Ok(found)
}

/// The keys that are still to go.
#[derive(Clone, Copy)]
struct Way<'k>(&'k [String]);

impl Way<'_> {
    fn leaf<E>(self, value: impl Into<Value>) -> Result<Found, E> {
        Ok(if self.0.is_empty() { Found::Leaf(value.into()) } else { Found::Nothing })
    }
}

impl<'de> DeserializeSeed<'de> for Way<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Way<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        self.leaf(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Found, E> {
        self.leaf(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Found, E> {
        self.leaf(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Found, E> {
        self.leaf(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Found, E> {
        self.leaf(value)
    }

    fn visit_str<E>(self, value: &str) -> Result<Found, E> {
        self.leaf(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = None;
        while let Some(Key(key)) = map.next_key()? {
            match self.0.split_first() {
                Some((wanted, rest)) if key == *wanted => {
                    if found.is_some() {
                        return Err(A::Error::custom(format!("{wanted:?} is there twice")));
                    }
                    found = Some(map.next_value_seed(Way(rest))?);
                }
                Some(_) | None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(if self.0.is_empty() { Found::Branch } else { found.unwrap_or(Found::Nothing) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Found, A::Error> {
        let mut found = Found::Nothing;
        let wanted = self.0.split_first().and_then(|(key, rest)| Some((index(key)?, rest)));
        for at in 0.. {
            let next = match wanted {
                Some((wanted, rest)) if wanted == at => list.next_element_seed(Way(rest))?.map(|here| found = here),
                Some(_) | None => list.next_element::<IgnoredAny>()?.map(|_| ()),
            };
            if next.is_none() {
                break;
            }
        }
        Ok(if self.0.is_empty() { Found::Branch } else { found })
    }
}

/// A list's index as a pointer has it: digits, and no zero in front.
fn index(key: &str) -> Option<usize> {
    let is_index = key == "0" || !key.starts_with('0') && key.bytes().all(|b| b.is_ascii_digit());
    if is_index { key.parse().ok() } else { None }
}

/// A field's name, borrowed where it has no escape.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn look(text: &str, place: &str) -> Result<Found, String> {
        look_at(text.as_bytes(), place).map_err(|error| error.to_string())
    }

    #[test]
    fn finds_what_a_pointer_names() {
        let text = r#"{"a":1,"b":{"c":["x",{"d/e":-2.5}]},"~":null,"\u0066":true}"#;
        for (place, found) in [
            ("a", Found::Leaf(1.into())),
            ("/b/c/0", Found::Leaf("x".into())),
            ("/b/c/1/d~1e", Found::Leaf((-2.5).into())),
            ("/~0", Found::Leaf(Value::Null)),
            ("f", Found::Leaf(true.into())),
            ("/b/c", Found::Branch),
            ("/b/c/01", Found::Nothing),
            ("/b/c/2", Found::Nothing),
            ("/a/x", Found::Nothing),
            ("b/c", Found::Nothing),
        ] {
            assert_eq!(look(text, place), Ok(found), "{place}");
        }
    }

    #[test]
    fn what_is_there_twice_or_is_not_json_is_an_error() {
        for (text, why) in [
            (r#"{"a":1,"a":2}"#, "\"a\" is there twice"),
            (r#"{"a":1} x"#, "trailing"),
            (r#"{"a":1"#, "EOF"),
            ("", "EOF"),
            (&"[".repeat(100_000), "EOF"),
        ] {
            assert!(look(text, "a").expect_err("unreadable").contains(why), "{why}");
        }
        assert_eq!(look(r#"{"b":1,"b":2,"a":3}"#, "a"), Ok(Found::Leaf(3.into())), "others may be there twice");
    }

    proptest! {
        /// The same as the whole tree says, where no field is there twice.
        #[test]
        fn agrees_with_the_tree(keys in prop::collection::btree_set("[a-c0-2]{1,2}", 0..4), value in -9_i64..9, place in "/[a-c0-2]{1,2}(/[0-2])?") {
            let fields: Vec<String> = keys.iter().map(|key| format!("{key:?}:[{value},{{\"0\":{value}}}]")).collect();
            let text = format!("{{{}}}", fields.join(","));
            let tree: Value = serde_json::from_str(&text).expect("JSON");
            let expected = match tree.pointer(&place) {
                None => Found::Nothing,
                Some(Value::Array(_) | Value::Object(_)) => Found::Branch,
                Some(leaf) => Found::Leaf(leaf.clone()),
            };
            prop_assert_eq!(look(&text, &place), Ok(expected));
        }
    }
}
