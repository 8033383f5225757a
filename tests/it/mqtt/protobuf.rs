//! Reads protobuf as its encoding guide says, and the Sparkplug fields that tests look at.

use std::collections::BTreeMap;

/// What is on the wire: a varint, eight bytes, or a text of bytes.
#[derive(Debug, Clone, PartialEq)]
enum Wire<'a> {
    Whole(u64),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Wire<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let wire = match key & 7 {
            0 => Wire::Whole(varint(&mut bytes)),
            1 => {
                let (eight, rest) = bytes.split_at(8);
                bytes = rest;
                Wire::Eight(eight.try_into().unwrap())
            }
            2 => {
                let length = varint(&mut bytes).try_into().unwrap();
                let (text, rest) = bytes.split_at(length);
                bytes = rest;
                Wire::Bytes(text)
            }
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, wire));
    }
    found
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Payload {
    pub timestamp: u64,
    pub seq: Option<u64>,
    pub metrics: Vec<Metric>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Metric {
    pub name: Option<String>,
    pub alias: Option<u64>,
    pub datatype: u64,
    pub historical: bool,
    pub null: bool,
    pub value: Option<Value>,
    pub properties: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Whole(i64),
    Double(f64),
    Flag(bool),
    Text(String),
}

pub fn payload(bytes: &[u8]) -> Payload {
    let mut payload = Payload::default();
    for field in fields(bytes) {
        match field {
            (1, Wire::Whole(at)) => payload.timestamp = at,
            (2, Wire::Bytes(bytes)) => payload.metrics.push(metric(bytes)),
            (3, Wire::Whole(seq)) => payload.seq = Some(seq),
            other => panic!("payload: {other:?}"),
        }
    }
    payload
}

fn metric(bytes: &[u8]) -> Metric {
    let mut metric = Metric::default();
    for field in fields(bytes) {
        match field {
            (1, Wire::Bytes(name)) => metric.name = Some(text(name)),
            (2, Wire::Whole(alias)) => metric.alias = Some(alias),
            (3, Wire::Whole(_)) => {}
            (4, Wire::Whole(datatype)) => metric.datatype = datatype,
            (5, Wire::Whole(flag)) => metric.historical = flag == 1,
            (7, Wire::Whole(flag)) => metric.null = flag == 1,
            (9, Wire::Bytes(set)) => metric.properties = properties(set),
            (11, Wire::Whole(value)) => metric.value = Some(Value::Whole(value.cast_signed())),
            (13, Wire::Eight(value)) => metric.value = Some(Value::Double(f64::from_le_bytes(value))),
            (14, Wire::Whole(value)) => metric.value = Some(Value::Flag(value == 1)),
            (15, Wire::Bytes(value)) => metric.value = Some(Value::Text(text(value))),
            other => panic!("metric: {other:?}"),
        }
    }
    metric
}

fn properties(bytes: &[u8]) -> BTreeMap<String, Value> {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for field in fields(bytes) {
        match field {
            (1, Wire::Bytes(key)) => keys.push(text(key)),
            (2, Wire::Bytes(value)) => match fields(value)[..] {
                [(1, Wire::Whole(3)), (3, Wire::Whole(code))] => {
                    values.push(Value::Whole(code.try_into().unwrap()));
                }
                [(1, Wire::Whole(12)), (8, Wire::Bytes(words))] => values.push(Value::Text(text(words))),
                ref other => panic!("property: {other:?}"),
            },
            other => panic!("properties: {other:?}"),
        }
    }
    assert_eq!(keys.len(), values.len());
    keys.into_iter().zip(values).collect()
}
