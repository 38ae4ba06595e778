//! What we remember: one folder a run, with the frozen plan and an SQLite journal in it.
//!
//! One writer (the keeper), any number of readers (status, log, recovery, a direct rollback). Schema
//! version 1 is in [`SCHEMA`]; entries are the engine's own, as JSON.

mod places;
mod store;
mod tombstone;

pub use places::{PlaceError, Places, SOCKET_PATH_BYTES_MAX};
pub use store::{JournalError, Reader, RunInfo, SCHEMA, Writer};
pub use tombstone::Tombstone;
