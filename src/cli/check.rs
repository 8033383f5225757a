//! `wattsplit check`: validates the file, and with `--online` asks what it names.

mod gpus;
pub mod online;
mod pools;
mod power;
mod warnings;

use std::fmt::Write;
use std::path::Path;

use crate::config::{Config, ConfigErrors, Role};
use crate::economics::{HostingConfig, OccupiedFrom, Stoppable, Terms};
use crate::sources::asic::{AsicConfig, AsicReader, hosts, labels};
use crate::sources::gpu::{GpuReader, nvml};
use crate::sources::network::NetworkKind;
use crate::sources::pool::PoolConfig;
use crate::sources::price::{HashpriceIndexConfig, MarketRun, PowerPriceConfig, TariffKind};
use crate::sources::signal::SignalConfig;

/// Validates a file without asking anything of the network. Returns the config and a summary for a
/// person: what the file describes, and what this check cannot know.
///
/// # Errors
/// As [`Config::load`].
pub fn check_offline(path: &Path, credentials_dir: Option<&Path>) -> Result<(Config, String), ConfigErrors> {
    let config = Config::load(path, credentials_dir)?;
    let file = path.display();
    let mut report = format!("{file}: no problems\n\n");
    for (what, lines) in summary(&config) {
        for (n, line) in lines.iter().enumerate() {
            let what = if n == 0 { what } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(report, "{what:<10} {line}");
        }
    }
    let _ = write!(
        report,
        "\nnot checked: whether broker, miners, GPU hosts, pools and prices answer, and whether they take\n\
         the passwords and tokens. To ask them: wattsplit check --online {file}\n"
    );
    Ok((config, report))
}

/// A title and its lines for each part of the config.
fn summary(config: &Config) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("site", std::iter::once(site(config)).chain(warnings::state_dir(config)).collect()),
        ("mqtt", std::iter::once(mqtt(config)).chain(warnings::one_broker_twice(config)).collect()),
        ("asic", asics(config)),
        ("pool", listed(config.pool.iter().flat_map(pool).chain(warnings::crowded(&config.pool)), "none")),
        ("hosting", hostings(config)),
        ("gpu_host", gpu_hosts(config)),
        ("power", std::iter::once(power(config)).chain(warnings::undated_rate(config)).collect()),
        ("btc", vec![btc(config)]),
        ("network", vec![network(config)]),
        ("index", listed(config.hashprice_index.iter().map(index), "none")),
        ("meter", vec![meter(config)]),
        ("signal", listed(config.signal.iter().map(signal), "none")),
    ]
}

fn listed(lines: impl Iterator<Item = String>, none: &str) -> Vec<String> {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { vec![none.to_owned()] } else { lines }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn site(config: &Config) -> String {
    let site = &config.site;
    if site.role == Role::Node {
        return format!("a node of {}, called {}: it publishes what it reads", site.name, config.node_name());
    }
    let cap = site.cap_kw.map_or("no cap".to_owned(), |cap| format!("cap {cap} kW"));
    format!("{}, node {}, time zone {}, {cap}", site.name, config.node_name(), site.timezone)
}

fn mqtt(config: &Config) -> String {
    let Some(mqtt) = &config.mqtt else {
        return "none: nothing is published, and `wattsplit run` refuses".to_owned();
    };
    let tls = if mqtt.tls.is_some() { " with TLS" } else { "" };
    let (host, port) = (&mqtt.host, mqtt.port_or_default());
    let central =
        mqtt.central.as_ref().map(|central| central.with(mqtt)).map_or_else(String::new, |central| {
            let tls = if central.tls.is_some() { " with TLS" } else { "" };
            format!(", and {} port {}{tls}", central.host, central.port_or_default())
        });
    format!("{host} port {port}{tls}{central}, topics {}/{}/…", mqtt.root, config.site.name)
}

fn asics(config: &Config) -> Vec<String> {
    let total: usize = config.asic.iter().map(AsicConfig::addresses).sum();
    if config.asic.is_empty() {
        return vec!["none".to_owned()];
    }
    let groups = count(config.asic.len(), "group", "groups");
    let mut lines = vec![format!("{groups}, {}", count(total, "address", "addresses"))];
    for asic in &config.asic {
        if asic.read == AsicReader::Node {
            lines.push(format!("  {}: asked by nodes", asic.group));
            continue;
        }
        let addresses = count(asic.addresses(), "address", "addresses");
        lines.push(format!("  {}: {addresses}, every {} s", asic.group, asic.interval_secs));
        lines.extend(labels(asic));
    }
    lines
}

/// How many miners of a group are labelled, and which lines are about none of them.
fn labels(asic: &AsicConfig) -> Option<String> {
    const MOST_SHOWN: usize = 3;
    let file = asic.labels_file.as_deref()?;
    let labels = labels::read(file, asic.port).ok()?;
    let hosts = hosts::expand_all(&asic.hosts, asic.port).ok()?;
    let strangers = labels.strangers(&hosts);
    let known = count(labels.len() - strangers.len(), "label", "labels");
    let mut text = format!("    {known} in {}", file.display());
    if !strangers.is_empty() {
        let shown = strangers.iter().take(MOST_SHOWN).map(|(line, address)| format!("line {line} {address}"));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = if strangers.len() > MOST_SHOWN { ", …" } else { "" };
        let lines = count(strangers.len(), "line is", "lines are");
        let _ = write!(text, "; {lines} about no miner of this group: {shown}{more}");
    }
    Some(text)
}

fn pool(pool: &PoolConfig) -> impl Iterator<Item = String> {
    let api = pool.kind.api();
    let line = format!("{}: {}, fee {} %", pool.name, api.name, percent(pool.fee));
    std::iter::once(line).chain(warnings::pool(pool))
}

/// A checked config has every key that its terms need, and no figure is made up for another.
fn figure<N: ToString>(value: Option<N>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

/// To two decimals, without a float's tail.
fn percent(fraction: f64) -> f64 {
    (fraction * 1e4).round() / 1e2
}

fn hostings(config: &Config) -> Vec<String> {
    listed(config.hosting.iter().map(hosting).chain(warnings::without_exporter(config)), "none")
}

fn hosting(hosting: &HostingConfig) -> String {
    let price = match &hosting.price {
        Some(_) => "a listed price in".to_owned(),
        None => figure(hosting.usd_per_gpu_h),
    };
    let terms = match hosting.terms {
        Terms::Reserved => {
            let gpus = figure(hosting.reserved_gpus);
            let noun = if hosting.reserved_gpus == Some(1) { "GPU" } else { "GPUs" };
            format!("reserved, {gpus} {noun} at {price} USD/h each")
        }
        Terms::Occupied => format!("occupied{}, {price} USD/h each", occupied(hosting)),
        Terms::KwMonth => {
            let (rent, kw) = (figure(hosting.usd_per_kw_month), figure(hosting.contracted_kw));
            format!("{kw} kW at {rent} USD per kW and month")
        }
        Terms::Platform => {
            let platform = hosting.platform.as_ref().map_or("a platform", |platform| platform.kind.as_str());
            format!("as {platform} states, less {} %", percent(hosting.host_fee))
        }
    };
    let stops = match hosting.stoppable {
        Stoppable::No => "",
        Stoppable::Unsold => "; unsold ones may be stopped",
        Stoppable::All => "; sold and unsold ones may be stopped",
    };
    format!("{}: {terms}{stops}", hosting.name)
}

/// Who says how many GPUs are rented.
fn occupied(hosting: &HostingConfig) -> String {
    let says = |who: &dyn std::fmt::Display| format!(" as {who} says");
    match (hosting.occupied_from, hosting.occupied_gpus, &hosting.occupied_file) {
        (None, Some(gpus), _) => format!(", {gpus} GPUs declared"),
        (None, None, Some(file)) => says(&file.display()),
        (None, None, None) => String::new(),
        (Some(OccupiedFrom::Contract), ..) => ", all of its GPUs".to_owned(),
        (Some(OccupiedFrom::Processes), ..) => ", GPUs with processes as an estimate".to_owned(),
        (Some(OccupiedFrom::Pods), ..) => ", GPUs that pods and jobs have".to_owned(),
        (Some(OccupiedFrom::Slurm), ..) => says(&"Slurm's job mapping"),
        (Some(OccupiedFrom::Vast), ..) => says(&"Vast.ai"),
        (Some(OccupiedFrom::Http), ..) => {
            says(&hosting.occupied_url.as_deref().map_or("a page", without_query))
        }
        (Some(OccupiedFrom::Mqtt), ..) => {
            says(&format!("topic {}", hosting.occupied_topic.as_deref().unwrap_or_default()))
        }
    }
}

fn gpu_hosts(config: &Config) -> Vec<String> {
    let hosts = config.gpu_host.iter().map(|host| {
        let how = match host.read {
            GpuReader::Nvml if nvml::BUILT_IN => "this machine",
            GpuReader::Nvml => nvml::NOT_BUILT_IN,
            GpuReader::Dcgm | GpuReader::Amd => host.url.as_deref().map_or("an exporter", without_query),
            GpuReader::Node => return format!("{}: a node, sold as {}", host.name, host.hosting),
        };
        let wall = host.bmc.as_ref().map_or_else(String::new, |bmc| {
            format!("; power at the wall from {}, every {} s", bmc.url, bmc.interval_secs)
        });
        format!("{}: {how}, sold as {}, every {} s{wall}", host.name, host.hosting, host.interval_secs())
    });
    listed(hosts, "none")
}

fn power(config: &Config) -> String {
    let Some(power) = &config.power else {
        return "none: cost and margin stay unknown".to_owned();
    };
    let price = figure(power.usd_per_mwh);
    let mut said = match power.kind {
        TariffKind::Fixed => format!("fixed, {price} USD/MWh"),
        TariffKind::TimeOfUse => {
            format!("{}, {price} USD/MWh otherwise", count(power.period.len(), "period", "periods"))
        }
        TariffKind::Slots => format!("slots from {}", power.url.as_deref().map_or("", without_query)),
        TariffKind::HttpJson | TariffKind::Mqtt => {
            let own = power.own.as_ref();
            let from = own.map_or_else(String::new, |own| origin(&own.url, &own.topic));
            let slots = own.is_some_and(|own| own.start_key.is_some());
            let what = if slots { "slots" } else { "the price of now" };
            format!("{what} from {from}, every {} s", power.interval_secs())
        }
        market => format!("{}{}, every {} s", market.as_str(), place(power), power.interval_secs()),
    };
    if let Some(fx) = &power.fx {
        let rate = fx.usd_per_unit.map(|rate| format!("{rate} USD for one unit"));
        let page = || format!("rate from {}", fx.url.as_deref().map_or("", without_query));
        let _ = write!(said, ", {}", rate.unwrap_or_else(page));
    }
    if power.adder_usd_per_mwh != 0.0 {
        let _ = write!(said, ", {:+} USD/MWh", power.adder_usd_per_mwh);
    }
    if power.tax != 0.0 {
        let _ = write!(said, ", tax {} %", percent(power.tax));
    }
    said
}

/// Which of a market's prices.
fn place(power: &PowerPriceConfig) -> String {
    let run = |run| match run {
        MarketRun::DayAhead => "day-ahead",
        MarketRun::RealTime => "real-time",
    };
    if let Some(zone) = &power.zone {
        format!(" {zone}")
    } else if let Some(octopus) = &power.octopus_agile {
        format!(" {} {}", octopus.product, octopus.region)
    } else if let Some(ercot) = &power.ercot {
        format!(" {} {}", ercot.settlement_point, run(ercot.market))
    } else if let Some(pjm) = &power.pjm {
        format!(" node {} {}", pjm.pnode_id, run(pjm.market))
    } else {
        String::new()
    }
}

fn btc(config: &Config) -> String {
    let btc = &config.btc;
    let venues =
        [("Coinbase", &btc.coinbase_url), ("Kraken", &btc.kraken_url), ("Bitstamp", &btc.bitstamp_url)];
    let used = venues.iter().filter(|(_, url)| !url.is_empty()).map(|(name, _)| *name);
    let used: Vec<&str> = used.chain(btc.own.as_ref().map(|_| "one's own")).collect();
    match used.as_slice() {
        [] => "warning: no venue: hashing has no revenue".to_owned(),
        [one] => format!("{one} alone"),
        several => format!("median of {}", several.join(", ")),
    }
}

fn network(config: &Config) -> String {
    match &config.network {
        None => "none: hashing has no revenue".to_owned(),
        Some(network) => {
            let kind = match network.kind {
                NetworkKind::Mempool => "mempool",
                NetworkKind::Bitcoind => "bitcoind",
            };
            format!("{kind} at {}", without_query(&network.url))
        }
    }
}

fn index(index: &HashpriceIndexConfig) -> String {
    let (url, percent) = (without_query(&index.url), index.differs_percent);
    format!("{url}, every {} s; an event beyond {percent} %, for comparison only", index.interval_secs)
}

fn meter(config: &Config) -> String {
    let Some(meter) = &config.meter else {
        return "none: the sum of the parts stands in for it".to_owned();
    };
    let counter = if meter.energy_key.is_some() { "power and counter" } else { "power" };
    format!("{counter} from {}, every {} s", origin(&meter.url, &meter.topic), meter.interval_secs)
}

fn signal(signal: &SignalConfig) -> String {
    let what = if signal.start_key.is_some() { "windows" } else { "a flag" };
    let from = origin(&signal.url, &signal.topic);
    let kind = signal.kind.as_str().replace('_', " ");
    format!("{}: {kind}, {what} from {from}, every {} s", signal.name, signal.interval_secs)
}

fn origin(url: &Option<String>, topic: &Option<String>) -> String {
    match (url, topic) {
        (Some(url), _) => without_query(url).to_owned(),
        (None, topic) => format!("topic {}", topic.as_deref().unwrap_or_default()),
    }
}

/// A query may hold a key.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
