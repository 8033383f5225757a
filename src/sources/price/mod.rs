//! Prices: of power, of bitcoin and of hashrate.
//!
//! A market is one file with a pure `parse` and its [`market::Market`]; [`feed`] asks it at its
//! pace, and [`compose`] makes what a megawatt-hour costs of its price.

use std::time::Duration;

use jiff::tz::TimeZone;

use self::calendar::Calendar;
use self::feed::{About, Feed};
use crate::http::Http;
use crate::sources::Source;
use crate::units::Currency;

pub mod awattar;
pub mod btc;
mod calendar;
pub mod compose;
pub mod config;
pub mod energy_charts;
pub mod ercot;
mod feed;
mod fx;
pub mod hashprice_index;
pub mod market;
pub mod nord_pool;
pub mod octopus_agile;
pub mod own;
pub mod own_power;
pub mod pjm;
pub mod slots;
pub mod tariff;
pub mod tibber;

pub use btc::btc_sources;
pub use config::*;
pub use hashprice_index::{HashpriceIndexConfig, index_source};
pub use market::MarketSlot;
pub use own::OwnQuoteConfig;
pub use own_power::OwnPowerConfig;
pub use tariff::TariffError;

/// The source of the power price; `timezone` is the IANA name of the site's zone.
///
/// # Errors
/// If the tariff cannot be meant, or a secret cannot be read: see [`TariffError`].
pub fn power_source(
    cfg: &PowerPriceConfig,
    timezone: &str,
    http: &Http,
) -> Result<Box<dyn Source>, TariffError> {
    let calendar = calendar(cfg)?;
    let (market, source): (Box<dyn market::Market>, _) = match cfg.kind {
        TariffKind::Fixed | TariffKind::TimeOfUse => {
            return Ok(Box::new(tariff::TariffSource::new(tariff::Tariff::new(cfg, timezone)?)));
        }
        TariffKind::Slots => (Box::new(slots::Slots::new(cfg)?), "tariff.slots"),
        TariffKind::HttpJson => (Box::new(own_power::page::OwnPage::new(cfg, timezone)?), own_power::SOURCE),
        // Nobody is asked: see `own_power::topic`.
        TariffKind::Mqtt => return Err(TariffError::MissingKey { key: "own.url" }),
        TariffKind::EnergyCharts => {
            (Box::new(energy_charts::EnergyCharts::new(cfg, calendar.clone())?), "market.energy_charts")
        }
        TariffKind::Awattar => (Box::new(awattar::Awattar::new(cfg, calendar.clone())?), "market.awattar"),
        TariffKind::NordPool => {
            (Box::new(nord_pool::NordPool::new(cfg, calendar.clone())?), "market.nord_pool")
        }
        TariffKind::OctopusAgile => {
            (Box::new(octopus_agile::OctopusAgile::new(cfg, calendar.clone())?), "tariff.octopus_agile")
        }
        TariffKind::Tibber => (Box::new(tibber::Tibber::new(cfg)?), "tariff.tibber"),
        TariffKind::Ercot => (Box::new(ercot::Ercot::new(cfg, calendar.clone())?), "market.ercot"),
        TariffKind::Pjm => (Box::new(pjm::Pjm::new(cfg, calendar.clone())?), "market.pjm"),
    };
    let interval = Duration::from_secs(cfg.interval_secs().max(1));
    let about = About { source, interval, calendar: cfg.day_ahead().then_some(calendar) };
    Ok(Box::new(Feed::new(market, about, cfg, http.clone())?))
}

/// The days of the market, and when it tells the prices of tomorrow.
fn calendar(cfg: &PowerPriceConfig) -> Result<Calendar, TariffError> {
    match cfg.kind {
        TariffKind::OctopusAgile => Calendar::new("Europe/London", 15..20),
        TariffKind::Ercot => Calendar::new("America/Chicago", 12..15),
        TariffKind::Pjm => Calendar::new("America/New_York", 12..15),
        // The coupled auction of Europe: 12:45 to 13:00, later where it has to be run again.
        _ => Calendar::new("Europe/Berlin", 12..15),
    }
}

/// The currency that the prices of `cfg` come in: the config's word, else that of its kind.
///
/// # Errors
/// It has none, or no such code is known.
fn currency(cfg: &PowerPriceConfig) -> Result<Currency, TariffError> {
    match &cfg.currency {
        Some(code) => Currency::new(code).ok_or_else(|| TariffError::BadCurrency { code: code.clone() }),
        None => cfg.kind.currency().ok_or(TariffError::MissingKey { key: "currency" }),
    }
}

/// The zone of this IANA name.
///
/// # Errors
/// There is none.
fn zone(name: &str) -> Result<TimeZone, TariffError> {
    TimeZone::get(name).map_err(|_| TariffError::UnknownTimezone { name: name.to_owned() })
}

/// What converts prices in `currency`. `None`: they are in US dollars.
///
/// # Errors
/// Nothing is named that does.
fn conversion(cfg: &PowerPriceConfig, currency: Currency) -> Result<Option<&FxConfig>, TariffError> {
    match &cfg.fx {
        None if currency != Currency::USD => Err(TariffError::MissingKey { key: "fx" }),
        fx => Ok(fx.as_ref()),
    }
}
