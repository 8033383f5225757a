//! Prices: tariffs worked out by hand, the replies of markets and venues, and all over sockets on
//! loopback.

mod btc;
mod clocks;
mod ercot;
mod feeds;
mod fx;
mod hashprice_index;
mod markets;
mod own_power;
mod parsers;
mod slots;
mod tariff;
mod ten_years;
mod tomorrow;

use wattsplit::clock::UnixMs;
use wattsplit::reading::{PowerPriceSample, PriceSlot, Sample};
use wattsplit::sources::Failure;
use wattsplit::sources::price::PowerPriceConfig;

fn at(text: &str) -> UnixMs {
    UnixMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn config(text: &str) -> PowerPriceConfig {
    toml::from_str(text).unwrap()
}

fn price_of(outcome: Result<Vec<Sample>, Failure>) -> Result<PowerPriceSample, Failure> {
    match outcome?.as_slice() {
        [Sample::PowerPrice(sample)] => Ok(sample.clone()),
        other => panic!("{other:?}"),
    }
}

fn slots_of(outcome: Result<Vec<Sample>, Failure>) -> Result<Vec<PriceSlot>, Failure> {
    Ok(price_of(outcome)?.slots.unwrap())
}
