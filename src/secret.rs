//! Secrets are read from files and shown to nobody.

use std::path::Path;

/// A password or token. `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Longest secret file that is accepted; anything bigger is the wrong file.
const MAX_BYTES: u64 = 64 * 1024;

impl Secret {
    /// Reads a file and drops one trailing line break.
    ///
    /// # Errors
    /// Says what is wrong with the file, never what is in it.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let fail = |reason| SecretError { path: path.display().to_string(), reason };
        let size = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?;
        if !size.is_file() {
            return Err(fail("is not a file".into()));
        }
        if size.len() > MAX_BYTES {
            return Err(fail(format!("is larger than {MAX_BYTES} bytes")));
        }
        let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| fail("is not UTF-8".into()))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(fail("is empty".into()));
        }
        if text.contains(['\n', '\r']) {
            return Err(fail("has more than one line".into()));
        }
        Ok(Self(text.to_owned()))
    }

    /// One that was handed over in a reply, such as the token of a login.
    pub fn received(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret file {path}: {reason}")]
pub struct SecretError {
    pub path: String,
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_file_without_the_line_break_and_never_printed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "hunter2\r\n").unwrap();
        let secret = Secret::from_file(&path).unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_of_two_lines_or_of_no_text_is_an_error_that_names_the_file_and_shows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for (content, why) in
            [(&b"hunter2\nhunter3\n"[..], "has more than one line"), (b"hunter2\xff", "is not UTF-8")]
        {
            std::fs::write(&path, content).unwrap();
            let error = Secret::from_file(&path).unwrap_err().to_string();
            assert!(error.ends_with(&format!("token: {why}")) && !error.contains("hunter"), "{error}");
        }
    }

    #[test]
    fn an_empty_or_absent_file_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        assert!(Secret::from_file(&empty).unwrap_err().to_string().ends_with("empty: is empty"));
        assert!(Secret::from_file(&dir.path().join("none")).unwrap_err().to_string().contains("none"));
    }
}
