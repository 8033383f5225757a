//! `[hosting.platform]`: what is asked about a hosting elsewhere.

use std::path::PathBuf;

use serde::Deserialize;

use crate::reading::Platform;

/// `[hosting.platform]`: whose statement is the revenue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformConfig {
    pub kind: Platform,
    /// File with the API key, sent as `Authorization: Bearer …`. A key that may only read is enough.
    pub token_file: PathBuf,
    /// Base URL, for proxies and tests. Absent: the platform's own.
    pub url: Option<String>,
    /// Seconds between two requests.
    #[serde(default = "hourly")]
    pub interval_secs: u64,
}

fn hourly() -> u64 {
    3600
}
