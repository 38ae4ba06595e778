//! Names for things that are correlated.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One run of one plan: `checkout-20261122T120431Z-3f9a`. Also the name of its folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// Longest id, in bytes: it is a file name and part of a socket path.
    pub const MAX_BYTES: usize = 80;

    /// Checks an id: letters, digits, `-`, `_` and `.`, not starting with a dot, at most 80 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = !text.is_empty()
            && text.len() <= Self::MAX_BYTES
            && !text.starts_with('.')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a run id"))
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A command as its sender named it; sent again under the same id it is still done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub u64);

/// One effect the engine asked for. Every effect yields exactly one outcome under this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId(pub u64);

/// Grows by one whenever all writes in flight are superseded: one that would leave with an older epoch violates an
/// invariant. Which outcome is whose is told by its effect's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Epoch(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_can_never_leave_its_folder() {
        assert!(RunId::parse("checkout-20261122T120431Z-3f9a").is_some());
        for bad in ["", "../x", "a/b", ".hidden", "a b", &"x".repeat(81)] {
            assert_eq!(RunId::parse(bad), None, "{bad}");
        }
    }
}
