//! The rows of the site's meter: what it counted, against what the machines should have drawn.

use wattsplit::economics::energy::Method;
use wattsplit::economics::regret::Margins;
use wattsplit::ledger::site::SiteRow;
use wattsplit::ledger::store::Batch;
use wattsplit::site::Aged;

use super::*;

/// A meter whose counter has counted at this power since long ago, and was read a while ago.
#[derive(Clone, Copy)]
struct Site {
    kw: f64,
    modelled_kw: f64,
    counter_kw: Option<f64>,
    age_s: u64,
    /// Added to the counter, kWh.
    offset_kwh: f64,
    /// Smallest step of the counter, kWh.
    step_kwh: f64,
}

/// The power samples say 120 kW; machines draw 100 kW, and 110 kW with their own overhead.
const SAMPLED: Site =
    Site { kw: 120.0, modelled_kw: 112.0, counter_kw: None, age_s: 0, offset_kwh: 5_000.0, step_kwh: 0.0 };
/// The counter says 126 kW.
const COUNTED: Site = Site { counter_kw: Some(126.0), ..SAMPLED };

impl Site {
    fn aged<T>(&self, value: T) -> Aged<T> {
        Aged { value, quality: Quality::Measured, source: "test", age: Duration::from_secs(self.age_s) }
    }

    fn split(&self, t: i64) -> Split {
        let mut split = split(kw(110.0));
        let power = |kw: f64| Ok(Reading::measured(Watts::from_kw(kw).unwrap(), "test"));
        let counter = self.counter_kw.map(|kw| {
            let read_s = (t - self.age_s as i64 + 1_000_000) as f64;
            let kwh = self.offset_kwh + kw * read_s / 3600.0;
            let kwh = if self.step_kwh > 0.0 { (kwh / self.step_kwh).floor() * self.step_kwh } else { kwh };
            WattHours::new(kwh * 1e3).unwrap()
        });
        split.metering = Metering {
            power: Ok(self.aged(Watts::from_kw(self.kw).unwrap())),
            off_by: None,
            energy: counter.ok_or(Missing::NotConfigured).map(|counter| self.aged(counter)),
            it_power: power(100.0),
            known_power: power(110.0),
            modelled_power: power(self.modelled_kw),
            residual: Err(Missing::NotReported),
        };
        split
    }
}

const UNJUDGED: Read<Margins> = Err(Missing::NotYet);

/// Observes the site at `now` for `from <= t <= to`, every 10 s.
fn observe(accruer: &mut Accruer, site: Site, from: i64, to: i64, now: impl Fn(i64) -> Now) -> Vec<SiteRow> {
    let mut rows = Vec::new();
    for t in (from..=to).step_by(10) {
        rows.extend(accruer.observe(&site.split(t), UNJUDGED, now(t)).site_rows);
    }
    rows
}

fn metered(row: &SiteRow) -> Result<(i64, Quality), Missing> {
    row.metered_wh.amount
}

fn wh(rows: &[SiteRow]) -> i64 {
    rows.iter().filter_map(|row| metered(row).ok()).map(|(wh, _)| wh).sum()
}

fn starts(rows: &[SiteRow]) -> Vec<i64> {
    rows.iter().map(|row| (row.start.0 - START_MS) / INTERVAL_MS).collect()
}

/// The next process has another monotonic clock.
fn rebooted(t: i64) -> Now {
    Now { mono: at(t).mono - Duration::from_secs(900_000), ..at(t) }
}

fn restart(path: &Path, accruer: &Accruer) -> Accruer {
    let mut ledger = Ledger::open(path).unwrap();
    ledger.append(Batch { open: accruer.open_interval(), ..Batch::default() }).unwrap();
    assert_eq!(ledger.close().error, None);
    let mut ledger = Ledger::open(path).unwrap();
    let mut next = Accruer::default();
    next.resume(ledger.unfinished.take().unwrap());
    next
}

fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    (dir, path)
}

#[test]
fn without_a_counter_the_power_is_integrated_and_without_a_meter_there_is_no_row() {
    let mut accruer = Accruer::default();
    let rows = observe(&mut accruer, SAMPLED, 0, 300, at);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.start, row.method), (UnixMs(START_MS), Method::Trapezoid));
    assert_eq!(metered(row), Ok((10_000, Quality::Measured)));
    assert_eq!(row.modelled_wh.amount, Ok((9_333, Quality::Measured)));
    assert_eq!(row.it_wh.amount, Ok((8_333, Quality::Measured)));
    assert_eq!(row.residual_wh.amount, Ok((833, Quality::Measured)), "10,000 less 9,167");
    let mut accruer = Accruer::default();
    let closed = (0..=600).step_by(10).map(|t| accruer.observe(&split(kw(120.0)), UNJUDGED, at(t)));
    let rows: Vec<(usize, usize)> =
        closed.map(|closed| (closed.rows.len(), closed.site_rows.len())).collect();
    assert_eq!(rows.iter().filter(|rows| **rows == (1, 0)).count(), 2);
    assert!(rows.iter().all(|(_, of_the_site)| *of_the_site == 0));
}

#[test]
fn a_counter_beats_the_samples() {
    let mut accruer = Accruer::default();
    let rows = observe(&mut accruer, COUNTED, 0, 600, at);
    assert_eq!(rows.iter().map(metered).collect::<Vec<_>>(), [Ok((10_500, Quality::Measured)); 2]);
    assert!(rows.iter().all(|row| row.method == Method::Counter));
    assert_eq!(rows[0].residual_wh.amount, Ok((1_333, Quality::Measured)));
}

#[test]
fn readings_that_are_some_seconds_old_lose_nothing_at_the_ends_of_intervals() {
    let mut accruer = Accruer::default();
    let rows = observe(&mut accruer, Site { age_s: 7, ..COUNTED }, 0, 3_000, at);
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| metered(row) == Ok((10_500, Quality::Measured))), "{rows:?}");
}

#[test]
fn a_counter_of_coarse_steps_is_exact_in_its_sum() {
    let mut accruer = Accruer::default();
    let rows = observe(&mut accruer, Site { step_kwh: 1.0, ..COUNTED }, 0, 86_400, at);
    assert!(rows.iter().all(|row| row.method == Method::Counter));
    assert!((wh(&rows) - 126 * 24_000).abs() <= 1_000, "{}", wh(&rows));
}

#[test]
fn a_counter_that_begins_anew_is_an_estimate_and_one_that_jumps_is_none() {
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 100, at);
    // The new count begins at 10 Wh, of which the next reading shows 360.
    let fresh = Site { offset_kwh: 0.01 - 126.0 * 1_000_100.0 / 3600.0, ..COUNTED };
    let rows = observe(&mut accruer, fresh, 110, 600, at);
    assert_eq!(metered(&rows[0]), Ok((10_510, Quality::Estimated)));
    assert_eq!(metered(&rows[1]), Ok((10_500, Quality::Measured)));

    for offset_kwh in [55_000.0, -30_000.0] {
        let mut accruer = Accruer::default();
        observe(&mut accruer, COUNTED, 0, 100, at);
        let exchanged = Site { offset_kwh, ..COUNTED };
        let rows = observe(&mut accruer, exchanged, 110, 600, at);
        assert_eq!(metered(&rows[0]), Ok((10_150, Quality::Measured)), "290 of 300 s");
        assert!((rows[0].metered_wh.coverage.get() - 290.0 / 300.0).abs() < 1e-9);
        assert_eq!(metered(&rows[1]), Ok((10_500, Quality::Measured)));
    }
}

#[test]
fn a_counter_survives_silence_and_samples_do_not() {
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 60, at);
    let rows = observe(&mut accruer, COUNTED, 240, 300, at);
    assert_eq!((metered(&rows[0]), rows[0].method), (Ok((10_500, Quality::Measured)), Method::Counter));
    assert_eq!(rows[0].it_wh.coverage.get(), 0.4);
    // What the machines drew meanwhile is not known, and so is no residual.
    assert_eq!(rows[0].residual_wh.amount, Err(Missing::NotYet));

    let mut accruer = Accruer::default();
    observe(&mut accruer, SAMPLED, 0, 100, at);
    let rows = observe(&mut accruer, SAMPLED, 230, 300, at);
    // 170 of 300 s, for meter and machines alike.
    assert_eq!(metered(&rows[0]), Ok((5_667, Quality::Estimated)));
    assert_eq!(rows[0].residual_wh.amount, Ok((473, Quality::Estimated)));
}

#[test]
fn a_power_older_than_the_gap_limit_is_not_drawn_on() {
    let mut accruer = Accruer::default();
    let mut rows = Vec::new();
    for t in (0..=300).step_by(10) {
        let site = Site { age_s: t as u64, ..SAMPLED };
        rows.extend(accruer.observe(&site.split(t), UNJUDGED, at(t)).site_rows);
    }
    assert_eq!(metered(&rows[0]), Err(Missing::Expired), "120 of 300 s");
    assert_eq!(rows[0].metered_wh.coverage.get(), 0.4);
}

#[test]
fn a_restart_inside_an_interval_is_one_row_and_the_counter_closes_the_gap() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 100, at);
    let mut accruer = restart(&path, &accruer);
    let rows = observe(&mut accruer, COUNTED, 170, 300, rebooted);
    assert_eq!(starts(&rows), [0]);
    assert_eq!(metered(&rows[0]), Ok((10_500, Quality::Measured)));
    assert_eq!(
        rows[0].residual_wh.amount,
        Err(Missing::Undefined),
        "the machines were not observed for 70 s"
    );
    assert!((rows[0].modelled_wh.coverage.get() - 230.0 / 300.0).abs() < 1e-9);
}

#[test]
fn a_stop_of_an_hour_is_shared_out_as_an_estimate_and_adds_up() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 200, at);
    let mut accruer = restart(&path, &accruer);
    let rows = observe(&mut accruer, COUNTED, 3_900, 4_200, rebooted);
    assert_eq!(starts(&rows), (0..14).collect::<Vec<_>>());
    assert_eq!(wh(&rows), 126 * 4_200 * 1000 / 3600);
    assert_eq!(metered(&rows[5]), Ok((10_500, Quality::Estimated)));
    assert_eq!(rows[5].modelled_wh.amount, Err(Missing::NotYet));
    assert_eq!(metered(&rows[13]), Ok((10_500, Quality::Measured)));
}

#[test]
fn a_site_that_was_switched_off_meanwhile_loses_nothing_of_what_it_had_drawn() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 200, at);
    let mut accruer = restart(&path, &accruer);
    let off = Site { kw: 1.0, modelled_kw: 1.0, ..COUNTED };
    let rows = observe(&mut accruer, off, 3_900, 3_900, rebooted);
    assert_eq!(wh(&rows), 126 * 3_900 * 1000 / 3600);
}

#[test]
fn a_killed_process_counts_nothing_twice() {
    let (_dir, path) = file();
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 100, at);
    let mut second = restart(&path, &accruer);
    observe(&mut second, COUNTED, 110, 150, rebooted);
    // Killed: the third goes on with what the first had written.
    let mut third = restart(&path, &accruer);
    let rows = observe(&mut third, COUNTED, 160, 300, rebooted);
    assert_eq!(metered(&rows[0]), Ok((10_500, Quality::Measured)));
}

#[test]
fn a_wall_clock_that_jumps_counts_no_energy_twice_and_makes_no_time() {
    let mut accruer = Accruer::default();
    let mut rows = observe(&mut accruer, COUNTED, 0, 610, at);
    rows.extend(observe(&mut accruer, COUNTED, 620, 2_000, |t| with_wall(at(t), -400)));
    assert_eq!(starts(&rows), [0, 1, 2, 3, 4]);
    assert!(rows.iter().all(|row| metered(row) == Ok((10_500, Quality::Measured))), "{rows:?}");

    let mut accruer = Accruer::default();
    let mut rows = observe(&mut accruer, COUNTED, 0, 300, at);
    rows.extend(observe(&mut accruer, COUNTED, 310, 600, |t| with_wall(at(t), 700)));
    assert_eq!(starts(&rows), [0, 1, 2, 3]);
    assert_eq!(metered(&rows[2]), Err(Missing::NotYet), "time that was jumped over");
    assert_eq!(wh(&rows), 10_500 + 126 * 200 * 1000 / 3600);
}

#[test]
fn a_wall_clock_that_was_a_day_ahead_is_not_waited_for_by_the_counter_either() {
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 500, |t| with_wall(at(t), 86_400));
    let rows = observe(&mut accruer, COUNTED, 510, 1_210, at);
    assert_eq!(starts(&rows), [289, 1, 2, 3]);
    assert_eq!(metered(&rows[2]), Ok((10_500, Quality::Measured)));
}

#[test]
fn what_an_older_wattsplit_left_open_is_gone_on_with() {
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 100, at);
    let mut old = serde_json::to_value(accruer.open_interval().unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("site").unwrap();
    let mut accruer = Accruer::default();
    accruer.resume(serde_json::from_value(old).unwrap());
    let (mut blocks, mut rows) = (Vec::new(), Vec::new());
    for t in (110..=300).step_by(10) {
        let closed = accruer.observe(&COUNTED.split(t), UNJUDGED, rebooted(t));
        blocks.extend(closed.rows);
        rows.extend(closed.site_rows);
    }
    assert!((blocks[0].energy_wh.coverage.get() - 290.0 / 300.0).abs() < 1e-9);
    assert_eq!(metered(&rows[0]), Ok((6_650, Quality::Estimated)), "190 of 300 s");
}

#[test]
fn a_meter_that_goes_has_a_last_row_and_no_more() {
    let mut accruer = Accruer::default();
    observe(&mut accruer, COUNTED, 0, 200, at);
    let gone = (210..=1_000).step_by(10);
    let rows: Vec<SiteRow> =
        gone.flat_map(|t| accruer.observe(&split(kw(120.0)), UNJUDGED, at(t)).site_rows).collect();
    assert_eq!(starts(&rows), [0]);
    assert_eq!(metered(&rows[0]), Ok((7_000, Quality::Estimated)));
}

#[test]
fn the_rows_are_in_the_file_once_also_in_one_of_the_version_before() {
    let (_dir, path) = file();
    Ledger::open(&path).unwrap().close();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP TABLE site_interval; DROP TABLE decision; DROP TABLE hosting_interval;
             DROP TABLE earning; DROP TABLE outbox_event; DROP TABLE outbox_ledger;
             DROP TABLE outbox_devices; DROP TABLE outbox_state; DROP TABLE outbox_cursor;
             DROP TABLE outbox_gap; DROP TABLE device_hashrate;
             PRAGMA user_version = 3;",
        )
        .unwrap();
    drop(connection);
    let mut accruer = Accruer::default();
    let mut site_rows = observe(&mut accruer, COUNTED, 0, 600, at);
    site_rows[1].metered_wh = Accrued { amount: Err(Missing::Timeout), coverage: Fraction::ZERO };
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(Batch { site_rows: site_rows.clone(), ..Batch::default() }).unwrap();
    ledger.append(Batch { site_rows, ..Batch::default() }).unwrap();
    let status = ledger.close();
    assert_eq!((status.written, status.duplicates, status.error), (2, 2, None));
    let connection = rusqlite::Connection::open(&path).unwrap();
    let query = "SELECT ifnull(metered_wh, '-') || ' ' || ifnull(metered_method, '-') || ' ' ||
        ifnull(metered_missing, '-') || ' ' || residual_wh FROM site_interval ORDER BY start_ms";
    let mut statement = connection.prepare(query).unwrap();
    let seen: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(seen, ["10500 counter - 1333", "- - timeout 1334"]);
}
