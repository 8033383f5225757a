//! Sparkplug B 3.0: the site as an edge node, its blocks and pools as devices.
//!
//! Pure but for the file that keeps [`BirthCount`]: [`Edge`] turns the live topics into messages, and
//! whoever holds the connection sends them. Sparkplug asks for QoS 0: its sequence numbers show a
//! loss, they do not mend it. Records therefore go out on their own topics, not here.
//!
//! Specification: <https://sparkplug.eclipse.org/specification/version/3.0/>.

use serde::Deserialize;

mod births;
mod edge;
mod figures;
mod history;
pub mod payload;

pub use births::BirthCount;
pub use edge::{Edge, Out};

/// `[sparkplug]`: a connection of its own to the broker of `[mqtt]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparkplugConfig {
    /// Second level of every topic, after `spBv1.0`.
    pub group: String,
    /// Absent: the name of the site.
    pub edge_node: Option<String>,
    /// Host application without which nothing is sent. Absent: nobody is waited for.
    pub primary_host: Option<String>,
}
