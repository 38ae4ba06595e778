//! Values and files that a plan names and does not hold: variables, secrets, certificates.
//!
//! A file's disk may hang, and whoever reads it may hold somebody up: a rollback, a keeper that begins, a program that
//! a person wants to stop.

use crate::plan::Secret;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a file is waited for: forty times a disk's worst sync seen, and still nothing that a person waits for.
const FILE_WAIT: Duration = Duration::from_secs(1);
/// Reads of one file at a time, each on a thread of its own, which a disk that hangs keeps. As many rollbacks side by
/// side may need one token.
const READS_MAX: usize = 64;

/// Largest file, in bytes: a machine's whole bundle of certificates has a quarter of it.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How many reads of each file are under way.
static UNDER_WAY: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

/// A value as it is now, or why there is none. Waits for a file's disk for a second at most.
pub fn value(secret: &Secret) -> Result<String, String> {
    match secret {
        Secret::Plain(value) => Ok(value.clone()),
        Secret::Env(variable) => {
            std::env::var(variable).map_err(|_| format!("the environment variable {variable} is not set"))
        }
        Secret::File(path) => {
            let text = read(path).and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
            let text = text.map_err(|why| format!("the file {} cannot be read: {why}", path.display()))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
    }
}

/// A file's bytes, 1 MiB at most; an error when its disk does not give them within a second.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let silent = || io::Error::new(ErrorKind::TimedOut, "its disk does not answer");
    let place = Place::take(path).ok_or_else(silent)?;
    let (sender, bytes) = sync_channel(1);
    let reading = move || {
        let bytes = whole(&place.0);
        drop(place);
        sender.send(bytes)
    };
    std::thread::Builder::new().name("file".into()).spawn(reading)?;
    bytes.recv_timeout(FILE_WAIT).map_err(|_| silent())?
}

fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if count as u64 > FILE_BYTES_MAX { Err(io::Error::other("it is longer than 1 MiB")) } else { Ok(bytes) }
}

/// One of the reads of a file; given back when that has ended.
struct Place(PathBuf);

impl Place {
    fn take(path: &Path) -> Option<Self> {
        let mut all = under_way();
        let count = all.entry(path.to_owned()).or_default();
        (*count < READS_MAX).then(|| {
            *count += 1;
            Self(path.to_owned())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = under_way();
        if let Some(count) = all.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.0);
            }
        }
    }
}

fn under_way() -> MutexGuard<'static, BTreeMap<PathBuf, usize>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode};

    #[test]
    fn a_file_loses_the_end_of_its_last_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            value(&Secret::File(path.clone()))
        };
        assert_eq!(read(b"s3cr3t\r\n"), Ok("s3cr3t".to_owned()));
        assert_eq!(read(b"two\nlines"), Ok("two\nlines".to_owned()));
        assert!(read(b"\xff").is_err_and(|why| why.contains("token cannot be read")));
        let endless = value(&Secret::File("/dev/zero".into()));
        assert_eq!(endless, Err("the file /dev/zero cannot be read: it is longer than 1 MiB".to_owned()));
    }

    #[test]
    fn a_file_that_hangs_is_given_up_and_read_as_soon_as_it_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
        let why = value(&Secret::File(path.clone())).expect_err("nobody writes into it");
        assert_eq!(why, format!("the file {} cannot be read: its disk does not answer", path.display()));
        assert_eq!(under_way().get(&path), Some(&1));
        // Every place but that one: the next is not asked for a second.
        let rest: Vec<Place> = std::iter::from_fn(|| Place::take(&path)).collect();
        assert_eq!(rest.len(), READS_MAX - 1);
        assert_eq!(read(&path).expect_err("no place").kind(), ErrorKind::TimedOut);
        drop(rest);
        std::fs::write(&path, "").expect("whoever reads it goes on");
        while under_way().contains_key(&path) {
            std::thread::yield_now();
        }
        std::fs::remove_file(&path).and_then(|()| std::fs::write(&path, "s3cr3t")).expect("written");
        assert_eq!(read(&path).expect("a plain file"), b"s3cr3t");
    }
}
