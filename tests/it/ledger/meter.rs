//! Accrued energy against the site's meter, by day: in the file, in the daemon and on the terminal.

use serde_json::Value;
use wattsplit::economics::capture::Band;
use wattsplit::economics::energy::Method;
use wattsplit::economics::energy_capture::SiteDay;
use wattsplit::ledger::query::Reader;
use wattsplit::ledger::site::SiteRow;
use wattsplit::ledger::store::{Batch, Status};

use super::command::{prints, temporary};
use super::*;

/// 2025-11-21 00:00:00 UTC.
const DAY: i64 = START_MS - 14 * 3_600_000;

fn accrued(wh: i64, quality: Quality) -> Accrued {
    Accrued { amount: Ok((wh, quality)), coverage: Fraction::new(1.0).unwrap() }
}

/// Intervals of one day, of 10 kWh each, of which `modelled` Wh are explained.
fn day(n: i64, intervals: std::ops::Range<i64>, modelled: i64) -> Vec<SiteRow> {
    let row = |i| SiteRow {
        start: UnixMs(DAY + n * DAY_MS + i * INTERVAL_MS),
        metered_wh: accrued(10_000, Quality::Measured),
        method: Method::Counter,
        modelled_wh: accrued(modelled, Quality::Estimated),
        it_wh: accrued(8_000, Quality::Measured),
        residual_wh: accrued(10_100 - modelled, Quality::Estimated),
        program: "0.0.0-test",
    };
    intervals.map(row).collect()
}

fn written(path: &Path, days: impl IntoIterator<Item = Vec<SiteRow>>) -> Status {
    let mut ledger = Ledger::open(path).unwrap();
    for site_rows in days {
        ledger.append(Batch { site_rows, ..Batch::default() }).unwrap();
    }
    ledger.close()
}

fn days(path: &Path) -> Vec<SiteDay> {
    Reader::open(path).unwrap().site_days(UnixMs(0), UnixMs(i64::MAX)).unwrap()
}

fn ratio(day: &SiteDay) -> Result<f64, Missing> {
    day.capture.map(|ratio| (ratio.value.get() * 1e6).round() / 1e6)
}

#[test]
fn a_day_is_judged_by_its_band_and_not_at_all_where_too_little_was_observed() {
    let (_dir, path) = temporary();
    let modelled = [9_800, 9_300, 8_500, 10_700, 10];
    let whole = modelled.into_iter().zip(0..).map(|(wh, n)| day(n, 0..288, wh));
    let part = day(5, 0..270, 9_800);
    let status = written(&path, whole.chain([part]));
    let days = days(&path);
    let said: Vec<_> = days.iter().map(|day| (ratio(day), day.band)).collect();
    let wanted = [
        (Ok(0.98), Some(Band::Ok)),
        (Ok(0.93), Some(Band::Watch)),
        (Ok(0.85), Some(Band::Alarm)),
        (Ok(1.07), Some(Band::Watch)),
        (Err(Missing::Implausible), None),
        (Err(Missing::NotYet), None),
    ];
    assert_eq!(said, wanted);
    assert_eq!(days[0].capture.unwrap().quality, Quality::Estimated, "as good as what it is made of");
    assert_eq!(days[0].metered.unwrap().value.mwh(), 2.88);
    // The sixth day is not over.
    assert_eq!(status.site_day, Some(days[4].clone()));
}

#[test]
fn an_interval_that_only_the_meter_saw_makes_no_difference_look_like_one() {
    let (_dir, path) = temporary();
    let mut rows = day(0, 0..288, 9_800);
    for row in &mut rows[..10] {
        row.modelled_wh = accrued(2_000, Quality::Estimated);
        row.residual_wh = Accrued { amount: Err(Missing::Undefined), coverage: Fraction::ZERO };
    }
    let status = written(&path, [rows]);
    let [day] = days(&path).try_into().unwrap();
    assert_eq!(ratio(&day), Ok(0.98));
    assert!((day.coverage.get() - 278.0 / 288.0).abs() < 1e-9);
    // Its last interval is written: the day is over.
    assert_eq!(status.site_day, Some(day));
}

#[test]
fn rows_that_a_wrong_clock_left_in_the_future_do_not_hide_the_last_day() {
    let (_dir, path) = temporary();
    written(&path, [day(400, 0..1, 9_800)]);
    let status = written(&path, [day(0, 0..288, 9_800)]);
    assert_eq!(status.site_day.map(|day| day.day), Some(UnixMs(DAY)));
}

#[test]
fn the_command_prints_a_line_for_each_day() {
    let (_dir, path) = temporary();
    written(&path, [day(0, 0..288, 9_800), day(1, 0..288, 8_500), day(2, 0..12, 9_800)]);
    let args = ["--from", "2025-11-21", "--to", "2025-11-23", "--meter"];
    let text = prints(&path, &args);
    let wanted = "
  day (UTC)   metered MWh  modelled MWh  residual MWh  covered  capture                     says
────────────────────────────────────────────────────────────────────────────────────────────────
  2025-11-21       ~2.880        ~2.822        ~0.086    100 %  ~0.9800                       ok
  2025-11-22       ~2.880        ~2.448        ~0.461    100 %  ~0.8500                    alarm
  2025-11-23       ~0.120        ~0.118        ~0.004      4 %        –  less than 95 % compared

  ~ estimated   ? stale   – missing
";
    assert_eq!(format!("\n{text}"), wanted);
    let json: Vec<Value> =
        serde_json::from_str(&prints(&path, &[args.as_slice(), &["--json"]].concat())).unwrap();
    assert_eq!((&json[0]["metered_wh"], &json[0]["modelled_wh"]), (&2_880_000.into(), &2_822_400.into()));
    assert_eq!((&json[1]["energy_capture"], &json[1]["band"]), (&0.85.into(), &"alarm".into()));
    assert_eq!((&json[2]["energy_capture_missing"], json[2].get("band")), (&"not_yet".into(), None));
    let csv = prints(&path, &[args.as_slice(), &["--csv"]].concat());
    assert!(csv.contains("\n2025-11-21,1763683200000,2880000,2822400,86400,estimated,1,0.98,,ok\n"), "{csv}");
    let none = prints(&path, &["--day", "2024-01-01", "--meter"]);
    assert_eq!(none, "no interval of a site meter from 2024-01-01 00:00 to 2024-01-02 00:00\n");
}
