//! Who gets how much: the two roles and the split between them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The part an environment plays in this cutover. Roles come from the plan, never from a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Serves today; the one a rollback returns to.
    Stable,
    /// The one that is to take over.
    Candidate,
}

impl Role {
    /// Both roles, stable first: the order in which they stand on every screen.
    pub const BOTH: [Self; 2] = [Self::Stable, Self::Candidate];

    /// The role in capitals, as the screens write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stable => "STABLE",
            Self::Candidate => "CANDIDATE",
        }
    }

    /// The role in lower case, as the plan writes it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Candidate => "candidate",
        }
    }

    /// The other environment.
    pub fn other(self) -> Self {
        match self {
            Self::Stable => Self::Candidate,
            Self::Candidate => Self::Stable,
        }
    }
}

/// One value for each environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerRole<T> {
    /// The stable environment's.
    pub stable: T,
    /// The candidate's.
    pub candidate: T,
}

impl<T> PerRole<T> {
    /// Builds both values from their role.
    pub fn from_fn(mut make: impl FnMut(Role) -> T) -> Self {
        Self { stable: make(Role::Stable), candidate: make(Role::Candidate) }
    }
}

impl<T> std::ops::Index<Role> for PerRole<T> {
    type Output = T;
    fn index(&self, role: Role) -> &T {
        match role {
            Role::Stable => &self.stable,
            Role::Candidate => &self.candidate,
        }
    }
}

impl<T> std::ops::IndexMut<Role> for PerRole<T> {
    fn index_mut(&mut self, role: Role) -> &mut T {
        match role {
            Role::Stable => &mut self.stable,
            Role::Candidate => &mut self.candidate,
        }
    }
}

/// The candidate's share of new requests, in permille (0–1000). Stable has the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Split(u16);

impl Split {
    /// Everything on stable: where a rollback goes.
    pub const ALL_STABLE: Self = Self(0);
    /// Everything on the candidate: where a cutover goes.
    pub const ALL_CANDIDATE: Self = Self(1000);

    /// A split from the candidate's permille; `None` above 1000.
    pub const fn from_permille(permille: u16) -> Option<Self> {
        if permille <= 1000 { Some(Self(permille)) } else { None }
    }

    /// The nearest split to a fraction (0.0–1.0); `None` when the fraction is outside or not a number.
    pub fn from_fraction(fraction: f64) -> Option<Self> {
        (0.0..=1.0).contains(&fraction).then(|| Self((fraction * 1000.0).round() as u16))
    }

    /// The candidate's share in permille.
    pub const fn permille(self) -> u16 {
        self.0
    }

    /// The share of one environment in permille; both always sum to 1000.
    pub const fn permille_of(self, role: Role) -> u16 {
        match role {
            Role::Stable => 1000 - self.0,
            Role::Candidate => self.0,
        }
    }

    /// The candidate's share as a fraction (0.0–1.0).
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// The same split seen from one environment: its own share in the candidate's place.
    pub const fn seen_from(self, role: Role) -> Self {
        Self(self.permille_of(role))
    }
}

impl TryFrom<u16> for Split {
    type Error = String;
    fn try_from(permille: u16) -> Result<Self, String> {
        Self::from_permille(permille).ok_or_else(|| format!("{permille} permille is more than the whole"))
    }
}

impl From<Split> for u16 {
    fn from(split: Split) -> Self {
        split.0
    }
}

/// `25%`, or `0.5%` where there are tenths.
impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, tenth) = (self.0 / 10, self.0 % 10);
        let text = if tenth == 0 { format!("{whole}%") } else { format!("{whole}.{tenth}%") };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_both_environments_sum_to_the_whole() {
        for permille in 0..=1000 {
            let split = Split::from_permille(permille).expect("in range");
            let sum: u16 = Role::BOTH.iter().map(|role| split.permille_of(*role)).sum();
            assert_eq!(sum, 1000);
        }
        assert_eq!(Split::from_permille(1001), None);
        assert_eq!(Split::from_fraction(f64::NAN), None);
        assert_eq!(Split::from_fraction(1.000_1), None);
    }

    #[test]
    fn prints_tenths_only_where_there_are_some() {
        assert_eq!(Split(250).to_string(), "25%");
        assert_eq!(Split(5).to_string(), "0.5%");
        assert_eq!(Split(5).seen_from(Role::Stable).to_string(), "99.5%");
    }
}
