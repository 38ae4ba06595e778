//! Reading a file that somebody named, whatever it turns out to be: it may be a pipe that nobody writes into, a folder, or
//! a device without an end.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use std::fs::{File, FileType, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// How long a pipe may say nothing: a command that makes a plan takes less, and nobody waits longer at a prompt that
/// shows nothing.
const SILENCE_MAX: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };
/// Bytes asked for at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// What a file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular one only: it is read without anybody having named it.
    Regular,
    /// A pipe or a device too: `/dev/stdin`, or a shell's `<(command)`.
    Any,
}

/// The first `most` bytes of a file.
///
/// # Errors
///
/// Says in words why it cannot be read, or what it is instead of a file.
pub(super) fn bytes(path: &Path, kind: Kind, most: u64) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    // Neither opening nor reading may wait for the other end of a pipe.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(cannot)?;
    let is = file.metadata().map_err(cannot)?.file_type();
    if is.is_dir() || kind == Kind::Regular && !is.is_file() {
        return Err(format!("is {}, not a regular file", word(is)));
    }
    let mut bytes = Vec::new();
    let mut chunk = [0; CHUNK_BYTES];
    while (bytes.len() as u64) < most {
        match file.read(&mut chunk) {
            Ok(0) if bytes.is_empty() && is.is_fifo() => return Err("is a pipe into which nobody writes".to_owned()),
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(&file, is)?,
            Err(error) => return Err(cannot(error)),
        }
    }
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(bytes)
}

/// Waits until there is something to read.
fn wait(file: &File, is: FileType) -> Result<(), String> {
    let mut asked = [PollFd::new(file, PollFlags::IN)];
    match poll(&mut asked, Some(&SILENCE_MAX)) {
        Ok(0) => Err(format!("is {} that said nothing for {} s", word(is), SILENCE_MAX.tv_sec)),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

fn word(is: FileType) -> &'static str {
    if is.is_dir() {
        "a folder"
    } else if is.is_fifo() {
        "a pipe"
    } else if is.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_said_and_nobody_waits_for_it() {
        let home = tempfile::tempdir().expect("a folder");
        let pipe = home.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .expect("a pipe");
        let device = Path::new("/dev/zero");
        for (path, kind, words) in [
            (pipe.as_path(), Kind::Regular, "is a pipe, not a regular file"),
            (pipe.as_path(), Kind::Any, "is a pipe into which nobody writes"),
            (device, Kind::Regular, "is a device, not a regular file"),
            (home.path(), Kind::Any, "is a folder, not a regular file"),
        ] {
            assert_eq!(bytes(path, kind, 10), Err(words.to_owned()), "{}", path.display());
        }
        assert_eq!(bytes(device, Kind::Any, 10), Ok(vec![0; 10]), "no more than was asked for");
    }

    /// As `<(command)` is; `tests/words.rs` has one that comes slowly.
    #[test]
    fn a_pipe_is_read_to_its_end() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        for word in ["version", " = ", "1"] {
            std::io::Write::write_all(&mut writer, word.as_bytes()).expect("written");
        }
        drop(writer);
        assert_eq!(bytes(Path::new(&path), Kind::Any, 100), Ok(b"version = 1".to_vec()));
    }
}
