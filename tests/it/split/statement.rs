//! What a hosting earns, part by part.

use wattsplit::economics::{
    HostingConfig, OccupiedFrom, RevenueBasis, SiteTerms, Split, Statement, Terms, split,
};
use wattsplit::reading::{Missing, Quality, Read};
use wattsplit::site::{GpuCounts, SiteView};
use wattsplit::units::UsdPerHour;

use super::block;
use super::market::{gpus, hosting, market, mixed, terms};

/// 64 GPUs at 2.50 USD and 20 % fee, of which 32 are rented.
fn of(hosting: HostingConfig, counts: GpuCounts) -> Split {
    let mut hall = gpus("h100", 64, 80.0, 32);
    hall.counts = counts;
    let view = SiteView { ai_blocks: vec![hall], ..market() };
    let mut terms = terms();
    terms.hostings = vec![hosting];
    split(&view, &terms)
}

fn statement(split: &Split) -> Statement {
    block(split, "h100").statement.unwrap()
}

fn usd(read: Read<UsdPerHour>) -> (f64, Quality) {
    let read = read.unwrap();
    ((read.value.get() * 1e9).round() / 1e9, read.quality)
}

fn well() -> GpuCounts {
    GpuCounts { ok: 64, ..GpuCounts::default() }
}

#[test]
fn gross_less_the_fee_is_what_is_earned_and_each_says_what_it_rests_on() {
    let reserved = of(hosting("h100", Terms::Reserved), well());
    let parts = statement(&reserved);
    assert_eq!(parts.basis, RevenueBasis::Contract);
    assert_eq!((usd(parts.gross).0, usd(parts.fee).0, usd(parts.net).0), (160.0, 32.0, 128.0));
    assert_eq!(parts.penalty, None);
    assert_eq!(block(&reserved, "h100").money.revenue, parts.net);

    let rented = statement(&of(hosting("h100", Terms::Occupied), well()));
    assert_eq!(rented.basis, RevenueBasis::Theoretical);
    assert_eq!((usd(rented.gross).0, usd(rented.fee).0, usd(rented.net).0), (80.0, 16.0, 64.0));
    let by_contract =
        HostingConfig { occupied_from: Some(OccupiedFrom::Contract), ..hosting("h100", Terms::Occupied) };
    assert_eq!(statement(&of(by_contract, well())).basis, RevenueBasis::Contract);

    let rent = statement(&of(hosting("h100", Terms::KwMonth), well()));
    assert_eq!((rent.basis, usd(rent.gross).0, usd(rent.fee).0), (RevenueBasis::Contract, 100.0, 0.0));
}

fn committed() -> HostingConfig {
    HostingConfig {
        committed_gpus: Some(60),
        stop_penalty_usd_per_gpu_h: 3.0,
        ..hosting("h100", Terms::Reserved)
    }
}

#[test]
fn committed_gpus_that_do_not_run_are_owed_and_taken_off_the_revenue() {
    let met = of(committed(), well());
    assert_eq!(usd(statement(&met).penalty.unwrap()), (0.0, Quality::Measured));
    assert_eq!(usd(block(&met, "h100").money.revenue), (128.0, Quality::Measured));
    let short = of(committed(), GpuCounts { ok: 50, lost: 8, hung: 6, ..GpuCounts::default() });
    let parts = statement(&short);
    assert_eq!((usd(parts.gross).0, usd(parts.fee).0), (160.0, 32.0));
    assert_eq!(usd(parts.penalty.unwrap()), (30.0, Quality::Measured));
    assert_eq!(usd(block(&short, "h100").money.revenue), (98.0, Quality::Measured));
}

#[test]
fn a_penalty_that_nobody_can_know_makes_the_revenue_an_estimate_and_not_missing() {
    let mut hall = gpus("h100", 0, 80.0, 32);
    (hall.hosts, hall.hosts_unreachable, hall.it_power) = (8, 8, Err(Missing::Timeout));
    let view = SiteView { ai_blocks: vec![hall], ..market() };
    let mut terms = terms();
    terms.hostings = vec![committed()];
    let split = split(&view, &terms);
    assert_eq!(statement(&split).penalty, Some(Err(Missing::Timeout)));
    assert_eq!(usd(block(&split, "h100").money.revenue), (128.0, Quality::Estimated));
}

#[test]
fn hashing_rests_on_what_the_devices_say_and_the_pools_fee_stands_apart() {
    let (view, terms) = mixed();
    let parts = block(&split(&view, &terms), "row-a-s21").statement.unwrap();
    assert_eq!((parts.basis, parts.penalty), (RevenueBasis::Device, None));
    let [gross, fee, net] = [parts.gross, parts.fee, parts.net].map(|part| usd(part).0);
    assert!((fee - gross * 0.01).abs() < 1e-6 && (net - gross * 0.99).abs() < 1e-6, "{gross} {fee} {net}");
    let unknown = SiteTerms { groups: Vec::new(), ..terms };
    let parts = block(&split(&view, &unknown), "row-a-s21").statement.unwrap();
    assert_eq!((parts.gross, parts.net), (Err(Missing::NotConfigured), Err(Missing::NotConfigured)));
}

#[test]
fn far_more_rented_gpus_than_there_are_earn_nothing() {
    let rented = |told: u32| {
        let mut hall = gpus("h100", 64, 80.0, told);
        hall.counts = well();
        let terms = SiteTerms {
            hostings: vec![HostingConfig { gpus_installed: Some(64), ..hosting("h100", Terms::Occupied) }],
            ..terms()
        };
        block(&split(&SiteView { ai_blocks: vec![hall], ..market() }, &terms), "h100").statement.unwrap().net
    };
    assert!(rented(66).is_ok());
    assert_eq!(rented(4_000_000_000), Err(Missing::Implausible));
}
