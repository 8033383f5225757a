//! The reply to several commands at once.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json::{Document, Unreadable, utf8};
use super::reply::Reply;

/// Reads the reply to `a+b`, `{"a":[{…}],"b":[{…}],"id":1}`: for each of `names` the reply under it.
///
/// # Errors
/// As [`super::json::parse`].
pub fn parse<'n>(
    bytes: &[u8],
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<Option<Reply>>, Unreadable> {
    let names: Vec<&str> = names.collect();
    let mut replies: Vec<Option<Reply>> = names.iter().map(|_| None).collect();
    let mut json = serde_json::Deserializer::from_str(utf8(bytes)?);
    let joined = Joined { names: &names, replies: &mut replies, room: bytes.len() };
    (&mut json).deserialize_map(joined).and_then(|()| json.end()).map_err(Unreadable::from)?;
    Ok(replies)
}

struct Joined<'a> {
    names: &'a [&'a str],
    replies: &'a mut [Option<Reply>],
    /// Length of the whole, bytes.
    room: usize,
}

impl<'de> Visitor<'de> for Joined<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("replies by the name of their command")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let at = self.names.iter().position(|known| *known == name);
            match at.and_then(|at| self.replies.get_mut(at)) {
                Some(slot) => {
                    let text = String::with_capacity(self.room / self.names.len().max(1));
                    let mut reply = Reply { text, ..Reply::default() };
                    map.next_value_seed(Part(&mut reply))?;
                    *slot = (!reply.head.is_empty() || !reply.rows.is_empty()).then_some(reply);
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// One reply of several: an object, or a list that holds it.
struct Part<'a>(&'a mut Reply);

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reply or a list of one")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Document(self.0).visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Part(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
