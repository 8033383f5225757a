//! What a price of power says, and what it is made of.

use crate::clock::UnixMs;
use crate::reading::{PowerPriceSample, PriceKind, PriceSlot};

/// In one line: the slots, the price at `wall` and the market's price behind it.
pub fn describe(sample: &PowerPriceSample, slots: &[PriceSlot], wall: UnixMs) -> String {
    let span = slots.first().zip(slots.last()).and_then(|(first, last)| {
        Some(format!(", {} to {}", first.start.timestamp()?, last.end.timestamp()?))
    });
    let mut said = format!("{} price slots{}", slots.len(), span.unwrap_or_default());
    match slots.iter().find(|slot| slot.start <= wall && wall < slot.end) {
        Some(slot) => said.push_str(&now(sample, slot)),
        None => said.push_str("; none for now"),
    }
    said
}

fn now(sample: &PowerPriceSample, slot: &PriceSlot) -> String {
    let kind = slot.kind.map_or(String::new(), |kind| format!(", {}", words(kind)));
    let market = match sample.rate {
        Some(rate) => {
            let (market, currency) = (slot.market_per_mwh, sample.currency);
            format!(" of {market:.2} {currency}/MWh at {} USD", rate.usd_per_unit)
        }
        None if slot.market_per_mwh != slot.price.get() => format!(" of {:.2}", slot.market_per_mwh),
        None => String::new(),
    };
    format!("; now {:.2}{market}{kind}", slot.price)
}

fn words(kind: PriceKind) -> &'static str {
    match kind {
        PriceKind::Settled => "settled",
        PriceKind::DayAhead => "day-ahead",
        PriceKind::Indicative => "an indication",
    }
}
