//! The text form of the API, which some machines use whatever they are asked in:
//! `STATUS=S,Code=11,…|SUMMARY,Elapsed=73221,MHS av=118400000.00,…|`.

use super::reply::{Entry, Reply, RowEntry, Stored};
use super::scan::Span;
use crate::reading::Missing;

/// Reads one reply into the tables that its JSON form would have.
///
/// # Errors
/// [`Missing::CutOff`] if the last section is not closed: its last number may be part of one.
pub fn parse(bytes: &[u8]) -> Result<Reply, Missing> {
    let text = String::from_utf8_lossy(bytes);
    let (sections, behind) = text.rsplit_once('|').ok_or(Missing::CutOff)?;
    if !behind.trim().is_empty() {
        return Err(Missing::CutOff);
    }
    let mut reply = Reply::default();
    reply.made.reserve(2 * text.len());
    for section in sections.split('|') {
        let start = reply.entries.len();
        let mut table = Span::default();
        for (at, field) in Fields(section).enumerate() {
            let (key, value) = field.split_once('=').unwrap_or((field, ""));
            if at == 0 {
                table = reply.store(table_of(key.trim()));
            }
            let key = reply.store(key.trim());
            let value = Stored::Text(reply.store(value));
            reply.entries.push(Entry { key, value });
        }
        let entries = Span::of(start..reply.entries.len());
        reply.rows.push(RowEntry { table, entries });
    }
    Ok(reply)
}

/// Text names each section after its row, JSON the table.
fn table_of(section: &str) -> &str {
    match section {
        "POOL" => "POOLS",
        "ASC" | "PGA" => "DEVS",
        same => same,
    }
}

/// The fields of a section. Commas inside brackets belong to the value (`[Work: In Work, …]`).
struct Fields<'t>(&'t str);

impl<'t> Iterator for Fields<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if self.0.is_empty() {
            return None;
        }
        let mut depth = 0i32;
        let comma = self.0.bytes().position(|byte| {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            byte == b',' && depth <= 0
        });
        let (field, rest) = match comma {
            Some(at) => (self.0.get(..at)?, self.0.get(at + 1..).unwrap_or_default()),
            None => (self.0, ""),
        };
        self.0 = rest;
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = "STATUS=S,When=73230,Code=70,Description=cgminer 4.11.1|\
        STATS=0,ID=AVA100,Elapsed=73221,MM ID0=Ver[1346] SYSTEMSTATU[Work: In Work, Hash Board: 3 ] A[b=c],X=1|\
        POOL=0,URL=stratum+tcp://pool-a.example:3333,Stratum Active=true| ";

    #[test]
    fn text_has_the_tables_of_the_json_form() {
        let reply = parse(REPLY.as_bytes()).unwrap();
        assert_eq!((reply.status(), reply.description()), (Ok(()), "cgminer 4.11.1"));
        let stats = reply.row("STATS", 0).unwrap();
        assert_eq!((stats.number("Elapsed"), stats.number("X")), (Ok(73221.0), Ok(1.0)));
        assert_eq!(stats.text("MM ID0"), Some("Ver[1346] SYSTEMSTATU[Work: In Work, Hash Board: 3 ] A[b=c]"));
        assert_eq!(reply.row("POOLS", 0).unwrap().text("URL"), Some("stratum+tcp://pool-a.example:3333"));
        let refused = parse(b"STATUS=E,Code=14,Msg=Invalid command|").unwrap();
        assert_eq!(refused.status(), Err(Missing::RemoteError));
    }

    #[test]
    fn text_that_breaks_off_is_cut_off() {
        let whole = REPLY.trim_end();
        for end in (0..whole.len()).filter(|end| !whole[..*end].ends_with('|')) {
            assert_eq!(parse(&whole.as_bytes()[..end]).unwrap_err(), Missing::CutOff, "{end} bytes");
        }
    }
}
