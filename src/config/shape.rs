//! Checks keys and types against the schema, and mends what is wrong so that the rest can be read.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::document::{Path, Report};
use super::problem::nearest;
use super::schema::{Field, Kind};

/// Reports unknown keys, wrong types and missing keys below `table`, and returns what the structs
/// can be read from: unknown keys removed, wrong and missing values replaced by fillers that
/// `report` knows to be unsound.
pub fn mend<'t>(schema: &Kind, table: &DeTable<'t>, report: &mut Report<'_>) -> DeTable<'t> {
    mend_table(schema, schema, table, &Path::default(), report)
}

fn mend_table<'t>(
    root: &Kind,
    kind: &Kind,
    table: &DeTable<'t>,
    path: &Path,
    report: &mut Report<'_>,
) -> DeTable<'t> {
    let fields = kind.fields();
    let mut mended = DeTable::new();
    for (key, value) in table.iter() {
        let path = path.key(key.get_ref());
        let Some(field) = fields.iter().find(|f| f.name == key.get_ref()) else {
            unknown_key(root, fields, table, value.get_ref(), &path, report);
            continue;
        };
        if let Some(value) = mend_value(root, &field.kind, value, &path, report) {
            mended.insert(key.clone(), value);
        }
    }
    for field in fields.iter().filter(|f| f.required && !table.contains_key(f.name)) {
        let path = path.key(field.name);
        report.value(&path, missing(field, &path), expected(&field.kind));
        report.give_up(path);
        if let Some(filler) = filler(&field.kind) {
            mended.insert(Spanned::new(0..0, Cow::Borrowed(field.name)), Spanned::new(0..0, filler));
        }
    }
    mended
}

fn missing(field: &Field, path: &Path) -> String {
    match field.kind {
        Kind::Table { .. } => format!("missing section {}", path.header()),
        _ => format!("missing key {}", path.subject()),
    }
}

fn expected(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Table { .. } => None,
        kind => Some(format!("expected {}", describe(kind))),
    }
}

fn unknown_key(
    root: &Kind,
    fields: &[Field],
    table: &DeTable<'_>,
    value: &DeValue<'_>,
    path: &Path,
    report: &mut Report<'_>,
) {
    let name = path.name();
    let message = match value {
        DeValue::Table(_) => format!("unknown section {}", path.header()),
        DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
            format!("unknown section {}", path.item(0).header())
        }
        _ => format!("unknown key {}", path.subject()),
    };
    let known = || fields.iter().map(|f| f.name);
    let free = known().filter(|known| !table.contains_key(*known));
    let hint = if let Some(meant) = nearest(name, free).or_else(|| nearest(name, known())) {
        // The misspelt key is not missing as well.
        if !table.contains_key(meant) {
            report.give_up(path.parent().key(meant));
        }
        format!("did you mean `{meant}`?")
    } else if root.fields().iter().any(|field| field.name == name) {
        format!("[{name}] is a section of its own, at the top of the file")
    } else if let Some(homes) = homes(root, name) {
        format!("a key of {homes}")
    } else {
        let known: Vec<String> = known().map(|name| format!("`{name}`")).collect();
        format!("expected one of {}", known.join(", "))
    };
    report.key(path, message, Some(hint));
}

/// The sections that know a key called `name`.
fn homes(root: &Kind, name: &str) -> Option<String> {
    fn search(kind: &Kind, path: &Path, name: &str, found: &mut Vec<String>) {
        if let Kind::List(item) = kind {
            return search(item, &path.item(0), name, found);
        }
        for field in kind.fields() {
            if field.name == name {
                found.push(path.header());
            }
            search(&field.kind, &path.key(field.name), name, found);
        }
    }
    let mut found = Vec::new();
    search(root, &Path::default(), name, &mut found);
    (!found.is_empty()).then(|| found.join(", "))
}

/// `value` if it fits, with what is inside mended; a filler if it does not.
fn mend_value<'t>(
    root: &Kind,
    kind: &Kind,
    value: &Spanned<DeValue<'t>>,
    path: &Path,
    report: &mut Report<'_>,
) -> Option<Spanned<DeValue<'t>>> {
    let mended = match (kind, value.get_ref()) {
        (Kind::Table { .. }, DeValue::Table(table)) => {
            DeValue::Table(mend_table(root, kind, table, path, report))
        }
        (Kind::List(inner), DeValue::Array(items)) => {
            let items = items.iter().enumerate();
            let items = items.filter_map(|(n, item)| mend_value(root, inner, item, &path.item(n), report));
            DeValue::Array(items.collect())
        }
        (_, given) => match misfit(kind, given, path) {
            None => return Some(value.clone()),
            Some((message, hint)) => {
                report.value(path, message, hint);
                report.give_up(path.clone());
                filler(kind)?
            }
        },
    };
    Some(Spanned::new(value.span(), mended))
}

/// Message and hint if `given` is not of `kind`. The value itself is not repeated.
fn misfit(kind: &Kind, given: &DeValue<'_>, path: &Path) -> Option<(String, Option<String>)> {
    let subject = || match path.is_item() {
        true => format!("each entry of {}", path.subject()),
        false => path.subject(),
    };
    let found = match given {
        DeValue::Array(_) => "a list",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with decimals",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time without quotes",
        DeValue::String(_) => "a string",
        DeValue::Table(_) => "a table",
    };
    let wrong_type = |hint: Option<String>| {
        let subject = match (kind, given) {
            (Kind::List(_), DeValue::Table(_)) => format!("section {}", path.header()),
            (Kind::Table { .. }, DeValue::Array(_)) => format!("section {}", path.item(0).header()),
            _ => subject(),
        };
        Some((format!("{subject} must be {}, not {found}", describe(kind)), hint))
    };
    match (kind, given) {
        (Kind::Any, _) | (Kind::Text, DeValue::String(_)) | (Kind::Bool, DeValue::Boolean(_)) => None,
        (Kind::Whole { min, max }, DeValue::Integer(given)) => {
            let value = i128::from_str_radix(given.as_str(), given.radix()).unwrap_or(i128::MAX);
            match value {
                _ if value < 0 && *min == 0 => Some((format!("{} must not be negative", subject()), None)),
                _ if value < *min => Some((format!("{} must be at least {min}", subject()), None)),
                _ if value > *max => Some((format!("{} must be at most {max}", subject()), None)),
                _ => None,
            }
        }
        (Kind::Number, DeValue::Integer(_)) => None,
        (Kind::Number, DeValue::Float(number)) => {
            let finite = number.as_str().parse::<f64>().is_ok_and(f64::is_finite);
            (!finite).then(|| (format!("{} must be a finite number", subject()), None))
        }
        (Kind::Choice(words), DeValue::String(word)) => {
            let known = words.contains(&word.as_ref());
            let hint = nearest(word, words.iter().copied()).map(|meant| format!("did you mean \"{meant}\"?"));
            (!known).then(|| (format!("{} must be {}", subject(), describe(kind)), hint))
        }
        (Kind::Number | Kind::Whole { .. }, DeValue::String(text)) => {
            let number = text.trim().parse::<f64>().is_ok();
            wrong_type(number.then(|| "leave out the quotes".to_owned()))
        }
        (Kind::Text, DeValue::Datetime(_)) => wrong_type(Some("put it in quotes".to_owned())),
        (Kind::List(inner), DeValue::Table(_)) if matches!(**inner, Kind::Table { .. }) => {
            wrong_type(Some(format!("write {}", path.item(0).header())))
        }
        (Kind::List(_), DeValue::String(_)) => wrong_type(Some("put it in square brackets".to_owned())),
        (Kind::Table { .. }, DeValue::Array(_)) => wrong_type(Some(format!("write {}", path.header()))),
        _ => wrong_type(None),
    }
}

fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Text => "a string".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Whole { .. } => "a whole number".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Choice(words) => {
            let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            match quoted.split_last() {
                Some((last, [])) => last.clone(),
                Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
                None => "nothing".to_owned(),
            }
        }
        Kind::List(inner) => match **inner {
            Kind::Table { .. } => "a list of tables".to_owned(),
            Kind::Text => "a list of strings".to_owned(),
            Kind::Whole { .. } => "a list of whole numbers".to_owned(),
            _ => "a list".to_owned(),
        },
        Kind::Table { .. } => "one table".to_owned(),
        Kind::Any => "a value".to_owned(),
    }
}

/// A value of `kind` that means nothing.
fn filler<'t>(kind: &Kind) -> Option<DeValue<'t>> {
    Some(match kind {
        Kind::Text => DeValue::String(Cow::Borrowed("")),
        Kind::Bool => DeValue::Boolean(false),
        Kind::Whole { .. } => DeValue::Integer(DeInteger::default()),
        Kind::Number => DeValue::Float(DeFloat::default()),
        Kind::Choice(words) => DeValue::String(Cow::Borrowed(*words.first()?)),
        Kind::List(_) => DeValue::Array(Default::default()),
        Kind::Table { fields, .. } => {
            let mut table = DeTable::new();
            for field in fields.iter().filter(|f| f.required) {
                let key = Spanned::new(0..0, Cow::Borrowed(field.name));
                table.insert(key, Spanned::new(0..0, filler(&field.kind)?));
            }
            DeValue::Table(table)
        }
        Kind::Any => return None,
    })
}
