//! Cases of the kind `horizon`: when blocks that are switched as a whole should run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{HashRevenue, InputClass, Unproven, one};
use crate::economics::commitment::{Horizon, Switched, plan};

/// Blocks and a price forecast.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HorizonInput {
    pub(super) prices_usd_per_mwh: Vec<f64>,
    #[serde(default = "one")]
    pub(super) step_h: f64,
    pub(super) cap_kw: Option<f64>,
    #[serde(default)]
    pub(super) fixed_overhead_kw: f64,
    pub(super) blocks: Vec<HorizonBlock>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HorizonBlock {
    pub(super) id: String,
    #[serde(rename = "class")]
    pub(super) _class: InputClass,
    pub(super) units: u32,
    pub(super) unit_kw: f64,
    #[serde(default)]
    pub(super) idle_kw: f64,
    #[serde(default = "one")]
    pub(super) overhead: f64,
    pub(super) hash: Option<HashRevenue>,
    pub(super) revenue_usd_per_unit_h: Option<f64>,
    /// Of the whole block, by step.
    pub(super) revenue_usd_per_h: Option<Vec<f64>>,
    #[serde(default)]
    pub(super) start_usd_per_unit: f64,
    #[serde(default)]
    pub(super) stop_usd_per_unit: f64,
    #[serde(default)]
    pub(super) min_up_steps: usize,
    #[serde(default)]
    pub(super) min_down_steps: usize,
    #[serde(default = "yes")]
    pub(super) initial_on: bool,
    /// Absent: long enough for any minimum time.
    pub(super) initial_steps: Option<usize>,
}

fn yes() -> bool {
    true
}

impl HorizonBlock {
    fn switched(&self, input: &HorizonInput) -> anyhow::Result<Switched> {
        let nano = |usd: f64| (usd * 1e9).round() as i64;
        let units = f64::from(self.units);
        let steps = input.prices_usd_per_mwh.len();
        let revenue: Vec<f64> = match (&self.hash, self.revenue_usd_per_unit_h, &self.revenue_usd_per_h) {
            (Some(hash), None, None) => {
                let each =
                    hash.usd_per_h().map_err(|name| anyhow::anyhow!("{}.{name} is missing", self.id))?;
                vec![each * units; steps]
            }
            (None, Some(each), None) => vec![each * units; steps],
            (None, None, Some(list)) if list.len() == steps => list.clone(),
            (None, None, Some(list)) => {
                anyhow::bail!("{}: {} revenues for {steps} prices", self.id, list.len())
            }
            _ => anyhow::bail!("{}: expected one form of revenue", self.id),
        };
        let draw = |kw: f64| self.overhead * units * kw;
        let power = |kw: f64, price: f64| draw(kw) * price / 1000.0;
        let prices = || input.prices_usd_per_mwh.iter().copied();
        let on = revenue.iter().zip(prices()).map(|(r, p)| nano(input.step_h * (r - power(self.unit_kw, p))));
        let off = prices().map(|p| nano(-input.step_h * power(self.idle_kw, p)));
        let longest = self.min_up_steps.max(self.min_down_steps).max(1);
        Ok(Switched {
            on: on.collect(),
            off: off.collect(),
            draw_on: (draw(self.unit_kw) * 1e6).round() as i64,
            draw_off: (draw(self.idle_kw) * 1e6).round() as i64,
            start: nano(units * self.start_usd_per_unit),
            stop: nano(units * self.stop_usd_per_unit),
            min_up: self.min_up_steps,
            min_down: self.min_down_steps,
            initial_on: self.initial_on,
            initial_steps: self.initial_steps.unwrap_or(longest),
        })
    }
}

#[derive(Serialize)]
struct HorizonOutput<'a> {
    schedule: BTreeMap<&'a str, Vec<u8>>,
    profit_usd: f64,
    stay_profit_usd: f64,
    gain_vs_stay_usd: f64,
    myopic_schedule: Option<BTreeMap<&'a str, Vec<u8>>>,
    myopic_profit_usd: Option<f64>,
    myopic_regret_usd: Option<f64>,
    #[serde(flatten)]
    unproven: Option<Unproven>,
}

/// Solves a case of this kind.
///
/// # Errors
/// A revenue that is missing or does not fit the prices, and a cap that no plan keeps.
pub(super) fn solve(input: &HorizonInput) -> anyhow::Result<serde_json::Value> {
    let steps = input.prices_usd_per_mwh.len();
    let blocks = input.blocks.iter().map(|b| b.switched(input)).collect::<anyhow::Result<Vec<_>>>()?;
    let room = input.cap_kw.map(|cap| ((cap - input.fixed_overhead_kw) * 1e6).round() as i64);
    let horizon = Horizon { steps, room, blocks };
    let best =
        plan(&horizon).ok_or_else(|| anyhow::anyhow!("no plan keeps the cap of {:?} kW", input.cap_kw))?;
    let usd = |nano: i128| nano as f64 / 1e9;
    let overhead: f64 = input
        .prices_usd_per_mwh
        .iter()
        .map(|price| input.step_h * input.fixed_overhead_kw * price / 1000.0)
        .sum();
    let named = |plans: &[Vec<bool>]| {
        let bits = |plan: &Vec<bool>| plan.iter().map(|&on| u8::from(on)).collect();
        input.blocks.iter().map(|b| b.id.as_str()).zip(plans.iter().map(bits)).collect()
    };
    let total = |plans: &[Vec<bool>]| {
        usd(horizon.blocks.iter().zip(plans).map(|(b, plan)| b.profit(plan)).sum()) - overhead
    };
    let stay: Vec<Vec<bool>> = horizon.blocks.iter().map(|b| vec![b.initial_on; steps]).collect();
    // A rule that looks at one block at a time cannot share a cap.
    let myopic: Option<Vec<Vec<bool>>> =
        room.is_none().then(|| horizon.blocks.iter().map(|b| b.myopic(steps)).collect());
    let profit_usd = usd(best.profit) - overhead;
    Ok(serde_json::to_value(HorizonOutput {
        schedule: named(&best.on),
        profit_usd,
        stay_profit_usd: total(&stay),
        gain_vs_stay_usd: profit_usd - total(&stay),
        myopic_schedule: myopic.as_deref().map(named),
        myopic_profit_usd: myopic.as_deref().map(total),
        myopic_regret_usd: myopic.as_deref().map(|plans| profit_usd - total(plans)),
        unproven: Unproven::of(best.proven, usd(best.gap)),
    })?)
}
