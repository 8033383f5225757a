//! The sides and the whole site.

use crate::economics::{Class, Money, Split};
use crate::site::SiteView;

use super::blocks::{KEEP, blank_total, breakeven, fixed, usd_decimals, with};
use super::cells::{self, Shown, add, ratio};
use super::grid::Grid;

/// Name of the side of the miners.
pub const HASHING: &str = "hashing";

/// The sides that the site has, by name. One whose money is missing is there, with nothing known.
pub fn sides<'a>(view: &SiteView, split: &'a Split) -> Vec<(&'static str, &'a Money)> {
    let paid = |class, money: &Money| split.blocks.iter().any(|b| b.class == class) || money.revenue.is_err();
    let hashing = !view.hash_blocks.is_empty() || paid(Class::Hash, &split.hash);
    let hosting = !view.ai_blocks.is_empty() || paid(Class::Ai, &split.ai);
    let all = [(hashing, HASHING, &split.hash), (hosting, "AI hosting", &split.ai)];
    all.into_iter().filter(|(there, _, _)| *there).map(|(_, name, money)| (name, money)).collect()
}

pub fn has_hashing(view: &SiteView, split: &Split) -> bool {
    sides(view, split).iter().any(|(name, _)| *name == HASHING)
}

/// What the site draws beyond its cap, kW; `None` within it, and where cap or power is not known.
pub fn above_cap(split: &Split) -> Shown {
    let headroom = cells::read(&split.headroom(), |p| p.kw());
    headroom.filter(|(kw, _)| *kw < 0.0).map(|(kw, quality)| (-kw, quality))
}

/// Power, revenue and margin of the configured sides, and of the site.
pub fn table(view: &SiteView, split: &Split, width: usize) -> (String, Vec<&'static str>) {
    let (rows, sides): (Vec<&str>, Vec<&Money>) = sides(view, split).into_iter().unzip();
    let rows = rows.into_iter().chain(["site"]).map(String::from).collect();
    let totals = SiteTotals::of(view, split);
    let per_side = |f: fn(&Money) -> Shown| sides.iter().map(|m| f(m)).collect::<Vec<_>>();
    let mut grid = Grid::new("SITE", rows, true);

    let kw = per_side(|m| cells::read(&m.facility_power, |p| p.kw()));
    grid.column("site kW", KEEP, fixed(&with(&kw, Some(totals.kw)), 1));
    let share = per_side(|m| cells::read(&m.share, |s| s.get() * 100.0));
    grid.column("share %", KEEP, blank_total(fixed(&share, 1), true));
    let revenue = per_side(|m| cells::read(&m.revenue, |r| r.get()));
    let decimals = usd_decimals(&revenue);
    grid.column("USD/h", KEEP, fixed(&with(&revenue, Some(totals.revenue)), decimals));
    let cost = per_side(|m| cells::read(&m.power_cost, |r| r.get()));
    grid.column("cost/h", 1, fixed(&with(&cost, Some(totals.power_cost)), decimals));
    let margin = per_side(|m| cells::read(&m.margin, |r| r.get()));
    grid.column("margin/h", KEEP, fixed(&with(&margin, Some(totals.margin)), decimals));
    let per_mwh = per_side(|m| cells::read(&m.usd_per_mwh, |r| r.get()));
    grid.column("USD/MWh", KEEP, fixed(&with(&per_mwh, Some(totals.usd_per_mwh)), 2));
    let breakeven: Vec<String> = sides.iter().map(|m| breakeven(Some(m))).collect();
    grid.column("break-even", 2, blank_total(breakeven, true));
    let read: Vec<String> =
        sides.iter().map(|m| format!("{} %", cells::number((m.coverage.get() * 100.0).floor(), 0))).collect();
    grid.column("units read", 3, blank_total(read, true));
    let mut alerts = vec![false; sides.len()];
    alerts.push(above_cap(split).is_some());
    grid.draw(width, &alerts)
}

/// The whole site, from the sides that it has.
pub struct SiteTotals {
    /// Facility power.
    pub kw: Shown,
    /// USD/h, as are cost and margin.
    pub revenue: Shown,
    pub power_cost: Shown,
    pub margin: Shown,
    /// Revenue per facility MWh.
    pub usd_per_mwh: Shown,
}

impl SiteTotals {
    pub fn of(view: &SiteView, split: &Split) -> Self {
        let sides = sides(view, split);
        let total = |f: fn(&Money) -> Shown| {
            if sides.is_empty() { None } else { add(sides.iter().map(|(_, m)| f(m))) }
        };
        let kw = cells::read(&split.site_power, |p| p.kw());
        let revenue = total(|m| cells::read(&m.revenue, |r| r.get()));
        Self {
            kw,
            revenue,
            power_cost: total(|m| cells::read(&m.power_cost, |r| r.get())),
            margin: total(|m| cells::read(&m.margin, |r| r.get())),
            usd_per_mwh: ratio(revenue, kw.map(|(kw, quality)| (kw / 1e3, quality))),
        }
    }
}
