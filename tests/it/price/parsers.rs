//! What each market's reply says, slot by slot.

use wattsplit::clock::UnixMs;
use wattsplit::reading::Missing;
use wattsplit::sources::Failure;
use wattsplit::sources::price::ercot::time::Central;
use wattsplit::sources::price::*;
use wattsplit::units::Currency;

use super::at;
use super::markets::market;

const HOME: &str = "99999999-2222-4333-8444-555555555555";

/// `14:00-14:15 88.4`, all on 2026-09-21 in UTC.
fn rows(slots: Result<Vec<MarketSlot>, Failure>) -> Vec<String> {
    let clock = |at: UnixMs| {
        let text = at.timestamp().unwrap().to_string();
        text.strip_prefix("2026-09-21T").unwrap().trim_end_matches(":00Z").to_owned()
    };
    let row = |slot: MarketSlot| format!("{}-{} {}", clock(slot.start), clock(slot.end), slot.per_mwh);
    slots.unwrap().into_iter().map(row).collect()
}

fn why(slots: Result<Vec<MarketSlot>, Failure>) -> Missing {
    slots.unwrap_err().reason
}

fn fixture(name: &str) -> &'static str {
    market(name).fixture
}

fn nok() -> Currency {
    Currency::new("NOK").unwrap()
}

#[test]
fn energy_charts_leaves_a_gap_where_it_has_no_price() {
    let text = fixture("energy_charts");
    let parse = |text: &str| energy_charts::parse(text.as_bytes());
    assert_eq!(rows(parse(text)), ["14:00-14:15 88.4", "14:15-14:30 91.25", "14:45-15:00 -3.07"]);
    assert_eq!(why(parse(&text.replace("EUR / MWh", "EUR / kWh"))), Missing::Garbage);
    assert_eq!(why(parse(&text.replace("88.4,", ""))), Missing::Garbage, "a price less than times");
    assert_eq!(why(parse(&text.replace("88.4", "\"n/a\""))), Missing::Garbage);
    let nothing = r#"{"unix_seconds":[],"price":[],"unit":"EUR / MWh"}"#;
    assert_eq!(why(parse(nothing)), Missing::NotReported);
}

#[test]
fn awattar_tells_start_and_end_of_each_hour() {
    let text = fixture("awattar");
    let parse = |text: &str| awattar::parse(text.as_bytes());
    assert_eq!(rows(parse(text)), ["14:00-15:00 88.4", "15:00-16:00 -3.07"]);
    assert_eq!(why(parse(&text.replace("Eur/MWh", "Cent/kWh"))), Missing::Garbage);
    assert_eq!(why(parse(r#"{"data":[]}"#)), Missing::NotReported);
}

#[test]
fn octopus_sells_by_the_penny_with_or_without_vat() {
    let until = at("2026-09-22T00:00:00Z");
    let text = fixture("octopus_agile");
    let parse = |text: &str, vat| octopus_agile::parse(text.as_bytes(), vat, until).map(|(slots, _)| slots);
    // Newest first, as they come.
    assert_eq!(rows(parse(text, false)), ["15:00-15:30 -15", "14:30-15:00 200.7", "14:00-14:30 184"]);
    assert_eq!(rows(parse(text, true))[1], "14:30-15:00 210.735");
    let flat = r#"{"next":null,"results":[
        {"value_exc_vat":20,"value_inc_vat":21,"valid_from":"2026-09-21T14:00:00Z","valid_to":null}]}"#;
    let slots = parse(flat, false).unwrap();
    assert_eq!((slots.len(), slots[0].end), (1, until), "a rate without an end ends with what was asked for");
}

#[test]
fn nord_pool_tells_several_areas_and_only_one_is_ours() {
    let text = fixture("nord_pool");
    let sek = Currency::new("SEK").unwrap();
    let parse = |area, currency| nord_pool::parse(text.as_bytes(), area, currency);
    assert_eq!(rows(parse("SE3", sek)), ["14:00-14:15 412.5", "14:15-14:30 -10.4", "14:45-15:00 398"]);
    assert_eq!(why(parse("NO1", sek)), Missing::NotReported);
    assert_eq!(why(parse("SE3", Currency::EUR)), Missing::Garbage, "kronor are no euros");
}

#[test]
fn tibber_sells_by_the_kilowatt_hour_with_or_without_tax() {
    let text = fixture("tibber");
    let parse = |text: &str, home, tax, currency| tibber::parse(text.as_bytes(), home, tax, currency);
    assert_eq!(rows(parse(text, None, false, nok())), ["14:00-14:15 925.7", "14:15-14:30 26.8"]);
    assert_eq!(rows(parse(text, Some(HOME), true, nok())), ["14:00-14:15 1207.1", "14:15-14:30 33.5"]);
    assert_eq!(why(parse(text, Some("another"), true, nok())), Missing::NotReported);
    assert_eq!(why(parse(text, None, true, Currency::EUR)), Missing::Garbage);
    let two = text.replace(
        r#""currentSubscription": null"#,
        r#""currentSubscription":{"priceInfo":{"today":[],"tomorrow":[]}}"#,
    );
    assert_ne!(two, text);
    assert_eq!(why(parse(&two, None, true, nok())), Missing::NotConfigured, "which of two homes?");
    assert_eq!(rows(parse(&two, Some(HOME), false, nok())).len(), 2);
}

#[test]
fn tibber_refuses_with_status_200_and_what_it_says_is_not_repeated() {
    let refusal = |code: &str| {
        let text = format!(
            r#"{{"errors":[{{"message":"no hunter2","extensions":{{"code":"{code}"}}}}],"data":null}}"#
        );
        let failure = tibber::parse(text.as_bytes(), None, false, nok()).unwrap_err();
        assert!(!failure.detail.contains("hunter2"));
        (failure.reason, failure.retry_after.is_some())
    };
    assert_eq!(refusal("UNAUTHENTICATED"), (Missing::Denied, true));
    assert_eq!(refusal("INTERNAL_SERVER_ERROR"), (Missing::RemoteError, false));
}

#[test]
fn ercot_rows_are_read_by_the_names_of_their_fields() {
    let central = Central::new().unwrap();
    let parse = |text: &str, point, run| ercot::parse(text.as_bytes(), point, run, &central);
    let day_ahead = fixture("ercot day-ahead");
    assert_eq!(
        rows(parse(day_ahead, "LZ_WEST", MarketRun::DayAhead)),
        ["13:00-14:00 31.07", "14:00-15:00 -4.5"]
    );
    let real_time = fixture("ercot real-time");
    let slots = parse(real_time, "LZ_WEST", MarketRun::RealTime);
    assert_eq!(rows(slots), ["13:30-13:45 26.02", "13:45-14:00 28.11"], "without the energy-weighted row");
    assert_eq!(why(parse(day_ahead, "HB_WEST", MarketRun::DayAhead)), Missing::NotReported);
    assert_eq!(why(parse(day_ahead, "LZ_WEST", MarketRun::RealTime)), Missing::Garbage, "another report");
}

#[test]
fn ercot_without_a_flag_for_the_repeated_hour_is_not_guessed_at() {
    let central = Central::new().unwrap();
    let text = fixture("ercot day-ahead").replace("DSTFlag", "other");
    let failure = ercot::parse(text.as_bytes(), "LZ_WEST", MarketRun::DayAhead, &central).unwrap_err();
    assert_eq!(
        (failure.reason, failure.detail.as_str()),
        (Missing::Garbage, "a row has no readable DSTFlag")
    );
}

#[test]
fn pjm_tells_what_was_corrected_and_other_nodes_and_neither_counts() {
    let parse = |name, run| pjm::parse(fixture(name).as_bytes(), 51_288, run);
    let day_ahead = parse("pjm day-ahead", MarketRun::DayAhead);
    assert_eq!(rows(day_ahead), ["14:00-15:00 36.4", "15:00-16:00 -2.25"]);
    let real_time = parse("pjm real-time", MarketRun::RealTime);
    assert_eq!(rows(real_time), ["14:00-14:05 33.15", "14:05-14:10 34.4"]);
    assert_eq!(why(parse("pjm real-time", MarketRun::DayAhead)), Missing::NotReported, "another feed");
}

#[test]
fn a_reply_that_announces_more_than_it_holds_is_no_whole_day() {
    let central = Central::new().unwrap();
    let text = fixture("ercot day-ahead").replace("\"totalPages\": 1", "\"totalPages\": 2");
    let ercot = ercot::parse(text.as_bytes(), "LZ_WEST", MarketRun::DayAhead, &central).unwrap_err();
    assert_eq!((ercot.reason, ercot.detail.as_str()), (Missing::CutOff, "the reply holds 1 of 2 pages"));
    let rows =
        r#"{"items":[{"datetime_beginning_utc":"2026-09-21T14:00:00","total_lmp_da":30.5}],"totalRows":24}"#;
    let pjm = pjm::parse(rows.as_bytes(), 51_288, MarketRun::DayAhead).unwrap_err();
    assert_eq!((pjm.reason, pjm.detail.as_str()), (Missing::CutOff, "the reply holds 1 of 24 rows"));
}
