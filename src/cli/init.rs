//! `wattsplit init`: writes a commented config.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};

/// The config as it is shipped: every key with its unit, its default and its meaning.
pub const SHIPPED: &str = include_str!("../../config/wattsplit.toml");

/// Where it is written unless told otherwise.
pub const DEFAULT_FILE: &str = "wattsplit.toml";

/// Writes the shipped config to `path`; `-` is standard output.
///
/// # Errors
/// If the file exists and `force` is not given, or if it cannot be written.
pub fn init(path: Option<&Path>, force: bool) -> anyhow::Result<()> {
    let path = path.unwrap_or(Path::new(DEFAULT_FILE));
    if path == Path::new("-") {
        return std::io::stdout().write_all(SHIPPED.as_bytes()).context("cannot write to standard output");
    }
    let shown = path.display();
    let mut options = OpenOptions::new();
    if force {
        options.write(true).create(true).truncate(true);
    } else {
        options.write(true).create_new(true);
    }
    let mut file = match options.open(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => bail!("{shown} exists; --force overwrites it"),
        opened => opened.with_context(|| format!("cannot write {shown}"))?,
    };
    file.write_all(SHIPPED.as_bytes()).with_context(|| format!("cannot write {shown}"))?;
    let _ = writeln!(std::io::stderr(), "wrote {shown}; next: edit it, then `wattsplit check {shown}`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_overwritten_only_by_force() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wattsplit.toml");
        init(Some(&path), false).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), SHIPPED);
        std::fs::write(&path, "mine").unwrap();
        let refused = init(Some(&path), false).unwrap_err().to_string();
        assert!(refused.ends_with("wattsplit.toml exists; --force overwrites it"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        init(Some(&path), true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), SHIPPED);
    }
}
