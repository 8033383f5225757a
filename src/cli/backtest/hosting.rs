//! GPUs beside the miners, by the command line, and what they were rented for.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, bail};
use clap::Args;

use super::{check_ranges, read};
use crate::backtest::Hosting;
use crate::backtest::gpu::{self, Column, GpuPrices, Wanted};
use crate::backtest::hosting::Earns;
use crate::units::Watts;

#[derive(Args)]
pub struct HostingArgs {
    /// GPUs of the site, the IT power of one that is sold (with its part of the server) in kW, and the
    /// share that is sold, 0 to 1: 800:1.05:0.85. Without a share: all. Firm unless
    /// --interruptible is given.
    #[arg(
        long,
        value_name = "GPUS:KW_PER_GPU[:SOLD_SHARE]",
        requires = "gpu_prices",
        conflicts_with = "config"
    )]
    hosting: Option<Entry>,
    /// IT power of a GPU that is not sold or was stopped, kW.
    #[arg(long, value_name = "KW", requires = "hosting")]
    gpu_idle_kw: Option<f64>,
    /// Facility kW per IT kW of the GPUs, 1 to 3.
    #[arg(long, default_value_t = 1.0, requires = "hosting")]
    gpu_overhead: f64,
    /// Share that a platform keeps, as a fraction.
    #[arg(long, default_value_t = 0.0, requires = "hosting")]
    host_fee: f64,
    /// The GPUs that are sold may be stopped, and earn nothing then.
    #[arg(long, requires = "hosting")]
    interruptible: bool,
    /// Prices of a GPU-hour: by month (month, gpu, gix_value_usd_h, …) or by day and tier (date, gpu,
    /// tier, usd_per_gpu_hour). Hours without one are skipped.
    #[arg(long, value_name = "CSV")]
    gpu_prices: Option<PathBuf>,
    /// Which GPU of the file: H100. Without it: the only one.
    #[arg(long, value_name = "NAME", requires = "gpu_prices")]
    gpu: Option<String>,
    /// Which prices of a file by month: index, on_demand, reserved or spot. Without it: index.
    #[arg(long, value_name = "COLUMN", requires = "gpu_prices", conflicts_with = "tier")]
    gpu_column: Option<Column>,
    /// Which tier of a file by day. Without it: index.
    #[arg(long, requires = "gpu_prices")]
    tier: Option<String>,
}

/// `800:1.05:0.85`: GPUs, kW of one, and the share that is sold.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    gpus: u32,
    kw: f64,
    sold: u32,
}

impl FromStr for Entry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let (gpus, kw) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let gpus = gpus.parse().ok().filter(|n: &u32| (1..=10_000_000).contains(n));
        let kw = kw.parse().ok().filter(|kw: &f64| *kw > 0.0 && *kw <= 100.0);
        let share = match parts.next() {
            None => Some(1.0),
            Some(share) => share.parse().ok().filter(|share: &f64| (0.0..=1.0).contains(share)),
        };
        let gpus = gpus.ok_or("expected a number of GPUs, 1 to 10000000")?;
        let share = share.ok_or("expected the share that is sold, 0 to 1")?;
        if parts.next().is_some() {
            return Err("expected at most three parts");
        }
        // Within the range of u32: the share is at most 1.
        let sold = (f64::from(gpus) * share).round() as u32;
        Ok(Self { gpus, kw: kw.ok_or("expected kW of a GPU, above 0 and up to 100")?, sold })
    }
}

impl HostingArgs {
    /// # Errors
    /// A value out of its range, and idle power that matters and is not given.
    pub fn hosting(&self) -> anyhow::Result<Option<Hosting>> {
        let Some(entry) = self.hosting else { return Ok(None) };
        check_ranges([
            ("--gpu-idle-kw", self.gpu_idle_kw, 0.0..=entry.kw),
            ("--gpu-overhead", Some(self.gpu_overhead), 1.0..=3.0),
            ("--host-fee", Some(self.host_fee), 0.0..=1.0),
        ])?;
        if self.gpu_idle_kw.is_none() && (entry.sold < entry.gpus || self.interruptible) {
            bail!("--gpu-idle-kw: what does a GPU draw that is not sold or was stopped?");
        }
        let watts = |kw| Watts::from_kw(kw).context("--hosting: the figures are out of range");
        Ok(Some(Hosting {
            id: "hosting".to_owned(),
            gpus: entry.gpus,
            sold: entry.sold,
            busy: watts(entry.kw)?,
            idle: watts(self.gpu_idle_kw.unwrap_or(0.0))?,
            overhead: self.gpu_overhead,
            earns: Earns::Recorded { host_fee: self.host_fee },
            interruptible: self.interruptible,
            tenant_pays: false,
        }))
    }

    /// # Errors
    /// A file that cannot be read or understood.
    pub fn prices(&self) -> anyhow::Result<Option<GpuPrices>> {
        let Some(path) = &self.gpu_prices else { return Ok(None) };
        let wanted = Wanted { gpu: self.gpu.clone(), column: self.gpu_column, tier: self.tier.clone() };
        read(path, |file, bytes| gpu::parse(file, bytes, &wanted)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_gpus_their_power_and_perhaps_what_is_sold() {
        assert_eq!("800:1.05:0.85".parse(), Ok(Entry { gpus: 800, kw: 1.05, sold: 680 }));
        assert_eq!("8:1.05".parse(), Ok(Entry { gpus: 8, kw: 1.05, sold: 8 }));
        for wrong in ["", "8", "0:1", "-1:1", "8:0", "8:x", "8:1:1.5", "8:1:nan", "8:1:0.5:2"] {
            assert!(wrong.parse::<Entry>().is_err(), "{wrong}");
        }
    }
}
