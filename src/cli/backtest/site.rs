//! The fleet of a site, as it runs now.

use anyhow::bail;

use crate::advice::GroupPolicy;
use crate::agent;
use crate::backtest::fleet::Limits;
use crate::backtest::hosting::Earns;
use crate::backtest::{Fleet, HashBlock, Hosting};
use crate::config::Config;
use crate::economics::{self, GroupTerms, HostingConfig, PowerPaidBy, SiteTerms, Terms};
use crate::site::{self, SiteView};
use crate::units::Watts;

/// The blocks of the site by one sweep, and what had to be left out and why. GPUs that are rented by
/// the hour earn the recorded price where there is one, else that of the config. Every hosting is
/// firm, as in the advice of the daemon.
///
/// # Errors
/// If no miner tells its power and hashrate, and if a cap is to be kept beside a load that is not
/// known.
pub async fn fleet(config: &Config, recorded: bool) -> anyhow::Result<(Fleet, Vec<String>)> {
    let picture = agent::sweep(config).await?.picture;
    of_view(&picture.view, &config.site_terms(), &config.policy().groups, recorded)
}

fn of_view(
    view: &SiteView,
    terms: &SiteTerms,
    policies: &[GroupPolicy],
    recorded: bool,
) -> anyhow::Result<(Fleet, Vec<String>)> {
    let mut left_out = Vec::new();
    let mut blocks = Vec::new();
    for block in &view.hash_blocks {
        let of_group = terms.groups.iter().find(|group| *group.group == *block.group);
        let policy = policies.iter().find(|policy| policy.group == *block.group);
        match of_group.and_then(|terms| hash_block(block, terms, policy)) {
            Some(block) => blocks.push(block),
            None => left_out.push(format!("{} (power or hashrate)", block.id)),
        }
    }
    if blocks.is_empty() {
        bail!("no miner of this site tells its power and hashrate now: there is no fleet to replay");
    }
    let mut hostings = Vec::new();
    let mut base_load = terms.fixed_overhead;
    for terms_of in &terms.hostings {
        let name = &terms_of.name;
        let Some(block) = view.ai_blocks.iter().find(|block| block.id == *name) else { continue };
        let power = block.it_power.ok().filter(|power| power.coverage.get() >= 1.0).map(|power| power.value);
        match power.map(|power| {
            let price = economics::gpu_price(terms_of, view).ok().map(|price| price.value);
            (power, hosting(terms_of, block, (power, price), recorded))
        }) {
            Some((_, Some(hosting))) => hostings.push(hosting),
            Some((power, None)) => {
                base_load = base_load + power * terms_of.overhead;
                left_out.push(format!("{name} (what it earns)"));
            }
            None if terms.cap.is_some() => {
                bail!("the power of hosting {name} is not known as a whole, and [site] has a cap");
            }
            None => left_out.push(format!("{name} (power)")),
        }
    }
    Ok((Fleet { blocks, hostings, cap: terms.cap, base_load }, left_out))
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

/// `None` where it is not known what is sold.
fn hosting(
    terms: &HostingConfig,
    block: &site::AiBlock,
    (it_power, price): (Watts, Option<f64>),
    recorded: bool,
) -> Option<Hosting> {
    let seen = block.counts.units();
    let (sold, earns) = match terms.terms {
        // What a platform will pay is in no record of prices.
        Terms::Platform => return None,
        Terms::Reserved => {
            let gpus = terms.reserved_gpus?;
            (seen, Earns::Rent(economics::hosting::gpu_hours(f64::from(gpus), price?, terms.host_fee)?))
        }
        Terms::Occupied => {
            let host_fee = terms.host_fee;
            let sold = economics::occupied(terms, Some(block)).ok()?.value;
            let stated = || Some(Earns::PerGpuHour { usd: price?, host_fee });
            (sold, if recorded { Earns::Recorded { host_fee } } else { stated()? })
        }
        Terms::KwMonth => {
            let rent = economics::hosting::kw_month(terms.contracted_kw?, terms.usd_per_kw_month?)?;
            (seen, Earns::Rent(rent))
        }
    };
    // What an idle GPU draws is not told apart: all draw the mean of now.
    let mean = it_power * (1.0 / f64::from(Some(seen).filter(|seen| *seen > 0)?));
    Some(Hosting {
        id: terms.name.clone(),
        gpus: seen.max(sold),
        sold,
        busy: mean,
        idle: mean,
        overhead: terms.overhead,
        earns,
        interruptible: false,
        tenant_pays: terms.power_paid_by == PowerPaidBy::Tenant,
    })
}
