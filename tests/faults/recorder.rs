//! An independent subscriber. It speaks just enough of MQTT 3.1.1 itself: it never writes once it is subscribed, so
//! that it reads what a killed broker had sent to the last byte.
//!
//! It asks for QoS 0: mosquitto then writes a message to this socket before it confirms it to its publisher, and
//! keeps none back for want of acknowledgements.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::check::Seen;
use crate::broker::PATIENCE;

/// After the end of the run, it listens until nothing came for so long.
const QUIET: Duration = Duration::from_secs(1);
const RECONNECT: Duration = Duration::from_millis(50);

pub struct Recorder {
    up: Receiver<()>,
    stop: Sender<()>,
    thread: JoinHandle<Seen>,
}

impl Recorder {
    /// Subscribed when it returns.
    pub fn start(port: u16) -> Self {
        let (tell_up, up) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || record(port, &tell_up, &stopped));
        let recorder = Self { up, stop, thread };
        recorder.wait_until_up();
        recorder
    }

    /// Until it is subscribed once more.
    pub fn wait_until_up(&self) {
        self.up.recv_timeout(PATIENCE).expect("the recorder cannot subscribe");
    }

    pub fn finish(self) -> Seen {
        drop(self.stop);
        self.thread.join().unwrap()
    }
}

fn record(port: u16, up: &Sender<()>, stopped: &Receiver<()>) -> Seen {
    let mut seen = Seen::default();
    while stopped.try_recv() != Err(TryRecvError::Disconnected) {
        // A broker that is down, or killed before it has answered, is tried again.
        if let Ok(socket) = subscribe(port) {
            let _ = up.send(());
            read(socket, stopped, &mut seen);
        }
        std::thread::sleep(RECONNECT);
    }
    seen
}

/// Connects as `client_id`, with a clean session and no keep-alive.
///
/// # Errors
/// There is no broker, or it does not accept.
pub fn connect(port: u16, client_id: &str) -> std::io::Result<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    let mut body = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
    text(&mut body, client_id);
    packet(&mut socket, 0x10, &body)?;
    let mut answer = [0; 4];
    socket.read_exact(&mut answer)?;
    if answer[3] == 0 { Ok(socket) } else { Err(ErrorKind::ConnectionRefused.into()) }
}

fn subscribe(port: u16) -> std::io::Result<TcpStream> {
    let mut socket = connect(port, "recorder")?;
    let mut body = vec![0, 1];
    text(&mut body, "wattsplit/#");
    body.push(0);
    packet(&mut socket, 0x82, &body)?;
    let mut answer = [0; 5];
    socket.read_exact(&mut answer)?;
    Ok(socket)
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(&[0, text.len() as u8]);
    body.extend_from_slice(text.as_bytes());
}

fn packet(socket: &mut TcpStream, kind: u8, body: &[u8]) -> std::io::Result<()> {
    let head = [kind, body.len() as u8];
    socket.write_all(&[&head, body].concat())
}

/// To the end of the connection, or of the run.
fn read(mut socket: TcpStream, stopped: &Receiver<()>, seen: &mut Seen) {
    socket.set_read_timeout(Some(QUIET)).unwrap();
    let (mut held, mut buffer) = (Vec::new(), vec![0; 256 * 1024]);
    let mut newest = Instant::now();
    loop {
        let stopping = stopped.try_recv() == Err(TryRecvError::Disconnected);
        match socket.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => held.extend_from_slice(&buffer[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if stopping && newest.elapsed() >= QUIET {
                    return;
                }
                continue;
            }
            Err(_) => return,
        }
        newest = Instant::now();
        let mut at = 0;
        while let Some((first, body, end)) = next_packet(&held, at) {
            if first & 0xf0 == 0x30 {
                let topic_bytes = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let (topic, payload) = body[2..].split_at(topic_bytes);
                seen.message(std::str::from_utf8(topic).unwrap(), payload, first & 1 == 1);
            }
            at = end;
        }
        held.drain(..at);
    }
}

/// First byte, body and end of the packet at `at`, once it is whole.
fn next_packet(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let first = *bytes.get(at)?;
    let (mut length, mut shift, mut start) = (0, 0, at + 1);
    loop {
        let byte = *bytes.get(start)?;
        length |= usize::from(byte & 0x7f) << shift;
        start += 1;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some((first, bytes.get(start..start + length)?, start + length))
}
