//! `pool/<name>`, `price/<name>` and `host/<node>`: what comes from outside, with its age.

use super::flat::Flat;
use crate::clock::UnixMs;
use crate::economics::Split;
use crate::economics::capture::{Band, PoolDay};
use crate::economics::pool_income::{Pay, PoolIncome};
use crate::publish::LedgerHealth;
use crate::reading::{HostSample, Missing, PoolReport, PriceKind, Quality, at_best, newest_settled};
use crate::site::{AgainstDevices, HostView, PoolView, SiteView};
use crate::units::{Celsius, Fraction, Hashrate, Sats, Usd, UsdPerMwh};

/// A pool settles a day within hours of its end; what is older than this is no news of the last 24 h.
pub(super) const CAPTURE_LIMIT_MS: i64 = 2 * DAY_MS;
pub(super) const DAY_MS: i64 = 86_400_000;

pub fn pool(
    site: &str,
    ts: UnixMs,
    pool: &PoolView,
    income: Option<&PoolIncome>,
    ledger: Option<&LedgerHealth>,
) -> Vec<u8> {
    let mut flat = Flat::new(site, ts);
    flat.text("name", &pool.name);
    match &pool.report {
        Err(why) => flat.missing("report", *why),
        Ok(aged) => {
            flat.quality("report", aged.quality);
            flat.age("report", aged.age);
            account(&mut flat, &aged.value, aged.quality);
        }
    }
    devices(&mut flat, &pool.devices);
    if let Some(income) = income {
        earned(&mut flat, income);
    }
    capture(
        &mut flat,
        ts,
        ledger.ok_or(Missing::NotConfigured).map(|ledger| ledger.captures.get(&*pool.name)),
    );
    flat.finish()
}

/// The newest whole day that the pool settled, against what was accrued for it.
fn capture(flat: &mut Flat, ts: UnixMs, day: Result<Option<&PoolDay>, Missing>) {
    let day = day.and_then(|day| day.ok_or(Missing::NotYet));
    let age = day.map(|day| ts.0.saturating_sub(day.day.0.saturating_add(DAY_MS)));
    match (day, age) {
        (Ok(day), Ok(age)) if age <= CAPTURE_LIMIT_MS => {
            flat.read("capture_24h", "", &day.capture, Fraction::get);
            if let (Ok(_), Some(band)) = (day.capture, day.band) {
                flat.text("capture_24h_band", band.as_str());
                flat.time("capture_24h_ts", day.day);
            }
        }
        (Ok(_), _) => flat.missing("capture_24h", Missing::Expired),
        (Err(why), _) => flat.missing("capture_24h", why),
    }
}

/// What the pool counts over what the devices hash.
fn devices(flat: &mut Flat, devices: &AgainstDevices) {
    flat.read("devices_ratio_1h", "", &devices.ratio_1h, Fraction::get);
    flat.read("devices_ratio_24h", "", &devices.ratio_24h, Fraction::get);
    if let Ok(ratio) = devices.ratio_24h {
        let before = devices.ratio_24h_before.map(Fraction::get);
        flat.text("devices_ratio_24h_band", Band::of(ratio.value.get(), before).as_str());
    }
    if let Some(factor) = devices.off_by {
        flat.figure("unit_error_factor", factor);
    }
}

/// Each with its basis; none of them is an average of others.
fn earned(flat: &mut Flat, income: &PoolIncome) {
    if let Some(basis) = income.basis {
        flat.text("income_basis", basis.as_str());
        flat.flag("income_expectation", Some(income.expectation));
    }
    let of = |part: fn(Pay) -> Sats| income.best.map(|pay| pay.map(part));
    flat.read("income_gross", "sats_per_day", &of(|pay| pay.gross), |sats| sats);
    flat.read("income_fee", "sats_per_day", &of(|pay| pay.fee), |sats| sats);
    flat.read("income_net", "sats_per_day", &of(|pay| pay.net), |sats| sats);
    flat.read("theoretical_net", "sats_per_day", &income.theoretical, |pay| pay.net);
    flat.read("device_net", "sats_per_day", &income.device, |pay| pay.net);
}

/// No part of a report is better than the report.
fn account(flat: &mut Flat, report: &PoolReport, quality: Quality) {
    flat.text("scheme", report.scheme.as_str());
    flat.read("hashrate_now", "phs", &at_best(report.hashrate_now, quality), Hashrate::phs);
    flat.read("hashrate_1h", "phs", &at_best(report.hashrate_1h, quality), Hashrate::phs);
    flat.read("hashrate_24h", "phs", &at_best(report.hashrate_24h, quality), Hashrate::phs);
    flat.read("workers_online", "", &at_best(report.workers_online, quality), |n| n);
    flat.read("workers_offline", "", &at_best(report.workers_offline, quality), |n| n);
    flat.read("rejected_share", "", &at_best(report.rejected, quality), Fraction::get);
    flat.read("stale_share", "", &at_best(report.stale, quality), Fraction::get);
    flat.read("unpaid", "sats", &at_best(report.unpaid, quality), |sats| sats);
    flat.read("today_estimate", "sats", &at_best(report.today_estimate, quality), |sats| sats);
    if let Some(settled) = newest_settled(&report.settled, |_| true) {
        flat.figure("settled_last_sats", settled.net);
        if let Some(fee) = settled.fee {
            flat.figure("settled_last_fee_sats", fee);
        }
        flat.time("settled_last_ts", settled.at);
        flat.text("settled_last_kind", settled.kind.as_str());
    }
    if let Some(ahead) = report.clock_ahead_ms {
        flat.figure("clock_ahead_s", ahead as f64 / 1e3);
    }
}

pub fn power_price(site: &str, view: &SiteView) -> Vec<u8> {
    let mut flat = Flat::new(site, view.at.wall);
    flat.current("power_price", "usd_per_mwh", &view.power_price, UsdPerMwh::get);
    if let Ok(price) = &view.power_price {
        flat.text("power_price_source", price.source);
        if let Some(until) = view.power_price_until {
            flat.time("power_price_until_ts", until);
        }
    }
    if let Some(basis) = &view.power_basis {
        flat.word("power_price_kind", basis.kind.map(PriceKind::as_str));
        flat.text("market_price_currency", basis.currency.as_str());
        flat.figure("market_price_per_mwh", basis.market_per_mwh);
        flat.known("market_price_usd_per_unit", basis.usd_per_unit);
    }
    flat.finish()
}

pub fn btc(site: &str, view: &SiteView, split: &Split) -> Vec<u8> {
    let mut flat = Flat::new(site, view.at.wall);
    flat.read("btc", "usd", &split.btc_usd, Usd::get);
    for (venue, quote) in &view.btc_quotes {
        let venue = venue.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        flat.current(&format!("venue_{venue}"), "usd", quote, Usd::get);
    }
    flat.finish()
}

pub fn network(site: &str, view: &SiteView) -> Vec<u8> {
    let mut flat = Flat::new(site, view.at.wall);
    match &view.network {
        Err(why) => flat.missing("network", *why),
        Ok(aged) => {
            flat.quality("network", aged.quality);
            flat.age("network", aged.age);
            flat.text("network_source", aged.source);
            flat.figure("height", aged.value.height);
            flat.figure("difficulty", aged.value.difficulty);
            let fee = at_best(aged.value.mean_fee, aged.quality);
            flat.read("mean_fee", "sats", &fee, |sats| sats);
        }
    }
    flat.finish()
}

pub fn host(site: &str, ts: UnixMs, host: &HostView) -> Vec<u8> {
    let (sample, quality) = (&host.sample, host.quality);
    let mut flat = Flat::new(site, ts);
    flat.text("node", &sample.node);
    flat.quality("sample", quality);
    flat.age("sample", host.age);
    of_box(&mut flat, sample, quality);
    flat.finish()
}

/// What a machine tells of itself, no part better than `quality`.
pub fn of_box(flat: &mut Flat, sample: &HostSample, quality: Quality) {
    flat.read("cpu_utilisation", "", &at_best(sample.cpu, quality), Fraction::get);
    flat.read("memory_used", "bytes", &at_best(sample.memory_used_bytes, quality), |n| n);
    flat.read("memory_total", "bytes", &at_best(sample.memory_total_bytes, quality), |n| n);
    flat.read("disk_free", "bytes", &at_best(sample.disk_free_bytes, quality), |n| n);
    flat.read("disk_total", "bytes", &at_best(sample.disk_total_bytes, quality), |n| n);
    flat.read("temp_max", "c", &at_best(sample.temp_max, quality), Celsius::get);
    flat.read("uptime", "s", &at_best(sample.uptime_s, quality), |s| s as f64);
    flat.read("own_rss", "bytes", &at_best(sample.own_rss_bytes, quality), |n| n);
}
