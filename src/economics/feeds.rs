//! `[hosting.platform]`, `[hosting.price]`, `[hosting.market]`: what is asked about a hosting elsewhere.

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

/// `[hosting.price]`: where the price of a GPU-hour is listed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuPriceConfig {
    /// A file that holds the price and nothing else; or…
    pub file: Option<PathBuf>,
    /// …the URL of a page of JSON…
    pub url: Option<String>,
    /// …and the JSON pointer (RFC 6901) to the price in it, such as `/machines/0/listed_gpu_cost`.
    pub key: Option<String>,
    /// `url`: file with a token, sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// Seconds between two looks.
    #[serde(default = "often")]
    pub interval_secs: u64,
}

/// `[hosting.market]`: what others ask for such GPUs, for comparison.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    pub kind: Platform,
    /// Model, as the platform calls it: `H100 SXM`.
    pub gpu: String,
    /// `runpod`: file with the API key.
    pub token_file: Option<PathBuf>,
    /// Base URL, for proxies and tests. Absent: the platform's own.
    pub url: Option<String>,
    /// Seconds between two requests.
    #[serde(default = "now_and_then")]
    pub interval_secs: u64,
}

fn often() -> u64 {
    300
}

fn now_and_then() -> u64 {
    1800
}

fn hourly() -> u64 {
    3600
}
