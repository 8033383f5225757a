//! The bare client: makes the connections of a journal, sends the same bytes and reads the same bytes, as many
//! at a time, and makes nothing of them. It knows beforehand how long each reply is.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wattsplit::clock;

use super::addresses;
use super::machines::{Journal, Question};
use super::report::Bare;
use super::usage;

/// Makes `at_once` connections at a time.
pub async fn run(journal: &str, at_once: usize) -> Bare {
    let journal: Journal = serde_json::from_reader(BufReader::new(File::open(journal).unwrap())).unwrap();
    let (connections, journal) = (journal.asked.len(), Arc::new(journal));
    let next = Arc::new(AtomicUsize::new(0));
    let (start, cpu) = (clock::now(), usage::cpu());
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        workers.spawn(work(journal.clone(), next.clone()));
    }
    let failed = workers.join_all().await.into_iter().sum();
    let (cpu, wall) = (usage::cpu() - cpu, clock::now().since(start));
    Bare { connections, failed, cpu_s: cpu.as_secs_f64(), wall_s: wall.as_secs_f64() }
}

/// Makes one connection after the other; gives how many of them failed.
async fn work(journal: Arc<Journal>, next: Arc<AtomicUsize>) -> usize {
    let mut failed = 0;
    while let Some((machine, question)) = journal.asked.get(next.fetch_add(1, Ordering::Relaxed)) {
        let outcome = exchange(*machine as usize, &journal.questions[*question as usize]).await;
        failed += usize::from(outcome.is_err());
    }
    failed
}

async fn exchange(machine: usize, question: &Question) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((addresses::healthy(machine), question.port)).await?;
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
