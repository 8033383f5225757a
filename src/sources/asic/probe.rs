//! Whether a miner is at an address: one connection, one question.

use std::time::Duration;

use super::command::{Command, Request};
use super::door::{API_PORT, FRAMED_PORT, WEB_PORT};
use super::driver::Replies;
use super::{HostPort, detect, exchange, page};
use crate::reading::Missing;

/// The ports at which miners are looked for, unless others are named. Of the families with pages on the web's
/// port AxeOS is looked for there, and what stock Antminers say to whom they do not know: the others have the API as
/// well.
pub const PORTS: [u16; 3] = [API_PORT, FRAMED_PORT, WEB_PORT];

/// What came of a knock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A reply that only a miner gives, be it an error.
    Miner,
    /// A stock Antminer whose pages want a login.
    Locked,
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
    let question = question(host.port);
    let reply = match question.request() {
        Request::Document { path } => match exchange::get(host, path, None, deadline).await {
            Ok(page::Reply::Challenge(_)) => return Answer::Locked,
            page => page.and_then(page::Reply::body),
        },
        _ => exchange::ask(host, question, None, deadline).await,
    };
    match reply {
        // Who has pages at the API's port may be an ePIC.
        Ok(reply) if host.port == API_PORT && reply.starts_with(b"HTTP/") => {
            let page = exchange::ask(host, Command::EpicSummary, None, deadline).await;
            answer(Command::EpicSummary, page)
        }
        reply => answer(question, reply),
    }
}

/// At a port that is none of [`PORTS`] it is the API: a machine behind a gateway has any port.
fn question(port: u16) -> Command {
    match port {
        FRAMED_PORT => Command::V3Summary,
        WEB_PORT => Command::AxeInfo,
        _ => Command::Summary,
    }
}

fn answer(question: Command, reply: Result<Vec<u8>, Missing>) -> Answer {
    match reply {
        Ok(reply) if is_of_a_miner(question, &reply) => Answer::Miner,
        Ok(_) => Answer::Other,
        Err(why @ (Missing::Timeout | Missing::CutOff)) => Answer::Silent(why),
        Err(Missing::Refused) => Answer::Refused,
        Err(Missing::Unreachable) => Answer::Absent,
        Err(_) => Answer::Other,
    }
}

fn is_of_a_miner(question: Command, reply: &[u8]) -> bool {
    match question {
        Command::Summary => answers_like_the_api(reply),
        // Nothing else puts its length before an object.
        Command::V3Summary => reply.starts_with(b"{"),
        page => {
            let mut replies = Replies::default();
            replies.take(page, reply).is_ok() && detect::driver(&replies).is_some()
        }
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

    #[test]
    fn a_page_is_a_miners_if_a_family_knows_it() {
        let axe = br#"{"power":15.2,"hashRate":1021.5,"ASICModel":"BM1370","boardVersion":"601","version":"v2.6.1"}"#;
        assert!(is_of_a_miner(Command::AxeInfo, axe));
        for other in [&b"<html></html>"[..], b"{}", br#"{"version":"1.0","uptime":7}"#] {
            assert!(!is_of_a_miner(Command::AxeInfo, other), "{}", String::from_utf8_lossy(other));
        }
        assert!(is_of_a_miner(Command::V3Summary, br#"{"code":-2,"msg":"denied"}"#));
        assert!(!is_of_a_miner(Command::V3Summary, b"220 mail ready"));
    }
}
