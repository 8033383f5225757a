//! `wattsplit what-if`: solves one dispatch case and prints the result.
//!
//! The JSON form of cases is kept here; `economics::dispatch` does not know it.

mod check;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use serde::{Deserialize, Serialize};

use crate::economics::Class;
use crate::economics::commitment::{Horizon, Switched, plan};
use crate::economics::dispatch::{
    Block, HoldReason, Limit, Problem, Solution, Status, Uncertainty, merit_order, solve,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    price_usd_per_mwh: Option<f64>,
    #[serde(default)]
    price_quality: PriceQuality,
    #[serde(default)]
    dr_credit_usd_per_mwh: f64,
    cap_kw: Option<f64>,
    cooling_cap_kw: Option<f64>,
    #[serde(default)]
    fixed_overhead_kw: f64,
    #[serde(default = "one")]
    horizon_h: f64,
    #[serde(default)]
    min_gain_usd: f64,
    uncertainty: Option<InputUncertainty>,
    blocks: Vec<InputBlock>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum PriceQuality {
    #[default]
    Measured,
    Stale,
    Missing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct InputUncertainty {
    price_rel: f64,
    hash_revenue_rel: f64,
    ai_revenue_rel: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputBlock {
    id: String,
    class: InputClass,
    units: u32,
    current: u32,
    #[serde(default)]
    min_units: u32,
    max_units: Option<u32>,
    unit_kw: Option<f64>,
    #[serde(default)]
    idle_kw: f64,
    #[serde(default = "one")]
    overhead: f64,
    #[serde(default)]
    var_cost_usd_per_unit_h: f64,
    #[serde(default)]
    committed: u32,
    #[serde(default)]
    stop_penalty_usd_per_unit_h: f64,
    #[serde(default)]
    power_passthrough: bool,
    #[serde(default)]
    start_usd_per_unit: f64,
    #[serde(default)]
    stop_usd_per_unit: f64,
    hash: Option<HashRevenue>,
    ai: Option<AiRevenue>,
    lease: Option<serde::de::IgnoredAny>,
    revenue_usd_per_unit_h: Option<f64>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum InputClass {
    Hash,
    Ai,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashRevenue {
    ths: Option<f64>,
    hashprice: Option<f64>,
    #[serde(default)]
    pool_fee: f64,
    #[serde(default = "one")]
    uptime: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AiRevenue {
    gpus: f64,
    usd_per_gpu_h: Option<f64>,
    #[serde(default)]
    host_fee: f64,
}

fn one() -> f64 {
    1.0
}

impl InputBlock {
    fn revenue(&self) -> Result<f64, &'static str> {
        if let Some(hash) = &self.hash {
            return hash.usd_per_h();
        }
        if let Some(ai) = &self.ai {
            return Ok(ai.gpus * ai.usd_per_gpu_h.ok_or("price")? * (1.0 - ai.host_fee));
        }
        // Rent is paid whatever runs: nothing at the margin.
        if self.lease.is_some() {
            return Ok(0.0);
        }
        self.revenue_usd_per_unit_h.ok_or("revenue")
    }

    fn block(&self) -> Block {
        Block {
            id: self.id.clone(),
            class: match self.class {
                InputClass::Hash => Class::Hash,
                InputClass::Ai => Class::Ai,
            },
            units: self.units,
            current: self.current,
            min_units: self.min_units,
            max_units: self.max_units.unwrap_or(self.units),
            unit_kw: self.unit_kw,
            idle_kw: self.idle_kw,
            overhead: self.overhead,
            revenue_usd_per_unit_h: self.revenue(),
            var_cost_usd_per_unit_h: self.var_cost_usd_per_unit_h,
            committed: self.committed,
            stop_penalty_usd_per_unit_h: self.stop_penalty_usd_per_unit_h,
            power_passthrough: self.power_passthrough,
            start_usd_per_unit: self.start_usd_per_unit,
            stop_usd_per_unit: self.stop_usd_per_unit,
        }
    }
}

impl Input {
    fn problem(&self) -> Problem {
        let fresh = self.price_quality == PriceQuality::Measured;
        Problem {
            price_usd_per_mwh: self.price_usd_per_mwh.filter(|_| fresh),
            dr_credit_usd_per_mwh: self.dr_credit_usd_per_mwh,
            cap_kw: self.cap_kw,
            cooling_cap_kw: self.cooling_cap_kw,
            fixed_overhead_kw: self.fixed_overhead_kw,
            horizon_h: self.horizon_h,
            min_gain_usd: self.min_gain_usd,
            uncertainty: self.uncertainty.as_ref().map(|u| Uncertainty {
                price_rel: u.price_rel,
                hash_revenue_rel: u.hash_revenue_rel,
                ai_revenue_rel: u.ai_revenue_rel,
            }),
            blocks: self.blocks.iter().map(InputBlock::block).collect(),
        }
    }
}

/// Kind `horizon`: blocks that are switched as a whole, over a price forecast.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HorizonInput {
    prices_usd_per_mwh: Vec<f64>,
    #[serde(default = "one")]
    step_h: f64,
    cap_kw: Option<f64>,
    #[serde(default)]
    fixed_overhead_kw: f64,
    blocks: Vec<HorizonBlock>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HorizonBlock {
    id: String,
    #[serde(rename = "class")]
    _class: InputClass,
    units: u32,
    unit_kw: f64,
    #[serde(default)]
    idle_kw: f64,
    #[serde(default = "one")]
    overhead: f64,
    hash: Option<HashRevenue>,
    revenue_usd_per_unit_h: Option<f64>,
    /// Of the whole block, by step.
    revenue_usd_per_h: Option<Vec<f64>>,
    #[serde(default)]
    start_usd_per_unit: f64,
    #[serde(default)]
    stop_usd_per_unit: f64,
    #[serde(default)]
    min_up_steps: usize,
    #[serde(default)]
    min_down_steps: usize,
    #[serde(default = "yes")]
    initial_on: bool,
    /// Absent: long enough for any minimum time.
    initial_steps: Option<usize>,
}

fn yes() -> bool {
    true
}

impl HashRevenue {
    fn usd_per_h(&self) -> Result<f64, &'static str> {
        let ths = self.ths.ok_or("ths")?;
        let hashprice = self.hashprice.ok_or("hashprice")?;
        Ok(ths / 1000.0 * hashprice / 24.0 * (1.0 - self.pool_fee) * self.uptime)
    }
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
}

fn horizon_output(input: &HorizonInput) -> anyhow::Result<HorizonOutput<'_>> {
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
    Ok(HorizonOutput {
        schedule: named(&best.on),
        profit_usd,
        stay_profit_usd: total(&stay),
        gain_vs_stay_usd: profit_usd - total(&stay),
        myopic_schedule: myopic.as_deref().map(named),
        myopic_profit_usd: myopic.as_deref().map(total),
        myopic_regret_usd: myopic.as_deref().map(|plans| profit_usd - total(plans)),
    })
}

#[derive(Serialize)]
struct Output<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    missing: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    marginal_value_usd_per_mwh: Option<BTreeMap<&'a str, Option<f64>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merit_order: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_kw_before: Option<f64>,
    #[serde(flatten)]
    moves: Option<Moves<'a>>,
}

#[derive(Serialize)]
struct Moves<'a> {
    target_units: BTreeMap<&'a str, u32>,
    delta_units: BTreeMap<&'a str, i64>,
    delta_it_kw: BTreeMap<&'a str, f64>,
    hash_delta_it_kw: f64,
    ai_delta_it_kw: f64,
    site_kw_after: f64,
    profit_before_usd_per_h: f64,
    profit_after_usd_per_h: f64,
    gain_usd_per_h: f64,
    one_off_usd: f64,
    net_gain_usd: f64,
    best_net_gain_usd: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    net_gain_lo_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    net_gain_hi_usd: Option<f64>,
    revenue_usd_per_h: Revenue,
    binding: Vec<&'static str>,
}

#[derive(Serialize)]
struct Revenue {
    hash: Option<f64>,
    ai: Option<f64>,
}

/// Solves the cases in a file (`-`: standard input) and prints each result: one JSON document, or one
/// case per line.
///
/// # Errors
/// A file that cannot be read, and a case that cannot be understood, with its line.
pub fn run(path: &Path) -> anyhow::Result<()> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).context("failed to read standard input")?
    } else {
        std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?
    };
    let mut out = std::io::stdout().lock();
    if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
        writeln!(out, "{:#}", what_if(&text).with_context(|| path.display().to_string())?)?;
        return Ok(());
    }
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        writeln!(out, "{}", what_if(line).with_context(|| format!("{}:{}", path.display(), n + 1))?)?;
    }
    Ok(())
}

/// The problem of a dispatch case: the `input` object alone, or a whole case that holds it.
///
/// # Errors
/// If the text is no JSON, or no dispatch case.
pub fn problem(text: &str) -> anyhow::Result<Problem> {
    let input = Input::deserialize(input(text)?)?;
    check::case(&input)?;
    Ok(input.problem())
}

/// Solves a case: the `input` object alone, or a whole case that holds it.
///
/// # Errors
/// If the text is no JSON, or not a case.
pub fn what_if(text: &str) -> anyhow::Result<serde_json::Value> {
    let input = input(text)?;
    if input.get("prices_usd_per_mwh").is_some() {
        let input = HorizonInput::deserialize(input)?;
        check::horizon(&input)?;
        return Ok(serde_json::to_value(horizon_output(&input)?)?);
    }
    let input = Input::deserialize(input)?;
    check::case(&input)?;
    let problem = input.problem();
    Ok(serde_json::to_value(output(&problem, &solve(&problem)))?)
}

fn input(text: &str) -> anyhow::Result<serde_json::Value> {
    #[derive(Deserialize)]
    struct Whole {
        input: serde_json::Value,
    }
    let value: serde_json::Value = serde_json::from_str(text)?;
    Ok(match Whole::deserialize(&value) {
        Ok(whole) => whole.input,
        Err(_) => value,
    })
}

fn output<'a>(problem: &'a Problem, solution: &'a Solution) -> Output<'a> {
    let known = solution.status != Status::NoRecommendation;
    let marginal =
        || problem.blocks.iter().map(|b| (b.id.as_str(), b.marginal_value_usd_per_mwh())).collect();
    Output {
        status: match solution.status {
            Status::Hold => "hold",
            Status::Change => "change",
            Status::Mandatory => "mandatory",
            Status::NoRecommendation => "no_recommendation",
            Status::Infeasible => "infeasible",
        },
        hold_reason: solution.hold_reason.map(|reason| match reason {
            HoldReason::BelowMinGain => "below_min_gain",
            HoldReason::NotRobust => "not_robust",
        }),
        missing: &solution.missing,
        marginal_value_usd_per_mwh: known.then(marginal),
        merit_order: known.then(|| merit_order(&problem.blocks)),
        site_kw_before: solution.before.map(|account| account.site_kw),
        moves: moves(problem, solution),
    }
}

fn moves<'a>(problem: &'a Problem, solution: &Solution) -> Option<Moves<'a>> {
    let (before, after) = (solution.before?, solution.after?);
    let blocks = || problem.blocks.iter().zip(solution.target.iter().copied());
    let delta = |b: &Block, target: u32| i64::from(target) - i64::from(b.current);
    let delta_kw = |b: &Block, target| delta(b, target) as f64 * (b.unit_kw.unwrap_or(0.0) - b.idle_kw);
    let side =
        |class| blocks().filter(|(b, _)| b.class == class).map(|(b, n)| delta_kw(b, n)).sum::<f64>() + 0.0;
    Some(Moves {
        target_units: blocks().map(|(b, n)| (b.id.as_str(), n)).collect(),
        delta_units: blocks().map(|(b, n)| (b.id.as_str(), delta(b, n))).collect(),
        delta_it_kw: blocks().map(|(b, n)| (b.id.as_str(), delta_kw(b, n))).collect(),
        hash_delta_it_kw: side(Class::Hash),
        ai_delta_it_kw: side(Class::Ai),
        site_kw_after: after.site_kw,
        profit_before_usd_per_h: before.profit_usd_per_h,
        profit_after_usd_per_h: after.profit_usd_per_h,
        gain_usd_per_h: after.profit_usd_per_h - before.profit_usd_per_h,
        one_off_usd: solution.one_off_usd,
        net_gain_usd: solution.net_gain_usd,
        best_net_gain_usd: solution.best_net_gain_usd,
        net_gain_lo_usd: solution.net_gain_range_usd.map(|(lo, _)| lo),
        net_gain_hi_usd: solution.net_gain_range_usd.map(|(_, hi)| hi),
        revenue_usd_per_h: Revenue { hash: before.hash_revenue_usd_per_h, ai: before.ai_revenue_usd_per_h },
        binding: solution
            .binding
            .iter()
            .map(|limit| match limit {
                Limit::Cap => "cap_kw",
                Limit::Cooling => "cooling_cap_kw",
            })
            .collect(),
    })
}
