//! `[site]`, `[mqtt]`, `[outbox]`, `[btc]`, `[network]`, `[hashprice_index]`, `[meter]`.

use super::topic::{Page, page_or_topic};
use super::{Checker, MAX_KW};
use crate::config::document::Path;
use crate::config::problem::nearest;
use crate::config::{Config, SiteConfig};
use crate::publish::{MqttConfig, OutboxConfig};
use crate::sources::meter::MeterConfig;
use crate::sources::network::{NetworkConfig, NetworkKind};
use crate::sources::price::{HashpriceIndexConfig, OwnQuoteConfig};

pub fn site(site: &SiteConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("site");
    check.name(&section.key("name"), &site.name);
    if let Some(node) = &site.node {
        check.name(&section.key("node"), node);
    }
    timezone(&section.key("timezone"), &site.timezone, check);
    if let Some(cap) = site.cap_kw {
        check.kw(&section.key("cap_kw"), cap, MAX_KW, false);
    }
    check.kw(&section.key("fixed_overhead_kw"), site.fixed_overhead_kw, MAX_KW, true);
    // Each needs a file descriptor; more than this only moves the queue into the kernel.
    check.whole(&section.key("concurrency"), site.concurrency as u64, 1..=10_000, "miners at a time");
}

fn timezone(path: &Path, name: &str, check: &mut Checker<'_, '_>) {
    let db = jiff::tz::db();
    if db.get(name).is_ok() {
        return;
    }
    let known: Vec<String> = db.available().map(|zone| zone.to_string()).collect();
    let hint = match nearest_zone(name, &known) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => "such as \"UTC\" or \"America/Chicago\"".to_owned(),
    };
    check.must(path, "be an IANA time zone", Some(hint));
}

/// Zones are told apart by their last part: that one must be near.
fn nearest_zone<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let city = |zone: &'a str| zone.rsplit('/').next().unwrap_or(zone);
    let lower: Vec<String> = known.iter().map(|zone| zone.to_lowercase()).collect();
    if let Some(meant) = nearest(name, lower.iter().map(String::as_str)) {
        return known.iter().map(String::as_str).find(|zone| zone.to_lowercase() == meant);
    }
    let wanted = name.rsplit('/').next().unwrap_or(name).replace(' ', "_").to_lowercase();
    known.iter().map(String::as_str).find(|zone| city(zone).to_lowercase() == wanted)
}

pub fn mqtt(mqtt: &MqttConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("mqtt");
    let level_fits = |c: char| !c.is_control() && !matches!(c, '+' | '#');
    let levels_fit = mqtt.root.split('/').all(|level| !level.is_empty() && level.chars().all(level_fits));
    if !levels_fit || mqtt.root.starts_with('$') {
        let rule = "be a topic without `+`, `#`, empty levels and a leading `$`";
        check.must(&section.key("root"), rule, Some("for example \"wattsplit\"".to_owned()));
    }
    broker(&section, mqtt, check);
    if let Some(central) = &mqtt.central {
        broker(&section.key("central"), &central.with(mqtt), check);
    }
}

/// One of the brokers.
fn broker(section: &Path, mqtt: &MqttConfig, check: &mut Checker<'_, '_>) {
    let host_fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if mqtt.host.is_empty() || mqtt.host.contains("//") || !mqtt.host.chars().all(host_fits) {
        let hint = Some("for example \"127.0.0.1\" or \"broker.example.org\"".to_owned());
        check.must(&section.key("host"), "be a host name or an address, without a scheme", hint);
    } else if mqtt.host.matches(':').count() == 1 {
        let hint = Some("the port is a key of its own: `port`".to_owned());
        check.must(&section.key("host"), "be a host name or an address, without a port", hint);
    } else if mqtt.is_in_the_open() && !mqtt.insecure {
        let hint =
            format!("add {}, or `insecure = true` if nobody else is on the way", section.key("tls").header());
        check.must(&section.key("host"), "be this machine, or be reached with TLS", Some(hint));
    }
    if let Some(port) = mqtt.port {
        check.port(&section.key("port"), port);
    }
    for (key, value) in [("client_id", &mqtt.client_id), ("username", &mqtt.username)] {
        check.printable(&section.key(key), value.as_deref());
    }
    if mqtt.password_file.is_some() {
        check.needs(section, "password_file", "username", mqtt.username.is_some());
    }
    let keep_alive = &section.key("keep_alive_secs");
    check.whole(keep_alive, mqtt.keep_alive_secs, 5..=u64::from(u16::MAX), "seconds");
    check.whole(&section.key("interval_secs"), mqtt.interval_secs, 1..=3600, "seconds");
    let limit = &section.key("max_payload_bytes");
    check.whole(limit, mqtt.max_payload_bytes as u64, 1024..=16 * 1024 * 1024, "bytes");
    let rate = &section.key("records_per_s");
    check.whole(rate, u64::from(mqtt.records_per_s), 1..=100_000, "messages a second");
    if let Some(tls) = &mqtt.tls {
        let section = section.key("tls");
        let (cert, key) = (tls.cert_file.is_some(), tls.key_file.is_some());
        if cert || key {
            check.needs(&section, "key_file", "cert_file", cert);
            check.needs(&section, "cert_file", "key_file", key);
        }
    }
}

pub fn btc(config: &Config, check: &mut Checker<'_, '_>) {
    let (section, btc) = (Path::default().key("btc"), &config.btc);
    let venues = [
        ("coinbase_url", &btc.coinbase_url),
        ("kraken_url", &btc.kraken_url),
        ("bitstamp_url", &btc.bitstamp_url),
    ];
    for (key, url) in venues {
        if !url.is_empty() {
            check.url(&section.key(key), url);
        }
    }
    check.interval(&section, btc.interval_secs);
    if let Some(own) = &btc.own {
        own_quote(own, &section.key("own"), config, check);
    }
}

fn own_quote(own: &OwnQuoteConfig, section: &Path, config: &Config, check: &mut Checker<'_, '_>) {
    let page = Page { url: own.url.as_deref(), token: own.token_file.is_some(), request: &own.request };
    page_or_topic(section, &page, own.topic.as_deref(), config, check);
    if own.url.is_some() {
        check.needs(section, "url", "price_key", own.price_key.is_some());
    }
    for (key, pointer) in [("price_key", &own.price_key), ("time_key", &own.time_key)] {
        if let Some(pointer) = pointer {
            check.pointer(&section.key(key), pointer, "/btc/usd");
        }
    }
}

pub fn network(network: &NetworkConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("network");
    check.url(&section.key("url"), &network.url);
    check.interval(&section, network.interval_secs);
    let (cookie, user) = (network.cookie_file.is_some(), network.user.is_some());
    let password = network.password_file.is_some();
    match check.choice(&section, "kind", network.kind) {
        Some(NetworkKind::Mempool) => {
            let kind = "kind = \"mempool\"";
            check.refuses(&section, kind, "cookie_file", cookie);
            check.refuses(&section, kind, "user", user);
            check.refuses(&section, kind, "password_file", password);
        }
        Some(NetworkKind::Bitcoind) if cookie => {
            check.refuses(&section, "cookie_file", "user", user);
            check.refuses(&section, "cookie_file", "password_file", password);
        }
        Some(NetworkKind::Bitcoind) if user || password => {
            check.needs(&section, "password_file", "user", user);
            check.needs(&section, "user", "password_file", password);
        }
        Some(NetworkKind::Bitcoind) => {
            let message = "missing key `cookie_file` in [network]".to_owned();
            let hint = "`kind = \"bitcoind\"` needs it, or `user` and `password_file`".to_owned();
            check.report.value(&section.key("cookie_file"), message, Some(hint));
        }
        None => {}
    }
}

pub fn outbox(outbox: &OutboxConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("outbox");
    for (key, mb) in
        [("ledger_mb", outbox.ledger_mb), ("event_mb", outbox.event_mb), ("devices_mb", outbox.devices_mb)]
    {
        check.whole(&section.key(key), mb, 1..=100_000, "megabytes");
    }
}

pub fn hashprice_index(index: &HashpriceIndexConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("hashprice_index");
    check.url(&section.key("url"), &index.url);
    // The service takes one request in 15 s.
    check.whole(&section.key("interval_secs"), index.interval_secs, 60..=86_400, "seconds");
    check.number(&section.key("differs_percent"), index.differs_percent, 0.1..=100.0, "percent of the index");
}

/// A reading that is older says little about what the site draws, and nothing about its cap.
const METER_INTERVAL_SECS: std::ops::RangeInclusive<u64> = 1..=300;

pub fn meter(meter: &MeterConfig, config: &Config, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("meter");
    let page = Page { url: meter.url.as_deref(), token: meter.token_file.is_some(), request: &meter.request };
    page_or_topic(&section, &page, meter.topic.as_deref(), config, check);
    if meter.url.is_some() {
        check.needs(&section, "url", "power_key", meter.power_key.is_some());
    }
    let energy_key = section.key("energy_key");
    let keys = [("power_key", &meter.power_key), ("energy_key", &meter.energy_key)];
    for (key, pointed) in keys.into_iter().chain([("time_key", &meter.time_key)]) {
        if let Some(pointed) = pointed {
            check.pointer(&section.key(key), pointed, "/total_act_power");
        }
    }
    if let Some(pointed) = &meter.energy_key {
        let power_key = meter.power_key.as_deref().unwrap_or_default();
        if pointed == power_key && check.report.is_sound(&section.key("power_key")) {
            let hint = "a power and a counter are two numbers".to_owned();
            check.must(&energy_key, "differ from `power_key`", Some(hint));
        }
    }
    check.whole(&section.key("interval_secs"), meter.interval_secs, METER_INTERVAL_SECS, "seconds");
}

/// A node reads devices; what has to do with money is the site's.
pub fn node(config: &Config, check: &mut Checker<'_, '_>) {
    for (section, given) in [
        ("homeassistant", config.homeassistant.is_some()),
        ("sparkplug", config.sparkplug.is_some()),
        ("hosting", !config.hosting.is_empty()),
        ("pool", !config.pool.is_empty()),
        ("power", config.power.is_some()),
        ("network", config.network.is_some()),
        ("hashprice_index", config.hashprice_index.is_some()),
        ("meter", config.meter.is_some()),
        ("signal", !config.signal.is_empty()),
    ] {
        if given {
            let path = Path::default().key(section);
            let message = format!("[{section}] does not go with `role = \"node\"` in [site]");
            check.report.key(
                &path,
                message,
                Some("it belongs into the config of the site's agent".to_owned()),
            );
        }
    }
}
