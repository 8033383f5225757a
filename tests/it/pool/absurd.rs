//! Whatever stands where a pool tells numbers: none of it becomes income that cannot be.

use std::sync::Arc;

use wattsplit::agent::Watches;
use wattsplit::config::{Config, Places};
use wattsplit::economics::split;
use wattsplit::reading::PoolReport;
use wattsplit::site::{AgainstDevices, PoolView, SiteView};
use wattsplit::units::{Hashrate, Sats};

use super::account::braiins_account;
use super::*;
use crate::fake_http::{FakeHttp, Reply, moment};
use crate::split::market;

const ODD: [&str; 16] = [
    "-1",
    "-0.5",
    "1e30",
    "-1e30",
    "1e308",
    "\"NaN\"",
    "\"inf\"",
    "0",
    "20999999",
    "99999999999999999999",
    "null",
    "\"\"",
    "[]",
    "4102444800",
    // Bitcoin in a day, and gigahashes, that somebody has, but not this account.
    "0.9",
    "900000000",
];

/// The page with some of its numbers replaced, each by chance.
fn mangled(page: &str, rng: &mut fastrand::Rng) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let end =
            rest[start..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |n| start + n);
        let in_string = rest[..start].ends_with('"') || rest[..start].ends_with(char::is_alphabetic);
        let odd = rng.u8(..3) == 0 && !in_string;
        out.push_str(&rest[..start]);
        out.push_str(if odd { ODD[rng.usize(..ODD.len())] } else { &rest[start..end] });
        rest = &rest[end..];
    }
    out + rest
}

fn judge(report: &PoolReport) {
    let most = 1_000 * Sats::PER_BTC;
    for row in &report.settled {
        assert!((0..=most).contains(&row.net.0), "{row:?}");
        assert!(row.at.0 <= moment(0).wall.0 + 2 * 86_400_000, "{row:?}");
    }
    assert!(report.unpaid.is_ok_and(|told| told.value.0 >= 0) || report.unpaid.is_err());
    assert!(
        report.today_estimate.is_ok_and(|told| (0..=most).contains(&told.value.0))
            || report.today_estimate.is_err()
    );
    let rates = report.workers.iter().map(|worker| worker.hashrate);
    for rate in rates.chain([report.hashrate_now, report.hashrate_1h, report.hashrate_24h]).flatten() {
        assert!((0.0..=1e10).contains(&Hashrate::ths(rate.value)), "{rate:?}");
    }
}

/// A pool whose pages are mangled, each seed in another way.
async fn braiins_gone_mad(seed: u64) -> FakeHttp {
    let mut rng = fastrand::Rng::with_seed(seed);
    let pages = [PROFILE, WORKERS, REWARDS].map(|page| mangled(page, &mut rng));
    FakeHttp::start(move |request| {
        let page = ["profile", "workers", "rewards"].iter().position(|part| request.line.contains(part));
        Reply::Ok(pages[page.unwrap()].clone())
    })
    .await
}

#[tokio::test]
async fn no_number_of_a_pool_becomes_income_that_cannot_be() {
    let mut told = 0;
    for seed in 0..200 {
        let server = braiins_gone_mad(seed).await;
        let (mut account, _dir) = braiins_account(&server.url);
        for secs in [0, 6, 12] {
            let Ok(samples) = account.fetch(moment(secs)).await else { continue };
            if let [wattsplit::reading::Sample::Pool(sample)] = samples.as_slice() {
                told += 1;
                judge(sample.report.as_ref().unwrap());
            }
        }
    }
    assert!(told > 200, "most pages can be read in part: {told}");
}

/// Beyond so many times what the devices' work is worth, income is absurd: a hundred times what the pool counted, and
/// that three times what the devices hash.
const ABSURD: i64 = 300;

/// The site of `[[asic]]` and `[[pool]]`: its miners hash what the account in the recorded pages does.
fn view(report: PoolReport, secs: u64) -> SiteView {
    let report = Ok(market::aged(Arc::new(report)));
    let pool = PoolView { name: "main".into(), report, devices: AgainstDevices::default() };
    SiteView {
        at: moment(secs),
        hash_blocks: vec![market::miners("row-a-s21", 10, 1.9, 38.0)],
        pools: vec![pool],
        ..market::market()
    }
}

#[tokio::test]
async fn no_reply_makes_income_that_is_negative_or_absurd_without_an_event() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "hunter2\n").unwrap();
    let text = format!(
        "[site]\nname = \"tx01\"\n[[asic]]\ngroup = \"row-a\"\nhosts = [\"10.0.0.1\"]\npool = \"main\"\n\
        [[pool]]\nname = \"main\"\nkind = \"braiins\"\ntoken_file = {token:?}\nfee = 0.02\n"
    );
    let config = Config::parse(&text, "wattsplit.toml", &Places::default()).unwrap();
    let (mut earned, mut doubted) = (0, 0);
    for seed in 0..150 {
        let server = braiins_gone_mad(seed).await;
        let (mut account, _dir) = braiins_account(&server.url);
        let mut watches = Watches::new(&config);
        for secs in [0, 6, 12] {
            let Ok(samples) = account.fetch(moment(secs)).await else { continue };
            let [wattsplit::reading::Sample::Pool(sample)] = samples.as_slice() else { continue };
            let mut view = view(sample.report.clone().unwrap(), secs);
            watches.look(&mut view);
            let income = &split(&view, &config.site_terms()).pools[0];
            let against = &view.pools[0].devices;
            // Each of these is an event.
            let told = against.off_by.is_some() || against.far_above.is_some() || income.far_above.is_some();
            doubted += i32::from(told);
            let Ok(best) = income.best else { continue };
            earned += 1;
            let (pay, device) = (best.value, income.device.unwrap().value);
            assert!(pay.net.0 >= 0 && pay.gross.0 >= pay.net.0, "{seed}: {income:?}");
            let absurd = pay.gross.0 > ABSURD * device.gross.0;
            assert!(told || !absurd, "{seed}: {income:?} {against:?}");
        }
    }
    assert!(earned > 200 && doubted > 20, "{earned} {doubted}");
}
