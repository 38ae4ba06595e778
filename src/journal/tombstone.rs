//! A mark that somebody rolled a run back without its keeper.

use crate::domain::{Clean, Person, Wall};
use crate::failpoint;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

const FILE: &str = "rolled-back-directly.json";

/// Who rolled back without the keeper, when and why. A keeper that finds one follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Who.
    pub by: Person,
    /// When.
    pub at: Wall,
    /// Why.
    pub reason: Clean,
}

impl Tombstone {
    /// Leaves it in a run's folder, synced. A disk that hangs holds this up: never call it on the way to the balancer.
    pub fn leave(&self, run_folder: &Path) -> io::Result<()> {
        use std::io::Write;
        let fresh = run_folder.join(format!("{FILE}.new"));
        failpoint::pass("tombstone due");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(serde_json::to_string(self).map_err(io::Error::other)?.as_bytes())?;
        file.sync_all()?;
        failpoint::pass("tombstone synced");
        std::fs::rename(&fresh, run_folder.join(FILE))?;
        failpoint::pass("tombstone named");
        std::fs::File::open(run_folder)?.sync_all()
    }

    /// Looks for one. A file that is there and cannot be read counts as one: somebody left it.
    pub fn find(run_folder: &Path) -> Option<Clean> {
        let path = run_folder.join(FILE);
        match std::fs::read(&path) {
            Ok(body) => Some(match serde_json::from_slice::<Self>(&body) {
                Ok(stone) => Clean::new(format!("{} at {}: {}", stone.by, stone.at.clock(), stone.reason)),
                Err(_) => "a tombstone that cannot be read".into(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Clean::new(format!("{} cannot be read: {error}", path.display()))),
        }
    }
}
