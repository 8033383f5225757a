//! A simulated site that speaks the real protocols over real sockets.
//!
//! [`world`] is pure: seed and simulated time give the state of everything, always the same. The
//! servers around it ([`miner`], [`web`], [`broker`]) put that state on loopback sockets, and
//! [`site`] starts them, with a configuration that points wattsplit at them. Nothing listens
//! outside 127.0.0.0/8 and nothing outlives the process.

pub mod antminer;
pub mod broker;
pub mod exporter;
pub mod facility;
pub mod fleet;
pub mod gpus;
pub mod http;
pub mod market;
pub mod miner;
pub mod noise;
pub mod pool;
pub mod replies;
mod settings;
pub mod site;
pub mod time;
pub mod web;
pub mod whatsminer;
pub mod world;

/// A background task that ends with its owner.
#[derive(Debug)]
pub(crate) struct Task(tokio::task::JoinHandle<()>);

impl Task {
    fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
