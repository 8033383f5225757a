//! The text of the file, its tree with positions, and the list of what is wrong with it.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{MAX_PROBLEMS, Problem, continues_secret, hide_text, redact};

/// Where a value is: keys and places in lists, from the top.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

impl Path {
    pub fn key(&self, name: &str) -> Self {
        self.then(Step::Key(name.to_owned()))
    }

    /// From 0.
    pub fn item(&self, index: usize) -> Self {
        self.then(Step::Item(index))
    }

    fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// The innermost key.
    pub fn name(&self) -> &str {
        self.0.iter().rev().find_map(Step::as_key).unwrap_or_default()
    }

    /// The table that holds the innermost key.
    pub fn parent(&self) -> Self {
        let end = self.0.iter().rposition(|step| step.as_key().is_some()).unwrap_or(0);
        Self(self.0.iter().take(end).cloned().collect())
    }

    /// This path as the header of a table: `[mqtt.tls]`, `[[asic]]`.
    pub fn header(&self) -> String {
        let keys: Vec<&str> = self.0.iter().filter_map(Step::as_key).collect();
        let keys = keys.join(".");
        if self.is_item() { format!("[[{keys}]]") } else { format!("[{keys}]") }
    }

    /// The innermost key and its table, as a message begins: "`port` in [mqtt]".
    pub fn subject(&self) -> String {
        let parent = self.parent();
        match parent.0.is_empty() {
            true => format!("`{}` at the top of the file", self.name()),
            false => format!("`{}` in {}", self.name(), parent.header()),
        }
    }

    /// The innermost step is a place in a list.
    pub fn is_item(&self) -> bool {
        matches!(self.0.last(), Some(Step::Item(_)))
    }

    fn starts_with(&self, other: &Path) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl Step {
    fn as_key(&self) -> Option<&str> {
        match self {
            Step::Key(name) => Some(name),
            Step::Item(_) => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) if n == 0 => f.write_str(name)?,
                Step::Key(name) => write!(f, ".{name}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Collects problems and finds their places.
pub struct Report<'t> {
    text: &'t str,
    tree: &'t DeTable<'t>,
    problems: Vec<Problem>,
    /// Values that were reported already or are not really there: nothing more is said about them.
    unsound: Vec<Path>,
}

impl<'t> Report<'t> {
    pub fn new(text: &'t str, tree: &'t DeTable<'t>) -> Self {
        Self { text, tree, problems: Vec::new(), unsound: Vec::new() }
    }

    /// In the order of the lines.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|p| (p.line, p.column));
        self.problems.dedup();
        self.problems
    }

    /// From now on nothing is said about `path` and what is below it.
    pub fn give_up(&mut self, path: Path) {
        if !self.is_full() {
            self.unsound.push(path);
        }
    }

    fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// The value at `path` is what the file says.
    pub fn is_sound(&self, path: &Path) -> bool {
        !self.unsound.iter().any(|bad| path.starts_with(bad))
    }

    /// A problem with a value. Where it is absent, the table that should hold it is underlined.
    pub fn value(&mut self, path: &Path, message: String, hint: Option<String>) {
        let span = self.find(path).map(|(_, value)| value).or_else(|| self.nearest_table(path));
        self.add(path, span, message, hint);
    }

    /// A problem with the key itself. A text that it holds is not shown.
    pub fn key(&mut self, path: &Path, message: String, hint: Option<String>) {
        let span = self.find(path).map(|(key, _)| key).or_else(|| self.nearest_table(path));
        if let Some(problem) = self.add(path, span, message, hint) {
            let behind = problem.column.saturating_sub(1).saturating_add(problem.width);
            problem.source = problem.source.take().map(|line| hide_text(&line, behind));
        }
    }

    /// A problem with a value that must not be shown: its line is left out.
    pub fn hidden_value(&mut self, path: &Path, message: String, hint: Option<String>) {
        let span = self.find(path).map(|(_, value)| value).or_else(|| self.nearest_table(path));
        if let Some(problem) = self.add(path, span, message, hint) {
            problem.source = None;
        }
    }

    /// A problem at a place that the parser gave.
    pub fn span(&mut self, span: Option<Range<usize>>, message: String) {
        self.problems.push(problem_at(self.text, "", span, message, None));
    }

    /// The problem, if it is told.
    fn add(
        &mut self,
        path: &Path,
        span: Option<Range<usize>>,
        message: String,
        hint: Option<String>,
    ) -> Option<&mut Problem> {
        if self.is_full() || !self.is_sound(path) {
            return None;
        }
        self.problems.push(problem_at(self.text, &path.to_string(), span, message, hint));
        self.problems.last_mut()
    }

    /// Spans of key and value. An item of a list has no key: its own span stands for both.
    fn find(&self, path: &Path) -> Option<(Range<usize>, Range<usize>)> {
        let mut table = Some(self.tree);
        let mut list = None;
        let mut found = None;
        for step in &path.0 {
            let (key, value) = match step {
                Step::Key(name) => {
                    let (key, value) = table?.get_key_value(name.as_str())?;
                    (key.span(), value)
                }
                Step::Item(index) => {
                    let item: &Spanned<DeValue<'_>> = DeValue::get(list?, *index)?;
                    (item.span(), item)
                }
            };
            table = value.get_ref().as_table();
            list = value.get_ref().is_array().then_some(value.get_ref());
            found = Some((key, value.span()));
        }
        found
    }

    fn nearest_table(&self, path: &Path) -> Option<Range<usize>> {
        (1..path.0.len())
            .rev()
            .find_map(|len| self.find(&Path(path.0.iter().take(len).cloned().collect())))
            .map(|(_, value)| value)
    }
}

/// A problem at a span of `text`; without one, at its start and with no line shown.
pub(super) fn problem_at(
    text: &str,
    key: &str,
    span: Option<Range<usize>>,
    message: String,
    hint: Option<String>,
) -> Problem {
    let key = key.to_owned();
    let Some(span) = span else {
        return Problem { line: 1, column: 1, key, message, hint, source: None, width: 0 };
    };
    let start = (0..=span.start.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let (before, after) = text.split_at_checked(start).unwrap_or((text, ""));
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let source = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
    let on_line = after.lines().next().unwrap_or_default();
    let covered = on_line.get(..span.end.saturating_sub(start)).unwrap_or(on_line);
    Problem {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        key,
        message,
        hint,
        source: (!continues_secret(text, line_start)).then(|| redact(source)),
        width: covered.trim_end().chars().count(),
    }
}
