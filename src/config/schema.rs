//! What the file may hold, learnt from the config structs themselves.
//!
//! The structs are deserialised from made-up values, and every question that serde asks on the way
//! is written down: key names, types, choices. So a key is declared in one place, its struct, and
//! unknown keys, wrong types and missing keys are still found all in one go.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// The type of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Text,
    Bool,
    /// A whole number within the range of its Rust type.
    Whole {
        min: i128,
        max: i128,
    },
    /// A finite number; whole numbers are numbers too.
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    List(Box<Kind>),
    Table {
        /// Name of the Rust struct.
        name: &'static str,
        fields: Vec<Field>,
    },
    /// A type that this module does not know: serde alone judges it.
    Any,
}

/// One key of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// Leaving it out is an error.
    pub required: bool,
}

impl Kind {
    /// The schema of `T`.
    pub fn of<T: for<'de> Deserialize<'de>>() -> Self {
        let trace = |omit| {
            let tracing = Tracing { omit, seen: RefCell::default() };
            let mut kind = Kind::Any;
            let result = T::deserialize(Tracer { kind: &mut kind, tracing: &tracing });
            (kind, tracing.seen.into_inner(), result.is_ok())
        };
        let (mut kind, seen, _) = trace(None);
        let required = seen.into_iter().filter(|&key| !trace(Some(key)).2).collect();
        kind.mark(&required);
        kind
    }

    /// The fields of a table; none if this is no table.
    pub fn fields(&self) -> &[Field] {
        match self {
            Kind::Table { fields, .. } => fields,
            _ => &[],
        }
    }

    fn mark(&mut self, required: &BTreeSet<Key>) {
        match self {
            Kind::List(item) => item.mark(required),
            Kind::Table { name, fields } => {
                for field in fields {
                    field.required = required.contains(&(*name, field.name));
                    field.kind.mark(required);
                }
            }
            _ => {}
        }
    }
}

/// Struct and field.
type Key = (&'static str, &'static str);

struct Tracing {
    /// Field that is left out, to see whether its struct can do without.
    omit: Option<Key>,
    seen: RefCell<BTreeSet<Key>>,
}

/// Answers every question with the first value that fits, and notes the question.
struct Tracer<'a> {
    kind: &'a mut Kind,
    tracing: &'a Tracing,
}

macro_rules! whole {
    ($($method:ident $type:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            *self.kind = Kind::Whole { min: <$type>::MIN.into(), max: <$type>::MAX.into() };
            visitor.visit_u8(0)
        })*
    };
}

macro_rules! simple {
    ($($method:ident $kind:expr, $visit:ident $value:expr,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            *self.kind = $kind;
            visitor.$visit($value)
        })*
    };
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    whole! {
        deserialize_u8 u8, deserialize_u16 u16, deserialize_u32 u32, deserialize_u64 u64,
        deserialize_i8 i8, deserialize_i16 i16, deserialize_i32 i32, deserialize_i64 i64,
    }

    simple! {
        deserialize_bool Kind::Bool, visit_bool false,
        deserialize_f32 Kind::Number, visit_f32 0.0,
        deserialize_f64 Kind::Number, visit_f64 0.0,
        deserialize_str Kind::Text, visit_str "",
        deserialize_string Kind::Text, visit_str "",
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut item = Kind::Any;
        let result = visitor.visit_seq(OneItem { kind: Some(&mut item), tracing: self.tracing });
        *self.kind = Kind::List(Box::new(item));
        result
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.kind = Kind::Choice(variants);
        let first: StrDeserializer<'_, Error> = variants.first().copied().unwrap_or("").into_deserializer();
        visitor.visit_enum(first)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut traced = Vec::new();
        let rest = fields.iter();
        let result = visitor.visit_map(EveryField { name, rest, traced: &mut traced, tracing: self.tracing });
        *self.kind = Kind::Table { name, fields: traced };
        result
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        *self.kind = Kind::Any;
        Err(Error::custom("a type without a schema"))
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct map identifier ignored_any
    }
}

struct OneItem<'a> {
    kind: Option<&'a mut Kind>,
    tracing: &'a Tracing,
}

impl<'de> SeqAccess<'de> for OneItem<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(kind) = self.kind.take() else { return Ok(None) };
        seed.deserialize(Tracer { kind, tracing: self.tracing }).map(Some)
    }
}

struct EveryField<'a> {
    name: &'static str,
    rest: std::slice::Iter<'static, &'static str>,
    traced: &'a mut Vec<Field>,
    tracing: &'a Tracing,
}

impl<'de> MapAccess<'de> for EveryField<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let omit = self.tracing.omit;
        let Some(&field) = self.rest.find(|field| omit != Some((self.name, **field))) else {
            return Ok(None);
        };
        self.tracing.seen.borrow_mut().insert((self.name, field));
        self.traced.push(Field { name: field, kind: Kind::Any, required: false });
        let key: StrDeserializer<'_, Error> = field.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let Some(field) = self.traced.last_mut() else {
            return Err(Error::custom("a value before its key"));
        };
        seed.deserialize(Tracer { kind: &mut field.kind, tracing: self.tracing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn no_any(kind: &Kind, path: &str) {
        match kind {
            Kind::Any => panic!("{path}: a type without a schema"),
            Kind::List(item) => no_any(item, path),
            _ => kind.fields().iter().for_each(|f| no_any(&f.kind, &format!("{path}.{}", f.name))),
        }
    }

    #[test]
    fn every_key_of_the_config_has_a_schema() {
        no_any(&Kind::of::<Config>(), "");
    }

    #[test]
    fn the_schema_says_what_is_required_and_what_fits() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Sample {
            name: String,
            #[serde(default)]
            port: u16,
            on: Option<bool>,
            share: f64,
            inner: Vec<Inner>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Word {
            KwMonth,
            Fixed,
        }
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Inner {
            word: Word,
        }
        let field = |name, kind, required| Field { name, kind, required };
        let inner = Kind::Table {
            name: "Inner",
            fields: vec![field("word", Kind::Choice(&["kw_month", "fixed"]), true)],
        };
        let expected = Kind::Table {
            name: "Sample",
            fields: vec![
                field("name", Kind::Text, true),
                field("port", Kind::Whole { min: 0, max: 65_535 }, false),
                field("on", Kind::Bool, false),
                field("share", Kind::Number, true),
                field("inner", Kind::List(Box::new(inner)), true),
            ],
        };
        assert_eq!(Kind::of::<Sample>(), expected);
        let _ = (Word::KwMonth, Word::Fixed);
    }
}
