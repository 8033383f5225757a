//! What `[power]` and `[btc]` may hold.

use std::path::PathBuf;

use serde::Deserialize;

use super::{OwnPowerConfig, OwnQuoteConfig};
use crate::units::Currency;

/// `[power]`: what a megawatt-hour costs, all-in: (market price × rate + adder) × (1 + tax).
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
    /// Markets: base URL, for proxies and tests. Absent: the market's own.
    pub url: Option<String>,
    /// `energy_charts`, `nord_pool`: the bidding zone. `awattar`: `de` or `at`.
    pub zone: Option<String>,
    /// ISO 4217 code of the currency that prices come in. Absent: that of the kind.
    pub currency: Option<String>,
    /// Added to every price, before tax: delivery, levies. USD/MWh.
    #[serde(default)]
    pub adder_usd_per_mwh: f64,
    /// On price and adder together, also where they are negative. A fraction.
    #[serde(default)]
    pub tax: f64,
    /// Seconds between two requests. Absent: as the kind asks for. `mqtt`: between two messages as they are expected.
    pub interval_secs: Option<u64>,
    /// `http_json` and `mqtt`: where the prices stand.
    pub own: Option<OwnPowerConfig>,
    pub octopus_agile: Option<OctopusAgileConfig>,
    pub tibber: Option<TibberConfig>,
    pub ercot: Option<ErcotConfig>,
    pub pjm: Option<PjmConfig>,
    /// What one unit of the currency costs. Absent: prices are in US dollars.
    pub fx: Option<FxConfig>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TariffKind {
    Fixed,
    TimeOfUse,
    Slots,
    /// A page of JSON of the operator's own.
    HttpJson,
    /// A topic of the operator's own.
    Mqtt,
    EnergyCharts,
    Awattar,
    OctopusAgile,
    NordPool,
    Tibber,
    Ercot,
    Pjm,
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

/// `[power.octopus_agile]`: which of its tariffs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OctopusAgileConfig {
    /// Code of the product, such as `AGILE-24-10-01`.
    pub product: String,
    /// Letter of the distribution region, `A`…`P`.
    pub region: String,
    /// Whether prices are taken with VAT.
    #[serde(default)]
    pub include_vat: bool,
}

/// `[power.tibber]`: whose prices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TibberConfig {
    /// File with the access token.
    pub token_file: PathBuf,
    /// Absent: the only home with a subscription.
    pub home_id: Option<String>,
    /// Whether prices are taken with tax and fees (`total`), and not as energy alone.
    #[serde(default)]
    pub include_tax: bool,
}

/// Which prices of a market that has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketRun {
    #[default]
    DayAhead,
    RealTime,
}

/// `[power.ercot]`: which prices, and the login.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErcotConfig {
    /// Hub, load zone or resource node, such as `LZ_WEST`.
    pub settlement_point: String,
    #[serde(default)]
    pub market: MarketRun,
    pub username: String,
    /// File with the user's password.
    pub password_file: PathBuf,
    /// File with the primary key of the subscription to the public API.
    pub subscription_key_file: PathBuf,
    /// Where a token is had for user and password.
    #[serde(default = "default_ercot_token_url")]
    pub token_url: String,
}

/// `[power.pjm]`: which prices, and the key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PjmConfig {
    /// Number of the pricing node.
    pub pnode_id: u64,
    #[serde(default)]
    pub market: MarketRun,
    /// File with the subscription key of the API.
    pub subscription_key_file: PathBuf,
}

/// `[power.fx]`: what one unit of the market's currency costs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FxConfig {
    /// The rate as the operator states it, or…
    pub usd_per_unit: Option<f64>,
    /// …URL of a page of JSON…
    pub url: Option<String>,
    /// …and the JSON pointer (RFC 6901) to the US dollars for one unit in it.
    pub rate_key: Option<String>,
    /// JSON pointer to the date of the rate. Absent: it is of the time when it changed last, as an estimate.
    pub time_key: Option<String>,
    /// A rate that was read longer ago makes prices stale, seconds.
    #[serde(default = "default_fx_max_age")]
    pub max_age_secs: u64,
    /// Seconds between two requests.
    #[serde(default = "default_fx_interval")]
    pub interval_secs: u64,
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

fn default_ercot_token_url() -> String {
    "https://ercotb2c.b2clogin.com/ercotb2c.onmicrosoft.com/B2C_1_PUBAPI-ROPC-FLOW/oauth2/v2.0/token".into()
}

/// Central banks fix rates on working days: this is longer than a weekend with a holiday.
fn default_fx_max_age() -> u64 {
    4 * 86_400
}

fn default_fx_interval() -> u64 {
    6 * 3600
}

impl TariffKind {
    /// As it stands in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            TariffKind::Fixed => "fixed",
            TariffKind::TimeOfUse => "time_of_use",
            TariffKind::Slots => "slots",
            TariffKind::HttpJson => "http_json",
            TariffKind::Mqtt => "mqtt",
            TariffKind::EnergyCharts => "energy_charts",
            TariffKind::Awattar => "awattar",
            TariffKind::OctopusAgile => "octopus_agile",
            TariffKind::NordPool => "nord_pool",
            TariffKind::Tibber => "tibber",
            TariffKind::Ercot => "ercot",
            TariffKind::Pjm => "pjm",
        }
    }

    /// What its prices come in, unless the config says otherwise.
    pub fn currency(self) -> Option<Currency> {
        match self {
            TariffKind::Fixed | TariffKind::TimeOfUse | TariffKind::Slots => Some(Currency::USD),
            TariffKind::HttpJson | TariffKind::Mqtt => Some(Currency::USD),
            TariffKind::Ercot | TariffKind::Pjm => Some(Currency::USD),
            TariffKind::EnergyCharts | TariffKind::Awattar => Some(Currency::EUR),
            TariffKind::OctopusAgile => Some(Currency::GBP),
            TariffKind::NordPool | TariffKind::Tibber => None,
        }
    }
}

impl PowerPriceConfig {
    /// Where a market is asked whose own address is `usual`.
    pub(super) fn base(&self, usual: &str) -> String {
        self.url.clone().unwrap_or_else(|| usual.to_owned())
    }

    /// Seconds between two requests.
    pub fn interval_secs(&self) -> u64 {
        self.interval_secs.unwrap_or(if self.day_ahead() { 3600 } else { 300 })
    }

    /// The shortest that `interval_secs` may be: markets are not ours to wear out.
    pub fn shortest_interval_secs(&self) -> u64 {
        match self.kind {
            TariffKind::Fixed | TariffKind::TimeOfUse | TariffKind::Slots => 1,
            TariffKind::HttpJson | TariffKind::Mqtt => 1,
            _ if self.day_ahead() => 600,
            _ => 60,
        }
    }

    /// Whether prices are known for a day and more.
    pub(super) fn day_ahead(&self) -> bool {
        match self.kind {
            TariffKind::Fixed | TariffKind::TimeOfUse | TariffKind::Slots => false,
            TariffKind::HttpJson | TariffKind::Mqtt => false,
            TariffKind::Ercot => self.ercot.as_ref().is_none_or(|ercot| ercot.market == MarketRun::DayAhead),
            TariffKind::Pjm => self.pjm.as_ref().is_none_or(|pjm| pjm.market == MarketRun::DayAhead),
            TariffKind::EnergyCharts
            | TariffKind::Awattar
            | TariffKind::OctopusAgile
            | TariffKind::NordPool
            | TariffKind::Tibber => true,
        }
    }
}
