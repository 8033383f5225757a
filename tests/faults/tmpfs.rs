//! A disk that can be filled.

use std::path::PathBuf;
use std::process::Command;

/// A small file system of the scenario's own.
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    pub fn new(dir: PathBuf) -> Result<Self, String> {
        std::fs::create_dir(&dir).map_err(|error| error.to_string())?;
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(&dir).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(dir)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("mount: {error}")),
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: the writer may still have its files open. What stays is in the way of its directory only.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
