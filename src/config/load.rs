//! From a file to a [`Config`] that holds together, or to everything that is wrong with it.

use std::io::Read;
use std::path::Path as FilePath;

use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use super::document::{Report, problem_at};
use super::files::Places;
use super::problem::ConfigErrors;
use super::schema::Kind;
use super::{Config, files, shape, validate};

/// Largest file that is read. A config of 30,000 miners, each named alone, has half of this.
const MAX_BYTES: u64 = 1024 * 1024;

impl Config {
    /// Reads and checks a file; every path in what it returns is absolute. Secrets and other files that it names by a relative path are looked
    /// for in `credentials_dir` first (systemd's `$CREDENTIALS_DIRECTORY`), then beside the file.
    ///
    /// # Errors
    /// All problems of the file together. A text that is not TOML gives just that one.
    pub fn load(path: &FilePath, credentials_dir: Option<&FilePath>) -> Result<Self, ConfigErrors> {
        let name = path.display().to_string();
        let text = read(path).map_err(|reason| ConfigErrors::Unreadable { file: name.clone(), reason })?;
        let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let base = file.parent().unwrap_or(&file).to_owned();
        let places = Places { base, credentials: credentials_dir.map(FilePath::to_owned) };
        Self::parse(&text, &name, &places)
    }

    /// Checks a text; `file` is how the errors call it.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, file: &str, places: &Places) -> Result<Self, ConfigErrors> {
        let fail = |problems| ConfigErrors::Problems { file: file.to_owned(), problems };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let tree = match DeTable::parse(text) {
            Ok(tree) => tree.into_inner(),
            Err(e) => return Err(fail(vec![problem_at(text, "", e.span(), e.message().to_owned(), None)])),
        };
        let mut report = Report::new(text, &tree);
        let mended = shape::mend(&Kind::of::<Config>(), &tree, &mut report);
        let config = match Config::deserialize(Deserializer::from(toml::Spanned::new(0..0, mended))) {
            Ok(mut config) => {
                validate::validate(&config, &mut report);
                files::resolve(&mut config, places, &mut report);
                Some(config)
            }
            // Only types that the schema does not know get here.
            Err(e) => {
                report.span(e.span(), e.message().to_owned());
                None
            }
        };
        match (config, report.into_problems()) {
            (Some(config), problems) if problems.is_empty() => Ok(config),
            (_, problems) => Err(fail(problems)),
        }
    }
}

fn read(path: &FilePath) -> Result<String, String> {
    // Asked before it is opened: opening a pipe would wait for its writer.
    let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => format!("{e}; `wattsplit init` writes one"),
        _ => e.to_string(),
    })?;
    if !meta.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line =
            e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count() + 1;
        format!("line {line} is not UTF-8 text")
    })
}
