//! Makes JSON of what miners send instead.
//!
//! Seen in recorded replies: a missing comma (`}{`, `"7""temp0"`), commas too many (`,}`, `[,{`),
//! `\'` and other escapes that JSON does not know, raw line breaks in strings, bytes that are not
//! UTF-8, bare `nan` and `inf`, a list written like an object (`["540":"…"]`), and more bytes
//! behind the document.
//!
//! Architecture invariant: nothing is invented. A document that does not end stays without value,
//! so that a number that was cut in the middle never becomes a reading.

use crate::reading::Missing;

/// Deeper than any reply, and far from the end of the stack of whoever parses the result.
const MAX_DEPTH: usize = 64;

/// Rewrites `bytes` as one JSON object.
///
/// # Errors
/// [`Missing::CutOff`] if the document does not end, [`Missing::Garbage`] if it is no object or is
/// broken in a way that is not known.
pub fn repair(bytes: &[u8]) -> Result<String, Missing> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start();
    if !text.starts_with('{') {
        return Err(Missing::Garbage);
    }
    Repair { rest: text, out: String::with_capacity(text.len() + 16), open: Vec::new(), before: Before::Open }
        .run()
}

struct Repair<'t> {
    rest: &'t str,
    out: String,
    /// The brackets that are open: where in `out` each stands, and as what.
    open: Vec<(usize, Bracket)>,
    before: Before,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bracket {
    Object,
    Array,
    /// Opened as `[`, made an object by a colon.
    ArrayAsObject,
}

/// What was written last.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Open,
    Value,
    Colon,
}

impl Repair<'_> {
    fn run(mut self) -> Result<String, Missing> {
        loop {
            let next = self.rest.chars().next().ok_or(Missing::CutOff)?;
            match next {
                '{' => self.open(Bracket::Object, '{')?,
                '[' => self.open(Bracket::Array, '[')?,
                '}' | ']' => {
                    self.close(next)?;
                    if self.open.is_empty() {
                        return Ok(self.out);
                    }
                }
                ':' => self.colon()?,
                // Separators are written where values meet; the ones that came say nothing more,
                // except that a value behind a colon is absent.
                ',' => {
                    self.absent_value();
                    self.skip(1);
                }
                '"' => self.string()?,
                c if c.is_whitespace() => self.skip(c.len_utf8()),
                _ => self.bare_word()?,
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn separate(&mut self) {
        if self.before == Before::Value {
            self.out.push(',');
        }
    }

    fn absent_value(&mut self) {
        if self.before == Before::Colon {
            self.out.push_str("null");
            self.before = Before::Value;
        }
    }

    fn open(&mut self, bracket: Bracket, sign: char) -> Result<(), Missing> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Missing::Garbage);
        }
        self.separate();
        self.open.push((self.out.len(), bracket));
        self.out.push(sign);
        self.before = Before::Open;
        self.skip(1);
        Ok(())
    }

    fn close(&mut self, sign: char) -> Result<(), Missing> {
        self.absent_value();
        let (_, bracket) = self.open.pop().ok_or(Missing::Garbage)?;
        if sign != if bracket == Bracket::Object { '}' } else { ']' } {
            return Err(Missing::Garbage);
        }
        self.out.push(if bracket == Bracket::Array { ']' } else { '}' });
        self.before = Before::Value;
        self.skip(1);
        Ok(())
    }

    fn colon(&mut self) -> Result<(), Missing> {
        if let Some((at, bracket @ Bracket::Array)) = self.open.last_mut() {
            *bracket = Bracket::ArrayAsObject;
            self.out.replace_range(*at..*at + 1, "{");
        }
        if self.before != Before::Value {
            return Err(Missing::Garbage);
        }
        self.out.push(':');
        self.before = Before::Colon;
        self.skip(1);
        Ok(())
    }

    fn string(&mut self) -> Result<(), Missing> {
        self.separate();
        self.out.push('"');
        let mut chars = self.rest.char_indices().skip(1);
        let end = loop {
            match chars.next().ok_or(Missing::CutOff)? {
                (at, '"') => break at + 1,
                (_, '\\') => match chars.next().ok_or(Missing::CutOff)?.1 {
                    known @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => {
                        self.out.push('\\');
                        self.out.push(known);
                    }
                    // `\'`, `\x` and half of `\u…`: the backslash is noise.
                    other => push_plain(&mut self.out, other),
                },
                (_, c) => push_plain(&mut self.out, c),
            }
        };
        self.out.push('"');
        self.before = Before::Value;
        self.skip(end);
        Ok(())
    }

    /// A number, `true`, `false`, or something that is no value and therefore absent: `nan`.
    fn bare_word(&mut self) -> Result<(), Missing> {
        let end = self.rest.find(|c: char| ",:{}[]\"".contains(c) || c.is_whitespace());
        // A word that ends with the text may have been cut.
        let word = self.rest.get(..end.ok_or(Missing::CutOff)?).unwrap_or_default();
        self.separate();
        let known =
            matches!(word, "true" | "false") || serde_json::from_str::<serde_json::Number>(word).is_ok();
        self.out.push_str(if known { word } else { "null" });
        self.before = Before::Value;
        self.skip(word.len());
        Ok(())
    }
}

/// Raw control characters become blanks.
fn push_plain(out: &mut String, c: char) {
    out.push(if c.is_control() { ' ' } else { c });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(text: &str) -> String {
        let text = repair(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        serde_json::from_str::<serde_json::Value>(&text).unwrap().to_string()
    }

    #[test]
    fn every_known_quirk_is_repaired() {
        for (quirk, meant) in [
            (r#"{"S":[{"a":1}{"b":2}]}"#, r#"{"S":[{"a":1},{"b":2}]}"#),
            (r#"{"a":"7""b":"36.0"}"#, r#"{"a":"7","b":"36.0"}"#),
            (r#"{"S":[,{"a":1,}],}"#, r#"{"S":[{"a":1}]}"#),
            (r#"{"a":"\'2020.REL\'"}"#, r#"{"a":"'2020.REL'"}"#),
            ("{\"a\":\"x\r\n\ty\"}", r#"{"a":"x   y"}"#),
            (r#"{"a":nan,"b":-nan,"c":inf,"d":1.50}"#, r#"{"a":null,"b":null,"c":null,"d":1.5}"#),
            (r#"{"a":1}"}"#, r#"{"a":1}"#),
            (r#"{"e":["540":"x","2010":"y"]}"#, r#"{"e":{"2010":"y","540":"x"}}"#),
            (r#"{"a":,"b":}"#, r#"{"a":null,"b":null}"#),
            (r#"{"a":"say \"}\" \\"{"#, r#""#),
        ] {
            if meant.is_empty() {
                assert!(repair(quirk.as_bytes()).is_err());
            } else {
                assert_eq!(repaired(quirk), meant);
            }
        }
        let latin = repair(b"{\"a\":\"acct\xff\xfe.m\",}").unwrap();
        assert_eq!(latin, "{\"a\":\"acct\u{fffd}\u{fffd}.m\"}");
    }

    #[test]
    fn nothing_is_made_of_a_document_that_does_not_end() {
        let whole = r#"{"STATS":[{"a":"x\'y"}{"GHS 5s":1100.5,"b":"c"}]}"#;
        for end in 1..whole.len() {
            assert_eq!(repair(&whole.as_bytes()[..end]), Err(Missing::CutOff), "{}", &whole[..end]);
        }
        assert!(repair(whole.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_object_or_too_deep_is_garbage() {
        for text in ["", ",\"id\":1}", "<html></html>", "{:1}", "{\"a\":1]", "{\"a\"::1}"] {
            assert_eq!(repair(text.as_bytes()), Err(Missing::Garbage), "{text}");
        }
        let deep = "{\"a\":".to_owned() + &"[".repeat(20_000);
        assert_eq!(repair(deep.as_bytes()), Err(Missing::Garbage));
    }
}
