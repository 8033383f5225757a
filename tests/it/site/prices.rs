//! Prices, the network and pools as they age.

use super::*;

pub fn btc(venue: &'static str, quote: Result<f64, Missing>, observed: Option<UnixMs>) -> Sample {
    let quote = quote.map(|usd| Reading::measured(Usd::new(usd).unwrap(), "last"));
    Sample::BtcUsd(BtcUsdSample { interval: Duration::from_secs(60), venue, quote, observed })
}

pub fn network(report: Result<(), Missing>) -> Sample {
    let report = report.map(|()| NetworkReport {
        source: "test",
        height: 920_000,
        difficulty: 1e14,
        mean_fee: Ok(Reading::measured(Sats(2_000_000), "test")),
        retarget: Err(Missing::NotYet),
    });
    Sample::Network(Box::new(NetworkSample { interval: Duration::from_secs(300), report }))
}

#[test]
fn a_quote_is_as_old_as_the_venue_says_and_expires_after_half_an_hour() {
    let mut site = Site::default();
    put(&mut site, 0, btc("kraken", Ok(100_000.0), None));
    put(&mut site, 0, btc("bitstamp", Ok(100_100.0), Some(UnixMs(at(0).wall.0 - 200_000))));
    put(&mut site, 0, btc("coinbase", Err(Missing::Denied), None));
    let quotes = site.view(at(101)).btc_quotes;
    let seen: Vec<_> = quotes
        .iter()
        .map(|(venue, quote)| (*venue, quote.map(|quote| (quote.age.as_secs(), quote.quality))))
        .collect();
    assert_eq!(
        seen,
        [
            ("bitstamp", Ok((301, Quality::Stale))),
            ("coinbase", Err(Missing::Denied)),
            ("kraken", Ok((101, Quality::Measured)))
        ]
    );
    let expired = site.view(at(1801)).btc_quotes;
    assert!(expired.iter().skip(2).all(|(_, quote)| *quote == Err(Missing::Expired)));
}

#[test]
fn a_price_of_the_operators_own_that_is_far_from_all_venues_is_not_used() {
    let mut site = Site::default();
    let own = |site: &Site, secs: u64| {
        let quotes = site.view(at(secs)).btc_quotes;
        let (_, quote) = quotes.into_iter().find(|(venue, _)| *venue == OWN_VENUE).unwrap();
        quote.map(|quote| quote.value.get())
    };
    put(&mut site, 0, btc("kraken", Ok(100_000.0), None));
    put(&mut site, 10, btc(OWN_VENUE, Ok(79_000.0), None));
    assert_eq!(own(&site, 10), Err(Missing::Implausible));
    let doubt = site.view(at(10)).doubts.own_price.unwrap();
    assert_eq!((doubt.told.get(), doubt.against.get(), doubt.by_venue), (79_000.0, 100_000.0, true));
    put(&mut site, 20, btc(OWN_VENUE, Ok(101_000.0), None));
    assert_eq!((own(&site, 20), site.view(at(20)).doubts.own_price), (Ok(101_000.0), None));
    // The venue is silent from now on, and what it said is a day's measure.
    put(&mut site, 12 * HOUR, btc(OWN_VENUE, Ok(9_000.0), None));
    assert_eq!(own(&site, 12 * HOUR), Err(Missing::Expired), "the last one that was used is too old");
    put(&mut site, 25 * HOUR, btc(OWN_VENUE, Ok(140_000.0), None));
    assert_eq!(own(&site, 25 * HOUR), Ok(140_000.0), "nothing is left that speaks against it");
}

#[test]
fn a_source_whose_clock_is_ahead_is_named_with_by_how_much() {
    let mut site = Site::default();
    put(&mut site, 0, btc(OWN_VENUE, Ok(100_000.0), Some(at(3_600).wall)));
    put(&mut site, 0, btc("kraken", Ok(100_000.0), Some(at(200).wall)));
    put(&mut site, 0, btc("coinbase", Ok(100_000.0), None));
    let hour = Duration::from_secs(3_600);
    let ahead = [("price/kraken".to_owned(), Duration::ZERO), ("price/own".to_owned(), hour)];
    assert_eq!(site.view(at(0)).doubts.clocks_ahead, ahead);
    put(&mut site, 400, btc(OWN_VENUE, Ok(100_000.0), Some(at(3_600).wall)));
    let quotes = site.view(at(400)).btc_quotes;
    assert_eq!(quotes[2].1.map(|quote| (quote.age.as_secs(), quote.quality)), Ok((400, Quality::Stale)));
}

#[test]
fn the_network_is_stale_after_three_intervals_and_expires_after_a_day() {
    let mut site = Site::default();
    assert_eq!(site.view(at(0)).network, Err(Missing::NotConfigured));
    put(&mut site, 0, network(Ok(())));
    put(&mut site, 300, network(Err(Missing::Timeout)));
    let quality = |secs| site.view(at(secs)).network.map(|network| network.quality);
    assert_eq!(quality(900), Ok(Quality::Measured));
    assert_eq!(quality(901), Ok(Quality::Stale));
    assert_eq!(quality(24 * HOUR), Ok(Quality::Stale));
    assert_eq!(quality(24 * HOUR + 1), Err(Missing::Expired));
}

/// Slots of one kind, each from, to and USD/MWh.
fn power(
    kind: Option<PriceKind>,
    rate: Option<FxRate>,
    slots: Result<&[(u64, u64, f64)], Missing>,
) -> Sample {
    let slot = |&(from, to, price): &(u64, u64, f64)| {
        let (start, end, market_per_mwh) = (at(from).wall, at(to).wall, price);
        PriceSlot { start, end, price: UsdPerMwh::new(price).unwrap(), market_per_mwh, kind }
    };
    let slots = slots.map(|slots| slots.iter().map(slot).collect());
    let currency = Currency::USD;
    Sample::PowerPrice(PowerPriceSample { interval: INTERVAL, source: "tariff", currency, rate, slots })
}

fn price(site: &Site, secs: u64) -> Result<(f64, Quality), Missing> {
    site.view(at(secs)).power_price.map(|price| (price.value.get(), price.quality))
}

#[test]
fn a_day_ahead_price_is_good_for_its_slot_while_its_server_is_down() {
    let mut site = Site::default();
    put(&mut site, 0, power(Some(PriceKind::DayAhead), None, Ok(&[(0, 30 * HOUR, 45.0)])));
    put(&mut site, 30, power(None, None, Err(Missing::Timeout)));
    assert_eq!(price(&site, 29 * HOUR), Ok((45.0, Quality::Measured)));
    assert_eq!(price(&site, 30 * HOUR), Err(Missing::Expired));
}

#[test]
fn an_indication_is_an_estimate_then_stale_and_nobody_knows_when_it_changes() {
    let mut site = Site::default();
    put(&mut site, 0, power(Some(PriceKind::Indicative), None, Ok(&[(0, 200, 45.0)])));
    assert_eq!(price(&site, 90), Ok((45.0, Quality::Estimated)));
    assert_eq!(price(&site, 91), Ok((45.0, Quality::Stale)), "not renewed for three intervals");
    let view = site.view(at(0));
    assert_eq!((view.power_price_until, view.power_basis.unwrap().kind), (None, Some(PriceKind::Indicative)));
}

#[test]
fn a_price_is_worth_no_more_than_its_currencys_rate() {
    let rate = |quality, good_until| Some(FxRate { usd_per_unit: 1.25, quality, good_until });
    let kind = Some(PriceKind::DayAhead);
    let mut site = Site::default();
    put(&mut site, 0, power(kind, rate(Quality::Measured, Some(at(100).mono)), Ok(&[(0, 200, 45.0)])));
    assert_eq!(price(&site, 100), Ok((45.0, Quality::Measured)));
    assert_eq!(price(&site, 101), Ok((45.0, Quality::Stale)), "the rate is too old");
    put(&mut site, 102, power(kind, rate(Quality::Estimated, None), Ok(&[(0, 200, 45.0)])));
    assert_eq!(price(&site, 199), Ok((45.0, Quality::Estimated)), "a rate that somebody states");
}

#[test]
fn the_price_of_power_is_that_of_the_slot_that_holds_now() {
    let mut site = Site::default();
    put(&mut site, 0, power(None, None, Ok(&[(0, 100, 45.0), (100, 200, -20.0)])));
    let price = |secs| price(&site, secs);
    assert_eq!(price(0), Ok((45.0, Quality::Measured)));
    assert_eq!(site.view(at(0)).power_price_until, Some(at(100).wall));
    assert_eq!(price(100), Ok((-20.0, Quality::Stale)), "not renewed for three intervals");
    assert_eq!(price(200), Err(Missing::Expired), "the tariff does not reach this far");
}

#[test]
fn a_pool_keeps_its_last_report_as_stale_for_a_day() {
    let mut site = Site::default();
    let pool = |report| {
        Sample::Pool(Box::new(PoolSample { name: "main".into(), interval: Duration::from_secs(60), report }))
    };
    put(&mut site, 0, pool(Err(Missing::Denied)));
    assert_eq!(site.view(at(0)).pools[0].report.as_ref().unwrap_err(), &Missing::Denied);
    let report = PoolReport {
        hashrate_now: ths(100.0),
        ..PoolReport::unknown(RewardScheme::Fpps, Missing::NotReported)
    };
    put(&mut site, 10, pool(Ok(report)));
    let quality =
        |secs| site.view(at(secs)).pools[0].report.as_ref().map(|report| report.quality).map_err(|why| *why);
    assert_eq!(quality(190), Ok(Quality::Measured));
    assert_eq!(quality(191), Ok(Quality::Stale));
    assert_eq!(quality(24 * HOUR + 11), Err(Missing::Expired));
}
