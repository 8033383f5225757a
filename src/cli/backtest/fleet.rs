//! A fleet by the command line.

use std::str::FromStr;

use anyhow::Context;
use clap::Args;

use super::check_ranges;
use crate::backtest::{Fleet, HashBlock, Hosting};
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
    /// Most facility power of the fleet and the GPUs, kW.
    #[arg(long, conflicts_with = "config")]
    cap_kw: Option<f64>,
}

impl FleetArgs {
    /// # Errors
    /// A value out of its range.
    pub fn fleet(&self, hosting: Option<Hosting>) -> anyhow::Result<Fleet> {
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
            hostings: hosting.into_iter().collect(),
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
