//! What is said of a hosting elsewhere, in `block/<id>`.

use super::flat::{Flat, seconds};
use crate::clock::Now;
use crate::economics::{RevenueBasis, platform};
use crate::reading::{Missing, at_best};
use crate::site::HostingFeeds;
use crate::units::{Usd, UsdPerHour};

pub fn feeds(flat: &mut Flat, feeds: &HostingFeeds, now: Now) {
    if !matches!(feeds.earnings, Err(Missing::NotConfigured)) {
        earnings(flat, feeds, now);
    }
    if feeds.usd_per_gpu_h != Err(Missing::NotConfigured) {
        flat.current("listed", "usd_per_gpu_h", &feeds.usd_per_gpu_h, UsdPerHour::get);
    }
    if feeds.market != Err(Missing::NotConfigured) {
        flat.current("market", "usd_per_gpu_h", &feeds.market, |market| market.usd_per_gpu_h.get());
        flat.word("market_source", feeds.market.ok().map(|market| market.source));
        flat.known("market_offers", feeds.market.ok().and_then(|market| market.value.offers));
    }
}

/// The last day that is over, and the one that is not.
fn earnings(flat: &mut Flat, feeds: &HostingFeeds, now: Now) {
    match platform::last_day(feeds, now) {
        Ok(day) => {
            flat.figure("earned_last_usd", day.stated.net_micro_usd() as f64 / 1e6);
            flat.time("earned_last_ts", day.stated.day);
            flat.figure("earned_last_age_s", seconds(day.age));
            flat.text("earned_last_basis", RevenueBasis::Settled.as_str());
        }
        Err(why) => flat.missing("earned_last", why),
    }
    match &feeds.earnings {
        Ok(aged) => {
            flat.text("platform", aged.value.platform.as_str());
            let today = at_best(aged.value.today, aged.quality);
            flat.read("earned_today", "usd", &today, Usd::get);
            if today.is_ok() {
                flat.text("earned_today_basis", "platform_estimate");
            }
        }
        Err(why) => flat.missing("earned_today", *why),
    }
}
