//! Miners over real sockets.

mod digest;
mod doors;
mod login;
mod mangled;
mod memory;
mod misbehaving;
mod questions;
mod recorded;
mod streams;
mod units;

use std::sync::Arc;
use std::time::Duration;

use wattsplit::clock::{Now, UnixMs};
use wattsplit::reading::{AsicReport, AsicSample, Sample};
use wattsplit::secret::Secret;
use wattsplit::sources::asic::miner::{Limits, Settings};
use wattsplit::sources::asic::names::Names;
use wattsplit::sources::asic::{HostPort, Login, Miner};
use wattsplit::sources::{Failure, Source};

const START: Now = Now { wall: UnixMs(1_700_000_000_000), mono: Duration::ZERO };

/// Long enough for a busy machine: no test waits for it.
pub const PATIENT: Limits = Limits {
    exchange: Duration::from_secs(30),
    rest: Duration::from_secs(60),
    poll: Duration::from_secs(90),
};

fn settings(limits: Limits) -> Settings {
    Settings { group: "row-a".into(), interval: Duration::from_secs(30), declared: None, limits, login: None }
}

fn miner(host: &HostPort, limits: Limits) -> Miner {
    miner_every(Duration::from_secs(30), host, limits)
}

pub fn miner_every(interval: Duration, host: &HostPort, limits: Limits) -> Miner {
    Miner::new(host.clone(), Settings { interval, ..settings(limits) }, Names::default())
}

/// The login that the recorded machines want, or another one.
fn login(password: &str) -> Option<Arc<Login>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, password).unwrap();
    Some(Arc::new(Login { username: "root".into(), password: Secret::from_file(&file).unwrap() }))
}

/// A miner of a group with that login.
fn reader(host: &HostPort, password: &str) -> Miner {
    let settings = Settings { login: login(password), ..settings(PATIENT) };
    Miner::new(host.clone(), settings, Names::default())
}

async fn sample(miner: &mut Miner, now: Now) -> Result<AsicSample, Failure> {
    let mut samples = miner.fetch(now).await?;
    assert_eq!(samples.len(), 1);
    match samples.pop() {
        Some(Sample::Asic(sample)) => Ok(sample),
        other => panic!("{other:?}"),
    }
}

async fn report(miner: &mut Miner, now: Now) -> AsicReport {
    *sample(miner, now).await.unwrap().report.unwrap()
}
