//! A mark that somebody rolled a run back without its keeper.

use crate::domain::{Clean, Person, Wall};
use crate::failpoint;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

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
        let fresh = fresh(run_folder, std::process::id());
        failpoint::pass("tombstone due");
        // Where a test lets the disk hang.
        let _ = failpoint::disk();
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(serde_json::to_string(self).map_err(io::Error::other)?.as_bytes())?;
        file.sync_all()?;
        failpoint::pass("tombstone synced");
        std::fs::rename(&fresh, run_folder.join(FILE))?;
        failpoint::pass("tombstone named");
        std::fs::File::open(run_folder)?.sync_all()
    }

    /// Looks for one: who left it, when and why. A file that is there and cannot be read counts as one: somebody left it.
    /// An error is neither that there is one nor that there is none.
    pub fn find(run_folder: &Path) -> io::Result<Option<Clean>> {
        let path = run_folder.join(FILE);
        match std::fs::read(&path) {
            Ok(body) => Ok(Some(match serde_json::from_slice::<Self>(&body) {
                Ok(stone) => Clean::new(format!("{} at {}: {}", stone.by, stone.at.clock(), stone.reason)),
                Err(_) => "a tombstone that cannot be read".into(),
            })),
            // Of a folder that is not there either nobody knows what is in it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => run_folder.symlink_metadata().map(|_| None),
            Err(error) if path.symlink_metadata().is_ok() => {
                Ok(Some(Clean::new(format!("{} is there and cannot be read: {error}", path.display()))))
            }
            Err(error) => Err(error),
        }
    }
}

/// What it is called until it is whole: each process has a name of its own, as two may leave one at once.
fn fresh(run_folder: &Path, process: u32) -> PathBuf {
    run_folder.join(format!("{FILE}.{process}.new"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_leave_one_at_once_do_not_hinder_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let another = fresh(folder.path(), 1);
        std::fs::write(&another, "half of it").expect("another's, under way");
        let stone = Tombstone { by: Person::verified("alice"), at: Wall::from_millis(0), reason: "by hand".into() };
        stone.leave(folder.path()).expect("left");
        let found = Tombstone::find(folder.path()).expect("a disk");
        assert!(found.is_some_and(|words| words.as_str().contains("by hand")));
        assert_eq!(std::fs::read_to_string(another).expect("still there"), "half of it");
    }

    #[test]
    fn a_disk_that_does_not_say_whether_there_is_one_is_no_tombstone() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Tombstone::find(folder.path()).expect("a disk"), None);
        let gone = Tombstone::find(&folder.path().join("gone"));
        assert_eq!(gone.expect_err("no folder").kind(), io::ErrorKind::NotFound);
        let is_file = folder.path().join("file");
        std::fs::write(&is_file, "").expect("written");
        assert_eq!(Tombstone::find(&is_file).expect_err("no folder").kind(), io::ErrorKind::NotADirectory);
        // Something has its name, and cannot be read.
        std::fs::create_dir(folder.path().join(FILE)).expect("a folder");
        let found = Tombstone::find(folder.path()).expect("it is there");
        assert!(found.is_some_and(|words| words.as_str().contains("cannot be read")));
    }
}
