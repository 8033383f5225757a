//! What platforms settle, in the file.

use wattsplit::ledger::earning::Earning;
use wattsplit::ledger::query::Reader;
use wattsplit::ledger::store::Batch;

use super::command::{prints, temporary};
use super::*;

/// 2025-11-21 00:00:00 UTC.
const DAY: i64 = START_MS - 14 * 3_600_000;

fn earned(day: i64, gross_micro_usd: i64) -> Earning {
    Earning {
        hosting: "listed".into(),
        day: UnixMs(DAY + day * DAY_MS),
        gross_micro_usd,
        fee_micro_usd: gross_micro_usd / 4,
        seen: UnixMs(DAY + (day + 1) * DAY_MS + 3_600_000),
    }
}

fn told(earnings: Vec<Earning>) -> Batch {
    Batch { earnings, ..Batch::default() }
}

#[test]
fn a_day_that_is_told_again_is_written_once_and_one_that_is_corrected_later_names_what_it_corrects() {
    let (_dir, path) = temporary();
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(told(vec![earned(1, 100_000_000), earned(0, 80_000_000)])).unwrap();
    ledger.append(told(vec![earned(1, 100_000_000), earned(0, 80_000_000)])).unwrap();
    ledger.close();
    // The next process is told another amount for the day before yesterday.
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(told(vec![earned(1, 100_000_000), earned(0, 82_000_001)])).unwrap();
    ledger.close();

    let rows = Reader::open(&path).unwrap().earnings(UnixMs(0), UnixMs(i64::MAX)).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.id, row.earning.net_micro_usd(), row.corrects)).collect();
    assert_eq!(seen, [(2, 60_000_000, None), (3, 61_500_001, Some(2)), (1, 75_000_000, None)]);

    let table = prints(&path, &["--earnings", "--from", "2025-11-21", "--to", "2025-11-22"]);
    assert!(table.contains("corrected by 3") && table.contains("corrects 2"), "{table}");
    let csv = prints(&path, &["--earnings", "--from", "2025-11-21", "--to", "2025-11-22", "--csv"]);
    assert!(
        csv.starts_with("id,hosting,day,day_ts,gross_usd,fee_usd,net_usd,first_seen_ts,corrects\n"),
        "{csv}"
    );
    assert!(csv.contains("3,listed,2025-11-21,1763683200000,82.000001,20.500000,61.500001,"), "{csv}");
}
