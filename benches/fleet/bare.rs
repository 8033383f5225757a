//! The bare client: makes the connections of a journal, sends the same bytes and reads the same bytes, as many
//! at a time, and makes nothing of them. It knows beforehand how long each reply is.
//!
//! It connects as anybody would, or with the option that spares a packet as `sources::asic::exchange` does: the
//! first is what a connection costs, the second what remains of that.

use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::net::sockopt::set_tcp_quickack;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use wattsplit::clock;

use super::addresses;
use super::machines::{Journal, Question};
use super::report::Bare;
use super::usage;

/// Makes `at_once` connections at a time, `spared` a packet or not.
pub async fn run(journal: &str, at_once: usize, spared: bool) -> Bare {
    let journal: Journal = serde_json::from_reader(BufReader::new(File::open(journal).unwrap())).unwrap();
    let (connections, journal) = (journal.asked.len(), Arc::new(journal));
    let next = Arc::new(AtomicUsize::new(0));
    let (start, cpu) = (clock::now(), usage::cpu());
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        workers.spawn(work(journal.clone(), next.clone(), spared));
    }
    let failed = workers.join_all().await.into_iter().sum();
    let (cpu, wall) = (usage::cpu() - cpu, clock::now().since(start));
    Bare { connections, failed, cpu_s: cpu.as_secs_f64(), wall_s: wall.as_secs_f64() }
}

/// Makes one connection after the other; gives how many of them failed.
async fn work(journal: Arc<Journal>, next: Arc<AtomicUsize>, spared: bool) -> usize {
    let mut failed = 0;
    while let Some((machine, question)) = journal.asked.get(next.fetch_add(1, Ordering::Relaxed)) {
        let question = &journal.questions[*question as usize];
        let at = SocketAddr::from((addresses::healthy(*machine as usize), question.port));
        let outcome = exchange(at, question, spared).await;
        failed += usize::from(outcome.is_err());
    }
    failed
}

async fn exchange(at: SocketAddr, question: &Question, spared: bool) -> std::io::Result<()> {
    let mut stream = match spared {
        true => {
            let socket = TcpSocket::new_v4()?;
            set_tcp_quickack(&socket, false)?;
            socket.connect(at).await?
        }
        false => TcpStream::connect(at).await?,
    };
    stream.write_all(question.request.as_bytes()).await?;
    let mut buffer = [0; 8192];
    let mut left = question.reply_bytes;
    while left > 0 {
        match stream.read(&mut buffer).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}
