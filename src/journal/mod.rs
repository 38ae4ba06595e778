//! What we remember: one folder a run, with the frozen plan and an SQLite journal in it.
//!
//! One writer (the keeper), any number of readers (status, log, recovery, a direct rollback). The newest tables are
//! in [`SCHEMA`]; a journal of an older version is led there when a keeper opens it. Entries are the engine's own, as JSON.

mod places;
mod store;
mod tombstone;

pub use places::{PlaceError, Places, SOCKET_PATH_BYTES_MAX};
pub use store::{JournalError, Reader, RunInfo, SCHEMA, SCHEMA_VERSION, Writer};
#[cfg(test)]
pub(crate) use store::{Page, line, lose_page};
pub use tombstone::Tombstone;
