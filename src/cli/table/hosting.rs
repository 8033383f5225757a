//! The hostings of GPUs.

use crate::economics::{Class, Money, Split};
use crate::reading::Missing;
use crate::site::{AiBlock, SiteView};

use super::attention::ai_alert;
use super::blocks::{Count, KEEP, blank_total, fixed, hottest, money_columns, with};
use super::cells::{self, Shown, cell, number};
use super::grid::{EMPTY, Grid};

/// One hosting. A tenant's GPUs that nobody reads have money and no block.
struct Hosting<'a> {
    id: &'a str,
    block: Option<&'a AiBlock>,
    money: Option<&'a Money>,
}

/// Columns that are there only when they count something.
const RARE: [&str; 3] = ["degraded", "to reset", "hung"];

/// The hostings with their total, and the heads of the columns that did not fit.
pub fn table(view: &SiteView, split: &Split, width: usize) -> (String, Vec<&'static str>) {
    let hostings = hostings(view, split);
    let total = hostings.len() > 1;
    let names = super::blocks::names(hostings.iter().map(|h| h.id), width, total);
    let mut grid = Grid::new("AI HOSTING", names, total);

    let counts: [(&str, bool, Count<AiBlock>); 8] = [
        ("GPUs", true, |b| b.counts.units()),
        ("ok", true, |b| b.counts.ok),
        ("throttled", false, |b| b.counts.throttled),
        ("degraded", false, |b| b.counts.degraded),
        ("to reset", false, |b| b.counts.reset_required),
        ("hung", false, |b| b.counts.hung),
        ("lost", false, |b| b.counts.lost),
        ("missing", false, |b| b.counts.missing),
    ];
    for (head, always, count) in counts {
        let sum: u32 = hostings.iter().filter_map(|h| h.block).map(count).sum();
        if sum == 0 && RARE.contains(&head) {
            continue;
        }
        let mut cells = read_cells(&hostings, |b| number(f64::from(count(b)), 0));
        cells.extend(total.then(|| number(f64::from(sum), 0)));
        grid.column(head, if always || sum > 0 { KEEP } else { EMPTY }, cells);
    }
    let asked = |b: &AiBlock| b.occupied != Err(Missing::NotConfigured);
    if hostings.iter().filter_map(|h| h.block).any(asked) {
        let occupied = |b: &AiBlock| {
            if asked(b) { cell(cells::current(&b.occupied, f64::from), 0) } else { String::new() }
        };
        grid.column("occupied", 5, blank_total(read_cells(&hostings, occupied), total));
    }
    let busy = |b: &AiBlock| cell(cells::sum(&b.utilisation, |u| u.get() * 100.0), 0);
    grid.column("busy %", 8, blank_total(read_cells(&hostings, busy), total));
    let kw: Vec<Shown> = hostings.iter().map(it_kw).collect();
    let side_kw = cells::read(&split.ai.it_power, |p| p.kw());
    grid.column("IT kW", KEEP, fixed(&with(&kw, total.then_some(side_kw)), 1));
    let temp = |b: &AiBlock| cells::read(&b.temp_max, |t| t.get());
    let mut temps = read_cells(&hostings, |b| cell(temp(b), 0));
    let read: Vec<Shown> = hostings.iter().filter_map(|h| h.block).map(temp).collect();
    temps.extend(total.then(|| cell(hottest(&read), 0)));
    grid.column("°C max", 6, temps);
    let money: Vec<Option<&Money>> = hostings.iter().map(|h| h.money).collect();
    money_columns(&mut grid, &money, total.then_some(&split.ai));

    let alerts: Vec<bool> = hostings.iter().map(|h| ai_alert(h.block, h.money)).collect();
    grid.draw(width, &alerts)
}

/// All hostings in order of id: those of the split, and those that it does not know.
fn hostings<'a>(view: &'a SiteView, split: &'a Split) -> Vec<Hosting<'a>> {
    let of_split = split.blocks.iter().filter(|b| b.class == Class::Ai).map(|b| Hosting {
        id: &b.id,
        block: view.ai_blocks.iter().find(|block| block.id == b.id),
        money: Some(&b.money),
    });
    let mut all: Vec<Hosting<'a>> = of_split.collect();
    for block in &view.ai_blocks {
        if all.iter().all(|h| h.id != block.id) {
            all.push(Hosting { id: &block.id, block: Some(block), money: None });
        }
    }
    all.sort_by(|a, b| a.id.cmp(b.id));
    all
}

/// Cells of what is read from GPUs; blank where nobody reads them.
fn read_cells(hostings: &[Hosting<'_>], text: impl Fn(&AiBlock) -> String) -> Vec<String> {
    hostings.iter().map(|h| h.block.map_or_else(String::new, &text)).collect()
}

fn it_kw(hosting: &Hosting<'_>) -> Shown {
    match hosting.block {
        Some(block) => cells::sum(&block.it_power, |p| p.kw()),
        None => hosting.money.and_then(|m| cells::read(&m.it_power, |p| p.kw())),
    }
}
