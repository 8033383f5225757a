//! `wattsplit once`: one sweep, to the terminal.
//!
//! [`json`] is everything that was read. It is a document for people and scripts at the terminal,
//! not an MQTT payload: a reading nests as `{"value", "quality", "source"}` under a key that ends in
//! its unit, and one that is missing is `{"missing": reason}`. Readings of one exchange share the
//! `age_s` of the object that holds them. Plain facts (names, versions, counters) are absent where
//! the device does not tell them.

mod devices;
mod hashprice;
mod hosting;
mod meter;
mod money;
mod signals;
mod value;

use std::io::Write;

use serde::Serialize;

use crate::agent::{self, Swept};
use crate::cli::table;
use crate::clock::UnixMs;
use crate::config::Config;
use crate::economics::Split;
use crate::site::{AsicView, GpuView, SiteView};

use devices::{Asic, Gpu, Host};
use money::{Network, Pool, Prices, Revenue};
use signals::Signal;

/// Version of the document; grows when a key changes its meaning or goes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    v: u32,
    /// Milliseconds since 1970, UTC.
    ts: i64,
    asics: Vec<Asic<'a>>,
    /// Addresses out of ranges that never answered; they are in no block.
    silent_addresses: u32,
    gpus: Vec<Gpu<'a>>,
    hosts: Vec<Host<'a>>,
    pools: Vec<Pool<'a>>,
    prices: Prices,
    network: Network,
    /// What others ask of the site.
    signals: Vec<Signal<'a>>,
    blocks: Blocks<'a>,
    split: Revenue<'a>,
}

#[derive(Serialize)]
struct Blocks<'a> {
    hash: Vec<money::HashBlock<'a>>,
    ai: Vec<money::AiBlock<'a>>,
}

/// Asks everything once and prints it: a table, or with `as_json` every reading.
///
/// # Errors
/// Secrets or tariffs that cannot be used, and standard output that takes nothing.
pub async fn once(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let Swept { site, picture, unheard } = agent::sweep(config).await?;
    for what in unheard {
        let _ = writeln!(std::io::stderr(), "{what}");
    }
    let (view, split) = (&picture.view, &picture.split);
    let text = if as_json {
        json(site.asics(view.at), site.gpus(view.at), view, split)?
    } else {
        table::render(view, split, super::terminal_width())
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(())
}

/// Every reading of every device, and what follows from it, as one JSON document with indents.
///
/// # Errors
/// Those of the serialiser, which has no reason to fail on finite numbers.
pub fn json<'a>(
    asics: impl Iterator<Item = AsicView<'a>>,
    gpus: impl Iterator<Item = GpuView<'a>>,
    view: &SiteView,
    split: &Split,
) -> serde_json::Result<String> {
    let UnixMs(ts) = view.at.wall;
    serde_json::to_string_pretty(&Document {
        v: VERSION,
        ts,
        asics: asics.map(Asic::of).collect(),
        silent_addresses: view.silent_addresses,
        gpus: gpus.map(Gpu::of).collect(),
        hosts: view.hosts.iter().map(Host::of).collect(),
        pools: view.pools.iter().map(|pool| Pool::of(pool, split.income_of(&pool.name))).collect(),
        prices: Prices::of(view, split),
        network: Network::of(view, split),
        signals: view.signals.iter().map(Signal::of).collect(),
        blocks: Blocks {
            hash: view.hash_blocks.iter().map(money::HashBlock::of).collect(),
            ai: view.ai_blocks.iter().map(money::AiBlock::of).collect(),
        },
        split: Revenue::of(view, split),
    })
}
