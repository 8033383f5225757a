//! Entries of systemd's journal in its native protocol: <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Where the journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// Most bytes of one field. All of an entry must fit into one datagram, 208 KiB by default.
const MOST_BYTES: usize = 16 * 1024;

/// Sends each event with its fields: `journalctl WATTSPLIT_POOL=braiins` finds those of a pool.
pub struct Journal(UnixDatagram);

impl Journal {
    /// # Errors
    /// If no journal listens there.
    pub fn connect(path: impl AsRef<Path>) -> std::io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        Ok(Self(socket))
    }
}

/// Whether standard error goes to the journal: `$JOURNAL_STREAM` names its device and inode, and whoever
/// redirects it inherits the variable all the same.
pub fn holds_stderr() -> bool {
    let stderr = std::fs::metadata("/proc/self/fd/2").ok();
    let stderr = stderr.map(|meta| format!("{}:{}", meta.dev(), meta.ino()));
    stderr.is_some() && stderr == std::env::var("JOURNAL_STREAM").ok()
}

/// As syslog(3) counts.
pub fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let meta = event.metadata();
        let priority = priority(*meta.level());
        if self.0.send(&said.entry(priority, meta.target())).is_err() {
            // The journal is gone: whoever takes its place reads the stream. Nobody is left to be told
            // where this fails, too.
            let _ = writeln!(std::io::stderr(), "<{priority}>{}", said.line());
        }
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Said {
    /// For a person: the journal's usual output shows nothing else.
    fn line(&self) -> String {
        let mut line = self.message.clone();
        for (name, value) in &self.fields {
            // Writing to a string cannot fail.
            let _ = write!(line, " {name}={value}");
        }
        line
    }

    fn entry(&self, priority: u8, target: &str) -> Vec<u8> {
        let mut entry = Vec::new();
        put(&mut entry, "MESSAGE", &self.line());
        put(&mut entry, "PRIORITY", &priority.to_string());
        put(&mut entry, "SYSLOG_IDENTIFIER", "wattsplit");
        put(&mut entry, "TARGET", target);
        for (name, value) in &self.fields {
            put(&mut entry, &format!("WATTSPLIT_{}", name.to_ascii_uppercase().replace('.', "_")), value);
        }
        entry
    }
}

/// A field in the form that takes any value: its name, its length in eight bytes, itself.
fn put(entry: &mut Vec<u8>, name: &str, value: &str) {
    let value = value.get(..value.floor_char_boundary(MOST_BYTES)).unwrap_or(value);
    entry.extend_from_slice(name.as_bytes());
    entry.push(b'\n');
    entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => self.fields.push((name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// The fields of an entry, as the journal reads them.
    fn fields(mut entry: &[u8]) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        while let Some(end) = entry.iter().position(|byte| *byte == b'\n') {
            let name = String::from_utf8(entry[..end].to_vec()).unwrap();
            let (length, rest) = entry[end + 1..].split_first_chunk::<8>().unwrap();
            let (value, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
            found.insert(name, String::from_utf8(value.to_vec()).unwrap());
            entry = rest.strip_prefix(b"\n").unwrap();
        }
        found
    }

    #[test]
    fn an_entry_has_a_line_for_people_and_fields_for_filters() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let subscriber = tracing_subscriber::registry().with(Journal::connect(&path).unwrap());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(pool = "braiins", status = 401, error = %"no\nanswer", "fetch failed");
        });
        let mut entry = [0; 4096];
        let length = journal.recv(&mut entry).unwrap();
        let fields = fields(&entry[..length]);
        assert_eq!(fields["MESSAGE"], "fetch failed pool=braiins status=401 error=no\nanswer");
        assert_eq!(fields["PRIORITY"], "4");
        assert_eq!(fields["WATTSPLIT_POOL"], "braiins");
        assert_eq!(fields["WATTSPLIT_STATUS"], "401");
        assert_eq!(fields["WATTSPLIT_ERROR"], "no\nanswer");
    }

    #[test]
    fn a_field_that_is_too_long_is_cut_between_two_characters() {
        let mut entry = Vec::new();
        put(&mut entry, "MESSAGE", &"é".repeat(MOST_BYTES));
        put(&mut entry, "MESSAGE_2", &format!("a{}", "é".repeat(MOST_BYTES)));
        let fields = fields(&entry);
        assert_eq!(fields["MESSAGE"].len(), MOST_BYTES);
        assert_eq!(fields["MESSAGE_2"].len(), MOST_BYTES - 1);
    }
}
