//! What a block earns, part by part: gross, what the pool or the platform keeps, the penalty of an SLA, and what is
//! left.

use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::{AiBlock, SiteView};
use crate::units::UsdPerHour;

use super::{HostingConfig, OccupiedFrom, Terms, hosting, occupied, platform, sla};

/// What a figure of revenue rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevenueBasis {
    /// Agreed: it is paid whatever happens.
    Contract,
    /// By the statement of the platform, for a day that is over.
    Settled,
    /// Reckoned from what is rented and the price of it. Nobody has confirmed it.
    Theoretical,
    /// Reckoned from what the devices say that they hash.
    Device,
}

impl RevenueBasis {
    /// In payloads and in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            RevenueBasis::Contract => "contract",
            RevenueBasis::Settled => "settled",
            RevenueBasis::Theoretical => "theoretical",
            RevenueBasis::Device => "device",
        }
    }
}

/// The parts of a block's revenue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statement {
    pub basis: RevenueBasis,
    /// Before fee and penalty.
    pub gross: Read<UsdPerHour>,
    /// What the pool or the platform keeps.
    pub fee: Read<UsdPerHour>,
    /// What is owed for committed GPUs that do not run. `None`: no commitment.
    pub penalty: Option<Read<UsdPerHour>>,
    /// Gross less fee and penalty. While the penalty is not known it is without, as an estimate.
    pub net: Read<UsdPerHour>,
}

/// Revenue before the fee and after it.
#[derive(Debug, Clone, Copy)]
struct Earned {
    gross: UsdPerHour,
    net: UsdPerHour,
    quality: Quality,
    source: &'static str,
}

impl Statement {
    /// Of hashing, before and after the pool's fee.
    pub(super) fn of_hashing(gross: Read<UsdPerHour>, net: Read<UsdPerHour>) -> Self {
        let fee = gross.and_then(|gross| net.map(|net| gross.map(|usd| usd - net.value)));
        Self { basis: RevenueBasis::Device, gross, fee, penalty: None, net }
    }

    pub(super) fn of(hosting: &HostingConfig, view: &SiteView) -> Self {
        let block = view.ai_blocks.iter().find(|block| block.id == hosting.name);
        let earned = earned(hosting, block, view);
        let part = |of: fn(Earned) -> UsdPerHour| {
            earned.map(|earned| Reading { value: of(earned), quality: earned.quality, source: earned.source })
        };
        let penalty = sla::penalty(hosting, block);
        let net = part(|earned| earned.net).map(|net| match penalty {
            None => net,
            Some(Ok(owed)) => {
                Reading { value: net.value - owed.value, quality: net.quality.max(owed.quality), ..net }
            }
            Some(Err(_)) => net.at_best(Quality::Estimated),
        });
        Self {
            basis: basis(hosting),
            gross: part(|earned| earned.gross),
            fee: part(|earned| earned.gross - earned.net),
            penalty,
            net,
        }
    }
}

/// Price of one GPU-hour, USD: by the contract, or as the operator lists it now.
///
/// # Errors
/// Nobody says it.
pub fn gpu_price(hosting: &HostingConfig, view: &SiteView) -> Read<f64> {
    match (hosting.usd_per_gpu_h, &hosting.price) {
        (Some(agreed), _) => Ok(Reading::measured(agreed, "usd_per_gpu_h")),
        (None, Some(_)) => {
            let feeds = view.hostings.get(hosting.name.as_str()).ok_or(Missing::NotYet)?;
            let listed = feeds.usd_per_gpu_h?;
            Ok(Reading { value: listed.value.get(), quality: listed.quality, source: listed.source })
        }
        (None, None) => Err(Missing::NotConfigured),
    }
}

fn basis(hosting: &HostingConfig) -> RevenueBasis {
    match (hosting.terms, hosting.occupied_from) {
        (Terms::Reserved | Terms::KwMonth, _) | (Terms::Occupied, Some(OccupiedFrom::Contract)) => {
            RevenueBasis::Contract
        }
        (Terms::Platform, _) => RevenueBasis::Settled,
        (Terms::Occupied, _) => RevenueBasis::Theoretical,
    }
}

fn earned(hosting: &HostingConfig, block: Option<&AiBlock>, view: &SiteView) -> Result<Earned, Missing> {
    let gpu_price = gpu_price(hosting, view);
    let gpus = |gpus: u32, price: f64| {
        let gross = hosting::gpu_hours(f64::from(gpus), price, 0.0);
        gross.zip(hosting::gpu_hours(f64::from(gpus), price, hosting.host_fee))
    };
    let (parts, quality, source) = match hosting.terms {
        Terms::Reserved => {
            let reserved = hosting.reserved_gpus.ok_or(Missing::NotConfigured)?;
            (gpus(reserved, gpu_price?.value), Quality::Measured, "reserved GPUs x price")
        }
        Terms::Occupied => {
            let occupied = occupied(hosting, block)?;
            let price = gpu_price?;
            let quality = occupied.quality.max(price.quality);
            (gpus(occupied.value, price.value), quality, "occupied GPUs x price")
        }
        Terms::KwMonth => {
            let kw = hosting.contracted_kw.ok_or(Missing::NotConfigured)?;
            let rent = hosting.usd_per_kw_month.ok_or(Missing::NotConfigured)?;
            let rent = hosting::kw_month(kw, rent);
            (rent.zip(rent), Quality::Measured, "contracted kW x rent")
        }
        Terms::Platform => {
            let feeds = view.hostings.get(hosting.name.as_str()).ok_or(Missing::NotYet)?;
            let day = platform::last_day(feeds, view.at)?;
            (day.per_hour(), day.quality, "platform's last day / 24 h")
        }
    };
    let (gross, net) = parts.ok_or(Missing::Implausible)?;
    Ok(Earned { gross, net, quality, source })
}
