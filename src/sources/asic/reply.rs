//! One reply of the API, in a form that asks for fields by name.
//!
//! Every reply is an object of tables (`"SUMMARY":[{…}]`, `"Msg":{…}`) and scalars. A scalar may
//! be a number or the same number as a string; deeper structures are flattened into dotted keys.
//! What is kept are places in one copy of the document, so that a reply costs a handful of allocations.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use crate::reading::Missing;

use super::scan::{Quoted, Span, Unreadable};
use super::spare::{Spare, Text};
use super::{joined, json, repair, text};

thread_local! {
    static ENTRIES: Spare<Entry> = const { Spare::new() };
    static HEADS: Spare<Entry> = const { Spare::new() };
    static ROWS: Spare<RowEntry> = const { Spare::new() };
}

/// A reply that could be read.
#[derive(Debug, Default)]
pub struct Reply {
    /// The document as it came. The parts of a joined one share it.
    text: Rc<Text>,
    /// What does not stand there like this. Its spans go on behind those of `text`.
    pub(super) made: String,
    pub(super) head: Vec<Entry>,
    pub(super) rows: Vec<RowEntry>,
    pub(super) entries: Vec<Entry>,
    /// Whoever reads a reply asks for it first.
    status: OnceCell<Result<(), Missing>>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub key: Span,
    pub value: Stored,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Stored {
    Number(Span),
    Bool(bool),
    Text(Span),
}

#[derive(Debug)]
pub(super) struct RowEntry {
    pub table: Span,
    pub entries: Span,
}

/// A field as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'r> {
    /// Its digits: of most, nobody wants to know the value.
    Number(&'r str),
    Bool(bool),
    Text(&'r str),
}

impl Drop for Reply {
    fn drop(&mut self) {
        // Not while the thread ends.
        let _ = ENTRIES.try_with(|spare| spare.give(std::mem::take(&mut self.entries)));
        let _ = HEADS.try_with(|spare| spare.give(std::mem::take(&mut self.head)));
        let _ = ROWS.try_with(|spare| spare.give(std::mem::take(&mut self.rows)));
    }
}

/// One object of a table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'r> {
    reply: &'r Reply,
    entries: &'r [Entry],
}

impl Reply {
    /// Nothing yet of a document that has about so many fields.
    pub(super) fn of(text: Rc<Text>, fields: usize) -> Self {
        let mut entries = ENTRIES.with(Spare::take);
        entries.reserve(fields);
        Self {
            text,
            made: String::new(),
            head: HEADS.with(Spare::take),
            rows: ROWS.with(Spare::take),
            entries,
            status: OnceCell::new(),
        }
    }

    /// Keeps a copy of `part`.
    pub(super) fn store(&mut self, part: &str) -> Span {
        let start = self.text.len() + self.made.len();
        self.made.push_str(part);
        Span::of(start..start + part.len())
    }

    /// Where a text of the document is, without its escapes.
    ///
    /// # Errors
    /// If there is no such escape.
    #[inline(always)]
    pub(super) fn keep(&mut self, quoted: Quoted) -> Result<Span, Unreadable> {
        if quoted.escaped { self.unescape(quoted.inside.range()) } else { Ok(quoted.inside) }
    }

    fn unescape(&mut self, Range { start, end }: Range<usize>) -> Result<Span, Unreadable> {
        let with_quotes = self.text.get(start.saturating_sub(1)..end + 1).unwrap_or_default();
        let plain: String = serde_json::from_str(with_quotes).map_err(|_| Unreadable::Malformed)?;
        Ok(self.store(&plain))
    }

    /// `outer.inner`.
    pub(super) fn join(&mut self, outer: Span, inner: Span) -> Span {
        let start = self.text.len() + self.made.len();
        for (at, part) in [outer, inner].into_iter().enumerate() {
            if at > 0 {
                self.made.push('.');
            }
            match self.range_of_made(part) {
                Some(made) => self.made.extend_from_within(made),
                None => self.made.push_str(self.text.get(part.range()).unwrap_or_default()),
            }
        }
        Span::of(start..self.text.len() + self.made.len())
    }

    /// `None`: it is a part of the document.
    fn range_of_made(&self, span: Span) -> Option<Range<usize>> {
        let Range { start, end } = span.range();
        let before = self.text.len();
        // The end of what was made may lie beyond what a span can name.
        let end = end.saturating_sub(before).min(self.made.len());
        start.checked_sub(before).map(|start| start.min(end)..end)
    }

    /// Reads the bytes of one reply: strictly first, and only if that fails through [`repair`].
    ///
    /// # Errors
    /// [`Missing::CutOff`] if the document does not end, [`Missing::Garbage`] if it cannot be read.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Self, Missing> {
        let bytes = bytes.into();
        if bytes.starts_with(b"STATUS=") {
            return text::parse(&bytes);
        }
        strictly(bytes, json::parse)
    }

    /// Reads the reply to several commands at once: one for each of `names`, `None` for those that it lacks.
    ///
    /// # Errors
    /// As [`Reply::parse`]; [`Missing::RemoteError`] if it holds none of them, as the error of firmware that
    /// does not know joined commands.
    pub fn parse_joined<'n>(
        bytes: impl Into<Vec<u8>>,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<Vec<Option<Self>>, Missing> {
        let replies = strictly(bytes.into(), |text| joined::parse(text, names.clone()))?;
        if replies.iter().all(Option::is_none) { Err(Missing::RemoteError) } else { Ok(replies) }
    }

    /// What the status of the reply says: `S`, `I` and `W` replies carry data.
    ///
    /// # Errors
    /// [`Missing::Denied`] for code 45 (WhatsMiner "permission denied"), [`Missing::RemoteError`]
    /// for any other error.
    pub fn status(&self) -> Result<(), Missing> {
        *self.status.get_or_init(|| {
            let row = self.status_row();
            match row.text("STATUS") {
                Some(s) if s.eq_ignore_ascii_case("E") || s.eq_ignore_ascii_case("F") => {
                    Err(if row.number("Code") == Ok(45.0) { Missing::Denied } else { Missing::RemoteError })
                }
                _ => Ok(()),
            }
        })
    }

    /// What the API says about itself: `cgminer 1.0.0`, `whatsminer v2.0.5`…
    pub fn description(&self) -> &str {
        self.status_row().text("Description").unwrap_or_default()
    }

    /// The status is a table of its own, or (WhatsMiner `get_*`) fields of the reply.
    fn status_row(&self) -> Row<'_> {
        self.row("STATUS", 0).unwrap_or(Row { reply: self, entries: &self.head })
    }

    /// Row `index` of a table.
    pub fn row(&self, table: &str, index: usize) -> Option<Row<'_>> {
        self.rows(table).nth(index)
    }

    /// All rows of a table, in order.
    pub fn rows<'r>(&'r self, table: &str) -> impl Iterator<Item = Row<'r>> {
        let named = move |row: &&RowEntry| row.table.length() == table.len() && self.at(row.table) == table;
        self.rows.iter().filter(named).map(|row| Row {
            reply: self,
            entries: self.entries.get(row.entries.range()).unwrap_or_default(),
        })
    }

    #[inline(always)]
    fn at(&self, span: Span) -> &str {
        match self.text.get(span.range()) {
            Some(part) => part,
            None => self.made_at(span),
        }
    }

    #[cold]
    fn made_at(&self, span: Span) -> &str {
        self.range_of_made(span).and_then(|made| self.made.get(made)).unwrap_or_default()
    }
}

/// Reads a document as it stands, and only if that fails through [`repair`].
fn strictly<T>(bytes: Vec<u8>, read: impl Fn(&Rc<Text>) -> Result<T, Unreadable>) -> Result<T, Missing> {
    let text = match Text::of(bytes) {
        Ok(text) => Rc::new(text),
        Err(bytes) => return repaired(&bytes, read),
    };
    match read(&text) {
        Ok(whole) => Ok(whole),
        // Well-formed as far as it goes: nothing to repair, and nothing is made up for the rest.
        Err(Unreadable::Unfinished) => Err(Missing::CutOff),
        Err(Unreadable::Malformed) => repaired(text.as_bytes(), read),
    }
}

fn repaired<T>(bytes: &[u8], read: impl Fn(&Rc<Text>) -> Result<T, Unreadable>) -> Result<T, Missing> {
    read(&Rc::new(repair::repair(bytes)?.into())).map_err(|_| Missing::Garbage)
}

impl<'r> Row<'r> {
    /// All fields, in order; a key may occur more than once.
    pub fn fields(self) -> impl Iterator<Item = (&'r str, Scalar<'r>)> {
        self.entries.iter().map(move |entry| (self.reply.at(entry.key), self.value(entry)))
    }

    pub fn get(self, key: &str) -> Option<Scalar<'r>> {
        // By length first: of a hundred keys, few need a second look.
        let mut named = self.entries.iter().filter(|entry| entry.key.length() == key.len());
        named.find(|entry| self.reply.at(entry.key) == key).map(|entry| self.value(entry))
    }

    #[inline(always)]
    fn value(self, entry: &Entry) -> Scalar<'r> {
        match entry.value {
            Stored::Number(span) => Scalar::Number(self.reply.at(span)),
            Stored::Bool(truth) => Scalar::Bool(truth),
            Stored::Text(span) => Scalar::Text(self.reply.at(span)),
        }
    }

    /// A text that is not empty, without blanks around it.
    pub fn text(self, key: &str) -> Option<&'r str> {
        match self.get(key)? {
            Scalar::Text(text) => Some(text.trim()).filter(|t| !t.is_empty()),
            _ => None,
        }
    }

    /// A finite number, sent as number or text.
    ///
    /// # Errors
    /// [`Missing::NotReported`] if the field is absent, empty or not a number.
    pub fn number(self, key: &str) -> Result<f64, Missing> {
        self.get(key).and_then(Scalar::number).ok_or(Missing::NotReported)
    }
}

impl Scalar<'_> {
    /// `None` for text that is no number, and for NaN and infinities in any spelling.
    pub fn number(self) -> Option<f64> {
        match self {
            Scalar::Number(digits) => digits.parse::<f64>().ok(),
            Scalar::Text(text) => text.parse::<f64>().or_else(|_| text.trim().parse()).ok(),
            Scalar::Bool(_) => None,
        }
        .filter(|number| number.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_table_row_and_name_whether_number_or_text() {
        let reply = Reply::parse(
            br#"{"STATUS":[{"STATUS":"S","Code":11,"Description":"cgminer 1.0.0"}],
                "STATS":[{"Type":"Antminer S9"},{"GHS 5s":"12987.42","fan1":0,"x":"","y":"nan","z":null}],"id":1}"#,
        )
        .unwrap();
        assert_eq!(reply.status(), Ok(()));
        assert_eq!(reply.description(), "cgminer 1.0.0");
        assert_eq!(reply.row("STATS", 0).unwrap().text("Type"), Some("Antminer S9"));
        let stats = reply.row("STATS", 1).unwrap();
        assert_eq!(stats.number("GHS 5s"), Ok(12987.42));
        assert_eq!(stats.number("fan1"), Ok(0.0));
        for absent in ["x", "y", "z", "fan2"] {
            assert_eq!(stats.number(absent), Err(Missing::NotReported), "{absent}");
        }
        assert!(reply.row("STATS", 2).is_none() && reply.row("SUMMARY", 0).is_none());
    }

    #[test]
    fn a_refusal_is_told_from_other_errors_in_both_shapes_of_status() {
        let denied =
            br#"{"STATUS":"E","Code":45,"Msg":"permission denied","Description":"whatsminer v2.0.5"}"#;
        let denied = Reply::parse(denied).unwrap();
        assert_eq!((denied.status(), denied.description()), (Err(Missing::Denied), "whatsminer v2.0.5"));
        let error =
            Reply::parse(br#"{"STATUS":[{"STATUS":"E","Code":14,"Msg":"Invalid command"}]}"#).unwrap();
        assert_eq!(error.status(), Err(Missing::RemoteError));
        let warning = Reply::parse(br#"{"STATUS":[{"STATUS":"W","Code":14}]}"#).unwrap();
        assert_eq!(warning.status(), Ok(()));
    }

    #[test]
    fn a_reply_that_breaks_off_is_cut_off_and_rubbish_is_garbage() {
        assert_eq!(Reply::parse(br#"{"SUMMARY":[{"GHS 5s":1100"#).unwrap_err(), Missing::CutOff);
        assert_eq!(Reply::parse(b"<html>").unwrap_err(), Missing::Garbage);
        assert_eq!(Reply::parse(b",\"id\":1}").unwrap_err(), Missing::Garbage);
    }
}
