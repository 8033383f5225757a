//! Time-of-use prices over ten years of days in zones with odd clocks.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use wattsplit::clock::UnixMs;
use wattsplit::sources::price::tariff::Tariff;

use super::config;

/// A half-hour change, an offset of 45 minutes, a change for Ramadan, none any more, and two usual ones.
const ZONES: [&str; 6] = [
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "America/Chicago",
    "Europe/Berlin",
];

/// Edges inside the hours that clocks skip and repeat, over midnight, and by day and month.
const BUSY: &str = r#"
    kind = "time_of_use"
    usd_per_mwh = 30
    [[period]]
    from = "21:45"
    to = "02:15"
    usd_per_mwh = 10
    [[period]]
    days = ["sun"]
    from = "01:20"
    to = "24:00"
    usd_per_mwh = -5
    [[period]]
    months = [3, 10, 11]
    from = "01:50"
    to = "03:10"
    usd_per_mwh = 70
"#;

fn midnight(zone: &TimeZone, date: Date) -> UnixMs {
    UnixMs(date.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond())
}

/// The lengths of days that came up, in minutes.
fn lengths_of_days(name: &str) -> Vec<i64> {
    let zone = TimeZone::get(name).unwrap();
    let tariff = Tariff::new(&config(BUSY), name).unwrap();
    let mut date: Date = "2017-01-01".parse().unwrap();
    let mut lengths = Vec::new();
    while date.year() < 2027 {
        let next = date.tomorrow().unwrap();
        let (from, to) = (midnight(&zone, date), midnight(&zone, next));
        let slots = tariff.slots(from, to);
        assert_eq!((slots[0].start, slots[slots.len() - 1].end), (from, to), "{name} {date}");
        for (slot, next) in slots.iter().zip(slots.iter().skip(1)) {
            assert_eq!(slot.end, next.start, "{name} {date}: a gap or an overlap");
            assert_ne!(slot.price, next.price, "{name} {date}: one slot in two");
        }
        for slot in &slots {
            assert!(slot.start < slot.end, "{name} {date}");
            for at in [slot.start, UnixMs(slot.end.0 - 1)] {
                let wall = zone.to_datetime(at.timestamp().unwrap());
                assert_eq!(slot.price, tariff.price_at(wall), "{name} {wall}");
            }
        }
        lengths.push((to.0 - from.0) / 60_000);
        date = next;
    }
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

#[test]
fn every_day_of_ten_years_is_covered_without_gap_or_overlap_in_zones_with_odd_clocks() {
    let lengths: Vec<Vec<i64>> = ZONES.into_iter().map(lengths_of_days).collect();
    let (hour, day) = (60, 24 * 60);
    let usual = vec![day - hour, day, day + hour];
    let half = vec![day - hour / 2, day, day + hour / 2];
    assert_eq!(lengths, [half, vec![day], usual.clone(), usual.clone(), usual.clone(), usual]);
}
