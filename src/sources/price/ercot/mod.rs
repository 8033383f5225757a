//! ERCOT's public API: settlement-point prices of Texas, in USD/MWh. <https://apiexplorer.ercot.com>.
//!
//! Every request carries the key of a subscription and an id token ([`login`]). Times are Central
//! Prevailing Time ([`time`]). Real-time prices settle a quarter of an hour after it is over.

use serde::Deserialize;
use serde_json::Value;

use super::calendar::Calendar;
use super::market::{
    HOUR_MS, Market, MarketFetch, MarketSlot, QUARTER_MS, REPLY_LIMIT, carried_on, complete, garbage,
    in_order, number,
};
use super::{ErcotConfig, MarketRun, PowerPriceConfig, TariffError};
use crate::clock::{Now, UnixMs};
use crate::http::{Http, HttpReply};
use crate::reading::{Missing, PriceKind};
use crate::secret::Secret;
use crate::sources::Failure;
use crate::sources::web::{Decimal, join, json, parsed};

mod login;
pub mod time;

use self::login::Login;
use self::time::Central;

/// Two days of quarter hours at one point are 200 rows.
const PAGE_ROWS: u32 = 1000;
/// How long the newest real-time price stands in for the next: the quarter that runs, and the time
/// until its price is out and asked for.
const HOLD_MS: i64 = 2 * QUARTER_MS;

/// Rows are lists; `fields` says what stands where.
#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "_meta", default)]
    meta: Meta,
    fields: Vec<Field>,
    #[serde(default)]
    data: Vec<Vec<Value>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Meta {
    total_pages: Option<u64>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
}

/// One row by the names of its fields.
struct Row<'a> {
    names: &'a [Field],
    values: &'a [Value],
}

impl<'a> Row<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        let index = self.names.iter().position(|field| field.name == name)?;
        self.values.get(index).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<&'a str, Failure> {
        self.get(name).and_then(Value::as_str).ok_or_else(|| unreadable(name))
    }

    /// Of a field such as `7`, `"7"` or `"07:00"`.
    fn whole(&self, name: &str) -> Result<i8, Failure> {
        let value = self.get(name).ok_or_else(|| unreadable(name))?;
        let number = match value.as_str() {
            Some(text) => text.split(':').next().and_then(|hours| hours.parse().ok()),
            None => value.as_i64().and_then(|number| i8::try_from(number).ok()),
        };
        number.ok_or_else(|| unreadable(name))
    }

    fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name) {
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "Y" => Ok(true),
            Some(Value::String(text)) if text == "N" => Ok(false),
            _ => Err(unreadable(name)),
        }
    }
}

fn unreadable(name: &str) -> Failure {
    garbage(format!("a row has no readable {name}"))
}

/// The prices of one settlement point in a reply of NP4-190-CD (day-ahead) or NP6-905-CD (real-time).
///
/// # Errors
/// There is none, a row cannot be read, slots overlap, or it is the first of several pages.
pub fn parse(
    body: &[u8],
    point: &str,
    run: MarketRun,
    central: &Central,
) -> Result<Vec<MarketSlot>, Failure> {
    let reply: Reply = json(body)?;
    complete(1, reply.meta.total_pages, "pages")?;
    let mut slots = Vec::with_capacity(reply.data.len());
    for values in &reply.data {
        let row = Row { names: &reply.fields, values };
        if row.text("settlementPoint")? != point || is_energy_weighted(&row) {
            continue;
        }
        let (date, repeated) = (row.text("deliveryDate")?, row.flag("DSTFlag")?);
        let (hour, quarter, length_ms, kind) = match run {
            MarketRun::DayAhead => (row.whole("hourEnding")?, 1, HOUR_MS, PriceKind::DayAhead),
            MarketRun::RealTime => {
                let (hour, quarter) = (row.whole("deliveryHour")?, row.whole("deliveryInterval")?);
                (hour, quarter, QUARTER_MS, PriceKind::Settled)
            }
        };
        // In spring rows were seen for the hour that the clocks skip: that is no time.
        let Some(start) = central.start(date, hour, quarter, repeated)? else { continue };
        let price = row.get("settlementPointPrice").and_then(|value| Decimal::deserialize(value).ok());
        let price = price.ok_or_else(|| unreadable("settlementPointPrice"))?;
        let per_mwh = number(&price, 0, start.secs())?;
        let end = UnixMs(start.0.saturating_add(length_ms));
        slots.push(MarketSlot { start, end, per_mwh, kind: Some(kind) });
    }
    in_order(slots)
}

/// Load zones have a second row for the same time, whose price is weighted by energy.
fn is_energy_weighted(row: &Row<'_>) -> bool {
    let kind = row.get("settlementPointType").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with("EW"))
}

pub(super) struct Ercot {
    base: String,
    config: ErcotConfig,
    key: Secret,
    login: Login,
    central: Central,
    calendar: Calendar,
}

impl Ercot {
    pub(super) fn new(cfg: &PowerPriceConfig, calendar: Calendar) -> Result<Self, TariffError> {
        let config = cfg.ercot.clone().ok_or(TariffError::MissingKey { key: "ercot" })?;
        let (key, login) = (Secret::from_file(&config.subscription_key_file)?, Login::new(&config)?);
        let base = cfg.base("https://api.ercot.com");
        Ok(Self { base, config, key, login, central: Central::new()?, calendar })
    }

    async fn ask(&mut self, now: Now, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let [today, tomorrow] = self.calendar.days(now)?;
        let (report, from, to) = match self.config.market {
            MarketRun::DayAhead => ("np4-190-cd/dam_stlmnt_pnt_prices", today, tomorrow),
            // The last quarter of a day comes out on the next.
            MarketRun::RealTime => {
                ("np6-905-cd/spp_node_zone_hub", today.yesterday().unwrap_or(today), today)
            }
        };
        let point = &self.config.settlement_point;
        let query =
            format!("settlementPoint={point}&deliveryDateFrom={from}&deliveryDateTo={to}&size={PAGE_ROWS}");
        let url = join(&self.base, &format!("/api/public-reports/{report}?{query}"));
        let reply = match self.get(&url, now, http).await {
            // A token that was good before may be refused before its time: once more with a new one.
            Err(failure) if failure.reason == Missing::Denied && self.login.forget(now) => {
                self.get(&url, now, http).await?
            }
            reply => reply?,
        };
        let ErcotConfig { settlement_point, market, .. } = &self.config;
        let slots = parsed(&reply, |body| parse(body, settlement_point, *market, &self.central))?;
        Ok(match self.config.market {
            MarketRun::DayAhead => slots,
            MarketRun::RealTime => carried_on(slots, HOLD_MS),
        })
    }

    async fn get(&mut self, url: &str, now: Now, http: &Http) -> Result<HttpReply, Failure> {
        let bearer = format!("Bearer {}", self.login.token(now, http).await?.reveal());
        let headers = [("authorization", bearer.as_str()), ("ocp-apim-subscription-key", self.key.reveal())];
        Ok(http.get(url, &headers, REPLY_LIMIT).await?)
    }
}

impl Market for Ercot {
    fn slots<'a>(&'a mut self, now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(self.ask(now, http))
    }
}
