//! The price of bitcoin at three venues. The site makes one price of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::BtcPriceConfig;
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::{BtcUsdSample, Missing, Read, Reading, Sample};
use crate::sources::web::{Decimal, excerpt, join, json, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::Usd;

/// A ticker is below 1 kB.
const REPLY_LIMIT: usize = 64 * 1024;
const DEADLINE: Duration = Duration::from_secs(10);

/// The price of the last trade, and its time where the venue tells it.
type Quote = (Usd, Option<UnixMs>);

struct Venue {
    name: &'static str,
    id: &'static str,
    path: &'static str,
    /// Field that gives the price.
    field: &'static str,
    parse: fn(&[u8]) -> Result<Quote, Failure>,
}

const COINBASE: Venue = Venue {
    name: "coinbase",
    id: "price/coinbase",
    path: "/products/BTC-USD/ticker",
    field: "ticker.price",
    parse: parse_coinbase,
};
const KRAKEN: Venue = Venue {
    name: "kraken",
    id: "price/kraken",
    path: "/0/public/Ticker?pair=XBTUSD",
    field: "Ticker.c",
    parse: parse_kraken,
};
const BITSTAMP: Venue = Venue {
    name: "bitstamp",
    id: "price/bitstamp",
    path: "/api/v2/ticker/btcusd/",
    field: "ticker.last",
    parse: parse_bitstamp,
};

/// One source for each venue that has a URL.
pub fn btc_sources(cfg: &BtcPriceConfig, http: &Http) -> Vec<Box<dyn Source>> {
    let venues = [(&cfg.coinbase_url, COINBASE), (&cfg.kraken_url, KRAKEN), (&cfg.bitstamp_url, BITSTAMP)];
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for (base, venue) in venues {
        if !base.is_empty() {
            let interval = Duration::from_secs(cfg.interval_secs.max(1));
            sources.push(Box::new(VenueSource {
                url: join(base, venue.path),
                venue,
                interval,
                http: http.clone(),
            }));
        }
    }
    sources
}

#[derive(Deserialize)]
struct CoinbaseTicker {
    price: Decimal,
    time: Option<String>,
}

/// Coinbase Exchange, `GET /products/BTC-USD/ticker`.
///
/// # Errors
/// If there is no positive price.
pub fn parse_coinbase(body: &[u8]) -> Result<Quote, Failure> {
    let ticker: CoinbaseTicker = json(body)?;
    let time: Option<jiff::Timestamp> = ticker.time.and_then(|text| text.parse().ok());
    Ok((price(&ticker.price)?, time.map(|at| UnixMs(at.as_millisecond()))))
}

#[derive(Deserialize)]
struct KrakenReply {
    #[serde(default)]
    error: Vec<String>,
    result: Option<BTreeMap<String, KrakenTicker>>,
}

#[derive(Deserialize)]
struct KrakenTicker {
    /// Price and volume of the last trade.
    c: Vec<Decimal>,
}

/// Kraken, `GET /0/public/Ticker`: errors come with status 200, and the only key of the result is
/// not the pair that was asked for.
///
/// # Errors
/// If the venue reports an error or there is no single positive price.
pub fn parse_kraken(body: &[u8]) -> Result<Quote, Failure> {
    let reply: KrakenReply = json(body)?;
    if let Some(error) = reply.error.first() {
        return Err(Failure::new(Missing::RemoteError, format!("Kraken says: {}", excerpt(error))));
    }
    let result = reply.result.unwrap_or_default();
    let mut tickers = result.values();
    let (Some(ticker), None) = (tickers.next(), tickers.next()) else {
        return Err(Failure::new(Missing::Garbage, format!("expected one pair, got {}", result.len())));
    };
    let last = ticker.c.first().ok_or_else(|| Failure::new(Missing::NotReported, "no last trade"))?;
    Ok((price(last)?, None))
}

#[derive(Deserialize)]
struct BitstampTicker {
    last: Decimal,
    timestamp: Option<Decimal>,
}

/// Bitstamp, `GET /api/v2/ticker/btcusd/`.
///
/// # Errors
/// If there is no positive price.
pub fn parse_bitstamp(body: &[u8]) -> Result<Quote, Failure> {
    let ticker: BitstampTicker = json(body)?;
    let time = ticker.timestamp.as_ref().and_then(Decimal::i64).map(UnixMs::from_secs);
    Ok((price(&ticker.last)?, time))
}

/// More than this is another unit: cents, satoshis, a volume.
const MAX_USD: f64 = 1e8;

fn price(text: &Decimal) -> Result<Usd, Failure> {
    plausible(text.f64().ok_or_else(|| Failure::new(Missing::Garbage, "the price is no number"))?)
}

/// A price of one bitcoin, USD.
///
/// # Errors
/// [`Missing::Implausible`] if it can be none.
pub(super) fn plausible(value: f64) -> Result<Usd, Failure> {
    match Usd::new(value) {
        Some(usd) if value > 0.0 && value <= MAX_USD => Ok(usd),
        _ => Err(Failure::new(Missing::Implausible, format!("the price is {value}"))),
    }
}

struct VenueSource {
    venue: Venue,
    url: String,
    interval: Duration,
    http: Http,
}

impl VenueSource {
    async fn quote(&self) -> Result<Vec<Sample>, Failure> {
        let reply = self.http.get(&self.url, &[], REPLY_LIMIT).await?;
        let (usd, observed) = parsed(&reply, self.venue.parse)?;
        Ok(vec![self.sample(Ok(Reading::measured(usd, self.venue.field)), observed)])
    }

    fn sample(&self, quote: Read<Usd>, observed: Option<UnixMs>) -> Sample {
        Sample::BtcUsd(BtcUsdSample { interval: self.interval, venue: self.venue.name, quote, observed })
    }
}

impl Source for VenueSource {
    fn id(&self) -> &str {
        self.venue.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(self.quote())
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        vec![self.sample(Err(why), None)]
    }
}
