//! Days of 23 and of 25 hours at every market.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use wattsplit::clock::{Now, UnixMs};

use super::markets::{MARKETS, Market, Price, login};
use super::slots_of;
use crate::fake_http::{FakeHttp, Reply};

/// The whole day in steps of the market, each with a price of its own.
fn day(market: &Market, date: Date) -> Vec<Price> {
    let start = |date: Date| date.to_zoned(market.time_zone()).unwrap().timestamp();
    let (mut at, end) = (start(date), start(date.tomorrow().unwrap()));
    let mut prices = Vec::new();
    while at < end {
        let next = at + market.step_min.minutes();
        prices.push(Price { start: at, end: next, per_mwh: f64::from(prices.len() as u16) - 7.5 });
        at = next;
    }
    prices
}

/// A market that has this day and no other.
async fn serve(market: &'static Market, date: Date, prices: &[Price]) -> FakeHttp {
    let body = (market.body)(prices);
    FakeHttp::start(move |request| {
        let other_day = request.line.contains("&date=") && !request.line.contains(&date.to_string());
        match login(request) {
            Some(reply) => reply,
            None if other_day => Reply::Status(204, vec![], ""),
            None => Reply::Ok(body.clone()),
        }
    })
    .await
}

fn noon(market: &Market, date: Date) -> Now {
    let at: Timestamp = date.at(12, 0, 0, 0).to_zoned(market.time_zone()).unwrap().timestamp();
    Now { wall: UnixMs(at.as_millisecond()), mono: std::time::Duration::from_secs(1) }
}

#[tokio::test]
async fn a_day_on_which_the_clocks_change_is_covered_without_gap_or_overlap() {
    let (europe, america) = (["2026-03-29", "2026-10-25"], ["2026-03-08", "2026-11-01"]);
    for market in MARKETS {
        let dates = if market.zone.starts_with("Europe") { europe } else { america };
        for (date, hours) in dates.into_iter().zip([23, 25]) {
            let date: Date = date.parse().unwrap();
            let prices = day(market, date);
            assert_eq!(prices.len() as i64 * market.step_min, hours * 60, "{}", market.name);
            let server = serve(market, date, &prices).await;
            let outcome = market.source(&server.url).fetch(noon(market, date)).await;
            let slots = slots_of(outcome).unwrap();
            for (slot, price) in slots.iter().zip(&prices) {
                let told = (slot.start.timestamp(), slot.end.timestamp());
                assert_eq!(told, (Some(price.start), Some(price.end)), "{} {date}", market.name);
                let usd = price.per_mwh * market.usd_per_unit;
                assert!((slot.price.get() - usd).abs() < 1e-9, "{} {slot:?} {price:?}", market.name);
            }
            // Behind the newest real-time price stands what it indicates.
            let more = usize::from(market.name.ends_with("real-time"));
            assert_eq!(slots.len(), prices.len() + more, "{} {date}", market.name);
        }
    }
}
