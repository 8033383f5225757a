//! A link that can be cut: a relay on loopback between the writer and the broker.

use std::net::TcpListener as Probe;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// What the link does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    Pass,
    /// Connections are kept and taken, and nothing is forwarded. What lies in between goes on afterwards, as TCP
    /// would send it again.
    BlackHole,
    /// Connections are reset, and none is taken.
    Cut,
    /// Each way.
    Delay(Duration),
    /// Each way.
    BytesPerSecond(u32),
}

pub struct Proxy {
    pub port: u16,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// Relays to `broker`. Begins cut.
    pub fn start(broker: u16) -> Self {
        let port = port();
        let (mode, told) = watch::channel(Mode::Cut);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(listen(port, broker, told));
        });
        Self { port, mode }
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

/// Below those that the kernel gives to outgoing connections: nobody takes it while the link is cut.
fn port() -> u16 {
    (0..100)
        .map(|_| fastrand::u16(20_000..30_000))
        .find(|port| Probe::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

async fn listen(port: u16, broker: u16, mut mode: watch::Receiver<Mode>) {
    loop {
        // The conductor is gone.
        if mode.wait_for(|mode| *mode != Mode::Cut).await.is_err() {
            return;
        }
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let mut cut = mode.clone();
        tokio::select! {
            () = accept(&listener, broker, &mode) => {}
            told = cut.wait_for(|mode| *mode == Mode::Cut) => {
                if told.is_err() {
                    return;
                }
            }
        }
    }
}

async fn accept(listener: &TcpListener, broker: u16, mode: &watch::Receiver<Mode>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let mode = mode.clone();
        tokio::spawn(async move {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", broker)).await {
                relay(client, server, mode).await;
            }
        });
    }
}

async fn relay(mut client: TcpStream, mut server: TcpStream, mut mode: watch::Receiver<Mode>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let cut = {
        let (up, down) = (mode.clone(), mode.clone());
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        tokio::select! {
            () = forward(client_read, server_write, up) => false,
            () = forward(server_read, client_write, down) => false,
            _ = mode.wait_for(|mode| *mode == Mode::Cut) => true,
        }
    };
    if cut {
        // Reset rather than closed: nothing is left to be read.
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
}

/// One way, until its end.
async fn forward(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mode: watch::Receiver<Mode>) {
    let (put, mut take) = mpsc::channel::<(Instant, Vec<u8>)>(1_000);
    let mut hole = mode.clone();
    let read = async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            let passes = hole.wait_for(|mode| *mode != Mode::BlackHole).await.map(|mode| *mode);
            let Ok(mode) = passes else { return };
            let delay = if let Mode::Delay(delay) = mode { delay } else { Duration::ZERO };
            if put.send((Instant::now() + delay, buffer[..n].to_vec())).await.is_err() {
                return;
            }
        }
        // The end of a connection does not come through a hole either.
        let _ = hole.wait_for(|mode| *mode != Mode::BlackHole).await;
    };
    let write = async move {
        while let Some((due, bytes)) = take.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
            let mode = *mode.borrow();
            if let Mode::BytesPerSecond(rate) = mode {
                sleep(Duration::from_secs_f64(bytes.len() as f64 / f64::from(rate))).await;
            }
        }
    };
    tokio::join!(read, write);
}
