//! The revenue split: what hashing and AI hosting earn at one moment, and what their power costs.

use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::{Aged, Current, SiteView, Tally};
use crate::units::{Fraction, Sats, Usd, UsdPerHour, UsdPerPhDay, Watts};

use super::attribution::{Part, RESIDUAL_OK_FRACTION, attribute};
use super::earner::{Earner, earners, note_read};
use super::money::{Priced, empty_side, no_revenue, revenue, side};
use super::{BlockMoney, Class, Money, SiteTerms, Split, btc, hashprice, value};

/// Works out the money of the site from its picture and the agreed terms.
///
/// A figure whose inputs are missing is missing, with the reason; a sum goes on without its missing
/// parts, with its coverage. Quality is that of the worst input that matters.
pub fn split(view: &SiteView, terms: &SiteTerms) -> Split {
    let mut issues = Vec::new();
    let btc_usd = btc::price(&view.btc_quotes);
    let hashprice = current_hashprice(view, btc_usd);
    let power_price = reading(view.power_price);
    let no_miners = no_miners(view, terms);
    if !terms.groups.is_empty() || !view.hash_blocks.is_empty() {
        note_network(view, &btc_usd, &mut issues);
    }
    if let Some(why) = no_miners {
        issues.push(format!("miners: {}", why.as_str()));
    }
    note_read(&mut issues, "power_price", &power_price);

    let earners = earners(view, terms, hashprice, &mut issues);
    let (facility, site_power) = facility_power(&earners, terms.fixed_overhead, no_miners);
    let priced: Vec<Priced<'_>> = earners
        .iter()
        .zip(facility)
        .map(|(earner, facility)| Priced::new(earner, facility, power_price))
        .collect();

    let of_class = |class| {
        let pairs = earners.iter().zip(&priced).filter(move |(earner, _)| earner.class == class);
        pairs.map(|(_, priced)| priced).collect::<Vec<_>>()
    };
    let hash = Side::new(of_class(Class::Hash), no_miners);
    // Every hosting is a block, seen or not: none means that none is configured.
    let ai = Side::new(of_class(Class::Ai), None);
    let shares = Shares::new(hash.revenue, ai.revenue);
    let block = |(earner, priced): (&Earner, &Priced<'_>)| BlockMoney {
        id: earner.id.clone(),
        class: earner.class,
        money: priced.money(shares.of(earner.revenue)),
    };
    Split {
        at: view.at,
        btc_usd,
        hashprice,
        power_price,
        hash: hash.money(&shares),
        ai: ai.money(&shares),
        site_power,
        cap: terms.cap,
        blocks: earners.iter().zip(&priced).map(block).collect(),
        issues,
    }
}

/// Why there is no block of miners: `None` if there is one, or none is meant to be.
fn no_miners(view: &SiteView, terms: &SiteTerms) -> Option<Missing> {
    match (view.hash_blocks.is_empty() && !terms.groups.is_empty(), view.silent_addresses) {
        (false, _) => None,
        (true, 0) => Some(Missing::NotYet),
        (true, _) => Some(Missing::Unreachable),
    }
}

/// Hashing or AI hosting.
struct Side<'a> {
    blocks: Vec<&'a Priced<'a>>,
    revenue: Read<UsdPerHour>,
    /// Why there are no blocks, if there should be some.
    absent: Option<Missing>,
}

impl<'a> Side<'a> {
    fn new(blocks: Vec<&'a Priced<'a>>, absent: Option<Missing>) -> Self {
        let revenue = if blocks.is_empty() { no_revenue(absent) } else { revenue(&blocks) };
        Self { blocks, revenue, absent }
    }

    fn money(&self, shares: &Shares) -> Money {
        let share = shares.of(self.revenue);
        if self.blocks.is_empty() {
            empty_side(self.absent, share)
        } else {
            side(&self.blocks, self.revenue, share)
        }
    }
}

/// From the network's difficulty, height and fees. Without the fees it is the subsidy's part alone:
/// up to a few percent too low, so an estimate.
fn current_hashprice(view: &SiteView, btc_usd: Read<Usd>) -> Read<UsdPerPhDay> {
    let network = view.network?;
    let btc_usd = btc_usd?;
    let (fee, fee_quality) = match network.value.mean_fee {
        Ok(fee) => (fee.value, fee.quality),
        Err(_) => (Sats(0), Quality::Estimated),
    };
    let subsidy = hashprice::subsidy(network.value.height);
    let price = hashprice::hashprice(network.value.difficulty, subsidy, fee, btc_usd.value)
        .ok_or(Missing::Implausible)?;
    let quality = network.quality.max(btc_usd.quality).max(fee_quality);
    Ok(Reading { value: price.usd, quality, source: "difficulty, subsidy, fees, btc_usd" })
}

fn note_network(view: &SiteView, btc_usd: &Read<Usd>, issues: &mut Vec<String>) {
    note_read(issues, "btc_usd", btc_usd);
    for (venue, quote) in &view.btc_quotes {
        note_read(issues, &format!("btc_usd.{venue}"), &reading(*quote));
    }
    note_read(issues, "network", &reading(view.network));
    if let Ok(network) = view.network {
        note_read(issues, "network.mean_fee", &network.value.mean_fee);
    }
}

/// Facility power of each block, in the order of `earners`, and of the site. Each block has its own
/// marginal overhead; the fixed overhead is spread by IT power. There is no meter, so the sum of the
/// parts stands in for it.
fn facility_power(
    earners: &[Earner],
    fixed: Watts,
    no_miners: Option<Missing>,
) -> (Vec<Read<Watts>>, Read<Watts>) {
    let part = |earner: &Earner| {
        let it = earner.it_power.map_or(0.0, |total| total.value.get());
        Part { it, dedicated: it * (earner.overhead - 1.0), weight: None }
    };
    let parts: Vec<Part> = earners.iter().map(part).collect();
    let meter = parts.iter().map(|part| part.it + part.dedicated).sum::<f64>() + fixed.get();
    let attribution = attribute(meter, &parts, RESIDUAL_OK_FRACTION);
    // The operator's figures for overhead are not a meter.
    let best = |earner: &Earner| {
        if earner.overhead == 1.0 && fixed == Watts::ZERO { Quality::Measured } else { Quality::Estimated }
    };
    let mut site = Tally::default();
    let mut facility = Vec::with_capacity(earners.len());
    for (earner, allocated) in earners.iter().zip(&attribution.allocated) {
        let power = earner.it_power.and_then(|total| {
            let value = Watts::new(*allocated).ok_or(Missing::Implausible)?;
            Ok(Reading { value, quality: total.quality, source: "it + overhead" }.at_best(best(earner)))
        });
        match (power, earner.it_power) {
            (Ok(power), Ok(total)) => {
                let given = earner.units * total.coverage.get();
                site.add_part(power.value.get(), power.quality, given, earner.units);
            }
            (Err(why), _) | (_, Err(why)) => site.miss_part(why, earner.units),
        }
        facility.push(power);
    }
    let unallocated = meter - attribution.allocated.iter().sum::<f64>();
    match no_miners {
        // How much they draw is unknown, and so is what they would weigh.
        Some(why) if earners.is_empty() => site.miss_part(why, 1.0),
        // Overhead that nobody causes is still drawn, but is no figure for a site of unknown power.
        _ if earners.is_empty() || earners.iter().any(|earner| earner.it_power.is_ok()) => {
            site.add_part(unallocated, Quality::Estimated, 0.0, 0.0);
        }
        _ => {}
    }
    (facility, site.reading("sum of blocks", Watts::new))
}

/// What part of the site's revenue something is.
struct Shares {
    total: Read<UsdPerHour>,
}

impl Shares {
    /// Missing if one side is: half a split is none.
    fn new(hash: Read<UsdPerHour>, ai: Read<UsdPerHour>) -> Self {
        let total = hash.and_then(|hash| {
            let ai = ai?;
            value::shares(&[hash.value.get(), ai.value.get()]).ok_or(Missing::Undefined)?;
            let mut tally = Tally::default();
            tally.add(hash.value.get(), hash.quality);
            tally.add(ai.value.get(), ai.quality);
            tally.reading("sum of sides", UsdPerHour::new)
        });
        Self { total }
    }

    fn of(&self, revenue: Read<UsdPerHour>) -> Read<Fraction> {
        let (total, part) = (self.total?, revenue?);
        let rest = total.value - part.value;
        let shares = value::shares(&[part.value.get(), rest.get()]).ok_or(Missing::Undefined)?;
        let share = shares.first().copied().and_then(Fraction::new).ok_or(Missing::Undefined)?;
        let quality = total.quality.max(part.quality);
        Ok(Reading { value: share, quality, source: "revenue / site revenue" })
    }
}

fn reading<T>(current: Current<T>) -> Read<T> {
    current.map(|Aged { value, quality, source, .. }| Reading { value, quality, source })
}
