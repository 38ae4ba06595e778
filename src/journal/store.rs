//! The SQLite file of one run.

use crate::domain::{Clean, Wall};
use crate::engine::Entry;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version 1. `body` is an [`Entry`] as JSON; `number` is its place in the run.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, severity TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS info (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
";
const SCHEMA_VERSION: i64 = 1;
/// How long a reader waits for the writer's short locks.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// SQLite says no.
    #[error("journal {path}: {why}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        why: rusqlite::Error,
    },
    /// The file cannot be opened.
    #[error("journal {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// The file is of another program or version.
    #[error("journal {path} has version {version}; this program reads version {SCHEMA_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// An entry cannot be read.
    #[error("journal {path}: entry {number} cannot be read: {why}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which.
        number: i64,
        /// Why.
        why: String,
    },
}

/// What a run is, written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// `checkout @ prod-eu1`.
    pub title: Clean,
    /// The plan's path when it was loaded.
    pub plan_path: PathBuf,
    /// SHA-256 of the frozen plan.
    pub plan_hash: String,
    /// What names the balancer.
    pub identity: String,
    /// When the run began.
    pub started: Wall,
    /// Whether it only watches.
    pub watch_only: bool,
}

/// The one writer of a run's journal.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    path: PathBuf,
}

impl Writer {
    /// Opens or makes a run's journal.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let wrap = |why| JournalError::Sqlite { path: path.to_owned(), why };
        let connection = Connection::open(path).map_err(wrap)?;
        // FULL syncs the write-ahead log at each commit: what was answered is on disk.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").map_err(wrap)?;
        match version(&connection).map_err(wrap)? {
            0 => connection.execute_batch(SCHEMA).map_err(wrap)?,
            SCHEMA_VERSION => {}
            version => return Err(JournalError::Version { path: path.to_owned(), version }),
        }
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Writes what the run is.
    pub fn put_info(&self, info: &RunInfo) -> Result<(), JournalError> {
        let value = serde_json::to_string(info).unwrap_or_default();
        self.connection
            .execute("INSERT OR REPLACE INTO info (key, value) VALUES ('run', ?1)", [value])
            .map(|_| ())
            .map_err(|why| JournalError::Sqlite { path: self.path.clone(), why })
    }

    /// Writes entries and syncs them, all or none.
    pub fn append<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>) -> Result<(), JournalError> {
        let path = self.path.clone();
        let wrap = |why| JournalError::Sqlite { path: path.clone(), why };
        let transaction = self.connection.transaction().map_err(wrap)?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO entries (number, wall_ms, severity, body) VALUES (?1, ?2, ?3, ?4)")
                .map_err(wrap)?;
            for entry in entries {
                let body = serde_json::to_string(entry).map_err(|error| JournalError::Entry {
                    path: self.path.clone(),
                    number: entry.number.cast_signed(),
                    why: error.to_string(),
                })?;
                let severity = format!("{:?}", entry.severity).to_lowercase();
                insert.execute((entry.number.cast_signed(), entry.wall.millis(), severity, body)).map_err(wrap)?;
            }
        }
        transaction.commit().map_err(wrap)
    }
}

/// A reader; works beside the writer, and after it died.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens a run's journal for reading.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        // SQLite does not tell why it cannot open a file; the system does.
        std::fs::File::open(path).map_err(|why| JournalError::File { path: path.to_owned(), why })?;
        let wrap = |why| JournalError::Sqlite { path: path.to_owned(), why };
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
                .or_else(|_| {
                    Connection::open_with_flags(
                        path,
                        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
                    )
                })
                .map_err(wrap)?;
        connection.busy_timeout(BUSY_WAIT).map_err(wrap)?;
        match version(&connection).map_err(wrap)? {
            SCHEMA_VERSION => Ok(Self { connection, path: path.to_owned() }),
            version => Err(JournalError::Version { path: path.to_owned(), version }),
        }
    }

    /// What the run is; `None` when its keeper died before it could write that.
    pub fn info(&self) -> Result<Option<RunInfo>, JournalError> {
        let value: Option<String> = self
            .connection
            .query_row("SELECT value FROM info WHERE key = 'run'", [], |row| row.get(0))
            .optional()
            .map_err(|why| JournalError::Sqlite { path: self.path.clone(), why })?;
        Ok(value.and_then(|value| serde_json::from_str(&value).ok()))
    }

    /// All entries in their order.
    pub fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        let wrap = |why| JournalError::Sqlite { path: self.path.clone(), why };
        let mut statement =
            self.connection.prepare("SELECT number, body FROM entries ORDER BY number").map_err(wrap)?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).map_err(wrap)?;
        rows.map(|row| {
            let (number, body) = row.map_err(wrap)?;
            serde_json::from_str(&body).map_err(|error| JournalError::Entry {
                path: self.path.clone(),
                number,
                why: error.to_string(),
            })
        })
        .collect()
    }
}

fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Mono;
    use crate::engine::{Fact, Severity};

    #[test]
    fn what_was_appended_is_read_back_beside_the_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        let mut writer = Writer::open(&path).expect("opens");
        let entry = |number| Entry {
            number,
            wall: Wall::from_millis(5),
            mono: Mono::from_micros(7),
            severity: Severity::Warn,
            by: None,
            text: "a\x1bb".into(),
            fact: Fact::Reached { step: 2 },
        };
        let written = [entry(1), entry(2)];
        writer.append(written.iter()).expect("appends");
        assert_eq!(Reader::open(&path).expect("opens").entries().expect("reads"), written);
        assert!(writer.append([entry(2)].iter()).is_err(), "a number is written once");
    }

    #[test]
    fn another_file_is_refused_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        std::fs::write(&path, "not a database, and long enough to be read as one: ".repeat(40)).expect("writes");
        assert!(Writer::open(&path).expect_err("corrupt").to_string().contains("not a database"));
    }
}
