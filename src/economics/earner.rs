//! What each block earns and draws, by its terms: the inputs of the split in one shape.

use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::{AiBlock, HashBlock, SiteView, Sum, Total};
use crate::units::{UsdPerHour, UsdPerPhDay, Watts};

use super::{Class, HostingConfig, PowerPaidBy, SiteTerms, Statement, Terms, hashing};

/// GPUs rented for each that is installed: some are sold that are not there yet, but not most of them.
const MOST_RENTED_PER_GPU: u32 = 10;
/// Rented in one hosting; no operator in the world has more.
const MOST_GPUS: u32 = 1_000_000;

/// A block on its way to money.
#[derive(Debug, Clone)]
pub(super) struct Earner {
    pub id: String,
    pub class: Class,
    /// Weight of the block in coverages.
    pub units: f64,
    pub revenue: Read<UsdPerHour>,
    /// Its parts.
    pub statement: Option<Statement>,
    /// Part of the units whose earnings `revenue` holds.
    pub revenue_coverage: f64,
    /// The next unit of energy earns something. Not so with take-or-pay.
    pub marginal: bool,
    pub it_power: Sum<Watts>,
    /// What units that earn draw beyond `it_power`, because their power was not read; estimated from
    /// the units that told it.
    pub unread_power: Watts,
    /// Units that may draw power, of a block in which not one tells its power.
    pub unread_units: u32,
    /// Facility kW per IT kW at the margin.
    pub overhead: f64,
    pub tenant_pays: bool,
}

/// All blocks, in order of class and id; what is wrong with their inputs goes to `issues`.
pub(super) fn earners(
    view: &SiteView,
    terms: &SiteTerms,
    hashprice: Read<UsdPerPhDay>,
    issues: &mut Vec<String>,
) -> Vec<Earner> {
    let mut all: Vec<Earner> = Vec::new();
    for block in &view.hash_blocks {
        note(issues, &block.id, "hashrate", block.hashrate);
        note(issues, &block.id, "power", block.power);
        all.push(hash(block, terms, hashprice));
    }
    let mut hostings: Vec<&HostingConfig> = terms.hostings.iter().collect();
    hostings.sort_by(|a, b| a.name.cmp(&b.name));
    for hosting in hostings {
        let earner = ai(hosting, view);
        note(issues, &earner.id, "power", earner.it_power);
        let rests_on = match hosting.terms {
            Terms::Occupied => Some("occupied"),
            Terms::Platform => Some("platform"),
            Terms::Reserved | Terms::KwMonth => None,
        };
        if let Some(input) = rests_on {
            note_read(issues, &format!("{}.{input}", earner.id), &earner.revenue);
        }
        all.push(earner);
    }
    all
}

fn hash(block: &HashBlock, terms: &SiteTerms, hashprice: Read<UsdPerPhDay>) -> Earner {
    let group = terms.groups.iter().find(|group| group.group == *block.group);
    let revenue = |pool_fee: f64| {
        let (hashrate, hashprice) = (block.hashrate?, hashprice?);
        let (accepted, accepted_quality) = accepted_share(block);
        let value = hashing::revenue(hashrate.value, hashprice.value, pool_fee, accepted)
            .ok_or(Missing::Implausible)?;
        let quality = hashrate.quality.max(hashprice.quality).max(accepted_quality);
        Ok(Reading { value, quality, source: "hashrate x hashprice" })
    };
    let net = group.ok_or(Missing::NotConfigured).and_then(|group| revenue(group.pool_fee));
    let statement = Statement::of_hashing(net.and_then(|_| revenue(0.0)), net);
    // Those that answer and do not hash draw next to nothing.
    let may_draw = block.counts.hashing + block.counts.unknown + block.counts.unreachable;
    Earner {
        id: block.id.clone(),
        class: Class::Hash,
        units: f64::from(block.counts.units()),
        revenue: statement.net,
        statement: Some(statement),
        revenue_coverage: coverage(&block.hashrate),
        marginal: true,
        it_power: block.power,
        unread_power: block.efficiency.map_or(Watts::ZERO, |efficiency| {
            let watts = efficiency.value.get() * block.hashrate_without_power.ths();
            Watts::new(watts).unwrap_or_default()
        }),
        unread_units: if block.power.is_err() { may_draw } else { 0 },
        overhead: group.map_or(1.0, |group| group.overhead),
        tenant_pays: false,
    }
}

/// Part of the submitted work that the pool accepted; all of it, as an estimate, where the miners do
/// not tell.
pub fn accepted_share(block: &HashBlock) -> (f64, Quality) {
    match (block.accepted, block.rejected) {
        (Some(accepted), Some(rejected)) if accepted > 0 || rejected > 0 => {
            (accepted as f64 / (accepted as f64 + rejected as f64), Quality::Measured)
        }
        _ => (1.0, Quality::Estimated),
    }
}

fn ai(hosting: &HostingConfig, view: &SiteView) -> Earner {
    let block = view.ai_blocks.iter().find(|block| block.id == hosting.name);
    let it_power = block.map_or(Err(Missing::NotConfigured), |block| block.it_power);
    let seen = block.map_or(0, |block| block.counts.units());
    // A hosting without a single GPU in sight still weighs something.
    let units = seen.max(hosting.reserved_gpus.unwrap_or(0)).max(1);
    let statement = Statement::of(hosting, view);
    Earner {
        id: hosting.name.clone(),
        class: Class::Ai,
        units: f64::from(units),
        revenue: statement.net,
        statement: Some(statement),
        // The terms say what is paid for; that is known however few GPUs answer.
        revenue_coverage: 1.0,
        marginal: matches!(hosting.terms, Terms::Occupied | Terms::Platform),
        it_power,
        unread_power: it_power.map_or(Watts::ZERO, |total| {
            let read = total.coverage.get();
            let earns = earning_share(hosting, block, units);
            if read > 0.0 { total.value * ((earns - read).max(0.0) / read) } else { Watts::ZERO }
        }),
        unread_units: if it_power.is_err() { units } else { 0 },
        overhead: hosting.overhead,
        tenant_pays: hosting.power_paid_by == PowerPaidBy::Tenant,
    }
}

/// Part of the GPUs that earns. Where they may be switched off, those that nobody pays for are no unread
/// load; elsewhere all run.
fn earning_share(hosting: &HostingConfig, block: Option<&AiBlock>, units: u32) -> f64 {
    let sold = match hosting.terms {
        Terms::Reserved => hosting.reserved_gpus,
        Terms::Occupied => occupied(hosting, block).ok().map(|told| told.value),
        Terms::KwMonth | Terms::Platform => None,
    };
    let sold = sold.filter(|_| hosting.is_switchable());
    sold.map_or(1.0, |sold| (f64::from(sold) / f64::from(units)).min(1.0))
}

/// GPUs that are rented now: what the site was told, else what the operator declares.
///
/// # Errors
/// Neither is known, or far more are rented than are installed.
pub fn occupied(hosting: &HostingConfig, block: Option<&AiBlock>) -> Read<u32> {
    let told = block.map_or(Err(Missing::NotYet), |block| block.occupied);
    let most =
        hosting.gpus_installed.map_or(MOST_GPUS, |installed| installed.saturating_mul(MOST_RENTED_PER_GPU));
    match (told, hosting.occupied_gpus) {
        (Ok(told), _) if told.value > most => Err(Missing::Implausible),
        (Ok(told), _) => Ok(Reading { value: told.value, quality: told.quality, source: told.source }),
        (Err(_), Some(declared)) => Ok(Reading::estimated(declared, "declared")),
        (Err(why), None) => Err(why),
    }
}

pub(super) fn coverage<T>(sum: &Sum<T>) -> f64 {
    sum.as_ref().map_or(0.0, |total| total.coverage.get())
}

fn note<T>(issues: &mut Vec<String>, id: &str, what: &str, sum: Sum<T>) {
    match sum {
        Err(why) => issues.push(format!("{id}.{what}: {}", why.as_str())),
        Ok(Total { quality: Quality::Stale, .. }) => issues.push(format!("{id}.{what}: stale")),
        Ok(_) => {}
    }
}

pub(super) fn note_read<T>(issues: &mut Vec<String>, name: &str, read: &Read<T>) {
    match read {
        Err(why) => issues.push(format!("{name}: {}", why.as_str())),
        Ok(Reading { quality: Quality::Stale, .. }) => issues.push(format!("{name}: stale")),
        Ok(_) => {}
    }
}
