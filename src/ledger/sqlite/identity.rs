//! Which file it is that lies at a path.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// As the disk tells files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of the file that lies there now; `None`: there is none.
    ///
    /// # Errors
    /// Nobody can tell, such as on a disk that fails.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(found) => Ok(Some(found.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// As [`Identity::at`].
    pub fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(Self::from)
    }
}

impl From<Metadata> for Identity {
    fn from(found: Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}
