//! The fleet of a site, as a config describes it and its devices tell.

use tempfile::TempDir;

use super::program::{path, recorded, stderr, stdout};
use super::series;
use crate::fake_http::{FakeHttp, Reply};
use crate::fake_miner::FakeMiner;

/// Its hosts, which must answer or be `unreachable`.
fn site(dir: &TempDir, hosts: &[String], (cap, more): (&str, &str)) -> std::path::PathBuf {
    let file = dir.path().join("wattsplit.toml");
    let config = format!(
        r#"
[site]
name = "test"
{cap}
[[asic]]
group = "row-a"
hosts = {hosts:?}
overhead = 1.1
pool_fee = 0.02
[power]
kind = "fixed"
usd_per_mwh = 45.0
adder_usd_per_mwh = 7.0
[btc]
coinbase_url = ""
kraken_url = ""
bitstamp_url = ""
{more}"#
    );
    std::fs::write(&file, config).unwrap();
    file
}

#[tokio::test]
async fn the_fleet_of_a_site_is_what_its_miners_tell_now() {
    let dir = TempDir::new().unwrap();
    let miners = [
        FakeMiner::serve("antminer-s19pro-stock-2022.12").await,
        FakeMiner::serve("antminer-s19pro-stock-2022.12").await,
    ];
    let config = site(&dir, &miners.each_ref().map(|miner| miner.host.to_string()), ("", ""));
    let mut command = recorded(&["--config", path(&config)]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let page = stdout(&output);
    let fleet = page.lines().find(|line| line.starts_with("Fleet: ")).unwrap();
    assert!(fleet.starts_with("Fleet: row-a-s19pro 29.5 J/TH "), "{fleet}");
    // 42.03 on average and the 7 of the config.
    let mean = |page: &str| -> f64 {
        let line = page.lines().find(|line| line.starts_with("Power: ")).unwrap();
        line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
    };
    let without = stdout(&recorded(&["--fleet", "29.5"]).output().unwrap());
    assert!((mean(&page) - mean(&without) - 7.0).abs() < 0.011, "{page}");
}

#[tokio::test]
async fn a_site_whose_miners_do_not_answer_has_no_fleet() {
    let dir = TempDir::new().unwrap();
    let config = site(&dir, &["127.200.0.1:9".to_owned()], ("cap_kw = 100.0", ""));
    let mut command = recorded(&["--config", path(&config)]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is no fleet to replay"), "{}", stderr(&output));
}

#[test]
fn a_bad_config_is_exit_78() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("wattsplit.toml");
    std::fs::write(&file, "[site]\nnam = \"x\"\n").unwrap();
    let output = recorded(&["--config", path(&file)]).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
}

/// Two GPUs of 500 and 100 W.
const BOARDS: &str = r#"
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-00000000-0000-0000-0000-0000000000a0",modelName="NVIDIA H200"} 500
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-00000000-0000-0000-0000-0000000000a1",modelName="NVIDIA H200"} 100
"#;

/// One of them is rented; prices, limits and thresholds of the config hold for the replay, too.
#[tokio::test]
async fn hostings_policy_and_limits_of_the_config_are_replayed() {
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let exporter = FakeHttp::always(Reply::Ok(BOARDS.to_owned())).await;
    let more = format!(
        r#"
[[hosting]]
name = "market"
terms = "occupied"
usd_per_gpu_h = 1.5
occupied_gpus = 1
host_fee = 0.2
overhead = 1.5
[[gpu_host]]
name = "gpu-1"
hosting = "market"
read = "dcgm"
url = "{}/metrics"
[policy]
min_gain_usd_per_h = 1000.0
"#,
        exporter.url
    );
    let config = site(&dir, &[miner.host.to_string()], ("", &more));
    let csv = dir.path().join("steps.csv");
    let run = |gpu: bool| {
        let mut command = recorded(&["--config", path(&config), "--csv", path(&csv)]);
        if gpu {
            command.args(["--gpu", "H100", "--gpu-column", "spot", "--gpu-prices"]).arg(series("gpu.csv"));
        }
        tokio::task::spawn_blocking(move || stdout(&command.output().unwrap()))
    };
    let first = |name: &str| {
        let row = csv::Reader::from_path(&csv).unwrap().deserialize().next().unwrap();
        let row: std::collections::BTreeMap<String, String> = row.unwrap();
        row[name].clone()
    };
    let page = run(false).await.unwrap();
    assert!(page.contains("market 1 of 2 GPUs sold, 1 kW IT, firm"), "{page}");
    assert_eq!((first("ai_revenue_usd"), first("gpus market")), ("1.2000000000000002".into(), "1".into()));
    let cells: Vec<&str> =
        page.lines().find(|l| l.starts_with("  wattsplit  ")).unwrap().split("  ").collect();
    let switches = cells.iter().filter(|cell| !cell.trim().is_empty()).nth(7).unwrap().trim();
    assert_eq!(switches, "0", "one miner never gains 1000 USD/h: {page}");
    let page = run(true).await.unwrap();
    assert!(page.contains("GPUs: H100, spot_median_usd_h, 2.30 USD per GPU-hour"), "{page}");
    assert_eq!(first("gpu_hour_usd"), "2.055");
}
