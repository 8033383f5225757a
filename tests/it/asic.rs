//! Miners over real sockets.

mod doors;
mod mangled;
mod memory;
mod misbehaving;
mod questions;
mod recorded;
mod units;

use std::time::Duration;

use wattsplit::clock::{Now, UnixMs};
use wattsplit::reading::{AsicReport, AsicSample, Sample};
use wattsplit::sources::asic::miner::{Limits, Settings};
use wattsplit::sources::asic::names::Names;
use wattsplit::sources::asic::{HostPort, Miner};
use wattsplit::sources::{Failure, Source};

const START: Now = Now { wall: UnixMs(1_700_000_000_000), mono: Duration::ZERO };

/// Long enough for a busy machine: no test waits for it.
pub const PATIENT: Limits = Limits {
    exchange: Duration::from_secs(30),
    rest: Duration::from_secs(60),
    poll: Duration::from_secs(90),
};

fn miner(host: &HostPort, limits: Limits) -> Miner {
    miner_every(Duration::from_secs(30), host, limits)
}

pub fn miner_every(interval: Duration, host: &HostPort, limits: Limits) -> Miner {
    let settings = Settings { group: "row-a".into(), interval, declared: None, limits };
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
