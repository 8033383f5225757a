//! A clock that is wrong for a while, and prices that change with an interval.

use super::*;

#[test]
fn a_jump_ahead_that_is_taken_back_costs_no_time_but_that_of_the_wrong_clock() {
    for ahead in [3_600, 86_400] {
        let mut accruer = Accruer::default();
        let mut rows = steady(&mut accruer, 0, 310, 0);
        rows.extend(steady(&mut accruer, 320, 340, ahead));
        rows.extend(steady(&mut accruer, 350, 900, 0));
        assert_eq!(accruer.steps_back, 1);
        // What is written of each interval: the first row with an amount.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.sqlite");
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.append(rows).unwrap();
        ledger.close();
        let ledger = rusqlite::Connection::open(&path).unwrap();
        let energy = |interval: i64| -> (Option<i64>, f64) {
            let row = "SELECT energy_wh, energy_coverage FROM interval WHERE start_ms = ?1";
            let start = START_MS + interval * INTERVAL_MS;
            ledger.query_row(row, [start], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
        };
        assert_eq!(energy(0), (Some(10_000), 1.0));
        // 30 of its 300 s had another name.
        let (wh, coverage) = energy(1);
        assert!(coverage > 0.85 && wh > Some(8_500), "{ahead} s ahead: {wh:?} Wh, {coverage}");
        assert_eq!(energy(2), (Some(10_000), 1.0), "{ahead} s ahead");
    }
}

#[test]
fn a_price_that_changes_with_the_interval_costs_nothing_in_the_one_before() {
    let mut accruer = Accruer::default();
    let mut rows = Vec::new();
    // Seen 3 s after it changed, as sources are.
    for t in (3..=613).step_by(10) {
        let price = if t < 300 { 36.5 } else { 5_000.0 };
        let mut split = split(kw(120.0));
        split.power_price = split.power_price.map(|p| p.map(|_| UsdPerMwh::new(price).unwrap()));
        let cost = UsdPerHour::new(0.12 * price).unwrap();
        split.blocks[0].money.power_cost = Ok(Reading::measured(cost, "test"));
        rows.extend(rows_of(&mut accruer, &split, at(t)));
    }
    for (row, price) in rows.iter().zip([36.5, 5_000.0]) {
        let (wh, micro_usd) = (row.energy_wh.amount.unwrap().0, row.cost_micro_usd.amount.unwrap().0);
        assert!((micro_usd as f64 / wh as f64 - price).abs() < 0.001 * price, "{micro_usd} for {wh} Wh");
        assert!((row.power_price.unwrap().get() - price).abs() < 1e-6);
    }
}
