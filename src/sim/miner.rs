//! The simulated miners on their sockets: one listener per miner, each on its own loopback address.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fleet::Miner;
use super::http::{self, Response};
use super::replies::{Moment, reply};
use super::time::SimClock;
use super::world::World;
use super::{Task, antminer};
use crate::clock;

/// Port of the power page that some S21 firmwares have; not configurable there either.
const POWER_PAGE_PORT: u16 = 6060;
/// How often miners are switched on and off as the world has it.
const TICK: Duration = Duration::from_millis(500);
/// A real miner serves one client at a time and does not wait for it for ever.
const CLIENT_DEADLINE: Duration = Duration::from_secs(2);
/// What has come when this passes without more is taken for the request.
const REQUEST_PAUSE: Duration = Duration::from_millis(200);
const MAX_REQUEST: usize = 4096;

/// All miners of the site. Dropping it closes their sockets.
#[derive(Debug)]
pub struct Farm {
    world: Arc<World>,
    clock: SimClock,
    network: u8,
    port: u16,
    /// By index: what serves the miner, while it answers.
    running: Vec<Option<Vec<Task>>>,
}

impl Farm {
    /// Opens the sockets of all miners that answer now, in 127.`network`.0.0/16.
    ///
    /// # Errors
    /// The first socket that cannot be opened: `AddrInUse` if another simulation has the network.
    pub async fn open(world: Arc<World>, clock: SimClock, network: u8, port: u16) -> io::Result<Self> {
        let running = world.miners.iter().map(|_| None).collect();
        let mut farm = Self { world, clock, network, port, running };
        farm.update().await?;
        Ok(farm)
    }

    /// Switches miners on and off for as long as it is polled.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(TICK).await;
            // A socket that cannot be opened now is tried again at the next tick.
            let _ = self.update().await;
        }
    }

    async fn update(&mut self) -> io::Result<()> {
        let at = self.clock.at(clock::now());
        let mut failed = None;
        for (miner, slot) in self.world.miners.iter().zip(&mut self.running) {
            let answers = self.world.miner(miner, at).is_some();
            if !answers {
                *slot = None;
            } else if slot.is_none() {
                match start(&self.world, self.clock, miner, self.network, self.port).await {
                    Ok(tasks) => *slot = Some(tasks),
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            if failed.as_ref().is_some_and(|e| e.kind() == io::ErrorKind::AddrInUse) {
                break;
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

async fn start(
    world: &Arc<World>,
    clock: SimClock,
    miner: &Miner,
    network: u8,
    port: u16,
) -> io::Result<Vec<Task>> {
    let address = miner.address(network);
    let mut tasks = Vec::with_capacity(1);
    let listener = bind(address, port).await?;
    tasks.push(Task::spawn(answer(listener, Arc::clone(world), clock, miner.index)));
    if miner.power_page {
        let listener = bind(address, POWER_PAGE_PORT).await?;
        let (world, index) = (Arc::clone(world), miner.index);
        let page = move |request: &http::Request| power_page(&world, clock, index, request);
        tasks.push(Task::spawn(http::serve(listener, page)));
    }
    Ok(tasks)
}

async fn bind(address: Ipv4Addr, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddrV4::new(address, port)).await
}

fn power_page(world: &World, clock: SimClock, index: usize, request: &http::Request) -> Response {
    let at = clock.at(clock::now());
    let state = world.miners.get(index).and_then(|miner| world.miner(miner, at));
    match state {
        Some(state) if request.path() == "/miner_power" => Response::text(antminer::power_page(&state)),
        _ => Response::refused(404, "not found"),
    }
}

/// Serves one client after the other, as the firmwares do.
async fn answer(listener: TcpListener, world: Arc<World>, clock: SimClock, index: usize) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(TICK).await;
            continue;
        };
        let Some(miner) = world.miners.get(index) else { return };
        let _ = tokio::time::timeout(CLIENT_DEADLINE, exchange(stream, &world, clock, miner)).await;
    }
}

/// One request, one reply, and the connection is closed.
async fn exchange(mut stream: TcpStream, world: &World, clock: SimClock, miner: &Miner) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    let now = clock::now();
    let Some(state) = world.miner(miner, clock.at(now)) else { return Ok(()) };
    let moment = Moment { miner, state: &state, when_s: now.wall.secs() };
    stream.write_all(&reply(&moment, &request)).await?;
    stream.shutdown().await
}

/// Clients end a request with nothing, a line break or a NUL: it is complete when it is a document.
async fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut chunk = [0; 512];
    while request.len() < MAX_REQUEST {
        let Ok(read) = tokio::time::timeout(REQUEST_PAUSE, stream.read(&mut chunk)).await else { break };
        let n = read?;
        request.extend(chunk.iter().take(n));
        if n == 0 || serde_json::from_slice::<serde::de::IgnoredAny>(&request).is_ok() {
            break;
        }
    }
    Ok(request)
}
