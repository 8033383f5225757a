//! The process that plays the machines.
//!
//! One listener answers for every address of 127.0.0.0/8: the local address of a connection says which machine
//! it is. The process ends when its input does, and after [`LONGEST`] in any case.

use std::cell::RefCell;
use std::fs::File;
use std::io::BufWriter;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::spawn_local;

use super::addresses;
use super::machines::{Machines, has_page};
use super::process::{self, LONGEST};

const PAGE_PORT: u16 = 6060;
/// Connections that wait to be accepted. Each machine has a queue of its own, and here they share one: with the usual 128,
/// some packets of a client with more in flight would be dropped, and sent again a second later.
const ALL_AT_ONCE: u32 = 4096;

type Shared = Rc<RefCell<Machines>>;

/// Prints its port, then obeys the lines of its input: `record` begins a journal, `pause` ends it, anything
/// else is the path to write it to.
pub async fn run(most_machines: usize) {
    let machines: Shared = Rc::new(RefCell::new(Machines::new()));
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
    let listener = socket.listen(ALL_AT_ONCE).unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn_local(accept(listener, port, machines.clone()));
    for machine in (0..most_machines).filter(|machine| has_page(*machine)) {
        let listener = TcpListener::bind((addresses::healthy(machine), PAGE_PORT)).await.unwrap();
        spawn_local(accept(listener, PAGE_PORT, machines.clone()));
    }
    println!("{port}");
    let _ = tokio::time::timeout(LONGEST, obey(machines)).await;
}

async fn obey(machines: Shared) {
    let mut lines = process::input();
    while let Some(line) = lines.recv().await {
        let mut machines = machines.borrow_mut();
        match line.as_str() {
            "record" => {
                machines.journal.asked.clear();
                machines.recording = true;
            }
            "pause" => machines.recording = false,
            path => {
                let file = BufWriter::new(File::create(path).unwrap());
                serde_json::to_writer(file, &machines.journal).unwrap();
            }
        }
        println!("{line}");
    }
}

async fn accept(listener: TcpListener, port: u16, machines: Shared) {
    loop {
        // A client that is gone again is none of the machine's business.
        if let Ok((stream, _)) = listener.accept().await {
            spawn_local(serve(stream, port, machines.clone()));
        }
    }
}

/// One question, one answer; the machine closes.
async fn serve(mut stream: TcpStream, port: u16, machines: Shared) -> Option<()> {
    let Ok(SocketAddr::V4(at)) = stream.local_addr() else { return None };
    let mut request = Vec::with_capacity(128);
    while !request.ends_with(b"}") && !request.ends_with(b"\r\n\r\n") {
        if request.len() > 1024 || stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    if addresses::is_silent(*at.ip()) {
        // Until the client gives up.
        let _ = stream.read(&mut [0]).await;
        return None;
    }
    let request = std::str::from_utf8(&request).ok()?;
    let reply = machines.borrow_mut().answer(addresses::index_of(*at.ip()), port, request)?;
    stream.write_all(&reply).await.ok()
}
