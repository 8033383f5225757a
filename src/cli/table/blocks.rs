//! What the tables of both sides have in common.

use crate::economics::{BlockMoney, Class, Money, Split};
use crate::reading::Missing;

use super::cells::{self, Shown, cell};
use super::grid::{Grid, shorten};

/// A column that stays whatever the width.
pub const KEEP: u8 = 0;
/// Units of a block in one state.
pub type Count<Block> = fn(&Block) -> u32;
/// In place of a break-even price.
pub const NO_BREAKEVEN: &str = "none";

/// Revenue, margin, USD/MWh and break-even: of each block, then of their side.
pub fn money_columns(grid: &mut Grid, blocks: &[Option<&Money>], side: Option<&Money>) {
    let all: Vec<Option<&Money>> = blocks.iter().copied().chain(side.map(Some)).collect();
    let shown = |f: fn(&Money) -> Shown| all.iter().map(|m| m.and_then(f)).collect::<Vec<_>>();
    let revenue = shown(|m| cells::read(&m.revenue, |r| r.get()));
    let decimals = usd_decimals(&revenue);
    grid.column("USD/h", KEEP, fixed(&revenue, decimals));
    grid.column("margin/h", 4, fixed(&shown(|m| cells::read(&m.margin, |r| r.get())), decimals));
    grid.column("USD/MWh", 1, fixed(&shown(|m| cells::read(&m.usd_per_mwh, |r| r.get())), 2));
    grid.column("break-even", 9, all.iter().map(|m| breakeven(*m)).collect());
}

/// Take-or-pay terms have no break-even, which is not the same as a missing one.
pub fn breakeven(money: Option<&Money>) -> String {
    match money.map(|m| m.breakeven) {
        Some(Err(Missing::Undefined)) => NO_BREAKEVEN.into(),
        value => cell(value.and_then(|b| cells::read(&b, |b| b.get())), 2),
    }
}

/// The money of the block `id`, if the split knows it.
pub fn money_of<'a>(split: &'a Split, class: Class, id: &str) -> Option<&'a Money> {
    let block = |b: &&BlockMoney| b.class == class && b.id == id;
    split.blocks.iter().find(block).map(|b| &b.money)
}

pub fn names<'a>(ids: impl Iterator<Item = &'a str>, width: usize, total: bool) -> Vec<String> {
    // A quarter of the line is enough for a name; the numbers need the rest.
    let longest = (width / 4).max(16);
    let mut names: Vec<String> = ids.map(|id| shorten(id, longest)).collect();
    if total {
        names.push("total".into());
    }
    names
}

/// Counts with their total, and whether any is above zero.
pub fn counted(counts: impl Iterator<Item = u32>, total: bool) -> (Vec<String>, bool) {
    let counts: Vec<u32> = counts.collect();
    let sum: u64 = counts.iter().map(|n| u64::from(*n)).sum();
    let all = counts.iter().map(|n| f64::from(*n)).chain(total.then_some(sum as f64));
    (all.map(|n| cells::number(n, 0)).collect(), sum > 0)
}

pub fn with(values: &[Shown], total: Option<Shown>) -> Vec<Shown> {
    values.iter().copied().chain(total).collect()
}

pub fn fixed(values: &[Shown], decimals: usize) -> Vec<String> {
    values.iter().map(|value| cell(*value, decimals)).collect()
}

/// Decimals of all money in a table with these revenues: cents, or more where all are small.
pub fn usd_decimals(revenues: &[Shown]) -> usize {
    if revenues.iter().flatten().all(|(usd, _)| usd.abs() < 10.0) { 3 } else { 2 }
}

pub fn blank_total(mut cells: Vec<String>, total: bool) -> Vec<String> {
    if total {
        cells.push(String::new());
    }
    cells
}

pub fn hottest(temps: &[Shown]) -> Shown {
    temps.iter().flatten().copied().max_by(|a, b| a.0.total_cmp(&b.0))
}
