//! Prices: tariffs worked out by hand, the venues' replies, and both over sockets on loopback.

mod btc;
mod slots;
mod tariff;

use wattsplit::clock::UnixMs;
use wattsplit::reading::{PriceSlot, Sample};
use wattsplit::sources::Failure;
use wattsplit::sources::price::PowerPriceConfig;

fn at(text: &str) -> UnixMs {
    UnixMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn config(text: &str) -> PowerPriceConfig {
    toml::from_str(text).unwrap()
}

fn slots_of(outcome: Result<Vec<Sample>, Failure>) -> Result<Vec<PriceSlot>, Failure> {
    match outcome?.as_slice() {
        [Sample::PowerPrice(sample)] => Ok(sample.slots.clone().unwrap()),
        other => panic!("{other:?}"),
    }
}
