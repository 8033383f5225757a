//! What the terminal shows: golden texts in `tests/golden/`. `UPDATE_GOLDEN=1` rewrites them.

mod discover;
mod money;
mod once_json;
mod online;
mod outlook;
mod pipe;
mod signals;
mod sites;
mod version;

use std::path::Path;

use sites::*;
use wattsplit::cli::table::render;
use wattsplit::economics::Split;
use wattsplit::reading::{Missing, Reading};
use wattsplit::site::SiteView;
use wattsplit::units::Watts;

pub fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(text == wanted, "{name} differs; UPDATE_GOLDEN=1 rewrites it.\nwanted:\n{wanted}\ngot:\n{text}");
}

fn shows(name: &str, (view, split): &(SiteView, Split), width: usize) {
    let text = render(view, split, width);
    for line in text.lines() {
        assert!(line.chars().count() <= width, "wider than {width}: {line}");
        assert_eq!(line.trim_end(), line, "spaces at the end of a line");
    }
    golden(&format!("{name}-{width}.txt"), &text);
}

#[test]
fn a_healthy_mixed_site_reads_well_at_any_width() {
    for width in [80, 100, 140] {
        shows("healthy", &healthy(), width);
    }
}

#[test]
fn nothing_that_is_missing_is_shown_as_a_number() {
    let site = everything_missing();
    for width in [80, 140] {
        shows("everything-missing", &site, width);
    }
    let text = render(&site.0, &site.1, 140);
    assert!(!text.contains("0.00"), "{text}");
}

#[test]
fn stale_prices_mark_all_that_rests_on_them() {
    shows("stale-prices", &stale_prices(), 100);
}

#[test]
fn half_the_miners_dead_is_seen_at_once() {
    for width in [80, 140] {
        shows("half-dead", &half_dead(), width);
    }
}

#[test]
fn a_site_of_miners_alone_shows_no_hosting() {
    shows("asic-only", &asic_only(), 100);
}

#[test]
fn a_site_of_gpus_alone_shows_no_hashing() {
    shows("gpu-only", &gpu_only(), 100);
}

#[test]
fn a_tenant_whose_gpus_nobody_reads_still_pays() {
    shows("tenant", &tenant(), 100);
}

#[test]
fn an_empty_site_says_so() {
    shows("empty", &empty(), 80);
}

/// The line of the result, without the line breaks.
fn headline(site: &(SiteView, Split)) -> String {
    let text = render(&site.0, &site.1, 100);
    text.lines().skip(1).take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_headline_shows_how_far_the_site_is_from_its_cap() {
    let within = headline(&capped(3_000.0));
    assert!(within.starts_with("The site draws ~2.79 of 3.00 MW, headroom ~0.21 MW, earns "), "{within}");
    let (view, mut split) = gpu_only();
    split.cap = Watts::from_kw(500.0);
    split.site_power = Ok(Reading::estimated(Watts::from_kw(390.0).unwrap(), "test"));
    let small = headline(&(view, split));
    assert!(small.starts_with("The site draws ~390.0 of 500.0 kW, headroom ~110.0 kW, earns "), "{small}");
    let unknown = headline(&everything_missing());
    assert!(unknown.starts_with("The site draws – of 3.00 MW, headroom – MW, earns "), "{unknown}");
}

#[test]
fn a_site_above_its_cap_is_the_first_thing_to_look_at() {
    let site = capped(2_500.0);
    let above = headline(&site);
    assert!(above.starts_with("The site draws ~2.79 of 2.50 MW, ~0.29 MW above its cap, earns "), "{above}");
    let text = render(&site.0, &site.1, 140);
    let (_, look) = text.split_once("NEEDS A LOOK\n").unwrap();
    assert!(look.starts_with("! site: it draws ~2.79 MW, ~0.29 MW above its cap of 2.50 MW. "), "{look}");
    assert!(text.lines().any(|line| line.starts_with("! site ")), "the row of the site is marked: {text}");
}

#[test]
fn a_meter_shows_what_the_machines_do_not_explain() {
    shows("metered", &metered(0.0), 100);
    let (view, mut split) = metered(600.0);
    let text = render(&view, &split, 140);
    assert!(text.contains("! residual: 600.0 kW of the meter are drawn by nothing that is read"), "{text}");
    let (_, below) = metered(-90.0);
    let text = render(&view, &below, 140);
    assert!(text.contains("! residual: the blocks draw 90.0 kW more than the meter shows"), "{text}");
    split.metering.power = Err(Missing::Timeout);
    split.metering.residual = Err(Missing::Timeout);
    let text = render(&view, &split, 140);
    assert!(text.contains("\n  – (no answer in time); the sum of the blocks stands in\n"), "{text}");
    assert!(text.contains("! meter: no reading: no answer in time. The sum of the blocks"), "{text}");
}

#[test]
fn sick_gpus_and_a_silent_host_are_told_apart() {
    shows("sick-gpus", &sick_gpus(), 100);
}

#[test]
fn a_terminal_that_is_too_narrow_keeps_the_essential_columns() {
    let (view, split) = healthy();
    let text = render(&view, &split, 20);
    for head in ["units", "hashing", "IT kW", "USD/h"] {
        assert!(text.contains(head), "{head} is gone:\n{text}");
    }
}
