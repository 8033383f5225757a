//! Tibber: what a customer pays, per kWh, today and from early afternoon on also tomorrow.
//! GraphQL, <https://developer.tibber.com>.

use serde::Deserialize;

use super::market::{
    Market, MarketFetch, MarketSlot, REPLY_LIMIT, from_starts, garbage, in_order, instant, number,
};
use super::{PowerPriceConfig, TariffError, TibberConfig, currency};
use crate::clock::Now;
use crate::http::{Http, Posted};
use crate::reading::{Missing, PriceKind};
use crate::secret::Secret;
use crate::sources::Failure;
use crate::sources::web::{Decimal, denied, json, parsed};
use crate::units::Currency;

const URL: &str = "https://api.tibber.com/v1-beta/gql";
/// A price per kWh is a thousandth of one per MWh.
const PLACES: i8 = 3;

#[derive(Deserialize)]
struct Reply {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
struct Extensions {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    viewer: Viewer,
}

#[derive(Deserialize)]
struct Viewer {
    homes: Vec<Home>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Home {
    id: String,
    current_subscription: Option<Subscription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    price_info: Option<PriceInfo>,
}

#[derive(Deserialize)]
struct PriceInfo {
    today: Vec<Price>,
    tomorrow: Vec<Price>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Price {
    total: Option<Decimal>,
    energy: Option<Decimal>,
    starts_at: String,
    currency: String,
}

/// The prices of one home: that of `home_id`, else the only one with a subscription.
///
/// # Errors
/// The server refuses, there is no such home or no price, or prices are in another currency.
pub fn parse(
    body: &[u8],
    home_id: Option<&str>,
    include_tax: bool,
    currency: Currency,
) -> Result<Vec<MarketSlot>, Failure> {
    let reply: Reply = json(body)?;
    if let Some(refusal) = reply.errors.first() {
        return Err(refused(refusal.extensions.code.as_deref()));
    }
    let homes = reply.data.map(|data| data.viewer.homes).unwrap_or_default();
    let asked = |home: &Home| home_id.is_none_or(|id| home.id == id);
    let subscribed = homes.into_iter().filter(asked).filter_map(|home| home.current_subscription);
    let mut infos = subscribed.filter_map(|subscription| subscription.price_info);
    let (info, another) = (infos.next(), infos.next());
    if another.is_some() {
        let detail = "several homes have a subscription: name one in home_id";
        return Err(Failure::new(Missing::NotConfigured, detail));
    }
    let info = info.ok_or_else(|| Failure::new(Missing::NotReported, "no home with prices"))?;
    let point = |price: Price| {
        if price.currency != currency.as_str() {
            return Err(garbage(format!("the prices are not in {currency}")));
        }
        let start = instant(&price.starts_at)?;
        let per_kwh = if include_tax { price.total } else { price.energy };
        Ok((start, per_kwh.map(|per_kwh| number(&per_kwh, PLACES, start.secs())).transpose()?))
    };
    let points: Result<Vec<_>, Failure> = info.today.into_iter().chain(info.tomorrow).map(point).collect();
    in_order(from_starts(points?, PriceKind::Settled))
}

/// Errors come with status 200. Their text may hold what was sent: only the code is told.
fn refused(code: Option<&str>) -> Failure {
    match code {
        Some("UNAUTHENTICATED" | "FORBIDDEN") => denied("Tibber refuses the token"),
        _ => Failure::new(Missing::RemoteError, "Tibber reports an error"),
    }
}

pub(super) struct Tibber {
    url: String,
    config: TibberConfig,
    currency: Currency,
    token: Secret,
}

impl Tibber {
    pub(super) fn new(cfg: &PowerPriceConfig) -> Result<Self, TariffError> {
        let config = cfg.tibber.clone().ok_or(TariffError::MissingKey { key: "tibber" })?;
        let token = Secret::from_file(&config.token_file)?;
        Ok(Self { url: cfg.base(URL), config, currency: currency(cfg)?, token })
    }

    async fn ask(&self, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let bearer = format!("Bearer {}", self.token.reveal());
        let headers = [("authorization", bearer.as_str())];
        let question = Posted::open(QUESTION.as_bytes());
        let reply = http.post_json(&self.url, &headers, question, REPLY_LIMIT).await?;
        let TibberConfig { home_id, include_tax, .. } = &self.config;
        parsed(&reply, |body| parse(body, home_id.as_deref(), *include_tax, self.currency))
    }
}

const QUESTION: &str = concat!(
    r#"{"query":"{viewer{homes{id currentSubscription{priceInfo(resolution:QUARTER_HOURLY)"#,
    r#"{today{total energy startsAt currency} tomorrow{total energy startsAt currency}}}}}}"}"#
);

impl Market for Tibber {
    fn slots<'a>(&'a mut self, _now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(self.ask(http))
    }
}
