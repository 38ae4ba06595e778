//! Who is at the other end, and what they may do.

use super::Clean;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A person as the keeper knows them.
///
/// `uid` is the socket peer's and is proof, `user` is its login, as far as the machine's directory said so in time, and
/// `name` is what `--as` said and is only a claim. Who is who, [`Self::is`] says: the same person may have come once with a
/// login and once without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The name shown: `--as NAME` where given, else the login.
    pub name: Clean,
    /// The login of the peer, or its number in words where the directory gave none.
    pub user: Clean,
    /// The number of the peer's user, from the socket; `None` from an older keeper, and of the keeper itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
}

impl Person {
    /// A person under their own login.
    pub fn verified(user: impl Into<Clean>) -> Self {
        let user = user.into();
        Self { name: user.clone(), user, uid: None }
    }

    /// A person who says they are `name`.
    pub fn claimed(name: impl Into<Clean>, user: impl Into<Clean>) -> Self {
        Self { name: name.into(), user: user.into(), uid: None }
    }

    /// The same with the number of the user.
    pub fn with_uid(self, uid: u32) -> Self {
        Self { uid: Some(uid), ..self }
    }

    /// The keeper itself, as the author of automatic acts.
    pub fn keeper() -> Self {
        Self::verified("warroom")
    }

    /// Whether both are one: the same user, under the same name or both under their own.
    pub fn is(&self, other: &Self) -> bool {
        self.is_same_user(other) && (self.name == other.name || self.is_verified() && other.is_verified())
    }

    /// Whether both are the same user of this machine: by number, or by login where one has none.
    pub fn is_same_user(&self, other: &Self) -> bool {
        match (self.uid, other.uid) {
            (Some(uid), Some(other)) => uid == other,
            (Some(_) | None, _) => self.user == other.user,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_once_without_a_login_is_the_same_person() {
        let alice = Person::verified("alice").with_uid(1000);
        let nameless = Person::verified("uid 1000").with_uid(1000);
        assert!(alice.is(&nameless) && nameless.is(&alice));
        let claimed = |user: &str| Person::claimed("carol", user).with_uid(1000);
        assert!(claimed("alice").is(&claimed("uid 1000")));
        assert!(!claimed("uid 1000").is(&alice) && claimed("uid 1000").is_same_user(&alice));
        for other in [Person::verified("uid 1001").with_uid(1001), Person::claimed("alice", "bob").with_uid(1001)] {
            assert!(!other.is(&alice) && !other.is_same_user(&alice));
        }
    }

    #[test]
    fn who_is_in_an_older_journal_is_known_by_the_login() {
        let older: Person = serde_json::from_str(r#"{"name":"alice","user":"alice"}"#).expect("JSON");
        assert!(older.is(&Person::verified("alice").with_uid(1000)));
        assert!(!older.is(&Person::verified("bob").with_uid(1001)));
        assert_eq!(serde_json::to_string(&older).expect("JSON"), r#"{"name":"alice","user":"alice"}"#);
    }
}
