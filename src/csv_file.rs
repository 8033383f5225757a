//! Rows of a CSV file with a header, and errors that say where.

/// What is wrong with a CSV file. Lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    #[error("{file}:1: no column `{column}`; the header is `{header}`")]
    NoColumn { file: String, column: &'static str, header: String },
    #[error("{file}:1: column {column}: `{found}` {reason}")]
    Header { file: String, column: usize, found: String, reason: String },
    #[error("{file}:{line}: column {column} ({name}): expected {expected}, found `{found}`")]
    Value {
        file: String,
        line: u64,
        column: usize,
        name: &'static str,
        expected: &'static str,
        found: String,
    },
    #[error("{file}:{line}: column {column}: expected {expected} columns, found {found}")]
    Length { file: String, line: u64, column: u64, expected: u64, found: u64 },
    #[error("{file}:{line}: column {column}: not UTF-8")]
    Encoding { file: String, line: u64, column: usize },
    #[error("{file}: no rows")]
    Empty { file: String },
    #[error("the time zone {zone} is not known on this machine")]
    NoZone { zone: &'static str },
    #[error("{file}: {source}")]
    Other { file: String, source: csv::Error },
}

/// The rows of one file. Spaces around a value do not count.
pub struct Rows<'a> {
    file: &'a str,
    reader: csv::Reader<&'a [u8]>,
    header: csv::StringRecord,
    record: csv::StringRecord,
}

/// A column that the file has.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    index: usize,
    name: &'static str,
}

pub struct Row<'a> {
    file: &'a str,
    record: &'a csv::StringRecord,
}

impl<'a> Rows<'a> {
    /// `file` is the name for errors.
    ///
    /// # Errors
    /// A header that is not UTF-8.
    pub fn new(file: &'a str, bytes: &'a [u8]) -> Result<Self, CsvError> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(|source| error(file, source))?.clone();
        Ok(Self { file, reader, header, record: csv::StringRecord::new() })
    }

    pub fn optional(&self, name: &'static str) -> Option<Column> {
        let index = self.header.iter().position(|head| head == name)?;
        Some(Column { index, name })
    }

    /// # Errors
    /// If the file has no such column.
    pub fn column(&self, name: &'static str) -> Result<Column, CsvError> {
        self.optional(name).ok_or_else(|| CsvError::NoColumn {
            file: self.file.to_owned(),
            column: name,
            header: self.header.iter().collect::<Vec<_>>().join(","),
        })
    }

    /// Makes sure that the header has no other column than these, and none of them twice.
    ///
    /// # Errors
    /// If it has.
    pub fn only(&self, known: &[&str]) -> Result<(), CsvError> {
        for (index, head) in self.header.iter().enumerate() {
            let reason = if !known.contains(&head) {
                format!("is none of {}", known.join(", "))
            } else if self.header.iter().take(index).any(|before| before == head) {
                "is there twice".to_owned()
            } else {
                continue;
            };
            let (file, found) = (self.file.to_owned(), head.to_owned());
            return Err(CsvError::Header { file, column: index + 1, found, reason });
        }
        Ok(())
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// A row with more or fewer columns than the header, or one that is not UTF-8.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, CsvError> {
        let more = self.reader.read_record(&mut self.record).map_err(|source| error(self.file, source))?;
        Ok(more.then_some(Row { file: self.file, record: &self.record }))
    }

    /// # Errors
    /// If `rows` is empty.
    pub fn not_empty<R>(&self, rows: R) -> Result<R, CsvError>
    where
        for<'r> &'r R: IntoIterator,
    {
        let none = (&rows).into_iter().next().is_none();
        if none { Err(CsvError::Empty { file: self.file.to_owned() }) } else { Ok(rows) }
    }
}

impl Row<'_> {
    /// Number of the line on which it begins, from 1.
    pub fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    pub fn text(&self, column: Column) -> &str {
        self.record.get(column.index).unwrap_or_default()
    }

    /// The value as `read` understands it.
    ///
    /// # Errors
    /// If it does not; `expected` says what would do.
    pub fn get<T>(
        &self,
        column: Column,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, CsvError> {
        read(self.text(column)).ok_or_else(|| self.wrong(column, expected))
    }

    /// The same for a value that may be empty.
    ///
    /// # Errors
    /// If it is neither empty nor understood.
    pub fn get_optional<T>(
        &self,
        column: Column,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, CsvError> {
        if self.text(column).is_empty() { Ok(None) } else { self.get(column, expected, read).map(Some) }
    }

    pub fn wrong(&self, column: Column, expected: &'static str) -> CsvError {
        CsvError::Value {
            file: self.file.to_owned(),
            line: self.line(),
            column: column.index + 1,
            name: column.name,
            expected,
            found: self.text(column).to_owned(),
        }
    }
}

fn error(file: &str, source: csv::Error) -> CsvError {
    let file = file.to_owned();
    match source.kind() {
        csv::ErrorKind::UnequalLengths { pos: Some(pos), expected_len, len } => CsvError::Length {
            file,
            line: pos.line(),
            column: expected_len.min(len) + 1,
            expected: *expected_len,
            found: *len,
        },
        csv::ErrorKind::Utf8 { pos: Some(pos), err } => {
            CsvError::Encoding { file, line: pos.line(), column: err.field() + 1 }
        }
        _ => CsvError::Other { file, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second_column(bytes: &[u8]) -> Result<Vec<f64>, CsvError> {
        let mut rows = Rows::new("prices.csv", bytes)?;
        let price = rows.column("price")?;
        let mut prices = Vec::new();
        while let Some(row) = rows.next_row()? {
            prices.push(row.get(price, "a number", |text| text.parse().ok())?);
        }
        rows.not_empty(prices)
    }

    #[test]
    fn spaces_line_ends_and_a_byte_order_mark_do_not_matter() {
        for bytes in [&b"h,price\n1, 2.5\n"[..], b"h,price\r\n1,2.5", b"\xef\xbb\xbfh , price\n1,2.5\n"] {
            assert_eq!(second_column(bytes).unwrap(), [2.5]);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_file_line_and_column() {
        for (bytes, expected) in [
            (
                &b"h,price\n1,2\n2,cheap\n"[..],
                "prices.csv:3: column 2 (price): expected a number, found `cheap`",
            ),
            (b"h,price\n1,\n", "prices.csv:2: column 2 (price): expected a number, found ``"),
            (b"h,cost\n1,2\n", "prices.csv:1: no column `price`; the header is `h,cost`"),
            (b"h,price\n1,2\n3\n", "prices.csv:3: column 2: expected 2 columns, found 1"),
            (b"h,price\n1,2,3\n", "prices.csv:2: column 3: expected 2 columns, found 3"),
            (b"h,price\n1,\xff\n", "prices.csv:2: column 2: not UTF-8"),
            (b"h,price\n", "prices.csv: no rows"),
            (b"", "prices.csv:1: no column `price`; the header is ``"),
        ] {
            assert_eq!(second_column(bytes).unwrap_err().to_string(), expected);
        }
    }
}
