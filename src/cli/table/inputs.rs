//! What the numbers rest on: prices, pools, and the machine that runs wattsplit.

use crate::clock::{Now, UnixMs};
use crate::economics::Split;
use crate::reading::{Missing, PoolReport, Read};
use crate::site::{Current, HostView, PoolView, SiteView};
use crate::units::{Hashrate, Sats};

use super::attention::why;
use super::cells::{self, MISSING, Shown, cell, marked, number};
use super::grid::{Grid, NO_BREAK, wrap};
use super::outlook;
use super::totals::has_hashing;

/// One line of the prices: name, value, unit, age, and where it comes from.
struct Input {
    name: &'static str,
    value: String,
    unit: &'static str,
    age: String,
    note: String,
}

/// Prices and network, each with its age and source. Those of hashing only where something hashes.
pub fn prices(view: &SiteView, split: &Split, width: usize) -> String {
    let mut lines = vec![power(view)];
    if has_hashing(view, split) {
        lines.extend([bitcoin(view, split), hashprice(split), difficulty(view)]);
    }
    let widest = |f: fn(&Input) -> &str| lines.iter().map(|l| f(l).chars().count()).max().unwrap_or(0);
    let (name, value) = (widest(|l| l.name), widest(|l| &l.value));
    let (unit, age) = (widest(|l| l.unit), widest(|l| &l.age).max("age".len()));
    let note = 2 + name + 2 + value + 1 + unit + 2 + age + 2;
    let head = format!("  {:<w$}{:>age$}\n", "PRICES", "age", w = note - 4 - age);
    let mut text = head + &"─".repeat(note - 2) + "\n";
    for line in &lines {
        let Input { name: n, value: v, unit: u, age: a, note: from } = line;
        let row = format!("  {n:<name$}  {v:>value$} {u:<unit$}  {a:>age$}");
        text.push_str(row.trim_end());
        if !from.is_empty() {
            let start = row.chars().count() + 2;
            text.push_str(&" ".repeat(start - row.trim_end().chars().count()));
            text.push_str(&wrap(from, start, width));
        }
        text.push('\n');
    }
    text
}

fn bitcoin(view: &SiteView, split: &Split) -> Input {
    let quotes = view.btc_quotes.iter().map(|(venue, quote)| match quote {
        Ok(q) => format!("{venue} {}", marked(q.quality, &number(q.value.get(), 2))),
        Err(missing) => format!("{venue} {MISSING} ({})", why(*missing)),
    });
    let quotes: Vec<String> = quotes.collect();
    let oldest = view.btc_quotes.iter().filter_map(|(_, q)| q.ok().map(|q| q.age)).max();
    Input {
        name: "bitcoin",
        value: cell(cells::read(&split.btc_usd, |p| p.get()), 2),
        unit: "USD",
        age: oldest.map_or_else(String::new, cells::age),
        note: quotes.join(", "),
    }
}

fn hashprice(split: &Split) -> Input {
    Input {
        name: "hashprice",
        value: cell(cells::read(&split.hashprice, |p| p.get()), 2),
        unit: "USD/PH/day",
        age: String::new(),
        note: ["from bitcoin, difficulty, subsidy and fees".to_owned()]
            .into_iter()
            .chain(outlook::against_index(split))
            .chain(outlook::sentence(split).map(|sentence| format!("then {sentence}")))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

fn difficulty(view: &SiteView) -> Input {
    let note = match &view.network {
        Ok(net) => {
            let fee = cells::read(&net.value.mean_fee, |fee| fee.btc());
            let fee = fee.map(|(fee, quality)| (fee, quality.max(net.quality)));
            let height = number(net.value.height as f64, 0);
            format!("height {height}, fees {} BTC a block, from {}", cell(fee, 4), net.source)
        }
        Err(missing) => why(*missing).into(),
    };
    Input {
        name: "difficulty",
        value: cell(cells::current(&view.network, |n| n.difficulty / 1e12), 2),
        unit: "T",
        age: age(&view.network),
        note,
    }
}

fn power(view: &SiteView) -> Input {
    let note = match (&view.power_price, view.power_price_until) {
        (Err(missing), _) => why(*missing).into(),
        (Ok(price), None) => format!("from {}", price.source),
        (Ok(price), Some(until)) => format!("until {}, from {}", moment(until, view.at), price.source),
    };
    Input {
        name: "power",
        value: cell(cells::current(&view.power_price, |p| p.get()), 2),
        unit: "USD/MWh",
        age: age(&view.power_price),
        note,
    }
}

/// The accounts, one a line, and the heads of the columns that did not fit.
pub fn pools(view: &SiteView, split: &Split, width: usize) -> (String, Vec<&'static str>) {
    let pools = &view.pools;
    let mut grid = Grid::new("POOLS", pools.iter().map(|p| p.name.to_string()).collect(), false);
    let rates = |f: fn(&PoolReport) -> &Read<Hashrate>| {
        let shown: Vec<Shown> =
            pools.iter().map(|p| of_report(p, |r| cells::read(f(r), |h| h.ths()))).collect();
        cells::column(&shown, 1)
    };
    let counts = |f: fn(&PoolReport) -> &Read<u32>| {
        pools.iter().map(|p| cell(of_report(p, |r| cells::read(f(r), f64::from)), 0)).collect()
    };
    let coins = |f: fn(&PoolReport) -> Shown| pools.iter().map(|p| cell(of_report(p, f), 6)).collect();
    grid.column("TH/s now", 0, rates(|r| &r.hashrate_now));
    grid.column("1 h", 5, rates(|r| &r.hashrate_1h));
    grid.column("24 h", 1, rates(|r| &r.hashrate_24h));
    grid.column("online", 0, counts(|r| &r.workers_online));
    grid.column("offline", 0, counts(|r| &r.workers_offline));
    grid.column("unpaid BTC", 2, coins(|r| cells::read(&r.unpaid, Sats::btc)));
    grid.column("today BTC", 3, coins(|r| cells::read(&r.today_estimate, Sats::btc)));
    let income = |pool: &PoolView| split.income_of(&pool.name);
    let best = |pool: &PoolView| Some((income(pool)?.best.ok()?, income(pool)?));
    let net = |pool: &PoolView| cells::read(&Ok(best(pool)?.0), |pay| pay.net.btc());
    grid.column("net BTC/d", 0, pools.iter().map(|pool| cell(net(pool), 6)).collect());
    let basis = |pool: &PoolView| {
        let income = best(pool)?.1;
        let word = income.basis?.as_str().replace('_', " ");
        Some(if income.expectation { format!("{word}, expected") } else { word })
    };
    grid.text_column("by", 1, pools.iter().map(|pool| basis(pool).unwrap_or_default()).collect());
    let share =
        |pool: &PoolView| cells::read(&pool.devices.ratio_24h.or(pool.devices.ratio_1h), |r| r.get() * 100.0);
    grid.column("% of devices", 4, pools.iter().map(|pool| cell(share(pool), 1)).collect());
    grid.column("age", 0, pools.iter().map(|p| age(&p.report)).collect());
    grid.draw(width, &[])
}

fn of_report(pool: &PoolView, f: impl Fn(&PoolReport) -> Shown) -> Shown {
    let report = pool.report.as_ref().ok()?;
    f(&report.value).map(|(value, quality)| (value, quality.max(report.quality)))
}

/// One line on the machine that runs wattsplit.
pub fn host(host: &HostView, width: usize) -> String {
    let sample = &host.sample;
    let at_best = |shown: Shown| shown.map(|(value, quality)| (value, quality.max(host.quality)));
    let gib = |bytes: &Read<u64>| cell(at_best(cells::read(bytes, |b| b as f64 / f64::from(1 << 30))), 1);
    let parts = [
        format!("CPU {}{NO_BREAK}%", cell(at_best(cells::read(&sample.cpu, |c| c.get() * 100.0)), 0)),
        format!(
            "memory {} of {}{NO_BREAK}GiB",
            gib(&sample.memory_used_bytes),
            gib(&sample.memory_total_bytes)
        ),
        format!(
            "disk {} of {}{NO_BREAK}GiB free",
            gib(&sample.disk_free_bytes),
            gib(&sample.disk_total_bytes)
        ),
        format!("hottest {}{NO_BREAK}°C", cell(at_best(cells::read(&sample.temp_max, |t| t.get())), 0)),
    ];
    let name = format!("  {}  ", sample.node);
    let from = name.chars().count();
    format!("{name}{}\n", wrap(&parts.join(", "), from, width))
}

fn age<T>(value: &Current<T>) -> String {
    value.as_ref().map_or_else(|_: &Missing| MISSING.into(), |v| cells::age(v.age))
}

/// `16:00 UTC (in 115 min)`, with the date if it is more than a day ahead.
fn moment(at: UnixMs, now: Now) -> String {
    let ahead = at.0.saturating_sub(now.wall.0);
    let format = if ahead > 86_400_000 { "%Y-%m-%d %H:%M UTC" } else { "%H:%M UTC" };
    let text = cells::utc(at, format);
    match u64::try_from(ahead) {
        Ok(ms) => format!("{text} (in {})", cells::age(std::time::Duration::from_millis(ms))),
        Err(_) => format!("{text} (over)"),
    }
}
