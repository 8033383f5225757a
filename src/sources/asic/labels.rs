//! Where miners stand, from a CSV file of the operator: `address,rack,position`.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::hosts::{self, HostPort};
use crate::csv_file::{Column, CsvError, Row, Rows};
use crate::reading::Place;

/// Largest file that is read: more than a line for each address that a config may hold.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Longest name of a rack or position, in bytes: it stands in every row of the miner.
const MAX_LABEL: usize = 64;
/// Problems of one file that are told.
const MAX_PROBLEMS: usize = 20;

/// The places of one group, by address.
#[derive(Debug, Default)]
pub struct Labels {
    by_address: HashMap<String, Label>,
}

#[derive(Debug)]
struct Label {
    line: u64,
    place: Arc<Place>,
}

/// Why a file of labels cannot be used: at least one problem, each with file and line.
#[derive(Debug, thiserror::Error)]
#[error("{}", problems.join("; "))]
pub struct LabelsError {
    pub problems: Vec<String>,
}

impl From<CsvError> for LabelsError {
    fn from(error: CsvError) -> Self {
        Self { problems: vec![error.to_string()] }
    }
}

/// Reads the file of one group; addresses without a port have this one.
///
/// # Errors
/// A file that cannot be read, and all that [`Labels::parse`] finds.
pub fn read(file: &Path, port: u16) -> Result<Labels, LabelsError> {
    let name = file.display().to_string();
    let fail = |reason: String| LabelsError { problems: vec![format!("{name}: {reason}")] };
    // Asked before it is opened: opening a pipe would wait for its writer.
    let meta = std::fs::metadata(file).map_err(|e| fail(e.to_string()))?;
    if !meta.is_file() {
        return Err(fail("is not a file".to_owned()));
    }
    let opened = std::fs::File::open(file).map_err(|e| fail(e.to_string()))?;
    let mut bytes = Vec::new();
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| fail(e.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail(format!("is larger than {MAX_BYTES} bytes")));
    }
    Labels::parse(&name, &bytes, port)
}

impl Labels {
    /// Reads the text of a file; `file` is its name for errors. The columns may come in any order, and one of
    /// `rack` and `position` may be left out.
    ///
    /// # Errors
    /// A header or a row that cannot be read, or every row whose address is none, or is that of another row, or
    /// whose labels are too long.
    pub fn parse(file: &str, bytes: &[u8], port: u16) -> Result<Self, LabelsError> {
        let mut rows = Rows::new(file, bytes)?;
        rows.only(&["address", "rack", "position"])?;
        let address = rows.column("address")?;
        let columns = [rows.optional("rack"), rows.optional("position")];
        let (mut labels, mut problems) = (Self::default(), Vec::new());
        let mut names = HashSet::new();
        while let Some(row) = rows.next_row()? {
            let read = labels.take(&row, address, port).and_then(|host| {
                let [rack, position] = columns.map(|column| label(&row, column, &mut names));
                Ok((host, Place { rack: rack?, position: position? }))
            });
            match read {
                Ok((host, place)) => {
                    let label = Label { line: row.line(), place: Arc::new(place) };
                    labels.by_address.insert(host, label);
                }
                Err(_) if problems.len() == MAX_PROBLEMS => {
                    problems.push(format!("{file}: more lines that are wrong"));
                    break;
                }
                Err(error) => problems.push(error.to_string()),
            }
        }
        if problems.is_empty() { Ok(labels) } else { Err(LabelsError { problems }) }
    }

    /// The address of a row, as miners are called.
    fn take(&self, row: &Row<'_>, column: Column, port: u16) -> Result<String, CsvError> {
        let one = |text: &str| match hosts::expand(text, port).ok()?.as_slice() {
            // A network of one address is still not the address of a miner.
            [host] if host.expected => Some(host.to_string()),
            _ => None,
        };
        let host = row.get(column, "one address or host name, with an optional :port", one)?;
        if self.by_address.contains_key(&host) {
            return Err(row.wrong(column, "an address that no line above names"));
        }
        Ok(host)
    }

    pub fn place(&self, host: &HostPort) -> Option<Arc<Place>> {
        if self.by_address.is_empty() {
            return None;
        }
        self.by_address.get(&host.to_string()).map(|label| Arc::clone(&label.place))
    }

    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// Lines whose address is none of `hosts`, in order, with the address.
    pub fn strangers(&self, hosts: &[HostPort]) -> Vec<(u64, &str)> {
        let known: HashSet<String> = hosts.iter().map(HostPort::to_string).collect();
        let labels = self.by_address.iter().filter(|(address, _)| !known.contains(*address));
        let mut strangers: Vec<(u64, &str)> = labels.map(|(address, l)| (l.line, address.as_str())).collect();
        strangers.sort_unstable();
        strangers
    }
}

/// The name in a column, kept once however many rows have it; `None` where it is empty.
fn label(
    row: &Row<'_>,
    column: Option<Column>,
    names: &mut HashSet<Arc<str>>,
) -> Result<Option<Arc<str>>, CsvError> {
    let Some(column) = column else { return Ok(None) };
    let fits = |text: &str| {
        let fits = text.len() <= MAX_LABEL && !text.chars().any(char::is_control);
        fits.then(|| Arc::<str>::from(text))
    };
    let name = row.get_optional(column, "at most 64 bytes without control characters", fits)?;
    Ok(name.map(|name| match names.get(&name) {
        Some(known) => Arc::clone(known),
        None => {
            names.insert(Arc::clone(&name));
            name
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Labels, Vec<String>> {
        Labels::parse("row-a.csv", text.as_bytes(), 4028).map_err(|error| error.problems)
    }

    fn place(labels: &Labels, host: &str) -> Option<(Option<String>, Option<String>)> {
        let host = hosts::expand(host, 4028).unwrap().remove(0);
        let text = |label: &Option<Arc<str>>| label.as_deref().map(str::to_owned);
        labels.place(&host).map(|place| (text(&place.rack), text(&place.position)))
    }

    #[test]
    fn an_address_has_its_rack_and_position_however_it_is_written() {
        let labels = parse(
            "\u{feff}position , address,rack\r\n3-7,10.20.0.7,A 12\r\n,10.20.0.8:4029,A 12\r\n1,Miner-7.LAN,\r\n",
        )
        .unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(place(&labels, "10.20.0.7:4028"), Some((some("A 12"), some("3-7"))));
        assert_eq!(place(&labels, "10.20.0.8:4029"), Some((some("A 12"), None)));
        assert_eq!(place(&labels, "miner-7.lan"), Some((None, some("1"))));
        assert_eq!(place(&labels, "10.20.0.8"), None, "another port is another machine");
        assert_eq!(labels.len(), 3);
    }

    #[test]
    fn machines_of_one_rack_share_its_name() {
        let labels = parse("address,rack\n10.0.0.1,A\n10.0.0.2,A\n").unwrap();
        let rack = |host: &str| {
            let host = hosts::expand(host, 4028).unwrap().remove(0);
            labels.place(&host).unwrap().rack.clone().unwrap()
        };
        assert!(Arc::ptr_eq(&rack("10.0.0.1"), &rack("10.0.0.2")));
    }

    #[test]
    fn every_line_that_is_wrong_is_named_with_what_would_do() {
        let long = "x".repeat(65);
        let text = format!(
            "address,rack\n10.20.0.0/30,A\n10.20.0.7,A\n10.20.0.7:4028,B\n10.20.0.300,A\n10.20.0.9,{long}\n,A\n"
        );
        let one = "column 1 (address): expected one address or host name, with an optional :port, found";
        assert_eq!(
            parse(&text).unwrap_err(),
            [
                format!("row-a.csv:2: {one} `10.20.0.0/30`"),
                "row-a.csv:4: column 1 (address): expected an address that no line above names, found \
                 `10.20.0.7:4028`"
                    .to_owned(),
                format!("row-a.csv:5: {one} `10.20.0.300`"),
                format!(
                    "row-a.csv:6: column 2 (rack): expected at most 64 bytes without control characters, found `{long}`"
                ),
                format!("row-a.csv:7: {one} ``"),
            ]
        );
    }

    #[test]
    fn a_header_or_a_row_of_another_form_is_named_too() {
        for (text, problem) in [
            ("address;rack\n", "row-a.csv:1: column 1: `address;rack` is none of address, rack, position"),
            ("address,shelf\n", "row-a.csv:1: column 2: `shelf` is none of address, rack, position"),
            ("rack,position\n", "row-a.csv:1: no column `address`; the header is `rack,position`"),
            ("address,rack\n10.0.0.1\n", "row-a.csv:2: column 2: expected 2 columns, found 1"),
            ("address,address\n", "row-a.csv:1: column 2: `address` is there twice"),
        ] {
            assert_eq!(parse(text).unwrap_err(), [problem]);
        }
    }

    #[test]
    fn a_flood_of_mistakes_is_cut_short() {
        let problems = parse(&format!("address\n{}", "nowhere at all\n".repeat(10_000))).unwrap_err();
        assert_eq!((problems.len(), problems[20].as_str()), (21, "row-a.csv: more lines that are wrong"));
    }

    #[test]
    fn lines_for_miners_of_other_groups_are_found() {
        let labels = parse("address\n10.0.0.9\n10.0.0.1\n10.0.0.2:4029\n").unwrap();
        let hosts = hosts::expand_all(&["10.0.0.0/29"], 4028).unwrap();
        assert_eq!(labels.strangers(&hosts), [(2, "10.0.0.9:4028"), (4, "10.0.0.2:4029")]);
    }

    #[test]
    fn what_is_no_file_or_too_large_a_one_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let problem = |name: &str| read(&dir.path().join(name), 4028).unwrap_err().to_string();
        assert!(problem("none.csv").ends_with("none.csv: No such file or directory (os error 2)"));
        assert!(problem("").ends_with(": is not a file"));
        std::fs::write(dir.path().join("large.csv"), vec![b'\n'; 16 * 1024 * 1024 + 1]).unwrap();
        assert!(problem("large.csv").ends_with("large.csv: is larger than 16777216 bytes"));
    }
}
