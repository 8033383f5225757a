//! Where a replay writes to.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;

pub enum Output<'a> {
    File(&'a Path),
    Stdout,
}

impl Output<'_> {
    /// Writes what `content` says, to the last byte.
    ///
    /// # Errors
    /// Names the file that cannot be created or takes no more.
    pub fn write(self, content: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (mut out, name): (Box<dyn Write>, String) = match self {
            Self::File(path) => {
                let name = path.display().to_string();
                let file = File::create(path).with_context(|| format!("failed to create {name}"))?;
                (Box::new(BufWriter::new(file)), name)
            }
            Self::Stdout => (Box::new(std::io::stdout().lock()), "standard output".to_owned()),
        };
        content(&mut out).and_then(|()| Ok(out.flush()?)).with_context(|| format!("failed to write {name}"))
    }
}
