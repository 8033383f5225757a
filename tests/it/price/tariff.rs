//! Tariffs worked out by hand, through both changes of the clocks.

use wattsplit::clock::UnixMs;
use wattsplit::http::Http;
use wattsplit::reading::PriceSlot;
use wattsplit::sources::price::power_source;
use wattsplit::sources::price::tariff::Tariff;

use super::{at, config, slots_of};
use crate::fake_http::moment;

fn tariff(text: &str, zone: &str) -> Tariff {
    Tariff::new(&config(text), zone).unwrap()
}

/// Slots as text: `2026-03-08T08:00:00Z 50`, and the end.
fn rows(slots: &[PriceSlot]) -> Vec<String> {
    let time = |at: UnixMs| at.timestamp().unwrap().to_string();
    let gapless = slots.iter().zip(slots.iter().skip(1)).all(|(a, b)| a.end == b.start);
    assert!(gapless, "{slots:?}");
    let starts = slots.iter().map(|slot| format!("{} {}", time(slot.start), slot.price.get()));
    starts.chain(slots.last().map(|slot| time(slot.end))).collect()
}

#[test]
fn a_fixed_price_is_one_slot_with_the_adder_in_it() {
    let fixed = tariff("kind = \"fixed\"\nusd_per_mwh = 41\nadder_usd_per_mwh = 6.5", "UTC");
    let slots = fixed.slots(at("2026-06-01T00:00:00Z"), at("2026-06-02T00:00:00Z"));
    assert_eq!(rows(&slots), ["2026-06-01T00:00:00Z 47.5", "2026-06-02T00:00:00Z"]);
}

#[test]
fn a_period_holds_by_the_local_clock_and_the_last_that_matches_wins() {
    let peak = r#"
        kind = "time_of_use"
        usd_per_mwh = 30
        adder_usd_per_mwh = 1
        [[period]]
        from = "07:00"
        to = "23:00"
        usd_per_mwh = 50
        [[period]]
        days = ["mon", "tue", "wed", "thu", "fri"]
        from = "17:30"
        to = "21:00"
        usd_per_mwh = 90
    "#;
    // Friday 2026-06-05 in Chicago is 5 h behind UTC.
    let slots = tariff(peak, "America/Chicago").slots(at("2026-06-05T05:00:00Z"), at("2026-06-07T05:00:00Z"));
    assert_eq!(
        rows(&slots),
        [
            "2026-06-05T05:00:00Z 31",
            "2026-06-05T12:00:00Z 51",
            "2026-06-05T22:30:00Z 91",
            "2026-06-06T02:00:00Z 51",
            "2026-06-06T04:00:00Z 31",
            "2026-06-06T12:00:00Z 51",
            "2026-06-07T04:00:00Z 31",
            "2026-06-07T05:00:00Z",
        ]
    );
}

#[test]
fn a_period_over_midnight_belongs_to_the_day_and_month_it_starts_on() {
    let night = r#"
        kind = "time_of_use"
        usd_per_mwh = 30
        [[period]]
        days = ["fri"]
        from = "22:00"
        to = "06:00"
        usd_per_mwh = 10
    "#;
    // 2026-01-01 is a Thursday.
    let slots = tariff(night, "UTC").slots(at("2026-01-01T00:00:00Z"), at("2026-01-04T00:00:00Z"));
    assert_eq!(
        rows(&slots),
        [
            "2026-01-01T00:00:00Z 30",
            "2026-01-02T22:00:00Z 10",
            "2026-01-03T06:00:00Z 30",
            "2026-01-04T00:00:00Z"
        ]
    );
    let january = night.replace("days = [\"fri\"]", "months = [1]");
    let slots = tariff(&january, "UTC").slots(at("2026-01-31T00:00:00Z"), at("2026-02-02T00:00:00Z"));
    assert_eq!(
        rows(&slots),
        [
            // The night that started on 30 January, and the one of the 31st.
            "2026-01-31T00:00:00Z 10",
            "2026-01-31T06:00:00Z 30",
            "2026-01-31T22:00:00Z 10",
            "2026-02-01T06:00:00Z 30",
            "2026-02-02T00:00:00Z"
        ]
    );
    let new_year = tariff(&january, "UTC").slots(at("2025-12-31T21:00:00Z"), at("2026-01-01T23:00:00Z"));
    assert_eq!(
        rows(&new_year),
        ["2025-12-31T21:00:00Z 30", "2026-01-01T22:00:00Z 10", "2026-01-01T23:00:00Z"]
    );
}

#[test]
fn an_hour_that_spring_skips_has_no_price_and_the_period_around_it_keeps_its_end() {
    let early = r#"
        kind = "time_of_use"
        usd_per_mwh = 30
        [[period]]
        from = "02:30"
        to = "04:00"
        usd_per_mwh = 50
    "#;
    // On 2026-03-08 Chicago's clocks jump from 02:00 to 03:00, at 08:00 UTC.
    let slots =
        tariff(early, "America/Chicago").slots(at("2026-03-08T06:00:00Z"), at("2026-03-08T12:00:00Z"));
    assert_eq!(
        rows(&slots),
        [
            "2026-03-08T06:00:00Z 30",
            "2026-03-08T08:00:00Z 50",
            "2026-03-08T09:00:00Z 30",
            "2026-03-08T12:00:00Z"
        ]
    );
    let lost = early.replace("04:00", "03:00");
    let slots =
        tariff(&lost, "America/Chicago").slots(at("2026-03-08T06:00:00Z"), at("2026-03-08T12:00:00Z"));
    assert_eq!(rows(&slots), ["2026-03-08T06:00:00Z 30", "2026-03-08T12:00:00Z"]);
}

#[test]
fn an_hour_that_autumn_repeats_has_its_prices_twice() {
    let early = r#"
        kind = "time_of_use"
        usd_per_mwh = 30
        [[period]]
        from = "01:00"
        to = "01:30"
        usd_per_mwh = 50
    "#;
    // On 2026-11-01 Chicago's clocks fall from 02:00 back to 01:00, at 07:00 UTC.
    let slots =
        tariff(early, "America/Chicago").slots(at("2026-11-01T05:00:00Z"), at("2026-11-01T10:00:00Z"));
    assert_eq!(
        rows(&slots),
        [
            "2026-11-01T05:00:00Z 30",
            "2026-11-01T06:00:00Z 50",
            "2026-11-01T06:30:00Z 30",
            "2026-11-01T07:00:00Z 50",
            "2026-11-01T07:30:00Z 30",
            "2026-11-01T10:00:00Z"
        ]
    );
}

#[test]
fn slots_agree_with_the_price_of_every_single_minute_through_both_changes_of_the_clocks() {
    let busy = r#"
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
        months = [10]
        from = "02:40"
        to = "03:10"
        usd_per_mwh = 70
    "#;
    for (zone, start) in
        [("Europe/Berlin", "2026-03-28T12:00:00Z"), ("Europe/Berlin", "2026-10-24T12:00:00Z")]
    {
        let tariff = tariff(busy, zone);
        let zone = jiff::tz::TimeZone::get(zone).unwrap();
        let from = at(start);
        let slots = tariff.slots(from, UnixMs(from.0 + 37 * 3_600_000));
        for minute in 0..37 * 60 {
            let t = UnixMs(from.0 + minute * 60_000);
            let slot = slots.iter().find(|slot| slot.start <= t && t < slot.end).unwrap();
            let wall = zone.to_datetime(t.timestamp().unwrap());
            assert_eq!(slot.price, tariff.price_at(wall), "{wall}");
        }
    }
}

#[test]
fn a_tariff_that_cannot_be_meant_says_which_period_and_what_was_expected() {
    let text = |text: &str, zone: &str| Tariff::new(&config(text), zone).unwrap_err().to_string();
    assert_eq!(text("kind = \"fixed\"", "UTC"), "power.usd_per_mwh is missing");
    assert_eq!(
        text("kind = \"fixed\"\nusd_per_mwh = inf", "UTC"),
        "power.usd_per_mwh is not a finite number"
    );
    assert_eq!(
        text("kind = \"fixed\"\nusd_per_mwh = 1", "Mars/Olympus"),
        "site.timezone \"Mars/Olympus\" is not a known IANA time zone"
    );
    let period = |lines: &str| {
        text(&format!("kind = \"time_of_use\"\nusd_per_mwh = 1\n[[period]]\nusd_per_mwh = 2\n{lines}"), "UTC")
    };
    assert_eq!(
        period("from = \"7:00\"\nto = \"08:00\""),
        "power.period 1: \"7:00\" is not a time; expected HH:MM"
    );
    assert_eq!(
        period("from = \"24:00\"\nto = \"08:00\""),
        "power.period 1: \"24:00\" is not a time; expected HH:MM"
    );
    assert_eq!(
        period("from = \"07:00\"\nto = \"24:01\""),
        "power.period 1: \"24:01\" is not a time; expected HH:MM"
    );
    assert!(period("from = \"07:00\"\nto = \"07:00\"").contains("the whole day is 00:00 to 24:00"));
    assert!(
        period("from = \"07:00\"\nto = \"08:00\"\ndays = [\"monday\"]").contains("unknown day \"monday\"")
    );
    assert!(period("from = \"07:00\"\nto = \"08:00\"\nmonths = [0]").contains("month 0 is not 1 to 12"));
}

#[tokio::test]
async fn the_tariff_source_reaches_from_an_hour_back_to_a_day_and_a_half_ahead() {
    let cfg = config("kind = \"fixed\"\nusd_per_mwh = 41");
    let mut source = power_source(&cfg, "America/Chicago", &Http::new().unwrap()).unwrap();
    assert_eq!(source.id(), "price/power");
    // It is 14:13:20.
    let slots = slots_of(source.fetch(moment(0)).await).unwrap();
    assert_eq!(rows(&slots), ["2026-09-21T13:00:00Z 41", "2026-09-23T03:00:00Z"]);
}
