//! Hostings whose price is listed elsewhere.

use std::time::Duration;

use wattsplit::economics::Stoppable;
use wattsplit::reading::{GpuPriceSample, Missing, Quality, Reading, Sample};
use wattsplit::units::UsdPerHour;

use super::hall::Hall;
use super::{message, recompute};

fn hall() -> Hall {
    let mut hall = Hall::new(8);
    hall.hosting().usd_per_gpu_h = None;
    hall.hosting().price = Some(toml::from_str("file = \"spot-price\"").unwrap());
    hall.hosting().stoppable = Stoppable::All;
    hall
}

/// The listed price, told at this time.
fn tell(hall: &mut Hall, secs: u64, price: Result<f64, Missing>) {
    let usd_per_gpu_h = price.map(|usd| Reading::measured(UsdPerHour::new(usd).unwrap(), "price file"));
    let (hosting, interval) = ("market".into(), Duration::from_secs(300));
    let sample = Sample::GpuPrice(GpuPriceSample { hosting, interval, usd_per_gpu_h });
    hall.plant.site.apply(wattsplit::reading::Batch { at: super::at(secs), samples: vec![sample] });
}

#[test]
fn sold_gpus_are_worth_the_listed_price_and_the_advice_says_so() {
    let mut hall = hall();
    tell(&mut hall, 0, Ok(0.5));
    let advice = hall.tick(0);
    assert_eq!(hall.block("market").unwrap().revenue_usd_per_unit_h, Ok(0.5));
    let input = advice.assumptions.iter().find(|input| input.name == "market.price").unwrap();
    assert_eq!((input.value, input.unit, input.quality), (Ok(0.5), "usd_per_gpu_h", Quality::Measured));
    recompute(&message(&advice));
}

#[test]
fn a_price_that_is_stale_or_missing_decides_nothing() {
    let mut hall = hall();
    tell(&mut hall, 0, Ok(0.5));
    hall.tick(0);
    hall.tick(901);
    assert!(hall.block("market").unwrap().revenue_usd_per_unit_h.is_err());
    let mut silent = self::hall();
    silent.tick(0);
    assert!(silent.block("market").unwrap().revenue_usd_per_unit_h.is_err());
}
