//! What a web server says in order to be logged in to, behind the realm of an Antminer or alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wattsplit::sources::asic::command::Command;

mod connection;

const HEAD: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ";
const REALM: &[u8] = b"Digest realm=\"antMiner Configuration\", ";

fuzz_target!(|bytes: &[u8]| {
    let [first, second] = connection::parts(bytes);
    let second = [second, b"\r\nContent-Length: 0\r\n\r\n"].concat();
    for before in [HEAD, &[HEAD, REALM].concat()] {
        // Whatever stands there, it is no page.
        connection::answered(Command::CgiStats, [&[before, first].concat(), &second]).unwrap_err();
    }
});
