//! From a platform's statement to the revenue of a hosting.

use std::sync::Arc;
use std::time::Duration;

use wattsplit::economics::{HostingConfig, RevenueBasis, Split, Terms, split};
use wattsplit::reading::{Batch, EarnedDay, Earnings, EarningsSample, Missing, Platform, Quality, Sample};
use wattsplit::site::{Site, SiteView};

use super::day;
use crate::fake_http::moment;
use crate::split::market;

/// A statement whose newest day is `back` days ago: 240 USD, of which the platform keeps 60.
fn stated(back: i64) -> Result<Earnings, Missing> {
    let newest = EarnedDay { day: day(back), gross_micro_usd: 240_000_000, fee_micro_usd: 60_000_000 };
    let older = EarnedDay { day: day(back + 1), gross_micro_usd: 1_000_000, fee_micro_usd: 0 };
    Ok(Earnings { platform: Platform::Vast, days: vec![newest, older], today: Err(Missing::NotReported) })
}

fn sample(report: Result<Earnings, Missing>) -> Sample {
    Sample::Earnings(EarningsSample { hosting: "listed".into(), interval: Duration::from_secs(3600), report })
}

/// The split at `moment(secs)` of a site with this statement at `moment(0)`.
fn at(secs: u64, report: Result<Earnings, Missing>) -> Split {
    let mut site = Site::default();
    site.apply(Batch { at: moment(0), samples: vec![sample(report)] });
    let view = site.view(moment(secs));
    let mut terms = market::terms();
    terms.hostings = vec![HostingConfig { overhead: 1.0, ..market::hosting("listed", Terms::Platform) }];
    split(&SiteView { at: view.at, hostings: view.hostings, ..market::market() }, &terms)
}

fn revenue(split: &Split) -> Result<(f64, Quality), Missing> {
    let [block] = split.blocks.as_slice() else { panic!("{:?}", split.blocks) };
    block.money.revenue.map(|revenue| (revenue.value.get(), revenue.quality))
}

#[test]
fn the_last_day_that_is_over_is_the_rate_of_now_net_of_the_fee_and_an_estimate() {
    let split = at(0, stated(1));
    assert_eq!(revenue(&split), Ok((7.5, Quality::Estimated)));
    let parts = split.blocks[0].statement.unwrap();
    assert_eq!(parts.basis, RevenueBasis::Settled);
    assert_eq!((parts.gross.unwrap().value.get(), parts.fee.unwrap().value.get()), (10.0, 2.5));
    assert_eq!(split.ai.revenue.map(|revenue| revenue.value.get()), Ok(7.5));
}

#[test]
fn a_day_that_ended_long_ago_is_stale_and_then_nothing() {
    // It is 14 h 13 min after the end of yesterday.
    assert_eq!(revenue(&at(0, stated(2))), Ok((7.5, Quality::Stale)));
    assert_eq!(revenue(&at(0, stated(7))), Ok((7.5, Quality::Stale)));
    assert_eq!(revenue(&at(0, stated(8))), Err(Missing::Expired));
    let issues = at(0, stated(2)).issues;
    assert!(issues.contains(&"listed.platform: stale".to_owned()), "{issues:?}");
}

#[test]
fn a_platform_that_is_silent_makes_the_figure_stale_and_one_that_never_spoke_gives_none() {
    assert_eq!(revenue(&at(3 * 3600, stated(1))), Ok((7.5, Quality::Estimated)));
    assert_eq!(revenue(&at(3 * 3600 + 1, stated(1))), Ok((7.5, Quality::Stale)));
    assert_eq!(revenue(&at(0, Err(Missing::Denied))), Err(Missing::Denied));
    let empty = Earnings { days: vec![], ..stated(1).unwrap() };
    assert_eq!(revenue(&at(0, Ok(empty))), Err(Missing::NotReported));
}

#[test]
fn what_is_held_of_a_statement_is_shared_and_not_copied() {
    let mut site = Site::default();
    site.apply(Batch { at: moment(0), samples: vec![sample(stated(1))] });
    let [a, b] =
        [0, 1].map(|secs| site.view(moment(secs)).hostings["listed"].earnings.clone().unwrap().value);
    assert!(Arc::ptr_eq(&a, &b));
}
