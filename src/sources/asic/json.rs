//! Strict JSON into a [`Reply`].

use std::rc::Rc;

use super::exchange::MAX_REPLY;
use super::reply::{Entry, Reply, RowEntry, Stored};
use super::scan::{Quoted, Scan, Span, Unreadable, Value};
use super::spare::Text;

/// Most text that is made for one reply. Dotted keys repeat what stands above them: a long key over many
/// small values would otherwise grow to the square of what was sent.
const MAX_MADE: usize = MAX_REPLY;
/// Most fields and rows that are kept of one reply: a field takes many times the room that `{},` or `1,` take
/// on the wire. The largest recorded reply has some 400.
const MAX_FIELDS: usize = 16 * 1024;
/// A stats reply has some 120 fields of 16 to 30 bytes each.
pub(super) const FIELD_BYTES: usize = 24;

/// Reads one document.
///
/// # Errors
/// If it is not exactly one JSON object.
pub fn parse(text: &Rc<Text>) -> Result<Reply, Unreadable> {
    let mut scan = Scan::new(text);
    if scan.value()? != Value::Object {
        return Err(Unreadable::Malformed);
    }
    let mut reply = Reply::of(text.clone(), text.len() / FIELD_BYTES);
    document(&mut scan, &mut reply)?;
    scan.end()?;
    Ok(reply)
}

/// The outermost object, which has begun.
///
/// # Errors
/// If it is not well-formed, or has more fields than any miner sends.
pub(super) fn document(scan: &mut Scan<'_>, reply: &mut Reply) -> Result<(), Unreadable> {
    scan.object(|scan, name| {
        let key = key(reply, None, name)?;
        match scan.value()? {
            Value::Object => row(scan, reply, key),
            // What is not an object is no row.
            Value::Array => scan.array(|scan| match scan.value()? {
                Value::Object => row(scan, reply, key),
                other => scan.skip(other),
            }),
            scalar => {
                if let Some(value) = stored(reply, scalar)? {
                    reply.head.push(Entry { key, value });
                }
                Ok(())
            }
        }
    })
}

/// One object of a table, which has begun.
fn row(scan: &mut Scan<'_>, reply: &mut Reply, table: Span) -> Result<(), Unreadable> {
    if reply.rows.len() > MAX_FIELDS {
        return Err(Unreadable::Malformed);
    }
    let start = reply.entries.len();
    scan.object(|scan, name| {
        let key = key(reply, None, name)?;
        field(scan, reply, key)
    })?;
    reply.rows.push(RowEntry { table, entries: Span::of(start..reply.entries.len()) });
    Ok(())
}

/// The value of a field; deeper levels become fields `key.inner` and `key.0` of the same row.
fn field(scan: &mut Scan<'_>, reply: &mut Reply, outer: Span) -> Result<(), Unreadable> {
    match scan.value()? {
        Value::Object => scan.object(|scan, name| {
            let key = key(reply, Some(outer), name)?;
            field(scan, reply, key)
        }),
        Value::Array => {
            let mut index = 0usize;
            scan.array(|scan| {
                room(reply)?;
                let place = reply.store(&index.to_string());
                index += 1;
                let key = reply.join(outer, place);
                field(scan, reply, key)
            })
        }
        scalar => {
            if let Some(value) = stored(reply, scalar)? {
                reply.entries.push(Entry { key: outer, value });
            }
            Ok(())
        }
    }
}

/// A key, behind `outer.` where there is one.
#[inline(always)]
fn key(reply: &mut Reply, outer: Option<Span>, name: Quoted) -> Result<Span, Unreadable> {
    room(reply)?;
    match outer {
        None => reply.keep(name),
        Some(outer) => {
            let name = reply.keep(name)?;
            Ok(reply.join(outer, name))
        }
    }
}

/// # Errors
/// If there is no more room for names in what is kept of a reply.
#[inline(always)]
fn room(reply: &Reply) -> Result<(), Unreadable> {
    let fields = reply.entries.len() + reply.head.len();
    if reply.made.len() > MAX_MADE || fields > MAX_FIELDS { Err(Unreadable::Malformed) } else { Ok(()) }
}

/// A scalar as it is kept; `null` is an absent field.
#[inline(always)]
fn stored(reply: &mut Reply, scalar: Value) -> Result<Option<Stored>, Unreadable> {
    Ok(match scalar {
        Value::Bool(truth) => Some(Stored::Bool(truth)),
        Value::Number(digits) => Some(Stored::Number(digits)),
        Value::Text(text) => Some(Stored::Text(reply.keep(text)?)),
        Value::Null | Value::Object | Value::Array => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::asic::reply::Scalar;

    fn parse(bytes: &[u8]) -> Result<Reply, Unreadable> {
        super::parse(&Rc::new(Text::of(bytes.into()).unwrap()))
    }

    #[test]
    fn deeper_levels_become_dotted_keys() {
        let reply = parse(br#"{"Msg":{"error_code":[{"540":"a"},"2010"],"mac":"x"}}"#).unwrap();
        let fields: Vec<_> = reply.row("Msg", 0).unwrap().fields().collect();
        assert_eq!(
            fields,
            [
                ("error_code.0.540", Scalar::Text("a")),
                ("error_code.1", Scalar::Text("2010")),
                ("mac", Scalar::Text("x")),
            ]
        );
    }

    #[test]
    fn twenty_thousand_nested_arrays_do_not_overflow_the_stack() {
        let deep = format!("{{\"STATS\":[{}{}]}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(parse(deep.as_bytes()).map(|reply| reply.rows("STATS").count()).unwrap_or(0) == 0);
        let deep = format!("{{\"STATS\":[{{\"a\":{}1{}}}]}}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(parse(deep.as_bytes()).unwrap_err(), Unreadable::Malformed);
    }

    #[test]
    fn a_document_that_stops_early_is_told_from_one_that_is_wrong() {
        assert_eq!(parse(b"{\"a\":12").unwrap_err(), Unreadable::Unfinished);
        assert_eq!(parse(b"").unwrap_err(), Unreadable::Unfinished);
        for wrong in ["{}x", "[]", "7", "{\"a\":nan}", "{\"a\":1 \"b\":2}"] {
            assert_eq!(parse(wrong.as_bytes()).unwrap_err(), Unreadable::Malformed, "{wrong}");
        }
    }
}
