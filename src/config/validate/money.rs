//! `[[pool]]`, `[power]`.

use super::Checker;
use crate::config::document::Path;
use crate::config::problem::nearest;
use crate::sources::pool::{Key, PoolConfig};
use crate::sources::price::tariff::{DAY_MINUTES, DAYS, minutes};
use crate::sources::price::{PeriodConfig, PowerPriceConfig, TariffKind};

/// Widest price of energy, USD/MWh: beyond every market's cap and floor.
const PRICE: std::ops::RangeInclusive<f64> = -10_000.0..=50_000.0;

/// Of a pool that is asked itself, and not a proxy of the operator's.
const LEAST_INTERVAL_SECS: u64 = 60;

pub fn pools(pools: &[PoolConfig], check: &mut Checker<'_, '_>) {
    check.names("pool", "name", pools.iter().map(|pool| pool.name.as_str()));
    for (n, pool) in pools.iter().enumerate() {
        let section = Path::default().key("pool").item(n);
        check.fee(&section.key("fee"), pool.fee);
        check.interval(&section, pool.interval_secs);
        if pool.url.is_none() && (1..LEAST_INTERVAL_SECS).contains(&pool.interval_secs) {
            let hint = "pools ban those who ask more often".to_owned();
            check.must(
                &section.key("interval_secs"),
                format!("be at least {LEAST_INTERVAL_SECS}"),
                Some(hint),
            );
        }
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
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if pool.user.as_ref().is_some_and(|user| !(1..=64).contains(&user.len()) || !user.chars().all(plain))
        {
            check.must(
                &section.key("user"),
                "hold only letters, digits, dots, hyphens and underscores",
                None,
            );
        }
        let Some(kind) = check.choice(&section, "kind", pool.kind) else { continue };
        let of_kind = format!("kind = \"{}\"", kind.api().name);
        for key in Key::ALL {
            let given = match key {
                Key::TokenFile => pool.token_file.is_some(),
                Key::SecretFile => pool.secret_file.is_some(),
                Key::Address => pool.address.is_some(),
                Key::User => pool.user.is_some(),
            };
            if kind.api().needs.contains(&key) {
                check.needs(&section, &of_kind, key.as_str(), given);
            } else {
                check.refuses(&section, &of_kind, key.as_str(), given);
            }
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
