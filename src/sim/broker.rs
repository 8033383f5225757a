//! An MQTT 5 broker in the process, so that the demo needs none to be installed.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// The broker keeps what was published in segments, per topic filter; these bound its memory.
const SEGMENT_BYTES: usize = 1024 * 1024;
const SEGMENTS: usize = 10;
const MAX_CONNECTIONS: usize = 100;
/// Larger than any payload of ours.
const MAX_PACKET_BYTES: usize = 1024 * 1024;
/// The threads start at once; a machine that is busy may take a moment.
const START_TRIES: u32 = 100;
const START_PAUSE: Duration = Duration::from_millis(50);

/// Starts a broker on 127.0.0.1 and returns its port: `port`, or a free one if that is taken. It
/// listens when this returns, and ends with the process.
///
/// # Errors
/// No port can be had, or the broker does not come up.
pub async fn start(port: u16) -> io::Result<u16> {
    let port = free_port(port)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut broker = Broker::new(config(address));
    std::thread::Builder::new().name("broker".into()).spawn(move || {
        // Returns only if the listener cannot be opened, which the tries below notice.
        let _ = broker.start();
    })?;
    for _ in 0..START_TRIES {
        if TcpStream::connect(address).is_ok() {
            return Ok(port);
        }
        tokio::time::sleep(START_PAUSE).await;
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("no broker came up on {address}")))
}

fn free_port(wanted: u16) -> io::Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = bind(wanted).or_else(|_| bind(0))?;
    Ok(listener.local_addr()?.port())
}

fn config(listen: SocketAddr) -> Config {
    let connections = ConnectionSettings {
        connection_timeout_ms: 5000,
        max_payload_size: MAX_PACKET_BYTES,
        max_inflight_count: 200,
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    let server =
        ServerSettings { name: "v5".into(), listen, tls: None, next_connection_delay_ms: 1, connections };
    Config {
        router: RouterConfig {
            max_connections: MAX_CONNECTIONS,
            max_outgoing_packet_count: 200,
            max_segment_size: SEGMENT_BYTES,
            max_segment_count: SEGMENTS,
            ..RouterConfig::default()
        },
        v5: Some(HashMap::from([("v5".to_owned(), server)])),
        ..Config::default()
    }
}
