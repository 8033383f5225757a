//! One reply of the API, alone and as the parts of a joined one: strict, repaired and text form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wattsplit::sources::asic::reply::{Reply, Scalar};

const TABLES: [&str; 6] = ["SUMMARY", "STATS", "POOLS", "DEVS", "Msg", "TEMPS"];

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reply) = Reply::parse(bytes) {
        check(&reply);
    }
    if let Ok(parts) = Reply::parse_joined(bytes, ["summary", "devs", "temps"].into_iter()) {
        parts.iter().flatten().for_each(check);
    }
});

fn check(reply: &Reply) {
    let _ = (reply.status(), reply.description());
    for row in TABLES.into_iter().flat_map(|table| reply.rows(table)) {
        for (key, value) in row.fields() {
            assert!(value.number().is_none_or(f64::is_finite), "{key}");
            if let Scalar::Text(text) = value {
                assert!(row.text(key).is_none_or(|text| !text.is_empty()), "{text}");
            }
        }
    }
}
