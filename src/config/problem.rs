//! What is wrong with a file, and how it is shown.

use std::fmt;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigErrors {
    #[error("cannot read {file}: {reason}")]
    Unreadable { file: String, reason: String },
    /// At least one problem, in the order of the lines.
    #[error("{}", Listing { file, problems })]
    Problems { file: String, problems: Vec<Problem> },
}

/// One mistake in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Path of the key, such as `power.period[0].from`; empty where the text is not TOML.
    pub key: String,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do: the nearest valid name, a corrected form.
    pub hint: Option<String>,
    /// The line as it stands in the file, with secrets taken out; `None` where nothing is there to be shown.
    pub source: Option<String>,
    /// Characters to underline from `column` on.
    pub width: usize,
}

/// Most problems that are told of one file. Nobody reads more, and a list of 40,000 wrong entries
/// must not take minutes.
pub(super) const MAX_PROBLEMS: usize = 100;
/// Longest part of a line that is shown, in characters.
const MAX_SHOWN: usize = 120;
/// Characters kept before the mistake where a longer line is cut.
const LEAD: usize = 30;

struct Listing<'a> {
    file: &'a str,
    problems: &'a [Problem],
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.problems {
            let message: String = problem.message.chars().map(printable).collect();
            writeln!(f, "{}:{}:{}: {message}", self.file, problem.line, problem.column)?;
            problem.excerpt(f)?;
            writeln!(f)?;
        }
        match self.problems.len() {
            1 => write!(f, "1 problem in {}", self.file),
            count @ ..MAX_PROBLEMS => write!(f, "{count} problems in {}", self.file),
            count => write!(f, "{count} problems in {}, perhaps more", self.file),
        }
    }
}

impl Problem {
    /// The line of the file with the mistake underlined, and the hint behind it.
    fn excerpt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let hint: String = self.hint.iter().flat_map(|hint| hint.chars()).map(printable).collect();
        let Some(source) = &self.source else {
            return if hint.is_empty() { Ok(()) } else { writeln!(f, "{gutter} = {hint}") };
        };
        let total = source.chars().count();
        let start = self.column.saturating_sub(1).min(total);
        let skipped = if total > MAX_SHOWN { start.saturating_sub(LEAD) } else { 0 };
        let mut shown: String = source.chars().skip(skipped).take(MAX_SHOWN).map(printable).collect();
        let mut indent = start - skipped;
        if skipped > 0 {
            shown.insert(0, '…');
            indent += 1;
        }
        if total > skipped + MAX_SHOWN {
            shown.push('…');
        }
        let room = shown.chars().count().saturating_sub(indent).max(1);
        let carets = "^".repeat(self.width.clamp(1, room));
        let indent = " ".repeat(indent);
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {shown}")?;
        writeln!(f, "{}", format!("{gutter} | {indent}{carets} {hint}").trim_end())
    }
}

/// Keeps a control character from moving the cursor, and the carets in line.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Words in the name of a key that ought not to hold its value in this file.
const SECRET_WORDS: [&str; 7] = ["password", "passwd", "passphrase", "secret", "token", "apikey", "api_key"];

/// `line` without what looks like a secret: the value of a key that sounds like one, the user and
/// password before a host, and the query of a URL. The file should hold none, but a mistake must not
/// end up in a log.
pub(super) fn redact(line: &str) -> String {
    let line = cut_secret_value(line);
    let mut shown = String::with_capacity(line.len());
    for word in line.split_inclusive(['"', '\'', ' ', ',']) {
        redact_word(word, &mut shown);
    }
    shown
}

fn redact_word(word: &str, shown: &mut String) {
    let (scheme, rest) = match word.find("://") {
        Some(at) => word.split_at_checked(at + 3).unwrap_or(("", word)),
        None => ("", word),
    };
    shown.push_str(scheme);
    let authority = rest.get(..rest.find(['/', '?', '#']).unwrap_or(rest.len())).unwrap_or(rest);
    // Without a scheme, `user:password@host` is one all the same; a bare `@` may be anything.
    let host = match authority.rfind('@') {
        Some(at) if !scheme.is_empty() || authority.get(..at).is_some_and(|user| user.contains(':')) => at,
        _ => 0,
    };
    let rest = rest.get(host..).unwrap_or_default();
    if host > 0 {
        shown.push('…');
    }
    match rest.find('?').filter(|_| !scheme.is_empty()) {
        Some(query) => {
            shown.push_str(rest.get(..query).unwrap_or_default());
            shown.push_str("?…");
            shown.extend(rest.chars().last().filter(|end| matches!(end, '"' | '\'' | ' ' | ',')));
        }
        None => shown.push_str(rest),
    }
}

/// `line` without the text that is given to the key before `from` (in characters): nobody knows what
/// an unknown key was meant to hold. Numbers stay.
pub(super) fn hide_text(line: &str, from: usize) -> String {
    let start = line.char_indices().nth(from).map_or(line.len(), |(at, _)| at);
    let (before, after) = line.split_at_checked(start).unwrap_or((line, ""));
    match after.find(['"', '\'']) {
        Some(quote) => format!("{before}{}…", after.get(..quote).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Whether the line that starts at `line_start` carries on with a value whose key sounds like that of
/// a secret.
pub(super) fn continues_secret(text: &str, line_start: usize) -> bool {
    let line = |of: &str| of.lines().next().is_some_and(|line| line.contains('=') || line.starts_with('['));
    if text.get(line_start..).is_some_and(line) {
        return false;
    }
    let before = text.get(..line_start).unwrap_or_default();
    before.lines().rev().find(|earlier| line(earlier)).is_some_and(|owner| cut_secret_value(owner) != owner)
}

fn cut_secret_value(line: &str) -> String {
    for (equals, _) in line.match_indices('=') {
        let Some((before, _)) = line.split_at_checked(equals) else { continue };
        let key = before.trim_end().trim_end_matches(['"', '\'']);
        let key = key.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next();
        let key = key.unwrap_or_default().to_ascii_lowercase().replace('-', "_");
        if !key.ends_with("_file") && SECRET_WORDS.iter().any(|word| key.contains(word)) {
            return format!("{before}= …");
        }
    }
    line.to_owned()
}

/// The candidate that was most likely meant by `word`, if any is near.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Similarity from which a long common beginning counts, as in `password` for `password_file`.
    const SIMILAR: f64 = 0.88;
    let word = word.to_lowercase();
    let typos = (word.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&word, candidate);
        let near = distance <= typos || strsim::jaro_winkler(&word, candidate) >= SIMILAR;
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(problems: Vec<Problem>) -> String {
        ConfigErrors::Problems { file: "wattsplit.toml".into(), problems }.to_string()
    }

    fn problem(line: usize, column: usize, width: usize, source: &str) -> Problem {
        Problem {
            line,
            column,
            key: String::new(),
            message: "unknown key `usd_per_mhw` in [power]".into(),
            hint: Some("did you mean `usd_per_mwh`?".into()),
            source: Some(source.into()),
            width,
        }
    }

    #[test]
    fn a_problem_is_shown_with_its_line_underlined() {
        let expected = "\
wattsplit.toml:12:1: unknown key `usd_per_mhw` in [power]
   |
12 | usd_per_mhw = 45.0
   | ^^^^^^^^^^^ did you mean `usd_per_mwh`?

1 problem in wattsplit.toml";
        assert_eq!(shown(vec![problem(12, 1, 11, "usd_per_mhw = 45.0")]), expected);
    }

    #[test]
    fn a_long_line_is_cut_around_the_mistake() {
        let long = format!("hosts = [{}\"10.0.0.300\", {}]", "\"10.0.0.1\", ".repeat(50), "0, ".repeat(99));
        let text = shown(vec![problem(3, 610, 12, &long)]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[2].chars().count() <= MAX_SHOWN + 10, "{}", lines[2]);
        let at = lines[3].find('^').unwrap();
        let from: String = lines[2].chars().skip(at).take(12).collect();
        assert_eq!(from, "\"10.0.0.300\"");
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        assert_eq!(redact("password = \"hunter2\""), "password = …");
        assert_eq!(
            redact("mqtt = { host = \"b\", \"api-key\" = \"x\" }"),
            "mqtt = { host = \"b\", \"api-key\" = …"
        );
        assert_eq!(redact("token_file = \"token\""), "token_file = \"token\"");
        assert_eq!(redact("url = \"http://me:pw@h/a@b\""), "url = \"http://…@h/a@b\"");
        assert_eq!(redact("url = \"http://h/a@b\" # x"), "url = \"http://h/a@b\" # x");
        assert_eq!(redact("url = \"http://me:pw@h/a?key=k&b=c\" # x"), "url = \"http://…@h/a?…\" # x");
        assert_eq!(redact("host = \"me:pw@broker\""), "host = \"…@broker\"");
        assert_eq!(redact("hosts = [\"fd00::7\", \"a@b\"]"), "hosts = [\"fd00::7\", \"a@b\"]");
    }

    #[test]
    fn the_text_of_a_key_that_nobody_knows_is_not_repeated() {
        assert_eq!(hide_text("pwd = \"hunter2\" # x", 3), "pwd = …");
        assert_eq!(hide_text("\"é\" = 'hunter2'", 3), "\"é\" = …");
        assert_eq!(hide_text("usd_per_mhw = 45.0", 11), "usd_per_mhw = 45.0");
    }

    #[test]
    fn a_line_in_the_middle_of_a_secret_is_known_by_its_key() {
        let text = "tokens = [\n\"hunter2\" \"x\"]\nhosts = [\n\"10.0.0.1\" \"x\"]";
        let at = |part: &str| text.find(part).unwrap();
        assert!(continues_secret(text, at("\"hunter2")));
        assert!(!continues_secret(text, at("hosts")));
        assert!(!continues_secret(text, at("\"10.")));
    }

    #[test]
    fn the_nearest_name_is_one_that_a_slip_explains() {
        let keys = ["host", "port", "password_file", "interval_secs", "tls"];
        assert_eq!(nearest("prot", keys), Some("port"));
        assert_eq!(nearest("password", keys), Some("password_file"));
        assert_eq!(nearest("Interval_sec", keys), Some("interval_secs"));
        assert_eq!(nearest("colour", keys), None);
    }
}
