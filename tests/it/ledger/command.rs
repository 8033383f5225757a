//! `wattsplit ledger`: the built program on real files.

use std::process::Output;

use super::settlements::{day_of_rows, settled};
use super::*;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wattsplit");

fn wattsplit(args: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(args).env_remove("STATE_DIRECTORY").env_remove("CREDENTIALS_DIRECTORY");
    command.output().unwrap()
}

/// What the command prints, given that it is content.
pub fn prints(path: &Path, args: &[&str]) -> String {
    let db = path.to_str().unwrap();
    let out = wattsplit(&[&["ledger", "--db", db], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A day and an hour of one block, half a day of a hosting whose power nobody reads, and one day
/// that is settled and then corrected.
fn books(path: &Path) -> Ledger {
    let mut ledger = Ledger::open(path).unwrap();
    let cost = Accrued { amount: Ok((500_000, Quality::Measured)), coverage: Fraction::new(1.0).unwrap() };
    let day = |n| day_of_rows(n).into_iter().map(move |r| Row { cost_micro_usd: cost, ..r });
    ledger.append(day(0).collect::<Vec<_>>()).unwrap();
    ledger.append(day(1).take(12).collect::<Vec<_>>()).unwrap();
    let unread = Accrued { amount: Err(Missing::NoDriver), coverage: Fraction::ZERO };
    let hosting = |r: Row| Row {
        class: Class::Ai,
        block: "research".into(),
        pool: None,
        energy_wh: unread,
        cost_micro_usd: unread,
        hashprice: None,
        btc_usd: None,
        ..r
    };
    ledger.append(day(0).take(144).map(hosting).collect::<Vec<_>>()).unwrap();
    ledger.append(vec![settled(0, 700_000)]).unwrap();
    ledger.append(vec![settled(0, 850_000)]).unwrap();
    let mut status = ledger.status();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let written = status.wait_for(|s| s.written == 444 && s.settlements == 2);
        tokio::time::timeout(Duration::from_secs(20), written).await.unwrap().unwrap();
    });
    ledger
}

pub fn temporary() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    (dir, path)
}

#[test]
fn days_are_printed_for_people_while_the_daemon_has_the_file_open() {
    let (_dir, path) = temporary();
    let _writer = books(&path);
    let text = prints(&path, &["--from", "2025-11-21"]);
    let wanted = "
  day (UTC)   block        MWh  covered  revenue USD  power USD  margin USD  USD/MWh
────────────────────────────────────────────────────────────────────────────────────
  2025-11-21  main-s21   2.880    100 %       864.00     144.00      720.00   300.00
              research       –     50 %      ~432.00          –           –        –
  2025-11-22  main-s21  ~0.120      4 %       ~36.00      ~6.00      ~30.00  ~300.00
────────────────────────────────────────────────────────────────────────────────────
  all                   ~3.000             ~1,332.00    ~150.00     ~750.00  ~300.00

  ~ estimated   ? stale   – missing
";
    assert_eq!(format!("\n{text}"), wanted);
}

#[test]
fn csv_has_integers_and_dollars_and_nothing_where_something_is_missing() {
    let (_dir, path) = temporary();
    books(&path).close();
    let text = prints(&path, &["--day", "2025-11-21", "--csv"]);
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let cell = |row: usize, name: &str| rows[row][head.iter().position(|h| *h == name).unwrap()];
    assert_eq!(rows.len(), 2);
    assert_eq!(cell(0, "start"), "2025-11-21T00:00:00Z");
    assert_eq!(
        (cell(0, "energy_wh"), cell(0, "energy_quality"), cell(0, "energy_missing")),
        ("2880000", "measured", "")
    );
    assert_eq!((cell(0, "revenue_micro_usd"), cell(0, "revenue_usd")), ("864000000", "864.000000"));
    assert_eq!(
        (cell(0, "pool"), cell(0, "btc_usd"), cell(0, "intervals")),
        ("braiins-main", "100000", "288")
    );
    assert_eq!(
        (cell(1, "energy_wh"), cell(1, "energy_quality"), cell(1, "energy_missing")),
        ("", "", "no_driver")
    );
    assert_eq!((cell(1, "cost_usd"), cell(1, "revenue_coverage"), cell(1, "pool")), ("", "0.5", ""));
}

#[test]
fn json_has_a_row_for_each_interval_hour_or_day() {
    let (_dir, path) = temporary();
    books(&path).close();
    for (by, rows) in [("interval", 444), ("hour", 24 + 1 + 12), ("day", 3)] {
        let text = prints(&path, &["--from", "2025-11-21", "--to", "2025-11-22", "--by", by, "--json"]);
        let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(all.len(), rows, "{by}");
        let sum = |key: &str| all.iter().filter_map(|row| row[key].as_i64()).sum::<i64>();
        assert_eq!((sum("energy_wh"), sum("cost_micro_usd")), (3_000_000, 150_000_000), "{by}");
        let hosting = all.iter().find(|row| row["class"] == "ai").unwrap();
        assert!(hosting.get("energy_wh").is_none() && hosting.get("pool").is_none(), "{hosting}");
        assert_eq!(hosting["energy_missing"], "no_driver");
    }
}

#[test]
fn part_of_a_day_says_how_much_of_the_day_it_covers() {
    let (_dir, path) = temporary();
    books(&path).close();
    let args = ["--from", "2025-11-21T00:00", "--to", "2025-11-21T06:00", "--json"];
    let rows: Vec<serde_json::Value> = serde_json::from_str(&prints(&path, &args)).unwrap();
    assert_eq!((&rows[0]["energy_wh"], &rows[0]["energy_coverage"]), (&720_000.into(), &0.25.into()));
}

#[test]
fn settlements_and_captures_are_printed_with_their_corrections() {
    let (_dir, path) = temporary();
    books(&path).close();
    let day = ["--from", "2025-11-21", "--to", "2025-11-22"];
    let text = prints(&path, &[day.as_slice(), &["--settlements"]].concat());
    assert!(text.contains("braiins-main    1   700,000  2025-11-22 01:00  corrected by 2\n"), "{text}");
    assert!(text.contains("braiins-main    2   850,000  2025-11-22 01:00      corrects 1\n"), "{text}");

    let text = prints(&path, &[day.as_slice(), &["--capture"]].concat());
    let wanted = "
  day (UTC)   pool          settled sats  accrued sats  covered  capture         says
─────────────────────────────────────────────────────────────────────────────────────
  2025-11-21  braiins-main       850,000       864,000    100 %   0.9838           ok
  2025-11-22  braiins-main             –       ~36,000      4 %        –  not settled

  ~ estimated   ? stale   – missing
";
    assert_eq!(format!("\n{text}"), wanted);

    let json = prints(&path, &[day.as_slice(), &["--capture", "--json"]].concat());
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!((&rows[0]["settled_sats"], &rows[0]["band"]), (&850_000.into(), &"ok".into()));
    assert_eq!((&rows[1]["capture_missing"], rows[1].get("capture")), (&"not_reported".into(), None));
}

#[test]
fn where_nothing_is_found_it_says_what_there_is() {
    let (_dir, path) = temporary();
    books(&path).close();
    let text = prints(&path, &["--day", "2024-01-01"]);
    let held = "the ledger holds 2025-11-21 00:00 to 2025-11-22 00:55";
    assert_eq!(text, format!("no interval from 2024-01-01 00:00 to 2024-01-02 00:00; {held}\n"));
    let db = path.to_str().unwrap();
    let out = wattsplit(&["ledger", "--db", db, "--day", "2024-01-01", "--json"]);
    assert_eq!((out.stdout.as_slice(), out.status.code()), (b"[]\n".as_slice(), Some(0)));
    assert!(String::from_utf8(out.stderr).unwrap().contains(held));
}

#[test]
fn a_ledger_that_is_not_there_or_not_kept_is_a_clear_failure() {
    let (dir, path) = temporary();
    let out = wattsplit(&["ledger", "--db", path.to_str().unwrap()]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(said, format!("error: no ledger at {}: `wattsplit run` writes it\n", path.display()));
    assert!(!path.exists(), "reading must not create it");

    let config = dir.path().join("site.toml");
    std::fs::write(&config, "[site]\nname = \"x\"\n").unwrap();
    let out = wattsplit(&["ledger", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(
        said.starts_with("error: no ledger is kept: ") && said.contains("`state_dir` in [site]"),
        "{said}"
    );

    std::fs::write(&config, format!("[site]\nname = \"x\"\nstate_dir = {:?}\n", dir.path())).unwrap();
    books(&path).close();
    let out = wattsplit(&["ledger", "--config", config.to_str().unwrap(), "--from", "2025-11-21"]);
    assert!(String::from_utf8(out.stdout).unwrap().contains("main-s21"));
    assert_eq!(wattsplit(&["ledger", "--day", "yesterday"]).status.code(), Some(2));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (_dir, path) = temporary();
    books(&path).close();
    let db = path.to_str().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["ledger", "--db", db, "--from", "2025-11-21", "--by", "interval", "--csv"]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), String::from_utf8(out.stderr).unwrap().as_str()), (Some(0), ""));
}
