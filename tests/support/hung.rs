//! A file on a disk that hangs.

use rustix::fs::{CWD, FileType, Mode};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A pipe whose writer says nothing: whoever reads it waits as for a dead network disk.
pub struct HungFile {
    path: PathBuf,
    _both_ends: File,
}

impl HungFile {
    /// In the place of whatever is there.
    #[track_caller]
    pub fn at(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
        let both_ends = File::options().read(true).write(true).open(path).expect("both its ends");
        Self { path: path.to_owned(), _both_ends: both_ends }
    }

    /// The disk works again, and this is in the file. Whoever still reads the old one reads nothing.
    #[track_caller]
    pub fn mend(self, text: &str) {
        let new = self.path.with_extension("new");
        std::fs::write(&new, text).and_then(|()| std::fs::rename(new, &self.path)).expect("written");
    }
}
