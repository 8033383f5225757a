//! `[[hosting]]`, `[[pool]]`, `[power]`.

use super::{Checker, MAX_KW, OVERHEAD};
use crate::config::document::Path;
use crate::config::problem::nearest;
use crate::economics::{HostingConfig, Terms};
use crate::sources::pool::{PoolConfig, PoolKind};
use crate::sources::price::tariff::{DAY_MINUTES, DAYS, minutes};
use crate::sources::price::{PeriodConfig, PowerPriceConfig, TariffKind};

/// Widest price of energy, USD/MWh: beyond every market's cap and floor.
const PRICE: std::ops::RangeInclusive<f64> = -10_000.0..=50_000.0;

pub fn hostings(hostings: &[HostingConfig], check: &mut Checker<'_, '_>) {
    check.names("hosting", "name", hostings.iter().map(|hosting| hosting.name.as_str()));
    for (n, hosting) in hostings.iter().enumerate() {
        let section = Path::default().key("hosting").item(n);
        if let Some(price) = hosting.usd_per_gpu_h {
            check.number(&section.key("usd_per_gpu_h"), price, 0.0..=1000.0, "USD per GPU-hour");
        }
        check.fee(&section.key("host_fee"), hosting.host_fee);
        if let Some(rent) = hosting.usd_per_kw_month {
            check.number(&section.key("usd_per_kw_month"), rent, 0.0..=10_000.0, "USD per kW and month");
        }
        if let Some(kw) = hosting.contracted_kw {
            check.kw(&section.key("contracted_kw"), kw, MAX_KW, false);
        }
        check.number(&section.key("overhead"), hosting.overhead, OVERHEAD, "facility kW per IT kW");
        terms(hosting, &section, check);
    }
}

fn terms(hosting: &HostingConfig, section: &Path, check: &mut Checker<'_, '_>) {
    // What the terms need, and what they need one of.
    let (terms, wanted, either): (&str, &[&str], &[&str]) =
        match check.choice(section, "terms", hosting.terms) {
            Some(Terms::Reserved) => ("reserved", &["usd_per_gpu_h", "reserved_gpus"], &[]),
            Some(Terms::Occupied) => ("occupied", &["usd_per_gpu_h"], &["occupied_gpus", "occupied_file"]),
            Some(Terms::KwMonth) => ("kw_month", &["usd_per_kw_month", "contracted_kw"], &[]),
            None => return,
        };
    let choice = format!("terms = \"{terms}\"");
    let keys = [
        ("usd_per_gpu_h", hosting.usd_per_gpu_h.is_some()),
        ("reserved_gpus", hosting.reserved_gpus.is_some()),
        ("occupied_gpus", hosting.occupied_gpus.is_some()),
        ("occupied_file", hosting.occupied_file.is_some()),
        ("usd_per_kw_month", hosting.usd_per_kw_month.is_some()),
        ("contracted_kw", hosting.contracted_kw.is_some()),
    ];
    for (key, given) in keys {
        if wanted.contains(&key) {
            check.needs(section, &choice, key, given);
        } else if !either.contains(&key) {
            check.refuses(section, &choice, key, given);
        }
    }
    if let [first, second] = either {
        let given = |wanted: &str| keys.iter().any(|(key, given)| *key == wanted && *given);
        match (given(first), given(second)) {
            (true, true) => check.refuses(section, first, second, true),
            (false, false) if check.report.is_sound(&section.key(second)) => {
                let path = section.key(first);
                let hint = format!("`{choice}` needs it, or `{second}`");
                check.report.value(&path, format!("missing key {}", path.subject()), Some(hint));
            }
            _ => {}
        }
    }
}

pub fn pools(pools: &[PoolConfig], check: &mut Checker<'_, '_>) {
    check.names("pool", "name", pools.iter().map(|pool| pool.name.as_str()));
    for (n, pool) in pools.iter().enumerate() {
        let section = Path::default().key("pool").item(n);
        check.fee(&section.key("fee"), pool.fee);
        check.interval(&section, pool.interval_secs);
        if let Some(url) = &pool.url {
            check.url(&section.key("url"), url);
        }
        if let Some(address) = &pool.address {
            let length = (14..=90).contains(&address.len());
            if !length || !address.chars().all(|c| c.is_ascii_alphanumeric()) {
                let hint = "without a worker name".to_owned();
                check.must(&section.key("address"), "be a bitcoin address", Some(hint));
            }
        }
        let (token, address) = (pool.token_file.is_some(), pool.address.is_some());
        match check.choice(&section, "kind", pool.kind) {
            Some(PoolKind::Braiins) => {
                check.needs(&section, "kind = \"braiins\"", "token_file", token);
                check.refuses(&section, "kind = \"braiins\"", "address", address);
            }
            Some(PoolKind::Ocean) => {
                check.needs(&section, "kind = \"ocean\"", "address", address);
                check.refuses(&section, "kind = \"ocean\"", "token_file", token);
            }
            None => {}
        }
    }
}

pub fn power(power: &PowerPriceConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("power");
    if let Some(price) = power.usd_per_mwh {
        check.number(&section.key("usd_per_mwh"), price, PRICE, "USD/MWh");
    }
    check.number(&section.key("adder_usd_per_mwh"), power.adder_usd_per_mwh, PRICE, "USD/MWh");
    check.interval(&section, power.interval_secs);
    if let Some(url) = &power.url {
        check.url(&section.key("url"), url);
    }
    for (n, one) in power.period.iter().enumerate() {
        period(one, &section.key("period").item(n), check);
    }
    let (price, url) = (power.usd_per_mwh.is_some(), power.url.is_some());
    let period = !power.period.is_empty();
    match check.choice(&section, "kind", power.kind) {
        Some(TariffKind::Fixed) => {
            check.needs(&section, "kind = \"fixed\"", "usd_per_mwh", price);
            check.refuses(&section, "kind = \"fixed\"", "period", period);
            check.refuses(&section, "kind = \"fixed\"", "url", url);
        }
        Some(TariffKind::TimeOfUse) => {
            check.needs(&section, "kind = \"time_of_use\"", "usd_per_mwh", price);
            check.needs(&section, "kind = \"time_of_use\"", "period", period);
            check.refuses(&section, "kind = \"time_of_use\"", "url", url);
        }
        Some(TariffKind::Slots) => {
            check.needs(&section, "kind = \"slots\"", "url", url);
            check.refuses(&section, "kind = \"slots\"", "usd_per_mwh", price);
            check.refuses(&section, "kind = \"slots\"", "period", period);
        }
        None => {}
    }
}

fn period(period: &PeriodConfig, section: &Path, check: &mut Checker<'_, '_>) {
    check.number(&section.key("usd_per_mwh"), period.usd_per_mwh, PRICE, "USD/MWh");
    let days = section.key("days");
    for (n, day) in period.days.iter().flatten().enumerate() {
        if !DAYS.contains(&day.as_str()) {
            let start: String = day.to_lowercase().chars().take(3).collect();
            let meant = DAYS.into_iter().find(|known| **known == start).or_else(|| nearest(day, DAYS));
            let hint = meant.map(|meant| format!("did you mean \"{meant}\"?"));
            check.must(&days.item(n), format!("hold only {}", super::quoted(&DAYS)), hint);
        }
    }
    let months = section.key("months");
    for (n, month) in period.months.iter().flatten().enumerate() {
        if !(1..=12).contains(month) {
            check.must(&months.item(n), "hold only 1 to 12", None);
        }
    }
    for (key, list) in
        [(&days, period.days.as_ref().map(Vec::len)), (&months, period.months.as_ref().map(Vec::len))]
    {
        if list == Some(0) {
            check.must(key, "hold at least one entry", Some("leave it out for all".to_owned()));
        }
    }
    let (from, to) = (minutes(&period.from), minutes(&period.to));
    if from.is_none_or(|from| from == DAY_MINUTES) {
        let hint = "for example \"16:00\"".to_owned();
        check.must(&section.key("from"), "be a time from 00:00 to 23:59", Some(hint));
    }
    if to.is_none() {
        let hint = "for example \"21:00\"".to_owned();
        check.must(&section.key("to"), "be a time from 00:00 to 24:00", Some(hint));
    }
    if from.is_some() && from == to && check.report.is_sound(&section.key("from")) {
        let hint = "a whole day is from \"00:00\" to \"24:00\"".to_owned();
        check.must(&section.key("to"), "differ from `from`", Some(hint));
    }
}
