//! What went wrong with a connection, and what to do about it.

use std::fmt;
use std::io;
use std::time::Duration;

use rumqttc::v5::mqttbytes::Error as WireError;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode};
use rumqttc::v5::{ConnectionError, StateError, TlsError};
use rustls::{AlertDescription, CertificateError, Error as RustlsError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub what: String,
    pub hint: &'static str,
}

impl Failure {
    pub fn new(what: impl Into<String>, hint: &'static str) -> Self {
        Self { what: what.into(), hint }
    }

    /// Whether something was there to refuse.
    pub fn heard(&self) -> bool {
        self.hint != LISTENER && self.hint != NETWORK
    }

    /// Whether another client has taken this one's place.
    pub fn ousted(&self) -> bool {
        self.hint == TAKEN_OVER
    }

    /// Whether something that was on its way is too large for the broker.
    pub fn too_large(&self) -> bool {
        self.hint == TOO_LARGE
    }

    pub fn silence(time: Duration) -> Self {
        Self::new(format!("nothing heard for {} s", time.as_secs()), NETWORK)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.hint)
    }
}

const NETWORK: &str = "check mqtt.host, the network and firewalls between here and the broker";
const LISTENER: &str = "check that the broker runs and that mqtt.host and mqtt.port are right";
const LOGIN: &str = "check mqtt.username, mqtt.password_file and the broker's access list";
// A broker that speaks only MQTT 3.1.1 answers in its own way, which cannot be read, and closes.
const PLAIN_TO_TLS: &str = "if this port is for TLS, add [mqtt.tls]; or the broker may not speak MQTT 5";
const TLS_TO_PLAIN: &str = "if this port is not for TLS, remove [mqtt.tls] or change mqtt.port";
const AUTHORITY: &str = "set mqtt.tls.ca_file to the authority that signed the broker's certificate";
const SELF_SIGNED: &str = "the broker shows an authority's certificate as its own: make it one with \
     basicConstraints=CA:FALSE, or one that the authority signs";
const NAME: &str = "set mqtt.host to a name that the broker's certificate holds";
const VALIDITY: &str = "check the dates of the broker's certificate and this machine's clock";
const CLIENT_CERTIFICATE: &str =
    "the broker may want a client certificate: check mqtt.tls.cert_file and mqtt.tls.key_file";
const ENCRYPTED_CLOSED: &str = "the broker may want a client certificate (mqtt.tls.cert_file and mqtt.tls.key_file), or may \
     not speak MQTT 5";
const TAKEN_OVER: &str = "another client uses the same mqtt.client_id: give each its own";
// Not every broker says why: mosquitto 2.0 closes the ousted connection without a word.
const CLOSED: &str = "see the broker's log; a second client with the same mqtt.client_id has this effect too";
// Where to is not followed: a broker that can send everybody elsewhere could send everything elsewhere. The
// crate does not hand it over either.
const MOVED: &str = "the broker sends its clients to another one, see its log: set mqtt.host to that one";
const TOO_LARGE: &str =
    "records go in smaller messages now, what cannot be cut stays out: see the broker's limit";
const VERSION: &str = "wattsplit needs a broker that speaks MQTT 5";
const BROKER_LOG: &str = "see the broker's log";
const AGAIN: &str = "it is tried again";

/// Reason code of MQTT 5, section 2.4.
const PACKET_TOO_LARGE: u8 = 0x95;

/// How far a connection had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No answer to the MQTT connect yet, over plain TCP.
    Plain,
    /// The same, over TLS.
    Encrypted,
    /// The broker had accepted the connection.
    Accepted,
}

pub fn explain(error: &ConnectionError, stage: Stage) -> Failure {
    match error {
        ConnectionError::Timeout(_) => Failure::new("no answer", NETWORK),
        ConnectionError::Io(e) => io_failure(e, stage),
        ConnectionError::Tls(TlsError::Io(e)) => io_failure(e, stage),
        ConnectionError::Tls(TlsError::TLS(e)) => tls_failure(e),
        ConnectionError::Tls(TlsError::DNSName(_)) => {
            Failure::new("mqtt.host is no name that TLS can verify", NAME)
        }
        ConnectionError::ConnectionRefused(code) => refused(*code),
        ConnectionError::MqttState(e) => state_failure(e, stage),
        other => Failure::new(other.to_string(), BROKER_LOG),
    }
}

fn refused(code: ConnectReturnCode) -> Failure {
    use ConnectReturnCode as Code;
    let (what, hint) = match code {
        Code::BadUserNamePassword | Code::NotAuthorized | Code::BadAuthenticationMethod | Code::Banned => {
            ("login refused", LOGIN)
        }
        Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => ("MQTT 5 refused", VERSION),
        Code::BadClientId | Code::ClientIdentifierNotValid => {
            ("client id refused", "set mqtt.client_id to one that the broker accepts")
        }
        Code::RetainNotSupported => ("retained messages refused", "allow them on the broker"),
        Code::UseAnotherServer | Code::ServerMoved => ("connection refused", MOVED),
        Code::ServerBusy | Code::ServerUnavailable | Code::ServiceUnavailable => ("broker is busy", AGAIN),
        Code::ConnectionRateExceeded | Code::QuotaExceeded => ("too many connections", BROKER_LOG),
        _ => return Failure::new(format!("connection refused ({code:?})"), BROKER_LOG),
    };
    Failure::new(what, hint)
}

fn state_failure(error: &StateError, stage: Stage) -> Failure {
    match error {
        StateError::Io(e) | StateError::Deserialization(WireError::Io(e)) => io_failure(e, stage),
        StateError::ConnectionAborted => closed(stage),
        StateError::AwaitPingResp => Failure::new("the broker does not answer pings", NETWORK),
        StateError::ServerDisconnect { reason_code: DisconnectReasonCode::SessionTakenOver, .. } => {
            Failure::new("the broker ended the connection", TAKEN_OVER)
        }
        StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::UseAnotherServer | DisconnectReasonCode::ServerMoved,
            ..
        } => Failure::new("the broker ended the connection", MOVED),
        StateError::ServerDisconnect { reason_code: DisconnectReasonCode::PacketTooLarge, .. } => {
            Failure::new("the broker ended the connection over a message that is too large", TOO_LARGE)
        }
        StateError::ServerDisconnect { reason_code, .. } => {
            Failure::new(format!("the broker ended the connection ({reason_code:?})"), BROKER_LOG)
        }
        // Mosquitto acknowledges with it what is beyond its `message_size_limit`. The standard has no such
        // acknowledgement, and the crate gives up over it.
        StateError::Deserialization(WireError::InvalidConnectReturnCode(PACKET_TOO_LARGE)) => {
            Failure::new("the broker refused a message that is too large", TOO_LARGE)
        }
        StateError::Deserialization(e) => Failure::new(format!("unreadable answer ({e})"), VERSION),
        other => Failure::new(other.to_string(), AGAIN),
    }
}

fn closed(stage: Stage) -> Failure {
    let hint = match stage {
        Stage::Plain => PLAIN_TO_TLS,
        Stage::Encrypted => ENCRYPTED_CLOSED,
        Stage::Accepted => CLOSED,
    };
    Failure::new("the broker closed the connection", hint)
}

fn io_failure(error: &io::Error, stage: Stage) -> Failure {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()) {
        return tls_failure(tls);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::new("connection refused", LISTENER),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            closed(stage)
        }
        _ => Failure::new(error.to_string(), NETWORK),
    }
}

fn tls_failure(error: &RustlsError) -> Failure {
    let hint = match error {
        RustlsError::InvalidCertificate(reason) => match reason {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => NAME,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => VALIDITY,
            // The reason lies behind a type of a crate that is not ours.
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => SELF_SIGNED,
            _ => AUTHORITY,
        },
        RustlsError::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => CLIENT_CERTIFICATE,
        RustlsError::InvalidMessage(_) => TLS_TO_PLAIN,
        _ => BROKER_LOG,
    };
    Failure::new(format!("TLS: {error}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_was_ousted_and_one_that_is_sent_elsewhere_are_told_apart() {
        let ended = |reason_code| {
            let error = StateError::ServerDisconnect { reason_code, reason_string: None };
            explain(&ConnectionError::MqttState(error), Stage::Accepted)
        };
        assert!(ended(DisconnectReasonCode::SessionTakenOver).ousted());
        assert_eq!(ended(DisconnectReasonCode::UseAnotherServer).hint, MOVED);
        assert!(ended(DisconnectReasonCode::PacketTooLarge).too_large());
        assert_eq!(ended(DisconnectReasonCode::ServerBusy).hint, BROKER_LOG);
    }

    #[test]
    fn a_refused_login_says_where_the_login_comes_from() {
        for code in [ConnectReturnCode::BadUserNamePassword, ConnectReturnCode::NotAuthorized] {
            let failure = explain(&ConnectionError::ConnectionRefused(code), Stage::Plain);
            assert_eq!((failure.what.as_str(), failure.hint), ("login refused", LOGIN));
        }
    }

    #[test]
    fn a_certificate_of_an_unknown_authority_points_to_the_ca_file() {
        let inner = RustlsError::InvalidCertificate(CertificateError::UnknownIssuer);
        let error = io::Error::new(io::ErrorKind::InvalidData, inner);
        assert_eq!(explain(&ConnectionError::Tls(TlsError::Io(error)), Stage::Encrypted).hint, AUTHORITY);
    }

    #[test]
    fn a_connection_closed_before_the_answer_suspects_the_wrong_kind_of_port_or_an_older_protocol() {
        let error = ConnectionError::MqttState(StateError::ConnectionAborted);
        assert_eq!(explain(&error, Stage::Plain).hint, PLAIN_TO_TLS);
        assert_eq!(explain(&error, Stage::Encrypted).hint, ENCRYPTED_CLOSED);
        assert_eq!(explain(&error, Stage::Accepted).hint, CLOSED);
    }
}
