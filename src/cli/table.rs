//! The site as a table that a person reads.
//!
//! From top to bottom: the result in one line, what earns what, what it rests on, and what needs a
//! look. Nothing is hidden: a value that is not measured carries its mark, a missing one is a dash,
//! and a column that does not fit is named.

pub(super) mod attention;
mod blocks;
pub(super) mod cells;
pub(super) mod grid;
mod hashing;
mod hosting;
mod inputs;
mod meter;
pub mod outlook;
mod signals;
mod totals;

use crate::economics::{Money, Split};
use crate::reading::Quality;
use crate::site::SiteView;
use crate::units::Watts;

use cells::{PowerUnit, Shown, cell};
use grid::{NO_BREAK, wrap};
use totals::SiteTotals;

/// The site as text of at most `width` columns, if `width` is 60 or more. Ends with a line break.
pub fn render(view: &SiteView, split: &Split, width: usize) -> String {
    let items = attention::items(view, split);
    let mut tables = Vec::new();
    let sides = totals::sides(view, split);
    for (name, _) in &sides {
        let table = if *name == totals::HASHING { hashing::table } else { hosting::table };
        tables.push(table(view, split, width));
    }
    if !sides.is_empty() {
        tables.push(totals::table(view, split, width));
    }
    tables.extend(meter::section(split, width).map(|section| (section, Vec::new())));
    tables.push((inputs::prices(view, split, width), Vec::new()));
    tables.extend(signals::section(view, width).map(|section| (section, Vec::new())));
    if !view.pools.is_empty() {
        tables.push(inputs::pools(view, split, width));
    }
    if !view.hosts.is_empty() {
        let lines: String = view.hosts.iter().map(|h| inputs::host(h, width)).collect();
        tables.push((format!("  NODE\n{lines}"), Vec::new()));
    }
    let mut text = headline(view, split, items.len(), width);
    for (table, _) in &tables {
        text.push('\n');
        text.push_str(table);
    }
    text.push('\n');
    text.push_str(&legend(&tables, width));
    text.push_str(&needs_a_look(&items, width));
    text
}

/// When, and the result in one sentence.
fn headline(view: &SiteView, split: &Split, items: usize, width: usize) -> String {
    let mut text = format!("  wattsplit, {}\n", cells::utc(view.at.wall, "%Y-%m-%d %H:%M:%S UTC"));
    let sides = totals::sides(view, split);
    let result = if sides.is_empty() {
        "Nothing to show: no miner or GPU is configured, or none has answered yet.".into()
    } else {
        let totals = SiteTotals::of(view, split);
        let share = |(name, money): &(&str, &Money)| {
            format!("{name} {}{NO_BREAK}%", cell(cells::read(&money.share, |s| s.get() * 100.0), 1))
        };
        let shares: Vec<String> = sides.iter().map(share).collect();
        let shares = if shares.len() > 1 { format!(" ({})", shares.join(", ")) } else { String::new() };
        let (verb, left) = match totals.margin {
            Some((margin, quality)) if margin < 0.0 => ("loses", Some((-margin, quality))),
            margin => ("keeps", margin),
        };
        format!(
            "The site draws {}, earns {}{NO_BREAK}USD/h{} and {verb} {}{NO_BREAK}USD/h after power.",
            draw(split, totals.kw),
            cell(totals.revenue, 2),
            shares,
            cell(left, 2),
        )
    };
    let look = match items {
        0 => String::new(),
        1 => " One thing needs a look, see the end.".into(),
        n => format!(" {n} things need a look, see the end."),
    };
    text.push_str(&format!("  {}\n", wrap(&format!("{result}{look}"), 2, width)));
    text
}

/// What the site draws, kW, and how far it may still go.
fn draw(split: &Split, kw: Shown) -> String {
    let Some(cap) = split.cap.map(Watts::kw) else {
        return PowerUnit::of(kw.map_or(0.0, |(kw, _)| kw)).text(kw);
    };
    let unit = PowerUnit::of(cap);
    let of_cap = format!("{} of {}", unit.figure(kw), unit.text(Some((cap, Quality::Measured))));
    match totals::above_cap(split) {
        Some(above) => format!("{of_cap}, {} above its cap", unit.text(Some(above))),
        None => {
            let headroom = cells::read(&split.headroom(), |p| p.kw());
            format!("{of_cap}, headroom {}", unit.text(headroom))
        }
    }
}

/// Explains the marks that are used, and names what the width left out.
fn legend(tables: &[(String, Vec<&'static str>)], width: usize) -> String {
    let shown: String = tables.iter().map(|(table, _)| table.as_str()).collect();
    let uses =
        |mark: char| shown.split_whitespace().any(|word| word.trim_start_matches('(').starts_with(mark));
    let mut parts = Vec::new();
    if uses(cells::ESTIMATED) {
        parts.push(format!("{} estimated or only partly read", cells::ESTIMATED));
    }
    if uses(cells::STALE) {
        parts.push(format!("{} stale: was right once", cells::STALE));
    }
    if shown.split_whitespace().any(|word| word == cells::MISSING) {
        parts.push(format!("{} missing, never zero", cells::MISSING));
    }
    if shown.lines().any(|line| line.starts_with("! ")) {
        parts.push("! needs a look".into());
    }
    if shown.split_whitespace().any(|word| word == blocks::NO_BREAKEVEN) {
        parts.push(format!("{}: paid whatever it draws", blocks::NO_BREAKEVEN));
    }
    let mut dropped: Vec<&str> = tables.iter().flat_map(|(_, dropped)| dropped.iter().copied()).collect();
    dropped.sort_unstable();
    dropped.dedup();
    if !dropped.is_empty() {
        parts.push(format!("left out at this width: {}", dropped.join(", ")));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!("  {}\n\n", wrap(&parts.join("; "), 2, width))
}

fn needs_a_look(items: &[attention::Item], width: usize) -> String {
    if items.is_empty() {
        return "  Everything was read and is fresh.\n".into();
    }
    let mut text = String::from("  NEEDS A LOOK\n");
    for item in items {
        text.push_str(&format!("! {}\n", wrap(&format!("{}: {}", item.about, item.text), 2, width)));
    }
    text
}
