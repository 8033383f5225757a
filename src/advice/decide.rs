//! From a problem to a decision: band, dwell, reserve, and when an advice gives way to the next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use ring::digest;

use crate::economics::Class;
use crate::economics::dispatch::{Block, Limit, Problem, Solution, Status, Uncertainty, solve};
use crate::reading::Quality;

use super::basis::Basis;
use super::fleet::Fleet;
use super::judge::worst;
use super::reason;
use super::signals;
use super::{Advice, Confidence, Direction, Gain, MOST_NAMED, Move, Moved, PolicyConfig};

/// The previous advice while it stands, else a new one.
///
/// A new one is due at nine tenths of its validity, so that it is there before the old one expires,
/// and at once when the decision changes: the status, which blocks move which way, or how many of their units by more than
/// a tenth; and when a signal begins or ends. While a cap is broken, any need to stop more than was advised is one too. A gain that falls
/// a little below what it takes is none while nobody has followed the advice.
pub fn renew(basis: &Basis, policy: &PolicyConfig, fleet: &Fleet<'_>, previous: Option<&Advice>) -> Advice {
    let fresh = decide(basis, policy, fleet, previous);
    match previous {
        Some(previous) if stands(previous, &fresh, basis) => previous.clone(),
        _ => fresh,
    }
}

fn stands(previous: &Advice, fresh: &Advice, basis: &Basis) -> bool {
    let age = fresh.issued.since(previous.issued);
    if age >= previous.valid_for / 10 * 9 {
        return false;
    }
    // Who reads it must not miss that a signal is on, or over.
    let same = previous.signals.iter().map(|on| &on.name).eq(fresh.signals.iter().map(|on| &on.name));
    if !same {
        return false;
    }
    if previous.status != fresh.status {
        return still_pays(previous, fresh, basis);
    }
    let which = |advice: &Advice| -> Vec<(String, Direction)> {
        advice.moves.iter().map(|m| (m.block.clone(), m.direction())).collect()
    };
    let deeper = |m: &Move| {
        let before = previous.moves.iter().find(|p| p.block == m.block);
        before.is_some_and(|p| m.to_units < p.to_units)
    };
    let worse = fresh.status == Status::Mandatory && fresh.moves.iter().any(deeper);
    let other_size = |m: &Move| {
        let before = previous.moves.iter().find(|p| p.block == m.block).map_or(0, switched);
        switched(m).abs_diff(before) > (before / 10).max(1)
    };
    which(previous) == which(fresh) && !worse && !fresh.moves.iter().any(other_size)
}

/// Whether an advice to move that nobody has followed yet still pays, by half of what it takes to give
/// it: half the threshold, half the uncertainty. Otherwise it would come and go with the noise of the
/// readings.
fn still_pays(previous: &Advice, fresh: &Advice, basis: &Basis) -> bool {
    const STILL: f64 = 0.5;
    if previous.status != Status::Change || fresh.hold_reason.is_none() {
        return false;
    }
    let mut problem = basis.problem.clone();
    problem.min_gain_usd *= STILL;
    problem.uncertainty = problem.uncertainty.map(|u| Uncertainty {
        price_rel: STILL * u.price_rel,
        hash_revenue_rel: STILL * u.hash_revenue_rel,
        ai_revenue_rel: STILL * u.ai_revenue_rel,
    });
    let present_kw = fresh.site_kw.unwrap_or(0.0);
    problem.cap_kw = problem.cap_kw.map(|cap| limit(cap, basis.reserve_kw, present_kw));
    let mut waiting = 0;
    for block in &mut problem.blocks {
        let advised = previous.moves.iter().find(|m| m.block == block.id && m.from_units == block.current);
        waiting += usize::from(advised.is_some());
        let units = advised.map_or(block.current, |m| m.to_units.min(block.units));
        (block.min_units, block.max_units) = (units, units);
    }
    waiting == previous.moves.len() && solve(&problem).status == Status::Change
}

/// Units that a move switches.
fn switched(m: &Move) -> u32 {
    m.from_units.abs_diff(m.to_units)
}

/// A new advice on this basis.
pub fn decide(basis: &Basis, policy: &PolicyConfig, fleet: &Fleet<'_>, previous: Option<&Advice>) -> Advice {
    let problem = &basis.problem;
    let choice = choose(basis, policy, previous);
    let solution = &choice.solution;
    let moves = moves(basis, &choice, fleet);
    let moves_something = matches!(solution.status, Status::Change | Status::Mandatory);
    let period = Duration::from_secs(policy.period_secs);
    let until_price = basis.price_until.and_then(|until| u64::try_from(until.0 - basis.at.wall.0).ok());
    let valid_for = until_price.map_or(period, |ms| period.min(Duration::from_millis(ms.max(1_000))));
    let sha = sha256(&format!("{problem:?} {:?} {policy:?}", basis.reserve_kw));
    let mut moved: BTreeMap<String, Moved> = previous.map(|p| p.moved.clone()).unwrap_or_default();
    moved.retain(|_, moved| basis.at.since(moved.at) < dwell(policy));
    for m in moves.iter().filter(|_| moves_something) {
        moved.insert(m.block.clone(), Moved { direction: m.direction(), at: basis.at });
    }
    let gain = gain(problem, solution);
    let u = problem.uncertainty.unwrap_or_default();
    Advice {
        id: format!("{}-{}", basis.at.wall.0, sha.get(..8).unwrap_or_default()),
        issued: basis.at,
        valid_for,
        supersedes: previous.map(|p| p.id.clone()),
        status: solution.status,
        hold_reason: solution.hold_reason,
        text: reason::text(basis, policy, &choice, &moves, gain)
            + &signals::sentence(&basis.signals, basis.at.wall),
        confidence: confidence(basis, &choice, gain),
        horizon_h: problem.horizon_h,
        price_usd_per_mwh: problem.price_usd_per_mwh,
        dr_credit_usd_per_mwh: problem.dr_credit_usd_per_mwh,
        min_gain_usd_per_h: problem.min_gain_usd / problem.horizon_h,
        uncertainty: [u.price_rel, u.hash_revenue_rel, u.ai_revenue_rel],
        site_kw: solution.before.map(|account| account.site_kw),
        site_after_kw: solution.after.map(|account| account.site_kw),
        cap_kw: problem.cap_kw,
        reserve_kw: basis.reserve_kw,
        binding: choice.binding.clone(),
        assumptions: basis.assumptions.clone(),
        missing: solution.missing.clone(),
        not_needed: not_needed(problem, &solution.missing),
        gap_usd: choice.gap_usd,
        inputs_sha256: sha,
        signals: basis.signals.clone(),
        moves: if moves_something { moves } else { Vec::new() },
        gain,
        moved,
    }
}

/// What was decided, with the figures of the real costs.
pub(super) struct Choice {
    pub solution: Solution,
    pub binding: Vec<Limit>,
    /// See [`Advice::gap_usd`].
    pub gap_usd: Option<f64>,
}

/// The target is sought with the band as a cost of switching, so that one search weighs band, caps and
/// values together; then that target alone is judged at its real costs.
pub(super) fn choose(basis: &Basis, policy: &PolicyConfig, previous: Option<&Advice>) -> Choice {
    let (plain, problem) = &judged(&basis.problem);
    if matches!(plain.status, Status::NoRecommendation | Status::Infeasible) {
        return Choice { solution: plain.clone(), binding: Vec::new(), gap_usd: None };
    }
    let broken = plain.status == Status::Mandatory;
    let mut banded = Problem { min_gain_usd: 0.0, uncertainty: None, ..problem.clone() };
    for block in &mut banded.blocks {
        widen(block, problem.horizon_h, policy, previous);
        if !broken {
            keep(block, basis, policy, previous);
        }
    }
    let present_kw = plain.before.map_or(0.0, |account| account.site_kw);
    banded.cap_kw = problem.cap_kw.map(|cap| limit(cap, basis.reserve_kw, present_kw));
    let mut found = solve(&banded);
    if found.status == Status::Infeasible {
        // The reserve cannot be had; the cap can.
        banded.cap_kw = problem.cap_kw;
        found = solve(&banded);
    }
    let mut pinned = Problem { cap_kw: banded.cap_kw, ..problem.clone() };
    for (block, &units) in pinned.blocks.iter_mut().zip(&found.target) {
        (block.min_units, block.max_units) = (units, units);
    }
    let gap_usd = (!found.proven).then_some(found.gap_usd);
    Choice { solution: solve(&pinned), binding: found.binding, gap_usd }
}

/// The answer at the real costs, and the problem that it answers. A broken cap waits for nothing: blocks
/// that stand still and of which not enough is known to start them then stay where they are.
fn judged(problem: &Problem) -> (Solution, Problem) {
    let plain = solve(problem);
    if plain.status == Status::NoRecommendation {
        let mut running = problem.clone();
        for block in running.blocks.iter_mut().filter(|block| block.current == 0) {
            if block.unit_kw.is_none() || block.revenue_usd_per_unit_h.is_err() {
                (block.min_units, block.max_units) = (0, 0);
            }
        }
        let solution = solve(&running);
        if solution.status == Status::Mandatory {
            return (solution, running);
        }
    }
    (plain, problem.clone())
}

/// Starting units may fill the cap up to the reserve. What runs already may stay, as long as it keeps
/// the cap itself; once the cap is broken, the reserve is restored with it.
fn limit(cap: f64, reserve: f64, present: f64) -> f64 {
    /// More than what rounding to milliwatts can add up to.
    const SLACK_KW: f64 = 1e-3;
    let filled = cap - reserve;
    if present > cap || present <= filled { filled } else { (present + SLACK_KW).min(cap) }
}

/// The band as a cost: stopping a unit costs what lies between its break-even and `stop_above` of it,
/// for the whole horizon, and starting it likewise. A move that was advised already and not yet made
/// stands without the band: it is not taken back the moment that the price is inside again.
fn widen(block: &mut Block, horizon_h: f64, policy: &PolicyConfig, previous: Option<&Advice>) {
    let net = block.revenue_usd_per_unit_h.map_or(0.0, |r| r - block.var_cost_usd_per_unit_h).max(0.0);
    let advised = previous
        .filter(|p| p.status == Status::Change)
        .and_then(|p| p.moves.iter().find(|m| m.block == block.id))
        .map(Move::direction);
    if advised != Some(Direction::Stop) {
        block.stop_usd_per_unit += (policy.stop_above - 1.0) * net * horizon_h;
    }
    if advised != Some(Direction::Start) {
        block.start_usd_per_unit += (1.0 - policy.start_below) * net * horizon_h;
    }
}

fn dwell(policy: &PolicyConfig) -> Duration {
    Duration::from_secs(policy.min_dwell_secs)
}

/// A block that was advised to move stays, for a while, from where it was moved to.
fn keep(block: &mut Block, basis: &Basis, policy: &PolicyConfig, previous: Option<&Advice>) {
    let Some(moved) = previous.and_then(|p| p.moved.get(&block.id)) else { return };
    if basis.at.since(moved.at) >= dwell(policy) {
        return;
    }
    match moved.direction {
        Direction::Stop => block.max_units = block.max_units.min(block.current).max(block.min_units),
        Direction::Start => block.min_units = block.min_units.max(block.current).min(block.max_units),
    }
}

fn moves(basis: &Basis, choice: &Choice, fleet: &Fleet<'_>) -> Vec<Move> {
    let blocks = basis.problem.blocks.iter().zip(&choice.solution.target);
    let moving = blocks.filter(|(block, to)| block.current != **to);
    moving
        .map(|(block, &to)| {
            let wanted = block.current.abs_diff(to);
            let named = usize::try_from(wanted).unwrap_or(MOST_NAMED).min(MOST_NAMED);
            let machines = match block.class {
                Class::Hash => miners(fleet, block, to, named),
                Class::Ai => gpus(basis, block, to, named),
            };
            let more = wanted.saturating_sub(u32::try_from(machines.len()).unwrap_or(u32::MAX));
            Move {
                block: block.id.clone(),
                class: block.class,
                from_units: block.current,
                to_units: to,
                unit_kw: block.unit_kw.unwrap_or(0.0),
                idle_kw: block.idle_kw,
                overhead: block.overhead,
                power_passthrough: block.power_passthrough,
                revenue_usd_per_unit_h: block.revenue_usd_per_unit_h.unwrap_or(0.0)
                    - block.var_cost_usd_per_unit_h,
                start_usd_per_unit: block.start_usd_per_unit,
                stop_usd_per_unit: block.stop_usd_per_unit,
                committed_units: block.committed,
                stop_penalty_usd_per_unit_h: block.stop_penalty_usd_per_unit_h,
                value_usd_per_mwh: block.marginal_value_usd_per_mwh(),
                why: reason::why(basis, choice, block, to),
                machines_more: if machines.is_empty() { 0 } else { more },
                machines,
            }
        })
        .collect()
}

fn miners(fleet: &Fleet<'_>, block: &Block, to: u32, n: usize) -> Vec<String> {
    let crew = fleet.crew(&block.id);
    let ids = crew.map(|crew| if to < block.current { crew.worst(n) } else { crew.best_idle(n) });
    ids.into_iter().flatten().map(str::to_owned).collect()
}

fn gpus(basis: &Basis, block: &Block, to: u32, n: usize) -> Vec<String> {
    let gpus = basis.gpus.get(&block.id);
    let ids = gpus.map(|gpus| if to < block.current { &gpus.to_stop } else { &gpus.to_start });
    ids.into_iter().flatten().take(n).cloned().collect()
}

/// Of the advised moves; where a change is held back, of that change.
fn gain(problem: &Problem, solution: &Solution) -> Option<Gain> {
    let (before, after) = (solution.before?, solution.after?);
    if solution.status == Status::Hold && solution.hold_reason.is_none() {
        return Some(Gain {
            usd_per_h: 0.0,
            lo_usd_per_h: 0.0,
            hi_usd_per_h: 0.0,
            one_off_usd: 0.0,
            net_usd: 0.0,
        });
    }
    let per_h = |net: f64, one_off: f64| (net + one_off) / problem.horizon_h;
    let held = solution.status == Status::Hold;
    let (net, one_off) =
        if held { (solution.best_net_gain_usd, 0.0) } else { (solution.net_gain_usd, solution.one_off_usd) };
    let usd_per_h = if held { per_h(net, one_off) } else { after.profit_usd_per_h - before.profit_usd_per_h };
    let (lo, hi) = solution.net_gain_range_usd.unwrap_or((net, net));
    Some(Gain {
        usd_per_h,
        lo_usd_per_h: per_h(lo, one_off),
        hi_usd_per_h: per_h(hi, one_off),
        one_off_usd: one_off,
        net_usd: net,
    })
}

fn confidence(basis: &Basis, choice: &Choice, gain: Option<Gain>) -> Confidence {
    let solution = &choice.solution;
    let threshold = basis.problem.min_gain_usd / basis.problem.horizon_h;
    let only_the_sign =
        solution.status == Status::Change && gain.is_some_and(|gain| gain.lo_usd_per_h <= threshold);
    match worst(basis) {
        _ if only_the_sign || matches!(solution.status, Status::NoRecommendation) => Confidence::Low,
        Quality::Measured if choice.gap_usd.is_none() => Confidence::High,
        Quality::Measured => Confidence::Medium,
        Quality::Estimated => Confidence::Medium,
        Quality::Stale => Confidence::Low,
    }
}

/// Inputs that are missing and change nothing: those of blocks that cannot move.
fn not_needed(problem: &Problem, missing: &[String]) -> Vec<String> {
    let of_block = |block: &Block| {
        let revenue = block.revenue_usd_per_unit_h.err().map(|name| format!("{}.{name}", block.id));
        let power = block.unit_kw.is_none().then(|| format!("{}.unit_kw", block.id));
        revenue.into_iter().chain(power)
    };
    problem.blocks.iter().flat_map(of_block).filter(|name| !missing.contains(name)).collect()
}

fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, text.as_bytes()).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
