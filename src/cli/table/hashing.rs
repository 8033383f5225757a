//! The blocks of ASICs.

use crate::economics::{Class, Split};
use crate::site::{HashBlock, SiteView};

use super::attention::hash_alert;
use super::blocks::{Count, KEEP, counted, fixed, hottest, money_columns, money_of, names, with};
use super::cells::{self, Shown, add, add_known, column, ratio};
use super::grid::{EMPTY, Grid};

/// The blocks of ASICs with their total, and the heads of the columns that did not fit.
pub fn table(view: &SiteView, split: &Split, width: usize) -> (String, Vec<&'static str>) {
    let blocks = &view.hash_blocks;
    if blocks.is_empty() {
        return ("  HASHING\n  no miner has answered yet\n".into(), Vec::new());
    }
    let total = blocks.len() > 1;
    let money: Vec<_> = blocks.iter().map(|b| money_of(split, Class::Hash, &b.id)).collect();
    let counts = |n: Count<HashBlock>| counted(blocks.iter().map(n), total);
    let mut grid = Grid::new("HASHING", names(blocks.iter().map(|b| b.id.as_str()), width, total), total);

    grid.column("units", KEEP, counts(|b| b.counts.units()).0);
    grid.column("hashing", KEEP, counts(|b| b.counts.hashing).0);
    // A state that nobody is in is the first thing that a narrow terminal can do without.
    let states: [(&str, u8, Count<HashBlock>); 3] = [
        ("idle", 2, |b| b.counts.idle),
        ("fault", KEEP, |b| b.counts.fault),
        ("unreach.", KEEP, |b| b.counts.unreachable),
    ];
    for (head, gives_way, n) in states {
        let (cells, any) = counts(n);
        grid.column(head, if any { gives_way } else { EMPTY }, cells);
    }
    let (cells, any) = counts(|b| b.counts.unknown);
    if any {
        grid.column("unknown", 2, cells);
    }
    let ths: Vec<Shown> = blocks.iter().map(|b| cells::sum(&b.hashrate, |h| h.ths())).collect();
    grid.column("TH/s", 3, column(&with(&ths, total.then(|| add_known(ths.iter().copied()))), 1));
    let kw: Vec<Shown> = blocks.iter().map(|b| cells::sum(&b.power, |p| p.kw())).collect();
    let side_kw = cells::read(&split.hash.it_power, |p| p.kw());
    grid.column("IT kW", KEEP, fixed(&with(&kw, total.then_some(side_kw)), 1));
    let efficiency: Vec<Shown> = blocks.iter().map(|b| cells::read(&b.efficiency, |e| e.get())).collect();
    grid.column("J/TH", 5, fixed(&with(&efficiency, total.then(|| side_efficiency(&efficiency, &ths))), 1));
    let temps: Vec<Shown> = blocks.iter().map(|b| cells::read(&b.temp_chip_max, |t| t.get())).collect();
    grid.column("°C max", 6, fixed(&with(&temps, total.then(|| hottest(&temps))), 0));
    money_columns(&mut grid, &money, total.then_some(&split.hash));

    let alerts: Vec<bool> = blocks.iter().zip(&money).map(|(b, m)| hash_alert(b, *m)).collect();
    grid.draw(width, &alerts)
}

/// The blocks' J/TH weighted by hashrate, over those that tell both.
fn side_efficiency(efficiency: &[Shown], ths: &[Shown]) -> Shown {
    let both = || efficiency.iter().zip(ths).filter_map(|(e, h)| e.zip(*h));
    let watts = add(both().map(|(e, h)| Some((e.0 * h.0, e.1.max(h.1)))));
    ratio(watts, add(both().map(|(_, h)| Some(h))))
}
