//! The SQLite file of one run.

use crate::domain::{Clean, Wall};
use crate::engine::Entry;
use crate::failpoint::{self, DiskFault};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The newest version's tables. `body` is an [`Entry`] as JSON; `number` is its place in the run.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, severity TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS info (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
";
/// The version of [`SCHEMA`]: one more than there are steps to it from version 1.
pub const SCHEMA_VERSION: i64 = 1 + MIGRATIONS.len() as i64;
/// What leads from each version to the next, from version 1 on. A step never changes once it was released: journals
/// of every version are out there. `tests/journals` keeps one of each, which the newest program must open.
const MIGRATIONS: &[&str] = &[];
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
    /// The file is of a newer program.
    #[error("journal {path} has version {version}, of a newer warroom; this one reads up to {SCHEMA_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// What the run is cannot be read.
    #[error("journal {path}: what the run is cannot be read: {why}")]
    Info {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
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

impl JournalError {
    /// Whether there is no file at all.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::File { why, .. } if why.kind() == std::io::ErrorKind::NotFound)
    }
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
            // All or nothing: a process killed in between leaves an empty file that is begun again.
            0 => connection
                .execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"))
                .map_err(wrap)?,
            version @ 1..=SCHEMA_VERSION => migrate(&connection, version, MIGRATIONS).map_err(wrap)?,
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
        let fault = failpoint::disk();
        if let Some(fault @ (DiskFault::Full | DiskFault::ReadOnly)) = fault {
            return Err(wrap(failure(fault)));
        }
        failpoint::pass("transaction due");
        let transaction = self.connection.transaction().map_err(wrap)?;
        {
            let mut insert = transaction
                .prepare_cached(
                    "INSERT OR IGNORE INTO entries (number, wall_ms, severity, body) VALUES (?1, ?2, ?3, ?4)",
                )
                .map_err(wrap)?;
            for entry in entries {
                let body = serde_json::to_string(entry).map_err(|error| JournalError::Entry {
                    path: self.path.clone(),
                    number: entry.number.cast_signed(),
                    why: error.to_string(),
                })?;
                let severity = format!("{:?}", entry.severity).to_lowercase();
                let number = entry.number.cast_signed();
                let rows = insert.execute((number, entry.wall.millis(), severity, &body)).map_err(wrap)?;
                let same = "SELECT 1 FROM entries WHERE number = ?1 AND body = ?2";
                if rows == 0
                    && !transaction.prepare_cached(same).and_then(|mut s| s.exists((number, &body))).map_err(wrap)?
                {
                    return Err(JournalError::Entry { path, number, why: "another entry has its number".into() });
                }
                failpoint::pass("entry inserted");
            }
        }
        failpoint::pass("commit due");
        // A disk that fails is met here at the earliest: until then everything is in memory.
        if let Some(fault @ DiskFault::Write) = fault {
            return Err(wrap(failure(fault)));
        }
        transaction.commit().map_err(wrap)?;
        failpoint::pass("committed");
        // What a failed sync leaves may be whole, or gone after a loss of power: it is written again either way.
        if let Some(fault @ DiskFault::Sync) = fault {
            return Err(wrap(failure(fault)));
        }
        Ok(())
    }
}

/// A reader; works beside the writer, and after it died.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    /// Whether anything was ever written: a `run` that was killed at its start leaves an empty file.
    begun: bool,
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
            // Older tables hold the same columns that are read here; only a writer brings them up to date.
            version @ 0..=SCHEMA_VERSION => Ok(Self { connection, path: path.to_owned(), begun: version > 0 }),
            version => Err(JournalError::Version { path: path.to_owned(), version }),
        }
    }

    /// Whether it has ever been written to.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// What the run is; `None` when its keeper died before it could write that.
    pub fn info(&self) -> Result<Option<RunInfo>, JournalError> {
        if !self.begun {
            return Ok(None);
        }
        let value: Option<String> = self
            .connection
            .query_row("SELECT value FROM info WHERE key = 'run'", [], |row| row.get(0))
            .optional()
            .map_err(|why| JournalError::Sqlite { path: self.path.clone(), why })?;
        let read = |value: String| serde_json::from_str(&value);
        let wrong = |error: serde_json::Error| JournalError::Info { path: self.path.clone(), why: error.to_string() };
        value.map(read).transpose().map_err(wrong)
    }

    /// The entries that can be read, in their order, and how many cannot: a newer program's facts, or damage, of which
    /// all that it hides counts as one. For a rollback, which must not be stopped by what it does not understand.
    pub fn readable(&self) -> Result<(Vec<Entry>, usize), JournalError> {
        if !self.begun {
            return Ok((Vec::new(), 0));
        }
        let wrap = |why| JournalError::Sqlite { path: self.path.clone(), why };
        let mut statement = self.connection.prepare("SELECT body FROM entries ORDER BY number").map_err(wrap)?;
        let mut rows = statement.query([]).map_err(wrap)?;
        let (mut entries, mut unreadable) = (Vec::new(), 0);
        loop {
            let body: Result<String, _> = match rows.next() {
                Ok(Some(row)) => row.get(0),
                Ok(None) => break,
                // A page is gone, and with it whatever comes after.
                Err(_) => {
                    unreadable += 1;
                    break;
                }
            };
            match body.ok().and_then(|body| serde_json::from_str(&body).ok()) {
                Some(entry) => entries.push(entry),
                None => unreadable += 1,
            }
        }
        Ok((entries, unreadable))
    }

    /// All entries in their order.
    pub fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        if !self.begun {
            return Ok(Vec::new());
        }
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

/// Leads a journal from its version to the newest, each step whole or not at all.
fn migrate(connection: &Connection, from: i64, steps: &[&str]) -> Result<(), rusqlite::Error> {
    for (version, step) in (1..).zip(steps).skip_while(|(version, _)| *version < from) {
        connection.execute_batch(&format!("BEGIN; {step} PRAGMA user_version = {}; COMMIT;", version + 1))?;
    }
    Ok(())
}

/// What SQLite says of such a disk.
fn failure(fault: DiskFault) -> rusqlite::Error {
    use rusqlite::ffi;
    let code = match fault {
        DiskFault::Full => ffi::SQLITE_FULL,
        DiskFault::ReadOnly => ffi::SQLITE_READONLY,
        DiskFault::Write => ffi::SQLITE_IOERR_WRITE,
        DiskFault::Sync => ffi::SQLITE_IOERR_FSYNC,
    };
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
pub(crate) use damage::{Page, line, lose_page};

/// Journals as a disk leaves them.
#[cfg(test)]
mod damage {
    use super::*;
    use crate::domain::Mono;
    use crate::engine::{Fact, Severity};

    /// A page of the table of entries, once that has several.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Page {
        Root,
        LastLeaf,
    }

    /// Zeroes a page of a journal that nobody has open.
    pub(crate) fn lose_page(journal: &Path, page: Page) {
        const PAGE_BYTES: usize = 4096;
        /// Where a page of inner nodes has the number of its last child (SQLite's file format, 1.6).
        const LAST_CHILD: usize = 8;
        let connection = Connection::open(journal).expect("opens");
        let root = "SELECT rootpage FROM sqlite_master WHERE name = 'entries'";
        let root: u32 = connection.query_row(root, [], |row| row.get(0)).expect("the table");
        // Whoever closes it last leaves one file.
        drop(connection);
        let mut bytes = std::fs::read(journal).expect("reads");
        let start = |page: u32| (page as usize - 1) * PAGE_BYTES;
        let child = bytes[start(root) + LAST_CHILD..][..4].iter().fold(0, |child, byte| child << 8 | u32::from(*byte));
        let lost = start(if page == Page::Root { root } else { child });
        bytes[lost..lost + PAGE_BYTES].fill(0);
        std::fs::write(journal, bytes).expect("writes");
    }

    /// An entry whose text is not all printable.
    pub(crate) fn line(number: u64, fact: Fact) -> Entry {
        let (wall, mono) = (Wall::from_millis(5), Mono::from_micros(7));
        Entry { number, wall, mono, severity: Severity::Warn, by: None, text: "a\x1bb".into(), fact }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Fact;

    fn entry(number: u64) -> Entry {
        line(number, Fact::Reached { step: 2 })
    }

    #[test]
    fn what_was_appended_is_read_back_beside_the_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        let mut writer = Writer::open(&path).expect("opens");
        let written = [entry(1), entry(2)];
        writer.append(written.iter()).expect("appends");
        assert_eq!(Reader::open(&path).expect("opens").entries().expect("reads"), written);
        writer.append([entry(2)].iter()).expect("what is there already may come again");
        let another = Entry { text: "other".into(), ..entry(2) };
        assert!(writer.append([another].iter()).is_err(), "a number is written once");
        assert_eq!(Reader::open(&path).expect("opens").entries().expect("reads"), written);
    }

    /// What a disk that fails at the commit leaves behind: a transaction that is open, full and refused.
    #[test]
    fn a_commit_that_fails_leaves_nothing_and_the_next_append_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        let mut writer = Writer::open(&path).expect("opens");
        // A reference that is checked only at the commit, and that each entry breaks as long as nobody is there.
        let breaks = "PRAGMA foreign_keys = ON; CREATE TABLE there (id INTEGER PRIMARY KEY);
            CREATE TABLE asks (id REFERENCES there DEFERRABLE INITIALLY DEFERRED);
            CREATE TRIGGER breaks AFTER INSERT ON entries BEGIN INSERT INTO asks VALUES (1); END;";
        writer.connection.execute_batch(breaks).expect("tables");
        let written = [entry(1), entry(2)];
        let entries = || Reader::open(&path).expect("opens").entries().expect("reads");
        for _ in 0..2 {
            let error = writer.append(written.iter()).expect_err("the commit fails").to_string();
            assert!(error.contains("FOREIGN KEY"), "{error}");
            assert!(writer.connection.is_autocommit(), "no transaction is left open");
            assert_eq!(entries(), []);
        }
        writer.connection.execute("INSERT INTO there VALUES (1)", []).expect("mended");
        writer.append(written.iter()).expect("appends");
        assert_eq!(entries(), written);
    }

    #[test]
    fn each_version_is_led_to_the_newest_and_keeps_its_entries() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        drop(Writer::open(&path).expect("opens"));
        let connection = Connection::open(&path).expect("opens");
        connection.execute("INSERT INTO info VALUES ('run', 'kept')", []).expect("inserts");
        let steps = ["CREATE TABLE second (a);", "CREATE TABLE third (a);", "CREATE TABLE fourth (a);"];
        connection.execute_batch("PRAGMA user_version = 1").expect("version 1");
        migrate(&connection, 1, &steps[..1]).expect("to 2");
        assert_eq!(version(&connection).expect("a version"), 2);
        assert!(migrate(&connection, 2, &["", "CREATE TABLE third (a);", "nonsense;"]).is_err());
        assert_eq!(version(&connection).expect("a version"), 3, "a step that fails leaves the version before it");
        connection.execute_batch("ROLLBACK").expect("the failed step");
        migrate(&connection, 3, &steps).expect("to 4");
        assert_eq!(version(&connection).expect("a version"), 4);
        let kept: String = connection.query_row("SELECT value FROM info", [], |row| row.get(0)).expect("kept");
        assert_eq!(kept, "kept");
        connection.query_row("SELECT count(*) FROM fourth", [], |row| row.get::<_, i64>(0)).expect("the newest table");
    }

    #[test]
    fn a_journal_that_was_never_written_is_empty_and_not_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        std::fs::write(&path, "").expect("writes");
        let reader = Reader::open(&path).expect("opens");
        assert!(!reader.is_begun());
        assert_eq!((reader.info().expect("reads"), reader.entries().expect("reads")), (None, Vec::new()));
    }

    #[test]
    fn an_entry_of_a_newer_program_hides_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        let mut writer = Writer::open(&path).expect("opens");
        writer.append([entry(1), entry(3)].iter()).expect("appends");
        let newer = serde_json::to_string(&entry(2)).expect("JSON").replace("\"reached\"", "\"teleported\"");
        writer.connection.execute("INSERT INTO entries VALUES (2, 5, 'info', ?1)", [newer]).expect("inserts");
        let reader = Reader::open(&path).expect("opens");
        assert!(reader.entries().is_err(), "whoever must know everything is told");
        assert_eq!(reader.readable().expect("reads"), (vec![entry(1), entry(3)], 1));
    }

    #[test]
    fn what_a_damaged_page_hides_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        let entries: Vec<Entry> = (1..=200).map(|number| line(number, Fact::Line)).collect();
        Writer::open(&path).and_then(|mut writer| writer.append(entries.iter())).expect("written");
        let read = || Reader::open(&path).and_then(|reader| reader.readable()).expect("opens");
        assert_eq!(read(), (entries.clone(), 0));
        lose_page(&path, Page::LastLeaf);
        let (left, unreadable) = read();
        assert!(!left.is_empty() && entries.starts_with(&left), "{}", left.len());
        assert_eq!(unreadable, 1);
        lose_page(&path, Page::Root);
        assert_eq!(read(), (Vec::new(), 1));
    }

    #[test]
    fn a_run_that_is_described_in_no_words_of_ours_is_not_a_run_without_a_description() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        let writer = Writer::open(&path).expect("opens");
        writer.connection.execute("INSERT INTO info VALUES ('run', '{\"half')", []).expect("inserts");
        let why = Reader::open(&path).and_then(|reader| reader.info()).expect_err("half of it is gone");
        assert!(why.to_string().contains("what the run is cannot be read"), "{why}");
    }

    #[test]
    fn another_file_is_refused_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        std::fs::write(&path, "not a database, and long enough to be read as one: ".repeat(40)).expect("writes");
        assert!(Writer::open(&path).expect_err("corrupt").to_string().contains("not a database"));
    }
}
