//! Octopus Energy: unit rates of a tariff that changes every half hour, in pence per kWh.
//! <https://developer.octopus.energy>.

use reqwest::Url;
use serde::Deserialize;

use super::calendar::Calendar;
use super::market::{Market, MarketFetch, MarketSlot, REPLY_LIMIT, garbage, in_order, instant, number};
use super::{OctopusAgileConfig, PowerPriceConfig, TariffError};
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::PriceKind;
use crate::sources::Failure;
use crate::sources::web::{Decimal, join, json, parsed};

/// Two days have 100 half hours at most, and a page has room for 100 unless more is asked for.
const PAGE_ROWS: u32 = 200;
/// More than two days can fill; beyond it the server leads us on.
const MAX_PAGES: usize = 5;
/// A penny per kWh is ten pounds per MWh.
const PLACES: i8 = 1;

#[derive(Deserialize)]
struct Reply {
    next: Option<String>,
    results: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    value_exc_vat: Decimal,
    value_inc_vat: Decimal,
    valid_from: String,
    /// Absent: until further notice.
    valid_to: Option<String>,
}

/// The unit rates of one page in GBP/MWh, with or without VAT, and the address of the next page. A
/// rate without an end is good up to `until`.
///
/// # Errors
/// A rate cannot be read.
pub fn parse(
    body: &[u8],
    include_vat: bool,
    until: UnixMs,
) -> Result<(Vec<MarketSlot>, Option<String>), Failure> {
    let reply: Reply = json(body)?;
    let slot = |row: Row| {
        let start = instant(&row.valid_from)?;
        let end = row.valid_to.as_deref().map_or(Ok(until), instant)?;
        let pence = if include_vat { row.value_inc_vat } else { row.value_exc_vat };
        let per_mwh = number(&pence, PLACES, start.secs())?;
        Ok(MarketSlot { start, end, per_mwh, kind: Some(PriceKind::Settled) })
    };
    let slots: Result<Vec<_>, Failure> = reply.results.into_iter().map(slot).collect();
    Ok((slots?, reply.next))
}

pub(super) struct OctopusAgile {
    base: String,
    tariff: OctopusAgileConfig,
    calendar: Calendar,
}

impl OctopusAgile {
    pub(super) fn new(cfg: &PowerPriceConfig, calendar: Calendar) -> Result<Self, TariffError> {
        let tariff = cfg.octopus_agile.clone().ok_or(TariffError::MissingKey { key: "octopus_agile" })?;
        Ok(Self { base: cfg.base("https://api.octopus.energy"), tariff, calendar })
    }

    async fn ask(&self, now: Now, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let (start, end) = self.calendar.span(now)?;
        let mut url = self.first_page(start, end)?;
        let mut slots = Vec::new();
        for _ in 0..MAX_PAGES {
            let reply = http.get(&url, &[], REPLY_LIMIT).await?;
            let (more, next) = parsed(&reply, |body| parse(body, self.tariff.include_vat, end))?;
            slots.extend(more);
            let Some(next) = next else { return in_order(slots) };
            if !same_origin(&url, &next) {
                return Err(garbage("the next page is somewhere else".to_owned()));
            }
            url = next;
        }
        Err(garbage(format!("more than {MAX_PAGES} pages")))
    }

    fn first_page(&self, start: UnixMs, end: UnixMs) -> Result<String, Failure> {
        let OctopusAgileConfig { product, region, .. } = &self.tariff;
        let utc = |at: UnixMs| at.timestamp().ok_or_else(|| garbage("no such time".to_owned()));
        let (from, to) = (utc(start)?, utc(end)?);
        let path = format!(
            "/v1/products/{product}/electricity-tariffs/E-1R-{product}-{region}/standard-unit-rates/\
             ?period_from={from}&period_to={to}&page_size={PAGE_ROWS}"
        );
        Ok(join(&self.base, &path))
    }
}

fn same_origin(a: &str, b: &str) -> bool {
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    origin(a).is_some() && origin(a) == origin(b)
}

impl Market for OctopusAgile {
    fn slots<'a>(&'a mut self, now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(self.ask(now, http))
    }
}
