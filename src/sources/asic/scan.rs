//! JSON as it stands in a text: where each name and value lies, and nothing that has to be kept.

use std::ops::Range;

/// A part of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Replies are far shorter than four gigabytes; of a longer one, the rest is not found.
    #[inline]
    pub fn of(range: Range<usize>) -> Self {
        let short = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: short(range.start), end: short(range.end) }
    }

    #[inline]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    #[inline]
    pub fn length(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

/// Deeper than any reply, and far from the end of the stack.
const MAX_DEPTH: u32 = 128;

/// Why bytes are not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Well-formed up to its end, which comes too early.
    Unfinished,
    /// Anything else, also more than 128 levels of nesting.
    Malformed,
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        if error.is_eof() { Unreadable::Unfinished } else { Unreadable::Malformed }
    }
}

/// What stands between two quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    pub inside: Span,
    /// Some of it stands for something else.
    pub escaped: bool,
}

/// A value, or the beginning of one: [`Scan::object`] or [`Scan::array`] goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Object,
    Array,
    Null,
    Bool(bool),
    Number(Span),
    Text(Quoted),
}

/// Reads a text from its start to its end, each byte once. What is done for each field is inlined whatever the rest is
/// built for: that is a third of what reading a reply takes.
pub struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    depth: u32,
}

impl<'t> Scan<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), at: 0, depth: 0 }
    }

    /// The next value.
    ///
    /// # Errors
    /// If there is none.
    #[inline(always)]
    pub fn value(&mut self) -> Result<Value, Unreadable> {
        match self.next_sign()? {
            b'"' => self.quoted().map(Value::Text),
            b'-' | b'0'..=b'9' => self.number().map(Value::Number),
            b'{' => Ok(self.open(Value::Object)),
            b'[' => Ok(self.open(Value::Array)),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => Err(Unreadable::Malformed),
        }
    }

    /// Goes through the members of an object that has begun. `member` has to read the value of each.
    ///
    /// # Errors
    /// If they are not well-formed, and those of `member`.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Quoted) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.list(b'}', |scan| {
            if scan.next_sign()? != b'"' {
                return Err(Unreadable::Malformed);
            }
            let name = scan.quoted()?;
            if scan.next_sign()? != b':' {
                return Err(Unreadable::Malformed);
            }
            scan.at += 1;
            member(scan, name)
        })
    }

    /// Goes through the elements of an array that has begun. `element` has to read each.
    ///
    /// # Errors
    /// If they are not well-formed, and those of `element`.
    pub fn array(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.list(b']', element)
    }

    /// Passes over the rest of a value.
    ///
    /// # Errors
    /// If it is not well-formed.
    pub fn skip(&mut self, begun: Value) -> Result<(), Unreadable> {
        let pass = |scan: &mut Self| {
            let value = scan.value()?;
            scan.skip(value)
        };
        match begun {
            Value::Object => self.object(|scan, _| pass(scan)),
            Value::Array => self.array(pass),
            _ => Ok(()),
        }
    }

    /// Only blanks may follow.
    ///
    /// # Errors
    /// If anything else does.
    pub fn end(&mut self) -> Result<(), Unreadable> {
        if self.next_sign().is_ok() { Err(Unreadable::Malformed) } else { Ok(()) }
    }

    #[inline(always)]
    fn byte(&self) -> Result<u8, Unreadable> {
        self.text.get(self.at).copied().ok_or(Unreadable::Unfinished)
    }

    /// The next byte that is no blank; it is still to be read.
    #[inline(always)]
    fn next_sign(&mut self) -> Result<u8, Unreadable> {
        loop {
            match self.byte()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                sign => return Ok(sign),
            }
        }
    }

    fn open(&mut self, value: Value) -> Value {
        self.at += 1;
        value
    }

    fn list(
        &mut self,
        close: u8,
        mut element: impl FnMut(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            return Err(Unreadable::Malformed);
        }
        let mut more = self.next_sign()? != close;
        while more {
            element(self)?;
            more = match self.next_sign()? {
                b',' => true,
                sign if sign == close => false,
                _ => return Err(Unreadable::Malformed),
            };
            self.at += usize::from(more);
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    /// Most texts hold no escape: then they end where reading first stops.
    #[inline(always)]
    fn quoted(&mut self) -> Result<Quoted, Unreadable> {
        let start = self.at + 1;
        self.at = start + plain(self.text.get(start..).unwrap_or_default());
        if self.byte() != Ok(b'"') {
            return self.quoted_with_escapes(start);
        }
        self.at += 1;
        Ok(Quoted { inside: Span::of(start..self.at - 1), escaped: false })
    }

    /// The rest of a text that began at `start`, from its first escape on.
    #[cold]
    fn quoted_with_escapes(&mut self, start: usize) -> Result<Quoted, Unreadable> {
        loop {
            match self.byte()? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    if !matches!(self.byte()?, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u')
                    {
                        return Err(Unreadable::Malformed);
                    }
                    self.at += 1;
                }
                _ => return Err(Unreadable::Malformed),
            }
            self.at += plain(self.text.get(self.at..).unwrap_or_default());
        }
        self.at += 1;
        Ok(Quoted { inside: Span::of(start..self.at - 1), escaped: true })
    }

    #[inline(always)]
    fn number(&mut self) -> Result<Span, Unreadable> {
        let start = self.at;
        self.at += usize::from(self.byte() == Ok(b'-'));
        let zero = self.byte() == Ok(b'0');
        if self.digits()? > 1 && zero {
            return Err(Unreadable::Malformed);
        }
        if self.byte() == Ok(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Ok(b'e' | b'E')) {
            self.exponent()?;
        }
        Ok(Span::of(start..self.at))
    }

    #[cold]
    fn exponent(&mut self) -> Result<(), Unreadable> {
        self.at += 1;
        self.at += usize::from(matches!(self.byte(), Ok(b'+' | b'-')));
        self.digits().map(|_| ())
    }

    /// Passes over one digit or more; how many.
    #[inline(always)]
    fn digits(&mut self) -> Result<usize, Unreadable> {
        let start = self.at;
        while matches!(self.byte(), Ok(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(self.at - start) } else { self.byte().and(Err(Unreadable::Malformed)) }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Unreadable> {
        for sign in word.bytes() {
            if self.byte()? != sign {
                return Err(Unreadable::Malformed);
            }
            self.at += 1;
        }
        Ok(value)
    }
}

/// How many bytes lie before the first at which reading a text stops: its end, an escape, or what may not stand in
/// it. Eight at a time, as most of a reply are texts.
#[inline]
pub fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (words, rest) = bytes.as_chunks();
    for (count, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The highest bit of each byte that is below `limit`, up to the first such byte and sometimes behind it.
        let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let marks = (is(b'"') | is(b'\\') | below(word, 0x20)) & (ONES << 7);
        if marks != 0 {
            return count * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().position(is_mark).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a whole text, as strictly as it goes.
    fn read(text: &str) -> Result<(), Unreadable> {
        let mut scan = Scan::new(text);
        let value = scan.value()?;
        scan.skip(value)?;
        scan.end()
    }

    #[test]
    fn what_is_json_and_what_ends_early_is_judged_as_serde_json_does() {
        let texts = [
            r#"{"a":[1,-2.5e+3,0.1E-2,true,false,null,"x",{},[]],"b":{"c":""}}"#,
            " { \"a\" : [ 1 , 2 ] }\r\n\t ",
            r#"{"a":"\"\\\/\b\f\n\r\tA é"}"#,
            r#"{"a":1,}"#,
            r#"{"a":[,1]}"#,
            r#"{"a" 1}"#,
            r#"{1:2}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":01}"#,
            r#"{"a":-x}"#,
            r#"{"a":+1}"#,
            r#"{"a":.5}"#,
            r#"{"a":1.}"#,
            r#"{"a":1e}"#,
            r#"{"a":nan}"#,
            r#"{"a":truth}"#,
            r#"{"a":"\'"}"#,
            "{\"a\":\"\n\"}",
            "{}x",
            "{]",
            "[}",
        ];
        let serde = |text: &str| serde_json::from_str::<serde_json::Value>(text).map(drop);
        for whole in texts {
            for end in (0..=whole.len()).filter(|end| whole.is_char_boundary(*end)) {
                let text = &whole[..end];
                assert_eq!(read(text), serde(text).map_err(Unreadable::from), "{text}");
            }
        }
    }

    #[test]
    fn the_first_mark_is_found_wherever_it_stands() {
        for mark in *b"\"\\\n\0\x1f" {
            for at in 0..23 {
                let mut text = "aZ ~!#[]é\u{7f}0123456789xyz".as_bytes().to_vec();
                assert_eq!(plain(&text), text.len());
                text[at] = mark;
                text[at + 1] = b'"';
                assert_eq!(plain(&text), at);
            }
        }
    }

    #[test]
    fn too_many_levels_are_malformed() {
        let levels = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
        assert_eq!(read(&levels(127)), Ok(()));
        assert_eq!(read(&levels(128)), Err(Unreadable::Malformed));
        assert_eq!(read(&"[".repeat(200_000)), Err(Unreadable::Malformed));
    }

    #[test]
    fn each_value_is_found_where_it_stands() {
        let text = r#"{"name":-1.5,"other":"a\"b"}"#;
        let mut scan = Scan::new(text);
        assert_eq!(scan.value(), Ok(Value::Object));
        let mut found = Vec::new();
        let members = scan.object(|scan, name| {
            let part = match scan.value()? {
                Value::Number(part) => part,
                Value::Text(quoted) => {
                    assert!(quoted.escaped && !name.escaped);
                    quoted.inside
                }
                other => panic!("{other:?}"),
            };
            found.push((&text[name.inside.range()], &text[part.range()]));
            Ok(())
        });
        assert_eq!(members, Ok(()));
        assert_eq!(found, [("name", "-1.5"), ("other", r#"a\"b"#)]);
    }
}
