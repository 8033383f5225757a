//! The advice of a replay is the advice of the live code, hour by hour.

use jiff::Timestamp;
use wattsplit::advice::{Basis, Fleet as NoMachines, PolicyConfig, renew};
use wattsplit::backtest::hashprice::HashpriceHistory;
use wattsplit::backtest::history::Period;
use wattsplit::backtest::{Fleet, History, Policy, Run, power, replay};
use wattsplit::clock::{Now, UnixMs};
use wattsplit::economics::Class;
use wattsplit::economics::dispatch::{Block, Problem, Status};
use wattsplit::units::{UsdPerMwh, UsdPerPhDay};

use super::{a_week, alone, mixed};

/// 20 J/TH, 1 MW, worth 103.125 USD/MWh at 50 USD/PH/day and a fee of 1 %.
fn worth_103() -> Fleet {
    alone(20.0)
}

/// One hour after the other from midnight of the first of January on.
fn at_prices(prices: &[f64]) -> History {
    let rows: String =
        prices.iter().enumerate().map(|(n, price)| format!("2025-01-01,{},{price}\n", n + 1)).collect();
    let power = power::parse("p.csv", format!("date_cpt,he,rtm\n{rows}").as_bytes()).unwrap();
    let hashprice = HashpriceHistory::Fixed(UsdPerPhDay::new(50.0).unwrap());
    History::new(&power, &hashprice, None, Period::default(), UsdPerMwh::ZERO)
}

fn advised(prices: &[f64], policy: &PolicyConfig) -> Run {
    replay(&at_prices(prices).hours, &worth_103(), Policy::ADVICE, policy).unwrap()
}

fn on(run: &Run) -> Vec<bool> {
    run.steps.iter().map(|step| step.units == [100]).collect()
}

#[test]
fn the_band_decides_when_to_stop_and_when_to_start_again() {
    // Stop above 118.6, start below 98.0.
    let policy = PolicyConfig { price_rel: 0.0, hash_revenue_rel: 0.0, ..PolicyConfig::default() };
    let run = advised(&[90.0, 115.0, 120.0, 100.0, 97.0, 104.0], &policy);
    assert_eq!(on(&run), [true, true, false, false, true, true]);
}

#[test]
fn a_gain_below_the_threshold_is_left() {
    let policy = PolicyConfig { min_gain_usd_per_h: 50.0, ..PolicyConfig::default() };
    assert_eq!(on(&advised(&[120.0, 160.0], &policy)), [true, false]);
}

#[test]
fn a_block_stays_where_it_was_moved_to_for_the_dwell() {
    let policy = PolicyConfig { min_dwell_secs: 3 * 3600, ..PolicyConfig::default() };
    assert_eq!(on(&advised(&[200.0, 20.0, 20.0, 20.0], &policy)), [false, false, false, true]);
}

#[test]
fn a_price_that_is_wrong_by_what_is_stated_must_not_make_the_move_a_loss() {
    let policy = PolicyConfig { price_rel: 0.2, stop_above: 1.0, ..PolicyConfig::default() };
    assert_eq!(on(&advised(&[120.0, 150.0], &policy)), [true, false]);
}

/// The other way round: each hour stated by hand and given to the live code.
#[test]
fn every_advice_is_what_the_live_code_gives_for_the_hour() {
    let history = a_week();
    let fleet = mixed(Some(3_000.0));
    let policy = PolicyConfig::default();
    let run = replay(&history.hours, &fleet, Policy::ADVICE, &policy).unwrap();
    assert_eq!(run.advice.len(), 168, "one an hour: each is older than its validity when the next is due");
    let filled = replay(&history.hours, &fleet, Policy::ALWAYS_ON, &policy).unwrap();
    let mut present = filled.steps[0].units.clone();
    let mut previous = None;
    let mut moves = 0;
    for ((hour, step), got) in history.hours.iter().zip(&run.steps).zip(&run.advice) {
        let blocks = fleet.blocks.iter().zip(&present).map(|(b, &current)| Block {
            id: b.id.clone(),
            class: Class::Hash,
            units: 100,
            current,
            min_units: 0,
            max_units: 100,
            unit_kw: Some(b.unit_power.kw()),
            idle_kw: 0.0,
            overhead: 1.0,
            revenue_usd_per_unit_h: Ok(b.unit_hashrate.phs() * hour.hashprice.value.get() / 24.0 * 0.99),
            var_cost_usd_per_unit_h: 0.0,
            committed: 0,
            stop_penalty_usd_per_unit_h: 0.0,
            power_passthrough: false,
            start_usd_per_unit: 0.0,
            stop_usd_per_unit: 0.0,
        });
        let problem = Problem {
            price_usd_per_mwh: Some(hour.price.get()),
            dr_credit_usd_per_mwh: 0.0,
            cap_kw: Some(3_000.0),
            cooling_cap_kw: None,
            fixed_overhead_kw: 0.0,
            horizon_h: 1.0,
            min_gain_usd: 1.0,
            uncertainty: Some(policy.uncertainty()),
            blocks: blocks.collect(),
        };
        let secs = hour.start.as_second();
        let mono = std::time::Duration::from_secs(secs.unsigned_abs());
        let at = Now { wall: UnixMs::from_secs(secs), mono };
        let basis = Basis { price_until: Some(UnixMs::from_secs(secs + 3600)), ..Basis::of(problem, at) };
        let wanted = renew(&basis, &policy, &NoMachines::default(), previous.as_ref());
        let decided = (got.status, &got.moves, got.gain, &got.text);
        assert_eq!(decided, (wanted.status, &wanted.moves, wanted.gain, &wanted.text), "{}", hour.start);
        assert_eq!((&got.id, &got.supersedes), (&wanted.id, &wanted.supersedes));
        for m in &wanted.moves {
            let at = fleet.blocks.iter().position(|b| b.id == m.block).unwrap();
            present[at] = m.to_units;
            moves += 1;
        }
        assert_eq!(step.units, present, "followed at once");
        previous = Some(wanted);
    }
    assert!(moves > 10, "{moves}");
}

#[test]
fn advice_is_valid_no_longer_than_the_price_and_names_the_one_before() {
    let policy = PolicyConfig { period_secs: 7200, ..PolicyConfig::default() };
    let run = advised(&[90.0, 90.0, 200.0, 90.0], &policy);
    assert_eq!(run.advice.iter().map(|a| a.status).collect::<Vec<_>>()[2..], [Status::Change; 2]);
    let mut before: Option<String> = None;
    for (advice, hour) in run.advice.iter().zip(at_prices(&[0.0; 4]).hours) {
        assert_eq!(advice.issued.wall.timestamp(), Some(hour.start));
        let end = Timestamp::from_second(hour.start.as_second() + 3600).ok();
        assert_eq!(advice.valid_until().timestamp(), end);
        assert_eq!(advice.supersedes, before);
        before = Some(advice.id.clone());
    }
}

#[test]
fn without_a_price_there_is_no_recommendation_and_nothing_moves() {
    let late = Policy::ALL[7];
    let run =
        replay(&at_prices(&[200.0, 200.0]).hours, &worth_103(), late, &PolicyConfig::default()).unwrap();
    assert_eq!(run.advice[0].status, Status::NoRecommendation);
    assert_eq!(run.advice[0].missing, ["price"]);
    assert_eq!(on(&run), [true, false]);
}
