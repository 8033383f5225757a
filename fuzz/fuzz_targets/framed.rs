//! A reply behind its length, however it comes apart.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wattsplit::sources::asic::command::Command;

mod connection;

fuzz_target!(|bytes: &[u8]| {
    let sent = connection::parts(bytes);
    let (whole, none) = (sent.concat(), &[][..]);
    let answer = connection::answered(Command::V3Summary, sent);
    assert_eq!(answer, connection::answered(Command::V3Summary, [&whole, none]));
    if let Ok(reply) = answer {
        assert!(whole[4..].starts_with(&reply));
    }
});
