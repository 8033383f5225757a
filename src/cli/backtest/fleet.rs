//! Where the fleet comes from: the command line, or the site as it runs now.

use std::str::FromStr;

use anyhow::{Context, bail};
use clap::Args;

use super::check_ranges;
use crate::advice::GroupPolicy;
use crate::agent;
use crate::backtest::fleet::Limits;
use crate::backtest::{Fleet, HashBlock};
use crate::config::Config;
use crate::economics::{GroupTerms, SiteTerms};
use crate::site::{self, SiteView};
use crate::units::{JoulesPerTerahash, Watts};

const DEFAULT_KW: f64 = 1000.0;

#[derive(Args)]
pub struct FleetArgs {
    /// A fleet by its efficiency and IT power: 29.5:4000,17.5:6000. Without power: 1000 kW.
    #[arg(long, value_name = "J_PER_TH[:KW]", value_delimiter = ',', num_args = 1..)]
    fleet: Vec<Entry>,
    /// Facility kW per IT kW of the fleet, 1 to 3.
    #[arg(long, default_value_t = 1.0, conflicts_with = "config")]
    overhead: f64,
    /// Fee of the pool as a fraction: 0.01 is 1 %.
    #[arg(long, default_value_t = 0.0, conflicts_with = "config")]
    pool_fee: f64,
    /// Most facility power of the fleet, kW.
    #[arg(long, conflicts_with = "config")]
    cap_kw: Option<f64>,
}

impl FleetArgs {
    /// # Errors
    /// A value out of its range.
    pub fn fleet(&self) -> anyhow::Result<Fleet> {
        check_ranges([
            ("--overhead", Some(self.overhead), 1.0..=3.0),
            ("--pool-fee", Some(self.pool_fee), 0.0..=1.0),
            ("--cap-kw", self.cap_kw, 0.0..=1e9),
        ])?;
        let blocks = self.fleet.iter().enumerate().map(|(at, entry)| {
            let twin = self.fleet.iter().take(at).any(|other| other.j_per_th == entry.j_per_th);
            entry.block(twin.then_some(at + 1), self.overhead, self.pool_fee)
        });
        Ok(Fleet {
            blocks: blocks.collect::<Option<_>>().context("--fleet: the figures are out of range")?,
            cap: self.cap_kw.and_then(Watts::from_kw),
            base_load: Watts::ZERO,
        })
    }
}

/// `29.5:4000`: efficiency, and IT power in kW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    j_per_th: f64,
    kw: f64,
}

impl FromStr for Entry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (j_per_th, kw) = text.split_once(':').map_or((text, None), |(j, kw)| (j, Some(kw)));
        let within = |text: &str, most: f64| text.parse().ok().filter(|n: &f64| *n > 0.0 && *n <= most);
        let j_per_th = within(j_per_th, 500.0).ok_or("expected J/TH, above 0 and up to 500")?;
        let kw = kw.map_or(Some(DEFAULT_KW), |kw| within(kw, 1e7));
        Ok(Self { j_per_th, kw: kw.ok_or("expected kW after the colon, above 0")? })
    }
}

impl Entry {
    /// `number` tells blocks of the same efficiency apart.
    fn block(&self, number: Option<usize>, overhead: f64, pool_fee: f64) -> Option<HashBlock> {
        let suffix = number.map(|n| format!(" ({n})")).unwrap_or_default();
        let id = format!("{} J/TH{suffix}", self.j_per_th);
        let efficiency = JoulesPerTerahash::new(self.j_per_th)?;
        HashBlock::of_efficiency(id, efficiency, Watts::from_kw(self.kw)?, overhead, pool_fee)
    }
}

/// The hashing blocks of the site by one sweep, and what had to be left out and why. GPUs and fixed
/// overhead are the load that a cap must hold beside them.
///
/// # Errors
/// If no miner tells its power and hashrate, and if a cap is to be kept beside a load that is not
/// known.
pub async fn of_site(config: &Config) -> anyhow::Result<(Fleet, Vec<String>)> {
    let (_, picture) = agent::sweep(config).await?;
    fleet(&picture.view, &config.site_terms(), &config.policy().groups)
}

fn fleet(
    view: &SiteView,
    terms: &SiteTerms,
    policies: &[GroupPolicy],
) -> anyhow::Result<(Fleet, Vec<String>)> {
    let mut left_out = Vec::new();
    let mut blocks = Vec::new();
    for block in &view.hash_blocks {
        let of_group = terms.groups.iter().find(|group| *group.group == *block.group);
        let policy = policies.iter().find(|policy| policy.group == *block.group);
        match of_group.and_then(|terms| hash_block(block, terms, policy)) {
            Some(block) => blocks.push(block),
            None => left_out.push(block.id.clone()),
        }
    }
    if blocks.is_empty() {
        bail!("no miner of this site tells its power and hashrate now: there is no fleet to replay");
    }
    let base_load = match terms.cap {
        Some(_) => base_load(view, terms)?,
        // Nothing asks for it.
        None => terms.fixed_overhead,
    };
    Ok((Fleet { blocks, cap: terms.cap, base_load }, left_out))
}

/// `None` without power or hashrate, and where nothing hashes.
fn hash_block(
    block: &site::HashBlock,
    terms: &GroupTerms,
    policy: Option<&GroupPolicy>,
) -> Option<HashBlock> {
    let units = block.counts.hashing;
    let hashrate = block.hashrate.ok()?.value;
    let efficiency = block.efficiency.ok()?.value;
    if units == 0 || hashrate.ths() <= 0.0 || efficiency.get() <= 0.0 {
        return None;
    }
    let unit_hashrate = hashrate * (1.0 / f64::from(units));
    Some(HashBlock {
        id: block.id.clone(),
        units,
        unit_power: Watts::new(efficiency.get() * unit_hashrate.ths())?,
        unit_hashrate,
        overhead: terms.overhead,
        pool_fee: terms.pool_fee,
        limits: policy.map_or(Limits::default(), |policy| Limits {
            min_units: policy.min_units,
            max_units: policy.max_units,
            start_usd_per_unit: policy.start_usd_per_unit,
            stop_usd_per_unit: policy.stop_usd_per_unit,
        }),
    })
}

fn base_load(view: &SiteView, terms: &SiteTerms) -> anyhow::Result<Watts> {
    let mut load = terms.fixed_overhead;
    for hosting in &terms.hostings {
        let Some(block) = view.ai_blocks.iter().find(|block| block.id == hosting.name) else { continue };
        let power = block.it_power.ok().filter(|power| power.coverage.get() >= 1.0);
        let power = power.with_context(|| {
            format!("the power of hosting {} is not known as a whole, and [site] has a cap", hosting.name)
        })?;
        load = load + power.value * hosting.overhead;
    }
    Ok(load)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_an_efficiency_and_perhaps_a_power() {
        assert_eq!("29.5".parse(), Ok(Entry { j_per_th: 29.5, kw: 1000.0 }));
        assert_eq!("17.5:6000".parse(), Ok(Entry { j_per_th: 17.5, kw: 6000.0 }));
        for wrong in ["", "s21", "0", "-3", "17.5:", "17.5:x", "nan", "inf"] {
            assert!(wrong.parse::<Entry>().is_err(), "{wrong}");
        }
    }
}
