//! The Prometheus text format (exposition format 0.0.4), line by line.
//!
//! No crate takes its place: the one that is in use (`prometheus-parse`) splits labels at every comma
//! and skips lines that it cannot read, and the one that is strict (`openmetrics-parser`) is under the
//! LGPL.

use std::borrow::Cow;

use super::PageError;

/// Hands every row of a page to `take`, in order.
///
/// # Errors
/// The page is no exposition or breaks off; or what `take` says.
pub(super) fn each_row<'a>(
    page: &'a [u8],
    mut take: impl FnMut(Row<'a>) -> Result<(), PageError>,
) -> Result<(), PageError> {
    let text = std::str::from_utf8(page).map_err(|_| PageError::NotText)?;
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    let (text, rest) = text.split_at_checked(whole).unwrap_or((text, ""));
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        take(row(line).ok_or(PageError::NotExposition { line: index + 1 })?)?;
    }
    if rest.is_empty() {
        return Ok(());
    }
    // A number that is cut off is still a number: only the line break, which the format demands,
    // shows that it is whole. What cannot begin a line was never such a page.
    let begins = |c: char| c == '#' || c == '_' || c == ':' || c.is_ascii_alphabetic();
    let line = text.lines().count() + 1;
    let cut = rest.trim_start().is_empty() || rest.trim_start().starts_with(begins);
    Err(if cut { PageError::CutOff } else { PageError::NotExposition { line } })
}

/// `name{label="value",…} value [timestamp]`.
#[derive(Debug, PartialEq)]
pub(in super::super) struct Row<'a> {
    pub name: &'a str,
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// May be NaN or infinite: the format allows both.
    pub value: f64,
}

impl Row<'_> {
    pub(in super::super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_ref())
    }
}

/// Reads a line that is neither empty nor a comment. `None` if it is not one.
fn row(line: &str) -> Option<Row<'_>> {
    let end = line.find(|c: char| !is_name_char(c))?;
    let (name, rest) = line.split_at_checked(end)?;
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut fields = rest.split_ascii_whitespace();
    // Rust reads `NaN`, `+Inf` and `-Inf` as the format spells them.
    let value = fields.next()?.parse().ok()?;
    if let Some(timestamp) = fields.next() {
        timestamp.parse::<i64>().ok()?;
    }
    fields.next().is_none().then_some(Row { name, labels, value })
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The labels after the opening brace, and what follows the closing one.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_end();
        if name.is_empty() || !name.chars().all(is_name_char) {
            return None;
        }
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.push((name, value));
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(after) => after,
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// The text up to the closing quote, with `\\`, `\"` and `\n` resolved, and what follows the quote.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    let (plain, rest) = text.split_at_checked(end)?;
    if let Some(after) = rest.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), after));
    }
    let mut value = String::from(plain);
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(value), chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_name_labels_and_a_value() {
        let row = row(r#"DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a", pod="" ,} 87 1700000000000"#).unwrap();
        assert_eq!(row.name, "DCGM_FI_DEV_GPU_UTIL");
        assert_eq!(row.value, 87.0);
        assert_eq!((row.label("UUID"), row.label("pod"), row.label("none")), (Some("GPU-a"), Some(""), None));
    }

    #[test]
    fn labels_are_optional() {
        assert_eq!(row("up 1").unwrap().value, 1.0);
        assert_eq!(row("up{} 1").unwrap().labels, []);
    }

    #[test]
    fn escapes_in_label_values_are_resolved() {
        let row = row(r#"m{err_msg="a \"quoted\" \\ word,}\nnext",UUID="x"} 0"#).unwrap();
        assert_eq!(row.label("err_msg"), Some("a \"quoted\" \\ word,}\nnext"));
        assert_eq!(row.label("UUID"), Some("x"));
    }

    #[test]
    fn nan_and_infinities_are_values_of_the_format() {
        assert!(row("m NaN").unwrap().value.is_nan());
        assert_eq!(row("m +Inf").unwrap().value, f64::INFINITY);
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for bad in [
            "<html>",
            "m",
            "m{",
            r#"m{a="b"#,
            r#"m{a="b"}"#,
            r#"m{a="b"} x"#,
            "m 1 2 3",
            "m{a=b} 1",
            "1m 1",
            r#"m{a="b\"#,
        ] {
            assert_eq!(row(bad), None, "{bad}");
        }
    }
}
