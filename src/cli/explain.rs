//! `wattsplit explain`: why the advice is what it is, on one page.
//!
//! From top to bottom: the advice, the merit order with the lines where price and cap cut it, the
//! machines to switch, the prices at which the answer would be another, every input with its quality and
//! age, and what the next change of difficulty is expected to do.

use std::io::Write;

use super::table::cells::{self, MISSING, age, number};
use super::table::grid::{Grid, wrap};
use super::table::outlook;
use crate::advice::{Advice, Basis, Confidence, Direction, Flip, PolicyConfig, nearest_flips};
use crate::agent;
use crate::config::Config;
use crate::economics::dispatch::{Block, Status, merit_order};
use crate::economics::{Class, Split};

/// Asks everything once and prints the page.
///
/// # Errors
/// Secrets or tariffs that cannot be used, and standard output that takes nothing.
pub async fn explain(config: &Config) -> anyhow::Result<()> {
    let picture = agent::sweep(config).await?.picture;
    let width = super::terminal_width();
    let mut text = page(&picture.basis, &picture.advice, &config.policy, width);
    text.push_str(&comes(&picture.split, width));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(())
}

/// The page, at most `width` columns wide if `width` is 80 or more. Ends with a line break.
pub fn page(basis: &Basis, advice: &Advice, policy: &PolicyConfig, width: usize) -> String {
    let mut text = headline(advice, width);
    text.push('\n');
    text.push_str(&merit(basis, advice, width));
    text.push_str(&machines(advice, width));
    if !matches!(advice.status, Status::NoRecommendation | Status::Infeasible) {
        text.push_str("\n  WHAT WOULD CHANGE THE ANSWER\n");
        text.push_str(&flips(basis, policy, width));
    }
    if !basis.assumptions.is_empty() {
        text.push('\n');
        text.push_str(&inputs(basis, width));
    }
    text
}

/// What is expected of hashprice; empty while nothing is.
fn comes(split: &Split, width: usize) -> String {
    outlook::sentence(split)
        .map(|sentence| format!("\n  WHAT COMES\n  {}\n", wrap(&sentence, 2, width)))
        .unwrap_or_default()
}

fn headline(advice: &Advice, width: usize) -> String {
    let confidence = match advice.confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    };
    let mut text = format!(
        "  wattsplit, {}\n  Advice: {}, {confidence} confidence, valid until {}.\n",
        cells::utc(advice.issued.wall, "%Y-%m-%d %H:%M:%S UTC"),
        advice.status.as_str().replace('_', " "),
        cells::utc(advice.valid_until(), "%H:%M:%S UTC"),
    );
    text.push_str(&format!("  {}\n", wrap(&advice.text, 2, width)));
    if let Some(gain) = advice.gain.filter(|_| advice.is_to_move()) {
        let line = format!(
            "Gain {} USD/h, {} to {} within the uncertainty; switching costs {} USD; {} USD are left over {} h.",
            number(gain.usd_per_h, 2),
            number(gain.lo_usd_per_h, 2),
            number(gain.hi_usd_per_h, 2),
            number(gain.one_off_usd, 2),
            number(gain.net_usd, 2),
            advice.horizon_h,
        );
        text.push_str(&format!("  {}\n", wrap(&line, 2, width)));
    }
    if let (Some(before), Some(after)) = (advice.site_kw, advice.site_after_kw) {
        let cap = match advice.cap_kw {
            Some(cap) if advice.reserve_kw > 0.0 => {
                format!(", cap {} kW of which {} are kept free", number(cap, 1), number(advice.reserve_kw, 1))
            }
            Some(cap) => format!(", cap {} kW", number(cap, 1)),
            None => ", no cap".to_owned(),
        };
        let line = format!("The site draws {} kW now, {} then{cap}.", number(before, 1), number(after, 1));
        text.push_str(&format!("  {}\n", wrap(&line, 2, width)));
    }
    if !advice.not_needed.is_empty() {
        let line = format!("Missing, and without effect on the answer: {}.", advice.not_needed.join(", "));
        text.push_str(&format!("  {}\n", wrap(&line, 2, width)));
    }
    text
}

/// Firm blocks first: they come before every price. Then by value.
fn ranked(basis: &Basis) -> Vec<&Block> {
    let order = merit_order(&basis.problem.blocks);
    let by_value = order.iter().filter_map(|id| basis.problem.blocks.iter().find(|b| b.id == *id));
    let (firm, free): (Vec<&Block>, Vec<&Block>) = by_value.partition(|block| block.is_fixed());
    firm.into_iter().chain(free).collect()
}

fn merit(basis: &Basis, advice: &Advice, width: usize) -> String {
    let blocks = ranked(basis);
    if blocks.is_empty() {
        return "  Nothing that draws power is configured, or nothing has answered yet.\n".to_owned();
    }
    let kw = |block: &Block, units: u32| {
        let stopped = f64::from(block.units.saturating_sub(units)) * block.idle_kw;
        block.unit_kw.map(|unit| block.overhead * (f64::from(units) * unit + stopped))
    };
    let advised = |block: &Block| {
        let m = advice.moves.iter().find(|m| m.block == block.id);
        m.map_or(block.current, |m| m.to_units)
    };
    let cell = |value: Option<f64>, decimals| value.map_or(MISSING.to_owned(), |v| number(v, decimals));
    let column = |f: &dyn Fn(&Block) -> String| blocks.iter().map(|b| f(b)).collect::<Vec<_>>();
    let unsold = |block: &Block| basis.gpus.get(&block.id).is_some_and(|gpus| gpus.unsold);
    let mut grid = Grid::new("MERIT ORDER", column(&|b| b.id.clone()), false);
    grid.column("side", 4, column(&|b| if b.class == Class::Hash { "hash" } else { "AI" }.to_owned()));
    grid.column(
        "USD/MWh",
        0,
        column(&|b| match b.revenue_usd_per_unit_h {
            Ok(0.0) if b.is_fixed() && b.units > 0 && !unsold(b) => "paid anyway".to_owned(),
            Ok(_) => cell(b.marginal_value_usd_per_mwh(), 2),
            Err(_) => MISSING.to_owned(),
        }),
    );
    grid.column("units", 3, column(&|b| b.units.to_string()));
    grid.column("run", 0, column(&|b| b.current.to_string()));
    grid.column(
        "advised",
        0,
        column(&|b| if b.is_fixed() { "firm".to_owned() } else { advised(b).to_string() }),
    );
    grid.column("unit kW", 2, column(&|b| cell(b.unit_kw, 3)));
    grid.column("kW then", 1, column(&|b| cell(kw(b, advised(b)), 1)));
    let mut total = basis.problem.fixed_overhead_kw;
    let filled: Vec<Option<f64>> = blocks
        .iter()
        .map(|b| {
            kw(b, b.max_units).map(|kw| {
                total += kw;
                total
            })
        })
        .collect();
    grid.column("all up to here", 1, filled.iter().map(|kw| cell(*kw, 1)).collect());
    let (table, _) = grid.draw(width, &[]);

    let cuts = cuts(basis, &blocks, &filled);
    let mut text = String::new();
    for (n, line) in table.lines().enumerate() {
        for (_, cut) in cuts.iter().filter(|(row, _)| n == row + 2) {
            text.push_str(&format!("  ── {cut}\n"));
        }
        text.push_str(&format!("{line}\n"));
    }
    for (_, cut) in cuts.iter().filter(|(row, _)| *row == blocks.len()) {
        text.push_str(&format!("  ── {cut}\n"));
    }
    text
}

/// Before which row the price and the cap cut the order.
fn cuts(basis: &Basis, blocks: &[&Block], filled: &[Option<f64>]) -> Vec<(usize, String)> {
    let problem = &basis.problem;
    let mut cuts = Vec::new();
    let room = problem.cap_kw.map(|cap| (cap, cap - basis.reserve_kw));
    if let Some((cap, room)) = room
        && let Some(row) = filled.iter().position(|kw| kw.is_some_and(|kw| kw > room))
    {
        let cap = number(cap, 1);
        cuts.push((row, format!("cap {cap} kW: not all from here down fits under it")));
    }
    if let Some(price) = problem.price_usd_per_mwh {
        let price = price + problem.dr_credit_usd_per_mwh;
        let below = |b: &&Block| {
            !b.is_fixed() && !b.power_passthrough && b.marginal_value_usd_per_mwh().is_some_and(|v| v < price)
        };
        let row = blocks.iter().position(below).unwrap_or(blocks.len());
        cuts.push((row, format!("power costs {} USD/MWh: what is below earns less", number(price, 2))));
    }
    cuts
}

fn machines(advice: &Advice, width: usize) -> String {
    let mut text = String::new();
    for m in advice.moves.iter().filter(|m| !m.machines.is_empty()) {
        let (verb, order) = match (m.direction(), m.class) {
            (Direction::Stop, Class::Hash) => ("STOP", ", worst J/TH first"),
            (Direction::Start, Class::Hash) => ("START", ", best J/TH first"),
            // Which GPUs are sold is a guess by what they draw.
            (Direction::Stop, Class::Ai) => {
                ("STOP", ", whole servers first; make sure that nobody rents them")
            }
            (Direction::Start, Class::Ai) => ("START", ""),
        };
        text.push_str(&format!("\n  {verb} IN {}{order}\n", m.block));
        let more = if m.machines_more > 0 { format!(" and {} more", m.machines_more) } else { String::new() };
        text.push_str(&format!("  {}\n", wrap(&format!("{}{more}", m.machines.join(", ")), 2, width)));
    }
    text
}

fn flips(basis: &Basis, policy: &PolicyConfig, width: usize) -> String {
    // As a site that starts out: what was advised before has no part in it.
    let [below, above] = nearest_flips(basis, policy, None);
    let line = |side: &str, flip: Option<Flip>| {
        let Some(flip) = flip else { return format!("  No price {side} changes it.\n") };
        let changes: Vec<String> =
            flip.blocks.iter().map(|(id, now, then)| format!("{id} {now} → {then}")).collect();
        let text =
            format!("Power {side} {} USD/MWh: {}", number(flip.price_usd_per_mwh, 2), changes.join(", "));
        format!("  {}\n", wrap(&text, 2, width))
    };
    line("below", below) + &line("above", above)
}

fn inputs(basis: &Basis, width: usize) -> String {
    let all = &basis.assumptions;
    let column = |f: &dyn Fn(&crate::advice::Assumption) -> String| all.iter().map(f).collect::<Vec<_>>();
    let mut grid = Grid::new("INPUTS", column(&|a| a.name.clone()), false);
    grid.column("value", 0, column(&|a| a.value.map_or(MISSING.to_owned(), |v| number(v, 3))));
    grid.column("unit", 1, column(&|a| a.unit.to_owned()));
    grid.column(
        "quality",
        0,
        column(&|a| match a.value {
            Ok(_) => a.quality.as_str().to_owned(),
            Err(why) => why.as_str().replace('_', " "),
        }),
    );
    grid.column("age", 0, column(&|a| a.age.map_or_else(String::new, age)));
    grid.column("decides", 2, column(&|a| if a.deciding { "yes" } else { "no" }.to_owned()));
    grid.column("from", 3, column(&|a| a.source.to_owned()));
    grid.draw(width, &[]).0
}
