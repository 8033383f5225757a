//! Why: the two numbers that decide, in words.

use crate::economics::Class;
use crate::economics::dispatch::{Block, HoldReason, Status};

use super::basis::Basis;
use super::decide::Choice;
use super::{Direction, Gain, Move, PolicyConfig};

/// Why a block goes from its present units to `to`: "50.39 < 90.00 …".
pub fn why(basis: &Basis, choice: &Choice, block: &Block, to: u32) -> String {
    let problem = &basis.problem;
    let price = problem.price_usd_per_mwh.unwrap_or(0.0) + problem.dr_credit_usd_per_mwh;
    let gpus = basis.gpus.get(&block.id).filter(|_| block.class == Class::Ai);
    let Some(value) = worth(block, to) else {
        return "it draws no more running than stopped".to_owned();
    };
    if to > block.current {
        let sold = if gpus.is_some() { "sold, not running: " } else { "" };
        return match value > price || block.power_passthrough {
            true => format!("{sold}{value:.2} > {price:.2} USD/MWh: earns more than its power costs"),
            false => format!("{value:.2} USD/MWh, but fewer run than must"),
        };
    }
    if gpus.is_some_and(|gpus| gpus.unsold) {
        let kw = block.overhead * (block.unit_kw.unwrap_or(0.0) - block.idle_kw);
        let kw = f64::from(block.current - to) * kw;
        return format!("not sold: earns nothing, draws {kw:.2} kW at {price:.2} USD/MWh");
    }
    if value < price && !block.power_passthrough {
        return format!("{value:.2} < {price:.2} USD/MWh: power costs more than it earns");
    }
    match rival(basis, choice, block, value) {
        Some(rival) => format!("{value:.2} < {rival:.2} USD/MWh under a full cap"),
        None => "the caps allow no more".to_owned(),
    }
}

/// Marginal value of a block on its way to `to` units, with the penalty that a promised unit saves.
fn worth(block: &Block, to: u32) -> Option<f64> {
    let promised = to.min(block.current) < block.committed;
    let penalty = if promised { block.stop_penalty_usd_per_unit_h } else { 0.0 };
    let saved =
        Block { revenue_usd_per_unit_h: block.revenue_usd_per_unit_h.map(|r| r + penalty), ..block.clone() };
    saved.marginal_value_usd_per_mwh()
}

/// The value of what takes the place of `block`: of a block that starts, else the lowest of those
/// that go on.
fn rival(basis: &Basis, choice: &Choice, block: &Block, value: f64) -> Option<f64> {
    let others = || {
        let all = basis.problem.blocks.iter().zip(&choice.solution.target);
        all.filter(|(other, _)| other.id != block.id)
            .filter_map(|(other, &to)| Some((other, to, other.marginal_value_usd_per_mwh()?)))
            .filter(move |(_, _, theirs)| *theirs >= value)
    };
    let starts = others().filter(|(other, to, _)| *to > other.current).map(|(_, _, theirs)| theirs);
    let stays = others().filter(|(_, to, _)| *to > 0).map(|(_, _, theirs)| theirs);
    starts.max_by(f64::total_cmp).or_else(|| stays.min_by(f64::total_cmp))
}

/// The whole advice in one or two sentences.
pub fn text(
    basis: &Basis,
    policy: &PolicyConfig,
    choice: &Choice,
    moves: &[Move],
    gain: Option<Gain>,
) -> String {
    let problem = &basis.problem;
    let solution = &choice.solution;
    let cap = problem.cap_kw.unwrap_or(f64::NAN);
    let site = solution.before.map_or(f64::NAN, |account| account.site_kw);
    let gain = gain.map_or(0.0, |gain| gain.usd_per_h);
    match solution.status {
        Status::Change => format!("To do: {}. Gain {gain:.2} USD/h.", orders(moves)),
        Status::Mandatory if site > cap => {
            format!("Over the cap, {site:.1} kW > {cap:.1} kW: {}.", orders(moves))
        }
        Status::Mandatory => format!("Over the cooling cap: {}.", orders(moves)),
        Status::NoRecommendation => {
            format!("No recommendation: {} missing or stale.", solution.missing.join(", "))
        }
        Status::Infeasible => format!("What must run breaks a cap by itself: {site:.1} kW run now."),
        Status::Hold => match solution.hold_reason {
            Some(HoldReason::BelowMinGain) => {
                format!(
                    "Hold: the best change gains {gain:.2} USD/h, less than {:.2}.",
                    policy.min_gain_usd_per_h
                )
            }
            Some(HoldReason::NotRobust) => {
                let (lo, hi) = solution.net_gain_range_usd.unwrap_or((f64::NAN, f64::NAN));
                format!("Hold: the best change may lose, {lo:.2} to {hi:.2} USD within the uncertainty.")
            }
            None => hold(basis, policy),
        },
    }
}

fn orders(moves: &[Move]) -> String {
    let order = |m: &Move| {
        let verb = if m.direction() == Direction::Stop { "stop" } else { "start" };
        format!("{verb} {} of {} ({})", m.from_units.abs_diff(m.to_units), m.block, m.why)
    };
    moves.iter().map(order).collect::<Vec<_>>().join("; ")
}

/// The block that is nearest to a move, and its distance.
fn hold(basis: &Basis, policy: &PolicyConfig) -> String {
    let problem = &basis.problem;
    let price = problem.price_usd_per_mwh.unwrap_or(0.0) + problem.dr_credit_usd_per_mwh;
    let switchable = problem.blocks.iter().filter(|b| b.min_units != b.max_units);
    let valued = switchable.filter_map(|b| Some((b, b.marginal_value_usd_per_mwh()?)));
    let nearest = valued.min_by(|a, b| (a.1 - price).abs().total_cmp(&(b.1 - price).abs()));
    let Some((block, value)) = nearest else { return "Hold: nothing can be switched.".to_owned() };
    let pair = format!("{} is worth {value:.2} USD/MWh, power costs {price:.2}", block.id);
    if block.current > 0 && value < price && price <= value * policy.stop_above {
        format!("Hold: {pair}; it stops above {:.2}.", value * policy.stop_above)
    } else if block.current > 0 {
        format!("Hold: {pair}.")
    } else if value > price {
        format!("Hold: {pair}; it starts below {:.2} where the caps allow it.", value * policy.start_below)
    } else {
        format!("Hold: {pair}, and it is stopped.")
    }
}
