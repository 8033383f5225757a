//! `[power]`, and the keys of each of its kinds.

use super::{Checker, period};
use crate::config::document::Path;
use crate::sources::price::{
    ErcotConfig, FxConfig, OctopusAgileConfig, PowerPriceConfig, TariffKind, TibberConfig,
};
use crate::units::Currency;

/// Widest price of energy, USD/MWh: beyond every market's cap and floor.
pub const PRICE: std::ops::RangeInclusive<f64> = -10_000.0..=50_000.0;
/// US dollars for one unit of a currency, as wide as a rate that is read.
const RATE: std::ops::RangeInclusive<f64> = 1e-6..=10.0;

/// What a kind needs beside `kind`.
const NEEDS: &[(TariffKind, &[&str])] = &[
    (TariffKind::Fixed, &["usd_per_mwh"]),
    (TariffKind::TimeOfUse, &["usd_per_mwh", "period"]),
    (TariffKind::Slots, &["url"]),
    (TariffKind::HttpJson, &["own"]),
    (TariffKind::Mqtt, &["own"]),
    (TariffKind::EnergyCharts, &["zone"]),
    (TariffKind::Awattar, &["zone"]),
    (TariffKind::OctopusAgile, &["octopus_agile"]),
    (TariffKind::NordPool, &["zone", "currency"]),
    (TariffKind::Tibber, &["tibber", "currency"]),
    (TariffKind::Ercot, &["ercot"]),
    (TariffKind::Pjm, &["pjm"]),
];

/// Those of [`NEEDS`] that are sections.
const TABLES: &[&str] = &["own", "octopus_agile", "tibber", "ercot", "pjm"];

pub fn power(power: &PowerPriceConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("power");
    if let Some(price) = power.usd_per_mwh {
        check.number(&section.key("usd_per_mwh"), price, PRICE, "USD/MWh");
    }
    check.number(&section.key("adder_usd_per_mwh"), power.adder_usd_per_mwh, PRICE, "USD/MWh");
    check.fee(&section.key("tax"), power.tax);
    if let Some(url) = &power.url {
        check.url(&section.key("url"), url);
    }
    for (n, one) in power.period.iter().enumerate() {
        period::period(one, &section.key("period").item(n), check);
    }
    if let Some(code) = power.currency.as_deref().filter(|code| Currency::new(code).is_none()) {
        let fixed = Some(code.to_uppercase()).filter(|code| Currency::new(code).is_some());
        let hint = format!("for example \"{}\"", fixed.as_deref().unwrap_or("EUR"));
        check.must(&section.key("currency"), "be a currency code of three capital letters", Some(hint));
    }
    if let Some(octopus) = &power.octopus_agile {
        octopus_agile(octopus, &section.key("octopus_agile"), check);
    }
    if let Some(tibber) = &power.tibber {
        home(tibber, &section.key("tibber"), check);
    }
    if let Some(config) = &power.ercot {
        ercot(config, &section.key("ercot"), check);
    }
    if let Some(config) = &power.fx {
        fx(config, &section.key("fx"), check);
    }
    if let Some(kind) = check.choice(&section, "kind", power.kind) {
        of_kind(kind, power, &section, check);
    }
}

/// The keys that depend on the kind.
fn of_kind(kind: TariffKind, power: &PowerPriceConfig, section: &Path, check: &mut Checker<'_, '_>) {
    let choice = format!("kind = \"{}\"", kind.as_str());
    let given = [
        ("usd_per_mwh", power.usd_per_mwh.is_some()),
        ("period", !power.period.is_empty()),
        ("url", power.url.is_some()),
        ("zone", power.zone.is_some()),
        ("currency", power.currency.is_some()),
        ("own", power.own.is_some()),
        ("octopus_agile", power.octopus_agile.is_some()),
        ("tibber", power.tibber.is_some()),
        ("ercot", power.ercot.is_some()),
        ("pjm", power.pjm.is_some()),
    ];
    let needs = NEEDS.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, needs)| needs);
    let may: &[&str] = match kind {
        TariffKind::Fixed | TariffKind::TimeOfUse => &[],
        TariffKind::HttpJson | TariffKind::Mqtt => &["currency"],
        // Every market has an address of its own that another may stand in for.
        _ => &["url"],
    };
    for (key, given) in given {
        if needs.contains(&key) && TABLES.contains(&key) {
            check.needs_section(section, &choice, key, given);
        } else if needs.contains(&key) {
            check.needs(section, &choice, key, given);
        } else if !may.contains(&key) {
            check.refuses(section, &choice, key, given);
        }
    }
    if let Some(zone) = &power.zone {
        bidding_zone(kind, zone, &section.key("zone"), check);
    }
    let interval = power.shortest_interval_secs()..=86_400;
    check.whole(&section.key("interval_secs"), power.interval_secs(), interval, "seconds");
    let including = [
        ("octopus_agile", "include_vat", power.octopus_agile.as_ref().is_some_and(|o| o.include_vat)),
        ("tibber", "include_tax", power.tibber.as_ref().is_some_and(|tibber| tibber.include_tax)),
    ];
    for (of, key, _) in including.into_iter().filter(|(.., including)| *including && power.tax > 0.0) {
        check.refuses(&section.key(of), "tax", key, true);
    }
    rate(kind, power, section, check);
}

/// A rate is there if, and only if, there is something to convert.
fn rate(kind: TariffKind, power: &PowerPriceConfig, section: &Path, check: &mut Checker<'_, '_>) {
    let code = power.currency.clone().or_else(|| kind.currency().map(|currency| currency.to_string()));
    match code.as_deref() {
        Some("USD") => check.refuses(section, "a price in USD", "fx", power.fx.is_some()),
        // Another mistake, and told as that.
        Some(code) if Currency::new(code).is_none() => {}
        None => {}
        Some(code) => check.needs_section(section, &format!("a price in {code}"), "fx", power.fx.is_some()),
    }
}

fn bidding_zone(kind: TariffKind, zone: &str, path: &Path, check: &mut Checker<'_, '_>) {
    if kind == TariffKind::Awattar {
        if !["de", "at"].contains(&zone) {
            check.must(path, "be \"de\" or \"at\"", None);
        }
    } else {
        word(path, zone, "DE-LU", check);
    }
}

/// A code that stands in a URL.
fn word(path: &Path, text: &str, example: &str, check: &mut Checker<'_, '_>) {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        let hint = format!("for example \"{example}\"");
        check.must(path, "be 1 to 64 letters, digits, `-` and `_`", Some(hint));
    }
}

fn octopus_agile(config: &OctopusAgileConfig, section: &Path, check: &mut Checker<'_, '_>) {
    word(&section.key("product"), &config.product, "AGILE-24-10-01", check);
    if !matches!(config.region.as_bytes(), [b'A'..=b'P']) {
        check.must(&section.key("region"), "be one letter from A to P", None);
    }
}

fn home(config: &TibberConfig, section: &Path, check: &mut Checker<'_, '_>) {
    if let Some(id) = &config.home_id {
        word(&section.key("home_id"), id, "96a14971-525a-4420-aae9-e5aedaa129ff", check);
    }
}

fn ercot(config: &ErcotConfig, section: &Path, check: &mut Checker<'_, '_>) {
    word(&section.key("settlement_point"), &config.settlement_point, "LZ_WEST", check);
    check.printable(&section.key("username"), Some(&config.username));
    check.url(&section.key("token_url"), &config.token_url);
}

fn fx(config: &FxConfig, section: &Path, check: &mut Checker<'_, '_>) {
    let (url, key) = (config.url.is_some(), config.rate_key.is_some());
    if let Some(rate) = config.usd_per_unit {
        check.number(&section.key("usd_per_unit"), rate, RATE, "US dollars for one unit");
        check.refuses(section, "usd_per_unit", "url", url);
        check.refuses(section, "usd_per_unit", "rate_key", key);
        check.refuses(section, "usd_per_unit", "time_key", config.time_key.is_some());
    } else {
        check.needs(section, "a rate that is not stated in usd_per_unit", "url", url);
        check.needs(section, "url", "rate_key", key);
    }
    if let Some(url) = &config.url {
        check.url(&section.key("url"), url);
    }
    if let Some(key) = &config.rate_key {
        check.pointer(&section.key("rate_key"), key, "/rates/USD");
    }
    if let Some(key) = &config.time_key {
        check.pointer(&section.key("time_key"), key, "/date");
    }
    check.whole(&section.key("max_age_secs"), config.max_age_secs, 600..=2_592_000, "seconds");
    check.whole(&section.key("interval_secs"), config.interval_secs, 600..=86_400, "seconds");
}
