//! `split` and the money keys that it shares with `block/<id>`.

use super::flat::Flat;
use super::meter;
use crate::economics::{Money, Split, Statement};
use crate::publish::LedgerHealth;
use crate::reading::{Missing, Read, Reading};
use crate::units::{Fraction, Usd, UsdPerHour, UsdPerMwh, UsdPerPhDay, Watts};

/// The revenue split of the whole site.
pub fn split(site: &str, split: &Split, ledger: Option<&LedgerHealth>) -> Vec<u8> {
    let mut flat = Flat::new(site, split.at.wall);
    flat.read("btc", "usd", &split.btc_usd, Usd::get);
    flat.read("hashprice", "usd_per_ph_day", &split.hashprice, UsdPerPhDay::get);
    flat.read("power_price", "usd_per_mwh", &split.power_price, UsdPerMwh::get);
    flat.read("site_power", "kw", &split.site_power, Watts::kw);
    meter::metering(&mut flat, split, ledger);
    side(&mut flat, "hash_", &split.hash);
    side(&mut flat, "ai_", &split.ai);
    let total = |part: fn(&Money) -> &Read<UsdPerHour>| both(part(&split.hash), part(&split.ai));
    flat.read("total_revenue", "usd_per_h", &total(|m| &m.revenue), UsdPerHour::get);
    flat.read("total_power_cost", "usd_per_h", &total(|m| &m.power_cost), UsdPerHour::get);
    flat.read("total_margin", "usd_per_h", &total(|m| &m.margin), UsdPerHour::get);
    if !split.issues.is_empty() {
        flat.text("issues", &split.issues.join("; "));
    }
    flat.finish()
}

fn side(flat: &mut Flat, prefix: &str, money: &Money) {
    flat.read(&format!("{prefix}it_power"), "kw", &money.it_power, Watts::kw);
    earnings(flat, prefix, money);
}

/// Everything of `money` but the IT power, which a block reports as a sum of its own.
pub fn earnings(flat: &mut Flat, prefix: &str, money: &Money) {
    let key = |base: &str| format!("{prefix}{base}");
    flat.read(&key("revenue"), "usd_per_h", &money.revenue, UsdPerHour::get);
    flat.read(&key("share"), "", &money.share, Fraction::get);
    flat.read(&key("facility_power"), "kw", &money.facility_power, Watts::kw);
    flat.read(&key("power_cost"), "usd_per_h", &money.power_cost, UsdPerHour::get);
    flat.read(&key("margin"), "usd_per_h", &money.margin, UsdPerHour::get);
    // Its own base: without the unit nothing would be left to hang the quality on.
    flat.read(&key("usd_per_mwh"), "", &money.usd_per_mwh, UsdPerMwh::get);
    flat.read(&key("breakeven"), "usd_per_mwh", &money.breakeven, UsdPerMwh::get);
    flat.figure(&key("coverage"), money.coverage.get());
}

/// The parts of a block's revenue, which is what is left of them.
pub fn statement(flat: &mut Flat, statement: &Statement) {
    flat.text("revenue_basis", statement.basis.as_str());
    flat.read("revenue_gross", "usd_per_h", &statement.gross, UsdPerHour::get);
    flat.read("revenue_fee", "usd_per_h", &statement.fee, UsdPerHour::get);
    if let Some(penalty) = &statement.penalty {
        flat.read("revenue_penalty", "usd_per_h", penalty, UsdPerHour::get);
    }
}

/// The sum of both sides. A side that is not configured is not part of it; one that should be there
/// and is not makes the sum missing.
fn both(hash: &Read<UsdPerHour>, ai: &Read<UsdPerHour>) -> Read<UsdPerHour> {
    match (hash, ai) {
        (Ok(a), Ok(b)) => Ok(Reading {
            value: a.value + b.value,
            quality: a.quality.max(b.quality),
            source: "hashing + AI",
        }),
        (only, Err(Missing::NotConfigured)) | (Err(Missing::NotConfigured), only) => *only,
        (Err(why), _) | (_, Err(why)) => Err(*why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Quality;

    fn usd(value: f64) -> Read<UsdPerHour> {
        Ok(Reading::measured(UsdPerHour::new(value).unwrap(), "test"))
    }

    #[test]
    fn a_total_is_missing_when_a_side_is_and_never_half_of_it() {
        assert_eq!(both(&usd(2.0), &Err(Missing::Timeout)), Err(Missing::Timeout));
        assert_eq!(both(&usd(2.0), &Err(Missing::NotConfigured)), usd(2.0));
        let neither = both(&Err(Missing::NotConfigured), &Err(Missing::NotConfigured));
        assert_eq!(neither, Err(Missing::NotConfigured));
    }

    #[test]
    fn a_total_is_as_good_as_its_poorer_side() {
        let stale = usd(1.0).map(|r| r.at_best(Quality::Stale));
        let total = both(&usd(2.0), &stale).unwrap();
        assert_eq!((total.value.get(), total.quality), (3.0, Quality::Stale));
    }
}
