//! The worked cases of `tests/cases/`, answered by the formulae of the product.

mod formulae;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use wattsplit::cli::what_if::what_if;

use formulae::answer;

/// Relative to the expected figure, absolute below 1.
const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Case {
    schema: String,
    id: String,
    kind: String,
    title: String,
    why: String,
    input: Value,
    expect: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Formula {
    formula: String,
    args: Value,
}

#[test]
fn every_worked_case_is_answered_to_a_millionth() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut seen = BTreeMap::new();
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let case: Case = serde_json::from_str(&text).unwrap();
        assert_eq!(case.schema, "econ-case/1", "{}", case.id);
        let (kind, got) = if case.kind == "formula" {
            let input: Formula = serde_json::from_value(case.input).unwrap();
            let got = answer(&input.formula, input.args);
            (input.formula, got)
        } else {
            (case.kind, what_if(&text).unwrap())
        };
        *seen.entry(kind).or_insert(0) += 1;
        for (key, expected) in &case.expect {
            differences(&format!("{}: {key}", case.id), got.get(key), expected, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let total: u32 = seen.values().sum();
    assert!(total >= 65, "cases went missing: {seen:?}");
}

#[test]
fn the_comparison_notices_a_wrong_a_missing_and_an_invented_figure() {
    for (got, expected) in [
        (Some(json!(100.001)), json!(100.0)),
        (Some(json!(0.000_002)), json!(0.0)),
        (Some(json!(null)), json!(1.0)),
        (Some(json!(0.0)), json!(null)),
        (None, json!(null)),
        (Some(json!({"hash": 1.0})), json!({"hash": 1.0, "ai": 2.0})),
        (Some(json!("estimated")), json!("measured")),
    ] {
        let mut wrong = Vec::new();
        differences("case", got.as_ref(), &expected, &mut wrong);
        assert_eq!(wrong.len(), 1, "{got:?} against {expected}");
    }
}

fn differences(at: &str, got: Option<&Value>, expected: &Value, wrong: &mut Vec<String>) {
    match (got, expected) {
        (Some(Value::Object(got)), Value::Object(expected)) => {
            for (key, expected) in expected {
                differences(&format!("{at}.{key}"), got.get(key), expected, wrong);
            }
        }
        (Some(Value::Number(got)), Value::Number(expected)) => {
            let (got, expected) = (got.as_f64().unwrap(), expected.as_f64().unwrap());
            if (got - expected).abs() > TOLERANCE * expected.abs().max(1.0) {
                wrong.push(format!("{at}: {got}, expected {expected}"));
            }
        }
        (Some(got), expected) if got == expected => {}
        (got, expected) => wrong.push(format!("{at}: {got:?}, expected {expected}")),
    }
}
