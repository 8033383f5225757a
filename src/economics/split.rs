//! The revenue split: what hashing and AI hosting earn at one moment, and what their power costs.

use crate::reading::{Missing, Read, Reading};
use crate::site::{Aged, Current, SiteView, Tally};
use crate::units::{Fraction, Usd, UsdPerHour};

use super::attribution::Plausibility;
use super::earner::{Earner, earners, note_read};
use super::facility::{Facility, facility};
use super::metering::Metering;
use super::money::{Priced, empty_side, no_revenue, revenue, side};
use super::pool_income::incomes;
use super::{BlockMoney, Class, IndexCheck, Money, SiteTerms, Split, btc, network, value};

/// Works out the money of the site from its picture and the agreed terms.
///
/// A figure whose inputs are missing is missing, with the reason; a sum goes on without its missing
/// parts, with its coverage. Quality is that of the worst input that matters.
pub fn split(view: &SiteView, terms: &SiteTerms) -> Split {
    let mut issues = Vec::new();
    let btc_usd = btc::price(&view.btc_quotes);
    let hashprice = network::hashprice_now(&view.network, btc_usd);
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
    let Facility { blocks, site_power, metering } = facility(&view.meter, &earners, terms, no_miners);
    note_meter(&metering, &mut issues);
    let priced: Vec<Priced<'_>> =
        earners.iter().zip(blocks).map(|(earner, draw)| Priced::new(earner, draw, power_price)).collect();

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
        statement: earner.statement,
    };
    Split {
        at: view.at,
        btc_usd,
        hashprice,
        retarget: network::outlook(&view.network, btc_usd),
        index: terms.index_differs_percent.map_or_else(IndexCheck::default, |limit| {
            IndexCheck::new(hashprice, view.hashprice_index, limit)
        }),
        power_price,
        hash: hash.money(&shares),
        ai: ai.money(&shares),
        site_power,
        metering,
        cap: terms.cap,
        blocks: earners.iter().zip(&priced).map(block).collect(),
        pools: incomes(view, terms),
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

fn note_meter(metering: &Metering, issues: &mut Vec<String>) {
    if metering.is_absent() {
        return;
    }
    note_read(issues, "meter", &reading(metering.power));
    if metering.residual.is_ok_and(|residual| residual.plausible == Plausibility::Questionable) {
        issues.push(format!("residual: {}", Plausibility::Questionable.as_str()));
    }
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
