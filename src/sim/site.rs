//! Starts the simulated site and keeps it running.

use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::Task;
use super::exporter::EnergyMeters;
use super::http;
use super::miner::Farm;
use super::settings::{self, Places};
use super::time::SimClock;
use super::web::Web;
use super::world::World;
use crate::clock;

/// Loopback networks 127.x.0.0/16 that are tried in turn: several simulations may run at a time.
const NETWORKS: std::ops::Range<u8> = 83..115;
/// How often the file with the number of rented GPUs is written.
const OCCUPANCY_TICK: Duration = Duration::from_secs(1);

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// At most [`super::fleet::MAX_MINERS`].
    pub miners: usize,
    /// With eight GPUs each; the first half is reserved, the rest on the market.
    pub gpu_hosts: usize,
    /// Simulated seconds per real second, 1 to 3600.
    pub speed: f64,
    /// Port of the miners' API.
    pub miner_port: u16,
    /// Port of the broker on 127.0.0.1 that the configuration names.
    pub broker_port: u16,
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { miners: 300, gpu_hosts: 8, speed: 60.0, miner_port: 14028, broker_port: 1883, seed: 1 }
    }
}

/// A running site. Dropping it closes its sockets and removes its files.
#[derive(Debug)]
pub struct Simulation {
    /// wattsplit's configuration for this site.
    pub config_toml: String,
    pub world: Arc<World>,
    pub clock: SimClock,
    /// The miners live in 127.`network`.0.0/16.
    pub network: u8,
    /// Where the pool, the prices and the exporters are, such as `http://127.0.0.1:40123`.
    pub base_url: String,
    /// Token of the pool account, as in the file that the configuration names.
    pub pool_token: String,
    /// These two are kept for what their `Drop` does.
    _tasks: Vec<Task>,
    _files: Files,
}

impl Simulation {
    /// Starts everything on the current runtime.
    ///
    /// # Errors
    /// A socket or a file that cannot be had, for instance because too few may be open.
    pub async fn start(options: Options) -> io::Result<Self> {
        let world = Arc::new(World::new(options.seed, options.miners, options.gpu_hosts));
        let clock = SimClock::new(clock::now(), options.speed);
        let pool_token = format!("demo-{:016x}", fastrand::u64(..));
        let files = Files::create(&pool_token)?;
        let (network, farm) = open_farm(&world, clock, options.miner_port).await?;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let web = Web {
            world: Arc::clone(&world),
            clock,
            meters: Arc::new(EnergyMeters::default()),
            site_meter: Arc::new(EnergyMeters::default()),
            pool_token: pool_token.clone(),
        };
        let pages = http::serve(listener, move |request| web.respond(request, clock::now()));

        write_occupied(&files.occupied(), &world, clock)?;
        let occupancy = keep_occupied(files.occupied(), Arc::clone(&world), clock);
        let config_toml =
            settings::toml(&options, &world, &Places { network, base_url: &base_url, files: &files });
        let tasks = vec![Task::spawn(farm.run()), Task::spawn(pages), Task::spawn(occupancy)];
        Ok(Self { config_toml, world, clock, network, base_url, pool_token, _tasks: tasks, _files: files })
    }
}

/// Takes the first loopback network in which all sockets are free.
async fn open_farm(world: &Arc<World>, clock: SimClock, port: u16) -> io::Result<(u8, Farm)> {
    let mut taken = None;
    for network in NETWORKS {
        match Farm::open(Arc::clone(world), clock, network, port).await {
            Ok(farm) => return Ok((network, farm)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(taken.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

async fn keep_occupied(path: PathBuf, world: Arc<World>, clock: SimClock) {
    loop {
        tokio::time::sleep(OCCUPANCY_TICK).await;
        // If the disk is full, the reader sees how old the file is.
        let _ = write_occupied(&path, &world, clock);
    }
}

/// Replaces the file in one step, so that no reader sees half of it.
fn write_occupied(path: &Path, world: &World, clock: SimClock) -> io::Result<()> {
    let next = path.with_extension("next");
    std::fs::write(&next, format!("{}\n", world.gpus.occupied(clock.at(clock::now()))))?;
    std::fs::rename(&next, path)
}

/// A directory of its own below the system's temporary one, readable by its owner only.
#[derive(Debug)]
pub(super) struct Files(PathBuf);

impl Files {
    fn create(pool_token: &str) -> io::Result<Self> {
        let name = format!("wattsplit-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let files = Self(std::env::temp_dir().join(name));
        std::fs::DirBuilder::new().mode(0o700).create(&files.0)?;
        std::fs::create_dir(files.state())?;
        std::fs::write(files.token(), format!("{pool_token}\n"))?;
        Ok(files)
    }

    pub fn token(&self) -> PathBuf {
        self.0.join("pool-token")
    }

    pub fn occupied(&self) -> PathBuf {
        self.0.join("occupied")
    }

    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
