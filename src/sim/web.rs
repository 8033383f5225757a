//! Everything that the simulated site serves over HTTP, on one port: the pool, the bitcoin network,
//! three venues, the power price, the GPU hosts' exporters and the power meter. Their paths do not
//! collide.

use std::sync::Arc;

use serde_json::{Value, json};

use super::exporter::{self, EnergyMeters};
use super::facility;
use super::http::{Request, Response};
use super::pool;
use super::time::{SimClock, SimTime};
use super::world::World;
use crate::clock::Now;

/// Path of the power price.
pub const POWER_PATH: &str = "/power/slots";
/// Path of the site's power meter.
pub const METER_PATH: &str = "/rpc/Shelly.GetStatus";
/// The price list looks this far back and ahead, simulated hours…
const SLOTS_BACK: u64 = 2;
const SLOTS_AHEAD: u64 = 30;
/// …and at least this far ahead in real seconds.
const SLOTS_AHEAD_REAL_S: f64 = 600.0;

/// What the pages are made of.
#[derive(Debug, Clone)]
pub struct Web {
    pub world: Arc<World>,
    pub clock: SimClock,
    pub meters: Arc<EnergyMeters>,
    /// Counter of the site's power meter.
    pub site_meter: Arc<EnergyMeters>,
    /// Token of the pool account.
    pub pool_token: String,
}

impl Web {
    pub fn respond(&self, request: &Request, now: Now) -> Response {
        let at = self.clock.at(now);
        let path = request.path();
        if path.starts_with("/accounts/") {
            return self.account(request, at, now);
        }
        if let Some(blocks) = path.strip_prefix("/api/v1/mining/reward-stats/") {
            return blocks.parse().map_or_else(|_| not_found(), |n| Response::json(&self.rewards(n, at)));
        }
        if let Some(host) = path.strip_prefix("/gpu/").and_then(|rest| rest.strip_suffix("/metrics")) {
            return self.metrics(host, at, now).map_or_else(not_found, Response::text);
        }
        match path {
            "/api/blocks/tip/height" => Response::text(self.world.market.height(at).to_string()),
            "/api/v1/mining/hashrate/3d" => Response::json(&self.hashrate(at)),
            "/api/v1/difficulty-adjustment" => Response::json(&self.retarget(at, now)),
            "/products/BTC-USD/ticker" => Response::json(&self.coinbase(at, now)),
            "/0/public/Ticker" => Response::json(&self.kraken(at)),
            "/api/v2/ticker/btcusd" => Response::json(&self.bitstamp(at, now)),
            POWER_PATH => Response::json(&self.slots(at)),
            METER_PATH => Response::json(&facility::page(&self.world, &self.site_meter, at, now)),
            _ => not_found(),
        }
    }

    /// Path of the exporter of the host called `name`.
    pub fn metrics_path(name: &str) -> String {
        format!("/gpu/{name}/metrics")
    }

    fn account(&self, request: &Request, at: SimTime, now: Now) -> Response {
        if request.header("pool-auth-token") != Some(self.pool_token.as_str()) {
            return Response::refused(403, "Forbidden");
        }
        match request.path() {
            "/accounts/profile/json/btc" => Response::json(&pool::profile(&self.world, at, now)),
            "/accounts/workers/json/btc" => Response::json(&pool::workers(&self.world, at, now)),
            "/accounts/rewards/json/btc" => Response::json(&pool::rewards(&self.world, at, now)),
            _ => not_found(),
        }
    }

    fn metrics(&self, name: &str, at: SimTime, now: Now) -> Option<String> {
        let host = self.world.gpus.hosts.iter().position(|host| host.name == name)?;
        exporter::page(&self.world.gpus, &self.meters, host, at, now)
    }

    fn hashrate(&self, at: SimTime) -> Value {
        let market = &self.world.market;
        let difficulty = market.difficulty(at);
        json!({
            "hashrates": [],
            "difficulty": [],
            "currentHashrate": (difficulty * 2f64.powi(32) / 600.0).round(),
            "currentDifficulty": difficulty,
        })
    }

    fn retarget(&self, at: SimTime, now: Now) -> Value {
        let (height, change) = self.world.market.next_retarget(at);
        let left = height - self.world.market.height(at);
        let ahead_ms = (left as f64 * 600_000.0 / self.clock.speed()) as i64;
        json!({
            "difficultyChange": change, "remainingBlocks": left, "nextRetargetHeight": height,
            "estimatedRetargetDate": now.wall.0 + ahead_ms,
        })
    }

    /// Numbers are strings here, as in the real reply.
    fn rewards(&self, blocks: u64, at: SimTime) -> Value {
        let blocks = blocks.clamp(1, 10_000);
        let height = self.world.market.height(at);
        let (total, fees) = self.world.market.rewards_sats(blocks, at);
        json!({
            "startBlock": height + 1 - blocks, "endBlock": height,
            "totalReward": total.to_string(), "totalFee": fees.to_string(),
            "totalTx": (blocks * 3100).to_string(),
        })
    }

    fn coinbase(&self, at: SimTime, now: Now) -> Value {
        let price = self.world.market.quote_usd(0, at);
        json!({
            "ask": format!("{:.2}", price + 0.01), "bid": format!("{price:.2}"),
            "price": format!("{price:.2}"), "size": "0.00273", "volume": "7316.22",
            "time": now.wall.timestamp().map(|t| t.to_string()), "trade_id": 905_113_478,
        })
    }

    /// This venue tells no time.
    fn kraken(&self, at: SimTime) -> Value {
        let price = format!("{:.5}", self.world.market.quote_usd(1, at));
        json!({
            "error": [],
            "result": { "XXBTZUSD": {
                "a": [price, "1", "1.000"], "b": [price, "2", "2.000"], "c": [price, "0.00067643"],
                "v": ["1083.67", "2412.73"], "p": [price, price], "t": [34619, 78907],
                "l": [price, price], "h": [price, price], "o": price,
            } }
        })
    }

    fn bitstamp(&self, at: SimTime, now: Now) -> Value {
        let price = format!("{:.0}", self.world.market.quote_usd(2, at));
        json!({
            "timestamp": now.wall.secs().to_string(), "last": price, "bid": price, "ask": price,
            "high": price, "low": price, "open": price, "open_24": price, "vwap": price,
            "volume": "1563.14", "percent_change_24": "0.00", "pair": "BTC/USD",
        })
    }

    /// Simulated hours, at the wall times at which they pass.
    fn slots(&self, at: SimTime) -> Value {
        let ahead_real = (SLOTS_AHEAD_REAL_S * self.clock.speed() / 3600.0) as u64;
        let hours = at.hour().saturating_sub(SLOTS_BACK)..at.hour() + SLOTS_AHEAD.max(ahead_real);
        let start = |hour| self.clock.wall(SimTime::from_hours(hour)).secs();
        hours
            .map(|hour| {
                let price = self.world.market.power_usd_per_mwh(hour);
                json!({ "start": start(hour), "end": start(hour + 1), "usd_per_mwh": price })
            })
            .collect()
    }
}

fn not_found() -> Response {
    Response::refused(404, "not found")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use std::time::Duration;

    const START: Now = Now { wall: UnixMs(1_763_800_000_000), mono: Duration::ZERO };

    fn get(head: &str, now: Now) -> Response {
        let web = Web {
            world: Arc::new(World::new(1, 50, 2)),
            clock: SimClock::new(START, 60.0),
            meters: Arc::default(),
            site_meter: Arc::default(),
            pool_token: "t0ken".into(),
        };
        web.respond(&Request::parse(head).unwrap(), now)
    }

    #[test]
    fn the_account_is_shown_only_with_its_token() {
        assert_eq!(get("GET /accounts/profile/json/btc/ HTTP/1.1", START).status, 403);
        let with = "GET /accounts/profile/json/btc/ HTTP/1.1\r\nPool-Auth-Token: t0ken";
        assert_eq!(get(with, START).status, 200);
    }

    #[test]
    fn price_slots_join_without_gaps_and_one_of_them_is_now() {
        let now = START.plus(Duration::from_secs(200));
        let slots: Value = serde_json::from_str(&get("GET /power/slots HTTP/1.1", now).body).unwrap();
        let slots = slots.as_array().unwrap();
        assert!(slots.windows(2).all(|w| w[0]["end"] == w[1]["start"]));
        let holds = |slot: &&Value| {
            slot["start"].as_i64().unwrap() <= now.wall.secs()
                && now.wall.secs() < slot["end"].as_i64().unwrap()
        };
        assert_eq!(slots.iter().filter(holds).count(), 1);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for path in ["/", "/gpu/ai-99/metrics", "/api/v1/mining/reward-stats/x"] {
            assert_eq!(get(&format!("GET {path} HTTP/1.1"), START).status, 404, "{path}");
        }
    }
}
