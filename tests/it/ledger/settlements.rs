//! What pools settle, in the file, and against what was accrued.

use super::*;
use wattsplit::economics::capture::{Band, PoolDay};
use wattsplit::ledger::Settlement;
use wattsplit::ledger::query::Reader;
use wattsplit::reading::SettledKind;

/// 2025-11-21 00:00:00 UTC.
const DAY: i64 = START_MS - 14 * 3_600_000;
/// A day of [`row`]s: 288 × 3 USD at 100,000 USD.
const ACCRUED_SATS: i64 = 864_000;

pub fn settled(day: i64, sats: i64) -> Settlement {
    Settlement {
        pool: "braiins-main".into(),
        kind: SettledKind::UtcDay,
        at: UnixMs(DAY + day * DAY_MS),
        net: Sats(sats),
        seen: UnixMs(DAY + (day + 1) * DAY_MS + 3_600_000),
    }
}

/// The rows of a whole day.
pub fn day_of_rows(day: i64) -> Vec<Row> {
    (0..288).map(|i| Row { start: UnixMs(DAY + day * DAY_MS + i * INTERVAL_MS), ..row(0, 10_000) }).collect()
}

fn captures(path: &Path) -> Vec<PoolDay> {
    let all = Reader::open(path).unwrap().captures(UnixMs(0), UnixMs(i64::MAX)).unwrap();
    all.into_iter().map(|(_, day)| day).collect()
}

fn ratio(day: &PoolDay) -> Result<f64, Missing> {
    day.capture.map(|ratio| (ratio.value.get() * 1e6).round() / 1e6)
}

#[test]
fn what_a_pool_repeats_is_written_once_and_what_it_changes_names_the_row_it_corrects() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![settled(0, 500), settled(1, 700)]).unwrap();
    ledger.append(vec![settled(0, 500), settled(1, 710)]).unwrap();
    assert_eq!(ledger.close().settlements, 3);
    // The next process is told all of it again.
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![settled(0, 500), settled(1, 710)]).unwrap();
    ledger.append(vec![settled(1, 700)]).unwrap();
    assert_eq!(ledger.close().settlements, 1);

    let rows = Reader::open(&path).unwrap().settlements(UnixMs(0), UnixMs(i64::MAX)).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.id, row.net.0, row.corrects)).collect();
    assert_eq!(seen, [(1, 500, None), (2, 700, None), (3, 710, Some(2)), (4, 700, Some(3))]);
    assert_eq!(
        captures(&path).iter().map(|day| day.settled).collect::<Vec<_>>(),
        [Some(Sats(500)), Some(Sats(700))]
    );
}

#[test]
fn a_day_and_a_block_at_its_first_second_are_two_settlements() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    let block = Settlement { kind: SettledKind::Block, ..settled(0, 9) };
    let other = Settlement { pool: "braiins-two".into(), ..settled(0, 5) };
    ledger.append(vec![settled(0, 5), block, other]).unwrap();
    assert_eq!(ledger.close().settlements, 3);
}

#[test]
fn a_payout_is_kept_as_one_and_no_day_is_judged_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(day_of_rows(0)).unwrap();
    let paid = |hour: i64, sats| Settlement {
        kind: SettledKind::Payout,
        at: UnixMs(DAY + hour * 3_600_000),
        ..settled(0, sats)
    };
    ledger.append(vec![paid(3, 100_000), paid(7, 300_000)]).unwrap();
    assert_eq!(ledger.close().error, None);
    let day = &captures(&path)[0];
    assert_eq!((day.settled, ratio(day), day.band), (Some(Sats(400_000)), Err(Missing::NotSupported), None));
}

#[test]
fn the_capture_of_a_day_is_what_was_settled_over_what_was_accrued() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    for day in 0..5 {
        ledger.append(day_of_rows(day)).unwrap();
    }
    let sats = |ratio: f64| (ACCRUED_SATS as f64 * ratio) as i64;
    ledger.append(vec![settled(0, sats(0.99)), settled(1, sats(0.94)), settled(2, sats(0.93))]).unwrap();
    ledger.append(vec![settled(3, sats(1.0) / 1000)]).unwrap();
    let status = ledger.close();

    let days = captures(&path);
    let ratios: Vec<_> = days.iter().map(ratio).collect();
    assert_eq!(ratios, [Ok(0.99), Ok(0.94), Ok(0.93), Err(Missing::Implausible), Err(Missing::NotReported)]);
    let bands: Vec<_> = days.iter().map(|day| day.band).collect();
    assert_eq!(bands, [Some(Band::Ok), Some(Band::Watch), Some(Band::Warn), None, None]);
    assert_eq!(days[0].accrued.unwrap().value, Sats(ACCRUED_SATS));
    // The daemon shows the newest day that is settled.
    assert_eq!(status.captures["braiins-main"], days[3]);
}

#[test]
fn what_little_was_not_observed_is_taken_to_have_earned_like_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(day_of_rows(0).split_off(8)).unwrap();
    ledger.append(day_of_rows(1).split_off(20)).unwrap();
    ledger.append(vec![settled(0, ACCRUED_SATS), settled(1, ACCRUED_SATS)]).unwrap();
    ledger.close();
    let days = captures(&path);
    assert_eq!((ratio(&days[0]), days[0].capture.unwrap().quality), (Ok(1.0), Quality::Estimated));
    assert!((days[0].coverage.get() - 280.0 / 288.0).abs() < 1e-9);
    // 268 of 288 intervals are no whole day.
    assert_eq!(ratio(&days[1]), Err(Missing::NotYet));
}

#[test]
fn blocks_are_weighed_by_what_they_earn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(day_of_rows(0)).unwrap();
    // A block that earns a hundredth, and was seen for half a day only; and one of another pool.
    let small = Accrued { amount: Ok((30_000, Quality::Measured)), coverage: Fraction::new(1.0).unwrap() };
    let rows = day_of_rows(0).into_iter().take(144);
    let rows = rows.map(|r| Row { block: "side-s9".into(), revenue_micro_usd: small, ..r });
    ledger.append(rows.collect::<Vec<_>>()).unwrap();
    let elsewhere = day_of_rows(0).into_iter().map(|r| Row { block: "far-s21".into(), pool: None, ..r });
    ledger.append(elsewhere.collect::<Vec<_>>()).unwrap();
    ledger.append(vec![settled(0, ACCRUED_SATS + ACCRUED_SATS / 100)]).unwrap();
    ledger.close();
    let day = &captures(&path)[0];
    assert_eq!(day.accrued.unwrap().value, Sats(ACCRUED_SATS + ACCRUED_SATS / 200));
    assert!((day.coverage.get() - 1.005 / 1.01).abs() < 1e-9);
    assert_eq!(ratio(day), Ok(1.0));
}

#[test]
fn a_pool_that_settles_by_block_is_not_judged_by_the_day() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(day_of_rows(0)).unwrap();
    let block = |hour: i64, sats| Settlement {
        kind: SettledKind::Block,
        at: UnixMs(DAY + hour * 3_600_000),
        ..settled(0, sats)
    };
    ledger.append(vec![block(3, 100_000), block(9, 300_000)]).unwrap();
    ledger.close();
    let day = &captures(&path)[0];
    assert_eq!((day.settled, ratio(day), day.band), (Some(Sats(400_000)), Err(Missing::NotSupported), None));
}

#[test]
fn a_file_of_the_version_before_payouts_keeps_its_settlements_and_takes_payouts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![settled(0, 500), settled(1, 700)]).unwrap();
    ledger.append(vec![settled(1, 710)]).unwrap();
    ledger.close();
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE kept AS SELECT * FROM settlement;
        DROP TABLE settlement;
        CREATE TABLE settlement (
            id INTEGER PRIMARY KEY, pool TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('utc_day', 'block')),
            at_ms INTEGER NOT NULL, net_sats INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL,
            corrects INTEGER UNIQUE REFERENCES settlement (id), program TEXT NOT NULL);
        CREATE INDEX settlement_of ON settlement (pool, kind, at_ms, id);
        INSERT INTO settlement SELECT * FROM kept ORDER BY id;
        DROP TABLE kept;
        DROP TABLE device_hashrate;
        ALTER TABLE outbox_gap DROP COLUMN crc;
        PRAGMA user_version = 8;",
    )
    .unwrap();
    let refused = "INSERT INTO settlement VALUES (9, 'p', 'payout', 1, 1, 1, NULL, '0')";
    assert!(old.execute_batch(refused).is_err(), "the old file takes no payouts");
    drop(old);

    let mut ledger = Ledger::open(&path).unwrap();
    let payout = Settlement { kind: SettledKind::Payout, ..settled(2, 90) };
    ledger.append(vec![settled(0, 500), settled(1, 720), payout]).unwrap();
    assert_eq!(ledger.close().error, None);
    let rows = Reader::open(&path).unwrap().settlements(UnixMs(0), UnixMs(i64::MAX)).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.id, row.net.0, row.corrects)).collect();
    assert_eq!(seen, [(1, 500, None), (2, 700, None), (3, 710, Some(2)), (4, 720, Some(3)), (5, 90, None)]);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let parent: String = connection
        .query_row("SELECT \"table\" FROM pragma_foreign_key_list('settlement')", [], |row| row.get(0))
        .unwrap();
    let index = "SELECT count(*) FROM sqlite_master WHERE name = 'settlement_of'";
    let indices: i64 = connection.query_row(index, [], |row| row.get(0)).unwrap();
    assert_eq!((parent.as_str(), indices), ("settlement", 1));
}

#[test]
fn a_file_of_the_first_version_is_brought_up_to_date_and_keeps_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "CREATE TABLE interval (
            start_ms INTEGER NOT NULL, class TEXT NOT NULL CHECK (class IN ('hash', 'ai')), block TEXT NOT NULL,
            energy_wh INTEGER, energy_quality TEXT, energy_missing TEXT, energy_coverage REAL NOT NULL,
            revenue_micro_usd INTEGER, revenue_quality TEXT, revenue_missing TEXT, revenue_coverage REAL NOT NULL,
            cost_micro_usd INTEGER, cost_quality TEXT, cost_missing TEXT, cost_coverage REAL NOT NULL,
            hashprice_usd_per_ph_day REAL, power_usd_per_mwh REAL, program TEXT NOT NULL,
            PRIMARY KEY (start_ms, class, block)) WITHOUT ROWID;
        INSERT INTO interval VALUES (1763733600000, 'hash', 'main-s21', 7, 'measured', NULL, 1.0,
            8, 'measured', NULL, 1.0, NULL, NULL, 'expired', 0.0, 38.2, 50.0, '0.0.1');
        PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let error = Reader::open(&path).unwrap_err().to_string();
    assert!(error.contains("older wattsplit (schema 1") && error.contains("`wattsplit run`"), "{error}");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![row(1, 10)]).unwrap();
    ledger.append(vec![settled(0, 5)]).unwrap();
    ledger.close();
    let day = sum(&path, UnixMs(START_MS), UnixMs(START_MS + DAY_MS)).unwrap();
    assert_eq!((day[0].rows, day[0].energy_wh), (2, Some(17)));
    // Rows without a bitcoin price are no part of what was accrued for a pool.
    assert_eq!(captures(&path)[0].accrued.unwrap().value, Sats(3_000));
}
