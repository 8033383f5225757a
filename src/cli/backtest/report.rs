//! The replay as a page that a person reads.

use crate::backtest::history::Skipped;
use crate::backtest::hosting::Earns;
use crate::backtest::score::{Score, Totals, score};
use crate::backtest::{Fleet, History, Hosting, Run};
use crate::cli::table::cells::{MISSING, number};
use crate::cli::table::grid::{Grid, wrap};
use crate::units::{Usd, Watts};

/// `runs` begin with always-on and perfect foresight.
pub fn render(history: &History, fleet: &Fleet, left_out: &[String], runs: &[Run], width: usize) -> String {
    let mut lines = vec![period(history), fleet_line(fleet)];
    if !left_out.is_empty() {
        lines.push(format!("Left out, not known: {}", left_out.join(", ")));
    }
    lines.extend(prices(history, fleet));
    let mut text: String = lines.iter().map(|line| wrap(line, 0, width) + "\n").collect();
    text.push('\n');
    let (table, dropped) = table(runs, !fleet.hostings.is_empty(), width);
    text.push_str(&table);
    if !dropped.is_empty() {
        let line = format!("not shown at this width: {}", dropped.join(", "));
        text.push_str(&format!("{}\n", wrap(&line, 0, width)));
    }
    text.push('\n');
    for line in NOTES.into_iter().map(str::to_owned).chain(reserve(runs)) {
        text.push_str(&wrap(&line, 0, width));
        text.push('\n');
    }
    text
}

/// What advice leaves free that no other policy does.
fn reserve(runs: &[Run]) -> Option<String> {
    let kw = runs.iter().flat_map(|run| &run.advice).map(|advice| advice.reserve_kw).fold(0.0, f64::max);
    let told = || format!("It keeps {} kW under the cap free for AI load that rises.", number(kw, 0));
    (kw > 0.0).then(told)
}

const NOTES: [&str; 3] = [
    "USD/MWh: margin per MWh drawn. k$/MW-y: margin per year and MW that the fleet draws when always on. \
     Off: energy not drawn. Of perfect: gain over always-on, of the gain with perfect foresight. Regret: \
     margin short of perfect foresight.",
    "Switching costs nothing, though advice weighs what the config says it does. A policy decides on the price that is paid unless its name \
     says otherwise.",
    "wattsplit: the advice that the daemon would have given at the beginning of each hour, by the same \
     code, and followed at once.",
];

fn period(history: &History) -> String {
    let day = |hour: Option<&crate::backtest::Hour>| {
        hour.map_or(MISSING.to_owned(), |hour| hour.start.strftime("%Y-%m-%d %H:%M").to_string())
    };
    let hours = number(history.hours.len() as f64, 0);
    format!(
        "{} to {} UTC: {hours} hours; skipped: {}",
        day(history.hours.first()),
        day(history.hours.last()),
        skipped(&history.skipped)
    )
}

/// `none`, or how many hours for which reason.
pub fn skipped(skipped: &Skipped) -> String {
    let reasons = [
        (skipped.absent, "not in the file"),
        (skipped.no_power_price, "without a price of power"),
        (skipped.no_btc_price, "without a price of bitcoin"),
        (skipped.no_difficulty, "without a difficulty"),
        (skipped.no_gpu_price, "without a price of GPUs"),
    ];
    let told: Vec<String> = reasons
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, why)| format!("{} {why}", number(f64::from(*n), 0)))
        .collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

fn fleet_line(fleet: &Fleet) -> String {
    let blocks: Vec<String> = fleet
        .blocks
        .iter()
        .map(|block| {
            let kw = number(block.it_power().kw(), 0);
            let efficiency = block.efficiency().map_or(MISSING.to_owned(), |e| number(e.get(), 1));
            let named_by_it = block.id.contains("J/TH");
            if named_by_it {
                format!("{} {kw} kW", block.id)
            } else {
                format!("{} {efficiency} J/TH {kw} kW", block.id)
            }
        })
        .collect();
    let gpus = fleet.hostings.iter().map(hosting);
    let mut line = format!("Fleet: {}", blocks.into_iter().chain(gpus).collect::<Vec<_>>().join("; "));
    if let Some(cap) = fleet.cap {
        line.push_str(&format!("; cap {} kW", number(cap.kw(), 0)));
        if fleet.base_load > Watts::ZERO {
            line.push_str(&format!(", of which {} kW other load", number(fleet.base_load.kw(), 0)));
        }
    }
    line
}

fn hosting(hosting: &Hosting) -> String {
    format!(
        "{} {} of {} GPUs sold, {} kW IT, {}",
        hosting.id,
        number(f64::from(hosting.sold), 0),
        number(f64::from(hosting.gpus), 0),
        number(hosting.power(hosting.sold).kw() / hosting.overhead, 0),
        if hosting.interruptible { "interruptible" } else { "firm" },
    )
}

fn prices(history: &History, fleet: &Fleet) -> Vec<String> {
    let mean = |value: fn(&crate::backtest::Hour) -> f64| {
        number(history.hours.iter().map(value).sum::<f64>() / history.hours.len().max(1) as f64, 2)
    };
    let paid = if history.real_time { "real-time" } else { "day-ahead (the file has no real-time prices)" };
    let fees = match history.without_fees {
        0 => String::new(),
        n => format!("; {} hours without recorded fees count the subsidy alone", number(f64::from(n), 0)),
    };
    let mut lines = vec![
        format!("Power: {paid} price, {} USD/MWh on average", mean(|hour| hour.price.get())),
        format!("Hashprice: {} USD/PH/day on average{fees}", mean(|hour| hour.hashprice.value.get())),
    ];
    let recorded = fleet.hostings.iter().any(|hosting| matches!(hosting.earns, Earns::Recorded { .. }));
    if let Some(name) = history.gpu.as_ref().filter(|_| recorded) {
        let usd = mean(|hour| hour.gpu_hour.map_or(0.0, Usd::get));
        lines.push(format!("GPUs: {name}, {usd} USD per GPU-hour on average"));
    }
    lines
}

fn table(runs: &[Run], with_ai: bool, width: usize) -> (String, Vec<&'static str>) {
    let totals: Vec<Totals> = runs.iter().map(Totals::of).collect();
    let [always_on, perfect, ..] = totals.as_slice() else { return (String::new(), Vec::new()) };
    let scores: Vec<Score> = totals.iter().map(|run| score(run, always_on, perfect)).collect();
    let of_totals = |decimals, value: fn(&Totals) -> f64| -> Vec<String> {
        totals.iter().map(|totals| number(value(totals), decimals)).collect()
    };
    let of_scores = |decimals, value: fn(&Score) -> Option<f64>| -> Vec<String> {
        let cell = |score| value(score).map_or(MISSING.to_owned(), |value| number(value, decimals));
        scores.iter().map(cell).collect()
    };
    let names = runs.iter().map(|run| run.policy.name.to_owned()).collect();
    let mut grid = Grid::new("policy", names, false);
    if with_ai {
        grid.column("hash USD", 0, of_totals(0, |t| t.hash_revenue.get()));
        grid.column("AI USD", 0, of_totals(0, |t| t.ai_revenue.get()));
        let share = |t: &Totals| t.ai_share().map_or(MISSING.to_owned(), |s| number(s.get() * 100.0, 1));
        grid.column("AI %", 1, totals.iter().map(share).collect());
    } else {
        grid.column("revenue USD", 3, of_totals(0, |t| t.revenue().get()));
    }
    grid.column("power USD", 3, of_totals(0, |t| t.cost.get()));
    grid.column("margin USD", 0, of_totals(0, |t| t.margin().get()));
    grid.column("USD/MWh", 1, of_scores(2, |s| s.usd_per_mwh.map(|usd| usd.get())));
    grid.column("k$/MW-y", 1, of_scores(1, |s| s.usd_per_mw_year.map(|usd| usd / 1e3)));
    grid.column("switches", 2, of_totals(0, |t| f64::from(t.switches)));
    grid.column("/year", 4, of_scores(0, |s| Some(s.switches_per_year)));
    grid.column("off %", 2, of_scores(1, |s| s.off_share.map(|share| share.get() * 100.0)));
    grid.column("of perfect %", 0, of_scores(1, |s| s.of_perfect.map(|share| share.get() * 100.0)));
    grid.column("regret USD", 1, of_scores(0, |s| Some(s.regret.get())));
    grid.draw(width, &[])
}
