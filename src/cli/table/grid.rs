//! Columns of text that fit the terminal: the less important ones give way first.

/// A table that is filled column by column. All columns have the same number of cells.
pub struct Grid {
    columns: Vec<Column>,
    /// The last row is a total, set off by a rule.
    total: bool,
}

struct Column {
    head: &'static str,
    align: Align,
    /// 0 stays whatever the width; of the others the highest goes first.
    gives_way: u8,
    cells: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// Rank of a column that has nothing to say: it goes first, and nobody misses it.
pub const EMPTY: u8 = u8::MAX;
/// Between two columns.
const GAP: usize = 2;
/// Joins two words that [`wrap`] keeps on one line.
pub const NO_BREAK: char = '\u{a0}';
/// Before the first column, where the mark of a row stands.
const MARGIN: usize = 2;

impl Grid {
    /// `rows` are the cells of the first column, which always stays.
    pub fn new(head: &'static str, rows: Vec<String>, total: bool) -> Self {
        Self { columns: vec![Column { head, align: Align::Left, gives_way: 0, cells: rows }], total }
    }

    /// A right-aligned column.
    pub fn column(&mut self, head: &'static str, gives_way: u8, cells: Vec<String>) {
        self.columns.push(Column { head, align: Align::Right, gives_way, cells });
    }

    /// A left-aligned column.
    pub fn text_column(&mut self, head: &'static str, gives_way: u8, cells: Vec<String>) {
        self.columns.push(Column { head, align: Align::Left, gives_way, cells });
    }

    /// The table, at most `width` wide if the columns that stay allow it, and the heads of the
    /// columns that had to go and were not [`EMPTY`]. Rows whose `alert` is set carry a `!`.
    pub fn draw(&self, width: usize, alert: &[bool]) -> (String, Vec<&'static str>) {
        let mut kept: Vec<&Column> = self.columns.iter().collect();
        let mut dropped = Vec::new();
        while total_width(&kept) > width {
            let weakest = kept.iter().enumerate().filter(|(_, c)| c.gives_way > 0);
            let Some((i, column)) = weakest.max_by_key(|(_, c)| c.gives_way) else { break };
            if column.gives_way < EMPTY {
                dropped.push(column.head);
            }
            kept.remove(i);
        }
        let rule = format!("{}\n", "─".repeat(total_width(&kept)));
        let rows = self.columns.first().map_or(0, |c| c.cells.len());
        let mut text = line(&kept, false, |c| c.head);
        text.push_str(&rule);
        for row in 0..rows {
            if self.total && rows > 1 && row + 1 == rows {
                text.push_str(&rule);
            }
            let alert = alert.get(row).copied().unwrap_or(false);
            text.push_str(&line(&kept, alert, |c| c.cells.get(row).map_or("", String::as_str)));
        }
        (text, dropped)
    }
}

fn line<'a>(columns: &[&'a Column], alert: bool, cell: impl Fn(&'a Column) -> &'a str) -> String {
    let mut text = if alert { "! " } else { "  " }.to_owned();
    for (i, column) in columns.iter().enumerate() {
        if i > 0 {
            text.push_str(&" ".repeat(GAP));
        }
        let width = column_width(column);
        match column.align {
            Align::Left => text.push_str(&format!("{:<width$}", cell(column))),
            Align::Right => text.push_str(&format!("{:>width$}", cell(column))),
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn column_width(column: &Column) -> usize {
    let cells = column.cells.iter().map(|c| c.chars().count()).max().unwrap_or(0);
    cells.max(column.head.chars().count())
}

fn total_width(columns: &[&Column]) -> usize {
    let gaps = GAP * columns.len().saturating_sub(1);
    MARGIN + gaps + columns.iter().map(|c| column_width(c)).sum::<usize>()
}

/// `text` broken between words so that no line passes column `width`. The first line starts at
/// column `from`, where the caller stands; the others are indented to it. A longer word stays whole,
/// and [`NO_BREAK`] becomes a space that no line is broken at.
pub fn wrap(text: &str, from: usize, width: usize) -> String {
    let mut out = String::new();
    let mut column = from;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let len = word.chars().count();
        if column == from {
            column += len;
        } else if column + 1 + len > width {
            out.push('\n');
            out.push_str(&" ".repeat(from));
            column = from + len;
        } else {
            out.push(' ');
            column += 1 + len;
        }
        out.push_str(word);
    }
    out.replace(NO_BREAK, " ")
}

/// `text` with its middle cut out if it is longer than `max`: the ends of a name tell it apart.
pub fn shorten(text: &str, max: usize) -> String {
    let len = text.chars().count();
    if len <= max {
        return text.to_owned();
    }
    let tail = max.saturating_sub(1) / 2;
    let head = max.saturating_sub(1) - tail;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(len - tail).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new("block", vec!["a".into(), "b".into(), "all".into()], true);
        grid.column("kW", 0, vec!["1".into(), "20".into(), "21".into()]);
        grid.column("extra", 1, vec!["x".into(), "y".into(), "z".into()]);
        grid.column("luxury", 2, vec!["x".into(), "y".into(), "z".into()]);
        grid
    }

    #[test]
    fn numbers_are_right_aligned_and_a_rule_sets_off_the_total() {
        let (text, dropped) = grid().draw(80, &[false, true]);
        let rule = "─".repeat(26);
        assert_eq!(
            text,
            format!(
                "  block  kW  extra  luxury\n{rule}\n  a       1      x       x\n! b      20      y       y\n\
                 {rule}\n  all    21      z       z\n"
            )
        );
        assert!(dropped.is_empty());
    }

    #[test]
    fn the_least_important_columns_go_first_and_are_named() {
        let (text, dropped) = grid().draw(20, &[]);
        assert!(text.lines().all(|l| l.chars().count() <= 20), "{text}");
        assert_eq!(dropped, ["luxury"]);
        assert_eq!(grid().draw(1, &[]).1, ["luxury", "extra"]);
    }

    #[test]
    fn long_text_wraps_between_words_under_its_indent() {
        assert_eq!(wrap("one two three four", 2, 9), "one two\n  three\n  four");
        assert_eq!(wrap("unbreakable", 2, 5), "unbreakable");
    }

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(shorten("container-north-s21", 11), "conta…h-s21");
        assert_eq!(shorten("north-s21", 11), "north-s21");
    }
}
