//! What a replay writes besides its page.

use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use super::program::{path, recorded, stderr, stdout};

#[test]
fn the_steps_in_the_file_add_up_to_the_table() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("steps.csv");
    let text = stdout(&recorded(&["--fleet", "29.5,17.5", "--csv", path(&file)]).output().unwrap());
    let mut reader = csv::Reader::from_path(&file).unwrap();
    let header = reader.headers().unwrap().clone();
    assert_eq!(header.iter().skip(11).collect::<Vec<_>>(), ["units 29.5 J/TH", "units 17.5 J/TH"]);
    let mut margins = std::collections::BTreeMap::<String, (u32, f64)>::new();
    for row in reader.records() {
        let row = row.unwrap();
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        assert_eq!((&row[5], number(8)), ("", 0.0), "no GPUs: no price of them, and no revenue");
        assert!((number(7) - number(9) - number(10)).abs() < 1e-9);
        assert!((number(6) - 10.0 * (number(11) + number(12))).abs() < 1e-9);
        let sum = margins.entry(row[1].to_owned()).or_default();
        *sum = (sum.0 + 1, sum.1 + number(10));
    }
    assert_eq!(margins.len(), 8);
    for (policy, (hours, margin)) in margins {
        assert_eq!(hours, 528);
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{policy}  "))).unwrap();
        let shown: f64 =
            line[30..].split_whitespace().nth(1).map(|cell| cell.replace(',', "").parse().unwrap()).unwrap();
        assert!((shown - margin).abs() <= 0.5, "{policy}: {shown} against {margin}");
    }
}

/// Two days with a cap, thresholds that differ from the defaults.
const ADVISED: [&str; 8] =
    ["--fleet", "29.5:3000,17.5:4000", "--cap-kw", "6000", "--from", "2025-11-01", "--to", "2025-11-02"];

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_advice_is_the_payload_of_its_topic() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/advice.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let text = stdout(&recorded(&ADVISED).args(["--advice", "-"]).output().unwrap());
    let lines = lines(&text);
    assert_eq!(lines.len(), 48, "one an hour, and no page between them");
    for (n, line) in lines.iter().enumerate() {
        let errors: Vec<String> = validator.iter_errors(line).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{line:#}");
        assert_eq!(line.get("supersedes"), n.checked_sub(1).map(|before| &lines[before]["id"]));
        assert_eq!((&line["site"], &line["cap_kw"]), (&Value::from("backtest"), &Value::from(6000.0)));
    }
    assert!(lines.iter().any(|line| line["status"] == "change"));
}

/// By the few lines that a reader of the topic would write: nothing of the program is used.
#[test]
fn the_gain_can_be_reckoned_from_the_line_alone() {
    let text = stdout(&recorded(&ADVISED).args(["--advice", "-"]).output().unwrap());
    let mut changes = 0;
    for line in lines(&text).iter().filter(|line| line["status"] == "change") {
        let number = |row: &Value, key: &str| row[key].as_f64().unwrap();
        let price = number(line, "price_usd_per_mwh");
        let gain: f64 = line["moves"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| {
                let units = number(m, "to_units") - number(m, "from_units");
                let kw = units * number(m, "unit_kw") * number(m, "overhead");
                assert!((kw - number(m, "facility_kw")).abs() < 1e-4);
                units * number(m, "revenue_usd_per_unit_h") - price * kw / 1000.0
            })
            .sum();
        let told = number(line, "gain_usd_per_h");
        assert!((gain - told).abs() < 1e-3, "{gain} against {told}");
        assert!(told >= 1.0, "not below the least gain");
        changes += 1;
    }
    assert!(changes > 2, "{changes}");
}

#[test]
fn the_thresholds_are_the_defaults_of_the_daemon_unless_the_command_line_says_otherwise() {
    let first = |args: &[&str]| {
        let text = stdout(&recorded(&ADVISED).args(["--advice", "-"]).args(args).output().unwrap());
        lines(&text).remove(0)
    };
    let of = |line: &Value| {
        ["price_rel", "hash_revenue_rel", "min_gain_usd_per_h"].map(|key| line[key].as_f64().unwrap())
    };
    assert_eq!(of(&first(&[])), [0.02, 0.05, 1.0]);
    let args = ["--price-rel", "0.1", "--hash-revenue-rel", "0.2", "--min-gain-usd-per-h", "7"];
    assert_eq!(of(&first(&args)), [0.1, 0.2, 7.0]);
}

#[test]
fn the_same_replay_writes_the_same_bytes() {
    let run = || stdout(&recorded(&ADVISED).args(["--advice", "-"]).output().unwrap());
    assert_eq!(run(), run());
}

#[test]
fn a_file_that_takes_nothing_is_an_error_that_names_it() {
    let dir = TempDir::new().unwrap();
    for option in ["--csv", "--advice"] {
        for (target, expected) in [
            (path(dir.path()), "failed to create "),
            ("/dev/full", "failed to write "),
            ("/no/such/folder/x", "failed to create "),
        ] {
            let output = recorded(&["--fleet", "20", option, target]).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{option} {target}");
            let error = stderr(&output);
            assert!(error.starts_with(&format!("error: {expected}{target}: ")), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}

#[test]
fn standard_output_that_takes_nothing_is_an_error_and_a_reader_who_left_is_none() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = recorded(&["--fleet", "20"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: failed to write standard output: "), "{}", stderr(&output));
    for args in [&["--fleet", "20"][..], &["--fleet", "20", "--advice", "-"]] {
        let mut child = recorded(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{args:?}");
    }
}
