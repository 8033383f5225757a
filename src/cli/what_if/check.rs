//! What a case must keep to be a case: the search counts in whole nano-dollars and milliwatts, and
//! one answer is printed per id.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};

use super::horizon::{HorizonBlock, HorizonInput};
use super::{AiRevenue, HashRevenue, Input, InputBlock};

/// Units of one block: a search under a cap looks at each.
const MOST_UNITS: u32 = 1_000_000;
/// Steps of a horizon, and of a minimum up or down time.
const MOST_STEPS: usize = 10_000;
const LONGEST_MINIMUM: usize = 1_000;
/// What a number of nano-dollars in 64 bits can hold, USD.
const MOST_USD: f64 = 9e9;
/// Far above any site, far below 64 bits of milliwatts.
const MOST_KW: f64 = 1e9;

/// # Errors
/// A number out of its range, with its name; an id that two blocks have.
pub fn case(input: &Input) -> anyhow::Result<()> {
    within("horizon_h", input.horizon_h, f64::MIN_POSITIVE, 8784.0)?;
    common(input.cap_kw, input.fixed_overhead_kw, input.blocks.iter().map(|b| b.id.as_str()))?;
    optional("cooling_cap_kw", input.cooling_cap_kw, MOST_KW)?;
    within("min_gain_usd", input.min_gain_usd, -MOST_USD, MOST_USD)?;
    if let Some(u) = &input.uncertainty {
        within("price_rel", u.price_rel, 0.0, 1.0)?;
        within("hash_revenue_rel", u.hash_revenue_rel, 0.0, 1.0)?;
        within("ai_revenue_rel", u.ai_revenue_rel, 0.0, 1.0)?;
    }
    let price = input.price_usd_per_mwh.unwrap_or(0.0).abs() + input.dr_credit_usd_per_mwh.abs();
    ensure!(price <= MOST_USD, "a price of {price:?} USD/MWh is too high to be counted");
    for block in &input.blocks {
        let money = one_block(block)? + block.overhead * block.unit_kw.unwrap_or(0.0) * price / 1e3;
        money_fits(&block.id, money * input.horizon_h)?;
    }
    Ok(())
}

/// What one unit earns and costs beside its power, at most, in USD/h.
fn one_block(block: &InputBlock) -> anyhow::Result<f64> {
    let id = &block.id;
    let name = |field: &str| format!("{id}.{field}");
    let most = block.max_units.unwrap_or(block.units).min(block.units);
    ensure!(block.units <= MOST_UNITS, "{id}: {} units; at most {MOST_UNITS}", block.units);
    ensure!(block.current <= block.units, "{id}: {} of {} units run", block.current, block.units);
    ensure!(block.min_units <= most, "{id}: at least {} units and at most {most}", block.min_units);
    power(id, block.unit_kw, block.idle_kw, block.overhead)?;
    for (field, usd) in [
        ("start_usd_per_unit", block.start_usd_per_unit),
        ("stop_usd_per_unit", block.stop_usd_per_unit),
        ("stop_penalty_usd_per_unit_h", block.stop_penalty_usd_per_unit_h),
    ] {
        within(&name(field), usd, 0.0, MOST_USD)?;
    }
    let forms = [
        block.hash.is_some(),
        block.ai.is_some(),
        block.lease.is_some(),
        block.revenue_usd_per_unit_h.is_some(),
    ];
    if forms.into_iter().filter(|form| *form).count() > 1 {
        bail!("{id}: expected one form of revenue");
    }
    block.hash.as_ref().map_or(Ok(()), |hash| hash_revenue(id, hash))?;
    block.ai.as_ref().map_or(Ok(()), |ai| ai_revenue(id, ai))?;
    let revenue = block.revenue().unwrap_or(0.0).abs();
    Ok(revenue + block.var_cost_usd_per_unit_h.abs() + block.stop_penalty_usd_per_unit_h)
}

/// # Errors
/// As [`case`], and more steps than are planned at once.
pub fn horizon(input: &HorizonInput) -> anyhow::Result<()> {
    let steps = input.prices_usd_per_mwh.len();
    ensure!(steps <= MOST_STEPS, "{steps} prices; at most {MOST_STEPS}");
    within("step_h", input.step_h, f64::MIN_POSITIVE, 8784.0)?;
    common(input.cap_kw, input.fixed_overhead_kw, input.blocks.iter().map(|b| b.id.as_str()))?;
    let price = input.prices_usd_per_mwh.iter().fold(0.0, |most: f64, price| most.max(price.abs()));
    for block in &input.blocks {
        let draw = switched(block)?;
        let listed = block.revenue_usd_per_h.iter().flatten();
        let listed = listed.fold(0.0, |most: f64, usd| most.max(usd.abs()));
        let each = block.hash.as_ref().map_or(Ok(0.0), HashRevenue::usd_per_h).unwrap_or(0.0).abs()
            + block.revenue_usd_per_unit_h.unwrap_or(0.0).abs();
        let per_h = listed + each * f64::from(block.units) + draw * price / 1e3;
        money_fits(&block.id, per_h * input.step_h)?;
        let switching = block.start_usd_per_unit.max(block.stop_usd_per_unit);
        money_fits(&block.id, switching * f64::from(block.units))?;
    }
    Ok(())
}

/// What the block draws at most, kW.
fn switched(block: &HorizonBlock) -> anyhow::Result<f64> {
    let id = &block.id;
    power(id, Some(block.unit_kw), block.idle_kw, block.overhead)?;
    for (field, usd) in
        [("start_usd_per_unit", block.start_usd_per_unit), ("stop_usd_per_unit", block.stop_usd_per_unit)]
    {
        within(&format!("{id}.{field}"), usd, 0.0, MOST_USD)?;
    }
    let longest = block.min_up_steps.max(block.min_down_steps);
    ensure!(longest <= LONGEST_MINIMUM, "{id}: a minimum of {longest} steps; at most {LONGEST_MINIMUM}");
    block.hash.as_ref().map_or(Ok(()), |hash| hash_revenue(id, hash))?;
    let draw = block.overhead * f64::from(block.units) * block.unit_kw.max(block.idle_kw);
    ensure!(draw <= MOST_KW, "{id}: draws {draw:?} kW; at most {MOST_KW}");
    Ok(draw)
}

fn common<'a>(
    cap_kw: Option<f64>,
    fixed_overhead_kw: f64,
    ids: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    optional("cap_kw", cap_kw, MOST_KW)?;
    within("fixed_overhead_kw", fixed_overhead_kw, 0.0, MOST_KW)?;
    let mut seen = BTreeSet::new();
    for id in ids {
        ensure!(seen.insert(id), "two blocks are called {id}");
    }
    Ok(())
}

fn power(id: &str, unit_kw: Option<f64>, idle_kw: f64, overhead: f64) -> anyhow::Result<()> {
    optional(&format!("{id}.unit_kw"), unit_kw, 1e6)?;
    within(&format!("{id}.idle_kw"), idle_kw, 0.0, 1e6)?;
    within(&format!("{id}.overhead"), overhead, 0.0, 100.0)
}

fn hash_revenue(id: &str, hash: &HashRevenue) -> anyhow::Result<()> {
    optional(&format!("{id}.ths"), hash.ths, MOST_USD)?;
    within(&format!("{id}.pool_fee"), hash.pool_fee, 0.0, 1.0)?;
    within(&format!("{id}.uptime"), hash.uptime, 0.0, 1.0)
}

fn ai_revenue(id: &str, ai: &AiRevenue) -> anyhow::Result<()> {
    within(&format!("{id}.gpus"), ai.gpus, 0.0, MOST_USD)?;
    within(&format!("{id}.host_fee"), ai.host_fee, 0.0, 1.0)
}

fn money_fits(id: &str, usd: f64) -> anyhow::Result<()> {
    ensure!(usd <= MOST_USD, "{id}: {usd:?} USD are too many to be counted");
    Ok(())
}

fn optional(name: &str, value: Option<f64>, most: f64) -> anyhow::Result<()> {
    value.map_or(Ok(()), |value| within(name, value, 0.0, most))
}

fn within(name: &str, value: f64, least: f64, most: f64) -> anyhow::Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let least = if least == f64::MIN_POSITIVE { "more than 0".to_owned() } else { format!("{least}") };
    bail!("{name} is {value:?}: expected {least} to {most}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::what_if::what_if;

    #[track_caller]
    fn refused(case: serde_json::Value, expected: &str) {
        let error = what_if(&case.to_string()).map(|answer| answer.to_string()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    fn block(change: serde_json::Value) -> serde_json::Value {
        let mut block = json!({"id": "a", "class": "hash", "units": 10, "current": 10, "unit_kw": 3.0,
            "revenue_usd_per_unit_h": 0.2});
        for (key, value) in change.as_object().unwrap() {
            block[key] = value.clone();
        }
        block
    }

    fn one(change: serde_json::Value) -> serde_json::Value {
        json!({"price_usd_per_mwh": 50.0, "cap_kw": 20.0, "blocks": [block(change)]})
    }

    #[test]
    fn a_case_that_no_site_can_be_in_is_refused_by_name() {
        refused(one(json!({"units": 4_000_000_000_u32})), "a: 4000000000 units; at most 1000000");
        refused(one(json!({"current": 11})), "a: 11 of 10 units run");
        refused(one(json!({"min_units": 8, "max_units": 5})), "a: at least 8 units and at most 5");
        refused(one(json!({"unit_kw": -3.0})), "a.unit_kw is -3.0: expected 0 to 1000000");
        refused(
            one(json!({"start_usd_per_unit": -1.0})),
            "a.start_usd_per_unit is -1.0: expected 0 to 9000000000",
        );
        refused(one(json!({"revenue_usd_per_unit_h": 1e308})), "a: 1e308 USD are too many to be counted");
        refused(one(json!({"lease": {}})), "a: expected one form of revenue");
        let mut case = one(json!({}));
        case["horizon_h"] = json!(0.0);
        refused(case, "horizon_h is 0.0: expected more than 0 to 8784");
    }

    #[test]
    fn two_blocks_of_one_name_are_refused_for_only_one_of_them_would_be_answered() {
        let case = json!({"price_usd_per_mwh": 50.0, "blocks": [block(json!({})), block(json!({}))]});
        refused(case, "two blocks are called a");
    }

    #[test]
    fn a_horizon_that_cannot_be_counted_is_refused_and_a_long_past_is_not() {
        let of = |key: &str, value: serde_json::Value| {
            let mut block = json!({"id": "a", "class": "hash", "units": 10, "unit_kw": 3.0,
                "revenue_usd_per_unit_h": 0.2});
            block[key] = value;
            json!({"prices_usd_per_mwh": [50.0, 90.0], "blocks": [block]})
        };
        refused(of("min_up_steps", json!(u32::MAX)), "a: a minimum of 4294967295 steps; at most 1000");
        refused(of("unit_kw", json!(1e308)), "a.unit_kw is 1e308: expected 0 to 1000000");
        let answer = what_if(&of("initial_steps", json!(u32::MAX)).to_string()).unwrap();
        assert_eq!(answer["schedule"]["a"], json!([1, 0]));
    }
}
