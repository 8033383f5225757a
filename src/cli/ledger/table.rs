//! Rows for people.

use crate::cli::table::cells::{self, MISSING, Shown, add_known, marked, number, ratio, utc};
use crate::cli::table::grid::{Grid, wrap};
use crate::clock::UnixMs;
use crate::economics::capture::PoolDay;
use crate::economics::energy_capture::SiteDay;
use crate::ledger::decision::Decided;
use crate::ledger::earning::{Earning, StoredEarning};
use crate::ledger::query::StoredSettlement;
use crate::ledger::rollup::{Part, Period, Summed};
use crate::ledger::{AdviceRecord, StoredEvent};
use crate::reading::{Missing, Quality, Reading};
use crate::units::WattHours;

const LEGEND: &str = "~ estimated   ? stale   – missing";

/// Energy is the facility's, with overhead. `covered` is the least of what the row's amounts hold.
pub fn intervals(rows: &[Summed], period: Period, width: usize) -> String {
    let head = match period {
        Period::Interval => "interval (UTC)     block",
        Period::Hour => "hour (UTC)         block",
        Period::Day => "day (UTC)   block",
    };
    let mut shown = UnixMs(i64::MIN);
    let names = rows.iter().map(|row| {
        let at = if period == Period::Day { day(row.start) } else { minute(row.start) };
        let at = if row.start == shown { " ".repeat(at.chars().count()) } else { at };
        shown = row.start;
        format!("{at}{}{}", if period == Period::Day { "  " } else { "   " }, row.block)
    });
    let names: Vec<String> = names.chain(["all".to_owned()]).collect();
    let shown = |of: fn(&Summed) -> &Part, unit: f64| with_total(rows.iter().map(|row| value(of(row), unit)));
    let energy = shown(|row| &row.energy_wh, 1e6);
    let revenue = shown(|row| &row.revenue_micro_usd, 1e6);
    let cost = shown(|row| &row.cost_micro_usd, 1e6);
    let margin = |(revenue, cost): (&Shown, &Shown)| {
        let ((revenue, quality), (cost, other)) = ((*revenue)?, (*cost)?);
        Some((revenue - cost, quality.max(other)))
    };
    // The last one is the total, which sums those that are known.
    let margin = with_total(revenue.iter().zip(&cost).take(rows.len()).map(margin));
    let worth = |of: &[Summed]| {
        // Only what has both: revenue without its energy would raise the figure.
        let both: Vec<(Shown, Shown)> =
            of.iter().map(|row| (value(&row.revenue_micro_usd, 1e6), value(&row.energy_wh, 1e6))).collect();
        let both = || both.iter().filter(|(revenue, energy)| revenue.is_some() && energy.is_some());
        let known = ratio(add_known(both().map(|(r, _)| *r)), add_known(both().map(|(_, e)| *e)));
        let at_best = if both().count() < of.len() { Quality::Estimated } else { Quality::Measured };
        known.map(|(worth, quality)| (worth, quality.max(at_best)))
    };
    let worth: Vec<Shown> =
        rows.iter().map(|row| worth(std::slice::from_ref(row))).chain([worth(rows)]).collect();
    let exact = |values: &[Shown], decimals| -> Vec<String> {
        values.iter().map(|shown| cells::cell(*shown, decimals)).collect()
    };
    let covered = rows.iter().map(covered).chain([String::new()]).collect();
    let fine = rows.iter().all(|row| row.energy_wh.amount.as_ref().map_or(true, |(wh, _)| *wh < 1_000_000));

    let mut grid = Grid::new(head, names, true);
    grid.column("MWh", 0, exact(&energy, if fine { 4 } else { 3 }));
    grid.column("covered", 1, covered);
    grid.column("revenue USD", 0, exact(&revenue, 2));
    grid.column("power USD", 0, exact(&cost, 2));
    grid.column("margin USD", 2, exact(&margin, 2));
    grid.column("USD/MWh", 3, exact(&worth, 2));
    finish(&grid, width)
}

pub fn settlements(rows: &[StoredSettlement], width: usize) -> String {
    let names = rows.iter().map(|row| {
        let at = if row.kind == "utc_day" { day(row.at) } else { minute(row.at) };
        format!("{at:<16}  {}", row.pool)
    });
    let mut grid = Grid::new("for (UTC)         pool", names.collect(), false);
    grid.column("row", 0, rows.iter().map(|row| row.id.to_string()).collect());
    grid.column("net sats", 0, rows.iter().map(|row| number(row.net.0 as f64, 0)).collect());
    grid.column("first seen", 2, rows.iter().map(|row| minute(row.seen)).collect());
    grid.column("correction", 0, corrections(rows.iter().map(|row| (row.id, row.corrects)).collect()));
    grid.draw(width, &[]).0
}

pub fn earnings(rows: &[StoredEarning], width: usize) -> String {
    let names = rows.iter().map(|row| format!("{}  {}", day(row.earning.day), row.earning.hosting));
    let usd = |of: fn(&Earning) -> i64| -> Vec<String> {
        rows.iter().map(|row| number(of(&row.earning) as f64 / 1e6, 2)).collect()
    };
    let mut grid = Grid::new("day (UTC)   hosting", names.collect(), false);
    grid.column("row", 0, rows.iter().map(|row| row.id.to_string()).collect());
    grid.column("gross USD", 1, usd(|earning| earning.gross_micro_usd));
    grid.column("fee USD", 1, usd(|earning| earning.fee_micro_usd));
    grid.column("net USD", 0, usd(Earning::net_micro_usd));
    grid.column("first seen", 2, rows.iter().map(|row| minute(row.earning.seen)).collect());
    grid.column("correction", 0, corrections(rows.iter().map(|row| (row.id, row.corrects)).collect()));
    grid.draw(width, &[]).0
}

/// Which row corrects which, by the id of each and of the one that it corrects.
fn corrections(rows: Vec<(i64, Option<i64>)>) -> Vec<String> {
    let note = |&(id, corrects): &(i64, Option<i64>)| {
        let corrected = rows.iter().find(|(_, other)| *other == Some(id));
        match (corrects, corrected) {
            (_, Some((by, _))) => format!("corrected by {by}"),
            (Some(id), None) => format!("corrects {id}"),
            (None, None) => String::new(),
        }
    };
    rows.iter().map(note).collect()
}

pub fn captures(rows: &[(String, PoolDay)], width: usize) -> String {
    let sats = |sats: i64| number(sats as f64, 0);
    let names = rows.iter().map(|(pool, row)| format!("{}  {pool}", day(row.day)));
    let column = |of: fn(&PoolDay) -> Option<String>| -> Vec<String> {
        rows.iter().map(|(_, row)| of(row).unwrap_or_else(|| MISSING.to_owned())).collect()
    };
    let mut grid = Grid::new("day (UTC)   pool", names.collect(), false);
    let settled = rows.iter().map(|(_, row)| row.settled.map_or_else(|| MISSING.to_owned(), |s| sats(s.0)));
    grid.column("settled sats", 0, settled.collect());
    let accrued = rows.iter().map(|(_, row)| {
        row.accrued.map_or_else(|| MISSING.to_owned(), |a| marked(a.quality, &sats(a.value.0)))
    });
    grid.column("accrued sats", 0, accrued.collect());
    grid.column("covered", 1, column(|row| Some(percent(row.coverage.get()))));
    grid.column(
        "capture",
        0,
        column(|row| Some(marked(row.capture.ok()?.quality, &number(row.capture.ok()?.value.get(), 4)))),
    );
    let says = |row: &PoolDay| match (row.band, row.capture) {
        (Some(band), _) => band.as_str().to_owned(),
        (None, Err(why)) => reason(why).to_owned(),
        (None, Ok(_)) => String::new(),
    };
    grid.column("says", 0, rows.iter().map(|(_, row)| says(row)).collect());
    finish(&grid, width)
}

pub fn site_days(rows: &[SiteDay], width: usize) -> String {
    let shown = |read: &Option<Reading<WattHours>>| read.map(|read| (read.value.mwh(), read.quality));
    let mwh = |of: fn(&SiteDay) -> &Option<Reading<WattHours>>| -> Vec<String> {
        rows.iter().map(|row| cells::cell(shown(of(row)), 3)).collect()
    };
    let mut grid = Grid::new("day (UTC)", rows.iter().map(|row| day(row.day)).collect(), false);
    grid.column("metered MWh", 0, mwh(|row| &row.metered));
    grid.column("modelled MWh", 0, mwh(|row| &row.modelled));
    grid.column("residual MWh", 2, mwh(|row| &row.residual));
    grid.column("covered", 1, rows.iter().map(|row| percent(row.coverage.get())).collect());
    let capture = rows.iter().map(|row| cells::cell(cells::read(&row.capture, |ratio| ratio.get()), 4));
    grid.column("capture", 0, capture.collect());
    let says = |row: &SiteDay| match (row.band, row.capture) {
        (Some(band), _) => band.as_str().to_owned(),
        (None, Err(Missing::NotYet)) => "less than 95 % compared".to_owned(),
        (None, Err(Missing::Undefined)) => "nothing metered".to_owned(),
        (None, Err(why)) => reason(why).to_owned(),
        (None, Ok(_)) => String::new(),
    };
    grid.column("says", 0, rows.iter().map(says).collect());
    finish(&grid, width)
}

/// The last row sums those above.
pub fn decisions(rows: &[Decided], width: usize) -> String {
    let column = |of: fn(&Decided) -> i64| -> Vec<String> {
        let shown = rows.iter().map(|row| Some((of(row) as f64 / 1e6, row.quality)));
        with_total(shown).into_iter().map(|shown| cells::cell(shown, 2)).collect()
    };
    let names = rows.iter().map(|row| day(row.start)).chain(["all".to_owned()]);
    let mut grid = Grid::new("day (UTC)", names.collect(), true);
    grid.column("ran USD", 0, column(|row| row.actual_micro_usd));
    grid.column("always on USD", 1, column(|row| row.always_on_micro_usd));
    grid.column("perfect USD", 1, column(|row| row.perfect_micro_usd));
    grid.column("regret USD", 0, column(Decided::regret_micro_usd));
    let all = Decided {
        start: UnixMs(0),
        actual_micro_usd: rows.iter().map(|row| row.actual_micro_usd).sum(),
        always_on_micro_usd: rows.iter().map(|row| row.always_on_micro_usd).sum(),
        perfect_micro_usd: rows.iter().map(|row| row.perfect_micro_usd).sum(),
        quality: Quality::Measured,
        coverage: 1.0,
    };
    let of_perfect = rows
        .iter()
        .chain([&all])
        .map(|row| row.percent_of_perfect().map_or_else(|| MISSING.to_owned(), |percent| number(percent, 1)));
    grid.column("of perfect %", 0, of_perfect.collect());
    grid.column("covered", 2, rows.iter().map(|row| percent(row.coverage)).chain([String::new()]).collect());
    finish(&grid, width)
}

/// One paragraph an event: sentences do not fit into a grid.
pub fn events(rows: &[StoredEvent], width: usize) -> String {
    let line = |row: &StoredEvent| {
        let mark = if row.severity == "info" { String::new() } else { row.severity.to_uppercase() + " " };
        paragraph(row.at, &format!("{mark}{}: {}", row.kind.replace('_', " "), row.text), width)
    };
    rows.iter().map(line).collect()
}

/// One paragraph an advice. A renewal that says the same is left out.
pub fn advices(rows: &[AdviceRecord], width: usize) -> String {
    let (news, renewals): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.payload.is_some());
    let line = |row: &&AdviceRecord| {
        let gain = row.gain_usd_per_h.filter(|gain| *gain != 0.0);
        let gain = gain.map_or_else(String::new, |gain| format!(" ({} USD/h)", number(gain, 2)));
        paragraph(row.issued, &format!("{}{gain}: {}", row.status.replace('_', " "), row.text), width)
    };
    let mut text: String = news.iter().map(line).collect();
    if !renewals.is_empty() {
        text.push_str(&format!("\n  {} renewals that said the same are not shown\n", renewals.len()));
    }
    text
}

fn paragraph(at: UnixMs, text: &str, width: usize) -> String {
    let head = utc(at, "%Y-%m-%d %H:%M:%S");
    format!("{head}  {}\n", wrap(text, head.len() + 2, width))
}

/// Why a day has no capture.
fn reason(why: Missing) -> &'static str {
    match why {
        Missing::NotReported => "not settled",
        Missing::NotYet => "less than 95 % accrued",
        Missing::NotSupported => "settles by block",
        Missing::Implausible => "off by a unit",
        Missing::Undefined => "nothing accrued",
        other => other.as_str(),
    }
}

fn finish(grid: &Grid, width: usize) -> String {
    let (mut text, dropped) = grid.draw(width, &[]);
    text.push_str(&format!("\n  {LEGEND}"));
    if !dropped.is_empty() {
        text.push_str(&format!("   (too narrow for {})", dropped.join(", ")));
    }
    text.push('\n');
    text
}

fn value(part: &Part, unit: f64) -> Shown {
    part.amount.as_ref().ok().map(|(amount, quality)| (*amount as f64 / unit, *quality))
}

fn with_total(parts: impl Iterator<Item = Shown>) -> Vec<Shown> {
    let mut parts: Vec<Shown> = parts.collect();
    parts.push(add_known(parts.iter().copied()));
    parts
}

fn covered(row: &Summed) -> String {
    let parts = [&row.energy_wh, &row.revenue_micro_usd, &row.cost_micro_usd];
    let known = parts.into_iter().filter(|part| part.amount.is_ok()).map(|part| part.coverage);
    percent(known.reduce(f64::min).unwrap_or(0.0))
}

/// Rounded down: 100 % is all of it.
fn percent(share: f64) -> String {
    format!("{} %", (share * 100.0 + 1e-9).floor())
}

pub fn day(at: UnixMs) -> String {
    utc(at, "%Y-%m-%d")
}

pub fn minute(at: UnixMs) -> String {
    utc(at, "%Y-%m-%d %H:%M")
}
