//! Whether a miner is at an address: one connection, one question.

use std::time::Duration;

use super::command::Command;
use super::{API_PORT, HostPort, exchange};
use crate::reading::Missing;

/// What is asked at a port to see whether a miner answers there. Like every command, it only reads.
#[derive(Debug)]
pub struct Knock {
    pub port: u16,
    question: Command,
    recognises: fn(&[u8]) -> bool,
}

/// Also for ports that the table does not hold: a machine behind a gateway has any port.
const API: Knock = Knock { port: API_PORT, question: Command::Summary, recognises: answers_like_the_api };

/// The ports at which miners are looked for, unless others are named.
pub const KNOCKS: [Knock; 1] = [API];

/// What came of a knock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A reply that only a miner gives, be it an error.
    Miner,
    /// It took the connection and gave no whole reply: [`Missing::Timeout`] or [`Missing::CutOff`].
    Silent(Missing),
    /// Something else answers there.
    Other,
    /// Nothing listens there.
    Refused,
    /// No connection in time, no route, or no such name. A first packet that was lost looks the same.
    Absent,
}

/// Asks at one address, within `deadline`; connecting may take half of it.
pub async fn knock(host: &HostPort, deadline: Duration) -> Answer {
    let knock = KNOCKS.iter().find(|knock| knock.port == host.port).unwrap_or(&API);
    match exchange::ask(host, knock.question, deadline).await {
        Ok(reply) if (knock.recognises)(&reply) => Answer::Miner,
        Ok(_) => Answer::Other,
        Err(why @ (Missing::Timeout | Missing::CutOff)) => Answer::Silent(why),
        Err(Missing::Refused) => Answer::Refused,
        Err(Missing::Unreachable) => Answer::Absent,
        Err(_) => Answer::Other,
    }
}

/// Every reply of the API, an error too, has a `STATUS`; one that firmware garbled still ends in its `id`.
fn answers_like_the_api(reply: &[u8]) -> bool {
    let status = b"\"STATUS\"";
    let holds_status = || reply.windows(status.len()).any(|part| part == status);
    !reply.starts_with(b"HTTP/")
        && (reply.starts_with(b"STATUS=") || reply.ends_with(b"\"id\":1}") || holds_status())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miner_is_told_from_what_else_may_listen() {
        for miner in [
            &br#"{"STATUS":[{"STATUS":"S","Code":11}],"SUMMARY":[{"GHS 5s":1}],"id":1}"#[..],
            br#"{"STATUS":"E","When":1,"Code":14,"Msg":"invalid cmd","Description":""}"#,
            br#"{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":11"#,
            b"STATUS=S,When=1,Code=11,Msg=Summary|SUMMARY,Elapsed=1|",
            b",\"id\":1}",
        ] {
            assert!(answers_like_the_api(miner), "{}", String::from_utf8_lossy(miner));
        }
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\n\r\n{\"STATUS\":\"E\"}"[..],
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"{\"error\":\"no such method\"}",
            b"\x16\x03\x01\x02\x00",
            b"",
        ] {
            assert!(!answers_like_the_api(other), "{}", String::from_utf8_lossy(other));
        }
    }
}
