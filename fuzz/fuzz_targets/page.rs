//! The answer of a web server, head and body, in two parts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wattsplit::sources::asic::command::Command;

mod connection;

fuzz_target!(|bytes: &[u8]| {
    let sent = connection::parts(bytes);
    for command in [Command::AxeInfo, Command::MinerPower] {
        if let Ok(body) = connection::answered(command, sent) {
            // Nothing is unpacked: a body is never longer than what came.
            assert!(body.len() < sent.concat().len());
        }
    }
});
