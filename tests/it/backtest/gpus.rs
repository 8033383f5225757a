//! Hostings beside the miners.

use std::collections::BTreeMap;

use tempfile::TempDir;
use wattsplit::advice::PolicyConfig;
use wattsplit::backtest::gpu::{self, Wanted};
use wattsplit::backtest::hashprice::HashpriceHistory;
use wattsplit::backtest::history::Period;
use wattsplit::backtest::hosting::Earns;
use wattsplit::backtest::score::Totals;
use wattsplit::backtest::{Fleet, History, Hosting, Policy, power, replay};
use wattsplit::units::{UsdPerMwh, UsdPerPhDay, Watts};

use super::program::{command, path, recorded, stderr, stdout};
use super::{alone, mixed, no_thresholds, series};

/// 100 GPUs of 1 kW, 80 of them sold, 0.2 kW idle, overhead 1.3, no fee.
fn hosting(interruptible: bool) -> Hosting {
    let kw = |kw| Watts::from_kw(kw).unwrap();
    Hosting {
        id: "ai".into(),
        gpus: 100,
        sold: 80,
        busy: kw(1.0),
        idle: kw(0.2),
        overhead: 1.3,
        earns: Earns::Recorded { host_fee: 0.0 },
        interruptible,
        tenant_pays: false,
    }
}

/// Hours of a winter day at these prices of power, and what a GPU-hour costs on it.
fn at_prices(prices: &[f64], gpu_usd: f64) -> History {
    let rows: String =
        prices.iter().enumerate().map(|(n, price)| format!("2025-01-01,{},{price}\n", n + 1)).collect();
    let power = power::parse("p.csv", format!("date_cpt,he,rtm\n{rows}").as_bytes()).unwrap();
    let days = format!("date,gpu,tier,usd_per_gpu_hour\n2025-01-01,H100,index,{gpu_usd}\n");
    let gpu = gpu::parse("g.csv", days.as_bytes(), &Wanted::default()).unwrap();
    let hashprice = HashpriceHistory::Fixed(UsdPerPhDay::new(50.0).unwrap());
    History::new(&power, &hashprice, Some(&gpu), Period::default(), UsdPerMwh::ZERO)
}

fn site(hosting: Hosting, cap_kw: Option<f64>) -> Fleet {
    Fleet { hostings: vec![hosting], cap: cap_kw.and_then(Watts::from_kw), ..alone(20.0) }
}

fn units(history: &History, fleet: &Fleet, policy: Policy) -> Vec<Vec<u32>> {
    let run = replay(&history.hours, fleet, policy, &no_thresholds()).unwrap();
    run.steps.into_iter().map(|step| step.units).collect()
}

#[test]
fn a_firm_hosting_earns_and_draws_the_same_whatever_power_costs() {
    let history = at_prices(&[10.0, 4000.0], 2.0);
    for policy in Policy::ALL.into_iter().filter(|policy| history.can(policy)) {
        let run = replay(&history.hours, &site(hosting(false), None), policy, &no_thresholds()).unwrap();
        for step in &run.steps {
            assert_eq!((step.units[1], step.ai_revenue.get()), (80, 160.0), "{}", policy.name);
            let hash_kw = 10.0 * f64::from(step.units[0]);
            assert!((step.power.kw() - hash_kw - 1.3 * 84.0).abs() < 1e-9, "{}", policy.name);
        }
        let paid = run.steps[0].cost.get();
        assert!((paid - 10.0 * run.steps[0].power.kw() / 1000.0).abs() < 1e-9, "the site pays for its GPUs");
    }
}

/// Break-even of the GPUs: 2.00 / (1.3 · 0.8 kW) = 1,923 USD/MWh; of the miners: 103.
#[test]
fn an_interruptible_hosting_stops_above_its_own_break_even() {
    let history = at_prices(&[50.0, 1900.0, 1950.0, 50.0], 2.0);
    let fleet = site(hosting(true), None);
    let perfect = [[100, 80], [0, 80], [0, 0], [100, 80]];
    assert_eq!(units(&history, &fleet, Policy::PERFECT), perfect);
    assert_eq!(units(&history, &fleet, Policy::ADVICE), perfect);
    assert_eq!(units(&history, &fleet, Policy::ALWAYS_ON), [[100, 80]; 4]);
}

#[test]
fn under_a_cap_miners_give_way_to_gpus_and_advice_keeps_room_for_them_to_rise() {
    // 26 kW idle, 104 kW at load, 1,000 kW of miners: 500 kW leave 39 units of 10 kW.
    let fleet = site(hosting(false), Some(500.0));
    let history = at_prices(&[50.0, 200.0, 50.0], 2.0);
    assert_eq!(units(&history, &fleet, Policy::PERFECT), [[39, 80], [0, 80], [39, 80]]);
    let policy = PolicyConfig { ramp_reserve_kw: Some(100.0), ..no_thresholds() };
    let run = replay(&history.hours, &fleet, Policy::ADVICE, &policy).unwrap();
    let hash: Vec<u32> = run.steps.iter().map(|step| step.units[0]).collect();
    assert_eq!(hash, [39, 0, 29], "what runs may stay; what starts leaves the reserve");
    assert_eq!(run.advice[2].reserve_kw, 100.0);
}

#[test]
fn without_a_given_reserve_it_is_the_guess_of_the_live_code_and_says_so() {
    let run = replay(
        &at_prices(&[50.0], 2.0).hours,
        &site(hosting(false), Some(500.0)),
        Policy::ADVICE,
        &no_thresholds(),
    );
    let advice = &run.unwrap().advice[0];
    assert!((advice.reserve_kw - 0.1 * 1.3 * 84.0).abs() < 1e-9);
    let reserve = advice.assumptions.iter().find(|a| a.name == "ramp_reserve_kw").unwrap();
    assert_eq!(reserve.quality.as_str(), "estimated");
}

#[test]
fn energy_that_the_tenant_pays_costs_the_site_nothing_and_still_takes_its_room() {
    let rented = Hosting { tenant_pays: true, ..hosting(false) };
    let fleet = site(rented, Some(500.0));
    let run = replay(&at_prices(&[50.0], 2.0).hours, &fleet, Policy::PERFECT, &no_thresholds()).unwrap();
    assert_eq!(run.steps[0].units, [39, 80]);
    assert!((run.steps[0].cost.get() - 0.39 * 50.0).abs() < 1e-9, "{}", run.steps[0].cost);
    assert!(run.steps[0].power.kw() > 490.0);
}

#[test]
fn nothing_beats_perfect_foresight_with_gpus_that_may_stop() {
    let history = at_prices(&[-10.0, 30.0, 90.0, 1500.0, 2500.0, 60.0, 3000.0, 20.0], 1.1);
    for cap in [None, Some(3_000.0)] {
        let fleet = Fleet { hostings: vec![hosting(true)], ..mixed(cap) };
        let total = |policy| {
            Totals::of(&replay(&history.hours, &fleet, policy, &PolicyConfig::default()).unwrap()).margin()
        };
        let perfect = total(Policy::PERFECT);
        for policy in Policy::ALL.into_iter().filter(|policy| history.can(policy)) {
            assert!(total(policy) <= perfect, "{cap:?} {}", policy.name);
        }
        assert!(total(Policy::ADVICE) > total(Policy::ALWAYS_ON));
    }
}

fn with_gpus(args: &[&str]) -> std::process::Command {
    let mut command = recorded(&["--fleet", "29.5:3000,17.5:4000", "--pool-fee", "0.01"]);
    command.arg("--gpu-prices").arg(series("gpu.csv")).args(args);
    command
}

const HOSTING: [&str; 6] = ["--hosting", "800:1.05:0.85", "--gpu-idle-kw", "0.2", "--gpu-overhead", "1.3"];

#[test]
fn the_page_sets_ai_and_hashing_apart() {
    let args = [&HOSTING[..], &["--gpu", "H100", "--cap-kw", "6000", "--host-fee", "0.1"]].concat();
    crate::cli::golden("backtest-gpus.txt", &stdout(&with_gpus(&args).output().unwrap()));
}

#[test]
fn the_steps_hold_what_gpus_earned() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("steps.csv");
    let args = [&HOSTING[..], &["--gpu", "H100", "--gpu-column", "on_demand", "--csv", path(&file)]].concat();
    stdout(&with_gpus(&args).output().unwrap());
    let mut earned = BTreeMap::<String, u32>::new();
    for row in csv::Reader::from_path(&file).unwrap().deserialize::<BTreeMap<String, String>>() {
        let row = row.unwrap();
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        assert_eq!((number("gpu_hour_usd"), number("gpus hosting")), (2.99, 680.0));
        assert!((number("ai_revenue_usd") - 680.0 * 2.99).abs() < 1e-9);
        *earned.entry(row["policy"].clone()).or_default() += 1;
    }
    assert!(earned.len() == 8 && earned.values().all(|hours| *hours == 528), "{earned:?}");
}

/// The reserved price of an H200 was withheld in November.
#[test]
fn a_month_without_a_price_is_skipped_and_counted_and_never_interpolated() {
    let args = [&HOSTING[..], &["--gpu", "H200", "--gpu-column", "reserved"]].concat();
    let page = stdout(&with_gpus(&args).output().unwrap());
    let first = page.lines().next().unwrap();
    assert!(first.ends_with("skipped: 1 not in the file, 245 without a price of GPUs"), "{first}");
    assert!(first.contains("to 2025-10-31 23:00 UTC: 283 hours"), "{first}");
    assert!(page.contains("GPUs: H200, reserved_median_usd_h, 2.38 USD per GPU-hour on average"), "{page}");
}

#[test]
fn what_a_gpu_draws_and_what_it_was_rented_for_must_be_said() {
    for (args, code, expected) in [
        (&["--gpu", "H100"][..], 1, "no GPU is sold"),
        (&["--hosting", "800:1.05:0.85", "--gpu", "H100"], 1, "--gpu-idle-kw: what does a GPU draw"),
        (&["--hosting", "800:1.05", "--interruptible", "--gpu", "H100"], 1, "--gpu-idle-kw"),
        (
            &["--hosting", "800:1.05", "--gpu-idle-kw", "2", "--gpu", "H100"],
            1,
            "--gpu-idle-kw 2: expected 0 to 1.05",
        ),
        (&["--hosting", "800:1.05"], 1, "gpu.csv: which GPU must be said; it holds H100, H200"),
        (&["--hosting", "800:1.05", "--gpu", "B200"], 1, "gpu.csv: no GPU `B200`"),
        (&["--hosting", "800", "--gpu", "H100"], 2, "expected kW of a GPU"),
        (&["--hosting", "800:1", "--gpu", "H100", "--gpu-column", "list"], 2, "expected index"),
    ] {
        let output = with_gpus(args).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
    let power = series("power.csv");
    let args = ["--fleet", "20", "--hashprice", "50", "--power", path(&power), "--hosting", "8:1"];
    let output = command(&args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "no --gpu-prices: {}", stderr(&output));
}
