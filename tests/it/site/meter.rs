//! The power meter as it ages.

use super::*;

fn meter(power: Read<Watts>, wh: Option<f64>) -> Sample {
    let energy = wh.map(|wh| Reading::measured(WattHours::new(wh).unwrap(), "test"));
    let report = MeterReport { power, energy: energy.ok_or(Missing::NotConfigured) };
    Sample::Meter(MeterSample { interval: Duration::from_secs(10), observed: None, report: Ok(report) })
}

fn failed(why: Missing) -> Sample {
    Sample::Meter(MeterSample { interval: Duration::from_secs(10), observed: None, report: Err(why) })
}

fn power(site: &Site, secs: u64) -> Result<(f64, Quality), Missing> {
    site.view(at(secs)).meter.power.map(|power| (power.value.get(), power.quality))
}

#[test]
fn a_reading_is_fresh_for_three_intervals_through_lost_requests_then_stale_then_expired() {
    let mut site = Site::default();
    assert_eq!(power(&site, 0), Err(Missing::NotConfigured));
    put(&mut site, 0, failed(Missing::NotYet));
    assert_eq!(power(&site, 0), Err(Missing::NotYet));
    put(&mut site, 0, meter(watts(5_000.0), Some(77.0)));
    put(&mut site, 10, failed(Missing::Timeout));
    assert_eq!(power(&site, 30), Ok((5_000.0, Quality::Measured)));
    assert_eq!(site.view(at(30)).meter.energy.map(|e| (e.value.get(), e.age.as_secs())), Ok((77.0, 30)));
    assert_eq!(power(&site, 31), Ok((5_000.0, Quality::Stale)));
    assert_eq!(power(&site, 630), Ok((5_000.0, Quality::Stale)));
    assert_eq!(power(&site, 631), Err(Missing::Expired));
}

#[test]
fn a_power_that_cannot_be_leaves_the_counter_and_the_last_power_as_they_are() {
    let mut site = Site::default();
    put(&mut site, 0, meter(watts(5_000.0), Some(77.0)));
    put(&mut site, 10, meter(Err(Missing::Implausible), Some(78.0)));
    assert_eq!(power(&site, 12), Ok((5_000.0, Quality::Measured)));
    let view = site.view(at(12)).meter;
    assert_eq!((view.power.unwrap().age.as_secs(), view.energy.unwrap().age.as_secs()), (12, 2));
}
