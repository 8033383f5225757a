//! The ledger: intervals out of observations, and rows in real files.

#[path = "ledger/clock.rs"]
mod clock;
#[path = "ledger/command.rs"]
mod command;
#[path = "ledger/decision.rs"]
mod decision;
#[path = "ledger/earnings.rs"]
mod earnings;
#[path = "ledger/file.rs"]
mod file;
#[path = "ledger/hosting.rs"]
mod hosting;
#[path = "ledger/journal.rs"]
mod journal;
#[path = "ledger/killed.rs"]
mod killed;
#[path = "ledger/meter.rs"]
mod meter;
#[path = "ledger/restart.rs"]
mod restart;
#[path = "ledger/settlements.rs"]
mod settlements;
#[path = "ledger/site.rs"]
mod site;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use wattsplit::clock::{Now, UnixMs};
use wattsplit::economics::{BlockMoney, Class, IndexCheck, Metering, Money, Split};
use wattsplit::ledger::accrual::Accruer;
use wattsplit::ledger::store::Ledger;
use wattsplit::ledger::{Accrued, INTERVAL_MS, Row};
use wattsplit::reading::{Missing, Quality, Read, Reading};
use wattsplit::units::*;

use crate::broker::installed;

/// 2025-11-21 14:00:00 UTC.
const START_MS: i64 = 1_763_733_600_000;
const DAY_MS: i64 = 86_400_000;

fn at(offset_s: i64) -> Now {
    // Monotonic time started long before.
    let mono = Duration::from_secs(u64::try_from(1_000_000 + offset_s).unwrap());
    Now { wall: UnixMs(START_MS + offset_s * 1000), mono }
}

fn with_wall(now: Now, shift_s: i64) -> Now {
    Now { wall: UnixMs(now.wall.0 + shift_s * 1000), ..now }
}

/// One block that draws `kw` and earns 36 USD/h, at 50 USD/MWh.
pub fn split(kw: Read<f64>) -> Split {
    let per_h = |usd| UsdPerHour::new(usd).unwrap();
    let power = kw.map(|kw| kw.map(|kw| Watts::from_kw(kw).unwrap()));
    let money = Money {
        revenue: Ok(Reading::estimated(per_h(36.0), "test")),
        it_power: power,
        facility_power: power,
        power_cost: kw.map(|kw| kw.map(|kw| per_h(kw * 0.05))),
        margin: Err(Missing::NotReported),
        usd_per_mwh: Err(Missing::NotReported),
        breakeven: Err(Missing::NotReported),
        share: Err(Missing::NotReported),
        coverage: Fraction::new(1.0).unwrap(),
    };
    Split {
        at: at(0),
        btc_usd: Err(Missing::NotReported),
        hashprice: Ok(Reading::measured(UsdPerPhDay::new(38.2).unwrap(), "test")),
        retarget: Err(Missing::NotYet),
        index: IndexCheck::default(),
        power_price: Ok(Reading::measured(UsdPerMwh::new(50.0).unwrap(), "test")),
        hash: money.clone(),
        ai: money.clone(),
        site_power: Err(Missing::NotReported),
        metering: Metering::default(),
        pools: Vec::new(),
        cap: None,
        blocks: vec![BlockMoney { id: "main-s21".into(), class: Class::Hash, money, statement: None }],
        issues: vec![],
    }
}

pub fn kw(kw: f64) -> Read<f64> {
    Ok(Reading::measured(kw, "test"))
}

/// The rows of blocks that one observation closes.
pub fn rows_of(accruer: &mut Accruer, split: &Split, now: Now) -> Vec<Row> {
    accruer.observe(split, Err(Missing::NotYet), now).rows
}

/// Observes 120 kW every 10 s for `from <= t <= to`.
fn steady(accruer: &mut Accruer, from: i64, to: i64, shift_s: i64) -> Vec<Row> {
    let times = (from..=to).step_by(10);
    times.flat_map(|t| rows_of(accruer, &split(kw(120.0)), with_wall(at(t), shift_s))).collect()
}

fn starts(rows: &[Row]) -> Vec<i64> {
    rows.iter().map(|row| (row.start.0 - START_MS) / INTERVAL_MS).collect()
}

#[test]
fn an_interval_closes_when_its_time_is_over() {
    let mut accruer = Accruer::default();
    assert_eq!(steady(&mut accruer, 0, 290, 0), []);
    let rows = steady(&mut accruer, 300, 300, 0);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.start, row.block.as_str()), (UnixMs(START_MS), "main-s21"));
    assert_eq!(row.energy_wh.amount, Ok((10_000, Quality::Measured)));
    assert_eq!(row.revenue_micro_usd.amount, Ok((3_000_000, Quality::Estimated)));
    assert_eq!(row.cost_micro_usd.amount, Ok((500_000, Quality::Measured)));
    assert_eq!(row.energy_wh.coverage.get(), 1.0);
    assert_eq!(row.hashprice.unwrap().get(), 38.2);
    assert_eq!(row.power_price.unwrap().get(), 50.0);
}

#[test]
fn a_row_of_hashing_holds_its_pool_and_the_bitcoin_price_and_one_of_hosting_does_not() {
    let pools = [("main".to_owned(), "braiins-main".to_owned())];
    let mut accruer = Accruer::new(pools.into());
    let mut split = split(kw(120.0));
    let block = |id: &str, class| BlockMoney { id: id.into(), class, ..split.blocks[0].clone() };
    let more = [block("main-t21", Class::Ai), block("mainland-s21", Class::Hash)];
    split.blocks.extend(more);
    let price = |t| if t < 15 { 100_000.0 } else { 110_000.0 };
    let observed = (0..=30).flat_map(|t| {
        split.btc_usd = Ok(Reading::measured(Usd::new(price(t)).unwrap(), "test"));
        rows_of(&mut accruer, &split, at(t * 10))
    });
    let rows: Vec<Row> = observed.collect();
    let seen: Vec<_> =
        rows.iter().map(|row| (row.block.as_str(), row.pool.as_deref(), row.btc_usd.map(Usd::get))).collect();
    let mean = Some(105_000.0);
    assert_eq!(
        seen,
        [("main-s21", Some("braiins-main"), mean), ("mainland-s21", None, mean), ("main-t21", None, None)]
    );
}

#[test]
fn a_ramp_over_a_boundary_is_shared_exactly() {
    let mut accruer = Accruer::default();
    steady(&mut accruer, 0, 270, 0);
    // From 120 kW at 270 s to 0 kW at 330 s: 60 kW at the boundary.
    let rows = rows_of(&mut accruer, &split(kw(0.0)), at(330));
    let first = 120_000.0 * 270.0 / 3600.0 + 90_000.0 * 30.0 / 3600.0;
    assert_eq!(rows[0].energy_wh.amount, Ok((first as i64, Quality::Measured)));
    let rows: Vec<Row> = (34..=60).flat_map(|t| rows_of(&mut accruer, &split(kw(0.0)), at(t * 10))).collect();
    assert_eq!(rows[0].energy_wh.amount, Ok((250, Quality::Measured)));
}

#[test]
fn silence_is_not_bridged() {
    let mut accruer = Accruer::default();
    steady(&mut accruer, 0, 200, 0);
    // 130 s of silence, then on. 200 of 300 s were seen.
    let rows = steady(&mut accruer, 330, 600, 0);
    assert_eq!(starts(&rows), [0, 1]);
    assert_eq!(rows[0].energy_wh.amount, Ok((6_667, Quality::Estimated)));
    assert!((rows[0].energy_wh.coverage.get() - 200.0 / 300.0).abs() < 1e-9);
    // The carry of the rounding goes on: 9,000 less a third.
    assert_eq!(rows[1].energy_wh.amount, Ok((9_000, Quality::Estimated)));
    assert!((rows[1].energy_wh.coverage.get() - 0.9).abs() < 1e-9);
}

#[test]
fn what_is_missing_has_its_reason_and_spoils_nothing_else() {
    let mut accruer = Accruer::default();
    let rows: Vec<Row> =
        (0..=30).flat_map(|t| rows_of(&mut accruer, &split(Err(Missing::Timeout)), at(t * 10))).collect();
    assert_eq!(rows[0].energy_wh.amount, Err(Missing::Timeout));
    assert_eq!(rows[0].energy_wh.coverage, Fraction::ZERO);
    assert_eq!(rows[0].revenue_micro_usd.amount, Ok((3_000_000, Quality::Estimated)));
}

#[test]
fn a_wall_clock_that_jumps_back_writes_no_interval_twice_and_loses_none_silently() {
    let mut accruer = Accruer::default();
    let mut rows = steady(&mut accruer, 0, 610, 0);
    // The wall clock goes back by 400 s, and real time goes on.
    rows.extend(steady(&mut accruer, 620, 2_000, -400));
    assert_eq!(starts(&rows), [0, 1, 2, 3, 4]);
    assert_eq!(accruer.repeated, Duration::from_secs(400));
    for row in &rows {
        assert_eq!(row.energy_wh.amount, Ok((10_000, Quality::Measured)), "{:?}", row.start);
    }
}

#[test]
fn a_wall_clock_that_was_a_day_ahead_is_not_waited_for() {
    let mut accruer = Accruer::default();
    let mut rows = steady(&mut accruer, 0, 500, 86_400);
    rows.extend(steady(&mut accruer, 510, 910, 0));
    // The open interval of the wrong time ends; the right time begins in the middle of its own.
    assert_eq!(starts(&rows), [288, 289, 1, 2]);
    let observed: f64 = rows.iter().map(|row| row.energy_wh.coverage.get() * 300.0).sum();
    assert!((observed - 900.0).abs() < 1e-6, "{observed} s of 900 s");
    assert_eq!(accruer.repeated, Duration::ZERO);
}

#[test]
fn wall_time_that_was_jumped_over_is_not_covered() {
    let mut accruer = Accruer::default();
    let mut rows = steady(&mut accruer, 0, 300, 0);
    rows.extend(steady(&mut accruer, 310, 600, 700));
    assert_eq!(starts(&rows), [0, 1, 2, 3]);
    let amounts: Vec<_> = rows.iter().map(|row| row.energy_wh.amount).collect();
    let whole = Ok((10_000, Quality::Measured));
    // Interval 3 begins 100 s before the first observation after the jump can speak.
    let part = Ok((6_667, Quality::Estimated));
    assert_eq!(amounts, [whole, Err(Missing::NotYet), Err(Missing::NotYet), part]);
}

#[test]
fn a_jump_over_years_does_not_flood_the_ledger() {
    let mut accruer = Accruer::default();
    steady(&mut accruer, 0, 100, 0);
    let rows = steady(&mut accruer, 110, 110, 3 * 365 * 86_400);
    assert!(rows.len() < 300, "{} rows", rows.len());
    let skipped = accruer.skipped_intervals + rows.len() as u64;
    assert_eq!(skipped, 3 * 365 * 288);
}

#[test]
fn a_clock_that_is_not_set_yet_accrues_nothing() {
    let mut accruer = Accruer::default();
    let in_1970 = -START_MS / 1000;
    assert_eq!(steady(&mut accruer, 0, 900, in_1970), []);
    assert_eq!(starts(&steady(&mut accruer, 910, 1_500, 0)), [3, 4]);
}

#[test]
fn a_block_that_goes_has_a_last_row_and_no_more() {
    let mut accruer = Accruer::default();
    steady(&mut accruer, 0, 200, 0);
    let mut gone = split(kw(120.0));
    gone.blocks.clear();
    let rows: Vec<Row> = (21..=90).flat_map(|t| rows_of(&mut accruer, &gone, at(t * 10))).collect();
    assert_eq!(starts(&rows), [0]);
    assert_eq!(rows[0].energy_wh.amount, Ok((6_667, Quality::Estimated)));
}

// ---- files ----------------------------------------------------------------------------------

fn row(interval: i64, wh: i64) -> Row {
    let full =
        |amount| Accrued { amount: Ok((amount, Quality::Measured)), coverage: Fraction::new(1.0).unwrap() };
    Row {
        start: UnixMs(START_MS + interval * INTERVAL_MS),
        class: Class::Hash,
        block: "main-s21".into(),
        energy_wh: full(wh),
        revenue_micro_usd: full(3_000_000),
        cost_micro_usd: Accrued { amount: Err(Missing::Expired), coverage: Fraction::ZERO },
        hashprice: UsdPerPhDay::new(38.2),
        power_price: None,
        pool: Some("braiins-main".into()),
        btc_usd: Usd::new(100_000.0),
        program: "0.0.0-test",
    }
}

/// Rows, and the sums of energy, revenue and cost, of one class.
struct Sum {
    class: String,
    rows: i64,
    energy_wh: Option<i64>,
    revenue_micro_usd: Option<i64>,
    cost_micro_usd: Option<i64>,
}

fn sum(path: &Path, from: UnixMs, to: UnixMs) -> rusqlite::Result<Vec<Sum>> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    let mut statement = connection.prepare(
        "SELECT class, count(*), sum(energy_wh), sum(revenue_micro_usd), sum(cost_micro_usd)
         FROM interval WHERE start_ms >= ?1 AND start_ms < ?2 GROUP BY class",
    )?;
    let sum = |row: &rusqlite::Row<'_>| {
        Ok(Sum {
            class: row.get(0)?,
            rows: row.get(1)?,
            energy_wh: row.get(2)?,
            revenue_micro_usd: row.get(3)?,
            cost_micro_usd: row.get(4)?,
        })
    };
    statement.query_map([from.0, to.0], sum)?.collect()
}

#[test]
fn rows_are_still_there_when_the_file_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![row(0, 10_000), row(1, 10_001)]).unwrap();
    assert_eq!(ledger.close().written, 2);

    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![row(288, 7)]).unwrap();
    assert_eq!(ledger.close().written, 1);

    let day = sum(&path, UnixMs(START_MS), UnixMs(START_MS + DAY_MS)).unwrap();
    assert_eq!(day.len(), 1);
    assert_eq!((day[0].class.as_str(), day[0].rows), ("hash", 2));
    assert_eq!(day[0].energy_wh, Some(20_001));
    assert_eq!(day[0].revenue_micro_usd, Some(6_000_000));
    assert_eq!(day[0].cost_micro_usd, None, "missing is not zero");
}

#[test]
fn an_interval_is_written_once_and_the_first_row_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![row(0, 10_000)]).unwrap();
    ledger.append(vec![row(0, 99), row(1, 10_000)]).unwrap();
    let status = ledger.close();
    assert_eq!((status.written, status.duplicates), (2, 1));
    let day = sum(&path, UnixMs(START_MS), UnixMs(START_MS + DAY_MS)).unwrap();
    assert_eq!(day[0].energy_wh, Some(20_000));
}

#[test]
fn the_file_opens_with_plain_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![row(0, 10_000)]).unwrap();
    ledger.close();
    let query = "SELECT block, energy_wh, energy_quality, cost_micro_usd IS NULL, cost_missing FROM interval";
    if !installed("sqlite3") {
        return;
    }
    let out = Command::new("sqlite3").arg(&path).arg(query).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(text, "main-s21|10000|measured|1|expired\n");
}
