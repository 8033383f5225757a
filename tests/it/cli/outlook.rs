//! What the terminal says beside hashprice and revenue: forecasts, indexes, statements.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wattsplit::cli::once;
use wattsplit::cli::table::render;
use wattsplit::clock::UnixMs;
use wattsplit::economics::{IndexCheck, Outlook, RevenueBasis, Split, Statement};
use wattsplit::reading::{EarnedDay, Earnings, MarketPrice, Missing, Platform, Quality, Reading};
use wattsplit::site::{Aged, HostingFeeds, SiteView};
use wattsplit::units::{Usd, UsdPerHour, UsdPerPhDay};

use super::sites::healthy;

fn aged<T>(value: T, source: &'static str, secs: u64) -> Aged<T> {
    Aged { value, quality: Quality::Measured, source, age: Duration::from_secs(secs) }
}

/// The healthy site with all that can be said beside its figures.
fn told() -> (SiteView, Split) {
    let (mut view, mut split) = healthy();
    let usd = |usd| UsdPerPhDay::new(usd).unwrap();
    split.retarget = Ok(Outlook {
        height: 925_344,
        blocks_left: 744,
        at: Ok(Reading::estimated(UnixMs::from_secs(1_764_100_000), "test")),
        difficulty_change_percent: Ok(Reading::estimated(3.254, "test")),
        hashprice: Ok(Reading::estimated(usd(36.5), "test")),
        hashprice_change_percent: Ok(Reading::estimated(-3.151, "test")),
    });
    let difference_percent = Ok(Reading::measured(-0.72, "test"));
    let index = Ok(aged(usd(37.96), "hashrateindex.com", 120));
    split.index = IndexCheck { index, difference_percent, limit_percent: 2.0 };
    let block = split.blocks.last_mut().unwrap();
    let rate = |usd| Ok(Reading::measured(UsdPerHour::new(usd).unwrap(), "test"));
    block.statement = Some(Statement {
        basis: RevenueBasis::Settled,
        gross: rate(10.0),
        fee: rate(2.5),
        penalty: Some(rate(1.5)),
        net: rate(6.0),
    });
    let start = UnixMs(view.at.wall.0.div_euclid(86_400_000) * 86_400_000 - 86_400_000);
    let day = EarnedDay { day: start, gross_micro_usd: 240_000_000, fee_micro_usd: 60_000_000 };
    let today = Ok(Reading::estimated(Usd::new(31.5).unwrap(), "platform_estimate"));
    let earnings = Arc::new(Earnings { platform: Platform::Vast, days: vec![day], today });
    let market = MarketPrice { usd_per_gpu_h: UsdPerHour::new(2.1).unwrap(), offers: Some(3) };
    let feeds = HostingFeeds {
        earnings: Ok(aged(earnings, "vast", 60)),
        usd_per_gpu_h: Err(Missing::Denied),
        market: Ok(aged(market, "vast, median of offers", 600)),
    };
    view.hostings.insert(block.id.as_str().into(), feeds);
    (view, split)
}

#[test]
fn hashprice_stands_beside_the_index_and_what_comes_next_at_any_width() {
    let (view, split) = told();
    for width in [80, 100, 140] {
        let text = render(&view, &split, width);
        assert!(text.lines().all(|line| line.chars().count() <= width), "wider than {width}: {text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "-0.72 % against 37.96 of hashrateindex.com",
            "then difficulty ~+3.25 % at height 925,344 (in 744 blocks, about 2025-11-25 19:46 UTC), \
             hashprice -3.15 % to ~36.50 USD/PH/day",
        ] {
            assert!(words.contains(part), "{part} is not in\n{text}");
        }
    }
}

#[test]
fn the_document_holds_each_of_them_apart_with_its_basis() {
    let (view, split) = told();
    let text = once::json([].into_iter(), [].into_iter(), &view, &split).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let index = &document["prices"]["hashprice_index"];
    assert_eq!(
        (&index["usd_per_ph_day"]["value"], &index["usd_per_ph_day"]["age_s"]),
        (&json!(37.96), &json!(120))
    );
    let retarget = &document["network"]["retarget"];
    assert_eq!((&retarget["height"], &retarget["blocks"]), (&json!(925_344), &json!(744)));
    assert_eq!(retarget["hashprice_usd_per_ph_day"]["quality"], "estimated");
    let block = document["split"]["blocks"].as_array().unwrap().last().unwrap();
    assert_eq!(block["statement"]["basis"], "settled");
    assert_eq!(block["statement"]["penalty_usd_per_h"]["value"], 1.5);
    let feeds = &block["feeds"];
    assert_eq!(
        (&feeds["earned_last"]["usd"], &feeds["earned_last"]["basis"]),
        (&json!(180.0), &json!("settled"))
    );
    assert_eq!(feeds["earned_today_usd"]["source"], "platform_estimate");
    assert_eq!(feeds["listed_usd_per_gpu_h"], json!({ "missing": "denied" }));
    assert_eq!(feeds["market_usd_per_gpu_h"]["value"], 2.1);
    assert!(!text.contains("null"), "{text}");
}
