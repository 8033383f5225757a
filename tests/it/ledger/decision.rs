//! What was decided, in money, and what the last day and the last 30 days say about it.

use wattsplit::economics::regret::Margins;
use wattsplit::ledger::decision::{Decided, DecisionRow, Regret};
use wattsplit::ledger::query::Reader;
use wattsplit::ledger::store::Batch;

use super::*;

fn judged(actual: f64) -> Read<Margins> {
    Ok(Reading::measured(Margins { actual, always_on: 12.0, perfect: 36.0 }, "test"))
}

/// Rows of the intervals of `from <= t <= to`, observed every 10 s with what `margins` says.
fn observe(
    accruer: &mut Accruer,
    from: i64,
    to: i64,
    margins: impl Fn(i64) -> Read<Margins>,
) -> Vec<DecisionRow> {
    let times = (from..=to).step_by(10);
    times.flat_map(|t| accruer.observe(&split(kw(120.0)), margins(t), at(t)).decisions).collect()
}

/// An interval that earned 1 USD, would have earned nothing always on, and 2 at best.
fn decided(interval: i64, amounts: Result<([i64; 3], Quality), Missing>) -> DecisionRow {
    let coverage = if amounts.is_ok() { Fraction::new(1.0).unwrap() } else { Fraction::ZERO };
    DecisionRow { start: UnixMs(START_MS + interval * INTERVAL_MS), micro_usd: amounts, coverage }
}

const HALF: Result<([i64; 3], Quality), Missing> = Ok(([1_000_000, 0, 2_000_000], Quality::Measured));

fn regret(rows: Vec<DecisionRow>) -> Regret {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&dir.path().join("ledger.sqlite")).unwrap();
    ledger.append(Batch { decisions: rows, ..Batch::default() }).unwrap();
    ledger.close().regret
}

#[test]
fn an_interval_holds_what_ran_always_on_and_perfect() {
    let mut accruer = Accruer::default();
    let rows = observe(&mut accruer, 0, 600, |t| judged(if t < 300 { 12.0 } else { 24.0 }));
    assert_eq!(rows.len(), 2);
    // 12 USD/h for an interval is a dollar; the step to 24 lies between two looks.
    assert_eq!(rows[0].micro_usd, Ok(([1_016_667, 1_000_000, 3_000_000], Quality::Measured)));
    assert_eq!(rows[1].micro_usd, Ok(([2_000_000, 1_000_000, 3_000_000], Quality::Measured)));
}

#[test]
fn time_that_cannot_be_judged_is_not_covered_and_below_half_there_is_no_amount() {
    let mut accruer = Accruer::default();
    let unknown =
        |from: i64| move |t: i64| if t % 300 < from { judged(12.0) } else { Err(Missing::NotReported) };
    let rows = observe(&mut accruer, 0, 300, unknown(200));
    assert_eq!(rows[0].micro_usd, Ok(([633_333, 633_333, 1_900_000], Quality::Estimated)));
    assert!((rows[0].coverage.get() - 190.0 / 300.0).abs() < 1e-9);
    let rows = observe(&mut accruer, 310, 600, unknown(100));
    assert_eq!(rows[0].micro_usd, Err(Missing::NotReported));
}

#[test]
fn an_interval_is_gone_on_with_after_a_restart() {
    let mut first = Accruer::default();
    observe(&mut first, 0, 150, |_| judged(12.0));
    let state = serde_json::to_string(&first.open_interval().unwrap()).unwrap();
    let mut second = Accruer::default();
    second.resume(serde_json::from_str(&state).unwrap());
    let rows = observe(&mut second, 150, 300, |_| judged(12.0));
    assert_eq!(rows[0].micro_usd, Ok(([1_000_000, 1_000_000, 3_000_000], Quality::Measured)));
}

#[test]
fn the_regret_is_that_of_the_last_24_hours_and_the_rest_that_of_30_days() {
    // The first day earned nothing, the second half of what could be had.
    let nothing = Ok(([0, 0, 2_000_000], Quality::Measured));
    let rows = (0..576).map(|i| decided(i, if i < 288 { nothing } else { HALF }));
    let regret = regret(rows.collect());
    let day = regret.usd_24h.unwrap();
    assert_eq!((day.value.get(), day.quality, regret.coverage_24h.get()), (288.0, Quality::Measured, 1.0));
    let month = regret.percent_of_perfect_30d.unwrap();
    assert_eq!((month.value, month.quality), (25.0, Quality::Estimated));
    assert!((regret.coverage_30d.get() - 2.0 / 30.0).abs() < 1e-9);
}

#[test]
fn too_little_says_nothing_and_nothing_to_gain_is_no_percentage() {
    let half_a_day = regret((0..144).map(|i| decided(i, HALF)).collect());
    assert_eq!(half_a_day.usd_24h.unwrap().quality, Quality::Estimated, "half of the day");
    assert_eq!(half_a_day.percent_of_perfect_30d, Err(Missing::NotYet));
    let less = regret((0..143).map(|i| decided(i, HALF)).collect());
    assert_eq!(less.usd_24h, Err(Missing::NotYet));
    assert_eq!(regret(vec![]), Regret::default());
    let unknown = (0..288).map(|i| decided(i, if i % 2 == 0 { HALF } else { Err(Missing::Timeout) }));
    assert_eq!(regret(unknown.collect()).usd_24h.unwrap().value.get(), 144.0, "what is missing is not zero");
    let even = Ok(([5, 5, 5], Quality::Measured));
    let calm = regret((0..288).map(|i| decided(i, even)).collect());
    assert_eq!(calm.percent_of_perfect_30d, Err(Missing::Undefined));
    assert_eq!(calm.usd_24h.unwrap().value, Usd::ZERO);
}

#[test]
fn a_day_is_read_back_and_a_row_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    let rows: Vec<DecisionRow> = (0..120).map(|i| decided(i, HALF)).collect();
    for _ in 0..2 {
        ledger.append(Batch { decisions: rows.clone(), ..Batch::default() }).unwrap();
    }
    ledger.close();
    let day = UnixMs(START_MS - START_MS % DAY_MS);
    let days = Reader::open(&path).unwrap().decisions(day, UnixMs(day.0 + 2 * DAY_MS)).unwrap();
    let expected = Decided {
        start: day,
        actual_micro_usd: 120_000_000,
        always_on_micro_usd: 0,
        perfect_micro_usd: 240_000_000,
        quality: Quality::Estimated,
        coverage: 120.0 / 288.0,
    };
    assert_eq!(days, [expected]);
    assert_eq!((expected.regret_micro_usd(), expected.percent_of_perfect()), (120_000_000, Some(50.0)));
}
