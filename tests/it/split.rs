//! The revenue split, worked by hand.

pub mod market;

use market::*;
use wattsplit::economics::{
    BlockMoney, Class, HostingConfig, Money, PowerPaidBy, Split, Stoppable, Terms, split,
};
use wattsplit::reading::{Missing, Quality, Read, Reading};
use wattsplit::site::GpuCounts;
use wattsplit::units::*;

fn close(got: f64, expected: f64) -> bool {
    (got - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

macro_rules! assert_close {
    ($got:expr, $expected:expr) => {
        let (got, expected) = ($got.unwrap().value.get(), $expected);
        assert!(close(got, expected), "{got}, expected {expected}");
    };
}

mod meter;
mod statement;

fn block<'a>(split: &'a Split, id: &str) -> &'a BlockMoney {
    split.blocks.iter().find(|block| block.id == id).unwrap()
}

#[test]
fn hashing_earns_hashrate_times_hashprice_less_fee_and_rejects() {
    let (view, terms) = mixed();
    let got = split(&view, &terms);
    assert_close!(got.hashprice, HASHPRICE);
    let revenue = 2.0 * 2.0 * 0.99 * 0.99;
    let money = &block(&got, "row-a-s21").money;
    assert_close!(money.revenue, revenue);
    assert_eq!(money.revenue.unwrap().quality, Quality::Measured);
    assert_close!(money.it_power, 40_000.0);
    assert_close!(money.facility_power, 44_000.0);
    assert_close!(money.power_cost, 0.044 * 50.0);
    assert_close!(money.margin, revenue - 2.2);
    assert_close!(money.usd_per_mwh, revenue / 0.044);
    assert_close!(money.breakeven, revenue / 0.044);
    assert_eq!(money.coverage.get(), 1.0);
    assert!(got.issues.is_empty(), "{:?}", got.issues);
}

#[test]
fn reserved_gpus_earn_whether_they_work_or_not_and_nothing_at_the_margin() {
    let (mut view, terms) = mixed();
    let revenue = 64.0 * 2.5 * 0.8;
    assert_close!(split(&view, &terms).ai.revenue, revenue);
    assert_eq!(split(&view, &terms).ai.breakeven, Err(Missing::Undefined));
    view.ai_blocks[0].counts = GpuCounts { missing: 64, ..GpuCounts::default() };
    view.ai_blocks[0].it_power = Err(Missing::Timeout);
    let got = split(&view, &terms);
    assert_close!(got.ai.revenue, revenue);
    assert_eq!((got.ai.margin, got.ai.usd_per_mwh), (Err(Missing::Timeout), Err(Missing::Timeout)));
    assert!(got.issues.contains(&"h100.power: timeout".to_owned()), "{:?}", got.issues);
}

#[test]
fn occupied_gpus_earn_what_is_rented_and_break_even_over_their_marginal_energy() {
    let (view, mut terms) = mixed();
    terms.hostings = vec![hosting("h100", Terms::Occupied)];
    let got = split(&view, &terms);
    assert_close!(got.ai.revenue, 32.0 * 2.5 * 0.8);
    assert_close!(got.ai.breakeven, 64.0 / (0.080 * 1.25));
}

#[test]
fn a_block_that_earns_nothing_makes_no_zero_of_one_that_is_not_known() {
    let (mut view, mut terms) = mixed();
    terms.hostings = vec![hosting("h100", Terms::Occupied), hosting("market", Terms::Occupied)];
    view.ai_blocks.push(gpus("market", 32, 40.0, 0));
    view.ai_blocks[0].occupied = Err(Missing::Timeout);
    let got = split(&view, &terms);
    assert_close!(block(&got, "market").money.revenue, 0.0);
    assert_eq!((got.ai.revenue, got.ai.usd_per_mwh), (Err(Missing::Timeout), Err(Missing::Timeout)));
    assert_eq!(got.ai.share, Err(Missing::Timeout), "and half a split is none");
    // A tenant who pays the power makes none of it free.
    terms.hostings[1].power_paid_by = PowerPaidBy::Tenant;
    view.ai_blocks[0].it_power = Err(Missing::Unreachable);
    assert_eq!(split(&view, &terms).ai.power_cost, Err(Missing::Unreachable));
    view.ai_blocks[0].occupied = view.ai_blocks[1].occupied;
    assert_close!(split(&view, &terms).ai.revenue, 0.0);
}

#[test]
fn the_breakeven_of_the_ai_side_is_that_of_its_blocks_that_earn_at_the_margin() {
    let (mut view, mut terms) = mixed();
    view.ai_blocks.push(gpus("market", 32, 40.0, 16));
    terms.hostings.push(hosting("market", Terms::Occupied));
    assert_close!(split(&view, &terms).ai.breakeven, 16.0 * 2.0 / (0.040 * 1.25));
    view.ai_blocks[1].it_power = Err(Missing::Timeout);
    assert_eq!(split(&view, &terms).ai.breakeven, Err(Missing::Timeout));
}

#[test]
fn a_lease_earns_its_contracted_kilowatts_even_without_a_single_gpu_in_sight() {
    let (mut view, mut terms) = mixed();
    terms.hostings = vec![hosting("lease", Terms::KwMonth)];
    terms.hostings[0].power_paid_by = PowerPaidBy::Tenant;
    view.ai_blocks.clear();
    let got = split(&view, &terms);
    assert_close!(got.ai.revenue, 100.0);
    assert_close!(got.ai.power_cost, 0.0);
    assert_close!(got.ai.margin, 100.0);
    assert_eq!(
        (got.ai.facility_power, got.ai.breakeven),
        (Err(Missing::NotConfigured), Err(Missing::Undefined))
    );
    assert_eq!(got.site_power.unwrap().quality, Quality::Estimated, "the tenant's part is not in it");
}

#[test]
fn energy_that_the_tenant_pays_costs_the_site_nothing() {
    let (mut view, mut terms) = mixed();
    terms.hostings[0].power_paid_by = PowerPaidBy::Tenant;
    view.power_price = Err(Missing::Expired);
    let got = split(&view, &terms);
    assert_close!(got.ai.power_cost, 0.0);
    assert_close!(got.ai.margin, 128.0);
    assert_eq!(got.hash.margin, Err(Missing::Expired));
    assert!(got.hash.revenue.is_ok() && got.hash.usd_per_mwh.is_ok(), "revenue needs no power price");
    assert_eq!(got.issues, ["power_price: expired"]);
}

#[test]
fn fixed_overhead_is_allocated_by_it_power_and_stays_out_of_the_breakeven() {
    let (view, mut terms) = mixed();
    terms.fixed_overhead = Watts::from_kw(12.0).unwrap();
    let got = split(&view, &terms);
    assert_close!(got.hash.facility_power, 44_000.0 + 4_000.0);
    assert_close!(got.ai.facility_power, 100_000.0 + 8_000.0);
    assert_close!(got.site_power, 156_000.0);
    let revenue = 4.0 * 0.99 * 0.99;
    assert_close!(got.hash.usd_per_mwh, revenue / 0.048);
    assert_close!(got.hash.breakeven, revenue / 0.044);
    assert_eq!(got.hash.facility_power.unwrap().quality, Quality::Estimated);
}

#[test]
fn shares_are_of_the_revenue_of_the_whole_site() {
    let (mut view, terms) = mixed();
    view.hash_blocks.push(miners("row-a-s19", 10, 1.0, 40.0));
    let got = split(&view, &terms);
    let (a, b, ai) = (4.0 * 0.99 * 0.99, 2.0 * 0.99 * 0.99, 128.0);
    assert_close!(got.hash.share, (a + b) / (a + b + ai));
    assert_close!(got.ai.share, ai / (a + b + ai));
    assert_close!(block(&got, "row-a-s19").money.share, b / (a + b + ai));
    assert_eq!(block(&got, "h100").class, Class::Ai);
}

#[test]
fn without_miners_in_the_config_hosting_has_the_whole_share() {
    let (mut view, mut terms) = mixed();
    (view.hash_blocks, terms.groups) = (Vec::new(), Vec::new());
    (view.network, view.btc_quotes) = (Err(Missing::NotYet), Vec::new());
    let got = split(&view, &terms);
    assert_close!(got.ai.share, 1.0);
    assert_close!(got.hash.share, 0.0);
    assert_eq!(got.hash.revenue, Ok(Reading::measured(UsdPerHour::ZERO, "nothing configured")));
    assert_eq!(got.issues, [""; 0], "a site without miners needs no bitcoin price");
}

#[test]
fn miners_that_are_configured_and_not_seen_leave_the_split_open() {
    let (mut view, terms) = mixed();
    view.hash_blocks.clear();
    let got = split(&view, &terms);
    assert_eq!(
        (got.hash.revenue, got.hash.share, got.ai.share),
        (Err(Missing::NotYet), Err(Missing::NotYet), Err(Missing::NotYet))
    );
    assert_close!(got.ai.revenue, 128.0);
    view.silent_addresses = 254;
    assert_eq!(split(&view, &terms).hash.revenue, Err(Missing::Unreachable));
}

#[test]
fn a_site_that_earns_nothing_has_no_split() {
    let (mut view, mut terms) = mixed();
    view.hash_blocks[0].hashrate = total(Hashrate::new(0.0), 1.0);
    terms.hostings.clear();
    let got = split(&view, &terms);
    assert_close!(got.hash.revenue, 0.0);
    assert_eq!((got.hash.share, got.ai.share), (Err(Missing::Undefined), Err(Missing::Undefined)));
    assert_close!(got.hash.margin, -2.2);
}

#[test]
fn a_missing_bitcoin_price_takes_hashing_revenue_with_it_and_nothing_else() {
    let (mut view, terms) = mixed();
    for quote in &mut view.btc_quotes {
        quote.1 = Err(Missing::Expired);
    }
    let got = split(&view, &terms);
    assert_eq!((got.btc_usd, got.hashprice), (Err(Missing::Expired), Err(Missing::Expired)));
    assert_eq!((got.hash.revenue, got.hash.share), (Err(Missing::Expired), Err(Missing::Expired)));
    assert_eq!(got.hash.coverage.get(), 0.0);
    assert_close!(got.hash.power_cost, 2.2);
    assert_close!(got.ai.margin, 128.0 - 5.0);
    assert!(got.issues.contains(&"btc_usd: expired".to_owned()), "{:?}", got.issues);
}

#[test]
fn stale_inputs_give_stale_money_and_are_named() {
    let (mut view, terms) = mixed();
    view.power_price = view.power_price.map(stale);
    view.network = view.network.map(stale);
    let got = split(&view, &terms);
    let quality = |read: Read<UsdPerHour>| read.unwrap().quality;
    assert_eq!((quality(got.hash.revenue), quality(got.ai.revenue)), (Quality::Stale, Quality::Measured));
    assert_eq!((quality(got.hash.margin), quality(got.ai.power_cost)), (Quality::Stale, Quality::Stale));
    assert_eq!(got.issues, ["network: stale", "power_price: stale"]);
}

#[test]
fn without_fees_the_subsidy_alone_is_an_estimate() {
    let (mut view, terms) = mixed();
    if let Ok(network) = &mut view.network {
        network.value.mean_fee = Err(Missing::Timeout);
    }
    let got = split(&view, &terms);
    assert_close!(got.hashprice, HASHPRICE);
    assert_eq!(got.hashprice.unwrap().quality, Quality::Estimated);
    assert_eq!(got.issues, ["network.mean_fee: timeout"]);
}

#[test]
fn unreported_shares_count_as_accepted_and_make_an_estimate() {
    let (mut view, terms) = mixed();
    for (accepted, rejected) in [(None, None), (Some(0), Some(0)), (Some(5), None)] {
        (view.hash_blocks[0].accepted, view.hash_blocks[0].rejected) = (accepted, rejected);
        let revenue = split(&view, &terms).hash.revenue;
        assert_close!(revenue, 4.0 * 0.99);
        assert_eq!(revenue.unwrap().quality, Quality::Estimated);
    }
}

#[test]
fn a_dead_block_is_missing_and_its_side_goes_on_with_coverage() {
    let (mut view, terms) = mixed();
    let mut dead = miners("row-a-s19", 10, 0.0, 0.0);
    (dead.hashrate, dead.power) = (Err(Missing::Timeout), Err(Missing::Timeout));
    view.hash_blocks.push(dead);
    let got = split(&view, &terms);
    assert_eq!(block(&got, "row-a-s19").money.revenue, Err(Missing::Timeout));
    assert_close!(got.hash.revenue, 4.0 * 0.99 * 0.99);
    assert_eq!((got.hash.revenue.unwrap().quality, got.hash.coverage.get()), (Quality::Estimated, 0.5));
    view.hash_blocks[0].counts.hashing = 5000;
    let got = split(&view, &terms);
    assert_eq!(got.hash.revenue.unwrap().quality, Quality::Measured, "ten in five thousand do not matter");
}

#[test]
fn unread_power_of_units_that_earn_is_not_free() {
    let (mut view, terms) = mixed();
    // A quarter of the units tell their power: 20 J/TH, and three quarters of 2 PH/s do not.
    view.hash_blocks[0].power = total(Watts::from_kw(10.0), 0.25);
    view.hash_blocks[0].hashrate_without_power = Hashrate::new(1500.0).unwrap();
    let got = split(&view, &terms);
    let money = &block(&got, "row-a-s21").money;
    let revenue = 4.0 * 0.99 * 0.99;
    assert_close!(money.facility_power, 11_000.0);
    assert_close!(money.usd_per_mwh, revenue / 0.044);
    assert_close!(money.breakeven, revenue / 0.044);
    assert_close!(money.margin, revenue - 2.2);
    assert_eq!(money.margin.unwrap().quality, Quality::Estimated);
    assert_eq!(money.coverage.get(), 0.25);
}

#[test]
fn gpus_that_are_switched_off_because_nobody_rents_them_are_no_unread_load() {
    let margin = |stoppable, sold| {
        let (mut view, mut terms) = mixed();
        terms.hostings[0] = HostingConfig { stoppable, ..hosting("h100", Terms::Occupied) };
        // Half of the 64 GPUs answer, at 40 kW.
        view.ai_blocks = vec![gpus("h100", 64, 80.0, sold)];
        view.ai_blocks[0].it_power = total(Watts::from_kw(40.0), 0.5);
        let got = split(&view, &terms);
        let money = block(&got, "h100").money.clone();
        money.revenue.unwrap().value.get() - money.margin.unwrap().value.get()
    };
    let cost = |it_kw: f64| it_kw * 1.25 / 1e3 * 50.0;
    assert!(close(margin(Stoppable::No, 32), cost(80.0)));
    assert!(close(margin(Stoppable::Unsold, 32), cost(40.0)));
    assert!(close(margin(Stoppable::Unsold, 48), cost(60.0)), "sixteen of those that earn are not read");
}

#[test]
fn idle_units_without_power_do_not_make_the_others_look_hungry() {
    let (mut view, terms) = mixed();
    // All units tell their hashrate; only the half that hashes tells its power.
    view.hash_blocks[0].power = total(Watts::from_kw(40.0), 0.5);
    let got = split(&view, &terms);
    let money = &block(&got, "row-a-s21").money;
    assert_close!(money.breakeven, 4.0 * 0.99 * 0.99 / 0.044);
    assert_close!(money.margin, 4.0 * 0.99 * 0.99 - 2.2);
}

#[test]
fn a_group_without_terms_earns_nothing_that_is_known() {
    let (view, mut terms) = mixed();
    terms.groups[0].group = "row-b".into();
    assert_eq!(split(&view, &terms).hash.revenue, Err(Missing::NotConfigured));
}

#[test]
fn on_a_site_that_is_fully_read_the_figures_add_up() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..500 {
        let (mut view, mut terms) = (market(), terms());
        for n in 0..random.usize(1..6) {
            let (units, phs, kw) = (random.u32(1..500), random.f64() * 90.0, 1.0 + random.f64() * 2000.0);
            view.hash_blocks.push(miners(&format!("row-a-{n}"), units, phs, kw));
        }
        for (name, kind) in [("a", Terms::Reserved), ("b", Terms::Occupied), ("c", Terms::KwMonth)] {
            view.ai_blocks.push(gpus(name, random.u32(1..100), 1.0 + random.f64() * 500.0, random.u32(..64)));
            terms.hostings.push(hosting(name, kind));
        }
        terms.fixed_overhead = Watts::from_kw(random.f64() * 100.0).unwrap();
        view.power_price = Ok(aged(UsdPerMwh::new(random.f64() * 400.0 - 100.0).unwrap()));
        let got = split(&view, &terms);

        let moneys: Vec<&Money> = got.blocks.iter().map(|block| &block.money).collect();
        for money in moneys.iter().copied().chain([&got.hash, &got.ai]) {
            assert_close!(
                money.margin,
                money.revenue.unwrap().value.get() - money.power_cost.unwrap().value.get()
            );
            assert_eq!(money.coverage.get(), 1.0);
        }
        let sum = |of: fn(&Money) -> f64| moneys.iter().map(|money| of(money)).sum::<f64>();
        assert_close!(got.site_power, sum(|money| money.facility_power.unwrap().value.get()));
        assert!(close(sum(|money| money.share.unwrap().value.get()), 1.0));
        assert_close!(got.hash.share, 1.0 - got.ai.share.unwrap().value.get());
        let side = |of: fn(&Money) -> f64| of(&got.hash) + of(&got.ai);
        assert!(close(
            sum(|money| money.margin.unwrap().value.get()),
            side(|money| money.margin.unwrap().value.get())
        ));
    }
}
