//! The part of Sparkplug's protobuf messages that wattsplit speaks, kept by hand: a decoder skips
//! what it does not know. Tags are those of `sparkplug_b.proto`, chapter 6.

use prost::Message;

use crate::clock::UnixMs;

#[derive(Clone, PartialEq, Message)]
pub struct Payload {
    /// When it was sent, Unix time in ms.
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    /// 0 to 255; a last will has none.
    #[prost(uint64, optional, tag = "3")]
    pub seq: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// In births only, and where there is no alias.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Unique within the edge node.
    #[prost(uint64, optional, tag = "2")]
    pub alias: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub datatype: Option<u32>,
    /// It was true then, and is not news.
    #[prost(bool, optional, tag = "5")]
    pub is_historical: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub is_null: Option<bool>,
    #[prost(message, optional, tag = "9")]
    pub properties: Option<PropertySet>,
    #[prost(oneof = "Value", tags = "11, 13, 14, 15")]
    pub value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Value {
    /// An Int64 in two's complement.
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Boolean(bool),
    #[prost(string, tag = "15")]
    String(String),
}

#[derive(Clone, PartialEq, Message)]
pub struct PropertySet {
    #[prost(string, repeated, tag = "1")]
    pub keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<PropertyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PropertyValue {
    #[prost(uint32, optional, tag = "1")]
    pub datatype: Option<u32>,
    #[prost(oneof = "Property", tags = "3, 8")]
    pub value: Option<Property>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Property {
    #[prost(uint32, tag = "3")]
    Int(u32),
    #[prost(string, tag = "8")]
    String(String),
}

/// Codes of datatypes.
pub const INT32: u32 = 3;
pub const INT64: u32 = 4;
pub const DOUBLE: u32 = 10;
pub const BOOLEAN: u32 = 11;
pub const STRING: u32 = 12;

impl Value {
    pub fn datatype(&self) -> u32 {
        match self {
            Value::Long(_) => INT64,
            Value::Double(_) => DOUBLE,
            Value::Boolean(_) => BOOLEAN,
            Value::String(_) => STRING,
        }
    }
}

impl Metric {
    /// A value that has a name and no alias.
    pub fn named(name: &str, value: Value, at: UnixMs) -> Self {
        Self {
            name: Some(name.to_owned()),
            timestamp: Some(millis(at)),
            datatype: Some(value.datatype()),
            value: Some(value),
            ..Self::default()
        }
    }
}

/// Unix time in ms; a clock before 1970 is at its beginning.
pub fn millis(at: UnixMs) -> u64 {
    u64::try_from(at.0).unwrap_or(0)
}
