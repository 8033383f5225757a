//! A restart inside an interval: nothing twice, and nothing lost that was observed.

use super::*;
use wattsplit::ledger::device_hashrate::DeviceHashrate;
use wattsplit::ledger::store::Batch;

/// Ends a process in the middle of an interval: what is open goes to the file, and out of it.
fn restart(path: &Path, accruer: &Accruer) -> Accruer {
    let mut ledger = Ledger::open(path).unwrap();
    ledger.append(Batch { open: accruer.open_interval(), ..Batch::default() }).unwrap();
    assert_eq!(ledger.close().error, None);
    started(path)
}

fn started(path: &Path) -> Accruer {
    let mut ledger = Ledger::open(path).unwrap();
    let mut accruer = Accruer::default();
    accruer.resume(ledger.unfinished.take().unwrap());
    accruer
}

/// The next process does not know how long the last one ran.
fn rebooted(now: Now) -> Now {
    Now { mono: now.mono - Duration::from_secs(999_000), ..now }
}

/// As [`steady`], on the other clock.
fn steady_again(accruer: &mut Accruer, from: i64, to: i64) -> Vec<Row> {
    let times = (from..=to).step_by(10);
    times.flat_map(|t| rows_of(accruer, &split(kw(120.0)), rebooted(at(t)))).collect()
}

fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    (dir, path)
}

#[test]
fn an_interval_with_a_restart_inside_is_one_row_with_what_both_observed() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    assert_eq!(steady(&mut accruer, 0, 100, 0), []);
    let mut accruer = restart(&path, &accruer);
    // Down for 10 s of 300: 290 s at 120 kW.
    let rows = steady_again(&mut accruer, 110, 600);
    assert_eq!(starts(&rows), [0, 1]);
    assert_eq!(rows[0].energy_wh.amount, Ok((9_667, Quality::Measured)));
    assert!((rows[0].energy_wh.coverage.get() - 290.0 / 300.0).abs() < 1e-9);
    assert_eq!(rows[0].revenue_micro_usd.amount, Ok((2_900_000, Quality::Estimated)));
    assert_eq!(rows[0].hashprice.unwrap().get(), 38.2);
    // What rounding left over goes on, too: the sum is exact to the last watt-hour.
    assert_eq!(rows[1].energy_wh.amount, Ok((10_000, Quality::Measured)));
}

#[test]
fn restarts_do_not_add_up_to_a_loss() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    let mut rows = steady(&mut accruer, 0, 30, 0);
    for n in 1..30 {
        accruer = restart(&path, &accruer);
        rows.extend(steady_again(&mut accruer, n * 40, n * 40 + 30));
    }
    rows.extend(steady_again(&mut accruer, 1_200, 1_200));
    let energy: i64 = rows.iter().map(|row| row.energy_wh.amount.unwrap().0).sum();
    // 30 times 30 s, and the last 10 s.
    assert_eq!((starts(&rows), energy), (vec![0, 1, 2, 3], 120_000 * 910 / 3600));
}

#[test]
fn a_process_that_is_killed_loses_what_came_after_it_last_wrote_and_counts_nothing_twice() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    steady(&mut accruer, 0, 100, 0);
    let mut second = restart(&path, &accruer);
    steady_again(&mut second, 110, 150);
    drop(second);
    let mut third = started(&path);
    let rows = steady_again(&mut third, 160, 300);
    assert!((rows[0].energy_wh.coverage.get() - 240.0 / 300.0).abs() < 1e-9);
    assert_eq!(rows[0].energy_wh.amount, Ok((8_000, Quality::Estimated)));
}

#[test]
fn a_stop_of_an_hour_leaves_its_intervals_as_not_covered() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    steady(&mut accruer, 0, 200, 0);
    let mut accruer = restart(&path, &accruer);
    let rows = steady_again(&mut accruer, 3_900, 4_200);
    assert_eq!(starts(&rows), (0..14).collect::<Vec<_>>());
    assert_eq!(rows[0].energy_wh.amount, Ok((6_667, Quality::Estimated)));
    assert!(rows[1..13].iter().all(|row| row.energy_wh.amount == Err(Missing::NotYet)));
    assert!(rows[1..13].iter().all(|row| row.energy_wh.coverage == Fraction::ZERO));
    assert_eq!(rows[13].energy_wh.amount, Ok((10_000, Quality::Measured)));
}

#[test]
fn a_wall_clock_that_is_behind_after_a_restart_accrues_no_time_again() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    let mut rows = steady(&mut accruer, 0, 400, 0);
    let mut accruer = restart(&path, &accruer);
    // The new process starts at 250 s by a clock that is behind.
    rows.extend(steady_again(&mut accruer, 250, 600));
    assert_eq!(starts(&rows), [0, 1]);
    for row in &rows {
        assert_eq!(row.energy_wh.amount, Ok((10_000, Quality::Measured)), "{:?}", row.start);
    }
    assert_eq!(accruer.repeated, Duration::from_secs(150));
}

#[test]
fn rows_and_what_is_open_after_them_are_one_transaction() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    let rows = steady(&mut accruer, 0, 320, 0);
    let mut ledger = Ledger::open(&path).unwrap();
    // A table that is gone stands in for a disk that fails after the rows.
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE open_interval").unwrap();
    ledger.append(Batch { rows, open: accruer.open_interval(), ..Batch::default() }).unwrap();
    let status = ledger.close();
    assert!(status.error.unwrap().contains("open_interval"));
    assert_eq!(sum(&path, UnixMs(0), UnixMs(i64::MAX)).unwrap().len(), 0, "rows without what follows them");
}

#[test]
fn what_a_stranger_left_open_is_given_up() {
    let (_dir, path) = file();
    Ledger::open(&path).unwrap().close();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("INSERT INTO open_interval VALUES (1, '{\"v\":9}')", []).unwrap();
    assert!(Ledger::open(&path).unwrap().unfinished.is_none());
}

#[test]
fn what_the_devices_of_a_pool_hashed_in_the_last_day_is_there_for_the_next_process() {
    let (_dir, path) = file();
    let now = wattsplit::clock::now().wall;
    let ago = |hours: i64, pool: &str| DeviceHashrate {
        start: UnixMs(now.0 - hours * 3_600_000),
        pool: pool.into(),
        hashrate: Hashrate::new(950.5).unwrap(),
        observed: Duration::from_secs(290),
    };
    // Too old, right, of another pool, and left by a clock that was wrong.
    let rows = vec![ago(25, "main"), ago(23, "main"), ago(2, "other"), ago(-2, "main")];
    let mut ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.device_hashrates, []);
    ledger.append(Batch { device_hashrates: rows.clone(), ..Batch::default() }).unwrap();
    ledger.append(Batch { device_hashrates: rows, ..Batch::default() }).unwrap();
    assert_eq!(ledger.close().error, None);
    assert_eq!(Ledger::open(&path).unwrap().device_hashrates, [ago(23, "main"), ago(2, "other")]);
}
