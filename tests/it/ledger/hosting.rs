//! The parts of what a hosting earned, from moments to rows on disk.

use rusqlite::Connection;
use wattsplit::economics::{RevenueBasis, Statement};
use wattsplit::ledger::hosting::HostingRow;
use wattsplit::ledger::store::Batch;

use super::*;

/// 36 USD/h gross, 9 for the platform, and what is owed.
fn earning(penalty: Option<Read<f64>>) -> Split {
    let usd = |usd: f64| UsdPerHour::new(usd).unwrap();
    let known = |value| Ok(Reading::estimated(usd(value), "test"));
    let statement = Statement {
        basis: RevenueBasis::Theoretical,
        gross: known(36.0),
        fee: known(9.0),
        penalty: penalty.map(|read| read.map(|read| read.map(usd))),
        net: known(27.0),
    };
    let mut split = split(kw(10.0));
    split.blocks[0] = BlockMoney {
        id: "market".into(),
        class: Class::Ai,
        statement: Some(statement),
        ..split.blocks[0].clone()
    };
    split
}

/// The rows that close when a hosting is observed every 10 s for `from <= t <= to`.
fn observe(accruer: &mut Accruer, from: i64, to: i64, penalty: Option<Read<f64>>) -> Vec<HostingRow> {
    let times = (from..=to).step_by(10);
    let split = earning(penalty);
    times.flat_map(|t| accruer.observe(&split, Err(Missing::NotYet), at(t)).hosting_rows).collect()
}

fn owed(usd: f64) -> Option<Read<f64>> {
    Some(Ok(Reading::measured(usd, "test")))
}

#[test]
fn an_interval_holds_gross_fee_and_penalty_apart_and_says_what_they_rest_on() {
    let rows = observe(&mut Accruer::default(), 0, 300, owed(12.0));
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (row.hosting.as_str(), row.basis.as_str(), row.start),
        ("market", "theoretical", UnixMs(START_MS))
    );
    assert_eq!(row.gross.amount, Ok((3_000_000, Quality::Estimated)));
    assert_eq!(row.fee.amount, Ok((750_000, Quality::Estimated)));
    assert_eq!(row.penalty.unwrap().amount, Ok((1_000_000, Quality::Measured)));
}

#[test]
fn a_hosting_without_a_commitment_owes_nothing_and_not_zero() {
    let rows = observe(&mut Accruer::default(), 0, 300, None);
    assert_eq!(rows[0].penalty, None);
    let unknown = observe(&mut Accruer::default(), 0, 300, Some(Err(Missing::Timeout)));
    assert_eq!(unknown[0].penalty.unwrap().amount, Err(Missing::Timeout));
    assert!(unknown[0].gross.amount.is_ok());
}

#[test]
fn a_restart_inside_an_interval_leaves_one_row_with_what_both_observed() {
    let mut first = Accruer::default();
    observe(&mut first, 0, 150, owed(12.0));
    let state = serde_json::to_string(&first.open_interval().unwrap()).unwrap();
    let mut second = Accruer::default();
    second.resume(serde_json::from_str(&state).unwrap());
    let rows = observe(&mut second, 150, 300, owed(12.0));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].penalty.unwrap().amount, Ok((1_000_000, Quality::Measured)));
}

#[test]
fn rows_are_on_disk_once_and_their_numbers_are_those_of_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let rows = observe(&mut Accruer::default(), 0, 600, owed(12.0));
    let mut ledger = Ledger::open(&path).unwrap();
    for _ in 0..2 {
        ledger.append(Batch { hosting_rows: rows.clone(), ..Batch::default() }).unwrap();
    }
    ledger.close();
    let sums: (i64, i64, i64, i64) = Connection::open(&path)
        .unwrap()
        .query_row(
            "SELECT count(*), sum(gross_micro_usd), sum(fee_micro_usd), sum(penalty_micro_usd)
             FROM hosting_interval WHERE hosting = 'market' AND basis = 'theoretical'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!(sums, (2, 6_000_000, 1_500_000, 2_000_000));
}
