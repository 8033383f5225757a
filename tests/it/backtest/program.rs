//! `wattsplit backtest` as an operator calls it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::series;

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattsplit"));
    command.arg("backtest").args(args).stdin(Stdio::null());
    command
}

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// On the recorded prices of `tests/series`.
pub fn recorded(args: &[&str]) -> Command {
    let mut command = command(args);
    for (option, file) in [("--btc", "btc"), ("--difficulty", "difficulty"), ("--blocks", "blocks")] {
        command.arg(option).arg(series(&format!("{file}.csv")));
    }
    command.arg("--power").arg(series("power.csv"));
    command
}

pub fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_page_says_what_was_replayed_and_what_each_policy_earned() {
    for (name, args) in [
        ("backtest-one-block.txt", &["--fleet", "29.5", "--pool-fee", "0.01"][..]),
        (
            "backtest-capped.txt",
            &["--fleet", "29.5:3000,21.5:2000,17.5:4000,17.5:500", "--overhead", "1.06", "--cap-kw", "8000"],
        ),
    ] {
        let text = stdout(&recorded(args).output().unwrap());
        crate::cli::golden(name, &text);
        for line in text.lines() {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }
}

#[test]
fn hours_without_a_price_are_skipped_and_said() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("power.csv");
    let text = "date_cpt,he,dam,rtm,q\n2025-01-01,1,20,30,o\n2025-01-01,2,,,m\n2025-01-01,3,20,,o\n\
        2025-01-01,5,20,40,o\n";
    std::fs::write(&file, text).unwrap();
    let args = ["--fleet", "20", "--hashprice", "50", "--power", path(&file)];
    let page = stdout(&command(&args).output().unwrap());
    assert!(page.contains("2 hours; skipped: 1 not in the file, 2 without a price of power"), "{page}");
    assert!(page.contains("35.00 USD/MWh on average"), "missing is not zero: {page}");
}

#[test]
fn a_file_that_is_wrong_is_named_with_line_and_column() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("power.csv");
    for (text, expected) in [
        (
            "date_cpt,he,dam\n2025-01-01,1,cheap\n",
            ":2: column 3 (dam): expected a price in USD/MWh, found `cheap`",
        ),
        ("date_cpt,he,dam\n2025-01-01,1\n", ":2: column 3: expected 3 columns, found 2"),
        ("hour,price\n1,2\n", ":1: no column `date_cpt`; the header is `hour,price`"),
        ("", ":1: no column `date_cpt`; the header is ``"),
        ("date_cpt,he,dam\n", ": no rows"),
        (
            "date_cpt,he,dam\n2025-01-01,1,5\n2025-01-01,1,5\n",
            ":3: column 2 (he): expected an hour after the one before, found `1`",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let output =
            command(&["--fleet", "20", "--hashprice", "50", "--power", path(&file)]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stderr(&output), format!("error: {}{expected}\n", path(&file)));
        assert!(output.stdout.is_empty());
    }
    let missing = command(&["--fleet", "20", "--hashprice", "50", "--power", "none.csv"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("none.csv"), "{}", stderr(&missing));
}

#[test]
fn a_period_without_prices_is_an_error_and_no_empty_table() {
    let output = recorded(&["--fleet", "20", "--from", "2030-01-01"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no hour of the period has all prices"), "{}", stderr(&output));
}

#[test]
fn what_to_replay_and_at_which_hashprice_must_be_said_once() {
    let power = series("power.csv");
    for args in [
        &["--hashprice", "50"][..],
        &["--fleet", "20"],
        &["--fleet", "20", "--config", "x.toml", "--hashprice", "50"],
        &["--fleet", "20", "--btc", "btc.csv"],
        &["--fleet", "s21", "--hashprice", "50"],
        &["--fleet", "20", "--hashprice", "50", "--from", "yesterday"],
    ] {
        let output = command(args).arg("--power").arg(&power).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
    }
    for args in [
        &["--fleet", "20", "--hashprice", "-1"][..],
        &["--fleet", "20", "--pool-fee", "2", "--hashprice", "5"],
        &["--fleet", "20", "--hashprice", "1e308"],
        &["--fleet", "20", "--hashprice", "5", "--adder-usd-per-mwh", "1e308"],
    ] {
        let output = command(args).arg("--power").arg(&power).output().unwrap();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {}", stderr(&output));
    }
}
