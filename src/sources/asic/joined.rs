//! The reply to several commands at once.

use std::rc::Rc;

use super::json::{FIELD_BYTES, document};
use super::reply::Reply;
use super::scan::{Scan, Unreadable, Value};
use super::spare::Text;

/// Reads the reply to `a+b`, `{"a":[{…}],"b":[{…}],"id":1}`: for each of `names` the reply under it.
///
/// # Errors
/// As [`super::json::parse`].
pub fn parse<'n>(
    text: &Rc<Text>,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<Option<Reply>>, Unreadable> {
    let mut parts: Vec<(&str, Option<Reply>)> = names.map(|name| (name, None)).collect();
    let fields = text.len() / FIELD_BYTES / parts.len().max(1);
    let mut scan = Scan::new(text);
    if scan.value()? != Value::Object {
        return Err(Unreadable::Malformed);
    }
    scan.object(|scan, name| {
        let name = text.get(name.inside.range()).unwrap_or_default();
        let Some((_, slot)) = parts.iter_mut().find(|(known, _)| *known == name) else {
            let value = scan.value()?;
            return scan.skip(value);
        };
        let mut reply = Reply::of(text.clone(), fields);
        part(scan, &mut reply)?;
        *slot = (!reply.head.is_empty() || !reply.rows.is_empty()).then_some(reply);
        Ok(())
    })?;
    scan.end()?;
    Ok(parts.into_iter().map(|(_, reply)| reply).collect())
}

/// One reply of several: an object, or a list that holds it.
fn part(scan: &mut Scan<'_>, reply: &mut Reply) -> Result<(), Unreadable> {
    match scan.value()? {
        Value::Object => document(scan, reply),
        Value::Array => scan.array(|scan| part(scan, reply)),
        _ => Err(Unreadable::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'n>(
        bytes: &[u8],
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Vec<Option<Reply>>, Unreadable> {
        super::parse(&Rc::new(Text::of(bytes.into()).unwrap()), names)
    }

    #[test]
    fn a_joined_reply_comes_apart_by_name() {
        let names = || ["summary", "devs"].into_iter();
        let joined = br#"{"devs":[{"STATUS":[{"STATUS":"E","Code":14}],"id":1}],
            "summary":[{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"MHS 5s":1.5}],"id":1}],"id":1}"#;
        let replies = parse(joined, names()).unwrap();
        let [Some(summary), Some(devs)] = &replies[..] else { panic!("{replies:?}") };
        assert_eq!(summary.row("SUMMARY", 0).unwrap().number("MHS 5s"), Ok(1.5));
        assert!(summary.status().is_ok() && devs.status().is_err());

        // Firmware that does not know it answers with one error, or with the first part only.
        let refused = br#"{"STATUS":[{"STATUS":"E","Code":14,"Msg":"Invalid command"}],"id":1}"#;
        assert!(parse(refused, names()).unwrap().iter().all(Option::is_none));
        assert_eq!(parse(br#"{"summary":[{"SUM"#, names()).unwrap_err(), Unreadable::Unfinished);
        assert_eq!(parse(br#"{"summary":[7]}"#, names()).unwrap_err(), Unreadable::Malformed);
    }
}
