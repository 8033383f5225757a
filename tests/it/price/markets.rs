//! Stand-ins for the markets: each says given prices in its own way.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tempfile::TempDir;
use wattsplit::http::Http;
use wattsplit::sources::Source;
use wattsplit::sources::price::power_source;

use super::config;
use crate::fake_http::{FakeHttp, Reply, Request};

/// In every file that holds a secret.
pub const SECRET: &str = "hunter2";

/// One price: from, to, and per MWh in the market's currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    pub start: Timestamp,
    pub end: Timestamp,
    pub per_mwh: f64,
}

pub struct Market {
    pub name: &'static str,
    /// The keys of `[power]` beside `url`. `DIR` is the folder with the secrets.
    pub keys: &'static str,
    pub zone: &'static str,
    pub step_min: i64,
    pub usd_per_unit: f64,
    /// A reply in the shape of the market, every value invented.
    pub fixture: &'static str,
    pub body: fn(&[Price]) -> String,
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../fixtures/price/", $name, ".json"))
    };
}

pub const MARKETS: &[Market] = &[
    Market {
        name: "energy_charts",
        keys: "kind = \"energy_charts\"\nzone = \"DE-LU\"\n[fx]\nusd_per_unit = 1.25",
        zone: "Europe/Berlin",
        step_min: 15,
        usd_per_unit: 1.25,
        fixture: fixture!("energy_charts"),
        body: energy_charts,
    },
    Market {
        name: "awattar",
        keys: "kind = \"awattar\"\nzone = \"at\"\n[fx]\nusd_per_unit = 1.25",
        zone: "Europe/Berlin",
        step_min: 60,
        usd_per_unit: 1.25,
        fixture: fixture!("awattar"),
        body: awattar,
    },
    Market {
        name: "octopus_agile",
        keys: "kind = \"octopus_agile\"\n[octopus_agile]\nproduct = \"AGILE-24-10-01\"\nregion = \"C\"\n\
            [fx]\nusd_per_unit = 1.25",
        zone: "Europe/London",
        step_min: 30,
        usd_per_unit: 1.25,
        fixture: fixture!("octopus_agile"),
        body: octopus_agile,
    },
    Market {
        name: "nord_pool",
        keys: "kind = \"nord_pool\"\nzone = \"SE3\"\ncurrency = \"SEK\"\n[fx]\nusd_per_unit = 0.1",
        zone: "Europe/Berlin",
        step_min: 15,
        usd_per_unit: 0.1,
        fixture: fixture!("nord_pool"),
        body: nord_pool,
    },
    Market {
        name: "tibber",
        keys: "kind = \"tibber\"\ncurrency = \"NOK\"\n[tibber]\ntoken_file = \"DIR/secret\"\n\
            [fx]\nusd_per_unit = 0.1",
        zone: "Europe/Berlin",
        step_min: 15,
        usd_per_unit: 0.1,
        fixture: fixture!("tibber"),
        body: tibber,
    },
    Market {
        name: "ercot day-ahead",
        keys: "kind = \"ercot\"\n[ercot]\nsettlement_point = \"LZ_WEST\"\nusername = \"ops@example.org\"\n\
            password_file = \"DIR/secret\"\nsubscription_key_file = \"DIR/secret\"\ntoken_url = \"URL/token\"",
        zone: "America/Chicago",
        step_min: 60,
        usd_per_unit: 1.0,
        fixture: fixture!("ercot_day_ahead"),
        body: ercot_day_ahead,
    },
    Market {
        name: "ercot real-time",
        keys: "kind = \"ercot\"\n[ercot]\nsettlement_point = \"LZ_WEST\"\nusername = \"ops@example.org\"\n\
            market = \"real_time\"\n\
            password_file = \"DIR/secret\"\nsubscription_key_file = \"DIR/secret\"\ntoken_url = \"URL/token\"",
        zone: "America/Chicago",
        step_min: 15,
        usd_per_unit: 1.0,
        fixture: fixture!("ercot_real_time"),
        body: ercot_real_time,
    },
    Market {
        name: "pjm day-ahead",
        keys: "kind = \"pjm\"\n[pjm]\npnode_id = 51288\nsubscription_key_file = \"DIR/secret\"",
        zone: "America/New_York",
        step_min: 60,
        usd_per_unit: 1.0,
        fixture: fixture!("pjm_day_ahead"),
        body: |prices| pjm(prices, "total_lmp_da"),
    },
    Market {
        name: "pjm real-time",
        keys: "kind = \"pjm\"\n[pjm]\npnode_id = 51288\nmarket = \"real_time\"\n\
            subscription_key_file = \"DIR/secret\"",
        zone: "America/New_York",
        step_min: 5,
        usd_per_unit: 1.0,
        fixture: fixture!("pjm_real_time"),
        body: |prices| pjm(prices, "total_lmp_rt"),
    },
];

pub fn market(name: &str) -> &'static Market {
    MARKETS.iter().find(|market| market.name == name).unwrap()
}

impl Market {
    /// The source of the power price that asks `url`, and the folder that must outlive its making.
    pub fn source(&self, url: &str) -> Box<dyn Source> {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("secret"), SECRET).unwrap();
        let keys = self.keys.replace("DIR", dir.path().to_str().unwrap()).replace("URL", url);
        let cfg = config(&format!("url = \"{url}\"\n{keys}"));
        power_source(&cfg, "UTC", &Http::new().unwrap()).unwrap()
    }

    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(self.zone).unwrap()
    }
}

/// A market whose data are `reply`; its login works.
pub async fn answering(reply: Reply) -> FakeHttp {
    FakeHttp::start(move |request| login(request).unwrap_or_else(|| reply.clone())).await
}

/// The reply to a login, if it is one.
pub fn login(request: &Request) -> Option<Reply> {
    (request.line == "POST /token").then(|| Reply::Ok(r#"{"id_token":"a-token","expires_in":"3600"}"#.into()))
}

fn energy_charts(prices: &[Price]) -> String {
    let starts: Vec<i64> = prices.iter().map(|price| price.start.as_second()).collect();
    let prices: Vec<f64> = prices.iter().map(|price| price.per_mwh).collect();
    json!({"unix_seconds": starts, "price": prices, "unit": "EUR / MWh"}).to_string()
}

fn awattar(prices: &[Price]) -> String {
    let row = |price: &Price| {
        let (start, end) = (price.start.as_millisecond(), price.end.as_millisecond());
        json!({
            "start_timestamp": start, "end_timestamp": end, "marketprice": price.per_mwh, "unit": "Eur/MWh"
        })
    };
    json!({"object": "list", "data": prices.iter().map(row).collect::<Value>()}).to_string()
}

fn octopus_agile(prices: &[Price]) -> String {
    let row = |price: &Price| {
        let pence = price.per_mwh / 10.0;
        json!({
            "value_exc_vat": pence, "value_inc_vat": pence * 1.05,
            "valid_from": price.start.to_string(), "valid_to": price.end.to_string(),
        })
    };
    json!({"count": prices.len(), "next": null, "results": prices.iter().rev().map(row).collect::<Value>()})
        .to_string()
}

fn nord_pool(prices: &[Price]) -> String {
    let row = |price: &Price| {
        json!({
            "deliveryStart": price.start.to_string(), "deliveryEnd": price.end.to_string(),
            "entryPerArea": {"SE3": price.per_mwh},
        })
    };
    json!({"currency": "SEK", "multiAreaEntries": prices.iter().map(row).collect::<Value>()}).to_string()
}

fn tibber(prices: &[Price]) -> String {
    let zone = TimeZone::get("Europe/Oslo").unwrap();
    let row = |price: &Price| {
        let starts_at = price.start.display_with_offset(zone.to_offset(price.start)).to_string();
        let per_kwh = price.per_mwh / 1000.0;
        json!({"energy": per_kwh, "total": per_kwh * 1.25, "startsAt": starts_at, "currency": "NOK"})
    };
    let today: Value = prices.iter().map(row).collect();
    let home = json!({"id": "home", "currentSubscription": {"priceInfo": {"today": today, "tomorrow": []}}});
    json!({"data": {"viewer": {"homes": [home]}}}).to_string()
}

/// Date, hour by its end, quarter, and whether the clocks showed the same an hour before.
fn central(at: Timestamp) -> (String, i8, i8, bool) {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let wall = zone.to_datetime(at);
    let before = zone.to_datetime(at - jiff::SignedDuration::from_hours(1));
    (wall.date().to_string(), wall.hour() + 1, wall.minute() / 15 + 1, before == wall)
}

fn ercot(fields: &[&str], rows: Vec<Value>) -> String {
    let fields: Vec<Value> = fields.iter().map(|name| json!({"name": name})).collect();
    json!({"fields": fields, "data": rows}).to_string()
}

fn ercot_day_ahead(prices: &[Price]) -> String {
    let row = |price: &Price| {
        let (date, hour, _, repeated) = central(price.start);
        json!([date, format!("{hour:02}:00"), "LZ_WEST", price.per_mwh, repeated])
    };
    let fields = ["deliveryDate", "hourEnding", "settlementPoint", "settlementPointPrice", "DSTFlag"];
    ercot(&fields, prices.iter().map(row).collect())
}

fn ercot_real_time(prices: &[Price]) -> String {
    let row = |price: &Price| {
        let (date, hour, quarter, repeated) = central(price.start);
        json!([if repeated { "Y" } else { "N" }, "LZ_WEST", price.per_mwh, quarter, hour, date])
    };
    let fields = [
        "DSTFlag",
        "settlementPoint",
        "settlementPointPrice",
        "deliveryInterval",
        "deliveryHour",
        "deliveryDate",
    ];
    ercot(&fields, prices.iter().map(row).collect())
}

fn pjm(prices: &[Price], column: &str) -> String {
    let row = |price: &Price| {
        let start = price.start.to_string();
        json!({"datetime_beginning_utc": start.trim_end_matches('Z'), column: price.per_mwh})
    };
    json!({"items": prices.iter().map(row).collect::<Value>()}).to_string()
}
