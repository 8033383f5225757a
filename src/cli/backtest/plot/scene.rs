//! What is on the picture, in figures. Pure.

use super::time::{Mark, marks};
use crate::backtest::history::HOUR_SECS;
use crate::backtest::policy::{Known, Rule};
use crate::backtest::{Fleet, History, Hour, Policy, Run};
use crate::cli::table::cells::number;

/// Both panels over the same time.
pub struct Scene {
    /// Seconds since 1970.
    pub from: i64,
    pub to: i64,
    pub marks: Vec<Mark>,
    /// Under the axis of time.
    pub period: String,
    pub gain: Panel,
    pub price: Panel,
}

pub struct Panel {
    pub title: String,
    pub unit: &'static str,
    pub low: f64,
    pub high: f64,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub name: String,
    pub colour: Colour,
    pub dashed: bool,
    pub width: u32,
    /// Hours without a gap between them, thinned out to what the eye can tell apart.
    pub parts: Vec<Vec<(i64, f64)>>,
}

pub type Colour = (u8, u8, u8);

/// Points of a line; a panel is hardly wider in pixels.
const POINTS: usize = 1200;

/// Told apart by people who see colours differently, too (Okabe and Ito, 2008).
const BLACK: Colour = (0, 0, 0);
const ORANGE: Colour = (230, 159, 0);
const SKY: Colour = (86, 180, 233);
const GREEN: Colour = (0, 158, 115);
const BLUE: Colour = (0, 114, 178);
const RED: Colour = (213, 94, 0);
const PURPLE: Colour = (204, 121, 167);
const GREY: Colour = (150, 150, 150);

/// `runs` begin with always-on. `None` without an hour.
pub fn of(history: &History, fleet: &Fleet, runs: &[Run]) -> Option<Scene> {
    let (first, last) = (history.hours.first()?, history.hours.last()?);
    let (from, to) = (first.start.as_second(), last.end().secs());
    let day = |hour: &Hour| hour.start.strftime("%Y-%m-%d").to_string();
    Some(Scene {
        from,
        to,
        marks: marks(from, to),
        period: format!("UTC, {} to {}", day(first), day(last)),
        gain: gain(history, runs)?,
        price: price(history, fleet),
    })
}

fn gain(history: &History, runs: &[Run]) -> Option<Panel> {
    let (always_on, others) = runs.split_first()?;
    let mut lines: Vec<Line> = others
        .iter()
        .map(|run| {
            let mut sum = 0.0;
            let steps = run.steps.iter().zip(&always_on.steps);
            let each = steps.map(|(own, other)| own.margin().get() - other.margin().get());
            let values = each.map(|gain| {
                sum += gain;
                Some(sum)
            });
            let (colour, width) = look(run.policy);
            let dashed = run.policy.known == Known::HourBefore;
            let parts = parts(history, values, |bucket| bucket.last().copied().into_iter().collect());
            Line { name: run.policy.name.to_owned(), colour, dashed, width, parts }
        })
        .collect();
    // Drawn in this order: a thin line on top of a wide one hides nothing.
    lines.sort_by_key(|line| std::cmp::Reverse(line.width));
    let values = || lines.iter().flat_map(|line| line.parts.iter().flatten()).map(|(_, usd)| *usd);
    let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    let title = "Margin above always-on, added up".to_owned();
    Some(Panel { title, unit: "USD", low: low - 0.03 * (high - low), high: padded(low, high), lines })
}

fn look(policy: Policy) -> (Colour, u32) {
    match (policy.rule, policy.known) {
        (Rule::Advice, _) => (RED, 4),
        (Rule::Band { .. }, _) => (GREEN, 2),
        (_, Known::DayAhead) => (ORANGE, 2),
        _ => (BLACK, 2),
    }
}

fn price(history: &History, fleet: &Fleet) -> Panel {
    let order = break_evens(history, fleet);
    let most = |line: &[Option<f64>]| line.iter().flatten().copied().fold(0.0, f64::max);
    let hash = fleet.blocks.iter().map(|block| block.id.as_str());
    let highest = order.iter().filter(|(name, _)| hash.clone().any(|id| id == name));
    let highest = highest.map(|(_, line)| most(line)).fold(0.0, f64::max);
    let prices = || history.hours.iter().map(|hour| hour.price.get());
    let (least, dearest) = (prices().fold(0.0, f64::min), prices().fold(0.0, f64::max));
    // A spike of thousands would press everything else flat.
    let top = (1.8 * highest).min(dearest.max(highest));
    let bottom = least.max(-0.5 * top);
    let beyond = prices().filter(|price| *price > top || *price < bottom).count();
    let mut title = "Price of power, and the break-even of what runs on it".to_owned();
    if beyond > 0 {
        let (hours, least, dearest) = (number(beyond as f64, 0), number(least, 0), number(dearest, 0));
        title.push_str(&format!(" ({hours} hours are off the scale: {least} to {dearest} USD/MWh)"));
    }
    let paid = parts(history, history.hours.iter().map(|hour| Some(hour.price.get())), extremes);
    let mut lines =
        vec![Line { name: "power, as paid".to_owned(), colour: GREY, dashed: false, width: 1, parts: paid }];
    let colours = [BLUE, ORANGE, GREEN, PURPLE, RED, SKY, BLACK].into_iter().cycle();
    for ((mut name, line), colour) in order.into_iter().zip(colours) {
        let on_scale = most(&line) <= top;
        if !on_scale {
            name = format!("{name}: off the scale, {}", number(mean(&line), 0));
        }
        let line = line.into_iter().map(|value| value.filter(|_| on_scale));
        let parts = parts(history, line, |bucket| bucket.last().copied().into_iter().collect());
        lines.push(Line { name, colour, dashed: false, width: 2, parts });
    }
    Panel { title, unit: "USD/MWh", low: bottom, high: padded(bottom, top), lines }
}

/// By block and hour, the most valuable block first.
fn break_evens(history: &History, fleet: &Fleet) -> Vec<(String, Vec<Option<f64>>)> {
    let ids = fleet.blocks.iter().map(|b| &b.id).chain(fleet.hostings.iter().map(|h| &h.id));
    let mut lines: Vec<(String, Vec<Option<f64>>)> = ids.map(|id| (id.clone(), Vec::new())).collect();
    for hour in &history.hours {
        for ((_, line), value) in lines.iter_mut().zip(fleet.break_evens(hour)) {
            line.push(value);
        }
    }
    lines.sort_by(|a, b| mean(&b.1).total_cmp(&mean(&a.1)));
    lines
}

fn mean(line: &[Option<f64>]) -> f64 {
    let known = line.iter().flatten();
    known.clone().sum::<f64>() / known.count().max(1) as f64
}

fn padded(low: f64, high: f64) -> f64 {
    if high > low { high + 0.05 * (high - low) } else { low + 1.0 }
}

/// One value for each hour, in parts without a gap, of each bucket what `thin` keeps.
fn parts(
    history: &History,
    values: impl Iterator<Item = Option<f64>>,
    thin: impl Fn(&[(i64, f64)]) -> Vec<(i64, f64)>,
) -> Vec<Vec<(i64, f64)>> {
    let mut parts: Vec<Vec<(i64, f64)>> = Vec::new();
    for (hour, value) in history.hours.iter().zip(values) {
        let Some(value) = value else { continue };
        let at = hour.start.as_second();
        match parts.last_mut().filter(|part| part.last().is_some_and(|(last, _)| at - last == HOUR_SECS)) {
            Some(part) => part.push((at, value)),
            None => parts.push(vec![(at, value)]),
        }
    }
    let bucket = history.hours.len().div_ceil(POINTS).max(1);
    let thinned = |part: Vec<(i64, f64)>| part.chunks(bucket).flat_map(&thin).collect();
    parts.into_iter().map(thinned).collect()
}

/// The lowest and the highest of a bucket, in order of time: no spike is lost.
fn extremes(bucket: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let by_value = |a: &&(i64, f64), b: &&(i64, f64)| a.1.total_cmp(&b.1);
    let ends = bucket.iter().min_by(by_value).zip(bucket.iter().max_by(by_value));
    let mut both: Vec<(i64, f64)> = ends.into_iter().flat_map(|(low, high)| [*low, *high]).collect();
    both.sort_by_key(|(at, _)| *at);
    both.dedup();
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_every_spike_in_order_of_time() {
        assert_eq!(extremes(&[(1, 5.0), (2, 9.0), (3, -1.0), (4, 2.0)]), [(2, 9.0), (3, -1.0)]);
        assert_eq!(extremes(&[(1, 5.0)]), [(1, 5.0)]);
        assert!(extremes(&[]).is_empty());
    }
}
