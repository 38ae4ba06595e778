//! Who is at the other end, and what they may do.

use super::Clean;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A person as the keeper knows them.
///
/// `user` is the socket peer's login and is proof; `name` is what `--as` said and is only a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The name shown: `--as NAME` where given, else the login.
    pub name: Clean,
    /// The login of the peer, from the socket.
    pub user: Clean,
}

impl Person {
    /// A person under their own login.
    pub fn verified(user: impl Into<Clean>) -> Self {
        let user = user.into();
        Self { name: user.clone(), user }
    }

    /// A person who says they are `name`.
    pub fn claimed(name: impl Into<Clean>, user: impl Into<Clean>) -> Self {
        Self { name: name.into(), user: user.into() }
    }

    /// The keeper itself, as the author of automatic acts.
    pub fn keeper() -> Self {
        Self::verified("warroom")
    }

    /// Whether the name is the login itself.
    pub fn is_verified(&self) -> bool {
        self.name == self.user
    }
}

/// `alice`, or `alice (root, unverified)`.
impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_verified() {
            write!(f, "{}", self.name)
        } else {
            write!(f, "{} ({}, unverified)", self.name, self.user)
        }
    }
}

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rights {
    /// Look only.
    ReadOnly,
    /// Roll back, hold, take control; and, in the driver's seat, everything.
    Full,
}
