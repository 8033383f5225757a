//! Where a reply of the API ends, in two parts: at a NUL, behind its last brace, or with the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wattsplit::reading::Missing;
use wattsplit::sources::asic::command::Command;

mod connection;

fuzz_target!(|bytes: &[u8]| {
    let sent = connection::parts(bytes);
    match connection::answered(Command::Summary, sent) {
        // A reply is how the stream begins, and never more of it than there is.
        Ok(reply) => assert!(sent.concat().starts_with(&reply)),
        Err(why) => assert_eq!(why, Missing::CutOff),
    }
});
