//! Signals from outside: a flag, or a list of windows, on a page of JSON or on a topic.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::UnixMs;
pub use crate::reading::SignalKind;
use crate::reading::{Missing, Sample, Says, SignalReport, SignalSample};
use crate::sources::Failure;
use crate::sources::value::flag::flag;
use crate::sources::value::moment::observed;
use crate::sources::value::page::at;
use crate::sources::value::query::RequestConfig;
use crate::sources::value::told::{Receipt, Told};
use crate::units::UsdPerMwh;

mod windows;

/// `[[signal]]`: something that others tell and that is published beside the split. Nothing acts on it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalConfig {
    /// `[a-z0-9-]+`, unique.
    pub name: String,
    pub kind: SignalKind,
    /// URL of a page of JSON.
    pub url: Option<String>,
    /// Topic on the daemon's broker that tells the same; instead of `url`.
    pub topic: Option<String>,
    /// JSON pointer (RFC 6901) to the flag; with windows, in each row. Absent: a message is nothing but the flag, or
    /// every row is a window.
    pub flag_key: Option<String>,
    /// JSON pointer to the list of windows, or to a map of them. Absent, with `start_key`: arrays side by side.
    pub rows_key: Option<String>,
    /// JSON pointer to the start in each row, or to the array of starts.
    pub start_key: Option<String>,
    /// The same for the end. Where there is none, the window lasts until further notice.
    pub end_key: Option<String>,
    /// JSON pointer to the time when all this was so. Absent: when it came.
    pub time_key: Option<String>,
    /// `demand_response`: what is paid for each MWh that is not drawn. USD/MWh.
    pub credit_usd_per_mwh: Option<f64>,
    /// File with a token, sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// What else the request holds.
    #[serde(default)]
    pub request: RequestConfig,
    /// Seconds between two requests, or between two messages as they are expected.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
}

fn default_interval() -> u64 {
    60
}

/// What tells the signal of `cfg`. Times without a zone are meant in `zone`.
pub fn told(cfg: &SignalConfig, zone: TimeZone) -> Box<dyn Told> {
    Box::new(Signal {
        id: format!("signal/{}", cfg.name),
        name: cfg.name.as_str().into(),
        config: cfg.clone(),
        zone,
    })
}

struct Signal {
    id: String,
    name: Arc<str>,
    config: SignalConfig,
    zone: TimeZone,
}

impl Signal {
    fn sample(&self, observed: Option<UnixMs>, report: Result<SignalReport, Missing>) -> Vec<Sample> {
        vec![Sample::Signal(Box::new(SignalSample {
            name: Arc::clone(&self.name),
            kind: self.config.kind,
            credit: self.config.credit_usd_per_mwh.and_then(UsdPerMwh::new),
            interval: self.interval(),
            observed,
            report,
        }))]
    }

    fn says(&self, page: &Value) -> Result<Says, Failure> {
        if self.config.start_key.is_some() {
            return windows::parse(page, &self.config, &self.zone);
        }
        let key = self.config.flag_key.as_deref().unwrap_or_default();
        let on = at(page, key).and_then(flag);
        on.map(Says::Now).map_err(|why| Failure::new(why, format!("no flag at `{key}` of the page")))
    }
}

impl Told for Signal {
    fn id(&self) -> &str {
        &self.id
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.config.interval_secs.max(1))
    }

    fn read(&self, page: &Value, receipt: Receipt) -> Result<Vec<Sample>, Failure> {
        let observed = observed(page, self.config.time_key.as_deref(), &self.zone)?;
        let report = SignalReport { quality: receipt.quality(observed), says: self.says(page)? };
        Ok(self.sample(observed, Ok(report)))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(None, Err(why))
    }
}
