//! The split with the site's meter: by hand, 120 kW of IT and 144 kW with the blocks' own overhead.

use wattsplit::economics::attribution::Plausibility;
use wattsplit::economics::{Metering, Residual, SiteTerms};
use wattsplit::site::{MeterView, SiteView};

use super::*;

fn metered(kw: f64) -> (SiteView, SiteTerms) {
    let (mut view, terms) = mixed();
    view.meter = MeterView { power: Ok(aged(Watts::from_kw(kw).unwrap())), ..MeterView::default() };
    (view, terms)
}

fn residual(split: &Split) -> Residual {
    split.metering.residual.unwrap()
}

/// All but what is said of the meter.
fn without_the_meter(split: Split) -> String {
    let issues = split.issues.iter().filter(|issue| !issue.starts_with("meter")).cloned().collect();
    format!("{:?}", Split { metering: Metering::default(), issues, ..split })
}

#[test]
fn the_site_draws_what_its_meter_shows_and_the_residual_is_spread_by_it_power() {
    let (view, mut terms) = metered(150.0);
    terms.cap = Watts::from_kw(140.0);
    let got = split(&view, &terms);
    assert_close!(got.site_power, 150_000.0);
    assert_eq!(got.site_power.unwrap().quality, Quality::Measured);
    assert_close!(got.headroom(), -10_000.0);
    let residual = residual(&got);
    assert!(close(residual.power.value.get(), 6_000.0), "{residual:?}");
    assert_close!(residual.fraction, 0.04);
    assert_close!(residual.pue, 1.25);
    assert_eq!((residual.plausible, residual.spread), (Plausibility::Measured, true));
    assert_close!(got.hash.facility_power, 44_000.0 + 2_000.0);
    assert_close!(got.ai.facility_power, 100_000.0 + 4_000.0);
    assert_eq!(got.hash.facility_power.unwrap().quality, Quality::Estimated, "1.1 is no meter");
    assert_close!(got.metering.modelled_power, 144_000.0);
    assert!(got.issues.is_empty(), "{:?}", got.issues);
}

#[test]
fn accounting_goes_by_the_meter_and_the_breakeven_by_the_overhead_at_the_margin() {
    let (view, terms) = metered(150.0);
    let got = split(&view, &terms);
    let revenue = 4.0 * 0.99 * 0.99;
    assert_close!(got.hash.power_cost, 0.046 * 50.0);
    assert_close!(got.hash.margin, revenue - 2.3);
    assert_close!(got.hash.usd_per_mwh, revenue / 0.046);
    assert_close!(got.hash.breakeven, revenue / 0.044);
}

#[test]
fn where_every_figure_is_a_reading_the_blocks_are_measured() {
    let (mut view, mut terms) = metered(41.0);
    (view.ai_blocks, terms.hostings) = (Vec::new(), Vec::new());
    terms.groups[0].overhead = 1.0;
    let money = &block(&split(&view, &terms), "row-a-s21").money.clone();
    assert_close!(money.facility_power, 41_000.0);
    assert_eq!(money.facility_power.unwrap().quality, Quality::Measured);
}

#[test]
fn the_fixed_overhead_is_in_the_residual_and_in_what_the_meter_should_show() {
    let (view, mut terms) = metered(150.0);
    terms.fixed_overhead = Watts::from_kw(5.0).unwrap();
    let got = split(&view, &terms);
    assert!(close(residual(&got).power.value.get(), 6_000.0));
    assert_close!(got.metering.modelled_power, 149_000.0);
    assert_close!(got.metering.known_power, 144_000.0);
    assert_close!(got.metering.it_power, 120_000.0);
}

#[test]
fn a_residual_that_cannot_be_is_questionable_and_never_clipped() {
    for (kw, residual_kw) in [(140.0, -4.0), (170.0, 26.0)] {
        let (view, terms) = metered(kw);
        let got = split(&view, &terms);
        let residual = residual(&got);
        assert!(close(residual.power.value.kw(), residual_kw), "{residual:?}");
        assert_eq!(residual.plausible, Plausibility::Questionable);
        assert_eq!(got.issues, ["residual: questionable"]);
        let facility = |money: &Money| money.facility_power.unwrap().value.kw();
        assert!(close(facility(&got.hash) + facility(&got.ai), kw), "what is allocated adds up");
        assert!(close(facility(&got.hash), 44.0 + residual_kw / 3.0));
        assert_close!(got.site_power, kw * 1e3);
    }
}

#[test]
fn a_meter_that_shows_clearly_less_than_the_machines_alone_draw_frees_no_room() {
    // The machines draw 120 kW at their plugs: a meter may be off by a tenth.
    for kw in [0.0, 107.9] {
        let (view, terms) = metered(kw);
        let got = split(&view, &terms);
        let (site, residual) = (got.site_power.unwrap(), residual(&got));
        assert!(close(site.value.kw(), 144.0) && site.quality == Quality::Estimated, "{site:?}");
        assert!(!residual.spread && close(residual.power.value.kw(), kw - 144.0), "{residual:?}");
        assert_eq!(got.issues, ["residual: questionable"]);
        assert_close!(got.hash.facility_power, 44_000.0);
    }
    let (view, terms) = metered(108.1);
    assert_close!(split(&view, &terms).site_power, 108_100.0);
}

#[test]
fn a_meter_in_another_unit_is_left_out_and_its_factor_is_told() {
    let (plain, terms) = mixed();
    let wanted = without_the_meter(split(&plain, &terms));
    for (kw, factor) in [(150e3, 1e3), (140e6, 1e6), (0.15, 1e-3)] {
        let (view, terms) = metered(kw);
        let got = split(&view, &terms);
        assert_eq!(
            (got.metering.off_by, got.metering.power),
            (Some(factor), Err(Missing::Implausible)),
            "{kw}"
        );
        assert_eq!(got.issues, ["meter: implausible"]);
        assert_eq!(without_the_meter(got), wanted);
    }
    let (view, terms) = metered(14_400.0);
    assert_eq!(split(&view, &terms).metering.off_by, None, "a hundred times as much is another matter");
}

#[test]
fn without_a_fresh_meter_all_is_as_without_one() {
    let (view, terms) = mixed();
    let wanted = without_the_meter(split(&view, &terms));
    let (mut view, _) = metered(150.0);
    view.meter.power = view.meter.power.map(stale);
    let got = split(&view, &terms);
    assert_eq!(got.metering.residual, Err(Missing::Expired));
    assert_eq!(got.metering.power.unwrap().quality, Quality::Stale, "shown, and not used");
    assert_eq!(got.issues, ["meter: stale"]);
    assert_eq!(without_the_meter(got), wanted);
    view.meter.power = Err(Missing::Timeout);
    let got = split(&view, &terms);
    assert_eq!(
        (got.metering.residual, got.issues.as_slice()),
        (Err(Missing::Timeout), &["meter: timeout".to_owned()][..])
    );
    assert_eq!(without_the_meter(got), wanted);
}

#[test]
fn what_units_draw_that_do_not_tell_is_in_the_meter_and_counted_once() {
    let (mut view, terms) = metered(150.0);
    // As in `unread_power_of_units_that_earn_is_not_free`: 30 of 40 kW are not told.
    view.hash_blocks[0].power = total(Watts::from_kw(10.0), 0.25);
    view.hash_blocks[0].hashrate_without_power = Hashrate::new(1500.0).unwrap();
    let got = split(&view, &terms);
    let money = &block(&got, "row-a-s21").money;
    assert_close!(money.facility_power, 46_000.0);
    assert_close!(money.power_cost, 2.3);
    assert_close!(money.margin, 4.0 * 0.99 * 0.99 - 2.3);
    assert_close!(money.breakeven, 4.0 * 0.99 * 0.99 / 0.044);
    let residual = residual(&got);
    assert!(close(residual.power.value.kw(), 6.0));
    assert_eq!(residual.power.quality, Quality::Estimated);
}

#[test]
fn what_a_block_draws_that_nobody_reads_is_charged_to_no_other() {
    let (mut view, terms) = metered(180.0);
    let mut dead = miners("row-a-s19", 10, 1.0, 0.0);
    dead.power = Err(Missing::Timeout);
    view.hash_blocks.push(dead);
    let got = split(&view, &terms);
    assert_close!(got.site_power, 180_000.0);
    let residual = residual(&got);
    assert!(close(residual.power.value.kw(), 36.0) && !residual.spread, "{residual:?}");
    assert_eq!(
        (residual.power.quality, residual.plausible),
        (Quality::Estimated, Plausibility::Questionable)
    );
    assert_close!(block(&got, "row-a-s21").money.facility_power, 44_000.0);
    assert_close!(got.ai.facility_power, 100_000.0);
}

#[test]
fn a_few_dead_miners_and_some_that_sleep_do_not_keep_the_residual_from_being_spread() {
    let (mut view, terms) = metered(150.0);
    let mut asleep = miners("row-a-unknown", 0, 0.0, 0.0);
    (asleep.counts.idle, asleep.counts.unreachable) = (5, 1);
    asleep.power = Err(Missing::NotReported);
    view.hash_blocks.push(asleep);
    let got = split(&view, &terms);
    assert!(residual(&got).spread, "1 of 16 miners is not read");
    assert_close!(block(&got, "row-a-s21").money.facility_power, 46_000.0);
    assert_eq!(block(&got, "row-a-unknown").money.facility_power, Err(Missing::NotReported));
    assert_eq!(residual(&got).power.quality, Quality::Estimated);
    view.ai_blocks.push(gpus("lease", 8, 10.0, 0));
    view.ai_blocks[1].it_power = Err(Missing::Timeout);
    let hostings = vec![hosting("h100", Terms::Reserved), hosting("lease", Terms::KwMonth)];
    let got = split(&view, &SiteTerms { hostings, ..terms });
    assert!(!residual(&got).spread, "a tenant's hall is nobody else's overhead");
}

#[test]
fn a_meter_alone_shows_the_power_of_the_site() {
    let (mut view, _) = metered(150.0);
    (view.hash_blocks, view.ai_blocks) = (Vec::new(), Vec::new());
    let got = split(&view, &SiteTerms::default());
    assert_close!(got.site_power, 150_000.0);
    assert!(close(residual(&got).power.value.kw(), 150.0));
    assert_eq!(residual(&got).pue, Err(Missing::Undefined));
    // Miners that should be there and were not seen: nobody knows what of it is overhead.
    let (_, terms) = mixed();
    let got = split(&view, &SiteTerms { hostings: Vec::new(), ..terms });
    assert_close!(got.site_power, 150_000.0);
    assert_eq!(got.metering.residual, Err(Missing::NotYet));
}
