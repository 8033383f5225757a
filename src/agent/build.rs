//! From the config to the sources.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::AgentError;
use crate::config::{Config, Role};
use crate::economics::{HostingConfig, OccupiedFrom, Terms};
use crate::http::Http;
use crate::sources::gpu::occupancy::{self, OccupancyConfig, OriginConfig};
use crate::sources::gpu::rent::{ListingConfig, RentConfig, RentSource};
use crate::sources::hosting::{EarningsConfig, MarketConfig};
use crate::sources::price::TariffKind;
use crate::sources::value::asked;
use crate::sources::value::query::Query;
use crate::sources::value::told::{Told, Topic};
use crate::sources::{Source, asic, gpu, host, hosting, meter, network, pool, price, signal};

/// All sources of a config, in the two groups that run apart: miners by the thousand, and the few
/// feeds that must never wait for them.
pub struct Sources {
    pub miners: Vec<Box<dyn Source>>,
    pub feeds: Vec<Box<dyn Source>>,
}

/// Makes the sources. Reads secrets and labels; connects to nothing.
///
/// # Errors
/// What `check` would also find: a file that is gone, a tariff that makes no sense.
pub fn sources(config: &Config) -> Result<Sources, AgentError> {
    let http = Http::new()?;
    let mut miners: Vec<Box<dyn Source>> = Vec::new();
    for group in &config.asic {
        let labels = group.labels_file.as_deref().map(|file| asic::labels::read(file, group.port));
        for miner in asic::miners(group, &labels.transpose()?.unwrap_or_default())? {
            miners.push(Box::new(miner));
        }
    }
    let state_dir = state_dir(config);
    let mut feeds = gpu::sources(&config.gpu_host, &occupancies(config), &http, state_dir.as_deref())?;
    feeds.extend(pool::sources(&config.pool, &http, state_dir.as_deref())?);
    for hosting in &config.hosting {
        if let Some(rent) = rent(hosting) {
            feeds.push(Box::new(RentSource::new(&rent, http.clone())?));
        }
        if let Some(market) = market(hosting) {
            feeds.push(hosting::market_source(&market, &http)?);
        }
    }
    for earnings in earnings(config) {
        feeds.push(hosting::earnings_source(&earnings, &http)?);
    }
    // What a topic tells is not asked for.
    if let Some(power) = config.power.as_ref().filter(|power| power.kind != TariffKind::Mqtt) {
        feeds.push(price::power_source(power, &config.site.timezone, &http)?);
    }
    if config.site.role == Role::Site {
        feeds.extend(price::btc_sources(&config.btc, &http));
    }
    if let Some(network) = &config.network {
        feeds.push(network::network_source(network, &http)?);
    }
    if let Some(index) = &config.hashprice_index {
        feeds.push(price::index_source(index, &http)?);
    }
    if let Some((meter, url)) = config.meter.as_ref().and_then(|meter| Some((meter, meter.url.as_ref()?))) {
        let query = Query::new(url, meter.token_file.as_deref(), &meter.request)?;
        feeds.push(asked::source(meter::told(meter, zone(config)), query, &http));
    }
    if let Some((own, url)) = config.btc.own.as_ref().and_then(|own| Some((own, own.url.as_ref()?))) {
        let query = Query::new(url, own.token_file.as_deref(), &own.request)?;
        feeds.push(asked::source(price::own::told(&config.btc, own, zone(config)), query, &http));
    }
    for (signal, url) in config.signal.iter().filter_map(|signal| Some((signal, signal.url.as_ref()?))) {
        let query = Query::new(url, signal.token_file.as_deref(), &signal.request)?;
        feeds.push(asked::source(signal::told(signal, zone(config)), query, &http));
    }
    let disk = state_dir.unwrap_or_else(|| ".".into());
    feeds.push(Box::new(host::HostSource::new(&config.node_name(), &disk)));
    Ok(Sources { miners, feeds })
}

/// All that topics of the operator tell.
///
/// # Errors
/// What `check` would also find: a tariff that makes no sense.
pub fn topics_of(config: &Config) -> Result<Vec<Topic>, AgentError> {
    let mut all = Vec::new();
    let mut heed = |name: &Option<String>, told: Box<dyn Told>| {
        all.extend(name.clone().map(|name| Topic { name, told }));
    };
    if let Some(meter) = &config.meter {
        heed(&meter.topic, meter::told(meter, zone(config)));
    }
    for hosting in billed_by_occupancy(config) {
        let (number, time) = (hosting.occupied_key.as_deref(), hosting.occupied_time_key.as_deref());
        heed(&hosting.occupied_topic, occupancy::told(&hosting.name, (number, time), zone(config)));
    }
    let power = config.power.as_ref().filter(|power| power.kind == TariffKind::Mqtt);
    if let Some((power, own)) = power.and_then(|power| Some((power, power.own.as_ref()?))) {
        heed(&own.topic, price::own_power::topic::told(power, own, zone(config))?);
    }
    if let Some(own) = &config.btc.own {
        heed(&own.topic, price::own::told(&config.btc, own, zone(config)));
    }
    for signal in &config.signal {
        heed(&signal.topic, signal::told(signal, zone(config)));
    }
    Ok(all)
}

/// The zone of the site. A loaded config names one that there is.
fn zone(config: &Config) -> TimeZone {
    TimeZone::get(&config.site.timezone).unwrap_or(TimeZone::UTC)
}

/// Where the ledger lives: the config's `state_dir`, else what systemd gives. `None`: nowhere.
pub fn state_dir(config: &Config) -> Option<PathBuf> {
    config.site.state_dir.clone().or_else(given_state_dir).filter(|dir| !dir.as_os_str().is_empty())
}

/// What systemd gives.
pub fn given_state_dir() -> Option<PathBuf> {
    // Several directories are separated by colons; the first one is ours.
    std::env::var_os("STATE_DIRECTORY").and_then(|dirs| std::env::split_paths(&dirs).next())
}

/// Only terms that are billed by occupancy ask for it.
fn billed_by_occupancy(config: &Config) -> impl Iterator<Item = &HostingConfig> {
    config.hosting.iter().filter(|hosting| hosting.terms == Terms::Occupied)
}

fn occupancies(config: &Config) -> Vec<OccupancyConfig> {
    billed_by_occupancy(config)
        .filter_map(|hosting| {
            Some(OccupancyConfig { hosting: hosting.name.clone(), origin: origin(hosting)? })
        })
        .collect()
}

/// Where the price of a GPU-hour is listed. A checked config names one place.
fn rent(hosting: &HostingConfig) -> Option<RentConfig> {
    let price = hosting.price.as_ref()?;
    let listing = match price.file.clone() {
        Some(file) => ListingConfig::File(file),
        None => ListingConfig::Page {
            url: price.url.clone()?,
            pointer: price.key.clone()?,
            token_file: price.token_file.clone(),
        },
    };
    let interval = Duration::from_secs(price.interval_secs.max(1));
    Some(RentConfig { hosting: hosting.name.clone(), interval, listing })
}

fn market(hosting: &HostingConfig) -> Option<MarketConfig> {
    let market = hosting.market.as_ref()?;
    Some(MarketConfig {
        hosting: hosting.name.clone(),
        platform: market.kind,
        gpu: market.gpu.clone(),
        base: market.url.clone(),
        token_file: market.token_file.clone(),
        interval: Duration::from_secs(market.interval_secs.max(1)),
    })
}

/// Of hostings whose revenue is a platform's statement.
fn earnings(config: &Config) -> impl Iterator<Item = EarningsConfig> {
    config.hosting.iter().filter_map(|hosting| {
        let platform = hosting.platform.as_ref()?;
        Some(EarningsConfig {
            hosting: hosting.name.clone(),
            platform: platform.kind,
            base: platform.url.clone(),
            token_file: platform.token_file.clone(),
            fee: hosting.host_fee,
            interval: Duration::from_secs(platform.interval_secs.max(1)),
        })
    })
}

/// Where somebody must be asked. `None`: the site counts the GPUs itself.
fn origin(hosting: &HostingConfig) -> Option<OriginConfig> {
    let (url, token_file) = (hosting.occupied_url.clone(), hosting.occupied_token_file.clone());
    match hosting.occupied_from {
        None => {
            let file = hosting.occupied_file.clone().map(OriginConfig::File);
            file.or(hosting.occupied_gpus.map(OriginConfig::Declared))
        }
        Some(OccupiedFrom::Contract | OccupiedFrom::Processes | OccupiedFrom::Pods | OccupiedFrom::Mqtt) => {
            None
        }
        Some(OccupiedFrom::Slurm) => Some(OriginConfig::Slurm(hosting.occupied_dirs.clone())),
        Some(OccupiedFrom::Http) => {
            Some(OriginConfig::Page { url: url?, pointer: hosting.occupied_key.clone()?, token_file })
        }
        Some(OccupiedFrom::Vast) => {
            let machines = hosting.occupied_machines.clone();
            Some(OriginConfig::Vast { base: url, key_file: token_file?, machines })
        }
    }
}
