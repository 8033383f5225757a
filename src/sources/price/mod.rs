//! Prices: of power and of bitcoin.

use serde::Deserialize;

use crate::http::Http;
use crate::sources::Source;

pub mod btc;
pub mod own;
pub mod slots;
pub mod tariff;

pub use btc::btc_sources;
pub use own::OwnQuoteConfig;
pub use tariff::TariffError;

/// `[power]`: what a megawatt-hour costs, all-in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerPriceConfig {
    pub kind: TariffKind,
    /// `fixed`: the price. `time_of_use`: the price outside all periods. USD/MWh; may be negative.
    pub usd_per_mwh: Option<f64>,
    /// `time_of_use`: periods in the site's time zone; the last that matches wins.
    #[serde(default)]
    pub period: Vec<PeriodConfig>,
    /// `slots`: URL of a JSON array of `{"start": unix s, "end": unix s, "usd_per_mwh": number}`.
    pub url: Option<String>,
    /// Added to every price: delivery, taxes. USD/MWh.
    #[serde(default)]
    pub adder_usd_per_mwh: f64,
    /// `slots`: seconds between two requests.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TariffKind {
    Fixed,
    TimeOfUse,
    Slots,
}

/// `[[power.period]]`: a part of the week with its own price.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodConfig {
    /// `mon`…`sun`. Absent: every day. A period over midnight belongs to the day it starts on.
    pub days: Option<Vec<String>>,
    /// 1–12. Absent: every month.
    pub months: Option<Vec<i8>>,
    /// Start, `HH:MM`.
    pub from: String,
    /// End, `HH:MM`, exclusive; `24:00` is the end of the day. Before `from`: over midnight.
    pub to: String,
    pub usd_per_mwh: f64,
}

/// `[btc]`: the venues whose median is the bitcoin price.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BtcPriceConfig {
    /// Base URLs; an empty string leaves the venue out.
    pub coinbase_url: String,
    pub kraken_url: String,
    pub bitstamp_url: String,
    /// Seconds between two requests to each venue.
    pub interval_secs: u64,
    /// One more venue.
    pub own: Option<OwnQuoteConfig>,
}

impl Default for BtcPriceConfig {
    fn default() -> Self {
        Self {
            coinbase_url: "https://api.exchange.coinbase.com".into(),
            kraken_url: "https://api.kraken.com".into(),
            bitstamp_url: "https://www.bitstamp.net".into(),
            interval_secs: 60,
            own: None,
        }
    }
}

fn default_interval() -> u64 {
    300
}

/// The source of the power price; `timezone` is the IANA name of the site's zone.
///
/// # Errors
/// If the tariff cannot be meant: see [`TariffError`].
pub fn power_source(
    cfg: &PowerPriceConfig,
    timezone: &str,
    http: &Http,
) -> Result<Box<dyn Source>, TariffError> {
    match cfg.kind {
        TariffKind::Fixed | TariffKind::TimeOfUse => {
            Ok(Box::new(tariff::TariffSource::new(tariff::Tariff::new(cfg, timezone)?)))
        }
        TariffKind::Slots => Ok(Box::new(slots::SlotSource::new(cfg, http.clone())?)),
    }
}
