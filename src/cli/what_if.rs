//! `wattsplit what-if`: solves one dispatch case and prints the result.
//!
//! The JSON form of cases is kept here; `economics::dispatch` does not know it.

mod check;
mod horizon;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use serde::{Deserialize, Serialize};

use self::horizon::HorizonInput;
use crate::economics::Class;
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

impl HashRevenue {
    fn usd_per_h(&self) -> Result<f64, &'static str> {
        let ths = self.ths.ok_or("ths")?;
        let hashprice = self.hashprice.ok_or("hashprice")?;
        Ok(ths / 1000.0 * hashprice / 24.0 * (1.0 - self.pool_fee) * self.uptime)
    }
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
    #[serde(flatten)]
    unproven: Option<Unproven>,
}

/// Said only of an answer that may not be the best.
#[derive(Serialize)]
struct Unproven {
    proven: bool,
    /// How much more another answer may earn, at most.
    gap_usd: f64,
}

impl Unproven {
    fn of(proven: bool, gap_usd: f64) -> Option<Self> {
        (!proven).then_some(Self { proven, gap_usd })
    }
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
    anyhow::ensure!(
        !text.trim().is_empty(),
        "{}: no case in it; tests/cases/ holds examples",
        path.display()
    );
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
        return horizon::solve(&input);
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
        unproven: Unproven::of(solution.proven, solution.gap_usd),
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
